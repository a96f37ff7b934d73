//! Transfers of the plain ledger: plain, holds, what becomes of holds, reversals.

use std::collections::BTreeMap;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bank::{
    AccountMove, Booked, Call, Caller, Refusal,
    plain::{Booking, ItemResult},
};
use jiff::SignedDuration;
use ledger::{AccountId, Balancing, Kind, Resolution, Transfer, TransferId};
use money::{Amount, Currency};
use serde::{Deserialize, Serialize};
use stdx::{Date, Timestamp};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::ledger_accounts::{AccountBody, derived, view as account};
use crate::{
    ITEMS_MAX,
    answer::{Answer, ok, replayed},
    problem::{ApiError, Fault},
    request::{At, By, Command, Inquiry, Json, OneOrMany},
    router::Api,
    schema,
    wire::{Day, Moment, Money, Name, Short},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(book)).routes(routes!(get)).routes(routes!(look_up))
}

/// The longest a hold may be asked to last by `timeout_seconds`: a hundred years.
const TIMEOUT_SECONDS_MAX: u32 = 3_155_760_000;

/// A transfer to book.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b",
    "debit": "0194a1b2-7c3d-7e4f-8a5b-000000000001",
    "credit": "0194a1b2-7c3d-7e4f-8a5b-000000000002",
    "amount": { "amount": "12.50", "currency": "CNY" }, "reason": "purchase"
}))]
struct NewTransfer {
    /// Its id, chosen by the caller so that a retry is recognized; made from the idempotency key
    /// when absent.
    id: Option<Name>,
    /// What it does; `plain` when absent.
    #[serde(default)]
    kind: TransferKind,
    /// The hold to post or void, or the transfer to reverse; for these kinds only.
    about: Option<Name>,
    /// The account debited. About an earlier transfer it may be left out: as there.
    debit: Option<Name>,
    /// The account credited. About an earlier transfer it may be left out: as there.
    credit: Option<Name>,
    /// How much; with `balancing`, at most so much. About an earlier transfer it may be left out:
    /// all of it. The currency must be that of the accounts.
    amount: Option<Money>,
    /// Moves only as much as the account on the named side has; possibly nothing.
    #[serde(default)]
    #[schema(value_type = schema::Balancing)]
    balancing: Balancing,
    /// Stands or falls with the next transfer of the list.
    #[serde(default)]
    linked: bool,
    /// When a hold is over; never when neither this nor `timeout_seconds` is there.
    expires: Option<Moment>,
    /// After how many seconds from now a hold is over. With an `id` of one's own prefer `expires`:
    /// a retry then asks for the same moment.
    #[schema(minimum = 1)]
    timeout_seconds: Option<u32>,
    /// The day from which it counts for interest; the business date when absent.
    value_date: Option<Day>,
    /// The business reason.
    reason: Short,
}

/// What a transfer does.
#[derive(Clone, Copy, Default, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum TransferKind {
    /// Moves the amount.
    #[default]
    Plain,
    /// Reserves the amount until it is posted, voided or expired.
    Hold,
    /// Moves all or part of a hold and releases the rest.
    Post,
    /// Releases a hold.
    Void,
    /// Released a hold whose time was over; the platform alone books these.
    #[serde(skip_deserializing)]
    Expire,
    /// Moves all of an earlier transfer back.
    Reversal,
}

/// What came of a transfer.
#[derive(Serialize, ToSchema)]
struct TransferResult {
    /// Its id.
    id: Name,
    /// What came of it.
    status: TransferStatus,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reject: Option<LedgerReject>,
}

/// What came of a transfer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum TransferStatus {
    /// It happened now.
    Created,
    /// It had happened before with the same content.
    Exists,
    /// It did not happen.
    Refused,
}

/// Why the ledger refuses. Number and code never change.
#[derive(Serialize, ToSchema)]
struct LedgerReject {
    /// The number.
    #[schema(example = 61)]
    number: u16,
    /// The code.
    #[schema(example = "debit-account-exceeds-overdraft")]
    code: &'static str,
    /// What it means.
    meaning: &'static str,
}

