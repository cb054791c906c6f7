//! Everything on the page that is not a chart, as finished text for the template: verdict, cards, tables, environment.
//! Neighbours: `assets/page.html` arranges it, `words.rs` and `format.rs` word it. Invariant: the template decides nothing
//! about figures and escapes everything.

use super::charts::event_mark;
use super::glossary::{ENTRIES, Entry};
use super::own_figures::{NamedTable, own_figures};
use super::pairs::{Pair, environment, generator, plan};
use crate::headline::headline;
use crate::report::Report;
use crate::series::SeriesPoint;
use crate::{format, words};
use jiff::Timestamp;
use loadforge_analysis::{
    EndpointSummary, LoadModel, Percentiles, PhaseSummary, RunSummary, ThresholdResult,
    VerdictLevel,
};
use serde::Serialize;

/// Rows of the second-by-second table; `series.csv` has every second.
const MAX_ROWS: usize = 240;

/// Events in the list; `summary.json` has them all.
const MAX_EVENTS: usize = 50;

#[derive(Serialize)]
pub(super) struct PageTables {
    name: String,
    started: String,
    origins: String,
    load: String,
    outcome: String,
    version: String,
    headline: String,
    verdict: VerdictView,
    story: String,
    cut_short: Option<String>,
    cards: Vec<Card>,
    thresholds_words: Option<String>,
    thresholds_met: bool,
    thresholds: Vec<ThresholdRow>,
    latencies_caption: &'static str,
    latencies: Vec<LatencyRow>,
    phases: Vec<PhaseRow>,
    endpoints: Vec<EndpointRow>,
    own_figures: Vec<NamedTable>,
    other_own_words: Option<String>,
    other_words: Option<String>,
    errors: Vec<ErrorRow>,
    errors_note: Option<String>,
    statuses: Vec<StatusRow>,
    events: Vec<EventRow>,
    events_left_out: usize,
    generator: Vec<Pair>,
    accounting: [String; 2],
    accounting_holds: bool,
    seconds: Vec<SecondRow>,
    seconds_per_row: u32,
    plan: Vec<Pair>,
    environment: Vec<Pair>,
    notes: Vec<String>,
    glossary: &'static [Entry],
}

#[derive(Serialize)]
struct VerdictView {
    class: &'static str,
    word: &'static str,
    heading: &'static str,
    meaning: &'static str,
    reasons: Vec<String>,
}

/// A figure with its label and what it means; the PDF shows the same ones.
#[derive(Serialize)]
pub(crate) struct Card {
    pub(crate) label: &'static str,
    pub(crate) value: String,
    pub(crate) note: String,
    pub(crate) bad: bool,
}

#[derive(Serialize)]
struct ThresholdRow {
    expr: String,
    measured: String,
    passed: bool,
    /// When it first broke; empty when it did not.
    when: String,
}

#[derive(Serialize)]
struct LatencyRow {
    name: &'static str,
    meaning: &'static str,
    cells: Vec<String>,
}

#[derive(Serialize)]
struct PhaseRow {
    name: String,
    /// Why it does not count; empty when it does.
    note: &'static str,
    cells: Vec<Cell>,
}

/// A cell of a sortable table: its text and what it is sorted by.
#[derive(Serialize)]
pub(super) struct Cell {
    text: String,
    sort: f64,
}

impl Cell {
    pub(super) fn new(text: String, sort: f64) -> Cell {
        Cell { text, sort }
    }

    fn count(count: u64) -> Cell {
        Cell::new(format::count(count), count as f64)
    }

    fn percent(share: f64) -> Cell {
        Cell::new(format::percent(share), share)
    }
}

#[derive(Serialize)]
struct EndpointRow {
    method: String,
    name: String,
    failing: bool,
    cells: Vec<Cell>,
}

#[derive(Serialize)]
struct ErrorRow {
    kind: &'static str,
    detail: String,
    /// Count and share.
    cells: [Cell; 2],
}

#[derive(Serialize)]
struct StatusRow {
    status: String,
    meaning: &'static str,
    /// Count and share.
    cells: [Cell; 2],
}

#[derive(Serialize)]
struct EventRow {
    mark: String,
    at: String,
    text: String,
}

#[derive(Serialize)]
struct SecondRow {
    at: String,
    cells: Vec<String>,
}

