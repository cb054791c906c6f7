//! Orders of people who watch a run: how they reach the dispatcher, and what it makes of them. Neighbours: `mod.rs` decides when,
//! `analysis/src/steering.rs` has the orders, `metrics-ring/src/orders.rs` is how workers hear of them.
//! Invariant: an order is answered, with the event that tells of it or with the reason why nothing was changed.

use super::{Dispatcher, aggregator::Notice};
use crate::{plan::Plan, steering::SteeredLoad};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use loadforge_analysis::{Event, EventKind, Order, OrderFault, RunOutcome, SteerAction, Steering};
use loadforge_ring::{HeldLevel, LoadOrder, ORDERS_KEPT, RunPhase};
use nix::sys::{
    eventfd::{EfdFlags, EventFd},
    resource::{Resource, getrlimit},
};
use std::{
    collections::VecDeque,
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
    time::{Duration, Instant},
};

/// How far ahead of now an order takes effect: until then every worker has heard of it.
const ORDER_AHEAD_NS: u64 = 20_000_000;
/// How long an order waits for the dispatcher, which answers within a ms unless the machine stands still.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// An order that the dispatcher has begun on is answered within this.
const CARRIED_OUT_WITHIN: Duration = Duration::from_millis(500);
/// How long a worker may take to read an order: one that is silent for longer is ended.
const READ_WITHIN_NS: u64 = 15_000_000_000;
/// Descriptors a process needs beside its connections.
const OWN_DESCRIPTORS: u64 = 64;

/// Why an order was not carried out. Nothing was changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OrderError {
    /// No run could do it.
    #[error(transparent)]
    Fault(#[from] OrderFault),
    /// The run has not begun.
    #[error("the run has not begun yet: try again in a moment")]
    NotBegun,
    /// The run drains.
    #[error("the run is draining, so only an end at once can be ordered")]
    Draining,
    /// The run is over.
    #[error("the run is over")]
    Over,
    /// The dispatcher did not get to it.
    #[error(
        "the run did not answer within 2 s, and nothing was changed: the machine is very busy; try again"
    )]
    NoAnswer,
    /// Users were set, and arrivals set the pace.
    #[error("this run has no number of users to set, since arrivals set its pace: set a rate")]
    NoUsers,
    /// A rate was set, and users set the pace.
    #[error("this run has no rate to set, since its users set the pace: set a number of users")]
    NoRate,
    /// It is paused already.
    #[error("the run is paused already")]
    Paused,
    /// It is not paused.
    #[error("the run is not paused")]
    NotPaused,
    /// Nothing was ordered before.
    #[error("the run goes by its plan already")]
    AsPlanned,
    /// Orders come faster than workers may read them.
    #[error("more than 256 orders within 15 s: wait a moment")]
    TooMany,
    /// Users were set for whom the system has no descriptors.
    #[error(
        "{users} users need {needed} descriptors in one process and the limit is {limit}: set fewer, or start the run with a higher limit (ulimit -n)"
    )]
    Descriptors {
        /// How many were ordered.
        users: f64,
        /// Descriptors that a worker process would need.
        needed: u64,
        /// Descriptors that it may have.
        limit: u64,
    },
}

/// An order on its way to the dispatcher.
struct Asking {
    order: Order,
    /// Who asks has gone away by then.
    until: Instant,
    reply: Sender<Result<Event, OrderError>>,
}

/// Steers a run that goes on. Copies may be used from any thread, as long as they like: when the run is over they say so.
#[derive(Clone)]
pub struct Helm {
    askings: Sender<Asking>,
    bell: Arc<EventFd>,
}

impl Helm {
    /// Orders something and waits for the dispatcher's answer, which takes some ms: the event that the run's readers will see.
    ///
    /// # Errors
    /// When the order cannot be carried out, in this run or at this time; then nothing was changed.
    pub fn order(&self, order: Order) -> Result<Event, OrderError> {
        order.check()?;
        let (reply, answer) = bounded(1);
        let asking = Asking {
            order,
            until: Instant::now() + ANSWERED_WITHIN,
            reply,
        };
        self.askings.send(asking).map_err(|_| OrderError::Over)?;
        // Full means that it was rung 2^64 times: the dispatcher will look.
        let _ = self.bell.write(1);
        match answer.recv_timeout(ANSWERED_WITHIN + CARRIED_OUT_WITHIN) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => Err(OrderError::NoAnswer),
            // The run ended before it came to this order, or it came too late.
            Err(RecvTimeoutError::Disconnected) => Err(OrderError::Over),
        }
    }
}

