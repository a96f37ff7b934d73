//! Of term deposits: the interest of a tenor at the contract's rate, of what is taken out early at
//! the demand rate of the day, and what becomes of interest that is due.

use money::{Amount, Money, Period, Rounding, Unit};
use product::{
    TermProduct,
    derivation::{Clause, Derivation, Name, Rule, Unexplained, Value},
    kinds::term_deposit::{Counting, whole_months},
};
use stdx::Date;

use super::{
    BOOKED_BEFORE, BookedAmount, DEMAND_RATE, EARNED, EXACT, EXACT_SHARE, Explained, INTEREST,
    MONTHS, MONTHS_DAYS, ODD_DAYS, OTHER, OWN, PAID_OUT, PLACED, PRINCIPAL, PRODUCT, RATE, SHARE,
    STAYS, TAKEN, WAITING, YEARS, dates, rate, rounded, same, sum,
};
use crate::{
    Event, Outcome, Placement, Rollover, Stage, TermDeposit, Terms, maturity, term, withdrawal,
};

/// Something that happened to a term deposit.
#[derive(Clone, Copy, Debug)]
pub struct DepositStep<'h> {
    /// The deposit before it; none when it was made.
    pub before: Option<&'h TermDeposit>,
    /// The deposit after it.
    pub after: &'h TermDeposit,
    /// What was told of it.
    pub events: &'h [Event],
    /// The terms under which it was decided.
    pub terms: Terms<'h, TermProduct>,
    /// The version whose rate was agreed on the first day of the tenor before it.
    pub agreed: &'h TermProduct,
    /// Which of the things that happened to the deposit it was.
    pub number: u32,
}

#[derive(Clone, Copy)]
enum Happened {
    Placement,
    Day { pays: bool },
    Withdrawal(Amount),
    Payment,
    Rollover(Rollover),
}

