//! Counts as a file holds them: only the buckets with samples, some hundred bytes where the growing form takes a hundred KB.
//! Neighbours: `../histogram.rs` adds them up and asks for their figures. Invariants: there is a bucket; they stand in rising order,
//! none empty; the growing form is made only for a figure that nothing else gives.

use super::{DIGITS, MAX_NS, STORED_MAX_NS, UNIT_NS, counts_up_to};
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Decompress, FlushDecompress, Status};
use hdrhistogram::Histogram;
use std::{cell::RefCell, sync::OnceLock};

/// Buckets for each doubling of the value.
const PER_DOUBLING: u64 = 1_024;

/// Buckets up to the doubling of the hour that is the greatest latency told apart.
const BUCKETS: u64 = 29 * PER_DOUBLING;

/// The longest stored histogram after inflation: 40 header bytes and at most 9 for each bucket. A longer one is not ours.
const LONGEST_BYTES: usize = 40 + 9 * BUCKETS as usize;

/// More samples than this are not of one second, and a million of such sums still fit their counters.
const MOST_SAMPLES: u64 = 1 << 40;

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    /// Its least value in ns.
    pub(super) from_ns: u64,
    /// How many values it holds, a power of two.
    width_ns: u64,
}

impl Bucket {
    /// The bucket of this number: 2,048 of one unit, then 1,024 for each doubling. `None` where no latency is counted.
    fn checked(number: u64) -> Option<Bucket> {
        if number >= BUCKETS {
            return None;
        }
        let doublings = (number / PER_DOUBLING).saturating_sub(1);
        let width_ns = UNIT_NS << doublings;
        let place = number - doublings * PER_DOUBLING;
        let from_ns = place * width_ns;
        (from_ns <= MAX_NS).then_some(Bucket { from_ns, width_ns })
    }

    /// The bucket that holds this value.
    pub(super) fn of(ns: u64) -> Bucket {
        let units = ns / UNIT_NS;
        let doublings = units.checked_ilog2().unwrap_or(0).saturating_sub(10);
        let width_ns = UNIT_NS << doublings;
        Bucket {
            from_ns: ns / width_ns * width_ns,
            width_ns,
        }
    }

    /// Its greatest value in ns.
    pub(super) fn until_ns(self) -> u64 {
        self.from_ns + self.width_ns - 1
    }

    /// Its middle in ns.
    pub(super) fn middle_ns(self) -> u64 {
        self.from_ns + self.width_ns / 2
    }
}

/// A stored histogram, read.
#[derive(Clone)]
pub(super) struct StoredCounts {
    /// The buckets with samples and how many each holds.
    buckets: Box<[(Bucket, u64)]>,
    len: u64,
    /// The greatest value in ns that the one written had room for, so that it can be written again as it was.
    high: u64,
    grown: OnceLock<Histogram<u64>>,
}

impl StoredCounts {
    /// How many samples there are; more than 0.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The buckets with samples, from the fastest on.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (Bucket, u64)> + '_ {
        self.buckets.iter().copied()
    }

    /// The bucket of the fastest sample.
    pub(super) fn first(&self) -> Bucket {
        self.buckets[0].0
    }

    /// The bucket of the slowest sample.
    pub(super) fn last(&self) -> Bucket {
        self.buckets[self.buckets.len() - 1].0
    }

    /// The greatest value in ns that sample number ⌈q·n⌉ in order may have.
    pub(super) fn value_at_quantile(&self, q: f64) -> u64 {
        let rank = ((q.min(1.0) * self.len as f64).ceil() as u64).max(1);
        let mut samples = 0u64;
        let mut reached = self.buckets.iter().filter(|(_, count)| {
            samples += count;
            samples >= rank
        });
        let reached = reached.next().map(|(bucket, _)| *bucket);
        reached.unwrap_or_else(|| self.last()).until_ns()
    }

    /// Adds every count to a histogram of the same unit.
    pub(super) fn add_to(&self, sum: &mut Histogram<u64>) {
        for (bucket, count) in self.buckets() {
            sum.record_n(bucket.from_ns, count)
                .expect("a histogram that grows by itself takes every value up to an hour");
        }
    }

    /// The same in the growing form.
    pub(super) fn grown(&self) -> &Histogram<u64> {
        self.grown.get_or_init(|| {
            let mut counts = counts_up_to(self.high);
            self.add_to(&mut counts);
            counts
        })
    }
}

/// What reading needs again and again, some 50 KB.
struct Reader {
    inflate: Decompress,
    plain: Vec<u8>,
}

