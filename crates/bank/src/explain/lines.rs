//! How the transfers of accounts with statements came about.

use ledger::{InstitutionId, Transfer};
use lending::{
    cycle::{Account, Explaining, Fact, Position},
    explain::Moment,
};
use product::{derivation::Unexplained, kinds::revolving_credit};
use store::RecordEntry;

use super::{Explanation, Row, candidates, moment, parse};
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
        row.explained(id.cast(), transfer, candidates, |amount| explaining.booked(at, amount))
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
        for fact in &mut facts {
            let record = (LINE_FACTS.kind, fact_id(id, fact.number).cast());
            let then = |it: LineFact| it.fact.reversed_on;
            fact.reversed_on = self.reversed(of, row, record, fact.reversed_on, then).await?;
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
        Ok(moment(fact.number, fact.on, fact.booked_on, fact.reversed_on))
    }
}
