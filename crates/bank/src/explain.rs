//! How an amount that is planned or in the books came about.
//!
//! A planned amount is explained by the facts of its loan. A transfer leads to the row of the log
//! that booked it: the row names the contract, and what was known of it at that moment is what
//! the rows before it say.

mod deposits;
mod lines;

use std::sync::Arc;

use compliance::{Entry, cn};
use ledger::{AccountId, InstitutionId, LaneId, Posted, Transfer, TransferId};
use lending::{
    Explaining, Fact, Loan, Position, Rules, cycle,
    explain::{BookedAmount, Moment},
};
use money::{Amount, Money, Rounding};
use product::{
    LoanProduct,
    derivation::{Clause, Derivation, Name, Rule, Unexplained, Value},
    kinds::Kind,
    schedule::explain::Component,
};
use serde::de::DeserializeOwned;
use stdx::{Date, Id};
use store::{LogBody, LogRow, PAGE_MAX, RecordEntry};

use crate::{
    Bank, Caller, Refusal, Right,
    books::{Books, account_id},
    classification::{GENERAL_PROVISION, Grade, PROVISION, allowance_code},
    days::CLOSE_LOAN_DAY,
    institutions::Institution,
    loans::{fact_id, fixing},
    tables::{
        GRADES, LINE_ACCOUNTS, LINE_GRADES, LINE_POSITIONS, LOAN_FACTS, LOANS, LineId, LoanFact,
        LoanId, POSITIONS,
    },
};

/// How many rows of a lane are read back to see what was known when something was booked.
pub const ROWS_BACK_MAX: usize = 10_000;

/// How the amount of a transfer came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The contract that it was booked for.
    pub contract: Id<()>,
    /// The accounting event.
    pub event: String,
    /// The amount of the event.
    pub amount_name: String,
    /// How the amount came about; a negative one was booked the other way round.
    pub derivation: Derivation,
}

/// A row of the log, read.
#[derive(Clone)]
struct Row {
    log: LogRow,
    body: LogBody,
}

/// An amount of an accounting event that a transfer may have booked.
struct Candidate {
    event: &'static str,
    name: String,
    amount: Amount,
}

impl Bank {
    /// How a planned amount of a loan came about.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Unexplained`].
    pub async fn explain_instalment(
        &self,
        caller: &Caller,
        id: LoanId,
        number: u32,
        component: Component,
    ) -> Result<Derivation, Refusal> {
        caller.must(Right::Read)?;
        let of = caller.institution;
        let institution = self.institution(caller).await?.record;
        let loan = self.need(&LOANS, of, id, "loan").await?.record;
        let product = self.pinned_product(caller, &loan.product, loan.version).await?.loan()?;
        let others = self.earlier_versions(caller, &loan).await?;
        let facts = self.all_facts(of, id).await?;
        let reference = |day| reference_rate(&product, day);
        let explaining = explaining(&loan, &facts, (&product, &others), &institution, &reference);
        Ok(explaining.planned(number, component)?)
    }

    /// How the amount of a transfer came about.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::Unexplained`] for what no contract booked, and what has
    /// no explanation.
    pub async fn explain_transfer(
        &self,
        caller: &Caller,
        id: TransferId,
    ) -> Result<Explanation, Refusal> {
        caller.must(Right::Audit)?;
        let of = caller.institution;
        let log = self.store().booking(of, id).await?.ok_or(Refusal::NotFound("transfer"))?;
        let body = log.body()?;
        let row = Row { log, body };
        let transfers = row.log.transfers()?;
        let transfer = transfers.iter().find(|it| it.transfer.id == id);
        let transfer = &transfer.ok_or(Refusal::NotFound("transfer"))?.transfer;
        if [GRADES.kind, LINE_GRADES.kind].iter().any(|kind| row.record(kind).is_some()) {
            return self.explain_provision(caller, &row, transfer).await;
        }
        // A commit may move several loans of a lane; the accounts say which one it was.
        let mut refused = Refusal::Unexplained(Unexplained::Event(transfer.reason.to_string()));
        for position in row.records(POSITIONS.kind) {
            match self.explain_loan_transfer(caller, &row, transfer, position).await {
                Err(refusal @ Refusal::Unexplained(_)) => refused = refusal,
                explained => return explained,
            }
        }
        if row.record(LINE_POSITIONS.kind).is_some() {
            return self.explain_line_transfer(caller, &row, transfer, refused).await;
        }
        self.explain_deposit_transfer(caller, &row, transfer, refused).await
    }

