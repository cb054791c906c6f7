//! A results directory is written, read back, broken and refused.

use super::*;
use crate::{Format, fixture, regenerate};
use loadforge_analysis::{RunFacts, RunFold, RunOutcome, VerdictLevel};
use tempfile::TempDir;

/// A directory with the first seconds of the synthetic run; `run.json` and `snapshots.jsonl` only, as after a kill.
fn killed_run(parent: &Path, seconds: usize) -> (PathBuf, Vec<Snapshot>) {
    let mut dir = ResultsDir::create(parent, "shop", Timestamp::UNIX_EPOCH).unwrap();
    dir.write_run_info(&fixture::run_info()).unwrap();
    let snapshots = fixture::snapshots(seconds);
    for snapshot in &snapshots {
        dir.append(snapshot);
    }
    assert!(dir.error().is_none());
    (dir.path().to_owned(), snapshots)
}

fn summary_of(snapshots: &[Snapshot], outcome: RunOutcome) -> RunSummary {
    let mut fold = RunFold::default();
    snapshots.iter().for_each(|snapshot| fold.add(snapshot));
    fold.finish(RunFacts {
        info: &fixture::run_info(),
        outcome,
    })
}

fn json(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap()
}

fn append_to(path: &Path, bytes: &[u8]) {
    OpenOptions::new()
        .append(true)
        .open(path)
        .unwrap()
        .write_all(bytes)
        .unwrap();
}

#[test]
fn a_directory_is_named_after_run_and_time_and_belongs_to_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let parent = TempDir::new().unwrap();
    let started: Timestamp = "2026-11-21T09:30:00.7Z".parse().unwrap();
    let results = parent.path().join("results");
    let names = [
        ("shop", "shop"),
        ("shop", "shop"),
        ("../a b/ü", "a-b"),
        ("", "run"),
    ];
    let made = names.map(|(name, _)| ResultsDir::create(&results, name, started).unwrap());
    assert!(made[0].path().ends_with("shop-20261121T093000Z"));
    assert!(made[1].path().ends_with("shop-20261121T093000Z-2"));
    for (dir, (_, part)) in made.iter().zip(names) {
        let name = dir.path().file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with(&format!("{part}-2026")), "{name}");
        assert_eq!(dir.path().parent(), Some(results.as_path()));
        assert_eq!(
            fs::metadata(dir.path()).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
}

#[test]
fn a_place_that_cannot_hold_the_directory_is_named_with_the_remedy() {
    let parent = TempDir::new().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let error = ResultsDir::create(&file, "shop", Timestamp::UNIX_EPOCH)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(file.to_str().unwrap()) && error.contains("--output"),
        "{error}"
    );
}

#[test]
fn a_completed_run_folds_to_the_summary_that_was_written() {
    let parent = TempDir::new().unwrap();
    let (path, snapshots) = killed_run(parent.path(), 40);
    let summary = summary_of(&snapshots, RunOutcome::Completed);
    ResultsDir::existing(&path).write_summary(&summary).unwrap();
    let written: serde_json::Value =
        serde_json::from_slice(&fs::read(path.join(SUMMARY_FILE)).unwrap()).unwrap();
    let stored = StoredRun::open(&path).unwrap();
    assert_eq!(json(stored.summary()), written);
    assert_eq!(stored.series().points().len(), 40);
    assert_eq!(stored.histograms().response.len(), summary.requests.sent);
    assert!(!stored.half_line());
}

#[test]
fn a_killed_run_with_half_a_line_is_reported_as_cut_off() {
    let parent = TempDir::new().unwrap();
    let (path, snapshots) = killed_run(parent.path(), 30);
    let line = serde_json::to_vec(&snapshots[29]).unwrap();
    append_to(&path.join(SNAPSHOTS_FILE), &line[..line.len() / 2]);

    let stored = StoredRun::open(&path).unwrap();
    assert!(stored.half_line());
    assert_eq!(
        json(stored.summary()),
        json(&summary_of(&snapshots, RunOutcome::Aborted))
    );

    let summary = regenerate(&path, &Format::ALL).unwrap();
    assert_eq!(summary.outcome, RunOutcome::Aborted);
    let page = fs::read_to_string(path.join(REPORT_FILE)).unwrap();
    assert!(
        page.contains("cut off after 30 s of the 3 min planned"),
        "the page says when"
    );
    // Made again from its own summary it stays what it was.
    let again = regenerate(&path, &Format::ALL).unwrap();
    assert_eq!(json(&again), json(&summary));
    assert_eq!(fs::read_to_string(path.join(REPORT_FILE)).unwrap(), page);
}

