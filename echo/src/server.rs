//! The target as a whole: listens, hands connections to its workers, counts, ends.
//! Neighbours: `worker.rs` are the threads. One thread accepts and gives each connection to the worker that has fewest;
//! SO_REUSEPORT was rejected, since its hash leaves workers idle when connections are few.
//! Invariant: whatever the clients do, accepting never spins and never uses the last descriptors.

use crate::{
    answer::Answers,
    arrivals::ArrivalFile,
    conduct::Manner,
    config::{EchoConfig, EchoError},
    dialogue::Service,
    tally::{EchoCounts, Tally},
    worker::{Door, Worker},
};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        eventfd::{EfdFlags, EventFd},
        resource::{Resource, getrlimit, setrlimit},
        socket::{Backlog, listen},
    },
    unistd::close,
};
use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    thread::{self, JoinHandle},
};

/// Descriptors left to the rest of the process, beside the three of each worker.
const SPARE_DESCRIPTORS: usize = 64;

/// How long accepting rests when no connection can be taken in; they wait in the kernel's queue.
const REST_MS: u16 = 20;

/// A target that listens; clients may connect already, `run_until` or `spawn` answers them.
pub struct EchoServer {
    listener: TcpListener,
    address: SocketAddr,
    workers: Vec<Worker>,
    tally: Arc<Tally>,
    arrivals: Option<Arc<Mutex<ArrivalFile>>>,
    max_connections: usize,
}

impl EchoServer {
    /// Opens everything it needs and listens. Raises this process's soft limit on open files to the hard one.
    ///
    /// # Errors
    /// When the configuration asks for the impossible or the system refuses: the message says what and the remedy.
    pub fn bind(config: &EchoConfig) -> Result<EchoServer, EchoError> {
        config.check()?;
        let reserved = SPARE_DESCRIPTORS + 3 * config.threads;
        let limit = raise_descriptor_limit();
        if limit <= reserved {
            return Err(EchoError::Descriptors {
                needed: reserved + 1,
                limit,
            });
        }
        make_room_for_descriptors(limit);
        let refused = |source| EchoError::Listen {
            address: config.address,
            source,
        };
        let listener = TcpListener::bind(config.address).map_err(refused)?;
        // The standard library asks for a queue of 128: a burst of more would wait a second for its SYN to be sent again.
        listen(&listener, Backlog::MAXCONN).map_err(|errno| refused(errno.into()))?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let arrivals = config.arrivals.as_deref().map(open_arrivals).transpose()?;
        let manner = Manner::of(config);
        let tally = Arc::new(Tally::new(config.threads));
        let answers = Arc::new(Answers::new(config));
        let workers = (0..config.threads)
            .map(|thread| {
                let (answers, tally) = (Arc::clone(&answers), Arc::clone(&tally));
                let service = Service {
                    answers,
                    tally,
                    thread,
                    manner: manner.clone(),
                    arrivals: arrivals.clone(),
                    now_ns: 0,
                };
                Worker::new(service, config)
            })
            .collect::<Result<_, _>>()?;
        let max_connections = config.max_connections.min(limit - reserved);
        Ok(EchoServer {
            listener,
            address,
            workers,
            tally,
            arrivals,
            max_connections,
        })
    }

    /// Where it listens; the port is never 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` becomes readable (an eventfd, a pipe, a signalfd: nothing is read from it) and gives the counts.
    /// Connections still open are closed.
    ///
    /// # Errors
    /// When a thread cannot be started, or the file of arrivals could not be written whole.
    ///
    /// # Panics
    /// When a worker thread panicked, which is a fault of this crate.
    pub fn run_until(self, stop: BorrowedFd<'_>) -> Result<EchoCounts, EchoError> {
        let doors: Vec<Arc<Door>> = self.workers.iter().map(Worker::door).collect();
        let mut threads = Vec::new();
        let mut outcome = Ok(());
        for (number, worker) in self.workers.into_iter().enumerate() {
            let builder = thread::Builder::new().name(format!("echo-{number}"));
            match builder.spawn(move || worker.run()) {
                Ok(thread) => threads.push(thread),
                Err(source) => {
                    outcome = Err(EchoError::system("a thread")(source));
                    break;
                }
            }
        }
        if outcome.is_ok() {
            accept_until(stop, &self.listener, &doors, self.max_connections);
        }
        for door in &doors {
            door.close();
        }
        for thread in threads {
            thread
                .join()
                .expect("a thread of the echo target ends without a panic");
        }
        if let Some(arrivals) = &self.arrivals {
            let mut arrivals = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
            arrivals.finish().map_err(EchoError::ArrivalsLost)?;
        }
        outcome.map(|()| self.tally.total())
    }

