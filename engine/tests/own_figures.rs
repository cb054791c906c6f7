//! What a scenario measures and tells by itself, through the whole engine: groups, metrics, failures without a request, panics.
//! Neighbours: `transports.rs` has the same over two workers and both transports. Invariant: counts are exact, and the sums of
//! requests hold whatever a scenario tells beside them.

mod support;

use loadforge_analysis::{GroupSummary, MetricFigures};
use loadforge_engine::Plan;
use loadforge_scenarios::{ErrorKind, Failure, Outcome, User};
use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};
use support::{
    props::{add_one, counter, echo, echo_after},
    stage::{Act, Play, Ran, act, plan, run, wires},
};

/// How often each of the four iterations is done.
const ROUNDS: u64 = 10;
/// Requests that a round sends.
const REQUESTS: u64 = 4;

/// Four iterations in turn: a group of two requests, a group that fails, a failure without a request, a panic.
fn rounds(iterations: Arc<AtomicU64>) -> Act {
    act(async move |user: &mut User| {
        let number = add_one(&iterations);
        if number >= 4 * ROUNDS {
            // Past the last request that may be sent: refused.
            return user.get("/").send().await.map(|_| ());
        }
        match number % 4 {
            0 => measured(user, number / 4).await,
            1 => {
                let refused = async |user: &mut User| -> Outcome {
                    user.get("/").send().await?;
                    Err(user.fail_check("no price".to_owned()))
                };
                user.group("refused", refused).await
            }
            2 => {
                user.metric("worth").record(f64::NAN);
                Err(user.fail("the basket is empty".to_owned()))
            }
            _ => {
                let breaks = async |user: &mut User| -> Outcome {
                    user.get("/").send().await?;
                    panic!("a scenario's own mistake")
                };
                user.group("breaks", breaks).await
            }
        }
    })
}

async fn measured(user: &mut User, round: u64) -> Outcome {
    let took_ms = user
        .group("checkout", async |user: &mut User| {
            user.get("/basket").send().await?;
            user.get("/pay").send().await?;
            Ok::<_, Failure>(user.response().took().as_secs_f64() * 1e3)
        })
        .await?;
    user.metric("took_ms").record(took_ms);
    user.metric("orders").add(2.5);
    user.metric("stock").set(100.0 - round as f64);
    Ok(())
}

fn group<'r>(ran: &'r Ran, name: &str) -> &'r GroupSummary {
    let mut groups = ran.summary.groups.iter();
    groups
        .find(|group| group.name == name)
        .unwrap_or_else(|| panic!("no group {name} in {:?}", ran.summary.groups))
}

fn metric<'r>(ran: &'r Ran, name: &str) -> (u64, &'r MetricFigures) {
    let mut metrics = ran.summary.metrics.iter();
    let found = metrics.find(|metric| metric.name == name);
    let found = found.unwrap_or_else(|| panic!("no metric {name} in {:?}", ran.summary.metrics));
    (found.count, &found.figures)
}

/// Errors of this kind and these words: all of them, and those that no request carries.
fn errors(ran: &Ran, kind: ErrorKind, words: &str) -> (u64, u64) {
    let of_kind = ran.summary.errors.iter().filter(|error| error.kind == kind);
    let matching = of_kind.filter(|error| error.detail.contains(words));
    matching.fold((0, 0), |(all, without), error| {
        (all + error.count, without + error.without_request)
    })
}

