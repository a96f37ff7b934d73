//! Dunning: steps that are taken when a loan is late for so long, and start again when it is cured.

use product::{definition::Text, kinds::instalment_loan::DunningStep};
use stdx::{Date, Prng, table};

use super::{
    life::{Life, Setup, date, later},
    properties::number,
};
use crate::{
    Dunning, Reject, Status, What,
    dunning::REACHED_MAX,
    fact::{Rescheduling, ReschedulingKind},
};

fn steps() -> Vec<DunningStep> {
    [("reminder", 1), ("call", 10), ("letter", 30), ("legal", 60)]
        .map(|(step, after)| {
            let title = Text { en: step.to_owned(), zh: step.to_owned() };
            DunningStep { after, step: step.to_owned(), title }
        })
        .into()
}

/// A loan with its timer of dunning.
#[derive(Clone)]
struct Dunned {
    life: Life,
    dunning: Dunning,
    steps: Vec<DunningStep>,
}

impl Dunned {
    fn new() -> Self {
        let life = Life::new(&Setup::usual()).unwrap();
        Self { life, dunning: Dunning::default(), steps: steps() }
    }

    fn follow(&mut self) {
        let Life { loan, position, .. } = &self.life;
        self.dunning = self.dunning.follow(&self.steps, loan, position);
        let again = self.dunning.follow(&self.steps, loan, position);
        assert_eq!(again, self.dunning, "following twice is following once");
    }

    fn happen(&mut self, what: What) {
        self.life.happen(what).unwrap();
        self.follow();
    }

    /// Closes days as the end of day does: the loan's, then its timers of the day.
    fn close_to(&mut self, day: Date) {
        while self.life.today < day {
            let today = self.life.today;
            if self.life.loan.status == Status::Active {
                self.life.close().unwrap();
                self.follow();
            } else {
                self.life.today = later(today, 1);
            }
            self.run(today);
        }
    }

    fn run(&mut self, day: Date) {
        if self.dunning.next.as_ref().is_some_and(|next| next.on <= day) {
            let due = self.dunning.next.as_ref().unwrap().on;
            let Life { loan, position, .. } = &self.life;
            let after = self.dunning.reach(&self.steps, loan, position, due).unwrap();
            self.dunning = after.expect("the timer is that of the record");
        }
    }

    fn pay_one(&mut self) {
        let oldest = self.life.position.open[0].owed.total();
        self.happen(What::Repayment { amount: oldest });
    }

    /// What is due becomes principal of a new plan, to be paid on the 20th.
    fn reage(&mut self) {
        let due = (6..9).map(|month| jiff::civil::date(2025, month, 20)).collect();
        let (kind, rate) = (ReschedulingKind::ReAging, None);
        // Penalty stays due, so it is waived first.
        let penalty = self.life.position.due().penalty;
        self.happen(What::Waiver { waived: crate::Owed { penalty, ..crate::Owed::default() } });
        let what = Rescheduling { kind, due, rate, capitalise: true, distressed: true };
        self.happen(What::Rescheduling(what));
    }
}

#[test]
fn a_loan_is_dunned_step_by_step() {
    let mut it = Dunned::new();
    it.life = Life::new(&Setup { instalments: 6, ..Setup::usual() }).unwrap();
    for row in table::parse(include_str!("../../testdata/dunning.txt")) {
        it.close_to(row.get("day"));
        match row.text("happens") {
            "-" => {}
            "pay-one" => it.pay_one(),
            "reage" => it.reage(),
            "lost" => it.happen(What::ChargeOff),
            other => panic!("{other}"),
        }
        let last = it.dunning.step();
        let next = it.dunning.next.as_ref();
        let told = (
            it.life.position.days_past_due,
            last.map(|it| it.step.clone()),
            last.map(|it| it.on),
            next.map(|it| it.step.clone()),
            next.map(|it| it.on),
        );
        let expected = (
            row.get("past_due"),
            row.option("last"),
            row.option("taken_on"),
            row.option("next"),
            row.option("on"),
        );
        assert_eq!(told, expected, "line {}", row.line);
    }
    let reached: Vec<_> = it.dunning.reached.iter().map(|it| &*it.step).collect();
    assert_eq!(reached, ["reminder", "call", "reminder", "call", "letter", "reminder"]);
}

