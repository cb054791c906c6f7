//! The summary that GitHub Actions shows of a job: a file that a step may add Markdown to. Neighbours: `commands/run.rs` calls,
//! the reporter's `pipeline.rs` writes the page. Invariant: it is only ever added to, and what goes wrong here costs the run nothing.

use loadforge_analysis::RunSummary;
use loadforge_reporter::job_summary;
use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Where GitHub Actions says which file it is.
const VARIABLE: &str = "GITHUB_STEP_SUMMARY";

/// The summary could not be added to.
#[derive(Debug, thiserror::Error)]
#[error("the job's summary in {} (${VARIABLE}) could not be added to: {error}; the run's own reports are written", path.display())]
pub struct JobSummaryError {
    path: PathBuf,
    error: io::Error,
}

/// Adds the run to the job's summary, where there is one; `dir` is the results directory.
///
/// # Errors
/// When the file cannot be written to.
pub fn append(summary: &RunSummary, dir: Option<&Path>) -> Result<(), JobSummaryError> {
    match std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        Some(path) => append_to(Path::new(&path), &job_summary(summary, dir)),
        None => Ok(()),
    }
}

fn append_to(path: &Path, page: &str) -> Result<(), JobSummaryError> {
    let add = || {
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        file.write_all(page.as_bytes())
    };
    add().map_err(|error| JobSummaryError {
        path: path.to_owned(),
        error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_steps_wrote_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("summary.md");
        std::fs::write(&path, "before\n").unwrap();
        append_to(&path, "one\n").unwrap();
        append_to(&path, "two\n").unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "before\none\ntwo\n"
        );
        let error = append_to(dir.path(), "x").unwrap_err().to_string();
        assert!(error.contains("could not be added to"), "{error}");
    }
}
