//! What was asked for, as far as figures need it: names, curves, phases. Neighbours: `aggregator.rs` sets what was done
//! beside it. Invariant: a pure function of the plan, the orders and the time.

use crate::{plan::Plan, steering::SteeredLoad};
use loadforge_analysis::{LoadModel, LoadPhase, Steering, Threshold};
use loadforge_ring::LoadOrder;
use loadforge_scenarios::{Demand, PhaseRole, PhaseSpan, SteeredCourse};
use std::sync::Arc;

/// The plan, as the aggregator sees it.
#[derive(Default)]
pub struct Asked {
    /// Names of endpoints known before the run, all scenarios' one after another.
    pub names: Vec<String>,
    /// By scenario: what stands in front of names that it chooses at run time.
    pub beside: Vec<Option<String>>,
    /// Each scenario's load, as planned or as ordered.
    pub load: SteeredLoad,
    /// The orders that changed it, in the order of their times.
    pub orders: Vec<LoadOrder>,
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
            load: SteeredLoad::new(parts().map(|part| part.demand.clone()), plan.duration),
            orders: Vec::new(),
            phases: plan.phases.clone(),
            thresholds: plan.thresholds.clone(),
        }
    }

    /// Which side sets the pace: arrivals, as soon as one scenario has any.
    pub fn model(&self) -> LoadModel {
        match self.load.has(true) {
            true => LoadModel::Open,
            false => LoadModel::Closed,
        }
    }

    /// Goes by this order from its time on.
    pub fn follow(&mut self, order: LoadOrder) {
        self.load.follow(&order);
        self.orders.push(order);
    }

    /// What the load is held at, at this time.
    pub fn steering_at(&self, now_ns: u64) -> Steering {
        let come = self.orders.partition_point(|order| order.from_ns <= now_ns);
        let order = come.checked_sub(1).map(|last| self.orders[last]);
        order.map_or_else(Steering::default, |order| Steering {
            users: order.users.map(|level| level.value),
            rate: order.rate.map(|level| level.value),
            paused: order.paused,
        })
    }

    /// Users asked for at this time, over all scenarios; of the open model, the most that there may be.
    pub fn users_at(&self, now_ns: u64) -> u64 {
        let users = self.load.parts().map(|(demand, course)| match demand {
            Demand::Users(_) => course.value_at(now_ns).round() as u64,
            Demand::Arrivals { max_users, .. } => *max_users,
        });
        users.sum()
    }

    /// Arrivals a second asked for between these times, on average, over all scenarios of the open model; 0 past the end.
    pub fn rate_between(&self, from_ns: u64, until_ns: u64) -> f64 {
        let between = |(demand, course): (&Demand, &Arc<SteeredCourse>)| match demand {
            Demand::Users(_) => 0.0,
            Demand::Arrivals { .. } => course.level_at(until_ns) - course.level_at(from_ns),
        };
        let arrivals: f64 = self.load.parts().map(between).sum();
        arrivals / (until_ns.saturating_sub(from_ns) as f64 / 1e9).max(1e-9)
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

fn ends_ns(span: &PhaseSpan) -> u64 {
    u64::try_from(span.until.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadforge_ring::HeldLevel;
    use loadforge_scenarios::{Gaps, Pattern};
    use std::time::Duration;

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
        let spike = Pattern::Spike {
            base: 10.0,
            peak: 110.0,
            at: Duration::from_millis(1_200),
            length: Duration::from_millis(500),
            sustain: 10.0,
        };
        let asked = Asked {
            load: SteeredLoad::new([arrivals(spike)], Duration::from_secs(3)),
            ..asked()
        };
        assert!((asked.rate_between(SECOND, 2 * SECOND) - 60.0).abs() < 1e-9);
        assert_eq!(asked.rate_between(4 * SECOND, 5 * SECOND), 0.0);
    }

    fn arrivals(rate: Pattern) -> Demand {
        Demand::Arrivals {
            rate,
            gaps: Gaps::Even,
            max_users: 5,
        }
    }

    #[test]
    fn targets_are_those_of_the_orders_from_their_times_on() {
        let demands = [
            arrivals(Pattern::Constant(10.0)),
            Demand::Users(Pattern::Constant(3.0)),
        ];
        let mut asked = Asked {
            load: SteeredLoad::new(demands, Duration::from_secs(10)),
            ..asked()
        };
        let held = |value, since_ns| Some(HeldLevel { value, since_ns });
        let order = |from_ns| LoadOrder {
            from_ns,
            rate: held(100.0, 2 * SECOND),
            ..LoadOrder::default()
        };
        asked.follow(order(2 * SECOND));
        asked.follow(LoadOrder {
            users: held(8.0, 3 * SECOND),
            ..order(3 * SECOND)
        });
        asked.follow(LoadOrder {
            paused: true,
            ..order(4 * SECOND)
        });
        asked.follow(LoadOrder {
            from_ns: 5 * SECOND,
            ..LoadOrder::default()
        });
        let rate = |second: u64| {
            asked
                .rate_between(second * SECOND, (second + 1) * SECOND)
                .round()
        };
        assert_eq!(
            [0, 1, 2, 3, 4, 5].map(rate),
            [10.0, 10.0, 100.0, 100.0, 0.0, 10.0]
        );
        let half = asked.rate_between(SECOND + SECOND / 2, 2 * SECOND + SECOND / 2);
        assert!((half - 55.0).abs() < 1e-6, "{half}");
        let users = [2, 3, 4, 5].map(|second| asked.users_at(second * SECOND));
        assert_eq!(users, [8, 13, 13, 8]);
        let held = |second: u64| {
            let Steering {
                users,
                rate,
                paused,
            } = asked.steering_at(second * SECOND);
            (users, rate, paused)
        };
        assert_eq!(held(1), (None, None, false));
        assert_eq!(held(3), (Some(8.0), Some(100.0), false));
        assert_eq!(held(4), (None, Some(100.0), true));
        assert!(asked.steering_at(5 * SECOND).is_as_planned());
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
