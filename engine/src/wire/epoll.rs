//! The wire on epoll, for places where io_uring is forbidden: non-blocking sockets, edge-triggered, bytes written the
//! moment they are given to `send` and read into one buffer shared by all connections. Neighbours: `wait.rs` sleeps.
//! Invariant: an edge is not told twice, so what a slot is known to be ready for stays in `ready` until the kernel
//! answers EAGAIN (or a short read, which means the same), and a slot with something left to do stands in `queue`.

use super::{
    Action, ConnId, Event, Outgoing, Wait, Wire, WireCounts, source::tcp_socket, uring::drain_bell,
};
use crate::clock::monotonic_ns;
use bytes::Bytes;
use nix::{
    errno::Errno,
    sys::{
        epoll::{EpollEvent, EpollFlags},
        socket::{
            MsgFlags, SockFlag, SockaddrStorage, connect, getsockopt, recv, send, sendmsg, sockopt,
        },
    },
};
use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
};
use wait::Poller;

#[cfg(test)]
mod tests;
mod wait;

/// Bytes one receive may bring. Shared by all connections, so its size costs nothing per connection.
const RECEIVE_BYTES: usize = 64 * 1024;
/// Receives for one connection in one turn; one with more to say comes again next turn, after all others.
const RECEIVES_PER_TURN: usize = 4;
/// Bytes written for one connection at a stretch; the rest comes next turn, after all others.
const SEND_BYTES_AT_ONCE: usize = RECEIVES_PER_TURN * RECEIVE_BYTES;
/// Marks the bell among the poller's events: no connection's data looks like this, its slot would need 2^32 others.
const BELL: u64 = u64::MAX;

/// A place for one connection.
struct Slot {
    generation: u32,
    fd: Option<OwnedFd>,
    open: bool,
    /// What the socket is known to be ready for.
    ready: EpollFlags,
    /// It stands in the wire's `queue`.
    queued: bool,
    /// What broke it, found outside a turn; the next turn tells.
    failed: Option<i32>,
    /// Something given to `send` has not left whole.
    sending: bool,
    head: Outgoing,
    body: Bytes,
    /// How much of head and body together has left.
    sent: usize,
}

impl Slot {
    fn empty() -> Slot {
        Slot {
            generation: 0,
            fd: None,
            open: false,
            ready: EpollFlags::empty(),
            queued: false,
            failed: None,
            sending: false,
            head: Outgoing::Once(Vec::new()),
            body: Bytes::new(),
            sent: 0,
        }
    }

    fn raw_fd(&self) -> i32 {
        self.fd.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }

    /// What is left to send, `limit` bytes at most: of the head, and of the body.
    fn rest(&self, limit: usize) -> (&[u8], &[u8]) {
        let head = self.head.as_bytes();
        let body = &self.body[self.sent.saturating_sub(head.len())..];
        let head = &head[self.sent.min(head.len())..];
        let head = &head[..head.len().min(limit)];
        (head, &body[..body.len().min(limit - head.len())])
    }

    /// Gives the kernel what it takes; returns whether there is more to do about this connection at once.
    fn push_out(&mut self) -> bool {
        let mut budget = SEND_BYTES_AT_ONCE;
        loop {
            if self.sent == self.head.as_bytes().len() + self.body.len() {
                self.sending = false;
                self.body = Bytes::new();
                return false;
            }
            if budget == 0 {
                return true;
            }
            let (head, body) = self.rest(budget);
            let written = if body.is_empty() {
                send(self.raw_fd(), head, MsgFlags::MSG_NOSIGNAL)
            } else {
                let pieces = [IoSlice::new(head), IoSlice::new(body)];
                sendmsg::<()>(self.raw_fd(), &pieces, &[], MsgFlags::MSG_NOSIGNAL, None)
            };
            match written {
                Ok(bytes) => {
                    self.sent += bytes;
                    budget -= bytes;
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    self.ready.remove(EpollFlags::EPOLLOUT);
                    return false;
                }
                Err(errno) => {
                    self.failed = Some(errno as i32);
                    return true;
                }
            }
        }
    }

    /// Whether a receive may bring something: bytes, or the end that is known to stand behind them.
    fn may_receive(&self) -> bool {
        let something = EpollFlags::EPOLLIN
            | EpollFlags::EPOLLRDHUP
            | EpollFlags::EPOLLHUP
            | EpollFlags::EPOLLERR;
        self.failed.is_some() || self.ready.intersects(something)
    }
}

/// The epoll wire.
pub struct EpollWire {
    poller: Poller,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Connections that have something to do without a new edge.
    queue: Vec<ConnId>,
    /// The queue of the turn under way; kept for its memory.
    visiting: Vec<ConnId>,
    received: Box<[u8]>,
    bell: OwnedFd,
    counts: WireCounts,
}

