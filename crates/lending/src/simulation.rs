//! What would become of a loan to which these things happen: a script, told by the code that
//! tells real lives, and shown in a form an accountant can check.
//!
//! Nothing here decides or books. Events go through [`happen`] and [`History`], days through
//! [`close_day`], and the postings are those of the product; a simulation keeps what came of it.

use std::collections::BTreeMap;

use jiff::Span;
use money::{Amount, Currency, Decimal};
use product::{
    AccountCode, Document, LoanProduct, Posting, Problem, kinds::instalment_loan::Keep,
    simulate::AccountTotal,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stdx::Date;

use crate::{
    History, Loan, Outcome, Position, Reject, Rules, Status, What, application, close_day,
    correction::fold,
    disburse,
    disclosure::Disclosure,
    fact::{Fact, RateReason, Rescheduling, ReschedulingKind},
    happen,
    life::Life,
    loan::{Owed, Terms},
    settlement::quote_life,
    view::{InstalmentStatus, InstalmentView, instalments},
};

/// The most events of a script.
pub const EVENTS_MAX: usize = 1_000;
/// How many days of a loan are simulated at most: a hundred years.
pub const DAYS_MAX: i64 = 36_525;

/// A contract, and what happens to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The sum agreed.
    pub amount: Amount,
    /// What of it is paid out at first; all of it, when absent.
    pub part: Option<Amount>,
    /// In how many instalments.
    pub term: u32,
    /// When it, or the part, is paid out.
    pub date: Date,
    /// What happens then, in any order. The first is event 1; event 0 is the disbursal.
    pub events: Vec<Step>,
}

/// An event of a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The day on which it counts.
    pub on: Date,
    /// The business date on which it is booked, not before `on`.
    pub booked: Date,
    /// What it is.
    pub act: Act,
}

/// What an event of a script is: a fact, or what makes one of what is owed on the day.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// This happens, at the price of the day.
    Happen(What),
    /// Exactly what is due is paid.
    PayDue,
    /// The sum that settles the loan is paid.
    Settle,
    /// An event of the script, by its number, is taken back.
    Reverse(u32),
}

/// How a script is told.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// The product and the calendar.
    pub rules: Rules<'r>,
    /// The yearly reference rate of a floating rate, as a fraction.
    pub reference: Option<Decimal>,
    /// More days past due than this suspend interest; never when absent.
    pub suspended_after: Option<u32>,
    /// The business date on which it ends; what would be booked later is left out. When absent,
    /// the last due date, or the day after the last event where that is later.
    pub until: Option<Date>,
}

/// What became of the loan. Amounts are in major units and serialize as texts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Simulation {
    /// The product.
    pub product: String,
    /// Its version.
    pub version: u32,
    /// The currency of every amount.
    pub currency: Currency,
    /// The sum agreed.
    pub amount: Decimal,
    /// How many instalments were agreed.
    pub term: u32,
    /// When it was paid out.
    pub date: Date,
    /// The business date at the end.
    pub until: Date,
    /// Where the contract stands then.
    pub status: Status,
    /// When it ended, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_on: Option<Date>,
    /// What is owed at the end.
    pub standing: Standing,
    /// The instalments of the plan as it is at the end.
    pub periods: Vec<Period>,
    /// What happened, in the order it was booked in; the disbursal is the first.
    pub events: Vec<Line>,
    /// What was booked, in order of date: by event, and for the days that passed by month.
    pub postings: Vec<Booking>,
    /// What that sums to by account.
    pub accounts: Vec<AccountTotal>,
}

/// An amount by component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Parts {
    /// Penalty interest.
    pub penalty: Decimal,
    /// Fees.
    pub fee: Decimal,
    /// Interest.
    pub interest: Decimal,
    /// Principal.
    pub principal: Decimal,
    /// The sum of them.
    pub total: Decimal,
}

/// What is owed at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// Principal outstanding, due or not.
    pub principal: Decimal,
    /// What is due.
    pub due: Parts,
    /// Interest accrued and not due.
    pub accrued: Decimal,
    /// Paid in advance.
    pub prepaid: Decimal,
    /// Days past due at the last close.
    pub days_past_due: u32,
}

