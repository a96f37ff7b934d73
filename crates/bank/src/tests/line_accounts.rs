//! Lines with statements, with what is owed on their accounts held against the ledger.

use std::collections::BTreeMap;

use compliance::classification::Category;
use futures_util::future::join_all;
use ledger::Side;
use lending::{
    Reject,
    cycle::{LineKind, Status},
    line::LineStatus,
};
use money::Amount;
use stdx::Date;

use super::{
    command::{Command, yuan},
    world::{FIRST, World},
};
use crate::{
    Call, Refusal, Right, Role,
    classification::Graded,
    line_accounts::{LineAccountState, LineMoved, LinePayment, PaymentKind},
    lines::{ApplyForLine, NewHold},
    tables::{LineId, PartyId},
};

/// 0.05 % a day, a statement on the 15th that is to be paid after ten days.
pub(super) const ACCOUNT: &str = r#"
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

pub(super) fn call(world: &World, role: Role, key: &str) -> Call {
    world.call(role, key, &Command::ClosePeriod(FIRST))
}

async fn opened() -> (World, PartyId, LineId) {
    opened_under(ACCOUNT).await
}

pub(super) async fn opened_under(product: &str) -> (World, PartyId, LineId) {
    let world = World::new().await;
    world.publish("pay-later", 1, product).await;
    let party = world.person(1).await;
    let operator = |key: &str| call(&world, Role::Operator, key);
    let (product, limit) = ("pay-later".to_owned(), yuan(1_000_00));
    let apply = ApplyForLine { party, product, limit, facts: Default::default() };
    let applied = world.bank.apply_for_line(&operator("apply"), &apply).await.unwrap().answer;
    let line = world.bank.sign_line(&operator("sign"), applied.id).await.unwrap().answer.line;
    (world, party, line)
}

pub(super) fn payment(kind: PaymentKind, minor: i64) -> LinePayment {
    LinePayment { kind, amount: yuan(minor), on: None }
}

pub(super) fn purchase(minor: i64) -> LinePayment {
    payment(PaymentKind::Purchase { hold: None }, minor)
}

pub(super) fn repayment(minor: i64) -> LinePayment {
    payment(PaymentKind::Repayment, minor)
}

pub(super) async fn pay(
    world: &World,
    key: &str,
    line: LineId,
    it: LinePayment,
) -> Result<LineMoved, Refusal> {
    let call = call(world, Role::Operator, key);
    world.bank.pay_on_line(&call, line, it).await.map(|it| it.answer)
}

/// The account, whose position is what the ledger says.
async fn account(world: &World, line: LineId) -> LineAccountState {
    world.check_line(line).await;
    world.bank.line_account(&world.reader(), line).await.unwrap()
}

/// What of the limit is left.
async fn available(world: &World, line: LineId) -> i64 {
    world.bank.line(&world.reader(), line).await.unwrap().utilisation.available.minor()
}

#[tokio::test]
async fn purchases_use_the_limit_and_payments_free_it() {
    let (world, party, line) = opened().await;
    pay(&world, "a", line, purchase(600_00)).await.unwrap();
    let refusal = pay(&world, "b", line, purchase(400_01)).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::BeyondTheLimit));
    let new = NewHold { amount: yuan(300_00), until: None, purpose: "order 7".to_owned() };
    let holding = call(&world, Role::Operator, "hold");
    let held = world.bank.hold_limit(&holding, line, &new).await.unwrap().answer;
    assert_eq!((held.held, held.available), (yuan(300_00), yuan(100_00)));
    let captured = payment(PaymentKind::Purchase { hold: held.hold }, 250_00);
    pay(&world, "c", line, captured).await.unwrap();
    let refusal = pay(&world, "d", line, captured).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::HoldCaptured));
    assert_eq!(available(&world, line).await, 150_00);
    // Of what is left at once, one purchase.
    let keys: Vec<_> = (0..4).map(|number| format!("at once/{number}")).collect();
    let bought = join_all(keys.iter().map(|key| pay(&world, key, line, purchase(150_00)))).await;
    assert_eq!(bought.iter().filter(|it| it.is_ok()).count(), 1);
    let (of, currency) = (world.home, yuan(0).currency);
    let exposure = world.bank.line_exposure(of, party, currency).await.unwrap();
    assert_eq!(exposure, (yuan(1_000_00).amount, 0));
    // More than is owed waits for the next purchase, beside the limit.
    let paid = pay(&world, "pay", line, repayment(1_050_00)).await.unwrap();
    assert_eq!((paid.owed.total(), paid.prepaid), (Amount::ZERO, yuan(50_00)));
    assert_eq!(available(&world, line).await, 1_050_00);
    let new = NewHold { amount: yuan(1_020_00), ..new };
    let holding = call(&world, Role::Operator, "hold more");
    world.bank.hold_limit(&holding, line, &new).await.unwrap();
    let back = |minor| payment(PaymentKind::Refund, minor);
    let refusal = pay(&world, "e", line, back(30_01)).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::BeyondTheLimit));
    pay(&world, "f", line, back(30_00)).await.unwrap();
    let captured = payment(PaymentKind::Purchase { hold: Some(2) }, 1_020_00);
    let bought = pay(&world, "g", line, captured).await.unwrap();
    assert_eq!((bought.owed.total(), bought.prepaid), (yuan(1_000_00).amount, yuan(0)));
    account(&world, line).await;
    world.check().await;
}

