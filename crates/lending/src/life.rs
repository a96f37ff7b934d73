//! The fold: what the facts and the days of a loan make of it.
//!
//! Every command, every close of a day and every replay goes through [`Life`]. It does not ask
//! whether something may happen: that is decided before, in [`crate::decision`]. So a fact that was
//! booked when it was allowed can be told again after another one was taken back before it. Only
//! money that moved for good is refused when nothing is left that it could have been moved of.
//!
//! Days are closed up to a day at once. What a day books follows from the first day of the
//! instalment, not from the day before, so closing a month in one step books what thirty steps
//! book; the steps end wherever something else happens than that time passes.

use std::borrow::Cow;

use jiff::Span;
use money::{Amount, Decimal};
use product::{
    kinds::instalment_loan::{AllocationBy, Component, Keep, Slice},
    schedule::Days,
};
use stdx::Date;

use crate::{
    Reject,
    day::{self, running},
    fact::{Plan, Rescheduling, What},
    loan::{BeforeMigration, Loan, Open, Owed, Position, Status, Terms},
    outcome::{self, Event, Outcome},
    plan::{Rules, due_from, migrate, renew},
};

/// A loan with what is owed on it, as its facts and days so far left it.
pub(crate) struct Life<'l> {
    pub loan: Cow<'l, Loan>,
    pub position: Position,
    pub rules: Rules<'l>,
    pub outcome: Outcome,
    /// How payments went through what was due, when somebody wants to explain them.
    pub allocations: Option<Vec<Allocation>>,
}

/// How a payment went through what was due.
pub(crate) struct Allocation {
    /// How much it was.
    pub amount: Amount,
    /// What it paid, in order; some of it nothing.
    pub parts: Vec<Part>,
}

/// What a payment paid of a component of an instalment.
pub(crate) struct Part {
    pub instalment: u32,
    pub component: Component,
    pub owed: Amount,
    pub paid: Amount,
}

impl<'l> Life<'l> {
    /// As it stands.
    pub(crate) fn at(loan: &'l Loan, position: &Position, rules: Rules<'l>) -> Self {
        let (loan, position) = (Cow::Borrowed(loan), position.clone());
        Self { loan, position, rules, outcome: Outcome::default(), allocations: None }
    }

    /// As it was signed.
    pub(crate) fn signed(loan: Loan, rules: Rules<'l>) -> Self {
        let position = Position::new(Amount::ZERO, loan.signed_on);
        let loan = Cow::Owned(loan);
        Self { loan, position, rules, outcome: Outcome::default(), allocations: None }
    }

    pub(crate) fn is_active(&self) -> bool {
        self.loan.status == Status::Active
    }

    pub(crate) fn today(&self) -> Date {
        self.position.through
    }

    /// Closes the days before `to`, which is the business date then, unless the loan ends.
    pub(crate) fn close_to(&mut self, to: Date) -> Result<(), Reject> {
        while self.is_active() && self.today() < to {
            let next = self.next_stop(to)?;
            day::close(self, next)?;
        }
        Ok(())
    }

    /// The next day, at most `to`, up to which nothing happens but that time passes.
    pub(crate) fn next_stop(&self, to: Date) -> Result<Date, Reject> {
        let today = self.today();
        let due = running(&self.loan, &self.position).map(|it| it.due);
        let late = day::stops(&self.loan, &self.position);
        let late = late.filter_map(|(due, days)| due.checked_add(Span::new().days(days)).ok());
        let next = due.into_iter().chain(late).filter(|stop| *stop > today).chain([to]).min();
        let tomorrow = today.tomorrow().map_err(|_| Reject::DateOutOfRange)?;
        Ok(next.unwrap_or(to).max(tomorrow))
    }