/// An instalment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Period {
    /// From 1.
    pub number: u32,
    /// Its first day.
    pub from: Date,
    /// When it is due.
    pub due: Date,
    /// As planned; penalty is not.
    pub planned: Parts,
    /// What of the plan is paid.
    pub paid: Parts,
    /// What remains, with the penalty booked on it.
    pub remaining: Parts,
    /// Where it stands at the end.
    pub status: InstalmentStatus,
}

/// An event and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Its number in the script; 0 for the disbursal.
    pub number: u32,
    /// The day on which it counts.
    pub on: Date,
    /// The business date on which it is booked.
    pub booked: Date,
    /// What it is, such as `repayment` or `reversal`.
    pub what: &'static str,
    /// The event a reversal takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
    /// How much was paid, or given up.
    pub amount: Decimal,
    /// Why it may not happen; absent when it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
    /// What is owed after it.
    pub after: Standing,
}

/// A [`Reject`] as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The stable name.
    pub code: &'static str,
    /// The same for people.
    pub reason: String,
}

/// What was booked between two accounts for one reason: at an event, or over days of a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Booking {
    /// The event of the script; absent where days passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<u32>,
    /// The business date; of days, the last in the month on which it was booked.
    pub date: Date,
    /// Why, as the accounting of the product names it.
    pub entry: &'static str,
    /// The account that is debited.
    pub debit: AccountCode,
    /// The account that is credited.
    pub credit: AccountCode,
    /// How much.
    pub amount: Decimal,
}

/// Tells a script.
///
/// An event that may not happen is told as refused, and the life goes on without it.
///
/// # Errors
/// Why there is no such contract: [`Reject::NotOffered`], [`Reject::ScheduleImpossible`],
/// [`Reject::FeeImpossible`], [`Reject::AnnualCostImpossible`], [`Reject::BeyondTheSum`];
/// [`Reject::DateOutOfRange`] when it would end after [`DAYS_MAX`]; those of [`close_day`].
pub fn simulate(script: &Script, request: &Request<'_>) -> Result<Simulation, Reject> {
    tell(script, request).map(|it| it.shown(script))
}

pub(crate) fn tell<'r>(script: &Script, request: &Request<'r>) -> Result<Told<'r>, Reject> {
    let mut told = Told::new(script, request)?;
    let end = script.date.checked_add(Span::new().days(DAYS_MAX));
    let end = end.map_err(|_| Reject::DateOutOfRange)?;
    if request.until.is_some_and(|until| until > end) {
        return Err(Reject::DateOutOfRange);
    }
    let mut steps: Vec<_> = (1_u32..).zip(&script.events).collect();
    steps.sort_by_key(|(_, step)| step.booked);
    for (number, step) in steps {
        if request.until.is_none_or(|until| step.booked <= until) {
            told.step(number, step, end)?;
        }
    }
    let until = match request.until {
        Some(until) => until,
        None => {
            let happened = told.lines.len() > 1;
            let after = if happened { told.today.tomorrow() } else { Ok(told.today) };
            let after = after.map_err(|_| Reject::DateOutOfRange)?;
            told.loan.matures_on().map_or(after, |last| last.max(after)).min(end)
        }
    };
    told.close_to(until)?;
    Ok(told)
}

/// A life with everything that came of it so far.
#[derive(Clone, Debug)]
pub(crate) struct Told<'r> {
    pub rules: Rules<'r>,
    pub loan: Loan,
    pub position: Position,
    pub facts: Vec<Fact>,
    pub today: Date,
    pub lines: Vec<Line>,
    /// The number of an event's fact.
    fact_of: BTreeMap<u32, u32>,
    bookings: Vec<(Option<u32>, Date, &'static str, Posting)>,
}

impl<'r> Told<'r> {
    fn new(script: &Script, request: &Request<'r>) -> Result<Self, Reject> {
        let Script { amount, term, date, .. } = *script;
        let Request { rules, reference, suspended_after, .. } = *request;
        let (loan, _) = contract(rules, reference, suspended_after, (amount, term, date))?;
        let mut told = Self {
            rules,
            position: Position::new(Amount::ZERO, date),
            facts: Vec::new(),
            today: date,
            lines: Vec::new(),
            fact_of: BTreeMap::from([(0, 0)]),
            bookings: Vec::new(),
            loan,
        };
        let paid_out = disburse(&told.loan, rules, script.part, date)?;
        told.take(paid_out, Some(0), date);
        let amount = script.part.unwrap_or(amount);
        told.line(0, (date, date), ("disbursal", None), amount, None);
        Ok(told)
    }

