//! The control page: what the supervisor and its workers tell each other while a run goes on.
//! Neighbours: `block.rs` says where it lies, `transport.rs` hands it out. Invariant: every field but the run-wide
//! counters has one writer, named here; zeroed memory is the page of a run that has not started.

use crate::{orders::LoadOrders, text::TextId};
use std::{
    ops::Range,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

/// Where a run stands; the supervisor decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum RunPhase {
    /// Workers get ready; t0 is not set yet.
    Starting = 0,
    /// Workers carry out the plan.
    Running = 1,
    /// Nothing new is begun; requests in flight may finish.
    Draining = 2,
    /// Nothing is waited for any longer: workers write their last records and leave.
    Ending = 3,
}

/// Row counters of a run: one for each data feed and counter of all its scenarios.
pub const ROW_COUNTERS: usize = 64;

/// What holds for the whole run.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct RunControl {
    /// The `RunPhase`; written by the supervisor through `set_phase`.
    pub phase: AtomicU32,
    /// Whether a scenario has nothing left to do; set by workers through `ask_for_end`, once, so it may stand beside the phase.
    end_asked: AtomicU32,
    /// The run's epoch on CLOCK_MONOTONIC, in ns; written by the supervisor before it sets `RunPhase::Running`.
    pub t0_ns: AtomicU64,
    _spare: [u64; 14],
    /// Requests that workers have taken out of a run-wide limit; every worker adds to it, with `fetch_add`.
    pub requests_taken: AtomicU64,
    /// The state of the run-wide limit of requests a second; every worker moves it on. Its meaning is the engine's.
    pub rate_limiter: AtomicU64,
    // On a line of its own with what is still to come, so that the phase can be read without waiting for the adders.
    _spare_shared: [u64; 14],
    /// Rows that users have taken from each data feed; every worker adds to them, with `fetch_add`.
    pub rows_taken: [AtomicU64; ROW_COUNTERS],
    /// What the load is held at, and from when on; the supervisor adds to it, and rings `WorkerControl::note_change` behind it.
    pub orders: LoadOrders,
}

impl Default for RunControl {
    fn default() -> RunControl {
        RunControl {
            phase: AtomicU32::new(0),
            end_asked: AtomicU32::new(0),
            t0_ns: AtomicU64::new(0),
            _spare: [0; 14],
            requests_taken: AtomicU64::new(0),
            rate_limiter: AtomicU64::new(0),
            _spare_shared: [0; 14],
            rows_taken: [const { AtomicU64::new(0) }; ROW_COUNTERS],
            orders: LoadOrders::default(),
        }
    }
}

impl RunControl {
    /// Where the run stands. What the supervisor wrote before it set this phase can be read.
    ///
    /// # Panics
    /// When the page holds no phase: only `set_phase` writes it.
    pub fn phase(&self) -> RunPhase {
        // Acquire: pairs with the Release store in `set_phase`, so that t0 is there once the phase is Running.
        match self.phase.load(Ordering::Acquire) {
            0 => RunPhase::Starting,
            1 => RunPhase::Running,
            2 => RunPhase::Draining,
            3 => RunPhase::Ending,
            other => panic!("the control page holds a phase that nobody writes: {other}"),
        }
    }

    /// Sets where the run stands; only the supervisor does.
    pub fn set_phase(&self, phase: RunPhase) {
        // Release: pairs with the Acquire load in `phase`.
        self.phase.store(phase as u32, Ordering::Release);
    }

    /// Asks for the end of the run: a scenario has nothing left to do. Any worker may, after it has noted why with
    /// `WorkerControl::set_end_reason`.
    pub fn ask_for_end(&self) {
        // Release: pairs with the Acquire load in `is_end_asked`.
        self.end_asked.store(1, Ordering::Release);
    }

    /// Whether a scenario has nothing left to do. Then a worker's reason can be read.
    pub fn is_end_asked(&self) -> bool {
        // Acquire: pairs with the Release store in `ask_for_end`.
        self.end_asked.load(Ordering::Acquire) != 0
    }
}

