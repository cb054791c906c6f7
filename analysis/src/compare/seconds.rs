//! What a comparison needs of a run: the exact counts and latencies of the whole, and coarse ones of each stretch of time.
//! Neighbours: `coarse.rs` holds the latencies of a stretch, `resample.rs` draws stretches. Invariants: what is added up over all
//! stretches is the whole; there are never more than `MOST_STRETCHES`, however long the run: two neighbours become one instead.

use super::coarse::CoarseLatencies;
use crate::{EndpointWindow, LatencyHistogram, MAX_ENDPOINTS, OTHER_ENDPOINT, Snapshot};
use loadforge_scenarios::{Method, PhaseRole};
use std::collections::BTreeMap;

/// Most stretches of time that are kept of a run: one for each second of four minutes, four minutes each of sixteen hours. What is
/// drawn are blocks of several seconds anyway, the longer the run the longer they are.
const MOST_STRETCHES: usize = 256;

/// How much more than the least a load may ask for that does not change: rates are told with rounding.
const EVEN: f64 = 1.01;

/// The measured seconds of one run. What warm-up and cool-down did is not in it.
#[derive(Clone, Debug, Default)]
pub struct MeasuredSeconds {
    /// A stretch is 2 to this power seconds long.
    doublings: u32,
    /// By number, counted from the start of the run: second divided by length.
    stretches: BTreeMap<u64, Stretch>,
    /// Endpoint number `i` is series `i + 1`.
    endpoints: Vec<(String, Option<Method>)>,
    /// By series: exact figures of all stretches.
    wholes: Vec<Whole>,
    /// How late the generator sent, over all endpoints.
    lag: LatencyHistogram,
    length_s: f64,
    users: Asked,
    rate: Asked,
}

/// The least and the most that the plan asked for in any second but the last that it asked anything in; nothing where it asked for
/// none. The end of the plan lies in that last one: what is told of it is a rate over a second that was asked for in part.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    bounds: Option<(f64, f64)>,
    /// What the last second asked for.
    last: Option<f64>,
}

/// One stretch of time.
#[derive(Clone, Debug, Default)]
pub(super) struct Stretch {
    /// How much of it was measured, in seconds.
    pub(super) length_s: f64,
    /// By series; those at the end that had nothing to do are left out.
    pub(super) cells: Vec<Cell>,
}

/// What one series did in one stretch.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) latencies: CoarseLatencies,
}

/// What one series did in all.
#[derive(Clone, Debug, Default)]
pub(super) struct Whole {
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) response: LatencyHistogram,
}

impl MeasuredSeconds {
    /// A run without a second yet.
    pub fn new() -> MeasuredSeconds {
        MeasuredSeconds::default()
    }

    /// Adds the next second, unless it belongs to a warm-up or cool-down.
    pub fn add(&mut self, snapshot: &Snapshot) {
        if snapshot.load_phase.role != PhaseRole::Measured {
            return;
        }
        let length_s = snapshot.length_s.max(0.0);
        self.length_s += length_s;
        self.users.see(snapshot.users.target as f64);
        self.rate.see(snapshot.users.target_rate);
        // Its middle: ends are written with fewer digits than they have.
        let second = (snapshot.at_s - length_s / 2.0).max(0.0) as u64;
        let number = second >> self.doublings;
        self.stretches.entry(number).or_default().length_s += length_s;
        let counts = (snapshot.requests.done, snapshot.requests.failed);
        self.count(number, 0, counts, &snapshot.latency.response);
        self.lag.add(&snapshot.latency.lag);
        for window in &snapshot.endpoints {
            let series = self.series(window) + 1;
            self.count(
                number,
                series,
                (window.done, window.failed),
                &window.response,
            );
        }
        while self.stretches.len() > MOST_STRETCHES {
            *self = std::mem::take(self).halved();
        }
    }

    /// How long was measured, in seconds.
    pub fn length_s(&self) -> f64 {
        self.length_s
    }

