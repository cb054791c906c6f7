//! A histogram of values of any size and sign, for the trends that a scenario measures itself. Neighbours: `metrics.rs` keeps
//! one for each trend; latencies have their own (`histogram.rs`), in ns and without signs.
//! Invariants: adding and storing keep every bucket's count, so percentiles come from counts and are never averaged; the
//! order of buckets is the order of values.
//!
//! A bucket is what is left of a value's bits when all but the first ten of its fraction are cut off:
//!
//! ```text
//!   sign │ exponent, 11 bits │ 10 bits kept │ 42 bits cut
//! ```
//!
//! So a bucket is at most 1/1,024 of its value wide, as the buckets of latencies are, and whole numbers up to 2,048 have
//! one each. Rejected: a scaled integer histogram (somebody would have to choose a unit before the first value, and it
//! has no signs); DDSketch (its buckets of the smallest values run together once there are many).

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
};

/// Bits of a value that its bucket does not tell apart.
const CUT_BITS: u32 = 42;
/// Buckets for each doubling.
const STEPS: i32 = 1_024;
/// Values nearer to 0 than 2^-30, about a billionth, count as 0.
const LEAST_EXPONENT: i32 = -30;
/// Values of 2^50 and more, about 10^15, count as 2^50.
const MOST_EXPONENT: i32 = 50;
/// The bucket of 2^50: those of positive values are numbered from 1, of negative ones from -1 down, 0 is 0.
const LAST_BUCKET: i32 = (MOST_EXPONENT - LEAST_EXPONENT) * STEPS + 1;
/// 2^-30.
const LEAST: f64 = 1.0 / (1_u64 << -LEAST_EXPONENT) as f64;
/// 2^50.
const MOST: f64 = (1_u64 << MOST_EXPONENT) as f64;
/// What the bits of 2^-30, cut off, are less than the number of its bucket.
const BUCKET_BASE: u64 = (1023 + LEAST_EXPONENT as i64) as u64 * STEPS as u64 - 1;
/// The longest stored histogram after inflation: every bucket, with up to 3 bytes for its number and 10 for its count.
const STORED_MAX_BYTES: u64 = 13 * (2 * LAST_BUCKET as u64 + 1);

/// Values by bucket. Holds memory for the buckets in use alone: some 50 bytes each, of 163,843 that there can be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueHistogram {
    counts: BTreeMap<i32, u64>,
    len: u64,
}

impl ValueHistogram {
    /// Counts one value. What is no number counts as 0; nobody records such a one.
    pub fn record(&mut self, value: f64) {
        *self.counts.entry(bucket_of(value)).or_default() += 1;
        self.len += 1;
    }

    /// Adds every count of another histogram; exact.
    pub fn add(&mut self, other: &ValueHistogram) {
        for (bucket, count) in &other.counts {
            *self.counts.entry(*bucket).or_default() += count;
        }
        self.len += other.len;
    }

    /// How many values were counted.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value that a share `q` (0 to 1) of the samples does not exceed, to the bucket: the edge nearer to 0 of the one
    /// that holds sample number ⌈q·n⌉ in order, at most 0.1 % from the sample. 0 when empty.
    pub fn quantile(&self, q: f64) -> f64 {
        let wanted = ((q.clamp(0.0, 1.0) * self.len as f64).ceil() as u64).max(1);
        let mut passed = 0;
        for (bucket, count) in &self.counts {
            passed += count;
            if passed >= wanted {
                return edge_of(*bucket);
            }
        }
        self.counts
            .last_key_value()
            .map_or(0.0, |(b, _)| edge_of(*b))
    }
}

/// Where a value is counted.
fn bucket_of(value: f64) -> i32 {
    let size = value.abs();
    let bucket = if size >= MOST {
        LAST_BUCKET
    } else if size >= LEAST {
        ((size.to_bits() >> CUT_BITS) - BUCKET_BASE) as i32
    } else {
        0
    };
    if value < 0.0 { -bucket } else { bucket }
}

/// The edge of a bucket that is nearer to 0.
fn edge_of(bucket: i32) -> f64 {
    match bucket {
        0 => 0.0,
        _ => {
            let size = f64::from_bits((u64::from(bucket.unsigned_abs()) + BUCKET_BASE) << CUT_BITS);
            if bucket < 0 { -size } else { size }
        }
    }
}

/// Pairs of a bucket's distance from the one before and its count, each as a number of 7 bits a byte, deflated, in base64;
/// an empty string when there are no values.
impl Serialize for ValueHistogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_empty() {
            return serializer.serialize_str("");
        }
        let packed = self.pack().map_err(S::Error::custom)?;
        serializer.serialize_str(&STANDARD.encode(packed))
    }
}

impl<'de> Deserialize<'de> for ValueHistogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(ValueHistogram::default());
        }
        ValueHistogram::unpack(&text).map_err(|why| {
            D::Error::custom(format!(
                "not a histogram of values written by loadforge: {why}; the file is damaged or foreign"
            ))
        })
    }
}

impl ValueHistogram {
    fn pack(&self) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        let mut before = -LAST_BUCKET;
        for (bucket, count) in &self.counts {
            push_number(&mut plain, (bucket - before) as u64);
            push_number(&mut plain, *count);
            before = *bucket;
        }
        let mut packer = ZlibEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&plain)?;
        packer.finish()
    }

    fn unpack(text: &str) -> Result<ValueHistogram, String> {
        let packed = STANDARD
            .decode(text)
            .map_err(|error| format!("bad base64 ({error})"))?;
        let mut plain = Vec::new();
        ZlibDecoder::new(packed.as_slice())
            .take(STORED_MAX_BYTES + 1)
            .read_to_end(&mut plain)
            .map_err(|error| format!("it cannot be inflated ({error})"))?;
        let mut histogram = ValueHistogram::default();
        let mut rest = plain.as_slice();
        let mut bucket = -i64::from(LAST_BUCKET);
        while !rest.is_empty() {
            let pair = take_number(&mut rest).zip(take_number(&mut rest));
            let (distance, count) = pair.ok_or("it ends in the middle of a number")?;
            let first = histogram.counts.is_empty();
            bucket = i64::try_from(distance)
                .ok()
                .and_then(|distance| bucket.checked_add(distance))
                .filter(|bucket| *bucket <= i64::from(LAST_BUCKET) && (first || distance > 0))
                .ok_or("its buckets are out of order")?;
            histogram.counts.insert(bucket as i32, count);
            histogram.len = histogram
                .len
                .checked_add(count)
                .filter(|_| count > 0)
                .ok_or("its counts are out of range")?;
        }
        Ok(histogram)
    }
}

/// Writes a number, 7 bits a byte, the lowest first; the top bit of a byte says that more follow.
fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Reads what `push_number` wrote; `None` when it is cut short or too long for a `u64`.
fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        if (part << shift) >> shift != part {
            return None;
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
