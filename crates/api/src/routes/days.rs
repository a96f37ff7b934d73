//! The business date.

use axum::extract::State;
use bank::days::DayClosed;
use serde::{Deserialize, Serialize};
use stdx::Digest;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Answer, done, ok},
    request::{By, Command, Json},
    router::Api,
    wire::Day,
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(business_date)).routes(routes!(close_business_date))
}

/// The day being worked on.
#[derive(Serialize, ToSchema)]
struct BusinessDate {
    /// It moves when the day is closed, never by the clock.
    date: Day,
    /// The business day after it; null beyond the calendar.
    next: Option<Day>,
    /// The business calendar.
    calendar: String,
}

/// The day to close.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "date": "2025-01-31" }))]
struct CloseDate {
    /// The business date, so that a day is not closed by mistake.
    date: Day,
}

/// A day that was closed.
#[derive(Serialize, ToSchema)]
#[schema(as = DayClosed)]
struct ClosedBody {
    /// The day.
    date: Day,
    /// The business date now.
    next: Day,
    /// The state hash at the end of the day, before the date moved.
    #[schema(value_type = String)]
    state_hash: Digest,
}

/// Read the business date
#[utoipa::path(
    get, path = "/v1/business-date", tag = "days", operation_id = "get_business_date",
    responses((status = 200, description = "The business date.", body = BusinessDate)),
    security(("key" = ["read"])),
)]
async fn business_date(State(api): State<Api>, By(caller): By) -> Answer {
    let institution = api.bank.institution(&caller).await?.record;
    let next = institution.calendar().next_business_day(institution.business_date).map(Day);
    let (date, calendar) = (Day(institution.business_date), institution.calendar);
    ok(BusinessDate { date, next, calendar })
}

/// Close the business date
///
/// Closes every contract's day (interest, penalty, what becomes due), then moves the date to the
/// next business day. It can be broken off anywhere: closing the same date again goes on with what
/// is left.
#[utoipa::path(
    post, path = "/v1/business-date/close", tag = "days", operation_id = "close_business_date",
    request_body = CloseDate,
    responses((status = 200, description = "Closed.", body = ClosedBody)),
    security(("key" = ["days"])),
)]
async fn close_business_date(State(api): State<Api>, close: Command<Json<CloseDate>>) -> Answer {
    done(api.bank.close_business_date(&close.call, close.body.0.date.0).await?, closed)
}

fn closed(closed: DayClosed) -> ClosedBody {
    let DayClosed { date, next, state_hash } = closed;
    ClosedBody { date: Day(date), next: Day(next), state_hash }
}
