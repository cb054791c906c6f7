//! The table at the end of a run: verdict first, then counts, latencies, endpoints, errors, thresholds.
//! Neighbours: `words.rs` and `format.rs` for words and figures, `ansi.rs` for columns. Invariant: at most 80 columns,
//! whatever the names; without colour it is plain text that can be pasted anywhere.

mod own_figures;

use super::ansi::{Sgr, clip, clip_middle, fit, printable};
use super::is_dumb;
use crate::headline::headline;
use crate::{REPORT_FILE, format, words};
use loadforge_analysis::{
    EndpointSummary, LatencyHistogram, LoadModel, Percentiles, PhaseSummary, RunHistograms,
    RunSummary, VerdictLevel,
};
use loadforge_scenarios::{ErrorKind, PhaseRole};
use std::path::Path;
use unicode_width::UnicodeWidthStr;

const WIDTH: usize = 80;
const INDENT: &str = "  ";

/// Rows of the endpoint and error tables; the report has them all.
const MAX_ROWS: usize = 10;

/// Bars of the response times.
const BARS: usize = 10;
const BAR_WIDTH: usize = 36;

/// The table as text, ending with a line break. `results_dir` is shown as the place of the report.
pub fn final_table(
    summary: &RunSummary,
    histograms: &RunHistograms,
    results_dir: Option<&Path>,
    colour: bool,
) -> String {
    let mut table = Table {
        text: String::new(),
        sgr: Sgr(colour && !is_dumb(std::env::var_os("TERM").as_deref())),
    };
    table.heading(summary);
    table.verdict(summary);
    table.counts(summary);
    table.latencies(summary);
    table.bars(&histograms.response);
    table.phases(&summary.phases);
    table.endpoints(&summary.endpoints);
    if let Some(other) = words::other_words(summary) {
        table.paragraph("", &other);
    }
    table.groups(&summary.groups);
    table.metrics(&summary.metrics);
    if let Some(other) = words::other_own_words(summary) {
        table.paragraph("", &other);
    }
    table.errors(summary);
    table.thresholds(summary);
    table.conservation(summary);
    if let Some(dir) = results_dir {
        let report = dir.join(REPORT_FILE);
        let place = if report.exists() {
            report
        } else {
            dir.to_owned()
        };
        table.line(&format!(
            "report  {}",
            printable(&place.display().to_string())
        ));
    }
    table.text
}

struct Table {
    text: String,
    sgr: Sgr,
}

impl Table {
    fn line(&mut self, line: &str) {
        if !line.is_empty() {
            self.text.push_str(INDENT);
            self.text.push_str(line.trim_end());
        }
        self.text.push('\n');
    }

    fn section(&mut self, heading: &str) {
        self.line("");
        let heading = self.sgr.dim(heading);
        self.line(&heading);
    }

    /// Words broken into lines of the table's width, the later ones indented.
    fn paragraph(&mut self, first: &str, text: &str) {
        let indent = " ".repeat(first.width());
        let room = WIDTH - INDENT.len() - first.width();
        for (index, line) in wrap(&printable(text), room).iter().enumerate() {
            let lead = if index == 0 { first } else { &indent };
            self.line(&format!("{lead}{line}"));
        }
    }

    fn heading(&mut self, summary: &RunSummary) {
        self.line("");
        let words = format!(
            "{} · {}",
            format::span(summary.duration_s),
            words::outcome_words(summary)
        );
        let room = WIDTH - INDENT.len() - words.width() - 3;
        let name = self.sgr.bold(&clip(&summary.name, room));
        self.line(&format!("{name} · {words}"));
    }

    fn verdict(&mut self, summary: &RunSummary) {
        let level = summary.verdict.level;
        let word = words::verdict_word(level);
        let word = match level {
            VerdictLevel::Valid => self.sgr.green(word),
            VerdictLevel::Suspect => self.sgr.yellow(word),
            VerdictLevel::Invalid => self.sgr.red(word),
        };
        self.line(&format!(
            "{}  {}.",
            self.sgr.bold(&word),
            words::verdict_heading(level)
        ));
        for reason in &summary.verdict.reasons {
            self.paragraph("  · ", reason);
        }
        self.line("");
        self.paragraph("", &headline(summary));
    }

    fn counts(&mut self, summary: &RunSummary) {
        let requests = &summary.requests;
        let measured = &summary.measured;
        self.line("");
        let failed = format!(
            "{} failed ({})",
            format::count(measured.failed),
            format::percent(summary.error_rate)
        );
        let failed = if measured.failed > 0 {
            self.sgr.red(&failed)
        } else {
            failed
        };
        let rate = self
            .sgr
            .bold(&format!("{} a second", format::rate(requests.rps_mean)));
        self.row(
            "requests",
            &format!(
                "{}, {rate}, {failed}",
                self.sgr.bold(&format::count(measured.done))
            ),
        );
        if let Some(left_out) = words::left_out(summary) {
            self.paragraph("          ", &left_out);
        }
        if summary.model == LoadModel::Open {
            self.arrivals(summary);
        }
        let users = format!(
            "{} {}",
            format::count(summary.users.peak),
            words::users_note(summary)
        );
        self.row("users", &users);
        let data = format!(
            "{} received, {} sent",
            format::bytes(requests.bytes_in),
            format::bytes(requests.bytes_out)
        );
        self.row("data", &data);
        let connects = format::plural(requests.connects, "connection");
        self.row(
            "wire",
            &format!(
                "{connects} made, {} sent again",
                format::plural(requests.retried, "request")
            ),
        );
    }

