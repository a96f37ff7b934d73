//! What surrounds every request: its id, its line in the log, its numbers, its limits.
//!
//! The log has no bodies, no queries and no keys.

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bank::Caller;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use stdx::{Id, Prng, Timestamp};

use crate::{problem::ApiError, request::visible, router::Api};

const REQUEST_ID: &str = "x-request-id";
/// Upper bounds of the latency histogram, in seconds.
const LATENCY_SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// The route of a path that is none, so that a scan does not make numbers without end.
const NO_ROUTE: &str = "(none)";

/// What is counted.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabels, Histogram>,
    in_flight: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    method: &'static str,
}

impl Metrics {
    /// All at zero.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("suanpan_http");
        let requests = Family::default();
        let latency =
            Family::new_with_constructor((|| Histogram::new(LATENCY_SECONDS)) as fn() -> Histogram);
        let in_flight = Gauge::default();
        registry.register("requests", "Requests answered", requests.clone());
        registry.register("request_seconds", "Time to the answer", latency.clone());
        registry.register("requests_in_flight", "Requests being served", in_flight.clone());
        Self { registry, requests, latency, in_flight }
    }

    /// The OpenMetrics text.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        text::encode(&mut out, &self.registry).expect("a string takes what is written");
        out
    }
}

/// Counts a request down whatever becomes of it.
struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Gives the request its id, renders a problem, writes the log line, counts.
pub(crate) async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let start = (api.clock)();
    let id = request_id(&api, &request, start);
    let method = name(request.method());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    api.metrics.in_flight.inc();
    let in_flight = InFlight(api.metrics.in_flight.clone());
    let mut response = next.run(request).await;
    drop(in_flight);
    let caller = response.extensions_mut().remove::<Caller>();
    let problem = response.extensions_mut().remove::<ApiError>();
    let code = problem.as_ref().map(|it| it.code);
    if let Some(problem) = problem {
        problem.render(&mut response, &id);
    }
    let latency = (api.clock)().duration_since(start);
    let status = response.status().as_u16();
    tracing::info!(
        request_id = %id,
        institution = caller.as_ref().map(|it| it.institution.to_string()),
        actor = caller.as_ref().map(|it| it.actor.as_str()),
        method,
        route,
        status,
        code,
        latency_us = u64::try_from(latency.as_micros()).unwrap_or(0),
        "request"
    );
    count(&api.metrics, route, method, status, latency.as_secs_f64());
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    // Answers are about people and their money: no cache between here and there keeps them.
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(no_store);
    response
}

fn count(metrics: &Metrics, route: String, method: &'static str, status: u16, seconds: f64) {
    let labels = RequestLabels { route: route.clone(), method, status };
    metrics.requests.get_or_create(&labels).inc();
    metrics.latency.get_or_create(&RouteLabels { route, method }).observe(seconds);
}

/// The method's name; one that nobody defined is counted with all such.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// The caller's own id when it has the form of one, else a new one.
fn request_id(api: &Api, request: &Request, now: Timestamp) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|it| it.to_str().ok());
    match given.filter(|it| visible(it)) {
        Some(id) => id.to_owned(),
        None => Id::<()>::new(now, &mut Prng::new((api.entropy)())).to_string(),
    }
}

/// Refuses what would be too much at once, and gives up what takes too long.
pub(crate) async fn limit(State(api): State<Api>, request: Request, next: Next) -> Response {
    let Ok(_permit) = api.permits.try_acquire() else {
        return ApiError::overloaded().into_response();
    };
    let run = tokio::time::timeout(api.settings.request_time_max, next.run(request));
    run.await.unwrap_or_else(|_| ApiError::timed_out().into_response())
}

/// The answer to a request whose handler panicked: a bug, told to the log alone.
pub(crate) fn panicked(payload: Box<dyn std::any::Any + Send>) -> Response {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("not a text");
    tracing::error!(panic = text, "a handler panicked");
    ApiError::internal().into_response()
}
