//! The part of the suite about much: large answers and bodies, many connections, few buffers. Neighbours:
//! `../conformance.rs`.

use super::{
    driver,
    stage::{LIMIT, Peer, Seen, accept, accept_all, listener, pattern, reset},
};
use crate::wire::{Outgoing, Wait, Wire};
use bytes::Bytes;
use nix::sys::{
    eventfd::EventFd,
    socket::{setsockopt, sockopt},
};
use std::{
    collections::HashSet,
    io::{Read, Write},
    net::TcpListener,
    sync::mpsc::channel,
};

on_both_wires! {
    a_large_answer_streams_in_whole_and_in_order
    a_large_body_waits_for_a_slow_reader
    an_answer_may_come_before_the_body_has_left
    memory_under_way_is_not_given_out_as_spare
    hundreds_of_connections_talk_at_once
    more_connections_than_expected_work_too
    few_buffers_serve_many_connections_at_once
    a_flood_leaves_room_for_others
}

fn a_large_answer_streams_in_whole_and_in_order<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    const BYTES: usize = 10_000_000;
    let peer = Peer::new(|listener| {
        accept(&listener)
            .write_all(&pattern(BYTES))
            .expect("somebody reads all of it");
    });
    let mut driver = driver(4, make);
    let conn = driver.connect(peer.address);
    driver.until("the end", |driver| driver.closed(conn).is_some());
    assert_eq!(driver.closed(conn), Some(None));
    assert!(
        driver.received(conn) == pattern(BYTES),
        "the bytes are intact and in order"
    );
    assert_eq!(
        driver.seen.last(),
        Some(&Seen::Closed(conn, None)),
        "the end comes last"
    );
    peer.join();
}

/// A listener whose connections take little before their reader reads.
fn narrow_listener() -> TcpListener {
    let narrow = listener();
    setsockopt(&narrow, sockopt::RcvBuf, &4096).expect("SO_RCVBUF");
    narrow
}

fn a_large_body_waits_for_a_slow_reader<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    const BYTES: usize = 10_000_000;
    let (go_on, wait) = channel();
    let peer = Peer::on(narrow_listener(), move |listener| {
        let mut stream = accept(&listener);
        wait.recv_timeout(LIMIT).expect("the word to read");
        let mut all = vec![0; 4 + BYTES];
        stream.read_exact(&mut all).expect("head and body");
        all
    });
    let mut driver = driver(4, make);
    let conn = driver.connect(peer.address);
    driver.wire.send(
        conn,
        Outgoing::Once(b"HEAD".to_vec()),
        Bytes::from(pattern(BYTES)),
    );
    driver.linger();
    assert!(
        !driver.wire.is_sent(conn),
        "nobody has read yet, and it does not fit in between"
    );
    go_on.send(()).expect("the peer waits");
    driver.until("everything has left", |driver| driver.wire.is_sent(conn));
    let all = peer.join();
    assert_eq!(&all[..4], b"HEAD");
    assert!(
        all[4..] == pattern(BYTES),
        "the bytes are intact and in order"
    );
}

fn an_answer_may_come_before_the_body_has_left<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let (go_on, wait) = channel();
    let peer = Peer::on(narrow_listener(), move |listener| {
        let mut stream = accept(&listener);
        stream.write_all(b"too large").expect("an early answer");
        wait.recv_timeout(LIMIT).expect("the answer is seen");
        reset(stream);
    });
    let mut driver = driver(4, make);
    let conn = driver.connect(peer.address);
    driver.wire.send(
        conn,
        Outgoing::Once(b"HEAD".to_vec()),
        Bytes::from(pattern(10_000_000)),
    );
    driver.until("the answer", |driver| driver.received(conn) == b"too large");
    assert!(!driver.wire.is_sent(conn));
    assert!(driver.wire.is_open(conn));
    go_on.send(()).expect("the peer waits");
    driver.until("the end", |driver| driver.closed(conn).is_some());
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    assert!(driver.wire.is_sent(conn), "a dead connection owes nothing");
    assert_eq!(
        driver
            .seen
            .iter()
            .filter(|seen| matches!(seen, Seen::Closed(..)))
            .count(),
        1
    );
    peer.join();
}

fn memory_under_way_is_not_given_out_as_spare<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    for bytes in [100, 4_000_000] {
        let (go_on, wait) = channel();
        let peer = Peer::on(narrow_listener(), move |listener| {
            let mut stream = accept(&listener);
            wait.recv_timeout(LIMIT).expect("the word to read");
            let mut all = vec![0; bytes];
            stream.read_exact(&mut all).expect("the head");
            all
        });
        let mut driver = driver(4, &make);
        let conn = driver.connect(peer.address);
        driver.say(conn, &pattern(bytes));
        let mut spare = driver.wire.spare(conn);
        assert!(spare.is_empty());
        spare.resize(bytes, b'X');
        go_on.send(()).expect("the peer waits");
        driver.until("everything has left", |driver| driver.wire.is_sent(conn));
        driver.turn(Wait::No);
        assert!(
            peer.join() == pattern(bytes),
            "{bytes} bytes sent are the bytes given"
        );
    }
}

