//! What was asked for, as far as figures need it: names, curves, phases. Neighbours: `aggregator.rs` sets what was done
//! beside it. Invariant: a pure function of the plan and the time.

use crate::plan::Plan;
use loadforge_analysis::{LoadModel, LoadPhase, Threshold};
use loadforge_scenarios::{Course, Demand, PhaseRole, PhaseSpan};
use std::time::Duration;

/// The plan, as the aggregator sees it.
#[derive(Default)]
pub struct Asked {
    /// Names of endpoints known before the run, all scenarios' one after another.
    pub names: Vec<String>,
    /// By scenario: what stands in front of names that it chooses at run time.
    pub beside: Vec<Option<String>>,
    /// Each scenario's load.
    pub demands: Vec<Demand>,
    /// The curves of those whose arrivals set the pace.
    pub courses: Vec<Course>,
    /// Named spans of the run.
    pub phases: Vec<PhaseSpan>,
    /// What the run has to reach.
    pub thresholds: Vec<Threshold>,
}

impl Asked {
    /// What this plan asks for.
    pub fn by(plan: &Plan) -> Asked {
        let parts = || plan.parts.iter();
        Asked {
            names: parts().flat_map(|part| part.endpoints.clone()).collect(),
            beside: parts().map(|part| part.beside.clone()).collect(),
            demands: parts().map(|part| part.demand.clone()).collect(),
            courses: parts()
                .filter_map(|part| course(&part.demand, plan.duration))
                .collect(),
            phases: plan.phases.clone(),
            thresholds: plan.thresholds.clone(),
        }
    }

    /// Which side sets the pace: arrivals, as soon as one scenario has any.
    pub fn model(&self) -> LoadModel {
        let is_open = |demand: &Demand| matches!(demand, Demand::Arrivals { .. });
        match self.demands.iter().any(is_open) {
            true => LoadModel::Open,
            false => LoadModel::Closed,
        }
    }

    /// Users asked for at this time, over all scenarios; of the open model, the most that there may be.
    pub fn users_at(&self, now: Duration) -> u64 {
        let users = self.demands.iter().map(|demand| match demand {
            Demand::Users(pattern) => pattern.target_at(now).round() as u64,
            Demand::Arrivals { max_users, .. } => *max_users,
        });
        users.sum()
    }

    /// Arrivals a second asked for between these times, on average, over all scenarios of the open model; 0 past the end.
    pub fn rate_between(&self, from_ns: u64, until_ns: u64) -> f64 {
        let (from_s, until_s) = (from_ns as f64 / 1e9, until_ns as f64 / 1e9);
        let between = |course: &Course| course.level_at(until_s) - course.level_at(from_s);
        let arrivals: f64 = self.courses.iter().map(between).sum();
        arrivals / (until_s - from_s).max(1e-9)
    }

    /// The end of a window that begins at `from_ns` and may last until `until_ns`: earlier where a phase ends in between,
    /// so that each window lies in one.
    pub fn window_end(&self, from_ns: u64, until_ns: u64) -> u64 {
        let ends = self.phases.iter().map(ends_ns);
        let inside = ends.filter(|end_ns| *end_ns > from_ns && *end_ns < until_ns);
        inside.min().unwrap_or(until_ns)
    }

    /// The phase that a window from `from_ns` to `until_ns` belongs to: the one it begins in, unless that is measured
    /// and the window reaches into one that is not. What lies behind the last phase belongs to it.
    pub fn phase(&self, from_ns: u64, until_ns: u64) -> LoadPhase {
        let at = |ns: u64| {
            let found = self.phases.iter().find(|span| ns < ends_ns(span));
            found.or(self.phases.last())
        };
        let first = at(from_ns);
        let last = at(until_ns.saturating_sub(1).max(from_ns));
        let is_measured =
            |span: Option<&PhaseSpan>| span.is_none_or(|span| span.role == PhaseRole::Measured);
        let belongs = if is_measured(first) { last } else { first };
        let belongs = if is_measured(belongs) { first } else { belongs };
        belongs.map_or_else(LoadPhase::default, |span| LoadPhase {
            name: span.name.clone(),
            role: span.role,
        })
    }
}

fn course(demand: &Demand, duration: Duration) -> Option<Course> {
    match demand {
        Demand::Users(_) => None,
        Demand::Arrivals { rate, .. } => Some(Course::new(rate, duration)),
    }
}

fn ends_ns(span: &PhaseSpan) -> u64 {
    u64::try_from(span.until.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn asked() -> Asked {
        let span = |name: &str, until_ms, role| PhaseSpan {
            name: name.to_owned(),
            until: Duration::from_millis(until_ms),
            role,
        };
        Asked {
            phases: vec![
                span("warm-up", 2_500, PhaseRole::WarmUp),
                span("steady", 6_500, PhaseRole::Measured),
                span("peak", 8_000, PhaseRole::Measured),
                span("cool-down", 9_000, PhaseRole::CoolDown),
            ],
            ..Asked::default()
        }
    }

    #[test]
    fn a_window_that_reaches_into_what_is_not_measured_is_not_measured() {
        let names: Vec<String> = (0..11)
            .map(|second| asked().phase(second * SECOND, (second + 1) * SECOND).name)
            .collect();
        let expected = [
            "warm-up",
            "warm-up",
            "warm-up",
            "steady",
            "steady",
            "steady",
            "steady",
            "peak",
            "cool-down",
            "cool-down",
            "cool-down",
        ];
        assert_eq!(names, expected);
        let reaches = asked().phase(7 * SECOND + SECOND / 2, 8 * SECOND + SECOND / 2);
        assert_eq!(reaches.role, PhaseRole::CoolDown);
    }

    #[test]
    fn windows_end_where_phases_do() {
        let ends = |from_ns| asked().window_end(from_ns, from_ns + SECOND);
        assert_eq!((ends(0), ends(SECOND)), (SECOND, 2 * SECOND));
        assert_eq!(ends(2 * SECOND), 2 * SECOND + SECOND / 2);
        assert_eq!(ends(8 * SECOND), 9 * SECOND);
    }

    #[test]
    fn the_rate_asked_for_is_that_of_the_whole_window() {
        let spike = loadforge_scenarios::Pattern::Spike {
            base: 10.0,
            peak: 110.0,
            at: Duration::from_millis(1_200),
            length: Duration::from_millis(500),
            sustain: 10.0,
        };
        let asked = Asked {
            courses: vec![Course::new(&spike, Duration::from_secs(3))],
            ..asked()
        };
        assert!((asked.rate_between(SECOND, 2 * SECOND) - 60.0).abs() < 1e-9);
        assert_eq!(asked.rate_between(4 * SECOND, 5 * SECOND), 0.0);
    }

    #[test]
    fn a_plan_without_phases_is_measured_as_a_whole() {
        let asked = Asked {
            phases: Vec::new(),
            ..asked()
        };
        assert_eq!(asked.phase(0, SECOND), LoadPhase::default());
    }
}
