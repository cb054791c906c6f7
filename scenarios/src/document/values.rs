//! Values of free tables as text: query and form entries, and TOML as JSON, templates in them included.
//! Neighbours: `step.rs`, `body.rs`, `checks.rs`. Invariant: entries keep the order in which they were written.

use super::reader::Node;
use crate::template::{Encoding, Names, Template};
use serde_json::Value;
use toml::de::{DeInteger, DeValue};

/// The names and values of a free table of texts, numbers and booleans; an array repeats its name. Values are templates, of which
/// what is put in will be encoded like this.
pub(super) fn pairs<'t>(
    node: &Node<'t>,
    example: &str,
    names: &mut Names,
    encoding: Encoding,
) -> Option<Vec<(&'t str, Template)>> {
    let mut pairs = Vec::new();
    for (name, value) in node.entries(example)? {
        for item in value.one_or_more() {
            pairs.push((name, scalar(&item, example, names, encoding)?));
        }
    }
    Some(pairs)
}

/// A text, a number or a boolean.
pub(super) fn scalar(
    node: &Node<'_>,
    example: &str,
    names: &mut Names,
    encoding: Encoding,
) -> Option<Template> {
    let text = match node.value {
        DeValue::String(_) => return node.template(example, names, encoding),
        DeValue::Integer(number) => integer(node, number)?.to_string(),
        DeValue::Float(number) => number.as_str().trim_start_matches('+').to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => {
            node.wrong_type(
                "a string, a number, a boolean or an array of these",
                example,
            );
            return None;
        }
    };
    Some(Template::of_text(text))
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

/// A TOML value as JSON text. A text that is one value of the filter `json` and nothing else becomes that value, without quotes.
pub(super) fn json(node: &Node<'_>, names: &mut Names) -> Option<Template> {
    let mut json = Template::default();
    push_json(node, names, &mut json)?;
    Some(json)
}

fn push_json(node: &Node<'_>, names: &mut Names, json: &mut Template) -> Option<()> {
    let push = |json: &mut Template, text: &str| json.append(Template::of_text(text.to_owned()));
    match node.value {
        DeValue::String(_) => {
            let mut text = node.template("\"text\"", names, Encoding::JsonText)?;
            if text
                .as_expression()
                .is_some_and(crate::template::Expression::is_json)
            {
                json.append(node.template("\"text\"", names, Encoding::Plain)?);
                return Some(());
            }
            let escape = |text: &str| {
                let mut escaped = String::with_capacity(text.len());
                Encoding::JsonText.push(text, &mut escaped);
                Ok::<_, ()>(escaped)
            };
            text.map_texts(escape).ok()?;
            push(json, "\"");
            json.append(text);
            push(json, "\"");
        }
        DeValue::Integer(number) => push(json, &integer(node, number)?.to_string()),
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
            push(json, &value.to_string());
        }
        DeValue::Boolean(flag) => push(json, if *flag { "true" } else { "false" }),
        DeValue::Datetime(time) => push(json, &Value::from(time.to_string()).to_string()),
        DeValue::Array(_) => {
            push(json, "[");
            for (index, item) in node.items("")?.iter().enumerate() {
                push(json, if index > 0 { "," } else { "" });
                push_json(item, names, json)?;
            }
            push(json, "]");
        }
        DeValue::Table(_) => {
            push(json, "{");
            for (index, (name, value)) in node.entries("")?.iter().enumerate() {
                push(json, if index > 0 { "," } else { "" });
                push(json, &Value::from(*name).to_string());
                push(json, ":");
                push_json(value, names, json)?;
            }
            push(json, "}");
        }
    }
    Some(())
}
