//! Records in, snapshots out: what is counted where, and that nothing is counted twice or dropped.

use super::*;
use crate::{
    MetricTally,
    sample::{answered, facts, failed, grouped, measured, three_seconds},
};
use proptest::{collection::vec, prelude::*};

const GET: Option<Method> = Some(Method::Get);

fn closed(window: &mut Window) -> Snapshot {
    window.close(facts(1, Totals::default()))
}

#[test]
fn the_lines_of_snapshots_jsonl_keep_their_names() {
    let mut snapshot = serde_json::to_value(&three_seconds()[2]).unwrap();
    // The bytes of a histogram depend on the deflate library; histogram_tests.rs proves that they come back.
    let mask = |value: &mut serde_json::Value| {
        let text = value.as_str().expect("a histogram is a string");
        *value = if text.is_empty() { "empty" } else { "base64" }.into();
    };
    for name in ["response", "service", "lag"] {
        mask(&mut snapshot["latency"][name]);
    }
    for endpoint in snapshot["endpoints"].as_array_mut().unwrap() {
        mask(&mut endpoint["response"]);
        mask(&mut endpoint["service"]);
    }
    mask(&mut snapshot["groups"][0]["latency"]);
    mask(&mut snapshot["metrics"][2]["values"]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&snapshot).unwrap());
}

#[test]
fn a_snapshot_read_back_is_the_one_written() {
    for snapshot in three_seconds() {
        let line = serde_json::to_string(&snapshot).unwrap();
        assert!(!line.contains('\n'));
        let back: Snapshot = serde_json::from_str(&line).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), line);
        assert_eq!(back.latency.response, snapshot.latency.response);
    }
}

#[test]
fn each_latency_is_between_its_own_two_stamps() {
    let mut window = Window::new();
    let home = window.endpoint("home", GET);
    window.add(&answered(1_000, 200, 3_000), home);
    let snapshot = closed(&mut window);
    let of = |us: u64| {
        let mut histogram = LatencyHistogram::default();
        histogram.record_ns(us * 1_000);
        histogram
    };
    assert_eq!(snapshot.latency.response, of(3_200));
    assert_eq!(snapshot.latency.service, of(3_000));
    assert_eq!(snapshot.latency.lag, of(200));
    assert_eq!(snapshot.endpoints[0].response, of(3_200));
    assert_eq!(snapshot.endpoints[0].service, of(3_000));
}

#[test]
fn a_request_that_failed_before_it_could_be_sent_has_no_service_time_since_the_run_began() {
    let mut window = Window::new();
    let home = window.endpoint("home", GET);
    let unsent = RequestRecord {
        sent_ns: 0,
        ..answered(60_000_000, 0, 4_000)
    };
    window.add(&failed(unsent, ErrorKind::Dns, 0), home);
    let snapshot = closed(&mut window);
    assert_eq!(snapshot.latency.service, snapshot.latency.response);
    assert!(snapshot.latency.lag.max_ms() < 0.001);
}

#[test]
fn a_request_not_sent_is_no_request_done() {
    let mut window = Window::new();
    let home = window.endpoint("home", GET);
    window.add(
        &RequestRecord {
            kind: RecordKind::NotSent as u8,
            bytes_in: 0,
            ..answered(0, 0, 9)
        },
        home,
    );
    for other in [RecordKind::Iteration, RecordKind::Group, RecordKind::Metric] {
        window.add(
            &RequestRecord {
                kind: other as u8,
                ..answered(0, 0, 9)
            },
            home,
        );
    }
    let snapshot = closed(&mut window);
    let expected = WindowCounts {
        not_sent: 1,
        iterations: 3,
        ..WindowCounts::default()
    };
    assert_eq!(snapshot.requests, expected);
    assert!(snapshot.latency.response.is_empty() && snapshot.endpoints.is_empty());
    assert_eq!((snapshot.rps, snapshot.error_rate), (0.0, 0.0));
}

