//! The run in plain words, for the terminal and the page alike: what the verdict means, how the run ended, what happened.
//! Neighbours: `format.rs` writes the figures in these sentences. Invariant: every word is derived from the summary.

use crate::format;
use loadforge_analysis::{
    EndpointSummary, ErrorCount, LoadModel, MAX_ENDPOINTS, MAX_GROUPS, MAX_METRICS, OTHER_ENDPOINT,
    RunOutcome, RunSummary, ThresholdResult, VerdictLevel, condition,
};
use loadforge_scenarios::{ErrorKind, PhaseRole};

/// The verdict as a heading.
pub(crate) fn verdict_heading(level: VerdictLevel) -> &'static str {
    match level {
        VerdictLevel::Valid => "These figures can be trusted",
        VerdictLevel::Suspect => "Read this before using the figures",
        VerdictLevel::Invalid => "Do not use these figures",
    }
}

/// What the verdict is about, in a sentence.
pub(crate) fn verdict_meaning(level: VerdictLevel) -> &'static str {
    match level {
        VerdictLevel::Valid => {
            "The load generator kept up with what was asked: nothing was lost and nothing was held back."
        }
        VerdictLevel::Suspect => "The load generator itself may have influenced what was measured:",
        VerdictLevel::Invalid => {
            "The load generator could not do what was asked, or the run broke off:"
        }
    }
}

/// The verdict's word, as in `summary.json`.
pub(crate) fn verdict_word(level: VerdictLevel) -> &'static str {
    match level {
        VerdictLevel::Valid => "VALID",
        VerdictLevel::Suspect => "SUSPECT",
        VerdictLevel::Invalid => "INVALID",
    }
}

/// How the run ended, as in `summary.json`.
pub(crate) fn outcome_word(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Completed => "completed",
        RunOutcome::Interrupted => "interrupted",
        RunOutcome::Aborted => "aborted",
    }
}

/// The threshold that ended the run, as it was written; `None` when a person, a signal or nothing did.
pub(crate) fn stopped_by(summary: &RunSummary) -> Option<&str> {
    let mut thresholds = summary.thresholds.iter();
    let ended = thresholds.find(|threshold| threshold.ended_run);
    ended.map(|threshold| condition(&threshold.expr))
}

/// How the run ended, in a few words.
pub(crate) fn outcome_words(summary: &RunSummary) -> String {
    let after = format::span(summary.duration_s);
    match summary.outcome {
        RunOutcome::Completed => "completed".to_owned(),
        RunOutcome::Interrupted => match stopped_by(summary) {
            Some(threshold) => format!("stopped by the threshold {threshold} after {after}"),
            None => format!("interrupted after {after}"),
        },
        RunOutcome::Aborted => format!("cut off after {}", format::span(summary.duration_s)),
    }
}

/// What a reader must know about a run that did not reach its end; `None` for one that did.
pub(crate) fn cut_short(summary: &RunSummary, planned_s: f64) -> Option<String> {
    let after = format::span(summary.duration_s);
    let planned = if planned_s > 0.0 {
        format!(" of the {} planned", format::span(planned_s))
    } else {
        String::new()
    };
    match summary.outcome {
        RunOutcome::Completed => None,
        RunOutcome::Interrupted => {
            let whole = match (summary.requests.unknown, given_up(summary)) {
                (0, 0) => "Requests under way were given time to finish, so what follows is whole."
                    .to_owned(),
                (0, count) => format!(
                    "Requests under way were given time to finish, and {} not answered in that time: given up and counted as failed ({}).",
                    were(count, "request"),
                    ErrorKind::Interrupted.as_str()
                ),
                // A second signal, "end now" on the live page, a worker that was killed.
                (unknown, _) => format!(
                    "Not all requests under way were waited for: what became of {unknown} of them is unknown."
                ),
            };
            let how = match stopped_by(summary) {
                Some(threshold) => format!("stopped by the threshold {threshold}"),
                None => "interrupted".to_owned(),
            };
            Some(format!("The run was {how} after {after}{planned}. {whole}"))
        }
        RunOutcome::Aborted => Some(format!(
            "The run was cut off after {after}{planned}: it was killed or broke off. What follows covers every second written until then; requests under way at that moment are not in it."
        )),
    }
}

