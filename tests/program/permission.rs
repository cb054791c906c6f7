//! Whose address it is: nothing is sent to a public address before somebody has said that it may be. Neighbours: `src/permission.rs`
//! decides. Invariant: no test here can reach anybody: where a run is let through, it is in a network namespace without a way out.

use crate::running::{Ended, loadforge, run_command_in, run_in};
use std::{fs, path::Path, process::Command};
use tempfile::tempdir;

/// The program where there is no network but an idle loopback; none where that cannot be had.
fn without_network() -> Option<Command> {
    let trial = Command::new("unshare").args(["--net", "true"]).status();
    if !trial.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user may not make a network namespace");
        return None;
    }
    let program = loadforge().get_program().to_owned();
    let mut command = Command::new("unshare");
    command.arg("--net").arg(program).env("NO_COLOR", "1");
    command.stdin(std::process::Stdio::null());
    Some(command)
}

fn refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for words in words {
        assert!(ended.stderr.contains(words), "{words} in {}", ended.stderr);
    }
}

/// It was let through: what failed is the network.
fn let_through(ended: &Ended) {
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("no connection to"),
        "{}",
        ended.stderr
    );
}

const TASK: &str = "[[task]]\nname = \"a\"\nget = \"/\"\n";

fn write_shop(dir: &Path) {
    let text = format!("name = \"shop\"\nbase_url = \"http://shop.test\"\n{TASK}");
    fs::write(dir.join("shop.toml"), text).unwrap();
}

#[test]
fn a_public_address_is_refused_with_what_would_go_there_and_the_remedy() {
    let Some(base) = without_network() else {
        return;
    };
    let dir = tempdir().unwrap();
    let mut command = Some(base);
    let mut run = |words: &[&str]| {
        let command = command.take().or_else(without_network).unwrap();
        run_command_in(dir.path(), command, words)
    };
    refused(
        &run(&[
            "run",
            "http://203.0.113.7/",
            "--users",
            "30",
            "--duration",
            "2m",
        ]),
        &[
            "http://203.0.113.7 is at 203.0.113.7, a public address, which may be somebody else's",
            "30 users for 2m would go there; nothing was sent",
            "--yes",
            "--allow 203.0.113.7",
            "LOADFORGE_ALLOW=203.0.113.7",
            "allow = [\"203.0.113.7\"]",
        ],
    );
    // A connection is not tried first, and IPv6 and --resolve are no way round.
    refused(
        &run(&["run", "http://[2001:db8::7]/", "--no-preflight"]),
        &["2001:db8::7"],
    );
    refused(
        &run(&["run", "http://[::ffff:203.0.113.7]/"]),
        &["203.0.113.7"],
    );
    write_shop(dir.path());
    let at = |address: &str| format!("shop.test:80:{address}");
    let (near, far) = (at("127.0.0.1"), at("198.51.100.9"));
    refused(
        &run(&[
            "run",
            "shop.toml",
            "--resolve",
            &near,
            "--resolve",
            &far,
            "--allow",
            "shop.test",
        ]),
        &[
            "http://shop.test is at 198.51.100.9, a public address",
            "--allow 198.51.100.9",
        ],
    );
    refused(
        &run(&["validate", "shop.toml", "--once", "--resolve", &far]),
        &[
            "http://shop.test is at 198.51.100.9",
            "each step once would go there",
        ],
    );
    assert!(!dir.path().join("results").exists(), "nothing is left");
}