    /// Tells one event on the business date it is booked on.
    fn step(&mut self, number: u32, step: &Step, end: Date) -> Result<(), Reject> {
        let Step { on, booked, act } = step;
        let refused = if *booked < self.today {
            // Steps are in order, so only the disbursal can be later.
            Some(Reject::BeforeDisbursal)
        } else if *booked > end {
            Some(Reject::DateOutOfRange)
        } else {
            self.close_to(*booked)?;
            None
        };
        let happened = match refused {
            Some(reject) => Err(reject),
            None => self.outcome(act, *on),
        };
        let (amount, refused) = match happened {
            Ok(outcome) => {
                let fact = outcome.facts.last();
                let amount = fact.map_or(Amount::ZERO, |it| amount_of(&it.what));
                if let Some(fact) = fact.filter(|it| it.reversed_on.is_none()) {
                    self.fact_of.insert(number, fact.number);
                }
                self.take(outcome, Some(number), *booked);
                (amount, None)
            }
            Err(reject) => (act.amount(), Some(reject)),
        };
        self.line(number, (*on, *booked), act.name(), amount, refused);
        Ok(())
    }

    fn outcome(&self, act: &Act, on: Date) -> Result<Outcome, Reject> {
        let late = on < self.today;
        let what = match act {
            Act::Happen(what) => what.clone(),
            Act::PayDue => What::Repayment { amount: self.at(on)?.position.due().total() },
            Act::Settle => {
                let life = self.at(on)?;
                let quote =
                    if life.is_active() { quote_life(&life) } else { Err(Reject::NotActive) }?;
                What::Settlement { amount: quote.total, fee: quote.fee }
            }
            Act::Reverse(event) => {
                let number = self.fact_of.get(event).ok_or(Reject::NoSuchFact)?;
                return self.history().reverse(*number);
            }
        };
        match late {
            true => self.history().book_late(what, on),
            false => happen(&self.loan, &self.position, self.rules, what, on),
        }
    }

