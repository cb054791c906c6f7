//! What flags and files make together.

use super::*;
use crate::args::{Args, Command};
use clap::Parser;
use loadforge_scenarios::{Gaps, Pattern, PhaseRole, RampCurve};

const RUN: Duration = Duration::from_secs(30);

#[expect(
    clippy::needless_pass_by_value,
    reason = "each case makes its own file"
)]
fn decide(flags: &str, file: LoadSpec) -> (Load, Vec<Complaint>) {
    let words = ["loadforge", "run", "x.toml"]
        .into_iter()
        .chain(flags.split_whitespace());
    let Command::Run(args) = Args::try_parse_from(words).expect(flags).command else {
        panic!("run was typed")
    };
    let mut complaints = Vec::new();
    (
        Load::decide(&args.load, &file, RUN, &mut complaints),
        complaints,
    )
}

fn file_ramp() -> LoadSpec {
    let over = Duration::from_secs(7);
    LoadSpec {
        demand: Some(Demand::Users(Pattern::Ramp {
            from: 2.0,
            to: 20.0,
            over,
            curve: RampCurve::Linear,
        })),
        duration: Some(Duration::from_secs(60)),
        max_requests: Some(99),
        ..LoadSpec::default()
    }
}

#[test]
fn flags_win_over_the_file_and_the_file_over_defaults() {
    let cases = [
        ("", LoadSpec::default(), "constant, 10 users"),
        ("", file_ramp(), "ramp from 2 to 20 users over 7s"),
        ("--users 1", file_ramp(), "constant, 1 user"),
        (
            "--users 5 --pattern ramp",
            file_ramp(),
            "ramp from 5 to 20 users over 7s",
        ),
        (
            "--ramp-to 50",
            file_ramp(),
            "ramp from 2 to 50 users over 7s",
        ),
        (
            "--ramp-over 1m30s",
            file_ramp(),
            "ramp from 2 to 20 users over 1m30s",
        ),
        (
            "--ramp-to 4",
            LoadSpec::default(),
            "ramp from 1 to 4 users over 30s",
        ),
        (
            "--pattern constant --users 3",
            file_ramp(),
            "constant, 3 users",
        ),
    ];
    for (flags, file, words) in cases {
        let (load, complaints) = decide(flags, file);
        assert_eq!(complaints, [], "{flags}");
        assert_eq!(load.words(), words, "{flags}");
    }
    let (load, _) = decide("--duration 5s", file_ramp());
    assert_eq!(
        (load.duration, load.max_requests),
        (Duration::from_secs(5), Some(99))
    );
}

#[test]
fn everything_wrong_is_told_at_once_and_nothing_twice() {
    let (_, complaints) = decide(
        "--users -2 --duration -5s --ramp-to x --ramp-over 0s --max-requests 0",
        LoadSpec::default(),
    );
    let said: Vec<_> = complaints
        .iter()
        .map(|complaint| complaint.message.as_str())
        .collect();
    assert_eq!(said.len(), 5, "{said:#?}");
    for flag in [
        "--users -2",
        "--duration -5s",
        "--ramp-to x",
        "--ramp-over 0s",
        "--max-requests 0",
    ] {
        assert_eq!(
            said.iter().filter(|text| text.contains(flag)).count(),
            1,
            "{flag}"
        );
    }
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    let over = Duration::from_secs(7);
    let from_zero = Pattern::Ramp {
        from: 0.0,
        to: 20.0,
        over,
        curve: RampCurve::Linear,
    };
    let from_zero = LoadSpec {
        demand: Some(Demand::Users(from_zero)),
        ..LoadSpec::default()
    };
    for (flags, file, words) in [
        (
            "--pattern constant --ramp-to 5",
            LoadSpec::default(),
            "--ramp-to belongs to a ramp",
        ),
        (
            "--pattern constant --ramp-over 5s",
            file_ramp(),
            "--ramp-over belongs to a ramp",
        ),
        ("--pattern ramp", LoadSpec::default(), "where it ends"),
        (
            "--ramp-over 5s --users 5",
            LoadSpec::default(),
            "where it ends",
        ),
        ("--pattern constant", file_ramp(), "how many users"),
        ("--ramp-to 0", from_zero, "no user at any time"),
    ] {
        let (_, complaints) = decide(flags, file);
        assert_eq!(complaints.len(), 1, "{flags}");
        assert!(
            complaints[0].message.contains(words),
            "{flags}: {}",
            complaints[0]
        );
    }
}

