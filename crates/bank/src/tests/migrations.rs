//! Loans move to another version of their product, and back, with the books held against them.

use futures_util::future::join;
use lending::{Owed, Reject, Status, What, fact::RateReason};
use money::{Amount, Decimal};
use stdx::Date;

use super::{
    command::{Command, yuan},
    world::{FIRST, LOAN, World},
};
use crate::{
    Call, PAGE_MAX, Refusal, Role,
    loans::LoanState,
    migrations::{
        Became, DraftMigration, Harm, Migrated, MigrationLine, MigrationRun, MigrationStatus,
    },
    tables::{LoanId, MigrationId},
};

fn day(month: i8, day: i8) -> Date {
    jiff::civil::date(2025, month, day)
}

impl DraftMigration {
    /// Of all loans.
    fn of(product: &str, to: u32) -> Self {
        let (from, loans, after) = (Vec::new(), Vec::new(), None);
        Self { product: product.to_owned(), to, from, loans, after }
    }
}

impl World {
    fn key_of(&self, role: Role, key: &str) -> Call {
        self.call(role, key, &Command::Draft(key.to_owned()))
    }

    /// Version 2 costs half of version 1, version 3 twice as much and is strict.
    async fn more_versions(&self) {
        let second = LOAN.replace("version: 1", "version: 2").replace("rate: 0.12", "rate: 0.06");
        self.publish("loan", 2, &second).await;
        let third = LOAN.replace("version: 1", "version: 3").replace("rate: 0.12", "rate: 0.24");
        let third =
            third.replace("rate: 0.18", "rate: 0.20").replace("grace_days: 3", "grace_days: 1");
        let third = third.replace("allowed: true, fee: outstanding * 0.01", "allowed: false");
        self.publish("loan", 3, &third).await;
    }

    async fn draft_move(&self, key: &str, to: u32, loans: Vec<LoanId>) -> Migrated {
        let draft = DraftMigration { loans, ..DraftMigration::of("loan", to) };
        let call = self.key_of(Role::Operator, key);
        self.bank.draft_migration(&call, &draft).await.unwrap().answer
    }

    async fn approve_move(&self, id: MigrationId) {
        let call = self.key_of(Role::Approver, &format!("approve {id}"));
        self.bank.approve_migration(&call, id).await.unwrap();
    }

    async fn carry_out_move(&self, key: &str, id: MigrationId) -> Result<MigrationRun, Refusal> {
        let call = self.key_of(Role::Approver, key);
        Ok(self.bank.execute_migration(&call, id).await?.answer)
    }

    async fn table(&self, id: MigrationId) -> Vec<MigrationLine> {
        self.bank.migration_lines(&self.reader(), id, None, PAGE_MAX).await.unwrap().data
    }

    async fn table_line(&self, id: MigrationId, loan: LoanId) -> MigrationLine {
        self.table(id).await.into_iter().find(|it| it.row.loan == loan).unwrap()
    }
}

fn without_number(state: LoanState) -> LoanState {
    let position = state.position.map(|it| lending::Position { facts: 0, ..it });
    LoanState { position, version: 0, ..state }
}

