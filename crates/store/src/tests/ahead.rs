//! Large batches, of which one is decided while the one before is being written.

use super::{
    Commit, LOANS, Loan, Store, about, balance, bank,
    batches::brief,
    hold, loan, moving, nth, open_accounts, replayed,
    rig::{Rig, Write, on_each_alone, queue},
    transfer, verify,
};
use crate::{Outcome, StoreError, ahead::TRANSFERS_MIN};

/// Holds, and enough transfers beside them; with a record.
fn first() -> Commit {
    let many = (100..100 + TRANSFERS_MIN as u64).map(|id| transfer(id, 1, 2, 1));
    let mut first = moving("first", many.chain([hold(1, 1, 2, 7)]));
    first.put(&LOANS, nth::<Loan>(1), 0, &loan("ann", "new"));
    first
}

/// Looks at nearly everything that the first one does.
fn second() -> Commit {
    let many = (200..200 + TRANSFERS_MIN as u64).map(|id| transfer(id, 1, 2, 1));
    let again = [transfer(100, 1, 2, 1), about(2, ledger::Kind::Post, 1)];
    let mut second = moving("second", again.into_iter().chain(many));
    second.put(&LOANS, nth::<Loan>(1), 1, &loan("ann", "paid"));
    second
}

/// Both at once: the first is written as `write` says, and waits until the second was given.
async fn both(store: &Store, rig: &Rig, write: Write) -> [Result<Outcome, StoreError>; 2] {
    rig.next(write);
    let (mut one, mut two) = (Box::pin(store.commit(first())), Box::pin(store.commit(second())));
    assert!(queue(one.as_mut()).is_pending());
    rig.until_waiting(true);
    assert!(queue(two.as_mut()).is_pending());
    rig.set_waiting(false);
    [one.await, two.await]
}

const MOVED: i64 = 2 * TRANSFERS_MIN as i64 + 7;

#[tokio::test]
async fn the_second_is_decided_on_what_the_first_leaves() {
    on_each_alone(async |store, rig| {
        open_accounts(&store, 2).await;
        let [one, two] = both(&store, &rig, Write::Waits).await;
        assert_eq!([brief(&one.unwrap()), brief(&two.unwrap())], ["committed 2", "committed 3"]);
        assert_eq!(balance(&store, 2).await, MOVED);
        assert_eq!(replayed(&store, first()).await.seq, 2);
        verify(&store).await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_left_of_what_was_decided_on_a_batch_that_failed() {
    on_each_alone(async |store, rig| {
        open_accounts(&store, 2).await;
        for outcome in both(&store, &rig, Write::WaitsAndFails).await {
            assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
        }
        assert_eq!(balance(&store, 2).await, 0);
        assert_eq!(store.check_log(bank()).await, Ok(1));
        verify(&store).await;
        let conflict = store.commit(second()).await.unwrap();
        assert!(matches!(conflict, Outcome::Conflict(_)), "{conflict:?}");
        for again in [first(), second()] {
            assert!(matches!(store.commit(again).await, Ok(Outcome::Committed(_))));
        }
        assert_eq!(balance(&store, 2).await, MOVED);
        verify(&store).await;
    })
    .await;
}

#[tokio::test]
async fn a_large_batch_that_panics_or_is_not_acknowledged_is_repeated() {
    for write in [Write::Panics, Write::FailsAfter, Write::Fails] {
        on_each_alone(async |store, rig| {
            open_accounts(&store, 2).await;
            rig.next(write);
            assert!(matches!(store.commit(first()).await, Err(StoreError::Unavailable(_))));
            for again in [first(), second()] {
                drop(store.commit(again).await.unwrap());
            }
            assert_eq!(balance(&store, 2).await, MOVED);
            verify(&store).await;
        })
        .await;
    }
}
