//! Whether the seconds of a run follow one another: what a full disk swallowed, what a copy doubled.
//! Neighbours: `stored.rs` asks about each second it reads. Invariant: a second is taken once, and none that is missing
//! goes untold.

use super::SNAPSHOTS_FILE;
use crate::format;
use loadforge_analysis::Snapshot;

/// Most a second may begin before or after the end of the one before it, in seconds: windows follow without a gap, and
/// their ends are written with fewer digits than they have.
const TOLERANCE_S: f64 = 0.05;

/// Gaps and doubles that are told one by one.
const MAX_TOLD: usize = 5;

/// What was noticed in the order of a run's seconds.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// End of the last second taken.
    end_s: f64,
    gaps: Vec<(f64, f64)>,
    doubled: Vec<f64>,
}

impl Timeline {
    /// Whether this second is the next one; one that was there before is to be left out.
    pub(super) fn take(&mut self, snapshot: &Snapshot) -> bool {
        if self.end_s > 0.0 && snapshot.at_s <= self.end_s {
            self.doubled.push(snapshot.at_s);
            return false;
        }
        self.reach(snapshot.at_s - snapshot.length_s);
        self.end_s = snapshot.at_s;
        true
    }

    /// Says that the run went on until here.
    pub(super) fn reach(&mut self, at_s: f64) {
        if at_s > self.end_s + TOLERANCE_S {
            self.gaps.push((self.end_s, at_s));
            self.end_s = at_s;
        }
    }

    /// Gaps in words; `None` when there are none.
    pub(super) fn missing(&self) -> Option<String> {
        let (first, rest) = self.gaps.split_first()?;
        let between = |(from, to): &(f64, f64)| {
            format!(
                "between {} and {}",
                format::clock(*from),
                format::clock(*to)
            )
        };
        let seconds: f64 = self.gaps.iter().map(|(from, to)| to - from).sum();
        let seconds = (seconds.round() as u64).max(1);
        let verb = if seconds == 1 { "is" } else { "are" };
        let mut words = format!(
            "{} {verb} missing from {SNAPSHOTS_FILE} {}",
            format::plural(seconds, "second"),
            between(first)
        );
        for gap in rest.iter().take(MAX_TOLD - 1) {
            words.push_str(&format!(", {}", between(gap)));
        }
        if rest.len() >= MAX_TOLD {
            words.push_str(" and later");
        }
        words.push_str(" (the disk was full?)");
        Some(words)
    }

    /// Doubled seconds in words; `None` when there are none.
    pub(super) fn doubled(&self) -> Option<String> {
        let last = self.doubled.last()?;
        let seconds: Vec<String> = self
            .doubled
            .iter()
            .take(MAX_TOLD)
            .map(|at_s| format!("{at_s}"))
            .collect();
        Some(match self.doubled.len() {
            1 => format!("second {last} stands twice in {SNAPSHOTS_FILE}; it was counted once"),
            count if count <= MAX_TOLD => format!(
                "seconds {} stand twice in {SNAPSHOTS_FILE}; each was counted once",
                seconds.join(", ")
            ),
            count => format!(
                "{count} seconds stand twice in {SNAPSHOTS_FILE}, among them {}; each was counted once",
                seconds.join(", ")
            ),
        })
    }
}
