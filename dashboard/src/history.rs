//! The seconds of a run so far, for whoever comes late. Neighbours: `hub.rs` fills it while a run goes on, the program when it reads
//! one that is over. Invariants: at most `MAX_POINTS` points and about `MAX_BYTES` of JSON, whatever the run's length and however many
//! names it has; the latest are not merged, so that a viewer that was away for some minutes gets each second; points are in the order
//! of time and all counts are there.

use crate::{merge::merge, second::Second};
use loadforge_analysis::Snapshot;

/// Most points kept: an hour of seconds. Longer runs are thinned by merging neighbours, the older ones first.
pub const MAX_POINTS: usize = 3_600;

/// Most JSON kept: an hour of ten names, and what a viewer that comes late is sent. With more names it is thinned sooner.
const MAX_BYTES: usize = 12 << 20;

/// Latest points that are left as they are, as far as they take no more than a third of the bytes.
const FRESH: usize = 600;

/// A run's seconds, each with its JSON, which is made once and sent to many.
#[derive(Clone, Debug, Default)]
pub struct History {
    points: Vec<Point>,
    /// Length of all JSON.
    bytes: usize,
    /// How many windows a merged point may stand for.
    coarseness: u64,
}

#[derive(Clone, Debug)]
struct Point {
    second: Second,
    json: Box<str>,
}

impl Point {
    fn of(second: Second) -> Point {
        let json = serde_json::to_string(&second).expect("a second is plain data");
        Point {
            second,
            json: json.into(),
        }
    }
}

impl History {
    /// Adds what is to be drawn of the next snapshot.
    pub fn add(&mut self, snapshot: &Snapshot) {
        self.push(Second::of(snapshot));
    }

    /// Adds the next second, and gives its JSON back.
    pub(crate) fn push(&mut self, second: Second) -> &str {
        if self.points.len() >= MAX_POINTS || self.bytes >= MAX_BYTES {
            self.thin();
        }
        let point = Point::of(second);
        self.bytes += point.json.len();
        self.points.push(point);
        &self.points[self.points.len() - 1].json
    }

    /// Whether there is no second yet.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// All points, oldest first.
    pub fn seconds(&self) -> impl Iterator<Item = &Second> {
        self.points.iter().map(|point| &point.second)
    }

    /// The last point.
    pub(crate) fn last(&self) -> Option<&Second> {
        Some(&self.points.last()?.second)
    }

    /// A JSON array of all points that end after this moment.
    pub(crate) fn json_since(&self, since_s: f64) -> String {
        let begin = self
            .points
            .partition_point(|point| point.second.at_s <= since_s);
        let points = &self.points[begin..];
        let bytes: usize = points.iter().map(|point| point.json.len() + 1).sum();
        let mut json = String::with_capacity(bytes + 2);
        json.push('[');
        for (index, point) in points.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            json.push_str(&point.json);
        }
        json.push(']');
        json
    }

    /// Merges old neighbours until a sixth of the room is free again, or all of the old is one point.
    fn thin(&mut self) {
        let fresh = self.points.len() - self.fresh();
        let fresh = self.points.split_off(fresh);
        let mut old = std::mem::take(&mut self.points);
        let fresh_bytes = bytes(&fresh);
        loop {
            self.coarseness = self.coarseness.saturating_mul(2).max(2);
            old = merge_up_to(self.coarseness, old);
            self.bytes = bytes(&old) + fresh_bytes;
            let is_small =
                old.len() + fresh.len() <= MAX_POINTS / 6 * 5 && self.bytes <= MAX_BYTES / 6 * 5;
            if is_small || old.len() <= 1 {
                break;
            }
        }
        old.extend(fresh);
        self.points = old;
    }

    /// How many of the latest points are left as they are.
    fn fresh(&self) -> usize {
        let mut room = MAX_BYTES / 3;
        let latest = self.points.iter().rev().take(FRESH);
        let fits = |point: &&Point| match room.checked_sub(point.json.len()) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        };
        latest.take_while(fits).count()
    }
}

fn bytes(points: &[Point]) -> usize {
    points.iter().map(|point| point.json.len()).sum()
}

/// Merges neighbours as long as what comes out stands for no more than this many windows.
fn merge_up_to(windows: u64, old: Vec<Point>) -> Vec<Point> {
    let mut merged: Vec<Point> = Vec::with_capacity(old.len());
    for point in old {
        match merged.last_mut() {
            Some(last) if last.second.merged + point.second.merged <= windows => {
                // The JSON is made below, once for each point that is left.
                last.second = merge(&last.second, &point.second);
                last.json = Box::default();
            }
            _ => merged.push(point),
        }
    }
    merged
        .into_iter()
        .map(|point| match point.json.is_empty() {
            true => Point::of(point.second),
            false => point,
        })
        .collect()
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
