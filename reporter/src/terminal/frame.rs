//! One frame of the live display. Neighbours: `mod.rs` keeps the state and paints the frame, `ansi.rs` makes it bytes.
//! Invariant: a frame is a pure function of the state and the size; what does not fit is left out, the least important
//! first, and nothing is drawn past the edge.

use super::ansi::{clip, fit, printable};
use crate::format;
use loadforge_analysis::{Phase, RunInfo, Snapshot};
use loadforge_scenarios::ErrorKind;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{LineGauge, Sparkline, Widget};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Seconds of requests per second that the sparkline shows.
const HISTORY: usize = 60;

/// Rows of the endpoint table.
const MAX_ENDPOINTS: usize = 6;

/// Endpoints whose counts are kept; a window names at most 50 and "other".
const MAX_NAMES: usize = 64;

/// What the display knows of the run.
#[derive(Debug)]
pub(super) struct LiveState {
    name: String,
    origin: String,
    planned_s: f64,
    last: Option<Snapshot>,
    rates: VecDeque<u64>,
    errors: BTreeMap<ErrorKind, u64>,
    endpoints: HashMap<String, Counts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    done: u64,
    failed: u64,
}

impl LiveState {
    pub(super) fn new(info: &RunInfo) -> LiveState {
        LiveState {
            name: printable(&info.name),
            origin: info
                .origins
                .first()
                .map(|origin| printable(origin))
                .unwrap_or_default(),
            planned_s: info.duration_s,
            last: None,
            rates: VecDeque::with_capacity(HISTORY),
            errors: BTreeMap::new(),
            endpoints: HashMap::new(),
        }
    }

    /// Takes up the run's next second.
    pub(super) fn take(&mut self, snapshot: &Snapshot) {
        if self.rates.len() == HISTORY {
            self.rates.pop_front();
        }
        self.rates.push_back(snapshot.rps.max(0.0).round() as u64);
        for error in &snapshot.errors {
            *self.errors.entry(error.kind).or_default() += error.count;
        }
        for endpoint in &snapshot.endpoints {
            let label = endpoint_label(
                endpoint.method.map_or("", |method| method.as_str()),
                &endpoint.name,
            );
            if self.endpoints.len() < MAX_NAMES || self.endpoints.contains_key(&label) {
                let counts = self.endpoints.entry(label).or_default();
                counts.done += endpoint.done;
                counts.failed += endpoint.failed;
            }
        }
        self.last = Some(snapshot.clone());
    }
}

/// The frame for this state: as wide as asked, at most as high.
pub(super) fn draw(state: &LiveState, width: u16, max_height: u16) -> Buffer {
    let width = width.min(100);
    let endpoints = state
        .last
        .as_ref()
        .map_or(0, |last| last.endpoints.len().min(MAX_ENDPOINTS));
    let wanted = 6 + if endpoints > 0 {
        endpoints as u16 + 2
    } else {
        0
    };
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, wanted.min(max_height)));
    let Some(last) = &state.last else {
        return buffer;
    };
    let mut rows = Rows {
        buffer: &mut buffer,
        next: 0,
    };
    rows.line(title(state, last));
    rows.widget(|area, buffer| progress(state, last, area, buffer));
    rows.widget(|area, buffer| throughput(state, last, area, buffer));
    rows.line(latencies(last));
    rows.line(errors(state, last));
    rows.line(generator(last));
    if endpoints > 0 {
        rows.line(Line::default());
        endpoint_table(state, last, width as usize, &mut rows);
    }
    buffer
}

/// Rows given out from top to bottom until the frame is full.
struct Rows<'a> {
    buffer: &'a mut Buffer,
    next: u16,
}

impl Rows<'_> {
    fn line(&mut self, line: Line<'_>) {
        self.widget(|area, buffer| line.render(area, buffer));
    }

    fn widget(&mut self, draw: impl FnOnce(Rect, &mut Buffer)) {
        let area = self.buffer.area;
        if self.next < area.height {
            draw(Rect::new(0, self.next, area.width, 1), self.buffer);
            self.next += 1;
        }
    }
}

const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const LABEL: usize = 11;

fn label(text: &str) -> Span<'static> {
    Span::styled(fit(text, LABEL), DIM)
}

fn title<'a>(state: &'a LiveState, last: &Snapshot) -> Line<'a> {
    let phase = match last.phase {
        Phase::Running => "",
        Phase::Draining => "  draining: requests under way may finish",
    };
    Line::from(vec![
        Span::styled(clip(&state.name, 40), BOLD),
        Span::styled(format!("  {}", clip(&state.origin, 50)), DIM),
        Span::styled(phase, Style::new().fg(Color::Yellow)),
    ])
}

