//! Who may do what, and to whom: every command and every read, for every role, and from another
//! institution.

use deposits::{Rollover, Scope};
use ledger::AccountState;
use lending::proposal::Stage;
use stdx::Id;

use super::{
    command::{Command, person},
    line_accounts::ACCOUNT,
    lines::LINE,
    proposals::charge_off,
    replays::{new_account, transfer},
    world::{FIRST, LOAN, World},
};
use crate::{
    Bank, Caller, Refusal, Right, Role,
    keys::{ApiKey, NewKey},
    line_accounts::PaymentKind,
    loans::proposals::Proposed,
    products::Step,
    statements::EntriesOf,
    tables::{
        ApplicationId, CurrentAccountId, LineApplicationId, LineId, LoanId, PartyId, ProposalId,
        TermDepositId,
    },
};

/// What there is at home.
#[derive(Clone, Copy)]
struct Things {
    party: PartyId,
    application: ApplicationId,
    signed: LoanId,
    loan: LoanId,
    account: CurrentAccountId,
    deposit: TermDepositId,
    key: Id<ApiKey>,
    proposal: ProposalId,
    line_application: LineApplicationId,
    line: LineId,
    card: LineId,
}

async fn things(world: &World) -> Things {
    let party = world.person(1).await;
    let applied = World::apply(party, 2_000_00, 6);
    let applied: crate::loans::Applied = world.answer("apply", applied).await;
    let new = NewKey { name: "k".to_owned(), role: Role::Auditor, sees_personal_data: false };
    let (key, _): (_, String) = world.answer("key", Command::CreateKey(new)).await;
    world.publish("line", 1, LINE).await;
    world.publish("pay-later", 1, ACCOUNT).await;
    world.publish("solo", 1, &LOAN.replace("product: loan", "product: solo")).await;
    let accounts = ["A", "B"].map(new_account).to_vec();
    world.ok("accounts", Command::OpenLedgerAccounts(accounts)).await;
    world.ok("book", Command::Book(vec![transfer("t", "A", "B", 5)])).await;
    let loan = world.lend("lent", party, 3_000_00, 6).await;
    let doubtful = world.lend("doubtful", party, 3_000_00, 6).await;
    let proposed: Proposed = world.answer("propose", charge_off(doubtful)).await;
    Things {
        party,
        application: applied.id,
        signed: world.signed("signed", party, 1_000_00, 6).await,
        loan,
        account: world.account("account", party).await,
        deposit: super::deposits::deposit(world, party).await,
        key,
        proposal: proposed.proposal,
        line_application: world.asked_for_line("asked", party, "line").await,
        line: world.line("line", party, "line").await,
        card: world.line("card", party, "pay-later").await,
    }
}

/// Commands that name something that is there already.
fn commands_on(things: Things) -> Vec<Command> {
    let Things { party, application, signed, loan, account, deposit, key, .. } = things;
    let Things { proposal, line_application, line, card, .. } = things;
    let ledger_account = new_account("A").id;
    vec![
        Command::GiveConsent(party, "v1"),
        Command::WithdrawConsent(party),
        Command::AddDocument(party),
        Command::RaiseKyc(party),
        Command::Amend(party, 1, 77),
        World::apply(party, 1_000_00, 6),
        Command::Sign(application),
        Command::Disburse(signed),
        Command::Repay(loan, 1_00),
        charge_off(loan),
        Command::DisbursePart(signed, 1_00),
        Command::AddSecurity(loan, super::securities::guarantor(party)),
        Command::RevalueSecurity(loan, Id::NIL, super::securities::valued(1, FIRST)),
        Command::ReleaseSecurity(loan, Id::NIL),
        Command::ApproveProposal(proposal),
        Command::RejectProposal(proposal),
        Command::WithdrawProposal(proposal),
        Command::Change(loan, lending::What::ChargeOff),
        Command::ReverseFact(loan, 1),
        Command::Settle(loan, 1_00),
        Command::SignLine(line_application),
        Command::Draw(line, 200_00),
        Command::HoldLimit(line, 100_00),
        Command::CaptureHold(line, 1, 100_00),
        Command::HoldLimit(line, 50_00),
        Command::ReleaseHold(line, 2),
        Command::ChangeLimit(line, 2_000_00),
        Command::PayOnLine(card, PaymentKind::Purchase { hold: None }, 10_00),
        Command::PayOnLine(card, PaymentKind::Repayment, 5_00),
        Command::ReverseLineFact(card, 1),
        Command::OpenAccount(party),
        Command::Deposit(account, 1_00),
        Command::Withdraw(account, 1_00),
        Command::DepositFrom(account, 1_00, FIRST),
        Command::WithdrawFrom(account, 1_00, FIRST),
        Command::WakeAccount(account),
        Command::FreezeAccount(account, Scope::In, None),
        Command::UnfreezeAccount(account, Id::NIL),
        Command::StopPayment(account, 1_00, None),
        Command::ReleaseStop(account, Id::NIL),
        Command::CloseAccount(account),
        Command::OpenDeposit(super::deposits::asked(party)),
        Command::InstructRollover(deposit, Rollover::Principal),
        Command::PayDepositInterest(deposit),
        Command::RollOver(deposit, Rollover::Principal),
        Command::StopDeposit(deposit, 1_00),
        Command::ReleaseDepositStop(deposit, Id::NIL),
        Command::FreezeDeposit(deposit, Scope::In),
        Command::UnfreezeDeposit(deposit, Id::NIL),
        Command::WithdrawDeposit(deposit, None),
        Command::Step("solo", 1, Step::Suspend),
        Command::Step("solo", 1, Step::Resume),
        Command::Step("solo", 1, Step::Retire),
        Command::AccountState(ledger_account, AccountState::Frozen),
        Command::AccountLimits(ledger_account, None),
        Command::RevokeKey(key),
    ]
}

