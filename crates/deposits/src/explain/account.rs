//! Of current accounts: demand interest by accumulated daily balances (积数), the balance of each
//! run of days times the days.

use std::collections::BTreeMap;

use money::{Amount, DayCount, Money};
use product::{
    AccountProduct,
    derivation::{Clause, Derivation, Name, Rule, Unexplained, Value},
};
use stdx::Date;

use super::{
    BALANCE, BALANCE_DAYS, BOOKED_BEFORE, BookedAmount, DAY, DAYS, DEMAND_RATE, EARNED, EXACT,
    Explained, INTEREST, PAID_OUT, RECEIVED, RUN, TAKEN, WAITING, dates, rate, rounded, same, sum,
};
use crate::{
    CurrentAccount, Event, Outcome, Terms, account,
    day::close_day,
    movement::{self, Movement},
};

/// Something that happened to a current account.
#[derive(Clone, Copy, Debug)]
pub struct AccountStep<'h> {
    /// The account before it.
    pub before: &'h CurrentAccount,
    /// The account after it.
    pub after: &'h CurrentAccount,
    /// What was told of it.
    pub events: &'h [Event],
    /// What had moved the account before, in any order; what went out is negative. What counts
    /// from before the open interest period may be one sum.
    pub moved: &'h [Movement],
    /// The terms under which it was decided.
    pub terms: Terms<'h, AccountProduct>,
    /// Which of the things that happened to the account it was.
    pub number: u32,
}

#[derive(Clone, Copy)]
enum Happened {
    Day(Date),
    Deposit(Movement, Date),
    Withdrawal(Movement, Date),
    Closing(Date),
}

