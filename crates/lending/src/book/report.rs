//! What a book is told as: a line for each month, and what it comes to.

use std::collections::BTreeMap;

use money::{Amount, Currency, Decimal, Rounding};
use product::{AccountCode, Accounting, Posting, chart::Class};
use serde::Serialize;
use stdx::{Date, Digest};

use super::{Book, Cell, Cells, ENDS};
use crate::{Bucket, Reject, day::days_between, life::add};

/// What became of a book. Amounts are in major units and serialize as texts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The product.
    pub product: String,
    /// Its version.
    pub version: u32,
    /// The currency of every amount.
    pub currency: Currency,
    /// What everything was drawn from.
    pub seed: u64,
    /// How many loans were made.
    pub loans: u64,
    /// How contracts stand at the end, by status.
    pub contracts: BTreeMap<&'static str, u64>,
    /// What was asked for and refused, by the code of the reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// In how many months each loan was active, over all loans.
    pub contract_months: u64,
    /// What borrowers are told a loan costs in a year, as fractions; absent without a loan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annual_cost: Option<Costs>,
    /// The principal of all loans.
    pub disbursed: Decimal,
    /// What was charged off.
    pub charged_off: Decimal,
    /// What was recovered of that.
    pub recovered: Decimal,
    /// What was charged off and not recovered, as a fraction of what was lent.
    pub loss_rate: Decimal,
    /// What the institution needs at the most at the end of a month to lend all this.
    pub cash_need: Decimal,
    /// What that costs.
    pub cost_of_money: Decimal,
    /// What the book earned.
    pub result: Decimal,
    /// The months.
    pub months: Vec<Month>,
    /// Of the state of every loan at the end: the same wherever the same book is told.
    pub digest: Digest,
}

/// The annual cost over all contracts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Costs {
    /// Simple (单利).
    pub simple: Spread,
    /// Compound (复利).
    pub compound: Spread,
}

/// How a number spreads (nearest rank).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The smallest.
    pub min: Decimal,
    /// A twentieth of all are not above it.
    pub p5: Decimal,
    /// A half.
    pub median: Decimal,
    /// All but a twentieth.
    pub p95: Decimal,
    /// The largest.
    pub max: Decimal,
}

/// A month. What is outstanding, in arrears or suspended is so at its end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Month {
    /// Its first day.
    pub month: Date,
    /// How many loans were made.
    pub loans: u64,
    /// The principal of them.
    pub disbursed: Decimal,
    /// What borrowers paid, but for what was charged off.
    pub repaid: Decimal,
    /// What was charged off, of principal, interest, fees and penalty on the balance sheet.
    pub charged_off: Decimal,
    /// What came in on loans charged off.
    pub recovered: Decimal,
    /// What went out since the beginning and has not come in.
    pub cash_need: Decimal,
    /// What it cost in the month.
    pub cost_of_money: Decimal,
    /// Income less expenses of the month by account, without the cost of money. A loss is an
    /// expense when it is charged off, less what is recovered.
    pub income: Vec<Income>,
    /// The sum of them, less the cost of money.
    pub result: Decimal,
    /// Principal outstanding.
    pub outstanding: Decimal,
    /// The same by bucket.
    pub arrears: Vec<Arrears>,
    /// The same of loans whose interest is suspended.
    pub suspended: Decimal,
    /// The trial balance.
    pub accounts: Vec<Account>,
}

/// What an account of income or expense had in a month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Income {
    /// The account.
    pub code: AccountCode,
    /// Its Chinese name.
    pub zh: String,
    /// Its English name.
    pub en: String,
    /// Credits less debits.
    pub amount: Decimal,
}

/// How late a part of the book is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Arrears {
    /// The bucket.
    pub bucket: Bucket,
    /// How many loans.
    pub loans: u64,
    /// Their principal outstanding.
    pub principal: Decimal,
}

/// An account in a month. The balances of all accounts sum to nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    /// The account.
    pub code: AccountCode,
    /// Its Chinese name.
    pub zh: String,
    /// Its English name.
    pub en: String,
    /// Its debits in the month.
    pub debit: Decimal,
    /// Its credits in the month.
    pub credit: Decimal,
    /// Its debits less its credits since the beginning.
    pub balance: Decimal,
}

/// A book, beside another one of the same scenario and seed where there is one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// It.
    #[serde(flatten)]
    pub report: Report,
    /// The other one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<Report>,
    /// This less the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

/// What a book makes otherwise than another one of the same scenario and seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// What they come to.
    pub total: Vec<Line>,
    /// Month by month.
    pub months: Vec<MonthDifference>,
}

/// A month of two books.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MonthDifference {
    /// Its first day.
    pub month: Date,
    /// Line by line.
    pub lines: Vec<Line>,
}

/// A number of two books.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Its name, as in the report.
    pub name: &'static str,
    /// In this book.
    pub this: Decimal,
    /// In the other one.
    pub other: Decimal,
    /// This less the other.
    pub difference: Decimal,
}

