//! `loadforge echo` as a server whose right answers are known: what it prints, writes and refuses.

use crate::running::{Running, assert_balanced, count, loadforge, run_in, run_well_in, summary};
use nix::sys::signal::Signal;
use std::{
    fs,
    io::{BufRead, BufReader, Read},
};
use tempfile::tempdir;

#[test]
fn a_run_against_it_is_counted_to_the_request_by_both() {
    let dir = tempdir().unwrap();
    let arrivals = dir.path().join("arrivals.bin");
    let mut echo = Running::start(
        loadforge()
            .args([
                "echo",
                "--port",
                "0",
                "--threads",
                "1",
                "--delay",
                "exp:1ms",
            ])
            .args(["--error-rate", "20%", "--seed", "7", "--counts"])
            .arg("--arrivals")
            .arg(&arrivals),
    );
    let stdout = echo.child().stdout.take().expect("it is piped");
    let mut stdout = BufReader::new(stdout);
    let mut url = String::new();
    stdout.read_line(&mut url).unwrap();
    run_well_in(
        dir.path(),
        &[
            "run",
            url.trim(),
            "--max-requests",
            "500",
            "--users",
            "4",
            "--no-preflight",
        ],
    );
    echo.signal(Signal::SIGTERM);
    assert_eq!(echo.wait().code(), Some(0), "{}", echo.said());
    let mut counts = String::new();
    stdout.read_to_string(&mut counts).unwrap();
    let counts: serde_json::Value = serde_json::from_str(&counts).expect(&counts);
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(count(&summary, "sent"), 500);
    assert_eq!(counts["requests"], 500);
    assert_eq!(counts["by_status"]["500"], count(&summary, "failed"));
    assert_eq!(counts["by_status"]["200"], count(&summary, "ok"));
    assert_eq!(counts["bytes_in"], count(&summary, "bytes_out"));
    assert_eq!(counts["bytes_out"], count(&summary, "bytes_in"));
    assert!(
        count(&summary, "failed") > 50,
        "a fifth of them fails: {summary}"
    );
    assert_eq!(fs::read(arrivals).unwrap().len(), 500 * 8);
}

#[test]
fn all_that_is_wrong_with_its_flags_is_told_at_once() {
    let dir = tempdir().unwrap();
    let ended = run_in(
        dir.path(),
        &[
            "echo",
            "--delay",
            "gauss:1ms",
            "--stall",
            "1s",
            "--error-rate",
            "120%",
            "--seed",
            "x",
            "--arrivals",
            "seen",
        ],
    );
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for words in [
        "\"gauss\" is no law of delays",
        "--stall 1s: no time at which it begins",
        "--error-rate 120% is not a share",
        "--seed x",
    ] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    assert!(!dir.path().join("seen").exists(), "nothing was started");
    let ended = run_in(
        dir.path(),
        &["echo", "--stall", "6s/10s", "--stall", "5s/10s"],
    );
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("no time to answer in"),
        "{}",
        ended.stderr
    );
}
