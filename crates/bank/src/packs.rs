//! What the law asks of a product and of what is agreed under it.
//!
//! A definition names its rules by pack and key ([`Definition::packs`]). Domains know of no packs:
//! here a rule of the day becomes problems of a definition, or plain values such as the most a
//! loan may cost. A rule that does not hold yet on a day asks for nothing.

use std::sync::Arc;

use compliance::{
    Dated, Entry, Rate, cn,
    limits::Limit,
    rates::{self, penalty_rates},
};
use lending::{
    disclosure::disclose,
    loan::{Ceiling, Measure},
};
use money::{Amount, Calendar, Decimal, Money, Rounding};
use product::{
    Chart, Definition, Document, LoanProduct, Problem, RevolvingProduct, TermProduct,
    kinds::revolving_credit::{DRAWING, STATEMENT, statement::Part},
    problem::closest,
};
use stdx::Date;

use crate::loans::reference;

/// A rule that a product can keep or break.
enum Rule {
    /// What a loan may cost.
    Ceiling(&'static Dated<rates::Ceiling>),
    /// The smallest or the largest sum.
    Amount(&'static Dated<Money>),
    /// What a penalty or a down payment may be.
    Limit(&'static Dated<Limit>),
}

/// A product under which money is lent.
struct Lent {
    /// What makes its loans; nothing where purchases gather on statements.
    product: Option<Arc<LoanProduct>>,
    /// The line, when it is one.
    line: Option<RevolvingProduct>,
    /// Where the terms of its loans are.
    terms: &'static str,
    /// The most a borrower may owe under it, and where that is.
    largest: Decimal,
    largest_place: &'static str,
}

/// A rule and where a product names it.
struct Named<'a> {
    place: String,
    name: &'a str,
    on: Date,
}

/// The definition in a text, held against a chart and against the rules it names: those of `today`,
/// or of its first day where that is later.
///
/// # Errors
/// Everything that is wrong with it; of rules nothing is said before all else is right.
pub fn read(text: &str, chart: &Chart, today: Date) -> Result<Definition, Vec<Problem>> {
    let document = Document::parse(text).map_err(|problem| vec![problem])?;
    let definition = Definition::from_document(&document, chart)?;
    let broken = problems(&definition, definition.effective.max(today));
    let lined = |it: Problem| Problem { line: document.line(&it.path), ..it };
    if broken.is_empty() { Ok(definition) } else { Err(broken.into_iter().map(lined).collect()) }
}

/// Which rules of a day a definition breaks, and where.
pub fn problems(definition: &Definition, on: Date) -> Vec<Problem> {
    let lent = Lent::of(definition);
    let term = TermProduct::compile(definition).ok();
    let kind = &*definition.kind;
    let rules = definition.packs.iter().enumerate().map(|(index, name)| {
        let named = Named { place: format!("/packs/{index}"), name, on };
        let Some(rule) = rule(name) else { return Some(named.unknown()) };
        let loans = lent.as_ref().and_then(|it| Some((it, it.product.as_deref()?)));
        match (rule, loans, &term) {
            (Rule::Ceiling(rule), ..) => match &lent {
                Some(lent) => named.ceiling(lent, rule),
                None => Some(named.of_other_kind(kind)),
            },
            (Rule::Limit(rule), Some(loans), _) if name.starts_with(PENALTY) => {
                named.penalty(loans, rule)
            }
            (Rule::Limit(rule), Some(loans), _) if name.starts_with(VALUE) => {
                named.loan_to_value(loans, rule)
            }
            (Rule::Amount(rule), ..) if name.ends_with(MAX) => match &lent {
                Some(Lent { largest, largest_place, .. }) => {
                    named.amount(definition, rule, largest_place, |most| *largest <= most)
                }
                None => Some(named.of_other_kind(kind)),
            },
            (Rule::Amount(rule), _, Some(term)) if name.ends_with(MIN) => {
                let smallest = term.terms().amount.min;
                named.amount(definition, rule, "/terms/amount/min", |least| smallest >= least)
            }
            (Rule::Limit(_) | Rule::Amount(_), ..) => Some(named.of_other_kind(kind)),
        }
    });
    rules.flatten().collect()
}

/// What a loan that is offered on a day may cost.
pub(crate) fn ceilings(definition: &Definition, on: Date) -> Vec<Ceiling> {
    let rules = definition.packs.iter().filter_map(|name| rule(name));
    let ceiling = |rule| match rule {
        Rule::Ceiling(it) => ceiling(it, on).map(|(ceiling, _)| ceiling),
        Rule::Amount(_) | Rule::Limit(_) => None,
    };
    rules.filter_map(ceiling).collect()
}

/// The smallest sum that may be put in on a day.
pub(crate) fn least(definition: &Definition, on: Date) -> Option<Amount> {
    let rules = definition.packs.iter().filter(|name| name.ends_with(MIN));
    let least = rules.filter_map(|name| match rule(name)? {
        Rule::Amount(it) => Some(it.on(on)?.value),
        Rule::Ceiling(_) | Rule::Limit(_) => None,
    });
    let least = least.filter(|it| it.currency == definition.currency);
    least.map(|it| it.amount).max()
}

/// How names of rules say what they are about.
const MIN: &str = "-min";
const MAX: &str = "-max";
const PENALTY: &str = "limits/penalty-";
const VALUE: &str = "limits/loan-to-value-";

fn rule(name: &str) -> Option<Rule> {
    let (pack, key) = name.split_once('/')?;
    match pack {
        "rate-ceilings" => cn::rate_ceilings().get(key).map(Rule::Ceiling),
        "amounts" => cn::amounts().get(key).map(Rule::Amount),
        "limits" => cn::limits().get(key).map(Rule::Limit),
        _ => None,
    }
}

/// The names of all rules.
fn names() -> Vec<String> {
    fn of<T>(pack: &compliance::Pack<T>) -> impl Iterator<Item = String> {
        pack.entries().map(move |it| format!("{}/{}", pack.name, it.key))
    }
    let ceilings = of(cn::rate_ceilings());
    ceilings.chain(of(cn::amounts())).chain(of(cn::limits())).collect()
}

/// The ceiling of a day, as lending knows one.
fn ceiling(
    ceilings: &'static Dated<rates::Ceiling>,
    on: Date,
) -> Option<(Ceiling, &'static Entry<rates::Ceiling>)> {
    let (at_most, entry) = rates::ceiling(ceilings, on, cn::lpr().get("lpr-1y")?)?;
    let of = match entry.value.of {
        rates::Measure::Rate => Measure::Rate,
        rates::Measure::AllInCost => Measure::AllInCost,
    };
    Some((Ceiling { at_most, of }, entry))
}

impl Lent {
    fn of(definition: &Definition) -> Option<Self> {
        let Ok(line) = RevolvingProduct::compile(definition) else {
            let product = LoanProduct::compile(definition).ok()?;
            let (largest, largest_place) = (product.terms().amount.max, "/terms/amount/max");
            let (product, terms) = (Some(Arc::new(product)), "/terms");
            return Some(Self { product, line: None, terms, largest, largest_place });
        };
        let (largest, largest_place) = match &line.terms().temporary {
            Some(temporary) => (temporary.max, "/terms/temporary/max"),
            None => (line.terms().limit.max, "/terms/limit/max"),
        };
        let (product, terms) = (line.drawing().cloned(), DRAWING);
        Some(Self { product, line: Some(line), terms, largest, largest_place })
    }

    fn place(&self, within: &str) -> String {
        format!("{}{within}", self.terms)
    }

    /// What costs most. What is in between the ends of what is offered is asked when it is.
    fn dearest(&self, measure: Measure, on: Date) -> Option<Dearest> {
        let Some(product) = self.product.as_deref() else {
            return dearest_use(self.line.as_ref()?, measure);
        };
        let rate = product.rate(reference(product, on)).ok()?;
        let place = match product.terms().interest.floating {
            Some(_) => self.place("/interest/floating/spread"),
            None => self.place("/interest/rate"),
        };
        let (cost, of) = match measure {
            Measure::Rate => (rate, "The rate".to_owned()),
            Measure::AllInCost => dearest_loan(product, rate, on)?,
        };
        Some(Dearest { cost, of, place })
    }
}

/// What costs most of what a product offers.
struct Dearest {
    /// What a year of it costs.
    cost: Decimal,
    /// What that is the cost of.
    of: String,
    /// What it follows from.
    place: String,
}

/// Of an account with statements: the smallest limit has the largest fee for its size.
fn dearest_use(line: &RevolvingProduct, measure: Measure) -> Option<Dearest> {
    let limit = line.terms().limit.smallest();
    let used = Amount::exactly(limit, line.currency()).ok()?;
    let uses = line.terms().statement.as_ref()?.uses(used, line.currency()).map(|it| {
        let (what, place) = match it.part {
            Part::Cash => ("cash", "/cash"),
            _ => ("purchases", "/interest/rate"),
        };
        let (cost, of) = match measure {
            Measure::Rate => (it.rate, format!("The rate of {what}")),
            Measure::AllInCost => (it.cost.simple, format!("The all-in cost of {limit} of {what}")),
        };
        Dearest { cost, of, place: format!("{STATEMENT}{place}") }
    });
    // Of equals the first.
    uses.reduce(|one, next| if next.cost > one.cost { next } else { one })
}

impl Named<'_> {
    fn unknown(&self) -> Problem {
        let names = names();
        let near = closest(self.name, names.iter().map(String::as_str));
        let fix = near.map_or_else(
            || "Choose one of docs/reference/packs.md.".to_owned(),
            |near| format!("Did you mean `{near}`?"),
        );
        let reason = format!("There is no rule `{}`.", self.name);
        Problem::new(&self.place, "unknown-rule", reason, fix)
    }

    fn of_other_kind(&self, kind: &str) -> Problem {
        let reason = format!("`{}` asks nothing of a product of kind `{kind}`.", self.name);
        Problem::new(&self.place, "rule-of-other-kind", reason, "Remove it.")
    }

    fn ceiling(&self, lent: &Lent, ceilings: &'static Dated<rates::Ceiling>) -> Option<Problem> {
        let (ceiling, entry) = ceiling(ceilings, self.on)?;
        let Dearest { cost, of, place } = lent.dearest(ceiling.of, self.on)?;
        let too_much = cost > ceiling.at_most;
        too_much.then(|| {
            let (cost, most) = (percent(cost), percent(ceiling.at_most));
            let reason = format!("{of} is {cost} a year, above {most}: {}.", cited(entry));
            Problem::new(place, "above-ceiling", reason, "Lower the rate, or the fees.")
        })
    }

    fn penalty(
        &self,
        (lent, product): (&Lent, &LoanProduct),
        limits: &'static Dated<Limit>,
    ) -> Option<Problem> {
        let entry = limits.on(self.on)?;
        let penalty = product.terms().penalty.as_ref()?;
        let rate = product.rate(reference(product, self.on)).ok()?;
        let range = penalty_rates(&entry.value, rate)?;
        let found = penalty.rate_at(rate);
        (!range.contains(&found)).then(|| {
            let (low, high) = (percent(*range.start()), percent(*range.end()));
            let found = percent(found);
            let reason =
                format!("The penalty is {found} a year, not {low} to {high}: {}.", cited(entry));
            let fix = "Write a `multiple` of the rate, such as 1.5.";
            Problem::new(lent.place("/penalty"), "penalty-outside-limit", reason, fix)
        })
    }

    fn loan_to_value(
        &self,
        (lent, product): (&Lent, &LoanProduct),
        limits: &'static Dated<Limit>,
    ) -> Option<Problem> {
        let entry = limits.on(self.on)?;
        let Rate(most) = entry.value.at_most?;
        let paid = product.terms().down_payment.as_ref().map_or(Decimal::ZERO, |it| it.min_share);
        let share = Decimal::ONE.saturating_sub(paid);
        (share > most).then(|| {
            let (share, most) = (percent(share), percent(most));
            let reason = format!("{share} of a price may be lent, above {most}: {}.", cited(entry));
            let fix = "Raise `min_share` of the down payment.";
            Problem::new(lent.place("/down_payment"), "loan-to-value-above-limit", reason, fix)
        })
    }

    fn amount(
        &self,
        definition: &Definition,
        amounts: &'static Dated<Money>,
        place: &str,
        keeps: impl FnOnce(Decimal) -> bool,
    ) -> Option<Problem> {
        let entry = amounts.on(self.on)?;
        let bound = entry.value;
        if bound.currency != definition.currency {
            let reason = format!("`{}` is about amounts in {}.", self.name, bound.currency);
            return Some(Problem::new(&self.place, "rule-of-other-currency", reason, "Remove it."));
        }
        (!keeps(bound.amount.to_decimal(bound.currency))).then(|| {
            let reason = format!("The law says {bound}: {}.", cited(entry));
            Problem::new(place, "amount-outside-limit", reason, "Write that amount.")
        })
    }
}

/// The highest simple annual cost of the loans at the ends of what a product offers, and of which.
fn dearest_loan(product: &LoanProduct, rate: Decimal, on: Date) -> Option<(Decimal, String)> {
    let (amount, term) = (&product.terms().amount, &product.terms().term);
    let mut terms = (term.min..=term.max).filter(|it| term.offers(*it));
    let terms = [terms.next(), terms.next_back()];
    let costs = [amount.smallest(), amount.largest()].into_iter().flat_map(|amount| {
        terms.into_iter().flatten().filter_map(move |term| {
            let lent = Amount::round(amount, product.currency(), Rounding::Down).ok()?;
            let schedule = product.schedule_terms(lent, term, on, rate);
            let told = disclose(product, Calendar::china(), &schedule, term).ok()?;
            let of = format!("The all-in cost of {amount} over {term} instalments");
            Some((told.annual_cost_simple, of))
        })
    });
    costs.max_by_key(|(cost, _)| *cost)
}

fn percent(share: Decimal) -> String {
    Rate(share.round_dp(6)).to_string()
}

/// Where a rule stands, since when it holds, and whether somebody could read it.
fn cited<T>(entry: &Entry<T>) -> String {
    let article = entry.article.iter().map(|it| format!("，{it}")).collect::<String>();
    let unread = if entry.verified { "" } else { ", not verified" };
    format!("{}{article}, from {}{unread}", entry.source, entry.from)
}
