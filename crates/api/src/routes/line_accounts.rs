//! Accounts of lines with statements: what is owed, what happened, what would, statements.

use axum::extract::State;
use bank::{
    line_accounts::{LineAccountState, LineMoved, LinePayment, LinePreview, PaymentKind},
    tables::LineId,
};
use lending::cycle::{Bill, Fact, Line, LineKind, Statement, Status, What};
use money::Currency;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    loan_facts::EntryBody,
    loans::{OwedBody, owed},
};
use crate::{
    answer::{Answer, done, ok},
    problem::ApiError,
    request::{At, By, Command, Inquiry, Json, Nothing},
    router::Api,
    schema,
    wire::{Day, Money, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get))
        .routes(routes!(list, happen))
        .routes(routes!(preview))
        .routes(routes!(reverse))
        .routes(routes!(statements))
        .routes(routes!(statement))
}

/// Money that moves on the account of a line.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinePayment, example = json!({
    "fact": { "what": "purchase", "amount": { "amount": "399.00", "currency": "CNY" } },
}))]
struct PaymentBody {
    /// The value date: the business date, or an earlier one; the business date when absent. What
    /// is booked late is booked as a correction on the business date, and restates statements.
    #[serde(default)]
    on: Option<Day>,
    /// What happens.
    fact: PaymentFact,
}

/// How money can move on the account of a line.
#[derive(Deserialize, ToSchema)]
#[serde(
    tag = "what",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case",
    deny_unknown_fields
)]
#[schema(as = LinePaymentFact)]
enum PaymentFact {
    /// Something is bought (消费), within the limit.
    Purchase {
        /// For how much.
        amount: Money,
        /// The hold that it captures; what is left of it is free again.
        #[serde(default)]
        hold: Option<u32>,
    },
    /// Cash is drawn (预借现金), within the limit. The price is the product's.
    Cash {
        /// How much.
        amount: Money,
    },
    /// The borrower pays. What is more than is owed pays the next purchases.
    Repayment {
        /// How much.
        amount: Money,
    },
    /// A merchant gives a purchase back, or a part of it (退货).
    MerchantRefund {
        /// How much.
        amount: Money,
        /// The number of the purchase among the facts.
        purchase: u32,
    },
    /// What was paid in advance is given back.
    Refund {
        /// How much.
        amount: Money,
    },
}

/// The account of a line with statements.
#[derive(Serialize, ToSchema)]
#[schema(as = LineAccount)]
struct AccountBody {
    /// The line.
    line: Name,
    /// Where it stands.
    #[schema(value_type = schema::LineAccountStatus)]
    status: Status,
    /// Its business date.
    business_date: Day,
    /// All that is owed, on statements or not.
    owed: OwedBody,
    /// What was paid in advance.
    prepaid: Money,
    /// What is unpaid of minimums.
    minimum: Money,
    /// What is unpaid of statements, oldest first.
    bills: Vec<BillBody>,
    /// How many statements were made.
    statements: u32,
    /// Days since the oldest minimum that is unpaid was due; 0 in grace.
    days_past_due: u32,
    /// The class of arrears.
    bucket: &'static str,
    /// Whether interest is not income before it is paid.
    suspended: bool,
}

/// What is unpaid of a statement.
#[derive(Serialize, ToSchema)]
#[schema(as = LineBill)]
struct BillBody {
    /// The number of the statement.
    statement: u32,
    /// When it is to be paid.
    due: Day,
    /// What is unpaid.
    owed: OwedBody,
    /// Whether it can no longer be paid in time: its purchases bear interest.
    late: bool,
}

/// What moved the account of a line.
#[derive(Serialize, ToSchema)]
#[schema(as = LineAccountMoved)]
struct MovedBody {
    /// Which line.
    line: Name,
    /// The business date it was booked on.
    on: Day,
    /// Where the account stands now.
    #[schema(value_type = schema::LineAccountStatus)]
    status: Status,
    /// The number of what happened, or was taken back, among the facts.
    fact: u32,
    /// What moved.
    amount: Money,
    /// What is owed now.
    owed: OwedBody,
    /// What was paid in advance.
    prepaid: Money,
    /// What is unpaid of minimums.
    minimum: Money,
}

