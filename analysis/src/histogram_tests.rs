//! The histogram against sorted lists of the very samples.

use super::*;
use flate2::read::ZlibDecoder;
use proptest::{collection::vec, prelude::*};
use std::io::Read;

/// Every latency that occurs in practice, even in magnitude.
fn latency_ns() -> impl Strategy<Value = u64> {
    (0u32..42).prop_flat_map(|bits| (1u64 << bits) - 1..1u64 << (bits + 1))
}

/// The counts of one that was recorded into.
fn own(histogram: &LatencyHistogram) -> &Histogram<u64> {
    histogram
        .own
        .as_ref()
        .expect("something was recorded into it")
}

fn of(samples: &[u64]) -> LatencyHistogram {
    let mut histogram = LatencyHistogram::default();
    samples.iter().for_each(|ns| histogram.record_ns(*ns));
    histogram
}

/// The edges in ns of the bucket that holds `ns`: 64 ns wide, and above 2,048 × 64 ns a power of two that leaves
/// 1,024 to 2,047 buckets between a value's power of two and the next.
fn bucket(ns: u64) -> (u64, u64) {
    let ns = ns.min(MAX_NS);
    let magnitude = 64 - ns.leading_zeros();
    let width = 1u64 << magnitude.saturating_sub(11).max(6);
    (ns / width * width, ns / width * width + width - 1)
}

