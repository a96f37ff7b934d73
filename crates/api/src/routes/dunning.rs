//! Dunning: what was done about loans that are past due, and what is next.

use axum::extract::State;
use bank::tables::LoanId;
use lending::{Dunning, dunning::Reached};
use serde::{Deserialize, Serialize};
use stdx::Id;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Answer, PageView, ok, page},
    request::{Asked, At, By, cursor, limit, page_default},
    router::Api,
    wire::{Day, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get))
}

/// Which loans.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DunnedBy {
    /// Those of which this step was the last; all when absent.
    #[serde(default)]
    step: Option<String>,
    /// `next` of the page before; the first page when absent.
    after: Option<String>,
    /// How many things at most.
    #[serde(default = "page_default", deserialize_with = "limit")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: usize,
}

/// Where the dunning of a loan stands.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanDunning)]
struct DunningBody {
    /// The loan.
    loan: Name,
    /// The due date from which it has been past due; null while it is not.
    since: Option<Day>,
    /// The last step that was taken since.
    last: Option<ReachedBody>,
    /// The step that is next.
    next: Option<NextBody>,
    /// The steps that were taken, in these arrears and before them, oldest first.
    steps: Vec<ReachedBody>,
}

/// A step that was taken.
#[derive(Serialize, ToSchema)]
#[schema(as = DunningStepReached)]
struct ReachedBody {
    /// Its name in the product.
    step: String,
    /// At the end of which business date.
    on: Day,
    /// Days past due then.
    days_past_due: u32,
}

/// A step that is to be taken.
#[derive(Serialize, ToSchema)]
#[schema(as = DunningStepNext)]
struct NextBody {
    /// Its name in the product.
    step: String,
    /// The business date at whose end it is taken, if the loan is past due then.
    on: Day,
}

/// List loans that are dunned
///
/// The work list of a step: the loans of which it is the last one that was taken, while they are
/// past due.
#[utoipa::path(
    get, path = "/v1/dunning", tag = "loans", operation_id = "list_dunning",
    params(DunnedBy),
    responses((status = 200, description = "Oldest loan first.", body = PageView<DunningBody>)),
    security(("key" = ["read"])),
)]
async fn list(State(api): State<Api>, By(caller): By, Asked(asked): Asked<DunnedBy>) -> Answer {
    let after = cursor(asked.after.as_deref())?;
    let found = api.bank.dunned(&caller, asked.step.as_deref(), after, asked.limit).await?;
    page(found, |(id, it)| view(id, it.record))
}

/// Read a loan's dunning
#[utoipa::path(
    get, path = "/v1/loans/{loan}/dunning", tag = "loans", operation_id = "get_loan_dunning",
    params(("loan" = Name, Path, description = "The loan's id.")),
    responses((status = 200, description = "The dunning.", body = DunningBody)),
    security(("key" = ["read"])),
)]
async fn get(State(api): State<Api>, By(caller): By, At(id): At<LoanId>) -> Answer {
    ok(view(id.cast(), api.bank.loan_dunning(&caller, id).await?))
}

fn view(loan: Id<()>, dunning: Dunning) -> DunningBody {
    let last = dunning.step().cloned().map(reached);
    let Dunning { since, next, reached: steps, .. } = dunning;
    let next = next.map(|it| NextBody { step: it.step, on: Day(it.on) });
    let steps = steps.into_iter().map(reached).collect();
    DunningBody { loan: loan.into(), since: since.map(Day), last, next, steps }
}

fn reached(it: Reached) -> ReachedBody {
    ReachedBody { step: it.step, on: Day(it.on), days_past_due: it.days_past_due }
}