impl DepositStep<'_> {
    /// How an amount that it booked came about.
    ///
    /// # Errors
    /// [`Unexplained`].
    pub fn booked(&self, of: BookedAmount<'_>) -> Explained {
        let happened = self.happened();
        self.told(happened)?.must_book(of)?;
        let explained = match self.before {
            None => self.given(PLACED, of.amount).under(Some(Clause::Contract)),
            Some(before) => self.moved(before, happened, of.event)?,
        };
        explained.explaining(of.amount)
    }

    /// How all came about that went out to its holder at once: principal and interest.
    ///
    /// # Errors
    /// [`Unexplained`].
    pub fn paid_out(&self) -> Explained {
        let entries = self.told(self.happened())?.entries;
        let out = entries.iter().filter(|it| matches!(it.event, "withdrawal" | "interest-payment"));
        let parts = out.map(|it| {
            let (name, amount) = it.amount;
            self.booked(BookedAmount { event: it.event, name, amount })
        });
        sum(PAID_OUT, parts.collect::<Result<Vec<_>, _>>()?)
    }

    fn happened(&self) -> Happened {
        let told = |matches: fn(&Event) -> bool| self.events.iter().any(matches);
        let matured = told(|it| matches!(it, Event::DepositMatured { .. }));
        let withdrawn = self.events.iter().find_map(|it| match it {
            Event::DepositWithdrawn { amount, .. } => Some(Happened::Withdrawal(*amount)),
            _ => None,
        });
        let pays = told(|it| matches!(it, Event::InterestPaid { .. }));
        let rolled = told(|it| matches!(it, Event::DepositRolledOver { .. }));
        match withdrawn {
            Some(withdrawal) => withdrawal,
            None if self.before.is_none() => Happened::Placement,
            None if rolled && !matured => Happened::Rollover(self.after.rollover),
            None if pays && !matured => Happened::Payment,
            None => Happened::Day { pays },
        }
    }

    fn told(&self, happened: Happened) -> Result<Outcome<TermDeposit>, Unexplained> {
        let Self { after, terms, .. } = *self;
        let Some(before) = self.before else {
            let TermDeposit { holder, principal: amount, tenor, rollover, account, .. } = *after;
            let placed = Placement { holder, amount, tenor, rollover, account, least: None };
            return same(term::open(terms.product, placed, after.opened_on), after);
        };
        let on = before.through;
        let told = match happened {
            Happened::Placement => return Err(Unexplained::NotTold("record")),
            Happened::Day { pays } => maturity::close_day(before, terms, on, pays),
            Happened::Withdrawal(amount) => withdrawal::withdraw(before, terms, Some(amount), on),
            Happened::Payment => withdrawal::pay_interest(before, on),
            Happened::Rollover(rollover) => maturity::roll_over(before, terms, rollover, on),
        };
        same(told, after)
    }

    fn moved(&self, before: &TermDeposit, happened: Happened, event: &str) -> Explained {
        let on = before.through;
        let waited = self.booked_as(WAITING, before.due);
        match (event, happened) {
            ("withdrawal", Happened::Withdrawal(amount)) if amount == before.principal => {
                Ok(self.booked_as(PRINCIPAL, amount))
            }
            ("withdrawal", Happened::Withdrawal(amount)) => Ok(self.said(TAKEN, amount, on)),
            ("interest-payment", Happened::Withdrawal(amount)) => {
                let own = self.own(before, amount)?;
                sum(INTEREST, std::iter::once(own).chain(self.share(before, amount)?))
            }
            ("interest-accrual", _) => {
                let earned = match happened {
                    Happened::Withdrawal(amount) => {
                        let stays = self.stays(before, before.principal - amount)?;
                        sum(EARNED, stays.into_iter().chain([self.own(before, amount)?]))?
                    }
                    _ => self.earned(before, happened)?,
                };
                let booked = self.booked_as(BOOKED_BEFORE, before.interest);
                Derivation::of(INTEREST, Rule::Difference, vec![earned, booked])
            }
            ("interest-payment", Happened::Payment) => Ok(waited),
            ("capitalization", Happened::Day { .. }) => {
                Ok(self.earned(before, happened)?.named(INTEREST))
            }
            ("interest-payment", Happened::Day { .. })
            | ("capitalization", Happened::Rollover(_)) => {
                sum(INTEREST, [waited, self.earned(before, happened)?])
            }
            _ => Err(Unexplained::Event(event.to_owned())),
        }
    }

    /// What the whole principal earned since the first day of the tenor, or since maturity.
    fn earned(&self, before: &TermDeposit, happened: Happened) -> Explained {
        let (on, to) = match happened {
            Happened::Day { .. } => {
                let to = before.through.tomorrow();
                (before.through, to.map_err(|_| Unexplained::NotTold("date"))?)
            }
            _ => (before.through, before.through),
        };
        let principal = self.booked_as(PRINCIPAL, before.principal);
        self.interest(EARNED, principal, self.rate(before, on), (before.from, to))
    }

    /// What is taken out earns the demand rate of the day.
    fn own(&self, before: &TermDeposit, amount: Amount) -> Explained {
        let on = before.through;
        let part = match amount == before.principal {
            true => self.booked_as(PRINCIPAL, amount),
            false => self.said(TAKEN, amount, on),
        };
        self.interest(OWN, part, self.demand_rate(on), (before.from, on))
    }

    /// What stays keeps its rate and its first day.
    fn stays(&self, before: &TermDeposit, rest: Amount) -> Result<Option<Derivation>, Unexplained> {
        if rest.is_zero() {
            return Ok(None);
        }
        let on = before.through;
        let principal = self.booked_as(PRINCIPAL, before.principal);
        let taken = self.said(TAKEN, before.principal - rest, on);
        let rest = Derivation::of(STAYS, Rule::Difference, vec![principal, taken])?;
        self.interest(OTHER, rest, self.rate(before, on), (before.from, on)).map(Some)
    }

    /// What of the interest that waits goes with what is taken out: in a tenor all of it with the
    /// last of the principal, after maturity each part's share.
    fn share(
        &self,
        before: &TermDeposit,
        amount: Amount,
    ) -> Result<Option<Derivation>, Unexplained> {
        let waited = self.booked_as(WAITING, before.due);
        if before.due.is_zero() || amount == before.principal {
            return Ok(Some(waited));
        }
        if before.stage == Stage::Running {
            return Ok(None);
        }
        let taken = self.said(TAKEN, amount, before.through);
        let times = Derivation::of(PRODUCT, Rule::Product, vec![waited, taken])?;
        let whole = self.booked_as(PRINCIPAL, before.principal);
        let exact = Derivation::of(EXACT_SHARE, Rule::Quotient, vec![times, whole])?;
        Derivation::of(SHARE, Rule::Rounded { rounding: Rounding::Down }, vec![exact]).map(Some)
    }

    fn interest(
        &self,
        name: Name,
        principal: Derivation,
        rate: Derivation,
        (from, to): (Date, Date),
    ) -> Explained {
        let years = self.years(from, to)?.under(Some(self.clause("terms.counting")));
        let exact = Derivation::of(EXACT, Rule::Product, vec![principal, rate, years])?;
        let rounding = self.terms.product.terms().rounding;
        rounded(name, exact, rounding, self.clause("terms.rounding"))
    }

    fn years(&self, from: Date, to: Date) -> Explained {
        let calendar = money::DayCount::Act360;
        if self.terms.product.terms().counting == Counting::ActualDays {
            let rule = Rule::PartOfYear { day_count: calendar };
            return Derivation::of(YEARS, rule, dates(from, to));
        }
        let none = || Unexplained::NotTold("date");
        let (months, reached) = whole_months(from, to).ok_or_else(none)?;
        let mut days = Vec::new();
        if let Some(period) = Period::new(months, Unit::Month) {
            let months = Derivation::given(MONTHS, Value::Period(period));
            days.push(Derivation::of(MONTHS_DAYS, Rule::DaysOfPeriod, vec![months])?);
        }
        if reached < to || days.is_empty() {
            let rule = Rule::Days { day_count: calendar };
            days.push(Derivation::of(ODD_DAYS, rule, dates(reached, to))?);
        }
        let days = match days.len() {
            1 => days.remove(0),
            _ => Derivation::of(super::DAYS, Rule::Sum, days)?,
        };
        Derivation::of(YEARS, Rule::ShareOfPeriod, vec![days])
    }

    /// What the principal earns on a day: in a tenor the contract's rate, then the demand rate.
    fn rate(&self, before: &TermDeposit, on: Date) -> Derivation {
        if before.stage != Stage::Running {
            return self.demand_rate(on);
        }
        let product = self.agreed.definition();
        let mut tenors = self.agreed.terms().tenors.iter().enumerate();
        let tenor = tenors.find(|(_, it)| it.tenor == before.tenor);
        let posted = tenor.map(|(place, it)| {
            let path = format!("terms.tenors.{place}.rate");
            let own = (product, &it.rate);
            rate(RATE, &path, own, (product, Some(&it.rate)), before.from)
        });
        let agreed = Value::Rate(before.rate);
        let contract = || Derivation::given(RATE, agreed).under(Some(Clause::Contract));
        posted.filter(|it| it.value == agreed).unwrap_or_else(contract)
    }

    fn demand_rate(&self, on: Date) -> Derivation {
        let [own, posted] = [self.terms.product, self.terms.posted]
            .map(|it| (it.definition(), &it.terms().demand_rate));
        rate(DEMAND_RATE, "terms.demand_rate", own, (posted.0, Some(posted.1)), on)
    }

    fn said(&self, name: Name, amount: Amount, on: Date) -> Derivation {
        let clause = Clause::Fact { number: self.number, what: "withdrawal".to_owned(), on };
        self.given(name, amount).under(Some(clause))
    }

    fn given(&self, name: Name, amount: Amount) -> Derivation {
        Derivation::given(name, self.money(amount))
    }

    fn booked_as(&self, name: Name, amount: Amount) -> Derivation {
        Derivation::leaf(name, Rule::Booked, self.money(amount))
    }

    fn money(&self, amount: Amount) -> Value {
        Value::Amount(Money::new(amount, self.after.currency))
    }

    fn clause(&self, path: &str) -> Clause {
        Clause::product(self.terms.product.definition(), path, None)
    }
}
