//! Arrivals that never set out, gathered second by second: at millions a second a record for each would be the load.
//! Neighbours: `users.rs` finds them, `desk.rs` books them. Invariant: one record never spans two seconds of the run.

use super::desk::Desk;
use loadforge_ring::raise;

const SECOND_NS: u64 = 1_000_000_000;

/// Arrivals of one scenario that were due within one second and not sent; the next second begins another record.
pub struct NotSent {
    part: u8,
    first_due_ns: u64,
    second_ends_ns: u64,
    count: u32,
}

impl NotSent {
    /// None yet, of this scenario.
    pub fn of(part: u8) -> NotSent {
        NotSent {
            part,
            first_due_ns: 0,
            second_ends_ns: 0,
            count: 0,
        }
    }

    /// `more`, the first of which was due then, and all in its second.
    pub fn add(&mut self, due_ns: u64, more: u64, desk: &mut Desk) {
        if due_ns >= self.second_ends_ns {
            self.book_what_there_is(desk);
            self.first_due_ns = due_ns;
            self.second_ends_ns = second_end_ns(due_ns);
        }
        // No second holds 4 billion: a rate is 10 million at most.
        self.count += more as u32;
    }

    /// Books those that are not booked yet.
    pub fn book(mut self, desk: &mut Desk) {
        self.book_what_there_is(desk);
    }

    fn book_what_there_is(&mut self, desk: &mut Desk) {
        if self.count > 0 {
            raise(&desk.control().arrivals, u64::from(self.count));
            desk.book_not_sent(self.part, self.first_due_ns, self.count);
            self.count = 0;
        }
    }
}

/// The end of the second of the run that this time lies in.
pub fn second_end_ns(at_ns: u64) -> u64 {
    (at_ns / SECOND_NS + 1) * SECOND_NS
}