#[tokio::test]
async fn a_statement_is_made_paid_late_and_restated() {
    let (world, _, line) = opened().await;
    let bought = pay(&world, "buy", line, purchase(800_00)).await.unwrap();
    assert_eq!((bought.on, bought.fact), (FIRST, 0));
    world.close_until(Date::constant(2025, 1, 16)).await;
    let [first] = &*world.bank.line_statements(&world.reader(), line).await.unwrap() else {
        panic!("one statement");
    };
    assert_eq!((first.on, first.due), (Date::constant(2025, 1, 15), Date::constant(2025, 1, 25)));
    assert_eq!((first.balance, first.minimum), (yuan(800_00).amount, yuan(80_00).amount));
    // Nothing is paid by the 25th: interest from the purchase on, which is 0.40 a day for the 45
    // days through 15 February, and a fee.
    world.close_until(Date::constant(2025, 2, 17)).await;
    let late = account(&world, line).await.position;
    assert!(late.days_past_due > 20);
    let refusal = pay(&world, "more", line, purchase(1_00)).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::LineOverdue));
    let (second, lines) = world.bank.line_statement(&world.reader(), line, 2).await.unwrap();
    assert_eq!(second.turnover.interest, yuan(18_00).amount);
    assert_eq!(second.turnover.penalties, yuan(5_00).amount);
    assert_eq!(
        lines.iter().map(|it| it.kind).collect::<Vec<_>>(),
        [LineKind::Interest, LineKind::Penalty]
    );

    // It had been paid in time: the statement is restated, and nothing is owed.
    let in_time = LinePayment { on: Some(Date::constant(2025, 1, 24)), ..repayment(800_00) };
    let preview = world.bank.preview_on_line(&world.reader(), line, in_time).await.unwrap();
    assert_eq!(preview.state.position.owed().total(), Amount::ZERO);
    let paid = pay(&world, "late", line, in_time).await.unwrap();
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
    world.check().await;
}

#[tokio::test]
async fn a_line_is_closed_and_once_more_when_the_last_payment_bounced() {
    let (world, _, line) = opened().await;
    pay(&world, "buy", line, purchase(500_00)).await.unwrap();
    let close = async |key: &str| {
        let closing = call(&world, Role::Operator, key);
        world.bank.close_line(&closing, line).await.map(|it| it.answer.status)
    };
    let in_use = Err(Refusal::Lending(Reject::LineInUse));
    assert_eq!(close("in use").await, in_use);
    let paid = pay(&world, "pay", line, repayment(500_00)).await.unwrap().fact;
    assert_eq!(close("close").await, Ok(LineStatus::Closed));
    assert_eq!(account(&world, line).await.account.status, Status::Closed);
    assert_eq!(close("again").await, Err(Refusal::Lending(Reject::LineClosed)));
    world.close_day().await;

    let bounced = call(&world, Role::Approver, "bounced");
    world.bank.reverse_line_fact(&bounced, line, paid).await.unwrap();
    let owing = account(&world, line).await;
    assert_eq!(owing.account.status, Status::Active);
    assert_eq!(owing.position.owed().total(), yuan(500_00).amount);
    let refusal = pay(&world, "more", line, purchase(1_00)).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::LineClosed));
    assert_eq!(close("owing").await, in_use);
    world.close_day().await;
    pay(&world, "pay again", line, repayment(500_00)).await.unwrap();
    assert_eq!(close("at last").await, Ok(LineStatus::Closed));
    let ended = account(&world, line).await;
    assert_eq!(ended.account.status, Status::Closed);
    // No day of it is left to be closed.
    world.close_day().await;
    assert_eq!(account(&world, line).await, ended);
    world.check().await;
}

