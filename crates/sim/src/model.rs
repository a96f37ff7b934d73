//! The slow book-keeper: double entry written a second time, from the documentation alone.
//!
//! It shares no rule with `ledger`, only the words of the question: orders come in as
//! [`Transfer`], refusals go out as the frozen numbers of `docs/reference/ledger-rejects.md`. Sums
//! are `i128`, so nothing here can overflow; of all reasons against an order the one with the
//! smallest number is the answer, since refusals are numbered in the order of checking.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    AccountId, AccountState, Balancing, Direction, Kind, LaneId, Side, Transfer, TransferId, Window,
};
use money::Amount;
use stdx::{Date, Timestamp};

/// The number of a refusal.
pub(crate) type Number = u16;

/// What comes of an order that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Now,
    Before,
}

pub(crate) type Verdict = Result<Done, Number>;

/// When something is asked: the wall clock and the business date.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) now: Timestamp,
    pub(crate) today: Date,
}

/// The books of one institution.
#[derive(Clone, Default)]
pub(crate) struct Books {
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    pub(crate) transfers: BTreeMap<TransferId, Entry>,
    pub(crate) closed_through: Option<Date>,
}

/// What an account is, which never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) code: String,
    pub(crate) currency: String,
    pub(crate) side: Side,
    pub(crate) lane: LaneId,
}

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) place: Place,
    pub(crate) state: AccountState,
    pub(crate) limits: Limits,
    /// Debits and credits.
    pub(crate) sums: [Sums; 2],
    /// Posted by value date, debits and credits.
    pub(crate) days: BTreeMap<Date, [i128; 2]>,
    /// Oldest first.
    pub(crate) history: Vec<TransferId>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) posted: i128,
    pub(crate) held: i128,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) overdraft: Option<i128>,
    pub(crate) balance_max: Option<i128>,
    pub(crate) caps: Vec<Cap>,
}

#[derive(Clone, Debug)]
pub(crate) struct Cap {
    pub(crate) direction: Direction,
    pub(crate) window: Window,
    pub(crate) max: i128,
    /// The first day of the window that was used last, and how much of it is used.
    pub(crate) used: Option<(Date, i128)>,
}

/// A transfer that happened.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// With the accounts and the amount it came to.
    pub(crate) order: Transfer,
    pub(crate) at: At,
    /// The business date in whose caps it counts.
    pub(crate) counted_on: Date,
    /// The transfer that resolved or reversed it.
    pub(crate) fate: Option<TransferId>,
    /// The newest transfers of debit and credit account before it.
    pub(crate) previous: [Option<TransferId>; 2],
}

fn index(side: Side) -> usize {
    match side {
        Side::Debit => 0,
        Side::Credit => 1,
    }
}

fn other(side: Side) -> Side {
    if side == Side::Debit { Side::Credit } else { Side::Debit }
}

fn minor(amount: Amount) -> i128 {
    amount.minor().into()
}

/// An amount the model has found to be within what was ordered.
fn amount(minor: i128) -> Amount {
    Amount::from_minor(i64::try_from(minor).unwrap_or(i64::MAX))
}

impl Limits {
    /// As a caller asks for them; `None` when they make no sense.
    pub(crate) fn of(asked: Option<&ledger::Limits>) -> Option<Self> {
        let Some(asked) = asked else { return Some(Self::default()) };
        let overdraft = asked.overdraft.map(minor);
        let balance_max = asked.balance_max.map(minor);
        let caps = asked.caps.iter().map(|it| Cap {
            direction: it.direction,
            window: it.window,
            max: minor(it.max),
            used: None,
        });
        let limits = Self { overdraft, balance_max, caps: caps.collect() };
        let negative = |it: Option<i128>| it.is_some_and(|it| it < 0);
        let bad = negative(limits.overdraft)
            || negative(limits.balance_max)
            || limits.caps.iter().any(|it| it.max < 0)
            || limits
                .caps
                .iter()
                .enumerate()
                .any(|(place, cap)| limits.caps[..place].iter().any(|it| it.counts_what(cap)));
        (!bad).then_some(limits)
    }

