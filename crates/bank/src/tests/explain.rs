//! Every transfer of a contract leads back to what it follows from.

use std::collections::BTreeMap;

use deposits::{Rollover, Scope};
use lending::What;
use money::{Amount, Decimal};
use product::{
    derivation::{Clause, Unexplained},
    schedule::explain::Component,
};
use stdx::{Date, Id, Prng};

use super::{
    command::{Command, yuan},
    deposits::{NEST, asked},
    line_accounts::{self, pay, payment, purchase, repayment},
    replays::{new_account, transfer},
    world::{LOAN, World, contract_account},
};
use crate::{
    PAGE_MAX, Refusal, Role,
    accounts::Restrained,
    deposits::{DepositMoved, OpenDeposit},
    explain::Explanation,
    line_accounts::{LinePayment, PaymentKind},
    loans::Happening,
    tables::{CurrentAccountId, LoanId, PartyId, TermDepositId},
};

fn day(month: i8, day: i8) -> Date {
    jiff::civil::date(2025, month, day)
}

/// Lets something happen to a loan, on an earlier day if one is named.
async fn happens(world: &World, key: &str, loan: LoanId, what: What, on: Option<Date>) {
    let role = match what {
        What::Repayment { .. } => Role::Operator,
        _ => Role::Approver,
    };
    let call = world.call(role, key, &Command::Repay(loan, 1));
    let happening = Happening { what, currency: None, on };
    world.bank.loan_happens(&call, loan, &happening).await.unwrap();
}

/// Explains every transfer in the log: how many there were of each event, and why some are not.
async fn explain_all(world: &World) -> (BTreeMap<String, u32>, Vec<Refusal>) {
    let (mut explained, mut refused) = (BTreeMap::new(), Vec::new());
    let mut after = 0;
    loop {
        let page = world.bank.log(&world.reader(), after, PAGE_MAX).await.unwrap();
        for row in &page.data {
            for posted in row.transfers().unwrap() {
                let transfer = posted.transfer;
                match world.bank.explain_transfer(&world.reader(), transfer.id).await {
                    Ok(Explanation { event, derivation, .. }) => {
                        derivation.check().unwrap();
                        let amount = derivation.amount().unwrap();
                        let size =
                            if amount.is_negative() { Amount::ZERO - amount } else { amount };
                        assert_eq!(size, transfer.amount, "{derivation}");
                        *explained.entry(event).or_default() += 1;
                    }
                    Err(refusal) => refused.push(refusal),
                }
            }
        }
        let Some(next) = page.next else { return (explained, refused) };
        after = next;
    }
}

#[tokio::test]
async fn every_transfer_of_a_loan_is_explained() {
    let world = World::new().await;
    let floating = LOAN.replace("version: 1", "version: 2").replace(
        "rate: 0.12,",
        "floating: { reference: lpr-1y, spread: 0.02, reset: each-fixing },",
    );
    world.publish("loan", 2, &floating).await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 12_000_00, 6).await;
    world.close_until(day(1, 20)).await;
    world.ok("ahead", Command::Repay(loan, 50_00)).await;
    world.close_until(day(2, 10)).await;
    let late = What::Repayment { amount: yuan(2_000_00).amount };
    // Booked late, it takes back the penalty of the days since.
    happens(&world, "late", loan, late, Some(day(2, 3))).await;
    world.close_until(day(3, 1)).await;
    let pause = What::InterestPause { until: day(3, 8) };
    world.agreed("pause", loan, pause, None).await.unwrap();
    world.close_until(day(3, 12)).await;
    world.ok("pay", Command::Repay(loan, 500_00)).await;
    // Taken back, and the same day something else happened.
    let call = world.call(Role::Approver, "back", &Command::Repay(loan, 2));
    world.bank.reverse_loan_fact(&call, loan, 4).await.unwrap();
    world.ok("pay/again", Command::Repay(loan, 300_00)).await;
    world.close_until(day(5, 23)).await;
    let call = world.operator("grade", &Command::Repay(loan, 3));
    world.bank.grade_loans(&call).await.unwrap();
    let quote = world.bank.settlement_quote(&world.reader(), loan, None).await.unwrap();
    world.ok("settle", Command::Settle(loan, quote.total.minor())).await;
    // What was set aside is released.
    world.close_day().await;
    let call = world.operator("grade/again", &Command::Repay(loan, 3));
    world.bank.grade_loans(&call).await.unwrap();

    let (explained, refused) = explain_all(&world).await;
    assert_eq!(refused, []);
    let events: Vec<_> = explained.keys().map(String::as_str).collect();
    let expected = [
        "disbursal",
        "general-provision",
        "instalment-fee",
        "interest-accrual",
        "penalty-accrual",
        "prepayment",
        "prepayment-applied",
        "provision",
        "repayment",
        "settlement-fee",
    ];
    assert_eq!(events, expected);
    assert!(explained["interest-accrual"] > 100, "{explained:?}");
}

