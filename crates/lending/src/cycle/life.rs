//! The fold: what the facts and the days of an account make of it.
//!
//! It does not ask whether something may happen: that is decided before, in [`super::decide`]. So a
//! fact that was booked when it was allowed can be told again after another one was taken back
//! before it. Money that left is the exception: what was given back of an advance has to be there.

use std::borrow::Cow;

use money::{Amount, Calendar, DayCount, Decimal, Rounding, YearFraction};
use product::kinds::revolving_credit::statement::{BackInterest, Part, Statement as Cycle};
use stdx::Date;

use super::{
    Account, Bill, Outcome, Pool, Position, Purchases, Statement, Status, What,
    explain::{Allocation, Charged, Run, Taken, Trace},
    outcome::Event,
    statement, take,
};
use crate::{
    Reject,
    day::days_between,
    life::add,
    loan::{Bucket, Owed},
    outcome::{book, book_accrual, book_paid, book_suspension},
};

/// An account with what is owed on it, as its facts and days so far left it.
pub(crate) struct Life<'l> {
    pub account: Cow<'l, Account>,
    pub position: Position,
    pub calendar: &'l Calendar,
    /// The statements as they were told: a due date stands, whatever the calendar says later.
    pub told: &'l [Statement],
    pub outcome: Outcome,
    /// What amounts follow from, where they are to be explained.
    pub trace: Option<Trace>,
}

impl<'l> Life<'l> {
    /// As it stands.
    pub(crate) fn at(account: &'l Account, position: &Position, calendar: &'l Calendar) -> Self {
        let (account, position) = (Cow::Borrowed(account), position.clone());
        Self { account, position, calendar, told: &[], outcome: Outcome::default(), trace: None }
    }

    /// As it was opened.
    pub(crate) fn opened(account: &Account, calendar: &'l Calendar, told: &'l [Statement]) -> Self {
        let (account, position) = (account.as_signed(), Position::new(account.opened_on));
        let (account, outcome) = (Cow::Owned(account), Outcome::default());
        Self { account, position, calendar, told, outcome, trace: None }
    }

    pub(crate) fn is_active(&self) -> bool {
        self.account.status == Status::Active
    }

    pub(crate) fn today(&self) -> Date {
        self.position.through
    }

    fn terms(&self) -> &Cycle {
        &self.account.terms.statement
    }

    /// Closes the days before `to`, which is the business date then, unless the account ends.
    pub(crate) fn close_to(&mut self, to: Date) -> Result<(), Reject> {
        while self.is_active() && self.today() < to {
            self.close()?;
        }
        Ok(())
    }

    /// What it all changes.
    pub(crate) fn end(self) -> Outcome {
        let Self { account, position, mut outcome, .. } = self;
        outcome.timer = (account.status == Status::Active).then_some(position.through);
        if let Cow::Owned(account) = account {
            outcome.account = Some(account);
        }
        outcome.position = Some(position);
        outcome
    }

    /// Closes the business date.
    ///
    /// 1. What bears interest has borne it for a day more.
    /// 2. Statements that could be paid until this day, and are not paid in full, lose the free
    ///    period of their purchases; an unpaid minimum costs a fee.
    /// 3. On the statement day, a statement is made.
    /// 4. Days past due are those at the end of the day; so many suspend interest.
    fn close(&mut self) -> Result<(), Reject> {
        let day = self.today();
        let next = day.tomorrow().map_err(|_| Reject::DateOutOfRange)?;
        self.count_day()?;
        self.accrue(day)?;
        self.position.through = next;
        self.judge(day)?;
        if self.terms().day_in_month(day) == Some(day) {
            let from = self.first_day_of(day)?;
            statement::cut(self, day, from)?;
        }
        self.rate_arrears(day);
        Ok(())
    }

