//! Every command as data: what a client may ask, and how a node is asked.

use bank::{
    Bank, Call, Done, Refusal,
    accounts::OpenAccount,
    keys::{ApiKey, NewKey},
    loans::Apply,
    periods::Suspense,
    plain::NewAccount,
    products::Step,
    tables::{ApplicationId, CurrentAccountId, LoanId, PartyId},
};
use ledger::{AccountId, AccountState, Limits, Transfer};
use money::Money;
use party::{
    Amendment, Kind, KycLevel, Method, Mobile, Personal, Purpose, Registration, ResidentId,
};
use serde::Serialize;
use serde_json::{Value, json};
use stdx::{Date, Digest, Id};
use store::Booked;

/// What a client asks for.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Makes the caller's institution, working on this day first.
    Found(Date),
    /// Of the nth person.
    Register(u16),
    Consent(PartyId),
    Unconsent(PartyId),
    RaiseKyc(PartyId),
    /// Of the version read, to the nth mobile number.
    Amend(PartyId, u64, u32),
    Apply(Apply),
    Sign(ApplicationId),
    Disburse(LoanId),
    Repay(LoanId, Money),
    Settle(LoanId, Money),
    OpenWallet(PartyId, &'static str),
    Deposit(CurrentAccountId, Money),
    Withdraw(CurrentAccountId, Money),
    Draft(String),
    Step(&'static str, u32, Step),
    OpenAccounts(Vec<NewAccount>),
    SetState(AccountId, AccountState),
    SetLimits(AccountId, Option<Limits>),
    Book(Vec<Transfer>),
    /// Lets holds expire whose time is over. It has no idempotency key of its own.
    RunMoments,
    CloseDate(Date),
    ClosePeriod(Date),
    CreateKey(NewKey),
    RevokeKey(Id<ApiKey>),
}

/// What a node answers to a command that is not refused.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) body: Value,
    /// Whether it is the answer of an earlier time.
    pub(crate) replayed: bool,
    /// The text of a new API key, which is told beside the answer.
    pub(crate) secret: Option<String>,
}

pub(crate) type Given = Result<Answer, Refusal>;

fn given<T: Serialize>(done: Result<Done<T>, Refusal>) -> Given {
    let done = done?;
    let body = serde_json::to_value(&done.answer).expect("answers are plain data");
    Ok(Answer { body, replayed: done.replayed, secret: None })
}

/// The number of an item's answer in the log: created, existed, or refused.
pub(crate) fn item_number(item: &Result<Booked, ledger::Reject>) -> u16 {
    match item {
        Ok(Booked::Created) => 0,
        Ok(Booked::Exists) => 1,
        Err(reject) => 100 + reject.number(),
    }
}

fn person(number: u16) -> Registration {
    let birth = Date::constant(1970 + i16::try_from(number % 30).unwrap_or(0), 5, 17);
    let id = ResidentId::sample(110_105, birth, number % 1_000);
    Registration {
        kind: Kind::Person,
        name: Personal::new(format!("样例{number:04}")),
        id_number: Personal::new(id.reveal()),
        mobile: Personal::new(Mobile::sample(u32::from(number)).reveal()),
        address: None,
        bank_card: None,
    }
}

