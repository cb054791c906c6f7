//! Latencies of one second in buckets half a percent wide, as few bytes as a comparison can do with.
//! Neighbours: `seconds.rs` keeps one for each endpoint and stretch, `resample.rs` adds them up. Invariant: every sample is in
//! exactly one bucket, and buckets stand in order.

use crate::LatencyHistogram;

/// Buckets for each factor of e: the change of a quantile that is looked for is ten times as wide as one.
const STEPS: f64 = 200.0;

/// Counts of latencies: number of the bucket and how many, in order, none of them empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CoarseLatencies(Vec<(u16, u32)>);

impl CoarseLatencies {
    /// The same samples, sorted into wider buckets.
    pub(super) fn of(histogram: &LatencyHistogram) -> CoarseLatencies {
        let mut coarse: Vec<(u16, u32)> = Vec::new();
        histogram.each_middle(|ns, count| {
            let bucket = (ns.max(1) as f64).ln() * STEPS;
            push(
                &mut coarse,
                bucket as u16,
                count.min(u32::MAX.into()) as u32,
            );
        });
        CoarseLatencies(coarse)
    }

    /// Adds every count of another one.
    pub(super) fn add(&mut self, other: &CoarseLatencies) {
        let mut both = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut ours, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            let next = match (ours.peek(), theirs.peek()) {
                (Some(our), Some(their)) if our.0 > their.0 => theirs.next(),
                (Some(_), _) => ours.next(),
                (None, _) => theirs.next(),
            };
            let Some(&(bucket, count)) = next else { break };
            push(&mut both, bucket, count);
        }
        both.shrink_to_fit();
        self.0 = both;
    }

    /// Number of the bucket and how many it holds, in order.
    pub(super) fn counts(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        self.0.iter().copied()
    }

    /// The logarithm of the latency, in ns, that lies this far (0 to 1) into a bucket.
    pub(super) fn log_ns(bucket: u16, into: f64) -> f64 {
        (f64::from(bucket) + into) / STEPS
    }
}

/// Adds to the last bucket, or a new one behind it. A stretch holds fewer samples of a bucket than a count can (10 million a second
/// for seven minutes); a file that says otherwise is counted at the most.
fn push(coarse: &mut Vec<(u16, u32)>, bucket: u16, count: u32) {
    match coarse.last_mut() {
        Some(last) if last.0 == bucket => last.1 = last.1.saturating_add(count),
        _ if count == 0 => {}
        _ => coarse.push((bucket, count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(latencies_us: &[u64]) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::default();
        for us in latencies_us {
            histogram.record_ns(us * 1_000);
        }
        histogram
    }

    #[test]
    fn two_added_are_as_if_all_had_been_counted_in_one() {
        let (left, right) = ([5, 80, 80, 4_000, 900_000], [1, 80, 81, 7_000_000]);
        let mut sum = CoarseLatencies::of(&histogram(&left));
        sum.add(&CoarseLatencies::of(&histogram(&right)));
        let all = CoarseLatencies::of(&histogram(&[&left[..], &right[..]].concat()));
        assert_eq!(sum, all);
        assert!(sum.0.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(sum.counts().map(|(_, count)| count).sum::<u32>(), 9);
    }

    #[test]
    fn a_bucket_is_half_a_percent_wide_and_holds_its_own_latency() {
        for us in [100_u64, 1_234, 99_999, 3_600_000_000] {
            let coarse = CoarseLatencies::of(&histogram(&[us]));
            let (bucket, _) = coarse.counts().next().unwrap();
            let [low, high] = [0.0, 1.0].map(|into| CoarseLatencies::log_ns(bucket, into).exp());
            assert!(high / low < 1.0051, "{us} µs");
            // The histogram's own bucket is up to 1/1,024 wide.
            let ns = us as f64 * 1e3;
            assert!(
                low < ns * 1.001 && ns * 0.999 < high,
                "{us} µs: {low} to {high}"
            );
        }
    }

    #[test]
    fn nothing_counted_is_no_bucket() {
        let mut nothing = CoarseLatencies::of(&LatencyHistogram::default());
        nothing.add(&CoarseLatencies::default());
        assert_eq!(nothing.counts().count(), 0);
    }
}
