//! Records, links, timers, and who sees what.

use ledger::InstitutionId;
use stdx::Id;

use super::{
    AccountChange, Commit, LOANS, Loan, Store, account, at, balance, bank, commit, committed, day,
    lane, loan, moving, nth, on_each, open_accounts, transfer, verify,
};
use crate::{Due, Table, Timer};

async fn put(store: &Store, number: u64, before: u64, record: Loan) {
    let mut commit = commit(&format!("put {number} {before}"));
    commit.put(&LOANS, nth::<Loan>(number), before, &record);
    committed(store, commit).await;
}

/// The numbers of the loans with a link, page by page.
async fn found(store: &Store, link: (&str, &str), limit: usize) -> Vec<Id<()>> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = store.find(&LOANS, bank(), link, after, limit).await.unwrap();
        assert!(page.data.len() <= limit);
        ids.extend(page.data.iter().map(|(id, _)| *id));
        after = page.next;
        if after.is_none() {
            return ids;
        }
    }
}

#[tokio::test]
async fn records_are_found_by_their_newest_links() {
    on_each(async |store| {
        for (number, borrower, state) in [(3, "ann", "new"), (1, "ann", "new"), (2, "bob", "new")] {
            put(&store, number, 0, loan(borrower, state)).await;
        }
        assert_eq!(found(&store, ("borrower", "ann"), 9).await, [nth(1), nth(3)]);
        for limit in [1, 2, 3] {
            assert_eq!(found(&store, ("state", "new"), limit).await, [1, 2, 3].map(nth));
        }
        put(&store, 1, 1, loan("ann", "paid")).await;
        put(&store, 3, 1, loan("bob", "new")).await;
        assert_eq!(found(&store, ("state", "new"), 9).await, [nth(2), nth(3)]);
        assert_eq!(found(&store, ("state", "paid"), 9).await, [nth(1)]);
        assert_eq!(found(&store, ("borrower", "bob"), 1).await, [nth(2), nth(3)]);
        for nothing in [("borrower", "an"), ("borrower", "ann "), ("state", "ann"), ("", "")] {
            assert_eq!(found(&store, nothing, 9).await, []);
        }
        verify(&store).await;
    })
    .await;
}

#[tokio::test]
async fn records_are_listed_oldest_first() {
    const OTHERS: Table<Loan> = Table::new("loan-other", |_| Vec::new());
    on_each(async |store| {
        for number in [4, 2, 3, 1] {
            put(&store, number, 0, loan("ann", "new")).await;
        }
        let mut other = Commit { lane: lane(7), ..commit("other") };
        other.put(&OTHERS, nth::<Loan>(9), 0, &loan("ann", "new"));
        committed(&store, other).await;
        let first = store.list(&LOANS, bank(), None, 3).await.unwrap();
        let ids: Vec<_> = first.data.iter().map(|(id, _)| *id).collect();
        assert_eq!((ids, first.next), ([1, 2, 3].map(nth).to_vec(), Some(nth(3))));
        let last = store.list(&LOANS, bank(), first.next, 3).await.unwrap();
        assert_eq!((last.data.len(), last.data[0].0, last.next), (1, nth(4), None));
        let others = store.list(&OTHERS, bank(), None, 3).await.unwrap().data;
        let [(id, versioned)] = &others[..] else { panic!("{others:?}") };
        assert_eq!((*id, versioned.version, versioned.lane), (nth(9), 1, lane(7)));
        assert_eq!(store.get(&OTHERS, bank(), nth::<Loan>(1)).await, Ok(None));
        verify(&store).await;
    })
    .await;
}

#[tokio::test]
async fn put_again_in_a_commit_the_later_stands() {
    on_each(async |store| {
        let mut twice = commit("twice");
        twice.put(&LOANS, nth::<Loan>(1), 0, &loan("ann", "new"));
        twice.put(&LOANS, nth::<Loan>(2), 0, &loan("bob", "new"));
        twice.put(&LOANS, nth::<Loan>(1), 0, &loan("ann", "signed"));
        committed(&store, twice).await;
        let stored = store.get(&LOANS, bank(), nth::<Loan>(1)).await.unwrap().unwrap();
        assert_eq!((stored.version, stored.record), (1, loan("ann", "signed")));
        assert_eq!(found(&store, ("state", "new"), 9).await, [nth(2)]);
        verify(&store).await;
    })
    .await;
}

#[tokio::test]
async fn a_link_given_twice_is_one() {
    const TWICE: Table<Loan> = Table::new("loan", |loan| {
        vec![("borrower", loan.borrower.clone()), ("borrower", loan.borrower.clone())]
    });
    on_each(async |store| {
        for (before, borrower) in [(0, "ann"), (1, "bob"), (2, "bob")] {
            let mut commit = commit(&format!("put {before}"));
            commit.put(&TWICE, nth::<Loan>(1), before, &loan(borrower, ""));
            committed(&store, commit).await;
        }
        assert_eq!(found(&store, ("borrower", "ann"), 9).await, []);
        assert_eq!(found(&store, ("borrower", "bob"), 9).await, [nth(1)]);
        verify(&store).await;
    })
    .await;
}