/// Something that happened to the account of a line.
#[derive(Serialize, ToSchema)]
#[schema(as = LineFact)]
struct FactView {
    /// Its place in the order in which the facts were booked, from 0.
    number: u32,
    /// What it was.
    what: &'static str,
    /// The business date on which it counts.
    on: Day,
    /// The business date on which it was booked.
    booked_on: Day,
    /// The business date on which it was taken back.
    reversed_on: Option<Day>,
    /// The money that moved.
    amount: Money,
    /// The price of it.
    fee: Option<Money>,
    /// The purchase that was given back.
    purchase: Option<u32>,
}

/// What happened to the account of a line.
#[derive(Serialize, ToSchema)]
#[schema(as = LineFacts)]
struct FactsBody {
    /// The line.
    line: Name,
    /// In the order in which it was booked.
    facts: Vec<FactView>,
}

/// What something would do to the account of a line. Nothing is booked.
#[derive(Serialize, ToSchema)]
#[schema(as = LinePreview)]
struct PreviewBody {
    /// The account as it would stand.
    account: AccountBody,
    /// What would be booked.
    entries: Vec<EntryBody>,
}

/// A statement (账单).
#[derive(Serialize, ToSchema)]
#[schema(as = LineStatement)]
struct StatementBody {
    /// From 1.
    number: u32,
    /// The first day it is about.
    from: Day,
    /// The statement day (账单日), the last day it is about.
    on: Day,
    /// When it is to be paid (到期还款日).
    due: Day,
    /// The balance of the one before.
    opening: Money,
    /// Purchases since.
    purchases: Money,
    /// Cash drawn.
    cash: Money,
    /// Interest.
    interest: Money,
    /// Fees.
    fees: Money,
    /// Fees for being late.
    penalties: Money,
    /// What was paid in advance and given back.
    given_back: Money,
    /// What the borrower paid.
    payments: Money,
    /// What merchants gave back.
    refunds: Money,
    /// What was given up.
    waived: Money,
    /// What is owed; negative when more was paid than is owed.
    balance: Money,
    /// What is to be paid of it at least (最低还款额).
    minimum: Money,
    /// When it was last restated by what was booked late or taken back.
    restated_on: Option<Day>,
}

/// The statements of a line.
#[derive(Serialize, ToSchema)]
#[schema(as = LineStatements)]
struct StatementsBody {
    /// The line.
    line: Name,
    /// The newest first.
    statements: Vec<StatementBody>,
}

/// A statement with its lines: they and the opening balance add up to the balance.
#[derive(Serialize, ToSchema)]
#[schema(as = LineStatementDetail)]
struct DetailBody {
    /// The statement.
    #[serde(flatten)]
    statement: StatementBody,
    /// Its lines, by day; interest and fees for being late come last.
    lines: Vec<LineBody>,
}

/// A line of a statement.
#[derive(Serialize, ToSchema)]
#[schema(as = LineStatementLine)]
struct LineBody {
    /// The day it counts from.
    on: Day,
    /// What it is.
    #[schema(value_type = schema::StatementLineKind)]
    kind: LineKind,
    /// The number of the fact, when it is one.
    fact: Option<u32>,
    /// What it adds to the balance; negative when it lowers it.
    amount: Money,
}

/// Read the account of a line
///
/// What is owed on statements and beside them, and what is to be paid.
#[utoipa::path(
    get, path = "/v1/lines/{line}/account", tag = "lines", operation_id = "get_line_account",
    params(("line" = Name, Path, description = "The line's id.")),
    responses((status = 200, description = "The account.", body = AccountBody)),
    security(("key" = ["read"])),
)]
async fn get(State(api): State<Api>, By(caller): By, At(id): At<LineId>) -> Answer {
    ok(view(api.bank.line_account(&caller, id).await?))
}

