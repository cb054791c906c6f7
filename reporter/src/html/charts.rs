//! The charts of the report as Plotly's own JSON. Neighbours: `charts/axes.rs` says how every chart looks, `page.rs` puts
//! them on the page, `assets/page.js` draws them. Invariants: colours are names of CSS variables, so that one
//! stylesheet rules both themes; text that came from outside is shown as text, never as Plotly's markup.

mod axes;
mod generator;
mod latency;

pub(super) use axes::event_mark;
pub(super) use generator::{cpu, lag};
pub(super) use latency::{distribution, endpoints, response};

use crate::format;
use crate::report::Report;
use crate::series::{Series, SeriesPoint};
use axes::{event_marks, legend_layout, line, moment, shade, time_axis, value_axis};
use loadforge_analysis::RunSummary;
use loadforge_scenarios::ErrorKind;
use plotly::common::{DashType, Fill, Marker, Mode};
use plotly::layout::{BarMode, Layout};
use plotly::{Bar, Plot, Scatter, Trace};
use serde::Serialize;
use std::collections::BTreeSet;

/// A chart with the words that belong to it.
#[derive(Serialize)]
pub(super) struct Chart {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// How to read it.
    pub(super) caption: String,
    /// What it shows, for those who cannot see it.
    pub(super) label: String,
    /// Height in CSS pixels.
    pub(super) height: usize,
    /// Whether its latency axis can be switched to a logarithmic one, and which axis that is.
    pub(super) log_axis: Option<&'static str>,
    /// Whether it is a logarithmic one to begin with.
    pub(super) log: bool,
    /// What to say in its place when there is nothing to draw.
    pub(super) empty: Option<&'static str>,
    /// Plotly's JSON; kept out of the template, which gets all charts in one piece.
    #[serde(skip)]
    pub(super) plot: Plot,
}

impl Chart {
    fn new(
        id: &'static str,
        title: &'static str,
        traces: Vec<Box<dyn Trace>>,
        layout: Layout,
    ) -> Chart {
        let mut plot = Plot::new();
        plot.add_traces(traces);
        plot.set_layout(layout);
        Chart {
            id,
            title,
            caption: String::new(),
            label: String::new(),
            height: 300,
            log_axis: None,
            log: false,
            empty: None,
            plot,
        }
    }

    fn empty_unless(mut self, filled: bool, words: &'static str) -> Chart {
        if !filled {
            self.empty = Some(words);
        }
        self
    }

    fn words(mut self, caption: impl Into<String>, label: impl Into<String>) -> Chart {
        self.caption = caption.into();
        self.label = label.into();
        self
    }
}

/// Requests done and failed per second.
pub(super) fn throughput(report: &Report<'_>) -> Chart {
    let series = report.series;
    let x = times(series);
    let done: Vec<f64> = series
        .points()
        .iter()
        .map(|point| rounded(point.rps()))
        .collect();
    let failed = series
        .points()
        .iter()
        .map(|point| rounded(point.failed_per_s()))
        .collect();
    let peak = done.iter().copied().fold(0.0, f64::max);
    let traces: Vec<Box<dyn Trace>> = vec![
        Scatter::new(x.clone(), done)
            .name("done")
            .mode(Mode::Lines)
            .line(line("--series-1", 2.0))
            .fill(Fill::ToZeroY)
            .fill_color(shade("--series-1-soft")),
        Scatter::new(x, failed)
            .name("failed")
            .mode(Mode::Lines)
            .line(line("--bad", 2.0))
            .fill(Fill::ToZeroY)
            .fill_color(shade("--bad-soft")),
    ];
    let layout = with_events(legend_layout(), series)
        .x_axis(time_axis(series))
        .y_axis(value_axis().tick_suffix(" /s"));
    Chart::new("throughput", "Requests per second", traces, layout)
        .words(
            format!(
                "Requests done each second, failed ones included, and how many of them failed. A flat line \
                 while users still rise means that the server has reached its limit.{}",
                thinning_note(series, "the mean of that time")
            ),
            format!("Line chart of requests per second over time; the peak is {}.", format::rate(peak)),
        )
        .empty_unless(measured(report.summary), "No request was answered.")
}

