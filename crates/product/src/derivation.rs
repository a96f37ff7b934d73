//! How an amount came about: a tree that can be computed again.
//!
//! A node has a value, the [`Rule`] that made it of its inputs, and where the rule or the number
//! stands ([`Clause`]). Nodes are made by applying their rule, so a tree is a computation and not a
//! story about one; who got it from somebody else applies the rules again with
//! [`Derivation::check`].

use std::fmt::{self, Write as _};

use money::{Amount, Currency, DayCount, Decimal, Money, Period, Rounding, YearFraction};
use serde::{Serialize, Serializer, ser::SerializeMap};
use stdx::{Date, Id};

use crate::{
    definition::Definition,
    expression::{Environment, Expression, Facts, Field, Type},
    schedule::explain::Component,
};

/// How an amount, or anything it follows from, came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Derivation {
    /// What it is.
    pub name: Name,
    /// Of which instalment, if of one.
    pub instalment: Option<u32>,
    /// What the rule gave.
    pub value: Value,
    /// What made it of the inputs.
    pub rule: Rule,
    /// Where the rule stands, or the number when nothing made it.
    pub clause: Option<Clause>,
    /// What it was made of, in the order the rule takes.
    pub inputs: Vec<Derivation>,
}

/// What a node is: a stable name in kebab-case, and titles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// Stable.
    pub code: &'static str,
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

/// A value with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A whole number of minor units.
    Amount(Money),
    /// An amount before it is rounded, in major units.
    Exact(Decimal, Currency),
    /// A rate of a year, or another share, as a fraction.
    Rate(Decimal),
    /// A number without a unit.
    Number(Decimal),
    /// A part of a year.
    Years(YearFraction),
    /// So many days.
    Days(i64),
    /// A day.
    Date(Date),
    /// The distance of two days in a schedule.
    Period(Period),
}

/// What makes a value of inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "rule", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Rule {
    /// Nothing: it stands in the clause, or somebody said so.
    Given,
    /// Nothing here: it is in the books, where earlier transfers put it.
    Booked,
    /// Nothing here: it is a planned amount with an explanation of its own.
    Planned {
        /// Of which instalment.
        of: u32,
        /// Which.
        component: Component,
    },
    /// Nothing is due: the clause spares it.
    Spared,
    /// The sum.
    Sum,
    /// The first one less the others.
    Difference,
    /// The product; a part of a year is multiplied by its days, then divided by those of a year.
    Product,
    /// The first one divided by the second.
    Quotient,
    /// The smallest.
    Minimum,
    /// The largest.
    Maximum,
    /// Rounded to minor units.
    Rounded {
        /// How.
        rounding: Rounding,
    },
    /// The first one rounded to a multiple of the second.
    RoundedToMultiple {
        /// How.
        rounding: Rounding,
    },
    /// The level instalment of an annuity: (P + C × d₁ − Z × dₙ) ÷ Σ dᵢ, the inputs being P, C, Z
    /// and for each instalment rate × part of a year fᵢ, with dᵢ = Πₖ₌₁..ᵢ 1 ÷ (1 + fₖ).
    LevelInstalment,
    /// Days from the first date to the second.
    Days {
        /// As this convention counts; calendar days unless it is 30/360.
        day_count: DayCount,
    },
    /// The days of a regular period, 30 for a month.
    DaysOfPeriod,
    /// The part of a year from the first date to the second.
    PartOfYear {
        /// As this convention counts.
        day_count: DayCount,
    },
    /// Days of 30/360 as a part of a year; of them the second input's share of the third's days.
    ShareOfPeriod,
    /// An expression of the product over the inputs by their names.
    Expression {
        /// Its text.
        source: String,
    },
}

/// Where a rule or a number stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "in", rename_all = "kebab-case")]
pub enum Clause {
    /// In a version of a product.
    Product {
        /// The product.
        product: String,
        /// Its version.
        version: u32,
        /// The place, such as `terms.interest.day_count`.
        path: String,
        /// Of a posted rate, the first day on which it holds.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<Date>,
    },
    /// In a pack of numbers set by law or by the central bank.
    Pack {
        /// The pack.
        pack: String,
        /// Its version.
        version: u32,
        /// Which of its numbers.
        key: String,
        /// The first day on which it holds: for a published rate the day of the fixing.
        from: Date,
        /// The regulation or publication, with its number and article.
        source: String,
        /// Whether it was read there.
        verified: bool,
    },
    /// In something that happened to the contract.
    Fact {
        /// Its number.
        number: u32,
        /// What it was.
        what: String,
        /// The day from which it counts.
        on: Date,
    },
    /// In the contract.
    Contract,
    /// In another contract, from which or to which the money went.
    OtherContract {
        /// Which.
        contract: Id<()>,
    },
}

