//! How the amounts of a plan came about.
//!
//! The same steps as [`super::schedule`] and its interest, each written down as a
//! [`Derivation`] from what the terms say: nothing is taken from the plan but what has an
//! explanation of its own ([`Rule::Planned`]), and what comes out must be the planned amount.

use std::{fmt, str::FromStr};

use money::{Amount, Calendar, DayCount, Decimal, Money, Period};
use serde::{Deserialize, Serialize};
use stdx::Date;

use super::{
    Days, Instalment, ScheduleError, SubsidyPart, Terms,
    dates::{Line, Span, lines},
};
use crate::{
    derivation::{Clause, Derivation, Name, Rule, Unexplained, Value},
    kinds::instalment_loan::{LoanProduct, Method},
};

/// What of an instalment is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// Principal repaid.
    Principal,
    /// Interest the borrower owes.
    Interest,
    /// Interest a third party owes.
    Subsidy,
    /// Interest earned and not due yet.
    Deferred,
    /// Interest that becomes principal.
    Capitalised,
    /// Fees.
    Fees,
    /// What the borrower owes.
    Total,
    /// Principal outstanding after it.
    Balance,
}

/// What plan amounts are called.
mod names {
    use crate::derivation::Name;

    macro_rules! names {
        ($($constant:ident = $code:literal, $en:literal, $zh:literal;)+) => {$(
            pub(super) const $constant: Name = Name { code: $code, en: $en, zh: $zh };
        )+};
    }

    names! {
        PRINCIPAL = "principal", "principal", "本金";
        INTEREST = "interest", "interest", "利息";
        SUBSIDY = "subsidy", "interest a third party pays", "贴息";
        DEFERRED = "deferred", "interest not due yet", "递延利息";
        CAPITALISED = "capitalised", "interest that becomes principal", "转本金利息";
        FEES = "fees", "fees", "费用";
        TOTAL = "total", "due", "应还总额";
        BALANCE = "balance", "principal outstanding after it", "剩余本金";
        OPENING = "opening-balance", "principal outstanding", "期初本金";
        LENT = "sum-lent", "sum to be repaid", "待还本金";
        FLAT_BASE = "flat-base", "sum that flat interest is taken on", "等本等息计息本金";
        EXACT = "exact-interest", "exact interest", "精确利息";
        EXACT_SUBSIDY = "exact-subsidy", "exact interest a third party pays", "精确贴息";
        OWN = "period-interest", "interest of its days", "本期利息";
        CARRIED = "carried-interest", "interest earned before the plan", "结转利息";
        CARRIED_SUBSIDY = "carried-subsidy", "subsidy earned before the plan", "结转贴息";
        BEFORE = "deferred-interest", "interest of earlier periods", "前期递延利息";
        ON_TOP = "interest-on-top", "interest on top of a level instalment", "等额之外的利息";
        IN_LEVEL = "interest-in-level", "interest within a level instalment", "等额之内的利息";
        RATE = "rate", "rate of a year", "年利率";
        BORROWER_RATE = "borrower-rate", "rate that the borrower pays", "借款人承担利率";
        SUBSIDY_RATE = "subsidy-rate", "rate that the third party pays", "贴息利率";
        SHARE = "subsidy-share", "share that the third party pays", "贴息比例";
        POINTS = "subsidy-points", "points that the third party pays", "贴息点数";
        YEARS = "part-of-year", "part of a year", "计息年分数";
        FREE = "free-days", "days free of interest", "免息天数";
        FREE_YEARS = "free-part-of-year", "part of a year free of interest", "免息年分数";
        PERIOD_DAYS = "days-of-period", "days of the period", "期间天数";
        PERIOD = "period", "period", "期间";
        CHARGED = "days-charged", "calendar days that earn", "计息日历天数";
        WHOLE = "calendar-days", "calendar days of the period", "期间日历天数";
        FROM = "from", "first day", "起息日";
        TO = "to", "day after the last", "止息日";
        LEVEL = "level", "level instalment", "等额还款额";
        EXACT_LEVEL = "exact-level", "exact level instalment", "精确等额还款额";
        EACH = "equal-principal", "equal part of the principal", "每期本金";
        SPREAD = "principal-to-spread", "principal to spread", "分摊本金";
        BALLOON = "balloon", "balloon", "尾款";
        COUNT = "instalments", "instalments that repay principal", "还本期数";
        FACTOR = "factor", "rate of the period", "期间利率";
        MULTIPLE = "multiple", "multiple", "取整单位";
        WITH_INTEREST = "principal-with-interest", "principal with interest", "本息合计";
        LEVEL_TOTAL = "level-total", "instalment as a multiple", "取整还款额";
        BESIDE_INTEREST = "beside-interest", "what it leaves beside interest", "扣息余额";
        NOTHING = "nothing", "nothing", "零";
    }
}

