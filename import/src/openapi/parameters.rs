//! Parameters of operations: values for queries, headers, cookies and paths. Neighbours: `mod.rs` reads operations,
//! `sample.rs` makes values. Invariant: what is optional and has no example is left out, with a note.

use super::{
    Reader,
    sample::{bounds, kind},
};
use crate::{
    ImportError,
    model::{Query, Request},
    node::Node,
    value::Value,
    words::Text,
};
use std::collections::HashMap;

impl<'v> Reader<'v> {
    /// Puts parameters into query, headers and cookies; gives those of the path.
    pub(super) fn parameters(
        &mut self,
        item: &Node<'v>,
        operation: &Node<'v>,
        request: &mut Request,
    ) -> Result<Vec<(String, Text)>, ImportError> {
        let mut all: Vec<(String, String, Node<'v>)> = Vec::new();
        let mut known = HashMap::new();
        for node in item
            .list("parameters")?
            .into_iter()
            .chain(operation.list("parameters")?)
        {
            let Some(parameter) = self.resolve(node)? else {
                continue;
            };
            let name = parameter.string("name")?.unwrap_or_default();
            let place = parameter.string("in")?.unwrap_or_default();
            // The operation's own parameter wins over the path's of the same name and place.
            match known.get(&(name.clone(), place.clone())) {
                Some(at) => {
                    let at: usize = *at;
                    all[at].2 = parameter;
                }
                None => {
                    known.insert((name.clone(), place.clone()), all.len());
                    all.push((name, place, parameter));
                }
            }
        }
        let mut in_path = Vec::new();
        let mut pairs = Vec::new();
        for (name, place, parameter) in all {
            if place == "path" {
                let value = self.path_value(&parameter)?;
                in_path.push((name, value));
                continue;
            }
            if !self.is_wanted(&parameter)? {
                self.draft.notes.about(
                    "optional parameters without an example were left out",
                    &name,
                    "",
                );
                continue;
            }
            let value = self.value_of(&parameter)?.unwrap_or(Value::text("value"));
            let first = || value.scalar().unwrap_or_else(|| value.json());
            match place.as_str() {
                "query" => push_query(&name, &value, &parameter, &mut pairs)?,
                "header" => {
                    // The specification has these three said elsewhere.
                    let elsewhere = ["accept", "content-type", "authorization"];
                    if !elsewhere.contains(&name.to_ascii_lowercase().as_str()) {
                        request.default_header(&name, first());
                    }
                }
                "cookie" => add_cookie(&name, &first(), request),
                _ => self.draft.notes.about(
                    "parameters of an unknown place were left out",
                    &name,
                    "",
                ),
            }
        }
        request.query = Query::Pairs(pairs);
        Ok(in_path)
    }

    /// Whether a parameter is sent: it has to be, or the author says what it could be.
    fn is_wanted(&mut self, parameter: &Node<'v>) -> Result<bool, ImportError> {
        if parameter.is_true("required")?
            || parameter.get("example")?.is_some()
            || parameter.get("examples")?.is_some()
        {
            return Ok(true);
        }
        let Some(schema) = parameter.get("schema")? else {
            return Ok(false);
        };
        let Some(schema) = self.resolve(schema)? else {
            return Ok(false);
        };
        Ok(schema.value.get("example").is_some() || schema.value.get("default").is_some())
    }

    fn value_of(&mut self, parameter: &Node<'v>) -> Result<Option<Value>, ImportError> {
        if let Some(value) = self.sampler.of_holder(parameter, &mut self.draft.notes)? {
            return Ok(Some(value));
        }
        match parameter.table("content")?.into_iter().next() {
            Some((_, media)) => self.sampler.of_holder(&media, &mut self.draft.notes),
            None => Ok(None),
        }
    }

    /// The value of a path parameter: an example, else a number drawn anew each time, else a sample.
    fn path_value(&mut self, parameter: &Node<'v>) -> Result<Text, ImportError> {
        let schema = match parameter.get("schema")? {
            Some(schema) => self.resolve(schema)?,
            None => None,
        };
        let given = |node: &Node<'v>| {
            ["example", "examples", "default", "const", "enum"]
                .iter()
                .any(|key| node.value.get(key).is_some())
        };
        if let Some(schema) = &schema
            && !given(parameter)
            && !given(schema)
            && kind(schema)? == "integer"
        {
            let (least, most) = bounds(schema)?;
            let least = least.unwrap_or(1.0).clamp(-1e15, 1e15) as i64;
            let most = most.map_or(least.max(1) + 99, |most| most.clamp(-1e15, 1e15) as i64);
            return Ok(Text::template(format!(
                "random({least}, {})",
                most.max(least)
            )));
        }
        let value = self.value_of(parameter)?.unwrap_or(Value::Integer(1));
        let text = match &value {
            Value::List(items) => items.first().and_then(Value::scalar),
            value => value.scalar(),
        };
        Ok(text.unwrap_or_else(|| Text::literal("1")))
    }
}

/// A query parameter by its style: lists and objects in one pair or in several.
fn push_query(
    name: &str,
    value: &Value,
    parameter: &Node<'_>,
    pairs: &mut Vec<(String, Text)>,
) -> Result<(), ImportError> {
    let style = parameter.string("style")?.unwrap_or_default();
    let in_one =
        parameter.value.get("explode") == Some(&Value::Bool(false)) || style.ends_with("Delimited");
    let word = |value: &Value| value.scalar().unwrap_or_else(|| value.json());
    match value {
        Value::List(items) if in_one => {
            let mut joined = Text::default();
            for (index, item) in items.iter().enumerate() {
                joined.push_str(match (index, style.as_str()) {
                    (0, _) => "",
                    (_, "spaceDelimited") => " ",
                    (_, "pipeDelimited") => "|",
                    _ => ",",
                });
                joined.append(&word(item));
            }
            pairs.push((name.to_owned(), joined));
        }
        Value::List(items) => pairs.extend(items.iter().map(|item| (name.to_owned(), word(item)))),
        Value::Table(entries) if style == "deepObject" => {
            pairs.extend(
                entries
                    .iter()
                    .map(|(key, value)| (format!("{name}[{key}]"), word(value))),
            );
        }
        Value::Table(entries) => pairs.extend(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), word(value))),
        ),
        Value::Null => {}
        value => pairs.push((name.to_owned(), word(value))),
    }
    Ok(())
}

/// Adds a cookie to the header of cookies.
pub(super) fn add_cookie(name: &str, value: &Text, request: &mut Request) {
    let at = request
        .headers
        .iter()
        .position(|(name, _)| name == "cookie");
    let at = at.unwrap_or_else(|| {
        request.headers.push(("cookie".into(), Text::default()));
        request.headers.len() - 1
    });
    let cookies = &mut request.headers[at].1;
    cookies.push_str(if cookies.is_empty() { "" } else { "; " });
    cookies.push_str(name);
    cookies.push_str("=");
    cookies.append(value);
}
