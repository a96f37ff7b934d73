//! How what was planned or booked on a loan came about.
//!
//! The facts are told again, step by step, by the code that told them first; what a step booked is
//! written down as a [`Derivation`] from the loan as it stood before, and must come out as it was
//! booked. A plan made anew explains what it took over by the plan before it.

use std::collections::BTreeMap;

use money::{Amount, DayCount, Decimal, Money};
use product::{
    LoanProduct,
    derivation::{Clause, Derivation, Name, Rule, Unexplained, Value},
    kinds::instalment_loan::{Component as Due, Penalty, PenaltyBase},
    schedule::{
        Instalment, Terms,
        explain::{self, CarriedOrigin, Component, Explainer, Origin, Under},
    },
};
use stdx::Date;

use crate::{
    Reject,
    day::{self, days_between, running},
    fact::{Fact, RateReason, What},
    life::{Allocation, Life, Part},
    loan::{Loan, Open, Owed, Position, Status},
    outcome::Entry,
    plan::Rules,
};

/// A loan whose amounts are explained.
#[derive(Clone, Copy)]
pub struct Explaining<'h> {
    /// The contract.
    pub loan: &'h Loan,
    /// What had happened to it when the amount was planned or booked, in any order.
    pub facts: &'h [Fact],
    /// The product, in all versions the contract was under, and the calendar.
    pub rules: Rules<'h>,
    /// The reference rate of a day, for a product whose rate follows one.
    pub reference: &'h dyn Fn(Date) -> Option<Derivation>,
}

/// When something was booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When a business day was closed.
    Day(Date),
    /// When the fact of this number happened.
    Fact(u32),
    /// When this fact was booked late or taken back, on a business date.
    Correction(u32, Date),
}

/// An amount of an accounting event: both names, and how much; negative when it was booked the
/// other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookedAmount<'e> {
    /// The event.
    pub event: &'e str,
    /// Which of its amounts.
    pub name: &'e str,
    /// How much.
    pub amount: Amount,
    /// How many alike were booked before it at the same moment.
    pub place: usize,
}

type Explained = Result<Derivation, Unexplained>;

const fn name(code: &'static str, en: &'static str, zh: &'static str) -> Name {
    Name { code, en, zh }
}

const AMOUNT: Name = name("amount", "amount", "金额");
const PAID_OUT: Name = name("paid-out", "paid out", "放款金额");
const PAYMENT: Name = name("payment", "payment", "还款金额");
const PRICE: Name = name("price", "price", "转让价款");
const FEE: Name = name("fee", "price of paying early", "提前还款费用");
const AVAILABLE: Name = name("available", "what is there to pay with", "可用于偿还的金额");
const LEFT: Name = name("left", "what is left of it", "剩余可用金额");
const PENALTY_PAID: Name = name("penalty-paid", "penalty interest paid with it", "已还罚息");
const FEES_PAID: Name = name("fees-paid", "fees paid with it", "已还费用");
const INTEREST_PAID: Name = name("interest-paid", "interest paid with it", "已还利息");
const PRINCIPAL_PAID: Name = name("principal-paid", "principal paid with it", "已还本金");
const OWED: Name = name("owed", "owed", "应还");
const DUE: Name = name("due", "due", "到期应还");
const ACCRUED: Name = name("accrued", "earned and not due", "应计未到期利息");
const OUTSTANDING: Name = name("outstanding", "principal outstanding", "未还本金");
const UNDUE: Name = name("undue", "principal that is not due", "未到期本金");
const PREPAID: Name = name("prepaid", "paid in advance", "预存款");
const BOOKED_BEFORE: Name = name("booked-before", "booked before", "此前已入账");
const EARNED: Name = name("earned", "earned so far", "累计应计");
const INTEREST: Name = name("interest", "interest", "利息");
const PENALTY: Name = name("penalty", "penalty interest", "罚息");
const PENALTIES: Name = name("penalty-so-far", "penalty interest so far", "累计罚息");
const EXACT_PENALTY: Name = name("exact-penalty", "exact penalty interest", "精确罚息");
const PENALTY_SPAN: Name = name("penalty-of-days", "penalty interest of days", "区间罚息");
const KEPT: Name = name("penalty-kept", "penalty interest of earlier days", "此前罚息");
const BASE: Name = name("penalty-base", "what bears penalty", "罚息基数");
const MULTIPLE: Name = name("multiple", "times the rate of the loan", "贷款利率倍数");
const THIRD_PARTY_FEES: Name = name("third-party-fees", "fees of third parties", "第三方费用");
const PENALTY_RATE: Name = name("penalty-rate", "penalty rate of a year", "罚息年利率");
const YEARS: Name = name("part-of-year", "part of a year", "计息年分数");
const FROM: Name = name("from", "first day", "起息日");
const TO: Name = name("to", "day after the last", "止息日");
const FEES: Name = name("fees", "fees", "费用");
const LOWERED: Name = name("lowered", "principal repaid early", "提前偿还本金");
const CAPITALISED: Name = name("capitalised", "what became principal", "转本金金额");
const WAIVED: Name = name("waived", "given up", "减免金额");
const SUBSIDY_DUE: Name = name("subsidy-due", "owed by the third party", "应收贴息");
const ON_BOOKS: Name = name("on-books", "on the balance sheet", "表内金额");
const FLAT_BASE: Name = name("flat-base", "sum that flat interest is taken on", "等本等息计息本金");
const RATE: Name = name("rate", "rate of a year", "年利率");
const LENT: Name = name("sum-lent", "sum to be repaid", "待还本金");
const WITH: Name = name("as-it-is", "booked as things are known now", "按现知事实应入账");
const WITHOUT: Name = name("as-it-was", "booked as they were known before", "按原事实已入账");
const CORRECTION: Name = name("correction", "correction", "更正");

