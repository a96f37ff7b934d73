//! How the transfers of accounts and term deposits came about.
//!
//! The row of the log that booked a transfer has the contract as it was after it; the row before
//! that wrote it has it as it was before. What lay in an account on which day is told by the
//! ledger, as far as it was booked then.

use std::sync::Arc;

use ::deposits::{
    CurrentAccount, Restraints, Status, TermDeposit, Terms,
    explain::{AccountStep, BookedAmount, DepositStep, kept_back},
    movement::Movement,
};
use ledger::{AccountId, InstitutionId, Kind as TransferKind, Transfer, TransferId};
use money::{Amount, Currency};
use product::{
    AccountProduct, TermProduct,
    derivation::{Clause, Derivation, Unexplained},
    kinds::{current_account, term_deposit},
};
use serde::de::DeserializeOwned;
use stdx::{Date, Id};
use store::{PAGE_MAX, RecordEntry};

use super::{Candidate, Explanation, ROWS_BACK_MAX, Row, candidates, parse};
use crate::{
    Bank, Caller, Refusal,
    accounts::{self, deposits_code},
    days::CLOSE_ACCOUNT_DAY,
    deposits::{self, rates_of},
    tables::{CURRENT_ACCOUNTS, CurrentAccountId, TERM_DEPOSITS},
};

/// The most movements of an account that are read to see what lay in it.
const MOVEMENTS_MAX: usize = 50_000;

/// A record of the row: before it, after it, and what was told of it.
struct Written<C> {
    id: Id<()>,
    before: Option<C>,
    after: C,
    events: Vec<::deposits::Event>,
    number: u32,
}

/// A term deposit that a row wrote, with the versions of its product.
struct WrittenDeposit {
    written: Written<TermDeposit>,
    product: Arc<TermProduct>,
    agreed: Arc<TermProduct>,
    /// Those whose posted rates may have counted.
    posted: Vec<Arc<TermProduct>>,
}

impl Bank {
    /// Explains a transfer by the accounts and deposits that its row wrote: the accounts of the
    /// ledger say which one it was.
    pub(super) async fn explain_deposit_transfer(
        &self,
        caller: &Caller,
        row: &Row,
        transfer: &Transfer,
        mut refused: Refusal,
    ) -> Result<Explanation, Refusal> {
        for record in row.records(TERM_DEPOSITS.kind) {
            match self.explain_of_deposit(caller, row, transfer, record).await {
                Err(refusal @ Refusal::Unexplained(_)) => refused = worse(refused, refusal),
                explained => return explained,
            }
        }
        for record in row.records(CURRENT_ACCOUNTS.kind) {
            match self.explain_of_account(caller, row, transfer, record).await {
                Err(refusal @ Refusal::Unexplained(_)) => refused = worse(refused, refusal),
                explained => return explained,
            }
        }
        Err(refused)
    }

    async fn explain_of_deposit(
        &self,
        caller: &Caller,
        row: &Row,
        transfer: &Transfer,
        record: &RecordEntry,
    ) -> Result<Explanation, Refusal> {
        let deposit = self.written_deposit(caller, row, record).await?;
        let Written { id, after, .. } = &deposit.written;
        if let Some(explained) =
            deposit.written.kept_back(transfer, after.currency, |it| &it.restraints)
        {
            return explained;
        }
        let books = deposits::books(&deposit.product, id.cast());
        let candidates = candidates(&term_deposit::KIND, &books, row.log.lane, transfer);
        explained(*id, transfer, candidates, |of| deposit.each(|step| step.booked(of)))
    }

    async fn explain_of_account(
        &self,
        caller: &Caller,
        row: &Row,
        transfer: &Transfer,
        record: &RecordEntry,
    ) -> Result<Explanation, Refusal> {
        let of = caller.institution;
        let written: Written<CurrentAccount> = self.written(of, row, record).await?;
        let Written { id, after, .. } = &written;
        if let Some(explained) = written.kept_back(transfer, after.currency, |it| &it.restraints) {
            return explained;
        }
        let (name, version) = (&after.product, after.version);
        let product = self.pinned_product(caller, name, version).await?.account()?;
        let books = accounts::books(&product, id.cast());
        let candidates = candidates(&current_account::KIND, &books, row.log.lane, transfer);
        let Some(before) = written.before.as_ref().filter(|_| !candidates.is_empty()) else {
            return Err(Unexplained::Event(transfer.reason.to_string()).into());
        };
        if let Some(derivation) = self.moved_by_deposit(caller, row, (*id).cast(), transfer).await?
        {
            return explained(*id, transfer, candidates, |of| {
                derivation.clone().explaining(of.amount)
            });
        }
        let balances = product.terms().interest.is_some() || after.status == Status::Closed;
        let account = books.contract_account(deposits_code(product.accounting()));
        let moved = match balances {
            true => self.moved_before(of, row, account, (*id, before.since)).await?,
            false => Vec::new(),
        };
        // The rates of the contract's version go on where its product was suspended.
        let mut versions: Vec<Arc<AccountProduct>> = Vec::new();
        if product.rate_is_posted() {
            let closes = row.log.command == CLOSE_ACCOUNT_DAY;
            let today = if closes { before.through } else { row.body.today };
            let day = before.business_date(today);
            for it in self.once_in_force(caller, name, day).await? {
                versions.push(it.account()?);
            }
        }
        versions.push(product.clone());
        explained(*id, transfer, candidates, |of| {
            first(&versions, |posted| {
                let terms = Terms { product: &*product, posted };
                let Written { events, number, .. } = &written;
                let (moved, number) = (&*moved, *number);
                AccountStep { before, after, events, moved, terms, number }.booked(of)
            })
        })
    }

