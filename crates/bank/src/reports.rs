//! Reports from the books and the records.

use std::collections::BTreeMap;

use lending::{Bucket, Status};
use money::{Amount, Currency, Money};
use serde::{Deserialize, Serialize};
use stdx::{Date, Digest};
use store::{BookLine, LogRow, PAGE_MAX, Page};

use crate::{Bank, Caller, Refusal, Right};

/// The trial balance (试算平衡表): every code of the chart, and per currency a sum that is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialBalance {
    /// Through which value date; all there is when absent.
    pub through: Option<Date>,
    /// One line for each currency and code.
    pub lines: Vec<BookLine>,
    /// Debits less credits, per currency: zero when the books balance.
    pub difference: BTreeMap<Currency, Amount>,
}

/// The loans of one product.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portfolio {
    /// How many were paid out.
    pub loans: u64,
    /// How many of them are settled.
    pub settled: u64,
    /// What was paid out, fees not deducted, in minor units.
    pub disbursed: Amount,
    /// Principal still owed, in minor units.
    pub outstanding: Amount,
    /// By bucket of days past due: how many active loans and how much principal.
    pub arrears: BTreeMap<String, (u64, Amount)>,
}

impl Bank {
    /// The trial balance.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::Store`].
    pub async fn trial_balance(
        &self,
        caller: &Caller,
        through: Option<Date>,
    ) -> Result<TrialBalance, Refusal> {
        caller.must(Right::Audit)?;
        let lines = self.store().book(caller.institution, through).await?;
        // On the way to zero a sum may be larger than any amount.
        let mut sums = BTreeMap::<Currency, i128>::new();
        for line in &lines {
            let (debits, credits) = (line.debits.minor(), line.credits.minor());
            *sums.entry(line.currency).or_default() += i128::from(debits) - i128::from(credits);
        }
        let sums = sums.into_iter().map(|(currency, sum)| Ok((currency, amount(sum)?)));
        let difference = sums.collect::<Result<_, Refusal>>()?;
        Ok(TrialBalance { through, lines, difference })
    }

    /// The loans by product and currency.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::Store`].
    pub async fn portfolio(
        &self,
        caller: &Caller,
    ) -> Result<BTreeMap<(String, Currency), Portfolio>, Refusal> {
        caller.must(Right::Audit)?;
        let mut portfolios = BTreeMap::<_, Portfolio>::new();
        let mut after = None;
        loop {
            let page = self.loans(caller, None, after, PAGE_MAX).await?;
            for state in page.data.iter().filter(|it| it.loan.status != Status::Signed) {
                let loan = &state.loan;
                let portfolio =
                    portfolios.entry((loan.product.clone(), loan.currency)).or_default();
                portfolio.loans += 1;
                portfolio.disbursed += loan.principal;
                let Some(position) = &state.position else { continue };
                portfolio.outstanding += position.principal;
                if loan.status == Status::Settled {
                    portfolio.settled += 1;
                } else {
                    let bucket = Bucket::of(position.days_past_due).name().to_owned();
                    let (count, amount) = portfolio.arrears.entry(bucket).or_default();
                    *count += 1;
                    *amount += position.principal;
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(portfolios);
            }
        }
    }

    /// Debits and credits of the codes that start with `prefix`, per currency: 6011 is interest
    /// income.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::Store`].
    pub async fn turnover(
        &self,
        caller: &Caller,
        prefix: &str,
    ) -> Result<Vec<(Money, Money)>, Refusal> {
        let balance = self.trial_balance(caller, None).await?;
        let mut sums = BTreeMap::<Currency, (i128, i128)>::new();
        for line in balance.lines.iter().filter(|it| it.code.as_str().starts_with(prefix)) {
            let sum = sums.entry(line.currency).or_default();
            sum.0 += i128::from(line.debits.minor());
            sum.1 += i128::from(line.credits.minor());
        }
        let money = |currency, sum| amount(sum).map(|it| Money::new(it, currency));
        let sums = sums.into_iter();
        sums.map(|(currency, (debits, credits))| {
            Ok((money(currency, debits)?, money(currency, credits)?))
        })
        .collect()
    }

    /// The state hash now.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::Store`].
    pub async fn state_hash(&self, caller: &Caller) -> Result<Digest, Refusal> {
        caller.must(Right::Audit)?;
        Ok(self.store().state_hash(caller.institution).await?)
    }

    /// The event log, oldest first.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::Store`].
    pub async fn log(
        &self,
        caller: &Caller,
        after: u64,
        limit: usize,
    ) -> Result<Page<LogRow, u64>, Refusal> {
        caller.must(Right::Audit)?;
        Ok(self.store().log(caller.institution, after, limit).await?)
    }
}

/// A sum over accounts, which are each within range.
pub(crate) fn amount(sum: i128) -> Result<Amount, Refusal> {
    let minor = i64::try_from(sum).map_err(|_| ledger::Reject::BalanceOverflow)?;
    Ok(Amount::from_minor(minor))
}
