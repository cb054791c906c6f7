//! A run's results directory: made before the first request, filled while the run goes on, complete at its end.
//! Neighbours: `stored.rs` reads one again with `timeline.rs`, `series_csv.rs` writes its table, `latency_log.rs` its histograms, `report.rs` decides which files it gets.
//! Invariant: every file but `snapshots.jsonl` and `requests.bin` is written whole or not at all (a temporary file, then a rename);
//! `snapshots.jsonl` only ever grows by whole lines, save the last one of a run that was killed, and `requests.bin` by whole pieces.

mod latency_log;
mod requests;
mod series_csv;
mod snapshot_lines;
mod stored;
mod timeline;

pub use requests::{REQUESTS_FILE, RequestName, Requests, RequestsFile, StoredRecord};
pub use stored::StoredRun;

use jiff::{Timestamp, tz::TimeZone};
use loadforge_analysis::{Event, EventKind, RunInfo, RunSummary, Snapshot};
use serde::Serialize;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file that says what was asked and where it ran.
pub const RUN_FILE: &str = "run.json";
/// The file with a line for each second.
pub const SNAPSHOTS_FILE: &str = "snapshots.jsonl";
/// The file with the run's figures.
pub const SUMMARY_FILE: &str = "summary.json";
/// The table with a row for each second.
pub const SERIES_FILE: &str = "series.csv";
/// The page for people.
pub const REPORT_FILE: &str = "report.html";
/// The pages for paper.
pub const PDF_FILE: &str = "report.pdf";
/// The test cases for CI servers.
pub const JUNIT_FILE: &str = "junit.xml";
/// The latencies for HdrHistogram's tools.
pub const HLOG_FILE: &str = "latency.hlog";

/// Longest part of a directory's name that comes from the scenario's name.
const MAX_NAME: usize = 60;

/// Seconds follow each other without a gap; what is shorter comes of rounding.
const LEAST_GAP_S: f64 = 0.001;

/// Directories tried for one name and second before giving up.
const MAX_TRIES: u32 = 1_000;

/// What went wrong with a results directory.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The directory could not be made.
    #[error("cannot make the results directory {}: {source}; choose another place with --output DIR", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory was made, but its first files could not be written.
    #[error("cannot begin the results directory: cannot write {}: {source}; nothing was sent yet: {} or choose another place with --output DIR", path.display(), begin_remedy(source))]
    Begin {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}; {}", path.display(), write_remedy(source))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Seconds came faster than the disk took them.
    #[error("{} lacks them: the disk was too slow for a second a second; the figures of the whole run have them; choose a faster disk with --output DIR", path.display())]
    TooSlow {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file was given where a directory should be.
    #[error("{} is a file, not a results directory; give the directory that `loadforge run` made, such as results/shop-20261121T093000Z", path.display())]
    NotADirectory {
        /// The file.
        path: PathBuf,
    },
    /// The directory is not one of ours.
    #[error("{} is not a results directory: it has no {missing}; give a directory that `loadforge run` made, such as results/shop-20261121T093000Z", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// The file that should be there.
        missing: &'static str,
    },
    /// The run did not keep its requests.
    #[error("{} has no requests.bin: its run did not record them; run it again with --record-requests", path.display())]
    NoRequests {
        /// The directory.
        path: PathBuf,
    },
    /// A file was written by another version.
    #[error("{} line {line} has the schema \"{found}\", this version reads \"{expected}\"; use the version of loadforge that wrote it, or a newer one", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The schema found.
        found: String,
        /// The schema this version knows.
        expected: &'static str,
    },
    /// A file does not hold what it should.
    #[error("{} line {line} cannot be understood: {reason}; the file was changed or damaged: restore it{}", path.display(), malformed_remedy(path))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// A file that is not made of lines does not hold what it should.
    #[error("{} at byte {offset} cannot be understood: {reason}; the file was changed or damaged: restore it from a copy", path.display())]
    MalformedAt {
        /// The file.
        path: PathBuf,
        /// Bytes before the place.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// A file of requests has a layout that this version does not know.
    #[error("{} has version {found} of its layout, this version reads {expected}: a newer loadforge wrote it; use that one, or a newer one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: u8,
        /// The version this program knows.
        expected: u8,
    },
    /// The header of a file of requests is that of another version.
    #[error("the header of {} has the schema \"{found}\", this version reads \"{expected}\"; use the version of loadforge that wrote it, or a newer one", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// The schema found.
        found: String,
        /// The schema this version knows.
        expected: &'static str,
    },
    /// The run was cut off before its first second was over.
    #[error("{} holds no complete second: the run ended before its first second was over, so there is nothing to report; run it again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The page could not be rendered.
    #[error("the report page could not be made: {reason}; snapshots and summary are not affected")]
    Page {
        /// What is wrong.
        reason: String,
    },
}