#[test]
fn a_whole_last_line_without_its_line_break_counts() {
    let parent = TempDir::new().unwrap();
    let (path, _) = killed_run(parent.path(), 5);
    let log = path.join(SNAPSHOTS_FILE);
    let length = fs::metadata(&log).unwrap().len();
    OpenOptions::new()
        .write(true)
        .open(&log)
        .unwrap()
        .set_len(length - 1)
        .unwrap();
    let stored = StoredRun::open(&path).unwrap();
    assert!(!stored.half_line());
    assert_eq!(stored.series().points().len(), 5);
}

#[test]
fn foreign_empty_damaged_and_newer_directories_are_refused_with_place_and_remedy() {
    type Damage = fn(&Path);
    let rows: [(&str, Damage, &[&str]); 9] = [
        (
            "no run.json",
            |dir| fs::remove_file(dir.join(RUN_FILE)).unwrap(),
            &["no run.json", "loadforge run"],
        ),
        (
            "no snapshots",
            |dir| fs::remove_file(dir.join(SNAPSHOTS_FILE)).unwrap(),
            &["no snapshots.jsonl"],
        ),
        (
            "no second",
            |dir| fs::write(dir.join(SNAPSHOTS_FILE), "").unwrap(),
            &["no complete second"],
        ),
        (
            "half a first line",
            |dir| fs::write(dir.join(SNAPSHOTS_FILE), "{\"sche").unwrap(),
            &["no complete second"],
        ),
        (
            "garbage in the middle",
            |dir| append_to(&dir.join(SNAPSHOTS_FILE), b"garbage\n{}\n"),
            &["snapshots.jsonl line 6", "damaged"],
        ),
        (
            "a newer second",
            |dir| {
                append_to(
                    &dir.join(SNAPSHOTS_FILE),
                    b"{\"schema\":\"loadforge.snapshot/9\"}\n",
                );
            },
            &["snapshots.jsonl line 6", "loadforge.snapshot/9", "newer"],
        ),
        (
            "a newer second that looks like one of ours",
            |dir| {
                let path = dir.join(SNAPSHOTS_FILE);
                let text = fs::read_to_string(&path).unwrap();
                fs::write(path, text.replace("snapshot/1", "snapshot/2")).unwrap();
            },
            &["snapshots.jsonl line 1", "loadforge.snapshot/2", "newer"],
        ),
        (
            "a newer run",
            |dir| fs::write(dir.join(RUN_FILE), "{\"schema\":\"loadforge.run/2\"}").unwrap(),
            &["run.json line 1", "loadforge.run/2", "loadforge.run/1"],
        ),
        (
            "a damaged summary",
            |dir| fs::write(dir.join(SUMMARY_FILE), "{\n\"schema\": 3").unwrap(),
            &["summary.json line 2", "delete it"],
        ),
    ];
    for (name, damage, words) in rows {
        let parent = TempDir::new().unwrap();
        let (path, _) = killed_run(parent.path(), 5);
        damage(&path);
        let error = StoredRun::open(&path).unwrap_err().to_string();
        for word in words {
            assert!(
                error.contains(word),
                "{name}: “{word}” is missing in: {error}"
            );
        }
    }
}

#[test]
fn a_full_disk_is_remembered_and_the_run_goes_on() {
    let parent = TempDir::new().unwrap();
    let mut dir = ResultsDir::create(parent.path(), "shop", Timestamp::UNIX_EPOCH).unwrap();
    let snapshots = fixture::snapshots(3);
    dir.append(&snapshots[0]);
    let whole = dir
        .log
        .replace(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let told = dir
        .append(&snapshots[1])
        .expect("the first lost second is told");
    assert!(
        told.text.contains("the run goes on") && told.text.contains(SNAPSHOTS_FILE),
        "{}",
        told.text
    );
    assert_eq!(told.at_s, 2.0);
    assert_eq!(dir.append(&snapshots[1]), None, "it is told once");
    dir.log = whole;
    dir.append(&snapshots[2]);
    assert_eq!(dir.missed_seconds(), 2);
    let error = dir.take_error().unwrap().to_string();
    assert!(
        error.contains(SNAPSHOTS_FILE) && error.contains("loadforge report"),
        "{error}"
    );
    let text = fs::read_to_string(dir.path().join(SNAPSHOTS_FILE)).unwrap();
    let seconds: Vec<Snapshot> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        seconds.iter().map(|second| second.at_s).collect::<Vec<_>>(),
        [1.0, 3.0]
    );
}

