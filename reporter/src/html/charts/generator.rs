//! Charts of the load generator's own health. Neighbours: `charts.rs` has what all charts share.
//! Invariant: of several seconds the worst is drawn.

use super::axes::{Unit, legend_layout, line, time_axis, value_axis};
use super::{Chart, rounded, times, with_events};
use crate::format;
use crate::report::Report;
use crate::series::SeriesPoint;
use plotly::common::{DashType, Mode};
use plotly::{Scatter, Trace};

/// Workers with a line of their own; with more, the busiest and the mean are drawn.
const MAX_WORKER_LINES: usize = 8;

/// How busy the generator was.
pub(in crate::html) fn cpu(report: &Report<'_>) -> Chart {
    let series = report.series;
    let x = times(series);
    let workers = series
        .points()
        .iter()
        .map(|point| point.cpu_percent.len())
        .max()
        .unwrap_or(0);
    let trace = |name: String, y: Vec<Option<f64>>, line| -> Box<dyn Trace> {
        Scatter::new(x.clone(), y)
            .name(&name)
            .mode(Mode::Lines)
            .line(line)
    };
    let each = |figure: &dyn Fn(&SeriesPoint) -> Option<f64>| -> Vec<Option<f64>> {
        series
            .points()
            .iter()
            .map(|point| figure(point).map(rounded))
            .collect()
    };
    let mut traces = Vec::new();
    if workers <= MAX_WORKER_LINES {
        for worker in 0..workers {
            let y = each(&|point| point.cpu_percent.get(worker).copied());
            traces.push(trace(
                format!("worker {worker}"),
                y,
                line(series_colour(worker), 1.5),
            ));
        }
    } else {
        let busiest = each(&|point| point.cpu_percent.iter().copied().reduce(f64::max));
        traces.push(trace(
            "busiest worker".to_owned(),
            busiest,
            line("--series-1", 2.0),
        ));
        let mean = each(&|point| mean(&point.cpu_percent));
        traces.push(trace(
            "mean of all workers".to_owned(),
            mean,
            line("--series-2", 1.5),
        ));
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
pub(in crate::html) fn lag(report: &Report<'_>) -> Chart {
    let series = report.series;
    let worst = series
        .points()
        .iter()
        .filter_map(|point| point.lag_p99_ms)
        .fold(0.0, f64::max);
    let unit = Unit::for_ms(worst);
    let y: Vec<Option<f64>> = series
        .points()
        .iter()
        .map(|point| point.lag_p99_ms.map(|ms| unit.of(ms)))
        .collect();
    let traces: Vec<Box<dyn Trace>> = vec![
        Scatter::new(times(series), y)
            .name("lag p99")
            .mode(Mode::Lines)
            .line(line("--series-3", 2.0)),
    ];
    let layout = with_events(legend_layout(), series)
        .x_axis(time_axis(series))
        .y_axis(unit.axis());
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

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn series_colour(index: usize) -> &'static str {
    [
        "--series-1",
        "--series-2",
        "--series-3",
        "--series-4",
        "--series-5",
        "--series-6",
    ][index % 6]
}
