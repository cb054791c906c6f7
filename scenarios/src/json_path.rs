//! Values in JSON bodies by JSONPath (RFC 9535). Neighbours: captures and checks of documents, expectations of `answer.rs`.
//! A path of names and indexes alone, as nearly all are, is walked through the text without building a tree; the others are left
//! to serde_json_path. Invariant: both ways find the same.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, value::RawValue};
use std::fmt;

/// A JSONPath, ready for use.
#[derive(Clone, Debug)]
pub struct JsonPath {
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    Plain(Vec<Step>),
    Any(Box<serde_json_path::JsonPath>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

/// A text that is no JSONPath.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a JSONPath: {0}")]
pub struct JsonPathError(String);

/// A body that is no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not JSON")]
pub struct NotJson;

impl JsonPath {
    /// Reads a path such as `$.items[0].id`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<JsonPath, JsonPathError> {
        if let Some(steps) = plain_steps(text) {
            return Ok(JsonPath {
                way: Way::Plain(steps),
            });
        }
        if let Some(place) = open_string(text) {
            return Err(JsonPathError(format!(
                "the string that begins at character {} is not closed",
                place + 1
            )));
        }
        match serde_json_path::JsonPath::parse(text) {
            Ok(path) => Ok(JsonPath {
                way: Way::Any(Box::new(path)),
            }),
            Err(_) if !text.starts_with('$') => Err(JsonPathError(format!(
                "it begins with $; did you mean $.{text}?"
            ))),
            Err(error) => {
                let place = error.position() + 1;
                let message = error.message();
                Err(JsonPathError(format!("{message} at character {place}")))
            }
        }
    }

    /// Appends the first value found to `text`: a string without its quotes, all else as JSON. `false`: there is none.
    ///
    /// # Errors
    /// When the body is no JSON. What stands behind a value that was found is not looked at.
    pub fn find_text(&self, body: &[u8], text: &mut String) -> Result<bool, NotJson> {
        match &self.way {
            Way::Plain(steps) => {
                let Some(raw) = walk(steps, body)? else {
                    return Ok(false);
                };
                if raw.starts_with('"') {
                    text.push_str(&serde_json::from_str::<String>(raw).map_err(|_| NotJson)?);
                } else {
                    text.push_str(raw);
                }
                Ok(true)
            }
            Way::Any(path) => {
                let body: Value = serde_json::from_slice(body).map_err(|_| NotJson)?;
                let found = path.query(&body).first();
                match found {
                    Some(Value::String(found)) => text.push_str(found),
                    Some(found) => text.push_str(&found.to_string()),
                    None => return Ok(false),
                }
                Ok(true)
            }
        }
    }

    /// The first value found.
    ///
    /// # Errors
    /// When the body is no JSON.
    pub fn find(&self, body: &[u8]) -> Result<Option<Value>, NotJson> {
        match &self.way {
            Way::Plain(steps) => match walk(steps, body)? {
                Some(raw) => serde_json::from_str(raw).map(Some).map_err(|_| NotJson),
                None => Ok(None),
            },
            Way::Any(path) => {
                let body: Value = serde_json::from_slice(body).map_err(|_| NotJson)?;
                Ok(path.query(&body).first().cloned())
            }
        }
    }
}

/// Whether two values are the same; numbers are compared as numbers, so that 5 is 5.0, and whole ones exactly.
pub(crate) fn is_same_json(found: &Value, value: &Value) -> bool {
    match (found, value) {
        (Value::Number(found), Value::Number(value)) => {
            let whole = |number: &serde_json::Number| {
                number
                    .as_i64()
                    .map(i128::from)
                    .or(number.as_u64().map(i128::from))
            };
            match (whole(found), whole(value)) {
                (Some(found), Some(value)) => found == value,
                _ => found.as_f64() == value.as_f64(),
            }
        }
        _ => found == value,
    }
}

/// The steps of a path of names in dots and indexes in brackets, as the standard writes them; `None` for all others.
fn plain_steps(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix('.') {
            let end = behind.find(['.', '[']).unwrap_or(behind.len());
            let (name, after) = behind.split_at(end);
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let first = name.bytes().next()?;
            if first.is_ascii_digit() || !name.bytes().all(plain) {
                return None;
            }
            steps.push(Step::Name(name.to_owned()));
            rest = after;
        } else {
            let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
            let is_number = index.bytes().all(|byte| byte.is_ascii_digit());
            let is_usual = index == "0" || !index.starts_with('0');
            // Longer ones may be more than the standard allows.
            if !is_number || !is_usual || !(1..=15).contains(&index.len()) {
                return None;
            }
            steps.push(Step::Index(index.parse().ok()?));
            rest = after;
        }
    }
    Some(steps)
}

/// The text of the value that the steps lead to.
fn walk<'b>(steps: &[Step], body: &'b [u8]) -> Result<Option<&'b str>, NotJson> {
    let mut found = None;
    let walk = Walk {
        steps,
        found: &mut found,
    };
    let mut reader = serde_json::Deserializer::from_slice(body);
    let walked = walk.deserialize(&mut reader).and_then(|()| reader.end());
    match (found, walked) {
        (Some(raw), _) => Ok(Some(raw)),
        (None, Ok(())) => Ok(None),
        (None, Err(_)) => Err(NotJson),
    }
}

