//! The service itself: health, readiness, numbers. No key is needed.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{answer::Answer, router::Api};

/// The process runs.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// The store answers too.
pub(crate) async fn readyz(State(api): State<Api>) -> Answer {
    api.bank.ready().await?;
    Ok((StatusCode::OK, "ready\n").into_response())
}

/// What is counted, as OpenMetrics text.
pub(crate) async fn metrics(State(api): State<Api>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], api.metrics.text()).into_response()
}
