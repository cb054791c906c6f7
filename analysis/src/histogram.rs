//! The one histogram of the project: latencies with three significant digits from 64 ns to one hour.
//! Neighbours: `window.rs` records into it, `fold.rs` adds it up, `snapshot.rs` writes it to disk, `histogram/stored.rs` reads it
//! back.
//! Invariant: adding and storing keep every bucket's count, so percentiles come from counts and are never averaged.

mod stored;

use crate::Percentiles;
use base64::{Engine, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{Serializer as _, V2DeflateSerializer},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor, ser::Error as _};
use std::fmt;
use stored::{Bucket, StoredCounts};

/// Width of the finest bucket in ns: a latency is the difference of two clock reads of some 25 ns each, so finer
/// buckets would hold noise. Against 1 ns it saves six doublings, 48 KB a histogram.
const UNIT_NS: u64 = 64;

/// Significant decimal digits: a bucket is at most 1/1,024 of its value wide.
const DIGITS: u8 = 3;

/// One hour, the greatest latency told apart; what took longer is counted here.
const MAX_NS: u64 = 3_600_000_000_000;

/// The greatest value a stored histogram may cover: the top of the bucket that holds `MAX_NS`'s doubling.
const STORED_MAX_NS: u64 = 2 * MAX_NS;

/// Steps per halving of the distance to 100 % in `curve`: a million samples make 200 points.
const CURVE_STEPS: u32 = 10;

/// A histogram of latencies. An empty one owns no buckets; one in use grows with the greatest value seen,
/// up to 221 KB at an hour; one read from a file owns the buckets that hold samples.
#[derive(Clone, Default)]
pub struct LatencyHistogram {
    /// Counts of our own; `None` until the first record.
    own: Option<Histogram<u64>>,
    /// Counts read from a file; only where there are none of our own. Not one of two variants: recording would look twice.
    stored: Option<Box<StoredCounts>>,
}

impl LatencyHistogram {
    /// Counts one latency in ns; more than an hour is counted at one hour.
    #[inline]
    pub fn record_ns(&mut self, ns: u64) {
        self.own()
            .record(ns.min(MAX_NS))
            .expect("a histogram that grows by itself takes every value up to an hour");
    }

    /// Adds every count of another histogram; exact.
    pub fn add(&mut self, other: &LatencyHistogram) {
        if let Some(theirs) = &other.stored {
            theirs.add_to(self.own());
        } else if let Some(theirs) = other.filled() {
            self.own()
                .add(theirs)
                .expect("a histogram that grows by itself takes every other one of the same unit");
        }
    }

    /// The counts to be changed.
    #[inline]
    fn own(&mut self) -> &mut Histogram<u64> {
        let stored = &mut self.stored;
        self.own.get_or_insert_with(|| match stored.take() {
            Some(stored) => stored.grown().clone(),
            None => new_counts(),
        })
    }

    /// Forgets all counts and keeps the memory.
    pub fn reset(&mut self) {
        self.stored = None;
        if let Some(counts) = self.own.as_mut().filter(|counts| !counts.is_empty()) {
            counts.reset();
        }
    }

    /// A copy that owns no bucket beyond the greatest latency in it, however far this one has grown.
    pub(crate) fn compact_copy(&self) -> LatencyHistogram {
        let mut copy = LatencyHistogram::default();
        copy.add(self);
        copy
    }