/// Requests that were cut when the graceful stop was over.
fn given_up(summary: &RunSummary) -> u64 {
    let errors = summary.errors.iter();
    let cut = errors.filter(|error| error.kind == ErrorKind::Interrupted);
    cut.map(|error| error.count).sum()
}

/// The whole run in two or three sentences.
pub(crate) fn story(summary: &RunSummary) -> String {
    let done = summary.measured.done;
    let length = format::span(summary.duration_s);
    if done == 0 {
        let answered = summary.requests.ok + summary.requests.failed;
        return match answered {
            0 => format!("In {length}, no request was answered. There is nothing to measure."),
            _ => format!(
                "In {length}, {} made, all of them in warm-up or cool-down. There is nothing measured.",
                format::plural(answered, "request")
            ),
        };
    }
    let length = match left_out(summary) {
        None => length,
        Some(_) => format!(
            "{} that were measured",
            format::span(summary.measured.seconds)
        ),
    };
    let load = match summary.model {
        LoadModel::Closed => format!("up to {} made", format::plural(summary.users.peak, "user")),
        LoadModel::Open => format!(
            "arrivals at up to {} a second made",
            format::rate(summary.rate.target_peak)
        ),
    };
    let requests = format::plural(done, "request");
    let rate = format::rate(summary.requests.rps_mean);
    let (half, most) = (summary.response_ms.p50, summary.response_ms.p99);
    let (half, most) = (format::latency(half), format::latency(most));
    let errors = match summary.measured.failed {
        0 => "No request failed.".to_owned(),
        failed => {
            let of_requests =
                |error: &&ErrorCount| error.count - error.without_request.min(error.count);
            // The first of the most frequent: `max_by_key` alone would take the last.
            let often = summary.errors.iter().rev().max_by_key(of_requests);
            let often = often.map_or_else(String::new, |error| {
                format!(", most often with “{}”", error.detail)
            });
            format!(
                "{} failed ({}){often}.",
                format::plural(failed, "request"),
                format::percent(summary.error_rate)
            )
        }
    };
    let not_sent = match summary.measured.not_sent {
        0 => String::new(),
        count => format!(" {} due and never sent.", were(count, "request")),
    };
    let noted = match noted_failures(summary) {
        0 => String::new(),
        count => format!(
            " {} told of that no request carries.",
            were(count, "failure")
        ),
    };
    let story = format!(
        "In {length}, {load} {requests}, {rate} a second. \
         Half of them took up to {half}, 99 of 100 up to {most}. {errors}{noted}{not_sent}"
    );
    keep_together(&story)
}

fn were(count: u64, noun: &str) -> String {
    let verb = if count == 1 { "was" } else { "were" };
    format!("{} {verb}", format::plural(count, noun))
}

/// What of the run is in no figure, in words; `None` when all of it counts.
pub(crate) fn left_out(summary: &RunSummary) -> Option<String> {
    let answered = summary.requests.ok + summary.requests.failed;
    let outside = answered.saturating_sub(summary.measured.done);
    let phases = summary.phases.iter();
    let unmeasured = phases.filter(|phase| phase.role != PhaseRole::Measured);
    (outside > 0 || unmeasured.count() > 0).then(|| {
        format!(
            "{} of warm-up and cool-down not counted; measured from {} to {}",
            format::plural(outside, "request"),
            format::clock(summary.measured.from_s),
            format::clock(summary.measured.until_s)
        )
    })
}

/// Why a phase does not count; empty when it does.
pub(crate) fn phase_note(role: PhaseRole) -> &'static str {
    match role {
        PhaseRole::Measured => "",
        PhaseRole::WarmUp => "warm-up: not counted",
        PhaseRole::CoolDown => "cool-down: not counted",
    }
}

