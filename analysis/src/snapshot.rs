//! What happened in one second of a run: the unit that feeds every reader, live or later.
//! Neighbours: `window.rs` makes them, `summary.rs` folds them, the reporter shows them; one JSON line each in
//! `snapshots.jsonl`. Invariant: folding all snapshots of a run gives the run's figures exactly, percentiles included.

use crate::{GroupWindow, LatencyHistogram, MetricWindow, Steering};
use loadforge_scenarios::{ErrorKind, Method, PhaseRole};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The schema name in every snapshot line.
pub const SNAPSHOT_SCHEMA: &str = "loadforge.snapshot/1";

/// Where the run stood when a snapshot was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Workers carry out the plan.
    Running,
    /// Nothing new is begun; requests in flight may finish.
    Draining,
}

/// One second of a run. Requests are counted in the second in which they were done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// `SNAPSHOT_SCHEMA`.
    pub schema: String,
    /// Seconds from the start of the run to the end of this window.
    pub at_s: f64,
    /// The window's length in seconds: 1, but for the last and for one that a stall of the supervisor made longer.
    pub length_s: f64,
    /// Where the run stood.
    pub phase: Phase,
    /// The plan's phase that the window belongs to.
    #[serde(default)]
    pub load_phase: LoadPhase,
    /// Virtual users in the window.
    pub users: UserCounts,
    /// What was done in the window.
    pub requests: WindowCounts,
    /// Requests done per second.
    pub rps: f64,
    /// Failed share of the requests done, 0 to 1; 0 when there were none.
    pub error_rate: f64,
    /// Requests done by status code; 0 where no answer came.
    pub status: BTreeMap<u16, u64>,
    /// Failures by kind and detail.
    pub errors: Vec<ErrorCount>,
    /// The three latencies.
    pub latency: Latencies,
    /// The same per endpoint, for those with a request in the window.
    pub endpoints: Vec<EndpointWindow>,
    /// Groups of requests that ended in the window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupWindow>,
    /// The scenario's own metrics that were given a value in the window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricWindow>,
    /// How the generator itself was doing.
    pub generator: GeneratorWindow,
    /// Requests told of in this window, by the second of the run in which they were due. Added up over all snapshots it
    /// is the series of what was asked for, each request at its own time; not-sent ones are in it.
    #[serde(default)]
    pub offered_at: BTreeMap<u64, u64>,
    /// Requests told of in this window, by the second of the run in which they were sent.
    #[serde(default)]
    pub sent_at: BTreeMap<u64, u64>,
    /// Requests that were never begun, told of in this window, by the second of the run in which they were due.
    #[serde(default)]
    pub not_sent_at: BTreeMap<u64, u64>,
    /// The same by the scenario that asked for them, counted from 0 in the order of the plan.
    #[serde(default)]
    pub not_sent_of: BTreeMap<u8, u64>,
    /// Counts since the start of the run, for the conservation check.
    pub totals: Totals,
    /// What else happened: a worker lost, a drain begun.
    pub events: Vec<Event>,
    /// What the load was held at when the window ended; left out where it is as planned.
    #[serde(default, skip_serializing_if = "Steering::is_as_planned")]
    pub steering: Steering,
}

/// The plan's phase that a window belongs to. A window that lies only partly in a measured phase is not measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadPhase {
    /// Its name; empty when the plan has no phases.
    pub name: String,
    /// What it is for.
    pub role: PhaseRole,
}

/// Virtual users in one window, looked at every few ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UserCounts {
    /// Most users alive at any look.
    pub active: u64,
    /// Most users the pattern asked for at any look.
    pub target: u64,
    /// Arrivals a second that the plan asked for at the last look; 0 in the closed model.
    #[serde(default)]
    pub target_rate: f64,
    /// Requests under way at the last look.
    pub in_flight: u64,
}

/// What was done in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowCounts {
    /// Requests whose outcome is known: `ok + failed`.
    pub done: u64,
    /// Requests that succeeded.
    pub ok: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests that became due since the last snapshot, as the workers' counters had it when the window was closed.
    #[serde(default)]
    pub offered: u64,
    /// Requests sent since the last snapshot, as the workers' counters had it when the window was closed.
    #[serde(default)]
    pub sent: u64,
    /// Requests that were due and never begun, as far as this window was told of them.
    pub not_sent: u64,
    /// Requests sent a second time because the server had closed the idle connection.
    pub retried: u64,
    /// Connections made for these requests.
    pub connects: u64,
    /// Iterations that ended, since the last snapshot.
    pub iterations: u64,
    /// Of these, failed.
    pub iterations_failed: u64,
    /// Bytes received: heads and bodies.
    pub bytes_in: u64,
    /// Bytes sent: heads and bodies.
    pub bytes_out: u64,
}

