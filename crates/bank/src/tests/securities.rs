//! What stands behind loans, with the books: nothing is paid out for too little, nothing is pledged
//! twice, and what is noted off the balance sheet is what is held.

use std::collections::BTreeMap;

use futures_util::future::{join, join3};
use ledger::Side;
use lending::{
    What,
    security::{Reject, Security},
};
use money::{Amount, Decimal};
use product::kinds::instalment_loan::{CollateralKind, GuaranteeKind};
use stdx::{Date, Prng};

use super::{
    command::{Command, Given, yuan},
    world::{FIRST, LOAN, World},
};
use crate::{
    Refusal, Role,
    loans::{
        Happening,
        securities::{LoanSecurity, NewSecurity, NewValuation, SecurityChanged},
    },
    tables::{LoanId, PartyId, SecurityId},
};

fn day(month: i8, day: i8) -> Date {
    jiff::civil::date(2025, month, day)
}

pub(super) fn valued(minor: i64, on: Date) -> NewValuation {
    NewValuation { value: yuan(minor), on, valuer: "a dealer".to_owned() }
}

fn car(minor: i64, on: Date, share: Decimal) -> NewSecurity {
    let (kind, description) = (CollateralKind::Vehicle, "a car".to_owned());
    NewSecurity::Collateral { kind, description, valuation: valued(minor, on), share }
}

pub(super) fn guarantor(party: PartyId) -> NewSecurity {
    NewSecurity::Guarantee { guarantor: party, kind: GuaranteeKind::Joint, up_to: None }
}

/// 60 % of a car, valued within six months, and one guarantor; paid out in parts.
fn secured() -> String {
    LOAN.replace("version: 1", "version: 2")
        + "  tranches: { max: 50, days: 1000 }
  security:
    guarantors: { min: 1, kinds: [joint] }
    collateral: { kinds: [vehicle], loan_to_value: 0.6, revalued_months: 6 }
"
}

impl World {
    async fn secured() -> Self {
        let world = Self::new().await;
        world.publish("loan", 2, &secured()).await;
        world
    }

    async fn security(&self, loan: LoanId) -> LoanSecurity {
        self.bank.loan_security(&self.reader(), loan).await.unwrap()
    }

    async fn take(&self, key: &str, loan: LoanId, new: NewSecurity) -> SecurityId {
        self.answer::<SecurityChanged>(key, Command::AddSecurity(loan, new)).await.security
    }

    async fn noted(&self, loan: LoanId) -> Amount {
        self.balance(loan.cast(), "7004", Side::Debit).await
    }
}

fn refusal(reject: Reject) -> Refusal {
    Refusal::Security(reject)
}

fn draw(loan: LoanId, minor: i64) -> Command {
    let what = What::Drawing { principal: yuan(minor).amount };
    Command::Happen(loan, Happening { what, currency: None, on: None })
}

