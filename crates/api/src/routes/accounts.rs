//! Current accounts: open, deposit, withdraw.

use axum::extract::State;
use bank::{
    accounts::{AccountMoved, AccountStanding, OpenAccount},
    tables::CurrentAccountId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::loans::Payment;
use crate::{
    answer::{Answer, PageView, created, done, ok, page},
    request::{Asked, At, By, Command, Json, PageOf},
    router::Api,
    wire::{Day, Money, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(open, list))
        .routes(routes!(get))
        .routes(routes!(deposit))
        .routes(routes!(withdraw))
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
    /// When it was opened.
    opened_on: Day,
    /// What is in it.
    balance: Money,
    /// What of it is not held.
    available: Money,
    /// Interest earned and not paid yet.
    accrued_interest: Money,
}

/// What moved an account.
#[derive(Serialize, ToSchema)]
#[schema(as = CurrentAccountMoved)]
struct MovedBody {
    /// Which account.
    account: Name,
    /// The business date it was booked on.
    on: Day,
    /// What moved; zero when the account was opened.
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
    request_body = Payment,
    responses((status = 200, description = "Taken in.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn deposit(
    State(api): State<Api>,
    At(id): At<CurrentAccountId>,
    payment: Command<Json<Payment>>,
) -> Answer {
    let amount = payment.body.0.amount.read("/amount")?;
    done(api.bank.deposit(&payment.call, id, amount).await?, moved)
}

/// Withdraw
///
/// An account is never overdrawn, and the product's limits on what goes out are kept.
#[utoipa::path(
    post, path = "/v1/accounts/{account}/withdrawals", tag = "accounts",
    operation_id = "withdraw",
    params(("account" = Name, Path, description = "The account's id.")),
    request_body = Payment,
    responses((status = 200, description = "Paid out.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn withdraw(
    State(api): State<Api>,
    At(id): At<CurrentAccountId>,
    payment: Command<Json<Payment>>,
) -> Answer {
    let amount = payment.body.0.amount.read("/amount")?;
    done(api.bank.withdraw(&payment.call, id, amount).await?, moved)
}

fn view(standing: AccountStanding) -> AccountBody {
    let AccountStanding { id, contract, balance, available } = standing;
    AccountBody {
        id: id.into(),
        party: contract.holder.into(),
        product: contract.product,
        product_version: contract.version,
        opened_on: Day(contract.opened_on),
        balance: balance.into(),
        available: available.into(),
        accrued_interest: Money::of(contract.interest, contract.currency),
    }
}

fn moved(moved: AccountMoved) -> MovedBody {
    let AccountMoved { account, on, amount } = moved;
    MovedBody { account: account.into(), on: Day(on), amount: amount.into() }
}
