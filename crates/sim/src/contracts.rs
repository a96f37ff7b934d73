//! Contracts as their customers reckon them: what was paid in and out, and what the bank says.
//!
//! A wallet is reckoned in full, interest included, from the rules of its product. A loan is
//! reckoned at its edges: the cash that moved is the cash that was asked for, each day is closed
//! once and in order, interest and penalty of a day are no more than the rates allow, and after
//! every command the books of the loan say what its position says.

use std::collections::BTreeMap;

use ledger::{AccountId, Side, Transfer};
use product::AccountCode;
use serde_json::Value;
use stdx::{Date, Id};
use store::{LogBody, LogRow};

use crate::{
    command::Command,
    judge::{State, date, hold},
};

/// Cash, as the products book it.
const CASH: &str = "1003";
/// What a purse may hold: 20,000 yuan.
const PURSE_MAX: i128 = 2_000_000;
/// A purse earns 3.6 % a year, by days of 360: a ten-thousandth a day.
const PURSE_DAYS: i128 = 10_000;
/// A purse is paid its interest every seven days, counted from this one.
const PURSE_SETTLES: Date = Date::constant(2024, 12, 20);

#[derive(Clone, Default)]
pub(crate) struct Contracts {
    pub(crate) wallets: BTreeMap<Id<()>, Wallet>,
    pub(crate) loans: BTreeMap<Id<()>, Loan>,
}

#[derive(Clone)]
pub(crate) struct Wallet {
    pub(crate) earns: bool,
    pub(crate) money: i128,
    /// Sum of the balances at the ends of days since the last settlement.
    balance_days: i128,
    /// Earned since then.
    interest: i128,
    /// Settled, and waiting for room.
    waiting: i128,
    /// The day to be closed next.
    pub(crate) through: Date,
}

#[derive(Clone)]
pub(crate) struct Loan {
    pub(crate) active: bool,
    principal: i128,
    /// The day to be closed next.
    pub(crate) through: Date,
}

/// The account of a contract, by the rule that names it.
pub(crate) fn account_of(contract: Id<()>, code: &str) -> AccountId {
    let code: AccountCode = code.parse().expect("a code of the chart");
    Id::derived_beside(contract, &[&code.number().to_be_bytes(), b"CNY"])
}

impl Wallet {
    fn moves(&mut self, money: i128, today: Date) {
        self.money += money;
        if !self.earns {
            self.through = self.through.max(today);
        }
    }
}

impl Contracts {
    /// Every contract has been closed up to a day.
    pub(crate) fn none_before(&self, day: Date) -> Result<(), String> {
        let wallets = self.wallets.iter().filter(|(_, it)| it.earns);
        let wallets = wallets.map(|(id, it)| (id, it.through));
        let loans = self.loans.iter().filter(|(_, it)| it.active);
        let mut all = wallets.chain(loans.map(|(id, it)| (id, it.through)));
        match all.find(|(_, through)| *through < day) {
            None => Ok(()),
            Some((id, through)) => Err(format!("contract {id} is at {through}, not at {day}")),
        }
    }

