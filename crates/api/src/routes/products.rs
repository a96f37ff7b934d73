//! Products: definitions, their checks and simulation, and the four-eyes life cycle.

use std::collections::BTreeSet;

use axum::extract::State;
use bank::{
    Versioned,
    products::{ProductChanged, Step},
};
use money::{Calendar, Decimal};
use product::{
    kinds::Kind,
    life::{ProductVersion, Status},
    simulate::{Request, Simulation, SimulationReject},
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use stdx::Date;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Answer, PageView, created, done, ok, page, versioned},
    decode::refuse,
    problem::{ApiError, Fault, problem_fault},
    request::{Asked, At, By, Command, Definition, Inquiry, Json, Nothing, PageOf, day},
    router::Api,
    schema,
    wire::{Day, Iso, Moment},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(kinds))
        .routes(routes!(draft, list))
        .routes(routes!(check))
        .routes(routes!(check_published))
        .routes(routes!(simulate))
        .routes(routes!(get))
        .routes(routes!(approve))
        .routes(routes!(publish))
        .routes(routes!(suspend))
        .routes(routes!(resume))
        .routes(routes!(retire))
}

/// The contract to simulate.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Simulated {
    /// How much, in major units of the product's currency; the largest it offers when absent.
    #[serde(default, deserialize_with = "decimal")]
    #[param(value_type = Option<String>, example = "5000")]
    amount: Option<Decimal>,
    /// In how many instalments; the product's default when absent.
    #[serde(default, deserialize_with = "number")]
    #[param(value_type = Option<u32>)]
    term: Option<u32>,
    /// The day of the contract; the first day of the product when absent.
    #[serde(default, deserialize_with = "day")]
    #[param(value_type = Option<String>, format = Date)]
    date: Option<Date>,
}

/// From when on contracts are made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "from": "2025-01-01" }))]
struct Publish {
    /// The first day of contracts: the business date or later.
    from: Day,
}

/// What came of a command on a product version.
#[derive(Serialize, ToSchema)]
struct ProductChange {
    /// The product.
    product: String,
    /// The version.
    version: u32,
    /// Where it stands now.
    #[schema(value_type = schema::ProductStatus)]
    status: Status,
}

/// A text in both languages of the platform.
#[derive(Serialize, ToSchema)]
struct Text {
    /// English.
    en: String,
    /// Chinese (中文).
    zh: String,
}

/// A product version and where it stands.
#[derive(Serialize, ToSchema)]
#[schema(as = ProductVersion)]
struct VersionBody {
    /// The product.
    product: String,
    /// The version.
    version: u32,
    /// Its kind.
    kind: String,
    /// What people call it.
    name: Text,
    /// The currency of every amount in it.
    currency: Iso,
    /// The first day on which a contract may be made under it, by its definition.
    effective: Day,
    /// The last such day; null when there is none.
    until: Option<Day>,
    /// Where it stands.
    #[schema(value_type = schema::ProductStatus)]
    status: Status,
    /// Everybody who wrote in it; none of them may approve it.
    authors: BTreeSet<String>,
    /// Who approved it.
    approver: Option<String>,
    /// The first day of its contracts, once it is published.
    published_from: Option<Day>,
    /// When it came to stand there.
    since: Moment,
    /// The whole definition; its schema is that of the kind, see `/v1/product-kinds`.
    #[schema(value_type = Object)]
    definition: Value,
}

/// What is wrong with a definition; nothing is good.
#[derive(Serialize, ToSchema)]
#[schema(as = DefinitionCheck)]
struct CheckBody {
    /// Whether there is nothing wrong.
    good: bool,
    /// Everything that is wrong, in the order of the definition.
    problems: Vec<Fault>,
}

/// The day of the rules.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RulesOf {
    /// The day; the business date when absent.
    #[serde(default, deserialize_with = "day")]
    #[param(value_type = Option<String>, format = Date)]
    on: Option<Date>,
}

/// Published versions held against the rules of a day.
#[derive(Serialize, ToSchema)]
#[schema(as = PublishedCheck)]
struct PublishedCheckBody {
    /// The day.
    on: Day,
    /// How many versions were looked at.
    checked: u32,
    /// Those that break a rule.
    broken: Vec<BrokenBody>,
}

