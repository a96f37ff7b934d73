//! The records there are, and what finds them.

use deposits::{CurrentAccount, TermDeposit};
use ledger::{InstitutionId, LaneId};
use lending::{
    Application, Dunning, Fact, Line, Loan, Position, Proposal, Status, cycle, line::LineOffer,
    loan::Borrower, proposal::Stage, security::Security,
};
use party::Party;
use product::life::ProductVersion;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use stdx::{Id, Timestamp};
use store::{PAGE_MAX, Stored, Table, Versioned};

use crate::{
    Bank, Refusal,
    classification::Grade,
    institutions::{ChartInUse, Institution},
    keys::ApiKey,
    migrations::{Migration, MigrationResult, MigrationRow},
    periods::YearCloses,
};

/// Names a loan contract.
pub type LoanId = Id<Loan>;
/// Names an application.
pub type ApplicationId = Id<Application>;
/// Names a credit line.
pub type LineId = Id<Line>;
/// Names an application for a line.
pub type LineApplicationId = Id<Application<LineOffer>>;
/// Names a party.
pub type PartyId = Id<Party>;
/// Something that happened to a loan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoanFact {
    /// To which.
    pub loan: LoanId,
    /// What.
    #[serde(flatten)]
    pub fact: Fact,
}

/// Something that somebody proposed for a loan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoanProposal {
    /// For which.
    pub loan: LoanId,
    /// What, and where it stands.
    pub proposal: Proposal,
}

/// Names a proposal.
pub type ProposalId = Id<LoanProposal>;

/// Names something that stands behind loans.
pub type SecurityId = Id<Security>;

/// Something that happened to the account of a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineFact {
    /// Of which line.
    pub line: LineId,
    /// What.
    #[serde(flatten)]
    pub fact: cycle::Fact,
}

/// A statement of the account of a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineStatement {
    /// Of which line.
    pub line: LineId,
    /// Itself.
    pub statement: cycle::Statement,
}

/// Names a migration.
pub type MigrationId = Id<Migration>;

/// Names a current account contract.
pub type CurrentAccountId = Id<CurrentAccount>;

/// Names a term deposit contract.
pub type TermDepositId = Id<TermDeposit>;

/// Everything the platform itself keeps: the institutions there are and their API keys.
pub const PLATFORM: InstitutionId = InstitutionId::NIL;

/// An institution in the platform's directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Institutions, in the platform's directory.
pub const TENANTS: Table<Tenant> = Table::new("tenant", |_| Vec::new());
/// API keys, in the platform's directory.
pub const API_KEYS: Table<ApiKey> =
    Table::new("api-key", |key| vec![("institution", key.institution.to_string())]);
/// The institution itself: one record, under its own id.
pub const INSTITUTIONS: Table<Institution> = Table::new("institution", |_| Vec::new());
/// Its chart of accounts, under the institution's id.
pub const CHARTS: Table<ChartInUse> = Table::new("chart", |_| Vec::new());
/// The closes of its years, under the institution's id.
pub const YEAR_CLOSES: Table<YearCloses> = Table::new("year-closes", |_| Vec::new());
/// Product versions, by product.
pub const PRODUCTS: Table<ProductVersion> =
    Table::new("product", |it| vec![("product", it.definition.product.clone())]);
/// Parties, by the blind indexes of their numbers.
pub const PARTIES: Table<Party> = Table::new("party", |party| {
    let index = party.index.iter();
    let links = index.flat_map(|it| [("id-number", it.id_number), ("mobile", it.mobile)]);
    links.map(|(name, digest)| (name, digest.to_string())).collect()
});
/// Which party has an identity number: one record for each number, under an id that follows from
/// its blind index.
pub const CLAIMS: Table<PartyId> = Table::new("party-claim", |_| Vec::new());
/// Applications, by borrower.
pub const APPLICATIONS: Table<Application> =
    Table::new("application", |it| vec![("borrower", it.borrower.to_string())]);
/// Loan contracts, by borrower; those on which something may be owed also by debtor, by product,
/// and by the line they were drawn on.
pub const LOANS: Table<Loan> = Table::new("loan", |loan| {
    let borrower = loan.borrower.to_string();
    if matches!(loan.status, Status::Settled | Status::Sold) {
        return vec![("borrower", borrower)];
    }
    let line = loan.line.map(|it| ("line", it.to_string()));
    let product = loan.product.clone();
    let links = [("borrower", borrower.clone()), ("debtor", borrower), ("product", product)];
    links.into_iter().chain(line).collect()
});
/// Applications for lines, by borrower.
pub const LINE_APPLICATIONS: Table<Application<LineOffer>> =
    Table::new("line-application", |it| vec![("borrower", it.borrower.to_string())]);
