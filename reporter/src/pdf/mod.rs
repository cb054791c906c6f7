//! `report.pdf`: two to four pages for those who want paper, with the words of `report.html` and its charts as vectors.
//! Neighbours: `sheet.rs` is the paper, `charts.rs` draws, `words.rs` and `format.rs` word it as everywhere. Invariants: never more than
//! four pages, whatever the run's names and numbers; equal runs give equal bytes.

mod charts;
mod font;
mod plot;
mod sheet;

use crate::headline::headline;
use crate::html::{Card, cards, started_words};
use crate::report::Report;
use crate::terminal::printable;
use crate::{format, words};
use font::Font;
use loadforge_analysis::{
    EndpointSummary, ErrorCount, Percentiles, PhaseSummary, RunInfo, RunSummary, ThresholdResult,
    VerdictLevel,
};
use loadforge_scenarios::PhaseRole;
use sheet::{
    BAD, BAD_SOFT, Column, GOOD, GOOD_SOFT, GRID, INK, LEFT, PAPER, RIGHT, Row, SOFT, Sheets, WARN,
    WARN_SOFT,
};

/// Width of a line of text.
const WIDE: f32 = RIGHT - LEFT;

/// Rows of tables, so that four pages are always enough; `report.html` has them all.
const MAX_THRESHOLDS: usize = 12;
const MAX_ERRORS: usize = 8;
const MAX_PHASES: usize = 8;
const MAX_ENDPOINTS: usize = 51;
const MAX_REASONS: usize = 5;
const MAX_NOTES: usize = 4;

/// Most pages, and the room on the last one that what follows the endpoints may take.
const MAX_PAGES: usize = 4;
const AFTER_ENDPOINTS: f32 = 350.0;

/// Lines that a reason, a note or the like may take.
const MAX_LINES: usize = 3;

/// Makes the document.
pub(crate) fn document(report: &Report<'_>) -> Vec<u8> {
    let (info, summary) = (report.info, report.summary);
    let series = charts::for_paper(report.series);
    let mut sheets = Sheets::new();
    heading(&mut sheets, info, summary);
    verdict(&mut sheets, summary);
    story(&mut sheets, info, summary);
    card_grid(&mut sheets, &cards(summary));
    charts::throughput(&mut sheets, report, &series, 120.0);
    charts::response(&mut sheets, &series, 120.0);

    sheets.new_sheet();
    charts::distribution(&mut sheets, report, 140.0);
    latencies(&mut sheets, summary);
    thresholds(&mut sheets, &summary.thresholds);
    charts::errors(&mut sheets, &series, 90.0);
    errors(&mut sheets, summary);

    phases(&mut sheets, &summary.phases);
    endpoints(&mut sheets, summary);
    accounting(&mut sheets, summary);
    setting(&mut sheets, info);
    if sheets.has_replaced() {
        let words = "A ? in a name may stand for a letter that the fonts of this document lack; report.html shows it.";
        note(&mut sheets, words);
    }
    let name = printable(&summary.name);
    let title = format!("{name} – load test report");
    let foot = format!("{title} – LoadForge {}", printable(&info.loadforge_version));
    sheets.finish(&title, &foot)
}

fn heading(sheets: &mut Sheets, info: &RunInfo, summary: &RunSummary) {
    sheets.skip(6.0);
    let y = sheets.y();
    sheets.text(Font::bold(8.5), SOFT, (LEFT, y), WIDE, "LoadForge");
    sheets.skip(26.0);
    let y = sheets.y();
    sheets.text(Font::bold(20.0), INK, (LEFT, y), WIDE, &summary.name);
    sheets.skip(6.0);
    let mut meta = format!("{} · {}", started_words(&summary.started_at), info.load);
    if !info.origins.is_empty() {
        meta.push_str(&format!(" · {}", info.origins.join(", ")));
    }
    let font = Font::plain(8.5);
    let lines = sheets.lines(font, &meta, WIDE, 2);
    sheets.paragraph(font, SOFT, LEFT, &lines);
    sheets.skip(8.0);
    let font = Font::bold(12.0);
    let lines = sheets.lines(font, &headline(summary), WIDE, 4);
    sheets.paragraph(font, INK, LEFT, &lines);
    sheets.skip(6.0);
}