#[test]
fn whoever_says_that_it_may_be_loaded_is_let_through() {
    if without_network().is_none() {
        return;
    }
    let dir = tempdir().unwrap();
    write_shop(dir.path());
    let far = "shop.test:80:198.51.100.9";
    let run = |words: &[&str]| run_command_in(dir.path(), without_network().unwrap(), words);
    let_through(&run(&["run", "http://203.0.113.7/", "--yes"]));
    let_through(&run(&[
        "run",
        "http://203.0.113.7/",
        "--allow",
        "10.0.0.0/8",
        "--allow",
        "203.0.113.0/24",
    ]));
    let_through(&run(&[
        "run",
        "shop.toml",
        "--resolve",
        far,
        "--allow",
        "198.51.100.9",
    ]));
    let mut listed = without_network().unwrap();
    listed.env(
        "LOADFORGE_ALLOW",
        "shop.example.com, *.test.example, 203.0.113.0/24",
    );
    let_through(&run_command_in(
        dir.path(),
        listed,
        &["run", "http://203.0.113.7/"],
    ));
    let config = "scenario = \"http://203.0.113.7/\"\nallow = [\"203.0.113.7\"]\n";
    fs::write(dir.path().join("nightly.toml"), config).unwrap();
    let_through(&run(&["run", "--config", "nightly.toml"]));
    let once = run(&["validate", "shop.toml", "--once", "--resolve", far, "--yes"]);
    assert_eq!(once.code, Some(3), "{}{}", once.stdout, once.stderr);
    assert!(once.stdout.contains("FAILED"), "{}", once.stdout);
    assert!(
        once.stderr.contains("loaded because of --yes"),
        "{}",
        once.stderr
    );
}

#[test]
fn a_list_that_cannot_be_read_is_told_and_nothing_is_sent() {
    let dir = tempdir().unwrap();
    let ended = run_in(
        dir.path(),
        &[
            "run",
            "http://127.0.0.1:1/",
            "--allow",
            "http://shop.test:80",
        ],
    );
    refused(
        &ended,
        &["--allow http://shop.test:80: it is neither a host"],
    );
    let mut listed = loadforge();
    listed.env("LOADFORGE_ALLOW", "*");
    let ended = run_command_in(dir.path(), listed, &["run", "http://127.0.0.1:1/"]);
    refused(
        &ended,
        &["LOADFORGE_ALLOW *: it would allow every host", "--yes"],
    );
    fs::write(
        dir.path().join("bad.toml"),
        "allow = [\"a.test\", \"b/c\"]\n",
    )
    .unwrap();
    let ended = run_in(
        dir.path(),
        &["run", "http://127.0.0.1:1/", "--config", "bad.toml"],
    );
    refused(&ended, &["allow = \"b/c\"", "bad.toml:1:20"]);
}

/// What a person at a terminal sees who answers with this line.
fn answered(dir: &Path, line: &str) -> Option<Ended> {
    if without_network().is_none() || Command::new("script").arg("--version").output().is_err() {
        eprintln!("skipped: there is no `script` here to make a terminal with");
        return None;
    }
    let program = loadforge().get_program().to_owned();
    let typed = format!("{} run http://203.0.113.7/", program.to_str().unwrap());
    let output = assert_cmd::Command::new("unshare")
        .args([
            "--net",
            "script",
            "--quiet",
            "--return",
            "--command",
            &typed,
            "/dev/null",
        ])
        .env("NO_COLOR", "1")
        .current_dir(dir)
        .write_stdin(format!("{line}\n"))
        .timeout(crate::running::PATIENCE)
        .output()
        .unwrap();
    Some(Ended {
        code: output.status.code(),
        stderr: String::from_utf8_lossy(&output.stdout).replace('\r', ""),
        stdout: String::new(),
    })
}

#[test]
fn at_a_terminal_the_person_is_asked_and_only_yes_is_yes() {
    let dir = tempdir().unwrap();
    for (line, is_yes) in [
        ("y", true),
        ("Yes", true),
        ("n", false),
        ("", false),
        ("yo", false),
    ] {
        let Some(ended) = answered(dir.path(), line) else {
            return;
        };
        for words in [
            "http://203.0.113.7 is at 203.0.113.7",
            "May it be tested? [y/N]",
        ] {
            assert!(ended.stderr.contains(words), "{words} in {}", ended.stderr);
        }
        match is_yes {
            true => let_through(&ended),
            false => refused(&ended, &["nothing was sent"]),
        }
    }
}
