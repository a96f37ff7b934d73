//! Group commit: many at once, each for itself.

use ledger::Kind;

use super::{
    AccountChange, Commit, Digest, LOANS, Loan, Outcome, Store, about, account, balance, bank,
    commit, committed, day, hold, loan, moving, nth, on_each, open_accounts, replayed,
    rig::{Rig, Write, on_each_rigged, queue, together},
    transfer, verify,
};
use crate::{BATCH_COMMITS_MAX, Due, StoreError};

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_commit_at_once() {
    const TASKS: u64 = 8;
    const EACH: u64 = 25;
    on_each(async |store: Store| {
        open_accounts(&store, TASKS + 1).await;
        let task = |task: u64| {
            let store = store.clone();
            async move {
                for number in 0..EACH {
                    let number = 1_000 + task * EACH + number;
                    let key = format!("move {number}");
                    let commit = moving(&key, [transfer(number, 1, task + 1, 5)]);
                    committed(&store, commit).await;
                }
            }
        };
        let tasks: Vec<_> = (1..=TASKS).map(|number| tokio::spawn(task(number))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        for number in 1..=TASKS {
            assert_eq!(balance(&store, number + 1).await, 125);
        }
        assert_eq!(balance(&store, 1).await, -125 * 8);
        assert_eq!(store.check_log(bank()).await, Ok(1 + TASKS * EACH));
        verify(&store).await;
    })
    .await;
}

#[tokio::test]
async fn what_waits_is_one_write() {
    on_each_rigged(async |store, rig| {
        let commits = (0..100).map(|number| commit(&format!("number {number}")));
        for (outcome, seq) in together(&store, &rig, commit("first"), commits).await.iter().zip(2..)
        {
            assert!(matches!(outcome, Ok(Outcome::Committed(it)) if it.seq == seq), "{outcome:?}");
        }
        assert_eq!(rig.writes(), [1, 100]);
        verify(&store).await;
    })
    .await;
}

#[tokio::test]
async fn a_batch_has_a_limit() {
    on_each_rigged(async |store, rig| {
        let commits = (0..=BATCH_COMMITS_MAX).map(|number| commit(&format!("n {number}")));
        together(&store, &rig, commit("first"), commits).await;
        assert_eq!(rig.writes(), [1, BATCH_COMMITS_MAX, 1]);
    })
    .await;
}

/// A commit that puts a loan at a version.
fn putting(key: &str, before: u64, state: &str) -> Commit {
    let mut commit = commit(key);
    commit.put(&LOANS, nth::<Loan>(1), before, &loan("ann", state));
    commit
}

#[tokio::test]
async fn who_is_refused_drops_out_alone() {
    on_each_rigged(async |store, rig| {
        open_accounts(&store, 3).await;
        let mut reused = commit("pays");
        reused.digest = Digest::of(&[b"another request"]);
        let mut expecting = commit("expects what is written in the batch");
        expecting.expect(&LOANS, nth::<Loan>(1), 1);
        let mut late = commit("expects what was before the batch");
        late.expect(&LOANS, nth::<Loan>(1), 0);
        let commits = [
            moving("pays", [transfer(1, 1, 2, 70)]),
            moving("pays nobody", [transfer(2, 1, 2, 1), transfer(3, 1, 99, 1)]),
            moving("pays", [transfer(1, 1, 2, 70)]),
            reused,
            putting("puts", 0, "new"),
            putting("puts too", 0, "newer"),
            expecting,
            late,
            putting("puts on top", 1, "old"),
            moving("pays on", [transfer(4, 2, 3, 70)]),
        ];
        let outcomes = together(&store, &rig, commit("first"), commits).await;
        let seen: Vec<_> = outcomes.into_iter().map(|it| brief(&it.unwrap())).collect();
        expect_test::expect![[r#"
            committed 3
            rejected Some(1) credit-account-not-found
            replayed 3
            key reused
            committed 4
            conflict loan
            committed 5
            conflict loan
            committed 6
            committed 7"#]]
        .assert_eq(&seen.join("\n"));
        assert_eq!(rig.writes(), [1, 1, 5]);
        assert_eq!(balance(&store, 1).await, -70);
        assert_eq!(balance(&store, 2).await, 0);
        assert_eq!(balance(&store, 3).await, 70);
        assert_eq!(store.transfer(bank(), nth(2)).await, Ok(None));
        let stored = store.get(&LOANS, bank(), nth::<Loan>(1)).await.unwrap().unwrap();
        assert_eq!((stored.version, stored.record), (2, loan("ann", "old")));
        let new = store.find(&LOANS, bank(), ("state", "new"), None, 9).await.unwrap();
        assert_eq!(new.data, []);
        verify(&store).await;
    })
    .await;
}

pub(super) fn brief(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Committed(receipt) => format!("committed {}", receipt.seq),
        Outcome::Replayed(receipt) => format!("replayed {}", receipt.seq),
        Outcome::Rejected { transfer, reject } => {
            format!("rejected {transfer:?} {}", reject.code())
        }
        Outcome::KeyReused => "key reused".to_owned(),
        Outcome::Conflict(key) => format!("conflict {}", key.kind),
    }
}

#[tokio::test]
async fn an_account_opened_in_the_batch_is_used_in_it() {
    on_each_rigged(async |store, rig| {
        let mut opening = commit("open");
        opening.accounts.extend([1, 2].map(|it| AccountChange::Open(account(it, it))));
        let commits = [
            moving("too early", [transfer(1, 1, 2, 3)]),
            opening,
            moving("hold", [hold(2, 1, 2, 5)]),
            moving("post", [about(3, Kind::Post, 2)]),
            moving("again", [about(4, Kind::Void, 2)]),
        ];
        let outcomes = together(&store, &rig, commit("first"), commits).await;
        let seen: Vec<_> = outcomes.into_iter().map(|it| brief(&it.unwrap())).collect();
        let early = "rejected Some(0) debit-account-not-found";
        let again = "rejected Some(0) hold-already-posted";
        assert_eq!(seen, [early, "committed 2", "committed 3", "committed 4", again]);
        assert_eq!(balance(&store, 2).await, 5);
        verify(&store).await;
    })
    .await;
}

#[tokio::test]
async fn timers_of_one_batch_follow_each_other() {
    on_each_rigged(async |store, rig| {
        let due = Due::Day(day("2026-04-01"));
        let [mut set, mut clear, mut again, mut other] =
            ["set", "clear", "again", "other"].map(commit);
        set.set_timer(due, "collect", nth::<Loan>(1));
        clear.clear_timer(due, "collect", nth::<Loan>(1));
        again.set_timer(due, "collect", nth::<Loan>(1));
        other.set_timer(due, "collect", nth::<Loan>(2));
        other.clear_timer(due, "collect", nth::<Loan>(2));
        together(&store, &rig, commit("first"), [set, clear, again, other]).await;
        let timers = store.timers(bank(), due, None, 9).await.unwrap().data;
        let subjects: Vec<_> = timers.into_iter().map(|timer| timer.subject).collect();
        assert_eq!(subjects, [nth(1)]);
        verify(&store).await;
    })
    .await;
}

/// A batch whose write does `write`, and then all of it again.
async fn fails_whole(store: Store, rig: &Rig, write: Write) {
    open_accounts(&store, 2).await;
    let batch = || {
        let mut puts = putting("puts", 0, "new");
        puts.set_timer(Due::Day(day("2026-04-01")), "collect", nth::<Loan>(1));
        let nobody = moving("pays nobody", [transfer(2, 1, 9, 1)]);
        [moving("pays", [transfer(1, 1, 2, 7)]), puts, nobody]
    };
    rig.next(write);
    for outcome in together(&store, rig, commit("first"), batch()).await {
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    }
    let happened = write == Write::FailsAfter;
    assert_eq!(store.check_log(bank()).await, Ok(if happened { 4 } else { 2 }));
    assert_eq!(balance(&store, 2).await, if happened { 7 } else { 0 });
    verify(&store).await;

    for commit in batch().into_iter().chain(batch()) {
        drop(store.commit(commit).await.unwrap());
    }
    let [pays, puts, nobody] = batch();
    assert_eq!(replayed(&store, pays).await.seq, 3);
    assert_eq!(replayed(&store, puts).await.seq, 4);
    let refused = brief(&store.commit(nobody).await.unwrap());
    assert_eq!(refused, "rejected Some(0) credit-account-not-found");
    assert_eq!(balance(&store, 2).await, 7);
    assert_eq!(store.check_log(bank()).await, Ok(4));
    verify(&store).await;
}

#[tokio::test]
async fn a_failing_write_fails_its_batch_and_nothing_else() {
    on_each_rigged(async |store, rig| fails_whole(store, &rig, Write::Fails).await).await;
}

#[tokio::test]
async fn a_lost_acknowledgement_is_made_good_by_repeating() {
    on_each_rigged(async |store, rig| fails_whole(store, &rig, Write::FailsAfter).await).await;
}

#[tokio::test]
async fn a_panic_fails_its_batch_and_nothing_else() {
    on_each_rigged(async |store, rig| fails_whole(store, &rig, Write::Panics).await).await;
}

#[tokio::test]
async fn what_was_taken_in_is_durable_when_the_store_is_dropped() {
    on_each_rigged(async |store, rig| {
        let mut gone = Box::pin(store.commit(commit("nobody waits for it")));
        drop(queue(gone.as_mut()));
        drop(gone);
        drop(store);
        assert_eq!(rig.writes(), [1]);
    })
    .await;
}
