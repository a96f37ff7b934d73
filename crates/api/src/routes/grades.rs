//! Categories of loans and of accounts of lines, and what is set aside for them.

use axum::extract::State;
use bank::{
    classification::{Grade, LoansGraded},
    tables::{LineId, LoanId},
};
use compliance::classification::Category;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Answer, done, ok},
    problem::ApiError,
    request::{At, By, Command, Nothing},
    router::Api,
    schema,
    wire::{Day, Money, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(grade)).routes(routes!(get)).routes(routes!(get_of_line))
}

/// The loans, and accounts of lines, of a category.
#[derive(Serialize, ToSchema)]
#[schema(as = GradedLoans)]
struct GradedBody {
    /// The category.
    #[schema(value_type = schema::LoanCategory)]
    category: Category,
    /// How many.
    loans: u64,
    /// Principal owed on them.
    principal: Money,
    /// What is set aside for them, by their category (专项准备).
    allowance: Money,
    /// What is set aside for them as for every loan (一般准备).
    general: Money,
}

/// What was graded, by category.
#[derive(Serialize, ToSchema)]
#[schema(as = LoansGraded)]
struct LoansGradedBody {
    /// The business date.
    on: Day,
    /// By currency and category, best first.
    categories: Vec<GradedBody>,
}

/// In which category a loan is.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanGrade)]
struct LoanGradeBody {
    /// The loan.
    loan: Name,
    /// Its grade.
    #[serde(flatten)]
    grade: GradeBody,
}

/// In which category the account of a line is.
#[derive(Serialize, ToSchema)]
#[schema(as = LineGrade)]
struct LineGradeBody {
    /// The line.
    line: Name,
    /// Its grade.
    #[serde(flatten)]
    grade: GradeBody,
}

/// A category, and why it is not a better one.
#[derive(Serialize, ToSchema)]
#[schema(as = Grade)]
struct GradeBody {
    /// The category.
    #[schema(value_type = schema::LoanCategory)]
    category: Category,
    /// The business date on which it was found.
    on: Day,
    /// The business date since which nothing has been past due.
    normal_since: Option<Day>,
    /// Why, from the highest floor down: regulation and article.
    reasons: Vec<String>,
}

/// Grade all loans
///
/// Finds the category of every loan, and of every account of a line, by the pack in force, and
/// brings what is set aside for it to what the category asks for, and to what is asked of each.
/// Done at the end of every month; doing it again on the same day changes nothing, and on a later
/// day books the difference.
#[utoipa::path(
    post, path = "/v1/grades", tag = "loans", operation_id = "grade_loans",
    responses((status = 200, description = "Graded.", body = LoansGradedBody)),
    security(("key" = ["days"])),
)]
async fn grade(State(api): State<Api>, command: Command<Nothing>) -> Answer {
    done(api.bank.grade_loans(&command.call).await?, graded)
}

/// Read a loan's grade
#[utoipa::path(
    get, path = "/v1/loans/{loan}/grade", tag = "loans", operation_id = "get_loan_grade",
    params(("loan" = Name, Path, description = "The loan's id.")),
    responses((status = 200, description = "The grade.", body = LoanGradeBody)),
    security(("key" = ["read"])),
)]
async fn get(State(api): State<Api>, By(caller): By, At(id): At<LoanId>) -> Answer {
    let grade = found(api.bank.loan_grade(&caller, id).await?)?;
    ok(LoanGradeBody { loan: id.into(), grade })
}

/// Read the grade of a line's account
#[utoipa::path(
    get, path = "/v1/lines/{line}/grade", tag = "lines", operation_id = "get_line_grade",
    params(("line" = Name, Path, description = "The line's id.")),
    responses((status = 200, description = "The grade.", body = LineGradeBody)),
    security(("key" = ["read"])),
)]
async fn get_of_line(State(api): State<Api>, By(caller): By, At(id): At<LineId>) -> Answer {
    let grade = found(api.bank.line_grade(&caller, id).await?)?;
    ok(LineGradeBody { line: id.into(), grade })
}

fn found(grade: Option<Grade>) -> Result<GradeBody, ApiError> {
    let Grade { category, on, normal_since, reasons, .. } =
        grade.ok_or_else(|| ApiError::not_found("grade"))?;
    Ok(GradeBody { category, on: Day(on), normal_since: normal_since.map(Day), reasons })
}

fn graded(graded: LoansGraded) -> LoansGradedBody {
    let categories = graded.categories.into_iter().flat_map(|(currency, categories)| {
        categories.into_iter().map(move |(category, it)| GradedBody {
            category,
            loans: it.loans,
            principal: Money::of(it.principal, currency),
            allowance: Money::of(it.allowance, currency),
            general: Money::of(it.general, currency),
        })
    });
    LoansGradedBody { on: Day(graded.on), categories: categories.collect() }
}
