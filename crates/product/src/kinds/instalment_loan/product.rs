//! A loan product ready for use: compiled once, evaluated at every command.

use std::{fmt, sync::Arc};

use money::{Amount, Calendar, Currency, Decimal, Money, Rounding};
use stdx::Date;

use super::{EarlySettlement, Fee, FeeMoment, InstalmentLoan, KIND, place_of};
use crate::{
    accounting::Accounting,
    chart::Chart,
    check::unforeseen,
    definition::Definition,
    eligibility::{Application, Eligibility, Failure},
    expression::{Environment, EvaluationError, Expression, Facts, Type},
    problem::Problem,
    schedule::{Instalment, ScheduleError, Terms, schedule},
};

/// A compiled `instalment-loan`.
#[derive(Clone, Debug)]
pub struct LoanProduct {
    definition: Definition,
    terms: InstalmentLoan,
    accounting: Accounting,
    eligibility: Eligibility,
    fees: Vec<CompiledFee>,
    settlement_fee: Option<Compiled>,
}

/// An expression and the fields it reads.
#[derive(Clone, Debug)]
struct Compiled {
    expression: Expression,
    environment: Environment,
}

#[derive(Clone, Debug)]
struct CompiledFee {
    code: String,
    moment: FeeMoment,
    amount: Compiled,
}

/// Why a product does not offer a loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferReject {
    /// Less than the smallest amount.
    AmountTooSmall {
        /// The smallest amount.
        min: Money,
    },
    /// More than the largest amount.
    AmountTooLarge {
        /// The largest amount.
        max: Money,
    },
    /// Not a multiple of the step.
    AmountNotAStep {
        /// The step.
        step: Money,
    },
    /// Not a number of instalments one may choose.
    TermNotOffered,
    /// No contract may be made under this version on this day.
    NotInForce,
}

impl OfferReject {
    /// The stable name of the reject.
    pub fn code(self) -> &'static str {
        match self {
            Self::AmountTooSmall { .. } => "amount-too-small",
            Self::AmountTooLarge { .. } => "amount-too-large",
            Self::AmountNotAStep { .. } => "amount-not-a-step",
            Self::TermNotOffered => "term-not-offered",
            Self::NotInForce => "product-not-in-force",
        }
    }
}

impl fmt::Display for OfferReject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AmountTooSmall { min } => write!(f, "the smallest amount offered is {min}"),
            Self::AmountTooLarge { max } => write!(f, "the largest amount offered is {max}"),
            Self::AmountNotAStep { step } => write!(f, "the amount must be a multiple of {step}"),
            Self::TermNotOffered => f.write_str("this number of instalments is not offered"),
            Self::NotInForce => f.write_str("the product is not in force on this day"),
        }
    }
}

impl std::error::Error for OfferReject {}

/// Why a fee cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeeError {
    /// Its expression has no value.
    NoValue(EvaluationError),
    /// It is less than nothing.
    Negative,
    /// It is larger than any amount, or leaves nothing of the sum it is kept back from.
    TooLarge,
}

impl FeeError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoValue(error) => error.code(),
            Self::Negative => "negative-fee",
            Self::TooLarge => "fee-too-large",
        }
    }
}

impl fmt::Display for FeeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoValue(error) => error.fmt(f),
            Self::Negative => f.write_str("a fee is negative"),
            Self::TooLarge => f.write_str("the fees leave nothing to pay out"),
        }
    }
}

impl std::error::Error for FeeError {}

impl LoanProduct {
    /// Compiles a definition.
    ///
    /// # Errors
    /// What keeps it from being used; nothing, when [`crate::check`] found nothing.
    pub fn compile(definition: &Definition) -> Result<Self, Vec<Problem>> {
        if definition.kind != KIND.name {
            let reason = format!("This is a `{}`, not an `{}`.", definition.kind, KIND.name);
            return Err(vec![Problem::new(
                "/kind",
                "other-kind",
                reason,
                "Choose another product.",
            )]);
        }
        let terms: InstalmentLoan = serde_json::from_value(definition.terms.clone())
            .map_err(|error| vec![unforeseen("/terms", &error)])?;
        let fees = terms.fees.iter().enumerate().map(|(index, fee)| {
            let place = format!("/terms/fees/{index}/amount");
            let amount = compile(&fee.amount, Fee::environment(fee.on), &place)?;
            Ok(CompiledFee { code: fee.code.clone(), moment: fee.on, amount })
        });
        let settlement_fee = terms.early_settlement.fee.as_deref().map(|source| {
            compile(source, EarlySettlement::environment(), "/terms/early_settlement/fee")
        });
        Ok(Self {
            accounting: Accounting::of(&KIND, definition),
            eligibility: Eligibility::compile(definition)?,
            fees: fees.collect::<Result<_, Vec<Problem>>>()?,
            settlement_fee: settlement_fee.transpose()?,
            definition: definition.clone(),
            terms,
        })
    }