impl Clause {
    /// A place in a version of a product.
    pub fn product(of: &Definition, path: impl Into<String>, from: Option<Date>) -> Self {
        let (product, version) = (of.product.clone(), of.version);
        Self::Product { product, version, path: path.into(), from }
    }
}

/// Why there is no explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unexplained {
    /// The plan has no such instalment.
    NoSuchInstalment,
    /// A rule gives no value for its inputs.
    NoValue(&'static str),
    /// What follows from the inputs is not the amount that was planned or booked.
    Differs(&'static str),
    /// What happened cannot be told again.
    NotTold(&'static str),
    /// Amounts of this accounting event are not explained.
    Event(String),
}

impl Unexplained {
    /// The stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchInstalment => "no-such-instalment",
            Self::NoValue(_) => "explanation-without-value",
            Self::Differs(_) => "explanation-differs",
            Self::NotTold(_) => "history-not-told",
            Self::Event(_) => "not-explained",
        }
    }
}

impl fmt::Display for Unexplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchInstalment => f.write_str("the plan has no such instalment"),
            Self::NoValue(name) => write!(f, "the rule of `{name}` gives no value"),
            Self::Differs(name) => {
                write!(f, "`{name}` as it follows from its inputs is not what was booked")
            }
            Self::NotTold(why) => write!(f, "what happened cannot be told again: {why}"),
            Self::Event(event) => write!(f, "amounts of `{event}` have no explanation"),
        }
    }
}

impl std::error::Error for Unexplained {}

impl Derivation {
    /// What a rule makes of inputs.
    ///
    /// # Errors
    /// [`Unexplained::NoValue`].
    pub fn of(name: Name, rule: Rule, inputs: Vec<Self>) -> Result<Self, Unexplained> {
        let value = value_of(&rule, &inputs).ok_or(Unexplained::NoValue(name.code))?;
        Ok(Self { name, instalment: None, value, rule, clause: None, inputs })
    }

    /// What follows from nothing here: a number that was given, booked or planned.
    pub fn leaf(name: Name, rule: Rule, value: Value) -> Self {
        Self { name, instalment: None, value, rule, clause: None, inputs: Vec::new() }
    }

    /// A number that stands somewhere, or that somebody said.
    pub fn given(name: Name, value: Value) -> Self {
        Self::leaf(name, Rule::Given, value)
    }

    /// The same of an instalment.
    #[must_use]
    pub fn of_instalment(self, number: u32) -> Self {
        Self { instalment: Some(number), ..self }
    }

    /// The same under a clause.
    #[must_use]
    pub fn under(self, clause: Option<Clause>) -> Self {
        Self { clause, ..self }
    }

    /// The same under another name.
    #[must_use]
    pub fn named(self, name: Name) -> Self {
        Self { name, ..self }
    }

    /// The amount, if it is one.
    pub fn amount(&self) -> Option<Amount> {
        match self.value {
            Value::Amount(money) => Some(money.amount),
            Value::Exact(..)
            | Value::Rate(_)
            | Value::Number(_)
            | Value::Years(_)
            | Value::Days(_)
            | Value::Date(_)
            | Value::Period(_) => None,
        }
    }

    /// The same, when it explains this amount.
    ///
    /// # Errors
    /// [`Unexplained::Differs`].
    pub fn explaining(self, amount: Amount) -> Result<Self, Unexplained> {
        let same = self.amount() == Some(amount);
        if same { Ok(self) } else { Err(Unexplained::Differs(self.name.code)) }
    }

    /// Applies every rule again.
    ///
    /// # Errors
    /// The first node, inputs first, whose value is not what its rule makes of its inputs.
    pub fn check(&self) -> Result<(), &Self> {
        self.inputs.iter().try_for_each(Self::check)?;
        let follows = match &self.rule {
            Rule::Given | Rule::Booked | Rule::Planned { .. } => self.inputs.is_empty(),
            Rule::Spared => self.inputs.is_empty() && self.amount() == Some(Amount::ZERO),
            rule => value_of(rule, &self.inputs) == Some(self.value),
        };
        if follows { Ok(()) } else { Err(self) }
    }

    /// This node and all below it, each before its inputs.
    pub fn nodes(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        Box::new(std::iter::once(self).chain(self.inputs.iter().flat_map(Self::nodes)))
    }
}

