//! Charts of latencies: over time, as a distribution, by endpoint. Neighbours: `charts.rs` has what all charts share.
//! Invariant: what is drawn for several seconds is their worst; percentiles are never averaged.

use super::axes::{Unit, WIDE, legend_layout, line, shade, time_axis, value_axis};
use super::{Chart, measured, rounded, thinning_note, times, with_marks};
use crate::direction::in_one_direction;
use crate::report::Report;
use crate::series::{Quantiles, SeriesPoint};
use crate::{format, words};
use loadforge_analysis::{EndpointSummary, LatencyHistogram, Percentiles};
use plotly::common::{AxisSide, DashType, Fill, HoverInfo, Marker, Mode, Orientation};
use plotly::layout::{Axis, AxisType, BarMode, HoverMode, RangeMode};
use plotly::{Bar, Scatter, Trace};

/// Endpoints in the chart of latencies by endpoint; the table has them all.
const MAX_ENDPOINTS: usize = 20;

/// Longest label of an endpoint on an axis, in characters.
const MAX_LABEL: usize = 26;

/// Response time percentiles over time, as bands.
pub(in crate::html) fn response(report: &Report<'_>) -> Chart {
    let of = |point: &SeriesPoint| point.response;
    let caption = "How long users waited. The lowest line is the middle user, the highest the unlucky one in a hundred. Lines \
                   close together mean steady service; a wide band means that some users wait far longer.";
    bands(report, "response", "Response time over time", of).words(
        format!(
            "{caption}{}",
            thinning_note(report.series, "its worst second")
        ),
        bands_label(report, "response time", of),
    )
}

/// Service time percentiles over time, as bands on the scale of the response time.
pub(in crate::html) fn service(report: &Report<'_>) -> Chart {
    let of = |point: &SeriesPoint| point.service;
    let caption = "What server and network alone took, on the same scale as above. Where the response time is higher than \
                   this, requests had to wait before they could be sent.";
    let mut chart = bands(report, "service", "Service time over time", of).words(
        format!(
            "{caption}{}",
            thinning_note(report.series, "its worst second")
        ),
        bands_label(report, "service time", of),
    );
    chart.height = 240;
    chart
}

/// One latency of a point.
type Figures = fn(&SeriesPoint) -> Option<Quantiles>;

/// The highest p99 of a latency, in ms.
fn worst(report: &Report<'_>, of: Figures) -> f64 {
    let figures = report.series.points().iter().filter_map(of);
    figures.map(|q| q.p99.high).fold(0.0, f64::max)
}

fn bands_label(report: &Report<'_>, what: &str, of: Figures) -> String {
    format!(
        "Line chart of the {what} percentiles p50, p95 and p99 over time; the highest p99 is {}.",
        format::latency(worst(report, of))
    )
}

fn bands(report: &Report<'_>, id: &'static str, title: &'static str, of: Figures) -> Chart {
    let series = report.series;
    let x = times(series);
    // Both latencies have one scale: two charts that are alike in shape shall be alike in height.
    let worst = worst(report, |point| point.response).max(worst(report, |point| point.service));
    let unit = Unit::for_ms(worst);
    let pick = |figure: fn(&Quantiles) -> f64| -> Vec<Option<f64>> {
        let figures = series.points().iter().map(of);
        figures
            .map(|q| q.as_ref().map(|q| unit.of(figure(q))))
            .collect()
    };
    let band = |name: &str, y, colour: &'static str| {
        Scatter::new(x.clone(), y)
            .name(name)
            .mode(Mode::Lines)
            .line(line(colour, 2.0))
    };
    let bands: [Box<dyn Trace>; 3] = [
        band("p50 (half are faster)", pick(|q| q.p50.high), "--band-1"),
        band("p95", pick(|q| q.p95.high), "--band-2")
            .fill(Fill::ToNextY)
            .fill_color(shade("--band-2-soft")),
        band("p99 (1 in 100 is slower)", pick(|q| q.p99.high), "--band-3")
            .fill(Fill::ToNextY)
            .fill_color(shade("--band-3-soft")),
    ];
    // Where a point covers several seconds, the middle of the best of them shows how far these lie apart.
    let is_thinned = series.windows_per_point() > 1;
    let best: Option<Box<dyn Trace>> = is_thinned.then(|| -> Box<dyn Trace> {
        let dots = line("--band-1", 1.0).dash(DashType::Dot);
        band("p50 of the best second", pick(|q| q.p50.low), "--band-1").line(dots)
    });
    let traces = best.into_iter().chain(bands).collect();
    let top = unit.of(worst * 1.05);
    let layout = with_marks(legend_layout(), report, WIDE)
        .x_axis(time_axis(series))
        .y_axis(unit.axis().range(vec![0.0, top]));
    let mut chart = Chart::new(id, title, traces, layout)
        .empty_unless(measured(report.summary), "No request was answered.");
    chart.log_axis = Some("yaxis");
    chart
}

