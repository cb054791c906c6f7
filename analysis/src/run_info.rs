//! What was asked of a run and where it ran: `run.json`, written before the first request.
//! Neighbours: the root package fills it, the reporter writes and shows it. Invariant: holds no value that came
//! from an environment variable.

use crate::LoadModel;
use loadforge_scenarios::PhaseRole;
use serde::{Deserialize, Serialize};

/// The schema name in `run.json`.
pub const RUN_SCHEMA: &str = "loadforge.run/1";

/// What was asked, by whom, where.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunInfo {
    /// `RUN_SCHEMA`.
    pub schema: String,
    /// The scenario's name.
    pub name: String,
    /// UTC, RFC 3339.
    pub started_at: String,
    /// The version of loadforge that ran it.
    pub loadforge_version: String,
    /// The file or URL as given on the command line, without credentials.
    pub source: String,
    /// Equal for runs whose users do the same, as in `toml-1:9f86d081884c7d659a2feaa0c55ad015`: what was looked at, and a hash of it. None in
    /// runs of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Where requests went, such as `http://127.0.0.1:8080`.
    pub origins: Vec<String>,
    /// Which side sets the pace.
    pub model: LoadModel,
    /// The load in words, such as `ramp from 1 to 200 users over 30s`.
    pub load: String,
    /// Planned length in seconds.
    pub duration_s: f64,
    /// Most users asked for; in the open model, most that there may be.
    pub target_peak: u64,
    /// Most arrivals a second asked for; 0 in the closed model.
    #[serde(default)]
    pub rate_peak: f64,
    /// Most requests a second that may be sent, if bounded.
    #[serde(default)]
    pub max_rps: Option<f64>,
    /// Scenarios that run side by side, when there is more than one.
    #[serde(default)]
    pub parts: Vec<PartInfo>,
    /// The plan's phases, in their order; none when the run is one measured whole.
    #[serde(default)]
    pub phases: Vec<PhaseInfo>,
    /// Whether an INVALID verdict is not to change the exit code.
    #[serde(default)]
    pub allow_invalid: bool,
    /// Most requests to send, if bounded.
    pub max_requests: Option<u64>,
    /// Time limit of a request in seconds.
    pub timeout_s: f64,
    /// How long requests in flight may take once the run ends, in seconds.
    pub graceful_stop_s: f64,
    /// The seed of all random numbers.
    pub seed: u64,
    /// Workers started.
    pub workers: u32,
    /// The CPUs they are pinned to.
    pub cpus: Vec<u32>,
    /// How records travel: `shm` or `channel`.
    pub transport: String,
    /// How sockets are driven: `uring` or `epoll`.
    pub wire: String,
    /// Whether the target runs on this machine, so that both share its CPUs.
    pub target_is_local: bool,
    /// Things the user should know about this set-up, such as why a fallback was taken.
    pub notes: Vec<String>,
    /// The thresholds as written.
    pub thresholds: Vec<String>,
    /// The machine.
    pub machine: Machine,
}

/// One of several scenarios that run side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartInfo {
    /// The scenario's name; its endpoints are shown as `name/endpoint`.
    pub name: String,
    /// Which side sets its pace.
    pub model: LoadModel,
    /// Its load in words.
    pub load: String,
    /// Most users that it may have at a time, in the open model.
    #[serde(default)]
    pub max_users: Option<u64>,
}

/// A phase of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseInfo {
    /// What it is called.
    pub name: String,
    /// When it begins, in seconds since the start of the run.
    pub from_s: f64,
    /// When it ends, in seconds since the start of the run.
    pub until_s: f64,
    /// What it is for.
    pub role: PhaseRole,
}

/// The machine that generated the load.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    /// Host name.
    pub hostname: String,
    /// Kernel release.
    pub kernel: String,
    /// Operating system's own name, from os-release.
    pub os: String,
    /// Processor model.
    pub cpu_model: String,
    /// CPUs this process may use.
    pub cpus_allowed: u32,
    /// How many CPUs the cgroup pays for, parents included; none without a quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_quota: Option<f64>,
    /// CPUs in the machine.
    pub cpus_online: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
}
