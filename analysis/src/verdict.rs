//! Whether the generator was fit to measure what was asked. Neighbours: `fold.rs` calls it once a run is summed up,
//! `docs/accuracy.md` has the same table with the reasons behind each bound.
//! Invariant: the verdict speaks of the generator, never of the target: a slow or failing target is a VALID result.

use crate::{LoadModel, Percentiles, RunOutcome, RunSummary, Verdict, VerdictLevel};

/// CPU in percent of one CPU, spinning left out, from which a worker counts as busy: above it, a request that
/// becomes due is likely to find the worker at work on another one (M/M/1 at 90 %: nine in the queue on average).
pub const BUSY_PERCENT: f64 = 90.0;

/// Share of its seconds under load that a worker may be busy in before the run is SUSPECT: percentiles up to p90
/// are then still made of seconds in which it was not.
pub const BUSY_SHARE: f64 = 0.10;

/// Share of the response time's p99 that the lag's p99 may reach before the run is SUSPECT.
pub const LAG_SHARE: f64 = 0.10;

/// Lag p99 in ms that is never held against a run: twice what a worker reaches at half load on an idle machine.
pub const LAG_FLOOR_MS: f64 = 0.1;

/// Requests from which on lag is judged by its p99. Of fewer, by a lower quantile that still has ten requests above it (p95 from
/// 200, p90 from 100 on); of fewer than 100, not at all: it would be read off those that opened the connections.
pub const LAG_REQUESTS: u64 = 1_000;

/// Share of the requests asked for that may go unsent: above it an open model was not offered the load asked for.
pub const NOT_SENT_SHARE: f64 = 0.001;

/// Mean steal in percent of a worker's CPU from which a run is SUSPECT: the hypervisor then takes 50 ms of each second
/// away, in slices of ms that look like the target's latencies.
pub const STEAL_PERCENT: f64 = 5.0;

/// Time that a used-up CPU quota took from the generator, in percent of the measured time of a worker, from which a run is SUSPECT:
/// a quota is taken in slices of tens of ms, and at 1 % the p99 is made of them.
pub const THROTTLED_PERCENT: f64 = 1.0;

/// Share of the time spent spinning that may pass in pauses before they are what made requests leave late: of a share like this
/// the p99 is made.
pub const PAUSED_SHARE: f64 = 0.01;

/// What the verdict needs beside the summary.
#[derive(Clone, Debug)]
pub struct JudgeFacts {
    /// By worker: share (0 to 1) of its seconds under load at `BUSY_PERCENT` and above.
    pub busy_share: Vec<f64>,
    /// The broken equations in words, if any.
    pub conservation: Result<(), String>,
    /// Scenarios side by side that had measured arrivals not sent; none when one runs alone.
    pub not_sent_of: Vec<NotSentOf>,
}

/// What one of several scenarios did not send.
#[derive(Clone, Debug)]
pub struct NotSentOf {
    /// The scenario's name.
    pub name: String,
    /// Most users that it may have at a time, in the open model.
    pub max_users: Option<u64>,
    /// Measured arrivals of it that were not sent.
    pub count: u64,
}

/// Judges a run by its summary; the summary's own verdict and thresholds are not looked at. Reasons come worst first.
pub fn judge(summary: &RunSummary, facts: &JudgeFacts) -> Verdict {
    // With each, whether any latency may show it. Lag is a figure of its own, held against each latency by itself.
    let found: [(bool, Reason); 14] = [
        (false, aborted(summary)),
        (false, nothing_measured(summary)),
        (false, conservation(facts)),
        (false, not_sent(summary, facts)),
        (false, not_sent_outside(summary)),
        (true, busy(summary, facts)),
        (false, lag(summary)),
        (true, steal(summary)),
        (true, throttled(summary)),
        (true, lost(summary)),
        (false, lost_others(summary)),
        (true, unknown(summary)),
        (true, workers_lost(summary)),
        (true, heartbeats(summary)),
    ];
    let disturbed = found
        .iter()
        .any(|(in_all, reason)| *in_all && reason.is_some());
    let mut reasons: Vec<(VerdictLevel, String)> =
        found.into_iter().filter_map(|(_, reason)| reason).collect();
    reasons.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
    Verdict {
        level: reasons
            .first()
            .map_or(VerdictLevel::Valid, |(level, _)| *level),
        reasons: reasons.into_iter().map(|(_, words)| words).collect(),
        disturbed,
    }
}