#[tokio::test]
async fn institutions_never_see_each_other() {
    on_each(async |store| {
        let of =
            |institution: u64, commit: Commit| Commit { institution: nth(institution), ..commit };
        for institution in [1, 2] {
            let mut opening = commit("open");
            opening.accounts.extend([1, 2].map(|it| AccountChange::Open(account(it, 1))));
            committed(&store, of(institution, opening)).await;
            let minor = i64::try_from(institution).unwrap();
            let mut all = of(institution, moving("all", [transfer(1, 1, 2, minor)]));
            all.put(&LOANS, nth::<Loan>(1), 0, &loan("ann", &institution.to_string()));
            all.set_timer(Due::Day(day("2026-04-01")), &institution.to_string(), nth::<Loan>(1));
            all.answer(&institution);
            committed(&store, all).await;
        }
        for institution in [1, 2] {
            let of: InstitutionId = nth(institution);
            let minor = i64::try_from(institution).unwrap();
            let stored = store.get(&LOANS, of, nth::<Loan>(1)).await.unwrap().unwrap();
            assert_eq!(stored.record.state, institution.to_string());
            let found = store.find(&LOANS, of, ("borrower", "ann"), None, 9).await.unwrap().data;
            assert_eq!((found.len(), &found[0].1), (1, &stored));
            assert_eq!(store.list(&LOANS, of, None, 9).await.unwrap().data.len(), 1);
            let moved = store.transfer(of, nth(1)).await.unwrap().unwrap();
            assert_eq!(moved.posted.transfer.amount.minor(), minor);
            let history = store.history(of, nth(2), None, 9).await.unwrap().data;
            assert_eq!(history, [moved]);
            assert_eq!(store.accounts(of, None, 9).await.unwrap().data.len(), 2);
            assert_eq!(store.book(of, None).await.unwrap()[0].debits.minor(), minor);
            let timers = store.timers(of, Due::Day(day("2026-04-01")), None, 9).await.unwrap().data;
            assert_eq!((timers.len(), &timers[0].kind), (1, &institution.to_string()));
            let (_, receipt) = store.answered(of, "all").await.unwrap().unwrap();
            assert_eq!((receipt.seq, receipt.answer::<u64>()), (2, Ok(institution)));
            let log = store.log(of, 0, 9).await.unwrap().data;
            assert!(log.len() == 2 && log.iter().all(|row| row.institution == of));
            assert_eq!(store.check_log(of).await, Ok(2));
            store.verify(of).await.unwrap();
        }
        assert_ne!(store.state_hash(nth(1)).await, store.state_hash(nth(2)).await);
        assert_eq!(store.state_hash(nth(3)).await, store.state_hash(nth(4)).await);
        assert_eq!(store.get(&LOANS, nth(3), nth::<Loan>(1)).await, Ok(None));
    })
    .await;
}

/// The timers as `due kind`, page by page.
async fn due(store: &Store, through: Due, limit: usize) -> Vec<String> {
    let (mut lines, mut after) = (Vec::new(), None::<Timer>);
    loop {
        let page = store.timers(bank(), through, after.as_ref(), limit).await.unwrap();
        lines.extend(page.data.iter().map(|timer| match timer.due {
            Due::Day(day) => format!("{day} {}", timer.kind),
            Due::Moment(moment) => format!("{moment} {}", timer.kind),
        }));
        after = page.next;
        if after.is_none() {
            return lines;
        }
    }
}

#[tokio::test]
async fn timers_are_due_in_order() {
    let moment = |text: &str| Due::Moment(text.parse().unwrap());
    on_each(async |store| {
        let mut setting = commit("set");
        for (due, kind) in [
            (Due::Day(day("2026-04-02")), "collect"),
            (moment("2026-04-01T00:00:00.5Z"), "retry"),
            (Due::Day(day("2026-04-01")), "remind"),
            (Due::Day(day("2026-04-01")), "collect"),
            (moment("2026-04-01T00:00:00Z"), "retry"),
            (moment("9999-12-30T00:00:00Z"), "expire"),
            (moment("1969-12-31T23:59:59Z"), "expire"),
        ] {
            setting.set_timer(due, kind, nth::<Loan>(1));
        }
        committed(&store, setting).await;
        for limit in [1, 2, 9] {
            let days = due(&store, Due::Day(day("2026-04-01")), limit).await;
            assert_eq!(days, ["2026-04-01 collect", "2026-04-01 remind"]);
            let moments = due(&store, moment("2026-04-01T00:00:00.4Z"), limit).await;
            assert_eq!(moments, ["1969-12-31T23:59:59Z expire", "2026-04-01T00:00:00Z retry"]);
        }
        assert_eq!(due(&store, Due::Day(day("9999-12-31")), 9).await.len(), 3);
        assert_eq!(due(&store, moment("9999-12-30T00:00:00Z"), 9).await.len(), 4);

        let mut clearing = commit("clear");
        clearing.clear_timer(Due::Day(day("2026-04-01")), "collect", nth::<Loan>(1));
        clearing.clear_timer(Due::Day(day("2026-04-01")), "collect", nth::<Loan>(1));
        clearing.clear_timer(Due::Day(day("2026-04-02")), "collect", nth::<Loan>(2));
        clearing.clear_timer(moment("2026-04-01T00:00:00.4Z"), "retry", nth::<Loan>(1));
        clearing.clear_timer(moment("9999-12-30T00:00:00Z"), "expire", nth::<Loan>(1));
        clearing.set_timer(Due::Day(day("2026-04-02")), "collect", nth::<Loan>(1));
        committed(&store, clearing).await;
        let days = due(&store, Due::Day(day("2026-04-02")), 9).await;
        assert_eq!(days, ["2026-04-01 remind", "2026-04-02 collect"]);
        assert_eq!(due(&store, moment("9999-12-30T01:00:00Z"), 9).await.len(), 3);
        verify(&store).await;
    })
    .await;
}

#[tokio::test]
async fn clones_share_a_store() {
    on_each(async |store| {
        let other = store.clone();
        open_accounts(&store, 2).await;
        committed(&other, moving("pay", [transfer(1, 1, 2, 5)])).await;
        drop(other);
        assert_eq!(balance(&store, 2).await, 5);
        let later = Commit { at: at("2026-03-03T00:00:00Z"), ..commit("later") };
        committed(&store, later).await;
    })
    .await;
}