use names::*;

impl Component {
    /// Every component.
    pub const ALL: [Self; 8] = [
        Self::Principal,
        Self::Interest,
        Self::Subsidy,
        Self::Deferred,
        Self::Capitalised,
        Self::Fees,
        Self::Total,
        Self::Balance,
    ];

    /// Its name in a derivation.
    pub fn name(self) -> Name {
        match self {
            Self::Principal => PRINCIPAL,
            Self::Interest => INTEREST,
            Self::Subsidy => SUBSIDY,
            Self::Deferred => DEFERRED,
            Self::Capitalised => CAPITALISED,
            Self::Fees => FEES,
            Self::Total => TOTAL,
            Self::Balance => BALANCE,
        }
    }

    /// What an instalment has of it.
    pub fn of(self, it: &Instalment) -> Amount {
        match self {
            Self::Principal => it.principal,
            Self::Interest => it.interest,
            Self::Subsidy => it.subsidy,
            Self::Deferred => it.deferred,
            Self::Capitalised => it.capitalised,
            Self::Fees => it.fees,
            Self::Total => it.total(),
            Self::Balance => it.balance,
        }
    }
}

/// There is no component of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownComponent;

impl fmt::Display for UnknownComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Component::ALL.map(|it| it.name().code).join(", ");
        write!(f, "a component is one of {names}")
    }
}

impl std::error::Error for UnknownComponent {}

impl FromStr for Component {
    type Err = UnknownComponent;

    fn from_str(text: &str) -> Result<Self, UnknownComponent> {
        Self::ALL.into_iter().find(|it| it.name().code == text).ok_or(UnknownComponent)
    }
}

/// Where the numbers of a plan come from that its terms do not explain: what was agreed, and what
/// a plan made anew takes over.
#[derive(Clone, Debug)]
pub struct Origin {
    /// [`Terms::principal`].
    pub principal: Derivation,
    /// [`Terms::rate`].
    pub rate: Derivation,
    /// [`Terms::level`], when it is set.
    pub level: Option<Derivation>,
    /// [`Terms::flat_on`], when it is set.
    pub flat_base: Option<Derivation>,
    /// What is carried.
    pub carried: CarriedOrigin,
}

/// Where [`super::Carried`] comes from: an amount that is nothing needs no origin.
#[derive(Clone, Debug, Default)]
pub struct CarriedOrigin {
    /// Of its `interest`.
    pub interest: Option<Derivation>,
    /// Of its `deferred`.
    pub deferred: Option<Derivation>,
    /// Of its `subsidy`.
    pub subsidy: Option<Derivation>,
}

/// The product under which a plan was made, and the loan as fees see it.
#[derive(Clone, Copy, Debug)]
pub struct Under<'a> {
    /// The product.
    pub product: &'a LoanProduct,
    /// The sum lent.
    pub principal: Amount,
    /// The number of instalments agreed.
    pub term: u32,
}

/// A plan that explains itself.
pub struct Explainer<'a> {
    terms: &'a Terms,
    plan: &'a [Instalment],
    lines: Vec<Line>,
    origin: Origin,
    under: Option<Under<'a>>,
}

