//! The tables of what a scenario measures by itself: groups, counters, gauges, trends. Neighbours: `../final_table.rs` calls.
//! Invariant: a scenario that measures nothing by itself gets no line.

use super::{INDENT, MAX_ROWS, Table, WIDTH, fit};
use crate::format;
use loadforge_analysis::{GroupSummary, MetricFigures, MetricSummary};
use loadforge_scenarios::MetricKind;

/// Width of a column of figures.
const COLUMN: usize = 9;

impl Table {
    pub(super) fn groups(&mut self, groups: &[GroupSummary]) {
        if groups.is_empty() {
            return;
        }
        const NAME: usize = 26;
        self.section(&format!(
            "{}{:>11}{:>9}{:>8}{:>8}{:>8}{:>8}",
            fit("group", NAME),
            "ended",
            "failed",
            "/s",
            "p50",
            "p95",
            "p99"
        ));
        for group in groups.iter().take(MAX_ROWS) {
            let failed = format!("{:>9}", format::short_count(group.failed));
            let failed = match group.failed {
                0 => failed,
                _ => self.sgr.red(&failed),
            };
            let latency = |ms: f64| format::latency(ms).replace(' ', "");
            let figures = &group.latency_ms;
            self.line(&format!(
                "{}{:>11}{failed}{:>8}{:>8}{:>8}{:>8}",
                fit(&group.name, NAME),
                format::count(group.count),
                format::rate(group.rate_mean),
                latency(figures.p50),
                latency(figures.p95),
                latency(figures.p99),
            ));
        }
        self.rest(groups.len());
    }

    pub(super) fn metrics(&mut self, metrics: &[MetricSummary]) {
        for (kind, heading, columns) in [
            (MetricKind::Counter, "counter", &["sum", "/s"][..]),
            (MetricKind::Gauge, "gauge", &["last", "min", "max"]),
            (
                MetricKind::Trend,
                "trend",
                &["mean", "p50", "p95", "p99", "max"],
            ),
        ] {
            let of_kind = || metrics.iter().filter(|row| row.figures.kind() == kind);
            if of_kind().next().is_none() {
                continue;
            }
            let name = WIDTH - INDENT.len() - (columns.len() + 1) * COLUMN;
            let name = name.min(26);
            let cells: String = columns
                .iter()
                .map(|column| format!("{column:>COLUMN$}"))
                .collect();
            self.section(&format!(
                "{}{:>COLUMN$}{cells}",
                fit(heading, name),
                "values"
            ));
            for metric in of_kind().take(MAX_ROWS) {
                let cells: String = figures(&metric.figures)
                    .iter()
                    .map(|value| format!("{:>COLUMN$}", format::short_number(*value)))
                    .collect();
                self.line(&format!(
                    "{}{:>COLUMN$}{cells}",
                    fit(&metric.name, name),
                    format::short_count(metric.count)
                ));
            }
            self.rest(of_kind().count());
        }
    }
}

/// The figures shown of a metric, in the order of the columns.
fn figures(figures: &MetricFigures) -> Vec<f64> {
    match *figures {
        MetricFigures::Counter { sum, rate_mean } => vec![sum, rate_mean],
        MetricFigures::Gauge { last, min, max } => vec![last, min, max],
        MetricFigures::Trend {
            mean,
            p50,
            p95,
            p99,
            max,
            ..
        } => vec![mean, p50, p95, p99, max],
    }
}