impl<'h> Explaining<'h> {
    /// How a component of a planned instalment came about, from all facts.
    ///
    /// # Errors
    /// [`Unexplained`].
    pub fn planned(&self, number: u32, component: Component) -> Explained {
        let facts = told(self.facts);
        if facts.is_empty() {
            return self.offered(number, component);
        }
        let to = facts.last().map_or(Date::MIN, |it| it.on);
        let teller = self.tell(&facts, to, &mut |_, _| Ok(()))?;
        let mut stages = teller.stages.iter().rev();
        let stage = stages.find(|it| it.terms.first_number <= number);
        let explainer = teller.explainer(stage.ok_or(Unexplained::NoSuchInstalment)?)?;
        let planned = self.loan.plan.iter().find(|it| it.number == number);
        let planned = planned.ok_or(Unexplained::NoSuchInstalment)?;
        explainer.component(number, component)?.explaining(component.of(planned))
    }

    /// Of a loan that is not paid out: as it was offered.
    fn offered(&self, number: u32, component: Component) -> Explained {
        let Loan { schedule, plan, .. } = self.loan;
        let origin = Origin { rate: self.signed_rate(schedule.rate)?, ..Origin::agreed(schedule) };
        self.explainer(self.loan.version, schedule, plan, origin)?.component(number, component)
    }

