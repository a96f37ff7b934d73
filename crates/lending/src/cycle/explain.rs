//! How what was booked on an account with statements came about.
//!
//! As for loans ([`crate::explain`]): the facts are told again, step by step, by the code that told
//! them first. What a step booked is written down as a [`Derivation`] of what that code kept of its
//! way there in a [`Trace`], and must come out as it was booked.

use money::{Amount, Calendar, DayCount, Decimal, Money, Rounding, YearFraction};
use product::{
    Definition,
    derivation::{Clause, Derivation, Name, Rule, Unexplained, Value},
    kinds::revolving_credit::statement::{Charge, Part},
};
use stdx::Date;

use super::{Account, Fact, Position, Statement, What, life::Life};
use crate::{
    Reject,
    explain::{BookedAmount, Moment},
    loan::Owed,
    outcome::{Entry, booked},
};

/// An account whose amounts are explained.
#[derive(Clone, Copy)]
pub struct Explaining<'h> {
    /// The contract.
    pub account: &'h Account,
    /// What had happened to it when the amount was booked, in any order.
    pub facts: &'h [Fact],
    /// The statements, in any order: their due dates stand.
    pub statements: &'h [Statement],
    /// The version of the product that the contract is under.
    pub product: &'h Definition,
    /// Which days are business days.
    pub calendar: &'h Calendar,
}

/// What amounts of a life follow from, as it comes to them.
#[derive(Default)]
pub(crate) struct Trace {
    /// What has borne interest since the last statement.
    pub runs: Vec<Run>,
    /// Of the step: interest and fees for being late, in the order in which they were booked.
    pub charged: Vec<Charged>,
    /// Of the step: what was lowered without being paid.
    pub lowered: Option<Allocation>,
    /// Of the step: how payments went through what was owed.
    pub allocations: Vec<Allocation>,
}

/// Days on which a balance bore interest.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// Purchases that bear it, from one day to the day after the last.
    Purchases { from: Date, to: Date, balance: Amount },
    /// Cash.
    Cash { from: Date, to: Date, balance: Amount },
    /// Purchases of a day, back to it, once their free period is lost.
    Back { from: Date, to: Date, balance: Amount },
    /// All purchases of a statement as long as they were owed, once the free period is lost:
    /// balances times days.
    Whole(Decimal),
}

/// What a day charged.
pub(crate) enum Charged {
    /// What the runs have earned, less what was booked before.
    Interest { before: Amount, runs: Vec<Run> },
    /// A fee on what is unpaid of minimums.
    Late { unpaid: Amount },
}

/// How an amount went through what was owed.
pub(crate) struct Allocation {
    pub amount: Amount,
    /// The clause that gives the order.
    pub clause: &'static str,
    pub steps: Vec<Taken>,
}

/// What was taken of a part of what was owed.
pub(crate) struct Taken {
    pub billed: bool,
    pub part: Part,
    pub owed: Amount,
    pub taken: Amount,
}

impl Taken {
    pub(crate) fn new(billed: bool, part: Part, owed: Amount) -> Self {
        Self { billed, part, owed, taken: Amount::ZERO }
    }
}

impl Trace {
    /// Counts a day.
    pub(crate) fn counted(&mut self, day: Date, purchases: Amount, cash: Amount) {
        let Ok(next) = day.tomorrow() else { return };
        let mut of_purchases = purchases.is_zero();
        let mut of_cash = cash.is_zero();
        for run in &mut self.runs {
            match run {
                Run::Purchases { to, balance, .. } if *to == day && *balance == purchases => {
                    (*to, of_purchases) = (next, true);
                }
                Run::Cash { to, balance, .. } if *to == day && *balance == cash => {
                    (*to, of_cash) = (next, true);
                }
                _ => {}
            }
        }
        if !of_purchases {
            self.runs.push(Run::Purchases { from: day, to: next, balance: purchases });
        }
        if !of_cash {
            self.runs.push(Run::Cash { from: day, to: next, balance: cash });
        }
    }
}

type Explained = Result<Derivation, Unexplained>;

const fn name(code: &'static str, en: &'static str, zh: &'static str) -> Name {
    Name { code, en, zh }
}

