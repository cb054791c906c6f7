//! Good and bad expressions, and what they say of a run whose figures are known.

use super::*;
use crate::{
    ErrorCount, RunOutcome,
    sample::{summary_of, three_seconds},
};

/// 24 requests of `home` ok and 6 of `order` failed, with round figures.
fn summary() -> RunSummary {
    let mut summary = summary_of(&three_seconds(), RunOutcome::Completed);
    summary.response_ms = Percentiles {
        p50: 12.0,
        p99: 480.0,
        p999: 700.0,
        max: 900.0,
        ..Default::default()
    };
    summary.service_ms.p99 = 300.0;
    summary.lag_ms.p99 = 0.05;
    summary.endpoints[0].response_ms.p99 = 20.0;
    summary.endpoints[1].response_ms.p99 = 480.0;
    summary.endpoints[1].errors.insert(ErrorKind::Check, 3);
    summary.errors.push(ErrorCount {
        kind: ErrorKind::Check,
        detail: "no price".into(),
        count: 3,
        without_request: 0,
    });
    summary
}

#[test]
fn good_expressions_measure_what_they_say_in_their_own_unit() {
    let table: [(&str, f64, bool); 32] = [
        ("p99<500ms", 480.0, true),
        ("  p99   <  500 ms  ", 480.0, true),
        ("p99 < 480ms", 480.0, false),
        ("p99 <= 480ms", 480.0, true),
        ("p99 < = 480ms", 480.0, true),
        ("p99 > 480ms", 480.0, false),
        ("p99 >= 0.48 s", 0.48, true),
        ("p50<12001us", 12_000.0, true),
        ("p50 < 11999 µs", 12_000.0, false),
        ("response.p99 < 1s", 0.48, true),
        ("p99.9 < 0.7s", 0.7, false),
        ("p99.9 <= 0.7s", 0.7, true),
        ("max < 1s", 0.9, true),
        ("service.p99 < 301ms", 300.0, true),
        ("lag.p99<1ms", 0.05, true),
        ("lag.p99 < 40us", 50.0, false),
        ("error_rate < 20%", 20.0, false),
        ("error_rate <= 20%", 20.0, true),
        ("error_rate<=0.2", 0.2, true),
        ("error_rate < 0.1999", 0.2, false),
        ("checks >= 90%", 90.0, true),
        ("checks > 0.9", 0.9, false),
        ("rps > 9.9", 10.0, true),
        ("rps >= 10/s", 10.0, true),
        ("rps < 10", 10.0, false),
        ("p99 < 25ms @home", 20.0, true),
        ("p99 < 25ms @ order", 480.0, false),
        ("p99<25ms@GET home", 20.0, true),
        ("error_rate < 1% @home", 0.0, true),
        ("error_rate < 1% @order", 100.0, false),
        ("checks > 50% @POST order", 50.0, false),
        ("rps >= 8 @home", 8.0, true),
    ];
    let summary = summary();
    for (expr, actual, passed) in table {
        let threshold = Threshold::parse(expr, None).unwrap_or_else(|error| panic!("{error}"));
        let result = threshold.evaluate(&summary);
        let measured = result
            .actual
            .unwrap_or_else(|| panic!("{expr} measured nothing"));
        assert!(
            (measured - actual).abs() <= 1e-9 * actual,
            "{expr}: {measured} is not {actual}"
        );
        assert_eq!(result.passed, passed, "{expr}: {measured}");
        // What is written into run.json means the same when it is read back.
        let again = Threshold::parse(&result.expr, None).unwrap();
        assert_eq!(again.evaluate(&summary), result, "{expr}");
    }
}

#[test]
fn every_statistic_is_taken_from_its_own_place() {
    let mut summary = summary();
    let values = [
        50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 1.0, 40.0, 1_000.0,
    ];
    let [p50, p75, p90, p95, p99, p999, p9999, min, mean, max] = values;
    let figures = Percentiles {
        min,
        mean,
        stddev: 0.0,
        p50,
        p75,
        p90,
        p95,
        p99,
        p999,
        p9999,
        max,
    };
    summary.response_ms = figures;
    for (Statistic { name, .. }, value) in STATISTICS.into_iter().zip(values) {
        let threshold = Threshold::parse(&format!("{name} <= {value}ms"), None).unwrap();
        let result = threshold.evaluate(&summary);
        assert_eq!(
            (result.actual, result.passed),
            (Some(value), true),
            "{name}"
        );
    }
}

