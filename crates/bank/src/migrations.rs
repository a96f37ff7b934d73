//! Moving loans to another version of their product: drafted with a table of before and after,
//! approved by somebody else, carried out loan by loan, rolled back.
//!
//! The draft is a record of the institution with a row for each loan; what became of a row is a
//! record in the lane of the loan, written in the commit that moves it. So a run may stop anywhere:
//! running it again does what is left, and nothing twice. A loan counts as moved on the business
//! date of the draft, whenever that is carried out; if its new plan is not the one in the table any
//! more, it stays where it is.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::{StreamExt, stream};
use lending::{Fact, Loan, Outcome, What};
use money::{Amount, Currency, Decimal};
use product::{LoanProduct, life::Status as ProductStatus, schedule::Instalment};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stdx::{Date, Digest, Id};
use store::{PAGE_MAX, Page, Stored, Versioned};

use crate::{
    Bank, Call, Caller, Done, Refusal, Right,
    days::LANES_AT_ONCE,
    institutions::institution_lane,
    loans::Found,
    packs,
    tables::{LOANS, LoanId, MIGRATION_RESULTS, MIGRATION_ROWS, MIGRATIONS, MigrationId, PartyId},
};

/// The most loans of one migration: its draft is one commit.
pub const MIGRATION_CONTRACTS_MAX: usize = 900;
/// The most loans of an institution that are looked through for those of a product.
pub const MIGRATION_LOANS_READ_MAX: usize = 200_000;

/// Which loans are to move where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftMigration {
    /// The product.
    pub product: String,
    /// The version they move to, which is published.
    pub to: u32,
    /// The versions they are under now; all others when empty.
    #[serde(default)]
    pub from: Vec<u32>,
    /// Which loans; all active ones when empty.
    #[serde(default)]
    pub loans: Vec<LoanId>,
    /// Of all active ones those after this: the draft before said where it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<LoanId>,
}

/// The moving of loans to another version of their product (存量合同迁移).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Migration {
    /// The product.
    pub product: String,
    /// The version they move to.
    pub to: u32,
    /// The business date from which it serves them.
    pub on: Date,
    /// Where the migration stands.
    pub status: MigrationStatus,
    /// Who drafted it.
    pub drafted_by: String,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// How many loans are in the table.
    pub loans: u32,
    /// How many of them cannot move.
    pub impossible: u32,
    /// How many are worse off in some way.
    pub harmed: u32,
    /// The clauses in which the versions differ, by their places in a product definition.
    pub clauses: BTreeSet<String>,
    /// The last loan that was looked at, when there are more than one migration takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<LoanId>,
}

/// Where a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationStatus {
    /// Somebody else is to approve it.
    Drafted,
    /// It may be carried out.
    Approved,
    /// Every loan was moved, or refused.
    Executed,
    /// Every loan that was moved is back.
    RolledBack,
}

impl MigrationStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Drafted, Self::Approved, Self::Executed, Self::RolledBack];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drafted => "drafted",
            Self::Approved => "approved",
            Self::Executed => "executed",
            Self::RolledBack => "rolled-back",
        }
    }
}

/// A line of the table: a loan before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MigrationRow {
    /// Of which migration.
    pub migration: MigrationId,
    /// Which loan.
    pub loan: LoanId,
    /// Whose.
    pub party: PartyId,
    /// The version it is under.
    pub from: u32,
    /// The currency of every amount.
    pub currency: Currency,
    /// As it is.
    pub before: Outlook,
    /// As it would be; nothing when it cannot move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Outlook>,
    /// Why it cannot move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<MigrationRefusal>,
    /// In which ways its borrower is worse off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub harms: Vec<Harm>,
    /// How many instalments were due.
    pub opened: u32,
    /// What the instalments after them would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Digest>,
}

/// What a borrower still has to expect of a loan. Amounts are in minor units, and of instalments
/// that are not due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outlook {
    /// The rate of a year, as a fraction.
    pub rate: Decimal,
    /// The rate of a year of what is late, as a fraction; none when being late costs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty_rate: Option<Decimal>,
    /// Days after a due date within which paying is not late.
    pub grace_days: u32,
    /// Whether it may be settled before the last due date.
    pub early_settlement: bool,
    /// How many instalments are not due.
    pub instalments: u32,
    /// When the next one is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Date>,
    /// What is due then.
    pub next_total: Amount,
    /// All their interest.
    pub interest: Amount,
    /// All their fees.
    pub fees: Amount,
    /// Principal, interest and fees of all of them.
    pub total: Amount,
    /// When the last one is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_due: Option<Date>,
}

