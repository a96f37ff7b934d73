//! Data for documents, of any length.

use money::{Amount, Currency, DayCount, Decimal, Money, Period, Unit};
use stdx::{Date, Prng};

use crate::{
    Bilingual, Contract, Disclosure, Issuer, Party, Statement,
    disclosure::{
        AnnualCost, Component, EarlySettlement, Fee, FeeTime, Method, Penalty, PenaltyBase,
        PlanRow, Rate, Subsidy,
    },
    statement::{Content, Instalment, InstalmentStatus, LoanMovement, Movement, MovementKind},
};

pub(super) fn cny(minor: i64) -> Money {
    Money::new(Amount::from_minor(minor), Currency::CNY)
}

pub(super) fn day(first: &str, days: u32) -> Date {
    Period::new(1, Unit::Day).unwrap().after(first.parse().unwrap(), days).unwrap()
}

fn month(first: &str, months: u32) -> Date {
    Period::MONTH.after(first.parse().unwrap(), months).unwrap()
}

fn issuer() -> Issuer {
    let contact = Bilingual::new(
        "客户服务：营业网点及本行网站公布的电话",
        "Customer service: any branch, or the number on our website",
    );
    Issuer { name: Bilingual::new("示例银行", "Sample Bank"), contact: Some(contact) }
}

fn party() -> Party {
    Party { name: "张**".to_owned(), document: Some("110***********001X".to_owned()) }
}

fn contract(zh: &str, en: &str) -> Contract {
    Contract {
        number: "HT-2026-000123".to_owned(),
        product: Bilingual::new(zh, en),
        account: Some("****6789".to_owned()),
    }
}

/// An account on which something happens every day of so many.
pub(super) fn account(rows: u32, prng: &mut Prng) -> Statement {
    use MovementKind::{Deposit, Interest, Purchase, Reversal, TransferIn, TransferOut};
    let kinds = [Deposit, Interest, Purchase, Reversal, TransferIn, TransferOut];
    let notes = ["工资", "水电煤气费自动扣款", "Order 20260131-7", "转账 to 李**（备注：房租）"];
    let opening = cny(1_234_567);
    let mut balance = opening;
    let movements = (0..rows)
        .map(|index| {
            let size = 10_i64.pow(u32::try_from(prng.below(8)).unwrap() + 1);
            let amount = i64::try_from(prng.below(u64::try_from(size).unwrap())).unwrap() + 1;
            let amount = if prng.chance(60) { -amount } else { amount };
            balance = cny(balance.amount.minor() + amount);
            Movement {
                date: day("2026-01-01", index),
                value_date: day("2026-01-01", index),
                kind: *prng.pick(&kinds),
                note: prng.chance(60).then(|| (*prng.pick(&notes)).to_owned()),
                amount: cny(amount),
                balance,
            }
        })
        .collect();
    Statement {
        issuer: issuer(),
        party: party(),
        contract: contract("活期账户（I类）", "Current account (class I)"),
        from: day("2026-01-01", 0),
        to: day("2026-01-01", rows.max(30)),
        issued_on: day("2026-01-01", rows.max(30) + 1),
        opening,
        closing: balance,
        content: Content::Account { movements },
    }
}

/// A loan of twelve thousand in so many instalments of equal principal; the first is paid late,
/// the last two are not.
pub(super) fn loan(instalments: u32) -> Statement {
    let count = i64::from(instalments);
    let (lent, each) = (100_000 * count, 100_000);
    let row = |kind, on: Date, parts: [i64; 5], balance| LoanMovement {
        date: on,
        value_date: on,
        kind,
        note: None,
        amount: cny(parts.iter().sum()),
        principal: cny(parts[0]),
        interest: cny(parts[1]),
        penalty: cny(parts[2]),
        fees: cny(parts[3]),
        prepaid: cny(parts[4]),
        balance: cny(balance),
    };
    let mut movements =
        vec![row(MovementKind::Disbursal, month("2026-01-15", 0), [lent, 0, 0, 0, 0], lent)];
    let mut plan = Vec::new();
    for number in 1..=instalments {
        let due = month("2026-01-15", number);
        let left = count - i64::from(number);
        let interest = (left + 1) * 100_000 * 6 / 1_000;
        let penalty = if number == 1 { 315 } else { 0 };
        let paid = left >= 2;
        let status = match left {
            0 => InstalmentStatus::Due,
            1 => InstalmentStatus::Overdue,
            _ => InstalmentStatus::Paid,
        };
        let all = each + interest + penalty + 500;
        let (settled, open) = if paid { (all, 0) } else { (0, all) };
        plan.push(Instalment {
            number,
            due,
            status,
            principal: cny(each),
            interest: cny(interest),
            penalty: cny(penalty),
            fees: cny(500),
            paid: cny(settled),
            outstanding: cny(open),
        });
        if paid {
            let parts = [-each, -interest, -penalty, -500, 0];
            movements.push(row(MovementKind::Repayment, due, parts, left * each));
        }
    }
    Statement {
        issuer: issuer(),
        party: party(),
        contract: contract("消费分期贷款", "Consumer instalment loan"),
        from: month("2026-01-15", 0),
        to: month("2026-01-15", instalments),
        issued_on: month("2026-01-15", instalments),
        opening: cny(0),
        closing: movements.last().unwrap().balance,
        content: Content::Loan { movements, instalments: plan },
    }
}

