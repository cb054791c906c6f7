//! Which parts of a run count: the file's phases, or what `--warmup` and `--cooldown` leave; of a staircase, each step by itself.
//! Neighbours: `mod.rs`.
//! Invariant: phases follow one another without gaps, the last ends with the run, and at least one counts.

use super::{LoadSpec, demand::unit_of, read, unit::Unit};
use crate::{
    amounts::{time, time_words},
    args::LoadArgs,
    complaint::Complaint,
};
use loadforge_scenarios::{Demand, Pattern, PhaseRole, PhaseSpan};
use std::time::Duration;

/// Most steps that get a row each: more are a ramp to whoever reads them.
const MOST_STEPS: usize = 100;
/// The shortest step that gets a row: what is counted, is counted by the second.
const SHORTEST_STEP: Duration = Duration::from_secs(1);

/// The phases of a run of this length; none when all of it counts.
pub fn phases(
    args: &LoadArgs,
    file: &LoadSpec,
    duration: Duration,
    complaints: &mut Vec<Complaint>,
) -> Vec<PhaseSpan> {
    let warmup = read(&args.warmup, complaints, |text| time("--warmup", text));
    let cooldown = read(&args.cooldown, complaints, |text| time("--cooldown", text));
    if !file.phases.is_empty() {
        for (flag, _) in [("--warmup", &args.warmup), ("--cooldown", &args.cooldown)]
            .iter()
            .filter(|(_, typed)| typed.is_some())
        {
            complaints.push(Complaint::new(
                format!("{flag}: the file's [[phase]] entries say which parts of the run count"),
                format!("leave out {flag}, or give a phase its role in the file"),
            ));
        }
        let kept = cut(&file.phases, duration);
        if kept.iter().all(|phase| phase.role != PhaseRole::Measured) {
            complaints.push(Complaint::new(
                format!(
                    "in the {} of this run no phase of the file is measured",
                    time_words(duration)
                ),
                "give a longer --duration, or take the roles out of the file's phases",
            ));
        }
        return kept;
    }
    let warmup = warmup.or(file.warmup).unwrap_or_default();
    let cooldown = cooldown.or(file.cooldown).unwrap_or_default();
    let bad_duration = args.duration.is_some()
        && complaints
            .iter()
            .any(|complaint| complaint.message.starts_with("--duration"));
    if warmup.saturating_add(cooldown) >= duration && !bad_duration {
        complaints.push(nothing_left(warmup, cooldown, duration));
        return Vec::new();
    }
    around(warmup, cooldown, duration)
}

/// The phases with what is measured of a staircase cut into its steps; other loads, and phases of the file's own, stay as they are.
pub fn by_steps(phases: Vec<PhaseSpan>, demand: &Demand, duration: Duration) -> Vec<PhaseSpan> {
    let Pattern::Step { to, every, .. } = demand.pattern() else {
        return phases;
    };
    let pattern = demand.pattern();
    let begins = (1u32..)
        .map_while(|step| every.checked_mul(step))
        .take_while(|begin| *begin < duration && pattern.target_at(*begin - *every) != *to)
        .take(MOST_STEPS);
    let begins: Vec<Duration> = begins.collect();
    if begins.is_empty() || begins.len() == MOST_STEPS || *every < SHORTEST_STEP {
        return phases;
    }
    let whole = || PhaseSpan {
        name: String::new(),
        until: duration,
        role: PhaseRole::Measured,
    };
    let phases = if phases.is_empty() {
        vec![whole()]
    } else {
        phases
    };
    let mut began = Duration::ZERO;
    let mut cut = Vec::new();
    for phase in phases {
        let from = std::mem::replace(&mut began, phase.until);
        if phase.role != PhaseRole::Measured {
            cut.push(phase);
            continue;
        }
        let inside = begins
            .iter()
            .filter(|begin| **begin > from && **begin < phase.until);
        let mut step_from = from;
        for until in inside.copied().chain([phase.until]) {
            cut.push(PhaseSpan {
                name: step_name(unit_of(demand), pattern.target_at(step_from)),
                until,
                role: PhaseRole::Measured,
            });
            step_from = until;
        }
    }
    cut
}

/// What is asked of a step: "20 users", "50/s".
fn step_name(unit: Unit, value: f64) -> String {
    let value = (value * 1e3).round() / 1e3;
    match unit {
        Unit::Users => unit.counted(value),
        Unit::Rate => format!("{value}/s"),
    }
}

/// The phases up to the end of the run; the last one lasts until then.
fn cut(phases: &[PhaseSpan], duration: Duration) -> Vec<PhaseSpan> {
    let mut began = Duration::ZERO;
    let mut kept = Vec::new();
    for phase in phases {
        if began < duration {
            kept.push(PhaseSpan {
                until: phase.until.min(duration),
                ..phase.clone()
            });
        }
        began = phase.until;
    }
    if let Some(last) = kept.last_mut() {
        last.until = duration;
    }
    kept
}

