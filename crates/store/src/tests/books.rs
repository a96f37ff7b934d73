//! Accounts, holds, histories, days and periods.

use ledger::{
    AccountState, Cap, CapUse, Direction, Kind, Limits, Reject, Resolution, Side, Window,
};
use stdx::Date;

use super::{
    AccountChange, Code, Commit, Currency, Directory, Moment, Outcome, Store, Transfer, about,
    account, amount, at, balance, bank, commit, committed, day, hold, moving, nth, on_each,
    open_accounts, transfer, verify,
};
use crate::{BookDays, BookLine, StoreError};

async fn refused(store: &Store, commit: Commit) -> Reject {
    match store.commit(commit).await.unwrap() {
        Outcome::Rejected { reject, .. } => reject,
        other => panic!("not rejected: {other:?}"),
    }
}

/// What became of a transfer.
async fn resolution(store: &Store, number: u64) -> Option<Resolution> {
    store.transfer(bank(), nth(number)).await.unwrap().unwrap().resolution
}

#[tokio::test]
async fn holds_are_resolved_from_storage() {
    let directory = Directory::new();
    // Reopens before each step, so that nothing is known but what is stored.
    let store = || directory.open();
    open_accounts(&store(), 2).await;
    let over = at("2026-03-02T13:00:00Z").now;
    let expiring = Transfer { kind: Kind::Hold { expires: Some(over) }, ..hold(4, 1, 2, 40) };
    let holds = [hold(1, 1, 2, 10), hold(2, 1, 2, 20), hold(3, 1, 2, 30), expiring];
    committed(&store(), moving("hold", holds)).await;
    let held = store().account(bank(), nth(1)).await.unwrap().unwrap().balances;
    assert_eq!((held.debits_pending, held.debits_posted), (amount(100), amount(0)));

    let part = Transfer { amount: amount(7), ..about(11, Kind::Post, 1) };
    committed(&store(), moving("post part", [part])).await;
    committed(&store(), moving("void", [about(12, Kind::Void, 2)])).await;
    committed(&store(), moving("post all", [about(13, Kind::Post, 3)])).await;
    let later = Moment { now: over, ..at("2026-03-02T13:00:00Z") };
    let expire = Commit { at: later, ..moving("expire", [about(14, Kind::Expire, 4)]) };
    committed(&store(), expire).await;
    committed(&store(), moving("reverse", [about(15, Kind::Reversal, 13)])).await;

    for (key, again, reject) in [
        ("post posted", about(21, Kind::Post, 1), Reject::HoldAlreadyPosted),
        ("post voided", about(22, Kind::Post, 2), Reject::HoldAlreadyVoided),
        ("void posted", about(23, Kind::Void, 3), Reject::HoldAlreadyPosted),
        ("void expired", about(24, Kind::Void, 4), Reject::HoldAlreadyExpired),
        ("reverse reversed", about(25, Kind::Reversal, 13), Reject::AlreadyReversed),
        ("post nothing", about(26, Kind::Post, 99), Reject::HoldNotFound),
    ] {
        assert_eq!(refused(&store(), moving(key, [again])).await, reject, "{key}");
    }
    let store = store();
    assert_eq!(resolution(&store, 1).await, Some(Resolution::Posted(nth(11))));
    assert_eq!(resolution(&store, 2).await, Some(Resolution::Voided(nth(12))));
    assert_eq!(resolution(&store, 4).await, Some(Resolution::Expired(nth(14))));
    assert_eq!(resolution(&store, 13).await, Some(Resolution::Reversed(nth(15))));
    assert_eq!(resolution(&store, 15).await, None);
    assert_eq!(balance(&store, 2).await, 7);
    verify(&store).await;
}

