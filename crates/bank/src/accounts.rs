//! Current accounts: open, deposit, withdraw, wake, close, the interest of each day, and what
//! keeps money in an account.

use std::{collections::BTreeMap, sync::Arc};

use deposits::{
    CurrentAccount, Freeze, Hold, Outcome, Reject, Restraints, Scope, Status, Stop, Terms, account,
    movement::{self, Movement},
};
use ledger::{AccountId, AccountState, Cap, CapUse, Direction, Limits, Side, Window};
use lending::application::Applicant;
use money::{Amount, Currency, Decimal, Money};
use product::{
    AccountCode, Accounting,
    eligibility::Eligibility,
    kinds::current_account::{AccountProduct, FlowLimits},
};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id, Prng};
use store::{AccountChange, Commit, Due, Page, Stored, Versioned};

use crate::{
    Bank, Call, Caller, Done, Refusal, Right,
    books::Books,
    days::CLOSE_ACCOUNT_DAY,
    tables::{CURRENT_ACCOUNTS, CurrentAccountId, INSTITUTIONS, PARTIES, PartyId, party_lane},
};

/// Who wants which account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAccount {
    /// Whose money it will be.
    pub party: PartyId,
    /// Under which product.
    pub product: String,
}

/// A direction to be shut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewFreeze {
    /// Which.
    pub scope: Scope,
    /// Why.
    pub reason: String,
    /// By which document.
    pub reference: String,
    /// The last day; until it is lifted when absent.
    #[serde(default)]
    pub until: Option<Date>,
}

/// An amount to be kept back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewStop {
    /// How much.
    pub amount: Money,
    /// Why.
    pub reason: String,
    /// By which document.
    pub reference: String,
    /// The last day; until it is released when absent.
    #[serde(default)]
    pub until: Option<Date>,
}

/// The answer to what moves an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountMoved {
    /// Which account.
    pub account: CurrentAccountId,
    /// The business date it was booked on.
    pub on: Date,
    /// What moved; zero when the account was opened or woken.
    pub amount: Money,
}

/// The answer to what forbids something on a contract or allows it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restrained {
    /// Which contract.
    pub contract: Id<()>,
    /// Which freeze or stop-payment.
    pub restraint: Id<()>,
    /// The business date.
    pub on: Date,
}

/// An account with its balance.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountStanding {
    /// The account.
    pub id: CurrentAccountId,
    /// The contract.
    pub contract: CurrentAccount,
    /// What is in it.
    pub balance: Money,
    /// What of it is not held.
    pub available: Money,
}

/// An account as a command finds it.
pub(crate) struct FoundAccount {
    id: CurrentAccountId,
    pub(crate) account: Versioned<CurrentAccount>,
    product: Arc<AccountProduct>,
    posted: Arc<AccountProduct>,
    /// The business date of the account.
    pub(crate) on: Date,
}

