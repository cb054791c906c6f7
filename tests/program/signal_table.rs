//! The table of docs/signals.md, a test for each phase of a run and in it a case for each signal: what is counted, how it ends, and
//! that nothing is left. Neighbours: `signals.rs` looks closer at the drain. Invariant: every case ends by itself.

use crate::{
    running::{
        Running, assert_balanced, children_of, count, eventually, is_alive, json, left_in_shm,
        loadforge, results_dir, summary, two_workers,
    },
    servers::Echo,
};
use nix::sys::{
    signal::Signal::{self, SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    socket::{Backlog, listen},
};
use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Command, ExitStatus},
    time::Duration,
};
use tempfile::{TempDir, tempdir};

const SIGNALS: [Signal; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

/// A run of some phase, and where it is.
struct Case {
    dir: TempDir,
    run: Running,
}

impl Case {
    fn start(words: &[&str]) -> Case {
        let dir = tempdir().unwrap();
        let run = Running::start(
            loadforge()
                .current_dir(dir.path())
                .args(["run"])
                .args(words)
                .args(["--workers", two_workers()])
                .process_group(0),
        );
        Case { dir, run }
    }

    /// A run against a server whose answers take 30 ms, which ends when it is told to.
    fn long(echo: &Echo, more: &[&str]) -> Case {
        let url = echo.url();
        let words = [&[url.as_str(), "--duration", "50s"], more].concat();
        let case = Case::start(&words);
        case.until_snapshots_have("\"sent\":");
        case
    }

    fn until_snapshots_have(&self, text: &str) {
        eventually(text, || {
            let snapshots = results_dir(self.dir.path())?.join("snapshots.jsonl");
            let lines = fs::read_to_string(snapshots).ok()?;
            lines.contains(text).then_some(())
        });
    }

    /// Ends it with these signals, one after the other. Whatever it was doing, no process, memory or half-made file is left.
    fn end(&mut self, signals: &[Signal]) -> (ExitStatus, String) {
        let family = children_of(self.run.pid());
        for signal in signals {
            self.run.signal(*signal);
        }
        self.ended(&family)
    }

    fn ended(&mut self, family: &[(i32, String)]) -> (ExitStatus, String) {
        let status = self.run.wait();
        let said = self.run.said();
        eventually("the end of its children", || {
            (!family.iter().any(|(pid, _)| is_alive(*pid))).then_some(())
        });
        assert_eq!(left_in_shm(self.run.pid()), Vec::<String>::new());
        assert_eq!(half_made(self.dir.path()), Vec::<String>::new(), "{said}");
        assert!(!said.contains("panicked"), "{said}");
        (status, said)
    }

    /// All is counted, and the report is there.
    fn assert_reported(&self, outcome: &str) {
        let summary = summary(self.dir.path());
        assert_balanced(&summary);
        assert_eq!(summary["outcome"], outcome);
        let results = results_dir(self.dir.path()).unwrap();
        assert!(results.join("report.html").exists());
    }
}

/// Files that a run has begun and not finished.
fn half_made(dir: &Path) -> Vec<String> {
    let results = results_dir(dir).into_iter();
    let entries = results.flat_map(|results| fs::read_dir(results).expect("it is ours"));
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with('.')).collect()
}

#[test]
fn while_it_is_validated_any_signal_ends_it_and_nothing_was_made() {
    // Its queue is full, so that the preflight waits.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listen(&listener, Backlog::new(0).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let _fills: Vec<_> = (0..4)
        .filter_map(|_| TcpStream::connect_timeout(&address, Duration::from_millis(50)).ok())
        .collect();
    for signal in SIGNALS {
        let mut case = Case::start(&[&format!("http://{address}/"), "--timeout", "60s"]);
        let port = format!(":{:04X}", address.port());
        eventually("the preflight", || {
            let table = fs::read_to_string(format!("/proc/{}/net/tcp", case.run.pid())).ok()?;
            // State 02: it has asked for a connection.
            let waits = |line: &str| {
                let mut words = line.split_whitespace().skip(2);
                words.next().is_some_and(|to| to.ends_with(&port)) && words.next() == Some("02")
            };
            table.lines().any(waits).then_some(())
        });
        let (status, said) = case.end(&[signal]);
        assert_eq!(status.signal(), Some(signal as i32), "{status}: {said}");
        assert_eq!(results_dir(case.dir.path()), None);
    }
}