#[tokio::test]
async fn loans_are_moved_and_moved_back() {
    let world = World::new().await;
    let mut loans = Vec::new();
    for number in 1..=3 {
        let party = world.person(number).await;
        loans.push(world.lend(&format!("loan {number}"), party, 6_000_00, 6).await);
    }
    let [good, late, gone] = loans[..] else { unreachable!() };
    world.more_versions().await;
    let quote = world.bank.settlement_quote(&world.reader(), gone, None).await.unwrap();
    world.ok("gone", Command::Settle(gone, quote.total.minor())).await;
    world.close_until(day(2, 10)).await;
    let due = world.position(good).await.due().total().minor();
    world.ok("paid", Command::Repay(good, due)).await;

    let Migrated { id, migration } = world.draft_move("draft", 2, Vec::new()).await;
    assert_eq!((migration.loans, migration.impossible, migration.harmed), (2, 0, 0));
    for line in world.table(id).await {
        let after = line.row.after.unwrap();
        assert_eq!((line.row.before.instalments, after.instalments), (5, 5));
        assert_eq!(after.rate, Decimal::new(6, 2));
        assert!(after.total < line.row.before.total);
        assert_eq!((line.row.before.last_due, after.last_due), (Some(day(7, 2)), Some(day(7, 2))));
    }
    let before = [world.loan(good).await, world.loan(late).await];
    let call = world.key_of(Role::Approver, "too soon");
    let early = world.bank.execute_migration(&call, id).await.unwrap_err();
    assert_eq!(early, Refusal::MigrationStands(MigrationStatus::Drafted));
    world.approve_move(id).await;

    // Carried out days later, and by two at once: each loan moves once, from the day of the draft.
    world.close_until(day(2, 14)).await;
    let (one, other) =
        join(world.carry_out_move("one", id), world.carry_out_move("other", id)).await;
    let (run, slower) = if one.is_ok() { (one, other) } else { (other, one) };
    let run = run.unwrap();
    assert_eq!((run.moved, run.status), (2, MigrationStatus::Executed));
    match slower {
        Ok(slower) => assert_eq!(slower.moved, 2),
        Err(late) => assert_eq!(late, Refusal::MigrationStands(MigrationStatus::Executed)),
    }
    for loan in [good, late] {
        let facts = world.bank.loan_facts(&world.reader(), loan).await.unwrap();
        let moves: Vec<_> =
            facts.iter().filter(|it| matches!(it.what, What::Migration { .. })).collect();
        let [moved] = &moves[..] else { panic!("{moves:?}") };
        assert_eq!((moved.on, moved.booked_on), (day(2, 10), day(2, 14)));
        let line = world.table_line(id, loan).await;
        assert_eq!(line.result.unwrap().became, Became::Moved { fact: moved.number, stays: None });
        let now = world.loan(loan).await.loan;
        assert_eq!((now.version, now.signed_version()), (2, 1));
        let rest: Amount = now.plan[1..].iter().map(|it| it.total()).sum();
        assert_eq!(rest, line.row.after.unwrap().total, "as the table said");
    }
    // What is told of a past month is told of the version of its end.
    for (to, version) in [(day(2, 13), 1), (day(2, 14), 2)] {
        let period = (day(2, 1), to);
        let told = world.bank.loan_statement(&world.reader(), good, period).await.unwrap();
        assert!(told.contract.product.en.ends_with(&format!("(version {version})")), "{told:?}");
    }
    world.check().await;

    world.close_until(day(2, 20)).await;
    let call = world.key_of(Role::Approver, "back");
    let back = world.bank.roll_back_migration(&call, id).await.unwrap().answer;
    assert_eq!((back.status, back.rolled_back), (MigrationStatus::RolledBack, 2));
    let again = world.bank.roll_back_migration(&call, id).await.unwrap();
    assert!(again.replayed && again.answer == back);
    for was in before {
        let now = world.loan(was.id).await;
        assert_eq!(now.loan, was.loan, "as if it had never moved");
    }
    world.check().await;
    // Another loan that never moved stands as one that moved and is back.
    let other = World::new().await;
    let party = other.person(1).await;
    let never = other.lend("loan 1", party, 6_000_00, 6).await;
    other.more_versions().await;
    other.close_until(day(2, 10)).await;
    other.ok("paid", Command::Repay(never, due)).await;
    other.close_until(day(2, 20)).await;
    let (moved, never) = (world.loan(good).await, other.loan(never).await);
    let moved = LoanState { id: never.id, ..without_number(moved) };
    let borrower = never.loan.borrower;
    let moved = LoanState { loan: lending::Loan { borrower, ..moved.loan }, ..moved };
    assert_eq!(moved, without_number(never));
}

#[tokio::test]
async fn what_changed_since_the_draft_stays_and_what_harms_is_told() {
    let world = World::new().await;
    let party = world.person(1).await;
    let [same, changed, lost] = [
        world.lend("same", party, 6_000_00, 6).await,
        world.lend("changed", party, 6_000_00, 6).await,
        world.lend("lost", party, 6_000_00, 6).await,
    ];
    world.more_versions().await;
    world.close_until(day(1, 20)).await;
    let Migrated { id, migration } = world.draft_move("draft", 3, vec![lost, same, changed]).await;
    assert_eq!(migration.harmed, 3);
    let clauses: Vec<_> = migration.clauses.iter().map(|it| &**it).collect();
    assert_eq!(
        clauses,
        [
            "terms.early_settlement.allowed",
            "terms.early_settlement.fee",
            "terms.interest.rate",
            "terms.penalty.grace_days",
            "terms.penalty.rate",
        ]
    );
    let harms = world.table_line(id, same).await.row.harms;
    assert_eq!(harms, Harm::ALL);
    world.approve_move(id).await;
    let rate = Decimal::new(5, 2);
    let lower = What::RateChange { rate, reason: RateReason::Agreed };
    world.agreed("rate", changed, lower, None).await.unwrap();
    world.agreed("lost", lost, What::ChargeOff, None).await.unwrap();
    // Another rate before the day of the move leads to another plan; a day that is over does not.
    world.close_until(day(1, 23)).await;
    let what = What::InterestPause { until: day(1, 19) };
    let on = Some(day(1, 16));
    world.agreed("pause", changed, what, on).await.unwrap();
    let run = world.carry_out_move("go", id).await.unwrap();
    assert_eq!((run.status, run.moved, run.refused), (MigrationStatus::Executed, 1, 2));
    let why = |line: MigrationLine| match line.result.unwrap().became {
        Became::Refused(why) => why.code,
        became => panic!("{became:?}"),
    };
    assert_eq!(why(world.table_line(id, changed).await), "changed");
    assert_eq!(why(world.table_line(id, lost).await), "not-active");
    assert_eq!(world.loan(changed).await.loan.version, 1);
    assert_eq!(world.loan(same).await.loan.version, 3);
    world.check().await;
    // It is late a day after the due date now, and being late costs the new rate.
    world.close_until(day(2, 6)).await;
    assert!(world.position(same).await.due().penalty.is_positive());
    let waived = Owed { penalty: world.position(same).await.due().penalty, ..Owed::default() };
    world.agreed("waive", same, What::Waiver { waived }, None).await.unwrap();
    // Charged off meanwhile, it cannot go back, and the migration says so.
    world.agreed("lost too", same, What::ChargeOff, None).await.unwrap();
    let call = world.key_of(Role::Approver, "back");
    let back = world.bank.roll_back_migration(&call, id).await.unwrap().answer;
    assert_eq!((back.status, back.moved, back.rolled_back), (MigrationStatus::Executed, 1, 0));
    assert_eq!(world.loan(same).await.loan.status, Status::ChargedOff);
    let Became::Moved { stays: Some(why), .. } =
        world.table_line(id, same).await.result.unwrap().became
    else {
        panic!("it stays");
    };
    assert_eq!(why.code, "not-active");
}

