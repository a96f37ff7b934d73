//! What a customer is sent: the statement of a contract over some days, the disclosure of a loan.
//!
//! A statement adds up by the way it is made. That of an account is the ledger's account, read
//! backwards from its balance. That of a loan is read from the lane's rows of the log: each that
//! moved the loan has the position after it, and what it moved is the difference of two positions.
//! So a statement of past days says what was known then, and never changes.
//!
//! Days are business dates of the booking. Personal data is masked as the caller's rights say,
//! and the number of the identity document always.

use documents::{
    Bilingual, Contract, Disclosure, Issuer, Party, Statement,
    disclosure::{self, AnnualCost, FeeTime, PlanRow},
    statement::{Content, Instalment, InstalmentStatus, LoanMovement, Movement, MovementKind},
};
use ledger::{AccountId, InstitutionId, LaneId, Side};
use lending::{
    Fact, Loan, Owed, Position, What,
    view::{self, InstalmentView},
};
use money::{Amount, Currency, Money};
use party::{Sight, mask};
use product::{
    LoanProduct,
    definition::Definition,
    kinds::instalment_loan::{
        self as terms, Component, FeeMoment, Grace, Method, PenaltyBase, Reference, Reset,
    },
};
use serde::de::DeserializeOwned;
use stdx::{Date, Id};
use store::{LogBody, LogRow, PAGE_MAX, StoreError, Table};

use crate::{
    Bank, Caller, Refusal, Right,
    days::CLOSE_LOAN_DAY,
    institutions::Institution,
    statements::few_days,
    tables::{
        CURRENT_ACCOUNTS, CurrentAccountId, LOAN_FACTS, LOANS, LoanId, PARTIES, POSITIONS, PartyId,
        TERM_DEPOSITS, TermDepositId,
    },
};

/// The most days of a customer's statement: ten years.
pub const STATEMENT_DAYS_MAX: i64 = 3_660;
/// The most rows of one.
pub const STATEMENT_LINES_MAX: usize = 2_000;
/// How many transfers or rows of the log one looks at: those of the period, and all since.
pub const STATEMENT_READ_MAX: usize = 50_000;

/// The accounting events by which interest comes into an account or a deposit.
const INTEREST_EVENTS: [&str; 2] = ["interest-settlement", "capitalization"];

/// What one commit did to a loan.
struct Step {
    on: Date,
    position: Position,
    loan: Option<Loan>,
    facts: Vec<Fact>,
    events: Vec<lending::Event>,
    /// Time passed; else something happened.
    is_day: bool,
}

/// What a borrower owes, by what statements tell apart: due or not.
#[derive(Clone, Copy, Default)]
struct Standing {
    principal: Amount,
    interest: Amount,
    penalty: Amount,
    fees: Amount,
    prepaid: Amount,
}

/// The steps of a loan in a period, oldest first, and what was before.
struct Steps {
    before: Option<Position>,
    steps: Vec<Step>,
    /// The contract at the end of the period, when it changed since.
    loan: Option<Loan>,
}