thread_local! {
    static READER: RefCell<Reader> = RefCell::new(Reader {
        inflate: Decompress::new(true),
        plain: Vec::with_capacity(4_096),
    });
}

/// Reads the ecosystem's V2 format, deflated, in base64; `None` when it holds no samples. Nothing is taken from a header before it
/// has been checked.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read(text: &str) -> Result<Option<StoredCounts>, String> {
    let packed = STANDARD
        .decode(text)
        .map_err(|error| format!("bad base64 ({error})"))?;
    // Cookie and length of the deflated part; layout as in the Java class `AbstractHistogram`.
    let deflated = packed.get(8..).ok_or("it is shorter than its header")?;
    READER.with_borrow_mut(|reader| {
        inflate(reader, deflated)?;
        parse(&reader.plain)
    })
}

fn inflate(reader: &mut Reader, deflated: &[u8]) -> Result<(), String> {
    let Reader { inflate, plain } = reader;
    inflate.reset(true);
    plain.clear();
    loop {
        let before = (inflate.total_in(), inflate.total_out());
        let rest = &deflated[before.0 as usize..];
        // Not `Finish`: it is for those who know that there is room for all.
        let status = inflate
            .decompress_vec(rest, plain, FlushDecompress::None)
            .map_err(|error| format!("it cannot be inflated ({error})"))?;
        if status == Status::StreamEnd {
            return Ok(());
        }
        let room = plain.capacity() - plain.len();
        if room > 0 && (inflate.total_in(), inflate.total_out()) == before {
            return Err("it cannot be inflated (it ends too early)".to_owned());
        }
        if plain.len() > LONGEST_BYTES {
            return Err(format!("it holds more than {LONGEST_BYTES} bytes"));
        }
        plain.reserve(plain.capacity().max(4_096));
    }
}

fn parse(plain: &[u8]) -> Result<Option<StoredCounts>, String> {
    const COOKIE: u64 = 0x1c84_9313;
    let (header, counts) = plain
        .split_at_checked(40)
        .ok_or("it is shorter than its header")?;
    let number = |at: usize, len: usize| {
        header[at..at + len]
            .iter()
            .fold(0u64, |value, byte| value << 8 | u64::from(*byte))
    };
    let (cookie, length, offset) = (number(0, 4), number(4, 4), number(8, 4));
    if cookie != COOKIE {
        return Err(format!("it begins with {cookie:08x}, not {COOKIE:08x}"));
    }
    if length != counts.len() as u64 {
        return Err(format!(
            "it states {length} bytes of counts and holds {}",
            counts.len()
        ));
    }
    let (digits, low, high) = (number(12, 4), number(16, 8), number(24, 8));
    if (digits, low) != (DIGITS.into(), UNIT_NS) || high > STORED_MAX_NS {
        return Err(format!(
            "it has {digits} digits from {low} to {high} ns, and ours have {DIGITS} from {UNIT_NS} \
             to at most {}",
            STORED_MAX_NS
        ));
    }
    if (offset, f64::from_bits(number(32, 8))) != (0, 1.0) {
        return Err("its values are shifted or scaled, and ours are not".to_owned());
    }
    parse_counts(counts, high)
}

/// A count, or minus the length of a stretch of empty buckets, one after another.
fn parse_counts(mut bytes: &[u8], high: u64) -> Result<Option<StoredCounts>, String> {
    let mut buckets = Vec::with_capacity(bytes.len());
    let (mut number, mut len) = (0u64, 0u64);
    while !bytes.is_empty() {
        let step = take_number(&mut bytes).ok_or("a number in it is cut off")?;
        if step > 0 {
            let bucket = Bucket::checked(number).ok_or("it has samples of over an hour")?;
            let count = step as u64;
            len = len.saturating_add(count);
            buckets.push((bucket, count));
        }
        let passed = if step < 0 { step.unsigned_abs() } else { 1 };
        number = number.saturating_add(passed);
    }
    if len > MOST_SAMPLES {
        return Err(format!("it counts {len} samples, more than can be"));
    }
    Ok((len > 0).then(|| StoredCounts {
        buckets: buckets.into(),
        len,
        high,
        grown: OnceLock::new(),
    }))
}

/// Takes a number in ZigZag LEB128: seven bits a byte, the lowest first, but eight in the ninth.
fn take_number(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0u64;
    for place in 0..9 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let is_last = place == 8 || byte & 0x80 == 0;
        let bits = if place == 8 { *byte } else { byte & 0x7f };
        value |= u64::from(bits) << (7 * place);
        if is_last {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}