/// Where a worker stands; the worker itself says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u64)]
pub enum WorkerState {
    /// It has been made and is not ready yet.
    Starting = 0,
    /// It waits for the run to begin.
    Ready = 1,
    /// It generates load.
    Running = 2,
    /// It has handed over its last record and leaves.
    Done = 3,
}

/// A worker's place among those that bear the load: number `index` of `of`; 0 of 0 bears none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Counted from 0; below `of`.
    pub index: u32,
    /// Workers that bear the load.
    pub of: u32,
    /// From when on, in ns since t0: what was due earlier is shared out as before.
    pub from_ns: u64,
}

/// Shares that a page keeps: a worker would have to sleep through that many deaths of others to miss one.
const SHARES_KEPT: usize = 15;

/// One share on the page.
#[derive(Debug, Default)]
#[repr(C)]
struct ShareSlot {
    /// Index in the upper half, `of` in the lower one.
    place: AtomicU64,
    from_ns: AtomicU64,
}

/// What one worker tells the supervisor, and the other way round.
///
/// Counters have a single writer, the worker, which raises them with `raise`; gauges it stores. Readers see figures
/// that may be a moment old, each by itself: they are not a snapshot of one instant.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub struct WorkerControl {
    /// The `WorkerState`; written by the worker through `set_state`.
    pub state: AtomicU64,
    /// When the worker last came round, on CLOCK_MONOTONIC, in ns.
    pub heartbeat_ns: AtomicU64,
    /// Requests that were due on this worker since the start.
    pub intended: AtomicU64,
    /// Requests begun on the wire since the start.
    pub submitted: AtomicU64,
    /// Records handed over since the start, those waiting in the spill included; kept by `RecordSink`. After a kill
    /// it may be behind by the last hand-over: what `RecordSource` gave out is the truth.
    pub recorded: AtomicU64,
    /// Requests that were due and never begun, since the start.
    pub not_sent: AtomicU64,
    /// Records of requests for which there was no room anywhere, since the start; kept by `RecordSink`.
    pub lost: AtomicU64,
    /// Hand-overs that found the ring full, since the start; kept by `RecordSink`.
    pub stalls: AtomicU64,
    /// Arrivals of the open model that were begun or given up, since the start.
    pub arrivals: AtomicU64,
    /// Iterations that ended, since the start.
    pub iterations: AtomicU64,
    /// Iterations that ended with a failure, since the start.
    pub iterations_failed: AtomicU64,
    /// Receives that found no buffer and had to be made again, since the start.
    pub starvations: AtomicU64,
    /// Turns in which the kernel had more to tell than its queue of completions held, since the start; nothing is lost.
    pub overflows: AtomicU64,
    /// Virtual users alive now.
    pub active_users: AtomicU64,
    /// Requests under way now.
    pub in_flight: AtomicU64,
    /// CPU time the worker has used since t0, spinning included, in ns.
    pub cpu_ns: AtomicU64,
    /// Time the worker has spent spinning for deadlines since t0, in ns.
    pub spin_ns: AtomicU64,
    /// Of the time spent spinning, what passed in pauses: between two looks at the clock that nothing of ours keeps apart.
    pub paused_ns: AtomicU64,
    /// Records of other kinds for which there was no room anywhere, since the start; kept by `RecordSink`. Of what they
    /// stand for nothing was sent, so they have no part in the equation of what was.
    pub lost_others: AtomicU64,
    /// Why the worker asked for the end of the run: 1 more than the number of a text in its table; 0 when it has not asked.
    end_reason: AtomicU64,
    _spare: [u64; 12],
    /// How many shares of the load this worker was given so far; written by the supervisor through `give_share`.
    shares_given: AtomicU64,
    /// The last of them, number n in slot n modulo their count: each holds from its time on, so that all must be known.
    /// Written by the supervisor through `give_share`.
    shares: [ShareSlot; SHARES_KEPT],
    /// Raised behind each share and each order, so that one look tells a worker whether there is any of either that it does not
    /// know; written by the supervisor through `give_share` and `note_change`.
    changes: AtomicU64,
}

