//! Thresholds held against what is known before a run: their endpoints, checks and windows. Neighbours: `aim.rs` has those of the
//! file, `intent.rs` and `commands/validate.rs` ask. Invariant: what could never hold, or would hold of nothing, is told before anything is sent.

use crate::{
    aim::Aim,
    amounts::{self, time_words},
    args::RunArgs,
    complaint::Complaint,
    intent::Told,
    load::Load,
};
use loadforge_analysis::Threshold;
use loadforge_scenarios::{PhaseRole, document::unknown_endpoint};
use std::time::Duration;

/// Reads the thresholds that were typed; what is wrong with them goes to `told`.
pub fn typed(args: &RunArgs, aim: Option<&Aim>, told: &mut Told) -> Vec<Threshold> {
    let mut thresholds = Vec::new();
    for text in &args.threshold {
        match Threshold::parse(text, None) {
            Ok(threshold) => {
                let known = aim.filter(|aim| !aim.names_are_open());
                told.complaints
                    .extend(known.and_then(|aim| missing_endpoint(&threshold, &aim.endpoints())));
                thresholds.push(threshold);
            }
            Err(error) => told.complaints.push(Complaint::new(
                error.to_string(),
                "quote the expression, such as --threshold 'p99<500ms'; docs/scenarios.md lists all that can be said",
            )),
        }
    }
    let most = told.read(&args.fail_on_error_rate, |text| {
        amounts::share("--fail-on-error-rate", text)
    });
    thresholds.extend(most.map(|share| {
        Threshold::error_rate_at_most(share).expect("the share has been checked to be from 0 to 1")
    }));
    thresholds
}

/// What is wrong with a threshold under this load: it is about checks that nobody makes, or its window is longer than what
/// is measured.
pub fn of_nothing(threshold: &Threshold, aim: &Aim, load: &Load) -> Option<Complaint> {
    if threshold.is_of_checks() && !aim.may_check() {
        return Some(Complaint::new(
            format!(
                "threshold \"{threshold}\": nothing here is checked, so it would hold of nothing"
            ),
            "give a request a check, such as check = { body_contains = \"hello\" }, or write error_rate < 1%, which has statuses in it",
        ));
    }
    let (window, measured) = (threshold.window()?, measured(load));
    (window > measured).then(|| {
        Complaint::new(
            format!(
                "threshold \"{threshold}\": a window of {} is longer than the {} that this run measures",
                time_words(window),
                time_words(measured)
            ),
            "let it run longer, or write a shorter window; without `over` it is held against the whole run",
        )
    })
}

/// How much of a run is planned to be measured.
fn measured(load: &Load) -> Duration {
    if load.phases.is_empty() {
        return load.duration;
    }
    let mut from = Duration::ZERO;
    let lengths = load.phases.iter().map(|phase| {
        let length = phase.until.min(load.duration).saturating_sub(from);
        from = phase.until;
        match phase.role {
            PhaseRole::Measured => length,
            PhaseRole::WarmUp | PhaseRole::CoolDown => Duration::ZERO,
        }
    });
    lengths.sum()
}

/// What is wrong, and what to do, when a threshold speaks of an endpoint that the scenario does not have.
pub fn missing_endpoint(threshold: &Threshold, endpoints: &[String]) -> Option<Complaint> {
    let wanted = threshold.endpoint()?;
    let remedy = unknown_endpoint(wanted, endpoints)?;
    Some(Complaint::new(
        format!("threshold \"{threshold}\": no request is named {wanted:?}"),
        remedy,
    ))
}
