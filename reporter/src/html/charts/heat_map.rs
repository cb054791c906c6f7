//! The heat map: every answer by its time and its latency. Neighbours: `crate::heat_map` has the counts, `charts.rs` what all
//! charts share. Invariant: cells hold plain counts; `assets/page.js` colours them by their order of magnitude, else one
//! slow answer among thousands could not be seen.

use super::axes::{Unit, WIDE, legend_layout, moment, shade, time_axis};
use super::{Chart, with_marks};
use crate::format;
use crate::heat_map::HeatCells;
use crate::report::Report;
use plotly::HeatMap;
use plotly::common::{ColorBar, ColorScale, ColorScaleElement, ThicknessMode, Title};
use plotly::layout::{AxisType, HoverMode, RangeMode};

/// From few answers to most.
const COLOURS: [&str; 4] = ["--heat-1", "--heat-2", "--heat-3", "--heat-4"];

/// Counts of answers by time and response time.
pub(in crate::html) fn heat_map(report: &Report<'_>) -> Chart {
    let series = report.series;
    let end_s = series.points().last().map_or(0.0, |point| point.at_s);
    let cells = series.heat_map().cells(end_s);
    let is_filled = cells.is_some();
    let cells = cells.unwrap_or(HeatCells {
        times_s: Vec::new(),
        latencies_ms: Vec::new(),
        counts: Vec::new(),
    });
    let slowest = cells.latencies_ms.last().copied().unwrap_or(0.0);
    let fastest = cells.latencies_ms.first().copied().unwrap_or(0.0);
    let unit = Unit::for_ms(slowest);
    let rows = cells.latencies_ms.windows(2).map(|edges| {
        format!(
            "{} to {}",
            format::latency(edges[0]),
            format::latency(edges[1])
        )
    });
    let last = (COLOURS.len() - 1) as f64;
    let scale = COLOURS
        .iter()
        .enumerate()
        .map(|(index, colour)| ColorScaleElement(index as f64 / last, shade(colour)));
    let bar = ColorBar::new()
        .thickness(12)
        .thickness_mode(ThicknessMode::Pixels)
        .outline_width(0)
        .title(Title::with_text("requests"));
    let trace = HeatMap::new(
        cells.times_s.iter().map(|at_s| moment(*at_s)).collect(),
        cells.latencies_ms.iter().map(|ms| unit.of(*ms)).collect(),
        cells.counts,
    )
    .name("requests")
    .text_array(rows.collect())
    .hover_on_gaps(false)
    .color_scale(ColorScale::Vector(scale.collect()))
    .color_bar(bar);
    let layout = with_marks(legend_layout(), report, WIDE)
        .show_legend(false)
        .hover_mode(HoverMode::Closest)
        .x_axis(time_axis(series))
        .y_axis(
            unit.axis()
                .type_(AxisType::Log)
                .range_mode(RangeMode::Normal),
        );
    let column_s = cells
        .times_s
        .windows(2)
        .next()
        .map_or(1.0, |edges| edges[1] - edges[0]);
    let mut chart = Chart::new("heat-map", "Response times as a heat map", vec![trace], layout)
        .words(
            format!(
                "Each cell counts the requests that were done in {} and took that long; the darker (on a dark page: the \
                 brighter), the more, in steps of ten. Two bands mean two kinds of answers; a band that climbs means that the \
                 server falls behind; lone cells high up are the rare slow answers.",
                match column_s {
                    1.0 => "one second".to_owned(),
                    many => format::span(many),
                }
            ),
            format!(
                "Heat map of response times over time: from {} to {}.",
                format::latency(fastest),
                format::latency(slowest)
            ),
        )
        .empty_unless(is_filled, "No request was answered.");
    chart.height = 340;
    chart
}
