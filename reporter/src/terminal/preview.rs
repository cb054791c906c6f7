//! A planned load as a picture of dots. Neighbours: `crate::preview` reads the curves off, `ansi.rs` makes bytes of the
//! buffer. Invariant: no line is wider than asked, and names are printed without what could move the cursor.

use super::ansi::{Sgr, buffer_lines, clip};
use super::frame::phase_label;
use crate::format;
use crate::preview::{Curve, samples};
use loadforge_analysis::LoadPhase;
use loadforge_scenarios::PhaseSpan;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};
use std::time::Duration;

/// Smallest picture in columns and rows; a smaller terminal gets this one.
const LEAST: (u16, u16) = (30, 6);

/// Below this, in seconds, moments are told with their fractions.
const SHORT_S: f64 = 10.0;

/// A picture for each curve, one below the other, each `width` columns wide and `height` rows high, and the phases in words;
/// ends with a line break.
pub fn preview_terminal(
    curves: &[Curve<'_>],
    duration: Duration,
    phases: &[PhaseSpan],
    (width, height): (u16, u16),
    colour: bool,
) -> String {
    let (width, height) = (width.max(LEAST.0), height.max(LEAST.1));
    let sgr = Sgr(colour);
    let mut text = String::new();
    for curve in curves {
        let points = samples(
            &|t| curve.pattern.target_at(t),
            duration,
            usize::from(width) * 2,
        );
        let highest = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        let peak = format!("  {} {} at peak", format::rate(highest), curve.unit);
        let room = usize::from(width).saturating_sub(peak.chars().count());
        text.push_str(&sgr.bold(&clip(curve.name, room)));
        text.push_str(&sgr.dim(&clip(&peak, width.into())));
        text.push('\n');
        for line in buffer_lines(&picture(&points, highest, duration, width, height), colour) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    let mut from = Duration::ZERO;
    for phase in phases {
        let label = phase_label(&LoadPhase {
            name: phase.name.clone(),
            role: phase.role,
        });
        let clock = |at: Duration| format::clock(at.as_secs_f64());
        let line = format!("{:>9} to {:>9}  {label}", clock(from), clock(phase.until));
        text.push_str(&clip(&line, width.into()));
        text.push('\n');
        from = phase.until;
    }
    text
}

fn picture(
    points: &[(f64, f64)],
    highest: f64,
    duration: Duration,
    width: u16,
    height: u16,
) -> Buffer {
    let length_s = duration.as_secs_f64().max(f64::MIN_POSITIVE);
    // An empty plan is a line at the bottom, not a division by zero.
    let top = if highest > 0.0 { highest } else { 1.0 };
    let label = |value: f64| Line::from(format::rate(value));
    // A clock has no fractions: half of a short run would read like its start.
    let moment = |at_s: f64| {
        Line::from(match length_s < SHORT_S {
            true => format::span(at_s),
            false => format::clock(at_s),
        })
    };
    let chart = Chart::new(vec![
        Dataset::default()
            .marker(Marker::Braille)
            .graph_type(GraphType::Line)
            .style(Style::new().fg(Color::Cyan))
            .data(points),
    ])
    .legend_position(None)
    .x_axis(Axis::default().bounds([0.0, length_s]).labels([
        moment(0.0),
        moment(length_s / 2.0),
        moment(length_s),
    ]))
    .y_axis(Axis::default().bounds([0.0, top]).labels([
        label(0.0),
        label(top / 2.0),
        label(top),
    ]));
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    chart.render(buffer.area, &mut buffer);
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadforge_scenarios::{Pattern, PhaseRole, RampCurve};
    use unicode_width::UnicodeWidthStr;

    fn ramp() -> Pattern {
        Pattern::Ramp {
            from: 0.0,
            to: 200.0,
            over: Duration::from_secs(60),
            curve: RampCurve::Linear,
        }
    }

    #[test]
    fn the_picture_of_a_ramp_is_the_golden_one() {
        let pattern = ramp();
        let curve = Curve {
            name: "shop",
            pattern: &pattern,
            unit: "users",
        };
        let phase = |name: &str, until, role| PhaseSpan {
            name: name.to_owned(),
            until: Duration::from_secs(until),
            role,
        };
        let phases = [
            phase("warm-up", 30, PhaseRole::WarmUp),
            phase("steady", 120, PhaseRole::Measured),
        ];
        let text = preview_terminal(&[curve], Duration::from_secs(120), &phases, (60, 12), false);
        insta::assert_snapshot!("preview", text);
    }

    #[test]
    fn the_moments_of_a_short_run_differ() {
        let pattern = ramp();
        let curve = Curve {
            name: "shop",
            pattern: &pattern,
            unit: "users",
        };
        for (ms, half, end) in [
            (1_000, "0.5 s", "1 s"),
            (3_000, "1.5 s", "3 s"),
            (40, "0.02 s", "0.04 s"),
        ] {
            let duration = Duration::from_millis(ms);
            let text = preview_terminal(&[curve], duration, &[], (60, 12), false);
            let axis = text.lines().last().unwrap_or_default();
            assert!(
                axis.contains(half) && axis.trim_end().ends_with(end),
                "{text}"
            );
        }
    }

    #[test]
    fn no_line_is_wider_than_asked_whatever_the_names_and_the_load() {
        let patterns = [ramp(), Pattern::Constant(0.0), Pattern::Constant(1e15)];
        for pattern in &patterns {
            for seconds in [0, 1, 1_000_000] {
                let curve = Curve {
                    name: "\u{1b}[2Jevil\r\n検索ページの結果をもっと見るための非常に長い名前",
                    pattern,
                    unit: "arrivals/s",
                };
                let text = preview_terminal(
                    &[curve, curve],
                    Duration::from_secs(seconds),
                    &[],
                    (44, 8),
                    false,
                );
                assert!(!text.contains('\u{1b}'), "{text:?}");
                assert!(text.lines().all(|line| line.width() <= 44), "{text}");
            }
        }
    }
}
