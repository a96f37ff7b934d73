//! Loans: disburse, repay, settle, and where they stand.

use axum::extract::State;
use bank::{
    loans::{LoanMoved, LoanState},
    tables::LoanId,
};
use lending::{
    Bucket, Loan, Owed, Position, Quote, Status,
    view::{InstalmentStatus, InstalmentView, instalments},
};
use money::{Amount, Currency, DayCount, Decimal};
use product::{
    kinds::instalment_loan::{Component, Method, Penalty, PenaltyBase},
    schedule::Instalment,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Answer, PageView, done, ok, page, versioned},
    request::{Asked, At, By, Command, Json, Maybe, cursor, limit, page_default},
    router::Api,
    schema,
    wire::{Day, Iso, Major, Money, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(schedule))
        .routes(routes!(disburse))
        .routes(routes!(repay))
        .routes(routes!(settlement_quote))
        .routes(routes!(settle))
}

/// Whose loans.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LoansOf {
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

/// A payment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "amount": { "amount": "1015.00", "currency": "CNY" } }))]
pub(crate) struct Payment {
    /// How much.
    pub(crate) amount: Money,
}

/// How much of the sum is paid out; all of it when absent.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
struct Part {
    /// The first part.
    #[serde(default)]
    amount: Option<Money>,
}

/// On which day.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct QuoteOn {
    /// The business date, or a later day up to which nothing is paid; the business date when
    /// absent.
    #[serde(default)]
    #[param(value_type = Option<String>, format = Date)]
    on: Option<Day>,
}

/// A loan contract and what is owed on it.
#[derive(Serialize, ToSchema)]
#[schema(as = Loan)]
pub(crate) struct LoanBody {
    id: Name,
    /// Who owes it.
    party: Name,
    /// The product it was made under.
    product: String,
    /// And which version of it serves it now; a migration moves a contract to another.
    product_version: u32,
    /// The line it was drawn on; null for a loan of its own.
    line: Option<Name>,
    /// Where it stands.
    #[schema(value_type = schema::LoanStatus)]
    status: Status,
    /// The sum lent.
    principal: Money,
    /// How many instalments.
    term: u32,
    /// Fees kept back from the sum paid out.
    upfront_fees: Money,
    /// What it costs and how it is served.
    terms: TermsBody,
    /// When it was signed.
    signed_on: Day,
    /// When it was paid out.
    disbursed_on: Option<Day>,
    /// When the last instalment is due.
    matures_on: Option<Day>,
    /// When the last of it was paid.
    settled_on: Option<Day>,
    /// What is owed; null before it is paid out.
    position: Option<PositionBody>,
}

/// What a loan costs and how it is served now. Rates are fractions of a year.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanTerms)]
struct TermsBody {
    /// How principal and interest spread.
    #[schema(value_type = schema::RepaymentMethod)]
    method: Method,
    /// Nominal rate of a year.
    #[schema(example = "0.096")]
    rate: String,
    /// How days become years.
    #[schema(value_type = schema::DayCount)]
    day_count: DayCount,
    /// What being late costs.
    penalty: Option<PenaltyBody>,
    /// What a payment pays first within an instalment.
    #[schema(value_type = Vec<schema::Component>)]
    allocation: Vec<Component>,
    /// Whether it may be settled before the last due date.
    early_settlement: bool,
}

/// What being late costs.
#[derive(Serialize, ToSchema)]
#[schema(as = Penalty)]
pub(crate) struct PenaltyBody {
    /// Rate of a year, as it is now.
    #[schema(example = "0.144")]
    rate: String,
    /// How many times the rate of the loan it is, when it follows that.
    #[schema(example = "1.5")]
    multiple: Option<String>,
    /// What it is taken on.
    #[schema(value_type = schema::PenaltyBase)]
    base: PenaltyBase,
    /// Days after the due date within which paying is not late.
    grace_days: u32,
}

/// What is owed on a loan at the start of its business date.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanPosition)]
struct PositionBody {
    /// The business date.
    business_date: Day,
    /// Principal outstanding, due or not.
    principal: Money,
    /// What is due, by component.
    due: OwedBody,
    /// Interest accrued and not due yet.
    accrued_interest: Money,
    /// Paid in advance.
    prepaid: Money,
    /// What third parties owe: interest of instalments that are due (贴息), fees of the disbursal.
    third_parties: ThirdPartiesBody,
    /// How many instalments have become due.
    instalments_due: u32,
    /// How many of them are fully paid.
    instalments_paid: u32,
    /// Days past due at the last close.
    days_past_due: u32,
    /// The class of arrears.
    #[schema(value_type = schema::Bucket)]
    bucket: Bucket,
}

