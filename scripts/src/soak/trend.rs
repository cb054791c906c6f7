//! Whether a series of memory readings grows: straight lines by least squares, with the bound below which their slope lies with 1 %
//! probability. Neighbours: `soak.rs` takes the readings. Invariant: a series is called growing only if both the whole of it and its
//! second half are, so that growth that settles is none.
//!
//! Readings a second apart are not independent: a page that is touched stays. A line is therefore laid through the means of a few
//! blocks, far enough apart, and its standard error is that of these.
//!
//! ```text
//! slope b = Σ (t − t̄)(y − ȳ) / Σ (t − t̄)²      error of b = √( Σ residual² / (n − 2) / Σ (t − t̄)² )
//! bound = b − q · error, q the 99 % quantile of Student's t with n − 2 degrees of freedom
//! ```

/// Growth that is too much, in bytes an hour: in ten hours an eighth of the 80 MB that all processes may have.
pub(crate) const LIMIT_BYTES_PER_H: f64 = 1e6;

/// Blocks of the whole, with the quantile for their number less two.
const WHOLE: (usize, f64) = (20, 2.552);
/// Blocks of the second half, likewise.
const HALF: (usize, f64) = (10, 2.896);
/// Fewest readings that can be judged.
pub(crate) const FEWEST: usize = 2 * WHOLE.0;

/// A reading: seconds since the start, bytes.
pub(crate) type Reading = (f64, f64);

/// A straight line's slope in bytes an hour, and what it is above with 99 % probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Slope {
    pub(crate) per_h: f64,
    pub(crate) bound_per_h: f64,
}

/// What the readings come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trend {
    pub(crate) whole: Slope,
    pub(crate) half: Slope,
}

impl Trend {
    /// The trend of readings in the order of time; `None` when there are fewer than `FEWEST`.
    pub(crate) fn of(readings: &[Reading]) -> Option<Trend> {
        if readings.len() < FEWEST {
            return None;
        }
        Some(Trend {
            whole: slope(readings, WHOLE),
            half: slope(&readings[readings.len() / 2..], HALF),
        })
    }

    /// Whether the memory grows for certain, and by more than the limit, and goes on to.
    pub(crate) fn is_growing(&self) -> bool {
        [self.whole, self.half]
            .iter()
            .all(|slope| slope.bound_per_h > 0.0 && slope.per_h > LIMIT_BYTES_PER_H)
    }
}

/// The part of a run that is judged: without its first fifth, a minute at most, in which it warms up.
pub(crate) fn settled(readings: &[Reading]) -> &[Reading] {
    let (Some(first), Some(last)) = (readings.first(), readings.last()) else {
        return readings;
    };
    let from_s = first.0 + ((last.0 - first.0) / 5.0).min(60.0);
    let warm = readings.iter().take_while(|(at_s, _)| *at_s < from_s);
    &readings[warm.count()..]
}

fn slope(readings: &[Reading], (blocks, quantile): (usize, f64)) -> Slope {
    let means: Vec<Reading> = (0..blocks)
        .map(|block| {
            let range = block * readings.len() / blocks..(block + 1) * readings.len() / blocks;
            mean(&readings[range])
        })
        .collect();
    let (mid_s, mid) = mean(&means);
    let of_time: f64 = means.iter().map(|(at_s, _)| (at_s - mid_s).powi(2)).sum();
    let of_both: f64 = means
        .iter()
        .map(|(at_s, bytes)| (at_s - mid_s) * (bytes - mid))
        .sum();
    let per_s = of_both / of_time;
    let residuals: f64 = means
        .iter()
        .map(|(at_s, bytes)| (bytes - mid - per_s * (at_s - mid_s)).powi(2))
        .sum();
    let error = (residuals / (blocks as f64 - 2.0) / of_time).sqrt();
    Slope {
        per_h: per_s * 3_600.0,
        bound_per_h: (per_s - quantile * error) * 3_600.0,
    }
}

