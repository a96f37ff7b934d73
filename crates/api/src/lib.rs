//! The only HTTP: routes, authentication, problems, OpenAPI.
//!
//! A handler decodes, calls one function of [`bank`] and renders. Everything that is the same for
//! all of them is elsewhere and happens before: the key is read, the right is checked, the body is
//! decoded with a pointer to whatever is wrong in it.
//!
//! Nothing here reads a clock or draws randomness: the binary brings a [`Clock`] and an
//! [`Entropy`].
//!
//! Suggested reading order: [`router`] (every route, one line each), `routes::loans` (what a
//! route looks like), `request` (what a handler is given), `answer` and `problem` (what it gives
//! back), `access` (who may), `observe` (what surrounds a request), [`mod@openapi`].

mod access;
mod answer;
mod csv;
mod decode;
mod docs;
mod document;
mod observe;
pub mod openapi;
mod problem;
mod request;
pub mod router;
mod routes;
mod schema;
mod wire;

use std::{sync::Arc, time::Duration};

use stdx::Timestamp;

pub use openapi::{authorization, openapi};
pub use router::router;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// Gives a fresh seed for each command: ids, keys and nonces are drawn from it.
pub type Entropy = Arc<dyn Fn() -> [u8; 32] + Send + Sync>;

/// The largest request body, in bytes: 8,000 transfers with room.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The longest time a request may take, in seconds.
pub const REQUEST_SECONDS_MAX: u64 = 60;
/// The most requests at the same time; a further one is asked to come again.
pub const REQUESTS_AT_ONCE_MAX: usize = 1_024;
/// The most items of a bulk request.
pub const ITEMS_MAX: usize = 8_000;
/// The most things on one page.
pub const PAGE_MAX: usize = bank::PAGE_MAX;
/// How many things are on a page when the caller does not say.
pub const PAGE_DEFAULT: usize = 100;
/// The longest `Idempotency-Key` and `X-Request-Id`, in characters.
pub const HEADER_KEY_LEN_MAX: usize = 128;

/// What an operator may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The largest request body, in bytes.
    pub body_bytes_max: usize,
    /// The longest time a request may take.
    pub request_time_max: Duration,
    /// The most requests at the same time.
    pub requests_at_once_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_bytes_max: BODY_BYTES_MAX,
            request_time_max: Duration::from_secs(REQUEST_SECONDS_MAX),
            requests_at_once_max: REQUESTS_AT_ONCE_MAX,
        }
    }
}

#[cfg(test)]
mod tests;