/// What came of a list of transfers, in order.
#[derive(Serialize, ToSchema)]
struct TransferResults {
    /// One for each item.
    results: Vec<TransferResult>,
}

/// What came of what was asked for: one transfer, or a list of them.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum TransferAnswer {
    /// Of one.
    One(TransferResult),
    /// Of a list.
    Many(TransferResults),
}

/// A transfer that happened.
#[derive(Serialize, ToSchema)]
#[schema(as = Transfer)]
pub(crate) struct TransferBody {
    id: Name,
    /// What it does.
    kind: TransferKind,
    /// The earlier transfer it is about.
    about: Option<Name>,
    /// The account debited.
    debit: Name,
    /// The account credited.
    credit: Name,
    /// What was really moved, held or released.
    amount: Money,
    /// Which account it balanced.
    #[schema(value_type = schema::Balancing)]
    balancing: Balancing,
    /// Whether it stood or fell with the next of its list.
    linked: bool,
    /// When a hold is over.
    expires: Option<Moment>,
    /// The day from which it counts for interest.
    value_date: Day,
    /// The business reason.
    reason: Short,
    /// When it was booked.
    booked_at: Moment,
    /// The business date on which it was booked.
    booked_on: Day,
    /// What became of it; null when it stands as it is.
    resolution: Option<ResolutionBody>,
}

/// What became of a transfer.
#[derive(Serialize, ToSchema)]
#[schema(as = Resolution)]
struct ResolutionBody {
    /// What.
    status: ResolutionStatus,
    /// By which transfer.
    by: Name,
}

/// What became of a transfer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum ResolutionStatus {
    /// The hold was posted.
    Posted,
    /// The hold was voided.
    Voided,
    /// The hold expired.
    Expired,
    /// The transfer was reversed.
    Reversed,
}

/// What to look up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "transfers": ["0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"] }))]
struct LookUp {
    /// Ids of accounts.
    #[serde(default)]
    #[schema(max_items = 8000)]
    accounts: Vec<Name>,
    /// Ids of transfers.
    #[serde(default)]
    #[schema(max_items = 8000)]
    transfers: Vec<Name>,
}

/// What was found, in the order asked; what is not there is left out.
#[derive(Serialize, ToSchema)]
struct Found {
    /// Accounts.
    accounts: Vec<AccountBody>,
    /// Transfers.
    transfers: Vec<TransferBody>,
}

/// Book transfers
///
/// One, or a list of up to 8,000. In a list each is booked or refused for itself, except that
/// `linked` ones stand or fall together. Booking the same id with the same content again is
/// `exists`; with other content the first differing field is named.
///
/// One transfer that is refused is a problem (422) with the ledger's code; in a list the answer is
/// 200 and each item has its own.
#[utoipa::path(
    post, path = "/v1/ledger/transfers", tag = "ledger", operation_id = "book_transfers",
    request_body = OneOrMany<NewTransfer>,
    responses(
        (status = 200, description = "The one transfer was booked before, or what came of each \
            item of a list.", body = TransferAnswer),
        (status = 201, description = "The one transfer is booked.", body = TransferResult),
    ),
    security(("key" = ["ledger"])),
)]
async fn book(State(api): State<Api>, new: Command<Json<OneOrMany<NewTransfer>>>) -> Answer {
    let Command { call, body: Json(body) } = new;
    let one = matches!(body, OneOrMany::One(_));
    let today = api.bank.institution(&call.caller).await?.record.business_date;
    let orders = body.try_map(|at, it| order(&call, today, at, it))?;
    check_currencies(&api, &call.caller, &orders).await?;
    let transfers: Vec<_> = orders.into_iter().map(|it| it.transfer).collect();
    let booking = api.bank.book_transfers(&call, &transfers).await?;
    if one { single(&transfers, &booking) } else { Ok(list(&transfers, &booking)) }
}

