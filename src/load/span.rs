//! Which parts of a run count: the file's phases, or what `--warmup` and `--cooldown` leave. Neighbours: `mod.rs`.
//! Invariant: phases follow one another without gaps, the last ends with the run, and at least one counts.

use super::{LoadSpec, read};
use crate::{
    amounts::{time, time_words},
    args::LoadArgs,
    complaint::Complaint,
};
use loadforge_scenarios::{PhaseRole, PhaseSpan};
use std::time::Duration;

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
