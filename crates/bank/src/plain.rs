//! The plain ledger, for those who want only that: accounts and transfers without contracts.

use std::collections::BTreeSet;

use ledger::{
    Account, AccountId, AccountState, Balances, Code, Kind, LaneId, Limits, Side, Transfer,
    TransferId,
};
use money::{Amount, Currency};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id};
use store::{
    AccountChange, AccountMove, Booked, COMMIT_TRANSFERS_MAX, Commit, Due, Mode, Outcome, Page,
    Timer, TimerChange,
};

use crate::{
    Bank, CONFLICT_RETRIES_MAX, Call, Caller, Done, Refusal, Right,
    days::EXPIRE_HOLD,
    periods::books_lane,
    tables::{INSTITUTIONS, PARTIES},
};

/// An account to open.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAccount {
    /// Its name, chosen by the caller so that a retry is recognized.
    pub id: AccountId,
    /// Its place in the chart of accounts.
    pub code: Code,
    /// What it counts.
    pub currency: Currency,
    /// The side on which it grows.
    pub side: Side,
    /// The lane it lives in; the institution's ledger lane when absent. Accounts that move
    /// together belong in one lane.
    pub lane: Option<LaneId>,
    /// What may move.
    pub limits: Option<Limits>,
}

/// What came of one item of a bulk request.
pub type ItemResult = Result<Booked, ledger::Reject>;

/// The answer to a bulk of transfers.
#[derive(Clone, Debug, PartialEq)]
pub struct Booking {
    /// What came of each, in order.
    pub results: Vec<ItemResult>,
    /// Whether the request happened before and this is a repetition.
    pub replayed: bool,
}

/// An account's balances at the end of a value date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceAt {
    /// The day.
    pub date: Date,
    /// Debits posted with a value date through it.
    pub debits_posted: Amount,
    /// Credits.
    pub credits_posted: Amount,
}

impl Bank {
    /// Opens accounts, all or none. Opening the same again changes nothing.
    ///
    /// # Errors
    /// [`Refusal::TooMany`]; [`Refusal::ContractAccount`] for the lane of a party;
    /// [`Refusal::Ledger`] when one exists with a different field.
    pub async fn open_ledger_accounts(
        &self,
        call: &Call,
        accounts: &[NewAccount],
    ) -> Result<Done<()>, Refusal> {
        call.caller.must(Right::Ledger)?;
        few(accounts.len())?;
        let lane = ledger_lane(call);
        self.must_be_plain(call, accounts.iter().filter_map(|it| it.lane).collect()).await?;
        self.carry_out::<(), _>(call, move || async move {
            let today = self.institution(&call.caller).await?.record.business_date;
            let mut commit = call.commit("open-ledger-accounts", lane, today);
            commit.accounts =
                accounts.iter().map(|it| AccountChange::Open(open(it, lane))).collect();
            commit.answer(&());
            Ok(commit)
        })
        .await
    }

    /// Freezes, thaws or closes an account.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::ContractAccount`], [`Refusal::Ledger`].
    pub async fn set_account_state(
        &self,
        call: &Call,
        id: AccountId,
        state: AccountState,
    ) -> Result<Done<()>, Refusal> {
        self.change_account(call, id, "set-account-state", AccountChange::State(id, state)).await
    }

    /// Gives an account other limits.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::ContractAccount`], [`Refusal::Ledger`].
    pub async fn set_account_limits(
        &self,
        call: &Call,
        id: AccountId,
        limits: Option<Limits>,
    ) -> Result<Done<()>, Refusal> {
        self.change_account(call, id, "set-account-limits", AccountChange::Limits(id, limits)).await
    }

    async fn change_account(
        &self,
        call: &Call,
        id: AccountId,
        command: &'static str,
        change: AccountChange,
    ) -> Result<Done<()>, Refusal> {
        call.caller.must(Right::Ledger)?;
        let change = &change;
        self.carry_out::<(), _>(call, move || async move {
            let today = self.institution(&call.caller).await?.record.business_date;
            let account = self.ledger_account(&call.caller, id).await?;
            self.must_be_plain(call, BTreeSet::from([account.lane])).await?;
            let mut commit = call.commit(command, account.lane, today);
            commit.accounts.push(change.clone());
            commit.tell("account-changed", id, change);
            commit.answer(&());
            Ok(commit)
        })
        .await
    }

    /// Books transfers, each chain of linked ones for itself. Holds that end by themselves get a
    /// timer.
    ///
    /// # Errors
    /// [`Refusal::TooMany`], [`Refusal::IdempotencyKeyReused`]; [`Refusal::ContractAccount`] when
    /// any of them moves an account of a contract; what the ledger refuses is told per item.
    pub async fn book_transfers(
        &self,
        call: &Call,
        transfers: &[Transfer],
    ) -> Result<Booking, Refusal> {
        call.caller.must(Right::Ledger)?;
        few(transfers.len())?;
        for _ in 0..CONFLICT_RETRIES_MAX {
            self.must_be_plain(call, self.lanes_of(call, transfers).await?).await?;
            let mut commit =
                self.on_business_date(call, "book-transfers", ledger_lane(call)).await?;
            commit.mode = Mode::EachAlone;
            commit.transfers = transfers.to_vec();
            for transfer in transfers {
                if let Some(expires) = transfer.kind.expires() {
                    commit.set_timer(Due::Moment(expires), EXPIRE_HOLD, transfer.id);
                }
            }
            let (receipt, replayed) = match self.store().commit(commit).await? {
                Outcome::Committed(receipt) => (receipt, false),
                Outcome::Replayed(receipt) => (receipt, true),
                Outcome::Rejected { transfer, reject } => {
                    return Err(Refusal::Ledger { transfer, reject });
                }
                Outcome::KeyReused => return Err(Refusal::IdempotencyKeyReused),
                Outcome::Conflict(_) => continue,
            };
            return Ok(Booking { results: receipt.results, replayed });
        }
        Err(Refusal::Busy)
    }