    async fn explain_loan_transfer(
        &self,
        caller: &Caller,
        row: &Row,
        transfer: &Transfer,
        record: &RecordEntry,
    ) -> Result<Explanation, Refusal> {
        let (of, id): (_, LoanId) = (caller.institution, record.id.cast());
        let institution = self.institution(caller).await?.record;
        let loan = self.need(&LOANS, of, id, "loan").await?.record;
        let product = self.pinned_product(caller, &loan.product, loan.version).await?.loan()?;
        let others = self.earlier_versions(caller, &loan).await?;
        let facts = self.known(of, row, id, &parse(record)?).await?;
        let reference = |day| reference_rate(&product, day);
        let explaining = explaining(&loan, &facts, (&product, &others), &institution, &reference);
        let at = row.moment(id)?;
        let books = Books {
            accounting: product.accounting(),
            currency: loan.currency,
            contract: id.cast(),
            limited: None,
        };
        let kind = Kind::named(&product.definition().kind).ok_or(Refusal::OtherKind)?;
        let candidates = candidates(kind, &books, row.log.lane, transfer);
        row.explained(id.cast(), transfer, candidates, |amount| explaining.booked(at, amount))
    }

    /// The facts of a loan as they were known after a commit.
    async fn known(
        &self,
        of: InstitutionId,
        row: &Row,
        id: LoanId,
        position: &Position,
    ) -> Result<Vec<Fact>, Refusal> {
        let mut facts = self.all_facts(of, id).await?;
        facts.retain(|it| it.number < position.facts);
        for fact in &mut facts {
            let record = (LOAN_FACTS.kind, fact_id(id, fact.number).cast());
            let then = |it: LoanFact| it.fact.reversed_on;
            fact.reversed_on = self.reversed(of, row, record, fact.reversed_on, then).await?;
        }
        Ok(facts)
    }

    /// When a fact that was taken back on some day was so after a commit.
    async fn reversed<T: DeserializeOwned>(
        &self,
        of: InstitutionId,
        row: &Row,
        (kind, id): (&str, Id<()>),
        on: Option<Date>,
        then: impl Fn(T) -> Option<Date>,
    ) -> Result<Option<Date>, Refusal> {
        match on {
            Some(on) if on > row.body.today => Ok(None),
            // On the day itself it counts which came first.
            Some(on) if on == row.body.today => {
                Ok(self.last_record(of, row, kind, id).await?.and_then(then))
            }
            on => Ok(on),
        }
    }

    /// A record as it was after a commit, from the rows of the lane up to it.
    async fn last_record<T: DeserializeOwned>(
        &self,
        of: InstitutionId,
        row: &Row,
        kind: &str,
        id: Id<()>,
    ) -> Result<Option<T>, Refusal> {
        let mut read = Some(row.clone());
        for _ in 0..ROWS_BACK_MAX {
            let Some(row) = read else { break };
            if let Some(record) = row.records(kind).find(|it| it.id == id) {
                return parse(record).map(Some);
            }
            read = self.row_before(of, &row).await?;
        }
        Ok(None)
    }

    /// The row before one in its lane.
    async fn row_before(&self, of: InstitutionId, row: &Row) -> Result<Option<Row>, Refusal> {
        let Some(log) = self.store().log_row(of, row.log.previous).await? else {
            return Ok(None);
        };
        let body = log.body()?;
        Ok(Some(Row { log, body }))
    }