/// The verdict in a box of its colour, with its reasons.
fn verdict(sheets: &mut Sheets, summary: &RunSummary) {
    const PAD: f32 = 10.0;
    const TEXT: Font = Font::plain(8.5);
    let level = summary.verdict.level;
    let (colour, soft) = match level {
        VerdictLevel::Valid => (GOOD, GOOD_SOFT),
        VerdictLevel::Suspect => (WARN, WARN_SOFT),
        VerdictLevel::Invalid => (BAD, BAD_SOFT),
    };
    let room = WIDE - 2.0 * PAD - 70.0;
    let x = LEFT + PAD + 70.0;
    let mut lines = sheets.lines(TEXT, words::verdict_meaning(level), room, MAX_LINES);
    let reasons = &summary.verdict.reasons;
    for reason in reasons.iter().take(MAX_REASONS) {
        lines.extend(sheets.lines(TEXT, &format!("• {reason}"), room, MAX_LINES));
    }
    if reasons.len() > MAX_REASONS {
        let rest = format!("and {} more in report.html", reasons.len() - MAX_REASONS);
        lines.extend(sheets.lines(TEXT, &rest, room, 1));
    }
    let height = 2.0 * PAD + 14.0 + lines.len() as f32 * TEXT.size * 1.35;
    let top = sheets.y();
    sheets.box_filled(soft, (LEFT, top), (WIDE, height));
    sheets.box_filled(colour, (LEFT, top), (3.0, height));
    let word = words::verdict_word(level);
    sheets.box_filled(colour, (LEFT + PAD, top + PAD), (58.0, 16.0));
    sheets.text_around(
        Font::bold(8.5),
        PAPER,
        (LEFT + PAD + 29.0, top + PAD + 11.0),
        word,
    );
    sheets.text(
        Font::bold(11.0),
        INK,
        (x, top + PAD + 11.0),
        room,
        words::verdict_heading(level),
    );
    sheets.skip(PAD + 16.0);
    sheets.paragraph(TEXT, INK, x, &lines);
    sheets.skip(top + height - sheets.y() + 4.0);
}

fn story(sheets: &mut Sheets, info: &RunInfo, summary: &RunSummary) {
    const TEXT: Font = Font::plain(10.0);
    if let Some(words) = words::cut_short(summary, info.duration_s) {
        let lines = sheets.lines(Font::plain(8.5), &words, WIDE, MAX_LINES);
        sheets.skip(4.0);
        sheets.paragraph(Font::plain(8.5), WARN, LEFT, &lines);
    }
    sheets.skip(4.0);
    let lines = sheets.lines(TEXT, &words::story(summary), WIDE, 4);
    sheets.paragraph(TEXT, INK, LEFT, &lines);
    if let Some(words) = words::thresholds_words(&summary.thresholds) {
        let met = summary.thresholds.iter().all(|threshold| threshold.passed);
        sheets.skip(4.0);
        let lines = sheets.lines(Font::bold(10.0), &words, WIDE, 1);
        sheets.paragraph(Font::bold(10.0), if met { GOOD } else { BAD }, LEFT, &lines);
    }
}

/// The cards of the page, four beside each other.
fn card_grid(sheets: &mut Sheets, cards: &[Card]) {
    const ACROSS: usize = 4;
    const HEIGHT: f32 = 46.0;
    let width = WIDE / ACROSS as f32;
    for row in cards.chunks(ACROSS) {
        sheets.need(HEIGHT);
        sheets.skip(8.0);
        let top = sheets.y();
        for (index, card) in row.iter().enumerate() {
            let x = LEFT + width * index as f32;
            let room = width - 12.0;
            sheets.box_filled(GRID, (x, top), (0.7, HEIGHT - 10.0));
            let x = x + 6.0;
            sheets.text(Font::plain(7.5), SOFT, (x, top + 7.0), room, card.label);
            let colour = if card.bad { BAD } else { INK };
            sheets.text(Font::bold(14.0), colour, (x, top + 22.0), room, &card.value);
            sheets.text(Font::plain(6.5), SOFT, (x, top + 32.0), room, &card.note);
        }
        sheets.skip(HEIGHT - 8.0);
    }
}

