//! Records per second through `Window::add`, with ten endpoints and latencies as a real target gives them.
//! Goal: 10 million a second on one core.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use loadforge_analysis::{
    EndpointId, GeneratorWindow, LoadPhase, Phase, Totals, UserCounts, Window, WindowFacts,
};
use loadforge_ring::{RecordKind, RequestRecord};
use loadforge_scenarios::{ErrorKind, Method};
use std::hint::black_box;

/// As many as fit the second-level cache beside the histograms, like a batch from the ring.
const RECORDS: u64 = 4_096;
const ENDPOINTS: u64 = 10;

/// A record whose latency spreads over two decades around 2 ms, one in a hundred failed.
fn record(number: u64) -> RequestRecord {
    // SplitMix64 (Steele 2014): spread without a dependency.
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^= mixed >> 27;
    let octave = (mixed >> 8) % 6;
    let service_ns = (300_000 << octave) + (mixed >> 16) % (300_000 << octave);
    let sent_ns = number * 10_000 + mixed % 20_000;
    let failed = mixed.is_multiple_of(100);
    RequestRecord {
        intended_ns: number * 10_000,
        sent_ns,
        done_ns: sent_ns + service_ns,
        bytes_in: 180,
        bytes_out: 70,
        name: (mixed >> 40) as u32 % ENDPOINTS as u32,
        status: if failed { 503 } else { 200 },
        error: if failed { ErrorKind::Status as u8 } else { 0 },
        method: Method::Get as u8,
        kind: RecordKind::Request as u8,
        ..RequestRecord::default()
    }
}

fn endpoints(window: &mut Window) -> Vec<EndpointId> {
    (0..ENDPOINTS)
        .map(|name| window.endpoint(&name.to_string(), Some(Method::Get)))
        .collect()
}

fn facts() -> WindowFacts {
    WindowFacts {
        at_s: 1.0,
        length_s: 1.0,
        phase: Phase::Running,
        load_phase: LoadPhase::default(),
        users: UserCounts::default(),
        generator: GeneratorWindow::default(),
        totals: Totals::default(),
        events: Vec::new(),
        iterations: 0,
        iterations_failed: 0,
    }
}

fn add(criterion: &mut Criterion) {
    let records: Vec<RequestRecord> = (0..RECORDS).map(record).collect();
    let mut window = Window::new();
    let ids = endpoints(&mut window);
    let mut group = criterion.benchmark_group("window");
    group.throughput(Throughput::Elements(RECORDS));
    group.bench_function("add", |bencher| {
        bencher.iter(|| {
            for record in &records {
                window.add(black_box(record), ids[record.name as usize]);
            }
        });
    });
    group.finish();
}

fn close(criterion: &mut Criterion) {
    let records: Vec<RequestRecord> = (0..10 * RECORDS).map(record).collect();
    let mut window = Window::new();
    let ids = endpoints(&mut window);
    let mut group = criterion.benchmark_group("window");
    group.bench_function(
        "one second of 40,960 records, closed and written",
        |bencher| {
            bencher.iter(|| {
                for record in &records {
                    window.add(record, ids[record.name as usize]);
                }
                serde_json::to_string(&window.close(facts()))
                    .expect("a snapshot has no map keys but words")
                    .len()
            });
        },
    );
    group.finish();
}

criterion_group!(benches, add, close);
criterion_main!(benches);