    /// The loan as it was on a day, as far as is known now.
    fn at(&self, on: Date) -> Result<Life<'_>, Reject> {
        let mut life = if on < self.today {
            self.history().check_date(on)?;
            fold(&self.loan, &self.facts.iter().collect::<Vec<_>>(), self.rules, on)?
        } else {
            Life::at(&self.loan, &self.position, self.rules)
        };
        life.position.through = on;
        Ok(life)
    }

    fn history(&self) -> History<'_> {
        let Self { loan, position, facts, rules, today, .. } = self;
        History { loan, position, facts, rules: *rules, today: *today }
    }

    fn close_to(&mut self, to: Date) -> Result<(), Reject> {
        while self.loan.status == Status::Active && self.position.through < to {
            let day = self.position.through;
            let outcome = close_day(&self.loan, &self.position, self.rules, day)?;
            self.take(outcome, None, day);
        }
        self.today = self.today.max(to);
        Ok(())
    }

    fn take(&mut self, outcome: Outcome, event: Option<u32>, date: Date) {
        let Outcome { loan, position, facts, entries, .. } = outcome;
        for entry in entries {
            for posting in self.rules.product.accounting().postings(entry.event, &entry.amounts) {
                self.book(event, date, entry.event, posting);
            }
        }
        if let Some(loan) = loan {
            self.loan = loan;
        }
        if let Some(position) = position {
            self.position = position;
        }
        for fact in facts {
            self.facts.retain(|it| it.number != fact.number);
            self.facts.push(fact);
        }
        self.facts.sort_by_key(|it| it.number);
    }

    /// Adds to what was booked for the same reason, by the event or in the month.
    fn book(&mut self, event: Option<u32>, date: Date, entry: &'static str, posting: Posting) {
        let month = date.first_of_month();
        let since = self.bookings.iter_mut().rev();
        let mut since = since.take_while(|(_, on, ..)| on.first_of_month() == month);
        let same = since.find(|(by, _, why, it)| {
            let accounts = (it.debit, it.credit) == (posting.debit, posting.credit);
            (*by, *why) == (event, entry) && accounts
        });
        match same {
            Some((_, on, _, it)) => {
                *on = date;
                it.amount += posting.amount;
            }
            None => self.bookings.push((event, date, entry, posting)),
        }
    }

    fn line(
        &mut self,
        number: u32,
        (on, booked): (Date, Date),
        (what, of): (&'static str, Option<u32>),
        amount: Amount,
        refused: Option<Reject>,
    ) {
        let amount = self.major(amount);
        let refusal = |it: Reject| Refusal { code: it.code(), reason: it.to_string() };
        let (refused, after) = (refused.map(refusal), self.standing());
        self.lines.push(Line { number, on, booked, what, of, amount, refused, after });
    }

    fn shown(self, script: &Script) -> Simulation {
        let period = |it| self.period(it);
        let periods = instalments(&self.loan, Some(&self.position)).iter().map(period).collect();
        let mut postings: Vec<_> = self.bookings.iter().map(|it| self.booking(it)).collect();
        postings.sort_by_key(|it| it.date);
        Simulation {
            product: self.loan.product.clone(),
            version: self.loan.version,
            currency: self.loan.currency,
            amount: self.major(script.amount),
            term: script.term,
            date: script.date,
            until: self.today,
            status: self.loan.status,
            ended_on: self.loan.settled_on,
            standing: self.standing(),
            periods,
            postings,
            accounts: self.accounts(),
            events: self.lines,
        }
    }

    fn standing(&self) -> Standing {
        let Position { principal, interest, prepaid, days_past_due, .. } = self.position;
        Standing {
            principal: self.major(principal),
            due: self.parts(self.position.due()),
            accrued: self.major(interest),
            prepaid: self.major(prepaid),
            days_past_due,
        }
    }

    fn period(&self, it: &InstalmentView) -> Period {
        let planned = &it.planned;
        Period {
            number: planned.number,
            from: planned.from,
            due: planned.due,
            planned: self.parts(Owed {
                penalty: Amount::ZERO,
                fee: planned.fees,
                interest: planned.interest,
                principal: planned.principal,
            }),
            paid: self.parts(it.paid),
            remaining: self.parts(it.remaining),
            status: it.status,
        }
    }

    fn booking(&self, it: &(Option<u32>, Date, &'static str, Posting)) -> Booking {
        let (event, date, entry, Posting { debit, credit, amount }) = *it;
        Booking { event, date, entry, debit, credit, amount: self.major(amount) }
    }

    /// The sums may be more than one amount can be, so they are exact values.
    fn accounts(&self) -> Vec<AccountTotal> {
        let nothing = (self.major(Amount::ZERO), self.major(Amount::ZERO));
        let mut sums: BTreeMap<AccountCode, (Decimal, Decimal)> = BTreeMap::new();
        for (.., Posting { debit, credit, amount }) in &self.bookings {
            let amount = self.major(*amount);
            sums.entry(*debit).or_insert(nothing).0 += amount;
            sums.entry(*credit).or_insert(nothing).1 += amount;
        }
        let total = |(code, (debit, credit))| {
            let account = self.rules.product.accounting().account(code);
            AccountTotal {
                code,
                zh: account.map_or_else(String::new, |it| it.zh.clone()),
                en: account.map_or_else(String::new, |it| it.en.clone()),
                debit,
                credit,
                balance: debit - credit,
            }
        };
        sums.into_iter().map(total).collect()
    }

    fn parts(&self, owed: Owed) -> Parts {
        let Owed { penalty, fee, interest, principal } = owed;
        Parts {
            penalty: self.major(penalty),
            fee: self.major(fee),
            interest: self.major(interest),
            principal: self.major(principal),
            total: self.major(owed.total()),
        }
    }

    fn major(&self, amount: Amount) -> Decimal {
        amount.to_decimal(self.loan.currency)
    }
}

/// The contract over so much, in so many instalments, of a day, with what its borrower is told:
/// nobody applied for it, so no rule of the product about applicants was asked.
pub(crate) fn contract(
    rules: Rules<'_>,
    reference: Option<Decimal>,
    suspended_after: Option<u32>,
    (amount, term, date): (Amount, u32, Date),
) -> Result<(Loan, Disclosure), Reject> {
    let Rules { product, calendar, .. } = rules;
    product.offers(amount, term, date).map_err(Reject::NotOffered)?;
    let rate = product.rate(reference).map_err(Reject::ScheduleImpossible)?;
    let schedule = product.schedule_terms(amount, term, date, rate);
    let terms = Terms::of(product, suspended_after);
    let offer = application::offer(product, calendar, terms, schedule, term)?;
    let definition = product.definition();
    let (product, version) = (definition.product.clone(), definition.version);
    let loan = Loan { product, version, ..crate::contract::offered(&offer, date) };
    Ok((loan, offer.disclosure))
}

fn amount_of(what: &What) -> Amount {
    match what {
        What::Waiver { waived } => waived.total(),
        what => what.amount(),
    }
}

impl Act {
    /// What it is, and which event a reversal is of.
    fn name(&self) -> (&'static str, Option<u32>) {
        match self {
            Self::Happen(what) => (what.name(), None),
            Self::PayDue => ("repayment", None),
            Self::Settle => ("settlement", None),
            Self::Reverse(event) => ("reversal", Some(*event)),
        }
    }

    /// What it asks for, where it says so itself.
    fn amount(&self) -> Amount {
        match self {
            Self::Happen(what) => amount_of(what),
            Self::PayDue | Self::Settle | Self::Reverse(_) => Amount::ZERO,
        }
    }
}

/// A script as it is written, amounts in major units.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    amount: Option<Decimal>,
    part: Option<Decimal>,
    term: Option<u32>,
    date: Option<Date>,
    #[serde(default)]
    events: Vec<Value>,
}

