//! The engine: supervisor, workers, HTTP on the wire, aggregator. The only crate that forks.
//!
//! Read `plan.rs` (what is asked), `prepare.rs` (is it possible here), `supervisor/` (who decides), `steering.rs` (what orders make of the load), `worker/` (who
//! works), `wire/` (sockets) and `http1/` (bytes), in this order. `trial.rs` stands apart: one user, for a look.
//!
//! Unsafe code lives in `clock.rs`, `wire/source.rs`, `wire/uring.rs`, `wire/uring/buffers.rs`, `wire/epoll/wait.rs`,
//! `supervisor/crew.rs` and `supervisor/watch.rs`; each block says why.

mod cgroup;
mod clock;
mod cpus;
mod http1;
#[doc(hidden)]
pub mod parts;
mod plan;
mod prepare;
mod steering;
mod supervisor;
pub mod trial;
mod wire;
mod worker;

pub use cpus::{CpuLimits, allowed_cpus, cpu_limits};
pub use plan::{MaxRate, Plan, PlanPart, TransportChoice, WireChoice};
pub use prepare::prepare;
pub use prepare::{PrepareError, Prepared};
pub use supervisor::{
    HeldSignals, Helm, LiveFeed, OrderError, RecordBatch, RecordName, RunEnd, RunError, Watchers,
    hold_signals,
};