impl Origin {
    /// Of terms that were agreed as they are: every number stands in the contract.
    pub fn agreed(terms: &Terms) -> Self {
        let money = |amount| Value::Amount(Money::new(amount, terms.currency));
        let given = |name, value| Derivation::given(name, value).under(Some(Clause::Contract));
        let exact = |name, value: Decimal| {
            let some = (!value.is_zero()).then_some(value);
            some.map(|value| given(name, Value::Exact(value, terms.currency)))
        };
        Self {
            principal: given(LENT, money(terms.principal)),
            rate: given(RATE, Value::Rate(terms.rate)),
            level: terms.level.map(|level| given(LEVEL, money(level))),
            flat_base: terms.flat_on.map(|base| given(FLAT_BASE, money(base))),
            carried: CarriedOrigin {
                interest: exact(CARRIED, terms.carried.interest),
                deferred: exact(BEFORE, terms.carried.deferred),
                subsidy: exact(CARRIED_SUBSIDY, terms.carried.subsidy),
            },
        }
    }
}

type Explained = Result<Derivation, Unexplained>;

impl<'a> Explainer<'a> {
    /// The plan that [`super::schedule`] made of terms, or what is left of it. Without a product
    /// nothing has a clause, and fees have no explanation.
    ///
    /// # Errors
    /// Those of [`super::schedule`].
    pub fn new(
        terms: &'a Terms,
        plan: &'a [Instalment],
        calendar: &Calendar,
        origin: Origin,
        under: Option<Under<'a>>,
    ) -> Result<Self, ScheduleError> {
        Ok(Self { terms, plan, lines: lines(terms, calendar)?, origin, under })
    }

    /// How a component of an instalment came about.
    ///
    /// # Errors
    /// [`Unexplained`].
    pub fn component(&self, number: u32, component: Component) -> Explained {
        let index = self.index(number)?;
        let it = &self.plan[index];
        let explained = match component {
            Component::Principal => self.principal(index)?,
            Component::Interest if self.is_interest_due(index) => self.earned(index)?,
            Component::Interest => self.spared("terms.repayment.grace.interest"),
            Component::Subsidy => self.rounded(SUBSIDY, self.exact_subsidy(index, it.to)?)?,
            Component::Deferred | Component::Capitalised => {
                let capitalises = component == Component::Capitalised;
                let takes = capitalises == self.terms.grace.capitalise;
                match takes && !self.is_interest_due(index) {
                    true => self.earned(index)?,
                    false => self.spared("terms.repayment.grace"),
                }
            }
            Component::Fees => self.fees(index)?,
            Component::Total => {
                let parts = [Component::Principal, Component::Interest, Component::Fees];
                let parts = parts.map(|it| self.component(number, it));
                Derivation::of(TOTAL, Rule::Sum, parts.into_iter().collect::<Result<_, _>>()?)?
            }
            Component::Balance => self.balance(index)?,
        };
        let explained = explained.named(component.name()).of_instalment(number);
        explained.explaining(component.of(it))
    }

    /// How the interest the borrower owes for an instalment up to a day came about, before it is
    /// rounded: [`Terms::exact_interest`].
    ///
    /// # Errors
    /// [`Unexplained`].
    pub fn exact_interest(&self, number: u32, to: Date) -> Explained {
        self.exact(self.index(number)?, to)
    }

