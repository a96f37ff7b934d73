//! Instalment loan: a sum lent once and repaid in instalments (分期贷款).

use std::collections::BTreeSet;

use money::{Decimal, Period, Rounding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    definition::Text,
    expression::{Environment, Field, Type},
    kinds::{Event, Kind, Title},
    schedule::YearDay,
    schema,
};

pub(super) mod check;
mod product;
pub(super) mod simulate;

pub use product::{FeeError, Financed, LoanProduct, OfferReject};
pub use simulate::explain;

/// The most fees of a loan.
pub const FEES_MAX: usize = 20;
/// The most numbers of instalments a loan may list.
pub const ALLOWED_MAX: usize = 100;
/// The longest time a penalty may wait.
pub const GRACE_DAYS_MAX: u32 = 90;
/// The longest loan, in years.
pub const YEARS_MAX: i16 = 50;
/// The latest day of a month on which instalments are due: every month has it.
pub const DUE_DAY_MAX: u32 = 28;
/// The most days of a year on which instalments are due.
pub const YEAR_DAYS_MAX: usize = 24;
/// The longest time without interest from disbursal, in days.
pub const FREE_DAYS_MAX: u32 = 3_660;
/// The most times the rate of a loan that a penalty may be: for a multiple of 1.5 written as 150.
pub const PENALTY_MULTIPLE_MAX: Decimal = Decimal::TEN;
/// The most tranches of a loan.
pub const TRANCHES_MAX: u32 = 100;

/// The kind.
pub const KIND: Kind = Kind {
    name: "instalment-loan",
    title: Title { en: "Instalment loan", zh: "分期贷款" },
    summary: "A sum lent once and repaid in instalments.",
    example: include_str!("../../../../examples/products/consumer-instalment.yaml"),
    terms_schema: schema::of::<InstalmentLoan>,
    check: check::check,
    events: EVENTS,
    round_trips: ROUND_TRIPS,
    simulate: simulate::simulate,
};