#[test]
fn bad_expressions_are_refused_with_the_place_and_the_remedy() {
    let table: [(&str, &[&str]); 32] = [
        ("", &["compares nothing", "'p99 < 500ms'"]),
        ("p99", &["compares nothing"]),
        ("p99 = 5ms", &["\"=\" is not a comparison", "< <= > >="]),
        ("p99 == 5ms", &["\"==\" is not a comparison"]),
        ("p99 =< 5ms", &["\"=<\" is not a comparison"]),
        ("p99 != 5ms", &["\"!=\" is not a comparison"]),
        ("p99 << 5ms", &["\"<<\" is not a comparison"]),
        ("p98 < 5ms", &["no figure \"p98\"", "p99.99", "error_rate"]),
        ("avg < 5ms", &["did you mean mean?"]),
        ("P99 < 5ms", &["did you mean p99?"]),
        ("p999 < 5ms", &["did you mean p99.9?"]),
        ("eror_rate < 1%", &["did you mean error_rate?"]),
        (
            "service.error_rate < 1%",
            &[
                "no figure \"service.error_rate\"",
                "did you mean error_rate?",
            ],
        ),
        ("server.p99 < 1ms", &["no figure \"server.p99\""]),
        ("< 5ms", &["no figure \"\""]),
        ("p99 < ", &["\"\" is not a number"]),
        ("p99 < fast", &["\"fast\" is not a number"]),
        ("p99 < -5ms", &["\"-5ms\" is not a number"]),
        ("p99 < 1.2.3ms", &["is not a number"]),
        (
            "p99 < 500",
            &["the limit of p99 has no unit", "us, ms or s, such as 500ms"],
        ),
        ("p99 < 500sec", &["\"sec\" is not a unit of p99"]),
        (
            "rps > 900ms",
            &["\"ms\" is not a unit of rps", "requests per second"],
        ),
        ("error_rate < 5", &["5 is more than everything"]),
        ("checks > 101%", &["at most 100% or 1"]),
        ("p99 < 5ms over", &["\"\" behind \"over\"", "\"500ms\""]),
        ("p99 < 5ms over 30", &["the unit is missing"]),
        ("p99 < 5ms over 10ms", &["a window lasts from 1s to 24h"]),
        ("p99 < 5ms over 1s over 2s", &["\"over\" stands twice"]),
        ("p99 < 5ms abort", &["abort after 10s"]),
        ("p99 < 5ms abort at 10s", &["abort after 10s"]),
        (
            "p99 < 5ms over 10s please",
            &["this is not a length of time"],
        ),
        (
            "lag.p99 < 1ms @home",
            &[
                "lag is measured for the whole run",
                "leave the endpoint out",
            ],
        ),
    ];
    for (expr, words) in table {
        let error = Threshold::parse(expr, None).unwrap_err().to_string();
        assert!(error.starts_with(&format!("threshold {expr:?}")), "{error}");
        for word in words {
            assert!(
                error.contains(word),
                "{expr:?} should be told of {word:?}: {error}"
            );
        }
    }
    let huge = format!("p99 < {}ms", "9".repeat(400));
    assert!(matches!(
        Threshold::parse(&huge, None),
        Err(ThresholdError::Number { .. })
    ));
}

#[test]
fn an_endpoint_is_named_in_one_place() {
    let parsed = Threshold::parse("p99 < 5ms", Some("home")).unwrap();
    assert_eq!(parsed.to_string(), "p99 < 5ms @home");
    assert_eq!(parsed.endpoint(), Some("home"));
    assert_eq!(
        Threshold::parse("p99 < 5ms@home", Some("home"))
            .unwrap()
            .to_string(),
        "p99 < 5ms@home"
    );
    let both = Threshold::parse("p99 < 5ms @a", Some("b"))
        .unwrap_err()
        .to_string();
    assert!(both.contains("\"a\" and \"b\""), "{both}");
    for empty in [
        Threshold::parse("p99 < 5ms @", None),
        Threshold::parse("p99 < 5ms", Some(" ")),
    ] {
        assert!(empty.unwrap_err().to_string().contains("name is empty"));
    }
}

#[test]
fn hostile_endpoint_names_can_be_asked_for() {
    let mut summary = summary();
    for name in [
        "/a?b=<1>&c=@d",
        "user@host",
        "</script>",
        "GET x",
        "p99 < 1ms",
        "walk over bridge",
        "home over 30s",
        "home abort after 1s",
    ] {
        summary.endpoints[0].name = name.to_owned();
        let threshold = Threshold::parse("p99 < 25ms", Some(name)).unwrap();
        assert!(threshold.evaluate(&summary).passed, "{name}");
        let again = Threshold::parse(&threshold.to_string(), None).unwrap();
        assert_eq!(again.endpoint(), Some(name));
        assert!(again.evaluate(&summary).passed, "{name}");
    }
}

#[test]
fn where_nothing_was_measured_no_threshold_holds() {
    let empty = summary_of(&[], RunOutcome::Completed);
    for expr in [
        "p99<500ms",
        "p99>0ms",
        "error_rate<1%",
        "checks>0%",
        "rps<100",
        "lag.p99<1s",
    ] {
        let result = Threshold::parse(expr, None).unwrap().evaluate(&empty);
        assert_eq!((result.actual, result.passed), (None, false), "{expr}");
    }
    for expr in [
        "p99<500ms@never",
        "rps<100@never",
        "p99<500ms@POST home",
        "p99<500ms@hom",
    ] {
        let result = Threshold::parse(expr, None).unwrap().evaluate(&summary());
        assert_eq!((result.actual, result.passed), (None, false), "{expr}");
    }
}