    /// The same limits, whatever was used of them.
    pub(crate) fn same(&self, than: &Self) -> bool {
        let caps = |it: &Self| {
            it.caps.iter().map(|it| (it.direction, it.window, it.max)).collect::<Vec<_>>()
        };
        (self.overdraft, self.balance_max) == (than.overdraft, than.balance_max)
            && caps(self) == caps(than)
    }
}

impl Cap {
    fn counts_what(&self, other: &Self) -> bool {
        (self.direction, self.window) == (other.direction, other.window)
    }

    fn first_day(&self, date: Date) -> Date {
        match self.window {
            Window::Day => date,
            Window::Month => date.first_of_month(),
            Window::Year => date.first_of_year(),
            Window::Lifetime => Date::MIN,
        }
    }

    pub(crate) fn used_on(&self, today: Date) -> i128 {
        let current = self.used.filter(|(from, _)| *from == self.first_day(today));
        current.map_or(0, |(_, used)| used)
    }
}

impl Account {
    fn sum(&self, side: Side) -> Sums {
        self.sums[index(side)]
    }

    /// What stands on a side and is not held.
    pub(crate) fn free(&self, side: Side) -> i128 {
        let against = self.sum(other(side));
        self.sum(side).posted - against.posted - against.held
    }

    /// What stands on a side.
    pub(crate) fn balance(&self, side: Side) -> i128 {
        self.sum(side).posted - self.sum(other(side)).posted
    }

    fn towards(&self, side: Side) -> Direction {
        if side == self.place.side { Direction::In } else { Direction::Out }
    }

    /// What a balancing order finds when it moves the account on `side`.
    fn there_is(&self, side: Side) -> i128 {
        let line = if self.place.side == side { None } else { self.limits.overdraft };
        (self.free(other(side)) + line.unwrap_or(0)).max(0)
    }

    fn is_settled(&self) -> bool {
        self.balance(Side::Debit) == 0 && self.sums.iter().all(|it| it.held == 0)
    }
}

impl Books {
    /// Opens an account, or says which field differs from the one there is.
    pub(crate) fn open(
        &mut self,
        id: AccountId,
        place: Place,
        limits: Option<&ledger::Limits>,
    ) -> Verdict {
        if id.is_nil() {
            return Err(3);
        }
        if let Some(there) = self.accounts.get(&id) {
            let same_limits = Limits::of(limits).is_some_and(|it| it.same(&there.limits));
            let same = [
                (there.place.code == place.code, 70),
                (there.place.currency == place.currency, 71),
                (there.place.side == place.side, 72),
                (there.place.lane == place.lane, 73),
                (same_limits, 74),
            ];
            let differs = same.iter().find(|(same, _)| !same);
            return differs.map_or(Ok(Done::Before), |(_, number)| Err(*number));
        }
        let limits = Limits::of(limits).ok_or(75_u16)?;
        let account = Account {
            place,
            state: AccountState::Open,
            limits,
            sums: Default::default(),
            days: BTreeMap::new(),
            history: Vec::new(),
        };
        self.accounts.insert(id, account);
        Ok(Done::Now)
    }

    pub(crate) fn set_state(&mut self, id: AccountId, state: AccountState) -> Verdict {
        let account = self.accounts.get_mut(&id).ok_or(76_u16)?;
        if account.state == state {
            return Ok(Done::Before);
        }
        if account.state == AccountState::Closed {
            return Err(77);
        }
        if state == AccountState::Closed && !account.is_settled() {
            return Err(78);
        }
        account.state = state;
        Ok(Done::Now)
    }

    pub(crate) fn set_limits(&mut self, id: AccountId, limits: Option<&ledger::Limits>) -> Verdict {
        let mut limits = Limits::of(limits).ok_or(75_u16)?;
        let account = self.accounts.get_mut(&id).ok_or(76_u16)?;
        for cap in &mut limits.caps {
            let before = account.limits.caps.iter().find(|it| it.counts_what(cap));
            cap.used = before.and_then(|it| it.used);
        }
        account.limits = limits;
        Ok(Done::Now)
    }

