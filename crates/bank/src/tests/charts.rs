//! An institution's own chart of accounts.

use ledger::Side;
use product::{AccountCode, Chart};
use stdx::Id;

use super::{
    command::Command,
    world::{FIRST, LOAN, World},
};
use crate::{Refusal, Role, products::Step};

const CHINA: &str = include_str!("../../../product/data/chart-cn.yaml");

/// An institution without products.
async fn bare() -> World {
    let world = World { home: Id::derived(&[b"bare"]), ..World::new().await };
    let call = world.call(Role::Operator, "create", &Command::ClosePeriod(FIRST));
    world.bank.create_institution(&call, "bare", FIRST, "china").await.unwrap();
    world
}

/// The platform's chart in which fees of loans have another number and income from interest is
/// kept by contract.
fn own_chart() -> String {
    let line = |line: &str| match line {
        it if it.contains("\"6021.01\"") => it.replace("6021.01", "6021.71"),
        it if it.contains("\"6011.01\"") => it.replace("per: lane", "per: contract"),
        it => it.to_owned(),
    };
    CHINA.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The loan with its fees booked there.
fn own_loan() -> String {
    format!(
        "{LOAN}accounting:
  disbursal-fee: [{{ debit: \"1003\", credit: \"6021.71\", amount: fee }}]
  instalment-fee: [{{ debit: \"1221.01\", credit: \"6021.71\", amount: fee }}]
  settlement-fee: [{{ debit: \"1003\", credit: \"6021.71\", amount: fee }}]
  third-party-fee: [{{ debit: \"1221.02\", credit: \"6021.71\", amount: fee }}]
  overdue-fee: [{{ debit: \"1221.01\", credit: \"6021.71\", amount: fee }}]
  prepayment-fee: [{{ debit: \"1003\", credit: \"6021.71\", amount: fee }}]
  waiver:
    - {{ debit: \"6011.02\", credit: \"1132.02\", amount: penalty }}
    - {{ debit: \"6021.71\", credit: \"1221.01\", amount: fee }}
    - {{ debit: \"6011.01\", credit: \"1132.01\", amount: interest }}
    - {{ debit: \"1304.02\", credit: \"1303\", amount: principal }}
"
    )
}

#[tokio::test]
async fn products_are_checked_and_booked_on_the_chart_there_is() {
    let world = bare().await;
    assert_eq!(*world.bank.chart(&world.reader()).await.unwrap(), **Chart::china());
    let bad = world.refused("bad", Command::BringChart("accounts: []".to_owned())).await;
    assert_eq!(bad.code(), "chart-malformed");
    // Checked on the platform's chart before the institution brings its own.
    world.ok("draft/old", Command::Draft(LOAN.replace("product: loan", "product: old"))).await;
    world.ok("chart", Command::BringChart(own_chart())).await;
    world.ok("again", Command::BringChart(own_chart())).await;
    let approve = Command::Step("old", 1, Step::Approve);
    world.give(Role::Approver, "approve/old", &approve).await.unwrap();
    let publish = Command::Step("old", 1, Step::Publish(FIRST));
    let refusal = world.give(Role::Approver, "publish/old", &publish).await.unwrap_err();
    let Refusal::Definition(problems) = &refusal else { panic!("{refusal:?}") };
    let found: Vec<_> = problems.iter().map(|it| (&it.path[..], it.code)).collect();
    assert_eq!(found, vec![("/accounting", "unknown-account"); 7]);
    let refusal = world.refused("draft", Command::Draft(LOAN.to_owned())).await;
    assert_eq!(refusal.code(), "definition-has-problems");

    world.publish("loan", 1, &own_loan()).await;
    let in_use = world.refused("late", Command::BringChart(own_chart())).await;
    assert_eq!(in_use, Refusal::ChartInUse);
    let party = world.person(1).await;
    let loan = world.lend("loan", party, 9_000_00, 6).await;
    world.close_day().await;
    assert_eq!(world.balance(loan.cast(), "6011.01", Side::Credit).await.minor(), 3_00);
    world.check().await;
    let sheet = world.bank.balance_sheet(&world.reader(), FIRST, None).await.unwrap();
    assert_eq!(sheet.sheets[0].result.amount.minor(), 3_00);
    // The neighbor has what it had.
    let home = World { home: Id::derived(&[b"home"]), ..world.clone() };
    let chart = home.bank.chart(&home.reader()).await.unwrap();
    assert!(chart.get("6021.71".parse::<AccountCode>().unwrap()).is_none());
}

#[tokio::test]
async fn a_chart_stays_once_something_is_booked_on_it() {
    let world = bare().await;
    let accounts = vec![super::replays::new_account("A")];
    world.ok("open", Command::OpenLedgerAccounts(accounts)).await;
    let refusal = world.refused("chart", Command::BringChart(own_chart())).await;
    assert_eq!(refusal, Refusal::ChartInUse);
}
