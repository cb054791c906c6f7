//! What a whole run came to: `summary.json`, a contract that others read (names and meaning are kept; more may be added).
//! Neighbours: folded from snapshots by `fold.rs`, judged by `verdict.rs` and `threshold.rs`, shown by the reporter.

use loadforge_scenarios::{ErrorKind, Method, PhaseRole};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::{ErrorCount, Event, GroupSummary, LatencyHistogram, MetricSummary};

/// The schema name in `summary.json`.
pub const SUMMARY_SCHEMA: &str = "loadforge.summary/1";

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// The plan was carried out to its end.
    Completed,
    /// A person or a signal ended it early, in good order.
    Interrupted,
    /// It broke off: the supervisor or all workers died.
    Aborted,
}

/// Which side sets the pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadModel {
    /// A number of users, each waiting for its answer.
    Closed,
    /// A rate of arrivals, whatever the answers do.
    Open,
}

/// Whether the generator was fit to measure what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VerdictLevel {
    /// The figures can be trusted.
    Valid,
    /// Read the reasons before using the figures.
    Suspect,
    /// The generator could not do what was asked.
    Invalid,
}

/// The verdict on the generator, with every reason in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The worst level of all reasons.
    pub level: VerdictLevel,
    /// Why it is not VALID; empty when it is.
    pub reasons: Vec<String>,
    /// Whether the generator was disturbed in a way that any latency of the run may show, whatever its lag: its CPUs were full or taken
    /// away, a worker was lost or held up, records were lost.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disturbed: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// A run's figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// `SUMMARY_SCHEMA`.
    pub schema: String,
    /// The scenario's name.
    pub name: String,
    /// UTC, RFC 3339.
    pub started_at: String,
    /// From the first second to the last answer, in seconds.
    pub duration_s: f64,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Whether the generator was fit.
    pub verdict: Verdict,
    /// Which side set the pace.
    pub model: LoadModel,
    /// The rate asked for and offered.
    #[serde(default)]
    pub rate: RateSummary,
    /// Counts of requests, over the whole run; `rps_mean` alone is over the measured part.
    pub requests: RequestTotals,
    /// The part of the run that counts. All figures from here on, `users`, `generator`, `phases` and `events` aside, are of
    /// this part.
    #[serde(default)]
    pub measured: MeasuredSummary,
    /// Failed share of the requests done, 0 to 1.
    pub error_rate: f64,
    /// Done − intended, in ms.
    pub response_ms: Percentiles,
    /// Done − sent, in ms.
    pub service_ms: Percentiles,
    /// Sent − intended, in ms.
    pub lag_ms: Percentiles,
    /// The same per endpoint, busiest first.
    pub endpoints: Vec<EndpointSummary>,
    /// Groups of requests, most frequent first.
    #[serde(default)]
    pub groups: Vec<GroupSummary>,
    /// The scenario's own metrics, by name.
    #[serde(default)]
    pub metrics: Vec<MetricSummary>,
    /// Failures by kind and detail, most frequent first.
    pub errors: Vec<ErrorCount>,
    /// Requests done by status code; 0 where no answer came.
    pub status: BTreeMap<u16, u64>,
    /// Each phase of the plan by itself, in the order of time; none when the plan has none.
    #[serde(default)]
    pub phases: Vec<PhaseSummary>,
    /// The part of the measured time with the highest load; `None` when nothing was measured, or no load was seen in a run too
    /// short for it.
    #[serde(default)]
    pub peak: Option<PeakSummary>,
    /// When errors began to stay; `None` when they did not.
    #[serde(default)]
    pub onset: Option<OnsetSummary>,
    /// Users at their peak.
    pub users: UserPeaks,
    /// The generator's own figures.
    pub generator: GeneratorSummary,
    /// Each threshold with what was measured.
    pub thresholds: Vec<ThresholdResult>,
    /// What else happened.
    pub events: Vec<Event>,
}

/// Counts of requests over a run. `intended = sent + not_sent`, `sent = ok + failed + unknown + lost`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestTotals {
    /// Requests that the plan and the users asked for.
    pub intended: u64,
    /// Requests begun on the wire, those whose connection failed included.
    pub sent: u64,
    /// Requests asked for and never begun.
    pub not_sent: u64,
    /// Requests that succeeded.
    pub ok: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests whose outcome a killed worker took with it.
    pub unknown: u64,
    /// Records that could not be delivered.
    pub lost: u64,
    /// Requests done per second of the measured part.
    pub rps_mean: f64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Requests sent a second time because the server had closed the idle connection.
    pub retried: u64,
    /// Connections made.
    pub connects: u64,
    /// Iterations that ended.
    pub iterations: u64,
    /// Of these, failed.
    pub iterations_failed: u64,
}

