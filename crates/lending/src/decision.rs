//! Whether something may happen to a loan, and at what price.

use money::{Amount, Calendar, Decimal};
use product::{
    LoanProduct,
    kinds::instalment_loan::{Keep, Method},
    schedule::RATE_MAX,
};
use stdx::Date;

use crate::{
    Reject,
    day::{check_open, running},
    disclosure::check_plan,
    fact::{Fact, Rescheduling, What},
    life::{Life, add},
    loan::{Loan, Measure, Position, Status},
    outcome::Outcome,
    plan::Rules,
    settlement,
};

/// The most facts of a loan.
pub const FACTS_MAX: u32 = 10_000;
/// The most due dates of a new plan.
pub const RESCHEDULED_MAX: usize = product::kinds::instalment_loan::TERM_MAX as usize;

/// The steps in which a capped rate is looked for: 0.0001 % a year.
pub const CAP_STEP: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

/// Lets something happen to a loan on its business date, or previews what would: nothing has
/// happened before the outcome is committed.
///
/// The price in a [`What::Prepayment`] or [`What::Settlement`] is set here, whatever it says.
///
/// # Errors
/// The [`Reject`] that says why it may not; those of [`crate::close_day`] for the day.
pub fn happen(
    loan: &Loan,
    position: &Position,
    rules: Rules<'_>,
    what: What,
    on: Date,
) -> Result<Outcome, Reject> {
    rules.of(loan)?;
    if on != position.through && loan.status == Status::Active {
        check_open(loan, position, on)?;
    }
    let mut life = Life::at(loan, position, rules);
    life.book(what, on)?;
    Ok(life.end())
}

impl Life<'_> {
    /// Lets something happen on the business date, if it may.
    pub(crate) fn book(&mut self, what: What, on: Date) -> Result<(), Reject> {
        self.position.through = on;
        let what = decide(self, what)?;
        self.happen(&what)?;
        self.note(Fact { number: 0, on, booked_on: on, reversed_on: None, what })
    }

    /// Adds a fact to those of the loan, with its number.
    pub(crate) fn note(&mut self, fact: Fact) -> Result<(), Reject> {
        let number = self.position.facts;
        if number >= FACTS_MAX {
            return Err(Reject::TooManyFacts);
        }
        self.outcome.facts.push(Fact { number, ..fact });
        self.position.facts = number.saturating_add(1);
        Ok(())
    }
}

