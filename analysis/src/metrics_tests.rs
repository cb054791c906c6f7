//! Metrics: what each kind makes of its values, over seconds and workers; and numbers that try to be none.

use super::*;
use crate::sample::measured;
use MetricKind::{Counter, Gauge, Trend};

fn tell(metrics: &mut Metrics, kind: MetricKind, name: &str, at_us: u64, value: f64) {
    let row = metrics.row(kind, name);
    metrics.add_record(&measured(at_us, value), row);
}

/// The figures of the only metric that was told these values, one a second.
fn figures(kind: MetricKind, values: &[f64]) -> MetricFigures {
    let (mut window, mut run) = (Metrics::default(), Metrics::default());
    for (second, value) in (1..).zip(values) {
        tell(&mut window, kind, "it", second * 1_000_000, *value);
        window.close().iter().for_each(|metric| run.add(metric));
    }
    let [only] = run.summaries(values.len() as f64).try_into().unwrap();
    assert_eq!(
        (only.name.as_str(), only.count),
        ("it", values.len() as u64)
    );
    assert_eq!(only.figures.kind(), kind);
    only.figures
}

#[test]
fn a_counter_adds_up_and_may_be_taken_from() {
    let expected = MetricFigures::Counter {
        sum: 4.0,
        rate_mean: 1.0,
    };
    assert_eq!(figures(Counter, &[3.0, 2.5, -2.0, 0.5]), expected);
}

#[test]
fn a_gauge_is_what_was_told_last_with_its_least_and_greatest() {
    let expected = MetricFigures::Gauge {
        last: 2.0,
        min: -5.0,
        max: 9.0,
    };
    assert_eq!(figures(Gauge, &[1.0, 9.0, -5.0, 2.0]), expected);
}

#[test]
fn the_latest_gauge_counts_whichever_worker_is_read_last() {
    for order in [[0, 1], [1, 0]] {
        let mut workers = [Metrics::default(), Metrics::default()];
        tell(&mut workers[0], Gauge, "queue", 10, 1.0);
        tell(&mut workers[1], Gauge, "queue", 30, 7.0);
        tell(&mut workers[0], Gauge, "queue", 20, 2.0);
        let mut run = Metrics::default();
        for worker in order {
            workers[worker]
                .close()
                .iter()
                .for_each(|metric| run.add(metric));
        }
        let expected = MetricFigures::Gauge {
            last: 7.0,
            min: 1.0,
            max: 7.0,
        };
        assert_eq!(run.summaries(1.0)[0].figures, expected, "{order:?}");
    }
}

#[test]
fn a_trend_has_percentiles_of_all_its_values_negative_ones_too() {
    let values: Vec<f64> = (-50..=50).map(|value| f64::from(value) * 2.0).collect();
    let expected = MetricFigures::Trend {
        min: -100.0,
        mean: 0.0,
        p50: 0.0,
        p90: 80.0,
        p95: 90.0,
        p99: 98.0,
        max: 100.0,
    };
    assert_eq!(figures(Trend, &values), expected);
}

#[test]
fn percentiles_never_leave_what_was_told() {
    let MetricFigures::Trend {
        min,
        mean,
        p50,
        p99,
        max,
        ..
    } = figures(Trend, &[0.1; 7])
    else {
        panic!("a trend stays one");
    };
    assert_eq!([min, mean, p50, p99, max], [0.1; 5]);
}

#[test]
fn a_name_with_two_kinds_is_two_metrics() {
    let mut metrics = Metrics::default();
    tell(&mut metrics, Trend, "basket", 1, 5.0);
    tell(&mut metrics, Counter, "basket", 1, 2.0);
    let kinds: Vec<MetricKind> = metrics
        .summaries(1.0)
        .iter()
        .map(|metric| metric.figures.kind())
        .collect();
    assert_eq!(kinds, [Counter, Trend]);
}

#[test]
fn numbers_past_all_bounds_stay_numbers() {
    let huge = [f64::MAX; 5];
    for kind in [Counter, Gauge, Trend] {
        let figures = figures(kind, &huge);
        let json = serde_json::to_string(&figures).unwrap();
        assert!(!json.contains("null"), "{json}");
        assert_eq!(
            serde_json::from_str::<MetricFigures>(&json).unwrap(),
            figures
        );
    }
    let expected = MetricFigures::Counter {
        sum: f64::MAX,
        rate_mean: f64::MAX / 5.0,
    };
    assert_eq!(figures(Counter, &huge), expected);
}

#[test]
fn names_without_end_are_counted_together_by_kind_and_none_is_dropped() {
    let mut metrics = Metrics::default();
    for number in 0..300 {
        let kind = [Counter, Gauge, Trend][number % 3];
        tell(&mut metrics, kind, &format!("metric {number}"), 1, 1.0);
    }
    let summaries = metrics.summaries(1.0);
    assert_eq!(summaries.len(), MAX_METRICS + 3);
    assert_eq!(
        summaries.iter().map(|metric| metric.count).sum::<u64>(),
        300
    );
    let others = summaries
        .iter()
        .filter(|metric| metric.name == OTHER_ENDPOINT);
    assert_eq!(others.map(|metric| metric.count).sum::<u64>(), 250);
}

#[test]
fn a_window_is_read_back_as_it_was_written() {
    let mut metrics = Metrics::default();
    for (kind, name) in [(Counter, "a"), (Gauge, "b"), (Trend, "c")] {
        tell(&mut metrics, kind, name, 123_456_789, 0.1 + 0.2);
    }
    let windows = metrics.close();
    let text = serde_json::to_string(&windows).unwrap();
    assert_eq!(
        serde_json::from_str::<Vec<MetricWindow>>(&text).unwrap(),
        windows
    );
}
