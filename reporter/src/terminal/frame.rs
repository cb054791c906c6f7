//! One frame of the live display. Neighbours: `mod.rs` keeps the state and paints the frame, `ansi.rs` makes it bytes.
//! Invariant: a frame is a pure function of the state and the size; what does not fit is left out, the least important
//! first, and nothing is drawn past the edge.

use super::ansi::{clip, fit, printable};
use crate::{format, words::endpoint_label};
use loadforge_analysis::{LoadPhase, Phase, RunInfo, Snapshot};
use loadforge_scenarios::{ErrorKind, PhaseRole};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{LineGauge, Sparkline, Widget};
use std::collections::{BTreeMap, HashMap, VecDeque};
use unicode_width::UnicodeWidthStr;

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
    not_sent: u64,
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
            not_sent: 0,
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
        self.not_sent += snapshot.requests.not_sent;
        for error in &snapshot.errors {
            *self.errors.entry(error.kind).or_default() += error.count;
        }
        for endpoint in &snapshot.endpoints {
            let label = endpoint_label(
                endpoint.method.map_or("", |method| method.as_str()),
                &printable(&endpoint.name),
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
    rows.line(title(state, last, width as usize));
    rows.widget(|area, buffer| progress(state, last, area, buffer));
    rows.widget(|area, buffer| throughput(state, last, area, buffer));
    for cells in [latencies(last), errors(state, last), generator(last)] {
        rows.line(whole_cells(cells, width as usize));
    }
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

/// A line of as many cells as fit whole: half a number is a wrong number.
fn whole_cells(cells: Vec<Vec<Span<'static>>>, width: usize) -> Line<'static> {
    let mut used = 0;
    let mut line = Line::default();
    for cell in cells {
        let text: String = cell.iter().map(|span| span.content.as_ref()).collect();
        if used + text.trim_end().width() > width {
            break;
        }
        used += text.width();
        line.spans.extend(cell);
    }
    line
}

fn title<'a>(state: &'a LiveState, last: &Snapshot, width: usize) -> Line<'a> {
    let phase = match last.phase {
        Phase::Running => "",
        Phase::Draining if width < 80 => "  draining",
        Phase::Draining => "  draining: requests under way may finish",
    };
    let phase = match last.load_phase.name.as_str() {
        "" => phase.to_owned(),
        _ => format!("  {}{phase}", clip(&phase_label(&last.load_phase), 36)),
    };
    let room = width.saturating_sub(phase.width());
    let name = clip(&state.name, room.min(40));
    let origin = clip(&state.origin, room.saturating_sub(name.width() + 2).min(50));
    Line::from(vec![
        Span::styled(name, BOLD),
        Span::styled(format!("  {origin}"), DIM),
        Span::styled(phase, Style::new().fg(Color::Yellow)),
    ])
}

/// The plan's phase in words, and whether it counts.
pub(super) fn phase_label(phase: &LoadPhase) -> String {
    match phase.role {
        PhaseRole::Measured => phase.name.clone(),
        PhaseRole::WarmUp | PhaseRole::CoolDown => format!("{} (not counted)", phase.name),
    }
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
        "{} of {}",
        format::count(last.users.active),
        format::plural(last.users.target, "user")
    );
    let mut cells = vec![
        vec![label("requests")],
        vec![Span::styled(fit(&rate, 16), BOLD)],
        vec![Span::raw(fit(&users, 26))],
    ];
    if last.users.target_rate > 0.0 {
        let asked = format!("asked {}/s", format::rate(last.users.target_rate));
        cells.push(vec![Span::raw(fit(&asked, 16))]);
    }
    if state.not_sent > 0 {
        let words = format!("{} not sent  ", format::short_count(state.not_sent));
        cells.push(vec![Span::styled(words, Style::new().fg(Color::Red))]);
    }
    let line = whole_cells(cells, area.width as usize);
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

fn latencies(last: &Snapshot) -> Vec<Vec<Span<'static>>> {
    let response = &last.latency.response;
    let mut cells = vec![vec![label("response")]];
    for (name, quantile) in [("p50", 0.50), ("p95", 0.95), ("p99", 0.99)] {
        let value = if response.is_empty() {
            format::NONE.to_owned()
        } else {
            format::latency(response.quantile_ms(quantile))
        };
        cells.push(vec![
            Span::styled(format!("{name} "), DIM),
            Span::styled(fit(&value, 12), BOLD),
        ]);
    }
    cells
}

