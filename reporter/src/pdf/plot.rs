//! A plot's frame: its two scales, their marks and labels, its legend.
//! Neighbours: `charts.rs` draws curves into it, `sheet.rs` puts ink on paper. Invariants: whatever the values, every place lies inside
//! of the frame; marks are round numbers.

use super::font::Font;
use super::sheet::{Colour, GRID, INK, LEFT, MUTED, Point, RIGHT, SOFT, Sheets, Stroke};

/// Room for the labels of the upright scale.
const LABELS: f32 = 52.0;
const LABEL: Font = Font::plain(7.5);

/// One scale: what lies at its ends, and whether steps are factors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    from: f64,
    until: f64,
    log: bool,
}

/// A mark on a scale and its words.
pub(super) type Mark = (f64, String);

impl Scale {
    /// From 0 to this value or a little more.
    pub(super) fn from_zero(most: f64) -> (Scale, f64) {
        let step = round_step(most / 5.0);
        let until = (most / step).ceil().max(1.0) * step;
        let scale = Scale {
            from: 0.0,
            until,
            log: false,
        };
        (scale, step)
    }

    /// From one value to another in even steps.
    pub(super) fn between(from: f64, until: f64) -> Scale {
        let until = if until > from { until } else { from + 1.0 };
        Scale {
            from,
            until,
            log: false,
        }
    }

    /// In factors; both ends above 0.
    pub(super) fn log(from: f64, until: f64) -> Scale {
        let from = if from > 0.0 { from } else { f64::MIN_POSITIVE };
        let until = if until > from { until } else { from * 10.0 };
        Scale {
            from,
            until,
            log: true,
        }
    }

    /// Where a value lies, 0 to 1; what lies outside is put at the end.
    fn place(self, value: f64) -> f32 {
        let share = if self.log {
            (value.max(self.from) / self.from).ln() / (self.until / self.from).ln()
        } else {
            (value - self.from) / (self.until - self.from)
        };
        if share.is_finite() {
            share.clamp(0.0, 1.0) as f32
        } else {
            0.0
        }
    }
}

/// The marks of an even scale.
pub(super) fn even_marks(scale: Scale, step: f64, words: impl Fn(f64) -> String) -> Vec<Mark> {
    let count = ((scale.until - scale.from) / step).round().clamp(1.0, 20.0) as u32;
    let values = (0..=count).map(|number| scale.from + step * f64::from(number));
    values.map(|value| (value, words(value))).collect()
}

/// The powers of ten inside a scale of factors, their doubles and fives where there are few.
pub(super) fn log_marks(from: f64, until: f64, words: impl Fn(f64) -> String) -> Vec<Mark> {
    let (low, high) = (from.log10().floor() as i32, until.log10().ceil() as i32);
    let factors: &[f64] = if high - low > 2 {
        &[1.0]
    } else {
        &[1.0, 2.0, 5.0]
    };
    let values =
        (low..=high).flat_map(|power| factors.iter().map(move |factor| factor * 10f64.powi(power)));
    values
        .filter(|value| *value >= from * 0.999 && *value <= until * 1.001)
        .map(|value| (value, words(value)))
        .collect()
}

/// Seconds between the marks of a time axis of this length: at most eight of them.
pub(super) fn time_step(length_s: f64) -> f64 {
    const STEPS: [f64; 14] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0,
        7_200.0,
    ];
    let fits = |step: &&f64| length_s / **step <= 8.0;
    STEPS
        .iter()
        .find(fits)
        .copied()
        .unwrap_or_else(|| (length_s / 8.0 / 3_600.0).ceil() * 3_600.0)
}

/// The next of 1, 2, 5, 10, … that is not less.
fn round_step(least: f64) -> f64 {
    if !least.is_finite() || least <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * power >= least * 0.999_999);
    factor.unwrap_or(10.0) * power
}

/// What belongs to a curve in the legend.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) stroke: Stroke,
}

/// The frame in which curves are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    x: Scale,
    y: Scale,
    top: f32,
    height: f32,
}

impl Frame {
    /// A frame of this height at the place where the sheet stands, its scales across and upright.
    pub(super) fn at(top: f32, height: f32, x: Scale, y: Scale) -> Frame {
        Frame { x, y, top, height }
    }

    /// Where a point of the data lies on the sheet.
    pub(super) fn point(&self, x: f64, y: f64) -> Point {
        let left = LEFT + LABELS;
        let across = left + (RIGHT - left) * self.x.place(x);
        (across, self.top + self.height * (1.0 - self.y.place(y)))
    }

