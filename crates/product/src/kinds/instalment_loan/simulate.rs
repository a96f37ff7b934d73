//! The life of a loan whose borrower pays everything on the day it is due.

use money::{Amount, Decimal};
use stdx::Date;

use super::{KIND, LoanProduct};
use crate::{
    chart::Chart,
    definition::Definition,
    schedule::{Instalment, annual_cost},
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
    let amount = request.amount.unwrap_or_else(|| product.terms().amount.largest());
    let principal = Amount::exactly(amount, currency).map_err(|_| SimulationReject::Amount)?;
    let term = request.term.unwrap_or_else(|| product.terms().term.chosen());
    let date = request.date.unwrap_or(definition.effective);
    product.offers(principal, term, date).map_err(SimulationReject::Offer)?;
    let plan = product.schedule(principal, term, date, request.calendar);
    let plan = plan.map_err(SimulationReject::Schedule)?;
    let fees = product.disbursal_fees(principal, term);
    let fees = fees.map_err(SimulationReject::Fee)?;
    let kept_back: Amount = fees.iter().map(|(_, fee)| *fee).sum();

    let mut books = Books::new(product.accounting(), chart, currency);
    book(&mut books, date, principal, kept_back, &plan);
    let major = |amount: Amount| amount.to_decimal(currency);
    let lines: Vec<_> = plan.iter().map(|it| line(it, major)).collect();
    let terms = product.schedule_terms(principal, term, date);
    let cost = annual_cost(&terms, principal - kept_back, &plan);
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
        annual_cost: cost.map(|it| Cost { simple: it.simple, compound: it.compound }),
        cash_flows: cash_flows(date, principal - kept_back, &plan, major),
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