impl AccountStep<'_> {
    /// How an amount that it booked came about.
    ///
    /// # Errors
    /// [`Unexplained`].
    pub fn booked(&self, of: BookedAmount<'_>) -> Explained {
        let happened = self.happened();
        self.told(happened)?.must_book(of)?;
        let explained = match (of.event, happened) {
            ("deposit", Happened::Deposit(it, _)) => self.said(RECEIVED, it, of.event),
            ("withdrawal", Happened::Withdrawal(it, _)) => self.said(TAKEN, it, of.event),
            ("withdrawal", Happened::Closing(_)) => {
                let balance = self.booked_as(BALANCE, self.balance(Date::MAX));
                sum(PAID_OUT, std::iter::once(balance).chain(self.settled(happened)?))?
            }
            ("interest-accrual", _) => {
                let earned = self.earned(happened)?.ok_or(Unexplained::NotTold("days"))?;
                let before = self.booked_as(BOOKED_BEFORE, self.before.interest);
                Derivation::of(INTEREST, Rule::Difference, vec![earned, before])?
            }
            ("interest-settlement", _) => sum(INTEREST, self.settled(happened)?)?,
            _ => return Err(Unexplained::Event(of.event.to_owned())),
        };
        explained.explaining(of.amount)
    }

    fn happened(&self) -> Happened {
        let moved = self.events.iter().find_map(|it| match *it {
            Event::DepositReceived { on, value_date, amount } => {
                Some(Happened::Deposit(Movement { amount, value_date }, on))
            }
            Event::WithdrawalPaid { on, value_date, amount } => {
                Some(Happened::Withdrawal(Movement { amount, value_date }, on))
            }
            Event::AccountClosed { on, .. } => Some(Happened::Closing(on)),
            _ => None,
        });
        moved.unwrap_or(Happened::Day(self.before.through))
    }

    fn told(&self, happened: Happened) -> Result<Outcome<CurrentAccount>, Unexplained> {
        let Self { before, after, terms, .. } = *self;
        let told = match happened {
            Happened::Day(day) => {
                // What found no room waits.
                let room = after.payable.is_zero();
                close_day(before, terms, self.balance(day), day, room)
            }
            Happened::Deposit(it, on) => movement::deposit(before, terms, it, on),
            Happened::Withdrawal(it, on) => movement::withdraw(before, terms, it, None, on),
            Happened::Closing(on) => {
                account::close(before, terms, self.balance(Date::MAX), Amount::ZERO, on)
            }
        };
        same(told, after)
    }

    /// The balance at the end of a day, as it was known before.
    fn balance(&self, day: Date) -> Amount {
        self.moved.iter().filter(|it| it.value_date <= day).map(|it| it.amount).sum()
    }

    /// What is paid of interest: what waited, and what was earned since the last settlement.
    fn settled(&self, happened: Happened) -> Result<Vec<Derivation>, Unexplained> {
        let waited = self.booked_as(WAITING, self.before.payable);
        Ok(std::iter::once(waited).chain(self.earned(happened)?).collect())
    }

    /// What the days since the last settlement earn at the rate of the day, if there are any.
    fn earned(&self, happened: Happened) -> Result<Option<Derivation>, Unexplained> {
        let Self { before, after, terms, .. } = *self;
        let Some(interest) = &terms.product.terms().interest else { return Ok(None) };
        let (own, on, balance_days) = match happened {
            Happened::Day(on) => {
                let sum = before.balance_days.checked_add(self.balance(on).minor());
                (None, on, sum.ok_or(Unexplained::NoValue(BALANCE_DAYS.code))?)
            }
            Happened::Deposit(it, on) => (Some(it), on, after.balance_days),
            Happened::Withdrawal(it, on) => {
                let amount = Amount::ZERO - it.amount;
                (Some(Movement { amount, ..it }), on, after.balance_days)
            }
            Happened::Closing(on) => (None, on, before.balance_days),
        };
        let to = match happened {
            Happened::Day(day) => tomorrow(day)?,
            _ => before.through,
        };
        if to <= before.since {
            return Ok(None);
        }
        let runs = self.runs(own, to)?;
        let exactly = Value::Exact(
            Amount::from_minor(balance_days).to_decimal(before.currency),
            before.currency,
        );
        if runs.value != exactly {
            return Err(Unexplained::Differs(BALANCE_DAYS.code));
        }
        let day = interest.day_count.years(before.since, tomorrow(before.since)?);
        let day = Derivation::given(DAY, Value::Years(day));
        let day = day.under(Some(self.clause("terms.interest.day_count")));
        let [own, posted] =
            [terms.product, terms.posted].map(|it| (it.definition(), it.terms().interest.as_ref()));
        let posted = (posted.0, posted.1.map(|it| &it.rate));
        let rate = rate(DEMAND_RATE, "terms.interest.rate", (own.0, &interest.rate), posted, on);
        let exact = Derivation::of(EXACT, Rule::Product, vec![runs, rate, day])?;
        let clause = self.clause("terms.interest.rounding");
        rounded(EARNED, exact, interest.rounding, clause).map(Some)
    }

    /// The sum of the balances at the end of each day since the last settlement: the balance of
    /// each run of days in which it did not change, times the days.
    fn runs(&self, own: Option<Movement>, to: Date) -> Explained {
        let since = self.before.since;
        let mut changes = BTreeMap::from([(since, Amount::ZERO)]);
        for it in self.moved.iter().copied().chain(own).filter(|it| it.value_date < to) {
            *changes.entry(it.value_date.max(since)).or_default() += it.amount;
        }
        changes.retain(|date, change| *date == since || !change.is_zero());
        let ends: Vec<_> = changes.keys().copied().skip(1).chain([to]).collect();
        let (mut runs, mut balance) = (Vec::new(), Amount::ZERO);
        for ((from, change), to) in changes.into_iter().zip(ends) {
            balance += change;
            let rule = Rule::Days { day_count: DayCount::Act360 };
            let days = Derivation::of(DAYS, rule, dates(from, to))?;
            let balance = self.booked_as(BALANCE, balance);
            runs.push(Derivation::of(RUN, Rule::Product, vec![balance, days])?);
        }
        Derivation::of(BALANCE_DAYS, Rule::Sum, runs)
    }

    fn said(&self, name: Name, movement: Movement, what: &str) -> Derivation {
        let Movement { amount, value_date: on } = movement;
        let clause = Clause::Fact { number: self.number, what: what.to_owned(), on };
        Derivation::given(name, self.money(amount)).under(Some(clause))
    }

    fn booked_as(&self, name: Name, amount: Amount) -> Derivation {
        Derivation::leaf(name, Rule::Booked, self.money(amount))
    }

    fn money(&self, amount: Amount) -> Value {
        Value::Amount(Money::new(amount, self.before.currency))
    }

    fn clause(&self, path: &str) -> Clause {
        Clause::product(self.terms.product.definition(), path, None)
    }
}

fn tomorrow(day: Date) -> Result<Date, Unexplained> {
    day.tomorrow().map_err(|_| Unexplained::NotTold("date"))
}