/// What can happen to a loan. `lending` says when.
pub(super) const EVENTS: &[Event] = &[
    Event {
        name: "disbursal",
        title: Title { en: "The sum is lent", zh: "放款" },
        postings: &[("principal", "1303", "1003")],
    },
    Event {
        name: "disbursal-fee",
        title: Title {
            en: "A fee is kept back from the sum paid out", zh: "放款时收取费用"
        },
        postings: &[("fee", "1003", "6021.01")],
    },
    Event {
        name: "interest-accrual",
        title: Title { en: "Interest of a day", zh: "计提利息" },
        postings: &[("interest", "1132.01", "6011.01")],
    },
    Event {
        name: "subsidy-accrual",
        title: Title { en: "Interest of a day that a third party pays", zh: "计提贴息" },
        postings: &[("subsidy", "1132.03", "6011.03")],
    },
    Event {
        name: "third-party-fee",
        title: Title {
            en: "A third party owes a fee at disbursal", zh: "放款时应收第三方费用"
        },
        postings: &[("fee", "1221.02", "6021.01")],
    },
    Event {
        name: "subsidy-received",
        title: Title {
            en: "The third party pays what it owes", zh: "收到贴息及第三方费用"
        },
        postings: &[("subsidy", "1003", "1132.03"), ("fee", "1003", "1221.02")],
    },
    Event {
        name: "interest-capitalised",
        title: Title { en: "Interest in grace becomes principal", zh: "利息转本金" },
        postings: &[("interest", "1303", "1132.01")],
    },
    Event {
        name: "penalty-accrual",
        title: Title { en: "Penalty interest of a day", zh: "计提罚息" },
        postings: &[("penalty", "1132.02", "6011.02")],
    },
    Event {
        name: "instalment-fee",
        title: Title { en: "A fee becomes due with an instalment", zh: "分期费用到期" },
        postings: &[("fee", "1221.01", "6021.01")],
    },
    Event {
        name: "overdue-fee",
        title: Title { en: "A fee for an instalment that is overdue", zh: "逾期费用" },
        postings: &[("fee", "1221.01", "6021.01")],
    },
    Event {
        name: "repayment",
        title: Title { en: "The borrower pays what is due", zh: "还款" },
        postings: &[
            ("penalty", "1003", "1132.02"),
            ("fee", "1003", "1221.01"),
            ("interest", "1003", "1132.01"),
            ("principal", "1003", "1303"),
        ],
    },
    Event {
        name: "prepayment",
        title: Title { en: "The borrower pays ahead", zh: "预存还款" },
        postings: &[("prepaid", "1003", "2241.01")],
    },
    Event {
        name: "prepayment-applied",
        title: Title { en: "What was paid ahead pays what is due", zh: "预存款抵扣" },
        postings: &[
            ("penalty", "2241.01", "1132.02"),
            ("fee", "2241.01", "1221.01"),
            ("interest", "2241.01", "1132.01"),
            ("principal", "2241.01", "1303"),
        ],
    },
    Event {
        name: "settlement-fee",
        title: Title { en: "The price of settling early", zh: "提前结清费用" },
        postings: &[("fee", "1003", "6021.01")],
    },
    Event {
        name: "prepayment-fee",
        title: Title { en: "The price of repaying a part early", zh: "部分提前还款费用" },
        postings: &[("fee", "1003", "6021.01")],
    },
    Event {
        name: "refund",
        title: Title { en: "What was paid too much is given back", zh: "退还多收款项" },
        postings: &[("prepaid", "2241.01", "1003")],
    },
    Event {
        name: "capitalisation",
        title: Title { en: "What is due becomes principal of a new plan", zh: "欠款转本金" },
        postings: &[("interest", "1303", "1132.01"), ("fee", "1303", "1221.01")],
    },
    Event {
        name: "waiver",
        title: Title { en: "A part of what is due is given up", zh: "减免" },
        postings: &[
            ("penalty", "6011.02", "1132.02"),
            ("fee", "6021.01", "1221.01"),
            ("interest", "6011.01", "1132.01"),
            ("principal", "1304.02", "1303"),
        ],
    },
    Event {
        name: "interest-suspension",
        title: Title {
            en: "Unpaid interest leaves income", zh: "转为非应计，冲回应收利息"
        },
        postings: &[
            ("interest", "6011.01", "1132.01"),
            ("penalty", "6011.02", "1132.02"),
            ("memo", "7001", "7009"),
        ],
    },
    Event {
        name: "interest-resumption",
        title: Title { en: "Unpaid interest is income again", zh: "恢复应计" },
        postings: &[
            ("interest", "1132.01", "6011.01"),
            ("penalty", "1132.02", "6011.02"),
            ("memo", "7009", "7001"),
        ],
    },
    Event {
        name: "suspended-accrual",
        title: Title { en: "Interest of a day, not income before it is paid", zh: "表外计息" },
        postings: &[("memo", "7001", "7009")],
    },
    Event {
        name: "suspended-repayment",
        title: Title { en: "Suspended interest is paid", zh: "收回表外利息" },
        postings: &[
            ("interest", "1003", "6011.01"),
            ("penalty", "1003", "6011.02"),
            ("memo", "7009", "7001"),
        ],
    },
    Event {
        name: "suspended-prepayment-applied",
        title: Title {
            en: "What was paid ahead pays suspended interest",
            zh: "预存款抵扣表外利息",
        },
        postings: &[
            ("interest", "2241.01", "6011.01"),
            ("penalty", "2241.01", "6011.02"),
            ("memo", "7009", "7001"),
        ],
    },
    Event {
        name: "suspended-waiver",
        title: Title { en: "Suspended interest is given up", zh: "减免表外利息" },
        postings: &[("memo", "7009", "7001")],
    },
    Event {
        name: "charge-off",
        title: Title { en: "The loan leaves the balance sheet as lost", zh: "贷款核销" },
        postings: &[
            ("penalty", "1304.02", "1132.02"),
            ("fee", "1304.02", "1221.01"),
            ("interest", "1304.02", "1132.01"),
            ("principal", "1304.02", "1303"),
            ("memo", "7002", "7009"),
            ("suspended", "7002", "7001"),
        ],
    },
    Event {
        name: "recovery",
        title: Title {
            en: "Something comes in on a loan charged off", zh: "已核销贷款收回"
        },
        postings: &[("amount", "1003", "1304.02"), ("memo", "7009", "7002")],
    },
    Event {
        name: "write-off",
        title: Title { en: "The claim is given up", zh: "终止追索" },
        postings: &[("memo", "7009", "7002")],
    },
    Event {
        name: "sale",
        title: Title { en: "The loan is sold", zh: "贷款转让" },
        postings: &[
            ("price", "1003", "1221.09"),
            ("penalty", "1221.09", "1132.02"),
            ("fee", "1221.09", "1221.01"),
            ("interest", "1221.09", "1132.01"),
            ("principal", "1221.09", "1303"),
            ("gain", "1221.09", "6111"),
            ("loss", "6111", "1221.09"),
            ("memo", "7009", "7002"),
            ("suspended", "7009", "7001"),
        ],
    },
    Event {
        name: "collateral-pledged",
        title: Title { en: "Something is pledged, or worth more", zh: "收取抵质押物" },
        postings: &[("value", "7004", "7009")],
    },
    Event {
        name: "collateral-released",
        title: Title { en: "Something is released, or worth less", zh: "退还抵质押物" },
        postings: &[("value", "7009", "7004")],
    },
    Event {
        name: "provision",
        title: Title {
            en: "The allowance for a loss on the loan is adjusted", zh: "计提专项准备"
        },
        postings: &[("amount", "6701.01", "1304.02")],
    },
    Event {
        name: "general-provision",
        title: Title {
            en: "The general allowance for losses is adjusted", zh: "计提一般准备"
        },
        postings: &[("amount", "6701.01", "1304.01"), ("released", "1304.01", "6701.01")],
    },
];