impl EpollWire {
    /// Makes the wire. `connections` is how many are expected, `bell` an eventfd that the supervisor rings.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub fn new(connections: usize, bell: BorrowedFd<'_>) -> io::Result<EpollWire> {
        let poller = Poller::new(connections)?;
        let bell = bell.try_clone_to_owned()?;
        // Not edge-triggered: a bell is read away once, whoever rang it how often.
        poller.add(&bell, EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        Ok(EpollWire {
            poller,
            slots: Vec::with_capacity(connections),
            free: Vec::with_capacity(connections),
            queue: Vec::with_capacity(connections),
            visiting: Vec::with_capacity(connections),
            received: vec![0; RECEIVE_BYTES].into_boxed_slice(),
            bell,
            counts: WireCounts::default(),
        })
    }

    fn is_live(&self, conn: ConnId) -> bool {
        self.slots
            .get(conn.slot as usize)
            .is_some_and(|slot| slot.generation == conn.generation && slot.fd.is_some())
    }

    /// Makes sure that the next turn visits the connection, and does not wait.
    fn enqueue(&mut self, conn: ConnId) {
        let slot = &mut self.slots[conn.slot as usize];
        if !slot.queued {
            slot.queued = true;
            self.queue.push(conn);
        }
    }

    /// Begins to connect on a slot that is free, and has the poller watch it.
    fn begin(&mut self, conn: ConnId, fd: OwnedFd, address: SocketAddr) -> io::Result<()> {
        let failed = match connect(fd.as_raw_fd(), &SockaddrStorage::from(address)) {
            Ok(()) | Err(Errno::EINPROGRESS | Errno::EINTR) => None,
            Err(errno) => Some(errno as i32),
        };
        if failed.is_none() {
            // Only now: a socket that does not connect yet polls as hung up.
            let interest = EpollFlags::EPOLLIN
                | EpollFlags::EPOLLOUT
                | EpollFlags::EPOLLRDHUP
                | EpollFlags::EPOLLET;
            let data = u64::from(conn.generation) << 32 | u64::from(conn.slot);
            self.poller.add(&fd, EpollEvent::new(interest, data))?;
        }
        let slot = &mut self.slots[conn.slot as usize];
        slot.fd = Some(fd);
        slot.open = false;
        slot.ready = EpollFlags::empty();
        slot.queued = false;
        slot.failed = failed;
        slot.sending = false;
        if failed.is_some() {
            self.enqueue(conn);
        }
        Ok(())
    }