    pub(crate) fn close_period(&mut self, through: Date, today: Date) -> Verdict {
        if self.closed_through.is_some_and(|it| through <= it) {
            return Err(79);
        }
        if through >= today {
            return Err(80);
        }
        self.closed_through = Some(through);
        Ok(Done::Now)
    }

    /// Books a batch, each chain for itself.
    pub(crate) fn book(&mut self, batch: &[Transfer], at: At) -> Vec<Verdict> {
        let chains = batch.split_inclusive(|it| !it.linked);
        chains.flat_map(|chain| self.book_chain(chain, at)).collect()
    }

    fn book_chain(&mut self, chain: &[Transfer], at: At) -> Vec<Verdict> {
        if let [single] = chain {
            if single.linked {
                return vec![Err(2)];
            }
            return vec![self.book_one(single, at)];
        }
        let before = self.clone();
        let mut verdicts: Vec<Verdict> = Vec::new();
        for (place, order) in chain.iter().enumerate() {
            let verdict = match verdicts.iter().any(Result::is_err) {
                _ if place + 1 == chain.len() && order.linked => Err(2),
                true => Err(1),
                false => self.book_one(order, at),
            };
            verdicts.push(verdict);
        }
        if verdicts.iter().any(Result::is_err) {
            *self = before;
            verdicts.iter_mut().filter(|it| it.is_ok()).for_each(|it| *it = Err(1));
        }
        verdicts
    }

    fn book_one(&mut self, order: &Transfer, at: At) -> Verdict {
        if order.id.is_nil() {
            return Err(3);
        }
        if let Some(before) = self.transfers.get(&order.id) {
            let differences = self.differences(before, order);
            return differences.first().map_or(Ok(Done::Before), |number| Err(*number));
        }
        if let Some(number) = self.objections(order, at).first() {
            return Err(*number);
        }
        self.enter(order, at);
        Ok(Done::Now)
    }

    fn about(&self, order: &Transfer) -> Option<&Entry> {
        self.transfers.get(&order.kind.about()?)
    }

    /// In what an order differs from the transfer that has its id.
    fn differences(&self, before: &Entry, order: &Transfer) -> BTreeSet<Number> {
        let there = &before.order;
        let kind = |it: &Kind| match it {
            Kind::Plain => 0,
            Kind::Hold { .. } => 1,
            Kind::Post(_) => 2,
            Kind::Void(_) => 3,
            Kind::Expire(_) => 4,
            Kind::Reversal(_) => 5,
        };
        let about = there.kind.about();
        let other =
            |there: AccountId, now: AccountId| there != now && !(about.is_some() && now.is_nil());
        let all = self.about(there).filter(|_| order.amount == Amount::MAX);
        let asked = all.map_or(order.amount, |it| it.order.amount);
        let less = there.balancing != Balancing::None && there.amount < asked;
        reasons(&[
            (kind(&there.kind) != kind(&order.kind), 10),
            (about != order.kind.about(), 11),
            (there.kind.expires() != order.kind.expires(), 12),
            (other(there.debit, order.debit), 13),
            (other(there.credit, order.credit), 14),
            (there.balancing != order.balancing, 15),
            (there.amount != asked && !less, 16),
            (there.value_date != order.value_date, 17),
            (there.reason != order.reason, 18),
        ])
    }

    /// All that speaks against a new order.
    fn objections(&self, order: &Transfer, at: At) -> BTreeSet<Number> {
        let about = order.kind.about();
        let mut numbers = reasons(&[
            (minor(order.amount) <= 0, 20),
            (order.value_date > at.today, 21),
            (self.closed_through.is_some_and(|it| order.value_date <= it), 22),
            (order.kind.expires().is_some_and(|it| it <= at.now), 23),
            (about.is_some() && order.balancing != Balancing::None, 24),
        ]);
        match (about, self.about(order)) {
            (Some(_), None) => {
                let reversal = matches!(order.kind, Kind::Reversal(_));
                numbers.insert(if reversal { 40 } else { 30 });
                return numbers;
            }
            (_, Some(earlier)) if matches!(order.kind, Kind::Reversal(_)) => {
                numbers.append(&mut against_reversal(order, earlier));
            }
            (_, Some(hold)) => numbers.append(&mut self.against_release(order, hold, at)),
            (None, None) => {}
        }
        numbers.append(&mut self.against_accounts(&self.completed(order), at));
        numbers
    }