    fn arrivals(&mut self, summary: &RunSummary) {
        let not_sent = format!("{} not sent", format::count(summary.measured.not_sent));
        let not_sent = if summary.measured.not_sent > 0 {
            self.sgr.red(&not_sent)
        } else {
            not_sent
        };
        let peak = format::rate(summary.rate.target_peak);
        self.row("asked for", &format!("up to {peak} arrivals a second"));
        let due = format::rate(summary.rate.offered_mean);
        self.row("due", &format!("{due} requests a second, {not_sent}"));
    }

    fn phases(&mut self, phases: &[PhaseSummary]) {
        if phases.is_empty() {
            return;
        }
        const NAME: usize = 26;
        self.section(&format!(
            "{}{:>11}{:>9}{:>8}{:>8}{:>8}{:>8}",
            fit("phase", NAME),
            "requests",
            "failed",
            "/s",
            "p50",
            "p95",
            "p99"
        ));
        for phase in phases.iter().take(MAX_ROWS) {
            let latency = |ms: f64| match phase.done {
                0 => format::NONE.to_owned(),
                _ => format::latency(ms).replace(' ', ""),
            };
            let figures = &phase.response_ms;
            let line = format!(
                "{}{:>11}{:>9}{:>8}{:>8}{:>8}{:>8}",
                fit(&phase.name, NAME),
                format::count(phase.done),
                format::short_count(phase.failed),
                format::rate(phase.rps_mean),
                latency(figures.p50),
                latency(figures.p95),
                latency(figures.p99),
            );
            let counts = phase.role == PhaseRole::Measured;
            let line = if counts { line } else { self.sgr.dim(&line) };
            self.line(&line);
            if !counts {
                let note = self.sgr.dim(words::phase_note(phase.role));
                self.line(&format!("  {note}"));
            }
        }
        self.rest(phases.len());
    }

    fn row(&mut self, label: &str, text: &str) {
        let label = self.sgr.dim(&fit(label, 10));
        self.line(&format!("{label}{text}"));
    }

    fn latencies(&mut self, summary: &RunSummary) {
        let columns = ["p50", "p75", "p90", "p95", "p99", "p99.9", "max"];
        let heading: String = columns
            .iter()
            .map(|column| format!("{column:>9}"))
            .collect();
        self.section(&format!("{}{heading}", fit("latency", 10)));
        let rows = [
            ("response", &summary.response_ms),
            ("service", &summary.service_ms),
            ("lag", &summary.lag_ms),
        ];
        let measured = summary.measured.done > 0;
        for (label, figures) in rows {
            let cells: String = percentiles(figures, measured)
                .iter()
                .map(|cell| format!("{cell:>9}"))
                .collect();
            self.line(&format!("{}{cells}", fit(label, 10)));
        }
    }

    fn bars(&mut self, response: &LatencyHistogram) {
        let Some((edges, counts)) = response_bars(response) else {
            return;
        };
        self.section("response times");
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        let all = response.len().max(1);
        let labels = format::latencies_apart(&edges);
        let widths = labels.iter().map(|label| label.chars().count());
        let width = widths.max().unwrap_or(0).max(8);
        let above = labels.last().map_or("", String::as_str);
        for (index, count) in counts.iter().enumerate() {
            let range = match labels.get(index) {
                Some(edge) => format!("up to {edge:>width$}"),
                None => format!("above {above:>width$}"),
            };
            let bar = bar(*count as f64 / most as f64);
            let bar = self.sgr.cyan(&fit(&bar, BAR_WIDTH));
            let share = format::percent(*count as f64 / all as f64);
            self.line(&format!(
                "{range}  {bar} {:>11} {share:>9}",
                format::count(*count)
            ));
        }
    }

