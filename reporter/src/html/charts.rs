//! The charts of the report as Plotly's own JSON. Neighbours: `charts/axes.rs` says how every chart looks, `page.rs` puts
//! them on the page, `assets/page.js` draws them. Invariants: colours are names of CSS variables, so that one
//! stylesheet rules both themes; text that came from outside is shown as text, never as Plotly's markup.

mod axes;
mod generator;
mod heat_map;
mod latency;
mod planned;

pub(super) use axes::event_mark;
pub(super) use generator::{cpu, disturbances, lag, resources};
pub(super) use heat_map::heat_map;
pub(super) use latency::{distribution, endpoints, groups, response, service};
pub(super) use planned::planned;

use crate::format;
use crate::report::Report;
use crate::seconds::SecondCounts;
use crate::series::{Series, SeriesPoint, Spread};
use axes::{
    PhaseMark, WIDE, event_marks, legend_layout, line, moment, phase_marks, shade, time_axis,
    value_axis,
};
use loadforge_analysis::{LoadModel, RunSummary};
use loadforge_scenarios::{ErrorKind, PhaseRole};
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

/// Requests offered, sent, done and failed per second, each by its own time.
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
    let own_time = |counts: &SecondCounts, name: &str, line| -> Box<dyn Trace> {
        let (x, y) = own_times(counts, series);
        Scatter::new(x, y).name(name).mode(Mode::Lines).line(line)
    };
    let mut traces = extremes(series, &x);
    let means: [Box<dyn Trace>; 2] = [
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
    traces.extend(means);
    // A run of an older version did not tell when its requests were due.
    if !series.offered().is_empty() {
        let dashes = line("--muted", 1.5).dash(DashType::Dash);
        traces.push(own_time(series.offered(), "offered", dashes));
        traces.push(own_time(series.sent(), "sent", line("--series-2", 1.5)));
    }
    let layout = with_marks(legend_layout(), report, WIDE)
        .x_axis(time_axis(series))
        .y_axis(value_axis().tick_suffix(" /s"));
    Chart::new("throughput", "Requests per second", traces, layout)
        .words(
            format!(
                "Offered: when requests were due. Sent: when they left. Done: when they were over, failed ones included. \
                 Where offered is above sent, the generator or its users held requests back; where sent is above done, \
                 they wait at the server. A flat line while the load still rises means that the server has reached its \
                 limit.{}{}",
                phases_note(report.summary),
                thinning_note(
                    series,
                    "the mean of that time; the pale lines are its slowest and its fastest second"
                )
            ),
            format!("Line chart of requests per second over time; the peak is {}.", format::rate(peak)),
        )
        .empty_unless(measured(report.summary), "No request was answered.")
}

/// Where a point covers several seconds: the slowest and the fastest of them, so that no dip hides in a mean.
fn extremes(series: &Series, x: &[i64]) -> Vec<Box<dyn Trace>> {
    if series.windows_per_point() == 1 {
        return Vec::new();
    }
    let trace = |name: &str, figure: fn(&Spread) -> f64| -> Box<dyn Trace> {
        let points = series.points().iter();
        let y = points.map(|point| point.rate.as_ref().map(|rate| rounded(figure(rate))));
        Scatter::new(x.to_vec(), y.collect::<Vec<_>>())
            .name(name)
            .mode(Mode::Lines)
            .line(line("--series-1-pale", 1.0))
    };
    vec![
        trace("slowest second", |rate| rate.low),
        trace("fastest second", |rate| rate.high),
    ]
}

/// Counts by the second they belong to, as moments and rates.
fn own_times(counts: &SecondCounts, series: &Series) -> (Vec<i64>, Vec<f64>) {
    let end_s = series.points().last().map_or(0.0, |point| point.at_s);
    let rates = counts.rates(end_s);
    rates
        .map(|(at_s, rate)| (moment(at_s), rounded(rate)))
        .unzip()
}

/// Failures by kind over time.
pub(super) fn errors(report: &Report<'_>) -> Chart {
    let series = report.series;
    let kinds: BTreeSet<ErrorKind> = series
        .points()
        .iter()
        .flat_map(|point| point.errors.keys().copied())
        .collect();
    let all = series
        .points()
        .iter()
        .flat_map(|point| point.errors.values())
        .sum();
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
    let layout = with_marks(legend_layout(), report, WIDE)
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
            format!("Failures in each {per}, by what went wrong, those that no request carries included. A short burst points to an incident; a level that rises with the load points to a limit."),
            format!("Stacked bar chart of errors over time: {} in all.", format::plural(all, "error")),
        )
        .empty_unless(!kinds.is_empty(), "No errors.")
}

