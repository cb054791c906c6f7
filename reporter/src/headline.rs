//! The run in one sentence of plain words: how the server did at the highest load, and where errors began. The page, the
//! terminal and a pipeline's log all begin with it. Neighbours: `words.rs` tells the rest. Invariant: where the figures
//! say nothing about the server, this sentence says nothing about it either.

use crate::format;
use crate::words::{keep_together, stopped_by};
use loadforge_analysis::{
    LoadModel, OnsetSummary, PeakSummary, RunOutcome, RunSummary, VerdictLevel,
};

/// Requests at the peak from which on a p99 is more than the slowest of them.
const ENOUGH: u64 = 100;

/// Share of failed requests above which "answered" would be a lie.
const FEW_FAILED: f64 = 0.01;

/// A load this much below the peak is another one.
const SAME_LOAD: f64 = 0.95;

/// How the run went, in one sentence.
pub(crate) fn headline(summary: &RunSummary) -> String {
    let broke_off = || {
        format!(
            "The run broke off after {}",
            format::span(summary.duration_s)
        )
    };
    let is_invalid = summary.verdict.level == VerdictLevel::Invalid;
    // A run that broke off is INVALID for that alone; what it had measured until then may be good.
    let only_broke_off =
        summary.outcome == RunOutcome::Aborted && summary.verdict.reasons.len() == 1;
    let sentence = match summary.outcome {
        _ if summary.measured.done == 0 => without_measurement(summary),
        RunOutcome::Aborted if only_broke_off => {
            format!("{}; until then, {}.", broke_off(), findings(summary))
        }
        RunOutcome::Aborted => format!(
            "{}, and its figures do not say how the server did.",
            broke_off()
        ),
        _ if is_invalid => {
            "This run does not say how the server did: the load generator could not do what was asked of it.".to_owned()
        }
        RunOutcome::Interrupted => {
            let how = match stopped_by(summary) {
                Some(threshold) => format!("stopped by the threshold {threshold}"),
                None => "interrupted".to_owned(),
            };
            format!(
                "In the {} until it was {how}, {}.",
                format::span(summary.duration_s),
                with_doubt(summary)
            )
        }
        RunOutcome::Completed => format!("{}.", capital(&with_doubt(summary))),
    };
    keep_together(&sentence)
}

fn without_measurement(summary: &RunSummary) -> String {
    match summary.requests.ok + summary.requests.failed {
        0 => "No request was answered, so this run says nothing about the server.".to_owned(),
        _ => "Nothing was measured: every request came in warm-up or cool-down.".to_owned(),
    }
}

/// What was found, with a word of caution where the generator may have had a part in it.
fn with_doubt(summary: &RunSummary) -> String {
    let doubt = match summary.verdict.level {
        VerdictLevel::Suspect => "; the load generator itself may have had a part in this",
        VerdictLevel::Valid | VerdictLevel::Invalid => "",
    };
    format!("{}{doubt}", findings(summary))
}

/// What happened at the highest load, and when errors began.
fn findings(summary: &RunSummary) -> String {
    // A summary of an earlier version has no peak: the whole run stands for it.
    let Some(peak) = summary.peak.as_ref().filter(|peak| peak.done > 0) else {
        let whole = PeakSummary {
            seconds: summary.measured.seconds,
            done: summary.measured.done,
            failed: summary.measured.failed,
            response_ms: summary.response_ms,
            ..PeakSummary::default()
        };
        return format!("{}{}", outcome_at(&whole), errors(summary, &whole));
    };
    format!(
        "at {} {}{}",
        load_words(summary.model, peak.users, peak.rate_per_s),
        outcome_at(peak),
        errors(summary, peak)
    )
}

fn load_words(model: LoadModel, users: u64, rate_per_s: f64) -> String {
    match model {
        LoadModel::Closed => format::plural(users, "user"),
        LoadModel::Open => format!("{} arrivals a second", format::rate(rate_per_s)),
    }
}