    /// The same, booked on the chart of an institution.
    #[must_use]
    pub fn on(self, chart: &Arc<Chart>) -> Self {
        Self { accounting: self.accounting.on(chart), ..self }
    }

    /// What it was compiled from.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The terms.
    pub fn terms(&self) -> &InstalmentLoan {
        &self.terms
    }

    /// The currency of every amount.
    pub fn currency(&self) -> Currency {
        self.definition.currency
    }

    /// How events are booked.
    pub fn accounting(&self) -> &Accounting {
        &self.accounting
    }

    /// The rules of who may borrow.
    pub fn eligibility(&self) -> &Eligibility {
        &self.eligibility
    }

    /// The rules an applicant fails; none is a yes.
    ///
    /// # Errors
    /// Declared facts that are missing or malformed.
    pub fn decide(&self, application: &Application) -> Result<Vec<Failure>, Vec<Problem>> {
        let facts = self.eligibility.facts(application)?;
        Ok(self.eligibility.failures(&facts))
    }

    /// Whether this sum may be borrowed over so many instalments on this day.
    ///
    /// # Errors
    /// [`OfferReject`], the first reason.
    pub fn offers(&self, principal: Amount, term: u32, day: Date) -> Result<(), OfferReject> {
        let major = principal.to_decimal(self.currency());
        let range = &self.terms.amount;
        if !self.definition.in_force(day) {
            return Err(OfferReject::NotInForce);
        }
        if major < range.min {
            return Err(OfferReject::AmountTooSmall { min: self.money(range.min) });
        }
        if major > range.max {
            return Err(OfferReject::AmountTooLarge { max: self.money(range.max) });
        }
        if let Some(step) = range.step.filter(|step| !(major % step).is_zero()) {
            return Err(OfferReject::AmountNotAStep { step: self.money(step) });
        }
        if self.terms.term.offers(term) { Ok(()) } else { Err(OfferReject::TermNotOffered) }
    }

    /// The fees kept back from the sum paid out, by code.
    ///
    /// # Errors
    /// [`FeeError`]; also when they leave nothing of the sum.
    pub fn disbursal_fees(
        &self,
        principal: Amount,
        term: u32,
    ) -> Result<Vec<(&str, Amount)>, FeeError> {
        let facts = self.disbursal_facts(principal, term);
        let fees = self.fees_at(FeeMoment::Disbursal, &facts)?;
        let total = fees.iter().try_fold(Amount::ZERO, |sum, (_, fee)| sum.checked_add(*fee));
        total.filter(|total| *total < principal).ok_or(FeeError::TooLarge)?;
        Ok(fees)
    }

    /// The fees due with an instalment, by code; `balance` is the principal owed before it.
    ///
    /// # Errors
    /// [`FeeError`].
    pub fn instalment_fees(
        &self,
        principal: Amount,
        term: u32,
        number: u32,
        balance: Amount,
    ) -> Result<Vec<(&str, Amount)>, FeeError> {
        let facts = self.instalment_facts(principal, term, number, balance);
        self.fees_at(FeeMoment::Instalment, &facts)
    }

    /// The price of settling when so much principal is owed and so many instalments are paid.
    ///
    /// # Errors
    /// [`FeeError`].
    pub fn settlement_fee(
        &self,
        principal: Amount,
        term: u32,
        outstanding: Amount,
        paid: u32,
    ) -> Result<Amount, FeeError> {
        let Some(fee) = &self.settlement_fee else { return Ok(Amount::ZERO) };
        let facts = [
            ("principal", self.major(principal)),
            ("term", term.into()),
            ("outstanding", self.major(outstanding)),
            ("paid", paid.into()),
        ];
        self.fee(fee, &facts)
    }

    /// What the schedule of a loan follows from.
    pub fn schedule_terms(&self, principal: Amount, term: u32, disbursed_on: Date) -> Terms {
        Terms {
            principal,
            currency: self.currency(),
            instalments: term,
            method: self.terms.repayment.method,
            disbursed_on,
            first_due: None,
            every: self.terms.repayment.every,
            roll: self.terms.repayment.roll,
            rate: self.terms.interest.rate,
            day_count: self.terms.interest.day_count,
            rounding: self.terms.interest.rounding,
        }
    }

