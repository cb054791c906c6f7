//! The tables of what a scenario measures by itself, as finished text: groups and metrics. Neighbours: `tables.rs` puts them on
//! the page. Invariant: as of `tables.rs`, the template decides nothing about figures.

use super::tables::Cell;
use crate::format;
use loadforge_analysis::{GroupSummary, MetricFigures, MetricSummary, RunSummary};
use loadforge_scenarios::MetricKind;
use serde::Serialize;

/// A table of rows with a name and figures.
#[derive(Serialize)]
pub(super) struct NamedTable {
    caption: &'static str,
    /// What the first column holds.
    heading: &'static str,
    columns: &'static [&'static str],
    rows: Vec<NamedRow>,
}

#[derive(Serialize)]
struct NamedRow {
    name: String,
    failing: bool,
    cells: Vec<Cell>,
}

/// All that have a row.
pub(super) fn own_figures(summary: &RunSummary) -> Vec<NamedTable> {
    let mut tables = vec![NamedTable {
        caption: "Groups; from begin to end",
        heading: "Group",
        columns: &[
            "ended", "/s", "failed", "failed %", "p50", "p95", "p99", "max",
        ],
        rows: summary.groups.iter().map(group_row).collect(),
    }];
    let kinds: [(_, _, _, &[&str]); 3] = [
        (
            MetricKind::Counter,
            "Counters; values are added up",
            "Counter",
            &["values", "sum", "/s"],
        ),
        (
            MetricKind::Gauge,
            "Gauges; the last value counts",
            "Gauge",
            &["values", "last", "min", "max"],
        ),
        (
            MetricKind::Trend,
            "Trends; all values count",
            "Trend",
            &["values", "min", "mean", "p50", "p90", "p95", "p99", "max"],
        ),
    ];
    for (kind, caption, heading, columns) in kinds {
        let of_kind = summary
            .metrics
            .iter()
            .filter(|row| row.figures.kind() == kind);
        tables.push(NamedTable {
            caption,
            heading,
            columns,
            rows: of_kind.map(metric_row).collect(),
        });
    }
    tables.retain(|table| !table.rows.is_empty());
    tables
}

fn group_row(group: &GroupSummary) -> NamedRow {
    let figures = &group.latency_ms;
    let failed_share = group.failed as f64 / group.count.max(1) as f64;
    let latency = |ms| Cell::new(format::latency(ms), ms);
    NamedRow {
        name: group.name.clone(),
        failing: group.failed > 0,
        cells: vec![
            Cell::new(format::count(group.count), group.count as f64),
            Cell::new(format::rate(group.rate_mean), group.rate_mean),
            Cell::new(format::count(group.failed), group.failed as f64),
            Cell::new(format::percent(failed_share), failed_share),
            latency(figures.p50),
            latency(figures.p95),
            latency(figures.p99),
            latency(figures.max),
        ],
    }
}

fn metric_row(metric: &MetricSummary) -> NamedRow {
    let figures = match metric.figures {
        MetricFigures::Counter { sum, rate_mean } => vec![sum, rate_mean],
        MetricFigures::Gauge { last, min, max } => vec![last, min, max],
        MetricFigures::Trend {
            min,
            mean,
            p50,
            p90,
            p95,
            p99,
            max,
        } => vec![min, mean, p50, p90, p95, p99, max],
    };
    let count = Cell::new(format::count(metric.count), metric.count as f64);
    let figures = figures
        .into_iter()
        .map(|value| Cell::new(format::number(value), value));
    NamedRow {
        name: metric.name.clone(),
        failing: false,
        cells: std::iter::once(count).chain(figures).collect(),
    }
}
