//! The project's own tasks, `cargo xtask <task>`: one file each.
//! Neighbours: `.cargo/config.toml` has the alias, `.ci/run` calls `ci`. Invariant: a task that finds a fault exits with 1,
//! one that was asked wrongly with 2.

#![forbid(unsafe_code)]

mod arguments;
mod bench_doors;
mod bench_page;
mod bench_peers;
mod browser;
mod chaos;
mod ci;
mod demo;
mod fuzz;
mod hooks;
mod instructions;
mod live_run;
mod npm;
mod page;
mod profile;
mod programs;
mod servers;
mod soak;
mod tidy;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

const USAGE: &str = "usage: cargo xtask <task>

  tidy          the rules of the house that no compiler knows, each finding with its place and remedy
  ci            every check but the tests: fmt, clippy, tidy, doc, instructions, loom, browser, page, chaos, fuzz, Miri, cargo-deny, cargo-audit
  bench-peers   cost of a request beside other load generators
                [--seconds 5] [--rounds 5] [--connections 1,64,512,4096] [--loadforge PATH-of-a-built-one]
  bench-doors   cost of a request through TOML and Rust beside a URL [--seconds 3] [--rounds 5]
  bench-page    what the live page takes: a worker's CPU per request with and without ten viewers, and the page's own
                [--seconds 5] [--rounds 5] [--viewers 10]
  profile       where a worker's CPU goes: a table and a flame graph
                [--connections 64] [--seconds 10] [--server nginx|echo] [--keep]
  instructions  instructions of the pure parts under callgrind, held to the blessed figures [--bless]
  browser       reports in Chromium: drawn, by keyboard, on 360 px, through axe (needs npm and chromium)
  page          the live page: types, lint, tests, its build byte by byte, in Chromium with made-up runs and a real one [--write: build it anew]
  demo          the pictures of the README, made again in docs/pictures (needs tmux, ffmpeg, npm and chromium)
  fuzz          every fuzz target for some seconds, or one of them; finds stay in fuzz/artifacts
                [TARGET] [--seconds 30]
  chaos         short runs while everything around them breaks, by seeds; their books must agree with the server's
                [--seeds 20] [--from 0] [--seed S] [--seconds 3] [--jobs 3] [--loadforge PATH-of-a-built-one]
  soak          a long run whose memory must not grow: PSS of all its processes, second by second
                [--minutes 5] [--rate 10000] [--users N] [--csv FILE] [--loadforge PATH-of-a-built-one]
  hooks         installs a git pre-commit hook: fmt, tidy, clippy";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((task, rest)) = arguments.split_first() else {
        println!("{USAGE}");
        return ExitCode::from(2);
    };
    match carry_out(task, rest) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(message)) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

/// How the task ended; the outer error is for a task that was asked wrongly.
fn carry_out(task: &str, rest: &[String]) -> Result<Result<(), String>, String> {
    let root = root();
    Ok(match (task, rest) {
        ("tidy", []) => tidy::run(&root),
        ("ci", []) => ci::run(&root),
        ("bench-peers", options) => {
            let options = bench_peers::Options::parse(options)?;
            bench_peers::run(&root, &options)
        }
        ("bench-doors", options) => bench_doors::run(&root, &bench_doors::Options::parse(options)?),
        ("bench-page", options) => bench_page::run(&root, &bench_page::Options::parse(options)?),
        ("profile", options) => profile::run(&root, &profile::Options::parse(options)?),
        ("instructions", options) => {
            let options = instructions::Options::parse(options)?;
            instructions::run(&root, options).map(|end| println!("instructions: {end}"))
        }
        ("browser", []) => browser::run(&root).map(|end| println!("browser: {end}")),
        ("page", options) => {
            let write = match options {
                [] => false,
                [write] if write == "--write" => true,
                _ => return Err("page: there is --write, and nothing else".to_owned()),
            };
            page::run(&root, write).map(|end| println!("page: {end}"))
        }
        ("demo", []) => demo::run(&root),
        ("fuzz", options) => fuzz::run(&root, &fuzz::Options::parse(options)?),
        ("chaos", options) => chaos::run(&root, &chaos::Options::parse(options)?),
        ("soak", options) => soak::run(&root, &soak::Options::parse(options)?),
        ("hooks", []) => hooks::run(&root),
        ("help" | "--help" | "-h", _) => {
            println!("{USAGE}");
            Ok(())
        }
        _ => {
            return Err(format!(
                "no such task: {task} {}\n\n{USAGE}",
                rest.join(" ")
            ));
        }
    })
}

/// The checkout this was built from.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("scripts/ lies in the checkout")
        .to_owned()
}
