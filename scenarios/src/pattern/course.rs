//! A pattern cut into smooth stretches for the length of a run: what it adds up to by when, and when it changes.
//! Neighbours: `mod.rs` defines the curves, `form.rs` computes one stretch, `arrivals.rs` asks for the times of arrivals.
//! Invariant: stretches follow one another without gaps from 0 to the end, and each equals the pattern inside it.

use super::{Pattern, RampCurve, form::Form};
use std::{f64::consts::TAU, time::Duration};

/// Most stretches that mixed forms are cut into: beyond, they are cut longer and are a little less exact.
const MOST_CUTS: f64 = 100_000.0;
/// Levels nearer to each other than this share of a request are the same: what rounding of sums leaves.
const SAME_LEVEL: f64 = 1e-6;

/// A stretch in which the curve is one smooth form.
#[derive(Clone, Debug)]
struct Stretch {
    /// Seconds since the start of the run.
    from: f64,
    until: f64,
    form: Form,
    /// The curve's integral up to `from`.
    level: f64,
}

impl Stretch {
    fn length(&self) -> f64 {
        self.until - self.from
    }
}

/// A pattern over the length of a run.
#[derive(Clone, Debug)]
pub struct Course {
    stretches: Vec<Stretch>,
    /// The integral over the whole length.
    total: f64,
}

impl Course {
    /// Cuts a pattern for a run of this length.
    pub fn new(pattern: &Pattern, duration: Duration) -> Course {
        let mut level = 0.0;
        let mut stretches = Vec::new();
        let cut = cut(pattern, duration.as_secs_f64());
        for (from, until, form) in cut.into_iter().flat_map(cut_short) {
            let stretch = Stretch {
                from,
                until,
                form,
                level,
            };
            level += stretch.form.integral(until - from).max(0.0);
            stretches.push(stretch);
        }
        Course {
            stretches,
            total: level,
        }
    }

    /// The curve's integral over the whole run, in users (or arrivals) times seconds (or a second).
    pub fn total(&self) -> f64 {
        self.total
    }

    /// The curve's integral from the start to `t_s` seconds.
    pub fn level_at(&self, t_s: f64) -> f64 {
        let behind = self
            .stretches
            .partition_point(|stretch| stretch.from <= t_s);
        let Some(stretch) = behind.checked_sub(1).map(|index| &self.stretches[index]) else {
            return 0.0;
        };
        let inside = (t_s - stretch.from).min(stretch.length());
        stretch.level + stretch.form.integral(inside)
    }

    /// The first moment, in seconds, after which the integral is above `level`; `None` when it never is. `hint` is the
    /// stretch that the last answer came from: levels asked for with one hint do not go down.
    pub(crate) fn passes(&self, level: f64, hint: &mut usize) -> Option<f64> {
        if level >= self.total - SAME_LEVEL {
            return None;
        }
        loop {
            let stretch = self.stretches.get(*hint)?;
            let next = self.stretches.get(*hint + 1);
            let ends = next.map_or(self.total, |next| next.level);
            // What is reached at the very end of a stretch is passed in a later one, if that rises.
            if level < ends - SAME_LEVEL {
                let inside = (level - stretch.level).max(0.0);
                return Some(stretch.from + stretch.form.reaches(inside, stretch.length()));
            }
            *hint += 1;
        }
    }

