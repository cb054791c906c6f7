//! What one scenario asks of this worker and when: so many users (closed model), or arrivals (open model).
//! Neighbours: `users.rs` starts and retires lives as told here, `driver.rs` sleeps until `next_ns`.
//! Invariant: an arrival is given out once, at its due time or late, never early and never not at all.

use super::{not_sent::second_end_ns, users::share_of};
use loadforge_ring::Share;
use loadforge_scenarios::{ArrivalStream, Course, Demand, Gaps, Pattern};
use std::{collections::VecDeque, time::Duration};

/// One scenario's demand on one worker.
pub enum Schedule {
    /// Closed model.
    Users(UserSchedule),
    /// Open model.
    Arrivals(ArrivalSchedule),
}

impl Schedule {
    /// The schedule of a demand for a run of this length.
    pub fn new(demand: Demand, duration_ns: u64, seed: u64) -> Schedule {
        match demand {
            Demand::Users(pattern) => Schedule::Users(UserSchedule {
                course: Course::new(&pattern, Duration::from_nanos(duration_ns)),
                pattern,
                next_ns: 0,
            }),
            Demand::Arrivals {
                rate,
                gaps,
                max_users,
            } => Schedule::Arrivals(ArrivalSchedule {
                rate,
                gaps,
                max_users,
                duration_ns,
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
}

/// How many users there are to be.
pub struct UserSchedule {
    pattern: Pattern,
    course: Course,
    /// When the number, over all workers, changes next.
    next_ns: u64,
}

impl UserSchedule {
    /// How many users this worker is to have at `now_ns`, if that may have changed since the last call.
    pub fn target(&mut self, now_ns: u64, share: Share) -> Option<u64> {
        if now_ns < self.next_ns {
            return None;
        }
        let now = Duration::from_nanos(now_ns);
        let next_s = self.course.next_change(now.as_secs_f64());
        // A ns late rather than early, when the number would still be the old one.
        self.next_ns = next_s.map_or(u64::MAX, |at_s| (at_s * 1e9) as u64 + 1);
        let target = self.pattern.target_at(now).round() as u64;
        Some(share_of(target, share))
    }
}

/// When arrivals are due.
pub struct ArrivalSchedule {
    rate: Pattern,
    gaps: Gaps,
    max_users: u64,
    duration_ns: u64,
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

    fn share_changed(&mut self, share: Share) {
        let Share { index, of, from_ns } = self.among_those_with_users(share);
        self.streams.retain(|(from, _)| *from < from_ns);
        let stream = (of > 0).then(|| {
            let duration = Duration::from_nanos(self.duration_ns);
            let (gaps, seed) = (self.gaps, self.seed);
            ArrivalStream::new(&self.rate, duration, gaps, seed, index, of, from_ns)
        });
        self.streams.push_back((from_ns, stream));
    }
}

/// How many arrivals a worker with these shares, one after another, was to take until `until_ns`: what it owes when it
/// is gone.
pub fn arrivals_owed(
    demand: &Demand,
    duration_ns: u64,
    seed: u64,
    shares: &[Share],
    until_ns: u64,
) -> u64 {
    let mut schedule = Schedule::new(demand.clone(), duration_ns, seed);
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
mod tests {
    use super::*;
    use loadforge_ring::WorkerControl;

    const SECOND: u64 = 1_000_000_000;

    fn demand() -> Demand {
        Demand::Arrivals {
            rate: Pattern::Constant(1_000.0),
            gaps: Gaps::Even,
            max_users: 10,
        }
    }

    fn share(index: u32, of: u32, from_ns: u64) -> Share {
        Share { index, of, from_ns }
    }

    fn due_by(shares: &[Share]) -> Vec<u64> {
        let Schedule::Arrivals(mut arrivals) = Schedule::new(demand(), 2 * SECOND, 1) else {
            panic!("arrivals were asked for");
        };
        for share in shares {
            arrivals.share_changed(*share);
        }
        std::iter::from_fn(|| arrivals.take_due(u64::MAX)).collect()
    }

    #[test]
    fn when_a_worker_is_lost_the_other_takes_over_from_the_time_agreed_on_and_none_comes_twice() {
        let lost_at = SECOND + 300_000;
        let mut all = due_by(&[share(0, 2, 0), share(0, 1, lost_at)]);
        let before = arrivals_owed(&demand(), 2 * SECOND, 1, &[share(1, 2, 0)], lost_at);
        let mut others = due_by(&[share(1, 2, 0)]);
        others.retain(|due_ns| *due_ns < lost_at);
        assert_eq!(before, others.len() as u64);
        all.append(&mut others);
        all.sort_unstable();
        let expected: Vec<u64> = (0..2_000).map(|number| number * 1_000_000).collect();
        assert_eq!(all, expected);
    }

    /// Three workers; the last is lost at `first`, the one before it 7 ms later, before anybody has heard of the first.
    fn all_due_after_two_deaths(gaps: Gaps, first: u64) -> (Vec<u64>, u64) {
        let second = first + 7_000_000;
        let page = WorkerControl::default();
        let told = [share(0, 3, 0), share(0, 2, first), share(0, 1, second)];
        told.into_iter().for_each(|share| page.give_share(share));
        let demand = Demand::Arrivals {
            rate: Pattern::Constant(1_000.0),
            gaps,
            max_users: 10,
        };
        let (lost_first, lost_next) = ([share(2, 3, 0)], [share(1, 3, 0), share(1, 2, first)]);
        let owed = arrivals_owed(&demand, 2 * SECOND, 1, &lost_first, first)
            + arrivals_owed(&demand, 2 * SECOND, 1, &lost_next, second);
        let Schedule::Arrivals(mut survivor) = Schedule::new(demand, 2 * SECOND, 1) else {
            panic!("arrivals were asked for");
        };
        page.shares(0..page.shares_given())
            .for_each(|share| survivor.share_changed(share));
        (
            std::iter::from_fn(|| survivor.take_due(u64::MAX)).collect(),
            owed,
        )
    }

    #[test]
    fn two_workers_lost_within_the_notice_of_one_leave_no_arrival_to_nobody() {
        for first in [1, 300_000, SECOND / 3, SECOND, SECOND + 999_999] {
            let (due, owed) = all_due_after_two_deaths(Gaps::Even, first);
            assert_eq!(due.len() as u64 + owed, 2_000, "{first}");
            assert!(due.is_sorted_by(|a, b| a < b), "{first}");
            // Between the two deaths each of the two left has every other arrival.
            let between = due
                .iter()
                .filter(|due| (first..first + 7_000_000).contains(due))
                .count();
            assert!((3..=4).contains(&between), "{first}: {between}");
        }
    }

    #[test]
    fn after_two_deaths_random_arrivals_are_those_of_the_seed() {
        let alone = arrivals_owed(&random(), 2 * SECOND, 1, &[share(0, 1, 0)], 2 * SECOND);
        assert!(alone.abs_diff(2_000) < 250, "{alone}");
        for first in (1..=100).map(|part| part * SECOND / 60) {
            let (due, owed) = all_due_after_two_deaths(Gaps::Poisson, first);
            assert!(due.is_sorted(), "{first}");
            assert_eq!(due.len() as u64 + owed, alone, "{first}");
        }
    }

    fn random() -> Demand {
        Demand::Arrivals {
            rate: Pattern::Constant(1_000.0),
            gaps: Gaps::Poisson,
            max_users: 10,
        }
    }

    #[test]
    fn with_fewer_users_than_workers_those_without_have_no_arrivals() {
        let due = |index| {
            let mut demand = demand();
            if let Demand::Arrivals { max_users, .. } = &mut demand {
                *max_users = 2;
            }
            let shares = [share(index, 3, 0)];
            arrivals_owed(&demand, SECOND, 1, &shares, SECOND)
        };
        assert_eq!([due(0), due(1), due(2)], [500, 500, 0]);
    }

    #[test]
    fn an_arrival_is_not_given_out_before_it_is_due() {
        let Schedule::Arrivals(mut arrivals) = Schedule::new(demand(), SECOND, 1) else {
            panic!("arrivals were asked for");
        };
        arrivals.share_changed(share(0, 1, 0));
        assert_eq!(arrivals.take_due(0), Some(0));
        assert_eq!(arrivals.take_due(999_999), None);
        assert_eq!(arrivals.take_due(1_000_000), Some(1_000_000));
    }

    #[test]
    fn users_are_asked_for_when_the_curve_crosses_a_half() {
        let ramp = Pattern::Ramp {
            from: 0.0,
            to: 10.0,
            over: Duration::from_secs(10),
            curve: loadforge_scenarios::RampCurve::Linear,
        };
        let Schedule::Users(mut users) = Schedule::new(Demand::Users(ramp), 10 * SECOND, 1) else {
            panic!("users were asked for");
        };
        let whole = share(0, 1, 0);
        assert_eq!(users.target(0, whole), Some(0));
        assert!(
            users.next_ns.abs_diff(SECOND / 2) < 1_000,
            "{}",
            users.next_ns
        );
        assert_eq!(users.target(SECOND / 4, whole), None);
        assert_eq!(users.target(users.next_ns, whole), Some(1));
        assert!(users.next_ns.abs_diff(3 * SECOND / 2) < 1_000);
    }
}