impl Bank {
    /// Opens a current account, with the caps of its class as they are on the day.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for the party or the product, [`Refusal::OtherKind`],
    /// [`Refusal::NotEligible`].
    pub async fn open_account(
        &self,
        call: &Call,
        open: &OpenAccount,
    ) -> Result<Done<AccountMoved>, Refusal> {
        call.caller.must(Right::Contracts)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let institution = self.institution(&call.caller).await?;
            let today = institution.record.business_date;
            let party = self.need(&PARTIES, of, open.party, "party").await?;
            let product = self.product_in_force(&call.caller, &open.product, today).await?;
            let product = product.account()?;
            let currency = product.currency();
            let applicant = self.applicant(call, &party.record, currency, today).await?;
            // Nothing is declared for an account, no amount is asked for.
            eligible(product.eligibility(), currency, applicant, Decimal::ZERO)?;
            let outcome = account::open(&product, open.party.cast(), today);
            let id: CurrentAccountId = Id::new(call.now, &mut call.prng());
            let mut commit = call.commit("open-account", party_lane(open.party), today);
            commit.expect(&PARTIES, open.party, party.version);
            // The business date must not move under the first day of interest.
            commit.expect(&INSTITUTIONS, of, institution.version);
            commit.put(&CURRENT_ACCOUNTS, id, 0, &outcome.contract);
            books(&product, id).open_limited(&mut commit, limits(&product, today));
            move_timer(&mut commit, CLOSE_ACCOUNT_DAY, id, None, outcome.contract.timer);
            tell(&mut commit, id, &outcome);
            let amount = Money::new(Amount::ZERO, currency);
            commit.answer(&AccountMoved { account: id, on: today, amount });
            Ok(commit)
        })
        .await
    }

    /// Takes money in, counting from a value date of the open interest period or from today.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::OtherCurrency`], [`Refusal::Deposits`],
    /// [`Refusal::Ledger`] when a limit of the product or of its class would be passed.
    pub async fn deposit(
        &self,
        call: &Call,
        id: CurrentAccountId,
        money: Money,
        value_date: Option<Date>,
    ) -> Result<Done<AccountMoved>, Refusal> {
        call.caller.must(Right::Payments)?;
        self.move_account(call, "deposit", id, None, |found, _| {
            let amount = found.amount(money)?;
            let movement = Movement { amount, value_date: value_date.unwrap_or(found.on) };
            let outcome =
                movement::deposit(&found.account.record, found.terms(), movement, found.on)?;
            Ok((outcome, amount))
        })
        .await
    }

    /// Pays money out, as [`Bank::deposit`] takes it in.
    ///
    /// # Errors
    /// As [`Bank::deposit`].
    pub async fn withdraw(
        &self,
        call: &Call,
        id: CurrentAccountId,
        money: Money,
        value_date: Option<Date>,
    ) -> Result<Done<AccountMoved>, Refusal> {
        call.caller.must(Right::Payments)?;
        self.move_account(call, "withdraw", id, value_date, |found, lowest| {
            let amount = found.amount(money)?;
            let movement = Movement { amount, value_date: value_date.unwrap_or(found.on) };
            let account = &found.account.record;
            let outcome = movement::withdraw(account, found.terms(), movement, lowest, found.on)?;
            Ok((outcome, amount))
        })
        .await
    }

    /// Ends the dormancy of an account.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Deposits`].
    pub async fn wake_account(
        &self,
        call: &Call,
        id: CurrentAccountId,
    ) -> Result<Done<AccountMoved>, Refusal> {
        call.caller.must(Right::Payments)?;
        self.move_account(call, "wake-account", id, None, |found, _| {
            let woken = account::wake(&found.account.record, &found.product, found.on)?;
            Ok((woken, Amount::ZERO))
        })
        .await
    }

    /// Closes an account and pays out what is in it, with the interest up to today. The limits of
    /// the product and of its class do not keep the money in.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Deposits`], [`Refusal::Ledger`].
    pub async fn close_account(
        &self,
        call: &Call,
        id: CurrentAccountId,
    ) -> Result<Done<AccountMoved>, Refusal> {
        call.caller.must(Right::Payments)?;
        self.carry_out(call, move || async move {
            let found = self.find_account(&call.caller, id).await?;
            let balances = self.store().account(call.caller.institution, found.ledger_account());
            let balances = balances.await?.map(|it| it.balances).unwrap_or_default();
            let balance = balances.posted(Side::Credit);
            let held = balances.credits_pending + balances.debits_pending;
            let account = &found.account.record;
            let outcome = account::close(account, found.terms(), balance, held, found.on)?;
            let mut commit = call.commit("close-account", found.account.lane, found.on);
            let none = Limits { overdraft: Some(Amount::ZERO), ..Limits::default() };
            commit.accounts.push(AccountChange::Limits(found.ledger_account(), Some(none)));
            found.record(&mut commit, &mut call.prng(), &outcome);
            let paid = outcome.entries.iter().find(|it| it.event == "withdrawal");
            let paid = paid.map_or(Amount::ZERO, |it| it.amount.1);
            commit.answer(&found.moved(paid));
            Ok(commit)
        })
        .await
    }

    /// Shuts a direction of an account.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Deposits`].
    pub async fn freeze_account(
        &self,
        call: &Call,
        id: CurrentAccountId,
        new: &NewFreeze,
    ) -> Result<Done<Restrained>, Refusal> {
        self.restrain_account(call, "freeze-account", id, |found, id| {
            let freeze = new.freeze(id.cast(), found.on);
            Ok(account::freeze(&found.account.record, &found.product, freeze)?)
        })
        .await
    }

    /// Lifts a freeze of an account.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Deposits`].
    pub async fn unfreeze_account(
        &self,
        call: &Call,
        id: CurrentAccountId,
        freeze: Id<Freeze>,
    ) -> Result<Done<Restrained>, Refusal> {
        self.release_account(call, "unfreeze-account", id, freeze.cast(), |found| {
            Ok(account::unfreeze(&found.account.record, &found.product, freeze, found.on)?)
        })
        .await
    }

    /// Keeps an amount of an account back.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::OtherCurrency`], [`Refusal::Deposits`],
    /// [`Refusal::Ledger`] when there is less in the account.
    pub async fn stop_account_payment(
        &self,
        call: &Call,
        id: CurrentAccountId,
        new: &NewStop,
    ) -> Result<Done<Restrained>, Refusal> {
        self.restrain_account(call, "stop-payment", id, |found, id| {
            let stop = new.stop(id.cast(), found.amount(new.amount)?, found.on);
            Ok(account::stop_payment(&found.account.record, &found.product, stop)?)
        })
        .await
    }

    /// Lets an amount of an account go that was kept back.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Deposits`].
    pub async fn release_account_stop(
        &self,
        call: &Call,
        id: CurrentAccountId,
        stop: Id<Stop>,
    ) -> Result<Done<Restrained>, Refusal> {
        self.release_account(call, "release-stop", id, stop.cast(), |found| {
            Ok(account::release_stop(&found.account.record, &found.product, stop, found.on)?)
        })
        .await
    }

    async fn restrain_account(
        &self,
        call: &Call,
        command: &'static str,
        id: CurrentAccountId,
        decide: impl Fn(&FoundAccount, Id<()>) -> Result<Outcome<CurrentAccount>, Refusal>,
    ) -> Result<Done<Restrained>, Refusal> {
        let restraint = Id::new(call.now, &mut call.prng());
        self.release_account(call, command, id, restraint, |found| decide(found, restraint)).await
    }

    async fn release_account(
        &self,
        call: &Call,
        command: &'static str,
        id: CurrentAccountId,
        restraint: Id<()>,
        decide: impl Fn(&FoundAccount) -> Result<Outcome<CurrentAccount>, Refusal>,
    ) -> Result<Done<Restrained>, Refusal> {
        call.caller.must(Right::Freezes)?;
        let decide = &decide;
        self.carry_out(call, move || async move {
            let found = self.find_account(&call.caller, id).await?;
            let outcome = decide(&found)?;
            let mut commit = call.commit(command, found.account.lane, found.on);
            found.record(&mut commit, &mut call.prng(), &outcome);
            commit.answer(&Restrained { contract: id.cast(), restraint, on: found.on });
            Ok(commit)
        })
        .await
    }

    /// A command that moves an account on its business date. Where it counts from a day of the
    /// past, `decide` is told the least that was in the account since.
    async fn move_account(
        &self,
        call: &Call,
        command: &'static str,
        id: CurrentAccountId,
        since: Option<Date>,
        decide: impl Fn(
            &FoundAccount,
            Option<Amount>,
        ) -> Result<(Outcome<CurrentAccount>, Amount), Refusal>,
    ) -> Result<Done<AccountMoved>, Refusal> {
        let decide = &decide;
        self.carry_out(call, move || async move {
            let found = self.find_account(&call.caller, id).await?;
            let lowest = match since {
                Some(since) => self.lowest_balance(&call.caller, &found, since).await?,
                None => None,
            };
            let (outcome, amount) = decide(&found, lowest)?;
            let mut commit = call.commit(command, found.account.lane, found.on);
            // A new version of the record, also where nothing in it changes: a close of the day
            // that has read the balance without this has to read it again.
            found.record(&mut commit, &mut call.prng(), &outcome);
            commit.answer(&found.moved(amount));
            Ok(commit)
        })
        .await
    }

    /// Closes an account's business day: interest, settlement, what ends by itself. Answers the day
    /// to be closed next, if there is one. Interest that the account has no room for stays payable.
    pub(crate) async fn close_account_day(
        &self,
        call: &Call,
        id: CurrentAccountId,
        day: Date,
    ) -> Result<Option<Date>, Refusal> {
        let settled = match self.try_account_day(call, id, day, true).await {
            Err(Refusal::Ledger { .. }) => self.try_account_day(call, id, day, false).await,
            settled => settled,
        };
        match settled {
            // Closed after its timer was read: no day is left.
            Err(Refusal::Deposits(Reject::Closed)) => Ok(None),
            settled => settled,
        }
    }

    async fn try_account_day(
        &self,
        call: &Call,
        id: CurrentAccountId,
        day: Date,
        room: bool,
    ) -> Result<Option<Date>, Refusal> {
        let of = call.caller.institution;
        let done = self.carry_out::<Option<Date>, _>(call, move || async move {
            let found = self.find_account_on(&call.caller, id, day).await?;
            let moved = self.store().moved_through(of, found.ledger_account(), day).await?;
            let (account, balance) = (&found.account.record, moved.1 - moved.0);
            let outcome = deposits::day::close_day(account, found.terms(), balance, day, room)?;
            let mut commit = call.commit("close-account-day", found.account.lane, day);
            found.record(&mut commit, &mut call.prng(), &outcome);
            commit.answer(&outcome.contract.timer);
            Ok(commit)
        });
        Ok(done.await?.answer)
    }

    /// The least that was in an account at the end of a day from a value date on, where that is in
    /// the past.
    async fn lowest_balance(
        &self,
        caller: &Caller,
        found: &FoundAccount,
        value_date: Date,
    ) -> Result<Option<Amount>, Refusal> {
        // What is further back is refused anyway.
        let first = value_date.max(found.account.record.since);
        let days = first.series(jiff::Span::new().days(1));
        let mut lowest: Option<Amount> = None;
        for day in days.take_while(|day| *day < found.on) {
            let account = found.ledger_account();
            let moved = self.store().moved_through(caller.institution, account, day).await?;
            let balance = moved.1 - moved.0;
            lowest = Some(lowest.map_or(balance, |it| it.min(balance)));
        }
        Ok(lowest)
    }

    /// An account on its business date.
    pub(crate) async fn find_account(
        &self,
        caller: &Caller,
        id: CurrentAccountId,
    ) -> Result<FoundAccount, Refusal> {
        let today = self.institution(caller).await?.record.business_date;
        self.find_account_on(caller, id, today).await
    }

    /// An account on a day, or on its own business date where that is later.
    pub(crate) async fn find_account_on(
        &self,
        caller: &Caller,
        id: CurrentAccountId,
        day: Date,
    ) -> Result<FoundAccount, Refusal> {
        let account = self.need(&CURRENT_ACCOUNTS, caller.institution, id, "account").await?;
        let CurrentAccount { product: name, version, .. } = &account.record;
        let product = self.pinned_product(caller, name, *version).await?.account()?;
        let on = account.record.business_date(day);
        let posted = if product.rate_is_posted() {
            match self.product_in_force(caller, name, on).await {
                Ok(posted) => posted.account()?,
                // Suspended or retired: the rates of the contract's version go on.
                Err(Refusal::NotFound(_)) => product.clone(),
                Err(refusal) => return Err(refusal),
            }
        } else {
            product.clone()
        };
        Ok(FoundAccount { id, account, product, posted, on })
    }

    /// An account with its balance.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn account(
        &self,
        caller: &Caller,
        id: CurrentAccountId,
    ) -> Result<AccountStanding, Refusal> {
        caller.must(Right::Read)?;
        let account = self.need(&CURRENT_ACCOUNTS, caller.institution, id, "account").await?;
        self.standing(caller, (id.cast(), account)).await
    }

    /// Accounts, oldest first.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn accounts(
        &self,
        caller: &Caller,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Page<AccountStanding, Id<()>>, Refusal> {
        caller.must(Right::Read)?;
        let page = self.store().list(&CURRENT_ACCOUNTS, caller.institution, after, limit).await?;
        let mut data = Vec::with_capacity(page.data.len());
        for stored in page.data {
            data.push(self.standing(caller, stored).await?);
        }
        Ok(Page { data, next: page.next })
    }

    async fn standing(
        &self,
        caller: &Caller,
        (id, stored): Stored<CurrentAccount>,
    ) -> Result<AccountStanding, Refusal> {
        let contract = stored.record;
        let CurrentAccount { product, version, .. } = &contract;
        let product = self.pinned_product(caller, product, *version).await?.account()?;
        let books = books(&product, id.cast());
        let account = books.contract_account(deposits_code(product.accounting()));
        let account = self.store().account(caller.institution, account).await?;
        let balances = account.map(|it| it.balances).unwrap_or_default();
        Ok(AccountStanding {
            id: id.cast(),
            balance: Money::new(balances.posted(Side::Credit), contract.currency),
            available: Money::new(balances.available(Side::Credit), contract.currency),
            contract,
        })
    }
}

