//! `validate`, `echo` and `report` by themselves.

use crate::{
    running::{Running, eventually, loadforge, run_in, run_well_in},
    servers::Echo,
};
use nix::sys::signal::Signal;
use std::{fs, path::Path};
use tempfile::tempdir;

#[test]
fn validate_says_what_a_good_file_would_do() {
    let dir = tempdir().unwrap();
    let text = "name = \"v\"\nbase_url = \"http://no-such-host.invalid:81\"\n[load]\npattern = \"ramp\"\nusers = { from = 1, to = 9, over = \"5s\" }\n\
                duration = \"1m\"\n[[task]]\nname = \"a\"\nget = \"/a\"\n[[threshold]]\nexpr = \"p99 < 1s\"\n";
    fs::write(dir.path().join("v.toml"), text).unwrap();
    let ended = run_well_in(dir.path(), &["validate", "v.toml"]);
    insta::assert_snapshot!(ended.stderr);
}

#[test]
fn validate_names_no_more_endpoints_than_can_be_read() {
    let dir = tempdir().unwrap();
    let tasks: String = (0..23)
        .map(|task| format!("[[task]]\nname = \"t{task}\"\nget = \"/\"\n"))
        .collect();
    fs::write(
        dir.path().join("v.toml"),
        format!("target = \"echo\"\n{tasks}"),
    )
    .unwrap();
    let said = run_well_in(dir.path(), &["validate", "v.toml"]).stderr;
    assert!(said.contains("t19 and 3 more\n"), "{said}");
    assert!(!said.contains("t20"), "{said}");
}

#[test]
fn every_example_is_valid() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/examples");
    for entry in fs::read_dir(&examples).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            run_well_in(&examples, &["validate", path.to_str().unwrap()]);
        }
    }
}

#[test]
fn echo_ends_in_good_order_on_both_signals() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut echo = Running::start(loadforge().args(["echo", "--port", "0", "--threads", "2"]));
        let mut first = [0; 7];
        let stdout = echo.child().stdout.as_mut().expect("it is piped");
        std::io::Read::read_exact(stdout, &mut first).expect("the address comes once it listens");
        assert_eq!(&first, b"http://");
        echo.signal(signal);
        assert_eq!(echo.wait().code(), Some(0), "{}", echo.said());
    }
}

#[test]
fn a_port_that_is_taken_is_told_with_a_remedy() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let ended = run_in(
        dir.path(),
        &["echo", "--port", &echo.address.port().to_string()],
    );
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("port 0 for a free one"),
        "{}",
        ended.stderr
    );
}

#[test]
fn echo_as_a_target_ends_with_its_parent() {
    // `sh` is the parent here; it ends at once and leaves the server behind.
    let dir = tempdir().unwrap();
    let script = format!(
        "{} echo --port 0 --end-with $$ > address & echo $! > pid; while [ ! -s address ]; do sleep 0.01; done",
        env!("CARGO_BIN_EXE_loadforge")
    );
    let mut shell = Running::start(
        std::process::Command::new("sh")
            .arg("-c")
            .arg(script)
            .current_dir(dir.path()),
    );
    assert!(shell.wait().success());
    let pid: i32 = fs::read_to_string(dir.path().join("pid"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    eventually("the end of the server", || {
        (!crate::running::is_alive(pid)).then_some(())
    });
}