    /// What moved an account in a row that wrote a deposit whose money it gave or got.
    async fn moved_by_deposit(
        &self,
        caller: &Caller,
        row: &Row,
        account: CurrentAccountId,
        transfer: &Transfer,
    ) -> Result<Option<Derivation>, Refusal> {
        if !matches!(transfer.reason.as_str(), "deposit" | "withdrawal") {
            return Ok(None);
        }
        for record in row.records(TERM_DEPOSITS.kind) {
            let deposit = self.written_deposit(caller, row, record).await?;
            let Written { id, before, after, .. } = &deposit.written;
            if after.account.map(Id::cast) != Some(account) {
                continue;
            }
            let placed =
                BookedAmount { event: "placement", name: "amount", amount: after.principal };
            let explained = deposit.each(|step| match before {
                None => step.booked(placed),
                Some(_) => step.paid_out(),
            });
            let clause = Clause::OtherContract { contract: *id };
            return Ok(Some(explained?.under(Some(clause))));
        }
        Ok(None)
    }

    async fn written_deposit(
        &self,
        caller: &Caller,
        row: &Row,
        record: &RecordEntry,
    ) -> Result<WrittenDeposit, Refusal> {
        let written: Written<TermDeposit> = self.written(caller.institution, row, record).await?;
        let then = written.before.as_ref().unwrap_or(&written.after);
        let (name, version) = (&then.product, then.version);
        let product = self.pinned_product(caller, name, version).await?.term()?;
        let (mut posted, mut agreed) = (Vec::new(), product.clone());
        if product.rates_are_posted() {
            for it in self.once_in_force(caller, name, rates_of(then)).await? {
                posted.push(it.term()?);
            }
            if then.rollovers > 0 {
                for it in self.once_in_force(caller, name, then.from).await? {
                    let it = it.term()?;
                    if it.tenor_rate(then.tenor, then.from) == Some(then.rate) {
                        agreed = it;
                        break;
                    }
                }
            }
        }
        posted.push(product.clone());
        Ok(WrittenDeposit { written, product, agreed, posted })
    }

    /// What a row did to a contract.
    async fn written<C: DeserializeOwned>(
        &self,
        of: InstitutionId,
        row: &Row,
        record: &RecordEntry,
    ) -> Result<Written<C>, Refusal> {
        let told = row.body.events.iter().filter(|it| it.subject == record.id);
        let told = told.map(|it| serde_json::from_str(it.body.get()));
        let events = told.collect::<Result<_, _>>().map_err(|_| Unexplained::NotTold("event"))?;
        let before = match (record.version, self.row_before(of, row).await?) {
            (1, _) | (_, None) => None,
            (_, Some(row)) => self.last_record(of, &row, &record.kind, record.id).await?,
        };
        let number = u32::try_from(record.version).unwrap_or(u32::MAX);
        Ok(Written { id: record.id, before, after: parse(record)?, events, number })
    }

    /// What had moved an account before a row: all that counts from before a day as one sum,
    /// since nothing is booked with such a value date any more.
    async fn moved_before(
        &self,
        of: InstitutionId,
        row: &Row,
        account: AccountId,
        (id, since): (Id<()>, Date),
    ) -> Result<Vec<Movement>, Refusal> {
        let mut moved = Vec::new();
        if let Ok(earlier) = since.yesterday() {
            let (debits, credits) = self.store().moved_through(of, account, earlier).await?;
            moved.push(Movement { amount: credits - debits, value_date: earlier });
        }
        let mut next = self.last_before(of, row, account, (id, since)).await?;
        while let Some(from) = next {
            let page = self.store().history(of, account, Some(from), PAGE_MAX).await?;
            for it in page.data.into_iter().map(|it| it.posted) {
                if it.booked_on < since {
                    return Ok(moved);
                }
                let Transfer { credit, amount, value_date, kind, .. } = it.transfer;
                if kind.posts() && value_date >= since {
                    let amount = if credit == account { amount } else { Amount::ZERO - amount };
                    moved.push(Movement { amount, value_date });
                }
            }
            if moved.len() > MOVEMENTS_MAX {
                return Err(Unexplained::NotTold("movements").into());
            }
            next = page.next;
        }
        Ok(moved)
    }

