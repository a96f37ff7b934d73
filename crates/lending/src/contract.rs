//! From an offer to money: signing, and disbursal (放款).

use money::Amount;
use stdx::{Date, Id};

use crate::{
    Reject,
    application::{Application, Offer, take},
    disclosure::check_plan,
    fact::{Fact, Plan, What},
    life::{Life, add},
    loan::{Loan, Status},
    outcome::{Event, Outcome},
    plan::Rules,
};

/// Makes the contract of an approved application: the loan is signed, nothing is paid out yet.
///
/// # Errors
/// [`Reject::NoOffer`], [`Reject::AlreadySigned`], [`Reject::OfferExpired`].
pub fn sign(application: &Application, on: Date) -> Result<Outcome, Reject> {
    let (offer, signed) = take(application, on, |it| it.valid_until)?;
    Ok(Outcome {
        loan: Some(contract(application, offer, on)),
        application: Some(signed),
        events: vec![Event::ContractSigned { on }],
        ..Outcome::default()
    })
}

fn contract(application: &Application, offer: &Offer, on: Date) -> Loan {
    Loan {
        borrower: application.borrower,
        product: application.product.clone(),
        version: application.version,
        ..offered(offer, on)
    }
}

/// The contract that an offer makes, but for whose it is and under which product.
pub(crate) fn offered(offer: &Offer, on: Date) -> Loan {
    Loan {
        borrower: Id::NIL,
        product: String::new(),
        version: 0,
        line: None,
        status: Status::Signed,
        currency: offer.disclosure.currency,
        principal: offer.disclosure.principal,
        price: offer.disclosure.price,
        drawn: Amount::ZERO,
        drawings: 0,
        term: offer.disclosure.term,
        upfront_fees: offer.disclosure.upfront_fees,
        terms: offer.terms.clone(),
        schedule: offer.schedule.clone(),
        signed_on: on,
        disbursed_on: None,
        settled_on: None,
        restructured_on: None,
        secured: false,
        before_migration: None,
        plan: offer.disclosure.plan.clone(),
    }
}

/// Pays the loan out on business date `on`, or of a product that pays in parts the first part. The
/// plan counts from this day: one that was offered for another day is made anew, under the same
/// product version, terms and rate.
///
/// # Errors
/// [`Reject::NotAwaitingDisbursal`], [`Reject::DisbursalBeforeSigning`], [`Reject::OtherProduct`],
/// [`Reject::ScheduleImpossible`], [`Reject::FeeImpossible`]; [`Reject::BeyondTheSum`],
/// [`Reject::NotOffered`], and [`Reject::AboveCeiling`] or [`Reject::AnnualCostImpossible`] when
/// the contract would cost more than it may if no other part followed, for a part.
pub fn disburse(
    loan: &Loan,
    rules: Rules<'_>,
    part: Option<Amount>,
    on: Date,
) -> Result<Outcome, Reject> {
    disbursed(loan.clone(), rules, part, on).map(Life::end)
}

/// The life that begins so.
pub(crate) fn disbursed(
    loan: Loan,
    rules: Rules<'_>,
    part: Option<Amount>,
    on: Date,
) -> Result<Life<'_>, Reject> {
    let product = rules.of(&loan)?;
    if loan.status != Status::Signed {
        return Err(Reject::NotAwaitingDisbursal);
    }
    if on < loan.signed_on {
        return Err(Reject::DisbursalBeforeSigning);
    }
    let principal = part.unwrap_or(loan.principal);
    if !principal.is_positive() || principal > loan.principal || principal <= loan.upfront_fees {
        return Err(Reject::BeyondTheSum);
    }
    if principal < loan.principal {
        product.offers_tranche(2, on, on).map_err(Reject::NotOffered)?;
    }
    let rate = loan.schedule.rate;
    let terms = product.schedule_terms(principal, loan.term, on, rate);
    let instalments = match terms == loan.schedule && !loan.plan.is_empty() {
        true => loan.plan.clone(),
        false => rules.plan(&loan, &terms)?,
    };
    // What is kept back of a part, and due with it, is counted for the whole sum.
    if principal < loan.principal {
        check_plan(&loan, &terms, &instalments)?;
    }
    let plan = Box::new(Plan { terms, instalments });
    let third_party = product.third_party_fees(loan.principal, loan.term);
    let mut third_party = third_party.map_err(Reject::FeeImpossible)?.into_iter();
    let third_party_fees = third_party.try_fold(Amount::ZERO, |sum, (_, _, fee)| add(sum, fee))?;
    let fees = loan.upfront_fees;
    let what = What::Disbursal { principal, fees, third_party_fees, plan };
    let mut life = Life::signed(loan, rules);
    life.position.through = on;
    life.happen(&what)?;
    life.note(Fact { number: 0, on, booked_on: on, reversed_on: None, what })?;
    Ok(life)
}