/// Response and service time on a percentile scale.
pub(in crate::html) fn distribution(report: &Report<'_>) -> Chart {
    let histograms = report.histograms;
    let unit = Unit::for_ms(histograms.response.max_ms());
    let response = curve(&histograms.response, unit)
        .name("response time (what users feel)")
        .line(line("--series-1", 2.5));
    let service = curve(&histograms.service, unit)
        .name("service time (server and network alone)")
        .line(line("--series-2", 2.0).dash(DashType::Dash));
    let layout = legend_layout()
        .hover_mode(HoverMode::Closest)
        .x_axis(percentile_axis())
        .y_axis(unit.axis());
    let figures = &report.summary.response_ms;
    let traces: Vec<Box<dyn Trace>> = vec![response, service];
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

/// A distribution's curve over 1 / (1 − quantile). On this scale 100 % lies at infinity: the slowest answer is drawn where
/// the number of samples puts it.
fn curve(histogram: &LatencyHistogram, unit: Unit) -> Box<Scatter<f64, f64>> {
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
        text.push(format!(
            "{} within {}",
            quantile_words(quantile),
            format::latency(ms)
        ));
    }
    Scatter::new(x, y)
        .mode(Mode::Lines)
        .hover_info(HoverInfo::Text)
        .hover_text_array(text)
}

fn percentile_axis() -> Axis {
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
    value_axis()
        .type_(AxisType::Log)
        .range_mode(RangeMode::Normal)
        .tick_values(ticks.iter().map(|tick| tick.0).collect())
        .tick_text(ticks.iter().map(|tick| tick.1).collect())
}

/// Response time percentiles by endpoint.
pub(in crate::html) fn endpoints(report: &Report<'_>) -> Chart {
    let all = &report.summary.endpoints;
    let shown = all.iter().take(MAX_ENDPOINTS);
    let rows: Vec<Named<'_>> = shown
        .map(|endpoint| (label_of(endpoint), &endpoint.response_ms))
        .collect();
    let which = if all.len() > MAX_ENDPOINTS {
        format!("The {MAX_ENDPOINTS} busiest endpoints, busiest first; the table below has all.")
    } else {
        "Busiest first.".to_owned()
    };
    bars_by_name("endpoints-chart", "Response time by endpoint", &rows)
        .words(
            format!(
                "{which} Short bars are good; a long p99 beside a short p50 means that most answers are fast and some are not."
            ),
            format!(
                "Bar chart of response time percentiles of {}.",
                format::plural(rows.len() as u64, "endpoint")
            ),
        )
        .empty_unless(!rows.is_empty(), "No request was answered.")
}

