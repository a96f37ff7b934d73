//! What a borrower must be told before signing.
//!
//! Sources, by what they ask for:
//! - annual cost from all interest and fees as an internal rate of return, simple ones called
//!   simple: 中国人民银行公告〔2021〕第3号 and its annex;
//! - annual cost, repayment plan, default interest and how to complain:
//!   《商业银行互联网贷款管理暂行办法》(银保监会令2020年第9号) art. 17, not verified;
//! - every fee beside interest, by name and payee, none left unsaid (综合融资成本):
//!   《关于加强商业银行互联网助贷业务管理 提升金融服务质效的通知》(金规〔2025〕9号), not verified;
//! - interest must not be kept back from the principal: 中华人民共和国民法典 art. 670, not
//!   verified. Fees kept back lower the sum paid out, and the annual cost counts from that sum.

use money::{Amount, Calendar, Currency, DayCount, Decimal, Period};
use product::{
    LoanProduct,
    kinds::instalment_loan::{Component, Method, Penalty},
    schedule::{self, Instalment, annual_cost},
};
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::{
    Reject,
    loan::{Ceiling, Loan, Measure},
};

/// What a borrower is told before signing; amounts are in minor units of `currency`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// Currency of every amount.
    pub currency: Currency,
    /// The sum lent (贷款本金).
    pub principal: Amount,
    /// What the purchase costs that the loan pays (价款), when it pays one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Amount>,
    /// What of it the borrower pays (首付): the price less the principal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_payment: Option<Amount>,
    /// The sum paid out: the principal less the fees kept back.
    pub paid_out: Amount,
    /// How many instalments.
    pub term: u32,
    /// The distance of two due dates; without it the plan alone says when they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Period>,
    /// How it is repaid (还款方式).
    pub method: Method,
    /// Nominal rate of a year (合同利率), as a fraction.
    pub rate: Decimal,
    /// How days become years.
    pub day_count: DayCount,
    /// Annual cost, compound (年化利率, 复利), as a fraction.
    pub annual_cost_compound: Decimal,
    /// Annual cost, simple (年化利率, 单利), as a fraction: to be shown as simple.
    pub annual_cost_simple: Decimal,
    /// Interest over the whole plan.
    pub total_interest: Amount,
    /// Fees kept back from the sum paid out, each by its code.
    pub upfront: Vec<DisclosedFee>,
    /// The sum of them.
    pub upfront_fees: Amount,
    /// Fees due with the instalments, in all.
    pub instalment_fees: Amount,
    /// What the borrower pays back in all: principal, interest and fees of the instalments.
    pub total_repayable: Amount,
    /// What being late costs (罚息), beside the instalment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty: Option<Penalty>,
    /// What a payment pays first within an instalment (还款顺序).
    pub allocation: Vec<Component>,
    /// Whether the loan may be settled early (提前结清).
    pub early_settlement: bool,
    /// The price of that, as the product's expression; without it there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_settlement_fee: Option<String>,
    /// The day of disbursal the plan assumes.
    pub disbursed_on: Date,
    /// The instalments (还款计划).
    pub plan: Vec<Instalment>,
}

/// A fee by its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisclosedFee {
    /// Its code in the product.
    pub code: String,
    /// How much.
    pub amount: Amount,
}

impl Disclosure {
    /// Refuses a loan that would cost more than it may.
    ///
    /// # Errors
    /// [`Reject::AboveCeiling`].
    pub fn check(&self, ceilings: &[Ceiling]) -> Result<(), Reject> {
        check_ceilings(ceilings, self.rate, self.annual_cost_simple)
    }
}

/// Refuses what costs more than it may: at a rate of a year, and with an annual cost of interest
/// and fees together, simple.
///
/// # Errors
/// [`Reject::AboveCeiling`].
pub(crate) fn check_ceilings(
    ceilings: &[Ceiling],
    rate: Decimal,
    all_in: Decimal,
) -> Result<(), Reject> {
    ceilings.iter().try_for_each(|&Ceiling { at_most, of }| {
        let cost = match of {
            Measure::Rate => rate,
            Measure::AllInCost => all_in,
        };
        if cost <= at_most { Ok(()) } else { Err(Reject::AboveCeiling { at_most }) }
    })
}

/// Refuses a plan by which a contract would cost more than it may, of what it pays out after the
/// fees kept back.
///
/// # Errors
/// [`Reject::AboveCeiling`], [`Reject::AnnualCostImpossible`].
pub(crate) fn check_plan(
    loan: &Loan,
    terms: &schedule::Terms,
    plan: &[Instalment],
) -> Result<(), Reject> {
    if loan.terms.ceilings.is_empty() {
        return Ok(());
    }
    let cost = annual_cost(terms, terms.principal - loan.upfront_fees, plan);
    let all_in = cost.ok_or(Reject::AnnualCostImpossible)?.simple;
    check_ceilings(&loan.terms.ceilings, terms.rate, all_in)
}

/// What must be told of a loan whose plan follows from `schedule`.
///
/// # Errors
/// [`Reject::FeeImpossible`], [`Reject::ScheduleImpossible`], [`Reject::AnnualCostImpossible`].
pub fn disclose(
    product: &LoanProduct,
    calendar: &Calendar,
    schedule: &schedule::Terms,
    term: u32,
) -> Result<Disclosure, Reject> {
    let principal = schedule.principal;
    let plan = product.plan(schedule, principal, term, calendar);
    let plan = plan.map_err(Reject::ScheduleImpossible)?;
    let upfront = upfront(product, principal, term)?;
    let upfront_fees: Amount = upfront.iter().map(|it| it.amount).sum();
    let paid_out = principal - upfront_fees;
    let cost = annual_cost(schedule, paid_out, &plan).ok_or(Reject::AnnualCostImpossible)?;
    let terms = product.terms();
    Ok(Disclosure {
        currency: product.currency(),
        principal,
        price: None,
        down_payment: None,
        paid_out,
        term,
        every: terms.repayment.every,
        method: terms.repayment.method,
        rate: schedule.rate,
        day_count: terms.interest.day_count,
        annual_cost_compound: cost.compound,
        annual_cost_simple: cost.simple,
        total_interest: plan.iter().map(|it| it.interest).sum(),
        upfront,
        upfront_fees,
        instalment_fees: plan.iter().map(|it| it.fees).sum(),
        total_repayable: plan.iter().map(Instalment::total).sum(),
        penalty: terms.penalty.clone(),
        allocation: terms.allocation.clone(),
        early_settlement: terms.early_settlement.allowed,
        early_settlement_fee: terms.early_settlement.fee.clone(),
        disbursed_on: schedule.from,
        plan,
    })
}

/// The fees kept back. They leave something to pay out.
fn upfront(
    product: &LoanProduct,
    principal: Amount,
    term: u32,
) -> Result<Vec<DisclosedFee>, Reject> {
    let fees = product.disbursal_fees(principal, term).map_err(Reject::FeeImpossible)?;
    let fee = |(code, amount): (&str, Amount)| DisclosedFee { code: code.to_owned(), amount };
    Ok(fees.into_iter().map(fee).collect())
}
