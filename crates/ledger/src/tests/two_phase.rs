//! Holds: reserve, then post, void or expire.

use expect_test::expect;

use super::script::check;

#[test]
fn a_hold_moves_nothing_until_it_is_posted() {
    check(
        "
        account A1 debit
        account A2 credit
        hold T1 A1 A2 10
        show A1
        show A2
        post T2 T1
        show A1
        show A2
        ",
        expect![[r#"
            account A1 debit  => ok
            account A2 credit => ok
            hold T1 A1 A2 10  => created 10
            show A1           => debits 0 (+10 held), credits 0
            show A2           => debits 0, credits 0 (+10 held)
            post T2 T1        => created 10
            show A1           => debits 10, credits 0
            show A2           => debits 0, credits 10
        "#]],
    );
}

#[test]
fn posting_a_part_releases_the_rest() {
    check(
        "
        account A1 debit
        account A2 credit no-overdraft
        transfer T1 A1 A2 10
        hold T2 A2 A1 10
        transfer T3 A2 A1 1
        post T4 T2 11
        post T4 T2 0
        post T4 T2 4
        show A2
        transfer T3 A2 A1 7
        transfer T3 A2 A1 6
        ",
        expect![[r#"
            account A1 debit               => ok
            account A2 credit no-overdraft => ok
            transfer T1 A1 A2 10           => created 10
            hold T2 A2 A1 10               => created 10
            transfer T3 A2 A1 1            => debit-account-exceeds-overdraft
            post T4 T2 11                  => exceeds-hold
            post T4 T2 0                   => amount-must-be-positive
            post T4 T2 4                   => created 4
            show A2                        => debits 4, credits 10
            transfer T3 A2 A1 7            => debit-account-exceeds-overdraft
            transfer T3 A2 A1 6            => created 6
        "#]],
    );
}

#[test]
fn voiding_releases_all() {
    check(
        "
        account A1 debit
        account A2 credit
        hold T1 A1 A2 10
        void T2 T1 4
        void T2 T1 11
        void T2 T1 10
        show A1
        hold T3 A1 A2 7
        void T4 T3
        show A1
        ",
        expect![[r#"
            account A1 debit  => ok
            account A2 credit => ok
            hold T1 A1 A2 10  => created 10
            void T2 T1 4      => void-must-be-whole
            void T2 T1 11     => void-must-be-whole
            void T2 T1 10     => created 10
            show A1           => debits 0, credits 0
            hold T3 A1 A2 7   => created 7
            void T4 T3        => created 7
            show A1           => debits 0, credits 0
        "#]],
    );
}

#[test]
fn a_hold_ends_once() {
    check(
        "
        account A1 debit
        account A2 credit
        hold P1 A1 A2 10
        post P2 P1 4
        post P3 P1 4
        void P3 P1
        expire P3 P1
        hold V1 A1 A2 10
        void V2 V1
        post V3 V1
        void V3 V1
        expire V3 V1
        hold E1 A1 A2 10 expires=60
        tick 60
        expire E2 E1
        post E3 E1
        void E3 E1
        expire E3 E1
        # More than was held is named before that it is over.
        post P3 P1 11
        show A1
        ",
        expect![[r#"
            account A1 debit            => ok
            account A2 credit           => ok
            hold P1 A1 A2 10            => created 10
            post P2 P1 4                => created 4
            post P3 P1 4                => hold-already-posted
            void P3 P1                  => hold-already-posted
            expire P3 P1                => hold-already-posted
            hold V1 A1 A2 10            => created 10
            void V2 V1                  => created 10
            post V3 V1                  => hold-already-voided
            void V3 V1                  => hold-already-voided
            expire V3 V1                => hold-already-voided
            hold E1 A1 A2 10 expires=60 => created 10
            tick 60                     => ok
            expire E2 E1                => created 10
            post E3 E1                  => hold-already-expired
            void E3 E1                  => hold-already-expired
            expire E3 E1                => hold-already-expired
            post P3 P1 11               => exceeds-hold
            show A1                     => debits 4, credits 0
        "#]],
    );
}

#[test]
fn a_hold_expires_at_its_moment() {
    check(
        "
        account A1 debit
        account A2 credit
        hold T1 A1 A2 10 expires=0
        hold T1 A1 A2 10 expires=-1
        hold T1 A1 A2 10 expires=60
        hold T2 A1 A2 10 expires=60
        hold T3 A1 A2 10
        tick 59
        expire T4 T1
        post T4 T1
        tick 1
        post T5 T2
        void T5 T2
        expire T5 T2 9
        expire T5 T2
        # One without an end never expires.
        expire T6 T3
        tick 1000000000
        expire T6 T3
        show A1
        ",
        expect![[r#"
            account A1 debit            => ok
            account A2 credit           => ok
            hold T1 A1 A2 10 expires=0  => expiry-must-be-in-future
            hold T1 A1 A2 10 expires=-1 => expiry-must-be-in-future
            hold T1 A1 A2 10 expires=60 => created 10
            hold T2 A1 A2 10 expires=60 => created 10
            hold T3 A1 A2 10            => created 10
            tick 59                     => ok
            expire T4 T1                => hold-not-expired
            post T4 T1                  => created 10
            tick 1                      => ok
            post T5 T2                  => hold-already-expired
            void T5 T2                  => hold-already-expired
            expire T5 T2 9              => void-must-be-whole
            expire T5 T2                => created 10
            expire T6 T3                => hold-not-expired
            tick 1000000000             => ok
            expire T6 T3                => hold-not-expired
            show A1                     => debits 10 (+10 held), credits 0
        "#]],
    );
}

#[test]
fn what_is_posted_must_be_a_hold() {
    check(
        "
        account A1 debit
        account A2 credit
        account A3 credit
        transfer T1 A1 A2 5
        hold T2 A1 A2 5
        post T3 T9
        void T3 T9
        expire T3 T9
        post T3 T3
        post T3 nil
        post T3 T1
        void T3 T1
        expire T3 T1
        # Accounts may be given; then they are the hold's.
        post T3 T2 debit=A3
        post T3 T2 credit=A3
        void T3 T2 debit=A2 credit=A1
        post T3 T2 balancing=debit
        void T3 T2 balancing=credit
        post T3 T2 debit=A1 credit=A2
        # A posting is no hold.
        post T4 T3
        ",
        expect![[r#"
            account A1 debit              => ok
            account A2 credit             => ok
            account A3 credit             => ok
            transfer T1 A1 A2 5           => created 5
            hold T2 A1 A2 5               => created 5
            post T3 T9                    => hold-not-found
            void T3 T9                    => hold-not-found
            expire T3 T9                  => hold-not-found
            post T3 T3                    => hold-not-found
            post T3 nil                   => hold-not-found
            post T3 T1                    => not-a-hold
            void T3 T1                    => not-a-hold
            expire T3 T1                  => not-a-hold
            post T3 T2 debit=A3           => hold-has-other-debit-account
            post T3 T2 credit=A3          => hold-has-other-credit-account
            void T3 T2 debit=A2 credit=A1 => hold-has-other-debit-account
            post T3 T2 balancing=debit    => balancing-not-allowed
            void T3 T2 balancing=credit   => balancing-not-allowed
            post T3 T2 debit=A1 credit=A2 => created 5
            post T4 T3                    => not-a-hold
        "#]],
    );
}

#[test]
fn frozen_accounts_keep_and_release_holds_but_post_none() {
    check(
        "
        account A1 debit
        account A2 credit
        hold T1 A1 A2 5
        hold T2 A1 A2 5 expires=60
        hold T3 A1 A2 5
        close A2
        freeze A2
        post T4 T1
        void T4 T1
        tick 60
        expire T5 T2
        thaw A2
        freeze A1 in
        post T6 T3
        thaw A1
        post T6 T3
        ",
        expect![[r#"
            account A1 debit           => ok
            account A2 credit          => ok
            hold T1 A1 A2 5            => created 5
            hold T2 A1 A2 5 expires=60 => created 5
            hold T3 A1 A2 5            => created 5
            close A2                   => account-not-settled
            freeze A2                  => ok
            post T4 T1                 => credit-account-frozen
            void T4 T1                 => created 5
            tick 60                    => ok
            expire T5 T2               => created 5
            thaw A2                    => ok
            freeze A1 in               => ok
            post T6 T3                 => debit-account-frozen
            thaw A1                    => ok
            post T6 T3                 => created 5
        "#]],
    );
}

#[test]
fn a_hold_of_nothing_is_posted_and_voided_like_any_other() {
    check(
        "
        account A1 debit
        account A2 credit no-overdraft
        hold T1 A2 A1 5 balancing=debit
        hold T2 A2 A1 5 balancing=debit
        post T3 T1
        void T4 T2
        reverse T5 T3
        post T6 T1
        show A2
        ",
        expect![[r#"
            account A1 debit                => ok
            account A2 credit no-overdraft  => ok
            hold T1 A2 A1 5 balancing=debit => created 0
            hold T2 A2 A1 5 balancing=debit => created 0
            post T3 T1                      => created 0
            void T4 T2                      => created 0
            reverse T5 T3                   => created 0
            post T6 T1                      => hold-already-posted
            show A2                         => debits 0, credits 0
        "#]],
    );
}
