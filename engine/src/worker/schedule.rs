//! What one scenario asks of this worker and when: so many users (closed model), or arrivals (open model).
//! Neighbours: `users.rs` starts and retires lives as told here, `driver.rs` sleeps until `next_ns`.
//! Invariant: an arrival is given out once, at its due time or late, never early and never not at all.

use super::{not_sent::second_end_ns, users::share_of};
use loadforge_ring::Share;
use loadforge_scenarios::{ArrivalClock, ArrivalStream, Demand, Gaps, SteeredCourse};
use std::{collections::VecDeque, sync::Arc};

/// One scenario's demand on one worker.
pub enum Schedule {
    /// Closed model.
    Users(UserSchedule),
    /// Open model.
    Arrivals(ArrivalSchedule),
}

impl Schedule {
    /// The schedule of a demand whose curve is this.
    pub fn new(demand: &Demand, course: Arc<SteeredCourse>, seed: u64) -> Schedule {
        match demand {
            Demand::Users(_) => Schedule::Users(UserSchedule { course, next_ns: 0 }),
            Demand::Arrivals {
                gaps, max_users, ..
            } => Schedule::Arrivals(ArrivalSchedule {
                course,
                gaps: *gaps,
                max_users: *max_users,
                seed,
                streams: VecDeque::new(),
            }),
        }
    }

    /// When it next asks for something, in ns since t0; `u64::MAX` when never again.
    pub fn next_ns(&mut self) -> u64 {
        match self {
            Schedule::Users(users) => users.next_ns,
            Schedule::Arrivals(arrivals) => arrivals.peek_ns().unwrap_or(u64::MAX),
        }
    }

    /// The worker bears another share of the load from now on, or from the time that the share names.
    pub fn share_changed(&mut self, share: Share) {
        match self {
            Schedule::Users(users) => users.next_ns = 0,
            Schedule::Arrivals(arrivals) => arrivals.share_changed(share),
        }
    }

    /// The curve is another one from a time on that has not come yet; before that it is the same.
    pub fn course_changed(&mut self, course: &Arc<SteeredCourse>) {
        match self {
            Schedule::Users(users) => {
                users.course = Arc::clone(course);
                users.next_ns = 0;
            }
            Schedule::Arrivals(arrivals) => arrivals.course_changed(course),
        }
    }
}

/// How many users there are to be.
pub struct UserSchedule {
    course: Arc<SteeredCourse>,
    /// When the number, over all workers, changes next.
    next_ns: u64,
}

impl UserSchedule {
    /// How many users this worker is to have at `now_ns`, if that may have changed since the last call.
    pub fn target(&mut self, now_ns: u64, share: Share) -> Option<u64> {
        if now_ns < self.next_ns {
            return None;
        }
        self.next_ns = self.course.next_change_ns(now_ns).unwrap_or(u64::MAX);
        let target = self.course.value_at(now_ns).round() as u64;
        Some(share_of(target, share))
    }
}

/// When arrivals are due.
pub struct ArrivalSchedule {
    course: Arc<SteeredCourse>,
    gaps: Gaps,
    max_users: u64,
    seed: u64,
    /// The stream that arrivals are taken from, and those that follow it, with the time from which each holds.
    streams: VecDeque<(u64, Option<ArrivalStream>)>,
}

impl ArrivalSchedule {
    /// Most users at a time on this worker.
    pub fn max_users(&self, share: Share) -> u64 {
        share_of(self.max_users, self.among_those_with_users(share))
    }

    /// The worker's place among those that may have a user: with fewer users than workers, the last ones bear nothing.
    fn among_those_with_users(&self, share: Share) -> Share {
        let of = u64::from(share.of).min(self.max_users) as u32;
        let has_users = share.index < of;
        Share {
            index: if has_users { share.index } else { 0 },
            of: if has_users { of } else { 0 },
            ..share
        }
    }

    /// The next arrival's due time, in ns since t0.
    fn peek_ns(&mut self) -> Option<u64> {
        loop {
            let until_ns = self
                .streams
                .get(1)
                .map_or(u64::MAX, |(from_ns, _)| *from_ns);
            let (_, stream) = self.streams.front_mut()?;
            match stream.as_mut().and_then(ArrivalStream::peek_ns) {
                Some(due_ns) if due_ns < until_ns => return Some(due_ns),
                _ if self.streams.len() == 1 => return None,
                _ => self.streams.pop_front(),
            };
        }
    }

    /// Takes the next arrival if it is due; gives its due time.
    pub fn take_due(&mut self, now_ns: u64) -> Option<u64> {
        let due_ns = self.peek_ns().filter(|due_ns| *due_ns <= now_ns)?;
        self.streams.front_mut()?.1.as_mut()?.take();
        Some(due_ns)
    }

    /// Takes all arrivals due up to `now_ns` that lie in the second of the first; gives its due time and their number.
    pub fn take_all_due(&mut self, now_ns: u64) -> Option<(u64, u64)> {
        let first_ns = self.peek_ns().filter(|due_ns| *due_ns <= now_ns)?;
        let next_from_ns = self
            .streams
            .get(1)
            .map_or(u64::MAX, |(from_ns, _)| *from_ns);
        let until_ns = second_end_ns(first_ns).min(now_ns + 1).min(next_from_ns);
        let stream = self.streams.front_mut()?.1.as_mut()?;
        Some((first_ns, stream.take_until(until_ns)))
    }

    /// What was not taken yet goes by the new curve. A stream that begins later holds what is due from its beginning on by the
    /// old one, and by the new one that is the same: whoever knows of a share knows of all orders given before it, and those
    /// given after it hold from a later time.
    fn course_changed(&mut self, course: &Arc<SteeredCourse>) {
        self.course = Arc::clone(course);
        for stream in self
            .streams
            .iter_mut()
            .filter_map(|(_, stream)| stream.as_mut())
        {
            stream.go_by(ArrivalClock::of(Arc::clone(course)));
        }
    }

    fn share_changed(&mut self, share: Share) {
        let Share { index, of, from_ns } = self.among_those_with_users(share);
        self.streams.retain(|(from, _)| *from < from_ns);
        let stream = (of > 0).then(|| {
            let clock = ArrivalClock::of(Arc::clone(&self.course));
            ArrivalStream::on(clock, self.gaps, self.seed, index, of, from_ns)
        });
        self.streams.push_back((from_ns, stream));
    }
}

/// How many arrivals a worker with these shares, one after another, was to take until `until_ns`: what it owes when it
/// is gone. The curve knows of all orders.
pub fn arrivals_owed(
    demand: &Demand,
    course: &Arc<SteeredCourse>,
    seed: u64,
    shares: &[Share],
    until_ns: u64,
) -> u64 {
    let mut schedule = Schedule::new(demand, Arc::clone(course), seed);
    let Schedule::Arrivals(arrivals) = &mut schedule else {
        return 0;
    };
    for share in shares.iter().filter(|share| share.from_ns < until_ns) {
        arrivals.share_changed(*share);
    }
    let last_ns = until_ns.saturating_sub(1);
    let by_second = std::iter::from_fn(|| arrivals.take_all_due(last_ns));
    by_second.map(|(_, count)| count).sum()
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
