//! A second opinion: the same rules, written the slow way.
//!
//! It keeps nothing but the list of what happened. Every sum, pending amount and use of a cap is
//! added up anew from that list; a chain is tried on a copy; and of all reasons against a transfer
//! the one with the smallest number is the answer, since refusals are numbered in the order of
//! checking.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem::discriminant,
};

use money::Amount;
use stdx::Date;

use crate::{
    Account, AccountId, AccountState, Balances, Balancing, Cap, Direction, Kind, Limits, Moment,
    Reject, Side, Transfer, TransferId, Window,
};

/// What happened, when.
#[derive(Clone)]
struct Entry {
    done: Transfer,
    on: Date,
}

#[derive(Clone, Default)]
pub(super) struct Oracle {
    /// Only what does not follow from the log: side, currency, state, limits.
    pub(super) accounts: BTreeMap<AccountId, Account>,
    log: Vec<Entry>,
    pub(super) closed_through: Option<Date>,
}

/// Whether it is new, and how much it moved.
pub(super) type Answer = Result<(bool, Amount), Reject>;

impl Oracle {
    pub(super) fn apply(&mut self, batch: &[Transfer], at: Moment) -> Vec<Answer> {
        let mut answers = Vec::new();
        for chain in batch.split_inclusive(|it| !it.linked) {
            answers.extend(self.apply_chain(chain, at));
        }
        answers
    }

    fn apply_chain(&mut self, chain: &[Transfer], at: Moment) -> Vec<Answer> {
        let mut copy = self.clone();
        let mut answers: Vec<Answer> = Vec::new();
        for (place, transfer) in chain.iter().enumerate() {
            let open = place + 1 == chain.len() && transfer.linked;
            let answer = match answers.iter().any(Result::is_err) {
                _ if open => Err(Reject::ChainNotClosed),
                true => Err(Reject::LinkedTransferFailed),
                false => copy.apply_one(transfer, at),
            };
            answers.push(answer);
        }
        if answers.iter().all(Result::is_ok) {
            *self = copy;
            return answers;
        }
        answers.into_iter().map(|it| it.and(Err(Reject::LinkedTransferFailed))).collect()
    }

    fn apply_one(&mut self, order: &Transfer, at: Moment) -> Answer {
        let before = self.find(order.id).cloned();
        let mut reasons = BTreeSet::new();
        if order.id.is_nil() {
            reasons.insert(Reject::IdMustNotBeNil);
        }
        match &before {
            Some(before) => reasons.extend(self.differences(before, order)),
            None => reasons.extend(self.objections(order, at)),
        }
        match (reasons.first(), before) {
            (Some(reject), _) => Err(*reject),
            (None, Some(before)) => Ok((false, before.amount)),
            (None, None) => {
                let done = self.completed(order);
                let amount = done.amount;
                self.log.push(Entry { done, on: at.today });
                Ok((true, amount))
            }
        }
    }

    fn find(&self, id: TransferId) -> Option<&Transfer> {
        self.log.iter().map(|it| &it.done).find(|it| it.id == id)
    }

    /// What happened to an earlier transfer.
    fn fate(&self, id: TransferId) -> Option<&Transfer> {
        self.log.iter().map(|it| &it.done).find(|it| it.kind.about() == Some(id))
    }

    /// The order with the accounts and the amount that it comes to.
    fn completed(&self, order: &Transfer) -> Transfer {
        let mut done = order.clone();
        let Some(subject) = order.kind.about() else {
            done.amount = self.there_is(order);
            return done;
        };
        let Some(subject) = self.find(subject) else { return done };
        let swap = matches!(order.kind, Kind::Reversal(_));
        (done.debit, done.credit) = match swap {
            true => (subject.credit, subject.debit),
            false => (subject.debit, subject.credit),
        };
        if order.amount == Amount::MAX {
            done.amount = subject.amount;
        }
        done
    }