    fn against_release(&self, order: &Transfer, hold: &Entry, at: At) -> BTreeSet<Number> {
        let held = &hold.order;
        let fate = hold.fate.map(|id| self.transfers[&id].order.kind);
        let over = held.kind.expires().is_some_and(|it| it <= at.now);
        let post = matches!(order.kind, Kind::Post(_));
        let expire = matches!(order.kind, Kind::Expire(_));
        let all = order.amount == Amount::MAX || order.amount == held.amount;
        let given = |it: AccountId, held: AccountId| !it.is_nil() && it != held;
        reasons(&[
            (!held.kind.is_hold(), 31),
            (given(order.debit, held.debit), 32),
            (given(order.credit, held.credit), 33),
            (post && !all && order.amount > held.amount, 34),
            (!post && !all, 35),
            (matches!(fate, Some(Kind::Post(_))), 36),
            (matches!(fate, Some(Kind::Void(_))), 37),
            (matches!(fate, Some(Kind::Expire(_))) || over && !expire, 38),
            (expire && !over, 39),
        ])
    }

    /// What the accounts have against an order that has its accounts and its amount.
    fn against_accounts(&self, order: &Transfer, at: At) -> BTreeSet<Number> {
        let (debit, credit) = (self.accounts.get(&order.debit), self.accounts.get(&order.credit));
        let mut numbers = reasons(&[
            (order.debit == order.credit, 50),
            (debit.is_none(), 51),
            (credit.is_none(), 52),
        ]);
        let (Some(debit), Some(credit)) = (debit, credit) else { return numbers };
        if debit.place.currency != credit.place.currency {
            numbers.insert(53);
        }
        if matches!(order.kind, Kind::Void(_) | Kind::Expire(_)) {
            return numbers;
        }
        for (account, side, [closed, frozen]) in
            [(debit, Side::Debit, [54, 55]), (credit, Side::Credit, [56, 57])]
        {
            let inward = account.towards(side) == Direction::In;
            numbers.append(&mut match account.state {
                AccountState::Open => BTreeSet::new(),
                AccountState::FrozenIn => reasons(&[(inward, frozen)]),
                AccountState::FrozenOut => reasons(&[(!inward, frozen)]),
                AccountState::Frozen => BTreeSet::from([frozen]),
                AccountState::Closed => BTreeSet::from([closed]),
            });
        }
        if matches!(order.kind, Kind::Post(_)) {
            return numbers;
        }
        let moved = minor(order.amount);
        let full = |sums: Sums| sums.posted + sums.held + moved > i128::from(i64::MAX);
        if full(debit.sum(Side::Debit)) || full(credit.sum(Side::Credit)) {
            numbers.insert(60);
        }
        if moved > 0 {
            let reversal = matches!(order.kind, Kind::Reversal(_));
            let ask = |it, side, codes| against_limits(it, side, moved, at, reversal, codes);
            numbers.append(&mut ask(debit, Side::Debit, [61, 62, 63]));
            numbers.append(&mut ask(credit, Side::Credit, [64, 65, 66]));
        }
        numbers
    }

    /// The order with the accounts and the amount that it comes to.
    fn completed(&self, order: &Transfer) -> Transfer {
        let mut done = order.clone();
        let Some(earlier) = self.about(order).map(|it| &it.order) else {
            let balanced = |side| {
                matches!(
                    (order.balancing, side),
                    (Balancing::Both, _)
                        | (Balancing::Debit, Side::Debit)
                        | (Balancing::Credit, Side::Credit)
                )
            };
            for (id, side) in [(order.debit, Side::Debit), (order.credit, Side::Credit)] {
                if let Some(account) = self.accounts.get(&id).filter(|_| balanced(side)) {
                    done.amount = amount(minor(done.amount).min(account.there_is(side)));
                }
            }
            return done;
        };
        (done.debit, done.credit) = match order.kind {
            Kind::Reversal(_) => (earlier.credit, earlier.debit),
            _ => (earlier.debit, earlier.credit),
        };
        if order.amount == Amount::MAX {
            done.amount = earlier.amount;
        }
        done
    }

