//! Groups of requests that a scenario does as one, each with a latency of its own. Neighbours: `window.rs` counts a second's,
//! `fold.rs` adds seconds up. Invariants: a group is counted in the second in which it ended; its requests are counted
//! among all requests as ever; memory is bounded by `MAX_GROUPS`, whatever the scenario names.

use crate::{LatencyHistogram, OTHER_ENDPOINT, Percentiles, window::per_second};
use loadforge_ring::RequestRecord;
use serde::{Deserialize, Serialize};

/// Most groups with figures of their own; the rest share `OTHER_ENDPOINT`. The first to come are kept, as of endpoints.
pub const MAX_GROUPS: usize = 50;

/// A group's place in a window: valid for the window that gave it, as long as that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupRow(u16);

/// One group in one window.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GroupWindow {
    /// Its name.
    pub name: String,
    /// How often it ended.
    pub count: u64,
    /// Of these, failed.
    pub failed: u64,
    /// From its begin to its end, pauses inside included.
    pub latency: LatencyHistogram,
}

/// One group over a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// Its name.
    pub name: String,
    /// How often it ended.
    pub count: u64,
    /// Of these, failed.
    pub failed: u64,
    /// How often it ended per second of the measured part.
    pub rate_mean: f64,
    /// From its begin to its end in ms, pauses inside included; failed ones are in it.
    pub latency_ms: Percentiles,
}

/// All groups of a window or a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    rows: Vec<GroupWindow>,
}

impl Groups {
    /// Where groups of this name are counted.
    pub(crate) fn row(&mut self, name: &str) -> GroupRow {
        let find = |rows: &[GroupWindow], name: &str| rows.iter().position(|row| row.name == name);
        let mut name = name;
        let mut found = find(&self.rows, name);
        if found.is_none() && self.rows.len() >= MAX_GROUPS {
            name = OTHER_ENDPOINT;
            found = find(&self.rows, name);
        }
        let index = found.unwrap_or_else(|| {
            self.rows.push(GroupWindow {
                name: name.to_owned(),
                ..GroupWindow::default()
            });
            self.rows.len() - 1
        });
        GroupRow(index as u16)
    }

    /// Counts one group that ended.
    pub(crate) fn add_record(&mut self, record: &RequestRecord, row: GroupRow) {
        let row = &mut self.rows[usize::from(row.0)];
        row.count += 1;
        row.failed += u64::from(record.error != 0);
        row.latency
            .record_ns(record.done_ns.saturating_sub(record.intended_ns));
    }

    /// Adds a window's group.
    pub(crate) fn add(&mut self, window: &GroupWindow) {
        let row = self.row(&window.name);
        let row = &mut self.rows[usize::from(row.0)];
        row.count += window.count;
        row.failed += window.failed;
        row.latency.add(&window.latency);
    }

    /// Those that were counted since the last call; begins the next window in the same memory.
    pub(crate) fn close(&mut self) -> Vec<GroupWindow> {
        let counted = self.rows.iter_mut().filter(|row| row.count > 0);
        let close = |row: &mut GroupWindow| {
            let window = GroupWindow {
                name: row.name.clone(),
                count: row.count,
                failed: row.failed,
                latency: row.latency.compact_copy(),
            };
            (row.count, row.failed) = (0, 0);
            row.latency.reset();
            window
        };
        counted.map(close).collect()
    }

    /// The figures of a run with so many measured seconds: most frequent first, then by name.
    pub(crate) fn summaries(&self, seconds: f64) -> Vec<GroupSummary> {
        let mut sorted: Vec<&GroupWindow> = self.rows.iter().collect();
        sorted.sort_by(|a, b| (b.count, &a.name).cmp(&(a.count, &b.name)));
        let summary = |row: &GroupWindow| GroupSummary {
            name: row.name.clone(),
            count: row.count,
            failed: row.failed,
            rate_mean: per_second(row.count, seconds),
            latency_ms: row.latency.percentiles(),
        };
        sorted.into_iter().map(summary).collect()
    }
}

#[cfg(test)]
#[path = "groups_tests.rs"]
mod tests;