#[test]
fn a_run_that_never_began_takes_away_its_own_files_and_no_others() {
    for foreign in [None, Some("notes.txt")] {
        let parent = TempDir::new().unwrap();
        let (path, _) = killed_run(parent.path(), 1);
        fs::write(path.join(format!(".{SUMMARY_FILE}.tmp")), "half").unwrap();
        if let Some(name) = foreign {
            fs::write(path.join(name), "mine").unwrap();
        }
        ResultsDir::discard(&path);
        match foreign {
            None => assert!(!path.exists()),
            Some(name) => {
                let left = fs::read_dir(&path).unwrap();
                let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
                assert_eq!(left, [name]);
            }
        }
    }
}

#[test]
fn seconds_that_never_came_count_as_missing_and_the_disk_is_named() {
    let parent = TempDir::new().unwrap();
    let mut dir = ResultsDir::create(parent.path(), "shop", Timestamp::UNIX_EPOCH).unwrap();
    let snapshots = fixture::snapshots(6);
    dir.append(&snapshots[0]);
    dir.append(&snapshots[1]);
    assert_eq!((dir.missed_seconds(), dir.error().is_none()), (0, true));
    dir.append(&snapshots[5]);
    assert_eq!(dir.missed_seconds(), 3);
    let error = dir.take_error().unwrap().to_string();
    assert!(error.contains("the disk was too slow"), "{error}");
}

#[test]
fn a_file_that_cannot_be_finished_leaves_nothing_behind() {
    let parent = TempDir::new().unwrap();
    let (path, _) = killed_run(parent.path(), 2);
    append_to(&path.join(SNAPSHOTS_FILE), b"garbage\n");
    let error = ResultsDir::existing(&path).write_series_csv().unwrap_err();
    assert!(
        matches!(error, ResultsError::Malformed { line: 3, .. }),
        "{error}"
    );
    let mut names: Vec<_> = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, [RUN_FILE, SNAPSHOTS_FILE]);
}

#[test]
fn the_table_has_a_row_a_second_and_no_cell_but_numbers() {
    let parent = TempDir::new().unwrap();
    let mut dir = ResultsDir::create(parent.path(), "shop", Timestamp::UNIX_EPOCH).unwrap();
    for snapshot in fixture::hostile_snapshots(4)
        .iter()
        .chain(&fixture::idle_snapshots(1))
    {
        dir.append(snapshot);
    }
    dir.write_series_csv().unwrap();
    let table = fs::read_to_string(dir.path().join(SERIES_FILE)).unwrap();
    for row in table.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        assert_eq!(
            cells.len(),
            table.lines().next().unwrap().split(',').count()
        );
        assert!(
            cells
                .iter()
                .all(|cell| cell.is_empty() || cell.parse::<f64>().is_ok()),
            "{row}"
        );
    }
    insta::assert_snapshot!("series_csv", table);
}

#[test]
fn a_rate_just_below_zero_is_written_as_zero() {
    let parent = TempDir::new().unwrap();
    let mut dir = ResultsDir::create(parent.path(), "shop", Timestamp::UNIX_EPOCH).unwrap();
    let mut snapshots = fixture::snapshots(2);
    snapshots[0].users.target_rate = -0.0;
    snapshots[1].users.target_rate = -1e-9;
    for snapshot in &snapshots {
        dir.append(snapshot);
    }
    dir.write_series_csv().unwrap();
    let table = fs::read_to_string(dir.path().join(SERIES_FILE)).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split(',').collect()).collect();
    let column = rows[0]
        .iter()
        .position(|column| *column == "target_rate_per_s")
        .unwrap();
    assert_eq!([rows[1][column], rows[2][column]], ["0", "0"]);
}

