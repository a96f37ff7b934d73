use std::{
    future::poll_fn,
    task::{Context, Poll, Waker},
};

use ledger::{InstitutionId, LaneId, Moment};
use stdx::{Date, Id, Timestamp};
use store::{Commit, Outcome};

use crate::nodes::Nodes;

fn commit(key: &str) -> Commit {
    let of: InstitutionId = Id::derived(&[b"home"]);
    let lane: LaneId = Id::derived(&[b"lane"]);
    let at = Moment { now: Timestamp::UNIX_EPOCH, today: Date::MIN };
    let mut commit = Commit::new(of, lane, "test", at);
    commit.key = key.to_owned();
    commit
}

#[test]
fn nothing_is_answered_between_turns_and_all_that_waits_in_one() {
    let mut nodes = Nodes::new(1);
    for round in 0..50 {
        let store = nodes.bank(0).unwrap().store().clone();
        let mut waiting: Vec<_> = (0..3)
            .map(|index| {
                let (store, commit) = (store.clone(), commit(&format!("{round}/{index}")));
                Box::pin(async move { store.commit(commit).await })
            })
            .collect();
        let mut context = Context::from_waker(Waker::noop());
        for future in &mut waiting {
            assert!(future.as_mut().poll(&mut context).is_pending());
        }
        for future in &mut waiting {
            assert!(future.as_mut().poll(&mut context).is_pending());
        }
        nodes.turn(0);
        for (index, mut future) in (1..).zip(waiting) {
            let answered = poll_fn(|context| Poll::Ready(future.as_mut().poll(context)));
            let answered = crate::nodes::at_once(answered);
            let Poll::Ready(Ok(Outcome::Committed(receipt))) = answered else {
                panic!("{answered:?}")
            };
            assert_eq!(receipt.seq, round * 3 + index);
        }
    }
}
