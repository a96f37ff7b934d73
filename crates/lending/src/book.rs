//! A whole loan book before a product is published: thousands of borrowers who were never born,
//! their payments, and what the institution would have earned, lost and had to fund by month.
//!
//! Nothing about money is decided here. Loans are offered, paid out, closed day after day and paid
//! back by the code of real ones; a [`Scenario`] says who asks for what and pays how. Everything is
//! drawn from a seed, each loan from a stream of its own: so loans may be told in any order and in
//! any number of threads ([`Book::tell`]), put together ([`Cells::merge`]), and the same seed gives
//! the same [`Report`] everywhere, down to its digest.
//!
//! Suggested reading order: [`scenario`], this file, [`report`].

use std::{collections::BTreeMap, ops::Range};

use jiff::Span;
use money::{Amount, Decimal, Rounding};
use stdx::{Date, Digest, Prng};

use crate::{
    Bucket, Reject, Rules, Status, What,
    contract::disbursed,
    day::{days_between, running},
    disclosure::Disclosure,
    life::{Life, add},
    outcome::Entry,
    settlement::quote_life,
    simulation::contract,
};

mod report;
mod scenario;

pub use report::{
    Account, Arrears, Compared, Costs, Difference, Income, Line, Month, MonthDifference, Report,
    Spread,
};
pub use scenario::{CHOICES_MAX, LOANS_MAX, MONTHS_MAX, Scenario, WAITS_MAX};

use scenario::{Asked, Behaviour};

/// A book that can be told.
#[derive(Clone, Debug)]
pub struct Book<'b> {
    scenario: &'b Scenario,
    rules: Rules<'b>,
    suspended_after: Option<u32>,
    seed: u64,
    months: Vec<Days>,
}

/// A month of a book.
#[derive(Clone, Copy, Debug)]
struct Days {
    from: Date,
    /// The first of the next month.
    to: Date,
    /// The number of its first loan.
    first_loan: u32,
}

/// What came of some loans of a book.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cells {
    months: Vec<Cell>,
    /// What each contract costs in a year: simple, compound.
    costs: Vec<(Decimal, Decimal)>,
    ended: [u64; ENDS.len()],
    refused: BTreeMap<&'static str, u64>,
    contract_months: u64,
    /// Of the state of every loan at the end. They are combined by exclusive or, so that the order
    /// does not matter.
    digest: [u8; 32],
}

/// How contracts stand at the end, with their name in reports.
const ENDS: [(Status, &str); 3] =
    [(Status::Active, "active"), (Status::Settled, "settled"), (Status::ChargedOff, "charged-off")];

/// A month.
#[derive(Clone, Debug, Default, PartialEq)]
struct Cell {
    loans: u64,
    paid_out: Amount,
    repaid: Amount,
    /// What third parties paid.
    subsidy: Amount,
    /// What moved, each times the days from it to the end of the month: out less in.
    need_days: Amount,
    /// What was booked, by event and amount.
    booked: BTreeMap<(&'static str, &'static str), Amount>,
    /// At the end of the month, by bucket: contracts, and principal outstanding.
    standing: [(u64, Amount); Bucket::ALL.len()],
    suspended: Amount,
}

impl<'b> Book<'b> {
    /// A book of a scenario under a product; more days past due than `suspended_after` suspend
    /// interest.
    ///
    /// # Errors
    /// [`Reject::ScheduleImpossible`] for a floating rate without a reference rate;
    /// [`Reject::DateOutOfRange`].
    pub fn new(
        scenario: &'b Scenario,
        rules: Rules<'b>,
        suspended_after: Option<u32>,
        seed: u64,
    ) -> Result<Self, Reject> {
        rules.product.rate(scenario.reference_rate).map_err(Reject::ScheduleImpossible)?;
        let (mut months, mut from, mut first_loan) = (Vec::new(), scenario.from, 0_u32);
        for loans in &scenario.loans {
            let last = from.last_of_month();
            let to = last.tomorrow().map_err(|_| Reject::DateOutOfRange)?;
            months.push(Days { from, to, first_loan });
            (from, first_loan) = (to, first_loan.saturating_add(*loans));
        }
        Ok(Self { scenario, rules, suspended_after, seed, months })
    }

