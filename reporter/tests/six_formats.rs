//! One run, six ways to read it: every figure that more than one of them shows is the same in all.

#[path = "fixture/mod.rs"]
mod fixture;

use loadforge_analysis::{RunFacts, RunFold, RunOutcome, Snapshot, Totals};
use loadforge_reporter::{Format, Report, ResultsDir, Series, final_table, format, write_all};
use quick_junit::Report as Suites;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The figures of a run as people read them.
#[derive(Debug, PartialEq)]
struct Shown {
    requests: String,
    rate: String,
    failed: String,
    error_rate: String,
    /// Of the response time: p50, p95, p99.
    percentiles: [String; 3],
}

impl Shown {
    fn of(done: f64, rate: f64, failed: f64, error_rate: f64, percentiles: [f64; 3]) -> Shown {
        Shown {
            requests: format::count(done as u64),
            rate: format::rate(rate),
            failed: format::count(failed as u64),
            error_rate: format::percent(error_rate),
            percentiles: percentiles.map(format::latency),
        }
    }

    fn from_json(dir: &Path) -> Shown {
        let text = fs::read(dir.join("summary.json")).unwrap();
        let summary: Value = serde_json::from_slice(&text).unwrap();
        Shown::from_numbers(|path| {
            let path = format!("/{}", path.replace('.', "/"));
            summary.pointer(&path).unwrap().as_f64().unwrap()
        })
    }

    fn from_junit(dir: &Path) -> Shown {
        let text = fs::read_to_string(dir.join("junit.xml")).unwrap();
        let suites = Suites::deserialize_from_str(&text).unwrap();
        Shown::from_numbers(|name| {
            let properties = &suites.test_suites[0].properties;
            let found = properties
                .iter()
                .find(|property| property.name.as_str() == name);
            found.unwrap().value.as_str().parse().unwrap()
        })
    }

    /// From figures under their paths in `summary.json`.
    fn from_numbers(number: impl Fn(&str) -> f64) -> Shown {
        Shown::of(
            number("measured.done"),
            number("requests.rps_mean"),
            number("measured.failed"),
            number("error_rate"),
            ["p50", "p95", "p99"].map(|name| number(&format!("response_ms.{name}"))),
        )
    }

    /// Counts from the sums of the rows; percentiles of a whole run stand there only where the run is one row.
    fn from_csv(dir: &Path) -> (Shown, usize) {
        let text = fs::read_to_string(dir.join("series.csv")).unwrap();
        let rows: Vec<Vec<&str>> = text.lines().map(|row| row.split(',').collect()).collect();
        let column = |name: &str| -> Vec<f64> {
            let at = rows[0].iter().position(|column| *column == name).unwrap();
            rows[1..]
                .iter()
                .map(|row| row[at].parse().unwrap())
                .collect()
        };
        let sum = |name: &str| column(name).iter().sum::<f64>();
        let (done, failed) = (sum("done"), sum("failed"));
        let percentiles =
            ["p50", "p95", "p99"].map(|name| column(&format!("response_{name}_ms"))[0]);
        let shown = Shown::of(
            done,
            done / sum("length_s"),
            failed,
            failed / done,
            percentiles,
        );
        (shown, rows.len() - 1)
    }

    fn from_terminal(table: &str) -> Shown {
        let line = |label: &str| {
            let mut lines = table.lines().map(str::trim);
            lines
                .find_map(|line| line.strip_prefix(label))
                .unwrap()
                .trim()
        };
        // "requests  22,984, 2,297 a second, 0 failed (0 %)"
        let parts: Vec<&str> = line("requests ").split(", ").collect();
        let (failed, error_rate) = parts[2].split_once(" failed (").unwrap();
        let cells: Vec<&str> = line("response ")
            .split("  ")
            .filter(|cell| !cell.is_empty())
            .collect();
        let cells: Vec<&str> = cells.iter().map(|cell| cell.trim()).collect();
        // p50, p75, p90, p95, p99, p99.9, max
        assert_eq!(cells.len(), 7, "{cells:?}");
        Shown {
            requests: parts[0].to_owned(),
            rate: parts[1].strip_suffix(" a second").unwrap().to_owned(),
            failed: failed.to_owned(),
            error_rate: error_rate.trim_end_matches(')').to_owned(),
            percentiles: [cells[0], cells[3], cells[4]].map(str::to_owned),
        }
    }

