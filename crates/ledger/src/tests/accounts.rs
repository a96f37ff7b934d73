//! Opening, freezing and closing accounts.

use expect_test::expect;
use money::Amount;

use super::script::{account, check, id, start, transfer};
use crate::{Cap, CapUse, Direction, Kind, Ledger, Limits, Reject, Side, Transfer, Window};

#[test]
fn opening_the_same_account_again_changes_nothing() {
    check(
        "
        account nil credit
        account A0 debit
        account A1 credit no-overdraft cap=in/day/9
        transfer T1 A0 A1 5
        account A1 credit no-overdraft cap=in/day/9
        account A1 credit no-overdraft cap=in/day/9 code=2002
        account A1 credit no-overdraft cap=in/day/9 currency=USD
        account A1 debit no-overdraft cap=in/day/9
        account A1 credit no-overdraft cap=in/day/9 lane=L2
        account A1 credit no-overdraft cap=in/day/8
        account A1 credit
        account A0 debit max=1
        account A1 debit code=2002 currency=USD lane=L2 overdraft=-1
        account A2 debit overdraft=-1
        account A2 debit max=-1
        account A2 debit cap=in/day/-1
        account A2 debit cap=in/day/1 cap=in/day/2
        show A1
        ",
        expect![[r#"
            account nil credit                                           => id-must-not-be-nil
            account A0 debit                                             => ok
            account A1 credit no-overdraft cap=in/day/9                  => ok
            transfer T1 A0 A1 5                                          => created 5
            account A1 credit no-overdraft cap=in/day/9                  => ok
            account A1 credit no-overdraft cap=in/day/9 code=2002        => account-exists-with-different-code
            account A1 credit no-overdraft cap=in/day/9 currency=USD     => account-exists-with-different-currency
            account A1 debit no-overdraft cap=in/day/9                   => account-exists-with-different-side
            account A1 credit no-overdraft cap=in/day/9 lane=L2          => account-exists-with-different-lane
            account A1 credit no-overdraft cap=in/day/8                  => account-exists-with-different-limits
            account A1 credit                                            => account-exists-with-different-limits
            account A0 debit max=1                                       => account-exists-with-different-limits
            account A1 debit code=2002 currency=USD lane=L2 overdraft=-1 => account-exists-with-different-code
            account A2 debit overdraft=-1                                => limits-malformed
            account A2 debit max=-1                                      => limits-malformed
            account A2 debit cap=in/day/-1                               => limits-malformed
            account A2 debit cap=in/day/1 cap=in/day/2                   => limits-malformed
            show A1                                                      => debits 0, credits 5, used 5
        "#]],
    );
}

#[test]
fn a_frozen_account_is_stopped_in_its_direction() {
    check(
        "
        account A1 debit
        account A2 credit
        freeze A9
        freeze A2 in
        transfer T1 A1 A2 5
        hold     T1 A1 A2 5
        transfer T1 A2 A1 5
        freeze A2 out
        transfer T2 A2 A1 5
        transfer T2 A1 A2 5
        freeze A2
        transfer T3 A2 A1 5
        transfer T3 A1 A2 5
        reverse  T3 T2
        thaw A2
        # The own side of a debit account is debit.
        freeze A1 in
        transfer T3 A1 A2 5
        transfer T3 A2 A1 5
        freeze A1 out
        transfer T4 A2 A1 5
        transfer T4 A1 A2 5
        ",
        expect![[r#"
            account A1 debit    => ok
            account A2 credit   => ok
            freeze A9           => account-not-found
            freeze A2 in        => ok
            transfer T1 A1 A2 5 => credit-account-frozen
            hold T1 A1 A2 5     => credit-account-frozen
            transfer T1 A2 A1 5 => created 5
            freeze A2 out       => ok
            transfer T2 A2 A1 5 => debit-account-frozen
            transfer T2 A1 A2 5 => created 5
            freeze A2           => ok
            transfer T3 A2 A1 5 => debit-account-frozen
            transfer T3 A1 A2 5 => credit-account-frozen
            reverse T3 T2       => debit-account-frozen
            thaw A2             => ok
            freeze A1 in        => ok
            transfer T3 A1 A2 5 => debit-account-frozen
            transfer T3 A2 A1 5 => created 5
            freeze A1 out       => ok
            transfer T4 A2 A1 5 => credit-account-frozen
            transfer T4 A1 A2 5 => created 5
        "#]],
    );
}

#[test]
fn a_closed_account_stays_closed() {
    check(
        "
        account A1 debit
        account A2 credit
        account A3 credit
        transfer T1 A1 A2 5
        close A2
        transfer T2 A2 A1 5
        hold H1 A1 A2 5
        close A2
        void H2 H1
        hold H3 A2 A1 5
        close A2
        void H4 H3
        close A2
        close A2
        thaw A2
        freeze A2
        transfer T3 A1 A2 5
        transfer T3 A2 A1 5
        hold     T3 A2 A1 5
        reverse  T3 T1
        reverse  T3 T2
        # The debit account is looked at first.
        freeze A1
        transfer T3 A1 A2 5
        transfer T3 A2 A1 5
        # A retry is still a retry, of the account too.
        transfer T1 A1 A2 5
        account A2 credit
        ",
        expect![[r#"
            account A1 debit    => ok
            account A2 credit   => ok
            account A3 credit   => ok
            transfer T1 A1 A2 5 => created 5
            close A2            => account-not-settled
            transfer T2 A2 A1 5 => created 5
            hold H1 A1 A2 5     => created 5
            close A2            => account-not-settled
            void H2 H1          => created 5
            hold H3 A2 A1 5     => created 5
            close A2            => account-not-settled
            void H4 H3          => created 5
            close A2            => ok
            close A2            => ok
            thaw A2             => account-already-closed
            freeze A2           => account-already-closed
            transfer T3 A1 A2 5 => credit-account-closed
            transfer T3 A2 A1 5 => debit-account-closed
            hold T3 A2 A1 5     => debit-account-closed
            reverse T3 T1       => debit-account-closed
            reverse T3 T2       => credit-account-closed
            freeze A1           => ok
            transfer T3 A1 A2 5 => debit-account-frozen
            transfer T3 A2 A1 5 => debit-account-closed
            transfer T1 A1 A2 5 => exists 5
            account A2 credit   => ok
        "#]],
    );
}

#[test]
fn a_caller_cannot_bring_along_state() {
    let mut ledger = Ledger::default();
    let used = CapUse { from: Some(start().today), used: Amount::from_minor(i64::MIN) };
    let cap = Cap {
        direction: Direction::In,
        window: Window::Day,
        max: Amount::from_minor(5),
        usage: used,
    };
    let limits = Limits { caps: vec![cap], ..Limits::default() };
    let mut given = account("A1", Side::Credit);
    given.balances.debits_posted = Amount::from_minor(7);
    given.last = Some(id("T9"));
    given.limits = Some(Box::new(limits.clone()));
    ledger.open(given).unwrap();
    let opened = ledger.account(id("A1")).unwrap();
    assert_eq!(opened.balances, Default::default());
    assert_eq!(opened.last, None);
    assert_eq!(opened.limits.as_ref().unwrap().caps[0].usage, CapUse::default());

    ledger.open(account("A2", Side::Debit)).unwrap();
    ledger.set_limits(id("A2"), Some(limits)).unwrap();
    let changed = ledger.account(id("A2")).unwrap();
    assert_eq!(changed.limits.as_ref().unwrap().caps[0].usage, CapUse::default());
    let answers = ledger.apply(&[transfer("T1", "A2", "A1", 6)], start());
    assert_eq!(answers, [Err(Reject::DebitAccountExceedsCap)]);
}

#[test]
fn more_caps_than_there_are_kinds_are_malformed() {
    let cap =
        |direction, window| Cap { direction, window, max: Amount::ZERO, usage: CapUse::default() };
    let windows = [Window::Day, Window::Month, Window::Year, Window::Lifetime];
    let all = windows.into_iter().flat_map(|it| [cap(Direction::In, it), cap(Direction::Out, it)]);
    let mut limits = Limits { caps: all.collect(), ..Limits::default() };
    assert_eq!(limits.caps.len(), Limits::CAPS_MAX);
    let mut ledger = Ledger::default();
    ledger.open(account("A1", Side::Debit)).unwrap();
    assert_eq!(ledger.set_limits(id("A1"), Some(limits.clone())), Ok(()));
    limits.caps.push(cap(Direction::In, Window::Day));
    assert_eq!(ledger.set_limits(id("A1"), Some(limits)), Err(Reject::LimitsMalformed));
}

#[test]
fn a_hold_whose_accounts_are_not_loaded_is_refused() {
    let mut ledger = Ledger::default();
    for (name, side) in [("A1", Side::Debit), ("A2", Side::Credit)] {
        ledger.open(account(name, side)).unwrap();
    }
    let hold = Kind::Hold { expires: None };
    let hold = Transfer { kind: hold, ..transfer("T1", "A1", "A2", 5) };
    let posted = ledger.apply(&[hold], start()).remove(0).unwrap().posted().clone();
    ledger.forget();
    assert_eq!(ledger.accounts_loaded(), 0);
    ledger.load_transfer(posted, None);
    let (today, reason) = (start().today, "test".parse().unwrap());
    for kind in [Kind::Void, Kind::Post] {
        let order = Transfer::about(id("T2"), kind(id("T1")), today, reason);
        let answers = ledger.apply(&[order], start());
        assert_eq!(answers, [Err(Reject::DebitAccountNotFound)]);
    }
}

#[test]
fn limits_that_limit_nothing_are_none() {
    let mut ledger = Ledger::default();
    ledger.open(account("A1", Side::Debit)).unwrap();
    ledger.set_limits(id("A1"), Some(Limits::default())).unwrap();
    ledger.open(account("A1", Side::Debit)).unwrap();
    ledger
        .set_limits(id("A1"), Some(Limits { overdraft: Some(Amount::ZERO), ..Limits::default() }))
        .unwrap();
    let again = ledger.open(account("A1", Side::Debit));
    assert_eq!(again, Err(Reject::AccountExistsWithDifferentLimits));
}