    /// An empty commit that books on the business date, which must not move under it: limits by
    /// day rely on dates that do not run backwards.
    async fn on_business_date(
        &self,
        call: &Call,
        command: &'static str,
        lane: LaneId,
    ) -> Result<Commit, Refusal> {
        let of = call.caller.institution;
        let institution = self.institution(&call.caller).await?;
        let mut commit = call.commit(command, lane, institution.record.business_date);
        commit.expect(&INSTITUTIONS, of, institution.version);
        Ok(commit)
    }

    /// The lanes of the accounts that transfers name, themselves or through an earlier transfer.
    async fn lanes_of(
        &self,
        call: &Call,
        transfers: &[Transfer],
    ) -> Result<BTreeSet<LaneId>, Refusal> {
        let of = call.caller.institution;
        let mut accounts = BTreeSet::new();
        for transfer in transfers {
            accounts.extend([transfer.debit, transfer.credit]);
            if let Some(about) = transfer.kind.about()
                && let Some(earlier) = self.store().transfer(of, about).await?
            {
                let earlier = earlier.posted.transfer;
                accounts.extend([earlier.debit, earlier.credit]);
            }
        }
        Ok(self.store().lanes_of(of, &Vec::from_iter(accounts)).await?)
    }

    /// Refuses the lanes of parties, and that of the year-end close. What is in the former belongs
    /// to contracts: moved past its contract, an account would no longer say what the contract
    /// says. The latter is what the statements leave out.
    async fn must_be_plain(&self, call: &Call, lanes: BTreeSet<LaneId>) -> Result<(), Refusal> {
        for lane in lanes {
            if lane == books_lane(call.caller.institution) {
                return Err(Refusal::ContractAccount);
            }
            if self.store().get(&PARTIES, call.caller.institution, lane).await?.is_some() {
                return Err(Refusal::ContractAccount);
            }
        }
        Ok(())
    }

    /// Lets one hold expire, unless it was resolved before. The moment is in the key, since a hold
    /// that was refused leaves its timer, and its id may be used again.
    pub(crate) async fn expire_hold(&self, call: &Call, timer: &Timer) -> Result<(), Refusal> {
        let hold: TransferId = timer.subject.cast();
        let call = call.within(format!("{EXPIRE_HOLD}/{hold}/{}", call.now));
        let mut commit = self.on_business_date(&call, EXPIRE_HOLD, timer.lane).await?;
        let id = Id::new(call.now, &mut call.prng());
        let (reason, today) = (Code::literal(EXPIRE_HOLD), commit.at.today);
        commit.mode = Mode::EachAlone;
        commit.transfers.push(Transfer::about(id, Kind::Expire(hold), today, reason));
        commit.timers.push(TimerChange::Clear(timer.clone()));
        // Where the date has moved meanwhile, the timer is still there for the next run.
        self.store().commit(commit).await?;
        Ok(())
    }

    /// An account.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn ledger_account(&self, caller: &Caller, id: AccountId) -> Result<Account, Refusal> {
        caller.must(Right::Audit)?;
        let account = self.store().account(caller.institution, id).await?;
        account.ok_or(Refusal::NotFound("account"))
    }

    /// Accounts, in order of id.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn ledger_accounts(
        &self,
        caller: &Caller,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Page<Account, AccountId>, Refusal> {
        caller.must(Right::Audit)?;
        Ok(self.store().accounts(caller.institution, after, limit).await?)
    }

    /// A transfer and what became of it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn transfer(&self, caller: &Caller, id: TransferId) -> Result<AccountMove, Refusal> {
        caller.must(Right::Audit)?;
        let transfer = self.store().transfer(caller.institution, id).await?;
        transfer.ok_or(Refusal::NotFound("transfer"))
    }

    /// The transfers of an account, newest first.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn account_history(
        &self,
        caller: &Caller,
        id: AccountId,
        from: Option<TransferId>,
        limit: usize,
    ) -> Result<Page<AccountMove, TransferId>, Refusal> {
        self.ledger_account(caller, id).await?;
        Ok(self.store().history(caller.institution, id, from, limit).await?)
    }

    /// An account's balances at the end of a value date.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn balance_at(
        &self,
        caller: &Caller,
        id: AccountId,
        date: Date,
    ) -> Result<BalanceAt, Refusal> {
        self.ledger_account(caller, id).await?;
        let moved = self.store().moved_through(caller.institution, id, date).await?;
        let (debits_posted, credits_posted) = moved;
        Ok(BalanceAt { date, debits_posted, credits_posted })
    }
}

/// The lane of plain accounts for which no other is named.
fn ledger_lane(call: &Call) -> LaneId {
    Id::derived(&[call.caller.institution.as_bytes(), b"ledger"])
}

fn open(new: &NewAccount, lane: LaneId) -> Account {
    Account {
        id: new.id,
        lane: new.lane.unwrap_or(lane),
        slot: 0,
        code: new.code,
        currency: new.currency,
        side: new.side,
        state: AccountState::Open,
        balances: Balances::default(),
        limits: new.limits.clone().map(Box::new),
        last: None,
        newest: ledger::ValueDay::default(),
    }
}

fn few(items: usize) -> Result<(), Refusal> {
    let max = COMMIT_TRANSFERS_MAX;
    if items <= max { Ok(()) } else { Err(Refusal::TooMany("COMMIT_TRANSFERS_MAX", max)) }
}
