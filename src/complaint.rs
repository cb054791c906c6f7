//! What a person is told when a command cannot go on: what is wrong, and what to do about it.
//! Neighbours: every file here makes them, `lib.rs` prints them. Invariant: a complaint carries a remedy.

use crate::exit::Exit;
use loadforge_reporter::printable;
use std::fmt;

/// One thing that is wrong, with its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong, the value got included.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Complaint {
    /// A complaint of these words.
    pub fn new(message: impl Into<String>, remedy: impl Into<String>) -> Complaint {
        Complaint {
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// Several in one text, with a blank line between them.
    pub fn list(complaints: &[Complaint]) -> String {
        complaints
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n\n")
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\n = help: {}", self.message, self.remedy)
    }
}

/// A command that ended early: what to say, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct CommandError {
    /// The exit code.
    pub exit: Exit,
    /// The whole text, ready to be printed.
    pub text: String,
}

impl CommandError {
    /// Nothing was started, because what was asked for makes no sense.
    pub fn bad_input(text: impl fmt::Display) -> CommandError {
        CommandError {
            exit: Exit::BadInput,
            text: text.to_string(),
        }
    }

    /// What was asked for makes sense and cannot be done here and now.
    pub fn could_not_run(text: impl fmt::Display) -> CommandError {
        CommandError {
            exit: Exit::CouldNotRun,
            text: text.to_string(),
        }
    }
}

/// Prints an error to the standard error stream, its first words in red where there are colours. Names of files, hosts and servers
/// are in it: none of them can write over the screen.
pub fn print(error: &CommandError) {
    for line in error.text.lines().map(printable) {
        match line.strip_prefix("error:") {
            Some(rest) => say!("\x1b[1;31merror\x1b[0m:{rest}"),
            None => say!("{line}"),
        }
    }
}
