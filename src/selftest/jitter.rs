//! What this machine does to a thread that waits for a moment as a worker does: sleeps until shortly before, then looks.
//! Neighbours: `judge.rs` forgives a row what the machine explains. Invariant: it is watched next to the runs, not during them.

use super::{
    children::{BusyLoops, pin},
    statistics::quantile,
};
use nix::sys::prctl;
use std::{
    thread,
    time::{Duration, Instant},
};

/// Between two moments waited for.
const PERIOD: Duration = Duration::from_millis(1);
/// How long before a moment sleeping ends, as in the engine.
const LOOKED: Duration = Duration::from_micros(50);

/// How late a waiting thread was, in ns.
#[derive(Clone, Debug, Default)]
pub(super) struct Jitter {
    late_ns: Vec<u64>,
}

impl Jitter {
    /// Jitter of known figures.
    #[cfg(test)]
    pub(super) fn of(late_ns: Vec<u64>) -> Jitter {
        let mut jitter = Jitter { late_ns };
        jitter.late_ns.sort_unstable();
        jitter
    }

    /// Watches for a while on the first of these CPUs, with the others busy: a virtual machine pauses most when all are.
    pub(super) fn watch(&mut self, cpus: &[u32], length: Duration) {
        let Some((first, others)) = cpus.split_first() else {
            return;
        };
        let busy: Vec<BusyLoops> = others.iter().map(|cpu| BusyLoops::start(*cpu, 1)).collect();
        let cpu = *first;
        // A thread of its own: this one must stay free to start runs on any CPU.
        let seen = thread::spawn(move || {
            pin(cpu);
            // Refused or not, what is measured is what there is.
            let _ = prctl::set_timerslack(1);
            lateness(length)
        });
        self.late_ns
            .extend(seen.join().expect("it only waits and looks at the clock"));
        self.late_ns.sort_unstable();
        drop(busy);
    }

    /// The share of waits that were later than this.
    pub(super) fn share_later_than(&self, late_ms: f64) -> f64 {
        let later = self
            .late_ns
            .iter()
            .filter(|late| **late as f64 / 1e6 > late_ms);
        later.count() as f64 / (self.late_ns.len() as f64).max(1.0)
    }

    /// A quantile of the lateness, in ms; 0 when nothing was seen.
    pub(super) fn quantile_ms(&self, q: f64) -> f64 {
        quantile(&self.late_ns, q).map_or(0.0, |late| late as f64 / 1e6)
    }
}

fn lateness(length: Duration) -> Vec<u64> {
    let begun = Instant::now();
    let count = (length.as_nanos() / PERIOD.as_nanos()) as u32;
    (1..=count)
        .map(|number| {
            let due = begun + PERIOD * number;
            thread::sleep(due.saturating_duration_since(Instant::now() + LOOKED));
            loop {
                let now = Instant::now();
                if now >= due {
                    break u64::try_from((now - due).as_nanos()).unwrap_or(u64::MAX);
                }
                std::hint::spin_loop();
            }
        })
        .collect()
}