/// 3,600.00 that are not due earn 24 %, four overdue instalments of 1,800.00 bear 12 %: 2.40 a day
/// each, of which nothing is income any more from 5 May on. That day books the penalty of the
/// fourth for all its days of grace, so both are one sum from 6 May on.
#[tokio::test]
async fn interest_and_penalty_that_are_one_sum_are_told_apart() {
    let world = World::new().await;
    let dear = LOAN
        .replace("version: 1", "version: 2")
        .replace("equal-instalment", "equal-principal")
        .replace("rate: 0.12,", "rate: 0.24,")
        .replace("rate: 0.18,", "rate: 0.12,");
    world.publish("loan", 2, &dear).await;
    let party = world.person(1).await;
    world.lend("a", party, 10_800_00, 6).await;
    world.close_until(day(5, 9)).await;
    let mut names = BTreeMap::<_, u32>::new();
    let mut after = 0;
    loop {
        let page = world.bank.log(&world.reader(), after, PAGE_MAX).await.unwrap();
        let posted = page.data.iter().flat_map(|row| row.transfers().unwrap());
        for transfer in posted.map(|it| it.transfer).filter(|it| it.amount == yuan(2_40).amount) {
            let it = world.bank.explain_transfer(&world.reader(), transfer.id).await.unwrap();
            if it.event == "suspended-accrual" {
                *names.entry(it.derivation.name.code).or_default() += 1;
            }
        }
        let Some(next) = page.next else { break };
        after = next;
    }
    assert_eq!(names, BTreeMap::from([("interest", 4), ("penalty", 3)]));
}

#[tokio::test]
async fn a_planned_amount_names_the_fixing_of_its_rate() {
    let world = World::new().await;
    let floating = LOAN.replace("version: 1", "version: 2").replace(
        "rate: 0.12,",
        "floating: { reference: lpr-1y, spread: 0.02, reset: each-fixing },",
    );
    world.publish("loan", 2, &floating).await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 12_000_00, 24).await;
    world.close_until(day(5, 22)).await;
    let reader = world.reader();
    for (number, rate, fixed) in
        [(1, "0.0310", Date::constant(2024, 12, 20)), (7, "0.0300", day(5, 20))]
    {
        let explain = world.bank.explain_instalment(&reader, loan, number, Component::Interest);
        let explained = explain.await.unwrap();
        explained.check().unwrap();
        let planned = &world.loan(loan).await.loan.plan[number as usize - 1];
        assert_eq!(explained.amount(), Some(planned.interest));
        let reference = explained.nodes().find(|it| it.name.code == "reference-rate").unwrap();
        let rate: Decimal = rate.parse().unwrap();
        assert_eq!(reference.value, product::derivation::Value::Rate(rate));
        let Some(Clause::Pack { key, from, .. }) = &reference.clause else { panic!() };
        assert_eq!((&**key, *from), ("lpr-1y", fixed));
    }
    let none = world.bank.explain_instalment(&reader, loan, 25, Component::Total).await;
    assert_eq!(none, Err(Refusal::Unexplained(Unexplained::NoSuchInstalment)));
}

/// Rates that are posted anew in a version that comes later, and balances that no cap limits.
const POSTED: &str = r#"
product: purse
version: 2
kind: current-account
name: { en: Purse, zh: 钱包 }
currency: CNY
effective: 2024-01-01
terms:
  interest:
    rate: [{ from: 2024-01-01, rate: 0.036 }]
    settle_every: 1 month
    settle_on: 2024-12-20
"#;