/// Credit lines, by borrower.
pub const LINES: Table<Line> = Table::new("line", |it| vec![("borrower", it.borrower.to_string())]);
/// The accounts of lines with statements, under the line's id.
pub const LINE_ACCOUNTS: Table<cycle::Account> = Table::new("line-account", |_| Vec::new());
/// What is owed on them, under the line's id.
pub const LINE_POSITIONS: Table<cycle::Position> = Table::new("line-position", |_| Vec::new());
/// What happened to them, by line.
pub const LINE_FACTS: Table<LineFact> =
    Table::new("line-fact", |it| vec![("line", it.line.to_string())]);
/// Their statements, by line.
pub const LINE_STATEMENTS: Table<LineStatement> =
    Table::new("line-statement", |it| vec![("line", it.line.to_string())]);
/// What happened to loans, by loan.
pub const LOAN_FACTS: Table<LoanFact> =
    Table::new("loan-fact", |it| vec![("loan", it.loan.to_string())]);
/// What somebody proposed for loans, by loan and by stage; those that wait, by loan once more.
pub const PROPOSALS: Table<LoanProposal> = Table::new("loan-proposal", |it| {
    let (loan, stage) = (it.loan.to_string(), it.proposal.stage);
    let open = (stage == Stage::Open).then(|| ("open", loan.clone()));
    [("loan", loan), ("stage", stage.name().to_owned())].into_iter().chain(open).collect()
});
/// What stands behind loans, by loan.
pub const SECURITIES: Table<Security> = Table::new("loan-security", |it| {
    it.loans().into_iter().map(|loan| ("loan", loan.to_string())).collect()
});
/// The dunning of loans, under the loan's id: those that were dunned in their present arrears, and
/// by the last step.
pub const DUNNINGS: Table<Dunning> = Table::new("loan-dunning", |it| {
    let links = it.step().map(|last| [("dunned", "yes".to_owned()), ("step", last.step.clone())]);
    links.into_iter().flatten().collect()
});
/// The categories of loans, under the loan's id.
pub const GRADES: Table<Grade> = Table::new("loan-grade", |_| Vec::new());
/// The categories of the accounts of lines, under the line's id.
pub const LINE_GRADES: Table<Grade> = Table::new("line-grade", |_| Vec::new());
/// Migrations of loans to another version of their product.
pub const MIGRATIONS: Table<Migration> = Table::new("migration", |_| Vec::new());
/// Their tables, by migration.
pub const MIGRATION_ROWS: Table<MigrationRow> =
    Table::new("migration-row", |it| vec![("migration", it.migration.to_string())]);
/// What became of the lines of their tables, by migration; in the lane of the loan.
pub const MIGRATION_RESULTS: Table<MigrationResult> =
    Table::new("migration-result", |it| vec![("migration", it.migration.to_string())]);
/// What is owed on a loan, under the loan's id.
pub const POSITIONS: Table<Position> = Table::new("position", |_| Vec::new());
/// Current accounts, by holder.
pub const CURRENT_ACCOUNTS: Table<CurrentAccount> =
    Table::new("current-account", |it| vec![("holder", it.holder.to_string())]);
/// Term deposits, by holder.
pub const TERM_DEPOSITS: Table<TermDeposit> =
    Table::new("term-deposit", |it| vec![("holder", it.holder.to_string())]);

/// The lane of a party: it and all its contracts.
pub fn party_lane(party: PartyId) -> LaneId {
    party.cast()
}

/// The party a loan is lent to.
pub fn borrower(party: PartyId) -> Id<Borrower> {
    party.cast()
}

impl Bank {
    /// A record that must be there.
    pub(crate) async fn need<T, I>(
        &self,
        table: &Table<T>,
        of: InstitutionId,
        id: Id<I>,
        what: &'static str,
    ) -> Result<Versioned<T>, Refusal>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        self.store().get(table, of, id).await?.ok_or(Refusal::NotFound(what))
    }

    /// All records that a link finds, oldest first: for links that find no more than a contract
    /// may have.
    pub(crate) async fn linked<T>(
        &self,
        table: &Table<T>,
        of: InstitutionId,
        link: (&str, &str),
    ) -> Result<Vec<Stored<T>>, Refusal>
    where
        T: Serialize + DeserializeOwned,
    {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.store().find(table, of, link, after, PAGE_MAX).await?;
            all.extend(page.data);
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }
}