    /// The schedule of a loan, with its fees.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn schedule(
        &self,
        principal: Amount,
        term: u32,
        disbursed_on: Date,
        calendar: &Calendar,
    ) -> Result<Vec<Instalment>, ScheduleError> {
        let fee = |number, balance| {
            let fees = self.instalment_fees(principal, term, number, balance).ok()?;
            fees.iter().try_fold(Amount::ZERO, |sum, (_, fee)| sum.checked_add(*fee))
        };
        schedule(&self.schedule_terms(principal, term, disbursed_on), calendar, fee)
    }

    /// Makes a loan on paper: what keeps it from being made, each thing with its place.
    pub(super) fn rehearse(&self, amount: Decimal, term: u32, day: Date) -> Vec<(String, String)> {
        let principal = self.amount(amount);
        let calendar = Calendar::weekends_only();
        let terms = self.schedule_terms(principal, term, day);
        let plan = match schedule(&terms, calendar, |_, _| Some(Amount::ZERO)) {
            Ok(plan) => plan,
            Err(error) => return vec![(place_of(error).to_owned(), error.to_string())],
        };
        let made = self.schedule(principal, term, day, calendar);
        let made = made.map_err(|error| (place_of(error).to_owned(), error.to_string()));
        let kept_back = self.disbursal_fees(principal, term);
        let kept_back = kept_back.map_err(|error| ("/terms/fees".to_owned(), error.to_string()));
        let mut wrong: Vec<_> = made.err().into_iter().chain(kept_back.err()).collect();
        if !wrong.is_empty() {
            let fees = self.wrong_fees(principal, term, &plan);
            wrong = if fees.is_empty() { wrong } else { fees };
        }
        let settled = (0..).zip(&plan).try_for_each(|(paid, it)| {
            self.settlement_fee(principal, term, it.balance + it.principal, paid).map(|_| ())
        });
        if let Err(error) = settled {
            wrong.push(("/terms/early_settlement/fee".to_owned(), error.to_string()));
        }
        wrong
    }

    /// Which fees cannot be taken, each on its own.
    fn wrong_fees(
        &self,
        principal: Amount,
        term: u32,
        plan: &[Instalment],
    ) -> Vec<(String, String)> {
        let wrong = self.fees.iter().enumerate().filter_map(|(index, fee)| {
            let error = self.rehearse_fee(fee, principal, term, plan).err()?;
            Some((format!("/terms/fees/{index}/amount"), error.to_string()))
        });
        wrong.collect()
    }

    /// Takes one fee at every moment it is taken.
    fn rehearse_fee(
        &self,
        fee: &CompiledFee,
        principal: Amount,
        term: u32,
        plan: &[Instalment],
    ) -> Result<(), FeeError> {
        match fee.moment {
            FeeMoment::Disbursal => {
                self.fee(&fee.amount, &self.disbursal_facts(principal, term)).map(|_| ())
            }
            FeeMoment::Instalment => plan.iter().try_for_each(|it| {
                let before = it.balance + it.principal;
                let facts = self.instalment_facts(principal, term, it.number, before);
                self.fee(&fee.amount, &facts).map(|_| ())
            }),
        }
    }

    fn disbursal_facts(&self, principal: Amount, term: u32) -> [(&'static str, Decimal); 2] {
        [("principal", self.major(principal)), ("term", term.into())]
    }

    fn instalment_facts(
        &self,
        principal: Amount,
        term: u32,
        number: u32,
        balance: Amount,
    ) -> [(&'static str, Decimal); 4] {
        let [principal, term] = self.disbursal_facts(principal, term);
        [principal, term, ("number", number.into()), ("balance", self.major(balance))]
    }

    /// An amount of the definition, which was checked to be one.
    fn amount(&self, major: Decimal) -> Amount {
        Amount::round(major, self.currency(), Rounding::Down).unwrap_or(Amount::MAX)
    }

    fn money(&self, major: Decimal) -> Money {
        Money::new(self.amount(major), self.currency())
    }

    fn major(&self, amount: Amount) -> Decimal {
        amount.to_decimal(self.currency())
    }

    fn fees_at(
        &self,
        moment: FeeMoment,
        facts: &[(&str, Decimal)],
    ) -> Result<Vec<(&str, Amount)>, FeeError> {
        let fees = self.fees.iter().filter(|fee| fee.moment == moment);
        fees.map(|fee| Ok((&fee.code[..], self.fee(&fee.amount, facts)?))).collect()
    }

    fn fee(&self, compiled: &Compiled, values: &[(&str, Decimal)]) -> Result<Amount, FeeError> {
        let mut facts = Facts::new(&compiled.environment);
        for (name, value) in values {
            facts.set(name, *value).expect("the environment declares these numbers");
        }
        let value = compiled.expression.evaluate(&facts).map_err(FeeError::NoValue)?;
        let exact = value.as_number().expect("compiled to give a number");
        let fee = Amount::round(exact, self.currency(), Rounding::HalfEven);
        let fee = fee.map_err(|_| FeeError::TooLarge)?;
        if fee.is_negative() { Err(FeeError::Negative) } else { Ok(fee) }
    }
}

fn compile(source: &str, environment: Environment, place: &str) -> Result<Compiled, Vec<Problem>> {
    let compiled = Expression::compile(source, &environment, Type::Number);
    let problem = |it: crate::expression::Problem| Problem::new(place, it.code, it.reason, it.fix);
    let expression =
        compiled.map_err(|wrong| wrong.into_iter().map(problem).collect::<Vec<_>>())?;
    Ok(Compiled { expression, environment })
}
