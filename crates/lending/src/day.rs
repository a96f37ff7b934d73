//! The end of a business day of one loan.
//!
//! It runs for every calendar day in order, [`Position::through`] naming the next one. Its work
//! does not depend on the length of the plan: a healthy day is one interest amount. Days in which
//! nothing happens can be closed in one step.

use std::cmp::Ordering;

use money::{Amount, DayCount, Decimal};
use product::{kinds::instalment_loan::PenaltyBase, schedule::Instalment};
use stdx::Date;

use crate::{
    Reject,
    life::{Life, add},
    loan::{Bucket, Loan, Open, Owed, Position, Status},
    outcome::{Event, Outcome},
    plan::Rules,
};

/// Closes business day `day` of a loan.
///
/// 1. Interest is booked that was earned: see [`product::schedule::Terms::accrued_interest`].
/// 2. Penalty on what is overdue is booked once grace is over, then back to the due date; the day
///    grace is over, so are the fees of being overdue.
/// 3. If the next day is a due date, the instalment becomes due: its fees are booked, and what
///    was paid in advance pays it.
/// 4. Days past due and bucket are those at the end of `day`; so many suspend interest.
///
/// # Errors
/// [`Reject::NotActive`]; [`Reject::DayAlreadyClosed`] and [`Reject::DayNotReached`] when `day` is
/// not the loan's business date; [`Reject::AmountTooLarge`] when a penalty outgrows an amount.
pub fn close_day(
    loan: &Loan,
    position: &Position,
    rules: Rules<'_>,
    day: Date,
) -> Result<Outcome, Reject> {
    check_open(loan, position, day)?;
    let mut life = Life::at(loan, position, rules);
    life.close_to(day.tomorrow().map_err(|_| Reject::DateOutOfRange)?)?;
    Ok(life.end())
}

/// Closes the days before `next`, in which nothing happens but that time passes.
pub(crate) fn close(life: &mut Life<'_>, next: Date) -> Result<(), Reject> {
    accrue(life, next)?;
    penalize(life, next)?;
    life.position.through = next;
    if let Some(due) = running(&life.loan, &life.position).filter(|it| it.due <= next).cloned() {
        open(life, &due)?;
    }
    rate_arrears(life, next)?;
    life.ends_if_paid();
    Ok(())
}

/// Refuses a command on a loan that is not active, or on a day that is not its business date.
pub(crate) fn check_open(loan: &Loan, position: &Position, day: Date) -> Result<(), Reject> {
    if loan.status != Status::Active {
        return Err(Reject::NotActive);
    }
    match day.cmp(&position.through) {
        Ordering::Less => Err(Reject::DayAlreadyClosed),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(Reject::DayNotReached),
    }
}

/// The instalments that are not due.
pub(crate) fn rest<'a>(loan: &'a Loan, position: &Position) -> &'a [Instalment] {
    loan.plan.get(position.opened as usize..).unwrap_or_default()
}

/// The instalment that becomes due next; none after the last.
pub(crate) fn running<'a>(loan: &'a Loan, position: &Position) -> Option<&'a Instalment> {
    rest(loan, position).first()
}

/// Books what the instalments that are not due have earned by the start of `next` and is not
/// booked.
fn accrue(life: &mut Life<'_>, next: Date) -> Result<(), Reject> {
    let rest = rest(&life.loan, &life.position);
    let Some(number) = rest.first().map(|it| it.number) else { return Ok(()) };
    let terms = &life.loan.schedule;
    let earned = terms.accrued_interest(rest, next).map_err(Reject::ScheduleImpossible)?;
    let subsidised = terms.accrued_subsidy(rest, next).map_err(Reject::ScheduleImpossible)?;
    let interest = earned - life.position.interest;
    let subsidy = subsidised - life.position.subsidy;
    if !interest.is_zero() {
        let (day, instalment) = (life.today(), number);
        life.book_accrual("interest-accrual", "interest", interest);
        life.outcome.events.push(Event::InterestAccrued { day, instalment, interest });
    }
    life.outcome.book("subsidy-accrual", vec![("subsidy", subsidy)]);
    (life.position.interest, life.position.subsidy) = (earned, subsidised);
    Ok(())
}

