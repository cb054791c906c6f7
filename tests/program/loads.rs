//! Loads as people ask for them: flags, config files, previews; and those that make no sense.

use crate::{
    running::{count, json, results_dir, run_in, run_well_in, summary},
    servers::Echo,
};
use std::{fs, path::Path};
use tempfile::tempdir;

#[test]
fn every_example_can_be_previewed() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/examples");
    let mut seen = 0;
    for entry in fs::read_dir(&examples).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let ended = run_well_in(&examples, &["preview", path.to_str().unwrap()]);
            for words in ["model", "start", "peak", "end"] {
                assert!(ended.stdout.contains(words), "{words} in {}", ended.stdout);
            }
            seen += 1;
        }
    }
    assert!(seen > 0, "there are examples");
}

#[test]
fn a_preview_of_flags_shows_model_moments_and_total() {
    let dir = tempdir().unwrap();
    let words = "preview --rate 50 --pattern spike --peak 500 --spike-at 30s --spike-for 10s --sustain 20 --duration 1m --warmup 5s";
    let words: Vec<&str> = words.split(' ').collect();
    insta::assert_snapshot!(run_well_in(dir.path(), &words).stdout);
    let left = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 0, "a preview leaves nothing");
}

#[test]
fn a_preview_page_goes_where_it_was_asked_for_and_never_over_a_scenario() {
    let dir = tempdir().unwrap();
    let with =
        |more: &[&'static str]| [&["preview", "--users", "1", "--ramp-to", "9"], more].concat();
    run_well_in(dir.path(), &with(&["--html"]));
    run_well_in(dir.path(), &with(&["--html", "other.html"]));
    let page = run_well_in(dir.path(), &with(&["--html", "-"])).stdout;
    for file in ["preview.html", "other.html"] {
        let written = fs::read_to_string(dir.path().join(file)).unwrap();
        assert_eq!(written, page, "{file}");
    }
    assert!(
        page.contains("users") && page.contains("Plotly"),
        "a chart is in it"
    );
    fs::write(dir.path().join("shop.toml"), "precious").unwrap();
    let slip = run_in(dir.path(), &with(&["--html", "shop.toml"]));
    assert_eq!(slip.code, Some(2), "{}", slip.stderr);
    let kept = fs::read_to_string(dir.path().join("shop.toml")).unwrap();
    assert_eq!(kept, "precious");
}

#[test]
fn loads_that_make_no_sense_are_told_all_at_once_and_nothing_is_started() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let url = echo.url();
    let mut text = String::new();
    for flags in [
        "--rate 0",
        "--rate -1",
        "--rate NaN",
        "--rate inf",
        "--rate 10000001",
        "--rate 5 --users 5",
        "--rate 5 --max-users 0",
        "--ramp-to 50 --ramp-over 0s",
        "--users 5 --poisson",
        "--pattern ramp --ramp-to 5 --peak 9",
        "--pattern nosuch.csv",
        "--pattern zigzag",
        "--duration 10s --warmup 8s --cooldown 4s",
        "--rate 0 --duration -1s --max-rps NaN --burst 0 --warmup x --pattern zigzag",
    ] {
        let words: Vec<&str> = ["run", &url].into_iter().chain(flags.split(' ')).collect();
        let ended = run_in(dir.path(), &words);
        assert_eq!(ended.code, Some(2), "{flags}: {}", ended.stderr);
        text.push_str(&format!("$ loadforge run URL {flags}\n{}\n", ended.stderr));
        // A preview takes the same flags and says the same.
        let preview = [&["preview"], &words[2..]].concat();
        let said = run_in(dir.path(), &preview).stderr;
        assert_eq!(said.lines().next(), ended.stderr.lines().next(), "{flags}");
    }
    insta::assert_snapshot!(text);
    assert_eq!(echo.requests(), 0);
    assert!(!dir.path().join("results").exists());
}

#[test]
fn a_config_file_is_a_command_line_that_typed_flags_win_over() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let config = format!(
        "scenario = \"{}\"\nusers = 3\nmax_requests = 40\nworkers = 1\nquiet = true\noutput = \"results\"\nseed = 7\nallow-invalid = true\n",
        echo.url()
    );
    let other = dir.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(dir.path().join("nightly.toml"), config).unwrap();
    let words = ["run", "--config", "../nightly.toml", "--max-requests", "20"];
    run_well_in(&other, &words);
    // File names in it begin where the file is, not where the command was typed.
    let summary = summary(dir.path());
    assert_eq!(count(&summary, "sent"), 20);
    let about = json(&results_dir(dir.path()).unwrap().join("run.json"));
    assert_eq!(
        (&about["seed"], &about["target_peak"]),
        (&7.into(), &3.into())
    );
    assert_eq!(about["allow_invalid"], true);
}

