//! Credit lines: ask for a limit, draw, hold and capture, change the limit, freeze, renew, close.

use std::collections::BTreeMap;

use axum::extract::State;
use bank::{
    lines::{ApplyForLine, Draw, LineApplied, LineChanged, LineState, NewHold},
    tables::{LineApplicationId, LineId},
};
use lending::{
    Application,
    application::Decision,
    line::{Hold, HoldStatus, LineOffer, LineStatus},
};
use money::Currency;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::applications::{
    ApplicantBody, DisclosureBody, ReasonBody, applicant, disclosure, reason,
};
use crate::{
    answer::{Answer, PageView, created, done, page, versioned},
    request::{Asked, At, By, Command, Json, Maybe, Nothing, cursor, limit, page_default},
    router::Api,
    schema,
    wire::{Day, Money, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(apply))
        .routes(routes!(get_application))
        .routes(routes!(sign))
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(draw))
        .routes(routes!(hold))
        .routes(routes!(capture))
        .routes(routes!(release))
        .routes(routes!(change_limit))
        .routes(routes!(raise_limit))
        .routes(routes!(freeze))
        .routes(routes!(unfreeze))
        .routes(routes!(renew))
        .routes(routes!(close))
}

/// Which limit somebody asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "party": "0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", "product": "revolving-credit",
    "limit": { "amount": "20000.00", "currency": "CNY" },
}))]
struct NewLineApplication {
    /// Who.
    party: Name,
    /// Under which product.
    product: String,
    /// How high.
    limit: Money,
    /// What the product asks beside; its definition lists the facts.
    #[serde(default)]
    #[schema(value_type = Object)]
    facts: BTreeMap<String, Value>,
}

/// An application for a line, with its decision.
#[derive(Serialize, ToSchema)]
#[schema(as = LineApplication)]
struct LineApplicationBody {
    id: Name,
    /// Who asked.
    party: Name,
    /// Under which product.
    product: String,
    /// The version that decided.
    version: u32,
    /// The limit that was asked for.
    limit: Money,
    /// When.
    submitted_on: Day,
    /// What the rules knew of the applicant.
    applicant: ApplicantBody,
    /// What the applicant declared.
    #[schema(value_type = Object)]
    facts: BTreeMap<String, Value>,
    /// What came of it.
    decision: LineDecisionBody,
}

/// What came of an application for a line.
#[derive(Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "kebab-case", rename_all_fields = "snake_case")]
#[schema(as = LineDecision)]
enum LineDecisionBody {
    /// At least one rule did not hold.
    Declined {
        /// Which.
        reasons: Vec<ReasonBody>,
    },
    /// Every rule held: here is the offer.
    Approved {
        /// What may be signed.
        offer: Box<LineOfferBody>,
    },
    /// The offer was signed.
    Signed {
        /// When.
        on: Day,
    },
}

/// What may be signed.
#[derive(Serialize, ToSchema)]
#[schema(as = LineOffer)]
struct LineOfferBody {
    /// The last day on which it may be signed.
    valid_until: Day,
    /// The limit.
    limit: Money,
    /// How many months it may be drawn on, from signing.
    months: u32,
    /// What the largest drawing would cost, made on the day of the offer.
    drawing: Option<DisclosureBody>,
    /// In place of drawings, how its account would be served: the `statement` of the product.
    #[schema(value_type = Option<Object>)]
    statement: Option<Value>,
}

/// Whose lines.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LinesOf {
    /// Only those of this party.
    #[serde(default)]
    #[param(value_type = Option<String>, format = Uuid)]
    party: Option<Name>,
    /// `next` of the page before; the first page when absent.
    after: Option<String>,
    /// How many things at most; a page has no more than 50.
    #[serde(default = "page_default", deserialize_with = "limit")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: usize,
}

/// What is drawn.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "amount": { "amount": "5000.00", "currency": "CNY" }, "term": 3 }))]
struct NewDrawing {
    /// How much.
    amount: Money,
    /// In how many instalments; the product's usual number when absent.
    term: Option<u32>,
}

/// What is kept free for a purchase.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "amount": { "amount": "399.00", "currency": "CNY" }, "purpose": "order 20250131-7",
}))]
struct NewLimitHold {
    /// How much.
    amount: Money,
    /// The last day on which it may be captured; as late as the product allows when absent.
    until: Option<Day>,
    /// What for, such as the number of an order; at most 200 characters.
    purpose: String,
}

