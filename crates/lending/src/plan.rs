//! Making the rest of a plan anew.
//!
//! Whatever changes a plan (another rate, a part paid ahead, a pause, later due dates) is done in
//! one way: interest earned so far is carried on exactly, and the instalments that are not due
//! are made again for the principal that is not due.

use money::Calendar;
use product::{
    LoanProduct,
    schedule::{DueDates, Instalment, Terms},
};
use stdx::Date;

use crate::{Loan, Reject, day::running, life::Life};

/// What a plan is made by: the product version of the contract, and the days that are business
/// days.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'r> {
    /// The product the contract was made under.
    pub product: &'r LoanProduct,
    /// The calendar of the institution.
    pub calendar: &'r Calendar,
}

impl Rules<'_> {
    /// The instalments of terms, with the fees of a loan.
    pub(crate) fn plan(&self, loan: &Loan, terms: &Terms) -> Result<Vec<Instalment>, Reject> {
        let plan = self.product.plan(terms, loan.principal, loan.term, self.calendar);
        plan.map_err(Reject::ScheduleImpossible)
    }
}

/// Makes the instalments that are not due anew, after a change of their terms. Of a loan of which
/// all is due nothing is left to change.
pub(crate) fn renew(life: &mut Life<'_>, change: impl FnOnce(&mut Terms)) -> Result<(), Reject> {
    let Some(running) = running(&life.loan, &life.position) else { return Ok(()) };
    let mut terms = life.loan.schedule.rest(running, life.position.through);
    terms.principal = life.undue();
    change(&mut terms);
    if terms.rate != life.loan.schedule.rate {
        // Penalty may follow the rate: what it was until today stays.
        life.keep_penalties()?;
    }
    let rest = life.rules.plan(&life.loan, &terms)?;
    let loan = life.loan.to_mut();
    loan.plan.truncate(life.position.opened as usize);
    loan.plan.extend(rest);
    loan.schedule = terms;
    Ok(())
}

/// Due dates for the instalments that are not due, after those that are.
pub(crate) fn due_from(life: &Life<'_>, due: &[Date]) -> DueDates {
    let past = life.loan.plan.iter().take(life.position.opened as usize);
    DueDates::On(past.map(|it| it.due).chain(due.iter().copied()).collect())
}