fn value_of(rule: &Rule, inputs: &[Derivation]) -> Option<Value> {
    let values: Vec<Value> = inputs.iter().map(|it| it.value).collect();
    match (rule, &values[..]) {
        (Rule::Given | Rule::Booked | Rule::Planned { .. } | Rule::Spared, _) => None,
        (Rule::Sum, [first, rest @ ..]) => {
            rest.iter().try_fold(*first, |sum, it| sum.add(*it, false))
        }
        (Rule::Difference, [first, rest @ ..]) => {
            rest.iter().try_fold(*first, |left, it| left.add(*it, true))
        }
        (Rule::Product, factors) => product(factors),
        (Rule::Quotient, [dividend, divisor]) => {
            dividend.like(dividend.decimal()?.checked_div(divisor.decimal()?)?)
        }
        (Rule::Minimum, values) => extreme(values, |one, best| one < best),
        (Rule::Maximum, values) => extreme(values, |one, best| one > best),
        (Rule::Rounded { rounding }, [exact]) => {
            rounded(exact.decimal()?, exact.currency()?, *rounding)
        }
        (Rule::RoundedToMultiple { rounding }, [exact, multiple]) => {
            let times = exact.decimal()?.checked_div(multiple.decimal()?)?;
            let exact = rounding.round(times, 0).checked_mul(multiple.decimal()?)?;
            rounded(exact, multiple.currency()?, *rounding)
        }
        (Rule::LevelInstalment, [principal, earned, balloon, factors @ ..]) => {
            level_instalment([*principal, *earned, *balloon], factors)
        }
        (Rule::Days { day_count }, [Value::Date(from), Value::Date(to)]) => {
            Some(Value::Days(day_count.days(*from, *to).into()))
        }
        (Rule::DaysOfPeriod, [Value::Period(period)]) => {
            Some(Value::Days(period.days_of_thirty()?.into()))
        }
        (Rule::PartOfYear { day_count }, [Value::Date(from), Value::Date(to)]) => {
            Some(Value::Years(day_count.years(*from, *to)))
        }
        (Rule::ShareOfPeriod, [Value::Days(days)]) => {
            Some(Value::Years(YearFraction::new(*days, 360)))
        }
        (Rule::ShareOfPeriod, [Value::Days(days), Value::Days(charged), Value::Days(whole)]) => {
            let (part, year) = (days.checked_mul((*charged).max(0))?, whole.checked_mul(360)?);
            Some(Value::Years(YearFraction::new(part, year)))
        }
        (Rule::Expression { source }, _) => evaluated(source, inputs),
        _ => None,
    }
}

fn product(factors: &[Value]) -> Option<Value> {
    let mut product = Decimal::ONE;
    for factor in factors.iter().filter_map(|it| it.decimal()) {
        product = product.checked_mul(factor)?;
    }
    for factor in factors {
        if let Value::Years(years) = factor {
            product = product.checked_mul(years.numerator().into())?;
            product = product.checked_div(years.denominator().into())?;
        }
    }
    let currency = factors.iter().find_map(|it| it.currency());
    Some(currency.map_or(Value::Rate(product), |currency| Value::Exact(product, currency)))
}

fn extreme(values: &[Value], better: fn(Decimal, Decimal) -> bool) -> Option<Value> {
    let (first, rest) = values.split_first()?;
    rest.iter().try_fold(*first, |best, it| {
        Some(if better(it.decimal()?, best.decimal()?) { *it } else { best })
    })
}

fn rounded(exact: Decimal, currency: Currency, rounding: Rounding) -> Option<Value> {
    let amount = Amount::round(exact, currency, rounding).ok()?;
    Some(Value::Amount(Money::new(amount, currency)))
}

fn level_instalment(of: [Value; 3], factors: &[Value]) -> Option<Value> {
    let [principal, earned, balloon] = of;
    let (mut discount, mut worth) = (Decimal::ONE, Decimal::ZERO);
    let mut owed = principal.decimal()?;
    for (index, factor) in factors.iter().enumerate() {
        let factor = factor.decimal()?;
        if !factor.is_zero() {
            discount = discount.checked_div(Decimal::ONE.checked_add(factor)?)?;
        }
        if index == 0 {
            owed = owed.checked_add(earned.decimal()?.checked_mul(discount)?)?;
        }
        worth = worth.checked_add(discount)?;
    }
    let left = owed.checked_sub(balloon.decimal()?.checked_mul(discount)?)?;
    Some(Value::Exact(left.checked_div(worth)?, principal.currency()?))
}