impl Command {
    /// The name in the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Found(_) => "create-institution",
            Self::Register(_) => "register-party",
            Self::Consent(_) => "give-consent",
            Self::Unconsent(_) => "withdraw-consent",
            Self::RaiseKyc(_) => "raise-kyc",
            Self::Amend(..) => "amend-party",
            Self::Apply(_) => "apply",
            Self::Sign(_) => "sign",
            Self::Disburse(_) => "disburse",
            Self::Repay(..) => "repay",
            Self::Settle(..) => "settle",
            Self::OpenWallet(..) => "open-account",
            Self::Deposit(..) => "deposit",
            Self::Withdraw(..) => "withdraw",
            Self::Draft(_) => "draft-product",
            Self::Step(_, _, Step::Approve) => "approve-product",
            Self::Step(_, _, Step::Publish(_)) => "publish-product",
            Self::Step(_, _, Step::Suspend) => "suspend-product",
            Self::Step(_, _, Step::Resume) => "resume-product",
            Self::Step(_, _, Step::Retire) => "retire-product",
            Self::OpenAccounts(_) => "open-ledger-accounts",
            Self::SetState(..) => "set-account-state",
            Self::SetLimits(..) => "set-account-limits",
            Self::Book(_) => "book-transfers",
            Self::RunMoments => "run-moments",
            Self::CloseDate(_) => "close-business-date",
            Self::ClosePeriod(_) => "close-period",
            Self::CreateKey(_) => "create-key",
            Self::RevokeKey(_) => "revoke-key",
        }
    }

    /// The digest of the request.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&[format!("{self:?}").as_bytes()])
    }

    /// Asks a node.
    pub(crate) async fn give(&self, bank: &Bank, call: &Call) -> Given {
        match self {
            Self::Found(day) => {
                let name = format!("institution {}", call.caller.institution);
                given(bank.create_institution(call, &name, *day, "china").await)
            }
            Self::Register(number) => given(bank.register_party(call, &person(*number)).await),
            Self::Consent(id) => {
                given(bank.give_consent(call, *id, Purpose::Marketing, "v1").await)
            }
            Self::Unconsent(id) => {
                given(bank.withdraw_consent(call, *id, Purpose::Marketing).await)
            }
            Self::RaiseKyc(id) => {
                let (level, method) = (KycLevel::Verified, Method::Register);
                given(bank.raise_kyc(call, *id, level, method, "receipt").await)
            }
            Self::Amend(id, version, number) => {
                let mobile = Some(Personal::new(Mobile::sample(*number).reveal()));
                let amendment = Amendment { mobile, ..Amendment::default() };
                given(bank.amend_party(call, *id, *version, &amendment).await)
            }
            Self::Apply(apply) => given(bank.apply(call, apply).await),
            Self::Sign(id) => given(bank.sign(call, *id).await),
            Self::Disburse(id) => given(bank.disburse(call, *id, None).await),
            Self::Repay(id, payment) => given(bank.repay(call, *id, *payment).await),
            Self::Settle(id, payment) => given(bank.settle(call, *id, *payment).await),
            Self::OpenWallet(party, product) => {
                let open = OpenAccount { party: *party, product: (*product).to_owned() };
                given(bank.open_account(call, &open).await)
            }
            Self::Deposit(id, money) => given(bank.deposit(call, *id, *money, None).await),
            Self::Withdraw(id, money) => given(bank.withdraw(call, *id, *money, None).await),
            Self::Draft(text) => given(bank.draft_product(call, text).await),
            Self::Step(name, number, step) => {
                given(bank.step_product(call, name, *number, *step).await)
            }
            Self::OpenAccounts(new) => given(bank.open_ledger_accounts(call, new).await),
            Self::SetState(id, state) => given(bank.set_account_state(call, *id, *state).await),
            Self::SetLimits(id, limits) => {
                given(bank.set_account_limits(call, *id, limits.clone()).await)
            }
            Self::Book(transfers) => {
                let booking = bank.book_transfers(call, transfers).await?;
                let body = booking.results.iter().map(item_number).collect();
                Ok(Answer { body, replayed: booking.replayed, secret: None })
            }
            Self::RunMoments => {
                let ran = bank.run_moments(call).await?;
                Ok(Answer { body: json!(ran), replayed: false, secret: None })
            }
            Self::CloseDate(date) => given(bank.close_business_date(call, *date).await),
            Self::ClosePeriod(through) => {
                given(bank.close_period(call, *through, Suspense::MustBeZero).await)
            }
            Self::CreateKey(new) => {
                let made = bank.create_key(call, new).await?;
                let (id, text) = made.answer;
                let secret = Some(text.reveal().to_owned());
                Ok(Answer { body: json!(id), replayed: made.replayed, secret })
            }
            Self::RevokeKey(id) => given(bank.revoke_key(call, *id).await),
        }
    }
}
