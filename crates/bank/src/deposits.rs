//! Term deposits: open, withdraw, roll over, the interest of each day, and what keeps money in one.
//!
//! A holder may name a current account of theirs: the money then comes from it and goes to it in
//! the same commit, and what it may not give or take, the deposit does not get or pay.

use std::sync::Arc;

use ::deposits::{
    Freeze, Outcome, Placement, Reject, Rollover, Stage, Stop, TermDeposit, Terms, maturity,
    movement::{self, Movement},
    term, withdrawal,
};
use ledger::{AccountId, Limits};
use money::{Amount, Money, Period};
use product::TermProduct;
use serde::{Deserialize, Serialize};
use stdx::{Date, Id, Prng};
use store::{Commit, Page, Versioned};

use crate::{
    Bank, Call, Caller, Done, Refusal, Right,
    accounts::{
        FoundAccount, NewFreeze, NewStop, Restrained, book, deposits_code, eligible, move_timer,
        restrain, tell,
    },
    books::Books,
    days::CLOSE_DEPOSIT_DAY,
    packs,
    tables::{
        CurrentAccountId, INSTITUTIONS, PARTIES, PartyId, TERM_DEPOSITS, TermDepositId, party_lane,
    },
};

/// Who leaves how much for how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenDeposit {
    /// Whose money it is.
    pub party: PartyId,
    /// Under which product.
    pub product: String,
    /// How much.
    pub amount: Money,
    /// For how long.
    pub tenor: Period,
    /// What becomes of it at maturity.
    pub rollover: Rollover,
    /// The current account of the party from which the money comes and to which it goes; cash
    /// without it.
    #[serde(default)]
    pub account: Option<CurrentAccountId>,
}

/// The answer to what moves a deposit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DepositMoved {
    /// Which deposit.
    pub deposit: TermDepositId,
    /// The business date it was booked on.
    pub on: Date,
    /// Where it stands now.
    pub stage: Stage,
    /// Principal that went in or out.
    pub amount: Money,
    /// Interest that went out.
    pub interest: Money,
    /// The principal now.
    pub principal: Money,
}

/// A deposit.
#[derive(Clone, Debug, PartialEq)]
pub struct DepositState {
    /// Which.
    pub id: TermDepositId,
    /// The contract.
    pub contract: TermDeposit,
}

/// A deposit as a command finds it.
struct Found {
    id: TermDepositId,
    deposit: Versioned<TermDeposit>,
    product: Arc<TermProduct>,
    posted: Arc<TermProduct>,
    /// Where its holder is paid.
    account: Option<FoundAccount>,
}