/// A version that breaks a rule.
#[derive(Serialize, ToSchema)]
#[schema(as = BrokenVersion)]
struct BrokenBody {
    /// The product.
    product: String,
    /// The version.
    version: u32,
    /// What is wrong.
    problems: Vec<Fault>,
}

/// What a contract would do; amounts are in major units.
#[derive(ToSchema)]
#[schema(as = Simulation)]
#[allow(dead_code, reason = "the schema of what the product crate serializes")]
struct SimulationBody {
    /// The product.
    product: String,
    /// Its version.
    version: u32,
    /// Its kind.
    kind: String,
    /// The currency of every amount.
    currency: Iso,
    /// The sum lent, or put in.
    amount: String,
    /// The day of it.
    date: Day,
    /// The price of the purchase a loan pays.
    price: Option<String>,
    /// What the customer pays of the price.
    down_payment: Option<String>,
    /// Nominal rate of a year, as a fraction.
    rate: Option<String>,
    /// How many instalments; absent where there are none.
    term: Option<u32>,
    /// Per period: `number`, `from`, `due`, `days`, `principal`, `interest`, `subsidy`, `fees`,
    /// `total`, `balance`.
    periods: Vec<Value>,
    /// The sums over the periods: `principal`, `interest`, `subsidy`, `fees`, `total`.
    totals: Value,
    /// Money the customer gets (positive) and pays (negative): `date`, `amount`.
    cash_flows: Vec<Value>,
    /// What a loan costs in a year, as fractions: `simple` (单利) and `compound` (复利).
    annual_cost: Option<Value>,
    /// Everything booked: `date`, `event`, `debit`, `credit`, `amount`.
    postings: Vec<Value>,
    /// What the bookings sum to, by account.
    accounts: Vec<Value>,
}

/// A kind of product: the code behind definitions.
#[derive(Serialize, ToSchema)]
#[schema(as = ProductKind)]
struct KindBody {
    /// Its name in a definition.
    name: &'static str,
    /// What people call it.
    title: Text,
    /// What it is, in a sentence.
    summary: &'static str,
    /// The JSON Schema (draft 2020-12) of its definitions.
    #[schema(value_type = Object)]
    schema: Value,
    /// A complete definition, in YAML.
    example: &'static str,
}

/// Every kind of product.
#[derive(Serialize, ToSchema)]
#[schema(as = ProductKinds)]
struct KindsBody {
    /// By name.
    data: Vec<KindBody>,
}

/// List the kinds of product
#[utoipa::path(
    get, path = "/v1/product-kinds", tag = "products", operation_id = "list_product_kinds",
    responses((status = 200, description = "Every kind.", body = KindsBody)),
    security(("key" = [])),
)]
async fn kinds() -> Answer {
    ok(KindsBody { data: product::kinds::ALL.iter().map(kind).collect() })
}

/// Draft a product version
///
/// The body is the definition, in YAML or JSON. It is checked at once and refused with all its
/// problems. A draft of the same version is replaced; once approved a version never changes.
#[utoipa::path(
    post, path = "/v1/products", tag = "products", operation_id = "draft_product",
    request_body(
        content((String = "application/yaml"), (Object = "application/json")),
        description = "The definition. `/v1/product-kinds` has the schema and an example.",
    ),
    responses((status = 201, description = "Drafted and checked.", body = ProductChange)),
    security(("key" = ["draft-products"])),
)]
async fn draft(State(api): State<Api>, draft: Command<Definition>) -> Answer {
    let drafted = api.bank.draft_product(&draft.call, &draft.body.0).await?;
    created(drafted, |it| format!("/v1/products/{}/{}", it.product, it.version), changed)
}

/// List product versions
#[utoipa::path(
    get, path = "/v1/products", tag = "products", operation_id = "list_products",
    params(PageOf),
    responses((status = 200, description = "A page.", body = PageView<VersionBody>)),
    security(("key" = ["read"])),
)]
async fn list(State(api): State<Api>, By(caller): By, of: Asked<PageOf>) -> Answer {
    let versions = api.bank.products(&caller, of.0.after()?, of.0.limit).await?;
    page(versions, |(_, it)| view(it.record))
}