/// Columns of a table: the first with the room that the others, of figures, leave.
fn columns(first: &'static str, others: &[(&'static str, f32)]) -> Vec<Column> {
    let taken: f32 = others.iter().map(|other| other.1).sum();
    let lead = Column {
        title: first,
        width: WIDE - taken,
        right: false,
    };
    let figures = others.iter().map(|(title, width)| Column {
        title,
        width: *width,
        right: true,
    });
    std::iter::once(lead).chain(figures).collect()
}

/// A latency, where there was a sample.
fn latency(ms: f64, samples: u64) -> String {
    if samples > 0 {
        format::latency(ms)
    } else {
        format::NONE.to_owned()
    }
}

fn latencies(sheets: &mut Sheets, summary: &RunSummary) {
    let titles = [
        "min",
        "mean",
        "std. dev.",
        "p50",
        "p75",
        "p90",
        "p95",
        "p99",
        "p99.9",
        "p99.99",
        "max",
    ];
    let columns = columns("Latency", &titles.map(|title| (title, 41.0)));
    let row = |name: &str, figures: &Percentiles| {
        let Percentiles {
            min,
            mean,
            stddev,
            p50,
            p75,
            p90,
            p95,
            p99,
            p999,
            p9999,
            max,
        } = *figures;
        let all = [min, mean, stddev, p50, p75, p90, p95, p99, p999, p9999, max];
        let mut cells = vec![name.to_owned()];
        cells.extend(all.map(|ms| latency(ms, summary.measured.done)));
        Row { cells, bad: false }
    };
    let rows = [
        row("Response", &summary.response_ms),
        row("Service", &summary.service_ms),
        row("Lag", &summary.lag_ms),
    ];
    let caption = match words::left_out(summary) {
        Some(left_out) => format!("Latencies of the measured part: {left_out}"),
        None => "Latencies of the whole run".to_owned(),
    };
    sheets.table(&caption, &columns, &rows, rows.len());
}

fn thresholds(sheets: &mut Sheets, thresholds: &[ThresholdResult]) {
    if thresholds.is_empty() {
        return;
    }
    let columns = columns(
        "Threshold",
        &[("measured", 70.0), ("result", 50.0), ("when", 190.0)],
    );
    let row = |threshold: &ThresholdResult| Row {
        cells: vec![
            threshold.expr.clone(),
            words::threshold_actual(threshold),
            if threshold.passed { "met" } else { "not met" }.to_owned(),
            words::threshold_when(threshold),
        ],
        bad: !threshold.passed,
    };
    // What was missed must not be cut off.
    let missed = thresholds.iter().filter(|threshold| !threshold.passed);
    let met = thresholds.iter().filter(|threshold| threshold.passed);
    let rows: Vec<Row> = missed.chain(met).map(row).collect();
    sheets.table("Thresholds", &columns, &rows, MAX_THRESHOLDS);
}

fn errors(sheets: &mut Sheets, summary: &RunSummary) {
    if summary.errors.is_empty() {
        return;
    }
    let columns = columns("Error", &[("count", 70.0)]);
    let row = |error: &ErrorCount| Row {
        cells: vec![
            format!("{}: {}", error.kind.as_str(), error.detail),
            format::count(error.count),
        ],
        bad: false,
    };
    let rows: Vec<Row> = summary.errors.iter().map(row).collect();
    sheets.table("Errors by kind and detail", &columns, &rows, MAX_ERRORS);
    if let Some(words) = words::failures_without_request(summary) {
        note(sheets, &words);
    }
}

fn phases(sheets: &mut Sheets, phases: &[PhaseSummary]) {
    if phases.is_empty() {
        return;
    }
    let figures = [
        ("from", 40.0),
        ("requests", 56.0),
        ("not sent", 46.0),
        ("/s", 44.0),
        ("failed %", 46.0),
        ("p50", 44.0),
        ("p95", 44.0),
        ("p99", 44.0),
    ];
    let row = |phase: &PhaseSummary| {
        let response = &phase.response_ms;
        let mut name = phase.name.clone();
        if phase.role != PhaseRole::Measured {
            name = format!("{name} ({})", words::phase_note(phase.role));
        }
        let cells = vec![
            name,
            format::clock(phase.from_s),
            format::count(phase.done),
            format::count(phase.not_sent),
            format::rate(phase.rps_mean),
            format::percent(phase.error_rate),
            latency(response.p50, phase.done),
            latency(response.p95, phase.done),
            latency(response.p99, phase.done),
        ];
        Row { cells, bad: false }
    };
    let rows: Vec<Row> = phases.iter().map(row).collect();
    let columns = columns("Phase", &figures);
    sheets.table(
        "Phases of the plan; response time",
        &columns,
        &rows,
        MAX_PHASES,
    );
}