    /// Lets something happen on the business date.
    pub(crate) fn happen(&mut self, what: &What) -> Result<(), Reject> {
        let on = self.today();
        match what {
            What::Disbursal { principal, fees, third_party_fees, plan } => {
                self.disbursed(*principal, *fees, *third_party_fees, plan);
                Ok(())
            }
            What::Drawing { principal } => self.drawn(*principal),
            What::Repayment { amount } if self.loan.status == Status::ChargedOff => {
                self.recovered(*amount)
            }
            What::Repayment { amount } => self.paid(*amount),
            What::Prepayment { amount, fee, keep } => self.paid_early(*amount, *fee, *keep),
            What::Settlement { amount, fee } => self.paid_off(*amount, *fee),
            What::Refund { amount } => self.refunded(*amount),
            What::Subsidy { amount } => self.subsidised(*amount),
            What::ThirdPartyFee { amount } => self.fee_received(*amount),
            What::RateChange { rate, .. } => {
                self.outcome.events.push(Event::RateChanged { on, rate: *rate });
                renew(self, |terms| (terms.rate, terms.level) = (*rate, None))
            }
            What::InterestPause { until } => {
                self.outcome.events.push(Event::InterestPaused { on, until: *until });
                let days = Days { from: on, to: *until };
                renew(self, |terms| {
                    days.insert(&mut terms.free);
                    terms.level = None;
                })
            }
            What::Rescheduling(it) => self.rescheduled(it),
            What::Waiver { waived } => self.waived(*waived),
            What::Migration { version, rate } => self.migrated(*version, *rate),
            What::ChargeOff => self.charged_off(),
            What::WriteOff => {
                self.written_off();
                Ok(())
            }
            What::Sale { price } => self.sold(*price),
        }
    }

    /// What it all changes.
    pub(crate) fn end(self) -> Outcome {
        let Self { loan, position, mut outcome, .. } = self;
        outcome.timer = (loan.status == Status::Active).then_some(position.through);
        if let Cow::Owned(loan) = loan {
            outcome.loan = Some(loan);
        }
        outcome.position = Some(position);
        outcome
    }

    fn disbursed(&mut self, principal: Amount, fees: Amount, owed_fees: Amount, plan: &Plan) {
        let (on, facts) = (self.today(), self.position.facts);
        let loan = self.loan.to_mut();
        (loan.status, loan.disbursed_on) = (Status::Active, Some(on));
        (loan.drawn, loan.drawings) = (principal, 1);
        (loan.plan, loan.schedule) = (plan.instalments.clone(), plan.terms.clone());
        let third_party_fees = owed_fees;
        self.position = Position { facts, third_party_fees, ..Position::new(principal, on) };
        self.outcome.book("disbursal", vec![("principal", principal)]);
        self.outcome.book("disbursal-fee", vec![("fee", fees)]);
        self.outcome.book("third-party-fee", vec![("fee", third_party_fees)]);
        let matures_on = self.loan.matures_on().unwrap_or(on);
        self.outcome.events.push(Event::LoanDisbursed { on, principal, fees, matures_on });
    }

    /// What was paid out stays owed, so nothing booked late may have ended the loan before it.
    fn drawn(&mut self, principal: Amount) -> Result<(), Reject> {
        if self.loan.status != Status::Active {
            return Err(Reject::NotActive);
        }
        let loan = self.loan.to_mut();
        loan.drawn = add(loan.drawn, principal)?;
        loan.drawings = loan.drawings.saturating_add(1);
        self.position.principal = add(self.position.principal, principal)?;
        self.outcome.book("disbursal", vec![("principal", principal)]);
        self.outcome.events.push(Event::LoanDrawn { on: self.today(), principal });
        renew(self, |terms| {
            terms.level = None;
            // Flat interest is taken on all that was paid out.
            terms.flat_on = terms.flat_on.map(|before| before + principal);
        })
    }

    fn paid(&mut self, amount: Amount) -> Result<(), Reject> {
        let (paid, rest) = self.allocate(amount)?;
        self.position.prepaid = add(self.position.prepaid, rest)?;
        self.book_paid("repayment", paid);
        self.outcome.book("prepayment", vec![("prepaid", rest)]);
        self.received(amount, paid, rest, Amount::ZERO)
    }

