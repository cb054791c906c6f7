//! A run as a plain line a second, for logs and terminals that cannot be drawn on.
//! Neighbours: `mod.rs` decides when. Invariant: one line, no escape sequence, the same columns every second; what not every run has comes last.

use super::ansi::clip;
use super::frame::phase_label;
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
    let mut rest = match snapshot.requests.not_sent {
        0 => String::new(),
        count => format!("  not sent {}", format::count(count)),
    };
    if snapshot.users.target_rate > 0.0 {
        rest = format!(
            "  asked {}/s{rest}",
            format::rate(snapshot.users.target_rate)
        );
    }
    if !snapshot.load_phase.name.is_empty() {
        rest.push_str("  ");
        rest.push_str(&clip(&phase_label(&snapshot.load_phase), 40));
    }
    if snapshot.phase == Phase::Draining {
        rest.push_str("  draining");
    }
    format!(
        "{:>7}  users {users:>9}  rps {:>8}  p50 {:>8}  p95 {:>8}  p99 {:>8}  errors {}{rest}",
        format::clock(snapshot.at_s),
        format::rate(snapshot.rps),
        latency(0.50),
        latency(0.95),
        latency(0.99),
        format::percent(snapshot.error_rate),
    )
}