fn file_rate() -> LoadSpec {
    LoadSpec {
        demand: Some(Demand::Arrivals {
            rate: Pattern::Constant(50.0),
            gaps: Gaps::Poisson,
            max_users: 7,
        }),
        ..LoadSpec::default()
    }
}

fn pattern_of(flags: &str, file: LoadSpec) -> Pattern {
    let (load, complaints) = decide(flags, file);
    assert_eq!(complaints, [], "{flags}");
    load.demands[0].demand.pattern().clone()
}

#[test]
fn a_rate_makes_the_model_open_with_what_the_file_says_of_it() {
    let (load, complaints) = decide("--rate 0.5", LoadSpec::default());
    assert_eq!(complaints, []);
    let open = |rate, gaps, max_users| Demand::Arrivals {
        rate: Pattern::Constant(rate),
        gaps,
        max_users,
    };
    assert_eq!(load.demands[0].demand, open(0.5, Gaps::Even, 1000));
    assert_eq!((load.model(), load.rate_peak()), (LoadModel::Open, 0.5));
    for (flags, demand) in [
        ("", open(50.0, Gaps::Poisson, 7)),
        ("--max-users 9", open(50.0, Gaps::Poisson, 9)),
        ("--rate 10000000", open(1e7, Gaps::Poisson, 7)),
        ("--users 3", Demand::Users(Pattern::Constant(3.0))),
    ] {
        let (load, complaints) = decide(flags, file_rate());
        assert_eq!(complaints, [], "{flags}");
        assert_eq!(load.demands[0].demand, demand, "{flags}");
    }
    // What a file says of rates holds for a typed one too.
    let beside_users = LoadSpec {
        gaps: Some(Gaps::Poisson),
        max_users: Some(8),
        ..file_ramp()
    };
    let (load, _) = decide("--rate 5", beside_users);
    assert_eq!(load.demands[0].demand, open(5.0, Gaps::Poisson, 8));
    // A file's curve of users says nothing of a rate.
    assert_eq!(pattern_of("--rate 5", file_ramp()), Pattern::Constant(5.0));
}

#[test]
fn each_pattern_has_sensible_defaults_for_what_is_left_open() {
    let secs = Duration::from_secs;
    for (flags, pattern) in [
        (
            "--users 10 --pattern step --ramp-to 60",
            Pattern::Step {
                from: 10.0,
                to: 60.0,
                size: 5.0,
                every: secs(30).div_f64(11.0),
            },
        ),
        (
            "--step-size 20 --ramp-to 41 --step-duration 4s",
            Pattern::Step {
                from: 1.0,
                to: 41.0,
                size: 20.0,
                every: secs(4),
            },
        ),
        (
            "--rate 2.5 --pattern spike",
            Pattern::Spike {
                base: 2.5,
                peak: 25.0,
                at: secs(10),
                length: secs(3),
                sustain: 2.5,
            },
        ),
        (
            "--peak 300 --spike-at 0s --spike-for 1s --sustain 0",
            Pattern::Spike {
                base: 10.0,
                peak: 300.0,
                at: secs(0),
                length: secs(1),
                sustain: 0.0,
            },
        ),
        (
            "--rate 100 --amplitude 80.5 --period 24h --phase 0",
            Pattern::Diurnal {
                base: 100.0,
                amplitude: 80.5,
                period: secs(86_400),
                phase: 0.0,
            },
        ),
        (
            "--rate 1 --ramp-to 100 --ramp-curve exponential",
            Pattern::Ramp {
                from: 1.0,
                to: 100.0,
                over: secs(30),
                curve: RampCurve::Exponential,
            },
        ),
    ] {
        assert_eq!(pattern_of(flags, LoadSpec::default()), pattern, "{flags}");
    }
    let from_file = pattern_of("--peak 300", file_rate());
    assert!(
        matches!(from_file, Pattern::Spike { base, .. } if base == 50.0),
        "{from_file:?}"
    );
}

