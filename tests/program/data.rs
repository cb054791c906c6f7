//! Data files, from the scenario file to the server: what is wrong with one is told before anything is started, and each row goes
//! out as often as was asked for.

use crate::{
    running::{assert_balanced, count, run_in, run_well_in, summary, two_workers},
    servers::Echo,
};
use std::{fs, path::Path};
use tempfile::tempdir;

/// Writes `people.csv` with so many rows, and a scenario that sends each row's id.
fn write_scenario(dir: &Path, echo: &Echo, rows: u32, at_end: &str) {
    let rows: String = (0..rows).map(|id| format!("{id}\n")).collect();
    fs::write(dir.join("people.csv"), format!("id\n{rows}")).unwrap();
    let text = format!(
        "name = \"rows\"\nbase_url = \"http://{}\"\n\
         [data.people]\nfile = \"people.csv\"\nstrategy = \"unique\"\nper = \"iteration\"\nat_end = \"{at_end}\"\n\
         [load]\nusers = 6\nduration = \"1500ms\"\n\
         [[task]]\nname = \"row\"\nget = \"/rows/{{{{ people.id }}}}\"\n",
        echo.address
    );
    fs::write(dir.join("rows.toml"), text).unwrap();
}

const RUN: [&str; 4] = ["run", "rows.toml", "--allow-invalid", "--workers"];

#[test]
fn a_run_ends_with_its_last_row_and_each_went_out_once() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    write_scenario(dir.path(), &echo, 100, "stop");
    run_well_in(dir.path(), &[&RUN[..], &[two_workers()]].concat());
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!((count(&summary, "sent"), echo.requests()), (100, 100));
    assert_eq!(count(&summary, "intended"), 100);
    assert_eq!(summary["outcome"], "completed");
    let events = summary["events"].to_string();
    assert!(
        events.contains("the rows of people are used up"),
        "{events}"
    );
}

#[test]
fn rows_that_wrap_last_to_the_planned_end() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    write_scenario(dir.path(), &echo, 100, "wrap");
    run_well_in(dir.path(), &[&RUN[..], &[two_workers()]].concat());
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert!(count(&summary, "sent") > 100, "{summary}");
    assert_eq!(count(&summary, "sent"), echo.requests());
}

#[test]
fn rows_that_run_out_by_mistake_fail_iterations() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    write_scenario(dir.path(), &echo, 100, "error");
    run_well_in(dir.path(), &[&RUN[..], &[two_workers()]].concat());
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!((count(&summary, "sent"), echo.requests()), (100, 100));
    assert!(count(&summary, "iterations_failed") > 0, "{summary}");
    let errors = summary["errors"].to_string();
    assert!(
        errors.contains("the rows of people are used up"),
        "{errors}"
    );
}

#[test]
fn a_broken_data_file_is_told_with_both_places_and_nothing_is_started() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    fs::write(dir.path().join("people.csv"), "user,pass\nann,x\nbob\n").unwrap();
    let data = "[data.people]\nfile = \"people.csv\"\nat_end = \"halt\"\n";
    echo.write_scenario(dir.path(), data);
    for words in [&["run", "one.toml"][..], &["validate", "one.toml"]] {
        let ended = run_in(dir.path(), words);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        for told in [
            "people.csv, line 3: the row has 1 of the 2 fields that the header names",
            "one.toml:4:8",
            "put a field that holds the separator in quotes",
            "`at_end` cannot be \"halt\"",
            "write one of stop, wrap, error",
        ] {
            assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
        }
    }
    assert_eq!(echo.requests(), 0);
    assert!(!dir.path().join("results").exists());
}
