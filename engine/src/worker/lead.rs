//! How long before a moment a worker ends its sleep, to be awake when it comes. Neighbours: `driver.rs` waits by it, the wires say
//! how late each sleep ended. Invariant: it stays between its bounds, whatever the machine does.

use crate::wire::WireCounts;

/// Where it begins, and the least: waking takes some 25 µs on an idle machine.
const LEAST_NS: u64 = 50_000;
/// The most: a machine that wakes up later than this now and then is noisy, and spinning longer would not make it quiet.
const MOST_NS: u64 = 250_000;
/// How much a sleep that ended past its moment adds.
const UP_NS: u64 = 10_000;
/// How much one that ended in time takes off: both balance where one sleep in 200 ends late.
const DOWN_NS: u64 = UP_NS / 200;

/// A lead that follows the p99.5 of how late sleeps end, by a step up for each that was too late and a small one down for each
/// that was not (Robbins and Monro, 1951: stochastic approximation of a quantile).
#[derive(Debug)]
pub(super) struct Lead {
    ns: u64,
    /// Sleeps looked at so far.
    wakes: u64,
}

impl Default for Lead {
    fn default() -> Lead {
        Lead {
            ns: LEAST_NS,
            wakes: 0,
        }
    }
}

impl Lead {
    /// The lead now, in ns.
    pub(super) fn ns(&self) -> u64 {
        self.ns
    }

    /// Looks at the wire's last sleep, once.
    pub(super) fn see(&mut self, counts: WireCounts) {
        if counts.wakes == self.wakes {
            return;
        }
        self.wakes = counts.wakes;
        self.ns = if counts.woke_late_ns > self.ns {
            (self.ns + UP_NS).min(MOST_NS)
        } else {
            self.ns.saturating_sub(DOWN_NS).max(LEAST_NS)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lead after sleeps that ended this late, one after another.
    fn after(late_ns: impl IntoIterator<Item = u64>) -> u64 {
        let (mut lead, mut counts) = (Lead::default(), WireCounts::default());
        for late_ns in late_ns {
            counts.wakes += 1;
            counts.woke_late_ns = late_ns;
            lead.see(counts);
            // A turn without a sleep changes nothing.
            lead.see(counts);
        }
        lead.ns()
    }

    #[test]
    fn sleeps_that_end_in_time_leave_it_at_its_least() {
        assert_eq!(after([25_000; 1_000]), LEAST_NS);
    }

    #[test]
    fn it_settles_above_what_one_sleep_in_a_hundred_exceeds() {
        // One in a hundred is 120 µs late, one in a thousand a hundred times as much.
        let late = (0..50_000).map(|number| match number % 1_000 {
            999 => 12_000_000,
            hundredth if hundredth % 100 == 0 => 120_000,
            _ => 30_000,
        });
        let lead_ns = after(late);
        assert!((115_000..=140_000).contains(&lead_ns), "{lead_ns}");
    }

    #[test]
    fn it_comes_down_again_and_never_leaves_its_bounds() {
        assert_eq!(after([1_000_000_000; 100]), MOST_NS);
        let calm = [1_000_000; 100].into_iter().chain([20_000; 10_000]);
        assert_eq!(after(calm), LEAST_NS);
    }
}
