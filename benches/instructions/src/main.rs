//! Runs one pure part of the engine so many times and says nothing: `loadforge-instructions <part> <operations>`. Without
//! arguments it lists the parts, one a line. Neighbours: `scripts/src/instructions.rs` runs it under callgrind, twice with
//! different numbers of operations, and divides the difference; `engine/benches/parts.rs` times the same parts.
//! Invariant: no clock, no chance, no thread: the same number of instructions every time.

#![forbid(unsafe_code)]

use loadforge_analysis::{EndpointId, LatencyHistogram, Window};
use loadforge_engine::parts::{AnswerReader, Due, Keep, Progress, Timers, render_head};
use loadforge_ring::{Capacity, RecordKind, RequestRecord, Transport};
use loadforge_scenarios::{Method, Request};
use std::{hint::black_box, process::ExitCode};

/// As nginx sends it.
const NGINX: &[u8] = include_bytes!("../../answers/nginx.http");
/// Two small chunks.
const CHUNKED: &[u8] = include_bytes!("../../answers/chunked.http");

/// A part's name, and itself, done so many times.
type Part = (&'static str, fn(u64));

/// All parts. `empty` is the loop alone, which is taken off all others.
const PARTS: [Part; 9] = [
    ("empty", empty),
    ("parse", |operations| parse(NGINX, operations)),
    ("parse-chunked", |operations| parse(CHUNKED, operations)),
    ("render", render),
    ("ring", |operations| ring(1, operations)),
    ("ring-batch", |operations| ring(64, operations)),
    ("window", window),
    ("timers", timers),
    ("histogram", histogram),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        PARTS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    let asked = match arguments.as_slice() {
        [part, operations] => PARTS
            .iter()
            .find(|(name, _)| name == part)
            .zip(operations.parse().ok()),
        _ => None,
    };
    let Some(((_, run), operations)) = asked else {
        eprintln!(
            "usage: loadforge-instructions [<part> <operations>]; without arguments it lists the parts"
        );
        return ExitCode::from(2);
    };
    run(operations);
    ExitCode::SUCCESS
}

fn empty(operations: u64) {
    for number in 0..operations {
        black_box(number);
    }
}

/// An answer that comes whole, as a worker reads it when nobody looks at head or body.
fn parse(answer: &[u8], operations: u64) {
    let mut reader = AnswerReader::default();
    for number in 0..operations {
        black_box(number);
        reader.begin(Method::Get, Keep::default());
        let progress = reader.feed(black_box(answer));
        assert!(matches!(progress, Progress::Complete { reusable: true }));
    }
}

fn render(operations: u64) {
    let mut request = Request::new();
    request.path = "/products/17?colour=red".into();
    for (name, value) in [
        ("Accept", "*/*"),
        ("Authorization", "Bearer 0123456789abcdef"),
    ] {
        request.headers.push(name, value).expect("valid");
    }
    let mut buffer = Vec::new();
    for number in 0..operations {
        black_box(number);
        buffer.clear();
        render_head(black_box(&request), "127.0.0.1:8080", &mut buffer).expect("the path is fine");
        black_box(&buffer);
    }
}

/// Records in and out again, by one thread; an operation is one record.
fn ring(batch: u64, operations: u64) {
    let transport = Transport::shared_memory(1, Capacity::default())
        .unwrap_or_else(|error| panic!("the ring needs shared memory: {error}"));
    let (mut sink, mut source) = (transport.sink(0), transport.source(0));
    let records: Vec<RequestRecord> = (0..batch).map(record).collect();
    let mut drained = 0;
    for number in 0..operations.div_ceil(batch) {
        black_box(number);
        sink.push_batch(black_box(&records));
        // As seldom as the aggregator looks: many records at a time.
        if number % (1_024 / batch) == 0 {
            drained += source.drain(|record| _ = black_box(record.done_ns));
        }
    }
    drained += source.drain(|record| _ = black_box(record.done_ns));
    assert_eq!(
        drained as u64,
        operations.next_multiple_of(batch),
        "records were lost"
    );
}

fn window(operations: u64) {
    let records: Vec<RequestRecord> = (0..1_024).map(record).collect();
    let mut window = Window::new();
    let endpoints: Vec<EndpointId> = (0..10)
        .map(|name| window.endpoint(&name.to_string(), Some(Method::Get)))
        .collect();
    for number in 0..operations {
        let record = &records[black_box(number) as usize % records.len()];
        window.add(black_box(record), endpoints[record.name as usize]);
    }
    black_box(&window);
}

/// Each takes the soonest of 1,000 timers out and arms another.
fn timers(operations: u64) {
    let mut timers = Timers::default();
    for seat in 0..1_000 {
        timers.arm(spread(u64::from(seat)) % 1_000_000, seat, Due::Sleep(0));
    }
    for number in 0..operations {
        let (deadline_ns, seat, due) = timers
            .pop_due(black_box(u64::MAX))
            .expect("as many are armed as are taken out");
        let pause_ns = 500_000 + spread(black_box(number)) % 1_000_000;
        timers.arm(deadline_ns + pause_ns, seat, due);
    }
    black_box(&timers);
}

fn histogram(operations: u64) {
    let mut histogram = LatencyHistogram::default();
    for number in 0..operations {
        histogram.record_ns(latency_ns(black_box(number) % 1_024));
    }
    black_box(&histogram);
}

fn record(number: u64) -> RequestRecord {
    let sent_ns = number * 10_000 + 200;
    RequestRecord {
        intended_ns: number * 10_000,
        sent_ns,
        done_ns: sent_ns + latency_ns(number),
        bytes_in: NGINX.len() as u32,
        bytes_out: 70,
        name: (number % 10) as u32,
        status: 200,
        kind: RecordKind::Request as u8,
        ..RequestRecord::default()
    }
}

/// Over two decades around 2 ms.
fn latency_ns(number: u64) -> u64 {
    let mixed = spread(number);
    let least = 300_000 << ((mixed >> 8) % 6);
    least + (mixed >> 16) % least
}

/// SplitMix64 (Steele 2014): spread without a dependency.
fn spread(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ mixed >> 27
}