    /// How many loans are asked for.
    pub fn loans(&self) -> u32 {
        self.scenario.loans.iter().sum()
    }

    /// How many contract-months it has at the most: each loan from its month to the last.
    pub fn contract_months_max(&self) -> u64 {
        let left = (1..=self.scenario.loans.len() as u64).rev();
        let months = self.scenario.loans.iter().zip(left);
        months.fold(0, |sum, (loans, left)| {
            sum.saturating_add(u64::from(*loans).saturating_mul(left))
        })
    }

    /// Tells the lives of some loans, by their numbers from 0.
    ///
    /// # Errors
    /// [`Reject::AmountTooLarge`] when something sums to more than can be booked;
    /// [`Reject::DateOutOfRange`].
    pub fn tell(&self, loans: Range<u32>) -> Result<Cells, Reject> {
        let mut cells = self.cells();
        for number in loans.start..loans.end.min(self.loans()) {
            let Some((life, told)) = self.life(number, &mut cells)? else { continue };
            cells.costs.push((told.annual_cost_simple, told.annual_cost_compound));
            cells.end(number, &life);
        }
        Ok(cells)
    }

    /// Cells in which nothing has happened.
    pub(crate) fn cells(&self) -> Cells {
        Cells { months: vec![Cell::default(); self.months.len()], ..Cells::default() }
    }

    /// Tells one life, and what its borrower was told before; none, when the product does not
    /// offer what is asked for.
    pub(crate) fn life(
        &self,
        number: u32,
        cells: &mut Cells,
    ) -> Result<Option<(Life<'b>, Disclosure)>, Reject> {
        let mut prng = Prng::stream(self.seed, &format!("loan/{number}"));
        let later = self.months.partition_point(|it| it.first_loan <= number);
        let month = later.saturating_sub(1);
        let Asked { on, amount, term, behaviour } = self.asked(month, &mut prng);
        let reference = self.scenario.reference_rate;
        let made = contract(self.rules, reference, self.suspended_after, (amount, term, on));
        let (loan, told) = match made {
            Ok(made) => made,
            Err(reject) => {
                cells.refuse(&reject);
                return Ok(None);
            }
        };
        let life = disbursed(loan, self.rules, None, on)?;
        let (visits, visit, planned) = (0, None, Vec::new());
        let book = self;
        let mut telling =
            Telling { book, month, life, prng, behaviour, visits, visit, planned, cells };
        telling.begin()?;
        telling.live()?;
        Ok(Some((telling.life, told)))
    }

    fn asked(&self, month: usize, prng: &mut Prng) -> Asked {
        let Days { from, to, .. } = self.months[month];
        let days = u32::try_from(days_between(from, to)).unwrap_or(1);
        self.scenario.asked(from, days, prng)
    }
}

/// What a borrower, or whoever collects, has planned for a day.
#[derive(Clone, Copy, Debug)]
enum Plan {
    /// To pay what was due on a day.
    Pay { due: Date },
    /// To bring in so much of what was charged off.
    Recover(Amount),
}

/// A life being told.
struct Telling<'t, 'b> {
    book: &'t Book<'b>,
    month: usize,
    life: Life<'b>,
    prng: Prng,
    behaviour: Behaviour,
    /// How often the borrower has come.
    visits: u32,
    /// When they come next.
    visit: Option<Date>,
    planned: Vec<(Date, Plan)>,
    cells: &'t mut Cells,
}

