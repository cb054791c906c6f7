//! Rows of CSV (RFC 4180, and what programs really write): where one ends, and what its fields are. Neighbours: `index.rs` asks
//! for ends, `file.rs` for fields. Invariant: both halves agree on where a row ends; property tests hold them
//! against the crate `csv`. Not by `csv-core`: its parsers cannot be cloned, so that each user would have to keep one.

use super::{RowFault, index::OpenQuote, row::Row};
use memchr::{memchr, memchr3};

/// The first byte of the next row: empty lines are none.
pub(super) fn next(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// The end of the row that begins at `start`: its line break, or the end of the file. As RFC 4180 has it, a quote opens a field
/// at its very beginning only; anywhere else it is text.
pub(super) fn end(bytes: &[u8], start: usize, separator: u8) -> Result<usize, OpenQuote> {
    let mut field = start;
    loop {
        let mut at = field;
        if bytes.get(field) == Some(&b'"') {
            at = end_of_quoted(bytes, field)?;
            // Nearly always the field ends here: two searches a field would double the time of a file of quotes.
            match bytes.get(at) {
                None | Some(b'\r' | b'\n') => return Ok(at),
                Some(next) if *next == separator => {
                    field = at + 1;
                    continue;
                }
                Some(_) => {}
            }
        }
        field = loop {
            let Some(length) = memchr3(b'"', b'\n', b'\r', &bytes[at..]) else {
                return Ok(bytes.len());
            };
            let found = at + length;
            if bytes[found] != b'"' {
                return Ok(found);
            }
            if found > start && bytes[found - 1] == separator {
                break found;
            }
            at = found + 1;
        };
    }
}

/// The byte behind the quoted part that begins at `open`; two quotes in a row are a quote of the text.
fn end_of_quoted(bytes: &[u8], open: usize) -> Result<usize, OpenQuote> {
    let mut at = open + 1;
    loop {
        let close = at + memchr(b'"', &bytes[at..]).ok_or(OpenQuote(open))?;
        if bytes.get(close + 1) != Some(&b'"') {
            return Ok(close + 1);
        }
        at = close + 2;
    }
}

/// Reads the row at the beginning of `bytes`, of at most so many fields. Copies before it looks, see `mapped.rs`.
pub(super) fn read(
    bytes: &[u8],
    separator: u8,
    most_fields: usize,
    row: &mut Row,
) -> Result<(), RowFault> {
    row.clear();
    let mut text = std::mem::take(&mut row.text).into_bytes();
    let mut at = 0;
    loop {
        row.starts.push(text.len());
        at = push_field(bytes, at, separator, &mut text);
        row.ends.push(text.len());
        if bytes.get(at) != Some(&separator) {
            break;
        }
        if row.ends.len() == most_fields {
            return Err(RowFault::TooManyFields { names: most_fields });
        }
        at += 1;
    }
    row.text = String::from_utf8(text).map_err(|_| RowFault::NotUtf8)?;
    // Halves of a character in two fields are no text, whatever they are together.
    match row.ends.iter().all(|end| row.text.is_char_boundary(*end)) {
        true => Ok(()),
        false => Err(RowFault::NotUtf8),
    }
}

/// Puts the field that begins at `at` behind the text; gives the place of the separator or line break that ends it.
fn push_field(bytes: &[u8], at: usize, separator: u8, text: &mut Vec<u8>) -> usize {
    let mut from = at;
    if bytes.get(at) == Some(&b'"') {
        from += 1;
        // What closes no more, in a file that was changed, goes on to the end.
        while let Some(length) = memchr(b'"', &bytes[from..]) {
            let close = from + length;
            text.extend_from_slice(&bytes[from..close]);
            from = close + 1;
            if bytes.get(from) != Some(&b'"') {
                break;
            }
            text.push(b'"');
            from += 1;
        }
    }
    let length = memchr3(separator, b'\n', b'\r', &bytes[from..]);
    let end = length.map_or(bytes.len(), |length| from + length);
    text.extend_from_slice(&bytes[from..end]);
    end
}
