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
            format!("{curve}{gaps}, at most {max_users} users")
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
        other => format!("a curve with a peak of {}", counted(other.peak())),
    }
}