    /// How an amount that was booked came about.
    ///
    /// # Errors
    /// [`Unexplained`].
    pub fn booked(&self, at: Moment, of: BookedAmount<'_>) -> Explained {
        let mut found = None;
        match at {
            Moment::Day(day) => {
                let next = day.tomorrow().map_err(|_| Unexplained::NotTold("date"))?;
                let facts = told(self.facts);
                let facts: Vec<_> = facts.into_iter().filter(|it| it.on <= day).collect();
                // The day is a step of its own.
                let mut teller = self.tell(&facts, day, &mut |_, _| Ok(()))?;
                teller.close_to(next, &mut |teller, step| {
                    found = teller.of_step(step, of)?;
                    Ok(())
                })?;
            }
            Moment::Fact(number) => {
                let known: Vec<_> =
                    self.facts.iter().filter(|it| it.number <= number).cloned().collect();
                let fact = known.iter().find(|it| it.number == number);
                let fact = fact.ok_or(Unexplained::NotTold("fact"))?;
                let facts: Vec<_> =
                    told(&known).into_iter().filter(|it| it.on <= fact.on).collect();
                self.tell(&facts, fact.on, &mut |teller, step| {
                    if matches!(step.by, By::Fact(it) if it.number == number) {
                        found = teller.of_step(step, of)?;
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

    /// What one life booked more than another.
    fn corrected(&self, number: u32, today: Date, of: BookedAmount<'_>) -> Explained {
        let fact = self.facts.iter().find(|it| it.number == number);
        let fact = fact.ok_or(Unexplained::NotTold("fact"))?;
        let reversed = fact.reversed_on.is_some();
        let with = Fact { reversed_on: None, ..fact.clone() };
        let mut all: Vec<_> = self.facts.to_vec();
        all.retain(|it| it.number != number);
        let without = self.all_of(&told(&all), today, of)?;
        all.push(with);
        let with = self.all_of(&told(&all), today, of)?;
        let (mut after, mut before) = if reversed { (without, with) } else { (with, without) };
        // What both lives booked alike explains nothing of the difference.
        let same = after.iter().zip(&before).take_while(|(one, other)| one == other).count();
        let (after, before) = (after.split_off(same), before.split_off(same));
        let after = self.sum(WITH, after)?;
        let before = self.sum(WITHOUT, before)?;
        let correction = Derivation::of(CORRECTION, Rule::Difference, vec![after, before])?;
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
        self.tell(facts, to, &mut |teller, step| {
            let entries = step.entries.iter().filter(|it| it.event == of.event);
            let amounts = entries.flat_map(|it| &it.amounts).filter(|it| it.0 == of.name);
            let amounts: Vec<_> = amounts.map(|it| it.1).filter(|it| !it.is_zero()).collect();
            for (index, &amount) in amounts.iter().enumerate() {
                let place = amounts[..index].iter().filter(|it| **it == amount).count();
                all.push(teller.explain(step, BookedAmount { amount, place, ..of })?);
            }
            Ok(())
        })?;
        Ok(all)
    }

    fn tell(&self, facts: &[&Fact], to: Date, see: See<'_, 'h>) -> Result<Teller<'h>, Unexplained> {
        let mut life = Life::signed(self.loan.as_signed(), self.rules);
        life.allocations = Some(Vec::new());
        let (stages, penalties) = (Vec::new(), BTreeMap::new());
        let served = Served::of(&life.loan);
        let mut teller = Teller { of: *self, life, served, stages, penalties };
        for fact in facts {
            teller.close_to(fact.on, see)?;
            let through = teller.life.position.through.max(fact.on);
            teller.life.position.through = through;
            teller.step(By::Fact(fact), see)?;
        }
        teller.close_to(to, see)?;
        Ok(teller)
    }

    /// The rate as it was agreed: a floating one by the reference rate of the day of the offer,
    /// which was at most so long before the contract was signed.
    fn signed_rate(&self, rate: Decimal) -> Explained {
        const OFFERED_DAYS_MAX: usize = 366;
        let product = self.version(self.loan.signed_version())?;
        if product.terms().interest.floating.is_none() {
            return same_rate(product.explain_rate(None)?, rate);
        }
        let first = Some(self.loan.signed_on);
        let days = std::iter::successors(first, |day| day.yesterday().ok());
        for day in days.take(OFFERED_DAYS_MAX) {
            let explained = (self.reference)(day).map(|it| product.explain_rate(Some(it)));
            if let Some(Ok(explained)) =
                explained.filter(|it| it.as_ref().is_ok_and(|it| it.value == Value::Rate(rate)))
            {
                return Ok(explained);
            }
        }
        Ok(Derivation::given(RATE, Value::Rate(rate)).under(Some(Clause::Contract)))
    }

    /// The product in a version the contract was under.
    fn version(&self, version: u32) -> Result<&'h LoanProduct, Unexplained> {
        self.rules.version(version).map_err(|reject| Unexplained::NotTold(reject.code()))
    }

    fn explainer<'e>(
        &self,
        version: u32,
        terms: &'e Terms,
        plan: &'e [Instalment],
        origin: Origin,
    ) -> Result<Explainer<'e>, Unexplained>
    where
        'h: 'e,
    {
        let Loan { principal, term, .. } = *self.loan;
        let under = Under { product: self.version(version)?, principal, term };
        let explainer = Explainer::new(terms, plan, self.rules.calendar, origin, Some(under));
        explainer.map_err(|_| Unexplained::NotTold("schedule"))
    }

    fn money(&self, amount: Amount) -> Value {
        Value::Amount(Money::new(amount, self.loan.currency))
    }

    fn booked_as(&self, name: Name, amount: Amount) -> Derivation {
        Derivation::leaf(name, Rule::Booked, self.money(amount))
    }

    fn said(&self, name: Name, amount: Amount, fact: &Fact) -> Derivation {
        Derivation::given(name, self.money(amount)).under(Some(clause(fact)))
    }

    fn sum(&self, name: Name, mut parts: Vec<Derivation>) -> Explained {
        match parts.len() {
            0 => Ok(Derivation::given(name, self.money(Amount::ZERO))),
            1 => Ok(parts.remove(0).named(name)),
            _ => Derivation::of(name, Rule::Sum, parts),
        }
    }

    fn less(&self, name: Name, whole: Derivation, parts: Vec<Derivation>) -> Explained {
        if parts.is_empty() {
            return Ok(whole.named(name));
        }
        let inputs = std::iter::once(whole).chain(parts).collect();
        Derivation::of(name, Rule::Difference, inputs)
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

fn same_rate(explained: Derivation, rate: Decimal) -> Explained {
    let same = explained.value == Value::Rate(rate);
    if same { Ok(explained) } else { Err(Unexplained::Differs(RATE.code)) }
}

type See<'s, 'h> = &'s mut dyn FnMut(&Teller<'h>, &Step<'_>) -> Result<(), Unexplained>;

/// What moved the loan.
#[derive(Clone, Copy)]
enum By<'f> {
    /// Days passed, up to this one.
    Close(Date),
    /// Something happened.
    Fact(&'f Fact),
}

/// A step of a life.
struct Step<'f> {
    by: By<'f>,
    status: Status,
    before: Position,
    entries: Vec<Entry>,
    allocations: Vec<Allocation>,
}

/// A plan, and where its numbers come from.
struct Stage {
    /// The version of the product that made it.
    version: u32,
    terms: Terms,
    plan: Vec<Instalment>,
    origin: Origin,
}

/// What being late followed from before a step.
struct Served {
    version: u32,
    penalty: Option<Penalty>,
    day_count: DayCount,
}

impl Served {
    fn of(loan: &Loan) -> Self {
        let (penalty, day_count) = (loan.terms.penalty.clone(), loan.schedule.day_count);
        Self { version: loan.version, penalty, day_count }
    }

    fn grace_days(&self) -> i64 {
        self.penalty.as_ref().map_or(0, |it| i64::from(it.grace_days))
    }
}

/// Tells a life; between two steps it stands where the loan stood.
struct Teller<'h> {
    of: Explaining<'h>,
    life: Life<'h>,
    served: Served,
    stages: Vec<Stage>,
    /// The exact penalty kept of each instalment that is due.
    penalties: BTreeMap<u32, Vec<Derivation>>,
}

impl<'h> Teller<'h> {
    fn close_to(&mut self, to: Date, see: See<'_, 'h>) -> Result<(), Unexplained> {
        while self.life.is_active() && self.life.today() < to {
            let next = self.life.next_stop(to).map_err(|it| Unexplained::NotTold(it.code()))?;
            self.step(By::Close(next), see)?;
        }
        Ok(())
    }

    fn step(&mut self, by: By<'_>, see: See<'_, 'h>) -> Result<(), Unexplained> {
        let (before, status) = (self.life.position.clone(), self.life.loan.status);
        let planned = matches!(by, By::Fact(_)).then(|| self.life.loan.schedule.clone());
        let was_running = running(&self.life.loan, &before).map(|it| it.number);
        let done = match by {
            By::Close(next) => day::close(&mut self.life, next),
            By::Fact(fact) => self.life.happen(&fact.what),
        };
        done.map_err(|reject: Reject| Unexplained::NotTold(reject.code()))?;
        self.life.outcome.events.clear();
        let entries = std::mem::take(&mut self.life.outcome.entries);
        let allocations = self.life.allocations.replace(Vec::new()).unwrap_or_default();
        let step = Step { by, status, before, entries, allocations };
        see(self, &step)?;
        self.keep_penalties(&step.before)?;
        self.served = Served::of(&self.life.loan);
        let By::Fact(fact) = by else { return Ok(()) };
        // Another version has other fees, whatever the terms are.
        let moved = matches!(fact.what, What::Migration { .. }) && was_running.is_some();
        let other = planned.as_ref() != Some(&self.life.loan.schedule);
        if moved || other || self.stages.is_empty() {
            self.replanned(fact, &step, was_running)?;
        }
        Ok(())
    }

    /// Explains an amount of an entry of a step, if the step booked it.
    fn of_step(
        &self,
        step: &Step<'_>,
        of: BookedAmount<'_>,
    ) -> Result<Option<Derivation>, Unexplained> {
        let entries = step.entries.iter().filter(|it| it.event == of.event);
        let amounts = entries.flat_map(|it| &it.amounts);
        let alike = amounts.filter(|(name, amount)| (*name, *amount) == (of.name, of.amount));
        if alike.count() > of.place { self.explain(step, of).map(Some) } else { Ok(None) }
    }

    fn explain(&self, step: &Step<'_>, of: BookedAmount<'_>) -> Explained {
        let explained = match step.by {
            By::Close(next) => self.of_day(step, next, of)?,
            By::Fact(fact) => self.of_fact(step, fact, of)?,
        };
        explained.explaining(of.amount)
    }

    /// What days passing booked.
    fn of_day(&self, step: &Step<'_>, next: Date, of: BookedAmount<'_>) -> Explained {
        let number = step.before.opened.saturating_add(1);
        let planned = |component| self.current()?.component(number, component);
        match (of.event, of.name) {
            ("interest-accrual", _) => self.accrued(step, next, false),
            ("subsidy-accrual", _) => self.accrued(step, next, true),
            ("penalty-accrual", _) => self.penalised(step, next),
            ("suspended-accrual", _) => {
                // A day books its interest first.
                let interest = self.accrued(step, next, false).ok().filter(|_| of.place == 0);
                let interest = interest.filter(|it| it.amount() == Some(of.amount));
                interest.map_or_else(|| self.penalised(step, next), Ok)
            }
            ("overdue-fee", _) => self.overdue_fees(step, next),
            ("instalment-fee", _) => planned(Component::Fees),
            ("interest-capitalised", _) => planned(Component::Capitalised),
            _ => self.of_either(step, of),
        }
    }

    /// What something that happened booked.
    fn of_fact(&self, step: &Step<'_>, fact: &Fact, of: BookedAmount<'_>) -> Explained {
        let with = &self.of;
        let said = |name, amount| with.said(name, amount, fact);
        match (&fact.what, of.event, of.name) {
            (What::Disbursal { principal, .. } | What::Drawing { principal }, "disbursal", _) => {
                Ok(said(PAID_OUT, *principal))
            }
            (What::Disbursal { fees, .. }, "disbursal-fee", _) => {
                let Loan { principal, term, .. } = *with.loan;
                let product = with.version(with.loan.signed_version())?;
                let explained = product.explain_disbursal_fees(principal, term)?;
                let same = explained.amount() == Some(*fees);
                Ok(if same { explained } else { said(FEES, *fees) })
            }
            (What::Disbursal { third_party_fees, .. }, "third-party-fee", _) => {
                Ok(said(THIRD_PARTY_FEES, *third_party_fees))
            }
            (What::ThirdPartyFee { amount }, "subsidy-received", _) => {
                let due = with.booked_as(THIRD_PARTY_FEES, step.before.third_party_fees);
                Derivation::of(AMOUNT, Rule::Minimum, vec![said(AMOUNT, *amount), due])
            }
            (_, "settlement-fee" | "prepayment-fee", _) => self.fee(step, fact),
            (What::Refund { amount }, "refund", _) => {
                let prepaid = with.booked_as(PREPAID, step.before.prepaid);
                Derivation::of(AMOUNT, Rule::Minimum, vec![said(AMOUNT, *amount), prepaid])
            }
            (What::Subsidy { amount }, "subsidy-received", _) => {
                let due = with.booked_as(SUBSIDY_DUE, step.before.subsidy_due);
                Derivation::of(AMOUNT, Rule::Minimum, vec![said(AMOUNT, *amount), due])
            }
            (What::Rescheduling(_), "capitalisation", name) => {
                let due = |it: Due| self.due(&step.before, it);
                with.sum(
                    CAPITALISED,
                    if name == "fee" { due(Due::Fee) } else { due(Due::Interest) },
                )
            }
            (What::Waiver { waived }, "waiver" | "suspended-waiver", name) => {
                let parts = components(name);
                let waived = parts.iter().map(|component| {
                    let most = said(WAIVED, *waived.clone().of(*component));
                    let due = with.sum(DUE, self.due(&step.before, *component))?;
                    Derivation::of(named(*component), Rule::Minimum, vec![most, due])
                });
                with.sum(AMOUNT, waived.collect::<Result<_, _>>()?)
            }
            (What::ChargeOff, "charge-off", name) => self.lost(step, name),
            (What::WriteOff, "write-off", _) => {
                let all = ALL.into_iter().flat_map(|it| self.due(&step.before, it));
                with.sum(AMOUNT, all.collect())
            }
            (What::Sale { price }, "sale", name) => self.sold(step, name, said(PRICE, *price)),
            (_, "recovery", _) => {
                let [allocation] = &step.allocations[..] else {
                    return Err(Unexplained::Event(of.event.to_owned()));
                };
                let parts = ALL.map(|it| self.parts(step, allocation, it));
                let parts: Result<Vec<_>, _> = parts.into_iter().collect();
                with.sum(AMOUNT, parts?.into_iter().flatten().collect())
            }
            (_, "prepayment", _) => {
                let allocation = step.allocations.last();
                let allocation = allocation.ok_or(Unexplained::NotTold("allocation"))?;
                let whole = self.available(step, allocation)?;
                with.less(PREPAID, whole, self.paid(&allocation.parts))
            }
            _ => self.of_either(step, of),
        }
    }

    /// What both days and facts book.
    fn of_either(&self, step: &Step<'_>, of: BookedAmount<'_>) -> Explained {
        let allocation = match of.event {
            "prepayment-applied" | "suspended-prepayment-applied" => step.allocations.first(),
            "repayment" | "suspended-repayment" => step.allocations.last(),
            "interest-suspension" | "interest-resumption" => return self.suspended(of.name),
            _ => return Err(Unexplained::Event(of.event.to_owned())),
        };
        let allocation = allocation.ok_or(Unexplained::NotTold("allocation"))?;
        let mut parts = Vec::new();
        for component in components(of.name) {
            parts.extend(self.parts(step, allocation, *component)?);
        }
        let early = matches!(step.by, By::Fact(Fact { what: What::Prepayment { .. }, .. }));
        if early && of.name == "principal" && self.life.position.prepaid == step.before.prepaid {
            let whole = self.available(step, allocation)?;
            let left = self.of.less(LOWERED, whole, self.paid(&allocation.parts))?;
            parts.extend(Some(left).filter(|it| it.amount() != Some(Amount::ZERO)));
        }
        let name = match components(of.name) {
            [component] => named(*component),
            _ => AMOUNT,
        };
        self.of.sum(name, parts)
    }

    /// What was earned by the start of a day and not booked before.
    fn accrued(&self, step: &Step<'_>, next: Date, subsidy: bool) -> Explained {
        let number = step.before.opened.saturating_add(1);
        let earned = self.current()?.accrued(EARNED, number, next, subsidy)?;
        let before = if subsidy { step.before.subsidy } else { step.before.interest };
        let before = self.of.booked_as(BOOKED_BEFORE, before);
        Derivation::of(INTEREST, Rule::Difference, vec![earned, before])
    }

    /// Penalty of what is out of grace, less what was booked of it before.
    fn penalised(&self, step: &Step<'_>, next: Date) -> Explained {
        let grace = self.served.grace_days();
        let mut parts = Vec::new();
        for open in &step.before.open {
            if days_between(open.due, next) <= grace {
                continue;
            }
            let mut exact = self.kept(open);
            exact.extend(self.penalty_of_days(open, next)?);
            let exact = match exact.len() {
                0 => continue,
                1 => exact.remove(0),
                _ => Derivation::of(EXACT_PENALTY, Rule::Sum, exact)?,
            };
            let rounding = self.life.loan.schedule.rounding;
            let so_far = Derivation::of(PENALTIES, Rule::Rounded { rounding }, vec![exact])?;
            let so_far = so_far.under(self.product("terms.interest.rounding"));
            let before = self.of.booked_as(BOOKED_BEFORE, open.penalty_booked);
            let part = Derivation::of(PENALTY, Rule::Difference, vec![so_far, before])?;
            parts.push(part.of_instalment(open.number));
        }
        self.of.sum(PENALTY, parts)
    }

    /// The exact penalty of an instalment before what it follows from last changed.
    fn kept(&self, open: &Open) -> Vec<Derivation> {
        let compounding = self.served.penalty.as_ref().is_some_and(|it| it.compounding);
        if !compounding {
            return self.penalties.get(&open.number).cloned().unwrap_or_default();
        }
        // Each day of it is explained by what that day booked.
        let exact = Value::Exact(open.penalty_exact, self.of.loan.currency);
        let kept = Derivation::leaf(KEPT, Rule::Booked, exact);
        if open.penalty_exact.is_zero() { Vec::new() } else { vec![kept] }
    }

    /// The exact penalty of an instalment from where what it follows from last changed.
    fn penalty_of_days(&self, open: &Open, to: Date) -> Result<Option<Derivation>, Unexplained> {
        let Some(terms) = &self.served.penalty else { return Ok(None) };
        if to <= open.penalty_from {
            return Ok(None);
        }
        let owed = |name, amount| self.of.booked_as(name, amount);
        let Owed { penalty, interest, principal, .. } = open.owed;
        let mut base = vec![owed(OUTSTANDING, principal)];
        if terms.base == PenaltyBase::OverdueInstalment {
            base.push(owed(INTEREST, interest));
        }
        if terms.compounding {
            base.push(owed(PENALTY, penalty));
        }
        let base = self.of.sum(BASE, base)?.under(self.product("terms.penalty.base"));
        let rate = self.penalty_rate(terms)?;
        let day_count = match self.served.day_count {
            DayCount::Thirty360 => DayCount::Act360,
            actual => actual,
        };
        let date = |name, date| Derivation::given(name, Value::Date(date));
        let dates = vec![date(FROM, open.penalty_from), date(TO, to)];
        let years = Derivation::of(YEARS, Rule::PartOfYear { day_count }, dates)?;
        let years = years.under(self.product("terms.interest.day_count"));
        Derivation::of(PENALTY_SPAN, Rule::Product, vec![base, rate, years]).map(Some)
    }

    /// The penalty rate of a year: its own, or so many times the rate of the loan. What that was
    /// before a fact counts until the day of the fact.
    fn penalty_rate(&self, terms: &Penalty) -> Explained {
        let Some(multiple) = terms.multiple else {
            let rate = Value::Rate(terms.rate.unwrap_or_default());
            return Ok(
                Derivation::given(PENALTY_RATE, rate).under(self.product("terms.penalty.rate"))
            );
        };
        let times = Derivation::given(MULTIPLE, Value::Number(multiple));
        let times = times.under(self.product("terms.penalty.multiple"));
        let stage = self.stages.last().ok_or(Unexplained::NotTold("plan"))?;
        Derivation::of(PENALTY_RATE, Rule::Product, vec![stage.origin.rate.clone(), times])
    }

    /// Keeps what penalty a step kept.
    fn keep_penalties(&mut self, before: &Position) -> Result<(), Unexplained> {
        let after = &self.life.position.open;
        let mut kept = Vec::new();
        for open in &before.open {
            let now = after.iter().find(|it| it.number == open.number);
            if let Some(now) = now.filter(|it| it.penalty_from != open.penalty_from) {
                kept.push((open.number, self.penalty_of_days(open, now.penalty_from)?));
            }
        }
        for (number, penalty) in kept {
            self.penalties.entry(number).or_default().extend(penalty);
        }
        let open = |number: &u32| self.life.position.open.iter().any(|it| it.number == *number);
        self.penalties.retain(|number, _| open(number));
        Ok(())
    }

    fn overdue_fees(&self, step: &Step<'_>, next: Date) -> Explained {
        let Loan { principal, term, .. } = *self.of.loan;
        let grace = self.served.grace_days();
        let mut fees = Vec::new();
        for open in step.before.open.iter().filter(|it| !it.overdue) {
            let days = days_between(open.due, next);
            if days <= grace {
                continue;
            }
            let overdue = Owed { penalty: Amount::ZERO, ..open.owed }.total();
            let days = u32::try_from(days).unwrap_or(0);
            let product = self.of.version(self.served.version)?;
            let fee = product.explain_overdue_fees(principal, term, open.number, overdue, days)?;
            fees.push(fee.of_instalment(open.number));
        }
        self.of.sum(FEES, fees)
    }

    /// What a payment paid of a component, instalment by instalment.
    fn parts(
        &self,
        step: &Step<'_>,
        allocation: &Allocation,
        component: Due,
    ) -> Result<Vec<Derivation>, Unexplained> {
        let mut parts = Vec::new();
        for (index, part) in allocation.parts.iter().enumerate() {
            if part.component != component || part.paid.is_zero() {
                continue;
            }
            let earlier = self.paid(&allocation.parts[..index]);
            let left = self.of.less(LEFT, self.available(step, allocation)?, earlier)?;
            let paid = vec![self.owed_of(step, part)?, left];
            let path = match self.life.loan.terms.waterfall.is_empty() {
                true => "terms.allocation",
                false => "terms.waterfall",
            };
            let paid = Derivation::of(named(component), Rule::Minimum, paid)?;
            parts.push(paid.of_instalment(part.instalment).under(self.product(path)));
        }
        Ok(parts)
    }

    /// What is owed where a payment comes to it: when everything is due at once, all there is.
    fn owed_of(&self, step: &Step<'_>, part: &Part) -> Explained {
        let all = |it: &What| matches!(it, What::Settlement { .. } | What::ChargeOff);
        let owed = match step.by {
            // What was paid in advance came first.
            By::Fact(fact) if all(&fact.what) => Some(self.owed(step, part.component)?),
            _ => None,
        };
        let owed = owed.filter(|it| it.amount() == Some(part.owed));
        let booked = || self.of.booked_as(OWED, part.owed).of_instalment(part.instalment);
        Ok(owed.unwrap_or_else(booked))
    }

    /// What a payment paid with these parts of it.
    fn paid(&self, parts: &[Part]) -> Vec<Derivation> {
        let some = parts.iter().filter(|it| !it.paid.is_zero());
        let paid = |it: &Part| {
            let name = match it.component {
                Due::Penalty => PENALTY_PAID,
                Due::Fee => FEES_PAID,
                Due::Interest => INTEREST_PAID,
                Due::Principal => PRINCIPAL_PAID,
            };
            self.of.booked_as(name, it.paid).of_instalment(it.instalment)
        };
        some.map(paid).collect()
    }

    /// What there was to pay with.
    fn available(&self, step: &Step<'_>, allocation: &Allocation) -> Explained {
        let paid_in_advance = || Ok(self.of.booked_as(PREPAID, step.before.prepaid));
        let By::Fact(fact) = step.by else { return paid_in_advance() };
        let said = |amount| self.of.said(PAYMENT, amount, fact);
        let whole = match &fact.what {
            What::Repayment { amount } => said(*amount),
            What::Prepayment { amount, fee, .. } | What::Settlement { amount, fee } => {
                if *amount - *fee != allocation.amount {
                    return paid_in_advance();
                }
                match fee.is_zero() {
                    true => said(*amount),
                    false => {
                        let parts = vec![said(*amount), self.fee(step, fact)?];
                        Derivation::of(AVAILABLE, Rule::Difference, parts)?
                    }
                }
            }
            _ => return paid_in_advance(),
        };
        Ok(whole)
    }

    /// The price of paying early: by the expression of the product, or as it was agreed when the
    /// loan was known otherwise.
    fn fee(&self, step: &Step<'_>, fact: &Fact) -> Explained {
        let (product, before) = (self.of.version(self.served.version)?, &step.before);
        let Loan { principal, term, .. } = *self.of.loan;
        let (owed, paid) = (before.principal, before.paid);
        let (fee, explained) = match &fact.what {
            What::Settlement { fee, .. } => {
                (*fee, product.explain_settlement_fee(principal, term, owed, paid))
            }
            What::Prepayment { amount, fee, .. } => {
                let early = *amount - before.due().total().min(*amount);
                (*fee, product.explain_prepayment_fee(principal, term, owed, paid, early))
            }
            _ => return Err(Unexplained::NotTold("fee")),
        };
        let said = || self.of.said(FEE, fee, fact);
        Ok(explained.ok().filter(|it| it.amount() == Some(fee)).unwrap_or_else(said).named(FEE))
    }

    /// What is due of a component, by instalment.
    fn due(&self, position: &Position, component: Due) -> Vec<Derivation> {
        let due = position.open.iter().map(|it| (it.number, *it.owed.clone().of(component)));
        let some = due.filter(|(_, amount)| !amount.is_zero());
        let booked =
            |(number, amount)| self.of.booked_as(named(component), amount).of_instalment(number);
        some.map(booked).collect()
    }

    /// What was owed of a component before a step, due or not.
    fn owed(&self, step: &Step<'_>, component: Due) -> Explained {
        let before = &step.before;
        if step.status != Status::Active {
            return self.of.sum(OWED, self.due(before, component));
        }
        let mut parts = self.due(before, component);
        match component {
            Due::Principal => parts = vec![self.of.booked_as(OUTSTANDING, before.principal)],
            Due::Interest if !before.interest.is_zero() => {
                parts.push(self.of.booked_as(ACCRUED, before.interest));
            }
            Due::Interest | Due::Penalty | Due::Fee => {}
        }
        self.of.sum(OWED, parts)
    }

    /// Interest and penalty that are not paid, as they stand after the step.
    fn suspended(&self, name: &str) -> Explained {
        let position = &self.life.position;
        let mut parts = Vec::new();
        for component in components(name) {
            parts.extend(self.due(position, *component));
            if *component == Due::Interest && !position.interest.is_zero() {
                parts.push(self.of.booked_as(ACCRUED, position.interest));
            }
        }
        self.of.sum(OWED, parts)
    }

    /// What leaves the balance sheet as lost: all that is owed, less what was paid in advance.
    fn lost(&self, step: &Step<'_>, name: &str) -> Explained {
        let allocation = step.allocations.first();
        let allocation = allocation.ok_or(Unexplained::NotTold("allocation"))?;
        let mut lost = Vec::new();
        for component in self.leaving(step, name) {
            let paid: Vec<_> =
                allocation.parts.iter().filter(|it| it.component == component).collect();
            let paid = paid.into_iter().filter(|it| !it.paid.is_zero());
            let paid = paid.map(|it| self.of.booked_as(PREPAID, it.paid)).collect();
            let owed = self.owed(step, component)?;
            lost.push(self.of.less(named(component), owed, paid)?);
        }
        self.of.sum(AMOUNT, lost)
    }

    fn sold(&self, step: &Step<'_>, name: &str, price: Derivation) -> Explained {
        if name == "price" {
            return Ok(price);
        }
        let mut owed = Vec::new();
        let of = if matches!(name, "gain" | "loss") { "on-books" } else { name };
        for component in self.leaving(step, of) {
            owed.push(self.owed(step, component)?.named(named(component)));
        }
        let owed = self.of.sum(ON_BOOKS, owed)?;
        match name {
            "gain" => Derivation::of(AMOUNT, Rule::Difference, vec![price, owed]),
            "loss" => Derivation::of(AMOUNT, Rule::Difference, vec![owed, price]),
            _ => Ok(owed.named(AMOUNT)),
        }
    }

    /// The components that an amount of a charge-off or a sale is made of.
    fn leaving(&self, step: &Step<'_>, name: &str) -> Vec<Due> {
        let off = |it: &Due| matches!(it, Due::Penalty | Due::Interest);
        let charged_off = step.status == Status::ChargedOff;
        let suspended = step.before.suspended;
        let on_books = |it: &Due| !(charged_off || suspended && off(it));
        match name {
            // Of a sale, what was charged off before.
            "memo" if charged_off => ALL.to_vec(),
            "memo" | "on-books" => ALL.into_iter().filter(on_books).collect(),
            "suspended" => ALL.into_iter().filter(|it| !on_books(it)).collect(),
            name => components(name).to_vec(),
        }
    }

    fn product(&self, path: &str) -> Option<Clause> {
        Some(self.of.version(self.served.version).ok()?.clause(path))
    }

    fn current(&self) -> Result<Explainer<'_>, Unexplained> {
        self.explainer(self.stages.last().ok_or(Unexplained::NotTold("plan"))?)
    }

    fn explainer<'e>(&'e self, stage: &'e Stage) -> Result<Explainer<'e>, Unexplained> {
        self.of.explainer(stage.version, &stage.terms, &stage.plan, stage.origin.clone())
    }

    /// Notes the plan that a fact made, and where its numbers come from.
    fn replanned(
        &mut self,
        fact: &Fact,
        step: &Step<'_>,
        was_running: Option<u32>,
    ) -> Result<(), Unexplained> {
        let loan = &self.life.loan;
        let terms = loan.schedule.clone();
        let first = terms.first_number.saturating_sub(1);
        let plan = loan.plan.get(first as usize..).unwrap_or_default().to_vec();
        let origin = match (self.stages.last(), was_running) {
            (Some(before), Some(number)) => self.taken_over(fact, step, before, number, &terms)?,
            _ => {
                let principal = self.of.said(LENT, terms.principal, fact);
                let rate = self.of.signed_rate(terms.rate)?;
                Origin { principal, rate, ..Origin::agreed(&terms) }
            }
        };
        self.stages.push(Stage { version: self.life.loan.version, terms, plan, origin });
        Ok(())
    }

    fn taken_over(
        &self,
        fact: &Fact,
        step: &Step<'_>,
        before: &Stage,
        number: u32,
        terms: &Terms,
    ) -> Result<Origin, Unexplained> {
        let explainer = self.explainer(before)?;
        let origin = Origin {
            principal: self.left(fact, step, explainer.opening(number)?)?,
            rate: self.rate(fact, terms.rate, &before.origin)?,
            level: terms.level.map(|_| explainer.level_of(number)).transpose()?,
            flat_base: match (terms.flat_on, &fact.what) {
                (None, _) => None,
                (Some(_), What::Drawing { principal }) => {
                    let drawn = self.of.said(PAID_OUT, *principal, fact);
                    let parts = vec![explainer.base_of(number)?, drawn];
                    Some(Derivation::of(FLAT_BASE, Rule::Sum, parts)?)
                }
                (Some(lent), What::Migration { .. }) if before.terms.flat_on != Some(lent) => {
                    Some(self.of.said(PAID_OUT, lent, fact).named(FLAT_BASE))
                }
                (Some(_), _) => Some(explainer.base_of(number)?.named(FLAT_BASE)),
            },
            carried: explainer.carried(number, fact.on)?,
        };
        let agreed = |part: &Option<Derivation>, exact: Decimal| {
            let value = part.as_ref().map(|it| it.value);
            value.unwrap_or(Value::Exact(Decimal::ZERO, terms.currency))
                == Value::Exact(exact, terms.currency)
        };
        let CarriedOrigin { interest, deferred, subsidy } = &origin.carried;
        let same = agreed(interest, terms.carried.interest)
            && agreed(deferred, terms.carried.deferred)
            && agreed(subsidy, terms.carried.subsidy)
            && origin.principal.amount() == Some(terms.principal);
        if same { Ok(origin) } else { Err(Unexplained::Differs("carried-interest")) }
    }

    /// The principal that is not due, after what changed it.
    fn left(&self, fact: &Fact, step: &Step<'_>, opening: Derivation) -> Explained {
        let with = &self.of;
        match &fact.what {
            What::Drawing { principal } => {
                let drawn = with.said(PAID_OUT, *principal, fact);
                Derivation::of(UNDUE, Rule::Sum, vec![opening, drawn])
            }
            What::Prepayment { .. } => {
                let allocation = step.allocations.last();
                let allocation = allocation.ok_or(Unexplained::NotTold("allocation"))?;
                let whole = self.available(step, allocation)?;
                let lowered = with.less(LOWERED, whole, self.paid(&allocation.parts))?;
                Derivation::of(UNDUE, Rule::Difference, vec![opening, lowered])
            }
            What::Rescheduling(it) if it.capitalise && !step.before.suspended => {
                let parts = [Due::Principal, Due::Interest, Due::Fee];
                let parts = parts.map(|it| self.due(&step.before, it));
                let parts: Vec<_> = parts.into_iter().flatten().collect();
                let parts = std::iter::once(opening).chain(parts).collect();
                with.sum(UNDUE, parts)
            }
            _ => Ok(opening),
        }
    }

    fn rate(&self, fact: &Fact, rate: Decimal, before: &Origin) -> Explained {
        let said = || Derivation::given(RATE, Value::Rate(rate)).under(Some(clause(fact)));
        match &fact.what {
            What::RateChange { reason: RateReason::Reset, .. } | What::Migration { .. } => {
                let product = self.of.version(self.life.loan.version)?;
                let reference = (self.of.reference)(fact.on);
                let fixed = product.terms().interest.floating.is_none();
                let explained = match reference.filter(|_| !fixed) {
                    Some(it) => Some(product.explain_rate(Some(it))?),
                    None if fixed => Some(product.explain_rate(None)?),
                    None => None,
                };
                Ok(explained.filter(|it| it.value == Value::Rate(rate)).unwrap_or_else(said))
            }
            What::RateChange { .. } => Ok(said()),
            What::Rescheduling(it) if it.rate.is_some() => Ok(said()),
            _ => same_rate(before.rate.clone(), rate),
        }
    }
}

/// The components, in the order of [`Owed`].
const ALL: [Due; 4] = [Due::Penalty, Due::Fee, Due::Interest, Due::Principal];

/// The components that an amount of an event is made of.
fn components(name: &str) -> &'static [Due] {
    match name {
        "penalty" => &[Due::Penalty],
        "fee" => &[Due::Fee],
        "interest" => &[Due::Interest],
        "principal" => &[Due::Principal],
        "memo" => &[Due::Penalty, Due::Interest],
        _ => &[],
    }
}

fn named(component: Due) -> Name {
    match component {
        Due::Penalty => PENALTY,
        Due::Fee => FEES,
        Due::Interest => INTEREST,
        Due::Principal => explain::Component::Principal.name(),
    }
}