/// What is owed by others than the borrower.
#[derive(Serialize, ToSchema)]
#[schema(as = ThirdParties)]
struct ThirdPartiesBody {
    /// Interest.
    subsidy: Money,
    /// Fees.
    fees: Money,
}

/// An amount for each component, in major units of the loan's currency.
#[derive(Serialize, ToSchema)]
#[schema(as = Owed)]
pub(crate) struct OwedBody {
    /// Penalty interest.
    penalty: Major,
    /// Fees.
    fee: Major,
    /// Interest.
    interest: Major,
    /// Principal.
    principal: Major,
    /// The sum of them.
    total: Major,
}

/// An instalment as planned; amounts in major units of the loan's currency.
#[derive(Serialize, ToSchema)]
#[schema(as = Instalment)]
pub(crate) struct InstalmentBody {
    /// From 1.
    number: u32,
    /// First day of its interest.
    from: Day,
    /// The day after the last day of its interest: the due date, unless interest runs to the
    /// regular one.
    to: Day,
    /// Due date.
    due: Day,
    /// Days of interest.
    days: u32,
    /// Principal repaid.
    principal: Major,
    /// Interest the borrower owes.
    interest: Major,
    /// Interest a third party owes; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    subsidy: Option<Major>,
    /// Interest earned and not due yet, in all: a later instalment collects it. Absent when there
    /// is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    deferred: Option<Major>,
    /// Interest that becomes principal on the due date; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    capitalised: Option<Major>,
    /// Fees due with it.
    fees: Major,
    /// All that is due with it.
    total: Major,
    /// Principal outstanding after it.
    balance: Major,
}

/// An instalment with what is paid of it and what remains.
#[derive(Serialize, ToSchema)]
#[schema(as = ScheduledInstalment)]
struct ScheduledBody {
    /// As planned.
    planned: InstalmentBody,
    /// Where it stands.
    #[schema(value_type = schema::InstalmentStatus)]
    status: InstalmentStatus,
    /// What of the plan is paid.
    paid: OwedBody,
    /// What remains to be paid, with the penalty on it.
    remaining: OwedBody,
}

/// The instalments of a loan.
#[derive(Serialize, ToSchema)]
#[schema(as = Schedule)]
struct ScheduleBody {
    /// The loan.
    loan: Name,
    /// The currency of every amount.
    currency: Iso,
    /// In order.
    instalments: Vec<ScheduledBody>,
}

/// What moved a loan.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanMoved)]
pub(crate) struct MovedBody {
    /// Which loan.
    loan: Name,
    /// The business date it was booked on.
    on: Day,
    /// Where the loan stands now.
    #[schema(value_type = schema::LoanStatus)]
    status: Status,
    /// What moved: paid out, or paid.
    amount: Money,
    /// What is due now, by component.
    due: OwedBody,
    /// Principal still owed, due or not.
    principal: Money,
}

/// What settles a loan on its business date, and on that day alone.
#[derive(Serialize, ToSchema)]
#[schema(as = SettlementQuote)]
struct QuoteBody {
    /// The loan.
    loan: Name,
    /// The business date.
    on: Day,
    /// What is owed, by component, interest accrued up to the day included.
    owed: OwedBody,
    /// The price of settling early.
    fee: Money,
    /// Paid in advance, to be set off.
    prepaid: Money,
    /// What remains to be paid: send exactly this to settle.
    total: Money,
}

/// List loans
///
/// Oldest first; of one party, or all.
#[utoipa::path(
    get, path = "/v1/loans", tag = "loans", operation_id = "list_loans",
    params(LoansOf),
    responses((status = 200, description = "A page.", body = PageView<LoanBody>)),
    security(("key" = ["read"])),
)]
async fn list(State(api): State<Api>, By(caller): By, of: Asked<LoansOf>) -> Answer {
    let LoansOf { party, after, limit } = of.0;
    let after = cursor(after.as_deref())?;
    page(api.bank.loans(&caller, party.map(Name::id), after, limit).await?, view)
}