    fn paid_early(&mut self, amount: Amount, fee: Amount, keep: Keep) -> Result<(), Reject> {
        let (mut paid, rest) = self.allocate(amount - fee)?;
        let level = running(&self.loan, &self.position).map(|it| self.loan.schedule.level_of(it));
        let level = level.transpose().map_err(Reject::ScheduleImpossible)?;
        // All of it is not a part: then it waits for what becomes due.
        let (lowered, rest) =
            if rest < self.undue() { (rest, Amount::ZERO) } else { (Amount::ZERO, rest) };
        self.position.principal -= lowered;
        paid.principal += lowered;
        self.position.prepaid = add(self.position.prepaid, rest)?;
        self.book_paid("repayment", paid);
        self.outcome.book("prepayment", vec![("prepaid", rest)]);
        self.outcome.book("prepayment-fee", vec![("fee", fee)]);
        if lowered.is_positive() {
            let level = level.filter(|it| keep == Keep::Instalment && it.is_positive());
            renew(self, |terms| terms.level = level)?;
        }
        self.received(amount, paid, rest, fee)
    }

    fn paid_off(&mut self, amount: Amount, fee: Amount) -> Result<(), Reject> {
        let owed = self.owed();
        self.outcome.book("settlement-fee", vec![("fee", fee)]);
        let (paying, prepaid) = (amount - fee, std::mem::take(&mut self.position.prepaid));
        if add(prepaid, paying)? < owed.total() {
            // It was enough when it was booked; now it pays what is due, and the rest waits.
            self.position.prepaid = prepaid;
            return self.paid(paying);
        }
        let early = running(&self.loan, &self.position).is_some();
        let on = self.today();
        self.all_due(owed);
        let (applied, left) = self.allocate(prepaid)?;
        let (paid, rest) = self.allocate(paying)?;
        self.position.prepaid = add(left, rest)?;
        if !applied.is_zero() {
            self.book_paid("prepayment-applied", applied);
            self.outcome.events.push(Event::PrepaymentApplied { on, paid: applied });
        }
        self.book_paid("repayment", paid);
        self.outcome.book("prepayment", vec![("prepaid", rest)]);
        let (prepaid, settlement_fee) = (rest, fee);
        let event = Event::RepaymentReceived { on, amount, paid, prepaid, settlement_fee };
        self.outcome.events.push(event);
        day::rate_arrears(self, on)?;
        self.ended(Status::Settled, Event::LoanSettled { on, early });
        Ok(())
    }

    fn refunded(&mut self, amount: Amount) -> Result<(), Reject> {
        take(&mut self.position.prepaid, amount, Reject::MoreThanPrepaid)?;
        self.outcome.book("refund", vec![("prepaid", amount)]);
        self.outcome.events.push(Event::PrepaymentRefunded { on: self.today(), amount });
        Ok(())
    }

    fn subsidised(&mut self, amount: Amount) -> Result<(), Reject> {
        take(&mut self.position.subsidy_due, amount, Reject::MoreThanSubsidy)?;
        self.outcome.book("subsidy-received", vec![("subsidy", amount)]);
        self.outcome.events.push(Event::SubsidyReceived { on: self.today(), amount });
        Ok(())
    }

    fn fee_received(&mut self, amount: Amount) -> Result<(), Reject> {
        take(&mut self.position.third_party_fees, amount, Reject::MoreThanSubsidy)?;
        self.outcome.book("subsidy-received", vec![("fee", amount)]);
        self.outcome.events.push(Event::ThirdPartyFeeReceived { on: self.today(), amount });
        Ok(())
    }

    fn rescheduled(&mut self, it: &Rescheduling) -> Result<(), Reject> {
        let (on, kind, distressed) = (self.today(), it.kind, it.distressed);
        // Interest that is not income yet does not become so by being added to the principal.
        if it.capitalise && !self.position.suspended {
            self.capitalise()?;
        }
        if distressed {
            self.loan.to_mut().restructured_on = Some(on);
        }
        self.outcome.events.push(Event::LoanRescheduled { on, kind, distressed });
        let due = due_from(self, &it.due);
        let instalments = u32::try_from(it.due.len()).map_err(|_| Reject::AmountTooLarge)?;
        renew(self, |terms| {
            terms.rate = it.rate.unwrap_or(terms.rate);
            (terms.due, terms.instalments, terms.level) = (due, instalments, None);
        })?;
        day::rate_arrears(self, on)
    }

