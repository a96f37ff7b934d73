//! The life of a loan whose borrower pays everything on the day it is due.

use money::{Amount, Decimal, Period, RATE_DIGITS, Unit, annual_cost, irr, xirr};
use stdx::Date;

use super::{KIND, LoanProduct, Method};
use crate::{
    chart::Chart,
    definition::Definition,
    schedule::Instalment,
    simulate::{Books, CashFlow, Cost, Line, Request, Simulation, SimulationReject, Totals},
};

/// Simulates a loan.
pub(super) fn simulate(
    definition: &Definition,
    request: &Request,
    chart: &Chart,
) -> Result<Simulation, SimulationReject> {
    let product = LoanProduct::compile(definition).map_err(SimulationReject::Definition)?;
    let currency = product.currency();
    let amount = request.amount.unwrap_or(product.terms().amount.max);
    let principal = Amount::exactly(amount, currency).map_err(|_| SimulationReject::Amount)?;
    let term = request.term.unwrap_or_else(|| product.terms().term.chosen());
    let date = request.date.unwrap_or(definition.effective);
    product.offers(principal, term, date).map_err(SimulationReject::Offer)?;
    let plan = product.schedule(principal, term, date, request.calendar);
    let plan = plan.map_err(SimulationReject::Schedule)?;
    let fees = product.disbursal_fees(principal, term);
    let fees = fees.map_err(|error| SimulationReject::Fee(error.code()))?;
    let kept_back: Amount = fees.iter().map(|(_, fee)| *fee).sum();

    let mut books = Books::new(product.accounting(), chart, currency);
    book(&mut books, date, principal, kept_back, &plan);
    let major = |amount: Amount| amount.to_decimal(currency);
    let lines: Vec<_> = plan.iter().map(|it| line(it, major)).collect();
    let flows = cash_flows(date, principal - kept_back, &plan, major);
    Ok(Simulation {
        product: definition.product.clone(),
        version: definition.version,
        kind: KIND.name,
        currency,
        amount: major(principal),
        date,
        term: Some(term),
        totals: totals(&lines, major(kept_back)),
        periods: lines,
        annual_cost: cost(&product, term, &flows),
        cash_flows: flows,
        postings: books.postings(),
        accounts: books.accounts(),
    })
}

/// The events of the whole life. Interest is accrued every night; here each period's is booked
/// in one sum, when it is due.
fn book(books: &mut Books<'_>, date: Date, principal: Amount, fee: Amount, plan: &[Instalment]) {
    books.book(date, "disbursal", &[("principal", principal)]);
    books.book(date, "disbursal-fee", &[("fee", fee)]);
    for it in plan {
        let (interest, fee) = (("interest", it.interest), ("fee", it.fees));
        books.book(it.due, "interest-accrual", &[interest]);
        books.book(it.due, "instalment-fee", &[fee]);
        books.book(it.due, "repayment", &[fee, interest, ("principal", it.principal)]);
    }
}

fn line(it: &Instalment, major: impl Fn(Amount) -> Decimal) -> Line {
    Line {
        number: it.number,
        from: it.from,
        due: it.due,
        days: it.days,
        principal: major(it.principal),
        interest: major(it.interest),
        fees: major(it.fees),
        total: major(it.total()),
        balance: major(it.balance),
    }
}

fn totals(lines: &[Line], kept_back: Decimal) -> Totals {
    let sum = |part: fn(&Line) -> Decimal| lines.iter().map(part).sum::<Decimal>();
    Totals {
        principal: sum(|it| it.principal),
        interest: sum(|it| it.interest),
        fees: sum(|it| it.fees) + kept_back,
        total: sum(|it| it.total) + kept_back,
    }
}

fn cash_flows(
    date: Date,
    paid_out: Amount,
    plan: &[Instalment],
    major: impl Fn(Amount) -> Decimal,
) -> Vec<CashFlow> {
    let repaid = plan.iter().map(|it| CashFlow { date: it.due, amount: -major(it.total()) });
    std::iter::once(CashFlow { date, amount: major(paid_out) }).chain(repaid).collect()
}

/// The annual cost. Where whole periods make a year it is the rate of a period, times them or
/// compounded over them; else days of a year are counted.
fn cost(product: &LoanProduct, term: u32, flows: &[CashFlow]) -> Option<Cost> {
    let repayment = &product.terms().repayment;
    let mut regular: Vec<_> = flows.iter().map(|it| it.amount).collect();
    if repayment.method == Method::Bullet {
        let (first, last) = (*regular.first()?, *regular.last()?);
        regular = vec![Decimal::ZERO; usize::try_from(term).ok()?.saturating_sub(1)];
        regular.insert(0, first);
        regular.push(last);
    }
    if let Some(periods) = repayment.every.per_year() {
        let cost = annual_cost(&regular, periods)?;
        return Some(Cost { simple: cost.simple, compound: cost.compound });
    }
    let dated: Vec<_> = flows.iter().map(|it| (it.date, it.amount)).collect();
    let simple = irr(&regular)? * periods_of_a_year(repayment.every);
    Some(Cost { simple: simple.round_dp(RATE_DIGITS), compound: xirr(&dated)? })
}

/// How often a period that does not divide a year goes into one.
fn periods_of_a_year(every: Period) -> Decimal {
    let (year, count) = match every.unit() {
        Unit::Day => (365, every.count()),
        Unit::Week => (365, every.count().saturating_mul(7)),
        Unit::Month => (12, every.count()),
        Unit::Year => (1, every.count()),
    };
    Decimal::from(year) / Decimal::from(count)
}