impl FoundAccount {
    pub(crate) fn terms(&self) -> Terms<'_, AccountProduct> {
        Terms { product: &self.product, posted: &self.posted }
    }

    /// An amount in the account's currency.
    pub(crate) fn amount(&self, money: Money) -> Result<Amount, Refusal> {
        let same = money.currency == self.account.record.currency;
        if same { Ok(money.amount) } else { Err(Refusal::OtherCurrency) }
    }

    /// Whether money may come in, as far as the contract says.
    pub(crate) fn takes_in(&self) -> bool {
        let CurrentAccount { status, restraints, .. } = &self.account.record;
        *status != Status::Closed && restraints.take_in()
    }

    fn books(&self) -> Books<'_> {
        books(&self.product, self.id)
    }

    fn ledger_account(&self) -> AccountId {
        self.books().contract_account(deposits_code(self.product.accounting()))
    }

    fn moved(&self, amount: Amount) -> AccountMoved {
        let amount = Money::new(amount, self.account.record.currency);
        AccountMoved { account: self.id, on: self.on, amount }
    }

    /// Puts an outcome into a commit.
    pub(crate) fn record(
        &self,
        commit: &mut Commit,
        prng: &mut Prng,
        outcome: &Outcome<CurrentAccount>,
    ) {
        let Self { id, account, .. } = self;
        let (before, after) = (&account.record, &outcome.contract);
        commit.put(&CURRENT_ACCOUNTS, *id, account.version, after);
        book(commit, prng, &self.books(), outcome);
        restrain(commit, self.ledger_account(), &before.restraints, &after.restraints);
        move_timer(commit, CLOSE_ACCOUNT_DAY, *id, before.timer, after.timer);
        tell(commit, *id, outcome);
    }
}

