//! Reversals: an earlier transfer, the other way round.

use expect_test::expect;

use super::script::check;

#[test]
fn a_reversal_moves_all_of_it_back_once() {
    check(
        "
        account A1 debit
        account A2 credit
        account A3 credit
        transfer T1 A1 A2 5
        reverse R1 T9
        reverse R1 R1
        reverse R1 T1 4
        reverse R1 T1 debit=A1 credit=A2
        reverse R1 T1 credit=A3
        reverse R1 T1 balancing=debit
        reverse R1 T1
        reverse R2 T1
        reverse R2 R1
        show A1
        show A2
        ",
        expect![[r#"
            account A1 debit                 => ok
            account A2 credit                => ok
            account A3 credit                => ok
            transfer T1 A1 A2 5              => created 5
            reverse R1 T9                    => reversed-transfer-not-found
            reverse R1 R1                    => reversed-transfer-not-found
            reverse R1 T1 4                  => reversal-must-be-whole
            reverse R1 T1 debit=A1 credit=A2 => reversal-must-be-whole
            reverse R1 T1 credit=A3          => reversal-must-be-whole
            reverse R1 T1 balancing=debit    => balancing-not-allowed
            reverse R1 T1                    => created 5
            reverse R2 T1                    => already-reversed
            reverse R2 R1                    => not-reversible
            show A1                          => debits 5, credits 5
            show A2                          => debits 5, credits 5
        "#]],
    );
}

#[test]
fn a_posting_can_be_reversed_a_hold_cannot() {
    check(
        "
        account A1 debit
        account A2 credit
        hold H1 A1 A2 5
        hold H2 A1 A2 5 expires=60
        hold H3 A1 A2 5
        post P1 H1 4
        void V1 H3
        tick 60
        expire E1 H2
        reverse R1 H1
        reverse R1 H2
        reverse R1 V1
        reverse R1 E1
        reverse R1 P1 debit=A2
        show A1
        # The hold stays posted.
        post P2 H1
        ",
        expect![[r#"
            account A1 debit           => ok
            account A2 credit          => ok
            hold H1 A1 A2 5            => created 5
            hold H2 A1 A2 5 expires=60 => created 5
            hold H3 A1 A2 5            => created 5
            post P1 H1 4               => created 4
            void V1 H3                 => created 5
            tick 60                    => ok
            expire E1 H2               => created 5
            reverse R1 H1              => not-reversible
            reverse R1 H2              => not-reversible
            reverse R1 V1              => not-reversible
            reverse R1 E1              => not-reversible
            reverse R1 P1 debit=A2     => created 4
            show A1                    => debits 4, credits 4
            post P2 H1                 => hold-already-posted
        "#]],
    );
}

#[test]
fn a_reversal_keeps_the_bounds_of_the_balance() {
    check(
        "
        account A0 debit
        account A1 debit no-overdraft
        account A2 credit no-overdraft
        account A3 credit max=10
        transfer T1 A1 A2 5
        transfer T2 A2 A0 1
        reverse R1 T1
        transfer T3 A0 A2 1
        transfer T4 A0 A1 1
        transfer T5 A0 A1 1 balancing=credit
        reverse R1 T1
        # A3 pays 8 and is filled again.
        transfer T6 A0 A3 8
        transfer T7 A3 A0 8
        transfer T8 A0 A3 8
        reverse R2 T7
        account A4 debit max=10
        transfer T9 A4 A0 8
        transfer TA A0 A4 8
        transfer TB A4 A0 8
        reverse R2 TA
        ",
        expect![[r#"
            account A0 debit                     => ok
            account A1 debit no-overdraft        => ok
            account A2 credit no-overdraft       => ok
            account A3 credit max=10             => ok
            transfer T1 A1 A2 5                  => created 5
            transfer T2 A2 A0 1                  => created 1
            reverse R1 T1                        => debit-account-exceeds-overdraft
            transfer T3 A0 A2 1                  => created 1
            transfer T4 A0 A1 1                  => created 1
            transfer T5 A0 A1 1 balancing=credit => created 1
            reverse R1 T1                        => credit-account-exceeds-overdraft
            transfer T6 A0 A3 8                  => created 8
            transfer T7 A3 A0 8                  => created 8
            transfer T8 A0 A3 8                  => created 8
            reverse R2 T7                        => credit-account-exceeds-balance-max
            account A4 debit max=10              => ok
            transfer T9 A4 A0 8                  => created 8
            transfer TA A0 A4 8                  => created 8
            transfer TB A4 A0 8                  => created 8
            reverse R2 TA                        => debit-account-exceeds-balance-max
        "#]],
    );
}

#[test]
fn a_reversal_asks_no_cap() {
    check(
        "
        account A1 debit cap=in/day/5 cap=out/day/0
        account A2 credit cap=in/day/5 cap=out/day/0
        transfer T1 A1 A2 5
        transfer T2 A2 A1 5
        reverse R1 T1
        show A1
        show A2
        transfer T2 A1 A2 5
        ",
        expect![[r#"
            account A1 debit cap=in/day/5 cap=out/day/0  => ok
            account A2 credit cap=in/day/5 cap=out/day/0 => ok
            transfer T1 A1 A2 5                          => created 5
            transfer T2 A2 A1 5                          => debit-account-exceeds-cap
            reverse R1 T1                                => created 5
            show A1                                      => debits 5, credits 5, used 0, used 0
            show A2                                      => debits 5, credits 5, used 0, used 0
            transfer T2 A1 A2 5                          => created 5
        "#]],
    );
}