#[test]
fn who_is_late_at_once_catches_up_step_by_step() {
    let mut it = Dunned::new();
    it.close_to(date("2025-02-01"));
    it.pay_one();
    it.close_to(date("2025-02-25"));
    it.life.reverse(1).unwrap();
    it.follow();
    assert_eq!(it.life.position.days_past_due, 23);
    it.close_to(date("2025-03-10"));
    let reached: Vec<_> = it.dunning.reached.iter().map(|it| (&*it.step, it.on)).collect();
    let expected = [("reminder", "2025-02-25"), ("call", "2025-02-26"), ("letter", "2025-03-03")];
    assert_eq!(reached, expected.map(|(step, on)| (step, date(on))));
}

#[test]
fn a_timer_waits_for_the_day_of_its_loan() {
    let mut it = Dunned::new();
    it.close_to(date("2025-02-05"));
    let Life { loan, position, .. } = &it.life;
    let day = date("2025-02-05");
    let early = it.dunning.reach(&it.steps, loan, position, day);
    assert_eq!(early, Err(Reject::DayNotReached));
    let moved = it.dunning.reach(&it.steps, loan, position, date("2025-02-04"));
    assert_eq!(moved, Ok(None), "a timer that was moved");
}

#[test]
fn another_list_of_steps_goes_on_from_the_day_of_the_last_one() {
    let mut it = Dunned::new();
    it.close_to(date("2025-02-15"));
    assert_eq!(it.dunning.reached.last().unwrap().step, "call");
    it.steps.remove(1);
    it.follow();
    let next = it.dunning.next.clone().unwrap();
    assert_eq!((&*next.step, next.on), ("letter", date("2025-03-03")));
    // Without any steps none is due, and who is cured leaves the list.
    it.steps.clear();
    it.follow();
    assert_eq!((&it.dunning.next, it.dunning.step().is_some()), (&None, true));
    it.pay_one();
    it.follow();
    assert_eq!((it.dunning.since, it.dunning.step()), (None, None));
}

/// Over random lives: steps come in order and late enough, the first one first after each cure,
/// and a timer stands exactly while something is due and steps are left.
#[test]
fn steps_come_in_order_and_in_time() {
    let mut reached = 0;
    for seed in 0..120 {
        let mut prng = Prng::stream(seed, "dunning");
        let mut it = Dunned::new();
        for _ in 0..40 {
            let before = it.dunning.clone();
            let day = later(it.life.today, 1);
            it.close_to(day);
            let new = it.dunning.reached.len() - before.reached.len();
            assert!(new <= 1, "one step a day");
            if new == 1 {
                let step = it.dunning.reached.last().unwrap();
                let place = it.steps.iter().position(|known| known.step == step.step).unwrap();
                assert!(step.days_past_due >= it.steps[place].after, "seed {seed}");
                assert_eq!(it.steps[place].after, it.dunning.taken, "seed {seed}");
                reached += 1;
            }
            if prng.chance(5) && !it.life.position.open.is_empty() {
                it.pay_one();
            }
            if prng.chance(20) {
                it.close_to(later(it.life.today, number(&mut prng, 20)));
            }
            let Life { loan, position, .. } = &it.life;
            let active = loan.status == Status::Active;
            let late = active && position.days_past_due > 0;
            assert_eq!(it.dunning.since.is_some(), late, "seed {seed}");
            let more = it.steps.last().is_some_and(|last| it.dunning.taken < last.after);
            let waits = active && !position.open.is_empty() && more;
            assert_eq!(it.dunning.next.is_some(), waits, "seed {seed}");
            assert!(it.dunning.next.as_ref().is_none_or(|it| it.on >= position.through));
            assert!(it.dunning.reached.len() <= REACHED_MAX);
        }
    }
    assert!(reached > 120, "{reached}");
}