    /// Lets something happen on the business date.
    pub(crate) fn happen(&mut self, what: &What) -> Result<(), Reject> {
        let on = self.today();
        match what {
            What::Purchase { amount } => self.bought(*amount)?,
            What::Cash { amount, fee } => self.drawn(*amount, *fee)?,
            What::Repayment { amount } | What::MerchantRefund { amount, .. }
                if self.account.status == Status::ChargedOff =>
            {
                self.recovered(*amount)?;
            }
            What::Repayment { amount } => {
                grow(&mut self.position.turnover.payments, *amount)?;
                let (paid, prepaid) = self.allocate(*amount);
                self.received(paid, prepaid)?;
                let amount = *amount;
                self.outcome.events.push(Event::PaymentReceived { on, amount, paid, prepaid });
            }
            What::MerchantRefund { amount, purchased_on, .. } => {
                self.refunded(*amount, *purchased_on)?;
            }
            What::Refund { amount } => {
                let amount = *amount;
                if amount > self.position.prepaid {
                    return Err(Reject::MoreThanPrepaid);
                }
                self.position.prepaid -= amount;
                grow(&mut self.position.turnover.given_back, amount)?;
                self.book("refund", vec![("prepaid", amount)]);
                self.outcome.events.push(Event::PrepaymentRefunded { on, amount });
            }
            What::Waiver { waived } => self.waived(*waived)?,
            What::ChargeOff => self.charged_off(),
            What::WriteOff => self.written_off(),
            What::Closure => {
                // What was paid back later may be owed again: then the account lives on.
                if self.position.balance().is_zero() {
                    self.ended(Status::Closed, Event::AccountClosed { on });
                }
            }
        }
        if self.is_active() {
            self.apply_prepaid();
            self.rate_arrears(on.yesterday().map_err(|_| Reject::DateOutOfRange)?);
        }
        Ok(())
    }

    fn bought(&mut self, amount: Amount) -> Result<(), Reject> {
        let on = self.today();
        add(self.position.owed().principal, amount)?;
        grow(&mut self.position.turnover.purchases, amount)?;
        self.position.unbilled.buy(Purchases { on, amount });
        self.book("purchase", vec![("principal", amount)]);
        self.outcome.events.push(Event::PurchaseMade { on, amount });
        Ok(())
    }

    fn drawn(&mut self, amount: Amount, fee: Amount) -> Result<(), Reject> {
        add(self.position.owed().principal, amount)?;
        grow(&mut self.position.turnover.cash, amount)?;
        grow(&mut self.position.turnover.fees, fee)?;
        self.position.unbilled.cash += amount;
        self.position.unbilled.fee += fee;
        self.book("cash-drawing", vec![("principal", amount)]);
        self.book("cash-fee", vec![("fee", fee)]);
        self.outcome.events.push(Event::CashDrawn { on: self.today(), amount, fee });
        Ok(())
    }

    /// Lowers what is unpaid of the purchases of the day, then of those that bear interest, and
    /// pays with the rest.
    fn refunded(&mut self, amount: Amount, purchased_on: Date) -> Result<(), Reject> {
        grow(&mut self.position.turnover.refunds, amount)?;
        let (mut rest, mut billed, mut steps) = (amount, Amount::ZERO, Vec::new());
        let billed_pools = self.position.bills.len();
        for free in [true, false] {
            for (index, pool) in self.position.pools_mut().enumerate() {
                let lowered = match free {
                    true => pool
                        .free
                        .iter_mut()
                        .find(|it| it.on == purchased_on)
                        .map(|it| &mut it.amount),
                    false => Some(&mut pool.revolving),
                };
                let Some(lowered) = lowered else { continue };
                let mut step = Taken::new(index < billed_pools, Part::Purchase, *lowered);
                let lowered = take(lowered, rest);
                step.taken = lowered;
                steps.push(step);
                pool.free.retain(|it| !it.amount.is_zero());
                rest -= lowered;
                billed += if index < billed_pools { lowered } else { Amount::ZERO };
            }
        }
        if let Some(trace) = &mut self.trace {
            let clause = "allocation";
            trace.lowered = Some(Allocation { amount, clause, steps });
        }
        let principal = amount - rest;
        self.settle_minimums(billed);
        self.book("merchant-refund", vec![("principal", principal)]);
        let (mut paid, prepaid) = self.allocate(rest);
        self.received(paid, prepaid)?;
        paid.principal += principal;
        let on = self.today();
        self.outcome.events.push(Event::PurchaseRefunded { on, amount, paid, prepaid });
        Ok(())
    }

