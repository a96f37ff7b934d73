//! What the JSON of documents looks like. `documents` writes it; a test holds every answer to it.

#![allow(dead_code, reason = "only their schemas are used")]

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    schema,
    wire::{Day, Money},
};

/// A PDF file (ISO 32000).
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(crate) struct Pdf(String);

/// A text in both languages.
#[derive(Serialize, ToSchema)]
pub(crate) struct Bilingual {
    /// Chinese.
    zh: String,
    /// English.
    en: String,
}

/// Who sends a document.
#[derive(Serialize, ToSchema)]
pub(crate) struct Issuer {
    /// Its name.
    name: Bilingual,
    /// How it is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<Bilingual>,
}

/// Whom a document is for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Addressee {
    /// The name; masked unless the key may see it.
    name: String,
    /// The number of the identity document, masked for everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<String>,
}

/// What a document is about.
#[derive(Serialize, ToSchema)]
pub(crate) struct DocumentContract {
    /// The contract's id.
    number: String,
    /// What the product is called, with its version.
    product: Bilingual,
    /// The number of the account, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
}

/// The statement of a contract over some days (对账单). On an account what comes in is positive;
/// on a loan what raises what is owed is, and balances are principal.
#[derive(Serialize, ToSchema)]
#[schema(as = CustomerStatement)]
pub(crate) struct Statement {
    /// Who sends it.
    issuer: Issuer,
    /// To whom.
    party: Addressee,
    /// About what.
    contract: DocumentContract,
    /// The first business date.
    from: Day,
    /// The last.
    to: Day,
    /// The business date on which it is made.
    issued_on: Day,
    /// The balance before the first day.
    opening: Money,
    /// The balance at the end of the last day.
    closing: Money,
    /// What happened.
    content: StatementContent,
    /// What it comes to.
    totals: StatementTotals,
}

/// The rows of a statement.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum StatementContent {
    /// Of an account or a deposit.
    Account {
        /// In the order they were booked.
        movements: Vec<AccountMovement>,
    },
    /// Of a loan.
    Loan {
        /// In the order they were booked.
        movements: Vec<LoanMovement>,
        /// Those due in the period, and those before that are not paid.
        instalments: Vec<StatementInstalment>,
    },
}

/// Something that moved the balance of an account.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountMovement {
    /// The business date on which it was booked.
    date: Day,
    /// The day from which it counts for interest.
    value_date: Day,
    /// What it was.
    #[schema(value_type = schema::MovementKind)]
    kind: String,
    /// In, or out when negative.
    amount: Money,
    /// The balance after it.
    balance: Money,
}

/// Something that changed what is owed on a loan.
#[derive(Serialize, ToSchema)]
pub(crate) struct LoanMovement {
    /// The business date on which it was booked.
    date: Day,
    /// The day from which it counts.
    value_date: Day,
    /// What it was.
    #[schema(value_type = schema::MovementKind)]
    kind: String,
    /// The sum of the parts.
    amount: Money,
    /// Of it, principal.
    principal: Money,
    /// Of it, interest.
    interest: Money,
    /// Of it, penalty interest.
    penalty: Money,
    /// Of it, fees.
    fees: Money,
    /// Of it, put aside for what becomes due later when negative, used when positive.
    prepaid: Money,
    /// The principal owed after it.
    balance: Money,
}

/// An instalment where it stands at the end of the last day.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatementInstalment {
    /// From 1.
    number: u32,
    /// When it is due.
    due: Day,
    /// Where it stands.
    #[schema(value_type = schema::StatementStatus)]
    status: String,
    /// Principal due.
    principal: Money,
    /// Interest due.
    interest: Money,
    /// Penalty interest that is not paid.
    penalty: Money,
    /// Fees due.
    fees: Money,
    /// What of all that is paid.
    paid: Money,
    /// What is not.
    outstanding: Money,
}

/// What the rows of a statement come to: of an account, or of a loan.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum StatementTotals {
    /// Of an account.
    Account {
        /// All that came in.
        paid_in: Money,
        /// All that went out.
        paid_out: Money,
    },
    /// Of a loan: what was taken off in the period, and what stands open at its end.
    Loan {
        /// Principal taken off.
        principal: Money,
        /// Interest taken off.
        interest: Money,
        /// Penalty interest taken off.
        penalty: Money,
        /// Fees taken off.
        fees: Money,
        /// What is due and not paid.
        due: Money,
        /// Of it, what is late.
        overdue: Money,
    },
}

