//! Loads in files: every shape, both models, phases, scenarios side by side, and what is told about bad ones.

use super::super::{LoadSpec, Loaded, Problems, open, threshold::any_expression};
use super::{load_any, parse_here};
use crate::{Course, Demand, Gaps, Pattern, PhaseRole};
use std::{fs, time::Duration};

fn read(load: &str) -> Result<LoadSpec, String> {
    let text = format!("target = \"echo\"\n[[task]]\nget = \"/\"\n[load]\n{load}\n");
    parse_here(&text)
        .map(|document| document.load)
        .map_err(|problems| problems.to_string())
}

fn demand(load: &str) -> Demand {
    let read = read(load).unwrap_or_else(|told| panic!("{told}"));
    read.demand.expect("it asks for something")
}

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn a_number_of_users_can_be_multiplied_by_a_fraction() {
    let wave = "{ base = 1, amplitude = 0.2, period = \"4s\" }";
    let users = demand(&format!("users = {{ product = [10, 0.5, {wave}] }}"));
    let at_most = users.pattern().target_at(at(1.0));
    assert!((at_most - 6.0).abs() < 1e-9, "{at_most}");
    for alone in ["0.5", "{ sum = [0.5, 1] }", wave] {
        let told = read(&format!("users = {alone}")).unwrap_err();
        assert!(told.contains("a whole number"), "{told}");
    }
}

#[test]
fn every_shape_is_read_and_has_the_values_it_says() {
    let values = |curve: &str, times: &[f64]| -> Vec<f64> {
        let demand = demand(&format!("rate = {curve}"));
        times
            .iter()
            .map(|time| demand.pattern().target_at(at(*time)))
            .collect()
    };
    for (curve, times, expected) in [
        ("2.5", vec![0.0, 9.0], vec![2.5, 2.5]),
        (
            "{ from = 1, to = 3, over = \"2s\" }",
            vec![0.0, 1.0, 5.0],
            vec![1.0, 2.0, 3.0],
        ),
        (
            "{ from = 1, to = 100, over = \"2s\", curve = \"exponential\" }",
            vec![0.0, 1.0, 3.0],
            vec![1.0, 10.0, 100.0],
        ),
        (
            "{ from = 10, to = 35, step = 10, every = \"1s\" }",
            vec![0.5, 1.5, 2.5, 3.5],
            vec![10.0, 20.0, 30.0, 35.0],
        ),
        (
            "{ from = 30, to = 5, step = 20, every = \"1s\" }",
            vec![0.0, 1.0, 2.0],
            vec![30.0, 10.0, 5.0],
        ),
        (
            "{ base = 1, peak = 9, at = \"1s\", for = \"2s\", sustain = 3 }",
            vec![0.5, 1.0, 2.9, 3.0],
            vec![1.0, 9.0, 9.0, 3.0],
        ),
        (
            "{ base = 1, peak = 9, at = \"0s\", for = \"2s\" }",
            vec![0.0, 2.0],
            vec![9.0, 1.0],
        ),
        (
            "{ base = 10, amplitude = 5, period = \"4s\" }",
            vec![0.0, 1.0, 3.0],
            vec![10.0, 15.0, 5.0],
        ),
        (
            "{ base = 10, amplitude = 5, period = \"4s\", phase = \"3s\" }",
            vec![0.0, 1.0],
            vec![5.0, 10.0],
        ),
        (
            "{ points = [[\"1s\", 4], [\"3s\", 8]] }",
            vec![0.0, 2.0, 9.0],
            vec![4.0, 6.0, 8.0],
        ),
        (
            "{ sum = [1, { from = 0, to = 4, over = \"4s\" }] }",
            vec![2.0],
            vec![3.0],
        ),
        (
            "{ product = [3, { from = 0, to = 4, over = \"4s\" }], scale = 2 }",
            vec![2.0],
            vec![12.0],
        ),
        (
            "{ from = 0, to = 10, over = \"10s\", least = 2, most = 5 }",
            vec![0.0, 3.0, 9.0],
            vec![2.0, 3.0, 5.0],
        ),
    ] {
        let found = values(curve, &times);
        let close = found
            .iter()
            .zip(&expected)
            .all(|(one, other)| (one - other).abs() < 1e-9);
        assert!(close, "{curve}: {found:?}");
    }
}

