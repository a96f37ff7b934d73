//! Term deposits: open, withdraw, roll over, freezes and stop-payments.

use axum::extract::State;
use bank::{
    deposits::{DepositMoved, DepositState, OpenDeposit},
    tables::TermDepositId,
};
use deposits::{Freeze, Rollover, Stage, Stop};
use money::Period;
use serde::{Deserialize, Deserializer, Serialize};
use stdx::Id;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::accounts::{FreezeAsked, RestrainedBody, RestraintsBody, StopAsked, restrained};
use crate::{
    answer::{Answer, PageView, created, done, ok, page},
    decode::refuse,
    request::{Asked, At, By, Command, Json, Nothing, cursor, limit, page_default},
    router::Api,
    schema,
    wire::{Day, Money, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(open, list))
        .routes(routes!(get))
        .routes(routes!(withdraw))
        .routes(routes!(pay_interest))
        .routes(routes!(instruct))
        .routes(routes!(roll_over))
        .routes(routes!(freeze))
        .routes(routes!(unfreeze))
        .routes(routes!(stop_payment))
        .routes(routes!(release_stop))
}

/// Whose deposits.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DepositsOf {
    /// Only those of this party.
    #[serde(default)]
    #[param(value_type = Option<String>, format = Uuid)]
    party: Option<Name>,
    /// `next` of the page before; the first page when absent.
    after: Option<String>,
    /// How many things at most.
    #[serde(default = "page_default", deserialize_with = "limit")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: usize,
}

/// A deposit to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "party": "0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", "product": "time-deposit",
    "amount": { "amount": "10000.00", "currency": "CNY" }, "tenor": "1 year"
}))]
struct NewTermDeposit {
    /// Whose money it is.
    party: Name,
    /// Under which product.
    product: String,
    /// How much.
    amount: Money,
    /// For how long: one of the product's tenors.
    #[serde(deserialize_with = "tenor")]
    #[schema(value_type = String, example = "1 year")]
    tenor: Period,
    /// What becomes of it at maturity; `none` when absent.
    #[serde(default)]
    #[schema(value_type = schema::Rollover)]
    rollover: Rollover,
    /// The party's current account from which the money comes and to which it goes; cash when
    /// absent.
    account: Option<Name>,
}

/// What is to be taken out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "amount": { "amount": "1000.00", "currency": "CNY" } }))]
struct DepositWithdrawal {
    /// How much of the principal; all of it when absent.
    amount: Option<Money>,
}

/// What is to become of a deposit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "rollover": "principal-and-interest" }))]
struct RolloverAsked {
    /// What begins another tenor.
    #[schema(value_type = schema::Rollover)]
    rollover: Rollover,
}

/// A term deposit.
#[derive(Serialize, ToSchema)]
#[schema(as = TermDeposit)]
struct DepositBody {
    id: Name,
    /// Whose money it is.
    party: Name,
    /// The product it was made under.
    product: String,
    /// And which version of it.
    product_version: u32,
    /// Where it stands.
    #[schema(value_type = schema::DepositStage)]
    stage: Stage,
    /// The principal now.
    principal: Money,
    /// The length of a tenor.
    #[schema(example = "1 year")]
    tenor: String,
    /// The rate of a year, held to maturity.
    #[schema(example = "0.0175")]
    rate: String,
    /// When it was made.
    opened_on: Day,
    /// The first day of the tenor; after maturity, the day of it.
    from: Day,
    /// The end of the tenor.
    matures_on: Day,
    /// What becomes of it then.
    #[schema(value_type = schema::Rollover)]
    rollover: Rollover,
    /// How many tenors came before.
    rollovers: u32,
    /// The account its holder is paid on.
    account: Option<Name>,
    /// Interest booked in this tenor, or since maturity.
    accrued_interest: Money,
    /// Interest of tenors that are over, which waits to be paid.
    due_interest: Money,
    /// What is forbidden on it.
    restraints: RestraintsBody,
    /// When nothing was left.
    closed_on: Option<Day>,
}

/// What moved a deposit.
#[derive(Serialize, ToSchema)]
#[schema(as = TermDepositMoved)]
struct MovedBody {
    /// Which deposit.
    deposit: Name,
    /// The business date it was booked on.
    on: Day,
    /// Where it stands now.
    #[schema(value_type = schema::DepositStage)]
    stage: Stage,
    /// Principal that went in or out.
    amount: Money,
    /// Interest that went out.
    interest: Money,
    /// The principal now.
    principal: Money,
}

