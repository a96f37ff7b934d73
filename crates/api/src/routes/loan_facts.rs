//! What happens to a loan: list it, let it happen, preview it, take it back.

use axum::extract::State;
use bank::{
    loans::{Happening, LoanPreview},
    tables::LoanId,
};
use lending::{
    Fact, Owed, What,
    fact::{RateReason, Rescheduling, ReschedulingKind},
};
use money::{Amount, Currency, Decimal};
use product::kinds::instalment_loan::Keep;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::loans::{LoanBody, MovedBody, OwedBody, moved, owed, view};
use crate::{
    answer::{Answer, done, ok},
    problem::{ApiError, Fault},
    request::{At, By, Command, Inquiry, Json, Nothing},
    router::Api,
    schema,
    wire::{Day, Major, Money, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, happen))
        .routes(routes!(preview))
        .routes(routes!(change))
        .routes(routes!(preview_change))
        .routes(routes!(reverse))
}

/// Money that moves on a loan.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LoanPayment, example = json!({
    "on": "2025-01-28",
    "fact": { "what": "repayment", "amount": { "amount": "1015.00", "currency": "CNY" } },
}))]
struct PaymentBody {
    /// The value date: the business date, or an earlier one; the business date when absent. What
    /// is booked late is booked as a correction on the business date.
    #[serde(default)]
    on: Option<Day>,
    /// What happens.
    fact: PaymentFact,
}

/// A change of a loan that is agreed or decided.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LoanChange, example = json!({ "fact": { "what": "rate-change", "rate": "0.045" } }))]
struct ChangeBody {
    /// The value date: the business date, or an earlier one; the business date when absent.
    #[serde(default)]
    on: Option<Day>,
    /// What happens.
    fact: ChangeFact,
}

/// How money can move on a loan.
#[derive(Deserialize, ToSchema)]
#[serde(
    tag = "what",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case",
    deny_unknown_fields
)]
#[schema(as = LoanPaymentFact)]
enum PaymentFact {
    /// A further part of the sum is paid out (分次放款).
    Drawing {
        /// How much.
        amount: Money,
    },
    /// The borrower pays what is due, or in advance; on a loan charged off, a recovery.
    Repayment {
        /// How much.
        amount: Money,
    },
    /// The borrower pays a part of the principal early (部分提前还款). What is due is paid first,
    /// then the price.
    Prepayment {
        /// How much.
        amount: Money,
        /// Whether the number of instalments stays, or the instalment.
        #[schema(value_type = schema::Keep)]
        keep: Keep,
    },
    /// What was paid too much is given back.
    Refund {
        /// How much.
        amount: Money,
    },
    /// The third party that pays a part of the interest pays.
    Subsidy {
        /// How much.
        amount: Money,
    },
    /// The third party that owes fees of the disbursal pays.
    ThirdPartyFee {
        /// How much.
        amount: Money,
    },
}

/// How a loan can change.
#[derive(Deserialize, ToSchema)]
#[serde(
    tag = "what",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case",
    deny_unknown_fields
)]
#[schema(as = LoanChangeFact)]
pub(super) enum ChangeFact {
    /// Another rate counts from here on.
    RateChange {
        /// Of a year, as a fraction.
        #[schema(example = "0.045")]
        rate: String,
    },
    /// No interest is taken for a while; the due dates stay.
    InterestPause {
        /// The first day that bears interest again.
        until: Day,
    },
    /// What is not due is to be paid on other days (展期、重组).
    Rescheduling {
        /// Which kind, for reports.
        #[schema(value_type = schema::ReschedulingKind)]
        kind: ReschedulingKind,
        /// The due dates from here on.
        due: Vec<Day>,
        /// The rate from here on; as it was, when absent.
        #[serde(default)]
        rate: Option<String>,
        /// Whether what is due and unpaid becomes principal. Penalty stays due.
        #[serde(default)]
        capitalise: bool,
        /// Whether it eases terms that the borrower could not keep.
        #[serde(default)]
        distressed: bool,
    },
    /// A part of what is due is given up (减免).
    Waiver {
        /// Of penalty interest.
        #[serde(default)]
        penalty: Option<Money>,
        /// Of fees.
        #[serde(default)]
        fee: Option<Money>,
        /// Of interest.
        #[serde(default)]
        interest: Option<Money>,
        /// Of principal.
        #[serde(default)]
        principal: Option<Money>,
    },
    /// The loan leaves the balance sheet as lost (核销).
    ChargeOff {},
    /// The claim on what was charged off is given up.
    WriteOff {},
    /// The loan is sold.
    Sale {
        /// For how much.
        price: Money,
    },
}

