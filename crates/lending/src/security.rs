//! Guarantors and collateral (担保): what stands behind a loan, and whether that is enough.
//!
//! A guarantee is given for one loan. Collateral is a thing with a value, of which shares are
//! pledged to loans: all shares together are never more than the whole. What the product asks for
//! is checked whenever money is paid out, and whenever something is released while anything is
//! owed; a value that falls between is shown, and pays nothing out. A valuation counts from its day
//! on: a payout that is booked late is measured by that of its value date too.
//!
//! Source of the two kinds of guarantee and of what may be pledged: 中华人民共和国民法典 arts. 395,
//! 425, 440, 686 to 688 (not verified).

use std::{collections::BTreeMap, fmt};

use money::{Amount, Currency, Decimal, Rounding};
use product::kinds::instalment_loan::{CollateralKind, GuaranteeKind, Security as Terms};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id};

use crate::loan::{Borrower, Loan, Status};

/// The most guarantees and pledges behind a loan.
pub const SECURITIES_MAX: usize = 50;
/// The most loans to which a thing is pledged.
pub const PLEDGES_MAX: usize = 20;
/// The most valuations that are kept of a thing; the event log has the older ones.
pub const VALUATIONS_MAX: usize = 60;
/// The most that a thing is worth: as many of them as stand behind a loan can be added.
pub const VALUE_MAX: Amount = Amount::from_minor(100_000_000_000_000_000);
/// The most characters of a description or of a valuer's name.
pub const TEXT_LEN_MAX: usize = 200;

/// Something that stands behind a loan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "security", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Security {
    /// Somebody answers for the borrower.
    Guarantee(Guarantee),
    /// A thing, of which shares are pledged.
    Collateral(Collateral),
}

/// Somebody answers for a loan (保证).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guarantee {
    /// For which loan.
    pub loan: Id<Loan>,
    /// Who: a party like the borrower, and not the same.
    pub guarantor: Id<Borrower>,
    /// When the guarantor has to pay.
    pub kind: GuaranteeKind,
    /// The most that the guarantor has to pay; all that is owed when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Amount>,
    /// Since when the guarantor is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_on: Option<Date>,
}

/// A thing that is pledged (抵押物、质物).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collateral {
    /// What sort of thing.
    pub kind: CollateralKind,
    /// Which: a number plate, a title deed.
    pub description: String,
    /// Currency of its value.
    pub currency: Currency,
    /// What it was found to be worth, oldest first. The last one counts now.
    pub valuations: Vec<Valuation>,
    /// The share of it that each loan has.
    pub pledges: BTreeMap<Id<Loan>, Decimal>,
}

/// What a thing is worth, and who says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Valuation {
    /// How much.
    pub value: Amount,
    /// On which day.
    pub on: Date,
    /// Who valued it.
    pub valuer: String,
}

/// All that stands behind a loan, without what was released.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    /// Who answers for it.
    pub guarantees: Vec<Guarantee>,
    /// What is pledged: a thing, and the share of it.
    pub pledged: Vec<(Collateral, Decimal)>,
}

/// Why a command on securities is refused, or nothing is paid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// The product takes no security of this sort.
    NotTaken,
    /// The borrower cannot be the guarantor.
    GuarantorIsBorrower,
    /// The guarantor answers for this loan already.
    AlreadyGuarantor,
    /// The thing is pledged to this loan already.
    AlreadyPledged,
    /// A share is more than nothing and at most all of it.
    ShareOutOfRange,
    /// The shares of all loans would be more than the whole.
    PledgedBeyondValue,
    /// A value or a sum is more than nothing and at most [`VALUE_MAX`].
    ValueOutOfRange,
    /// A valuation is of a day up to today, and not older than the one there is.
    ValuationOutOfOrder,
    /// A description or a valuer's name is missing, or too long.
    TextOutOfRange,
    /// More than stands behind a loan, or than a thing is pledged to.
    TooManySecurities,
    /// The loan has ended: nothing is owed that could be secured.
    LoanEnded,
    /// A guarantee has no value that could be found anew.
    NotCollateral,
    /// Too few guarantors.
    GuarantorsMissing,
    /// Nothing is pledged.
    CollateralMissing,
    /// The value of something pledged was found too long ago.
    ValuationStale,
    /// Too much would be owed for what is pledged.
    LoanToValueExceeded,
}