/// A loan's accounts are empty when what was lent or accrued is paid, at once or from what was
/// paid ahead.
pub(super) const ROUND_TRIPS: &[&[(&str, &str)]] = &[
    &[("disbursal", "principal"), ("repayment", "principal")],
    &[("interest-accrual", "interest"), ("repayment", "interest")],
    &[("penalty-accrual", "penalty"), ("repayment", "penalty")],
    &[("instalment-fee", "fee"), ("repayment", "fee")],
    &[("disbursal", "principal"), ("prepayment", "prepaid"), ("prepayment-applied", "principal")],
    &[
        ("interest-accrual", "interest"),
        ("prepayment", "prepaid"),
        ("prepayment-applied", "interest"),
    ],
    &[("penalty-accrual", "penalty"), ("prepayment", "prepaid"), ("prepayment-applied", "penalty")],
    &[("instalment-fee", "fee"), ("prepayment", "prepaid"), ("prepayment-applied", "fee")],
    &[("disbursal-fee", "fee")],
    &[("settlement-fee", "fee")],
    &[("prepayment-fee", "fee")],
    &[("overdue-fee", "fee"), ("repayment", "fee")],
    &[
        ("interest-accrual", "interest"),
        ("interest-capitalised", "interest"),
        ("repayment", "principal"),
    ],
    &[("subsidy-accrual", "subsidy"), ("subsidy-received", "subsidy")],
    &[("third-party-fee", "fee"), ("subsidy-received", "fee")],
    &[("prepayment", "prepaid"), ("refund", "prepaid")],
    &[("interest-accrual", "interest"), ("capitalisation", "interest"), ("repayment", "principal")],
    &[("instalment-fee", "fee"), ("capitalisation", "fee"), ("repayment", "principal")],
    &[("penalty-accrual", "penalty"), ("waiver", "penalty")],
    &[("instalment-fee", "fee"), ("waiver", "fee")],
    &[("interest-accrual", "interest"), ("waiver", "interest")],
    &[("disbursal", "principal"), ("provision", "amount"), ("waiver", "principal")],
    &[
        ("interest-accrual", "interest"),
        ("interest-suspension", "interest"),
        ("interest-resumption", "interest"),
        ("repayment", "interest"),
    ],
    &[
        ("penalty-accrual", "penalty"),
        ("interest-suspension", "penalty"),
        ("interest-resumption", "penalty"),
        ("repayment", "penalty"),
    ],
    &[("interest-suspension", "memo"), ("interest-resumption", "memo")],
    &[("suspended-repayment", "interest")],
    &[("suspended-repayment", "penalty")],
    &[("suspended-accrual", "memo"), ("suspended-repayment", "memo")],
    &[("prepayment", "prepaid"), ("suspended-prepayment-applied", "interest")],
    &[("prepayment", "prepaid"), ("suspended-prepayment-applied", "penalty")],
    &[("suspended-accrual", "memo"), ("suspended-prepayment-applied", "memo")],
    &[("suspended-accrual", "memo"), ("suspended-waiver", "memo")],
    &[("disbursal", "principal"), ("provision", "amount"), ("charge-off", "principal")],
    &[("interest-accrual", "interest"), ("provision", "amount"), ("charge-off", "interest")],
    &[("penalty-accrual", "penalty"), ("provision", "amount"), ("charge-off", "penalty")],
    &[("instalment-fee", "fee"), ("provision", "amount"), ("charge-off", "fee")],
    &[("disbursal", "principal"), ("charge-off", "principal"), ("recovery", "amount")],
    &[("charge-off", "memo"), ("recovery", "memo")],
    &[("suspended-accrual", "memo"), ("charge-off", "suspended"), ("write-off", "memo")],
    &[("general-provision", "amount"), ("general-provision", "released")],
    &[("disbursal", "principal"), ("sale", "principal")],
    &[("interest-accrual", "interest"), ("sale", "interest")],
    &[("penalty-accrual", "penalty"), ("sale", "penalty")],
    &[("instalment-fee", "fee"), ("sale", "fee")],
    &[("sale", "price"), ("sale", "gain"), ("sale", "loss")],
    &[("charge-off", "memo"), ("sale", "memo")],
    &[("suspended-accrual", "memo"), ("sale", "suspended")],
    &[("collateral-pledged", "value"), ("collateral-released", "value")],
];

