//! `--max-rps`: a token bucket over all workers, kept as one number in the control page (the generic cell rate algorithm,
//! ITU-T I.371, "virtual scheduling"). Neighbours: `exchange.rs` asks it before each request.
//! Invariant: who asks gets a time to send at, once, and nobody has to ask again: turns are given out in the order asked.

use crate::plan::MaxRate;
use std::sync::atomic::{AtomicU64, Ordering};

/// Parts of a ns that the state counts in, so that intervals of a few hundred ns are not rounded by a percent.
const PARTS: f64 = 256.0;

/// The bound on requests a second, as one worker uses it.
#[derive(Clone, Copy, Debug)]
pub struct Limiter {
    /// Between two requests, in parts of a ns.
    interval: u64,
    /// How much earlier than the steady rate requests may leave after a pause, in parts of a ns.
    allowance: u64,
}

impl Limiter {
    /// A limiter for this rate; every worker makes the same one.
    pub fn new(rate: MaxRate) -> Limiter {
        let interval = (1e9 * PARTS / rate.per_s).ceil().max(1.0);
        Limiter {
            interval: interval as u64,
            allowance: (interval * f64::from(rate.burst.saturating_sub(1))) as u64,
        }
    }

    /// Takes a turn and says when it comes, in ns since the start of the run; not before `now_ns`. `state` is the
    /// time (in parts of a ns) at which the bucket will be full again, shared by all workers; 0 at the start.
    pub fn take_turn(&self, state: &AtomicU64, now_ns: u64) -> u64 {
        let now = now_ns.saturating_mul(PARTS as u64);
        let next = |full_at: u64| full_at.max(now).saturating_add(self.interval);
        // Relaxed: the number alone is what workers agree on.
        let full_at = state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |at| Some(next(at)))
            .unwrap_or_else(|at| at);
        let turn = full_at.saturating_sub(self.allowance).max(now);
        turn.div_ceil(PARTS as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(per_s: f64, burst: u32, asked_ns: impl Iterator<Item = u64>) -> Vec<u64> {
        let limiter = Limiter::new(MaxRate { per_s, burst });
        let state = AtomicU64::new(0);
        asked_ns
            .map(|now_ns| limiter.take_turn(&state, now_ns))
            .collect()
    }

    #[test]
    fn requests_that_all_want_to_leave_at_once_leave_at_the_rate() {
        let given = turns(1_000.0, 1, std::iter::repeat_n(0, 4));
        assert_eq!(given, [0, 1_000_000, 2_000_000, 3_000_000]);
    }

    #[test]
    fn after_a_pause_a_bucketful_leaves_at_once_and_no_more() {
        let asked = std::iter::repeat_n(50_000_000, 5);
        let given: Vec<u64> = turns(1_000.0, 3, asked)
            .iter()
            .map(|turn| turn - 50_000_000)
            .collect();
        assert_eq!(given, [0, 0, 0, 1_000_000, 2_000_000]);
    }

    #[test]
    fn requests_slower_than_the_rate_are_never_held_back() {
        let asked: Vec<u64> = (0..10).map(|number| number * 1_100_000).collect();
        assert_eq!(turns(1_000.0, 1, asked.iter().copied()), asked);
    }

    #[test]
    fn a_high_rate_is_kept_to_a_tenth_of_a_percent() {
        let given = turns(3_000_000.0, 1, std::iter::repeat_n(0, 30_001));
        let last_ns = given[30_000] as f64;
        assert!((last_ns / 10_000_000.0 - 1.0).abs() < 1e-3, "{last_ns}");
    }
}