impl Book<'_> {
    /// What the cells of all loans come to.
    ///
    /// # Errors
    /// [`Reject::AmountTooLarge`] when something sums to more than can be booked.
    pub fn report(&self, cells: Cells) -> Result<Report, Reject> {
        let definition = self.rules.product.definition();
        let mut books = Books { book: self, need: Amount::ZERO, balances: BTreeMap::new() };
        let months = cells.months.iter().enumerate();
        let months = months.map(|(index, cell)| books.month(index, cell));
        let months = months.collect::<Result<Vec<_>, _>>()?;
        let sum = |of: fn(&Month) -> Decimal| months.iter().map(of).sum::<Decimal>();
        let (disbursed, recovered) = (sum(|it| it.disbursed), sum(|it| it.recovered));
        let charged_off = sum(|it| it.charged_off);
        let lost = (charged_off - recovered).checked_div(disbursed);
        let mut contracts = BTreeMap::new();
        contracts.extend(ENDS.iter().map(|(_, name)| *name).zip(cells.ended));
        Ok(Report {
            product: definition.product.clone(),
            version: definition.version,
            currency: definition.currency,
            seed: self.seed,
            loans: months.iter().map(|it| it.loans).sum(),
            contracts,
            refused: cells.refused,
            contract_months: cells.contract_months,
            annual_cost: costs(cells.costs),
            disbursed,
            charged_off,
            recovered,
            loss_rate: lost.unwrap_or_default().round_dp(6),
            cash_need: months.iter().map(|it| it.cash_need).max().unwrap_or_default(),
            cost_of_money: sum(|it| it.cost_of_money),
            result: sum(|it| it.result),
            months,
            digest: Digest::from_bytes(cells.digest),
        })
    }
}

/// The books of all loans together, month after month.
struct Books<'b> {
    book: &'b Book<'b>,
    need: Amount,
    balances: BTreeMap<AccountCode, Amount>,
}

impl Books<'_> {
    fn month(&mut self, index: usize, cell: &Cell) -> Result<Month, Reject> {
        let booked = |event, name| cell.booked.get(&(event, name)).copied().unwrap_or_default();
        let recovered = booked("recovery", "amount");
        let charged_off = ["penalty", "fee", "interest", "principal"];
        let mut charged_off = charged_off.into_iter().map(|name| booked("charge-off", name));
        let charged_off = charged_off.try_fold(Amount::ZERO, add)?;
        let loss = charged_off - recovered;
        let moved = self.moved(cell, loss)?;
        let cost_of_money = self.cost_of_money(index, cell)?;
        let back = add(cell.repaid, cell.subsidy)?;
        self.need = add(self.need, cell.paid_out - back)?;
        let income = self.income(&moved);
        let principal = |bucket: usize| cell.standing[bucket].1;
        let outstanding = (0..cell.standing.len()).map(principal).try_fold(Amount::ZERO, add)?;
        let arrears = Bucket::ALL.iter().zip(cell.standing);
        let arrears = arrears.map(|((bucket, _), (loans, principal))| Arrears {
            bucket: *bucket,
            loans,
            principal: self.major(principal),
        });
        Ok(Month {
            month: self.book.months[index].from,
            loans: cell.loans,
            disbursed: self.major(booked("disbursal", "principal")),
            repaid: self.major(cell.repaid - recovered),
            charged_off: self.major(charged_off),
            recovered: self.major(recovered),
            cash_need: self.major(self.need),
            cost_of_money: self.major(cost_of_money),
            result: income.iter().map(|it| it.amount).sum::<Decimal>() - self.major(cost_of_money),
            income,
            outstanding: self.major(outstanding),
            arrears: arrears.collect(),
            suspended: self.major(cell.suspended),
            accounts: self.accounts(&moved),
        })
    }

    /// The debits and credits of the month by account. What was lost is provided for at once, so
    /// the allowance is empty and the loss an expense.
    fn moved(&mut self, cell: &Cell, loss: Amount) -> Result<Moved, Reject> {
        let mut moved = Moved::new();
        let provided = [(("provision", "amount"), loss)];
        let booked = cell.booked.iter().map(|(key, amount)| (*key, *amount)).chain(provided);
        for ((event, name), amount) in booked {
            for Posting { debit, credit, amount } in
                self.accounting().postings(event, &[(name, amount)])
            {
                let (debits, _) = moved.entry(debit).or_default();
                *debits = add(*debits, amount)?;
                let (_, credits) = moved.entry(credit).or_default();
                *credits = add(*credits, amount)?;
                let balance = self.balances.entry(debit).or_default();
                *balance = add(*balance, amount)?;
                let balance = self.balances.entry(credit).or_default();
                *balance = balance.checked_sub(amount).ok_or(Reject::AmountTooLarge)?;
            }
        }
        Ok(moved)
    }

    /// What was needed on each day of the month, at a 365th of the yearly cost.
    fn cost_of_money(&self, index: usize, cell: &Cell) -> Result<Amount, Reject> {
        let month = self.book.months[index];
        let days = Decimal::from(days_between(month.from, month.to));
        let needed = self.major(self.need).checked_mul(days);
        let needed = needed.and_then(|it| it.checked_add(self.major(cell.need_days)));
        let yearly = needed.and_then(|it| it.checked_mul(self.book.scenario.cost_of_money));
        let cost = yearly.ok_or(Reject::AmountTooLarge)? / Decimal::from(365);
        let rounded = Amount::round(cost, self.currency(), Rounding::HalfEven);
        rounded.map_err(|_| Reject::AmountTooLarge)
    }

    fn income(&self, moved: &Moved) -> Vec<Income> {
        let of_result = |code: AccountCode| {
            let class = self.accounting().account(code).map(|it| it.class);
            matches!(class, Some(Class::Income | Class::Expense))
        };
        let line = |(code, (debit, credit)): (&AccountCode, &(Amount, Amount))| {
            let (zh, en) = self.named(*code);
            Income { code: *code, zh, en, amount: self.major(*credit) - self.major(*debit) }
        };
        moved.iter().filter(|(code, _)| of_result(**code)).map(line).collect()
    }

    fn accounts(&self, moved: &Moved) -> Vec<Account> {
        let account = |(code, balance): (&AccountCode, &Amount)| {
            let (zh, en) = self.named(*code);
            let (debit, credit) = moved.get(code).copied().unwrap_or_default();
            let [debit, credit, balance] = [debit, credit, *balance].map(|it| self.major(it));
            Account { code: *code, zh, en, debit, credit, balance }
        };
        self.balances.iter().map(account).collect()
    }

    fn named(&self, code: AccountCode) -> (String, String) {
        let account = self.accounting().account(code);
        account.map(|it| (it.zh.clone(), it.en.clone())).unwrap_or_default()
    }

    fn accounting(&self) -> &Accounting {
        self.book.rules.product.accounting()
    }

    fn currency(&self) -> Currency {
        self.book.rules.product.currency()
    }

    fn major(&self, amount: Amount) -> Decimal {
        amount.to_decimal(self.currency())
    }
}