// What one side writes and what the other writes never share a line (see `ring.rs` for the 128).
const _: () = {
    use std::mem::offset_of;
    assert!(offset_of!(RunControl, requests_taken) == 128);
    assert!(offset_of!(RunControl, rows_taken) == 256 && offset_of!(RunControl, orders) == 768);
    assert!(offset_of!(WorkerControl, shares_given) == 256 && size_of::<WorkerControl>() == 512);
};

impl WorkerControl {
    /// Where the worker stands. What it wrote before it said so can be read.
    ///
    /// # Panics
    /// When the page holds no state: only `set_state` writes it.
    pub fn state(&self) -> WorkerState {
        // Acquire: pairs with the Release store in `set_state`, so that a Done worker's counters are whole.
        match self.state.load(Ordering::Acquire) {
            0 => WorkerState::Starting,
            1 => WorkerState::Ready,
            2 => WorkerState::Running,
            3 => WorkerState::Done,
            other => panic!("the control page holds a worker's state that nobody writes: {other}"),
        }
    }

    /// Says where the worker stands; only the worker does.
    pub fn set_state(&self, state: WorkerState) {
        // Release: pairs with the Acquire load in `state`.
        self.state.store(state as u64, Ordering::Release);
    }

    /// Why the worker asked for the end of the run, as a text in its table; `None` when it has not asked.
    pub fn end_reason(&self) -> Option<TextId> {
        // Relaxed: `RunControl::is_end_asked` has made it visible.
        let number = self.end_reason.load(Ordering::Relaxed).checked_sub(1)?;
        Some(TextId(number as u32))
    }

    /// Notes why the worker asks for the end of the run; only the worker does, before it calls `RunControl::ask_for_end`.
    pub fn set_end_reason(&self, reason: TextId) {
        // Relaxed: published by `RunControl::ask_for_end`.
        self.end_reason
            .store(u64::from(reason.0) + 1, Ordering::Relaxed);
    }

    /// How many shares the worker was given so far; they can be read.
    pub fn shares_given(&self) -> u64 {
        // Acquire: pairs with the Release store in `give_share`, so that the slots of all shares counted can be read.
        self.shares_given.load(Ordering::Acquire)
    }

    /// The shares of these numbers, below `shares_given`, in their order: one that was given while another was not yet in
    /// force does not hide it. Of more than are kept, the last.
    pub fn shares(&self, numbers: Range<u64>) -> impl Iterator<Item = Share> {
        let kept = numbers.end.saturating_sub(SHARES_KEPT as u64);
        (numbers.start.max(kept)..numbers.end).map(|number| {
            let slot = &self.shares[number as usize % SHARES_KEPT];
            // Relaxed: the count has brought them along.
            let place = slot.place.load(Ordering::Relaxed);
            Share {
                index: (place >> 32) as u32,
                of: place as u32,
                from_ns: slot.from_ns.load(Ordering::Relaxed),
            }
        })
    }

    /// Gives the worker another place among those that bear the load. Only the supervisor does.
    ///
    /// # Panics
    /// When the index is not below `of`, and it is not (0, 0).
    pub fn give_share(&self, Share { index, of, from_ns }: Share) {
        assert!(
            index < of || (index, of) == (0, 0),
            "a share is one of {of}, not number {index}"
        );
        // Relaxed: this is the only writer.
        let number = self.shares_given.load(Ordering::Relaxed);
        let slot = &self.shares[number as usize % SHARES_KEPT];
        slot.from_ns.store(from_ns, Ordering::Relaxed);
        let place = u64::from(index) << 32 | u64::from(of);
        slot.place.store(place, Ordering::Relaxed);
        // Release: pairs with the Acquire load in `shares_given`.
        self.shares_given.store(number + 1, Ordering::Release);
        self.note_change();
    }

    /// A number that is another one once there is a share or an order that was not there before.
    pub fn changes(&self) -> u64 {
        // Acquire: pairs with the Release store in `note_change`, so that what was given before can be read.
        self.changes.load(Ordering::Acquire)
    }

