//! From a plan to a run that can begin: descriptors, leftovers, region, wire. All of it before the fork, so that
//! every failure is one message and nothing has been started. Neighbours: `supervisor/` runs what comes out.
//! Invariant: when `prepare` fails it leaves nothing behind.

use crate::{
    cpus::allowed_cpus,
    plan::{Plan, TransportChoice, WireChoice},
    wire::uring::probe::{UringDenied, probe},
};
use loadforge_ring::{
    Capacity, ROW_COUNTERS, RegionError, Transport, TransportKind, sweep_leftovers,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors a process needs beside its connections.
const OWN_DESCRIPTORS: u64 = 64;
/// The smallest ring that is still worth having: below it, channels are used.
const LEAST_RING_RECORDS: usize = 16_384;
/// What glommio wants to be able to lock for its rings.
const LEAST_LOCKED_BYTES: u64 = 512 * 1024;

// What a scenario may have alone, scenarios may have together.
const _: () = assert!(loadforge_scenarios::MOST_FEEDS as usize == ROW_COUNTERS);

/// How sockets will be driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireKind {
    /// io_uring.
    Uring,
    /// epoll.
    Epoll,
}

/// Why a run cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A CPU was asked for that this process may not use.
    #[error("CPU {cpu} is not one of those this process may use ({allowed}); choose from them")]
    Cpu {
        /// The CPU asked for.
        cpu: u32,
        /// Those allowed.
        allowed: String,
    },
    /// More connections than descriptors.
    #[error(
        "{needed} descriptors a worker are needed for this many users, the limit is {limit}; raise it with \
         `ulimit -n {needed}` (as root: `ulimit -Hn {needed}` first), or use fewer users or more workers"
    )]
    Descriptors {
        /// Descriptors needed in one process.
        needed: u64,
        /// The hard limit.
        limit: u64,
    },
    /// The scenarios take rows from more data feeds and counters than the control page counts.
    #[error(
        "the scenarios have {count} data feeds and counters together, {most} are possible; put values that belong together into \
         the columns of one file, or run fewer scenarios side by side"
    )]
    Feeds {
        /// How many they have.
        count: usize,
        /// How many are possible.
        most: usize,
    },
    /// Shared memory was insisted on.
    #[error("--transport shm cannot be had: {0}; use --transport auto or channel")]
    SharedMemory(RegionError),
    /// io_uring was insisted on.
    #[error("--wire uring cannot be had: {0}; use --wire auto or epoll")]
    Uring(UringDenied),
}

impl PrepareError {
    /// Whether the user asked for something that cannot be (exit 2), or the machine is in the way (exit 1).
    pub fn is_bad_input(&self) -> bool {
        matches!(self, PrepareError::Cpu { .. } | PrepareError::Feeds { .. })
    }
}

/// A run that can begin.
pub struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) transport: Transport,
    pub(crate) wire: WireKind,
    notes: Vec<String>,
}

impl Prepared {
    /// How records will travel: `shm` or `channel`.
    pub fn transport_word(&self) -> &'static str {
        self.transport.kind().as_str()
    }

    /// How sockets will be driven: `uring` or `epoll`.
    pub fn wire_word(&self) -> &'static str {
        match self.wire {
            WireKind::Uring => "uring",
            WireKind::Epoll => "epoll",
        }
    }

    /// What the user should know about the choices made, such as why a fallback was taken.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// Checks the plan against this machine and takes what the run needs.
///
/// # Errors
/// When the machine lacks something that has no fallback, or whose fallback the plan forbids.
pub fn prepare(plan: Plan) -> Result<Prepared, PrepareError> {
    let mut notes = Vec::new();
    check_cpus(plan.cpus.iter().chain(&plan.aggregator_cpu))?;
    check_feeds(&plan)?;
    let leftovers = sweep_leftovers();
    if !leftovers.is_empty() {
        notes.push(format!(
            "removed what a killed run had left in /dev/shm: {}",
            leftovers.join(", ")
        ));
    }
    let transport = choose_transport(&plan, &mut notes)?;
    let processes = if transport.kind() == TransportKind::Channel {
        1
    } else {
        plan.cpus.len()
    };
    raise_descriptors(&plan, processes)?;
    let wire = choose_wire(&plan, &mut notes)?;
    Ok(Prepared {
        plan,
        transport,
        wire,
        notes,
    })
}

