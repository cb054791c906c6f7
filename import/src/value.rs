//! JSON as a tree that keeps the order of its keys, whether it came as JSON or as YAML. Neighbours: `document.rs` reads
//! it, `node.rs` walks it, bodies are made of it. Invariant: a table may hold a key twice; who cares asks `is_plain`.

use crate::words::Text;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::{collections::HashSet, fmt};

/// The deepest nesting that is written as TOML, whose reader takes 80.
const DEEPEST_TOML: usize = 30;

/// A value of JSON, its texts with variables and templates.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Value {
    #[default]
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(Text),
    List(Vec<Value>),
    Table(Vec<(String, Value)>),
}

impl Value {
    pub(crate) fn text(text: &str) -> Value {
        Value::Text(Text::literal(text))
    }

    /// The value of a key, if this is a table that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Table(entries) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text, if this is one that stands for itself.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => text.as_literal(),
            _ => None,
        }
    }

    /// A text, a number or a boolean as a text.
    pub(crate) fn scalar(&self) -> Option<Text> {
        match self {
            Value::Text(text) => Some(text.clone()),
            Value::Bool(_) | Value::Integer(_) | Value::Float(_) => {
                Some(Text::literal(self.json().written()))
            }
            Value::Null | Value::List(_) | Value::Table(_) => None,
        }
    }

    /// Whether TOML can hold it and gives the same JSON back: no null, no key twice, whole numbers of 64 bits, no key that
    /// looks like a template, no nesting that nobody would want to read.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain_within(DEEPEST_TOML)
    }

    fn is_plain_within(&self, depth: usize) -> bool {
        match self {
            Value::List(_) | Value::Table(_) if depth == 0 => false,
            Value::Null => false,
            Value::Bool(_) | Value::Text(_) => true,
            Value::Integer(number) => i64::try_from(*number).is_ok(),
            Value::Float(number) => number.is_finite(),
            Value::List(items) => items.iter().all(|item| item.is_plain_within(depth - 1)),
            Value::Table(entries) => {
                let mut seen = HashSet::new();
                entries.iter().all(|(key, value)| {
                    is_plain_key(key)
                        && seen.insert(key.as_str())
                        && value.is_plain_within(depth - 1)
                })
            }
        }
    }

    /// The same value with its texts changed.
    pub(crate) fn map_texts(&self, change: &mut dyn FnMut(&Text) -> Text) -> Value {
        match self {
            Value::Text(text) => Value::Text(change(text)),
            Value::List(items) => {
                Value::List(items.iter().map(|item| item.map_texts(change)).collect())
            }
            Value::Table(entries) => Value::Table(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), value.map_texts(change)))
                    .collect(),
            ),
            value => value.clone(),
        }
    }

    /// As JSON in one line. Values of variables are put in as they are: quotes in them are not escaped.
    pub(crate) fn json(&self) -> Text {
        let mut json = Text::default();
        self.push_json(&mut json);
        json
    }

    fn push_json(&self, json: &mut Text) {
        match self {
            Value::Null => json.push_str("null"),
            Value::Bool(flag) => json.push_str(if *flag { "true" } else { "false" }),
            Value::Integer(number) => json.push_str(&number.to_string()),
            Value::Float(number) => json.push_str(&serde_json::Value::from(*number).to_string()),
            Value::Text(text) => {
                json.push_str("\"");
                json.append(&text.map_literals(&mut |text| Text::literal(json_escaped(text))));
                json.push_str("\"");
            }
            Value::List(items) => {
                json.push_str("[");
                for (index, item) in items.iter().enumerate() {
                    json.push_str(if index > 0 { "," } else { "" });
                    item.push_json(json);
                }
                json.push_str("]");
            }
            Value::Table(entries) => {
                json.push_str("{");
                for (index, (key, value)) in entries.iter().enumerate() {
                    json.push_str(if index > 0 { "," } else { "" });
                    json.push_str(&format!("\"{}\":", json_escaped(key)));
                    value.push_json(json);
                }
                json.push_str("}");
            }
        }
    }
}

/// Whether a scenario file takes this as a free key: a variable or a template cannot stand in one.
pub(crate) fn is_plain_key(key: &str) -> bool {
    !key.contains("${") && !key.contains("{{")
}

/// A text as it stands between the quotes of JSON.
pub(crate) fn json_escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(Build)
    }
}

/// Builds a value of whatever comes.
struct Build;

impl<'de> Visitor<'de> for Build {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_i128<E: de::Error>(self, number: i128) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u128<E: de::Error>(self, number: u128) -> Result<Value, E> {
        Ok(i128::try_from(number).map_or(Value::Float(number as f64), Value::Integer))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut table = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            table.push((key, entries.next_value()?));
        }
        Ok(Value::Table(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn json_keeps_the_order_of_its_keys() {
        let json = r#"{"z":1,"a":[true,null,-2.5,"é\"\n"],"m":{}}"#;
        assert_eq!(read(json).json().as_literal(), Some(json));
    }

    #[test]
    fn what_toml_cannot_hold_is_known() {
        for (json, plain) in [
            (r#"{"a":{"b":[1,"x"]}}"#, true),
            (r#"{"a":null}"#, false),
            (r#"{"a":1,"a":2}"#, false),
            (r#"[18446744073709551615]"#, false),
            (r#"{"{{a}}":1}"#, false),
            (&format!("{}{}", "[".repeat(30), "]".repeat(30)), true),
            (&format!("{}{}", "[".repeat(31), "]".repeat(31)), false),
        ] {
            assert_eq!(read(json).is_plain(), plain, "{json}");
        }
    }
}