fn endpoints(sheets: &mut Sheets, summary: &RunSummary) {
    if summary.endpoints.is_empty() {
        return;
    }
    // A few rows alone at a foot say nothing: most tables are short enough to be kept in one piece.
    sheets.heading(
        "Endpoints",
        50.0 + 12.0 * summary.endpoints.len().min(12) as f32,
    );
    let figures = [
        ("requests", 56.0),
        ("/s", 44.0),
        ("failed", 50.0),
        ("failed %", 46.0),
        ("p50", 44.0),
        ("p95", 44.0),
        ("p99", 44.0),
        ("max", 44.0),
    ];
    let row = |endpoint: &EndpointSummary| {
        let response = &endpoint.response_ms;
        let share = endpoint.failed as f64 / endpoint.sent.max(1) as f64;
        let cells = vec![
            words::endpoint_label(&endpoint.method, &endpoint.name),
            format::count(endpoint.sent),
            format::rate(endpoint.rps_mean),
            format::count(endpoint.failed),
            format::percent(share),
            latency(response.p50, endpoint.sent),
            latency(response.p95, endpoint.sent),
            latency(response.p99, endpoint.sent),
            latency(response.max, endpoint.sent),
        ];
        Row { cells, bad: false }
    };
    let rows: Vec<Row> = summary.endpoints.iter().map(row).collect();
    let columns = columns("Endpoint", &figures);
    let room = sheets.rows_left(MAX_PAGES, AFTER_ENDPOINTS);
    let most = room.min(MAX_ENDPOINTS);
    sheets.table("All endpoints; response time", &columns, &rows, most);
    if let Some(words) = words::other_words(summary) {
        note(sheets, &words);
    }
}

fn accounting(sheets: &mut Sheets, summary: &RunSummary) {
    const TEXT: Font = Font::plain(8.5);
    sheets.heading("Nothing left out", 40.0);
    let holds = words::conserved(summary);
    for equation in words::conservation(summary) {
        let lines = sheets.lines(TEXT, &equation, WIDE, 1);
        sheets.paragraph(TEXT, if holds { INK } else { BAD }, LEFT, &lines);
    }
}

/// What was asked and where it ran, in a few lines.
fn setting(sheets: &mut Sheets, info: &RunInfo) {
    const TEXT: Font = Font::plain(8.5);
    let machine = &info.machine;
    sheets.heading("Where it came from", 60.0);
    let facts = [
        format!("Scenario: {}", info.source),
        format!(
            "Load: {}, planned for {}",
            info.load,
            format::span(info.duration_s)
        ),
        format!("Seed: {}", info.seed),
        format!(
            "Generator: {}, records by {}, sockets by {}",
            format::plural(u64::from(info.workers), "worker"),
            info.transport,
            info.wire
        ),
        format!(
            "Machine: {}, {}, {}, {} of {} CPUs, {} of memory",
            machine.hostname,
            machine.os,
            machine.cpu_model,
            machine.cpus_allowed,
            machine.cpus_online,
            format::bytes(machine.memory_bytes)
        ),
    ];
    for fact in &facts {
        let lines = sheets.lines(TEXT, fact, WIDE, 2);
        sheets.paragraph(TEXT, INK, LEFT, &lines);
    }
    for text in info.notes.iter().take(MAX_NOTES) {
        note(sheets, text);
    }
    if info.notes.len() > MAX_NOTES {
        let rest = format!("and {} more in report.html", info.notes.len() - MAX_NOTES);
        note(sheets, &rest);
    }
}

fn note(sheets: &mut Sheets, words: &str) {
    const SMALL: Font = Font::plain(7.5);
    sheets.skip(2.0);
    let lines = sheets.lines(SMALL, words, WIDE, MAX_LINES);
    sheets.paragraph(SMALL, SOFT, LEFT, &lines);
}

#[cfg(test)]
mod tests;
