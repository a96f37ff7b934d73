//! An institution with its people and its products, and ways to move it on.

use ledger::{AccountId, AccountState, InstitutionId, Moment, Side};
use lending::{Position, Status, cycle};
use money::Amount;
use party::MasterKey;
use product::AccountCode;
use serde::de::DeserializeOwned;
use stdx::{Date, Id, Prng, Timestamp};
use store::{AccountChange, Commit, Outcome, Store};

use super::command::{Command, Given, yuan};
use crate::{
    Bank, Call, Caller, PAGE_MAX, Refusal, Role,
    accounts::AccountMoved,
    days::DayClosed,
    loans::{Applied, Apply, LoanState, Signed},
    parties::PartyChanged,
    products::Step,
    tables::{CurrentAccountId, LineId, LoanId, PartyId},
};

/// The first business date: a Thursday after a holiday.
pub(super) const FIRST: Date = jiff::civil::date(2025, 1, 2);
/// When all commands are given, unless a test says otherwise.
pub(super) const NOW: Timestamp = jiff::Timestamp::constant(1_735_800_000, 0);

/// 12 % a year by days, 5 yuan with each instalment, penalty after three days of grace.
pub(super) const LOAN: &str = r#"
product: loan
version: 1
kind: instalment-loan
name: { en: Loan, zh: 贷款 }
description: { en: A loan., zh: 贷款。 }
currency: CNY
effective: 2024-01-01
eligibility:
  - code: exposure
    rule: applicant.outstanding + amount <= 50000
    reason: { en: All loans together may be 50000., zh: 余额合计不得超过5万元。 }
terms:
  amount: { min: 100, max: 50000 }
  term: { min: 1, max: 24 }
  repayment: { method: equal-instalment, every: 1 month, roll: unadjusted }
  interest: { rate: 0.12, day_count: ACT/360 }
  fees:
    - { code: service, on: instalment, amount: "5" }
  penalty: { rate: 0.18, base: overdue-principal, grace_days: 3 }
  early_settlement: { allowed: true, fee: outstanding * 0.01 }
"#;

/// 3.6 % a year: 0.01 % a day.
pub(super) const PURSE: &str = r#"
product: purse
version: 1
kind: current-account
name: { en: Purse, zh: 钱包 }
description: { en: An account., zh: 账户。 }
currency: CNY
effective: 2024-01-01
eligibility:
  - code: known
    rule: applicant.kyc_level != "none"
    reason: { en: The holder must be known., zh: 须完成身份核验。 }
terms:
  max_balance: 20000
  outflow: { daily: 1000, monthly: 5000 }
  interest: { rate: 0.036, day_count: ACT/360, settle_every: 3 months, settle_on: 2024-12-20 }
"#;

#[derive(Clone)]
pub(super) struct World {
    pub(super) bank: Bank,
    pub(super) home: InstitutionId,
    pub(super) seed: u64,
}

impl World {
    /// An institution with both products published.
    pub(super) async fn new() -> Self {
        Self::seeded(1).await
    }

    pub(super) async fn seeded(seed: u64) -> Self {
        let key = MasterKey::new(Prng::stream(seed, "master").bytes());
        let bank = Bank::new(Store::in_memory(), Box::new(key));
        Self::at(bank, seed, "home").await
    }

    /// Another institution on the same bank.
    pub(super) async fn neighbor(&self) -> Self {
        Self::at(self.bank.clone(), self.seed, "away").await
    }

    async fn at(bank: Bank, seed: u64, name: &str) -> Self {
        let world = Self { bank, home: Id::derived(&[name.as_bytes()]), seed };
        let call = world.call(Role::Operator, "create", &Command::ClosePeriod(FIRST));
        world.bank.create_institution(&call, name, FIRST, "china").await.unwrap();
        for (name, text) in [("loan", LOAN), ("purse", PURSE)] {
            world.publish(name, 1, text).await;
        }
        world
    }

    pub(super) async fn publish(&self, name: &'static str, version: u32, text: &str) {
        self.ok(&format!("draft/{name}/{version}"), Command::Draft(text.to_owned())).await;
        let today = self.today().await;
        for (verb, step) in [("approve", Step::Approve), ("publish", Step::Publish(today))] {
            let key = format!("{verb}/{name}/{version}");
            let command = Command::Step(name, version, step);
            self.give(Role::Approver, &key, &command).await.unwrap();
        }
    }

