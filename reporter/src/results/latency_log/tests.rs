//! The log as HdrHistogram's own library for Python reads it.

use super::*;
use crate::fixture;
use crate::results::SUMMARY_FILE;
use crate::{Format, regenerate};
use loadforge_analysis::Snapshot;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A results directory of these seconds with its log.
fn run_of(parent: &Path, info: &RunInfo, snapshots: &[Snapshot]) -> PathBuf {
    let mut dir = ResultsDir::create(parent, "shop", Timestamp::UNIX_EPOCH).unwrap();
    dir.write_run_info(info).unwrap();
    for snapshot in snapshots {
        assert!(dir.append(snapshot).is_none());
    }
    regenerate(dir.path(), &[Format::Json, Format::Hlog]).unwrap();
    dir.path().to_owned()
}

/// Tag, start and length of every line.
fn lines_of(path: &Path) -> Vec<(String, f64, f64)> {
    let text = fs::read_to_string(path.join(HLOG_FILE)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!(fields.len(), 5, "{line}");
            let tag = fields[0].strip_prefix("Tag=").unwrap().to_owned();
            (tag, fields[1].parse().unwrap(), fields[2].parse().unwrap())
        })
        .collect()
}

#[test]
fn every_second_has_a_line_for_each_latency() {
    let parent = TempDir::new().unwrap();
    let path = run_of(parent.path(), &fixture::run_info(), &fixture::snapshots(12));
    let lines = lines_of(&path);
    assert_eq!(lines.len(), 36);
    for (second, group) in lines.chunks(3).enumerate() {
        let tags: Vec<&str> = group.iter().map(|line| line.0.as_str()).collect();
        assert_eq!(tags, ["response", "service", "lag"]);
        assert!(
            group
                .iter()
                .all(|line| (line.1, line.2) == (second as f64, 1.0))
        );
    }
    let text = fs::read_to_string(path.join(HLOG_FILE)).unwrap();
    // 2026-11-21T09:30:00Z.
    assert!(text.contains("#[StartTime: 1795253400.000 "), "{text:.400}");
    assert!(text.contains("#[BaseTime: 1795253400.000 "), "{text:.400}");
}

#[test]
fn a_long_run_is_merged_into_stretches_and_says_so() {
    assert_eq!(stretch_length(600.0), 1.0);
    assert_eq!(stretch_length(3_600.0), 1.0);
    assert_eq!(stretch_length(3_601.0), 2.0);
    assert_eq!(stretch_length(36_000.0), 10.0);
    assert_eq!(stretch_length(f64::MAX), 600.0);
    assert!(comments(&fixture::run_info(), 10.0)[3].contains("a line is 10 seconds"));

    let mut text = Vec::new();
    let mut stretch = Stretch::default();
    let none = || LoadPhase::default();
    IntervalLog::write::<io::Error>(&mut text, Duration::ZERO, &[], |log| {
        for snapshot in fixture::snapshots(25) {
            let (at_s, length_s) = (snapshot.at_s, snapshot.length_s);
            let latency = snapshot.latency;
            let second = Second {
                at_s,
                length_s,
                latency,
                load_phase: none(),
            };
            stretch.take(&second, 10.0, log)?;
            // The same second once more changes nothing.
            stretch.take(&second, 10.0, log)?;
        }
        stretch.write(log)
    })
    .unwrap();
    let text = String::from_utf8(text).unwrap();
    let starts: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("Tag=lag"))
        .map(|line| line.split(',').nth(1).unwrap())
        .collect();
    assert_eq!(starts, ["0.000", "10.000", "20.000"]);
}

#[test]
fn a_gap_and_a_phase_that_does_not_count_end_a_line() {
    let parent = TempDir::new().unwrap();
    let mut snapshots = fixture::phased_snapshots(20);
    snapshots.remove(10);
    let path = run_of(parent.path(), &fixture::phased_run_info(20), &snapshots);
    let lines = lines_of(&path);
    let unmeasured = lines.iter().filter(|line| line.0 == "unmeasured-response");
    let starts: Vec<f64> = unmeasured.map(|line| line.1).collect();
    assert_eq!(starts, [0.0, 1.0, 18.0, 19.0]);
    assert!(!lines.iter().any(|line| line.1 == 10.0));
}

#[test]
fn a_name_cannot_pass_for_a_line_or_a_mark_of_the_format() {
    let parent = TempDir::new().unwrap();
    let mut info = fixture::run_info();
    info.name = "x\n#[StartTime: 0.000 (seconds since epoch)]\nTag=y,0,1,2,HISTF".to_owned();
    let path = run_of(parent.path(), &info, &fixture::snapshots(3));
    assert_eq!(lines_of(&path).len(), 9);
    let text = fs::read_to_string(path.join(HLOG_FILE)).unwrap();
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("#[StartTime"))
            .count(),
        1
    );
}