#[tokio::test]
async fn every_transfer_of_accounts_and_deposits_is_explained() {
    let world = World::new().await;
    world.publish("purse", 2, POSTED).await;
    world.publish("nest", 1, NEST).await;
    let party = world.person(1).await;
    let purse = world.account("open", party).await;
    world.ok("in", Command::Deposit(purse, 50_000_00)).await;
    let placed = |rollover| OpenDeposit { rollover, account: Some(purse), ..asked(party) };
    let mut deposits = Vec::new();
    for (key, rollover) in [
        ("all", Rollover::PrincipalAndInterest),
        ("principal", Rollover::Principal),
        ("none", Rollover::None),
    ] {
        let open = Command::OpenDeposit(placed(rollover));
        deposits.push(world.answer::<DepositMoved>(key, open).await.deposit);
    }
    world.close_until(day(1, 10)).await;
    world.ok("late", Command::DepositFrom(purse, 900_00, day(1, 3))).await;
    world.ok("later", Command::WithdrawFrom(purse, 1_234_56, day(1, 6))).await;
    world.ok("part", Command::WithdrawDeposit(deposits[2], Some(2_500_00))).await;
    let stop = world.answer::<Restrained>("stop", Command::StopPayment(purse, 7_00, None)).await;
    world.ok("release", Command::ReleaseStop(purse, stop.restraint.cast())).await;
    world.ok("stop/deposit", Command::StopDeposit(deposits[2], 3_00)).await;
    // What earned 3.6 % a year earns 1.8 % from this day on, in the version in force.
    let falls = "rate: [{ from: 2024-01-01, rate: 0.036 }, { from: 2025-01-15, rate: 0.018 }]";
    let lower = POSTED.replace("version: 2", "version: 3");
    let lower = lower.replace("rate: [{ from: 2024-01-01, rate: 0.036 }]", falls);
    world.publish("purse", 3, &lower).await;
    world.close_until(day(2, 12)).await;
    world.ok("rest", Command::WithdrawDeposit(deposits[0], None)).await;
    world.close_until(day(3, 5)).await;
    world.ok("interest", Command::InstructRollover(deposits[1], Rollover::None)).await;
    world.close_until(day(4, 8)).await;
    world.ok("renew", Command::RollOver(deposits[1], Rollover::PrincipalAndInterest)).await;
    world.close_until(day(4, 10)).await;
    world.ok("end", Command::CloseAccount(purse)).await;

    let (explained, refused) = explain_all(&world).await;
    assert_eq!(refused, []);
    let events: Vec<_> = explained.keys().map(String::as_str).collect();
    let expected = [
        "capitalization",
        "deposit",
        "hold",
        "interest-accrual",
        "interest-payment",
        "interest-settlement",
        "placement",
        "release",
        "withdrawal",
    ];
    assert_eq!(events, expected);
    assert!(explained["interest-accrual"] > 200, "{explained:?}");

    // The last settlement names the version that posted its rate, which is not the contract's.
    let payable = contract_account(purse.cast(), "2231.01");
    let last = world.bank.store().history(world.home, payable, None, 1).await.unwrap();
    let last = last.data[0].posted.transfer.id;
    let last = world.bank.explain_transfer(&world.reader(), last).await.unwrap();
    assert_eq!(last.event, "interest-settlement");
    let rate = last.derivation.nodes().find(|it| it.name.code == "demand-rate").unwrap();
    let path = "terms.interest.rate.1.rate".to_owned();
    let (product, from) = ("purse".to_owned(), Some(day(1, 15)));
    assert_eq!(rate.clause, Some(Clause::Product { product, version: 3, path, from }));
}

/// Something that may happen to an account and the deposits that were made from it or in cash.
fn anything(
    prng: &mut Prng,
    purse: CurrentAccountId,
    deposits: &[TermDepositId],
    (party, today): (PartyId, Date),
) -> Command {
    let minor = 1 + prng.below(3_000_00).cast_signed();
    let from = today - jiff::Span::new().days(prng.below(9).cast_signed());
    let rollovers = [Rollover::None, Rollover::Principal, Rollover::PrincipalAndInterest];
    let then = *prng.pick(&rollovers);
    let until = Some(today + jiff::Span::new().days(prng.below(9).cast_signed()));
    let of = *prng.pick(deposits);
    match prng.below(14) {
        0 | 1 => Command::DepositFrom(purse, minor, from),
        2 | 3 => Command::WithdrawFrom(purse, minor, from),
        4 => Command::StopPayment(purse, minor, until),
        5 => Command::FreezeAccount(purse, *prng.pick(&[Scope::In, Scope::Out]), until),
        6 => {
            let account = prng.chance(70).then_some(purse);
            let amount = yuan(100_00 + minor);
            Command::OpenDeposit(OpenDeposit { amount, rollover: then, account, ..asked(party) })
        }
        7 | 8 => Command::WithdrawDeposit(of, Some(minor)),
        9 => Command::WithdrawDeposit(of, None),
        10 => Command::PayDepositInterest(of),
        11 => Command::InstructRollover(of, then),
        12 => Command::RollOver(of, then),
        _ => Command::StopDeposit(of, minor / 10 + 1),
    }
}

