//! Tests of `history.rs` and `merge.rs`. Invariant: what is merged is held against the seconds it was made of.

use super::*;
use crate::sample;
use loadforge_analysis::{ErrorCount, Event, EventKind};
use proptest::{collection::vec, prelude::*};
use serde_json::Value;

/// A second of these figures, ending at `number`.
fn second(number: usize, done: u64, p99: f64, users: u64) -> Second {
    let mut second = Second::of(&sample::second(1));
    second.at_s = number as f64;
    second.done = done;
    second.failed = done / 3;
    second.ok = done - done / 3;
    second.users.active = users;
    let latency = second.response_ms.as_mut().expect("requests were done");
    latency.p99 = p99;
    latency.min = p99 / 2.0;
    second.endpoints[0].done = done;
    second.endpoints[0].p99_ms = p99;
    second.errors[0].count = done / 3;
    second
}

#[test]
fn a_second_is_what_the_snapshot_says() {
    let snapshot = sample::second(3);
    let second = Second::of(&snapshot);
    assert_eq!((second.at_s, second.merged, second.skipped), (3.0, 1, 0));
    assert_eq!((second.done, second.ok, second.failed), (13, 12, 1));
    let response = second.response_ms.expect("requests were done");
    assert_eq!(response.p99, snapshot.latency.response.quantile_ms(0.99));
    let endpoint = &second.endpoints[0];
    assert_eq!(endpoint.key, "GET product \"7\"");
    assert_eq!(
        endpoint.p95_ms,
        snapshot.endpoints[0].response.quantile_ms(0.95)
    );
    let mut empty = snapshot;
    empty.latency.lag = Default::default();
    assert_eq!(Second::of(&empty).lag_ms, None);
}

#[test]
fn what_is_asked_for_since_a_moment_is_all_that_ended_after_it() {
    let mut history = History::default();
    for number in 1..=5 {
        history.add(&sample::second(number));
    }
    for (since_s, first, count) in [
        (f64::NEG_INFINITY, 1.0, 5),
        (f64::NAN, 1.0, 5),
        (0.0, 1.0, 5),
        (2.0, 3.0, 3),
        (2.5, 3.0, 3),
        (5.0, 0.0, 0),
        (f64::INFINITY, 0.0, 0),
    ] {
        let json: Vec<Value> = serde_json::from_str(&history.json_since(since_s)).expect("JSON");
        assert_eq!(json.len(), count, "{since_s}");
        let at_s = json
            .first()
            .map_or(0.0, |one| one["at_s"].as_f64().unwrap());
        assert_eq!(at_s, first, "{since_s}");
    }
}

#[test]
fn a_day_of_seconds_stays_small_and_its_latest_minutes_whole() {
    let mut history = History::default();
    let one = Second::of(&sample::second(1));
    let day = 86_400;
    for number in 1..=day {
        history.push(Second {
            at_s: f64::from(number),
            ..one.clone()
        });
        assert!(history.points.len() <= MAX_POINTS);
    }
    let seconds: Vec<&Second> = history.seconds().collect();
    assert_eq!(
        seconds.iter().map(|second| second.merged).sum::<u64>(),
        86_400
    );
    assert!(
        seconds
            .iter()
            .rev()
            .take(FRESH)
            .all(|second| second.merged == 1)
    );
    assert!(seconds.len() > MAX_POINTS / 3, "{}", seconds.len());
    for point in &history.points {
        let json: Value = serde_json::from_str(&point.json).expect("JSON");
        assert_eq!(json["merged"], point.second.merged);
    }
}

#[test]
fn seconds_with_thousands_of_words_take_no_more_room_than_few() {
    let mut noisy = Second::of(&sample::second(1));
    let one = noisy.errors[0].clone();
    let detail = |number: u64| format!("{number} {}", "x".repeat(500));
    noisy.errors = (0..400)
        .map(|number| ErrorCount {
            detail: detail(number),
            ..one.clone()
        })
        .collect();
    let largest = Point::of(noisy.clone()).json.len();
    let mut history = History::default();
    for number in 1..=300 {
        history.push(Second {
            at_s: f64::from(number),
            ..noisy.clone()
        });
        assert_eq!(history.bytes, bytes(&history.points));
        assert!(
            history.bytes <= MAX_BYTES + 2 * largest,
            "{}",
            history.bytes
        );
    }
    let merged: u64 = history.seconds().map(|second| second.merged).sum();
    assert_eq!(merged, 300);
    let failed: u64 = history.seconds().map(|second| second.failed).sum();
    assert_eq!(failed, 300);
    assert_eq!(history.last().map(|second| second.merged), Some(1));
}

#[test]
fn events_of_a_noisy_worker_are_bounded_and_the_latest_stay() {
    let event = |number: u32| Event {
        at_s: f64::from(number),
        kind: EventKind::WorkerOutput,
        text: number.to_string(),
    };
    let mut noisy = second(1, 3, 1.0, 1);
    noisy.events = (0..90).map(event).collect();
    let mut later = second(2, 3, 1.0, 1);
    later.events = (90..180).map(event).collect();
    let merged = merge(&noisy, &later);
    assert_eq!(merged.events.len(), 100);
    assert_eq!(merged.events[99].text, "179");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn merging_adds_counts_and_keeps_the_greatest(
        figures in vec((0u64..1_000, 0.1f64..500.0, 0u64..100), 1..64),
        windows in 2u64..40,
    ) {
        let points: Vec<Point> = figures
            .iter()
            .enumerate()
            .map(|(index, (done, p99, users))| Point::of(second(index + 1, *done, *p99, *users)))
            .collect();
        let merged = merge_up_to(windows, points);
        prop_assert!(merged.iter().map(|point| point.second.at_s).is_sorted_by(|a, b| a < b));
        let mut from = 0;
        for point in &merged {
            let second = &point.second;
            let until = from + second.merged as usize;
            let part = &figures[from..until];
            let done: u64 = part.iter().map(|(done, _, _)| done).sum();
            let failed: u64 = part.iter().map(|(done, _, _)| done / 3).sum();
            let p99 = part.iter().map(|(_, p99, _)| *p99).fold(0.0, f64::max);
            let least = part.iter().map(|(_, p99, _)| *p99 / 2.0).fold(f64::MAX, f64::min);
            prop_assert!(second.merged <= windows);
            prop_assert_eq!(second.at_s, until as f64);
            prop_assert_eq!(second.length_s, part.len() as f64);
            prop_assert_eq!((second.done, second.failed), (done, failed));
            prop_assert_eq!(second.ok + second.failed, second.done);
            prop_assert_eq!(second.errors[0].count, failed);
            prop_assert_eq!(second.endpoints[0].done, done);
            prop_assert_eq!(second.endpoints[0].p99_ms, p99);
            prop_assert_eq!(second.users.active, part.iter().map(|(_, _, users)| *users).max().unwrap());
            let latency = second.response_ms.unwrap();
            prop_assert_eq!((latency.p99, latency.min), (p99, least));
            from = until;
        }
        prop_assert_eq!(from, figures.len());
    }
}
