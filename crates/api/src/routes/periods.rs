//! The accounting periods, the year-end close, and the chart of accounts they are kept on.

use axum::extract::State;
use bank::{
    institutions::ChartBrought,
    periods::{Hanging, PeriodClosed, Periods, Suspense, YearClose},
};
use product::{Chart, chart::ChartAccount};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Answer, done, ok},
    request::{At, By, Command, Definition, Json, Nothing},
    router::Api,
    schema,
    wire::{Day, Iso, Major, Moment, Name, Short},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(chart, bring_chart))
        .routes(routes!(periods))
        .routes(routes!(close_period))
        .routes(routes!(prepare_year))
        .routes(routes!(approve_year))
}

/// The chart of accounts (会计科目表).
#[derive(Serialize, ToSchema)]
#[schema(as = Chart)]
struct ChartBody {
    /// The rule it follows.
    source: String,
    /// The code where the year-end close brings income and expense together.
    profit: String,
    /// The code to which it takes the result.
    retained: String,
    /// By code.
    accounts: Vec<ChartAccountBody>,
}

/// One account of the chart.
#[derive(Serialize, ToSchema)]
#[schema(as = ChartAccount)]
struct ChartAccountBody {
    /// Four digits, and two for each level below.
    code: String,
    /// Its Chinese name.
    zh: String,
    /// Its English name.
    en: String,
    /// What it stands for.
    #[schema(value_type = schema::AccountClass)]
    class: product::chart::Class,
    /// The side on which it grows.
    #[schema(value_type = schema::Side)]
    side: product::chart::Side,
    /// Whether every contract has one, or every lane.
    #[schema(value_type = schema::AccountPer)]
    per: product::chart::Per,
    /// To be zero when a period closes.
    suspense: bool,
    /// Whether its code and name were found in what the chart follows.
    verified: bool,
}

/// What became of a chart.
#[derive(Serialize, ToSchema)]
#[schema(as = ChartBrought)]
struct BroughtBody {
    /// The rule it says it follows.
    source: String,
    /// How many accounts it has.
    accounts: usize,
}

/// What is closed.
#[derive(Serialize, ToSchema)]
#[schema(as = Periods)]
struct PeriodsBody {
    /// No value date on or before it; null when nothing was closed yet.
    closed_through: Option<Day>,
    /// The closes of years that were booked, oldest first.
    years: Vec<YearBody>,
    /// The one that waits for approval.
    prepared: Option<YearBody>,
}

/// The close of a year.
#[derive(Serialize, ToSchema)]
#[schema(as = YearClose)]
struct YearBody {
    /// The year: from 1 January through 31 December.
    year: i16,
    /// All income and expense that was not carried before.
    lines: Vec<YearLineBody>,
    /// Who prepared it.
    prepared_by: String,
    /// When.
    prepared_at: Moment,
    /// Who approved it; null while it waits.
    approved_by: Option<String>,
    /// When.
    approved_at: Option<Moment>,
    /// The value date of what was booked.
    value_date: Option<Day>,
}

/// What a year brought in or cost on one code.
#[derive(Serialize, ToSchema)]
#[schema(as = YearLine)]
struct YearLineBody {
    /// The book.
    currency: Iso,
    /// The code in the chart of accounts.
    code: String,
    /// Debits less credits: expenses are positive, income is negative.
    balance: Major,
}

/// The period to close.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "through": "2024-12-31" }))]
struct ClosePeriod {
    /// Its last day.
    through: Day,
    /// What becomes of it while something is in suspense; it stays open when absent.
    #[serde(default)]
    #[schema(value_type = Option<schema::Suspense>)]
    suspense: Suspense,
}

/// The period that was closed.
#[derive(Serialize, ToSchema)]
#[schema(as = PeriodClosed)]
struct ClosedBody {
    /// Its last day: no value date on or before it from now on.
    through: Day,
    /// What was in suspense.
    hanging: Vec<HangingBody>,
}

/// A suspense account that is not zero.
#[derive(Serialize, ToSchema)]
#[schema(as = Hanging)]
struct HangingBody {
    /// The account.
    account: Name,
    /// Its lane.
    lane: Name,
    /// Its code.
    code: Short,
    /// The book.
    currency: Iso,
    /// Debits less credits at the end of the period.
    balance: Major,
    /// The first transfer since the account was last empty.
    oldest: Option<Name>,
    /// Its value date.
    since: Option<Day>,
}

/// The year to close.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "year": 2024 }))]
struct CloseYear {
    /// The year.
    year: i16,
}

/// Read the chart of accounts
#[utoipa::path(
    get, path = "/v1/chart", tag = "periods", operation_id = "get_chart",
    responses((status = 200, description = "The chart.", body = ChartBody)),
    security(("key" = ["read"])),
)]
async fn chart(State(api): State<Api>, By(caller): By) -> Answer {
    ok(chart_body(&*api.bank.chart(&caller).await?))
}

