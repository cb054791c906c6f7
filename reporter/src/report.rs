//! The one entry for writing reports: at the end of a run, and again later from its directory.
//! Neighbours: `results/` holds the files, `html/` makes the page. Invariant: both ways lead through `write_all`, so a
//! report made again is the report made first.

use crate::html;
use crate::junit;
use crate::pdf;
use crate::results::{ResultsDir, ResultsError, StoredRun};
use crate::series::Series;
use loadforge_analysis::{RunHistograms, RunInfo, RunSummary};
use std::path::Path;
use std::str::FromStr;

/// A file format a run can be reported in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `report.html`, for people.
    Html,
    /// `summary.json`, for programs.
    Json,
    /// `series.csv`, for spreadsheets.
    Csv,
    /// `report.pdf`, for paper.
    Pdf,
    /// `junit.xml`, for CI servers.
    Junit,
    /// `latency.hlog`, for HdrHistogram's own tools.
    Hlog,
}

/// A format that does not exist.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a report format; the formats are {all}", all = Format::words().join(", "))]
pub struct UnknownFormat(String);

/// Everything a report is made from.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What was asked, and where it ran.
    pub info: &'a RunInfo,
    /// The run's figures.
    pub summary: &'a RunSummary,
    /// The run's whole latencies.
    pub histograms: &'a RunHistograms,
    /// The run second by second.
    pub series: &'a Series,
}

/// Writes the reports into the run's directory. What can be written is written even when another file cannot.
///
/// # Errors
/// The first failure.
pub fn write_all(
    dir: &ResultsDir,
    formats: &[Format],
    report: &Report<'_>,
) -> Result<(), ResultsError> {
    let mut outcome = Ok(());
    for format in formats {
        let written = match format {
            Format::Html => html::page(report).and_then(|page| dir.write_report_html(&page)),
            Format::Json => dir.write_summary(report.summary),
            Format::Csv => dir.write_series_csv(),
            Format::Pdf => dir.write_report_pdf(&pdf::document(report)),
            Format::Junit => dir.write_junit(&junit::document(report)),
            Format::Hlog => dir.write_latency_log(report.info, report.summary.duration_s),
        };
        outcome = outcome.and(written);
    }
    outcome
}

/// Makes the reports of a finished or killed run again from its directory, for `loadforge report DIR`.
///
/// # Errors
/// When the directory cannot be read, or a report cannot be written.
pub fn regenerate(dir: &Path, formats: &[Format]) -> Result<RunSummary, ResultsError> {
    let run = StoredRun::open(dir)?;
    let report = Report {
        info: run.info(),
        summary: run.summary(),
        histograms: run.histograms(),
        series: run.series(),
    };
    write_all(&ResultsDir::existing(dir), formats, &report)?;
    Ok(run.summary().clone())
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 6] = [
        Format::Html,
        Format::Json,
        Format::Csv,
        Format::Pdf,
        Format::Junit,
        Format::Hlog,
    ];

    /// What a run leaves when nobody says otherwise.
    pub const USUAL: [Format; 3] = [Format::Html, Format::Json, Format::Csv];

    /// The word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Html => "html",
            Format::Json => "json",
            Format::Csv => "csv",
            Format::Pdf => "pdf",
            Format::Junit => "junit",
            Format::Hlog => "hlog",
        }
    }

    fn words() -> Vec<&'static str> {
        Format::ALL.iter().map(|format| format.as_str()).collect()
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Format, UnknownFormat> {
        let word = word.trim();
        let format = Format::ALL
            .into_iter()
            .find(|format| format.as_str().eq_ignore_ascii_case(word));
        format.ok_or_else(|| UnknownFormat(word.to_owned()))
    }
}
