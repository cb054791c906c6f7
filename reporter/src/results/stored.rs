//! Reads a results directory again, whether its run was completed or killed.
//! Neighbours: `mod.rs` wrote it; `report.rs` makes reports from it. Invariant: memory does not grow with the length of
//! the run: lines are read one by one and folded at once.

use super::{
    RUN_FILE, ResultsError, SUMMARY_FILE, snapshot_lines::for_each_second, timeline::Timeline,
};
use crate::series::Series;
use loadforge_analysis::{
    RUN_SCHEMA, RunFacts, RunFold, RunHistograms, RunInfo, RunOutcome, RunSummary, SUMMARY_SCHEMA,
    Snapshot, Threshold, VerdictLevel,
};
use serde::{Deserialize, de::DeserializeOwned};
use std::fs;
use std::io;
use std::path::Path;

/// A run read back from its directory.
#[derive(Debug)]
pub struct StoredRun {
    info: RunInfo,
    summary: RunSummary,
    fold: RunFold,
    series: Series,
    half_line: bool,
    ended: bool,
    notices: Vec<String>,
}

impl StoredRun {
    /// Reads `run.json`, `snapshots.jsonl` and, where it is there, how the run ended from `summary.json`, and folds the
    /// snapshots to the run's summary. A half-written last line is left out, see [`StoredRun::half_line`]; a second that
    /// stands twice is taken once. Where seconds are missing, `summary.json` is the only one to know the run's whole
    /// figures: they are taken from there, and only charts lack the seconds. See [`StoredRun::notices`].
    ///
    /// # Errors
    /// When the directory is not one of ours, is empty, was written by a newer version, or is damaged.
    pub fn open(dir: &Path) -> Result<StoredRun, ResultsError> {
        StoredRun::open_with(dir, |_| {})
    }

    /// The same, and hands each second to `each` as it is read.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_with(
        dir: &Path,
        mut each: impl FnMut(&Snapshot),
    ) -> Result<StoredRun, ResultsError> {
        let mut info: RunInfo =
            read_json(dir, RUN_FILE, RUN_SCHEMA)?.ok_or_else(|| foreign(dir, RUN_FILE))?;
        let ended: Option<RunSummary> = read_json(dir, SUMMARY_FILE, SUMMARY_SCHEMA)?;
        let has_summary = ended.is_some();
        let thresholds = info.thresholds.iter();
        let thresholds = thresholds.filter_map(|text| Threshold::parse(text, None).ok());
        let mut fold = RunFold::following(thresholds.collect(), info.model);
        let mut series = Series::default();
        let mut timeline = Timeline::default();
        let half_line = for_each_second(dir, |snapshot: Snapshot| {
            if timeline.take(&snapshot) {
                fold.add(&snapshot);
                series.add(&snapshot);
                each(&snapshot);
            }
            Ok(())
        })?;
        if let Some(ended) = &ended {
            timeline.reach(ended.duration_s);
        }
        let doubled = timeline.doubled();
        info.notes.extend(doubled.clone());
        let outcome = ended
            .as_ref()
            .map_or(RunOutcome::Aborted, |summary| summary.outcome);
        let mut summary = fold.finish(RunFacts {
            info: &info,
            outcome,
        });
        let missing = timeline.missing();
        if let Some(words) = &missing {
            summary = told_of_gaps(summary, ended, words);
        }
        Ok(StoredRun {
            info,
            summary,
            fold,
            series,
            half_line,
            ended: has_summary,
            notices: missing.into_iter().chain(doubled).collect(),
        })
    }

    /// What was asked, and where it ran.
    pub fn info(&self) -> &RunInfo {
        &self.info
    }

    /// The run's figures, folded from its snapshots. A run without `summary.json` was cut off: its outcome is `aborted`.
    pub fn summary(&self) -> &RunSummary {
        &self.summary
    }

    /// The run's whole latencies.
    pub fn histograms(&self) -> &RunHistograms {
        self.fold.histograms()
    }

    /// The run second by second, thinned for charts.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// What is wrong with the order of the seconds, in words: some are missing, some stand twice.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Whether it came to its end and said so in `summary.json`; a run that was killed, or still goes on, has none.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Whether the last line was only half written, as happens when a run is killed.
    pub fn half_line(&self) -> bool {
        self.half_line
    }
}

/// The summary of a run whose seconds are not all there. That its counts differ from those of the seconds is no fault of
/// the run then; the words say what is missing instead.
fn told_of_gaps(folded: RunSummary, ended: Option<RunSummary>, words: &str) -> RunSummary {
    let (mut summary, reason) = match ended {
        Some(ended) => (
            ended,
            format!("{words}: charts lack them, the figures of the whole run are complete"),
        ),
        None => {
            let mut summary = folded;
            let verdict = &mut summary.verdict;
            verdict
                .reasons
                .retain(|reason| !reason.contains(SECONDS_DIFFER));
            verdict.level = verdict.level.max(VerdictLevel::Suspect);
            (
                summary,
                format!("{words}: latencies and endpoints lack them"),
            )
        }
    };
    let reasons = &mut summary.verdict.reasons;
    if !reasons.contains(&reason) {
        reasons.push(reason);
    }
    summary
}

/// How analysis says that the seconds do not add up to the totals.
const SECONDS_DIFFER: &str = "the seconds add up to";

/// Of a file or a line only the schema it names.
#[derive(Deserialize)]
pub(super) struct SchemaOnly {
    pub(super) schema: String,
}

/// Reads a whole JSON file of this schema; `None` where there is none.
fn read_json<T: DeserializeOwned>(
    dir: &Path,
    name: &str,
    expected: &'static str,
) -> Result<Option<T>, ResultsError> {
    let path = dir.join(name);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(ResultsError::NotADirectory {
                path: dir.to_owned(),
            });
        }
        Err(source) => return Err(ResultsError::Read { path, source }),
    };
    match serde_json::from_slice::<SchemaOnly>(&text) {
        Ok(SchemaOnly { schema: found }) if found != expected => Err(ResultsError::Schema {
            path,
            line: 1,
            found,
            expected,
        }),
        Ok(_) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| malformed(&path, &error)),
        Err(error) => Err(malformed(&path, &error)),
    }
}

fn malformed(path: &Path, error: &serde_json::Error) -> ResultsError {
    let line = (error.line() as u64).max(1);
    ResultsError::Malformed {
        path: path.to_owned(),
        line,
        reason: error.to_string(),
    }
}

pub(super) fn foreign(dir: &Path, missing: &'static str) -> ResultsError {
    ResultsError::Foreign {
        path: dir.to_owned(),
        missing,
    }
}