/// Failures by kind over time.
pub(super) fn errors(report: &Report<'_>) -> Chart {
    let series = report.series;
    let kinds: BTreeSet<ErrorKind> = series
        .points()
        .iter()
        .flat_map(|point| point.errors.keys().copied())
        .collect();
    let x = times(series);
    let traces = kinds.iter().map(|kind| {
        let y: Vec<u64> = series
            .points()
            .iter()
            .map(|point| point.errors.get(kind).copied().unwrap_or(0))
            .collect();
        let bars: Box<dyn Trace> = Bar::new(x.clone(), y)
            .name(kind.as_str())
            .marker(Marker::new().color(shade(kind_colour(*kind))));
        bars
    });
    let layout = with_events(legend_layout(), series)
        .bar_mode(BarMode::Stack)
        .bar_gap(0.05)
        .x_axis(time_axis(series))
        .y_axis(value_axis());
    let per = match series.windows_per_point() {
        1 => "second".to_owned(),
        windows => format!("{windows} seconds"),
    };
    Chart::new("errors-chart", "Errors over time", traces.collect(), layout)
        .words(
            format!("Failed requests in each {per}, by what went wrong. A short burst points to an incident; a level that rises with the load points to a limit."),
            format!("Stacked bar chart of errors over time: {} in all.", format::plural(report.summary.requests.failed, "error")),
        )
        .empty_unless(!kinds.is_empty(), "No errors.")
}

/// Users asked for and alive.
pub(super) fn users(report: &Report<'_>) -> Chart {
    let series = report.series;
    let x = times(series);
    let users = |figure: fn(&SeriesPoint) -> u64| -> Vec<u64> {
        series.points().iter().map(figure).collect()
    };
    let traces: Vec<Box<dyn Trace>> = vec![
        Scatter::new(x.clone(), users(|point| point.users.active))
            .name("active")
            .mode(Mode::Lines)
            .line(line("--series-4", 2.0))
            .fill(Fill::ToZeroY)
            .fill_color(shade("--series-4-soft")),
        Scatter::new(x, users(|point| point.users.target))
            .name("asked for")
            .mode(Mode::Lines)
            .line(line("--muted", 1.5).dash(DashType::Dash)),
    ];
    let layout = with_events(legend_layout(), series)
        .x_axis(time_axis(series))
        .y_axis(value_axis());
    let peaks = &report.summary.users;
    let mut chart = Chart::new("users-chart", "Virtual users", traces, layout).words(
        "Simulated people at work at each moment. Both lines should lie on each other.",
        format!(
            "Line chart of virtual users over time: at most {} active of {} asked for.",
            peaks.peak, peaks.target_peak
        ),
    );
    chart.height = 240;
    chart
}

/// The points' times as Plotly's time axis wants them.
fn times(series: &Series) -> Vec<i64> {
    series
        .points()
        .iter()
        .map(|point| moment(point.at_s))
        .collect()
}

/// Four significant digits: more cannot be seen, and the page stays small.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    // Division by a power of ten instead of multiplication by its inverse: 12.3 stays 12.3 in the JSON.
    let digits = 3 - value.abs().log10().floor() as i32;
    let scale = 10f64.powi(digits.abs());
    if digits >= 0 {
        (value * scale).round() / scale
    } else {
        (value / scale).round() * scale
    }
}

fn measured(summary: &RunSummary) -> bool {
    summary.requests.ok + summary.requests.failed > 0
}

fn thinning_note(series: &Series, shows: &str) -> String {
    match series.windows_per_point() {
        1 => String::new(),
        windows => format!(" Each point covers {windows} seconds and shows {shows}."),
    }
}

fn with_events(layout: Layout, series: &Series) -> Layout {
    let (shapes, annotations) = event_marks(series.events());
    layout.shapes(shapes).annotations(annotations)
}

/// Each kind has one colour in every report. Kinds that often come together are far apart.
fn kind_colour(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Timeout => "--series-2",
        ErrorKind::Connect => "--series-1",
        ErrorKind::Reset => "--series-3",
        ErrorKind::Tls | ErrorKind::Panic => "--series-5",
        ErrorKind::Protocol | ErrorKind::Dns => "--series-6",
        ErrorKind::Status => "--bad",
        ErrorKind::Check => "--series-4",
        ErrorKind::Interrupted | ErrorKind::Generator | ErrorKind::Stopped => "--muted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_four_digits() {
        for (value, text) in [
            (0.0, "0.0"),
            (12.345_678, "12.35"),
            (123_456.0, "123500.0"),
            (0.000_123_456, "0.0001235"),
        ] {
            assert_eq!(format!("{:?}", rounded(value)), text);
        }
    }
}