/// What is drawn of a hold.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
struct Capture {
    /// How much; all of it when absent. The rest is free again.
    #[serde(default)]
    amount: Option<Money>,
    /// In how many instalments; the product's usual number when absent.
    #[serde(default)]
    term: Option<u32>,
}

/// Another limit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "limit": { "amount": "30000.00", "currency": "CNY" } }))]
struct NewLimit {
    /// How high.
    limit: Money,
}

/// A higher limit for a while.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "limit": { "amount": "60000.00", "currency": "CNY" }, "until": "2025-02-11",
}))]
struct NewTemporaryLimit {
    /// How high.
    limit: Money,
    /// The last day.
    until: Day,
}

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LineReason, example = json!({ "reason": "The borrower lost the phone." }))]
struct Why {
    /// At most 200 characters; no personal data, since it stays in the event log.
    reason: String,
}

/// A credit line and what is used of it.
#[derive(Serialize, ToSchema)]
#[schema(as = Line)]
struct LineBody {
    id: Name,
    /// Who may draw on it.
    party: Name,
    /// The product it was opened under.
    product: String,
    /// And which version of it; drawings are made under it too.
    product_version: u32,
    /// Where it stands.
    #[schema(value_type = schema::LineStatus)]
    status: LineStatus,
    /// Whether the last day to draw is over; it can be renewed.
    expired: bool,
    /// The limit that was agreed.
    agreed_limit: Money,
    /// A higher one for a while.
    temporary: Option<TemporaryBody>,
    /// What is used and what is left.
    utilisation: UtilisationBody,
    /// When it was opened.
    opened_on: Day,
    /// The last day on which it may be drawn on.
    available_until: Day,
    /// When it was closed.
    closed_on: Option<Day>,
    /// Holds that live, and some of the last that ended.
    holds: Vec<HoldBody>,
    /// How many drawings there were. They are loans, with `line` naming this one.
    drawings: u32,
}

/// A limit for a while.
#[derive(Serialize, ToSchema)]
#[schema(as = TemporaryLimit)]
struct TemporaryBody {
    /// How high.
    limit: Money,
    /// The last day.
    until: Day,
}

/// What is used of a limit and what is left.
#[derive(Serialize, ToSchema)]
#[schema(as = Utilisation)]
struct UtilisationBody {
    /// The limit of the business date.
    limit: Money,
    /// Principal owed on the drawings; of a line with statements, the balance of its account.
    drawn: Money,
    /// What is held.
    held: Money,
    /// What may be drawn or held now: nothing while it is frozen, expired, overdue or closed.
    available: Money,
    /// The used share of the limit; more than 1 when the limit was lowered.
    #[schema(example = "0.25")]
    share: String,
}

/// A part of the limit that is kept free.
#[derive(Serialize, ToSchema)]
#[schema(as = LimitHold)]
struct HoldBody {
    /// From 1, in the order of the line's holds.
    number: u32,
    /// How much.
    amount: Money,
    /// The last day on which it may be captured.
    until: Day,
    /// What for.
    purpose: String,
    /// What became of it.
    #[schema(value_type = schema::LimitHoldStatus)]
    status: HoldStatus,
}

/// What a command on a line left.
#[derive(Serialize, ToSchema)]
#[schema(as = LineChanged)]
struct ChangedBody {
    /// Which line.
    line: Name,
    /// The business date.
    on: Day,
    /// Where the line stands now.
    #[schema(value_type = schema::LineStatus)]
    status: LineStatus,
    /// The limit of the day.
    limit: Money,
    /// Principal owed on the drawings; of a line with statements, the balance of its account.
    drawn: Money,
    /// What is held.
    held: Money,
    /// What may be drawn or held now.
    available: Money,
    /// The loan that was drawn and paid out.
    loan: Option<Name>,
    /// The number of the hold that was made.
    hold: Option<u32>,
}