    /// Makes what is due and unpaid a part of the principal that is not due. Penalty stays due.
    fn capitalise(&mut self) -> Result<(), Reject> {
        self.keep_penalties()?;
        let moved = self.position.due();
        for open in &mut self.position.open {
            open.owed = Owed { penalty: open.owed.penalty, ..Owed::default() };
        }
        self.close_paid();
        self.position.principal = add(self.position.principal, moved.interest + moved.fee)?;
        let amounts = vec![("interest", moved.interest), ("fee", moved.fee)];
        self.outcome.book("capitalisation", amounts);
        Ok(())
    }

    fn waived(&mut self, mut waived: Owed) -> Result<(), Reject> {
        let on = self.today();
        let mut given_up = Owed::default();
        self.keep_penalties()?;
        for (index, component) in self.order() {
            let owed = self.position.open[index].owed.of(component);
            let part = (*waived.of(component)).min(*owed);
            *owed -= part;
            *waived.of(component) -= part;
            *given_up.of(component) += part;
        }
        self.position.principal -= given_up.principal;
        self.close_paid();
        self.book_paid("waiver", given_up);
        self.outcome.events.push(Event::DebtWaived { on, waived: given_up });
        day::rate_arrears(self, on)?;
        self.ends_if_paid();
        Ok(())
    }

    fn migrated(&mut self, version: u32, rate: Decimal) -> Result<(), Reject> {
        let product = self.rules.version(version)?;
        // Penalty so far is that of the terms so far; in grace there is none where none is asked.
        let (today, stays) = (self.today(), product.terms().penalty.is_some());
        for open in self.position.open.iter_mut().filter(|it| it.overdue || stays) {
            open.keep_penalty(&self.loan, today)?;
        }
        let loan = self.loan.to_mut();
        let terms = Terms::of(product, loan.terms.suspended_after);
        let terms = Terms { ceilings: loan.terms.ceilings.clone(), ..terms };
        let from = std::mem::replace(&mut loan.version, version);
        let signed = std::mem::replace(&mut loan.terms, terms);
        let before = loan.before_migration.get_or_insert_with(|| {
            Box::new(BeforeMigration { versions: Vec::new(), terms: signed })
        });
        before.versions.push(from);
        let on = self.today();
        self.outcome.events.push(Event::LoanMigrated { on, from, to: version });
        migrate(self, product, rate)?;
        day::rate_arrears(self, on)
    }

    fn charged_off(&mut self) -> Result<(), Reject> {
        let owed = self.owed();
        let prepaid = std::mem::take(&mut self.position.prepaid);
        self.all_due(owed);
        let (applied, rest) = self.allocate(prepaid)?;
        self.position.prepaid = rest;
        self.book_paid("prepayment-applied", applied);
        let owed = self.position.due();
        let lost = self.on_books(owed);
        let mut amounts = lost.amounts();
        amounts.extend([("memo", lost.total()), ("suspended", owed.total() - lost.total())]);
        self.outcome.book("charge-off", amounts);
        self.ended(Status::ChargedOff, Event::LoanChargedOff { on: self.today(), owed });
        Ok(())
    }

    fn recovered(&mut self, amount: Amount) -> Result<(), Reject> {
        let on = self.today();
        let (paid, rest) = self.allocate(amount)?;
        let amount = paid.total();
        self.position.prepaid = add(self.position.prepaid, rest)?;
        self.outcome.book("recovery", vec![("amount", amount), ("memo", amount)]);
        self.outcome.book("prepayment", vec![("prepaid", rest)]);
        self.outcome.events.push(Event::DebtRecovered { on, amount });
        if self.position.open.is_empty() {
            self.ended(Status::Settled, Event::LoanSettled { on, early: false });
        }
        Ok(())
    }

