//! Linked transfers: all or none.

use expect_test::expect;

use super::script::check;

#[test]
fn a_chain_happens_whole() {
    check(
        "
        account A1 debit
        account A2 credit no-overdraft
        account A3 credit
        # Each sees what the ones before it did.
        link transfer T1 A1 A2 5
        link hold T2 A2 A3 5
        post T3 T2 3
        show A2
        show A3
        ",
        expect![[r#"
            account A1 debit               => ok
            account A2 credit no-overdraft => ok
            account A3 credit              => ok
            link transfer T1 A1 A2 5       => created 5
            link hold T2 A2 A3 5           => created 5
            post T3 T2 3                   => created 3
            show A2                        => debits 3, credits 5
            show A3                        => debits 0, credits 3
        "#]],
    );
}

#[test]
fn a_failure_inside_takes_the_chain_back() {
    check(
        "
        account A1 debit
        account A2 credit no-overdraft
        link transfer T1 A1 A2 5
        link transfer T2 A2 A1 6
        transfer T3 A1 A2 5
        link transfer T1 A1 A2 0
        transfer T3 A1 A2 5
        link transfer T1 A1 A2 5
        link hold T2 A2 A1 5
        link void T3 T2
        post T4 T2
        show A1
        show A2
        # The ids are free, and a neighbor is not touched.
        transfer T1 A1 A2 7
        hold T2 A2 A1 7
        show A2
        ",
        expect![[r#"
            account A1 debit               => ok
            account A2 credit no-overdraft => ok
            link transfer T1 A1 A2 5       => linked-transfer-failed
            link transfer T2 A2 A1 6       => debit-account-exceeds-overdraft
            transfer T3 A1 A2 5            => linked-transfer-failed
            link transfer T1 A1 A2 0       => amount-must-be-positive
            transfer T3 A1 A2 5            => linked-transfer-failed
            link transfer T1 A1 A2 5       => linked-transfer-failed
            link hold T2 A2 A1 5           => linked-transfer-failed
            link void T3 T2                => linked-transfer-failed
            post T4 T2                     => hold-already-voided
            show A1                        => debits 0, credits 0
            show A2                        => debits 0, credits 0
            transfer T1 A1 A2 7            => created 7
            hold T2 A2 A1 7                => created 7
            show A2                        => debits 0 (+7 held), credits 7
        "#]],
    );
}

#[test]
fn a_chain_must_end_within_the_batch() {
    check(
        "
        account A1 debit
        account A2 credit
        link transfer T1 A1 A2 5
        show A1
        link transfer T1 A1 A2 5
        link transfer T2 A1 A2 5
        show A1
        # What failed before is named too; what comes last is not looked at.
        link transfer T1 A1 A2 5
        link transfer T2 A1 A9 5
        link transfer T3 A1 A9 5
        show A1
        ",
        expect![[r#"
            account A1 debit         => ok
            account A2 credit        => ok
            link transfer T1 A1 A2 5 => chain-not-closed
            show A1                  => debits 0, credits 0
            link transfer T1 A1 A2 5 => linked-transfer-failed
            link transfer T2 A1 A2 5 => chain-not-closed
            show A1                  => debits 0, credits 0
            link transfer T1 A1 A2 5 => linked-transfer-failed
            link transfer T2 A1 A9 5 => credit-account-not-found
            link transfer T3 A1 A9 5 => chain-not-closed
            show A1                  => debits 0, credits 0
        "#]],
    );
}

#[test]
fn a_chain_can_be_resubmitted() {
    check(
        "
        account A1 debit
        account A2 credit
        link transfer T1 A1 A2 5
        transfer T2 A1 A2 6
        link transfer T1 A1 A2 5
        transfer T2 A1 A2 6
        # One of it alone, and one that now differs.
        transfer T1 A1 A2 5
        link transfer T1 A1 A2 5
        transfer T2 A1 A2 7
        link transfer T3 A1 A2 1
        transfer T1 A1 A2 5
        # The same id twice in one chain.
        link transfer T4 A1 A2 1
        transfer T4 A1 A2 1
        show A1
        ",
        expect![[r#"
            account A1 debit         => ok
            account A2 credit        => ok
            link transfer T1 A1 A2 5 => created 5
            transfer T2 A1 A2 6      => created 6
            link transfer T1 A1 A2 5 => exists 5
            transfer T2 A1 A2 6      => exists 6
            transfer T1 A1 A2 5      => exists 5
            link transfer T1 A1 A2 5 => linked-transfer-failed
            transfer T2 A1 A2 7      => exists-with-different-amount
            link transfer T3 A1 A2 1 => created 1
            transfer T1 A1 A2 5      => exists 5
            link transfer T4 A1 A2 1 => created 1
            transfer T4 A1 A2 1      => exists 1
            show A1                  => debits 13, credits 0
        "#]],
    );
}