    /// What is set aside for a loan: what its category asks for, or what is asked of every loan,
    /// less what was set aside before.
    async fn explain_provision(
        &self,
        caller: &Caller,
        row: &Row,
        transfer: &Transfer,
    ) -> Result<Explanation, Refusal> {
        let of = caller.institution;
        let general = GENERAL_PROVISION.starts_with(&transfer.reason.to_string());
        let event = if general { GENERAL_PROVISION } else { PROVISION };
        let unexplained = Unexplained::Event(event.to_owned());
        let of_line = row.record(LINE_GRADES.kind);
        let graded = of_line.or(row.record(GRADES.kind)).ok_or_else(|| unexplained.clone())?;
        let grade: Grade = parse(graded)?;
        let id: Id<()> = graded.id;
        let (currency, code, principal) = match of_line {
            None => {
                let loan: LoanId = id.cast();
                let loan = self.need(&LOANS, of, loan, "loan").await?.record;
                let product = self.pinned_product(caller, &loan.product, loan.version).await?;
                let code = allowance_code(product.loan()?.accounting(), event)?;
                let position = self.last_record::<Position>(of, row, POSITIONS.kind, id).await?;
                (loan.currency, code, position.map(|it| it.principal))
            }
            Some(_) => {
                let line: LineId = id.cast();
                let account = self.need(&LINE_ACCOUNTS, of, line, "account").await?.record;
                let (name, version) = (&account.product, account.version);
                let product = self.pinned_product(caller, name, version).await?.revolving()?;
                let code = allowance_code(product.accounting(), event)?;
                let kind = LINE_POSITIONS.kind;
                let position = self.last_record::<cycle::Position>(of, row, kind, id).await?;
                (account.currency, code, position.map(|it| it.owed().principal))
            }
        };
        let account = account_id(id, code, currency);
        let amount = signed(transfer, transfer.credit == account).ok_or(unexplained.clone())?;
        let before = self.set_aside_before(of, account, transfer.id).await?;
        let principal = principal.unwrap_or(Amount::ZERO);
        let pack = cn::provisions();
        let ratios = pack.on("guidance", row.body.today).ok_or(unexplained)?;
        let money = |amount| Value::Amount(Money::new(amount, currency));
        let owed = Derivation::leaf(PRINCIPAL, Rule::Booked, money(principal));
        let share = match general {
            true => Derivation::given(GENERAL_SHARE, Value::Rate(ratios.value.general.0)),
            false => Derivation::given(SHARE, Value::Rate(ratios.value.of(grade.category))),
        };
        let share = share.under(Some(clause(&pack.name, pack.version, ratios)));
        let exact = Derivation::of(EXACT, Rule::Product, vec![owed, share])?;
        let target = Derivation::of(TARGET, Rule::Rounded { rounding: Rounding::Up }, vec![exact])?;
        let before = Derivation::leaf(SET_ASIDE, Rule::Booked, money(before));
        let name = if general { GENERAL_NAME } else { PROVISION_NAME };
        let released = general && amount.is_negative();
        let (amount, parts) = match released {
            true => (transfer.amount, vec![before, target]),
            false => (amount, vec![target, before]),
        };
        let derivation = Derivation::of(name, Rule::Difference, parts)?.explaining(amount)?;
        let amount_name = if released { "released" } else { "amount" }.to_owned();
        let event = event.to_owned();
        Ok(Explanation { contract: id, event, amount_name, derivation })
    }

    /// What was on the credit side of an account before a transfer.
    async fn set_aside_before(
        &self,
        of: InstitutionId,
        account: AccountId,
        transfer: TransferId,
    ) -> Result<Amount, Refusal> {
        let (mut from, mut sum) = (Some(transfer), 0_i128);
        while let Some(next) = from {
            let page = self.store().history(of, account, Some(next), PAGE_MAX).await?;
            for it in page.data.iter().map(|it| &it.posted.transfer) {
                let minor = i128::from(it.amount.minor());
                sum += match it.id == transfer {
                    true => 0,
                    false if it.credit == account => minor,
                    false => -minor,
                };
            }
            from = page.next;
        }
        crate::reports::amount(sum)
    }
}

const fn name(code: &'static str, en: &'static str, zh: &'static str) -> Name {
    Name { code, en, zh }
}

const PRINCIPAL: Name = name("outstanding", "principal outstanding", "未还本金");
const SHARE: Name = name("provision-share", "share of its category", "计提比例");
const GENERAL_SHARE: Name = name("general-share", "share of every loan", "一般准备比例");
const EXACT: Name = name("exact-provision", "exact allowance", "精确准备");
const TARGET: Name = name("allowance", "allowance that is asked for", "应计提准备");
const SET_ASIDE: Name = name("set-aside", "set aside before", "已计提准备");
const PROVISION_NAME: Name = name("provision", "provision", "计提专项准备");
const GENERAL_NAME: Name = name("general-provision", "general provision", "计提一般准备");
const REFERENCE: Name = name("reference-rate", "reference rate", "参考利率");

impl Row {
    /// The records of a kind that the commit wrote.
    fn records(&self, kind: &str) -> impl Iterator<Item = &RecordEntry> {
        self.body.records.iter().filter(move |it| it.kind == kind)
    }

    /// The one record of a kind that the commit wrote.
    fn record(&self, kind: &str) -> Option<&RecordEntry> {
        self.records(kind).next()
    }

    /// The explanation of an amount that a transfer may have booked. Of transfers of the commit
    /// that are alike, each is the amount in its place.
    fn explained(
        &self,
        contract: Id<()>,
        transfer: &Transfer,
        candidates: Vec<Candidate>,
        booked: impl Fn(BookedAmount<'_>) -> Result<Derivation, Unexplained>,
    ) -> Result<Explanation, Refusal> {
        let mut before = alike_before(&self.log.transfers()?, transfer);
        let mut found = None;
        let mut refused = Unexplained::Event(transfer.reason.to_string());
        'all: for Candidate { event, name, amount } in candidates {
            for place in 0.. {
                match booked(BookedAmount { event, name: &name, amount, place }) {
                    Ok(derivation) => found = Some((event, name.clone(), derivation)),
                    Err(reason) => {
                        refused = reason;
                        break;
                    }
                }
                if before == 0 {
                    break 'all;
                }
                before -= 1;
            }
        }
        let (event, amount_name, derivation) = found.ok_or(refused)?;
        Ok(Explanation { contract, event: event.to_owned(), amount_name, derivation })
    }

