//! The curves of a plan, read off at enough moments to be drawn. Neighbours: `html/preview.rs` and `terminal/preview.rs`
//! draw them. Invariant: a peak or a dip of a second is seen, however long the run, up to `FINEST` looks a stretch.

use loadforge_scenarios::Pattern;
use std::time::Duration;

/// Looks at a curve in one stretch: with 1,000 stretches a day is looked at every 1.35 s.
const FINEST: u32 = 64;

/// A curve of a plan with its name.
#[derive(Clone, Copy, Debug)]
pub struct Curve<'a> {
    /// Whose load it is: the scenario's name.
    pub name: &'a str,
    /// The load over time.
    pub pattern: &'a Pattern,
    /// What its values are: `users` or `arrivals/s`.
    pub unit: &'a str,
}

/// Points of a curve in order of time, in seconds and in its unit: of each of `stretches` equal stretches the lowest and the
/// highest value, where they are.
pub(crate) fn samples(
    curve: &impl Fn(Duration) -> f64,
    duration: Duration,
    stretches: usize,
) -> Vec<(f64, f64)> {
    let length_s = duration.as_secs_f64();
    let stretch_s = length_s / stretches as f64;
    // The end of a run belongs to nothing that follows: look just before it.
    let last = duration.saturating_sub(Duration::from_nanos(1));
    let at = |at_s: f64| {
        (
            at_s,
            curve(Duration::from_secs_f64(at_s.max(0.0)).min(last)),
        )
    };
    let mut points = vec![at(0.0)];
    for stretch in 0..stretches {
        let looks = (0..FINEST)
            .map(|look| at(stretch_s * (stretch as f64 + f64::from(look) / f64::from(FINEST))));
        let lowest = looks.clone().min_by(|a, b| a.1.total_cmp(&b.1));
        let highest = looks.max_by(|a, b| a.1.total_cmp(&b.1));
        let mut pair: Vec<(f64, f64)> = lowest.into_iter().chain(highest).collect();
        pair.sort_by(|a, b| a.0.total_cmp(&b.0));
        points.extend(pair);
    }
    points.push(at(length_s));
    points.dedup();
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_two_seconds_in_a_day_is_seen_at_its_full_height() {
        let spike = Pattern::Spike {
            base: 10.0,
            peak: 900.0,
            at: Duration::from_secs(50_000),
            length: Duration::from_secs(2),
            sustain: 20.0,
        };
        let day = Duration::from_secs(86_400);
        let points = samples(&|t| spike.target_at(t), day, 1_000);
        let highest = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        assert_eq!(highest, 900.0);
        assert_eq!(points[0], (0.0, 10.0));
        assert_eq!(points[points.len() - 1], (86_400.0, 20.0));
        assert!(points.is_sorted_by(|a, b| a.0 <= b.0));
        assert!(points.len() <= 2_002);
    }

    #[test]
    fn a_plan_of_no_length_is_a_point() {
        let points = samples(&|_| 3.0, Duration::ZERO, 10);
        assert_eq!(points, [(0.0, 3.0)]);
    }
}
