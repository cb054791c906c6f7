//! The clock of everything here that depends on time: CLOCK_MONOTONIC in ns, the same number in every process of this
//! machine. Neighbours: `worker.rs` stamps arrivals with it, `deadlines.rs` sets its timer by it.
//! `Instant` was rejected: it hides the number that the file of arrivals has to hold.

use nix::time::{ClockId, clock_gettime};

/// Now, in ns.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has this clock");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}
