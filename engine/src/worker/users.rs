//! Virtual users come and go as their schedule asks. Neighbours: `driver.rs` calls `act` between turns, `schedule.rs`
//! knows what is asked and when, `desk.rs` keeps their seats.
//! Invariant: seats of users who left are used again; a user's number never is.

use super::{
    client::WireClient, exchange::Core, executor::Spawner, not_sent::NotSent, schedule::Schedule,
};
use crate::{steering::SteeredLoad, wire::Wire};
use loadforge_ring::{LoadOrder, Share};
use loadforge_scenarios::{Client, SETUP_RETRY, Scenario, Seat, User, UserFuture};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

/// Users started at most for waiting arrivals before the kernel is asked for news.
const STARTS_PER_TURN: u64 = 4;
/// Arrivals dealt with at most before the kernel is asked for news.
const ARRIVALS_PER_TURN: u32 = 16_384;

/// This worker's share of a number of users: the first workers take what does not divide evenly.
pub fn share_of(total: u64, share: Share) -> u64 {
    let (index, of) = (u64::from(share.index), u64::from(share.of));
    let (Some(each), Some(left)) = (total.checked_div(of), total.checked_rem(of)) else {
        return 0;
    };
    each + u64::from(index < left)
}

/// One scenario's users on this worker.
struct Part {
    scenario: Arc<dyn Scenario>,
    schedule: Schedule,
    alive: Rc<Cell<u64>>,
    /// Of those alive, the ones that are not retiring.
    staying: Rc<Cell<u64>>,
}

/// The users of one worker.
pub struct Users<W> {
    core: Rc<RefCell<Core<W>>>,
    spawner: Spawner,
    parts: Vec<Part>,
    seed: u64,
    worker: u32,
    workers: u32,
    share: Share,
    /// How many shares it has been given, this one included.
    shares_taken: u64,
    /// The curves of all parts, as planned or as ordered.
    load: SteeredLoad,
    /// How many orders it has been given.
    orders_taken: u64,
    /// What the control page said of changes at the last look.
    changes_seen: u64,
    /// From when on the run is paused or goes on, as ordered and not come yet.
    pauses: VecDeque<(u64, bool)>,
    /// How many user numbers this worker has given out.
    numbers: u32,
    free: Rc<RefCell<Vec<u32>>>,
    polls: Rc<Cell<u64>>,
}

