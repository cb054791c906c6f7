//! The main future of a worker: turn after turn, let users run, enter the kernel once for all of them, fire timers,
//! keep the control page up to date. Neighbours: everything in this folder.
//! Invariant: a user made runnable by another user runs before the worker sleeps.

use super::{
    desk::{Desk, Stage},
    exchange::Core,
    executor::yield_now,
    lead::Lead,
    users::Users,
};
use crate::{
    clock::{monotonic_ns, thread_cpu_ns},
    wire::{Wait, Wire},
};
use loadforge_ring::{RunControl, RunPhase};
use loadforge_scenarios::{ErrorKind, Failure};
use std::{cell::RefCell, io, rc::Rc, sync::atomic::Ordering, time::Duration};

/// The longest a worker sleeps, and so the longest between two heartbeats of an idle one.
const LONGEST_SLEEP_NS: u64 = 10_000_000;
/// How much later the page may be kept for the sake of an arrival that is due: it takes 5 µs.
const KEPT_LATER_NS: u64 = LONGEST_SLEEP_NS / 2;
/// Rounds of users waking users before the kernel is asked for news all the same.
const ROUNDS_PER_TURN: u32 = 32;
/// The same bound in time; so far away in tests that no clock decides them.
const ROUNDS_NS: u64 = if cfg!(test) { 60_000_000_000 } else { 100_000 };

/// How long arrivals that were due before the end may take to set out once it has come: their users run next.
const LAST_ARRIVALS_NS: u64 = 100_000_000;

/// When the run is over for a worker, and how long it may then take.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// Length of the run before it drains, ns.
    pub duration_ns: u64,
    /// How long requests in flight may take from then on, ns.
    pub graceful_ns: u64,
    /// Requests that may be sent over all workers, if bounded.
    pub max_requests: Option<u64>,
    /// Whether the worker has its CPU to itself.
    pub may_spin: bool,
}

/// Drives one worker from t0 to its end.
pub struct Driver<W> {
    core: Rc<RefCell<Core<W>>>,
    users: Users<W>,
    ends: Ends,
    /// How long before a deadline a worker that may spin wakes up.
    lead: Lead,
    /// When the page was last kept, ns since the epoch.
    kept_ns: u64,
    draining_since_ns: u64,
    /// When the drain was first due; arrivals due later are none.
    drain_due_ns: Option<u64>,
    /// CPU time used before t0, which is no load.
    cpu_before_ns: u64,
}