#[test]
fn while_it_starts_it_is_called_off_or_ends_in_good_order() {
    let echo = Echo::start(&["--delay", "1ms"]);
    for (turn, wait_ms) in (0..60).step_by(3).enumerate() {
        let signal = SIGNALS[turn % SIGNALS.len()];
        let url = echo.url();
        let mut case = Case::start(&[url.as_str(), "--duration", "50s"]);
        std::thread::sleep(Duration::from_millis(wait_ms));
        let (status, said) = case.end(&[signal]);
        match (status.code(), results_dir(case.dir.path())) {
            // Before anything was made, called off, or begun.
            (None, None) => assert_eq!(status.signal(), Some(signal as i32), "{said}"),
            (Some(1), None) => assert!(said.contains("before the run began"), "{said}"),
            // 4: it had begun, and nothing was sent yet.
            (Some(0 | 4 | 130), Some(_)) => case.assert_reported("interrupted"),
            (code, left) => panic!("{signal} after {wait_ms} ms: {code:?}, {left:?}: {said}"),
        }
    }
}

#[test]
fn while_it_ramps_or_runs_one_signal_drains_it_and_sigquit_ends_it_at_once() {
    let echo = Echo::start(&["--delay", "30ms"]);
    let loads: [&[&str]; 2] = [
        &["--users", "6"],
        &["--users", "2", "--ramp-to", "40", "--ramp-over", "40s"],
    ];
    for load in loads {
        for signal in SIGNALS {
            let mut case = Case::long(&echo, load);
            if signal == SIGHUP {
                // A shell that ends sends one, and the kernel another: a closed terminal is one wish.
                case.run.signal(SIGHUP);
                std::thread::sleep(Duration::from_millis(5));
            }
            let (status, said) = case.end(&[signal]);
            let code = if signal == SIGQUIT { 130 } else { 0 };
            assert_eq!(status.code(), Some(code), "{signal}: {said}");
            case.assert_reported("interrupted");
            if signal != SIGQUIT {
                let summary = summary(case.dir.path());
                assert_eq!(count(&summary, "ok"), count(&summary, "sent"), "{said}");
            }
        }
    }
}

#[test]
fn while_it_drains_the_second_signal_ends_it_at_once() {
    // No answer comes in the time of this test: a drain would wait for it.
    let echo = Echo::start(&["--delay", "60s"]);
    let patient = ["--users", "4", "--timeout", "5m", "--graceful-stop", "5m"];
    for second in [SIGINT, SIGTERM, SIGQUIT] {
        let mut case = Case::long(&echo, &patient);
        case.run.signal(SIGHUP);
        case.until_snapshots_have("\"draining\"");
        // No second wish.
        case.run.signal(SIGHUP);
        let (status, said) = case.end(&[second]);
        assert_eq!(status.code(), Some(130), "{second}: {said}");
        case.assert_reported("interrupted");
    }
    // The first signal in a drain that was planned lets it go on; SIGQUIT does not.
    for (first, second) in [
        (SIGINT, Some(SIGTERM)),
        (SIGHUP, Some(SIGINT)),
        (SIGTERM, Some(SIGINT)),
        (SIGQUIT, None),
    ] {
        let url = echo.url();
        let mut case = Case::start(&[&[url.as_str(), "--duration", "1s"], &patient[..]].concat());
        case.until_snapshots_have("\"draining\"");
        let family = children_of(case.run.pid());
        case.run.signal(first);
        if let Some(second) = second {
            std::thread::sleep(Duration::from_millis(200));
            let still = case.run.child().try_wait().unwrap();
            assert!(still.is_none(), "{first} alone: {still:?}");
            case.run.signal(second);
        }
        let (status, said) = case.ended(&family);
        assert_eq!(status.code(), Some(130), "{first} and {second:?}: {said}");
        case.assert_reported("interrupted");
    }
}

