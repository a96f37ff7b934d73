//! Current accounts: open, deposit, withdraw, wake, close, freezes and stop-payments.

use axum::extract::State;
use bank::{
    accounts::{AccountMoved, AccountStanding, NewFreeze, NewStop, OpenAccount, Restrained},
    tables::CurrentAccountId,
};
use deposits::{Freeze, Restraints, Scope, Status, Stop};
use money::Currency;
use serde::{Deserialize, Serialize};
use stdx::Id;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Answer, PageView, created, done, ok, page},
    problem::ApiError,
    request::{Asked, At, By, Command, Json, Nothing, PageOf},
    router::Api,
    schema,
    wire::{Day, Money, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(open, list))
        .routes(routes!(get))
        .routes(routes!(deposit))
        .routes(routes!(withdraw))
        .routes(routes!(close))
        .routes(routes!(wake))
        .routes(routes!(freeze))
        .routes(routes!(unfreeze))
        .routes(routes!(stop_payment))
        .routes(routes!(release_stop))
}

/// An account to open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "party": "0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", "product": "wallet"
}))]
struct NewCurrentAccount {
    /// Whose money it will hold.
    party: Name,
    /// Under which product.
    product: String,
}

/// Money that comes in or goes out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "amount": { "amount": "100.00", "currency": "CNY" } }))]
struct Movement {
    /// How much.
    amount: Money,
    /// The day from which it counts for interest, back to the last settlement; the business date
    /// when absent.
    value_date: Option<Day>,
}

/// A direction to be shut.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewFreeze, example = json!({
    "scope": "out", "reason": "judicial freeze", "reference": "(2025) 01-7", "until": "2025-12-31"
}))]
pub(crate) struct FreezeAsked {
    /// What is shut.
    #[schema(value_type = schema::FreezeScope)]
    scope: Scope,
    /// Why.
    reason: String,
    /// By which document.
    reference: String,
    /// The last day; until it is lifted when absent.
    until: Option<Day>,
}

/// An amount to be kept back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewStopPayment, example = json!({
    "amount": { "amount": "100.00", "currency": "CNY" },
    "reason": "enforcement", "reference": "(2025) 01-8"
}))]
pub(crate) struct StopAsked {
    /// How much.
    amount: Money,
    /// Why.
    reason: String,
    /// By which document.
    reference: String,
    /// The last day; until it is released when absent.
    until: Option<Day>,
}

/// What is forbidden on a contract.
#[derive(Serialize, ToSchema)]
#[schema(as = Restraints)]
pub(crate) struct RestraintsBody {
    /// Directions that are shut.
    freezes: Vec<FreezeBody>,
    /// Amounts that are kept back.
    stop_payments: Vec<StopBody>,
}

/// A direction that is shut.
#[derive(Serialize, ToSchema)]
#[schema(as = Freeze)]
pub(crate) struct FreezeBody {
    id: Name,
    /// What is shut.
    #[schema(value_type = schema::FreezeScope)]
    scope: Scope,
    /// Why.
    reason: String,
    /// By which document.
    reference: String,
    /// The first day.
    since: Day,
    /// The last day; null until it is lifted.
    until: Option<Day>,
}

/// An amount that is kept back.
#[derive(Serialize, ToSchema)]
#[schema(as = StopPayment)]
pub(crate) struct StopBody {
    id: Name,
    /// How much.
    amount: Money,
    /// Why.
    reason: String,
    /// By which document.
    reference: String,
    /// The first day.
    since: Day,
    /// The last day; null until it is released.
    until: Option<Day>,
}

/// What was forbidden on a contract, or allowed again.
#[derive(Serialize, ToSchema)]
#[schema(as = Restrained)]
pub(crate) struct RestrainedBody {
    /// Which contract.
    contract: Name,
    /// Which freeze or stop-payment.
    restraint: Name,
    /// The business date.
    on: Day,
}

/// A current account and what is in it.
#[derive(Serialize, ToSchema)]
#[schema(as = CurrentAccount)]
struct AccountBody {
    id: Name,
    /// Whose money it holds.
    party: Name,
    /// The product it was opened under.
    product: String,
    /// And which version of it.
    product_version: u32,
    /// Where it stands.
    #[schema(value_type = schema::AccountStatus)]
    status: Status,
    /// When it was opened.
    opened_on: Day,
    /// When it was closed.
    closed_on: Option<Day>,
    /// What is in it.
    balance: Money,
    /// What of it is not held.
    available: Money,
    /// Interest earned and not paid yet.
    accrued_interest: Money,
    /// What is forbidden on it.
    restraints: RestraintsBody,
}

