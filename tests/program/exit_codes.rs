//! The exit codes, each brought about for real. 130 is in `signals.rs`.

use crate::{
    running::{Running, count, eventually, loadforge, results_dir, run_in, summary, workers_of},
    servers::{Echo, free_address},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::tempdir;

#[test]
fn help_and_version_are_no_failure_and_no_command_is() {
    let dir = tempdir().unwrap();
    let help = run_in(dir.path(), &["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    assert!(help.stdout.contains("Exit codes:"), "{}", help.stdout);
    for command in ["run", "report", "compare", "validate", "preview", "echo"] {
        let help = run_in(dir.path(), &[command, "--help"]);
        assert_eq!(help.code, Some(0));
        assert!(
            help.stdout.contains("Examples:"),
            "{command}: {}",
            help.stdout
        );
    }
    assert_eq!(run_in(dir.path(), &["--version"]).code, Some(0));
    let asked = run_in(dir.path(), &["help", "run"]);
    assert!(asked.code == Some(0) && asked.stdout.contains("Examples:"));
    let nothing = run_in(dir.path(), &[]);
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(2), ""));
    assert!(
        nothing.stderr.contains("First steps:"),
        "{}",
        nothing.stderr
    );
}

#[test]
fn thresholds_decide_between_0_and_3() {
    let echo = Echo::start(&[]);
    let failing = format!("{}status/500", echo.url());
    let (good, bad) = (echo.url(), failing);
    for (url, flags, code) in [
        (&good, vec!["--threshold", "error_rate<1%"], 0),
        (&good, vec!["--fail-on-error-rate", "0"], 0),
        (&good, vec!["--threshold", "max<1us"], 3),
        (
            &good,
            vec!["--threshold", "p50<10s", "--threshold", "rps>1000000000"],
            3,
        ),
        (&good, vec!["--threshold", "p50<10s@GET /"], 0),
        (&bad, vec!["--fail-on-error-rate", "1%"], 3),
        (&bad, vec!["--fail-on-error-rate", "100%"], 0),
    ] {
        let dir = tempdir().unwrap();
        let run = [
            "run",
            url,
            "--max-requests",
            "20",
            "--users",
            "2",
            "--quiet",
        ];
        let ended = run_in(dir.path(), &[&run[..], &flags[..]].concat());
        assert_eq!(ended.code, Some(code), "{flags:?}: {}", ended.stderr);
        let said: Vec<&str> = ended.stderr.lines().collect();
        match (code, said.as_slice()) {
            (0, []) => {}
            (3, [line]) => assert!(line.starts_with("not met: "), "{line}"),
            _ => panic!("--quiet says what was not met and nothing else: {said:?}"),
        }
    }
}

#[test]
fn a_threshold_ends_a_run_early_and_the_report_says_which_and_when() {
    let echo = Echo::start(&["--delay", "20ms"]);
    let dir = tempdir().unwrap();
    let url = echo.url();
    let words = "--users 2 --duration 50s --threshold";
    let words: Vec<&str> = ["run", &url].into_iter().chain(words.split(' ')).collect();
    let expr = "p50<1ms over 1s abort after 2s";
    let ended = run_in(
        dir.path(),
        &[&words[..], &[expr, "--threshold", "p50<60s"]].concat(),
    );
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let summary = summary(dir.path());
    assert_eq!(summary["outcome"], "interrupted");
    // Long before its planned end, and not before so much was measured.
    let lasted = summary["duration_s"].as_f64().unwrap();
    assert!((2.0..40.0).contains(&lasted), "{summary}");
    assert_eq!(count(&summary, "ok"), count(&summary, "sent"));
    let broken = &summary["thresholds"][0];
    assert_eq!(broken["expr"], expr);
    assert_eq!(
        (&broken["passed"], &broken["ended_run"]),
        (&false.into(), &true.into())
    );
    assert_eq!(broken["broke_at_s"], 1.0);
    assert_eq!(summary["thresholds"][1]["passed"], true);
    let events = summary["events"].to_string();
    assert!(
        events.contains("the threshold p50<1ms over 1s abort after 2s does not hold"),
        "{events}"
    );
    assert!(
        ended.stderr.contains("it ended the run"),
        "{}",
        ended.stderr
    );
    // The report made again has the same results.
    let results = results_dir(dir.path()).unwrap();
    assert_eq!(
        run_in(dir.path(), &["report", results.to_str().unwrap()]).code,
        Some(0)
    );
    assert_eq!(
        crate::running::summary(dir.path())["thresholds"],
        summary["thresholds"]
    );
    let page = std::fs::read_to_string(results.join("report.html")).unwrap();
    assert!(page.contains("first broke at 0:01"), "the page tells when");
}

#[test]
fn a_target_that_is_not_there_is_1_and_leaves_no_directory() {
    let dir = tempdir().unwrap();
    let url = format!("http://{}/", free_address());
    let ended = run_in(dir.path(), &["run", &url, "--duration", "1s"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(!dir.path().join("results").exists());
}

#[test]
fn without_the_preflight_a_target_that_refuses_is_a_run_full_of_errors() {
    let dir = tempdir().unwrap();
    let url = format!("http://{}/", free_address());
    let ended = run_in(
        dir.path(),
        &[
            "run",
            &url,
            "--max-requests",
            "10",
            "--users",
            "2",
            "--no-preflight",
        ],
    );
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let summary = summary(dir.path());
    assert_eq!((count(&summary, "failed"), count(&summary, "ok")), (10, 0));
    assert_eq!(summary["errors"][0]["kind"], "connect");
}

#[test]
fn a_run_that_loses_all_its_workers_is_1_and_has_its_report() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let words = [
        "run",
        &echo.url(),
        "--duration",
        "40s",
        "--workers",
        "1",
        "--transport",
        "shm",
    ];
    let mut run = Running::start(loadforge().current_dir(dir.path()).args(words));
    eventually("the first request", || (echo.requests() > 0).then_some(()));
    for worker in workers_of(run.pid()) {
        kill(Pid::from_raw(worker), Signal::SIGKILL).expect("it is our run's worker");
    }
    let (code, said) = (run.wait().code(), run.said());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("every worker was lost"), "{said}");
    let results = results_dir(dir.path()).unwrap();
    assert!(results.join("report.html").exists());
    let summary = summary(dir.path());
    assert_eq!(
        (&summary["outcome"], &summary["verdict"]["level"]),
        (&"aborted".into(), &"INVALID".into())
    );
}