    /// How many latencies were counted.
    pub fn len(&self) -> u64 {
        match &self.stored {
            Some(stored) => stored.len(),
            None => self.own.as_ref().map_or(0, Histogram::len),
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The latency in ms that a share `q` (0 to 1) of the samples does not exceed: the upper edge of the bucket
    /// that holds sample number ⌈q·n⌉ in order. 0 when empty.
    pub fn quantile_ms(&self, q: f64) -> f64 {
        match &self.stored {
            Some(stored) => ms(stored.value_at_quantile(q)),
            None => self.of_own(|counts| counts.value_at_quantile(q)),
        }
    }

    /// The smallest latency in ms, down to the lower edge of its bucket; 0 when empty.
    pub fn min_ms(&self) -> f64 {
        match &self.stored {
            Some(stored) => ms(stored.first().from_ns),
            None => self.of_own(Histogram::min),
        }
    }

    /// The greatest latency in ms, up to the upper edge of its bucket; 0 when empty.
    pub fn max_ms(&self) -> f64 {
        match &self.stored {
            Some(stored) => ms(stored.last().until_ns()),
            // The crate's own `max` has no upper edge for samples of the lowest bucket.
            None => self.of_own(|counts| counts.highest_equivalent(counts.max())),
        }
    }

    /// A value in ms of counts of our own; 0 when there are none.
    fn of_own(&self, value_ns: impl FnOnce(&Histogram<u64>) -> u64) -> f64 {
        let counts = self.own.as_ref().filter(|counts| !counts.is_empty());
        counts.map_or(0.0, |counts| ms(value_ns(counts)))
    }

    /// The arithmetic mean in ms, each sample taken at the middle of its bucket; 0 when empty.
    pub fn mean_ms(&self) -> f64 {
        self.filled()
            .map_or(0.0, |counts| counts.mean() / NS_PER_MS)
    }

    /// The standard deviation of the samples in ms, each taken at the middle of its bucket; 0 when empty.
    pub fn stddev_ms(&self) -> f64 {
        self.filled()
            .map_or(0.0, |counts| counts.stdev() / NS_PER_MS)
    }

    /// The figures that tables show.
    pub fn percentiles(&self) -> Percentiles {
        Percentiles {
            min: self.min_ms(),
            mean: self.mean_ms(),
            stddev: self.stddev_ms(),
            p50: self.quantile_ms(0.5),
            p75: self.quantile_ms(0.75),
            p90: self.quantile_ms(0.9),
            p95: self.quantile_ms(0.95),
            p99: self.quantile_ms(0.99),
            p999: self.quantile_ms(0.999),
            p9999: self.quantile_ms(0.9999),
            max: self.max_ms(),
        }
    }

    /// The distribution for a chart on a percentile scale: pairs of a quantile (0 to 1) and the latency in ms that
    /// this share of the samples does not exceed. Both rise; about 10 points for each halving of the distance
    /// to 100 %. Empty when there are no samples.
    pub fn curve(&self) -> Vec<(f64, f64)> {
        let Some(counts) = self.filled() else {
            return Vec::new();
        };
        let mut curve = vec![(0.0, self.min_ms())];
        for step in counts.iter_quantiles(CURVE_STEPS) {
            let point = (step.quantile(), ms(step.value_iterated_to()));
            // Several steps may fall into one bucket; its first mention says all.
            if curve.last() != Some(&point) {
                curve.push(point);
            }
        }
        curve
    }

    /// How many samples lie between rising edges in ms: below the first edge, between neighbours, and from the
    /// last edge up, so `edges_ms.len() + 1` counts whose sum is `len()`. A sample counts where the lower edge
    /// of its bucket lies.
    pub fn bars(&self, edges_ms: &[f64]) -> Vec<u64> {
        let mut bars = vec![0; edges_ms.len() + 1];
        self.each_bucket(|bucket, count| {
            let from_ms = ms(bucket.from_ns);
            bars[edges_ms.partition_point(|edge| *edge <= from_ms)] += count;
        });
        bars
    }

    /// Calls `each` with the buckets that hold samples, from the fastest on: the middle of each in ns, and how many it holds.
    pub(crate) fn each_middle(&self, mut each: impl FnMut(u64, u64)) {
        self.each_bucket(|bucket, count| each(bucket.middle_ns(), count));
    }

    fn each_bucket(&self, mut each: impl FnMut(Bucket, u64)) {
        if let Some(stored) = &self.stored {
            stored
                .buckets()
                .for_each(|(bucket, count)| each(bucket, count));
        } else if let Some(counts) = &self.own {
            counts.iter_recorded().for_each(|step| {
                each(Bucket::of(step.value_iterated_to()), step.count_at_value());
            });
        }
    }

    /// The share of samples (0 to 1) that are at most `limit_ms`, exact to the bucket; 0 when empty.
    pub fn share_below_ms(&self, limit_ms: f64) -> f64 {
        // A float turns into an integer by saturating, so that no limit, however odd, is out of range.
        let limit_ns = (limit_ms * NS_PER_MS) as u64;
        self.filled()
            .map_or(0.0, |counts| counts.quantile_below(limit_ns))
    }

    /// The counts, if there are any.
    pub(crate) fn filled(&self) -> Option<&Histogram<u64>> {
        match &self.stored {
            Some(stored) => Some(stored.grown()),
            None => self.own.as_ref().filter(|counts| !counts.is_empty()),
        }
    }
}

/// Equal when every bucket holds the same count.
impl PartialEq for LatencyHistogram {
    fn eq(&self, other: &Self) -> bool {
        let buckets = |histogram: &LatencyHistogram| {
            let mut buckets = Vec::new();
            histogram.each_bucket(|bucket, count| buckets.push((bucket, count)));
            buckets
        };
        self.len() == other.len() && buckets(self) == buckets(other)
    }
}

/// The figures instead of some thousand buckets.
impl fmt::Debug for LatencyHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatencyHistogram")
            .field("len", &self.len())
            .field("p50_ms", &self.quantile_ms(0.5))
            .field("p99_ms", &self.quantile_ms(0.99))
            .field("max_ms", &self.max_ms())
            .finish()
    }
}

/// As the ecosystem's V2 format, deflated, in base64; an empty string when there are no samples.
impl Serialize for LatencyHistogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(counts) = self.filled() else {
            return serializer.serialize_str("");
        };
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(counts, &mut bytes)
            .map_err(S::Error::custom)?;
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for LatencyHistogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(StoredText)
    }
}

/// Reads a stored histogram where it lies, without a copy of its text.
struct StoredText;

impl Visitor<'_> for StoredText {
    type Value = LatencyHistogram;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a latency histogram as base64")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<LatencyHistogram, E> {
        if text.is_empty() {
            return Ok(LatencyHistogram::default());
        }
        let stored = stored::read(text).map_err(|why| {
            E::custom(format!(
                "not a latency histogram written by loadforge: {why}; the file is damaged or foreign"
            ))
        })?;
        Ok(LatencyHistogram {
            own: None,
            stored: stored.map(Box::new),
        })
    }
}

const NS_PER_MS: f64 = 1e6;

fn ms(ns: u64) -> f64 {
    ns as f64 / NS_PER_MS
}

fn new_counts() -> Histogram<u64> {
    counts_up_to(0)
}

/// No counts, with room for values up to `high_ns`, which is at most `STORED_MAX_NS`.
fn counts_up_to(high_ns: u64) -> Histogram<u64> {
    let mut counts = Histogram::new_with_bounds(UNIT_NS, high_ns.max(2 * UNIT_NS), DIGITS)
        .expect("the unit and the digits are constants that the library accepts");
    counts.auto(true);
    counts
}

#[cfg(test)]
#[path = "histogram_tests.rs"]
mod tests;