    /// Books what came in.
    fn received(&mut self, paid: Owed, prepaid: Amount) -> Result<(), Reject> {
        grow(&mut self.position.prepaid, prepaid)?;
        self.book_paid("repayment", paid);
        self.book("prepayment", vec![("prepaid", prepaid)]);
        Ok(())
    }

    fn waived(&mut self, waived: Owed) -> Result<(), Reject> {
        let (on, mut left, mut given_up, mut billed) =
            (self.today(), waived, Owed::default(), Amount::ZERO);
        let (clause, order) = self.order();
        let order = order.to_vec();
        let (billed_pools, mut steps) = (self.position.bills.len(), Vec::new());
        for (index, pool) in self.position.pools_mut().enumerate() {
            for part in &order {
                let part_left = component(&mut left, *part);
                let mut step = Taken::new(index < billed_pools, *part, pool.of(*part));
                let lowered = pool.pay(*part, *part_left);
                step.taken = lowered;
                steps.push(step);
                *part_left -= lowered;
                *component(&mut given_up, *part) += lowered;
                billed += if index < billed_pools { lowered } else { Amount::ZERO };
            }
        }
        self.settle_minimums(billed);
        if let Some(trace) = &mut self.trace {
            let amount = waived.total();
            trace.lowered = Some(Allocation { amount, clause, steps });
        }
        grow(&mut self.position.turnover.waived, given_up.total())?;
        self.book_paid("waiver", given_up);
        self.outcome.events.push(Event::DebtWaived { on, waived: given_up });
        Ok(())
    }

    fn charged_off(&mut self) {
        let (on, position) = (self.today(), &mut self.position);
        let owed = position.owed();
        let mut pool = Pool::default();
        position.bills.drain(..).for_each(|it| pool.absorb(it.pool));
        pool.absorb(std::mem::take(&mut position.unbilled));
        position.unbilled = Pool { free_product: Decimal::ZERO, ..pool };
        position.minimums.clear();
        let lost = match position.suspended {
            true => Owed { interest: Amount::ZERO, penalty: Amount::ZERO, ..owed },
            false => owed,
        };
        let mut amounts = lost.amounts();
        amounts.extend([("memo", lost.total()), ("suspended", owed.total() - lost.total())]);
        self.book("charge-off", amounts);
        self.ended(Status::ChargedOff, Event::AccountChargedOff { on, owed });
    }

    fn recovered(&mut self, amount: Amount) -> Result<(), Reject> {
        let on = self.today();
        let (paid, rest) = self.allocate(amount);
        let amount = paid.total();
        grow(&mut self.position.prepaid, rest)?;
        self.book("recovery", vec![("amount", amount), ("memo", amount)]);
        self.book("prepayment", vec![("prepaid", rest)]);
        self.outcome.events.push(Event::DebtRecovered { on, amount });
        if self.position.owed().is_zero() {
            self.ended(Status::Closed, Event::AccountClosed { on });
        }
        Ok(())
    }

    fn written_off(&mut self) {
        let (on, owed) = (self.today(), self.position.owed());
        self.book("write-off", vec![("memo", owed.total())]);
        self.position.unbilled = Pool::default();
        self.ended(Status::WrittenOff, Event::AccountWrittenOff { on, owed });
    }

    fn ended(&mut self, status: Status, event: Event) {
        let on = self.today();
        let account = self.account.to_mut();
        (account.status, account.ended_on) = (status, Some(on));
        self.outcome.events.push(event);
    }

    /// Counts the balances of a day that is over.
    fn count_day(&mut self) -> Result<(), Reject> {
        let (currency, day) = (self.account.currency, self.today());
        let whole = self.terms().interest.back_to_purchase == BackInterest::Whole;
        let position = &mut self.position;
        let bearing: Amount = position.pools().map(|it| it.revolving).sum();
        let cash: Amount = position.pools().map(|it| it.cash).sum();
        count(&mut position.accrual.purchases, bearing.to_decimal(currency))?;
        count(&mut position.accrual.cash, cash.to_decimal(currency))?;
        if let Some(trace) = &mut self.trace {
            trace.counted(day, bearing, cash);
        }
        let free = position.pools_mut().filter(|it| whole && !it.free.is_empty());
        for pool in free {
            let balance = pool.free().to_decimal(currency);
            count(&mut pool.free_product, balance)?;
        }
        Ok(())
    }