    /// Serves in threads of its own, until the handle is stopped or dropped.
    ///
    /// # Errors
    /// When the first thread cannot be started.
    pub fn spawn(self) -> Result<EchoHandle, EchoError> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        let stop = EventFd::from_flags(flags).map_err(EchoError::system("an eventfd"))?;
        let stop = Arc::new(stop);
        let (address, tally) = (self.address, Arc::clone(&self.tally));
        let heard = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("echo-accept".to_owned())
            .spawn(move || self.run_until(heard.as_fd()))
            .map_err(EchoError::system("a thread"))?;
        Ok(EchoHandle {
            address,
            tally,
            stop,
            thread: Some(thread),
        })
    }
}

/// A target that serves in threads of this process; dropping it stops it.
pub struct EchoHandle {
    address: SocketAddr,
    tally: Arc<Tally>,
    stop: Arc<EventFd>,
    thread: Option<JoinHandle<Result<EchoCounts, EchoError>>>,
}

impl EchoHandle {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests so far, exact: a request whose answer has been read is counted.
    pub fn requests(&self) -> u64 {
        self.tally.total().requests
    }

    /// Everything counted so far.
    pub fn counts(&self) -> EchoCounts {
        self.tally.total()
    }

    /// Stops it, closes its connections and gives the last counts.
    ///
    /// # Errors
    /// When it could not start its threads, or the file of arrivals could not be written whole.
    ///
    /// # Panics
    /// When one of its threads panicked, which is a fault of this crate.
    pub fn stop(mut self) -> Result<EchoCounts, EchoError> {
        let thread = self.ring().expect("a handle is stopped once");
        thread
            .join()
            .expect("the accepting thread ends without a panic")
    }

    fn ring(&mut self) -> Option<JoinHandle<Result<EchoCounts, EchoError>>> {
        // Cannot fail: the counter is rung once.
        let _ = self.stop.write(1);
        self.thread.take()
    }
}

impl Drop for EchoHandle {
    fn drop(&mut self) {
        if let Some(thread) = self.ring() {
            // A panic in there was printed already; one more while dropping would abort.
            let _ = thread.join();
        }
    }
}

fn open_arrivals(path: &Path) -> Result<Arc<Mutex<ArrivalFile>>, EchoError> {
    let file = ArrivalFile::create(path).map_err(|source| EchoError::Arrivals {
        path: path.to_owned(),
        source,
    })?;
    Ok(Arc::new(Mutex::new(file)))
}

/// Takes connections in until `stop` is readable.
fn accept_until(
    stop: BorrowedFd<'_>,
    listener: &TcpListener,
    doors: &[Arc<Door>],
    max_connections: usize,
) {
    let mut resting = false;
    loop {
        let mut watched = [
            PollFd::new(stop, PollFlags::POLLIN),
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
        ];
        let (count, timeout) = if resting {
            (1, PollTimeout::from(REST_MS))
        } else {
            (2, PollTimeout::NONE)
        };
        match poll(&mut watched[..count], timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => panic!("polling two descriptors of our own failed: {errno}"),
        }
        if watched[0].any().unwrap_or(false) {
            return;
        }
        resting = !accept_all(listener, doors, max_connections);
    }
}

/// Accepts what is there; false when something is left that cannot be taken in now.
fn accept_all(listener: &TcpListener, doors: &[Arc<Door>], max_connections: usize) -> bool {
    let load = |door: &Door| door.open.load(Ordering::Relaxed);
    loop {
        if doors.iter().map(|door| load(door)).sum::<usize>() >= max_connections {
            return false;
        }
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => return true,
                // The client was gone before we came.
                io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => continue,
                // Out of descriptors (ours or the system's) or of memory.
                _ => return false,
            },
        };
        // Both fail only on a connection that is gone already.
        if stream.set_nonblocking(true).is_ok() && stream.set_nodelay(true).is_ok() {
            let door = doors
                .iter()
                .min_by_key(|door| load(door))
                .expect("at least one worker");
            door.put(stream);
        }
    }
}

/// Places in the table of descriptors that are made at the start: 512 KB of the kernel's.
const MOST_PLACES: usize = 65_536;

/// Makes the kernel's table of this process's descriptors as large as it will be. Otherwise it grows at 256, 1,024 and so on, and
/// whoever accepts sleeps each time until every CPU has noticed (8 to 20 ms beside a busy client), with clients waiting.
fn make_room_for_descriptors(limit: usize) {
    let highest = limit.min(MOST_PLACES) - 1;
    // Where it cannot be had, the table grows as it always did.
    if let Ok(far) = fcntl(io::stderr(), FcntlArg::F_DUPFD_CLOEXEC(highest as i32)) {
        let _ = close(far);
    }
}

/// Raises the soft limit on open files as far as allowed and gives what it is then.
fn raise_descriptor_limit() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return 1024;
    };
    let limit = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    };
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_descriptors_does_not_grow_while_clients_come() {
        let limit = raise_descriptor_limit();
        make_room_for_descriptors(limit);
        let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
        let size = status.lines().find_map(|line| line.strip_prefix("FDSize:"));
        let size = size.map(|size| size.trim().parse::<usize>());
        assert!(size.unwrap().unwrap() >= limit.min(MOST_PLACES));
    }
}