/// Debits and credits by account.
type Moved = BTreeMap<AccountCode, (Amount, Amount)>;

fn costs(costs: Vec<(Decimal, Decimal)>) -> Option<Costs> {
    let (simple, compound) = costs.into_iter().unzip();
    Some(Costs { simple: spread(simple)?, compound: spread(compound)? })
}

fn spread(mut values: Vec<Decimal>) -> Option<Spread> {
    values.sort_unstable();
    let rank = |percent: usize| {
        let rank = values.len().saturating_mul(percent).div_ceil(100).max(1);
        values.get(rank.saturating_sub(1)).copied()
    };
    let (p5, median, p95) = (rank(5)?, rank(50)?, rank(95)?);
    Some(Spread { min: rank(0)?, p5, median, p95, max: rank(100)? })
}

impl Compared {
    /// A book and maybe another one, with what they differ in.
    pub fn of(report: Report, other: Option<Report>) -> Self {
        let difference = other.as_ref().map(|other| report.less(other));
        Self { report, other, difference }
    }
}

impl Month {
    /// Its numbers by name: what a table has for columns.
    pub fn lines(&self) -> [(&'static str, Decimal); 11] {
        let late = self.arrears.iter().filter(|it| it.bucket != Bucket::Current);
        [
            ("loans", self.loans.into()),
            ("disbursed", self.disbursed),
            ("repaid", self.repaid),
            ("charged_off", self.charged_off),
            ("recovered", self.recovered),
            ("cash_need", self.cash_need),
            ("cost_of_money", self.cost_of_money),
            ("result", self.result),
            ("outstanding", self.outstanding),
            ("past_due", late.map(|it| it.principal).sum()),
            ("suspended", self.suspended),
        ]
    }
}

impl Report {
    /// What it comes to, by name.
    pub fn lines(&self) -> Vec<(&'static str, Decimal)> {
        let mut lines = vec![
            ("loans", self.loans.into()),
            ("contract_months", self.contract_months.into()),
            ("disbursed", self.disbursed),
            ("charged_off", self.charged_off),
            ("recovered", self.recovered),
            ("loss_rate", self.loss_rate),
            ("cash_need", self.cash_need),
            ("cost_of_money", self.cost_of_money),
            ("result", self.result),
        ];
        if let Some(Costs { simple, compound }) = self.annual_cost {
            lines.push(("annual_cost_simple_median", simple.median));
            lines.push(("annual_cost_compound_median", compound.median));
            lines.push(("annual_cost_compound_max", compound.max));
        }
        lines
    }

    /// This book less another one.
    pub fn less(&self, other: &Self) -> Difference {
        let months = self.months.iter().zip(&other.months);
        let months = months.map(|(this, other)| MonthDifference {
            month: this.month,
            lines: differences(&this.lines(), &other.lines()),
        });
        Difference { total: differences(&self.lines(), &other.lines()), months: months.collect() }
    }
}

fn differences(these: &[(&'static str, Decimal)], others: &[(&'static str, Decimal)]) -> Vec<Line> {
    let line = |(name, this): &(&'static str, Decimal)| {
        let other = others.iter().find(|(it, _)| it == name)?.1;
        Some(Line { name, this: *this, other, difference: *this - other })
    };
    these.iter().filter_map(line).collect()
}