/// Something that happened to a loan.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanFact)]
struct FactView {
    /// Its place in the order in which the loan's facts were booked, from 0.
    number: u32,
    /// What it was.
    what: &'static str,
    /// The business date on which it counts.
    on: Day,
    /// The business date on which it was booked.
    booked_on: Day,
    /// The business date on which it was taken back.
    reversed_on: Option<Day>,
    /// The money that moved.
    amount: Money,
    /// The price that was a part of it.
    fee: Option<Money>,
    /// The rate that it set.
    rate: Option<String>,
    /// The version of the product it moved the loan to.
    version: Option<u32>,
    /// The due dates that it set.
    due: Option<Vec<Day>>,
    /// What was given up.
    waived: Option<OwedBody>,
}

/// What happened to a loan.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanFacts)]
struct FactsBody {
    /// The loan.
    loan: Name,
    /// In the order in which it was booked.
    facts: Vec<FactView>,
}

/// What something would do to a loan. Nothing is booked.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanPreview)]
struct PreviewBody {
    /// The loan as it would stand.
    loan: LoanBody,
    /// The instalments as they would be planned.
    plan: Vec<super::loans::InstalmentBody>,
    /// What would be booked.
    entries: Vec<EntryBody>,
}

/// An amount of an accounting event; less than was booked before is negative.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanEntry)]
pub(super) struct EntryBody {
    /// The event, such as `repayment`.
    pub(super) event: String,
    /// Which amount of it, such as `principal`.
    pub(super) name: String,
    /// How much, in major units of the loan's currency.
    pub(super) amount: Major,
}

impl EntryBody {
    pub(super) fn of((event, name, money): (&'static str, &'static str, money::Money)) -> Self {
        let amount = Major::of(money.amount, money.currency);
        Self { event: event.to_owned(), name: name.to_owned(), amount }
    }
}

/// List what happened to a loan
#[utoipa::path(
    get, path = "/v1/loans/{loan}/facts", tag = "loans", operation_id = "list_loan_facts",
    params(("loan" = Name, Path, description = "The loan's id.")),
    responses((status = 200, description = "What happened.", body = FactsBody)),
    security(("key" = ["read"])),
)]
async fn list(State(api): State<Api>, By(caller): By, At(id): At<LoanId>) -> Answer {
    let facts = api.bank.loan_facts(&caller, id).await?;
    let currency = api.bank.loan(&caller, id).await?.loan.currency;
    let facts = facts.into_iter().map(|fact| fact_view(fact, currency)).collect();
    ok(FactsBody { loan: id.into(), facts })
}

/// Move money on a loan
///
/// With a value date in the past everything that followed is made as if it had been known, and
/// the difference is booked.
#[utoipa::path(
    post, path = "/v1/loans/{loan}/facts", tag = "loans", operation_id = "add_loan_fact",
    params(("loan" = Name, Path, description = "The loan's id.")),
    request_body = PaymentBody,
    responses((status = 200, description = "It happened.", body = MovedBody)),
    security(("key" = ["payments"])),
)]
async fn happen(
    State(api): State<Api>,
    At(id): At<LoanId>,
    asked: Command<Json<PaymentBody>>,
) -> Answer {
    let happening = asked.body.0.read()?;
    done(api.bank.loan_happens(&asked.call, id, &happening).await?, moved)
}

/// Preview what moving money on a loan would do
///
/// By the same code as for what happens; nothing is booked.
#[utoipa::path(
    post, path = "/v1/loans/{loan}/facts/preview", tag = "loans",
    operation_id = "preview_loan_fact",
    params(("loan" = Name, Path, description = "The loan's id.")),
    request_body = PaymentBody,
    responses((status = 200, description = "What would be.", body = PreviewBody)),
    security(("key" = ["read"])),
)]
async fn preview(
    State(api): State<Api>,
    At(id): At<LoanId>,
    asked: Inquiry<Json<PaymentBody>>,
) -> Answer {
    previewed(api.bank.preview_loan(&asked.caller, id, &asked.body.0.read()?).await?)
}