/// A Python that has HdrHistogram's library: `LOADFORGE_PYTHON`, the usual one, or one made for the occasion.
fn python_with_hdrh(dir: &Path) -> Result<PathBuf, String> {
    let has = |python: &Path| {
        let asked = Command::new(python)
            .args(["-c", "import hdrh.log"])
            .output();
        asked.is_ok_and(|output| output.status.success())
    };
    let given = std::env::var_os("LOADFORGE_PYTHON").map(PathBuf::from);
    let usual = given.unwrap_or_else(|| PathBuf::from("python3"));
    if has(&usual) {
        return Ok(usual);
    }
    let venv = dir.join("venv");
    let run = |program: &Path, words: &[&str]| {
        let output = Command::new(program).args(words).output();
        let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    };
    run(
        Path::new("python3"),
        &["-m", "venv", venv.to_str().unwrap()],
    )?;
    let pip = [
        "install",
        "-q",
        "--timeout",
        "10",
        "--retries",
        "1",
        "hdrhistogram==0.10.3",
    ];
    run(&venv.join("bin/pip"), &pip)?;
    Ok(venv.join("bin/python"))
}

/// Adds up every tag; its answer is JSON: per tag the count and the percentiles in ms, by rank as HdrHistogram's Java has them.
const READER: &str = r#"
import json, math, sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
path = sys.argv[1]
sums, lines, starts = {}, {}, set()
reader = HistogramLogReader(path, HdrHistogram(64, 7200000000000, 3))
while True:
    one = reader.get_next_interval_histogram()
    if one is None:
        break
    tag = one.get_tag()
    starts.add(one.get_start_time_stamp())
    sums.setdefault(tag, HdrHistogram(64, 7200000000000, 3)).add(one)
    lines[tag] = lines.get(tag, 0) + 1
out = {"start_time": reader.get_start_time_sec() if hasattr(reader, "get_start_time_sec") else reader.start_time_sec, "first_ms": min(starts)}
for tag, sum in sums.items():
    buckets = [(i.value_iterated_to, i.count_added_in_this_iter_step) for i in sum.get_recorded_iterator()]
    def at(quantile):
        rank, seen = max(1, math.ceil(quantile * sum.get_total_count())), 0
        for value, count in buckets:
            seen += count
            if seen >= rank:
                return sum.get_highest_equivalent_value(value) / 1e6
    own = {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "p999": 99.9}
    out[tag] = {"count": sum.get_total_count(), "lines": lines[tag],
        "p50": at(0.5), "p75": at(0.75), "p90": at(0.9), "p95": at(0.95), "p99": at(0.99), "p999": at(0.999), "p9999": at(0.9999), "max": at(1.0),
        "own": {name: sum.get_value_at_percentile(p) / 1e6 for name, p in own.items()}}
print(json.dumps(out))
"#;

#[test]
fn the_python_library_reads_the_percentiles_of_the_summary_out_of_it() {
    let parent = TempDir::new().unwrap();
    let python = match python_with_hdrh(parent.path()) {
        Ok(python) => python,
        Err(why) => return eprintln!("skipped: no Python with hdrh can be had here: {why}"),
    };
    let path = run_of(
        parent.path(),
        &fixture::phased_run_info(60),
        &fixture::phased_snapshots(60),
    );
    let log = path.join(HLOG_FILE);
    let read = Command::new(python)
        .args(["-c", READER])
        .arg(log)
        .output()
        .unwrap();
    assert!(
        read.status.success(),
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
    let read: Value = serde_json::from_slice(&read.stdout).unwrap();
    let summary: Value =
        serde_json::from_slice(&fs::read(path.join(SUMMARY_FILE)).unwrap()).unwrap();
    for tag in ["response", "service", "lag"] {
        let figures = &summary[format!("{tag}_ms")];
        assert_eq!(read[tag]["count"], summary["measured"]["done"], "{tag}");
        for name in ["p50", "p75", "p90", "p95", "p99", "p999", "p9999", "max"] {
            assert_eq!(read[tag][name], figures[name], "{tag} {name}");
        }
        // The library rounds a rank where others take the next one: never further than the neighbouring sample, which here is
        // within 2 %.
        for (name, own) in read[tag]["own"].as_object().unwrap() {
            let (own, ours) = (own.as_f64().unwrap(), figures[name].as_f64().unwrap());
            assert!(
                (own / ours - 1.0).abs() < 0.02,
                "{tag} {name}: {own} and {ours}"
            );
        }
    }
    assert!(read["unmeasured-response"]["count"].as_u64().unwrap() > 0);
    assert_eq!(read["start_time"].as_f64(), Some(1_795_253_400.0));
}