#[tokio::test]
async fn whatever_accounts_and_deposits_book_is_explained() {
    let mut happened = BTreeMap::new();
    for seed in 1..=3 {
        let world = World::seeded(seed).await;
        world.publish("purse", 2, POSTED).await;
        world.publish("nest", 1, NEST).await;
        let party = world.person(1).await;
        let purse = world.account("open", party).await;
        world.ok("in", Command::Deposit(purse, 9_000_00)).await;
        let first = Command::OpenDeposit(OpenDeposit { account: Some(purse), ..asked(party) });
        world.ok("more", Command::Deposit(purse, 9_000_00)).await;
        let mut deposits = vec![world.answer::<DepositMoved>("first", first).await.deposit];
        let mut prng = Prng::stream(seed, "explained");
        for number in 0..150 {
            let today = world.today().await;
            let command = anything(&mut prng, purse, &deposits, (party, today));
            let given = world.give(command.role(), &format!("{number}"), &command).await;
            if let (Ok((answer, _)), Command::OpenDeposit(_)) = (given, &command) {
                deposits.push(serde_json::from_str::<DepositMoved>(&answer).unwrap().deposit);
            }
            if prng.chance(50) {
                world.close_day().await;
            }
        }
        let (explained, refused) = explain_all(&world).await;
        assert_eq!(refused, [], "seed {seed}");
        for (event, count) in explained {
            *happened.entry(event).or_default() += count;
        }
    }
    let few: Vec<_> = happened.iter().filter(|(_, count): &(_, &u32)| **count < 5).collect();
    assert!(few.is_empty() && happened.len() == 9, "{happened:?}");
}

#[tokio::test]
async fn every_transfer_of_an_account_with_statements_is_explained() {
    let with_cash = line_accounts::ACCOUNT.to_owned()
        + "    cash: { rate: 0.15, fee: { share: 0.01, min: 10 } }\n";
    let (world, _, line) = line_accounts::opened_under(&with_cash).await;
    let grade = async |key: &str| {
        let call = line_accounts::call(&world, Role::Operator, key);
        world.bank.grade_loans(&call).await.unwrap();
    };
    let bought = pay(&world, "buy", line, purchase(400_00)).await.unwrap().fact;
    pay(&world, "cash", line, payment(PaymentKind::Cash, 100_00)).await.unwrap();
    world.close_until(day(1, 8)).await;
    let back = payment(PaymentKind::MerchantRefund { purchase: bought }, 50_00);
    pay(&world, "back", line, back).await.unwrap();
    pay(&world, "more", line, purchase(200_00)).await.unwrap();
    pay(&world, "part", line, repayment(30_00)).await.unwrap();
    grade("grade").await;
    // The first statement is not paid in time: interest back to the purchases, and a fee.
    world.close_until(day(2, 3)).await;
    let in_time = LinePayment { on: Some(day(1, 20)), ..repayment(90_00) };
    let late = pay(&world, "late", line, in_time).await.unwrap().fact;
    world.close_until(day(2, 6)).await;
    let bounced = line_accounts::call(&world, Role::Approver, "bounced");
    world.bank.reverse_line_fact(&bounced, line, late).await.unwrap();
    // Interest is suspended, and what may be lost is set aside.
    world.close_until(day(5, 3)).await;
    grade("late grade").await;
    let owed = world.bank.line_account(&world.reader(), line).await.unwrap();
    assert!(owed.position.suspended, "{owed:?}");
    pay(&world, "some", line, repayment(60_00)).await.unwrap();
    let owed = world.bank.line_account(&world.reader(), line).await.unwrap().position.owed();
    pay(&world, "all", line, repayment(owed.total().minor() + 25_00)).await.unwrap();
    pay(&world, "given back", line, payment(PaymentKind::Refund, 5_00)).await.unwrap();
    pay(&world, "again", line, purchase(15_00)).await.unwrap();
    world.close_day().await;
    grade("last grade").await;

    let (explained, refused) = explain_all(&world).await;
    assert_eq!(refused, []);
    let events: Vec<_> = explained.keys().map(String::as_str).collect();
    let expected = [
        "cash-drawing",
        "cash-fee",
        "general-provision",
        "interest-accrual",
        "interest-suspension",
        "late-fee",
        "merchant-refund",
        "prepayment",
        "prepayment-applied",
        "provision",
        "purchase",
        "refund",
        "repayment",
        "suspended-accrual",
        "suspended-repayment",
    ];
    assert_eq!(events, expected);
    assert!(explained["interest-accrual"] > 80, "{explained:?}");
}

#[tokio::test]
async fn what_no_contract_booked_has_no_explanation() {
    let world = World::new().await;
    let accounts = vec![new_account("A"), new_account("B")];
    world.ok("open", Command::OpenLedgerAccounts(accounts)).await;
    world.ok("book", Command::Book(vec![transfer("t", "A", "B", 5)])).await;
    let (explained, refused) = explain_all(&world).await;
    assert!(explained.is_empty());
    assert!(matches!(&refused[..], [Refusal::Unexplained(Unexplained::Event(_))]), "{refused:?}");
    let none = world.bank.explain_transfer(&world.reader(), Id::NIL).await;
    assert_eq!(none, Err(Refusal::NotFound("transfer")));
}
