//! `cargo xtask browser`: reports and a comparison in Chromium, as people meet them: drawn, within a telephone's width, with the keyboard, through
//! axe. Neighbours: `scripts/browser/check.mjs` looks, npm brings what it needs into `target/browser`. Invariant: where npm, node
//! or Chromium is missing the check is skipped with that reason, never passed.

use crate::{npm, programs};
use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The runs whose reports are looked at: with every chart, with phases and arrivals, without a request, with hostile names.
const KINDS: [&str; 5] = ["shop", "missed", "phased", "idle", "hostile"];

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

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Passed => f.write_str("passed"),
            End::Skipped(why) => write!(f, "skipped: {why}"),
        }
    }
}

/// Why nothing can be looked at where there is no browser.
pub(crate) const NO_CHROMIUM: &str = "no Chromium (`apt-get install chromium`)";

/// Where Chromium is, if it is here.
pub(crate) fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.into_iter().find_map(programs::find)
}

/// Makes the reports and looks at them.
pub(crate) fn run(root: &Path) -> Result<End, String> {
    let Some(chromium) = chromium() else {
        return Ok(End::Skipped(NO_CHROMIUM.to_owned()));
    };
    if let Some(why) = npm::missing() {
        return Ok(End::Skipped(why));
    }
    let place = programs::target(root).join("browser");
    if let Some(why) = install(root, &place)? {
        return Ok(End::Skipped(why));
    }
    let reports = make_reports(root, &place)?;
    let comparison = make_comparison(root, &place, &reports)?;
    let mut command = Command::new("node");
    command.arg(place.join("check.mjs")).arg(chromium);
    command
        .args(reports)
        .arg("--without-script")
        .arg(comparison);
    match command.status() {
        Ok(status) if status.success() => Ok(End::Passed),
        Ok(_) => Err("the reports are not as they should be: see above".to_owned()),
        Err(error) => Err(format!("node could not be started: {error}")),
    }
}

/// Copies the check to where it runs, and brings what it needs of npm.
fn install(root: &Path, place: &Path) -> Result<Option<String>, String> {
    let failed = |error| format!("{}: {error}", place.display());
    fs::create_dir_all(place).map_err(failed)?;
    for name in ["package.json", "package-lock.json", "check.mjs"] {
        fs::copy(root.join("scripts/browser").join(name), place.join(name)).map_err(failed)?;
    }
    npm::install(place)
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

/// The page of a comparison: of all these runs with the first, whether they can be compared or not.
fn make_comparison(root: &Path, place: &Path, reports: &[PathBuf]) -> Result<PathBuf, String> {
    let page = place.join("compare.html");
    let mut command = programs::cargo(root, &["run", "--quiet", "--bin", "loadforge", "--"]);
    command.arg("compare");
    command.args(reports.iter().filter_map(|report| report.parent()));
    command.args(["--force", "--output"]).arg(&page);
    let output = command
        .output()
        .map_err(|error| format!("cargo could not be started: {error}"))?;
    match output.status.success() {
        true => Ok(page),
        false => Err(format!(
            "the runs could not be compared: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
    }
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