impl Reject {
    /// The frozen kebab-case code.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotTaken => "security-not-taken",
            Self::GuarantorIsBorrower => "guarantor-is-borrower",
            Self::AlreadyGuarantor => "already-guarantor",
            Self::AlreadyPledged => "already-pledged",
            Self::ShareOutOfRange => "share-out-of-range",
            Self::PledgedBeyondValue => "pledged-beyond-value",
            Self::ValueOutOfRange => "value-out-of-range",
            Self::ValuationOutOfOrder => "valuation-out-of-order",
            Self::TextOutOfRange => "text-out-of-range",
            Self::TooManySecurities => "too-many-securities",
            Self::LoanEnded => "loan-ended",
            Self::NotCollateral => "not-collateral",
            Self::GuarantorsMissing => "guarantors-missing",
            Self::CollateralMissing => "collateral-missing",
            Self::ValuationStale => "valuation-stale",
            Self::LoanToValueExceeded => "loan-to-value-exceeded",
        }
    }
}

/// What it means, for people.
impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotTaken => "the product takes no security of this sort",
            Self::GuarantorIsBorrower => "the borrower cannot be the guarantor",
            Self::AlreadyGuarantor => "the guarantor answers for this loan already",
            Self::AlreadyPledged => "it is pledged to this loan already",
            Self::ShareOutOfRange => "a share is more than 0 and at most 1",
            Self::PledgedBeyondValue => "the shares of all loans would be more than the whole",
            Self::ValueOutOfRange => {
                "a value is more than nothing and at most a hundred quadrillion minor units"
            }
            Self::ValuationOutOfOrder => {
                "a valuation is of today or earlier, and not older than the one there is"
            }
            Self::TextOutOfRange => {
                "a description and a valuer's name have 1 to 200 characters each"
            }
            Self::TooManySecurities => "no more can stand behind a loan, or be pledged of a thing",
            Self::LoanEnded => "the loan has ended, so there is nothing to secure",
            Self::NotCollateral => "a guarantee has no value to be found anew",
            Self::GuarantorsMissing => "the loan has too few guarantors",
            Self::CollateralMissing => "nothing would be pledged for the loan",
            Self::ValuationStale => "what is pledged was valued too long ago",
            Self::LoanToValueExceeded => {
                "more would be owed than the value of what is pledged allows"
            }
        })
    }
}

impl std::error::Error for Reject {}

fn must(it: bool, reject: Reject) -> Result<(), Reject> {
    if it { Ok(()) } else { Err(reject) }
}

fn is_value(amount: Amount) -> bool {
    amount.is_positive() && amount <= VALUE_MAX
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= TEXT_LEN_MAX
}

impl Security {
    /// The loans it stands behind.
    pub fn loans(&self) -> Vec<Id<Loan>> {
        match self {
            Self::Guarantee(it) if it.released_on.is_some() => Vec::new(),
            Self::Guarantee(it) => vec![it.loan],
            Self::Collateral(it) => it.pledges.keys().copied().collect(),
        }
    }
}

impl Guarantee {
    /// Takes a guarantee for a loan.
    ///
    /// # Errors
    /// [`Reject::NotTaken`], [`Reject::LoanEnded`], [`Reject::GuarantorIsBorrower`],
    /// [`Reject::AlreadyGuarantor`], [`Reject::ValueOutOfRange`], [`Reject::TooManySecurities`].
    pub fn take(self, terms: Option<&Terms>, loan: &Loan, held: &Held) -> Result<Self, Reject> {
        let terms = terms.and_then(|it| it.guarantors.as_ref()).ok_or(Reject::NotTaken)?;
        must(terms.kinds.contains(&self.kind), Reject::NotTaken)?;
        held.check_room(loan)?;
        must(self.guarantor != loan.borrower, Reject::GuarantorIsBorrower)?;
        let known = held.guarantees.iter().any(|it| it.guarantor == self.guarantor);
        must(!known, Reject::AlreadyGuarantor)?;
        must(self.up_to.is_none_or(is_value), Reject::ValueOutOfRange)?;
        Ok(Self { released_on: None, ..self })
    }
}