/// Check a definition
///
/// Answers every problem at once, each with its place, reason and fix. Nothing is kept.
#[utoipa::path(
    post, path = "/v1/products/check", tag = "products", operation_id = "check_product",
    request_body(content((String = "application/yaml"), (Object = "application/json"))),
    responses((status = 200, description = "What is wrong.", body = CheckBody)),
    security(("key" = ["read"])),
)]
async fn check(State(api): State<Api>, definition: Inquiry<Definition>) -> Answer {
    let problems = api.bank.check_product(&definition.caller, &definition.body.0).await?;
    let problems: Vec<_> = problems.iter().map(problem_fault).collect();
    ok(CheckBody { good: problems.is_empty(), problems })
}

/// Check published products against the law
///
/// Holds every published version against the rules of a day that its definition names: what a
/// changed rule would stop, before it does. Contracts that were made are not touched.
#[utoipa::path(
    get, path = "/v1/products/compliance", tag = "products",
    operation_id = "check_published_products",
    params(RulesOf),
    responses((status = 200, description = "What breaks a rule.", body = PublishedCheckBody)),
    security(("key" = ["read"])),
)]
async fn check_published(State(api): State<Api>, By(caller): By, of: Asked<RulesOf>) -> Answer {
    let found = api.bank.check_published(&caller, of.0.on).await?;
    let broken = found.broken.into_iter().map(|(definition, problems)| BrokenBody {
        product: definition.product,
        version: definition.version,
        problems: problems.iter().map(problem_fault).collect(),
    });
    ok(PublishedCheckBody { on: Day(found.on), checked: found.checked, broken: broken.collect() })
}

/// Simulate a contract
///
/// Shows the schedule, the cash flows, the annual cost and the postings of a contract under a
/// definition. Nothing is kept.
#[utoipa::path(
    post, path = "/v1/products/simulate", tag = "products", operation_id = "simulate_product",
    params(Simulated),
    request_body(content((String = "application/yaml"), (Object = "application/json"))),
    responses((status = 200, description = "What it would do.", body = SimulationBody)),
    security(("key" = ["read"])),
)]
async fn simulate(
    State(api): State<Api>,
    asked: Asked<Simulated>,
    definition: Inquiry<Definition>,
) -> Answer {
    let institution = api.bank.institution(&definition.caller).await?.record;
    let request = request(asked.0, institution.calendar());
    let simulated = api.bank.simulate_product(&definition.caller, &definition.body.0, &request);
    ok::<Simulation>(simulated.await?.map_err(not_simulated)?)
}

/// Read a product version
#[utoipa::path(
    get, path = "/v1/products/{product}/{version}", tag = "products", operation_id = "get_product",
    params(
        ("product" = String, Path, description = "The product's name.", example = "pay-in-3"),
        ("version" = u32, Path, description = "The version.", example = 1),
    ),
    responses((status = 200, description = "The version.", body = VersionBody)),
    security(("key" = ["read"])),
)]
async fn get(
    State(api): State<Api>,
    By(caller): By,
    At((product, number)): At<(String, u32)>,
) -> Answer {
    let Versioned { version, record, .. } = api.bank.product(&caller, &product, number).await?;
    versioned(version, view(record))
}

/// Approve a product version
///
/// By somebody else than its author. From then on it never changes.
#[utoipa::path(
    post, path = "/v1/products/{product}/{version}/approve", tag = "products",
    operation_id = "approve_product",
    params(
        ("product" = String, Path, description = "The product's name.", example = "pay-in-3"),
        ("version" = u32, Path, description = "The version.", example = 1),
    ),
    responses((status = 200, description = "Approved.", body = ProductChange)),
    security(("key" = ["release-products"])),
)]
async fn approve(
    State(api): State<Api>,
    At((product, version)): At<(String, u32)>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.step_product(&command.call, &product, version, Step::Approve).await?, changed)
}

/// Publish a product version
///
/// Contracts are made under it from the day named.
#[utoipa::path(
    post, path = "/v1/products/{product}/{version}/publish", tag = "products",
    operation_id = "publish_product",
    params(
        ("product" = String, Path, description = "The product's name.", example = "pay-in-3"),
        ("version" = u32, Path, description = "The version.", example = 1),
    ),
    request_body = Publish,
    responses((status = 200, description = "Published.", body = ProductChange)),
    security(("key" = ["release-products"])),
)]
async fn publish(
    State(api): State<Api>,
    At((product, version)): At<(String, u32)>,
    publish: Command<Json<Publish>>,
) -> Answer {
    let step = Step::Publish(publish.body.0.from.0);
    done(api.bank.step_product(&publish.call, &product, version, step).await?, changed)
}

