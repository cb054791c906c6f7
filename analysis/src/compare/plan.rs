//! Whether two runs were asked for the same, and what else was different about them.
//! Neighbours: `run_info.rs` has what is looked at. Invariants: what chance, time and the machine did is no part of the plan; what users do
//! is known by its fingerprint, not by the name of a file, wherever both runs have one.

use crate::{EventKind, LoadModel, PartInfo, PhaseInfo, RunInfo, RunSummary};
use serde::Serialize;

/// Something that two runs do not have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is: `load`, `duration`.
    pub what: &'static str,
    /// In the first run.
    pub baseline: String,
    /// In the other run.
    pub candidate: String,
}

/// How a change of what users do is called among the differences of two plans.
pub const USERS_DO: &str = "what users do";

/// Digits of a fingerprint that are shown.
const SHOWN_DIGITS: usize = 8;

/// Whether users did the same in two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsersDo {
    /// The same, whatever the scenario is called and wherever its file lies.
    Same,
    /// Something was changed.
    Changed,
    /// It cannot be told: a run has no fingerprint, or they are of different kinds.
    Unknown,
}

impl UsersDo {
    /// What the fingerprints of two runs say.
    pub fn in_runs(baseline: &RunInfo, candidate: &RunInfo) -> UsersDo {
        let both = baseline
            .fingerprint
            .as_deref()
            .zip(candidate.fingerprint.as_deref());
        let kind = |fingerprint: &str| fingerprint.split_once(':').map(|(kind, _)| kind.to_owned());
        match both {
            Some((a, b)) if a == b => UsersDo::Same,
            Some((a, b)) if kind(a) == kind(b) => UsersDo::Changed,
            _ => UsersDo::Unknown,
        }
    }
}

/// What one run was asked for and the other was not: scenario, load, phases, limits. Runs that differ in this answer different
/// questions. Where requests went is no part of it: two servers, or two versions of one, are what is compared.
pub fn plan_differences(baseline: &RunInfo, candidate: &RunInfo) -> Vec<Difference> {
    let words = |run: &RunInfo| {
        [
            (USERS_DO, shown_digits(run)),
            ("scenario", run.name.clone()),
            ("source", without_place(&run.source).to_owned()),
            ("model", model(run.model).to_owned()),
            ("load", run.load.clone()),
            ("duration", seconds(run.duration_s)),
            ("most users", run.target_peak.to_string()),
            ("highest rate", run.rate_peak.to_string()),
            ("most requests a second", bound(run.max_rps)),
            ("most requests", bound(run.max_requests)),
            ("time limit of a request", seconds(run.timeout_s)),
            ("scenarios side by side", parts(&run.parts)),
            ("phases", phases(&run.phases)),
        ]
    };
    let users_do = UsersDo::in_runs(baseline, candidate);
    let mut found = differences(words(baseline), words(candidate));
    found.retain(|difference| match difference.what {
        USERS_DO => users_do == UsersDo::Changed,
        // A scenario may be renamed and its file moved.
        "scenario" | "source" => users_do != UsersDo::Same,
        _ => true,
    });
    found
}

/// Whether somebody steered one of two runs while it went on: then they were not asked for the same, whatever their plans say.
pub fn steering_difference(baseline: &RunSummary, candidate: &RunSummary) -> Option<Difference> {
    let orders = |run: &RunSummary| {
        let events = run.events.iter();
        events
            .filter(|event| event.kind == EventKind::Steered)
            .count()
    };
    let words = |orders| match orders {
        0 => "none".to_owned(),
        1 => "1 order".to_owned(),
        many => format!("{many} orders"),
    };
    let (ours, theirs) = (orders(baseline), orders(candidate));
    (ours + theirs > 0).then(|| Difference {
        what: "steering by hand",
        baseline: words(ours),
        candidate: words(theirs),
    })
}

/// What a fingerprint shows of itself.
fn shown_digits(run: &RunInfo) -> String {
    let fingerprint = run.fingerprint.as_deref().unwrap_or_default();
    let (kind, digits) = fingerprint.split_once(':').unwrap_or(("none", fingerprint));
    let digits: String = digits.chars().take(SHOWN_DIGITS).collect();
    format!("fingerprint {kind}:{digits}")
}