#[tokio::test]
async fn a_loan_is_paid_out_for_what_stands_behind_it() {
    let world = World::secured().await;
    let (party, friend) = (world.person(1).await, world.person(2).await);
    let loan = world.signed("a", party, 30_000_00, 6).await;
    let refused = world.refused("bare", Command::DisbursePart(loan, 12_000_00)).await;
    assert_eq!(refused, refusal(Reject::GuarantorsMissing));
    let own = Command::AddSecurity(loan, guarantor(party));
    assert_eq!(world.refused("own", own).await, refusal(Reject::GuarantorIsBorrower));
    let answers = world.take("friend", loan, guarantor(friend)).await;
    let refused = world.refused("no car", Command::DisbursePart(loan, 12_000_00)).await;
    assert_eq!(refused, refusal(Reject::CollateralMissing));
    let old = world.take("car", loan, car(20_000_00, FIRST, Decimal::ONE)).await;
    assert_eq!(world.noted(loan).await, yuan(20_000_00).amount);
    let refused = world.refused("too much", Command::DisbursePart(loan, 12_000_01)).await;
    assert_eq!(refused, refusal(Reject::LoanToValueExceeded));
    world.ok("first", Command::DisbursePart(loan, 12_000_00)).await;
    let shown = world.security(loan).await;
    assert_eq!(shown.loan_to_value, Some(Decimal::new(6, 1)));
    assert_eq!((shown.limit, shown.lacks), (Some(Decimal::new(6, 1)), None));

    // Worth less: nothing is taken back, and nothing more is paid out.
    let less = Command::RevalueSecurity(loan, old, valued(16_000_00, FIRST));
    world.ok("less", less).await;
    let shown = world.security(loan).await;
    assert_eq!(shown.loan_to_value, Some(Decimal::new(75, 2)));
    assert_eq!(shown.lacks, Some(Reject::LoanToValueExceeded));
    assert_eq!(world.noted(loan).await, yuan(16_000_00).amount);
    assert_eq!(world.refused("more", draw(loan, 1)).await, refusal(Reject::LoanToValueExceeded));
    let another = world.take("another", loan, car(10_000_00, FIRST, Decimal::ONE)).await;
    world.ok("second", draw(loan, 3_600_00)).await;
    assert_eq!(world.noted(loan).await, yuan(26_000_00).amount);

    // What is needed is not released; who is not needed is.
    for (key, it) in [("friend!", answers), ("car!", old), ("another!", another)] {
        let refused = world.refused(key, Command::ReleaseSecurity(loan, it)).await;
        let needed =
            if it == answers { Reject::GuarantorsMissing } else { Reject::LoanToValueExceeded };
        assert_eq!(refused, refusal(needed));
    }
    world.ok("pay", Command::Repay(loan, 1)).await;
    let third = world.person(3).await;
    world.take("third", loan, guarantor(third)).await;
    world.ok("friend is free", Command::ReleaseSecurity(loan, answers)).await;
    let again = world.refused("twice", Command::ReleaseSecurity(loan, answers)).await;
    assert_eq!(again, Refusal::NotFound("security of this loan"));

    // Settled, nothing is noted any more; taken back, it is again.
    let quote = world.bank.settlement_quote(&world.reader(), loan, None).await.unwrap();
    world.ok("settle", Command::Settle(loan, quote.total.minor())).await;
    assert!(world.noted(loan).await.is_zero());
    let fact = world.bank.loan_facts(&world.reader(), loan).await.unwrap().last().unwrap().number;
    world.give(Role::Approver, "back", &Command::ReverseFact(loan, fact)).await.unwrap();
    assert_eq!(world.noted(loan).await, yuan(26_000_00).amount);
    world.ok("settle again", Command::Settle(loan, quote.total.minor())).await;
    world.ok("the car is free", Command::ReleaseSecurity(loan, old)).await;
    assert!(world.noted(loan).await.is_zero());
    let late = Command::AddSecurity(loan, guarantor(friend));
    assert_eq!(world.refused("late", late).await, refusal(Reject::LoanEnded));
    world.check().await;
}

#[tokio::test]
async fn of_two_that_happen_at_once_one_sees_the_other() {
    let world = World::secured().await;
    let (party, friend) = (world.person(1).await, world.person(2).await);
    let loan = world.signed("a", party, 20_000_00, 6).await;
    world.take("friend", loan, guarantor(friend)).await;
    let one = world.take("one", loan, car(20_000_00, FIRST, Decimal::ONE)).await;
    let other = world.take("other", loan, car(20_000_00, FIRST, Decimal::ONE)).await;
    world.ok("pay out", Command::DisbursePart(loan, 12_000_00)).await;
    // Either car is enough without the other.
    let release = [one, other].map(|it| Command::ReleaseSecurity(loan, it));
    let (first, second) = join(
        world.give(Role::Operator, "release one", &release[0]),
        world.give(Role::Operator, "release other", &release[1]),
    )
    .await;
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert_eq!(first.and(second), Err(refusal(Reject::CollateralMissing)));
    assert_eq!(world.noted(loan).await, yuan(20_000_00).amount);

    let quote = world.bank.settlement_quote(&world.reader(), loan, None).await.unwrap();
    let kept = world.security(loan).await.securities.into_iter();
    let kept = kept.map(|(id, _)| id).find(|id| [one, other].contains(id)).unwrap();
    let settle = Command::Settle(loan, quote.total.minor());
    let another = Command::AddSecurity(loan, car(1_000_00, FIRST, Decimal::ONE));
    let more = Command::RevalueSecurity(loan, kept, valued(30_000_00, FIRST));
    let (settled, ..) = join3(
        world.give(Role::Operator, "settle", &settle),
        world.give(Role::Operator, "another", &another),
        world.give(Role::Operator, "more", &more),
    )
    .await;
    settled.unwrap();
    assert!(world.noted(loan).await.is_zero());
    world.check().await;
}

