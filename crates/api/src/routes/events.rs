//! The event log: what happened, in order, and who did it.

use axum::extract::State;
use bank::{LogRow, Page, StoreError};
use serde::Serialize;
use serde_json::value::RawValue;
use stdx::Digest;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Answer, PageView, page},
    request::{Asked, By, PageOf},
    router::Api,
    wire::{Day, Moment, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list))
}

/// One command that was carried out. Rows of a lane are chained by hash.
#[derive(Serialize, ToSchema)]
#[schema(as = LogEntry)]
struct EntryBody {
    /// Its place in the log; the cursor.
    position: u64,
    /// Its lane.
    lane: Name,
    /// Its place in the lane, from 1.
    seq: u64,
    /// When it was booked.
    at: Moment,
    /// On which business date.
    business_date: Day,
    /// Who gave the command.
    actor: String,
    /// The command.
    command: String,
    /// The records it wrote.
    records: Vec<RecordBody>,
    /// What happened.
    events: Vec<EventBody>,
    /// The transfers it booked.
    transfers: Vec<Name>,
    /// The hash of this row and, through the row before, of the whole lane.
    #[schema(value_type = String)]
    root: Digest,
}

/// A record a command wrote.
#[derive(Serialize, ToSchema)]
#[schema(as = WrittenRecord)]
struct RecordBody {
    /// Its kind.
    kind: String,
    /// Its id.
    id: Name,
    /// Its version after it.
    version: u64,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
struct EventBody {
    /// Its name.
    #[schema(example = "loan-disbursed")]
    name: String,
    /// The record it is about.
    subject: Name,
    /// The facts exactly as they are hashed. A whole number standing for an amount counts minor
    /// units of the subject's currency.
    #[schema(value_type = Value)]
    data: Box<RawValue>,
}

/// Read the event log
///
/// Oldest first: the audit log of everything the institution did.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", operation_id = "list_events",
    params(PageOf),
    responses((status = 200, description = "A page.", body = PageView<EntryBody>)),
    security(("key" = ["audit"])),
)]
async fn list(State(api): State<Api>, By(caller): By, of: Asked<PageOf>) -> Answer {
    let Page { data, next } = api.bank.log(&caller, of.0.after()?.unwrap_or(0), of.0.limit).await?;
    let data = data.into_iter().map(view).collect::<Result<_, _>>();
    page(Page { data: data.map_err(bank::Refusal::from)?, next }, |it| it)
}

fn view(row: LogRow) -> Result<EntryBody, StoreError> {
    let body = row.body()?;
    let record =
        |it: bank::RecordEntry| RecordBody { kind: it.kind, id: it.id.into(), version: it.version };
    let event =
        |it: bank::Event| EventBody { name: it.kind, subject: it.subject.into(), data: it.body };
    Ok(EntryBody {
        transfers: row.transfers()?.iter().map(|it| it.transfer.id.into()).collect(),
        position: row.position,
        lane: row.lane.into(),
        seq: row.seq,
        at: Moment(row.at),
        business_date: Day(body.today),
        actor: row.actor,
        command: row.command,
        records: body.records.into_iter().map(record).collect(),
        events: body.events.into_iter().map(event).collect(),
        root: row.root,
    })
}