#[tokio::test]
async fn the_history_is_walked_on_either_side() {
    on_each(async |store| {
        open_accounts(&store, 3).await;
        let moves = [(1, 1, 2), (2, 2, 1), (3, 1, 3), (4, 2, 3), (5, 3, 1)];
        for (number, debit, credit) in moves {
            let pay = moving(&format!("pay {number}"), [transfer(number, debit, credit, 5)]);
            committed(&store, pay).await;
        }
        committed(&store, moving("hold", [hold(6, 1, 2, 5)])).await;
        committed(&store, moving("void", [about(7, Kind::Void, 6)])).await;
        for (number, expected) in
            [(1, vec![7, 6, 5, 3, 2, 1]), (2, vec![7, 6, 4, 2, 1]), (3, vec![5, 4, 3]), (9, vec![])]
        {
            for limit in [1, 2, 6, 7] {
                let found = history(&store, number, limit).await;
                let expected: Vec<_> = expected.iter().map(|it| nth(*it)).collect();
                assert_eq!(found, expected, "account {number} by {limit}");
            }
        }
        // A cursor of another account, or of none, leads nowhere.
        for cursor in [1, 99] {
            let page = store.history(bank(), nth(3), Some(nth(cursor)), 9).await.unwrap();
            assert_eq!((page.data, page.next), (Vec::new(), None));
        }
    })
    .await;
}

async fn history(store: &Store, number: u64, limit: usize) -> Vec<super::TransferId> {
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let page = store.history(bank(), nth(number), from, limit).await.unwrap();
        assert!(page.data.len() <= limit);
        found.extend(page.data.iter().map(|it| it.posted.transfer.id));
        from = page.next;
        if from.is_none() {
            return found;
        }
    }
}