#[tokio::test]
async fn a_thing_is_pledged_once_however_many_loans_share_it() {
    let world = World::secured().await;
    let (party, friend) = (world.person(1).await, world.person(2).await);
    let (one, other) =
        (world.signed("a", party, 10_000_00, 6).await, world.signed("b", party, 9_000_00, 6).await);
    let thing = world.take("car", one, car(30_000_00, FIRST, Decimal::new(6, 1))).await;
    let pledge = |share| NewSecurity::Pledge { collateral: thing, share };
    let too_much = Command::AddSecurity(other, pledge(Decimal::new(41, 2)));
    assert_eq!(world.refused("too much", too_much).await, refusal(Reject::PledgedBeyondValue));
    world.take("rest", other, pledge(Decimal::new(4, 1))).await;
    assert_eq!(world.noted(one).await, yuan(18_000_00).amount);
    assert_eq!(world.noted(other).await, yuan(12_000_00).amount);
    let new = valued(20_000_00, day(1, 2));
    world.ok("less", Command::RevalueSecurity(other, thing, new)).await;
    assert_eq!(world.noted(one).await, yuan(12_000_00).amount);
    assert_eq!(world.noted(other).await, yuan(8_000_00).amount);
    world.ok("free", Command::ReleaseSecurity(one, thing)).await;
    assert!(world.noted(one).await.is_zero());
    // The car of one borrower stands behind nobody else's loan.
    let theirs = world.signed("c", friend, 1_000_00, 6).await;
    let refused = world.refused("theirs", Command::AddSecurity(theirs, pledge(Decimal::ONE))).await;
    assert_eq!(refused, Refusal::NotFound("collateral of this borrower"));
    world.check().await;
}

#[tokio::test]
async fn a_valuation_grows_old() {
    let world = World::secured().await;
    let (party, friend) = (world.person(1).await, world.person(2).await);
    let loan = world.signed("a", party, 10_000_00, 6).await;
    world.take("friend", loan, guarantor(friend)).await;
    let long_ago = jiff::civil::date(2024, 7, 1);
    let thing = world.take("car", loan, car(90_000_00, long_ago, Decimal::ONE)).await;
    let pay_out = Command::DisbursePart(loan, 1_000_00);
    assert_eq!(world.refused("stale", pay_out.clone()).await, refusal(Reject::ValuationStale));
    world.ok("anew", Command::RevalueSecurity(loan, thing, valued(90_000_00, FIRST))).await;
    world.ok("fresh", pay_out).await;
    world.check().await;
}

#[tokio::test]
async fn a_payout_that_is_booked_late_is_measured_on_both_days() {
    let world = World::secured().await;
    let (party, friend) = (world.person(1).await, world.person(2).await);
    let loan = world.signed("a", party, 30_000_00, 6).await;
    world.take("friend", loan, guarantor(friend)).await;
    let thing = world.take("car", loan, car(10_000_00, FIRST, Decimal::ONE)).await;
    world.ok("first", Command::DisbursePart(loan, 3_000_00)).await;
    let late = |minor, on| {
        let what = What::Drawing { principal: yuan(minor).amount };
        Command::Happen(loan, Happening { what, currency: None, on: Some(on) })
    };
    let close = |days: i64| {
        let world = &world;
        async move {
            for _ in 0..days {
                let today = world.today().await;
                world.ok(&format!("close/{today}"), Command::CloseDate(today)).await;
            }
        }
    };
    // 60 % of 10,000.00 on the first day, of 20,000.00 five days later.
    close(5).await;
    let (then, now) = (FIRST, world.today().await);
    world.ok("more", Command::RevalueSecurity(loan, thing, valued(20_000_00, now))).await;
    let refused = world.refused("too early", late(3_000_01, then)).await;
    assert_eq!(refused, refusal(Reject::LoanToValueExceeded));
    world.ok("early", late(3_000_00, then)).await;
    world.ok("today", late(2_000_00, now)).await;
    // Of 12,000.00 five days after that: more than that is owed already, whatever the value date.
    close(5).await;
    let last = world.today().await;
    world.ok("less", Command::RevalueSecurity(loan, thing, valued(12_000_00, last))).await;
    for (key, on) in [("on the good day", now), ("today again", last)] {
        let refused = world.refused(key, late(1, on)).await;
        assert_eq!(refused, refusal(Reject::LoanToValueExceeded));
    }
    assert_eq!(world.noted(loan).await, yuan(12_000_00).amount);
    world.check().await;
}

