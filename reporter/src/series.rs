//! A run second by second, small enough for a page: what the charts of the HTML report are drawn from.
//! Neighbours: fed with each `Snapshot`, live or from `snapshots.jsonl`; read by `html/`. `series.csv` does not come
//! from here, it has every second.
//! Invariant: never more than `MAX_POINTS` points, whatever the run's length. When a point covers several seconds, its
//! counts are sums, and of each percentile and of the rate it keeps the lowest and the highest second: percentiles are never
//! averaged, and a dip of a second is seen however long the run is.

use crate::heat_map::HeatMap;
use crate::seconds::SecondCounts;
use loadforge_analysis::{Event, LatencyHistogram, Snapshot, UserCounts};
use loadforge_scenarios::ErrorKind;
use std::collections::BTreeMap;

/// Most points a series keeps; past that, neighbours are merged two by two.
pub const MAX_POINTS: usize = 2_000;

/// Most events a series keeps for marks on the time axis; the summary has them all.
const MAX_EVENTS: usize = 200;

/// A run second by second, thinned.
#[derive(Clone, Debug)]
pub struct Series {
    points: Vec<SeriesPoint>,
    events: Vec<Event>,
    offered: SecondCounts,
    sent: SecondCounts,
    not_sent: SecondCounts,
    heat_map: HeatMap,
    /// Windows in each point but the last.
    windows_per_point: u32,
    max_points: usize,
}

/// One second, or several that were merged.
#[derive(Clone, Debug, Default)]
pub struct SeriesPoint {
    /// Seconds from the start of the run to the end of this point.
    pub at_s: f64,
    /// Seconds covered.
    pub length_s: f64,
    /// Windows covered.
    pub windows: u32,
    /// Most users alive and asked for, and most requests under way.
    pub users: UserCounts,
    /// Requests done.
    pub done: u64,
    /// Requests done per second, in the slowest second and in the fastest; `None` when no window was half a second long.
    pub rate: Option<Spread>,
    /// Of these, failed.
    pub failed: u64,
    /// Requests that were due and never begun.
    pub not_sent: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Failures by kind.
    pub errors: BTreeMap<ErrorKind, u64>,
    /// Response time; `None` when no request was done.
    pub response: Option<Quantiles>,
    /// Service time; `None` when no request was done.
    pub service: Option<Quantiles>,
    /// Highest p99 of the lag in ms, over the windows that had requests.
    pub lag_p99_ms: Option<f64>,
    /// By worker: highest CPU in percent of one CPU, spinning left out.
    pub cpu_percent: Vec<f64>,
    /// By worker: highest share of time spent spinning, in percent of one CPU.
    pub spin_percent: Vec<f64>,
    /// By worker: highest share of its CPU that the hypervisor kept from this machine, in percent.
    pub steal_percent: Vec<f64>,
    /// Times the kernel took the CPU from a worker that wanted to go on.
    pub involuntary_switches: u64,
    /// Time that something took the CPU from workers that were spinning, ms.
    pub paused_ms: f64,
    /// TCP segments that this machine sent again.
    pub retransmits: u64,
    /// Most descriptors open in all processes together; 0 when they were not counted.
    pub descriptors: u64,
}

/// Some quantiles of one latency, each with its lowest and highest second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantiles {
    /// Half are below.
    pub p50: Spread,
    /// 95 % are below.
    pub p95: Spread,
    /// 99 % are below.
    pub p99: Spread,
    /// Greatest.
    pub max: Spread,
}

/// The lowest and the highest value of a figure among several seconds; of latencies in ms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// In the second where it was lowest.
    pub low: f64,
    /// In the second where it was highest.
    pub high: f64,
}

impl Default for Series {
    fn default() -> Series {
        Series::with_max_points(MAX_POINTS)
    }
}

impl Series {
    /// Adds the run's next second.
    pub fn add(&mut self, snapshot: &Snapshot) {
        let point = SeriesPoint::of(snapshot);
        self.offered.add(&snapshot.offered_at);
        self.sent.add(&snapshot.sent_at);
        self.not_sent.add(&snapshot.not_sent_at);
        let from_s = snapshot.at_s - snapshot.length_s;
        self.heat_map.add(from_s, &snapshot.latency.response);
        match self.points.last_mut() {
            Some(last) if last.windows < self.windows_per_point => last.merge(point),
            _ => self.points.push(point),
        }
        if self.points.len() > self.max_points {
            merge_pairs(&mut self.points);
            self.windows_per_point *= 2;
        }
        let room = MAX_EVENTS.saturating_sub(self.events.len());
        self.events
            .extend(snapshot.events.iter().take(room).cloned());
    }

    /// The points in order of time.
    pub fn points(&self) -> &[SeriesPoint] {
        &self.points
    }

