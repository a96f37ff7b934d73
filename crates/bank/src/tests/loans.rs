//! The life of a loan, with the books held against the contract after every step.

use compliance::classification::Category;
use futures_util::future::join_all;
use ledger::Side;
use lending::{Reject, Status};
use money::{Amount, Currency, Money};
use product::schedule::Instalment;
use stdx::{Date, Id};

use super::{
    command::{Command, yuan},
    world::{FIRST, LOAN, World},
};
use crate::{
    Refusal, Role,
    classification::LoansGraded,
    loans::{Applied, Apply, LoanMoved},
    tables::{LOANS, LoanId},
};

fn day(month: i8, day: i8) -> Date {
    jiff::civil::date(2025, month, day)
}

#[tokio::test]
async fn a_whole_life_agrees_with_the_books() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.signed("a", party, 12_000_00, 6).await;
    assert_eq!(world.loan(loan).await.position, None);
    let paid_out: LoanMoved = world.answer("a/disburse", Command::Disburse(loan)).await;
    assert_eq!((paid_out.amount, paid_out.on), (yuan(12_000_00), FIRST));
    world.check_loan(loan).await;

    // Day after day to the first due date, which is a Sunday: known by the Saturday's close.
    while world.today().await < day(2, 2) {
        world.close_day().await;
        world.check_loan(loan).await;
    }
    let first = world.loan(loan).await.loan.plan[0].clone();
    assert_eq!(first.due, day(2, 2));
    assert_eq!(world.position(loan).await.due().total(), first.total());
    let paid: LoanMoved = world.answer("a/1", Command::Repay(loan, first.total().minor())).await;
    assert!(paid.due.is_zero());
    world.check_loan(loan).await;

    // 100 yuan in advance pay part of the second instalment, the rest of which is late.
    world.ok("a/ahead", Command::Repay(loan, 100_00)).await;
    assert_eq!(world.position(loan).await.prepaid, yuan(100_00).amount);
    world.check_loan(loan).await;
    while world.today().await < day(3, 20) {
        world.close_day().await;
        world.check_loan(loan).await;
    }
    let late = world.position(loan).await;
    assert!(late.prepaid.is_zero() && late.due().penalty.is_positive());
    assert_eq!(late.days_past_due, 17);
    let due = late.due().total().minor();
    world.ok("a/2 in part", Command::Repay(loan, due - 50_00)).await;
    world.check_loan(loan).await;
    world.ok("a/2", Command::Repay(loan, 50_00)).await;
    assert_eq!(world.position(loan).await.days_past_due, 0);
    world.check_loan(loan).await;

    world.close_day().await;
    let quote = world.bank.settlement_quote(&world.reader(), loan, None).await.unwrap();
    assert!(quote.fee.is_positive() && quote.owed.interest.is_positive());
    let wrong = Command::Settle(loan, quote.total.minor() - 1);
    let refusal = world.refused("a/wrong", wrong).await;
    assert_eq!(refusal, Refusal::Lending(Reject::NotTheQuotedAmount));
    let settled: LoanMoved =
        world.answer("a/settle", Command::Settle(loan, quote.total.minor())).await;
    assert_eq!((settled.status, settled.principal), (Status::Settled, yuan(0)));
    for code in ["1303", "1132.01", "1132.02", "1221.01"] {
        assert!(world.balance(loan.cast(), code, Side::Debit).await.is_zero(), "{code}");
    }
    let closed = world.close_day().await;
    assert_eq!(closed.next, world.today().await);
    world.check().await;
}

#[tokio::test]
async fn the_last_payment_settles() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 3_000_00, 1).await;
    world.close_until(day(2, 5)).await;
    let due = world.position(loan).await.due().total().minor();
    let paid: LoanMoved = world.answer("pay", Command::Repay(loan, due)).await;
    assert_eq!(paid.status, Status::Settled);
    let refusal = world.refused("more", Command::Repay(loan, 1)).await;
    assert_eq!(refusal, Refusal::Lending(Reject::NotActive));
    world.check().await;
}

