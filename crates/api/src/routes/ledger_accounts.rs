//! Accounts of the plain ledger: open, freeze, limit, history, balances.

use axum::extract::State;
use bank::{
    Call, Caller,
    plain::{BalanceAt, NewAccount},
};
use ledger::{
    Account, AccountId, AccountState, Balances, Cap, CapUse, Direction, Limits, Side, Window,
};
use money::{Amount, Currency};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::ledger_transfers::{TransferBody, view as transfer};
use crate::{
    answer::{Answer, PageView, created, done, ok, page},
    problem::ApiError,
    request::{Asked, At, By, Command, Json, OneOrMany, PageOf, day},
    router::Api,
    schema,
    wire::{Day, Iso, Major, Name, Short, amount},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(open, list))
        .routes(routes!(get))
        .routes(routes!(set_state))
        .routes(routes!(set_limits))
        .routes(routes!(history))
        .routes(routes!(balances))
}

/// Where accounts are found.
const PLACE: &str = "/v1/ledger/accounts";

/// An account to open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", "code": "2011.01", "currency": "CNY",
    "side": "credit", "limits": { "overdraft": "0.00" }
}))]
struct NewLedgerAccount {
    /// Its id, chosen by the caller; made from the idempotency key when absent.
    id: Option<Name>,
    /// Its place in the chart of accounts.
    code: Short,
    /// What it counts.
    currency: Iso,
    /// The side on which it grows: debit for assets and expenses, credit for the others.
    #[schema(value_type = schema::Side)]
    side: Side,
    /// The lane it lives in; the institution's ledger lane when absent. Accounts that move together
    /// belong in one lane.
    lane: Option<Name>,
    /// What may move; everything when absent.
    limits: Option<LimitsBody>,
}

/// What an account allows, in major units of its currency and seen from its own side.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Limits, example = json!({
    "overdraft": "0.00", "caps": [{ "direction": "out", "window": "day", "max": "10000.00" }]
}))]
struct LimitsBody {
    /// How far below zero it may go: 0 is no overdraft, more is a credit line. No floor when
    /// absent.
    overdraft: Option<String>,
    /// How high it may rise. No ceiling when absent.
    balance_max: Option<String>,
    /// How much may pass; at most one for each direction and window.
    #[serde(default)]
    caps: Vec<CapBody>,
}

/// The most that may pass in one direction within a window.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Cap)]
struct CapBody {
    /// `in` grows the account, `out` shrinks it.
    #[schema(value_type = schema::Direction)]
    direction: Direction,
    /// Over what time.
    #[schema(value_type = schema::Window)]
    window: Window,
    /// The most.
    #[schema(example = "10000.00")]
    max: String,
}

/// What may be done with an account.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountStateChange, example = json!({ "state": "frozen" }))]
struct StateBody {
    /// `open` thaws; `frozen-in` takes nothing in, `frozen-out` gives nothing out; `closed` is for
    /// good and asks for a balance of zero.
    #[schema(value_type = schema::AccountState)]
    state: AccountState,
}

/// An account that was opened, or was there already with the same fields.
#[derive(Serialize, ToSchema)]
struct OpenedAccount {
    /// Its id.
    id: Name,
}

/// The accounts that were opened, in order.
#[derive(Serialize, ToSchema)]
struct OpenedAccounts {
    /// One for each item.
    results: Vec<OpenedAccount>,
}

/// What was asked for: one account, or a list of them.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum OpenAnswer {
    /// For one.
    One(OpenedAccount),
    /// For a list.
    Many(OpenedAccounts),
}

/// An account of the ledger; amounts in major units of its currency.
#[derive(Serialize, ToSchema)]
#[schema(as = LedgerAccount)]
pub(crate) struct AccountBody {
    id: Name,
    /// The lane its changes are ordered in.
    lane: Name,
    /// Its place in the chart of accounts.
    code: Short,
    /// What it counts.
    currency: Iso,
    /// The side on which it grows.
    #[schema(value_type = schema::Side)]
    side: Side,
    /// What may be done with it.
    #[schema(value_type = schema::AccountState)]
    state: AccountState,
    /// What has moved.
    balances: BalancesBody,
    /// What may move; null when everything may.
    limits: Option<LimitsBody>,
    /// The newest transfer; null when there is none.
    last_transfer: Option<Name>,
}

/// The sums of an account.
#[derive(Serialize, ToSchema)]
#[schema(as = Balances)]
struct BalancesBody {
    /// Debits posted.
    debits_posted: Major,
    /// Credits posted.
    credits_posted: Major,
    /// Debits held.
    debits_pending: Major,
    /// Credits held.
    credits_pending: Major,
    /// The balance, seen from the account's own side.
    posted: Major,
    /// What of it is not held.
    available: Major,
}