/// What an event is written as, beside its days.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum WrittenAct {
    Repayment(Decimal),
    Due(Yes),
    Prepayment { amount: Decimal, keep: Keep },
    Settlement(Yes),
    RateChange(Decimal),
    InterestPause(Date),
    Rescheduling(WrittenPlan),
    Waiver(WrittenParts),
    Drawing(Decimal),
    Refund(Decimal),
    Subsidy(Decimal),
    ThirdPartyFee(Decimal),
    ChargeOff(Yes),
    WriteOff(Yes),
    Sale(Decimal),
    Reversal(u32),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPlan {
    #[serde(default = "re_amortisation")]
    kind: ReschedulingKind,
    due: Vec<Date>,
    rate: Option<Decimal>,
    #[serde(default)]
    capitalise: bool,
    #[serde(default)]
    distressed: bool,
}

const fn re_amortisation() -> ReschedulingKind {
    ReschedulingKind::ReAmortisation
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenParts {
    penalty: Decimal,
    fee: Decimal,
    interest: Decimal,
    principal: Decimal,
}

/// `true`: what happens needs no more words.
#[derive(Deserialize)]
#[serde(try_from = "bool")]
struct Yes;

impl TryFrom<bool> for Yes {
    type Error = &'static str;

    fn try_from(yes: bool) -> Result<Self, Self::Error> {
        if yes { Ok(Self) } else { Err("it can only be `true`; leave the event out") }
    }
}

impl Script {
    /// Reads a script. What it does not say of the contract is as the product has it: the largest
    /// sum, the usual term, the first day.
    ///
    /// # Errors
    /// Everything that is wrong, by event.
    pub fn read(document: &Document, product: &LoanProduct) -> Result<Self, Vec<Problem>> {
        let lined = |problem: Problem| Problem { line: document.line(&problem.path), ..problem };
        if !document.problems().is_empty() {
            return Err(document.problems().to_vec());
        }
        let written = serde_json::from_value::<Written>(document.value().clone());
        let written = written.map_err(|error| vec![malformed("", error.to_string())])?;
        let currency = product.currency();
        let mut problems = Vec::new();
        if written.events.len() > EVENTS_MAX {
            let reason = format!("There are {} events.", written.events.len());
            let fix = format!("{EVENTS_MAX} are allowed.");
            problems.push(Problem::new("/events", "too-many-events", reason, fix));
        }
        let amount = written.amount.unwrap_or_else(|| product.terms().amount.largest());
        let mut sum = |path, amount| match exactly(amount, currency) {
            Ok(amount) => amount,
            Err(reason) => {
                problems.push(malformed(path, reason));
                Amount::ZERO
            }
        };
        let amount = sum("/amount", amount);
        let part = written.part.map(|it| sum("/part", it));
        let mut events = Vec::new();
        for (index, value) in written.events.into_iter().enumerate().take(EVENTS_MAX) {
            match step(value, currency) {
                Ok(step) => events.push(step),
                Err(reason) => problems.push(malformed(&format!("/events/{index}"), reason)),
            }
        }
        if !problems.is_empty() {
            return Err(problems.into_iter().map(lined).collect());
        }
        let term = written.term.unwrap_or_else(|| product.terms().term.chosen());
        let date = written.date.unwrap_or(product.definition().effective);
        Ok(Self { amount, part, term, date, events })
    }
}

fn malformed(path: &str, reason: String) -> Problem {
    Problem::new(path, "malformed-event", format!("It cannot be read: {reason}."), "Correct it.")
}

fn exactly(amount: Decimal, currency: Currency) -> Result<Amount, String> {
    Amount::exactly(amount, currency).map_err(|error| format!("`{amount}`: {error}"))
}

fn step(value: Value, currency: Currency) -> Result<Step, String> {
    let Value::Object(mut fields) = value else { return Err("it is not a map".to_owned()) };
    let on = day(&mut fields, "on")?.ok_or("it does not say `on` which day it counts")?;
    let booked = day(&mut fields, "booked")?.unwrap_or(on);
    if booked < on {
        return Err("it is `booked` before the day it counts `on`".to_owned());
    }
    if fields.len() != 1 {
        let names: Vec<_> = fields.keys().map(|it| format!("`{it}`")).collect();
        let names = if names.is_empty() { "nothing".to_owned() } else { names.join(" and ") };
        return Err(format!("beside its days one thing happens in it, not {names}"));
    }
    let written = serde_json::from_value::<WrittenAct>(Value::Object(fields));
    let act = act(written.map_err(|error| error.to_string())?, currency)?;
    if matches!(act, Act::Reverse(_)) && booked != on {
        return Err("a reversal counts on the day it is booked".to_owned());
    }
    Ok(Step { on, booked, act })
}

fn day(fields: &mut Map<String, Value>, name: &str) -> Result<Option<Date>, String> {
    let Some(value) = fields.shift_remove(name) else { return Ok(None) };
    let date = serde_json::from_value(value).map_err(|error| format!("`{name}`: {error}"))?;
    Ok(Some(date))
}

fn act(written: WrittenAct, currency: Currency) -> Result<Act, String> {
    let amount = |it| exactly(it, currency);
    Ok(Act::Happen(match written {
        WrittenAct::Due(Yes) => return Ok(Act::PayDue),
        WrittenAct::Settlement(Yes) => return Ok(Act::Settle),
        WrittenAct::Reversal(event) => return Ok(Act::Reverse(event)),
        WrittenAct::Repayment(it) => What::Repayment { amount: amount(it)? },
        WrittenAct::Prepayment { amount: it, keep } => {
            What::Prepayment { amount: amount(it)?, fee: Amount::ZERO, keep }
        }
        WrittenAct::RateChange(rate) => What::RateChange { rate, reason: RateReason::Agreed },
        WrittenAct::InterestPause(until) => What::InterestPause { until },
        WrittenAct::Rescheduling(WrittenPlan { kind, due, rate, capitalise, distressed }) => {
            What::Rescheduling(Rescheduling { kind, due, rate, capitalise, distressed })
        }
        WrittenAct::Waiver(it) => {
            let WrittenParts { penalty, fee, interest, principal } = it;
            // Their sum is an amount too, on the way to it as well.
            let parts = [penalty, fee, interest, principal];
            parts.iter().try_fold(Decimal::ZERO, |sum, it| {
                let sum = sum.checked_add(*it).ok_or("the parts are too large")?;
                amount(sum).map(|_| sum)
            })?;
            let [penalty, fee, interest, principal] = parts.map(amount);
            let (penalty, fee, interest) = (penalty?, fee?, interest?);
            What::Waiver { waived: Owed { penalty, fee, interest, principal: principal? } }
        }
        WrittenAct::Drawing(it) => What::Drawing { principal: amount(it)? },
        WrittenAct::Refund(it) => What::Refund { amount: amount(it)? },
        WrittenAct::Subsidy(it) => What::Subsidy { amount: amount(it)? },
        WrittenAct::ThirdPartyFee(it) => What::ThirdPartyFee { amount: amount(it)? },
        WrittenAct::ChargeOff(Yes) => What::ChargeOff,
        WrittenAct::WriteOff(Yes) => What::WriteOff,
        WrittenAct::Sale(it) => What::Sale { price: amount(it)? },
    }))
}