#[test]
fn flags_and_bytes_are_counted_and_a_saturated_count_is_said() {
    let mut window = Window::new();
    let home = window.endpoint("home", GET);
    let flags = FLAG_RETRIED | FLAG_CONNECTED | FLAG_BYTES_SATURATED;
    window.add(
        &RequestRecord {
            flags,
            bytes_in: u32::MAX,
            ..answered(0, 0, 9)
        },
        home,
    );
    window.add(
        &RequestRecord {
            flags: FLAG_CONNECTED,
            ..answered(0, 0, 9)
        },
        home,
    );
    let first = closed(&mut window);
    assert_eq!((first.requests.retried, first.requests.connects), (1, 2));
    assert_eq!(first.requests.bytes_in, u64::from(u32::MAX) + 150);
    assert_eq!(first.requests.bytes_out, 120);
    assert!(
        first.events[0]
            .text
            .starts_with("1 request or answer was longer than 4 GiB")
    );
    assert!(closed(&mut window).events.is_empty());
}

#[test]
fn a_closed_window_starts_again_from_nothing_but_knows_its_endpoints() {
    let mut window = Window::new();
    let home = window.endpoint("home", GET);
    window.add(&failed(answered(0, 5, 9), ErrorKind::Status, 500), home);
    closed(&mut window);
    let empty = closed(&mut window);
    assert_eq!(
        empty.requests,
        WindowCounts {
            iterations: 3,
            ..WindowCounts::default()
        }
    );
    assert!(empty.status.is_empty() && empty.errors.is_empty() && empty.endpoints.is_empty());
    assert!(empty.latency.lag.is_empty());
    assert_eq!((empty.totals.ok, empty.totals.failed), (0, 1));
    assert_eq!(window.endpoint("home", GET), home);
}

#[test]
fn a_name_with_two_methods_is_two_endpoints() {
    let mut window = Window::new();
    assert_ne!(
        window.endpoint("a", GET),
        window.endpoint("a", Some(Method::Post))
    );
    assert_eq!(window.endpoint("a", GET), window.endpoint("a", GET));
}

#[test]
fn endpoints_past_the_limit_share_other_and_a_scenarios_own_other_stays_apart() {
    let mut window = Window::new();
    let own_other = window.endpoint(OTHER_ENDPOINT, GET);
    for number in 1..MAX_ENDPOINTS {
        window.endpoint(&number.to_string(), GET);
    }
    let (first_late, second_late) = (window.endpoint("late", GET), window.endpoint("later", GET));
    assert_eq!(first_late, second_late);
    assert_eq!(first_late, window.endpoint(OTHER_ENDPOINT, None));
    assert_ne!(first_late, own_other);
    for endpoint in [
        own_other,
        first_late,
        second_late,
        window.endpoint("1", GET),
    ] {
        window.add(&answered(0, 0, 9), endpoint);
    }
    let names: Vec<_> = closed(&mut window)
        .endpoints
        .into_iter()
        .map(|e| (e.name, e.method, e.done))
        .collect();
    let expected = [("other", None, 2), ("other", GET, 1), ("1", GET, 1)];
    assert_eq!(
        names,
        expected.map(|(name, method, done)| (name.to_owned(), method, done))
    );
}

#[test]
fn a_status_failure_has_its_detail_from_the_record_alone() {
    let mut window = Window::new();
    let home = window.endpoint("home", GET);
    for status in [503, 404, 503] {
        window.add(&failed(answered(0, 0, 9), ErrorKind::Status, status), home);
    }
    window.add_error_details(ErrorKind::Status, "HTTP 503", 2);
    let detail = |text: &str, count| ErrorCount {
        kind: ErrorKind::Status,
        detail: text.to_owned(),
        count,
        without_request: 0,
    };
    assert_eq!(
        closed(&mut window).errors,
        [detail("HTTP 404", 1), detail("HTTP 503", 2)]
    );
}

#[test]
fn a_detail_told_before_its_failure_waits_for_it() {
    let mut window = Window::new();
    let home = window.endpoint("home", GET);
    let failure = failed(answered(0, 0, 9), ErrorKind::Connect, 0);
    window.add_error_details(ErrorKind::Connect, "refused", 2);
    window.add(&failure, home);
    let refused = |count| ErrorCount {
        kind: ErrorKind::Connect,
        detail: "refused".to_owned(),
        count,
        without_request: 0,
    };
    assert_eq!(closed(&mut window).errors, [refused(1)]);
    window.add(&failure, home);
    window.add(&failure, home);
    let untold = ErrorCount {
        kind: ErrorKind::Connect,
        detail: NO_DETAIL.to_owned(),
        count: 1,
        without_request: 0,
    };
    assert_eq!(closed(&mut window).errors, [refused(1), untold]);
}