/// Books the penalty of every instalment that is out of grace: it is when it can no longer be paid
/// in time, `next` being more than the days of grace after its due date. The first time that it
/// is, its fees are booked too.
fn penalize(life: &mut Life<'_>, next: Date) -> Result<(), Reject> {
    let loan = &*life.loan;
    let (grace, day) = (i64::from(loan.terms.grace_days()), life.position.through);
    let (mut penalty, mut fees) = (Amount::ZERO, Amount::ZERO);
    for open in &mut life.position.open {
        let days = days_between(open.due, next);
        if days <= grace {
            continue;
        }
        let total = round(loan, open.penalty(loan, next)?)?;
        if loan.terms.penalty.as_ref().is_some_and(|it| it.compounding) {
            open.keep_penalty(loan, next)?;
        }
        let booked = total - open.penalty_booked;
        open.penalty_booked = total;
        open.owed.penalty = add(open.owed.penalty, booked)?;
        penalty = add(penalty, booked)?;
        if !std::mem::replace(&mut open.overdue, true) {
            let fee = overdue_fee(loan, life.rules, open, days)?;
            open.owed.fee = add(open.owed.fee, fee)?;
            fees = add(fees, fee)?;
        }
    }
    if !penalty.is_zero() {
        life.book_accrual("penalty-accrual", "penalty", penalty);
        life.outcome.events.push(Event::PenaltyAccrued { day, penalty });
    }
    life.outcome.book("overdue-fee", vec![("fee", fees)]);
    Ok(())
}

fn overdue_fee(loan: &Loan, rules: Rules<'_>, open: &Open, days: i64) -> Result<Amount, Reject> {
    let overdue = Owed { penalty: Amount::ZERO, ..open.owed }.total();
    let days = u32::try_from(days).unwrap_or(0);
    let Loan { principal, term, .. } = *loan;
    let fees = rules.of(loan)?.overdue_fees(principal, term, open.number, overdue, days);
    let fees = fees.map_err(Reject::FeeImpossible)?;
    fees.into_iter().try_fold(Amount::ZERO, |sum, (_, fee)| add(sum, fee))
}

impl Open {
    /// The penalty by the start of `to`, exact. A day of 30/360 is a 360th of a year, as a day of
    /// ACT/360: being late has no regular period.
    fn penalty(&self, loan: &Loan, to: Date) -> Result<Decimal, Reject> {
        let Some(terms) = &loan.terms.penalty else { return Ok(self.penalty_exact) };
        let Owed { penalty, interest, principal, .. } = self.owed;
        let base = match terms.base {
            PenaltyBase::OverduePrincipal => principal,
            PenaltyBase::OverdueInstalment => principal + interest,
        };
        let base = if terms.compounding { base + penalty } else { base };
        let day_count = match loan.schedule.day_count {
            DayCount::Thirty360 => DayCount::Act360,
            actual => actual,
        };
        let rate = terms.rate_at(loan.schedule.rate);
        let yearly = base.to_decimal(loan.currency).checked_mul(rate);
        let since = day_count.years(self.penalty_from, to);
        let since = since.of(yearly.ok_or(Reject::AmountTooLarge)?);
        self.penalty_exact.checked_add(since).ok_or(Reject::AmountTooLarge)
    }

    /// Keeps the penalty so far, before what it follows from changes.
    pub(crate) fn keep_penalty(&mut self, loan: &Loan, to: Date) -> Result<(), Reject> {
        self.penalty_exact = self.penalty(loan, to)?;
        self.penalty_from = to;
        Ok(())
    }
}

fn round(loan: &Loan, exact: Decimal) -> Result<Amount, Reject> {
    let rounded = Amount::round(exact, loan.currency, loan.schedule.rounding);
    rounded.map_err(|_| Reject::AmountTooLarge)
}

