//! The statement (账单): what moved since the last one, what is owed, what is to be paid of it and
//! until when.

use money::{Amount, Rounding};
use serde::{Deserialize, Serialize};
use stdx::Date;

use super::{Bill, Fact, Minimum, Pool, Turnover, What, life::Life};
use crate::{
    Reject,
    cycle::{Accrual, outcome::Event},
    loan::Owed,
};

/// A statement, as made on the statement day or restated by what was booked late.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Its number, from 1.
    pub number: u32,
    /// The first day it is about.
    pub from: Date,
    /// The statement day, at whose end it was made: the last day it is about.
    pub on: Date,
    /// When it is to be paid.
    pub due: Date,
    /// The balance of the one before.
    pub opening: Amount,
    /// What moved since.
    pub turnover: Turnover,
    /// What is owed; negative when more was paid than is owed.
    pub balance: Amount,
    /// What is to be paid of it at least.
    pub minimum: Amount,
    /// When it was last restated, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restated_on: Option<Date>,
}

/// A line of a statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The day it counts from; of interest and fees for being late, the statement day.
    pub on: Date,
    /// What it is.
    pub kind: LineKind,
    /// The number of the fact, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<u32>,
    /// What it adds to the balance; negative when it lowers it.
    pub amount: Amount,
}

/// What a line of a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineKind {
    /// A purchase.
    Purchase,
    /// Cash that was drawn.
    Cash,
    /// The price of drawing it.
    Fee,
    /// A payment.
    Repayment,
    /// A purchase that was given back.
    MerchantRefund,
    /// What was paid in advance and given back.
    Refund,
    /// What was given up.
    Waiver,
    /// Interest since the last statement.
    Interest,
    /// A fee for being late.
    Penalty,
}

/// The lines of a statement, from the facts of the account: its opening balance and they add up to
/// its balance.
pub fn lines(statement: &Statement, facts: &[Fact]) -> Vec<Line> {
    let within = |it: &&Fact| it.reversed_on.is_none() && it.on >= statement.from;
    let facts = facts.iter().filter(within).filter(|it| it.on <= statement.on);
    let mut lines: Vec<_> = facts.flat_map(lines_of).collect();
    lines.sort_by_key(|it| (it.on, it.fact));
    // What was not owed any more was passed over.
    let waived: Amount =
        lines.iter().filter(|it| it.kind == LineKind::Waiver).map(|it| it.amount).sum();
    let passed_over = Amount::ZERO - waived - statement.turnover.waived;
    let of_the_end = [
        (LineKind::Waiver, passed_over),
        (LineKind::Interest, statement.turnover.interest),
        (LineKind::Penalty, statement.turnover.penalties),
    ];
    let of_the_end = of_the_end.into_iter().filter(|(_, amount)| !amount.is_zero());
    let of_the_end =
        of_the_end.map(|(kind, amount)| Line { on: statement.on, kind, fact: None, amount });
    lines.extend(of_the_end);
    lines
}

fn lines_of(fact: &Fact) -> Vec<Line> {
    let line = |kind, amount| Line { on: fact.on, kind, fact: Some(fact.number), amount };
    let less = |amount: Amount| Amount::ZERO - amount;
    match &fact.what {
        What::Purchase { amount } => vec![line(LineKind::Purchase, *amount)],
        What::Cash { amount, fee } if fee.is_zero() => vec![line(LineKind::Cash, *amount)],
        What::Cash { amount, fee } => {
            vec![line(LineKind::Cash, *amount), line(LineKind::Fee, *fee)]
        }
        What::Repayment { amount } => vec![line(LineKind::Repayment, less(*amount))],
        What::MerchantRefund { amount, .. } => vec![line(LineKind::MerchantRefund, less(*amount))],
        What::Refund { amount } => vec![line(LineKind::Refund, *amount)],
        What::Waiver { waived } => vec![line(LineKind::Waiver, less(waived.total()))],
        What::ChargeOff | What::WriteOff | What::Closure => Vec::new(),
    }
}

/// Makes the statement of a day that has just been closed.
pub(crate) fn cut(life: &mut Life<'_>, on: Date, from: Date) -> Result<(), Reject> {
    let due = life.due_of(on)?;
    let minimum = add_minimum(life, due)?;
    let after = &mut life.position;
    after.statements = after.statements.saturating_add(1);
    let number = after.statements;
    let mut pool = Pool::default();
    // What is late bears interest as before, and is a part of what is asked for now.
    let late = after.bills.pop_if(|it| it.late);
    late.into_iter().for_each(|it| pool.absorb(it.pool));
    pool.absorb(std::mem::take(&mut after.unbilled));
    if !pool.owed().is_zero() || !after.bills.is_empty() {
        after.bills.push(Bill { number, due, pool, late: false });
    }
    let balance = after.balance();
    let opening = std::mem::replace(&mut after.opening, balance);
    let turnover = std::mem::take(&mut after.turnover);
    after.accrual = Accrual::default();
    life.trace.iter_mut().for_each(|it| it.runs.clear());
    let statement =
        Statement { number, from, on, due, opening, turnover, balance, minimum, restated_on: None };
    life.outcome.events.push(Event::StatementMade { statement: statement.clone() });
    life.outcome.statements.push(statement);
    Ok(())
}

/// The minimum of a statement about to be made: what is unpaid of earlier minimums, interest and
/// fees that are not among them, and a share of the rest; no smaller than the floor, and no more
/// than all. What it asks for beyond earlier minimums becomes due with it.
fn add_minimum(life: &mut Life<'_>, due: Date) -> Result<Amount, Reject> {
    let terms = &life.account.terms.statement.minimum;
    let currency = life.account.currency;
    let charges = |owed: Owed| owed.total() - owed.principal;
    let (all, billed) = (life.position.owed(), life.position.billed());
    let earlier = life.position.minimum();
    let asked = earlier + charges(all) - earlier.min(charges(billed));
    let rest = (all.total() - asked).to_decimal(currency).checked_mul(terms.share);
    let share = rest.and_then(|it| Amount::round(it, currency, Rounding::HalfUp).ok());
    let floor = life.in_minor(terms.floor.unwrap_or_default());
    let least = (asked + share.ok_or(Reject::AmountTooLarge)?).max(floor).min(all.total());
    let statement = life.position.statements.saturating_add(1);
    let left = least - earlier;
    if left.is_positive() {
        life.position.minimums.push(Minimum { statement, due, left });
    }
    Ok(least.max(earlier))
}
