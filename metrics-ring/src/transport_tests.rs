//! One conformance suite, run on both transports, and what only one of them has.

use super::*;
use crate::{RecordKind, RunPhase, TextKind, WorkerState};
use std::io;
use std::sync::atomic::Ordering::Relaxed;

const SMALL: Capacity = Capacity {
    ring_records: 8,
    spill_records: 4,
    texts: 16,
    text_bytes: 1024,
};

/// Takes all there is.
fn drained(source: &mut RecordSource) -> Vec<RequestRecord> {
    let mut taken = Vec::new();
    let count = source.drain(|record| taken.push(*record));
    assert_eq!(count, taken.len());
    taken
}

fn numbered(numbers: std::ops::Range<u64>) -> Vec<RequestRecord> {
    numbers.map(RequestRecord::numbered).collect()
}

/// The counters that the sink keeps: recorded, stalls, lost of any kind.
fn counters(transport: &Transport, worker: usize) -> (u64, u64, u64) {
    let control = transport.worker(worker);
    (
        control.recorded.load(Relaxed),
        control.stalls.load(Relaxed),
        control.lost.load(Relaxed) + control.lost_others.load(Relaxed),
    )
}

fn records_arrive_once_and_in_order(make: fn(usize) -> Transport) {
    let transport = make(1);
    let (mut sink, mut source) = (transport.sink(0), transport.source(0));
    assert_eq!(drained(&mut source), []);
    sink.push(&RequestRecord::numbered(0));
    sink.push_batch(&[]);
    sink.push_batch(&numbered(1..5));
    assert_eq!(drained(&mut source), numbered(0..5));
    assert_eq!(drained(&mut source), []);
    assert_eq!(counters(&transport, 0), (5, 0, 0));
}

fn workers_do_not_see_each_others_records(make: fn(usize) -> Transport) {
    let transport = make(3);
    assert_eq!(transport.workers(), 3);
    let mut sinks: Vec<_> = (0..3).map(|worker| transport.sink(worker)).collect();
    for (worker, sink) in sinks.iter_mut().enumerate() {
        sink.push_batch(&numbered(worker as u64 * 10..worker as u64 * 10 + 3));
    }
    for worker in 0..3 {
        let expected = numbered(worker as u64 * 10..worker as u64 * 10 + 3);
        assert_eq!(drained(&mut transport.source(worker)), expected);
    }
}

fn what_the_ring_cannot_take_waits_and_arrives_later(make: fn(usize) -> Transport) {
    let transport = make(1);
    let (mut sink, mut source) = (transport.sink(0), transport.source(0));
    sink.push_batch(&numbered(0..7));
    assert_eq!((sink.backlog(), counters(&transport, 0)), (0, (7, 0, 0)));
    sink.push_batch(&numbered(7..11));
    assert_eq!((sink.backlog(), counters(&transport, 0)), (3, (11, 1, 0)));
    let mut taken = drained(&mut source);
    sink.flush();
    assert_eq!(sink.backlog(), 0);
    sink.push_batch(&numbered(11..13));
    taken.extend(drained(&mut source));
    assert_eq!(taken, numbered(0..13));
    assert_eq!(counters(&transport, 0), (13, 1, 0));
}

fn what_fits_nowhere_is_counted_as_lost(make: fn(usize) -> Transport) {
    let transport = make(1);
    let (mut sink, mut source) = (transport.sink(0), transport.source(0));
    sink.push_batch(&numbered(0..20));
    sink.push(&RequestRecord::numbered(20));
    assert_eq!(counters(&transport, 0), (12, 2, 9));
    let mut taken = drained(&mut source);
    sink.flush();
    taken.extend(drained(&mut source));
    assert_eq!(taken, numbered(0..12));
    // Room again: all is well from here on.
    sink.push_batch(&numbered(21..29));
    assert_eq!(drained(&mut source), numbered(21..29));
    assert_eq!(counters(&transport, 0), (20, 2, 9));
}

fn a_lost_record_of_no_request_is_not_counted_among_the_requests(make: fn(usize) -> Transport) {
    let transport = make(1);
    let mut sink = transport.sink(0);
    let mut of_kind = |kind: RecordKind| {
        sink.push(&RequestRecord {
            kind: kind as u8,
            bytes_in: 40,
            ..RequestRecord::default()
        });
    };
    (0..12).for_each(|_| of_kind(RecordKind::Request));
    for kind in [
        RecordKind::NotSent,
        RecordKind::Request,
        RecordKind::Iteration,
        RecordKind::Metric,
        RecordKind::Request,
    ] {
        of_kind(kind);
    }
    let control = transport.worker(0);
    let lost = (
        control.lost.load(Relaxed),
        control.lost_others.load(Relaxed),
    );
    assert_eq!(lost, (2, 3));
    assert_eq!(control.recorded.load(Relaxed), 12);
}

