//! The part of the suite about ends: the peer's, ours, and what comes after them. Neighbours: `../conformance.rs`.

use super::{
    driver,
    stage::{LIMIT, Peer, Seen, accept, pattern, reset},
};
use crate::wire::{Outgoing, Wait, Wire};
use bytes::Bytes;
use nix::sys::eventfd::EventFd;
use std::{
    collections::HashSet,
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    sync::mpsc::channel,
};

on_both_wires! {
    an_orderly_end_closes_without_an_errno
    a_reset_closes_with_its_errno
    what_came_before_a_reset_is_delivered_before_it
    a_send_into_a_broken_connection_closes_it_in_a_turn
    closing_ends_the_events_and_the_peer_sees_the_end
    a_dead_id_does_nothing
    a_late_event_never_reaches_the_next_user_of_a_slot
    a_handler_can_close_on_connected
    a_handler_can_close_on_data
}

fn an_orderly_end_closes_without_an_errno<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let peer = Peer::new(|listener| {
        let mut stream = accept(&listener);
        stream.write_all(b"bye").expect("a last word");
        stream.shutdown(Shutdown::Write).expect("an end");
        stream
    });
    let mut driver = driver(4, make);
    let conn = driver.connect(peer.address);
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    assert_eq!(driver.received(conn), b"bye");
    assert_eq!(driver.seen.last(), Some(&Seen::Closed(conn, None)));
    assert!(!driver.wire.is_open(conn));
    drop(peer.join());
}

fn a_reset_closes_with_its_errno<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let (go_on, wait) = channel();
    let peer = Peer::new(move |listener| {
        let stream = accept(&listener);
        wait.recv_timeout(LIMIT).expect("the connection stands");
        reset(stream);
    });
    let mut driver = driver(4, make);
    let conn = driver.connect(peer.address);
    go_on.send(()).expect("the peer waits");
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    assert_eq!(
        driver.events_of(conn)[1..],
        [Seen::Closed(conn, Some(libc::ECONNRESET))]
    );
    peer.join();
}

fn what_came_before_a_reset_is_delivered_before_it<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let (go_on, wait) = channel();
    let peer = Peer::new(move |listener| {
        let mut stream = accept(&listener);
        wait.recv_timeout(LIMIT).expect("the connection stands");
        stream.write_all(b"last words").expect("they fit");
        reset(stream);
    });
    let mut driver = driver(4, make);
    let conn = driver.connect(peer.address);
    go_on.send(()).expect("the peer waits");
    // Both are there before the next turn looks.
    peer.join();
    driver.until("the end", |driver| driver.closed(conn).is_some());
    assert_eq!(driver.received(conn), b"last words");
    assert_eq!(
        driver.seen.last(),
        Some(&Seen::Closed(conn, Some(libc::ECONNRESET)))
    );
}

fn a_send_into_a_broken_connection_closes_it_in_a_turn<W: Wire>(
    make: impl Fn(usize, &EventFd) -> W,
) {
    let (go_on, wait) = channel();
    let peer = Peer::new(move |listener| {
        let stream = accept(&listener);
        wait.recv_timeout(LIMIT).expect("the connection stands");
        reset(stream);
    });
    let mut driver = driver(4, make);
    let conn = driver.connect(peer.address);
    go_on.send(()).expect("the peer waits");
    peer.join();
    driver.say(conn, b"anybody there?");
    assert!(
        driver.wire.is_open(conn),
        "what happened is told in a turn, not before"
    );
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    driver.linger();
    match driver.events_of(conn)[1..] {
        [Seen::Closed(_, Some(libc::ECONNRESET | libc::EPIPE))] => {}
        ref other => panic!("one Closed with an errno was due, not {other:?}"),
    }
}

fn closing_ends_the_events_and_the_peer_sees_the_end<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let peer = Peer::new(|listener| {
        let mut stream = accept(&listener);
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("an orderly end");
        // May arrive or not: nobody is there to hear it.
        let _ = stream.write_all(b"too late");
        all
    });
    let mut driver = driver(4, make);
    let conn = driver.connect(peer.address);
    driver.say(conn, b"bye");
    driver.turn(Wait::No);
    driver.wire.close(conn);
    assert!(!driver.wire.is_open(conn));
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    assert_eq!(
        peer.join(),
        b"bye",
        "what was sent before the close arrives"
    );
    driver.linger();
    assert_eq!(driver.seen, [Seen::Connected(conn)]);
}

