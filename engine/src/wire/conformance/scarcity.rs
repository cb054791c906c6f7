//! The part of the suite about too little of something: room for completions, local ports, somebody who listens.
//! Neighbours: `../conformance.rs`.

use super::{
    driver, new_bell,
    stage::{Driver, LIMIT, Peer, Seen, accept_all, listener},
    uring_wire,
};
use crate::wire::{ConnId, Wire, source::few_ports, uring::COMPLETIONS};
use nix::sys::eventfd::EventFd;
use std::{collections::HashSet, fs, io::Write, net::SocketAddr, sync::mpsc::channel};

on_both_wires! {
    more_happens_at_once_than_a_queue_holds_and_nothing_is_lost
    more_connects_fail_at_once_than_a_queue_holds
    thousands_are_refused_at_once_and_each_is_told
    local_ports_run_out_and_come_back
}

/// Two completions each, an answer and an end, are more than `COMPLETIONS`.
const CROWD: usize = 2_500;
/// As many as a listener's queue takes at once.
const GROUP: usize = 500;

/// All answer and close while the wire is not looked at.
fn more_happens_at_once_than_a_queue_holds_and_nothing_is_lost<W: Wire>(
    make: impl Fn(usize, &EventFd) -> W,
) {
    let mut driver = driver(CROWD, make);
    const _: () = assert!(2 * CROWD > COMPLETIONS as usize);
    let (go_on, wait) = channel();
    let (all_said, all_arrived) = channel();
    let peer = Peer::new(move |listener| {
        let mut streams = Vec::new();
        for _ in 0..CROWD / GROUP {
            streams.extend(accept_all(&listener, GROUP));
        }
        wait.recv_timeout(6 * LIMIT).expect("all stand");
        for mut stream in streams {
            stream.write_all(b"answer").expect("it fits");
        }
        all_said.send(()).expect("somebody waits for it");
    });
    let mut conns = Vec::new();
    for _ in 0..CROWD / GROUP {
        conns.extend(driver.connect_all(GROUP, peer.address));
    }
    driver.seen.clear();
    go_on.send(()).expect("the peer waits");
    all_arrived.recv_timeout(LIMIT).expect("all answered");
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    for conn in conns {
        assert_eq!(driver.received(conn), b"answer");
    }
    let ends = driver.seen.iter();
    let ends = ends.filter(|seen| matches!(seen, Seen::Closed(_, None)));
    assert_eq!(ends.count(), CROWD, "each was told once");
    peer.join();
}

/// More connects than the completion queue holds, each of which is over as soon as the kernel sees it.
fn more_connects_fail_at_once_than_a_queue_holds<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    all_told(driver(1, make));
}

#[test]
fn an_overflow_of_the_completion_queue_is_counted() {
    super::stage::raise_descriptor_limit();
    if let Err(why) = crate::wire::uring::probe::probe(1, 1) {
        return eprintln!("skipped: {why}");
    }
    assert!(all_told(Driver::new(uring_wire(1, &new_bell()))) > 0);
}

/// Returns how often the wire found its queue too small.
fn all_told<W: Wire>(mut driver: Driver<W>) -> u64 {
    const CONNECTS: usize = COMPLETIONS as usize + 500;
    // TCP has no broadcast, so the kernel refuses without sending anything.
    let everybody: SocketAddr = "255.255.255.255:9".parse().expect("an address");
    let connect = |_| driver.wire.connect(everybody, None).expect("a socket");
    let conns: Vec<_> = (0..CONNECTS).map(connect).collect();
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    driver.linger();
    assert_eq!(driver.seen.len(), CONNECTS, "each was told once");
    let name = |conn: ConnId| (conn.slot, conn.generation);
    let told: HashSet<_> = driver
        .seen
        .iter()
        .filter_map(|seen| seen.conn().map(name))
        .collect();
    assert!(conns.iter().all(|conn| told.contains(&name(*conn))));
    driver.wire.counts().overflows
}

fn thousands_are_refused_at_once_and_each_is_told<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let nobody = listener()
        .local_addr()
        .expect("an address nobody listens on any more");
    // Made for one: neither registered places nor buffers are there for all of them.
    let mut driver = driver(1, make);
    let mut conns = Vec::new();
    for _ in 0..CROWD {
        conns.push(driver.wire.connect(nobody, None).expect("a socket"));
    }
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    driver.linger();
    assert_eq!(driver.seen.len(), CROWD, "each was told once");
    for conn in conns {
        assert!(driver.has(Seen::ConnectFailed(conn, libc::ECONNREFUSED)));
    }
}

fn local_ports_run_out_and_come_back<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    const PORTS: usize = 8;
    // A part of the machine's own range, or the kernel does not heed it; nobody else connects from this source.
    let all = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("/proc");
    let highest = all
        .split_whitespace()
        .nth(1)
        .and_then(|port| port.parse().ok());
    let highest: u16 = highest.expect("a port");
    few_ports::allow(highest - PORTS as u16 + 1, highest);
    let source: SocketAddr = "127.0.0.99:0".parse().expect("an address");
    let (go_on, wait) = channel::<()>();
    let peer = Peer::new(move |listener| {
        let streams = accept_all(&listener, PORTS);
        wait.recv_timeout(6 * LIMIT).expect("the word to close");
        drop(streams);
        drop(accept_all(&listener, 1));
    });
    let mut driver = driver(4, make);
    match driver.wire.connect(peer.address, Some(source)) {
        Ok(first) => driver.until("Connected", |driver| driver.has(Seen::Connected(first))),
        Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => {
            return eprintln!("skipped: no IP_LOCAL_PORT_RANGE before Linux 6.3");
        }
        Err(error) => panic!("{error}"),
    }
    for _ in 0..3 * PORTS {
        driver
            .wire
            .connect(peer.address, Some(source))
            .expect("a socket");
    }
    let failed = |driver: &Driver<W>| {
        let seen = driver.seen.iter();
        seen.filter(|seen| matches!(seen, Seen::ConnectFailed(_, libc::EADDRNOTAVAIL)))
            .count()
    };
    driver.until("those without a port", |driver| {
        driver.seen.len() == 1 + 3 * PORTS && driver.wire.connections() == PORTS
    });
    assert_eq!(failed(&driver), 1 + 3 * PORTS - PORTS, "the others stand");
    go_on.send(()).expect("the peer waits");
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    driver.seen.clear();
    let again = driver
        .wire
        .connect(peer.address, Some(source))
        .expect("a socket");
    driver.until("Connected", |driver| driver.has(Seen::Connected(again)));
    peer.join();
}
