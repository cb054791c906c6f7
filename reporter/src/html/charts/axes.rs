//! How every chart of the report looks: axes, legend, units, marks of events.
//! Neighbours: `charts.rs` says what each chart shows. Invariant: a colour is always `var(--name)`; `assets/page.js` puts
//! in what the stylesheet says for the theme in force.

use super::latency::plain_text;
use crate::series::Series;
use loadforge_analysis::{Event, PhaseSummary};
use loadforge_scenarios::PhaseRole;
use plotly::common::{Anchor, ExponentFormat, Font, Line, Orientation};
use plotly::layout::{
    Annotation, Axis, AxisType, HoverMode, Layout, Legend, Margin, RangeMode, Shape, ShapeLayer,
    ShapeLine, ShapeType, TicksDirection,
};

/// Events marked on the time axes; more would hide the curves. The page lists them all.
const MAX_MARKS: usize = 12;

/// The unit of a latency axis.
#[derive(Clone, Copy)]
pub(super) struct Unit {
    per_ms: f64,
    suffix: &'static str,
}

impl Unit {
    /// The unit in which a chart that reaches up to this value is easiest to read.
    pub(super) fn for_ms(highest: f64) -> Unit {
        match highest {
            below if below < 1.0 => Unit {
                per_ms: 1e3,
                suffix: " µs",
            },
            below if below < 10_000.0 => Unit {
                per_ms: 1.0,
                suffix: " ms",
            },
            _ => Unit {
                per_ms: 1e-3,
                suffix: " s",
            },
        }
    }

    pub(super) fn of(self, ms: f64) -> f64 {
        super::rounded(ms * self.per_ms)
    }

    pub(super) fn axis(self) -> Axis {
        value_axis().tick_suffix(self.suffix)
    }
}

/// A colour of the stylesheet.
pub(super) fn shade(variable: &'static str) -> String {
    format!("var({variable})")
}

pub(super) fn line(variable: &'static str, width: f64) -> Line {
    Line::new().color(shade(variable)).width(width)
}

/// What all charts have in common.
pub(super) fn legend_layout() -> Layout {
    let legend = Legend::new()
        .orientation(Orientation::Horizontal)
        .x(0.0)
        .x_anchor(Anchor::Left)
        .y(-0.14) // below the chart: above it are the buttons
        .y_anchor(Anchor::Top)
        .background_color("rgba(0,0,0,0)");
    Layout::new()
        .show_legend(true)
        .legend(legend)
        .auto_size(true)
        .margin(Margin::new().left(64).right(16).top(36).bottom(36))
        .font(
            Font::new()
                .family("system-ui, -apple-system, \"Segoe UI\", Roboto, sans-serif")
                .size(12)
                .color(shade("--ink-soft")),
        )
        .paper_background_color("rgba(0,0,0,0)")
        .plot_background_color("rgba(0,0,0,0)")
        .hover_mode(HoverMode::XUnified)
        .hover_label(
            plotly::common::Label::new()
                .background_color(shade("--card"))
                .border_color(shade("--rule"))
                .font(Font::new().color(shade("--ink")).size(12)),
        )
}

/// An axis of values from zero up.
pub(super) fn value_axis() -> Axis {
    plain_axis().range_mode(RangeMode::ToZero)
}

/// The start of a run on Plotly's time axis, in ms: 1 January 2000. Dates serve as a stop watch because their ticks follow
/// when zooming; not those of 1970, where Plotly takes the numbers from 1,000 to 9,999 for years.
const START_MS: i64 = 946_684_800_000;

/// A moment of the run on the time axis.
pub(super) fn moment(at_s: f64) -> i64 {
    START_MS + (at_s * 1e3).round() as i64
}

/// The axis of time since the start.
pub(super) fn time_axis(series: &Series) -> Axis {
    time_axis_until(series.points().last().map_or(0.0, |point| point.at_s))
}

/// The axis of time from the start to this moment, in seconds.
pub(super) fn time_axis_until(last_s: f64) -> Axis {
    let pattern = match last_s {
        // Ticks come closer than a second here: without fractions several would read alike.
        below if below < 2.0 => "%-M:%S.%2f",
        below if below < 10.0 => "%-M:%S.%1f",
        below if below < 3_600.0 => "%-M:%S",
        below if below < 86_400.0 => "%-H:%M:%S",
        _ => "day %-j, %-H:%M",
    };
    plain_axis()
        .type_(AxisType::Date)
        .range(vec![moment(0.0), moment(last_s.max(1.0))])
        .tick_format(pattern)
        .hover_format(pattern)
        .show_grid(false)
        .ticks(TicksDirection::Outside)
        .tick_length(4)
        .tick_color(shade("--rule"))
        .show_line(true)
        .line_color(shade("--rule"))
}

/// Phases marked on the time axes; a staircase of more steps is marked up to here, and the page lists all.
const MAX_PHASES: usize = 40;

/// Letters of a phase's name that find room above a chart as wide as the page.
pub(super) const WIDE: f64 = 130.0;

