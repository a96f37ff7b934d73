//! A loan product ready for use: compiled once, evaluated at every command.

use std::{fmt, sync::Arc};

use money::{Amount, Calendar, Currency, Decimal, Money, Period, Rounding};
use stdx::Date;

use super::{
    AmountRange, BrokenPeriod, EarlySettlement, Fee, FeeMoment, Grace, InstalmentLoan, KIND,
    Prepayment, check::place_of,
};
use crate::{
    accounting::Accounting,
    chart::Chart,
    check::unforeseen,
    definition::Definition,
    derivation::{Clause, Derivation, Name, Rule, Unexplained, Value},
    eligibility::Eligibility,
    expression::{Environment, EvaluationError, Expression, Facts, Type},
    kinds::revolving_credit,
    problem::Problem,
    schedule::{
        Days, DueDates, Instalment, NUMBER_MAX, ScheduleError, Subsidy, SubsidyPart, Terms,
        schedule,
    },
};

const FEE: Name = Name { code: "fee", en: "fee", zh: "费用" };
const FEES: Name = Name { code: "fees", en: "fees", zh: "费用" };
const EXACT_FEE: Name = Name { code: "exact-fee", en: "exact fee", zh: "精确费用" };
const NUMBER: Name = Name { code: "number", en: "number of the instalment", zh: "期数" };
const BALANCE: Name = Name { code: "balance", en: "principal owed before it", zh: "期初本金" };
const EARLY: Name = Name { code: "amount", en: "principal repaid early", zh: "提前还本金额" };

const RATE: Name = Name { code: "rate", en: "rate of a year", zh: "年利率" };
const SPREAD: Name = Name { code: "spread", en: "spread", zh: "加点" };
const FLOATING: Name = Name { code: "floating-rate", en: "floating rate", zh: "浮动利率" };
const LEAST_RATE: Name = Name { code: "least-rate", en: "least rate", zh: "最低利率" };

/// What the variables of fee expressions are called.
const FACTS: [Name; 8] = [
    Name { code: "principal", en: "sum lent", zh: "贷款本金" },
    Name { code: "term", en: "instalments agreed", zh: "约定期数" },
    NUMBER,
    Name { code: "overdue", en: "what is unpaid of it", zh: "逾期金额" },
    Name { code: "days", en: "days since its due date", zh: "逾期天数" },
    Name { code: "outstanding", en: "principal owed", zh: "剩余本金" },
    Name { code: "paid", en: "instalments paid", zh: "已还期数" },
    EARLY,
];

/// A compiled `instalment-loan`.
#[derive(Clone, Debug)]
pub struct LoanProduct {
    definition: Definition,
    terms: InstalmentLoan,
    accounting: Accounting,
    eligibility: Eligibility,
    fees: Vec<CompiledFee>,
    settlement_fee: Option<Compiled>,
    prepayment_fee: Option<Compiled>,
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
    /// Who pays it, if not the borrower.
    payer: Option<String>,
    amount: Compiled,
}

