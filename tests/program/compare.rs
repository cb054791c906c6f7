//! `compare` on runs that were really made, and on directories that are none.

use crate::{
    running::{Ended, json, results_dir, run_in, run_well_in},
    servers::Echo,
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};
use tempfile::{TempDir, tempdir};

/// A run in a directory of its own.
fn run_of(echo: &Echo, flags: &[&str]) -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    let url = echo.url();
    let words = [&["run", &url, "--format", "json"], flags].concat();
    let ended = run_in(dir.path(), &words);
    // SUSPECT and INVALID are possible on a machine that has other things to do; in the closed model neither keeps it from being run.
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let results = results_dir(dir.path()).expect("a run leaves results");
    (dir, results)
}

/// A short run of this scenario file.
fn run_of_file(name: &str, text: &str) -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join(name), text).unwrap();
    let words = ["run", name, "--users", "1", "--max-requests", "5"];
    let ended = run_in(dir.path(), &[&words[..], &["--format", "json"]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let results = results_dir(dir.path()).expect("a run leaves results");
    (dir, results)
}

fn compare(dirs: &[&Path], flags: &[&str]) -> Ended {
    let dirs = dirs.iter().map(|dir| dir.to_str().unwrap());
    let words: Vec<&str> = ["compare"]
        .into_iter()
        .chain(dirs)
        .chain(flags.iter().copied())
        .collect();
    run_in(Path::new("."), &words)
}

#[test]
fn a_slower_target_is_worse_and_an_equal_one_is_not() {
    let (fast, slow) = (
        Echo::start(&["--delay", "50ms"]),
        Echo::start(&["--delay", "200ms"]),
    );
    let flags = ["--users", "5", "--duration", "12s", "--workers", "1"];
    let [before, again, after] = thread::scope(|scope| {
        let runs = [&fast, &fast, &slow].map(|echo| scope.spawn(|| run_of(echo, &flags)));
        runs.map(|run| run.join().expect("the run went well"))
    });
    let page = before.0.path().join("compare.html");
    // A busy machine may make one run a little slower than the other, and not twice as slow; it may disturb the generator, too.
    let lenient = ["--tolerance", "100%", "--fail-on-worse", "--force"];

    let equal = compare(&[&before.1, &again.1], &lenient);
    assert_eq!(equal.code, Some(0), "{}", equal.stderr);
    assert_eq!(equal.stdout, "");
    assert!(equal.stderr.contains("B against A: "), "{}", equal.stderr);

    let flags = [&lenient[..], &["--output", page.to_str().unwrap()]].concat();
    let worse = compare(&[&before.1, &after.1], &flags);
    assert_eq!(worse.code, Some(3), "{}", worse.stderr);
    assert!(
        worse.stderr.contains("B against A: WORSE"),
        "{}",
        worse.stderr
    );
    assert!(
        worse.stderr.contains("note · target: A http://"),
        "{}",
        worse.stderr
    );
    assert!(fs::read_to_string(&page).unwrap().contains(">WORSE</span>"));

    let disturbed = after.0.path().join("disturbed");
    copy(&after.1, &disturbed);
    disturb(&disturbed.join("snapshots.jsonl"));
    let unsure = compare(&[&before.1, &disturbed], &["--fail-on-worse"]);
    assert_eq!(unsure.code, Some(0), "{}", unsure.stderr);
    assert!(!unsure.stderr.contains("Surely"), "{}", unsure.stderr);
    let words = unsure
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(words.contains("B was disturbed"), "{words}");
    let forced = compare(&[&before.1, &disturbed], &lenient);
    assert_eq!(forced.code, Some(3), "{}", forced.stderr);

    let json_flags = ["--format", "json", "--force"];
    let all = compare(&[&after.1, &before.1, &again.1], &json_flags);
    assert_eq!(
        all.code,
        Some(0),
        "only asked for, worse is a failure: {}",
        all.stderr
    );
    let all: Value = serde_json::from_str(&all.stdout).expect("data alone is on standard output");
    assert_eq!(all["schema"], "loadforge.compare/1");
    assert_eq!(all["pairs"].as_array().map(Vec::len), Some(2));
    for pair in all["pairs"].as_array().unwrap() {
        assert_eq!(pair["answer"], "better", "{pair}");
        let p50 = &pair["figures"][0];
        assert_eq!(p50["measure"], "p50");
        let summary = json(&after.1.join("summary.json"));
        assert_eq!(
            p50["baseline"], summary["response_ms"]["p50"],
            "as in the report"
        );
        assert!(p50["high"].as_f64().unwrap() < -0.5, "{p50}");
    }
}

#[test]
fn runs_of_a_second_are_inconclusive_and_fail_nothing() {
    let echo = Echo::start(&[]);
    let flags = ["--users", "1", "--max-requests", "20"];
    let [before, after] = [(); 2].map(|()| run_of(&echo, &flags));
    let ended = compare(&[&before.1, &after.1], &["--fail-on-worse"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for words in ["INCONCLUSIVE", "at least 10 s"] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
}

#[test]
fn an_edited_scenario_is_refused_and_a_renamed_one_is_compared() {
    let (here, there) = (Echo::start(&[]), Echo::start(&[]));
    let text = |echo: &Echo, path: &str| {
        let url = echo.url();
        let url = url.trim_end_matches('/');
        format!("base_url = \"{url}\"\n[[task]]\nname = \"look\"\nget = \"{path}\"\n")
    };
    let before = run_of_file("shop.toml", &text(&here, "/a"));
    let renamed = format!("# The same.\n\n{}", text(&there, "/a"));
    let renamed = run_of_file("market.toml", &renamed);
    let ended = compare(&[&before.1, &renamed.1], &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("note · target: "), "{}", ended.stderr);

    let edited = run_of_file("shop.toml", &text(&here, "/b"));
    let ended = compare(&[&before.1, &edited.1], &[]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let words = "what users do was changed between them";
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
    let forced = compare(&[&before.1, &edited.1], &["--force"]);
    assert_eq!(forced.code, Some(0), "{}", forced.stderr);
    assert!(
        forced.stderr.contains("other plan · what users do"),
        "{}",
        forced.stderr
    );

    // As older versions left it.
    let run = edited.1.join("run.json");
    let mut info = json(&run);
    info.as_object_mut()
        .unwrap()
        .remove("fingerprint")
        .expect("it has one");
    fs::write(&run, info.to_string()).unwrap();
    let ended = compare(&[&before.1, &edited.1], &["--format", "json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    let note = told["pairs"][0]["notes"][0].as_str().unwrap_or_default();
    assert!(note.contains("is not known"), "{told}");
}

#[test]
fn directories_that_cannot_be_compared_are_told_and_nothing_is_written() {
    let echo = Echo::start(&[]);
    let (dir, good) = run_of(&echo, &["--users", "1", "--max-requests", "5"]);
    type Damage = fn(&Path);
    let rows: [(&str, Damage, &str); 9] = [
        (
            "empty",
            |dir| {
                fs::remove_dir_all(dir)
                    .and_then(|()| fs::create_dir(dir))
                    .unwrap();
            },
            "no run.json",
        ),
        (
            "gone",
            |dir| fs::remove_dir_all(dir).unwrap(),
            "no run.json",
        ),
        (
            "unreadable",
            |dir| {
                let run = dir.join("run.json");
                fs::remove_file(&run)
                    .and_then(|()| fs::create_dir(&run))
                    .unwrap();
            },
            "= help: name directories that",
        ),
        (
            "killed",
            |dir| fs::remove_file(dir.join("summary.json")).unwrap(),
            "no summary.json",
        ),
        ("half", |dir| cut(&dir.join("run.json")), "run.json line"),
        (
            "half-seconds",
            |dir| cut(&dir.join("snapshots.jsonl")),
            "no complete second",
        ),
        (
            "newer",
            |dir| replace(&dir.join("run.json"), "loadforge.run/1", "loadforge.run/2"),
            "loadforge.run/2",
        ),
        (
            "newer-seconds",
            |dir| {
                replace(
                    &dir.join("snapshots.jsonl"),
                    "loadforge.snapshot/1",
                    "loadforge.snapshot/2",
                );
            },
            "loadforge.snapshot/2",
        ),
        (
            "other-plan",
            |dir| {
                replace(
                    &dir.join("run.json"),
                    "\"target_peak\": 1",
                    "\"target_peak\": 2",
                );
            },
            "most users: 1 and 2",
        ),
    ];
    let page = dir.path().join("page.html");
    fs::write(&page, "mine").unwrap();
    for (name, damage, words) in rows {
        let bad = dir.path().join(name);
        copy(&good, &bad);
        damage(&bad);
        let before = listing(dir.path());
        let ended = compare(&[&good, &bad], &["--output", page.to_str().unwrap()]);
        assert_eq!(ended.code, Some(2), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{name}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(name),
            "the directory is named: {}",
            ended.stderr
        );
        assert_eq!(ended.stdout, "", "{name}");
        assert_eq!(listing(dir.path()), before, "{name}");
        let forced = compare(&[&good, &bad], &["--force"]);
        let can_be_forced = matches!(name, "killed" | "other-plan");
        let code = if can_be_forced { Some(0) } else { Some(2) };
        assert_eq!(forced.code, code, "{name}: {}", forced.stderr);
    }
    assert_eq!(fs::read_to_string(&page).unwrap(), "mine");
}

#[test]
fn a_comparison_does_not_write_over_what_a_run_says_of_itself() {
    let echo = Echo::start(&[]);
    let (_dir, good) = run_of(&echo, &["--users", "1", "--max-requests", "5"]);
    let summary = good.join("summary.json");
    let before = fs::read(&summary).unwrap();
    let elsewhere = run_of(&echo, &["--users", "1", "--max-requests", "5"]);
    for flags in [
        ["--output", summary.to_str().unwrap()],
        ["--tolerance", "5"],
    ] {
        let ended = compare(&[&good, &elsewhere.1], &flags);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(
            ended.stderr.contains(flags[0]) && ended.stderr.contains("= help: "),
            "{}",
            ended.stderr
        );
    }
    assert_eq!(fs::read(&summary).unwrap(), before);
    for alone in [vec![good.as_path()], vec![good.as_path(), good.as_path()]] {
        assert_eq!(compare(&alone, &[]).code, Some(2));
    }
    run_well_in(Path::new("."), &["compare", "--help"]);
}

/// All files below, with what is in them.
fn listing(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push((path.clone(), fs::read(path).unwrap())),
            }
        }
    }
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Has the hypervisor take half of the worker's CPU away, in every second.
fn disturb(snapshots: &Path) {
    let text = fs::read_to_string(snapshots).unwrap();
    let lines = text.lines().map(|line| {
        let mut second: Value = serde_json::from_str(line).unwrap();
        second["generator"]["steal_percent"] = serde_json::json!([50.0]);
        second.to_string() + "\n"
    });
    fs::write(snapshots, lines.collect::<String>()).unwrap();
}

fn cut(file: &Path) {
    let text = fs::read(file).unwrap();
    fs::write(file, &text[..text.len() / 3]).unwrap();
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    fs::write(file, text.replace(from, to)).unwrap();
}