#[test]
fn an_error_code_that_no_kind_has_is_counted_as_the_generators_own() {
    let mut window = Window::new();
    let home = window.endpoint("home", GET);
    window.add(
        &RequestRecord {
            error: 250,
            status: 60_000,
            ..answered(0, 0, 9)
        },
        home,
    );
    let snapshot = closed(&mut window);
    assert_eq!(snapshot.errors[0].kind, ErrorKind::Generator);
    assert_eq!(snapshot.status, BTreeMap::from([(0, 1)]));
}

#[test]
fn details_without_end_keep_within_their_bounds_and_lose_no_count() {
    let mut window = Window::new();
    let home = window.endpoint("home", GET);
    let many = 3 * MAX_DETAILS as u64;
    for number in 0..many {
        window.add_error_details(
            ErrorKind::Check,
            &format!("{number} {}", "é".repeat(600)),
            1,
        );
        window.add(&failed(answered(0, 0, 9), ErrorKind::Check, 200), home);
    }
    let errors = closed(&mut window).errors;
    assert_eq!(errors.iter().map(|error| error.count).sum::<u64>(), many);
    assert_eq!(errors.len(), MAX_DETAILS + 1);
    assert!(
        errors
            .iter()
            .all(|error| error.detail.len() <= MAX_DETAIL_BYTES)
    );
    assert_eq!(errors[MAX_DETAILS].detail, OTHER_DETAIL);
}

#[test]
fn hostile_names_and_details_survive_unchanged() {
    let hostile = [
        "</script><img onerror=x>",
        "=cmd|' /C'!A0",
        "a\nb\u{2028}\0\"",
        "🦀\u{202e}x",
        "",
    ];
    let mut window = Window::new();
    for name in hostile {
        let endpoint = window.endpoint(name, GET);
        window.add(&failed(answered(0, 0, 9), ErrorKind::Check, 200), endpoint);
        window.add_error_details(ErrorKind::Check, name, 1);
    }
    let line = serde_json::to_string(&closed(&mut window)).unwrap();
    let back: Snapshot = serde_json::from_str(&line).unwrap();
    let names: Vec<_> = back
        .endpoints
        .iter()
        .map(|endpoint| endpoint.name.as_str())
        .collect();
    assert_eq!(names, hostile);
    let details: Vec<_> = back
        .errors
        .iter()
        .map(|error| error.detail.as_str())
        .collect();
    assert_eq!(details[..4], hostile[..4]);
    assert_eq!(details[4], NO_DETAIL);
}

/// One record of any sort, for one of 60 names.
fn any_record() -> impl Strategy<Value = (usize, RequestRecord)> {
    let latencies = (0u64..10_000_000, 0u64..50_000, 0u64..5_000_000);
    let outcome = prop_oneof![Just((0u8, 200u16)), (1u8..=12, 0u16..600)];
    (0usize..60, latencies, outcome).prop_map(
        |(name, (intended, lag, service), (error, status))| {
            (
                name,
                RequestRecord {
                    error,
                    status,
                    ..answered(intended, lag, service)
                },
            )
        },
    )
}

