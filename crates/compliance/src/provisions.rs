//! Loan-loss provisions (贷款损失准备): how much is set aside for loans of a category.

use std::{fmt, ops::RangeInclusive};

use money::{Amount, Decimal, Rounding};
use serde::Deserialize;

use crate::{Rate, classification::Category};

/// Shares of the balance to be set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ratios {
    /// Of all loans: the general provision (一般准备).
    pub general: Rate,
    /// Of loans in this category, as of those in the next fields: the special provision (专项准备).
    pub normal: Rate,
    /// See [`Ratios::normal`].
    pub special_mention: Rate,
    /// See [`Ratios::normal`].
    pub substandard: Rate,
    /// See [`Ratios::normal`].
    pub doubtful: Rate,
    /// See [`Ratios::normal`].
    pub loss: Rate,
    /// By how much of itself the share of substandard loans may be higher or lower.
    pub substandard_band: Rate,
    /// By how much of itself the share of doubtful loans may be higher or lower.
    pub doubtful_band: Rate,
}

impl Ratios {
    /// The share of a category.
    pub const fn of(&self, category: Category) -> Decimal {
        let Rate(share) = match category {
            Category::Normal => self.normal,
            Category::SpecialMention => self.special_mention,
            Category::Substandard => self.substandard,
            Category::Doubtful => self.doubtful,
            Category::Loss => self.loss,
        };
        share
    }

    /// The shares that an institution may choose for a category.
    pub fn range(&self, category: Category) -> RangeInclusive<Decimal> {
        let Rate(band) = match category {
            Category::Substandard => self.substandard_band,
            Category::Doubtful => self.doubtful_band,
            Category::Normal | Category::SpecialMention | Category::Loss => Rate(Decimal::ZERO),
        };
        let share = self.of(category);
        let width = share.saturating_mul(band);
        share.saturating_sub(width)..=share.saturating_add(width)
    }
}

impl fmt::Display for Ratios {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "of all loans {}", self.general)?;
        for category in Category::ALL {
            let range = self.range(category);
            write!(f, "<br>{} {}", category.en(), Rate(self.of(category)))?;
            if range.start() < range.end() {
                write!(f, " ({} to {})", Rate(*range.start()), Rate(*range.end()))?;
            }
        }
        Ok(())
    }
}

/// The special provision for a balance of loans in a category.
///
/// Rounded up to the minor unit, since the shares are the least there must be. A balance that is
/// not positive needs nothing.
pub fn special_provision(ratios: &Ratios, category: Category, balance: Amount) -> Amount {
    share_of(balance, ratios.of(category))
}

/// The general provision for the balance of all loans, rounded as [`special_provision`] is.
pub fn general_provision(ratios: &Ratios, balance: Amount) -> Amount {
    share_of(balance, ratios.general.0)
}

fn share_of(balance: Amount, share: Decimal) -> Amount {
    if !balance.is_positive() {
        return Amount::ZERO;
    }
    let exact = Decimal::from(balance.minor()).saturating_mul(share);
    let minor = i64::try_from(Rounding::Up.round(exact, 0));
    minor.map_or(Amount::MAX, Amount::from_minor)
}