/// The disclosure of a loan in so many instalments of equal principal.
pub(super) fn disclosure(instalments: u32) -> Disclosure {
    let count = i64::from(instalments);
    let plan = (1..=instalments).map(|number| {
        let left = count - i64::from(number);
        let interest = (left + 1) * 140_950 * 5 / 1_000;
        let subsidy = if number <= 3 { interest / 2 } else { 0 };
        PlanRow {
            number,
            due: month("2026-03-31", number),
            principal: cny(140_950),
            interest: cny(interest),
            fees: cny(200),
            subsidy: cny(subsidy),
            total: cny(140_950 + interest + 200 - subsidy),
            capitalised: cny(0),
            balance: cny(left * 140_950),
        }
    });
    let rate = |text: &str| -> Decimal { text.parse().unwrap() };
    Disclosure {
        issuer: issuer(),
        party: Some(party()),
        contract: contract("助农贷", "Farm loan"),
        issued_on: day("2026-03-30", 0),
        amount: cny(140_950 * count),
        price: Some(cny(200_000 * count)),
        down_payment: Some(cny(59_050 * count)),
        paid_out: cny(140_950 * count - 5_000),
        disbursed_on: day("2026-03-31", 0),
        every: Some(Period::MONTH),
        method: Method::EqualPrincipal,
        rate: Rate::Floating {
            rate: rate("0.06"),
            benchmark: Bilingual::new(
                "一年期LPR（2026年3月20日公布）",
                "one-year LPR (of 20 March 2026)",
            ),
            spread: rate("0.0295"),
            reset: Bilingual::new("每年1月1日重定价", "reset each 1 January"),
        },
        day_count: DayCount::Thirty360,
        annual_cost: AnnualCost { simple: rate("0.0713456"), compound: rate("0.07375") },
        fees: vec![
            Fee {
                name: Bilingual::new("账户管理费", "Account fee"),
                taken: FeeTime::Instalment,
                amount: Some(cny(200 * count)),
                terms: Some(Bilingual::new("每期2.00元", "2.00 each instalment")),
                payee: None,
            },
            Fee {
                name: Bilingual::new("担保费", "Guarantee fee"),
                taken: FeeTime::Disbursal,
                amount: Some(cny(5_000)),
                terms: None,
                payee: Some(Bilingual::new("示例担保公司", "Sample Guarantor")),
            },
        ],
        penalty: Some(Penalty {
            rate: rate("0.09"),
            multiple: Some(rate("1.5")),
            base: PenaltyBase::OverduePrincipal,
            grace_days: 3,
        }),
        early_settlement: EarlySettlement::Charged {
            terms: Bilingual::new(
                "可提前结清；放款后六个月内按剩余本金的1%收取违约金，之后免收。",
                "Possible; 1% of the principal left within six months of disbursal, free after.",
            ),
        },
        subsidy: Some(Subsidy {
            payer: Bilingual::new("示例县财政", "Sample County Treasury"),
            terms: Bilingual::new(
                "前三期利息的一半由其支付；借款人逾期的，自逾期之日起停止贴息。",
                "Half the interest of the first three instalments; it ends on the day the \
                 borrower falls overdue.",
            ),
        }),
        allocation: vec![
            Component::Penalty,
            Component::Fee,
            Component::Interest,
            Component::Principal,
        ],
        plan: plan.collect(),
        notes: vec![Bilingual::new(
            "借款人对本披露内容有疑问或者投诉的，可以通过页脚所列方式与本行联系；\
             对处理结果不满意的，可以向金融监管部门反映。\
             本披露书不构成贷款承诺，贷款以双方签署的合同为准。",
            "Questions and complaints are taken as given at the foot of the page; who is not \
             satisfied with the answer may turn to the supervisor. This disclosure is no \
             commitment to lend; the contract signed by both parties prevails.",
        )],
    }
}