/// The terms of an `instalment-loan`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstalmentLoan {
    /// What may be borrowed, in major units of the product's currency.
    pub amount: AmountRange,
    /// How many instalments.
    pub term: TermRange,
    /// How the loan is repaid.
    pub repayment: Repayment,
    /// What the loan costs over time.
    pub interest: Interest,
    /// What it costs beside interest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = FEES_MAX))]
    pub fees: Vec<Fee>,
    /// What being late costs (罚息). Without it, being late costs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty: Option<Penalty>,
    /// What a third party pays of the interest (贴息). Without it, the borrower pays all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subsidy: Option<Subsidy>,
    /// What a repayment pays first.
    #[serde(default = "allocation_default")]
    #[schemars(length(min = 4, max = 4))]
    pub allocation: Vec<Component>,
    /// What comes first: the oldest instalment, or the first component.
    #[serde(default)]
    pub allocation_by: AllocationBy,
    /// In place of `allocation` what a repayment pays first of all that is due, overdue parts
    /// apart from those due on the day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 8, max = 8))]
    pub waterfall: Vec<Slice>,
    /// Whether and at what price the borrower may settle early (提前结清).
    #[serde(default)]
    pub early_settlement: EarlySettlement,
    /// Whether and at what price the borrower may repay a part early (部分提前还款).
    #[serde(default)]
    pub prepayment: Prepayment,
    /// What the borrower pays of a purchase (首付). Without it, nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_payment: Option<DownPayment>,
    /// Whether the sum may be paid out in parts (分次放款). Without it, at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tranches: Option<Tranches>,
    /// What one person must propose and another approve (双人复核). What is not listed may be
    /// proposed, too, or done by who approves.
    #[serde(default = "four_eyes_default", skip_serializing_if = "is_four_eyes_default")]
    #[schemars(length(max = CHANGES))]
    pub four_eyes: BTreeSet<Change>,
    /// What is done when the loan is past due, step by step (催收). Without it, nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = DUNNING_STEPS_MAX))]
    pub dunning: Vec<DunningStep>,
    /// What must stand behind the loan (担保). Without it, nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<Security>,
}

/// The most guarantors that a product asks for.
pub const GUARANTORS_MAX: u32 = 10;
/// The longest time between two valuations of what is pledged, in months.
pub const REVALUED_MONTHS_MAX: u32 = 120;

/// What must stand behind a loan whenever money is paid out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Security {
    /// Who answers for the borrower (保证人). Without it, nobody is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarantors: Option<Guarantors>,
    /// What is pledged (抵押、质押). Without it, nothing is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collateral: Option<Pledged>,
}

/// The guarantors of a loan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guarantors {
    /// How many there must be.
    #[schemars(range(max = GUARANTORS_MAX))]
    pub min: u32,
    /// Which kinds of guarantee are taken.
    #[serde(default = "guarantee_kinds")]
    #[schemars(length(min = 1, max = 2))]
    pub kinds: Vec<GuaranteeKind>,
}