    fn written_off(&mut self) {
        let owed = self.position.due();
        self.outcome.book("write-off", vec![("memo", owed.total())]);
        self.position.open.clear();
        self.position.principal = Amount::ZERO;
        self.ended(Status::WrittenOff, Event::LoanWrittenOff { on: self.today(), owed });
    }

    fn sold(&mut self, price: Amount) -> Result<(), Reject> {
        let (on, owed) = (self.today(), self.owed());
        let sold = self.on_books(owed);
        let mut amounts = sold.amounts();
        let off_books = match self.loan.status {
            Status::ChargedOff => "memo",
            _ => "suspended",
        };
        amounts.extend([("price", price), (off_books, owed.total() - sold.total())]);
        let gain = price.checked_sub(sold.total()).ok_or(Reject::AmountTooLarge)?;
        amounts.push(match gain.checked_neg() {
            Some(loss) if gain.is_negative() => ("loss", loss),
            _ => ("gain", gain),
        });
        self.outcome.book("sale", amounts);
        self.position.open.clear();
        (self.position.principal, self.position.interest) = (Amount::ZERO, Amount::ZERO);
        self.ended(Status::Sold, Event::LoanSold { on, owed, price });
        Ok(())
    }

    /// Everything that is owed as of the business date, due or not.
    pub(crate) fn owed(&self) -> Owed {
        let due = self.position.due();
        let interest = due.interest + self.position.interest;
        Owed { principal: self.position.principal, interest, ..due }
    }

    /// Principal that is not due.
    pub(crate) fn undue(&self) -> Amount {
        self.position.principal - self.position.due().principal
    }

    /// What of it is on the balance sheet.
    fn on_books(&self, owed: Owed) -> Owed {
        let none = Amount::ZERO;
        match (self.loan.status, self.position.suspended) {
            (Status::ChargedOff, _) => Owed::default(),
            (_, true) => Owed { interest: none, penalty: none, ..owed },
            (_, false) => owed,
        }
    }

    /// Makes everything due at once.
    fn all_due(&mut self, owed: Owed) {
        let (number, on) = (self.position.opened, self.today());
        self.position.open = vec![Open::new(number, on, owed)];
        self.position.interest = Amount::ZERO;
        self.position.paid = number.saturating_sub(1);
        self.position.subsidy_due += std::mem::take(&mut self.position.subsidy);
    }

    /// Pays what is due: what was paid by component, and what is left.
    pub(crate) fn allocate(&mut self, amount: Amount) -> Result<(Owed, Amount), Reject> {
        let (mut rest, mut paid) = (amount, Owed::default());
        self.keep_penalties()?;
        let mut parts = Vec::new();
        for (index, component) in self.order() {
            let open = &mut self.position.open[index];
            let (instalment, owed) = (open.number, open.owed.of(component));
            let part = rest.min(*owed);
            if self.allocations.is_some() {
                parts.push(Part { instalment, component, owed: *owed, paid: part });
            }
            *owed -= part;
            *paid.of(component) += part;
            rest -= part;
        }
        if let Some(allocations) = &mut self.allocations {
            allocations.push(Allocation { amount, parts });
        }
        self.position.principal -= paid.principal;
        self.close_paid();
        Ok((paid, rest))
    }

    /// What is paid first: places of instalments that are due, and components.
    fn order(&self) -> Vec<(usize, Component)> {
        let (terms, open, today) = (&self.loan.terms, &self.position.open, self.today());
        let by_slice = terms.waterfall.iter().flat_map(|slice| {
            let (overdue, component) = parts(*slice);
            let listed = open.iter().enumerate();
            let of = listed.filter(move |(_, it)| (it.due < today) == overdue);
            of.map(move |(index, _)| (index, component))
        });
        let components = || terms.allocation.iter().copied();
        match (terms.waterfall.is_empty(), terms.allocation_by) {
            (false, _) => by_slice.collect(),
            (true, AllocationBy::Row) => {
                (0..open.len()).flat_map(|index| components().map(move |it| (index, it))).collect()
            }
            (true, AllocationBy::Component) => {
                components().flat_map(|it| (0..open.len()).map(move |index| (index, it))).collect()
            }
        }
    }