impl<W: Wire + 'static> Users<W> {
    /// Nobody yet.
    pub fn new(
        core: Rc<RefCell<Core<W>>>,
        spawner: Spawner,
        parts: impl IntoIterator<Item = (Arc<dyn Scenario>, Schedule)>,
        load: SteeredLoad,
        seed: u64,
    ) -> Users<W> {
        let workers = core.borrow().desk.transport.workers() as u32;
        let worker = core.borrow().desk.worker as u32;
        let part = |(scenario, schedule)| Part {
            scenario,
            schedule,
            alive: Rc::default(),
            staying: Rc::default(),
        };
        Users {
            core,
            spawner,
            parts: parts.into_iter().map(part).collect(),
            seed,
            worker,
            workers,
            share: Share::default(),
            shares_taken: 0,
            load,
            orders_taken: 0,
            changes_seen: 0,
            pauses: VecDeque::new(),
            numbers: 0,
            free: Rc::default(),
            polls: Rc::default(),
        }
    }

    /// How often users' tasks were polled so far.
    pub fn polls(&self) -> u64 {
        self.polls.get()
    }

    /// Users whose tasks have not ended.
    pub fn alive(&self) -> u64 {
        self.parts.iter().map(|part| part.alive.get()).sum()
    }

    /// Users alive, less those of the open model that wait for an arrival.
    pub fn busy(&self) -> u64 {
        let desk = &self.core.borrow().desk;
        let idle: u64 = desk.parts.iter().map(|part| part.idle_users).sum();
        self.alive().saturating_sub(idle)
    }

    /// When there is next something to do, in ns since t0.
    pub fn next_ns(&mut self) -> u64 {
        if (0..self.parts.len()).any(|part| self.can_attend(part)) {
            return 0;
        }
        let pause = self.pauses.front().map(|(from_ns, _)| *from_ns);
        let next = self.parts.iter_mut().map(|part| part.schedule.next_ns());
        next.chain(pause).min().unwrap_or(u64::MAX)
    }

    /// Takes the orders and the shares of the load that were given since the last time.
    pub fn take_changes(&mut self) {
        let changes = self.core.borrow().desk.control().changes();
        if changes == self.changes_seen {
            return;
        }
        self.changes_seen = changes;
        let transport = self.core.borrow().desk.transport.clone();
        let (orders, control) = (
            &transport.control().orders,
            transport.worker(self.worker as usize),
        );
        // In this order: of a share that is known all orders given before it are known, too.
        let shares_given = control.shares_given();
        let orders_given = orders.given();
        if orders_given > self.orders_taken {
            self.take_orders(orders.numbered(self.orders_taken..orders_given));
            self.orders_taken = orders_given;
        }
        self.take_shares(control.shares(self.shares_taken..shares_given));
        self.shares_taken = shares_given;
    }

    /// Each order holds from its time on.
    fn take_orders(&mut self, orders: impl Iterator<Item = LoadOrder>) {
        for order in orders {
            self.load.follow(&order);
            self.pauses.push_back((order.from_ns, order.paused));
        }
        for (part, (_, course)) in self.parts.iter_mut().zip(self.load.parts()) {
            part.schedule.course_changed(course);
        }
        super::allow_all_descriptors();
    }

    /// Each share is for the time from which it holds: two workers lost at once leave two, and the second does not undo the
    /// first.
    fn take_shares(&mut self, shares: impl Iterator<Item = Share>) {
        for share in shares {
            self.share = share;
            for part in &mut self.parts {
                part.schedule.share_changed(share);
            }
        }
    }

    /// Pauses users, or lets them go on, as ordered up to `now_ns`.
    fn heed_pauses(&mut self, now_ns: u64) {
        while let Some((from_ns, paused)) = self.pauses.front().copied()
            && from_ns <= now_ns
        {
            self.pauses.pop_front();
            self.core.borrow_mut().desk.set_paused(paused, from_ns);
        }
    }

    /// Does what was due up to `now_ns`: starts and retires users, gives arrivals to users.
    pub fn act(&mut self, now_ns: u64) {
        self.heed_pauses(now_ns);
        let is_paused = self.core.borrow().desk.paused;
        for part in 0..self.parts.len() {
            match &mut self.parts[part].schedule {
                Schedule::Users(users) => {
                    let target = users.target(now_ns, self.share);
                    // Nobody comes or goes in a pause. Its end is a change, at which the number is asked for again.
                    if let Some(target) = target.filter(|_| !is_paused) {
                        self.settle(part, target);
                    }
                }
                Schedule::Arrivals(_) => {
                    self.take_arrivals(part, now_ns);
                    self.attend(part);
                }
            }
        }
    }

    /// Whether every arrival due up to `now_ns` has been begun or given up.
    pub fn are_up_to_date(&mut self, now_ns: u64) -> bool {
        let is_behind = |part: &mut Part| {
            matches!(part.schedule, Schedule::Arrivals(_)) && part.schedule.next_ns() <= now_ns
        };
        self.core.borrow().desk.arrivals_open == 0 && !self.parts.iter_mut().any(is_behind)
    }

    /// Books whatever arrival was due up to `now_ns` and has not been begun: it never will be.
    pub fn give_up_arrivals(&mut self, now_ns: u64) {
        let core = &mut *self.core.borrow_mut();
        for (index, part) in self.parts.iter_mut().enumerate() {
            let Schedule::Arrivals(arrivals) = &mut part.schedule else {
                continue;
            };
            let mut not_sent = NotSent::of(index as u8);
            while let Some((due_ns, count)) = arrivals.take_all_due(now_ns) {
                not_sent.add(due_ns, count, &mut core.desk);
            }
            not_sent.book(&mut core.desk);
        }
        core.desk.give_up_waiting();
    }

    /// Starts or retires users until there are `target` that stay.
    fn settle(&mut self, part: usize, target: u64) {
        let staying = self.parts[part].staying.get();
        if staying < target {
            (staying..target).for_each(|_| self.start(part));
        } else if staying > target {
            self.retire(part, staying - target);
        }
    }

    /// Gives each arrival that is due to an idle user; without one it waits for whoever is ready first, and users are
    /// started for those that wait. Past the most users it is not sent.
    fn take_arrivals(&mut self, part: usize, now_ns: u64) {
        let mut not_sent = NotSent::of(part as u8);
        let desk = &mut self.core.borrow_mut().desk;
        let Part {
            schedule: Schedule::Arrivals(arrivals),
            alive,
            ..
        } = &mut self.parts[part]
        else {
            unreachable!("only parts of the open model have arrivals")
        };
        let room = arrivals.max_users(self.share).saturating_sub(alive.get());
        for _ in 0..ARRIVALS_PER_TURN {
            let Some(due_ns) = arrivals.take_due(now_ns) else {
                break;
            };
            if !desk.give_to_idle_user(part, due_ns) && !desk.keep_waiting(part, due_ns, room) {
                not_sent.add(due_ns, 1, desk);
            }
        }
        not_sent.book(desk);
    }

    /// Whether there are arrivals that a user could still be started for.
    fn can_attend(&self, part: usize) -> bool {
        let Schedule::Arrivals(arrivals) = &self.parts[part].schedule else {
            return false;
        };
        self.core.borrow().desk.unattended(part) > 0
            && self.parts[part].alive.get() < arrivals.max_users(self.share)
    }

    /// Starts users for arrivals that nobody is on its way for. A few a turn: each makes a connection, and after a pause of
    /// the generator's own, thousands at once would keep it from the users who are ready the next moment.
    fn attend(&mut self, part: usize) {
        let missing = {
            let Part {
                schedule: Schedule::Arrivals(arrivals),
                alive,
                ..
            } = &self.parts[part]
            else {
                return;
            };
            let room = arrivals.max_users(self.share).saturating_sub(alive.get());
            let unattended = self.core.borrow().desk.unattended(part);
            unattended.min(room).min(STARTS_PER_TURN)
        };
        (0..missing).for_each(|_| self.start(part));
    }

    fn start(&mut self, part: usize) {
        let is_open = matches!(self.parts[part].schedule, Schedule::Arrivals(_));
        let index = {
            let desk = &mut self.core.borrow_mut().desk;
            desk.parts[part].on_their_way += u64::from(is_open);
            let seats = &mut desk.seats;
            let index = self.free.borrow_mut().pop().unwrap_or_else(|| {
                seats.push(super::seat::Seat::default());
                seats.len() as u32 - 1
            });
            let seat = &mut seats[index as usize];
            // The memory that an earlier user left behind serves the next one.
            seat.user_id = self.numbers * self.workers + self.worker;
            seat.occupied = true;
            seat.part = part as u8;
            seat.idle = false;
            seat.on_its_way = is_open;
            seat.arrival_ns = None;
            seat.arrival_open = false;
            seat.retiring = false;
            seat.parked = false;
            seat.in_teardown = false;
            seat.has_begun = false;
            seat.stops = 0;
            seat.waited = true;
            seat.ready_ns = 0;
            seat.limit_timer_ns = u64::MAX;
            index
        };
        self.numbers += 1;
        let part = &self.parts[part];
        part.alive.set(part.alive.get() + 1);
        part.staying.set(part.staying.get() + 1);
        let task = UserTask {
            life: None,
            seat: index,
            seed: self.seed,
            lives_before: 0,
            core: Rc::clone(&self.core),
            scenario: Arc::clone(&part.scenario),
            free: Rc::clone(&self.free),
            alive: Rc::clone(&part.alive),
            staying: Rc::clone(&part.staying),
            polls: Rc::clone(&self.polls),
        };
        self.spawner.spawn(task);
    }

    fn retire(&mut self, part: usize, count: u64) {
        let seats = &mut self.core.borrow_mut().desk.seats;
        let staying = seats
            .iter_mut()
            .rev()
            .filter(|seat| seat.occupied && !seat.retiring && usize::from(seat.part) == part);
        let counter = &self.parts[part].staying;
        for seat in staying.take(count as usize) {
            seat.retiring = true;
            seat.wake();
            counter.set(counter.get() - 1);
        }
    }

    /// Wakes every user, so that each sees that the run has moved on.
    pub fn wake_all(&self) {
        for seat in &self.core.borrow().desk.seats {
            seat.wake();
        }
    }
}