/// What may happen to a loan as it stands, at its price.
pub(crate) fn decide(life: &Life<'_>, what: What) -> Result<What, Reject> {
    let (loan, position) = (&*life.loan, &life.position);
    let (owing, off_books) = match loan.status {
        Status::Active => (true, false),
        Status::ChargedOff => (true, true),
        _ => (false, false),
    };
    let must = |it: bool, reject| if it { Ok(()) } else { Err(reject) };
    let on_books = || must(owing && !off_books, Reject::NotActive);
    let positive = |amount: &Amount| must(amount.is_positive(), Reject::AmountNotPositive);
    match &what {
        What::Disbursal { .. } => return Err(Reject::NotAwaitingDisbursal),
        What::Drawing { principal } => {
            on_books()?;
            positive(principal)?;
            let drawn = add(loan.drawn, *principal)?;
            must(drawn <= loan.principal, Reject::BeyondTheSum)?;
            let first = loan.disbursed_on.unwrap_or(life.today());
            let number = loan.drawings.saturating_add(1);
            let offered = life.rules.of(loan)?.offers_tranche(number, first, life.today());
            offered.map_err(Reject::NotOffered)?;
            must(running(loan, position).is_some(), Reject::NothingLeftToPlan)?;
        }
        What::Repayment { amount } if off_books => {
            positive(amount)?;
            must(*amount <= position.due().total(), Reject::ExceedsSettlement)?;
        }
        What::Repayment { amount } => {
            on_books()?;
            positive(amount)?;
            let ahead = *amount - position.due().total().min(*amount);
            let prepaid = add(position.prepaid, ahead)?;
            must(ahead.is_zero() || prepaid <= most_ahead(life), Reject::ExceedsSettlement)?;
        }
        What::Prepayment { amount, keep, .. } => return prepayment(life, *amount, *keep),
        What::Settlement { amount, .. } => {
            on_books()?;
            let quote = settlement::quote_life(life)?;
            must(*amount == quote.total, Reject::NotTheQuotedAmount)?;
            return Ok(What::Settlement { amount: *amount, fee: quote.fee });
        }
        What::Refund { amount } => {
            positive(amount)?;
            must(*amount <= position.prepaid, Reject::MoreThanPrepaid)?;
        }
        What::Subsidy { amount } => {
            positive(amount)?;
            must(*amount <= position.subsidy_due, Reject::MoreThanSubsidy)?;
        }
        What::ThirdPartyFee { amount } => {
            positive(amount)?;
            must(*amount <= position.third_party_fees, Reject::MoreThanSubsidy)?;
        }
        What::RateChange { rate, .. } => {
            on_books()?;
            must((Decimal::ZERO..=RATE_MAX).contains(rate), Reject::RateOutOfRange)?;
            must(running(loan, position).is_some(), Reject::NothingLeftToPlan)?;
            below_ceilings(life, *rate)?;
        }
        What::InterestPause { until } => {
            on_books()?;
            must(*until > life.today(), Reject::DatesNotInOrder)?;
            must(running(loan, position).is_some(), Reject::NothingLeftToPlan)?;
        }
        What::Rescheduling(it) => {
            on_books()?;
            rescheduling(life, it)?;
        }
        What::Waiver { waived } => {
            on_books()?;
            must(!waived.is_zero() && waived.is_within(position.due()), Reject::MoreThanDue)?;
        }
        What::Migration { version, rate } => {
            on_books()?;
            return migration(life, *version, *rate);
        }
        What::ChargeOff => on_books()?,
        What::WriteOff => must(off_books, Reject::NotChargedOff)?,
        What::Sale { price } => {
            must(owing, Reject::NotActive)?;
            must(!price.is_negative(), Reject::AmountNotPositive)?;
        }
    }
    Ok(what)
}

/// The most that may lie in advance once nothing is due: what the loan could still cost without
/// waiting, or the whole last instalment.
fn most_ahead(life: &Life<'_>) -> Amount {
    let settles = life.undue() + life.position.interest;
    match running(&life.loan, &life.position) {
        Some(last) if last.balance.is_zero() => last.total().max(settles),
        _ => settles,
    }
}

fn prepayment(life: &Life<'_>, amount: Amount, keep: Keep) -> Result<What, Reject> {
    let (loan, position) = (&*life.loan, &life.position);
    let product = life.rules.of(loan)?;
    let terms = &product.terms().prepayment;
    if loan.status != Status::Active {
        return Err(Reject::NotActive);
    }
    if !terms.allowed || !terms.keep.contains(&keep) {
        return Err(Reject::PrepaymentNotAllowed);
    }
    let early = amount - position.due().total().min(amount);
    let (owed, paid) = (position.principal, position.paid);
    let fee = product.prepayment_fee(loan.principal, loan.term, owed, paid, early);
    let fee = fee.map_err(Reject::FeeImpossible)?;
    let lowered = early.checked_sub(fee).filter(|it| it.is_positive());
    let lowered = lowered.ok_or(Reject::PrepaymentTooSmall)?;
    let least = terms.min.unwrap_or_default();
    if lowered.to_decimal(loan.currency) < least {
        return Err(Reject::PrepaymentTooSmall);
    }
    if lowered >= life.undue() {
        return Err(Reject::ExceedsSettlement);
    }
    Ok(What::Prepayment { amount, fee, keep })
}

fn rescheduling(life: &Life<'_>, it: &Rescheduling) -> Result<(), Reject> {
    let in_order = it.due.is_sorted_by(|one, next| one < next);
    let ahead = it.due.first().is_some_and(|first| *first > life.today());
    if !in_order || !ahead || it.due.len() > RESCHEDULED_MAX {
        return Err(Reject::DatesNotInOrder);
    }
    if it.rate.is_some_and(|rate| !(Decimal::ZERO..=RATE_MAX).contains(&rate)) {
        return Err(Reject::RateOutOfRange);
    }
    if let Some(rate) = it.rate {
        below_ceilings(life, rate)?;
    }
    if it.capitalise && life.position.suspended {
        return Err(Reject::InterestSuspended);
    }
    if running(&life.loan, &life.position).is_none() {
        Err(Reject::NothingLeftToPlan)
    } else {
        Ok(())
    }
}

