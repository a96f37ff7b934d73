//! The rules.

#[allow(clippy::disallowed_types, reason = "looked up on the hot path, never iterated")]
use std::collections::HashMap;

use foldhash::fast::RandomState;
use money::Amount;
use stdx::{Date, Timestamp};

use crate::{
    Account, AccountId, AccountState, Balances, Balancing, Direction, Kind, LaneId, Limits, Posted,
    Reject, Resolution, Side, Transfer, TransferId, ValueDay,
    accounts::{Accounts, Held},
    movement::{Movement, Pending, Usage, direction},
    transfers::Transfers,
};

/// When something is booked. Business dates do not run backwards: a later batch has the same date
/// or a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock.
    pub now: Timestamp,
    /// The institution's business date.
    pub today: Date,
}

/// The books of one institution, as far as they are loaded.
///
/// Before a batch, the caller loads every earlier transfer it repeats or is about, and every
/// account that it or one of those names; what is not here does not exist. Each change can be
/// undone back to a [`Mark`] until [`Ledger::settle`].
#[derive(Default)]
#[allow(clippy::disallowed_types, reason = "looked up on the hot path, never iterated")]
pub struct Ledger {
    accounts: Accounts,
    transfers: Transfers,
    resolutions: HashMap<TransferId, Resolution, RandomState>,
    closed_through: Option<Date>,
    /// Of value dates that are not the newest of their account.
    older_days: Vec<(AccountId, ValueDay)>,
    undo: Vec<Undo>,
}

/// A point to go back to; void after [`Ledger::settle`] or a rollback to an earlier one.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

/// Where the debit and the credit account are held.
type Sides = [u32; 2];

/// How to take back one change.
enum Undo {
    Opened(AccountId),
    Account(Account),
    OlderDay,
    Transfer(TransferId),
    Resolution(TransferId),
    ClosedThrough(Option<Date>),
}

/// The answer to a transfer that is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It happened now.
    Created(Posted),
    /// The same transfer happened before; nothing changed.
    Exists(Posted),
}

impl Applied {
    /// The transfer as it was booked.
    pub fn posted(&self) -> &Posted {
        match self {
            Self::Created(posted) | Self::Exists(posted) => posted,
        }
    }
}

impl Ledger {
    /// Brings in an account as it was stored.
    pub fn load_account(&mut self, account: Account) {
        self.accounts.insert(account);
    }

    /// Brings in an earlier transfer and what became of it.
    pub fn load_transfer(&mut self, posted: Posted, resolution: Option<Resolution>) {
        if let Some(resolution) = resolution {
            self.resolutions.insert(posted.transfer.id, resolution);
        }
        self.transfers.insert(posted);
    }

    /// Brings in the day through which the books are closed.
    pub fn load_closed_through(&mut self, day: Option<Date>) {
        self.closed_through = day;
    }

