//! The interval of a difference of two shares, good also where a share is 0. Neighbours: `intervals.rs` asks for error rates.
//! Invariant: the interval holds the measured difference and lies within −1 and 1.

/// A share of requests and how many independent requests it is worth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) share: f64,
    /// Fewer than were counted when failures come in bursts.
    pub(super) worth: f64,
}

impl Share {
    /// A share of this many requests that scatters by this much from draw to draw. Failures that come alone scatter by
    /// p(1 − p)/n; what scatters more is worth as many requests as would scatter like it.
    pub(super) fn new(failed: u64, done: u64, variance: f64) -> Share {
        let (share, done) = (failed as f64 / done as f64, done as f64);
        let alone = share * (1.0 - share) / done;
        let worth = match variance > alone {
            true => (share * (1.0 - share) / variance).clamp(1.0, done),
            false => done,
        };
        Share { share, worth }
    }

    /// Wilson's score interval (1927), `z` standard deviations wide on either side.
    fn bounds(self, z: f64) -> (f64, f64) {
        let Share { share, worth } = self;
        let square = z * z;
        let middle = share + square / (2.0 * worth);
        let reach = z * (share * (1.0 - share) / worth + square / (4.0 * worth * worth)).sqrt();
        let scale = 1.0 + square / worth;
        (
            ((middle - reach) / scale).clamp(0.0, share),
            ((middle + reach) / scale).clamp(share, 1.0),
        )
    }
}

/// The interval of `candidate − baseline`: method 10 of Newcombe 1998, "Interval estimation for the difference between independent
/// proportions". Unlike a plain ± it is not of no width where nothing failed.
pub(super) fn difference(baseline: Share, candidate: Share, z: f64) -> (f64, f64) {
    let change = candidate.share - baseline.share;
    let (low_a, high_a) = baseline.bounds(z);
    let (low_b, high_b) = candidate.bounds(z);
    let below = (candidate.share - low_b).hypot(high_a - baseline.share);
    let above = (high_b - candidate.share).hypot(baseline.share - low_a);
    ((change - below).max(-1.0), (change + above).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(failed: u64, done: u64) -> Share {
        Share::new(failed, done, 0.0)
    }

    #[test]
    fn the_intervals_published_with_the_method_come_out() {
        // Table II of the paper, 95 %, as candidate − baseline.
        let rows = [
            ((48, 80), (56, 70), 0.0524, 0.3339),
            ((3, 10), (9, 10), 0.1705, 0.8090),
            ((2, 7), (6, 7), 0.0582, 0.8062),
            ((0, 29), (5, 56), -0.0381, 0.1926),
            ((0, 20), (0, 10), -0.1611, 0.2775),
        ];
        for ((failed_a, done_a), (failed_b, done_b), low, high) in rows {
            let got = difference(share(failed_a, done_a), share(failed_b, done_b), 1.959_964);
            assert!(
                (got.0 - low).abs() < 1e-4 && (got.1 - high).abs() < 1e-4,
                "{failed_b}/{done_b}: {got:?}"
            );
        }
    }

    #[test]
    fn failures_in_bursts_are_worth_fewer_requests() {
        let alone = Share::new(100, 10_000, 0.01 * 0.99 / 10_000.0);
        let bursts = Share::new(100, 10_000, 0.01 * 0.99 / 100.0);
        assert!((alone.worth - 10_000.0).abs() < 1.0, "{alone:?}");
        assert!((bursts.worth - 100.0).abs() < 1e-6, "{bursts:?}");
        let few = share(20, 10_000);
        assert!(difference(few, alone, 3.0).0 > 0.0);
        assert!(difference(few, bursts, 3.0).0 < 0.0);
    }

    #[test]
    fn where_nothing_failed_the_interval_still_has_a_width() {
        let (low, high) = difference(share(0, 1_000), share(0, 1_000), 2.0);
        assert!(high > 0.003 && high < 0.005 && low == -high, "{low} {high}");
    }
}