#[test]
fn values_of_a_config_file_that_cannot_be_are_told_with_line_and_key() {
    let dir = tempdir().unwrap();
    let config = "scenario = \"http://127.0.0.1:9/\"\nrate = -5\nduration = 30\npeak = 7\nramp_to = \"ten\"\n\
                  threshold = [\"p99<5s\", \"p98<5s\"]\nworkers = 0\nfail-on-error-rate = \"200%\"\n";
    fs::write(dir.path().join("bad.toml"), config).unwrap();
    let ended = run_in(
        dir.path(),
        &["run", "--config", "bad.toml", "--timeout", "7"],
    );
    assert_eq!(ended.code, Some(2));
    insta::assert_snapshot!(ended.stderr);
    let scenario = "scenario = \"nosuch.toml\"\n";
    fs::write(dir.path().join("bad.toml"), scenario).unwrap();
    for command in ["run", "preview"] {
        let ended = run_in(dir.path(), &[command, "--config", "bad.toml"]);
        assert_eq!(ended.code, Some(2));
        assert!(ended.stderr.contains("bad.toml:1:12"), "{}", ended.stderr);
    }
}

#[test]
fn a_config_file_and_a_seed_can_be_previewed_as_they_would_be_run() {
    let dir = tempdir().unwrap();
    let config = "scenario = \"http://127.0.0.1:9/\"\nrate = 0\nramp_to = 50\nduration = \"4s\"\nquiet = true\nthreshold = \"p99<5s\"\n";
    fs::write(dir.path().join("nightly.toml"), config).unwrap();
    let words = [
        "preview",
        "--config",
        "nightly.toml",
        "--seed",
        "7",
        "--ramp-over",
        "1m",
    ];
    let ended = run_in(dir.path(), &words);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for words in [
        "ramp from 0 to 50 iterations a second over 1m",
        "note: the end of the ramp, 50 iterations a second, would come after 1m",
    ] {
        assert!(ended.stdout.contains(words), "{words} in {}", ended.stdout);
    }
    let bad = run_in(dir.path(), &["preview", "--seed", "seven"]);
    assert_eq!(bad.code, Some(2));
    assert!(bad.stderr.contains("--seed seven"), "{}", bad.stderr);
}

#[test]
fn what_a_run_is_too_short_for_is_said_and_kept() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let url = echo.url();
    let words = [
        "run",
        &url,
        "--workers",
        "1",
        "--duration",
        "1s",
        "--users",
        "1",
        "--ramp-to",
        "3",
        "--ramp-over",
        "5s",
    ];
    let ended = run_in(dir.path(), &words);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let note = "the end of the ramp, 3 users, would come after 5s";
    assert!(
        ended.stderr.contains(&format!("note: {note}")),
        "{}",
        ended.stderr
    );
    let about = json(&results_dir(dir.path()).unwrap().join("run.json"));
    let notes = about["notes"].as_array().unwrap();
    assert!(
        notes
            .iter()
            .any(|kept| kept.as_str().unwrap().starts_with(note)),
        "{notes:?}"
    );
}

#[test]
fn everything_wrong_with_a_config_file_is_told_at_once() {
    let dir = tempdir().unwrap();
    let config =
        "usres = 5\nscenario = 7\npoisson = \"yes\"\nwire = \"pigeon\"\nduration = [\"1s\"]\n";
    fs::write(dir.path().join("bad.toml"), config).unwrap();
    let ended = run_in(dir.path(), &["run", "--config", "bad.toml"]);
    assert_eq!(ended.code, Some(2));
    insta::assert_snapshot!(ended.stderr);
    let missing = run_in(dir.path(), &["run", "--config", "nosuch.toml"]);
    assert_eq!(missing.code, Some(2));
    assert!(
        missing.stderr.contains("cannot be read"),
        "{}",
        missing.stderr
    );
    let nothing = run_in(dir.path(), &["run", "--users", "5"]);
    assert_eq!(nothing.code, Some(2));
    assert!(
        nothing.stderr.contains("what is to be run is empty"),
        "{}",
        nothing.stderr
    );
}

#[test]
fn each_step_of_a_staircase_has_figures_of_its_own() {
    let dir = tempdir().unwrap();
    let scenario = "name = \"stairs\"\ntarget = \"echo\"\nthink_time = \"10ms\"\n[[task]]\nname = \"home\"\nget = \"/\"\n";
    fs::write(dir.path().join("stairs.toml"), scenario).unwrap();
    let stairs = "run stairs.toml --pattern step --users 2 --ramp-to 6 --step-size 2 --step-duration 2s --warmup 1s --duration 6s";
    let words: Vec<&str> = stairs.split(' ').chain(["--allow-invalid"]).collect();
    run_well_in(dir.path(), &words);
    let results = results_dir(dir.path()).unwrap();
    let names = |file: &str| -> Vec<String> {
        let file = json(&results.join(file));
        let phases = file["phases"].as_array().unwrap().iter();
        phases
            .map(|phase| phase["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let planned = names("run.json");
    assert_eq!(planned, ["warm-up", "2 users", "4 users", "6 users"]);
    // A machine that stands still for as long as a step takes loses its row, and no other.
    let run = names("summary.json");
    let mut left = planned.iter();
    assert!(
        run.iter().all(|name| left.any(|known| known == name)),
        "{run:?}"
    );
    assert_eq!(run.last().unwrap(), "6 users");
}
