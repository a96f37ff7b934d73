//! Who asks, and whether they may.
//!
//! The right a route needs stands beside it, as the scope of its security requirement; it is
//! checked here before the body is looked at, and again by the bank, which does not trust an edge.

use std::collections::BTreeMap;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bank::Right;

use crate::{problem::ApiError, router::Api};

/// The right each method of a path needs; none where any key will do.
pub(crate) type Rights = BTreeMap<String, BTreeMap<&'static str, Option<Right>>>;

/// Lets a caller in who has a key and the right, and tells the handler who it is.
pub(crate) async fn admit(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let key = key(&request).ok_or_else(ApiError::unauthenticated)?;
    let caller = api.bank.authenticate(key).await?.ok_or_else(ApiError::unauthenticated)?;
    let mut response = match right(&api, &request).map_or(Ok(()), |right| caller.must(right)) {
        Ok(()) => {
            request.extensions_mut().insert(caller.clone());
            next.run(request).await
        }
        Err(refusal) => ApiError::from(refusal).into_response(),
    };
    // For the log, which names who was turned away too.
    response.extensions_mut().insert(caller);
    Ok(response)
}

/// The key in `Authorization: Bearer …` (RFC 6750).
fn key(request: &Request) -> Option<&str> {
    let header = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn right(api: &Api, request: &Request) -> Option<Right> {
    let path = request.extensions().get::<MatchedPath>()?.as_str();
    // `HEAD` is answered by the handler of `GET`.
    let method = if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
    api.rights.get(path)?.get(method).copied().flatten()
}