/// Apply for a line
///
/// The product's rules decide at once about the limit. An approval comes with what a drawing would
/// cost.
#[utoipa::path(
    post, path = "/v1/line-applications", tag = "lines", operation_id = "apply_for_line",
    request_body = NewLineApplication,
    responses((status = 201, description = "Decided.", body = LineApplicationBody)),
    security(("key" = ["contracts"])),
)]
async fn apply(State(api): State<Api>, new: Command<Json<NewLineApplication>>) -> Answer {
    let NewLineApplication { party, product, limit, facts } = new.body.0;
    let apply = ApplyForLine { party: party.id(), product, limit: limit.read("/limit")?, facts };
    let applied = api.bank.apply_for_line(&new.call, &apply).await?;
    let view = |LineApplied { id, application }: LineApplied| application_view(id, application);
    created(applied, |it| format!("/v1/line-applications/{}", it.id), view)
}

/// Read an application for a line
#[utoipa::path(
    get, path = "/v1/line-applications/{application}", tag = "lines",
    operation_id = "get_line_application",
    params(("application" = Name, Path, description = "The application's id.")),
    responses((status = 200, description = "The application.", body = LineApplicationBody)),
    security(("key" = ["read"])),
)]
async fn get_application(
    State(api): State<Api>,
    By(caller): By,
    At(id): At<LineApplicationId>,
) -> Answer {
    let application = api.bank.line_application(&caller, id).await?;
    versioned(application.version, application_view(id, application.record))
}

/// Sign the offer of a line
///
/// The line is open and can be drawn on.
#[utoipa::path(
    post, path = "/v1/line-applications/{application}/sign", tag = "lines",
    operation_id = "sign_line",
    params(("application" = Name, Path, description = "The application's id.")),
    responses((status = 200, description = "Open.", body = ChangedBody)),
    security(("key" = ["contracts"])),
)]
async fn sign(
    State(api): State<Api>,
    At(id): At<LineApplicationId>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.sign_line(&command.call, id).await?, changed)
}

/// List lines
///
/// Oldest first; of one party, or all.
#[utoipa::path(
    get, path = "/v1/lines", tag = "lines", operation_id = "list_lines",
    params(LinesOf),
    responses((status = 200, description = "A page.", body = PageView<LineBody>)),
    security(("key" = ["read"])),
)]
async fn list(State(api): State<Api>, By(caller): By, of: Asked<LinesOf>) -> Answer {
    let LinesOf { party, after, limit } = of.0;
    let after = cursor(after.as_deref())?;
    page(api.bank.lines(&caller, party.map(Name::id), after, limit).await?, view)
}

/// Read a line
#[utoipa::path(
    get, path = "/v1/lines/{line}", tag = "lines", operation_id = "get_line",
    params(("line" = Name, Path, description = "The line's id.")),
    responses((status = 200, description = "The line.", body = LineBody)),
    security(("key" = ["read"])),
)]
async fn get(State(api): State<Api>, By(caller): By, At(id): At<LineId>) -> Answer {
    let line = api.bank.line(&caller, id).await?;
    versioned(line.version, view(line))
}

/// Draw on a line
///
/// Makes a loan under the product version of the line and pays it out at once, less the fees kept
/// back. The loan is repaid as any other, which frees the limit again.
#[utoipa::path(
    post, path = "/v1/lines/{line}/drawings", tag = "lines", operation_id = "draw",
    params(("line" = Name, Path, description = "The line's id.")),
    request_body = NewDrawing,
    responses((status = 200, description = "Paid out.", body = ChangedBody)),
    security(("key" = ["payments"])),
)]
async fn draw(
    State(api): State<Api>,
    At(id): At<LineId>,
    new: Command<Json<NewDrawing>>,
) -> Answer {
    let NewDrawing { amount, term } = new.body.0;
    let draw = Draw { amount: Some(amount.read("/amount")?), term };
    done(api.bank.draw(&new.call, id, draw).await?, changed)
}

/// Hold a part of a limit
///
/// Keeps it free for a purchase until it is captured or released, or its last day is over.
#[utoipa::path(
    post, path = "/v1/lines/{line}/holds", tag = "lines", operation_id = "hold_limit",
    params(("line" = Name, Path, description = "The line's id.")),
    request_body = NewLimitHold,
    responses((status = 200, description = "Held.", body = ChangedBody)),
    security(("key" = ["payments"])),
)]
async fn hold(
    State(api): State<Api>,
    At(id): At<LineId>,
    new: Command<Json<NewLimitHold>>,
) -> Answer {
    let NewLimitHold { amount, until, purpose } = new.body.0;
    let amount = amount.read("/amount")?;
    let hold = NewHold { amount, until: until.map(|it| it.0), purpose };
    done(api.bank.hold_limit(&new.call, id, &hold).await?, changed)
}