fn outcome_at(peak: &PeakSummary) -> String {
    let figures = &peak.response_ms;
    let share = peak.failed as f64 / peak.done as f64;
    let (p99, slowest) = (format::latency(figures.p99), format::latency(figures.max));
    let count = format::plural(peak.done, "request");
    match peak.failed {
        failed if failed >= peak.done => "every request failed".to_owned(),
        0 if peak.done == 1 => format!("the server answered the only request in {slowest}"),
        0 if peak.done < ENOUGH => format!("the server answered all {count} within {slowest}"),
        failed if peak.done < ENOUGH => format!(
            "{} of {count} failed and all were over within {slowest}",
            format::count(failed)
        ),
        _ if share > FEW_FAILED => format!(
            "{} of the requests failed and 99 % were over within {p99}",
            format::percent(share)
        ),
        _ => format!("the server answered 99 % of requests within {p99}"),
    }
}

/// Where errors began, or how many there were.
fn errors(summary: &RunSummary, peak: &PeakSummary) -> String {
    let failed = summary.measured.failed;
    if peak.failed >= peak.done && failed >= summary.measured.done {
        return String::new();
    }
    match &summary.onset {
        Some(onset) => began(summary, peak, onset),
        None if failed == 0 => "; no request failed".to_owned(),
        None => format!(
            "; over the whole run {} failed",
            format::percent(summary.error_rate)
        ),
    }
}

fn began(summary: &RunSummary, peak: &PeakSummary, onset: &OnsetSummary) -> String {
    let (load, highest) = match summary.model {
        LoadModel::Closed => (onset.users as f64, peak.users as f64),
        LoadModel::Open => (onset.rate_per_s, peak.rate_per_s),
    };
    if onset.at_s <= summary.measured.from_s + 1.0 {
        "; errors came from the start".to_owned()
    } else if load > 0.0 && load < highest * SAME_LOAD {
        format!(
            "; errors began at {}",
            load_words(summary.model, onset.users, onset.rate_per_s)
        )
    } else {
        format!("; errors began after {}", format::span(onset.at_s))
    }
}

