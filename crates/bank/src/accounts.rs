//! Current accounts: open, deposit, withdraw, and the interest of each day.

use std::{collections::BTreeMap, sync::Arc};

use ledger::{Cap, CapUse, Direction, Limits, Side, Window};
use lending::application::Applicant;
use money::{Amount, Decimal, Money};
use product::{AccountCode, kinds::current_account::AccountProduct};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id};
use store::{Due, Page, Stored, Versioned};

use crate::{
    Bank, Call, Caller, Done, Refusal, Right,
    books::Books,
    days::CLOSE_ACCOUNT_DAY,
    tables::{CURRENT_ACCOUNTS, CurrentAccountId, INSTITUTIONS, PARTIES, PartyId, party_lane},
};

/// A current account contract, with the interest it has earned and not been paid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurrentAccount {
    /// Whose money it is.
    pub holder: PartyId,
    /// Under which product.
    pub product: String,
    /// And which version of it.
    pub version: u32,
    /// Of what.
    pub currency: money::Currency,
    /// When it was opened.
    pub opened_on: Date,
    /// The day to be closed next, where the product pays interest: what moves now counts on this
    /// day, should the institution still be working on an earlier one.
    pub through: Date,
    /// Sum of the balances at the end of each day since the last settlement, in minor units
    /// (积数).
    pub balance_days: i64,
    /// Interest booked and not paid yet.
    pub interest: Amount,
}

/// Who wants which account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenAccount {
    /// Whose money it will be.
    pub party: PartyId,
    /// Under which product.
    pub product: String,
}

/// The answer to what moves an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountMoved {
    /// Which account.
    pub account: CurrentAccountId,
    /// The business date it was booked on.
    pub on: Date,
    /// What moved; zero when the account was opened.
    pub amount: Money,
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

impl Bank {
    /// Opens a current account.
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
            eligible(&product, applicant)?;
            let id: CurrentAccountId = Id::new(call.now, &mut call.prng());
            let mut commit = call.commit("open-account", party_lane(open.party), today);
            let contract = CurrentAccount {
                holder: open.party,
                product: product.definition().product.clone(),
                version: product.definition().version,
                currency,
                opened_on: today,
                through: today,
                balance_days: 0,
                interest: Amount::ZERO,
            };
            commit.expect(&PARTIES, open.party, party.version);
            // The business date must not move under the first day of interest.
            commit.expect(&INSTITUTIONS, of, institution.version);
            commit.put(&CURRENT_ACCOUNTS, id, 0, &contract);
            books(&product, id).open_limited(&mut commit, limits(&product));
            if product.terms().interest.is_some() {
                commit.set_timer(Due::Day(today), CLOSE_ACCOUNT_DAY, id);
            }
            commit.tell("account-opened", id, &contract);
            let amount = Money::new(Amount::ZERO, currency);
            commit.answer(&AccountMoved { account: id, on: today, amount });
            Ok(commit)
        })
        .await
    }

    /// Takes money in.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::OtherCurrency`], [`Refusal::Ledger`] when a limit of the
    /// product would be passed.
    pub async fn deposit(
        &self,
        call: &Call,
        id: CurrentAccountId,
        money: Money,
    ) -> Result<Done<AccountMoved>, Refusal> {
        self.move_account(call, id, money, ("deposit", "deposit", "deposit-received")).await
    }

    /// Pays money out.
    ///
    /// # Errors
    /// As [`Bank::deposit`].
    pub async fn withdraw(
        &self,
        call: &Call,
        id: CurrentAccountId,
        money: Money,
    ) -> Result<Done<AccountMoved>, Refusal> {
        self.move_account(call, id, money, ("withdraw", "withdrawal", "withdrawal-paid")).await
    }

    async fn move_account(
        &self,
        call: &Call,
        id: CurrentAccountId,
        money: Money,
        (command, event, told): (&'static str, &str, &str),
    ) -> Result<Done<AccountMoved>, Refusal> {
        call.caller.must(Right::Payments)?;
        // The books would take a negative amount for the opposite.
        if !money.amount.is_positive() {
            return Err(ledger::Reject::AmountMustBePositive.into());
        }
        self.carry_out(call, move || async move {
            let today = self.institution(&call.caller).await?.record.business_date;
            let (account, product) = self.current_account(&call.caller, id).await?;
            if account.record.currency != money.currency {
                return Err(Refusal::OtherCurrency);
            }
            let on = today.max(account.record.through);
            let mut commit = call.commit(command, account.lane, on);
            // A new version of the same record: a close of the day that has read the balance
            // without this has to read it again.
            commit.put(&CURRENT_ACCOUNTS, id, account.version, &account.record);
            let amounts = [("amount", money.amount)];
            let mut prng = call.prng();
            books(&product, id).book(&mut commit, event, &amounts, on, &mut prng);
            let moved = AccountMoved { account: id, on, amount: money };
            commit.tell(told, id, &moved);
            commit.answer(&moved);
            Ok(commit)
        })
        .await
    }

    /// Closes an account's business day: its balance earns a day's interest, which is booked, and
    /// paid on the days of settlement. What the account has no room for, its balance being at the
    /// most it may hold, stays payable until the next of them.
    pub(crate) async fn close_account_day(
        &self,
        call: &Call,
        id: CurrentAccountId,
        day: Date,
    ) -> Result<Option<Date>, Refusal> {
        let settled = self.try_account_day(call, id, day, true).await;
        let full = ledger::Reject::CreditAccountExceedsBalanceMax;
        match settled {
            Err(Refusal::Ledger { reject, .. }) if reject == full => {
                self.try_account_day(call, id, day, false).await
            }
            settled => settled,
        }
    }

    async fn try_account_day(
        &self,
        call: &Call,
        id: CurrentAccountId,
        day: Date,
        settle: bool,
    ) -> Result<Option<Date>, Refusal> {
        let of = call.caller.institution;
        let done = self.carry_out::<Option<Date>, _>(call, move || async move {
            let (account, product) = self.current_account(&call.caller, id).await?;
            let before = &account.record;
            if before.through != day {
                return Err(Refusal::NotTheBusinessDate(before.through));
            }
            let books = books(&product, id);
            let deposits = books.contract_account(deposits());
            let (debits, credits) = self.store().moved_through(of, deposits, day).await?;
            let mut after = before.earn(credits - debits, &product)?;

            let mut commit = call.commit("close-account-day", account.lane, day);
            let mut prng = call.prng();
            let accrued = [("interest", after.interest - before.interest)];
            books.book(&mut commit, "interest-accrual", &accrued, day, &mut prng);
            if settle && product.next_settlement(day) == Some(day) {
                let paid = std::mem::take(&mut after.interest);
                after.balance_days = 0;
                let amounts = [("interest", paid)];
                books.book(&mut commit, "interest-settlement", &amounts, day, &mut prng);
                commit.tell("interest-settled", id, &Money::new(paid, before.currency));
            }
            commit.put(&CURRENT_ACCOUNTS, id, account.version, &after);
            commit.clear_timer(Due::Day(day), CLOSE_ACCOUNT_DAY, id);
            commit.set_timer(Due::Day(after.through), CLOSE_ACCOUNT_DAY, id);
            commit.answer(&after.through);
            Ok(commit)
        });
        Ok(done.await?.answer)
    }

    async fn current_account(
        &self,
        caller: &Caller,
        id: CurrentAccountId,
    ) -> Result<(Versioned<CurrentAccount>, Arc<AccountProduct>), Refusal> {
        let account = self.need(&CURRENT_ACCOUNTS, caller.institution, id, "account").await?;
        let CurrentAccount { product, version, .. } = &account.record;
        let product = self.pinned_product(caller, product, *version).await?.account()?;
        Ok((account, product))
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
        let deposits = books(&product, id.cast()).contract_account(deposits());
        let account = self.store().account(caller.institution, deposits).await?;
        let balances = account.map(|it| it.balances).unwrap_or_default();
        Ok(AccountStanding {
            id: id.cast(),
            balance: Money::new(balances.posted(Side::Credit), contract.currency),
            available: Money::new(balances.available(Side::Credit), contract.currency),
            contract,
        })
    }
}