proptest! {
    // Each case makes dozens of endpoints with histograms of their own.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_record_is_in_the_window_once_and_in_one_endpoint(
        records in vec(any_record(), 0..300),
    ) {
        let mut window = Window::new();
        let mut response = LatencyHistogram::default();
        for (name, record) in &records {
            let endpoint = window.endpoint(&name.to_string(), GET);
            window.add(record, endpoint);
            response.record_ns(record.done_ns - record.intended_ns);
        }
        let snapshot = closed(&mut window);
        let failed = records.iter().filter(|(_, record)| record.error != 0).count() as u64;
        prop_assert_eq!(snapshot.requests.done, records.len() as u64);
        prop_assert_eq!(snapshot.requests.failed, failed);
        prop_assert_eq!(snapshot.requests.ok, records.len() as u64 - failed);
        prop_assert_eq!(&snapshot.latency.response, &response);
        prop_assert_eq!(snapshot.latency.lag.len(), records.len() as u64);
        prop_assert_eq!(snapshot.endpoints.iter().map(|e| e.done).sum::<u64>(), snapshot.requests.done);
        prop_assert_eq!(snapshot.endpoints.iter().map(|e| e.failed).sum::<u64>(), failed);
        prop_assert_eq!(snapshot.status.values().sum::<u64>(), snapshot.requests.done);
        prop_assert_eq!(snapshot.errors.iter().map(|e| e.count).sum::<u64>(), failed);
        for endpoint in &snapshot.endpoints {
            prop_assert_eq!(endpoint.status.values().sum::<u64>(), endpoint.done);
            prop_assert_eq!(endpoint.errors.values().sum::<u64>(), endpoint.failed);
            prop_assert_eq!(endpoint.response.len(), endpoint.done);
            prop_assert_eq!(endpoint.service.len(), endpoint.done);
        }
    }
}

/// A request due at `due_ms`, sent at `sent_ms` and done after 7 s, so that none of the three is in the second of another.
fn due_and_sent(due_ms: u64, sent_ms: u64) -> RequestRecord {
    answered(due_ms * 1_000, (sent_ms - due_ms) * 1_000, 7_000_000)
}

#[test]
fn each_request_is_offered_in_the_second_it_was_due_in_and_sent_in_the_second_it_left_in() {
    let mut window = Window::new();
    let home = window.endpoint("home", GET);
    for (due_ms, sent_ms) in [(999, 1_000), (1_000, 1_999), (0, 2_000), (1_500, 1_500)] {
        window.add(&due_and_sent(due_ms, sent_ms), home);
    }
    let snapshot = closed(&mut window);
    assert_eq!(snapshot.offered_at, BTreeMap::from([(0, 2), (1, 2)]));
    assert_eq!(snapshot.sent_at, BTreeMap::from([(1, 3), (2, 1)]));
    window.add(&due_and_sent(1_000, 1_000), home);
    let next = closed(&mut window);
    assert_eq!(next.offered_at, BTreeMap::from([(1, 1)]));
    assert_eq!(next.sent_at, next.offered_at);
}

#[test]
fn a_record_of_arrivals_not_sent_stands_for_as_many_as_it_says() {
    let mut window = Window::new();
    let home = window.endpoint("home", GET);
    for arrivals in [0, 1, 40] {
        let record = RequestRecord {
            kind: RecordKind::NotSent as u8,
            bytes_in: arrivals,
            scenario: 2,
            intended_ns: 3_200_000_000,
            ..RequestRecord::default()
        };
        window.add(&record, home);
    }
    let snapshot = closed(&mut window);
    assert_eq!(snapshot.requests.not_sent, 42);
    assert_eq!(snapshot.requests.bytes_in, 0);
    assert_eq!(snapshot.offered_at, BTreeMap::from([(3, 42)]));
    assert_eq!(snapshot.not_sent_at, snapshot.offered_at);
    assert_eq!(snapshot.not_sent_of, BTreeMap::from([(2, 42)]));
    assert_eq!(snapshot.sent_at, BTreeMap::new());
    assert_eq!(closed(&mut window).not_sent_at, BTreeMap::new());
}

#[test]
fn offered_and_sent_are_what_the_counters_moved_by_and_never_go_back() {
    let mut window = Window::new();
    let moved: Vec<(u64, u64)> = [(10, 8), (25, 20), (24, 21), (30, 30)]
        .into_iter()
        .map(|(intended, sent)| {
            let totals = Totals {
                intended,
                sent,
                ..Totals::default()
            };
            let counts = window.close(facts(1, totals)).requests;
            (counts.offered, counts.sent)
        })
        .collect();
    assert_eq!(moved, [(10, 8), (15, 12), (0, 1), (5, 9)]);
}