#[tokio::test]
async fn a_loan_that_is_settled_is_no_debt_until_its_last_payment_bounces() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 3_000_00, 1).await;
    let debts = async || {
        let (call, link) = (world.operator("debts", &Command::Register(1)), party.to_string());
        let debts = world.bank.store().find(&LOANS, world.home, ("debtor", &link), None, 9).await;
        let exposure = world.bank.exposure(&call, party, Currency::CNY).await.unwrap();
        (debts.unwrap().data.len(), exposure)
    };
    assert_eq!(debts().await, (1, (yuan(3_000_00).amount, 0)));
    world.close_until(day(2, 2)).await;
    let due = world.position(loan).await.due().total().minor();
    world.ok("pay", Command::Repay(loan, due)).await;
    assert_eq!(debts().await, (0, (Amount::ZERO, 0)));
    world.give(Role::Approver, "bounced", &Command::ReverseFact(loan, 1)).await.unwrap();
    assert_eq!(debts().await, (1, (yuan(3_000_00).amount, 0)));
}

#[tokio::test]
async fn what_is_owed_and_about_to_be_paid_out_counts_against_the_next_loan() {
    let world = World::new().await;
    let party = world.person(1).await;
    world.signed("a", party, 30_000_00, 6).await;
    let again: Applied = world.answer("b", World::apply(party, 20_000_01, 6)).await;
    assert!(!crate::loans::is_approved(&again.application));
    let refusal = world.refused("b/sign", Command::Sign(again.id)).await;
    assert_eq!(refusal, Refusal::Lending(Reject::NoOffer));
    let less: Applied = world.answer("c", World::apply(party, 20_000_00, 6)).await;
    assert!(crate::loans::is_approved(&less.application));
}

#[tokio::test]
async fn another_currency_and_another_kind_are_refused() {
    let world = World::new().await;
    let party = world.person(1).await;
    let Command::Apply(apply) = World::apply(party, 1_000_00, 6) else { unreachable!() };
    let dollars = Money::new(apply.amount.amount, "USD".parse::<Currency>().unwrap());
    let wrong = Apply { amount: dollars, ..apply.clone() };
    assert_eq!(world.refused("a", Command::Apply(wrong)).await, Refusal::OtherCurrency);
    let wrong = Apply { product: "purse".to_owned(), ..apply.clone() };
    assert_eq!(world.refused("b", Command::Apply(wrong)).await, Refusal::OtherKind);
    let wrong = Apply { product: "none".to_owned(), ..apply };
    let refusal = world.refused("c", Command::Apply(wrong)).await;
    assert_eq!(refusal, Refusal::NotFound("product in force"));
    let loan = world.lend("d", party, 1_000_00, 6).await;
    let call = world.operator("e", &Command::Repay(loan, 1));
    let refusal = world.bank.repay(&call, loan, dollars).await.unwrap_err();
    assert_eq!(refusal, Refusal::OtherCurrency);
}

#[tokio::test]
async fn amounts_beyond_all_bounds_are_refused() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 1_000_00, 6).await;
    for (number, minor) in [i64::MIN, -1, 0, i64::MAX].into_iter().enumerate() {
        let commands = [
            Command::Repay(loan, minor),
            Command::Settle(loan, minor),
            World::apply(party, minor, 6),
        ];
        for (kind, command) in commands.into_iter().enumerate() {
            let refusal = world.refused(&format!("{number}/{kind}"), command).await;
            assert!(matches!(refusal, Refusal::Lending(_)), "{refusal:?}");
        }
    }
    world.check().await;
}

#[tokio::test]
async fn payments_at_the_same_moment_are_all_counted() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 10_000_00, 3).await;
    world.close_until(day(2, 5)).await;
    let before = world.position(loan).await;
    let payments = (1..=8).map(|number| {
        let world = world.clone();
        async move {
            let command = Command::Repay(loan, number * 10_00);
            world.give(Role::Operator, &format!("pay/{number}"), &command).await.unwrap()
        }
    });
    let paid = join_all(payments).await;
    assert!(paid.iter().all(|(_, replayed)| !replayed));
    let after = world.position(loan).await;
    let difference = before.due().total() - after.due().total();
    assert_eq!(difference, yuan(360_00).amount);
    world.check().await;
}

#[tokio::test]
async fn of_two_that_cannot_both_be_one_is_refused() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 10_000_00, 3).await;
    world.close_day().await;
    let quote = world.bank.settlement_quote(&world.reader(), loan, None).await.unwrap();
    let settle = Command::Settle(loan, quote.total.minor());
    let both = join_all(["x", "y"].map(|key| world.give(Role::Operator, key, &settle))).await;
    assert_eq!(both.iter().filter(|it| it.is_ok()).count(), 1);
    let refused = both.into_iter().find_map(Result::err);
    assert_eq!(refused, Some(Refusal::Lending(Reject::NotActive)));
    world.check().await;
}

