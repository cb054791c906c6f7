//! `cargo xtask fuzz`: every fuzz target for some seconds, or one of them for as long as is wanted. Neighbours: `fuzz/` has the targets,
//! `ci.rs` runs each for a moment. Invariant: the stable toolchain is enough; what was found stays in `fuzz/corpus` and
//! `fuzz/artifacts`, which nobody commits.

use crate::programs;
use std::{fs, path::Path, process::Command};

/// What makes LLVM tell libFuzzer where a run has been, without a sanitizer and so without nightly.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// This target alone.
    target: Option<String>,
    /// How long each target runs.
    seconds: u32,
}

impl Options {
    /// Each target for so many seconds.
    pub(crate) fn all(seconds: u32) -> Options {
        Options {
            target: None,
            seconds,
        }
    }

    /// Reads `[TARGET] [--seconds N]`.
    pub(crate) fn parse(words: &[String]) -> Result<Options, String> {
        let mut options = Options::all(30);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--seconds" => {
                    let seconds = words.next().and_then(|word| word.parse().ok());
                    options.seconds = seconds.ok_or("fuzz: --seconds needs a whole number")?;
                }
                flag if flag.starts_with('-') => {
                    return Err(format!(
                        "fuzz: no such option: {flag}; there is --seconds N"
                    ));
                }
                target => options.target = Some(target.to_owned()),
            }
        }
        Ok(options)
    }
}

/// Builds the targets and runs them, one after another.
///
/// # Errors
/// When one does not build, or a run finds something: its input lies in `fuzz/artifacts`.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), String> {
    let targets = targets(root)?;
    let chosen: Vec<&String> = match &options.target {
        None => targets.iter().collect(),
        Some(wanted) => {
            let found = targets.iter().find(|target| *target == wanted);
            vec![found.ok_or_else(|| {
                format!("fuzz: no target {wanted}; there are {}", targets.join(", "))
            })?]
        }
    };
    let folder = root.join("target/fuzz");
    let mut build = programs::cargo(
        root,
        &["build", "--release", "--manifest-path", "fuzz/Cargo.toml"],
    );
    build
        .env("RUSTFLAGS", COVERAGE)
        .env("CARGO_TARGET_DIR", &folder)
        // Given, the flags above are for the targets alone, not for build scripts and macros.
        .args(["--target", &host()?]);
    succeed(&mut build, "the fuzz targets do not build")?;
    for target in chosen {
        let corpus = root.join("fuzz/corpus").join(target);
        let artifacts = root.join("fuzz/artifacts").join(target);
        for folder in [&corpus, &artifacts] {
            fs::create_dir_all(folder)
                .map_err(|error| format!("fuzz: {}: {error}", folder.display()))?;
        }
        println!("── fuzz {target} for {} s", options.seconds);
        let program = folder.join(host()?).join("release").join(target);
        let mut command = Command::new(program);
        command
            .arg(&corpus)
            .arg(format!("-max_total_time={}", options.seconds))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            // A slow input is a finding too.
            .args([
                "-timeout=10",
                "-rss_limit_mb=2048",
                "-max_len=4096",
                "-verbosity=0",
            ]);
        succeed(
            &mut command,
            &format!("{target}: found something, see fuzz/artifacts/{target}"),
        )?;
    }
    Ok(())
}

fn succeed(command: &mut Command, otherwise: &str) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("fuzz: {otherwise} ({status})")),
        Err(error) => Err(format!("fuzz: {otherwise}: {error}")),
    }
}

/// The names of the targets: those of their files.
fn targets(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("fuzz/targets");
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("fuzz: {}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some(path.file_stem()?.to_str()?.to_owned())
        })
        .collect();
    names.sort();
    Ok(names)
}

/// The triple of this machine.
fn host() -> Result<String, String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .map_err(|error| format!("fuzz: rustc: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| "fuzz: rustc does not say what machine this is".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_are_a_target_and_a_time() {
        let options = Options::parse(&words("data --seconds 5")).unwrap();
        assert_eq!(
            (options.target.as_deref(), options.seconds),
            (Some("data"), 5)
        );
        assert_eq!(Options::parse(&[]).unwrap(), Options::all(30));
        assert!(Options::parse(&words("--seconds soon")).is_err());
        assert!(Options::parse(&words("--jobs 2")).is_err());
    }

    #[test]
    fn every_target_has_its_program() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        let targets = targets(root).unwrap();
        assert!(targets.len() >= 7, "{targets:?}");
        for target in targets {
            let path = format!("path = \"targets/{target}.rs\"");
            assert!(manifest.contains(&path), "{target}");
        }
    }
}
