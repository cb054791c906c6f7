//! Plausible values out of schemas: what the author gave as an example, else what the type and its bounds allow.
//! Neighbours: `mod.rs` asks for parameters and bodies. Invariant: depth, and the number of values over the whole
//! document, are bounded; a schema that holds itself is cut where it begins again.

use super::references::References;
use crate::{ImportError, node::Node, notes::Notes, value::Value};
use std::rc::Rc;

/// How many alternatives of a schema are tried.
const MOST_CHOICES: usize = 100;
/// The deepest value that is made.
const DEEPEST: usize = 12;

/// The most values of one body.
const MOST_OF_ONE: usize = 2_000;

/// The most values of all bodies together; more would not fit into a scenario file.
const MOST_OF_ALL: usize = 100_000;

/// Makes values.
pub(super) struct Sampler<'v> {
    references: Rc<References<'v>>,
    /// Schemas that are being made, by their place in the tree.
    open: Vec<*const Value>,
    left_of_one: usize,
    left_of_all: usize,
}

impl<'v> Sampler<'v> {
    pub(super) fn new(references: Rc<References<'v>>) -> Sampler<'v> {
        Sampler {
            references,
            open: Vec::new(),
            left_of_one: 0,
            left_of_all: MOST_OF_ALL,
        }
    }

    /// A value for what has `example`, `examples` or a `schema`: a parameter or a body of one media type.
    pub(super) fn of_holder(
        &mut self,
        holder: &Node<'v>,
        notes: &mut Notes,
    ) -> Result<Option<Value>, ImportError> {
        self.left_of_one = MOST_OF_ONE;
        if let Some(example) = given(&self.references, holder, notes)? {
            return Ok(self.spend(example.value, notes));
        }
        match holder.get("schema")? {
            Some(schema) => self.of_schema(schema, notes),
            None => Ok(None),
        }
    }

    fn is_spent(&self) -> bool {
        self.left_of_one == 0 || self.left_of_all == 0
    }

    /// A copy of a value that somebody gave, if there is room for it.
    fn spend(&mut self, value: &Value, notes: &mut Notes) -> Option<Value> {
        let size = size(value);
        if size > self.left_of_one.min(self.left_of_all) {
            note_cut(notes);
            return None;
        }
        self.left_of_one -= size;
        self.left_of_all -= size;
        Some(value.clone())
    }

    /// A value of a schema; `None` where it is cut off.
    pub(super) fn of_schema(
        &mut self,
        schema: Node<'v>,
        notes: &mut Notes,
    ) -> Result<Option<Value>, ImportError> {
        let Some(schema) = self.references.resolve(schema, notes)? else {
            return Ok(None);
        };
        let place: *const Value = schema.value;
        if self.open.contains(&place) {
            notes.about(
                "schemas that hold themselves were cut off where they begin again",
                &schema.key,
                "",
            );
            return Ok(None);
        }
        if self.open.len() >= DEEPEST || self.is_spent() {
            note_cut(notes);
            return Ok(None);
        }
        self.left_of_one -= 1;
        self.left_of_all -= 1;
        self.open.push(place);
        let made = self.of_open_schema(&schema, notes);
        self.open.pop();
        made
    }

    fn of_open_schema(
        &mut self,
        schema: &Node<'v>,
        notes: &mut Notes,
    ) -> Result<Option<Value>, ImportError> {
        // In 3.1 `true` is a schema, too.
        if let Value::Bool(_) = schema.value {
            return Ok(Some(Value::text("value")));
        }
        for key in ["example", "const", "default"] {
            if let Some(value) = schema.get(key)? {
                return Ok(self.spend(value.value, notes));
            }
        }
        for key in ["examples", "enum"] {
            let Some(list) = schema.get(key)? else {
                continue;
            };
            let first = match list.value {
                Value::List(items) => items.iter().find(|item| **item != Value::Null),
                _ => None,
            };
            if let Some(first) = first {
                return Ok(self.spend(first, notes));
            }
        }
        if schema.get("allOf")?.is_some() {
            return self.all_of(schema, notes);
        }
        for key in ["oneOf", "anyOf"] {
            // One that can be shown is nearly always the first.
            for choice in schema.list(key)?.into_iter().take(MOST_CHOICES) {
                if let Some(value) = self
                    .of_schema(choice, notes)?
                    .filter(|value| *value != Value::Null)
                {
                    return Ok(Some(value));
                }
            }
        }
        match kind(schema)?.as_str() {
            "object" => self.object(schema, notes).map(Some),
            "array" => self.array(schema, notes).map(Some),
            "integer" => Ok(Some(Value::Integer(
                bounds(schema)?.0.unwrap_or(1.0).ceil() as i128,
            ))),
            "number" => Ok(Some(Value::Float(bounds(schema)?.0.unwrap_or(1.5)))),
            "boolean" => Ok(Some(Value::Bool(true))),
            "null" => Ok(Some(Value::Null)),
            _ => Ok(Some(Value::text(&text(schema)?))),
        }
    }

    fn all_of(
        &mut self,
        schema: &Node<'v>,
        notes: &mut Notes,
    ) -> Result<Option<Value>, ImportError> {
        let mut entries: Vec<(String, Value)> = Vec::new();
        let mut other = None;
        let mut parts = Vec::new();
        for part in schema.list("allOf")? {
            parts.extend(self.of_schema(part, notes)?);
        }
        if schema.get("properties")?.is_some() {
            parts.push(self.object(schema, notes)?);
        }
        for part in parts {
            match part {
                Value::Table(own) => {
                    for (key, value) in own {
                        match entries.iter_mut().find(|(have, _)| *have == key) {
                            Some((_, have)) => *have = value,
                            None => entries.push((key, value)),
                        }
                    }
                }
                value => other = Some(value),
            }
        }
        Ok(match entries.is_empty() {
            true => other.or(Some(Value::Table(entries))),
            false => Some(Value::Table(entries)),
        })
    }

    fn object(&mut self, schema: &Node<'v>, notes: &mut Notes) -> Result<Value, ImportError> {
        let mut entries = Vec::new();
        let properties = schema.get("properties")?;
        if let Some(properties) = &properties {
            properties.expect_table()?;
        }
        for (name, property) in properties.iter().flat_map(Node::each) {
            if self.is_spent() {
                note_cut(notes);
                break;
            }
            // What only the server sets is not sent.
            let is_object = matches!(property.value, Value::Table(_));
            if is_object && property.is_true("readOnly")? {
                continue;
            }
            if let Some(value) = self.of_schema(property, notes)? {
                entries.push((name.to_owned(), value));
            }
        }
        if entries.is_empty()
            && let Some(more) = schema.get("additionalProperties")?
            && let Value::Table(_) = more.value
            && let Some(value) = self.of_schema(more, notes)?
        {
            entries.push(("key".into(), value));
        }
        Ok(Value::Table(entries))
    }

    fn array(&mut self, schema: &Node<'v>, notes: &mut Notes) -> Result<Value, ImportError> {
        let least = number(schema, "minItems")?.unwrap_or(1.0).clamp(1.0, 3.0) as usize;
        let mut items = Vec::new();
        if let Some(item) = schema.get("items")? {
            for _ in 0..least {
                items.extend(self.of_schema(item.clone(), notes)?);
            }
        }
        Ok(Value::List(items))
    }
}

fn note_cut(notes: &mut Notes) {
    notes.add("bodies that would be very large or deep were cut off: complete them by hand");
}

/// How many values there are in one, long texts counted as several.
fn size(value: &Value) -> usize {
    match value {
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Table(entries) => {
            1 + entries
                .iter()
                .map(|(_, value)| 1 + size(value))
                .sum::<usize>()
        }
        Value::Text(text) => 1 + text.as_literal().map_or(0, str::len) / 256,
        _ => 1,
    }
}

/// The example that stands beside a schema: `example`, or the first of `examples`.
fn given<'v>(
    references: &References<'v>,
    holder: &Node<'v>,
    notes: &mut Notes,
) -> Result<Option<Node<'v>>, ImportError> {
    if let Some(example) = holder.get("example")? {
        return Ok(Some(example));
    }
    let Some(examples) = holder.get("examples")? else {
        return Ok(None);
    };
    let Value::Table(_) = examples.value else {
        return Ok(None);
    };
    for (_, example) in examples.entries()? {
        let Some(example) = references.resolve(example, notes)? else {
            continue;
        };
        if let Value::Table(_) = example.value
            && let Some(value) = example.get("value")?
        {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// The type, or what the other keys tell of it.
pub(super) fn kind(schema: &Node<'_>) -> Result<String, ImportError> {
    let Some(kind) = schema.get("type")? else {
        let has = |key: &str| schema.value.get(key).is_some();
        return Ok(if has("properties") || has("additionalProperties") {
            "object".into()
        } else if has("items") {
            "array".into()
        } else if has("minimum") || has("maximum") {
            "number".into()
        } else {
            "string".into()
        });
    };
    match kind.value {
        // 3.1: several types; null is one of them where a value may be missing.
        Value::List(_) => {
            let words: Result<Vec<String>, ImportError> = kind
                .items()?
                .iter()
                .map(|word| Ok(word.as_text()?.shown()))
                .collect();
            Ok(words?
                .into_iter()
                .find(|word| word != "null")
                .unwrap_or_else(|| "null".into()))
        }
        _ => Ok(kind.as_text()?.shown()),
    }
}

fn number(schema: &Node<'_>, key: &str) -> Result<Option<f64>, ImportError> {
    Ok(schema.get(key)?.and_then(|node| match node.value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }))
}

/// The smallest and the largest number that a schema allows.
pub(super) fn bounds(schema: &Node<'_>) -> Result<(Option<f64>, Option<f64>), ImportError> {
    let (least, most) = (number(schema, "minimum")?, number(schema, "maximum")?);
    // 3.0 has a boolean beside the bound, 3.1 a bound of its own.
    let above = number(schema, "exclusiveMinimum")?;
    let below = number(schema, "exclusiveMaximum")?;
    let least = match schema.is_true("exclusiveMinimum")? {
        true => least.map(|least| least + 1.0),
        false => least.or(above.map(|above| above + 1.0)),
    };
    let most = match schema.is_true("exclusiveMaximum")? {
        true => most.map(|most| most - 1.0),
        false => most.or(below.map(|below| below - 1.0)),
    };
    // Where no value can be: the upper bound is left out.
    let fits = |least: f64| most.is_none_or(|most| least <= most);
    Ok(match least {
        Some(least) if !fits(least) => (Some(least), None),
        None if most.is_some_and(|most| most < 1.0) => (most, most),
        _ => (least, most),
    })
}

/// A text of the format and the length that a schema asks for.
fn text(schema: &Node<'_>) -> Result<String, ImportError> {
    let format = schema.string("format")?.unwrap_or_default();
    let known = match format.as_str() {
        "date" => "2026-01-31",
        "date-time" => "2026-01-31T12:00:00Z",
        "time" => "12:00:00Z",
        "duration" => "PT1H",
        "uuid" => "3fa85f64-5717-4562-b3fc-2c963f66afa6",
        "email" | "idn-email" => "user@example.com",
        "uri" | "url" | "iri" => "http://example.com/",
        "uri-reference" => "/",
        "hostname" | "idn-hostname" => "example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "byte" => "dGV4dA==",
        "password" => "password",
        _ => "",
    };
    if !known.is_empty() {
        return Ok(known.to_owned());
    }
    let least = number(schema, "minLength")?
        .unwrap_or(0.0)
        .clamp(0.0, 1_000.0) as usize;
    let most = number(schema, "maxLength")?
        .unwrap_or(1_000.0)
        .clamp(0.0, 1_000.0) as usize;
    let mut text = "text".repeat(least.div_ceil(4).max(1));
    text.truncate(most.min(least.max(4)));
    Ok(text)
}