const AMOUNT: Name = name("amount", "amount", "金额");
const BOUGHT: Name = name("bought", "bought", "消费金额");
const DRAWN: Name = name("drawn", "cash drawn", "取现金额");
const PAYMENT: Name = name("payment", "payment", "还款金额");
const REFUNDED: Name = name("refunded", "given back by the merchant", "退货金额");
const GIVEN_BACK: Name = name("given-back", "given back", "退还金额");
const WAIVED: Name = name("waived", "given up", "减免金额");
const PREPAID: Name = name("prepaid", "paid in advance", "溢缴款");
const LEFT: Name = name("left", "what is left of it", "剩余可用金额");
const PAID: Name = name("paid", "paid with it before", "已还金额");
const BILLED: Name = name("billed", "owed on statements", "已出账应还");
const UNBILLED: Name = name("unbilled", "owed on no statement yet", "未出账应还");
const OWED: Name = name("owed", "owed", "应还");
const PENALTY: Name = name("penalty", "fee for being late", "违约金");
const FEE: Name = name("fee", "fee", "手续费");
const INTEREST: Name = name("interest", "interest", "利息");
const PRINCIPAL: Name = name("principal", "principal", "本金");
const EARNED: Name = name("earned", "earned since the statement", "本期累计利息");
const BOOKED_BEFORE: Name = name("booked-before", "booked before", "此前已入账");
const EXACT: Name = name("exact-interest", "exact interest", "精确利息");
const YEARLY: Name = name("interest-of-year", "balances and days times the rate", "积数乘年利率");
const BALANCE_DAYS: Name = name("balance-days", "sum of daily balances", "积数");
const RUN: Name = name("run", "balance times days", "分段积数");
const BACK: Name = name("back-run", "purchases back to their day, times days", "追溯积数");
const WHOLE: Name = name("whole-run", "all purchases as long as they were owed", "全额积数");
const BALANCE: Name = name("balance", "balance", "余额");
const DAYS: Name = name("days", "days", "天数");
const DAY: Name = name("day", "a day as a part of a year", "日占年比");
const FROM: Name = name("from", "first day", "起息日");
const TO: Name = name("to", "day after the last", "止息日");
const RATE: Name = name("rate", "rate of a year", "年利率");
const CASH_RATE: Name = name("cash-rate", "rate of a year of cash", "取现年利率");
const UNPAID: Name = name("unpaid-minimum", "unpaid of minimums", "最低还款额未还部分");
const SHARE: Name = name("share", "share", "比例");
const EXACT_FEE: Name = name("exact-fee", "exact fee", "精确费用");
const FLOOR: Name = name("least", "at least", "最低");
const CEILING: Name = name("most", "at most", "最高");
const WITH: Name = name("as-it-is", "booked as things are known now", "按现知事实应入账");
const WITHOUT: Name = name("as-it-was", "booked as they were known before", "按原事实已入账");
const CORRECTION: Name = name("correction", "correction", "更正");

/// A step of a life.
struct Step<'f> {
    /// What happened; nothing when a day passed.
    fact: Option<&'f Fact>,
    before: Position,
    entries: Vec<Entry>,
    trace: Trace,
    after: Position,
}

