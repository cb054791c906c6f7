//! What only the epoll wire has to show: its shares per turn, its own queue and its two ways to sleep. What both wires
//! promise is in `../conformance.rs`, whose stage is used here too.

use super::{EpollWire, RECEIVE_BYTES, RECEIVES_PER_TURN, SEND_BYTES_AT_ONCE};
use crate::{
    clock::monotonic_ns,
    wire::{
        Action, ConnId, Event, Outgoing, Wait, Wire,
        conformance::stage::{Driver, LIMIT, Seen, accept, listener, pattern},
    },
};
use bytes::Bytes;
use nix::sys::{
    eventfd::{EfdFlags, EventFd},
    socket::{setsockopt, sockopt},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    os::fd::AsFd,
    time::Duration,
};

fn new_driver() -> Driver<EpollWire> {
    let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK).expect("an eventfd");
    Driver::new(EpollWire::new(4, bell.as_fd()).expect("an epoll wire"))
}

/// A connection that stands, and its other end.
fn connected(driver: &mut Driver<EpollWire>) -> (ConnId, TcpStream) {
    let listener = listener();
    let conn = driver.connect(listener.local_addr().expect("an address"));
    (conn, accept(&listener))
}

#[test]
fn a_turn_takes_no_more_than_its_share_from_one_connection() {
    const BYTES: usize = 20 * RECEIVES_PER_TURN * RECEIVE_BYTES;
    let mut driver = new_driver();
    let (conn, mut stream) = connected(&mut driver);
    let mut wire = driver.wire;
    // Room for several receives at once: with the usual start each would empty the socket and end the turn early.
    let fd = wire.slots[conn.slot as usize].fd.as_ref();
    setsockopt(fd.expect("a socket"), sockopt::RcvBuf, &(1 << 20)).expect("SO_RCVBUF");
    let peer = std::thread::spawn(move || stream.write_all(&vec![7; BYTES]));
    let deadline_ns = monotonic_ns() + LIMIT.as_nanos() as u64;
    let mut total = 0;
    while total < BYTES {
        let mut of_this_turn = 0;
        let wait = Wait::Until {
            deadline_ns,
            spin_ns: 0,
        };
        wire.turn(wait, &mut |event, _| {
            if let Event::Data(_, bytes) = event {
                of_this_turn += bytes.len();
                // Slower than the peer, so that there is always more than one share.
                std::thread::sleep(Duration::from_millis(2));
            }
            Action::Keep
        })
        .expect("the wire turns");
        assert!(of_this_turn <= RECEIVES_PER_TURN * RECEIVE_BYTES);
        assert!(monotonic_ns() < deadline_ns, "the bytes did not come");
        total += of_this_turn;
    }
    peer.join().expect("no panic").expect("all was taken");
}

#[test]
fn a_send_of_many_shares_goes_on_turn_by_turn() {
    const BYTES: usize = 40 * SEND_BYTES_AT_ONCE + 1;
    let mut driver = new_driver();
    let (conn, mut stream) = connected(&mut driver);
    let peer = std::thread::spawn(move || {
        let mut all = vec![0; BYTES];
        stream.read_exact(&mut all).map(|()| all)
    });
    let all = pattern(BYTES);
    let body = Bytes::copy_from_slice(&all[3..]);
    driver
        .wire
        .send(conn, Outgoing::Once(all[..3].to_vec()), body);
    assert!(!driver.wire.is_sent(conn), "one share only is sent at once");
    driver.until("everything has left", |driver| driver.wire.is_sent(conn));
    let arrived = peer.join().expect("no panic").expect("all arrives");
    assert!(arrived == all, "head before body, both intact");
}

#[test]
fn a_body_that_has_left_is_let_go() {
    let mut driver = new_driver();
    let (conn, mut stream) = connected(&mut driver);
    let body = Bytes::from(vec![1; 100]);
    driver
        .wire
        .send(conn, Outgoing::Once(vec![0]), body.clone());
    assert!(driver.wire.is_sent(conn), "it fits into an empty socket");
    assert!(body.is_unique(), "the wire keeps no share of it");
    stream.read_exact(&mut [0; 101]).expect("all of it");
}

#[test]
fn a_send_that_the_kernel_refused_closes_a_connection_that_is_otherwise_well() {
    let mut driver = new_driver();
    let (conn, mut peer) = connected(&mut driver);
    peer.write_all(b"from before").expect("it fits");
    // As `push_out` leaves it when the kernel is out of memory.
    driver.wire.slots[conn.slot as usize].failed = Some(libc::ENOMEM);
    driver.wire.enqueue(conn);
    driver.until("the end", |driver| driver.closed(conn).is_some());
    assert_eq!(
        driver.received(conn),
        b"from before",
        "what had arrived comes first"
    );
    assert_eq!(
        driver.seen.last(),
        Some(&Seen::Closed(conn, Some(libc::ENOMEM)))
    );
}

#[test]
fn a_connection_closed_while_it_stands_in_the_queue_leaves_no_trace_on_the_next() {
    let mut driver = new_driver();
    let (old, _peer) = connected(&mut driver);
    // More than a share: what is left of it queues the connection.
    let body = Bytes::from(vec![0; 2 * SEND_BYTES_AT_ONCE]);
    driver.wire.send(old, Outgoing::Once(vec![0]), body);
    driver.wire.enqueue(old);
    driver.wire.close(old);
    let (new, mut peer) = connected(&mut driver);
    assert_eq!(new.slot, old.slot);
    assert!(driver.wire.is_sent(new));
    peer.write_all(b"for the new one").expect("it fits");
    driver.until("the new one's bytes", |driver| {
        driver.received(new) == b"for the new one"
    });
    assert_eq!(driver.events_of(old), [Seen::Connected(old)]);
}

#[test]
fn the_older_way_to_sleep_keeps_deadlines_and_hears_events() {
    let mut driver = new_driver();
    driver.wire.poller.has_pwait2 = false;
    for (pause_ns, spin_ns) in [(1, 0), (300_000, 0), (5_000_000, 50_000)] {
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
    }
    let (conn, mut peer) = connected(&mut driver);
    driver.say(conn, b"?");
    peer.read_exact(&mut [0; 1]).expect("the question");
    peer.write_all(b"!").expect("an answer");
    driver.until("the answer", |driver| driver.received(conn) == b"!");
    assert!(
        !driver.wire.poller.has_pwait2,
        "the newer way was not asked again"
    );
}
