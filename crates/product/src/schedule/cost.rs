//! What a loan costs in a year.

use money::{Amount, AnnualCost, DayCount, Decimal, Period, Unit};

use super::{Instalment, Terms};
use crate::kinds::instalment_loan::{BrokenPeriod, Method};

/// The annual cost of a loan that pays out `paid_out` on the day of disbursal and is repaid by
/// `plan`; `None` when no rate solves it, such as for a loan that pays out nothing.
///
/// Where periods make up a year it is the rate of a period, times them or compounded over them,
/// as the example of 中国人民银行公告〔2021〕第3号 counts; rolls to business days are not seen.
/// Other periods compound by actual days over 365, and their simple rate is that of a period times
/// the periods of 365 days. A broken first period counts by days as well, and the simple rate is
/// the one that compounds to that; dates that are not one period apart have the day for a period.
pub fn annual_cost(terms: &Terms, paid_out: Amount, plan: &[Instalment]) -> Option<AnnualCost> {
    let major = |amount: Amount| amount.to_decimal(terms.currency);
    let repaid = plan.iter().map(|it| -major(it.total()));
    let period = terms.due.period().filter(|_| terms.broken != BrokenPeriod::Separate);
    let regular = regular_flows(terms, major(paid_out), repaid.clone());
    if let Some(periods) = period.and_then(Period::per_year).filter(|_| starts_regularly(terms)) {
        return money::annual_cost(&regular, periods);
    }
    let dated = plan.iter().map(|it| it.due).zip(repaid);
    let flows: Vec<_> = std::iter::once((terms.from, major(paid_out))).chain(dated).collect();
    let compound = money::xirr(&flows)?;
    let simple = match (period, period.and_then(Period::per_year)) {
        (_, Some(periods)) => nominal(compound, periods)?,
        (Some(every), None) => money::simple_rate(&regular, periods_of_a_year(every))?,
        (None, None) => money::simple_rate(&daily_flows(&flows), 365.into())?,
    };
    Some(AnnualCost { simple, compound })
}

/// The rate that compounds to a yearly one over so many periods: what one lent now and repaid
/// with it in a year costs.
fn nominal(compound: Decimal, periods: u32) -> Option<Decimal> {
    let mut flows = vec![Decimal::ZERO; periods as usize + 1];
    flows[0] = Decimal::ONE;
    flows[periods as usize] = -Decimal::ONE - compound;
    money::simple_rate(&flows, periods.into())
}

/// Whether the first instalment is due one period after disbursal.
fn starts_regularly(terms: &Terms) -> bool {
    let slot = terms.first_number + terms.step() - 1;
    let due = terms.due.regular(slot);
    let after = terms.due.period().and_then(|it| it.after(terms.from, terms.step()));
    due.is_some() && due == after
}

/// The flows one period apart, the sum paid out first. A bullet loan has idle periods.
fn regular_flows(
    terms: &Terms,
    paid_out: Decimal,
    repaid: impl Iterator<Item = Decimal>,
) -> Vec<Decimal> {
    let idle = if terms.method == Method::Bullet { terms.instalments.saturating_sub(1) } else { 0 };
    let idle = std::iter::repeat_n(Decimal::ZERO, idle as usize);
    std::iter::once(paid_out).chain(idle).chain(repaid).collect()
}

/// The flows one day apart, the first one first.
fn daily_flows(flows: &[(stdx::Date, Decimal)]) -> Vec<Decimal> {
    let Some((first, _)) = flows.first() else { return Vec::new() };
    let mut daily = Vec::new();
    for (date, amount) in flows {
        let day = DayCount::Act365Fixed.days(*first, *date).unsigned_abs() as usize;
        daily.resize(daily.len().max(day + 1), Decimal::ZERO);
        daily[day] += *amount;
    }
    daily
}

/// How often a period goes into a year.
fn periods_of_a_year(every: Period) -> Decimal {
    let (year, count) = match every.unit() {
        Unit::Day => (365, u64::from(every.count())),
        Unit::Week => (365, u64::from(every.count()).saturating_mul(7)),
        Unit::Month => (12, u64::from(every.count())),
        Unit::Year => (1, u64::from(every.count())),
    };
    Decimal::from(year) / Decimal::from(count)
}
