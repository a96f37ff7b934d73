//! What a command changes, as plain data: nothing has happened yet.

use money::{Amount, Decimal};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id};

use crate::restraint::{Freeze, Stop};

/// What an accepted command changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<C> {
    /// The contract's new state.
    pub contract: C,
    /// What goes to the books, in order.
    pub entries: Vec<Entry>,
    /// What the ledger holds and what it lets go.
    pub holds: Vec<Hold>,
    /// What goes to the event log, in order.
    pub events: Vec<Event>,
}

impl<C> Outcome<C> {
    pub(crate) fn new(contract: C) -> Self {
        Self { contract, entries: Vec::new(), holds: Vec::new(), events: Vec::new() }
    }

    pub(crate) fn book(
        &mut self,
        event: &'static str,
        amount: (&'static str, Amount),
        value_date: Date,
    ) {
        if !amount.1.is_zero() {
            self.entries.push(Entry { event, amount, value_date });
        }
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Tells of freezes and stop-payments that ended by themselves, and lets go what they held.
    pub(crate) fn end(&mut self, (freezes, stops): (Vec<Freeze>, Vec<Stop>), day: Date) {
        for Freeze { id, .. } in freezes {
            self.tell(Event::FreezeLifted { freeze: id, on: day });
        }
        for Stop { id, .. } in stops {
            self.holds.push(Hold::Release(id));
            self.tell(Event::StopReleased { stop: id, on: day });
        }
    }
}

/// One accounting event with its amount; the product's accounting says which accounts it moves.
/// Names are frozen: templates refer to them. A negative amount is a correction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name of the event, such as `deposit`.
    pub event: &'static str,
    /// The amount by its name; never zero.
    pub amount: (&'static str, Amount),
    /// The day from which it counts for interest.
    pub value_date: Date,
}

/// What the ledger holds for stop-payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Keep this much back.
    Place(Id<Stop>, Amount),
    /// Let it go.
    Release(Id<Stop>),
}

/// Something that happened to a contract, for the event log. Amounts are in minor units of its
/// currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Event {
    /// An account was opened.
    AccountOpened {
        /// Product name.
        product: String,
        /// Product version.
        version: u32,
        /// When.
        on: Date,
    },
    /// Money came in.
    DepositReceived {
        /// Business date.
        on: Date,
        /// From which day it earns.
        value_date: Date,
        /// How much.
        amount: Amount,
    },
    /// Money went out.
    WithdrawalPaid {
        /// Business date.
        on: Date,
        /// From which day it earns no more.
        value_date: Date,
        /// How much.
        amount: Amount,
    },
    /// A period of interest was settled.
    InterestSettled {
        /// Its last day.
        day: Date,
        /// Sum of the balances at the end of its days, in minor units times days.
        balance_days: i64,
        /// The rate of the day.
        rate: Decimal,
        /// How much.
        interest: Amount,
        /// What was paid into the account on the next day; less than `interest` when it found no
        /// room, more when earlier interest had waited.
        paid: Amount,
    },
    /// The holder has not moved the account for so long that it is dormant.
    AccountDormant {
        /// Since when.
        on: Date,
    },
    /// The account is dormant no more.
    AccountWoken {
        /// When.
        on: Date,
    },
    /// The account was closed.
    AccountClosed {
        /// When.
        on: Date,
        /// The interest of the days since the last settlement, and what had waited.
        interest: Amount,
        /// All that was paid out.
        paid: Amount,
    },
    /// A direction was shut.
    FreezePlaced {
        /// The freeze.
        freeze: Freeze,
    },
    /// A freeze ended, by itself or by command.
    FreezeLifted {
        /// Which.
        freeze: Id<Freeze>,
        /// When; its last day, when it ended by itself.
        on: Date,
    },
    /// An amount is kept back.
    PaymentStopped {
        /// The stop-payment.
        stop: Stop,
    },
    /// A stop-payment ended, by itself or by command.
    StopReleased {
        /// Which.
        stop: Id<Stop>,
        /// When; its last day, when it ended by itself.
        on: Date,
    },
    /// A term deposit was made.
    DepositOpened {
        /// Product name.
        product: String,
        /// Product version.
        version: u32,
        /// When.
        on: Date,
        /// How much.
        principal: Amount,
        /// At which rate.
        rate: Decimal,
        /// Until when.
        matures_on: Date,
    },
    /// Somebody said what is to become of the deposit at maturity.
    RolloverInstructed {
        /// When.
        on: Date,
        /// What.
        rollover: crate::term::Rollover,
    },
    /// A tenor is over.
    DepositMatured {
        /// When.
        on: Date,
        /// What it earned.
        interest: Amount,
    },
    /// Another tenor began.
    DepositRolledOver {
        /// When.
        on: Date,
        /// With how much.
        principal: Amount,
        /// At which rate.
        rate: Decimal,
        /// Until when.
        matures_on: Date,
    },
    /// No other tenor began, though the holder wanted one.
    RolloverRefused {
        /// When.
        on: Date,
        /// The code of the reject.
        why: String,
    },
    /// Principal went out, with the interest of it.
    DepositWithdrawn {
        /// When.
        on: Date,
        /// How much principal.
        amount: Amount,
        /// How much interest.
        interest: Amount,
        /// At which rate of the day, for what did not earn the contract's.
        demand_rate: Decimal,
    },
    /// Interest that waited went out.
    InterestPaid {
        /// When.
        on: Date,
        /// How much.
        interest: Amount,
    },
    /// Nothing is left of the deposit.
    DepositClosed {
        /// When.
        on: Date,
    },
}

impl Event {
    /// The kebab-case name of the event's type, as in its JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AccountOpened { .. } => "account-opened",
            Self::DepositReceived { .. } => "deposit-received",
            Self::WithdrawalPaid { .. } => "withdrawal-paid",
            Self::InterestSettled { .. } => "interest-settled",
            Self::AccountDormant { .. } => "account-dormant",
            Self::AccountWoken { .. } => "account-woken",
            Self::AccountClosed { .. } => "account-closed",
            Self::FreezePlaced { .. } => "freeze-placed",
            Self::FreezeLifted { .. } => "freeze-lifted",
            Self::PaymentStopped { .. } => "payment-stopped",
            Self::StopReleased { .. } => "stop-released",
            Self::DepositOpened { .. } => "deposit-opened",
            Self::RolloverInstructed { .. } => "rollover-instructed",
            Self::DepositMatured { .. } => "deposit-matured",
            Self::DepositRolledOver { .. } => "deposit-rolled-over",
            Self::RolloverRefused { .. } => "rollover-refused",
            Self::DepositWithdrawn { .. } => "deposit-withdrawn",
            Self::InterestPaid { .. } => "interest-paid",
            Self::DepositClosed { .. } => "deposit-closed",
        }
    }
}
