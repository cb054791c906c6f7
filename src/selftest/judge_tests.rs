//! Made-up measurements: right ones pass, wrong ones fail, and the machine is blamed for no more than it does.

use super::*;
use crate::selftest::{
    Depth, cases,
    measured::{Latency, Summary},
};
use std::time::Duration;

/// A machine with CPUs to spare, whose bare threads are late by 1 µs, 10 µs at the 99th percentile.
fn quiet() -> (Machine, Jitter) {
    let mut late = vec![1_000; 980];
    late.resize(1_000, 10_000);
    (Machine::new(&[0, 1, 2, 3], 2), Jitter::of(late))
}

fn the_case(question: impl Fn(&Case) -> bool) -> Case {
    let (machine, _) = quiet();
    cases::cases(Depth::Quick, &machine, 50_000.0)
        .into_iter()
        .find(question)
        .expect("every question is asked")
}

/// Even arrivals for three seconds, answered in `service` ms.
fn even(rate_per_s: f64, service: f64) -> Measured {
    let count = (rate_per_s * 3.0) as u64;
    let gap = (1e9 / rate_per_s) as u64;
    let latency = |ms| Latency {
        mean: ms,
        p50: ms,
        p99: ms,
        p999: ms,
    };
    Measured {
        summary: Summary {
            duration_s: 3.0,
            verdict: "VALID".to_owned(),
            intended: count,
            sent: count,
            ok: count,
            response_ms: latency(service + 0.001),
            service_ms: latency(service),
            lag_ms: latency(0.001),
            ..Summary::default()
        },
        served: count,
        server_late_ms: 0.0,
        crowd_cpus: 0.0,
        arrivals_ns: (0..count).map(|number| 1_000_000 + number * gap).collect(),
    }
}

fn verdicts(case: &Case, measured: &Measured) -> Vec<Verdict> {
    let (machine, jitter) = quiet();
    let rows = rows(case, measured, &jitter, &machine);
    rows.iter().map(|row| row.verdict).collect()
}

use Verdict::{Fail, Noisy, Pass};

#[test]
fn a_service_time_that_is_off_fails() {
    let case = the_case(|case| matches!(case.question, Question::Service { .. }));
    for (service, median, tail) in [
        (2.0, Pass, Pass),
        (2.12, Pass, Pass),
        (2.121, Noisy, Pass),
        (2.2, Fail, Pass),
        (2.6, Fail, Fail),
        (1.9, Fail, Pass),
        (f64::NAN, Fail, Fail),
    ] {
        assert_eq!(
            verdicts(&case, &even(1_000.0, service)),
            [median, tail, Pass],
            "{service}"
        );
    }
    let mut doubled = even(1_000.0, 2.0);
    doubled.summary.service_ms.p99 = 4.0;
    assert_eq!(verdicts(&case, &doubled), [Pass, Fail, Pass]);
    // One request in a hundred too few.
    assert_eq!(verdicts(&case, &even(990.0, 2.0)), [Pass, Pass, Fail]);
}

#[test]
fn arrivals_on_a_grid_of_their_own_fail() {
    let case = the_case(|case| case.question == Question::Gaps && case.busy_poll);
    assert_eq!(verdicts(&case, &even(1_000.0, 1.0)), [Pass, Pass]);
    // Two at once, then nothing for 2 ms: the rate is right, and nothing else.
    let mut paired = even(1_000.0, 1.0);
    for pair in paired.arrivals_ns.chunks_exact_mut(2) {
        pair[1] = pair[0];
    }
    assert_eq!(verdicts(&case, &paired), [Fail, Fail]);
    let mut late = even(1_000.0, 1.0);
    for (number, arrival) in late.arrivals_ns.iter_mut().enumerate() {
        if number % 40 == 0 {
            *arrival += 50_000;
        }
    }
    assert_eq!(verdicts(&case, &late), [Pass, Fail], "50 µs late, in 40");
    let mut none = even(1_000.0, 1.0);
    none.arrivals_ns.clear();
    assert_eq!(verdicts(&case, &none), [Fail, Fail]);
}

#[test]
fn a_shared_cpu_excuses_a_turn_of_the_scheduler_and_no_more() {
    let (_, jitter) = quiet();
    let machine = Machine::new(&[0], 1);
    let case = the_case(|case| case.question == Question::Gaps && !case.busy_poll);
    for (late_ns, verdict) in [(500_000, Noisy), (6_000_000, Fail)] {
        let mut measured = even(100.0, 1.0);
        let case = Case {
            rate_per_s: 100.0,
            ..case.clone()
        };
        for (number, arrival) in measured.arrivals_ns.iter_mut().enumerate() {
            if number % 40 == 0 {
                *arrival += late_ns;
            }
        }
        let rows = rows(&case, &measured, &jitter, &machine);
        assert_eq!(rows[1].verdict, verdict, "{:?}", rows[1]);
        let noted = rows[1].note.as_deref().unwrap_or("");
        assert_eq!(noted.contains("a CPU of its own"), verdict == Noisy);
    }
}

