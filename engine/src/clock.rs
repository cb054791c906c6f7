//! The one clock of a run: CLOCK_MONOTONIC in ns, the same in every process. Neighbours: everything that stamps
//! or waits. Invariant: wall-clock time is never read here.

/// Time now in ns on CLOCK_MONOTONIC.
pub fn monotonic_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// CPU time of the calling thread in ns.
pub fn thread_cpu_ns() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of the whole process in ns.
pub fn process_cpu_ns() -> u64 {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place to write to, and the clocks above exist on every Linux this builds for.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    debug_assert_eq!(result, 0, "the clock exists");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A run's epoch: turns the machine's clock into ns since the run began.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    t0_ns: u64,
}

impl Epoch {
    /// The run begins at `t0_ns` on CLOCK_MONOTONIC.
    pub fn new(t0_ns: u64) -> Epoch {
        Epoch { t0_ns }
    }

    /// Time now in ns since the run began; 0 before it.
    pub fn now_ns(self) -> u64 {
        self.since_start_ns(monotonic_ns())
    }

    /// A time on CLOCK_MONOTONIC as ns since the run began; 0 before it.
    pub fn since_start_ns(self, clock_ns: u64) -> u64 {
        clock_ns.saturating_sub(self.t0_ns)
    }

    /// A time of the run as ns on CLOCK_MONOTONIC.
    pub fn clock_ns(self, since_start_ns: u64) -> u64 {
        self.t0_ns.saturating_add(since_start_ns)
    }
}
