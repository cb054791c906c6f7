//! One connection's place in the io_uring wire, and the names its operations carry. Neighbours: `uring.rs` acts on it.
//! Invariant: what the kernel may still touch stays here until the place's last completion has been seen.

use crate::wire::{ConnId, Outgoing};
use bytes::Bytes;
use nix::sys::socket::SockaddrStorage;
use std::{net::SocketAddr, os::fd::OwnedFd};

/// What a completion belongs to: the top byte of its user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Operation {
    Connect = 1,
    Receive = 2,
    Send = 3,
    TrackedSend = 4,
    Cancel = 5,
    Bell = 6,
}

pub(super) fn user_data(operation: Operation, conn: ConnId) -> u64 {
    (operation as u64) << 56 | u64::from(conn.generation & 0xff_ffff) << 32 | u64::from(conn.slot)
}

/// A place for one connection.
pub(super) struct Slot {
    /// Tells this use of the place from earlier and later ones.
    pub(super) generation: u32,
    /// The socket.
    pub(super) fd: Option<OwnedFd>,
    /// Whether `fd` stands in the ring's file table under the slot's own number.
    pub(super) registered: bool,
    /// The connection stands.
    pub(super) open: bool,
    /// It is being taken down; its events are not told any more.
    pub(super) closing: bool,
    /// Operations whose last completion is still to come; untracked sends do not count.
    pub(super) outstanding: u8,
    /// A tracked send is under way.
    pub(super) sending: bool,
    /// An untracked send was made and nothing has come back since: the kernel may still read `head`.
    pub(super) unanswered: bool,
    /// Where it leads; the kernel reads it while it connects.
    pub(super) address: Box<SockaddrStorage>,
    /// What is being sent, or was last.
    pub(super) head: Outgoing,
    /// What follows it.
    pub(super) body: Bytes,
    /// How much of head and body together has been sent, for tracked sends.
    pub(super) sent: usize,
}

impl Slot {
    /// A place that has held no connection yet.
    pub(super) fn new(address: SocketAddr) -> Slot {
        Slot {
            generation: 0,
            fd: None,
            registered: false,
            open: false,
            closing: false,
            outstanding: 0,
            sending: false,
            unanswered: false,
            address: Box::new(SockaddrStorage::from(address)),
            head: Outgoing::Once(Vec::new()),
            body: Bytes::new(),
            sent: 0,
        }
    }
}