#[tokio::test]
async fn what_a_merchant_gives_back_after_the_end_is_given_back_too() {
    let (world, _, line) = opened().await;
    let purchase = pay(&world, "buy", line, purchase(500_00)).await.unwrap().fact;
    pay(&world, "pay", line, repayment(500_00)).await.unwrap();
    let closing = call(&world, Role::Operator, "close");
    world.bank.close_line(&closing, line).await.unwrap();
    world.close_day().await;
    let back = payment(PaymentKind::MerchantRefund { purchase }, 120_00);
    let given = pay(&world, "a", line, back).await.unwrap();
    assert_eq!((given.status, given.prepaid), (Status::Closed, yuan(120_00)));
    account(&world, line).await;
    let refund = pay(&world, "b", line, payment(PaymentKind::Refund, 120_00)).await.unwrap();
    assert_eq!((refund.status, refund.prepaid), (Status::Closed, yuan(0)));
    world.close_day().await;
    account(&world, line).await;
    world.check().await;
}

#[tokio::test]
async fn what_a_merchant_gives_back_lowers_its_purchase() {
    let (world, _, line) = opened().await;
    let purchase = pay(&world, "buy", line, purchase(500_00)).await.unwrap().fact;
    let back = |minor: i64| payment(PaymentKind::MerchantRefund { purchase }, minor);
    let refusal = pay(&world, "a", line, back(500_01)).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::MoreThanBought));
    let left = pay(&world, "b", line, back(200_00)).await.unwrap();
    assert_eq!(left.owed.total(), yuan(300_00).amount);
    let refusal = pay(&world, "c", line, payment(PaymentKind::Cash, 1_00)).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::CashNotAllowed));
    let neighbor = world.neighbor().await;
    let refusal = pay(&neighbor, "d", line, repayment(1_00)).await.unwrap_err();
    assert_eq!(refusal, Refusal::NotFound("line"));
    world.close_day().await;
    account(&world, line).await;
    world.check().await;
}

/// 1 % of what is drawn, 10.00 at least, is a part of what is used of the limit.
#[tokio::test]
async fn cash_and_its_fee_are_within_the_limit() {
    let with_cash = ACCOUNT.to_owned() + "    cash: { fee: { share: 0.01, min: 10 } }\n";
    let (world, _, line) = opened_under(&with_cash).await;
    let cash = |minor| payment(PaymentKind::Cash, minor);
    let refusal = pay(&world, "a", line, cash(990_01)).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::BeyondTheLimit));
    let drawn = pay(&world, "b", line, cash(990_00)).await.unwrap();
    assert_eq!(drawn.owed.total(), yuan(1_000_00).amount);
    assert_eq!(available(&world, line).await, 0);
    world.check().await;
}

/// More than 90 days after the oldest unpaid minimum was due it is substandard at least: a quarter
/// of the principal is set aside, and 1 % as of every contract.
#[tokio::test]
async fn accounts_are_graded_and_what_they_may_lose_is_set_aside() {
    let (world, _, line) = opened().await;
    let grade = async |key: &str| {
        let call = call(&world, Role::Operator, key);
        let answer = world.bank.grade_loans(&call).await.unwrap().answer;
        answer.categories.get(&yuan(0).currency).cloned().unwrap_or_default()
    };
    let set_aside = async || {
        let special = world.balance(line.cast(), "1304.02", Side::Credit).await;
        [special, world.balance(line.cast(), "1304.01", Side::Credit).await].map(Amount::minor)
    };
    // Once on a day; an account on which nothing was ever owed is no risk.
    assert_eq!(grade("unused").await, BTreeMap::new());
    world.close_day().await;
    pay(&world, "buy", line, purchase(800_00)).await.unwrap();
    assert_eq!(grade("new").await[&Category::Normal].loans, 1);
    assert_eq!(set_aside().await, [0, 8_00]);

    // The first minimum was due on 25 January.
    world.close_until(Date::constant(2025, 4, 28)).await;
    let late = world.bank.line_account(&world.reader(), line).await.unwrap().position;
    assert!(late.days_past_due > 90 && late.suspended, "{late:?}");
    let expected = Graded {
        loans: 1,
        principal: yuan(800_00).amount,
        allowance: yuan(200_00).amount,
        general: yuan(8_00).amount,
    };
    assert_eq!(grade("late").await, BTreeMap::from([(Category::Substandard, expected.clone())]));
    assert_eq!(grade("again").await[&Category::Substandard], expected);
    assert_eq!(set_aside().await, [200_00, 8_00]);
    let found = world.bank.line_grade(&world.reader(), line).await.unwrap().unwrap();
    assert!(found.reasons[0].contains("2023"), "{found:?}");

    // All is paid, and nothing can be lost; the category has to be earned back.
    pay(&world, "pay", line, repayment(late.owed().total().minor())).await.unwrap();
    world.close_day().await;
    let paid = grade("paid").await;
    assert_eq!(paid[&Category::Substandard], Graded { loans: 1, ..Graded::default() });
    assert_eq!(set_aside().await, [0, 0]);
    world.check().await;
}
