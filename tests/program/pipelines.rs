//! What a pipeline sees of a run: the last line of its log, the summary of its job, the exit code.
//! Neighbours: the reporter's `pipeline.rs` has the golden page. Invariant: what cannot be told never changes how a run ends.

use crate::running::{loadforge, run_command_in};
use std::fs;
use tempfile::tempdir;

const SCENARIO: &str =
    "name = \"piped\"\ntarget = \"echo\"\n[[task]]\nname = \"home\"\nget = \"/\"\n";

const RUN: [&str; 8] = [
    "run",
    "piped.toml",
    "--users",
    "2",
    "--duration",
    "1s",
    "--threshold",
    "error_rate<1%",
];

#[test]
fn a_run_ends_its_log_with_one_line_and_adds_itself_to_the_summary_of_the_job() {
    let dir = tempdir().unwrap();
    let page = dir.path().join("summary.md");
    fs::write(dir.path().join("piped.toml"), SCENARIO).unwrap();
    fs::write(&page, "# what was there\n").unwrap();
    let mut command = loadforge();
    command.env("GITHUB_STEP_SUMMARY", &page);
    let words: Vec<&str> = RUN.into_iter().chain(["--allow-invalid"]).collect();
    let ended = run_command_in(dir.path(), command, &words);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let last = ended.stderr.lines().last().unwrap();
    assert!(last.starts_with("loadforge: "), "{last}");
    assert!(last.contains(" · piped · "), "{last}");
    assert!(last.ends_with("the threshold is met"), "{last}");
    let page = fs::read_to_string(&page).unwrap();
    assert!(page.starts_with("# what was there\n## piped: "), "{page}");
    assert!(page.contains("| error&#95;rate"), "{page}");
    assert!(page.contains("✓ met"), "{page}");
    assert!(page.contains("| GET home |"), "{page}");
}

#[test]
fn a_summary_that_cannot_be_written_is_told_and_costs_nothing() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("piped.toml"), SCENARIO).unwrap();
    let mut command = loadforge();
    command.env("GITHUB_STEP_SUMMARY", dir.path().join("not/there.md"));
    let words: Vec<&str> = RUN
        .into_iter()
        .chain(["--allow-invalid", "--quiet"])
        .collect();
    let ended = run_command_in(dir.path(), command, &words);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let told = "not/there.md ($GITHUB_STEP_SUMMARY) could not be added to";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
}
