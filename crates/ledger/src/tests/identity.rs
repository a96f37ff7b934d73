//! The same id again: the same transfer, or the first field that differs.

use expect_test::expect;

use super::script::check;

#[test]
fn a_retry_is_recognized() {
    check(
        "
        account A1 debit
        account A2 credit
        account A3 credit
        hold T0 A1 A2 9
        hold T8 A1 A2 9
        transfer T1 A1 A2 5
        transfer T1 A1 A2 5
        hold     T1 A1 A3 6 expires=60 balancing=debit value=2025-01-09 reason=fee
        transfer T1 A3 A3 6 balancing=debit value=2025-01-09 reason=fee
        transfer T1 A1 A3 6 balancing=debit value=2025-01-09 reason=fee
        transfer T1 A1 A2 6 balancing=debit value=2025-01-09 reason=fee
        transfer T1 A1 A2 6 value=2025-01-09 reason=fee
        transfer T1 A1 A2 max
        transfer T1 A1 A2 5 value=2025-01-09 reason=fee
        transfer T1 A1 A2 5 reason=fee
        show A1
        ",
        expect![[r#"
            account A1 debit                                                       => ok
            account A2 credit                                                      => ok
            account A3 credit                                                      => ok
            hold T0 A1 A2 9                                                        => created 9
            hold T8 A1 A2 9                                                        => created 9
            transfer T1 A1 A2 5                                                    => created 5
            transfer T1 A1 A2 5                                                    => exists 5
            hold T1 A1 A3 6 expires=60 balancing=debit value=2025-01-09 reason=fee => exists-with-different-kind
            transfer T1 A3 A3 6 balancing=debit value=2025-01-09 reason=fee        => exists-with-different-debit-account
            transfer T1 A1 A3 6 balancing=debit value=2025-01-09 reason=fee        => exists-with-different-credit-account
            transfer T1 A1 A2 6 balancing=debit value=2025-01-09 reason=fee        => exists-with-different-balancing
            transfer T1 A1 A2 6 value=2025-01-09 reason=fee                        => exists-with-different-amount
            transfer T1 A1 A2 max                                                  => exists-with-different-amount
            transfer T1 A1 A2 5 value=2025-01-09 reason=fee                        => exists-with-different-value-date
            transfer T1 A1 A2 5 reason=fee                                         => exists-with-different-reason
            show A1                                                                => debits 5 (+18 held), credits 0
        "#]],
    );
}

#[test]
fn a_retried_hold_may_be_over() {
    check(
        "
        account A1 debit
        account A2 credit
        hold T1 A1 A2 5 expires=60
        hold T1 A1 A2 5 expires=61
        hold T1 A1 A2 5
        post T2 T1 4
        tick 60
        hold T1 A1 A2 5 expires=60
        show A1
        ",
        expect![[r#"
            account A1 debit           => ok
            account A2 credit          => ok
            hold T1 A1 A2 5 expires=60 => created 5
            hold T1 A1 A2 5 expires=61 => exists-with-different-expiry
            hold T1 A1 A2 5            => exists-with-different-expiry
            post T2 T1 4               => created 4
            tick 60                    => ok
            hold T1 A1 A2 5 expires=60 => exists 5
            show A1                    => debits 4, credits 0
        "#]],
    );
}

#[test]
fn a_retry_about_an_earlier_transfer() {
    check(
        "
        account A1 debit
        account A2 credit
        hold H1 A1 A2 9
        hold H2 A1 A2 9
        hold H3 A1 A2 9
        post T1 H1 4
        post T1 H1 4
        post T1 H1 4 debit=A1 credit=A2
        void T1 H1 4
        post T1 H2 4
        post T1 H1 4 debit=A2
        post T1 H1 4 credit=A1
        post T1 H1 5
        post T1 H1
        post T2 H2
        post T2 H2
        post T2 H2 9
        void T3 H3
        void T3 H3
        void T3 H3 9
        void T3 H3 8
        reverse T4 T2
        reverse T4 T2
        reverse T4 T2 9 debit=A2 credit=A1
        reverse T4 T2 debit=A1
        reverse T4 T2 8
        reverse T4 T1
        ",
        expect![[r#"
            account A1 debit                   => ok
            account A2 credit                  => ok
            hold H1 A1 A2 9                    => created 9
            hold H2 A1 A2 9                    => created 9
            hold H3 A1 A2 9                    => created 9
            post T1 H1 4                       => created 4
            post T1 H1 4                       => exists 4
            post T1 H1 4 debit=A1 credit=A2    => exists 4
            void T1 H1 4                       => exists-with-different-kind
            post T1 H2 4                       => exists-with-different-subject
            post T1 H1 4 debit=A2              => exists-with-different-debit-account
            post T1 H1 4 credit=A1             => exists-with-different-credit-account
            post T1 H1 5                       => exists-with-different-amount
            post T1 H1                         => exists-with-different-amount
            post T2 H2                         => created 9
            post T2 H2                         => exists 9
            post T2 H2 9                       => exists 9
            void T3 H3                         => created 9
            void T3 H3                         => exists 9
            void T3 H3 9                       => exists 9
            void T3 H3 8                       => exists-with-different-amount
            reverse T4 T2                      => created 9
            reverse T4 T2                      => exists 9
            reverse T4 T2 9 debit=A2 credit=A1 => exists 9
            reverse T4 T2 debit=A1             => exists-with-different-debit-account
            reverse T4 T2 8                    => exists-with-different-amount
            reverse T4 T1                      => exists-with-different-subject
        "#]],
    );
}

#[test]
fn a_retried_balancing_transfer_may_ask_for_more_than_was_there() {
    check(
        "
        account A1 debit
        account A2 credit
        transfer T1 A1 A2 5
        transfer T2 A2 A1 9 balancing=debit
        transfer T2 A2 A1 9 balancing=debit
        transfer T2 A2 A1 5 balancing=debit
        transfer T2 A2 A1 max balancing=debit
        transfer T2 A2 A1 4 balancing=debit
        transfer T2 A2 A1 9 balancing=both
        transfer T2 A2 A1 5
        ",
        expect![[r#"
            account A1 debit                      => ok
            account A2 credit                     => ok
            transfer T1 A1 A2 5                   => created 5
            transfer T2 A2 A1 9 balancing=debit   => created 5
            transfer T2 A2 A1 9 balancing=debit   => exists 5
            transfer T2 A2 A1 5 balancing=debit   => exists 5
            transfer T2 A2 A1 max balancing=debit => exists 5
            transfer T2 A2 A1 4 balancing=debit   => exists-with-different-amount
            transfer T2 A2 A1 9 balancing=both    => exists-with-different-balancing
            transfer T2 A2 A1 5                   => exists-with-different-balancing
        "#]],
    );
}
