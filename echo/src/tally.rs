//! What the target has served, counted per thread and summed by whoever asks.
//! Neighbours: `dialogue.rs` and `connection.rs` count, `server.rs` and `/stats` read.
//! Invariant: a request is counted before its answer is handed to the kernel, so whoever has read the answer finds it counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the target has served so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EchoCounts {
    /// Whole requests, `/stats` and refused ones excepted.
    pub requests: u64,
    /// Connections that carried at least one such request.
    pub connections: u64,
    /// Requests refused (400, 405, 413, 417, 431, 503) and connections dropped for want of memory.
    pub refused: u64,
}

/// The counters of all threads.
pub(crate) struct Tally {
    threads: Box<[Counters]>,
}

/// The counters of one thread, which alone writes them; a cache line pair of its own, so that threads do not slow each other.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    pub(crate) requests: Counter,
    pub(crate) connections: Counter,
    pub(crate) refused: Counter,
}

/// A counter with one writer.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds one. Load and store instead of a read-modify-write: there is one writer. Relaxed: the system calls that carry
    /// the answer from here to a reader of the count order both.
    pub(crate) fn add_one(&self) {
        self.0.store(self.0.load(Relaxed) + 1, Relaxed);
    }
}

impl Tally {
    pub(crate) fn new(threads: usize) -> Tally {
        Tally {
            threads: (0..threads).map(|_| Counters::default()).collect(),
        }
    }

    pub(crate) fn of_thread(&self, thread: usize) -> &Counters {
        &self.threads[thread]
    }

    /// The sum over all threads.
    pub(crate) fn total(&self) -> EchoCounts {
        let sum = |counter: fn(&Counters) -> &Counter| {
            self.threads
                .iter()
                .map(|thread| counter(thread).0.load(Relaxed))
                .sum()
        };
        EchoCounts {
            requests: sum(|thread| &thread.requests),
            connections: sum(|thread| &thread.connections),
            refused: sum(|thread| &thread.refused),
        }
    }
}