    /// An account, if it is loaded.
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(id)
    }

    /// Where a loaded account is held: a number that stays until [`Ledger::forget`].
    pub fn index_of(&self, id: AccountId) -> Option<u32> {
        self.accounts.index_of(id)
    }

    /// The account held there.
    ///
    /// # Panics
    /// When there is none.
    pub fn account_at(&self, index: u32) -> &Account {
        self.accounts.at(index)
    }

    /// A transfer, if it is loaded.
    pub fn transfer(&self, id: TransferId) -> Option<&Posted> {
        self.transfers.get(id)
    }

    /// What became of a transfer, if it is loaded.
    pub fn resolution(&self, id: TransferId) -> Option<Resolution> {
        self.resolutions.get(&id).copied()
    }

    /// The day through which the books are closed.
    pub fn closed_through(&self) -> Option<Date> {
        self.closed_through
    }

    /// A point to go back to.
    pub fn mark(&self) -> Mark {
        Mark(self.undo.len())
    }

    /// Takes back everything since the mark.
    pub fn rollback(&mut self, mark: Mark) {
        while self.undo.len() > mark.0 {
            match self.undo.pop().expect("longer than the mark") {
                Undo::Opened(id) => self.accounts.remove(id),
                Undo::Account(before) => self.accounts.insert(before),
                Undo::OlderDay => {
                    self.older_days.pop();
                }
                Undo::Transfer(id) => {
                    self.transfers.remove(id);
                }
                Undo::Resolution(id) => {
                    self.resolutions.remove(&id);
                }
                Undo::ClosedThrough(before) => self.closed_through = before,
            }
        }
    }

    /// The accounts changed since the mark, each as often as it was changed: lane and slot.
    ///
    /// # Panics
    /// When the mark is void.
    pub fn changed_since(&self, mark: Mark) -> impl Iterator<Item = (LaneId, u32)> {
        self.undo[mark.0..].iter().filter_map(|undo| match undo {
            Undo::Opened(id) => self.accounts.get(*id).map(|it| (it.lane, it.slot)),
            Undo::Account(before) => Some((before.lane, before.slot)),
            Undo::OlderDay | Undo::Transfer(_) | Undo::Resolution(_) | Undo::ClosedThrough(_) => {
                None
            }
        })
    }

    /// What was posted since the last settlement with a value date that is not, or no longer, the
    /// newest of its account: to be added to what is known of that date.
    pub fn older_days(&self) -> &[(AccountId, ValueDay)] {
        &self.older_days
    }

    /// Makes what was done final: it is no longer undone, and transfers are forgotten, since the
    /// next batch loads those it needs. Accounts stay.
    pub fn settle(&mut self) {
        self.undo.clear();
        self.older_days.clear();
        self.transfers.clear();
        self.resolutions.clear();
    }

    /// Forgets the accounts too, so that the next batch loads them anew.
    pub fn forget(&mut self) {
        self.settle();
        self.accounts.clear();
    }

    /// How many accounts are loaded.
    pub fn accounts_loaded(&self) -> usize {
        self.accounts.len()
    }

    /// Opens an account: with its name, place and limits as given, everything else fresh. Opening
    /// the same again changes nothing.
    ///
    /// # Errors
    /// [`Reject::IdMustNotBeNil`], the first field in which an account with this id differs, or
    /// [`Reject::LimitsMalformed`].
    pub fn open(&mut self, account: Account) -> Result<(), Reject> {
        if account.id.is_nil() {
            return Err(Reject::IdMustNotBeNil);
        }
        if let Some(existing) = self.accounts.get(account.id) {
            return same_account(existing, &account);
        }
        check_limits(account.limits.as_deref())?;
        let fresh = Account {
            state: AccountState::Open,
            balances: Balances::default(),
            limits: account.limits.as_deref().map(unused).map(Box::new),
            last: None,
            newest: ValueDay::default(),
            ..account
        };
        self.undo.push(Undo::Opened(fresh.id));
        self.accounts.insert(fresh);
        Ok(())
    }

    /// Freezes, thaws or closes an account.
    ///
    /// # Errors
    /// [`Reject::AccountNotFound`], [`Reject::AccountAlreadyClosed`],
    /// [`Reject::AccountNotSettled`].
    pub fn set_state(&mut self, id: AccountId, state: AccountState) -> Result<(), Reject> {
        let account = self.accounts.find(id).ok_or(Reject::AccountNotFound)?;
        let at = account.at;
        if account.state == state {
            return Ok(());
        }
        if account.state == AccountState::Closed {
            return Err(Reject::AccountAlreadyClosed);
        }
        if state == AccountState::Closed && !account.balances.is_settled() {
            return Err(Reject::AccountNotSettled);
        }
        self.change(at).state = state;
        Ok(())
    }

    /// Gives an account other limits. What has been used of a cap that stays is kept; a new cap
    /// counts from now on.
    ///
    /// # Errors
    /// [`Reject::AccountNotFound`], [`Reject::LimitsMalformed`].
    pub fn set_limits(&mut self, id: AccountId, limits: Option<Limits>) -> Result<(), Reject> {
        check_limits(limits.as_ref())?;
        let account = self.accounts.find(id).ok_or(Reject::AccountNotFound)?;
        let at = account.at;
        let before = account.limits.as_deref().map_or(&[][..], |it| &it.caps);
        let mut limits = limits.as_ref().map(unused).map(Box::new);
        for cap in limits.iter_mut().flat_map(|it| &mut it.caps) {
            let same = before.iter().find(|it| it.counts_what(cap));
            cap.usage = same.map_or(cap.usage, |it| it.usage);
        }
        self.change(at).limits = limits;
        Ok(())
    }

    /// Closes the books through a day: no transfer with such a value date from now on.
    ///
    /// # Errors
    /// [`Reject::PeriodAlreadyClosed`], [`Reject::PeriodNotOver`] for today or later.
    pub fn close_period(&mut self, through: Date, at: Moment) -> Result<(), Reject> {
        if self.closed_through.is_some_and(|day| through <= day) {
            return Err(Reject::PeriodAlreadyClosed);
        }
        if through >= at.today {
            return Err(Reject::PeriodNotOver);
        }
        self.undo.push(Undo::ClosedThrough(self.closed_through));
        self.closed_through = Some(through);
        Ok(())
    }

    /// Applies a batch, one answer each. A chain of linked transfers happens whole or not at all;
    /// one chain's refusal leaves the others alone. In a refused chain the culprit has the reason,
    /// the others [`Reject::LinkedTransferFailed`]; the last one of a chain that the batch leaves
    /// open has [`Reject::ChainNotClosed`] in any case. A transfer that happened before does not
    /// break a chain, so a chain can be resubmitted.
    pub fn apply(&mut self, batch: &[Transfer], at: Moment) -> Vec<Result<Applied, Reject>> {
        let mut answers = Vec::with_capacity(batch.len());
        let mut rest = batch;
        while !rest.is_empty() {
            let linked = rest.iter().take_while(|it| it.linked).count();
            let (chain, after) = rest.split_at(rest.len().min(linked.saturating_add(1)));
            self.apply_chain(chain, at, &mut answers);
            rest = after;
        }
        answers
    }

    fn apply_chain(
        &mut self,
        chain: &[Transfer],
        at: Moment,
        answers: &mut Vec<Result<Applied, Reject>>,
    ) {
        let mark = self.mark();
        let start = answers.len();
        let (closed, open) = match chain.split_last() {
            Some((last, before)) if last.linked => (before, Some(Err(Reject::ChainNotClosed))),
            Some(_) | None => (chain, None),
        };
        let culprit = closed.iter().enumerate().find_map(|(index, transfer)| {
            let applied = self.apply_one(transfer, at).map_err(|reject| (index, reject));
            applied.map(|applied| answers.push(Ok(applied))).err()
        });
        if culprit.is_some() || open.is_some() {
            self.rollback(mark);
            answers.truncate(start);
            answers.extend((0..closed.len()).map(|index| match culprit {
                Some((at_fault, reject)) if at_fault == index => Err(reject),
                Some(_) | None => Err(Reject::LinkedTransferFailed),
            }));
            answers.extend(open);
        }
    }

    /// Applies one transfer, or says why not.
    fn apply_one(&mut self, transfer: &Transfer, at: Moment) -> Result<Applied, Reject> {
        if transfer.id.is_nil() {
            return Err(Reject::IdMustNotBeNil);
        }
        if let Some(existing) = self.transfers.get(transfer.id) {
            let subject = transfer.kind.about().and_then(|id| self.transfers.get(id));
            let whole = subject.map(|it| it.transfer.amount);
            same_transfer(&existing.transfer, transfer, whole)?;
            return Ok(Applied::Exists(existing.clone()));
        }
        self.check_transfer(transfer, at)?;
        let (movement, sides) = match transfer.kind {
            Kind::Plain | Kind::Hold { .. } => self.check_movement(transfer, at)?,
            Kind::Post(hold) => self.check_post(transfer, hold, at)?,
            Kind::Void(hold) | Kind::Expire(hold) => self.check_release(transfer, hold, at)?,
            Kind::Reversal(of) => self.check_reversal(transfer, of)?,
        };
        // From here on the transfer must succeed.
        Ok(Applied::Created(self.execute(transfer, &movement, sides, at)))
    }

    fn check_transfer(&self, transfer: &Transfer, at: Moment) -> Result<(), Reject> {
        if !transfer.amount.is_positive() {
            return Err(Reject::AmountMustBePositive);
        }
        if transfer.value_date > at.today {
            return Err(Reject::ValueDateInFuture);
        }
        if self.closed_through.is_some_and(|day| transfer.value_date <= day) {
            return Err(Reject::PeriodClosed);
        }
        if transfer.kind.expires().is_some_and(|moment| moment <= at.now) {
            return Err(Reject::ExpiryMustBeInFuture);
        }
        if transfer.balancing != Balancing::None && transfer.kind.about().is_some() {
            return Err(Reject::BalancingNotAllowed);
        }
        Ok(())
    }

    /// A plain transfer or a new hold.
    fn check_movement(&self, transfer: &Transfer, at: Moment) -> Result<(Movement, Sides), Reject> {
        let (debit, credit) = self.check_accounts(transfer.debit, transfer.credit)?;
        let amount = balanced(transfer, &debit, &credit);
        check_sums(&debit, &credit, amount)?;
        for (account, side) in [(&debit, Side::Debit), (&credit, Side::Credit)] {
            check_bounds(account, side, amount)?;
            check_caps(account, side, amount, at)?;
        }
        let (pending, posted) = match transfer.kind.is_hold() {
            true => (Pending::Reserve(amount), Amount::ZERO),
            false => (Pending::Unchanged, amount),
        };
        let usage = Usage::Take { amount, on: at.today };
        Ok((Movement { pending, posted, usage }, [debit.at, credit.at]))
    }

    /// The limits are not asked again: the hold has met them, so that it can always be posted.
    fn check_post(
        &self,
        transfer: &Transfer,
        hold: TransferId,
        at: Moment,
    ) -> Result<(Movement, Sides), Reject> {
        let held = self.check_hold(transfer, hold)?;
        let all = held.transfer.amount;
        let amount = if transfer.amount == Amount::MAX { all } else { transfer.amount };
        if amount > all {
            return Err(Reject::ExceedsHold);
        }
        self.check_unresolved(hold)?;
        if is_over(held, at.now) {
            return Err(Reject::HoldAlreadyExpired);
        }
        let (debit, credit) = self.check_accounts(held.transfer.debit, held.transfer.credit)?;
        let usage =
            Usage::GiveBack { amount: all - amount, taken_on: held.counted_on, swapped: false };
        let pending = Pending::Release(all);
        Ok((Movement { pending, posted: amount, usage }, [debit.at, credit.at]))
    }

    /// A void or an expiry. Frozen and closed accounts let go of their holds.
    fn check_release(
        &self,
        transfer: &Transfer,
        hold: TransferId,
        at: Moment,
    ) -> Result<(Movement, Sides), Reject> {
        let held = self.check_hold(transfer, hold)?;
        let all = held.transfer.amount;
        if transfer.amount != Amount::MAX && transfer.amount != all {
            return Err(Reject::VoidMustBeWhole);
        }
        self.check_unresolved(hold)?;
        let expiring = matches!(transfer.kind, Kind::Expire(_));
        match (expiring, is_over(held, at.now)) {
            (true, false) => return Err(Reject::HoldNotExpired),
            (false, true) => return Err(Reject::HoldAlreadyExpired),
            (true, true) | (false, false) => {}
        }
        let (debit, credit) = self.find_accounts(held.transfer.debit, held.transfer.credit)?;
        let usage = Usage::GiveBack { amount: all, taken_on: held.counted_on, swapped: false };
        let pending = Pending::Release(all);
        Ok((Movement { pending, posted: Amount::ZERO, usage }, [debit.at, credit.at]))
    }

    fn check_hold(&self, transfer: &Transfer, hold: TransferId) -> Result<&Posted, Reject> {
        let held = self.transfers.get(hold).ok_or(Reject::HoldNotFound)?;
        if !held.transfer.kind.is_hold() {
            return Err(Reject::NotAHold);
        }
        let differs = |given: AccountId, held: AccountId| !given.is_nil() && given != held;
        if differs(transfer.debit, held.transfer.debit) {
            return Err(Reject::HoldHasOtherDebitAccount);
        }
        if differs(transfer.credit, held.transfer.credit) {
            return Err(Reject::HoldHasOtherCreditAccount);
        }
        Ok(held)
    }

    fn check_unresolved(&self, hold: TransferId) -> Result<(), Reject> {
        match self.resolutions.get(&hold) {
            None => Ok(()),
            Some(Resolution::Posted(_)) => Err(Reject::HoldAlreadyPosted),
            Some(Resolution::Voided(_)) => Err(Reject::HoldAlreadyVoided),
            Some(Resolution::Expired(_)) => Err(Reject::HoldAlreadyExpired),
            Some(Resolution::Reversed(_)) => Err(Reject::AlreadyReversed),
        }
    }

    fn check_reversal(
        &self,
        transfer: &Transfer,
        of: TransferId,
    ) -> Result<(Movement, Sides), Reject> {
        let original = self.transfers.get(of).ok_or(Reject::ReversedTransferNotFound)?;
        if !matches!(original.transfer.kind, Kind::Plain | Kind::Post(_)) {
            return Err(Reject::NotReversible);
        }
        let amount = original.transfer.amount;
        let differs = |given: AccountId, swapped: AccountId| !given.is_nil() && given != swapped;
        if (transfer.amount != Amount::MAX && transfer.amount != amount)
            || differs(transfer.debit, original.transfer.credit)
            || differs(transfer.credit, original.transfer.debit)
        {
            return Err(Reject::ReversalMustBeWhole);
        }
        if self.resolutions.contains_key(&of) {
            return Err(Reject::AlreadyReversed);
        }
        let (debit, credit) =
            self.check_accounts(original.transfer.credit, original.transfer.debit)?;
        check_sums(&debit, &credit, amount)?;
        check_bounds(&debit, Side::Debit, amount)?;
        check_bounds(&credit, Side::Credit, amount)?;
        let usage = Usage::GiveBack { amount, taken_on: original.counted_on, swapped: true };
        let pending = Pending::Unchanged;
        Ok((Movement { pending, posted: amount, usage }, [debit.at, credit.at]))
    }

    /// Both accounts, able to take the entry.
    fn check_accounts(
        &self,
        debit: AccountId,
        credit: AccountId,
    ) -> Result<(Held<'_>, Held<'_>), Reject> {
        let (debit, credit) = self.find_accounts(debit, credit)?;
        check_state(&debit, Side::Debit)?;
        check_state(&credit, Side::Credit)?;
        Ok((debit, credit))
    }

    /// Both accounts, in whatever state.
    fn find_accounts(
        &self,
        debit: AccountId,
        credit: AccountId,
    ) -> Result<(Held<'_>, Held<'_>), Reject> {
        if debit == credit {
            return Err(Reject::AccountsMustDiffer);
        }
        let debit = self.accounts.find(debit).ok_or(Reject::DebitAccountNotFound)?;
        let credit = self.accounts.find(credit).ok_or(Reject::CreditAccountNotFound)?;
        if debit.currency != credit.currency {
            return Err(Reject::AccountsMustShareCurrency);
        }
        Ok((debit, credit))
    }

    /// Does what has been checked.
    fn execute(
        &mut self,
        transfer: &Transfer,
        movement: &Movement,
        [debit, credit]: Sides,
        at: Moment,
    ) -> Posted {
        let (debit, debit_previous) = self.enter(movement, debit, Side::Debit, transfer);
        let (credit, credit_previous) = self.enter(movement, credit, Side::Credit, transfer);
        let posted = Posted {
            transfer: Transfer { debit, credit, amount: movement.amount(), ..transfer.clone() },
            booked_at: at.now,
            booked_on: at.today,
            counted_on: movement.counted_on(),
            debit_previous,
            credit_previous,
        };
        if let Some((about, resolution)) = transfer.resolves() {
            self.undo.push(Undo::Resolution(about));
            self.resolutions.insert(about, resolution);
        }
        self.undo.push(Undo::Transfer(transfer.id));
        self.transfers.insert(posted.clone());
        posted
    }

    /// Enters one side; answers the account, and the transfer before this one on it.
    fn enter(
        &mut self,
        movement: &Movement,
        at: u32,
        side: Side,
        transfer: &Transfer,
    ) -> (AccountId, Option<TransferId>) {
        let account = self.change(at);
        let (id, previous) = (account.id, account.last);
        let older = movement.enter(account, side, transfer.id, transfer.value_date);
        if let Some(older) = older {
            self.older_days.push((id, older));
            self.undo.push(Undo::OlderDay);
        }
        (id, previous)
    }

    /// Enters one side of a transfer that happened on an account that was loaded as it was before
    /// it; it is not undone. `held` is the amount of the hold that the transfer resolves. Answers
    /// what was posted with a value date that is not, or no longer, the newest of the account.
    ///
    /// # Panics
    /// When no account is held at `at`.
    pub fn replay(
        &mut self,
        posted: &Posted,
        side: Side,
        at: u32,
        held: Option<Amount>,
    ) -> Option<(AccountId, ValueDay)> {
        let movement = Movement::of(posted, held.unwrap_or(Amount::ZERO));
        let account = self.accounts.at_mut(at);
        let (transfer, value_date) = (posted.transfer.id, posted.transfer.value_date);
        movement.enter(account, side, transfer, value_date).map(|older| (account.id, older))
    }

    /// The account held there, to be changed; how it was is kept.
    fn change(&mut self, at: u32) -> &mut Account {
        let account = self.accounts.at_mut(at);
        self.undo.push(Undo::Account(account.clone()));
        account
    }
}