impl Collateral {
    /// Pledges a share of it to a loan, under its id.
    ///
    /// # Errors
    /// [`Reject::NotTaken`], [`Reject::LoanEnded`], [`Reject::AlreadyPledged`],
    /// [`Reject::ShareOutOfRange`], [`Reject::PledgedBeyondValue`], [`Reject::TooManySecurities`];
    /// [`Reject::TextOutOfRange`], [`Reject::ValueOutOfRange`] and
    /// [`Reject::ValuationOutOfOrder`] for the thing itself.
    pub fn pledge(
        mut self,
        terms: Option<&Terms>,
        (id, loan): (Id<Loan>, &Loan),
        share: Decimal,
        held: &Held,
        today: Date,
    ) -> Result<Self, Reject> {
        let terms = terms.and_then(|it| it.collateral.as_ref()).ok_or(Reject::NotTaken)?;
        let same = self.currency == loan.currency;
        must(same && terms.kinds.contains(&self.kind), Reject::NotTaken)?;
        held.check_room(loan)?;
        must(is_text(&self.description), Reject::TextOutOfRange)?;
        self.valuations.iter().try_for_each(|it| it.check(today))?;
        must(!self.pledges.contains_key(&id), Reject::AlreadyPledged)?;
        must(self.pledges.len() < PLEDGES_MAX, Reject::TooManySecurities)?;
        must(share > Decimal::ZERO && share <= Decimal::ONE, Reject::ShareOutOfRange)?;
        let all = self.pledges.values().try_fold(share, |sum, it| sum.checked_add(*it));
        must(all.is_some_and(|it| it <= Decimal::ONE), Reject::PledgedBeyondValue)?;
        self.pledges.insert(id, share);
        Ok(self)
    }

    /// Values it anew. Another valuation of the same day takes the place of the first.
    ///
    /// # Errors
    /// [`Reject::TextOutOfRange`], [`Reject::ValueOutOfRange`], [`Reject::ValuationOutOfOrder`].
    pub fn revalue(mut self, valuation: Valuation, today: Date) -> Result<Self, Reject> {
        let newer = self.valuations.last().is_none_or(|last| last.on <= valuation.on);
        must(newer, Reject::ValuationOutOfOrder)?;
        valuation.check(today)?;
        self.valuations.retain(|it| it.on != valuation.on);
        self.valuations.push(valuation);
        let older = self.valuations.len().saturating_sub(VALUATIONS_MAX);
        self.valuations.drain(..older);
        Ok(self)
    }

    /// The valuation that counted on a day.
    fn valuation(&self, on: Date) -> Option<&Valuation> {
        self.valuations.iter().rfind(|it| it.on <= on)
    }

    /// What a share of it is worth now, rounded down.
    pub fn worth(&self, share: Decimal) -> Amount {
        self.worth_by(self.valuations.last(), share)
    }

    fn worth_by(&self, valuation: Option<&Valuation>, share: Decimal) -> Amount {
        let value = valuation.map(|it| it.value.to_decimal(self.currency));
        let worth = value.and_then(|it| it.checked_mul(share));
        let worth = worth.map(|it| Amount::round(it, self.currency, Rounding::Down));
        // A share is at most the whole, so it fits where the whole does.
        worth.and_then(Result::ok).unwrap_or(Amount::ZERO)
    }
}

impl Valuation {
    fn check(&self, today: Date) -> Result<(), Reject> {
        must(is_text(&self.valuer), Reject::TextOutOfRange)?;
        must(is_value(self.value), Reject::ValueOutOfRange)?;
        must(self.on <= today, Reject::ValuationOutOfOrder)
    }

    fn is_stale(&self, months: u32, today: Date) -> bool {
        let until = self.on.checked_add(jiff::Span::new().months(i64::from(months)));
        until.is_ok_and(|until| until < today)
    }
}