/// Capture a hold
///
/// Draws what is held, or a part of it, the rest being free again. A hold is honoured also when the
/// line was frozen, expired or lowered since.
#[utoipa::path(
    post, path = "/v1/lines/{line}/holds/{number}/capture", tag = "lines",
    operation_id = "capture_hold",
    params(
        ("line" = Name, Path, description = "The line's id."),
        ("number" = u32, Path, description = "The hold's number."),
    ),
    request_body = Option<Capture>,
    responses((status = 200, description = "Paid out.", body = ChangedBody)),
    security(("key" = ["payments"])),
)]
async fn capture(
    State(api): State<Api>,
    At((id, number)): At<(LineId, u32)>,
    part: Command<Maybe<Capture>>,
) -> Answer {
    let Capture { amount, term } = part.body.0;
    let amount = amount.map(|it| it.read("/amount")).transpose()?;
    done(api.bank.capture_hold(&part.call, id, number, Draw { amount, term }).await?, changed)
}

/// Release a hold
#[utoipa::path(
    post, path = "/v1/lines/{line}/holds/{number}/release", tag = "lines",
    operation_id = "release_hold",
    params(
        ("line" = Name, Path, description = "The line's id."),
        ("number" = u32, Path, description = "The hold's number."),
    ),
    responses((status = 200, description = "Free again.", body = ChangedBody)),
    security(("key" = ["payments"])),
)]
async fn release(
    State(api): State<Api>,
    At((id, number)): At<(LineId, u32)>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.release_hold(&command.call, id, number).await?, changed)
}

/// Change the limit of a line
///
/// It may become less than is used of it: then nothing more can be drawn.
#[utoipa::path(
    post, path = "/v1/lines/{line}/limit", tag = "lines", operation_id = "change_limit",
    params(("line" = Name, Path, description = "The line's id.")),
    request_body = NewLimit,
    responses((status = 200, description = "Changed.", body = ChangedBody)),
    security(("key" = ["approve"])),
)]
async fn change_limit(
    State(api): State<Api>,
    At(id): At<LineId>,
    new: Command<Json<NewLimit>>,
) -> Answer {
    let limit = new.body.0.limit.read("/limit")?;
    done(api.bank.change_limit(&new.call, id, limit).await?, changed)
}

/// Raise the limit of a line for a while
#[utoipa::path(
    post, path = "/v1/lines/{line}/temporary-limit", tag = "lines", operation_id = "raise_limit",
    params(("line" = Name, Path, description = "The line's id.")),
    request_body = NewTemporaryLimit,
    responses((status = 200, description = "Raised.", body = ChangedBody)),
    security(("key" = ["approve"])),
)]
async fn raise_limit(
    State(api): State<Api>,
    At(id): At<LineId>,
    new: Command<Json<NewTemporaryLimit>>,
) -> Answer {
    let limit = new.body.0.limit.read("/limit")?;
    done(api.bank.raise_limit(&new.call, id, limit, new.body.0.until.0).await?, changed)
}

/// Freeze a line
///
/// Nothing is drawn or held for the time being; what was held before can be captured.
#[utoipa::path(
    post, path = "/v1/lines/{line}/freeze", tag = "lines", operation_id = "freeze_line",
    params(("line" = Name, Path, description = "The line's id.")),
    request_body = Why,
    responses((status = 200, description = "Frozen.", body = ChangedBody)),
    security(("key" = ["payments"])),
)]
async fn freeze(State(api): State<Api>, At(id): At<LineId>, why: Command<Json<Why>>) -> Answer {
    done(api.bank.freeze_line(&why.call, id, &why.body.0.reason).await?, changed)
}

/// Unfreeze a line
#[utoipa::path(
    post, path = "/v1/lines/{line}/unfreeze", tag = "lines", operation_id = "unfreeze_line",
    params(("line" = Name, Path, description = "The line's id.")),
    request_body = Why,
    responses((status = 200, description = "Open again.", body = ChangedBody)),
    security(("key" = ["approve"])),
)]
async fn unfreeze(State(api): State<Api>, At(id): At<LineId>, why: Command<Json<Why>>) -> Answer {
    done(api.bank.unfreeze_line(&why.call, id, &why.body.0.reason).await?, changed)
}