/// An account's sums at the end of a value date.
#[derive(Serialize, ToSchema)]
#[schema(as = BalanceAt)]
struct BalanceAtBody {
    /// The account.
    account: Name,
    /// The day.
    date: Day,
    /// The currency.
    currency: Iso,
    /// Debits posted with a value date through it.
    debits_posted: Major,
    /// Credits.
    credits_posted: Major,
    /// The balance, seen from the account's own side.
    posted: Major,
}

/// At which day.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AtDay {
    /// The value date; the business date when absent.
    #[serde(default, deserialize_with = "day")]
    #[param(value_type = Option<String>, format = Date)]
    date: Option<Date>,
}

/// Open accounts
///
/// One, or a list of up to 8,000: all or none. Opening the same again changes nothing; with a
/// different field it is refused, and the field is named.
#[utoipa::path(
    post, path = "/v1/ledger/accounts", tag = "ledger", operation_id = "open_ledger_accounts",
    request_body = OneOrMany<NewLedgerAccount>,
    responses((status = 201, description = "Opened.", body = OpenAnswer)),
    security(("key" = ["ledger"])),
)]
async fn open(State(api): State<Api>, new: Command<Json<OneOrMany<NewLedgerAccount>>>) -> Answer {
    let one = matches!(new.body.0, OneOrMany::One(_));
    let accounts = new.body.0.try_map(|at, it| new_account(&new.call, at, it))?;
    let opened = api.bank.open_ledger_accounts(&new.call, &accounts).await?;
    let mut results: Vec<_> =
        accounts.iter().map(|it| OpenedAccount { id: it.id.into() }).collect();
    let (place, answer) = match results.pop_if(|_| one) {
        Some(only) => (format!("{PLACE}/{}", only.id), OpenAnswer::One(only)),
        None => (PLACE.to_owned(), OpenAnswer::Many(OpenedAccounts { results })),
    };
    created(opened, |()| place, |()| answer)
}

/// List accounts
///
/// In order of id.
#[utoipa::path(
    get, path = "/v1/ledger/accounts", tag = "ledger", operation_id = "list_ledger_accounts",
    params(PageOf),
    responses((status = 200, description = "A page.", body = PageView<AccountBody>)),
    security(("key" = ["audit"])),
)]
async fn list(State(api): State<Api>, By(caller): By, of: Asked<PageOf>) -> Answer {
    let accounts = api.bank.ledger_accounts(&caller, of.0.after()?, of.0.limit).await?;
    page(accounts, |it| view(&it))
}

/// Read an account
#[utoipa::path(
    get, path = "/v1/ledger/accounts/{account}", tag = "ledger",
    operation_id = "get_ledger_account",
    params(("account" = Name, Path, description = "The account's id.")),
    responses((status = 200, description = "The account.", body = AccountBody)),
    security(("key" = ["audit"])),
)]
async fn get(State(api): State<Api>, By(caller): By, At(id): At<AccountId>) -> Answer {
    ok(view(&api.bank.ledger_account(&caller, id).await?))
}

/// Freeze, thaw or close an account
#[utoipa::path(
    put, path = "/v1/ledger/accounts/{account}/state", tag = "ledger",
    operation_id = "set_ledger_account_state",
    params(("account" = Name, Path, description = "The account's id.")),
    request_body = StateBody,
    responses((status = 200, description = "Changed.", body = StateBody)),
    security(("key" = ["ledger"])),
)]
async fn set_state(
    State(api): State<Api>,
    At(id): At<AccountId>,
    new: Command<Json<StateBody>>,
) -> Answer {
    let changed = api.bank.set_account_state(&new.call, id, new.body.0.state).await?;
    done(changed, |()| new.body.0)
}

/// Set an account's limits
///
/// They replace those there are; what has passed under a cap that stays keeps counting.
#[utoipa::path(
    put, path = "/v1/ledger/accounts/{account}/limits", tag = "ledger",
    operation_id = "set_ledger_account_limits",
    params(("account" = Name, Path, description = "The account's id.")),
    request_body = LimitsBody,
    responses((status = 200, description = "Changed.", body = LimitsBody)),
    security(("key" = ["ledger"])),
)]
async fn set_limits(
    State(api): State<Api>,
    At(id): At<AccountId>,
    new: Command<Json<LimitsBody>>,
) -> Answer {
    let currency = api.bank.ledger_account(&new.call.caller, id).await?.currency;
    let limits = read_limits(&new.body.0, currency, "")?;
    let changed = api.bank.set_account_limits(&new.call, id, Some(limits)).await?;
    done(changed, |()| new.body.0)
}

/// Read an account's history
///
/// Its transfers, newest first.
#[utoipa::path(
    get, path = "/v1/ledger/accounts/{account}/transfers", tag = "ledger",
    operation_id = "get_ledger_account_history",
    params(("account" = Name, Path, description = "The account's id."), PageOf),
    responses((status = 200, description = "A page.", body = PageView<TransferBody>)),
    security(("key" = ["audit"])),
)]
async fn history(
    State(api): State<Api>,
    By(caller): By,
    At(id): At<AccountId>,
    of: Asked<PageOf>,
) -> Answer {
    let currency = api.bank.ledger_account(&caller, id).await?.currency;
    let moves = api.bank.account_history(&caller, id, of.0.after()?, of.0.limit).await?;
    page(moves, |it| transfer(&it, currency))
}

