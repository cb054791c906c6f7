//! The document as its readers have it: pages counted, text taken out again.

use super::*;
use crate::fixture;
use crate::sample_run::SampleRun;
use loadforge_analysis::{ErrorCount, Snapshot, Verdict};
use loadforge_scenarios::ErrorKind;
use std::fs;
use std::process::Command;

/// How many pages the file says it has.
fn pages(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    let tree = &text[text.find("/Type /Pages").unwrap()..];
    let count = &tree[tree.find("/Count ").unwrap() + 7..];
    let digits: String = count.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// The text of all pages in the order it was written; `None`, said aloud, where the program for it is missing.
fn text_of(pdf: &[u8]) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.pdf");
    fs::write(&path, pdf).unwrap();
    let asked = Command::new("pdftotext")
        .args(["-raw", "-enc", "UTF-8"])
        .arg(&path)
        .arg("-")
        .output();
    let output = match asked {
        Ok(output) => output,
        Err(error) => {
            eprintln!("skipped: no pdftotext here ({error})");
            return None;
        }
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
    Some(
        String::from_utf8(output.stdout)
            .unwrap()
            .replace('\u{a0}', " "),
    )
}

/// Text without its line breaks, in which a sentence can be looked for.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_document_has_the_words_of_the_page() {
    let run = SampleRun::with(
        fixture::phased_run_info(180),
        &fixture::phased_snapshots(180),
    );
    let pdf = document(&run.report());
    let Some(text) = text_of(&pdf) else { return };
    let text = joined(&text);
    let summary = &run.summary;
    let mut wanted = vec![
        "shop".to_owned(),
        "21 November 2026, 09:30:00 UTC".to_owned(),
        words::verdict_word(summary.verdict.level).to_owned(),
        words::verdict_heading(summary.verdict.level).to_owned(),
        crate::headline::headline(summary),
        words::story(summary),
        words::thresholds_words(&summary.thresholds).unwrap(),
        words::left_out(summary).unwrap(),
        "p99 < 500ms".to_owned(),
        "Distribution of latencies".to_owned(),
        "GET product page".to_owned(),
        "warm-up: not counted".to_owned(),
    ];
    wanted.extend(summary.verdict.reasons.iter().cloned());
    wanted.extend(words::conservation(summary));
    for card in cards(summary) {
        wanted.push(format!("{} {} {}", card.label, card.value, card.note));
    }
    for sentence in wanted {
        let sentence = joined(&sentence.replace('\u{a0}', " "));
        assert!(text.contains(&sentence), "“{sentence}” is not in: {text}");
    }
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}

#[test]
fn charts_are_vectors_and_nothing_is_embedded() {
    let pdf = document(&SampleRun::of(&fixture::snapshots(180)).report());
    let text = String::from_utf8_lossy(&pdf);
    assert!(pdf.starts_with(b"%PDF-1."));
    for foreign in [
        "/Image",
        "/FontFile",
        "/URI",
        "/JavaScript",
        "/EmbeddedFile",
    ] {
        assert!(!text.contains(foreign), "{foreign}");
    }
    assert!(pdf.len() < 200_000, "{} bytes", pdf.len());
}

#[test]
fn a_document_has_two_to_four_pages_whatever_the_run() {
    let long = "a name that goes on and on ".repeat(40);
    let mut worst = SampleRun::with(
        fixture::phased_run_info(180),
        &fixture::phased_snapshots(180),
    );
    let summary = &mut worst.summary;
    summary.name = long.clone();
    summary.outcome = loadforge_analysis::RunOutcome::Aborted;
    summary.verdict = Verdict {
        level: VerdictLevel::Invalid,
        reasons: vec![long.clone(); 30],
        disturbed: true,
    };
    let threshold = ThresholdResult {
        expr: long.clone(),
        actual: Some(1e300),
        passed: false,
        ..ThresholdResult::default()
    };
    summary.thresholds = vec![threshold; 40];
    let error = ErrorCount {
        kind: ErrorKind::Check,
        detail: long.clone(),
        count: u64::MAX,
        without_request: 1,
    };
    summary.errors = vec![error; 60];
    let phase = summary.phases[1].clone();
    summary.phases = vec![phase; 40];
    let mut endpoint = summary.endpoints[0].clone();
    endpoint.name = long.clone();
    summary.endpoints = vec![endpoint; 51];
    worst.info.notes = vec![long.clone(); 50];
    worst.info.load = long.clone();
    worst.info.source = long.clone();
    worst.info.origins = vec![long.clone(); 20];
    worst.info.machine.cpu_model = long;
    let runs = [
        (SampleRun::of(&fixture::idle_snapshots(5)), 2..=3),
        (SampleRun::of(&fixture::snapshots(12)), 2..=3),
        (SampleRun::of(&fixture::wide_snapshots(50, 60)), 3..=4),
        (SampleRun::of(&fixture::hostile_snapshots(10)), 2..=4),
        (worst, 4..=4),
    ];
    for (number, (run, allowed)) in runs.iter().enumerate() {
        let pages = pages(&document(&run.report()));
        assert!(allowed.contains(&pages), "run {number}: {pages} pages");
    }
}

#[test]
fn hostile_names_are_cut_shown_and_never_drawn_over_others() {
    let mut run = SampleRun::of(&fixture::hostile_snapshots(10));
    run.summary.name = ") Tj ET Q 1 0 0 rg (\\".to_owned();
    let pdf = document(&run.report());
    let Some(text) = text_of(&pdf) else { return };
    assert!(text.contains(") Tj ET Q 1 0 0 rg (\\"), "{text}");
    assert!(text.contains("GET </script><img src=x"), "{text}");
    assert!(text.contains("=HYPERLINK"), "{text}");
    assert!(text.contains("the fonts of this document lack"), "{text}");
    let foreign = |char: char| char.is_control() && !matches!(char, '\n' | '\u{c}');
    assert!(
        !text.contains(foreign) && !text.contains(crate::direction::turns_text),
        "{text:?}"
    );
}

#[test]
fn a_run_without_requests_says_so_where_its_charts_would_be() {
    let Some(text) = text_of(&document(
        &SampleRun::of(&fixture::idle_snapshots(5)).report(),
    )) else {
        return;
    };
    assert_eq!(
        text.matches("No request was answered.").count(),
        3,
        "{text}"
    );
    assert!(text.contains("No errors."), "{text}");
    assert!(text.contains("There is nothing to measure."), "{text}");
}

#[test]
fn equal_runs_give_equal_documents() {
    let seconds: Vec<Snapshot> = fixture::snapshots(20);
    let make = || document(&SampleRun::of(&seconds).report());
    assert_eq!(make(), make());
}