/// Follows the steps into a value. What it looks for is in `found` when it has come to it; the error that it then returns
/// only ends the reading.
struct Walk<'w, 'b> {
    steps: &'w [Step],
    found: &'w mut Option<&'b str>,
}

impl<'b> DeserializeSeed<'b> for Walk<'_, 'b> {
    type Value = ();

    fn deserialize<D: Deserializer<'b>>(self, reader: D) -> Result<(), D::Error> {
        if self.steps.is_empty() {
            let raw = <&RawValue as serde::Deserialize>::deserialize(reader)?;
            *self.found = Some(raw.get());
            return Err(serde::de::Error::custom("found"));
        }
        reader.deserialize_any(self)
    }
}

impl<'b> Visitor<'b> for Walk<'_, 'b> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<(), A::Error> {
        let Step::Name(wanted) = &self.steps[0] else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        while let Some(is_it) = map.next_key_seed(IsName(wanted))? {
            if is_it {
                map.next_value_seed(Walk {
                    steps: &self.steps[1..],
                    found: self.found,
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut items: A) -> Result<(), A::Error> {
        let wanted = match self.steps[0] {
            Step::Index(index) => Some(index),
            Step::Name(_) => None,
        };
        for at in 0.. {
            let more = if wanted == Some(at) {
                let seed = Walk {
                    steps: &self.steps[1..],
                    found: self.found,
                };
                items.next_element_seed(seed)?.is_some()
            } else {
                items.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Whether a key is this name.
struct IsName<'n>(&'n str);

impl<'b> DeserializeSeed<'b> for IsName<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'b>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

/// Where a string begins that nothing closes, counted in characters. The library (0.7.2) panics where a text ends within an escape of
/// one, since it waits for more of it there.
fn open_string(text: &str) -> Option<usize> {
    let mut open: Option<(usize, char)> = None;
    let mut chars = text.chars().enumerate();
    while let Some((at, char)) = chars.next() {
        match open {
            // Whatever is escaped closes nothing.
            Some(_) if char == '\\' => drop(chars.next()),
            Some((_, quote)) if char == quote => open = None,
            None if matches!(char, '"' | '\'') => open = Some((at, char)),
            _ => {}
        }
    }
    open.map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BODY: &str = r#"{"auth": {"token": "a\"b", "n": 5.50}, "list": [1, [2, {"x": null}], "z"], "": 1, "list2": []}"#;

    fn found(path: &str, body: &str) -> Option<String> {
        let mut text = String::new();
        let path = JsonPath::parse(path).unwrap();
        path.find_text(body.as_bytes(), &mut text)
            .unwrap()
            .then_some(text)
    }

    #[test]
    fn a_path_finds_the_first_value_as_text() {
        for (path, value) in [
            ("$.auth.token", Some("a\"b")),
            ("$.auth.n", Some("5.50")),
            ("$.list[1][1].x", Some("null")),
            ("$.list[1]", Some(r#"[2, {"x": null}]"#)),
            ("$.list[3]", None),
            ("$.list.token", None),
            ("$.auth[0]", None),
            ("$.auth.token.x", None),
            ("$..x", Some("null")),
            ("$.list[-1]", Some("z")),
            ("$.list[?@ == 'z']", Some("z")),
            ("$['auth']['token']", Some("a\"b")),
        ] {
            assert_eq!(found(path, BODY).as_deref(), value, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_and_what_is_no_json_says_so() {
        for path in ["", "token", "$.", "$[", "$.a[?", "$.a b"] {
            assert!(JsonPath::parse(path).is_err(), "{path}");
        }
        for (path, place) in [
            ("$[\"\\", 3),
            ("$['é\\u", 3),
            ("$.a['b'][\"\\ud800\\", 10),
            ("$[?@.a == \"\\", 11),
        ] {
            let told = JsonPath::parse(path).unwrap_err().to_string();
            let wanted = format!("begins at character {place} is not closed");
            assert!(told.ends_with(&wanted), "{path}: {told}");
        }
        let path = JsonPath::parse("$.a").unwrap();
        for body in ["", "{", "{\"b\": }", "nonsense", "{\"b\":1} x"] {
            assert_eq!(path.find(body.as_bytes()), Err(NotJson), "{body}");
        }
        assert_eq!(path.find(b"\xff"), Err(NotJson));
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-c\"\\\\é]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_plain_way_finds_what_the_standard_way_finds(
            body in json(),
            steps in prop::collection::vec(
                prop_oneof!["[a-c]".prop_map(|name| format!(".{name}")), (0..3).prop_map(|at| format!("[{at}]"))],
                0..4,
            ),
        ) {
            let text = format!("${}", steps.concat());
            let path = JsonPath::parse(&text).unwrap();
            prop_assert!(matches!(path.way, Way::Plain(_)));
            let standard = serde_json_path::JsonPath::parse(&text).unwrap();
            let wanted = standard.query(&body).first().cloned();
            prop_assert_eq!(path.find(body.to_string().as_bytes()).unwrap(), wanted);
        }

        #[test]
        fn what_is_plain_is_a_path_by_the_standard_too(text in "\\$[.\\[\\]a0_9]{0,12}") {
            if plain_steps(&text).is_some() {
                prop_assert!(serde_json_path::JsonPath::parse(&text).is_ok(), "{}", text);
            }
        }

        #[test]
        fn no_text_makes_it_panic(path in "\\PC{0,20}", body in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(path) = JsonPath::parse(&path) {
                let _ = path.find(&body);
            }
        }
    }
}