/// List what happened to the account of a line
#[utoipa::path(
    get, path = "/v1/lines/{line}/facts", tag = "lines", operation_id = "list_line_facts",
    params(("line" = Name, Path, description = "The line's id.")),
    responses((status = 200, description = "What happened.", body = FactsBody)),
    security(("key" = ["read"])),
)]
async fn list(State(api): State<Api>, By(caller): By, At(id): At<LineId>) -> Answer {
    let currency = api.bank.line_account(&caller, id).await?.account.currency;
    let facts = api.bank.line_facts(&caller, id).await?;
    let facts = facts.into_iter().map(|fact| fact_view(fact, currency)).collect();
    ok(FactsBody { line: id.into(), facts })
}

/// Move money on the account of a line
///
/// Purchases and cash take of the limit of the line, payments free it. With a value date in the
/// past everything that followed is made as if it had been known, the difference is booked, and
/// past statements are restated.
#[utoipa::path(
    post, path = "/v1/lines/{line}/facts", tag = "lines", operation_id = "add_line_fact",
    params(("line" = Name, Path, description = "The line's id.")),
    request_body = PaymentBody,
    responses((status = 200, description = "It happened.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn happen(
    State(api): State<Api>,
    At(id): At<LineId>,
    asked: Command<Json<PaymentBody>>,
) -> Answer {
    let payment = asked.body.0.read()?;
    done(api.bank.pay_on_line(&asked.call, id, payment).await?, moved)
}

/// Preview what moving money on the account of a line would do
///
/// By the same code as for what happens; nothing is booked.
#[utoipa::path(
    post, path = "/v1/lines/{line}/facts/preview", tag = "lines",
    operation_id = "preview_line_fact",
    params(("line" = Name, Path, description = "The line's id.")),
    request_body = PaymentBody,
    responses((status = 200, description = "What would be.", body = PreviewBody)),
    security(("key" = ["read"])),
)]
async fn preview(
    State(api): State<Api>,
    At(id): At<LineId>,
    asked: Inquiry<Json<PaymentBody>>,
) -> Answer {
    let payment = asked.body.0.read()?;
    let previewed = api.bank.preview_on_line(&asked.caller, id, payment).await?;
    let LinePreview { state, entries } = previewed;
    let entries = entries.into_iter().map(EntryBody::of).collect();
    ok(PreviewBody { account: view(state), entries })
}

/// Take back what happened to the account of a line
///
/// What followed from it has not happened; the difference is booked, and past statements are
/// restated.
#[utoipa::path(
    post, path = "/v1/lines/{line}/facts/{number}/reversal", tag = "lines",
    operation_id = "reverse_line_fact",
    params(
        ("line" = Name, Path, description = "The line's id."),
        ("number" = u32, Path, description = "The fact's number."),
    ),
    responses((status = 200, description = "Taken back.", body = MovedBody)),
    security(("key" = ["approve"])),
)]
async fn reverse(
    State(api): State<Api>,
    At((id, number)): At<(LineId, u32)>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.reverse_line_fact(&command.call, id, number).await?, moved)
}

/// List the statements of a line
#[utoipa::path(
    get, path = "/v1/lines/{line}/statements", tag = "lines", operation_id = "list_line_statements",
    params(("line" = Name, Path, description = "The line's id.")),
    responses((status = 200, description = "The statements.", body = StatementsBody)),
    security(("key" = ["read"])),
)]
async fn statements(State(api): State<Api>, By(caller): By, At(id): At<LineId>) -> Answer {
    let currency = api.bank.line_account(&caller, id).await?.account.currency;
    let statements = api.bank.line_statements(&caller, id).await?;
    let statements = statements.into_iter().map(|it| statement_view(it, currency)).collect();
    ok(StatementsBody { line: id.into(), statements })
}