    /// From texts in the order of a page, where each card is a label, a value and a note.
    fn from_cards(texts: &[String]) -> Shown {
        let card = |label: &str| {
            let at = texts.iter().position(|text| text == label);
            let at = at.unwrap_or_else(|| panic!("no card {label} in {texts:?}"));
            (texts[at + 1].clone(), texts[at + 2].clone())
        };
        let rate = card("Rate").0;
        let (error_rate, failed) = card("Errors");
        Shown {
            requests: card("Requests").0,
            rate: rate.strip_suffix(" /s").unwrap().to_owned(),
            failed: failed.strip_suffix(" failed").unwrap().to_owned(),
            error_rate,
            percentiles: ["p50", "p95", "p99"].map(|name| card(&format!("Response {name}")).0),
        }
    }
}

/// What stands between the tags of the page, script and style left out.
fn texts_of_page(dir: &Path) -> Vec<String> {
    let page = fs::read_to_string(dir.join("report.html")).unwrap();
    let body = page
        .split("<main>")
        .nth(1)
        .unwrap()
        .split("</main>")
        .next()
        .unwrap();
    let pieces = body.split('<').filter_map(|piece| piece.split_once('>'));
    let texts = pieces.map(|(_, text)| text.trim().replace("&#x2f;", "/"));
    texts.filter(|text| !text.is_empty()).collect()
}

/// The lines of the document in the order they were written; `None` without the program that takes them out.
fn texts_of_document(dir: &Path) -> Option<Vec<String>> {
    let mut command = Command::new("pdftotext");
    command
        .args(["-raw", "-enc", "UTF-8"])
        .arg(dir.join("report.pdf"))
        .arg("-");
    match command.output() {
        Ok(output) => {
            assert!(output.status.success());
            let text = String::from_utf8(output.stdout).unwrap();
            Some(
                text.lines()
                    .map(|line| line.trim().replace('\u{a0}', " "))
                    .collect(),
            )
        }
        Err(error) => {
            eprintln!("skipped: no pdftotext here ({error})");
            None
        }
    }
}

fn equal_in_all(snapshots: &[Snapshot]) {
    let parent = tempfile::tempdir().unwrap();
    let info = fixture::run_info();
    let mut dir =
        ResultsDir::create(parent.path(), &info.name, info.started_at.parse().unwrap()).unwrap();
    dir.write_run_info(&info).unwrap();
    let (mut fold, mut series) = (RunFold::default(), Series::default());
    for snapshot in snapshots {
        assert!(dir.append(snapshot).is_none());
        fold.add(snapshot);
        series.add(snapshot);
    }
    let outcome = RunOutcome::Completed;
    let summary = fold.finish(RunFacts {
        info: &info,
        outcome,
    });
    let histograms = fold.histograms();
    let report = Report {
        info: &info,
        summary: &summary,
        histograms,
        series: &series,
    };
    write_all(&dir, &Format::ALL, &report).unwrap();
    let dir = dir.path();

    let json = Shown::from_json(dir);
    assert!(
        summary.measured.failed > 0,
        "figures that are all 0 are equal too easily"
    );
    let table = final_table(&summary, histograms, None, false);
    assert_eq!(Shown::from_terminal(&table), json, "the terminal");
    assert_eq!(Shown::from_junit(dir), json, "JUnit");
    let page = texts_of_page(dir);
    assert_eq!(Shown::from_cards(&page), json, "the page");
    if let Some(document) = texts_of_document(dir) {
        assert_eq!(Shown::from_cards(&document), json, "PDF");
        // The whole row of latencies, as the page has it.
        let row = page
            .iter()
            .position(|text| text == "what users feel")
            .unwrap();
        let cells = page[row + 1..row + 12].join(" ");
        assert!(
            document.contains(&format!("Response {cells}")),
            "{cells} in {document:?}"
        );
    }
    let (csv, rows) = Shown::from_csv(dir);
    assert_eq!(rows, snapshots.len());
    assert_eq!(
        (csv.requests, csv.rate, csv.failed, csv.error_rate),
        (json.requests, json.rate, json.failed, json.error_rate),
        "CSV"
    );
    if rows == 1 {
        assert_eq!(csv.percentiles, json.percentiles, "CSV");
    }
}

#[test]
fn terminal_json_csv_html_junit_and_pdf_show_the_same_figures() {
    equal_in_all(&fixture::snapshots(180));
}

#[test]
fn a_run_of_one_second_has_the_same_percentiles_in_its_one_row() {
    let mut second = fixture::snapshots(105).remove(104);
    let requests = second.requests;
    (second.at_s, second.length_s) = (1.0, 1.0);
    second.offered_at = [(0, requests.done)].into();
    second.sent_at = second.offered_at.clone();
    second.totals = Totals {
        intended: requests.done,
        sent: requests.done,
        ok: requests.ok,
        failed: requests.failed,
        ..Totals::default()
    };
    equal_in_all(&[second]);
}
