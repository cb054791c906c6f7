//! Whether this machine lets us have the io_uring wire, found out in the supervisor before the fork by doing the real
//! thing once: same flags, same buffers, same operations on a real connection. glommio panics where io_uring is
//! forbidden, so it is never asked first. Neighbours: `prepare.rs` asks.

use super::UringWire;
use crate::{
    clock::monotonic_ns,
    wire::{Action, Event, Outgoing, Wait, Wire},
};
use bytes::Bytes;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::{
    io::{self, Read, Write},
    net::TcpListener,
    os::fd::AsFd,
};

/// Why the io_uring wire cannot be had, and what would allow it.
#[derive(Debug, thiserror::Error)]
pub enum UringDenied {
    /// A seccomp profile or the sysctl forbids the system call.
    #[error(
        "io_uring is forbidden here ({0}); allow it with `sysctl kernel.io_uring_disabled=0`, or in a container with \
         a seccomp profile that permits io_uring_setup, io_uring_enter and io_uring_register"
    )]
    Forbidden(io::Error),
    /// The kernel is too old for one of the flags.
    #[error("this kernel is too old for the io_uring wire ({0}); it needs Linux 6.1 or newer")]
    TooOld(io::Error),
    /// Not enough memory may be locked.
    #[error("io_uring may not lock enough memory ({0}); raise it with `ulimit -l unlimited`")]
    Memory(io::Error),
    /// The ring was made, but a round trip over it failed.
    #[error("io_uring was tried on this machine and failed: {0}")]
    Failed(String),
}

impl UringDenied {
    fn from_setup(error: io::Error) -> UringDenied {
        match error.raw_os_error() {
            Some(libc::EINVAL) => UringDenied::TooOld(error),
            Some(libc::ENOMEM) => UringDenied::Memory(error),
            _ => UringDenied::Forbidden(error),
        }
    }
}

/// Makes `workers` throw-away rings at once (their memory is charged together) and sends one byte each way over one.
///
/// # Errors
/// When any part of it does not work; each failure says what would allow it.
pub fn probe(workers: usize, connections: usize) -> Result<(), UringDenied> {
    let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)
        .map_err(|error| UringDenied::Failed(format!("eventfd: {error}")))?;
    let mut wires = (0..workers)
        .map(|_| UringWire::new(connections, bell.as_fd()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(UringDenied::from_setup)?;
    round_trip(&mut wires[0]).map_err(|error| UringDenied::Failed(error.to_string()))
}

fn round_trip(wire: &mut UringWire) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    wire.connect(listener.local_addr()?, None)?;
    let mut peer = None;
    let mut answered = false;
    let deadline_ns = monotonic_ns() + 2_000_000_000;
    while !answered && monotonic_ns() < deadline_ns {
        let mut connected = None;
        let mut failed = None;
        wire.turn(
            Wait::Until {
                deadline_ns,
                spin_ns: 0,
            },
            &mut |event, _| {
                match event {
                    Event::Connected(conn) => connected = Some(conn),
                    Event::Data(_, bytes) => answered = bytes == b"a",
                    Event::ConnectFailed(_, errno) | Event::Closed(_, Some(errno)) => {
                        failed = Some(errno);
                    }
                    Event::Closed(_, None) | Event::Rung => {}
                }
                Action::Keep
            },
        )?;
        if let Some(errno) = failed {
            return Err(io::Error::from_raw_os_error(errno));
        }
        if let Some(conn) = connected {
            wire.send(conn, Outgoing::Once(b"q".to_vec()), Bytes::new());
            wire.turn(Wait::No, &mut |_, _| Action::Keep)?;
            let (mut stream, _) = listener.accept()?;
            stream.read_exact(&mut [0; 1])?;
            stream.write_all(b"a")?;
            peer = Some(stream);
        }
    }
    drop(peer);
    if answered {
        Ok(())
    } else {
        Err(io::Error::other("no answer came back over the ring"))
    }
}