fn check_cpus<'c>(mut cpus: impl Iterator<Item = &'c u32>) -> Result<(), PrepareError> {
    let allowed = allowed_cpus();
    match cpus.find(|cpu| !allowed.contains(cpu)) {
        None => Ok(()),
        Some(cpu) => Err(PrepareError::Cpu {
            cpu: *cpu,
            allowed: allowed
                .iter()
                .map(u32::to_string)
                .collect::<Vec<_>>()
                .join(","),
        }),
    }
}

fn check_feeds(plan: &Plan) -> Result<(), PrepareError> {
    let feeds = plan.parts.iter().map(|part| part.scenario.feeds());
    let count = feeds.map(usize::from).sum();
    let most = ROW_COUNTERS;
    match count <= most {
        true => Ok(()),
        false => Err(PrepareError::Feeds { count, most }),
    }
}

fn choose_transport(plan: &Plan, notes: &mut Vec<String>) -> Result<Transport, PrepareError> {
    let workers = plan.cpus.len();
    let capacity = Capacity::default();
    if plan.transport == TransportChoice::Channel {
        return Ok(Transport::channel(workers, capacity));
    }
    match Transport::shared_memory_shrinking(workers, capacity, LEAST_RING_RECORDS) {
        Ok(transport) => {
            if transport.ring_capacity() < capacity.ring_records {
                notes.push(format!(
                    "/dev/shm is short of room: rings hold {} records instead of {}",
                    transport.ring_capacity(),
                    capacity.ring_records
                ));
            }
            Ok(transport)
        }
        Err(error) if plan.transport == TransportChoice::Shm => {
            Err(PrepareError::SharedMemory(error))
        }
        Err(error) => {
            notes.push(format!(
                "workers run as threads with channels, because {error}"
            ));
            Ok(Transport::channel(workers, capacity))
        }
    }
}

fn choose_wire(plan: &Plan, notes: &mut Vec<String>) -> Result<WireKind, PrepareError> {
    if plan.wire == WireChoice::Epoll {
        return Ok(WireKind::Epoll);
    }
    let connections = (most_connections(plan) as usize / plan.cpus.len()).max(1);
    match probe(plan.cpus.len(), connections).and_then(|()| check_locked_memory()) {
        Ok(()) => Ok(WireKind::Uring),
        Err(denied) if plan.wire == WireChoice::Uring => Err(PrepareError::Uring(denied)),
        Err(denied) => {
            notes.push(format!("sockets are driven by epoll, because {denied}"));
            Ok(WireKind::Epoll)
        }
    }
}

/// glommio refuses to start below its share, root or not; raising the limit is tried first.
fn check_locked_memory() -> Result<(), UringDenied> {
    let limit = Resource::RLIMIT_MEMLOCK;
    let Ok((soft, hard)) = getrlimit(limit) else {
        return Ok(());
    };
    let wanted = hard.max(LEAST_LOCKED_BYTES);
    if soft >= LEAST_LOCKED_BYTES || setrlimit(limit, wanted, wanted).is_ok() {
        return Ok(());
    }
    Err(UringDenied::Memory(std::io::Error::other(format!(
        "the limit is {soft} bytes, {LEAST_LOCKED_BYTES} are needed"
    ))))
}

/// Most connections of the whole run: each user keeps one to each origin of its scenario.
fn most_connections(plan: &Plan) -> u64 {
    let each = plan.parts.iter().map(|part| {
        let origins = part.addresses.len().max(1) as u64;
        part.demand.most_users().saturating_mul(origins)
    });
    each.sum()
}

/// Raises the soft limit of descriptors as far as needed, and says how many are needed when the hard limit is below.
/// Where there is room it is raised to twice that: for the users of a worker that dies, and for connections that are
/// being closed while their successors are made.
fn raise_descriptors(plan: &Plan, processes: usize) -> Result<(), PrepareError> {
    let in_one_process = most_connections(plan).div_ceil(processes as u64);
    let needed = in_one_process + OWN_DESCRIPTORS;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return Ok(());
    };
    let comfortable = needed + in_one_process;
    if soft >= comfortable {
        return Ok(());
    }
    let raise = |soft, hard| setrlimit(Resource::RLIMIT_NOFILE, soft, hard).is_ok();
    // Raising the hard limit is for root.
    if raise(comfortable.min(hard), hard) && needed <= hard || raise(comfortable, comfortable) {
        return Ok(());
    }
    Err(PrepareError::Descriptors {
        needed,
        limit: hard,
    })
}