impl NewFreeze {
    pub(crate) fn freeze(&self, id: Id<Freeze>, since: Date) -> Freeze {
        let Self { scope, reason, reference, until } = self.clone();
        Freeze { id, scope, reason, reference, since, until }
    }
}

impl NewStop {
    pub(crate) fn stop(&self, id: Id<Stop>, amount: Amount, since: Date) -> Stop {
        let Self { reason, reference, until, .. } = self.clone();
        Stop { id, amount, reason, reference, since, until }
    }
}

/// Puts into a commit what an outcome books and holds.
pub(crate) fn book<C>(
    commit: &mut Commit,
    prng: &mut Prng,
    books: &Books<'_>,
    outcome: &Outcome<C>,
) {
    for entry in &outcome.entries {
        // What is settled at the end of a day has the value of the next, on which it is booked.
        commit.at.today = commit.at.today.max(entry.value_date);
        books.book(commit, entry.event, &[entry.amount], entry.value_date, prng);
    }
    for hold in &outcome.holds {
        match *hold {
            Hold::Place(stop, amount) => {
                books.hold(commit, "withdrawal", ("amount", amount), stop.cast());
            }
            Hold::Release(stop) => books.release(commit, stop.cast(), prng),
        }
    }
}

/// Puts into a commit what a change of restraints does to the ledger's account.
pub(crate) fn restrain(
    commit: &mut Commit,
    account: AccountId,
    before: &Restraints,
    after: &Restraints,
) {
    let state = |it: &Restraints| match (it.take_in(), it.give_out()) {
        (true, true) => AccountState::Open,
        (false, true) => AccountState::FrozenIn,
        (true, false) => AccountState::FrozenOut,
        (false, false) => AccountState::Frozen,
    };
    if state(before) != state(after) {
        commit.accounts.push(AccountChange::State(account, state(after)));
    }
}

