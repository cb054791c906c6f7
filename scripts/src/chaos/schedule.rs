//! What happens in a run of the chaos test, drawn from its seed: the load, the server's conduct, and faults with their times.
//! Neighbours: `server.rs` and `play.rs` carry it out, `oracle.rs` knows from it what may come of it. Invariant: the seed alone
//! decides.

use nix::sys::signal::Signal;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use std::fmt;

/// Least time between the start of a run and a fault of it, in ms.
const FIRST_FAULT_MS: u64 = 20;

/// A run and what befalls it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schedule {
    pub(crate) seed: u64,
    /// How long the load lasts, in ms.
    pub(crate) run_ms: u64,
    pub(crate) load: Load,
    pub(crate) workers: usize,
    pub(crate) transport: &'static str,
    pub(crate) wire: &'static str,
    /// The pause between tasks, in ms; none when the second is 0.
    pub(crate) think_ms: (u64, u64),
    pub(crate) story: Story,
    pub(crate) timeout_ms: u64,
    pub(crate) allow_invalid: bool,
    pub(crate) conduct: Conduct,
    /// Times count from the start of the program instead of from the first request.
    pub(crate) is_early: bool,
    /// In the order of their times, each in ms.
    pub(crate) faults: Vec<(u64, Fault)>,
}

/// How much load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Load {
    Users(u64),
    Rate { per_s: u64, max_users: u64 },
}

impl Load {
    /// Most users alive at a time.
    pub(crate) fn most_users(self) -> u64 {
        match self {
            Load::Users(users) => users,
            Load::Rate { max_users, .. } => max_users,
        }
    }
}

/// What users do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Story {
    /// One GET.
    Plain,
    /// GETs and POSTs, each a task of its own, one with a name drawn.
    Shop,
    /// Several requests in a group, with a metric.
    Visit,
}

impl Story {
    /// Whether each arrival is one request.
    pub(crate) fn is_single(self) -> bool {
        self != Story::Visit
    }
}

/// How the server behaves when nothing is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conduct {
    /// Bounds of an answer's delay in ms.
    pub(crate) delay_ms: (u64, u64),
    pub(crate) body_bytes: usize,
    pub(crate) is_chunked: bool,
    pub(crate) habit: Habit,
}

/// What the server does with every n-th answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    None,
    /// It says that it will close, and closes.
    SaysClose(u64),
    /// It closes behind the answer and does not say so.
    ClosesIdle(u64),
    /// It closes in the middle of the answer.
    CutsHalf(u64),
    /// It answers 503.
    Refuses(u64),
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A worker gets this signal, which kills it.
    KillWorker(usize, Signal),
    StopWorker {
        worker: usize,
        for_ms: u64,
    },
    StopSupervisor {
        for_ms: u64,
    },
    KillSupervisor,
    /// The supervisor gets a signal that asks it to end.
    Signal(Signal),
    /// The server resets every connection.
    Reset,
    /// The server closes its half of every connection.
    HalfClose,
    /// The server does nothing for so long.
    Freeze {
        for_ms: u64,
    },
    /// The server dies and comes back.
    ServerGone {
        for_ms: u64,
    },
    /// The disk of the results is full, to the end or for so long.
    DiskFull {
        for_ms: Option<u64>,
    },
    /// A process may open no more descriptors: a worker, or the supervisor.
    NoDescriptors {
        worker: Option<usize>,
    },
}