fn capital(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use loadforge_analysis::{Percentiles, RunFacts, RunFold, Snapshot};

    fn summary_of(snapshots: &[Snapshot], outcome: RunOutcome) -> RunSummary {
        let mut fold = RunFold::new();
        snapshots.iter().for_each(|snapshot| fold.add(snapshot));
        fold.finish(RunFacts {
            info: &fixture::run_info(),
            outcome,
        })
    }

    /// A VALID run of 1,000 requests at its peak of 200 users, none of them failed.
    fn good() -> RunSummary {
        let mut summary = summary_of(&fixture::snapshots(70), RunOutcome::Completed);
        summary.verdict.level = VerdictLevel::Valid;
        summary.verdict.reasons.clear();
        (summary.measured.done, summary.measured.failed) = (10_000, 0);
        (summary.error_rate, summary.onset) = (0.0, None);
        summary.peak = Some(PeakSummary {
            users: 1_000,
            rate_per_s: 0.0,
            seconds: 10.0,
            done: 1_000,
            failed: 0,
            response_ms: Percentiles {
                p99: 480.0,
                max: 900.0,
                ..Percentiles::default()
            },
            ..PeakSummary::default()
        });
        summary
    }

    /// The sentence with ordinary blanks.
    fn said(summary: &RunSummary) -> String {
        headline(summary).replace('\u{a0}', " ")
    }

    fn with_peak(change: impl FnOnce(&mut PeakSummary)) -> RunSummary {
        let mut summary = good();
        change(summary.peak.as_mut().unwrap());
        summary
    }

    #[test]
    fn a_good_run_is_told_by_its_highest_load() {
        let at_peak = "At 1,000 users the server answered 99 % of requests within 480 ms";
        assert_eq!(said(&good()), format!("{at_peak}; no request failed."));
        let mut summary = good();
        (summary.measured.failed, summary.error_rate) = (39, 0.003_9);
        assert_eq!(
            said(&summary),
            format!("{at_peak}; over the whole run 0.39 % failed.")
        );
    }

    #[test]
    fn errors_are_told_with_the_load_or_the_time_they_began_at() {
        let mut summary = good();
        summary.measured.failed = 500;
        let mut ends_with = |at_s, users, words: &str| {
            summary.onset = Some(OnsetSummary {
                at_s,
                users,
                rate_per_s: 0.0,
            });
            let said = said(&summary);
            assert!(said.ends_with(words), "{said}");
        };
        ends_with(40.0, 700, "; errors began at 700 users.");
        ends_with(65.0, 990, "; errors began after 1 min 5 s.");
        ends_with(0.0, 1, "; errors came from the start.");
    }

    #[test]
    fn an_open_run_is_told_by_its_arrivals() {
        let mut summary = with_peak(|peak| peak.rate_per_s = 680.0);
        summary.model = LoadModel::Open;
        summary.measured.failed = 500;
        summary.onset = Some(OnsetSummary {
            at_s: 40.0,
            users: 31,
            rate_per_s: 412.7,
        });
        assert_eq!(
            said(&summary),
            "At 680 arrivals a second the server answered 99 % of requests within 480 ms; errors began at 413 arrivals a second."
        );
    }

    #[test]
    fn failures_at_the_peak_are_not_called_answers() {
        let mut summary = with_peak(|peak| peak.failed = 230);
        summary.measured.failed = 400;
        (summary.error_rate, summary.onset) = (0.04, None);
        assert_eq!(
            said(&summary),
            "At 1,000 users 23.0 % of the requests failed and 99 % were over within 480 ms; over the whole run 4.00 % failed."
        );
        let mut summary = with_peak(|peak| peak.failed = 1_000);
        (summary.measured.failed, summary.error_rate) = (10_000, 1.0);
        assert_eq!(said(&summary), "At 1,000 users every request failed.");
    }

    #[test]
    fn few_requests_are_counted_and_no_percentile_is_made_of_them() {
        let few = with_peak(|peak| peak.done = 12);
        assert!(said(&few).contains("answered all 12 requests within 900 ms"));
        let one = with_peak(|peak| (peak.done, peak.users) = (1, 1));
        assert!(said(&one).starts_with("At 1 user the server answered the only request in 900 ms"));
        let failing = with_peak(|peak| (peak.done, peak.failed) = (12, 3));
        assert!(said(&failing).contains("3 of 12 requests failed and all were over within 900 ms"));
    }

    #[test]
    fn a_run_whose_figures_say_nothing_gets_no_figure() {
        let mut summary = good();
        summary.verdict.level = VerdictLevel::Invalid;
        summary.verdict.reasons = vec!["requests left late".to_owned()];
        assert_eq!(
            said(&summary),
            "This run does not say how the server did: the load generator could not do what was asked of it."
        );
        summary.verdict.level = VerdictLevel::Suspect;
        assert!(said(&summary).ends_with("the load generator itself may have had a part in this."));
        let idle = summary_of(&fixture::idle_snapshots(5), RunOutcome::Completed);
        assert!(said(&idle).starts_with("No request was answered"));
        assert!(!said(&idle).contains(char::is_numeric));
    }

    #[test]
    fn a_run_that_did_not_reach_its_end_says_so_first() {
        let killed = summary_of(&fixture::snapshots(70), RunOutcome::Aborted);
        let words = said(&killed);
        assert!(
            words.starts_with("The run broke off after 1 min 10 s; until then, at 199 users"),
            "{words} {:?}",
            killed.verdict
        );
        let mut worse = killed;
        worse
            .verdict
            .reasons
            .push("the counts do not add up".to_owned());
        assert_eq!(
            said(&worse),
            "The run broke off after 1 min 10 s, and its figures do not say how the server did."
        );
        let mut cut = good();
        cut.outcome = RunOutcome::Interrupted;
        assert!(
            said(&cut).starts_with("In the 1 min 10 s until it was interrupted, at 1,000 users")
        );
        cut.thresholds = vec![loadforge_analysis::ThresholdResult {
            expr: "p99<5ms abort after 2s".to_owned(),
            ended_run: true,
            ..Default::default()
        }];
        assert!(said(&cut).starts_with(
            "In the 1 min 10 s until it was stopped by the threshold p99<5ms, at 1,000 users"
        ));
    }

    #[test]
    fn warm_up_alone_is_no_measurement_and_phases_leave_the_peak_to_the_measured_part() {
        let mut warm = good();
        (warm.measured.done, warm.peak) = (0, None);
        assert!(said(&warm).starts_with("Nothing was measured"));
        let mut fold = RunFold::new();
        let snapshots = fixture::phased_snapshots(180);
        snapshots.iter().for_each(|snapshot| fold.add(snapshot));
        let phased = fold.finish(RunFacts {
            info: &fixture::phased_run_info(180),
            outcome: RunOutcome::Completed,
        });
        let peak = phased.peak.as_ref().unwrap();
        assert!((peak.rate_per_s - 680.0).abs() < 1.0, "{peak:?}");
        assert!(peak.done < phased.measured.done, "{peak:?}");
    }
}