fn tenor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| refuse("malformed-tenor", "It is not a time such as `1 year`."))
}

/// Make a term deposit
///
/// The rate of the day is held to maturity.
#[utoipa::path(
    post, path = "/v1/term-deposits", tag = "deposits", operation_id = "open_deposit",
    request_body = NewTermDeposit,
    responses((status = 201, description = "Made.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn open(State(api): State<Api>, new: Command<Json<NewTermDeposit>>) -> Answer {
    let NewTermDeposit { party, product, amount, tenor, rollover, account } = new.body.0;
    let (party, amount) = (party.id(), amount.read("/amount")?);
    let account = account.map(Name::id);
    let open = OpenDeposit { party, product, amount, tenor, rollover, account };
    let opened = api.bank.open_deposit(&new.call, &open).await?;
    created(opened, |it| format!("/v1/term-deposits/{}", it.deposit), moved)
}

/// List term deposits
///
/// Oldest first.
#[utoipa::path(
    get, path = "/v1/term-deposits", tag = "deposits", operation_id = "list_deposits",
    params(DepositsOf),
    responses((status = 200, description = "A page.", body = PageView<DepositBody>)),
    security(("key" = ["read"])),
)]
async fn list(State(api): State<Api>, By(caller): By, of: Asked<DepositsOf>) -> Answer {
    let DepositsOf { party, after, limit } = of.0;
    let after = cursor(after.as_deref())?;
    let deposits = api.bank.term_deposits(&caller, party.map(Name::id), after, limit);
    page(deposits.await?, view)
}

/// Read a term deposit
#[utoipa::path(
    get, path = "/v1/term-deposits/{deposit}", tag = "deposits", operation_id = "get_deposit",
    params(("deposit" = Name, Path, description = "The deposit's id.")),
    responses((status = 200, description = "The deposit.", body = DepositBody)),
    security(("key" = ["read"])),
)]
async fn get(State(api): State<Api>, By(caller): By, At(id): At<TermDepositId>) -> Answer {
    ok(view(api.bank.term_deposit(&caller, id).await?))
}

/// Withdraw from a term deposit
///
/// Before maturity what is taken out earns the demand rate of the day; what stays keeps its rate.
#[utoipa::path(
    post, path = "/v1/term-deposits/{deposit}/withdrawals", tag = "deposits",
    operation_id = "withdraw_deposit",
    params(("deposit" = Name, Path, description = "The deposit's id.")),
    request_body = DepositWithdrawal,
    responses((status = 200, description = "Paid out.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn withdraw(
    State(api): State<Api>,
    At(id): At<TermDepositId>,
    asked: Command<Json<DepositWithdrawal>>,
) -> Answer {
    let amount = asked.body.0.amount.map(|it| it.read("/amount")).transpose()?;
    done(api.bank.withdraw_deposit(&asked.call, id, amount).await?, moved)
}

/// Pay the interest of tenors that are over
#[utoipa::path(
    post, path = "/v1/term-deposits/{deposit}/interest-payments", tag = "deposits",
    operation_id = "pay_deposit_interest",
    params(("deposit" = Name, Path, description = "The deposit's id.")),
    responses((status = 200, description = "Paid out.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn pay_interest(
    State(api): State<Api>,
    At(id): At<TermDepositId>,
    asked: Command<Nothing>,
) -> Answer {
    done(api.bank.pay_deposit_interest(&asked.call, id).await?, moved)
}

/// Say what is to become of a term deposit at maturity
#[utoipa::path(
    post, path = "/v1/term-deposits/{deposit}/rollover-instruction", tag = "deposits",
    operation_id = "instruct_rollover",
    params(("deposit" = Name, Path, description = "The deposit's id.")),
    request_body = RolloverAsked,
    responses((status = 200, description = "Noted.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn instruct(
    State(api): State<Api>,
    At(id): At<TermDepositId>,
    asked: Command<Json<RolloverAsked>>,
) -> Answer {
    done(api.bank.instruct_rollover(&asked.call, id, asked.body.0.rollover).await?, moved)
}

/// Begin another tenor with a term deposit that has matured
#[utoipa::path(
    post, path = "/v1/term-deposits/{deposit}/rollovers", tag = "deposits",
    operation_id = "roll_over_deposit",
    params(("deposit" = Name, Path, description = "The deposit's id.")),
    request_body = RolloverAsked,
    responses((status = 200, description = "Begun.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn roll_over(
    State(api): State<Api>,
    At(id): At<TermDepositId>,
    asked: Command<Json<RolloverAsked>>,
) -> Answer {
    done(api.bank.roll_over_deposit(&asked.call, id, asked.body.0.rollover).await?, moved)
}

/// Freeze a term deposit
#[utoipa::path(
    post, path = "/v1/term-deposits/{deposit}/freezes", tag = "deposits",
    operation_id = "freeze_deposit",
    params(("deposit" = Name, Path, description = "The deposit's id.")),
    request_body = FreezeAsked,
    responses((status = 200, description = "Frozen.", body = RestrainedBody)),
    security(("key" = ["freezes"])),
)]
async fn freeze(
    State(api): State<Api>,
    At(id): At<TermDepositId>,
    asked: Command<Json<FreezeAsked>>,
) -> Answer {
    let new = asked.body.0.into();
    done(api.bank.freeze_deposit(&asked.call, id, &new).await?, restrained)
}

/// Lift a freeze of a term deposit
#[utoipa::path(
    post, path = "/v1/term-deposits/{deposit}/freezes/{freeze}/lift", tag = "deposits",
    operation_id = "unfreeze_deposit",
    params(
        ("deposit" = Name, Path, description = "The deposit's id."),
        ("freeze" = Name, Path, description = "The freeze's id."),
    ),
    responses((status = 200, description = "Lifted.", body = RestrainedBody)),
    security(("key" = ["freezes"])),
)]
async fn unfreeze(
    State(api): State<Api>,
    At((id, freeze)): At<(TermDepositId, Id<Freeze>)>,
    asked: Command<Nothing>,
) -> Answer {
    done(api.bank.unfreeze_deposit(&asked.call, id, freeze).await?, restrained)
}