#[test]
fn loads_that_make_no_sense_are_refused_each_in_its_own_words() {
    for (flags, words) in [
        ("--rate 0", "--rate 0"),
        ("--rate -5", "--rate -5"),
        ("--rate NaN", "--rate NaN"),
        ("--rate inf", "--rate inf"),
        ("--rate 10000001", "--rate 10000001"),
        ("--users 5 --rate 5", "--users 5 and --rate 5"),
        ("--rate 5 --max-users 0", "--max-users 0"),
        ("--users 5 --max-users 9", "--max-users belongs to a rate"),
        ("--poisson", "--poisson belongs to a rate"),
        (
            "--rate 5 --ramp-to 50 --ramp-over 0s",
            "--ramp-over 0s is no time",
        ),
        (
            "--rate 5 --ramp-to 0 --ramp-curve exponential",
            "no factor leads",
        ),
        ("--pattern step --users 5 --ramp-to 5", "nowhere"),
        ("--pattern step --ramp-to 5 --step-size 0", "--step-size 0"),
        (
            "--pattern step --ramp-to 5 --step-duration 0s",
            "--step-duration 0s",
        ),
        ("--pattern step --users 5", "where they end"),
        (
            "--peak 5 --spike-at 30s",
            "begins after 30s, and the run ends after 30s",
        ),
        ("--peak 5 --spike-at 1h", "begins after 1h"),
        ("--peak 5 --spike-for 0s", "--spike-for 0s"),
        ("--rate 5 --amplitude NaN", "--amplitude NaN"),
        ("--amplitude 5 --period 0s", "--period 0s"),
        ("--amplitude 5 --phase 2", "--phase 2"),
        (
            "--ramp-to 5 --peak 7",
            "--ramp-to belongs to a ramp, and --peak to a spike",
        ),
        (
            "--pattern ramp --ramp-to 5 --peak 7",
            "--peak belongs to a spike, and --pattern ramp asks for none",
        ),
        ("--scale 2", "nothing names one"),
        ("--pattern zigzag", "constant, ramp, step, spike, diurnal"),
        ("--pattern no-such.csv", "there is no file"),
        ("--max-rps 0", "--max-rps 0"),
        ("--burst 5", "nobody has asked for"),
        ("--max-rps 5 --burst 0", "--burst 0"),
        ("--warmup 30s", "30s of warm-up in a run of 30s"),
        (
            "--warmup 20s --cooldown 10s",
            "20s of warm-up and 10s of cool-down",
        ),
        ("--warmup -1s", "--warmup -1s is negative"),
    ] {
        let (_, complaints) = decide(flags, LoadSpec::default());
        assert_eq!(complaints.len(), 1, "{flags}: {complaints:#?}");
        let said = complaints[0].to_string();
        assert!(said.contains(words), "{flags}: {said}");
    }
}

#[test]
fn a_curve_that_is_nothing_for_as_long_as_the_run_lasts_is_refused() {
    let points = |points: &[(u64, f64)]| {
        let points = points
            .iter()
            .map(|(at, value)| (Duration::from_secs(*at), *value));
        Pattern::Points(points.collect())
    };
    let rate = |rate| LoadSpec {
        demand: Some(Demand::Arrivals {
            rate,
            gaps: Gaps::Even,
            max_users: 9,
        }),
        ..LoadSpec::default()
    };
    let late = points(&[(0, 0.0), (60, 0.0), (61, 9.0)]);
    for (file, words) in [
        (rate(Pattern::Constant(0.0)), "no iteration at any time"),
        (rate(late.clone()), "no iterations a second at all"),
        (
            rate(Pattern::Constant(2e7)),
            "up to 20000000 iterations a second",
        ),
    ] {
        let (_, complaints) = decide("", file);
        assert_eq!(complaints.len(), 1, "{complaints:#?}");
        assert!(complaints[0].message.contains(words), "{}", complaints[0]);
    }
    assert_eq!(decide("--duration 2m", rate(late)).1, []);
}

