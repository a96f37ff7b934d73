//! The transfers of a run.

use std::{collections::VecDeque, sync::Arc};

use jiff::ToSpan;
use ledger::{
    Account, AccountId, AccountState, Balances, Balancing, Code, Kind, LaneId, Moment, Side,
    Transfer, TransferId, ValueDay,
};
use money::{Amount, Currency};
use stdx::{Id, Prng};

/// How much each transfer moves, so that the sum over the books is their number.
pub(crate) const AMOUNT: Amount = Amount::from_minor(1);
/// In which currency.
pub(crate) const CURRENCY: Currency = Currency::CNY;
/// How many of 100 payments go to one of the merchants.
const HOT_PERCENT: u64 = 80;
/// How long a hold that ends by itself lasts.
const HOLD_MINUTES: i64 = 15;

/// Which transfers there are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Plain ones, between any two accounts.
    Plain,
    /// Payments by holds that are posted in the next batch.
    Mixed {
        /// How many accounts are merchants: the first ones.
        merchants: usize,
        /// Whether holds end by themselves, which is a timer for each.
        expiring: bool,
    },
}

/// One client's transfers, without end.
pub(crate) struct Traffic {
    accounts: Arc<[AccountId]>,
    shape: Shape,
    prng: Prng,
    /// Holds that were made and are not posted.
    held: VecDeque<TransferId>,
}

impl Traffic {
    /// `client` tells clients of a run apart. There are at least two accounts, beside merchants.
    pub(crate) fn new(accounts: Arc<[AccountId]>, shape: Shape, client: &str) -> Self {
        let prng = Prng::stream(1, &format!("bench/traffic/{client}"));
        Self { accounts, shape, prng, held: VecDeque::new() }
    }

    /// The next batch. The one before it has happened.
    pub(crate) fn batch(&mut self, at: Moment, transfers: usize) -> Vec<Transfer> {
        match self.shape {
            Shape::Plain => (0..transfers).map(|_| self.movement(Kind::Plain, None, at)).collect(),
            Shape::Mixed { merchants, expiring } => {
                let posts = self.held.len().min(transfers / 2);
                let held: Vec<_> = self.held.drain(..posts).collect();
                let posts = held.into_iter().map(|hold| self.post(hold, at));
                let mut batch: Vec<_> = posts.collect();
                let lasts = HOLD_MINUTES.minutes();
                let expires = expiring.then(|| at.now.checked_add(lasts).ok()).flatten();
                while batch.len() < transfers {
                    let hold = self.movement(Kind::Hold { expires }, Some(merchants), at);
                    self.held.push_back(hold.id);
                    batch.push(hold);
                }
                batch
            }
        }
    }

    fn post(&mut self, hold: TransferId, at: Moment) -> Transfer {
        let id = Id::new(at.now, &mut self.prng);
        Transfer::about(id, Kind::Post(hold), at.today, Code::literal("bench"))
    }

    /// A movement between two accounts; to a merchant mostly, if there are any.
    fn movement(&mut self, kind: Kind, merchants: Option<usize>, at: Moment) -> Transfer {
        let merchants = merchants.unwrap_or(0);
        let others = self.accounts.len() - merchants;
        let debit = self.below(others);
        let credit = if merchants > 0 && self.prng.chance(HOT_PERCENT) {
            self.below(merchants)
        } else {
            merchants + (debit + 1 + self.below(others - 1)) % others
        };
        Transfer {
            id: Id::new(at.now, &mut self.prng),
            kind,
            debit: self.accounts[merchants + debit],
            credit: self.accounts[credit],
            amount: AMOUNT,
            balancing: Balancing::None,
            linked: false,
            value_date: at.today,
            reason: Code::literal("bench"),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        let draw = self.prng.below(bound as u64);
        usize::try_from(draw).expect("below a length")
    }
}

/// An account of a run, before anything moved.
pub(crate) fn account(id: AccountId, lane: LaneId) -> Account {
    Account {
        id,
        lane,
        slot: 0,
        code: Code::literal("2011.01"),
        currency: CURRENCY,
        side: Side::Credit,
        state: AccountState::Open,
        balances: Balances::default(),
        limits: None,
        last: None,
        newest: ValueDay::default(),
    }
}
