//! In virtual time: queues and freezes give the response times that theory has for them.

use super::*;
use crate::freezes::Stall;
use proptest::prelude::*;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn fixed(delay: Duration) -> EchoConfig {
    EchoConfig {
        delay: DelayLaw::Fixed(delay),
        ..EchoConfig::default()
    }
}

/// Response times in ms, in order, of so many arrivals with these gaps.
fn responses(config: &EchoConfig, count: u64, mut gap: impl FnMut() -> u64) -> Vec<f64> {
    let mut conduct = Conduct::new(config);
    let mut at = SECOND;
    let mut responses: Vec<f64> = (0..count)
        .map(|_| {
            let due = conduct.decide(at, Duration::ZERO).due_ns;
            let response = (due - at) as f64 / MS as f64;
            at += gap();
            response
        })
        .collect();
    responses.sort_by(f64::total_cmp);
    responses
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    sorted[((sorted.len() as f64 * q).ceil() as usize).max(1) - 1]
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Poisson arrivals at 80 a second: load 0.8 where serving one takes 10 ms.
fn poisson_gaps() -> impl FnMut() -> u64 {
    let law = DelayLaw::Exponential {
        mean: Duration::from_micros(12_500),
    };
    let mut chance = ChaCha8Rng::seed_from_u64(7);
    move || law.draw(&mut chance)
}

fn assert_close(what: &str, got: f64, expected: f64, tolerance: f64) {
    assert!(
        (got - expected).abs() <= tolerance * expected,
        "{what}: {got} instead of {expected}"
    );
}

#[test]
fn a_queue_with_fixed_service_is_m_d_1() {
    let config = EchoConfig {
        queue: true,
        ..fixed(ms(10))
    };
    let times = responses(&config, 1_000_000, poisson_gaps());
    // Pollaczek–Khinchine: s·(1 + ρ/(2(1 − ρ))) with s = 10 ms, ρ = 0.8.
    assert_close("mean", mean(&times), 30.0, 0.02);
    assert_close("p99", quantile(&times, 0.99), 114.0, 0.04);
    assert_eq!(times[0], 10.0);
}

#[test]
fn a_queue_with_exponential_service_is_m_m_1() {
    let config = EchoConfig {
        delay: DelayLaw::Exponential { mean: ms(10) },
        queue: true,
        seed: 3,
        ..EchoConfig::default()
    };
    let times = responses(&config, 2_000_000, poisson_gaps());
    // The response time is exponential with mean s/(1 − ρ) = 50 ms: L(q) = −ln(1 − q)·50 ms.
    assert_close("p50", quantile(&times, 0.5), 34.66, 0.03);
    assert_close("p99", quantile(&times, 0.99), 230.3, 0.05);
    assert_close("p99.9", quantile(&times, 0.999), 345.4, 0.08);
}

#[test]
fn one_freeze_of_a_second_in_a_minute_reads_as_the_formula_says() {
    let config = EchoConfig {
        stalls: vec![Stall {
            length: ms(1_000),
            first: Duration::from_secs(30),
            every: None,
        }],
        ..fixed(ms(10))
    };
    let times = responses(&config, 60_000, || MS);
    assert_close("p50", quantile(&times, 0.5), 10.0, 0.0);
    assert_close("p99", quantile(&times, 0.99), 410.0, 0.003);
    assert_close("p99.9", quantile(&times, 0.999), 950.0, 0.002);
    assert_close("max", quantile(&times, 1.0), 1010.0, 0.001);
}

#[test]
fn freezes_that_come_again_begin_where_they_should() {
    let mut freezes = Freezes::new(
        vec![Stall {
            length: ms(200),
            first: Duration::from_secs(5),
            every: Some(Duration::from_secs(10)),
        }],
        None,
    );
    // The first time asked about is where the clock begins.
    let start = 77 * SECOND;
    assert_eq!(freezes.thaw(start), start);
    for lap in [0, 1, 7] {
        let begins = start + 5 * SECOND + lap * 10 * SECOND;
        assert_eq!(freezes.thaw(begins - 1), begins - 1);
        assert_eq!(freezes.thaw(begins), begins + 200 * MS);
        assert_eq!(freezes.thaw(begins + 200 * MS - 1), begins + 200 * MS);
        assert_eq!(freezes.thaw(begins + 200 * MS), begins + 200 * MS);
    }
    // Freezes that touch or overlap are one.
    let stall = |first, length| Stall {
        length: ms(length),
        first: ms(first),
        every: None,
    };
    let mut freezes = Freezes::new(vec![stall(20, 5), stall(10, 10), stall(24, 6)], Some(0));
    assert_eq!(freezes.thaw(12 * MS), 30 * MS);
}

#[test]
fn a_freeze_holds_up_the_whole_queue_and_finishes_what_was_begun() {
    let config = EchoConfig {
        queue: true,
        stall_from: StallFrom::FirstRequest,
        stalls: vec![Stall {
            length: ms(100),
            first: ms(5),
            every: None,
        }],
        ..fixed(ms(10))
    };
    let mut conduct = Conduct::new(&config);
    let mut due = |at_ms: u64| conduct.decide(at_ms * MS, Duration::ZERO).due_ns / MS;
    assert_eq!(due(1_000), 1_010, "begun before the freeze");
    assert_eq!(due(1_001), 1_115, "its turn came during the freeze");
    assert_eq!(due(1_050), 1_125, "arrived during the freeze");
    assert_eq!(due(1_300), 1_310);
}

#[test]
fn shares_of_a_mix_and_of_errors_are_met() {
    let config = EchoConfig {
        delay: DelayLaw::Mix(vec![(0.9, ms(1)), (0.1, ms(50))]),
        error_rate: 0.25,
        ..EchoConfig::default()
    };
    let mut conduct = Conduct::new(&config);
    let fates: Vec<Fate> = (0..100_000)
        .map(|_| conduct.decide(SECOND, Duration::ZERO))
        .collect();
    let long = fates
        .iter()
        .filter(|fate| fate.due_ns == SECOND + 50 * MS)
        .count();
    let fails = fates.iter().filter(|fate| fate.fails).count();
    assert_close("long ones", long as f64, 10_000.0, 0.05);
    assert_close("failures", fails as f64, 25_000.0, 0.03);
    let others = fates
        .iter()
        .filter(|fate| fate.due_ns == SECOND + MS)
        .count();
    assert_eq!(others + long, 100_000);
}

#[test]
fn an_even_delay_stays_in_its_range() {
    let config = EchoConfig {
        delay: DelayLaw::Uniform {
            from: ms(1),
            to: ms(5),
        },
        ..EchoConfig::default()
    };
    let times = responses(&config, 100_000, || MS);
    assert!(times[0] >= 1.0 && *times.last().unwrap() <= 5.0);
    assert_close("mean", mean(&times), 3.0, 0.01);
    assert_close("p25", quantile(&times, 0.25), 2.0, 0.02);
}

#[test]
fn the_same_seed_decides_the_same() {
    let config = |seed| EchoConfig {
        delay: DelayLaw::Exponential { mean: ms(3) },
        seed,
        ..EchoConfig::default()
    };
    let times = |seed| responses(&config(seed), 100, || MS);
    assert_eq!(times(1), times(1));
    assert_ne!(times(1), times(2));
}

proptest! {
    #[test]
    fn k_freezes_give_the_upper_quantiles_of_the_formula(
        freezes in 1_u64..8,
        length_ms in 50_u64..400,
        base_ms in 0_u64..40,
        depth in 0.05_f64..0.95,
    ) {
        let total = Duration::from_secs(20);
        let every = total / u32::try_from(freezes).unwrap();
        let config = EchoConfig {
            stalls: vec![Stall { length: ms(length_ms), first: every / 2, every: Some(every) }],
            ..fixed(ms(base_ms))
        };
        let times = responses(&config, 20_000, || MS);
        // 1 − q as a share of the freezes' own share of time.
        let tail = depth * freezes as f64 * length_ms as f64 / 20_000.0;
        let expected = base_ms as f64 + length_ms as f64 - tail * 20_000.0 / freezes as f64;
        let got = quantile(&times, 1.0 - tail);
        prop_assert!((got - expected).abs() <= 2.0, "{got} instead of {expected}");
    }
}
