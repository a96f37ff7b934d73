//! Keys and their answers, expected versions, lanes, limits.

use ledger::{Kind, Reject};
use money::Amount;

use super::{
    AccountChange, Digest, Directory, LOANS, Loan, Outcome, Store, about, account, balance, bank,
    commit, committed, hold, lane, loan, moving, nth, on_each, open_accounts, replayed, transfer,
    verify,
};
use crate::{
    Booked, COMMIT_ACCOUNTS_MAX, COMMIT_EVENTS_MAX, COMMIT_RECORDS_MAX, COMMIT_TIMERS_MAX,
    COMMIT_TRANSFERS_MAX, Commit, Due, KEY_LEN_MAX, LINK_LEN_MAX, Mode, PAGE_MAX, StoreError,
};

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer() {
    on_each(async |store| {
        open_accounts(&store, 2).await;
        let first = committed(&store, moving("pay", [transfer(1, 1, 2, 5)])).await;
        let mut again = moving("pay", [transfer(2, 1, 2, 5)]);
        again.answer(&"another answer to the same request");
        let again = replayed(&store, again).await;
        assert_eq!((again.lane, again.seq), (first.lane, first.seq));
        assert_eq!(again.results, [Ok(Booked::Created)]);
        assert_eq!(again.answer::<String>(), Ok("pay".to_owned()));
        assert_eq!(balance(&store, 2).await, 5);

        let (digest, receipt) = store.answered(bank(), "pay").await.unwrap().unwrap();
        assert_eq!((digest, receipt.seq), (Digest::of(&[b"pay"]), first.seq));
        assert!(store.answered(bank(), "pay not").await.unwrap().is_none());
        assert!(store.answered(nth(2), "pay").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_key_is_used_for_one_request() {
    on_each(async |store| {
        committed(&store, commit("key")).await;
        let other = || Commit { digest: Digest::of(&[b"other"]), ..commit("key") };
        assert!(matches!(store.commit(other()).await, Ok(Outcome::KeyReused)));
        // Another institution's key is another key.
        let elsewhere = Commit { institution: nth(2), ..other() };
        assert_eq!(committed(&store, elsewhere).await.seq, 1);
    })
    .await;
}

#[tokio::test]
async fn a_refused_commit_leaves_its_key_free() {
    on_each(async |store| {
        open_accounts(&store, 1).await;
        let pay = || moving("pay", [transfer(1, 1, 2, 5)]);
        let Ok(Outcome::Rejected { transfer: Some(0), reject }) = store.commit(pay()).await else {
            panic!("there is no account 2");
        };
        assert_eq!(reject, Reject::CreditAccountNotFound);
        let mut opening = commit("open 2");
        opening.accounts.push(AccountChange::Open(account(2, 1)));
        committed(&store, opening).await;
        committed(&store, pay()).await;
    })
    .await;
}

#[tokio::test]
async fn each_alone_answers_for_each_and_again() {
    on_each(async |store| {
        open_accounts(&store, 3).await;
        committed(&store, moving("before", [transfer(1, 1, 2, 5)])).await;
        let bulk = || {
            let linked = ledger::Transfer { linked: true, ..transfer(4, 1, 2, 5) };
            let mut bulk = moving(
                "bulk",
                [
                    transfer(1, 1, 2, 5),
                    transfer(2, 1, 2, 7),
                    transfer(3, 1, 9, 7),
                    linked,
                    transfer(5, 1, 1, 7),
                    transfer(1, 1, 2, 6),
                ],
            );
            bulk.mode = Mode::EachAlone;
            bulk
        };
        let results = [
            Ok(Booked::Exists),
            Ok(Booked::Created),
            Err(Reject::CreditAccountNotFound),
            Err(Reject::LinkedTransferFailed),
            Err(Reject::AccountsMustDiffer),
            Err(Reject::ExistsWithDifferentAmount),
        ];
        assert_eq!(committed(&store, bulk()).await.results, results);
        assert_eq!(replayed(&store, bulk()).await.results, results);
        assert_eq!(balance(&store, 2).await, 12);

        let whole = Commit { key: "whole".to_owned(), mode: Mode::Whole, ..bulk() };
        let outcome = store.commit(whole).await.unwrap();
        let Outcome::Rejected { transfer, reject } = outcome else { panic!("{outcome:?}") };
        assert_eq!((transfer, reject), (Some(2), Reject::CreditAccountNotFound));
        assert_eq!(balance(&store, 2).await, 12);
        verify(&store).await;
    })
    .await;
}

#[tokio::test]
async fn the_culprit_of_a_chain_is_named() {
    on_each(async |store| {
        open_accounts(&store, 2).await;
        let linked = ledger::Transfer { linked: true, ..transfer(1, 1, 2, 5) };
        let outcome = store.commit(moving("chain", [linked, transfer(2, 1, 9, 5)])).await.unwrap();
        let Outcome::Rejected { transfer, reject } = outcome else { panic!("{outcome:?}") };
        assert_eq!((transfer, reject), (Some(1), Reject::CreditAccountNotFound));
    })
    .await;
}

#[tokio::test]
async fn a_refused_account_change_refuses_all() {
    on_each(async |store| {
        open_accounts(&store, 2).await;
        let mut closing = moving("close", [transfer(1, 1, 2, 5)]);
        closing.put(&LOANS, nth::<Loan>(1), 0, &loan("ann", "new"));
        closing.accounts.push(AccountChange::Open(account(3, 1)));
        closing.accounts.push(AccountChange::State(nth(9), ledger::AccountState::Frozen));
        let outcome = store.commit(closing).await.unwrap();
        let Outcome::Rejected { transfer: None, reject } = outcome else { panic!("{outcome:?}") };
        assert_eq!(reject, Reject::AccountNotFound);
        assert_eq!(store.account(bank(), nth(3)).await, Ok(None));
        assert_eq!(store.get(&LOANS, bank(), nth::<Loan>(1)).await, Ok(None));
        assert_eq!(store.check_log(bank()).await, Ok(1));
    })
    .await;
}

#[tokio::test]
async fn a_moved_version_is_a_conflict() {
    on_each(async |store| {
        let id = nth::<Loan>(1);
        let put = |key: &str, before| {
            let mut commit = commit(key);
            commit.put(&LOANS, id, before, &loan("ann", key));
            commit
        };
        let expect = |key: &str, version| {
            let mut commit = commit(key);
            commit.expect(&LOANS, id, version);
            commit
        };
        committed(&store, expect("nothing is there", 0)).await;
        committed(&store, put("first", 0)).await;
        for stale in [put("a", 0), put("b", 2), put("c", u64::MAX), expect("d", 0), expect("e", 2)]
        {
            let outcome = store.commit(stale).await.unwrap();
            assert!(matches!(&outcome, Outcome::Conflict(key) if *key == LOANS.key(bank(), id)));
        }
        committed(&store, expect("it is there", 1)).await;
        committed(&store, put("second", 1)).await;
        let stored = store.get(&LOANS, bank(), id).await.unwrap().unwrap();
        assert_eq!((stored.version, stored.record.state), (2, "second".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn lanes_count_by_themselves_and_tell_each_other() {
    on_each(async |store| {
        let mut opening = commit("open");
        opening.accounts.extend([1, 2, 3].map(|it| AccountChange::Open(account(it, it))));
        assert_eq!(committed(&store, opening).await.seq, 1);
        let pay =
            |number: u64, to: u64| moving(&format!("pay {number}"), [transfer(number, 1, to, 5)]);
        assert_eq!(committed(&store, pay(1, 2)).await.seq, 2);
        let from_two = Commit { lane: lane(2), ..pay(2, 3) };
        assert_eq!(committed(&store, from_two).await.seq, 3);
        let alone = Commit { lane: lane(2), ..commit("moves nothing") };
        assert_eq!(committed(&store, alone).await.seq, 4);
        let held = moving("hold", [hold(3, 1, 3, 5)]);
        assert_eq!(committed(&store, held).await.seq, 4);
        // Which lanes a void touches is known from what it is about.
        let voids = Commit { lane: lane(4), ..moving("void", [about(4, Kind::Void, 3)]) };
        assert_eq!(committed(&store, voids).await.seq, 1);

        let log = store.log(bank(), 0, PAGE_MAX).await.unwrap();
        let line = |row: &crate::LogRow| {
            let told = row.body().unwrap().told_in;
            let told =
                told.map_or(String::new(), |it| format!(" of {} {}", number(it.lane), it.seq));
            let transfers = row.transfers().unwrap().len();
            format!("{} {} {} x{transfers}{told}", number(row.lane), row.seq, row.key)
        };
        let lines: Vec<_> = log.data.iter().map(line).collect();
        expect_test::expect![[r#"
            1 1 open x0
            2 1 open x0 of 1 1
            3 1 open x0 of 1 1
            1 2 pay 1 x1
            2 2 pay 1 x0 of 1 2
            2 3 pay 2 x1
            1 3 pay 2 x0 of 2 3
            3 2 pay 2 x0 of 2 3
            2 4 moves nothing x0
            1 4 hold x1
            3 3 hold x0 of 1 4
            4 1 void x1
            1 5 void x0 of 4 1
            3 4 void x0 of 4 1"#]]
        .assert_eq(&lines.join("\n"));
        verify(&store).await;
    })
    .await;
}

fn number(lane: ledger::LaneId) -> u8 {
    lane.as_bytes()[15]
}

#[tokio::test]
async fn the_log_tells_all() {
    on_each(async |store| {
        open_accounts(&store, 2).await;
        let mut all = moving("all", [transfer(1, 1, 2, 5)]);
        all.put(&LOANS, nth::<Loan>(1), 0, &loan("ann", "new"));
        all.tell("loan-made", nth::<Loan>(1), &loan("ann", "new"));
        all.set_timer(Due::Day(super::day("2026-04-01")), "collect", nth::<Loan>(1));
        all.close_period = Some(super::day("2026-02-28"));
        committed(&store, all).await;
        let row = store.log(bank(), 0, 9).await.unwrap().data.remove(1);
        let (at, command, actor) = (row.at, row.command.as_str(), row.actor.as_str());
        assert_eq!((at, command, actor), (super::noon().now, "try", "tester"));
        let body: serde_json::Value = serde_json::from_slice(&row.body).unwrap();
        assert_eq!(body.to_string().as_bytes(), row.body);
        expect_test::expect![[r#"
            {
              "today": "2026-03-02",
              "records": [
                {
                  "kind": "loan",
                  "id": "00000000-0000-0000-0000-000000000001",
                  "version": 1,
                  "links": [
                    [
                      "borrower",
                      "ann"
                    ],
                    [
                      "state",
                      "new"
                    ]
                  ],
                  "body": {
                    "borrower": "ann",
                    "state": "new"
                  }
                }
              ],
              "close_period": "2026-02-28",
              "events": [
                {
                  "kind": "loan-made",
                  "subject": "00000000-0000-0000-0000-000000000001",
                  "body": {
                    "borrower": "ann",
                    "state": "new"
                  }
                }
              ],
              "timers": [
                {
                  "set": {
                    "due": {
                      "day": "2026-04-01"
                    },
                    "kind": "collect",
                    "subject": "00000000-0000-0000-0000-000000000001",
                    "lane": "00000000-0000-0000-0000-000000000001"
                  }
                }
              ],
              "answer": "all"
            }"#]]
        .assert_eq(&format!("{body:#}"));
        let first = store.log(bank(), 0, 1).await.unwrap();
        assert_eq!((first.data.len(), first.next), (1, Some(first.data[0].position)));
    })
    .await;
}

#[tokio::test]
async fn what_is_over_a_limit_is_refused_by_its_name() {
    on_each(async |store| {
        let limit = async |commit: Commit, limit: &str, max: usize| {
            let Err(StoreError::TooLarge { limit: name, max: most }) = store.commit(commit).await
            else {
                panic!("{limit} is not kept");
            };
            assert_eq!((name, most), (limit, max));
        };
        let mut commits: Vec<Commit> = (0..7).map(|_| commit("too large")).collect();
        commits[0].transfers = vec![transfer(1, 1, 2, 1); COMMIT_TRANSFERS_MAX + 1];
        commits[1].accounts = vec![AccountChange::Open(account(1, 1)); COMMIT_ACCOUNTS_MAX + 1];
        commits[2].put(&LOANS, nth::<Loan>(1), 0, &loan("ann", "new"));
        (0..COMMIT_RECORDS_MAX).for_each(|_| commits[2].expect(&LOANS, nth::<Loan>(2), 0));
        (0..=COMMIT_EVENTS_MAX).for_each(|_| commits[3].tell("event", nth::<Loan>(1), &()));
        let due = Due::Day(super::day("2026-04-01"));
        (0..=COMMIT_TIMERS_MAX).for_each(|_| commits[4].set_timer(due, "try", nth::<Loan>(1)));
        commits[5].key = "k".repeat(KEY_LEN_MAX + 1);
        let borrower = "b".repeat(LINK_LEN_MAX + 1 - "borrower".len());
        commits[6].put(&LOANS, nth::<Loan>(1), 0, &loan(&borrower, "new"));
        let limits = [
            ("COMMIT_TRANSFERS_MAX", COMMIT_TRANSFERS_MAX),
            ("COMMIT_ACCOUNTS_MAX", COMMIT_ACCOUNTS_MAX),
            ("COMMIT_RECORDS_MAX", COMMIT_RECORDS_MAX),
            ("COMMIT_EVENTS_MAX", COMMIT_EVENTS_MAX),
            ("COMMIT_TIMERS_MAX", COMMIT_TIMERS_MAX),
            ("KEY_LEN_MAX", KEY_LEN_MAX),
            ("LINK_LEN_MAX", LINK_LEN_MAX),
        ];
        for (commit, (name, max)) in commits.into_iter().zip(limits) {
            limit(commit, name, max).await;
        }
        let error = store.list(&LOANS, bank(), None, PAGE_MAX + 1).await.unwrap_err();
        assert_eq!(error, StoreError::TooLarge { limit: "PAGE_MAX", max: PAGE_MAX });
        assert_eq!(store.check_log(bank()).await, Ok(0));
    })
    .await;
}

#[tokio::test]
async fn a_text_that_not_every_engine_stores_is_refused_by_its_name() {
    on_each(async |store| {
        let mut commits: Vec<Commit> = (0..4).map(|_| commit("key")).collect();
        commits[0].key.push('\0');
        commits[1].actor.push('\0');
        commits[2].put(&LOANS, nth::<Loan>(1), 0, &loan("ann\0", "new"));
        commits[3].set_timer(Due::Day(super::day("2026-04-01")), "try\0", nth::<Loan>(1));
        let names = ["key", "name of an actor", "link", "kind of a timer"];
        for (commit, name) in commits.into_iter().zip(names) {
            assert_eq!(store.commit(commit).await.unwrap_err(), StoreError::NulInText(name));
        }
        // Nothing is found under such a text, and it may stand in a body. The longest are taken.
        assert!(store.answered(bank(), "key\0").await.unwrap().is_none());
        let found = store.find(&LOANS, bank(), ("borrower", "ann\0"), None, 9).await.unwrap();
        assert_eq!(found.data, []);
        let mut odd = commit(&"k".repeat(KEY_LEN_MAX));
        odd.tell("said", nth::<Loan>(1), &"\0 \u{10ffff} 算盘");
        let borrower = "算".repeat(LINK_LEN_MAX / 3 - 3);
        odd.put(&LOANS, nth::<Loan>(1), 0, &loan(&borrower, "new"));
        committed(&store, odd).await;
        let found = store.find(&LOANS, bank(), ("borrower", &borrower), None, 9).await.unwrap();
        assert_eq!(found.data.len(), 1);
        verify(&store).await;
    })
    .await;
}

#[tokio::test]
async fn the_largest_commit_is_taken() {
    on_each(async |store| {
        open_accounts(&store, 2).await;
        let all = (1..=COMMIT_TRANSFERS_MAX as u64).map(|number| transfer(number, 1, 2, 1));
        let receipt = committed(&store, moving("largest", all)).await;
        assert_eq!(receipt.results.len(), COMMIT_TRANSFERS_MAX);
        let last = store.transfer(bank(), nth(8_000)).await.unwrap().unwrap();
        assert_eq!(last.posted.debit_previous, Some(nth(7_999)));
        assert_eq!(balance(&store, 2).await, 8_000);
    })
    .await;
}

#[tokio::test]
#[should_panic(expected = "`try` has no idempotency key")]
async fn a_commit_needs_a_key() {
    drop(Store::in_memory().commit(commit("")).await);
}

#[tokio::test]
async fn a_key_is_answered_after_a_restart() {
    let directory = Directory::new();
    let pay = |number| {
        let mut pay = moving("pay", [transfer(number, 1, 2, 5), transfer(1, 1, 9, 5)]);
        pay.mode = Mode::EachAlone;
        pay
    };
    let before = directory.open();
    open_accounts(&before, 2).await;
    let first = committed(&before, pay(3)).await;
    drop(before);
    let after = directory.open();
    let again = replayed(&after, pay(4)).await;
    assert_eq!((again.seq, &again.results), (first.seq, &first.results));
    assert_eq!(again.answer.get(), first.answer.get());
    let other = Commit { digest: Digest::ZERO, ..pay(3) };
    assert!(matches!(after.commit(other).await, Ok(Outcome::KeyReused)));
}

#[tokio::test]
async fn amounts_at_the_edge_are_an_answer() {
    on_each(async |store| {
        open_accounts(&store, 4).await;
        let most = |number, debit, credit| ledger::Transfer {
            amount: Amount::MAX,
            ..transfer(number, debit, credit, 0)
        };
        committed(&store, moving("most", [most(1, 1, 2), most(2, 3, 4)])).await;
        let outcome = store.commit(moving("more", [transfer(3, 1, 2, 1)])).await.unwrap();
        let Outcome::Rejected { reject, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(reject, Reject::BalanceOverflow);
        // Each account fits, their sum does not.
        let error = store.book(bank(), None).await.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { limit: "Amount::MAX", .. }), "{error}");
        verify(&store).await;
    })
    .await;
}