    fn endpoints(&mut self, endpoints: &[EndpointSummary]) {
        if endpoints.is_empty() {
            return;
        }
        const NAME: usize = 26;
        self.section(&format!(
            "{}{:>11}{:>9}{:>8}{:>8}{:>8}{:>8}",
            fit("endpoint", NAME),
            "requests",
            "failed",
            "/s",
            "p50",
            "p95",
            "p99"
        ));
        for endpoint in endpoints.iter().take(MAX_ROWS) {
            let name = words::endpoint_label(&endpoint.method, &endpoint.name);
            let failed = format!("{:>9}", format::short_count(endpoint.failed));
            let failed = if endpoint.failed > 0 {
                self.sgr.red(&failed)
            } else {
                failed
            };
            let latency = |ms: f64| {
                if endpoint.sent > 0 {
                    format::latency(ms)
                } else {
                    format::NONE.to_owned()
                }
            };
            let figures = &endpoint.response_ms;
            self.line(&format!(
                "{}{:>11}{failed}{:>8}{:>8}{:>8}{:>8}",
                fit(&name, NAME),
                format::count(endpoint.sent),
                format::rate(endpoint.rps_mean),
                latency(figures.p50).replace(' ', ""),
                latency(figures.p95).replace(' ', ""),
                latency(figures.p99).replace(' ', ""),
            ));
        }
        self.rest(endpoints.len());
    }

    fn errors(&mut self, summary: &RunSummary) {
        self.section("errors");
        if summary.errors.is_empty() {
            self.line("none");
        }
        for error in summary.errors.iter().take(MAX_ROWS) {
            let count = self.sgr.red(&format!("{:>11}", format::count(error.count)));
            let room = WIDTH - INDENT.len() - 11 - 2 - 13;
            let detail = match error.kind {
                // Its place comes last, and that is what has to be mended.
                ErrorKind::Panic => clip_middle(&error.detail, room),
                _ => clip(&error.detail, room),
            };
            self.line(&format!(
                "{count}  {}{detail}",
                fit(error.kind.as_str(), 13)
            ));
        }
        self.rest(summary.errors.len());
        if let Some(note) = words::failures_without_request(summary) {
            self.paragraph("", &note);
        }
    }

    fn rest(&mut self, rows: usize) {
        if rows > MAX_ROWS {
            self.line(&format!("and {} more in the report", rows - MAX_ROWS));
        }
    }

    fn thresholds(&mut self, summary: &RunSummary) {
        if summary.thresholds.is_empty() {
            let requests = &summary.requests;
            if requests.failed > 0 && requests.ok == 0 {
                self.line("");
                self.paragraph(
                    "hint  ",
                    "every request failed, and no threshold was set: with --fail-on-error-rate 1% such a run ends with \
                     exit code 3",
                );
            }
            return;
        }
        self.section("thresholds");
        for threshold in &summary.thresholds {
            let mark = if threshold.passed {
                self.sgr.green("✓ met")
            } else {
                self.sgr.red("✗ not met")
            };
            let blanks = if threshold.passed { "      " } else { "  " };
            let measured = words::threshold_actual(threshold);
            let room = WIDTH - INDENT.len() - 11 - 12 - measured.width();
            self.line(&format!(
                "{mark}{blanks}{}  measured {measured}",
                clip(&threshold.expr, room)
            ));
            let when = words::threshold_when(threshold);
            if !when.is_empty() {
                let line = format!("           {when}");
                self.line(&self.sgr.dim(&line));
            }
        }
    }

    fn conservation(&mut self, summary: &RunSummary) {
        self.line("");
        for equation in words::conservation(summary) {
            let equation = if words::conserved(summary) {
                self.sgr.dim(&equation)
            } else {
                self.sgr.red(&equation)
            };
            self.line(&equation);
        }
        self.line("");
    }
}

fn percentiles(figures: &Percentiles, measured: bool) -> [String; 7] {
    let Percentiles {
        p50,
        p75,
        p90,
        p95,
        p99,
        p999,
        max,
        ..
    } = *figures;
    [p50, p75, p90, p95, p99, p999, max].map(|ms| {
        if measured {
            format::latency(ms)
        } else {
            format::NONE.to_owned()
        }
    })
}

/// Edges in ms and the counts between them: even steps up to the p99, and one bar for all above it. Even steps keep the
/// shape of the distribution; the tail would press all of it into the first bar.
fn response_bars(response: &LatencyHistogram) -> Option<(Vec<f64>, Vec<u64>)> {
    let (low, high) = (response.min_ms(), response.quantile_ms(0.99));
    if response.is_empty() || high <= low {
        return None;
    }
    let step = (high - low) / BARS as f64;
    let edges: Vec<f64> = (1..=BARS).map(|index| low + step * index as f64).collect();
    let counts = response.bars(&edges);
    Some((edges, counts))
}

/// A bar in eighths of a column; what is not nothing shows at least the thinnest.
fn bar(share: f64) -> String {
    const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (share.clamp(0.0, 1.0) * BAR_WIDTH as f64 * 8.0).ceil() as usize;
    let mut bar = "█".repeat(eighths / 8);
    if let Some(part) = (eighths % 8).checked_sub(1) {
        bar.push(EIGHTHS[part]);
    }
    bar
}

/// Breaks text at blanks into lines of at most this many columns; a longer word is cut.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let word = clip(word, columns);
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(&word);
        } else if line.width() + 1 + word.width() <= columns {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    lines
}
