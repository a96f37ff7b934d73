//! Lines, with what is used of them held against the positions of their drawings.

use futures_util::future::join_all;
use ledger::{AccountState, Side};
use lending::{Reject, Status};
use money::{Amount, Money};
use stdx::Date;

use super::{
    command::{Command, yuan},
    world::{FIRST, World, contract_account},
};
use crate::{
    Call, Refusal, Right, Role,
    lines::{ApplyForLine, Draw, LINES_PAGE_MAX, LineApplied, LineChanged, LineState, NewHold},
    loans::{Applied, Apply, is_approved},
    tables::{LineApplicationId, LineId, LoanId, PartyId},
};

/// 0.03 % a day, drawings over one month that may be repaid at any time.
pub(super) const LINE: &str = r#"
product: line
version: 1
kind: revolving-credit
name: { en: Line, zh: 额度 }
currency: CNY
effective: 2024-01-01
eligibility:
  - code: exposure
    rule: applicant.outstanding + amount <= 60000
    reason: { en: All loans together may be 60000., zh: 余额合计不得超过6万元。 }
terms:
  limit: { min: 1000, max: 50000 }
  months: 12
  temporary: { max: 60000, days: 30 }
  holds: { days: 7 }
  drawing:
    amount: { min: 100, max: 60000 }
    term: { min: 1, max: 12, default: 1 }
    repayment: { method: equal-instalment, every: 1 month }
    interest: { rate: 0.1095, day_count: ACT/365F }
    penalty: { rate: 0.16425, grace_days: 3 }
"#;

fn call(world: &World, role: Role, key: &str) -> Call {
    world.call(role, key, &Command::ClosePeriod(FIRST))
}

fn some(minor: i64) -> Draw {
    Draw { amount: Some(yuan(minor)), term: None }
}

impl World {
    /// Asks for a limit of 3,000.
    pub(super) async fn asked_for_line(
        &self,
        key: &str,
        party: PartyId,
        product: &str,
    ) -> LineApplicationId {
        let (product, facts) = (product.to_owned(), Default::default());
        let apply = ApplyForLine { party, product, limit: yuan(3_000_00), facts };
        let key = format!("apply/{key}");
        self.answer::<LineApplied>(&key, Command::ApplyForLine(apply)).await.id
    }

    /// A line of 3,000.
    pub(super) async fn line(&self, key: &str, party: PartyId, product: &str) -> LineId {
        let application = self.asked_for_line(key, party, product).await;
        let key = format!("sign/{key}");
        self.answer::<LineChanged>(&key, Command::SignLine(application)).await.line
    }
}

/// An institution with a line of 10,000 for a person.
async fn opened() -> (World, PartyId, LineId) {
    let world = World::new().await;
    world.publish("line", 1, LINE).await;
    let party = world.person(1).await;
    let line = open(&world, party, 10_000_00).await.unwrap();
    (world, party, line)
}

async fn open(world: &World, party: PartyId, limit: i64) -> Result<LineId, Refusal> {
    let operator = |key: &str| call(world, Role::Operator, &format!("{party}/{limit}/{key}"));
    let (product, facts) = ("line".to_owned(), Default::default());
    let apply = ApplyForLine { party, product, limit: yuan(limit), facts };
    let applied = world.bank.apply_for_line(&operator("apply"), &apply).await?.answer;
    Ok(world.bank.sign_line(&operator("sign"), applied.id).await?.answer.line)
}

async fn draw(world: &World, key: &str, line: LineId, minor: i64) -> Result<LineChanged, Refusal> {
    let call = call(world, Role::Operator, key);
    world.bank.draw(&call, line, some(minor)).await.map(|it| it.answer)
}

async fn hold(world: &World, key: &str, line: LineId, minor: i64) -> Result<LineChanged, Refusal> {
    let call = call(world, Role::Operator, key);
    let new = NewHold { amount: yuan(minor), until: None, purpose: "order 7".to_owned() };
    world.bank.hold_limit(&call, line, &new).await.map(|it| it.answer)
}

async fn state(world: &World, line: LineId) -> LineState {
    world.bank.line(&world.reader(), line).await.unwrap()
}

/// Limit, drawn, held and available in yuan, as a command left them and as they are read.
async fn standing(world: &World, line: LineId, after: &LineChanged) -> [i64; 4] {
    let used = state(world, line).await.utilisation;
    let read = [used.limit, used.drawn, used.held, used.available];
    let told = [after.limit, after.drawn, after.held, after.available].map(|it| it.amount);
    assert_eq!(told, read);
    read.map(|it| it.minor() / 100)
}

