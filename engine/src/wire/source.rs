//! Making a socket the way every wire wants it. Neighbours: `uring.rs` and `epoll.rs`.

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt,
};
use std::{io, net::SocketAddr, os::fd::OwnedFd};

/// A TCP socket for `address`: without Nagle's delay, close-on-exec, bound to `source` if one is given.
///
/// # Errors
/// When there is no descriptor left, or `source` cannot be bound.
pub fn tcp_socket(
    address: SocketAddr,
    source: Option<SocketAddr>,
    flags: SockFlag,
) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let fd = socket(
        family,
        SockType::Stream,
        flags | SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    setsockopt(&fd, sockopt::TcpNoDelay, &true)?;
    #[cfg(test)]
    few_ports::apply(&fd)?;
    if let Some(source) = source {
        // The port is chosen at connect: otherwise each source would have its ports used up once for all targets.
        setsockopt(&fd, sockopt::IpBindAddressNoPort, &true)?;
        bind(
            std::os::fd::AsRawFd::as_raw_fd(&fd),
            &SockaddrStorage::from(source),
        )?;
    }
    Ok(fd)
}

/// Lets tests use up local ports without making tens of thousands of connections.
#[cfg(test)]
pub mod few_ports {
    use std::{
        cell::Cell,
        io,
        os::fd::{AsRawFd, OwnedFd},
    };

    /// IP_LOCAL_PORT_RANGE of ip(7), since Linux 6.3.
    const LOCAL_PORT_RANGE: i32 = 51;

    thread_local! {
        static RANGE: Cell<Option<(u16, u16)>> = const { Cell::new(None) };
    }

    /// Sockets that this thread makes from now on connect from one of these ports, both ends included.
    pub fn allow(lowest: u16, highest: u16) {
        RANGE.set(Some((lowest, highest)));
    }

    pub(super) fn apply(fd: &OwnedFd) -> io::Result<()> {
        let Some((lowest, highest)) = RANGE.get() else {
            return Ok(());
        };
        let range = u32::from(highest) << 16 | u32::from(lowest);
        // SAFETY: the kernel reads four bytes from `range`, which lives until the call is over.
        let done = unsafe {
            libc::setsockopt(
                fd.as_raw_fd(),
                libc::IPPROTO_IP,
                LOCAL_PORT_RANGE,
                std::ptr::from_ref(&range).cast(),
                size_of::<u32>() as libc::socklen_t,
            )
        };
        match done {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