/// A user's task: polls its life, counts the polls, catches its panics.
struct UserTask<W> {
    life: Option<UserFuture>,
    seat: u32,
    seed: u64,
    /// Lives of this user that ended in a panic.
    lives_before: u64,
    core: Rc<RefCell<Core<W>>>,
    scenario: Arc<dyn Scenario>,
    free: Rc<RefCell<Vec<u32>>>,
    alive: Rc<Cell<u64>>,
    staying: Rc<Cell<u64>>,
    polls: Rc<Cell<u64>>,
}
impl<W: Wire + 'static> UserTask<W> {
    fn begin_life(&self) -> UserFuture {
        Arc::clone(&self.scenario).start_user(self.user())
    }

    /// A setup that panicked is tried again as one that failed is: after a pause, and not when the user is to leave.
    fn begin_life_later(&self) -> UserFuture {
        let (mut user, scenario) = (self.user(), Arc::clone(&self.scenario));
        let (client, seat) = (WireClient(Rc::clone(&self.core)), Seat(self.seat));
        Box::pin(async move {
            // Asked as well, because the sleeps of a user that has gone on too often last in full.
            if user.sleep(SETUP_RETRY).await && !client.is_leaving(seat) {
                scenario.start_user(user).await;
            }
        })
    }

    fn user(&self) -> User {
        let id = self.core.borrow().desk.seats[self.seat as usize].user_id;
        let client = Rc::new(WireClient(Rc::clone(&self.core)));
        // SplitMix64's multiplier, not the increment that tells users apart: the same numbers again would lead into the same
        // panic again. The first life keeps the seed as it is.
        let seed = self.seed ^ self.lives_before.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        User::new(client, Seat(self.seat), id, seed)
    }

    fn leave(&self) {
        let core = &mut *self.core.borrow_mut();
        core.vacate(self.seat);
        if !core.desk.seats[self.seat as usize].retiring {
            self.staying.set(self.staying.get() - 1);
        }
        self.free.borrow_mut().push(self.seat);
        self.alive.set(self.alive.get() - 1);
    }
}