/// Read a statement of a line
///
/// With its lines.
#[utoipa::path(
    get, path = "/v1/lines/{line}/statements/{number}", tag = "lines",
    operation_id = "get_line_statement",
    params(
        ("line" = Name, Path, description = "The line's id."),
        ("number" = u32, Path, description = "The statement's number, from 1."),
    ),
    responses((status = 200, description = "The statement.", body = DetailBody)),
    security(("key" = ["read"])),
)]
async fn statement(
    State(api): State<Api>,
    By(caller): By,
    At((id, number)): At<(LineId, u32)>,
) -> Answer {
    let currency = api.bank.line_account(&caller, id).await?.account.currency;
    let (statement, lines) = api.bank.line_statement(&caller, id, number).await?;
    let line = |Line { on, kind, fact, amount }: Line| LineBody {
        on: Day(on),
        kind,
        fact,
        amount: Money::of(amount, currency),
    };
    let lines = lines.into_iter().map(line).collect();
    ok(DetailBody { statement: statement_view(statement, currency), lines })
}

impl PaymentBody {
    fn read(&self) -> Result<LinePayment, ApiError> {
        let (kind, amount) = match &self.fact {
            PaymentFact::Purchase { amount, hold } => {
                (PaymentKind::Purchase { hold: *hold }, amount)
            }
            PaymentFact::Cash { amount } => (PaymentKind::Cash, amount),
            PaymentFact::Repayment { amount } => (PaymentKind::Repayment, amount),
            PaymentFact::MerchantRefund { amount, purchase } => {
                (PaymentKind::MerchantRefund { purchase: *purchase }, amount)
            }
            PaymentFact::Refund { amount } => (PaymentKind::Refund, amount),
        };
        let (amount, on) = (amount.read("/fact/amount")?, self.on.map(|it| it.0));
        Ok(LinePayment { kind, amount, on })
    }
}

fn view(state: LineAccountState) -> AccountBody {
    let LineAccountState { line, account, position } = state;
    let currency = account.currency;
    let bill = |it: &Bill| BillBody {
        statement: it.number,
        due: Day(it.due),
        owed: owed(&it.pool.owed(), currency),
        late: it.late,
    };
    AccountBody {
        line: line.into(),
        status: account.status,
        business_date: Day(position.through),
        owed: owed(&position.owed(), currency),
        prepaid: Money::of(position.prepaid, currency),
        minimum: Money::of(position.minimum(), currency),
        bills: position.bills.iter().map(bill).collect(),
        statements: position.statements,
        days_past_due: position.days_past_due,
        bucket: position.bucket().name(),
        suspended: position.suspended,
    }
}

fn moved(moved: LineMoved) -> MovedBody {
    let LineMoved { line, on, status, fact, amount, owed: left, prepaid, minimum } = moved;
    MovedBody {
        line: line.into(),
        on: Day(on),
        status,
        fact,
        owed: owed(&left, amount.currency),
        amount: amount.into(),
        prepaid: prepaid.into(),
        minimum: minimum.into(),
    }
}

fn fact_view(fact: Fact, currency: Currency) -> FactView {
    let Fact { number, on, booked_on, reversed_on, what } = fact;
    let fee = match &what {
        What::Cash { fee, .. } => Some(Money::of(*fee, currency)),
        _ => None,
    };
    let purchase = match &what {
        What::MerchantRefund { purchase, .. } => Some(*purchase),
        _ => None,
    };
    FactView {
        number,
        what: what.name(),
        on: Day(on),
        booked_on: Day(booked_on),
        reversed_on: reversed_on.map(Day),
        amount: Money::of(what.amount(), currency),
        fee,
        purchase,
    }
}

fn statement_view(statement: Statement, currency: Currency) -> StatementBody {
    let Statement { number, from, on, due, opening, turnover, balance, minimum, restated_on } =
        statement;
    let money = |amount| Money::of(amount, currency);
    StatementBody {
        number,
        from: Day(from),
        on: Day(on),
        due: Day(due),
        opening: money(opening),
        purchases: money(turnover.purchases),
        cash: money(turnover.cash),
        interest: money(turnover.interest),
        fees: money(turnover.fees),
        penalties: money(turnover.penalties),
        given_back: money(turnover.given_back),
        payments: money(turnover.payments),
        refunds: money(turnover.refunds),
        waived: money(turnover.waived),
        balance: money(balance),
        minimum: money(minimum),
        restated_on: restated_on.map(Day),
    }
}
