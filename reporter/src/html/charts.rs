//! The charts of the report as Plotly's own JSON. Neighbours: `charts/axes.rs` says how every chart looks, `page.rs` puts
//! them on the page, `assets/page.js` draws them. Invariants: colours are names of CSS variables, so that one
//! stylesheet rules both themes; text that came from outside is shown as text, never as Plotly's markup.

mod axes;

pub(super) use axes::event_mark;

use axes::{Unit, event_marks, legend_layout, line, moment, shade, time_axis, value_axis};
use crate::format;
use crate::report::Report;
use crate::series::{Quantiles, Series, SeriesPoint};
use loadforge_analysis::{LatencyHistogram, RunSummary};
use loadforge_scenarios::ErrorKind;
use plotly::common::{AxisSide, DashType, Fill, HoverInfo, Marker, Mode, Orientation};
use plotly::layout::{Axis, AxisType, BarMode, HoverMode, Layout, RangeMode};
use plotly::{Bar, Plot, Scatter, Trace};
use serde::Serialize;
use std::collections::BTreeSet;

/// Endpoints in the chart of latencies by endpoint; the table has them all.
pub(super) const MAX_ENDPOINTS: usize = 20;

/// Workers with a line of their own; with more, the busiest and the mean are drawn.
const MAX_WORKER_LINES: usize = 8;

/// Longest label of an endpoint on an axis, in characters.
const MAX_LABEL: usize = 26;

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
    fn new(id: &'static str, title: &'static str, traces: Vec<Box<dyn Trace>>, layout: Layout) -> Chart {
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
    let done: Vec<f64> = series.points().iter().map(|point| rounded(point.rps())).collect();
    let failed = series.points().iter().map(|point| rounded(point.failed_per_s())).collect();
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
                "Answers the server gave each second, whether good or bad, and how many of them failed. A flat line \
                 while users still rise means that the server has reached its limit.{}",
                thinning_note(series, "the mean of that time")
            ),
            format!("Line chart of requests per second over time; the peak is {}.", format::rate(peak)),
        )
        .empty_unless(measured(report.summary), "No request was answered.")
}

/// Response time percentiles over time, as bands.
pub(super) fn response(report: &Report<'_>) -> Chart {
    let series = report.series;
    let x = times(series);
    let worst = series.points().iter().filter_map(|point| point.response).map(|q| q.p99.high).fold(0.0, f64::max);
    let unit = Unit::for_ms(worst);
    let pick = |figure: fn(&Quantiles) -> f64| -> Vec<Option<f64>> {
        series.points().iter().map(|point| point.response.as_ref().map(|q| unit.of(figure(q)))).collect()
    };
    let band = |name: &str, y, colour: &'static str| {
        Scatter::new(x.clone(), y).name(name).mode(Mode::Lines).line(line(colour, 2.0))
    };
    let traces: Vec<Box<dyn Trace>> = vec![
        band("p50 (half are faster)", pick(|q| q.p50.high), "--band-1"),
        band("p95", pick(|q| q.p95.high), "--band-2")
            .fill(Fill::ToNextY)
            .fill_color(shade("--band-2-soft")),
        band("p99 (1 in 100 is slower)", pick(|q| q.p99.high), "--band-3")
            .fill(Fill::ToNextY)
            .fill_color(shade("--band-3-soft")),
    ];
    let layout = with_events(legend_layout(), series)
        .x_axis(time_axis(series))
        .y_axis(unit.axis());
    let mut chart = Chart::new("response", "Response time over time", traces, layout)
        .words(
            format!(
                "How long users waited. The lowest line is the middle user, the highest the unlucky one in a hundred. \
                 Lines close together mean steady service; a wide band means that some users wait far longer.{}",
                thinning_note(series, "its worst second")
            ),
            format!(
                "Line chart of the response time percentiles p50, p95 and p99 over time; the highest p99 is {}.",
                format::latency(worst)
            ),
        )
        .empty_unless(measured(report.summary), "No request was answered.");
    chart.log_axis = Some("yaxis");
    chart
}

