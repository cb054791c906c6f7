//! Good files with random damage: they are read or refused with places and remedies, never with a panic.

use super::{super::Problems, parse_here};
use proptest::prelude::*;

const GOOD: &str = include_str!("../../../examples/shop.toml");

/// Pieces that mean something to the reader or to TOML.
const PIECES: &[&str] = &[
    "\"",
    "'''",
    "[",
    "]]",
    "{",
    "}",
    "=",
    ".",
    "\n",
    "\r\n",
    "\t",
    "#",
    "${",
    "${X}",
    "$${",
    "{{",
    "0",
    "-1",
    "99999999999999999999",
    "1e999",
    "nan",
    "true",
    "1979-05-27",
    "\"\"",
    "[]",
    "{}",
    "é",
    "\u{1f600}",
    "\u{feff}",
    "\0",
    "\u{1b}",
    "[[task]]",
    "[load]",
    "weight = 0",
    "get",
    "http://",
    "..",
    "xx",
    "-5s",
];

fn check(text: &str) -> Result<(), TestCaseError> {
    if let Err(Problems(problems)) = parse_here(text) {
        prop_assert!(!problems.is_empty());
        for problem in &problems {
            prop_assert!(
                problem.line >= 1 && problem.column >= 1 && problem.width >= 1,
                "{problem}"
            );
            prop_assert!(problem.line <= text.split('\n').count(), "{problem}");
            prop_assert!(!problem.remedy.is_empty(), "{problem}");
            let escape = char::from(0x1b);
            prop_assert!(
                !problem.to_string().contains(escape),
                "an escape sequence reaches the terminal"
            );
        }
    }
    Ok(())
}

/// The nearest character boundary at or before a share of the text.
fn position(text: &str, share: f64) -> usize {
    let at = (text.len() as f64 * share) as usize;
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_never_brings_the_reader_down(
        damages in prop::collection::vec((0.0..1.0f64, 0usize..40, prop::sample::select(PIECES)), 1..6),
    ) {
        let mut text = GOOD.to_owned();
        for (share, cut, piece) in damages {
            let from = position(&text, share);
            let to = (from..=(from + cut).min(text.len())).rev().find(|at| text.is_char_boundary(*at));
            text.replace_range(from..to.unwrap_or(from), piece);
        }
        check(&text)?;
    }

    #[test]
    fn pieces_in_any_order_never_bring_the_reader_down(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..30),
    ) {
        check(&pieces.concat())?;
    }
}