impl CurrentAccount {
    /// The account after its day, at whose end there was `balance` in it.
    ///
    /// Interest is exact from the last settlement on and then rounded, so the roundings of days do
    /// not add up.
    fn earn(&self, balance: Amount, product: &AccountProduct) -> Result<Self, Refusal> {
        let balance_days = self.balance_days.checked_add(balance.minor());
        let rounding = product.terms().interest.as_ref().map(|it| it.rounding).unwrap_or_default();
        let interest = balance_days
            .and_then(|it| product.interest(i128::from(it)))
            .and_then(|it| Amount::round(it, self.currency, rounding).ok());
        let (balance_days, interest) =
            balance_days.zip(interest).ok_or(ledger::Reject::BalanceOverflow)?;
        let through = self.through.tomorrow();
        let through = through.map_err(|_| Refusal::NotTheBusinessDate(self.through))?;
        Ok(Self { balance_days, interest, through, ..self.clone() })
    }
}

/// Refuses a party the product's rules refuse. Nothing is declared for an account, no amount is
/// asked for.
fn eligible(product: &AccountProduct, applicant: Applicant) -> Result<(), Refusal> {
    let Applicant { age, kind, kyc_level, outstanding, days_past_due } = applicant;
    let kind = kind.name();
    let outstanding = outstanding.to_decimal(product.currency());
    let applicant = product::Applicant { age, kind, kyc_level, outstanding, days_past_due };
    let (amount, facts) = (Decimal::ZERO, BTreeMap::new());
    let asked = product::Application { amount, term: 1, applicant, facts };
    let facts = product.eligibility().facts(&asked).map_err(Refusal::Definition)?;
    let failures = product.eligibility().failures(&facts);
    if failures.is_empty() { Ok(()) } else { Err(Refusal::NotEligible(failures)) }
}

/// The account of the chart that holds the customer's money: demand deposits.
fn deposits() -> AccountCode {
    "2011.01".parse().expect("a code of the chart")
}

fn books(product: &AccountProduct, id: CurrentAccountId) -> Books<'_> {
    Books {
        accounting: product.accounting(),
        currency: product.currency(),
        contract: id.cast(),
        limited: Some(deposits()),
    }
}

/// What the ledger keeps: no overdraft, and the product's limits.
fn limits(product: &AccountProduct) -> Limits {
    let limits = product.limits();
    let windows = [
        (Window::Day, limits.daily),
        (Window::Month, limits.monthly),
        (Window::Year, limits.yearly),
    ];
    let cap = |(window, max): (Window, Option<Amount>)| {
        let usage = CapUse::default();
        max.map(|max| Cap { direction: Direction::Out, window, max, usage })
    };
    Limits {
        overdraft: Some(Amount::ZERO),
        balance_max: limits.max_balance,
        caps: windows.into_iter().filter_map(cap).collect(),
    }
}
