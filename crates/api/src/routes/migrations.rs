//! Moving loans to another version of their product: draft, table, approval, execution, rollback.

use std::collections::BTreeSet;

use axum::extract::State;
use bank::{
    migrations::{
        Became, DraftMigration, Harm, Migrated, MigrationLine, MigrationRefusal, MigrationRun,
        MigrationStatus, Outlook,
    },
    tables::MigrationId,
};
use money::Currency;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    ITEMS_MAX,
    answer::{Answer, PageView, created, done, ok, page},
    problem::{ApiError, Fault},
    request::{Asked, At, By, Command, Json, Nothing, PageOf},
    router::Api,
    schema,
    wire::{Day, Iso, Major, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(draft, list))
        .routes(routes!(get))
        .routes(routes!(contracts))
        .routes(routes!(approve))
        .routes(routes!(execute))
        .routes(routes!(roll_back))
}

/// Which loans are to move where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "product": "pay-in-3", "to": 2, "from": [1] }))]
struct NewMigration {
    /// The product.
    product: String,
    /// The version they move to, which is published.
    to: u32,
    /// The versions they are under now; all others when absent.
    #[serde(default)]
    from: Vec<u32>,
    /// Which loans, at most 900; the first 900 active ones of those versions when absent.
    #[serde(default)]
    contracts: Vec<Name>,
    /// Of the active ones those after this loan: the `next` of the draft before.
    after: Option<Name>,
}

/// The moving of loans to another version of their product (存量合同迁移).
#[derive(Serialize, ToSchema)]
#[schema(as = Migration)]
struct MigrationBody {
    id: Name,
    /// The product.
    product: String,
    /// The version they move to.
    to: u32,
    /// The business date from which it serves them.
    on: Day,
    /// Where the migration stands.
    #[schema(value_type = schema::MigrationStatus)]
    status: MigrationStatus,
    /// Who drafted it.
    drafted_by: String,
    /// Who approved it.
    approved_by: Option<String>,
    /// How many loans are in the table.
    contracts: u32,
    /// How many of them cannot move.
    impossible: u32,
    /// How many borrowers are worse off in some way: look at these before approving.
    harmed: u32,
    /// The clauses in which the versions differ, by their places in a product definition.
    #[schema(example = json!(["terms.interest.rate"]))]
    clauses: BTreeSet<String>,
    /// When there are more loans than a migration takes: the last one that was looked at, to be
    /// sent as `after` with the next draft. Null when there are not.
    next: Option<Name>,
}

/// A loan before and after.
#[derive(Serialize, ToSchema)]
#[schema(as = MigrationContract)]
struct ContractBody {
    /// The loan.
    loan: Name,
    /// Its borrower.
    party: Name,
    /// The version it is under.
    from: u32,
    /// The currency of every amount.
    currency: Iso,
    /// As it is.
    before: OutlookBody,
    /// As it would be; null when it cannot move.
    after: Option<OutlookBody>,
    /// By how much all that is to be paid would be more; less when negative. Null when it cannot
    /// move.
    difference: Option<Major>,
    /// In which ways its borrower is worse off.
    #[schema(value_type = Vec<schema::Harm>)]
    harms: Vec<Harm>,
    /// Why it cannot move.
    impossible: Option<RefusalBody>,
    /// What became of it; null before the migration is carried out.
    result: Option<ResultBody>,
}

/// What instalments that are not due ask for; amounts in major units.
#[derive(Serialize, ToSchema)]
#[schema(as = MigrationOutlook)]
struct OutlookBody {
    /// The rate of a year, as a fraction.
    #[schema(example = "0.096")]
    rate: String,
    /// The rate of a year of what is late; null when being late costs nothing.
    #[schema(example = "0.144")]
    penalty_rate: Option<String>,
    /// Days after a due date within which paying is not late.
    grace_days: u32,
    /// Whether the loan may be settled before the last due date.
    early_settlement: bool,
    /// How many there are.
    instalments: u32,
    /// When the next one is due.
    next_due: Option<Day>,
    /// What is due then.
    next_total: Major,
    /// Interest of all of them.
    interest: Major,
    /// Fees of all of them.
    fees: Major,
    /// Principal, interest and fees of all of them.
    total: Major,
    /// When the last one is due.
    last_due: Option<Day>,
}

