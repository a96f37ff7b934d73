//! Lines with statements, with what is owed on their accounts held against the ledger.

use futures_util::future::join_all;
use ledger::Side;
use lending::{
    Reject,
    cycle::{LineKind, Status, What},
};
use money::Amount;
use stdx::Date;

use super::{
    command::{Command, yuan},
    world::{FIRST, World},
};
use crate::{
    Call, Refusal, Right, Role,
    line_accounts::{AccountHappening, AccountMoved, AccountState},
    lines::{ApplyForLine, NewHold},
    tables::{LineId, PartyId},
};

/// 0.05 % a day, a statement on the 15th that is to be paid after ten days.
const ACCOUNT: &str = r#"
product: pay-later
version: 1
kind: revolving-credit
name: { en: Pay later, zh: 先享后付 }
currency: CNY
effective: 2024-01-01
eligibility:
  - code: exposure
    rule: applicant.outstanding + amount <= 60000
    reason: { en: All loans together may be 60000., zh: 余额合计不得超过6万元。 }
terms:
  limit: { min: 1000, max: 50000 }
  months: 12
  holds: { days: 7 }
  statement:
    day: 15
    due: { after_days: 10 }
    interest: { rate: 0.1825, day_count: ACT/365F, back_to_purchase: unpaid }
    minimum: { share: 0.1, floor: 10 }
    late_fee: { share: 0.05, min: 5 }
"#;

fn call(world: &World, role: Role, key: &str) -> Call {
    world.call(role, key, &Command::ClosePeriod(FIRST))
}

async fn opened() -> (World, PartyId, LineId) {
    let world = World::new().await;
    world.publish("pay-later", 1, ACCOUNT).await;
    let party = world.person(1).await;
    let operator = |key: &str| call(&world, Role::Operator, key);
    let (product, limit) = ("pay-later".to_owned(), yuan(1_000_00));
    let apply = ApplyForLine { party, product, limit, facts: Default::default() };
    let applied = world.bank.apply_for_line(&operator("apply"), &apply).await.unwrap().answer;
    let line = world.bank.sign_line(&operator("sign"), applied.id).await.unwrap().answer.line;
    (world, party, line)
}

fn happening(what: What) -> AccountHappening {
    AccountHappening { what, currency: None, on: None, hold: None }
}

fn purchase(minor: i64) -> AccountHappening {
    happening(What::Purchase { amount: yuan(minor).amount })
}

fn payment(minor: i64) -> AccountHappening {
    happening(What::Repayment { amount: yuan(minor).amount })
}

async fn happens(
    world: &World,
    key: &str,
    line: LineId,
    it: &AccountHappening,
) -> Result<AccountMoved, Refusal> {
    let call = call(world, Role::Operator, key);
    world.bank.line_account_happens(&call, line, it).await.map(|it| it.answer)
}

/// The account, whose position is what the ledger says.
async fn account(world: &World, line: LineId) -> AccountState {
    let state = world.bank.line_account(&world.reader(), line).await.unwrap();
    let owed = state.position.owed();
    let sides = [
        ("1303", Side::Debit, owed.principal),
        ("1132.01", Side::Debit, owed.interest),
        ("1132.02", Side::Debit, owed.penalty),
        ("2241.01", Side::Credit, state.position.prepaid),
    ];
    for (code, side, amount) in sides {
        assert_eq!(world.balance(line.cast(), code, side).await, amount, "{code}");
    }
    state
}

#[tokio::test]
async fn purchases_use_the_limit_and_payments_free_it() {
    let (world, party, line) = opened().await;
    happens(&world, "a", line, &purchase(600_00)).await.unwrap();
    let refusal = happens(&world, "b", line, &purchase(400_01)).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::BeyondTheLimit));
    let new = NewHold { amount: yuan(300_00), until: None, purpose: "order 7".to_owned() };
    let holding = call(&world, Role::Operator, "hold");
    let held = world.bank.hold_limit(&holding, line, &new).await.unwrap().answer;
    assert_eq!((held.held, held.available), (yuan(300_00), yuan(100_00)));
    let captured = AccountHappening { hold: held.hold, ..purchase(250_00) };
    happens(&world, "c", line, &captured).await.unwrap();
    let refusal = happens(&world, "d", line, &captured).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::HoldCaptured));
    let left = world.bank.line(&world.reader(), line).await.unwrap().utilisation;
    assert_eq!((left.drawn, left.held), (yuan(850_00).amount, Amount::ZERO));
    // Of what is left at once, one purchase.
    let keys: Vec<_> = (0..4).map(|number| format!("at once/{number}")).collect();
    let rest = purchase(150_00);
    let bought = join_all(keys.iter().map(|key| happens(&world, key, line, &rest))).await;
    assert_eq!(bought.iter().filter(|it| it.is_ok()).count(), 1);
    let (owed, _) = world
        .bank
        .line_exposure(world.reader().institution, party, yuan(0).currency)
        .await
        .unwrap();
    assert_eq!(owed, yuan(1_000_00).amount);
    // More than is owed waits for the next purchase.
    let paid = happens(&world, "pay", line, &payment(1_050_00)).await.unwrap();
    assert_eq!((paid.owed.total(), paid.prepaid), (Amount::ZERO, yuan(50_00)));
    happens(&world, "e", line, &purchase(1_050_00)).await.unwrap();
    account(&world, line).await;
    world.check().await;
}