impl Bank {
    /// Makes a deposit, at the rate of the day.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for the party, the product or the account, which must be the party's;
    /// [`Refusal::OtherKind`], [`Refusal::OtherCurrency`], [`Refusal::NotEligible`],
    /// [`Refusal::Deposits`]; [`Refusal::Ledger`] when there is too little in the account.
    pub async fn open_deposit(
        &self,
        call: &Call,
        open: &OpenDeposit,
    ) -> Result<Done<DepositMoved>, Refusal> {
        call.caller.must(Right::Payments)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let institution = self.institution(&call.caller).await?;
            let today = institution.record.business_date;
            let party = self.need(&PARTIES, of, open.party, "party").await?;
            let product =
                self.product_in_force(&call.caller, &open.product, today).await?.term()?;
            let currency = product.currency();
            let amount = in_currency(open.amount, &product)?;
            let applicant = self.applicant(call, &party.record, currency, today).await?;
            eligible(product.eligibility(), currency, applicant, amount.to_decimal(currency))?;
            let placement = Placement {
                holder: open.party.cast(),
                amount,
                tenor: open.tenor,
                rollover: open.rollover,
                account: open.account.map(Id::cast),
                least: packs::least(product.definition(), today),
            };
            let outcome = term::open(&product, placement, today)?;
            let mut prng = call.prng();
            let id: TermDepositId = Id::new(call.now, &mut prng);
            let mut commit = call.commit("open-deposit", party_lane(open.party), today);
            commit.expect(&PARTIES, open.party, party.version);
            // The business date must not move under the first day of interest.
            commit.expect(&INSTITUTIONS, of, institution.version);
            if let Some(account) = self.account_of(&call.caller, &outcome.contract, today).await? {
                take_out(&mut commit, &mut prng, &account, amount, today)?;
            }
            commit.put(&TERM_DEPOSITS, id, 0, &outcome.contract);
            let books = books(&product, id);
            books.open_limited(&mut commit, no_overdraft());
            book(&mut commit, &mut prng, &books, &outcome);
            move_timer(&mut commit, CLOSE_DEPOSIT_DAY, id, None, outcome.contract.timer());
            tell(&mut commit, id, &outcome);
            commit.answer(&moved(id, &outcome, today));
            Ok(commit)
        })
        .await
    }

    /// Takes a part of a deposit out, or all of it, with the interest of it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::OtherCurrency`], [`Refusal::Deposits`],
    /// [`Refusal::Ledger`] for what is kept back or what the account does not take.
    pub async fn withdraw_deposit(
        &self,
        call: &Call,
        id: TermDepositId,
        amount: Option<Money>,
    ) -> Result<Done<DepositMoved>, Refusal> {
        self.move_deposit(call, "withdraw-deposit", id, |found| {
            let amount = amount.map(|it| in_currency(it, &found.product)).transpose()?;
            let deposit = &found.deposit.record;
            Ok(withdrawal::withdraw(deposit, found.terms(), amount, deposit.through)?)
        })
        .await
    }

    /// Pays the interest of tenors that are over.
    ///
    /// # Errors
    /// As [`Bank::withdraw_deposit`].
    pub async fn pay_deposit_interest(
        &self,
        call: &Call,
        id: TermDepositId,
    ) -> Result<Done<DepositMoved>, Refusal> {
        self.move_deposit(call, "pay-deposit-interest", id, |found| {
            let deposit = &found.deposit.record;
            Ok(withdrawal::pay_interest(deposit, deposit.through)?)
        })
        .await
    }

    /// Says what is to become of a deposit at maturity.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Deposits`].
    pub async fn instruct_rollover(
        &self,
        call: &Call,
        id: TermDepositId,
        rollover: Rollover,
    ) -> Result<Done<DepositMoved>, Refusal> {
        self.move_deposit(call, "instruct-rollover", id, |found| {
            let deposit = &found.deposit.record;
            Ok(term::instruct(deposit, &found.product, rollover, deposit.through)?)
        })
        .await
    }

    /// Begins another tenor with a deposit that has matured.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Deposits`].
    pub async fn roll_over_deposit(
        &self,
        call: &Call,
        id: TermDepositId,
        rollover: Rollover,
    ) -> Result<Done<DepositMoved>, Refusal> {
        self.move_deposit(call, "roll-over-deposit", id, |found| {
            let deposit = &found.deposit.record;
            Ok(maturity::roll_over(deposit, found.terms(), rollover, deposit.through)?)
        })
        .await
    }

    /// Shuts a direction of a deposit.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Deposits`].
    pub async fn freeze_deposit(
        &self,
        call: &Call,
        id: TermDepositId,
        new: &NewFreeze,
    ) -> Result<Done<Restrained>, Refusal> {
        let freeze = Id::new(call.now, &mut call.prng());
        self.restrain_deposit(call, "freeze-deposit", id, freeze.cast(), |found| {
            let deposit = &found.deposit.record;
            Ok(term::freeze(deposit, new.freeze(freeze, deposit.through))?)
        })
        .await
    }

    /// Lifts a freeze of a deposit.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Deposits`].
    pub async fn unfreeze_deposit(
        &self,
        call: &Call,
        id: TermDepositId,
        freeze: Id<Freeze>,
    ) -> Result<Done<Restrained>, Refusal> {
        self.restrain_deposit(call, "unfreeze-deposit", id, freeze.cast(), |found| {
            let deposit = &found.deposit.record;
            Ok(term::unfreeze(deposit, freeze, deposit.through)?)
        })
        .await
    }

    /// Keeps an amount of a deposit back.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::OtherCurrency`], [`Refusal::Deposits`],
    /// [`Refusal::Ledger`] when there is less in the deposit.
    pub async fn stop_deposit_payment(
        &self,
        call: &Call,
        id: TermDepositId,
        new: &NewStop,
    ) -> Result<Done<Restrained>, Refusal> {
        let stop = Id::new(call.now, &mut call.prng());
        self.restrain_deposit(call, "stop-deposit-payment", id, stop.cast(), |found| {
            let deposit = &found.deposit.record;
            let amount = in_currency(new.amount, &found.product)?;
            Ok(term::stop_payment(deposit, new.stop(stop, amount, deposit.through))?)
        })
        .await
    }

    /// Lets an amount of a deposit go that was kept back.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Deposits`].
    pub async fn release_deposit_stop(
        &self,
        call: &Call,
        id: TermDepositId,
        stop: Id<Stop>,
    ) -> Result<Done<Restrained>, Refusal> {
        self.restrain_deposit(call, "release-deposit-stop", id, stop.cast(), |found| {
            let deposit = &found.deposit.record;
            Ok(term::release_stop(deposit, stop, deposit.through)?)
        })
        .await
    }

    async fn restrain_deposit(
        &self,
        call: &Call,
        command: &'static str,
        id: TermDepositId,
        restraint: Id<()>,
        decide: impl Fn(&Found) -> Result<Outcome<TermDeposit>, Refusal>,
    ) -> Result<Done<Restrained>, Refusal> {
        call.caller.must(Right::Freezes)?;
        let decide = &decide;
        self.carry_out(call, move || async move {
            let found = self.find_deposit(&call.caller, id).await?;
            let outcome = decide(&found)?;
            let on = found.deposit.record.through;
            let mut commit = call.commit(command, found.deposit.lane, on);
            found.record(&mut commit, &mut call.prng(), &outcome)?;
            commit.answer(&Restrained { contract: id.cast(), restraint, on });
            Ok(commit)
        })
        .await
    }

    /// A command that moves a deposit on its business date, which is that of the institution except
    /// while days are being closed.
    async fn move_deposit(
        &self,
        call: &Call,
        command: &'static str,
        id: TermDepositId,
        decide: impl Fn(&Found) -> Result<Outcome<TermDeposit>, Refusal>,
    ) -> Result<Done<DepositMoved>, Refusal> {
        call.caller.must(Right::Payments)?;
        let decide = &decide;
        self.carry_out(call, move || async move {
            let found = self.find_deposit(&call.caller, id).await?;
            let outcome = decide(&found)?;
            let on = found.deposit.record.through;
            let mut commit = call.commit(command, found.deposit.lane, on);
            found.record(&mut commit, &mut call.prng(), &outcome)?;
            commit.answer(&moved(id, &outcome, on));
            Ok(commit)
        })
        .await
    }

    /// Closes a deposit's business day. Answers the day to be closed next, if there is one.
    /// Interest that its holder's account does not take waits.
    pub(crate) async fn close_deposit_day(
        &self,
        call: &Call,
        id: TermDepositId,
        day: Date,
    ) -> Result<Option<Date>, Refusal> {
        let closed = match self.try_deposit_day(call, id, day, true).await {
            Err(Refusal::Ledger { .. }) => self.try_deposit_day(call, id, day, false).await,
            closed => closed,
        };
        match closed {
            // Withdrawn after its timer was read: no day is left.
            Err(Refusal::Deposits(Reject::Closed)) => Ok(None),
            closed => closed,
        }
    }

    async fn try_deposit_day(
        &self,
        call: &Call,
        id: TermDepositId,
        day: Date,
        pays: bool,
    ) -> Result<Option<Date>, Refusal> {
        let done = self.carry_out::<Option<Date>, _>(call, move || async move {
            let found = self.find_deposit(&call.caller, id).await?;
            let deposit = &found.deposit.record;
            let takes = |it: &FoundAccount| it.takes_in();
            let pays = pays && found.account.as_ref().is_some_and(takes);
            let outcome = maturity::close_day(deposit, found.terms(), day, pays)?;
            let mut commit = call.commit("close-deposit-day", found.deposit.lane, day);
            found.record(&mut commit, &mut call.prng(), &outcome)?;
            commit.answer(&outcome.contract.timer());
            Ok(commit)
        });
        Ok(done.await?.answer)
    }

    async fn find_deposit(&self, caller: &Caller, id: TermDepositId) -> Result<Found, Refusal> {
        let deposit = self.need(&TERM_DEPOSITS, caller.institution, id, "deposit").await?;
        let TermDeposit { product: name, version, through, .. } = &deposit.record;
        let product = self.pinned_product(caller, name, *version).await?.term()?;
        let day = rates_of(&deposit.record);
        let posted = if product.rates_are_posted() {
            match self.product_in_force(caller, name, day).await {
                Ok(posted) => posted.term()?,
                // Suspended or retired: the rates of the contract's version go on.
                Err(Refusal::NotFound(_)) => product.clone(),
                Err(refusal) => return Err(refusal),
            }
        } else {
            product.clone()
        };
        let account = self.account_of(caller, &deposit.record, *through).await?;
        Ok(Found { id, deposit, product, posted, account })
    }

    /// The account that the holder of a deposit named, which must be the same holder's.
    async fn account_of(
        &self,
        caller: &Caller,
        deposit: &TermDeposit,
        day: Date,
    ) -> Result<Option<FoundAccount>, Refusal> {
        let Some(id) = deposit.account else { return Ok(None) };
        let found = self.find_account_on(caller, id, day).await?;
        if found.account.record.holder != deposit.holder {
            return Err(Refusal::NotFound("account"));
        }
        found.amount(Money::new(Amount::ZERO, deposit.currency))?;
        Ok(Some(found))
    }

    /// A deposit.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn term_deposit(
        &self,
        caller: &Caller,
        id: TermDepositId,
    ) -> Result<DepositState, Refusal> {
        caller.must(Right::Read)?;
        let deposit = self.need(&TERM_DEPOSITS, caller.institution, id, "deposit").await?;
        Ok(DepositState { id, contract: deposit.record })
    }

    /// Deposits, oldest first; of one party, or all.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn term_deposits(
        &self,
        caller: &Caller,
        of_party: Option<PartyId>,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Page<DepositState, Id<()>>, Refusal> {
        caller.must(Right::Read)?;
        let of = caller.institution;
        let page = match of_party {
            None => self.store().list(&TERM_DEPOSITS, of, after, limit).await?,
            Some(party) => {
                let link = ("holder", &*party.to_string());
                self.store().find(&TERM_DEPOSITS, of, link, after, limit).await?
            }
        };
        let state = |(id, it): (Id<()>, Versioned<TermDeposit>)| DepositState {
            id: id.cast(),
            contract: it.record,
        };
        Ok(Page { data: page.data.into_iter().map(state).collect(), next: page.next })
    }
}