fn evaluated(source: &str, inputs: &[Derivation]) -> Option<Value> {
    let field = |it: &Derivation| Field::new(it.name.code, Type::Number, "");
    let environment = Environment::new(inputs.iter().map(field)).ok()?;
    let expression = Expression::compile(source, &environment, Type::Number).ok()?;
    let mut facts = Facts::new(&environment);
    for input in inputs {
        facts.set(input.name.code, input.value.decimal()?).ok()?;
    }
    let value = expression.evaluate(&facts).ok()?.as_number()?;
    // The first input of every fee is the sum lent.
    let currency = inputs.iter().find_map(|it| it.value.currency())?;
    Some(Value::Exact(value, currency))
}

impl Value {
    /// The number, in major units of an amount; none of a date or a part of a year.
    fn decimal(self) -> Option<Decimal> {
        match self {
            Self::Amount(Money { amount, currency }) => Some(amount.to_decimal(currency)),
            Self::Exact(value, _) | Self::Rate(value) | Self::Number(value) => Some(value),
            Self::Days(days) => Some(days.into()),
            Self::Years(_) | Self::Date(_) | Self::Period(_) => None,
        }
    }

    fn currency(self) -> Option<Currency> {
        match self {
            Self::Amount(Money { currency, .. }) | Self::Exact(_, currency) => Some(currency),
            Self::Rate(_)
            | Self::Number(_)
            | Self::Years(_)
            | Self::Days(_)
            | Self::Date(_)
            | Self::Period(_) => None,
        }
    }

    /// The same unit, before any rounding.
    fn like(self, value: Decimal) -> Option<Self> {
        match self {
            Self::Amount(Money { currency, .. }) | Self::Exact(_, currency) => {
                Some(Self::Exact(value, currency))
            }
            Self::Rate(_) => Some(Self::Rate(value)),
            Self::Number(_) => Some(Self::Number(value)),
            Self::Years(_) | Self::Days(_) | Self::Date(_) | Self::Period(_) => None,
        }
    }

    fn add(self, other: Self, less: bool) -> Option<Self> {
        match (self, other) {
            (Self::Amount(one), Self::Amount(other)) if one.currency == other.currency => {
                let amount = match less {
                    false => one.amount.checked_add(other.amount),
                    true => one.amount.checked_sub(other.amount),
                };
                Some(Self::Amount(Money::new(amount?, one.currency)))
            }
            (Self::Days(one), Self::Days(other)) => {
                let days = if less { one.checked_sub(other) } else { one.checked_add(other) };
                days.map(Self::Days)
            }
            (Self::Years(one), Self::Years(other)) if less => Some(Self::Years(one.less(other))),
            (Self::Amount(_) | Self::Exact(..), Self::Amount(_) | Self::Exact(..))
                if self.currency() != other.currency() =>
            {
                None
            }
            (one, other) => {
                let (left, right) = (one.decimal()?, other.decimal()?);
                let value = if less { left.checked_sub(right) } else { left.checked_add(right) };
                one.like(value?)
            }
        }
    }
}

/// With as many digits as there are.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amount(money) => f.write_str(&money.amount.text(money.currency)),
            Self::Exact(value, _) | Self::Number(value) => value.normalize().fmt(f),
            Self::Rate(rate) => match rate.checked_mul(Decimal::ONE_HUNDRED) {
                Some(percent) => write!(f, "{} %", percent.normalize()),
                None => rate.fmt(f),
            },
            Self::Years(years) => write!(f, "{}/{}", years.numerator(), years.denominator()),
            Self::Days(days) => write!(f, "{days} days"),
            Self::Date(date) => date.fmt(f),
            Self::Period(period) => period.fmt(f),
        }
    }
}

/// One member, which names the unit.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Amount(money) => {
                map.serialize_entry("amount", &money.amount.text(money.currency))?;
                map.serialize_entry("currency", &money.currency)?;
            }
            Self::Exact(value, currency) => {
                map.serialize_entry("exact", &value.normalize())?;
                map.serialize_entry("currency", currency)?;
            }
            Self::Rate(rate) => map.serialize_entry("rate", &rate.normalize())?,
            Self::Number(number) => map.serialize_entry("number", &number.normalize())?,
            Self::Years(years) => {
                map.serialize_entry("years", &years.numerator())?;
                map.serialize_entry("of", &years.denominator())?;
            }
            Self::Days(days) => map.serialize_entry("days", days)?,
            Self::Date(date) => map.serialize_entry("date", date)?,
            Self::Period(period) => map.serialize_entry("period", period)?,
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Titles {
    en: &'static str,
    zh: &'static str,
}