impl Bank {
    /// The statement of a loan (贷款对账单). Balances are principal.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::FromAfterThrough`], [`Refusal::AfterBusinessDate`];
    /// [`Refusal::TooMany`] beyond the limits above; [`Refusal::Party`] when the borrower's key
    /// cannot be used.
    pub async fn loan_statement(
        &self,
        caller: &Caller,
        id: LoanId,
        (from, to): (Date, Date),
    ) -> Result<Statement, Refusal> {
        caller.must(Right::Read)?;
        let of = caller.institution;
        let stored = self.need(&LOANS, of, id, "loan").await?;
        let institution = self.institution(caller).await?.record;
        check_days(&institution, from, to)?;
        let current = stored.record;
        let steps = self.steps(of, stored.lane, id, from, to).await?;
        let money = |amount| Money::new(amount, current.currency);
        let opening = Standing::of(steps.before.as_ref());
        let (mut movements, mut was) = (Vec::new(), opening);
        for step in &steps.steps {
            let now = Standing::of(Some(&step.position));
            movements.extend(step.movement(was, now, current.currency));
            was = now;
        }
        let last = steps.steps.last().map(|it| &it.position).or(steps.before.as_ref());
        let loan = steps.loan.as_ref().unwrap_or(&current);
        let instalments =
            last.map_or(Vec::new(), |position| view::instalments(loan, Some(position)));
        let instalments = instalments.iter().filter(|it| is_listed(it, from, to));
        let product = self.pinned_product(caller, &loan.product, loan.version).await?.loan()?;
        let content = Content::Loan {
            movements: few_lines(movements)?,
            instalments: instalments.map(|it| instalment(it, current.currency)).collect(),
        };
        Ok(Statement {
            issuer: issuer(&institution),
            party: self.addressee(caller, current.borrower.cast()).await?,
            contract: contract(id, product.definition()),
            from,
            to,
            issued_on: institution.business_date,
            opening: money(opening.principal),
            closing: money(was.principal),
            content,
        })
    }

    /// The statement of a current account (账户对账单).
    ///
    /// # Errors
    /// As [`Bank::loan_statement`].
    pub async fn account_statement(
        &self,
        caller: &Caller,
        id: CurrentAccountId,
        days: (Date, Date),
    ) -> Result<Statement, Refusal> {
        caller.must(Right::Read)?;
        let account = self.need(&CURRENT_ACCOUNTS, caller.institution, id, "account").await?.record;
        let (name, version) = (&account.product, account.version);
        let product = self.pinned_product(caller, name, version).await?.account()?;
        let code = crate::accounts::deposits_code(product.accounting());
        let ledger_account = crate::books::account_id(id.cast(), code, account.currency);
        let contract = contract(id, product.definition());
        let holder = account.holder.cast();
        self.statement(caller, (ledger_account, account.currency), contract, holder, days).await
    }

    /// The statement of a term deposit: what came in and went out, and interest that became
    /// principal.
    ///
    /// # Errors
    /// As [`Bank::loan_statement`].
    pub async fn deposit_statement(
        &self,
        caller: &Caller,
        id: TermDepositId,
        days: (Date, Date),
    ) -> Result<Statement, Refusal> {
        caller.must(Right::Read)?;
        let deposit = self.need(&TERM_DEPOSITS, caller.institution, id, "deposit").await?.record;
        let (name, version) = (&deposit.product, deposit.version);
        let product = self.pinned_product(caller, name, version).await?.term()?;
        let code = crate::accounts::deposits_code(product.accounting());
        let ledger_account = crate::books::account_id(id.cast(), code, deposit.currency);
        let contract = contract(id, product.definition());
        let (of, currency) = (deposit.holder.cast(), deposit.currency);
        let told = self.statement(caller, (ledger_account, currency), contract, of, days).await?;
        let code = crate::accounts::interest_code(product.accounting());
        let earned = crate::books::account_id(id.cast(), code, currency);
        let (from, to) = days;
        let paid = self.moved(caller.institution, earned, currency, from, to, is_paid).await?.1;
        with_interest(told, paid)
    }