    /// The last transfer of an account before a row, if there was one in the interest period that
    /// was open then.
    async fn last_before(
        &self,
        of: InstitutionId,
        row: &Row,
        account: AccountId,
        (id, since): (Id<()>, Date),
    ) -> Result<Option<TransferId>, Refusal> {
        let transfers = row.log.transfers()?;
        for it in &transfers {
            if it.transfer.debit == account {
                return Ok(it.debit_previous);
            }
            if it.transfer.credit == account {
                return Ok(it.credit_previous);
            }
        }
        let mut read = self.row_before(of, row).await?;
        for _ in 0..ROWS_BACK_MAX {
            let Some(row) = read else { return Ok(None) };
            let moves = |it: &Transfer| [it.debit, it.credit].contains(&account);
            let transfers = row.log.transfers()?;
            if let Some(last) = transfers.iter().rev().find(|it| moves(&it.transfer)) {
                return Ok(Some(last.transfer.id));
            }
            if let Some(written) = row.records(CURRENT_ACCOUNTS.kind).find(|it| it.id == id) {
                let began = parse::<CurrentAccount>(written)?.since == since;
                if !began || written.version == 1 {
                    return Ok(None);
                }
            }
            read = self.row_before(of, &row).await?;
        }
        Err(Unexplained::NotTold("movements").into())
    }
}

impl WrittenDeposit {
    /// What a step explains under the first version of the posted rates that tells it as it was.
    fn each(
        &self,
        explain: impl Fn(&DepositStep<'_>) -> Result<Derivation, Unexplained>,
    ) -> Result<Derivation, Unexplained> {
        let Written { before, after, events, number, .. } = &self.written;
        first(&self.posted, |posted| {
            let terms = Terms { product: &*self.product, posted };
            let (before, agreed, number) = (before.as_ref(), &*self.agreed, *number);
            explain(&DepositStep { before, after, events, terms, agreed, number })
        })
    }
}

impl<C> Written<C> {
    /// Explains what a stop-payment holds and lets go; none for a transfer of another kind.
    fn kept_back(
        &self,
        transfer: &Transfer,
        currency: Currency,
        restraints: impl Fn(&C) -> &Restraints,
    ) -> Option<Result<Explanation, Refusal>> {
        let stop = match transfer.kind {
            TransferKind::Hold { .. } => transfer.id,
            TransferKind::Void(hold) => hold,
            _ => return None,
        };
        let none = Restraints::default();
        let before = self.before.as_ref().map_or(&none, &restraints);
        let both = (before, restraints(&self.after));
        let explained = kept_back(both, stop.cast(), currency, self.number);
        let explained = explained.and_then(|it| it.explaining(transfer.amount));
        Some(explained.map_err(Refusal::from).map(|derivation| Explanation {
            contract: self.id,
            event: transfer.reason.to_string(),
            amount_name: "amount".to_owned(),
            derivation,
        }))
    }
}

/// The explanation of the first amount that a transfer may have booked and that has one.
fn explained(
    contract: Id<()>,
    transfer: &Transfer,
    candidates: Vec<Candidate>,
    explain: impl Fn(BookedAmount<'_>) -> Result<Derivation, Unexplained>,
) -> Result<Explanation, Refusal> {
    let mut refused = Unexplained::Event(transfer.reason.to_string());
    for Candidate { event, name, amount } in candidates {
        match explain(BookedAmount { event, name: &name, amount }) {
            Ok(derivation) => {
                let (event, amount_name) = (event.to_owned(), name);
                return Ok(Explanation { contract, event, amount_name, derivation });
            }
            Err(reason) => refused = reason,
        }
    }
    Err(refused.into())
}

/// What the first version explains, or why the first one does not.
fn first<P>(
    versions: &[Arc<P>],
    explain: impl Fn(&P) -> Result<Derivation, Unexplained>,
) -> Result<Derivation, Unexplained> {
    let mut refused = None;
    for version in versions {
        match explain(version) {
            Ok(derivation) => return Ok(derivation),
            Err(reason) => refused = refused.or(Some(reason)),
        }
    }
    Err(refused.unwrap_or(Unexplained::NotTold("product version")))
}

/// That a contract books no such amount says less than why one of its own is not explained.
fn worse(one: Refusal, other: Refusal) -> Refusal {
    let says_less = matches!(other, Refusal::Unexplained(Unexplained::Event(_)));
    if says_less { one } else { other }
}