impl<W: Wire + 'static> Driver<W> {
    /// A driver at t0.
    pub fn new(core: Rc<RefCell<Core<W>>>, users: Users<W>, ends: Ends) -> Driver<W> {
        Driver {
            core,
            users,
            ends,
            lead: Lead::default(),
            kept_ns: 0,
            draining_since_ns: 0,
            drain_due_ns: None,
            cpu_before_ns: thread_cpu_ns(),
        }
    }

    /// Runs until every user has left, or the run ends.
    ///
    /// # Errors
    /// When the kernel refuses the wire as a whole.
    pub async fn drive(mut self) -> io::Result<()> {
        self.keep_page(None);
        loop {
            let idle = self.let_users_run().await;
            self.core.borrow_mut().desk.sink.flush();
            if self.is_over() {
                return self.close();
            }
            let users_ns = self.turn(idle)?;
            let now_ns = self.core.borrow_mut().fire_timers();
            if self.core.borrow().desk.stage == Stage::Running {
                // Read behind the clock: a share or an order that is not there yet holds from later than now.
                self.users.take_changes();
                self.users
                    .act(self.drain_due_ns.unwrap_or(u64::MAX).min(now_ns));
            }
            // What is due now shall not wait for the page, unless something is due in every turn.
            let delay_ns = if users_ns <= now_ns { KEPT_LATER_NS } else { 0 };
            self.keep_page(Some(LONGEST_SLEEP_NS + delay_ns));
        }
    }

    /// Lets users run until a whole round polled nobody: then nothing is runnable and the worker may sleep.
    /// A single yield is not enough, since a user woken by another in the same round stands behind this future.
    async fn let_users_run(&self) -> bool {
        let began_ns = monotonic_ns();
        for _ in 0..ROUNDS_PER_TURN {
            let before = self.users.polls();
            yield_now().await;
            if self.users.polls() == before {
                return true;
            }
            if monotonic_ns() - began_ns > ROUNDS_NS {
                return false;
            }
        }
        false
    }

    /// Enters the kernel; returns until when there was nothing for users to do, ns since the epoch.
    fn turn(&mut self, idle: bool) -> io::Result<u64> {
        let users_ns = self.users.next_ns();
        let Core { wire, desk, .. } = &mut *self.core.borrow_mut();
        let wait = match idle {
            true => self.wait(desk, users_ns),
            false => Wait::No,
        };
        wire.turn(wait, &mut |event, clock_ns| desk.on_event(event, clock_ns))?;
        self.lead.see(wire.counts());
        Ok(users_ns)
    }

    fn wait(&self, desk: &Desk, users_ns: u64) -> Wait {
        let latest_ns = desk.now_ns + LONGEST_SLEEP_NS;
        let (end_ns, users_ns) = match (desk.stage, self.drain_due_ns) {
            (Stage::Running, None) => (self.ends.duration_ns, users_ns),
            // The last arrivals have been given to users, who run before the next sleep.
            (Stage::Running, Some(_)) => (desk.now_ns, u64::MAX),
            _ => {
                let end_ns = self.draining_since_ns.saturating_add(self.ends.graceful_ns);
                (end_ns, u64::MAX)
            }
        };
        let timer_ns = desk.timers.next_ns().unwrap_or(u64::MAX);
        let deadline_ns = latest_ns.min(end_ns).min(timer_ns).min(users_ns);
        let precise =
            deadline_ns == users_ns || (deadline_ns == timer_ns && desk.timers.next_is_precise());
        let spin_ns = if self.ends.may_spin && precise {
            self.lead.ns()
        } else {
            0
        };
        Wait::Until {
            deadline_ns: desk.epoch.clock_ns(deadline_ns),
            spin_ns,
        }
    }

    /// Reads the control page, keeps our lines of it, and settles users, once `after_ns` have passed since the last time; at once
    /// without it, or when something changed.
    fn keep_page(&mut self, after_ns: Option<u64>) {
        let (was, stage, now_ns) = {
            let desk = &mut self.core.borrow_mut().desk;
            let stage = self.stage(desk);
            let changed = stage != desk.stage || std::mem::take(&mut desk.rung);
            let due_ns = after_ns.map_or(0, |after_ns| self.kept_ns + after_ns);
            if !changed && desk.now_ns < due_ns {
                return;
            }
            self.kept_ns = desk.now_ns;
            (desk.stage, stage, desk.now_ns)
        };
        if was == Stage::Running && stage != Stage::Running {
            // Read behind the phase: who ordered the drain at the planned end had reached that by the same clock, and
            // what was due until then was asked for.
            let ordered_ns = self.core.borrow().desk.epoch.now_ns();
            let due_ns = *self
                .drain_due_ns
                .get_or_insert(ordered_ns.min(self.ends.duration_ns));
            if stage == Stage::Draining
                && !self.users.are_up_to_date(due_ns)
                && now_ns < due_ns + LAST_ARRIVALS_NS
            {
                // Looked at again in the next turn, which does not wait.
                return;
            }
            if self.has_all() {
                self.core.borrow_mut().desk.forget_waiting();
            } else {
                self.users.give_up_arrivals(due_ns);
            }
            self.draining_since_ns = now_ns;
        }
        self.core.borrow_mut().desk.stage = stage;
        self.write_page();
        if stage == Stage::Running {
            self.users.take_changes();
        } else {
            self.users.wake_all();
        }
    }

    fn stage(&self, desk: &Desk) -> Stage {
        let control = desk.transport.control();
        let has_all = has_all(control, &self.ends);
        let by_time = match desk.stage {
            Stage::Running if desk.now_ns >= self.ends.duration_ns || has_all => Stage::Draining,
            Stage::Draining
                if desk.now_ns >= self.draining_since_ns.saturating_add(self.ends.graceful_ns) =>
            {
                Stage::Ending
            }
            stage => stage,
        };
        let by_order = match control.phase() {
            RunPhase::Starting | RunPhase::Running => Stage::Running,
            RunPhase::Draining => Stage::Draining,
            RunPhase::Ending => Stage::Ending,
        };
        by_time.max(by_order)
    }

    /// Whether the run has had all it is to have: what is due from then on was never asked for.
    fn has_all(&self) -> bool {
        has_all(self.core.borrow().desk.transport.control(), &self.ends)
    }

    fn write_page(&self) {
        let active_users = self.users.busy();
        let Core { wire, desk, .. } = &*self.core.borrow();
        let (control, counts) = (desk.control(), wire.counts());
        let set =
            |gauge: &std::sync::atomic::AtomicU64, value| gauge.store(value, Ordering::Relaxed);
        set(&control.heartbeat_ns, monotonic_ns());
        set(&control.active_users, active_users);
        set(&control.in_flight, desk.in_flight);
        set(&control.cpu_ns, thread_cpu_ns() - self.cpu_before_ns);
        set(&control.spin_ns, counts.spin_ns);
        set(&control.paused_ns, counts.paused_ns);
        set(&control.starvations, counts.starvations);
        set(&control.overflows, counts.overflows);
    }

    fn is_over(&self) -> bool {
        let stage = self.core.borrow().desk.stage;
        stage == Stage::Ending || (stage == Stage::Draining && self.users.alive() == 0)
    }

    /// Cuts what is still in flight, hands over the last records and writes the page for the last time.
    fn close(self) -> io::Result<()> {
        {
            let core = &mut *self.core.borrow_mut();
            let now_ns = core.desk.epoch.now_ns();
            for index in 0..core.desk.seats.len() as u32 {
                let graceful = Duration::from_nanos(self.ends.graceful_ns);
                let detail = format!("in flight when the run ended (waited {graceful:?})");
                core.cut(index, Failure::new(ErrorKind::Interrupted, detail), now_ns);
                core.desk.close_record(index);
                let seat = &core.desk.seats[index as usize];
                let (part, due_ns) = (seat.part, seat.ready_ns);
                if core.desk.settle_arrival(index) {
                    core.desk.book_not_sent(part, due_ns, 1);
                }
            }
        }
        let patience_ns = monotonic_ns() + 1_000_000_000;
        loop {
            let core = &mut *self.core.borrow_mut();
            core.desk.sink.flush();
            // The aggregator empties the ring; a second is ample, and past it the spill is recovered from outside.
            if core.desk.sink.backlog() == 0 || monotonic_ns() > patience_ns {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.write_page();
        Ok(())
    }
}

/// Whether all requests that may be sent were, or a scenario has nothing left to do.
fn has_all(control: &RunControl, ends: &Ends) -> bool {
    let is_limit_reached = ends.max_requests.is_some_and(|max| {
        // Relaxed: a late look only lets users find out by themselves.
        control.requests_taken.load(Ordering::Relaxed) >= max
    });
    is_limit_reached || control.is_end_asked()
}
