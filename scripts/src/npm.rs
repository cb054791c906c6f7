//! What checks in a browser need of npm, in a folder under `target/`. Neighbours: `browser.rs` looks at reports, `page.rs` builds the
//! live page. Invariant: what is installed is what the lock file says, and no script of a package runs.

use crate::programs;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// Why nothing can be done with npm here, if so.
pub(crate) fn missing() -> Option<String> {
    let missing = ["node", "npm"]
        .into_iter()
        .find(|name| programs::find(name).is_none());
    missing.map(|name| format!("no {name} (`apt-get install npm`)"))
}

/// Installs what `package-lock.json` in `place` names, unless that was done; the reason where the registry cannot be reached.
pub(crate) fn install(place: &Path) -> Result<Option<String>, String> {
    let failed = |error| format!("{}: {error}", place.display());
    let lock = fs::read(place.join("package-lock.json")).map_err(failed)?;
    let done = place.join("node_modules/.installed");
    if fs::read(&done).is_ok_and(|of| of == lock) {
        return Ok(None);
    }
    // Not `npm ci`: newer ones refuse a lock file without the bundler's builds for other systems, which not every registry keeps.
    let mut command = Command::new("npm");
    command
        .args([
            "install",
            "--no-save",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ])
        .current_dir(place)
        .stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|error| format!("npm could not be started: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return match without_network(&said) {
            true => Ok(Some("npm cannot reach its registry".to_owned())),
            false => Err(format!("npm install failed: {said}")),
        };
    }
    fs::write(done, lock).map_err(failed)?;
    Ok(None)
}

/// Runs one of the folder's own scripts.
pub(crate) fn run(place: &Path, words: &[&str]) -> Result<(), String> {
    let mut command = Command::new("npm");
    command.args(["run", "--silent"]).args(words);
    command.current_dir(place).stdin(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(format!("npm run {}: see above", words.join(" "))),
        Err(error) => Err(format!("npm could not be started: {error}")),
    }
}

/// Whether npm failed because nothing answered.
fn without_network(said: &str) -> bool {
    ["ENOTFOUND", "ECONNREFUSED", "EAI_AGAIN", "ETIMEDOUT"]
        .iter()
        .any(|word| said.contains(word))
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
