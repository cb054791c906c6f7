//! Values of free tables as text: query and form entries, and TOML as JSON.
//! Neighbours: `step.rs`. Invariant: entries keep the order in which they were written.

use super::reader::Node;
use toml::de::{DeInteger, DeValue};

/// The names and values of a free table of texts, numbers and booleans; an array repeats its name.
pub(super) fn pairs<'t>(node: &Node<'t>, example: &str) -> Option<Vec<(&'t str, String)>> {
    let mut pairs = Vec::new();
    for (name, value) in node.entries(example)? {
        for item in value.one_or_more() {
            pairs.push((name, scalar(&item, example)?));
        }
    }
    Some(pairs)
}

fn scalar(node: &Node<'_>, example: &str) -> Option<String> {
    match node.value {
        DeValue::String(_) => Some(node.text(example)?.value),
        DeValue::Integer(number) => Some(integer(node, number)?.to_string()),
        DeValue::Float(number) => Some(number.as_str().trim_start_matches('+').to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => {
            node.wrong_type(
                "a string, a number, a boolean or an array of these",
                example,
            );
            None
        }
    }
}

fn integer(node: &Node<'_>, number: &DeInteger<'_>) -> Option<i64> {
    let value = i64::from_str_radix(number.as_str(), number.radix()).ok();
    if value.is_none() {
        node.problem(
            format!("{} does not fit into 64 bits", node.shown()),
            "write it as a string",
        );
    }
    value
}

/// A TOML value as JSON text.
pub(super) fn json(node: &Node<'_>) -> Option<String> {
    let mut text = String::new();
    push_json(node, &mut text)?;
    Some(text)
}

fn push_json(node: &Node<'_>, json: &mut String) -> Option<()> {
    match node.value {
        DeValue::String(_) => push_json_string(&node.text("\"text\"")?.value, json),
        DeValue::Integer(number) => json.push_str(&integer(node, number)?.to_string()),
        DeValue::Float(number) => {
            let value = number
                .as_str()
                .parse()
                .ok()
                .and_then(serde_json::Number::from_f64);
            let Some(value) = value else {
                node.problem(
                    format!("JSON has no {}", node.shown()),
                    "write a number within the range of a double, or a string",
                );
                return None;
            };
            json.push_str(&value.to_string());
        }
        DeValue::Boolean(flag) => json.push_str(if *flag { "true" } else { "false" }),
        DeValue::Datetime(time) => push_json_string(&time.to_string(), json),
        DeValue::Array(_) => {
            json.push('[');
            for (index, item) in node.items("")?.iter().enumerate() {
                json.push_str(if index > 0 { "," } else { "" });
                push_json(item, json)?;
            }
            json.push(']');
        }
        DeValue::Table(_) => {
            json.push('{');
            for (index, (name, value)) in node.entries("")?.iter().enumerate() {
                json.push_str(if index > 0 { "," } else { "" });
                push_json_string(name, json);
                json.push(':');
                push_json(value, json)?;
            }
            json.push('}');
        }
    }
    Some(())
}

fn push_json_string(text: &str, json: &mut String) {
    json.push_str(&serde_json::Value::from(text).to_string());
}
