//! What was asked for, as far as figures need it: names, curves, phases. Neighbours: `aggregator.rs` sets what was done
//! beside it. Invariant: a pure function of the plan and the time.

use crate::plan::Plan;
use loadforge_analysis::LoadPhase;
use loadforge_scenarios::{Demand, PhaseRole, PhaseSpan};
use std::time::Duration;

/// The plan, as the aggregator sees it.
pub struct Asked {
    /// Names of endpoints known before the run, all scenarios' one after another.
    pub names: Vec<String>,
    /// Each scenario's load.
    pub demands: Vec<Demand>,
    /// Named spans of the run.
    pub phases: Vec<PhaseSpan>,
}

impl Asked {
    /// What this plan asks for.
    pub fn by(plan: &Plan) -> Asked {
        let parts = || plan.parts.iter();
        Asked {
            names: parts().flat_map(|part| part.endpoints.clone()).collect(),
            demands: parts().map(|part| part.demand.clone()).collect(),
            phases: plan.phases.clone(),
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

    /// Arrivals a second asked for at this time, over all scenarios of the open model.
    pub fn rate_at(&self, now: Duration) -> f64 {
        let rates = self.demands.iter().map(|demand| match demand {
            Demand::Users(_) => 0.0,
            Demand::Arrivals { rate, .. } => rate.target_at(now),
        });
        rates.sum()
    }

    /// The phase that a window from `from_ns` to `until_ns` belongs to: the one it begins in, unless that is measured
    /// and the window reaches into one that is not. What lies behind the last phase belongs to it.
    pub fn phase(&self, from_ns: u64, until_ns: u64) -> LoadPhase {
        let ends_ns = |span: &PhaseSpan| u64::try_from(span.until.as_nanos()).unwrap_or(u64::MAX);
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
            names: Vec::new(),
            demands: Vec::new(),
            phases: vec![
                span("warm-up", 2_500, PhaseRole::WarmUp),
                span("steady", 6_500, PhaseRole::Measured),
                span("peak", 8_000, PhaseRole::Measured),
                span("cool-down", 9_000, PhaseRole::CoolDown),
            ],
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
    fn a_plan_without_phases_is_measured_as_a_whole() {
        let asked = Asked {
            phases: Vec::new(),
            ..asked()
        };
        assert_eq!(asked.phase(0, SECOND), LoadPhase::default());
    }
}