#[test]
fn a_name_with_two_methods_must_hold_for_each_and_the_worse_is_told() {
    let mut summary = summary();
    summary.endpoints[1].name = "home".to_owned();
    let measured = |expr: &str| {
        let result = Threshold::parse(expr, None).unwrap().evaluate(&summary);
        (result.actual, result.passed)
    };
    assert_eq!(measured("p99 < 100ms @home"), (Some(480.0), false));
    assert_eq!(measured("p99 > 100ms @home"), (Some(20.0), false));
    assert_eq!(measured("p99 < 100ms @GET home"), (Some(20.0), true));
}

#[test]
fn a_count_exactly_at_a_limit_is_not_tipped_over_by_rounding() {
    let mut summary = summary();
    for failed in 0..=100u64 {
        summary.requests.failed = failed;
        summary.measured.failed = failed;
        summary.measured.done = 100;
        summary.requests.ok = 100 - failed;
        summary.error_rate = crate::window::share(failed, 100);
        let passes = |expr: String| {
            Threshold::parse(&expr, None)
                .unwrap()
                .evaluate(&summary)
                .passed
        };
        assert!(passes(format!("error_rate <= {failed}%")), "{failed}");
        assert!(passes(format!("error_rate >= {failed}%")), "{failed}");
        assert!(!passes(format!("error_rate < {failed}%")), "{failed}");
        assert!(!passes(format!("error_rate > {failed}%")), "{failed}");
    }
}

#[test]
fn the_error_rate_of_the_command_line_is_a_share_from_0_to_1() {
    let at_most = |share| Threshold::error_rate_at_most(share);
    assert_eq!(at_most(0.07).unwrap().to_string(), "error_rate <= 0.07");
    assert!(at_most(0.2).unwrap().evaluate(&summary()).passed);
    assert!(!at_most(0.1999).unwrap().evaluate(&summary()).passed);
    assert!(at_most(0.0).is_ok() && at_most(1.0).is_ok() && at_most(1e-9).is_ok());
    for bad in [5.0, -0.1, f64::NAN, f64::INFINITY] {
        assert!(at_most(bad).is_err(), "{bad}");
    }
}

#[test]
fn clauses_stand_before_or_behind_the_endpoint_and_are_kept() {
    for (expr, kept, over_s, abort_s) in [
        ("p99<500ms over 30s", "p99<500ms over 30s", Some(30), None),
        (
            "p99<500ms  over  1m 30s  abort after 10s",
            "p99<500ms  over  1m 30s  abort after 10s",
            Some(90),
            Some(10),
        ),
        (
            "error_rate < 1% abort after 2m @GET shop",
            "error_rate < 1% abort after 2m @GET shop",
            None,
            Some(120),
        ),
        (
            "p95<300ms@product over 30s",
            "p95<300ms@product over 30s",
            Some(30),
            None,
        ),
        (
            "rps > 9 abort after 0s",
            "rps > 9 abort after 0s",
            None,
            Some(0),
        ),
    ] {
        let threshold = Threshold::parse(expr, None).unwrap();
        let seconds = |length: Option<Duration>| length.map(|length| length.as_secs());
        assert_eq!(
            (
                threshold.to_string().as_str(),
                seconds(threshold.over),
                seconds(threshold.abort_after)
            ),
            (kept, over_s, abort_s)
        );
        assert_eq!(Threshold::parse(kept, None).unwrap(), threshold);
    }
    for (expr, alone) in [
        ("p99 < 500ms over 30s abort after 1s @home", "p99 < 500ms"),
        ("p99<500ms@home over 30s", "p99<500ms"),
        ("checks > 99%", "checks > 99%"),
    ] {
        assert_eq!(condition(expr), alone);
    }
}

#[test]
fn what_was_measured_has_its_unit_and_no_noise_of_float_arithmetic() {
    let of = |expr: &str, value: f64| Threshold::parse(expr, None).unwrap().result(Some(value));
    for (expr, value, actual, unit) in [
        ("error_rate < 20%", 13.0 / 75.0, 17.333_333_333_3, "percent"),
        ("error_rate < 0.2", 0.25, 0.25, "fraction"),
        ("p99 < 5us", 0.000_1 * 3.0, 0.3, "us"),
        ("p99 < 5ms", 2_000.683_007, 2_000.683_007, "ms"),
        ("p99 < 5s", 7_199_999.999_999, 7_199.999_999_999_999, "s"),
        ("rps > 9", 0.1 + 0.2, 0.3, "per_second"),
    ] {
        let result = of(expr, value);
        let actual_of = result.actual.unwrap();
        assert!(
            (actual_of - actual).abs() <= actual * 1e-11,
            "{expr}: {actual_of}"
        );
        assert!(actual_of.to_string().len() <= 14, "{expr}: {actual_of}");
        assert_eq!(result.unit, unit);
    }
}
