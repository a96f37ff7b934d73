//! The packs of mainland China.

use std::sync::LazyLock;

use money::Money;
use serde::de::DeserializeOwned;

use crate::{
    Pack, Rate, accounts::Caps, accrual::NonAccrual, classification::Rule, limits::Limit,
    provisions::Ratios, rates::Ceiling,
};

/// The loan prime rate (LPR): `lpr-1y`, `lpr-over-5y`.
pub fn lpr() -> &'static Pack<Rate> {
    static PACK: LazyLock<Pack<Rate>> =
        LazyLock::new(|| read(include_str!("../packs/cn/lpr.yaml")));
    &PACK
}

/// The benchmark rates of deposits and loans: `deposit-demand`, `deposit-1y`, `loan-up-to-1y`, …
pub fn benchmark_rates() -> &'static Pack<Rate> {
    static PACK: LazyLock<Pack<Rate>> =
        LazyLock::new(|| read(include_str!("../packs/cn/benchmark-rates.yaml")));
    &PACK
}

/// The five categories of loans and other financial assets.
pub fn classification_loans() -> &'static Pack<Rule> {
    static PACK: LazyLock<Pack<Rule>> =
        LazyLock::new(|| read(include_str!("../packs/cn/classification-loans.yaml")));
    &PACK
}

/// The five categories of credit-card balances.
pub fn classification_credit_cards() -> &'static Pack<Rule> {
    static PACK: LazyLock<Pack<Rule>> =
        LazyLock::new(|| read(include_str!("../packs/cn/classification-credit-cards.yaml")));
    &PACK
}

/// Loan-loss provisions: `guidance`, `standard-risk`.
pub fn provisions() -> &'static Pack<Ratios> {
    static PACK: LazyLock<Pack<Ratios>> =
        LazyLock::new(|| read(include_str!("../packs/cn/provisions.yaml")));
    &PACK
}

/// When interest is no longer income: `interest`.
pub fn non_accrual() -> &'static Pack<NonAccrual> {
    static PACK: LazyLock<Pack<NonAccrual>> =
        LazyLock::new(|| read(include_str!("../packs/cn/non-accrual.yaml")));
    &PACK
}

/// Caps of accounts: `bank-1` to `bank-3`, `payment-1` to `payment-3`, `payment-one-factor`,
/// `payment-two-factors`.
pub fn account_classes() -> &'static Pack<Caps> {
    static PACK: LazyLock<Pack<Caps>> =
        LazyLock::new(|| read(include_str!("../packs/cn/account-classes.yaml")));
    &PACK
}

/// Ceilings of loan rates: `private-lending`, `microloan`, `consumer-finance`.
pub fn rate_ceilings() -> &'static Pack<Ceiling> {
    static PACK: LazyLock<Pack<Ceiling>> =
        LazyLock::new(|| read(include_str!("../packs/cn/rate-ceilings.yaml")));
    &PACK
}

/// Penalties, loan to value, supervisory ratios: `penalty-past-due`, `loan-to-value-home-first`, …
pub fn limits() -> &'static Pack<Limit> {
    static PACK: LazyLock<Pack<Limit>> =
        LazyLock::new(|| read(include_str!("../packs/cn/limits.yaml")));
    &PACK
}

/// Smallest and largest amounts: `large-deposit-person-min`, `online-consumer-credit-max`, …
pub fn amounts() -> &'static Pack<Money> {
    static PACK: LazyLock<Pack<Money>> =
        LazyLock::new(|| read(include_str!("../packs/cn/amounts.yaml")));
    &PACK
}

fn read<T: DeserializeOwned>(text: &str) -> Pack<T> {
    Pack::parse(text).expect("our own packs are well formed, a test reads them")
}