impl Telling<'_, '_> {
    fn begin(&mut self) -> Result<(), Reject> {
        let on = self.life.today();
        let paid_out = self.life.loan.drawn - self.life.loan.upfront_fees;
        let cell = &mut self.cells.months[self.month];
        cell.loans = cell.loans.saturating_add(1);
        cell.paid_out = add(cell.paid_out, paid_out)?;
        self.cells.contract_months = self.cells.contract_months.saturating_add(1);
        self.moved(paid_out, on)?;
        self.booked()?;
        self.visit = self.next_visit(on);
        Ok(())
    }

    fn live(&mut self) -> Result<(), Reject> {
        while !self.is_over() {
            let end = self.book.months[self.month].to;
            let charge_off = self.charge_off();
            let planned = self.planned.iter().map(|(on, _)| *on);
            let next = planned.chain(self.visit).chain(charge_off).min();
            let today = next.unwrap_or(end).min(end);
            self.life.close_to(today)?;
            self.booked()?;
            if today == end {
                self.end_month()?;
                if self.month == self.book.months.len() {
                    return Ok(());
                }
                self.begin_month(today)?;
            }
            self.day(today)?;
        }
        Ok(())
    }

    /// Whether nothing can happen any more.
    fn is_over(&self) -> bool {
        let third_parties = self.life.position.subsidy_due + self.life.position.third_party_fees;
        let waiting = !self.planned.is_empty() || third_parties.is_positive();
        !self.life.is_active() && !waiting
    }

    /// What people do on a day.
    fn day(&mut self, today: Date) -> Result<(), Reject> {
        while let Some(index) = self.planned.iter().position(|(on, _)| *on == today) {
            match self.planned.remove(index).1 {
                Plan::Pay { due } => self.pay(due, today, Decimal::ONE)?,
                Plan::Recover(amount) => self.happens(What::Repayment { amount }, today)?,
            }
        }
        if self.visit == Some(today) {
            self.visits = self.visits.saturating_add(1);
            self.visit(today)?;
            self.visit = self.next_visit(today);
        }
        if self.charge_off().is_some_and(|on| on <= today) {
            self.charge_off_now(today)?;
        }
        Ok(())
    }

    /// The next due date; after the last, the same day of the next month.
    fn next_visit(&self, today: Date) -> Option<Date> {
        let gone = self.behaviour.defaults.is_some_and(|it| self.visits >= it.after);
        if gone || !self.life.is_active() {
            return None;
        }
        match running(&self.life.loan, &self.life.position) {
            Some(next) => Some(next.due),
            None => today.checked_add(Span::new().months(1)).ok(),
        }
    }

    fn visit(&mut self, today: Date) -> Result<(), Reject> {
        let Behaviour { misses, part, late, prepays, settles, .. } = self.behaviour;
        // Everything is drawn every time, so the same borrower does the same under two products.
        let misses = misses.is_some_and(|it| it.happens(&mut self.prng));
        let part = part.filter(|it| it.chance.happens(&mut self.prng));
        let late = late.filter(|it| it.chance.happens(&mut self.prng));
        if !self.life.is_active() {
            return Ok(());
        }
        if settles == Some(self.visits) && self.settles(today)? {
            return Ok(());
        }
        match (misses, part, late) {
            (true, ..) => {}
            (_, Some(part), _) => self.pay(today, today, part.share)?,
            (_, _, Some(late)) => {
                let day = today.checked_add(Span::new().days(i64::from(late.days)));
                let day = day.map_err(|_| Reject::DateOutOfRange)?;
                self.planned.push((day, Plan::Pay { due: today }));
            }
            _ => self.pay(today, today, Decimal::ONE)?,
        }
        if let Some(it) = prepays.filter(|it| it.after == self.visits) {
            self.pay(today, today, Decimal::ONE)?;
            if self.life.is_active() {
                let amount = self.share(self.life.undue(), it.share)?;
                let what = What::Prepayment { amount, fee: Amount::ZERO, keep: it.keep };
                self.happens(what, today)?;
            }
        }
        Ok(())
    }