    /// What a row does to contracts.
    pub(crate) fn tell(
        &mut self,
        state: &State,
        row: &LogRow,
        command: Option<&Command>,
        body: &LogBody,
        orders: &[Transfer],
    ) -> Result<(), String> {
        let cash = cash_in(state, orders);
        let moved = match (command, &*row.command) {
            (Some(Command::OpenWallet(_, product)), _) => {
                let id = newest(body, "current-account")?;
                let through = body.today;
                let earns = *product == "purse";
                let (money, balance_days, interest, waiting) = (0, 0, 0, 0);
                let wallet = Wallet { earns, money, balance_days, interest, waiting, through };
                self.wallets.insert(id, wallet);
                0
            }
            (Some(Command::Deposit(id, money)), _) => {
                self.wallet(id.cast())?.moves(i128::from(money.amount.minor()), body.today);
                i128::from(money.amount.minor())
            }
            (Some(Command::Withdraw(id, money)), _) => {
                self.wallet(id.cast())?.moves(-i128::from(money.amount.minor()), body.today);
                -i128::from(money.amount.minor())
            }
            (Some(Command::Disburse(id)), _) => self.disburse(state, id.cast(), body.today)?,
            (Some(Command::Repay(id, money) | Command::Settle(id, money)), _) => {
                let loan = self.loan(id.cast())?;
                hold!(loan.active, "the loan is not active");
                hold!(loan.through == body.today, "the loan is at {}", loan.through);
                i128::from(money.amount.minor())
            }
            (None, "close-loan-day") => self.close_loan(row, body.today, state, orders)?,
            (None, "close-account-day") => self.close_wallet(row, body.today, state, orders)?,
            _ => {
                hold!(orders.is_empty(), "it moves money");
                0
            }
        };
        hold!(cash == moved, "{moved} of cash should have come in, not {cash}");
        for entry in &body.records {
            match &*entry.kind {
                "position" | "loan" => self.check_loan(state, entry.id)?,
                "current-account" => self.check_wallet(state, entry.id)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn wallet(&mut self, id: Id<()>) -> Result<&mut Wallet, String> {
        self.wallets.get_mut(&id).ok_or_else(|| format!("there is no account {id}"))
    }

    fn loan(&mut self, id: Id<()>) -> Result<&mut Loan, String> {
        self.loans.get_mut(&id).ok_or_else(|| format!("loan {id} is not paid out"))
    }

    /// Pays out what was lent without the fee of one per cent.
    fn disburse(&mut self, state: &State, id: Id<()>, today: Date) -> Result<i128, String> {
        let record = state.record("loan", id).ok_or("there is no loan")?;
        let principal = minor(&record.body["principal"])?;
        let fees = minor(&record.body["upfront_fees"])?;
        let exact = principal * 2 - fees * 200;
        hold!(exact.abs() <= 100, "a fee of {fees} is not a hundredth of {principal}");
        let loan = Loan { active: true, principal, through: today };
        hold!(self.loans.insert(id, loan).is_none(), "loan {id} is paid out twice");
        Ok(fees - principal)
    }

    /// One day of a loan: the next one, with a day's interest and penalty at the most.
    fn close_loan(
        &mut self,
        row: &LogRow,
        today: Date,
        state: &State,
        orders: &[Transfer],
    ) -> Result<i128, String> {
        let (id, day) = subject(row)?;
        let loan = self.loan(id)?;
        hold!(loan.active, "the loan is not active");
        hold!((day, today) == (loan.through, loan.through), "the loan is at {}", loan.through);
        loan.through = tomorrow(day)?;
        // 12 % a year on what was lent; 18 % on all that may be late, from the due date on.
        let interest = debited(state, orders, "1132.01");
        hold!(interest * 36_000 <= loan.principal * 12 + 36_000, "{interest} of interest in a day");
        let penalty = debited(state, orders, "1132.02");
        hold!(penalty * 36_000 <= loan.principal * 18 * 7 + 36_000, "{penalty} of penalty");
        Ok(0)
    }

    /// One day of a purse: its balance at the end of the day earns, and every seventh day pays.
    fn close_wallet(
        &mut self,
        row: &LogRow,
        today: Date,
        state: &State,
        orders: &[Transfer],
    ) -> Result<i128, String> {
        let (id, day) = subject(row)?;
        let wallet = self.wallet(id)?;
        hold!(wallet.earns, "the account earns nothing");
        hold!(day == wallet.through, "it is at {}", wallet.through);
        wallet.through = tomorrow(day)?;
        let deposits = state.books.accounts.get(&account_of(id, "2011.01")).ok_or("no deposits")?;
        // The row's own settlement is in the books already, with the value of the next day.
        let through_day =
            deposits.days.range(..=day).map(|(_, [debits, credits])| credits - debits);
        wallet.balance_days += through_day.sum::<i128>();
        let before = wallet.interest;
        wallet.interest = half_even(wallet.balance_days, PURSE_DAYS);
        let mut expected = vec![wallet.interest - before];
        let settles = (day - PURSE_SETTLES).get_days() % 7 == 0;
        let mut booked_on = day;
        if settles {
            let payable = wallet.waiting + wallet.interest;
            (wallet.waiting, wallet.interest, wallet.balance_days) = (payable, 0, 0);
            if payable > 0 && wallet.money + payable <= PURSE_MAX {
                expected.push(payable);
                wallet.money += payable;
                wallet.waiting = 0;
                booked_on = wallet.through;
            }
        }
        hold!(today == booked_on, "it is booked on {today}, not on {booked_on}");
        expected.retain(|it| *it != 0);
        let told: Vec<_> = orders.iter().map(|it| i128::from(it.amount.minor())).collect();
        hold!(told == expected, "interest of {expected:?} was earned, not {told:?}");
        Ok(0)
    }

    /// The books of a loan say what its position says.
    fn check_loan(&mut self, state: &State, id: Id<()>) -> Result<(), String> {
        let Some(position) = state.record("position", id).map(|it| &it.body) else {
            return Ok(());
        };
        let contract = state.record("loan", id).ok_or("a position without a loan")?;
        let open = position["open"].as_array().map_or(&[][..], |it| it);
        let due = |component: &str| -> Result<i128, String> {
            open.iter().map(|it| minor(&it["owed"][component])).sum()
        };
        let (interest, penalty) =
            (due("interest")? + minor(&position["interest"])?, due("penalty")?);
        // What is more than 90 days past due is not income before it is paid.
        let suspended = position["suspended"] == true;
        let on_books = |it: i128| if suspended { 0 } else { it };
        let accounts = [
            ("1303", Side::Debit, minor(&position["principal"])?),
            ("1132.01", Side::Debit, on_books(interest)),
            ("1132.02", Side::Debit, on_books(penalty)),
            ("7001", Side::Debit, interest + penalty - on_books(interest + penalty)),
            ("1221.01", Side::Debit, due("fee")?),
            ("2241.01", Side::Credit, minor(&position["prepaid"])?),
        ];
        let settled = contract.body["status"] == "settled";
        for (code, side, owed) in accounts {
            let booked = state.books.accounts.get(&account_of(id, code));
            let booked = booked.map_or(0, |it| it.balance(side));
            hold!(booked == owed, "{code} of loan {id} is {booked}, its position says {owed}");
            hold!(!settled || owed == 0, "loan {id} is settled and owes {owed} on {code}");
        }
        let loan = self.loan(id)?;
        loan.active = !settled;
        let through = date(&position["through"])?;
        hold!(settled || through == loan.through, "loan {id} says it is at {through}");
        Ok(())
    }

    /// The books of a wallet and its record say what its holder reckons.
    fn check_wallet(&mut self, state: &State, id: Id<()>) -> Result<(), String> {
        let wallet = self.wallet(id)?;
        let balance = |code: &str| {
            let account = state.books.accounts.get(&account_of(id, code));
            account.map_or(0, |it| it.balance(Side::Credit))
        };
        let (money, payable) = (balance("2011.01"), balance("2231.01"));
        hold!(money == wallet.money, "account {id} holds {money}, not {}", wallet.money);
        let owed = wallet.interest + wallet.waiting;
        hold!(payable == owed, "{payable} is payable, not {owed}");
        let record = state.record("current-account", id).ok_or("no record of the account")?;
        let told = ["interest", "balance_days", "payable"].map(|it| minor(&record.body[it]));
        let own = [wallet.interest, wallet.balance_days, wallet.waiting].map(Ok);
        hold!(told == own, "the record of account {id} says {told:?}, not {own:?}");
        hold!(date(&record.body["through"])? == wallet.through, "account {id} is at another day");
        Ok(())
    }
}

/// What came in as cash, less what went out.
fn cash_in(state: &State, orders: &[Transfer]) -> i128 {
    let code = |id: &AccountId| state.books.accounts.get(id).map(|it| &*it.place.code);
    let sides = orders.iter().map(|it| {
        let amount = i128::from(it.amount.minor());
        let side = |id, sum| if code(id) == Some(CASH) { sum } else { 0 };
        side(&it.debit, amount) + side(&it.credit, -amount)
    });
    sides.sum()
}

/// What orders debit to the accounts of a code.
fn debited(state: &State, orders: &[Transfer], code: &str) -> i128 {
    let of_code =
        |id: &AccountId| state.books.accounts.get(id).is_some_and(|it| it.place.code == code);
    orders.iter().filter(|it| of_code(&it.debit)).map(|it| i128::from(it.amount.minor())).sum()
}

/// The contract and the day in the key of a command of the end of day.
fn subject(row: &LogRow) -> Result<(Id<()>, Date), String> {
    let mut parts = row.key.split('/').skip(1);
    let day = parts.next().and_then(|it| it.parse().ok());
    let id = parts.next().and_then(|it| it.parse().ok());
    id.zip(day).ok_or_else(|| format!("{:?} names no contract and day", row.key))
}

fn tomorrow(day: Date) -> Result<Date, String> {
    day.tomorrow().map_err(|error| error.to_string())
}

fn newest(body: &LogBody, kind: &str) -> Result<Id<()>, String> {
    let entry = body.records.iter().find(|it| it.kind == kind && it.version == 1);
    entry.map(|it| it.id).ok_or_else(|| format!("it makes no {kind}"))
}

fn minor(value: &Value) -> Result<i128, String> {
    value.as_i64().map(i128::from).ok_or_else(|| format!("`{value}` is no amount"))
}

/// A quotient rounded to the nearest, ties to the even one.
pub(crate) fn half_even(dividend: i128, divisor: i128) -> i128 {
    let (whole, twice_rest) = (dividend.div_euclid(divisor), dividend.rem_euclid(divisor) * 2);
    let up = twice_rest > divisor || twice_rest == divisor && whole % 2 != 0;
    whole + i128::from(up)
}
