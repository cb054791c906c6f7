//! What a run is asked to do, all of it decided before the fork. Neighbours: the root package fills a `Plan`,
//! `prepare.rs` checks it against this machine, `supervisor/` carries it out.

use loadforge_analysis::Threshold;
use loadforge_scenarios::{Demand, PhaseSpan, Scenario};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

/// How records are to travel from workers to the aggregator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransportChoice {
    /// Shared memory with worker processes; channels where it cannot be had.
    #[default]
    Auto,
    /// Shared memory or nothing.
    Shm,
    /// Channels, with workers as threads.
    Channel,
}

/// How sockets are to be driven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WireChoice {
    /// io_uring; epoll where it is forbidden or too old.
    #[default]
    Auto,
    /// io_uring or nothing.
    Uring,
    /// epoll.
    Epoll,
}

/// One scenario of a run, with a load of its own. Several of them run side by side.
#[derive(Clone)]
pub struct PlanPart {
    /// What users do.
    pub scenario: Arc<dyn Scenario>,
    /// How the scenario's endpoints are named in figures, in their order.
    pub endpoints: Vec<String>,
    /// What the scenario is called beside others; stands in front of names that are chosen at run time. `None`: it runs alone.
    pub beside: Option<String>,
    /// Where each of the scenario's origins is, in their order; the first address of each is used first, the next
    /// when a connection to it fails. Each has at least one.
    pub addresses: Vec<Vec<SocketAddr>>,
    /// How each origin is named in error details: as the user wrote it, secrets masked.
    pub origin_labels: Vec<String>,
    /// How many users, or arrivals a second, there are over time.
    pub demand: Demand,
}

/// A bound on the requests sent a second, over all workers and scenarios: a token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaxRate {
    /// Requests a second; more than 0.
    pub per_s: f64,
    /// Requests that may leave at once after a pause: the size of the bucket, at least 1.
    pub burst: u32,
}

/// A run, ready to be prepared.
#[derive(Clone)]
pub struct Plan {
    /// Scenarios side by side; at least one, at most 255.
    pub parts: Vec<PlanPart>,
    /// Named spans of the run, in their order; none when all of it is measured.
    pub phases: Vec<PhaseSpan>,
    /// Bounds the requests sent a second.
    pub max_rate: Option<MaxRate>,
    /// What the run has to reach; one of these may end it early.
    pub thresholds: Vec<Threshold>,
    /// How long the run lasts before it drains.
    pub duration: Duration,
    /// Ends the run once so many requests have been sent, over all workers.
    pub max_requests: Option<u64>,
    /// One worker is started per entry, pinned to that CPU. At least one.
    pub cpus: Vec<u32>,
    /// Where the aggregator's thread is pinned; `None` lets the kernel move it about.
    pub aggregator_cpu: Option<u32>,
    /// Addresses of this machine that connections are made from, in turn; none leaves the choice to the kernel. One
    /// address has some 28,000 ports for each target.
    pub source_ips: Vec<IpAddr>,
    /// How records travel.
    pub transport: TransportChoice,
    /// How sockets are driven.
    pub wire: WireChoice,
    /// Time limit of a whole request, its connection included, unless the request has its own.
    pub time_limit: Duration,
    /// How long requests in flight may take once the run drains.
    pub graceful_stop: Duration,
    /// The seed of all random numbers.
    pub seed: u64,
    /// Whether a worker may spin for the last microseconds before a deadline: only where it has its CPU to itself.
    pub may_spin: bool,
}