/// A reason with its level, or none.
type Reason = Option<(VerdictLevel, String)>;

fn invalid(words: String) -> Reason {
    Some((VerdictLevel::Invalid, words))
}

fn suspect(words: String) -> Reason {
    Some((VerdictLevel::Suspect, words))
}

fn aborted(summary: &RunSummary) -> Reason {
    if summary.outcome != RunOutcome::Aborted {
        return None;
    }
    let unanswered = match summary.requests.unknown {
        0 => String::new(),
        count => format!(
            ", and {} still unanswered",
            counted(count, "request was", "requests were")
        ),
    };
    invalid(format!(
        "the run broke off after {:.1} s: what came later is missing{unanswered}",
        summary.duration_s
    ))
}

fn nothing_measured(summary: &RunSummary) -> Reason {
    if summary.measured.done > 0 {
        return None;
    }
    match summary.requests.done() {
        0 => invalid("no request was done: there is nothing to measure".to_owned()),
        done => invalid(format!(
            "nothing was measured: {} done, all of them in warm-up or cool-down, and these do not count",
            counted(done, "request was", "requests were")
        )),
    }
}

fn conservation(facts: &JudgeFacts) -> Reason {
    let broken = facts.conservation.as_ref().err()?;
    invalid(format!(
        "the counts do not add up, which is a fault of loadforge: {broken}"
    ))
}

/// The closed model asks for users, not for a rate: what a lost worker's users did not send is a flaw, not a breach.
fn not_sent(summary: &RunSummary, facts: &JudgeFacts) -> Reason {
    let measured = &summary.measured;
    let share = crate::window::share(measured.not_sent, measured.intended);
    if share <= NOT_SENT_SHARE {
        return None;
    }
    let words = format!(
        "{} of {} asked for {} never sent ({:.2} %, at most {:.1} % may be): \
         the target did not get the load that was asked for",
        measured.not_sent,
        counted(measured.intended, "request", "requests"),
        if measured.not_sent == 1 {
            "was"
        } else {
            "were"
        },
        share * 100.0,
        NOT_SENT_SHARE * 100.0
    );
    match summary.model {
        LoadModel::Open => {
            let why = alone_at_fault(summary, facts);
            let why = why.unwrap_or_else(|| why_not_sent(summary, facts));
            invalid(format!("{words}; {why}"))
        }
        LoadModel::Closed => suspect(words),
    }
}

/// What held back the one of several scenarios that did not send, and the remedy: the users of all together say nothing of
/// its own. Where the CPUs were full, a worker was lost or something bounds all of them, none is at fault alone.
fn alone_at_fault(summary: &RunSummary, facts: &JudgeFacts) -> Option<String> {
    let [part] = facts.not_sent_of.as_slice() else {
        return None;
    };
    let for_all = summary.rate.max_rps.is_some()
        || summary.generator.workers_lost > 0
        || !busy_workers(summary, facts).is_empty();
    let most = part.max_users.filter(|_| !for_all)?;
    Some(format!(
        "all of them are of {}, and the other scenarios sent theirs: its users ({most} at most) were all waiting for \
         answers at some time; raise its max_users, or ask for a rate that its target can answer",
        part.name
    ))
}

/// What held arrivals back, most likely, and the remedy.
fn why_not_sent(summary: &RunSummary, facts: &JudgeFacts) -> String {
    let most = summary.users.target_peak;
    let bound = match summary.rate.max_rps {
        Some(max_rps) => format!(" or --max-rps ({max_rps})"),
        None => String::new(),
    };
    if at_max_users(summary) {
        return format!(
            "there were as many users as there may be ({most}), and all were waiting for answers at some time: raise \
             --max-users{bound}, or ask for a rate that the target can answer"
        );
    }
    if busy_workers(summary, facts).is_empty() {
        match summary.rate.max_rps {
            Some(max_rps) => {
                format!("--max-rps ({max_rps}) held them back: raise it, or ask for less")
            }
            None => format!(
                "it had users left at all times (at most {} there may be): a worker died, or a part of the load was at \
                 its own bound",
                counted(most, "user", "users")
            ),
        }
    } else {
        "its CPUs were full: give it more workers, or ask for less".to_owned()
    }
}

