//! Statements: the general ledger with what is behind it, the balance sheet, the income statement.
//!
//! Each is JSON, and the tables among them are CSV (RFC 4180) when `Accept` asks for that.

use axum::extract::State;
use bank::statements::{
    Columns, Earnings, EntriesOf, Entry, GeneralLedger, Heading, LedgerDay, LedgerLine, Section,
    Sheet, StatementLine,
};
use ledger::Code;
use money::Currency;
use serde::{Deserialize, Deserializer, Serialize};
use stdx::Date;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Answer, PageView, ok, page},
    csv::{Csv, csv},
    problem::{ApiError, Fault},
    request::{Asked, By, cursor, day, limit, page_default},
    router::Api,
    schema,
    wire::{Day, Iso, Major, Moment, Name, Short},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(general_ledger))
        .routes(routes!(entries))
        .routes(routes!(balance_sheet))
        .routes(routes!(income_statement))
}

/// Which days, and which code.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Days {
    /// The first value date.
    #[serde(deserialize_with = "needed_day")]
    #[param(value_type = String, format = Date, example = "2025-01-01")]
    from: Date,
    /// The last: 31 days for all codes, ten years for one.
    #[serde(deserialize_with = "needed_day")]
    #[param(value_type = String, format = Date, example = "2025-01-31")]
    through: Date,
    /// This code and its sub-accounts; all when absent.
    #[param(value_type = Option<String>, example = "1132")]
    code: Option<Short>,
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Of this code and its sub-accounts.
    #[param(value_type = String, example = "1132")]
    code: Short,
    /// In this currency.
    #[param(value_type = String, example = "CNY")]
    currency: Iso,
    /// With this value date.
    #[serde(deserialize_with = "needed_day")]
    #[param(value_type = String, format = Date, example = "2025-01-31")]
    day: Date,
    /// `next` of the page before; the first page when absent.
    after: Option<String>,
    /// How many things at most.
    #[serde(default = "page_default", deserialize_with = "limit")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: usize,
}

/// As of which day.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AsOf {
    /// The last value date that counts.
    #[serde(deserialize_with = "needed_day")]
    #[param(value_type = String, format = Date, example = "2025-01-31")]
    as_of: Date,
    /// An earlier day to compare with.
    #[serde(default, deserialize_with = "day")]
    #[param(value_type = Option<String>, format = Date)]
    compared: Option<Date>,
}

/// Which period.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Period {
    /// Its first value date.
    #[serde(deserialize_with = "needed_day")]
    #[param(value_type = String, format = Date, example = "2025-01-01")]
    from: Date,
    /// Its last.
    #[serde(deserialize_with = "needed_day")]
    #[param(value_type = String, format = Date, example = "2025-01-31")]
    through: Date,
    /// The first value date of a period to compare with.
    #[serde(default, deserialize_with = "day")]
    #[param(value_type = Option<String>, format = Date)]
    compared_from: Option<Date>,
    /// Its last.
    #[serde(default, deserialize_with = "day")]
    #[param(value_type = Option<String>, format = Date)]
    compared_through: Option<Date>,
}

/// The general ledger (总账) of some days. Balances are debits less credits.
#[derive(Serialize, ToSchema)]
#[schema(as = GeneralLedger)]
struct LedgerBody {
    /// The first value date.
    from: Day,
    /// The last.
    through: Day,
    /// By currency and code; each with all its sub-accounts.
    lines: Vec<LedgerLineBody>,
}

/// One code in the general ledger.
#[derive(Serialize, ToSchema)]
#[schema(as = GeneralLedgerLine)]
struct LedgerLineBody {
    /// The book.
    currency: Iso,
    /// What the line is about.
    #[serde(flatten)]
    account: HeadingBody,
    /// The balance before the first day.
    opening: Major,
    /// Debits of all days.
    debits: Major,
    /// Credits of all days.
    credits: Major,
    /// The balance after the last day.
    closing: Major,
    /// The days on which something moved.
    days: Vec<LedgerDayBody>,
}

/// One value date of a code.
#[derive(Serialize, ToSchema)]
#[schema(as = GeneralLedgerDay)]
struct LedgerDayBody {
    /// The day.
    date: Day,
    /// The balance before it.
    opening: Major,
    /// Debits of the day.
    debits: Major,
    /// Credits of the day.
    credits: Major,
    /// The balance after it.
    closing: Major,
}

