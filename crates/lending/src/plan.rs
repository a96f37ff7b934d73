//! Making the rest of a plan anew.
//!
//! Whatever changes a plan (another rate, a part paid ahead, a pause, later due dates) is done in
//! one way: interest earned so far is carried on exactly, and the instalments that are not due
//! are made again for the principal that is not due.

use std::sync::Arc;

use money::{Calendar, Decimal};
use product::{
    LoanProduct,
    kinds::instalment_loan::{BrokenPeriod, Method},
    schedule::{DueDates, Instalment, Terms},
};
use stdx::Date;

use crate::{
    Loan, Reject,
    day::{rest, running},
    life::Life,
};

/// What a plan is made by: the product versions the contract is under in its life, and the days
/// that are business days.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'r> {
    /// A version of the product; of a contract that never moved to another, its version.
    pub product: &'r LoanProduct,
    /// Other versions the contract was under, is under, or is to move to.
    pub others: &'r [Arc<LoanProduct>],
    /// The calendar of the institution.
    pub calendar: &'r Calendar,
}

impl<'r> Rules<'r> {
    /// The rules of contracts that are under one version for life.
    pub fn new(product: &'r LoanProduct, calendar: &'r Calendar) -> Self {
        Self { product, others: &[], calendar }
    }

    /// The product in a version.
    ///
    /// # Errors
    /// [`Reject::OtherProduct`] when it is not among the rules.
    pub(crate) fn version(&self, version: u32) -> Result<&'r LoanProduct, Reject> {
        let others = self.others.iter().map(|it| &**it);
        let mut all = std::iter::once(self.product).chain(others);
        all.find(|it| it.definition().version == version).ok_or(Reject::OtherProduct)
    }

    /// The product version a contract is under now.
    ///
    /// # Errors
    /// [`Reject::OtherProduct`].
    pub(crate) fn of(&self, loan: &Loan) -> Result<&'r LoanProduct, Reject> {
        let product = self.version(loan.version)?;
        let same = product.definition().product == loan.product;
        if same { Ok(product) } else { Err(Reject::OtherProduct) }
    }

    /// The instalments of terms, with the fees of a loan.
    pub(crate) fn plan(&self, loan: &Loan, terms: &Terms) -> Result<Vec<Instalment>, Reject> {
        let plan = self.of(loan)?.plan(terms, loan.principal, loan.term, self.calendar);
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

/// What of a running plan another version of the product changes: how principal and interest
/// spread and are counted. What was agreed for this contract stays: due dates, how many instalments
/// there are, days free of interest, grace, a balloon.
pub(crate) fn migrate(
    life: &mut Life<'_>,
    product: &LoanProduct,
    rate: Decimal,
) -> Result<(), Reject> {
    let loan = &*life.loan;
    let first = loan.disbursed_on.unwrap_or(loan.signed_on);
    let new = product.schedule_terms(loan.principal, loan.term, first, rate);
    let (lent, left) = (loan.drawn, rest(loan, &life.position).len());
    renew(life, |terms| {
        if new.method != Method::Bullet {
            let apart = usize::from(terms.broken == BrokenPeriod::Separate);
            terms.instalments = u32::try_from(left.saturating_sub(apart)).unwrap_or(u32::MAX);
        }
        let flat_on = terms.flat_on.unwrap_or(lent);
        terms.flat_on = (new.method == Method::Flat).then_some(flat_on);
        terms.level = None;
        terms.method = new.method;
        terms.rate = new.rate;
        terms.day_count = new.day_count;
        terms.rounding = new.rounding;
        terms.multiple = new.multiple;
        terms.roll = new.roll;
        terms.adjusted = new.adjusted;
        terms.subsidy = new.subsidy;
    })
}
