//! From counts and times to figures people compare.

#![allow(clippy::float_arithmetic, reason = "rates and shares of a measurement, no money")]

use std::time::Duration;

use serde_json::{Value, json};

/// How long each of many things took.
#[derive(Clone, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn note(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that so many thousandths of all stayed within (nearest rank), in milliseconds.
    fn permille_ms(&self, permille: usize) -> Option<f64> {
        let rank = (self.0.len() * permille).div_ceil(1_000).max(1);
        self.0.get(rank - 1).map(|it| ms(*it))
    }

    /// `p50_ms`, `p99_ms`, `p99_9_ms` and `max_ms`; null when nothing was measured.
    pub(crate) fn figures(mut self) -> Value {
        self.0.sort_unstable();
        let ranks = [("p50_ms", 500), ("p99_ms", 990), ("p99_9_ms", 999), ("max_ms", 1_000)];
        ranks
            .map(|(name, permille)| (name, json!(self.permille_ms(permille))))
            .into_iter()
            .collect()
    }
}

/// One object with the members of all.
pub(crate) fn join<const N: usize>(objects: [Value; N]) -> Value {
    let members = objects.into_iter().filter_map(|it| match it {
        Value::Object(members) => Some(members),
        _ => None,
    });
    members.flatten().collect()
}

/// Milliseconds, to the microsecond.
pub(crate) fn ms(time: Duration) -> f64 {
    thousandths(time.as_micros(), 1)
}

/// Seconds, to the millisecond.
pub(crate) fn seconds(time: Duration) -> f64 {
    thousandths(time.as_millis(), 1)
}

/// How many a second.
pub(crate) fn per_second(count: usize, time: Duration) -> u64 {
    let micros = time.as_micros().max(1);
    u64::try_from(count as u128 * 1_000_000 / micros).unwrap_or(u64::MAX)
}

/// One by the other, to a thousandth; null without the other.
pub(crate) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| thousandths(u128::from(part) * 1_000, u128::from(whole)))
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
fn thousandths(count: u128, of: u128) -> f64 {
    (count / of) as f64 / 1_000.0
}