/// Response and service time on a percentile scale.
pub(super) fn distribution(report: &Report<'_>) -> Chart {
    let histograms = report.histograms;
    let unit = Unit::for_ms(histograms.response.max_ms());
    let curve = |histogram: &LatencyHistogram, name: &str, colour: &'static str| {
        // On this scale 100 % lies at infinity: the slowest answer is drawn where the number of samples puts it.
        let end = (histogram.len() as f64).max(1.0);
        let (mut x, mut y, mut text) = (Vec::new(), Vec::new(), Vec::new());
        for (quantile, ms) in histogram.curve() {
            let place = rounded((1.0 / (1.0 - quantile).max(1e-12)).min(end));
            if x.last() == Some(&place) {
                x.pop();
                y.pop();
                text.pop();
            }
            x.push(place);
            y.push(unit.of(ms));
            text.push(format!("{} within {}", quantile_words(quantile), format::latency(ms)));
        }
        Scatter::new(x, y)
            .name(name)
            .mode(Mode::Lines)
            .hover_info(HoverInfo::Text)
            .hover_text_array(text)
            .line(line(colour, 2.5))
    };
    let mut service = curve(&histograms.service, "service time (server and network alone)", "--series-2");
    service = service.line(line("--series-2", 2.0).dash(DashType::Dash));
    let traces: Vec<Box<dyn Trace>> =
        vec![curve(&histograms.response, "response time (what users feel)", "--series-1"), service];
    let ticks = [
        (1.0, "0 %"),
        (2.0, "50 %"),
        (10.0, "90 %"),
        (100.0, "99 %"),
        (1e3, "99.9 %"),
        (1e4, "99.99 %"),
        (1e5, "99.999 %"),
        (1e6, "99.9999 %"),
    ];
    let scale = value_axis()
        .type_(AxisType::Log)
        .range_mode(RangeMode::Normal)
        .tick_values(ticks.iter().map(|tick| tick.0).collect())
        .tick_text(ticks.iter().map(|tick| tick.1).collect());
    let layout = legend_layout().hover_mode(HoverMode::Closest).x_axis(scale).y_axis(unit.axis());
    let figures = &report.summary.response_ms;
    let mut chart = Chart::new("distribution", "Distribution of latencies", traces, layout)
        .words(
            "Read it from the bottom: at 90 % the curve shows the time within which 90 % of the answers came. The scale \
             stretches towards the right so that rare slow answers can be seen. Where both curves part, requests had \
             to wait before they could even be sent.",
            format!(
                "Line chart of latencies on a percentile scale: response time p50 {}, p99 {}, maximum {}.",
                format::latency(figures.p50),
                format::latency(figures.p99),
                format::latency(figures.max)
            ),
        )
        .empty_unless(!histograms.response.is_empty(), "No request was answered.");
    chart.log_axis = Some("yaxis");
    chart.log = true; // else the slowest answers press all others onto the axis
    chart
}

