//! Steered curves: values, integrals and times of arrivals on both sides of each border.

use super::*;
use crate::{ArrivalClock, ArrivalStream, Gaps, RampCurve};
use proptest::prelude::*;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

fn ramp() -> Pattern {
    Pattern::Ramp {
        from: 0.0,
        to: 10.0,
        over: Duration::from_secs(10),
        curve: RampCurve::Linear,
    }
}

#[test]
fn a_held_curve_is_constant_and_goes_back_to_the_plan_of_that_time() {
    let mut course = SteeredCourse::new(&ramp(), Duration::from_secs(10));
    course.steer(2 * SECOND, Level::Held(7.0));
    course.steer(5 * SECOND, Level::Held(0.0));
    course.steer(8 * SECOND, Level::Planned);
    let values = [1, 2, 4, 5, 7, 8, 9].map(|at| course.value_at(at * SECOND));
    assert_eq!(values, [1.0, 7.0, 7.0, 0.0, 0.0, 8.0, 9.0]);
    // 2 until 2 s, 21 until 5 s, nothing until 8 s, then 50 - 32.
    let levels = [2, 5, 8, 10, 20].map(|at| course.level_at(at * SECOND));
    let expected = [2.0, 23.0, 23.0, 41.0, 41.0];
    for (level, expected) in levels.into_iter().zip(expected) {
        assert!((level - expected).abs() < 1e-9, "{levels:?}");
    }
}

#[test]
fn a_change_is_told_at_a_border_and_where_the_plan_changes() {
    let mut course = SteeredCourse::new(&ramp(), Duration::from_secs(10));
    course.steer(700 * MS, Level::Held(3.0));
    course.steer(5 * SECOND, Level::Planned);
    let first = course.next_change_ns(0).unwrap();
    assert!(first.abs_diff(500 * MS) < 10, "{first}");
    assert_eq!(course.next_change_ns(first), Some(700 * MS));
    assert_eq!(course.next_change_ns(700 * MS), Some(5 * SECOND));
    let later = course.next_change_ns(5 * SECOND).unwrap();
    assert!(later.abs_diff(5_500 * MS) < 10, "{later}");
    assert_eq!(course.next_change_ns(9_600 * MS), None);
}

#[test]
fn arrivals_go_on_in_step_over_a_border_and_stop_in_a_pause() {
    let mut course = SteeredCourse::new(&Pattern::Constant(10.0), Duration::from_secs(4));
    // A half of the gap has passed at 1.05 s, and the other half is a quarter as long.
    course.steer(1_050 * MS, Level::Held(40.0));
    course.steer(2 * SECOND, Level::Held(0.0));
    course.steer(3 * SECOND, Level::Planned);
    let clock = ArrivalClock::of(Arc::new(course));
    let mut stream = ArrivalStream::on(clock, Gaps::Even, 1, 0, 1, 0);
    let due: Vec<u64> = std::iter::from_fn(|| {
        let due_ns = stream.peek_ns()?;
        stream.take();
        Some(due_ns / MS)
    })
    .collect();
    let before = (0..=10).map(|number| number * 100);
    // The first at 1,062.5 ms; 38 until the pause.
    let fast = (0..38).map(|number| (1_062_500 + number * 25_000) / 1_000);
    let expected: Vec<u64> = before.chain(fast).collect();
    assert_eq!(due[..49], expected);
    assert_eq!(due.len(), 11 + 38 + 10);
    // Half a gap was left when it stopped.
    assert!(due[49].abs_diff(3_050) <= 1, "{}", due[49]);
}

#[derive(Clone, Copy, Debug)]
struct Border {
    at_ns: u64,
    level: Level,
}

fn borders() -> impl Strategy<Value = Vec<Border>> {
    let level = prop_oneof![
        Just(Level::Planned),
        Just(Level::Held(0.0)),
        (0.01..3_000.0).prop_map(Level::Held),
    ];
    let border = (0..5 * SECOND, level).prop_map(|(at_ns, level)| Border { at_ns, level });
    prop::collection::vec(border, 1..6).prop_map(|mut borders| {
        borders.sort_by_key(|border| border.at_ns);
        borders
    })
}