/// The rate that was asked for, in arrivals a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RateSummary {
    /// Highest rate of the plan; 0 in the closed model. Of a run that was steered, the highest of any second.
    pub target_peak: f64,
    /// Requests that became due per second of the measured part, those that were never sent included.
    pub offered_mean: f64,
    /// Most requests a second that were let through, if bounded.
    pub max_rps: Option<f64>,
}

/// The part of a run whose figures count: all of it but warm-up and cool-down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeasuredSummary {
    /// When its first second began, in seconds since the start of the run.
    pub from_s: f64,
    /// When its last second ended, in seconds since the start of the run.
    pub until_s: f64,
    /// Its length without the seconds in between that were not measured.
    pub seconds: f64,
    /// Requests that became due in it.
    pub intended: u64,
    /// Requests that were given up in it without having been begun.
    pub not_sent: u64,
    /// Requests done in it: `ok + failed`.
    pub done: u64,
    /// Requests that succeeded.
    pub ok: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests done per second.
    pub rps_mean: f64,
}

/// One phase of the plan over a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseSummary {
    /// What it is called.
    pub name: String,
    /// What it was for: only a measured one counts in the run's own figures.
    pub role: PhaseRole,
    /// When its first second began, in seconds since the start of the run.
    pub from_s: f64,
    /// When its last second ended, in seconds since the start of the run.
    pub until_s: f64,
    /// Requests that became due in it.
    pub intended: u64,
    /// Requests that were given up in it without having been begun.
    pub not_sent: u64,
    /// Requests done in it.
    pub done: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Requests done per second.
    pub rps_mean: f64,
    /// Failed share of the requests done, 0 to 1.
    pub error_rate: f64,
    /// Response time in ms.
    pub response_ms: Percentiles,
    /// Service time in ms.
    pub service_ms: Percentiles,
    /// Lag in ms.
    pub lag_ms: Percentiles,
}

/// The highest load: the measured phase that held it, if one did, else the measured seconds within 2.5 % of it, and some up to
/// 5 % below.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PeakSummary {
    /// The phase that held it, whose row in `phases` has the same figures; empty where no phase held one load.
    #[serde(default)]
    pub phase: String,
    /// Most users at work.
    pub users: u64,
    /// Most arrivals a second that the plan asked for; 0 in the closed model.
    pub rate_per_s: f64,
    /// How long all of it lasted, in seconds.
    pub seconds: f64,
    /// Requests done in it.
    pub done: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Response time in ms.
    pub response_ms: Percentiles,
    /// Lag in ms; all 0 in summaries of earlier versions.
    #[serde(default)]
    pub lag_ms: Percentiles,
}

/// When errors began to stay: from here on more than 1 % of the requests failed, for as long as the load was not lower.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnsetSummary {
    /// Seconds since the start of the run.
    pub at_s: f64,
    /// Users at work at that moment.
    pub users: u64,
    /// Arrivals a second that the plan asked for at that moment; 0 in the closed model.
    pub rate_per_s: f64,
}

/// The figures of one latency in ms; all 0 when there was no sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Smallest.
    pub min: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation.
    pub stddev: f64,
    /// Half are below.
    pub p50: f64,
    /// 75 % are below.
    pub p75: f64,
    /// 90 % are below.
    pub p90: f64,
    /// 95 % are below.
    pub p95: f64,
    /// 99 % are below.
    pub p99: f64,
    /// 99.9 % are below.
    pub p999: f64,
    /// 99.99 % are below.
    pub p9999: f64,
    /// Greatest.
    pub max: f64,
}

/// One endpoint over a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointSummary {
    /// The request's name.
    pub name: String,
    /// The method; empty for `other`.
    pub method: String,
    /// Requests done.
    pub sent: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Requests done per second.
    pub rps_mean: f64,
    /// Response time in ms.
    pub response_ms: Percentiles,
    /// Service time in ms.
    pub service_ms: Percentiles,
    /// Requests done by status code.
    pub status: BTreeMap<u16, u64>,
    /// Failures by kind.
    pub errors: BTreeMap<ErrorKind, u64>,
}

/// Users at their peak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPeaks {
    /// Most users alive at the end of any second.
    pub peak: u64,
    /// Most users asked for, by the plan, or of a run that was steered in any second; in the open model, most that there could be.
    pub target_peak: u64,
}

