//! Definitions tried before they are published: on the life of one loan, and on a whole book.

use axum::extract::State;
use bank::simulations::{BookToTell, LifeToTell};
use lending::{book::Compared, simulation::Simulation};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Answer, ok},
    request::{Inquiry, Json},
    router::Api,
    schema,
    wire::{Day, Iso},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(life)).routes(routes!(book))
}

/// A definition, and what happens to one loan under it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LifeToSimulate, example = json!({
    "definition": "product: small\nversion: 1\nkind: instalment-loan\n\
        name: { en: Small, zh: 小额 }\ncurrency: CNY\neffective: 2024-01-01\nterms:\n  \
        amount: { min: 100, max: 5000 }\n  \
        term: { min: 3, max: 12 }\n  repayment: { method: equal-instalment, every: 1 month }\n  \
        interest: { rate: 0.12, day_count: 30/360 }\n",
    "events": {
        "amount": "1200", "term": 3, "date": "2025-01-01",
        "events": [{ "on": "2025-02-01", "due": true }, { "on": "2025-03-05", "repayment": "300" }],
    },
    "until": "2025-04-01",
}))]
struct LifeAsked {
    /// The definition: an object, or a text in YAML or JSON.
    definition: Value,
    /// The contract and what happens to it, at most 200 events: `amount`, `part`, `term`, `date`,
    /// `events`; likewise an object or a text. `examples/events` has one with all of them.
    events: Value,
    /// The business date on which it ends; the last due date, or the day after the last event
    /// where that is later, when absent.
    #[serde(default)]
    until: Option<Day>,
}

/// A definition, and the loan book to try it on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BookToSimulate, example = json!({
    "definition": "product: small\nversion: 1\nkind: instalment-loan\n\
        name: { en: Small, zh: 小额 }\ncurrency: CNY\neffective: 2024-01-01\nterms:\n  \
        amount: { min: 100, max: 5000 }\n  \
        term: { min: 3, max: 12 }\n  repayment: { method: equal-instalment, every: 1 month }\n  \
        interest: { rate: 0.12, day_count: 30/360 }\n",
    "scenario": {
        "from": "2025-01-01", "months": 6, "loans": 10, "cost_of_money": "0.025",
        "behaviours": [{ "weight": 9 }, { "weight": 1, "defaults": { "after": 2 } }],
    },
    "seed": 7,
}))]
struct BookAsked {
    /// The definition: an object, or a text in YAML or JSON.
    definition: Value,
    /// What the book is made of; likewise an object or a text. `examples/books` has one with
    /// comments. All loans together may have 60,000 contract-months, each from its month to the
    /// last; half of that when two definitions are compared.
    scenario: Value,
    /// What borrowers are drawn from: the same seed gives the same book.
    #[serde(default = "first")]
    #[schema(default = 1)]
    seed: u64,
    /// What to compare with: the same borrowers are told under it as well.
    #[serde(default)]
    against: Option<Against>,
}

const fn first() -> u64 {
    1
}

/// What a definition is compared with.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Against {
    /// The version of the same product that is in force on the business date.
    Live,
}

/// What became of the loan; amounts are in major units.
#[derive(ToSchema)]
#[schema(as = SimulatedLife)]
#[allow(dead_code, reason = "the schema of what the lending crate serializes")]
struct LifeBody {
    /// The product.
    product: String,
    /// Its version.
    version: u32,
    /// The currency of every amount.
    currency: Iso,
    /// The sum agreed.
    amount: String,
    /// How many instalments were agreed.
    term: u32,
    /// When it was paid out.
    date: Day,
    /// The business date at the end.
    until: Day,
    /// Where the contract stands then.
    #[schema(value_type = schema::LoanStatus)]
    status: lending::Status,
    /// When it ended; absent when it did not.
    ended_on: Option<Day>,
    /// What is owed at the end: `principal`, `due` by component, `accrued`, `prepaid`,
    /// `days_past_due`.
    standing: Value,
    /// The instalments of the plan at the end: `number`, `from`, `due`, what is `planned`, `paid`
    /// and `remaining`, `status`.
    periods: Vec<Value>,
    /// What happened, in the order it was booked in: `number`, `on`, `booked`, `what`, `amount`,
    /// what is owed `after` it; where it may not happen, why it is `refused`.
    events: Vec<Value>,
    /// What was booked, by event and by month: `event`, `date`, `entry`, `debit`, `credit`,
    /// `amount`.
    postings: Vec<Value>,
    /// What that sums to, by account.
    accounts: Vec<Value>,
}