/// Moves the one timer of a contract.
pub(crate) fn move_timer<I>(
    commit: &mut Commit,
    kind: &str,
    id: Id<I>,
    before: Option<Date>,
    after: Option<Date>,
) {
    if before == after {
        return;
    }
    if let Some(day) = before {
        commit.clear_timer(Due::Day(day), kind, id);
    }
    if let Some(day) = after {
        commit.set_timer(Due::Day(day), kind, id);
    }
}

pub(crate) fn tell<I, C>(commit: &mut Commit, subject: Id<I>, outcome: &Outcome<C>) {
    for event in &outcome.events {
        commit.tell(event.name(), subject, event);
    }
}

/// Refuses a party the product's rules refuse.
pub(crate) fn eligible(
    eligibility: &Eligibility,
    currency: Currency,
    applicant: Applicant,
    amount: Decimal,
) -> Result<(), Refusal> {
    let Applicant { age, kind, kyc_level, outstanding, days_past_due } = applicant;
    let kind = kind.name();
    let outstanding = outstanding.to_decimal(currency);
    let applicant = product::Applicant { age, kind, kyc_level, outstanding, days_past_due };
    let facts = BTreeMap::new();
    let asked = product::Application { amount, term: 1, applicant, facts };
    let facts = eligibility.facts(&asked).map_err(Refusal::Definition)?;
    let failures = eligibility.failures(&facts);
    if failures.is_empty() { Ok(()) } else { Err(Refusal::NotEligible(failures)) }
}