    pub(crate) fn keep_penalties(&mut self) -> Result<(), Reject> {
        let (loan, today) = (&self.loan, self.position.through);
        self.position.open.iter_mut().try_for_each(|open| open.keep_penalty(loan, today))
    }

    /// Instalments that are paid in full leave the position.
    fn close_paid(&mut self) {
        let due = self.position.open.len();
        self.position.open.retain(|open| !open.owed.is_zero());
        let closed = due.saturating_sub(self.position.open.len());
        let closed = u32::try_from(closed).unwrap_or(u32::MAX);
        self.position.paid = self.position.paid.saturating_add(closed);
    }

    /// Books what reduces what is owed. Interest and penalty that are not on the balance sheet
    /// become income when they are paid.
    pub(crate) fn book_paid(&mut self, event: &'static str, paid: Owed) {
        outcome::book_paid(&mut self.outcome.entries, self.position.suspended, event, paid);
    }

    /// Books what was earned; as long as interest is suspended, off the balance sheet.
    pub(crate) fn book_accrual(&mut self, event: &'static str, name: &'static str, amount: Amount) {
        let suspended = self.position.suspended;
        outcome::book_accrual(&mut self.outcome.entries, suspended, event, name, amount);
    }

    /// Takes interest and penalty that are not paid off the balance sheet, or puts them back.
    pub(crate) fn suspend(&mut self, suspended: bool) {
        let (on, owed) = (self.today(), self.owed());
        let Owed { interest, penalty, .. } = owed;
        self.position.suspended = suspended;
        outcome::book_suspension(&mut self.outcome.entries, suspended, owed);
        self.outcome.events.push(match suspended {
            true => Event::InterestSuspended { on, interest, penalty },
            false => Event::InterestResumed { on, interest, penalty },
        });
    }

    /// Ends a payment: days past due are set back at once to what the last close would have seen.
    fn received(
        &mut self,
        amount: Amount,
        paid: Owed,
        prepaid: Amount,
        settlement_fee: Amount,
    ) -> Result<(), Reject> {
        let on = self.today();
        let event = Event::RepaymentReceived { on, amount, paid, prepaid, settlement_fee };
        self.outcome.events.push(event);
        day::rate_arrears(self, on)?;
        self.ends_if_paid();
        Ok(())
    }

    /// The loan is settled once every instalment is paid.
    pub(crate) fn ends_if_paid(&mut self) {
        let over = running(&self.loan, &self.position).is_none();
        if self.is_active() && self.position.open.is_empty() && over {
            self.ended(Status::Settled, Event::LoanSettled { on: self.today(), early: false });
        }
    }

    fn ended(&mut self, status: Status, event: Event) {
        let on = self.today();
        let loan = self.loan.to_mut();
        (loan.status, loan.settled_on) = (status, Some(on));
        self.outcome.events.push(event);
    }
}

/// Whether a slice is of what was due before the day, and of which component.
fn parts(slice: Slice) -> (bool, Component) {
    match slice {
        Slice::OverduePenalty => (true, Component::Penalty),
        Slice::OverdueFee => (true, Component::Fee),
        Slice::OverdueInterest => (true, Component::Interest),
        Slice::OverduePrincipal => (true, Component::Principal),
        Slice::DuePenalty => (false, Component::Penalty),
        Slice::DueFee => (false, Component::Fee),
        Slice::DueInterest => (false, Component::Interest),
        Slice::DuePrincipal => (false, Component::Principal),
    }
}

/// Takes money that moved from what it was moved of. Less than moved is never booked: a history in
/// which so much was not there is refused.
fn take(from: &mut Amount, amount: Amount, short: Reject) -> Result<(), Reject> {
    if amount > *from {
        return Err(short);
    }
    *from -= amount;
    Ok(())
}

pub(crate) fn add(one: Amount, other: Amount) -> Result<Amount, Reject> {
    one.checked_add(other).ok_or(Reject::AmountTooLarge)
}
