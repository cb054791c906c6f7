//! The chart of a load that is planned: curves of one unit, and the phases behind them. Neighbours: `../preview.rs` puts it
//! on a page, `crate::preview` samples the curves. Invariant: what is drawn is what the plan says, peaks included.

use super::axes::{
    PhaseMark, WIDE, legend_layout, line, moment, phase_marks, time_axis_until, value_axis,
};
use super::{Chart, rounded};
use crate::format;
use crate::preview::{Curve, samples};
use loadforge_scenarios::PhaseSpan;
use plotly::common::{DashType, Mode};
use plotly::{Scatter, Trace};
use std::time::Duration;

/// Stretches a curve is drawn in: as many as a wide screen has columns.
const STRETCHES: usize = 1_000;

const COLOURS: [&str; 6] = [
    "--series-1",
    "--series-2",
    "--series-3",
    "--series-4",
    "--series-5",
    "--series-6",
];

/// These curves, all of one unit, over the length of the run; `id` is that of its place on the page.
pub(in crate::html) fn planned(
    id: &'static str,
    curves: &[&Curve<'_>],
    duration: Duration,
    phases: &[PhaseSpan],
) -> Chart {
    let unit = curves.first().map_or("", |curve| curve.unit);
    let mut traces: Vec<Box<dyn Trace>> = curves
        .iter()
        .zip(COLOURS.iter().cycle())
        .map(|(curve, colour)| {
            let points = samples(&|t| curve.pattern.target_at(t), duration, STRETCHES);
            trace(curve.name, points, line(colour, 2.0))
        })
        .collect();
    if curves.len() > 1 {
        let all = |t| curves.iter().map(|curve| curve.pattern.target_at(t)).sum();
        let dashes = line("--muted", 1.5).dash(DashType::Dash);
        traces.push(trace(
            "together",
            samples(&all, duration, STRETCHES),
            dashes,
        ));
    }
    let mut from_s = 0.0;
    let marks: Vec<PhaseMark<'_>> = phases
        .iter()
        .map(|phase| {
            let until_s = phase.until.as_secs_f64();
            let began = std::mem::replace(&mut from_s, until_s);
            PhaseMark {
                name: &phase.name,
                from_s: began,
                until_s,
                role: phase.role,
            }
        })
        .collect();
    let (shapes, annotations) = phase_marks(&marks, WIDE);
    let layout = legend_layout()
        .shapes(shapes)
        .annotations(annotations)
        .x_axis(time_axis_until(duration.as_secs_f64()))
        .y_axis(value_axis());
    let title = if unit == "users" {
        "Virtual users"
    } else {
        "Arrivals per second"
    };
    let mut chart = Chart::new(id, title, traces, layout).words(
        format!(
            "What the plan asks for over {}, in {unit}. What is shaded is warm-up or cool-down and will count in no figure.",
            format::span(duration.as_secs_f64())
        ),
        format!("Line chart of the planned load in {unit} over time."),
    );
    chart.height = 420;
    chart
}

fn trace(name: &str, points: Vec<(f64, f64)>, line: plotly::common::Line) -> Box<dyn Trace> {
    let (x, y): (Vec<i64>, Vec<f64>) = points
        .into_iter()
        .map(|(at_s, value)| (moment(at_s), rounded(value)))
        .unzip();
    Scatter::new(x, y)
        .name(super::latency::plain_text(name))
        .mode(Mode::Lines)
        .show_legend(true)
        .line(line)
}