#[test]
fn each_row_has_what_was_offered_and_sent_in_its_own_second_though_later_ones_tell() {
    let parent = TempDir::new().unwrap();
    let mut dir = ResultsDir::create(parent.path(), "shop", Timestamp::UNIX_EPOCH).unwrap();
    let mut snapshots = fixture::phased_snapshots(10);
    for snapshot in &mut snapshots {
        snapshot.offered_at.clear();
        snapshot.sent_at.clear();
    }
    snapshots[0].load_phase.name = "=HYPERLINK(\"x\"),\n-1".to_owned();
    snapshots[5].offered_at = [(1, 40), (5, 2)].into();
    snapshots[9].sent_at = [(4, 7), (10, 3)].into();
    snapshots[5].requests.not_sent = 9;
    snapshots[5].not_sent_at = [(2, 8), (5, 1)].into();
    // As a line of an earlier version has it, which did not say when they were due.
    snapshots[7].requests.not_sent = 4;
    for snapshot in &snapshots {
        assert!(dir.append(snapshot).is_none());
    }
    dir.write_series_csv().unwrap();
    let table = fs::read_to_string(dir.path().join(SERIES_FILE)).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split(',').collect()).collect();
    let column = |name| rows[0].iter().position(|column| *column == name).unwrap();
    let of = |name| -> Vec<&str> { rows[1..].iter().map(|row| row[column(name)]).collect() };
    assert_eq!(
        of("offered"),
        ["0", "40", "0", "0", "0", "2", "0", "0", "0", "0"]
    );
    assert_eq!(
        of("not_sent"),
        ["0", "0", "8", "0", "0", "1", "0", "4", "0", "0"]
    );
    // What was sent past the last row's end has no row of its own, and is not dropped.
    assert_eq!(
        of("sent"),
        ["0", "0", "0", "0", "7", "0", "0", "0", "0", "3"]
    );
    assert_eq!(
        of("measured"),
        ["0", "1", "1", "1", "1", "1", "1", "1", "1", "0"]
    );
    assert_eq!(of("load_phase")[..2], ["_HYPERLINK__x____-1", "rise"]);
    assert_eq!(of("retransmits")[0], "2");
}

/// Takes what this version added out of a file's JSON.
fn without(value: &mut serde_json::Value, path: &str, names: &[&str]) {
    let inside = value.pointer_mut(path).unwrap().as_object_mut().unwrap();
    for name in names {
        inside
            .remove(*name)
            .unwrap_or_else(|| panic!("{path} has {name}"));
    }
}

#[test]
fn a_directory_of_the_version_before_phases_is_still_reported() {
    let parent = TempDir::new().unwrap();
    let (path, snapshots) = killed_run(parent.path(), 6);
    let mut lines = String::new();
    for snapshot in &snapshots {
        let mut old = json(snapshot);
        without(
            &mut old,
            "",
            &[
                "load_phase",
                "offered_at",
                "sent_at",
                "not_sent_at",
                "not_sent_of",
            ],
        );
        without(&mut old, "/users", &["target_rate"]);
        without(&mut old, "/requests", &["offered", "sent"]);
        let health = [
            "steal_percent",
            "involuntary_switches",
            "descriptors",
            "retransmits",
        ];
        without(&mut old, "/generator", &health);
        lines += &format!("{old}\n");
    }
    fs::write(path.join(SNAPSHOTS_FILE), lines).unwrap();
    let mut old = json(&summary_of(&snapshots, RunOutcome::Completed));
    without(&mut old, "", &["rate", "measured", "phases"]);
    let health = [
        "steal_percent",
        "involuntary_switches",
        "descriptors_peak",
        "retransmits",
    ];
    without(&mut old, "/generator", &health);
    fs::write(path.join(SUMMARY_FILE), old.to_string()).unwrap();
    let mut old: serde_json::Value =
        serde_json::from_slice(&fs::read(path.join(RUN_FILE)).unwrap()).unwrap();
    without(
        &mut old,
        "",
        &["rate_peak", "max_rps", "parts", "phases", "allow_invalid"],
    );
    fs::write(path.join(RUN_FILE), old.to_string()).unwrap();

    let again = regenerate(&path, &Format::ALL).unwrap();
    assert_eq!(again.outcome, RunOutcome::Completed);
    assert_eq!(again.measured.done, again.requests.done());
    assert_eq!(
        again.verdict.level,
        VerdictLevel::Valid,
        "{:?}",
        again.verdict
    );
}

/// Writes these seconds in this order, and the summary of the whole run where there is one.
fn run_with_lines(parent: &Path, lines: &[usize], summary: Option<&RunSummary>) -> PathBuf {
    let (path, snapshots) = killed_run(parent, 6);
    let mut text = Vec::new();
    for second in lines {
        serde_json::to_writer(&mut text, &snapshots[second - 1]).unwrap();
        text.push(b'\n');
    }
    fs::write(path.join(SNAPSHOTS_FILE), text).unwrap();
    if let Some(summary) = summary {
        ResultsDir::existing(&path).write_summary(summary).unwrap();
    }
    path
}