/// When a guarantor has to pay.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum GuaranteeKind {
    /// As soon as the borrower does not (连带责任保证).
    Joint,
    /// Once the borrower was sued and cannot (一般保证).
    General,
}

impl GuaranteeKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Joint, Self::General];
}

fn guarantee_kinds() -> Vec<GuaranteeKind> {
    GuaranteeKind::ALL.to_vec()
}

/// What is pledged for a loan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pledged {
    /// Which sorts of things are taken.
    #[schemars(length(min = 1, max = COLLATERAL_KINDS))]
    pub kinds: Vec<CollateralKind>,
    /// The most principal for what is pledged (抵押率), as a fraction of its value: 0.7 is 70 %.
    #[schemars(schema_with = "schema::decimal")]
    pub loan_to_value: Decimal,
    /// For how many months a valuation counts; without it, for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = REVALUED_MONTHS_MAX))]
    pub revalued_months: Option<u32>,
}

/// How many sorts of things can be pledged.
pub const COLLATERAL_KINDS: usize = 7;

/// What sort of thing is pledged.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum CollateralKind {
    /// Land and buildings (不动产).
    RealEstate,
    /// A car, a truck (车辆).
    Vehicle,
    /// Machines and tools (设备).
    Equipment,
    /// Raw materials and goods (存货).
    Inventory,
    /// A deposit with a bank (存单).
    Deposit,
    /// What others owe the borrower (应收账款).
    Receivable,
    /// Bonds, shares and parts of funds (有价证券).
    Securities,
}

impl CollateralKind {
    /// Every sort.
    pub const ALL: [Self; COLLATERAL_KINDS] = [
        Self::RealEstate,
        Self::Vehicle,
        Self::Equipment,
        Self::Inventory,
        Self::Deposit,
        Self::Receivable,
        Self::Securities,
    ];
}

/// The most steps of dunning.
pub const DUNNING_STEPS_MAX: usize = 20;
/// The latest step of dunning, in days past due.
pub const DUNNING_DAYS_MAX: u32 = 3_660;

/// Something that is done when a loan has been past due for so long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DunningStep {
    /// At so many days past due; more than the step before.
    #[schemars(range(min = 1, max = DUNNING_DAYS_MAX))]
    pub after: u32,
    /// Its name, such as `reminder`, `call` or `legal`.
    #[schemars(schema_with = "schema::code")]
    pub step: String,
    /// What people call it.
    pub title: Text,
}

/// How many sorts of change there are.
pub const CHANGES: usize = 9;

/// What can be changed of a loan beside the money that moves.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Another rate.
    RateChange,
    /// No interest for a while.
    InterestPause,
    /// Other due dates, whether or not the borrower could keep the old ones.
    Rescheduling,
    /// Other due dates, because the borrower could not keep the old ones (重组).
    DistressedRescheduling,
    /// A part of what is due is given up.
    Waiver,
    /// The loan leaves the balance sheet as lost.
    ChargeOff,
    /// The claim on what was charged off is given up.
    WriteOff,
    /// The loan is sold.
    Sale,
    /// Something that happened is taken back.
    Reversal,
}

/// Whatever changes what was agreed, or gives something up: all but what is taken back.
fn four_eyes_default() -> BTreeSet<Change> {
    use Change as C;
    BTreeSet::from([
        C::RateChange,
        C::InterestPause,
        C::Rescheduling,
        C::DistressedRescheduling,
        C::Waiver,
        C::ChargeOff,
        C::WriteOff,
        C::Sale,
    ])
}

fn is_four_eyes_default(changes: &BTreeSet<Change>) -> bool {
    *changes == four_eyes_default()
}

/// Amounts that may be borrowed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmountRange {
    /// The smallest amount.
    #[schemars(schema_with = "schema::decimal")]
    pub min: Decimal,
    /// The largest amount.
    #[schemars(schema_with = "schema::decimal")]
    pub max: Decimal,
    /// The amount is a multiple of this; without it, of the minor unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub step: Option<Decimal>,
}

/// Numbers of instalments that may be chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TermRange {
    /// The fewest instalments.
    #[schemars(range(min = 1, max = TERM_MAX))]
    pub min: u32,
    /// The most instalments, at most 480.
    #[schemars(range(min = 1, max = TERM_MAX))]
    pub max: u32,
    /// The number taken when the applicant names none; `max` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = TERM_MAX))]
    pub default: Option<u32>,
    /// When given, only these numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ALLOWED_MAX))]
    pub allowed: Vec<u32>,
}