fn mean(readings: &[Reading]) -> Reading {
    let count = readings.len() as f64;
    let sum = readings.iter().fold((0.0, 0.0), |sum, reading| {
        (sum.0 + reading.0, sum.1 + reading.1)
    });
    (sum.0 / count, sum.1 / count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::{
        ChaCha8Rng,
        rand_core::{Rng, SeedableRng},
    };

    const MB: f64 = 1e6;

    /// Five minutes, a reading a second.
    fn series(bytes: impl Fn(f64) -> f64) -> Vec<Reading> {
        (0..300)
            .map(|second| (f64::from(second), bytes(f64::from(second))))
            .collect()
    }

    /// The same with noise of this width, drawn from a seed.
    fn noisy(seed: u64, width: f64, bytes: impl Fn(f64) -> f64) -> Vec<Reading> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut readings = series(bytes);
        for (_, bytes) in &mut readings {
            *bytes += width * (rng.next_u64() as f64 / u64::MAX as f64 - 0.5);
        }
        readings
    }

    fn is_growing(readings: &[Reading]) -> bool {
        Trend::of(settled(readings)).unwrap().is_growing()
    }

    #[test]
    fn memory_that_is_flat_does_not_grow_whatever_its_noise() {
        assert!(!is_growing(&series(|_| 20.0 * MB)));
        let found = (0..1_000).filter(|seed| is_growing(&noisy(*seed, 0.5 * MB, |_| 20.0 * MB)));
        // Each of two bounds errs once in a hundred; together less.
        assert!(found.count() <= 10);
    }

    #[test]
    fn a_leak_is_found_in_smooth_noise_and_in_steps() {
        let leak = |at_s: f64| 20.0 * MB + 5.0 * MB * at_s / 3_600.0;
        assert!(is_growing(&series(leak)));
        for seed in 0..100 {
            assert!(is_growing(&noisy(seed, 0.05 * MB, leak)), "seed {seed}");
        }
        // A block of 64 KiB every 20 s: 12 MB an hour.
        assert!(is_growing(&series(
            |at_s| 20.0 * MB + 65_536.0 * (at_s / 20.0).floor()
        )));
    }

    #[test]
    fn a_leak_below_the_limit_is_none() {
        assert!(!is_growing(&series(
            |at_s| 20.0 * MB + 0.5 * MB * at_s / 3_600.0
        )));
    }

    #[test]
    fn growth_that_settles_is_none() {
        let settles = |at_s: f64| 20.0 * MB - 4.0 * MB * (-at_s / 25.0).exp();
        assert!(!is_growing(&series(settles)));
        // One step, and no other.
        assert!(!is_growing(&series(
            |at_s| 20.0 * MB + if at_s > 150.0 { 0.3 * MB } else { 0.0 }
        )));
    }

    #[test]
    fn the_first_fifth_is_left_out_and_a_minute_at_most() {
        assert_eq!(settled(&series(|_| 1.0))[0].0, 60.0);
        let short: Vec<Reading> = series(|_| 1.0).into_iter().take(101).collect();
        assert_eq!(settled(&short)[0].0, 20.0);
        assert_eq!(Trend::of(&short[..FEWEST - 1]), None);
        assert!(settled(&[]).is_empty());
    }

    #[test]
    fn slope_and_error_are_those_of_the_formula() {
        // y = 2 t with residuals +1, −1, −1, +1 in blocks of one: Σ residual² = 4, Σ (t − t̄)² = 5.
        let readings = [(0.0, 1.0), (1.0, 1.0), (2.0, 3.0), (3.0, 7.0)];
        let Slope { per_h, bound_per_h } = slope(&readings, (4, 1.0));
        assert!((per_h / 3_600.0 - 2.0).abs() < 1e-12);
        let error = (4.0f64 / 2.0 / 5.0).sqrt();
        assert!((bound_per_h / 3_600.0 - (2.0 - error)).abs() < 1e-12);
    }
}