    /// Requests by the time they were due at, those that were never sent included; empty for a run that did not tell.
    pub fn offered(&self) -> &SecondCounts {
        &self.offered
    }

    /// Requests by the time they were sent at; empty for a run that did not tell.
    pub fn sent(&self) -> &SecondCounts {
        &self.sent
    }

    /// Requests that were never sent by the time they were due at; empty for a run that did not tell.
    pub fn not_sent(&self) -> &SecondCounts {
        &self.not_sent
    }

    /// Requests by the time they were done and how long they took.
    pub(crate) fn heat_map(&self) -> &HeatMap {
        &self.heat_map
    }

    /// The first events of the run.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many seconds a point stands for; 1 until the run is longer than `MAX_POINTS` seconds.
    pub fn windows_per_point(&self) -> u32 {
        self.windows_per_point
    }

    /// The same run in at most `max_points` points, for a table.
    pub fn thinned(&self, max_points: usize) -> Series {
        let mut thinned = self.clone();
        while thinned.points.len() > max_points.max(1) {
            merge_pairs(&mut thinned.points);
            thinned.windows_per_point *= 2;
        }
        thinned
    }

    fn with_max_points(max_points: usize) -> Series {
        // All of their memory is taken at once: a run that grows in its first half hour would look like one that leaks.
        let mut points = Vec::new();
        points.resize(max_points + 1, SeriesPoint::default());
        points.clear();
        Series {
            points,
            events: Vec::new(),
            offered: SecondCounts::with_most(max_points),
            sent: SecondCounts::with_most(max_points),
            not_sent: SecondCounts::with_most(max_points),
            heat_map: HeatMap::default(),
            windows_per_point: 1,
            max_points,
        }
    }
}

impl SeriesPoint {
    /// The middle of what it covers, where a chart draws it: the first second's point does not stand at the second's end.
    pub fn middle_s(&self) -> f64 {
        self.at_s - self.length_s / 2.0
    }

    /// Requests done per second.
    pub fn rps(&self) -> f64 {
        per_second(self.done, self.length_s)
    }

    /// Requests failed per second.
    pub fn failed_per_s(&self) -> f64 {
        per_second(self.failed, self.length_s)
    }

    /// Requests that were due and never begun, per second.
    pub fn not_sent_per_s(&self) -> f64 {
        per_second(self.not_sent, self.length_s)
    }

    fn of(snapshot: &Snapshot) -> SeriesPoint {
        let mut errors = BTreeMap::new();
        for error in &snapshot.errors {
            *errors.entry(error.kind).or_default() += error.count;
        }
        let lag = &snapshot.latency.lag;
        SeriesPoint {
            at_s: snapshot.at_s,
            length_s: snapshot.length_s,
            windows: 1,
            users: snapshot.users,
            done: snapshot.requests.done,
            // The rate of a shorter window is mostly chance.
            rate: (snapshot.length_s >= 0.5).then(|| {
                let rate = per_second(snapshot.requests.done, snapshot.length_s);
                Spread {
                    low: rate,
                    high: rate,
                }
            }),
            failed: snapshot.requests.failed,
            not_sent: snapshot.requests.not_sent,
            bytes_in: snapshot.requests.bytes_in,
            bytes_out: snapshot.requests.bytes_out,
            errors,
            response: Quantiles::of(&snapshot.latency.response),
            service: Quantiles::of(&snapshot.latency.service),
            lag_p99_ms: (!lag.is_empty()).then(|| lag.quantile_ms(0.99)),
            cpu_percent: snapshot.generator.cpu_percent.clone(),
            spin_percent: snapshot.generator.spin_percent.clone(),
            steal_percent: snapshot.generator.steal_percent.clone(),
            involuntary_switches: snapshot.generator.involuntary_switches,
            paused_ms: snapshot.generator.paused_ns as f64 / 1e6,
            retransmits: snapshot.generator.retransmits,
            descriptors: snapshot.generator.descriptors,
        }
    }