fn plans() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        (0.0..2_000.0).prop_map(Pattern::Constant),
        (0.0..2_000.0, 0.0..2_000.0).prop_map(|(from, to)| Pattern::Ramp {
            from,
            to,
            over: Duration::from_secs(3),
            curve: RampCurve::Linear,
        }),
        (0.1..500.0, 0.1..2_000.0).prop_map(|(from, to)| Pattern::Ramp {
            from,
            to,
            over: Duration::from_secs(4),
            curve: RampCurve::Exponential,
        }),
        (1.0..500.0, 1.0..900.0).prop_map(|(base, amplitude)| Pattern::Diurnal {
            base,
            amplitude,
            period: Duration::from_secs(2),
            phase: 0.3,
        }),
    ]
}

fn all_due(course: &SteeredCourse, gaps: Gaps) -> Vec<u64> {
    let clock = ArrivalClock::of(Arc::new(course.clone()));
    let mut stream = ArrivalStream::on(clock, gaps, 5, 0, 1, 0);
    std::iter::from_fn(|| {
        let due_ns = stream.peek_ns()?;
        stream.take();
        Some(due_ns)
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_due_before_a_border_is_the_same_without_it(plan in plans(), borders in borders()) {
        for gaps in [Gaps::Even, Gaps::Poisson] {
            let mut course = SteeredCourse::new(&plan, Duration::from_secs(5));
            let mut before = all_due(&course, gaps);
            for border in &borders {
                course.steer(border.at_ns, border.level);
                let after = all_due(&course, gaps);
                let early = |due: &[u64]| due.iter().take_while(|due| **due < border.at_ns).copied().collect::<Vec<_>>();
                prop_assert_eq!(early(&before), early(&after));
                before = after;
            }
        }
    }

    #[test]
    fn a_border_next_to_an_arrival_leaves_it_on_its_side(plan in plans(), held in 0.0..3_000.0, number in 0_usize..10_000, is_pause: bool) {
        for gaps in [Gaps::Even, Gaps::Poisson] {
            let planned = SteeredCourse::new(&plan, Duration::from_secs(5));
            let before = all_due(&planned, gaps);
            prop_assume!(!before.is_empty());
            let due_ns = before[number % before.len()];
            for at_ns in [due_ns.saturating_sub(1), due_ns, due_ns + 1] {
                let mut course = planned.clone();
                let level = if is_pause { 0.0 } else { held };
                course.steer(at_ns, Level::Held(level));
                let after = all_due(&course, gaps);
                let early = |due: &[u64]| due.iter().filter(|due| **due < at_ns).count();
                prop_assert_eq!(early(&before), early(&after));
                prop_assert!(!is_pause || after.len() == early(&after), "nothing is due in a pause");
                // None is left out: what comes behind the border has the numbers that follow.
                course.steer(at_ns + 1_000, Level::Planned);
                let back = all_due(&course, gaps);
                prop_assert!(before.len().abs_diff(back.len()) <= 1 + (level / 1e6) as usize + 2);
            }
        }
    }

    #[test]
    fn even_arrivals_are_as_many_as_the_integral_says_at_every_border(plan in plans(), borders in borders()) {
        let mut course = SteeredCourse::new(&plan, Duration::from_secs(5));
        borders.iter().for_each(|border| course.steer(border.at_ns, border.level));
        let due = all_due(&course, Gaps::Even);
        prop_assert!(due.is_sorted());
        let ends = borders.iter().map(|border| border.at_ns).chain([5 * SECOND]);
        for at_ns in ends {
            let count = due.iter().filter(|due| **due < at_ns).count() as f64;
            let level = course.level_at(at_ns);
            prop_assert!((count - level).abs() <= 1.001, "{} arrivals, integral {} at {}", count, level, at_ns);
        }
    }
}