/// Bring a chart of accounts
///
/// The body is the chart, in YAML or JSON, in the form in which it is read. It takes the place of
/// the platform's until the first product is published.
#[utoipa::path(
    post, path = "/v1/chart", tag = "periods", operation_id = "bring_chart",
    request_body(
        content((String = "application/yaml"), (Object = "application/json")),
        description = "The chart. `GET` shows one in the form.",
    ),
    responses((status = 200, description = "It is the chart now.", body = BroughtBody)),
    security(("key" = ["draft-products"])),
)]
async fn bring_chart(State(api): State<Api>, bring: Command<Definition>) -> Answer {
    let brought = api.bank.bring_chart(&bring.call, &bring.body.0).await?;
    done(brought, |ChartBrought { source, accounts }| BroughtBody { source, accounts })
}

/// Read what is closed
#[utoipa::path(
    get, path = "/v1/periods", tag = "periods", operation_id = "get_periods",
    responses((status = 200, description = "What is closed.", body = PeriodsBody)),
    security(("key" = ["audit"])),
)]
async fn periods(State(api): State<Api>, By(caller): By) -> Answer {
    let Periods { closed_through, years } = api.bank.periods(&caller).await?;
    ok(PeriodsBody {
        closed_through: closed_through.map(Day),
        years: years.closed.into_iter().map(year).collect(),
        prepared: years.prepared.map(year),
    })
}

/// Close an accounting period
///
/// No posting may have a value date in it from then on, and there is no way back. Every contract's
/// days in it must be closed, and suspense accounts must be zero, or may hang and are listed.
#[utoipa::path(
    post, path = "/v1/periods/close", tag = "periods", operation_id = "close_period",
    request_body = ClosePeriod,
    responses((status = 200, description = "Closed.", body = ClosedBody)),
    security(("key" = ["days"])),
)]
async fn close_period(State(api): State<Api>, close: Command<Json<ClosePeriod>>) -> Answer {
    let ClosePeriod { through, suspense } = close.body.0;
    let closed = api.bank.close_period(&close.call, through.0, suspense).await?;
    done(closed, |PeriodClosed { through, hanging }| ClosedBody {
        through: Day(through),
        hanging: hanging.into_iter().map(hanging_body).collect(),
    })
}

/// Prepare the close of a year
///
/// Sums up all income and expense through 31 December, which must be closed. Nothing is booked
/// before somebody else approves it.
#[utoipa::path(
    post, path = "/v1/years", tag = "periods", operation_id = "prepare_year_close",
    request_body = CloseYear,
    responses((status = 200, description = "Prepared.", body = YearBody)),
    security(("key" = ["days"])),
)]
async fn prepare_year(State(api): State<Api>, close: Command<Json<CloseYear>>) -> Answer {
    done(api.bank.prepare_year_close(&close.call, close.body.0.year).await?, year)
}

/// Approve the close of a year
///
/// Books it, on the first day that is still open: income and expense to the profit of the year,
/// and from there to retained earnings. There is no way back.
#[utoipa::path(
    post, path = "/v1/years/{year}/approve", tag = "periods", operation_id = "approve_year_close",
    params(("year" = i16, Path, description = "The year.")),
    responses((status = 200, description = "Booked.", body = YearBody)),
    security(("key" = ["approve"])),
)]
async fn approve_year(
    State(api): State<Api>,
    At(number): At<i16>,
    approve: Command<Nothing>,
) -> Answer {
    done(api.bank.approve_year_close(&approve.call, number).await?, year)
}

fn chart_body(chart: &Chart) -> ChartBody {
    let account = |it: &ChartAccount| ChartAccountBody {
        code: it.code.to_string(),
        zh: it.zh.clone(),
        en: it.en.clone(),
        class: it.class,
        side: it.side,
        per: it.per,
        suspense: it.suspense,
        verified: it.verified,
    };
    ChartBody {
        source: chart.source().to_owned(),
        profit: chart.profit().to_string(),
        retained: chart.retained().to_string(),
        accounts: chart.accounts().map(account).collect(),
    }
}

fn year(close: YearClose) -> YearBody {
    let lines = close.lines.iter().map(|it| YearLineBody {
        currency: Iso(it.currency),
        code: it.code.to_string(),
        balance: Major::of(it.balance, it.currency),
    });
    YearBody {
        year: close.year,
        lines: lines.collect(),
        prepared_by: close.prepared_by,
        prepared_at: Moment(close.prepared_at),
        value_date: close.approved.as_ref().map(|it| Day(it.value_date)),
        approved_at: close.approved.as_ref().map(|it| Moment(it.at)),
        approved_by: close.approved.map(|it| it.by),
    }
}

fn hanging_body(hanging: Hanging) -> HangingBody {
    let Hanging { account, lane, code, currency, balance, oldest } = hanging;
    HangingBody {
        account: account.into(),
        lane: lane.into(),
        code: Short(code),
        currency: Iso(currency),
        balance: Major::of(balance, currency),
        oldest: oldest.map(|(id, _)| id.into()),
        since: oldest.map(|(_, date)| Day(date)),
    }
}