/// Change a loan
///
/// Another rate, another plan, a pause of interest. Operators cannot: what is agreed anew needs
/// other eyes. What gives something up needs four, and is refused as `proposal-needed`: propose it.
#[utoipa::path(
    post, path = "/v1/loans/{loan}/changes", tag = "loans", operation_id = "change_loan",
    params(("loan" = Name, Path, description = "The loan's id.")),
    request_body = ChangeBody,
    responses((status = 200, description = "Changed.", body = MovedBody)),
    security(("key" = ["approve"])),
)]
async fn change(
    State(api): State<Api>,
    At(id): At<LoanId>,
    asked: Command<Json<ChangeBody>>,
) -> Answer {
    let happening = asked.body.0.read()?;
    done(api.bank.loan_happens(&asked.call, id, &happening).await?, moved)
}

/// Preview what a change of a loan would do
///
/// By the same code as for what happens; nothing is booked.
#[utoipa::path(
    post, path = "/v1/loans/{loan}/changes/preview", tag = "loans",
    operation_id = "preview_loan_change",
    params(("loan" = Name, Path, description = "The loan's id.")),
    request_body = ChangeBody,
    responses((status = 200, description = "What would be.", body = PreviewBody)),
    security(("key" = ["read"])),
)]
async fn preview_change(
    State(api): State<Api>,
    At(id): At<LoanId>,
    asked: Inquiry<Json<ChangeBody>>,
) -> Answer {
    previewed(api.bank.preview_loan(&asked.caller, id, &asked.body.0.read()?).await?)
}

fn previewed(LoanPreview { state, entries }: LoanPreview) -> Answer {
    let currency = state.loan.currency;
    let plan = state.loan.plan.iter().map(|it| super::loans::instalment(it, currency)).collect();
    let entries = entries.into_iter().map(EntryBody::of).collect();
    ok(PreviewBody { loan: view(state), plan, entries })
}

/// Take back what happened to a loan
///
/// What followed from it has not happened; the difference is booked.
#[utoipa::path(
    post, path = "/v1/loans/{loan}/facts/{number}/reversal", tag = "loans",
    operation_id = "reverse_loan_fact",
    params(
        ("loan" = Name, Path, description = "The loan's id."),
        ("number" = u32, Path, description = "The fact's number."),
    ),
    responses((status = 200, description = "Taken back.", body = MovedBody)),
    security(("key" = ["approve"])),
)]
async fn reverse(
    State(api): State<Api>,
    At((id, number)): At<(LoanId, u32)>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.reverse_loan_fact(&command.call, id, number).await?, moved)
}

impl PaymentBody {
    fn read(&self) -> Result<Happening, ApiError> {
        let mut reader = Reader { currency: None };
        let what = reader.payment(&self.fact)?;
        Ok(Happening { what, currency: reader.currency, on: self.on.map(|it| it.0) })
    }
}

impl ChangeBody {
    fn read(&self) -> Result<Happening, ApiError> {
        self.fact.read(self.on)
    }
}

impl ChangeFact {
    /// What is to happen, on a value date.
    pub(super) fn read(&self, on: Option<Day>) -> Result<Happening, ApiError> {
        let mut reader = Reader { currency: None };
        let what = reader.change(self)?;
        Ok(Happening { what, currency: reader.currency, on: on.map(|it| it.0) })
    }
}

/// Reads money of one currency.
struct Reader {
    currency: Option<Currency>,
}

impl Reader {
    fn amount(&mut self, money: &Money, name: &str) -> Result<Amount, ApiError> {
        let pointer = format!("/fact/{name}");
        let money = money.read(&pointer)?;
        if *self.currency.get_or_insert(money.currency) != money.currency {
            let detail = "All amounts are of one currency.";
            return Err(ApiError::malformed_body(Fault::at(pointer, "other-currency", detail)));
        }
        Ok(money.amount)
    }

    fn maybe(&mut self, money: Option<&Money>, name: &str) -> Result<Amount, ApiError> {
        money.map_or(Ok(Amount::ZERO), |money| self.amount(money, name))
    }

