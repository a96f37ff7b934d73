//! What stands behind a loan: guarantors and collateral.

use axum::extract::State;
use bank::{
    loans::securities::{LoanSecurity, NewSecurity, NewValuation, SecurityChanged},
    tables::{LoanId, SecurityId},
};
use lending::security::{Collateral, Guarantee, Security};
use money::{Currency, Decimal};
use product::kinds::instalment_loan::{CollateralKind, GuaranteeKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Answer, created, done, ok},
    problem::{ApiError, Fault},
    request::{At, By, Command, Json, Nothing},
    router::Api,
    schema,
    wire::{Day, Money, Name},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(revalue))
        .routes(routes!(release))
}

/// What is to stand behind a loan.
#[derive(Deserialize, ToSchema)]
#[serde(
    tag = "what",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case",
    deny_unknown_fields
)]
#[schema(as = NewLoanSecurity, example = json!({
    "what": "collateral", "kind": "vehicle", "description": "京A12345", "share": "1",
    "value": { "amount": "180000.00", "currency": "CNY" }, "valued_on": "2025-01-02",
    "valuer": "Dealer's invoice",
}))]
enum NewBody {
    /// Somebody answers for the borrower (保证).
    Guarantee {
        /// The party that does.
        guarantor: Name,
        /// When the guarantor has to pay.
        #[schema(value_type = schema::GuaranteeKind)]
        kind: GuaranteeKind,
        /// The most that the guarantor has to pay; all that is owed when absent.
        #[serde(default)]
        up_to: Option<Money>,
    },
    /// A thing (抵押物、质物) that is not known yet.
    Collateral {
        /// What sort of thing.
        #[schema(value_type = schema::CollateralKind)]
        kind: CollateralKind,
        /// Which, in 1 to 200 characters.
        #[schema(min_length = 1, max_length = 200)]
        description: String,
        /// What it is worth.
        value: Money,
        /// On which day.
        valued_on: Day,
        /// Who valued it, in 1 to 200 characters.
        #[schema(min_length = 1, max_length = 200)]
        valuer: String,
        /// The share of it that is pledged for this loan: 1 is all of it.
        #[schema(example = "1")]
        share: String,
    },
    /// A share of a thing that is pledged for another loan of the borrower, or was.
    Pledge {
        /// The security's id.
        collateral: Name,
        /// The share of it that is pledged for this loan.
        #[schema(example = "0.4")]
        share: String,
    },
}

/// What a thing is worth.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LoanSecurityValuation, example = json!({
    "value": { "amount": "150000.00", "currency": "CNY" }, "valued_on": "2025-07-01",
    "valuer": "Market guide",
}))]
struct ValuationBody {
    /// How much.
    value: Money,
    /// On which day.
    valued_on: Day,
    /// Who valued it, in 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    valuer: String,
}

/// A security that changed.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanSecurityChanged)]
struct ChangedBody {
    id: Name,
    /// The loan.
    loan: Name,
    /// What is pledged for the loan is worth now.
    value: Money,
}

/// Something that stands behind a loan: a guarantee or a share of a thing.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanSecurity)]
struct SecurityBody {
    id: Name,
    /// Who answers for the borrower.
    guarantee: Option<GuaranteeBody>,
    /// What is pledged.
    collateral: Option<CollateralBody>,
}

/// Somebody answers for the borrower.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanGuarantee)]
struct GuaranteeBody {
    /// The party that does.
    guarantor: Name,
    /// When the guarantor has to pay.
    #[schema(value_type = schema::GuaranteeKind)]
    kind: GuaranteeKind,
    /// The most that the guarantor has to pay; all that is owed when null.
    up_to: Option<Money>,
}

/// A thing of which a share is pledged.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanCollateral)]
struct CollateralBody {
    /// What sort of thing.
    #[schema(value_type = schema::CollateralKind)]
    kind: CollateralKind,
    /// Which.
    description: String,
    /// What all of it was found to be worth, oldest first; the last one counts now.
    valuations: Vec<ValuationView>,
    /// The share that is pledged for this loan.
    #[schema(example = "1")]
    share: String,
    /// What that share is worth.
    pledged: Money,
}

/// What a thing was found to be worth.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanCollateralValuation)]
struct ValuationView {
    /// How much.
    value: Money,
    /// On which day: it counts from there on.
    valued_on: Day,
    /// Who valued it.
    valuer: String,
}

/// What stands behind a loan.
#[derive(Serialize, ToSchema)]
#[schema(as = LoanSecurities)]
struct SecuritiesBody {
    /// The loan.
    loan: Name,
    /// Each guarantee and each share.
    securities: Vec<SecurityBody>,
    /// What is pledged is worth.
    value: Money,
    /// Principal owed, or about to be paid out, as a part of it; null while nothing is pledged.
    #[schema(example = "0.6667")]
    loan_to_value: Option<String>,
    /// The most that the product pays out up to.
    #[schema(example = "0.7")]
    limit: Option<String>,
    /// The code of the problem with which a payout would be refused now.
    #[schema(example = "loan-to-value-exceeded")]
    lacks: Option<&'static str>,
}