/// A purchase and how it is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Financed {
    /// What it costs.
    pub price: Amount,
    /// What the borrower pays of it.
    pub down_payment: Amount,
    /// What the loan pays: the sum lent.
    pub principal: Amount,
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
    /// The borrower pays too little of the price, or all of it.
    DownPayment {
        /// The smallest down payment.
        min: Money,
    },
    /// The loan pays a purchase, and its price was not named.
    PriceMissing,
    /// The sum is paid out in fewer parts.
    TrancheNotOffered {
        /// How many parts it may have.
        max: u32,
    },
    /// The last day to pay out another part is over.
    TrancheTooLate {
        /// That day.
        last: Date,
    },
    /// No temporary limit, or none for so long.
    TemporaryLimit {
        /// For how many days it may be; 0 when there is none.
        days: u32,
    },
    /// No part of a limit is held, or not for so long.
    Hold {
        /// For how many days it may be; 0 when nothing is.
        days: u32,
    },
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
            Self::DownPayment { .. } => "down-payment",
            Self::PriceMissing => "price-missing",
            Self::TrancheNotOffered { .. } => "tranche-not-offered",
            Self::TrancheTooLate { .. } => "tranche-too-late",
            Self::TemporaryLimit { .. } => "temporary-limit-not-offered",
            Self::Hold { .. } => "hold-not-offered",
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
            Self::DownPayment { min } => {
                write!(f, "the down payment must be {min} at least, and less than the price")
            }
            Self::PriceMissing => f.write_str("the price of what the loan pays for is missing"),
            Self::TrancheNotOffered { max } => {
                write!(f, "the sum is paid out in {max} parts at the most")
            }
            Self::TrancheTooLate { last } => write!(f, "the last day to pay out was {last}"),
            Self::TemporaryLimit { days } => {
                write!(f, "a temporary limit is offered for {days} days at the most")
            }
            Self::Hold { days } => {
                write!(f, "a part of the limit is held for {days} days at the most")
            }
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
    /// Compiles a definition of an instalment loan, or of the drawings of a `revolving-credit`:
    /// each of them is a loan of its own.
    ///
    /// # Errors
    /// What keeps it from being used; nothing, when [`crate::check`] found nothing.
    pub fn compile(definition: &Definition) -> Result<Self, Vec<Problem>> {
        let (kind, at) = match &definition.kind {
            name if name == KIND.name => (&KIND, "/terms"),
            name if name == revolving_credit::KIND.name => {
                (&revolving_credit::KIND, revolving_credit::DRAWING)
            }
            other => {
                let reason = format!("This is a `{other}`, not an `{}`.", KIND.name);
                let fix = "Choose another product.";
                return Err(vec![Problem::new("/kind", "other-kind", reason, fix)]);
            }
        };
        let terms = at.strip_prefix("/terms").and_then(|it| definition.terms.pointer(it));
        let terms: InstalmentLoan = serde_json::from_value(terms.cloned().unwrap_or_default())
            .map_err(|error| vec![unforeseen(at, &error)])?;
        let fees = terms.fees.iter().enumerate().map(|(index, fee)| {
            let place = format!("{at}/fees/{index}/amount");
            let amount = compile(&fee.amount, Fee::environment(fee.on), &place)?;
            let (code, payer) = (fee.code.clone(), fee.payer.clone());
            Ok(CompiledFee { code, moment: fee.on, payer, amount })
        });
        let settlement_fee = terms.early_settlement.fee.as_deref().map(|source| {
            let place = format!("{at}/early_settlement/fee");
            compile(source, EarlySettlement::environment(), &place)
        });
        let prepayment_fee = terms.prepayment.fee.as_deref().map(|source| {
            let place = format!("{at}/prepayment/fee");
            compile(source, Prepayment::environment(), &place)
        });
        Ok(Self {
            accounting: Accounting::of(kind, definition),
            eligibility: Eligibility::compile(definition)?,
            fees: fees.collect::<Result<_, Vec<Problem>>>()?,
            settlement_fee: settlement_fee.transpose()?,
            prepayment_fee: prepayment_fee.transpose()?,
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

    /// The rules of who may borrow.
    pub fn eligibility(&self) -> &Eligibility {
        &self.eligibility
    }

    /// How events are booked.
    pub fn accounting(&self) -> &Accounting {
        &self.accounting
    }

    /// Whether this sum may be borrowed over so many instalments on this day.
    ///
    /// # Errors
    /// [`OfferReject`], the first reason.
    pub fn offers(&self, principal: Amount, term: u32, day: Date) -> Result<(), OfferReject> {
        if self.definition.in_force(day) {
            self.lends(principal, term)
        } else {
            Err(OfferReject::NotInForce)
        }
    }

    /// Whether this sum may be borrowed over so many instalments, by who has a contract.
    ///
    /// # Errors
    /// [`OfferReject`], the first reason.
    pub fn lends(&self, principal: Amount, term: u32) -> Result<(), OfferReject> {
        self.terms.amount.offers(principal, self.currency())?;
        if self.terms.term.offers(term) { Ok(()) } else { Err(OfferReject::TermNotOffered) }
    }

    /// How a purchase is paid; without a down payment named, by the smallest.
    ///
    /// # Errors
    /// [`OfferReject::DownPayment`].
    pub fn finance(
        &self,
        price: Amount,
        down_payment: Option<Amount>,
    ) -> Result<Financed, OfferReject> {
        let share = self.terms.down_payment.as_ref().map_or(Decimal::ZERO, |it| it.min_share);
        let least = Amount::round(self.major(price) * share, self.currency(), Rounding::Up);
        let min = least.unwrap_or(Amount::MAX);
        let down_payment = down_payment.unwrap_or(min);
        if down_payment < min || down_payment >= price {
            let min = Money::new(min, self.currency());
            return Err(OfferReject::DownPayment { min });
        }
        Ok(Financed { price, down_payment, principal: price - down_payment })
    }

    /// How a loan pays a purchase of this price; none without a price, where none is needed.
    ///
    /// # Errors
    /// [`OfferReject::DownPayment`], [`OfferReject::PriceMissing`].
    pub fn purchase(
        &self,
        principal: Amount,
        price: Option<Amount>,
    ) -> Result<Option<Financed>, OfferReject> {
        match price {
            Some(price) => {
                // What cannot be subtracted is a price below nothing, of which nothing is a part.
                let down_payment = price.checked_sub(principal).unwrap_or(Amount::ZERO);
                self.finance(price, Some(down_payment)).map(Some)
            }
            None if self.terms.down_payment.is_some() => Err(OfferReject::PriceMissing),
            None => Ok(None),
        }
    }

    /// Whether part `number` (from 1) of a sum may be paid out on a day, the first one having been
    /// on `first`.
    ///
    /// # Errors
    /// [`OfferReject::TrancheNotOffered`], [`OfferReject::TrancheTooLate`].
    pub fn offers_tranche(&self, number: u32, first: Date, day: Date) -> Result<(), OfferReject> {
        let max = self.terms.tranches.as_ref().map_or(1, |it| it.max);
        if number > max {
            return Err(OfferReject::TrancheNotOffered { max });
        }
        let days = self.terms.tranches.as_ref().map_or(0, |it| it.days);
        let last = later(first, days);
        if day <= last { Ok(()) } else { Err(OfferReject::TrancheTooLate { last }) }
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
        let fees = self.coded_fees(FeeMoment::Disbursal, &facts)?;
        let total = fees.iter().try_fold(Amount::ZERO, |sum, (_, fee)| sum.checked_add(*fee));
        total.filter(|total| *total < principal).ok_or(FeeError::TooLarge)?;
        Ok(fees)
    }

    /// The fees a third party owes at disbursal: code, payer, amount.
    ///
    /// # Errors
    /// [`FeeError`].
    pub fn third_party_fees(
        &self,
        principal: Amount,
        term: u32,
    ) -> Result<Vec<(&str, &str, Amount)>, FeeError> {
        let facts = self.disbursal_facts(principal, term);
        let fees = self.fees_at(FeeMoment::Disbursal, &facts, true)?;
        let owed = fees
            .into_iter()
            .filter_map(|(fee, amount)| Some((&fee.code[..], fee.payer.as_deref()?, amount)));
        Ok(owed.collect())
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
        self.coded_fees(FeeMoment::Instalment, &facts)
    }

    /// The fees due when so much of an instalment is unpaid so many days after its due date, by
    /// code. An instalment becomes overdue once, and its fees are taken then.
    ///
    /// # Errors
    /// [`FeeError`].
    pub fn overdue_fees(
        &self,
        principal: Amount,
        term: u32,
        number: u32,
        overdue: Amount,
        days: u32,
    ) -> Result<Vec<(&str, Amount)>, FeeError> {
        let facts = self.overdue_facts(principal, term, number, overdue, days);
        self.coded_fees(FeeMoment::Overdue, &facts)
    }

    /// How the fees due with an instalment came about, from the principal owed before it.
    ///
    /// # Errors
    /// [`Unexplained::NoValue`].
    pub fn explain_instalment_fees(
        &self,
        principal: Amount,
        term: u32,
        number: u32,
        balance: Derivation,
    ) -> Result<Derivation, Unexplained> {
        let mut facts = self.told(&self.disbursal_facts(principal, term));
        facts.push(Derivation::given(NUMBER, Value::Number(number.into())));
        facts.push(balance.named(BALANCE));
        self.explain_fees(FeeMoment::Instalment, &facts)
    }

    /// How the fees kept back from the sum paid out came about.
    ///
    /// # Errors
    /// [`Unexplained::NoValue`].
    pub fn explain_disbursal_fees(
        &self,
        principal: Amount,
        term: u32,
    ) -> Result<Derivation, Unexplained> {
        self.explain_fees(FeeMoment::Disbursal, &self.told(&self.disbursal_facts(principal, term)))
    }

    /// How the fees of an instalment that is overdue came about.
    ///
    /// # Errors
    /// [`Unexplained::NoValue`].
    pub fn explain_overdue_fees(
        &self,
        principal: Amount,
        term: u32,
        number: u32,
        overdue: Amount,
        days: u32,
    ) -> Result<Derivation, Unexplained> {
        let facts = self.told(&self.overdue_facts(principal, term, number, overdue, days));
        self.explain_fees(FeeMoment::Overdue, &facts)
    }

    /// How the price of settling came about: see [`LoanProduct::settlement_fee`].
    ///
    /// # Errors
    /// [`Unexplained::NoValue`].
    pub fn explain_settlement_fee(
        &self,
        principal: Amount,
        term: u32,
        outstanding: Amount,
        paid: u32,
    ) -> Result<Derivation, Unexplained> {
        let facts = self.told(&self.early_facts(principal, term, outstanding, paid));
        let source = self.settlement_fee.as_ref().map(|it| &it.expression);
        self.explain_fee(source, "terms.early_settlement.fee", &facts)
    }

    /// How the price of repaying a part early came about: see [`LoanProduct::prepayment_fee`].
    ///
    /// # Errors
    /// [`Unexplained::NoValue`].
    pub fn explain_prepayment_fee(
        &self,
        principal: Amount,
        term: u32,
        outstanding: Amount,
        paid: u32,
        amount: Amount,
    ) -> Result<Derivation, Unexplained> {
        let mut facts = self.told(&self.early_facts(principal, term, outstanding, paid));
        facts.push(Derivation::given(EARLY, Value::Amount(Money::new(amount, self.currency()))));
        let source = self.prepayment_fee.as_ref().map(|it| &it.expression);
        self.explain_fee(source, "terms.prepayment.fee", &facts)
    }

    /// A place in this version of the product.
    pub fn clause(&self, path: &str) -> Clause {
        Clause::product(&self.definition, path, None)
    }

    fn explain_fees(
        &self,
        moment: FeeMoment,
        facts: &[Derivation],
    ) -> Result<Derivation, Unexplained> {
        let fees = self.fees.iter().enumerate();
        let fees = fees.filter(|(_, fee)| fee.moment == moment && fee.payer.is_none());
        let mut explained = Vec::new();
        for (index, fee) in fees {
            let path = format!("terms.fees[{index}].amount");
            explained.push(self.explain_fee(Some(&fee.amount.expression), &path, facts)?);
        }
        match explained.len() {
            0 => self.explain_fee(None, "terms.fees", facts),
            1 => Ok(explained.remove(0)),
            _ => Derivation::of(FEES, Rule::Sum, explained),
        }
    }

    fn explain_fee(
        &self,
        expression: Option<&Expression>,
        path: &str,
        facts: &[Derivation],
    ) -> Result<Derivation, Unexplained> {
        let Some(expression) = expression else {
            let nothing = Value::Amount(Money::new(Amount::ZERO, self.currency()));
            let nothing = Derivation::leaf(FEE, Rule::Spared, nothing);
            return Ok(nothing.under(Some(self.clause(path))));
        };
        let source = expression.source().to_owned();
        let exact = Derivation::of(EXACT_FEE, Rule::Expression { source }, facts.to_vec())?;
        let exact = exact.under(Some(self.clause(path)));
        Derivation::of(FEE, Rule::Rounded { rounding: Rounding::HalfEven }, vec![exact])
    }

    /// The variables of an expression.
    fn told(&self, facts: &[(&'static str, Decimal)]) -> Vec<Derivation> {
        let name = |code: &str| {
            let known = FACTS.iter().find(|name| name.code == code);
            *known.expect("every variable of a fee has a name")
        };
        let told = |(code, value): &(&'static str, Decimal)| match *code {
            "principal" | "overdue" | "outstanding" | "amount" => {
                Derivation::given(name(code), Value::Exact(*value, self.currency()))
            }
            code => Derivation::given(name(code), Value::Number(*value)),
        };
        facts.iter().map(told).collect()
    }

    fn early_facts(
        &self,
        principal: Amount,
        term: u32,
        outstanding: Amount,
        paid: u32,
    ) -> [(&'static str, Decimal); 4] {
        let [principal, term] = self.disbursal_facts(principal, term);
        [principal, term, ("outstanding", self.major(outstanding)), ("paid", paid.into())]
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
        self.fee(fee, &self.early_facts(principal, term, outstanding, paid))
    }

    /// The price of repaying `amount` of the principal early, when so much is owed and so many
    /// instalments are paid.
    ///
    /// # Errors
    /// [`FeeError`].
    pub fn prepayment_fee(
        &self,
        principal: Amount,
        term: u32,
        outstanding: Amount,
        paid: u32,
        amount: Amount,
    ) -> Result<Amount, FeeError> {
        let Some(fee) = &self.prepayment_fee else { return Ok(Amount::ZERO) };
        let [principal, term, outstanding, paid] =
            self.early_facts(principal, term, outstanding, paid);
        self.fee(fee, &[principal, term, outstanding, paid, ("amount", self.major(amount))])
    }

    /// The yearly rate: the fixed one, or a floating one from the `reference` rate of the day.
    ///
    /// # Errors
    /// [`ScheduleError::RateUnknown`] for a floating rate without a reference rate.
    pub fn rate(&self, reference: Option<Decimal>) -> Result<Decimal, ScheduleError> {
        let floating = |spread: Decimal| reference.map(|it| (it + spread).max(Decimal::ZERO));
        let interest = &self.terms.interest;
        let rate = interest.rate.or_else(|| floating(interest.floating.as_ref()?.spread));
        rate.ok_or(ScheduleError::RateUnknown)
    }

    /// How the yearly rate came about: see [`LoanProduct::rate`].
    ///
    /// # Errors
    /// [`Unexplained::NoValue`] for a floating rate without a reference rate.
    pub fn explain_rate(&self, reference: Option<Derivation>) -> Result<Derivation, Unexplained> {
        let interest = &self.terms.interest;
        let given = |name, rate, path| {
            Derivation::given(name, Value::Rate(rate)).under(Some(self.clause(path)))
        };
        if let Some(rate) = interest.rate {
            return Ok(given(RATE, rate, "terms.interest.rate"));
        }
        let floating = interest.floating.as_ref().zip(reference);
        let (floating, reference) = floating.ok_or(Unexplained::NoValue(RATE.code))?;
        let spread = given(SPREAD, floating.spread, "terms.interest.floating.spread");
        let sum = Derivation::of(FLOATING, Rule::Sum, vec![reference, spread])?;
        let least = Derivation::given(LEAST_RATE, Value::Rate(Decimal::ZERO));
        let rate = Derivation::of(RATE, Rule::Maximum, vec![sum, least])?;
        Ok(rate.under(Some(self.clause("terms.interest.floating"))))
    }

    /// What the schedule of a loan follows from that runs from a day at a yearly rate.
    pub fn schedule_terms(&self, principal: Amount, term: u32, from: Date, rate: Decimal) -> Terms {
        let InstalmentLoan { repayment, interest, subsidy, .. } = &self.terms;
        let (due, broken) = self.due_dates(from, term);
        // The line of a broken period that is collected apart has a number too.
        let apart = u32::from(broken == BrokenPeriod::Separate);
        let beyond = |spared: u32| if spared == 0 { 0 } else { spared.saturating_add(apart) };
        let subsidy = subsidy.as_ref().and_then(|it| {
            let part = it.share.map(SubsidyPart::Share);
            let part = part.or_else(|| it.points.map(SubsidyPart::Points))?;
            Some(Subsidy { part, until: it.instalments.map_or(NUMBER_MAX, beyond) })
        });
        let free = Days { from, to: later(from, interest.free_days) };
        let balloon = self.major(principal) * repayment.balloon.unwrap_or_default();
        Terms {
            method: repayment.method,
            due,
            roll: repayment.roll,
            adjusted: repayment.adjusted,
            day_count: interest.day_count,
            rounding: interest.rounding,
            multiple: repayment.multiple.map(|it| self.amount(it)),
            balloon: self.amount(balloon),
            grace: Grace {
                principal: beyond(repayment.grace.principal),
                interest: beyond(repayment.grace.interest),
                ..repayment.grace
            },
            broken,
            free: Some(free).filter(|it| it.from < it.to).into_iter().collect(),
            subsidy,
            ..Terms::new(principal, self.currency(), term, Period::MONTH, rate, from)
        }
    }

    /// The due dates of a loan that runs from a day, and the style of its first period.
    fn due_dates(&self, from: Date, term: u32) -> (DueDates, BrokenPeriod) {
        let repayment = &self.terms.repayment;
        let Some(period) = repayment.every else {
            return (DueDates::yearly(&repayment.on, from, term), BrokenPeriod::Spread);
        };
        let start = repayment.due_day.and_then(|day| day_of_month(from, day)).unwrap_or(from);
        let broken = if start == from { BrokenPeriod::Spread } else { repayment.broken_period };
        let number = u32::from(broken == BrokenPeriod::Separate);
        (DueDates::Every { period, date: start, number }, broken)
    }

    /// The schedule of a loan at a yearly rate, with its fees.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn schedule(
        &self,
        principal: Amount,
        term: u32,
        from: Date,
        rate: Decimal,
        calendar: &Calendar,
    ) -> Result<Vec<Instalment>, ScheduleError> {
        self.plan(&self.schedule_terms(principal, term, from, rate), principal, term, calendar)
    }

    /// The schedule of any terms with the fees of a loan of so much over so many instalments.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn plan(
        &self,
        terms: &Terms,
        principal: Amount,
        term: u32,
        calendar: &Calendar,
    ) -> Result<Vec<Instalment>, ScheduleError> {
        let fee = |number, balance| {
            let fees = self.instalment_fees(principal, term, number, balance).ok()?;
            fees.iter().try_fold(Amount::ZERO, |sum, (_, fee)| sum.checked_add(*fee))
        };
        schedule(terms, calendar, fee)
    }

    /// Makes a loan on paper: what keeps it from being made, each thing with its place.
    /// A floating rate has this reference rate.
    pub(super) fn rehearse(
        &self,
        amount: Decimal,
        term: u32,
        day: Date,
        reference: Decimal,
    ) -> Vec<(String, String)> {
        let principal = self.amount(amount);
        let calendar = Calendar::weekends_only();
        let Ok(rate) = self.rate(Some(reference)) else { return Vec::new() };
        let terms = self.schedule_terms(principal, term, day, rate);
        let plan = match schedule(&terms, calendar, |_, _| Some(Amount::ZERO)) {
            Ok(plan) => plan,
            Err(error) => return vec![(place_of(error).to_owned(), error.to_string())],
        };
        let made = self.plan(&terms, principal, term, calendar);
        let made = made.map_err(|error| (place_of(error).to_owned(), error.to_string()));
        let fees = self.disbursal_fees(principal, term).map(|_| ());
        let others = plan.iter().try_for_each(|it| {
            self.overdue_fees(principal, term, it.number, it.total(), 1).map(|_| ())
        });
        let others = others.and(self.third_party_fees(principal, term).map(|_| ()));
        let fees = fees.and(others);
        let fees = fees.map_err(|error| ("/terms/fees".to_owned(), error.to_string()));
        let mut wrong: Vec<_> = made.err().into_iter().chain(fees.err()).collect();
        if !wrong.is_empty() {
            let fees = self.wrong_fees(principal, term, &plan);
            wrong = if fees.is_empty() { wrong } else { fees };
        }
        let settled = (0..).zip(&plan).try_for_each(|(paid, it)| {
            self.settlement_fee(principal, term, it.opening(), paid).map(|_| ())
        });
        if let Err(error) = settled {
            wrong.push(("/terms/early_settlement/fee".to_owned(), error.to_string()));
        }
        let prepaid = (0..).zip(&plan).try_for_each(|(paid, it)| {
            self.prepayment_fee(principal, term, it.opening(), paid, it.opening()).map(|_| ())
        });
        if let Err(error) = prepaid {
            wrong.push(("/terms/prepayment/fee".to_owned(), error.to_string()));
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
                let facts = self.instalment_facts(principal, term, it.number, it.opening());
                self.fee(&fee.amount, &facts).map(|_| ())
            }),
            FeeMoment::Overdue => plan.iter().try_for_each(|it| {
                let facts = self.overdue_facts(principal, term, it.number, it.total(), 1);
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

    fn overdue_facts(
        &self,
        principal: Amount,
        term: u32,
        number: u32,
        overdue: Amount,
        days: u32,
    ) -> [(&'static str, Decimal); 5] {
        let [principal, term] = self.disbursal_facts(principal, term);
        let overdue = ("overdue", self.major(overdue));
        [principal, term, ("number", number.into()), overdue, ("days", days.into())]
    }

    /// An amount of the definition, which was checked to be one.
    fn amount(&self, major: Decimal) -> Amount {
        in_minor(major, self.currency())
    }

    fn major(&self, amount: Amount) -> Decimal {
        amount.to_decimal(self.currency())
    }

    /// The borrower's fees at a moment, by code.
    fn coded_fees(
        &self,
        moment: FeeMoment,
        facts: &[(&str, Decimal)],
    ) -> Result<Vec<(&str, Amount)>, FeeError> {
        let fees = self.fees_at(moment, facts, false)?;
        Ok(fees.into_iter().map(|(fee, amount)| (&fee.code[..], amount)).collect())
    }

    /// The fees at a moment of the borrower, or of third parties.
    fn fees_at(
        &self,
        moment: FeeMoment,
        facts: &[(&str, Decimal)],
        third_party: bool,
    ) -> Result<Vec<(&CompiledFee, Amount)>, FeeError> {
        let fees = self.fees.iter().filter(|fee| fee.moment == moment);
        let fees = fees.filter(|fee| fee.payer.is_some() == third_party);
        fees.map(|fee| Ok((fee, self.fee(&fee.amount, facts)?))).collect()
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

/// An amount of a definition, which was checked to be one.
fn in_minor(major: Decimal, currency: Currency) -> Amount {
    Amount::round(major, currency, Rounding::Down).unwrap_or(Amount::MAX)
}

impl AmountRange {
    /// Whether an amount is one of them.
    ///
    /// # Errors
    /// [`OfferReject`], the first reason.
    pub fn offers(&self, amount: Amount, currency: Currency) -> Result<(), OfferReject> {
        let money = |major| Money::new(in_minor(major, currency), currency);
        let major = amount.to_decimal(currency);
        if major < self.min {
            return Err(OfferReject::AmountTooSmall { min: money(self.min) });
        }
        if major > self.max {
            return Err(OfferReject::AmountTooLarge { max: money(self.max) });
        }
        match self.step.filter(|step| !(major % step).is_zero()) {
            Some(step) => Err(OfferReject::AmountNotAStep { step: money(step) }),
            None => Ok(()),
        }
    }
}

/// So many days later; the last day of the calendar beyond it.
fn later(date: Date, days: u32) -> Date {
    date.checked_add(jiff::Span::new().days(i64::from(days))).unwrap_or(Date::MAX)
}

/// The first such day of a month from a date on.
fn day_of_month(from: Date, day: u32) -> Option<Date> {
    let day = i8::try_from(day).ok()?;
    let this = from.with().day(day).build().ok()?;
    if this >= from { Some(this) } else { Period::MONTH.after(this, 1) }
}

fn compile(source: &str, environment: Environment, place: &str) -> Result<Compiled, Vec<Problem>> {
    let compiled = Expression::compile(source, &environment, Type::Number);
    let problem = |it: crate::expression::Problem| Problem::new(place, it.code, it.reason, it.fix);
    let expression =
        compiled.map_err(|wrong| wrong.into_iter().map(problem).collect::<Vec<_>>())?;
    Ok(Compiled { expression, environment })
}
