//! How a command ends, as a number that scripts can rely on. Neighbours: `commands/` decide it, README lists it.

use std::process::ExitCode;

/// The exit codes; their numbers are a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went as asked.
    Done = 0,
    /// It could not be run, or its results could not be written whole.
    CouldNotRun = 1,
    /// What was asked for makes no sense; nothing was started.
    BadInput = 2,
    /// The run is sound and a threshold was not met, or a comparison found it worse.
    ThresholdsNotMet = 3,
    /// The generator could not do what was asked, so the figures say nothing about the target.
    Invalid = 4,
    /// A second signal ended it at once (128 + SIGINT, as shells have it).
    SecondSignal = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