    /// When the loan was moved: at the end of a day, or by something that happened.
    fn moment(&self, id: LoanId) -> Result<Moment, Refusal> {
        if self.log.command == CLOSE_LOAN_DAY {
            return Ok(Moment::Day(self.body.today));
        }
        let facts: Vec<LoanFact> =
            self.records(LOAN_FACTS.kind).map(parse).collect::<Result<_, _>>()?;
        let fact = facts.into_iter().find(|it| it.loan == id);
        let fact = fact.ok_or(Unexplained::NotTold("fact"))?.fact;
        Ok(moment(fact.number, fact.on, fact.booked_on, fact.reversed_on))
    }
}

/// By what a contract was moved. Booked late, or taken back, it counts up to the day on which the
/// contract stood.
fn moment(number: u32, on: Date, booked_on: Date, reversed_on: Option<Date>) -> Moment {
    let late = reversed_on.is_some() || on < booked_on;
    let stood = reversed_on.unwrap_or(booked_on);
    if late { Moment::Correction(number, stood) } else { Moment::Fact(number) }
}

fn parse<T: DeserializeOwned>(record: &RecordEntry) -> Result<T, Refusal> {
    let parsed = serde_json::from_str(record.body.get());
    parsed.map_err(|_| Unexplained::NotTold("record").into())
}

/// An amount in the direction of the books of an account, or against it.
fn signed(transfer: &Transfer, along: bool) -> Option<Amount> {
    if along { Some(transfer.amount) } else { transfer.amount.checked_neg() }
}

/// The amounts of accounting events that a transfer may have booked: its reason begins their name,
/// and its accounts are those of the contract, or of the lane.
fn candidates(kind: &Kind, books: &Books<'_>, lane: LaneId, transfer: &Transfer) -> Vec<Candidate> {
    let reason = transfer.reason.to_string();
    let events = kind.events.iter().filter(|it| it.name.starts_with(&reason));
    let mut found = Vec::new();
    for event in events {
        for rule in books.accounting.rules(event.name) {
            let [debit, credit] =
                [rule.debit, rule.credit].map(|code| books.account_of(code, lane));
            let moved = (Some(transfer.debit), Some(transfer.credit));
            let (along, against) = (moved == (debit, credit), moved == (credit, debit));
            if let Some(amount) = signed(transfer, along).filter(|_| along || against) {
                let name = rule.amount.clone();
                found.push(Candidate { event: event.name, name, amount });
            }
        }
    }
    found
}

/// How many transfers like one its commit booked before it.
fn alike_before(booked: &[Posted], of: &Transfer) -> usize {
    let before = booked.iter().map(|it| &it.transfer).take_while(|it| it.id != of.id);
    let what = |it: &Transfer| (it.debit, it.credit, it.amount, it.reason.to_string());
    before.filter(|it| what(it) == what(of)).count()
}

fn explaining<'e>(
    loan: &'e Loan,
    facts: &'e [Fact],
    (product, others): (&'e LoanProduct, &'e [Arc<LoanProduct>]),
    institution: &'e Institution,
    reference: &'e dyn Fn(Date) -> Option<Derivation>,
) -> Explaining<'e> {
    let rules = Rules { product, others, calendar: institution.calendar() };
    Explaining { loan, facts, rules, reference }
}

/// The reference rate of a day, with its fixing.
fn reference_rate(product: &LoanProduct, day: Date) -> Option<Derivation> {
    let floating = product.terms().interest.floating.as_ref()?;
    let fixing = fixing(floating.reference, day)?;
    let rate = Derivation::given(REFERENCE, Value::Rate(fixing.value.0));
    let pack = cn::lpr();
    Some(rate.under(Some(clause(&pack.name, pack.version, fixing))))
}

/// Where a number of a pack stands.
fn clause<T>(pack: &str, version: u32, entry: &Entry<T>) -> Clause {
    let article = entry.article.iter().map(|it| format!(" {it}"));
    Clause::Pack {
        pack: pack.to_owned(),
        version,
        key: entry.key.clone(),
        from: entry.from,
        source: std::iter::once(entry.source.to_string()).chain(article).collect(),
        verified: entry.verified,
    }
}
