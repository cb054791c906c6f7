//! Doors for fuzz targets to readers that are no part of this crate's face. Neighbours: `fuzz/` calls them, and so does a test with
//! damaged texts. Invariant: each takes whatever comes and gives nothing back; that it returns is all that counts.

use crate::{
    JsonPath,
    data::{DataFile, DataFormat, Row},
    document,
    template::{Condition, Encoding, Names, Template},
};
use std::path::Path;

/// A scenario file.
pub fn document(text: &str) {
    let env = |name: &str| (name == "TOKEN").then(|| "value".to_owned());
    if let Err(problems) = document::parse("fuzz.toml", text, &env, Path::new("/nonexistent")) {
        assert!(!problems.to_string().is_empty());
    }
}

/// A text with `{{ … }}`, and a condition.
pub fn template(text: &str) {
    let mut names = Names::default();
    let token = names.declare("token");
    names.give_value(token);
    if let Ok(template) = Template::parse(text, &mut names, Encoding::Path) {
        let _ = template.outline(&names);
    }
    let _ = Condition::parse(text, &mut names);
}

/// A JSONPath and, behind the first line break, a body that it is looked for in.
pub fn json_path(bytes: &[u8]) {
    let at = bytes.iter().position(|byte| *byte == b'\n');
    let (path, body) = bytes.split_at(at.unwrap_or(bytes.len()));
    if let Ok(path) = JsonPath::parse(&String::from_utf8_lossy(path)) {
        let (found, mut text) = (path.find(body), String::new());
        if let Ok(Some(found)) = found {
            // Both ways of asking find the same.
            assert_eq!(path.find_text(body, &mut text), Ok(true), "{found}");
        }
    }
}

/// A data file, as CSV with two separators and as JSON lines; every row of it is read.
pub fn data(bytes: &[u8]) {
    for format in [
        DataFormat::Csv { separator: b',' },
        DataFormat::Csv { separator: b';' },
        DataFormat::JsonLines,
    ] {
        let Ok(file) = DataFile::from_bytes("fuzz.csv", bytes.to_vec().into(), format) else {
            continue;
        };
        let mut row = Row::new();
        for number in 0..file.rows() {
            if file.read(number, &mut row).is_ok() {
                assert_eq!(row.fields().count(), file.columns().len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_door_takes_whatever_comes(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}a-c0-2$.\"',;=|\n ]{0,60}") {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                let text = String::from_utf8_lossy(bytes);
                super::document(&text);
                super::template(&text);
                super::json_path(bytes);
                super::data(bytes);
            }
        }
    }
}
