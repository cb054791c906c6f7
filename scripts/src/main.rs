//! The project's own tasks, `cargo xtask <task>`: one file each.
//! Neighbours: `.cargo/config.toml` has the alias, `.ci/run` calls `ci`. Invariant: a task that finds a fault exits with 1,
//! one that was asked wrongly with 2.

#![forbid(unsafe_code)]

mod bench_peers;
mod ci;
mod hooks;
mod tidy;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

const USAGE: &str = "usage: cargo xtask <task>

  tidy          the rules of the house that no compiler knows, each finding with its place and remedy
  ci            every check but the tests: fmt, clippy, tidy, doc, loom, Miri, cargo-deny
  bench-peers   cost of a request beside other load generators
                [--seconds 5] [--rounds 5] [--connections 64,512] [--loadforge PATH-of-a-built-one]
  hooks         installs a git pre-commit hook: fmt, tidy, clippy";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((task, rest)) = arguments.split_first() else {
        println!("{USAGE}");
        return ExitCode::from(2);
    };
    let root = root();
    let outcome = match (task.as_str(), rest) {
        ("tidy", []) => tidy::run(&root),
        ("ci", []) => ci::run(&root),
        ("bench-peers", options) => match bench_peers::Options::parse(options) {
            Ok(options) => bench_peers::run(&root, &options),
            Err(message) => {
                eprintln!("{message}");
                return ExitCode::from(2);
            }
        },
        ("hooks", []) => hooks::run(&root),
        ("help" | "--help" | "-h", _) => {
            println!("{USAGE}");
            Ok(())
        }
        _ => {
            eprintln!("no such task: {}\n\n{USAGE}", arguments.join(" "));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The checkout this was built from.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("scripts/ lies in the checkout")
        .to_owned()
}
