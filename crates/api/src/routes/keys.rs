//! API keys, and who the caller is.

use axum::extract::State;
use bank::{
    Right, Role,
    keys::{ApiKey, NewKey},
};
use serde::{Deserialize, Serialize};
use stdx::Id;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    answer::{Answer, created, done, ok},
    request::{At, By, Command, Json, Nothing},
    router::Api,
    schema,
    wire::Name,
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(revoke)).routes(routes!(me))
}

/// A key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "shop-backend", "role": "partner" }))]
struct NewApiKey {
    /// Its name in the audit log.
    name: String,
    /// What it may do.
    #[schema(value_type = schema::Role)]
    role: Role,
    /// Whether it sees personal data clear.
    #[serde(default)]
    sees_personal_data: bool,
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
struct KeyBody {
    /// Its id, which is no secret and part of the key.
    id: Name,
    /// The key itself, shown once; null when the request is repeated, since it is not kept.
    key: Option<String>,
}

/// A key that was revoked.
#[derive(Serialize, ToSchema)]
struct RevokedKey {
    /// Its id.
    id: Name,
}

/// Who the caller is.
#[derive(Serialize, ToSchema)]
struct Me {
    /// The institution whose data the key reaches.
    institution: Name,
    /// Its name.
    institution_name: String,
    /// The name in the audit log.
    actor: String,
    /// What the key is to the institution.
    #[schema(value_type = schema::Role)]
    role: Role,
    /// What it may do.
    #[schema(value_type = Vec<schema::Right>)]
    rights: Vec<&'static str>,
    /// Whether it sees personal data clear.
    sees_personal_data: bool,
}

/// Make an API key
///
/// The key is shown once. When the answer was lost, revoke the key by its id and make another.
#[utoipa::path(
    post, path = "/v1/keys", tag = "keys", operation_id = "create_key",
    request_body = NewApiKey,
    responses((status = 201, description = "Made.", body = KeyBody)),
    security(("key" = ["keys"])),
)]
async fn create(State(api): State<Api>, new: Command<Json<NewApiKey>>) -> Answer {
    let NewApiKey { name, role, sees_personal_data } = new.body.0;
    let key = NewKey { name, role, sees_personal_data };
    let made = api.bank.create_key(&new.call, &key).await?;
    // The text is drawn from the seed of this request: that of a repetition opens nothing.
    let first = !made.replayed;
    created(
        made,
        |(id, _)| format!("/v1/keys/{id}"),
        |(id, text)| KeyBody { id: id.into(), key: first.then(|| text.reveal().to_owned()) },
    )
}

/// Revoke an API key
#[utoipa::path(
    delete, path = "/v1/keys/{key}", tag = "keys", operation_id = "revoke_key",
    params(("key" = Name, Path, description = "The key's id.")),
    responses((status = 200, description = "Revoked.", body = RevokedKey)),
    security(("key" = ["keys"])),
)]
async fn revoke(
    State(api): State<Api>,
    At(id): At<Id<ApiKey>>,
    command: Command<Nothing>,
) -> Answer {
    done(api.bank.revoke_key(&command.call, id).await?, |id| RevokedKey { id: id.into() })
}

/// Read who the key is
#[utoipa::path(
    get, path = "/v1/me", tag = "keys", operation_id = "get_me",
    responses((status = 200, description = "The caller.", body = Me)),
    security(("key" = [])),
)]
async fn me(State(api): State<Api>, By(caller): By) -> Answer {
    let institution = api.bank.institution(&caller).await?.record;
    let rights = Right::TABLE.into_iter().filter(|(right, _)| caller.role.has(*right));
    ok(Me {
        institution: caller.institution.into(),
        institution_name: institution.name,
        actor: caller.actor,
        role: caller.role,
        rights: rights.map(|(_, name)| name).collect(),
        sees_personal_data: caller.sees_personal_data,
    })
}
