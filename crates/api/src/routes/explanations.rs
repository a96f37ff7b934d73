//! How an amount came about.

use axum::extract::State;
use bank::{explain::Explanation, tables::LoanId};
use ledger::TransferId;
use product::{
    derivation::{Clause, Derivation, Rule, Value},
    schedule::explain::Component,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Answer, ok},
    request::{Asked, At, By},
    router::Api,
    schema,
    wire::{Day, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(instalment)).routes(routes!(transfer))
}

/// What of an instalment.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ComponentOf {
    /// Which part of it; all that is due when absent.
    #[serde(default = "total")]
    #[param(value_type = Option<schema::PlannedComponent>)]
    component: Component,
}

fn total() -> Component {
    Component::Total
}

/// How a value came about: a node of a tree.
#[derive(Serialize, ToSchema)]
#[schema(as = Derivation)]
struct DerivationBody {
    /// What it is; stable.
    #[schema(example = "interest")]
    name: &'static str,
    /// The same for people.
    title: TitleBody,
    /// Of which instalment.
    instalment: Option<u32>,
    /// The value, one field of which names its unit.
    #[schema(value_type = ValueBody)]
    value: Value,
    /// What made the value of the inputs: its name is `rule`, beside what else it needs.
    #[schema(value_type = RuleBody)]
    made_by: Rule,
    /// Where the rule stands, or the number when nothing made it.
    clause: Option<ClauseBody>,
    /// What it was made of, in the order the rule takes.
    #[schema(no_recursion)]
    inputs: Vec<DerivationBody>,
}

/// A title in English and in Chinese.
#[derive(Serialize, ToSchema)]
#[schema(as = DerivationTitle)]
struct TitleBody {
    /// English.
    en: &'static str,
    /// Chinese.
    zh: &'static str,
}

/// A value with its unit.
#[derive(ToSchema)]
#[schema(as = DerivationValue)]
#[allow(dead_code, reason = "the shape of what `Value` writes")]
struct ValueBody {
    /// An amount in major units.
    #[schema(example = "47.12")]
    amount: Option<String>,
    /// An amount before it is rounded.
    #[schema(example = "47.116438356164383561643835616")]
    exact: Option<String>,
    /// The currency of `amount` and `exact`.
    #[schema(example = "CNY")]
    currency: Option<String>,
    /// A rate of a year, or another share, as a fraction.
    rate: Option<String>,
    /// A number without a unit.
    number: Option<String>,
    /// A part of a year: so many parts,
    years: Option<i64>,
    /// of which so many make a year.
    of: Option<i64>,
    /// So many days.
    days: Option<i64>,
    /// A day.
    date: Option<Day>,
    /// The distance of two days in a schedule.
    #[schema(example = "1 month")]
    period: Option<String>,
}

/// What makes a value of inputs.
#[derive(ToSchema)]
#[schema(as = DerivationRule)]
#[allow(dead_code, reason = "the shape of what `Rule` writes")]
struct RuleBody {
    /// Its name; the guide says what each does.
    #[schema(example = "rounded")]
    rule: String,
    /// How it rounds.
    #[schema(example = "half-even")]
    rounding: Option<String>,
    /// How it counts days.
    #[schema(value_type = Option<schema::DayCount>)]
    day_count: Option<String>,
    /// Of `planned`, the instalment that has an explanation of its own,
    of: Option<u32>,
    /// and which part of it.
    #[schema(value_type = Option<schema::PlannedComponent>)]
    component: Option<String>,
    /// The text of an expression over the inputs by their names.
    #[schema(example = "principal * 0.005")]
    source: Option<String>,
}