#[test]
fn a_line_written_before_there_were_phases_can_still_be_read() {
    let mut old = serde_json::to_value(&three_seconds()[0]).unwrap();
    for name in [
        "load_phase",
        "offered_at",
        "sent_at",
        "not_sent_at",
        "not_sent_of",
    ] {
        old.as_object_mut().unwrap().remove(name).unwrap();
    }
    let read: Snapshot = serde_json::from_value(old).unwrap();
    assert_eq!(read.load_phase, LoadPhase::default());
    assert!(read.offered_at.is_empty() && read.sent_at.is_empty());
}

proptest! {
    #[test]
    fn no_arrival_is_counted_twice_or_dropped_whatever_the_order_of_seconds(
        times in vec(vec((0u64..9_000, 0u64..3_000), 0..50), 1..4),
    ) {
        let mut window = Window::new();
        let home = window.endpoint("home", GET);
        let (mut offered, mut sent) = (BTreeMap::new(), BTreeMap::new());
        let (mut expected_offered, mut expected_sent) = (BTreeMap::new(), BTreeMap::new());
        for records in times {
            for (due_ms, lag_ms) in records {
                window.add(&due_and_sent(due_ms, due_ms + lag_ms), home);
                *expected_offered.entry(due_ms / 1_000).or_insert(0u64) += 1;
                *expected_sent.entry((due_ms + lag_ms) / 1_000).or_insert(0u64) += 1;
            }
            let snapshot = closed(&mut window);
            for (second, count) in snapshot.offered_at {
                *offered.entry(second).or_insert(0u64) += count;
            }
            for (second, count) in snapshot.sent_at {
                *sent.entry(second).or_insert(0u64) += count;
            }
        }
        prop_assert_eq!(offered, expected_offered);
        prop_assert_eq!(sent, expected_sent);
    }
}

#[test]
fn groups_and_values_are_in_no_figure_of_requests() {
    let mut window = Window::new();
    let (checkout, orders) = (
        window.group("checkout"),
        window.metric(MetricKind::Counter, "orders"),
    );
    window.add_group(&grouped(0, 5_000, true), checkout);
    window.add_metric(&measured(0, 7.0), orders);
    let snapshot = closed(&mut window);
    assert_eq!(snapshot.requests.done, 0);
    assert_eq!((snapshot.totals.ok, snapshot.totals.failed), (0, 0));
    assert!(snapshot.latency.response.is_empty() && snapshot.endpoints.is_empty());
    assert!(snapshot.offered_at.is_empty() && snapshot.sent_at.is_empty());
    assert_eq!(
        (snapshot.groups[0].count, snapshot.groups[0].failed),
        (1, 1)
    );
    assert_eq!(snapshot.metrics[0].tally, MetricTally::Counter { sum: 7.0 });
    let next = closed(&mut window);
    assert!(next.groups.is_empty() && next.metrics.is_empty());
    let line = serde_json::to_string(&next).unwrap();
    assert!(
        !line.contains("groups") && !line.contains("metrics"),
        "{line}"
    );
}

#[test]
fn a_failure_that_no_request_carries_is_an_error_and_no_failed_request() {
    let mut window = Window::new();
    let home = window.endpoint("home", GET);
    window.add(&failed(answered(0, 0, 9), ErrorKind::Check, 200), home);
    window.add(&answered(0, 0, 9), home);
    window.add_noted_failures(ErrorKind::Check, "the basket is empty", 2);
    window.add_error_details(ErrorKind::Check, "the basket is empty", 1);
    window.add_noted_failures(ErrorKind::Panic, "index 3 at shop.rs:9", 1);
    window.add_noted_failures(ErrorKind::Status, "never", 0);
    let snapshot = closed(&mut window);
    let error = |kind, detail: &str, count, without_request| ErrorCount {
        kind,
        detail: detail.to_owned(),
        count,
        without_request,
    };
    assert_eq!(
        snapshot.errors,
        [
            error(ErrorKind::Check, "the basket is empty", 3, 2),
            error(ErrorKind::Panic, "index 3 at shop.rs:9", 1, 1),
        ]
    );
    assert_eq!((snapshot.requests.ok, snapshot.requests.failed), (1, 1));
    assert_eq!(closed(&mut window).errors, []);
}