/// Whether the time of a hold is over.
fn is_over(hold: &Posted, now: Timestamp) -> bool {
    hold.transfer.kind.expires().is_some_and(|moment| moment <= now)
}

/// What moves: the amount, or the smaller of it and what the balanced accounts have.
fn balanced(transfer: &Transfer, debit: &Account, credit: &Account) -> Amount {
    let has = |account: &Account, own: Side| {
        let overdraft = account.limits.as_ref().and_then(|limits| limits.overdraft);
        // What stands on the other side is what can be moved on this one.
        let line = overdraft.filter(|_| account.side == own).unwrap_or(Amount::ZERO);
        let has = account.balances.available(own).checked_add(line).unwrap_or(Amount::MAX);
        has.max(Amount::ZERO)
    };
    let of_debit = || has(debit, Side::Credit);
    let of_credit = || has(credit, Side::Debit);
    match transfer.balancing {
        Balancing::None => transfer.amount,
        Balancing::Debit => transfer.amount.min(of_debit()),
        Balancing::Credit => transfer.amount.min(of_credit()),
        Balancing::Both => transfer.amount.min(of_debit()).min(of_credit()),
    }
}

fn check_state(account: &Account, side: Side) -> Result<(), Reject> {
    let allowed = match direction(account.side, side) {
        Direction::In => account.state.takes_in(),
        Direction::Out => account.state.gives_out(),
    };
    match (side, account.state) {
        _ if allowed => Ok(()),
        (Side::Debit, AccountState::Closed) => Err(Reject::DebitAccountClosed),
        (Side::Debit, _) => Err(Reject::DebitAccountFrozen),
        (Side::Credit, AccountState::Closed) => Err(Reject::CreditAccountClosed),
        (Side::Credit, _) => Err(Reject::CreditAccountFrozen),
    }
}

