//! Under which terms a command is decided: those the contract was made under, and the rates posted
//! on the day.

use money::{Decimal, Period};
use product::{AccountProduct, TermProduct, posted::Rate};
use stdx::Date;

/// The product of a contract. A rate that is one number is that of the contract's version; a
/// posted one is read from the version in force, since a bank posts it for everybody.
#[derive(Debug)]
pub struct Terms<'a, P> {
    /// The version the contract was made under.
    pub product: &'a P,
    /// The version in force; the same one where nothing is posted.
    pub posted: &'a P,
}

impl<P> Clone for Terms<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Terms<'_, P> {}

impl<'a, P> Terms<'a, P> {
    /// A version that is in force itself.
    pub fn of(product: &'a P) -> Self {
        Self { product, posted: product }
    }
}

/// A rate as it is on a day.
fn on(own: &Rate, posted: Option<&Rate>, day: Date) -> Option<Decimal> {
    match own {
        Rate::Fixed(rate) => Some(*rate),
        Rate::Posted(_) => posted?.on(day),
    }
}

impl Terms<'_, AccountProduct> {
    /// What a year of money earns on a day; nothing where the account earns nothing.
    pub fn demand_rate(self, day: Date) -> Decimal {
        let [own, posted] =
            [self.product, self.posted].map(|it| it.terms().interest.as_ref().map(|it| &it.rate));
        own.and_then(|own| on(own, posted, day)).unwrap_or(Decimal::ZERO)
    }
}

impl Terms<'_, TermProduct> {
    /// What a year of money payable on demand earns on a day.
    pub fn demand_rate(self, day: Date) -> Decimal {
        let [own, posted] = [self.product, self.posted].map(|it| &it.terms().demand_rate);
        on(own, Some(posted), day).unwrap_or(Decimal::ZERO)
    }

    /// The rate of a tenor that begins on a day; none where it is not offered.
    pub fn tenor_rate(self, tenor: Period, day: Date) -> Option<Decimal> {
        let [own, posted] = [self.product, self.posted]
            .map(|it| it.terms().tenors.iter().find(|it| it.tenor == tenor).map(|it| &it.rate));
        on(own?, posted, day)
    }
}
