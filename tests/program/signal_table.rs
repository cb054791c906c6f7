//! The table of docs/signals.md, a test for each phase of a run and in it a case for each signal: what is counted, how it ends, and
//! that nothing is left. Neighbours: `signals.rs` looks closer at the drain. Invariant: every case ends by itself.

use crate::{
    running::{
        PATIENCE, Running, assert_balanced, children_of, count, eventually, hearing_signals,
        is_alive, json, left_in_shm, loadforge, results_dir, summary, two_workers,
    },
    servers::Echo,
};
use nix::sys::{
    signal::Signal::{self, SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    socket::{Backlog, listen},
};
use std::{
    cell::Cell,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};
use tempfile::{TempDir, tempdir};

const SIGNALS: [Signal; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

/// How often a phase of some milliseconds may be missed before a test gives up.
const MISSES: usize = 40;

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

    /// Stops it as soon as this is so. It gets these signals all at once when it goes on.
    fn hold_and_end(
        &mut self,
        what: &str,
        is_so: impl Fn(&Path) -> bool,
        signals: &[Signal],
    ) -> (ExitStatus, String) {
        let begun = Instant::now();
        // Looked at without a pause: what is waited for lasts milliseconds.
        while !results_dir(self.dir.path()).is_some_and(|results| is_so(&results)) {
            assert!(begun.elapsed() < PATIENCE, "{what}");
            std::thread::yield_now();
        }
        self.run.signal(Signal::SIGSTOP);
        let family = children_of(self.run.pid());
        for signal in signals.iter().chain(&[Signal::SIGCONT]) {
            self.run.signal(*signal);
        }
        self.ended(&family)
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

/// A server whose queue is full, so that a connection to it waits, and what fills it.
fn full_queue() -> (SocketAddr, (TcpListener, Vec<TcpStream>)) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listen(&listener, Backlog::new(0).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let fills = (0..4)
        .filter_map(|_| TcpStream::connect_timeout(&address, Duration::from_millis(50)).ok())
        .collect();
    (address, (listener, fills))
}

/// Whether somebody where this process is waits for a connection there.
fn asks_for_a_connection(pid: i32, to: SocketAddr) -> bool {
    let port = format!(":{:04X}", to.port());
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap_or_default();
    // State 02: it has asked for a connection.
    table.lines().any(|line| {
        let mut words = line.split_whitespace().skip(2);
        words.next().is_some_and(|to| to.ends_with(&port)) && words.next() == Some("02")
    })
}

#[test]
fn while_it_is_validated_any_signal_ends_it_and_nothing_was_made() {
    let (address, _fills) = full_queue();
    for signal in SIGNALS {
        let mut case = Case::start(&[&format!("http://{address}/"), "--timeout", "60s"]);
        eventually("the preflight", || {
            asks_for_a_connection(case.run.pid(), address).then_some(())
        });
        let (status, said) = case.end(&[signal]);
        assert_eq!(status.signal(), Some(signal as i32), "{status}: {said}");
        assert_eq!(results_dir(case.dir.path()), None);
    }
}

#[test]
fn while_it_starts_it_is_called_off() {
    let echo = Echo::start(&["--delay", "1ms"]);
    for signal in SIGNALS {
        let called_off = (0..MISSES).any(|_| {
            let url = echo.url();
            let mut case = Case::start(&[url.as_str(), "--duration", "50s"]);
            let (status, said) = case.hold_and_end("a directory", |_| true, &[signal]);
            match (status.code(), results_dir(case.dir.path())) {
                (Some(1), None) => {
                    assert!(said.contains("before the run began"), "{said}");
                    assert!(!case.dir.path().join("results").exists());
                    true
                }
                // It had begun before it was stopped; 4: and nothing was sent yet.
                (Some(0 | 4 | 130), Some(_)) => {
                    case.assert_reported("interrupted");
                    false
                }
                (code, left) => panic!("{signal}: {code:?}, {left:?}: {said}"),
            }
        });
        assert!(called_off, "{signal}: it had begun each time");
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
    let ramping = [&patient[..], &["--ramp-to", "40", "--ramp-over", "40s"]].concat();
    for (second, load) in [
        (SIGINT, &patient[..]),
        (SIGINT, &ramping),
        (SIGTERM, &patient),
        (SIGQUIT, &ramping),
    ] {
        let mut case = Case::long(&echo, load);
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
        let ends = matches!(signals, [SIGINT, SIGTERM] | [SIGQUIT]);
        let was_hit = (0..MISSES).any(|_| {
            let mut case = Case::start(&[url.as_str(), "--duration", "200ms"]);
            let was_whole = Cell::new(false);
            // The first of the files that are written after the run, and the last.
            let is_so = |results: &Path| {
                let summary = results.join("summary.json").exists();
                was_whole.set(results.join("report.html").exists());
                summary
            };
            let (status, said) = case.hold_and_end("the summary", is_so, signals);
            let summary = summary(case.dir.path());
            assert_eq!(summary["outcome"], "completed", "{said}");
            let report = results_dir(case.dir.path()).unwrap().join("report.html");
            match status.code() {
                Some(0) => {
                    assert!(report.exists(), "{said}");
                    // Who is to be ended must be seen to end; a report that was not there yet was written later.
                    !ends && !was_whole.get()
                }
                None if ends => true,
                _ => panic!("{signals:?}: {status}: {said}"),
            }
        });
        assert!(was_hit, "{signals:?}: all was written each time");
    }
}

/// A run on a terminal of its own, and whatever shows that it is where it shall be.
fn on_a_terminal(
    dir: &Path,
    words: &str,
    what: &str,
    mut is_so: impl FnMut(i32) -> bool,
) -> Option<(Running, i32)> {
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("skipped: there is no `script` here to make a terminal");
        return None;
    }
    let line = format!("exec {} run {words}", env!("CARGO_BIN_EXE_loadforge"));
    // It runs the line on a terminal of its own, which goes when it does.
    let mut terminal = Command::new("script");
    terminal
        .current_dir(dir)
        .args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    hearing_signals(&mut terminal);
    let terminal = Running::start(&mut terminal);
    let run = eventually(what, || {
        let children = children_of(terminal.pid());
        let (pid, _) = children.iter().find(|(_, words)| words.contains(" run "))?;
        is_so(*pid).then_some(*pid)
    });
    Some((terminal, run))
}

#[test]
fn a_terminal_that_is_closed_ends_a_run_that_is_validated_and_lets_a_drain_go_on() {
    let (address, _fills) = full_queue();
    let dir = tempdir().unwrap();
    let words = format!("http://{address}/ --timeout 60s");
    let is_so = |pid| asks_for_a_connection(pid, address);
    let Some((mut terminal, run)) = on_a_terminal(dir.path(), &words, "the preflight", is_so)
    else {
        return;
    };
    terminal.signal(Signal::SIGKILL);
    terminal.wait();
    eventually("its end", || (!is_alive(run)).then_some(()));
    assert_eq!(results_dir(dir.path()), None);

    // Answers come a second behind the planned end.
    let echo = Echo::start(&["--delay", "2s"]);
    let (dir, url) = (tempdir().unwrap(), echo.url());
    let words = format!("{url} --duration 1s --users 2 --graceful-stop 50s");
    let is_so = |_| {
        let snapshots = results_dir(dir.path()).map(|results| results.join("snapshots.jsonl"));
        let lines = snapshots.and_then(|path| fs::read_to_string(path).ok());
        lines.is_some_and(|lines| lines.contains("\"draining\""))
    };
    let (mut terminal, run) =
        on_a_terminal(dir.path(), &words, "the drain", is_so).expect("there was one before");
    terminal.signal(Signal::SIGKILL);
    terminal.wait();
    eventually("the end of the drain", || (!is_alive(run)).then_some(()));
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(count(&summary, "ok"), 2, "{summary}");
}

#[test]
fn a_terminal_that_is_closed_drains_the_run_and_one_under_nohup_goes_on() {
    let echo = Echo::start(&["--delay", "5ms"]);
    let (dir, url) = (tempdir().unwrap(), echo.url());
    let words = format!("{url} --duration 50s --users 2");
    let is_so = |_| results_dir(dir.path()).is_some();
    let Some((mut terminal, run)) = on_a_terminal(dir.path(), &words, "the run", is_so) else {
        return;
    };
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
    nohup
        .current_dir(dir.path())
        .arg(env!("CARGO_BIN_EXE_loadforge"))
        .args(words);
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