fn lost_records_of_no_request_are_counted_apart(make: fn(usize) -> Transport) {
    let transport = make(1);
    let (mut sink, mut source) = (transport.sink(0), transport.source(0));
    let of = |kind: RecordKind| RequestRecord {
        kind: kind as u8,
        ..RequestRecord::default()
    };
    sink.push_batch(&numbered(0..12));
    sink.push_batch(&[of(RecordKind::Request), of(RecordKind::Metric)]);
    sink.push(&of(RecordKind::Group));
    sink.push(&of(RecordKind::NotSent));
    let control = transport.worker(0);
    assert_eq!(control.lost.load(Relaxed), 1);
    assert_eq!(control.lost_others.load(Relaxed), 3);
    assert_eq!(counters(&transport, 0), (12, 4, 4));
    assert_eq!(drained(&mut source).len() + sink.backlog(), 12);
}

fn what_a_worker_leaves_behind_is_recovered_once(make: fn(usize) -> Transport) {
    let transport = make(1);
    let (mut sink, mut source) = (transport.sink(0), transport.source(0));
    sink.push_batch(&numbered(0..3));
    assert_eq!(drained(&mut source), numbered(0..3));
    sink.push_batch(&numbered(3..14));
    drop(sink);
    let mut taken = Vec::new();
    assert_eq!(source.recover(|record| taken.push(*record)), 11);
    assert_eq!(taken, numbered(3..14));
    assert_eq!(source.recover(|record| panic!("{record:?} came twice")), 0);
    assert_eq!(source.drain(|record| panic!("{record:?} came twice")), 0);
}

fn a_thread_far_away_loses_and_doubles_nothing(make: fn(usize) -> Transport) {
    let total: u64 = if cfg!(miri) { 200 } else { 200_000 };
    let transport = make(1);
    let (mut sink, mut source) = (transport.sink(0), transport.source(0));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..total {
                sink.push(&RequestRecord::numbered(number));
                while sink.backlog() > 0 {
                    sink.flush();
                    std::thread::yield_now();
                }
            }
        });
        let mut next = 0;
        while next < total {
            let count = source.drain(|record| {
                assert_eq!(*record, RequestRecord::numbered(next));
                next += 1;
            });
            if count == 0 {
                std::thread::yield_now();
            }
        }
    });
    let (recorded, _, lost) = counters(&transport, 0);
    assert_eq!((recorded, lost), (total, 0));
}

fn control_and_texts_are_seen_through_every_clone(make: fn(usize) -> Transport) {
    let transport = make(2);
    let other = transport.clone();
    transport.control().t0_ns.store(42, Relaxed);
    transport.control().set_phase(RunPhase::Running);
    assert_eq!(other.control().phase(), RunPhase::Running);
    assert_eq!(other.control().t0_ns.load(Relaxed), 42);
    other.worker(1).set_state(WorkerState::Ready);
    assert_eq!(transport.worker(1).state(), WorkerState::Ready);
    assert_eq!(transport.worker(0).state(), WorkerState::Starting);
    let mut writer = transport.text_writer(1);
    let id = writer.intern(TextKind::Name, 0, "/");
    writer.add(id, 7);
    assert_eq!(other.text_reader(1).new_entries()[0].text, "/");
    assert_eq!(other.text_reader(1).count(id), 7);
    assert_eq!(other.text_reader(0).new_entries(), []);
}

fn each_face_that_there_is_one_of_is_handed_out_once(make: fn(usize) -> Transport) {
    let transport = make(2);
    let twice = |take: &dyn Fn(&Transport)| {
        take(&transport);
        let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| take(&transport)));
        let words = *again.unwrap_err().downcast::<String>().unwrap();
        assert!(words.contains("worker 1 has been taken before"), "{words}");
    };
    twice(&|transport| drop(transport.sink(1)));
    twice(&|transport| drop(transport.source(1)));
    twice(&|transport| drop(transport.text_writer(1)));
}

fn faces_outlive_the_transport_they_came_from(make: fn(usize) -> Transport) {
    let transport = make(1);
    let (mut sink, mut source) = (transport.sink(0), transport.source(0));
    let (mut writer, mut reader) = (transport.text_writer(0), transport.text_reader(0));
    drop(transport);
    sink.push(&RequestRecord::numbered(1));
    drop(sink);
    assert_eq!(drained(&mut source), numbered(1..2));
    writer.intern(TextKind::Metric, 0, "depth");
    drop(writer);
    assert_eq!(reader.new_entries()[0].text, "depth");
}