/// The most instalments a loan may have: forty years of months.
pub const TERM_MAX: u32 = 480;

/// How the loan is repaid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repayment {
    /// How principal and interest spread over the instalments.
    pub method: Method,
    /// The distance of two due dates, such as `1 month`; else `on` says when they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::period")]
    pub every: Option<Period>,
    /// The days of every year on which instalments are due, such as `[06-25, 10-31]` for two
    /// harvests. The first is the first of them after disbursal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::year_days")]
    pub on: Vec<YearDay>,
    /// The day of the month on which instalments are due. The first full period starts on the
    /// first such day from disbursal; without it, on the day of disbursal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = DUE_DAY_MAX))]
    pub due_day: Option<u32>,
    /// How the interest of the days before the first full period is collected.
    #[serde(default)]
    pub broken_period: BrokenPeriod,
    /// Where a due date goes that is not a business day.
    #[serde(default)]
    #[schemars(schema_with = "schema::roll")]
    pub roll: money::Roll,
    /// Whether interest runs to the date a due date went to, or to the regular one.
    #[serde(default = "yes")]
    pub adjusted: bool,
    /// First instalments without principal or interest.
    #[serde(default)]
    pub grace: Grace,
    /// Instalments that repay principal are a multiple of this, such as whole yuan; the last one
    /// takes the residue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub multiple: Option<Decimal>,
    /// The share of the sum lent that is left for the last instalment (尾款): 0.3 is 30 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub balloon: Option<Decimal>,
}

/// First instalments without principal or interest (宽限期).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grace {
    /// How many instalments repay no principal.
    #[serde(default)]
    pub principal: u32,
    /// With how many instalments no interest is due. The first one after them collects it.
    #[serde(default)]
    pub interest: u32,
    /// Interest that is not due becomes principal instead, on the due date.
    #[serde(default)]
    pub capitalise: bool,
}

/// How the interest of a broken first period is collected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BrokenPeriod {
    /// The level instalment takes it in, so all instalments are equal.
    #[default]
    Spread,
    /// With the first instalment, on top of what a full period would ask for.
    First,
    /// On its own, where the first full period starts: one line more in the plan.
    Separate,
}

/// How principal and interest spread over the instalments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Every instalment is the same sum of principal and interest (等额本息).
    EqualInstalment,
    /// Every instalment repays the same principal; interest falls (等额本金).
    EqualPrincipal,
    /// Interest every instalment, all principal with the last (先息后本).
    InterestFirst,
    /// Principal and all interest with the last instalment (一次还本付息).
    Bullet,
    /// Every instalment repays the same principal and interest on the amount lent (等本等息).
    Flat,
}

/// What the loan costs over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interest {
    /// Nominal rate of a year as a fraction: 0.096 is 9.6 %. Fixed; else `floating` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub rate: Option<Decimal>,
    /// The rate is a reference rate and a spread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floating: Option<Floating>,
    /// How days become years.
    #[schemars(schema_with = "schema::day_count")]
    pub day_count: money::DayCount,
    /// How the interest of an instalment becomes minor units.
    #[serde(default)]
    #[schemars(schema_with = "schema::rounding")]
    pub rounding: Rounding,
    /// Days from disbursal that cost no interest (免息期).
    #[serde(default)]
    #[schemars(range(max = FREE_DAYS_MAX))]
    pub free_days: u32,
}

/// A rate that follows another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Floating {
    /// The rate it follows.
    pub reference: Reference,
    /// What is added to it (加点), as a fraction: 0.0055 is 55 basis points. May be negative; the
    /// rate is never below 0.
    #[schemars(schema_with = "schema::decimal")]
    pub spread: Decimal,
    /// When the reference rate of the day is taken anew (重定价).
    pub reset: Reset,
}

/// A published rate that others follow.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Reference {
    /// The loan prime rate of one year (一年期LPR).
    #[serde(rename = "lpr-1y")]
    Lpr1y,
    /// The loan prime rate of more than five years (五年期以上LPR).
    #[serde(rename = "lpr-5y")]
    Lpr5y,
}

