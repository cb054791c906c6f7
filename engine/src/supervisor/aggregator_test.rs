//! The books must not be made to fit: a record that vanishes under a healthy worker breaks the equations, one that a
//! killed worker took with it is unknown.

use super::*;
use crate::steering::SteeredLoad;
use crossbeam::channel::{bounded, unbounded};
use loadforge_analysis::MetricTally;
use loadforge_ring::{Capacity, RecordKind, TextKind, WorkerControl, WorkerState, raise};
use loadforge_scenarios::{Demand, ErrorKind, Method, MetricKind, Pattern};

/// Runs the aggregator over a worker that sent ten requests and handed over nine records; returns the run's totals.
fn totals_after(is_lost: bool) -> Totals {
    totals_of(is_lost, 0, |_| ())
}

/// The same, of a worker that owed so many arrivals and has told more in its lines of the control page.
fn totals_of(is_lost: bool, arrivals_owed: u64, tell: impl FnOnce(&WorkerControl)) -> Totals {
    let transport = Transport::channel(1, Capacity::default());
    let control = transport.worker(0);
    tell(control);
    raise(&control.intended, 10);
    raise(&control.submitted, 10);
    let mut sink = transport.sink(0);
    for _ in 0..9 {
        sink.push(&RequestRecord {
            done_ns: 1,
            kind: RecordKind::Request as u8,
            method: Method::Get as u8,
            ..RequestRecord::default()
        });
    }
    sink.flush();
    drop(sink);
    control.set_state(WorkerState::Done);
    let lost = is_lost.then_some(Notice::Lost {
        worker: 0,
        arrivals_owed,
    });
    let last = last_of(&transport, lost);
    assert_eq!(last.requests.ok, 9);
    last.totals
}

/// What the aggregator makes of all that the workers have handed over.
fn last_of(transport: &Transport, first: Option<Notice>) -> Snapshot {
    let (notices, inbox) = unbounded();
    let (watchers, snapshots) = unbounded();
    for notice in first.into_iter().chain([Notice::Finish]) {
        notices
            .send(notice)
            .expect("the aggregator has the other end");
    }
    let all = all_of(transport, inbox, watchers, &snapshots);
    all.into_iter()
        .next_back()
        .expect("a run has a snapshot at least")
}

/// Lets an aggregator work until it is told to finish; gives every snapshot.
fn all_of(
    transport: &Transport,
    inbox: Receiver<Notice>,
    watchers: Sender<Arc<Snapshot>>,
    snapshots: &Receiver<Arc<Snapshot>>,
) -> Vec<Snapshot> {
    aggregator_of(transport, inbox, watchers).run();
    let whole = |snapshot: Arc<Snapshot>| Arc::unwrap_or_clone(snapshot);
    snapshots.iter().map(whole).collect()
}

fn aggregator_of(
    transport: &Transport,
    inbox: Receiver<Notice>,
    watchers: impl Into<Watchers>,
) -> Aggregator {
    Aggregator::new(
        transport,
        Epoch::new(crate::clock::monotonic_ns()),
        Asked {
            names: vec!["home".to_owned()],
            beside: vec![None],
            load: SteeredLoad::new([Demand::Users(Pattern::Constant(1.0))], Duration::MAX),
            ..Asked::default()
        },
        Health::new(
            &vec![std::process::id() as i32; transport.workers()],
            &vec![0; transport.workers()],
        )
        .expect("a thread"),
        inbox,
        watchers,
    )
}

