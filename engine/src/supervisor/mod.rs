//! The supervisor: forks the workers, puts every event in one order in one place (the dispatcher, on the main thread)
//! and decides there. Neighbours: `crew.rs` holds the workers, `aggregator.rs` runs beside it as a thread.
//! Invariant: a decision is made here, written to the control page, and only then told to the workers by their bells.

mod aggregator;
mod asked;
mod crew;
mod endings;
mod health;
mod helm;
mod machine;
mod places;
mod recording;
mod sampler;
mod signals;
mod words;

pub use helm::{Helm, OrderError};
pub use recording::{LiveFeed, RecordBatch, RecordName, Watchers};
pub use signals::{HeldSignals, hold_signals};

use crate::{
    clock::{Epoch, monotonic_ns},
    plan::Plan,
    prepare::Prepared,
    worker::{Assignment, WorkerEnds, arrivals_seed, schedule::arrivals_owed},
};
use aggregator::{Aggregator, Asked, Notice};
use crew::{Ended, Member};
use crossbeam::channel::{Sender, unbounded};
use health::Health;
use helm::Orders;
use loadforge_analysis::{Event, EventKind, RunFold, RunOutcome};
use loadforge_ring::{RunPhase, Share, Transport, TransportKind, WorkerState};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::eventfd::{EfdFlags, EventFd},
};
use signals::Signals;
use std::{
    io,
    sync::{Arc, OnceLock, atomic::Ordering},
    thread::{self, JoinHandle},
    time::Duration,
};

/// How far ahead of now t0 is set, so that every worker is awake when it comes.
const START_AHEAD_NS: u64 = 20_000_000;
/// How far ahead of now a new sharing of the load takes effect: until then every worker has heard of it.
const SHARE_AHEAD_NS: u64 = 20_000_000;
/// How long workers may take to get ready; who has not by then is dropped.
const READY_WITHIN_NS: u64 = 5_000_000_000;
/// How long workers may take to leave once they have been told to end.
const LEAVE_WITHIN_NS: u64 = 1_500_000_000;
/// A worker whose heartbeat is this old is stuck.
const STUCK_AFTER_NS: u64 = 3_000_000_000;
/// A worker whose heartbeat is this old is ended, if there are others to take over its share of the load.
const GIVEN_UP_AFTER_NS: u64 = 10_000_000_000;
/// A look that comes so late excuses everybody's silence: the machine, or all of us, stood still.
const LONG_DELAY_NS: u64 = 500_000_000;
/// The longest the dispatcher sleeps.
const TICK_NS: u64 = 20_000_000;

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The system refused a process, a thread or a descriptor.
    #[error("the workers could not be started: {0}")]
    Start(#[from] io::Error),
    /// Every worker failed before the run began.
    #[error("no worker got ready: {0}")]
    NoWorker(String),
    /// A signal came before the run began.
    #[error("ended by a signal before the run began")]
    Signalled,
}

/// How a run ended, and all its figures.
pub struct RunEnd {
    /// How it ended.
    pub outcome: RunOutcome,
    /// Every snapshot, folded.
    pub fold: RunFold,
    /// A second signal ended it.
    pub killed: bool,
    /// Workers that died or were ended.
    pub workers_lost: u32,
}

impl Prepared {
    /// Carries the plan out. `observe` is called once, after the fork, with what the run can be steered by, and may start threads; the
    /// channel it returns gets a snapshot a second, another one every record if there is one, and both are dropped when the run is over. One process is one run: afterwards the second signal
    /// does what it does by default, and a second run in the same process would not be asked to drain.
    ///
    /// # Errors
    /// When workers cannot be started, or none gets ready, or `observe` fails.
    pub fn run<W: Into<Watchers>>(
        self,
        observe: impl FnOnce(Helm) -> io::Result<W>,
    ) -> Result<RunEnd, RunError> {
        let mut dispatcher = Dispatcher::start(&self)?;
        let watchers = observe(dispatcher.orders.helm())?.into();
        dispatcher.run(&self, watchers)
    }

