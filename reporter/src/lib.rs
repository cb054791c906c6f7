//! Shows a run to people and programs: the live terminal, the results directory, the HTML report.
//!
//! Everything here is made from `Snapshot`s and one `RunSummary` of `loadforge-analysis`; the engine is never seen.
//! Read `report.rs` first, then `results/` (the directory), `html/` (the page), `pdf/`, `junit.rs` and `terminal/`.

#![forbid(unsafe_code)]

mod compare;
mod direction;
pub mod format;
mod headline;
mod heat_map;
mod html;
mod junit;
mod pdf;
mod pipeline;
mod preview;
mod report;
mod results;
mod seconds;
mod series;
mod terminal;
mod words;

#[cfg(test)]
#[path = "../tests/fixture/mod.rs"]
mod fixture;
#[cfg(test)]
mod sample_run;

pub use compare::{COMPARE_SCHEMA, CompareReport, ComparedPair, ComparedRun};
pub use html::{compare_html, page, preview_html};
pub use pipeline::{job_summary, log_line};
pub use preview::Curve;
pub use report::{Format, Report, UnknownFormat, regenerate, write_all};
pub use results::{
    HLOG_FILE, JUNIT_FILE, PDF_FILE, REPORT_FILE, REQUESTS_FILE, RUN_FILE, RequestName, Requests,
    RequestsFile, ResultsDir, ResultsError, SERIES_FILE, SNAPSHOTS_FILE, SUMMARY_FILE,
    StoredRecord, StoredRun,
};
pub use seconds::SecondCounts;
pub use series::{MAX_POINTS, Quantiles, Series, SeriesPoint, Spread};
pub use terminal::{Live, LiveMode, compare_table, final_table, preview_terminal, printable};