impl Schedule {
    /// Draws the run of this seed, at most `longest_ms` long, on a machine with this many CPUs.
    pub(crate) fn of(seed: u64, longest_ms: u64, cpus: usize) -> Schedule {
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
        let run_ms = dice.between(longest_ms.min(800), longest_ms.max(800));
        let load = match dice.one_in(2) {
            true => Load::Users(dice.between(1, 24)),
            false => Load::Rate {
                per_s: dice.between(20, 400),
                max_users: dice.between(1, 30),
            },
        };
        let workers = if dice.one_in(4) { 1 } else { cpus.min(2) };
        let transport = if dice.one_in(4) { "channel" } else { "auto" };
        let wire = if dice.one_in(2) { "epoll" } else { "auto" };
        let think_ms = match (load, dice.one_in(3)) {
            // Without a pause a user is as fast as the server.
            (Load::Users(_), false) => (1, dice.between(2, 20)),
            _ => (0, 0),
        };
        let story = dice.pick(&[Story::Plain, Story::Shop, Story::Visit]);
        let conduct = draw_conduct(&mut dice);
        let is_early = dice.one_in(10);
        Schedule {
            seed,
            run_ms,
            load,
            workers,
            transport,
            wire,
            think_ms,
            story,
            timeout_ms: dice.pick(&[400, 10_000, 10_000]),
            allow_invalid: dice.one_in(2),
            conduct,
            is_early,
            faults: draw_faults(&mut dice, run_ms, is_early),
        }
    }

    /// Whether a fault of this kind is in it.
    pub(crate) fn has(&self, is: impl Fn(&Fault) -> bool) -> bool {
        self.faults.iter().any(|(_, fault)| is(fault))
    }

    /// Whether the results need a disk that can be filled.
    pub(crate) fn fills_disk(&self) -> bool {
        self.has(|fault| matches!(fault, Fault::DiskFull { .. }))
    }
}

fn draw_conduct(dice: &mut Dice) -> Conduct {
    let fastest = dice.between(0, 10);
    let every = dice.between(3, 40);
    Conduct {
        delay_ms: (fastest, fastest + dice.between(0, 20)),
        body_bytes: dice.pick(&[0, 13, 700, 40_000]),
        is_chunked: dice.one_in(3),
        habit: dice.pick(&[
            Habit::None,
            Habit::None,
            Habit::SaysClose(every),
            Habit::ClosesIdle(every),
            Habit::CutsHalf(every),
            Habit::Refuses(every),
        ]),
    }
}

fn draw_faults(dice: &mut Dice, run_ms: u64, is_early: bool) -> Vec<(u64, Fault)> {
    let count = dice.pick(&[0, 1, 1, 1, 2, 2, 3, 4]);
    let latest_ms = if is_early { 200 } else { run_ms + 100 };
    let mut faults: Vec<(u64, Fault)> = (0..count)
        .map(|_| {
            let at_ms = dice.between(if is_early { 0 } else { FIRST_FAULT_MS }, latest_ms);
            (at_ms, draw_fault(dice))
        })
        .collect();
    // A second signal at a random distance from the first.
    let mut signals = faults
        .iter()
        .filter(|(_, fault)| matches!(fault, Fault::Signal(_)));
    if let (Some((at_ms, _)), true) = (signals.next_back().copied(), dice.one_in(2)) {
        let later_ms = at_ms + dice.between(0, 300);
        faults.push((later_ms, Fault::Signal(draw_signal(dice))));
    }
    faults.sort_by_key(|(at_ms, _)| *at_ms);
    // Nobody is left to whom anything could happen.
    let end = faults
        .iter()
        .position(|(_, fault)| *fault == Fault::KillSupervisor);
    faults.truncate(end.map_or(faults.len(), |end| end + 1));
    faults
}

fn draw_fault(dice: &mut Dice) -> Fault {
    let worker = dice.between(0, 1) as usize;
    let for_ms = dice.between(20, 1_500);
    match dice.between(0, 15) {
        0..=2 => Fault::KillWorker(
            worker,
            dice.pick(&[Signal::SIGKILL, Signal::SIGSEGV, Signal::SIGABRT]),
        ),
        3 => Fault::StopWorker { worker, for_ms },
        4 => Fault::StopSupervisor { for_ms },
        5 => Fault::KillSupervisor,
        6..=7 => Fault::Signal(draw_signal(dice)),
        8..=9 => Fault::Reset,
        10 => Fault::HalfClose,
        11 => Fault::Freeze { for_ms },
        12..=13 => Fault::ServerGone { for_ms },
        14 => Fault::DiskFull {
            for_ms: dice.one_in(2).then_some(for_ms),
        },
        _ => Fault::NoDescriptors {
            worker: dice.pick(&[None, Some(0), Some(1)]),
        },
    }
}