    fn assignment(&self, worker: usize) -> Assignment {
        let plan = &self.plan;
        let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Assignment {
            worker,
            cpu: plan.cpus[worker],
            transport: self.transport.clone(),
            wire: self.wire,
            parts: plan.parts.clone(),
            max_rate: plan.max_rate,
            source_ips: plan.source_ips.clone(),
            ends: WorkerEnds {
                duration_ns: ns(plan.duration),
                graceful_ns: ns(plan.graceful_stop),
                max_requests: plan.max_requests,
                may_spin: plan.may_spin,
            },
            time_limit_ns: ns(plan.time_limit),
            seed: plan.seed,
        }
    }
}

/// What has come of a worker's silence so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
    /// It gives signs of life.
    None,
    /// It was told.
    Told,
    /// The worker was ended for it.
    GivenUp,
}

/// Puts every event of a run in one order and decides.
struct Dispatcher {
    crew: Vec<Member>,
    transport: Transport,
    epoch: Epoch,
    signals: Signals,
    /// By worker: how long it has been since it gave a sign of life.
    silences: Vec<Silence>,
    /// By worker: the shares of the load it has borne, one after another.
    shares: Vec<Vec<Share>>,
    /// What people who watch the run order.
    orders: Orders,
    /// What workers wrote to their error streams before the run began.
    said_at_start: Vec<String>,
    notices: Option<Sender<Notice>>,
    aggregator: Option<JoinHandle<RunFold>>,
    /// The threshold that ended the run, once the aggregator has found it broken.
    broken: Arc<OnceLock<String>>,
    outcome: RunOutcome,
    /// What ended the run at once, in words.
    killed_by: Option<String>,
    /// When workers must have left, on CLOCK_MONOTONIC; set by the drain, moved by the end.
    end_by_ns: u64,
    looked_ns: u64,
    /// When workers were last excused for whatever they were silent before, on CLOCK_MONOTONIC.
    excused_ns: u64,
    /// When the drain began, in ns since t0.
    drained_ns: Option<u64>,
}

