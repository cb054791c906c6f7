//! How long an answer takes: one length, or a draw from a distribution. Neighbours: `conduct.rs` draws,
//! `config.rs` checks. Invariant: a law that passed `check` gives a finite time for every random number.

use crate::config::{EchoError, MAX_DELAY};
use rand_core::Rng;
use std::time::Duration;

/// How far the shares of a mix may be from 1 together, so that thirds can be written with few digits.
const SHARES_SLACK: f64 = 1e-3;

/// How long answers take, or in a queue: how long serving one request takes.
#[derive(Clone, Debug, PartialEq)]
pub enum DelayLaw {
    /// Always this long; zero answers at once.
    Fixed(Duration),
    /// Exponentially distributed: −mean·ln(u), with u even in (0, 1].
    Exponential {
        /// The mean, more than zero.
        mean: Duration,
    },
    /// Evenly distributed over a range.
    Uniform {
        /// The shortest.
        from: Duration,
        /// The longest; at least `from`.
        to: Duration,
    },
    /// One of several lengths, each with its share of all answers (0 to 1, together 1).
    Mix(Vec<(f64, Duration)>),
}

impl DelayLaw {
    /// Refuses what cannot be drawn from.
    pub(crate) fn check(&self) -> Result<(), EchoError> {
        let longest = match self {
            DelayLaw::Fixed(delay) | DelayLaw::Uniform { to: delay, .. } => *delay,
            DelayLaw::Exponential { mean } => *mean,
            DelayLaw::Mix(parts) => parts.iter().map(|part| part.1).max().unwrap_or_default(),
        };
        if longest > MAX_DELAY {
            return Err(EchoError::Delay { got: longest });
        }
        let wrong = |what| Err(EchoError::Law { what });
        match self {
            DelayLaw::Exponential { mean } if mean.is_zero() => {
                wrong("an exponential delay needs a mean of more than nothing")
            }
            DelayLaw::Uniform { from, to } if from > to => {
                wrong("an even delay runs from the shorter to the longer")
            }
            DelayLaw::Mix(parts) => {
                let sum: f64 = parts.iter().map(|part| part.0).sum();
                let shares_fit = parts.iter().all(|part| (0.0..=1.0).contains(&part.0));
                if shares_fit && (sum - 1.0).abs() <= SHARES_SLACK {
                    Ok(())
                } else {
                    wrong("the shares of a mix are 0 to 1 each and make 1 (100%) together")
                }
            }
            _ => Ok(()),
        }
    }

    /// Draws one delay, in ns.
    pub(crate) fn draw(&self, chance: &mut impl Rng) -> u64 {
        match self {
            DelayLaw::Fixed(delay) => nanos(*delay),
            DelayLaw::Exponential { mean } => {
                // At most 37 means: u is never below 2^-53.
                (-share(chance).ln() * mean.as_nanos() as f64).round() as u64
            }
            DelayLaw::Uniform { from, to } => {
                let (from, to) = (nanos(*from), nanos(*to));
                from + (share(chance) * (to - from) as f64).round() as u64
            }
            DelayLaw::Mix(parts) => {
                let mut left = share(chance);
                for (part, delay) in parts {
                    left -= part;
                    if left <= 0.0 {
                        return nanos(*delay);
                    }
                }
                // The shares fell short of 1 by their rounding.
                parts.last().map_or(0, |(_, delay)| nanos(*delay))
            }
        }
    }
}

/// A number even in (0, 1], with 53 bits: never zero, so that its logarithm is finite.
pub(crate) fn share(chance: &mut impl Rng) -> f64 {
    ((chance.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

/// A duration in ns; 584 years at most.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
