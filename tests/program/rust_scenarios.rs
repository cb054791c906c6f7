//! Scenarios written in Rust: programs made by `loadforge::main!`, `loadforge run FILE.rs`, and what `loadforge init` writes.

use crate::{
    running::{
        Ended, assert_balanced, count, json, loadforge, results_dir, run_command_in, run_in,
        run_well_in, summary,
    },
    servers::Echo,
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use tempfile::tempdir;

/// How long a build may take before a test gives up: our own crates once more, beside other tests.
const BUILD_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// The folder of built things that the tested program stands in, and the profile it was built with.
fn built() -> (&'static Path, &'static str) {
    let folder = Path::new(env!("CARGO_BIN_EXE_loadforge")).parent();
    let folder = folder.expect("a program stands in a folder");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(other) => other,
        None => panic!("cargo names the folder after the profile"),
    };
    (
        folder.parent().expect("the target folder is above"),
        profile,
    )
}

/// An example of this package; built here, because `cargo test --test program` alone would not.
pub fn example(name: &str) -> Command {
    let (target, profile) = built();
    let status = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--quiet", "--offline", "--profile", profile])
        .args(["--package", "loadforge", "--example", name, "--target-dir"])
        .arg(target)
        .status();
    assert!(status.expect("cargo can be started").success(), "{name}");
    let folder = Path::new(env!("CARGO_BIN_EXE_loadforge")).parent();
    let path = folder
        .expect("a program stands in a folder")
        .join("examples")
        .join(name);
    let mut command = Command::new(path);
    command.stdin(Stdio::null()).env("NO_COLOR", "1");
    command
}