/// The generator's own figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GeneratorSummary {
    /// Workers that were started.
    pub workers: u32,
    /// Of these, lost during the run.
    pub workers_lost: u32,
    /// The CPUs they were pinned to.
    pub cpus: Vec<u32>,
    /// How records travelled: `shm` or `channel`.
    pub transport: String,
    /// How sockets were driven: `uring` or `epoll`.
    pub wire: String,
    /// By worker: mean CPU in percent of one CPU, spinning left out.
    pub cpu_percent: Vec<f64>,
    /// By worker: mean spinning in percent of one CPU.
    pub spin_percent: Vec<f64>,
    /// By worker: mean time that the hypervisor kept its CPU from this machine, in percent.
    #[serde(default)]
    pub steal_percent: Vec<f64>,
    /// Time of the measured part that used-up CPU quotas of its cgroups kept the generator from its CPUs, in ms, all CPUs together.
    #[serde(default)]
    pub throttled_ms: f64,
    /// Time of the measured part in which something took the CPU from a worker that was spinning for a deadline, for 0.1 ms or
    /// more at a time: another process, the kernel, or a hypervisor, owned up to as steal or not. In ms, all workers together.
    #[serde(default)]
    pub paused_ms: f64,
    /// Times the kernel took the CPU from a worker that wanted to go on.
    #[serde(default)]
    pub involuntary_switches: u64,
    /// Most descriptors open in all processes together.
    #[serde(default)]
    pub descriptors_peak: u64,
    /// TCP segments that this machine sent again, whatever program they belong to.
    #[serde(default)]
    pub retransmits: u64,
    /// Mean CPU of the supervisor in percent of one CPU.
    pub supervisor_cpu_percent: f64,
    /// Most memory of all processes together in bytes (proportional set size).
    pub peak_memory_bytes: u64,
    /// Times a worker found its ring full.
    pub ring_stalls: u64,
    /// Records of groups, metrics and arrivals not sent that could not be delivered; requests are counted apart.
    #[serde(default)]
    pub lost_others: u64,
    /// Receives that found no buffer and had to be made again.
    pub receive_starvations: u64,
    /// Turns in which the kernel had more to tell than its queue of completions held; nothing is lost.
    #[serde(default)]
    pub completion_overflows: u64,
    /// Heartbeats that came more than a second late.
    pub missed_heartbeats: u64,
}

impl GeneratorSummary {
    /// Share (0 to 1) of the time that workers spun in which something else had their CPU; 0 when they did not spin.
    pub fn paused_share(&self, measured_s: f64) -> f64 {
        let spun_ms = self.spin_percent.iter().sum::<f64>() / 100.0 * measured_s * 1e3;
        if spun_ms > 0.0 {
            (self.paused_ms / spun_ms).min(1.0)
        } else {
            0.0
        }
    }
}

/// A threshold with what was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThresholdResult {
    /// As it was written, the endpoint included.
    pub expr: String,
    /// What was measured, in the threshold's own unit, to twelve digits; `None` when there was no sample.
    pub actual: Option<f64>,
    /// The unit of `actual`: `us`, `ms`, `s`, `percent`, `fraction` or `per_second`; empty in summaries of earlier versions.
    #[serde(default)]
    pub unit: String,
    /// Arrivals not sent that are in `actual`, as failed ones are.
    #[serde(default)]
    pub not_sent: u64,
    /// Whether it held; without a sample it did not.
    pub passed: bool,
    /// When it first broke, in seconds since the start of the run: the end of the first window that did not hold; of a threshold on
    /// the whole run, the end of the second from which on the figure up to then did not hold. `None` when it held.
    #[serde(default)]
    pub broke_at_s: Option<f64>,
    /// The windows it was held against; `None` when that is the whole run.
    #[serde(default)]
    pub windows: Option<WindowsResult>,
    /// Whether it ended the run early.
    #[serde(default)]
    pub ended_run: bool,
}

/// The windows of a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowsResult {
    /// The length of each, in seconds.
    pub length_s: f64,
    /// How many were looked at; they overlap.
    pub judged: u64,
    /// Of these, how many did not hold.
    pub broken: u64,
    /// Whether less was measured than a window takes: it was then held against all of it, as one window.
    #[serde(default)]
    pub is_cut: bool,
}

/// A run's whole latencies, kept beside the summary for distribution charts.
#[derive(Clone, Debug, Default)]
pub struct RunHistograms {
    /// Done − intended.
    pub response: LatencyHistogram,
    /// Done − sent.
    pub service: LatencyHistogram,
    /// Sent − intended.
    pub lag: LatencyHistogram,
}

/// The method as `EndpointSummary::method` has it.
pub fn method_word(method: Option<Method>) -> String {
    method.map_or_else(String::new, |method| method.as_str().to_owned())
}
