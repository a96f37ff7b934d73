//! Settling early (提前结清): what it costs on a day, and doing it.
//!
//! Interest is owed for the days the principal was used (中华人民共和国民法典 art. 677; not
//! verified), so future interest and fees are dropped, and no account of the contract keeps
//! anything.

use money::Amount;
use product::LoanProduct;
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::{
    Reject,
    day::{check_open, rate_arrears, running, settled},
    loan::{Loan, Open, Owed, Position},
    outcome::{Event, Outcome},
    repayment::allocate,
};

/// What settles a loan on a business date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// The business date; the quote is good for this day alone.
    pub on: Date,
    /// Principal, due or not; interest due, and accrued up to `on`, exclusive; fees and penalty
    /// due.
    pub owed: Owed,
    /// The price of settling early.
    pub fee: Amount,
    /// Paid in advance, to be set off.
    pub prepaid: Amount,
    /// What remains to be paid.
    pub total: Amount,
}

/// What settles the loan on business date `on`. The product's price of settling early is not
/// charged once the last instalment is due.
///
/// # Errors
/// [`Reject::EarlySettlementNotAllowed`]; [`Reject::PrepaidCovers`] when nothing would remain to
/// be paid; [`Reject::OtherProduct`] and [`Reject::FeeImpossible`] for the product; and as
/// [`crate::close_day`] those of a loan that is not active or a day that is not its business date.
pub fn quote(
    loan: &Loan,
    position: &Position,
    product: &LoanProduct,
    on: Date,
) -> Result<Quote, Reject> {
    loan.check_product(product)?;
    let Loan { principal, term, .. } = *loan;
    let fee = product.settlement_fee(principal, term, position.principal, position.paid);
    quote_with_fee(loan, position, on, fee.map_err(Reject::FeeImpossible)?)
}

/// Settles the loan on business date `on` with exactly the quoted amount.
///
/// # Errors
/// Those of [`quote`], and [`Reject::NotTheQuotedAmount`].
pub fn settle(
    loan: &Loan,
    position: &Position,
    product: &LoanProduct,
    amount: Amount,
    on: Date,
) -> Result<Outcome, Reject> {
    let quote = quote(loan, position, product, on)?;
    settle_quoted(loan, position, amount, &quote)
}

/// [`quote`] at a price of settling early.
pub(crate) fn quote_with_fee(
    loan: &Loan,
    position: &Position,
    on: Date,
    fee: Amount,
) -> Result<Quote, Reject> {
    check_open(loan, position, on)?;
    let early = is_early(loan, position);
    if early && !loan.terms.early_settlement {
        return Err(Reject::EarlySettlementNotAllowed);
    }
    let fee = if early { fee } else { Amount::ZERO };
    let mut owed = position.due();
    owed.principal = position.principal;
    owed.interest += position.interest;
    let gross = owed.total().checked_add(fee).ok_or(Reject::AmountTooLarge)?;
    let prepaid = position.prepaid;
    if owed.total() < prepaid || gross == prepaid {
        return Err(Reject::PrepaidCovers);
    }
    Ok(Quote { on, owed, fee, prepaid, total: gross - prepaid })
}

/// [`settle`] at a quote.
pub(crate) fn settle_quoted(
    loan: &Loan,
    position: &Position,
    amount: Amount,
    quote: &Quote,
) -> Result<Outcome, Reject> {
    if amount != quote.total {
        return Err(Reject::NotTheQuotedAmount);
    }
    let on = quote.on;
    let mut outcome = Outcome::default();
    let mut after = all_due(position, quote);
    let (applied, _) = allocate(loan, &mut after, quote.prepaid);
    let (paid, _) = allocate(loan, &mut after, quote.total - quote.fee);
    after.paid = after.opened;
    if !applied.is_zero() {
        outcome.book("prepayment-applied", applied.amounts());
        outcome.events.push(Event::PrepaymentApplied { on, paid: applied });
    }
    outcome.book("repayment", paid.amounts());
    outcome.book("settlement-fee", vec![("fee", quote.fee)]);
    outcome.events.push(received(quote, paid));
    rate_arrears(loan, &mut after, on, &mut outcome);
    settled(loan, on, is_early(loan, position), &mut outcome);
    outcome.position = Some(after);
    Ok(outcome)
}

/// Whether instalments remain that are not due.
fn is_early(loan: &Loan, position: &Position) -> bool {
    running(loan, position).is_some()
}

/// The position with everything quoted due at once.
fn all_due(position: &Position, quote: &Quote) -> Position {
    Position {
        open: vec![Open::new(position.opened, quote.on, quote.owed)],
        interest: Amount::ZERO,
        prepaid: Amount::ZERO,
        ..*position
    }
}

fn received(quote: &Quote, paid: Owed) -> Event {
    let Quote { on, fee: settlement_fee, total: amount, .. } = *quote;
    Event::RepaymentReceived { on, amount, paid, prepaid: Amount::ZERO, settlement_fee }
}
