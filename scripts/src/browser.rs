//! `cargo xtask browser`: reports in Chromium, as people meet them: drawn, within a telephone's width, with the keyboard, through
//! axe. Neighbours: `scripts/browser/check.mjs` looks, npm brings what it needs into `target/browser`. Invariant: where npm, node
//! or Chromium is missing the check is skipped with that reason, never passed.

use crate::programs;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The runs whose reports are looked at: with every chart, with phases and arrivals, without a request, with hostile names.
const KINDS: [&str; 4] = ["shop", "phased", "idle", "hostile"];

/// A run of the program itself, besides.
const REAL_RUN: [&str; 10] = [
    "run",
    "scenarios/examples/quickstart.toml",
    "--duration",
    "3s",
    "--quiet",
    "--allow-invalid",
    "--yes",
    "--format",
    "html,json",
    "--output",
];

/// How the check ended.
pub(crate) enum End {
    /// Nothing was found.
    Passed,
    /// It could not be made.
    Skipped(String),
}

/// Makes the reports and looks at them.
pub(crate) fn run(root: &Path) -> Result<End, String> {
    let chromium = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find_map(programs::find);
    let Some(chromium) = chromium else {
        return Ok(End::Skipped(
            "no Chromium (`apt-get install chromium`)".to_owned(),
        ));
    };
    for name in ["node", "npm"] {
        if programs::find(name).is_none() {
            return Ok(End::Skipped(format!("no {name} (`apt-get install npm`)")));
        }
    }
    let place = programs::target(root).join("browser");
    if let Some(why) = install(root, &place)? {
        return Ok(End::Skipped(why));
    }
    let reports = make_reports(root, &place)?;
    let mut command = Command::new("node");
    command.arg(place.join("check.mjs")).arg(chromium);
    match command.args(reports).status() {
        Ok(status) if status.success() => Ok(End::Passed),
        Ok(_) => Err("the reports are not as they should be: see above".to_owned()),
        Err(error) => Err(format!("node could not be started: {error}")),
    }
}

/// Brings what the check needs of npm, by the lock file; the reason where the registry cannot be reached.
fn install(root: &Path, place: &Path) -> Result<Option<String>, String> {
    let failed = |error| format!("{}: {error}", place.display());
    fs::create_dir_all(place).map_err(failed)?;
    let lock = fs::read(root.join("scripts/browser/package-lock.json")).map_err(failed)?;
    let done = place.join("node_modules/.installed");
    for name in ["package.json", "package-lock.json", "check.mjs"] {
        fs::copy(root.join("scripts/browser").join(name), place.join(name)).map_err(failed)?;
    }
    if fs::read(&done).is_ok_and(|of| of == lock) {
        return Ok(None);
    }
    let mut command = Command::new("npm");
    command
        .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(place)
        .stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|error| format!("npm could not be started: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return match without_network(&said) {
            true => Ok(Some("npm cannot reach its registry".to_owned())),
            false => Err(format!("npm ci failed: {said}")),
        };
    }
    fs::write(done, lock).map_err(failed)?;
    Ok(None)
}

/// Whether npm failed because nothing answered.
fn without_network(said: &str) -> bool {
    ["ENOTFOUND", "ECONNREFUSED", "EAI_AGAIN", "ETIMEDOUT"]
        .iter()
        .any(|word| said.contains(word))
}

/// Reports of made-up runs and of a real one.
fn make_reports(root: &Path, place: &Path) -> Result<Vec<PathBuf>, String> {
    let results = place.join("results");
    if results.exists() {
        fs::remove_dir_all(&results).map_err(|error| format!("{}: {error}", results.display()))?;
    }
    let mut reports = Vec::new();
    for kind in KINDS {
        let parent = results.join(kind);
        let example = ["run", "--quiet", "-p", "loadforge-reporter", "--example"];
        let mut command = programs::cargo(root, &example);
        command
            .args(["synthetic_report", "--"])
            .arg(&parent)
            .arg(kind);
        reports.push(report_of(&mut command, &parent)?);
    }
    let parent = results.join("real");
    let mut command = programs::cargo(root, &["run", "--quiet", "--bin", "loadforge", "--"]);
    command.args(REAL_RUN).arg(&parent);
    command.env_remove("GITHUB_STEP_SUMMARY");
    reports.push(report_of(&mut command, &parent)?);
    Ok(reports)
}

/// Runs what makes one results directory in `parent`, and gives back the report in it.
fn report_of(command: &mut Command, parent: &Path) -> Result<PathBuf, String> {
    let output = command
        .output()
        .map_err(|error| format!("cargo could not be started: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let dir = fs::read_dir(parent)
        .ok()
        .and_then(|mut entries| entries.next()?.ok());
    let report = dir.map(|dir| dir.path().join("report.html"));
    report
        .filter(|report| report.is_file())
        .ok_or_else(|| format!("no report in {}: {said}", parent.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_that_cannot_be_reached_is_told_from_a_lock_file_that_does_not_fit() {
        assert!(without_network(
            "npm error code EAI_AGAIN\nnpm error syscall getaddrinfo"
        ));
        assert!(!without_network("npm error code EUSAGE"));
    }
}