/// What the peak of users is to be compared with.
pub(crate) fn users_note(summary: &RunSummary) -> String {
    let most = format::count(summary.users.target_peak);
    match summary.model {
        LoadModel::Closed => format!("at peak, {most} asked for"),
        LoadModel::Open => format!("at peak, at most {most} allowed"),
    }
}

/// A line never breaks between a figure and its unit.
pub(crate) fn keep_together(sentence: &str) -> String {
    const NO_BREAK: char = '\u{a0}';
    let mut kept = String::with_capacity(sentence.len());
    for word in sentence.split(' ') {
        if !kept.is_empty() {
            let after_figure = kept.ends_with(|char: char| char.is_ascii_digit());
            let unit = ["%", "ms", "s", "min", "h", "µs"]
                .contains(&word.trim_end_matches(['.', ',', ')']));
            kept.push(if after_figure && unit { NO_BREAK } else { ' ' });
        }
        kept.push_str(word);
    }
    kept
}

/// The thresholds in a few words; `None` when there are none.
pub(crate) fn thresholds_words(thresholds: &[ThresholdResult]) -> Option<String> {
    let passed = thresholds
        .iter()
        .filter(|threshold| threshold.passed)
        .count();
    match (thresholds.len(), passed) {
        (0, _) => None,
        (1, 1) => Some("The threshold is met".to_owned()),
        (1, _) => Some("The threshold is not met".to_owned()),
        (2, 2) => Some("Both thresholds are met".to_owned()),
        (all, passed) if all == passed => Some(format!("All {all} thresholds are met")),
        (all, passed) => Some(format!("{} of {all} thresholds not met", all - passed)),
    }
}

/// When a threshold broke, such as "first broke at 1:30, in 3 of 20 windows of 30 s; it ended the run", and what its figure has in it
/// that nobody would guess; empty for one on the whole run that held.
pub(crate) fn threshold_when(threshold: &ThresholdResult) -> String {
    let mut words = broke_when(threshold);
    let mut add = |more: String| {
        words += if words.is_empty() { "" } else { "; " };
        words += &more;
    };
    if let Some(windows) = threshold.windows.filter(|windows| windows.is_cut) {
        let length = format::span(windows.length_s);
        add(format!(
            "less was measured than one window of {length}, so all of it was taken"
        ));
    }
    if threshold.not_sent > 0 {
        add(format!(
            "with {} not sent",
            format::count(threshold.not_sent)
        ));
    }
    words
}

fn broke_when(threshold: &ThresholdResult) -> String {
    let whole = threshold.windows.filter(|windows| !windows.is_cut);
    let windows = whole.map(|windows| {
        format!(
            "in {} of {} windows of {}",
            windows.broken,
            windows.judged,
            format::span(windows.length_s)
        )
    });
    let Some(broke_at_s) = threshold.broke_at_s else {
        let held = whole.map(|windows| {
            let count = format::plural(windows.judged, "window");
            format!("held in {count} of {}", format::span(windows.length_s))
        });
        return held.unwrap_or_default();
    };
    let mut words = format!("first broke at {}", format::clock(broke_at_s));
    if let Some(windows) = windows {
        words += ", ";
        words += &windows;
    }
    if threshold.ended_run {
        words += "; it ended the run";
    }
    words
}

/// What was measured for a threshold, in the threshold's own unit.
pub(crate) fn threshold_actual(threshold: &ThresholdResult) -> String {
    let Some(actual) = threshold.actual.filter(|actual| actual.is_finite()) else {
        return "no sample".to_owned();
    };
    let condition = condition(&threshold.expr);
    let unit = condition
        .rsplit(|char: char| char.is_ascii_digit())
        .next()
        .unwrap_or_default();
    match unit.trim() {
        "ms" => format::latency(actual),
        "us" | "µs" => format::latency(actual / 1e3),
        "s" => format::latency(actual * 1e3),
        "%" => format::percent(actual / 100.0),
        // Shares may be written as fractions.
        _ if ["error_rate", "checks"]
            .iter()
            .any(|share| condition.contains(share)) =>
        {
            format::percent(actual)
        }
        _ => format::rate(actual),
    }
}

