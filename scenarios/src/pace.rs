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
    /// Around a mean with a standard deviation, as a bell; what would lie before nothing is nothing.
    Normal {
        /// Where most pauses lie.
        mean: Duration,
        /// The standard deviation: two pauses in three are no further from the mean.
        sd: Duration,
    },
    /// As between independent visitors: many short pauses, few long ones.
    Exponential {
        /// The mean.
        mean: Duration,
    },
}

impl ThinkTime {
    /// Evenly spread between two lengths; always as long when they are equal, and not at all when both are nothing.
    pub fn between(from: Duration, to: Duration) -> ThinkTime {
        match (from, to) {
            (_, Duration::ZERO) => ThinkTime::None,
            (from, to) if from == to => ThinkTime::Constant(to),
            (from, to) => ThinkTime::Uniform(from, to),
        }
    }

    /// Draws a pause; `None` when there is none, so that the caller need not wait at all.
    pub fn draw(&self, rng: &mut impl Rng) -> Option<Duration> {
        match self {
            ThinkTime::None => None,
            ThinkTime::Constant(pause) => Some(*pause),
            ThinkTime::Uniform(from, to) => {
                let spread = to.saturating_sub(*from).as_nanos() as u64;
                Some(*from + Duration::from_nanos(below(rng, spread.saturating_add(1))))
            }
            ThinkTime::Normal { mean, sd } => {
                // Box and Muller 1958: one of its two numbers.
                let bell = (-2.0 * open_fraction(rng).ln()).sqrt()
                    * (std::f64::consts::TAU * open_fraction(rng)).cos();
                Some(seconds(mean.as_secs_f64() + bell * sd.as_secs_f64()))
            }
            ThinkTime::Exponential { mean } => {
                Some(seconds(-open_fraction(rng).ln() * mean.as_secs_f64()))
            }
        }
    }
}

/// A number above 0 and at most 1, so that its logarithm is a number.
fn open_fraction(rng: &mut impl Rng) -> f64 {
    ((rng.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
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

    #[test]
    fn drawn_pauses_have_the_mean_and_spread_that_were_asked_for() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut moments = |think: ThinkTime| {
            let drawn: Vec<f64> = (0..20_000)
                .map(|_| think.draw(&mut rng).unwrap().as_secs_f64())
                .collect();
            let mean = drawn.iter().sum::<f64>() / 20_000.0;
            let squares = drawn.iter().map(|pause| (pause - mean).powi(2));
            (mean, (squares.sum::<f64>() / 20_000.0).sqrt())
        };
        let (mean, sd) = (Duration::from_secs(10), Duration::from_secs(2));
        // Five standard errors: 2/√20,000 and 10/√20,000 of a mean, and half of that of a bell's spread.
        let (at, spread) = moments(ThinkTime::Normal { mean, sd });
        assert!(
            (at - 10.0).abs() < 0.07 && (spread - 2.0).abs() < 0.05,
            "{at} {spread}"
        );
        let (at, spread) = moments(ThinkTime::Exponential { mean });
        assert!(
            (at - 10.0).abs() < 0.36 && (spread - 10.0).abs() < 0.6,
            "{at} {spread}"
        );
        // Half of such a bell lies before nothing.
        let wide = ThinkTime::Normal {
            mean: Duration::ZERO,
            sd,
        };
        let nothing = (0..1000)
            .filter(|_| wide.draw(&mut rng).unwrap().is_zero())
            .count();
        assert!((400..600).contains(&nothing), "{nothing}");
    }
}
