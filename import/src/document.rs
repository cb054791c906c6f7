//! Bytes as text, and text as a tree: JSON and YAML. Neighbours: every reader begins here. Invariant: depth, size and what
//! aliases add up to are bounded, so that no few bytes fill the memory or the stack.

use crate::{ImportError, value::Value};
use std::borrow::Cow;

/// The most values of a YAML document, aliases counted each time: some ten times the largest API descriptions.
const MOST_YAML_NODES: usize = 3_000_000;

/// The most parser events that anchors may keep, and that aliases may repeat.
const MOST_ALIASED: usize = 200_000;

/// The deepest nesting of YAML, which a thread's usual stack of 2 MiB takes; `serde_json` has a bound of its own, 128.
const DEEPEST_YAML: usize = 64;

/// The bytes of a file as text: UTF-8, or UTF-16 as Windows shells write it; the mark at its start is left out.
///
/// # Errors
/// When they are neither.
pub(crate) fn text(bytes: &[u8]) -> Result<Cow<'_, str>, ImportError> {
    let wide = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.map(Cow::Owned).map_err(|_| {
            ImportError::new("the text is not whole UTF-16", "save it as UTF-8").at(1, 1)
        })
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => return wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return wide(rest, u16::from_be_bytes),
        _ => {}
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes)
        .map(Cow::Borrowed)
        .map_err(|error| {
            let good = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            let byte = bytes[error.valid_up_to()];
            ImportError::new(
                format!("this is not UTF-8 text: it holds the byte {byte:#04x}"),
                "save or export it as UTF-8",
            )
            .at_byte(good, good.len())
        })
}

/// What is wrong with JSON, where.
pub(crate) fn json_error(error: &serde_json::Error) -> ImportError {
    let (line, column) = (error.line(), error.column());
    let place = format!(" at line {line} column {column}");
    let what = error.to_string().replace(&place, "");
    let (message, remedy) = if error.is_eof() {
        (
            "the JSON ends in the middle".to_owned(),
            "the file was cut off: export or download it again",
        )
    } else if what.contains("recursion limit") {
        (
            "the JSON is nested more than 128 deep".to_owned(),
            "nothing that is exported looks like this: name another file",
        )
    } else if error.is_data() {
        (
            format!("the JSON does not fit: {what}"),
            "mend it there, or export the file again",
        )
    } else {
        (
            format!("this is not JSON: {what}"),
            "mend it there, or export the file again",
        )
    };
    ImportError::new(message, remedy).at(line.max(1), column.max(1))
}

/// Reads JSON.
///
/// # Errors
/// When it is none, with the place.
pub(crate) fn json(text: &str) -> Result<Value, ImportError> {
    serde_json::from_str(text).map_err(|error| json_error(&error))
}

/// Reads JSON, or YAML where it does not begin like JSON.
///
/// # Errors
/// When it is neither, with the place.
pub(crate) fn json_or_yaml(text: &str) -> Result<Value, ImportError> {
    // YAML may begin with a brace, too; but then nearly always it is JSON, and a slip in it is told better as such.
    if text.trim_start().starts_with(['{', '[']) {
        return json(text);
    }
    yaml(text)
}

fn yaml(text: &str) -> Result<Value, ImportError> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_nodes: MOST_YAML_NODES,
            max_events: 2 * MOST_YAML_NODES,
            max_depth: DEEPEST_YAML,
            max_documents: 2,
            max_recorded_anchor_events: MOST_ALIASED,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MOST_ALIASED,
        },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |place| {
            (place.line() as usize, place.column() as usize)
        });
        let whole = error.without_snippet().to_string();
        let what = whole.lines().next().unwrap_or_default();
        // The place is told apart.
        let what = what.split(" at line ").next().unwrap_or_default();
        ImportError::new(
            format!("this is not YAML that can be read: {what}"),
            "mend it there; a description in JSON can be read as well",
        )
        .at(line.max(1), column.max(1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_windows_shells_is_read() {
        let utf16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain("{é}".encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        assert_eq!(text(&utf16).unwrap(), "{é}");
        assert_eq!(text(b"\xef\xbb\xbfa").unwrap(), "a");
    }

    #[test]
    fn bytes_that_are_no_text_are_told_with_their_place() {
        let error = text(b"a\nb\xff").unwrap_err();
        assert_eq!((error.line, error.column), (2, 2));
        assert!(error.message.contains("0xff"), "{error}");
        assert!(text(b"\xff\xfe\x00\xd8\x00\xd8").is_err());
    }

    #[test]
    fn yaml_has_the_same_tree_as_json() {
        let yaml = json_or_yaml("a: [1, 2.5, yes, ~, 'x']\n200: {b: true}\n").unwrap();
        let json = json(r#"{"a":[1,2.5,true,null,"x"],"200":{"b":true}}"#).unwrap();
        assert_eq!(yaml, json);
    }

    #[test]
    fn bombs_of_nesting_and_of_aliases_are_refused() {
        for text in [
            "[".repeat(100_000),
            "{\"a\":".repeat(100_000),
            format!("a: {}", "[".repeat(100_000)),
            format!(
                "a:\n{}",
                (0..5_000)
                    .map(|n| format!("{}b:\n", " ".repeat(n + 1)))
                    .collect::<String>()
            ),
            billion_laughs(),
        ] {
            let error = json_or_yaml(&text).unwrap_err();
            assert!(
                error.line >= 1 && error.column >= 1 && !error.remedy.is_empty(),
                "{error}"
            );
        }
    }

    fn billion_laughs() -> String {
        let mut yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            yaml.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        yaml
    }
}