    /// Books what was earned since the last statement and is not booked.
    fn accrue(&mut self, day: Date) -> Result<(), Reject> {
        let terms = &self.account.terms.statement;
        let accrual = self.position.accrual;
        let rate = terms.interest.rate;
        let cash_rate = terms.cash.as_ref().and_then(|it| it.rate).unwrap_or(rate);
        let yearly = accrual.purchases.checked_mul(rate);
        let of_cash = accrual.cash.checked_mul(cash_rate);
        let yearly = yearly.zip(of_cash).and_then(|(one, other)| one.checked_add(other));
        let days_in_year = match terms.interest.day_count {
            DayCount::Act365Fixed => 365,
            _ => 360,
        };
        let exact = YearFraction::new(1, days_in_year).of(yearly.ok_or(Reject::AmountTooLarge)?);
        let earned = Amount::round(exact, self.account.currency, terms.interest.rounding);
        let earned = earned.map_err(|_| Reject::AmountTooLarge)?;
        let interest = earned - accrual.booked;
        if interest.is_zero() {
            return Ok(());
        }
        if let Some(trace) = &mut self.trace {
            let charged = Charged::Interest { before: accrual.booked, runs: trace.runs.clone() };
            trace.charged.push(charged);
        }
        self.position.accrual.booked = earned;
        grow(&mut self.position.unbilled.interest, interest)?;
        grow(&mut self.position.turnover.interest, interest)?;
        self.book_accrual("interest-accrual", "interest", interest);
        self.outcome.events.push(Event::InterestAccrued { day, interest });
        Ok(())
    }

    /// Looks at the statements that could be paid until a day that is over.
    fn judge(&mut self, day: Date) -> Result<(), Reject> {
        let grace = i64::from(self.terms().due.grace_days);
        let tolerance = self.in_minor(self.terms().due.tolerance.unwrap_or_default());
        let over = |bill: &Bill| !bill.late && days_between(bill.due, day) >= grace;
        while let Some(index) = self.position.bills.iter().position(over) {
            let (bills, number) =
                (&self.position.bills[..=index], self.position.bills[index].number);
            let unpaid: Amount = bills.iter().map(|it| it.pool.owed().total()).sum();
            if unpaid <= tolerance {
                self.carry_over(index);
                continue;
            }
            self.charge_late(day, number)?;
            self.lose_free_period(day, index)?;
            self.accrue(day)?;
        }
        Ok(())
    }

    /// What is unpaid of a statement that counts as paid in full is on the next one, as if it were
    /// bought now.
    fn carry_over(&mut self, index: usize) {
        let (on, position) = (self.position.through, &mut self.position);
        let number = position.bills[index].number;
        let mut pool = Pool::default();
        position.bills.drain(..=index).for_each(|it| pool.absorb(it.pool));
        let amount = pool.free();
        (pool.free, pool.free_product) = (Vec::new(), Decimal::ZERO);
        if amount.is_positive() {
            pool.buy(Purchases { on, amount });
        }
        // The next one may have been made before this one was due.
        let next = position.bills.first_mut().map_or(&mut position.unbilled, |it| &mut it.pool);
        next.absorb(pool);
        position.minimums.retain(|it| it.statement > number);
    }

