//! Overdraft, balance maximum, caps, and moving what is there.

use expect_test::expect;

use super::script::check;

#[test]
fn debits_must_not_exceed_credits() {
    check(
        "
        account A1 debit
        account A2 credit no-overdraft
        transfer T1 A2 A1 1
        hold     T1 A2 A1 1
        transfer T1 A1 A2 10
        # What is held for the account is not there yet; what is held against it is gone.
        hold     T2 A1 A2 10
        transfer T3 A2 A1 11
        hold     T3 A2 A1 6
        transfer T4 A2 A1 5
        transfer T4 A2 A1 4
        hold     T5 A2 A1 1
        show A2
        post T6 T2
        transfer T5 A2 A1 10
        post T7 T3
        show A2
        ",
        expect![[r#"
            account A1 debit               => ok
            account A2 credit no-overdraft => ok
            transfer T1 A2 A1 1            => debit-account-exceeds-overdraft
            hold T1 A2 A1 1                => debit-account-exceeds-overdraft
            transfer T1 A1 A2 10           => created 10
            hold T2 A1 A2 10               => created 10
            transfer T3 A2 A1 11           => debit-account-exceeds-overdraft
            hold T3 A2 A1 6                => created 6
            transfer T4 A2 A1 5            => debit-account-exceeds-overdraft
            transfer T4 A2 A1 4            => created 4
            hold T5 A2 A1 1                => debit-account-exceeds-overdraft
            show A2                        => debits 4 (+6 held), credits 10 (+10 held)
            post T6 T2                     => created 10
            transfer T5 A2 A1 10           => created 10
            post T7 T3                     => created 6
            show A2                        => debits 20, credits 20
        "#]],
    );
}

#[test]
fn credits_must_not_exceed_debits() {
    check(
        "
        account A1 debit no-overdraft
        account A2 credit
        transfer T1 A1 A2 10
        hold     T2 A2 A1 6
        transfer T3 A2 A1 5
        transfer T3 A2 A1 4
        transfer T4 A2 A1 1
        void T5 T2
        transfer T4 A2 A1 6
        ",
        expect![[r#"
            account A1 debit no-overdraft => ok
            account A2 credit             => ok
            transfer T1 A1 A2 10          => created 10
            hold T2 A2 A1 6               => created 6
            transfer T3 A2 A1 5           => credit-account-exceeds-overdraft
            transfer T3 A2 A1 4           => created 4
            transfer T4 A2 A1 1           => credit-account-exceeds-overdraft
            void T5 T2                    => created 6
            transfer T4 A2 A1 6           => created 6
        "#]],
    );
}

#[test]
fn an_overdraft_is_a_credit_line() {
    check(
        "
        account A1 debit
        account A2 credit overdraft=5
        account A3 credit overdraft=max
        transfer T1 A2 A1 6
        hold     T1 A2 A1 5
        transfer T2 A2 A1 1
        transfer T3 A1 A3 1
        transfer T4 A3 A1 9223372036854775807
        show A3
        # A lower line than what is used already.
        limits A2 overdraft=2
        transfer T2 A2 A1 1
        transfer T2 A2 A1 1 balancing=debit
        transfer T5 A1 A2 1
        post T6 T1
        ",
        expect![[r#"
            account A1 debit                      => ok
            account A2 credit overdraft=5         => ok
            account A3 credit overdraft=max       => ok
            transfer T1 A2 A1 6                   => debit-account-exceeds-overdraft
            hold T1 A2 A1 5                       => created 5
            transfer T2 A2 A1 1                   => debit-account-exceeds-overdraft
            transfer T3 A1 A3 1                   => created 1
            transfer T4 A3 A1 9223372036854775807 => balance-overflow
            show A3                               => debits 0, credits 1
            limits A2 overdraft=2                 => ok
            transfer T2 A2 A1 1                   => debit-account-exceeds-overdraft
            transfer T2 A2 A1 1 balancing=debit   => created 0
            transfer T5 A1 A2 1                   => created 1
            post T6 T1                            => created 5
        "#]],
    );
}

#[test]
fn a_balance_has_a_maximum() {
    check(
        "
        account A1 debit
        account A2 credit max=10
        transfer T1 A1 A2 11
        hold     T1 A1 A2 6
        transfer T2 A1 A2 5
        transfer T2 A1 A2 4
        post T3 T1
        show A2
        transfer T4 A1 A2 1
        # What is held against it makes no room yet.
        hold     T4 A2 A1 3
        transfer T5 A1 A2 1
        post T6 T4
        transfer T5 A1 A2 3
        account A3 debit max=10
        transfer T7 A3 A1 11
        transfer T7 A3 A1 10
        # A maximum below the balance: nothing in, but out.
        limits A2 max=5
        transfer T8 A1 A2 1
        transfer T8 A2 A1 5
        transfer T9 A1 A2 1
        ",
        expect![[r#"
            account A1 debit         => ok
            account A2 credit max=10 => ok
            transfer T1 A1 A2 11     => credit-account-exceeds-balance-max
            hold T1 A1 A2 6          => created 6
            transfer T2 A1 A2 5      => credit-account-exceeds-balance-max
            transfer T2 A1 A2 4      => created 4
            post T3 T1               => created 6
            show A2                  => debits 0, credits 10
            transfer T4 A1 A2 1      => credit-account-exceeds-balance-max
            hold T4 A2 A1 3          => created 3
            transfer T5 A1 A2 1      => credit-account-exceeds-balance-max
            post T6 T4               => created 3
            transfer T5 A1 A2 3      => created 3
            account A3 debit max=10  => ok
            transfer T7 A3 A1 11     => debit-account-exceeds-balance-max
            transfer T7 A3 A1 10     => created 10
            limits A2 max=5          => ok
            transfer T8 A1 A2 1      => credit-account-exceeds-balance-max
            transfer T8 A2 A1 5      => created 5
            transfer T9 A1 A2 1      => credit-account-exceeds-balance-max
        "#]],
    );
}

#[test]
fn caps_count_gross_by_direction() {
    check(
        "
        account A1 debit cap=out/day/9
        account A2 credit cap=in/day/10 cap=out/day/4
        transfer T1 A1 A2 11
        transfer T1 A1 A2 10
        transfer T2 A1 A2 1
        transfer T2 A2 A1 5
        transfer T2 A2 A1 4
        transfer T3 A1 A2 1
        transfer T4 A2 A1 1
        show A1
        show A2
        account A3 credit
        transfer T5 A3 A1 6
        transfer T5 A3 A1 5
        show A1
        ",
        expect![[r#"
            account A1 debit cap=out/day/9                => ok
            account A2 credit cap=in/day/10 cap=out/day/4 => ok
            transfer T1 A1 A2 11                          => credit-account-exceeds-cap
            transfer T1 A1 A2 10                          => created 10
            transfer T2 A1 A2 1                           => credit-account-exceeds-cap
            transfer T2 A2 A1 5                           => debit-account-exceeds-cap
            transfer T2 A2 A1 4                           => created 4
            transfer T3 A1 A2 1                           => credit-account-exceeds-cap
            transfer T4 A2 A1 1                           => debit-account-exceeds-cap
            show A1                                       => debits 10, credits 4, used 4
            show A2                                       => debits 4, credits 10, used 10, used 4
            account A3 credit                             => ok
            transfer T5 A3 A1 6                           => credit-account-exceeds-cap
            transfer T5 A3 A1 5                           => created 5
            show A1                                       => debits 10, credits 9, used 9
        "#]],
    );
}

#[test]
fn caps_run_over_days_months_years_and_ever() {
    check(
        "
        account A0 debit
        account A1 credit cap=in/day/5
        account A2 credit cap=in/month/5
        account A3 credit cap=in/year/5
        account A4 credit cap=in/ever/5
        transfer D1 A0 A1 5
        transfer M1 A0 A2 5
        transfer Y1 A0 A3 5
        transfer E1 A0 A4 5
        transfer D2 A0 A1 1
        day 2025-01-31
        transfer D2 A0 A1 5
        transfer M2 A0 A2 1
        day 2025-02-01
        transfer M2 A0 A2 5
        transfer Y2 A0 A3 1
        day 2025-12-31
        transfer Y2 A0 A3 1
        day 2026-01-01
        transfer Y2 A0 A3 5
        transfer E2 A0 A4 1
        ",
        expect![[r#"
            account A0 debit                 => ok
            account A1 credit cap=in/day/5   => ok
            account A2 credit cap=in/month/5 => ok
            account A3 credit cap=in/year/5  => ok
            account A4 credit cap=in/ever/5  => ok
            transfer D1 A0 A1 5              => created 5
            transfer M1 A0 A2 5              => created 5
            transfer Y1 A0 A3 5              => created 5
            transfer E1 A0 A4 5              => created 5
            transfer D2 A0 A1 1              => credit-account-exceeds-cap
            day 2025-01-31                   => ok
            transfer D2 A0 A1 5              => created 5
            transfer M2 A0 A2 1              => credit-account-exceeds-cap
            day 2025-02-01                   => ok
            transfer M2 A0 A2 5              => created 5
            transfer Y2 A0 A3 1              => credit-account-exceeds-cap
            day 2025-12-31                   => ok
            transfer Y2 A0 A3 1              => credit-account-exceeds-cap
            day 2026-01-01                   => ok
            transfer Y2 A0 A3 5              => created 5
            transfer E2 A0 A4 1              => credit-account-exceeds-cap
        "#]],
    );
}

#[test]
fn what_is_not_used_of_a_cap_comes_back() {
    check(
        "
        account A1 debit
        account A2 credit cap=out/day/10
        hold T1 A2 A1 6
        hold T2 A2 A1 4
        transfer T3 A2 A1 1
        void T4 T2
        show A2
        post T5 T1 2
        show A2
        transfer T3 A2 A1 8
        reverse T6 T3
        show A2
        reverse T7 T5
        show A2
        ",
        expect![[r#"
            account A1 debit                 => ok
            account A2 credit cap=out/day/10 => ok
            hold T1 A2 A1 6                  => created 6
            hold T2 A2 A1 4                  => created 4
            transfer T3 A2 A1 1              => debit-account-exceeds-cap
            void T4 T2                       => created 4
            show A2                          => debits 0 (+6 held), credits 0, used 6
            post T5 T1 2                     => created 2
            show A2                          => debits 2, credits 0, used 2
            transfer T3 A2 A1 8              => created 8
            reverse T6 T3                    => created 8
            show A2                          => debits 10, credits 8, used 2
            reverse T7 T5                    => created 2
            show A2                          => debits 10, credits 10, used 0
        "#]],
    );
}

#[test]
fn what_comes_back_counts_on_the_day_it_was_taken() {
    check(
        "
        account A1 debit
        account A2 credit cap=out/day/10
        hold T1 A2 A1 6
        hold T2 A2 A1 4
        transfer T3 A1 A2 5
        day 2025-01-11
        transfer T4 A2 A1 10
        void T5 T2
        post T6 T1
        show A2
        # The posting is of today, its hold is not: there is no room to gain.
        reverse T7 T6
        show A2
        transfer T8 A2 A1 1
        ",
        expect![[r#"
            account A1 debit                 => ok
            account A2 credit cap=out/day/10 => ok
            hold T1 A2 A1 6                  => created 6
            hold T2 A2 A1 4                  => created 4
            transfer T3 A1 A2 5              => created 5
            day 2025-01-11                   => ok
            transfer T4 A2 A1 10             => created 10
            void T5 T2                       => created 4
            post T6 T1                       => created 6
            show A2                          => debits 16, credits 5, used 10
            reverse T7 T6                    => created 6
            show A2                          => debits 16, credits 11, used 10
            transfer T8 A2 A1 1              => debit-account-exceeds-cap
        "#]],
    );
}

#[test]
fn limits_change() {
    check(
        "
        account A1 debit
        account A2 credit cap=in/day/10
        transfer T1 A1 A2 6
        limits A2 cap=in/day/5 cap=in/month/9
        show A2
        transfer T2 A1 A2 1
        transfer T2 A1 A2 1 balancing=credit
        limits A2 cap=in/month/9
        transfer T3 A1 A2 9
        transfer T4 A1 A2 1
        limits A2
        transfer T4 A1 A2 1
        limits A9
        limits A2 overdraft=-1
        limits A2 max=-1
        limits A2 cap=in/day/-1
        limits A2 cap=in/day/1 cap=out/day/1 cap=in/day/2
        ",
        expect![[r#"
            account A1 debit                                  => ok
            account A2 credit cap=in/day/10                   => ok
            transfer T1 A1 A2 6                               => created 6
            limits A2 cap=in/day/5 cap=in/month/9             => ok
            show A2                                           => debits 0, credits 6, used 6, used 0
            transfer T2 A1 A2 1                               => credit-account-exceeds-cap
            transfer T2 A1 A2 1 balancing=credit              => created 0
            limits A2 cap=in/month/9                          => ok
            transfer T3 A1 A2 9                               => created 9
            transfer T4 A1 A2 1                               => credit-account-exceeds-cap
            limits A2                                         => ok
            transfer T4 A1 A2 1                               => created 1
            limits A9                                         => account-not-found
            limits A2 overdraft=-1                            => limits-malformed
            limits A2 max=-1                                  => limits-malformed
            limits A2 cap=in/day/-1                           => limits-malformed
            limits A2 cap=in/day/1 cap=out/day/1 cap=in/day/2 => limits-malformed
        "#]],
    );
}

#[test]
fn balancing_moves_what_is_there() {
    check(
        "
        account A1 debit
        account A2 credit no-overdraft
        account A3 credit
        transfer T1 A1 A2 10
        hold     T2 A2 A3 4
        hold     T3 A1 A2 50
        transfer T4 A2 A3 5 balancing=debit
        transfer T5 A2 A3 5 balancing=debit
        transfer T6 A2 A3 5 balancing=debit
        show A2
        # The credit side: up to what it has been debited.
        transfer T7 A3 A1 7 balancing=credit
        transfer T8 A2 A1 max balancing=credit
        transfer T8 A3 A1 max balancing=credit
        transfer T9 A3 A1 5 balancing=credit
        show A1
        show A3
        ",
        expect![[r#"
            account A1 debit                       => ok
            account A2 credit no-overdraft         => ok
            account A3 credit                      => ok
            transfer T1 A1 A2 10                   => created 10
            hold T2 A2 A3 4                        => created 4
            hold T3 A1 A2 50                       => created 50
            transfer T4 A2 A3 5 balancing=debit    => created 5
            transfer T5 A2 A3 5 balancing=debit    => created 1
            transfer T6 A2 A3 5 balancing=debit    => created 0
            show A2                                => debits 6 (+4 held), credits 10 (+50 held)
            transfer T7 A3 A1 7 balancing=credit   => created 7
            transfer T8 A2 A1 max balancing=credit => debit-account-exceeds-overdraft
            transfer T8 A3 A1 max balancing=credit => created 3
            transfer T9 A3 A1 5 balancing=credit   => created 0
            show A1                                => debits 10 (+50 held), credits 10
            show A3                                => debits 10, credits 6 (+4 held)
        "#]],
    );
}

#[test]
fn balancing_both_moves_the_smaller() {
    check(
        "
        account A1 debit
        account A2 credit
        account A3 debit
        transfer T1 A1 A2 10
        transfer T2 A3 A1 4
        transfer T3 A2 A1 max balancing=both
        transfer T4 A2 A1 max balancing=both
        transfer T5 A2 A1 max balancing=debit
        show A1
        show A2
        ",
        expect![[r#"
            account A1 debit                      => ok
            account A2 credit                     => ok
            account A3 debit                      => ok
            transfer T1 A1 A2 10                  => created 10
            transfer T2 A3 A1 4                   => created 4
            transfer T3 A2 A1 max balancing=both  => created 6
            transfer T4 A2 A1 max balancing=both  => created 0
            transfer T5 A2 A1 max balancing=debit => created 4
            show A1                               => debits 10, credits 14
            show A2                               => debits 10, credits 10
        "#]],
    );
}

#[test]
fn balancing_may_use_the_overdraft_of_its_own_side() {
    check(
        "
        account A0 credit
        account A1 debit overdraft=3
        account A2 credit overdraft=5
        # A hold balances too.
        hold     T1 A2 A0 2 balancing=debit
        transfer T2 A2 A0 9 balancing=debit
        transfer T3 A2 A0 9 balancing=debit
        transfer T4 A0 A1 9 balancing=credit
        transfer T5 A0 A1 9 balancing=credit
        # Growing an account is no use of its overdraft.
        transfer T6 A0 A2 9 balancing=credit
        show A1
        show A2
        ",
        expect![[r#"
            account A0 credit                    => ok
            account A1 debit overdraft=3         => ok
            account A2 credit overdraft=5        => ok
            hold T1 A2 A0 2 balancing=debit      => created 2
            transfer T2 A2 A0 9 balancing=debit  => created 3
            transfer T3 A2 A0 9 balancing=debit  => created 0
            transfer T4 A0 A1 9 balancing=credit => created 3
            transfer T5 A0 A1 9 balancing=credit => created 0
            transfer T6 A0 A2 9 balancing=credit => created 3
            show A1                              => debits 0, credits 3
            show A2                              => debits 3 (+2 held), credits 3
        "#]],
    );
}

#[test]
fn balancing_keeps_the_other_limits() {
    check(
        "
        account A1 debit
        account A2 credit no-overdraft cap=out/day/3
        account A3 credit max=2
        transfer T1 A1 A2 10
        transfer T2 A2 A1 max balancing=debit
        transfer T2 A2 A3 3 balancing=debit
        transfer T2 A2 A3 2 balancing=debit
        ",
        expect![[r#"
            account A1 debit                             => ok
            account A2 credit no-overdraft cap=out/day/3 => ok
            account A3 credit max=2                      => ok
            transfer T1 A1 A2 10                         => created 10
            transfer T2 A2 A1 max balancing=debit        => debit-account-exceeds-cap
            transfer T2 A2 A3 3 balancing=debit          => credit-account-exceeds-balance-max
            transfer T2 A2 A3 2 balancing=debit          => created 2
        "#]],
    );
}
