//! One suite for both wires: what `wire/mod.rs` promises, played with real sockets. Here: connecting, saying and
//! hearing, waiting. Neighbours: `bulk.rs` (much, and many at once), `endings.rs` (who closes when), `scarcity.rs` (no room left), `stage.rs` (the
//! driver and the peers). Invariant: a play knows nothing of the wire it runs on, save how many connections it was made
//! for; where io_uring is denied its half says so and is skipped.

use super::{Outgoing, Wait, Wire, epoll::EpollWire, uring::UringWire};
use crate::clock::monotonic_ns;
use bytes::Bytes;
use nix::sys::{
    eventfd::{EfdFlags, EventFd},
    socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, socket},
};
use stage::{Driver, LIMIT, Peer, Seen, accept, accept_all, listener, pattern};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    os::fd::{AsFd, AsRawFd},
    rc::Rc,
    sync::{Arc, mpsc::channel},
};

/// Makes two tests of each play.
macro_rules! on_both_wires {
    ($($play:ident)*) => {
        mod on_epoll {
            $(#[test]
            fn $play() {
                crate::wire::conformance::stage::raise_descriptor_limit();
                super::$play(crate::wire::conformance::epoll_wire);
            })*
        }
        mod on_uring {
            $(#[test]
            fn $play() {
                crate::wire::conformance::stage::raise_descriptor_limit();
                if let Err(why) = crate::wire::uring::probe::probe(1, 1) {
                    eprintln!("skipped: {why}");
                    return;
                }
                super::$play(crate::wire::conformance::uring_wire);
            })*
        }
    };
}

mod bulk;
mod endings;
mod scarcity;
pub(super) mod stage;

on_both_wires! {
    bytes_go_out_and_come_back
    a_refused_connect_fails_with_its_errno
    a_connect_that_fails_at_once_is_told_in_the_next_turn
    a_connection_closed_before_it_stands_says_nothing
    a_connect_that_hangs_can_be_closed
    an_answer_in_two_pieces_comes_as_two
    spare_gives_the_memory_of_the_last_head_back
    a_fixed_head_is_shared_by_connections
    the_bell_ends_a_wait_once_for_each_ring
    a_wait_lasts_until_its_deadline
    ipv6_works_as_well
    a_source_address_is_used
}

fn epoll_wire(connections: usize, bell: &EventFd) -> EpollWire {
    EpollWire::new(connections, bell.as_fd()).expect("an epoll wire")
}

fn uring_wire(connections: usize, bell: &EventFd) -> UringWire {
    UringWire::new(connections, bell.as_fd()).expect("an io_uring wire")
}

fn new_bell() -> EventFd {
    EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC).expect("an eventfd")
}

/// A driver on a wire for `connections`, with a bell that nobody rings.
fn driver<W: Wire>(connections: usize, make: impl Fn(usize, &EventFd) -> W) -> Driver<W> {
    Driver::new(make(connections, &new_bell()))
}

fn bytes_go_out_and_come_back<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let peer = Peer::new(|listener| {
        let mut stream = accept(&listener);
        let mut asked = [0; 8];
        stream.read_exact(&mut asked).expect("a question");
        stream.write_all(&asked).expect("an answer");
        (stream, asked)
    });
    let mut driver = driver(4, make);
    let conn = driver.wire.connect(peer.address, None).expect("a socket");
    assert!(
        !driver.wire.is_open(conn),
        "a connect is not done before a turn"
    );
    driver.until("Connected", |driver| driver.has(Seen::Connected(conn)));
    assert!(driver.wire.is_open(conn));
    driver.wire.send(
        conn,
        Outgoing::Once(b"ping".to_vec()),
        Bytes::from_static(b"pong"),
    );
    driver.until("the echo", |driver| driver.received(conn).len() == 8);
    assert_eq!(driver.received(conn), b"pingpong");
    driver.until("everything has left", |driver| driver.wire.is_sent(conn));
    assert_eq!(
        driver.seen[0],
        Seen::Connected(conn),
        "nothing comes before Connected"
    );
    assert_eq!(driver.wire.connections(), 1);
    let (_open_until_here, asked) = peer.join();
    assert_eq!(&asked, b"pingpong");
}

fn a_refused_connect_fails_with_its_errno<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let address = listener()
        .local_addr()
        .expect("an address nobody listens on any more");
    let mut driver = driver(4, make);
    let conn = driver.wire.connect(address, None).expect("a socket");
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    driver.linger();
    assert_eq!(driver.seen, [Seen::ConnectFailed(conn, libc::ECONNREFUSED)]);
    assert!(!driver.wire.is_open(conn));
}

