//! `--format`, `--record-requests`, `report` and `dump` as people use them: what is written, and directories that hold no run.

use crate::{
    running::{
        Running, count, eventually, json, loadforge, results_dir, run_in, run_well_in, summary,
    },
    servers::Echo,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};
use tempfile::{TempDir, tempdir};

/// A directory with a run of some hundred requests that was given these flags, too.
fn run_with(flags: &[&str]) -> TempDir {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let url = echo.url();
    let words = ["run", &url, "--users", "2", "--max-requests", "300"];
    let words = [&words[..], &["--duration", "50s"], flags].concat();
    run_well_in(dir.path(), &words);
    dir
}

/// Every file of a directory with its bytes.
fn files_of(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(dir).unwrap().map(Result::unwrap);
    files
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name, fs::read(file.path()).unwrap())
        })
        .collect()
}

#[test]
fn reports_are_written_elsewhere_and_the_run_is_left_alone() {
    let dir = run_with(&["--format", "json"]);
    let results = results_dir(dir.path()).unwrap();
    let before = files_of(&results);
    let (typed, format) = (results.to_str().unwrap(), "html, csv,hlog,json");
    let words = ["report", typed, "--format", format, "--output", "new/place"];
    run_well_in(dir.path(), &words);
    assert_eq!(files_of(&results), before);
    let written = files_of(&dir.path().join("new/place"));
    let names: Vec<&str> = written.keys().map(String::as_str).collect();
    let wanted = ["latency.hlog", "report.html", "series.csv", "summary.json"];
    assert_eq!(names, wanted);
    assert_eq!(written["summary.json"], before["summary.json"]);

    let ended = run_in(dir.path(), &["report", typed, "--output", "-"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let printed: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(printed, json(&results.join("summary.json")));
    let ended = run_in(dir.path(), &["report", typed, "-o", "-", "--format", "pdf"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
}

#[test]
fn a_run_writes_the_formats_asked_for_and_report_the_others_later() {
    let dir = run_with(&["--format", "junit,hlog", "--threshold", "p99<50s"]);
    let results = results_dir(dir.path()).unwrap();
    let names = |results: &Path| files_of(results).into_keys().collect::<Vec<_>>();
    let first = [
        "junit.xml",
        "latency.hlog",
        "run.json",
        "snapshots.jsonl",
        "summary.json",
    ];
    assert_eq!(names(&results), first);
    let junit = fs::read_to_string(results.join("junit.xml")).unwrap();
    assert_eq!(junit.matches("<testcase ").count(), 2, "{junit}");
    assert!(junit.contains("p99") && junit.contains("50s"), "{junit}");

    let typed = results.to_str().unwrap();
    run_well_in(dir.path(), &["report", typed, "--format", "pdf,html,csv"]);
    assert_eq!(names(&results).len(), 8);
    assert!(
        fs::read(results.join("report.pdf"))
            .unwrap()
            .starts_with(b"%PDF-")
    );
    assert_eq!(
        run_in(dir.path(), &["report", typed, "--format", "docx"]).code,
        Some(2)
    );
}

#[test]
fn directories_that_hold_no_run_are_refused_and_left_as_they_are() {
    let dir = run_with(&["--record-requests"]);
    let results = results_dir(dir.path()).unwrap();
    let typed = results.to_str().unwrap();
    let whole = files_of(&results);
    let first_line = |text: &[u8]| {
        String::from_utf8_lossy(text)
            .lines()
            .next()
            .unwrap()
            .to_owned()
    };
    let line = first_line(&whole["snapshots.jsonl"]);
    for (name, content, said) in [
        (
            "run.json",
            "{\"schema\":\"loadforge.run/2\"}".to_owned(),
            "\"loadforge.run/2\"",
        ),
        (
            "run.json",
            "{\"name\":\"somebody else's\"}".to_owned(),
            "cannot be understood",
        ),
        ("run.json", String::new(), "cannot be understood"),
        (
            "snapshots.jsonl",
            line.replace("snapshot/1", "snapshot/2") + "\n",
            "\"loadforge.snapshot/2\"",
        ),
        (
            "snapshots.jsonl",
            "\u{0}\u{1}nothing of ours\n".to_owned(),
            "cannot be understood",
        ),
        (
            "snapshots.jsonl",
            line[..line.len() / 2].to_owned(),
            "no complete second",
        ),
        ("snapshots.jsonl", String::new(), "no complete second"),
        (
            "summary.json",
            "{\"schema\":\"loadforge.summary/9\"}".to_owned(),
            "\"loadforge.summary/9\"",
        ),
    ] {
        fs::write(results.join(name), content).unwrap();
        let before = files_of(&results);
        let ended = run_in(
            dir.path(),
            &["report", typed, "--format", "html,json,csv,pdf,junit,hlog"],
        );
        assert_eq!(ended.code, Some(2), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{name}: {}", ended.stderr);
        assert_eq!(files_of(&results), before, "{name}: {}", ended.stderr);
        fs::write(results.join(name), &whole[name]).unwrap();
    }
    fs::write(results.join("requests.bin"), "not ours, surely").unwrap();
    let ended = run_in(dir.path(), &["dump", typed]);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(2), ""),
        "{}",
        ended.stderr
    );
    fs::remove_file(results.join("requests.bin")).unwrap();
    let ended = run_in(dir.path(), &["dump", typed]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("--record-requests"),
        "{}",
        ended.stderr
    );
    assert_eq!(run_in(dir.path(), &["dump", "nowhere"]).code, Some(2));
}

#[test]
fn every_request_of_a_run_can_be_printed() {
    let dir = run_with(&["--record-requests"]);
    let results = results_dir(dir.path()).unwrap();
    let typed = results.to_str().unwrap();
    let summary = summary(dir.path());
    let printed = run_well_in(dir.path(), &["dump", typed, "--format", "jsonl"]);
    assert!(!printed.stderr.contains("note"), "{}", printed.stderr);
    let lines: Vec<Value> = printed
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let requests: Vec<&Value> = lines
        .iter()
        .filter(|line| line["kind"] == "request")
        .collect();
    assert_eq!(requests.len() as u64, count(&summary, "sent"));
    let name = summary["endpoints"][0]["name"].as_str().unwrap();
    let time = |request: &Value, field: &str| request[field].as_u64().unwrap();
    for request in &requests {
        assert_eq!(
            (request["name"].as_str(), request["method"].as_str()),
            (Some(name), Some("GET"))
        );
        assert_eq!(
            (&request["status"], &request["error"]),
            (&200.into(), &"".into())
        );
        assert!(time(request, "intended_ns") <= time(request, "sent_ns"));
        assert!(time(request, "sent_ns") < time(request, "done_ns"));
    }
    let slowest = requests
        .iter()
        .map(|one| time(one, "done_ns") - time(one, "intended_ns"))
        .max()
        .unwrap();
    let told_ms = summary["response_ms"]["max"].as_f64().unwrap();
    // To the bucket: at most 1/1,024 of the value, and 64 ns.
    let slowest_ms = slowest as f64 / 1e6;
    assert!(
        (told_ms - slowest_ms).abs() <= told_ms / 1_000.0 + 0.000_1,
        "{told_ms} and {slowest_ms}"
    );

    let table = run_well_in(dir.path(), &["dump", typed]).stdout;
    assert_eq!(table.lines().count(), lines.len() + 1);
    assert!(
        table.starts_with(
            "kind,worker,scenario,user,name,method,status,error,intended_ns,sent_ns,done_ns,"
        ),
        "{table:.200}"
    );
    let schema = json(&results.join("summary.json"))["schema"].clone();
    assert_eq!(schema, "loadforge.summary/1");
}

#[test]
fn the_requests_of_a_run_that_was_killed_are_printed_as_far_as_they_go() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let words = [
        "run",
        &echo.url(),
        "--users",
        "2",
        "--duration",
        "50s",
        "--record-requests",
    ];
    let mut run = Running::start(loadforge().current_dir(dir.path()).args(words));
    let results = eventually("a second on the disk", || {
        let results = results_dir(dir.path())?;
        let lines = fs::read_to_string(results.join("snapshots.jsonl")).ok()?;
        let length = fs::metadata(results.join("requests.bin")).ok()?.len();
        (lines.lines().count() >= 1 && length > 10_000).then_some(results)
    });
    run.signal(Signal::SIGKILL);
    run.wait();
    let printed = run_well_in(dir.path(), &["dump", results.to_str().unwrap()]);
    assert!(printed.stdout.lines().count() > 100);
    assert!(
        printed.stderr.contains("requests.bin has no end"),
        "{}",
        printed.stderr
    );
}

#[test]
fn requests_cannot_be_recorded_where_nothing_is_written() {
    let dir = tempdir().unwrap();
    let ended = run_in(
        dir.path(),
        &[
            "run",
            "http://127.0.0.1:9/",
            "--output",
            "-",
            "--record-requests",
        ],
    );
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("--record-requests writes a file"),
        "{}",
        ended.stderr
    );
}
