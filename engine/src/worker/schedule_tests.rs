//! What is due when workers die and orders come, at any time and in any order.

use super::*;
use crate::steering::SteeredLoad;
use loadforge_ring::{HeldLevel, LoadOrder, WorkerControl};
use loadforge_scenarios::Pattern;
use proptest::prelude::*;
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

fn course(demand: &Demand, duration_ns: u64) -> Arc<SteeredCourse> {
    let duration = Duration::from_nanos(duration_ns);
    Arc::new(SteeredCourse::new(demand.pattern(), duration))
}

/// As planned.
fn schedule(demand: &Demand, duration_ns: u64) -> Schedule {
    Schedule::new(demand, course(demand, duration_ns), 1)
}

/// What a worker with these shares owes of a load as planned.
fn owed_of(demand: &Demand, duration_ns: u64, shares: &[Share], until_ns: u64) -> u64 {
    arrivals_owed(demand, &course(demand, duration_ns), 1, shares, until_ns)
}

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
    let Schedule::Arrivals(mut arrivals) = schedule(&demand(), 2 * SECOND) else {
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
    let before = owed_of(&demand(), 2 * SECOND, &[share(1, 2, 0)], lost_at);
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
    let owed = owed_of(&demand, 2 * SECOND, &lost_first, first)
        + owed_of(&demand, 2 * SECOND, &lost_next, second);
    let Schedule::Arrivals(mut survivor) = schedule(&demand, 2 * SECOND) else {
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
    let alone = owed_of(&random(), 2 * SECOND, &[share(0, 1, 0)], 2 * SECOND);
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
        owed_of(&demand, SECOND, &shares, SECOND)
    };
    assert_eq!([due(0), due(1), due(2)], [500, 500, 0]);
}

