//! One load shared by several scenarios in proportion to their weights. Neighbours: `mod.rs` has decided the load, `aim.rs`
//! knows the weights. Invariant: shares of a constant number of users add up to it; arrival rates are exactly in proportion.

use super::{Load, NamedDemand};
use loadforge_scenarios::{Demand, Pattern};
use std::cmp::Reverse;

/// Gives each of these scenarios its share of a load that is one demand so far. Users of a curve are rounded scenario by
/// scenario, moment by moment.
pub fn by_weight(mut load: Load, parts: &[(String, u32)]) -> Load {
    let weights: Vec<u32> = parts.iter().map(|(_, weight)| *weight).collect();
    let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    let Some(whole) = load.demands.pop() else {
        return load;
    };
    let factors = weights.iter().map(|weight| f64::from(*weight) / total);
    let demands: Vec<Demand> = match whole.demand {
        Demand::Users(Pattern::Constant(users)) => shares(users.round() as u64, &weights)
            .into_iter()
            .map(|users| Demand::Users(Pattern::Constant(users as f64)))
            .collect(),
        Demand::Users(pattern) => factors
            .map(|factor| Demand::Users(scaled(&pattern, factor)))
            .collect(),
        Demand::Arrivals {
            rate,
            gaps,
            max_users,
        } => factors
            .zip(shares(max_users, &weights))
            .map(|(factor, most)| Demand::Arrivals {
                rate: scaled(&rate, factor),
                gaps,
                // A scenario that is asked for at all needs somebody to do it.
                max_users: most.max(1),
            })
            .collect(),
    };
    load.demands = demands
        .into_iter()
        .zip(parts)
        .map(|(demand, (name, _))| NamedDemand {
            name: name.clone(),
            demand,
        })
        .collect();
    load
}

/// Whole shares that add up to the total: each gets what it is due rounded down, and what is left goes to the largest
/// remainders, earlier ones first (Hamilton's method).
fn shares(total: u64, weights: &[u32]) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    let due = |weight: u32| u128::from(total) * u128::from(weight);
    let mut shares: Vec<u64> = weights
        .iter()
        .map(|weight| (due(*weight) / sum) as u64)
        .collect();
    let left = total - shares.iter().sum::<u64>();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|at| Reverse(due(weights[*at]) % sum));
    for at in order.into_iter().take(left as usize) {
        shares[at] += 1;
    }
    shares
}

