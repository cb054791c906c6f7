//! One worker: a thread (of a process of its own, or of the supervisor where there is no shared memory) that carries
//! out its share of the plan. Neighbours: `supervisor/` starts it; `driver.rs` is its main loop, `exchange.rs` its
//! requests, `users.rs` its virtual users. Invariant: talks to the rest only through its ring and the control page.

mod client;
mod desk;
mod driver;
mod exchange;
mod executor;
mod lead;
mod limiter;
mod not_sent;
mod panics;
#[cfg(test)]
mod pause_test;
#[cfg(test)]
mod rows_test;
pub(crate) mod schedule;
mod seat;
mod sources;
pub(crate) mod timers;
#[cfg(test)]
mod turn_test;
mod users;

use crate::{
    clock::{Epoch, monotonic_ns},
    cpus::pin_this_thread,
    plan::{MaxRate, PlanPart},
    prepare::WireKind,
    steering::SteeredLoad,
    wire::{Wire, epoll::EpollWire, uring::UringWire},
};
use desk::{Desk, PartBooks, Stage};
use driver::{Driver, Ends};
use exchange::{Core, Destination};
use executor::{Spawner, run_on_glommio, run_plain};
use limiter::Limiter;
use loadforge_ring::{RunPhase, Share, Transport, WorkerState};
use loadforge_scenarios::{Demand, Scenario};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use schedule::Schedule;
use sources::Sources;
use std::{
    cell::RefCell,
    net::IpAddr,
    os::fd::{AsFd, BorrowedFd},
    rc::Rc,
    sync::Arc,
    time::Duration,
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
    /// Scenarios side by side, each with its own load.
    pub parts: Vec<PlanPart>,
    /// Bounds the requests a second over all workers.
    pub max_rate: Option<MaxRate>,
    /// Addresses that connections are made from, in turn; may be empty.
    pub source_ips: Vec<IpAddr>,
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
    make_room_for_descriptors(2 * expected_connections(&assignment) + 64);
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

/// Places in the table of descriptors that are made before the run: 512 KB of the kernel's.
const MOST_PLACES: u64 = 65_536;

/// Makes the kernel's table of this process's descriptors as large as it will be. Otherwise it grows at 64, 256, 1,024 and so on
/// while the run goes on, and a process with several threads sleeps each time until every CPU has noticed (an RCU grace period:
/// 8 to 20 ms beside a server that is busy). Twice as many as expected, for the users of a worker that dies.
fn make_room_for_descriptors(count: usize) {
    use nix::{
        fcntl::{FcntlArg, fcntl},
        sys::resource::{Resource, getrlimit},
        unistd::close,
    };
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
    let highest = (count as u64).min(MOST_PLACES).min(limit.saturating_sub(1));
    let highest = i32::try_from(highest).unwrap_or(i32::MAX);
    // Where it cannot be had, the table grows as it always did.
    if let Ok(far) = fcntl(std::io::stderr(), FcntlArg::F_DUPFD_CLOEXEC(highest)) {
        let _ = close(far);
    }
}

/// Raises the limit of descriptors as far as the system lets it: more users may have been ordered than were planned.
fn allow_all_descriptors() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // Where it cannot be had, connections past the limit fail and say so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// How many connections this worker should be ready for: each user keeps one to each origin.
fn expected_connections(assignment: &Assignment) -> usize {
    let share = Share {
        index: assignment.worker as u32,
        of: assignment.transport.workers() as u32,
        from_ns: 0,
    };
    let each = assignment.parts.iter().map(|part| {
        let users = share_of(part.demand.most_users(), share) as usize;
        users.max(1) * part.addresses.len().max(1)
    });
    each.sum()
}

async fn live<W: Wire + 'static>(
    assignment: Assignment,
    wire: W,
    bell: BorrowedFd<'_>,
    spawner: Spawner,
) -> Result<(), String> {
    let worker = assignment.worker;
    let transport = assignment.transport.clone();
    let destinations = assignment.parts.iter().flat_map(destinations).collect();
    let (parts, names, fixed) = books(&assignment.parts);
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
            parts,
            arrivals_open: 0,
            seats: Vec::new(),
            owners: Vec::new(),
            timers: Default::default(),
            epoch,
            now_ns: epoch.now_ns(),
            stage: Stage::Running,
            paused: false,
            rung: false,
            in_flight: 0,
            static_names: names,
        },
        destinations,
        sources: Sources::new(assignment.source_ips),
        rendered: vec![None; fixed as usize],
        time_limit_ns: assignment.time_limit_ns,
        max_requests: assignment.ends.max_requests,
        limiter: assignment.max_rate.map(Limiter::new),
    }));
    let load = SteeredLoad::new(
        assignment.parts.iter().map(|part| part.demand.clone()),
        Duration::from_nanos(assignment.ends.duration_ns),
    );
    let schedules = schedules(assignment.parts, &load, assignment.seed);
    let users = Users::new(Rc::clone(&core), spawner, schedules, load, assignment.seed);
    Driver::new(core, users, assignment.ends)
        .drive()
        .await
        .map_err(|error| format!("the wire broke: {error}"))?;
    transport.worker(worker).set_state(WorkerState::Done);
    Ok(())
}