/// Response time percentiles by endpoint.
pub(super) fn endpoints(report: &Report<'_>) -> Chart {
    let shown: Vec<_> = report.summary.endpoints.iter().take(MAX_ENDPOINTS).collect();
    let unit = Unit::for_ms(shown.iter().map(|endpoint| endpoint.response_ms.p99).fold(0.0, f64::max));
    let rows: Vec<f64> = (0..shown.len()).map(|row| row as f64).collect();
    let names: Vec<String> =
        shown.iter().map(|endpoint| format!("{} {}", endpoint.method, endpoint.name).trim().to_owned()).collect();
    let bars = |name: &str, colour: &'static str, figure: fn(&loadforge_analysis::Percentiles) -> f64| {
        let values: Vec<f64> = shown.iter().map(|endpoint| unit.of(figure(&endpoint.response_ms))).collect();
        let hover = shown.iter().zip(&names).map(|(endpoint, label)| {
            format!("{}<br>{name} {}", plain_text(label), format::latency(figure(&endpoint.response_ms)))
        });
        let bars: Box<dyn Trace> = Bar::new(values, rows.clone())
            .name(name)
            .orientation(Orientation::Horizontal)
            .hover_info(HoverInfo::Text)
            .hover_text_array(hover.collect())
            .marker(Marker::new().color(shade(colour)));
        bars
    };
    let traces = vec![
        bars("p50", "--band-1", |figures| figures.p50),
        bars("p95", "--band-2", |figures| figures.p95),
        bars("p99", "--band-3", |figures| figures.p99),
    ];
    let labels: Vec<String> = names.iter().map(|name| plain_text(&shortened(name))).collect();
    let categories = Axis::new()
        .tick_values(rows)
        .tick_text(labels)
        .range(vec![shown.len() as f64 - 0.5, -0.5])
        .auto_margin(true)
        .fixed_range(true)
        .zero_line(false)
        .show_grid(false);
    let layout = legend_layout()
        .bar_mode(BarMode::Group)
        .bar_gap(0.3)
        .hover_mode(HoverMode::Closest)
        .x_axis(unit.axis().side(AxisSide::Bottom))
        .y_axis(categories);
    let caption = if report.summary.endpoints.len() > MAX_ENDPOINTS {
        format!("The {MAX_ENDPOINTS} busiest endpoints, busiest first; the table below has all. Short bars are good; a long p99 beside a short p50 means that most are fast and some are not.")
    } else {
        "Busiest first. Short bars are good; a long p99 beside a short p50 means that most are fast and some are not.".to_owned()
    };
    let mut chart = Chart::new("endpoints-chart", "Response time by endpoint", traces, layout)
        .words(caption, format!("Bar chart of response time percentiles of {}.", format::plural(shown.len() as u64, "endpoint")))
        .empty_unless(!shown.is_empty(), "No request was answered.");
    chart.height = 110 + 44 * shown.len().max(2);
    chart.log_axis = Some("xaxis");
    chart
}