fn a_connect_that_fails_at_once_is_told_in_the_next_turn<W: Wire>(
    make: impl Fn(usize, &EventFd) -> W,
) {
    let mut driver = driver(4, make);
    // TCP has no broadcast, so the kernel refuses without sending anything.
    let everybody: SocketAddr = "255.255.255.255:9".parse().expect("an address");
    let conn = driver.wire.connect(everybody, None).expect("a socket");
    assert_eq!(driver.wire.connections(), 1);
    let deadline_ns = monotonic_ns() + LIMIT.as_nanos() as u64;
    driver.turn(Wait::Until {
        deadline_ns,
        spin_ns: 0,
    });
    assert!(
        monotonic_ns() < deadline_ns,
        "there was something to tell, so there was no waiting"
    );
    assert_eq!(driver.seen, [Seen::ConnectFailed(conn, libc::ENETUNREACH)]);
    driver.until("all gone", |driver| driver.wire.connections() == 0);
}

fn a_connection_closed_before_it_stands_says_nothing<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    // The dead one may have reached the peer or not; the peer answers whoever says something.
    let peer = Peer::new(|listener| {
        loop {
            let mut stream = accept(&listener);
            let mut asked = [0; 1];
            if stream.read_exact(&mut asked).is_ok() {
                return stream.write_all(&asked).expect("an answer");
            }
        }
    });
    let mut driver = driver(4, make);
    let dead = driver.wire.connect(peer.address, None).expect("a socket");
    driver.wire.close(dead);
    driver.linger();
    assert_eq!(driver.seen, [], "a closed connection is silent");
    assert_eq!(driver.wire.connections(), 0);
    let conn = driver.connect(peer.address);
    assert_ne!(conn, dead);
    driver.say(conn, b"?");
    driver.until("the answer", |driver| driver.received(conn) == b"?");
    assert_eq!(driver.events_of(dead), []);
    peer.join();
}

fn a_connect_that_hangs_can_be_closed<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    // Nobody accepts and the queue holds two: the kernel drops the SYNs of the rest, which hang.
    let socket = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .expect("a socket");
    bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).expect("a free port");
    listen(&socket, Backlog::new(1).expect("a small queue")).expect("listening");
    let address = TcpListener::from(socket.try_clone().expect("another descriptor"))
        .local_addr()
        .expect("an address");
    let mut driver = driver(8, make);
    let conns: Vec<_> = (0..8)
        .map(|_| driver.wire.connect(address, None).expect("a socket"))
        .collect();
    driver.until("some stand", |driver| driver.seen.len() >= 2);
    driver.linger();
    let hanging = conns
        .iter()
        .filter(|conn| !driver.wire.is_open(**conn))
        .count();
    assert!(hanging > 0, "the queue is too small for all");
    let before = driver.seen.clone();
    for conn in conns {
        driver.wire.close(conn);
    }
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    driver.linger();
    assert_eq!(driver.seen, before, "closed connections are silent");
}

fn an_answer_in_two_pieces_comes_as_two<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let (go_on, wait) = channel();
    let peer = Peer::new(move |listener| {
        let mut stream = accept(&listener);
        stream.write_all(b"first").expect("half of it");
        wait.recv_timeout(LIMIT).expect("the first half is seen");
        stream.write_all(b"second").expect("the other half");
        stream
    });
    let mut driver = driver(4, make);
    let conn = driver.connect(peer.address);
    driver.until("the first half", |driver| !driver.received(conn).is_empty());
    assert_eq!(driver.received(conn), b"first");
    go_on.send(()).expect("the peer waits");
    driver.until("the other half", |driver| driver.received(conn).len() == 11);
    assert_eq!(driver.received(conn), b"firstsecond");
    drop(peer.join());
}

fn spare_gives_the_memory_of_the_last_head_back<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let peer = Peer::new(|listener| {
        let mut stream = accept(&listener);
        let mut asked = [0; 1000];
        stream.read_exact(&mut asked).expect("a question");
        stream.write_all(b"!").expect("an answer");
        stream
    });
    let mut driver = driver(4, make);
    let conn = driver.connect(peer.address);
    driver.say(conn, &pattern(1000));
    driver.until("the answer", |driver| driver.received(conn) == b"!");
    let spare = driver.wire.spare(conn);
    assert!(spare.is_empty(), "an empty buffer");
    assert!(spare.capacity() >= 1000, "with the memory of the last head");
    drop(peer.join());
}

