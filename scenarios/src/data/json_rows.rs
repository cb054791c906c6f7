//! Rows of JSON lines: an object a line. Neighbours: `index.rs` asks for ends, `file.rs` for columns and fields.
//! Invariant: a row holds exactly one text for each column, whatever the order of its keys.

use super::{RowFault, row::Row};
use memchr::memchr;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{fmt, str};

/// The first byte of the next row: blank lines are none.
pub(super) fn next(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// The end of the row that begins at `start`. JSON has no line break inside a string, so every one ends a row.
pub(super) fn end(bytes: &[u8], start: usize) -> usize {
    memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |found| start + found)
}

/// The keys of an object, in their order.
pub(super) fn columns(line: &[u8]) -> Result<Vec<String>, RowFault> {
    struct Keys;
    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let mut keys = Vec::new();
            while let Some(key) = map.next_key()? {
                keys.push(key);
                map.next_value::<IgnoredAny>()?;
            }
            Ok(keys)
        }
    }
    let text = str::from_utf8(line).map_err(|_| RowFault::NotUtf8)?;
    visit(text, Keys)
}

/// Reads an object: a string is its text, all else its JSON. Keys that are no columns are passed over. Copies before it looks,
/// see `mapped.rs`.
pub(super) fn read(line: &[u8], columns: &[String], row: &mut Row) -> Result<(), RowFault> {
    row.clear();
    row.starts.resize(columns.len(), NOT_YET);
    row.ends.resize(columns.len(), NOT_YET);
    let mut raw = std::mem::take(&mut row.raw);
    raw.clear();
    raw.extend_from_slice(line);
    let done = match str::from_utf8(&raw) {
        Ok(text) => visit(text, Fields { columns, row }).and_then(|done| done),
        Err(_) => Err(RowFault::NotUtf8),
    };
    row.raw = raw;
    done?;
    match row.starts.iter().position(|start| *start == NOT_YET) {
        Some(missing) => Err(RowFault::Lacks(columns[missing].clone())),
        None => Ok(()),
    }
}

/// The place of a column that no key has named so far.
const NOT_YET: usize = usize::MAX;

fn visit<'t, V: Visitor<'t>>(text: &'t str, visitor: V) -> Result<V::Value, RowFault> {
    let mut json = serde_json::Deserializer::from_str(text);
    let visited = json.deserialize_map(visitor);
    visited
        .and_then(|value| json.end().map(|()| value))
        .map_err(|error| fault(&error))
}

fn fault(error: &serde_json::Error) -> RowFault {
    if error.is_data() {
        return RowFault::NotAnObject;
    }
    // Its line is always the first: only the column tells anything.
    let text = error.to_string();
    let what = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(what, _)| what);
    RowFault::NotJson {
        what: what.to_owned(),
        column: error.column(),
    }
}

/// Puts the values of an object into a row.
struct Fields<'r> {
    columns: &'r [String],
    row: &'r mut Row,
}

impl<'de> Visitor<'de> for Fields<'_> {
    /// What is wrong with the row beside its JSON.
    type Value = Result<(), RowFault>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Fields { columns, row } = self;
        let (mut expected, mut done) = (0, Ok(()));
        while let Some(column) = map.next_key_seed(Column { columns, expected })? {
            let Some(column) = column else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            expected = column + 1;
            let value: &RawValue = map.next_value()?;
            if row.starts[column] != NOT_YET {
                done = done.and(Err(RowFault::Twice(columns[column].clone())));
            }
            row.starts[column] = row.text.len();
            done = done.and(push(value.get(), &mut row.text));
            row.ends[column] = row.text.len();
        }
        Ok(done)
    }
}

/// A value's text behind what is there.
fn push(json: &str, text: &mut String) -> Result<(), RowFault> {
    let inner = json
        .strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'));
    match inner {
        None => text.push_str(json),
        Some(plain) if memchr(b'\\', plain.as_bytes()).is_none() => text.push_str(plain),
        Some(_) => {
            let unescaped: String = serde_json::from_str(json).map_err(|error| fault(&error))?;
            text.push_str(&unescaped);
        }
    }
    Ok(())
}

/// Finds the number of the column that a key names; the one that stood next in the first row is tried first.
struct Column<'r> {
    columns: &'r [String],
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for Column<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Column<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<usize>, E> {
        if self
            .columns
            .get(self.expected)
            .is_some_and(|name| name == key)
        {
            return Ok(Some(self.expected));
        }
        Ok(self.columns.iter().position(|name| name == key))
    }
}