    fn lose_free_period(&mut self, day: Date, index: usize) -> Result<(), Reject> {
        let (currency, next) = (self.account.currency, self.today());
        let back = self.terms().interest.back_to_purchase;
        let Position { bills, accrual, .. } = &mut self.position;
        let bill = &mut bills[index];
        bill.late = true;
        let free = std::mem::take(&mut bill.pool.free);
        let whole = std::mem::take(&mut bill.pool.free_product);
        match back {
            BackInterest::Whole => {
                count(&mut accrual.purchases, whole)?;
                let run = (!whole.is_zero()).then_some(Run::Whole(whole));
                self.trace.iter_mut().for_each(|it| it.runs.extend(run));
            }
            BackInterest::Unpaid => {
                for it in &free {
                    let days = Decimal::from(days_between(it.on, next));
                    let product = it.amount.to_decimal(currency).checked_mul(days);
                    count(&mut accrual.purchases, product.ok_or(Reject::AmountTooLarge)?)?;
                    let run = Run::Back { from: it.on, to: next, balance: it.amount };
                    self.trace.iter_mut().for_each(|it| it.runs.push(run));
                }
            }
        }
        let unpaid = free.iter().map(|it| it.amount).sum();
        bill.pool.revolving += unpaid;
        let statement = bill.number;
        // What is late is a part of the next statement, which may have been made before.
        if self.position.bills.len() > index.saturating_add(1) {
            let late = self.position.bills.remove(index);
            self.position.bills[index].pool.absorb(late.pool);
        }
        if !unpaid.is_zero() || !whole.is_zero() {
            self.outcome.events.push(Event::FreePeriodLost { day, statement, unpaid });
        }
        Ok(())
    }

    /// Takes the fee for a minimum that is not paid.
    fn charge_late(&mut self, day: Date, statement: u32) -> Result<(), Reject> {
        let Some(charge) = &self.account.terms.statement.late_fee else { return Ok(()) };
        let asked = self.position.minimums.iter().filter(|it| it.statement <= statement);
        let unpaid: Amount = asked.map(|it| it.left).sum();
        if unpaid.is_zero() {
            return Ok(());
        }
        let penalty = charge.on(unpaid, self.account.currency).ok_or(Reject::AmountTooLarge)?;
        if let Some(trace) = self.trace.as_mut().filter(|_| !penalty.is_zero()) {
            trace.charged.push(Charged::Late { unpaid });
        }
        grow(&mut self.position.unbilled.penalty, penalty)?;
        grow(&mut self.position.turnover.penalties, penalty)?;
        self.book_accrual("late-fee", "penalty", penalty);
        self.outcome.events.push(Event::LateFeeCharged { day, statement, unpaid, penalty });
        Ok(())
    }

    /// Pays what is owed: what was paid by component, and what is left.
    fn allocate(&mut self, amount: Amount) -> (Owed, Amount) {
        let (mut rest, mut paid) = (amount, Owed::default());
        let (clause, order) = self.order();
        let order = order.to_vec();
        let billed = self.position.billed().total();
        let (billed_pools, mut steps) = (self.position.bills.len(), Vec::new());
        for (index, pool) in self.position.pools_mut().enumerate() {
            for part in &order {
                let mut step = Taken::new(index < billed_pools, *part, pool.of(*part));
                let taken = pool.pay(*part, rest);
                step.taken = taken;
                steps.push(step);
                *component(&mut paid, *part) += taken;
                rest -= taken;
            }
        }
        if let Some(trace) = &mut self.trace {
            trace.allocations.push(Allocation { amount, clause, steps });
        }
        self.settle_minimums(amount.min(billed));
        (paid, rest)
    }

    /// What is paid first, and the clause that says so.
    fn order(&self) -> (&'static str, &[Part]) {
        let late = self.terms().late_allocation.as_ref();
        match late.filter(|it| self.position.days_past_due > it.after_days) {
            Some(late) => ("late_allocation.order", &late.order),
            None => ("allocation", &self.terms().allocation),
        }
    }

    /// What was paid of statements is paid of their minimums, the oldest first; statements that are
    /// paid in full leave the position.
    fn settle_minimums(&mut self, mut paid: Amount) {
        let position = &mut self.position;
        for minimum in &mut position.minimums {
            paid -= take(&mut minimum.left, paid);
        }
        position.minimums.retain(|it| !it.left.is_zero());
        let unpaid = position.bills.iter().position(|it| !it.pool.owed().is_zero());
        position.bills.drain(..unpaid.unwrap_or(position.bills.len()));
    }

