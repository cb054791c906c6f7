//! Values of any size: near enough, in order, exact in their counts, the same when read back.

use super::*;
use proptest::{collection::vec, prelude::*};

fn of(values: &[f64]) -> ValueHistogram {
    let mut histogram = ValueHistogram::default();
    values.iter().for_each(|value| histogram.record(*value));
    histogram
}

/// Values that a scenario may come up with: whole, broken, of any size and sign.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-3_000_i32..3_000).prop_map(f64::from),
        -1e6..1e6_f64,
        any::<f64>().prop_filter("finite", |value| value.is_finite()),
    ]
}

proptest! {
    #[test]
    fn a_quantile_is_within_a_thousandth_of_the_sample_it_stands_for(
        mut values in vec(value(), 1..200),
        q in 0.0..=1.0_f64,
    ) {
        let told = of(&values).quantile(q);
        values.sort_by(f64::total_cmp);
        let rank = ((q * values.len() as f64).ceil() as usize).max(1);
        let sample = values[rank - 1].clamp(-2_f64.powi(50), 2_f64.powi(50));
        let allowed = (sample.abs() / 1_024.0).max(2_f64.powi(-30));
        prop_assert!((told - sample).abs() <= allowed, "{told} for {sample}");
        prop_assert!(told.abs() <= sample.abs(), "{told} is nearer to 0 than {sample}");
    }

    #[test]
    fn parts_added_up_are_the_whole(one in vec(value(), 0..50), other in vec(value(), 0..50)) {
        let mut sum = of(&one);
        sum.add(&of(&other));
        let whole = of(&[one, other].concat());
        prop_assert_eq!(&sum, &whole);
        prop_assert_eq!(sum.len(), sum.counts.values().sum::<u64>());
    }

    #[test]
    fn what_is_stored_is_read_back_with_every_count(values in vec(value(), 0..100)) {
        let histogram = of(&values);
        let text = serde_json::to_string(&histogram).unwrap();
        prop_assert_eq!(serde_json::from_str::<ValueHistogram>(&text).unwrap(), histogram);
    }

    #[test]
    fn bytes_at_random_are_refused_or_read_and_never_panic(plain in vec(any::<u8>(), 0..60)) {
        let mut packer = ZlibEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&plain).unwrap();
        let text = STANDARD.encode(packer.finish().unwrap());
        if let Ok(histogram) = ValueHistogram::unpack(&text) {
            prop_assert_eq!(histogram.len(), histogram.counts.values().sum::<u64>());
            prop_assert!(histogram.quantile(0.5).is_finite());
        }
    }
}

#[test]
fn whole_numbers_up_to_2048_are_told_as_they_are() {
    for number in -2_048..=2_048 {
        let value = f64::from(number);
        assert_eq!(of(&[value]).quantile(0.5), value);
    }
    assert_ne!(of(&[2_049.0]).quantile(0.5), 2_049.0);
}

#[test]
fn buckets_stand_in_the_order_of_values() {
    let values = [
        f64::MIN,
        -1e9,
        -1.5,
        -1.0,
        -1e-9,
        -1e-300,
        0.0,
        1e-300,
        1e-9,
        1.0,
        1.001,
        1.5,
        1e9,
        f64::MAX,
    ];
    let buckets: Vec<i32> = values.iter().map(|value| bucket_of(*value)).collect();
    assert!(buckets.is_sorted(), "{buckets:?}");
    assert_eq!((buckets[0], buckets[13]), (-LAST_BUCKET, LAST_BUCKET));
    assert_eq!((bucket_of(-0.0), bucket_of(f64::NAN)), (0, 0));
    assert_eq!(edge_of(LAST_BUCKET), 2_f64.powi(50));
    assert_eq!(edge_of(1), 2_f64.powi(-30));
}

#[test]
fn a_stored_histogram_that_is_damaged_is_refused_with_the_reason() {
    let packed = |plain: &[u8]| {
        let mut packer = ZlibEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(plain).unwrap();
        STANDARD.encode(packer.finish().unwrap())
    };
    let cases = [
        ("*".to_owned(), "bad base64"),
        (STANDARD.encode(b"abc"), "cannot be inflated"),
        (packed(&[5]), "in the middle of a number"),
        (packed(&[0x80, 0x80]), "in the middle of a number"),
        (packed(&[5, 1, 0, 1]), "out of order"),
        (packed(&[0xff, 0xff, 0xff, 0x7f, 1]), "out of order"),
        (packed(&[5, 0]), "counts are out of range"),
    ];
    for (text, words) in cases {
        let json = serde_json::to_string(&text).unwrap();
        let error = serde_json::from_str::<ValueHistogram>(&json).unwrap_err();
        assert!(error.to_string().contains(words), "{text}: {error}");
    }
}

#[test]
fn an_empty_histogram_has_only_zeros() {
    let empty = ValueHistogram::default();
    assert_eq!((empty.len(), empty.quantile(0.99)), (0, 0.0));
    assert!(empty.is_empty());
    assert_eq!(serde_json::to_string(&empty).unwrap(), "\"\"");
}
