//! `loadforge selftest` as far as it can be tried in a moment; its judgement has unit tests, and a whole one takes a minute.

use crate::running::run_in;
use tempfile::tempdir;

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