/// What a line is about.
#[derive(Serialize, ToSchema)]
#[schema(as = Heading)]
struct HeadingBody {
    /// The code in the chart of accounts.
    code: Short,
    /// 1 for an account, 2 and 3 for its sub-accounts.
    level: u8,
    /// Its English name; null when the code is not of the chart.
    en: Option<String>,
    /// Its Chinese name.
    zh: Option<String>,
    /// What it stands for; null when neither the code nor one above it is of the chart.
    #[schema(value_type = Option<schema::AccountClass>)]
    class: Option<product::chart::Class>,
}

/// One side of a transfer.
#[derive(Serialize, ToSchema)]
#[schema(as = Entry)]
struct EntryBody {
    /// The transfer.
    transfer: Name,
    /// The account that moved.
    account: Name,
    /// Its lane: whose it is.
    lane: Name,
    /// Its code.
    code: Short,
    /// The side on which it moved.
    #[schema(value_type = schema::Side)]
    side: ledger::Side,
    /// How much.
    amount: Major,
    /// The account on the other side.
    other: Name,
    /// Why.
    reason: Short,
    /// The value date.
    value_date: Day,
    /// When it was booked.
    booked_at: Moment,
}

/// A part of a statement, on the side on which it grows.
#[derive(Serialize, ToSchema)]
#[schema(as = StatementSection)]
struct SectionBody {
    /// By code; each with all its sub-accounts.
    lines: Vec<StatementLineBody>,
    /// The sum of the lines of level 1.
    total: ColumnsBody,
}

/// One line of a statement.
#[derive(Serialize, ToSchema)]
#[schema(as = StatementLine)]
struct StatementLineBody {
    /// What the line is about.
    #[serde(flatten)]
    account: HeadingBody,
    /// Its amounts.
    #[serde(flatten)]
    columns: ColumnsBody,
}

/// An amount, and that which it is compared with.
#[derive(Serialize, ToSchema)]
#[schema(as = StatementColumns)]
struct ColumnsBody {
    /// Now.
    amount: Major,
    /// Then; null when nothing is compared.
    compared: Option<Major>,
}

/// The balance sheet (资产负债表).
#[derive(Serialize, ToSchema)]
#[schema(as = BalanceSheet)]
struct BalanceSheetBody {
    /// The last value date that counts.
    as_of: Day,
    /// The earlier day it is compared with.
    compared: Option<Day>,
    /// One for each currency.
    sheets: Vec<SheetBody>,
}

/// The balance sheet of one currency.
#[derive(Serialize, ToSchema)]
#[schema(as = Sheet)]
struct SheetBody {
    /// The book.
    currency: Iso,
    /// What is owned, and common accounts in debit.
    assets: SectionBody,
    /// What is owed, and common accounts in credit.
    liabilities: SectionBody,
    /// What is the owners'.
    equity: SectionBody,
    /// Income less expense that no year-end close has carried to equity yet.
    result: ColumnsBody,
    /// Codes that are not in the chart, as debits less credits.
    unlisted: SectionBody,
    /// What is noted off the balance sheet (表外).
    memo: SectionBody,
    /// Assets and unlisted less liabilities, equity and result: zero.
    difference: ColumnsBody,
}

/// The income statement (利润表).
#[derive(Serialize, ToSchema)]
#[schema(as = IncomeStatement)]
struct IncomeStatementBody {
    /// First value date.
    from: Day,
    /// Last value date.
    through: Day,
    /// First value date of what it is compared with.
    compared_from: Option<Day>,
    /// Last value date of that.
    compared_through: Option<Day>,
    /// One for each currency.
    earnings: Vec<EarningsBody>,
}

/// The income statement of one currency.
#[derive(Serialize, ToSchema)]
#[schema(as = Earnings)]
struct EarningsBody {
    /// The book.
    currency: Iso,
    /// What came in.
    income: SectionBody,
    /// What it cost.
    expense: SectionBody,
    /// Income less expense.
    result: ColumnsBody,
}

/// Read the general ledger
///
/// Each code by value date: opening balance, debits, credits, closing balance.
#[utoipa::path(
    get, path = "/v1/reports/general-ledger", tag = "reports", operation_id = "get_general_ledger",
    params(Days),
    responses((status = 200, description = "The general ledger.", content(
        (LedgerBody = "application/json"), (String = "text/csv"),
    ))),
    security(("key" = ["audit"])),
)]
async fn general_ledger(
    State(api): State<Api>,
    By(caller): By,
    as_csv: Csv,
    asked: Asked<Days>,
) -> Answer {
    let Days { from, through, code } = asked.0;
    let code = code.map(|it| it.0);
    let report = api.bank.general_ledger(&caller, (from, through), code).await?;
    if as_csv.0 {
        return Ok(ledger_csv(&report));
    }
    let lines = report.lines.into_iter().map(ledger_line).collect();
    ok(LedgerBody { from: Day(from), through: Day(through), lines })
}