/// Stop the payment of an amount of a term deposit
#[utoipa::path(
    post, path = "/v1/term-deposits/{deposit}/stop-payments", tag = "deposits",
    operation_id = "stop_deposit_payment",
    params(("deposit" = Name, Path, description = "The deposit's id.")),
    request_body = StopAsked,
    responses((status = 200, description = "Kept back.", body = RestrainedBody)),
    security(("key" = ["freezes"])),
)]
async fn stop_payment(
    State(api): State<Api>,
    At(id): At<TermDepositId>,
    asked: Command<Json<StopAsked>>,
) -> Answer {
    let new = asked.body.0.read()?;
    done(api.bank.stop_deposit_payment(&asked.call, id, &new).await?, restrained)
}

/// Release a stop-payment of a term deposit
#[utoipa::path(
    post, path = "/v1/term-deposits/{deposit}/stop-payments/{stop}/release", tag = "deposits",
    operation_id = "release_deposit_stop",
    params(
        ("deposit" = Name, Path, description = "The deposit's id."),
        ("stop" = Name, Path, description = "The stop-payment's id."),
    ),
    responses((status = 200, description = "Released.", body = RestrainedBody)),
    security(("key" = ["freezes"])),
)]
async fn release_stop(
    State(api): State<Api>,
    At((id, stop)): At<(TermDepositId, Id<Stop>)>,
    asked: Command<Nothing>,
) -> Answer {
    done(api.bank.release_deposit_stop(&asked.call, id, stop).await?, restrained)
}

fn view(state: DepositState) -> DepositBody {
    let DepositState { id, contract } = state;
    let currency = contract.currency;
    DepositBody {
        id: id.into(),
        party: contract.holder.into(),
        product: contract.product,
        product_version: contract.version,
        stage: contract.stage,
        principal: Money::of(contract.principal, currency),
        tenor: contract.tenor.to_string(),
        rate: contract.rate.to_string(),
        opened_on: Day(contract.opened_on),
        from: Day(contract.from),
        matures_on: Day(contract.matures_on),
        rollover: contract.rollover,
        rollovers: contract.rollovers,
        account: contract.account.map(Name::from),
        accrued_interest: Money::of(contract.interest, currency),
        due_interest: Money::of(contract.due, currency),
        restraints: RestraintsBody::of(contract.restraints, currency),
        closed_on: contract.closed_on.map(Day),
    }
}

fn moved(moved: DepositMoved) -> MovedBody {
    let DepositMoved { deposit, on, stage, amount, interest, principal } = moved;
    MovedBody {
        deposit: deposit.into(),
        on: Day(on),
        stage,
        amount: amount.into(),
        interest: interest.into(),
        principal: principal.into(),
    }
}