#[tokio::test]
async fn a_statement_is_made_paid_late_and_restated() {
    let (world, _, line) = opened().await;
    let bought = happens(&world, "buy", line, &purchase(800_00)).await.unwrap();
    assert_eq!((bought.on, bought.fact), (FIRST, 0));
    world.close_until(Date::constant(2025, 1, 16)).await;
    let [first] = &*world.bank.line_statements(&world.reader(), line).await.unwrap() else {
        panic!("one statement");
    };
    assert_eq!((first.on, first.due), (Date::constant(2025, 1, 15), Date::constant(2025, 1, 25)));
    assert_eq!((first.balance, first.minimum), (yuan(800_00).amount, yuan(80_00).amount));
    // Nothing is paid by the 25th: interest from the purchase on, and a fee.
    world.close_until(Date::constant(2025, 2, 17)).await;
    let late = account(&world, line).await.position;
    assert!(late.days_past_due > 20);
    let refusal = happens(&world, "more", line, &purchase(1_00)).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::LineOverdue));
    let days =
        i64::from(Date::constant(2025, 2, 15).day_of_year()) - i64::from(FIRST.day_of_year()) + 1;
    let (second, lines) = world.bank.line_statement(&world.reader(), line, 2).await.unwrap();
    assert_eq!(second.turnover.interest, yuan(days * 40).amount);
    assert_eq!(second.turnover.penalties, yuan(5_00).amount);
    assert_eq!(
        lines.iter().map(|it| it.kind).collect::<Vec<_>>(),
        [LineKind::Interest, LineKind::Penalty]
    );

    // It had been paid in time: the statement is restated, and nothing is owed.
    let in_time = AccountHappening { on: Some(Date::constant(2025, 1, 24)), ..payment(800_00) };
    let preview = world.bank.preview_line_account(&world.reader(), line, &in_time).await.unwrap();
    assert_eq!(preview.state.position.owed().total(), Amount::ZERO);
    let paid = happens(&world, "late", line, &in_time).await.unwrap();
    assert_eq!((paid.fact, paid.owed.total()), (1, Amount::ZERO));
    assert_eq!(account(&world, line).await.position, preview.state.position);
    let (restated, lines) = world.bank.line_statement(&world.reader(), line, 2).await.unwrap();
    assert_eq!((restated.balance, restated.restated_on), (Amount::ZERO, Some(paid.on)));
    assert_eq!(lines.len(), 1);
    // It bounced: all is as it was.
    let bounced = call(&world, Role::Operator, "bounce");
    let refusal = world.bank.reverse_line_fact(&bounced, line, 1).await.unwrap_err();
    assert_eq!(refusal, Refusal::Forbidden(Right::Approve));
    let bounced = call(&world, Role::Approver, "bounced");
    world.bank.reverse_line_fact(&bounced, line, 1).await.unwrap();
    let again = account(&world, line).await.position;
    assert_eq!((again.owed(), again.days_past_due), (late.owed(), late.days_past_due));

    let closing = call(&world, Role::Operator, "close");
    let refusal = world.bank.close_line(&closing, line).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::LineInUse));
    let owed = again.owed().total().minor();
    happens(&world, "all", line, &payment(owed)).await.unwrap();
    world.bank.close_line(&closing, line).await.unwrap();
    assert_eq!(account(&world, line).await.account.status, Status::Closed);
    world.close_until(Date::constant(2025, 3, 3)).await;
    world.check().await;
}

#[tokio::test]
async fn what_a_merchant_gives_back_and_what_is_lost() {
    let (world, _, line) = opened().await;
    let bought = happens(&world, "buy", line, &purchase(500_00)).await.unwrap().fact;
    let back = |minor: i64| {
        let (amount, purchased_on) = (yuan(minor).amount, Date::ZERO);
        happening(What::MerchantRefund { amount, purchase: bought, purchased_on })
    };
    let refusal = happens(&world, "a", line, &back(500_01)).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::MoreThanBought));
    let left = happens(&world, "b", line, &back(200_00)).await.unwrap();
    assert_eq!(left.owed.total(), yuan(300_00).amount);
    let cash = What::Cash { amount: yuan(1_00).amount, fee: Amount::ZERO };
    let refusal = happens(&world, "c", line, &happening(cash)).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::CashNotAllowed));
    let lost = happening(What::ChargeOff);
    let refusal = happens(&world, "d", line, &lost).await.unwrap_err();
    assert_eq!(refusal, Refusal::Forbidden(Right::Approve));
    let charging = call(&world, Role::Approver, "e");
    world.bank.line_account_happens(&charging, line, &lost).await.unwrap();
    let recovered = happens(&world, "f", line, &payment(300_00)).await.unwrap();
    assert_eq!((recovered.status, recovered.owed.total()), (Status::Closed, Amount::ZERO));
    let neighbor = world.neighbor().await;
    let refusal = happens(&neighbor, "g", line, &payment(1_00)).await.unwrap_err();
    assert_eq!(refusal, Refusal::NotFound("line"));
    world.close_day().await;
    world.check().await;
}