    /// What the borrower of a loan is told before signing (贷款信息披露书), as of the day it was
    /// paid out, or before that as of the day it was signed.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Lending`], [`Refusal::Party`].
    pub async fn loan_disclosure(
        &self,
        caller: &Caller,
        id: LoanId,
    ) -> Result<Disclosure, Refusal> {
        let facts = self.loan_facts(caller, id).await?;
        let loan = self.need(&LOANS, caller.institution, id, "loan").await?.record;
        let institution = self.institution(caller).await?.record;
        // What was told before signing was told of the version it was signed under.
        let version = loan.signed_version();
        let product = self.pinned_product(caller, &loan.product, version).await?.loan()?;
        let planned = facts.first().and_then(|it| match &it.what {
            What::Disbursal { plan, .. } => Some(&plan.terms),
            _ => None,
        });
        let planned = planned.unwrap_or(&loan.schedule);
        let (principal, term) = (loan.principal, loan.term);
        let schedule = product.schedule_terms(principal, term, planned.from, planned.rate);
        let calendar = institution.calendar();
        let told = lending::disclosure::disclose(&product, calendar, &schedule, term)?;
        let party = self.addressee(caller, loan.borrower.cast()).await?;
        let of = Told { product: &product, told: &told };
        Ok(Disclosure {
            issuer: issuer(&institution),
            party: Some(party),
            contract: contract(id, product.definition()),
            issued_on: institution.business_date,
            amount: of.money(told.principal),
            price: loan.price.map(|it| of.money(it)),
            down_payment: loan.price.map(|it| of.money(it - loan.principal)),
            paid_out: of.money(told.paid_out),
            disbursed_on: told.disbursed_on,
            every: told.every,
            method: of.method(),
            rate: of.rate(),
            day_count: told.day_count,
            annual_cost: AnnualCost {
                simple: told.annual_cost_simple,
                compound: told.annual_cost_compound,
            },
            fees: of.fees()?,
            penalty: of.penalty(),
            early_settlement: of.early_settlement(),
            subsidy: of.subsidy(),
            allocation: told.allocation.iter().copied().map(component).collect(),
            plan: of.plan(),
            notes: Vec::new(),
        })
    }

    /// The statement of what lies on an account of the ledger.
    async fn statement(
        &self,
        caller: &Caller,
        (account, currency): (AccountId, Currency),
        contract: Contract,
        holder: PartyId,
        (from, to): (Date, Date),
    ) -> Result<Statement, Refusal> {
        let institution = self.institution(caller).await?.record;
        check_days(&institution, from, to)?;
        let (opening, movements) =
            self.moved(caller.institution, account, currency, from, to, |_| true).await?;
        let closing = movements.last().map_or(opening, |it| it.balance);
        Ok(Statement {
            issuer: issuer(&institution),
            party: self.addressee(caller, holder).await?,
            contract,
            from,
            to,
            issued_on: institution.business_date,
            opening,
            closing,
            content: Content::Account { movements: few_lines(movements)? },
        })
    }

    /// The balance of an account before a day, and what moved it from then to another, as far as it
    /// is shown.
    async fn moved(
        &self,
        of: InstitutionId,
        account: AccountId,
        currency: Currency,
        from: Date,
        to: Date,
        is_shown: impl Fn(&ledger::Transfer) -> bool,
    ) -> Result<(Money, Vec<Movement>), Refusal> {
        let money = |amount| Money::new(amount, currency);
        let stored = self.store().account(of, account).await?;
        let (mut next, mut balance) = match &stored {
            Some(it) => (it.last, it.balances.posted(Side::Credit)),
            None => (None, Amount::ZERO),
        };
        let (mut movements, mut read) = (Vec::new(), 0);
        // From the newest back: each transfer leads to the balance before it.
        'pages: while let Some(transfer) = next {
            let page = self.store().history(of, account, Some(transfer), PAGE_MAX).await?;
            for it in page.data.into_iter().map(|it| it.posted) {
                read = few_read(read)?;
                if it.booked_on < from {
                    break 'pages;
                }
                let transfer = it.transfer;
                if !transfer.kind.posts() {
                    continue;
                }
                let comes_in = transfer.credit == account;
                let amount =
                    if comes_in { transfer.amount } else { Amount::ZERO - transfer.amount };
                if it.booked_on <= to && is_shown(&transfer) {
                    movements.push(Movement {
                        date: it.booked_on,
                        value_date: transfer.value_date,
                        kind: kind_of_transfer(&transfer, comes_in),
                        note: None,
                        amount: money(amount),
                        balance: money(balance),
                    });
                }
                balance -= amount;
            }
            next = page.next;
        }
        movements.reverse();
        Ok((money(balance), movements))
    }

    /// Goes back through the log of a lane for what moved one of its loans.
    async fn steps(
        &self,
        of: InstitutionId,
        lane: LaneId,
        id: LoanId,
        from: Date,
        to: Date,
    ) -> Result<Steps, Refusal> {
        let mut found = Steps { before: None, steps: Vec::new(), loan: None };
        let (mut next, mut read, mut changed) = (None, 0, false);
        'pages: loop {
            let page = self.store().lane_log(of, lane, next, PAGE_MAX).await?;
            for row in page.data {
                read = few_read(read)?;
                let Some(step) = Step::read(&row, id)? else { continue };
                if step.on > to {
                    changed |= step.loan.is_some();
                    continue;
                }
                if changed && found.loan.is_none() {
                    found.loan.clone_from(&step.loan);
                }
                if step.on >= from {
                    found.steps.push(step);
                    continue;
                }
                found.before.get_or_insert(step.position);
                if !changed || found.loan.is_some() {
                    break 'pages;
                }
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        found.steps.reverse();
        Ok(found)
    }

    /// Whom a document is for.
    async fn addressee(&self, caller: &Caller, id: PartyId) -> Result<Party, Refusal> {
        let party = self.need(&PARTIES, caller.institution, id, "party").await?.record;
        let keys = self.keys(caller.institution);
        let shown = self.show(caller, &party)?;
        let masked = party::view(&party, &keys, Sight::Masked)?;
        // Of who was erased nothing is left to show.
        let name = shown.name.unwrap_or_else(|| mask::name(""));
        Ok(Party { name, document: masked.id_number })
    }
}