async fn settle(world: &World, key: &str, loan: LoanId) {
    let quote = world.bank.settlement_quote(&world.reader(), loan, None).await.unwrap();
    world.ok(key, Command::Settle(loan, quote.total.minor())).await;
}

#[tokio::test]
async fn what_is_repaid_can_be_drawn_again() {
    let (world, party, line) = opened().await;
    let drawn = draw(&world, "a", line, 6_000_00).await.unwrap();
    assert_eq!(standing(&world, line, &drawn).await, [10_000, 6_000, 0, 4_000]);
    let loan = drawn.loan.unwrap();
    world.check_loan(loan).await;
    let paid_out = world.loan(loan).await.loan;
    assert_eq!((paid_out.line, paid_out.status), (Some(line), Status::Active));
    assert_eq!(paid_out.borrower, party.cast());
    assert_eq!(world.balance(loan.cast(), "1303", Side::Debit).await, yuan(6_000_00).amount);

    let beyond = draw(&world, "b", line, 4_000_01).await.unwrap_err();
    assert_eq!(beyond, Refusal::Lending(Reject::BeyondTheLimit));
    // Days are closed for drawings as for any loan: 0.03 % of 6,000 for a day is 1.80.
    world.close_day().await;
    assert_eq!(world.position(loan).await.interest, yuan(1_80).amount);
    settle(&world, "settle", loan).await;
    let drawn = draw(&world, "c", line, 10_000_00).await.unwrap();
    assert_eq!(standing(&world, line, &drawn).await, [10_000, 10_000, 0, 0]);
    let loans = world.bank.loans(&world.reader(), Some(party), None, 10).await.unwrap();
    assert_eq!(loans.data.len(), 2);

    let closing = call(&world, Role::Operator, "close");
    let refusal = world.bank.close_line(&closing, line).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::LineInUse));
    settle(&world, "settle all", drawn.loan.unwrap()).await;
    let closed = world.bank.close_line(&closing, line).await.unwrap().answer;
    assert_eq!(standing(&world, line, &closed).await, [10_000, 0, 0, 0]);
    assert_eq!(
        world.bank.lines(&world.reader(), Some(party), None, 9).await.unwrap().data.len(),
        1
    );
    world.check().await;
}

#[tokio::test]
async fn two_draws_at_once_do_not_exceed_the_limit() {
    let (world, _, line) = opened().await;
    let keys: Vec<_> = (0..8).map(|number| format!("draw/{number}")).collect();
    let draws = join_all(keys.iter().map(|key| draw(&world, key, line, 3_000_00))).await;
    assert_eq!(draws.iter().filter(|it| it.is_ok()).count(), 3);
    let refused = draws.into_iter().filter_map(Result::err);
    assert!(refused.into_iter().all(|it| it == Refusal::Lending(Reject::BeyondTheLimit)));
    assert_eq!(state(&world, line).await.utilisation.drawn, yuan(9_000_00).amount);
    // A hold and a draw of the same rest: one of them.
    let both = [("h", true), ("d", false)].map(|(key, holds)| {
        let world = &world;
        async move {
            if holds {
                hold(world, key, line, 1_000_00).await
            } else {
                draw(world, key, line, 1_000_00).await
            }
        }
    });
    assert_eq!(join_all(both).await.iter().filter(|it| it.is_ok()).count(), 1);
    // A repetition is answered as before and draws nothing.
    let first = call(&world, Role::Operator, &keys[0]);
    let before = state(&world, line).await;
    let again = world.bank.draw(&first, line, some(3_000_00)).await;
    assert!(
        again.map_or_else(|it| it == Refusal::Lending(Reject::BeyondTheLimit), |it| it.replayed)
    );
    assert_eq!(state(&world, line).await, before);
    world.check().await;
}

