//! Who this program is: `loadforge` itself, or one that `loadforge::main!` made, with scenarios of its own. Neighbours: `lib.rs`
//! makes it, `aim.rs` takes its scenarios, `rust_source.rs` builds and starts others. Invariant: every command is there in either; only
//! `run` and `preview` mean the program's own scenarios where `loadforge` wants a file.

use crate::{
    aim::{Aim, AimError},
    args::{Args, RunArgs},
    complaint::Complaint,
    rust_source,
};
use clap::{Command, CommandFactory, FromArgMatches};
use loadforge_scenarios::{RustScenario, document::folder_name, rust_scenario::Offered};
use std::{ffi::OsString, path::Path};

/// Where the words `echo` and nothing else lead.
const ECHO: &str = "echo";

/// This program and its scenarios.
pub struct Program {
    /// What it was started as.
    name: String,
    /// Its own scenarios with their weights; `loadforge` has none.
    own: Vec<Offered>,
}

impl Program {
    /// The program as it was started: `typed` begins with its name.
    pub fn new(typed: &[OsString], own: Vec<Offered>) -> Program {
        let path = typed.first().map(Path::new);
        let name = path.and_then(Path::file_name).unwrap_or_default();
        Program {
            name: name.to_string_lossy().into_owned(),
            own,
        }
    }

    /// Whether it has no scenarios of its own.
    pub fn is_plain(&self) -> bool {
        self.own.is_empty()
    }

    /// Reads what was typed.
    ///
    /// # Errors
    /// When it cannot be read, or help was asked for.
    pub fn parse(&self, typed: &[OsString]) -> Result<Args, clap::Error> {
        let mut matches = self.command().try_get_matches_from(typed)?;
        Args::from_arg_matches_mut(&mut matches)
    }

    /// The command line; a program of somebody's own speaks of a target where `loadforge` speaks of a file.
    fn command(&self) -> Command {
        let command = Args::command();
        // Started by `loadforge run shop.rs`, it is still `loadforge` to whoever looks.
        if self.is_plain() || rust_source::built_from().is_some() {
            return command;
        }
        let name = self.name.clone();
        command
            .bin_name(name.clone())
            .display_name(name.clone())
            .about(self.about())
            .after_help(format!("Each command explains itself: {name} run --help"))
            .mut_subcommand("run", |run| {
                run.about("Run this program's scenarios")
                    .arg_required_else_help(false)
                    .after_help(run_examples(&name))
                    .mut_arg("scenario", |scenario| {
                        scenario.value_name("TARGET").help(
                            "Where requests go: a URL, or `echo` for the built-in server [default: as #[scenario] says]",
                        )
                    })
                    .mut_arg("target", |target| target.hide(true))
            })
            .mut_subcommand("preview", |preview| {
                let preview = preview.arg_required_else_help(false);
                preview.mut_arg("scenario", |scenario| scenario.hide(true))
            })
    }

    fn about(&self) -> String {
        let names: Vec<&str> = self.own.iter().map(|own| name_of(&own.scenario)).collect();
        format!("LoadForge with {} in it", names.join(", "))
    }

    /// What `run` is to do.
    ///
    /// # Errors
    /// When that cannot be known, or a file is wrong.
    pub fn aim(self, args: &RunArgs) -> Result<Aim, AimError> {
        let scenario = args.scenario.as_deref();
        if self.is_plain() || args.url_alone {
            return match &args.target {
                None => Aim::read(scenario.unwrap_or_default()),
                Some(target) => Err(AimError::Typed(one_too_many(target))),
            };
        }
        let built_from = rust_source::built_from();
        match (scenario, args.target.as_deref()) {
            // The first word is what this program was built from.
            (Some(file), target) if Some(file) == built_from.as_deref() => self.own_aim(target),
            (_, Some(target)) => Err(AimError::Typed(one_too_many(target))),
            (target, None) => self.own_aim(target),
        }
    }

    /// What `preview` is to draw. Nothing is sent, so nobody need say where to.
    ///
    /// # Errors
    /// When a file is wrong, or the program's scenarios are.
    pub fn aim_of_preview(self, scenario: Option<&str>) -> Result<Option<Aim>, AimError> {
        match self.is_plain() {
            true => scenario.map(Aim::read).transpose(),
            false => self.own_aim(Some(scenario.unwrap_or(ECHO))).map(Some),
        }
    }

    fn own_aim(self, target: Option<&str>) -> Result<Aim, AimError> {
        let name = match rust_source::built_from() {
            Some(file) => Path::new(&file)
                .file_stem()
                .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
            None => self.name,
        };
        Aim::of_program(&folder_name(&name), self.own, target)
    }
}

fn name_of(scenario: &RustScenario) -> &str {
    loadforge_scenarios::Scenario::name(scenario)
}

fn one_too_many(target: &str) -> Complaint {
    Complaint::new(
        format!(
            "{target}: there is a scenario or a target before it, and only one is run at a time"
        ),
        "leave one of them out; a second word is the target of a scenario file in Rust, as in loadforge run shop.rs http://127.0.0.1:8080",
    )
}

fn run_examples(name: &str) -> String {
    format!(
        "\
Examples:
  {name} run http://127.0.0.1:8080/ --users 20 --duration 1m
      twenty users for a minute; plain paths go to this address
  {name} run echo
      a try against the built-in server
  {name} run --rate 50 --threshold 'p99<500ms' --fail-on-error-rate 1%
      50 iterations a second to where #[scenario(base_url = \"…\")] says; exit code 3 unless all of it holds

Several scenarios share the load by their weights: loadforge::main!(Browser = 3, Buyer = 1)."
    )
}