/// What moved an account.
#[derive(Serialize, ToSchema)]
#[schema(as = CurrentAccountMoved)]
struct MovedBody {
    /// Which account.
    account: Name,
    /// The business date it was booked on.
    on: Day,
    /// What moved; zero when the account was opened or woken.
    amount: Money,
}

/// Open a current account
#[utoipa::path(
    post, path = "/v1/accounts", tag = "accounts", operation_id = "open_account",
    request_body = NewCurrentAccount,
    responses((status = 201, description = "Opened.", body = MovedBody)),
    security(("key" = ["contracts"])),
)]
async fn open(State(api): State<Api>, new: Command<Json<NewCurrentAccount>>) -> Answer {
    let NewCurrentAccount { party, product } = new.body.0;
    let open = OpenAccount { party: party.id(), product };
    let opened = api.bank.open_account(&new.call, &open).await?;
    created(opened, |it| format!("/v1/accounts/{}", it.account), moved)
}

/// List current accounts
///
/// Oldest first.
#[utoipa::path(
    get, path = "/v1/accounts", tag = "accounts", operation_id = "list_accounts",
    params(PageOf),
    responses((status = 200, description = "A page.", body = PageView<AccountBody>)),
    security(("key" = ["read"])),
)]
async fn list(State(api): State<Api>, By(caller): By, of: Asked<PageOf>) -> Answer {
    page(api.bank.accounts(&caller, of.0.after()?, of.0.limit).await?, view)
}

/// Read a current account
#[utoipa::path(
    get, path = "/v1/accounts/{account}", tag = "accounts", operation_id = "get_account",
    params(("account" = Name, Path, description = "The account's id.")),
    responses((status = 200, description = "The account.", body = AccountBody)),
    security(("key" = ["read"])),
)]
async fn get(State(api): State<Api>, By(caller): By, At(id): At<CurrentAccountId>) -> Answer {
    ok(view(api.bank.account(&caller, id).await?))
}

/// Deposit
#[utoipa::path(
    post, path = "/v1/accounts/{account}/deposits", tag = "accounts", operation_id = "deposit",
    params(("account" = Name, Path, description = "The account's id.")),
    request_body = Movement,
    responses((status = 200, description = "Taken in.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn deposit(
    State(api): State<Api>,
    At(id): At<CurrentAccountId>,
    asked: Command<Json<Movement>>,
) -> Answer {
    let Movement { amount, value_date } = asked.body.0;
    let (amount, value_date) = (amount.read("/amount")?, value_date.map(|it| it.0));
    done(api.bank.deposit(&asked.call, id, amount, value_date).await?, moved)
}

/// Withdraw
///
/// An account is never overdrawn, and the product's limits on what goes out are kept.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/withdrawals", tag = "accounts",
    operation_id = "withdraw",
    params(("account" = Name, Path, description = "The account's id.")),
    request_body = Movement,
    responses((status = 200, description = "Paid out.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn withdraw(
    State(api): State<Api>,
    At(id): At<CurrentAccountId>,
    asked: Command<Json<Movement>>,
) -> Answer {
    let Movement { amount, value_date } = asked.body.0;
    let (amount, value_date) = (amount.read("/amount")?, value_date.map(|it| it.0));
    done(api.bank.withdraw(&asked.call, id, amount, value_date).await?, moved)
}

/// Close a current account
///
/// Interest is paid up to the day before, at the rate of the day, and everything goes out.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/closing", tag = "accounts",
    operation_id = "close_account",
    params(("account" = Name, Path, description = "The account's id.")),
    responses((status = 200, description = "Closed; the amount was paid out.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn close(
    State(api): State<Api>,
    At(id): At<CurrentAccountId>,
    asked: Command<Nothing>,
) -> Answer {
    done(api.bank.close_account(&asked.call, id).await?, moved)
}

/// Wake a dormant account
///
/// An account that its holder has not moved for long pays nothing out until then.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/waking", tag = "accounts",
    operation_id = "wake_account",
    params(("account" = Name, Path, description = "The account's id.")),
    responses((status = 200, description = "Active again.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn wake(
    State(api): State<Api>,
    At(id): At<CurrentAccountId>,
    asked: Command<Nothing>,
) -> Answer {
    done(api.bank.wake_account(&asked.call, id).await?, moved)
}

/// Freeze a current account
///
/// Several freezes may be there at once; each is lifted alone.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/freezes", tag = "accounts",
    operation_id = "freeze_account",
    params(("account" = Name, Path, description = "The account's id.")),
    request_body = FreezeAsked,
    responses((status = 200, description = "Frozen.", body = RestrainedBody)),
    security(("key" = ["freezes"])),
)]
async fn freeze(
    State(api): State<Api>,
    At(id): At<CurrentAccountId>,
    asked: Command<Json<FreezeAsked>>,
) -> Answer {
    let new = asked.body.0.into();
    done(api.bank.freeze_account(&asked.call, id, &new).await?, restrained)
}

/// Lift a freeze of a current account
#[utoipa::path(
    post, path = "/v1/accounts/{account}/freezes/{freeze}/lift", tag = "accounts",
    operation_id = "unfreeze_account",
    params(
        ("account" = Name, Path, description = "The account's id."),
        ("freeze" = Name, Path, description = "The freeze's id."),
    ),
    responses((status = 200, description = "Lifted.", body = RestrainedBody)),
    security(("key" = ["freezes"])),
)]
async fn unfreeze(
    State(api): State<Api>,
    At((id, freeze)): At<(CurrentAccountId, Id<Freeze>)>,
    asked: Command<Nothing>,
) -> Answer {
    done(api.bank.unfreeze_account(&asked.call, id, freeze).await?, restrained)
}