impl Step {
    /// What a row did to a loan; nothing when it is about something else.
    fn read(row: &LogRow, id: LoanId) -> Result<Option<Self>, StoreError> {
        let body = row.body()?;
        let Some(position) = record(&body, &POSITIONS, id.cast())? else { return Ok(None) };
        let facts = body.records.iter().filter(|it| it.kind == LOAN_FACTS.kind);
        let facts = facts.map(|it| parsed::<crate::tables::LoanFact>(it.body.get()));
        let facts = facts.collect::<Result<Vec<_>, _>>()?;
        let events = body.events.iter().filter(|it| it.subject == id.cast());
        Ok(Some(Self {
            on: body.today,
            position,
            loan: record(&body, &LOANS, id.cast())?,
            facts: facts.into_iter().filter(|it| it.loan == id).map(|it| it.fact).collect(),
            // Those of other domains say nothing of what is owed.
            events: events.filter_map(|it| parsed(it.body.get()).ok()).collect(),
            is_day: row.command == CLOSE_LOAN_DAY,
        }))
    }

    /// What it was to the borrower; nothing when it moved nothing of what is owed.
    fn movement(&self, was: Standing, now: Standing, currency: Currency) -> Option<LoanMovement> {
        let (kind, value_date, parts) = if self.is_day {
            (MovementKind::PrepaidApplied, self.on, self.passed(was, now))
        } else {
            let fact = self.facts.first()?;
            let mut parts = was.to(now);
            parts.fees -= price(&fact.what, fact.reversed_on.is_some());
            // What was earned is no row, whenever it is known.
            let earned = self.earned_since();
            parts.interest -= earned.interest;
            parts.penalty -= earned.penalty;
            parts.fees -= earned.fee;
            (self.kind(fact), fact.on, parts)
        };
        let Standing { principal, interest, penalty, fees, prepaid } = parts;
        let all = [principal, interest, penalty, fees, prepaid];
        let kind = match kind {
            MovementKind::PrepaidApplied if prepaid.is_zero() => MovementKind::Adjustment,
            kind => kind,
        };
        let money = |amount| Money::new(amount, currency);
        all.iter().any(|it| !it.is_zero()).then(|| LoanMovement {
            date: self.on,
            value_date,
            kind,
            note: None,
            amount: money(all.into_iter().sum()),
            principal: money(principal),
            interest: money(interest),
            penalty: money(penalty),
            fees: money(fees),
            prepaid: money(prepaid),
            balance: money(now.principal),
        })
    }

