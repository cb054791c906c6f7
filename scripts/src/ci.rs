//! `cargo xtask ci`: every check but the tests, one after another, with a closing line that names what did not pass.
//! Neighbours: `.ci/run` calls it behind `cargo test --workspace`. Invariant: a check that could not run is shown as
//! skipped with the reason, never as passed; a check that ran no test although it should have is a failure.

use crate::{browser, fuzz, instructions, page, programs};
use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How long each fuzz target runs.
const FUZZ_SECONDS: u32 = 5;

/// What `cargo deny` and `cargo audit` say when they cannot get the database of advisories.
const NO_DATABASE: [&str; 2] = [
    "failed to fetch advisory database",
    "couldn't fetch advisory database",
];

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Passed,
    Failed,
    Skipped(String),
}

/// Runs every step, also behind one that failed.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    type Step = (&'static str, fn(&Path) -> Ended);
    let steps: [Step; 13] = [
        ("fmt", |root| {
            cargo(root, &["fmt", "--all", "--", "--check"])
        }),
        ("clippy", |root| {
            cargo(
                root,
                &[
                    "clippy",
                    "--workspace",
                    "--all-targets",
                    "--",
                    "-D",
                    "warnings",
                ],
            )
        }),
        ("tidy", |root| match crate::tidy::run(root) {
            Ok(()) => Ended::Passed,
            Err(findings) => {
                println!("{findings}");
                Ended::Failed
            }
        }),
        ("doc", |root| {
            let mut command = programs::cargo(root, &["doc", "--workspace", "--no-deps"]);
            succeeds(command.env("RUSTDOCFLAGS", "-D warnings"))
        }),
        ("instructions", instructions),
        ("loom", loom),
        ("browser", browser),
        ("page", page),
        ("chaos", chaos),
        ("fuzz", fuzz),
        ("miri", miri),
        ("deny", deny),
        ("audit", audit),
    ];
    let mut ended = Vec::new();
    for (name, step) in steps {
        println!("── {name}");
        let started = Instant::now();
        let end = step(root);
        let took = started.elapsed();
        println!("{}", line(name, &end, took));
        ended.push((name, end));
    }
    let closing = closing_line(&ended);
    println!("{closing}");
    if ended.iter().any(|(_, end)| *end == Ended::Failed) {
        Err(closing)
    } else {
        Ok(())
    }
}

fn line(name: &str, end: &Ended, took: Duration) -> String {
    match end {
        Ended::Passed => format!("{name}: passed in {:.1} s", took.as_secs_f64()),
        Ended::Failed => format!("{name}: FAILED after {:.1} s", took.as_secs_f64()),
        Ended::Skipped(why) => format!("{name}: skipped: {why}"),
    }
}

/// How many passed, failed and were skipped, the latter two by name.
fn closing_line(ended: &[(&str, Ended)]) -> String {
    let of = |wanted: fn(&Ended) -> bool| -> Vec<&str> {
        ended
            .iter()
            .filter(|(_, end)| wanted(end))
            .map(|(name, _)| *name)
            .collect()
    };
    let named = |names: Vec<&str>, word: &str| match names.len() {
        0 => format!("0 {word}"),
        count => format!("{count} {word} ({})", names.join(", ")),
    };
    format!(
        "ci: {} passed, {}, {}",
        of(|end| *end == Ended::Passed).len(),
        named(of(|end| *end == Ended::Failed), "failed"),
        named(of(|end| matches!(end, Ended::Skipped(_))), "skipped"),
    )
}

/// The pure parts cost no more than they did.
fn instructions(root: &Path) -> Ended {
    match instructions::check(root) {
        Ok(instructions::End::Skipped(why)) => Ended::Skipped(why),
        Ok(_) => Ended::Passed,
        Err(message) => {
            println!("{message}");
            Ended::Failed
        }
    }
}

/// The ring's model under loom, in a target directory of its own: the flag would rebuild everything otherwise.
fn loom(root: &Path) -> Ended {
    let arguments = ["test", "-p", "loadforge-ring", "--release", "--lib", "loom"];
    let mut command = programs::cargo(root, &arguments);
    command
        .env("RUSTFLAGS", "--cfg loom")
        .env("CARGO_TARGET_DIR", root.join("target/loom"));
    tests_run(&mut command)
}

