//! Stored latency histograms, as text and as what the text packs: what is understood says the same when it is written out and read
//! again.

#![no_main]

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, read::ZlibEncoder};
use loadforge_analysis::LatencyHistogram;
use std::io::Read;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // As it stands in a file, which hardly ever gets past the packing; then counts behind a header of ours.
    if let Ok(text) = std::str::from_utf8(bytes) {
        check(text);
    }
    check(&packed(bytes));
    check(&packed(&with_header(bytes)));
});

fn packed(plain: &[u8]) -> String {
    let mut packed = vec![0; 8];
    let deflated = ZlibEncoder::new(plain, Compression::fast()).read_to_end(&mut packed);
    deflated.expect("bytes in memory can be read");
    STANDARD.encode(packed)
}

/// Cookie, length, offset, digits, least and greatest value, ratio; all but the length are ours.
fn with_header(counts: &[u8]) -> Vec<u8> {
    let numbers = [0x1c84_9313, counts.len() as u32, 0, 3];
    let mut plain: Vec<u8> = numbers.into_iter().flat_map(u32::to_be_bytes).collect();
    let bounds = [64, 3_600_000_000_000, 1f64.to_bits()];
    plain.extend(bounds.into_iter().flat_map(u64::to_be_bytes));
    plain.extend(counts);
    plain
}

fn check(text: &str) {
    let stored = serde_json::Value::from(text);
    let Ok(histogram) = serde_json::from_value::<LatencyHistogram>(stored) else {
        return;
    };
    let mut sum = LatencyHistogram::default();
    sum.add(&histogram);
    assert_eq!(sum, histogram);
    assert_eq!(sum.percentiles(), histogram.percentiles());
    let written = serde_json::to_value(&histogram).expect("a histogram can be written");
    let again: LatencyHistogram =
        serde_json::from_value(written).expect("what is written can be read");
    assert_eq!(again, histogram);
}
