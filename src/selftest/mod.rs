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
use cases::{Case, Machine};
use children::ChildError;
use jitter::Jitter;
use judge::{Row, Verdict};
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
    jitter.watch(machine.cpus(), WATCHED_PER_RUN);
    let capacity_per_s = children::capacity(&machine, &folder)?;
    let cases = cases::cases(depth, &machine, capacity_per_s);
    let mut tries = Tries::new(depth, &cases);
    let (mut rows, mut runs) = (Vec::new(), Vec::new());
    for (number, case) in cases.iter().enumerate() {
        if tell {
            say!(
                "  {}/{}  {} · {}",
                number + 1,
                cases.len(),
                case.name(),
                case.how(&machine)
            );
        }
        if let Some(why) = case.beyond(&machine) {
            rows.push(Row::skipped(case, &machine, why));
            continue;
        }
        let mut earlier: Vec<Vec<Row>> = Vec::new();
        loop {
            jitter.watch(machine.cpus(), WATCHED_PER_RUN);
            let case = case.with_seed(earlier.len() as u64);
            folder.check()?;
            let measured = match children::run(&case, &machine, &folder) {
                Ok(measured) => measured,
                Err(error) => {
                    rows.push(Row::not_run(&case, &machine, &error));
                    break;
                }
            };
            let judged = judge::rows(&case, &measured, &jitter, &machine);
            runs.push((case.clone(), measured));
            let good = judged.iter().all(|row| row.verdict == Verdict::Pass);
            if good || !tries.take(&case, earlier.len()) {
                rows.extend(judged.into_iter().enumerate().map(|(at, row)| {
                    let before: Vec<Row> = earlier
                        .iter()
                        .filter_map(|rows| rows.get(at).cloned())
                        .collect();
                    row.after(&before)
                }));
                break;
            }
            earlier.push(judged);
        }
    }
    folder.check()?;
    rows.extend(judge::books(
        runs.iter().map(|(case, measured)| (case, measured)),
    ));
    Ok(Findings {
        depth,
        cpus: allowed.to_vec(),
        jitter,
        rows,
    })
}

/// How often a case that did not pass may be tried again. A pause of the machine spoils a run now and then, and a p-value is
/// below 0.05 once in twenty; what is wrong by itself stays wrong. Every try is shown.
struct Tries {
    /// Seconds of runs that are left; only the shorter table is short of them.
    left: Duration,
    most: usize,
}

impl Tries {
    fn new(depth: Depth, cases: &[Case]) -> Tries {
        let planned: Duration = cases.iter().map(cases::Case::whole).sum();
        match depth {
            Depth::Full => Tries {
                left: Duration::MAX,
                most: 3,
            },
            Depth::Quick => Tries {
                left: Duration::from_secs(58).saturating_sub(planned),
                most: 2,
            },
        }
    }

    /// Takes the time for one more try; false when there is none, or there have been enough.
    fn take(&mut self, case: &Case, tried_before: usize) -> bool {
        let has = tried_before + 1 < self.most && case.whole() <= self.left;
        if has {
            self.left -= case.whole();
        }
        has
    }
}

/// The CPUs of a self-test in words.
fn cpu_words(on: &[u32]) -> String {
    format!("{} ({})", cpus::count_words(on.len()), cpus::list(on))
}