/// How an endpoint is called where its method stands beside its name.
pub(crate) fn endpoint_label(method: &str, name: &str) -> String {
    format!("{method} {}", without_method(method, name))
        .trim()
        .to_owned()
}

/// The name without the method in front, which imported scenarios have there: shown beside it, it would stand there twice.
pub(crate) fn without_method<'n>(method: &str, name: &'n str) -> &'n str {
    name.strip_prefix(method)
        .and_then(|rest| rest.strip_prefix(' '))
        .filter(|rest| !method.is_empty() && !rest.trim().is_empty())
        .unwrap_or(name)
}

/// What "other" in the list of endpoints means; `None` when it is not in the list.
pub(crate) fn other_words(summary: &RunSummary) -> Option<String> {
    let is_other =
        |endpoint: &EndpointSummary| endpoint.method.is_empty() && endpoint.name == OTHER_ENDPOINT;
    summary.endpoints.iter().any(is_other).then(|| {
        format!(
            "\u{201c}{OTHER_ENDPOINT}\u{201d} is not a name of the scenario: the {}st name and later are counted there together.",
            MAX_ENDPOINTS + 1
        )
    })
}

fn noted_failures(summary: &RunSummary) -> u64 {
    let errors = summary.errors.iter();
    errors.map(|error| error.without_request).sum()
}

/// How many of the errors no request carries, in words; `None` when each belongs to one.
pub(crate) fn failures_without_request(summary: &RunSummary) -> Option<String> {
    let count = noted_failures(summary);
    let verb = if count == 1 { "is" } else { "are" };
    (count > 0).then(|| {
        format!(
            "{} of these {verb} of no request: told of by the scenario itself, or the place of a panic. They are not among the \
             failed requests.",
            format::count(count)
        )
    })
}

/// What "other" means among groups and metrics; `None` when they all have figures of their own.
pub(crate) fn other_own_words(summary: &RunSummary) -> Option<String> {
    let groups = (summary.groups.len() > MAX_GROUPS).then_some("group");
    let metrics = (summary.metrics.len() > MAX_METRICS).then_some("metric");
    let which: Vec<String> = [groups.zip(Some(MAX_GROUPS)), metrics.zip(Some(MAX_METRICS))]
        .into_iter()
        .flatten()
        .map(|(noun, most)| format!("the {}st {noun} and later ones", most + 1))
        .collect();
    (!which.is_empty()).then(|| {
        format!(
            "\u{201c}{OTHER_ENDPOINT}\u{201d} holds what has no row of its own: {}.",
            which.join(", and ")
        )
    })
}

/// Both equations of conservation with every term.
pub(crate) fn conservation(summary: &RunSummary) -> [String; 2] {
    let requests = &summary.requests;
    [
        format!(
            "{} intended = {} sent + {} not sent",
            format::count(requests.intended),
            format::count(requests.sent),
            format::count(requests.not_sent)
        ),
        format!(
            "{} sent = {} ok + {} failed + {} unknown + {} lost",
            format::count(requests.sent),
            format::count(requests.ok),
            format::count(requests.failed),
            format::count(requests.unknown),
            format::count(requests.lost)
        ),
    ]
}