    /// Whether the loan is settled now.
    fn settles(&mut self, today: Date) -> Result<bool, Reject> {
        match quote_life(&self.life) {
            Ok(quote) => {
                self.happens(What::Settlement { amount: quote.total, fee: quote.fee }, today)?;
                Ok(!self.life.is_active())
            }
            Err(reject) => {
                self.cells.refuse(&reject);
                Ok(false)
            }
        }
    }

    /// Pays a share of what is due since a day, or since before it.
    fn pay(&mut self, due: Date, today: Date, share: Decimal) -> Result<(), Reject> {
        if !self.life.is_active() {
            return Ok(());
        }
        let open = self.life.position.open.iter().filter(|it| it.due <= due);
        let all = open.map(|it| it.owed.total()).sum();
        let amount = self.share(all, share)?;
        if amount.is_positive() {
            self.happens(What::Repayment { amount }, today)?;
        }
        Ok(())
    }

    fn share(&self, of: Amount, share: Decimal) -> Result<Amount, Reject> {
        if share == Decimal::ONE {
            return Ok(of);
        }
        let currency = self.life.loan.currency;
        let exact = of.to_decimal(currency) * share;
        Amount::round(exact, currency, Rounding::Down).map_err(|_| Reject::AmountTooLarge)
    }

    /// The day on which the loan is charged off, if nothing is paid before.
    fn charge_off(&self) -> Option<Date> {
        let days = self.book.scenario.charge_off_after.filter(|_| self.life.is_active())?;
        let days = days.max(self.life.loan.terms.grace_days().saturating_add(1));
        let oldest = self.life.position.open.first()?.due;
        oldest.checked_add(Span::new().days(i64::from(days).saturating_add(1))).ok()
    }

    fn charge_off_now(&mut self, today: Date) -> Result<(), Reject> {
        self.happens(What::ChargeOff, today)?;
        (self.visit, self.planned) = (None, Vec::new());
        let Some(it) = self.behaviour.defaults else { return Ok(()) };
        let mut left = self.share(self.life.position.due().total(), it.recovered)?;
        for month in (1..=it.over).rev() {
            let parts = Decimal::ONE / Decimal::from(month);
            let amount = self.share(left, parts)?;
            let after = it.over.saturating_sub(month).saturating_add(1);
            let on = today.checked_add(Span::new().months(i64::from(after)));
            if amount.is_positive() {
                self.planned.push((on.map_err(|_| Reject::DateOutOfRange)?, Plan::Recover(amount)));
            }
            left -= amount;
        }
        Ok(())
    }

    /// Third parties pay at the start of a month what they owe.
    fn begin_month(&mut self, today: Date) -> Result<(), Reject> {
        let alive = u64::from(self.life.is_active());
        self.cells.contract_months = self.cells.contract_months.saturating_add(alive);
        let amount = self.life.position.subsidy_due;
        if amount.is_positive() {
            self.happens(What::Subsidy { amount }, today)?;
        }
        let amount = self.life.position.third_party_fees;
        if amount.is_positive() {
            self.happens(What::ThirdPartyFee { amount }, today)?;
        }
        Ok(())
    }

    /// Lets something happen, unless it is refused.
    fn happens(&mut self, what: What, today: Date) -> Result<(), Reject> {
        let third_party = matches!(what, What::Subsidy { .. } | What::ThirdPartyFee { .. });
        let amount = what.amount();
        if let Err(reject) = self.life.book(what, today) {
            self.cells.refuse(&reject);
            return Ok(());
        }
        let cell = &mut self.cells.months[self.month];
        let sum = if third_party { &mut cell.subsidy } else { &mut cell.repaid };
        *sum = add(*sum, amount)?;
        self.moved(Amount::ZERO - amount, today)?;
        self.booked()
    }

