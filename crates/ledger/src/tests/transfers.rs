//! Plain transfers: who, how much, when.

use expect_test::expect;

use super::script::check;

#[test]
fn a_transfer_debits_one_account_and_credits_the_other() {
    check(
        "
        account A1 debit
        account A2 credit
        transfer T1 A1 A2 5
        transfer T2 A2 A1 2
        show A1
        show A2
        ",
        expect![[r#"
            account A1 debit    => ok
            account A2 credit   => ok
            transfer T1 A1 A2 5 => created 5
            transfer T2 A2 A1 2 => created 2
            show A1             => debits 5, credits 2
            show A2             => debits 2, credits 5
        "#]],
    );
}

#[test]
fn what_a_transfer_must_say() {
    check(
        "
        account A1 debit
        account A2 credit
        account U1 debit currency=USD
        transfer nil A1 A2 5
        transfer T1 A1 A2 0
        transfer T1 A1 A2 -5
        transfer T1 A1 A1 5
        transfer T1 nil nil 5
        transfer T1 nil A2 5
        transfer T1 A9 A2 5
        transfer T1 A1 A9 5
        transfer T1 A9 A8 5
        transfer T1 A1 U1 5
        transfer T1 A1 A2 5 value=2025-01-11
        transfer T1 A1 A2 5 value=2025-01-09
        # Nothing of what was refused has left a trace.
        show A1
        show U1
        ",
        expect![[r#"
            account A1 debit                     => ok
            account A2 credit                    => ok
            account U1 debit currency=USD        => ok
            transfer nil A1 A2 5                 => id-must-not-be-nil
            transfer T1 A1 A2 0                  => amount-must-be-positive
            transfer T1 A1 A2 -5                 => amount-must-be-positive
            transfer T1 A1 A1 5                  => accounts-must-differ
            transfer T1 nil nil 5                => accounts-must-differ
            transfer T1 nil A2 5                 => debit-account-not-found
            transfer T1 A9 A2 5                  => debit-account-not-found
            transfer T1 A1 A9 5                  => credit-account-not-found
            transfer T1 A9 A8 5                  => debit-account-not-found
            transfer T1 A1 U1 5                  => accounts-must-share-currency
            transfer T1 A1 A2 5 value=2025-01-11 => value-date-in-future
            transfer T1 A1 A2 5 value=2025-01-09 => created 5
            show A1                              => debits 5, credits 0
            show U1                              => debits 0, credits 0
        "#]],
    );
}

#[test]
fn sums_that_do_not_fit_are_refused() {
    check(
        "
        account A1 debit
        account A2 credit
        account A3 credit
        transfer T1 A1 A2 max
        transfer T2 A1 A3 1
        transfer T3 A3 A2 1
        # What is held counts: it must be possible to post it.
        transfer T4 A3 A1 9223372036854775806
        hold     T5 A3 A1 1
        transfer T6 A3 A1 1
        hold     T6 A3 A1 1
        post     T7 T5
        reverse  T8 T7
        reverse  T9 T4
        show A1
        show A3
        ",
        expect![[r#"
            account A1 debit                      => ok
            account A2 credit                     => ok
            account A3 credit                     => ok
            transfer T1 A1 A2 max                 => created 9223372036854775807
            transfer T2 A1 A3 1                   => balance-overflow
            transfer T3 A3 A2 1                   => balance-overflow
            transfer T4 A3 A1 9223372036854775806 => created 9223372036854775806
            hold T5 A3 A1 1                       => created 1
            transfer T6 A3 A1 1                   => balance-overflow
            hold T6 A3 A1 1                       => balance-overflow
            post T7 T5                            => created 1
            reverse T8 T7                         => balance-overflow
            reverse T9 T4                         => balance-overflow
            show A1                               => debits 9223372036854775807, credits 9223372036854775807
            show A3                               => debits 9223372036854775807, credits 0
        "#]],
    );
}

#[test]
fn a_closed_period_takes_no_postings() {
    check(
        "
        account A1 debit
        account A2 credit
        transfer T1 A1 A2 5 value=2025-01-08
        hold     T2 A1 A2 5 value=2025-01-08
        period 2025-01-10
        period 2025-01-11
        period 2025-01-08
        period 2025-01-08
        period 2025-01-07
        transfer T3 A1 A2 5 value=2025-01-08
        transfer T3 A1 A2 5 value=2025-01-07
        hold     T3 A1 A2 5 value=2025-01-08
        post     T3 T2 value=2025-01-08
        reverse  T3 T1 value=2025-01-08
        # What happened before the period closed is still recognized.
        transfer T1 A1 A2 5 value=2025-01-08
        post     T3 T2
        reverse  T4 T1
        transfer T5 A1 A2 5 value=2025-01-09
        day 2025-01-11
        period 2025-01-10
        transfer T6 A1 A2 5 value=2025-01-10
        ",
        expect![[r#"
            account A1 debit                     => ok
            account A2 credit                    => ok
            transfer T1 A1 A2 5 value=2025-01-08 => created 5
            hold T2 A1 A2 5 value=2025-01-08     => created 5
            period 2025-01-10                    => period-not-over
            period 2025-01-11                    => period-not-over
            period 2025-01-08                    => ok
            period 2025-01-08                    => period-already-closed
            period 2025-01-07                    => period-already-closed
            transfer T3 A1 A2 5 value=2025-01-08 => period-closed
            transfer T3 A1 A2 5 value=2025-01-07 => period-closed
            hold T3 A1 A2 5 value=2025-01-08     => period-closed
            post T3 T2 value=2025-01-08          => period-closed
            reverse T3 T1 value=2025-01-08       => period-closed
            transfer T1 A1 A2 5 value=2025-01-08 => exists 5
            post T3 T2                           => created 5
            reverse T4 T1                        => created 5
            transfer T5 A1 A2 5 value=2025-01-09 => created 5
            day 2025-01-11                       => ok
            period 2025-01-10                    => ok
            transfer T6 A1 A2 5 value=2025-01-10 => period-closed
        "#]],
    );
}
