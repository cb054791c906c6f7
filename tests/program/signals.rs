//! Ctrl-C and its relatives, once and twice. Neighbours: `docs/signals.md` is the design under test.

use crate::{
    running::{
        Running, assert_balanced, count, eventually, loadforge, results_dir, summary, two_workers,
    },
    servers::{Echo, Nginx},
};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use std::{fs, os::unix::process::CommandExt, path::Path};
use tempfile::tempdir;

/// Starts a long run in a process group of its own, as a shell would.
fn long_run(dir: &Path, url: &str, flags: &[&str]) -> Running {
    let words = [
        "run",
        url,
        "--duration",
        "50s",
        "--users",
        "8",
        "--workers",
        two_workers(),
    ];
    Running::start(
        loadforge()
            .current_dir(dir)
            .args(words)
            .args(flags)
            .process_group(0),
    )
}

/// Waits until the run has written this into its snapshots.
fn eventually_in_snapshots(dir: &Path, text: &str) {
    eventually(text, || {
        let snapshots = results_dir(dir)?.join("snapshots.jsonl");
        fs::read_to_string(snapshots)
            .ok()?
            .contains(text)
            .then_some(())
    });
}

fn drains_in_good_order(signal: Signal) {
    // Every answer takes a while, so that some are always under way when the signal comes.
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&["--delay", "50ms"]));
    let mut run = long_run(dir.path(), &echo.url(), &[]);
    eventually("the first requests", || {
        (echo.requests() > 20).then_some(())
    });
    run.signal(signal);
    assert_eq!(run.wait().code(), Some(0), "{}", run.said());
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(summary["outcome"], "interrupted");
    assert_eq!(count(&summary, "sent"), echo.requests());
    assert_eq!(
        count(&summary, "ok"),
        count(&summary, "sent"),
        "what was in flight was waited for"
    );
    assert!(
        results_dir(dir.path())
            .unwrap()
            .join("report.html")
            .exists()
    );
}

#[test]
fn first_interrupt_drains_and_every_answer_is_counted() {
    drains_in_good_order(Signal::SIGINT);
}

#[test]
fn sigterm_drains_as_an_interrupt_does() {
    drains_in_good_order(Signal::SIGTERM);
}

#[test]
fn an_interrupt_of_the_whole_group_counts_once() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&["--delay", "50ms"]));
    let mut run = long_run(dir.path(), &echo.url(), &[]);
    eventually("the first requests", || {
        (echo.requests() > 20).then_some(())
    });
    killpg(Pid::from_raw(run.pid()), Signal::SIGINT).expect("the group is the run's own");
    assert_eq!(run.wait().code(), Some(0), "{}", run.said());
    let summary = summary(dir.path());
    assert_eq!(summary["generator"]["workers_lost"], 0);
    assert_eq!(
        (count(&summary, "sent"), count(&summary, "unknown")),
        (echo.requests(), 0)
    );
}

#[test]
fn nginx_counts_as_many_requests_as_an_interrupted_run_says_it_sent() {
    let (dir, Some(nginx)) = (tempdir().unwrap(), Nginx::start()) else {
        return;
    };
    let before = nginx.requests();
    let mut run = long_run(dir.path(), &nginx.url(), &[]);
    eventually_in_snapshots(dir.path(), "\"at_s\":1");
    run.signal(Signal::SIGINT);
    assert_eq!(run.wait().code(), Some(0), "{}", run.said());
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(summary["outcome"], "interrupted");
    assert_eq!(count(&summary, "sent"), nginx.requests() - before - 1);
    assert_eq!(count(&summary, "ok"), count(&summary, "sent"));
}

#[test]
fn second_interrupt_ends_the_run_at_once_and_still_reports() {
    // No answer comes in the time of this test: a drain would wait for it.
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&["--delay", "60s"]));
    let mut run = long_run(
        dir.path(),
        &echo.url(),
        &["--timeout", "5m", "--graceful-stop", "5m"],
    );
    eventually_in_snapshots(dir.path(), "\"in_flight\":8");
    run.signal(Signal::SIGINT);
    eventually_in_snapshots(dir.path(), "\"draining\"");
    run.signal(Signal::SIGINT);
    assert_eq!(run.wait().code(), Some(130), "{}", run.said());
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(summary["outcome"], "interrupted");
    assert_eq!((count(&summary, "sent"), count(&summary, "ok")), (8, 0));
    assert!(
        results_dir(dir.path())
            .unwrap()
            .join("report.html")
            .exists()
    );
}

#[test]
fn what_is_not_answered_within_the_graceful_stop_is_counted_as_interrupted() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&["--delay", "60s"]));
    let mut run = long_run(
        dir.path(),
        &echo.url(),
        &["--timeout", "5m", "--graceful-stop", "100ms"],
    );
    eventually_in_snapshots(dir.path(), "\"in_flight\":8");
    run.signal(Signal::SIGINT);
    assert_eq!(run.wait().code(), Some(0), "{}", run.said());
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(summary["errors"][0]["kind"], "interrupted");
    assert_eq!((count(&summary, "sent"), count(&summary, "failed")), (8, 8));
}