/// Read an account's balances at a date
#[utoipa::path(
    get, path = "/v1/ledger/accounts/{account}/balances", tag = "ledger",
    operation_id = "get_ledger_account_balances",
    params(("account" = Name, Path, description = "The account's id."), AtDay),
    responses((status = 200, description = "The balances.", body = BalanceAtBody)),
    security(("key" = ["audit"])),
)]
async fn balances(
    State(api): State<Api>,
    By(caller): By,
    At(id): At<AccountId>,
    asked: Asked<AtDay>,
) -> Answer {
    let date = date_or_today(&api, &caller, asked.0.date).await?;
    let account = api.bank.ledger_account(&caller, id).await?;
    let at = api.bank.balance_at(&caller, id, date).await?;
    ok(balance_at(&account, &at))
}

/// The day asked for, or the business date.
async fn date_or_today(api: &Api, caller: &Caller, date: Option<Date>) -> Result<Date, ApiError> {
    match date {
        Some(date) => Ok(date),
        None => Ok(api.bank.institution(caller).await?.record.business_date),
    }
}

/// The id of an item that came without one: the same for a repetition of the request.
pub(crate) fn derived<T>(call: &Call, what: &[u8], at: &str) -> Id<T> {
    let institution = call.caller.institution;
    Id::derived(&[institution.as_bytes(), what, call.key.as_bytes(), at.as_bytes()])
}

fn new_account(call: &Call, at: &str, new: NewLedgerAccount) -> Result<NewAccount, ApiError> {
    let currency = new.currency.0;
    let limits = new.limits.map(|it| read_limits(&it, currency, &format!("{at}/limits")));
    Ok(NewAccount {
        id: new.id.map_or_else(|| derived(call, b"account", at), Name::id),
        code: new.code.0,
        currency,
        side: new.side,
        lane: new.lane.map(Name::id),
        limits: limits.transpose()?,
    })
}

fn read_limits(limits: &LimitsBody, currency: Currency, at: &str) -> Result<Limits, ApiError> {
    let read = |text: &Option<String>, name: &str| {
        let read = |it: &String| amount(it, currency, &format!("{at}/{name}"));
        text.as_ref().map(read).transpose()
    };
    let cap = |(index, cap): (usize, &CapBody)| {
        let max = amount(&cap.max, currency, &format!("{at}/caps/{index}/max"))?;
        let (direction, window) = (cap.direction, cap.window);
        Ok(Cap { direction, window, max, usage: CapUse::default() })
    };
    Ok(Limits {
        overdraft: read(&limits.overdraft, "overdraft")?,
        balance_max: read(&limits.balance_max, "balance_max")?,
        caps: limits.caps.iter().enumerate().map(cap).collect::<Result<_, ApiError>>()?,
    })
}

/// Shows an account.
pub(crate) fn view(account: &Account) -> AccountBody {
    let limits = account.limits.as_deref();
    AccountBody {
        id: account.id.into(),
        lane: account.lane.into(),
        code: Short(account.code),
        currency: Iso(account.currency),
        side: account.side,
        state: account.state,
        balances: shown_balances(account),
        limits: limits.map(|it| shown_limits(it, account.currency)),
        last_transfer: account.last.map(Name::from),
    }
}

fn shown_balances(account: &Account) -> BalancesBody {
    let major = |amount| Major::of(amount, account.currency);
    let balances = &account.balances;
    BalancesBody {
        debits_posted: major(balances.debits_posted),
        credits_posted: major(balances.credits_posted),
        debits_pending: major(balances.debits_pending),
        credits_pending: major(balances.credits_pending),
        posted: major(balances.posted(account.side)),
        available: major(balances.available(account.side)),
    }
}

fn shown_limits(limits: &Limits, currency: Currency) -> LimitsBody {
    let text = |amount: Amount| amount.text(currency);
    let cap =
        |cap: &Cap| CapBody { direction: cap.direction, window: cap.window, max: text(cap.max) };
    LimitsBody {
        overdraft: limits.overdraft.map(text),
        balance_max: limits.balance_max.map(text),
        caps: limits.caps.iter().map(cap).collect(),
    }
}

fn balance_at(account: &Account, at: &BalanceAt) -> BalanceAtBody {
    let major = |amount| Major::of(amount, account.currency);
    let BalanceAt { date, debits_posted, credits_posted } = *at;
    let balances = Balances { debits_posted, credits_posted, ..Balances::default() };
    BalanceAtBody {
        account: account.id.into(),
        date: Day(date),
        currency: Iso(account.currency),
        debits_posted: major(debits_posted),
        credits_posted: major(credits_posted),
        posted: major(balances.posted(account.side)),
    }
}