/// A results directory that is being filled.
#[derive(Debug)]
pub struct ResultsDir {
    path: PathBuf,
    /// Where its `snapshots.jsonl` lies: in `path`, unless reports are written beside the run.
    source: PathBuf,
    log: Option<File>,
    /// Bytes of whole lines in the log.
    log_length: u64,
    /// The end of the last second that was handed in, written or not.
    until_s: f64,
    missed: u64,
    error: Option<ResultsError>,
}

impl ResultsDir {
    /// Makes `parent/<name>-<UTC time>/`, readable by its owner alone, and the parent where it does not exist. A second
    /// run of the same name in the same second gets `-2`.
    ///
    /// # Errors
    /// When the directory or its first file cannot be made.
    pub fn create(
        parent: &Path,
        name: &str,
        started: Timestamp,
    ) -> Result<ResultsDir, ResultsError> {
        let time = started
            .to_zoned(TimeZone::UTC)
            .strftime("%Y%m%dT%H%M%SZ")
            .to_string();
        let base = format!("{}-{time}", file_name_part(name));
        let fail = |path: &Path, source| ResultsError::Create {
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(parent).map_err(|source| fail(parent, source))?;
        for number in 1..=MAX_TRIES {
            let path = match number {
                1 => parent.join(&base),
                _ => parent.join(format!("{base}-{number}")),
            };
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    let mut dir = ResultsDir::existing(&path);
                    dir.log = Some(dir.open_log().inspect_err(|_| {
                        // Nothing is in it; what cannot be removed harms nobody.
                        let _ = fs::remove_dir(&path);
                    })?);
                    return Ok(dir);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(fail(&path, source)),
            }
        }
        Err(fail(
            &parent.join(base),
            io::ErrorKind::AlreadyExists.into(),
        ))
    }

    /// A directory that is already there, to write reports into.
    pub fn existing(path: &Path) -> ResultsDir {
        ResultsDir {
            path: path.to_owned(),
            source: path.to_owned(),
            log: None,
            log_length: 0,
            until_s: 0.0,
            missed: 0,
            error: None,
        }
    }

