//! Rows of data over two workers: each draws through a client of its own, one control page counts for both.

use super::{client::WireClient, seat::Seat, turn_test::CountingWire, *};
use bytes::Bytes;
use loadforge_ring::{Capacity, Transport};
use loadforge_scenarios::{
    Client, FeedId, Seat as SeatId,
    data::{AtEnd, DataFile, DataFormat, Feed, FeedFault, Strategy},
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

const EACH: u64 = 10_000_000;

/// A worker's client with one user of the second of two scenarios; the first has three feeds of its own.
pub(super) fn client(worker: usize, transport: &Transport) -> WireClient<CountingWire> {
    let part = |feeds_before| PartBooks {
        feeds_before,
        ..PartBooks::default()
    };
    let seat = Seat {
        part: 1,
        ..Seat::default()
    };
    WireClient(Rc::new(RefCell::new(Core {
        wire: CountingWire,
        desk: Desk {
            worker,
            transport: transport.clone(),
            sink: transport.sink(worker),
            texts: transport.text_writer(worker),
            parts: vec![part(0), part(3)],
            arrivals_open: 0,
            seats: vec![seat],
            owners: Vec::new(),
            timers: Default::default(),
            epoch: Epoch::new(0),
            now_ns: 0,
            stage: Stage::Running,
            paused: false,
            rung: false,
            in_flight: 0,
            static_names: 0,
        },
        destinations: Vec::new(),
        sources: Sources::new(Vec::new()),
        rendered: Vec::new(),
        time_limit_ns: 0,
        max_requests: None,
        limiter: None,
    })))
}

#[test]
fn unique_rows_are_unique_over_two_workers_and_ten_million_draws_of_each() {
    let small = Capacity {
        ring_records: 1 << 10,
        spill_records: 1 << 8,
        ..Capacity::default()
    };
    let transport = Transport::shared_memory(2, small).expect("there is shared memory");
    let text = Bytes::from([b"n\n", "x\n".repeat(2 * EACH as usize).as_bytes()].concat());
    let csv = DataFormat::Csv { separator: b',' };
    let file = Arc::new(DataFile::from_bytes("rows.csv", text, csv).expect("it is good"));
    let feed = Feed::new("rows", file, Strategy::Unique, FeedId(2));
    assert_eq!((feed.file.rows(), feed.at_end), (2 * EACH, AtEnd::Stop));
    let drawn: Vec<AtomicU64> = (0..(2 * EACH).div_ceil(64))
        .map(|_| AtomicU64::new(0))
        .collect();
    thread::scope(|scope| {
        for worker in 0..2 {
            let (transport, feed, drawn) = (&transport, &feed, &drawn);
            scope.spawn(move || {
                let client = client(worker, transport);
                let mut rng = ChaCha8Rng::seed_from_u64(1);
                for _ in 0..EACH {
                    let row = feed
                        .draw(&mut rng, &client, SeatId(0))
                        .expect("rows are left");
                    let bit = 1 << (row % 64);
                    let before = drawn[(row / 64) as usize].fetch_or(bit, Ordering::Relaxed);
                    assert_eq!(before & bit, 0, "row {row} was drawn twice");
                }
            });
        }
    });
    // As many distinct rows as draws: each was drawn once.
    let taken = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let counts: Vec<u64> = transport.control().rows_taken.iter().map(taken).collect();
    assert_eq!(
        (counts[5], counts.iter().sum::<u64>()),
        (2 * EACH, 2 * EACH)
    );
    assert!(!transport.control().is_end_asked());
}

#[test]
fn the_first_draw_behind_the_last_row_ends_the_run_with_a_reason() {
    let transport = Transport::channel(1, Capacity::default());
    let csv = DataFormat::Csv { separator: b',' };
    let file = DataFile::from_bytes("rows.csv", Bytes::from_static(b"n\nx\n"), csv);
    let feed = Feed::new(
        "rows",
        Arc::new(file.expect("it is good")),
        Strategy::Unique,
        FeedId(0),
    );
    let client = client(0, &transport);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut draw = || feed.draw(&mut rng, &client, SeatId(0));
    assert_eq!(draw(), Ok(0));
    assert!(!transport.control().is_end_asked());
    for _ in 0..3 {
        assert_eq!(draw(), Err(FeedFault::UsedUp));
    }
    assert!(transport.control().is_end_asked());
    let reason = transport.worker(0).end_reason().expect("it has one");
    let texts = transport.text_reader(0).new_entries();
    assert_eq!(texts.len(), 1, "it is told once");
    assert_eq!(
        (texts[0].id, &*texts[0].text),
        (reason, "the rows of rows are used up")
    );
    // Another user's own wish changes nothing any more.
    client.end_run(SeatId(0), "something else");
    assert_eq!(transport.worker(0).end_reason(), Some(reason));
}
