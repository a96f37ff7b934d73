//! Applications: ask for a loan, read the decision and the offer, sign.

use std::collections::BTreeMap;

use axum::extract::State;
use bank::{
    loans::{Applied, Apply, Signed},
    tables::ApplicationId,
};
use lending::{
    Application,
    application::{Applicant, ApplicantKind, Decision, Offer},
    disclosure::Disclosure,
};
use money::{Currency, DayCount};
use product::{
    Failure,
    kinds::instalment_loan::{Component, Method},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::loans::{InstalmentBody, PenaltyBody, instalment, penalty};
use crate::{
    answer::{Answer, created, done, versioned},
    problem::ApiError,
    request::{At, By, Command, Json, Nothing},
    router::Api,
    schema,
    wire::{Day, Major, Money, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(apply)).routes(routes!(get)).routes(routes!(sign))
}

/// What somebody asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "party": "0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", "product": "pay-in-3",
    "amount": { "amount": "3000.00", "currency": "CNY" }, "term": 3,
    "facts": { "job": "skilled", "purpose": "furniture", "housing": "own" }
}))]
struct NewApplication {
    /// Who.
    party: Name,
    /// Under which product.
    product: String,
    /// How much.
    amount: Money,
    /// What the purchase costs that the loan pays (价款): the applicant pays the rest (首付).
    /// Needed where the product asks for a down payment.
    price: Option<Money>,
    /// In how many instalments; the product's usual number when absent.
    term: Option<u32>,
    /// What the product asks beside; its definition lists the facts.
    #[serde(default)]
    #[schema(value_type = Object)]
    facts: BTreeMap<String, Value>,
}

/// An application with its decision.
#[derive(Serialize, ToSchema)]
#[schema(as = Application)]
struct ApplicationBody {
    id: Name,
    /// Who asked.
    party: Name,
    /// Under which product.
    product: String,
    /// The version that decided.
    version: u32,
    /// How much was asked for.
    amount: Money,
    /// For a purchase of which price.
    price: Option<Money>,
    /// In how many instalments.
    term: u32,
    /// When.
    submitted_on: Day,
    /// What the rules knew of the applicant.
    applicant: ApplicantBody,
    /// What the applicant declared.
    #[schema(value_type = Object)]
    facts: BTreeMap<String, Value>,
    /// What came of it.
    decision: DecisionBody,
}

/// What the rules knew of the applicant on that day.
#[derive(Serialize, ToSchema)]
#[schema(as = Applicant)]
pub(crate) struct ApplicantBody {
    /// Completed years of age.
    age: u32,
    /// A person or a company.
    #[schema(value_type = schema::ApplicantKind)]
    kind: ApplicantKind,
    /// How well the applicant was known.
    kyc_level: String,
    /// Principal owed to this institution.
    outstanding: Money,
    /// The worst days past due, all loans.
    days_past_due: u32,
}

/// What came of an application.
#[derive(Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "kebab-case", rename_all_fields = "snake_case")]
#[schema(as = Decision)]
enum DecisionBody {
    /// At least one rule did not hold.
    Declined {
        /// Which.
        reasons: Vec<ReasonBody>,
    },
    /// Every rule held: here is the offer.
    Approved {
        /// What may be signed.
        offer: Box<OfferBody>,
    },
    /// The offer was signed.
    Signed {
        /// When.
        on: Day,
    },
}

/// A rule that did not hold.
#[derive(Serialize, ToSchema)]
#[schema(as = Reason)]
pub(crate) struct ReasonBody {
    /// The rule's code.
    code: String,
    /// What the applicant is told, in English.
    en: String,
    /// In Chinese.
    zh: String,
}

/// What may be signed.
#[derive(Serialize, ToSchema)]
#[schema(as = Offer)]
struct OfferBody {
    /// The last day on which it may be signed.
    valid_until: Day,
    /// What the applicant must be told before.
    disclosure: DisclosureBody,
}

/// What a borrower must be told before signing (中国人民银行公告〔2021〕第3号). Rates are
/// fractions, amounts in major units.
#[derive(Serialize, ToSchema)]
#[schema(as = Disclosure)]
pub(crate) struct DisclosureBody {
    /// Currency of every amount.
    currency: String,
    /// The sum lent (贷款本金).
    principal: Major,
    /// What the purchase costs that the loan pays (价款).
    price: Option<Major>,
    /// What of it the borrower pays (首付): the price less the principal.
    down_payment: Option<Major>,
    /// The sum paid out.
    paid_out: Major,
    /// How many instalments.
    term: u32,
    /// The distance of two due dates; null where the plan alone says when they are.
    #[schema(example = "1 month")]
    every: Option<String>,
    /// How it is repaid (还款方式).
    #[schema(value_type = schema::RepaymentMethod)]
    method: Method,
    /// Nominal rate of a year (合同利率).
    #[schema(example = "0.096")]
    rate: String,
    /// How days become years.
    #[schema(value_type = schema::DayCount)]
    day_count: DayCount,
    /// Annual cost, simple (年化利率, 单利).
    annual_cost_simple: String,
    /// Annual cost, compound (年化利率, 复利).
    annual_cost_compound: String,
    /// Interest over the whole plan.
    total_interest: Major,
    /// Fees kept back from the sum paid out, by code.
    upfront: BTreeMap<String, Major>,
    /// The sum of them.
    upfront_fees: Major,
    /// Fees due with the instalments, in all.
    instalment_fees: Major,
    /// What is paid back in all.
    total_repayable: Major,
    /// What being late costs (罚息).
    penalty: Option<PenaltyBody>,
    /// What a payment pays first within an instalment (还款顺序).
    #[schema(value_type = Vec<schema::Component>)]
    allocation: Vec<Component>,
    /// Whether the loan may be settled early (提前结清).
    early_settlement: bool,
    /// The price of that, as the product's expression; null when there is none.
    early_settlement_fee: Option<String>,
    /// The day of disbursal the plan assumes.
    disbursed_on: Day,
    /// The instalments (还款计划).
    plan: Vec<InstalmentBody>,
}