    /// Whether the plan asked for the same load in all of these seconds. Its end does not count: what follows it, and the second that
    /// it lies in, were asked for less.
    pub(super) fn even(&self) -> bool {
        self.users.even() && self.rate.even()
    }

    /// Name and method of each endpoint, in the order in which they came.
    pub(super) fn endpoints(&self) -> &[(String, Option<Method>)] {
        &self.endpoints
    }

    /// What a series did in all; series 0 is the whole run, `i + 1` is endpoint `i`.
    pub(super) fn whole(&self, series: usize) -> Option<&Whole> {
        self.wholes.get(series)
    }

    /// How late the generator sent.
    pub(super) fn lag(&self) -> &LatencyHistogram {
        &self.lag
    }

    /// How often the length of a stretch was doubled.
    pub(super) fn doublings(&self) -> u32 {
        self.doublings
    }

    /// The stretches by number.
    pub(super) fn stretches(&self) -> &BTreeMap<u64, Stretch> {
        &self.stretches
    }

    /// The same with stretches as long as these doublings make them.
    pub(super) fn doubled_to(mut self, doublings: u32) -> MeasuredSeconds {
        while self.doublings < doublings {
            self = self.halved();
        }
        self
    }

    fn count(
        &mut self,
        number: u64,
        series: usize,
        (done, failed): (u64, u64),
        response: &LatencyHistogram,
    ) {
        if self.wholes.len() <= series {
            self.wholes.resize_with(series + 1, Whole::default);
        }
        let whole = &mut self.wholes[series];
        whole.done += done;
        whole.failed += failed;
        whole.response.add(response);
        let cell = Cell {
            done,
            failed,
            latencies: CoarseLatencies::of(response),
        };
        self.stretches
            .entry(number)
            .or_default()
            .add_cell(series, &cell);
    }

    /// The number of this endpoint. Those past the limit, which only a file from elsewhere can have, share `other`.
    fn series(&mut self, window: &EndpointWindow) -> usize {
        let known = |list: &[(String, Option<Method>)], name: &str, method| {
            list.iter()
                .position(|(known, its)| *its == method && known == name)
        };
        let (mut name, mut method) = (window.name.as_str(), window.method);
        let mut found = known(&self.endpoints, name, method);
        if found.is_none() && self.endpoints.len() > MAX_ENDPOINTS {
            (name, method) = (OTHER_ENDPOINT, None);
            found = known(&self.endpoints, name, method);
        }
        found.unwrap_or_else(|| {
            self.endpoints.push((name.to_owned(), method));
            self.endpoints.len() - 1
        })
    }

    /// The same with half as many stretches, each twice as long.
    fn halved(mut self) -> MeasuredSeconds {
        self.doublings += 1;
        for (number, stretch) in std::mem::take(&mut self.stretches) {
            let pair = self.stretches.entry(number / 2).or_default();
            pair.length_s += stretch.length_s;
            for (series, cell) in stretch.cells.iter().enumerate() {
                pair.add_cell(series, cell);
            }
        }
        self
    }
}

impl Asked {
    fn see(&mut self, asked: f64) {
        if asked > 0.0
            && let Some(before) = self.last.replace(asked)
        {
            let (least, most) = self.bounds.unwrap_or((before, before));
            self.bounds = Some((least.min(before), most.max(before)));
        }
    }

    fn even(self) -> bool {
        self.bounds.is_none_or(|(least, most)| most <= least * EVEN)
    }
}

