//! The deadlines of one thread's connections: a heap, and one timerfd set to the earliest.
//! Neighbours: `worker.rs` adds and takes. A timerfd instead of epoll's own time-out because that counts milliseconds.
//! Invariant: while the heap holds anything, the timer is armed for its earliest entry or before.

use nix::sys::{
    time::TimeSpec,
    timer::{Expiration, TimerSetTimeFlags},
    timerfd::{ClockId, TimerFd, TimerFlags},
};
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

/// Tokens in the order in which they fall due.
pub(crate) struct Deadlines {
    timer: TimerFd,
    heap: BinaryHeap<Reverse<(Instant, u64)>>,
    armed: Option<Instant>,
}

impl Deadlines {
    pub(crate) fn new() -> nix::Result<Deadlines> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        Ok(Deadlines {
            timer,
            heap: BinaryHeap::new(),
            armed: None,
        })
    }

    /// Adds a deadline. There is no removal: whoever takes the token sees whether it still means anything.
    pub(crate) fn add(&mut self, due: Instant, token: u64) {
        self.heap.push(Reverse((due, token)));
        if self.armed.is_none_or(|armed| due < armed) {
            self.arm(due);
        }
    }

    /// Takes the next token that is due by now; `None` when there is none, with the timer armed for the next.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<(Instant, u64)> {
        match self.heap.peek() {
            Some(Reverse(entry)) if entry.0 <= now => {
                let entry = *entry;
                self.heap.pop();
                Some(entry)
            }
            Some(Reverse((next, _))) => {
                self.arm(*next);
                None
            }
            None => {
                // Also clears the expiration: an expired timer left alone stays readable for ever.
                self.timer
                    .unset()
                    .expect("a timerfd of our own can be unset");
                self.armed = None;
                None
            }
        }
    }

    fn arm(&mut self, due: Instant) {
        // Zero would disarm it.
        let left = due
            .saturating_duration_since(Instant::now())
            .max(Duration::from_nanos(1));
        self.timer
            .set(
                Expiration::OneShot(TimeSpec::from(left)),
                TimerSetTimeFlags::empty(),
            )
            .expect("a timerfd of our own can be set");
        self.armed = Some(due);
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

    #[test]
    fn deadlines_come_in_order_and_never_before_their_time() {
        let mut deadlines = Deadlines::new().unwrap();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        for (seconds, token) in [(30, 3), (10, 1), (20, 2)] {
            deadlines.add(after(seconds), token);
        }
        assert_eq!(deadlines.take_due(start), None);
        assert_eq!(deadlines.armed, Some(after(10)));
        assert_eq!(deadlines.take_due(after(20)), Some((after(10), 1)));
        assert_eq!(deadlines.take_due(after(20)), Some((after(20), 2)));
        assert_eq!(deadlines.take_due(after(20)), None);
        assert_eq!(deadlines.armed, Some(after(30)));
        assert_eq!(deadlines.take_due(after(31)), Some((after(30), 3)));
        assert_eq!(deadlines.take_due(after(31)), None);
        assert_eq!(deadlines.armed, None);
    }
}