#[test]
fn while_reports_are_written_they_are_finished_first() {
    let echo = Echo::start(&[]);
    let url = echo.url();
    for signals in [
        &[SIGINT][..],
        &[SIGTERM],
        &[SIGHUP, SIGHUP],
        &[SIGHUP, SIGTERM],
        &[SIGINT, SIGTERM],
        &[SIGQUIT],
    ] {
        let mut case = Case::start(&[url.as_str(), "--duration", "200ms"]);
        // The first of the files that are written after the run.
        eventually("the summary", || {
            let path = results_dir(case.dir.path())?.join("summary.json");
            path.exists().then_some(())
        });
        // Stopped, so that all of them wait when it goes on. It may be over before: the test then says little, and is right.
        case.run.signal(Signal::SIGSTOP);
        let family = children_of(case.run.pid());
        for signal in signals.iter().chain(&[Signal::SIGCONT]) {
            case.run.signal(*signal);
        }
        let (status, said) = case.ended(&family);
        let summary = summary(case.dir.path());
        assert_eq!(summary["outcome"], "completed", "{said}");
        let report = results_dir(case.dir.path()).unwrap().join("report.html");
        match (status.code(), signals) {
            (Some(0), _) => assert!(report.exists(), "{said}"),
            (None, [SIGINT, SIGTERM] | [SIGQUIT]) => {}
            _ => panic!("{signals:?}: {status}: {said}"),
        }
    }
}

#[test]
fn a_terminal_that_is_closed_drains_the_run_and_one_under_nohup_goes_on() {
    let echo = Echo::start(&["--delay", "5ms"]);
    let dir = tempdir().unwrap();
    // `script` runs it on a terminal of its own, which goes when `script` does.
    let program = env!("CARGO_BIN_EXE_loadforge");
    let line = format!("exec {program} run {} --duration 50s --users 2", echo.url());
    let mut terminal = Command::new("script");
    terminal
        .current_dir(dir.path())
        .args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("skipped: there is no `script` here to make a terminal");
        return;
    }
    let mut terminal = Running::start(&mut terminal);
    let run = eventually("the run on the terminal", || {
        let children = children_of(terminal.pid());
        let (pid, _) = children.iter().find(|(_, words)| words.contains(" run "))?;
        results_dir(dir.path()).map(|_| *pid)
    });
    eventually("the first request", || (echo.requests() > 0).then_some(()));
    terminal.signal(Signal::SIGKILL);
    terminal.wait();
    eventually("the end of the run", || (!is_alive(run)).then_some(()));
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(summary["outcome"], "interrupted");
    assert_eq!(count(&summary, "sent"), echo.requests());

    let (dir, url) = (tempdir().unwrap(), echo.url());
    let words = ["run", &url, "--duration", "2s", "--users", "2"];
    let mut nohup = Command::new("nohup");
    nohup.current_dir(dir.path()).arg(program).args(words);
    let mut run = Running::start(&mut nohup);
    eventually("the first second", || {
        let snapshots = results_dir(dir.path())?.join("snapshots.jsonl");
        let lines = fs::read_to_string(snapshots).ok()?;
        (!lines.is_empty()).then_some(())
    });
    run.signal(SIGHUP);
    assert_eq!(run.wait().code(), Some(0), "{}", run.said());
    let results = results_dir(dir.path()).unwrap();
    assert_eq!(json(&results.join("summary.json"))["outcome"], "completed");
}