/// Latency percentiles by group.
pub(in crate::html) fn groups(report: &Report<'_>) -> Chart {
    let all = &report.summary.groups;
    let shown = all.iter().take(MAX_ENDPOINTS);
    let rows: Vec<Named<'_>> = shown
        .map(|group| (group.name.clone(), &group.latency_ms))
        .collect();
    let which = if all.len() > MAX_ENDPOINTS {
        format!(
            "The {MAX_ENDPOINTS} most frequent groups, most frequent first; the table below has all."
        )
    } else {
        "Most frequent first.".to_owned()
    };
    bars_by_name("groups-chart", "Time by group", &rows)
        .words(
            format!("{which} From a group's begin to its end, its pauses and all of its requests included."),
            format!(
                "Bar chart of latency percentiles of {}.",
                format::plural(rows.len() as u64, "group")
            ),
        )
        .empty_unless(!rows.is_empty(), "No group ended.")
}

/// What is drawn as a row of bars: its label and its figures.
type Named<'a> = (String, &'a Percentiles);

/// Bars of p50, p95 and p99 for each row.
fn bars_by_name(id: &'static str, title: &'static str, rows: &[Named<'_>]) -> Chart {
    let slowest = rows
        .iter()
        .map(|(_, figures)| figures.p99)
        .fold(0.0, f64::max);
    let unit = Unit::for_ms(slowest);
    let traces = vec![
        percentile_bars(rows, unit, "p50", "--band-1", |figures| figures.p50),
        percentile_bars(rows, unit, "p95", "--band-2", |figures| figures.p95),
        percentile_bars(rows, unit, "p99", "--band-3", |figures| figures.p99),
    ];
    // Rows are numbers, not names: two names that are cut to the same label stay two rows.
    let categories = Axis::new()
        .tick_values((0..rows.len()).map(|row| row as f64).collect())
        .tick_text(
            rows.iter()
                .map(|(label, _)| plain_text(&shortened(label)))
                .collect(),
        )
        .range(vec![rows.len() as f64 - 0.5, -0.5])
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
    let mut chart = Chart::new(id, title, traces, layout);
    chart.height = 110 + 44 * rows.len().max(2);
    chart.log_axis = Some("xaxis");
    chart
}

fn percentile_bars(
    rows: &[Named<'_>],
    unit: Unit,
    name: &str,
    colour: &'static str,
    figure: fn(&Percentiles) -> f64,
) -> Box<dyn Trace> {
    let values = rows.iter().map(|(_, figures)| unit.of(figure(figures)));
    let places = (0..rows.len()).map(|row| row as f64);
    let hover = rows.iter().map(|(label, figures)| {
        let latency = format::latency(figure(figures));
        format!("{}<br>{name} {latency}", plain_text(label))
    });
    Bar::new(values.collect(), places.collect())
        .name(name)
        .orientation(Orientation::Horizontal)
        .hover_info(HoverInfo::Text)
        .hover_text_array(hover.collect())
        .marker(Marker::new().color(shade(colour)))
}

fn label_of(endpoint: &EndpointSummary) -> String {
    words::endpoint_label(&endpoint.method, &endpoint.name)
}

/// Plotly reads a few tags in text; as entities they are only characters.
pub(super) fn plain_text(text: &str) -> String {
    in_one_direction(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= MAX_LABEL {
        name.to_owned()
    } else {
        name.chars().take(MAX_LABEL - 1).chain(['…']).collect()
    }
}

fn quantile_words(quantile: f64) -> String {
    if quantile >= 1.0 {
        "all".to_owned()
    } else {
        format!("{} %", rounded_share(quantile))
    }
}

/// A share near 1 keeps the digits that tell it from 1.
fn rounded_share(quantile: f64) -> String {
    let tail = rounded((1.0 - quantile) * 100.0);
    let text = format!("{:.6}", 100.0 - tail);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_high_percentile_keeps_the_digits_that_tell_it_from_all() {
        assert_eq!(quantile_words(0.5), "50 %");
        assert_eq!(quantile_words(0.999), "99.9 %");
        assert_eq!(quantile_words(0.99999), "99.999 %");
        assert_eq!(quantile_words(1.0), "all");
    }
}
