//! What a curve would do and the run is too short for: a ramp that never gets to its end, a burst that never comes.
//! Neighbours: `mod.rs` asks, `run`, `validate` and `preview` say it. Invariant: a note says what is missed, when it would
//! come, and what to do.

use super::unit::Unit;
use crate::amounts::time_words;
use loadforge_scenarios::{Pattern, RampCurve};
use std::time::Duration;

/// Finds what a curve does only after it has been left.
pub struct Unseen {
    unit: Unit,
    notes: Vec<String>,
}

impl Unseen {
    /// What is not seen of a curve in this time, in words.
    pub fn of(pattern: &Pattern, unit: Unit, length: Duration) -> Vec<String> {
        let mut unseen = Unseen {
            unit,
            notes: Vec::new(),
        };
        unseen.look(pattern, length);
        unseen.notes.dedup();
        unseen.notes
    }

    fn look(&mut self, pattern: &Pattern, length: Duration) {
        match pattern {
            Pattern::Constant(_) => {}
            Pattern::Ramp {
                from,
                to,
                over,
                curve,
            } => {
                if *over > length && from != to {
                    let kind = match curve {
                        RampCurve::Linear => "ramp",
                        RampCurve::Exponential => "exponential ramp",
                    };
                    self.late(
                        &format!("the end of the {kind}, {},", self.counted(*to)),
                        *over,
                        length,
                    );
                }
            }
            Pattern::Step {
                from,
                to,
                size,
                every,
            } => {
                let steps = ((to - from).abs() / size).ceil();
                let begins = Duration::try_from_secs_f64(every.as_secs_f64() * steps);
                let begins = begins.unwrap_or(Duration::MAX);
                if begins >= length && from != to {
                    self.late(
                        &format!("the last step, to {},", self.counted(*to)),
                        begins,
                        length,
                    );
                }
            }
            Pattern::Spike {
                peak,
                at,
                length: burst,
                ..
            } => {
                let ends = at.saturating_add(*burst);
                if *at >= length {
                    self.late(
                        &format!("the burst of {}", self.counted(*peak)),
                        *at,
                        length,
                    );
                } else if ends > length {
                    self.late("the burst's end", ends, length);
                }
            }
            Pattern::Diurnal {
                base,
                amplitude,
                period,
                phase,
            } => {
                // The highest point is a quarter into the wave.
                let waves = (0.25 - phase).rem_euclid(1.0);
                let highest = period.mul_f64(waves);
                if highest >= length && *amplitude > 0.0 {
                    let peak = self.counted(base + amplitude);
                    self.late(
                        &format!("the wave's highest point, {peak},"),
                        highest,
                        length,
                    );
                }
            }
            Pattern::Points(points) => {
                if let Some((last, _)) = points.last()
                    && *last > length
                {
                    self.late("the curve's last point", *last, length);
                }
            }
            Pattern::Sequence(parts) => self.look_at_each(parts, length),
            Pattern::Sum(patterns) | Pattern::Product(patterns) => {
                for pattern in patterns {
                    self.look(pattern, length);
                }
            }
            Pattern::Clamp { pattern, .. } => self.look(pattern, length),
        }
    }

    fn look_at_each(&mut self, parts: &[(Duration, Pattern)], length: Duration) {
        let mut begins = Duration::ZERO;
        for (index, (own, pattern)) in parts.iter().enumerate() {
            if begins >= length {
                let what = match parts.len() - index {
                    1 => "the last part of the load".to_owned(),
                    left => format!("the first of the last {left} parts of the load"),
                };
                self.late(&what, begins, length);
                return;
            }
            self.look(pattern, (*own).min(length - begins));
            begins = begins.saturating_add(*own);
        }
    }

    fn late(&mut self, what: &str, at: Duration, length: Duration) {
        let (at, length) = (short(at), short(length));
        self.notes.push(format!(
            "{what} would come after {at}, and it is cut off after {length}: it will not be seen; give it more time \
             (--duration, or the phase's own duration), or let it come earlier"
        ));
    }

    fn counted(&self, value: f64) -> String {
        self.unit.counted(value)
    }
}

/// A time as people say it: to the millisecond.
fn short(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    match millis {
        0 => time_words(time),
        _ => time_words(Duration::from_millis(millis)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ramp(over: u64) -> Pattern {
        Pattern::Ramp {
            from: 1.0,
            to: 100.0,
            over: seconds(over),
            curve: RampCurve::Linear,
        }
    }

    fn spike(at: u64, length: u64) -> Pattern {
        Pattern::Spike {
            base: 1.0,
            peak: 500.0,
            at: seconds(at),
            length: seconds(length),
            sustain: 1.0,
        }
    }

    fn step() -> Pattern {
        Pattern::Step {
            from: 10.0,
            to: 40.0,
            size: 10.0,
            every: seconds(10),
        }
    }

    fn wave(phase: f64) -> Pattern {
        Pattern::Diurnal {
            base: 100.0,
            amplitude: 50.0,
            period: seconds(100),
            phase,
        }
    }

    #[test]
    fn what_comes_after_the_end_is_told_with_its_time() {
        let points = Pattern::Points(vec![(seconds(0), 1.0), (seconds(90), 5.0)]);
        let phases = Pattern::Sequence(vec![
            (seconds(20), ramp(30)),
            (seconds(20), Pattern::Constant(5.0)),
        ]);
        for (pattern, length, words) in [
            (
                ramp(60),
                30,
                "the end of the ramp, 100 users, would come after 1m",
            ),
            (
                spike(40, 5),
                30,
                "the burst of 500 users would come after 40s",
            ),
            (spike(20, 15), 30, "the burst's end would come after 35s"),
            (
                step(),
                30,
                "the last step, to 40 users, would come after 30s",
            ),
            (
                wave(0.75),
                50,
                "the wave's highest point, 150 users, would come after 50s",
            ),
            (points, 60, "the curve's last point would come after 1m30s"),
            (
                phases.clone(),
                40,
                "the end of the ramp, 100 users, would come after 30s, and it is cut off after 20s",
            ),
            (phases, 20, "the last part of the load would come after 20s"),
            (
                Pattern::Sum(vec![Pattern::Constant(1.0), spike(40, 5)]),
                30,
                "the burst",
            ),
        ] {
            let notes = Unseen::of(&pattern, Unit::Users, seconds(length));
            let said = notes.join("\n");
            assert!(said.contains(words), "{words} in {said}");
            assert!(said.contains("--duration"), "{said}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_is_seen_whole() {
        for (pattern, length) in [
            (ramp(30), 30),
            (spike(20, 10), 30),
            (step(), 31),
            (wave(0.75), 51),
            (wave(0.25), 1),
            (
                Pattern::Sequence(vec![(seconds(30), ramp(30)), (seconds(5), spike(1, 2))]),
                35,
            ),
        ] {
            assert_eq!(Unseen::of(&pattern, Unit::Rate, seconds(length)), [""; 0]);
        }
    }
}