/// What else was different: target, machine, program. It does not keep runs from being compared, and may be why they differ.
pub fn setting_differences(baseline: &RunInfo, candidate: &RunInfo) -> Vec<Difference> {
    let words = |run: &RunInfo| {
        let machine = &run.machine;
        [
            ("target", run.origins.join(", ")),
            ("version of loadforge", run.loadforge_version.clone()),
            ("machine", machine.hostname.clone()),
            ("processor", machine.cpu_model.clone()),
            ("kernel", machine.kernel.clone()),
            ("CPUs allowed", machine.cpus_allowed.to_string()),
            ("CPU quota", bound(machine.cpu_quota)),
            ("workers", run.workers.to_string()),
            ("transport", run.transport.clone()),
            ("wire", run.wire.clone()),
            ("target on the same machine", yes_or_no(run.target_is_local)),
        ]
    };
    differences(words(baseline), words(candidate))
}

fn differences<const N: usize>(
    baseline: [(&'static str, String); N],
    candidate: [(&'static str, String); N],
) -> Vec<Difference> {
    let pairs = baseline.into_iter().zip(candidate);
    pairs
        .filter(|((_, a), (_, b))| a != b)
        .map(|((what, baseline), (_, candidate))| Difference {
            what,
            baseline,
            candidate,
        })
        .collect()
}

/// A URL without its host, a file without its folder: the same scenario may lie elsewhere and ask another server.
fn without_place(source: &str) -> &str {
    match source.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => source.rsplit('/').next().unwrap_or(source),
    }
}

fn model(model: LoadModel) -> &'static str {
    match model {
        LoadModel::Closed => "closed",
        LoadModel::Open => "open",
    }
}

fn seconds(seconds: f64) -> String {
    format!("{seconds} s")
}

fn bound(bound: Option<impl ToString>) -> String {
    bound.map_or("no bound".to_owned(), |bound| bound.to_string())
}

fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn parts(parts: &[PartInfo]) -> String {
    let words: Vec<String> = parts
        .iter()
        .map(|part| {
            let most = part.max_users.map(|most| format!(", up to {most} users"));
            format!(
                "{}: {} ({}{})",
                part.name,
                part.load,
                model(part.model),
                most.unwrap_or_default()
            )
        })
        .collect();
    or_none(&words)
}

fn phases(phases: &[PhaseInfo]) -> String {
    let words: Vec<String> = phases
        .iter()
        .map(|phase| {
            let role = match phase.role {
                loadforge_scenarios::PhaseRole::Measured => "",
                loadforge_scenarios::PhaseRole::WarmUp => ", warm-up",
                loadforge_scenarios::PhaseRole::CoolDown => ", cool-down",
            };
            format!(
                "{} {} to {} s{role}",
                phase.name, phase.from_s, phase.until_s
            )
        })
        .collect();
    or_none(&words)
}

fn or_none(words: &[String]) -> String {
    match words {
        [] => "none".to_owned(),
        words => words.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Machine, RunOutcome, sample};
    use loadforge_scenarios::PhaseRole;

    fn changed(change: impl FnOnce(&mut RunInfo)) -> (Vec<&'static str>, Vec<&'static str>) {
        let before = sample::run_info();
        let mut after = before.clone();
        change(&mut after);
        let what = |list: Vec<Difference>| list.into_iter().map(|found| found.what).collect();
        (
            what(plan_differences(&before, &after)),
            what(setting_differences(&before, &after)),
        )
    }

    #[test]
    fn everything_that_was_asked_for_is_the_plan() {
        type Change = fn(&mut RunInfo);
        let rows: [(&str, Change); 10] = [
            (USERS_DO, |run| {
                run.fingerprint = Some("toml-1:1".to_owned());
            }),
            ("model", |run| run.model = LoadModel::Open),
            ("load", |run| run.load = "7 users".to_owned()),
            ("duration", |run| run.duration_s = 4.0),
            ("most users", |run| run.target_peak = 7),
            ("most requests a second", |run| run.max_rps = Some(5.0)),
            ("most requests", |run| run.max_requests = Some(5)),
            ("time limit of a request", |run| run.timeout_s = 3.0),
            ("scenarios side by side", |run| {
                run.parts.push(PartInfo {
                    name: "a".to_owned(),
                    model: LoadModel::Open,
                    load: "5 a second".to_owned(),
                    max_users: Some(9),
                });
            }),
            ("phases", |run| {
                run.phases.push(PhaseInfo {
                    name: "warm-up".to_owned(),
                    from_s: 0.0,
                    until_s: 1.0,
                    role: PhaseRole::WarmUp,
                });
            }),
        ];
        for (what, change) in rows {
            assert_eq!(changed(change), (vec![what], vec![]), "{what}");
        }
    }

    #[test]
    fn time_chance_and_thresholds_are_no_difference_and_the_machine_is_a_note() {
        let (plan, setting) = changed(|run| {
            run.started_at = "2027-01-01T00:00:00Z".to_owned();
            run.seed = 8;
            run.thresholds.clear();
            run.notes.push("a fallback".to_owned());
            run.source = "elsewhere/sample.toml".to_owned();
        });
        assert_eq!((plan, setting), (vec![], vec![]));
        let (plan, setting) = changed(|run| {
            run.origins = vec!["http://10.0.0.7:81".to_owned()];
            run.workers = 2;
            run.machine = Machine {
                cpu_model: "another".to_owned(),
                kernel: "7.0".to_owned(),
                ..Machine::default()
            };
        });
        assert!(plan.is_empty());
        assert_eq!(setting, ["target", "processor", "kernel", "workers"]);
    }

    #[test]
    fn what_users_do_is_known_by_its_fingerprint_and_not_by_a_name() {
        let (plan, setting) = changed(|run| {
            run.name = "renamed".to_owned();
            run.source = "load/renamed.toml".to_owned();
        });
        assert_eq!((plan, setting), (vec![], vec![]));
        let other = "toml-1:60303ae22b998861bce3b28f33eec1be";
        let (plan, _) = changed(|run| run.fingerprint = Some(other.to_owned()));
        assert_eq!(plan, [USERS_DO], "an edited file under the same name");
        let (before, mut after) = (sample::run_info(), sample::run_info());
        after.fingerprint = Some(other.to_owned());
        let found = plan_differences(&before, &after).remove(0);
        assert_eq!(found.baseline, "fingerprint toml-1:9f86d081");
        assert_eq!(found.candidate, "fingerprint toml-1:60303ae2");
    }

    #[test]
    fn without_fingerprints_names_decide_and_nothing_is_claimed_of_what_users_do() {
        for fingerprint in [
            None,
            Some("rust-1:9f86d081884c7d659a2feaa0c55ad015"),
            Some(""),
        ] {
            let (before, mut after) = (sample::run_info(), sample::run_info());
            after.fingerprint = fingerprint.map(str::to_owned);
            assert_eq!(UsersDo::in_runs(&before, &after), UsersDo::Unknown);
            assert_eq!(UsersDo::in_runs(&after, &before), UsersDo::Unknown);
            assert_eq!(plan_differences(&before, &after), []);
            after.source = "other.toml".to_owned();
            let what: Vec<_> = plan_differences(&before, &after)
                .into_iter()
                .map(|found| found.what)
                .collect();
            assert_eq!(what, ["source"], "{fingerprint:?}");
        }
    }

    #[test]
    fn one_path_on_two_servers_is_one_plan() {
        for (source, rest) in [
            ("http://a.test:80/x?y=1", "/x?y=1"),
            ("http://a.test", "/"),
            ("load/shop.toml", "shop.toml"),
            ("shop.toml", "shop.toml"),
        ] {
            assert_eq!(without_place(source), rest);
        }
    }

    #[test]
    fn a_run_that_was_steered_was_asked_for_something_else() {
        let planned = sample::summary_of(&sample::three_seconds(), RunOutcome::Completed);
        let mut steered = planned.clone();
        assert_eq!(steering_difference(&planned, &steered), None);
        steered.events.push(Event {
            at_s: 3.0,
            kind: EventKind::Steered,
            text: "Anna set 50 users".to_owned(),
        });
        let found = steering_difference(&planned, &steered).unwrap();
        assert_eq!(
            (found.baseline.as_str(), found.candidate.as_str()),
            ("none", "1 order")
        );
        // Two runs that were steered alike cannot be told from two that were not.
        assert!(steering_difference(&steered, &steered).is_some());
    }
}