#[test]
fn everything_that_a_scenario_tells_is_counted_exactly_and_beside_the_requests() {
    for wire in wires() {
        let echo = echo_after(Duration::from_millis(2));
        let (iterations, _) = counter();
        let ran = run(Plan {
            max_requests: Some(REQUESTS * ROUNDS),
            ..plan(Play::new(&[echo.address()], rounds(iterations)), wire)
        });
        let sent = REQUESTS * ROUNDS;
        assert_eq!(ran.counts(), (sent, sent - ROUNDS, ROUNDS), "{wire:?}");
        let requests = &ran.summary.requests;
        assert_eq!((requests.iterations, requests.iterations_failed), (40, 30));

        for (name, failed) in [("checkout", 0), ("refused", ROUNDS), ("breaks", ROUNDS)] {
            let group = group(&ran, name);
            assert_eq!(
                (group.count, group.failed),
                (ROUNDS, failed),
                "{name} over {wire:?}"
            );
        }
        let two_answers = group(&ran, "checkout").latency_ms.min;
        assert!(two_answers >= 3.9, "{two_answers} ms for twice 2 ms");

        let (count, orders) = metric(&ran, "orders");
        assert_eq!(count, ROUNDS);
        assert!(
            matches!(orders, MetricFigures::Counter { sum: 25.0, .. }),
            "{orders:?}"
        );
        let stock = MetricFigures::Gauge {
            last: 91.0,
            min: 91.0,
            max: 100.0,
        };
        assert_eq!(metric(&ran, "stock"), (ROUNDS, &stock));
        let (count, took) = metric(&ran, "took_ms");
        assert_eq!(count, ROUNDS);
        let MetricFigures::Trend { min, .. } = took else {
            panic!("{took:?} is no trend");
        };
        assert!(*min >= 2.0, "an answer after 2 ms took {min} ms");

        assert_eq!(errors(&ran, ErrorKind::Check, "no price"), (ROUNDS, 0));
        let of_none = (ROUNDS, ROUNDS);
        assert_eq!(
            errors(&ran, ErrorKind::Check, "the basket is empty"),
            of_none
        );
        assert_eq!(
            errors(&ran, ErrorKind::Check, "\"worth\" is not a finite number"),
            of_none
        );
        let place = "a scenario's own mistake at engine/tests/own_figures.rs:";
        assert_eq!(errors(&ran, ErrorKind::Panic, place), of_none);
        // What requests carry is what requests failed by.
        let carried = ran.summary.errors.iter();
        let carried: u64 = carried
            .map(|error| error.count - error.without_request)
            .sum();
        assert_eq!(carried, requests.failed);
        assert_eq!(ran.summary.generator.lost_others, 0);
    }
}

#[test]
fn a_group_that_the_drain_cut_short_is_in_no_figure() {
    for wire in wires() {
        let echo = echo();
        let task = act(async |user: &mut User| {
            let endless = async |user: &mut User| -> Outcome {
                loop {
                    user.get("/").send().await?;
                }
            };
            user.group("endless", endless).await
        });
        let ran = run(Plan {
            max_requests: Some(20),
            ..plan(Play::new(&[echo.address()], task), wire)
        });
        assert_eq!(ran.counts(), (20, 20, 0));
        assert_eq!(ran.summary.groups, [], "{wire:?}");
        assert_eq!(ran.summary.errors, []);
    }
}

#[test]
fn names_without_end_fill_no_table_and_lose_no_value() {
    for wire in wires() {
        let echo = echo();
        let (names, _) = counter();
        let task = act(async move |user: &mut User| {
            for _ in 0..100 {
                let number = add_one(&names);
                user.metric(&format!("metric {number}")).add(1.0);
                user.group(&format!("group {number}"), async |_: &mut User| Ok(()))
                    .await?;
            }
            user.get("/").send().await.map(|_| ())
        });
        let ran = run(Plan {
            max_requests: Some(50),
            ..plan(Play::new(&[echo.address()], task), wire)
        });
        let (groups, metrics) = (&ran.summary.groups, &ran.summary.metrics);
        // One more than by themselves: "other".
        assert_eq!((groups.len(), metrics.len()), (51, 51));
        let ended: u64 = groups.iter().map(|group| group.count).sum();
        let told: u64 = metrics.iter().map(|metric| metric.count).sum();
        assert!(
            ended >= 5_000 && told == ended,
            "{ended} groups, {told} values"
        );
        let events = &ran.summary.events;
        assert!(
            events
                .iter()
                .any(|event| event.text.contains("counted as \"other\"")),
            "the worker's own table was full: {events:?}"
        );
    }
}
