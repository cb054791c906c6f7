//! Counts by the second of the run they belong to, small enough for a page: what was offered and what was sent, each at
//! its own time. Neighbours: `series.rs` keeps two of them. Invariant: no count is lost, and there are never more
//! stretches than asked for, whatever the run's length.

use std::collections::BTreeMap;

/// Counts over stretches of equal length from the start of the run on.
#[derive(Clone, Debug)]
pub struct SecondCounts {
    counts: Vec<u64>,
    /// Seconds in a stretch: a power of two.
    stretch_s: u64,
    most: usize,
}

impl SecondCounts {
    /// No counts yet; `most` stretches at most, at least two.
    pub(crate) fn with_most(most: usize) -> SecondCounts {
        SecondCounts {
            counts: Vec::new(),
            stretch_s: 1,
            most: most.max(2),
        }
    }

    /// Adds counts by second.
    pub(crate) fn add(&mut self, by_second: &BTreeMap<u64, u64>) {
        for (second, count) in by_second {
            while second / self.stretch_s >= self.most as u64 {
                self.merge_pairs();
            }
            let index = (second / self.stretch_s) as usize;
            if self.counts.len() <= index {
                self.counts.resize(index + 1, 0);
            }
            self.counts[index] += count;
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The middle of each stretch in seconds since the start of the run, and its count per second. The last one ends with the
    /// run, at `end_s`, if that is within it.
    pub fn rates(&self, end_s: f64) -> impl Iterator<Item = (f64, f64)> + '_ {
        (0u64..).zip(&self.counts).map(move |(index, count)| {
            let from_s = (index * self.stretch_s) as f64;
            let whole = from_s + self.stretch_s as f64;
            // Less than a tenth of a second is no base for a rate.
            let until_s = if end_s > from_s + 0.1 {
                whole.min(end_s)
            } else {
                whole
            };
            ((from_s + until_s) / 2.0, *count as f64 / (until_s - from_s))
        })
    }

    fn merge_pairs(&mut self) {
        self.counts = self
            .counts
            .chunks(2)
            .map(|pair| pair.iter().sum())
            .collect();
        self.stretch_s *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_told_later_are_added_to_their_own_second() {
        let mut counts = SecondCounts::with_most(100);
        counts.add(&BTreeMap::from([(0, 5), (2, 7)]));
        counts.add(&BTreeMap::from([(0, 1), (1, 2)]));
        let rates: Vec<_> = counts.rates(2.5).collect();
        assert_eq!(rates, [(0.5, 6.0), (1.5, 2.0), (2.25, 14.0)]);
    }

    #[test]
    fn a_run_of_any_length_keeps_its_counts_in_few_stretches() {
        let mut counts = SecondCounts::with_most(10);
        for second in 0..1_000 {
            counts.add(&BTreeMap::from([(second, 3)]));
        }
        // A damaged line must not take the memory.
        counts.add(&BTreeMap::from([(u64::MAX / 2, 1)]));
        assert!(counts.counts.len() <= 10);
        assert_eq!(counts.counts.iter().sum::<u64>(), 3_001);
    }
}