#[tokio::test]
async fn a_product_that_asks_for_nothing_takes_nothing() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.signed("a", party, 10_000_00, 6).await;
    let refused = world.refused("car", Command::AddSecurity(loan, car(1, FIRST, Decimal::ONE)));
    assert_eq!(refused.await, refusal(Reject::NotTaken));
}

/// What each loan has, counted anew in whole numbers: shares are hundredths.
struct Counted {
    worth: i64,
    guarantors: usize,
    stale: bool,
}

async fn counted(world: &World, loan: LoanId, shares: &mut BTreeMap<SecurityId, i64>) -> Counted {
    let mut counted = Counted { worth: 0, guarantors: 0, stale: false };
    let oldest = world.today().await.checked_sub(jiff::Span::new().months(6)).unwrap();
    for (id, security) in world.security(loan).await.securities {
        match security {
            Security::Guarantee(_) => counted.guarantors += 1,
            Security::Collateral(it) => {
                let share = i64::try_from(it.pledges[&loan] * Decimal::ONE_HUNDRED).unwrap();
                *shares.entry(id).or_default() += share;
                let last = it.valuations.last().unwrap();
                counted.worth += last.value.minor() * share / 100;
                counted.stale |= last.on < oldest;
            }
        }
    }
    counted
}

/// Whatever is taken, valued, released, drawn and paid: every payout is within the limit, no thing
/// is pledged beyond its value, and what is noted is what is held.
#[tokio::test]
async fn every_payout_is_within_the_limit() {
    let (mut payouts, mut refusals) = (0, 0);
    for seed in 0..6 {
        let world = World::seeded(100 + seed).await;
        world.publish("loan", 2, &secured()).await;
        let mut prng = Prng::stream(seed, "secured lives");
        let party = world.person(1).await;
        let friends = [world.person(2).await, world.person(3).await];
        let mut loans = Vec::new();
        for number in 0..2 {
            loans.push(world.signed(&format!("{number}"), party, 20_000_00, 12).await);
        }
        let mut things: Vec<SecurityId> = Vec::new();
        for step in 0..70 {
            let loan = *prng.pick(&loans);
            let minor = 1_00 + prng.below(6_000_00) as i64;
            let share = Decimal::new(1 + prng.below(70) as i64, 2);
            let today = world.today().await;
            let thing = (!things.is_empty()).then(|| *prng.pick(&things));
            let paid_out = world.loan(loan).await.position.is_some();
            let command = match (prng.below(12), thing) {
                (0, _) => Command::AddSecurity(loan, guarantor(*prng.pick(&friends))),
                (1, _) => Command::AddSecurity(loan, car(4 * minor, today, share)),
                (2, Some(collateral)) => {
                    Command::AddSecurity(loan, NewSecurity::Pledge { collateral, share })
                }
                (3, Some(thing)) => Command::RevalueSecurity(loan, thing, valued(4 * minor, today)),
                (4, Some(thing)) => Command::ReleaseSecurity(loan, thing),
                (5, _) => Command::CloseDate(today),
                (6, _) if paid_out => Command::Repay(loan, minor),
                _ if paid_out => draw(loan, minor),
                _ => Command::DisbursePart(loan, minor),
            };
            let given: Given = world.give(Role::Operator, &format!("step/{step}"), &command).await;
            let pays = matches!(command, Command::DisbursePart(..) | Command::Happen(..));
            match &given {
                Ok((answer, _)) if matches!(command, Command::AddSecurity(..)) => {
                    let id = serde_json::from_str::<SecurityChanged>(answer).unwrap().security;
                    if !things.contains(&id) {
                        things.push(id);
                    }
                }
                Err(Refusal::Security(_)) if pays => refusals += 1,
                _ => {}
            }
            let mut shares = BTreeMap::new();
            for it in &loans {
                let held = counted(&world, *it, &mut shares).await;
                let state = world.loan(*it).await;
                let ended = state.loan.settled_on.is_some();
                let noted = if ended { 0 } else { held.worth };
                assert_eq!(world.noted(*it).await.minor(), noted, "seed {seed}");
                if *it == loan && pays && given.is_ok() {
                    let principal = state.position.unwrap().principal.minor();
                    assert!(principal * 100 <= held.worth * 60, "seed {seed}");
                    assert!(held.guarantors >= 1 && !held.stale, "seed {seed}");
                    payouts += 1;
                }
            }
            assert!(shares.values().all(|it| *it <= 100), "seed {seed}: {shares:?}");
        }
        world.check().await;
    }
    assert!(payouts > 20 && refusals > 20, "{payouts} {refusals}");
}