impl Dispatcher {
    /// Forks or spawns the workers, then takes the signals over: a handler inherited over the fork would count one
    /// press of Ctrl-C once per process.
    fn start(prepared: &Prepared) -> Result<Dispatcher, RunError> {
        let transport = prepared.transport.clone();
        let held = hold_signals()?;
        let mut crew = Vec::new();
        for worker in 0..transport.workers() {
            let bell = Arc::new(
                EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)
                    .map_err(io::Error::from)?,
            );
            let assignment = prepared.assignment(worker);
            crew.push(match transport.kind() {
                TransportKind::SharedMemory => Member::fork(assignment, bell)?,
                TransportKind::Channel => Member::spawn(assignment, bell)?,
            });
        }
        drop(held);
        let signals = Signals::listen()?;
        let processes = crew.iter().filter(|member| member.is_process()).count();
        Ok(Dispatcher {
            orders: Orders::new(&prepared.plan, processes)?,
            silences: vec![Silence::None; crew.len()],
            shares: vec![Vec::new(); crew.len()],
            said_at_start: Vec::new(),
            crew,
            transport,
            epoch: Epoch::new(0),
            signals,
            notices: None,
            aggregator: None,
            broken: Arc::default(),
            outcome: RunOutcome::Completed,
            killed_by: None,
            end_by_ns: u64::MAX,
            looked_ns: monotonic_ns(),
            excused_ns: 0,
            drained_ns: None,
        })
    }

    fn run(&mut self, prepared: &Prepared, watchers: Watchers) -> Result<RunEnd, RunError> {
        self.wait_until_ready()?;
        self.begin(prepared, watchers)?;
        self.dispatch(prepared);
        Ok(self.finish())
    }

    /// Waits until every worker is ready; those that are not in time are dropped.
    fn wait_until_ready(&mut self) -> Result<(), RunError> {
        let deadline_ns = monotonic_ns() + READY_WITHIN_NS;
        let mut words: Vec<String> = Vec::new();
        loop {
            self.sleep(1_000_000);
            self.signals.hear();
            if self.signals.asked > 0 {
                return Err(RunError::Signalled);
            }
            self.orders.refuse(&OrderError::NotBegun);
            let late = monotonic_ns() > deadline_ns;
            let mut waiting = false;
            for (worker, member) in self.crew.iter_mut().enumerate() {
                let not_ready = self.transport.worker(worker).state() == WorkerState::Starting;
                if not_ready && member.ended.is_none() {
                    if late {
                        member.kill();
                    }
                    waiting = true;
                }
                let ended = member.look();
                words.append(&mut member.error_lines());
                if let (true, true, Some(Ended::Badly(how))) = (ended, late, &mut member.ended) {
                    *how = format!(
                        "did not get ready within {} s and was ended",
                        READY_WITHIN_NS / 1_000_000_000
                    );
                }
                if let (true, Some(Ended::Badly(how))) = (ended, &member.ended) {
                    words.push(format!("worker {worker} {how}"));
                }
            }
            if self.crew.iter().all(|member| member.ended.is_some()) {
                return Err(RunError::NoWorker(words.join("; ")));
            }
            if !waiting || (late && !self.crew.iter().any(Member::is_process)) {
                self.said_at_start = words;
                return Ok(());
            }
        }
    }

    /// Sets t0, starts the aggregator and lets the workers go.
    fn begin(&mut self, prepared: &Prepared, watchers: Watchers) -> Result<(), RunError> {
        let t0_ns = monotonic_ns() + START_AHEAD_NS;
        self.epoch = Epoch::new(t0_ns);
        let (notices, inbox) = unbounded();
        let aggregator = Aggregator::new(
            &self.transport,
            self.epoch,
            Asked::by(&prepared.plan),
            Health::new(
                &self.crew.iter().map(Member::pid).collect::<Vec<_>>(),
                &prepared.plan.cpus,
            )?,
            inbox,
            watchers,
        );
        self.broken = aggregator.broken();
        let cpu = prepared.plan.aggregator_cpu;
        let thread = thread::Builder::new()
            .name("aggregator".into())
            .spawn(move || {
                if let Some(cpu) = cpu {
                    // Checked by `prepare`; a mask that has changed since is the kernel's word against ours.
                    let _ = crate::cpus::pin_this_thread(cpu);
                }
                aggregator.run()
            })?;
        self.aggregator = Some(thread);
        self.notices = Some(notices);
        for words in std::mem::take(&mut self.said_at_start) {
            self.tell(EventKind::WorkerOutput, words);
        }
        for worker in 0..self.crew.len() {
            if let Some(Ended::Badly(how)) = self.crew[worker].ended.clone() {
                self.report_lost(worker, &how, 0);
            }
        }
        self.share_out(0);
        let control = self.transport.control();
        control.t0_ns.store(t0_ns, Ordering::Relaxed);
        control.set_phase(RunPhase::Running);
        self.ring_all();
        Ok(())
    }

    /// The dispatcher's loop: until every worker has left.
    fn dispatch(&mut self, prepared: &Prepared) {
        let plan = &prepared.plan;
        let duration_ns = u64::try_from(plan.duration.as_nanos()).unwrap_or(u64::MAX);
        let planned_end_ns = self.epoch.clock_ns(duration_ns);
        while self.crew.iter().any(|member| member.ended.is_none()) {
            let now_ns = monotonic_ns();
            let running = self.transport.control().phase() == RunPhase::Running;
            let next_ns = if running {
                planned_end_ns
            } else {
                self.end_by_ns
            };
            let next_ns = next_ns.max(now_ns + 1_000_000);
            self.sleep((next_ns - now_ns).min(TICK_NS));
            self.answer_signals(plan.graceful_stop);
            self.answer_orders(plan.graceful_stop);
            self.look_after_workers(plan);
            let now_ns = monotonic_ns();
            let control = self.transport.control();
            // Relaxed: workers stop by themselves at the limit; this only makes it official.
            let taken = control.requests_taken.load(Ordering::Relaxed);
            if control.phase() == RunPhase::Running {
                if now_ns >= planned_end_ns {
                    self.drain("the planned end", plan.graceful_stop);
                } else if plan.max_requests.is_some_and(|max| taken >= max) {
                    self.drain("the limit of requests was reached", plan.graceful_stop);
                } else if let Some(threshold) = self.broken.get() {
                    let why = format!("the threshold {threshold} does not hold");
                    self.outcome = RunOutcome::Interrupted;
                    self.drain(&why, plan.graceful_stop);
                } else if control.is_end_asked() {
                    let why = self.end_reason();
                    self.drain(&why, plan.graceful_stop);
                }
            }
            self.enforce_end();
        }
    }

    /// Why a scenario has nothing left to do, in the words of the first worker that noted any.
    fn end_reason(&self) -> String {
        let reason = (0..self.crew.len()).find_map(|worker| {
            let id = self.transport.worker(worker).end_reason()?;
            let texts = self.transport.text_reader(worker).new_entries();
            texts.into_iter().find(|entry| entry.id == id)
        });
        reason.map_or_else(
            || "the scenario has nothing left to do".into(),
            |entry| entry.text,
        )
    }

    /// Sleeps until something happens, at most `longest_ns`.
    fn sleep(&self, longest_ns: u64) {
        let signals = self.signals.watched();
        let own = signals.into_iter().chain([self.orders.watched()]);
        let mut fds: Vec<PollFd<'_>> = own.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        for member in &self.crew {
            fds.extend(
                member
                    .watched()
                    .map(|fd| PollFd::new(fd, PollFlags::POLLIN)),
            );
        }
        let milliseconds = u16::try_from(longest_ns.div_ceil(1_000_000)).unwrap_or(u16::MAX);
        // EINTR and time-outs alike: the caller looks at everything anyway.
        let _ = poll(&mut fds, PollTimeout::from(milliseconds));
    }

    fn look_after_workers(&mut self, plan: &Plan) {
        let now_ns = monotonic_ns();
        // Our own delay says nothing about the workers: they may have been held up by the same.
        if now_ns > self.looked_ns + LONG_DELAY_NS {
            self.excused_ns = now_ns;
        }
        self.looked_ns = now_ns;
        for worker in 0..self.crew.len() {
            let ended = self.crew[worker].look();
            self.crew[worker].doubt(self.transport.worker(worker).state() == WorkerState::Done);
            for line in self.crew[worker].error_lines() {
                self.tell(EventKind::WorkerOutput, format!("worker {worker}: {line}"));
            }
            if ended {
                if let Some(Ended::Badly(how)) = self.crew[worker].ended.clone() {
                    let how = match self.silences[worker] {
                        Silence::GivenUp => "gave no sign of life and was ended".to_owned(),
                        _ => how,
                    };
                    self.take_over(plan, worker, &how);
                }
                continue;
            }
            let control = self.transport.worker(worker);
            let heard_ns = control.heartbeat_ns.load(Ordering::Relaxed);
            let silent_ns = now_ns.saturating_sub(heard_ns.max(self.excused_ns));
            if control.state() == WorkerState::Running && self.crew[worker].ended.is_none() {
                self.mind_silence(worker, silent_ns);
            }
        }
    }

    /// Tells when a worker is stuck, and ends it when it stays so: then the others can take over. The last one is left alone,
    /// since a run that may come back is better than none.
    fn mind_silence(&mut self, worker: usize, silent_ns: u64) {
        if silent_ns <= STUCK_AFTER_NS {
            self.silences[worker] = Silence::None;
        } else if self.silences[worker] == Silence::None {
            self.silences[worker] = Silence::Told;
            let cpu = self.crew[worker].cpu;
            let text = format!(
                "worker {worker} (CPU {cpu}) has given no sign of life for {:.1} s",
                silent_ns as f64 / 1e9
            );
            self.tell(EventKind::WorkerStuck, text);
        }
        let member = &self.crew[worker];
        let others = self.crew.iter().enumerate();
        let is_last = others
            .filter(|(other, _)| *other != worker)
            .all(|(other, member)| member.ended.is_some() || self.silences[other] != Silence::None);
        if silent_ns > GIVEN_UP_AFTER_NS && member.is_process() && !is_last {
            member.kill();
            self.silences[worker] = Silence::GivenUp;
        }
    }

    /// The others take over what a lost worker bore, from a moment on that all of them have heard of when it comes; what
    /// it was to begin before that and did not is not sent.
    fn take_over(&mut self, plan: &Plan, worker: usize, how: &str) {
        let phase = self.transport.control().phase();
        let from_ns = self.epoch.now_ns() + SHARE_AHEAD_NS;
        let duration_ns = u64::try_from(plan.duration.as_nanos()).unwrap_or(u64::MAX);
        let until_ns = match self.drained_ns {
            Some(drained_ns) => drained_ns.min(duration_ns),
            None => from_ns.min(duration_ns),
        };
        // First of all: until they know, survivors go by the old sharing.
        if phase == RunPhase::Running {
            self.share_out(from_ns);
            self.ring_all();
        }
        let shares = &self.shares[worker];
        let owed = (self.orders.load.parts().enumerate()).map(|(index, (demand, course))| {
            let seed = arrivals_seed(plan.seed, index);
            arrivals_owed(demand, course, seed, shares, until_ns)
        });
        let owed = owed.sum();
        self.report_lost(worker, how, owed);
    }

    fn report_lost(&mut self, worker: usize, how: &str, arrivals_owed: u64) {
        let cpu = self.crew[worker].cpu;
        self.notify(Notice::Lost {
            worker,
            arrivals_owed,
        });
        let left = self
            .crew
            .iter()
            .filter(|member| member.ended.is_none())
            .count();
        let phase = self.transport.control().phase();
        let text = match (phase, left) {
            _ if let Some(by) = &self.killed_by => format!("was ended {by}"),
            (RunPhase::Ending, _) => "did not leave in time and was ended".to_owned(),
            (RunPhase::Draining, _) => format!("{how} during the drain"),
            (_, 0) => format!("{how}; no worker is left"),
            (_, 1) => format!("{how}; the other worker takes over its share of the load"),
            (_, left) => format!("{how}; the other {left} take over its share of the load"),
        };
        self.tell(
            EventKind::WorkerLost,
            format!("worker {worker} (CPU {cpu}) {text}"),
        );
        if left == 0 && phase <= RunPhase::Running {
            self.outcome = RunOutcome::Aborted;
        }
    }

    /// Gives each living worker its place among the living, from `from_ns` since t0 on.
    fn share_out(&mut self, from_ns: u64) {
        let living: Vec<usize> = (0..self.crew.len())
            .filter(|worker| self.crew[*worker].ended.is_none())
            .collect();
        for (index, worker) in living.iter().enumerate() {
            let share = Share {
                index: index as u32,
                of: living.len() as u32,
                from_ns,
            };
            self.shares[*worker].push(share);
            self.transport.worker(*worker).give_share(share);
        }
    }

    fn finish(&mut self) -> RunEnd {
        // From here on nobody looks: the aggregator may wait for a slow disk. What came while the last worker left is heard.
        let before = self.signals.asked;
        self.signals.hear();
        if self.signals.asked > before && self.signals.asked >= 2 {
            self.killed_by.get_or_insert_default();
        }
        self.signals.leave();
        self.orders.close();
        self.notify(Notice::Finish);
        let fold = match self.aggregator.take().map(JoinHandle::join) {
            Some(Ok(fold)) => fold,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => unreachable!("the aggregator is started before the run"),
        };
        let lost = self
            .crew
            .iter()
            .filter(|member| member.ended != Some(Ended::Well))
            .count();
        RunEnd {
            outcome: self.outcome,
            fold,
            killed: self.killed_by.is_some(),
            workers_lost: lost as u32,
        }
    }

    fn ring_all(&self) {
        self.crew.iter().for_each(Member::ring);
    }

    fn tell(&self, kind: EventKind, text: String) -> Event {
        let at_s = self.epoch.now_ns() as f64 / 1e9;
        let event = Event { at_s, kind, text };
        self.notify(Notice::Event(event.clone()));
        event
    }

    fn notify(&self, notice: Notice) {
        if let Some(notices) = &self.notices {
            // An aggregator that panicked is found out when it is joined.
            let _ = notices.send(notice);
        }
    }
}
