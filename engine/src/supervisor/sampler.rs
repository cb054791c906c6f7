//! Looks at what /proc tells of the workers and of the machine, in a thread that gives way to everybody: walking the pages of a
//! process takes milliseconds, and a worker that shares its CPU would be late by them. Neighbours: `health.rs` takes the last look
//! once a window. Invariant: whoever asks never waits for a look.

use super::{machine::MachineCounts, signals::hold_signals};
use crate::clock::monotonic_ns;
use crossbeam::channel::{RecvTimeoutError, Sender, bounded};
use procfs::process::Process;
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// Memory is read at so many looks from the first on, so that a short run has it, and then at one in `MEMORY_EVERY`.
const MEMORY_FIRST: u32 = 10;
/// See `MEMORY_FIRST`.
const MEMORY_EVERY: u32 = 5;
/// The least claim to a CPU that a thread can have.
const LEAST_CLAIM: i32 = 19;

/// What was seen.
#[derive(Clone)]
pub struct Look {
    /// When, on CLOCK_MONOTONIC.
    pub at_ns: u64,
    /// Counts of the machine and of the processes.
    pub machine: MachineCounts,
    /// Proportional set size of all processes together, as last read; 0 before.
    pub memory_bytes: u64,
    /// Open descriptors of all processes together.
    pub descriptors: u64,
}

/// Whom it looks at.
struct Sampled {
    /// The supervisor and the workers, each once.
    members: Vec<Member>,
    cpus: Vec<u32>,
}

/// A process that is sampled: who gets the number of one that died is not taken for it. Its entry in /proc is not held open: the
/// kernel clears that away when the process ends, with the supervisor waiting.
struct Member {
    pid: i32,
    /// In ticks since the machine's start.
    started: u64,
}

impl Member {
    /// `None` for one that is gone.
    fn of(pid: i32) -> Option<Member> {
        let started = Process::new(pid).ok()?.stat().ok()?.starttime;
        Some(Member { pid, started })
    }

    fn process(&self) -> Option<Process> {
        let process = Process::new(self.pid).ok()?;
        (process.stat().ok()?.starttime == self.started).then_some(process)
    }
}

/// The thread, and what it saw last; it ends when this is dropped.
pub struct Sampler {
    sampled: Arc<Sampled>,
    last: Arc<Mutex<Look>>,
    _ends: Sender<()>,
}

impl Sampler {
    /// Begins to look at these workers' processes and at the CPUs that they are pinned to.
    ///
    /// # Errors
    /// When there is no thread left.
    pub fn start(workers: &[i32], cpus: &[u32]) -> io::Result<Sampler> {
        let mut pids = vec![std::process::id() as i32];
        pids.extend(workers);
        pids.sort_unstable();
        pids.dedup();
        let sampled = Arc::new(Sampled {
            members: pids.into_iter().filter_map(Member::of).collect(),
            cpus: cpus.to_vec(),
        });
        let last = Arc::new(Mutex::new(sampled.look(None, false)));
        let (ends, ended) = bounded(0);
        let (its_sampled, its_last) = (Arc::clone(&sampled), Arc::clone(&last));
        // Threads inherit what is held: a signal that came to this one could end the program while a file is being made.
        let _held = hold_signals()?;
        thread::Builder::new()
            .name("sampler".into())
            .spawn(move || {
                give_way();
                let mut looks = 0;
                while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                    let has_memory =
                        looks < MEMORY_FIRST || u32::is_multiple_of(looks, MEMORY_EVERY);
                    let look = its_sampled.look(Some(&locked(&its_last).clone()), has_memory);
                    *locked(&its_last) = look;
                    looks += 1;
                }
            })?;
        Ok(Sampler {
            sampled,
            last,
            _ends: ends,
        })
    }

    /// What was seen last.
    pub fn last(&self) -> Look {
        locked(&self.last).clone()
    }

    /// Looks here and now: the run is over, and nobody is disturbed.
    pub fn look_again(&self) {
        let look = self.sampled.look(Some(&self.last()), true);
        *locked(&self.last) = look;
    }
}

impl Sampled {
    fn look(&self, before: Option<&Look>, has_memory: bool) -> Look {
        let processes: Vec<Process> = self.members.iter().filter_map(Member::process).collect();
        let memory_bytes: u64 = match has_memory {
            true => processes.iter().filter_map(proportional_set_bytes).sum(),
            false => before.map_or(0, |look| look.memory_bytes),
        };
        Look {
            at_ns: monotonic_ns(),
            machine: MachineCounts::look(&processes, &self.cpus),
            memory_bytes,
            descriptors: processes.iter().filter_map(descriptors).sum(),
        }
    }
}

fn locked(last: &Mutex<Look>) -> std::sync::MutexGuard<'_, Look> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The calling thread yields its CPU to whoever wants it. Where that is refused, it does not.
fn give_way() {
    // SAFETY: plain numbers; 0 means the calling thread.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LEAST_CLAIM) };
}

fn proportional_set_bytes(process: &Process) -> Option<u64> {
    let rollup = process.smaps_rollup().ok()?;
    rollup
        .memory_map_rollup
        .0
        .first()?
        .extension
        .map
        .get("Pss")
        .copied()
}

fn descriptors(process: &Process) -> Option<u64> {
    Some(process.fd_count().ok()? as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_dead_process_s_number_is_not_taken_for_it() {
        let own = Member::of(std::process::id() as i32).expect("it lives");
        assert!(own.process().is_some());
        let before = Member {
            started: own.started - 1,
            ..own
        };
        assert!(before.process().is_none());
        assert!(Member::of(i32::MAX).is_none());
    }

    #[test]
    fn a_look_on_demand_sees_this_process_and_leaves_out_who_is_gone() {
        let own = std::process::id() as i32;
        let sampler = Sampler::start(&[own, i32::MAX], &[0]).expect("a thread");
        assert_eq!(
            sampler.last().memory_bytes,
            0,
            "no pages walked before the run"
        );
        let before = sampler.last().at_ns;
        sampler.look_again();
        let look = sampler.last();
        assert!(look.at_ns > before);
        assert!(look.memory_bytes > 100_000, "{}", look.memory_bytes);
        assert!(look.descriptors > 2, "{}", look.descriptors);
        let _file = std::fs::File::open("/proc/self/stat").expect("/proc");
        sampler.look_again();
        // Other tests of this process open and close theirs.
        assert!(sampler.last().descriptors > 2);
    }
}
