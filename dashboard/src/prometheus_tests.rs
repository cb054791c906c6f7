//! Tests of `prometheus.rs`. Invariant: the golden text is what a scraper reads; its names are a contract.

use super::*;
use crate::sample;
use loadforge_analysis::RunFold;

#[test]
fn the_names_of_the_metrics_are_a_contract() {
    let mut fold = RunFold::default();
    for number in 1..=3 {
        fold.add(&sample::second(number));
    }
    let summary = fold.so_far(&sample::run_info());
    let last = Second::of(&sample::second(3));
    insta::assert_snapshot!(text("shop", State::Running, Some(&summary), Some(&last)));
}

#[test]
fn before_the_first_second_there_is_little_to_say() {
    let text = text("a \"b\"\\\nc", State::Starting, None, None);
    assert_eq!(text.lines().count(), 3);
    assert!(text.ends_with("loadforge_run_finished{run=\"a \\\"b\\\"\\\\\\nc\"} 0\n"));
}