/// Whether there were ever as many users as there may be in the open model.
fn at_max_users(summary: &RunSummary) -> bool {
    summary.users.target_peak > 0 && summary.users.peak >= summary.users.target_peak
}

/// An arrival given up at a border may have been due on its other side. A run that broke off was balanced with what nobody
/// knows of, and says so already.
fn not_sent_outside(summary: &RunSummary) -> Reason {
    let (requests, measured) = (&summary.requests, &summary.measured);
    let outside = requests.not_sent.saturating_sub(measured.not_sent);
    let all = crate::window::share(outside, requests.intended);
    if all <= NOT_SENT_SHARE || summary.outcome == RunOutcome::Aborted {
        return None;
    }
    suspect(format!(
        "{outside} of {} asked for {} given up in warm-up or cool-down ({:.2} %, at most {:.1} % may be)",
        counted(requests.intended, "request", "requests"),
        if outside == 1 { "was" } else { "were" },
        all * 100.0,
        NOT_SENT_SHARE * 100.0
    ))
}

fn busy(summary: &RunSummary, facts: &JudgeFacts) -> Reason {
    let workers = busy_workers(summary, facts);
    if workers.is_empty() {
        return None;
    }
    suspect(format!(
        "the generator was the limit: {}; give it more workers or ask for less load",
        workers.join(", ")
    ))
}

/// Each busy worker in words.
fn busy_workers(summary: &RunSummary, facts: &JudgeFacts) -> Vec<String> {
    let means = &summary.generator.cpu_percent;
    (0..means.len().max(facts.busy_share.len()))
        .filter_map(|index| {
            let mean = means.get(index).copied().unwrap_or(0.0);
            let share = facts.busy_share.get(index).copied().unwrap_or(0.0);
            (mean >= BUSY_PERCENT || share >= BUSY_SHARE).then(|| {
                format!(
                    "worker {index} used {mean:.0} % of its CPU on average and {BUSY_PERCENT:.0} % or more \
                     in {:.0} % of the seconds",
                    share * 100.0
                )
            })
        })
        .collect()
}