    /// What a balancing order finds.
    fn there_is(&self, order: &Transfer) -> Amount {
        let sides = match order.balancing {
            Balancing::None => vec![],
            Balancing::Debit => vec![Side::Debit],
            Balancing::Credit => vec![Side::Credit],
            Balancing::Both => vec![Side::Debit, Side::Credit],
        };
        sides.into_iter().fold(order.amount, |amount, side| {
            let id = if side == Side::Debit { order.debit } else { order.credit };
            let Some(account) = self.accounts.get(&id) else { return amount };
            let line = match account.side == side {
                true => 0,
                false => overdraft(account).unwrap_or(0),
            };
            let there = (self.free(id, opposite(side)) + line).max(0);
            Amount::from_minor(there.min(amount.minor().into()).try_into().unwrap())
        })
    }

    fn differences(&self, before: &Transfer, now: &Transfer) -> Vec<Reject> {
        let about = before.kind.about().is_some();
        let whole = before.kind.about().and_then(|id| self.find(id)).map(|it| it.amount);
        let asked =
            if now.amount == Amount::MAX { whole.unwrap_or(now.amount) } else { now.amount };
        let clamped = before.balancing != Balancing::None && asked > before.amount;
        let other = |before: AccountId, now: AccountId| before != now && !(about && now.is_nil());
        let checks = [
            (
                discriminant(&before.kind) != discriminant(&now.kind),
                Reject::ExistsWithDifferentKind,
            ),
            (before.kind.about() != now.kind.about(), Reject::ExistsWithDifferentSubject),
            (before.kind.expires() != now.kind.expires(), Reject::ExistsWithDifferentExpiry),
            (other(before.debit, now.debit), Reject::ExistsWithDifferentDebitAccount),
            (other(before.credit, now.credit), Reject::ExistsWithDifferentCreditAccount),
            (before.balancing != now.balancing, Reject::ExistsWithDifferentBalancing),
            (before.amount != asked && !clamped, Reject::ExistsWithDifferentAmount),
            (before.value_date != now.value_date, Reject::ExistsWithDifferentValueDate),
            (before.reason != now.reason, Reject::ExistsWithDifferentReason),
        ];
        true_ones(&checks)
    }

    /// Everything that speaks against a new transfer.
    fn objections(&self, order: &Transfer, at: Moment) -> Vec<Reject> {
        let over = order.kind.expires().is_some_and(|it| it <= at.now);
        let closed = self.closed_through.is_some_and(|it| order.value_date <= it);
        let about = order.kind.about();
        let mut reasons = true_ones(&[
            (order.amount <= Amount::ZERO, Reject::AmountMustBePositive),
            (order.value_date > at.today, Reject::ValueDateInFuture),
            (closed, Reject::PeriodClosed),
            (over, Reject::ExpiryMustBeInFuture),
            (about.is_some() && order.balancing != Balancing::None, Reject::BalancingNotAllowed),
        ]);
        let subject = about.and_then(|id| self.find(id));
        match (order.kind, subject) {
            (Kind::Plain | Kind::Hold { .. }, _) => {}
            (Kind::Reversal(_), None) => reasons.push(Reject::ReversedTransferNotFound),
            (_, None) => reasons.push(Reject::HoldNotFound),
            (Kind::Reversal(_), Some(it)) => reasons.extend(self.against_reversal(order, it)),
            (_, Some(it)) => reasons.extend(self.against_release(order, it, at)),
        }
        if about.is_none() || subject.is_some() {
            reasons.extend(self.against_accounts(order, at));
        }
        reasons
    }

    fn against_release(&self, order: &Transfer, hold: &Transfer, at: Moment) -> Vec<Reject> {
        let fate = self.fate(hold.id).map(|it| it.kind);
        let over = hold.kind.expires().is_some_and(|it| it <= at.now);
        let post = matches!(order.kind, Kind::Post(_));
        let expire = matches!(order.kind, Kind::Expire(_));
        let all = [Amount::MAX, hold.amount].contains(&order.amount);
        true_ones(&[
            (!hold.kind.is_hold(), Reject::NotAHold),
            (
                ![AccountId::NIL, hold.debit].contains(&order.debit),
                Reject::HoldHasOtherDebitAccount,
            ),
            (
                ![AccountId::NIL, hold.credit].contains(&order.credit),
                Reject::HoldHasOtherCreditAccount,
            ),
            (post && !all && order.amount > hold.amount, Reject::ExceedsHold),
            (!post && !all, Reject::VoidMustBeWhole),
            (matches!(fate, Some(Kind::Post(_))), Reject::HoldAlreadyPosted),
            (matches!(fate, Some(Kind::Void(_))), Reject::HoldAlreadyVoided),
            (matches!(fate, Some(Kind::Expire(_))) || over && !expire, Reject::HoldAlreadyExpired),
            (expire && !over, Reject::HoldNotExpired),
        ])
    }