#[test]
fn seconds_lost_to_a_full_disk_are_told_and_not_taken_for_a_fault_of_ours() {
    let whole = summary_of(&fixture::snapshots(6), RunOutcome::Completed);
    let rows: [(&[usize], &str); 4] = [
        (
            &[1, 2, 6],
            "3 seconds are missing from snapshots.jsonl between 0:02 and 0:05",
        ),
        (
            &[1, 2, 3, 4],
            "2 seconds are missing from snapshots.jsonl between 0:04 and 0:06",
        ),
        (
            &[2, 3, 4, 5, 6],
            "1 second is missing from snapshots.jsonl between 0:00 and 0:01",
        ),
        (
            &[1, 3, 5, 6],
            "2 seconds are missing from snapshots.jsonl between 0:01 and 0:02, between 0:03 and 0:04",
        ),
    ];
    for (lines, words) in rows {
        let parent = TempDir::new().unwrap();
        let path = run_with_lines(parent.path(), lines, Some(&whole));
        let first = regenerate(&path, &Format::ALL).unwrap();
        let again = regenerate(&path, &Format::ALL).unwrap();
        assert_eq!(
            json(&again),
            json(&first),
            "a report made again is the report made first"
        );
        assert_eq!(first.outcome, RunOutcome::Completed);
        assert_eq!(
            first.requests, whole.requests,
            "the run's own figures are kept"
        );
        assert_eq!(first.verdict.level, whole.verdict.level);
        let reasons = first.verdict.reasons.join("; ");
        assert!(reasons.contains(words), "{reasons}");
        assert!(
            !reasons.contains("fault") && !reasons.contains("broke off"),
            "{reasons}"
        );
        let page = fs::read_to_string(path.join(REPORT_FILE)).unwrap();
        assert!(page.contains(words), "the page says it too");
        let stored = StoredRun::open(&path).unwrap();
        assert!(
            stored.notices()[0].starts_with(words),
            "{:?}",
            stored.notices()
        );
    }
}

#[test]
fn a_killed_run_with_missing_seconds_is_cut_off_and_says_what_is_missing() {
    let parent = TempDir::new().unwrap();
    let path = run_with_lines(parent.path(), &[1, 2, 6], None);
    let stored = StoredRun::open(&path).unwrap();
    let verdict = &stored.summary().verdict;
    let reasons = verdict.reasons.join("; ");
    assert_eq!(stored.summary().outcome, RunOutcome::Aborted);
    assert_eq!(verdict.level, VerdictLevel::Invalid);
    assert!(
        reasons.contains("broke off") && reasons.contains("3 seconds are missing"),
        "{reasons}"
    );
    assert!(!reasons.contains("fault"), "{reasons}");
}

#[test]
fn a_second_that_stands_twice_is_counted_once_and_told() {
    let parent = TempDir::new().unwrap();
    let whole = summary_of(&fixture::snapshots(6), RunOutcome::Completed);
    let path = run_with_lines(parent.path(), &[1, 2, 2, 3, 4, 5, 6], Some(&whole));
    let stored = StoredRun::open(&path).unwrap();
    assert_eq!(json(stored.summary()), json(&whole));
    assert_eq!(
        stored.notices(),
        ["second 2 stands twice in snapshots.jsonl; it was counted once"]
    );
    assert_eq!(stored.info().notes, stored.notices());
}

#[test]
fn help_fits_when_a_directory_cannot_be_begun_or_was_removed_in_mid_run() {
    let parent = TempDir::new().unwrap();
    let dir = ResultsDir::create(parent.path(), "shop", Timestamp::UNIX_EPOCH).unwrap();
    fs::create_dir(dir.path().join(RUN_FILE)).unwrap();
    let begin = dir
        .write_run_info(&fixture::run_info())
        .unwrap_err()
        .to_string();
    assert!(
        begin.contains("--output DIR") && begin.contains("cannot begin"),
        "{begin}"
    );
    assert!(
        !begin.contains("loadforge report"),
        "there is nothing to report: {begin}"
    );

    fs::remove_dir_all(dir.path()).unwrap();
    let summary = summary_of(&fixture::snapshots(2), RunOutcome::Completed);
    let gone = dir.write_summary(&summary).unwrap_err().to_string();
    assert!(
        gone.contains("was removed") && gone.contains("run it again"),
        "{gone}"
    );
}

#[test]
fn a_file_given_for_a_directory_is_named_as_such() {
    let parent = TempDir::new().unwrap();
    let file = parent.path().join("report.html");
    fs::write(&file, "").unwrap();
    let error = StoredRun::open(&file).unwrap_err();
    assert!(
        matches!(error, ResultsError::NotADirectory { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("is a file"), "{error}");
}