/// Read a loan
#[utoipa::path(
    get, path = "/v1/loans/{loan}", tag = "loans", operation_id = "get_loan",
    params(("loan" = Name, Path, description = "The loan's id.")),
    responses((status = 200, description = "The loan.", body = LoanBody)),
    security(("key" = ["read"])),
)]
async fn get(State(api): State<Api>, By(caller): By, At(id): At<LoanId>) -> Answer {
    let loan = api.bank.loan(&caller, id).await?;
    versioned(loan.version, view(loan))
}

/// Read a loan's schedule
///
/// Each instalment with what is paid of it and what remains.
#[utoipa::path(
    get, path = "/v1/loans/{loan}/schedule", tag = "loans", operation_id = "get_schedule",
    params(("loan" = Name, Path, description = "The loan's id.")),
    responses((status = 200, description = "The schedule.", body = ScheduleBody)),
    security(("key" = ["read"])),
)]
async fn schedule(State(api): State<Api>, By(caller): By, At(id): At<LoanId>) -> Answer {
    let LoanState { loan, position, .. } = api.bank.loan(&caller, id).await?;
    let instalments = instalments(&loan, position.as_ref());
    let instalments = instalments.iter().map(|it| scheduled(it, loan.currency)).collect();
    ok(ScheduleBody { loan: id.into(), currency: Iso(loan.currency), instalments })
}

/// Disburse a loan
///
/// Pays a signed loan out, less the fees kept back. Interest runs from the business date. Of a
/// product that pays in parts, `amount` is the first one; the others are facts.
#[utoipa::path(
    post, path = "/v1/loans/{loan}/disburse", tag = "loans", operation_id = "disburse",
    params(("loan" = Name, Path, description = "The loan's id.")),
    request_body = Option<Part>,
    responses((status = 200, description = "Disbursed.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn disburse(
    State(api): State<Api>,
    At(id): At<LoanId>,
    part: Command<Maybe<Part>>,
) -> Answer {
    let amount = part.body.0.amount.map(|it| it.read("/amount")).transpose()?;
    done(api.bank.disburse(&part.call, id, amount).await?, moved)
}

/// Take a repayment
///
/// It pays what is due, oldest instalment first, in the order of components the product names.
/// What is more is kept for the next instalment.
#[utoipa::path(
    post, path = "/v1/loans/{loan}/repayments", tag = "loans", operation_id = "repay",
    params(("loan" = Name, Path, description = "The loan's id.")),
    request_body = Payment,
    responses((status = 200, description = "Taken.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn repay(
    State(api): State<Api>,
    At(id): At<LoanId>,
    payment: Command<Json<Payment>>,
) -> Answer {
    let amount = payment.body.0.amount.read("/amount")?;
    done(api.bank.repay(&payment.call, id, amount).await?, moved)
}

/// Quote an early settlement
///
/// What settles the loan on its business date, or on a later day if nothing is paid until then. It
/// is good for that day alone.
#[utoipa::path(
    get, path = "/v1/loans/{loan}/settlement-quote", tag = "loans",
    operation_id = "quote_settlement",
    params(("loan" = Name, Path, description = "The loan's id."), QuoteOn),
    responses((status = 200, description = "The quote.", body = QuoteBody)),
    security(("key" = ["read"])),
)]
async fn settlement_quote(
    State(api): State<Api>,
    By(caller): By,
    At(id): At<LoanId>,
    day: Asked<QuoteOn>,
) -> Answer {
    let quote = api.bank.settlement_quote(&caller, id, day.0.on.map(|it| it.0)).await?;
    let currency = api.bank.loan(&caller, id).await?.loan.currency;
    ok(quoted(id, quote, currency))
}

