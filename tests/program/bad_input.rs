//! Bad input and bad luck: each gets a message that names the fault, the value and the remedy, and its exit code.
//! The messages are golden files under `snapshots/`; what changes from run to run is masked.

use crate::{
    running::{Ended, loadforge, run_command_in, run_in, summary, without_io_uring},
    servers::{Echo, free_address},
};
use std::{fs, path::Path, process::Command};
use tempfile::tempdir;

/// What it said, with the exit code first.
fn told(ended: &Ended) -> String {
    assert_eq!(ended.stdout, "", "errors do not go to standard output");
    format!(
        "exit {}
{}",
        ended.code.unwrap_or(-1),
        ended.stderr
    )
}

fn write(dir: &Path, file: &str, text: &str) {
    fs::write(dir.join(file), text).unwrap();
}

const TASK: &str = "[[task]]\nname = \"a\"\nget = \"/\"\n";

#[test]
fn everything_wrong_with_a_file_and_the_flags_is_told_at_once() {
    let dir = tempdir().unwrap();
    write(
        dir.path(),
        "bad.toml",
        "name = \"bad\"\nbase_url = \"http://127.0.0.1:1\"\nthinktime = \"1s\"\nheaders.x = \"${NO_SUCH_VARIABLE}\"\n\
         [load]\nusers = 0\nduration = \"-5s\"\n[[task]]\nname = \"a\"\nweight = 0\nget = \"/\"\n\
         [[threshold]]\nexpr = \"p98 < 1s\"\n",
    );
    let ended = run_in(
        dir.path(),
        &["run", "bad.toml", "--users", "0", "--threshold", "p98<1s"],
    );
    insta::assert_snapshot!(told(&ended));
}

#[test]
fn a_file_that_is_no_toml_is_shown_where_it_breaks() {
    let dir = tempdir().unwrap();
    write(dir.path(), "broken.toml", "name = \"x\ntarget = \"echo\"\n");
    insta::assert_snapshot!(told(&run_in(dir.path(), &["run", "broken.toml"])));
}

#[test]
fn every_bad_flag_is_told_at_once() {
    let dir = tempdir().unwrap();
    write(
        dir.path(),
        "a.toml",
        &format!("name = \"a\"\nbase_url = \"http://127.0.0.1:1\"\n{TASK}"),
    );
    let flags = [
        "run",
        "a.toml",
        "--users",
        "0",
        "--duration",
        "-5s",
        "--ramp-to",
        "-1",
        "--ramp-over",
        "5",
        "--max-requests",
        "0",
        "--timeout",
        "0s",
        "--graceful-stop",
        "x",
        "--seed",
        "y",
        "--workers",
        "100000",
        "--cpus",
        "0-",
        "--resolve",
        "b.test:80:127.0.0.1",
        "--resolve",
        "c",
        "--threshold",
        "fast",
        "--fail-on-error-rate",
        "200%",
        "--output",
        "-",
        "--format",
        "html",
    ];
    let ended = run_in(dir.path(), &flags);
    let cpus = match crate::running::cpus() {
        1 => "may use 1 CPU".to_owned(),
        cpus => format!("may use {cpus} CPUs"),
    };
    let most = format!("at most {}", crate::running::cpus());
    let text = told(&ended)
        .replace(&cpus, "may use N CPUs")
        .replace(&most, "at most N");
    insta::assert_snapshot!(text);
}

#[test]
fn a_threshold_on_an_endpoint_that_does_not_exist_is_refused_before_anything_starts() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let task = "[[task]]\nname = \"product\"\nget = \"/\"\n";
    let text = format!("base_url = \"{}\"\n{task}", echo.url());
    write(dir.path(), "a.toml", &text);
    let flags = ["--max-requests", "10", "--threshold", "p95<80ms@prodct"];
    let ended = run_in(dir.path(), &[&["run", "a.toml"][..], &flags].concat());
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for words in ["p95<80ms@prodct", "did you mean \"product\"?"] {
        assert!(ended.stderr.contains(words), "{words} in {}", ended.stderr);
    }
    assert_eq!(echo.requests(), 0);
    assert!(!dir.path().join("results").exists());
}