/// Arrivals asked for, for a plan that has any.
pub(super) fn arrival_rate(report: &Report<'_>) -> Chart {
    let series = report.series;
    let points = series.points();
    let peak = points
        .iter()
        .map(|point| point.users.target_rate)
        .fold(0.0, f64::max);
    let y: Vec<f64> = points
        .iter()
        .map(|point| rounded(point.users.target_rate))
        .collect();
    let x = times(series);
    // A run of an earlier version told only when it was noticed.
    let (not_sent_x, not_sent) = match series.not_sent().is_empty() {
        false => own_times(series.not_sent(), series),
        true => points
            .iter()
            .map(|point| (moment(point.middle_s()), rounded(point.not_sent_per_s())))
            .unzip(),
    };
    let traces: Vec<Box<dyn Trace>> = vec![
        Scatter::new(x, y)
            .name("asked for")
            .mode(Mode::Lines)
            .line(line("--series-4", 2.0))
            .fill(Fill::ToZeroY)
            .fill_color(shade("--series-4-soft")),
        Scatter::new(not_sent_x, not_sent)
            .name("not sent")
            .mode(Mode::Lines)
            .line(line("--bad", 2.0))
            .fill(Fill::ToZeroY)
            .fill_color(shade("--bad-soft")),
    ];
    let layout = with_marks(legend_layout(), report, WIDE)
        .x_axis(time_axis(series))
        .y_axis(value_axis().tick_suffix(" /s"));
    let mut chart = Chart::new("rate-chart", "Arrivals per second", traces, layout)
        .words(
            "How many iterations the plan asked to begin each second, and how many found no user free and were never \
             begun. An iteration may be several requests.",
            format!(
                "Line chart of arrivals per second over time: at most {}.",
                format::rate(peak)
            ),
        )
        .empty_unless(peak > 0.0, "The plan asked for users, not for arrivals.");
    chart.height = 240;
    chart
}

/// Users asked for and alive.
pub(super) fn users(report: &Report<'_>) -> Chart {
    let series = report.series;
    let (asked, caption) = match report.summary.model {
        LoadModel::Closed => (
            "asked for",
            "Simulated people at work at each moment. Both lines should lie on each other.",
        ),
        LoadModel::Open => (
            "at most",
            "Simulated people at work at each moment, as many as the arrivals need. At the upper line no more may come: \
             arrivals are then not sent.",
        ),
    };
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
            .name(asked)
            .mode(Mode::Lines)
            .line(line("--muted", 1.5).dash(DashType::Dash)),
    ];
    let layout = with_marks(legend_layout(), report, WIDE)
        .x_axis(time_axis(series))
        .y_axis(value_axis());
    let peaks = &report.summary.users;
    let mut chart = Chart::new("users-chart", "Virtual users", traces, layout).words(
        caption,
        format!(
            "Line chart of virtual users over time: at most {} active of {}.",
            peaks.peak, peaks.target_peak
        ),
    );
    chart.height = 240;
    chart
}

/// The points' times as Plotly's time axis wants them: the middle of what each covers.
fn times(series: &Series) -> Vec<i64> {
    series
        .points()
        .iter()
        .map(|point| moment(point.middle_s()))
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

/// What the shading means, where there is any.
fn phases_note(summary: &RunSummary) -> &'static str {
    let counts = |role| role == PhaseRole::Measured;
    if summary.phases.iter().all(|phase| counts(phase.role)) {
        ""
    } else {
        " What is shaded is warm-up or cool-down: it is drawn, and counts in no figure."
    }
}

fn thinning_note(series: &Series, shows: &str) -> String {
    match series.windows_per_point() {
        1 => String::new(),
        windows => format!(" Each point covers {windows} seconds and shows {shows}."),
    }
}

/// The plan's phases behind the curves of a chart this many letters wide, and the events as numbered lines.
fn with_marks(layout: Layout, report: &Report<'_>, letters: f64) -> Layout {
    let marks: Vec<PhaseMark<'_>> = report.summary.phases.iter().map(Into::into).collect();
    let (mut shapes, mut annotations) = phase_marks(&marks, letters);
    let (lines, numbers) = event_marks(report.series.events());
    shapes.extend(lines);
    annotations.extend(numbers);
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
