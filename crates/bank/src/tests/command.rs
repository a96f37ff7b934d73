//! Every command as data, so that tests can walk all of them.

use deposits::{Freeze, Rollover, Scope, Stop};
use ledger::{AccountId, AccountState, Limits, Transfer};
use lending::What;
use money::{Amount, Currency, Money};
use party::{
    Amendment, Document, DocumentKind, Kind, KycLevel, Method, Mobile, Personal, Purpose,
    Registration, ResidentId,
};
use serde::Serialize;
use stdx::{Date, Digest, Id};

use super::world::NOW;
use crate::{
    Bank, Call, Done, Refusal, Right, Role,
    accounts::{NewFreeze, NewStop, OpenAccount},
    deposits::OpenDeposit,
    keys::{ApiKey, NewKey},
    line_accounts::{LinePayment, PaymentKind},
    lines::{ApplyForLine, Draw, NewHold},
    loans::{
        Apply, Happening,
        proposals::Propose,
        securities::{NewSecurity, NewValuation},
    },
    periods::Suspense,
    plain::NewAccount,
    products::Step,
    tables::{
        ApplicationId, CurrentAccountId, LineApplicationId, LineId, LoanId, PartyId, ProposalId,
        SecurityId, TermDepositId,
    },
};

#[derive(Clone, Debug)]
pub(super) enum Command {
    /// Of the nth person.
    Register(u16),
    GiveConsent(PartyId, &'static str),
    WithdrawConsent(PartyId),
    AddDocument(PartyId),
    RaiseKyc(PartyId),
    /// Of the version read, to the nth mobile number.
    Amend(PartyId, u64, u32),
    Apply(Apply),
    Sign(ApplicationId),
    Disburse(LoanId),
    DisbursePart(LoanId, i64),
    Happen(LoanId, Happening),
    AddSecurity(LoanId, NewSecurity),
    RevalueSecurity(LoanId, SecurityId, NewValuation),
    ReleaseSecurity(LoanId, SecurityId),
    Repay(LoanId, i64),
    Settle(LoanId, i64),
    /// Alone.
    Change(LoanId, What),
    Propose(LoanId, Propose),
    ApproveProposal(ProposalId),
    RejectProposal(ProposalId),
    WithdrawProposal(ProposalId),
    ReverseFact(LoanId, u32),
    ApplyForLine(ApplyForLine),
    SignLine(LineApplicationId),
    Draw(LineId, i64),
    HoldLimit(LineId, i64),
    CaptureHold(LineId, u32, i64),
    ReleaseHold(LineId, u32),
    PayOnLine(LineId, PaymentKind, i64),
    ReverseLineFact(LineId, u32),
    ChangeLimit(LineId, i64),
    OpenAccount(PartyId),
    CloseAccount(CurrentAccountId),
    WakeAccount(CurrentAccountId),
    /// With a value date.
    DepositFrom(CurrentAccountId, i64, Date),
    WithdrawFrom(CurrentAccountId, i64, Date),
    /// Until a day.
    FreezeAccount(CurrentAccountId, Scope, Option<Date>),
    UnfreezeAccount(CurrentAccountId, Id<Freeze>),
    StopPayment(CurrentAccountId, i64, Option<Date>),
    ReleaseStop(CurrentAccountId, Id<Stop>),
    OpenDeposit(OpenDeposit),
    WithdrawDeposit(TermDepositId, Option<i64>),
    PayDepositInterest(TermDepositId),
    InstructRollover(TermDepositId, Rollover),
    RollOver(TermDepositId, Rollover),
    FreezeDeposit(TermDepositId, Scope),
    UnfreezeDeposit(TermDepositId, Id<Freeze>),
    StopDeposit(TermDepositId, i64),
    ReleaseDepositStop(TermDepositId, Id<Stop>),
    Deposit(CurrentAccountId, i64),
    Withdraw(CurrentAccountId, i64),
    Draft(String),
    Step(&'static str, u32, Step),
    OpenLedgerAccounts(Vec<NewAccount>),
    AccountState(AccountId, AccountState),
    AccountLimits(AccountId, Option<Limits>),
    Book(Vec<Transfer>),
    CloseDate(Date),
    ClosePeriod(Date),
    CloseHanging(Date),
    PrepareYear(i16),
    ApproveYear(i16),
    BringChart(String),
    CreateKey(NewKey),
    RevokeKey(Id<ApiKey>),
}

/// The answer as JSON, and whether it is that of an earlier time.
pub(super) type Given = Result<(String, bool), Refusal>;

fn given<T: Serialize>(done: Result<Done<T>, Refusal>) -> Given {
    done.map(|it| (serde_json::to_string(&it.answer).unwrap(), it.replayed))
}

pub(super) fn yuan(minor: i64) -> Money {
    Money::new(Amount::from_minor(minor), Currency::CNY)
}

fn draw(minor: i64) -> Draw {
    Draw { amount: Some(yuan(minor)), term: None }
}

fn freeze(scope: Scope, until: Option<Date>) -> NewFreeze {
    let (reason, reference) = ("investigation".to_owned(), "case 7".to_owned());
    NewFreeze { scope, reason, reference, until }
}

fn stop(minor: i64, until: Option<Date>) -> NewStop {
    let (reason, reference) = ("enforcement".to_owned(), "case 8".to_owned());
    NewStop { amount: yuan(minor), reason, reference, until }
}

pub(super) fn person(number: u16) -> Registration {
    let birth = Date::constant(1990, 1, 1);
    let id = ResidentId::sample(110_105, birth, number);
    Registration {
        kind: Kind::Person,
        name: Personal::new(format!("样例{number:03}")),
        id_number: Personal::new(id.reveal()),
        mobile: Personal::new(Mobile::sample(u32::from(number)).reveal()),
        address: None,
        bank_card: None,
    }
}

impl Command {
    /// What it asks of its caller.
    pub(super) fn right(&self) -> Right {
        use Command as C;
        match self {
            C::Register(_)
            | C::GiveConsent(..)
            | C::WithdrawConsent(_)
            | C::AddDocument(_)
            | C::RaiseKyc(_)
            | C::Amend(..) => Right::Parties,
            C::Apply(_) | C::Sign(_) | C::ApplyForLine(_) | C::SignLine(_) | C::OpenAccount(_) => {
                Right::Contracts
            }
            C::Disburse(_)
            | C::DisbursePart(..)
            | C::Happen(..)
            | C::AddSecurity(..)
            | C::RevalueSecurity(..)
            | C::ReleaseSecurity(..)
            | C::Draw(..)
            | C::HoldLimit(..)
            | C::CaptureHold(..)
            | C::ReleaseHold(..)
            | C::PayOnLine(..)
            | C::Repay(..)
            | C::Settle(..)
            | C::Propose(..)
            | C::WithdrawProposal(_)
            | C::Deposit(..)
            | C::Withdraw(..)
            | C::CloseAccount(_)
            | C::WakeAccount(_)
            | C::DepositFrom(..)
            | C::WithdrawFrom(..)
            | C::OpenDeposit(_)
            | C::WithdrawDeposit(..)
            | C::PayDepositInterest(_)
            | C::InstructRollover(..)
            | C::RollOver(..) => Right::Payments,
            C::FreezeAccount(..)
            | C::UnfreezeAccount(..)
            | C::StopPayment(..)
            | C::ReleaseStop(..)
            | C::FreezeDeposit(..)
            | C::UnfreezeDeposit(..)
            | C::StopDeposit(..)
            | C::ReleaseDepositStop(..) => Right::Freezes,
            C::Draft(_) | C::BringChart(_) => Right::DraftProducts,
            C::Step(..) => Right::ReleaseProducts,
            C::OpenLedgerAccounts(_) | C::AccountState(..) | C::AccountLimits(..) | C::Book(_) => {
                Right::Ledger
            }
            C::CloseDate(_) | C::ClosePeriod(_) | C::CloseHanging(_) | C::PrepareYear(_) => {
                Right::Days
            }
            C::ApproveYear(_)
            | C::Change(..)
            | C::ApproveProposal(_)
            | C::RejectProposal(_)
            | C::ReverseFact(..)
            | C::ReverseLineFact(..)
            | C::ChangeLimit(..) => Right::Approve,
            C::CreateKey(_) | C::RevokeKey(_) => Right::Keys,
        }
    }

    /// Who gives it: an operator, where operators may.
    pub(super) fn role(&self) -> Role {
        if Role::Operator.has(self.right()) { Role::Operator } else { Role::Approver }
    }

    /// The digest of the request.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(&[format!("{self:?}").as_bytes()])
    }

    pub(super) async fn give(&self, bank: &Bank, call: &Call) -> Given {
        use Command as C;
        let marketing = Purpose::Marketing;
        match self {
            C::Register(number) => given(bank.register_party(call, &person(*number)).await),
            C::GiveConsent(id, text) => given(bank.give_consent(call, *id, marketing, text).await),
            C::WithdrawConsent(id) => given(bank.withdraw_consent(call, *id, marketing).await),
            C::AddDocument(id) => {
                let (kind, content) = (DocumentKind::ResidentIdCard, Digest::ZERO);
                let document = Document { kind, content, valid_until: None, added_at: NOW };
                given(bank.add_document(call, *id, &document).await)
            }
            C::RaiseKyc(id) => {
                let (level, method) = (KycLevel::Verified, Method::Register);
                given(bank.raise_kyc(call, *id, level, method, "receipt 7").await)
            }
            C::Amend(id, version, number) => {
                let mobile = Some(Personal::new(Mobile::sample(*number).reveal()));
                let amendment = Amendment { mobile, ..Amendment::default() };
                given(bank.amend_party(call, *id, *version, &amendment).await)
            }
            C::Apply(apply) => given(bank.apply(call, apply).await),
            C::Sign(id) => given(bank.sign(call, *id).await),
            C::Disburse(id) => given(bank.disburse(call, *id, None).await),
            C::DisbursePart(id, amount) => {
                given(bank.disburse(call, *id, Some(yuan(*amount))).await)
            }
            C::Happen(id, happening) => given(bank.loan_happens(call, *id, happening).await),
            C::AddSecurity(id, new) => given(bank.add_security(call, *id, new).await),
            C::RevalueSecurity(id, security, new) => {
                given(bank.revalue_security(call, *id, *security, new).await)
            }
            C::ReleaseSecurity(id, security) => {
                given(bank.release_security(call, *id, *security).await)
            }
            C::Repay(id, amount) => given(bank.repay(call, *id, yuan(*amount)).await),
            C::Settle(id, amount) => given(bank.settle(call, *id, yuan(*amount)).await),
            C::Change(id, what) => {
                let happening = Happening { what: what.clone(), currency: None, on: None };
                given(bank.loan_happens(call, *id, &happening).await)
            }
            C::Propose(id, propose) => given(bank.propose(call, *id, propose).await),
            C::ApproveProposal(id) => given(bank.approve_proposal(call, *id).await),
            C::RejectProposal(id) => given(bank.reject_proposal(call, *id, "no").await),
            C::WithdrawProposal(id) => given(bank.withdraw_proposal(call, *id).await),
            C::ReverseFact(id, number) => given(bank.reverse_loan_fact(call, *id, *number).await),
            C::ApplyForLine(apply) => given(bank.apply_for_line(call, apply).await),
            C::SignLine(id) => given(bank.sign_line(call, *id).await),
            C::Draw(id, minor) => given(bank.draw(call, *id, draw(*minor)).await),
            C::HoldLimit(id, minor) => {
                let purpose = "order 7".to_owned();
                let new = NewHold { amount: yuan(*minor), until: None, purpose };
                given(bank.hold_limit(call, *id, &new).await)
            }
            C::CaptureHold(id, hold, minor) => {
                given(bank.capture_hold(call, *id, *hold, draw(*minor)).await)
            }
            C::ReleaseHold(id, hold) => given(bank.release_hold(call, *id, *hold).await),
            C::PayOnLine(id, kind, minor) => {
                let payment = LinePayment { kind: *kind, amount: yuan(*minor), on: None };
                given(bank.pay_on_line(call, *id, payment).await)
            }
            C::ReverseLineFact(id, fact) => given(bank.reverse_line_fact(call, *id, *fact).await),
            C::ChangeLimit(id, minor) => given(bank.change_limit(call, *id, yuan(*minor)).await),
            C::OpenAccount(party) => {
                let open = OpenAccount { party: *party, product: "purse".to_owned() };
                given(bank.open_account(call, &open).await)
            }
            C::Deposit(id, amount) => given(bank.deposit(call, *id, yuan(*amount), None).await),
            C::Withdraw(id, amount) => given(bank.withdraw(call, *id, yuan(*amount), None).await),
            C::CloseAccount(id) => given(bank.close_account(call, *id).await),
            C::WakeAccount(id) => given(bank.wake_account(call, *id).await),
            C::DepositFrom(id, amount, day) => {
                given(bank.deposit(call, *id, yuan(*amount), Some(*day)).await)
            }
            C::WithdrawFrom(id, amount, day) => {
                given(bank.withdraw(call, *id, yuan(*amount), Some(*day)).await)
            }
            C::FreezeAccount(id, scope, until) => {
                given(bank.freeze_account(call, *id, &freeze(*scope, *until)).await)
            }
            C::UnfreezeAccount(id, freeze) => {
                given(bank.unfreeze_account(call, *id, *freeze).await)
            }
            C::StopPayment(id, amount, until) => {
                given(bank.stop_account_payment(call, *id, &stop(*amount, *until)).await)
            }
            C::ReleaseStop(id, stop) => given(bank.release_account_stop(call, *id, *stop).await),
            C::OpenDeposit(open) => given(bank.open_deposit(call, open).await),
            C::WithdrawDeposit(id, amount) => {
                given(bank.withdraw_deposit(call, *id, amount.map(yuan)).await)
            }
            C::PayDepositInterest(id) => given(bank.pay_deposit_interest(call, *id).await),
            C::InstructRollover(id, then) => given(bank.instruct_rollover(call, *id, *then).await),
            C::RollOver(id, then) => given(bank.roll_over_deposit(call, *id, *then).await),
            C::FreezeDeposit(id, scope) => {
                given(bank.freeze_deposit(call, *id, &freeze(*scope, None)).await)
            }
            C::UnfreezeDeposit(id, freeze) => {
                given(bank.unfreeze_deposit(call, *id, *freeze).await)
            }
            C::StopDeposit(id, amount) => {
                given(bank.stop_deposit_payment(call, *id, &stop(*amount, None)).await)
            }
            C::ReleaseDepositStop(id, stop) => {
                given(bank.release_deposit_stop(call, *id, *stop).await)
            }
            C::Draft(text) => given(bank.draft_product(call, text).await),
            C::Step(name, number, step) => {
                given(bank.step_product(call, name, *number, *step).await)
            }
            C::OpenLedgerAccounts(new) => given(bank.open_ledger_accounts(call, new).await),
            C::AccountState(id, state) => given(bank.set_account_state(call, *id, *state).await),
            C::AccountLimits(id, limits) => {
                given(bank.set_account_limits(call, *id, limits.clone()).await)
            }
            C::Book(transfers) => {
                let booking = bank.book_transfers(call, transfers).await?;
                Ok((format!("{:?}", booking.results), booking.replayed))
            }
            C::CloseDate(date) => given(bank.close_business_date(call, *date).await),
            C::ClosePeriod(through) => {
                given(bank.close_period(call, *through, Suspense::MustBeZero).await)
            }
            C::CloseHanging(through) => {
                given(bank.close_period(call, *through, Suspense::MayHang).await)
            }
            C::PrepareYear(year) => given(bank.prepare_year_close(call, *year).await),
            C::ApproveYear(year) => given(bank.approve_year_close(call, *year).await),
            C::BringChart(text) => given(bank.bring_chart(call, text).await),
            C::CreateKey(new) => {
                let made = bank.create_key(call, new).await?;
                let (id, text) = made.answer;
                Ok((format!("[\"{id}\",\"{}\"]", text.reveal()), made.replayed))
            }
            C::RevokeKey(id) => given(bank.revoke_key(call, *id).await),
        }
    }
}
