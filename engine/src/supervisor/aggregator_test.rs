//! The books must not be made to fit: a record that vanishes under a healthy worker breaks the equations, one that a
//! killed worker took with it is unknown.

use super::*;
use crossbeam::channel::unbounded;
use loadforge_ring::{Capacity, RecordKind, WorkerControl, WorkerState, raise};
use loadforge_scenarios::{Demand, Pattern};

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
    let (notices, inbox) = unbounded();
    let (watchers, snapshots) = unbounded();
    if is_lost {
        notices
            .send(Notice::Lost {
                worker: 0,
                arrivals_owed,
            })
            .expect("the aggregator has the other end");
    }
    notices
        .send(Notice::Finish)
        .expect("the aggregator has the other end");
    let aggregator = Aggregator::new(
        &transport,
        Epoch::new(crate::clock::monotonic_ns()),
        Asked {
            names: vec!["home".to_owned()],
            demands: vec![Demand::Users(Pattern::Constant(1.0))],
            courses: Vec::new(),
            phases: Vec::new(),
        },
        Health::new(vec![std::process::id() as i32], vec![0]),
        inbox,
        watchers,
    );
    aggregator.run();
    let last = snapshots
        .iter()
        .last()
        .expect("a run has a snapshot at least");
    assert_eq!(last.requests.ok, 9);
    last.totals
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
