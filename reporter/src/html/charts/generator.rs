//! Charts of the load generator's own health. Neighbours: `charts.rs` has what all charts share.
//! Invariant: of several seconds the worst is drawn.

use super::axes::{HALF, Unit, legend_layout, line, moment, time_axis, value_axis};
use super::{Chart, rounded, times, with_marks};
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
    let layout = with_marks(legend_layout(), report, HALF)
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
    let layout = with_marks(legend_layout(), report, HALF)
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

/// What took the CPU from the workers, and what the network lost.
pub(in crate::html) fn disturbances(report: &Report<'_>) -> Chart {
    let series = report.series;
    let (x, points) = (times(series), series.points());
    let each = |figure: fn(&SeriesPoint) -> f64| -> Vec<f64> {
        points
            .iter()
            .map(|point| rounded(figure(point) / point.length_s.max(f64::MIN_POSITIVE)))
            .collect()
    };
    let steal: Vec<Option<f64>> = points
        .iter()
        .map(|point| {
            point
                .steal_percent
                .iter()
                .copied()
                .reduce(f64::max)
                .map(rounded)
        })
        .collect();
    let told = steal.iter().any(Option::is_some);
    let trace = |y: Vec<f64>, name: &str, colour| -> Box<dyn Trace> {
        Scatter::new(x.clone(), y)
            .name(name)
            .mode(Mode::Lines)
            .line(line(colour, 1.5))
    };
    let traces: Vec<Box<dyn Trace>> = vec![
        Scatter::new(x.clone(), steal)
            .name("steal, worst worker (%)")
            .mode(Mode::Lines)
            .line(line("--series-2", 1.5)),
        trace(
            each(|point| point.involuntary_switches as f64),
            "involuntary switches /s",
            "--series-3",
        ),
        trace(
            each(|point| rounded(point.paused_ms / point.length_s)),
            "CPU taken while spinning (ms/s)",
            "--series-5",
        ),
        trace(
            each(|point| point.retransmits as f64),
            "segments sent again /s",
            "--series-4",
        ),
    ];
    let layout = with_marks(legend_layout(), report, HALF)
        .x_axis(time_axis(series))
        .y_axis(value_axis());
    let mut chart = Chart::new("disturbances", "Disturbances", traces, layout).words(
        "Steal: CPU time that the hypervisor gave to others. Involuntary switches: the kernel took the CPU from a worker. \
         CPU taken while spinning: pauses of 0.1 ms and more that a waiting worker saw, whoever made them. \
         Segments sent again: packets lost by the network or this machine, whatever program they belong to. All belong \
         near zero.",
        "Line chart of steal, involuntary switches, pauses and segments sent again over time.",
    );
    chart.height = 260;
    chart.empty_unless(told, "This run did not watch them.")
}

/// What is used up.
pub(in crate::html) fn resources(report: &Report<'_>) -> Chart {
    let series = report.series;
    // They are not counted in every window.
    let (x, y): (Vec<i64>, Vec<u64>) = series
        .points()
        .iter()
        .filter(|point| point.descriptors > 0)
        .map(|point| (moment(point.middle_s()), point.descriptors))
        .unzip();
    let told = !y.is_empty();
    let traces: Vec<Box<dyn Trace>> = vec![
        Scatter::new(x, y)
            .name("descriptors")
            .mode(Mode::Lines)
            .line(line("--series-1", 2.0)),
    ];
    let layout = with_marks(legend_layout(), report, HALF)
        .x_axis(time_axis(series))
        .y_axis(value_axis());
    let mut chart = Chart::new("descriptors", "Open descriptors", traces, layout).words(
        "Files and connections open in all processes of the generator. A line that only rises tells of connections that \
         are never closed.",
        "Line chart of open descriptors over time.",
    );
    chart.height = 260;
    chart.empty_unless(told, "This run did not count them.")
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