#[test]
fn warm_up_and_cool_down_lie_within_the_run() {
    let (load, complaints) = decide("--warmup 5s --cooldown 2s", LoadSpec::default());
    assert_eq!(complaints, []);
    let spans: Vec<_> = load
        .phase_infos()
        .into_iter()
        .map(|phase| (phase.name, phase.from_s, phase.until_s, phase.role))
        .collect();
    let span = |name: &str, from, until, role| (name.to_owned(), from, until, role);
    assert_eq!(
        spans,
        [
            span("warm-up", 0.0, 5.0, PhaseRole::WarmUp),
            span("measured", 5.0, 28.0, PhaseRole::Measured),
            span("cool-down", 28.0, 30.0, PhaseRole::CoolDown),
        ]
    );
    assert!(decide("", LoadSpec::default()).0.phases.is_empty());
}

#[test]
fn phases_of_a_file_end_with_the_run_and_leave_no_room_for_a_warm_up() {
    let phase = |name: &str, until| PhaseSpan {
        name: name.to_owned(),
        until: Duration::from_secs(until),
        role: PhaseRole::Measured,
    };
    let file = || LoadSpec {
        phases: vec![phase("low", 10), phase("high", 20)],
        duration: Some(Duration::from_secs(20)),
        ..LoadSpec::default()
    };
    for (flags, ends) in [
        ("", &[10, 20][..]),
        ("--duration 8s", &[8]),
        ("--duration 40s", &[10, 40]),
    ] {
        let (load, complaints) = decide(flags, file());
        assert_eq!(complaints, [], "{flags}");
        let until: Vec<u64> = load
            .phases
            .iter()
            .map(|phase| phase.until.as_secs())
            .collect();
        assert_eq!(until, ends, "{flags}");
    }
    let (_, complaints) = decide("--warmup 1s", file());
    assert!(
        complaints[0].message.contains("[[phase]]"),
        "{}",
        complaints[0]
    );
}

#[test]
fn a_bound_on_requests_has_a_burst_of_ten_milliseconds() {
    for (flags, per_s, burst) in [
        ("--max-rps 1000", 1000.0, 10),
        ("--max-rps 0.5", 0.5, 1),
        ("--max-rps 5 --burst 50", 5.0, 50),
    ] {
        let (load, complaints) = decide(flags, LoadSpec::default());
        assert_eq!(complaints, [], "{flags}");
        assert_eq!(load.max_rate, Some(MaxRate { per_s, burst }), "{flags}");
    }
}

#[test]
fn side_by_side_each_keeps_its_own_load_until_its_own_end() {
    let part = |name: &str, load: LoadSpec| FilePart {
        name: name.to_owned(),
        load,
    };
    let parts = [
        part("a", file_ramp()),
        part(
            "b",
            LoadSpec {
                duration: Some(Duration::from_secs(10)),
                ..file_rate()
            },
        ),
    ];
    let together = |flags: &str| {
        let words = ["loadforge", "run", "x.toml"];
        let words = words.into_iter().chain(flags.split_whitespace());
        let Command::Run(args) = Args::try_parse_from(words).expect(flags).command else {
            panic!("run was typed")
        };
        let mut told = Vec::new();
        let load = decide_together(&args.load, &parts, &LoadSpec::default(), RUN, &mut told);
        (load, told)
    };
    let (load, told) = together("--max-rps 5");
    assert_eq!(told, []);
    assert_eq!(load.duration, Duration::from_secs(60));
    assert_eq!(
        (load.model(), load.rate_peak(), load.most_users()),
        (LoadModel::Open, 50.0, 27)
    );
    let late = load.demands[1].demand.pattern();
    let at = |s| late.target_at(Duration::from_secs(s));
    assert_eq!((at(9), at(11), at(59)), (50.0, 0.0, 0.0));
    let (_, told) = together("--users 5 --peak 6 --poisson");
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(
        told.iter()
            .all(|told| told.message.contains("side by side"))
    );
}