/// The dispatcher's end of all helms, and what was ordered so far.
pub struct Orders {
    /// `None` once the run is over.
    askings: Option<Receiver<Asking>>,
    helm: Helm,
    steering: Steering,
    /// What workers were told last.
    last: LoadOrder,
    /// When workers were told, of the last `ORDERS_KEPT` times, in ns since t0.
    given_ns: VecDeque<u64>,
    /// The load with all orders.
    pub load: SteeredLoad,
    /// Which of several origins' connections each scenario's users keep.
    origins: Vec<u64>,
    processes: u64,
}

impl Orders {
    /// Nothing was ordered yet.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub fn new(plan: &Plan, processes: usize) -> io::Result<Orders> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        let bell = Arc::new(EventFd::from_flags(flags).map_err(io::Error::from)?);
        let (sender, askings) = unbounded();
        let demands = plan.parts.iter().map(|part| part.demand.clone());
        let origins = |part: &crate::plan::PlanPart| part.addresses.len().max(1) as u64;
        Ok(Orders {
            askings: Some(askings),
            helm: Helm {
                askings: sender,
                bell,
            },
            steering: Steering::default(),
            last: LoadOrder::default(),
            given_ns: VecDeque::new(),
            load: SteeredLoad::new(demands, plan.duration),
            origins: plan.parts.iter().map(origins).collect(),
            processes: processes.max(1) as u64,
        })
    }

    /// For who steers.
    pub fn helm(&self) -> Helm {
        self.helm.clone()
    }

    /// Becomes readable when there is an order.
    pub fn watched(&self) -> BorrowedFd<'_> {
        self.helm.bell.as_fd()
    }

    /// The next order that has come and waits for its answer.
    pub fn next(&mut self) -> Option<Pending> {
        let askings = self.askings.as_ref()?;
        let _ = self.helm.bell.read();
        loop {
            let Asking {
                order,
                until,
                reply,
            } = askings.try_recv().ok()?;
            if Instant::now() < until {
                return Some(Pending { order, reply });
            }
            // Nobody waits for it any more, and who ordered was told so.
            let _ = reply.send(Err(OrderError::NoAnswer));
        }
    }

    /// Refuses every order that has come.
    pub fn refuse(&mut self, error: &OrderError) {
        while let Some(pending) = self.next() {
            pending.answer(Err(error.clone()));
        }
    }

    /// The run is over: orders are refused from here on.
    pub fn close(&mut self) {
        self.refuse(&OrderError::Over);
        self.askings = None;
    }

    /// What the workers are to be told so that this action is carried out from `from_ns` on, if it is one about the load and
    /// `now_ns` is a time at which it can be.
    ///
    /// # Errors
    /// When the run has no such load, or stands so already.
    pub fn prepare(
        &mut self,
        action: SteerAction,
        now_ns: u64,
        from_ns: u64,
    ) -> Result<LoadOrder, OrderError> {
        let held = |value| {
            Some(HeldLevel {
                value,
                since_ns: from_ns,
            })
        };
        let mut order = LoadOrder {
            from_ns: from_ns.max(self.last.from_ns),
            ..self.last
        };
        match action {
            SteerAction::Users(_) if !self.load.has(false) => return Err(OrderError::NoUsers),
            SteerAction::Rate(_) if !self.load.has(true) => return Err(OrderError::NoRate),
            SteerAction::Pause if self.steering.paused => return Err(OrderError::Paused),
            SteerAction::Resume if !self.steering.paused => return Err(OrderError::NotPaused),
            SteerAction::Plan if self.steering.is_as_planned() => {
                return Err(OrderError::AsPlanned);
            }
            SteerAction::Users(users) => {
                self.check_descriptors(users, from_ns)?;
                order.users = held(users);
            }
            SteerAction::Rate(rate) => order.rate = held(rate),
            SteerAction::Pause => order.paused = true,
            SteerAction::Resume => order.paused = false,
            SteerAction::Plan => {
                order = LoadOrder {
                    from_ns: order.from_ns,
                    ..LoadOrder::default()
                }
            }
            SteerAction::Stop | SteerAction::End => {}
        }
        if self.given_ns.len() == ORDERS_KEPT {
            // The place that this one would take may not have been read by everybody.
            if now_ns < self.given_ns[0].saturating_add(READ_WITHIN_NS) {
                return Err(OrderError::TooMany);
            }
            self.given_ns.pop_front();
        }
        self.given_ns.push_back(now_ns);
        self.steering = self.steering.after(action);
        self.last = order;
        self.load.follow(&order);
        Ok(order)
    }

    fn check_descriptors(&self, users: f64, from_ns: u64) -> Result<(), OrderError> {
        let Ok((_, limit)) = getrlimit(Resource::RLIMIT_NOFILE) else {
            return Ok(());
        };
        let pieces = self.load.split_users(users, from_ns).zip(&self.origins);
        let connections: u64 = pieces.map(|(users, origins)| users as u64 * origins).sum();
        let needed = connections.div_ceil(self.processes) + OWN_DESCRIPTORS;
        match needed <= limit {
            true => Ok(()),
            false => Err(OrderError::Descriptors {
                users,
                needed,
                limit,
            }),
        }
    }
}