/// List what stands behind a loan
#[utoipa::path(
    get, path = "/v1/loans/{loan}/securities", tag = "loans",
    operation_id = "list_loan_securities",
    params(("loan" = Name, Path, description = "The loan's id.")),
    responses((status = 200, description = "All of it.", body = SecuritiesBody)),
    security(("key" = ["read"])),
)]
async fn list(State(api): State<Api>, By(caller): By, At(id): At<LoanId>) -> Answer {
    let LoanSecurity { currency, securities, value, loan_to_value, limit, lacks } =
        api.bank.loan_security(&caller, id).await?;
    let securities = securities.into_iter().map(|(of, it)| view(id, of, it, currency)).collect();
    ok(SecuritiesBody {
        loan: id.into(),
        securities,
        value: Money::of(value, currency),
        loan_to_value: loan_to_value.map(|it| it.to_string()),
        limit: limit.map(|it| it.to_string()),
        lacks: lacks.map(|it| it.code()),
    })
}

/// Take a guarantee or collateral for a loan
///
/// As the product's terms ask for. Before money is paid out there must be enough of it.
#[utoipa::path(
    post, path = "/v1/loans/{loan}/securities", tag = "loans", operation_id = "add_loan_security",
    params(("loan" = Name, Path, description = "The loan's id.")),
    request_body = NewBody,
    responses((status = 201, description = "Taken.", body = ChangedBody)),
    security(("key" = ["payments"])),
)]
async fn add(State(api): State<Api>, At(id): At<LoanId>, asked: Command<Json<NewBody>>) -> Answer {
    let new = asked.body.0.read()?;
    let place = |it: &SecurityChanged| format!("/v1/loans/{}/securities", it.loan);
    created(api.bank.add_security(&asked.call, id, &new).await?, place, changed)
}

/// Value collateral anew
#[utoipa::path(
    post, path = "/v1/loans/{loan}/securities/{security}/valuation", tag = "loans",
    operation_id = "revalue_loan_security",
    params(
        ("loan" = Name, Path, description = "A loan for which it is pledged."),
        ("security" = Name, Path, description = "The security's id."),
    ),
    request_body = ValuationBody,
    responses((status = 200, description = "Valued.", body = ChangedBody)),
    security(("key" = ["payments"])),
)]
async fn revalue(
    State(api): State<Api>,
    At((id, security)): At<(LoanId, SecurityId)>,
    asked: Command<Json<ValuationBody>>,
) -> Answer {
    let ValuationBody { value, valued_on, valuer } = &asked.body.0;
    let valuation =
        NewValuation { value: value.read("/value")?, on: valued_on.0, valuer: valuer.clone() };
    done(api.bank.revalue_security(&asked.call, id, security, &valuation).await?, changed)
}

/// Release a guarantor or collateral from a loan
///
/// When nothing is owed, or when what remains is enough for what is.
#[utoipa::path(
    post, path = "/v1/loans/{loan}/securities/{security}/release", tag = "loans",
    operation_id = "release_loan_security",
    params(
        ("loan" = Name, Path, description = "The loan's id."),
        ("security" = Name, Path, description = "The security's id."),
    ),
    responses((status = 200, description = "Released.", body = ChangedBody)),
    security(("key" = ["payments"])),
)]
async fn release(
    State(api): State<Api>,
    At((id, security)): At<(LoanId, SecurityId)>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.release_security(&command.call, id, security).await?, changed)
}

impl NewBody {
    fn read(&self) -> Result<NewSecurity, ApiError> {
        Ok(match self {
            Self::Guarantee { guarantor, kind, up_to } => {
                let up_to = up_to.as_ref().map(|it| it.read("/up_to")).transpose()?;
                NewSecurity::Guarantee { guarantor: guarantor.id(), kind: *kind, up_to }
            }
            Self::Collateral { kind, description, value, valued_on, valuer, share } => {
                let (value, valuer) = (value.read("/value")?, valuer.clone());
                NewSecurity::Collateral {
                    kind: *kind,
                    description: description.clone(),
                    valuation: NewValuation { value, on: valued_on.0, valuer },
                    share: read_share(share)?,
                }
            }
            Self::Pledge { collateral, share } => {
                NewSecurity::Pledge { collateral: collateral.id(), share: read_share(share)? }
            }
        })
    }
}

fn read_share(text: &str) -> Result<Decimal, ApiError> {
    let detail = "It is not a fraction such as `0.4`.";
    Decimal::from_str_exact(text)
        .map_err(|_| ApiError::malformed_body(Fault::at("/share", "malformed-share", detail)))
}

fn changed(it: SecurityChanged) -> ChangedBody {
    ChangedBody { id: it.security.into(), loan: it.loan.into(), value: it.value.into() }
}

fn view(loan: LoanId, id: SecurityId, it: Security, currency: Currency) -> SecurityBody {
    let (guarantee, collateral) = match it {
        Security::Guarantee(Guarantee { guarantor, kind, up_to, .. }) => {
            let up_to = up_to.map(|it| Money::of(it, currency));
            (Some(GuaranteeBody { guarantor: guarantor.into(), kind, up_to }), None)
        }
        Security::Collateral(it) => (None, Some(collateral(loan, it))),
    };
    SecurityBody { id: id.into(), guarantee, collateral }
}

fn collateral(loan: LoanId, it: Collateral) -> CollateralBody {
    let share = it.pledges.get(&loan).copied().unwrap_or_default();
    let pledged = Money::of(it.worth(share), it.currency);
    let valuations = it.valuations.into_iter().map(|valuation| ValuationView {
        value: Money::of(valuation.value, it.currency),
        valued_on: Day(valuation.on),
        valuer: valuation.valuer,
    });
    CollateralBody {
        kind: it.kind,
        description: it.description,
        valuations: valuations.collect(),
        share: share.to_string(),
        pledged,
    }
}