    pub(super) fn caller(&self, role: Role) -> Caller {
        let actor = role.name().to_owned();
        Caller { institution: self.home, actor, role, sees_personal_data: false }
    }

    pub(super) fn reader(&self) -> Caller {
        self.caller(Role::Auditor)
    }

    pub(super) fn call(&self, role: Role, key: &str, command: &Command) -> Call {
        let seed = Prng::stream(self.seed, key).bytes();
        let (caller, digest) = (self.caller(role), command.digest());
        Call { caller, key: key.to_owned(), digest, now: NOW, seed }
    }

    pub(super) fn operator(&self, key: &str, command: &Command) -> Call {
        self.call(Role::Operator, key, command)
    }

    pub(super) async fn give(&self, role: Role, key: &str, command: &Command) -> Given {
        command.give(&self.bank, &self.call(role, key, command)).await
    }

    /// What a command is answered, which is not refused.
    pub(super) async fn ok(&self, key: &str, command: Command) -> String {
        let given = self.give(command.role(), key, &command).await;
        given.unwrap_or_else(|refusal| panic!("{key} {command:?}: {refusal}")).0
    }

    /// The same, read.
    pub(super) async fn answer<T: DeserializeOwned>(&self, key: &str, command: Command) -> T {
        serde_json::from_str(&self.ok(key, command).await).unwrap()
    }

    /// Why a command is refused.
    pub(super) async fn refused(&self, key: &str, command: Command) -> Refusal {
        let given = self.give(command.role(), key, &command).await;
        given.err().unwrap_or_else(|| panic!("{key} {command:?} happened"))
    }

    /// Freezes or thaws an account of a contract, which no command does: a fault for the test.
    pub(super) async fn set_state(&self, id: AccountId, state: AccountState) {
        let account = self.bank.store().account(self.home, id).await.unwrap().unwrap();
        let at = Moment { now: NOW, today: self.today().await };
        let mut commit = Commit::new(self.home, account.lane, "fault", at);
        commit.key = format!("fault/{id}/{state:?}");
        commit.accounts.push(AccountChange::State(id, state));
        let outcome = self.bank.store().commit(commit).await.unwrap();
        assert!(matches!(outcome, Outcome::Committed(_)), "{outcome:?}");
    }

    pub(super) async fn today(&self) -> Date {
        self.bank.institution(&self.reader()).await.unwrap().record.business_date
    }

    pub(super) async fn person(&self, number: u16) -> PartyId {
        let key = format!("register/{number}");
        self.answer::<PartyChanged>(&key, Command::Register(number)).await.id
    }

    pub(super) fn apply(party: PartyId, minor: i64, term: u32) -> Command {
        let (product, facts) = ("loan".to_owned(), std::collections::BTreeMap::new());
        let (amount, price, term) = (yuan(minor), None, Some(term));
        Command::Apply(Apply { party, product, amount, price, term, facts })
    }

    /// A signed loan.
    pub(super) async fn signed(&self, key: &str, party: PartyId, minor: i64, term: u32) -> LoanId {
        let apply = Self::apply(party, minor, term);
        let applied = self.answer::<Applied>(&format!("{key}/apply"), apply).await;
        self.answer::<Signed>(&format!("{key}/sign"), Command::Sign(applied.id)).await.loan
    }

    /// A loan that is paid out.
    pub(super) async fn lend(&self, key: &str, party: PartyId, minor: i64, term: u32) -> LoanId {
        let loan = self.signed(key, party, minor, term).await;
        self.ok(&format!("{key}/disburse"), Command::Disburse(loan)).await;
        loan
    }

    pub(super) async fn account(&self, key: &str, party: PartyId) -> CurrentAccountId {
        self.answer::<AccountMoved>(key, Command::OpenAccount(party)).await.account
    }

    pub(super) async fn close_day(&self) -> DayClosed {
        let today = self.today().await;
        self.answer(&format!("close/{today}"), Command::CloseDate(today)).await
    }

    /// Closes days until the business date is `day` or later.
    pub(super) async fn close_until(&self, day: Date) {
        while self.today().await < day {
            self.close_day().await;
        }
    }

