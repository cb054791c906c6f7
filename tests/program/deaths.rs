//! Processes that are killed for real, and what is left of them: nothing but results.

use crate::{
    running::{
        Running, assert_balanced, children_of, count, cpus, eventually, is_alive, json,
        left_in_shm, loadforge, results_dir, run_well_in, summary, workers_of,
    },
    servers::Echo,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use tempfile::{TempDir, tempdir};

#[test]
fn a_killed_supervisor_leaves_no_process_and_no_memory_and_its_run_can_be_reported() {
    let dir = tempdir().unwrap();
    let text = "name = \"k\"\ntarget = \"echo\"\nthink_time = \"1ms\"\n[[task]]\nname = \"a\"\nget = \"/\"\n";
    fs::write(dir.path().join("k.toml"), text).unwrap();
    let words = [
        "run",
        "k.toml",
        "--duration",
        "50s",
        "--users",
        "4",
        "--transport",
        "shm",
    ];
    let mut run = Running::start(loadforge().current_dir(dir.path()).args(words));
    let results = eventually("two seconds on the disk", || {
        let results = results_dir(dir.path())?;
        let lines = fs::read_to_string(results.join("snapshots.jsonl"))
            .ok()?
            .lines()
            .count();
        (lines >= 2).then_some(results)
    });
    let family = children_of(run.pid());
    assert!(
        !workers_of(run.pid()).is_empty() && family.len() > workers_of(run.pid()).len(),
        "{family:?}"
    );
    run.signal(Signal::SIGKILL);
    run.wait();
    eventually("the end of the workers and the target", || {
        (!family.iter().any(|(pid, _)| is_alive(*pid))).then_some(())
    });
    assert_eq!(left_in_shm(run.pid()), Vec::<String>::new());

    run_well_in(dir.path(), &["report", results.to_str().unwrap()]);
    let summary = summary(dir.path());
    assert_eq!(summary["outcome"], "aborted");
    assert_balanced(&summary);
    assert!(count(&summary, "ok") > 0);
    assert!(results.join("report.html").exists());
}

/// A run of two workers, and its server.
struct Pair {
    dir: TempDir,
    echo: Echo,
    run: Running,
    /// Users that are at work at all times.
    users: u64,
}

impl Pair {
    /// Starts it with this load, for longer than any test; `None` where there is one CPU alone.
    fn start(load: &[&str], users: u64) -> Option<Pair> {
        if cpus() < 2 {
            eprintln!("skipped: two workers need two CPUs");
            return None;
        }
        let (dir, echo) = (tempdir().unwrap(), Echo::start(&["--delay", "5ms"]));
        let url = echo.url();
        let words = [
            "run",
            &url,
            "--workers",
            "2",
            "--transport",
            "shm",
            "--duration",
            "50s",
        ];
        let run = Running::start(loadforge().current_dir(dir.path()).args(words).args(load));
        let pair = Pair {
            dir,
            echo,
            run,
            users,
        };
        eventually("the first requests", || {
            (pair.echo.requests() > 20).then_some(())
        });
        assert_eq!(workers_of(pair.run.pid()).len(), 2);
        Some(pair)
    }

    /// Sends a signal to its first worker; gives how many requests the server had answered then.
    fn hit(&self, signal: Signal) -> u64 {
        let worker = workers_of(self.run.pid())[0];
        let hit = || kill(Pid::from_raw(worker), signal).expect("it is our run's worker");
        hit();
        if signal == Signal::SIGSEGV {
            // Rust's own handler takes the first for an overflow of the stack, and only a real fault comes again by itself.
            eventually("its end", || {
                let ends = !is_alive(worker);
                if !ends {
                    // It may be gone for good by now.
                    let _ = kill(Pid::from_raw(worker), signal);
                }
                ends.then_some(())
            });
        }
        self.echo.requests()
    }

    /// Waits until its loss is told and the other has taken over, then ends the run: it is whole, tells so, and the server's
    /// count is within what it does not know. Gives the summary.
    fn end(mut self, at_death: u64, verdict: (i32, &str), words: &str) -> Value {
        let (code, level) = verdict;
        eventually("the other with all users", || {
            let snapshots = results_dir(self.dir.path())?.join("snapshots.jsonl");
            let lines = fs::read_to_string(snapshots).ok()?;
            let (_, later) = lines.split_once("worker_lost")?;
            let users =
                |line: &str| serde_json::from_str::<Value>(line).ok()?["users"]["active"].as_u64();
            later
                .lines()
                .skip(1)
                .filter_map(users)
                .any(|active| active >= self.users)
                .then_some(())
        });
        eventually("more answers", || {
            (self.echo.requests() > at_death + 20).then_some(())
        });
        self.run.signal(Signal::SIGINT);
        assert_eq!(self.run.wait().code(), Some(code), "{}", self.run.said());
        let summary = summary(self.dir.path());
        assert_balanced(&summary);
        assert_eq!(summary["outcome"], "interrupted");
        assert_eq!(summary["generator"]["workers_lost"], 1);
        assert_eq!(summary["verdict"]["level"], level, "{summary}");
        let (known, sent) = (
            count(&summary, "ok") + count(&summary, "failed"),
            count(&summary, "sent"),
        );
        let served = self.echo.requests();
        assert!(
            known <= served && served <= sent,
            "{known} <= {served} <= {sent}"
        );
        let results = results_dir(self.dir.path()).unwrap();
        assert_eq!(json(&results.join("run.json"))["workers"], 2);
        let snapshots = fs::read_to_string(results.join("snapshots.jsonl")).unwrap();
        let lost = snapshots.lines().find(|line| line.contains("worker_lost"));
        let lost = lost.unwrap_or_else(|| panic!("no event of its loss in {snapshots}"));
        assert!(lost.contains(words), "{words:?} in {lost}");
        assert!(lost.contains("the other worker takes over"), "{lost}");
        let report = fs::read_to_string(results.join("report.html")).unwrap();
        assert!(report.contains(words), "the report tells it");
        summary
    }
}

#[test]
fn a_worker_that_is_killed_or_crashes_does_not_end_the_run_and_is_in_the_report() {
    for signal in [Signal::SIGKILL, Signal::SIGSEGV, Signal::SIGABRT] {
        let Some(pair) = Pair::start(&["--users", "8"], 8) else {
            return;
        };
        let at_death = pair.hit(signal);
        let words = format!("was killed by {}", signal.as_str());
        pair.end(at_death, (0, "SUSPECT"), &words);
    }
}

/// A control group with a bound on memory that is gone when this is dropped.
struct MemoryGroup(PathBuf);

impl MemoryGroup {
    /// Makes one under version 1 or 2, or says why there is none.
    fn new(most_bytes: u64) -> Option<MemoryGroup> {
        let name = format!("loadforge-test-memory-{}", std::process::id());
        let make = |parent: &str, file: &str| {
            let group = Path::new(parent).join(&name);
            fs::create_dir(&group).ok()?;
            let group = MemoryGroup(group);
            // In another folder of this path it would be a plain directory, without that file.
            let bound = group.0.join(file);
            if !bound.exists() {
                return None;
            }
            fs::write(bound, most_bytes.to_string()).ok()?;
            Some(group)
        };
        let group = make("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            .or_else(|| make("/sys/fs/cgroup", "memory.max"));
        if group.is_none() {
            eprintln!("skipped: this user may not make a control group with a bound on memory");
        }
        group
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // The one process that was in it has been collected.
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_worker_that_the_kernel_kills_for_want_of_memory_is_lost_with_that_reason() {
    // Less than it has already, so that the next page it asks for is one too many.
    let Some(group) = MemoryGroup::new(64 * 1024) else {
        return;
    };
    // Users that come later need memory of their own.
    let load = ["--users", "8", "--ramp-to", "4000", "--ramp-over", "40s"];
    let Some(pair) = Pair::start(&load, 8) else {
        return;
    };
    let worker = workers_of(pair.run.pid())[0];
    fs::write(group.0.join("cgroup.procs"), worker.to_string()).expect("it is our group");
    eventually("its end", || (!is_alive(worker)).then_some(()));
    let at_death = pair.echo.requests();
    let words = "was killed by SIGKILL, as the kernel does when memory runs out";
    pair.end(at_death, (0, "SUSPECT"), words);
}

#[test]
fn a_worker_is_not_ended_by_kill_alone() {
    let Some(mut pair) = Pair::start(&["--users", "8"], 8) else {
        return;
    };
    let workers = workers_of(pair.run.pid());
    for signal in [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ] {
        let before = pair.hit(signal);
        eventually("more answers", || {
            (pair.echo.requests() > before + 20).then_some(())
        });
    }
    assert_eq!(workers_of(pair.run.pid()), workers);
    pair.run.signal(Signal::SIGINT);
    assert_eq!(pair.run.wait().code(), Some(0), "{}", pair.run.said());
    let summary = summary(pair.dir.path());
    assert_balanced(&summary);
    assert_eq!(summary["generator"]["workers_lost"], 0);
    assert_eq!(count(&summary, "sent"), pair.echo.requests());
}

#[test]
fn a_worker_that_is_stopped_is_named_then_ended_and_the_other_takes_over() {
    let Some(pair) = Pair::start(&["--rate", "100"], 0) else {
        return;
    };
    let at_death = pair.hit(Signal::SIGSTOP);
    // So many arrivals not sent says nothing about the server any more.
    let summary = pair.end(
        at_death,
        (4, "INVALID"),
        "gave no sign of life and was ended",
    );
    // Its half of the arrivals of ten seconds at least: what it was to begin and did not.
    let not_sent = count(&summary, "not_sent");
    assert!(not_sent >= 400, "{not_sent} of {summary}");
}

#[test]
fn a_worker_that_is_not_ready_in_time_is_ended_and_the_run_begins_without_it() {
    if cpus() < 2 {
        eprintln!("skipped: two workers need two CPUs");
        return;
    }
    let echo = Echo::start(&["--delay", "5ms"]);
    let url = echo.url();
    let words = [
        "run",
        &url,
        "--users",
        "8",
        "--workers",
        "2",
        "--duration",
        "1s",
    ];
    // Workers are ready within milliseconds: where this one was, it is stopped too late and tried again.
    let was_late = (0..40).any(|_| {
        let dir = tempdir().unwrap();
        let mut run = Running::start(loadforge().current_dir(dir.path()).args(words));
        let worker = loop {
            if let Some(worker) = workers_of(run.pid()).first() {
                break *worker;
            }
            assert!(run.child().try_wait().unwrap().is_none(), "{}", run.said());
        };
        let stopped = kill(Pid::from_raw(worker), Signal::SIGSTOP);
        let began = echo.requests();
        // Either both begin, or nothing is sent until its time is up.
        let patience = Instant::now() + Duration::from_secs(3);
        while stopped.is_ok() && Instant::now() < patience {
            if echo.requests() > began {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(run.wait().code(), Some(0), "{}", run.said());
        let summary = summary(dir.path());
        assert_balanced(&summary);
        assert_eq!(summary["generator"]["workers_lost"], 1);
        assert_eq!(summary["verdict"]["level"], "SUSPECT", "{summary}");
        let events = summary["events"].to_string();
        assert!(
            events.contains("did not get ready within 5 s and was ended"),
            "{events}"
        );
        assert_eq!(count(&summary, "sent"), echo.requests() - began);
        true
    });
    assert!(was_late, "it was ready each time");
}

#[test]
fn the_death_of_the_built_in_target_is_told_and_the_run_fails() {
    let dir = tempdir().unwrap();
    let text = "name = \"k\"\ntarget = \"echo\"\nthink_time = \"5ms\"\n[[task]]\nname = \"a\"\nget = \"/\"\n";
    fs::write(dir.path().join("k.toml"), text).unwrap();
    let words = [
        "run",
        "k.toml",
        "--duration",
        "3s",
        "--users",
        "2",
        "--quiet",
    ];
    let mut run = Running::start(loadforge().current_dir(dir.path()).args(words));
    eventually("the first second on the disk", || {
        let lines = fs::read_to_string(results_dir(dir.path())?.join("snapshots.jsonl")).ok()?;
        (!lines.is_empty()).then_some(())
    });
    let family = children_of(run.pid());
    let target = family.iter().find(|(_, words)| words.contains(" echo "));
    let (target, _) = target.unwrap_or_else(|| panic!("the target is in {family:?}"));
    kill(Pid::from_raw(*target), Signal::SIGKILL).expect("it is our run's target");
    let (code, said) = (run.wait().code(), run.said());
    assert_eq!(code, Some(1), "{said}");
    for words in [
        "the built-in target was killed by SIGKILL",
        "a server that was not there",
    ] {
        assert!(said.contains(words), "{words} in {said}");
    }
    assert_balanced(&summary(dir.path()));
}

#[test]
fn what_a_dead_run_left_in_shared_memory_is_removed_and_a_living_ones_is_not() {
    let mut short = Command::new("true").spawn().expect("true is everywhere");
    let dead = short.id();
    short.wait().unwrap();
    let planted = format!("/dev/shm/loadforge-{dead}-1-0");
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let start = stat
        .rsplit_once(") ")
        .unwrap()
        .1
        .split(' ')
        .nth(19)
        .unwrap()
        .to_owned();
    let ours = format!("/dev/shm/loadforge-{}-{start}-9999", std::process::id());
    if fs::write(&planted, "left").is_err() {
        eprintln!("skipped: /dev/shm cannot be written");
        return;
    }
    fs::write(&ours, "alive").unwrap();
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    run_well_in(dir.path(), &["run", &echo.url(), "--max-requests", "10"]);
    let kept = fs::remove_file(&ours).is_ok();
    let removed = fs::remove_file(&planted).is_err();
    assert!(removed, "{planted} is still there");
    assert!(kept, "{ours} belongs to a living process");
}