#[test]
fn even_arrivals_do_not_pass_for_poisson() {
    let case = the_case(|case| case.question == Question::Poisson);
    assert_eq!(verdicts(&case, &even(1_000.0, 1.0)), [Fail]);
}

#[test]
fn a_row_tells_what_it_was_in_earlier_tries() {
    let case = the_case(|case| matches!(case.question, Question::Service { .. }));
    let (machine, jitter) = quiet();
    let tried = |service| rows(&case, &even(1_000.0, service), &jitter, &machine).remove(0);
    let row = tried(2.05).after(&[tried(2.5), tried(2.3)]);
    assert_eq!(row.verdict, Pass);
    assert_eq!(row.note.as_deref(), Some("earlier: 2.500 ms, 2.300 ms"));
    assert_eq!(tried(2.05).after(&[]).note, None);
}

#[test]
fn half_load_is_not_asked_of_workers_that_share_a_cpu() {
    let case = |cpus: &[u32]| {
        let machine = Machine::new(cpus, 2);
        let all = cases::cases(Depth::Full, &machine, 50_000.0);
        let beyond = |workers| {
            let mut those = all
                .iter()
                .filter(|case| case.question == Question::HalfLoad && case.workers == workers);
            those.next().expect("it is in the table").beyond(&machine)
        };
        [beyond(1).is_some(), beyond(2).is_some()]
    };
    assert_eq!(case(&[0, 1, 2]), [false, false]);
    assert_eq!(case(&[0, 1]), [false, true]);
    assert_eq!(case(&[0]), [true, true]);
}

#[test]
fn lag_beyond_the_machines_own_fails() {
    let case = the_case(|case| case.question == Question::HalfLoad);
    let mut measured = even(case.rate_per_s, 0.1);
    assert_eq!(verdicts(&case, &measured), [Pass, Pass]);
    measured.summary.lag_ms.p50 = 0.02;
    measured.summary.lag_ms.p99 = 0.2;
    assert_eq!(verdicts(&case, &measured), [Fail, Fail]);
}

#[test]
fn others_on_its_cpus_excuse_lag_at_half_load_and_are_named() {
    let case = the_case(|case| case.question == Question::HalfLoad);
    let mut measured = even(case.rate_per_s * 0.9, 0.1);
    measured.summary.lag_ms.p99 = 140.0;
    assert_eq!(verdicts(&case, &measured), [Pass, Fail]);
    measured.crowd_cpus = 0.3;
    assert_eq!(verdicts(&case, &measured), [Pass, Fail]);
    measured.crowd_cpus = 0.5;
    assert_eq!(verdicts(&case, &measured), [Pass, Noisy]);
    let (machine, jitter) = quiet();
    let rows = rows(&case, &measured, &jitter, &machine);
    assert!(rows[1].note.as_deref().unwrap().contains("0.50 CPUs"));
}

#[test]
fn a_machine_that_stood_still_for_a_hundredth_of_the_time_excuses_a_p99_and_no_median() {
    let case = the_case(|case| case.question == Question::HalfLoad);
    let mut measured = even(case.rate_per_s, 0.1);
    (
        measured.summary.lag_ms.p50,
        measured.summary.lag_ms.p99,
        measured.summary.paused_share,
    ) = (0.02, 5.0, 0.009);
    assert_eq!(verdicts(&case, &measured), [Fail, Fail]);
    measured.summary.paused_share = 0.011;
    assert_eq!(verdicts(&case, &measured), [Fail, Noisy]);
    let (machine, jitter) = quiet();
    let rows = rows(&case, &measured, &jitter, &machine);
    assert!(rows[1].note.as_deref().unwrap().contains("1.1 %"));
}