proptest! {
    #[test]
    fn a_quantile_is_the_upper_edge_of_the_bucket_of_the_sample_of_that_rank(
        mut samples in vec(latency_ns(), 1..400),
        q in 0.001f64..=1.0,
    ) {
        let histogram = of(&samples);
        samples.sort_unstable();
        let rank = ((q * samples.len() as f64).ceil() as usize).max(1);
        prop_assert_eq!(histogram.quantile_ms(q), bucket(samples[rank - 1]).1 as f64 / 1e6);
        prop_assert_eq!(histogram.min_ms(), bucket(samples[0]).0 as f64 / 1e6);
        prop_assert_eq!(histogram.max_ms(), bucket(samples[samples.len() - 1]).1 as f64 / 1e6);
        prop_assert_eq!(histogram.len(), samples.len() as u64);
    }

    #[test]
    fn mean_and_deviation_are_those_of_the_samples_within_a_bucket(
        samples in vec(latency_ns(), 1..400),
    ) {
        let histogram = of(&samples);
        let count = samples.len() as f64;
        let ms: Vec<f64> = samples.iter().map(|ns| (*ns).min(MAX_NS) as f64 / 1e6).collect();
        let mean = ms.iter().sum::<f64>() / count;
        let stddev = (ms.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
        // Half a bucket, relative and at the finest; the deviation can be off by as much as the greatest sample is.
        let greatest = ms.iter().copied().fold(0.0, f64::max);
        prop_assert!((histogram.mean_ms() - mean).abs() <= mean / 1024.0 + 64e-6);
        prop_assert!((histogram.stddev_ms() - stddev).abs() <= greatest / 1024.0 + 64e-6);
    }

    #[test]
    fn adding_parts_gives_what_recording_everything_gives(
        parts in vec(vec(latency_ns(), 0..60), 0..8),
    ) {
        let mut sum = LatencyHistogram::default();
        parts.iter().for_each(|part| sum.add(&of(part)));
        prop_assert_eq!(&sum, &of(&parts.concat()));
        prop_assert_eq!(sum.percentiles(), of(&parts.concat()).percentiles());
        prop_assert_eq!(&sum.compact_copy(), &sum);
    }

    #[test]
    fn a_stored_histogram_comes_back_with_every_count(samples in vec(latency_ns(), 0..300)) {
        let histogram = of(&samples);
        let text = serde_json::to_string(&histogram).unwrap();
        let mut back: LatencyHistogram = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&back, &histogram);
        prop_assert_eq!(back.percentiles(), histogram.percentiles());
        prop_assert_eq!(serde_json::to_string(&back).unwrap(), text);
        // It is as good as new: it grows like one.
        back.record_ns(MAX_NS);
        prop_assert_eq!(back.len(), histogram.len() + 1);
    }

    #[test]
    fn one_read_from_a_file_gives_every_figure_of_the_one_that_was_written(
        samples in vec(latency_ns(), 1..300),
        q in 0.0f64..=1.0,
        limit in latency_ns(),
    ) {
        let histogram = of(&samples);
        let text = serde_json::to_string(&histogram).unwrap();
        let stored: LatencyHistogram = serde_json::from_str(&text).unwrap();
        prop_assert!(stored.stored.is_some());
        prop_assert_eq!(stored.quantile_ms(q), histogram.quantile_ms(q));
        prop_assert_eq!(stored.curve(), histogram.curve());
        let edges = [0.001, 0.1, 1.0, 30.0, 1e4];
        prop_assert_eq!(stored.bars(&edges), histogram.bars(&edges));
        let limit_ms = limit as f64 / 1e6;
        prop_assert_eq!(stored.share_below_ms(limit_ms), histogram.share_below_ms(limit_ms));
        let middles = |of: &LatencyHistogram| {
            let mut middles = Vec::new();
            of.each_middle(|ns, count| middles.push((ns, count)));
            middles
        };
        prop_assert_eq!(middles(&stored), middles(&histogram));
        // Added to a sum, in either order, and to itself.
        let mut sum = stored.clone();
        sum.add(&histogram);
        let mut other = histogram.clone();
        other.add(&stored);
        prop_assert_eq!(&sum, &other);
        prop_assert_eq!(sum.percentiles(), other.percentiles());
        prop_assert_eq!(sum.len(), 2 * samples.len() as u64);
        let mut emptied = stored;
        emptied.reset();
        prop_assert!(emptied.is_empty());
    }

    #[test]
    fn bars_hold_every_sample_in_its_place(
        samples in vec(latency_ns(), 0..200),
        mut edges in vec(0.0f64..1e6, 0..12),
    ) {
        edges.sort_by(f64::total_cmp);
        let bars = of(&samples).bars(&edges);
        prop_assert_eq!(bars.iter().sum::<u64>(), samples.len() as u64);
        for (index, edge) in edges.iter().enumerate() {
            let below = samples.iter().filter(|ns| (bucket(**ns).0 as f64 / 1e6) < *edge).count();
            prop_assert_eq!(bars[..=index].iter().sum::<u64>(), below as u64);
        }
    }

    #[test]
    fn a_share_below_a_limit_counts_the_samples_up_to_its_bucket(
        samples in vec(latency_ns(), 1..200),
        limit in latency_ns(),
    ) {
        let below = samples.iter().filter(|ns| bucket(**ns).0 <= bucket(limit).0).count();
        let share = of(&samples).share_below_ms(limit as f64 / 1e6);
        prop_assert!((share - below as f64 / samples.len() as f64).abs() < 1e-12);
    }

    #[test]
    fn a_damaged_text_is_an_error_and_never_a_panic(
        samples in vec(latency_ns(), 1..50),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        inside in any::<bool>(),
    ) {
        let text = serde_json::to_string(&of(&samples)).unwrap();
        let mut packed = STANDARD.decode(text.trim_matches('"')).unwrap();
        if inside {
            // Past the check sum of the deflated part: the header and the counts themselves.
            let mut plain = Vec::new();
            ZlibDecoder::new(&packed[8..]).read_to_end(&mut plain).unwrap();
            let at = place.index(plain.len());
            plain[at] = byte;
            let deflated = deflate(&plain);
            packed.truncate(8);
            packed.extend(deflated);
        } else {
            let at = place.index(packed.len());
            packed[at] = byte;
        }
        let _ = stored::read(&STANDARD.encode(packed));
    }
}

#[test]
fn one_with_thousands_of_buckets_is_read_piece_by_piece() {
    for count in [200_000, 20_000, 1_000] {
        // Far apart from each other, so that hardly two are in one bucket.
        let samples: Vec<u64> = (1..=count).map(|n| n * n * 90).collect();
        let histogram = of(&samples);
        let text = serde_json::to_string(&histogram).unwrap();
        let stored: LatencyHistogram = serde_json::from_str(&text).unwrap();
        assert_eq!(stored, histogram, "{count}");
        let cut = serde_json::Value::from(&text[1..text.len() - 9]);
        serde_json::from_value::<LatencyHistogram>(cut).expect_err("it is cut off");
    }
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::read::ZlibEncoder::new(plain, flate2::Compression::fast());
    let mut deflated = Vec::new();
    encoder.read_to_end(&mut deflated).unwrap();
    deflated
}