fn draw_signal(dice: &mut Dice) -> Signal {
    dice.pick(&[
        Signal::SIGINT,
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ])
}

/// Where chance comes from.
struct Dice(ChaCha8Rng);

impl Dice {
    /// A number from `low` to `high`.
    fn between(&mut self, low: u64, high: u64) -> u64 {
        // The bias of the remainder is far below anything that matters here.
        low + self.0.next_u64() % (high - low + 1)
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.between(1, count) == 1
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.between(0, from.len() as u64 - 1) as usize]
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.load {
            Load::Users(users) => write!(f, "{users} users")?,
            Load::Rate { per_s, max_users } => write!(f, "{per_s}/s by {max_users} users")?,
        }
        let (from, until) = self.conduct.delay_ms;
        write!(
            f,
            " for {} ms on {} {} {}, {:?}, think {}..{} ms, timeout {} ms; server {from}..{until} ms, {} bytes{}, {:?};",
            self.run_ms,
            self.workers,
            self.transport,
            self.wire,
            self.story,
            self.think_ms.0,
            self.think_ms.1,
            self.timeout_ms,
            self.conduct.body_bytes,
            if self.conduct.is_chunked {
                " in chunks"
            } else {
                ""
            },
            self.conduct.habit,
        )?;
        if self.faults.is_empty() {
            write!(f, " no fault")?;
        }
        for (at_ms, fault) in &self.faults {
            let from = if self.is_early { "start+" } else { "+" };
            write!(f, " {from}{at_ms} ms {fault}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::KillWorker(worker, signal) => write!(f, "worker {worker} {signal}"),
            Fault::StopWorker { worker, for_ms } => {
                write!(f, "worker {worker} stopped for {for_ms} ms")
            }
            Fault::StopSupervisor { for_ms } => write!(f, "supervisor stopped for {for_ms} ms"),
            Fault::KillSupervisor => write!(f, "supervisor SIGKILL"),
            Fault::Signal(signal) => write!(f, "{signal}"),
            Fault::Reset => write!(f, "server resets all"),
            Fault::HalfClose => write!(f, "server closes its halves"),
            Fault::Freeze { for_ms } => write!(f, "server frozen for {for_ms} ms"),
            Fault::ServerGone { for_ms } => write!(f, "server gone for {for_ms} ms"),
            Fault::DiskFull { for_ms: None } => write!(f, "disk full"),
            Fault::DiskFull {
                for_ms: Some(for_ms),
            } => write!(f, "disk full for {for_ms} ms"),
            Fault::NoDescriptors {
                worker: Some(worker),
            } => write!(f, "worker {worker} out of descriptors"),
            Fault::NoDescriptors { worker: None } => write!(f, "supervisor out of descriptors"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_always_draws_the_same_run() {
        for seed in 0..50 {
            assert_eq!(Schedule::of(seed, 3_000, 2), Schedule::of(seed, 3_000, 2));
        }
    }

    #[test]
    fn two_hundred_seeds_draw_every_kind_of_fault_and_runs_without_one() {
        let schedules: Vec<Schedule> = (0..200).map(|seed| Schedule::of(seed, 3_000, 2)).collect();
        let kinds: BTreeSet<String> = schedules
            .iter()
            .flat_map(|schedule| &schedule.faults)
            .map(|(_, fault)| {
                let name = format!("{fault:?}");
                name.split([' ', '(', '{']).next().unwrap().to_owned()
            })
            .collect();
        assert_eq!(kinds.len(), 11, "{kinds:?}");
        let calm = schedules
            .iter()
            .filter(|schedule| schedule.faults.is_empty());
        assert!(calm.count() >= 10);
        for schedule in &schedules {
            assert!((800..=3_000).contains(&schedule.run_ms));
            let times: Vec<u64> = schedule.faults.iter().map(|(at_ms, _)| *at_ms).collect();
            assert!(times.is_sorted(), "{schedule}");
        }
    }
}
