//! One worker: a thread (of a process of its own, or of the supervisor where there is no shared memory) that carries
//! out its share of the plan. Neighbours: `supervisor/` starts it; `driver.rs` is its main loop, `exchange.rs` its
//! requests, `users.rs` its virtual users. Invariant: talks to the rest only through its ring and the control page.

mod client;
mod desk;
mod driver;
mod exchange;
mod executor;
mod panics;
mod seat;
mod sources;
pub(crate) mod timers;
#[cfg(test)]
mod turn_test;
mod users;

use crate::{
    clock::{Epoch, monotonic_ns},
    cpus::pin_this_thread,
    prepare::WireKind,
    wire::{Wire, epoll::EpollWire, uring::UringWire},
};
use desk::{Desk, Stage};
use driver::{Driver, Ends};
use exchange::{Core, Destination};
use executor::{Spawner, run_on_glommio, run_plain};
use loadforge_ring::{RunPhase, Transport, WorkerState};
use loadforge_scenarios::{Pattern, Scenario};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sources::Sources;
use std::{
    cell::RefCell,
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, BorrowedFd},
    rc::Rc,
    sync::Arc,
};
use users::{Users, share_of};

/// Everything a worker needs to know; the same for all but the index.
#[derive(Clone)]
pub struct Assignment {
    /// Which worker this is.
    pub worker: usize,
    /// The CPU it is pinned to.
    pub cpu: u32,
    /// Rings, control page, text tables.
    pub transport: Transport,
    /// How sockets are driven.
    pub wire: WireKind,
    /// What users do.
    pub scenario: Arc<dyn Scenario>,
    /// By origin: where it is.
    pub addresses: Vec<Vec<SocketAddr>>,
    /// By origin: how it is named in error details.
    pub origin_labels: Vec<String>,
    /// Addresses that connections are made from, in turn; may be empty.
    pub source_ips: Vec<IpAddr>,
    /// How many users there are over time, over all workers.
    pub users: Pattern,
    /// When the run is over.
    pub ends: WorkerEnds,
    /// Time limit of a request that has none of its own, ns.
    pub time_limit_ns: u64,
    /// The seed of all random numbers.
    pub seed: u64,
}

/// When the run is over for a worker; see `driver::Ends`.
pub type WorkerEnds = Ends;

/// Works until the run is over.
///
/// # Errors
/// When the wire or the executor cannot be had after all, or breaks; in words, for the supervisor's event log.
pub fn work(assignment: Assignment, bell: BorrowedFd<'_>) -> Result<(), String> {
    panics::note_places();
    let cpu = assignment.cpu;
    pin_this_thread(cpu).map_err(|error| format!("cannot be pinned to CPU {cpu}: {error}"))?;
    // Sleeps end up to 50 µs late otherwise. Where it cannot be had, they do.
    let _ = nix::sys::prctl::set_timerslack(1);
    match assignment.wire {
        WireKind::Uring => {
            let wire = UringWire::new(expected_connections(&assignment), bell)
                .map_err(|error| format!("the io_uring wire cannot be made: {error}"))?;
            run_on_glommio(cpu, |spawner| live(assignment, wire, bell, spawner))?
        }
        WireKind::Epoll => {
            let wire = EpollWire::new(expected_connections(&assignment), bell)
                .map_err(|error| format!("the epoll wire cannot be made: {error}"))?;
            run_plain(|spawner| live(assignment, wire, bell, spawner))
        }
    }
}

/// How many connections this worker should be ready for: each user keeps one to each origin.
fn expected_connections(assignment: &Assignment) -> usize {
    let share = (
        assignment.worker as u32,
        assignment.transport.workers() as u32,
    );
    let users = share_of(assignment.users.peak().ceil() as u64, share) as usize;
    users.max(1) * assignment.addresses.len().max(1)
}

async fn live<W: Wire + 'static>(
    assignment: Assignment,
    wire: W,
    bell: BorrowedFd<'_>,
    spawner: Spawner,
) -> Result<(), String> {
    let worker = assignment.worker;
    let transport = assignment.transport.clone();
    let destinations = assignment
        .scenario
        .origins()
        .iter()
        .zip(&assignment.addresses)
        .zip(&assignment.origin_labels)
        .map(|((origin, addresses), label)| Destination {
            authority: origin.authority(),
            label: label.clone(),
            addresses: addresses.clone(),
        })
        .collect();
    let sink = transport.sink(worker);
    let texts = transport.text_writer(worker);
    transport.worker(worker).set_state(WorkerState::Ready);
    let Some(epoch) = wait_for_start(&transport, worker, bell) else {
        transport.worker(worker).set_state(WorkerState::Done);
        return Ok(());
    };
    transport.worker(worker).set_state(WorkerState::Running);
    let core = Rc::new(RefCell::new(Core {
        wire,
        desk: Desk {
            worker,
            transport: transport.clone(),
            sink,
            texts,
            seats: Vec::new(),
            owners: Vec::new(),
            timers: Default::default(),
            epoch,
            now_ns: epoch.now_ns(),
            stage: Stage::Running,
            rung: false,
            in_flight: 0,
            static_names: assignment.scenario.endpoints().len() as u32,
        },
        destinations,
        sources: Sources::new(assignment.source_ips),
        rendered: vec![None; assignment.scenario.fixed_requests() as usize],
        time_limit_ns: assignment.time_limit_ns,
        max_requests: assignment.ends.max_requests,
    }));
    let users = Users::new(
        Rc::clone(&core),
        assignment.scenario,
        spawner,
        assignment.users,
        assignment.seed,
    );
    Driver::new(core, users, assignment.ends)
        .drive()
        .await
        .map_err(|error| format!("the wire broke: {error}"))?;
    transport.worker(worker).set_state(WorkerState::Done);
    Ok(())
}

/// Waits until the supervisor starts the run, and for t0 itself; `None` when it is called off before.
fn wait_for_start(transport: &Transport, worker: usize, bell: BorrowedFd<'_>) -> Option<Epoch> {
    loop {
        let control = transport.control();
        match control.phase() {
            RunPhase::Starting => {}
            RunPhase::Running => {
                let t0_ns = control.t0_ns.load(std::sync::atomic::Ordering::Relaxed);
                while monotonic_ns() < t0_ns {
                    let left_ns = t0_ns.saturating_sub(monotonic_ns());
                    std::thread::sleep(std::time::Duration::from_nanos(left_ns));
                }
                return Some(Epoch::new(t0_ns));
            }
            RunPhase::Draining | RunPhase::Ending => return None,
        }
        transport
            .worker(worker)
            .heartbeat_ns
            .store(monotonic_ns(), std::sync::atomic::Ordering::Relaxed);
        // The bell stays rung until the wire reads it, so nothing is missed; 10 ms is for safety only.
        let mut fds = [PollFd::new(bell.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut fds, PollTimeout::from(10u8));
        if control.phase() == RunPhase::Starting {
            std::thread::yield_now();
        }
    }
}

/// The words and place of this thread's last panic.
pub fn last_panic() -> String {
    panics::take_place()
}
