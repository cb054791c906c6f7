//! What orders about the load make of each scenario's curve. Neighbours: the supervisor writes orders to the control page,
//! `worker/schedule.rs` and `supervisor/asked.rs` follow the curves. Invariant: a pure function of the plan and the orders, so
//! that workers, what a dead one owed and the targets in snapshots agree.

use loadforge_ring::{HeldLevel, LoadOrder};
use loadforge_scenarios::{Demand, Level, SteeredCourse};
use std::{sync::Arc, time::Duration};

/// The curves of all scenarios, as planned or as ordered.
#[derive(Clone, Default)]
pub struct SteeredLoad {
    demands: Vec<Demand>,
    courses: Vec<Arc<SteeredCourse>>,
}

impl SteeredLoad {
    /// As planned, for a run of this length.
    pub fn new(demands: impl IntoIterator<Item = Demand>, duration: Duration) -> SteeredLoad {
        let demands: Vec<Demand> = demands.into_iter().collect();
        let course = |demand: &Demand| Arc::new(SteeredCourse::new(demand.pattern(), duration));
        SteeredLoad {
            courses: demands.iter().map(course).collect(),
            demands,
        }
    }

    /// Each scenario's demand as planned, with its curve as it is.
    pub fn parts(&self) -> impl Iterator<Item = (&Demand, &Arc<SteeredCourse>)> {
        self.demands.iter().zip(&self.courses)
    }

    /// Whether an order of users (closed model), or of a rate (open model), would touch any scenario.
    pub fn has(&self, is_open: bool) -> bool {
        self.demands.iter().any(|demand| is_of(demand, is_open))
    }

    /// Users that each scenario would have if so many were ordered from `since_ns` on.
    pub fn split_users(&self, value: f64, since_ns: u64) -> impl Iterator<Item = f64> {
        let level = HeldLevel { value, since_ns };
        (0..self.demands.len()).map(move |part| match self.demands[part] {
            Demand::Users(_) => self.piece(part, level),
            Demand::Arrivals { .. } => 0.0,
        })
    }

    /// Goes by this order from its time on. Orders come in the order in which they were given.
    pub fn follow(&mut self, order: &LoadOrder) {
        let levels: Vec<Level> = (0..self.demands.len())
            .map(|part| self.level(part, order))
            .collect();
        for (course, level) in self.courses.iter_mut().zip(levels) {
            Arc::make_mut(course).steer(order.from_ns, level);
        }
    }

    /// What the order makes of this scenario's curve. In a pause nothing arrives, and there are as many users as there were.
    fn level(&self, part: usize, order: &LoadOrder) -> Level {
        let held = match (&self.demands[part], order.paused) {
            (Demand::Arrivals { .. }, true) => return Level::Held(0.0),
            (Demand::Users(_), true) => {
                return Level::Held(self.courses[part].value_at(order.from_ns));
            }
            (Demand::Arrivals { .. }, false) => order.rate,
            (Demand::Users(_), false) => order.users,
        };
        held.map_or(Level::Planned, |level| Level::Held(self.piece(part, level)))
    }

    /// This scenario's piece of a level set for all of its model: as large as its part of the plan was when the level was
    /// set; equal pieces where nothing was planned then. Users are whole, and all pieces together are the level.
    fn piece(&self, part: usize, level: HeldLevel) -> f64 {
        let is_open = is_of(&self.demands[part], true);
        let since = Duration::from_nanos(level.since_ns);
        let planned = |demand: &Demand| match is_of(demand, is_open) {
            true => demand.pattern().target_at(since),
            false => 0.0,
        };
        let equal = |demand: &Demand| f64::from(u8::from(is_of(demand, is_open)));
        let sum = |weight: &dyn Fn(&Demand) -> f64, count: usize| -> f64 {
            self.demands[..count].iter().map(weight).sum()
        };
        let all = self.demands.len();
        let weight: &dyn Fn(&Demand) -> f64 = match sum(&planned, all) > 0.0 {
            true => &planned,
            false => &equal,
        };
        let total = sum(weight, all);
        if is_open {
            return level.value * weight(&self.demands[part]) / total;
        }
        // Rounded where pieces meet, so that none is lost.
        let until = |count| (level.value * (sum(weight, count) / total)).round();
        until(part + 1) - until(part)
    }
}