/// Reports as people meet them.
fn browser(root: &Path) -> Ended {
    looked(browser::run(root))
}

/// The live page is what its sources build to, and does what it should.
fn page(root: &Path) -> Ended {
    looked(page::run(root, false))
}

fn looked(end: Result<browser::End, String>) -> Ended {
    match end {
        Ok(browser::End::Passed) => Ended::Passed,
        Ok(browser::End::Skipped(why)) => Ended::Skipped(why),
        Err(message) => {
            println!("{message}");
            Ended::Failed
        }
    }
}

/// A few runs while everything around them breaks; two hundred are for people (`cargo xtask chaos --seeds 200`).
fn chaos(root: &Path) -> Ended {
    match crate::chaos::run(root, &crate::chaos::Options::short()) {
        Ok(()) => Ended::Passed,
        Err(message) => {
            println!("{message}");
            Ended::Failed
        }
    }
}

/// Every fuzz target for a moment: longer runs are for people (`cargo xtask fuzz`).
fn fuzz(root: &Path) -> Ended {
    if programs::find("c++").is_none() {
        return Ended::Skipped("libFuzzer needs a C++ compiler".to_owned());
    }
    match fuzz::run(root, &fuzz::Options::all(FUZZ_SECONDS)) {
        Ok(()) => Ended::Passed,
        Err(message) => {
            println!("{message}");
            Ended::Failed
        }
    }
}

/// The ring's tests that need no shared memory, under Miri.
fn miri(root: &Path) -> Ended {
    let toolchains: [&[&str]; 2] = [&["miri"], &["+nightly", "miri"]];
    let found = toolchains.into_iter().find(|toolchain| {
        let mut probe = programs::cargo(root, toolchain);
        probe
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    });
    let Some(toolchain) = found else {
        return Ended::Skipped("no toolchain here has it (`rustup component add miri`)".to_owned());
    };
    let mut command = programs::cargo(root, toolchain);
    command.args(["test", "-p", "loadforge-ring", "--lib", "ring::"]);
    command.env("CARGO_TARGET_DIR", root.join("target/miri"));
    tests_run(&mut command)
}

fn deny(root: &Path) -> Ended {
    let mut probe = programs::cargo(root, &["deny", "--version"]);
    probe.stdout(Stdio::null()).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        return Ended::Skipped("not installed (`cargo install --locked cargo-deny`)".to_owned());
    }
    let all = with_advisories(&mut programs::cargo(root, &["deny", "--locked", "check"]));
    let Ended::Skipped(why) = all else {
        return all;
    };
    // What needs no network is still held to.
    let rest = ["deny", "--locked", "check", "bans", "licenses", "sources"];
    match cargo(root, &rest) {
        Ended::Passed => Ended::Skipped(format!("{why}; bans, licences and sources are good")),
        other => other,
    }
}

/// The lock file against the database of advisories; `deny.toml` has what is let be, with reasons.
fn audit(root: &Path) -> Ended {
    let mut probe = programs::cargo(root, &["audit", "--version"]);
    probe.stdout(Stdio::null()).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        return Ended::Skipped("not installed (`cargo install --locked cargo-audit`)".to_owned());
    }
    let ignored = match ignored_advisories(root) {
        Ok(ignored) => ignored,
        Err(message) => {
            println!("{message}");
            return Ended::Failed;
        }
    };
    let mut command = programs::cargo(root, &["audit", "--deny", "warnings"]);
    for advisory in &ignored {
        command.args(["--ignore", advisory]);
    }
    with_advisories(&mut command)
}