/// Posted and pending together must fit, so that a hold can always be posted.
fn check_sums(debit: &Account, credit: &Account, amount: Amount) -> Result<(), Reject> {
    let fits = |posted: Amount, pending: Amount| {
        posted.checked_add(pending).and_then(|sum| sum.checked_add(amount)).is_some()
    };
    let debits = fits(debit.balances.debits_posted, debit.balances.debits_pending);
    let credits = fits(credit.balances.credits_posted, credit.balances.credits_pending);
    if debits && credits { Ok(()) } else { Err(Reject::BalanceOverflow) }
}

/// How low and how high the balance may go, which a reversal must keep too. What moves nothing
/// passes, also where limits set later are exceeded already.
fn check_bounds(account: &Account, side: Side, amount: Amount) -> Result<(), Reject> {
    let Some(limits) = account.limits.as_deref().filter(|_| !amount.is_zero()) else {
        return Ok(());
    };
    match (direction(account.side, side), side) {
        (Direction::Out, _) if !falls_below(account, amount, limits.overdraft) => Ok(()),
        (Direction::Out, Side::Debit) => Err(Reject::DebitAccountExceedsOverdraft),
        (Direction::Out, Side::Credit) => Err(Reject::CreditAccountExceedsOverdraft),
        (Direction::In, _) if !rises_above(account, amount, limits.balance_max) => Ok(()),
        (Direction::In, Side::Debit) => Err(Reject::DebitAccountExceedsBalanceMax),
        (Direction::In, Side::Credit) => Err(Reject::CreditAccountExceedsBalanceMax),
    }
}