    /// Takes up the point that follows this one.
    fn merge(&mut self, next: SeriesPoint) {
        self.at_s = next.at_s;
        self.length_s += next.length_s;
        self.windows += next.windows;
        self.users.active = self.users.active.max(next.users.active);
        self.users.target = self.users.target.max(next.users.target);
        self.users.target_rate = self.users.target_rate.max(next.users.target_rate);
        self.users.in_flight = self.users.in_flight.max(next.users.in_flight);
        self.done += next.done;
        self.rate = match (self.rate, next.rate) {
            (Some(mine), Some(theirs)) => Some(mine.merged(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        self.failed += next.failed;
        self.not_sent += next.not_sent;
        self.bytes_in += next.bytes_in;
        self.bytes_out += next.bytes_out;
        for (kind, count) in next.errors {
            *self.errors.entry(kind).or_default() += count;
        }
        self.response = merged(self.response, next.response);
        self.service = merged(self.service, next.service);
        self.lag_p99_ms = match (self.lag_p99_ms, next.lag_p99_ms) {
            (Some(mine), Some(theirs)) => Some(mine.max(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        keep_highest(&mut self.cpu_percent, &next.cpu_percent);
        keep_highest(&mut self.spin_percent, &next.spin_percent);
        keep_highest(&mut self.steal_percent, &next.steal_percent);
        self.involuntary_switches += next.involuntary_switches;
        self.paused_ms += next.paused_ms;
        self.retransmits += next.retransmits;
        self.descriptors = self.descriptors.max(next.descriptors);
    }
}

impl Quantiles {
    fn of(histogram: &LatencyHistogram) -> Option<Quantiles> {
        let single = |ms: f64| Spread { low: ms, high: ms };
        (!histogram.is_empty()).then(|| Quantiles {
            p50: single(histogram.quantile_ms(0.50)),
            p95: single(histogram.quantile_ms(0.95)),
            p99: single(histogram.quantile_ms(0.99)),
            max: single(histogram.max_ms()),
        })
    }

    fn merged(self, other: Quantiles) -> Quantiles {
        Quantiles {
            p50: self.p50.merged(other.p50),
            p95: self.p95.merged(other.p95),
            p99: self.p99.merged(other.p99),
            max: self.max.merged(other.max),
        }
    }
}

impl Spread {
    fn merged(self, other: Spread) -> Spread {
        Spread {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }
}

fn merged(mine: Option<Quantiles>, theirs: Option<Quantiles>) -> Option<Quantiles> {
    match (mine, theirs) {
        (Some(mine), Some(theirs)) => Some(mine.merged(theirs)),
        (mine, theirs) => mine.or(theirs),
    }
}

fn per_second(count: u64, length_s: f64) -> f64 {
    if length_s > 0.0 {
        count as f64 / length_s
    } else {
        0.0
    }
}

/// Merges neighbours, in the room that they have.
fn merge_pairs(points: &mut Vec<SeriesPoint>) {
    let mut kept = 0;
    for index in 0..points.len() {
        if index % 2 == 0 {
            points.swap(kept, index);
            kept += 1;
        } else {
            let next = std::mem::take(&mut points[index]);
            points[kept - 1].merge(next);
        }
    }
    points.truncate(kept);
}

fn keep_highest(mine: &mut Vec<f64>, theirs: &[f64]) {
    if mine.len() < theirs.len() {
        mine.resize(theirs.len(), 0.0);
    }
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        *mine = mine.max(*theirs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_room_for_charts_is_taken_when_a_run_begins() {
        let mut series = Series::default();
        let room = series.points.capacity();
        assert!(room > MAX_POINTS, "{room}");
        fixture::snapshots(180)
            .iter()
            .for_each(|snapshot| series.add(snapshot));
        assert_eq!(series.points.capacity(), room);
    }

    #[test]
    fn a_long_run_is_thinned_without_losing_a_count_or_its_worst_second() {
        let snapshots = fixture::snapshots(180);
        let mut whole = Series::default();
        let mut thinned = Series::with_max_points(20);
        for snapshot in &snapshots {
            whole.add(snapshot);
            thinned.add(snapshot);
        }
        assert_eq!(whole.points().len(), 180);
        assert!(
            thinned.points().len() <= 20,
            "{} points",
            thinned.points().len()
        );
        assert!(thinned.windows_per_point() > 1);

        let done = |series: &Series| series.points().iter().map(|point| point.done).sum::<u64>();
        let failed = |series: &Series| -> u64 {
            series
                .points()
                .iter()
                .flat_map(|point| point.errors.values())
                .sum()
        };
        let worst = |series: &Series| {
            let p99 = series.points().iter().filter_map(|point| point.response);
            p99.map(|quantiles| quantiles.p99.high).fold(0.0, f64::max)
        };
        let best = |series: &Series| {
            let p50 = series.points().iter().filter_map(|point| point.response);
            p50.map(|quantiles| quantiles.p50.low)
                .fold(f64::INFINITY, f64::min)
        };
        assert_eq!(done(&whole), done(&thinned));
        assert_eq!(failed(&whole), failed(&thinned));
        assert_eq!(worst(&whole), worst(&thinned));
        assert_eq!(best(&whole), best(&thinned));
        let seconds: f64 = thinned.points().iter().map(|point| point.length_s).sum();
        assert!((seconds - 180.0).abs() < 1e-6);
    }

    #[test]
    fn the_limit_holds_for_a_run_of_any_length() {
        let snapshot = &fixture::snapshots(1)[0];
        let mut series = Series::with_max_points(16);
        for _ in 0..5_000 {
            series.add(snapshot);
            assert!(series.points().len() <= 16);
        }
        let windows: u32 = series.points().iter().map(|point| point.windows).sum();
        assert_eq!(windows, 5_000);
    }
}
