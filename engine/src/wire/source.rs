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