    /// The first moment after `after_s`, in seconds, at which the rounded value differs from that at `after_s`; `None`
    /// when it stays to the end.
    pub fn next_change(&self, after_s: f64) -> Option<f64> {
        let behind = self
            .stretches
            .partition_point(|stretch| stretch.from <= after_s);
        let mut index = behind.checked_sub(1)?;
        let first = self.stretches.get(index)?;
        let mut inside = (after_s - first.from).min(first.length());
        let level = first.form.value(inside).round();
        loop {
            let stretch = &self.stretches[index];
            let now = stretch.form.value(inside);
            if now.round() != level && stretch.from + inside > after_s {
                return Some(stretch.from + inside);
            }
            let bounds = [level - 0.5, level + 0.5];
            let crossings =
                bounds.map(|bound| stretch.form.crosses(bound, inside, stretch.length()));
            if let Some(at) = crossings.into_iter().flatten().min_by(f64::total_cmp) {
                // Just behind the bound; a flat curve needs longer until its value is another number.
                let behind = [1e-9, 1e-6, 1e-3, 1.0].map(|more| (at + more).min(stretch.length()));
                let changed = |at: &f64| stretch.form.value(*at).round() != level;
                if let Some(at) = behind.into_iter().find(changed) {
                    return Some(stretch.from + at);
                }
                // It was only touched.
                if behind[0] < stretch.length() {
                    inside = behind[0];
                    continue;
                }
            }
            index += 1;
            inside = 0.0;
            if index == self.stretches.len() {
                return None;
            }
        }
    }
}

impl Pattern {
    /// The integral from the start to `t`: user seconds, or arrivals. Of one curve at several times, ask a `Course`.
    pub fn integral(&self, t: Duration) -> f64 {
        Course::new(self, t).total()
    }
}

/// A piece of a curve: from, until (seconds), form.
type Piece = (f64, f64, Form);

/// Cuts mixed forms into stretches that quadrature and scans can cope with.
fn cut_short((from, until, form): Piece) -> Vec<Piece> {
    let length = until - from;
    if !form.is_mixed() || length <= form.longest_stretch() {
        return vec![(from, until, form)];
    }
    let cuts = (length / form.longest_stretch()).ceil().min(MOST_CUTS);
    let each = length / cuts;
    let piece = |number: usize| {
        let begins = each * number as f64;
        let ends = (from + begins + each).min(until);
        (from + begins, ends, form.shifted(begins))
    };
    (0..cuts as usize).map(piece).collect()
}

/// The pieces of a pattern from 0 to `until` seconds.
fn cut(pattern: &Pattern, until: f64) -> Vec<Piece> {
    let mut pieces = match pattern {
        Pattern::Constant(value) => vec![(0.0, until, Form::constant(*value))],
        Pattern::Ramp {
            from,
            to,
            over,
            curve,
        } => {
            let over = over.as_secs_f64();
            let form = match curve {
                RampCurve::Linear => Form::Line {
                    start: *from,
                    slope: (to - from) / over,
                },
                RampCurve::Exponential => Form::Exponential {
                    start: *from,
                    growth: (to / from).ln() / over,
                },
            };
            vec![(0.0, over, form), (over, until, Form::constant(*to))]
        }
        Pattern::Step {
            from, to, every, ..
        } => cut_steps(pattern, (*from, *to), *every, until),
        Pattern::Spike {
            base,
            peak,
            at,
            length,
            sustain,
        } => {
            let (at, ends) = (at.as_secs_f64(), (*at + *length).as_secs_f64());
            vec![
                (0.0, at, Form::constant(*base)),
                (at, ends, Form::constant(*peak)),
                (ends, until, Form::constant(*sustain)),
            ]
        }
        Pattern::Diurnal {
            base,
            amplitude,
            period,
            phase,
        } => {
            let wave = Form::Wave {
                base: *base,
                amplitude: *amplitude,
                angle: TAU * phase,
                speed: TAU / period.as_secs_f64(),
            };
            clamp((0.0, until, wave), 0.0, f64::INFINITY)
        }
        Pattern::Points(points) => cut_points(points, until),
        Pattern::Sequence(parts) => cut_sequence(parts, until),
        Pattern::Sum(patterns) => patterns
            .iter()
            .map(|pattern| cut(pattern, until))
            .reduce(|one, other| overlay(&one, &other, Form::plus))
            .unwrap_or_else(|| vec![(0.0, until, Form::constant(0.0))]),
        Pattern::Product(patterns) => patterns
            .iter()
            .map(|pattern| cut(pattern, until))
            .reduce(|one, other| overlay(&one, &other, Form::times))
            .unwrap_or_else(|| vec![(0.0, until, Form::constant(1.0))]),
        Pattern::Clamp {
            pattern,
            least,
            most,
        } => cut(pattern, until)
            .into_iter()
            .flat_map(cut_short)
            .flat_map(|piece| clamp(piece, *least, *most))
            .collect(),
    };
    for piece in &mut pieces {
        piece.1 = piece.1.min(until);
    }
    pieces.retain(|(from, until, _)| from < until);
    pieces
}