/// Whether both equations of conservation hold.
pub(crate) fn conserved(summary: &RunSummary) -> bool {
    let requests = &summary.requests;
    let sum = |terms: &[u64]| terms.iter().map(|term| u128::from(*term)).sum::<u128>();
    sum(&[requests.intended]) == sum(&[requests.sent, requests.not_sent])
        && sum(&[requests.sent])
            == sum(&[
                requests.ok,
                requests.failed,
                requests.unknown,
                requests.lost,
            ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadforge_analysis::{ErrorCount, RunFacts, RunFold, WindowsResult};

    fn threshold(expr: &str, actual: Option<f64>, passed: bool) -> ThresholdResult {
        ThresholdResult {
            expr: expr.to_owned(),
            actual,
            passed,
            broke_at_s: None,
            windows: None,
            ended_run: false,
            ..ThresholdResult::default()
        }
    }

    #[test]
    fn when_a_threshold_broke_is_told_with_its_windows() {
        let mut result = threshold("p99 < 500ms over 30s", Some(612.0), false);
        result.broke_at_s = Some(90.0);
        assert_eq!(threshold_when(&result), "first broke at 1:30");
        result.windows = Some(WindowsResult {
            length_s: 30.0,
            judged: 20,
            broken: 3,
            is_cut: false,
        });
        result.ended_run = true;
        assert_eq!(
            threshold_when(&result),
            "first broke at 1:30, in 3 of 20 windows of 30 s; it ended the run"
        );
        (result.broke_at_s, result.ended_run) = (None, false);
        assert_eq!(threshold_when(&result), "held in 20 windows of 30 s");
        assert_eq!(threshold_when(&threshold("rps > 9", Some(10.0), true)), "");
        result.not_sent = 1_925;
        assert_eq!(
            threshold_when(&result),
            "held in 20 windows of 30 s; with 1,925 not sent"
        );
        result.not_sent = 0;
        result.windows.as_mut().unwrap().is_cut = true;
        assert_eq!(
            threshold_when(&result),
            "less was measured than one window of 30 s, so all of it was taken"
        );
    }

    #[test]
    fn a_threshold_is_shown_in_its_own_unit() {
        let rows = [
            ("p99 < 500ms", Some(184.2), "184 ms"),
            ("p99 < 1.5 s@search", Some(2.0), "2.00 s"),
            ("lag.p99<50us", Some(12.0), "12.0 µs"),
            ("error_rate < 1%", Some(0.39), "0.39 %"),
            ("error_rate < 0.01", Some(0.0039), "0.39 %"),
            ("checks > 0.99", Some(0.995), "99.5 %"),
            ("rps > 900", Some(1_204.3), "1,204"),
            ("p99 < 500ms over 30s", Some(184.2), "184 ms"),
            (
                "error_rate < 1% abort after 10s@a over 2",
                Some(0.39),
                "0.39 %",
            ),
            ("p99 < 500ms@never", None, "no sample"),
        ];
        for (expr, actual, text) in rows {
            assert_eq!(
                threshold_actual(&threshold(expr, actual, true)),
                text,
                "{expr}"
            );
        }
    }

    #[test]
    fn requests_that_the_end_cut_are_not_called_whole() {
        let info = crate::fixture::run_info();
        let outcome = RunOutcome::Interrupted;
        let mut summary = RunFold::new().finish(RunFacts {
            info: &info,
            outcome,
        });
        let said = |summary: &RunSummary| cut_short(summary, 60.0).unwrap_or_default();
        assert!(said(&summary).ends_with("so what follows is whole."));
        for (count, words) in [
            (1, "1 request was not answered"),
            (7, "7 requests were not"),
        ] {
            summary.errors = vec![ErrorCount {
                kind: ErrorKind::Interrupted,
                detail: "in flight when the run ended (waited 1s)".to_owned(),
                count,
                without_request: 0,
            }];
            let said = said(&summary);
            assert!(
                said.contains(words) && said.contains("failed (interrupted)"),
                "{said}"
            );
        }
    }

    #[test]
    fn thresholds_are_counted_in_words() {
        let met = threshold("p99 < 1s", Some(0.2), true);
        let missed = threshold("p50 < 1ms", Some(3.0), false);
        assert_eq!(thresholds_words(&[]), None);
        assert_eq!(
            thresholds_words(std::slice::from_ref(&met)).as_deref(),
            Some("The threshold is met")
        );
        assert_eq!(
            thresholds_words(&[met, missed]).as_deref(),
            Some("1 of 2 thresholds not met")
        );
    }
}
