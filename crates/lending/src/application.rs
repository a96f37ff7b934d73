//! Asking for a loan: the product's rules decide, and an approval comes with an offer.

use std::collections::BTreeMap;

use money::{Amount, Calendar, Currency, Decimal};
use product::{Definition, Failure, LoanProduct, eligibility::Eligibility, schedule};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stdx::{Date, Id};

use crate::{
    Reject,
    disclosure::{Disclosure, disclose},
    loan::{Borrower, Ceiling, Terms},
    outcome::{Event, Outcome},
};

/// How many days an offer may be signed after the day it was made.
pub const OFFER_DAYS: i64 = 30;

/// Somebody asks for a loan.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Who asks.
    pub borrower: Id<Borrower>,
    /// How much.
    pub amount: Amount,
    /// What the purchase costs that the loan pays a part of; the borrower pays the rest.
    pub price: Option<Amount>,
    /// In how many instalments; the product's usual number when none is named.
    pub term: Option<u32>,
    /// What the rules may know of who asks.
    pub applicant: Applicant,
    /// What the product asks beside, by name.
    pub facts: BTreeMap<String, Value>,
    /// The reference rate of the day, for a product whose rate follows one.
    pub reference: Option<Decimal>,
    /// More days past due than this suspend interest; never when absent.
    pub suspended_after: Option<u32>,
    /// What the loan may cost; all of them count.
    pub ceilings: Vec<Ceiling>,
}

/// What the rules may know of an applicant, on the day of the application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applicant {
    /// Completed years of age; years since founding for a company.
    pub age: u32,
    /// A person or a company.
    pub kind: ApplicantKind,
    /// How well the applicant is known.
    pub kyc_level: String,
    /// Principal owed to this institution, all loans, in the product's currency.
    pub outstanding: Amount,
    /// The worst days past due of today, all loans.
    pub days_past_due: u32,
}

/// A person or a company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApplicantKind {
    /// A natural person.
    Person,
    /// A company or another organisation.
    Company,
}

/// An application with its decision: the inputs are kept, so the decision can be replayed. What is
/// offered is a loan, or a [`crate::line::LineOffer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application<O = Offer> {
    /// Who asked.
    pub borrower: Id<Borrower>,
    /// Name of the product.
    pub product: String,
    /// The version that decided.
    pub version: u32,
    /// Currency of every amount.
    pub currency: Currency,
    /// How much was asked for.
    pub amount: Amount,
    /// For a purchase of which price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Amount>,
    /// In how many instalments.
    pub term: u32,
    /// When.
    pub submitted_on: Date,
    /// What the rules knew of the applicant.
    pub applicant: Applicant,
    /// What the applicant declared.
    pub facts: BTreeMap<String, Value>,
    /// What came of it.
    pub decision: Decision<O>,
}

/// What came of an application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Decision<O = Offer> {
    /// At least one rule did not hold.
    Declined {
        /// Which, in the product's order.
        reasons: Vec<Failure>,
    },
    /// Every rule held: here is the offer.
    Approved {
        /// What may be signed.
        offer: Box<O>,
    },
    /// The offer was signed; the contract has the rest.
    Signed {
        /// When.
        on: Date,
    },
}

/// What an applicant may sign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The last day on which it may be signed.
    pub valid_until: Date,
    /// What the loan's life will follow.
    pub terms: Terms,
    /// What its plan will follow, disbursed on the day of the offer.
    pub schedule: schedule::Terms,
    /// What the applicant is told.
    pub disclosure: Disclosure,
}

/// Decides an application on business date `on` by the rules of the product.
///
/// What the product does not offer at all (an amount, a term, a day) is a reject: there is nothing
/// to decide. An applicant who fails a rule is declined, with every rule that failed. An approval
/// comes with an offer, whose plan assumes disbursal on the same day.
///
/// # Errors
/// [`Reject::NotOffered`], [`Reject::FactsInvalid`], and [`Reject::FeeImpossible`],
/// [`Reject::ScheduleImpossible`], [`Reject::AnnualCostImpossible`] when the loan cannot be made;
/// [`Reject::AboveCeiling`] when it would cost more than it may.
pub fn apply(
    product: &LoanProduct,
    calendar: &Calendar,
    request: Request,
    on: Date,
) -> Result<Outcome, Reject> {
    let term = request.term.unwrap_or_else(|| product.terms().term.chosen());
    product.offers(request.amount, term, on).map_err(Reject::NotOffered)?;
    let purchase = product.purchase(request.amount, request.price).map_err(Reject::NotOffered)?;
    let rules = (product.definition(), product.eligibility());
    let application = decide(rules, request, term, on, |request| {
        let rate = product.rate(request.reference).map_err(Reject::ScheduleImpossible)?;
        let schedule = product.schedule_terms(request.amount, term, on, rate);
        let terms = Terms::of(product, request.suspended_after);
        let terms = Terms { ceilings: request.ceilings.clone(), ..terms };
        let mut offer = offer(product, calendar, terms, schedule, term)?;
        offer.disclosure.price = purchase.map(|it| it.price);
        offer.disclosure.down_payment = purchase.map(|it| it.down_payment);
        offer.disclosure.check(&offer.terms.ceilings)?;
        Ok(offer)
    })?;
    let cost = |it: &Offer| {
        let Disclosure { annual_cost_simple, annual_cost_compound, .. } = it.disclosure;
        (it.valid_until, annual_cost_simple, annual_cost_compound)
    };
    let events = events(&application, cost);
    Ok(Outcome { application: Some(application), events, ..Outcome::default() })
}