#[tokio::test]
async fn an_application_is_signed_once() {
    let world = World::new().await;
    let party = world.person(1).await;
    let applied: Applied = world.answer("a", World::apply(party, 1_000_00, 6)).await;
    let sign = Command::Sign(applied.id);
    let both = join_all(["x", "y"].map(|key| world.give(Role::Operator, key, &sign))).await;
    assert_eq!(both.iter().filter(|it| it.is_ok()).count(), 1);
    let loans = world.bank.loans(&world.reader(), Some(party), None, 10).await.unwrap();
    assert_eq!(loans.data.len(), 1);
    assert_eq!(loans.data[0].loan.borrower, party.cast());
    let none = world.bank.loans(&world.reader(), Some(Id::NIL), None, 10).await.unwrap();
    assert!(none.data.is_empty());
}

/// The one-year LPR was 3.10 % from 21 October 2024 and is 3.00 % from 20 May 2025.
#[tokio::test]
async fn a_floating_rate_is_taken_anew_when_its_reference_is() {
    let world = World::new().await;
    let floating = LOAN.replace("version: 1", "version: 2").replace(
        "rate: 0.12,",
        "floating: { reference: lpr-1y, spread: 0.02, reset: each-fixing },",
    );
    world.publish("loan", 2, &floating).await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 12_000_00, 24).await;
    assert_eq!(world.loan(loan).await.loan.schedule.rate.to_string(), "0.0510");
    let total = |plan: &[Instalment]| plan.iter().map(Instalment::total).max();
    let before = total(&world.loan(loan).await.loan.plan);
    while world.today().await < day(5, 22) {
        world.close_day().await;
    }
    let after = world.loan(loan).await.loan;
    assert_eq!(after.schedule.rate.to_string(), "0.05");
    assert!(total(&after.plan[5..]) < before);
    let facts = world.bank.loan_facts(&world.reader(), loan).await.unwrap();
    let facts: Vec<_> = facts.iter().map(|it| (it.what.name(), it.on)).collect();
    assert_eq!(facts, [("disbursal", FIRST), ("rate-change", day(5, 20))]);
    world.check_loan(loan).await;
}

/// More than 90 days late is substandard at least: a quarter of the principal is set aside.
#[tokio::test]
async fn loans_are_graded_and_what_they_may_lose_is_set_aside() {
    let world = World::new().await;
    let party = world.person(1).await;
    let (late, good) = (world.lend("a", party, 12_000_00, 1).await, world.person(2).await);
    let good = world.lend("b", good, 6_000_00, 12).await;
    while world.today().await < day(5, 6) {
        world.close_day().await;
        let due = world.position(good).await.due().total().minor();
        if due > 0 {
            world.ok(&format!("b/{}", world.today().await), Command::Repay(good, due)).await;
        }
    }
    assert_eq!(world.position(late).await.days_past_due, 92);
    let grade = |key: &str| {
        let call = world.call(Role::Operator, key, &Command::ClosePeriod(FIRST));
        let bank = world.bank.clone();
        async move { bank.grade_loans(&call).await.unwrap().answer }
    };
    let graded = grade("grade").await;
    let of = |graded: &LoansGraded, category| graded.categories[&Currency::CNY][&category].clone();
    let substandard = of(&graded, Category::Substandard);
    assert_eq!((substandard.loans, substandard.principal.minor()), (1, 12_000_00));
    assert_eq!(substandard.allowance.minor(), 3_000_00);
    assert_eq!(substandard.general.minor(), 120_00);
    assert_eq!(of(&graded, Category::Normal).allowance.minor(), 0);
    let allowance = async |loan: LoanId| world.balance(loan.cast(), "1304.02", Side::Credit).await;
    assert_eq!(allowance(late).await.minor(), 3_000_00);
    assert_eq!(grade("again").await.categories, graded.categories);
    assert_eq!(allowance(late).await.minor(), 3_000_00);
    let found = world.bank.loan_grade(&world.reader(), late).await.unwrap().unwrap();
    assert!(found.reasons[0].contains("2023"), "{found:?}");
    world.check().await;
}
