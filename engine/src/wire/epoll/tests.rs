//! What only the epoll wire has to show: its shares per turn, its own queue and its two ways to sleep. What both wires
//! promise is in `../conformance.rs`.

use super::{EpollWire, RECEIVE_BYTES, RECEIVES_PER_TURN, SEND_BYTES_AT_ONCE};
use crate::{
    clock::monotonic_ns,
    wire::{Action, ConnId, Event, Outgoing, Wait, Wire},
};
use bytes::Bytes;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::fd::AsFd,
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(10);

fn new_wire() -> EpollWire {
    let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK).expect("an eventfd");
    EpollWire::new(4, bell.as_fd()).expect("an epoll wire")
}

/// Turns until an event for which `wanted` holds.
fn turn_until(wire: &mut EpollWire, mut wanted: impl FnMut(&Event<'_>) -> bool) {
    let deadline_ns = monotonic_ns() + LIMIT.as_nanos() as u64;
    let mut found = false;
    while !found {
        wire.turn(
            Wait::Until {
                deadline_ns,
                spin_ns: 0,
            },
            &mut |event, _| {
                found |= wanted(&event);
                Action::Keep
            },
        )
        .expect("the wire turns");
        assert!(monotonic_ns() < deadline_ns, "waited in vain for an event");
    }
}

fn connected(wire: &mut EpollWire) -> (ConnId, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let conn = wire.connect(address, None).expect("a socket");
    turn_until(wire, |event| matches!(event, Event::Connected(_)));
    let (stream, _) = listener.accept().expect("the connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    stream.set_write_timeout(Some(LIMIT)).expect("a timeout");
    (conn, stream)
}

#[test]
fn a_turn_takes_no_more_than_its_share_from_one_connection() {
    const BYTES: usize = 20 * RECEIVES_PER_TURN * RECEIVE_BYTES;
    let mut wire = new_wire();
    let (_, mut stream) = connected(&mut wire);
    let peer = std::thread::spawn(move || stream.write_all(&vec![7; BYTES]));
    let deadline_ns = monotonic_ns() + LIMIT.as_nanos() as u64;
    let mut total = 0;
    while total < BYTES {
        let mut of_this_turn = 0;
        wire.turn(
            Wait::Until {
                deadline_ns,
                spin_ns: 0,
            },
            &mut |event, _| {
                if let Event::Data(_, bytes) = event {
                    of_this_turn += bytes.len();
                    // Slower than the peer, so that there is always more than one share.
                    std::thread::sleep(Duration::from_micros(200));
                }
                Action::Keep
            },
        )
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
    let mut wire = new_wire();
    let (conn, mut stream) = connected(&mut wire);
    let peer = std::thread::spawn(move || {
        let mut all = vec![0; BYTES];
        stream.read_exact(&mut all).map(|()| all)
    });
    let body: Vec<u8> = (0..BYTES - 3).map(|place| (place % 253) as u8).collect();
    wire.send(
        conn,
        Outgoing::Once(b"abc".to_vec()),
        Bytes::from(body.clone()),
    );
    assert!(!wire.is_sent(conn), "one share only is sent at once");
    let limit_ns = monotonic_ns() + LIMIT.as_nanos() as u64;
    while !wire.is_sent(conn) {
        let deadline_ns = monotonic_ns() + 5_000_000;
        wire.turn(
            Wait::Until {
                deadline_ns,
                spin_ns: 0,
            },
            &mut |_, _| Action::Keep,
        )
        .expect("the wire turns");
        assert!(monotonic_ns() < limit_ns, "the bytes did not leave");
    }
    let all = peer.join().expect("no panic").expect("all arrives");
    assert!(
        all[..3] == *b"abc" && all[3..] == body,
        "head before body, both intact"
    );
}

#[test]
fn a_connection_closed_while_it_stands_in_the_queue_leaves_no_trace_on_the_next() {
    let mut wire = new_wire();
    let (old, _peer) = connected(&mut wire);
    // More than a share: what is left of it queues the connection.
    let body = Bytes::from(vec![0; 2 * SEND_BYTES_AT_ONCE]);
    wire.send(old, Outgoing::Once(vec![0]), body);
    wire.enqueue(old);
    wire.close(old);
    let (new, mut peer) = connected(&mut wire);
    assert_eq!(new.slot, old.slot);
    assert!(wire.is_sent(new));
    peer.write_all(b"for the new one").expect("it fits");
    turn_until(&mut wire, |event| match event {
        Event::Data(conn, bytes) => {
            assert_eq!(*conn, new);
            *bytes == b"for the new one"
        }
        other => panic!("nothing else was to come: {other:?}"),
    });
}

#[test]
fn the_older_way_to_sleep_keeps_deadlines_and_hears_events() {
    let mut wire = new_wire();
    wire.poller.has_pwait2 = false;
    for (pause_ns, spin_ns) in [(1, 0), (300_000, 0), (5_000_000, 50_000)] {
        let deadline_ns = monotonic_ns() + pause_ns;
        let events = wire
            .turn(
                Wait::Until {
                    deadline_ns,
                    spin_ns,
                },
                &mut |_, _| Action::Keep,
            )
            .expect("the wire turns");
        assert_eq!(events, 0);
        assert!(
            monotonic_ns() >= deadline_ns,
            "{pause_ns} ns, {spin_ns} of them spinning"
        );
    }
    let (conn, mut peer) = connected(&mut wire);
    wire.send(conn, Outgoing::Once(b"?".to_vec()), Bytes::new());
    peer.read_exact(&mut [0; 1]).expect("the question");
    peer.write_all(b"!").expect("an answer");
    turn_until(&mut wire, |event| matches!(event, Event::Data(_, b"!")));
    assert!(!wire.poller.has_pwait2, "it was not asked again");
}