    /// Makes the worker look for shares and orders that it does not know. Only the supervisor does, behind what it gave.
    pub fn note_change(&self) {
        // Relaxed: this is the only writer.
        let changes = self.changes.load(Ordering::Relaxed);
        // Release: pairs with the Acquire load in `changes`.
        self.changes.store(changes + 1, Ordering::Release);
    }
}

/// Raises a counter that nobody else writes: a load and a store, without the locked addition that costs 20 cycles.
#[inline]
pub fn raise(counter: &AtomicU64, by: u64) {
    // Relaxed: a counter says nothing about any other memory.
    counter.store(
        counter.load(Ordering::Relaxed).wrapping_add(by),
        Ordering::Relaxed,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zeroed_page_is_a_run_that_has_not_started() {
        assert_eq!(RunControl::default().phase(), RunPhase::Starting);
        let worker = WorkerControl::default();
        assert_eq!(worker.state(), WorkerState::Starting);
        assert_eq!(worker.shares_given(), 0);
    }

    #[test]
    fn phases_states_and_shares_are_read_back_as_written() {
        let (run, worker) = (RunControl::default(), WorkerControl::default());
        for phase in [
            RunPhase::Running,
            RunPhase::Draining,
            RunPhase::Ending,
            RunPhase::Starting,
        ] {
            run.set_phase(phase);
            assert_eq!(run.phase(), phase);
        }
        for state in [
            WorkerState::Ready,
            WorkerState::Running,
            WorkerState::Done,
            WorkerState::Starting,
        ] {
            worker.set_state(state);
            assert_eq!(worker.state(), state);
        }
        for (index, of) in [(0, 1), (u32::MAX - 1, u32::MAX), (3, 7), (0, 0)] {
            let share = Share {
                index,
                of,
                from_ns: u64::from(of),
            };
            let seen = worker.shares_given();
            worker.give_share(share);
            assert_eq!(worker.shares(seen..seen + 1).collect::<Vec<_>>(), [share]);
        }
    }

    #[test]
    fn shares_given_one_after_another_are_all_there_and_of_too_many_the_last() {
        let worker = WorkerControl::default();
        let share = |from_ns| Share {
            index: 0,
            of: 1,
            from_ns,
        };
        worker.give_share(share(5));
        worker.give_share(share(7));
        let both: Vec<Share> = worker.shares(0..2).collect();
        assert_eq!(both, [share(5), share(7)]);
        assert_eq!(worker.shares(1..2).collect::<Vec<_>>(), [share(7)]);
        (8..40).for_each(|from_ns| worker.give_share(share(from_ns)));
        let last: Vec<u64> = worker
            .shares(2..worker.shares_given())
            .map(|share| share.from_ns)
            .collect();
        assert_eq!(last, (40 - SHARES_KEPT as u64..40).collect::<Vec<_>>());
    }

    #[test]
    fn one_number_tells_of_new_shares_and_new_orders() {
        let (run, worker) = (RunControl::default(), WorkerControl::default());
        let unknown = worker.changes();
        worker.give_share(Share::default());
        let after_share = worker.changes();
        run.orders.give(crate::LoadOrder::default());
        worker.note_change();
        assert!(after_share != unknown && worker.changes() != after_share);
    }

    #[test]
    fn the_end_is_asked_for_with_a_reason() {
        let (run, worker) = (RunControl::default(), WorkerControl::default());
        assert!(!run.is_end_asked());
        assert_eq!(worker.end_reason(), None);
        for id in [0, u32::MAX] {
            worker.set_end_reason(TextId(id));
            run.ask_for_end();
            assert!(run.is_end_asked());
            assert_eq!(worker.end_reason(), Some(TextId(id)));
        }
    }

    #[test]
    #[should_panic(expected = "not number 2")]
    fn a_share_beyond_the_last_is_refused() {
        WorkerControl::default().give_share(Share {
            index: 2,
            of: 2,
            from_ns: 0,
        });
    }

    #[test]
    fn raising_a_counter_adds_to_it() {
        let counter = AtomicU64::new(40);
        raise(&counter, 2);
        assert_eq!(counter.into_inner(), 42);
    }
}