    /// The lower edge.
    pub(super) fn bottom(&self) -> f32 {
        self.top + self.height
    }

    /// Draws grid and words of the upright scale.
    pub(super) fn draw_upright(&self, sheets: &mut Sheets, marks: &[Mark]) {
        let thin = Stroke {
            colour: GRID,
            width: 0.5,
            dashed: false,
        };
        for (value, words) in marks {
            let (_, y) = self.point(0.0, *value);
            sheets.line(thin, &[(LEFT + LABELS, y), (RIGHT, y)]);
            sheets.text_to(
                LABEL,
                SOFT,
                (LEFT + LABELS - 6.0, y + 2.5),
                LABELS - 8.0,
                words,
            );
        }
    }

    /// Draws the lower edge and the words of the scale across.
    pub(super) fn draw_across(&self, sheets: &mut Sheets, marks: &[Mark]) {
        let edge = Stroke {
            colour: MUTED,
            width: 0.7,
            dashed: false,
        };
        let bottom = self.bottom();
        sheets.line(edge, &[(LEFT + LABELS, bottom), (RIGHT, bottom)]);
        for (value, words) in marks {
            let (x, _) = self.point(*value, 0.0);
            sheets.line(edge, &[(x, bottom), (x, bottom + 3.0)]);
            let half = sheets.width_of(LABEL, words) / 2.0;
            // The last words would stand over the edge of the paper's text.
            let x = x.min(RIGHT - half);
            sheets.text_around(LABEL, SOFT, (x, bottom + 11.0), words);
        }
    }
}

/// Draws the legend in one line, from the left, on this base line.
pub(super) fn draw_legend(sheets: &mut Sheets, y: f32, entries: &[Entry]) {
    let mut x = LEFT + LABELS;
    for entry in entries {
        sheets.line(entry.stroke, &[(x, y - 2.5), (x + 14.0, y - 2.5)]);
        sheets.text(
            LABEL,
            INK,
            (x + 18.0, y),
            (RIGHT - x - 18.0).max(0.0),
            &entry.name,
        );
        x += 18.0 + sheets.width_of(LABEL, &entry.name) + 14.0;
    }
}

/// A line of this colour.
pub(super) const fn stroke(colour: Colour, width: f32) -> Stroke {
    Stroke {
        colour,
        width,
        dashed: false,
    }
}

/// The same in dashes.
pub(super) const fn dashes(colour: Colour, width: f32) -> Stroke {
    Stroke {
        colour,
        width,
        dashed: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_few() {
        for (most, step, until) in [
            (0.0, 1.0, 1.0),
            (1.0, 0.2, 1.0),
            (7.3, 2.0, 8.0),
            (820.0, 200.0, 1_000.0),
            (1e9, 2e8, 1e9),
            (f64::NAN, 1.0, 1.0),
        ] {
            let (scale, found) = Scale::from_zero(most);
            assert!((found - step).abs() < step * 1e-9, "{most}: {found}");
            assert!(
                (scale.until - until).abs() < until * 1e-9,
                "{most}: {scale:?}"
            );
        }
        assert_eq!(time_step(12.0), 2.0);
        assert_eq!(time_step(180.0), 30.0);
        assert_eq!(time_step(36_000.0), 7_200.0);
        assert_eq!(time_step(864_000.0), 108_000.0);
        let marks = log_marks(0.05, 300.0, |value| format!("{value}"));
        let marks: Vec<f64> = marks.into_iter().map(|mark| mark.0).collect();
        assert_eq!(marks, [0.1, 1.0, 10.0, 100.0]);
        assert_eq!(log_marks(3.0, 30.0, |value| format!("{value}")).len(), 3);
    }

    #[test]
    fn every_value_lies_inside_of_the_frame() {
        let (y, _) = Scale::from_zero(10.0);
        for x in [
            Scale::between(0.0, 60.0),
            Scale::log(1.0, 1e4),
            Scale::between(5.0, 5.0),
        ] {
            let frame = Frame::at(100.0, 50.0, x, y);
            for value in [
                f64::NAN,
                f64::NEG_INFINITY,
                -1.0,
                0.0,
                30.0,
                1e300,
                f64::INFINITY,
            ] {
                let (x, y) = frame.point(value, value);
                assert!((LEFT..=RIGHT).contains(&x), "{value}: {x}");
                assert!((100.0..=150.0).contains(&y), "{value}: {y}");
            }
        }
    }
}
