//! What the figures mean: histograms, one-second windows, the run's summary, its verdict and its thresholds.
//! Reads records and knows nothing of sockets, processes or screens.
//!
//! Read in this order: `histogram.rs`, `snapshot.rs`, `window.rs` (records to snapshots) with `groups.rs` and `metrics.rs`, `steering.rs`, `summary.rs`,
//! `fold.rs` and `fold/` (snapshots to a summary), `verdict.rs`, `threshold.rs`, `compare.rs` and `compare/` (two runs beside each other). `docs/accuracy.md` gives the reasons.

#![forbid(unsafe_code)]

mod compare;
mod conservation;
mod fold;
mod groups;
mod histogram;
mod interval_log;
mod metrics;
mod run_info;
#[cfg(test)]
mod sample;
mod snapshot;
mod steering;
mod summary;
mod threshold;
mod values;
mod verdict;
mod window;

pub use compare::{
    Answer, Blocks, CONFIDENCE, CompareSettings, Comparison, Difference, Doubt, ERROR_TOLERANCE,
    EndpointComparison, FEWEST_SECONDS, Figure, Measure, MeasuredSeconds, RESAMPLES, TOLERANCE,
    USERS_DO, UsersDo, compare, plan_differences, setting_differences, steering_difference,
};
pub use fold::{RunFacts, RunFold};
pub use groups::{GroupRow, GroupSummary, GroupWindow, MAX_GROUPS};
pub use histogram::LatencyHistogram;
pub use interval_log::IntervalLog;
pub use metrics::{
    MAX_METRICS, MetricFigures, MetricRow, MetricSummary, MetricTally, MetricWindow,
};
pub use run_info::{Machine, PartInfo, PhaseInfo, RUN_SCHEMA, RunInfo};
pub use snapshot::{
    EndpointWindow, ErrorCount, Event, EventKind, GeneratorWindow, Latencies, LoadPhase, Phase,
    SNAPSHOT_SCHEMA, Snapshot, Totals, UserCounts, WindowCounts,
};
pub use steering::{
    MOST_RATE, MOST_USERS, MOST_WHO, Order, OrderFault, SOMEBODY, SteerAction, Steering,
};
pub use summary::{
    EndpointSummary, GeneratorSummary, LoadModel, MeasuredSummary, OnsetSummary, PeakSummary,
    Percentiles, PhaseSummary, RateSummary, RequestTotals, RunHistograms, RunOutcome, RunSummary,
    SUMMARY_SCHEMA, ThresholdResult, UserPeaks, Verdict, VerdictLevel, WindowsResult, method_word,
};
pub use threshold::{Threshold, ThresholdError, condition};
pub use values::ValueHistogram;
pub use verdict::{
    BUSY_PERCENT, BUSY_SHARE, JudgeFacts, LAG_FLOOR_MS, LAG_REQUESTS, LAG_SHARE, NOT_SENT_SHARE,
    NotSentOf, STEAL_PERCENT, judge,
};
pub use window::{
    EndpointId, MAX_DETAILS, MAX_ENDPOINTS, NO_DETAIL, OTHER_DETAIL, OTHER_ENDPOINT, Window,
    WindowFacts,
};
