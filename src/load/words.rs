//! A demand in words, such as `ramp from 1 to 200 users over 30s`. Neighbours: `mod.rs` puts several together.

use crate::amounts::time_words;
use loadforge_scenarios::{Demand, Gaps, Pattern};

/// What is asked, in words.
pub fn words(demand: &Demand) -> String {
    match demand {
        Demand::Users(pattern) => pattern_words(pattern, "user", "users"),
        Demand::Arrivals {
            rate,
            gaps,
            max_users,
        } => {
            let curve = pattern_words(rate, "iteration a second", "iterations a second");
            let gaps = match gaps {
                Gaps::Even => "",
                Gaps::Poisson => ", Poisson gaps",
            };
            let users = if *max_users == 1 { "user" } else { "users" };
            format!("{curve}{gaps}, at most {max_users} {users}")
        }
    }
}

fn pattern_words(pattern: &Pattern, one: &str, many: &str) -> String {
    let counted = |count: f64| match count {
        1.0 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    };
    match pattern {
        Pattern::Constant(count) => format!("constant, {}", counted(*count)),
        Pattern::Ramp { from, to, over, .. } => format!(
            "ramp from {from} to {} over {}",
            counted(*to),
            time_words(*over)
        ),
        Pattern::Step {
            from,
            to,
            size,
            every,
        } => format!(
            "step from {from} to {} by {size} every {}",
            counted(*to),
            time_words(*every)
        ),
        Pattern::Spike {
            base,
            peak,
            at,
            length,
            ..
        } => format!(
            "spike from {base} to {} after {} for {}",
            counted(*peak),
            time_words(*at),
            time_words(*length)
        ),
        Pattern::Diurnal {
            base,
            amplitude,
            period,
            ..
        } => format!(
            "wave around {} by {amplitude} every {}",
            counted(*base),
            time_words(*period)
        ),
        other => format!("{}, in {many}", made_of(other, 0)),
    }
}

/// Curves within curves that are told of; whoever nests deeper has the picture.
const DEEPEST: usize = 3;
/// Parts of a curve that are told one by one.
const MOST_PARTS: usize = 4;

/// What a curve is made of, without its unit: it stands inside a sentence.
fn made_of(pattern: &Pattern, depth: usize) -> String {
    let inner = |pattern: &Pattern| made_of(pattern, depth + 1);
    match pattern {
        Pattern::Constant(value) => format!("{value}"),
        Pattern::Ramp { from, to, over, .. } => {
            format!("a ramp from {from} to {to} over {}", time_words(*over))
        }
        Pattern::Step {
            from,
            to,
            size,
            every,
        } => format!(
            "steps from {from} to {to} by {size} every {}",
            time_words(*every)
        ),
        Pattern::Spike {
            base,
            peak,
            at,
            length,
            ..
        } => format!(
            "a spike from {base} to {peak} after {} for {}",
            time_words(*at),
            time_words(*length)
        ),
        Pattern::Diurnal {
            base,
            amplitude,
            period,
            ..
        } => format!(
            "a wave {}..{} every {}",
            (base - amplitude).max(0.0),
            base + amplitude,
            time_words(*period)
        ),
        Pattern::Points(points) => {
            let until = points
                .last()
                .map_or_else(String::new, |(at, _)| time_words(*at));
            match points.len() {
                1 => format!("{}", pattern.peak()),
                count => format!(
                    "a line through {count} points over {until}, at most {}",
                    pattern.peak()
                ),
            }
        }
        _ if depth >= DEEPEST => format!("a curve with a peak of {}", pattern.peak()),
        Pattern::Sequence(parts) => {
            let told = parts.iter().map(|(length, part)| {
                let words = match part {
                    Pattern::Constant(0.0) => "nothing".to_owned(),
                    _ => inner(part),
                };
                format!("{words} for {}", time_words(*length))
            });
            row(told, ", then ", ", then ")
        }
        Pattern::Sum(parts) => {
            format!("the sum of {}", row(parts.iter().map(inner), ", ", " and "))
        }
        Pattern::Product(parts) => match parts.as_slice() {
            [one, Pattern::Constant(factor)] => format!("{factor} times {}", inner(one)),
            _ => format!(
                "the product of {}",
                row(parts.iter().map(inner), ", ", " and ")
            ),
        },
        Pattern::Clamp {
            pattern,
            least,
            most,
        } => {
            let held = match (*least > 0.0, most.is_finite()) {
                (true, true) => format!("between {least} and {most}"),
                (true, false) => format!("at {least} or more"),
                (false, _) => format!("at {most} or less"),
            };
            format!("{}, held {held}", inner(pattern))
        }
    }
}

/// Parts in a row, with what stands between them and before the last.
fn row(parts: impl ExactSizeIterator<Item = String>, between: &str, before_last: &str) -> String {
    let count = parts.len();
    let mut told: Vec<String> = parts.take(MOST_PARTS).collect();
    if count > MOST_PARTS {
        told.push(format!("{} more", count - MOST_PARTS));
    }
    let last = told.pop().unwrap_or_default();
    match told.is_empty() {
        true => last,
        false => format!("{}{before_last}{last}", told.join(between)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_curve_made_of_others_says_of_which() {
        let hour = Duration::from_secs(3_600);
        let wave = Pattern::Diurnal {
            base: 100.0,
            amplitude: 50.0,
            period: 24 * hour,
            phase: 0.0,
        };
        let spike = Pattern::Spike {
            base: 0.0,
            peak: 300.0,
            at: hour,
            length: hour / 60,
            sustain: 0.0,
        };
        let sum = Pattern::Sum(vec![wave.clone(), spike]);
        let scaled = Pattern::Product(vec![wave.clone(), Pattern::Constant(2.0)]);
        let clamped = Pattern::Clamp {
            pattern: Box::new(scaled),
            least: 0.0,
            most: 250.0,
        };
        let points = (0..5).map(|at| (at * hour, f64::from(at))).collect();
        let cut = Pattern::Sequence(vec![(hour, wave), (hour, Pattern::Constant(0.0))]);
        let many = Pattern::Sum(vec![Pattern::Constant(1.0); 9]);
        for (pattern, words) in [
            (
                sum,
                "the sum of a wave 50..150 every 24h and a spike from 0 to 300 after 1h for 1m, in users",
            ),
            (
                clamped,
                "2 times a wave 50..150 every 24h, held at 250 or less, in users",
            ),
            (
                Pattern::Points(points),
                "a line through 5 points over 4h, at most 4, in users",
            ),
            (
                cut,
                "a wave 50..150 every 24h for 1h, then nothing for 1h, in users",
            ),
            (many, "the sum of 1, 1, 1, 1 and 5 more, in users"),
        ] {
            assert_eq!(super::words(&Demand::Users(pattern)), words);
        }
    }
}