    fn payment(&mut self, fact: &PaymentFact) -> Result<What, ApiError> {
        // The price is set where it is known.
        let fee = Amount::ZERO;
        Ok(match fact {
            PaymentFact::Drawing { amount } => {
                What::Drawing { principal: self.amount(amount, "amount")? }
            }
            PaymentFact::Repayment { amount } => {
                What::Repayment { amount: self.amount(amount, "amount")? }
            }
            PaymentFact::Prepayment { amount, keep } => {
                What::Prepayment { amount: self.amount(amount, "amount")?, fee, keep: *keep }
            }
            PaymentFact::Refund { amount } => {
                What::Refund { amount: self.amount(amount, "amount")? }
            }
            PaymentFact::Subsidy { amount } => {
                What::Subsidy { amount: self.amount(amount, "amount")? }
            }
            PaymentFact::ThirdPartyFee { amount } => {
                What::ThirdPartyFee { amount: self.amount(amount, "amount")? }
            }
        })
    }

    fn change(&mut self, fact: &ChangeFact) -> Result<What, ApiError> {
        Ok(match fact {
            ChangeFact::RateChange { rate } => {
                What::RateChange { rate: read_rate(rate)?, reason: RateReason::Agreed }
            }
            ChangeFact::InterestPause { until } => What::InterestPause { until: until.0 },
            ChangeFact::Rescheduling { kind, due, rate, capitalise, distressed } => {
                What::Rescheduling(Rescheduling {
                    kind: *kind,
                    due: due.iter().map(|day| day.0).collect(),
                    rate: rate.as_deref().map(read_rate).transpose()?,
                    capitalise: *capitalise,
                    distressed: *distressed,
                })
            }
            ChangeFact::Waiver { penalty, fee, interest, principal } => What::Waiver {
                waived: Owed {
                    penalty: self.maybe(penalty.as_ref(), "penalty")?,
                    fee: self.maybe(fee.as_ref(), "fee")?,
                    interest: self.maybe(interest.as_ref(), "interest")?,
                    principal: self.maybe(principal.as_ref(), "principal")?,
                },
            },
            ChangeFact::ChargeOff {} => What::ChargeOff,
            ChangeFact::WriteOff {} => What::WriteOff,
            ChangeFact::Sale { price } => What::Sale { price: self.amount(price, "price")? },
        })
    }
}

fn read_rate(text: &str) -> Result<Decimal, ApiError> {
    let detail = "It is not a fraction such as `0.045`.";
    Decimal::from_str_exact(text)
        .map_err(|_| ApiError::malformed_body(Fault::at("/fact/rate", "malformed-rate", detail)))
}

/// What of something that happened its views show apart.
pub(super) struct Details {
    /// The money that moves.
    pub(super) amount: Money,
    /// The price that is a part of it.
    pub(super) fee: Option<Money>,
    /// The rate that it sets.
    pub(super) rate: Option<String>,
    /// The due dates that it sets.
    pub(super) due: Option<Vec<Day>>,
    /// What is given up.
    pub(super) waived: Option<OwedBody>,
}

impl Details {
    pub(super) fn of(what: &What, currency: Currency) -> Self {
        let money = |amount| Money::of(amount, currency);
        let fee = match what {
            What::Disbursal { fees: fee, .. }
            | What::Prepayment { fee, .. }
            | What::Settlement { fee, .. } => Some(money(*fee)),
            _ => None,
        };
        let (rate, due) = match what {
            What::RateChange { rate, .. } | What::Migration { rate, .. } => {
                (Some(rate.to_string()), None)
            }
            What::Rescheduling(it) => {
                let due = it.due.iter().copied().map(Day).collect();
                (it.rate.map(|rate| rate.to_string()), Some(due))
            }
            _ => (None, None),
        };
        let waived = match what {
            What::Waiver { waived } => Some(owed(waived, currency)),
            _ => None,
        };
        Self { amount: money(what.amount()), fee, rate, due, waived }
    }
}

fn fact_view(fact: Fact, currency: Currency) -> FactView {
    let Fact { number, on, booked_on, reversed_on, what } = fact;
    let Details { amount, fee, rate, due, waived } = Details::of(&what, currency);
    let version = match &what {
        What::Migration { version, .. } => Some(*version),
        _ => None,
    };
    FactView {
        number,
        what: what.name(),
        on: Day(on),
        booked_on: Day(booked_on),
        reversed_on: reversed_on.map(Day),
        amount,
        fee,
        rate,
        version,
        due,
        waived,
    }
}