#[test]
fn a_rate_has_its_gaps_and_its_most_users() {
    assert_eq!(
        demand("rate = 0.5\npoisson = true\nmax_users = 7"),
        Demand::Arrivals {
            rate: Pattern::Constant(0.5),
            gaps: Gaps::Poisson,
            max_users: 7
        }
    );
    let load =
        read("rate = 5\nmax_rps = 4.5\nburst = 3\nwarmup = \"2s\"\ncooldown = \"1s\"\nseed = 9");
    let load = load.unwrap();
    assert_eq!(
        (load.max_rps, load.burst, load.seed),
        (Some(4.5), Some(3), Some(9))
    );
    assert_eq!((load.warmup, load.cooldown), (Some(at(2.0)), Some(at(1.0))));
}

#[test]
fn a_trace_is_read_from_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("day.csv"), "time,load\n0,10\n100,20\n").unwrap();
    let text = "target = \"echo\"\n[[task]]\nget = \"/\"\n[load]\n\
                rate = { trace = \"day.csv\", time_scale = 0.1, scale = 3 }\n";
    let path = folder.path().join("a.toml");
    fs::write(&path, text).unwrap();
    let document = load_any(&path).unwrap();
    let demand = document.load.demand.unwrap();
    assert_eq!(demand.pattern().target_at(at(5.0)), 45.0);
    fs::write(folder.path().join("day.csv"), "0,10\n100,20\n50,3\n").unwrap();
    let told = load_any(&path).unwrap_err().to_string();
    assert!(told.contains("line 3: the time 50 lies before"), "{told}");
}

#[test]
fn phases_follow_one_another() {
    let text = "target = \"echo\"\n[load]\npoisson = true\nmax_requests = 5\n[[task]]\nget = \"/\"\n\
        [[phase]]\nname = \"warm\"\nduration = \"2s\"\nrate = 10\nrole = \"warm_up\"\n\
        [[phase]]\nduration = \"4s\"\nrate = { from = 10, to = 50, over = \"4s\" }\n";
    let load = parse_here(text).unwrap().load;
    let spans: Vec<_> = load
        .phases
        .iter()
        .map(|span| (span.name.as_str(), span.until, span.role))
        .collect();
    assert_eq!(
        spans,
        [
            ("warm", at(2.0), PhaseRole::WarmUp),
            ("phase 2", at(6.0), PhaseRole::Measured)
        ]
    );
    assert_eq!((load.duration, load.max_requests), (Some(at(6.0)), Some(5)));
    let Some(Demand::Arrivals { rate, gaps, .. }) = load.demand else {
        panic!("a rate was asked for")
    };
    assert_eq!(gaps, Gaps::Poisson);
    assert_eq!(Course::new(&rate, at(6.0)).total(), 20.0 + 120.0);
}