/// The account of the chart that holds the customer's money: what paying out debits.
pub(crate) fn deposits_code(accounting: &Accounting) -> AccountCode {
    let rule = accounting.rules("withdrawal").iter().find(|it| it.amount == "amount");
    rule.expect("every kind of deposit pays an amount out").debit
}

/// Where interest that a deposit earned waits until it is paid out.
pub(crate) fn interest_code(accounting: &Accounting) -> AccountCode {
    let rule = accounting.rules("interest-payment").iter().find(|it| it.amount == "interest");
    rule.expect("every kind of term deposit pays interest out").debit
}

pub(crate) fn books(product: &AccountProduct, id: CurrentAccountId) -> Books<'_> {
    Books {
        accounting: product.accounting(),
        currency: product.currency(),
        contract: id.cast(),
        limited: Some(deposits_code(product.accounting())),
    }
}

/// What the ledger keeps: no overdraft, the product's limits, and the caps of its class on a day.
fn limits(product: &AccountProduct, day: Date) -> Limits {
    let own = product.limits();
    let class = product.terms().class.map(|it| it.name());
    let class = class.and_then(|it| compliance::cn::account_classes().on(it, day));
    let class = class.map(|it| it.value).unwrap_or_default();
    let in_currency = |money: Option<Money>| {
        money.filter(|it| it.currency == product.currency()).map(|it| it.amount)
    };
    let FlowLimits { daily: daily_out, monthly: monthly_out, yearly: yearly_out } = own.outflow;
    let FlowLimits { daily: daily_in, monthly: monthly_in, yearly: yearly_in } = own.inflow;
    let caps = [
        (Direction::Out, Window::Day, daily_out, class.daily_out),
        (Direction::Out, Window::Month, monthly_out, None),
        (Direction::Out, Window::Year, yearly_out, class.yearly_out),
        (Direction::Out, Window::Lifetime, None, class.lifetime_out),
        (Direction::In, Window::Day, daily_in, class.daily_in),
        (Direction::In, Window::Month, monthly_in, None),
        (Direction::In, Window::Year, yearly_in, class.yearly_in),
    ];
    let lower = |own: Option<Amount>, class| own.into_iter().chain(in_currency(class)).min();
    let cap = |(direction, window, own, class)| {
        let usage = CapUse::default();
        lower(own, class).map(|max| Cap { direction, window, max, usage })
    };
    Limits {
        overdraft: Some(Amount::ZERO),
        balance_max: lower(own.max_balance, class.balance),
        caps: caps.into_iter().filter_map(cap).collect(),
    }
}