/// Failures by kind over time.
pub(super) fn errors(report: &Report<'_>) -> Chart {
    let series = report.series;
    let kinds: BTreeSet<ErrorKind> =
        series.points().iter().flat_map(|point| point.errors.keys().copied()).collect();
    let x = times(series);
    let traces = kinds.iter().map(|kind| {
        let y: Vec<u64> =
            series.points().iter().map(|point| point.errors.get(kind).copied().unwrap_or(0)).collect();
        let bars: Box<dyn Trace> =
            Bar::new(x.clone(), y).name(kind.as_str()).marker(Marker::new().color(shade(kind_colour(*kind))));
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
    let users = |figure: fn(&SeriesPoint) -> u64| -> Vec<u64> { series.points().iter().map(figure).collect() };
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
        format!("Line chart of virtual users over time: at most {} active of {} asked for.", peaks.peak, peaks.target_peak),
    );
    chart.height = 240;
    chart
}

/// How busy the generator was.
pub(super) fn cpu(report: &Report<'_>) -> Chart {
    let series = report.series;
    let x = times(series);
    let workers = series.points().iter().map(|point| point.cpu_percent.len()).max().unwrap_or(0);
    let trace = |name: String, y: Vec<Option<f64>>, line| -> Box<dyn Trace> {
        Scatter::new(x.clone(), y).name(&name).mode(Mode::Lines).line(line)
    };
    let each = |figure: &dyn Fn(&SeriesPoint) -> Option<f64>| -> Vec<Option<f64>> {
        series.points().iter().map(|point| figure(point).map(rounded)).collect()
    };
    let mut traces = Vec::new();
    if workers <= MAX_WORKER_LINES {
        for worker in 0..workers {
            let y = each(&|point| point.cpu_percent.get(worker).copied());
            traces.push(trace(format!("worker {worker}"), y, line(series_colour(worker), 1.5)));
        }
    } else {
        let busiest = each(&|point| point.cpu_percent.iter().copied().reduce(f64::max));
        traces.push(trace("busiest worker".to_owned(), busiest, line("--series-1", 2.0)));
        let mean = each(&|point| mean(&point.cpu_percent));
        traces.push(trace("mean of all workers".to_owned(), mean, line("--series-2", 1.5)));
    }
    let spin = each(&|point| mean(&point.spin_percent));
    let dotted = line("--muted", 1.5).dash(DashType::Dot);
    traces.push(trace("spinning (mean)".to_owned(), spin, dotted));
    let layout = with_events(legend_layout(), series)
        .x_axis(time_axis(series))
        .y_axis(value_axis().range(vec![0.0, 105.0]).tick_suffix(" %"));
    let mut chart = Chart::new("cpu", "CPU of the load generator", traces, layout).words(
        "How busy each worker was, in percent of one CPU. Near 90 % the generator, not the server, may be the limit. \
         Spinning is waiting on purpose for the next moment to send; it does not count as busy.",
        "Line chart of the CPU use of each worker over time.",
    );
    chart.height = 260;
    chart.empty_unless(workers > 0, "The generator's CPU was not read.")
}

/// How late the generator sent.
pub(super) fn lag(report: &Report<'_>) -> Chart {
    let series = report.series;
    let worst = series.points().iter().filter_map(|point| point.lag_p99_ms).fold(0.0, f64::max);
    let unit = Unit::for_ms(worst);
    let y: Vec<Option<f64>> = series.points().iter().map(|point| point.lag_p99_ms.map(|ms| unit.of(ms))).collect();
    let traces: Vec<Box<dyn Trace>> = vec![
        Scatter::new(times(series), y).name("lag p99").mode(Mode::Lines).line(line("--series-3", 2.0)),
    ];
    let layout = with_events(legend_layout(), series).x_axis(time_axis(series)).y_axis(unit.axis());
    let mut chart = Chart::new("lag", "Lag of the load generator (p99)", traces, layout)
        .words(
            "How late requests left the generator, after the moment they were meant to. It is counted in the response time, \
             so it should be far below it.",
            format!("Line chart of the lag's p99 over time; the highest is {}.", format::latency(worst)),
        )
        .empty_unless(!report.histograms.lag.is_empty(), "No request was sent.");
    chart.height = 260;
    chart
}

/// Plotly reads a few tags in text; as entities they are only characters.
fn plain_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= MAX_LABEL {
        name.to_owned()
    } else {
        name.chars().take(MAX_LABEL - 1).chain(['…']).collect()
    }
}

/// The points' times as Plotly's time axis wants them.
fn times(series: &Series) -> Vec<i64> {
    series.points().iter().map(|point| moment(point.at_s)).collect()
}

/// Four significant digits: more cannot be seen, and the page stays small.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    // Division by a power of ten instead of multiplication by its inverse: 12.3 stays 12.3 in the JSON.
    let digits = 3 - value.abs().log10().floor() as i32;
    let scale = 10f64.powi(digits.abs());
    if digits >= 0 { (value * scale).round() / scale } else { (value / scale).round() * scale }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn measured(summary: &RunSummary) -> bool {
    summary.requests.ok + summary.requests.failed > 0
}

fn quantile_words(quantile: f64) -> String {
    if quantile >= 1.0 { "all".to_owned() } else { format!("{} %", rounded_share(quantile)) }
}

/// A share near 1 keeps the digits that tell it from 1.
fn rounded_share(quantile: f64) -> String {
    let tail = rounded((1.0 - quantile) * 100.0);
    let text = format!("{:.6}", 100.0 - tail);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
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

fn series_colour(index: usize) -> &'static str {
    ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5", "--series-6"][index % 6]
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
        for (value, text) in [(0.0, "0.0"), (12.345_678, "12.35"), (123_456.0, "123500.0"), (0.000_123_456, "0.0001235")] {
            assert_eq!(format!("{:?}", rounded(value)), text);
        }
    }

    #[test]
    fn a_high_percentile_keeps_the_digits_that_tell_it_from_all() {
        assert_eq!(quantile_words(0.5), "50 %");
        assert_eq!(quantile_words(0.999), "99.9 %");
        assert_eq!(quantile_words(0.99999), "99.999 %");
        assert_eq!(quantile_words(1.0), "all");
    }
}