#[test]
fn scenarios_side_by_side_are_read_from_their_files_with_loads_put_over_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let own = "target = \"echo\"\n[load]\nusers = 3\nduration = \"9s\"\n[[task]]\nname = \"look\"\nget = \"/\"\n";
    write("browse.toml", own);
    write("pay.toml", own);
    write(
        "all.toml",
        "name = \"shop\"\n[load]\nduration = \"5s\"\n[[scenario]]\nfile = \"browse.toml\"\n\
         [[scenario]]\nfile = \"pay.toml\"\nname = \"checkout\"\nload = { rate = 40 }\n\
         [[threshold]]\nexpr = \"p99 < 1s\"\nendpoint = \"checkout/look\"\n",
    );
    let loaded = open(&folder.path().join("all.toml"), any_expression)
        .unwrap_or_else(|told| panic!("{told}"));
    let Loaded::SideBySide(several) = loaded else {
        panic!("there are two")
    };
    let names: Vec<&str> = several
        .parts
        .iter()
        .map(|part| part.name.as_str())
        .collect();
    assert_eq!(
        (several.name.as_str(), names),
        ("shop", vec!["browse", "checkout"])
    );
    assert_eq!(several.load.duration, Some(at(5.0)));
    let loads: Vec<_> = several
        .parts
        .iter()
        .map(|part| part.document.load.clone())
        .collect();
    assert_eq!(loads[0].demand, Some(Demand::Users(Pattern::Constant(3.0))));
    assert!(matches!(loads[1].demand, Some(Demand::Arrivals { .. })));
    assert_eq!(loads[1].duration, Some(at(9.0)));

    write(
        "all.toml",
        "[[scenario]]\nfile = \"all.toml\"\n[[scenario]]\nfile = \"nowhere.toml\"\n[[scenario]]\nfile = \"all.toml\"\nname = \"again\"\n\
         [[threshold]]\nexpr = \"p99 < 5ms\"\nendpoint = \"browse/x\"\n",
    );
    let told = open(&folder.path().join("all.toml"), any_expression)
        .unwrap_err()
        .to_string();
    assert!(told.contains("cannot stand in one another"), "{told}");
    assert!(told.contains("nowhere.toml"), "{told}");
    assert_eq!(
        told.matches("error: ").count(),
        2,
        "each is told once, and nothing that follows: {told}"
    );
}

#[test]
fn a_missing_file_is_told_where_it_is_named_and_each_file_answers_for_its_own_problems() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| std::fs::write(path(name), text).unwrap();
    // Its line 4 is wrong as the other's line 4 is no TOML: neither hides the other.
    write(
        "good.toml",
        "base_url = \"http://a.test\"\n[[task]]\nget = \"/\"\nchek = 200\n",
    );
    write(
        "all.toml",
        "[[scenario]]\nfile = \"good.toml\"\n[[scenario]]\nfile = = 1\n",
    );
    let Problems(told) = open(&path("all.toml"), any_expression).unwrap_err();
    let places: Vec<_> = told
        .iter()
        .map(|one| (one.file.as_str(), one.line))
        .collect();
    let (all, good) = (path("all.toml"), path("good.toml"));
    let (all, good) = (all.to_str().unwrap(), good.to_str().unwrap());
    assert!(places.contains(&(all, 4)), "{places:?}");
    assert_eq!(places.last(), Some(&(good, 4)), "{places:?}");

    write(
        "all.toml",
        "[[scenario]]\nfile = \"good.toml\"\n\n\n[[scenario]]\nfile = \"nope.toml\"\n",
    );
    let told = open(&path("all.toml"), any_expression).unwrap_err();
    let missing = &told.0[0];
    assert_eq!(
        (missing.file.as_str(), missing.line, missing.key.as_str()),
        (all, 6, "scenario[1].file")
    );
    assert!(
        missing
            .message
            .contains("nope.toml\": the scenario file cannot be read")
    );
    let told = told.to_string();
    assert!(
        told.ends_with(&format!("2 problems in {all} and {good}")),
        "{told}"
    );
}

#[test]
fn what_belongs_into_a_scenario_s_own_file_is_sent_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.toml");
    std::fs::write(
        &path,
        "base_url = \"http://a.test\"\n[[scenario]]\nname = \"x\"\n",
    )
    .unwrap();
    let Problems(told) = open(&path, any_expression).unwrap_err();
    assert_eq!((told[0].line, told[0].key.as_str()), (1, "base_url"));
    assert!(
        told[0].remedy.contains("each scenario's own file"),
        "{}",
        told[0].remedy
    );
}

#[test]
fn endpoints_beside_others_carry_the_scenario_s_name() {
    for (endpoint, beside) in [
        ("pay", "checkout/pay"),
        ("/pay/now", "checkout/pay/now"),
        ("GET /pay", "GET checkout/pay"),
        ("GETAWAY", "checkout/GETAWAY"),
    ] {
        assert_eq!(super::super::endpoint_beside("checkout", endpoint), beside);
    }
}