    pub(super) async fn loan(&self, id: LoanId) -> LoanState {
        self.bank.loan(&self.reader(), id).await.unwrap()
    }

    pub(super) async fn position(&self, id: LoanId) -> Position {
        self.loan(id).await.position.unwrap()
    }

    /// The balance of a contract's account, on the side it grows.
    pub(super) async fn balance(&self, contract: Id<()>, code: &str, side: Side) -> Amount {
        let account = self.bank.store().account(self.home, contract_account(contract, code)).await;
        account.unwrap().map_or(Amount::ZERO, |it| it.balances.posted(side))
    }

    /// The books agree with the contract.
    pub(super) async fn check_loan(&self, id: LoanId) {
        let LoanState { position, loan, .. } = self.loan(id).await;
        let Some(position) = position else { return };
        let due = position.due();
        let interest = due.interest + position.interest;
        let on = |it: bool, amount: Amount| if it { amount } else { Amount::ZERO };
        let active = loan.status == Status::Active;
        let (earns, suspended) = (active && !position.suspended, active && position.suspended);
        let charged_off = loan.status == Status::ChargedOff;
        let expected = [
            ("1303", Side::Debit, on(active, position.principal)),
            ("1132.01", Side::Debit, on(earns, interest)),
            ("1132.02", Side::Debit, on(earns, due.penalty)),
            ("7001", Side::Debit, on(suspended, interest + due.penalty)),
            ("7002", Side::Debit, on(charged_off, due.total() + position.interest)),
            ("1221.01", Side::Debit, on(active, due.fee)),
            ("2241.01", Side::Credit, position.prepaid),
        ];
        for (code, side, amount) in expected {
            let booked = self.balance(id.cast(), code, side).await;
            assert_eq!(booked, amount, "{code} of {loan:?} at {position:?}");
        }
    }

    /// The books agree with the account of a line that has one.
    pub(super) async fn check_line(&self, id: LineId) {
        let Ok(state) = self.bank.line_account(&self.reader(), id).await else { return };
        let owed = state.position.owed();
        let on = |it: bool, amount: Amount| if it { amount } else { Amount::ZERO };
        let active = state.account.status == cycle::Status::Active;
        let (earns, suspended) =
            (active && !state.position.suspended, active && state.position.suspended);
        let charged_off = state.account.status == cycle::Status::ChargedOff;
        let expected = [
            ("1303", Side::Debit, on(active, owed.principal)),
            ("1132.01", Side::Debit, on(earns, owed.interest)),
            ("1132.02", Side::Debit, on(earns, owed.penalty)),
            ("7001", Side::Debit, on(suspended, owed.interest + owed.penalty)),
            ("7002", Side::Debit, on(charged_off, owed.total())),
            ("1221.01", Side::Debit, on(active, owed.fee)),
            ("2241.01", Side::Credit, state.position.prepaid),
        ];
        for (code, side, amount) in expected {
            let booked = self.balance(id.cast(), code, side).await;
            assert_eq!(booked, amount, "{code} of {state:?}");
        }
    }

    /// The books balance, agree with every contract, and follow from the log.
    pub(super) async fn check(&self) {
        let reader = self.reader();
        let balance = self.bank.trial_balance(&reader, None).await.unwrap();
        assert!(balance.difference.values().all(|it| it.is_zero()), "{balance:?}");
        let loans = self.bank.loans(&reader, None, None, PAGE_MAX).await.unwrap();
        assert_eq!(loans.next, None);
        for loan in loans.data {
            self.check_loan(loan.id).await;
        }
        let lines = self.bank.lines(&reader, None, None, PAGE_MAX).await.unwrap();
        assert_eq!(lines.next, None);
        for line in lines.data {
            self.check_line(line.id).await;
        }
        self.bank.store().check_log(self.home).await.unwrap();
        self.bank.store().verify(self.home).await.unwrap();
    }
}

/// The account of a contract, by the rule that names it.
pub(super) fn contract_account(contract: Id<()>, code: &str) -> AccountId {
    let code: AccountCode = code.parse().unwrap();
    Id::derived_beside(contract, &[&code.number().to_be_bytes(), b"CNY"])
}
