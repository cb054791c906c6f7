//! A course against the pattern it was cut from: the same values, the integral of a fine sum, every change found.

use super::*;
use proptest::prelude::*;

fn sum_of(pattern: &Pattern, until_s: f64) -> f64 {
    const PARTS: usize = 200_000;
    let step = until_s / PARTS as f64;
    (0..PARTS)
        .map(|part| pattern.target_at(Duration::from_secs_f64((part as f64 + 0.5) * step)) * step)
        .sum()
}

fn check_integral(pattern: &Pattern, seconds: f64) {
    let course = Course::new(pattern, Duration::from_secs_f64(seconds));
    for part in [0.3, 0.77, 1.0] {
        let until = seconds * part;
        let (exact, summed) = (course.level_at(until), sum_of(pattern, until));
        // The sum is off by a step's width at each jump.
        let close = (exact - summed).abs() <= 1e-4 * (1.0 + pattern.peak() * seconds);
        assert!(close, "{pattern:?} up to {until}: {exact} against {summed}");
    }
}

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn day() -> Pattern {
    Pattern::Diurnal {
        base: 40.0,
        amplitude: 100.0,
        period: secs(8.0),
        phase: 0.75,
    }
}

fn growth() -> Pattern {
    Pattern::Ramp {
        from: 1.0,
        to: 300.0,
        over: secs(15.0),
        curve: RampCurve::Exponential,
    }
}

#[test]
fn integrals_of_all_kinds_of_curves_are_those_of_a_fine_sum() {
    let step = Pattern::Step {
        from: 90.0,
        to: 10.0,
        size: 25.0,
        every: secs(2.5),
    };
    let points = Pattern::Points(vec![
        (secs(1.0), 5.0),
        (secs(4.0), 50.0),
        (secs(4.0), 20.0),
        (secs(9.0), 0.0),
    ]);
    let products = Pattern::Product(vec![day(), growth()]);
    let held = Pattern::Clamp {
        pattern: Box::new(products.clone()),
        least: 10.0,
        most: 4_000.0,
    };
    let sequence = Pattern::Sequence(vec![(secs(3.0), step.clone()), (secs(4.0), day())]);
    let sum = Pattern::Sum(vec![growth(), points.clone(), Pattern::Constant(3.0)]);
    for pattern in [day(), growth(), step, points, products, held, sequence, sum] {
        check_integral(&pattern, 20.0);
    }
}

#[test]
fn closed_forms_are_exact() {
    let course = Course::new(&growth(), secs(15.0));
    let exact = 299.0 * 15.0 / 300.0_f64.ln();
    assert!(
        (course.total() / exact - 1.0).abs() < 1e-12,
        "{}",
        course.total()
    );
    let wave = Pattern::Diurnal {
        base: 50.0,
        amplitude: 50.0,
        period: secs(60.0),
        phase: 0.25,
    };
    assert!((Course::new(&wave, secs(600.0)).total() / 30_000.0 - 1.0).abs() < 1e-12);
}

#[test]
fn a_product_is_integrated_to_nine_digits() {
    // ∫ (1 + t) (1 + t) over 0..20, by ramps that are their own lines.
    let line = Pattern::Ramp {
        from: 1.0,
        to: 21.0,
        over: secs(20.0),
        curve: RampCurve::Linear,
    };
    let course = Course::new(&Pattern::Product(vec![line.clone(), line]), secs(20.0));
    let exact = (21.0_f64.powi(3) - 1.0) / 3.0;
    assert!(
        (course.total() / exact - 1.0).abs() < 1e-9,
        "{}",
        course.total()
    );
}

#[test]
fn the_end_of_a_constant_hour_is_found_at_once() {
    let long = Pattern::Sequence(vec![
        (secs(360_000.0), Pattern::Constant(5.0)),
        (secs(1.0), Pattern::Constant(6.0)),
    ]);
    let course = Course::new(&long, secs(400_000.0));
    assert_eq!(course.next_change(1.0), Some(360_000.0));
    assert_eq!(course.next_change(360_000.0), None);
}

