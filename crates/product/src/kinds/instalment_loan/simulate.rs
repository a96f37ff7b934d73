//! The life of a loan whose borrower pays everything on the day it is due.

use money::{Amount, Currency, Decimal};
use stdx::Date;

use super::{Financed, KIND, LoanProduct};
use crate::{
    chart::Chart,
    definition::Definition,
    derivation::{Derivation, Name, Value},
    kinds::Kind,
    schedule::{
        Instalment, Terms, annual_cost,
        explain::{Component, Explainer, Origin, Under},
    },
    simulate::{Books, CashFlow, Cost, Line, Request, Simulation, SimulationReject, Totals},
};

/// Simulates a loan.
pub(super) fn simulate(
    definition: &Definition,
    request: &Request,
    chart: &Chart,
) -> Result<Simulation, SimulationReject> {
    simulate_as(&KIND, definition, request, chart)
}

/// Simulates a loan of another kind of product.
pub(in crate::kinds) fn simulate_as(
    kind: &Kind,
    definition: &Definition,
    request: &Request,
    chart: &Chart,
) -> Result<Simulation, SimulationReject> {
    let product = LoanProduct::compile(definition).map_err(SimulationReject::Definition)?;
    let asked = Asked::of(&product, request)?;
    let plan = asked.plan(&product, request)?;
    let Asked { purchase, principal, term, date, rate, ref terms } = asked;
    let currency = product.currency();
    let fees = product.disbursal_fees(principal, term);
    let fees = fees.map_err(SimulationReject::Fee)?;
    let kept_back: Amount = fees.iter().map(|(_, fee)| *fee).sum();
    let third_party = product.third_party_fees(principal, term).map_err(SimulationReject::Fee)?;
    let third_party: Amount = third_party.iter().map(|(_, _, fee)| *fee).sum();

    let mut books = Books::new(product.accounting(), chart, currency);
    books.book(date, "disbursal", &[("principal", principal)]);
    books.book(date, "disbursal-fee", &[("fee", kept_back)]);
    books.book(date, "third-party-fee", &[("fee", third_party)]);
    books.book(date, "subsidy-received", &[("fee", third_party)]);
    book(&mut books, &plan);
    let major = |amount: Amount| amount.to_decimal(currency);
    let lines: Vec<_> = plan.iter().map(|it| line(it, major)).collect();
    let cost = annual_cost(terms, principal - kept_back, &plan);
    Ok(Simulation {
        product: definition.product.clone(),
        version: definition.version,
        kind: kind.name,
        currency,
        amount: major(principal),
        date,
        price: purchase.map(|it| major(it.price)),
        down_payment: purchase.map(|it| major(it.down_payment)),
        rate: Some(rate),
        term: Some(term),
        totals: totals(&lines, major(kept_back)),
        periods: lines,
        annual_cost: cost.map(|it| Cost { simple: it.simple, compound: it.compound }),
        cash_flows: cash_flows(date, principal - kept_back, &plan, major),
        postings: books.postings(),
        accounts: books.accounts(),
    })
}

/// How a planned amount of the loan came about.
///
/// # Errors
/// [`SimulationReject`].
pub fn explain(
    definition: &Definition,
    request: &Request,
    instalment: u32,
    component: Component,
) -> Result<Derivation, SimulationReject> {
    let product = LoanProduct::compile(definition).map_err(SimulationReject::Definition)?;
    let asked = Asked::of(&product, request)?;
    let plan = asked.plan(&product, request)?;
    let Asked { principal, term, ref terms, .. } = asked;
    let reference =
        request.reference_rate.map(|rate| Derivation::given(REFERENCE, Value::Rate(rate)));
    let rate = product.explain_rate(reference).map_err(SimulationReject::Explanation)?;
    let origin = Origin { rate, ..Origin::agreed(terms) };
    let under = Some(Under { product: &product, principal, term });
    let explainer = Explainer::new(terms, &plan, request.calendar, origin, under);
    let explainer = explainer.map_err(SimulationReject::Schedule)?;
    explainer.component(instalment, component).map_err(SimulationReject::Explanation)
}

const REFERENCE: Name = Name { code: "reference-rate", en: "reference rate", zh: "参考利率" };

/// The loan that is asked for.
struct Asked {
    purchase: Option<Financed>,
    principal: Amount,
    term: u32,
    date: Date,
    rate: Decimal,
    terms: Terms,
}

impl Asked {
    fn of(product: &LoanProduct, request: &Request) -> Result<Self, SimulationReject> {
        let purchase = purchase(product, request)?;
        let principal = match purchase {
            Some(it) => it.principal,
            None => {
                let amount = request.amount.unwrap_or_else(|| product.terms().amount.largest());
                exactly(amount, product.currency())?
            }
        };
        let term = request.term.unwrap_or_else(|| product.terms().term.chosen());
        let date = request.date.unwrap_or(product.definition().effective);
        product.offers(principal, term, date).map_err(SimulationReject::Offer)?;
        let rate = product.rate(request.reference_rate).map_err(SimulationReject::Schedule)?;
        let terms = product.schedule_terms(principal, term, date, rate);
        Ok(Self { purchase, principal, term, date, rate, terms })
    }

    fn plan(
        &self,
        product: &LoanProduct,
        request: &Request,
    ) -> Result<Vec<Instalment>, SimulationReject> {
        let plan = product.plan(&self.terms, self.principal, self.term, request.calendar);
        plan.map_err(SimulationReject::Schedule)
    }
}

fn exactly(amount: Decimal, currency: Currency) -> Result<Amount, SimulationReject> {
    Amount::exactly(amount, currency).map_err(|_| SimulationReject::Amount)
}

/// The purchase the loan pays, when its price is known.
fn purchase(
    product: &LoanProduct,
    request: &Request,
) -> Result<Option<Financed>, SimulationReject> {
    let Some(price) = request.price else { return Ok(None) };
    let price = exactly(price, product.currency())?;
    let lent = request.amount.map(|it| exactly(it, product.currency())).transpose()?;
    let down_payment = match lent {
        Some(lent) => Some(price.checked_sub(lent).ok_or(SimulationReject::Amount)?),
        None => None,
    };
    product.finance(price, down_payment).map(Some).map_err(SimulationReject::Offer)
}

/// The events of the whole life after disbursal. Interest is accrued every night; here each
/// period's is booked in one sum, when it is due, and third parties pay what they owe at once.
fn book(books: &mut Books<'_>, plan: &[Instalment]) {
    let mut deferred = Amount::ZERO;
    for it in plan {
        let (interest, fee) = (("interest", it.interest), ("fee", it.fees));
        let subsidy = [("subsidy", it.subsidy)];
        let earned = it.interest + it.capitalised + it.deferred - deferred;
        deferred = it.deferred;
        books.book(it.due, "interest-accrual", &[("interest", earned)]);
        books.book(it.due, "subsidy-accrual", &subsidy);
        books.book(it.due, "subsidy-received", &subsidy);
        books.book(it.due, "interest-capitalised", &[("interest", it.capitalised)]);
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
        subsidy: major(it.subsidy),
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
        subsidy: sum(|it| it.subsidy),
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