impl PageTables {
    pub(super) fn of(report: &Report<'_>) -> PageTables {
        let (info, summary) = (report.info, report.summary);
        let table = report.series.thinned(MAX_ROWS);
        PageTables {
            name: summary.name.clone(),
            started: started_words(&summary.started_at),
            origins: info.origins.join(", "),
            load: info.load.clone(),
            outcome: words::outcome_words(summary),
            version: info.loadforge_version.clone(),
            headline: headline(summary),
            verdict: VerdictView::of(summary),
            story: words::story(summary),
            cut_short: words::cut_short(summary, info.duration_s),
            cards: cards(summary),
            thresholds_words: words::thresholds_words(&summary.thresholds),
            thresholds_met: summary.thresholds.iter().all(|threshold| threshold.passed),
            thresholds: thresholds(summary),
            latencies_caption: if words::left_out(summary).is_some() {
                "Latencies of the measured part"
            } else {
                "Latencies of the whole run"
            },
            latencies: latencies(summary),
            phases: summary.phases.iter().map(phase_row).collect(),
            endpoints: summary.endpoints.iter().map(endpoint_row).collect(),
            own_figures: own_figures(summary),
            other_own_words: words::other_own_words(summary),
            other_words: words::other_words(summary),
            errors: errors(summary),
            errors_note: words::failures_without_request(summary),
            statuses: statuses(summary),
            events: events(summary),
            events_left_out: summary.events.len().saturating_sub(MAX_EVENTS),
            generator: generator(summary),
            accounting: words::conservation(summary),
            accounting_holds: words::conserved(summary),
            seconds: table.points().iter().map(second_row).collect(),
            seconds_per_row: table.windows_per_point(),
            plan: plan(info),
            environment: environment(info),
            notes: info.notes.clone(),
            glossary: ENTRIES,
        }
    }
}

impl VerdictView {
    fn of(summary: &RunSummary) -> VerdictView {
        let level = summary.verdict.level;
        VerdictView {
            class: match level {
                VerdictLevel::Valid => "valid",
                VerdictLevel::Suspect => "suspect",
                VerdictLevel::Invalid => "invalid",
            },
            word: words::verdict_word(level),
            heading: words::verdict_heading(level),
            meaning: words::verdict_meaning(level),
            reasons: summary.verdict.reasons.clone(),
        }
    }
}

/// The main figures of a run.
pub(crate) fn cards(summary: &RunSummary) -> Vec<Card> {
    let requests = &summary.requests;
    let done = summary.measured.done;
    let response = &summary.response_ms;
    let card = |label, value, note: &str| Card {
        label,
        value,
        note: note.to_owned(),
        bad: false,
    };
    let latency = |ms| {
        if done > 0 {
            format::latency(ms)
        } else {
            format::NONE.to_owned()
        }
    };
    let mut cards = vec![
        card(
            "Requests",
            format::count(done),
            words::left_out(summary)
                .map_or("answered or failed", |_| "measured, failed ones included"),
        ),
        card(
            "Rate",
            format!("{} /s", format::rate(requests.rps_mean)),
            "done a second, failed ones included",
        ),
        card("Response p50", latency(response.p50), "half were faster"),
        card("Response p95", latency(response.p95), "1 in 20 was slower"),
        card("Response p99", latency(response.p99), "1 in 100 was slower"),
        Card {
            label: "Errors",
            value: format::percent(summary.error_rate),
            note: format!("{} failed", format::count(summary.measured.failed)),
            bad: summary.measured.failed > 0,
        },
        card(
            "Users",
            format::count(summary.users.peak),
            &words::users_note(summary),
        ),
        card(
            "Duration",
            format::span(summary.duration_s),
            &words::outcome_words(summary),
        ),
    ];
    if summary.model == LoadModel::Open {
        cards.push(card(
            "Rate asked for",
            format!("{} /s", format::rate(summary.rate.target_peak)),
            "arrivals a second at peak",
        ));
        cards.push(card(
            "Offered",
            format!("{} /s", format::rate(summary.rate.offered_mean)),
            "requests due a second, on average",
        ));
        cards.push(Card {
            label: "Not sent",
            value: format::count(summary.measured.not_sent),
            note: format!("of {} due", format::count(summary.measured.intended)),
            bad: summary.measured.not_sent > 0,
        });
    }
    cards
}

fn thresholds(summary: &RunSummary) -> Vec<ThresholdRow> {
    let row = |threshold: &ThresholdResult| ThresholdRow {
        expr: threshold.expr.clone(),
        measured: words::threshold_actual(threshold),
        passed: threshold.passed,
        when: words::threshold_when(threshold),
    };
    summary.thresholds.iter().map(row).collect()
}

fn latencies(summary: &RunSummary) -> Vec<LatencyRow> {
    let measured = summary.measured.done > 0;
    let row = |name, meaning, figures: &Percentiles| {
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
        let figures = [min, mean, stddev, p50, p75, p90, p95, p99, p999, p9999, max];
        let cell = |ms| {
            if measured {
                format::latency(ms)
            } else {
                format::NONE.to_owned()
            }
        };
        LatencyRow {
            name,
            meaning,
            cells: figures.into_iter().map(cell).collect(),
        }
    };
    vec![
        row("Response", "what users feel", &summary.response_ms),
        row("Service", "server and network alone", &summary.service_ms),
        row("Lag", "added by the generator", &summary.lag_ms),
    ]
}

