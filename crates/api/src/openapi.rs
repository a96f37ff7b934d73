//! The OpenAPI 3.1 document, from the handlers.
//!
//! What every operation shares is written once: the shape of a problem is the `default` response,
//! the idempotency key a parameter of every command. A command is an operation whose right changes
//! something.

use std::fmt::Write;

use bank::{Right, Role};
use serde_json::{Value, json};
use utoipa::{
    OpenApi as _, PartialSchema,
    openapi::{OpenApi, path::Operation},
};

use crate::{
    access::Rights,
    problem::{Extension, Fault},
    router,
};

/// The document, as JSON for people to read.
pub fn openapi() -> String {
    complete(router::v1().into_openapi())
}

/// Which role may use which route, as a page of the reference.
pub fn authorization() -> String {
    let mut page = String::from(
        "# Authorization\n\nThe right each route needs, and the roles that have it. A key without \
         the right is answered\n403; another institution's id is answered 404.\n\n",
    );
    let roles: Vec<_> = Role::TABLE.iter().map(|(_, name, _)| *name).collect();
    writeln!(page, "| route | right | {} |", roles.join(" | ")).expect("a string takes it");
    writeln!(page, "| --- | --- |{}", " :-: |".repeat(roles.len())).expect("a string takes it");
    let rights = rights(&router::v1().into_openapi());
    for (path, method, right) in each(&rights) {
        let name = right.map_or("any key", Right::name);
        write!(page, "| {method} `{path}` | {name} |").expect("a string takes it");
        for (role, _, _) in Role::TABLE {
            let may = right.is_none_or(|right| role.has(right));
            page.push_str(if may { " ✓ |" } else { " – |" });
        }
        page.push('\n');
    }
    page
}

/// The document before the routes are in it.
pub(crate) fn head() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(
        info(
            title = "Suanpan API",
            version = "1",
            license(name = "Apache-2.0", identifier = "Apache-2.0"),
        ),
        servers((url = "/", description = "This server.")),
        tags(
            (name = "parties", description = "Persons and companies 客户: KYC, consents."),
            (name = "products", description = "Products 产品: definitions, checks, release."),
            (name = "applications", description = "Applications 申请: decision, offer, signing."),
            (name = "loans", description = "Loans 贷款: disbursal, repayment, settlement."),
            (name = "lines", description = "Credit lines 授信额度: limits, drawings, holds."),
            (name = "accounts", description = "Current accounts 活期账户: deposits, withdrawals."),
            (name = "deposits", description = "Term deposits 定期存款: withdrawals, rollovers."),
            (name = "ledger", description = "The plain ledger 总账: accounts, transfers, holds."),
            (name = "days", description = "Business date 营业日."),
            (name = "periods", description = "Periods 会计期间: closes; chart of accounts."),
            (name = "reports", description = "Reports 报表: ledger, statements, portfolio."),
            (name = "events", description = "The event log 事件日志: who did what, in order."),
            (name = "keys", description = "API keys 密钥, and who the caller is."),
        ),
    )]
    struct Head;
    let mut document = Head::openapi();
    let introduction = include_str!("docs/introduction.md").split_once("\n\n");
    // Without its first line: the document has a title.
    document.info.description = introduction.map(|(_, text)| text.to_owned());
    document
}

/// The right of each operation: the scope of its security requirement.
///
/// # Panics
/// When an operation has no requirement or names a right that is none.
pub(crate) fn rights(openapi: &OpenApi) -> Rights {
    let mut rights = Rights::new();
    for (path, item) in &openapi.paths.paths {
        let operations = [
            ("GET", &item.get),
            ("POST", &item.post),
            ("PUT", &item.put),
            ("PATCH", &item.patch),
            ("DELETE", &item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            rights.entry(path.clone()).or_default().insert(method, right(operation));
        }
    }
    rights
}

/// Each path and method with its right.
fn each(rights: &Rights) -> impl Iterator<Item = (&str, &str, Option<Right>)> {
    rights.iter().flat_map(|(path, methods)| {
        methods.iter().map(move |(method, right)| (path.as_str(), *method, *right))
    })
}

fn right(operation: &Operation) -> Option<Right> {
    let security = serde_json::to_value(&operation.security).unwrap_or_default();
    let scopes = security[0]["key"].as_array().expect("every operation has its requirement");
    let name = scopes.first()?.as_str().unwrap_or_default();
    Some(Right::named(name).expect("a scope is the name of a right"))
}

/// Adds what every operation shares.
pub(crate) fn complete(openapi: OpenApi) -> String {
    let rights = rights(&openapi);
    let mut document = serde_json::to_value(openapi).expect("a document is JSON");
    let components = &mut document["components"];
    components["schemas"]["Problem"] = problem();
    components["schemas"]["Fault"] = serde_json::to_value(Fault::schema()).unwrap_or_default();
    components["securitySchemes"] = json!({ "key": {
        "type": "http", "scheme": "bearer", "bearerFormat": "sp_<id>_<secret>",
        "description": "An API key. The scope of an operation is the right its role must have.",
    }});
    components["parameters"] = json!({ "IdempotencyKey": idempotency_key() });
    components["responses"] = json!({ "Problem": {
        "description": "It was not done; `code` says why.",
        "content": { "application/problem+json": {
            "schema": { "$ref": "#/components/schemas/Problem" },
        }},
    }});
    for (path, method, right) in each(&rights) {
        let operation = &mut document["paths"][path][method.to_lowercase()];
        operation["responses"]["default"] = json!({ "$ref": "#/components/responses/Problem" });
        if right.is_some_and(Right::changes) {
            let key = json!({ "$ref": "#/components/parameters/IdempotencyKey" });
            match operation["parameters"].as_array_mut() {
                Some(parameters) => parameters.push(key),
                None => operation["parameters"] = json!([key]),
            }
        }
    }
    let mut text = serde_json::to_string_pretty(&document).expect("a value is JSON");
    text.push('\n');
    text
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header", "required": true,
        "description": "A fresh value for each new request and the same one when it is repeated: \
            the request is done once and a repetition is answered the same, with the header \
            `Idempotent-Replayed: true`.",
        "schema": { "type": "string", "minLength": 1, "maxLength": crate::HEADER_KEY_LEN_MAX,
            "pattern": "^[!-~]+$" },
        "example": "4d1f2c0a-7f0e-4a53-9d5e-2a52c1b0c7aa",
    })
}

/// RFC 9457 with our members.
fn problem() -> Value {
    let mut schema = serde_json::to_value(Extension::schema()).unwrap_or_default();
    schema["description"] = json!("A problem (RFC 9457): why a request was not done.");
    let properties = &mut schema["properties"];
    properties["status"] = json!({ "type": "integer", "description": "The HTTP status." });
    properties["title"] = json!({ "type": "string", "description": "The status in words." });
    properties["detail"] =
        json!({ "type": "string", "description": "What is wrong, in a sentence." });
    schema["example"] = json!({
        "status": 400, "title": "Bad Request", "code": "malformed-body",
        "detail": "The body cannot be used at `/amount/amount`: CNY has 2 decimals, not more.",
        "hint": "Correct what `errors` names and send it again.",
        "errors": [{ "pointer": "/amount/amount", "code": "too-many-decimals",
            "detail": "CNY has 2 decimals, not more." }],
        "request_id": "0194a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b",
    });
    schema
}