#[test]
fn an_empty_histogram_owns_nothing_and_is_all_zero() {
    let empty = LatencyHistogram::default();
    assert!(empty.is_empty() && empty.own.is_none());
    assert_eq!(empty.percentiles(), Percentiles::default());
    assert_eq!(empty.curve(), []);
    assert_eq!(empty.bars(&[1.0, 2.0]), [0, 0, 0]);
    assert_eq!(empty.share_below_ms(1.0), 0.0);
    assert_eq!(serde_json::to_string(&empty).unwrap(), "\"\"");
    assert_eq!(
        serde_json::from_str::<LatencyHistogram>("\"\"").unwrap(),
        empty
    );
}

#[test]
fn adding_an_empty_histogram_takes_no_memory() {
    let mut sum = LatencyHistogram::default();
    let mut emptied = of(&[1, 2, 3]);
    emptied.reset();
    sum.add(&emptied);
    assert!(sum.own.is_none());
}

#[test]
fn reset_forgets_all_and_keeps_the_buckets() {
    let mut histogram = of(&[5_000_000_000]);
    let buckets = own(&histogram).distinct_values();
    histogram.reset();
    assert!(histogram.is_empty());
    assert_eq!(histogram.percentiles(), Percentiles::default());
    assert_eq!(own(&histogram).distinct_values(), buckets);
    histogram.record_ns(1_000_000);
    assert_eq!(histogram, of(&[1_000_000]));
}

#[test]
fn a_compact_copy_has_no_buckets_beyond_its_greatest_sample() {
    let mut grown = of(&[MAX_NS]);
    grown.reset();
    grown.record_ns(1_000);
    let copy = grown.compact_copy();
    assert_eq!(copy, grown);
    assert!(
        own(&copy).distinct_values() * 8 < own(&grown).distinct_values(),
        "the copy is as large as the histogram that had seen an hour"
    );
}

#[test]
fn what_took_longer_than_an_hour_is_counted_at_one_hour() {
    let histogram = of(&[MAX_NS, MAX_NS + 1, 2 * MAX_NS, u64::MAX]);
    assert_eq!(histogram, of(&[MAX_NS; 4]));
    assert_eq!(histogram.min_ms(), bucket(MAX_NS).0 as f64 / 1e6);
    let counts = own(&histogram);
    assert!(
        counts.high() <= STORED_MAX_NS,
        "{} must be readable again",
        counts.high()
    );
    let text = serde_json::to_string(&histogram).unwrap();
    assert_eq!(
        serde_json::from_str::<LatencyHistogram>(&text).unwrap(),
        histogram
    );
}

#[test]
fn nothing_at_all_is_a_latency_too() {
    let histogram = of(&[0, 0, 0]);
    assert_eq!((histogram.len(), histogram.min_ms()), (3, 0.0));
    assert!(histogram.max_ms() < 64e-6);
}

#[test]
fn the_curve_rises_from_the_smallest_to_the_greatest_in_some_hundred_points() {
    let samples: Vec<u64> = (1..=100_000u64).map(|n| n * n).collect();
    let histogram = of(&samples);
    let curve = histogram.curve();
    assert_eq!(curve.first(), Some(&(0.0, histogram.min_ms())));
    assert_eq!(curve.last(), Some(&(1.0, histogram.max_ms())));
    assert!(
        curve.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1),
        "{curve:?}"
    );
    assert!((50..=220).contains(&curve.len()), "{} points", curve.len());
    for &(q, ms) in &curve[1..] {
        // A hair lower, as q times the number of samples may be rounded up past its rank.
        assert_eq!(histogram.quantile_ms(q - 1e-9), ms, "at {q}");
    }
}

#[test]
fn a_foreign_histogram_is_refused_with_what_is_wrong_with_it() {
    let mut foreign: Histogram<u64> = Histogram::new_with_bounds(1, u64::MAX, 5).unwrap();
    foreign.record(7).unwrap();
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(&foreign, &mut bytes)
        .unwrap();
    let cases = [
        (STANDARD.encode(bytes), "5 digits from 1 to"),
        ("????".to_owned(), "bad base64"),
        ("AAAA".to_owned(), "shorter than its header"),
        (STANDARD.encode([7; 60]), "cannot be inflated"),
    ];
    for (text, words) in cases {
        let error = serde_json::from_value::<LatencyHistogram>(text.into()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.to_string().contains("damaged or foreign"), "{error}");
    }
}