    /// How what instalments that are not due have earned by the start of a day came about:
    /// [`Terms::accrued_interest`], or [`Terms::accrued_subsidy`], of those from `number` on.
    ///
    /// # Errors
    /// [`Unexplained`].
    pub fn accrued(&self, name: Name, number: u32, to: Date, subsidy: bool) -> Explained {
        let first = self.index(number)?;
        let mut parts = Vec::new();
        let mut before = Vec::new();
        for (index, it) in self.plan.iter().enumerate().skip(first) {
            if index > first && to <= it.from {
                break;
            }
            let exact =
                if subsidy { self.exact_subsidy(index, to)? } else { self.exact(index, to)? };
            let part = if subsidy { SUBSIDY } else { INTEREST };
            parts.push(self.rounded(part, exact)?.of_instalment(it.number));
            // What the one before defers, this one carries.
            if let Some(deferred) = self.deferred(index)?.filter(|_| index > first && !subsidy) {
                before.push(self.rounded(BEFORE, deferred)?);
            }
        }
        let earned = match parts.len() {
            1 => parts.remove(0),
            _ => Derivation::of(name, Rule::Sum, parts)?,
        };
        if before.is_empty() {
            return Ok(earned.named(name));
        }
        before.insert(0, earned);
        Derivation::of(name, Rule::Difference, before)
    }

    /// The principal outstanding before an instalment.
    ///
    /// # Errors
    /// [`Unexplained::NoSuchInstalment`].
    pub fn opening(&self, number: u32) -> Explained {
        Ok(self.opening_of(self.index(number)?))
    }

    /// What the interest of an instalment is taken on.
    ///
    /// # Errors
    /// [`Unexplained::NoSuchInstalment`].
    pub fn base_of(&self, number: u32) -> Explained {
        Ok(self.base(self.index(number)?))
    }

    /// What an instalment repays where instalments are to stay as they are: [`Terms::level_of`].
    ///
    /// # Errors
    /// [`Unexplained`].
    pub fn level_of(&self, number: u32) -> Explained {
        let index = self.index(number)?;
        let principal = self.planned(index, Component::Principal);
        if self.terms.method != Method::EqualInstalment {
            return Ok(principal.named(LEVEL));
        }
        Derivation::of(LEVEL, Rule::Sum, vec![principal, self.interest_in_level(index)?])
    }

    /// How what a plan takes over that is made anew on a day came about: [`Terms::rest`].
    ///
    /// # Errors
    /// [`Unexplained`].
    pub fn carried(&self, number: u32, on: Date) -> Result<CarriedOrigin, Unexplained> {
        let index = self.index(number)?;
        let it = &self.plan[index];
        let on = if on >= it.due { it.to } else { on }.clamp(it.from, it.to);
        if on == it.from {
            let first = index == 0;
            return Ok(CarriedOrigin {
                interest: self.origin.carried.interest.clone().filter(|_| first),
                deferred: self.deferred(index)?,
                subsidy: self.origin.carried.subsidy.clone().filter(|_| first),
            });
        }
        let earned = self.exact(index, on)?.named(CARRIED);
        let subsidy = Some(self.exact_subsidy(index, on)?.named(CARRIED_SUBSIDY));
        let level = self.lines[index].level;
        if level.is_some_and(|level| on < level.from) {
            let deferred = Some(earned.named(BEFORE));
            return Ok(CarriedOrigin { interest: None, deferred, subsidy });
        }
        let Some(on_top) = self.on_top(index)? else {
            return Ok(CarriedOrigin { interest: Some(earned), deferred: None, subsidy });
        };
        let deferred = Some(on_top.clone().named(BEFORE));
        let interest = Derivation::of(CARRIED, Rule::Difference, vec![earned, on_top])?;
        Ok(CarriedOrigin { interest: Some(interest), deferred, subsidy })
    }