/// Why a loan does not move.
#[derive(Serialize, ToSchema)]
#[schema(as = MigrationRefusal)]
struct RefusalBody {
    /// The code.
    #[schema(example = "cannot-migrate")]
    code: String,
    /// What it means, for people.
    detail: String,
}

/// What became of a loan that was to move.
#[derive(Serialize, ToSchema)]
#[schema(as = MigrationResult)]
struct ResultBody {
    /// The business date.
    on: Day,
    /// What.
    #[schema(value_type = schema::Became)]
    became: &'static str,
    /// The number of the fact that moved it; null when it was refused.
    fact: Option<u32>,
    /// Why it did not move, or could not move back.
    refused: Option<RefusalBody>,
}

/// What a run did.
#[derive(Serialize, ToSchema)]
#[schema(as = MigrationRun)]
struct RunBody {
    /// The migration.
    id: Name,
    /// Where it stands now.
    #[schema(value_type = schema::MigrationStatus)]
    status: MigrationStatus,
    /// How many loans are under the other version by it.
    moved: u32,
    /// How many were refused.
    refused: u32,
    /// How many moved and are back.
    rolled_back: u32,
}

/// Draft a migration
///
/// Makes a table of the loans before and after, as of the business date. Nothing moves before
/// somebody else has approved it and it is carried out.
#[utoipa::path(
    post, path = "/v1/migrations", tag = "products", operation_id = "draft_migration",
    request_body = NewMigration,
    responses((status = 201, description = "Drafted.", body = MigrationBody)),
    security(("key" = ["draft-products"])),
)]
async fn draft(State(api): State<Api>, new: Command<Json<NewMigration>>) -> Answer {
    let draft = asked(new.body.0)?;
    let drafted = api.bank.draft_migration(&new.call, &draft).await?;
    created(drafted, |it| format!("/v1/migrations/{}", it.id), view)
}

/// List migrations
///
/// Oldest first.
#[utoipa::path(
    get, path = "/v1/migrations", tag = "products", operation_id = "list_migrations",
    params(PageOf),
    responses((status = 200, description = "A page.", body = PageView<MigrationBody>)),
    security(("key" = ["read"])),
)]
async fn list(State(api): State<Api>, By(caller): By, of: Asked<PageOf>) -> Answer {
    let after = of.0.after()?;
    page(api.bank.migrations(&caller, after, of.0.limit).await?, view)
}

/// Read a migration
#[utoipa::path(
    get, path = "/v1/migrations/{migration}", tag = "products", operation_id = "get_migration",
    params(("migration" = Name, Path, description = "The migration's id.")),
    responses((status = 200, description = "The migration.", body = MigrationBody)),
    security(("key" = ["read"])),
)]
async fn get(State(api): State<Api>, By(caller): By, At(id): At<MigrationId>) -> Answer {
    let migration = api.bank.migration(&caller, id).await?.record;
    ok(view(Migrated { id, migration }))
}

/// List the contracts of a migration
///
/// Each before and after, with what harms its borrower, and what became of it.
#[utoipa::path(
    get, path = "/v1/migrations/{migration}/contracts", tag = "products",
    operation_id = "list_migration_contracts",
    params(("migration" = Name, Path, description = "The migration's id."), PageOf),
    responses((status = 200, description = "A page.", body = PageView<ContractBody>)),
    security(("key" = ["read"])),
)]
async fn contracts(
    State(api): State<Api>,
    By(caller): By,
    At(id): At<MigrationId>,
    of: Asked<PageOf>,
) -> Answer {
    let after = of.0.after()?;
    page(api.bank.migration_lines(&caller, id, after, of.0.limit).await?, contract)
}

/// Approve a migration
///
/// By somebody else than who drafted it.
#[utoipa::path(
    post, path = "/v1/migrations/{migration}/approval", tag = "products",
    operation_id = "approve_migration",
    params(("migration" = Name, Path, description = "The migration's id.")),
    responses((status = 200, description = "Approved.", body = MigrationBody)),
    security(("key" = ["release-products"])),
)]
async fn approve(
    State(api): State<Api>,
    At(id): At<MigrationId>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.approve_migration(&command.call, id).await?, view)
}