/// Failures of one kind with one detail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorCount {
    /// The kind.
    pub kind: ErrorKind,
    /// What happened, in words.
    pub detail: String,
    /// How many.
    pub count: u64,
    /// Of these, failures that no request carries: what a scenario told of by itself, where its code panicked. They are not
    /// among the requests that failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without_request: u64,
}

/// The three latencies that are always kept apart.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Latencies {
    /// Done − intended: what a user would feel.
    pub response: LatencyHistogram,
    /// Done − sent: what the server and the network took.
    pub service: LatencyHistogram,
    /// Sent − intended: what the generator itself added.
    pub lag: LatencyHistogram,
}

/// One endpoint's share of a window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndpointWindow {
    /// The request's name; `other` gathers those past the limit of names.
    pub name: String,
    /// The method; `None` for `other`.
    pub method: Option<Method>,
    /// Requests done.
    pub done: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Requests done by status code; 0 where no answer came.
    pub status: BTreeMap<u16, u64>,
    /// Failures by kind.
    pub errors: BTreeMap<ErrorKind, u64>,
    /// Response time.
    pub response: LatencyHistogram,
    /// Service time.
    pub service: LatencyHistogram,
}

/// How the generator itself was doing in a window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GeneratorWindow {
    /// By worker: CPU time in percent of one CPU, spinning left out.
    pub cpu_percent: Vec<f64>,
    /// By worker: time spent spinning for a deadline, in percent of one CPU.
    pub spin_percent: Vec<f64>,
    /// Of the time spent spinning, what passed in pauses of 0.1 ms and longer, in which something took a worker's CPU away,
    /// in ns, all workers together. A hypervisor's pauses are here also where it does not own up to them as steal.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub paused_ns: u64,
    /// By worker: whether it is alive.
    pub alive: Vec<bool>,
    /// By worker: time that the hypervisor kept its CPU from this machine, in percent.
    #[serde(default)]
    pub steal_percent: Vec<f64>,
    /// Time that used-up CPU quotas of this process's cgroups kept them from their CPUs, in ns, all CPUs together.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub throttled_ns: u64,
    /// Times the kernel took the CPU from a worker that wanted to go on, all workers together.
    #[serde(default)]
    pub involuntary_switches: u64,
    /// Descriptors open in all processes together; 0 when they were not counted in this window.
    #[serde(default)]
    pub descriptors: u64,
    /// TCP segments that this machine sent again, whatever program they belong to.
    #[serde(default)]
    pub retransmits: u64,
    /// CPU time of the supervisor and its threads, in percent of one CPU.
    pub supervisor_cpu_percent: f64,
    /// Times a worker found its ring full and had to use the spill.
    pub ring_stalls: u64,
    /// Records of groups, metrics and arrivals not sent that found neither ring nor spill with room.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost_others: u64,
    /// Receives that found no buffer and had to be made again.
    pub receive_starvations: u64,
    /// Turns in which the kernel had more to tell than its queue of completions held; nothing is lost.
    #[serde(default)]
    pub completion_overflows: u64,
    /// Heartbeats that came more than a second late.
    pub missed_heartbeats: u64,
    /// Proportional set size of all processes together, in bytes; 0 when it was not read in this window.
    pub memory_bytes: u64,
}

/// Counts since the start of the run. Two equations hold at its end:
/// `intended = sent + not_sent` and `sent = ok + failed + unknown + lost`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
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
}

/// Something that happened, for the reader.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Seconds since the start of the run.
    pub at_s: f64,
    /// What it was.
    pub kind: EventKind,
    /// In words.
    pub text: String,
}

/// The kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The drain began: the plan's end, a signal, a limit.
    Drain,
    /// A worker died or was ended.
    WorkerLost,
    /// A worker gave no sign of life.
    WorkerStuck,
    /// A worker wrote to its standard error stream.
    WorkerOutput,
    /// Something the user should know and that did not stop the run.
    Warning,
    /// Somebody steered the run: what was ordered, and by whom.
    Steered,
}

/// Whether a count is left out of JSON.
fn is_zero(count: &u64) -> bool {
    *count == 0
}