#[test]
fn beside_others_a_scenario_ends_at_its_own_end_or_with_the_run_whichever_comes_first() {
    let part = |name: &str, seconds| FilePart {
        name: name.to_owned(),
        load: LoadSpec {
            duration: Some(Duration::from_secs(seconds)),
            ..file_rate()
        },
    };
    let parts = [part("short", 10), part("long", 40)];
    for (whole_s, typed, run_s) in [
        (None, None, 40),
        (Some(20), None, 20),
        (Some(60), None, 60),
        (Some(20), Some("5s"), 5),
    ] {
        let whole = LoadSpec {
            duration: whole_s.map(Duration::from_secs),
            ..LoadSpec::default()
        };
        let args = LoadArgs {
            duration: typed.map(str::to_owned),
            ..LoadArgs::default()
        };
        let load = decide_together(&args, &parts, &whole, RUN, &mut Vec::new());
        assert_eq!(load.duration, Duration::from_secs(run_s));
        let arrivals: Vec<f64> = load
            .demands
            .iter()
            .map(|asked| asked.demand.pattern().integral(load.duration))
            .collect();
        let expected = [10, 40].map(|own: u64| 50.0 * own.min(run_s) as f64);
        assert_eq!(arrivals, expected, "{whole_s:?} {typed:?}");
    }
}

#[test]
fn one_of_a_thing_is_said_as_one() {
    let flags = "--rate 1 --max-users 1 --max-rps 1";
    let (load, _) = decide(flags, LoadSpec::default());
    assert_eq!(
        load.words(),
        "constant, 1 iteration a second, at most 1 user, at most 1 request a second"
    );
}

#[test]
fn a_shape_may_begin_at_nothing_as_in_files_and_a_steady_load_may_not() {
    for (flags, words) in [
        (
            "--rate 0 --ramp-to 50",
            "ramp from 0 to 50 iterations a second over 30s",
        ),
        (
            "--users 0 --ramp-to 5 --step-size 1",
            "step from 0 to 5 users by 1 every 5s",
        ),
        (
            "--rate 0 --peak 9",
            "spike from 0 to 9 iterations a second after 10s for 3s",
        ),
    ] {
        let (load, complaints) = decide(flags, LoadSpec::default());
        assert_eq!(complaints, [], "{flags}");
        assert!(load.words().starts_with(words), "{}", load.words());
    }
    for flags in [
        "--rate 0",
        "--users 0",
        "--rate 0 --pattern constant",
        "--rate 0 --ramp-to 0",
    ] {
        let (_, complaints) = decide(flags, LoadSpec::default());
        assert_eq!(complaints.len(), 1, "{flags}: {complaints:?}");
    }
}

#[test]
fn a_ramp_of_no_length_is_told_what_would_do_the_same() {
    for none in ["0", "0s"] {
        let flags = format!("--users 2 --ramp-to 50 --ramp-over {none}");
        let (_, complaints) = decide(&flags, LoadSpec::default());
        let said = Complaint::list(&complaints);
        assert!(
            said.contains("is a jump") && said.contains("--users 50 alone"),
            "{said}"
        );
        assert_eq!(complaints.len(), 1, "{said}");
    }
}

#[test]
fn what_the_run_is_too_short_for_is_said_of_the_scenario_that_asks_for_it() {
    let (load, _) = decide("--ramp-to 50 --ramp-over 60s", LoadSpec::default());
    assert!(
        load.unseen()[0].starts_with("the end of the ramp, 50 users,"),
        "{:?}",
        load.unseen()
    );
    let part = |name: &str, load| FilePart {
        name: name.to_owned(),
        load,
    };
    let mut late = file_ramp();
    late.duration = Some(Duration::from_secs(5));
    let parts = [part("calm", file_ramp()), part("late", late)];
    let whole = LoadSpec::default();
    let load = decide_together(&LoadArgs::default(), &parts, &whole, RUN, &mut Vec::new());
    let unseen = load.unseen();
    assert_eq!(unseen.len(), 1, "{unseen:?}");
    assert!(
        unseen[0].starts_with("late: the end of the ramp"),
        "{unseen:?}"
    );
}
