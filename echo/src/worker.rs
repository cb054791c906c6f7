//! One answering thread: an epoll loop over its connections.
//! Neighbours: `server.rs` hands connections over through a `Door`; `connection.rs` does the work on each.
//! Invariant: a slot's generation grows with each connection in it, so that an event or a deadline of a connection that is
//! gone finds no other in its place.

use crate::{
    clock::now_ns,
    config::{EchoConfig, EchoError},
    connection::{Connection, Next, Workspace},
    deadlines::Deadlines,
    dialogue::Service,
};
use nix::{
    errno::Errno,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        eventfd::{EfdFlags, EventFd},
    },
};
use std::{
    net::TcpStream,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// Tokens that are no connection's: no slot is that high.
const DOOR: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;

/// How long a refused client may go on sending before the connection is closed under it.
const GOODBYE_NS: u64 = 1_000_000_000;

/// Memory that all connections together may hold for bodies and output, divided among the threads.
const HELD_BYTES: usize = 256 << 20;

/// How the acceptor reaches a worker.
pub(crate) struct Door {
    inbox: Mutex<Vec<TcpStream>>,
    bell: EventFd,
    stop: AtomicBool,
    /// Connections handed over and not closed yet.
    pub(crate) open: AtomicUsize,
}

impl Door {
    fn new() -> nix::Result<Door> {
        Ok(Door {
            inbox: Mutex::default(),
            bell: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?,
            stop: AtomicBool::new(false),
            open: AtomicUsize::new(0),
        })
    }

    /// Hands a connection over.
    pub(crate) fn put(&self, stream: TcpStream) {
        // Relaxed: only a measure of who has fewest.
        self.open.fetch_add(1, Ordering::Relaxed);
        self.inbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(stream);
        self.ring();
    }

    /// Asks the worker to end.
    pub(crate) fn close(&self) {
        // Release: partner of the load in `Worker::answer_door`.
        self.stop.store(true, Ordering::Release);
        self.ring();
    }

    fn ring(&self) {
        // It fails only when it has been rung 2^64 - 2 times unheard.
        let _ = self.bell.write(1);
    }
}

/// A thread's connections and what it needs to serve them.
pub(crate) struct Worker {
    epoll: Epoll,
    door: Arc<Door>,
    deadlines: Deadlines,
    slots: Vec<Slot>,
    free: Vec<u32>,
    workspace: Workspace,
    held: usize,
    most_held: usize,
    /// Never sleep.
    busy_poll: bool,
}

/// A place for a connection.
struct Slot {
    generation: u32,
    connection: Option<Connection>,
    interest: EpollFlags,
    /// The deadline that counts; others in the heap are of the past.
    due: Option<u64>,
    held: usize,
}

impl Worker {
    pub(crate) fn new(service: Service, config: &EchoConfig) -> Result<Worker, EchoError> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)
            .map_err(EchoError::system("an epoll instance"))?;
        let door = Arc::new(Door::new().map_err(EchoError::system("an eventfd"))?);
        let deadlines = Deadlines::new(config.spin).map_err(EchoError::system("a timerfd"))?;
        epoll
            .add(&door.bell, EpollEvent::new(EpollFlags::EPOLLIN, DOOR))
            .and_then(|()| epoll.add(&deadlines, EpollEvent::new(EpollFlags::EPOLLIN, TIMER)))
            .map_err(EchoError::system("the first entries of an epoll instance"))?;
        Ok(Worker {
            epoll,
            door,
            deadlines,
            slots: Vec::new(),
            free: Vec::new(),
            workspace: Workspace::new(service),
            held: 0,
            most_held: HELD_BYTES / config.threads,
            busy_poll: config.busy_poll,
        })
    }

    /// The way in.
    pub(crate) fn door(&self) -> Arc<Door> {
        Arc::clone(&self.door)
    }

    /// Serves until the door is closed.
    pub(crate) fn run(mut self) {
        let mut events = vec![EpollEvent::empty(); 512];
        loop {
            let timeout = if self.busy_poll || self.deadlines.is_near() {
                EpollTimeout::ZERO
            } else {
                EpollTimeout::NONE
            };
            let count = match self.epoll.wait(&mut events, timeout) {
                Ok(count) => count,
                Err(Errno::EINTR) => continue,
                Err(errno) => panic!("waiting on an epoll instance of our own failed: {errno}"),
            };
            // One stamp for all that arrived together: later ones would add the work on the earlier ones.
            self.workspace.service.stamp();
            for event in &events[..count] {
                match event.data() {
                    DOOR => {
                        if !self.answer_door() {
                            return;
                        }
                    }
                    TIMER => {
                        self.deadlines.heard();
                        self.answer_deadlines();
                    }
                    token => self.answer_event(token, event.events()),
                }
            }
            if self.deadlines.is_near() {
                self.answer_deadlines();
            }
        }
    }

    /// Takes new connections in; false when it is time to end.
    fn answer_door(&mut self) -> bool {
        // Not being able to read it would mean that nobody rang.
        let _ = self.door.bell.read();
        // Acquire: partner of the store in `Door::close`.
        if self.door.stop.load(Ordering::Acquire) {
            return false;
        }
        let arrived = {
            let mut inbox = self
                .door
                .inbox
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *inbox)
        };
        for stream in arrived {
            self.welcome(stream);
        }
        true
    }

    fn welcome(&mut self, stream: TcpStream) {
        let index = self.free.pop().unwrap_or_else(|| {
            let interest = EpollFlags::EPOLLIN;
            self.slots.push(Slot {
                generation: 0,
                connection: None,
                interest,
                due: None,
                held: 0,
            });
            u32::try_from(self.slots.len() - 1).expect("fewer connections than descriptors")
        });
        let slot = &mut self.slots[index as usize];
        slot.interest = EpollFlags::EPOLLIN;
        slot.due = None;
        let event = EpollEvent::new(slot.interest, token(index, slot.generation));
        let added = self.epoll.add(&stream, event);
        slot.connection = Some(Connection::new(stream));
        if added.is_err() {
            // Out of kernel memory, or of the user's epoll watches: the client sees the connection close.
            self.close(index);
        }
    }

    fn answer_event(&mut self, token: u64, flags: EpollFlags) {
        let Some(index) = self.index_of(token) else {
            return;
        };
        // Both ends are shut, or it was reset: nothing can be answered any more.
        if flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP) {
            return self.close(index);
        }
        let readable = flags.contains(EpollFlags::EPOLLIN);
        self.serve(index, |connection, workspace, room| {
            connection.turn(readable, workspace, room)
        });
    }

    fn answer_deadlines(&mut self) {
        let now = now_ns();
        self.workspace.service.now_ns = now;
        while let Some((due, token)) = self.deadlines.take_due(now) {
            let Some(index) = self.index_of(token) else {
                continue;
            };
            if self.slots[index as usize].due == Some(due) {
                self.slots[index as usize].due = None;
                self.serve(index, Connection::time_is_up);
                let late_ns = now_ns().saturating_sub(due);
                self.workspace
                    .service
                    .counters()
                    .latest_ns
                    .at_least(late_ns);
            }
        }
    }

    /// Gives a connection its turn and does what it asks next.
    fn serve(
        &mut self,
        index: u32,
        turn: impl FnOnce(&mut Connection, &mut Workspace, usize) -> Next,
    ) {
        let slot = &mut self.slots[index as usize];
        let connection = slot
            .connection
            .as_mut()
            .expect("a token leads to a connection");
        let room = (self.most_held + slot.held).saturating_sub(self.held);
        let next = turn(connection, &mut self.workspace, room);
        let held = connection.held_bytes();
        self.held = self.held - slot.held + held;
        slot.held = held;
        if held > 0 && self.held > self.most_held {
            self.workspace.service.counters().refused.add(1);
            return self.close(index);
        }
        match next {
            Next::Readable => self.set_interest(index, EpollFlags::EPOLLIN),
            Next::Writable => self.set_interest(index, EpollFlags::EPOLLOUT),
            // Events are left on while an answer is held back: turning them off and on costs two system calls,
            // and a client that waits for its answer causes none. One that does cause them gets here:
            Next::Nothing => self.set_interest(index, EpollFlags::empty()),
            Next::Until { due_ns, all_sent } => {
                if !all_sent {
                    self.set_interest(index, EpollFlags::EPOLLOUT);
                }
                self.set_deadline(index, due_ns);
            }
            Next::Goodbye => {
                self.set_interest(index, EpollFlags::EPOLLIN);
                self.set_deadline(index, now_ns() + GOODBYE_NS);
            }
            Next::Close => self.close(index),
        }
    }

    fn set_deadline(&mut self, index: u32, due_ns: u64) {
        let slot = &mut self.slots[index as usize];
        slot.due = Some(due_ns);
        self.deadlines
            .add(due_ns, token(index, slot.generation), now_ns());
    }

    fn set_interest(&mut self, index: u32, interest: EpollFlags) {
        let slot = &mut self.slots[index as usize];
        if slot.interest == interest {
            return;
        }
        let connection = slot
            .connection
            .as_ref()
            .expect("interest is set for a connection");
        let mut event = EpollEvent::new(interest, token(index, slot.generation));
        match self.epoll.modify(&connection.stream, &mut event) {
            Ok(()) => slot.interest = interest,
            Err(_) => self.close(index),
        }
    }

    /// Closes a connection; closing the socket takes it out of the epoll set.
    fn close(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        slot.connection = None;
        slot.generation = slot.generation.wrapping_add(1);
        slot.due = None;
        self.held -= slot.held;
        slot.held = 0;
        self.free.push(index);
        self.door.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// The slot that a token means, if its connection is still there.
    fn index_of(&self, token: u64) -> Option<u32> {
        let index = token as u32;
        let slot = self.slots.get(index as usize)?;
        let generation = (token >> 32) as u32;
        (slot.generation == generation && slot.connection.is_some()).then_some(index)
    }
}

fn token(index: u32, generation: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(index)
}