#[derive(Serialize)]
struct Wire<'a> {
    name: &'static str,
    title: Titles,
    #[serde(skip_serializing_if = "Option::is_none")]
    instalment: Option<u32>,
    value: Value,
    made_by: &'a Rule,
    #[serde(skip_serializing_if = "Option::is_none")]
    clause: Option<&'a Clause>,
    #[serde(skip_serializing_if = "<[Derivation]>::is_empty")]
    inputs: &'a [Derivation],
}

impl Serialize for Derivation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { name, instalment, value, rule, clause, inputs } = self;
        let title = Titles { en: name.en, zh: name.zh };
        let (name, clause) = (name.code, clause.as_ref());
        let (instalment, value) = (*instalment, *value);
        Wire { name, title, instalment, value, made_by: rule, clause, inputs }.serialize(serializer)
    }
}

/// How the value was made, in words.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => Ok(()),
            Self::Booked => f.write_str("as booked"),
            Self::Planned { of, component } => write!(f, "see {of}.{}", component.name().code),
            Self::Spared => f.write_str("spared"),
            Self::Sum => f.write_str("sum"),
            Self::Difference => f.write_str("the first less the others"),
            Self::Product => f.write_str("product"),
            Self::Quotient => f.write_str("the first divided by the second"),
            Self::Minimum => f.write_str("the smallest"),
            Self::Maximum => f.write_str("the largest"),
            Self::Rounded { rounding } => write!(f, "rounded {rounding}"),
            Self::RoundedToMultiple { rounding } => write!(f, "rounded {rounding} to a multiple"),
            Self::LevelInstalment => f.write_str("(P + C × d₁ − Z × dₙ) ÷ Σ dᵢ"),
            Self::Days { day_count: DayCount::Thirty360 } => f.write_str("days of 30/360"),
            Self::Days { .. } => f.write_str("calendar days"),
            Self::DaysOfPeriod => f.write_str("30 days for a month"),
            Self::PartOfYear { day_count } => day_count.fmt(f),
            Self::ShareOfPeriod => f.write_str("30/360"),
            Self::Expression { source } => f.write_str(source),
        }
    }
}

/// Where it stands, in a few words. The version of a product is that of the whole tree.
impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Product { path, from: None, .. } => f.write_str(path),
            Self::Product { path, from: Some(from), .. } => write!(f, "{path} from {from}"),
            Self::Pack { pack, version, key, from, source, .. } => {
                write!(f, "{pack} {version}, {key} from {from}, {source}")
            }
            Self::Fact { number, what, on } => write!(f, "fact {number}, {what} of {on}"),
            Self::Contract => f.write_str("contract"),
            Self::OtherContract { contract } => write!(f, "contract {contract}"),
        }
    }
}

/// The column in which values end.
const VALUES_AT: usize = 64;

/// The tree, a line for each node: what it is, its value, the rule, the clause. What is there
/// already is not unfolded again.
impl fmt::Display for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "", "", &mut Vec::new())
    }
}

impl Derivation {
    fn write<'a>(
        &'a self,
        f: &mut fmt::Formatter<'_>,
        first: &str,
        below: &str,
        seen: &mut Vec<&'a Self>,
    ) -> fmt::Result {
        let mut head = format!("{first}{}", self.name.en);
        if let Some(number) = self.instalment {
            write!(head, " of instalment {number}")?;
        }
        let value = self.value.to_string();
        let width = head.chars().count().saturating_add(value.chars().count());
        let gap = " ".repeat(VALUES_AT.saturating_sub(width).max(2));
        write!(f, "{head}{gap}{value}")?;
        let rule = self.rule.to_string();
        if !rule.is_empty() {
            write!(f, "  {rule}")?;
        }
        let inputs = match &self.inputs[..] {
            [Self { value: Value::Date(from), .. }, Self { value: Value::Date(to), .. }] => {
                write!(f, ", {from} to {to}")?;
                &[]
            }
            inputs => inputs,
        };
        if let Some(clause) = &self.clause {
            write!(f, "  ({clause})")?;
        }
        if inputs.iter().any(|it| !it.inputs.is_empty()) {
            if seen.contains(&self) {
                return writeln!(f, "  as above");
            }
            seen.push(self);
        }
        writeln!(f)?;
        let last = inputs.len().saturating_sub(1);
        for (index, input) in inputs.iter().enumerate() {
            let (branch, stem) = if index == last { ("└ ", "  ") } else { ("├ ", "│ ") };
            input.write(f, &format!("{below}{branch}"), &format!("{below}{stem}"), seen)?;
        }
        Ok(())
    }
}