    /// What a fact with an earlier value date, or one taken back, made earned since then.
    fn earned_since(&self) -> Owed {
        let corrected = self.events.iter().map(|it| match it {
            lending::Event::LoanCorrected { earned, .. } => *earned,
            _ => Owed::default(),
        });
        corrected.sum()
    }

    /// What the close of a day moved beside what it earned: what was paid ahead paid what became
    /// due, and interest in grace became principal.
    fn passed(&self, was: Standing, now: Standing) -> Standing {
        let applied = self.events.iter().map(|it| match it {
            lending::Event::PrepaymentApplied { paid, .. } => *paid,
            _ => Owed::default(),
        });
        let applied: Owed = applied.sum();
        let principal = now.principal - was.principal;
        let capitalised = principal + applied.principal;
        Standing {
            principal,
            interest: Amount::ZERO - applied.interest - capitalised,
            penalty: Amount::ZERO - applied.penalty,
            fees: Amount::ZERO - applied.fee,
            prepaid: was.prepaid - now.prepaid,
        }
    }

    fn kind(&self, fact: &Fact) -> MovementKind {
        let recovered =
            self.events.iter().any(|it| matches!(it, lending::Event::DebtRecovered { .. }));
        match &fact.what {
            _ if fact.reversed_on.is_some() => MovementKind::Reversal,
            What::Disbursal { .. } | What::Drawing { .. } => MovementKind::Disbursal,
            What::Repayment { .. } if recovered => MovementKind::Recovery,
            What::Repayment { .. } => MovementKind::Repayment,
            What::Prepayment { .. } => MovementKind::EarlyRepayment,
            What::Settlement { .. } => MovementKind::Settlement,
            What::Refund { .. } => MovementKind::Refund,
            What::Subsidy { .. } => MovementKind::Subsidy,
            What::Waiver { .. } => MovementKind::Waiver,
            What::ChargeOff | What::WriteOff => MovementKind::ChargeOff,
            What::RateChange { .. }
            | What::InterestPause { .. }
            | What::Rescheduling(_)
            | What::ThirdPartyFee { .. }
            | What::Migration { .. }
            | What::Sale { .. } => MovementKind::Adjustment,
        }
    }
}

impl Standing {
    fn of(position: Option<&Position>) -> Self {
        let Some(position) = position else { return Self::default() };
        let due = position.due();
        Self {
            principal: position.principal,
            interest: due.interest + position.interest,
            penalty: due.penalty,
            fees: due.fee,
            prepaid: position.prepaid,
        }
    }

    /// What has to happen to it to become another.
    fn to(self, now: Self) -> Self {
        Self {
            principal: now.principal - self.principal,
            interest: now.interest - self.interest,
            penalty: now.penalty - self.penalty,
            fees: now.fees - self.fees,
            // What is put aside lowers what is owed.
            prepaid: self.prepaid - now.prepaid,
        }
    }
}

/// What a fact cost: fees that are taken at once, and never owed. Given back when it is taken
/// back.
fn price(what: &What, reversed: bool) -> Amount {
    let fee = match what {
        What::Disbursal { fees, .. } => *fees,
        What::Prepayment { fee, .. } | What::Settlement { fee, .. } => *fee,
        _ => Amount::ZERO,
    };
    if reversed { Amount::ZERO - fee } else { fee }
}

fn record<T>(body: &LogBody, table: &Table<T>, id: Id<()>) -> Result<Option<T>, StoreError>
where
    T: DeserializeOwned,
{
    let found = body.records.iter().find(|it| it.kind == table.kind && it.id == id);
    found.map(|it| parsed(it.body.get())).transpose()
}