#[test]
fn watchers_that_take_nothing_cost_seconds_that_are_told_and_no_figure() {
    let transport = Transport::channel(1, Capacity::default());
    let mut sink = transport.sink(0);
    let (_notices, inbox) = unbounded();
    let (watchers, snapshots) = bounded(1);
    let mut aggregator = aggregator_of(&transport, inbox, watchers);
    let mut second = |number: u64| {
        sink.push(&RequestRecord {
            done_ns: number * SECOND_NS - 1,
            kind: RecordKind::Request as u8,
            method: Method::Get as u8,
            ..RequestRecord::default()
        });
        aggregator.drain(number * SECOND_NS);
        let snapshot = aggregator.close_window(number * SECOND_NS);
        aggregator.hand_out(snapshot);
    };
    (1..=4).for_each(&mut second);
    let first = snapshots.try_iter().map(|snapshot| snapshot.at_s);
    assert_eq!(first.collect::<Vec<_>>(), [1.0]);
    second(5);
    assert_eq!(snapshots.try_iter().count(), 1);
    second(6);
    let text = |event: &Event| event.text.clone();
    let told: Vec<String> = snapshots
        .try_iter()
        .flat_map(|snapshot| snapshot.events.iter().map(text).collect::<Vec<_>>())
        .collect();
    assert_eq!(
        told,
        ["the disk has caught up; seconds left out of the results: 3"]
    );
    // The run has all of them, and the words said when it began.
    assert_eq!(aggregator.fold.histograms().response.len(), 6);
}

#[test]
fn whoever_shows_seconds_gets_each_one_though_the_disk_takes_none() {
    let transport = Transport::channel(1, Capacity::default());
    let (notices, inbox) = unbounded();
    let (seconds, stuck) = bounded(0);
    let (shown, seen) = unbounded();
    let watchers = Watchers {
        seconds,
        live: Some(Box::new(move |snapshot| {
            shown.send(snapshot.at_s).expect("it is looked at");
        })),
        records: None,
    };
    let mut aggregator = aggregator_of(&transport, inbox, watchers);
    for number in 1..=3 {
        let snapshot = aggregator.close_window(number * SECOND_NS);
        aggregator.hand_out(snapshot);
    }
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
    // The last one, too, for which the disk is waited for.
    drop(stuck);
    notices
        .send(Notice::Finish)
        .expect("the aggregator listens");
    aggregator.run();
    let last: Vec<f64> = seen.try_iter().collect();
    assert!(matches!(last[..], [at_s] if at_s > 3.0), "{last:?}");
}

#[test]
fn a_lost_record_of_arrivals_not_sent_leaves_the_books_whole_and_is_told() {
    let least = Capacity {
        ring_records: 2,
        spill_records: 2,
        ..Capacity::default()
    };
    let transport = Transport::channel(1, least);
    let control = transport.worker(0);
    let mut sink = transport.sink(0);
    let request = RequestRecord {
        done_ns: 1,
        kind: RecordKind::Request as u8,
        method: Method::Get as u8,
        ..RequestRecord::default()
    };
    let not_sent = RequestRecord {
        kind: RecordKind::NotSent as u8,
        bytes_in: 7,
        ..RequestRecord::default()
    };
    // Room for four; of the last two each is of another kind.
    for record in [request, request, not_sent, request, not_sent, request] {
        sink.push(&record);
    }
    drop(sink);
    raise(&control.intended, 4 + 14);
    raise(&control.submitted, 4);
    raise(&control.not_sent, 14);
    control.set_state(WorkerState::Done);
    let (notices, inbox) = unbounded();
    let (watchers, snapshots) = unbounded();
    notices
        .send(Notice::Finish)
        .expect("the aggregator has the other end");
    let all = all_of(&transport, inbox, watchers, &snapshots);
    let totals = all.last().expect("a run has a snapshot at least").totals;
    assert_eq!((totals.lost, totals.not_sent), (1, 14));
    assert_eq!(totals.check(), Ok(()));
    let told = all.iter().flat_map(|snapshot| &snapshot.events);
    let told: Vec<&str> = told.map(|event| event.text.as_str()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("1 record of arrivals not sent"),
        "{told:?}"
    );
}

#[test]
fn a_record_that_vanished_under_a_healthy_worker_breaks_the_books() {
    let totals = totals_after(false);
    assert_eq!((totals.sent, totals.ok, totals.unknown), (10, 9, 0));
    assert!(totals.check().is_err());
}