fn is_of(demand: &Demand, is_open: bool) -> bool {
    matches!(demand, Demand::Arrivals { .. }) == is_open
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadforge_scenarios::{Gaps, Pattern, RampCurve};

    const SECOND: u64 = 1_000_000_000;

    fn users(count: f64) -> Demand {
        Demand::Users(Pattern::Constant(count))
    }

    fn rate(per_s: f64) -> Demand {
        Demand::Arrivals {
            rate: Pattern::Constant(per_s),
            gaps: Gaps::Even,
            max_users: 10,
        }
    }

    fn load(demands: impl IntoIterator<Item = Demand>) -> SteeredLoad {
        SteeredLoad::new(demands, Duration::from_secs(10))
    }

    fn held(value: f64, since_ns: u64) -> Option<HeldLevel> {
        Some(HeldLevel { value, since_ns })
    }

    fn values(load: &SteeredLoad, at_ns: u64) -> Vec<f64> {
        load.parts()
            .map(|(_, course)| course.value_at(at_ns))
            .collect()
    }

    #[test]
    fn a_level_touches_its_own_model_and_is_shared_out_as_planned() {
        let mut load = load([users(1.0), rate(10.0), users(2.0), rate(30.0)]);
        load.follow(&LoadOrder {
            from_ns: SECOND,
            users: held(10.0, SECOND),
            ..LoadOrder::default()
        });
        assert_eq!(values(&load, SECOND), [3.0, 10.0, 7.0, 30.0]);
        load.follow(&LoadOrder {
            from_ns: 2 * SECOND,
            rate: held(100.0, 2 * SECOND),
            ..LoadOrder::default()
        });
        assert_eq!(values(&load, 2 * SECOND), [1.0, 25.0, 2.0, 75.0]);
        assert_eq!(values(&load, SECOND), [3.0, 10.0, 7.0, 30.0]);
    }

    #[test]
    fn whole_users_add_up_to_what_was_set_whatever_the_plan() {
        for parts in 1_u32..9 {
            let load = load((0..parts).map(|part| users(f64::from(part * 7 % 5) + 0.3)));
            for count in (0..60).chain([9_999_999]) {
                let count = f64::from(count);
                let pieces: Vec<f64> = load.split_users(count, 0).collect();
                assert_eq!(pieces.iter().sum::<f64>(), count, "{pieces:?}");
                assert!(
                    pieces
                        .iter()
                        .all(|piece| *piece >= 0.0 && piece.fract() == 0.0)
                );
            }
        }
        let nothing = load([users(0.0), rate(5.0), users(0.0)]);
        assert_eq!(
            nothing.split_users(7.0, 0).collect::<Vec<_>>(),
            [4.0, 0.0, 3.0]
        );
    }

    #[test]
    fn a_pause_keeps_users_and_stops_arrivals_and_afterwards_the_split_is_as_before() {
        let ramp = Demand::Users(Pattern::Ramp {
            from: 0.0,
            to: 10.0,
            over: Duration::from_secs(10),
            curve: RampCurve::Linear,
        });
        let mut load = load([ramp, users(2.0), rate(5.0)]);
        let set = LoadOrder {
            from_ns: 2 * SECOND,
            users: held(20.0, 2 * SECOND),
            ..LoadOrder::default()
        };
        load.follow(&LoadOrder {
            from_ns: SECOND,
            paused: true,
            ..LoadOrder::default()
        });
        assert_eq!(values(&load, SECOND), [1.0, 2.0, 0.0]);
        // Set within the pause: from its end on.
        load.follow(&LoadOrder {
            paused: true,
            ..set
        });
        assert_eq!(values(&load, 3 * SECOND), [1.0, 2.0, 0.0]);
        load.follow(&LoadOrder {
            from_ns: 8 * SECOND,
            ..set
        });
        assert_eq!(values(&load, 8 * SECOND), [10.0, 10.0, 5.0]);
        assert_eq!(values(&load, 7 * SECOND), [1.0, 2.0, 0.0]);
        load.follow(&LoadOrder {
            from_ns: 9 * SECOND,
            ..LoadOrder::default()
        });
        assert_eq!(values(&load, 9 * SECOND), [9.0, 2.0, 5.0]);
    }
}