#[test]
fn a_freeze_that_the_response_time_hides_fails() {
    let case = the_case(|case| matches!(case.question, Question::Freezes { count: 1, .. }));
    let mut measured = even(1_000.0, 10.0);
    // 100 ms in 5 s, base 10 ms: 10 + 100 − 0.01·5000 = 60, and 105.
    (
        measured.summary.response_ms.p99,
        measured.summary.response_ms.p999,
    ) = (60.3, 105.4);
    assert_eq!(verdicts(&case, &measured), [Pass, Pass, Pass]);
    // As much later as the server itself was with what had gathered, and no more.
    measured.summary.response_ms.p99 = 63.0;
    assert_eq!(verdicts(&case, &measured), [Fail, Pass, Pass]);
    measured.server_late_ms = 1.7;
    assert_eq!(verdicts(&case, &measured), [Pass, Pass, Pass]);
    measured.summary.response_ms.p99 = 67.0;
    assert_eq!(verdicts(&case, &measured), [Fail, Pass, Pass]);
    // However late it was, there is an end to what that explains.
    measured.server_late_ms = 50.0;
    assert_eq!(verdicts(&case, &measured), [Fail, Pass, Pass]);
    measured.server_late_ms = 0.0;
    // What a closed loop would say: one request saw the freeze.
    (
        measured.summary.response_ms.p99,
        measured.summary.response_ms.p999,
    ) = (10.2, 10.3);
    assert_eq!(verdicts(&case, &measured), [Fail, Fail, Pass]);
}

#[test]
fn a_queue_is_held_to_its_own_arrivals() {
    let case = the_case(|case| {
        matches!(
            case.question,
            Question::Queue {
                exponential: true,
                ..
            }
        )
    });
    let mut at = 5_000_000_000;
    let mut state = 12_345_u64;
    // Any arrivals at about the rate will do: a small generator of even numbers, made exponential.
    let arrivals: Vec<u64> = (0..2_400)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let u = ((state >> 11) + 1) as f64 / (1_u64 << 53) as f64;
            at += (-u.ln() * 1e9 / case.rate_per_s) as u64;
            at
        })
        .collect();
    let right = queues::replayed(&case, &arrivals).expect("there are some");
    let span_s = (arrivals[arrivals.len() - 1] - arrivals[0]) as f64 / 1e9;
    let latency = |by: f64| Latency {
        mean: right.mean * by,
        p50: right.p50 * by,
        p99: right.p99 * by,
        p999: 0.0,
    };
    let mut measured = even(400.0, 1.0);
    measured.summary.sent = 2_400;
    measured.summary.duration_s = span_s;
    measured.summary.response_ms = latency(1.0);
    measured.summary.service_ms = latency(1.0);
    measured.arrivals_ns = arrivals;
    assert_eq!(verdicts(&case, &measured), [Pass; 7]);
    // A tenth too short: chance might do that, these arrivals do not.
    measured.summary.response_ms = latency(0.9);
    measured.summary.service_ms = latency(0.9);
    let wrong = verdicts(&case, &measured);
    assert_eq!(
        (wrong[1], wrong[3], wrong[5], wrong[6]),
        (Fail, Fail, Fail, Fail)
    );
}

#[test]
fn a_starved_generator_that_says_nothing_fails() {
    let case = the_case(|case| case.question == Question::Starved);
    let mut measured = even(1_000.0, 1.0);
    assert_eq!(verdicts(&case, &measured), [Fail]);
    measured.summary.verdict = "INVALID".to_owned();
    assert_eq!(verdicts(&case, &measured), [Fail], "without a reason");
    measured.summary.reasons = 1;
    assert_eq!(verdicts(&case, &measured), [Pass]);
}

#[test]
fn books_that_do_not_balance_fail_and_name_their_run() {
    let case = the_case(|case| case.question == Question::Gaps);
    let good = even(1_000.0, 1.0);
    let verdicts = |measured: &Measured| -> Vec<Verdict> {
        let runs = [(&case, &good), (&case, measured)];
        books(runs.into_iter())
            .iter()
            .map(|row| row.verdict)
            .collect()
    };
    assert_eq!(verdicts(&good), [Pass, Pass, Pass]);
    let mut lost = good.clone();
    lost.summary.intended += 1;
    assert_eq!(verdicts(&lost), [Fail, Pass, Pass]);
    let mut unheard = good.clone();
    unheard.served -= 1;
    unheard.arrivals_ns.pop();
    assert_eq!(verdicts(&unheard), [Pass, Fail, Pass]);
    let mut torn = good.clone();
    torn.summary.response_ms.mean += 0.1;
    assert_eq!(verdicts(&torn), [Pass, Pass, Fail]);
    // A request that is known to have failed may not have reached the server.
    let mut failed = unheard.clone();
    (failed.summary.ok, failed.summary.failed) = (failed.summary.ok - 1, 1);
    assert_eq!(verdicts(&failed), [Pass, Pass, Pass]);
    assert_eq!(books(std::iter::empty())[0].verdict, Fail);
}

#[test]
fn durations_of_cases_are_those_that_the_formulas_use() {
    let case = the_case(|case| matches!(case.question, Question::Freezes { count: 2, .. }));
    assert_eq!(case.duration, Duration::from_secs(5));
    let flags = case.server_flags().join(" ");
    assert!(flags.contains("--delay 10ms --stall 100ms/2.5s"), "{flags}");
}