/// Read a transfer
#[utoipa::path(
    get, path = "/v1/ledger/transfers/{transfer}", tag = "ledger", operation_id = "get_transfer",
    params(("transfer" = Name, Path, description = "The transfer's id.")),
    responses((status = 200, description = "The transfer.", body = TransferBody)),
    security(("key" = ["audit"])),
)]
async fn get(State(api): State<Api>, By(caller): By, At(id): At<TransferId>) -> Answer {
    let found = api.bank.transfer(&caller, id).await?;
    let account = api.bank.ledger_account(&caller, found.posted.transfer.debit).await?;
    ok(view(&found, account.currency))
}

/// Look up accounts and transfers
///
/// Many at once, by id.
#[utoipa::path(
    post, path = "/v1/ledger/lookups", tag = "ledger", operation_id = "look_up",
    request_body = LookUp,
    responses((status = 200, description = "What was found.", body = Found)),
    security(("key" = ["audit"])),
)]
async fn look_up(State(api): State<Api>, asked: Inquiry<Json<LookUp>>) -> Answer {
    let Inquiry { caller, body: Json(LookUp { accounts, transfers }) } = asked;
    few("/accounts", accounts.len())?;
    few("/transfers", transfers.len())?;
    let mut found = Found { accounts: Vec::new(), transfers: Vec::new() };
    for id in accounts {
        let it = found_or_none(api.bank.ledger_account(&caller, id.id()).await)?;
        found.accounts.extend(it.as_ref().map(account));
    }
    let mut currencies = Currencies::new(&api, &caller);
    for id in transfers {
        let Some(it) = found_or_none(api.bank.transfer(&caller, id.id()).await)? else { continue };
        let currency = currencies.of(it.posted.transfer.debit).await?;
        found.transfers.extend(currency.map(|currency| view(&it, currency)));
    }
    ok(found)
}

fn few(pointer: &str, items: usize) -> Result<(), ApiError> {
    if items <= ITEMS_MAX {
        return Ok(());
    }
    let detail = format!("At most {ITEMS_MAX} at a time.");
    Err(ApiError::malformed_body(Fault::at(pointer, "too-many-items", detail)))
}

fn found_or_none<T>(found: Result<T, Refusal>) -> Result<Option<T>, Refusal> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Refusal::NotFound(_)) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// The currencies of accounts, each asked for once.
struct Currencies<'a> {
    api: &'a Api,
    caller: &'a Caller,
    known: BTreeMap<AccountId, Option<Currency>>,
}

impl<'a> Currencies<'a> {
    fn new(api: &'a Api, caller: &'a Caller) -> Self {
        Self { api, caller, known: BTreeMap::new() }
    }

    async fn of(&mut self, id: AccountId) -> Result<Option<Currency>, Refusal> {
        if let Some(known) = self.known.get(&id) {
            return Ok(*known);
        }
        let account = found_or_none(self.api.bank.ledger_account(self.caller, id).await)?;
        let currency = account.map(|it| it.currency);
        self.known.insert(id, currency);
        Ok(currency)
    }
}

/// A transfer as it was ordered, with what the ledger does not keep of it.
struct Order {
    transfer: Transfer,
    /// The currency written beside the amount.
    currency: Option<Currency>,
    /// Where it stands in the body.
    pointer: String,
}

/// Refuses an amount in another currency than its account's: 10 yen are not 0.10 yuan. Accounts
/// that are not there are left to the ledger to refuse.
async fn check_currencies(api: &Api, caller: &Caller, orders: &[Order]) -> Result<(), ApiError> {
    let mut currencies = Currencies::new(api, caller);
    let debits: BTreeMap<_, _> =
        orders.iter().map(|it| (it.transfer.id, it.transfer.debit)).collect();
    for order in orders {
        let Some(written) = order.currency else { continue };
        let Some(account) = debit_account(api, caller, &debits, &order.transfer).await? else {
            continue;
        };
        if currencies.of(account).await?.is_some_and(|it| it != written) {
            let pointer = format!("{}/amount/currency", order.pointer);
            let detail = "The accounts are of another currency.";
            return Err(ApiError::malformed_body(Fault::at(pointer, "other-currency", detail)));
        }
    }
    Ok(())
}