/// Renew a line
///
/// From today it may be drawn on for as long as a new one.
#[utoipa::path(
    post, path = "/v1/lines/{line}/renew", tag = "lines", operation_id = "renew_line",
    params(("line" = Name, Path, description = "The line's id.")),
    responses((status = 200, description = "Renewed.", body = ChangedBody)),
    security(("key" = ["approve"])),
)]
async fn renew(State(api): State<Api>, At(id): At<LineId>, command: Command<Nothing>) -> Answer {
    done(api.bank.renew_line(&command.call, id).await?, changed)
}

/// Close a line
///
/// When nothing is drawn or held, and nothing owed on its account, which is closed with it.
#[utoipa::path(
    post, path = "/v1/lines/{line}/close", tag = "lines", operation_id = "close_line",
    params(("line" = Name, Path, description = "The line's id.")),
    responses((status = 200, description = "Closed.", body = ChangedBody)),
    security(("key" = ["contracts"])),
)]
async fn close(State(api): State<Api>, At(id): At<LineId>, command: Command<Nothing>) -> Answer {
    done(api.bank.close_line(&command.call, id).await?, changed)
}

fn application_view(
    id: LineApplicationId,
    application: Application<LineOffer>,
) -> LineApplicationBody {
    let currency = application.currency;
    LineApplicationBody {
        id: id.into(),
        party: application.borrower.into(),
        product: application.product,
        version: application.version,
        limit: Money::of(application.amount, currency),
        submitted_on: Day(application.submitted_on),
        applicant: applicant(application.applicant, currency),
        facts: application.facts,
        decision: decision(application.decision, currency),
    }
}

fn decision(decision: Decision<LineOffer>, currency: Currency) -> LineDecisionBody {
    match decision {
        Decision::Declined { reasons } => {
            LineDecisionBody::Declined { reasons: reasons.into_iter().map(reason).collect() }
        }
        Decision::Approved { offer } => {
            let LineOffer { valid_until, limit, months, drawing, statement } = *offer;
            let (valid_until, limit) = (Day(valid_until), Money::of(limit, currency));
            let drawing = drawing.map(disclosure);
            let statement = statement.map(|it| json!(it.statement));
            let offer = LineOfferBody { valid_until, limit, months, drawing, statement };
            LineDecisionBody::Approved { offer: Box::new(offer) }
        }
        Decision::Signed { on } => LineDecisionBody::Signed { on: Day(on) },
    }
}

fn view(state: LineState) -> LineBody {
    let LineState { id, line, utilisation: used, expired, .. } = state;
    let money = |amount| Money::of(amount, line.currency);
    LineBody {
        id: id.into(),
        party: line.borrower.into(),
        status: line.status,
        expired,
        agreed_limit: money(line.limit),
        temporary: line
            .temporary
            .map(|it| TemporaryBody { limit: money(it.limit), until: Day(it.until) }),
        utilisation: UtilisationBody {
            limit: money(used.limit),
            drawn: money(used.drawn),
            held: money(used.held),
            available: money(used.available),
            share: used.share.normalize().to_string(),
        },
        opened_on: Day(line.opened_on),
        available_until: Day(line.available_until),
        closed_on: line.closed_on.map(Day),
        holds: line.holds.iter().map(|it| hold_view(it, line.currency)).collect(),
        drawings: line.drawings,
        product: line.product,
        product_version: line.version,
    }
}

fn hold_view(hold: &Hold, currency: Currency) -> HoldBody {
    HoldBody {
        number: hold.number,
        amount: Money::of(hold.amount, currency),
        until: Day(hold.until),
        purpose: hold.purpose.clone(),
        status: hold.status,
    }
}

fn changed(changed: LineChanged) -> ChangedBody {
    let LineChanged { line, on, status, limit, drawn, held, available, loan, hold } = changed;
    ChangedBody {
        line: line.into(),
        on: Day(on),
        status,
        limit: limit.into(),
        drawn: drawn.into(),
        held: held.into(),
        available: available.into(),
        loan: loan.map(Name::from),
        hold,
    }
}
