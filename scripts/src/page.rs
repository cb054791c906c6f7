//! `cargo xtask page`: types, lint and tests of the live page, its build against the committed one byte by byte, and the page in
//! Chromium with made-up runs and a real one. Neighbours: `dashboard/page` has the page and its cases, `npm.rs` installs.
//! Invariant: nothing is written to the checkout unless `--write` asks for it; where npm, node or Chromium is missing, that is told
//! as skipped, never as passed.

use crate::{
    browser::{self, End},
    live_run::LiveRun,
    npm, programs,
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What of `dashboard/page` is not copied: what is installed and what is built.
const MADE: [&str; 3] = ["node_modules", "dist", "target"];

/// The run that a real page is looked at with: long enough for a busy machine, for its end is the page's to ask for.
const REAL_RUN: [&str; 13] = [
    "run",
    "scenarios/examples/quickstart.toml",
    "--duration",
    "10m",
    "--rate",
    "200",
    "--workers",
    "1",
    "--allow-invalid",
    "--yes",
    "--dashboard",
    "--quiet",
    "--output",
];

/// Checks the page; with `write`, the committed build is replaced by a new one and nothing is compared.
pub(crate) fn run(root: &Path, write: bool) -> Result<End, String> {
    if let Some(why) = npm::missing() {
        return Ok(End::Skipped(why));
    }
    let place = programs::target(root).join("page");
    if let Some(why) = prepare(root, &place)? {
        return Ok(End::Skipped(why));
    }
    npm::run(&place, &["check"])?;
    npm::run(&place, &["build"])?;
    let committed = root.join("dashboard/page/dist");
    if write {
        replace(&committed, &place.join("dist"))?;
        return Ok(End::Passed);
    }
    compare(&committed, &place.join("dist"))?;
    let Some(chromium) = browser::chromium() else {
        return Ok(End::Skipped(browser::NO_CHROMIUM.to_owned()));
    };
    npm::run(&place, &["e2e"])?;
    look_at_real_runs(root, &place, &chromium)?;
    Ok(End::Passed)
}

/// Copies the page to where it is built, and brings what it needs of npm; the reason where that cannot be had.
pub(crate) fn prepare(root: &Path, place: &Path) -> Result<Option<String>, String> {
    let source = root.join("dashboard/page");
    let failed = |error| format!("{}: {error}", place.display());
    fs::create_dir_all(place).map_err(failed)?;
    // What is no longer in the checkout must not be built either.
    for entry in fs::read_dir(place).map_err(failed)?.flatten() {
        if !MADE.iter().any(|made| entry.file_name() == *made) {
            remove(&entry.path()).map_err(failed)?;
        }
    }
    copy(&source, place, &MADE).map_err(failed)?;
    npm::install(place)
}

fn remove(path: &Path) -> std::io::Result<()> {
    match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}

fn copy(from: &Path, to: &Path, leave: &[&str]) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if leave.iter().any(|leave| name == *leave) {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &to.join(name), &[])?,
            false => fs::copy(entry.path(), to.join(name)).map(|_| ())?,
        }
    }
    Ok(())
}

/// Every file under a folder, by its path there.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, String> {
    let failed = |error| format!("{}: {error}", folder.display());
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).map_err(failed)?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).map_err(failed)?;
            let name = path.strip_prefix(folder).unwrap_or(&path).to_owned();
            found.insert(name, bytes);
        }
    }
    Ok(found)
}

fn compare(committed: &Path, built: &Path) -> Result<(), String> {
    let differing = differing(&files(committed)?, &files(built)?);
    if differing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "page: dashboard/page/dist is not what dashboard/page builds to: {}; `cargo xtask page --write` builds it, then commit it",
        differing.join(", ")
    ))
}

/// The names that are in one only, or differ.
fn differing(
    committed: &BTreeMap<PathBuf, Vec<u8>>,
    built: &BTreeMap<PathBuf, Vec<u8>>,
) -> Vec<String> {
    let names = committed.keys().chain(built.keys());
    let mut names: Vec<String> = names
        .filter(|name| committed.get(*name) != built.get(*name))
        .map(|name| name.display().to_string())
        .collect();
    names.sort();
    names.dedup();
    names
}

fn replace(committed: &Path, built: &Path) -> Result<(), String> {
    let failed = |error| format!("{}: {error}", committed.display());
    if committed.exists() {
        fs::remove_dir_all(committed).map_err(failed)?;
    }
    copy(built, committed, &[]).map_err(failed)
}

/// A run that its page ends, one whose supervisor is killed, and then both of them as saved runs.
fn look_at_real_runs(root: &Path, place: &Path, chromium: &Path) -> Result<(), String> {
    programs::build(&mut programs::cargo(
        root,
        &["build", "--quiet", "--bin", "loadforge"],
    ))?;
    let program = programs::target(root).join("debug/loadforge");
    let results = place.join("results");
    if results.exists() {
        remove(&results).map_err(|error| format!("{}: {error}", results.display()))?;
    }
    let start = || {
        let mut command = Command::new(&program);
        command.args(REAL_RUN).arg(&results).current_dir(root);
        LiveRun::start(&mut command)
    };
    let look = |words: &[&str]| -> Result<(), String> {
        let mut look = Command::new("node");
        look.args(words)
            .current_dir(place)
            .env("CHROMIUM", chromium);
        match look.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err("the page of a real run is not as it should be: see above".to_owned()),
            Err(error) => Err(format!("node could not be started: {error}")),
        }
    };
    let mut run = start()?;
    look(&["e2e/real.mjs", &run.url, "--model", "open"])?;
    run.ended()?;
    let run = start()?;
    let pid = run.pid().to_string();
    look(&["e2e/real_ends.mjs", "killed", &run.url, &pid])?;
    drop(run);
    let mut command = Command::new(&program);
    let saved = LiveRun::start(command.arg("dashboard").arg(&results))?;
    look(&["e2e/real_ends.mjs", "saved", &saved.url])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_that_differs_in_a_byte_or_a_file_is_named() {
        let of = |files: &[(&str, &str)]| -> BTreeMap<PathBuf, Vec<u8>> {
            let files = files.iter();
            files
                .map(|(name, text)| ((*name).into(), text.as_bytes().to_vec()))
                .collect()
        };
        let committed = of(&[("index.html.gz", "a"), ("assets/old.js.gz", "b")]);
        let built = of(&[("index.html.gz", "c"), ("assets/new.js.gz", "b")]);
        assert_eq!(
            differing(&committed, &built),
            ["assets/new.js.gz", "assets/old.js.gz", "index.html.gz"]
        );
        assert!(differing(&built, &built).is_empty());
    }
}
