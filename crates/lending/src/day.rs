//! The end of a business day of one loan.
//!
//! It runs for every calendar day in order, [`Position::through`] naming the next one. Its work
//! does not depend on the length of the plan: a healthy day is one interest amount.

use std::cmp::Ordering;

use money::{Amount, DayCount, Decimal};
use product::{
    kinds::instalment_loan::{Penalty, PenaltyBase},
    schedule::Instalment,
};
use stdx::Date;

use crate::{
    Reject,
    loan::{Bucket, Loan, Open, Owed, Position, Status},
    outcome::{Event, Outcome},
    repayment::allocate,
};

/// Closes business day `day` of a loan.
///
/// 1. Interest of the running instalment is booked: see
///    [`product::schedule::Terms::accrued_interest`].
/// 2. Penalty on what is overdue is carried exactly and booked once grace is over, then back to
///    the due date.
/// 3. If the next day is a due date, the instalment becomes due: its fees are booked, and what
///    was paid in advance pays it.
/// 4. Days past due and bucket are those at the end of `day`.
///
/// # Errors
/// [`Reject::NotActive`]; [`Reject::DayAlreadyClosed`] and [`Reject::DayNotReached`] when `day` is
/// not the loan's business date; [`Reject::AmountTooLarge`] when a penalty outgrows an amount.
pub fn close_day(loan: &Loan, position: &Position, day: Date) -> Result<Outcome, Reject> {
    check_open(loan, position, day)?;
    let next = day.tomorrow().map_err(|_| Reject::DateOutOfRange)?;
    let mut outcome = Outcome::default();
    let mut after = position.clone();
    let running = running(loan, position);
    if let Some(running) = running {
        accrue(loan, running, &mut after, next, &mut outcome)?;
    }
    if let Some(penalty) = loan.terms.penalty.as_ref().filter(|_| !after.open.is_empty()) {
        penalize(loan, penalty, &mut after, next, &mut outcome)?;
    }
    after.through = next;
    if let Some(due) = running.filter(|it| it.due <= next) {
        open(loan, due, &mut after, &mut outcome);
    }
    rate_arrears(loan, &mut after, day, &mut outcome);
    finish(loan, after, next, &mut outcome);
    Ok(outcome)
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

/// The instalment that becomes due next; none after the last.
pub(crate) fn running<'a>(loan: &'a Loan, position: &Position) -> Option<&'a Instalment> {
    not_due(loan, position).first()
}

/// The instalments that are not due yet.
fn not_due<'a>(loan: &'a Loan, position: &Position) -> &'a [Instalment] {
    let opened = usize::try_from(position.opened).unwrap_or(usize::MAX);
    loan.plan.get(opened..).unwrap_or_default()
}

/// Books what the running instalment has earned by the start of `next` and is not booked.
fn accrue(
    loan: &Loan,
    running: &Instalment,
    after: &mut Position,
    next: Date,
    outcome: &mut Outcome,
) -> Result<(), Reject> {
    let rest = not_due(loan, after);
    let earned = loan.schedule.accrued_interest(rest, next);
    let earned = earned.map_err(Reject::ScheduleImpossible)?;
    let interest = earned - after.interest;
    if !interest.is_zero() {
        let (day, instalment) = (after.through, running.number);
        outcome.book("interest-accrual", vec![("interest", interest)]);
        outcome.events.push(Event::InterestAccrued { day, instalment, interest });
        after.interest = earned;
    }
    Ok(())
}

fn round(loan: &Loan, exact: Decimal) -> Result<Amount, Reject> {
    let rounded = Amount::round(exact, loan.currency, loan.terms.rounding);
    rounded.map_err(|_| Reject::AmountTooLarge)
}

/// Carries a day's penalty on every overdue instalment, and books what is out of grace: an
/// instalment is when it can no longer be paid in time, the next day being more than the days of
/// grace after its due date.
fn penalize(
    loan: &Loan,
    terms: &Penalty,
    after: &mut Position,
    next: Date,
    outcome: &mut Outcome,
) -> Result<(), Reject> {
    let day = after.through;
    let mut penalty = Amount::ZERO;
    for open in &mut after.open {
        let cost = penalty_of_day(loan, terms, &open.owed, day, next)?;
        let exact = open.penalty_exact.checked_add(cost).ok_or(Reject::AmountTooLarge)?;
        open.penalty_exact = exact;
        if days_between(open.due, next) > i64::from(terms.grace_days) {
            penalty = add(penalty, book_penalty(loan, open)?)?;
        }
    }
    if !penalty.is_zero() {
        outcome.book("penalty-accrual", vec![("penalty", penalty)]);
        outcome.events.push(Event::PenaltyAccrued { day, penalty });
    }
    Ok(())
}