fn a_fixed_head_is_shared_by_connections<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    const CONNECTIONS: usize = 10;
    let peer = Peer::new(|listener| {
        for mut stream in accept_all(&listener, CONNECTIONS) {
            let mut asked = [0; 12];
            stream.read_exact(&mut asked).expect("both questions");
            assert_eq!(&asked, b"always same\n");
            stream.write_all(b"!").expect("an answer");
        }
    });
    let mut driver = driver(CONNECTIONS, make);
    let conns = driver.connect_all(CONNECTIONS, peer.address);
    let head: Rc<[u8]> = Rc::from(&b"always same\n"[..]);
    for conn in &conns {
        driver
            .wire
            .send(*conn, Outgoing::Fixed(head.clone()), Bytes::new());
    }
    driver.until("all answers", |driver| {
        conns.iter().all(|conn| driver.received(*conn) == b"!")
    });
    peer.join();
    for conn in &conns {
        assert_eq!(
            driver.wire.spare(*conn),
            Vec::<u8>::new(),
            "nothing of it is given away"
        );
    }
    assert_eq!(&*head, b"always same\n");
}

fn the_bell_ends_a_wait_once_for_each_ring<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let bell = Arc::new(new_bell());
    let mut driver = Driver::new(make(4, &bell));
    for rings in 1..=3 {
        let (go_on, wait) = channel();
        let ringer = std::thread::spawn({
            let bell = bell.clone();
            move || {
                wait.recv_timeout(LIMIT)
                    .expect("the wait is about to begin");
                bell.write(1).expect("ringing");
            }
        });
        go_on.send(()).expect("the ringer waits");
        // The deadline lies past what the driver allows: only the bell can end this in time.
        let before_ns = monotonic_ns();
        let deadline_ns = before_ns + 6 * LIMIT.as_nanos() as u64;
        while driver.seen.len() < rings {
            driver.turn(Wait::Until {
                deadline_ns,
                spin_ns: 0,
            });
            assert!(monotonic_ns() < deadline_ns, "the bell was not heard");
        }
        ringer.join().expect("the ringer rang");
        driver.linger();
        assert_eq!(
            driver.seen,
            vec![Seen::Rung; rings],
            "one ring is told once"
        );
    }
}

fn a_wait_lasts_until_its_deadline<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let mut driver = driver(4, make);
    for (pause_ns, spin_ns) in [
        (0, 0),
        (1, 0),
        (300_000, 0),
        (20_000_000, 0),
        (5_000_000, 50_000),
        (30_000, 50_000),
    ] {
        // A signal may end a wait early without an event; none is sent here.
        let spun_ns = driver.wire.counts().spin_ns;
        let deadline_ns = monotonic_ns() + pause_ns;
        assert_eq!(
            driver.turn(Wait::Until {
                deadline_ns,
                spin_ns
            }),
            0
        );
        assert!(
            monotonic_ns() >= deadline_ns,
            "{pause_ns} ns, {spin_ns} of them spinning"
        );
        if spin_ns == 0 {
            assert_eq!(driver.wire.counts().spin_ns, spun_ns, "nothing was spun");
        }
    }
    // A spin as long as the wait leaves nothing to sleep.
    let deadline_ns = monotonic_ns() + 200_000;
    driver.turn(Wait::Until {
        deadline_ns,
        spin_ns: 1_000_000,
    });
    assert!(driver.wire.counts().spin_ns > 0, "spinning is counted");
    assert_eq!(driver.turn(Wait::No), 0);
}

fn ipv6_works_as_well<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let listener = match TcpListener::bind("[::1]:0") {
        Ok(listener) => listener,
        Err(error) => return eprintln!("skipped: no IPv6 on this machine ({error})"),
    };
    let peer = Peer::on(listener, |listener| {
        accept(&listener).write_all(b"six").expect("an answer");
    });
    let mut driver = driver(4, make);
    let conn = driver.connect(peer.address);
    driver.until("the end", |driver| driver.closed(conn) == Some(None));
    assert_eq!(driver.received(conn), b"six");
    peer.join();
}

fn a_source_address_is_used<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let peer = Peer::new(|listener| accept(&listener).peer_addr().expect("where it comes from"));
    let mut driver = driver(4, make);
    let source: SocketAddr = "127.0.0.2:0".parse().expect("an address");
    let conn = driver
        .wire
        .connect(peer.address, Some(source))
        .expect("a socket");
    driver.until("Connected", |driver| driver.has(Seen::Connected(conn)));
    assert_eq!(peer.join().ip(), source.ip());
    let nowhere: SocketAddr = "192.0.2.1:0".parse().expect("an address of nobody");
    let error = driver
        .wire
        .connect("127.0.0.1:1".parse().expect("an address"), Some(nowhere));
    assert_eq!(
        error.expect_err("not ours").raw_os_error(),
        Some(libc::EADDRNOTAVAIL)
    );
}
