//! What a comparison says of runs whose truth is known: how often it cries wolf, how often it misses, and that it says so when it
//! cannot know.

use super::synthetic::{Server, Slowed};
use super::*;
use crate::{Snapshot, sample};
use proptest::prelude::*;

const SETTINGS: CompareSettings = CompareSettings {
    tolerance: TOLERANCE,
    same_plan: true,
    usable: true,
    disturbed: false,
    overlook_lag: false,
    seed: 1,
};

/// How often each word was said of so many pairs of runs.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    /// Pairs of which any figure was worse or better.
    alarms: usize,
    /// Pairs whose p95 was worse.
    p95_worse: usize,
    /// Pairs whose p95 was the same.
    p95_same: usize,
    /// Pairs whose p95 interval held the truth.
    p95_covered: usize,
    /// Pairs whose p95 interval lay wholly beyond the tolerance: the rule that was rejected.
    p95_beyond: usize,
}

/// Compares pairs of runs, of which the second is of the slowed server.
fn tally(server: &Server, seconds: u64, slowed: Slowed, pairs: u64) -> Tally {
    let mut tally = Tally::default();
    let truth = match slowed {
        Slowed::Nothing => 0.0,
        Slowed::All(share) | Slowed::Tail(share) => share,
    };
    for pair in 0..pairs {
        let before = server.run(seconds, Slowed::Nothing, 2 * pair);
        let after = server.run(seconds, slowed, 2 * pair + 1);
        let settings = CompareSettings {
            seed: pair,
            ..SETTINGS
        };
        let comparison = compare(&before, &after, &settings);
        let p95 = comparison.figures[1];
        let (low, high) = (p95.low.unwrap(), p95.high.unwrap());
        let alarm = matches!(comparison.answer, Answer::Worse | Answer::Better);
        tally.alarms += usize::from(alarm);
        tally.p95_worse += usize::from(p95.answer == Answer::Worse);
        tally.p95_same += usize::from(p95.answer == Answer::Same);
        tally.p95_covered += usize::from((low..=high).contains(&truth));
        tally.p95_beyond += usize::from(low > TOLERANCE);
    }
    tally
}

#[test]
fn equal_runs_raise_few_alarms_and_a_slower_p95_is_found() {
    // Of 12 pairs at most 4 of each may err: at a true rate of 5 % one seed in 5,000 has more, and this is one seed.
    let equal = tally(&Server::USUAL, 30, Slowed::Nothing, 12);
    assert!(equal.alarms <= 4 && equal.p95_covered >= 8, "{equal:?}");
    let slower = tally(&Server::USUAL, 30, Slowed::All(0.1), 12);
    assert!(slower.p95_worse >= 8, "{slower:?}");
}

