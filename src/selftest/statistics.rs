//! Quantiles, gaps and the Kolmogorov–Smirnov test. Neighbours: `judge.rs` and `queues.rs` use them.
//! Invariant: quantile q of n values is number ⌈q·n⌉ in order, as in `loadforge-analysis`.

use statrs::{
    distribution::Exp,
    stats_tests::{
        NaNPolicy,
        ks_test::{KSOneSampleAlternativeMethod, ks_onesample},
    },
};

/// A quantile of values in order; `None` of none.
pub(super) fn quantile<T: Copy>(sorted: &[T], q: f64) -> Option<T> {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// The gaps between moments in order, themselves in order of length, in ms.
pub(super) fn gaps_ms(moments_ns: &[u64]) -> Vec<f64> {
    let mut gaps: Vec<f64> = moments_ns
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) as f64 / 1e6)
        .collect();
    gaps.sort_by(f64::total_cmp);
    gaps
}

/// How likely gaps at least as far from the exponential distribution are by chance, when the rate is known: the p-value of the
/// Kolmogorov–Smirnov test (two-sided, by Kolmogorov's limit, good from some 40 gaps on). `None` of fewer than two gaps.
pub(super) fn exponential_p(gaps_ms: &[f64], rate_per_s: f64) -> Option<f64> {
    let law = Exp::new(rate_per_s / 1e3).ok()?;
    let method = KSOneSampleAlternativeMethod::TwoSidedAsymptotic;
    let (_, p) = ks_onesample(gaps_ms.to_vec(), &law, method, NaNPolicy::Error).ok()?;
    Some(p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_values_at_their_rank() {
        let values: Vec<u32> = (1..=1_000).collect();
        for (q, value) in [
            (0.0, 1),
            (0.5, 500),
            (0.99, 990),
            (0.999, 999),
            (1.0, 1_000),
        ] {
            assert_eq!(quantile(&values, q), Some(value));
        }
        assert_eq!(quantile::<u32>(&[], 0.5), None);
    }

    /// Gaps at the exact quantiles of the exponential: as near to it as so many can be.
    fn ideal(count: u32, rate_per_s: f64) -> Vec<f64> {
        (0..count)
            .map(|at| -(1.0 - (f64::from(at) + 0.5) / f64::from(count)).ln() * 1e3 / rate_per_s)
            .collect()
    }

    #[test]
    fn exponential_gaps_are_told_from_others() {
        let good = exponential_p(&ideal(4_000, 1_000.0), 1_000.0).unwrap();
        assert!(good > 0.99, "{good}");
        // Off by a tenth in rate.
        let slow = exponential_p(&ideal(4_000, 900.0), 1_000.0).unwrap();
        assert!(slow < 1e-3, "{slow}");
        let even = exponential_p(&vec![1.0; 4_000], 1_000.0).unwrap();
        assert!(even < 1e-3, "{even}");
        assert_eq!(exponential_p(&[], 1_000.0), None);
    }

    #[test]
    fn the_p_value_is_kolmogorovs() {
        // Shifted by a share d of all probability, D is d and p = 2·Σ(−1)^(k−1)·e^(−2k²nd²): 0.05 at √n·d = 1.358.
        let count = 10_000;
        let shift = 1.358 / f64::from(count).sqrt();
        let shifted: Vec<f64> = (0..count)
            .map(|at| {
                let u = (f64::from(at) + 0.5) / f64::from(count);
                -(1.0 - u * (1.0 - shift)).ln()
            })
            .collect();
        let p = exponential_p(&shifted, 1_000.0).unwrap();
        assert!((p - 0.05).abs() < 0.005, "{p}");
    }

    #[test]
    fn gaps_are_those_between_neighbours() {
        assert_eq!(gaps_ms(&[0, 3_000_000, 4_000_000]), [1.0, 3.0]);
        assert!(gaps_ms(&[7]).is_empty());
    }
}