/// Carry a migration out
///
/// Loan by loan, each as of the business date of the draft. A loan whose new plan is not the one of
/// the table any more stays where it is. A run that was stopped goes on when it is asked for again.
#[utoipa::path(
    post, path = "/v1/migrations/{migration}/execution", tag = "products",
    operation_id = "execute_migration",
    params(("migration" = Name, Path, description = "The migration's id.")),
    responses((status = 200, description = "Carried out.", body = RunBody)),
    security(("key" = ["release-products"])),
)]
async fn execute(
    State(api): State<Api>,
    At(id): At<MigrationId>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.execute_migration(&command.call, id).await?, run)
}

/// Roll a migration back
///
/// Each loan it moved becomes what it would be had it never moved. Loans that cannot go back any
/// more stay, and the status stays `executed` as long as there are some.
#[utoipa::path(
    post, path = "/v1/migrations/{migration}/rollback", tag = "products",
    operation_id = "roll_back_migration",
    params(("migration" = Name, Path, description = "The migration's id.")),
    responses((status = 200, description = "Rolled back.", body = RunBody)),
    security(("key" = ["release-products"])),
)]
async fn roll_back(
    State(api): State<Api>,
    At(id): At<MigrationId>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.roll_back_migration(&command.call, id).await?, run)
}

fn asked(new: NewMigration) -> Result<DraftMigration, ApiError> {
    let NewMigration { product, to, from, contracts, after } = new;
    if from.len() > ITEMS_MAX || contracts.len() > ITEMS_MAX {
        let detail = format!("At most {ITEMS_MAX} at a time.");
        return Err(ApiError::malformed_body(Fault::at("", "too-many-items", detail)));
    }
    let loans = contracts.into_iter().map(Name::id).collect();
    Ok(DraftMigration { product, to, from, loans, after: after.map(Name::id) })
}

fn view(migrated: Migrated) -> MigrationBody {
    let Migrated { id, migration: it } = migrated;
    MigrationBody {
        id: id.into(),
        product: it.product,
        to: it.to,
        on: Day(it.on),
        status: it.status,
        drafted_by: it.drafted_by,
        approved_by: it.approved_by,
        contracts: it.loans,
        impossible: it.impossible,
        harmed: it.harmed,
        clauses: it.clauses,
        next: it.next.map(Into::into),
    }
}

fn contract(line: MigrationLine) -> ContractBody {
    let MigrationLine { row, result } = line;
    let currency = row.currency;
    let difference = row.after.as_ref().map(|after| after.total - row.before.total);
    ContractBody {
        loan: row.loan.into(),
        party: row.party.into(),
        from: row.from,
        currency: Iso(currency),
        before: outlook(&row.before, currency),
        after: row.after.map(|it| outlook(&it, currency)),
        difference: difference.map(|it| Major::of(it, currency)),
        harms: row.harms,
        impossible: row.refused.map(refused),
        result: result.map(|it| {
            let (became, fact, why) = match it.became {
                Became::Moved { fact, stays } => ("moved", Some(fact), stays.map(refused)),
                Became::Refused(why) => ("refused", None, Some(refused(why))),
                Became::RolledBack { fact } => ("rolled-back", Some(fact), None),
            };
            ResultBody { on: Day(it.on), became, fact, refused: why }
        }),
    }
}

fn outlook(it: &Outlook, currency: Currency) -> OutlookBody {
    let major = |amount| Major::of(amount, currency);
    OutlookBody {
        rate: it.rate.to_string(),
        penalty_rate: it.penalty_rate.map(|it| it.to_string()),
        grace_days: it.grace_days,
        early_settlement: it.early_settlement,
        instalments: it.instalments,
        next_due: it.next_due.map(Day),
        next_total: major(it.next_total),
        interest: major(it.interest),
        fees: major(it.fees),
        total: major(it.total),
        last_due: it.last_due.map(Day),
    }
}

fn refused(it: MigrationRefusal) -> RefusalBody {
    RefusalBody { code: it.code, detail: it.why }
}

fn run(it: MigrationRun) -> RunBody {
    let MigrationRun { id, status, moved, refused, rolled_back } = it;
    RunBody { id: id.into(), status, moved, refused, rolled_back }
}
