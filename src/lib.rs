//! LoadForge's command line, and its face for scenarios written in Rust.
//!
//! `args.rs` is what was typed, `intent.rs` what was meant, `commands/` carries it out; everything that measures lives
//! in the crates below. Invariant: no thread exists in this process before the engine has forked its workers.

#![forbid(unsafe_code)]

#[macro_use]
mod say;

mod aim;
mod amounts;
mod args;
mod commands;
mod complaint;
mod conduct;
mod config;
mod cpus;
mod exit;
mod fingerprint;
mod intent;
mod job_summary;
mod live_page;
mod load;
mod machine;
mod mask;
mod permission;
mod preflight;
mod program;
mod resolve;
mod rust_source;
mod saved_runs;
mod selftest;
mod sources;
mod target;
mod thresholds;
mod watch;

pub mod prelude;

pub use loadforge_scenarios::{rust_scenario, testing};
pub use serde_json;

use program::Program;
use rust_scenario::Offered;
use std::{ffi::OsString, process::ExitCode};

/// Makes a program of scenarios: `loadforge::main!(Shopper);` stands where `fn main` would. The program has the whole command line
/// of `loadforge`, and `run` means its scenarios: `shopper run http://127.0.0.1:8080/ --users 10`.
///
/// Several share the load by weight, side by side: `loadforge::main!(Browser = 3, Buyer = 1);`. Of a rate each gets exactly its
/// part; a constant number of users is divided into whole ones that add up; users of a curve are rounded scenario by scenario.
#[macro_export]
macro_rules! main {
    (@weight) => {
        1
    };
    (@weight $weight:expr) => {
        const {
            let weight: u32 = $weight;
            ::core::assert!(weight > 0, "a scenario of weight 0 would never run: leave it out, or give it a weight of at least 1");
            weight
        }
    };
    () => {
        ::core::compile_error!("name the scenarios: loadforge::main!(Shopper); or with weights: loadforge::main!(Browser = 3, Buyer = 1);");
        fn main() {}
    };
    ($($scenario:ty $(= $weight:expr)?),+ $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::command_line_of(::std::vec![$($crate::rust_scenario::Offered {
                scenario: $crate::rust_scenario::RustScenario::of::<$scenario>(),
                weight: $crate::main!(@weight $($weight)?),
            }),+])
        }
    };
}

/// The page's examples are compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/rust.md")]
struct RustPage;

/// Reads the process's arguments, does what they ask and gives back the exit code.
pub fn command_line() -> ExitCode {
    command_line_of(Vec::new())
}

/// The same for a program with scenarios of its own; `main!` calls it.
#[doc(hidden)]
pub fn command_line_of(own: Vec<Offered>) -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let program = Program::new(&typed, own);
    let args = match program.parse(&typed) {
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
    let config = match &args.command {
        args::Command::Run(run) => run.config.as_deref(),
        args::Command::Preview(preview) => preview.config.as_deref(),
        _ => None,
    };
    let outcome = match config {
        None => carry_out(&args.command, program),
        Some(path) => {
            config::apply(path, &typed).and_then(|args| carry_out(&args.command, program))
        }
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            complaint::print(&error);
            error.exit.into()
        }
    }
}

fn carry_out(
    command: &args::Command,
    program: Program,
) -> Result<exit::Exit, complaint::CommandError> {
    match command {
        args::Command::Run(run) => commands::run::run(run, program),
        args::Command::Preview(preview) => commands::preview::preview(preview, program),
        args::Command::Init(init) => commands::init::init(init),
        args::Command::Import(import) => commands::import::import(import),
        args::Command::Report(report) => commands::report::report(report),
        args::Command::Dashboard(dashboard) => commands::dashboard::dashboard(dashboard),
        args::Command::Dump(dump) => commands::dump::dump(dump),
        args::Command::Compare(compare) => commands::compare::compare(compare),
        args::Command::Validate(validate) => commands::validate::validate(validate),
        args::Command::Echo(echo) => commands::echo::echo(echo),
        args::Command::Selftest(selftest) => commands::selftest::selftest(selftest),
    }
}