/// Why a loan does not move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MigrationRefusal {
    /// The code.
    pub code: String,
    /// What it means, for people.
    pub why: String,
}

/// A way in which a borrower is worse off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Harm {
    /// All that is to be paid is more.
    CostsMore,
    /// Being late costs more.
    PenaltyRises,
    /// It is sooner late.
    GraceShorter,
    /// It could be settled early, and cannot be any more.
    EarlySettlementLost,
}

impl Harm {
    /// Every harm.
    pub const ALL: [Self; 4] =
        [Self::CostsMore, Self::PenaltyRises, Self::GraceShorter, Self::EarlySettlementLost];
}

/// What became of a line of the table, in the lane of its loan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MigrationResult {
    /// Of which migration.
    pub migration: MigrationId,
    /// Which loan.
    pub loan: LoanId,
    /// When, as a business date.
    pub on: Date,
    /// What.
    pub became: Became,
}

/// What became of a loan that was to move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "became", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Became {
    /// It is under the other version.
    Moved {
        /// The number of the fact.
        fact: u32,
        /// Why it could not be moved back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stays: Option<MigrationRefusal>,
    },
    /// It stayed.
    Refused(MigrationRefusal),
    /// It moved, and is back.
    RolledBack {
        /// The number of the fact that was taken back.
        fact: u32,
    },
}

/// A migration with its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migrated {
    /// Which.
    pub id: MigrationId,
    /// As it stands now.
    #[serde(flatten)]
    pub migration: Migration,
}

/// The answer to carrying a migration out, or rolling it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationRun {
    /// Which.
    pub id: MigrationId,
    /// Where it stands now.
    pub status: MigrationStatus,
    /// How many loans are under the other version by it.
    pub moved: u32,
    /// How many were refused.
    pub refused: u32,
    /// How many moved and are back.
    pub rolled_back: u32,
}

/// A line of the table with what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct MigrationLine {
    /// The line.
    pub row: MigrationRow,
    /// What became of it; nothing before it was carried out.
    pub result: Option<MigrationResult>,
}

/// The price of a fact that another version of a product asks for.
struct Target {
    number: u32,
    product: Arc<LoanProduct>,
    on: Date,
}