fn phase_row(phase: &PhaseSummary) -> PhaseRow {
    let latency = |ms: f64| {
        let text = match phase.done {
            0 => format::NONE.to_owned(),
            _ => format::latency(ms),
        };
        Cell::new(text, ms)
    };
    let clock = |at_s| Cell::new(format::clock(at_s), at_s);
    PhaseRow {
        name: phase.name.clone(),
        note: words::phase_note(phase.role),
        cells: vec![
            clock(phase.from_s),
            clock(phase.until_s),
            Cell::count(phase.done),
            Cell::count(phase.not_sent),
            Cell::new(format::rate(phase.rps_mean), phase.rps_mean),
            Cell::percent(phase.error_rate),
            latency(phase.response_ms.p50),
            latency(phase.response_ms.p95),
            latency(phase.response_ms.p99),
            latency(phase.lag_ms.p99),
        ],
    }
}

fn endpoint_row(endpoint: &EndpointSummary) -> EndpointRow {
    let Percentiles {
        p50, p95, p99, max, ..
    } = endpoint.response_ms;
    let latency = |ms: f64| {
        let text = if endpoint.sent > 0 {
            format::latency(ms)
        } else {
            format::NONE.to_owned()
        };
        Cell { text, sort: ms }
    };
    let failed_share = if endpoint.sent > 0 {
        endpoint.failed as f64 / endpoint.sent as f64
    } else {
        0.0
    };
    EndpointRow {
        method: endpoint.method.clone(),
        name: words::without_method(&endpoint.method, &endpoint.name).to_owned(),
        failing: endpoint.failed > 0,
        cells: vec![
            Cell::count(endpoint.sent),
            Cell::new(format::rate(endpoint.rps_mean), endpoint.rps_mean),
            Cell::count(endpoint.failed),
            Cell::percent(failed_share),
            latency(p50),
            latency(p95),
            latency(p99),
            latency(max),
        ],
    }
}

fn errors(summary: &RunSummary) -> Vec<ErrorRow> {
    let done = summary.measured.done;
    let row = |error: &loadforge_analysis::ErrorCount| {
        // A share of requests says nothing about failures of none.
        let of_requests = error.count - error.without_request.min(error.count);
        let share = match of_requests {
            0 => Cell::new(format::NONE.to_owned(), 0.0),
            count => Cell::percent(share(count, done)),
        };
        ErrorRow {
            kind: error.kind.as_str(),
            detail: error.detail.clone(),
            cells: [Cell::count(error.count), share],
        }
    };
    summary.errors.iter().map(row).collect()
}

fn statuses(summary: &RunSummary) -> Vec<StatusRow> {
    let done = summary.measured.done;
    let row = |(status, count): (&u16, &u64)| StatusRow {
        status: if *status == 0 {
            "none".to_owned()
        } else {
            status.to_string()
        },
        meaning: match status {
            0 => "no answer came",
            100..=199 => "interim",
            200..=299 => "success",
            300..=399 => "redirect",
            400..=499 => "refused by the server as a bad request",
            500..=599 => "the server failed",
            _ => "not a status of HTTP",
        },
        cells: [Cell::count(*count), Cell::percent(share(*count, done))],
    };
    summary.status.iter().map(row).collect()
}

fn events(summary: &RunSummary) -> Vec<EventRow> {
    let rows = summary.events.iter().take(MAX_EVENTS).enumerate();
    rows.map(|(index, event)| EventRow {
        mark: event_mark(index),
        at: format::clock(event.at_s),
        text: event.text.clone(),
    })
    .collect()
}

fn second_row(point: &SeriesPoint) -> SecondRow {
    let latency = |figure: fn(&crate::series::Quantiles) -> f64| {
        point
            .response
            .as_ref()
            .map_or_else(|| format::NONE.to_owned(), |q| format::latency(figure(q)))
    };
    let cpu = point.cpu_percent.iter().copied().reduce(f64::max);
    SecondRow {
        at: format::clock(point.at_s),
        cells: vec![
            format::count(point.users.active),
            format::rate(point.rps()),
            format::count(point.failed),
            latency(|q| q.p50.high),
            latency(|q| q.p95.high),
            latency(|q| q.p99.high),
            latency(|q| q.max.high),
            point
                .lag_p99_ms
                .map_or_else(|| format::NONE.to_owned(), format::latency),
            cpu.map_or_else(|| format::NONE.to_owned(), |cpu| format!("{cpu:.0} %")),
        ],
    }
}

/// When a run began, as people write it.
pub(crate) fn started_words(started_at: &str) -> String {
    match started_at.parse::<Timestamp>() {
        Ok(time) => time.strftime("%-d %B %Y, %H:%M:%S UTC").to_string(),
        Err(_) => started_at.to_owned(),
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole > 0 {
        part as f64 / whole as f64
    } else {
        0.0
    }
}