/// The table in `docs/accuracy.md`.
#[test]
#[ignore = "minutes: cargo test --release -p loadforge-analysis false_alarms -- --ignored --nocapture"]
fn false_alarms_are_at_most_one_in_twenty_and_slow_downs_found_in_nineteen_of_twenty() {
    const PAIRS: u64 = 200;
    let server = |swing, memory| Server {
        swing,
        memory,
        ..Server::USUAL
    };
    let few = Server {
        requests_per_s: 100.0,
        ..Server::USUAL
    };
    let hiccups = Server {
        hiccups: 0.03,
        ..Server::USUAL
    };
    let rows = [
        ("no swing", server(0.0, 0.0), true),
        ("swing 2 %, memory 0.5", Server::USUAL, true),
        ("swing 3 %, memory 0.5", server(0.03, 0.5), false),
        ("swing 3 %, memory 0.8", server(0.03, 0.8), false),
        ("swing 10 %, memory 0.5", server(0.1, 0.5), false),
        ("100 requests a second", few, false),
        ("3 % of seconds four times as slow", hiccups, false),
    ];
    println!("| server | alarms | all slower | tail slower | same | in interval | beyond |");
    let mut missed = Vec::new();
    for (name, server, promised) in rows {
        let equal = tally(&server, 30, Slowed::Nothing, PAIRS);
        let all = tally(&server, 30, Slowed::All(0.1), PAIRS);
        let tail = tally(&server, 30, Slowed::Tail(0.1), PAIRS);
        println!(
            "| {name} | {} | {} | {} | {} | {} | {} |",
            equal.alarms,
            all.p95_worse,
            tail.p95_worse,
            equal.p95_same,
            equal.p95_covered,
            all.p95_beyond,
        );
        let found = all.p95_worse.min(tail.p95_worse) as u64;
        if promised && (equal.alarms as u64 > PAIRS / 20 || found < PAIRS * 19 / 20) {
            missed.push(name);
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn a_run_compared_with_itself_has_not_changed_and_a_seed_decides_all() {
    let run = Server::USUAL.run(30, Slowed::Nothing, 7);
    let comparison = compare(&run, &run, &SETTINGS);
    let wrong = [Answer::Worse, Answer::Better];
    assert!(!wrong.contains(&comparison.answer), "{comparison:#?}");
    for figure in &comparison.figures {
        assert_eq!(figure.change, Some(0.0), "{figure:?}");
    }
    assert_eq!(comparison.endpoints.len(), 4);
    assert_eq!(comparison.endpoints[0].name, "home");
    assert_eq!(
        comparison,
        compare(&run, &run, &SETTINGS),
        "a seed decides all"
    );
}

#[test]
fn long_and_steady_runs_of_one_server_are_the_same() {
    let steady = Server {
        swing: 0.0,
        failing: 0.0,
        ..Server::USUAL
    };
    let [before, after] = [1, 2].map(|seed| steady.run(200, Slowed::Nothing, seed));
    let comparison = compare(&before, &after, &SETTINGS);
    assert_eq!(comparison.answer, Answer::Same, "{comparison:#?}");
}

#[test]
fn every_figure_that_differs_much_gets_its_word_in_both_directions() {
    let before = Server::USUAL.run(30, Slowed::Nothing, 1);
    let worse = Server {
        requests_per_s: 700.0,
        failing: 0.03,
        ..Server::USUAL
    };
    let after = worse.run(30, Slowed::All(0.4), 2);
    let there = compare(&before, &after, &SETTINGS);
    let back = compare(&after, &before, &SETTINGS);
    assert_eq!((there.answer, back.answer), (Answer::Worse, Answer::Better));
    for (there, back) in there.figures.iter().zip(&back.figures) {
        assert_eq!(there.answer, Answer::Worse, "{there:?}");
        assert_eq!(back.answer, Answer::Better, "{back:?}");
    }
    for endpoint in &there.endpoints {
        assert_eq!(endpoint.figures[0].answer, Answer::Worse, "{endpoint:?}");
    }
}

#[test]
fn runs_of_a_few_seconds_are_inconclusive_and_still_have_their_figures() {
    let [before, after] = [1, 2].map(|seed| Server::USUAL.run(9, Slowed::Nothing, seed));
    let comparison = compare(&before, &after, &SETTINGS);
    assert_eq!(comparison.answer, Answer::Inconclusive);
    assert_eq!(comparison.blocks, None);
    for figure in &comparison.figures {
        assert_eq!(figure.doubt, Some(Doubt::FewSeconds));
        assert!(figure.baseline.is_some() && figure.change.is_some() && figure.low.is_none());
    }
}

#[test]
fn a_percentile_of_too_few_requests_is_not_guessed() {
    let server = Server {
        requests_per_s: 20.0,
        ..Server::USUAL
    };
    let [before, after] = [1, 2].map(|seed| server.run(30, Slowed::Nothing, seed));
    let comparison = compare(&before, &after, &SETTINGS);
    let [p50, p95, p99, errors, rps] = comparison.figures[..] else {
        panic!("five figures")
    };
    assert!(p50.low.is_some() && p95.low.is_some() && rps.low.is_some());
    for figure in [p99, errors] {
        assert_eq!(figure.doubt, Some(Doubt::FewRequests), "{figure:?}");
        assert_eq!(figure.low, None);
    }
}

#[test]
fn of_a_run_that_cannot_be_used_nothing_is_concluded() {
    let before = Server::USUAL.run(30, Slowed::Nothing, 1);
    let after = Server::USUAL.run(30, Slowed::All(1.0), 2);
    let settings = CompareSettings {
        usable: false,
        ..SETTINGS
    };
    let comparison = compare(&before, &after, &settings);
    assert_eq!(comparison.answer, Answer::Inconclusive);
    let all_unusable = |figures: &[Figure]| {
        figures
            .iter()
            .all(|figure| figure.doubt == Some(Doubt::Unusable))
    };
    assert!(all_unusable(&comparison.figures));
    assert!(
        comparison.figures[1].low > Some(0.5),
        "the interval is still shown"
    );
}

/// A run whose generator sent this share of its requests so late.
fn late(slowed: Slowed, seed: u64, share: f64, lag_ms: u64) -> MeasuredSeconds {
    let mut run = MeasuredSeconds::new();
    for mut snapshot in Server::USUAL.snapshots(30, slowed, seed) {
        let done = snapshot.requests.done;
        let late = (done as f64 * share) as u64;
        let mut lag = crate::LatencyHistogram::default();
        (late..done).for_each(|_| lag.record_ns(10_000));
        (0..late).for_each(|_| lag.record_ns(lag_ms * 1_000_000));
        snapshot.latency.lag = lag;
        run.add(&snapshot);
    }
    run
}

#[test]
fn a_figure_that_is_mostly_the_generator_s_own_lag_is_not_judged() {
    let before = Server::USUAL.run(30, Slowed::Nothing, 1);
    let after = late(Slowed::All(0.5), 2, 0.02, 40);
    let overlooked = CompareSettings {
        overlook_lag: true,
        ..SETTINGS
    };
    for (runs, answer) in [
        ([&before, &after], Answer::Worse),
        ([&after, &before], Answer::Better),
    ] {
        let figures = compare(runs[0], runs[1], &SETTINGS).figures;
        assert_eq!(
            (figures[0].answer, figures[0].doubt),
            (answer, None),
            "p50 has no lag"
        );
        assert_eq!(figures[2].measure, Measure::P99);
        assert_eq!(figures[2].answer, Answer::Inconclusive);
        assert_eq!(figures[2].doubt, Some(Doubt::Lag));
        assert!(figures[2].low.is_some(), "the interval is still shown");
        let figures = compare(runs[0], runs[1], &overlooked).figures;
        assert_eq!(figures[2].answer, answer);
    }
    // Of every endpoint, too; the slowest answers within 40 ms and more, of which the lag is still a tenth.
    for endpoint in compare(&before, &after, &SETTINGS).endpoints {
        let p99 = endpoint.figures[2];
        assert!(
            matches!(p99.doubt, Some(Doubt::Lag | Doubt::FewRequests)),
            "{endpoint:?}"
        );
    }
    // Less than a tenth is no reason.
    let little = late(Slowed::All(0.5), 2, 0.02, 3);
    let figures = compare(&before, &little, &SETTINGS).figures;
    assert_eq!(figures[2].answer, Answer::Worse, "{figures:?}");
    // All of them late: the rate of users who wait is the generator's, too.
    let all = late(Slowed::All(0.5), 2, 1.0, 40);
    let figures = compare(&before, &all, &SETTINGS).figures;
    for figure in figures {
        let judged = figure.measure == Measure::ErrorRate;
        assert_eq!(figure.doubt != Some(Doubt::Lag), judged, "{figure:?}");
    }
}

#[test]
fn of_a_disturbed_generator_no_latency_is_concluded() {
    let before = Server::USUAL.run(30, Slowed::Nothing, 1);
    let failing = Server {
        failing: 0.05,
        ..Server::USUAL
    };
    let after = failing.run(30, Slowed::All(1.0), 2);
    let settings = CompareSettings {
        disturbed: true,
        ..SETTINGS
    };
    for figure in compare(&before, &after, &settings).figures {
        match figure.measure {
            Measure::ErrorRate => assert_eq!(figure.answer, Answer::Worse),
            _ => assert_eq!(figure.doubt, Some(Doubt::Disturbed), "{figure:?}"),
        }
    }
}

#[test]
fn an_endpoint_that_only_one_run_has_is_listed_and_not_judged() {
    let before = Server::USUAL.run(30, Slowed::Nothing, 1);
    let comparison = compare(&before, &MeasuredSeconds::new(), &SETTINGS);
    assert_eq!(comparison.answer, Answer::Inconclusive);
    let home = &comparison.endpoints[0];
    assert_eq!((home.name.as_str(), home.method.as_str()), ("home", "GET"));
    assert!(home.figures[0].baseline.is_some());
    assert_eq!(
        (home.figures[0].candidate, home.figures[0].change),
        (None, None)
    );
    let back = compare(&MeasuredSeconds::new(), &before, &SETTINGS);
    for (there, back) in home.figures.iter().zip(&back.endpoints[0].figures) {
        assert_eq!(there.doubt, Some(Doubt::OnlyBaseline));
        assert_eq!(back.doubt, Some(Doubt::OnlyCandidate));
    }
    let nothing = compare(&MeasuredSeconds::new(), &MeasuredSeconds::new(), &SETTINGS);
    assert_eq!(nothing.answer, Answer::Inconclusive);
}

/// A ramp from slow to fast: seconds that differ by far more than the two runs do.
#[test]
fn what_the_plan_does_to_both_runs_cancels_out_when_they_are_drawn_together() {
    let ramp = |slowed, seed| {
        let mut run = MeasuredSeconds::new();
        for step in 0..6 {
            let server = Server {
                requests_per_s: 400.0 + 400.0 * step as f64,
                ..Server::USUAL
            };
            let share = 2f64.powi(step) * (1.0 + slowed) - 1.0;
            for mut snapshot in server.snapshots(10, Slowed::All(share), seed + step as u64) {
                snapshot.at_s += 10.0 * f64::from(step);
                snapshot.users.target = 10 * (step as u64 + 1);
                run.add(&snapshot);
            }
        }
        run
    };
    let (before, after) = (ramp(0.0, 10), ramp(0.15, 20));
    let together = compare(&before, &after, &SETTINGS).figures[1];
    assert_eq!(together.answer, Answer::Worse, "{together:?}");
    let apart = CompareSettings {
        same_plan: false,
        ..SETTINGS
    };
    let apart = compare(&before, &after, &apart).figures[1];
    assert_eq!(apart.answer, Answer::Inconclusive, "{apart:?}");
}

#[test]
fn a_run_of_hours_is_compared_with_a_short_one() {
    let second = sample::three_seconds().remove(0);
    let run = |seconds: u32| {
        let mut run = MeasuredSeconds::new();
        for at_s in 1..=seconds {
            let at_s = f64::from(at_s);
            run.add(&Snapshot {
                at_s,
                ..second.clone()
            });
        }
        run
    };
    let settings = CompareSettings {
        same_plan: false,
        ..SETTINGS
    };
    let comparison = compare(&run(7_200), &run(1_800), &settings);
    assert_eq!(
        comparison.figures[1].answer,
        Answer::Same,
        "{comparison:#?}"
    );
    assert_eq!(comparison.blocks.unwrap().block_s, 32.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the runs: nothing breaks, intervals hold their change, words follow from them, and swapping turns them around.
    #[test]
    fn any_two_runs_can_be_compared(
        seconds in (0u64..40, 0u64..40),
        rates in (0u32..100, 0u32..100),
        failing in 0f64..1.0,
        hiccups in 0f64..0.5,
        slower in 0f64..3.0,
        same_plan: bool,
        seed: u64,
    ) {
        let server = |rate: u32| Server {
            requests_per_s: rate.into(),
            failing,
            hiccups,
            ..Server::USUAL
        };
        let before = server(rates.0).run(seconds.0, Slowed::Nothing, seed);
        let after = server(rates.1).run(seconds.1, Slowed::All(slower), seed ^ 1);
        let settings = CompareSettings { same_plan, seed, ..SETTINGS };
        let there = compare(&before, &after, &settings);
        let back = compare(&after, &before, &settings);
        let all = |comparison: &Comparison| -> Vec<Figure> {
            let endpoints = comparison.endpoints.iter().flat_map(|e| e.figures.clone());
            comparison.figures.iter().copied().chain(endpoints).collect()
        };
        for figure in all(&there).into_iter().chain(all(&back)) {
            prop_assert_eq!(figure.answer == Answer::Inconclusive, figure.doubt.is_some());
            if let (Some(low), Some(high)) = (figure.low, figure.high) {
                let change = figure.change.unwrap();
                prop_assert!(low <= change + 1e-9 && change <= high + 1e-9, "{:?}", figure);
            }
        }
        for (there, back) in there.figures.iter().zip(&back.figures) {
            prop_assert_eq!(there.baseline, back.candidate);
            // The tolerance is a share of the first run, and draws differ: only opposite words are wrong.
            prop_assert!(
                !(there.answer == Answer::Worse && back.answer == Answer::Worse),
                "{:?} {:?}", there, back
            );
        }
    }
}
