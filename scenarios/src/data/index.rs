//! Where the rows of a data file begin. Neighbours: `csv_rows.rs` and `json_rows.rs` say where one ends, `file.rs` reads them.
//! Invariant: every row that is counted begins at a byte that `find` gives.

use super::{DataFormat, csv_rows, json_rows};
use memchr::memchr_iter;

/// Every how many rows a place is kept: a byte a row, and some 8 rows to pass over to read one.
const EVERY: u64 = 16;

/// A quote that nothing closes: where it stands.
#[derive(Debug)]
pub(super) struct OpenQuote(pub(super) usize);

/// Where every 16th row begins.
#[derive(Debug)]
pub(super) struct RowIndex {
    marks: Vec<Mark>,
    rows: u64,
}

#[derive(Debug)]
struct Mark {
    /// The row's first byte.
    at: usize,
    /// Its line, counted from 1.
    line: u64,
}

impl RowIndex {
    /// Finds all rows from the byte `from` on.
    pub(super) fn build(
        bytes: &[u8],
        from: usize,
        format: DataFormat,
    ) -> Result<RowIndex, OpenQuote> {
        // A loop of its own for each format: a choice per row costs a tenth of the time.
        match format {
            DataFormat::Csv { separator } => build_with(bytes, from, csv_rows::next, |at| {
                csv_rows::end(bytes, at, separator)
            }),
            DataFormat::JsonLines => build_with(bytes, from, json_rows::next, |at| {
                Ok(json_rows::end(bytes, at))
            }),
        }
    }

    /// How many there are.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The first byte of a row; `None` when it is not there, because there are fewer or the file has changed.
    pub(super) fn find(&self, bytes: &[u8], row: u64, format: DataFormat) -> Option<usize> {
        let mut at = self.mark(row)?.at;
        for _ in 0..row % EVERY {
            at = match format {
                DataFormat::Csv { separator } => {
                    csv_rows::next(bytes, csv_rows::end(bytes, at, separator).ok()?)
                }
                DataFormat::JsonLines => json_rows::next(bytes, json_rows::end(bytes, at)),
            };
        }
        (at < bytes.len()).then_some(at)
    }

    /// The line of a row that begins at `at`, counted from 1.
    pub(super) fn line(&self, bytes: &[u8], row: u64, at: usize) -> u64 {
        self.mark(row).map_or(0, |mark| {
            mark.line + line_breaks(bytes.get(mark.at..at).unwrap_or_default())
        })
    }

    fn mark(&self, row: u64) -> Option<&Mark> {
        self.marks.get(usize::try_from(row / EVERY).ok()?)
    }
}

/// As `RowIndex::build`: `next` passes over what is between rows, `end` gives the end of the row that begins at a byte.
fn build_with(
    bytes: &[u8],
    from: usize,
    next: impl Fn(&[u8], usize) -> usize,
    end: impl Fn(usize) -> Result<usize, OpenQuote>,
) -> Result<RowIndex, OpenQuote> {
    let (mut marks, mut rows) = (Vec::new(), 0);
    let (mut line, mut lines_until) = (1, 0);
    let mut at = next(bytes, from);
    while at < bytes.len() {
        if rows % EVERY == 0 {
            // Once for many rows, while their bytes are still in the cache.
            line += line_breaks(&bytes[lines_until..at]);
            lines_until = at;
            marks.push(Mark { at, line });
        }
        rows += 1;
        at = next(bytes, end(at)?);
    }
    Ok(RowIndex { marks, rows })
}

/// How many lines end in these bytes.
pub(super) fn line_breaks(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}