impl Found {
    fn terms(&self) -> Terms<'_, TermProduct> {
        Terms { product: &self.product, posted: &self.posted }
    }

    fn ledger_account(&self) -> AccountId {
        books(&self.product, self.id).contract_account(deposits_code(self.product.accounting()))
    }

    /// Puts an outcome into a commit; what goes out goes to the holder's account, if there is one.
    fn record(
        &self,
        commit: &mut Commit,
        prng: &mut Prng,
        outcome: &Outcome<TermDeposit>,
    ) -> Result<(), Refusal> {
        let Self { id, deposit, product, account, .. } = self;
        let (before, after) = (&deposit.record, &outcome.contract);
        commit.put(&TERM_DEPOSITS, *id, deposit.version, after);
        book(commit, prng, &books(product, *id), outcome);
        restrain(commit, self.ledger_account(), &before.restraints, &after.restraints);
        move_timer(commit, CLOSE_DEPOSIT_DAY, *id, before.timer(), after.timer());
        tell(commit, *id, outcome);
        let total = booked(outcome, "withdrawal") + booked(outcome, "interest-payment");
        if let Some(account) = account.as_ref().filter(|_| total.is_positive()) {
            put_in(commit, prng, account, total, after.through)?;
        }
        Ok(())
    }
}

/// The day whose posted rates count: at the end of a day the next tenor may begin, at the rate of
/// the day after.
pub(crate) fn rates_of(deposit: &TermDeposit) -> Date {
    let next = deposit.through.tomorrow().unwrap_or(deposit.through);
    if next == deposit.matures_on { next } else { deposit.through }
}

