//! Load over time: patterns are pure functions of time and know nothing of what they drive, users or arrivals a second.
//! Neighbours: `demand.rs` says what is driven, `document/` reads patterns from files, `arrivals.rs` turns a curve into
//! the times of single arrivals. Invariant: targets are finite and not negative.

mod course;
mod form;
mod steered;
mod trace;

pub use course::Course;
pub(crate) use steered::Hint;
pub use steered::{Level, SteeredCourse};
pub use trace::{TraceError, TraceScale, parse_trace, read_trace};

use std::{f64::consts::TAU, time::Duration};

/// How a ramp gets from one end to the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RampCurve {
    /// In a straight line.
    #[default]
    Linear,
    /// By the same factor in the same time; both ends are above 0.
    Exponential,
}

/// A curve of load over time. Values are users, or arrivals a second.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// The same all the time.
    Constant(f64),
    /// From `from` to `to` over `over`, then `to`.
    Ramp {
        /// The target at the start.
        from: f64,
        /// The target at the end of the ramp and after it.
        to: f64,
        /// How long the ramp takes; at least 1 ns.
        over: Duration,
        /// How it gets there.
        curve: RampCurve,
    },
    /// `from`, and each time `every` has passed `size` more (or less, when `to` is lower), until `to`, then `to`.
    Step {
        /// The target at the start.
        from: f64,
        /// The target of the last step; no step goes past it.
        to: f64,
        /// The height of a step; more than 0.
        size: f64,
        /// The length of a step; at least 1 ns.
        every: Duration,
    },
    /// `base`, then at `at` a burst of `peak` for `length`, then `sustain`.
    Spike {
        /// The target before the burst.
        base: f64,
        /// The target in the burst.
        peak: f64,
        /// When the burst begins.
        at: Duration,
        /// How long it lasts; at least 1 ns.
        length: Duration,
        /// The target after it.
        sustain: f64,
    },
    /// `base + amplitude * sin(2π (t / period + phase))`, never below 0: day and night.
    Diurnal {
        /// The middle.
        base: f64,
        /// How far it goes up and down from there.
        amplitude: f64,
        /// The length of a whole wave; at least 1 ns.
        period: Duration,
        /// Where in the wave the run begins, in waves: 0.75 begins at the lowest point.
        phase: f64,
    },
    /// Straight lines between points, in the order of their times; the first value before the first, the last after the
    /// last. Two points of one time are a jump. At least one point.
    Points(Vec<(Duration, f64)>),
    /// One after another, each for its length and by its own clock; after the last, what the last ends with. At least one.
    Sequence(Vec<(Duration, Pattern)>),
    /// All added up; nothing when there is none.
    Sum(Vec<Pattern>),
    /// All multiplied; 1 when there is none.
    Product(Vec<Pattern>),
    /// Held between two bounds.
    Clamp {
        /// What is held.
        pattern: Box<Pattern>,
        /// The least it may be.
        least: f64,
        /// The most it may be; not below `least`.
        most: f64,
    },
}

impl Pattern {
    /// The target at `t` since the start of the run.
    pub fn target_at(&self, t: Duration) -> f64 {
        match self {
            Pattern::Constant(value) => *value,
            Pattern::Ramp { to, over, .. } if t >= *over => *to,
            Pattern::Ramp {
                from,
                to,
                over,
                curve,
            } => {
                let part = t.as_secs_f64() / over.as_secs_f64();
                match curve {
                    RampCurve::Linear => from + (to - from) * part,
                    RampCurve::Exponential => from * (to / from).powf(part),
                }
            }
            Pattern::Step {
                from,
                to,
                size,
                every,
            } => {
                let steps = (t.as_nanos() / every.as_nanos()) as f64;
                if to >= from {
                    (from + steps * size).min(*to)
                } else {
                    (from - steps * size).max(*to)
                }
            }
            Pattern::Spike { base, at, .. } if t < *at => *base,
            Pattern::Spike {
                peak,
                at,
                length,
                sustain,
                ..
            } => {
                if t - *at < *length {
                    *peak
                } else {
                    *sustain
                }
            }
            Pattern::Diurnal {
                base,
                amplitude,
                period,
                phase,
            } => {
                let waves = t.as_secs_f64() / period.as_secs_f64() + phase;
                (base + amplitude * (TAU * waves).sin()).max(0.0)
            }
            Pattern::Points(points) => between(points, t),
            Pattern::Sequence(parts) => {
                let mut began = Duration::ZERO;
                for (length, pattern) in parts {
                    if t < began + *length {
                        return pattern.target_at(t - began);
                    }
                    began += *length;
                }
                parts
                    .last()
                    .map_or(0.0, |(length, pattern)| pattern.target_at(*length))
            }
            Pattern::Sum(patterns) => patterns.iter().map(|pattern| pattern.target_at(t)).sum(),
            Pattern::Product(patterns) => patterns
                .iter()
                .map(|pattern| pattern.target_at(t))
                .product(),
            Pattern::Clamp {
                pattern,
                least,
                most,
            } => pattern.target_at(t).clamp(*least, *most),
        }
    }

    /// A target that is never exceeded, and reached where a single curve says so: the highest value of the curve, for
    /// sums and products that of their parts together.
    pub fn peak(&self) -> f64 {
        match self {
            Pattern::Constant(value) => *value,
            Pattern::Ramp { from, to, .. } | Pattern::Step { from, to, .. } => from.max(*to),
            Pattern::Spike {
                base,
                peak,
                sustain,
                ..
            } => base.max(*peak).max(*sustain),
            Pattern::Diurnal {
                base, amplitude, ..
            } => (base + amplitude.abs()).max(0.0),
            Pattern::Points(points) => points.iter().map(|(_, value)| *value).fold(0.0, f64::max),
            Pattern::Sequence(parts) => parts
                .iter()
                .map(|(_, pattern)| pattern.peak())
                .fold(0.0, f64::max),
            Pattern::Sum(patterns) => patterns.iter().map(Pattern::peak).sum(),
            Pattern::Product(patterns) => patterns.iter().map(Pattern::peak).product(),
            Pattern::Clamp {
                pattern,
                least,
                most,
            } => pattern.peak().clamp(*least, *most),
        }
    }

    /// The target at the start of each second, for as long as `duration`, rounded to whole users.
    pub fn iter_concurrency(&self, duration: Duration) -> impl Iterator<Item = u32> + '_ {
        (0..duration.as_secs_f64().ceil() as u64)
            .map(|second| self.target_at(Duration::from_secs(second)).round() as u32)
    }
}

/// The value at `t` on the straight lines between points.
fn between(points: &[(Duration, f64)], t: Duration) -> f64 {
    let behind = points.partition_point(|(time, _)| *time <= t);
    match (
        behind.checked_sub(1).map(|at| points[at]),
        points.get(behind),
    ) {
        (None, Some((_, first))) => *first,
        (Some((_, last)), None) => last,
        (Some((left, from)), Some((right, to))) => {
            let part = (t - left).as_secs_f64() / (*right - left).as_secs_f64();
            from + (to - from) * part
        }
        (None, None) => 0.0,
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
            curve: RampCurve::Linear,
        };
        let users: Vec<u32> = ramp.iter_concurrency(Duration::from_secs(7)).collect();
        assert_eq!(users, [0, 2, 4, 6, 8, 10, 10]);
        assert_eq!(ramp.peak(), 10.0);
    }
}
