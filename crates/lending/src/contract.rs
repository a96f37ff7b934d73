//! From an offer to money: signing, and disbursal (放款).

use money::Calendar;
use product::LoanProduct;
use stdx::Date;

use crate::{
    Reject,
    application::{Application, Decision, Offer},
    loan::{Loan, Position, Status},
    outcome::{Event, Outcome},
};

/// Makes the contract of an approved application: the loan is signed, nothing is paid out yet.
///
/// # Errors
/// [`Reject::NoOffer`], [`Reject::AlreadySigned`], [`Reject::OfferExpired`].
pub fn sign(application: &Application, on: Date) -> Result<Outcome, Reject> {
    let offer = match &application.decision {
        Decision::Approved { offer } => offer,
        Decision::Declined { .. } => return Err(Reject::NoOffer),
        Decision::Signed { .. } => return Err(Reject::AlreadySigned),
    };
    if on > offer.valid_until {
        return Err(Reject::OfferExpired);
    }
    let decision = Decision::Signed { on };
    Ok(Outcome {
        loan: Some(contract(application, offer, on)),
        application: Some(Application { decision, ..application.clone() }),
        events: vec![Event::ContractSigned { on }],
        ..Outcome::default()
    })
}

fn contract(application: &Application, offer: &Offer, on: Date) -> Loan {
    Loan {
        borrower: application.borrower,
        product: application.product.clone(),
        version: application.version,
        status: Status::Signed,
        currency: application.currency,
        principal: application.amount,
        term: application.term,
        upfront_fees: offer.disclosure.upfront_fees,
        terms: offer.terms.clone(),
        signed_on: on,
        disbursed_on: None,
        settled_on: None,
        schedule: offer.schedule.clone(),
        plan: offer.disclosure.plan.clone(),
    }
}

/// Pays the loan out on business date `on`. The plan counts from this day: one that was offered
/// for another day is made anew, under the same product version and terms.
///
/// # Errors
/// [`Reject::NotAwaitingDisbursal`], [`Reject::DisbursalBeforeSigning`], [`Reject::OtherProduct`],
/// [`Reject::ScheduleImpossible`].
pub fn disburse(
    loan: &Loan,
    product: &LoanProduct,
    calendar: &Calendar,
    on: Date,
) -> Result<Outcome, Reject> {
    loan.check_product(product)?;
    if loan.status != Status::Signed {
        return Err(Reject::NotAwaitingDisbursal);
    }
    if on < loan.signed_on {
        return Err(Reject::DisbursalBeforeSigning);
    }
    let schedule = product.schedule_terms(loan.principal, loan.term, on, loan.terms.rate);
    let plan = product.plan(&schedule, loan.principal, loan.term, calendar);
    let plan = plan.map_err(Reject::ScheduleImpossible)?;
    let Loan { principal, upfront_fees: fees, .. } = *loan;
    let matures_on = plan.last().map_or(on, |it| it.due);
    let disbursed_on = Some(on);
    let active = Loan { status: Status::Active, disbursed_on, schedule, plan, ..loan.clone() };
    let mut outcome = Outcome {
        loan: Some(active),
        position: Some(Position::new(principal, on)),
        events: vec![Event::LoanDisbursed { on, principal, fees, matures_on }],
        timer: Some(on),
        ..Outcome::default()
    };
    outcome.book("disbursal", vec![("principal", principal)]);
    outcome.book("disbursal-fee", vec![("fee", fees)]);
    Ok(outcome)
}