#[tokio::test]
async fn holds_are_captured_released_and_expire() {
    let (world, _, line) = opened().await;
    let held = hold(&world, "a", line, 4_000_00).await.unwrap();
    assert_eq!(held.hold, Some(1));
    assert_eq!(standing(&world, line, &held).await, [10_000, 0, 4_000, 6_000]);
    let beyond = draw(&world, "b", line, 6_000_01).await.unwrap_err();
    assert_eq!(beyond, Refusal::Lending(Reject::BeyondTheLimit));
    let capture = call(&world, Role::Operator, "capture");
    let captured = world.bank.capture_hold(&capture, line, 1, some(1_500_00)).await.unwrap();
    assert_eq!(standing(&world, line, &captured.answer).await, [10_000, 1_500, 0, 8_500]);
    world.check_loan(captured.answer.loan.unwrap()).await;
    let again = call(&world, Role::Operator, "capture again");
    let refusal = world.bank.capture_hold(&again, line, 1, some(100_00)).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::HoldCaptured));

    // 2 to 8 January are seven days; the 8th is a Wednesday.
    let held = hold(&world, "c", line, 2_000_00).await.unwrap();
    assert_eq!(held.hold, Some(2));
    world.close_until(Date::constant(2025, 1, 8)).await;
    assert_eq!(state(&world, line).await.utilisation.held, yuan(2_000_00).amount);
    world.close_day().await;
    let after = state(&world, line).await;
    assert_eq!((after.utilisation.held, after.line.holds.len()), (Amount::ZERO, 0));
    let late = call(&world, Role::Operator, "late");
    let refusal = world.bank.release_hold(&late, line, 2).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::HoldExpired));

    hold(&world, "d", line, 500_00).await.unwrap();
    let release = call(&world, Role::Operator, "release");
    let released = world.bank.release_hold(&release, line, 3).await.unwrap().answer;
    assert_eq!(standing(&world, line, &released).await, [10_000, 1_500, 0, 8_500]);
    world.check().await;
}

/// The date stands because a contract failed, after the holds of the day had ended.
#[tokio::test]
async fn a_hold_made_after_its_day_was_closed_ends_with_it() {
    let (world, party, line) = opened().await;
    let loan = world.lend("loan", party, 1_000_00, 6).await;
    world.close_day().await;
    let today = world.today().await;
    let hold_today = async |key: &str| {
        let call = call(&world, Role::Operator, key);
        let (amount, until, purpose) = (yuan(500_00), Some(today), "order 7".to_owned());
        let new = NewHold { amount, until, purpose };
        world.bank.hold_limit(&call, line, &new).await.unwrap();
        state(&world, line).await.utilisation.held
    };
    assert_eq!(hold_today("a").await, yuan(500_00).amount);
    let receivable = contract_account(loan.cast(), "1132.01");
    world.set_state(receivable, AccountState::Frozen).await;
    let refusal = world.refused("close", Command::CloseDate(today)).await;
    assert!(matches!(refusal, Refusal::DayIncomplete(_)), "{refusal:?}");
    assert_eq!(state(&world, line).await.utilisation.held, Amount::ZERO);
    assert_eq!(hold_today("b").await, yuan(500_00).amount);
    world.set_state(receivable, AccountState::Open).await;
    world.close_day().await;
    assert_ne!(world.today().await, today);
    assert_eq!(state(&world, line).await.utilisation.held, Amount::ZERO);
    world.check().await;
}

#[tokio::test]
async fn a_page_of_lines_is_short() {
    let world = World::new().await;
    world.publish("line", 1, LINE).await;
    let party = world.person(1).await;
    for number in 0..=LINES_PAGE_MAX {
        let limit = 1_000_00 + i64::try_from(number).unwrap() * 100;
        open(&world, party, limit).await.unwrap();
    }
    let page = async |after| world.bank.lines(&world.reader(), None, after, 1_000).await.unwrap();
    let first = page(None).await;
    assert_eq!(first.data.len(), LINES_PAGE_MAX);
    let rest = page(first.next).await;
    assert_eq!((rest.data.len(), rest.next), (1, None));
}