    /// How the level instalment came about, if there is one.
    ///
    /// # Errors
    /// [`Unexplained`].
    pub fn level(&self) -> Result<Option<Derivation>, Unexplained> {
        if let Some(level) = &self.origin.level {
            return Ok(Some(level.clone()));
        }
        let terms = self.terms;
        let repays = |line: &Line| terms.repays(line);
        let Some(first) = self.lines.iter().position(repays) else { return Ok(None) };
        if first >= self.plan.len()
            || matches!(terms.method, Method::InterestFirst | Method::Bullet)
        {
            return Ok(None);
        }
        let method = self.clause("terms.repayment.method");
        let owed = self.opening_of(first);
        if terms.method == Method::EqualInstalment {
            let earned = self.origin.carried.interest.clone().filter(|_| first == 0);
            let earned = earned.unwrap_or_else(|| self.no_interest());
            let mut inputs = vec![owed, earned, self.balloon()];
            for line in &self.lines[first..] {
                inputs.push(self.factor(line)?);
            }
            let exact = Derivation::of(EXACT_LEVEL, Rule::LevelInstalment, inputs)?.under(method);
            return self.to_multiple(LEVEL, exact).map(Some);
        }
        let count = self.lines.len().saturating_sub(first);
        let count = Value::Number(Decimal::from(count));
        let count = Derivation::given(COUNT, count).under(self.clause("terms.term"));
        let spread = Derivation::of(SPREAD, Rule::Difference, vec![owed, self.balloon()])?;
        let each = Derivation::of(EACH, Rule::Quotient, vec![spread, count])?.under(method);
        if terms.multiple.is_some() { Ok(Some(each)) } else { self.rounded(EACH, each).map(Some) }
    }

    fn index(&self, number: u32) -> Result<usize, Unexplained> {
        let found = self.plan.iter().position(|it| it.number == number);
        found.filter(|index| *index < self.lines.len()).ok_or(Unexplained::NoSuchInstalment)
    }

    fn clause(&self, path: &str) -> Option<Clause> {
        self.under.map(|it| it.product.clause(path))
    }

    fn money(&self, amount: Amount) -> Value {
        Value::Amount(Money::new(amount, self.terms.currency))
    }

    fn spared(&self, path: &str) -> Derivation {
        let nothing = Derivation::leaf(NOTHING, Rule::Spared, self.money(Amount::ZERO));
        nothing.under(self.clause(path))
    }

    fn balloon(&self) -> Derivation {
        let balloon = Derivation::given(BALLOON, self.money(self.terms.balloon));
        let path = (!self.terms.balloon.is_zero()).then_some("terms.repayment.balloon");
        balloon.under(path.and_then(|path| self.clause(path)))
    }

    fn rounded(&self, name: Name, exact: Derivation) -> Explained {
        let rule = Rule::Rounded { rounding: self.terms.rounding };
        let rounded = Derivation::of(name, rule, vec![exact])?;
        Ok(rounded.under(self.clause("terms.interest.rounding")))
    }

    fn to_multiple(&self, name: Name, exact: Derivation) -> Explained {
        let Some(multiple) = self.terms.multiple else { return self.rounded(name, exact) };
        let clause = self.clause("terms.repayment.multiple");
        let multiple = Derivation::given(MULTIPLE, self.money(multiple)).under(clause);
        let rule = Rule::RoundedToMultiple { rounding: self.terms.rounding };
        let rounded = Derivation::of(name, rule, vec![exact, multiple])?;
        Ok(rounded.under(self.clause("terms.interest.rounding")))
    }

    fn no_interest(&self) -> Derivation {
        Derivation::given(CARRIED, Value::Exact(Decimal::ZERO, self.terms.currency))
    }

    fn opening_of(&self, index: usize) -> Derivation {
        let before = index.checked_sub(1).map(|before| &self.plan[before]);
        let Some(before) = before else { return self.origin.principal.clone() };
        let rule = Rule::Planned { of: before.number, component: Component::Balance };
        Derivation::leaf(OPENING, rule, self.money(before.balance))
    }

    fn planned(&self, index: usize, component: Component) -> Derivation {
        let it = &self.plan[index];
        let rule = Rule::Planned { of: it.number, component };
        Derivation::leaf(component.name(), rule, self.money(component.of(it)))
    }

    /// The last instalment, and of a plan with its instalment given the one that ends it.
    fn ends(&self, index: usize) -> bool {
        let by_level = self.terms.level.is_some() && self.terms.repays(&self.lines[index]);
        let all = index.checked_add(1) == Some(self.lines.len());
        all || by_level && self.plan[index].balance.is_zero()
    }

