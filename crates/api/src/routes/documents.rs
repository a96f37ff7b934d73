//! Documents for customers: statements of loans, accounts and deposits, the disclosure of a loan.

use axum::extract::State;
use bank::tables::{CurrentAccountId, LoanId, TermDepositId};
use serde::Deserialize;
use stdx::Date;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::statements::needed_day;
use crate::{
    answer::Answer,
    document::{
        Accepted, Document,
        shape::{Disclosure as DisclosureShape, Pdf as PdfShape, Statement as StatementShape},
    },
    request::{Asked, At, By},
    router::Api,
    wire::Name,
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(loan_statement))
        .routes(routes!(loan_disclosure))
        .routes(routes!(account_statement))
        .routes(routes!(deposit_statement))
}

/// Which business dates.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Days {
    /// The first.
    #[serde(deserialize_with = "needed_day")]
    #[param(value_type = String, format = Date, example = "2024-02-01")]
    from: Date,
    /// The last: the business date or earlier, and at most ten years after the first.
    #[serde(deserialize_with = "needed_day")]
    #[param(value_type = String, format = Date, example = "2024-03-01")]
    to: Date,
}

/// Read a loan's statement
///
/// What happened to the loan on some business dates, with the principal before and after, and its
/// instalments as they stood on the last of them. JSON or PDF, as `Accept` says; the PDF in Chinese
/// or English, as `Accept-Language` says.
#[utoipa::path(
    get, path = "/v1/loans/{loan}/statement", tag = "loans", operation_id = "get_loan_statement",
    params(("loan" = Name, Path, description = "The loan's id."), Days),
    responses((status = 200, description = "The statement.", content(
        (StatementShape = "application/json"), (PdfShape = "application/pdf"),
    ))),
    security(("key" = ["read"])),
)]
async fn loan_statement(
    State(api): State<Api>,
    By(caller): By,
    At(id): At<LoanId>,
    days: Asked<Days>,
    accepted: Accepted,
) -> Answer {
    let Days { from, to } = days.0;
    let statement = api.bank.loan_statement(&caller, id, (from, to)).await?;
    Document::Statement(Box::new(statement))
        .answer(accepted, &format!("statement-{id}-{from}-{to}"))
        .await
}

/// Read a loan's disclosure
///
/// What the borrower is told (中国人民银行公告〔2021〕第3号): the annual cost simple and
/// compound, the plan, every fee, the amount in words, the product and its version. As of the day
/// the loan was paid out, or before that as of the day it was signed. JSON or PDF, as `Accept`
/// says; the PDF in Chinese or English, as `Accept-Language` says.
#[utoipa::path(
    get, path = "/v1/loans/{loan}/disclosure", tag = "loans", operation_id = "get_loan_disclosure",
    params(("loan" = Name, Path, description = "The loan's id.")),
    responses((status = 200, description = "The disclosure.", content(
        (DisclosureShape = "application/json"), (PdfShape = "application/pdf"),
    ))),
    security(("key" = ["read"])),
)]
async fn loan_disclosure(
    State(api): State<Api>,
    By(caller): By,
    At(id): At<LoanId>,
    accepted: Accepted,
) -> Answer {
    let disclosure = api.bank.loan_disclosure(&caller, id).await?;
    Document::Disclosure(Box::new(disclosure)).answer(accepted, &format!("disclosure-{id}")).await
}

/// Read an account's statement
///
/// What came in and went out on some business dates, with the balance before and after. JSON or
/// PDF, as `Accept` says; the PDF in Chinese or English, as `Accept-Language` says.
#[utoipa::path(
    get, path = "/v1/accounts/{account}/statement", tag = "accounts",
    operation_id = "get_account_statement",
    params(("account" = Name, Path, description = "The account's id."), Days),
    responses((status = 200, description = "The statement.", content(
        (StatementShape = "application/json"), (PdfShape = "application/pdf"),
    ))),
    security(("key" = ["read"])),
)]
async fn account_statement(
    State(api): State<Api>,
    By(caller): By,
    At(id): At<CurrentAccountId>,
    days: Asked<Days>,
    accepted: Accepted,
) -> Answer {
    let Days { from, to } = days.0;
    let statement = api.bank.account_statement(&caller, id, (from, to)).await?;
    Document::Statement(Box::new(statement))
        .answer(accepted, &format!("statement-{id}-{from}-{to}"))
        .await
}

/// Read a term deposit's statement
///
/// What was put in, taken out and added of interest on some business dates, with the principal
/// before and after. JSON or PDF, as `Accept` says; the PDF in Chinese or English, as
/// `Accept-Language` says.
#[utoipa::path(
    get, path = "/v1/term-deposits/{deposit}/statement", tag = "deposits",
    operation_id = "get_deposit_statement",
    params(("deposit" = Name, Path, description = "The deposit's id."), Days),
    responses((status = 200, description = "The statement.", content(
        (StatementShape = "application/json"), (PdfShape = "application/pdf"),
    ))),
    security(("key" = ["read"])),
)]
async fn deposit_statement(
    State(api): State<Api>,
    By(caller): By,
    At(id): At<TermDepositId>,
    days: Asked<Days>,
    accepted: Accepted,
) -> Answer {
    let Days { from, to } = days.0;
    let statement = api.bank.deposit_statement(&caller, id, (from, to)).await?;
    Document::Statement(Box::new(statement))
        .answer(accepted, &format!("statement-{id}-{from}-{to}"))
        .await
}
