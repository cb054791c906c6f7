//! Load over time: patterns are pure functions of time and know nothing of what they drive.
//! Neighbours: `document/` reads them from files, the engine asks for the target. Invariant: targets are finite and not negative.

use std::time::Duration;

/// A curve of load over time; today it drives virtual users.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// The same all the time.
    Constant(f64),
    /// From `from` to `to` in a straight line over `over`, then `to`.
    Ramp {
        /// The target at the start.
        from: f64,
        /// The target at the end of the ramp and after it.
        to: f64,
        /// How long the ramp takes; at least 1 ns.
        over: Duration,
    },
}

impl Pattern {
    /// The target at `t` since the start of the run.
    pub fn target_at(&self, t: Duration) -> f64 {
        match self {
            Pattern::Constant(value) => *value,
            Pattern::Ramp { to, over, .. } if t >= *over => *to,
            Pattern::Ramp { from, to, over } => {
                from + (to - from) * (t.as_secs_f64() / over.as_secs_f64())
            }
        }
    }

    /// The highest target at any time.
    pub fn peak(&self) -> f64 {
        match self {
            Pattern::Constant(value) => *value,
            Pattern::Ramp { from, to, .. } => from.max(*to),
        }
    }

    /// The target at the start of each second, for as long as `duration`, rounded to whole users.
    pub fn iter_concurrency(&self, duration: Duration) -> impl Iterator<Item = u32> + '_ {
        (0..duration.as_secs_f64().ceil() as u64)
            .map(|second| self.target_at(Duration::from_secs(second)).round() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_is_straight_and_then_holds() {
        let ramp = Pattern::Ramp {
            from: 0.0,
            to: 10.0,
            over: Duration::from_secs(5),
        };
        let users: Vec<u32> = ramp.iter_concurrency(Duration::from_secs(7)).collect();
        assert_eq!(users, [0, 2, 4, 6, 8, 10, 10]);
        assert_eq!(ramp.peak(), 10.0);
    }
}
