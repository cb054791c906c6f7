//! Sockets as a worker uses them: bytes out, events in, one turn at a time. Two implementations behind one face:
//! `uring` (own io_uring, the default) and `epoll` (where io_uring is forbidden). Neighbours: `worker/` drives turns
//! and reads what comes through `http1/`. Invariant: a `ConnId` names one connection for ever; after `ConnectFailed`,
//! `Closed` or `close` it is dead and every call with it does nothing.

use bytes::Bytes;
use std::{io, net::SocketAddr, rc::Rc};

#[cfg(test)]
mod conformance;
pub mod epoll;
pub mod source;
pub mod uring;

/// One connection; never reused for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnId {
    /// Index in the wire's table, reused after the connection is gone.
    pub slot: u32,
    /// Tells this use of the slot from earlier and later ones.
    pub generation: u32,
}

/// What a turn brings.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The connection stands; bytes can be sent.
    Connected(ConnId),
    /// The connection could not be made; it is gone.
    ConnectFailed(ConnId, i32),
    /// Bytes came in; they lie in the wire's buffer until the handler returns.
    Data(ConnId, &'a [u8]),
    /// The peer closed (`None`) or something broke (an errno); it is gone.
    Closed(ConnId, Option<i32>),
    /// The supervisor rang: the control page has changed.
    Rung,
}

/// What the handler of an event wants done with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Go on.
    Keep,
    /// Close it; no further event comes.
    Close,
}

/// How long a turn may wait for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: there is other work.
    No,
    /// Until something happens, or until this time (ns on CLOCK_MONOTONIC) at the latest.
    Until {
        /// When to return at the latest.
        deadline_ns: u64,
        /// Wake up this much earlier and spin, to be on time; 0 = do not spin.
        spin_ns: u64,
    },
}

/// Bytes to be sent: a head, and perhaps a large body that is not copied.
#[derive(Debug)]
pub enum Outgoing {
    /// Rendered once, sent many times.
    Fixed(Rc<[u8]>),
    /// Rendered for this request; the wire gives the memory back through `Wire::spare`.
    Once(Vec<u8>),
}

impl Outgoing {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Outgoing::Fixed(bytes) => bytes,
            Outgoing::Once(bytes) => bytes,
        }
    }
}

/// Two looks at the clock this far apart, with nothing between them but another look for events, mean that something took
/// the CPU away: an interrupt takes some 10 µs, a turn of the scheduler or a pause by the hypervisor ms.
pub(crate) const PAUSE_NS: u64 = 100_000;

/// Counts that a wire keeps about itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct WireCounts {
    /// Time spent spinning for a deadline, in ns.
    pub spin_ns: u64,
    /// Of that, what passed in pauses of `PAUSE_NS` and longer, in ns.
    pub paused_ns: u64,
    /// Sleeps before a spin that lasted to their end.
    pub wakes: u64,
    /// How late the last of them ended, in ns.
    pub woke_late_ns: u64,
    /// Times a receive found no buffer and had to be armed again.
    pub starvations: u64,
    /// Turns that found more completions than the queue holds; the kernel keeps the others for the next turn.
    pub overflows: u64,
}

impl WireCounts {
    /// Books a sleep before a spin that lasted to its end.
    pub(crate) fn woke(&mut self, late_ns: u64) {
        self.wakes += 1;
        self.woke_late_ns = late_ns;
    }

    /// Books a step of a spin: from one look at the clock to the next.
    pub(crate) fn spun(&mut self, from_ns: u64, to_ns: u64) {
        let step_ns = to_ns - from_ns;
        self.spin_ns += step_ns;
        if step_ns >= PAUSE_NS {
            self.paused_ns += step_ns;
        }
    }
}

/// The face of both wires.
pub trait Wire {
    /// Begins to connect, from `source` if one is given. `Connected` or `ConnectFailed` follows in a later turn.
    ///
    /// # Errors
    /// When no socket can be made: out of descriptors, or of ports on that source.
    fn connect(&mut self, address: SocketAddr, source: Option<SocketAddr>) -> io::Result<ConnId>;

    /// Sends `head`, then `body`. A connection sends one thing at a time: the answer to the one before has been read.
    fn send(&mut self, conn: ConnId, head: Outgoing, body: Bytes);

    /// Whether everything given to `send` has left for the kernel, as far as the wire knows.
    fn is_sent(&self, conn: ConnId) -> bool;

    /// An empty buffer to render the next request of this connection into, with the memory of the last one.
    fn spare(&mut self, conn: ConnId) -> Vec<u8>;

    /// Whether the connection stands.
    fn is_open(&self, conn: ConnId) -> bool;

    /// Closes the connection; no further event of it comes.
    fn close(&mut self, conn: ConnId);

    /// Connections that exist, those being closed included.
    #[cfg(test)]
    fn connections(&self) -> usize;

    /// Hands what was queued to the kernel, waits as told, and gives every event to `handle` with the time (ns on
    /// CLOCK_MONOTONIC) read right after the kernel returned. Returns the number of events.
    ///
    /// # Errors
    /// When the kernel refuses the wire as a whole; the worker cannot go on.
    fn turn(
        &mut self,
        wait: Wait,
        handle: &mut dyn FnMut(Event<'_>, u64) -> Action,
    ) -> io::Result<usize>;

    /// What the wire counted so far.
    fn counts(&self) -> WireCounts;
}