fn parsed<T: DeserializeOwned>(json: &str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn check_days(institution: &Institution, from: Date, to: Date) -> Result<(), Refusal> {
    few_days("STATEMENT_DAYS_MAX", STATEMENT_DAYS_MAX, from, to)?;
    let today = institution.business_date;
    if to > today { Err(Refusal::AfterBusinessDate(today)) } else { Ok(()) }
}

fn few_read(read: usize) -> Result<usize, Refusal> {
    if read >= STATEMENT_READ_MAX {
        return Err(Refusal::TooMany("STATEMENT_READ_MAX", STATEMENT_READ_MAX));
    }
    Ok(read + 1)
}

fn few_lines<T>(lines: Vec<T>) -> Result<Vec<T>, Refusal> {
    if lines.len() > STATEMENT_LINES_MAX {
        return Err(Refusal::TooMany("STATEMENT_LINES_MAX", STATEMENT_LINES_MAX));
    }
    Ok(lines)
}

fn issuer(institution: &Institution) -> Issuer {
    Issuer { name: Bilingual::new(&institution.name, &institution.name), contact: None }
}

/// A contract with what its product is called, and which version of it.
fn contract<I>(id: Id<I>, definition: &Definition) -> Contract {
    let Definition { name, version, .. } = definition;
    let product = Bilingual {
        zh: format!("{}（第{version}版）", name.zh),
        en: format!("{} (version {version})", name.en),
    };
    Contract { number: id.to_string(), product, account: None }
}

/// What a transfer on a customer's account was to them.
fn kind_of_transfer(transfer: &ledger::Transfer, comes_in: bool) -> MovementKind {
    // A reason is the beginning of the event's name.
    let reason = transfer.reason.as_str();
    let is_interest = INTEREST_EVENTS.iter().any(|event| event.starts_with(reason));
    match (transfer.kind, comes_in) {
        (ledger::Kind::Reversal(_), _) => MovementKind::Reversal,
        _ if is_interest => MovementKind::Interest,
        (_, true) => MovementKind::Deposit,
        (_, false) => MovementKind::Withdrawal,
    }
}

/// Interest that is paid out as it is, and never becomes principal.
fn is_paid(transfer: &ledger::Transfer) -> bool {
    let reason = transfer.reason.as_str();
    !reason.is_empty() && "interest-payment".starts_with(reason)
}

/// The statement of a deposit with the interest that was paid out: it comes in, and goes out at
/// once.
fn with_interest(statement: Statement, paid: Vec<Movement>) -> Result<Statement, Refusal> {
    let Content::Account { mut movements } = statement.content else { return Ok(statement) };
    for it in paid {
        let amount = Money::new(Amount::ZERO - it.amount.amount, it.amount.currency);
        movements.push(Movement { kind: MovementKind::Interest, amount, ..it.clone() });
        movements.push(Movement { kind: MovementKind::Withdrawal, ..it });
    }
    movements.sort_by_key(|it| it.date);
    let mut balance = statement.opening.amount;
    for it in &mut movements {
        balance += it.amount.amount;
        it.balance.amount = balance;
    }
    Ok(Statement { content: Content::Account { movements: few_lines(movements)? }, ..statement })
}

/// Due in the period, or before it and not paid. What was never due is not listed.
fn is_listed(it: &InstalmentView, from: Date, to: Date) -> bool {
    let due = it.planned.due;
    let open = it.remaining.total().is_positive();
    it.status != view::InstalmentStatus::Dropped && due <= to && (due >= from || open)
}

fn instalment(it: &InstalmentView, currency: Currency) -> Instalment {
    let InstalmentView { planned, status, remaining, .. } = it;
    let money = |amount| Money::new(amount, currency);
    // More than was planned is owed where a fee for being late came, or everything became due.
    let due = Owed {
        penalty: remaining.penalty,
        fee: planned.fees.max(remaining.fee),
        interest: planned.interest.max(remaining.interest),
        principal: planned.principal.max(remaining.principal),
    };
    Instalment {
        number: planned.number,
        due: planned.due,
        status: match status {
            view::InstalmentStatus::Paid | view::InstalmentStatus::Dropped => {
                InstalmentStatus::Paid
            }
            view::InstalmentStatus::Due => InstalmentStatus::Due,
            view::InstalmentStatus::Overdue => InstalmentStatus::Overdue,
            view::InstalmentStatus::Future => InstalmentStatus::Future,
        },
        principal: money(due.principal),
        interest: money(due.interest),
        penalty: money(due.penalty),
        fees: money(due.fee),
        paid: money(due.total() - remaining.total()),
        outstanding: money(remaining.total()),
    }
}

fn component(component: Component) -> disclosure::Component {
    match component {
        Component::Penalty => disclosure::Component::Penalty,
        Component::Fee => disclosure::Component::Fee,
        Component::Interest => disclosure::Component::Interest,
        Component::Principal => disclosure::Component::Principal,
    }
}

/// What must be told of a loan, under its product.
struct Told<'t> {
    product: &'t LoanProduct,
    told: &'t lending::disclosure::Disclosure,
}