/// Settle a loan early
///
/// With exactly the quoted total. Interest and fees of instalments to come are dropped.
#[utoipa::path(
    post, path = "/v1/loans/{loan}/settlement", tag = "loans", operation_id = "settle",
    params(("loan" = Name, Path, description = "The loan's id.")),
    request_body = Payment,
    responses((status = 200, description = "Settled.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn settle(
    State(api): State<Api>,
    At(id): At<LoanId>,
    payment: Command<Json<Payment>>,
) -> Answer {
    let amount = payment.body.0.amount.read("/amount")?;
    done(api.bank.settle(&payment.call, id, amount).await?, moved)
}

pub(crate) fn view(state: LoanState) -> LoanBody {
    let LoanState { id, loan, position, .. } = state;
    let currency = loan.currency;
    LoanBody {
        id: id.into(),
        party: loan.borrower.into(),
        line: loan.line.map(Name::from),
        status: loan.status,
        principal: Money::of(loan.principal, currency),
        term: loan.term,
        upfront_fees: Money::of(loan.upfront_fees, currency),
        signed_on: Day(loan.signed_on),
        disbursed_on: loan.disbursed_on.map(Day),
        matures_on: loan.matures_on().map(Day),
        settled_on: loan.settled_on.map(Day),
        position: position.map(|it| standing(&it, currency)),
        terms: terms(&loan),
        product: loan.product,
        product_version: loan.version,
    }
}

fn terms(loan: &Loan) -> TermsBody {
    let terms = &loan.terms;
    TermsBody {
        method: loan.schedule.method,
        rate: loan.schedule.rate.to_string(),
        day_count: loan.schedule.day_count,
        penalty: terms.penalty.clone().map(|it| penalty(it, loan.schedule.rate)),
        allocation: terms.allocation.clone(),
        early_settlement: terms.early_settlement,
    }
}

/// A penalty while the rate of the loan is `rate`.
pub(crate) fn penalty(penalty: Penalty, rate: Decimal) -> PenaltyBody {
    let rate = penalty.rate_at(rate).normalize().to_string();
    let Penalty { multiple, base, grace_days, .. } = penalty;
    PenaltyBody { rate, multiple: multiple.map(|it| it.to_string()), base, grace_days }
}

fn standing(position: &Position, currency: Currency) -> PositionBody {
    PositionBody {
        business_date: Day(position.through),
        principal: Money::of(position.principal, currency),
        due: owed(&position.due(), currency),
        accrued_interest: Money::of(position.interest, currency),
        prepaid: Money::of(position.prepaid, currency),
        third_parties: ThirdPartiesBody {
            subsidy: Money::of(position.subsidy_due, currency),
            fees: Money::of(position.third_party_fees, currency),
        },
        instalments_due: position.opened,
        instalments_paid: position.paid,
        days_past_due: position.days_past_due,
        bucket: position.bucket(),
    }
}

pub(crate) fn owed(owed: &Owed, currency: Currency) -> OwedBody {
    let major = |amount| Major::of(amount, currency);
    OwedBody {
        penalty: major(owed.penalty),
        fee: major(owed.fee),
        interest: major(owed.interest),
        principal: major(owed.principal),
        total: major(owed.total()),
    }
}

pub(crate) fn instalment(planned: &Instalment, currency: Currency) -> InstalmentBody {
    let major = |amount| Major::of(amount, currency);
    let some = |amount: Amount| (!amount.is_zero()).then(|| major(amount));
    InstalmentBody {
        number: planned.number,
        from: Day(planned.from),
        to: Day(planned.to),
        due: Day(planned.due),
        days: planned.days,
        principal: major(planned.principal),
        interest: major(planned.interest),
        subsidy: some(planned.subsidy),
        deferred: some(planned.deferred),
        capitalised: some(planned.capitalised),
        fees: major(planned.fees),
        total: major(planned.total()),
        balance: major(planned.balance),
    }
}

fn scheduled(view: &InstalmentView, currency: Currency) -> ScheduledBody {
    ScheduledBody {
        planned: instalment(&view.planned, currency),
        status: view.status,
        paid: owed(&view.paid, currency),
        remaining: owed(&view.remaining, currency),
    }
}

pub(crate) fn moved(moved: LoanMoved) -> MovedBody {
    let LoanMoved { loan, on, status, amount, due, principal } = moved;
    let due = owed(&due, amount.currency);
    let (amount, principal) = (amount.into(), principal.into());
    MovedBody { loan: loan.into(), on: Day(on), status, amount, due, principal }
}

fn quoted(loan: LoanId, quote: Quote, currency: Currency) -> QuoteBody {
    let money = |amount| Money::of(amount, currency);
    QuoteBody {
        loan: loan.into(),
        on: Day(quote.on),
        owed: owed(&quote.owed, currency),
        fee: money(quote.fee),
        prepaid: money(quote.prepaid),
        total: money(quote.total),
    }
}