#[test]
fn a_wave_that_only_touches_a_half_changes_nothing() {
    let wave = Pattern::Diurnal {
        base: 10.0,
        amplitude: 0.499_999,
        period: secs(1.0),
        phase: 0.0,
    };
    assert_eq!(Course::new(&wave, secs(100.0)).next_change(0.0), None);
}

/// Every change that a look each ms finds is found, at its time.
fn check_changes(pattern: &Pattern, seconds: f64) {
    let course = Course::new(pattern, secs(seconds));
    let rounded = |t: f64| pattern.target_at(secs(t)).round();
    let mut at = 0.0;
    let mut changes = 0;
    while let Some(next) = course.next_change(at) {
        assert!(next > at, "{next} after {at}");
        assert_ne!(
            rounded(next),
            rounded(at),
            "nothing changed at {next} of {pattern:?}"
        );
        let looks = ((next - at) / 1e-3) as usize;
        for look in 0..looks.min(2_000) {
            let t = at + (next - at - 1e-6) * look as f64 / looks as f64;
            assert_eq!(
                rounded(t),
                rounded(at),
                "missed at {t}, {at} to {next}: {pattern:?}"
            );
        }
        at = next;
        changes += 1;
        assert!(changes < 100_000, "it ends");
    }
    assert_eq!(
        rounded(seconds - 1e-6),
        rounded(at),
        "missed after {at}: {pattern:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn changes_of_a_wave_and_a_ramp_are_found(
        base in 0.0..20.0_f64, amplitude in 0.1..30.0_f64, period in 0.5..9.0_f64, phase in 0.0..1.0_f64,
        from in 0.5..20.0_f64, to in 0.5..20.0_f64, exponential in prop::bool::ANY,
    ) {
        let wave = Pattern::Diurnal { base, amplitude, period: secs(period), phase };
        let curve = if exponential { RampCurve::Exponential } else { RampCurve::Linear };
        let ramp = Pattern::Ramp { from, to, over: secs(3.0), curve };
        check_changes(&wave, 6.0);
        check_changes(&ramp, 6.0);
        check_changes(&Pattern::Sum(vec![wave.clone(), ramp.clone()]), 6.0);
        check_integral(&Pattern::Product(vec![wave, ramp]), 6.0);
    }

    #[test]
    fn values_stay_within_bounds_and_smooth_curves_make_no_jump(
        base in 0.0..500.0_f64, amplitude in 0.0..500.0_f64, period in 0.5..90.0_f64, phase in 0.0..1.0_f64,
        from in 0.5..500.0_f64, to in 0.5..500.0_f64, over in 0.5..60.0_f64, at in 0.0..90.0_f64,
    ) {
        let wave = Pattern::Diurnal { base, amplitude, period: secs(period), phase };
        let ramp = |curve| Pattern::Ramp { from, to, over: secs(over), curve };
        let points = Pattern::Points(vec![(secs(1.0), from), (secs(1.0 + over), to)]);
        // The steepest each can be, a second.
        let growth = (to / from).ln().abs() / over * from.max(to);
        let straight = (to - from).abs() / over;
        for (pattern, steepest) in [
            (wave, TAU * amplitude / period),
            (ramp(RampCurve::Linear), straight),
            (ramp(RampCurve::Exponential), growth),
            (points, straight),
        ] {
            let (one, next) = (pattern.target_at(secs(at)), pattern.target_at(secs(at + 1e-3)));
            prop_assert!((next - one).abs() <= steepest * 1e-3 * 1.01 + 1e-6, "{pattern:?} at {at}");
            prop_assert!(one >= 0.0 && one <= pattern.peak() * (1.0 + 1e-12), "{pattern:?}: {one}");
            let held = Pattern::Clamp { pattern: Box::new(pattern.clone()), least: 3.0, most: 90.0 };
            prop_assert!((3.0..=90.0).contains(&held.target_at(secs(at))));
            let twice = Pattern::Sum(vec![pattern.clone(), pattern]);
            prop_assert!((twice.target_at(secs(at)) - 2.0 * one).abs() < 1e-9);
        }
    }
}
