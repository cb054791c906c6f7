//! The pure parts of a worker: answers read, requests rendered, timers, and records on their way into figures.
//! `cargo bench -p loadforge-engine`. The ring by itself is in `metrics-ring/benches`, the window in `analysis/benches`.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use loadforge_analysis::Window;
use loadforge_engine::parts::{AnswerReader, Due, Keep, Progress, Timers, render_head};
use loadforge_ring::{Capacity, RecordKind, RequestRecord, Transport};
use loadforge_scenarios::{Body, Method, Request};
use std::hint::black_box;

/// As nginx sends it.
const NGINX: &[u8] = include_bytes!("../../benches/answers/nginx.http");
/// Two small chunks.
const CHUNKED: &[u8] = include_bytes!("../../benches/answers/chunked.http");
const TIMERS: u32 = 10_000;
/// What a drain finds after 5 ms at 800,000 requests a second.
const RECORDS: u64 = 4_096;

/// Reads one answer that comes in pieces of so many bytes.
fn read(reader: &mut AnswerReader, answer: &[u8], piece_bytes: usize, keep: Keep) {
    reader.begin(Method::Get, keep);
    let mut pieces = answer.chunks(piece_bytes);
    let last = loop {
        match pieces.next().map(|piece| reader.feed(black_box(piece))) {
            Some(Progress::More) => {}
            other => break other,
        }
    };
    assert_eq!(last, Some(Progress::Complete { reusable: true }));
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answer");
    let nothing = Keep::default();
    let all = Keep {
        head: true,
        body: true,
    };
    for (name, answer, piece_bytes, keep) in [
        ("nginx, whole", NGINX, NGINX.len(), nothing),
        ("nginx, whole, kept for checks", NGINX, NGINX.len(), all),
        ("nginx, split within its head", NGINX, 100, nothing),
        ("nginx, byte by byte", NGINX, 1, nothing),
        ("chunked, whole", CHUNKED, CHUNKED.len(), nothing),
        ("chunked, split within its chunks", CHUNKED, 160, nothing),
    ] {
        group.throughput(Throughput::Bytes(answer.len() as u64));
        let mut reader = AnswerReader::default();
        group.bench_function(name, |bencher| {
            bencher.iter(|| read(&mut reader, answer, piece_bytes, keep));
        });
    }
    group.finish();
}

fn get() -> Request {
    let mut request = Request::new();
    request.path = "/products/17?colour=red".into();
    for (name, value) in [
        ("Accept", "*/*"),
        ("Authorization", "Bearer 0123456789abcdef"),
    ] {
        request.headers.push(name, value).expect("valid");
    }
    request
}

fn render(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("render");
    let mut post = get();
    post.method = Method::Post;
    post.body = Body::Owned(br#"{"user":"ann","amount":3}"#.to_vec());
    for (name, request) in [("GET", get()), ("POST", post)] {
        let mut buffer = Vec::new();
        group.bench_function(format!("{name}, two headers"), |bencher| {
            bencher.iter(|| {
                buffer.clear();
                render_head(black_box(&request), "127.0.0.1:8080", &mut buffer)
                    .expect("the path is fine");
                buffer.len()
            });
        });
    }
    group.finish();
}

/// A deadline spread over a second; SplitMix64 (Steele 2014).
fn deadline_ns(number: u32) -> u64 {
    let mut mixed = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ mixed >> 27) % 1_000_000_000
}

fn armed() -> Timers {
    let mut timers = Timers::default();
    for seat in 0..TIMERS {
        timers.arm(deadline_ns(seat), seat, Due::Sleep(0));
    }
    timers
}

fn timers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("timers");
    group.throughput(Throughput::Elements(u64::from(TIMERS)));
    group.bench_function("arm 10,000", |bencher| {
        bencher.iter_batched(|| (), |()| armed(), BatchSize::SmallInput);
    });
    group.bench_function("fire 10,000", |bencher| {
        bencher.iter_batched_ref(
            armed,
            |timers| {
                let fired = std::iter::from_fn(|| timers.pop_due(u64::MAX)).count();
                assert_eq!(fired, TIMERS as usize);
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// From a worker's hand to the open second, as the aggregator does it; a worker that pushes is part of the time.
fn count(criterion: &mut Criterion) {
    let transport = Transport::shared_memory(1, Capacity::default()).expect("shared memory");
    let (mut sink, mut source) = (transport.sink(0), transport.source(0));
    let mut window = Window::new();
    let endpoint = window.endpoint("/", Some(Method::Get));
    let records: Vec<RequestRecord> = (0..RECORDS)
        .map(|number| RequestRecord {
            intended_ns: number * 1_000,
            sent_ns: number * 1_000 + 200,
            done_ns: number * 1_000 + 400_000 + deadline_ns(number as u32) / 1_000,
            bytes_in: NGINX.len() as u32,
            bytes_out: 70,
            status: 200,
            kind: RecordKind::Request as u8,
            ..RequestRecord::default()
        })
        .collect();
    let mut group = criterion.benchmark_group("records");
    group.throughput(Throughput::Elements(RECORDS));
    group.bench_function("pushed, drained and counted", |bencher| {
        bencher.iter(|| {
            sink.push_batch(&records);
            let drained = source.drain(|record| window.add(record, endpoint));
            assert_eq!(drained, records.len());
        });
    });
    group.finish();
}

criterion_group!(benches, parse, render, timers, count);
criterion_main!(benches);
