//! What a transfer does to the accounts it names, once nothing speaks against it.

use money::Amount;
use stdx::Date;

use crate::{Account, Direction, Kind, Posted, Side, TransferId, ValueDay};

/// A change of two accounts.
pub(crate) struct Movement {
    /// Enters or leaves the pending sums.
    pub(crate) pending: Pending,
    /// Enters the posted sums.
    pub(crate) posted: Amount,
    /// Uses the caps up, or gives back what was used of them.
    pub(crate) usage: Usage,
}

pub(crate) enum Pending {
    Unchanged,
    Reserve(Amount),
    Release(Amount),
}

pub(crate) enum Usage {
    Take {
        amount: Amount,
        on: Date,
    },
    /// `swapped` when debit and credit are the other way round than when it was taken.
    GiveBack {
        amount: Amount,
        taken_on: Date,
        swapped: bool,
    },
}

impl Movement {
    /// The movement of a transfer that happened; `held` is the amount of the hold it resolves.
    pub(crate) fn of(posted: &Posted, held: Amount) -> Self {
        let (it, on) = (&posted.transfer, posted.counted_on);
        let amount = it.amount;
        let give_back = |amount, swapped| Usage::GiveBack { amount, taken_on: on, swapped };
        let (pending, posted, usage) = match it.kind {
            Kind::Plain => (Pending::Unchanged, amount, Usage::Take { amount, on }),
            Kind::Hold { .. } => {
                (Pending::Reserve(amount), Amount::ZERO, Usage::Take { amount, on })
            }
            Kind::Post(_) => (Pending::Release(held), amount, give_back(held - amount, false)),
            Kind::Void(_) | Kind::Expire(_) => {
                (Pending::Release(held), Amount::ZERO, give_back(held, false))
            }
            Kind::Reversal(_) => (Pending::Unchanged, amount, give_back(amount, true)),
        };
        Self { pending, posted, usage }
    }

    /// What is moved, held or released.
    pub(crate) fn amount(&self) -> Amount {
        match self.pending {
            Pending::Reserve(held) => held,
            Pending::Release(held) if self.posted.is_zero() => held,
            Pending::Unchanged | Pending::Release(_) => self.posted,
        }
    }

    /// The business date in whose caps it counts.
    pub(crate) fn counted_on(&self) -> Date {
        match self.usage {
            Usage::Take { on, .. } => on,
            Usage::GiveBack { taken_on, .. } => taken_on,
        }
    }

    /// Enters one side on its account. Answers what was posted with a value date that is not, or
    /// no longer, the newest of the account.
    pub(crate) fn enter(
        &self,
        account: &mut Account,
        side: Side,
        transfer: TransferId,
        value_date: Date,
    ) -> Option<ValueDay> {
        let direction = direction(account.side, side);
        let sums = &mut account.balances;
        let (posted, pending) = match side {
            Side::Debit => (&mut sums.debits_posted, &mut sums.debits_pending),
            Side::Credit => (&mut sums.credits_posted, &mut sums.credits_pending),
        };
        *posted += self.posted;
        match self.pending {
            Pending::Unchanged => {}
            Pending::Reserve(amount) => *pending += amount,
            Pending::Release(amount) => *pending -= amount,
        }
        assert!(!pending.is_negative(), "more was released than was held");
        for cap in account.limits.iter_mut().flat_map(|limits| &mut limits.caps) {
            match self.usage {
                Usage::Take { amount, on } if cap.direction == direction => cap.take(amount, on),
                // A reversal goes the other way than the transfer that took.
                Usage::GiveBack { amount, taken_on, swapped }
                    if (cap.direction == direction) != swapped =>
                {
                    cap.give_back(amount, taken_on);
                }
                Usage::Take { .. } | Usage::GiveBack { .. } => {}
            }
        }
        account.last = Some(transfer);
        if self.posted.is_zero() {
            return None;
        }
        let mut older = None;
        if value_date > account.newest.date {
            older = Some(std::mem::replace(&mut account.newest, ValueDay::on(value_date)));
        }
        if value_date == account.newest.date {
            account.newest.post(side, self.posted);
        } else {
            let mut day = ValueDay::on(value_date);
            day.post(side, self.posted);
            older = Some(day);
        }
        older.filter(|day| !day.is_empty())
    }
}

/// Whether an entry on `side` moves an account of `own` side in or out.
pub(crate) fn direction(own: Side, side: Side) -> Direction {
    if own == side { Direction::In } else { Direction::Out }
}