impl Stretch {
    fn add_cell(&mut self, series: usize, cell: &Cell) {
        if self.cells.len() <= series {
            self.cells.resize_with(series + 1, Cell::default);
        }
        let own = &mut self.cells[series];
        own.done += cell.done;
        own.failed += cell.failed;
        own.latencies.add(&cell.latencies);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_whole_is_what_the_run_s_own_summary_says() {
        let snapshots = sample::three_seconds();
        let summary = sample::summary_of(&snapshots, crate::RunOutcome::Completed);
        let mut seconds = MeasuredSeconds::new();
        snapshots.iter().for_each(|snapshot| seconds.add(snapshot));
        let whole = seconds.whole(0).unwrap();
        assert_eq!(whole.done, summary.measured.done);
        assert_eq!(whole.failed, summary.measured.failed);
        assert_eq!(whole.response.percentiles(), summary.response_ms);
        assert_eq!(seconds.length_s(), 3.0);
        assert_eq!(seconds.stretches().len(), 3);
        for (index, (name, _)) in seconds.endpoints().iter().enumerate() {
            let theirs = summary.endpoints.iter().find(|entry| entry.name == *name);
            let own = seconds.whole(index + 1).unwrap();
            assert_eq!(own.response.percentiles(), theirs.unwrap().response_ms);
        }
    }

    #[test]
    fn a_run_of_ten_hours_keeps_no_more_than_its_bound_and_loses_nothing() {
        let second = sample::three_seconds().remove(0);
        let mut seconds = MeasuredSeconds::new();
        for at_s in 1..=36_000 {
            let mut snapshot = second.clone();
            snapshot.at_s = f64::from(at_s);
            seconds.add(&snapshot);
        }
        assert_eq!(seconds.doublings(), 8);
        assert_eq!(seconds.stretches().len(), 141);
        let done: u64 = seconds.stretches().values().map(|s| s.cells[0].done).sum();
        assert_eq!(done, 36_000 * second.requests.done);
        assert_eq!(seconds.whole(0).unwrap().done, done);
        let length_s: f64 = seconds.stretches().values().map(|s| s.length_s).sum();
        assert_eq!(length_s, 36_000.0);
    }

    #[test]
    fn seconds_at_moments_that_cannot_be_take_no_more_room() {
        let mut seconds = MeasuredSeconds::new();
        for step in 0..2_000 {
            let mut snapshot = sample::three_seconds().remove(0);
            snapshot.at_s = [-5.0, 1e300, 1e9 * f64::from(step), 1e18][step as usize % 4];
            seconds.add(&snapshot);
        }
        assert!(seconds.stretches().len() <= MOST_STRETCHES);
    }

    /// Seconds of 200 arrivals each, the last one as long as given and asked for in its first second alone.
    fn at_a_rate(asked: impl Fn(u32) -> f64, last_s: f64) -> MeasuredSeconds {
        let second = sample::three_seconds().remove(0);
        let mut seconds = MeasuredSeconds::new();
        for at_s in 1..=12 {
            let mut snapshot = second.clone();
            snapshot.at_s = f64::from(at_s);
            snapshot.users.target_rate = asked(at_s);
            if at_s == 12 {
                snapshot.at_s += last_s - 1.0;
                snapshot.length_s = last_s;
                snapshot.users.target_rate /= last_s;
            }
            seconds.add(&snapshot);
        }
        // Requests in flight are waited for.
        let mut draining = second.clone();
        draining.at_s = 13.5;
        (draining.users.target, draining.users.target_rate) = (0, 0.0);
        seconds.add(&draining);
        seconds
    }

    #[test]
    fn a_constant_rate_is_even_however_long_its_last_second_was() {
        for last_s in [0.3, 0.99, 1.0, 1.014, 1.6] {
            assert!(at_a_rate(|_| 200.0, last_s).even(), "{last_s}");
        }
        for changing in [
            |at_s: u32| 200.0 + 3.0 * f64::from(at_s),
            |at_s: u32| if at_s > 10 { 400.0 } else { 200.0 },
        ] {
            assert!(!at_a_rate(changing, 1.0).even());
        }
    }

    #[test]
    fn warm_up_is_left_out() {
        let mut snapshot = sample::three_seconds().remove(0);
        snapshot.load_phase.role = PhaseRole::WarmUp;
        let mut seconds = MeasuredSeconds::new();
        seconds.add(&snapshot);
        assert_eq!(seconds.length_s(), 0.0);
        assert!(seconds.whole(0).is_none());
    }
}
