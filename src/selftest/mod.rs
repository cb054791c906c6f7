//! `loadforge selftest`: puts known loads on a server whose right answers are known, on this machine, and judges what a run says.
//!
//! `cases.rs` says which runs are made and `children.rs` makes them, each in a process of its own (one process is one run);
//! `jitter.rs` measures what the machine itself does to a thread that waits, `crowd.rs` what others take of it; `judge.rs` turns figures into rows with the help of
//! `queues.rs` and `statistics.rs`; `table.rs` prints them. Invariant: judging is pure: it sees figures, never a clock or a process.

mod cases;
mod children;
mod crowd;
mod jitter;
mod judge;
mod measured;
mod queues;
mod statistics;
mod table;

pub use table::{json, text};

use crate::cpus;
use cases::{Case, Machine, Question};
use children::ChildError;
use jitter::Jitter;
use judge::{Row, Verdict};
use measured::Measured;
use std::time::Duration;

/// How long the machine's own jitter is watched before each run.
const WATCHED_PER_RUN: Duration = Duration::from_millis(250);

/// How thorough a self-test is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// At most a minute: shorter runs, with the same shapes and the answers that theory has for them.
    Quick,
    /// The table as published, every case with one worker and with several: about half an hour.
    Full,
}

/// What a self-test found.
#[derive(Debug)]
pub struct Findings {
    depth: Depth,
    cpus: Vec<u32>,
    jitter: Jitter,
    rows: Vec<Row>,
}

impl Findings {
    /// Whether no row failed; rows that the machine was too noisy for did not.
    pub fn passed(&self) -> bool {
        self.rows.iter().all(|row| row.verdict != Verdict::Fail)
    }
}

/// Makes every run and judges it. `many` is how many workers the cases with several have; progress goes to the error stream.
///
/// # Errors
/// When this machine cannot run any of it: no temporary directory, or the built-in server does not start.
pub fn selftest(
    depth: Depth,
    many: usize,
    allowed: &[u32],
    tell: bool,
) -> Result<Findings, ChildError> {
    let machine = Machine::new(allowed, many);
    let folder = children::Folder::create()?;
    let mut jitter = Jitter::default();
    jitter.watch(machine.worker_cpu(), WATCHED_PER_RUN);
    let capacity_per_s = children::capacity(&machine, &folder)?;
    let cases = cases::cases(depth, &machine, capacity_per_s);
    let mut outcomes = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        if tell {
            anstream::eprintln!(
                "  {}/{}  {} · {}",
                number + 1,
                cases.len(),
                case.name(),
                case.how(&machine)
            );
        }
        jitter.watch(machine.worker_cpu(), WATCHED_PER_RUN);
        outcomes.push(measure(case, &machine, &folder));
    }
    jitter.watch(machine.worker_cpu(), WATCHED_PER_RUN);
    let mut rows = Vec::new();
    for (case, outcome) in cases.iter().zip(&outcomes) {
        match outcome {
            Ok(measured) => rows.extend(judge::rows(case, measured, &jitter, &machine)),
            Err(error) => rows.push(Row::not_run(case, &machine, error)),
        }
    }
    rows.extend(judge::books(
        cases
            .iter()
            .zip(&outcomes)
            .filter_map(|(case, outcome)| Some((case, outcome.as_ref().ok()?))),
    ));
    Ok(Findings {
        depth,
        cpus: allowed.to_vec(),
        jitter,
        rows,
    })
}

/// One run; Poisson arrivals get a second one, from another seed, where the first looks unlikely: one run in twenty does by
/// chance. Both are shown.
fn measure(
    case: &Case,
    machine: &Machine,
    folder: &children::Folder,
) -> Result<Measured, ChildError> {
    let first = children::run(case, machine, folder)?;
    if case.question != Question::Poisson || judge::looks_poisson(case, &first) {
        return Ok(first);
    }
    let second = children::run(&case.with_another_seed(), machine, folder)?;
    Ok(Measured {
        earlier_p: Some(judge::poisson_p(case, &first).unwrap_or(0.0)),
        ..second
    })
}

/// The CPUs of a self-test in words.
fn cpu_words(on: &[u32]) -> String {
    format!("{} ({})", cpus::count_words(on.len()), cpus::list(on))
}