/// What became of a book; amounts are in major units, rates are fractions.
#[derive(ToSchema)]
#[schema(as = SimulatedBook)]
#[allow(dead_code, reason = "the schema of what the lending crate serializes")]
struct BookBody {
    /// The product.
    product: String,
    /// Its version.
    version: u32,
    /// The currency of every amount.
    currency: Iso,
    /// What everything was drawn from.
    seed: u64,
    /// How many loans were made.
    loans: u64,
    /// How they stand at the end: how many are `active`, `settled`, `charged-off`.
    contracts: Value,
    /// What was asked for and refused: how often for each code.
    refused: Value,
    /// In how many months each loan was active, over all loans.
    contract_months: u64,
    /// What loans cost in a year, `simple` (单利) and `compound` (复利), each `min`, `p5`,
    /// `median`, `p95`, `max`; absent without a loan.
    annual_cost: Option<Value>,
    /// The principal of all loans.
    disbursed: String,
    /// What was charged off.
    charged_off: String,
    /// What was recovered of that.
    recovered: String,
    /// What was charged off and not recovered, as a fraction of what was lent.
    loss_rate: String,
    /// What is needed at the most at the end of a month.
    cash_need: String,
    /// What that costs.
    cost_of_money: String,
    /// What the book earned.
    result: String,
    /// The months: `month`, `loans`, `disbursed`, `repaid`, `charged_off`, `recovered`,
    /// `cash_need`, `cost_of_money`, `income` by account, `result`, `outstanding`, `arrears` by
    /// bucket, `suspended`, and the trial balance in `accounts`.
    months: Vec<Value>,
    /// Of the state of every loan at the end: the same wherever the same book is told.
    digest: String,
    /// The same borrowers under the version in force; absent without `against`.
    other: Option<Value>,
    /// This less the other: `total` and `months`, each line with `name`, `this`, `other`,
    /// `difference`.
    difference: Option<Value>,
}

/// Simulate the life of a loan
///
/// Tells what would become of a loan to which these things happen, by the code that real loans
/// live by. What may not happen is told as refused, and the loan lives on. Nothing is kept.
#[utoipa::path(
    post, path = "/v1/simulations/life", tag = "products", operation_id = "simulate_life",
    request_body = LifeAsked,
    responses((status = 200, description = "What became of it.", body = LifeBody)),
    security(("key" = ["read"])),
)]
async fn life(State(api): State<Api>, asked: Inquiry<Json<LifeAsked>>) -> Answer {
    let LifeAsked { definition, events, until } = asked.body.0;
    let until = until.map(|it| it.0);
    let asked_for = LifeToTell { definition, script: events, until };
    ok::<Simulation>(api.bank.simulate_life(&asked.caller, asked_for).await?)
}

/// Simulate a loan book
///
/// Draws borrowers from a seed, tells the life of every loan, and adds up by month what the
/// institution would see: sums lent and repaid, cash need, income, losses, arrears, the trial
/// balance. Nothing is kept.
#[utoipa::path(
    post, path = "/v1/simulations/book", tag = "products", operation_id = "simulate_book",
    request_body = BookAsked,
    responses((status = 200, description = "What became of it.", body = BookBody)),
    security(("key" = ["read"])),
)]
async fn book(State(api): State<Api>, asked: Inquiry<Json<BookAsked>>) -> Answer {
    let BookAsked { definition, scenario, seed, against } = asked.body.0;
    let against_live = matches!(against, Some(Against::Live));
    let asked_for = BookToTell { definition, scenario, seed, against_live };
    ok::<Compared>(api.bank.simulate_book(&asked.caller, asked_for).await?)
}