/// Refuses a higher rate at which the loan, had it been lent at it, would have cost more than it
/// may.
fn below_ceilings(life: &Life<'_>, rate: Decimal) -> Result<(), Reject> {
    let loan = &*life.loan;
    if rate <= loan.schedule.rate {
        return Ok(());
    }
    as_if_lent(loan, life.rules.of(loan)?, life.rules.calendar, rate)
}

/// Refuses a rate and a version of the product at which the loan, had it been lent so with the
/// fees that were kept back, would have cost more than it may.
fn as_if_lent(
    loan: &Loan,
    product: &LoanProduct,
    calendar: &Calendar,
    rate: Decimal,
) -> Result<(), Reject> {
    if loan.terms.ceilings.is_empty() {
        return Ok(());
    }
    let from = loan.disbursed_on.unwrap_or(loan.signed_on);
    let terms = product.schedule_terms(loan.principal, loan.term, from, rate);
    let plan = product.plan(&terms, loan.principal, loan.term, calendar);
    check_plan(loan, &terms, &plan.map_err(Reject::ScheduleImpossible)?)
}

/// A floating rate as far as the ceilings of a contract let it follow its reference rate, so that
/// a day can always be closed.
///
/// A ceiling on the rate is the most it may be. A ceiling on the cost in all lets it rise to the
/// highest multiple of [`CAP_STEP`] at which the loan, had it been lent at it, would have cost no
/// more; it stays as it was when there is none. A rate that falls is never held.
pub fn capped(loan: &Loan, product: &LoanProduct, calendar: &Calendar, rate: Decimal) -> Decimal {
    let on_rate = loan.terms.ceilings.iter().filter(|it| it.of == Measure::Rate);
    let most = on_rate.map(|it| it.at_most).fold(rate, Decimal::min);
    let fits = |rate| as_if_lent(loan, product, calendar, rate).is_ok();
    let mut low = loan.schedule.rate;
    if most <= low || fits(most) {
        return most;
    }
    // Each round halves what is left: 27 of them for the whole range of rates.
    let mut high = (most / CAP_STEP).ceil() * CAP_STEP;
    loop {
        let middle = ((low + high) / Decimal::TWO / CAP_STEP).floor() * CAP_STEP;
        if middle <= low {
            return low;
        }
        if fits(middle) { low = middle } else { high = middle }
    }
}

/// Whether another version may serve the loan. A fixed rate is that of the version, whatever was
/// asked.
fn migration(life: &Life<'_>, version: u32, rate: Decimal) -> Result<What, Reject> {
    let loan = &*life.loan;
    if version == loan.version {
        return Err(Reject::SameVersion);
    }
    let (old, new) = (life.rules.of(loan)?, life.rules.version(version)?);
    if old.definition().product != new.definition().product {
        return Err(Reject::OtherProduct);
    }
    let rate = new.rate(None).unwrap_or_else(|_| capped(loan, new, life.rules.calendar, rate));
    if !(Decimal::ZERO..=RATE_MAX).contains(&rate) {
        return Err(Reject::RateOutOfRange);
    }
    as_if_lent(loan, new, life.rules.calendar, rate)?;
    let (was, is) = (&old.terms().repayment, &new.terms().repayment);
    let bullet = |method| method == Method::Bullet;
    let same = old.currency() == new.currency()
        // The line of a drawing says which version it is under.
        && loan.line.is_none()
        // What was booked so far must be found where what follows is booked.
        && old.accounting() == new.accounting()
        && (was.every, &was.on) == (is.every, &is.on)
        && bullet(was.method) == bullet(is.method);
    if same { Ok(What::Migration { version, rate }) } else { Err(Reject::CannotMigrate) }
}