/// Makes an instalment due at the start of the business date, and lets what was paid in advance
/// pay it.
fn open(life: &mut Life<'_>, due: &Instalment) -> Result<(), Reject> {
    let on = life.today();
    let Instalment { number, principal, interest, capitalised, fees: fee, .. } = *due;
    let owed = Owed { penalty: Amount::ZERO, fee, interest, principal };
    let after = &mut life.position;
    after.opened = number;
    after.interest -= interest + capitalised;
    after.principal = add(after.principal, capitalised)?;
    after.subsidy -= due.subsidy;
    after.subsidy_due = add(after.subsidy_due, due.subsidy)?;
    after.open.push(Open::new(number, due.due, owed));
    life.outcome.book("interest-capitalised", vec![("interest", capitalised)]);
    life.outcome.book("instalment-fee", vec![("fee", fee)]);
    life.outcome.events.push(Event::InstalmentDue { instalment: number, due: due.due, owed });
    let prepaid = std::mem::take(&mut life.position.prepaid);
    let (paid, rest) = life.allocate(prepaid)?;
    life.position.prepaid = rest;
    if !paid.is_zero() {
        life.book_paid("prepayment-applied", paid);
        life.outcome.events.push(Event::PrepaymentApplied { on, paid });
    }
    Ok(())
}

/// Days past due at the end of `day`: from the oldest due date not fully paid, 0 while that is in
/// grace. A payment on the due date or in grace is in time, so such days are not past due; once
/// grace is over, every day since the due date is.
///
/// Source of the classes that build on it: 《商业银行金融资产风险分类办法》(银保监会
/// 人民银行令〔2023〕第1号), which classes by days past due; not verified how it treats contractual
/// grace.
pub fn days_past_due(loan: &Loan, position: &Position, day: Date) -> u32 {
    let Some(oldest) = position.open.first() else { return 0 };
    let days = u32::try_from(days_between(oldest.due, day)).unwrap_or(0);
    if days > loan.terms.grace_days() { days } else { 0 }
}

/// The days on which more happens to what is due than that time passes: a due date, and after how
/// many days from it. Grace is over; and for the oldest, a bucket is entered or interest suspended,
/// as counted at the end of the day before. Penalty that bears penalty changes every day.
pub(crate) fn stops<'a>(
    loan: &'a Loan,
    position: &'a Position,
) -> impl Iterator<Item = (Date, i64)> + 'a {
    let grace = i64::from(loan.terms.grace_days());
    let daily = loan.terms.penalty.as_ref().is_some_and(|it| it.compounding);
    let of_each = position.open.iter().map(move |open| {
        let tomorrow = days_between(open.due, position.through).saturating_add(1);
        let over = grace.saturating_add(1);
        (open.due, if daily { tomorrow.max(over) } else { over })
    });
    let counted = Bucket::STARTS.into_iter().chain([loan.terms.grace_days().saturating_add(1)]);
    let counted = counted.chain(loan.terms.suspended_after.map(|days| days.saturating_add(1)));
    let oldest = position.open.first().map(|open| open.due);
    let of_oldest = oldest.into_iter().flat_map(move |due| {
        counted.clone().map(move |days| (due, i64::from(days).saturating_add(1)))
    });
    of_each.chain(of_oldest)
}

/// Sets days past due as at the end of the day before `next`, tells of a bucket entered or left,
/// and suspends interest or takes it up again.
pub(crate) fn rate_arrears(life: &mut Life<'_>, next: Date) -> Result<(), Reject> {
    let day = next.yesterday().map_err(|_| Reject::DateOutOfRange)?;
    let before = life.position.bucket();
    let days_past_due = days_past_due(&life.loan, &life.position, day);
    life.position.days_past_due = days_past_due;
    match life.position.bucket() {
        bucket if bucket == before => {}
        Bucket::Current => life.outcome.events.push(Event::LoanCured { on: life.today() }),
        bucket => life.outcome.events.push(Event::LoanOverdue { bucket, days_past_due }),
    }
    let late = life.loan.terms.suspended_after.is_some_and(|most| days_past_due > most);
    match life.position.suspended {
        false if late => life.suspend(true),
        true if days_past_due == 0 => life.suspend(false),
        _ => {}
    }
    Ok(())
}

/// Calendar days from one date to another.
pub(crate) fn days_between(from: Date, to: Date) -> i64 {
    i64::from(DayCount::Act360.days(from, to))
}
