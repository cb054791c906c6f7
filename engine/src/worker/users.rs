//! Virtual users come and go as the pattern asks. Neighbours: `driver.rs` calls `settle` between turns.
//! Invariant: seats of users who left are used again; a user's number never is.

use super::{client::WireClient, exchange::Core, executor::Spawner};
use crate::wire::Wire;
use loadforge_scenarios::{Pattern, SETUP_RETRY, Scenario, Seat, User, UserFuture};
use std::{
    cell::{Cell, RefCell},
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// This worker's share of a number of users: the first workers take what does not divide evenly.
pub fn share_of(total: u64, (index, of): (u32, u32)) -> u64 {
    let (index, of) = (u64::from(index), u64::from(of));
    let (Some(each), Some(left)) = (total.checked_div(of), total.checked_rem(of)) else {
        return 0;
    };
    each + u64::from(index < left)
}

/// The users of one worker.
pub struct Users<W> {
    core: Rc<RefCell<Core<W>>>,
    scenario: Arc<dyn Scenario>,
    spawner: Spawner,
    pattern: Pattern,
    seed: u64,
    worker: u32,
    workers: u32,
    /// How many user numbers this worker has given out.
    numbers: u32,
    free: Rc<RefCell<Vec<u32>>>,
    alive: Rc<Cell<u64>>,
    /// Of those alive, the ones that are not retiring.
    staying: Rc<Cell<u64>>,
    polls: Rc<Cell<u64>>,
}

impl<W: Wire + 'static> Users<W> {
    /// Nobody yet.
    pub fn new(
        core: Rc<RefCell<Core<W>>>,
        scenario: Arc<dyn Scenario>,
        spawner: Spawner,
        pattern: Pattern,
        seed: u64,
    ) -> Users<W> {
        let workers = core.borrow().desk.transport.workers() as u32;
        let worker = core.borrow().desk.worker as u32;
        Users {
            core,
            scenario,
            spawner,
            pattern,
            seed,
            worker,
            workers,
            numbers: 0,
            free: Rc::default(),
            alive: Rc::default(),
            staying: Rc::default(),
            polls: Rc::default(),
        }
    }

    /// How often users' tasks were polled so far.
    pub fn polls(&self) -> u64 {
        self.polls.get()
    }

    /// Users whose tasks have not ended.
    pub fn alive(&self) -> u64 {
        self.alive.get()
    }

    /// Starts or retires users until there are as many as the pattern asks of this worker now.
    pub fn settle(&mut self, control_share: (u32, u32)) {
        let now_ns = self.core.borrow().desk.now_ns;
        let target = self.pattern.target_at(Duration::from_nanos(now_ns)).round() as u64;
        let target = share_of(target, control_share);
        let staying = self.staying.get();
        if staying < target {
            (staying..target).for_each(|_| self.start());
        } else if staying > target {
            self.retire(staying - target);
        }
    }

    fn start(&mut self) {
        let index = {
            let seats = &mut self.core.borrow_mut().desk.seats;
            let index = self.free.borrow_mut().pop().unwrap_or_else(|| {
                seats.push(super::seat::Seat::default());
                seats.len() as u32 - 1
            });
            let seat = &mut seats[index as usize];
            // The memory that an earlier user left behind serves the next one.
            seat.user_id = self.numbers * self.workers + self.worker;
            seat.occupied = true;
            seat.retiring = false;
            seat.in_teardown = false;
            seat.has_begun = false;
            seat.waited = true;
            seat.ready_ns = 0;
            seat.limit_timer_ns = u64::MAX;
            index
        };
        self.numbers += 1;
        self.alive.set(self.alive.get() + 1);
        self.staying.set(self.staying.get() + 1);
        let task = UserTask {
            life: None,
            seat: index,
            seed: self.seed,
            core: Rc::clone(&self.core),
            scenario: Arc::clone(&self.scenario),
            free: Rc::clone(&self.free),
            alive: Rc::clone(&self.alive),
            staying: Rc::clone(&self.staying),
            polls: Rc::clone(&self.polls),
        };
        self.spawner.spawn(task);
    }

    fn retire(&mut self, count: u64) {
        let seats = &mut self.core.borrow_mut().desk.seats;
        let staying = seats
            .iter_mut()
            .rev()
            .filter(|seat| seat.occupied && !seat.retiring);
        for seat in staying.take(count as usize) {
            seat.retiring = true;
            seat.wake();
            self.staying.set(self.staying.get() - 1);
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
        Box::pin(async move {
            if user.sleep(SETUP_RETRY).await {
                scenario.start_user(user).await;
            }
        })
    }

    fn user(&self) -> User {
        let id = self.core.borrow().desk.seats[self.seat as usize].user_id;
        let client = Rc::new(WireClient(Rc::clone(&self.core)));
        User::new(client, Seat(self.seat), id, self.seed)
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
                    let seat = &core.desk.seats[self.seat as usize];
                    (seat.in_teardown, !seat.has_begun)
                };
                if in_teardown {
                    self.leave();
                    return Poll::Ready(());
                }
                // Another life in the same seat begins with the next poll.
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
                let shares: Vec<u64> = (0..of).map(|index| share_of(total, (index, of))).collect();
                assert_eq!(shares.iter().sum::<u64>(), total);
                assert!(shares[0] - shares[shares.len() - 1] <= 1, "{shares:?}");
            }
        }
        assert_eq!(share_of(5, (0, 0)), 0);
    }
}