impl Dispatcher {
    /// Carries out what was ordered, or says why not.
    pub(super) fn answer_orders(&mut self, graceful_stop: Duration) {
        while let Some(pending) = self.orders.next() {
            let answer = self.carry_out(&pending.order, graceful_stop);
            pending.answer(answer);
        }
    }

    fn carry_out(&mut self, order: &Order, graceful_stop: Duration) -> Result<Event, OrderError> {
        let phase = self.transport.control().phase();
        let words = order.words();
        match (order.action, phase) {
            (_, RunPhase::Ending) => return Err(OrderError::Over),
            (SteerAction::End, _) => {
                let event = self.tell(EventKind::Steered, words.clone());
                self.end_at_once(&format!("with the run: {words}"));
                return Ok(event);
            }
            (_, RunPhase::Draining) => return Err(OrderError::Draining),
            (SteerAction::Stop, _) => {
                let event = self.tell(EventKind::Steered, words.clone());
                self.outcome = RunOutcome::Interrupted;
                self.drain(&words, graceful_stop);
                return Ok(event);
            }
            _ => {}
        }
        let now_ns = self.epoch.now_ns();
        let load_order = self
            .orders
            .prepare(order.action, now_ns, now_ns + ORDER_AHEAD_NS)?;
        self.transport.control().orders.give(load_order);
        for worker in 0..self.crew.len() {
            self.transport.worker(worker).note_change();
        }
        self.ring_all();
        self.notify(Notice::Ordered(load_order));
        Ok(self.tell(EventKind::Steered, words))
    }
}

/// An order that waits for its answer.
pub struct Pending {
    /// What was ordered.
    pub order: Order,
    reply: Sender<Result<Event, OrderError>>,
}

impl Pending {
    /// Answers it.
    pub fn answer(self, answer: Result<Event, OrderError>) {
        // Who asked may have gone away.
        let _ = self.reply.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{TransportChoice, WireChoice};

    fn no_load() -> Plan {
        Plan {
            parts: Vec::new(),
            phases: Vec::new(),
            max_rate: None,
            thresholds: Vec::new(),
            duration: Duration::from_secs(1),
            max_requests: None,
            cpus: vec![0],
            aggregator_cpu: None,
            source_ips: Vec::new(),
            transport: TransportChoice::Channel,
            wire: WireChoice::Epoll,
            time_limit: Duration::from_secs(1),
            graceful_stop: Duration::ZERO,
            seed: 1,
            may_spin: false,
        }
    }

    fn stop() -> Order {
        Order::new("Anna", SteerAction::Stop)
    }

    #[test]
    fn an_order_is_answered_on_whatever_thread_it_was_given_and_refused_when_the_run_is_over() {
        let mut orders = Orders::new(&no_load(), 1).expect("a descriptor");
        let helm = orders.helm();
        let asking = std::thread::spawn({
            let helm = helm.clone();
            move || helm.order(stop())
        });
        let pending = loop {
            match orders.next() {
                Some(pending) => break pending,
                None => std::thread::yield_now(),
            }
        };
        assert_eq!(pending.order, stop());
        pending.answer(Err(OrderError::Draining));
        let answer = asking.join().expect("it only asks");
        assert_eq!(answer, Err(OrderError::Draining));
        orders.close();
        assert_eq!(helm.order(stop()), Err(OrderError::Over));
        drop(orders);
        assert_eq!(helm.order(stop()), Err(OrderError::Over));
    }

    #[test]
    fn who_has_gone_away_is_not_obeyed() {
        let mut orders = Orders::new(&no_load(), 1).expect("a descriptor");
        let (reply, answer) = bounded(1);
        let asking = Asking {
            order: stop(),
            until: Instant::now(),
            reply,
        };
        orders
            .helm
            .askings
            .send(asking)
            .expect("the other end is here");
        assert!(orders.next().is_none());
        assert_eq!(answer.try_recv(), Ok(Err(OrderError::NoAnswer)));
    }
}
