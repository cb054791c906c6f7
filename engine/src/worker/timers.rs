//! What is due when, for one worker: the ends of sleeps, to the microsecond, and time limits of requests.
//! Neighbours: `driver.rs` fires them, `desk.rs` arms them. Invariant: a seat has at most one live limit entry, which
//! is moved on lazily, so that a request costs no timer of its own.

use std::{cmp::Reverse, collections::BinaryHeap};

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// The time limit of the seat's request may have passed.
    Limit,
    /// The seat's turn to send has come.
    Turn,
    /// The seat's sleep with this token is over.
    Sleep(u32),
}

/// Deadlines in ns since the run's epoch, soonest first.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(u64, u32, Due)>>,
}

impl Timers {
    /// Arms a timer for a seat.
    pub fn arm(&mut self, deadline_ns: u64, seat: u32, due: Due) {
        self.heap.push(Reverse((deadline_ns, seat, due)));
    }

    /// The soonest deadline.
    pub fn next_ns(&self) -> Option<u64> {
        self.heap
            .peek()
            .map(|Reverse((deadline_ns, _, _))| *deadline_ns)
    }

    /// Whether the soonest deadline must be met to the microsecond; limits may be a little late.
    pub fn next_is_precise(&self) -> bool {
        matches!(
            self.heap.peek(),
            Some(Reverse((_, _, Due::Sleep(_) | Due::Turn)))
        )
    }

    /// Takes out the soonest timer if its time has come.
    pub fn pop_due(&mut self, now_ns: u64) -> Option<(u64, u32, Due)> {
        if self.next_ns()? > now_ns {
            return None;
        }
        self.heap.pop().map(|Reverse(timer)| timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_out_in_the_order_of_their_deadlines() {
        let mut timers = Timers::default();
        timers.arm(30, 1, Due::Limit);
        timers.arm(10, 2, Due::Sleep(1));
        timers.arm(20, 3, Due::Sleep(1));
        assert_eq!(timers.pop_due(5), None);
        assert!(timers.next_is_precise());
        assert_eq!(timers.pop_due(25), Some((10, 2, Due::Sleep(1))));
        assert_eq!(timers.pop_due(25), Some((20, 3, Due::Sleep(1))));
        assert_eq!(timers.pop_due(25), None);
        assert!(!timers.next_is_precise());
        assert_eq!(timers.next_ns(), Some(30));
    }
}