/// Runs something that may build to its end.
fn build_in(dir: &Path, command: Command, words: &[&str]) -> Ended {
    let output = assert_cmd::Command::from_std(command)
        .current_dir(dir)
        .args(words)
        .timeout(BUILD_PATIENCE)
        .output()
        .expect("the program can be started");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// `loadforge` that builds into what the tests have built already, with a cache of its own.
fn building_loadforge(cache: &Path) -> Command {
    let (target, profile) = built();
    let mut command = loadforge();
    command
        .env("XDG_CACHE_HOME", cache)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO", env!("CARGO"))
        .env("LOADFORGE_PROFILE", profile)
        .env_remove("LOADFORGE_SRC");
    command
}

fn sent_by_name(summary: &Value, name: &str) -> u64 {
    let endpoints = summary["endpoints"].as_array().expect("a list");
    let of_name = endpoints.iter().filter(|entry| entry["name"] == name);
    of_name
        .map(|entry| entry["sent"].as_u64().expect("a count"))
        .sum()
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scenarios/examples/rust")
        .join(name)
}

#[test]
fn users_are_divided_by_weight_into_whole_ones_that_add_up() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let words = [
        "run",
        &echo.url(),
        "--users",
        "10",
        "--duration",
        "1s",
        "--workers",
        "1",
        "--threshold",
        "error_rate<1%@browser/product",
        "--quiet",
    ];
    let ended = run_command_in(dir.path(), example("shop"), &words);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(count(&summary, "sent"), echo.requests());
    assert_eq!(count(&summary, "failed"), 0, "{summary}");
    assert_eq!(summary["users"]["peak"], 10);
    let about = json(&results_dir(dir.path()).unwrap().join("run.json"));
    let loads: Vec<_> = about["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| {
            (
                part["name"].as_str().unwrap(),
                part["load"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        loads,
        [
            ("browser", "constant, 8 users"),
            ("buyer", "constant, 2 users")
        ]
    );
    assert_eq!(sent_by_name(&summary, "buyer/log in"), 2);
    assert_eq!(sent_by_name(&summary, "buyer/log out"), 2);
    for name in ["browser/product", "browser/search", "buyer/checkout"] {
        assert!(sent_by_name(&summary, name) > 0, "{name} in {summary}");
    }
}

#[test]
fn iterations_of_a_rate_are_divided_by_weight() {
    let dir = tempdir().unwrap();
    let words = [
        "run",
        "--rate",
        "100",
        "--duration",
        "2s",
        "--quiet",
        "--allow-invalid",
    ];
    let ended = run_command_in(dir.path(), example("shop"), &words);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let summary = summary(dir.path());
    let sent = |name| sent_by_name(&summary, name);
    // Each iteration of a browser is one request, each of a buyer ends with one checkout. 150 and 50 are due; on a machine
    // that is busy elsewhere the drain cuts off those that are under way.
    let (browsers, buyers) = (
        sent("browser/product") + sent("browser/search"),
        sent("buyer/checkout"),
    );
    assert!((100..=150).contains(&browsers), "{browsers} in {summary}");
    assert!((25..=50).contains(&buyers), "{buyers} in {summary}");
}

#[test]
fn a_panic_is_counted_with_its_place_and_the_worker_lives_on() {
    let dir = tempdir().unwrap();
    let words = [
        "run",
        "echo",
        "--users",
        "2",
        "--duration",
        "1s",
        "--workers",
        "1",
        "-q",
    ];
    let ended = run_command_in(dir.path(), example("bad-day"), &words);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let summary = summary(dir.path());
    assert_balanced(&summary);
    let panic = summary["errors"]
        .as_array()
        .unwrap()
        .iter()
        .find(|error| error["kind"] == "panic")
        .expect("the scenario panics");
    let detail = panic["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("three is too much at ") && detail.contains("bad_day.rs:20"),
        "{detail}"
    );
    let panics = panic["count"].as_u64().unwrap();
    assert!(panics > 2, "a user that panicked begins anew: {summary}");
    // Every third iteration of a user is its last; at the end each of the two may be in the middle.
    let sent = sent_by_name(&summary, "/steady");
    assert!(
        (3 * panics..=3 * panics + 6).contains(&sent),
        "{sent} {panics}"
    );
    assert_eq!(summary["generator"]["workers_lost"], 0);
}

#[test]
fn a_scenario_that_ends_its_worker_in_good_order_has_lost_it_all_the_same() {
    let dir = tempdir().unwrap();
    let words = "run echo --users 2 --duration 20s --workers 1 --transport shm -q";
    let words: Vec<&str> = words.split(' ').collect();
    let mut program = example("bad-day");
    program.env("LEAVES", "2");
    let ended = run_command_in(dir.path(), program, &words);
    // No worker is left, long before the end.
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(summary["outcome"], "aborted");
    assert_eq!(summary["generator"]["workers_lost"], 1);
    let events = summary["events"].to_string();
    assert!(
        events.contains("ended before its time (exit code 0)"),
        "{events}"
    );
}

#[test]
fn what_is_no_target_is_told_before_anything_starts() {
    let dir = tempdir().unwrap();
    let mut text = String::new();
    for words in [
        "run",
        "run localhost:8080",
        "run shop.toml",
        "run shop.rs",
        "run https://a.test/",
        "run http://a.test/?token=hidden",
        "run echo http://127.0.0.1:1/",
        "run echo --users 0",
    ] {
        let list: Vec<&str> = words.split(' ').collect();
        let ended = run_command_in(dir.path(), example("bad-day"), &list);
        assert_eq!(ended.code, Some(2), "{words}: {}", ended.stderr);
        assert!(!ended.stderr.contains("hidden"), "{}", ended.stderr);
        text.push_str(&format!("$ bad-day {words}\n{}\n", ended.stderr));
    }
    insta::assert_snapshot!(text);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_program_of_scenarios_has_the_other_commands_too() {
    let dir = tempdir().unwrap();
    let say = |words: &[&str]| {
        let ended = run_command_in(dir.path(), example("shop"), words);
        assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.stderr);
        ended
    };
    let preview = say(&["preview", "--rate", "8", "--duration", "10s"]).stdout;
    for words in [
        "browser",
        "constant, 6 iterations",
        "buyer",
        "constant, 2 iterations",
    ] {
        assert!(preview.contains(words), "{words} in {preview}");
    }
    let help = say(&["run", "--help"]).stdout;
    assert!(help.contains("shop run http://127.0.0.1:8080/"), "{help}");
    let ended = say(&["run", "echo", "--users", "1", "--duration", "200ms"]);
    assert!(
        ended.stderr.contains("buyer does nothing in this run"),
        "{}",
        ended.stderr
    );
    let results = results_dir(dir.path()).unwrap();
    say(&["report", results.to_str().unwrap()]);
}

#[test]
fn a_file_in_rust_is_built_and_run_with_the_same_words() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let cache = tempdir().unwrap();
    let run = |words: &[&str]| build_in(dir.path(), building_loadforge(cache.path()), words);
    fs::copy(source("shop.rs"), dir.path().join("my shop.rs")).unwrap();
    let url = echo.url();
    let words = [
        "run",
        "my shop.rs",
        &url,
        "--users",
        "4",
        "--max-requests",
        "40",
        "--quiet",
    ];
    let ended = run(&words);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
    let results = results_dir(dir.path()).unwrap();
    let about = json(&results.join("run.json"));
    assert_eq!(
        (&about["name"], &about["source"]),
        (&"my-shop".into(), &"my shop.rs".into())
    );
    assert_eq!(count(&summary(dir.path()), "sent"), echo.requests());
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(
        left.len(),
        2,
        "the file and the results, nothing else: {left:?}"
    );

    // The compiler's words name the user's own file.
    let broken = fs::read_to_string(source("shop.rs")).unwrap();
    let broken = broken.replace("#[task(weight = 3)]", "#[task(wieght = 3)]");
    fs::write(dir.path().join("broken.rs"), broken).unwrap();
    let ended = run(&["run", "broken.rs", "echo"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for words in [
        "did you mean `weight`?",
        "/broken.rs:",
        "error: broken.rs does not compile",
    ] {
        assert!(ended.stderr.contains(words), "{words} in {}", ended.stderr);
    }
}

#[test]
fn a_data_file_is_found_beside_the_file_in_rust() {
    let dir = tempdir().unwrap();
    let sub = dir.path().join("sub");
    fs::create_dir(&sub).unwrap();
    let text = "use loadforge::prelude::*;\n#[derive(Default)] struct Member;\n\
                #[scenario(data(people = \"people.csv\", at_end = \"stop\"), think_time = \"1ms\")]\nimpl Member {\n\
                #[task] async fn greet(&mut self, user: &mut User) -> Outcome {\n\
                let name = user.data(\"people\")?.get(\"name\").unwrap_or(\"nobody\").to_owned();\n\
                user.get(\"/\").name(&name).send().await?;\nOk(())\n}\n}\nloadforge::main!(Member);\n";
    fs::write(sub.join("member.rs"), text).unwrap();
    let cache = tempdir().unwrap();
    let words = [
        "run",
        "sub/member.rs",
        "echo",
        "--users",
        "2",
        "--duration",
        "20s",
        "-q",
    ];
    let run = || build_in(dir.path(), building_loadforge(cache.path()), &words);
    let missing = run();
    assert_eq!(missing.code, Some(2), "{}", missing.stderr);
    assert!(
        missing.stderr.contains("sub/people.csv"),
        "{}",
        missing.stderr
    );
    fs::write(sub.join("people.csv"), "name\nann\nbob\ncid\n").unwrap();
    let ended = run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let summary = summary(dir.path());
    assert_eq!(count(&summary, "sent"), 3, "{summary}");
    for name in ["ann", "bob", "cid"] {
        assert_eq!(sent_by_name(&summary, name), 1, "{name} in {summary}");
    }
    assert_eq!(summary["outcome"], "completed");
}

#[test]
fn a_file_that_cannot_be_built_is_told_with_what_is_missing() {
    let dir = tempdir().unwrap();
    let cache = dir.path().join("cache");
    fs::write(
        dir.path().join("plain.rs"),
        "// loadforge::main!(A);\nfn main() {}\n",
    )
    .unwrap();
    fs::write(dir.path().join("bytes.rs"), [0xff, 0xfe]).unwrap();
    fs::create_dir(dir.path().join("folder.rs")).unwrap();
    fs::copy(source("shop.rs"), dir.path().join("shop.rs")).unwrap();
    let mut text = String::new();
    let mut try_it = |what: &str, command: Command, words: &str, code: i32| {
        let list: Vec<&str> = words.split(' ').collect();
        let ended = run_command_in(dir.path(), command, &list);
        assert_eq!(ended.code, Some(code), "{words}: {}", ended.stderr);
        text.push_str(&format!("$ {what}loadforge {words}\n{}\n", ended.stderr));
    };
    let usual = || building_loadforge(&cache);
    for words in [
        "run none.rs",
        "run plain.rs",
        "run bytes.rs",
        "run folder.rs",
        "run shop.rs --users 0 --rate x",
        "run shop.toml echo",
        "validate shop.rs",
        "preview shop.rs",
    ] {
        try_it("", usual(), words, 2);
    }
    let mut without = usual();
    without.env("CARGO", "/nowhere/cargo");
    try_it("CARGO=/nowhere/cargo ", without, "run shop.rs", 1);
    let mut elsewhere = usual();
    elsewhere.env("LOADFORGE_SRC", "/nowhere");
    try_it("LOADFORGE_SRC=/nowhere ", elsewhere, "run shop.rs", 1);
    let mut homeless = usual();
    homeless.env_remove("XDG_CACHE_HOME").env_remove("HOME");
    try_it("HOME= ", homeless, "run shop.rs", 1);
    insta::assert_snapshot!(text);
    assert!(!dir.path().join("results").exists());
}

#[test]
fn a_lesson_in_toml_runs_as_it_is_and_is_never_written_over() {
    let dir = tempdir().unwrap();
    let said = run_well_in(dir.path(), &["init", "trial"]).stderr;
    assert!(said.contains("loadforge run trial.toml"), "{said}");
    run_well_in(dir.path(), &["validate", "trial.toml"]);
    run_well_in(dir.path(), &["run", "trial.toml", "--duration", "1s", "-q"]);
    let summary = summary(dir.path());
    assert_eq!(summary["name"], "trial");
    assert!(count(&summary, "ok") > 50, "{summary}");
    fs::write(dir.path().join("trial.toml"), "precious").unwrap();
    for words in [
        ["init", "trial"],
        ["init", "trial.toml"],
        ["init", "../trial"],
        ["init", ""],
    ] {
        let again = run_in(dir.path(), &words);
        assert_eq!(again.code, Some(2), "{words:?} {}", again.stderr);
        assert!(again.stderr.contains(" = help: "), "{}", again.stderr);
    }
    let kept = fs::read_to_string(dir.path().join("trial.toml")).unwrap();
    assert_eq!(kept, "precious");
}

#[test]
fn a_lesson_in_rust_builds_offline_and_runs_as_it_is() {
    let dir = tempdir().unwrap();
    let said = run_well_in(dir.path(), &["init", "trial", "--rust"]).stderr;
    assert!(said.contains("cargo run --release -- run"), "{said}");
    let place = dir.path().join("trial");
    let (target, profile) = built();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.env("CARGO_TARGET_DIR", target);
    let built = build_in(&place, cargo, &["build", "--offline", "--profile", profile]);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    assert!(!built.stderr.contains("warning"), "{}", built.stderr);
    let folder = Path::new(env!("CARGO_BIN_EXE_loadforge")).parent().unwrap();
    let words = ["run", "--users", "4", "--duration", "1s", "-q"];
    let ended = run_command_in(&place, Command::new(folder.join("trial")), &words);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let summary = summary(&place);
    assert_eq!(summary["name"], "trial");
    assert_eq!(count(&summary, "failed"), 0, "{summary}");
    assert_eq!(
        sent_by_name(&summary, "log in"),
        4,
        "no prefix when it is alone"
    );
    assert!(sent_by_name(&summary, "product") > 0, "{summary}");
    let again = run_in(dir.path(), &["init", "trial", "--rust"]);
    assert_eq!(again.code, Some(2), "{}", again.stderr);
    assert!(
        place.join("src/main.rs").exists(),
        "what was there is still there"
    );
}