/// What does not fit an amount is no floor: more than any amount could take away.
fn falls_below(account: &Account, amount: Amount, overdraft: Option<Amount>) -> bool {
    let left = overdraft.and_then(|it| account.balances.available(account.side).checked_add(it));
    left.is_some_and(|left| amount > left)
}

fn rises_above(account: &Account, amount: Amount, max: Option<Amount>) -> bool {
    let in_favor = match account.side {
        Side::Debit => account.balances.debits_pending,
        Side::Credit => account.balances.credits_pending,
    };
    let high = account.balances.posted(account.side).checked_add(in_favor);
    let high = high.and_then(|high| high.checked_add(amount));
    max.is_some_and(|max| high.is_none_or(|high| high > max))
}

/// What may pass in the windows of today.
fn check_caps(account: &Account, side: Side, amount: Amount, at: Moment) -> Result<(), Reject> {
    let towards = direction(account.side, side);
    let caps = account.limits.iter().flat_map(|limits| &limits.caps);
    let mut caps = caps.filter(|cap| cap.direction == towards);
    if amount.is_zero() || caps.all(|cap| amount <= cap.room(at.today)) {
        return Ok(());
    }
    Err(match side {
        Side::Debit => Reject::DebitAccountExceedsCap,
        Side::Credit => Reject::CreditAccountExceedsCap,
    })
}