/// List the entries behind a day
///
/// The transfers that moved a code on a value date, account by account. A page may be empty and
/// have a next one: it looks at a bounded number of accounts.
#[utoipa::path(
    get, path = "/v1/reports/general-ledger/entries", tag = "reports",
    operation_id = "list_ledger_entries", params(Wanted),
    responses((status = 200, description = "A page.", body = PageView<EntryBody>)),
    security(("key" = ["audit"])),
)]
async fn entries(State(api): State<Api>, By(caller): By, asked: Asked<Wanted>) -> Answer {
    let Wanted { code, currency, day, after, limit } = asked.0;
    let wanted = EntriesOf { code: code.0, currency: currency.0, day };
    let after = cursor(after.as_deref())?;
    let entries = api.bank.entries(&caller, wanted, after, limit).await?;
    page(entries, |it| entry(it, currency.0))
}

/// Read the balance sheet
///
/// By class and code as of a day, beside an earlier day. The result of what is not closed yet is
/// shown for itself, so that it balances on every day.
#[utoipa::path(
    get, path = "/v1/reports/balance-sheet", tag = "reports", operation_id = "get_balance_sheet",
    params(AsOf),
    responses((status = 200, description = "The balance sheet.", content(
        (BalanceSheetBody = "application/json"), (String = "text/csv"),
    ))),
    security(("key" = ["audit"])),
)]
async fn balance_sheet(
    State(api): State<Api>,
    By(caller): By,
    as_csv: Csv,
    asked: Asked<AsOf>,
) -> Answer {
    let AsOf { as_of, compared } = asked.0;
    let report = api.bank.balance_sheet(&caller, as_of, compared).await?;
    if as_csv.0 {
        let sections = report.sheets.iter().flat_map(|it| {
            let Sheet { assets, liabilities, equity, unlisted, memo, .. } = it;
            let sums = [("result", it.result), ("difference", it.difference)];
            let sections = [
                ("assets", assets),
                ("liabilities", liabilities),
                ("equity", equity),
                ("unlisted", unlisted),
                ("memo", memo),
            ];
            statement_rows(it.currency, &sections, &sums)
        });
        return Ok(csv(&STATEMENT_COLUMNS, sections));
    }
    let sheets = report.sheets.into_iter().map(sheet).collect();
    ok(BalanceSheetBody { as_of: Day(as_of), compared: compared.map(Day), sheets })
}

/// Read the income statement
///
/// Income and expense of a period by code, beside another period. What a year-end close books is
/// left out, so every period keeps what it had.
#[utoipa::path(
    get, path = "/v1/reports/income-statement", tag = "reports",
    operation_id = "get_income_statement", params(Period),
    responses((status = 200, description = "The income statement.", content(
        (IncomeStatementBody = "application/json"), (String = "text/csv"),
    ))),
    security(("key" = ["audit"])),
)]
async fn income_statement(
    State(api): State<Api>,
    By(caller): By,
    as_csv: Csv,
    asked: Asked<Period>,
) -> Answer {
    let Period { from, through, compared_from, compared_through } = asked.0;
    let compared = match (compared_from, compared_through) {
        (Some(from), Some(through)) => Some((from, through)),
        (None, None) => None,
        _ => return Err(half_a_period()),
    };
    let report = api.bank.income_statement(&caller, (from, through), compared).await?;
    if as_csv.0 {
        let sections = report.earnings.iter().flat_map(|it| {
            let sections = [("income", &it.income), ("expense", &it.expense)];
            statement_rows(it.currency, &sections, &[("result", it.result)])
        });
        return Ok(csv(&STATEMENT_COLUMNS, sections));
    }
    ok(IncomeStatementBody {
        from: Day(from),
        through: Day(through),
        compared_from: compared_from.map(Day),
        compared_through: compared_through.map(Day),
        earnings: report.earnings.into_iter().map(earnings).collect(),
    })
}

fn half_a_period() -> ApiError {
    let detail = "`compared_from` and `compared_through` belong together.";
    let fault = Fault::at("", "half-a-period", detail);
    let parameter = Some("compared_from".to_owned());
    ApiError::malformed_query(Fault { pointer: None, parameter, ..fault })
}

pub(crate) fn needed_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    Day::deserialize(deserializer).map(|it| it.0)
}

fn heading(heading: Heading) -> HeadingBody {
    let Heading { code, level, zh, en, class } = heading;
    HeadingBody { code: Short(code), level, en, zh, class }
}