#[test]
fn what_makes_no_sense_is_told_with_a_remedy() {
    for (load, words) in [
        ("rate = 0", "`rate` must be more than 0, got 0"),
        ("rate = -3", "a number from 0 to 10000000, got -3"),
        ("rate = nan", "got nan"),
        ("rate = inf", "got inf"),
        ("rate = 99999999", "a number from 0 to 10000000"),
        ("users = 2.5", "a whole number"),
        ("users = 3\nrate = 3", "two models"),
        (
            "rate = { from = 1, to = 3, over = \"0s\" }",
            "`over` must be longer than nothing",
        ),
        (
            "rate = { from = 0, to = 3, over = \"1s\", curve = \"exponential\" }",
            "an exponential ramp cannot begin or end at 0",
        ),
        (
            "rate = { from = 1, to = 3, over = \"1s\", curve = \"steep\" }",
            "not a curve of a ramp",
        ),
        (
            "rate = { from = 1, to = 9, step = 0, every = \"1s\" }",
            "a step of 0",
        ),
        (
            "rate = { base = 0, peak = 0, at = \"1s\", for = \"1s\" }",
            "no arrival at any time",
        ),
        (
            "users = { base = 0, amplitude = 0, period = \"1m\" }",
            "no user at any time",
        ),
        (
            "users = { base = 5, peak = 9, at = \"1s\", for = \"0s\" }",
            "`for` must be longer",
        ),
        (
            "users = { points = [[\"5s\", 1], [\"1s\", 2]] }",
            "lies before that of the point above",
        ),
        ("users = { points = [] }", "holds no point"),
        ("users = { sum = [] }", "holds no curve"),
        (
            "users = { from = 1, to = 9, over = \"1s\", least = 9, most = 2 }",
            "`least` is more than `most`",
        ),
        ("users = { trace = \"gone.csv\" }", "gone.csv"),
        ("users = 5\npoisson = true", "belongs to a rate"),
        ("rate = 5\npoisson = 1", "must be true or false"),
        ("rate = 5\nmax_users = 0", "a whole number from 1"),
        ("rate = 5\nmax_rps = 0", "`max_rps` must be more than 0"),
        ("pattern = \"spike\"\nusers = 5", "the pattern is spike"),
        ("pattern = \"zigzag\"\nusers = 5", "is not a pattern"),
        ("pattern = \"step\"", "a step needs its users"),
        ("users = { peak = 5 }", "needs `base`"),
    ] {
        let told = read(load).expect_err(load);
        assert!(told.contains(words), "{load}: {told}");
        assert!(told.contains("= help: "), "{load}: {told}");
    }
    let deep = "{ sum = [".repeat(20) + "1" + &"] }".repeat(20);
    assert!(
        read(&format!("users = {deep}"))
            .unwrap_err()
            .contains("deep in one another")
    );
}

#[test]
fn phases_that_make_no_sense_are_told() {
    for (phases, words) in [
        (
            "[load]\nusers = 3\n[[phase]]\nduration = \"1s\"\nusers = 1",
            "[load] has a load of its own",
        ),
        (
            "[load]\nduration = \"9s\"\n[[phase]]\nduration = \"1s\"\nusers = 1",
            "[load] has a duration",
        ),
        ("[[phase]]\nusers = 1", "needs its duration"),
        ("[[phase]]\nduration = \"1s\"", "needs its users"),
        (
            "[[phase]]\nduration = \"1s\"\nusers = 1\nrate = 2",
            "two models",
        ),
        (
            "[[phase]]\nduration = \"1s\"\nusers = 1\n[[phase]]\nduration = \"1s\"\nrate = 1",
            "some phases ask for users",
        ),
        (
            "[[phase]]\nduration = \"1s\"\nusers = 1\nrole = \"warm_up\"",
            "no phase is measured",
        ),
        (
            "[[phase]]\nduration = \"1s\"\nusers = 0",
            "ask for nothing at any time",
        ),
        (
            "[[phase]]\nduration = \"1s\"\nusers = 1\nrole = \"hot\"",
            "not a role",
        ),
    ] {
        let text = format!("target = \"echo\"\n{phases}\n[[task]]\nget = \"/\"\n");
        let told = parse_here(&text).expect_err(phases).to_string();
        assert!(told.contains(words), "{phases}: {told}");
    }
}