/// The same curve, so many times as high. The patterns with names keep theirs, so that they are told as what they are.
fn scaled(pattern: &Pattern, factor: f64) -> Pattern {
    match pattern.clone() {
        Pattern::Constant(value) => Pattern::Constant(value * factor),
        Pattern::Ramp {
            from,
            to,
            over,
            curve,
        } => Pattern::Ramp {
            from: from * factor,
            to: to * factor,
            over,
            curve,
        },
        Pattern::Step {
            from,
            to,
            size,
            every,
        } => Pattern::Step {
            from: from * factor,
            to: to * factor,
            size: size * factor,
            every,
        },
        Pattern::Spike {
            base,
            peak,
            at,
            length,
            sustain,
        } => Pattern::Spike {
            base: base * factor,
            peak: peak * factor,
            at,
            length,
            sustain: sustain * factor,
        },
        Pattern::Diurnal {
            base,
            amplitude,
            period,
            phase,
        } => Pattern::Diurnal {
            base: base * factor,
            amplitude: amplitude * factor,
            period,
            phase,
        },
        other => Pattern::Product(vec![other, Pattern::Constant(factor)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{args::LoadArgs, load::LoadSpec};
    use loadforge_scenarios::Gaps;
    use std::time::Duration;

    fn load(demand: Demand) -> Load {
        let duration = Duration::from_secs(10);
        let mut complaints = Vec::new();
        let mut load = Load::decide(
            &LoadArgs::default(),
            &LoadSpec::default(),
            duration,
            &mut complaints,
        );
        load.demands[0].demand = demand;
        load
    }

    fn parts(weights: &[u32]) -> Vec<(String, u32)> {
        let named = weights.iter().enumerate();
        named
            .map(|(at, weight)| (format!("s{at}"), *weight))
            .collect()
    }

    #[test]
    fn shares_add_up_and_differ_from_what_is_due_by_less_than_one() {
        let cases: [&[u32]; 6] = [
            &[1],
            &[3, 1],
            &[1, 1, 1],
            &[5, 0, 3],
            &[u32::MAX, 1],
            &[7, 11, 13, 17],
        ];
        for weights in cases {
            let sum: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
            for total in (0..200).chain([1_000, 9_999_999, 10_000_000]) {
                let shares = shares(total, weights);
                assert_eq!(shares.iter().sum::<u64>(), total, "{weights:?}");
                for (share, weight) in shares.iter().zip(weights) {
                    let due = total as f64 * f64::from(*weight) / sum;
                    assert!(
                        (*share as f64 - due).abs() < 1.0,
                        "{weights:?} {total}: {shares:?}"
                    );
                }
            }
        }
        assert_eq!(shares(10, &[3, 1]), [8, 2]);
        assert_eq!(shares(1, &[1, 1]), [1, 0]);
    }

    #[test]
    fn arrival_rates_are_in_proportion_at_every_moment() {
        let patterns = [
            Pattern::Constant(40.0),
            Pattern::Ramp {
                from: 4.0,
                to: 80.0,
                over: Duration::from_secs(5),
                curve: loadforge_scenarios::RampCurve::Exponential,
            },
            Pattern::Step {
                from: 4.0,
                to: 40.0,
                size: 7.0,
                every: Duration::from_secs(1),
            },
            Pattern::Spike {
                base: 8.0,
                peak: 80.0,
                at: Duration::from_secs(2),
                length: Duration::from_secs(1),
                sustain: 4.0,
            },
            Pattern::Diurnal {
                base: 40.0,
                amplitude: 60.0,
                period: Duration::from_secs(3),
                phase: 0.75,
            },
            Pattern::Points(vec![(Duration::ZERO, 0.0), (Duration::from_secs(4), 100.0)]),
        ];
        for pattern in patterns {
            let whole = pattern.clone();
            let split = by_weight(
                load(Demand::Arrivals {
                    rate: pattern,
                    gaps: Gaps::Poisson,
                    max_users: 5,
                }),
                &parts(&[3, 1]),
            );
            let rates: Vec<&Pattern> = split
                .demands
                .iter()
                .map(|asked| asked.demand.pattern())
                .collect();
            for at in (0..=100).map(|tenth| Duration::from_millis(tenth * 100)) {
                let (three, one) = (rates[0].target_at(at), rates[1].target_at(at));
                assert!((three - 3.0 * one).abs() < 1e-9, "{whole:?} at {at:?}");
                assert!(
                    (three + one - whole.target_at(at)).abs() < 1e-9,
                    "{whole:?} at {at:?}"
                );
            }
        }
    }

    #[test]
    fn users_of_a_constant_load_are_whole_and_all_there() {
        let split = by_weight(
            load(Demand::Users(Pattern::Constant(10.0))),
            &parts(&[1, 1, 1]),
        );
        let users: Vec<f64> = split
            .demands
            .iter()
            .map(|asked| asked.demand.pattern().peak())
            .collect();
        assert_eq!(users, [4.0, 3.0, 3.0]);
        assert_eq!(split.most_users(), 10);
        let names: Vec<&str> = split
            .demands
            .iter()
            .map(|asked| asked.name.as_str())
            .collect();
        assert_eq!(names, ["s0", "s1", "s2"]);
    }

    #[test]
    fn every_scenario_of_a_rate_may_have_a_user() {
        let split = by_weight(
            load(Demand::Arrivals {
                rate: Pattern::Constant(10.0),
                gaps: Gaps::Even,
                max_users: 2,
            }),
            &parts(&[9, 1, 1]),
        );
        for asked in &split.demands {
            let Demand::Arrivals { max_users, .. } = asked.demand else {
                panic!("a rate stays a rate")
            };
            assert!(max_users >= 1);
        }
    }
}