type See<'s> = &'s mut dyn FnMut(&Step<'_>) -> Result<(), Unexplained>;

impl Explaining<'_> {
    /// How an amount that was booked came about.
    ///
    /// # Errors
    /// [`Unexplained`].
    pub fn booked(&self, at: Moment, of: BookedAmount<'_>) -> Explained {
        let mut found = None;
        match at {
            Moment::Day(day) => {
                let next = day.tomorrow().map_err(|_| Unexplained::NotTold("date"))?;
                let mut facts = told(self.facts);
                facts.retain(|it| it.on <= day);
                self.tell(&facts, next, &mut |step| {
                    if step.fact.is_none() && step.before.through == day {
                        found = self.of_step(step, of)?;
                    }
                    Ok(())
                })?;
            }
            Moment::Fact(number) => {
                let fact = self.fact(number)?;
                let mut facts = told(self.facts);
                facts.retain(|it| it.number <= number && it.on <= fact.on);
                self.tell(&facts, fact.on, &mut |step| {
                    if step.fact.is_some_and(|it| it.number == number) {
                        found = self.of_step(step, of)?;
                    }
                    Ok(())
                })?;
            }
            // It books each amount once.
            Moment::Correction(..) if of.place > 0 => {}
            Moment::Correction(number, today) => return self.corrected(number, today, of),
        }
        found.ok_or(Unexplained::Event(of.event.to_owned()))
    }

    fn fact(&self, number: u32) -> Result<&Fact, Unexplained> {
        let fact = self.facts.iter().find(|it| it.number == number);
        fact.ok_or(Unexplained::NotTold("fact"))
    }

    /// What one life booked more than another.
    fn corrected(&self, number: u32, today: Date, of: BookedAmount<'_>) -> Explained {
        let fact = self.fact(number)?;
        let known = Fact { reversed_on: None, ..fact.clone() };
        let mut others = told(self.facts);
        others.retain(|it| it.number != number && it.on <= today);
        let without = self.all_of(&others, today, of)?;
        others.push(&known);
        others.sort_by_key(|it| (it.on, it.number));
        let with = self.all_of(&others, today, of)?;
        let reversed = fact.reversed_on.is_some();
        let (mut after, mut before) = if reversed { (without, with) } else { (with, without) };
        // What both lives booked alike explains nothing of the difference.
        let same = after.iter().zip(&before).take_while(|(one, other)| one == other).count();
        let (after, before) = (after.split_off(same), before.split_off(same));
        let parts =
            vec![self.sum(WITH, after)?.named(WITH), self.sum(WITHOUT, before)?.named(WITHOUT)];
        let correction = Derivation::of(CORRECTION, Rule::Difference, parts)?;
        correction.under(Some(clause(fact))).explaining(of.amount)
    }

    /// All that a life up to the start of a day booked of an amount of an event.
    fn all_of(
        &self,
        facts: &[&Fact],
        to: Date,
        of: BookedAmount<'_>,
    ) -> Result<Vec<Derivation>, Unexplained> {
        let mut all = Vec::new();
        self.tell(facts, to, &mut |step| {
            for (index, entry) in step.entries.iter().enumerate() {
                let amounts = booked(std::slice::from_ref(entry));
                for (event, name, amount) in amounts {
                    if (event, name) == (of.event, of.name) {
                        all.push(self.explain(step, index, name)?.explaining(amount)?);
                    }
                }
            }
            Ok(())
        })?;
        Ok(all)
    }

    fn tell(&self, facts: &[&Fact], to: Date, see: See<'_>) -> Result<(), Unexplained> {
        let mut life = Life::opened(self.account, self.calendar, self.statements);
        life.trace = Some(Trace::default());
        let ends = facts.iter().map(|it| (it.on, Some(*it))).chain([(to, None)]);
        for (on, fact) in ends {
            while life.is_active() && life.today() < on {
                step(&mut life, None, see)?;
            }
            if let Some(fact) = fact {
                life.position.through = life.position.through.max(on);
                step(&mut life, Some(fact), see)?;
            }
        }
        Ok(())
    }

    /// Explains an amount of an entry of a step, if the step booked it.
    fn of_step(
        &self,
        step: &Step<'_>,
        of: BookedAmount<'_>,
    ) -> Result<Option<Derivation>, Unexplained> {
        let has = |it: &Entry| it.event == of.event && it.amounts.contains(&(of.name, of.amount));
        let mut alike = step.entries.iter().enumerate().filter(|(_, it)| has(it));
        let Some((index, _)) = alike.nth(of.place) else { return Ok(None) };
        self.explain(step, index, of.name)?.explaining(of.amount).map(Some)
    }

    fn explain(&self, step: &Step<'_>, index: usize, name: &str) -> Explained {
        let event = step.entries[index].event;
        let charges =
            |it: &Entry| matches!(it.event, "interest-accrual" | "late-fee" | "suspended-accrual");
        if charges(&step.entries[index]) {
            let before = step.entries[..index].iter().filter(|it| charges(it)).count();
            let charged = step.trace.charged.get(before);
            return self.charged(charged.ok_or(Unexplained::NotTold("charge"))?);
        }
        match event {
            "interest-suspension" | "interest-resumption" => {
                return self.owed(step.after.owed(), components(name));
            }
            "prepayment-applied" | "suspended-prepayment-applied" => {
                let last = step.trace.allocations.last();
                let last = last.ok_or(Unexplained::NotTold("allocation"))?;
                return self.paid(last, &self.as_booked(PREPAID, last.amount), components(name));
            }
            _ => {}
        }
        let unexplained = || Unexplained::Event(event.to_owned());
        let fact = step.fact.ok_or_else(unexplained)?;
        let said =
            |name, amount| Derivation::given(name, self.money(amount)).under(Some(clause(fact)));
        let first = || step.trace.allocations.first().ok_or(Unexplained::NotTold("allocation"));
        let lowered = || step.trace.lowered.as_ref().ok_or(Unexplained::NotTold("allocation"));
        match (&fact.what, event) {
            (What::Purchase { amount }, "purchase") => Ok(said(BOUGHT, *amount)),
            (What::Cash { amount, .. }, "cash-drawing") => Ok(said(DRAWN, *amount)),
            (What::Cash { amount, .. }, "cash-fee") => {
                let charge = self.account.terms.statement.cash.as_ref();
                let charge = charge.and_then(|it| it.fee.as_ref()).ok_or_else(unexplained)?;
                self.charge(FEE, said(DRAWN, *amount), charge, "terms.statement.cash.fee")
            }
            (What::Refund { amount }, "refund") => Ok(said(GIVEN_BACK, *amount)),
            (What::MerchantRefund { amount, .. }, "merchant-refund") => {
                self.paid(lowered()?, &said(REFUNDED, *amount), &[Part::Purchase])
            }
            (What::Waiver { waived }, "waiver" | "suspended-waiver") => {
                self.waived(lowered()?, *waived, components(name), fact)
            }
            (_, "repayment" | "suspended-repayment") => {
                self.paid(first()?, &self.available(step, fact, first()?)?, components(name))
            }
            (_, "recovery") => self.paid(first()?, &self.available(step, fact, first()?)?, &ALL),
            (_, "prepayment") => {
                let (of, whole) = (first()?, self.available(step, fact, first()?)?);
                self.less(PREPAID, whole, &of.steps)
            }
            (What::ChargeOff, "charge-off") => {
                let suspended = step.before.suspended;
                let off = [Part::Penalty, Part::Interest];
                let parts = ALL.into_iter().filter(|it| match name {
                    "memo" => !(suspended && off.contains(it)),
                    "suspended" => suspended && off.contains(it),
                    name => components(name).contains(it),
                });
                self.owed(step.before.owed(), &parts.collect::<Vec<_>>())
            }
            (What::WriteOff, "write-off") => self.owed(step.before.owed(), &ALL),
            _ => Err(unexplained()),
        }
    }

    /// What a day charged.
    fn charged(&self, charged: &Charged) -> Explained {
        match charged {
            Charged::Interest { before, runs } => {
                let rounding = self.account.terms.statement.interest.rounding;
                let exact = vec![self.exact(runs)?];
                let earned = Derivation::of(EARNED, Rule::Rounded { rounding }, exact)?;
                let earned = earned.under(self.clause("interest.rounding"));
                let before = self.as_booked(BOOKED_BEFORE, *before);
                Derivation::of(INTEREST, Rule::Difference, vec![earned, before])
            }
            Charged::Late { unpaid } => {
                let charge = self.account.terms.statement.late_fee.as_ref();
                let charge = charge.ok_or(Unexplained::NotTold("late fee"))?;
                let unpaid = self.as_booked(UNPAID, *unpaid);
                self.charge(PENALTY, unpaid, charge, "terms.statement.late_fee")
            }
        }
    }

    /// Exact interest of days: balances times days, times the rate, as a part of a year.
    fn exact(&self, runs: &[Run]) -> Explained {
        let terms = &self.account.terms.statement;
        let rate = Derivation::given(RATE, Value::Rate(terms.interest.rate));
        let rate = rate.under(self.clause("interest.rate"));
        let cash_rate = match terms.cash.as_ref().and_then(|it| it.rate) {
            Some(own) => {
                Derivation::given(CASH_RATE, Value::Rate(own)).under(self.clause("cash.rate"))
            }
            None => rate.clone(),
        };
        let (cash, purchases): (Vec<_>, Vec<_>) =
            runs.iter().partition(|it| matches!(it, Run::Cash { .. }));
        let mut yearly = Vec::new();
        for (runs, rate) in [(purchases, rate), (cash, cash_rate)] {
            if !runs.is_empty() {
                let runs = runs.into_iter().map(|it| self.run(it)).collect::<Result<_, _>>()?;
                let product = vec![self.sum(BALANCE_DAYS, runs)?, rate];
                yearly.push(Derivation::of(YEARLY, Rule::Product, product)?);
            }
        }
        let days_in_year = match terms.interest.day_count {
            DayCount::Act365Fixed => 365,
            _ => 360,
        };
        let day = Derivation::given(DAY, Value::Years(YearFraction::new(1, days_in_year)));
        let day = day.under(self.clause("interest.day_count"));
        Derivation::of(EXACT, Rule::Product, vec![self.sum(YEARLY, yearly)?, day])
    }

    fn run(&self, run: &Run) -> Explained {
        let back = self.clause("interest.back_to_purchase");
        let (name, clause, from, to, balance) = match *run {
            Run::Purchases { from, to, balance } | Run::Cash { from, to, balance } => {
                (RUN, None, from, to, balance)
            }
            Run::Back { from, to, balance } => (BACK, back, from, to, balance),
            Run::Whole(product) => {
                let exact = Value::Exact(product, self.account.currency);
                return Ok(Derivation::leaf(WHOLE, Rule::Booked, exact).under(back));
            }
        };
        let dates = [(FROM, from), (TO, to)];
        let dates = dates.map(|(name, it)| Derivation::given(name, Value::Date(it))).into();
        let day_count = self.account.terms.statement.interest.day_count;
        let days = Derivation::of(DAYS, Rule::Days { day_count }, dates)?;
        let parts = vec![self.as_booked(BALANCE, balance), days];
        Ok(Derivation::of(name, Rule::Product, parts)?.under(clause))
    }

    /// A fee: a share of something, within its bounds.
    fn charge(&self, name: Name, base: Derivation, charge: &Charge, path: &str) -> Explained {
        let currency = self.account.currency;
        let at = |field| Some(Clause::product(self.product, format!("{path}.{field}"), None));
        let share = Derivation::given(SHARE, Value::Rate(charge.share)).under(at("share"));
        let exact = Derivation::of(EXACT_FEE, Rule::Product, vec![base, share])?;
        let rounding = Rounding::HalfUp;
        let mut fee = Derivation::of(name, Rule::Rounded { rounding }, vec![exact])?;
        let bounds = [
            (FLOOR, "min", charge.min, Rule::Maximum),
            (CEILING, "max", charge.max, Rule::Minimum),
        ];
        for (bounded_by, field, bound, rule) in bounds {
            let Some(bound) = bound else { continue };
            let bound = Amount::round(bound, currency, Rounding::Down).unwrap_or(Amount::MAX);
            let bound = Derivation::given(bounded_by, self.money(bound)).under(at(field));
            fee = Derivation::of(name, rule, vec![fee, bound])?;
        }
        Ok(fee)
    }

    /// What there was to pay with: what came in, less what lowered the purchase given back.
    fn available(&self, step: &Step<'_>, fact: &Fact, of: &Allocation) -> Explained {
        let said =
            |name, amount| Derivation::given(name, self.money(amount)).under(Some(clause(fact)));
        match &fact.what {
            What::Repayment { amount } => Ok(said(PAYMENT, *amount)),
            What::MerchantRefund { amount, .. } => {
                let whole = said(REFUNDED, *amount);
                let lowered = step.trace.lowered.as_ref();
                self.less(LEFT, whole, lowered.map_or(&[][..], |it| &it.steps))
            }
            _ => Ok(self.as_booked(PREPAID, of.amount)),
        }
    }

    /// What was taken of some parts: each time what was owed, or what was left.
    fn paid(&self, of: &Allocation, whole: &Derivation, parts: &[Part]) -> Explained {
        let mut paid = Vec::new();
        for (index, step) in of.steps.iter().enumerate() {
            if !parts.contains(&step.part) || step.taken.is_zero() {
                continue;
            }
            let left = self.less(LEFT, whole.clone(), &of.steps[..index])?;
            let taken = vec![self.owed_before(step), left];
            let taken = Derivation::of(named(step.part), Rule::Minimum, taken)?;
            paid.push(taken.under(self.clause(of.clause)));
        }
        self.sum(AMOUNT, paid)
    }

    fn waived(&self, of: &Allocation, waived: Owed, parts: &[Part], fact: &Fact) -> Explained {
        let mut given_up = Vec::new();
        for (index, step) in of.steps.iter().enumerate() {
            if !parts.contains(&step.part) || step.taken.is_zero() {
                continue;
            }
            let Owed { penalty, fee, interest, principal } = waived;
            let (most, alike) = match step.part {
                Part::Penalty => (penalty, vec![Part::Penalty]),
                Part::Fee => (fee, vec![Part::Fee]),
                Part::Interest => (interest, vec![Part::Interest]),
                Part::Cash | Part::Purchase => (principal, vec![Part::Cash, Part::Purchase]),
            };
            let most = Derivation::given(WAIVED, self.money(most)).under(Some(clause(fact)));
            let earlier = of.steps[..index].iter().filter(|it| alike.contains(&it.part));
            let left = self.less(LEFT, most, earlier)?;
            let taken = vec![self.owed_before(step), left];
            given_up.push(Derivation::of(named(step.part), Rule::Minimum, taken)?);
        }
        self.sum(AMOUNT, given_up)
    }

    fn owed_before(&self, step: &Taken) -> Derivation {
        self.as_booked(if step.billed { BILLED } else { UNBILLED }, step.owed)
    }

    /// What is owed of some parts, as it is in the books.
    fn owed(&self, owed: Owed, parts: &[Part]) -> Explained {
        let Owed { penalty, fee, interest, principal } = owed;
        let all = [
            (Part::Penalty, penalty),
            (Part::Fee, fee),
            (Part::Interest, interest),
            (Part::Cash, principal),
        ];
        let some = all.into_iter().filter(|(part, it)| parts.contains(part) && !it.is_zero());
        self.sum(OWED, some.map(|(part, it)| self.as_booked(named(part), it)).collect())
    }

    fn money(&self, amount: Amount) -> Value {
        Value::Amount(Money::new(amount, self.account.currency))
    }

    fn as_booked(&self, name: Name, amount: Amount) -> Derivation {
        Derivation::leaf(name, Rule::Booked, self.money(amount))
    }

    /// A place in the terms of statements.
    fn clause(&self, path: &str) -> Option<Clause> {
        Some(Clause::product(self.product, format!("terms.statement.{path}"), None))
    }

    fn sum(&self, name: Name, mut parts: Vec<Derivation>) -> Explained {
        match parts.len() {
            0 => Ok(Derivation::given(name, self.money(Amount::ZERO))),
            1 => Ok(parts.remove(0)),
            _ => Derivation::of(name, Rule::Sum, parts),
        }
    }

    fn less<'t>(
        &self,
        name: Name,
        whole: Derivation,
        taken: impl IntoIterator<Item = &'t Taken>,
    ) -> Explained {
        let some = taken.into_iter().filter(|it| !it.taken.is_zero());
        let taken: Vec<_> = some.map(|it| self.as_booked(PAID, it.taken)).collect();
        if taken.is_empty() {
            return Ok(whole);
        }
        Derivation::of(name, Rule::Difference, std::iter::once(whole).chain(taken).collect())
    }
}