#[test]
fn an_arrival_is_not_given_out_before_it_is_due() {
    let Schedule::Arrivals(mut arrivals) = schedule(&demand(), SECOND) else {
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
    let Schedule::Users(mut users) = schedule(&Demand::Users(ramp), 10 * SECOND) else {
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

#[test]
fn an_order_of_users_is_followed_from_its_time_on() {
    let demand = Demand::Users(Pattern::Constant(4.0));
    let mut load = SteeredLoad::new([demand.clone()], Duration::from_secs(10));
    let Schedule::Users(users) = &mut schedule(&demand, 10 * SECOND) else {
        panic!("users were asked for");
    };
    let share = share(1, 2, 0);
    assert_eq!(users.target(0, share), Some(2));
    assert_eq!(users.next_ns, u64::MAX);
    load.follow(&LoadOrder {
        from_ns: SECOND,
        users: Some(HeldLevel {
            value: 11.0,
            since_ns: SECOND,
        }),
        ..LoadOrder::default()
    });
    let (_, course) = load.parts().next().expect("it has a part");
    (users.course, users.next_ns) = (Arc::clone(course), 0);
    assert_eq!(users.target(SECOND - 1, share), Some(2));
    assert_eq!(users.target(SECOND - 1, share), None);
    assert_eq!(users.next_ns, SECOND);
    assert_eq!(users.target(SECOND, share), Some(5));
}

/// How long the supervisor gives workers to hear of a change.
const NOTICE: u64 = 20 * MS;
const LENGTH: u64 = 2 * SECOND;

/// What the supervisor did, in the order in which it did it.
#[derive(Clone, Debug)]
enum Done {
    /// A worker has died: its number among those alive.
    Death(usize),
    Order {
        rate: Option<f64>,
        paused: bool,
    },
}

/// A run of some workers as far as arrivals go: no clocks, no processes.
struct Play {
    demand: Demand,
    load: SteeredLoad,
    /// When each order was given.
    orders: Vec<(u64, LoadOrder)>,
    /// By worker: when each share was given.
    shares: Vec<Vec<(u64, Share)>>,
    /// By worker: when it died, and until when arrivals were its.
    dead: Vec<Option<(u64, u64)>>,
}

impl Play {
    fn new(demand: Demand, workers: usize) -> Play {
        let first = |index| vec![(0, share(index as u32, workers as u32, 0))];
        Play {
            load: SteeredLoad::new([demand.clone()], Duration::from_nanos(LENGTH)),
            demand,
            orders: Vec::new(),
            shares: (0..workers).map(first).collect(),
            dead: vec![None; workers],
        }
    }

    /// The supervisor's part of something that is found out at `at_ns`.
    fn supervise(&mut self, at_ns: u64, done: &Done) {
        let from_ns = at_ns + NOTICE;
        match *done {
            Done::Order { rate, paused } => {
                let since_ns = from_ns;
                let rate = rate.map(|value| HeldLevel { value, since_ns });
                let order = LoadOrder {
                    from_ns,
                    rate,
                    paused,
                    ..LoadOrder::default()
                };
                self.orders.push((at_ns, order));
                self.load.follow(&order);
            }
            Done::Death(which) => {
                let mut living: Vec<usize> = self.living().collect();
                if living.len() == 1 {
                    return;
                }
                let lost = living.remove(which % living.len());
                self.dead[lost] = Some((at_ns, from_ns.min(LENGTH)));
                for (index, worker) in living.iter().enumerate() {
                    let share = share(index as u32, living.len() as u32, from_ns);
                    self.shares[*worker].push((at_ns, share));
                }
            }
        }
    }

    fn living(&self) -> impl Iterator<Item = usize> {
        (0..self.dead.len()).filter(|worker| self.dead[*worker].is_none())
    }

    fn course(&self) -> Arc<SteeredCourse> {
        let (_, course) = self.load.parts().next().expect("it has a part");
        Arc::clone(course)
    }

    /// What a worker takes that looks at these times, and hears at each of what had been given a little later than it read the clock.
    fn taken(&self, worker: usize, looks: &[(u64, u64, u64)]) -> Vec<u64> {
        let mut own = SteeredLoad::new([self.demand.clone()], Duration::from_nanos(LENGTH));
        let (_, planned) = own.parts().next().expect("it has a part");
        let mut schedule = Schedule::new(&self.demand, Arc::clone(planned), 1);
        let (mut orders, mut shares, mut taken) = (0, 0, Vec::new());
        let dies_ns = self.dead[worker].map_or(u64::MAX, |(dies_ns, _)| dies_ns);
        for (now_ns, later_ns, later_still_ns) in looks {
            if now_ns + later_ns + later_still_ns > dies_ns {
                break;
            }
            let shares_given = count_until(&self.shares[worker], now_ns + later_ns);
            let orders_given = count_until(&self.orders, now_ns + later_ns + later_still_ns);
            for (_, order) in &self.orders[orders..orders_given] {
                own.follow(order);
                let (_, course) = own.parts().next().expect("it has a part");
                schedule.course_changed(course);
            }
            for (_, share) in &self.shares[worker][shares..shares_given] {
                schedule.share_changed(*share);
            }
            (orders, shares) = (orders_given, shares_given);
            let Schedule::Arrivals(arrivals) = &mut schedule else {
                unreachable!("the demand is of arrivals");
            };
            taken.extend(std::iter::from_fn(|| {
                arrivals.take_due((*now_ns).min(LENGTH))
            }));
        }
        taken
    }

    /// What a worker that knew of everything from the start would take until then.
    fn owed(&self, shares: &[Share], until_ns: u64) -> Vec<u64> {
        let mut schedule = Schedule::new(&self.demand, self.course(), 1);
        for share in shares.iter().filter(|share| share.from_ns < until_ns) {
            schedule.share_changed(*share);
        }
        let Schedule::Arrivals(arrivals) = &mut schedule else {
            unreachable!("the demand is of arrivals");
        };
        std::iter::from_fn(|| arrivals.take_due(until_ns - 1)).collect()
    }
}

fn count_until<T>(given: &[(u64, T)], at_ns: u64) -> usize {
    given.partition_point(|(given_ns, _)| *given_ns <= at_ns)
}

fn doings() -> impl Strategy<Value = Vec<(u64, Done)>> {
    let rate = prop::option::of(prop_oneof![Just(0.0), 0.1..3.0, 50.0..3_000.0]);
    let done = prop_oneof![
        (0_usize..5).prop_map(Done::Death),
        (rate, prop::bool::weighted(0.3)).prop_map(|(rate, paused)| Done::Order { rate, paused }),
    ];
    // Close together or far apart.
    let gap = prop_oneof![0..3 * MS, 0..400 * MS];
    prop::collection::vec((gap, done), 0..9).prop_map(|mut doings| {
        let mut at_ns = 0;
        for (gap_ns, _) in &mut doings {
            at_ns += *gap_ns;
            *gap_ns = at_ns;
        }
        doings
    })
}

/// Times at which a worker looks: mostly every ms, sometimes after it was held up for long; each with how long it takes until
/// the shares are read and then the orders, less than the notice.
fn looks() -> impl Strategy<Value = Vec<(u64, u64, u64)>> {
    let gap = prop_oneof![8 => 10_000..2 * MS, 1 => 0..300 * MS];
    let look = (gap, 0..4 * MS, 0..4 * MS);
    prop::collection::vec(look, 50..400).prop_map(|mut looks| {
        let mut at_ns = 0;
        for (gap_ns, later_ns, later_still_ns) in &mut looks {
            let now_ns = at_ns + *gap_ns;
            *gap_ns = now_ns;
            // The next look is behind this one.
            at_ns = now_ns + *later_ns + *later_still_ns;
        }
        looks.push((at_ns.max(LENGTH) + SECOND, 0, 0));
        looks
    })
}

fn plans() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        (0.0..2_000.0).prop_map(Pattern::Constant),
        (0.0..1_500.0, 0.0..1_500.0).prop_map(|(from, to)| Pattern::Ramp {
            from,
            to,
            over: Duration::from_millis(1_500),
            curve: loadforge_scenarios::RampCurve::Linear,
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_is_ordered_and_whoever_dies_each_arrival_is_taken_once_or_owed(
        rate in plans(),
        is_even: bool,
        looks in prop::collection::vec(looks(), 4),
        workers in 1_usize..5,
        doings in doings(),
    ) {
        let gaps = if is_even { Gaps::Even } else { Gaps::Poisson };
        let demand = Demand::Arrivals { rate, gaps, max_users: 10 };
        let mut play = Play::new(demand.clone(), workers);
        let mut owed = vec![0; workers];
        for (at_ns, done) in &doings {
            play.supervise(*at_ns, done);
            // Reckoned when the death is found out: orders that come later change nothing of it.
            for (worker, owed) in owed.iter_mut().enumerate() {
                if let (Some((dies_ns, until_ns)), 0) = (play.dead[worker], *owed) && dies_ns == *at_ns {
                    let shares: Vec<Share> = play.shares[worker].iter().map(|(_, share)| *share).collect();
                    *owed = arrivals_owed(&demand, &play.course(), 1, &shares, until_ns);
                }
            }
        }
        let mut all = Vec::new();
        for worker in 0..workers {
            let taken = play.taken(worker, &looks[worker]);
            let Some((_, until_ns)) = play.dead[worker] else {
                all.extend(taken);
                continue;
            };
            let shares: Vec<Share> = play.shares[worker].iter().map(|(_, share)| *share).collect();
            let its = play.owed(&shares, until_ns);
            prop_assert_eq!(owed[worker], its.len() as u64);
            prop_assert_eq!(&taken[..], &its[..taken.len()], "what it took before it died is of what it owes");
            all.extend(its);
        }
        all.sort_unstable();
        let whole = play.owed(&[share(0, 1, 0)], LENGTH);
        prop_assert_eq!(all, whole);
    }
}
