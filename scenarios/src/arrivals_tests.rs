//! Arrivals against the curve they come from: as many as its integral says, each once, evenly or by chance.

use super::*;
use crate::RampCurve;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

fn all(rate: &Pattern, seconds: u64, index: u32, of: u32, from_ns: u64) -> Vec<u64> {
    let duration = Duration::from_secs(seconds);
    let mut stream = ArrivalStream::new(rate, duration, Gaps::Even, 1, index, of, from_ns);
    taken(&mut stream)
}

fn taken(stream: &mut ArrivalStream) -> Vec<u64> {
    std::iter::from_fn(|| {
        let due_ns = stream.peek_ns()?;
        stream.take();
        Some(due_ns)
    })
    .collect()
}

/// The largest distance between two distribution functions: that of the sample and the exponential of mean 1, with the
/// 5 % bound of Kolmogorov and Smirnov for large samples (Massey 1951).
fn is_exponential(mut gaps: Vec<f64>) -> bool {
    gaps.sort_by(f64::total_cmp);
    let count = gaps.len() as f64;
    let distance = gaps.iter().enumerate().map(|(index, gap)| {
        let expected = 1.0 - (-gap).exp();
        let (below, above) = (index as f64 / count, (index + 1) as f64 / count);
        (expected - below).abs().max((above - expected).abs())
    });
    distance.fold(0.0, f64::max) < 1.358 / count.sqrt()
}

#[test]
fn a_constant_rate_gives_exactly_its_total_each_to_the_ns() {
    let due = all(&Pattern::Constant(1_000.0), 60, 0, 1, 0);
    assert_eq!(due.len(), 60_000);
    assert!(
        due.iter()
            .enumerate()
            .all(|(number, due_ns)| *due_ns == number as u64 * 1_000_000)
    );
}

#[test]
fn no_arrival_is_due_while_the_rate_is_nothing() {
    let rate = Pattern::Spike {
        base: 0.0,
        peak: 10.0,
        at: Duration::from_secs(1),
        length: Duration::from_secs(1),
        sustain: 0.0,
    };
    let due = all(&rate, 5, 0, 1, 0);
    let expected: Vec<u64> = (0..10)
        .map(|number| SECOND + number * SECOND / 10)
        .collect();
    assert_eq!(due, expected);
}

#[test]
fn a_rate_below_one_a_second_has_its_first_arrival_at_the_start() {
    assert_eq!(
        all(&Pattern::Constant(0.5), 5, 0, 1, 0),
        [0, 2 * SECOND, 4 * SECOND]
    );
}

#[test]
fn gaps_of_a_poisson_stream_are_exponential_and_streams_add_up_to_the_rate() {
    let rate = Pattern::Constant(1_000.0);
    let duration = Duration::from_secs(20);
    for of in [1, 3] {
        let mut due: Vec<u64> = (0..of)
            .flat_map(|index| {
                taken(&mut ArrivalStream::new(
                    &rate,
                    duration,
                    Gaps::Poisson,
                    7,
                    index,
                    of,
                    0,
                ))
            })
            .collect();
        due.sort_unstable();
        // Five standard deviations of the count.
        assert!(due.len().abs_diff(20_000) < 708, "{}", due.len());
        let gaps = due.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6);
        assert!(is_exponential(gaps.collect()), "{of} streams");
    }
}

#[test]
fn the_same_seed_draws_the_same_random_arrivals_however_many_workers_share_them() {
    let rate = Pattern::Ramp {
        from: 0.0,
        to: 2_000.0,
        over: Duration::from_secs(10),
        curve: RampCurve::Linear,
    };
    let stream = |seed, index, of, from_ns| {
        let duration = Duration::from_secs(10);
        let gaps = Gaps::Poisson;
        taken(&mut ArrivalStream::new(
            &rate, duration, gaps, seed, index, of, from_ns,
        ))
    };
    let whole = stream(7, 0, 1, 0);
    assert_ne!(whole, stream(8, 0, 1, 0));
    for of in [2, 3, 7] {
        let mut shared: Vec<u64> = (0..of).flat_map(|index| stream(7, index, of, 0)).collect();
        let most = (0..of).map(|index| stream(7, index, of, 0).len()).max();
        assert!(most.unwrap_or_default() * of as usize <= shared.len() + 10 * of as usize);
        shared.sort_unstable();
        assert_eq!(shared, whole, "{of} workers");
        // Shared out anew among one less, at moments inside of blocks and at their borders.
        for from_ns in [1, SECOND / 2, 3 * SECOND, 3_200_000_000, 9_999_999_999] {
            let before = (0..of).flat_map(|index| stream(7, index, of, 0));
            let behind = (0..of - 1).flat_map(|index| stream(7, index, of - 1, from_ns));
            let mut both: Vec<u64> = before.filter(|due| *due < from_ns).chain(behind).collect();
            both.sort_unstable();
            assert_eq!(both, whole, "{of} workers, from {from_ns}");
        }
    }
}