fn a_dead_id_does_nothing<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let peer = Peer::new(|listener| {
        drop(accept(&listener));
        let mut stream = accept(&listener);
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("an orderly end");
        all
    });
    let mut driver = driver(4, make);
    // The peer may be gone before the wire has told that it stands.
    let dead = driver.wire.connect(peer.address, None).expect("a socket");
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    assert_eq!(driver.closed(dead), Some(None));
    let conn = driver.connect(peer.address);
    assert_eq!(conn.slot, dead.slot, "a slot is used again");
    assert_ne!(conn, dead, "an id is not");
    driver.say(dead, b"from the dead");
    driver.wire.close(dead);
    assert_eq!(driver.wire.spare(dead), Vec::<u8>::new());
    assert!(driver.wire.is_sent(dead));
    assert!(!driver.wire.is_open(dead));
    driver.linger();
    assert!(driver.wire.is_open(conn), "the living one does not notice");
    driver.say(conn, b"alive");
    driver.turn(Wait::No);
    driver.wire.close(conn);
    driver.linger();
    assert_eq!(peer.join(), b"alive");
}

fn a_late_event_never_reaches_the_next_user_of_a_slot<W: Wire>(
    make: impl Fn(usize, &EventFd) -> W,
) {
    const ROUNDS: usize = 120;
    // Each connection gets a stream of its own number until it is closed in the peer's face.
    let peer = Peer::new(|listener| {
        let writers: Vec<_> = (0..ROUNDS)
            .map(|round| {
                let mut stream = accept(&listener);
                std::thread::spawn(move || {
                    let bytes = vec![round as u8; 16 * 1024];
                    while stream.write_all(&bytes).is_ok() {}
                })
            })
            .collect();
        for writer in writers {
            writer.join().expect("it ends with its connection");
        }
    });
    let mut driver = driver(4, make);
    let mut slots = HashSet::new();
    let large = Bytes::from(pattern(3_000_000));
    for round in 0..ROUNDS {
        let conn = driver.connect(peer.address);
        slots.insert(conn.slot);
        driver.until("data", |driver| !driver.received(conn).is_empty());
        // Both kinds of sends are caught half-way by the close.
        match round % 3 {
            0 => driver.say(conn, b"small"),
            1 => driver
                .wire
                .send(conn, Outgoing::Once(vec![1]), large.clone()),
            _ => {}
        }
        if round % 2 == 0 {
            driver.turn(Wait::No);
        }
        driver.wire.close(conn);
        let before = driver.events_of(conn).len();
        if round % 4 < 2 {
            driver.turn(Wait::No);
        }
        assert!(
            driver
                .received(conn)
                .iter()
                .all(|byte| *byte == round as u8),
            "its own bytes"
        );
        assert_eq!(
            driver.events_of(conn).len(),
            before,
            "silent after its close"
        );
    }
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    peer.join();
    for (round, conn) in driver
        .seen
        .iter()
        .filter(|seen| matches!(seen, Seen::Connected(_)))
        .filter_map(|seen| seen.conn())
        .enumerate()
    {
        assert!(
            driver
                .received(conn)
                .iter()
                .all(|byte| *byte == round as u8),
            "its own bytes"
        );
        assert_eq!(
            driver.closed(conn),
            None,
            "closed by us, so nobody tells us"
        );
    }
    assert!(
        slots.len() < ROUNDS / 2,
        "slots are used again, otherwise this shows nothing"
    );
}

fn a_handler_can_close_on_connected<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let peer = Peer::new(|listener| {
        let mut stream = accept(&listener);
        stream.read_to_end(&mut Vec::new()).expect("an orderly end")
    });
    let mut driver = driver(4, make);
    driver.close_at = Some(|seen| matches!(seen, Seen::Connected(_)));
    let conn = driver.wire.connect(peer.address, None).expect("a socket");
    driver.until("Connected", |driver| driver.has(Seen::Connected(conn)));
    assert!(!driver.wire.is_open(conn));
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    assert_eq!(peer.join(), 0);
    driver.linger();
    assert_eq!(driver.seen, [Seen::Connected(conn)]);
}

fn a_handler_can_close_on_data<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let peer = Peer::new(|listener| {
        let mut stream = accept(&listener);
        let bytes = pattern(16 * 1024);
        let error = loop {
            if let Err(error) = stream.write_all(&bytes) {
                break error;
            }
        };
        assert!(matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ));
    });
    let mut driver = driver(4, make);
    driver.close_at = Some(|seen| matches!(seen, Seen::Data(_)));
    let conn = driver.connect(peer.address);
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    driver.linger();
    assert_eq!(
        driver.seen,
        [Seen::Connected(conn), Seen::Data(conn)],
        "no more after that"
    );
    peer.join();
}