/// What counts between two parts that do not.
fn around(warmup: Duration, cooldown: Duration, duration: Duration) -> Vec<PhaseSpan> {
    if warmup.is_zero() && cooldown.is_zero() {
        return Vec::new();
    }
    let spans = [
        ("warm-up", warmup, PhaseRole::WarmUp),
        (
            "measured",
            duration.saturating_sub(cooldown),
            PhaseRole::Measured,
        ),
        ("cool-down", duration, PhaseRole::CoolDown),
    ];
    let wanted = spans.into_iter().filter(|(_, _, role)| match role {
        PhaseRole::WarmUp => !warmup.is_zero(),
        PhaseRole::Measured => true,
        PhaseRole::CoolDown => !cooldown.is_zero(),
    });
    wanted
        .map(|(name, until, role)| PhaseSpan {
            name: name.to_owned(),
            until,
            role,
        })
        .collect()
}

fn nothing_left(warmup: Duration, cooldown: Duration, duration: Duration) -> Complaint {
    let spans: Vec<String> = [("warm-up", warmup), ("cool-down", cooldown)]
        .iter()
        .filter(|(_, length)| !length.is_zero())
        .map(|(name, length)| format!("{} of {name}", time_words(*length)))
        .collect();
    Complaint::new(
        format!(
            "{} in a run of {} leave nothing to measure",
            spans.join(" and "),
            time_words(duration)
        ),
        "give a longer --duration, or a shorter --warmup or --cooldown",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(from: f64, to: f64, size: f64, every_s: u64) -> Demand {
        Demand::Users(Pattern::Step {
            from,
            to,
            size,
            every: Duration::from_secs(every_s),
        })
    }

    /// Names and ends in seconds.
    fn shown(phases: &[PhaseSpan]) -> Vec<(&str, u64)> {
        let show = |phase: &PhaseSpan| phase.until.as_secs();
        phases
            .iter()
            .map(|phase| (phase.name.as_str(), show(phase)))
            .collect()
    }

    fn cut(demand: &Demand, warmup_s: u64, cooldown_s: u64, duration_s: u64) -> Vec<PhaseSpan> {
        let s = Duration::from_secs;
        let phases = around(s(warmup_s), s(cooldown_s), s(duration_s));
        by_steps(phases, demand, s(duration_s))
    }

    #[test]
    fn each_step_of_a_staircase_is_a_phase_and_the_last_lasts_to_the_end() {
        let phases = cut(&steps(10.0, 30.0, 10.0, 20), 0, 0, 90);
        let expected = [("10 users", 20), ("20 users", 40), ("30 users", 90)];
        assert_eq!(shown(&phases), expected);
        // The run may end before the stairs do; stairs may lead down.
        let down = cut(&steps(3.0, 1.0, 1.0, 20), 0, 0, 30);
        assert_eq!(shown(&down), [("3 users", 20), ("2 users", 30)]);
    }

    #[test]
    fn warm_up_and_cool_down_keep_their_part_of_a_staircase() {
        let phases = cut(&steps(10.0, 40.0, 10.0, 20), 25, 5, 80);
        let expected = [
            ("warm-up", 25),
            ("20 users", 40),
            ("30 users", 60),
            ("40 users", 75),
            ("cool-down", 80),
        ];
        assert_eq!(shown(&phases), expected);
        assert_eq!(phases[0].role, PhaseRole::WarmUp);
        assert!(
            phases[1..4]
                .iter()
                .all(|phase| phase.role == PhaseRole::Measured)
        );
    }

    #[test]
    fn what_is_no_staircase_or_one_of_too_many_steps_stays_as_it_is() {
        let constant = Demand::Users(Pattern::Constant(5.0));
        assert_eq!(cut(&constant, 0, 0, 60), []);
        assert_eq!(cut(&steps(0.0, 500.0, 1.0, 1), 0, 0, 600), []);
        let one_step = cut(&steps(5.0, 500.0, 1.0, 60), 10, 0, 30);
        assert_eq!(shown(&one_step), [("warm-up", 10), ("measured", 30)]);
        let mut short = steps(1.0, 9.0, 1.0, 1);
        if let Demand::Users(Pattern::Step { every, .. }) = &mut short {
            *every = Duration::from_millis(200);
        }
        assert_eq!(cut(&short, 0, 0, 60), []);
    }

    #[test]
    fn steps_of_a_rate_are_named_by_it() {
        let demand = Demand::Arrivals {
            rate: steps(12.5, 37.5, 12.5, 10).pattern().clone(),
            gaps: Default::default(),
            max_users: 10,
        };
        let phases = cut(&demand, 0, 0, 60);
        assert_eq!(
            shown(&phases),
            [("12.5/s", 10), ("25/s", 20), ("37.5/s", 60)]
        );
    }
}