/// The account a transfer debits; one about an earlier transfer has it from there.
async fn debit_account(
    api: &Api,
    caller: &Caller,
    debits: &BTreeMap<TransferId, AccountId>,
    transfer: &Transfer,
) -> Result<Option<AccountId>, Refusal> {
    if !transfer.debit.is_nil() {
        return Ok(Some(transfer.debit));
    }
    let Some(about) = transfer.kind.about() else { return Ok(None) };
    if let Some(debit) = debits.get(&about).filter(|it| !it.is_nil()) {
        return Ok(Some(*debit));
    }
    let earlier = found_or_none(api.bank.transfer(caller, about).await)?;
    Ok(earlier.map(|it| it.posted.transfer.debit))
}

fn order(call: &Call, today: Date, at: &str, new: NewTransfer) -> Result<Order, ApiError> {
    let wrong = |field: &str, code: &str, detail: &str| {
        ApiError::malformed_body(Fault::at(format!("{at}/{field}"), code, detail))
    };
    let kind = kind(call.now, &new, &wrong)?;
    let money = new.amount.as_ref().map(|it| it.read(&format!("{at}/amount"))).transpose()?;
    let moves = kind.about().is_none();
    let missing = |field: &str| wrong(field, "missing-field", "This kind of transfer needs it.");
    let debit = new.debit.map_or(AccountId::NIL, Name::id);
    let credit = new.credit.map_or(AccountId::NIL, Name::id);
    let absent = [
        ("debit", new.debit.is_none()),
        ("credit", new.credit.is_none()),
        ("amount", money.is_none()),
    ];
    if let Some((field, _)) = absent.iter().find(|(_, absent)| moves && *absent) {
        return Err(missing(field));
    }
    let transfer = Transfer {
        id: new.id.map_or_else(|| derived(call, b"transfer", at), Name::id),
        kind,
        debit,
        credit,
        amount: money.map_or(Amount::MAX, |it| it.amount),
        balancing: new.balancing,
        linked: new.linked,
        value_date: new.value_date.map_or(today, |it| it.0),
        reason: new.reason.0,
    };
    Ok(Order { transfer, currency: money.map(|it| it.currency), pointer: at.to_owned() })
}

fn kind(
    now: Timestamp,
    new: &NewTransfer,
    wrong: &dyn Fn(&str, &str, &str) -> ApiError,
) -> Result<Kind, ApiError> {
    let hold = new.kind == TransferKind::Hold;
    let only_holds = "Only a hold has it.";
    match (new.expires, new.timeout_seconds) {
        (Some(_), _) if !hold => return Err(wrong("expires", "not-allowed", only_holds)),
        (_, Some(_)) if !hold => return Err(wrong("timeout_seconds", "not-allowed", only_holds)),
        (Some(_), Some(_)) => {
            return Err(wrong("timeout_seconds", "not-allowed", "`expires` is there already."));
        }
        _ => {}
    }
    let about = || {
        let detail = "This kind of transfer needs the earlier one.";
        new.about.map(Name::id).ok_or_else(|| wrong("about", "missing-field", detail))
    };
    let nothing = |kind: Kind| match new.about {
        None => Ok(kind),
        Some(_) => Err(wrong("about", "not-allowed", "This kind is about no earlier transfer.")),
    };
    match new.kind {
        TransferKind::Plain => nothing(Kind::Plain),
        TransferKind::Hold => nothing(Kind::Hold { expires: expires(now, new, wrong)? }),
        TransferKind::Post => about().map(Kind::Post),
        TransferKind::Void => about().map(Kind::Void),
        TransferKind::Expire => about().map(Kind::Expire),
        TransferKind::Reversal => about().map(Kind::Reversal),
    }
}