    /// Books an order against which nothing speaks.
    fn enter(&mut self, order: &Transfer, at: At) {
        let order = self.completed(order);
        let earlier = self.about(&order).cloned();
        let held = earlier.as_ref().map_or(0, |it| minor(it.order.amount));
        let moved = minor(order.amount);
        let (posted, pending) = match order.kind {
            Kind::Plain | Kind::Reversal(_) => (moved, 0),
            Kind::Hold { .. } => (0, moved),
            Kind::Post(_) => (moved, -held),
            Kind::Void(_) | Kind::Expire(_) => (0, -held),
        };
        let given_back = match order.kind {
            Kind::Plain | Kind::Hold { .. } => 0,
            Kind::Post(_) => held - moved,
            Kind::Void(_) | Kind::Expire(_) | Kind::Reversal(_) => held,
        };
        let counted_on = earlier.as_ref().map_or(at.today, |it| it.counted_on);
        let reversal = matches!(order.kind, Kind::Reversal(_));
        let mut previous = [None, None];
        for (id, side) in [(order.debit, Side::Debit), (order.credit, Side::Credit)] {
            let account = self.accounts.get_mut(&id).expect("nothing speaks against the order");
            let sums = &mut account.sums[index(side)];
            sums.posted += posted;
            sums.held += pending;
            if posted > 0 {
                account.days.entry(order.value_date).or_default()[index(side)] += posted;
            }
            // A reversal goes the other way than the transfer that was counted.
            let counted = account.towards(if reversal { other(side) } else { side });
            for cap in account.limits.caps.iter_mut().filter(|it| it.direction == counted) {
                let window = cap.first_day(counted_on);
                match (&earlier, cap.used) {
                    (None, _) => cap.used = Some((window, cap.used_on(at.today) + moved)),
                    (Some(_), Some((from, used))) if from == window => {
                        cap.used = Some((from, (used - given_back).max(0)));
                    }
                    (Some(_), _) => {}
                }
            }
            previous[index(side)] = account.history.last().copied();
            account.history.push(order.id);
        }
        if let Some(earlier) = order.kind.about().and_then(|id| self.transfers.get_mut(&id)) {
            earlier.fate = Some(order.id);
        }
        self.transfers.insert(order.id, Entry { order, at, counted_on, fate: None, previous });
    }
}

fn against_reversal(order: &Transfer, earlier: &Entry) -> BTreeSet<Number> {
    let it = &earlier.order;
    let given = |it: AccountId, other: AccountId| !it.is_nil() && it != other;
    let part = order.amount != Amount::MAX && order.amount != it.amount;
    reasons(&[
        (!matches!(it.kind, Kind::Plain | Kind::Post(_)), 41),
        (part || given(order.debit, it.credit) || given(order.credit, it.debit), 42),
        (earlier.fate.is_some(), 43),
    ])
}

fn against_limits(
    account: &Account,
    side: Side,
    moved: i128,
    at: At,
    reversal: bool,
    [overdraft, balance_max, cap]: [Number; 3],
) -> BTreeSet<Number> {
    let (own, limits, towards) = (account.place.side, &account.limits, account.towards(side));
    let grows = towards == Direction::In;
    let low = account.free(own) - moved;
    let high = account.balance(own) + account.sum(own).held + moved;
    let mut caps = limits.caps.iter().filter(|it| it.direction == towards);
    reasons(&[
        (!grows && limits.overdraft.is_some_and(|line| low + line < 0), overdraft),
        (grows && limits.balance_max.is_some_and(|max| high > max), balance_max),
        (!reversal && caps.any(|it| it.used_on(at.today) + moved > it.max), cap),
    ])
}

fn reasons(checks: &[(bool, Number)]) -> BTreeSet<Number> {
    checks.iter().filter(|it| it.0).map(|it| it.1).collect()
}