impl Held {
    /// What of these securities stands behind a loan.
    pub fn of<'s>(loan: Id<Loan>, securities: impl IntoIterator<Item = &'s Security>) -> Self {
        let mut held = Self::default();
        for security in securities {
            match security {
                Security::Guarantee(it) if it.loan == loan && it.released_on.is_none() => {
                    held.guarantees.push(it.clone());
                }
                Security::Guarantee(_) => {}
                Security::Collateral(it) => {
                    held.pledged.extend(it.pledges.get(&loan).map(|share| (it.clone(), *share)));
                }
            }
        }
        held
    }

    /// What is pledged is worth now, the loan's shares of it.
    pub fn value(&self) -> Amount {
        self.pledged.iter().map(|(it, share)| it.worth(*share)).sum()
    }

    /// What it was worth on a day; what was not valued by then, nothing.
    fn value_on(&self, on: Date) -> Amount {
        self.pledged.iter().map(|(it, share)| it.worth_by(it.valuation(on), *share)).sum()
    }

    /// What of it is noted off the balance sheet: what is pledged, until the loan has ended.
    pub fn noted(&self, status: Status) -> Amount {
        if status.has_ended() { Amount::ZERO } else { self.value() }
    }

    /// What is owed as a part of the value of what is pledged, rounded up to four places.
    pub fn loan_to_value(&self, principal: Amount, currency: Currency) -> Option<Decimal> {
        let [principal, value] =
            [principal, self.value()].map(|amount| amount.to_decimal(currency));
        let exact = principal.checked_div(value)?;
        Some(Rounding::Up.round(exact, 4).normalize())
    }

    /// Whether it is enough on a day for a loan under the terms of its product when so much
    /// principal is owed.
    ///
    /// # Errors
    /// [`Reject::GuarantorsMissing`], [`Reject::CollateralMissing`], [`Reject::ValuationStale`],
    /// [`Reject::LoanToValueExceeded`].
    pub fn suffices(
        &self,
        terms: Option<&Terms>,
        principal: Amount,
        currency: Currency,
        on: Date,
    ) -> Result<(), Reject> {
        let Some(terms) = terms else { return Ok(()) };
        if let Some(asked) = &terms.guarantors {
            let guarantors = u32::try_from(self.guarantees.len()).unwrap_or(u32::MAX);
            must(guarantors >= asked.min, Reject::GuarantorsMissing)?;
        }
        let Some(asked) = &terms.collateral else { return Ok(()) };
        must(!self.pledged.is_empty(), Reject::CollateralMissing)?;
        if let Some(months) = asked.revalued_months {
            let valuations = self.pledged.iter().filter_map(|(it, _)| it.valuation(on));
            let stale = valuations.into_iter().any(|it| it.is_stale(months, on));
            must(!stale, Reject::ValuationStale)?;
        }
        let most = self.value_on(on).to_decimal(currency).checked_mul(asked.loan_to_value);
        let most = most.ok_or(Reject::LoanToValueExceeded)?;
        must(principal.to_decimal(currency) <= most, Reject::LoanToValueExceeded)
    }

    /// Whether the loan can do without what is not in here any more.
    ///
    /// # Errors
    /// As [`Held::suffices`], while anything is owed.
    pub fn check_release(
        &self,
        terms: Option<&Terms>,
        loan: &Loan,
        principal: Amount,
        today: Date,
    ) -> Result<(), Reject> {
        match loan.status {
            Status::Active | Status::ChargedOff => {
                self.suffices(terms, principal, loan.currency, today)
            }
            // Before money is paid out, that asks again.
            Status::Signed | Status::Settled | Status::WrittenOff | Status::Sold => Ok(()),
        }
    }

    fn check_room(&self, loan: &Loan) -> Result<(), Reject> {
        must(!loan.status.has_ended(), Reject::LoanEnded)?;
        let all = self.guarantees.len().saturating_add(self.pledged.len());
        must(all < SECURITIES_MAX, Reject::TooManySecurities)
    }
}