/// Where a rule or a number stands.
#[derive(Serialize, ToSchema)]
#[serde(tag = "in", rename_all = "kebab-case")]
#[schema(as = Clause)]
enum ClauseBody {
    /// In a version of a product.
    Product {
        /// The product.
        product: String,
        /// Its version.
        version: u32,
        /// The place.
        #[schema(example = "terms.interest.day_count")]
        path: String,
        /// Of a posted rate, the first day on which it holds.
        from: Option<Day>,
    },
    /// In a pack of numbers set by law or by the central bank.
    Pack {
        /// The pack.
        pack: String,
        /// Its version.
        version: u32,
        /// Which of its numbers.
        #[schema(example = "lpr-1y")]
        key: String,
        /// The first day on which it holds: of a published rate the day of the fixing.
        from: Day,
        /// The regulation or publication.
        source: String,
        /// Whether it was read there.
        verified: bool,
    },
    /// In something that happened to the contract.
    Fact {
        /// Its number.
        number: u32,
        /// What it was.
        what: String,
        /// The day from which it counts.
        on: Day,
    },
    /// In the contract.
    Contract,
    /// In another contract, from which or to which the money went.
    OtherContract {
        /// Which.
        contract: Name,
    },
}

/// How the amount of a transfer came about.
#[derive(Serialize, ToSchema)]
#[schema(as = Explanation)]
struct ExplanationBody {
    /// The contract it was booked for.
    contract: Name,
    /// The accounting event.
    #[schema(example = "interest-accrual")]
    event: String,
    /// Which amount of the event.
    #[schema(example = "interest")]
    amount_name: String,
    /// How it came about. A negative amount was booked the other way round.
    derivation: DerivationBody,
}

/// Explain a planned amount
///
/// How a part of an instalment came about, as the plan is now: balance, rate and its source, days,
/// exact value, rounding, and the clause of each.
#[utoipa::path(
    get, path = "/v1/loans/{loan}/instalments/{number}/explanation", tag = "loans",
    operation_id = "explain_instalment",
    params(
        ("loan" = Name, Path, description = "The loan's id."),
        ("number" = u32, Path, description = "The instalment's number, from 1."),
        ComponentOf,
    ),
    responses((status = 200, description = "The explanation.", body = DerivationBody)),
    security(("key" = ["read"])),
)]
async fn instalment(
    State(api): State<Api>,
    By(caller): By,
    At((loan, number)): At<(LoanId, u32)>,
    Asked(asked): Asked<ComponentOf>,
) -> Answer {
    let component = asked.component;
    ok(view(api.bank.explain_instalment(&caller, loan, number, component).await?))
}

/// Explain a transfer
///
/// How its amount came about, from what was known when it was booked. What no contract booked is
/// a problem (422) with the code `not-explained`.
#[utoipa::path(
    get, path = "/v1/ledger/transfers/{transfer}/explanation", tag = "ledger",
    operation_id = "explain_transfer",
    params(("transfer" = Name, Path, description = "The transfer's id.")),
    responses((status = 200, description = "The explanation.", body = ExplanationBody)),
    security(("key" = ["audit"])),
)]
async fn transfer(State(api): State<Api>, By(caller): By, At(id): At<TransferId>) -> Answer {
    let explained = api.bank.explain_transfer(&caller, id).await?;
    let Explanation { contract, event, amount_name, derivation } = explained;
    let (contract, derivation) = (contract.into(), view(derivation));
    ok(ExplanationBody { contract, event, amount_name, derivation })
}

fn view(derivation: Derivation) -> DerivationBody {
    let Derivation { name, instalment, value, rule, clause: at, inputs } = derivation;
    DerivationBody {
        name: name.code,
        title: TitleBody { en: name.en, zh: name.zh },
        instalment,
        value,
        made_by: rule,
        clause: at.map(clause),
        inputs: inputs.into_iter().map(view).collect(),
    }
}

fn clause(clause: Clause) -> ClauseBody {
    match clause {
        Clause::Product { product, version, path, from } => {
            ClauseBody::Product { product, version, path, from: from.map(Day) }
        }
        Clause::Pack { pack, version, key, from, source, verified } => {
            ClauseBody::Pack { pack, version, key, from: Day(from), source, verified }
        }
        Clause::Fact { number, what, on } => ClauseBody::Fact { number, what, on: Day(on) },
        Clause::Contract => ClauseBody::Contract,
        Clause::OtherContract { contract } => {
            ClauseBody::OtherContract { contract: contract.into() }
        }
    }
}