/// Commands that make something, or are about the institution itself.
fn other_commands() -> Vec<Command> {
    let new = NewKey { name: "n".to_owned(), role: Role::Auditor, sees_personal_data: false };
    vec![
        Command::Register(42),
        Command::Draft(LOAN.replace("product: loan", "product: fresh")),
        Command::Step("solo", 1, Step::Approve),
        Command::Step("solo", 1, Step::Publish(FIRST)),
        Command::OpenLedgerAccounts(vec![new_account("C")]),
        Command::Book(vec![transfer("u", "A", "B", 5)]),
        Command::CreateKey(new),
        Command::ClosePeriod(FIRST.yesterday().unwrap()),
        Command::CloseDate(FIRST),
        Command::CloseHanging(FIRST),
        Command::PrepareYear(2024),
        Command::ApproveYear(2024),
        Command::BringChart(String::new()),
    ]
}

/// Whether a read answered, and for a list with how many things.
type Read = (&'static str, Right, Result<usize, Refusal>);

/// Reads of one thing.
async fn reads_on(bank: &Bank, by: &Caller, things: Things) -> Vec<Read> {
    let Things { party, application, loan, account, deposit, proposal, .. } = things;
    let Things { line_application, line, card, .. } = things;
    let known = person(1);
    let doubtful = bank.proposal(by, proposal).await.map_or(loan, |it| it.record.loan);
    let of_loan = bank.loan_proposals(by, doubtful, None, 9).await;
    let (ledger_account, transfer) = (new_account("A").id, transfer("t", "A", "B", 5).id);
    vec![
        ("party", Right::Read, bank.party(by, party).await.map(|_| 1)),
        ("known", Right::Read, bank.find_party(by, known.kind, &known.id_number).await.map(|_| 1)),
        ("application", Right::Read, bank.application(by, application).await.map(|_| 1)),
        ("loan", Right::Read, bank.loan(by, loan).await.map(|_| 1)),
        ("proposal", Right::Read, bank.proposal(by, proposal).await.map(|_| 1)),
        ("security", Right::Read, bank.loan_security(by, loan).await.map(|_| 1)),
        ("dunning", Right::Read, bank.loan_dunning(by, loan).await.map(|_| 1)),
        ("proposals of a loan", Right::Read, of_loan.map(|it| it.data.len())),
        ("quote", Right::Read, bank.settlement_quote(by, loan, None).await.map(|_| 1)),
        (
            "application for a line",
            Right::Read,
            bank.line_application(by, line_application).await.map(|_| 1),
        ),
        ("line", Right::Read, bank.line(by, line).await.map(|_| 1)),
        ("account of a line", Right::Read, bank.line_account(by, card).await.map(|_| 1)),
        ("facts of a line", Right::Read, bank.line_facts(by, card).await.map(|_| 1)),
        ("statements of a line", Right::Read, bank.line_statements(by, card).await.map(|_| 1)),
        ("account", Right::Read, bank.account(by, account).await.map(|_| 1)),
        ("deposit", Right::Read, bank.term_deposit(by, deposit).await.map(|_| 1)),
        ("product", Right::Read, bank.product(by, "solo", 1).await.map(|_| 1)),
        ("ledger account", Right::Audit, bank.ledger_account(by, ledger_account).await.map(|_| 1)),
        ("transfer", Right::Audit, bank.transfer(by, transfer).await.map(|_| 1)),
        (
            "history",
            Right::Audit,
            bank.account_history(by, ledger_account, None, 9).await.map(|it| it.data.len()),
        ),
        ("balance", Right::Audit, bank.balance_at(by, ledger_account, FIRST).await.map(|_| 1)),
    ]
}

/// Lists and reports of what there is, without what every institution of these tests has.
async fn lists(bank: &Bank, by: &Caller, things: Things) -> Vec<Read> {
    let deposits =
        |of| async move { bank.term_deposits(by, of, None, 9).await.map(|it| it.data.len()) };
    let loans = |of| async move { bank.loans(by, of, None, 9).await.map(|it| it.data.len()) };
    let (code, currency) = ("9000".parse().unwrap(), money::Currency::CNY);
    let entries = bank.entries(by, EntriesOf { code, currency, day: FIRST }, None, 9).await;
    vec![
        ("parties", Right::Read, bank.parties(by, None, 9).await.map(|it| it.data.len())),
        ("loans", Right::Read, loans(None).await),
        ("proposals", Right::Read, proposals(bank, by).await),
        ("loans of one", Right::Read, loans(Some(things.party)).await),
        ("deposits", Right::Read, deposits(None).await),
        ("deposits of one", Right::Read, deposits(Some(things.party)).await),
        ("accounts", Right::Read, bank.accounts(by, None, 9).await.map(|it| it.data.len())),
        (
            "ledger accounts",
            Right::Audit,
            bank.ledger_accounts(by, None, 9).await.map(|it| it.data.len()),
        ),
        (
            "trial balance",
            Right::Audit,
            bank.trial_balance(by, None).await.map(|it| it.lines.len()),
        ),
        (
            "general ledger",
            Right::Audit,
            bank.general_ledger(by, (FIRST, FIRST), None).await.map(|it| it.lines.len()),
        ),
        (
            "balance sheet",
            Right::Audit,
            bank.balance_sheet(by, FIRST, None).await.map(|it| it.sheets.len()),
        ),
        (
            "income statement",
            Right::Audit,
            bank.income_statement(by, (FIRST, FIRST), None).await.map(|it| it.earnings.len()),
        ),
        ("entries", Right::Audit, entries.map(|it| it.data.len())),
        ("portfolio", Right::Audit, bank.portfolio(by).await.map(|it| it.len())),
        ("turnover", Right::Audit, bank.turnover(by, "").await.map(|it| it.len())),
        ("keys", Right::Keys, bank.api_keys(by, None, 9).await.map(|it| it.data.len())),
    ]
}

/// At any stage.
async fn proposals(bank: &Bank, by: &Caller) -> Result<usize, Refusal> {
    let mut found = 0;
    for stage in Stage::ALL {
        found += bank.proposals(by, stage, None, 9).await?.data.len();
    }
    Ok(found)
}

/// Reads that every institution of these tests has something for.
async fn other_reads(bank: &Bank, by: &Caller) -> Vec<Read> {
    let calendar = money::Calendar::china();
    let request = product::simulate::Request {
        amount: None,
        price: None,
        reference_rate: None,
        term: None,
        date: None,
        calendar,
    };
    let simulated = bank.simulate_product(by, LOAN, &request).await;
    vec![
        ("products", Right::Read, bank.products(by, None, 9).await.map(|it| it.data.len())),
        ("check", Right::Read, bank.check_product(by, LOAN).await.map(|_| 1)),
        ("simulate", Right::Read, simulated.map(|_| 1)),
        ("log", Right::Audit, bank.log(by, 0, 9).await.map(|it| it.data.len())),
        ("chart", Right::Read, bank.chart(by).await.map(|it| it.accounts().count())),
        ("periods", Right::Audit, bank.periods(by).await.map(|_| 1)),
        ("state hash", Right::Audit, bank.state_hash(by).await.map(|_| 1)),
    ]
}

#[tokio::test]
async fn a_role_does_what_it_has_the_right_to_and_nothing_else() {
    for (role, name, rights) in Role::TABLE {
        let world = World::new().await;
        let things = things(&world).await;
        let commands = [commands_on(things), other_commands()].concat();
        for (number, command) in commands.iter().enumerate() {
            let right = command.right();
            let given = world.give(role, &format!("by {name}/{number}"), command).await;
            let forbidden = given.err() == Some(Refusal::Forbidden(right));
            assert_eq!(forbidden, !rights.contains(&right), "{name} {command:?}");
        }
        let by = world.caller(role);
        let mut reads = reads_on(&world.bank, &by, things).await;
        reads.extend(lists(&world.bank, &by, things).await);
        reads.extend(other_reads(&world.bank, &by).await);
        for (read, right, answer) in reads {
            if rights.contains(&right) {
                assert!(answer.as_ref().is_ok_and(|it| *it > 0), "{name} {read} {answer:?}");
            } else {
                assert_eq!(answer, Err(Refusal::Forbidden(right)), "{name} {read}");
            }
        }
    }
}

#[tokio::test]
async fn who_is_forbidden_changes_nothing() {
    let world = World::new().await;
    let things = things(&world).await;
    let before = world.bank.state_hash(&world.reader()).await.unwrap();
    for (number, command) in
        [commands_on(things), other_commands()].concat().into_iter().enumerate()
    {
        let given = world.give(Role::Auditor, &format!("audit/{number}"), &command).await;
        assert_eq!(given, Err(Refusal::Forbidden(command.right())));
    }
    assert_eq!(world.bank.state_hash(&world.reader()).await.unwrap(), before);
}

#[tokio::test]
async fn what_belongs_to_another_institution_is_not_there() {
    let home = World::new().await;
    let things = things(&home).await;
    let before = home.bank.state_hash(&home.reader()).await.unwrap();
    let away = home.neighbor().await;
    for (number, command) in commands_on(things).into_iter().enumerate() {
        let refusal =
            away.give(command.role(), &format!("steal/{number}"), &command).await.unwrap_err();
        assert!(matches!(refusal, Refusal::NotFound(_)), "{command:?}: {refusal:?}");
    }
    let theft = Command::Book(vec![transfer("theft", "A", "B", 5)]);
    assert_eq!(away.ok("theft", theft).await, "[Err(DebitAccountNotFound)]");
    for (read, _, answer) in reads_on(&away.bank, &away.caller(Role::Operator), things).await {
        assert!(matches!(answer, Err(Refusal::NotFound(_))), "{read}: {answer:?}");
    }
    for (list, _, answer) in lists(&away.bank, &away.caller(Role::Operator), things).await {
        assert_eq!(answer, Ok(0), "{list}");
    }
    for row in away.bank.log(&away.reader(), 0, 1_000).await.unwrap().data {
        assert_eq!(row.institution, away.home);
    }
    assert_eq!(home.bank.state_hash(&home.reader()).await.unwrap(), before);
    home.check().await;
}

#[tokio::test]
async fn the_same_names_and_keys_in_two_institutions_are_different_things() {
    let home = World::new().await;
    let away = home.neighbor().await;
    for world in [&home, &away] {
        let accounts = ["A", "B"].map(new_account).to_vec();
        world.ok("same", Command::OpenLedgerAccounts(accounts)).await;
    }
    home.ok("book", Command::Book(vec![transfer("t", "A", "B", 5)])).await;
    let at = away.bank.balance_at(&away.reader(), new_account("A").id, FIRST).await.unwrap();
    assert!(at.debits_posted.is_zero());
}

#[tokio::test]
async fn an_institution_is_made_once() {
    let world = World::new().await;
    let call = world.operator("again", &Command::Register(1));
    let again = world.bank.create_institution(&call, "again", FIRST, "china").await;
    assert_eq!(again, Err(Refusal::Exists("institution")));
    let none = world.bank.create_institution(&call, "again", FIRST, "mars").await;
    assert_eq!(none, Err(Refusal::NotFound("calendar")));
    assert_eq!(world.bank.institutions().await, Ok(vec![world.home]));
    let stranger = Caller { institution: Id::derived(&[b"nobody"]), ..world.reader() };
    let refusal = world.bank.institution(&stranger).await.unwrap_err();
    assert_eq!(refusal, Refusal::NotFound("institution"));
}
