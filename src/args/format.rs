//! `--format`: the reports there are, as words of a list. Neighbours: `args.rs` has the flag of `run` and `report`, `intent.rs` reads
//! the words. Invariant: blanks around a word mean nothing, as in `--format "html, json"`.

use clap::{
    Arg, Command, Error, ValueEnum,
    builder::{EnumValueParser, PossibleValue, TypedValueParser},
};
use std::ffi::OsStr;

/// The report formats, as words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatWord {
    /// report.html: one file that opens with no network
    Html,
    /// summary.json: every figure, for programs
    Json,
    /// series.csv: one row a second
    Csv,
    /// report.pdf: a few pages for paper
    Pdf,
    /// junit.xml: thresholds and verdict as test cases, for CI servers
    Junit,
    /// latency.hlog: latencies over time, for HdrHistogram's own tools
    Hlog,
}

/// Reads a word without the blanks around it.
#[derive(Clone, Copy, Debug)]
pub struct FormatParser;

impl TypedValueParser for FormatParser {
    type Value = FormatWord;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<FormatWord, Error> {
        let word = value.to_str().map_or(value, |word| OsStr::new(word.trim()));
        EnumValueParser::<FormatWord>::new().parse_ref(command, arg, word)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let words = FormatWord::value_variants().iter();
        Some(Box::new(words.filter_map(ValueEnum::to_possible_value)))
    }
}