const ALL: [Part; 5] = [Part::Penalty, Part::Fee, Part::Interest, Part::Cash, Part::Purchase];

/// The parts that an amount of that name is made of.
fn components(name: &str) -> &'static [Part] {
    match name {
        "penalty" => &[Part::Penalty],
        "fee" => &[Part::Fee],
        "interest" => &[Part::Interest],
        "principal" => &[Part::Cash, Part::Purchase],
        // What is not on the balance sheet.
        _ => &[Part::Penalty, Part::Interest],
    }
}

fn named(part: Part) -> Name {
    match part {
        Part::Penalty => PENALTY,
        Part::Fee => FEE,
        Part::Interest => INTEREST,
        Part::Cash | Part::Purchase => PRINCIPAL,
    }
}

/// Facts that count, in the order in which they are told.
fn told(facts: &[Fact]) -> Vec<&Fact> {
    let mut facts: Vec<_> = facts.iter().filter(|it| it.reversed_on.is_none()).collect();
    facts.sort_by_key(|it| (it.on, it.number));
    facts
}

fn clause(fact: &Fact) -> Clause {
    Clause::Fact { number: fact.number, what: fact.what.name().to_owned(), on: fact.on }
}

/// Lets a day pass, or something happen, and shows it.
fn step(life: &mut Life<'_>, fact: Option<&Fact>, see: See<'_>) -> Result<(), Unexplained> {
    let before = life.position.clone();
    let done = match fact {
        None => before
            .through
            .tomorrow()
            .map_err(|_| Reject::DateOutOfRange)
            .and_then(|next| life.close_to(next)),
        Some(fact) => life.happen(&fact.what),
    };
    done.map_err(|reject| Unexplained::NotTold(reject.code()))?;
    life.outcome.events.clear();
    let entries = std::mem::take(&mut life.outcome.entries);
    let trace = life.trace.take().unwrap_or_default();
    life.trace = Some(Trace { runs: trace.runs.clone(), ..Trace::default() });
    see(&Step { fact, before, entries, trace, after: life.position.clone() })
}
