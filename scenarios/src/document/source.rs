//! The text of a scenario file, and places in it. Neighbours: `reader.rs` asks for places, `problem.rs` shows them.

use super::problem::Place;
use std::ops::Range;

/// A scenario file's text under its name.
pub(super) struct Source<'t> {
    file: &'t str,
    text: &'t str,
    /// Where each line begins, in bytes.
    line_starts: Vec<usize>,
}

impl<'t> Source<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Source<'t> {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0)
            .chain(breaks.map(|(at, _)| at + 1))
            .collect();
        Source {
            file,
            text,
            line_starts,
        }
    }

    /// The line of a byte, counted from 1; the end of the text belongs to the last line.
    pub(super) fn line(&self, byte: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= byte)
    }

    /// The place of a span of bytes; of a span over several lines only the first line is marked.
    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        // A parser's span may lie past the end or inside a character: never slice blindly.
        let start = floor_boundary(self.text, span.start);
        let line = self.line(start);
        let line_start = self.line_starts[line - 1];
        let source_line = self.text[line_start..].lines().next().unwrap_or("");
        let line_end = line_start + source_line.len();
        let end = floor_boundary(self.text, span.end).clamp(start, line_end.max(start));
        Place {
            file: self.file.to_owned(),
            line,
            column: self.text[line_start..start].chars().count() + 1,
            width: self.text[start..end].chars().count().max(1),
            source_line: source_line.to_owned(),
        }
    }
}

/// The last character boundary at or before `at`.
fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_and_survives_any_span() {
        let source = Source::new("a.toml", "x = 1\ré = \"ü\"\r\nlast");
        let place = source.place(&(0..1));
        assert_eq!((place.line, place.column, place.width), (1, 1, 1));
        let source = Source::new("a.toml", "x = 1\né = \"ü\"\r\nlast");
        let place = source.place(&(11..15));
        assert_eq!((place.line, place.column, place.width), (2, 5, 3));
        assert_eq!(place.source_line, "é = \"ü\"");
        // Inside a character, over several lines, past the end.
        for span in [7..8, 0..99, 99..200, 20..20] {
            assert!(source.place(&span).width >= 1);
        }
    }
}
