//! What a handler gives back when all went well.

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bank::{Done, Page};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::ApiError;

/// Tells a repetition from the first answer.
const REPLAYED: &str = "idempotent-replayed";

/// What every handler answers.
pub(crate) type Answer = Result<Response, ApiError>;

/// A page of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = Page)]
pub(crate) struct PageView<T> {
    /// The things.
    data: Vec<T>,
    /// What to send as `after` to get the next page; null when this is the last.
    next: Option<String>,
}

/// 200 with a value.
pub(crate) fn ok<T: Serialize>(value: T) -> Answer {
    Ok(Json(value).into_response())
}

/// 200 with a record and its version as `ETag`.
pub(crate) fn versioned<T: Serialize>(version: u64, value: T) -> Answer {
    Ok((etag(version), Json(value)).into_response())
}

/// 200 with a page.
pub(crate) fn page<T, V, C>(page: Page<T, C>, view: impl Fn(T) -> V) -> Answer
where
    V: Serialize,
    C: ToString,
{
    let next = page.next.map(|it| it.to_string());
    ok(PageView { data: page.data.into_iter().map(view).collect(), next })
}

/// 200 for a command that was carried out, now or before.
pub(crate) fn done<T, V: Serialize>(done: Done<T>, view: impl FnOnce(T) -> V) -> Answer {
    Ok((replayed(done.replayed), Json(view(done.answer))).into_response())
}

/// 201 for a command that made something, which is to be found at `place`.
pub(crate) fn created<T, V: Serialize>(
    done: Done<T>,
    place: impl FnOnce(&T) -> String,
    view: impl FnOnce(T) -> V,
) -> Answer {
    let (replayed, location) = (replayed(done.replayed), location(place(&done.answer)));
    Ok((StatusCode::CREATED, replayed, location, Json(view(done.answer))).into_response())
}

/// The headers of a repetition.
pub(crate) fn replayed(replayed: bool) -> HeaderMap {
    let (name, value) = (HeaderName::from_static(REPLAYED), HeaderValue::from_static("true"));
    replayed.then_some((name, value)).into_iter().collect()
}

fn location(place: String) -> HeaderMap {
    HeaderValue::try_from(place).ok().map(|it| (header::LOCATION, it)).into_iter().collect()
}

fn etag(version: u64) -> HeaderMap {
    let tag = HeaderValue::try_from(format!("\"{version}\"")).expect("digits in quotes");
    [(header::ETAG, tag)].into_iter().collect()
}