/// The contract that came of an application.
#[derive(Serialize, ToSchema)]
#[schema(as = Signed)]
struct SignedBody {
    /// The loan, to be disbursed.
    loan: Name,
}

/// Apply for a loan
///
/// The product's rules decide at once. A decline names every rule that did not hold; an approval
/// comes with an offer and all that must be disclosed.
#[utoipa::path(
    post, path = "/v1/applications", tag = "applications", operation_id = "apply",
    request_body = NewApplication,
    responses((status = 201, description = "Decided.", body = ApplicationBody)),
    security(("key" = ["contracts"])),
)]
async fn apply(State(api): State<Api>, new: Command<Json<NewApplication>>) -> Answer {
    let applied = api.bank.apply(&new.call, &application(new.body.0)?).await?;
    let view = |Applied { id, application }: Applied| view(id, application);
    created(applied, |it| format!("/v1/applications/{}", it.id), view)
}

/// Read an application
#[utoipa::path(
    get, path = "/v1/applications/{application}", tag = "applications",
    operation_id = "get_application",
    params(("application" = Name, Path, description = "The application's id.")),
    responses((status = 200, description = "The application.", body = ApplicationBody)),
    security(("key" = ["read"])),
)]
async fn get(State(api): State<Api>, By(caller): By, At(id): At<ApplicationId>) -> Answer {
    let application = api.bank.application(&caller, id).await?;
    versioned(application.version, view(id, application.record))
}

/// Sign an offer
///
/// The application becomes a loan contract, which is then disbursed.
#[utoipa::path(
    post, path = "/v1/applications/{application}/sign", tag = "applications",
    operation_id = "sign",
    params(("application" = Name, Path, description = "The application's id.")),
    responses((status = 200, description = "Signed.", body = SignedBody)),
    security(("key" = ["contracts"])),
)]
async fn sign(
    State(api): State<Api>,
    At(id): At<ApplicationId>,
    command: Command<Nothing>,
) -> Answer {
    let signed = api.bank.sign(&command.call, id).await?;
    done(signed, |Signed { loan }| SignedBody { loan: loan.into() })
}

fn application(new: NewApplication) -> Result<Apply, ApiError> {
    let NewApplication { party, product, amount, price, term, facts } = new;
    let (party, amount) = (party.id(), amount.read("/amount")?);
    let price = price.map(|it| it.read("/price")).transpose()?;
    Ok(Apply { party, product, amount, price, term, facts })
}

fn view(id: ApplicationId, application: Application) -> ApplicationBody {
    let currency = application.currency;
    ApplicationBody {
        id: id.into(),
        party: application.borrower.into(),
        product: application.product,
        version: application.version,
        amount: Money::of(application.amount, currency),
        price: application.price.map(|it| Money::of(it, currency)),
        term: application.term,
        submitted_on: Day(application.submitted_on),
        applicant: applicant(application.applicant, currency),
        facts: application.facts,
        decision: decision(application.decision),
    }
}

pub(crate) fn applicant(applicant: Applicant, currency: Currency) -> ApplicantBody {
    let Applicant { age, kind, kyc_level, outstanding, days_past_due } = applicant;
    let outstanding = Money::of(outstanding, currency);
    ApplicantBody { age, kind, kyc_level, outstanding, days_past_due }
}

fn decision(decision: Decision) -> DecisionBody {
    match decision {
        Decision::Declined { reasons } => {
            DecisionBody::Declined { reasons: reasons.into_iter().map(reason).collect() }
        }
        Decision::Approved { offer } => DecisionBody::Approved { offer: Box::new(offered(*offer)) },
        Decision::Signed { on } => DecisionBody::Signed { on: Day(on) },
    }
}

pub(crate) fn reason(failure: Failure) -> ReasonBody {
    ReasonBody { code: failure.code, en: failure.reason.en, zh: failure.reason.zh }
}

fn offered(offer: Offer) -> OfferBody {
    let valid_until = Day(offer.valid_until);
    OfferBody { valid_until, disclosure: disclosure(offer.disclosure) }
}

pub(crate) fn disclosure(told: Disclosure) -> DisclosureBody {
    let currency = told.currency;
    let major = |amount| Major::of(amount, currency);
    DisclosureBody {
        currency: currency.to_string(),
        principal: major(told.principal),
        price: told.price.map(major),
        down_payment: told.down_payment.map(major),
        paid_out: major(told.paid_out),
        term: told.term,
        every: told.every.map(|it| it.to_string()),
        method: told.method,
        rate: told.rate.to_string(),
        day_count: told.day_count,
        annual_cost_simple: told.annual_cost_simple.to_string(),
        annual_cost_compound: told.annual_cost_compound.to_string(),
        total_interest: major(told.total_interest),
        upfront: told.upfront.into_iter().map(|it| (it.code, major(it.amount))).collect(),
        upfront_fees: major(told.upfront_fees),
        instalment_fees: major(told.instalment_fees),
        total_repayable: major(told.total_repayable),
        penalty: told.penalty.map(|it| penalty(it, told.rate)),
        allocation: told.allocation,
        early_settlement: told.early_settlement,
        early_settlement_fee: told.early_settlement_fee,
        disbursed_on: Day(told.disbursed_on),
        plan: told.plan.iter().map(|it| instalment(it, currency)).collect(),
    }
}
