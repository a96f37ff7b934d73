//! What a contract would do: its schedule, its cash flows, its cost, its postings.
//!
//! Amounts are in major units, with all decimals of the currency; they serialize as texts.

use std::{collections::BTreeMap, fmt};

use money::{Amount, Calendar, Currency, Decimal};
use serde::Serialize;
use stdx::Date;

use crate::{
    accounting::{Accounting, Posting},
    chart::{AccountCode, Chart},
    definition::Definition,
    derivation::Unexplained,
    kinds::{
        Kind,
        instalment_loan::{FeeError, OfferReject},
    },
    problem::Problem,
    schedule::ScheduleError,
};

/// The contract to simulate.
#[derive(Clone, Debug)]
pub struct Request {
    /// How much, in major units; the largest the product offers when absent.
    pub amount: Option<Decimal>,
    /// The price of a purchase. The loan pays it less `amount`'s rest as a down payment, or
    /// without an `amount` less the smallest one.
    pub price: Option<Decimal>,
    /// The yearly reference rate of a floating rate, as a fraction.
    pub reference_rate: Option<Decimal>,
    /// How many instalments; the product's default when absent.
    pub term: Option<u32>,
    /// The day of the contract; the first day of the product when absent.
    pub date: Option<Date>,
    /// The business calendar.
    pub calendar: &'static Calendar,
}

/// What a contract would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Simulation {
    /// The product.
    pub product: String,
    /// Its version.
    pub version: u32,
    /// Its kind.
    pub kind: &'static str,
    /// The currency of every amount.
    pub currency: Currency,
    /// The sum lent, or put in.
    pub amount: Decimal,
    /// The day of it.
    pub date: Date,
    /// The price of the purchase it pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Decimal>,
    /// What the customer pays of the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down_payment: Option<Decimal>,
    /// Nominal rate of a year of a loan or a term deposit, as a fraction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Decimal>,
    /// How many instalments; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term: Option<u32>,
    /// Instalments of a loan; interest periods of an account.
    pub periods: Vec<Line>,
    /// The sums over the periods.
    pub totals: Totals,
    /// Money the customer gets (positive) and pays (negative).
    pub cash_flows: Vec<CashFlow>,
    /// What a loan costs in a year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annual_cost: Option<Cost>,
    /// Everything booked.
    pub postings: Vec<Booking>,
    /// What the bookings sum to, by account.
    pub accounts: Vec<AccountTotal>,
}

/// A period of a simulation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// From 1.
    pub number: u32,
    /// Its first day.
    pub from: Date,
    /// Its due date, or the day interest is settled.
    pub due: Date,
    /// Days of interest.
    pub days: u32,
    /// Principal repaid.
    pub principal: Decimal,
    /// Interest, due to the institution from a loan and to the customer from an account.
    pub interest: Decimal,
    /// Interest a third party owes.
    pub subsidy: Decimal,
    /// Fees due.
    pub fees: Decimal,
    /// Everything the customer owes.
    pub total: Decimal,
    /// Principal owed, or money in the account, after it.
    pub balance: Decimal,
}

/// Sums over the periods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Principal repaid.
    pub principal: Decimal,
    /// Interest.
    pub interest: Decimal,
    /// Interest a third party owes.
    pub subsidy: Decimal,
    /// Fees, including those kept back from the sum paid out.
    pub fees: Decimal,
    /// What the customer owes of it.
    pub total: Decimal,
}

/// Money that moves between the institution and the customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CashFlow {
    /// The day.
    pub date: Date,
    /// What the customer gets; negative, what the customer pays.
    pub amount: Decimal,
}

/// The annual cost of a loan, as fractions; 中国人民银行公告〔2021〕第3号.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// The internal rate of a period times the periods of a year (单利).
    pub simple: Decimal,
    /// The internal rate of a year (复利).
    pub compound: Decimal,
}

/// A posting and what made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Booking {
    /// The day.
    pub date: Date,
    /// The event.
    pub event: &'static str,
    /// The account that is debited.
    pub debit: AccountCode,
    /// The account that is credited.
    pub credit: AccountCode,
    /// How much.
    pub amount: Decimal,
}

/// The bookings of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountTotal {
    /// The account.
    pub code: AccountCode,
    /// Its Chinese name.
    pub zh: String,
    /// Its English name.
    pub en: String,
    /// The sum of its debits.
    pub debit: Decimal,
    /// The sum of its credits.
    pub credit: Decimal,
    /// Debits less credits. Over all accounts they sum to nothing.
    pub balance: Decimal,
}