    /// Does what a connection's readiness allows, within a turn's share; returns the number of events.
    fn visit(
        &mut self,
        conn: ConnId,
        now_ns: u64,
        handle: &mut dyn FnMut(Event<'_>, u64) -> Action,
    ) -> usize {
        let mut events = 0;
        if !self.slots[conn.slot as usize].open {
            events += usize::from(self.settle_connect(conn, now_ns, handle));
            if !self.is_open(conn) {
                return events;
            }
        }
        let slot = &mut self.slots[conn.slot as usize];
        let writable = slot.ready.contains(EpollFlags::EPOLLOUT);
        let unfinished = slot.sending && writable && slot.failed.is_none() && slot.push_out();
        events += self.receive(conn, now_ns, handle);
        if unfinished && self.is_live(conn) {
            self.enqueue(conn);
        }
        events
    }

    /// Asks how a connect ended, if it has; returns whether there was an event.
    fn settle_connect(
        &mut self,
        conn: ConnId,
        now_ns: u64,
        handle: &mut dyn FnMut(Event<'_>, u64) -> Action,
    ) -> bool {
        let slot = &mut self.slots[conn.slot as usize];
        let settled = EpollFlags::EPOLLOUT | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR;
        let errno = match (slot.failed, &slot.fd) {
            (Some(errno), _) => errno,
            (None, Some(fd)) if slot.ready.intersects(settled) => {
                getsockopt(fd, sockopt::SocketError).unwrap_or_else(|errno| errno as i32)
            }
            _ => return false,
        };
        if errno != 0 {
            self.close(conn);
            handle(Event::ConnectFailed(conn, errno), now_ns);
            return true;
        }
        slot.open = true;
        if handle(Event::Connected(conn), now_ns) == Action::Close {
            self.close(conn);
        }
        true
    }

    /// Receives until there is no more or the turn's share is used up; returns the number of events.
    fn receive(
        &mut self,
        conn: ConnId,
        turn_ns: u64,
        handle: &mut dyn FnMut(Event<'_>, u64) -> Action,
    ) -> usize {
        let mut events = 0;
        // What comes first was there when the kernel returned; what comes later may have arrived since.
        let mut now_ns = turn_ns;
        for _ in 0..RECEIVES_PER_TURN {
            let slot = &mut self.slots[conn.slot as usize];
            if !slot.may_receive() {
                return events;
            }
            let result = recv(slot.raw_fd(), &mut self.received, MsgFlags::empty());
            if events > 0 {
                now_ns = monotonic_ns();
            }
            let ended = match result {
                Ok(0) => slot.failed.filter(|errno| *errno != libc::EPIPE),
                Ok(bytes) => {
                    if bytes < self.received.len() {
                        slot.ready.remove(EpollFlags::EPOLLIN);
                    }
                    events += 1;
                    let data = Event::Data(conn, &self.received[..bytes]);
                    if handle(data, now_ns) == Action::Close {
                        self.close(conn);
                        return events;
                    }
                    continue;
                }
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) if slot.failed.is_none() => {
                    slot.ready &= EpollFlags::EPOLLOUT;
                    return events;
                }
                // What broke a send comes after all that had arrived before it.
                Err(Errno::EAGAIN) => slot.failed,
                Err(errno) => Some(errno as i32),
            };
            self.close(conn);
            handle(Event::Closed(conn, ended), now_ns);
            return events + 1;
        }
        self.enqueue(conn);
        events
    }
}

impl Wire for EpollWire {
    fn connect(&mut self, address: SocketAddr, source: Option<SocketAddr>) -> io::Result<ConnId> {
        let fd = tcp_socket(address, source, SockFlag::SOCK_NONBLOCK)?;
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::empty());
            self.slots.len() as u32 - 1
        });
        let conn = ConnId {
            slot: index,
            generation: self.slots[index as usize].generation,
        };
        if let Err(error) = self.begin(conn, fd, address) {
            self.free.push(index);
            return Err(error);
        }
        Ok(conn)
    }

    fn send(&mut self, conn: ConnId, head: Outgoing, body: Bytes) {
        if !self.is_live(conn) {
            return;
        }
        let slot = &mut self.slots[conn.slot as usize];
        debug_assert!(!slot.sending, "a connection sends one thing at a time");
        slot.head = head;
        slot.body = body;
        slot.sent = 0;
        slot.sending = true;
        // Before the connection stands, or after it broke, a send would only take an error away from its event.
        if slot.open && slot.failed.is_none() && slot.push_out() {
            self.enqueue(conn);
        }
    }

    fn is_sent(&self, conn: ConnId) -> bool {
        !self.is_live(conn) || !self.slots[conn.slot as usize].sending
    }

    fn spare(&mut self, conn: ConnId) -> Vec<u8> {
        if !self.is_live(conn) || self.slots[conn.slot as usize].sending {
            return Vec::new();
        }
        let slot = &mut self.slots[conn.slot as usize];
        match std::mem::replace(&mut slot.head, Outgoing::Once(Vec::new())) {
            Outgoing::Once(mut bytes) => {
                bytes.clear();
                bytes
            }
            Outgoing::Fixed(_) => Vec::new(),
        }
    }

    fn is_open(&self, conn: ConnId) -> bool {
        self.is_live(conn) && self.slots[conn.slot as usize].open
    }

    fn close(&mut self, conn: ConnId) {
        if !self.is_live(conn) {
            return;
        }
        let slot = &mut self.slots[conn.slot as usize];
        // Closing takes it out of the poller too: nobody else holds this descriptor.
        slot.fd = None;
        slot.open = false;
        slot.sending = false;
        slot.body = Bytes::new();
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(conn.slot);
    }

    #[cfg(test)]
    fn connections(&self) -> usize {
        self.slots.iter().filter(|slot| slot.fd.is_some()).count()
    }

    fn turn(
        &mut self,
        wait: Wait,
        handle: &mut dyn FnMut(Event<'_>, u64) -> Action,
    ) -> io::Result<usize> {
        let wait = if self.queue.is_empty() {
            wait
        } else {
            Wait::No
        };
        let found = self.poller.wait(wait, &mut self.counts)?;
        let now_ns = monotonic_ns();
        let mut events = 0;
        for index in 0..found {
            let event = self.poller.event(index);
            if event.data() == BELL {
                drain_bell(&self.bell);
                handle(Event::Rung, now_ns);
                events += 1;
                continue;
            }
            let data = event.data();
            let conn = ConnId {
                slot: data as u32,
                generation: (data >> 32) as u32,
            };
            if self.is_live(conn) {
                self.slots[conn.slot as usize].ready |= event.events();
                self.enqueue(conn);
            }
        }
        std::mem::swap(&mut self.queue, &mut self.visiting);
        for index in 0..self.visiting.len() {
            let conn = self.visiting[index];
            // It may have been closed since it was queued, and its slot used again.
            if self.is_live(conn) {
                self.slots[conn.slot as usize].queued = false;
                events += self.visit(conn, now_ns, handle);
            }
        }
        self.visiting.clear();
        Ok(events)
    }

    fn counts(&self) -> WireCounts {
        self.counts
    }
}