/// Suspend a product version
///
/// No contracts for the time being; those there are live on.
#[utoipa::path(
    post, path = "/v1/products/{product}/{version}/suspend", tag = "products",
    operation_id = "suspend_product",
    params(
        ("product" = String, Path, description = "The product's name.", example = "pay-in-3"),
        ("version" = u32, Path, description = "The version.", example = 1),
    ),
    responses((status = 200, description = "Suspended.", body = ProductChange)),
    security(("key" = ["release-products"])),
)]
async fn suspend(
    State(api): State<Api>,
    At((product, version)): At<(String, u32)>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.step_product(&command.call, &product, version, Step::Suspend).await?, changed)
}

/// Resume a product version
#[utoipa::path(
    post, path = "/v1/products/{product}/{version}/resume", tag = "products",
    operation_id = "resume_product",
    params(
        ("product" = String, Path, description = "The product's name.", example = "pay-in-3"),
        ("version" = u32, Path, description = "The version.", example = 1),
    ),
    responses((status = 200, description = "Published again.", body = ProductChange)),
    security(("key" = ["release-products"])),
)]
async fn resume(
    State(api): State<Api>,
    At((product, version)): At<(String, u32)>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.step_product(&command.call, &product, version, Step::Resume).await?, changed)
}

/// Retire a product version
///
/// No contracts ever again; those there are live on.
#[utoipa::path(
    post, path = "/v1/products/{product}/{version}/retire", tag = "products",
    operation_id = "retire_product",
    params(
        ("product" = String, Path, description = "The product's name.", example = "pay-in-3"),
        ("version" = u32, Path, description = "The version.", example = 1),
    ),
    responses((status = 200, description = "Retired.", body = ProductChange)),
    security(("key" = ["release-products"])),
)]
async fn retire(
    State(api): State<Api>,
    At((product, version)): At<(String, u32)>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.step_product(&command.call, &product, version, Step::Retire).await?, changed)
}

fn request(asked: Simulated, calendar: &'static Calendar) -> Request {
    let Simulated { amount, term, date } = asked;
    Request { amount, price: None, reference_rate: None, term, date, calendar }
}

fn not_simulated(reject: SimulationReject) -> ApiError {
    match reject {
        SimulationReject::Definition(problems) => bank::Refusal::Definition(problems).into(),
        SimulationReject::Amount
        | SimulationReject::Offer(_)
        | SimulationReject::BalanceTooLarge
        | SimulationReject::Schedule(_)
        | SimulationReject::Fee(_)
        | SimulationReject::DateOutOfRange
        | SimulationReject::Explanation(_) => ApiError::new(
            axum::http::StatusCode::UNPROCESSABLE_ENTITY,
            "not-simulated",
            format!("The product cannot make this contract: {}.", reject.code()),
            "Choose an amount, a term and a date the product offers.",
        ),
    }
}

fn changed(change: ProductChanged) -> ProductChange {
    let ProductChanged { product, version, status } = change;
    ProductChange { product, version, status }
}

fn view(version: ProductVersion) -> VersionBody {
    let definition = &version.definition;
    VersionBody {
        product: definition.product.clone(),
        version: definition.version,
        kind: definition.kind.clone(),
        name: Text { en: definition.name.en.clone(), zh: definition.name.zh.clone() },
        currency: Iso(definition.currency),
        effective: Day(definition.effective),
        until: definition.until.map(Day),
        status: version.status,
        authors: version.authors,
        approver: version.approver,
        published_from: version.published_from.map(Day),
        since: Moment(version.since),
        definition: serde_json::to_value(definition).unwrap_or_default(),
    }
}

fn kind(kind: &Kind) -> KindBody {
    KindBody {
        name: kind.name,
        title: Text { en: kind.title.en.to_owned(), zh: kind.title.zh.to_owned() },
        summary: kind.summary,
        schema: product::schema::schema(kind),
        example: kind.example,
    }
}

fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let plain = text.bytes().all(|it| it.is_ascii_digit() || it == b'.');
    let amount = Decimal::from_str_exact(&text).ok().filter(|_| plain);
    amount.map(Some).ok_or_else(|| refuse("malformed-amount", "It is not an amount like `5000`."))
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|_| refuse("malformed-number", "It is not a whole number."))
}