impl<W: Wire + 'static> Future for UserTask<W> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.polls.set(self.polls.get() + 1);
        let life = self.life.take();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let mut life = life.unwrap_or_else(|| self.begin_life());
            (life.as_mut().poll(cx), life)
        }));
        match polled {
            Ok((Poll::Pending, life)) => {
                self.life = Some(life);
                Poll::Pending
            }
            Ok((Poll::Ready(()), _)) => {
                self.leave();
                Poll::Ready(())
            }
            Err(_) => {
                let place = super::panics::take_place();
                let (in_teardown, in_setup) = {
                    let core = &mut *self.core.borrow_mut();
                    core.after_panic(self.seat, &place);
                    let seat = &mut core.desk.seats[self.seat as usize];
                    // The next life has its setup before it.
                    let has_begun = std::mem::take(&mut seat.has_begun);
                    (seat.in_teardown, !has_begun)
                };
                if in_teardown {
                    self.leave();
                    return Poll::Ready(());
                }
                // Another life in the same seat begins with the next poll.
                self.lives_before += 1;
                self.life = in_setup.then(|| self.begin_life_later());
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_whole_and_differ_by_one_at_most() {
        for total in [0, 1, 2, 7, 100, 101] {
            for of in 1..6 {
                let share = |index| Share {
                    index,
                    of,
                    from_ns: 0,
                };
                let shares: Vec<u64> = (0..of).map(|index| share_of(total, share(index))).collect();
                assert_eq!(shares.iter().sum::<u64>(), total);
                assert!(shares[0] - shares[shares.len() - 1] <= 1, "{shares:?}");
            }
        }
        assert_eq!(share_of(5, Share::default()), 0);
    }
}