    fn against_reversal(&self, order: &Transfer, of: &Transfer) -> Vec<Reject> {
        let whole = [Amount::MAX, of.amount].contains(&order.amount)
            && [AccountId::NIL, of.credit].contains(&order.debit)
            && [AccountId::NIL, of.debit].contains(&order.credit);
        let reversible = matches!(of.kind, Kind::Plain | Kind::Post(_));
        true_ones(&[
            (!reversible, Reject::NotReversible),
            (!whole, Reject::ReversalMustBeWhole),
            (self.fate(of.id).is_some(), Reject::AlreadyReversed),
        ])
    }

    fn against_accounts(&self, order: &Transfer, at: Moment) -> Vec<Reject> {
        let it = self.completed(order);
        let (debit, credit) = (self.accounts.get(&it.debit), self.accounts.get(&it.credit));
        let mut reasons = true_ones(&[
            (it.debit == it.credit, Reject::AccountsMustDiffer),
            (debit.is_none(), Reject::DebitAccountNotFound),
            (credit.is_none(), Reject::CreditAccountNotFound),
        ]);
        let (Some(debit), Some(credit)) = (debit, credit) else { return reasons };
        if debit.currency != credit.currency {
            reasons.push(Reject::AccountsMustShareCurrency);
        }
        if matches!(order.kind, Kind::Void(_) | Kind::Expire(_)) {
            return reasons;
        }
        reasons.extend(against_state(debit, Side::Debit));
        reasons.extend(against_state(credit, Side::Credit));
        if matches!(order.kind, Kind::Post(_)) {
            return reasons;
        }
        let sum = |balances: Balances, side| {
            let (posted, pending) = parts(balances, side);
            posted + pending + i128::from(it.amount.minor()) > i128::from(i64::MAX)
        };
        let full = sum(self.balances(debit.id), Side::Debit)
            || sum(self.balances(credit.id), Side::Credit);
        if full {
            reasons.push(Reject::BalanceOverflow);
        }
        if it.amount > Amount::ZERO {
            reasons.extend(self.against_limits(debit, Side::Debit, &it, at));
            reasons.extend(self.against_limits(credit, Side::Credit, &it, at));
        }
        reasons
    }

    fn against_limits(
        &self,
        account: &Account,
        side: Side,
        it: &Transfer,
        at: Moment,
    ) -> Vec<Reject> {
        let amount = i128::from(it.amount.minor());
        let own = account.side;
        let grows = own == side;
        let low = self.free(account.id, own) - amount;
        let (posted, pending) = parts(self.balances(account.id), own);
        let high = posted - parts(self.balances(account.id), opposite(own)).0 + pending + amount;
        let max = account.limits.as_ref().and_then(|it| it.balance_max);
        let towards = if grows { Direction::In } else { Direction::Out };
        let counted = !matches!(it.kind, Kind::Reversal(_));
        let caps = account.limits.iter().flat_map(|it| &it.caps);
        let capped = caps
            .filter(|it| it.direction == towards)
            .any(|cap| self.used(account.id, cap, at.today) + amount > i128::from(cap.max.minor()));
        let [overdraft_code, max_code, cap_code] = match side {
            Side::Debit => [
                Reject::DebitAccountExceedsOverdraft,
                Reject::DebitAccountExceedsBalanceMax,
                Reject::DebitAccountExceedsCap,
            ],
            Side::Credit => [
                Reject::CreditAccountExceedsOverdraft,
                Reject::CreditAccountExceedsBalanceMax,
                Reject::CreditAccountExceedsCap,
            ],
        };
        true_ones(&[
            (!grows && overdraft(account).is_some_and(|line| low + line < 0), overdraft_code),
            (grows && max.is_some_and(|max| high > i128::from(max.minor())), max_code),
            (counted && capped, cap_code),
        ])
    }