/// The advisories that `deny.toml` lets be.
fn ignored_advisories(root: &Path) -> Result<Vec<String>, String> {
    let path = root.join("deny.toml");
    let failed = |why: String| format!("{}: {why}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
    let file: toml::Table = toml::from_str(&text).map_err(|error| failed(error.to_string()))?;
    let list = file.get("advisories").and_then(|part| part.get("ignore"));
    let list = list.and_then(toml::Value::as_array);
    let list = list.ok_or_else(|| failed("there is no list advisories.ignore".to_owned()))?;
    let ids = list.iter().map(|entry| {
        let id = entry.get("id").and_then(toml::Value::as_str);
        let id = id.ok_or_else(|| failed(format!("no id in {entry}")))?;
        Ok(id.to_owned())
    });
    ids.collect()
}

/// As `succeeds`, for a command that gets the database of advisories first.
fn with_advisories(command: &mut Command) -> Ended {
    match command.output() {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            print!("{said}");
            advisories_ended(output.status.success(), &said)
        }
        Err(error) => {
            println!("cargo could not be started: {error}");
            Ended::Failed
        }
    }
}

/// Without the database nothing was looked at: that is neither good nor bad.
fn advisories_ended(is_clean: bool, said: &str) -> Ended {
    let unreached = NO_DATABASE.iter().any(|words| said.contains(words));
    match is_clean {
        true => Ended::Passed,
        false if unreached => {
            Ended::Skipped("the database of advisories cannot be reached".to_owned())
        }
        false => Ended::Failed,
    }
}

fn cargo(root: &Path, arguments: &[&str]) -> Ended {
    succeeds(&mut programs::cargo(root, arguments))
}

fn succeeds(command: &mut Command) -> Ended {
    match command.status() {
        Ok(status) if status.success() => Ended::Passed,
        Ok(_) => Ended::Failed,
        Err(error) => {
            println!("cargo could not be started: {error}");
            Ended::Failed
        }
    }
}

/// As `succeeds`, and at least one test was run: a filter that matches nothing must not look like a proof.
fn tests_run(command: &mut Command) -> Ended {
    let output = match command.stderr(Stdio::inherit()).output() {
        Ok(output) => output,
        Err(error) => {
            println!("cargo could not be started: {error}");
            return Ended::Failed;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    if output.status.success() && passed_tests(&text) == 0 {
        println!("no test was run: its name no longer matches");
        return Ended::Failed;
    }
    if output.status.success() {
        Ended::Passed
    } else {
        Ended::Failed
    }
}

/// The number of tests passed, from the closing lines of the test programs.
fn passed_tests(output: &str) -> u64 {
    output
        .lines()
        .filter_map(|line| line.strip_prefix("test result: ok. "))
        .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_names_what_did_not_pass() {
        let why = || "x".to_owned();
        let ended = [
            ("fmt", Ended::Passed),
            ("loom", Ended::Failed),
            ("miri", Ended::Skipped(why())),
            ("deny", Ended::Skipped(why())),
        ];
        let expected = "ci: 1 passed, 1 failed (loom), 2 skipped (miri, deny)";
        assert_eq!(closing_line(&ended), expected);
    }

    #[test]
    fn what_deny_lets_be_audit_lets_be_too() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let ignored = ignored_advisories(&root).unwrap();
        assert!(
            ignored.contains(&"RUSTSEC-2024-0384".to_owned()),
            "{ignored:?}"
        );
        let elsewhere = ignored_advisories(Path::new("/nowhere")).unwrap_err();
        assert!(elsewhere.starts_with("/nowhere/deny.toml: "), "{elsewhere}");
    }

    #[test]
    fn a_database_that_cannot_be_reached_is_skipped_and_a_finding_fails() {
        let offline = "error: couldn't fetch advisory database: no network";
        assert!(matches!(
            advisories_ended(false, offline),
            Ended::Skipped(_)
        ));
        assert_eq!(
            advisories_ended(false, "error: 1 vulnerability found!"),
            Ended::Failed
        );
        assert_eq!(advisories_ended(true, "advisories ok"), Ended::Passed);
    }

    #[test]
    fn only_tests_that_ran_count() {
        let none = "running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 3 filtered out\n";
        assert_eq!(passed_tests(none), 0);
        let some = "test result: ok. 2 passed; 0 failed\nx\ntest result: ok. 3 passed; 0 failed\n";
        assert_eq!(passed_tests(some), 5);
    }
}