/// The same for a chart that shares its row.
pub(super) const HALF: f64 = 46.0;

/// A phase as it is marked: one that was run, or one that is planned.
pub(super) struct PhaseMark<'a> {
    pub(super) name: &'a str,
    pub(super) from_s: f64,
    pub(super) until_s: f64,
    pub(super) role: PhaseRole,
}

impl<'a> From<&'a PhaseSummary> for PhaseMark<'a> {
    fn from(phase: &'a PhaseSummary) -> PhaseMark<'a> {
        PhaseMark {
            name: &phase.name,
            from_s: phase.from_s,
            until_s: phase.until_s,
            role: phase.role,
        }
    }
}

/// A shade behind what does not count, a line where a phase begins, and the names of those that are long enough.
pub(super) fn phase_marks(phases: &[PhaseMark<'_>], letters: f64) -> (Vec<Shape>, Vec<Annotation>) {
    let end_s = phases.last().map_or(0.0, |phase| phase.until_s);
    let (mut shapes, mut annotations) = (Vec::new(), Vec::new());
    for phase in phases.iter().take(MAX_PHASES) {
        let (from, until) = (moment(phase.from_s) as f64, moment(phase.until_s) as f64);
        let behind = || {
            let shape = Shape::new().layer(ShapeLayer::Below).x_ref("x");
            shape.y_ref("paper").y0(0.0).y1(1.0)
        };
        let counts = phase.role == PhaseRole::Measured;
        if !counts {
            shapes.push(
                behind()
                    .shape_type(ShapeType::Rect)
                    .x0(from)
                    .x1(until)
                    .fill_color(shade("--unmeasured"))
                    .line(ShapeLine::new().width(0.0)),
            );
        }
        if phase.from_s > 0.0 {
            shapes.push(
                behind()
                    .shape_type(ShapeType::Line)
                    .x0(from)
                    .x1(from)
                    .line(ShapeLine::new().color(shade("--muted")).width(1.0)),
            );
        }
        let room = letters * (phase.until_s - phase.from_s) / end_s.max(f64::MIN_POSITIVE);
        annotations.extend(phase_name(phase, from, room));
    }
    (shapes, annotations)
}

/// The name, and that it does not count, as far as there is room for so many letters.
fn phase_name(phase: &PhaseMark<'_>, from: f64, room: f64) -> Option<Annotation> {
    let counts = phase.role == PhaseRole::Measured;
    let name: String = phase.name.chars().take(40).collect();
    let noted = format!("{name}: not counted");
    let fits = |text: &str| text.chars().count() as f64 <= room;
    let text = match (counts, fits(&noted)) {
        (true, _) => plain_text(&name),
        (false, true) => format!("<i>{}</i>", plain_text(&noted)),
        (false, false) => format!("<i>{}</i>", plain_text(&name)),
    };
    fits(&name).then(|| name_mark(from, &text))
}

fn name_mark(from: f64, text: &str) -> Annotation {
    Annotation::new()
        .x_ref("x")
        .y_ref("paper")
        .x(from)
        .y(1.0)
        .x_anchor(Anchor::Left)
        .y_anchor(Anchor::Bottom)
        .text(text)
        .show_arrow(false)
        .font(Font::new().size(11).color(shade("--ink-soft")))
}

/// A vertical line with a number for each event; the page explains the numbers.
pub(super) fn event_marks(events: &[Event]) -> (Vec<Shape>, Vec<Annotation>) {
    events
        .iter()
        .take(MAX_MARKS)
        .enumerate()
        .map(|(index, event)| {
            let x = moment(event.at_s) as f64;
            let shape = Shape::new()
                .shape_type(ShapeType::Line)
                .layer(ShapeLayer::Below)
                .x_ref("x")
                .y_ref("paper")
                .x0(x)
                .x1(x)
                .y0(0.0)
                .y1(1.0)
                .line(
                    ShapeLine::new()
                        .color(shade("--muted"))
                        .width(1.0)
                        .dash(plotly::common::DashType::Dot),
                );
            let annotation = Annotation::new()
                .x_ref("x")
                .y_ref("paper")
                .x(x)
                .y(1.0)
                .x_anchor(Anchor::Center)
                .y_anchor(Anchor::Top)
                .text(format!("{}", index + 1))
                .show_arrow(false)
                .background_color(shade("--card"))
                .border_color(shade("--rule"))
                .border_pad(2.0)
                .font(Font::new().size(10).color(shade("--ink-soft")));
            (shape, annotation)
        })
        .unzip()
}

fn plain_axis() -> Axis {
    Axis::new()
        .zero_line(false)
        .auto_margin(true)
        .grid_color(shade("--grid"))
        .separate_thousands(true)
        .exponent_format(ExponentFormat::None)
}

/// The number of an event's mark; empty for one that has none.
pub(in crate::html) fn event_mark(index: usize) -> String {
    if index < MAX_MARKS {
        (index + 1).to_string()
    } else {
        String::new()
    }
}
