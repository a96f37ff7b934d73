//! Every route, one line for each resource.

use std::{ops::Deref, sync::Arc};

use axum::{Router, middleware, response::Redirect, routing::get};
use bank::Bank;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Clock, Entropy, Settings,
    access::{self, Rights},
    docs,
    observe::{self, Metrics},
    openapi,
    problem::ApiError,
    routes,
};

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Api(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) bank: Bank,
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    pub(crate) permits: Semaphore,
    pub(crate) rights: Rights,
}

impl Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Api {
    pub(crate) fn new(
        bank: Bank,
        clock: Clock,
        entropy: Entropy,
        settings: Settings,
        rights: Rights,
    ) -> Self {
        let permits = Semaphore::new(settings.requests_at_once_max);
        let metrics = Metrics::new();
        Self(Arc::new(Shared { bank, clock, entropy, settings, metrics, permits, rights }))
    }
}

/// The whole API over a bank.
///
/// # Panics
/// When an operation names no right, which a test excludes.
pub fn router(bank: Bank, clock: Clock, entropy: Entropy, settings: Settings) -> Router {
    let (v1, openapi) = v1().split_for_parts();
    let api = Api::new(bank, clock, entropy, settings, openapi::rights(&openapi));
    let document: Arc<str> = openapi::complete(openapi).into();
    v1.route_layer(middleware::from_fn_with_state(api.clone(), access::admit))
        .route_layer(middleware::from_fn_with_state(api.clone(), observe::limit))
        .route("/healthz", get(routes::service::healthz))
        .route("/readyz", get(routes::service::readyz))
        .route("/metrics", get(routes::service::metrics))
        .route("/openapi.json", get(async move || docs::document(&document)))
        .route("/docs", get(docs::page))
        // Who opens the address in a browser wants to read.
        .route("/", get(async || Redirect::temporary("/docs")))
        .fallback(async || ApiError::not_found("path"))
        .method_not_allowed_fallback(async || ApiError::wrong_method())
        .layer(CatchPanicLayer::custom(observe::panicked))
        .layer(middleware::from_fn_with_state(api.clone(), observe::observe))
        .with_state(api)
}

/// What needs a key.
pub(crate) fn v1() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(openapi::head())
        .merge(routes::parties::routes())
        .merge(routes::products::routes())
        .merge(routes::simulations::routes())
        .merge(routes::migrations::routes())
        .merge(routes::applications::routes())
        .merge(routes::lines::routes())
        .merge(routes::line_accounts::routes())
        .merge(routes::loans::routes())
        .merge(routes::loan_facts::routes())
        .merge(routes::explanations::routes())
        .merge(routes::proposals::routes())
        .merge(routes::dunning::routes())
        .merge(routes::securities::routes())
        .merge(routes::grades::routes())
        .merge(routes::documents::routes())
        .merge(routes::accounts::routes())
        .merge(routes::term_deposits::routes())
        .merge(routes::ledger_accounts::routes())
        .merge(routes::ledger_transfers::routes())
        .merge(routes::days::routes())
        .merge(routes::periods::routes())
        .merge(routes::reports::routes())
        .merge(routes::statements::routes())
        .merge(routes::events::routes())
        .merge(routes::keys::routes())
}
