//! `loadforge selftest` as far as it can be tried in a moment; its judgement has unit tests, and a whole one takes a minute.

use crate::running::{Running, children_of, eventually, is_alive, loadforge, run_in};
use nix::sys::signal::Signal;
use std::fs;
use tempfile::tempdir;

#[test]
fn a_signal_ends_a_self_test_with_all_its_children_and_files() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let temporary = tempdir().unwrap();
        let left = || fs::read_dir(temporary.path()).unwrap().count();
        let mut command = loadforge();
        command.arg("selftest").env("TMPDIR", temporary.path());
        let mut selftest = Running::start(&mut command);
        let family = eventually("a server, a run and its worker", || {
            let children = children_of(selftest.pid());
            let runs = children
                .iter()
                .filter(|(_, line)| line.contains("--no-preflight"));
            let workers: Vec<_> = runs.flat_map(|(pid, _)| children_of(*pid)).collect();
            (children.len() == 2 && !workers.is_empty()).then(|| [children, workers].concat())
        });
        assert_eq!(left(), 1, "the folder of its files");
        selftest.signal(signal);
        assert_eq!(selftest.wait().code(), Some(1));
        assert_eq!(left(), 0, "{signal}");
        let said = selftest.said();
        assert!(
            said.contains("a signal ended the self-test") && said.contains("= help:"),
            "{said}"
        );
        eventually("the end of its children", || {
            (!family.iter().any(|(pid, _)| is_alive(*pid))).then_some(())
        });
    }
}

#[test]
fn more_workers_than_cpus_or_none_at_all_are_refused() {
    let dir = tempdir().unwrap();
    for workers in ["0", "4096", "-1", "two"] {
        let ended = run_in(dir.path(), &["selftest", "--workers", workers]);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(
            ended.stderr.contains(&format!("--workers {workers} is")),
            "{}",
            ended.stderr
        );
        assert!(ended.stderr.contains("= help:"), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
    let ended = run_in(dir.path(), &["selftest", "--quick", "--full"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
}
