//! A curve that was steered while it was followed: as planned, held at a level from some time on, as planned again.
//! Neighbours: `course.rs` is the plan's curve, `arrivals.rs` asks for the times of arrivals, the engine adds spans.
//! Invariant: what lies before the beginning of a span does not depend on it, to the last bit: whoever has heard of the
//! span and whoever has not yet agree on every arrival that is due before it, however sums are rounded.

use super::{Course, Pattern};
use std::{sync::Arc, time::Duration};

/// What a curve is from some time on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Level {
    /// As planned for that time of the run.
    Planned,
    /// Always this.
    Held(f64),
}

/// A stretch of time in which the curve is the plan's, or held.
#[derive(Clone, Debug)]
struct Span {
    from_ns: u64,
    level: Level,
    /// The curve that is followed: the plan's, or one that begins with the span.
    course: Arc<Course>,
    /// When that curve began, in seconds since the start of the run.
    began_s: f64,
    /// That curve's integral where the span begins.
    course_before: f64,
    /// The integral of everything before the span.
    before: f64,
}

impl Span {
    fn level_at(&self, t_ns: u64) -> f64 {
        let inside = self.course.level_at(t_ns as f64 / 1e9 - self.began_s);
        self.before + (inside - self.course_before).max(0.0)
    }
}

/// Where the last answer came from; levels asked for with one of these do not go down.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hint {
    span: usize,
    stretch: usize,
}

/// A pattern over the length of a run, steered or not.
#[derive(Clone, Debug)]
pub struct SteeredCourse {
    pattern: Arc<Pattern>,
    duration_ns: u64,
    /// In the order of their beginnings; the first is the plan's, from 0 on.
    spans: Vec<Span>,
}

impl SteeredCourse {
    /// The plan's curve for a run of this length.
    pub fn new(pattern: &Pattern, duration: Duration) -> SteeredCourse {
        let plan = Span {
            from_ns: 0,
            level: Level::Planned,
            course: Arc::new(Course::new(pattern, duration)),
            began_s: 0.0,
            course_before: 0.0,
            before: 0.0,
        };
        SteeredCourse {
            pattern: Arc::new(pattern.clone()),
            duration_ns: u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX),
            spans: vec![plan],
        }
    }

    /// From `from_ns` on the curve is this.
    ///
    /// # Panics
    /// When a later time was named before: spans are added in their order.
    pub fn steer(&mut self, from_ns: u64, level: Level) {
        let last = self.spans.last();
        assert!(
            last.is_none_or(|last| last.from_ns <= from_ns),
            "a curve is steered from one time on and then from a later one"
        );
        let before = self.level_at(from_ns);
        let from_s = from_ns as f64 / 1e9;
        let (course, began_s) = match level {
            Level::Planned => (Arc::clone(&self.spans[0].course), 0.0),
            Level::Held(value) => {
                let left = Duration::from_nanos(self.duration_ns.saturating_sub(from_ns));
                let held = Course::new(&Pattern::Constant(value), left);
                (Arc::new(held), from_s)
            }
        };
        self.spans.push(Span {
            from_ns,
            level,
            course_before: course.level_at(from_s - began_s),
            course,
            began_s,
            before,
        });
    }

    /// The curve's value at this time.
    pub fn value_at(&self, t_ns: u64) -> f64 {
        match self.span_at(t_ns).level {
            Level::Held(value) => value,
            Level::Planned => self.pattern.target_at(Duration::from_nanos(t_ns)),
        }
    }

    /// The curve's integral from the start to this time; what lies past the end of the run adds nothing.
    pub fn level_at(&self, t_ns: u64) -> f64 {
        let t_ns = t_ns.min(self.duration_ns);
        self.span_at(t_ns).level_at(t_ns)
    }

    /// The first moment after `after_ns` at which the rounded value may be another; `None` when it stays to the end.
    pub fn next_change_ns(&self, after_ns: u64) -> Option<u64> {
        let behind = self.behind(after_ns);
        let next_ns = self.spans.get(behind).map(|next| next.from_ns);
        let own_ns = match self.spans[behind - 1].level {
            Level::Held(_) => None,
            Level::Planned => {
                let at_s = self.spans[0].course.next_change(after_ns as f64 / 1e9);
                // A ns late rather than early, when the number would still be the old one.
                at_s.map(|at_s| (at_s * 1e9) as u64 + 1)
            }
        };
        own_ns.into_iter().chain(next_ns).min()
    }

    /// When the integral passes `level`, in ns since the start; `None` when it does not within the run.
    pub(crate) fn due_ns(&self, level: f64, hint: &mut Hint) -> Option<u64> {
        loop {
            let span = &self.spans[hint.span];
            let inside = (level - span.before).max(0.0) + span.course_before;
            let due_ns = span.course.passes(inside, &mut hint.stretch).map(|due_s| {
                let due_ns = ((due_s + span.began_s) * 1e9).round() as u64;
                // What rounds up to the end is still within the run.
                due_ns
                    .min(self.duration_ns.saturating_sub(1))
                    .max(span.from_ns)
            });
            match self.spans.get(hint.span + 1) {
                // By its time and not by the level: see the invariant.
                Some(next) if due_ns.is_none_or(|due_ns| due_ns >= next.from_ns) => {
                    *hint = Hint {
                        span: hint.span + 1,
                        stretch: 0,
                    };
                }
                _ => return due_ns.filter(|due_ns| *due_ns < self.duration_ns),
            }
        }
    }

    /// How many spans begin at this time or before.
    fn behind(&self, t_ns: u64) -> usize {
        self.spans.partition_point(|span| span.from_ns <= t_ns)
    }

    fn span_at(&self, t_ns: u64) -> &Span {
        // The first begins at 0.
        &self.spans[self.behind(t_ns) - 1]
    }
}

#[cfg(test)]
#[path = "steered_tests.rs"]
mod tests;
