//! What one person proposes and another approves.

use money::{Amount, Decimal};
use product::{LoanProduct, kinds::instalment_loan::Change};
use stdx::{Date, Prng, Timestamp, table};

use super::{
    life::{Life, Setup, date, later},
    properties::number,
};
use crate::{
    Owed, What,
    fact::{RateReason, Rescheduling, ReschedulingKind},
    proposal::{Asked, Known, Proposal, Reject, Shown, Stage, changes, check_direct},
};

const NOW: Timestamp = jiff::Timestamp::constant(1_735_800_000, 0);
const KNOWN: Known = Known { booked: 3, reversed: 1 };

fn proposed() -> Proposal {
    let life = Life::new(&Setup::usual()).unwrap();
    let asked = Asked::Fact { what: What::ChargeOff, on: life.today };
    Proposal::new(asked, shown(&life, &What::ChargeOff), KNOWN, "ana", date("2025-01-02"), NOW)
        .unwrap()
}

/// Who does what to a proposal on a day, upon these facts.
fn decide(
    proposal: Proposal,
    does: &str,
    by: &str,
    day: Date,
    known: Known,
) -> Result<Proposal, Reject> {
    match does {
        "approve" => proposal.approve(by, known, day, NOW),
        "reject" => proposal.reject(by, "no", NOW),
        "withdraw" => proposal.withdraw(by, NOW),
        "expire" => proposal.expire(by, NOW),
        other => panic!("{other}"),
    }
}

#[test]
fn four_eyes_decide() {
    for row in table::parse(include_str!("../../testdata/proposals.txt")) {
        let stage = Stage::ALL.into_iter().find(|it| it.name() == row.text("before")).unwrap();
        let known = match row.text("facts") {
            "same" => KNOWN,
            "more" => Known { booked: 4, ..KNOWN },
            "reversed" => Known { reversed: 2, ..KNOWN },
            other => panic!("{other}"),
        };
        let before = Proposal { stage, ..proposed() };
        let (does, by) = (row.text("does"), row.text("by"));
        let said = match decide(before, does, by, row.get("day"), known) {
            Ok(proposal) => {
                assert_eq!(proposal.decided.unwrap().by, by);
                proposal.stage.name()
            }
            Err(reject) => reject.code(),
        };
        assert_eq!(said, row.text("answer"), "line {}", row.line);
    }
}

#[test]
fn a_reason_is_given() {
    let reject = |reason: &str| proposed().reject("ben", reason, NOW).map(|it| it.stage);
    assert_eq!(reject(&"言".repeat(200)), Ok(Stage::Rejected));
    for reason in ["", " ", &"x".repeat(201)] {
        assert_eq!(reject(reason), Err(Reject::ReasonOutOfRange));
    }
}

#[test]
fn nobody_approves_alone_and_nothing_is_decided_twice() {
    let mut approved = 0;
    let fresh = proposed();
    for seed in 0..3_000 {
        let mut prng = Prng::stream(seed, "proposals");
        let mut proposal = fresh.clone();
        for _ in 0..6 {
            let before = proposal.clone();
            let by = *prng.pick(&["ana", "ben", "cleo"]);
            let does = *prng.pick(&["approve", "approve", "reject", "withdraw", "expire"]);
            let known = *prng.pick(&[KNOWN, KNOWN, Known { booked: 4, ..KNOWN }]);
            let day = later(date("2025-01-02"), number(&mut prng, 40));
            match decide(before.clone(), does, by, day, known) {
                Ok(after) => {
                    assert_eq!(before.stage, Stage::Open, "seed {seed}");
                    let two = by != "ana" && known == KNOWN && day <= before.expires_on;
                    assert!(after.stage != Stage::Approved || two, "seed {seed}");
                    approved += u32::from(after.stage == Stage::Approved);
                    proposal = after;
                }
                Err(_) => assert_eq!(proposal, before),
            }
        }
    }
    assert!(approved > 500, "{approved}");
}

#[test]
fn what_changes_the_agreement_needs_two_unless_the_product_says_otherwise() {
    let rescheduling = |distressed| {
        let (kind, due) = (ReschedulingKind::Extension, vec![date("2025-06-01")]);
        let (rate, capitalise) = (None, false);
        What::Rescheduling(Rescheduling { kind, due, rate, capitalise, distressed })
    };
    let rate = Decimal::ZERO;
    let all = [
        (What::RateChange { rate, reason: RateReason::Agreed }, true),
        (What::InterestPause { until: date("2025-06-01") }, true),
        (rescheduling(false), true),
        (rescheduling(true), true),
        (What::Waiver { waived: Owed::default() }, true),
        (What::ChargeOff, true),
        (What::WriteOff, true),
        (What::Sale { price: Amount::ZERO }, true),
        (What::Repayment { amount: Amount::ZERO }, false),
        (What::Drawing { principal: Amount::ZERO }, false),
    ];
    let product = Setup::usual().product();
    let mut definition = product.definition().clone();
    definition.terms["four_eyes"] = serde_json::json!(["rate-change"]);
    let other = LoanProduct::compile(&definition).unwrap();
    for (what, needed) in all {
        let said = check_direct(&product, &what);
        assert_eq!(said.err(), needed.then_some(Reject::Needed), "{what:?}");
        let listed = changes(&what).contains(&Change::RateChange);
        assert_eq!(check_direct(&other, &what).is_err(), listed, "{what:?}");
    }
}

/// What is approved days later makes the loan the one to which it happened on its value date, and
/// what it did on that day is what was shown.
#[test]
fn what_was_shown_is_what_happens_later() {
    let mut life = Life::new(&Setup::usual()).unwrap();
    life.close_to(date("2025-02-20"));
    let waived = Owed { penalty: life.position.due().penalty, ..Owed::default() };
    assert!(waived.penalty.is_positive());
    for what in [What::Waiver { waived }, What::ChargeOff] {
        let shown = shown(&life, &what);
        assert!(!shown.entries.is_empty());
        let mut in_time = life.clone();
        in_time.happen(what.clone()).unwrap();
        let due = (in_time.position.due(), in_time.loan.status);
        assert_eq!((shown.due, shown.status), due);
        in_time.close_to(date("2025-03-10"));
        let mut late = life.clone();
        late.close_to(date("2025-03-10"));
        assert_eq!(Known::of(&late.facts), Known::of(&life.facts), "days are no facts");
        late.book(what, life.today).unwrap();
        assert_eq!((&late.loan, &late.books), (&in_time.loan, &in_time.books));
    }
}

fn shown(life: &Life, what: &What) -> Shown {
    let rules = super::life::rules(&life.product);
    let outcome = crate::happen(&life.loan, &life.position, rules, what.clone(), life.today);
    Shown::of(&life.loan, &outcome.unwrap())
}