fn progress(state: &LiveState, last: &Snapshot, area: Rect, buffer: &mut Buffer) {
    let ratio = if state.planned_s > 0.0 {
        (last.at_s / state.planned_s).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let total = if state.planned_s > 0.0 {
        format::clock(state.planned_s)
    } else {
        "∞".to_owned()
    };
    let time = fit(&format!("{} / {total}", format::clock(last.at_s)), 15);
    LineGauge::default()
        .ratio(ratio)
        .label(Line::from(vec![label("elapsed"), Span::raw(time)]))
        .filled_symbol("━")
        .unfilled_symbol("─")
        .filled_style(Style::new().fg(Color::Cyan))
        .unfilled_style(DIM)
        .render(area, buffer);
}

fn throughput(state: &LiveState, last: &Snapshot, area: Rect, buffer: &mut Buffer) {
    let rate = format!("{}/s", format::rate(last.rps));
    let users = format!(
        "{} of {} users",
        format::count(last.users.active),
        format::count(last.users.target)
    );
    let line = Line::from(vec![
        label("requests"),
        Span::styled(fit(&rate, 16), BOLD),
        Span::raw(fit(&users, 26)),
    ]);
    let used = (line.width() as u16).min(area.width);
    line.render(area, buffer);
    let room = Rect {
        x: area.x + used,
        width: area.width - used,
        ..area
    };
    let shown = state.rates.len().min(room.width as usize);
    let rates: Vec<u64> = state
        .rates
        .iter()
        .skip(state.rates.len() - shown)
        .copied()
        .collect();
    // Scaled from zero: a sparkline that starts at its minimum makes noise look like a crash.
    Sparkline::default()
        .data(&rates)
        .style(Style::new().fg(Color::Cyan))
        .render(room, buffer);
}

fn latencies(last: &Snapshot) -> Line<'static> {
    let response = &last.latency.response;
    let mut spans = vec![label("response")];
    for (name, quantile) in [("p50", 0.50), ("p95", 0.95), ("p99", 0.99)] {
        let value = if response.is_empty() {
            format::NONE.to_owned()
        } else {
            format::latency(response.quantile_ms(quantile))
        };
        spans.push(Span::styled(format!("{name} "), DIM));
        spans.push(Span::styled(fit(&value, 12), BOLD));
    }
    Line::from(spans)
}

fn errors(state: &LiveState, last: &Snapshot) -> Line<'static> {
    let mut spans = vec![label("errors")];
    let failing = |count: u64| {
        if count > 0 {
            Style::new().fg(Color::Red)
        } else {
            Style::new()
        }
    };
    let now = fit(&format!("{} now", format::percent(last.error_rate)), 16);
    spans.push(Span::styled(now, failing(last.requests.failed)));
    let mut kinds: Vec<_> = state.errors.iter().collect();
    kinds.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    if kinds.is_empty() {
        spans.push(Span::styled("none so far", DIM));
    }
    for (kind, count) in kinds {
        spans.push(Span::styled(
            format!("{} {}   ", kind.as_str(), format::short_count(*count)),
            failing(*count),
        ));
    }
    Line::from(spans)
}

fn generator(last: &Snapshot) -> Line<'static> {
    let generator = &last.generator;
    let alive = generator.alive.iter().filter(|alive| **alive).count();
    let lost = generator.alive.len() - alive;
    let busiest = generator.cpu_percent.iter().copied().fold(0.0, f64::max);
    let busy = if busiest >= 90.0 {
        Style::new().fg(Color::Yellow)
    } else {
        Style::new()
    };
    let lag = &last.latency.lag;
    let lag = if lag.is_empty() {
        format::NONE.to_owned()
    } else {
        format::latency(lag.quantile_ms(0.99))
    };
    let mut spans = vec![
        label("generator"),
        Span::styled(fit(&format!("CPU {busiest:.0} %"), 16), busy),
        Span::raw(fit(&format!("lag p99 {lag}"), 26)),
        Span::raw(format::plural(alive as u64, "worker")),
    ];
    if lost > 0 {
        spans.push(Span::styled(
            format!(", {lost} lost"),
            Style::new().fg(Color::Red),
        ));
    }
    Line::from(spans)
}

fn endpoint_table(state: &LiveState, last: &Snapshot, width: usize, rows: &mut Rows<'_>) {
    let name = width.saturating_sub(46).max(8);
    let heading = format!(
        "{}{:>10}{:>9}{:>9}{:>9}{:>9}",
        fit("endpoint", name),
        "done",
        "failed",
        "p50",
        "p95",
        "p99"
    );
    rows.line(Line::styled(heading, DIM));
    let mut windows: Vec<_> = last
        .endpoints
        .iter()
        .map(|window| {
            let label = endpoint_label(
                window.method.map_or("", |method| method.as_str()),
                &window.name,
            );
            let counts = state.endpoints.get(&label).copied().unwrap_or_default();
            (label, counts, window)
        })
        .collect();
    windows.sort_by(|a, b| b.1.done.cmp(&a.1.done).then_with(|| a.0.cmp(&b.0)));
    for (label, counts, window) in windows.into_iter().take(MAX_ENDPOINTS) {
        let latency = |quantile| format::latency(window.response.quantile_ms(quantile));
        let failed = fit_left(&format::short_count(counts.failed), 9);
        let style = if counts.failed > 0 {
            Style::new().fg(Color::Red)
        } else {
            Style::new()
        };
        rows.line(Line::from(vec![
            Span::raw(fit(&label, name)),
            Span::raw(fit_left(&format::short_count(counts.done), 10)),
            Span::styled(failed, style),
            Span::raw(format!(
                "{:>9}{:>9}{:>9}",
                latency(0.50),
                latency(0.95),
                latency(0.99)
            )),
        ]));
    }
}

fn fit_left(text: &str, columns: usize) -> String {
    format!("{text:>columns$}")
}

fn endpoint_label(method: &str, name: &str) -> String {
    if method.is_empty() {
        printable(name)
    } else {
        format!("{method} {}", printable(name))
    }
}