impl Told<'_> {
    fn money(&self, amount: Amount) -> Money {
        Money::new(amount, self.told.currency)
    }

    fn terms(&self) -> &terms::InstalmentLoan {
        self.product.terms()
    }

    fn method(&self) -> disclosure::Method {
        let repayment = &self.terms().repayment;
        if repayment.balloon.is_some() || repayment.grace != Grace::default() {
            return disclosure::Method::Planned;
        }
        match self.told.method {
            Method::EqualInstalment => disclosure::Method::EqualInstalment,
            Method::EqualPrincipal => disclosure::Method::EqualPrincipal,
            Method::InterestFirst => disclosure::Method::InterestFirst,
            Method::Bullet => disclosure::Method::Bullet,
            Method::Flat => disclosure::Method::Flat,
        }
    }

    fn rate(&self) -> disclosure::Rate {
        let rate = self.told.rate;
        let Some(floating) = &self.terms().interest.floating else {
            return disclosure::Rate::Fixed { rate };
        };
        let benchmark = match floating.reference {
            Reference::Lpr1y => Bilingual::new("一年期LPR", "one-year LPR"),
            Reference::Lpr5y => Bilingual::new("五年期以上LPR", "LPR over five years"),
        };
        let reset = match floating.reset {
            Reset::FirstOfJanuary => Bilingual::new("每年1月1日重定价", "reset each 1 January"),
            Reset::Anniversary => {
                Bilingual::new("每年对月对日重定价", "reset each anniversary of disbursal")
            }
            Reset::EachFixing => {
                Bilingual::new("每次报价公布时重定价", "reset with each fixing of the benchmark")
            }
        };
        disclosure::Rate::Floating { rate, benchmark, spread: floating.spread, reset }
    }

    /// What the borrower pays beside interest.
    fn fees(&self) -> Result<Vec<disclosure::Fee>, Refusal> {
        let terms = self.terms();
        let fees = terms.fees.iter().filter(|it| it.payer.is_none()).map(|fee| {
            Ok(disclosure::Fee {
                name: Bilingual::new(&fee.code, &fee.code),
                taken: match fee.on {
                    FeeMoment::Disbursal => FeeTime::Disbursal,
                    FeeMoment::Instalment => FeeTime::Instalment,
                    FeeMoment::Overdue => FeeTime::Overdue,
                },
                amount: self.fee_in_all(fee)?.map(|it| self.money(it)),
                terms: Some(formula(&fee.amount)),
                payee: None,
            })
        });
        let early = terms.prepayment.fee.as_ref().filter(|_| terms.prepayment.allowed);
        let early = early.map(|source| {
            Ok(disclosure::Fee {
                name: Bilingual::new("部分提前还款费用", "Repaying a part early"),
                taken: FeeTime::EarlySettlement,
                amount: None,
                terms: Some(formula(source)),
                payee: None,
            })
        });
        fees.chain(early).collect()
    }

    /// What a fee comes to, where that is known beforehand.
    fn fee_in_all(&self, fee: &terms::Fee) -> Result<Option<Amount>, Refusal> {
        let Self { product, told } = self;
        let of = |fees: Vec<(&str, Amount)>| -> Amount {
            fees.into_iter().filter(|(code, _)| *code == fee.code).map(|(_, it)| it).sum()
        };
        let upfront = || told.upfront.iter().filter(|it| it.code == fee.code);
        match fee.on {
            FeeMoment::Disbursal => Ok(Some(upfront().map(|it| it.amount).sum())),
            FeeMoment::Instalment => {
                let mut sum = Amount::ZERO;
                for it in &told.plan {
                    let (number, balance) = (it.number, it.opening());
                    let fees = product.instalment_fees(told.principal, told.term, number, balance);
                    sum += of(fees.map_err(lending::Reject::FeeImpossible)?);
                }
                Ok(Some(sum))
            }
            FeeMoment::Overdue => Ok(None),
        }
    }

    fn penalty(&self) -> Option<disclosure::Penalty> {
        let penalty = self.told.penalty.as_ref()?;
        let base = match penalty.base {
            PenaltyBase::OverduePrincipal => disclosure::PenaltyBase::OverduePrincipal,
            PenaltyBase::OverdueInstalment => disclosure::PenaltyBase::OverdueInstalment,
        };
        let rate = penalty.rate_at(self.told.rate);
        let (multiple, grace_days) = (penalty.multiple, penalty.grace_days);
        Some(disclosure::Penalty { rate, multiple, base, grace_days })
    }

    fn early_settlement(&self) -> disclosure::EarlySettlement {
        match (self.told.early_settlement, &self.told.early_settlement_fee) {
            (false, _) => disclosure::EarlySettlement::NotAllowed,
            (true, None) => disclosure::EarlySettlement::Free,
            (true, Some(fee)) => {
                let Bilingual { zh, en } = formula(fee);
                let zh = format!("可提前结清；费用{zh}");
                let en = format!("Possible; the price is {en}");
                disclosure::EarlySettlement::Charged { terms: Bilingual { zh, en } }
            }
        }
    }

    fn subsidy(&self) -> Option<disclosure::Subsidy> {
        let subsidy = self.terms().subsidy.as_ref()?;
        let percent = |it: money::Decimal| {
            let percent = (it * money::Decimal::ONE_HUNDRED).normalize();
            percent.to_string()
        };
        let (zh, en) = match (subsidy.share, subsidy.points) {
            (Some(share), _) => (
                format!("承担利息的{}%", percent(share)),
                format!("{}% of the interest", percent(share)),
            ),
            (None, points) => {
                let points = percent(points.unwrap_or_default());
                (
                    format!("承担年利率中的{points}个百分点"),
                    format!("{points} percentage points of the yearly rate"),
                )
            }
        };
        let terms = match subsidy.instalments {
            None => Bilingual { zh: format!("{zh}。"), en: format!("It pays {en}.") },
            Some(count) => Bilingual {
                zh: format!("前{count}期{zh}。"),
                en: format!("It pays {en}, for the first {count} instalments."),
            },
        };
        let payer = Bilingual::new(&subsidy.payer, &subsidy.payer);
        Some(disclosure::Subsidy { payer, terms })
    }

    fn plan(&self) -> Vec<PlanRow> {
        let money = |amount| self.money(amount);
        let row = |it: &product::schedule::Instalment| PlanRow {
            number: it.number,
            due: it.due,
            principal: money(it.principal),
            interest: money(it.interest + it.subsidy),
            fees: money(it.fees),
            subsidy: money(it.subsidy),
            total: money(it.total()),
            capitalised: money(it.capitalised),
            balance: money(it.balance),
        };
        self.told.plan.iter().map(row).collect()
    }
}

/// How something is found: the expression of the product.
fn formula(source: &str) -> Bilingual {
    let source = source.trim();
    Bilingual::new(&format!("计算式：{source}"), &format!("by the formula {source}"))
}