    fn is_interest_due(&self, index: usize) -> bool {
        self.ends(index) || self.plan[index].number > self.terms.grace.interest
    }

    fn earned(&self, index: usize) -> Explained {
        self.rounded(INTEREST, self.exact(index, self.plan[index].to)?)
    }

    fn principal(&self, index: usize) -> Explained {
        let opening = self.opening_of(index);
        if self.ends(index) {
            let mut parts = vec![opening];
            if !self.plan[index].capitalised.is_zero() {
                parts.push(self.planned(index, Component::Capitalised));
            }
            return Derivation::of(PRINCIPAL, Rule::Sum, parts);
        }
        if !self.terms.repays(&self.lines[index]) {
            let separate = self.lines[index].separate;
            let grace = "terms.repayment.grace.principal";
            return Ok(self.spared(if separate { "terms.repayment.broken_period" } else { grace }));
        }
        let Some(level) = self.level()? else {
            return Ok(self.spared("terms.repayment.method"));
        };
        let beside = match (self.terms.method, level.value) {
            (Method::EqualInstalment, _) => {
                let parts = vec![level, self.interest_in_level(index)?];
                Derivation::of(BESIDE_INTEREST, Rule::Difference, parts)?
            }
            (_, Value::Exact(..)) => self.beside_interest(index, level)?,
            _ if self.terms.multiple.is_some() => self.beside_interest(index, level)?,
            _ => level,
        };
        let least = Derivation::of(PRINCIPAL, Rule::Minimum, vec![beside, opening])?;
        Ok(least.under(self.clause("terms.repayment.method")))
    }

    /// What a multiple made of principal and interest leaves beside the interest.
    fn beside_interest(&self, index: usize, each: Derivation) -> Explained {
        let interest = self.interest_in_level(index)?;
        let parts = vec![each, interest.clone()];
        let both = Derivation::of(WITH_INTEREST, Rule::Sum, parts)?;
        let total = self.to_multiple(LEVEL_TOTAL, both)?;
        let left = Derivation::of(BESIDE_INTEREST, Rule::Difference, vec![total, interest])?;
        let nothing = Derivation::given(NOTHING, self.money(Amount::ZERO));
        Derivation::of(BESIDE_INTEREST, Rule::Maximum, vec![left, nothing])
    }

    /// The interest that a level instalment holds.
    fn interest_in_level(&self, index: usize) -> Explained {
        let exact = self.exact(index, self.plan[index].to)?;
        let exact = match self.on_top(index)? {
            Some(on_top) => Derivation::of(IN_LEVEL, Rule::Difference, vec![exact, on_top])?,
            None => exact,
        };
        Ok(self.rounded(IN_LEVEL, exact)?.of_instalment(self.plan[index].number))
    }

    /// [`Terms::on_top`], when it is something.
    fn on_top(&self, index: usize) -> Result<Option<Derivation>, Unexplained> {
        let it = &self.plan[index];
        let Some(level) = &self.lines[index].level else { return self.deferred(index) };
        let own = self.simple(level, index, self.borrower_rate(it.number)?, level.to)?;
        let mut parts = vec![self.exact(index, it.to)?];
        parts.extend(self.origin.carried.interest.clone().filter(|_| index == 0));
        parts.extend(own);
        Derivation::of(ON_TOP, Rule::Difference, parts).map(Some)
    }

    /// Interest of earlier periods that an instalment collects.
    fn deferred(&self, index: usize) -> Result<Option<Derivation>, Unexplained> {
        let Some(before) = index.checked_sub(1) else {
            return Ok(self.origin.carried.deferred.clone());
        };
        let it = &self.plan[before];
        if it.deferred.is_zero() {
            return Ok(None);
        }
        Ok(Some(self.exact(before, it.to)?.named(BEFORE).of_instalment(it.number)))
    }