impl Bank {
    /// Draws up the table of a migration on the business date, for somebody else to approve.
    /// Nothing moves yet.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a version that is not published, or a loan;
    /// [`Refusal::OtherKind`]; [`Refusal::TooMany`] loans; [`Refusal::NothingToMove`].
    pub async fn draft_migration(
        &self,
        call: &Call,
        draft: &DraftMigration,
    ) -> Result<Done<Migrated>, Refusal> {
        call.caller.must(Right::DraftProducts)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let on = self.institution(&call.caller).await?.record.business_date;
            let target = self.target(&call.caller, &draft.product, draft.to, on).await?;
            let id: MigrationId = Id::new(call.now, &mut call.prng());
            let (loans, next) = self.chosen(&call.caller, draft).await?;
            let mut rows = Vec::with_capacity(loans.len());
            for loan in loans {
                rows.push(self.row(&call.caller, id, loan, &target).await?);
            }
            let mut clauses = BTreeSet::new();
            let from: BTreeSet<_> = rows.iter().map(|it| it.from).collect();
            for from in from {
                let from = self.pinned_product(&call.caller, &draft.product, from).await?.loan()?;
                let [from, to] = [&from, &target.product].map(|it| &it.definition().terms);
                differences("terms", from, to, &mut clauses);
            }
            let count = |which: fn(&MigrationRow) -> bool| {
                let found = rows.iter().filter(|it| which(it)).count();
                u32::try_from(found).unwrap_or(u32::MAX)
            };
            let migration = Migration {
                product: draft.product.clone(),
                to: draft.to,
                on,
                status: MigrationStatus::Drafted,
                drafted_by: call.caller.actor.clone(),
                approved_by: None,
                loans: count(|_| true),
                impossible: count(|it| it.refused.is_some()),
                harmed: count(|it| !it.harms.is_empty()),
                clauses,
                next,
            };
            let mut commit = call.commit("draft-migration", institution_lane(of), on);
            commit.put(&MIGRATIONS, id, 0, &migration);
            for row in &rows {
                commit.put(&MIGRATION_ROWS, row_id(id, row.loan), 0, row);
            }
            commit.tell("migration-drafted", id, &migration);
            commit.answer(&Migrated { id, migration });
            Ok(commit)
        })
        .await
    }

    /// Approves a migration that somebody else drafted.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::OwnPreparation`], [`Refusal::MigrationStands`].
    pub async fn approve_migration(
        &self,
        call: &Call,
        id: MigrationId,
    ) -> Result<Done<Migrated>, Refusal> {
        call.caller.must(Right::ReleaseProducts)?;
        let migration = self.need(&MIGRATIONS, call.caller.institution, id, "migration").await?;
        let Migration { product, to, on, .. } = &migration.record;
        self.target(&call.caller, product, *to, *on).await?;
        let actor = &call.caller.actor;
        self.step_migration(call, "approve-migration", "migration-approved", id, |before| {
            if before.status != MigrationStatus::Drafted {
                return Err(Refusal::MigrationStands(before.status));
            }
            if before.drafted_by == *actor {
                return Err(Refusal::OwnPreparation);
            }
            let status = MigrationStatus::Approved;
            Ok(Migration { status, approved_by: Some(actor.clone()), ..before })
        })
        .await
    }

    /// Moves the loans of an approved migration, each in a commit of its own. What a run before
    /// this one did is not done again.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::MigrationStands`]; [`Refusal::Busy`] and
    /// [`Refusal::Store`], after which it is to be run again.
    pub async fn execute_migration(
        &self,
        call: &Call,
        id: MigrationId,
    ) -> Result<Done<MigrationRun>, Refusal> {
        call.caller.must(Right::ReleaseProducts)?;
        if let Some(before) = self.first_answer(call).await? {
            return Ok(before);
        }
        let migration = self.need(&MIGRATIONS, call.caller.institution, id, "migration").await?;
        let Migration { product, to, on, status, .. } = &migration.record;
        if *status != MigrationStatus::Approved {
            return Err(Refusal::MigrationStands(*status));
        }
        let target = &self.target(&call.caller, product, *to, *on).await?;
        self.each_row(call, id, |row| async move {
            let call = call.within(format!("migrate/{id}/{}", row.loan));
            self.move_one(&call, &row, target).await
        })
        .await?;
        self.close_run(call, "execute-migration", id, MigrationStatus::Executed).await
    }

    /// Takes a migration back: each loan it moved is what it would be had it never moved. Loans
    /// that cannot go back any more (charged off, sold, or moved on since) stay, and the migration
    /// with them.
    ///
    /// # Errors
    /// As [`Bank::execute_migration`].
    pub async fn roll_back_migration(
        &self,
        call: &Call,
        id: MigrationId,
    ) -> Result<Done<MigrationRun>, Refusal> {
        call.caller.must(Right::ReleaseProducts)?;
        if let Some(before) = self.first_answer(call).await? {
            return Ok(before);
        }
        let migration = self.need(&MIGRATIONS, call.caller.institution, id, "migration").await?;
        let status = migration.record.status;
        if status != MigrationStatus::Executed {
            return Err(Refusal::MigrationStands(status));
        }
        self.each_row(call, id, |row| async move { self.move_one_back(call, &row).await }).await?;
        self.close_run(call, "roll-back-migration", id, MigrationStatus::RolledBack).await
    }

    /// A migration.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn migration(
        &self,
        caller: &Caller,
        id: MigrationId,
    ) -> Result<Versioned<Migration>, Refusal> {
        caller.must(Right::Read)?;
        self.need(&MIGRATIONS, caller.institution, id, "migration").await
    }

    /// Migrations, oldest first.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn migrations(
        &self,
        caller: &Caller,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Page<Migrated, Id<()>>, Refusal> {
        caller.must(Right::Read)?;
        let page = self.store().list(&MIGRATIONS, caller.institution, after, limit).await?;
        let shown = |(id, it): Stored<Migration>| Migrated { id: id.cast(), migration: it.record };
        Ok(Page { data: page.data.into_iter().map(shown).collect(), next: page.next })
    }

    /// The table of a migration, a page of it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn migration_lines(
        &self,
        caller: &Caller,
        id: MigrationId,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Page<MigrationLine, Id<()>>, Refusal> {
        caller.must(Right::Read)?;
        let of = caller.institution;
        self.need(&MIGRATIONS, of, id, "migration").await?;
        let link = ("migration", &*id.to_string());
        let page = self.store().find(&MIGRATION_ROWS, of, link, after, limit).await?;
        let mut data = Vec::with_capacity(page.data.len());
        for (_, row) in page.data {
            let result = result_id(id, row.record.loan);
            let result = self.store().get(&MIGRATION_RESULTS, of, result).await?;
            data.push(MigrationLine { row: row.record, result: result.map(|it| it.record) });
        }
        Ok(Page { data, next: page.next })
    }

    /// The loans a draft is about, and the last one that was looked at when there may be more.
    async fn chosen(
        &self,
        caller: &Caller,
        draft: &DraftMigration,
    ) -> Result<(Vec<Stored<Loan>>, Option<LoanId>), Refusal> {
        let of = caller.institution;
        let max = MIGRATION_CONTRACTS_MAX;
        let mut chosen = Vec::new();
        if !draft.loans.is_empty() {
            let ids: BTreeSet<_> = draft.loans.iter().copied().collect();
            if ids.len() > max {
                return Err(Refusal::TooMany("MIGRATION_CONTRACTS_MAX", max));
            }
            for id in ids {
                let loan = self.need(&LOANS, of, id, "loan").await?;
                if loan.record.product != draft.product {
                    return Err(Refusal::NotFound("loan of this product"));
                }
                chosen.push((id.cast(), loan));
            }
            return Ok((chosen, None));
        }
        let wanted = |loan: &Loan| {
            let from = draft.from.is_empty() || draft.from.contains(&loan.version);
            loan.status == lending::Status::Active && loan.version != draft.to && from
        };
        let link = ("product", &*draft.product);
        let (mut after, mut read) = (draft.after.map(Id::cast), 0);
        while read < MIGRATION_LOANS_READ_MAX {
            let page = self.store().find(&LOANS, of, link, after, PAGE_MAX).await?;
            read += page.data.len();
            for (id, loan) in page.data {
                if !wanted(&loan.record) {
                    continue;
                }
                if chosen.len() == max {
                    return Ok((chosen, after.map(Id::cast)));
                }
                after = Some(id);
                chosen.push((id, loan));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        match after {
            None if chosen.is_empty() => Err(Refusal::NothingToMove),
            Some(_) if chosen.is_empty() => {
                Err(Refusal::TooMany("MIGRATION_LOANS_READ_MAX", MIGRATION_LOANS_READ_MAX))
            }
            _ => Ok((chosen, after.map(Id::cast))),
        }
    }

    /// The version that loans are to move to, which is published and keeps the rules of today.
    async fn target(
        &self,
        caller: &Caller,
        name: &str,
        number: u32,
        on: Date,
    ) -> Result<Target, Refusal> {
        let version = self.product(caller, name, number).await?.record;
        if version.status != ProductStatus::Published {
            return Err(Refusal::NotFound("published product version"));
        }
        let today = self.institution(caller).await?.record.business_date;
        let broken = packs::problems(&version.definition, today);
        if !broken.is_empty() {
            return Err(Refusal::Definition(broken));
        }
        let product = self.pinned_product(caller, name, number).await?.loan()?;
        Ok(Target { number, product, on })
    }

    /// The line of a loan.
    async fn row(
        &self,
        caller: &Caller,
        migration: MigrationId,
        (id, loan): Stored<Loan>,
        target: &Target,
    ) -> Result<MigrationRow, Refusal> {
        let mut found = self.find_loan(caller, id.cast()).await?;
        found.others.push(Arc::clone(&target.product));
        // A loan is ahead of its institution while a day is being closed.
        let facts = match found.business_date() == target.on {
            true => Vec::new(),
            false => self.all_facts(caller.institution, id.cast()).await?,
        };
        let loan = &loan.record;
        let position = found.position.as_ref().map(|it| &it.record);
        let opened = position.map_or(0, |it| it.opened);
        let before = Outlook::of(loan, opened);
        let mut row = MigrationRow {
            migration,
            loan: id.cast(),
            party: loan.borrower.cast(),
            from: loan.version,
            currency: loan.currency,
            before,
            after: None,
            refused: None,
            harms: Vec::new(),
            opened,
            plan: None,
        };
        match found.move_to(target, &facts) {
            Ok(outcome) => {
                let moved = outcome.loan.as_ref().unwrap_or(loan);
                let after = Outlook::of(moved, opened);
                row.harms = row.before.harms(&after);
                row.plan = Some(digest(rest(moved, opened)));
                row.after = Some(after);
            }
            Err(Refusal::Lending(reject)) => row.refused = Some(refusal(&reject)),
            Err(refusal) => return Err(refusal),
        }
        Ok(row)
    }

    /// Does something with each line of a table, lanes at the same time.
    async fn each_row<F>(
        &self,
        call: &Call,
        id: MigrationId,
        run: impl Fn(MigrationRow) -> F,
    ) -> Result<(), Refusal>
    where
        F: Future<Output = Result<(), Refusal>>,
    {
        let (link, of) = (id.to_string(), call.caller.institution);
        let mut after = None;
        loop {
            let link = ("migration", &*link);
            let page = self.store().find(&MIGRATION_ROWS, of, link, after, PAGE_MAX).await?;
            let runs = page.data.into_iter().map(|(_, row)| run(row.record));
            let mut runs = stream::iter(runs).buffer_unordered(LANES_AT_ONCE);
            while let Some(done) = runs.next().await {
                done?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Moves the loan of a line, or notes why it stays.
    async fn move_one(
        &self,
        call: &Call,
        row: &MigrationRow,
        target: &Target,
    ) -> Result<(), Refusal> {
        let of = call.caller.institution;
        let result = result_id(row.migration, row.loan);
        if self.store().get(&MIGRATION_RESULTS, of, result).await?.is_some() {
            return Ok(());
        }
        let done = self.carry_out::<Became, _>(call, move || async move {
            let mut found = self.find_loan(&call.caller, row.loan).await?;
            found.others.push(Arc::clone(&target.product));
            let facts = self.all_facts(of, row.loan).await?;
            let moved = row.check_due(&found).and_then(|()| found.move_to(target, &facts));
            let moved = moved.and_then(|outcome| row.check(outcome));
            let (outcome, became) = match moved {
                Ok(outcome) => {
                    let fact = outcome.facts.first().map_or(0, |it| it.number);
                    (Some(outcome), Became::Moved { fact, stays: None })
                }
                Err(Refusal::Lending(reject)) => (None, Became::Refused(refusal(&reject))),
                Err(Refusal::Changed) => (None, Became::Refused(changed())),
                Err(refusal) => return Err(refusal),
            };
            let on = found.business_date();
            let mut commit = call.commit("migrate-loan", found.loan.lane, on);
            if let Some(outcome) = &outcome {
                found.record(call, &mut commit, outcome);
            }
            let (migration, loan) = (row.migration, row.loan);
            let kept = MigrationResult { migration, loan, on, became };
            commit.put(&MIGRATION_RESULTS, result, 0, &kept);
            commit.answer(&kept.became);
            Ok(commit)
        });
        done.await.map(|_| ())
    }

    /// Moves the loan of a line back, if it moved, or notes why it stays.
    async fn move_one_back(&self, call: &Call, row: &MigrationRow) -> Result<(), Refusal> {
        let of = call.caller.institution;
        let id = result_id(row.migration, row.loan);
        let moved = |it: &Versioned<MigrationResult>| match it.record.became {
            Became::Moved { fact, .. } => Some(fact),
            Became::Refused(_) | Became::RolledBack { .. } => None,
        };
        let before = self.store().get(&MIGRATION_RESULTS, of, id).await?;
        let Some(before) = before.filter(|it| moved(it).is_some()) else { return Ok(()) };
        // What stayed once may be able to go back later.
        let key = format!("roll-back/{}/{}/{}", row.migration, row.loan, before.version);
        let call = &call.within(key);
        let done = self.carry_out::<Became, _>(call, move || async move {
            let before = self.need(&MIGRATION_RESULTS, of, id, "result").await?;
            let fact = moved(&before).ok_or(Refusal::Busy)?;
            let found = self.find_loan(&call.caller, row.loan).await?;
            let facts = self.all_facts(of, row.loan).await?;
            let (outcome, became) = match found.history(&facts)?.reverse(fact) {
                Ok(outcome) => (Some(outcome), Became::RolledBack { fact }),
                Err(reject) => (None, Became::Moved { fact, stays: Some(refusal(&reject)) }),
            };
            let on = found.business_date();
            let mut commit = call.commit("roll-back-loan", found.loan.lane, on);
            if let Some(outcome) = &outcome {
                found.record(call, &mut commit, outcome);
            }
            let kept = MigrationResult { on, became, ..before.record };
            commit.put(&MIGRATION_RESULTS, id, before.version, &kept);
            commit.answer(&kept.became);
            Ok(commit)
        });
        done.await.map(|_| ())
    }

    /// Ends a run: counts what became of the lines, and moves the migration on if it is done.
    async fn close_run(
        &self,
        call: &Call,
        command: &'static str,
        id: MigrationId,
        done: MigrationStatus,
    ) -> Result<Done<MigrationRun>, Refusal> {
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let today = self.institution(&call.caller).await?.record.business_date;
            let before = self.need(&MIGRATIONS, of, id, "migration").await?;
            let status = before.record.status;
            let mut run = MigrationRun { id, status, moved: 0, refused: 0, rolled_back: 0 };
            let (link, mut after) = (id.to_string(), None);
            loop {
                let link = ("migration", &*link);
                let page = self.store().find(&MIGRATION_RESULTS, of, link, after, PAGE_MAX).await?;
                for (_, result) in page.data {
                    let count = match result.record.became {
                        Became::Moved { .. } => &mut run.moved,
                        Became::Refused(_) => &mut run.refused,
                        Became::RolledBack { .. } => &mut run.rolled_back,
                    };
                    *count = count.saturating_add(1);
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            let mut commit = call.commit(command, institution_lane(of), today);
            let follows = match done {
                MigrationStatus::Executed => status == MigrationStatus::Approved,
                // Loans that cannot go back leave the migration executed.
                _ => status == MigrationStatus::Executed && run.moved == 0,
            };
            if follows {
                run.status = done;
                let migration = Migration { status: done, ..before.record };
                commit.put(&MIGRATIONS, id, before.version, &migration);
            }
            commit.tell(run_event(done), id, &run);
            commit.answer(&run);
            Ok(commit)
        })
        .await
    }

    async fn step_migration(
        &self,
        call: &Call,
        command: &'static str,
        event: &'static str,
        id: MigrationId,
        step: impl Fn(Migration) -> Result<Migration, Refusal>,
    ) -> Result<Done<Migrated>, Refusal> {
        let (of, step) = (call.caller.institution, &step);
        self.carry_out(call, move || async move {
            let today = self.institution(&call.caller).await?.record.business_date;
            let before = self.need(&MIGRATIONS, of, id, "migration").await?;
            let migration = step(before.record)?;
            let mut commit = call.commit(command, institution_lane(of), today);
            commit.put(&MIGRATIONS, id, before.version, &migration);
            commit.tell(event, id, &migration);
            commit.answer(&Migrated { id, migration });
            Ok(commit)
        })
        .await
    }
}

impl Found {
    /// What moving the loan would do, from the business date of the migration on.
    fn move_to(&self, target: &Target, facts: &[Fact]) -> Result<Outcome, Refusal> {
        let (loan, position) = self.active()?;
        let rate = target.product.rate(crate::loans::reference(&target.product, target.on));
        let rate = rate.map_err(lending::Reject::ScheduleImpossible)?;
        let what = What::Migration { version: target.number, rate };
        let today = self.business_date();
        if target.on == today {
            return Ok(lending::happen(loan, position, self.rules(), what, today)?);
        }
        Ok(self.history(facts)?.book_late(what, target.on)?)
    }
}

impl MigrationRow {
    /// Refuses a loan of which an instalment became due since: what was asked of its borrower, and
    /// may be paid, does not change afterwards.
    fn check_due(&self, found: &Found) -> Result<(), Refusal> {
        let (_, position) = found.active()?;
        if position.opened == self.opened { Ok(()) } else { Err(Refusal::Changed) }
    }

    /// Refuses an outcome whose plan is not the one of the table.
    fn check(&self, outcome: Outcome) -> Result<Outcome, Refusal> {
        let plan = outcome.loan.as_ref().map(|it| digest(rest(it, self.opened)));
        if plan.is_some() && plan == self.plan { Ok(outcome) } else { Err(Refusal::Changed) }
    }
}

impl Outlook {
    /// What the instalments after the first `opened` ask for.
    fn of(loan: &Loan, opened: u32) -> Self {
        let rest = rest(loan, opened);
        let penalty = loan.terms.penalty.as_ref();
        let sum = |part: fn(&Instalment) -> Amount| rest.iter().map(part).sum();
        Self {
            rate: loan.schedule.rate,
            penalty_rate: penalty.map(|it| it.rate_at(loan.schedule.rate)),
            grace_days: penalty.map_or(0, |it| it.grace_days),
            early_settlement: loan.terms.early_settlement,
            instalments: u32::try_from(rest.len()).unwrap_or(u32::MAX),
            next_due: rest.first().map(|it| it.due),
            next_total: rest.first().map_or(Amount::ZERO, Instalment::total),
            interest: sum(|it| it.interest),
            fees: sum(|it| it.fees),
            total: sum(Instalment::total),
            last_due: rest.last().map(|it| it.due),
        }
    }

    /// In which ways another outlook is worse.
    fn harms(&self, after: &Self) -> Vec<Harm> {
        let penalty = |it: &Self| it.penalty_rate.unwrap_or_default();
        let late = |it: &Self| it.penalty_rate.map(|_| it.grace_days);
        let shorter = match (late(self), late(after)) {
            (Some(before), Some(after)) => after < before,
            _ => false,
        };
        let lost = self.early_settlement && !after.early_settlement;
        let found = [after.total > self.total, penalty(after) > penalty(self), shorter, lost];
        let found = Harm::ALL.into_iter().zip(found);
        found.filter(|(_, it)| *it).map(|(harm, _)| harm).collect()
    }
}

fn rest(loan: &Loan, opened: u32) -> &[Instalment] {
    loan.plan.get(opened as usize..).unwrap_or_default()
}

fn digest(instalments: &[Instalment]) -> Digest {
    let json = serde_json::to_vec(instalments).expect("instalments are plain data");
    Digest::of(&[&json])
}

fn refusal(reject: &lending::Reject) -> MigrationRefusal {
    MigrationRefusal { code: reject.code().to_owned(), why: reject.to_string() }
}

/// The places at which two terms of a product differ.
fn differences(place: &str, before: &Value, after: &Value, found: &mut BTreeSet<String>) {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        if before != after {
            found.insert(place.to_owned());
        }
        return;
    };
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let [before, after] = [before, after].map(|it| it.get(key).unwrap_or(&Value::Null));
        differences(&format!("{place}.{key}"), before, after, found);
    }
}

/// The loan is not the one in the table any more.
fn changed() -> MigrationRefusal {
    let why = "the new plan is not the one that was approved; draft it again".to_owned();
    MigrationRefusal { code: "changed".to_owned(), why }
}

fn run_event(done: MigrationStatus) -> &'static str {
    match done {
        MigrationStatus::RolledBack => "migration-rolled-back",
        _ => "migration-executed",
    }
}

/// The lines of a migration lie together.
fn row_id(migration: MigrationId, loan: LoanId) -> Id<MigrationRow> {
    Id::derived_beside(migration.cast::<()>(), &[loan.as_bytes()])
}

/// What became of a line lies beside the loan.
fn result_id(migration: MigrationId, loan: LoanId) -> Id<MigrationResult> {
    Id::derived_beside(loan.cast::<()>(), &[b"migration", migration.as_bytes()])
}
