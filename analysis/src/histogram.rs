//! The one histogram of the project: latencies with three significant digits from 64 ns to one hour.
//! Neighbours: `window.rs` records into it, `fold.rs` adds it up, `snapshot.rs` writes it to disk.
//! Invariant: adding and storing keep every bucket's count, so percentiles come from counts and are never averaged.

use crate::Percentiles;
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::read::ZlibDecoder;
use hdrhistogram::{
    Histogram,
    serialization::{Deserializer as HdrDeserializer, Serializer as _, V2DeflateSerializer},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use std::{fmt, io::Read};

/// Width of the finest bucket in ns: a latency is the difference of two clock reads of some 25 ns each, so finer
/// buckets would hold noise. Against 1 ns it saves six doublings, 48 KB a histogram.
const UNIT_NS: u64 = 64;

/// Significant decimal digits: a bucket is at most 1/1,024 of its value wide.
const DIGITS: u8 = 3;

/// One hour, the greatest latency told apart; what took longer is counted here.
const MAX_NS: u64 = 3_600_000_000_000;

/// The greatest value a stored histogram may cover: the top of the bucket that holds `MAX_NS`'s doubling.
const STORED_MAX_NS: u64 = 2 * MAX_NS;

/// The longest stored histogram after inflation: 40 header bytes and 9 for each of the 29 × 1,024 buckets
/// that reach `STORED_MAX_NS`. A longer one is not ours.
const STORED_MAX_BYTES: u64 = 40 + 9 * 29 * 1_024;

/// Steps per halving of the distance to 100 % in `curve`: a million samples make 200 points.
const CURVE_STEPS: u32 = 10;

/// A histogram of latencies. An empty one owns no buckets; one in use grows with the greatest value seen,
/// up to 221 KB at an hour.
#[derive(Clone, Default)]
pub struct LatencyHistogram {
    /// `None` until the first record.
    counts: Option<Histogram<u64>>,
}

impl LatencyHistogram {
    /// Counts one latency in ns; more than an hour is counted at one hour.
    #[inline]
    pub fn record_ns(&mut self, ns: u64) {
        self.counts
            .get_or_insert_with(new_counts)
            .record(ns.min(MAX_NS))
            .expect("a histogram that grows by itself takes every value up to an hour");
    }

    /// Adds every count of another histogram; exact.
    pub fn add(&mut self, other: &LatencyHistogram) {
        let Some(theirs) = other.filled() else { return };
        self.counts
            .get_or_insert_with(new_counts)
            .add(theirs)
            .expect("a histogram that grows by itself takes every other one of the same unit");
    }

    /// Forgets all counts and keeps the memory.
    pub fn reset(&mut self) {
        if let Some(counts) = self.counts.as_mut().filter(|counts| !counts.is_empty()) {
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
        self.counts.as_ref().map_or(0, Histogram::len)
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The latency in ms that a share `q` (0 to 1) of the samples does not exceed: the upper edge of the bucket
    /// that holds sample number ⌈q·n⌉ in order. 0 when empty.
    pub fn quantile_ms(&self, q: f64) -> f64 {
        self.filled()
            .map_or(0.0, |counts| ms(counts.value_at_quantile(q)))
    }

    /// The smallest latency in ms, down to the lower edge of its bucket; 0 when empty.
    pub fn min_ms(&self) -> f64 {
        self.filled().map_or(0.0, |counts| ms(counts.min()))
    }

    /// The greatest latency in ms, up to the upper edge of its bucket; 0 when empty.
    pub fn max_ms(&self) -> f64 {
        // The crate's own `max` has no upper edge for samples of the lowest bucket.
        let edge = |counts: &Histogram<u64>| counts.highest_equivalent(counts.max());
        self.filled().map_or(0.0, |counts| ms(edge(counts)))
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
        if let Some(counts) = self.filled() {
            for bucket in counts.iter_recorded() {
                let from_ms = ms(counts.lowest_equivalent(bucket.value_iterated_to()));
                bars[edges_ms.partition_point(|edge| *edge <= from_ms)] += bucket.count_at_value();
            }
        }
        bars
    }

    /// The buckets that hold samples, from the fastest on: the middle of each in ns, and how many it holds.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.filled().into_iter().flat_map(|counts| {
            counts.iter_recorded().map(|bucket| {
                let middle_ns = counts.median_equivalent(bucket.value_iterated_to());
                (middle_ns, bucket.count_at_value())
            })
        })
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
        self.counts.as_ref().filter(|counts| !counts.is_empty())
    }
}

/// Equal when every bucket holds the same count.
impl PartialEq for LatencyHistogram {
    fn eq(&self, other: &Self) -> bool {
        let buckets = |histogram: &LatencyHistogram| -> Vec<(u64, u64)> {
            histogram.filled().map_or_else(Vec::new, |counts| {
                let steps = counts.iter_recorded();
                steps
                    .map(|step| (step.value_iterated_to(), step.count_at_value()))
                    .collect()
            })
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
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(LatencyHistogram::default());
        }
        let counts = decode(&text).map_err(|why| {
            D::Error::custom(format!(
                "not a latency histogram written by loadforge: {why}; the file is damaged or foreign"
            ))
        })?;
        Ok(LatencyHistogram {
            counts: Some(counts),
        })
    }
}

const NS_PER_MS: f64 = 1e6;

fn ms(ns: u64) -> f64 {
    ns as f64 / NS_PER_MS
}

fn new_counts() -> Histogram<u64> {
    let mut counts = Histogram::new_with_bounds(UNIT_NS, 2 * UNIT_NS, DIGITS)
        .expect("the unit and the digits are constants that the library accepts");
    counts.auto(true);
    counts
}

/// Reads what `Serialize` wrote. The header is checked before the library sees it: it allocates whatever a header claims.
fn decode(text: &str) -> Result<Histogram<u64>, String> {
    let packed = STANDARD
        .decode(text)
        .map_err(|error| format!("bad base64 ({error})"))?;
    // Cookie and length of the deflated part; layout as in the Java class `AbstractHistogram`.
    let deflated = packed.get(8..).ok_or("it is shorter than its header")?;
    let mut plain = Vec::new();
    ZlibDecoder::new(deflated)
        .take(STORED_MAX_BYTES)
        .read_to_end(&mut plain)
        .map_err(|error| format!("it cannot be inflated ({error})"))?;
    let header = plain.get(..40).ok_or("it is shorter than its header")?;
    let number = |at: usize, len: usize| {
        header[at..at + len]
            .iter()
            .fold(0u64, |value, byte| value << 8 | u64::from(*byte))
    };
    let (length, digits, low, high) = (number(4, 4), number(12, 4), number(16, 8), number(24, 8));
    if length != plain.len() as u64 - 40 {
        return Err(format!(
            "it states {length} bytes of counts and holds {}",
            plain.len() - 40
        ));
    }
    if (digits, low) != (DIGITS.into(), UNIT_NS) || high > STORED_MAX_NS {
        return Err(format!(
            "it has {digits} digits from {low} to {high} ns, and ours have {DIGITS} from {UNIT_NS} \
             to at most {STORED_MAX_NS}"
        ));
    }
    let mut counts: Histogram<u64> = HdrDeserializer::new()
        .deserialize(&mut plain.as_slice())
        .map_err(|e| e.to_string())?;
    counts.auto(true);
    Ok(counts)
}

#[cfg(test)]
#[path = "histogram_tests.rs"]
mod tests;