/// Decides by the rules of the product. An applicant for whom all hold may sign the `offer`.
pub(crate) fn decide<O>(
    (definition, eligibility): (&Definition, &Eligibility),
    request: Request,
    term: u32,
    on: Date,
    offer: impl FnOnce(&Request) -> Result<O, Reject>,
) -> Result<Application<O>, Reject> {
    let asked = asked(definition.currency, &request, term);
    let reasons = eligibility.decide(&asked).map_err(Reject::FactsInvalid)?;
    let decision = if reasons.is_empty() {
        Decision::Approved { offer: Box::new(offer(&request)?) }
    } else {
        Decision::Declined { reasons }
    };
    Ok(Application {
        borrower: request.borrower,
        product: definition.product.clone(),
        version: definition.version,
        currency: definition.currency,
        amount: request.amount,
        price: request.price,
        term,
        submitted_on: on,
        applicant: request.applicant,
        facts: request.facts,
        decision,
    })
}

/// The offer that is signed on a day, and the application after it.
pub(crate) fn take<O: Clone>(
    application: &Application<O>,
    on: Date,
    valid_until: impl FnOnce(&O) -> Date,
) -> Result<(&O, Application<O>), Reject> {
    let offer = match &application.decision {
        Decision::Approved { offer } => &**offer,
        Decision::Declined { .. } => return Err(Reject::NoOffer),
        Decision::Signed { .. } => return Err(Reject::AlreadySigned),
    };
    if on > valid_until(offer) {
        return Err(Reject::OfferExpired);
    }
    Ok((offer, Application { decision: Decision::Signed { on }, ..application.clone() }))
}

/// What the rules of the product read.
fn asked(currency: Currency, request: &Request, term: u32) -> product::Application {
    let Applicant { age, kind, ref kyc_level, outstanding, days_past_due } = request.applicant;
    product::Application {
        amount: request.amount.to_decimal(currency),
        term,
        applicant: product::Applicant {
            age,
            kind: kind.name(),
            kyc_level: kyc_level.clone(),
            outstanding: outstanding.to_decimal(currency),
            days_past_due,
        },
        facts: request.facts.clone(),
    }
}

pub(crate) fn offer(
    product: &LoanProduct,
    calendar: &Calendar,
    terms: Terms,
    schedule: schedule::Terms,
    term: u32,
) -> Result<Offer, Reject> {
    let valid_until = valid_until(schedule.from)?;
    let disclosure = disclose(product, calendar, &schedule, term)?;
    Ok(Offer { valid_until, terms, schedule, disclosure })
}

/// The last day on which an offer of a day may be signed.
pub(crate) fn valid_until(from: Date) -> Result<Date, Reject> {
    let days = jiff::Span::new().days(OFFER_DAYS);
    from.checked_add(days).map_err(|_| Reject::DateOutOfRange)
}

/// What is told of an application; `offered` are the last day of an offer and its annual cost,
/// simple and compound.
pub(crate) fn events<O>(
    application: &Application<O>,
    offered: impl FnOnce(&O) -> (Date, Decimal, Decimal),
) -> Vec<Event> {
    let submitted = Event::ApplicationSubmitted {
        product: application.product.clone(),
        version: application.version,
        amount: application.amount,
        term: application.term,
    };
    let decided = match &application.decision {
        Decision::Declined { reasons } => Event::ApplicationDeclined {
            reasons: reasons.iter().map(|it| it.code.clone()).collect(),
        },
        Decision::Approved { offer } => {
            let (valid_until, annual_cost_simple, annual_cost_compound) = offered(offer);
            Event::ApplicationApproved { valid_until, annual_cost_simple, annual_cost_compound }
        }
        Decision::Signed { on } => Event::ContractSigned { on: *on },
    };
    vec![submitted, decided]
}

impl ApplicantKind {
    /// The name in rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Company => "company",
        }
    }
}