#[test]
fn a_record_that_a_killed_worker_took_with_it_is_unknown() {
    let totals = totals_after(true);
    assert_eq!((totals.sent, totals.ok, totals.unknown), (10, 9, 1));
    assert_eq!(totals.check(), Ok(()));
}

#[test]
fn what_a_killed_worker_owed_and_had_not_begun_or_given_up_is_not_sent() {
    let totals = totals_of(true, 20, |control| {
        // Ten were sent and four given up; six more were due.
        raise(&control.arrivals, 14);
        raise(&control.not_sent, 4);
    });
    assert_eq!(
        (totals.sent, totals.not_sent, totals.intended),
        (10, 10, 20)
    );
    assert_eq!(totals.check(), Ok(()));
}

#[test]
fn two_workers_groups_and_metrics_are_one_by_name_and_no_requests() {
    let transport = Transport::channel(2, Capacity::default());
    for worker in 0..2 {
        let mut texts = transport.text_writer(worker);
        // The same words have other numbers in the other worker's table.
        for number in 0..3 * worker {
            texts.intern(TextKind::Name, 0, &format!("page {number}"));
        }
        let checkout = texts.intern(TextKind::Group, 0, "checkout").0;
        let mut metric =
            |kind: MetricKind, name| texts.intern(TextKind::Metric, kind as u8, name).0;
        let (orders, queue) = (
            metric(MetricKind::Counter, "orders"),
            metric(MetricKind::Gauge, "queue"),
        );
        let noted = texts.intern(TextKind::NotedFailure, ErrorKind::Check as u8, "no basket");
        texts.add(noted, 2);
        let mut sink = transport.sink(worker);
        let at_ns = 5 - worker as u64;
        let told = |kind: RecordKind, name, sent_ns| RequestRecord {
            intended_ns: at_ns,
            sent_ns,
            done_ns: at_ns,
            name,
            kind: kind as u8,
            error: ErrorKind::Check as u8 * u8::from(kind == RecordKind::Group && worker == 1),
            ..RequestRecord::default()
        };
        sink.push_batch(&[
            told(RecordKind::Group, checkout, at_ns),
            told(RecordKind::Metric, orders, 2.5_f64.to_bits()),
            told(RecordKind::Metric, queue, (worker as f64).to_bits()),
        ]);
        transport.worker(worker).set_state(WorkerState::Done);
    }
    let last = last_of(&transport, None);
    assert_eq!(last.totals, Totals::default());
    assert_eq!((last.requests.done, last.endpoints.len()), (0, 0));
    let [checkout] = last.groups.as_slice() else {
        panic!("{:?}", last.groups);
    };
    assert_eq!(
        (checkout.name.as_str(), checkout.count, checkout.failed),
        ("checkout", 2, 1)
    );
    let [orders, queue] = last.metrics.as_slice() else {
        panic!("{:?}", last.metrics);
    };
    assert_eq!(orders.tally, MetricTally::Counter { sum: 5.0 });
    let MetricTally::Gauge {
        last: value,
        min,
        max,
        ..
    } = queue.tally
    else {
        panic!("{queue:?}");
    };
    assert_eq!(
        (value, min, max),
        (0.0, 0.0, 1.0),
        "the first worker told it last"
    );
    assert_eq!(
        (last.errors[0].count, last.errors[0].without_request),
        (4, 4)
    );
}

#[test]
fn what_is_lost_of_groups_and_metrics_is_told_and_leaves_the_books_whole() {
    let transport = Transport::channel(
        1,
        Capacity {
            ring_records: 2,
            spill_records: 2,
            ..Capacity::default()
        },
    );
    let mut sink = transport.sink(0);
    let value = RequestRecord {
        kind: RecordKind::Metric as u8,
        ..RequestRecord::default()
    };
    (0..7).for_each(|_| sink.push(&value));
    transport.worker(0).set_state(WorkerState::Done);
    let last = last_of(&transport, None);
    assert_eq!((last.totals.lost, last.generator.lost_others), (0, 3));
    assert_eq!(last.totals.check(), Ok(()));
}