/// A figure's words: which quantile, of the lag, of the response time.
type Quantiles = (&'static str, f64, f64);

/// The quantiles by which lag is judged that made requests leave late; none when it did not. Each has ten requests above it.
fn late(done: u64, lag: &Percentiles, response: &Percentiles) -> Option<Quantiles> {
    let judged = match done {
        LAG_REQUESTS.. => ("p99", lag.p99, response.p99),
        200.. => ("p95", lag.p95, response.p95),
        100.. => ("p90", lag.p90, response.p90),
        _ => return None,
    };
    let (_, lag, response) = judged;
    (lag > LAG_FLOOR_MS && lag > response * LAG_SHARE).then_some(judged)
}

/// Over the whole run, or where that is calm, at the highest load, of which the report speaks first.
fn lag(summary: &RunSummary) -> Reason {
    let whole = late(summary.measured.done, &summary.lag_ms, &summary.response_ms);
    let at_peak = || {
        let peak = summary.peak.as_ref()?;
        let found = late(peak.done, &peak.lag_ms, &peak.response_ms)?;
        let place = match peak.phase.as_str() {
            "" => " at the highest load".to_owned(),
            phase => format!(" in the phase {phase:?}"),
        };
        Some((found, place))
    };
    let ((quantile, lag, response), place) =
        whole.map(|found| (found, String::new())).or_else(at_peak)?;
    let remedy = late_remedy(summary);
    suspect(format!(
        "requests left late{place}: {quantile} of the lag is {lag:.3} ms, {:.0} % of the response time's {quantile} of \
         {response:.3} ms (at most {:.0} %); it needs {remedy}",
        lag / response * 100.0,
        LAG_SHARE * 100.0
    ))
}

/// What would let requests leave in time.
fn late_remedy(summary: &RunSummary) -> String {
    let paused = summary.generator.paused_share(summary.measured.seconds);
    if paused >= PAUSED_SHARE {
        format!(
            "a quieter machine: for {:.1} % of the time that workers spun, something else had their CPU ({:.1} ms)",
            paused * 100.0,
            summary.generator.paused_ms
        )
    } else {
        match summary.model {
            LoadModel::Open if summary.rate.max_rps.is_some() => {
                "a higher --max-rps if that held them back, else more workers or CPUs of their own"
            }
            LoadModel::Open if at_max_users(summary) => {
                "a higher --max-users: all of them were waiting for answers at some time"
            }
            LoadModel::Open | LoadModel::Closed => "more workers or CPUs of their own",
        }
        .to_owned()
    }
}

fn steal(summary: &RunSummary) -> Reason {
    let workers: Vec<String> = (0..)
        .zip(&summary.generator.steal_percent)
        .filter(|(_, percent)| **percent >= STEAL_PERCENT)
        .map(|(index, percent): (usize, _)| format!("{percent:.0} % of worker {index}'s"))
        .collect();
    if workers.is_empty() {
        return None;
    }
    suspect(format!(
        "the hypervisor gave CPU time of this machine to others: {} (at most {STEAL_PERCENT:.0} %); the waits this \
         makes are in the latencies; use a machine with CPUs of its own",
        workers.join(", ")
    ))
}

/// What the kernel tells is the sum over all CPUs.
fn throttled(summary: &RunSummary) -> Reason {
    let held_ms = summary.generator.throttled_ms;
    let workers = f64::from(summary.generator.workers.max(1));
    let percent = held_ms / (summary.measured.seconds * 1e3 * workers).max(1.0) * 100.0;
    if percent < THROTTLED_PERCENT {
        return None;
    }
    suspect(format!(
        "the container's CPU quota held the generator back for {held_ms:.0} ms ({percent:.0} % of its workers' time, less than \
         {THROTTLED_PERCENT:.0} % may be): the waits this makes are in the latencies; give it a higher quota, or ask for less load"
    ))
}

fn lost(summary: &RunSummary) -> Reason {
    let lost = summary.requests.lost;
    if lost == 0 {
        return None;
    }
    suspect(format!(
        "{lost} of {} lost between worker and supervisor: what was sent and not recorded is in no other figure",
        counted(summary.requests.sent, "record was", "records were")
    ))
}

fn lost_others(summary: &RunSummary) -> Reason {
    let lost = summary.generator.lost_others;
    if lost == 0 {
        return None;
    }
    suspect(format!(
        "{} lost between worker and supervisor: the seconds and figures they belong to lack them",
        counted(
            lost,
            "record of a group, a metric or arrivals not sent was",
            "records of groups, metrics or arrivals not sent were"
        )
    ))
}

fn unknown(summary: &RunSummary) -> Reason {
    let unknown = summary.requests.unknown;
    // A run that broke off says so already.
    if unknown == 0 || summary.outcome == RunOutcome::Aborted {
        return None;
    }
    suspect(format!(
        "the outcome of {} is unknown: the worker that had sent them was killed",
        counted(unknown, "request", "requests")
    ))
}

fn workers_lost(summary: &RunSummary) -> Reason {
    let lost = summary.generator.workers_lost;
    if lost == 0 {
        return None;
    }
    suspect(format!(
        "{lost} of {} lost during the run",
        counted(
            summary.generator.workers.into(),
            "worker was",
            "workers were"
        )
    ))
}

fn heartbeats(summary: &RunSummary) -> Reason {
    let missed = summary.generator.missed_heartbeats;
    if missed == 0 {
        return None;
    }
    suspect(format!(
        "{} more than a second late: workers were kept from their CPUs",
        counted(
            missed,
            "heartbeat of a worker came",
            "heartbeats of workers came"
        )
    ))
}

/// A count with the words for one or for many.
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