#[test]
fn a_poisson_stream_follows_the_curve() {
    let rate = Pattern::Ramp {
        from: 100.0,
        to: 1_900.0,
        over: Duration::from_secs(20),
        curve: RampCurve::Linear,
    };
    let duration = Duration::from_secs(20);
    let mut stream = ArrivalStream::new(&rate, duration, Gaps::Poisson, 3, 0, 1, 0);
    let due = taken(&mut stream);
    let clock = ArrivalClock::new(&rate, duration);
    // On the scale of the integral the gaps of a changing rate are exponential as well.
    let levels: Vec<f64> = due.iter().map(|due_ns| clock.level_at(*due_ns)).collect();
    let gaps = levels.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(is_exponential(gaps.collect()));
}

#[test]
fn the_test_of_chance_itself_tells_even_gaps_from_exponential_ones() {
    assert!(!is_exponential(vec![1.0; 1_000]));
}

fn curve() -> impl Strategy<Value = Pattern> {
    let seconds = |most: u64| (1..most * 10).prop_map(|tenths| Duration::from_millis(tenths * 100));
    let value = || 0.1..400.0_f64;
    let leaf = prop_oneof![
        value().prop_map(Pattern::Constant),
        (value(), value(), seconds(12), prop::bool::ANY).prop_map(|(from, to, over, straight)| {
            Pattern::Ramp {
                from,
                to,
                over,
                curve: if straight {
                    RampCurve::Linear
                } else {
                    RampCurve::Exponential
                },
            }
        }),
        (value(), value(), 1.0..100.0_f64, seconds(3)).prop_map(|(from, to, size, every)| {
            Pattern::Step {
                from,
                to,
                size,
                every,
            }
        }),
        (value(), value(), seconds(5), seconds(5), value()).prop_map(
            |(base, peak, at, length, sustain)| Pattern::Spike {
                base,
                peak,
                at,
                length,
                sustain
            }
        ),
        (value(), value(), seconds(20), 0.0..1.0_f64).prop_map(
            |(base, amplitude, period, phase)| Pattern::Diurnal {
                base,
                amplitude,
                period,
                phase
            }
        ),
    ];
    leaf.prop_recursive(2, 8, 3, move |inner| {
        prop_oneof![
            prop::collection::vec((seconds(4), inner.clone()), 1..4).prop_map(Pattern::Sequence),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Pattern::Sum),
            (inner.clone(), 0.1..3.0_f64)
                .prop_map(|(one, factor)| Pattern::Product(vec![one, Pattern::Constant(factor)])),
            (inner, 0.0..50.0_f64, 50.0..300.0_f64).prop_map(|(one, least, most)| Pattern::Clamp {
                pattern: Box::new(one),
                least,
                most
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn workers_together_have_every_arrival_once_also_when_shared_out_anew(
        rate in curve(), of in 1_u32..5, fewer in 1_u32..4, part in 0.0..1.0_f64,
    ) {
        let seconds = 10;
        let whole = all(&rate, seconds, 0, 1, 0);
        let anew_ns = (part * 10e9) as u64;
        let fewer = fewer.min(of);
        let mut shared: Vec<u64> = (0..of)
            .flat_map(|index| all(&rate, seconds, index, of, 0))
            .filter(|due_ns| *due_ns < anew_ns)
            .chain((0..fewer).flat_map(|index| all(&rate, seconds, index, fewer, anew_ns)))
            .collect();
        shared.sort_unstable();
        prop_assert_eq!(shared, whole);
    }

    #[test]
    fn many_taken_at_once_are_as_many_as_one_by_one(rate in curve(), of in 1_u32..4, parts in prop::collection::vec(0.0..10.0_f64, 1..5)) {
        let stream = || ArrivalStream::new(&rate, Duration::from_secs(10), Gaps::Even, 1, 0, of, 0);
        let (mut at_once, mut due) = (stream(), taken(&mut stream()));
        let mut parts = parts;
        parts.sort_by(f64::total_cmp);
        for part in parts {
            let until_ns = (part * 1e9) as u64;
            let before = due.iter().filter(|due_ns| **due_ns < until_ns).count();
            prop_assert_eq!(at_once.take_until(until_ns), before as u64);
            due.retain(|due_ns| *due_ns >= until_ns);
            prop_assert_eq!(at_once.peek_ns(), due.first().copied());
        }
    }

    #[test]
    fn there_are_as_many_arrivals_as_the_integral_says_in_order(rate in curve()) {
        let due = all(&rate, 10, 0, 1, 0);
        let clock = ArrivalClock::new(&rate, Duration::from_secs(10));
        let total = clock.level_at(10 * SECOND);
        prop_assert!((due.len() as f64 - total).abs() <= 1.0 + 1e-6, "{} of {total}", due.len());
        prop_assert!(due.windows(2).all(|pair| pair[0] <= pair[1]));
        prop_assert!(due.iter().all(|due_ns| *due_ns < 10 * SECOND));
        for (number, due_ns) in due.iter().enumerate() {
            // The inverse of the integral: half a ns of rounding at the rate of that moment.
            let off = clock.level_at(*due_ns) - number as f64;
            prop_assert!(off.abs() < 1e-5, "arrival {number} at level {}", number as f64 + off);
        }
    }
}