    fn apply_prepaid(&mut self) {
        if self.position.prepaid.is_zero() || self.position.owed().is_zero() {
            return;
        }
        let prepaid = std::mem::take(&mut self.position.prepaid);
        let (paid, rest) = self.allocate(prepaid);
        self.position.prepaid = rest;
        self.book_paid("prepayment-applied", paid);
        self.outcome.events.push(Event::PrepaymentApplied { on: self.today(), paid });
    }

    /// Sets days past due as at the end of a day, tells of a bucket entered or left, and suspends
    /// interest or takes it up again.
    ///
    /// They are counted from the due date of the oldest minimum that is not paid; 0 in grace.
    fn rate_arrears(&mut self, day: Date) {
        let before = self.position.bucket();
        let late = self.position.minimums.first().map_or(0, |it| days_between(it.due, day));
        let late = u32::try_from(late).unwrap_or(0);
        let days_past_due = if late > self.terms().due.grace_days { late } else { 0 };
        self.position.days_past_due = days_past_due;
        match self.position.bucket() {
            bucket if bucket == before => {}
            Bucket::Current => {
                let on = self.today();
                self.outcome.events.push(Event::AccountCured { on });
            }
            bucket => self.outcome.events.push(Event::AccountOverdue { bucket, days_past_due }),
        }
        let late = self.account.terms.suspended_after.is_some_and(|most| days_past_due > most);
        match self.position.suspended {
            false if late => self.suspend(true),
            true if days_past_due == 0 => self.suspend(false),
            _ => {}
        }
    }

    fn suspend(&mut self, suspended: bool) {
        let (on, owed) = (self.today(), self.position.owed());
        let Owed { interest, penalty, .. } = owed;
        self.position.suspended = suspended;
        book_suspension(&mut self.outcome.entries, suspended, owed);
        self.outcome.events.push(match suspended {
            true => Event::InterestSuspended { on, interest, penalty },
            false => Event::InterestResumed { on, interest, penalty },
        });
    }

    /// When a statement of a day is to be paid.
    pub(crate) fn due_of(&self, on: Date) -> Result<Date, Reject> {
        if let Some(told) = self.told.iter().find(|it| it.on == on) {
            return Ok(told.due);
        }
        self.terms().due_of(on, self.calendar).ok_or(Reject::DateOutOfRange)
    }

    /// The first day a statement of a day is about.
    fn first_day_of(&self, on: Date) -> Result<Date, Reject> {
        let month = on.first_of_month().yesterday().ok();
        let before = month.and_then(|it| self.terms().day_in_month(it));
        let after = before.and_then(|it| it.tomorrow().ok()).ok_or(Reject::DateOutOfRange)?;
        Ok(after.max(self.account.opened_on))
    }

    /// An amount of the terms, which were checked.
    pub(crate) fn in_minor(&self, major: Decimal) -> Amount {
        Amount::round(major, self.account.currency, Rounding::Down).unwrap_or(Amount::MAX)
    }

    fn book(&mut self, event: &'static str, amounts: Vec<(&'static str, Amount)>) {
        book(&mut self.outcome.entries, event, amounts);
    }

    fn book_paid(&mut self, event: &'static str, paid: Owed) {
        book_paid(&mut self.outcome.entries, self.position.suspended, event, paid);
    }

    fn book_accrual(&mut self, event: &'static str, name: &'static str, amount: Amount) {
        book_accrual(&mut self.outcome.entries, self.position.suspended, event, name, amount);
    }
}

/// The component a part is booked as.
fn component(owed: &mut Owed, part: Part) -> &mut Amount {
    match part {
        Part::Penalty => &mut owed.penalty,
        Part::Fee => &mut owed.fee,
        Part::Interest => &mut owed.interest,
        Part::Cash | Part::Purchase => &mut owed.principal,
    }
}

fn count(product: &mut Decimal, more: Decimal) -> Result<(), Reject> {
    *product = product.checked_add(more).ok_or(Reject::AmountTooLarge)?;
    Ok(())
}

fn grow(amount: &mut Amount, more: Amount) -> Result<(), Reject> {
    *amount = add(*amount, more)?;
    Ok(())
}