fn cut_steps(pattern: &Pattern, (from, to): (f64, f64), every: Duration, until: f64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut step = 0;
    let mut value = from;
    while value != to && every.as_secs_f64() * f64::from(step) < until {
        let begins = every * step;
        value = pattern.target_at(begins);
        let ends = (begins + every).as_secs_f64();
        let ends = if value == to { until } else { ends };
        pieces.push((begins.as_secs_f64(), ends, Form::constant(value)));
        step += 1;
    }
    if pieces.is_empty() {
        pieces.push((0.0, until, Form::constant(to)));
    }
    pieces
}

fn cut_points(points: &[(Duration, f64)], until: f64) -> Vec<Piece> {
    let seconds = |index: usize| points[index].0.as_secs_f64();
    let (Some((_, first)), Some((_, last))) = (points.first(), points.last()) else {
        return vec![(0.0, until, Form::constant(0.0))];
    };
    let mut pieces = vec![(0.0, seconds(0), Form::constant(*first))];
    for index in 1..points.len() {
        let (from, to) = (seconds(index - 1), seconds(index));
        if from < to {
            let (start, end) = (points[index - 1].1, points[index].1);
            let slope = (end - start) / (to - from);
            pieces.push((from, to, Form::Line { start, slope }));
        }
    }
    pieces.push((seconds(points.len() - 1), until, Form::constant(*last)));
    pieces
}

fn cut_sequence(parts: &[(Duration, Pattern)], until: f64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut began = Duration::ZERO;
    for (length, pattern) in parts {
        let begins = began.as_secs_f64();
        if begins >= until {
            return pieces;
        }
        let own = cut(pattern, length.as_secs_f64());
        pieces.extend(
            own.into_iter()
                .map(|(from, until, form)| (begins + from, begins + until, form)),
        );
        began += *length;
    }
    let last = parts
        .last()
        .map_or(0.0, |(length, pattern)| pattern.target_at(*length));
    pieces.push((began.as_secs_f64(), until, Form::constant(last)));
    pieces
}

/// Two cuts laid over each other, their forms joined.
fn overlay(one: &[Piece], other: &[Piece], join: fn(Form, Form) -> Form) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut left, mut right, mut now) = (0, 0, 0.0);
    while let (Some(a), Some(b)) = (one.get(left), other.get(right)) {
        let until = a.1.min(b.1);
        if until > now {
            let form = join(a.2.shifted(now - a.0), b.2.shifted(now - b.0));
            pieces.push((now, until, form));
            now = until;
        }
        left += usize::from(a.1 <= until);
        right += usize::from(b.1 <= until);
    }
    pieces
}

/// A piece held between two bounds: cut where it crosses them.
fn clamp((from, until, form): Piece, least: f64, most: f64) -> Vec<Piece> {
    let length = until - from;
    let mut pieces = Vec::new();
    let mut inside = 0.0;
    while inside < length {
        let crossings = [least, most].map(|bound| form.crosses(bound, inside, length));
        let ends = crossings.into_iter().flatten().min_by(f64::total_cmp);
        let ends = ends.unwrap_or(length);
        // The middle tells on which side of the bounds it is until it crosses one.
        let value = form.value((inside + ends) / 2.0);
        let held = if value < least {
            Form::constant(least)
        } else if value > most {
            Form::constant(most)
        } else {
            form.shifted(inside)
        };
        pieces.push((from + inside, from + ends, held));
        inside = ends;
    }
    pieces
}

#[cfg(test)]
#[path = "course_tests.rs"]
mod tests;
