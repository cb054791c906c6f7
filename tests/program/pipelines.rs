//! What a pipeline sees of a run: the last line of its log, the summary of its job, the exit code.
//! Neighbours: the reporter's `pipeline.rs` has the golden page. Invariant: what cannot be told never changes how a run ends.

use crate::running::{loadforge, run_command_in};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};
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

/// The script of a step in docs/ci.md, by the step's name.
fn script_of(step: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, from) = page.split_once(&format!("- name: {step}\n")).unwrap();
    let (_, script) = from.split_once("run: |\n").unwrap();
    let depth = " ".repeat(10);
    let lines = script.lines().map_while(|line| line.strip_prefix(&depth));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Without a good run on main there is no id, and `gh run download ""` takes an artifact of the whole repository.
#[test]
fn the_pipeline_in_the_docs_takes_no_baseline_where_main_has_none() {
    if Command::new("bash").arg("--version").output().is_err() {
        println!("skipped: no bash");
        return;
    }
    let script = script_of("fetch the last good run of main");
    for (id, code, asked, found) in [
        ("", 0, "", ""),
        ("77", 0, "77", "found=true"),
        ("77", 1, "77", ""),
    ] {
        let dir = tempdir().unwrap();
        let gh = dir.path().join("gh");
        let text = format!(
            "#!/bin/sh\ncase \"$2\" in list) printf '%s' '{id}';; *) printf '%s' \"$3\" > asked; exit {code};; esac\n"
        );
        fs::write(&gh, text).unwrap();
        fs::set_permissions(&gh, fs::Permissions::from_mode(0o700)).unwrap();
        let path = format!(
            "{}:{}",
            dir.path().display(),
            std::env::var("PATH").unwrap()
        );
        let output = Command::new("bash")
            .args(["-e", "-o", "pipefail", "-c", &script])
            .current_dir(dir.path())
            .env("PATH", path)
            .env("GITHUB_OUTPUT", dir.path().join("output"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap_or_default();
        assert_eq!(
            (read("asked").as_str(), read("output").trim()),
            (asked, found)
        );
    }
}