#[test]
fn a_threshold_that_would_hold_of_nothing_is_refused_before_anything_starts() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let text = |more: &str| {
        let base = format!("base_url = \"{}\"\n", echo.url());
        format!("{base}[[task]]\nname = \"product\"\nget = \"/\"\n{more}")
    };
    let flags = |threshold| {
        [
            "run",
            "a.toml",
            "--duration",
            "10s",
            "--threshold",
            threshold,
        ]
    };
    for (threshold, words) in [
        ("checks>99%", "nothing here is checked"),
        ("checks>99% over 2s", "nothing here is checked"),
        (
            "p99<5s over 60s",
            "longer than the 10s that this run measures",
        ),
        ("p99<5s@shop", "there is \"product\""),
    ] {
        write(dir.path(), "a.toml", &text(""));
        let ended = run_in(dir.path(), &flags(threshold));
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(words), "{words} in {}", ended.stderr);
    }
    let own = "[[threshold]]\nexpr = \"checks > 99%\"\n";
    let status = format!("check = {{ status = 200 }}\n{own}");
    write(dir.path(), "a.toml", &text(&status));
    let ended = run_in(dir.path(), &["validate", "a.toml"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    write(
        dir.path(),
        "a.toml",
        &text(&format!("check = {{ body_contains = \"a\" }}\n{own}")),
    );
    let ended = run_in(dir.path(), &["validate", "a.toml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(echo.requests(), 0);
    assert!(!dir.path().join("results").exists());
}

#[test]
fn a_name_that_turns_a_line_around_is_shown_as_something_else_by_validate() {
    let dir = tempdir().unwrap();
    let text = "target = \"echo\"\n[[task]]\nname = \"a\\u202Eb\"\nget = \"/\"\n";
    write(dir.path(), "a.toml", text);
    let ended = run_in(dir.path(), &["validate", "a.toml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("a\u{fffd}b"), "{}", ended.stderr);
    assert!(!ended.stderr.contains('\u{202e}'), "{}", ended.stderr);
}

#[test]
fn a_flag_that_does_not_exist_gets_a_suggestion() {
    let dir = tempdir().unwrap();
    let ended = run_in(dir.path(), &["run", "a.toml", "--user", "5"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("--users"), "{}", ended.stderr);
}

#[test]
fn what_is_no_scenario_is_told_with_what_was_probably_meant() {
    let dir = tempdir().unwrap();
    let mut text = String::new();
    for typed in [
        "nosuch.toml",
        "localhost:8080",
        "localhost",
        "",
        "https://127.0.0.1/",
        "http://",
        "shop.rs",
        ".",
    ] {
        text.push_str(&format!(
            "$ loadforge run {typed}\n{}\n",
            told(&run_in(dir.path(), &["run", typed]))
        ));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_refused_port_and_an_unknown_name_are_told_before_anything_is_started() {
    let dir = tempdir().unwrap();
    let address = free_address().to_string();
    let refused = run_in(dir.path(), &["run", &format!("http://{address}/")]);
    insta::assert_snapshot!("refused_port", told(&refused).replace(&address, "ADDRESS"));
    let unknown = run_in(dir.path(), &["run", "http://no-such-host.invalid/"]);
    let text = told(&unknown);
    // The resolver's own words differ from system to system.
    let text: String = text
        .lines()
        .map(|line| match line.split_once("cannot be resolved: ") {
            Some((before, _)) => format!("{before}cannot be resolved: REASON\n"),
            None => format!("{line}\n"),
        })
        .collect();
    insta::assert_snapshot!("unknown_name", text);
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        0,
        "nothing is left"
    );
}

#[test]
fn a_host_that_cannot_be_reached_is_told() {
    let dir = tempdir().unwrap();
    let trial = Command::new("unshare").args(["--net", "true"]).status();
    if !trial.is_ok_and(|status| status.success()) {
        eprintln!(
            "skipped: this user may not make a network namespace, in which nobody can be reached"
        );
        return;
    }
    let mut alone = Command::new("unshare");
    alone.arg("--net").arg(loadforge().get_program());
    // Set aside for documentation (RFC 5737): nobody is there.
    let ended = run_command_in(dir.path(), alone, &["run", "http://192.0.2.1/", "--yes"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("no connection to http://192.0.2.1"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("= help: "), "{}", ended.stderr);
}

#[test]
fn a_place_that_cannot_hold_results_is_told_before_the_run() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    write(dir.path(), "file", "not a directory");
    let ended = run_in(
        dir.path(),
        &[
            "run",
            &echo.url(),
            "--output",
            "file/results",
            "--duration",
            "1s",
        ],
    );
    insta::assert_snapshot!(told(&ended));
    assert_eq!(echo.requests(), 0);
}

#[test]
fn a_directory_that_is_none_of_ours_cannot_be_reported() {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("other")).unwrap();
    let mut text = String::new();
    for typed in ["other", "no-such-directory"] {
        text.push_str(&format!(
            "$ loadforge report {typed}\n{}\n",
            told(&run_in(dir.path(), &["report", typed]))
        ));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn too_few_descriptors_for_the_users_asked_for_are_told_with_the_number_needed() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let ended = in_shell(
        dir.path(),
        "ulimit -n 64",
        &["run", &echo.url(), "--users", "500", "--duration", "1s"],
    );
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("ulimit -n"), "{}", ended.stderr);
    assert_eq!(echo.requests(), 0);
}

#[test]
fn without_shared_memory_a_run_falls_back_and_says_so_or_fails_when_it_was_insisted_on() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let own_view = Command::new("unshare")
        .args(["--mount", "true"])
        .status()
        .is_ok_and(|status| status.success());
    if !own_view {
        eprintln!("skipped: this user may not make a mount namespace to hide /dev/shm in");
        return;
    }
    let mut base = loadforge();
    let program = base.get_program().to_owned();
    let hide = "mount -t tmpfs -o ro tmpfs /dev/shm && exec \"$0\" \"$@\"";
    let mut run = |flags: &[&str]| {
        base = Command::new("unshare");
        base.args(["--mount", "sh", "-c", hide])
            .arg(&program)
            .args(["run", &echo.url(), "--max-requests", "10"]);
        let output = assert_cmd::Command::from_std(std::mem::replace(&mut base, loadforge()))
            .current_dir(dir.path())
            .args(flags)
            .timeout(crate::running::PATIENCE)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, said) = run(&["--transport", "shm"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("/dev/shm"), "{said}");
    let (code, said) = run(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("/dev/shm"), "the fallback is told: {said}");
}

#[test]
fn where_io_uring_cannot_be_had_a_run_falls_back_or_fails_when_it_was_insisted_on() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let url = echo.url();
    let run = ["run", &url, "--max-requests", "10"];
    let ended = run_command_in(dir.path(), without_io_uring(), &run);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("driven by epoll, because io_uring is forbidden"),
        "the fallback is told: {}",
        ended.stderr
    );
    assert_eq!(summary(dir.path())["generator"]["wire"], "epoll");
    let insisting = [&run[..], &["--wire", "uring"]].concat();
    let ended = run_command_in(dir.path(), without_io_uring(), &insisting);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    for words in ["--wire uring", "kernel.io_uring_disabled=0", "seccomp"] {
        assert!(ended.stderr.contains(words), "{words} in {}", ended.stderr);
    }
}

/// Runs it behind a shell that has changed its own limits.
fn in_shell(dir: &Path, change: &str, words: &[&str]) -> Ended {
    let output = assert_cmd::Command::new("sh")
        .current_dir(dir)
        .arg("-c")
        .arg(format!("{change} && exec \"$0\" \"$@\""))
        .arg(loadforge().get_program())
        .args(words)
        .timeout(crate::running::PATIENCE)
        .output()
        .unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
