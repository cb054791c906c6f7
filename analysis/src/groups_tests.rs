//! Groups: counted by themselves, added up without an average, bounded.

use super::*;
use crate::sample::grouped;

#[test]
fn a_group_takes_from_its_begin_to_its_end() {
    let mut groups = Groups::default();
    let row = groups.row("checkout");
    for (took_us, failed) in [(1_000, false), (2_000, false), (9_000, true)] {
        groups.add_record(&grouped(500, took_us, failed), row);
    }
    // A clock that went back is no latency of centuries.
    let backwards = RequestRecord {
        intended_ns: 10,
        ..RequestRecord::default()
    };
    groups.add_record(&backwards, row);
    let [checkout] = groups.summaries(2.0).try_into().unwrap();
    assert_eq!(
        (checkout.count, checkout.failed, checkout.rate_mean),
        (4, 1, 2.0)
    );
    assert!((checkout.latency_ms.max - 9.0).abs() < 0.01, "{checkout:?}");
    assert!(checkout.latency_ms.min < 0.001, "{checkout:?}");
}

#[test]
fn windows_of_several_workers_add_up_by_name() {
    let (mut one, mut other, mut whole) = (Groups::default(), Groups::default(), Groups::default());
    for number in 0..40 {
        let record = grouped(0, 100 * (number + 1), number % 10 == 0);
        for groups in [
            if number % 2 == 0 {
                &mut one
            } else {
                &mut other
            },
            &mut whole,
        ] {
            let name = if number % 3 == 0 {
                "log in"
            } else {
                "checkout"
            };
            let row = groups.row(name);
            groups.add_record(&record, row);
        }
    }
    let mut sum = Groups::default();
    for window in other.close().iter().chain(&one.close()) {
        sum.add(window);
    }
    assert_eq!(sum.summaries(1.0), whole.summaries(1.0));
    assert_eq!(sum.summaries(1.0)[0].name, "checkout");
    assert!(one.close().is_empty(), "a closed window begins anew");
}

#[test]
fn names_without_end_are_counted_together_and_none_is_dropped() {
    let mut groups = Groups::default();
    for number in 0..500 {
        let row = groups.row(&format!("group {number}"));
        groups.add_record(&grouped(0, 1, false), row);
    }
    let summaries = groups.summaries(1.0);
    assert_eq!(summaries.len(), MAX_GROUPS + 1);
    assert_eq!(
        (summaries[0].name.as_str(), summaries[0].count),
        (OTHER_ENDPOINT, 450)
    );
    assert_eq!(summaries.iter().map(|group| group.count).sum::<u64>(), 500);
}