/// What went out or in under an event.
fn booked(outcome: &Outcome<TermDeposit>, event: &str) -> Amount {
    outcome.entries.iter().filter(|it| it.event == event).map(|it| it.amount.1).sum()
}

/// Moves money of a deposit out of its holder's account.
fn take_out(
    commit: &mut Commit,
    prng: &mut Prng,
    account: &FoundAccount,
    amount: Amount,
    value_date: Date,
) -> Result<(), Refusal> {
    let movement = Movement { amount, value_date };
    let on = account.on.max(value_date);
    let record = &account.account.record;
    let outcome = movement::withdraw(record, account.terms(), movement, None, on)?;
    account.record(commit, prng, &outcome);
    Ok(())
}

/// Moves money of a deposit into its holder's account.
fn put_in(
    commit: &mut Commit,
    prng: &mut Prng,
    account: &FoundAccount,
    amount: Amount,
    value_date: Date,
) -> Result<(), Refusal> {
    let movement = Movement { amount, value_date };
    let on = account.on.max(value_date);
    let outcome = movement::deposit(&account.account.record, account.terms(), movement, on)?;
    account.record(commit, prng, &outcome);
    Ok(())
}

fn moved(id: TermDepositId, outcome: &Outcome<TermDeposit>, on: Date) -> DepositMoved {
    let deposit = &outcome.contract;
    let money = |amount| Money::new(amount, deposit.currency);
    DepositMoved {
        deposit: id,
        on,
        stage: deposit.stage,
        amount: money(booked(outcome, "placement") + booked(outcome, "withdrawal")),
        interest: money(booked(outcome, "interest-payment")),
        principal: money(deposit.principal),
    }
}

fn in_currency(money: Money, product: &TermProduct) -> Result<Amount, Refusal> {
    let same = money.currency == product.currency();
    if same { Ok(money.amount) } else { Err(Refusal::OtherCurrency) }
}

pub(crate) fn books(product: &TermProduct, id: TermDepositId) -> Books<'_> {
    Books {
        accounting: product.accounting(),
        currency: product.currency(),
        contract: id.cast(),
        limited: Some(deposits_code(product.accounting())),
    }
}

fn no_overdraft() -> Limits {
    Limits { overdraft: Some(Amount::ZERO), ..Limits::default() }
}
