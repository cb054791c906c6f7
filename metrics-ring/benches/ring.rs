//! The ring beside rtrb and a crossbeam channel: the same 64-byte records from one thread to another, in batches where
//! the part has them. `cargo bench -p loadforge-ring`.
//!
//! First come medians of interleaved rounds and their ratios, which is what `docs/performance.md` quotes: on a shared
//! machine only figures taken turn by turn can be compared. Then criterion's own figures.

use criterion::{BatchSize, Criterion, Throughput, criterion_group};
use loadforge_ring::{Capacity, RecordSink, RecordSource, RequestRecord, Transport};
use std::hint::{black_box, spin_loop};
use std::time::{Duration, Instant};

const RECORDS: u64 = 2_000_000;
const BATCH: usize = 64;
const ROUNDS: usize = 21;

/// Spins a little, then lets others run: the two threads may have to share a CPU.
struct Patience(u32);

impl Patience {
    fn wait(&mut self) {
        self.0 += 1;
        if self.0.is_multiple_of(64) {
            std::thread::yield_now();
        } else {
            spin_loop();
        }
    }
}

/// Numbers the records of a batch; the rest of each stays, so that making records costs next to nothing here.
fn number(batch: &mut [RequestRecord; BATCH], first: u64) {
    for (number, record) in (first..).zip(batch) {
        record.intended_ns = number;
    }
}

/// Runs both sides at once and returns the time until the last record was taken.
fn race(produce: impl FnOnce() + Send, mut take_some: impl FnMut(&mut u64) -> usize) -> Duration {
    std::thread::scope(|scope| {
        let begin = Instant::now();
        scope.spawn(produce);
        let (mut taken, mut sum, mut patience) = (0, 0, Patience(0));
        while taken < RECORDS {
            match take_some(&mut sum) as u64 {
                0 => patience.wait(),
                count => taken += count,
            }
        }
        assert_eq!(
            black_box(sum),
            RECORDS * (RECORDS - 1) / 2,
            "records were lost or changed"
        );
        begin.elapsed()
    })
}

fn through_ring() -> Duration {
    let transport = Transport::shared_memory(1, Capacity::default()).expect("shared memory");
    let (mut sink, mut source): (RecordSink, RecordSource) =
        (transport.sink(0), transport.source(0));
    race(
        move || {
            let mut batch = [RequestRecord::default(); BATCH];
            let (mut room, mut patience) = (0, Patience(0));
            for first in (0..RECORDS).step_by(BATCH) {
                number(&mut batch, first);
                if room < BATCH {
                    room = sink.room();
                }
                while room < BATCH {
                    patience.wait();
                    room = sink.room();
                }
                sink.push_batch(&batch);
                room -= BATCH;
            }
        },
        move |sum| source.drain(|record| *sum += record.intended_ns),
    )
}

fn through_rtrb() -> Duration {
    let (mut producer, mut consumer) =
        rtrb::RingBuffer::<RequestRecord>::new(Capacity::default().ring_records);
    race(
        move || {
            let mut batch = [RequestRecord::default(); BATCH];
            let mut patience = Patience(0);
            for first in (0..RECORDS).step_by(BATCH) {
                number(&mut batch, first);
                while producer.push_entire_slice(&batch).is_err() {
                    patience.wait();
                }
            }
        },
        move |sum| {
            // As many at a time as our own drain takes before it gives room back.
            let there = consumer.slots().min(1024);
            let Ok(chunk) = consumer.read_chunk(there) else {
                return 0;
            };
            let (first, second) = chunk.as_slices();
            first
                .iter()
                .chain(second)
                .for_each(|record| *sum += record.intended_ns);
            chunk.commit_all();
            there
        },
    )
}

fn through_channel() -> Duration {
    let (sender, receiver) =
        crossbeam::channel::bounded::<RequestRecord>(Capacity::default().ring_records);
    race(
        move || {
            let mut batch = [RequestRecord::default(); BATCH];
            for first in (0..RECORDS).step_by(BATCH) {
                number(&mut batch, first);
                for record in batch {
                    sender.send(record).expect("the receiver is there");
                }
            }
        },
        move |sum| {
            receiver
                .try_iter()
                .map(|record| *sum += record.intended_ns)
                .count()
        },
    )
}

fn side_by_side() {
    let contestants = [
        ("ring", through_ring as fn() -> Duration),
        ("rtrb", through_rtrb),
        ("crossbeam channel", through_channel),
    ];
    let mut times = [const { Vec::new() }; 3];
    for round in 0..=ROUNDS {
        for ((_, run), times) in contestants.iter().zip(&mut times) {
            let time = run();
            // The first round warms up.
            if round > 0 {
                times.push(time);
            }
        }
    }
    let [medians, fastest] = [ROUNDS / 2, 0].map(|rank| {
        times.each_mut().map(|times| {
            times.sort();
            times[rank].as_secs_f64() * 1e9 / RECORDS as f64
        })
    });
    println!("ns per record, two threads, {ROUNDS} interleaved rounds: median, fastest (x ring)");
    for (index, (name, _)) in contestants.iter().enumerate() {
        let (median, least) = (medians[index], fastest[index]);
        let ratios = (median / medians[0], least / fastest[0]);
        println!(
            "  {name:18} {median:7.2} ({:.2})  {least:7.2} ({:.2})",
            ratios.0, ratios.1
        );
    }
}

/// What a worker pays: handing one record over, the aggregator's part left out of the time.
fn hand_over(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hand over");
    for count in [1, BATCH] {
        group.throughput(Throughput::Elements(count as u64));
        let transport = Transport::shared_memory(1, Capacity::default()).expect("shared memory");
        let (mut sink, mut source) = (transport.sink(0), transport.source(0));
        let batch = &[RequestRecord::default(); BATCH][..count];
        group.bench_function(format!("{count} at a time"), |bencher| {
            bencher.iter_batched(
                || source.drain(|record| _ = black_box(record)),
                |_| sink.push_batch(black_box(batch)),
                BatchSize::NumIterations(256),
            );
        });
    }
    group.finish();
}

criterion_group!(benches, hand_over);

fn main() {
    side_by_side();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