    /// [`Terms::exact_interest`].
    fn exact(&self, index: usize, to: Date) -> Explained {
        let it = &self.plan[index];
        let own = self.own(index, self.borrower_rate(it.number)?, to)?;
        let carried = self.origin.carried.interest.clone().filter(|_| index == 0);
        self.together(EXACT, [carried, self.deferred(index)?, own])
    }

    /// [`Terms::exact_subsidy`].
    fn exact_subsidy(&self, index: usize, to: Date) -> Explained {
        let own = match self.subsidy_rate(self.plan[index].number)? {
            Some(rate) => self.own(index, rate, to)?,
            None => None,
        };
        let carried = self.origin.carried.subsidy.clone().filter(|_| index == 0);
        self.together(EXACT_SUBSIDY, [carried, None, own])
    }

    fn together(&self, name: Name, parts: [Option<Derivation>; 3]) -> Explained {
        let mut parts: Vec<_> = parts.into_iter().flatten().collect();
        match parts.len() {
            0 => Ok(self.no_interest().named(name)),
            1 => Ok(parts.remove(0).named(name)),
            _ => Derivation::of(name, Rule::Sum, parts),
        }
    }

    fn own(
        &self,
        index: usize,
        rate: Derivation,
        to: Date,
    ) -> Result<Option<Derivation>, Unexplained> {
        let it = &self.plan[index];
        let to = if to >= it.due { it.to } else { to };
        self.simple(&Span::of(it), index, rate, to)
    }

    /// Interest on the base of an instalment from the first day of a span; none when it is none.
    fn simple(
        &self,
        span: &Span,
        index: usize,
        rate: Derivation,
        to: Date,
    ) -> Result<Option<Derivation>, Unexplained> {
        if rate.value == Value::Rate(Decimal::ZERO) || to <= span.from {
            return Ok(None);
        }
        let years = self.years(span, to.min(span.to))?;
        let factors = vec![self.base(index), rate, years];
        Derivation::of(OWN, Rule::Product, factors).map(Some)
    }

    /// What the interest of an instalment is taken on.
    fn base(&self, index: usize) -> Derivation {
        if self.terms.method != Method::Flat {
            return self.opening_of(index);
        }
        self.origin.flat_base.clone().unwrap_or_else(|| self.origin.principal.clone())
    }

    fn borrower_rate(&self, number: u32) -> Explained {
        let rate = self.origin.rate.clone();
        match self.subsidy_rate(number)? {
            Some(paid) => Derivation::of(BORROWER_RATE, Rule::Difference, vec![rate, paid]),
            None => Ok(rate),
        }
    }

    fn subsidy_rate(&self, number: u32) -> Result<Option<Derivation>, Unexplained> {
        let Some(subsidy) = self.terms.subsidy.filter(|it| number <= it.until) else {
            return Ok(None);
        };
        let rate = self.origin.rate.clone();
        let given = |name, value, path| {
            Derivation::given(name, Value::Rate(value)).under(self.clause(path))
        };
        let paid = match subsidy.part {
            SubsidyPart::Share(share) => {
                let share = given(SHARE, share, "terms.subsidy.share");
                Derivation::of(SUBSIDY_RATE, Rule::Product, vec![rate, share])
            }
            SubsidyPart::Points(points) => {
                let points = given(POINTS, points, "terms.subsidy.points");
                Derivation::of(SUBSIDY_RATE, Rule::Minimum, vec![points, rate])
            }
        };
        paid.map(Some)
    }

    /// What a level instalment earns in a period, as a share of what is owed.
    fn factor(&self, line: &Line) -> Explained {
        let span = line.level.as_ref().unwrap_or(&line.span);
        let factors = vec![self.borrower_rate(line.number)?, self.years(span, span.to)?];
        let factor = Derivation::of(FACTOR, Rule::Product, factors)?;
        Ok(factor.of_instalment(line.number))
    }