/// What a borrower is told of a loan (中国人民银行公告〔2021〕第3号). Rates are fractions.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanDisclosure)]
pub(crate) struct Disclosure {
    /// Who lends.
    issuer: Issuer,
    /// To whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    party: Option<Addressee>,
    /// About what.
    contract: DocumentContract,
    /// The business date on which it is made.
    issued_on: Day,
    /// The sum lent (贷款本金).
    amount: Money,
    /// The sum in words (大写金额).
    amount_in_words: Bilingual,
    /// The sum paid out: less by the fees kept back.
    paid_out: Money,
    /// The day of disbursal the plan assumes.
    disbursed_on: Day,
    /// The distance of two due dates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1 month")]
    every: Option<String>,
    /// How it is repaid (还款方式); `planned` is as the plan says.
    #[schema(value_type = schema::DisclosedMethod)]
    method: String,
    /// What the sum lent costs a year.
    rate: DisclosedRate,
    /// How days become years.
    #[schema(value_type = schema::DayCount)]
    day_count: String,
    /// All it costs a year (年化利率).
    annual_cost: DisclosedCost,
    /// Every fee the borrower pays.
    fees: Vec<DisclosedFee>,
    /// What being late costs (罚息).
    #[serde(skip_serializing_if = "Option::is_none")]
    penalty: Option<DisclosedPenalty>,
    /// What settling early costs (提前结清).
    early_settlement: DisclosedSettlement,
    /// What somebody else pays of the interest (贴息).
    #[serde(skip_serializing_if = "Option::is_none")]
    subsidy: Option<DisclosedSubsidy>,
    /// What a payment pays first (还款顺序).
    #[schema(value_type = Vec<schema::Component>)]
    allocation: Vec<String>,
    /// The instalments (还款计划).
    plan: Vec<DisclosedInstalment>,
    /// What else must be said.
    notes: Vec<Bilingual>,
    /// What the plan comes to.
    totals: DisclosedTotals,
}

/// The contract rate of a year.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum DisclosedRate {
    /// Stays as signed.
    Fixed {
        /// The rate.
        #[schema(example = "0.096")]
        rate: String,
    },
    /// Follows a benchmark.
    Floating {
        /// The rate with which the plan is made.
        #[schema(example = "0.0355")]
        rate: String,
        /// The benchmark.
        benchmark: Bilingual,
        /// What is added to it.
        #[schema(example = "0.0055")]
        spread: String,
        /// When it is taken anew.
        reset: Bilingual,
    },
}

/// The annual cost.
#[derive(Serialize, ToSchema)]
pub(crate) struct DisclosedCost {
    /// The rate of a period times the periods of a year (单利).
    simple: String,
    /// The rate of a period, compounded (复利).
    compound: String,
}

/// A fee.
#[derive(Serialize, ToSchema)]
pub(crate) struct DisclosedFee {
    /// Its name.
    name: Bilingual,
    /// When it is taken.
    #[schema(value_type = schema::FeeTime)]
    taken: String,
    /// How much in all, when that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Money>,
    /// How it is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<Bilingual>,
}

/// What being late costs.
#[derive(Serialize, ToSchema)]
pub(crate) struct DisclosedPenalty {
    /// Rate of a year.
    rate: String,
    /// What it is taken on.
    #[schema(value_type = schema::PenaltyBase)]
    base: String,
    /// Days after the due date within which paying is not late.
    grace_days: u32,
}

/// What settling early costs.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum DisclosedSettlement {
    /// It is not possible.
    NotAllowed,
    /// Nothing but the interest up to the day.
    Free,
    /// A price.
    Charged {
        /// How it is found.
        terms: Bilingual,
    },
}

/// Interest that somebody else pays.
#[derive(Serialize, ToSchema)]
pub(crate) struct DisclosedSubsidy {
    /// Who.
    payer: Bilingual,
    /// How much.
    terms: Bilingual,
}

/// An instalment of the plan.
#[derive(Serialize, ToSchema)]
pub(crate) struct DisclosedInstalment {
    /// From 1.
    number: u32,
    /// When it is due.
    due: Day,
    /// Principal.
    principal: Money,
    /// Interest.
    interest: Money,
    /// Fees.
    fees: Money,
    /// What somebody else pays of the interest.
    subsidy: Money,
    /// What the borrower pays.
    total: Money,
    /// Interest that becomes principal.
    capitalised: Money,
    /// Principal owed after it.
    balance: Money,
}

/// What the plan comes to.
#[derive(Serialize, ToSchema)]
pub(crate) struct DisclosedTotals {
    /// Principal: the sum lent, and interest that became principal.
    principal: Money,
    /// Interest.
    interest: Money,
    /// Fees due with the instalments.
    fees: Money,
    /// What somebody else pays.
    subsidy: Money,
    /// What the borrower pays.
    total: Money,
    /// Interest that becomes principal.
    capitalised: Money,
}
