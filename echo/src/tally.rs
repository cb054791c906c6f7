//! What the target has served, counted per thread and summed by whoever asks.
//! Neighbours: `dialogue.rs` and `connection.rs` count, `server.rs`, `/stats` and `/.loadforge/counts` read.
//! Invariant: a request is counted before its answer is handed to the kernel, so whoever has read the answer finds it counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The statuses an answer can have.
const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;

/// What the target has served so far. What asks about the target itself (`/stats`, `/.loadforge/counts`) is in no figure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EchoCounts {
    /// Whole requests, refused ones excepted.
    pub requests: u64,
    /// Connections that carried at least one such request.
    pub connections: u64,
    /// Requests refused (400, 405, 413, 417, 431, 503) and connections dropped for want of memory.
    pub refused: u64,
    /// Bytes of whole requests, heads and bodies.
    pub bytes_in: u64,
    /// Bytes of answers, heads and bodies, refusals included; a client that left has not read all of them.
    pub bytes_out: u64,
    /// How many answers had which status, refusals included; in the order of statuses, none with zero.
    pub by_status: Vec<(u16, u64)>,
    /// The most that an answer which was held back went out later than it was due, ns: what the target itself adds when many are
    /// due at once.
    pub latest_ns: u64,
}

impl EchoCounts {
    /// All figures as one line of JSON: `connections`, `requests`, `refused`, `by_status`, `bytes_in`, `bytes_out`, `latest_ns`.
    pub fn to_json(&self) -> String {
        let by_status: Vec<String> = self
            .by_status
            .iter()
            .map(|(status, count)| format!("\"{status}\":{count}"))
            .collect();
        format!(
            "{{\"connections\":{},\"requests\":{},\"refused\":{},\"by_status\":{{{}}},\"bytes_in\":{},\"bytes_out\":{},\"latest_ns\":{}}}\n",
            self.connections,
            self.requests,
            self.refused,
            by_status.join(","),
            self.bytes_in,
            self.bytes_out,
            self.latest_ns
        )
    }
}

/// The counters of all threads.
pub(crate) struct Tally {
    threads: Box<[Counters]>,
}

/// The counters of one thread, which alone writes them; a cache line pair of its own, so that threads do not slow each other.
#[repr(align(128))]
pub(crate) struct Counters {
    pub(crate) requests: Counter,
    pub(crate) connections: Counter,
    pub(crate) refused: Counter,
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) latest_ns: Counter,
    /// One for each of `STATUSES`.
    by_status: Box<[Counter]>,
}

impl Counters {
    fn new() -> Counters {
        Counters {
            requests: Counter::default(),
            connections: Counter::default(),
            refused: Counter::default(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            latest_ns: Counter::default(),
            by_status: STATUSES.map(|_| Counter::default()).collect(),
        }
    }

    /// Counts an answer of this status.
    pub(crate) fn answered(&self, status: u16) {
        self.by_status[usize::from(status - STATUSES.start())].add(1);
    }
}

/// A counter with one writer.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds. Load and store instead of a read-modify-write: there is one writer. Relaxed: the system calls that carry
    /// the answer from here to a reader of the count order both.
    pub(crate) fn add(&self, count: u64) {
        self.0.store(self.0.load(Relaxed) + count, Relaxed);
    }

    /// Keeps the most that it was told.
    pub(crate) fn at_least(&self, figure: u64) {
        if figure > self.0.load(Relaxed) {
            self.0.store(figure, Relaxed);
        }
    }
}

impl Tally {
    pub(crate) fn new(threads: usize) -> Tally {
        Tally {
            threads: (0..threads).map(|_| Counters::new()).collect(),
        }
    }

    pub(crate) fn of_thread(&self, thread: usize) -> &Counters {
        &self.threads[thread]
    }

    /// The sum over all threads.
    pub(crate) fn total(&self) -> EchoCounts {
        let sum = |counter: &dyn Fn(&Counters) -> &Counter| {
            self.threads
                .iter()
                .map(|thread| counter(thread).0.load(Relaxed))
                .sum()
        };
        let by_status = STATUSES
            .enumerate()
            .map(|(at, status)| (status, sum(&|thread| &thread.by_status[at])))
            .filter(|(_, count)| *count > 0);
        EchoCounts {
            requests: sum(&|thread| &thread.requests),
            connections: sum(&|thread| &thread.connections),
            refused: sum(&|thread| &thread.refused),
            bytes_in: sum(&|thread| &thread.bytes_in),
            bytes_out: sum(&|thread| &thread.bytes_out),
            by_status: by_status.collect(),
            latest_ns: self
                .threads
                .iter()
                .map(|thread| thread.latest_ns.0.load(Relaxed))
                .max()
                .unwrap_or(0),
        }
    }
}
