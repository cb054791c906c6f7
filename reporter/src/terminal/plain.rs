//! A run as a plain line a second, for logs and terminals that cannot be drawn on.
//! Neighbours: `mod.rs` decides when. Invariant: one line, no escape sequence, the same columns every second.

use crate::format;
use loadforge_analysis::{Phase, Snapshot};

/// One second of the run as a line without its line break.
pub(super) fn line(snapshot: &Snapshot) -> String {
    let response = &snapshot.latency.response;
    let latency = |quantile: f64| {
        if response.is_empty() {
            format::NONE.to_owned()
        } else {
            format::latency(response.quantile_ms(quantile))
        }
    };
    let users = format!("{}/{}", snapshot.users.active, snapshot.users.target);
    let draining = match snapshot.phase {
        Phase::Running => "",
        Phase::Draining => "  draining",
    };
    format!(
        "{:>7}  users {users:>9}  rps {:>8}  p50 {:>8}  p95 {:>8}  p99 {:>8}  errors {}{draining}",
        format::clock(snapshot.at_s),
        format::rate(snapshot.rps),
        latency(0.50),
        latency(0.95),
        latency(0.99),
        format::percent(snapshot.error_rate),
    )
}
