//! Chance and pauses in a user's life: which task comes next, and how long the user thinks before it.
//! Neighbours: `life.rs` draws from these. Invariant: weights are checked on construction, drawing cannot fail.

use rand_core::Rng;
use std::time::Duration;

/// A number in `0..bound` without bias (Lemire 2019, "Fast random integer generation in an interval").
pub fn below(rng: &mut impl Rng, bound: u64) -> u64 {
    assert!(bound > 0, "the bound of a random number is at least 1");
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(bound);
        if product as u64 >= bound.wrapping_neg() % bound {
            return (product >> 64) as u64;
        }
    }
}

/// Tasks' weights, ready for drawing.
#[derive(Clone, Debug)]
pub struct TaskWeights {
    /// Running sums; the last is the total.
    sums: Vec<u64>,
}

impl TaskWeights {
    /// Takes the weights by task; `None` when there is no task or every weight is 0.
    pub fn new(weights: impl IntoIterator<Item = u32>) -> Option<TaskWeights> {
        let mut total = 0;
        let sums: Vec<u64> = weights
            .into_iter()
            .map(|weight| {
                total += u64::from(weight);
                total
            })
            .collect();
        (total > 0).then_some(TaskWeights { sums })
    }

    /// Draws a task's index with a probability in proportion to its weight; one task alone costs no draw.
    pub fn pick(&self, rng: &mut impl Rng) -> usize {
        if self.sums.len() == 1 {
            return 0;
        }
        let total = self.sums[self.sums.len() - 1];
        let drawn = below(rng, total);
        self.sums.partition_point(|sum| *sum <= drawn)
    }
}

/// How long a user thinks between two tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ThinkTime {
    /// Not at all.
    #[default]
    None,
    /// Always as long.
    Constant(Duration),
    /// Evenly spread from the first to the second, both included.
    Uniform(Duration, Duration),
}

impl ThinkTime {
    /// Draws a pause; `None` when there is none, so that the caller need not wait at all.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<Duration> {
        match self {
            ThinkTime::None => None,
            ThinkTime::Constant(pause) => Some(*pause),
            ThinkTime::Uniform(from, to) => {
                let spread = to.saturating_sub(*from).as_nanos() as u64;
                Some(*from + Duration::from_nanos(below(rng, spread.saturating_add(1))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    #[test]
    fn tasks_come_in_proportion_to_their_weights() {
        let weights = TaskWeights::new([3, 0, 1]).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut counts = [0u32; 3];
        for _ in 0..40_000 {
            counts[weights.pick(&mut rng)] += 1;
        }
        assert_eq!(counts[1], 0);
        // Five standard deviations of a binomial with n = 40,000 and p = 3/4 are 433.
        assert!(counts[0].abs_diff(30_000) < 433, "{counts:?}");
    }

    #[test]
    fn weights_of_nothing_or_only_zero_are_refused() {
        assert!(TaskWeights::new([]).is_none());
        assert!(TaskWeights::new([0, 0]).is_none());
    }

    #[test]
    fn uniform_think_time_stays_within_its_ends() {
        let (from, to) = (Duration::from_millis(10), Duration::from_millis(12));
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let drawn: Vec<_> = (0..1000)
            .map(|_| ThinkTime::Uniform(from, to).draw(&mut rng).unwrap())
            .collect();
        assert!(drawn.iter().all(|pause| (from..=to).contains(pause)));
        assert!(
            drawn
                .iter()
                .any(|pause| *pause < from + Duration::from_micros(200))
        );
        assert!(
            drawn
                .iter()
                .any(|pause| *pause > to - Duration::from_micros(200))
        );
    }
}
