//! `cargo xtask hooks`: a git pre-commit hook with the quick checks.
//! Neighbours: `ci.rs` has all of them. Invariant: a hook that somebody else put there is never overwritten.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

const HOOK: &str = "#!/bin/sh
# Installed by `cargo xtask hooks`.
set -e
cargo fmt --all -- --check
cargo xtask tidy
cargo clippy --quiet --workspace --all-targets -- -D warnings
";

/// Installs the hook.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let output = Command::new("git")
        .args(["rev-parse", "--git-path", "hooks"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("hooks: git could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("hooks: {} is no git checkout", root.display()));
    }
    let folder = root.join(String::from_utf8_lossy(&output.stdout).trim());
    install(&folder)?;
    println!("installed {}", folder.join("pre-commit").display());
    Ok(())
}

fn install(folder: &Path) -> Result<(), String> {
    let path = folder.join("pre-commit");
    if fs::read_to_string(&path).is_ok_and(|other| !other.contains("cargo xtask hooks")) {
        return Err(format!(
            "hooks: {} is somebody else's hook: remove it, or call `cargo xtask tidy` from it",
            path.display()
        ));
    }
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&path, HOOK))
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
        .map_err(|error| format!("hooks: {} could not be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_hook_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        install(folder.path()).unwrap();
        install(folder.path()).unwrap();
        let path = folder.path().join("pre-commit");
        fs::write(&path, "#!/bin/sh\nexit 0\n").unwrap();
        assert!(
            install(folder.path())
                .unwrap_err()
                .contains("somebody else's")
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "#!/bin/sh\nexit 0\n");
    }
}