    /// [`Span::years`].
    fn years(&self, span: &Span, to: Date) -> Explained {
        let terms = self.terms;
        let clause = self.clause("terms.interest.day_count");
        let Span { start, from, .. } = *span;
        let charged = Days { from, to };
        let free: Vec<_> = terms.free.iter().filter_map(|it| it.within(charged)).collect();
        if terms.day_count != DayCount::Thirty360 {
            let day_count = terms.day_count;
            let part = |name, days| dates(name, Rule::PartOfYear { day_count }, days);
            let years = part(YEARS, charged)?.under(clause.clone());
            return self.without(years, &free, |days| part(FREE_YEARS, days));
        }
        let calendar = |name, days| dates(name, Rule::Days { day_count: DayCount::Act360 }, days);
        let counted = self.without(calendar(CHARGED, charged)?, &free, |it| calendar(FREE, it))?;
        let whole = calendar(WHOLE, Days { from: start, to: span.to })?;
        let days = self.days(span)?;
        let inputs =
            if counted.value == whole.value { vec![days] } else { vec![days, counted, whole] };
        Ok(Derivation::of(YEARS, Rule::ShareOfPeriod, inputs)?.under(clause))
    }

    /// What remains without the days that are free of interest.
    fn without(
        &self,
        all: Derivation,
        free: &[Days],
        part: impl Fn(Days) -> Explained,
    ) -> Explained {
        if free.is_empty() {
            return Ok(all);
        }
        let clause = self.clause("terms.interest.free_days");
        // Days from the first one of the loan are the product's; others were agreed later.
        let agreed =
            |it: &Days| self.origin.carried.interest.is_none() && it.from == self.terms.from;
        let (name, mut parts) = (all.name, vec![all]);
        for days in free {
            parts.push(part(*days)?.under(clause.clone().filter(|_| agreed(days))));
        }
        Derivation::of(name, Rule::Difference, parts)
    }

    /// The days of a period under 30/360: 30 for each month of a regular one.
    fn days(&self, span: &Span) -> Explained {
        let period = Days { from: span.start, to: span.to };
        let counted = dates(PERIOD_DAYS, Rule::Days { day_count: DayCount::Thirty360 }, period)?;
        let days = Value::Days(span.days.into());
        if counted.value == days {
            return Ok(counted);
        }
        let every = self.terms.due.period();
        let count = every.and_then(|it| it.count().checked_mul(self.terms.step()));
        let whole = count.zip(every).and_then(|(count, every)| Period::new(count, every.unit()));
        let one = every.filter(|it| it.days_of_thirty() == Some(span.days));
        let whole = whole.filter(|it| it.days_of_thirty() == Some(span.days)).or(one);
        let period = whole.ok_or(Unexplained::NoValue(PERIOD_DAYS.code))?;
        let every = Derivation::given(PERIOD, Value::Period(period));
        let every = every.under(self.clause("terms.repayment.every"));
        Derivation::of(PERIOD_DAYS, Rule::DaysOfPeriod, vec![every])
    }

    fn balance(&self, index: usize) -> Explained {
        let mut owed = self.opening_of(index);
        if !self.plan[index].capitalised.is_zero() {
            let capitalised = self.planned(index, Component::Capitalised);
            owed = Derivation::of(OPENING, Rule::Sum, vec![owed, capitalised])?;
        }
        let repaid = self.planned(index, Component::Principal);
        Derivation::of(BALANCE, Rule::Difference, vec![owed, repaid])
    }

    fn fees(&self, index: usize) -> Explained {
        let it = &self.plan[index];
        let Some(Under { product, principal, term }) = self.under else {
            return Ok(Derivation::given(FEES, self.money(it.fees)));
        };
        let balance = self.opening_of(index);
        product.explain_instalment_fees(principal, term, it.number, balance)
    }
}

fn dates(name: Name, rule: Rule, days: Days) -> Explained {
    let date = |name, date| Derivation::given(name, Value::Date(date));
    Derivation::of(name, rule, vec![date(FROM, days.from), date(TO, days.to)])
}