#[tokio::test]
async fn a_limit_is_changed_by_who_approves() {
    let (world, _, line) = opened().await;
    draw(&world, "a", line, 6_000_00).await.unwrap();
    let by = |role: Role, key: &str| call(&world, role, key);
    let bank = &world.bank;
    let operator = bank.change_limit(&by(Role::Operator, "x"), line, yuan(20_000_00)).await;
    assert_eq!(operator.unwrap_err(), Refusal::Forbidden(Right::Approve));
    let approver = |key: &str| by(Role::Approver, key);
    let lower = bank.change_limit(&approver("low"), line, yuan(2_000_00)).await.unwrap().answer;
    assert_eq!(standing(&world, line, &lower).await, [2_000, 6_000, 0, 0]);
    assert_eq!(state(&world, line).await.utilisation.share.to_string(), "3");
    let until = Date::constant(2025, 1, 10);
    let raised = bank.raise_limit(&approver("up"), line, yuan(9_000_00), until).await.unwrap();
    assert_eq!(standing(&world, line, &raised.answer).await, [9_000, 6_000, 0, 3_000]);
    let dollars = Money::new(Amount::from_minor(9_500_00), "USD".parse().unwrap());
    let refusal = bank.raise_limit(&approver("usd"), line, dollars, until).await.unwrap_err();
    assert_eq!(refusal, Refusal::OtherCurrency);

    let frozen = bank.freeze_line(&by(Role::Operator, "ice"), line, "lost phone").await.unwrap();
    assert_eq!(standing(&world, line, &frozen.answer).await, [9_000, 6_000, 0, 0]);
    let refusal = draw(&world, "b", line, 100_00).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::LineFrozen));
    let thaw = bank.unfreeze_line(&approver("thaw"), line, "found").await.unwrap().answer;
    assert_eq!(standing(&world, line, &thaw).await, [9_000, 6_000, 0, 3_000]);
    // The temporary limit ends with its last day, a Friday.
    world.close_until(Date::constant(2025, 1, 13)).await;
    assert_eq!(state(&world, line).await.line.temporary, None);
    let same = bank.renew_line(&approver("renew"), line).await.unwrap().answer;
    assert_eq!(standing(&world, line, &same).await, [2_000, 6_000, 0, 0]);
    let available_until = state(&world, line).await.line.available_until;
    assert_eq!(available_until, Date::constant(2026, 1, 13));
    world.check().await;
}

/// What is owed and held counts against the next contract, what could be drawn does not.
#[tokio::test]
async fn exposure_is_what_is_owed_and_held() {
    let (world, party, line) = opened().await;
    draw(&world, "a", line, 6_000_00).await.unwrap();
    hold(&world, "b", line, 1_000_00).await.unwrap();
    let apply = |minor: i64| World::apply(party, minor, 6);
    let more: Applied = world.answer("c", apply(43_000_01)).await;
    assert_eq!(more.application.applicant.outstanding, yuan(7_000_00).amount);
    assert!(!is_approved(&more.application));
    let less: Applied = world.answer("d", apply(43_000_00)).await;
    assert!(is_approved(&less.application));
    let declined = open(&world, party, 50_000_00).await;
    assert!(declined.is_ok(), "7,000 and 50,000 are less than 60,000");
    draw(&world, "e", declined.unwrap(), 4_000_00).await.unwrap();
    let declined = open(&world, party, 49_001_00).await;
    assert_eq!(declined.unwrap_err(), Refusal::Lending(Reject::NoOffer));
}

#[tokio::test]
async fn a_line_is_no_loan_and_a_loan_no_line() {
    let (world, party, line) = opened().await;
    let facts = std::collections::BTreeMap::new();
    let (product, amount) = ("line".to_owned(), yuan(1_000_00));
    let (price, term) = (None, None);
    let apply = Apply { party, product, amount, price, term, facts: facts.clone() };
    assert_eq!(world.refused("a", Command::Apply(apply)).await, Refusal::OtherKind);
    let apply = ApplyForLine { party, product: "loan".to_owned(), limit: amount, facts };
    let asked = call(&world, Role::Operator, "b");
    let refusal = world.bank.apply_for_line(&asked, &apply).await.unwrap_err();
    assert_eq!(refusal, Refusal::OtherKind);
    let neighbor = world.neighbor().await;
    let refusal = draw(&neighbor, "c", line, 100_00).await.unwrap_err();
    assert_eq!(refusal, Refusal::NotFound("line"));
}

/// An overdue drawing keeps the line shut until it is paid.
#[tokio::test]
async fn who_is_late_draws_no_more() {
    let (world, _, line) = opened().await;
    let loan = draw(&world, "a", line, 1_000_00).await.unwrap().loan.unwrap();
    world.close_until(Date::constant(2025, 2, 10)).await;
    assert!(world.position(loan).await.days_past_due > 0);
    let refusal = draw(&world, "b", line, 100_00).await.unwrap_err();
    assert_eq!(refusal, Refusal::Lending(Reject::LineOverdue));
    assert_eq!(state(&world, line).await.utilisation.available, Amount::ZERO);
    let due = world.position(loan).await.due().total().minor();
    world.ok("pay", Command::Repay(loan, due)).await;
    draw(&world, "c", line, 10_000_00).await.unwrap();
    // A year after signing it has expired.
    world.close_until(Date::constant(2025, 3, 3)).await;
    world.check().await;
}
