//! The timer of dunning: it stands while something is due, and a step is told once.

use lending::{Dunning, What};
use stdx::Date;
use store::{Due, PAGE_MAX};

use super::{
    command::Command,
    proposals::charge_off,
    world::{LOAN, World},
};
use crate::{Role, days::DUN_LOAN, loans::proposals::Proposed, tables::LoanId};

fn day(month: i8, day: i8) -> Date {
    jiff::civil::date(2025, month, day)
}

fn dunned() -> String {
    LOAN.replace("version: 1", "version: 2")
        + "  dunning:
    - { after: 4, step: reminder, title: { en: Reminder, zh: 提醒 } }
    - { after: 20, step: letter, title: { en: Letter, zh: 催收函 } }
"
}

impl World {
    async fn dunning(&self, loan: LoanId) -> Dunning {
        self.bank.loan_dunning(&self.reader(), loan).await.unwrap()
    }

    /// Every timer of dunning there is.
    async fn dunning_timers(&self) -> Vec<Due> {
        let timers = self.bank.store().timers(self.home, Due::Day(Date::MAX), None, PAGE_MAX).await;
        let timers = timers.unwrap().data.into_iter().filter(|it| it.kind == DUN_LOAN);
        timers.map(|it| it.due).collect()
    }
}

#[tokio::test]
async fn a_step_is_a_timer_until_the_loan_is_cured_or_lost() {
    let world = World::new().await;
    world.publish("loan", 2, &dunned()).await;
    let (late, prompt) = (world.person(1).await, world.person(2).await);
    let late = world.lend("a", late, 12_000_00, 6).await;
    let prompt = world.lend("b", prompt, 6_000_00, 6).await;
    assert!(world.dunning_timers().await.is_empty(), "nothing is due");
    // Both are due on 2 February, in the holidays, and known by the close before them.
    world.close_until(day(2, 5)).await;
    assert_eq!(world.dunning_timers().await, [Due::Day(day(2, 6)); 2]);
    let due = world.position(prompt).await.due().total().minor();
    world.ok("b/1", Command::Repay(prompt, due)).await;
    assert_eq!(world.dunning_timers().await, [Due::Day(day(2, 6))]);
    world.close_until(day(2, 7)).await;
    let dunning = world.dunning(late).await;
    let reached: Vec<_> = dunning.reached.iter().map(|it| (&*it.step, it.on)).collect();
    assert_eq!(reached, [("reminder", day(2, 6))]);
    assert_eq!(world.dunning_timers().await, [Due::Day(day(2, 22))]);
    let listed = world.bank.dunned(&world.reader(), Some("reminder"), None, 9).await.unwrap();
    assert_eq!(listed.data.iter().map(|it| it.0.cast()).collect::<Vec<_>>(), [late]);

    // Charged off, it is dunned no more.
    let proposed: Proposed = world.answer("lost?", charge_off(late)).await;
    let approve = Command::ApproveProposal(proposed.proposal);
    world.give(Role::Approver, "lost", &approve).await.unwrap();
    assert!(world.dunning_timers().await.is_empty());
    assert_eq!(world.dunning(late).await.since, None);
    let listed = world.bank.dunned(&world.reader(), None, None, 9).await.unwrap();
    assert!(listed.data.is_empty());
    world.bank.store().verify(world.home).await.unwrap();
}

#[tokio::test]
async fn a_payment_that_is_taken_back_brings_the_timer_back() {
    let world = World::new().await;
    world.publish("loan", 2, &dunned()).await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 12_000_00, 6).await;
    world.close_until(day(2, 5)).await;
    let due = world.position(loan).await.due().total().minor();
    world.ok("a/1", Command::Repay(loan, due)).await;
    world.close_until(day(2, 26)).await;
    assert!(world.dunning_timers().await.is_empty());
    world.give(Role::Approver, "back", &Command::ReverseFact(loan, 1)).await.unwrap();
    assert_eq!(world.dunning_timers().await, [Due::Day(day(2, 26))]);
    world.close_until(day(3, 3)).await;
    let reached: Vec<_> =
        world.dunning(loan).await.reached.into_iter().map(|it| (it.step, it.on)).collect();
    let expected = [("reminder", day(2, 26)), ("letter", day(2, 27))];
    assert_eq!(reached, expected.map(|(step, on)| (step.to_owned(), on)));
    // Later due dates for what is not due leave what is due late.
    let what = What::InterestPause { until: day(3, 10) };
    world.agreed("pause", loan, what, None).await.unwrap();
    assert!(world.dunning(loan).await.since.is_some());
    world.check().await;
}