/// Stop the payment of an amount of a current account
///
/// The amount stays in the account and cannot go out.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/stop-payments", tag = "accounts",
    operation_id = "stop_account_payment",
    params(("account" = Name, Path, description = "The account's id.")),
    request_body = StopAsked,
    responses((status = 200, description = "Kept back.", body = RestrainedBody)),
    security(("key" = ["freezes"])),
)]
async fn stop_payment(
    State(api): State<Api>,
    At(id): At<CurrentAccountId>,
    asked: Command<Json<StopAsked>>,
) -> Answer {
    let new = asked.body.0.read()?;
    done(api.bank.stop_account_payment(&asked.call, id, &new).await?, restrained)
}

/// Release a stop-payment of a current account
#[utoipa::path(
    post, path = "/v1/accounts/{account}/stop-payments/{stop}/release", tag = "accounts",
    operation_id = "release_account_stop",
    params(
        ("account" = Name, Path, description = "The account's id."),
        ("stop" = Name, Path, description = "The stop-payment's id."),
    ),
    responses((status = 200, description = "Released.", body = RestrainedBody)),
    security(("key" = ["freezes"])),
)]
async fn release_stop(
    State(api): State<Api>,
    At((id, stop)): At<(CurrentAccountId, Id<Stop>)>,
    asked: Command<Nothing>,
) -> Answer {
    done(api.bank.release_account_stop(&asked.call, id, stop).await?, restrained)
}

impl From<FreezeAsked> for NewFreeze {
    fn from(asked: FreezeAsked) -> Self {
        let FreezeAsked { scope, reason, reference, until } = asked;
        Self { scope, reason, reference, until: until.map(|it| it.0) }
    }
}

impl StopAsked {
    /// What is asked for.
    ///
    /// # Errors
    /// 400 with the pointer of the amount.
    pub(crate) fn read(self) -> Result<NewStop, ApiError> {
        let Self { amount, reason, reference, until } = self;
        let (amount, until) = (amount.read("/amount")?, until.map(|it| it.0));
        Ok(NewStop { amount, reason, reference, until })
    }
}

impl RestraintsBody {
    /// How restraints are shown.
    pub(crate) fn of(restraints: Restraints, currency: Currency) -> Self {
        let freeze = |it: Freeze| FreezeBody {
            id: it.id.into(),
            scope: it.scope,
            reason: it.reason,
            reference: it.reference,
            since: Day(it.since),
            until: it.until.map(Day),
        };
        let stop = |it: Stop| StopBody {
            id: it.id.into(),
            amount: Money::of(it.amount, currency),
            reason: it.reason,
            reference: it.reference,
            since: Day(it.since),
            until: it.until.map(Day),
        };
        Self {
            freezes: restraints.freezes.into_iter().map(freeze).collect(),
            stop_payments: restraints.stops.into_iter().map(stop).collect(),
        }
    }
}

/// How a restraint that was placed or taken away is shown.
pub(crate) fn restrained(restrained: Restrained) -> RestrainedBody {
    let Restrained { contract, restraint, on } = restrained;
    RestrainedBody { contract: contract.into(), restraint: restraint.into(), on: Day(on) }
}

fn view(standing: AccountStanding) -> AccountBody {
    let AccountStanding { id, contract, balance, available } = standing;
    AccountBody {
        id: id.into(),
        party: contract.holder.into(),
        product: contract.product,
        product_version: contract.version,
        status: contract.status,
        opened_on: Day(contract.opened_on),
        closed_on: contract.closed_on.map(Day),
        balance: balance.into(),
        available: available.into(),
        accrued_interest: Money::of(contract.interest + contract.payable, contract.currency),
        restraints: RestraintsBody::of(contract.restraints, contract.currency),
    }
}

fn moved(moved: AccountMoved) -> MovedBody {
    let AccountMoved { account, on, amount } = moved;
    MovedBody { account: account.into(), on: Day(on), amount: amount.into() }
}
