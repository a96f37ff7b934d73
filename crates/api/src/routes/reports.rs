//! Reports: the books and the loans in sums.

use std::collections::BTreeMap;

use axum::extract::State;
use bank::{
    BookLine,
    reports::{Portfolio, TrialBalance},
};
use money::Currency;
use product::{AccountCode, Chart};
use serde::{Deserialize, Serialize};
use stdx::{Date, Digest};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Answer, ok},
    request::{Asked, By, day},
    router::Api,
    wire::{Day, Iso, Major, Money, Short},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(trial_balance))
        .routes(routes!(portfolio))
        .routes(routes!(state_hash))
}

/// Up to which day.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Through {
    /// The last value date that counts; everything when absent.
    #[serde(default, deserialize_with = "day")]
    #[param(value_type = Option<String>, format = Date)]
    through: Option<Date>,
}

/// The trial balance (试算平衡表).
#[derive(Serialize, ToSchema)]
#[schema(as = TrialBalance)]
struct BalanceBody {
    /// The last value date that counts; null when everything does.
    through: Option<Day>,
    /// One line for each currency and code.
    lines: Vec<LineBody>,
    /// Debits less credits, per currency: zero when the books balance.
    difference: Vec<Money>,
}

/// All accounts of a code of the chart; amounts in major units of the currency.
#[derive(Serialize, ToSchema)]
#[schema(as = TrialBalanceLine)]
struct LineBody {
    /// The book.
    currency: Iso,
    /// The code in the chart of accounts.
    code: Short,
    /// Its name in English; null when the code is not of the chart.
    en: Option<String>,
    /// Its name in Chinese.
    zh: Option<String>,
    /// Debits posted.
    debits: Major,
    /// Credits posted.
    credits: Major,
    /// Debits less credits.
    balance: Major,
}

/// The loans by product and currency.
#[derive(Serialize, ToSchema)]
#[schema(as = Portfolios)]
struct PortfoliosBody {
    /// By product, then currency.
    data: Vec<PortfolioBody>,
}

/// The loans of one product.
#[derive(Serialize, ToSchema)]
#[schema(as = Portfolio)]
struct PortfolioBody {
    /// The product.
    product: String,
    /// How many were paid out.
    loans: u64,
    /// How many of them are settled.
    settled: u64,
    /// What was paid out, fees not deducted.
    disbursed: Money,
    /// Principal still owed.
    outstanding: Money,
    /// By bucket of days past due.
    arrears: BTreeMap<String, ArrearsBody>,
}

/// The active loans of one bucket.
#[derive(Serialize, ToSchema)]
#[schema(as = Arrears)]
struct ArrearsBody {
    /// How many.
    loans: u64,
    /// Principal owed on them.
    principal: Money,
}

/// The state hash.
#[derive(Serialize, ToSchema)]
struct StateHash {
    /// A digest over every record, posting, event and answer of the institution: equal hashes mean
    /// equal states.
    #[schema(value_type = String)]
    state_hash: Digest,
}

/// Read the trial balance
#[utoipa::path(
    get, path = "/v1/reports/trial-balance", tag = "reports", operation_id = "get_trial_balance",
    params(Through),
    responses((status = 200, description = "The trial balance.", body = BalanceBody)),
    security(("key" = ["audit"])),
)]
async fn trial_balance(State(api): State<Api>, By(caller): By, asked: Asked<Through>) -> Answer {
    let report = api.bank.trial_balance(&caller, asked.0.through).await?;
    ok(balance(report, &*api.bank.chart(&caller).await?))
}

/// Read the portfolio
///
/// Number and amount of loans per product, and arrears by bucket.
#[utoipa::path(
    get, path = "/v1/reports/portfolio", tag = "reports", operation_id = "get_portfolio",
    responses((status = 200, description = "The portfolio.", body = PortfoliosBody)),
    security(("key" = ["audit"])),
)]
async fn portfolio(State(api): State<Api>, By(caller): By) -> Answer {
    let portfolios = api.bank.portfolio(&caller).await?.into_iter();
    let data = portfolios.map(|((product, currency), it)| line_of(product, currency, it));
    ok(PortfoliosBody { data: data.collect() })
}

/// Read the state hash
#[utoipa::path(
    get, path = "/v1/state-hash", tag = "reports", operation_id = "get_state_hash",
    responses((status = 200, description = "The state hash now.", body = StateHash)),
    security(("key" = ["audit"])),
)]
async fn state_hash(State(api): State<Api>, By(caller): By) -> Answer {
    ok(StateHash { state_hash: api.bank.state_hash(&caller).await? })
}

fn balance(report: TrialBalance, chart: &Chart) -> BalanceBody {
    let difference = report.difference.into_iter();
    BalanceBody {
        through: report.through.map(Day),
        lines: report.lines.iter().map(|it| line(it, chart)).collect(),
        difference: difference.map(|(currency, it)| Money::of(it, currency)).collect(),
    }
}

fn line(line: &BookLine, chart: &Chart) -> LineBody {
    let major = |amount| Major::of(amount, line.currency);
    let code = line.code.as_str().parse::<AccountCode>().ok();
    let listed = code.and_then(|it| chart.get(it));
    LineBody {
        currency: Iso(line.currency),
        code: Short(line.code),
        en: listed.map(|it| it.en.clone()),
        zh: listed.map(|it| it.zh.clone()),
        debits: major(line.debits),
        credits: major(line.credits),
        balance: major(line.debits - line.credits),
    }
}

fn line_of(product: String, currency: Currency, portfolio: Portfolio) -> PortfolioBody {
    let money = |amount| Money::of(amount, currency);
    let arrears = portfolio.arrears.into_iter();
    PortfolioBody {
        product,
        loans: portfolio.loans,
        settled: portfolio.settled,
        disbursed: money(portfolio.disbursed),
        outstanding: money(portfolio.outstanding),
        arrears: arrears
            .map(|(bucket, (loans, it))| (bucket, ArrearsBody { loans, principal: money(it) }))
            .collect(),
    }
}