/// When a floating rate takes the reference rate of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Reset {
    /// On 1 January of every year.
    #[serde(rename = "1-january")]
    FirstOfJanuary,
    /// On every anniversary of disbursal.
    #[serde(rename = "anniversary")]
    Anniversary,
    /// Whenever the reference rate is published.
    #[serde(rename = "each-fixing")]
    EachFixing,
}

/// What a third party pays of the interest (贴息): one of `share` and `points`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subsidy {
    /// Who pays it, such as `merchant` or `government`.
    #[schemars(schema_with = "schema::code")]
    pub payer: String,
    /// The share of the interest it pays: 1 is all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub share: Option<Decimal>,
    /// The part of the yearly rate it pays, as a fraction: 0.02 is two percentage points. Never
    /// more than the rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub points: Option<Decimal>,
    /// For how many instalments from the first; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = TERM_MAX))]
    pub instalments: Option<u32>,
}

/// A fee: when it is taken and how much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// Its name in books and schedules.
    #[schemars(schema_with = "schema::code")]
    pub code: String,
    /// When it is taken.
    pub on: FeeMoment,
    /// How much, as a number expression over `principal`, `term`, and at an instalment `number`
    /// and `balance` (before it), when overdue its `number`, what is `overdue` and for how many
    /// `days`. Rounded half-even to minor units.
    #[schemars(schema_with = "schema::expression")]
    pub amount: String,
    /// Who pays it when that is not the borrower, such as `merchant`; only at disbursal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::code")]
    pub payer: Option<String>,
}

/// When a fee is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FeeMoment {
    /// Kept back from the sum paid out, or owed by the third party that pays it.
    Disbursal,
    /// Due with every instalment.
    Instalment,
    /// Due when an instalment becomes overdue.
    Overdue,
}

/// What being late costs: one of `rate` and `multiple`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Penalty {
    /// Rate of a year as a fraction, on what is overdue, by the day count of the interest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub rate: Option<Decimal>,
    /// How many times the rate of the loan it is, on the day it is for: 1.5 is that rate plus 50 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub multiple: Option<Decimal>,
    /// What it is taken on.
    #[serde(default)]
    pub base: PenaltyBase,
    /// Whether penalty that is not paid bears penalty too (罚息复利).
    #[serde(default)]
    pub compounding: bool,
    /// Days after the due date within which paying is not late. Once they are over, penalty runs
    /// from the due date.
    #[serde(default)]
    #[schemars(range(max = GRACE_DAYS_MAX))]
    pub grace_days: u32,
}

/// What the penalty rate is taken on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PenaltyBase {
    /// Principal of overdue instalments.
    #[default]
    OverduePrincipal,
    /// Principal and interest of overdue instalments (复利 on the interest).
    OverdueInstalment,
}

/// A part of what a borrower owes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// Penalty interest (罚息).
    Penalty,
    /// Fees.
    Fee,
    /// Interest.
    Interest,
    /// Principal.
    Principal,
}

/// In which order a repayment goes through what is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AllocationBy {
    /// The oldest instalment first, its components in order (逐期).
    #[default]
    Row,
    /// The first component of all instalments first, then the next component (逐项).
    Component,
}

/// A part of what is due, in a waterfall of its own. Within one, the oldest instalment comes
/// first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Slice {
    /// Penalty interest of instalments that were due before the day.
    OverduePenalty,
    /// Their fees.
    OverdueFee,
    /// Their interest.
    OverdueInterest,
    /// Their principal.
    OverduePrincipal,
    /// Penalty interest of the instalment due on the day.
    DuePenalty,
    /// Its fees.
    DueFee,
    /// Its interest.
    DueInterest,
    /// Its principal.
    DuePrincipal,
}

fn yes() -> bool {
    true
}

fn allocation_default() -> Vec<Component> {
    vec![Component::Penalty, Component::Fee, Component::Interest, Component::Principal]
}

/// Settling before the last due date.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EarlySettlement {
    /// Whether the borrower may.
    pub allowed: bool,
    /// The price, as a number expression over `principal`, `term`, `outstanding` (principal) and
    /// `paid` (instalments paid).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::expression")]
    pub fee: Option<String>,
}