/// The suite as tests of one transport.
macro_rules! conformance {
    ($make:expr, $($test:ident),* $(,)?) => {
        $( #[test] fn $test() { super::$test($make); } )*
    };
    ($module:ident, $make:expr) => {
        mod $module {
            use super::*;
            conformance!(
                $make,
                records_arrive_once_and_in_order,
                workers_do_not_see_each_others_records,
                what_the_ring_cannot_take_waits_and_arrives_later,
                what_fits_nowhere_is_counted_as_lost,
                a_lost_record_of_no_request_is_not_counted_among_the_requests,
                lost_records_of_no_request_are_counted_apart,
                what_a_worker_leaves_behind_is_recovered_once,
                a_thread_far_away_loses_and_doubles_nothing,
                control_and_texts_are_seen_through_every_clone,
                each_face_that_there_is_one_of_is_handed_out_once,
                faces_outlive_the_transport_they_came_from,
            );
        }
    };
}

#[cfg(not(miri))]
conformance!(shared_memory, |workers| Transport::shared_memory(
    workers, SMALL
)
.unwrap());
conformance!(channel, |workers| Transport::channel(workers, SMALL));

#[test]
fn capacities_are_rounded_up_and_reported() {
    let odd = Capacity {
        ring_records: 5,
        spill_records: 0,
        ..SMALL
    };
    assert_eq!(Transport::channel(1, odd).ring_capacity(), 8);
    assert_eq!(odd.rounded().spill_records, 2);
    assert_eq!(Capacity::default().rounded(), Capacity::default());
}

#[test]
fn the_kinds_have_their_words() {
    assert_eq!(TransportKind::SharedMemory.as_str(), "shm");
    assert_eq!(Transport::channel(1, SMALL).kind().as_str(), "channel");
}

#[test]
#[should_panic(expected = "worker 2 of a run with 2")]
fn a_worker_that_there_is_not_is_refused() {
    Transport::channel(2, SMALL).worker(2);
}

#[cfg(not(miri))]
#[test]
#[should_panic(expected = "its sink is in use")]
fn recovering_from_a_worker_that_lives_is_refused() {
    let transport = Transport::shared_memory(1, SMALL).unwrap();
    let _sink = transport.sink(0);
    transport.source(0).recover(|_| ());
}

#[cfg(not(miri))]
#[test]
fn shared_memory_beyond_any_address_is_refused_in_words() {
    let vast = Capacity {
        ring_records: usize::MAX,
        ..SMALL
    };
    let error = Transport::shared_memory(1, vast).map(|_| ()).unwrap_err();
    assert!(
        matches!(error, RegionError::TooLarge { workers: 1, .. }),
        "{error:?}"
    );
}

/// Tries capacities until `fits` of records fit, and lists what was tried as (ring, spill).
fn try_shrinking(from: Capacity, least: usize, fits: usize) -> (Vec<(usize, usize)>, bool) {
    let mut tried = Vec::new();
    let made = shrinking(from, least, |capacity| {
        tried.push((capacity.ring_records, capacity.spill_records));
        if capacity.ring_records <= fits {
            Ok(())
        } else {
            Err(RegionError::Full {
                needed: 2,
                available: 1,
            })
        }
    });
    (tried, made.is_ok())
}

#[test]
fn a_full_file_system_halves_the_ring_until_it_fits_or_would_be_too_small() {
    let from = Capacity {
        ring_records: 60_000,
        spill_records: 16_384,
        ..SMALL
    };
    assert_eq!(
        try_shrinking(from, 16_384, 16_384),
        (
            vec![(65_536, 16_384), (32_768, 8_192), (16_384, 4_096)],
            true
        )
    );
    assert_eq!(
        try_shrinking(from, 16_384, 8_192),
        (
            vec![(65_536, 16_384), (32_768, 8_192), (16_384, 4_096)],
            false
        )
    );
    assert_eq!(try_shrinking(from, 20_000, 1_000).0.len(), 2);
}

#[test]
fn only_lack_of_room_makes_it_try_again() {
    let mut tries = 0;
    let made: Result<(), _> = shrinking(SMALL, 1, |_| {
        tries += 1;
        Err(RegionError::NotWritable {
            source: io::Error::other("read-only"),
        })
    });
    assert!(made.is_err());
    assert_eq!(tries, 1);
}
