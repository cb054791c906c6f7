//! LoadForge's command line, and its face for scenarios written in Rust.
//!
//! `args.rs` is what was typed, `intent.rs` what was meant, `commands/` carries it out; everything that measures lives
//! in the crates below. Invariant: no thread exists in this process before the engine has forked its workers.

#![forbid(unsafe_code)]

mod aim;
mod amounts;
mod args;
mod commands;
mod complaint;
mod conduct;
mod config;
mod cpus;
mod exit;
mod intent;
mod load;
mod machine;
mod mask;
mod preflight;
mod resolve;
mod selftest;
mod sources;
mod target;

pub mod prelude;

use clap::Parser;
use std::{ffi::OsString, path::Path, process::ExitCode};

/// Reads the process's arguments, does what they ask and gives back the exit code.
pub fn command_line() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let args = match args::Args::try_parse_from(&typed) {
        Ok(args) => args,
        Err(error) => {
            // The terminal may be gone; there is nobody left to tell.
            let _ = error.print();
            let asked_for_help = !error.use_stderr();
            return if asked_for_help {
                exit::Exit::Done
            } else {
                exit::Exit::BadInput
            }
            .into();
        }
    };
    let outcome = match &args.command {
        args::Command::Run(run) => match &run.config {
            None => commands::run::run(run),
            Some(path) => run_by_config(path, &typed),
        },
        args::Command::Preview(preview) => commands::preview::preview(preview),
        args::Command::Report(report) => commands::report::report(report),
        args::Command::Validate(validate) => commands::validate::validate(validate),
        args::Command::Echo(echo) => commands::echo::echo(echo),
        args::Command::Selftest(selftest) => commands::selftest::selftest(selftest),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            complaint::print(&error);
            error.exit.into()
        }
    }
}

/// `loadforge run --config FILE`: the same command with the file's words put in.
fn run_by_config(path: &Path, typed: &[OsString]) -> Result<exit::Exit, complaint::CommandError> {
    match config::apply(path, typed)?.command {
        args::Command::Run(run) => commands::run::run(&run),
        _ => unreachable!("the second word is still `run`"),
    }
}