fn expires(
    now: Timestamp,
    new: &NewTransfer,
    wrong: &dyn Fn(&str, &str, &str) -> ApiError,
) -> Result<Option<Timestamp>, ApiError> {
    let Some(seconds) = new.timeout_seconds else { return Ok(new.expires.map(|it| it.0)) };
    let seconds = Some(seconds).filter(|it| (1..=TIMEOUT_SECONDS_MAX).contains(it));
    let end = seconds.and_then(|it| now.checked_add(SignedDuration::from_secs(it.into())).ok());
    let detail = format!("1 to {TIMEOUT_SECONDS_MAX} seconds.");
    end.map(Some).ok_or_else(|| wrong("timeout_seconds", "out-of-range", &detail))
}

/// One transfer: booked is 201, there already 200, refused a problem.
fn single(transfers: &[Transfer], booking: &Booking) -> Answer {
    let (Some(transfer), Some(came)) = (transfers.first(), booking.results.first()) else {
        return Err(ApiError::internal());
    };
    let status = match came {
        Ok(Booked::Created) => StatusCode::CREATED,
        Ok(Booked::Exists) => StatusCode::OK,
        Err(reject) => return Err(Refusal::Ledger { transfer: None, reject: *reject }.into()),
    };
    let body = axum::Json(TransferAnswer::One(result(transfer.id, came)));
    Ok((status, replayed(booking.replayed), body).into_response())
}

fn list(transfers: &[Transfer], booking: &Booking) -> Response {
    let pairs = transfers.iter().zip(&booking.results);
    let results = pairs.map(|(transfer, came)| result(transfer.id, came)).collect();
    let body = axum::Json(TransferAnswer::Many(TransferResults { results }));
    (replayed(booking.replayed), body).into_response()
}

fn result(id: TransferId, came: &ItemResult) -> TransferResult {
    let (status, reject) = match came {
        Ok(Booked::Created) => (TransferStatus::Created, None),
        Ok(Booked::Exists) => (TransferStatus::Exists, None),
        Err(reject) => (TransferStatus::Refused, Some(reject)),
    };
    let reject = reject.map(|it| LedgerReject {
        number: it.number(),
        code: it.code(),
        meaning: it.meaning(),
    });
    TransferResult { id: id.into(), status, reject }
}

/// Shows a transfer whose accounts are of this currency.
pub(crate) fn view(found: &AccountMove, currency: Currency) -> TransferBody {
    let posted = &found.posted;
    let it = &posted.transfer;
    TransferBody {
        id: it.id.into(),
        kind: shown_kind(it.kind),
        about: it.kind.about().map(Name::from),
        debit: it.debit.into(),
        credit: it.credit.into(),
        amount: Money::of(it.amount, currency),
        balancing: it.balancing,
        linked: it.linked,
        expires: it.kind.expires().map(Moment),
        value_date: Day(it.value_date),
        reason: Short(it.reason),
        booked_at: Moment(posted.booked_at),
        booked_on: Day(posted.booked_on),
        resolution: found.resolution.map(resolution),
    }
}

fn shown_kind(kind: Kind) -> TransferKind {
    match kind {
        Kind::Plain => TransferKind::Plain,
        Kind::Hold { .. } => TransferKind::Hold,
        Kind::Post(_) => TransferKind::Post,
        Kind::Void(_) => TransferKind::Void,
        Kind::Expire(_) => TransferKind::Expire,
        Kind::Reversal(_) => TransferKind::Reversal,
    }
}

fn resolution(resolution: Resolution) -> ResolutionBody {
    let (status, by) = match resolution {
        Resolution::Posted(by) => (ResolutionStatus::Posted, by),
        Resolution::Voided(by) => (ResolutionStatus::Voided, by),
        Resolution::Expired(by) => (ResolutionStatus::Expired, by),
        Resolution::Reversed(by) => (ResolutionStatus::Reversed, by),
    };
    ResolutionBody { status, by: by.into() }
}