/// Why there is nothing to simulate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimulationReject {
    /// The definition cannot be used.
    Definition(Vec<Problem>),
    /// The amount is negative, too large or has too many decimals.
    Amount,
    /// The product does not offer this contract.
    Offer(OfferReject),
    /// The account may not hold so much.
    BalanceTooLarge,
    /// The contract has no schedule.
    Schedule(ScheduleError),
    /// A fee cannot be taken.
    Fee(FeeError),
    /// A date is past the year 9999.
    DateOutOfRange,
    /// An amount has no explanation.
    Explanation(Unexplained),
}

impl SimulationReject {
    /// The stable name of the reject.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Definition(_) => "definition",
            Self::Amount => "amount",
            Self::Offer(reject) => reject.code(),
            Self::BalanceTooLarge => "balance-too-large",
            Self::Schedule(error) => error.code(),
            Self::Fee(error) => error.code(),
            Self::DateOutOfRange => "date-out-of-range",
            Self::Explanation(reason) => reason.code(),
        }
    }
}

impl fmt::Display for SimulationReject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Definition(problems) => {
                write!(f, "the definition has {} problems", problems.len())
            }
            Self::Amount => f.write_str("this is not an amount of the product's currency"),
            Self::Offer(reject) => reject.fmt(f),
            Self::BalanceTooLarge => f.write_str("the account may not hold so much"),
            Self::Schedule(error) => error.fmt(f),
            Self::Fee(error) => error.fmt(f),
            Self::DateOutOfRange => f.write_str("a date is past the year 9999"),
            Self::Explanation(reason) => reason.fmt(f),
        }
    }
}

impl std::error::Error for SimulationReject {}

/// Simulates a contract of a product.
///
/// # Errors
/// [`SimulationReject`].
pub fn simulate(
    definition: &Definition,
    request: &Request,
    chart: &Chart,
) -> Result<Simulation, SimulationReject> {
    let Some(kind) = Kind::named(&definition.kind) else {
        let reason = format!("There is no kind `{}`.", definition.kind);
        let problem = Problem::new("/kind", "unknown-kind", reason, "Choose a kind.");
        return Err(SimulationReject::Definition(vec![problem]));
    };
    (kind.simulate)(definition, request, chart)
}

/// The books of a simulated contract.
pub(crate) struct Books<'a> {
    accounting: &'a Accounting,
    chart: &'a Chart,
    currency: Currency,
    bookings: Vec<(Date, &'static str, Posting)>,
}

impl<'a> Books<'a> {
    pub(crate) fn new(accounting: &'a Accounting, chart: &'a Chart, currency: Currency) -> Self {
        Self { accounting, chart, currency, bookings: Vec::new() }
    }

    /// Books an event.
    pub(crate) fn book(&mut self, date: Date, event: &'static str, amounts: &[(&str, Amount)]) {
        let postings = self.accounting.postings(event, amounts);
        self.bookings.extend(postings.into_iter().map(|posting| (date, event, posting)));
    }

    pub(crate) fn postings(&self) -> Vec<Booking> {
        let booking = |(date, event, posting): &(Date, &'static str, Posting)| Booking {
            date: *date,
            event,
            debit: posting.debit,
            credit: posting.credit,
            amount: posting.amount.to_decimal(self.currency),
        };
        self.bookings.iter().map(booking).collect()
    }

    pub(crate) fn accounts(&self) -> Vec<AccountTotal> {
        let nothing = (Amount::ZERO, Amount::ZERO);
        let mut sums: BTreeMap<AccountCode, (Amount, Amount)> = BTreeMap::new();
        for (_, _, posting) in &self.bookings {
            sums.entry(posting.debit).or_insert(nothing).0 += posting.amount;
            sums.entry(posting.credit).or_insert(nothing).1 += posting.amount;
        }
        sums.into_iter().map(|(code, sums)| self.total(code, sums)).collect()
    }

    fn total(&self, code: AccountCode, (debit, credit): (Amount, Amount)) -> AccountTotal {
        let account = self.chart.get(code);
        let major = |amount: Amount| amount.to_decimal(self.currency);
        AccountTotal {
            code,
            zh: account.map_or_else(String::new, |it| it.zh.clone()),
            en: account.map_or_else(String::new, |it| it.en.clone()),
            debit: major(debit),
            credit: major(credit),
            balance: major(debit - credit),
        }
    }
}