    /// Counts money that went out, or came in, for the days it is missed.
    fn moved(&mut self, out: Amount, on: Date) -> Result<(), Reject> {
        let days = days_between(on, self.book.months[self.month].to);
        let need = out.minor().checked_mul(days).ok_or(Reject::AmountTooLarge)?;
        let cell = &mut self.cells.months[self.month];
        cell.need_days = add(cell.need_days, Amount::from_minor(need))?;
        Ok(())
    }

    /// Moves what was booked into the month.
    fn booked(&mut self) -> Result<(), Reject> {
        let cell = &mut self.cells.months[self.month];
        for Entry { event, amounts } in self.life.outcome.entries.drain(..) {
            for (name, amount) in amounts {
                let sum = cell.booked.entry((event, name)).or_default();
                *sum = add(*sum, amount)?;
            }
        }
        self.life.outcome.events.clear();
        Ok(())
    }

    fn end_month(&mut self) -> Result<(), Reject> {
        if self.life.is_active() {
            let position = &self.life.position;
            let cell = &mut self.cells.months[self.month];
            let bucket = Bucket::ALL.iter().position(|(it, _)| *it == position.bucket());
            let (loans, principal) = &mut cell.standing[bucket.unwrap_or(0)];
            *loans = loans.saturating_add(1);
            *principal = add(*principal, position.principal)?;
            if position.suspended {
                cell.suspended = add(cell.suspended, position.principal)?;
            }
        }
        self.month = self.month.saturating_add(1);
        Ok(())
    }
}

impl Cells {
    /// What came of these loans and those.
    ///
    /// # Errors
    /// [`Reject::AmountTooLarge`].
    pub fn merge(mut self, other: Self) -> Result<Self, Reject> {
        self.months.resize(self.months.len().max(other.months.len()), Cell::default());
        for (cell, more) in self.months.iter_mut().zip(other.months) {
            cell.merge(more)?;
        }
        self.costs.extend(other.costs);
        for (count, more) in self.ended.iter_mut().zip(other.ended) {
            *count = count.saturating_add(more);
        }
        for (code, more) in other.refused {
            let count = self.refused.entry(code).or_default();
            *count = count.saturating_add(more);
        }
        self.contract_months = self.contract_months.saturating_add(other.contract_months);
        self.digest.iter_mut().zip(other.digest).for_each(|(one, other)| *one ^= other);
        Ok(self)
    }

    fn refuse(&mut self, reject: &Reject) {
        let code = match reject {
            Reject::NotOffered(cause) => cause.code(),
            reject => reject.code(),
        };
        let count = self.refused.entry(code).or_default();
        *count = count.saturating_add(1);
    }

    fn end(&mut self, number: u32, life: &Life<'_>) {
        let position = serde_json::to_vec(&life.position).unwrap_or_default();
        let ends = ENDS.iter().zip(&mut self.ended);
        let ends = ends.into_iter().find(|((it, _), _)| *it == life.loan.status);
        let name = ends.map_or("", |((_, name), count)| {
            *count = count.saturating_add(1);
            *name
        });
        let digest = Digest::of(&[&number.to_be_bytes(), name.as_bytes(), &position]);
        self.digest.iter_mut().zip(digest.as_bytes()).for_each(|(one, other)| *one ^= other);
    }
}

impl Cell {
    fn merge(&mut self, other: Self) -> Result<(), Reject> {
        self.loans = self.loans.saturating_add(other.loans);
        self.paid_out = add(self.paid_out, other.paid_out)?;
        self.repaid = add(self.repaid, other.repaid)?;
        self.subsidy = add(self.subsidy, other.subsidy)?;
        self.need_days = add(self.need_days, other.need_days)?;
        self.suspended = add(self.suspended, other.suspended)?;
        for (key, more) in other.booked {
            let sum = self.booked.entry(key).or_default();
            *sum = add(*sum, more)?;
        }
        for ((loans, principal), (more, other)) in self.standing.iter_mut().zip(other.standing) {
            *loans = loans.saturating_add(more);
            *principal = add(*principal, other)?;
        }
        Ok(())
    }
}