#[tokio::test]
async fn balances_count_from_their_value_date() {
    on_each(async |store| {
        open_accounts(&store, 3).await;
        let dated = |number, debit, credit, minor, date| Transfer {
            value_date: day(date),
            ..transfer(number, debit, credit, minor)
        };
        let moves = [
            dated(1, 1, 2, 100, "2026-03-01"),
            dated(2, 1, 2, 10, "2026-02-01"),
            dated(3, 2, 1, 1, "2026-03-02"),
            dated(4, 1, 3, 1_000, "2025-12-31"),
            hold(5, 1, 2, 50),
        ];
        committed(&store, moving("moves", moves)).await;
        let reversal = Transfer { value_date: day("2026-03-02"), ..about(6, Kind::Reversal, 1) };
        committed(&store, moving("reverse", [reversal])).await;
        for (date, debits, credits) in [
            ("2026-01-31", 0, 0),
            ("2026-02-01", 0, 10),
            ("2026-02-28", 0, 10),
            ("2026-03-01", 0, 110),
            ("2026-03-02", 101, 110),
            ("9999-12-31", 101, 110),
        ] {
            let moved = store.moved_through(bank(), nth(2), day(date)).await;
            assert_eq!(moved, Ok((amount(debits), amount(credits))), "{date}");
        }
        assert_eq!(
            store.moved_through(nth(2), nth(2), day("9999-12-31")).await,
            Ok(Default::default())
        );

        let line = |debits, credits| BookLine {
            currency: Currency::CNY,
            code: Code::literal("2001"),
            debits: amount(debits),
            credits: amount(credits),
        };
        let book = store.book(bank(), Some(day("2026-01-31"))).await;
        assert_eq!(book, Ok(vec![line(1_000, 1_000)]));
        assert_eq!(store.book(bank(), None).await, Ok(vec![line(1_211, 1_211)]));
        assert_eq!(store.book(nth(2), None).await, Ok(Vec::new()));

        let (from, through) = (day("2026-02-01"), day("2026-03-01"));
        let sums = |minor| (amount(minor), amount(minor));
        let days = |days: &[(&str, i64)]| BookDays {
            currency: Currency::CNY,
            code: Code::literal("2001"),
            opening: sums(1_000),
            days: days.iter().map(|(date, minor)| (day(date), sums(*minor))).collect(),
        };
        let book = store.book_days(bank(), from, through, None).await;
        assert_eq!(book, Ok(vec![days(&[("2026-02-01", 10), ("2026-03-01", 100)])]));
        let book = store.book_days(bank(), from, Date::MAX, Some(nth(2))).await;
        let all = [("2026-02-01", 10), ("2026-03-01", 100), ("2026-03-02", 101)];
        assert_eq!(book, Ok(vec![days(&all)]));
        let lane = store.account(bank(), nth(1)).await.unwrap().unwrap().lane;
        assert_eq!(store.book_days(bank(), from, through, Some(lane)).await, Ok(Vec::new()));

        let codes = [Code::literal("2001")].into();
        for (date, expected) in [
            ("2025-12-30", vec![]),
            ("2025-12-31", vec![(1, 1_000, 0), (3, 0, 1_000)]),
            ("2026-02-01", vec![(1, 1_010, 0), (2, 0, 10), (3, 0, 1_000)]),
            ("9999-12-31", vec![(1, 1_110, 101), (2, 101, 110), (3, 0, 1_000)]),
        ] {
            let found = store.unbalanced(bank(), &codes, day(date), 9).await.unwrap();
            let expected: Vec<_> = expected.into_iter().map(|it| (nth(it.0), it)).collect();
            let expected: Vec<_> =
                expected.iter().map(|(id, it)| (*id, (amount(it.1), amount(it.2)))).collect();
            let found: Vec<_> = found.iter().map(|it| (it.account.id, it.moved)).collect();
            assert_eq!(found, expected, "{date}");
        }
        let two = store.account(bank(), nth(2)).await.unwrap().unwrap();
        for (date, debits, credits) in [
            ("2026-01-31", 0, 0),
            ("2026-02-01", 0, 10),
            ("2026-03-02", 101, 0),
            ("2026-03-03", 0, 0),
        ] {
            let moved = store.moved_on(bank(), &two, day(date)).await;
            assert_eq!(moved, Ok((amount(debits), amount(credits))), "{date}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_books_are_ordered_by_currency_and_code() {
    on_each(async |store| {
        let mut opening = commit("open");
        let kinds =
            [("USD", "2001"), ("CNY", "1001.2"), ("CNY", "1001"), ("CNY", "1001"), ("JPY", "9")];
        for (number, (currency, code)) in (1..).zip(kinds) {
            let (code, currency) = (code.parse().unwrap(), currency.parse().unwrap());
            opening.accounts.push(AccountChange::Open(super::Account {
                code,
                currency,
                ..account(number, 1)
            }));
        }
        committed(&store, opening).await;
        committed(&store, moving("pay", [transfer(1, 3, 4, 5), transfer(2, 2, 4, 6)])).await;
        let book = store.book(bank(), None).await.unwrap();
        let line = |it: &BookLine| {
            format!("{} {} {} {}", it.currency, it.code, it.debits.minor(), it.credits.minor())
        };
        let lines: Vec<_> = book.iter().map(line).collect();
        assert_eq!(lines, ["CNY 1001 5 11", "CNY 1001.2 6 0", "JPY 9 0 0", "USD 2001 0 0"]);
    })
    .await;
}

#[tokio::test]
async fn a_closed_period_stays_closed() {
    let directory = Directory::new();
    let store = directory.open();
    open_accounts(&store, 2).await;
    let close = |key: &str, date| Commit { close_period: Some(day(date)), ..commit(key) };
    assert_eq!(refused(&store, close("today", "2026-03-02")).await, Reject::PeriodNotOver);
    committed(&store, close("february", "2026-02-28")).await;
    assert_eq!(refused(&store, close("january", "2026-01-31")).await, Reject::PeriodAlreadyClosed);
    let dated = |key: &str, number, date| {
        moving(key, [Transfer { value_date: day(date), ..transfer(number, 1, 2, 5) }])
    };
    assert_eq!(refused(&store, dated("late", 1, "2026-02-28")).await, Reject::PeriodClosed);
    drop(store);
    let store = directory.open();
    assert_eq!(refused(&store, dated("late", 1, "2026-02-28")).await, Reject::PeriodClosed);
    committed(&store, dated("in time", 1, "2026-03-01")).await;
    // Another institution's books are its own.
    let other = Commit { institution: nth(2), ..close("january", "2026-01-31") };
    committed(&store, other).await;
    verify(&store).await;
}

#[tokio::test]
async fn limits_and_states_are_kept() {
    let directory = Directory::new();
    let limits = Limits {
        overdraft: Some(amount(0)),
        balance_max: None,
        caps: vec![Cap {
            direction: Direction::Out,
            window: Window::Day,
            max: amount(100),
            usage: CapUse::default(),
        }],
    };
    let limited = super::Account { limits: Some(Box::new(limits.clone())), ..account(2, 1) };
    let store = directory.open();
    let mut opening = commit("open");
    opening.accounts.extend([account(1, 1), limited].map(AccountChange::Open));
    committed(&store, opening).await;
    committed(&store, moving("in", [transfer(1, 1, 2, 500)])).await;
    committed(&store, moving("out", [transfer(2, 2, 1, 60)])).await;
    drop(store);

    let store = directory.open();
    let over = moving("over the cap", [transfer(3, 2, 1, 60)]);
    assert_eq!(refused(&store, over).await, Reject::DebitAccountExceedsCap);
    let mut change = commit("change");
    change.accounts.push(AccountChange::State(nth(1), AccountState::FrozenIn));
    change
        .accounts
        .push(AccountChange::Limits(nth(2), Some(Limits { caps: Vec::new(), ..limits })));
    committed(&store, change).await;
    drop(store);

    let store = directory.open();
    let poor = moving("too poor", [transfer(4, 2, 1, 450)]);
    assert_eq!(refused(&store, poor).await, Reject::CreditAccountFrozen);
    let mut thaw = commit("thaw");
    thaw.accounts.push(AccountChange::State(nth(1), AccountState::Open));
    committed(&store, thaw).await;
    let poor = moving("too poor", [transfer(4, 2, 1, 450)]);
    assert_eq!(refused(&store, poor).await, Reject::DebitAccountExceedsOverdraft);
    committed(&store, moving("all", [transfer(5, 2, 1, 440)])).await;
    verify(&store).await;
}

#[tokio::test]
async fn opening_again_changes_nothing() {
    on_each(async |store| {
        open_accounts(&store, 2).await;
        committed(&store, moving("pay", [transfer(1, 1, 2, 5)])).await;
        let mut again = commit("open again");
        let tampered = super::Account { last: Some(nth(77)), ..account(2, 1) };
        again.accounts.push(AccountChange::Open(tampered));
        committed(&store, again).await;
        assert_eq!(balance(&store, 2).await, 5);
        let mut other = commit("open another");
        other
            .accounts
            .push(AccountChange::Open(super::Account { side: Side::Debit, ..account(2, 1) }));
        assert_eq!(refused(&store, other).await, Reject::AccountExistsWithDifferentSide);
        verify(&store).await;
    })
    .await;
}

#[tokio::test]
async fn accounts_come_in_pages() {
    on_each(async |store| {
        open_accounts(&store, 5).await;
        let ids = |page: &[super::Account]| -> Vec<_> { page.iter().map(|it| it.id).collect() };
        let first = store.accounts(bank(), None, 3).await.unwrap();
        assert_eq!((ids(&first.data), first.next), (vec![nth(1), nth(2), nth(3)], Some(nth(3))));
        let last = store.accounts(bank(), first.next, 3).await.unwrap();
        assert_eq!((ids(&last.data), last.next), (vec![nth(4), nth(5)], None));
        let exact = store.accounts(bank(), None, 5).await.unwrap();
        assert_eq!((exact.data.len(), exact.next), (5, None));
        let error = store.accounts(bank(), None, 1_001).await.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { limit: "PAGE_MAX", .. }));
    })
    .await;
}