fn check_limits(limits: Option<&Limits>) -> Result<(), Reject> {
    let Some(Limits { overdraft, balance_max, caps }) = limits else { return Ok(()) };
    let mut amounts = overdraft.iter().chain(balance_max).chain(caps.iter().map(|cap| &cap.max));
    let negative = amounts.any(|amount| amount.is_negative());
    let doubled = |cap| caps.iter().filter(|it| it.counts_what(cap)).nth(1).is_some();
    if negative || caps.len() > Limits::CAPS_MAX || caps.iter().any(doubled) {
        return Err(Reject::LimitsMalformed);
    }
    Ok(())
}

/// Whether a resubmitted transfer is the one that happened; if not, the first difference.
/// `whole` is the amount of the earlier transfer both are about. Whether it is linked says how to
/// process the batch and is no part of the transfer: one of a chain may be asked for again alone.
fn same_transfer(before: &Transfer, now: &Transfer, whole: Option<Amount>) -> Result<(), Reject> {
    use std::mem::discriminant;
    if discriminant(&before.kind) != discriminant(&now.kind) {
        return Err(Reject::ExistsWithDifferentKind);
    }
    if before.kind.about() != now.kind.about() {
        return Err(Reject::ExistsWithDifferentSubject);
    }
    if before.kind != now.kind {
        return Err(Reject::ExistsWithDifferentExpiry);
    }
    let about = before.kind.about().is_some();
    let differs = |before, now: AccountId| before != now && !(about && now.is_nil());
    if differs(before.debit, now.debit) {
        return Err(Reject::ExistsWithDifferentDebitAccount);
    }
    if differs(before.credit, now.credit) {
        return Err(Reject::ExistsWithDifferentCreditAccount);
    }
    if before.balancing != now.balancing {
        return Err(Reject::ExistsWithDifferentBalancing);
    }
    let amount = whole.filter(|_| now.amount == Amount::MAX).unwrap_or(now.amount);
    let clamped = before.balancing != Balancing::None && before.amount < amount;
    if before.amount != amount && !clamped {
        return Err(Reject::ExistsWithDifferentAmount);
    }
    if before.value_date != now.value_date {
        return Err(Reject::ExistsWithDifferentValueDate);
    }
    if before.reason != now.reason {
        return Err(Reject::ExistsWithDifferentReason);
    }
    Ok(())
}

/// Whether a reopened account is the one there is; if not, the first difference.
fn same_account(before: &Account, now: &Account) -> Result<(), Reject> {
    if before.code != now.code {
        return Err(Reject::AccountExistsWithDifferentCode);
    }
    if before.currency != now.currency {
        return Err(Reject::AccountExistsWithDifferentCurrency);
    }
    if before.side != now.side {
        return Err(Reject::AccountExistsWithDifferentSide);
    }
    if before.lane != now.lane {
        return Err(Reject::AccountExistsWithDifferentLane);
    }
    // Limits that limit nothing are none.
    let limits = |it: &Account| it.limits.as_deref().map(unused).unwrap_or_default();
    let same = limits(before) == limits(now);
    if same { Ok(()) } else { Err(Reject::AccountExistsWithDifferentLimits) }
}

/// The limits without what has been used of them.
fn unused(limits: &Limits) -> Limits {
    let mut limits = limits.clone();
    limits.caps.iter_mut().for_each(|cap| cap.usage = crate::CapUse::default());
    limits
}