    /// A directory, made where it is not there, to write reports into that are made from the run in `source`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn beside(source: &Path, path: &Path) -> Result<ResultsDir, ResultsError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|source| ResultsError::Create {
            path: path.to_owned(),
            source,
        })?;
        Ok(ResultsDir {
            source: source.to_owned(),
            ..ResultsDir::existing(path)
        })
    }

    /// Takes the directory of a run that never began away again: the files that a run makes, one by one, then the directory, if
    /// nothing else is in it. Takes no descriptor, since having none left may be why the run could not begin; what cannot be
    /// removed harms nobody.
    pub fn discard(path: &Path) {
        for name in [
            RUN_FILE,
            SNAPSHOTS_FILE,
            SUMMARY_FILE,
            SERIES_FILE,
            REPORT_FILE,
            PDF_FILE,
            JUNIT_FILE,
            HLOG_FILE,
            REQUESTS_FILE,
        ] {
            let _ = fs::remove_file(path.join(name));
            let _ = fs::remove_file(path.join(temporary_name(name)));
        }
        let _ = fs::remove_dir(path);
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds one line to `snapshots.jsonl`, at once. A failure (a full disk) does not end the run: it is remembered, see
    /// [`ResultsDir::error`], and the next second is tried again. The first failure of a run is handed back as an event,
    /// to be told at once: see [`crate::Live::tell`]. Seconds that were left out before this one, because the disk was too slow
    /// for them, count as missing, too.
    pub fn append(&mut self, snapshot: &Snapshot) -> Option<Event> {
        let gap_s = snapshot.at_s - snapshot.length_s - self.until_s;
        self.until_s = snapshot.at_s;
        if gap_s > LEAST_GAP_S {
            self.missed += gap_s.ceil() as u64;
            let path = self.path.join(SNAPSHOTS_FILE);
            self.error.get_or_insert(ResultsError::TooSlow { path });
        }
        let source = self.try_append(snapshot).err()?;
        self.missed += 1;
        if self.error.is_some() {
            return None;
        }
        let text = format!(
            "results cannot be written: {source}; the run goes on, seconds are missing from {SNAPSHOTS_FILE}"
        );
        let path = self.path.join(SNAPSHOTS_FILE);
        self.error = Some(ResultsError::Write { path, source });
        Some(Event {
            at_s: snapshot.at_s,
            kind: EventKind::Warning,
            text,
        })
    }

    /// The first failure of [`ResultsDir::append`], if there was one.
    pub fn error(&self) -> Option<&ResultsError> {
        self.error.as_ref()
    }

    /// Seconds that could not be written to `snapshots.jsonl`.
    pub fn missed_seconds(&self) -> u64 {
        self.missed
    }

    /// Takes the remembered failure, to be reported.
    pub fn take_error(&mut self) -> Option<ResultsError> {
        self.error.take()
    }

    /// Writes `run.json`, before the first request.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_run_info(&self, info: &RunInfo) -> Result<(), ResultsError> {
        self.write_json(RUN_FILE, info).map_err(begun)
    }

    /// Writes `summary.json`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_summary(&self, summary: &RunSummary) -> Result<(), ResultsError> {
        self.write_json(SUMMARY_FILE, summary)
    }

    /// Writes `series.csv` from `snapshots.jsonl`.
    ///
    /// # Errors
    /// When `snapshots.jsonl` cannot be read or the table cannot be written.
    pub fn write_series_csv(&self) -> Result<(), ResultsError> {
        series_csv::write(self)
    }

    /// Writes `report.html`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_report_html(&self, page: &str) -> Result<(), ResultsError> {
        self.write_whole(REPORT_FILE, |file| file.write_all(page.as_bytes()))
    }

    /// Writes `report.pdf`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_report_pdf(&self, document: &[u8]) -> Result<(), ResultsError> {
        self.write_whole(PDF_FILE, |file| file.write_all(document))
    }

    /// Writes `junit.xml`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_junit(&self, xml: &str) -> Result<(), ResultsError> {
        self.write_whole(JUNIT_FILE, |file| file.write_all(xml.as_bytes()))
    }

    /// Writes `latency.hlog` from `snapshots.jsonl`, in longer stretches where the run took long.
    ///
    /// # Errors
    /// When `snapshots.jsonl` cannot be read or the log cannot be written.
    pub fn write_latency_log(&self, info: &RunInfo, duration_s: f64) -> Result<(), ResultsError> {
        latency_log::write(self, info, duration_s)
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), ResultsError> {
        self.write_whole(name, |file| {
            serde_json::to_writer_pretty(&mut *file, value)?;
            file.write_all(b"\n")
        })
    }

    /// Writes a file under a temporary name and gives it its own once it is whole.
    fn write_whole(
        &self,
        name: &str,
        fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), ResultsError> {
        let path = self.path.join(name);
        let temporary = self.path.join(temporary_name(name));
        let written = (|| {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&temporary)?;
            let mut file = BufWriter::new(file);
            fill(&mut file)?;
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)
        })();
        written.map_err(|source| {
            // What could not be finished is of no use to anyone; the failure itself is reported.
            let _ = fs::remove_file(&temporary);
            ResultsError::Write { path, source }
        })
    }

    fn try_append(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let mut line = serde_json::to_vec(snapshot)?;
        line.push(b'\n');
        let file = self.log.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        match file.write_all(&line) {
            Ok(()) => {
                self.log_length += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Half a line would spoil the next one.
                file.set_len(self.log_length)?;
                Err(error)
            }
        }
    }

    fn open_log(&self) -> Result<File, ResultsError> {
        let path = self.path.join(SNAPSHOTS_FILE);
        OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| ResultsError::Begin { path, source })
    }
}

/// What a file is called until it is whole.
fn temporary_name(name: &str) -> String {
    format!(".{name}.tmp")
}

/// A failure to write, before there is anything to report.
fn begun(error: ResultsError) -> ResultsError {
    match error {
        ResultsError::Write { path, source } => ResultsError::Begin { path, source },
        other => other,
    }
}

/// The scenario's name as part of a file name: letters, digits, dots, dashes and underscores.
fn file_name_part(name: &str) -> String {
    let mut part = String::new();
    for char in name.chars().take(MAX_NAME) {
        let fits = char.is_ascii_alphanumeric() || matches!(char, '_' | '.');
        if fits {
            part.push(char);
        } else if !part.ends_with('-') {
            part.push('-');
        }
    }
    let part = part.trim_matches(['-', '.']);
    if part.is_empty() {
        "run".to_owned()
    } else {
        part.to_owned()
    }
}

fn begin_remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
        _ => "check the disk",
    }
}

fn write_remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, then run `loadforge report DIR`"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a place you may write to with --output DIR"
        }
        io::ErrorKind::NotFound => {
            "the directory was removed while the run went on, and what was in it is gone; run it again and leave it in place"
        }
        _ => "check the disk, then run `loadforge report DIR`",
    }
}

/// A damaged summary can be left out: the snapshots hold everything in it but how the run ended.
fn malformed_remedy(path: &Path) -> &'static str {
    if path.ends_with(SUMMARY_FILE) {
        ", or delete it: the report is then made from the snapshots alone"
    } else {
        " from a copy"
    }
}

#[cfg(test)]
mod tests;
