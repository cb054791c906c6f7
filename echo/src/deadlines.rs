//! The deadlines of one thread's connections: a heap, and one timerfd set to the earliest, or a little before.
//! Neighbours: `worker.rs` adds and takes. A timerfd instead of epoll's own time-out because that counts milliseconds.
//! Waking a sleeping thread takes some 50 µs, so with a CPU to spare the timer is set `EARLY_NS` early and the rest of the time is
//! spent looking (`is_near`).
//! Invariant: while the heap holds anything, the timer is armed for its earliest entry or before, or `is_near` says so.

use nix::sys::{
    time::TimeSpec,
    timer::{Expiration, TimerSetTimeFlags},
    timerfd::{ClockId, TimerFd, TimerFlags},
};
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

/// How long before a deadline sleeping ends, where looking is allowed.
const EARLY_NS: u64 = 100_000;

/// Tokens in the order in which they fall due, in ns of CLOCK_MONOTONIC; those due together in the order in which they came.
pub(crate) struct Deadlines {
    timer: TimerFd,
    /// When, the how many-th to be added, and the token.
    heap: BinaryHeap<Reverse<(u64, u64, u64)>>,
    added: u64,
    /// What the timer is set to.
    armed: Option<u64>,
    /// It has fired and was not set since: left alone it would stay readable for ever.
    expired: bool,
    early_ns: u64,
    near: bool,
}

impl Deadlines {
    /// None yet; with `spin`, the last 100 µs before each are not slept.
    pub(crate) fn new(spin: bool) -> nix::Result<Deadlines> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        Ok(Deadlines {
            timer,
            heap: BinaryHeap::new(),
            added: 0,
            armed: None,
            expired: false,
            early_ns: if spin { EARLY_NS } else { 0 },
            near: false,
        })
    }

    /// Whether the next deadline is so near that sleeping would miss it: look for what is due again and again.
    pub(crate) fn is_near(&self) -> bool {
        self.near
    }

    /// Adds a deadline. There is no removal: whoever takes the token sees whether it still means anything.
    pub(crate) fn add(&mut self, due_ns: u64, token: u64, now_ns: u64) {
        self.heap.push(Reverse((due_ns, self.added, token)));
        self.added += 1;
        self.await_deadline(due_ns, now_ns);
    }

    /// Takes the next token that is due by now; `None` when there is none, with the timer armed for the next.
    pub(crate) fn take_due(&mut self, now_ns: u64) -> Option<(u64, u64)> {
        self.near = false;
        match self.heap.peek() {
            Some(Reverse((due_ns, _, token))) if *due_ns <= now_ns => {
                let entry = (*due_ns, *token);
                self.heap.pop();
                Some(entry)
            }
            Some(Reverse((next, ..))) => {
                let next = *next;
                // All that it was set for has been taken.
                self.armed = self.armed.filter(|armed| *armed > now_ns);
                self.await_deadline(next, now_ns);
                if self.expired {
                    self.disarm();
                }
                None
            }
            None => {
                if self.expired || self.armed.is_some() {
                    self.disarm();
                }
                None
            }
        }
    }

    /// Takes note that the timer has fired; `take_due` until there is none follows.
    pub(crate) fn heard(&mut self) {
        self.armed = None;
        self.expired = true;
    }

    fn await_deadline(&mut self, due_ns: u64, now_ns: u64) {
        let wake_ns = due_ns.saturating_sub(self.early_ns);
        if self.early_ns > 0 && wake_ns <= now_ns {
            self.near = true;
        } else if self.armed.is_none_or(|armed| wake_ns < armed) {
            // One that has fired and was not heard yet stays: set anew, it would no longer tell what is due.
            // A time that has passed fires at once; zero would disarm it.
            let wake = TimeSpec::from(Duration::from_nanos(wake_ns.max(1)));
            self.timer
                .set(
                    Expiration::OneShot(wake),
                    TimerSetTimeFlags::TFD_TIMER_ABSTIME,
                )
                .expect("a timerfd of our own can be set");
            self.armed = Some(wake_ns);
            self.expired = false;
        }
    }

    fn disarm(&mut self) {
        self.timer
            .unset()
            .expect("a timerfd of our own can be unset");
        self.armed = None;
        self.expired = false;
    }
}

impl AsFd for Deadlines {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now_ns;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn deadlines_come_in_order_and_never_before_their_time() {
        let mut deadlines = Deadlines::new(false).unwrap();
        let start = now_ns();
        let after = |seconds| start + seconds * SECOND;
        for (seconds, token) in [(30, 3), (10, 7), (10, 1), (20, 2)] {
            deadlines.add(after(seconds), token, start);
        }
        assert_eq!(deadlines.take_due(start), None);
        assert_eq!(deadlines.armed, Some(after(10)));
        assert_eq!(deadlines.take_due(after(20)), Some((after(10), 7)));
        assert_eq!(deadlines.take_due(after(20)), Some((after(10), 1)));
        assert_eq!(deadlines.take_due(after(20)), Some((after(20), 2)));
        assert_eq!(deadlines.take_due(after(20)), None);
        assert_eq!(deadlines.armed, Some(after(30)));
        assert_eq!(deadlines.take_due(after(31)), Some((after(30), 3)));
        assert_eq!(deadlines.take_due(after(31)), None);
        assert_eq!(deadlines.armed, None);
    }

    #[test]
    fn a_timer_that_has_fired_unheard_is_not_set_anew_by_a_later_deadline() {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let mut deadlines = Deadlines::new(false).unwrap();
        deadlines.add(now_ns(), 1, now_ns());
        let fired = |deadlines: &Deadlines, within: PollTimeout| {
            let mut fds = [PollFd::new(deadlines.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, within).unwrap() == 1
        };
        assert!(fired(&deadlines, PollTimeout::MAX));
        let later = now_ns() + 60 * SECOND;
        deadlines.add(later, 2, now_ns());
        assert!(fired(&deadlines, PollTimeout::ZERO), "the first is due");
        deadlines.heard();
        assert!(deadlines.take_due(now_ns()).is_some());
        assert_eq!(deadlines.take_due(now_ns()), None);
        assert_eq!(deadlines.armed, Some(later));
        assert!(!fired(&deadlines, PollTimeout::ZERO));
    }

    #[test]
    fn a_thread_with_a_cpu_to_spare_wakes_early_and_looks_until_the_deadline() {
        let mut deadlines = Deadlines::new(true).unwrap();
        let start = now_ns();
        deadlines.add(start + SECOND, 1, start);
        assert_eq!(deadlines.armed, Some(start + SECOND - EARLY_NS));
        assert!(!deadlines.is_near());
        let woken = start + SECOND - EARLY_NS;
        deadlines.heard();
        assert_eq!(deadlines.take_due(woken), None);
        assert!(deadlines.is_near());
        assert_eq!(
            deadlines.take_due(start + SECOND),
            Some((start + SECOND, 1))
        );
        assert_eq!(deadlines.take_due(start + SECOND), None);
        assert!(!deadlines.is_near());
        // A deadline nearer than that is looked for at once; the timer has nothing to do with it.
        deadlines.add(start + 2 * SECOND, 2, start + 2 * SECOND - 1_000);
        assert!(deadlines.is_near() && deadlines.armed.is_none());
    }
}