/// A scenario's origins, ready for use.
fn destinations(part: &PlanPart) -> impl Iterator<Item = Destination> + '_ {
    part.scenario
        .origins()
        .iter()
        .zip(&part.addresses)
        .zip(&part.origin_labels)
        .map(|((origin, addresses), label)| Destination {
            authority: origin.authority(),
            label: label.clone(),
            addresses: addresses.clone(),
        })
}

/// Where each scenario's names, origins, fixed requests and feeds stand among those of all, and how many names and fixed
/// requests there are.
fn books(parts: &[PlanPart]) -> (Vec<PartBooks>, u32, u32) {
    let (mut names, mut origins, mut fixed, mut feeds) = (0, 0, 0, 0);
    let books = parts.iter().map(|part| {
        let books = PartBooks {
            names_before: names,
            names: part.scenario.endpoints().len() as u32,
            origins_before: origins,
            fixed_before: fixed,
            feeds_before: feeds,
            is_open: matches!(part.demand, Demand::Arrivals { .. }),
            ..PartBooks::default()
        };
        names += books.names;
        origins += part.scenario.origins().len() as u16;
        fixed += part.scenario.fixed_requests();
        feeds += part.scenario.feeds();
        books
    });
    (books.collect(), names, fixed)
}

/// Each scenario with what it asks of this worker.
fn schedules(
    parts: Vec<PlanPart>,
    load: &SteeredLoad,
    seed: u64,
) -> Vec<(Arc<dyn Scenario>, Schedule)> {
    let both = parts.into_iter().zip(load.parts()).enumerate();
    both.map(|(index, (part, (demand, course)))| {
        let schedule = Schedule::new(demand, Arc::clone(course), arrivals_seed(seed, index));
        (part.scenario, schedule)
    })
    .collect()
}

/// The seed of a scenario's arrivals, apart from those of its users and of other scenarios.
pub fn arrivals_seed(seed: u64, part: usize) -> u64 {
    // SplitMix64's increment, as for users' seeds; the first part's is not the run's own.
    seed ^ (part as u64 + 1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(32)
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

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::resource::{Resource, getrlimit};

    #[test]
    fn the_table_of_descriptors_is_as_large_as_asked_for_and_none_stays_open() {
        let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        let wanted = soft.min(9_000);
        make_room_for_descriptors(wanted as usize - 1);
        let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
        let size = status.lines().find_map(|line| line.strip_prefix("FDSize:"));
        let size: u64 = size
            .and_then(|size| size.trim().parse().ok())
            .expect("a number");
        assert!(size >= wanted, "{size} places for {wanted}");
        let far = std::path::Path::new("/proc/self/fd").join((wanted - 1).to_string());
        assert!(!far.exists(), "the far one was closed");
    }
}
