//! How the transfers of accounts with statements came about.

use ledger::{InstitutionId, Transfer};
use lending::{
    cycle::{Account, Explaining, Fact, Position},
    explain::{BookedAmount, Moment},
};
use product::{derivation::Unexplained, kinds::revolving_credit};
use stdx::Id;
use store::RecordEntry;

use super::{Candidate, Explanation, Row, alike_before, candidates, parse};
use crate::{
    Bank, Caller, Refusal,
    books::Books,
    days::CLOSE_LINE_ACCOUNT_DAY,
    line_accounts::fact_id,
    tables::{LINE_ACCOUNTS, LINE_FACTS, LINE_POSITIONS, LineFact, LineId},
};

impl Bank {
    /// Explains a transfer by the accounts with statements that its row moved.
    pub(super) async fn explain_line_transfer(
        &self,
        caller: &Caller,
        row: &Row,
        transfer: &Transfer,
        mut refused: Refusal,
    ) -> Result<Explanation, Refusal> {
        for position in row.records(LINE_POSITIONS.kind) {
            match self.explain_of_line(caller, row, transfer, position).await {
                Err(refusal @ Refusal::Unexplained(_)) => refused = refusal,
                explained => return explained,
            }
        }
        Err(refused)
    }

    async fn explain_of_line(
        &self,
        caller: &Caller,
        row: &Row,
        transfer: &Transfer,
        record: &RecordEntry,
    ) -> Result<Explanation, Refusal> {
        let (of, id): (_, LineId) = (caller.institution, record.id.cast());
        let institution = self.institution(caller).await?.record;
        let account: Account = self.need(&LINE_ACCOUNTS, of, id, "account").await?.record;
        let (name, version) = (&account.product, account.version);
        let product = self.pinned_product(caller, name, version).await?.revolving()?;
        let facts = self.known_of_line(of, row, id, &parse(record)?).await?;
        let explaining = Explaining {
            account: &account,
            facts: &facts,
            statements: &self.all_line_statements(of, id).await?,
            product: product.definition(),
            calendar: institution.calendar(),
        };
        let at = row.moment_of_line(id)?;
        let books = Books {
            accounting: product.accounting(),
            currency: account.currency,
            contract: id.cast(),
            limited: None,
        };
        let candidates = candidates(&revolving_credit::KIND, &books, row.log.lane, transfer);
        let mut before = alike_before(&row.log.transfers()?, transfer);
        let mut found = None;
        let mut refused = Unexplained::Event(transfer.reason.to_string());
        'all: for Candidate { event, name, amount } in candidates {
            for place in 0.. {
                match explaining.booked(at, BookedAmount { event, name: &name, amount, place }) {
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
        let event = event.to_owned();
        Ok(Explanation { contract: id.cast(), event, amount_name, derivation })
    }

    /// The facts of an account as they were known after a commit.
    async fn known_of_line(
        &self,
        of: InstitutionId,
        row: &Row,
        id: LineId,
        position: &Position,
    ) -> Result<Vec<Fact>, Refusal> {
        let mut facts = self.all_line_facts(of, id).await?;
        facts.retain(|it| it.number < position.facts);
        let today = row.body.today;
        for fact in &mut facts {
            let Some(on) = fact.reversed_on.filter(|on| *on >= today) else { continue };
            // On the day itself it counts which came first.
            let record: Id<()> = fact_id(id, fact.number).cast();
            let last = match on == today {
                true => self.last_record::<LineFact>(of, row, LINE_FACTS.kind, record).await?,
                false => None,
            };
            fact.reversed_on = last.and_then(|it| it.fact.reversed_on);
        }
        Ok(facts)
    }
}

impl Row {
    /// When an account was moved: at the end of a day, or by something that happened.
    fn moment_of_line(&self, id: LineId) -> Result<Moment, Refusal> {
        if self.log.command == CLOSE_LINE_ACCOUNT_DAY {
            return Ok(Moment::Day(self.body.today));
        }
        let facts: Vec<LineFact> =
            self.records(LINE_FACTS.kind).map(parse).collect::<Result<_, _>>()?;
        let fact = facts.into_iter().find(|it| it.line == id);
        let fact = fact.ok_or(Unexplained::NotTold("fact"))?.fact;
        let late = fact.reversed_on.is_some() || fact.on < fact.booked_on;
        let number = fact.number;
        // Booked late, it counts up to the day on which the account stood.
        let on = fact.reversed_on.unwrap_or(fact.booked_on);
        Ok(if late { Moment::Correction(number, on) } else { Moment::Fact(number) })
    }
}