/// Repaying a part before it is due. What is repaid lowers the principal; the plan is made anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prepayment {
    /// Whether the borrower may.
    pub allowed: bool,
    /// What may stay as it was: the first is taken when the borrower names none.
    #[serde(default = "keep_default")]
    #[schemars(length(min = 1, max = 2))]
    pub keep: Vec<Keep>,
    /// The price, as a number expression over `principal`, `term`, `outstanding` (principal),
    /// `paid` (instalments paid) and `amount` (principal repaid early).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::expression")]
    pub fee: Option<String>,
    /// The smallest principal that may be repaid early, in major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::decimal")]
    pub min: Option<Decimal>,
}

/// What stays as it was when a part is repaid early.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// The number of instalments: they become smaller (减少月供).
    Term,
    /// The instalment: there are fewer (缩短期限).
    Instalment,
}

fn keep_default() -> Vec<Keep> {
    vec![Keep::Term, Keep::Instalment]
}

impl Default for Prepayment {
    fn default() -> Self {
        Self { allowed: false, keep: keep_default(), fee: None, min: None }
    }
}

/// What the borrower pays of a purchase; the loan pays the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DownPayment {
    /// The smallest share of the price: 0.2 is 20 %.
    #[schemars(schema_with = "schema::decimal")]
    pub min_share: Decimal,
}

/// Paying out the sum in parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tranches {
    /// The most parts.
    #[schemars(range(min = 2, max = TRANCHES_MAX))]
    pub max: u32,
    /// How many days after the first one the others may be paid out.
    #[schemars(range(min = 1, max = FREE_DAYS_MAX))]
    pub days: u32,
}

impl Default for EarlySettlement {
    fn default() -> Self {
        Self { allowed: true, fee: None }
    }
}

impl Penalty {
    /// The rate of a year while that of the loan is `rate`.
    pub fn rate_at(&self, rate: Decimal) -> Decimal {
        let multiple = self.multiple.map(|it| it.saturating_mul(rate));
        multiple.or(self.rate).unwrap_or(Decimal::ZERO)
    }
}

impl AmountRange {
    /// The smallest amount offered.
    pub fn smallest(&self) -> Decimal {
        let above = |step| self.min % step;
        let Some(step) = self.step.filter(|step| !above(*step).is_zero()) else { return self.min };
        self.min - above(step) + step
    }

    /// The largest amount offered.
    pub fn largest(&self) -> Decimal {
        self.max - self.step.map_or(Decimal::ZERO, |step| self.max % step)
    }
}

impl TermRange {
    /// This number of instalments may be chosen.
    pub fn offers(&self, term: u32) -> bool {
        let listed = self.allowed.is_empty() || self.allowed.contains(&term);
        listed && (self.min..=self.max).contains(&term)
    }

    /// The number taken when the applicant names none.
    pub fn chosen(&self) -> u32 {
        self.default.unwrap_or(self.max)
    }
}

impl Fee {
    /// The fields a fee's expression may use.
    pub fn environment(moment: FeeMoment) -> Environment {
        let principal = Field::new("principal", Type::Number, "The sum lent, in major units.");
        let term = Field::new("term", Type::Number, "How many instalments.");
        let number = Field::new("number", Type::Number, "The number of the instalment, from 1.");
        let mut fields = vec![principal, term];
        match moment {
            FeeMoment::Disbursal => {}
            FeeMoment::Instalment => fields.extend([
                number,
                Field::new("balance", Type::Number, "Principal owed before it, in major units."),
            ]),
            FeeMoment::Overdue => fields.extend([
                number,
                Field::new("overdue", Type::Number, "What is unpaid of it, in major units."),
                Field::new("days", Type::Number, "Days since its due date."),
            ]),
        }
        Environment::new(fields).expect("the names are distinct and well formed")
    }
}

impl EarlySettlement {
    /// The fields the fee's expression may use.
    pub fn environment() -> Environment {
        Environment::new(repaid_early()).expect("the names are distinct and well formed")
    }
}

impl Prepayment {
    /// The fields the fee's expression may use.
    pub fn environment() -> Environment {
        let amount = Field::new("amount", Type::Number, "Principal repaid early, in major units.");
        let fields = repaid_early().into_iter().chain([amount]);
        Environment::new(fields).expect("the names are distinct and well formed")
    }
}

fn repaid_early() -> [Field; 4] {
    [
        Field::new("principal", Type::Number, "The sum lent, in major units."),
        Field::new("term", Type::Number, "How many instalments."),
        Field::new("outstanding", Type::Number, "Principal still owed, in major units."),
        Field::new("paid", Type::Number, "How many instalments are paid."),
    ]
}