/// The penalty of one day on what remains of an instalment, exact. A day of 30/360 is a 360th of
/// a year, as a day of ACT/360: being late has no regular period.
fn penalty_of_day(
    loan: &Loan,
    terms: &Penalty,
    owed: &Owed,
    day: Date,
    next: Date,
) -> Result<Decimal, Reject> {
    let base = match terms.base {
        PenaltyBase::OverduePrincipal => owed.principal,
        PenaltyBase::OverdueInstalment => owed.principal + owed.interest,
    };
    let day_count = match loan.terms.day_count {
        DayCount::Thirty360 => DayCount::Act360,
        actual => actual,
    };
    let yearly = base.to_decimal(loan.currency).checked_mul(terms.rate);
    Ok(day_count.years(day, next).of(yearly.ok_or(Reject::AmountTooLarge)?))
}

/// Brings the booked penalty of an instalment to the exact one, rounded; gives the difference.
fn book_penalty(loan: &Loan, open: &mut Open) -> Result<Amount, Reject> {
    let total = round(loan, open.penalty_exact)?;
    let penalty = total - open.penalty_booked;
    open.penalty_booked = total;
    open.owed.penalty = add(open.owed.penalty, penalty)?;
    Ok(penalty)
}

fn add(one: Amount, other: Amount) -> Result<Amount, Reject> {
    one.checked_add(other).ok_or(Reject::AmountTooLarge)
}

/// Makes an instalment due at the start of business date `through`, and lets what was paid in
/// advance pay it.
fn open(loan: &Loan, due: &Instalment, after: &mut Position, outcome: &mut Outcome) {
    let on = after.through;
    let Instalment { number, principal, interest, capitalised, fees: fee, .. } = *due;
    let owed = Owed { penalty: Amount::ZERO, fee, interest, principal };
    after.opened = number;
    after.interest -= interest + capitalised;
    after.principal += capitalised;
    after.open.push(Open::new(number, due.due, owed));
    outcome.book("interest-capitalised", vec![("interest", capitalised)]);
    outcome.book("instalment-fee", vec![("fee", fee)]);
    outcome.events.push(Event::InstalmentDue { instalment: number, due: due.due, owed });
    let (paid, rest) = allocate(loan, after, after.prepaid);
    after.prepaid = rest;
    if !paid.is_zero() {
        outcome.book("prepayment-applied", paid.amounts());
        outcome.events.push(Event::PrepaymentApplied { on, paid });
    }
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
    let grace = loan.terms.penalty.as_ref().map_or(0, |it| it.grace_days);
    let days = u32::try_from(days_between(oldest.due, day)).unwrap_or(0);
    if days > grace { days } else { 0 }
}

/// Sets days past due as at the end of `day`, and tells of a bucket entered or left.
pub(crate) fn rate_arrears(loan: &Loan, after: &mut Position, day: Date, outcome: &mut Outcome) {
    let before = Bucket::of(after.days_past_due);
    let days_past_due = days_past_due(loan, after, day);
    after.days_past_due = days_past_due;
    match Bucket::of(days_past_due) {
        bucket if bucket == before => {}
        Bucket::Current => outcome.events.push(Event::LoanCured { on: after.through }),
        bucket => outcome.events.push(Event::LoanOverdue { bucket, days_past_due }),
    }
}

/// Ends a command on an active loan: the loan is settled once every instalment is paid, and else
/// waits for its next close.
pub(crate) fn finish(loan: &Loan, after: Position, on: Date, outcome: &mut Outcome) {
    if after.open.is_empty() && running(loan, &after).is_none() {
        settled(loan, on, false, outcome);
    } else {
        outcome.timer = Some(after.through);
    }
    outcome.position = Some(after);
}

/// Settles the contract.
pub(crate) fn settled(loan: &Loan, on: Date, early: bool, outcome: &mut Outcome) {
    let loan = Loan { status: Status::Settled, settled_on: Some(on), ..loan.clone() };
    outcome.loan = Some(loan);
    outcome.events.push(Event::LoanSettled { on, early });
}

/// Calendar days from one date to another.
pub(crate) fn days_between(from: Date, to: Date) -> i64 {
    i64::from(DayCount::Act360.days(from, to))
}