/// What was asked of a borrower on a due date does not change afterwards, and a move goes back with
/// its migration alone.
#[tokio::test]
async fn nothing_moves_once_an_instalment_became_due() {
    let world = World::new().await;
    let party = world.person(1).await;
    let early = world.lend("early", party, 6_000_00, 6).await;
    let late = world.lend("late", party, 6_000_00, 6).await;
    world.more_versions().await;
    world.close_until(day(1, 20)).await;
    let Migrated { id, .. } = world.draft_move("late", 3, vec![late]).await;
    world.approve_move(id).await;
    // The next draft goes on behind the loan where one stopped.
    let call = world.key_of(Role::Operator, "rest");
    let rest = DraftMigration { after: Some(early), ..DraftMigration::of("loan", 3) };
    let rest = world.bank.draft_migration(&call, &rest).await.unwrap().answer;
    assert_eq!((rest.migration.loans, rest.migration.next), (1, None));
    assert_eq!(world.table(rest.id).await[0].row.loan, late);
    let Migrated { id: first, .. } = world.draft_move("early", 3, vec![early]).await;
    world.approve_move(first).await;
    assert_eq!(world.carry_out_move("go early", first).await.unwrap().moved, 1);

    world.close_until(day(2, 6)).await;
    let due = world.position(late).await.due().total().minor();
    world.ok("paid", Command::Repay(late, due)).await;
    let run = world.carry_out_move("go late", id).await.unwrap();
    assert_eq!((run.moved, run.refused), (0, 1));
    let Became::Refused(why) = world.table_line(id, late).await.result.unwrap().became else {
        panic!("it stays");
    };
    assert_eq!(why.code, "changed");
    assert_eq!(world.position(late).await.due().total(), Amount::ZERO);

    let fact = Command::ReverseFact(early, 1);
    let refused = world.give(Role::Approver, "alone", &fact).await.unwrap_err();
    assert_eq!(refused, Refusal::Lending(Reject::NotReversible));
    let call = world.key_of(Role::Approver, "back");
    let back = world.bank.roll_back_migration(&call, first).await.unwrap().answer;
    assert_eq!((back.status, back.rolled_back), (MigrationStatus::RolledBack, 1));
    world.check().await;
}

#[tokio::test]
async fn a_migration_is_for_two_and_for_loans_that_can_move() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 6_000_00, 6).await;
    world.more_versions().await;
    let draft = |to, loans| DraftMigration { loans, ..DraftMigration::of("loan", to) };
    let call = world.key_of(Role::Operator, "none");
    let none = DraftMigration { from: vec![3], ..draft(2, Vec::new()) };
    let none = world.bank.draft_migration(&call, &none).await.unwrap_err();
    assert_eq!(none, Refusal::NothingToMove);
    let unknown = world.bank.draft_migration(&call, &draft(9, Vec::new())).await.unwrap_err();
    assert_eq!(unknown, Refusal::NotFound("product version"));
    let bullet = LOAN.replace("version: 1", "version: 4").replace("equal-instalment", "bullet");
    world.publish("loan", 4, &bullet).await;
    let Migrated { id, migration } = world.draft_move("draft", 4, vec![loan, loan]).await;
    assert_eq!((migration.loans, migration.impossible), (1, 1));
    let refused = world.table_line(id, loan).await.row.refused.unwrap();
    assert_eq!(refused.code, Reject::CannotMigrate.code());
    // The same person with the right to approve may not approve what they drafted.
    let own = Call {
        caller: crate::Caller { role: Role::Approver, ..world.caller(Role::Operator) },
        ..world.key_of(Role::Operator, "own")
    };
    let own = world.bank.approve_migration(&own, id).await.unwrap_err();
    assert_eq!(own, Refusal::OwnPreparation);
    world.approve_move(id).await;
    let run = world.carry_out_move("go", id).await.unwrap();
    assert_eq!((run.moved, run.refused), (0, 1));
    assert_eq!(world.loan(loan).await.loan.version, 1);
    let twice = world.key_of(Role::Approver, "twice");
    let twice = world.bank.approve_migration(&twice, id).await.unwrap_err();
    assert_eq!(twice, Refusal::MigrationStands(MigrationStatus::Executed));
    assert_eq!(world.today().await, FIRST);
    assert_eq!(world.position(loan).await.principal, yuan(6_000_00).amount);
}