    /// The four sums, added up from the log.
    pub(super) fn balances(&self, id: AccountId) -> Balances {
        let mut sums = Balances::default();
        for Entry { done, .. } in &self.log {
            let held = done.kind.is_hold() && self.fate(done.id).is_none();
            let moves = matches!(done.kind, Kind::Plain | Kind::Post(_) | Kind::Reversal(_));
            let amount = |yes: bool| if yes { done.amount } else { Amount::ZERO };
            if done.debit == id {
                sums.debits_posted += amount(moves);
                sums.debits_pending += amount(held);
            }
            if done.credit == id {
                sums.credits_posted += amount(moves);
                sums.credits_pending += amount(held);
            }
        }
        sums
    }

    /// What stands on `side` and is not held.
    fn free(&self, id: AccountId, side: Side) -> i128 {
        let sums = self.balances(id);
        let (other_posted, other_pending) = parts(sums, opposite(side));
        parts(sums, side).0 - other_posted - other_pending
    }

    /// What passed in the window of today and did not come back.
    pub(super) fn used(&self, id: AccountId, cap: &Cap, today: Date) -> i128 {
        let own = self.accounts[&id].side;
        let amounts = self.log.iter().filter_map(|Entry { done, on }| {
            let side = if done.debit == id { Side::Debit } else { Side::Credit };
            let towards = if side == own { Direction::In } else { Direction::Out };
            let counts = (done.debit == id || done.credit == id)
                && towards == cap.direction
                && same_window(cap.window, *on, today)
                && matches!(done.kind, Kind::Plain | Kind::Hold { .. });
            counts.then(|| self.kept(done))
        });
        amounts.sum()
    }

    /// What is left of a plain transfer or a hold after all that happened to it.
    fn kept(&self, it: &Transfer) -> i128 {
        match self.fate(it.id) {
            None => it.amount.minor().into(),
            Some(post) if matches!(post.kind, Kind::Post(_)) => {
                if self.fate(post.id).is_some() {
                    0
                } else {
                    post.amount.minor().into()
                }
            }
            Some(_) => 0,
        }
    }

    /// The transfers of an account, newest first.
    pub(super) fn history(&self, id: AccountId) -> Vec<TransferId> {
        let touching = self.log.iter().rev().map(|it| &it.done);
        touching.filter(|it| it.debit == id || it.credit == id).map(|it| it.id).collect()
    }
}

fn true_ones(checks: &[(bool, Reject)]) -> Vec<Reject> {
    checks.iter().filter(|it| it.0).map(|it| it.1).collect()
}

fn opposite(side: Side) -> Side {
    if side == Side::Debit { Side::Credit } else { Side::Debit }
}

fn overdraft(account: &Account) -> Option<i128> {
    let limits: &Limits = account.limits.as_ref()?;
    limits.overdraft.map(|it| it.minor().into())
}

/// Posted and pending of one side.
fn parts(sums: Balances, side: Side) -> (i128, i128) {
    let (posted, pending) = match side {
        Side::Debit => (sums.debits_posted, sums.debits_pending),
        Side::Credit => (sums.credits_posted, sums.credits_pending),
    };
    (posted.minor().into(), pending.minor().into())
}

fn against_state(account: &Account, side: Side) -> Option<Reject> {
    let grows = account.side == side;
    let (closed, frozen) = match side {
        Side::Debit => (Reject::DebitAccountClosed, Reject::DebitAccountFrozen),
        Side::Credit => (Reject::CreditAccountClosed, Reject::CreditAccountFrozen),
    };
    match account.state {
        AccountState::Open => None,
        AccountState::FrozenIn => grows.then_some(frozen),
        AccountState::FrozenOut => (!grows).then_some(frozen),
        AccountState::Frozen => Some(frozen),
        AccountState::Closed => Some(closed),
    }
}

fn same_window(window: Window, one: Date, other: Date) -> bool {
    match window {
        Window::Day => one == other,
        Window::Month => (one.year(), one.month()) == (other.year(), other.month()),
        Window::Year => one.year() == other.year(),
        Window::Lifetime => true,
    }
}