fn errors(state: &LiveState, last: &Snapshot) -> Vec<Vec<Span<'static>>> {
    let mut cells = vec![vec![label("errors")]];
    let failing = |count: u64| {
        if count > 0 {
            Style::new().fg(Color::Red)
        } else {
            Style::new()
        }
    };
    let now = fit(&format!("{} now", format::percent(last.error_rate)), 16);
    cells.push(vec![Span::styled(now, failing(last.requests.failed))]);
    let mut kinds: Vec<_> = state.errors.iter().collect();
    kinds.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    if kinds.is_empty() {
        cells.push(vec![Span::styled("none so far", DIM)]);
    }
    for (kind, count) in kinds {
        cells.push(vec![Span::styled(
            format!("{} {}   ", kind.as_str(), format::short_count(*count)),
            failing(*count),
        )]);
    }
    cells
}

fn generator(last: &Snapshot) -> Vec<Vec<Span<'static>>> {
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
    let mut workers = vec![Span::raw(format::plural(alive as u64, "worker"))];
    if lost > 0 {
        workers.push(Span::styled(
            format!(", {lost} lost"),
            Style::new().fg(Color::Red),
        ));
    }
    vec![
        vec![label("generator")],
        vec![Span::styled(fit(&format!("CPU {busiest:.0} %"), 16), busy)],
        vec![Span::raw(fit(&format!("lag p99 {lag}"), 26))],
        workers,
    ]
}

/// The figures of the endpoint table: heading, columns, and its rank; what has a low rank stays in narrow terminals.
const FIGURES: [(&str, usize, usize); 5] = [
    ("done", 10, 2),
    ("failed", 9, 0),
    ("p50", 9, 3),
    ("p95", 9, 4),
    ("p99", 9, 1),
];

/// Columns that a name gets at least.
const LEAST_NAME: usize = 16;

/// Which figures fit beside a name, and the columns left for it.
fn columns(width: usize) -> ([bool; FIGURES.len()], usize) {
    let mut shown = [false; FIGURES.len()];
    let mut room = width;
    for rank in 0..FIGURES.len() {
        let index = FIGURES
            .iter()
            .position(|(_, _, its_rank)| *its_rank == rank)
            .expect("ranks are consecutive");
        if room < LEAST_NAME + FIGURES[index].1 {
            break;
        }
        shown[index] = true;
        room -= FIGURES[index].1;
    }
    (shown, room)
}

fn endpoint_table(state: &LiveState, last: &Snapshot, width: usize, rows: &mut Rows<'_>) {
    let (shown, name) = columns(width);
    let mut heading = fit("endpoint", name);
    for (_, (word, columns, _)) in kept(shown, FIGURES) {
        heading.push_str(&fit_left(word, columns));
    }
    rows.line(Line::styled(heading, DIM));
    let mut windows: Vec<_> = last
        .endpoints
        .iter()
        .map(|window| {
            let label = endpoint_label(
                window.method.map_or("", |method| method.as_str()),
                &printable(&window.name),
            );
            let counts = state.endpoints.get(&label).copied().unwrap_or_default();
            (label, counts, window)
        })
        .collect();
    windows.sort_by(|a, b| b.1.done.cmp(&a.1.done).then_with(|| a.0.cmp(&b.0)));
    for (label, counts, window) in windows.into_iter().take(MAX_ENDPOINTS) {
        let latency = |quantile| format::latency(window.response.quantile_ms(quantile));
        let failing = if counts.failed > 0 {
            Style::new().fg(Color::Red)
        } else {
            Style::new()
        };
        let figures = [
            (format::short_count(counts.done), Style::new()),
            (format::short_count(counts.failed), failing),
            (latency(0.50), Style::new()),
            (latency(0.95), Style::new()),
            (latency(0.99), Style::new()),
        ];
        let mut line = Line::from(Span::raw(fit(&label, name)));
        for (index, (figure, style)) in kept(shown, figures) {
            line.push_span(Span::styled(fit_left(&figure, FIGURES[index].1), style));
        }
        rows.line(line);
    }
}

/// The shown ones of these cells, each with its place.
fn kept<T, const N: usize>(shown: [bool; N], cells: [T; N]) -> impl Iterator<Item = (usize, T)> {
    let cells = cells.into_iter().enumerate();
    cells.filter(move |(index, _)| shown[*index])
}

fn fit_left(text: &str, columns: usize) -> String {
    format!("{text:>columns$}")
}