/// Every connection asks a question of its own and must get its own answer, three times.
fn talk<W: Wire>(connections: usize, expected: usize, make: impl Fn(usize, &EventFd) -> W) {
    const ROUNDS: usize = 3;
    let peer = Peer::new(move |listener| {
        let mut streams = accept_all(&listener, connections);
        for _ in 0..ROUNDS {
            for stream in &mut streams {
                let mut asked = [0; 4];
                stream.read_exact(&mut asked).expect("a question");
                stream.write_all(&asked).expect("an answer");
            }
        }
    });
    let mut driver = driver(expected, make);
    let conns = driver.connect_all(connections, peer.address);
    assert_eq!(driver.wire.connections(), connections);
    for round in 1..=ROUNDS {
        for (number, conn) in conns.iter().enumerate() {
            driver.say(*conn, &(number as u32).to_be_bytes());
        }
        driver.until("all answers", |driver| {
            conns
                .iter()
                .all(|conn| driver.received(*conn).len() == 4 * round)
        });
    }
    for (number, conn) in conns.iter().enumerate() {
        assert_eq!(
            driver.received(*conn),
            (number as u32).to_be_bytes().repeat(ROUNDS)
        );
    }
    peer.join();
    driver.until("all gone", |driver| driver.wire.connections() == 0);
}

fn hundreds_of_connections_talk_at_once<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    talk(300, 300, make);
}

fn more_connections_than_expected_work_too<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    talk(200, 1, make);
}

fn few_buffers_serve_many_connections_at_once<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    const CONNECTIONS: usize = 200;
    const BYTES: usize = 32 * 1024;
    let (go_on, wait) = channel();
    let (all_said, all_arrived) = channel();
    let peer = Peer::new(move |listener| {
        let mut streams = accept_all(&listener, CONNECTIONS);
        wait.recv_timeout(LIMIT).expect("all stand");
        for (number, stream) in streams.iter_mut().enumerate() {
            let mut bytes = pattern(BYTES);
            bytes[0] = number as u8;
            stream
                .write_all(&bytes)
                .expect("it fits into an empty socket");
        }
        all_said.send(()).expect("somebody waits for it");
        streams
    });
    // Made for one connection, an io_uring wire has 64 buffers of 4 KiB: far fewer than lie there before it looks.
    let mut driver = driver(1, make);
    let conns = driver.connect_all(CONNECTIONS, peer.address);
    go_on.send(()).expect("the peer waits");
    all_arrived
        .recv_timeout(LIMIT)
        .expect("everything fits into the sockets");
    driver.until("all of it", |driver| {
        conns
            .iter()
            .all(|conn| driver.received(*conn).len() == BYTES)
    });
    // The peer accepts in the order in which the kernel finished the connects, which is not told.
    let mut numbers = HashSet::new();
    for conn in &conns {
        numbers.insert(driver.received(*conn)[0]);
        assert!(
            driver.received(*conn)[1..] == pattern(BYTES)[1..],
            "intact and in order"
        );
    }
    assert_eq!(numbers.len(), CONNECTIONS, "each got its own");
    drop(peer.join());
}

fn a_flood_leaves_room_for_others<W: Wire>(make: impl Fn(usize, &EventFd) -> W) {
    let peer = Peer::new(|listener| {
        let mut flood = accept(&listener);
        let mut quiet = accept(&listener);
        let flooding = std::thread::spawn(move || {
            let bytes = vec![b'~'; 256 * 1024];
            while flood.write_all(&bytes).is_ok() {}
        });
        for _ in 0..20 {
            let mut asked = [0; 1];
            quiet.read_exact(&mut asked).expect("a question");
            quiet.write_all(&asked).expect("an answer");
        }
        flooding.join().expect("it ends with its connection");
    });
    let mut driver = driver(4, make);
    let flood = driver.connect(peer.address);
    let quiet = driver.connect(peer.address);
    for round in 1..=20 {
        driver.say(quiet, b".");
        driver.until("an answer beside the flood", |driver| {
            driver.received(quiet).len() == round
        });
        driver.until("the flood goes on", |driver| {
            !driver.received(flood).is_empty()
        });
        driver.forget(flood);
    }
    driver.wire.close(flood);
    driver.until("all gone", |driver| driver.wire.connections() == 0);
    peer.join();
}