fn ledger_line(line: LedgerLine) -> LedgerLineBody {
    let LedgerLine { currency, account, opening, debits, credits, closing, days } = line;
    let major = |amount| Major::of(amount, currency);
    let day = |it: LedgerDay| LedgerDayBody {
        date: Day(it.date),
        opening: major(it.opening),
        debits: major(it.debits),
        credits: major(it.credits),
        closing: major(it.closing),
    };
    LedgerLineBody {
        currency: Iso(currency),
        account: heading(account),
        opening: major(opening),
        debits: major(debits),
        credits: major(credits),
        closing: major(closing),
        days: days.into_iter().map(day).collect(),
    }
}

fn entry(entry: Entry, currency: Currency) -> EntryBody {
    let transfer = entry.posted.transfer;
    let other = match entry.side {
        ledger::Side::Debit => transfer.credit,
        ledger::Side::Credit => transfer.debit,
    };
    EntryBody {
        transfer: transfer.id.into(),
        account: entry.account.into(),
        lane: entry.lane.into(),
        code: Short(entry.code),
        side: entry.side,
        amount: Major::of(transfer.amount, currency),
        other: other.into(),
        reason: Short(transfer.reason),
        value_date: Day(transfer.value_date),
        booked_at: Moment(entry.posted.booked_at),
    }
}

fn columns(columns: Columns, currency: Currency) -> ColumnsBody {
    let major = |amount| Major::of(amount, currency);
    ColumnsBody { amount: major(columns.amount), compared: columns.compared.map(major) }
}

fn section(section: Section, currency: Currency) -> SectionBody {
    let line = |StatementLine { account, columns: it }| StatementLineBody {
        account: heading(account),
        columns: columns(it, currency),
    };
    let total = columns(section.total, currency);
    SectionBody { lines: section.lines.into_iter().map(line).collect(), total }
}

fn sheet(it: Sheet) -> SheetBody {
    let currency = it.currency;
    SheetBody {
        currency: Iso(currency),
        assets: section(it.assets, currency),
        liabilities: section(it.liabilities, currency),
        equity: section(it.equity, currency),
        result: columns(it.result, currency),
        unlisted: section(it.unlisted, currency),
        memo: section(it.memo, currency),
        difference: columns(it.difference, currency),
    }
}

fn earnings(it: Earnings) -> EarningsBody {
    let currency = it.currency;
    EarningsBody {
        currency: Iso(currency),
        income: section(it.income, currency),
        expense: section(it.expense, currency),
        result: columns(it.result, currency),
    }
}

/// One row for each code and day.
fn ledger_csv(report: &GeneralLedger) -> axum::response::Response {
    let head = [
        "currency", "code", "level", "zh", "en", "date", "opening", "debits", "credits", "closing",
    ];
    let rows = report.lines.iter().flat_map(|line| {
        line.days.iter().map(|day| {
            let [code, level, zh, en] = names(&line.account);
            let amounts = [day.opening, day.debits, day.credits, day.closing];
            let [opening, debits, credits, closing] = amounts.map(|it| it.text(line.currency));
            let (currency, date) = (line.currency.to_string(), day.date.to_string());
            vec![currency, code, level, zh, en, date, opening, debits, credits, closing]
        })
    });
    csv(&head, rows)
}

const STATEMENT_COLUMNS: [&str; 8] =
    ["currency", "section", "code", "level", "zh", "en", "amount", "compared"];

/// One row for each line and each sum.
fn statement_rows(
    currency: Currency,
    sections: &[(&str, &Section)],
    sums: &[(&str, Columns)],
) -> Vec<Vec<String>> {
    let row = |section: &str, [code, level, zh, en]: [String; 4], columns: Columns| {
        let compared = columns.compared.map(|it| it.text(currency)).unwrap_or_default();
        let (book, section) = (currency.to_string(), section.to_owned());
        vec![book, section, code, level, zh, en, columns.amount.text(currency), compared]
    };
    let mut rows = Vec::new();
    for (name, section) in sections {
        rows.extend(section.lines.iter().map(|it| row(name, names(&it.account), it.columns)));
        rows.push(row(name, Default::default(), section.total));
    }
    rows.extend(sums.iter().map(|(name, columns)| row(name, Default::default(), *columns)));
    rows
}

fn names(account: &Heading) -> [String; 4] {
    let Heading { code, level, zh, en, .. } = account;
    let name = |it: &Option<String>| it.clone().unwrap_or_default();
    [Code::as_str(code).to_owned(), level.to_string(), name(zh), name(en)]
}
