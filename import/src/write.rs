//! Writes a settled draft as a scenario file that people like to read: short things on one line, long ones in sections of
//! their own. Neighbours: `settle.rs` calls it, `toml_writer` quotes. Invariant: whatever the texts hold, TOML gives
//! them back as they were, with `${` and `{{` of literals escaped.

use crate::{
    address::is_grouped,
    model::{Body, Part, Query, Request},
    notes::printable,
    secrets::EnvironmentVariable,
    settle::Settled,
    value::Value,
    words::Text,
};
use std::{fmt::Write as _, time::Duration};
use toml_writer::{ToTomlKey as _, ToTomlValue as _, TomlKeyBuilder, TomlStringBuilder};
use url::form_urlencoded;

/// The longest line of a table before it becomes a section.
const WIDEST: usize = 100;

/// What stands above everything: where the file came from, and what to export.
pub(crate) fn preamble(environment: &[EnvironmentVariable]) -> String {
    let mut text = String::from(
        "# Imported; make it yours: names, weights, think times, checks, and how much load.\n",
    );
    if !environment.is_empty() {
        text.push_str("#\n# Set these before a run. Their values are not in this file:\n");
        let width = environment
            .iter()
            .map(|variable| variable.name.len())
            .max()
            .unwrap_or(0);
        for variable in environment {
            let name = &variable.name;
            let meaning = printable(&variable.meaning);
            let _ = writeln!(
                text,
                "#   export {name}=…{:1$}  # {meaning}",
                "",
                width - name.len()
            );
        }
    }
    text.push('\n');
    text
}

/// All that is not a task.
pub(crate) fn head(settled: &Settled) -> String {
    let draft = &settled.draft;
    let mut text = format!("name = {}\n", line_string(&draft.name));
    if let Some(description) = &draft.description {
        // A description takes no template, not even an escaped one.
        let description = printable(description).replace("{{", "{ {");
        let description = Text::literal(description.replace("{{", "{ {").trim());
        let _ = writeln!(text, "description = {}", string(&description));
    }
    let _ = writeln!(text, "base_url = {}", string(&settled.base_url));
    if !draft.variables.is_empty() {
        text.push_str("\n[variables]\n");
        for (name, value) in &draft.variables {
            let _ = writeln!(text, "{} = {}", key(name), string(value));
        }
    }
    if !settled.headers.is_empty() {
        text.push_str("\n# Every request carries these, unless it gives its own.\n[headers]\n");
        for (name, value) in &settled.headers {
            let _ = writeln!(text, "{} = {}", key(name), string(value));
        }
    }
    text.push_str("\n# One user to see that it works. More: users = 50, or rate = 200 for arrivals a second.\n");
    text.push_str("[load]\nusers = 1\nduration = \"30s\"\n");
    text
}

/// All tasks.
pub(crate) fn tasks(settled: &Settled) -> String {
    let mut text = String::new();
    for group in &settled.draft.groups {
        match &group.name {
            Some(name) => {
                let _ = write!(
                    text,
                    "\n[[task]]\nname = {}\n",
                    string(&Text::literal(name))
                );
                push_think_time(group.think_time, &mut text);
                for request in &group.requests {
                    push_comment(request, &mut text);
                    text.push_str("[[task.step]]\n");
                    push_request(request, "task.step", None, &mut text);
                }
            }
            None => {
                for request in &group.requests {
                    push_comment(request, &mut text);
                    text.push_str("[[task]]\n");
                    push_request(request, "task", group.think_time, &mut text);
                }
            }
        }
    }
    text
}

fn push_think_time(think_time: Option<Duration>, text: &mut String) {
    if let Some(pause) = think_time {
        let _ = writeln!(text, "think_time = \"{}\"", duration(pause));
    }
}

fn duration(time: Duration) -> String {
    match time.as_millis() {
        ms if ms % 1000 == 0 => format!("{}s", ms / 1000),
        ms if ms < 1000 => format!("{ms}ms"),
        _ => format!("{}s", time.as_millis() as f64 / 1000.0),
    }
}

fn push_comment(request: &Request, text: &mut String) {
    text.push('\n');
    if let Some(comment) = &request.comment {
        let comment: String = printable(comment).chars().take(200).collect();
        let _ = writeln!(text, "# {}", comment.trim());
    }
}

fn push_request(request: &Request, section: &str, think_time: Option<Duration>, text: &mut String) {
    let _ = writeln!(text, "name = {}", string(&Text::literal(&request.name)));
    push_think_time(think_time, text);
    let mut address = request.base.clone();
    address.append(&request.path);
    let query = query_table(&request.query);
    if query.is_none() {
        push_raw_query(&request.query, &mut address);
    }
    let method = request.method.as_str().to_ascii_lowercase();
    let _ = writeln!(text, "{method} = {}", string(&address));
    if !request.follows_redirects {
        text.push_str("redirects = false\n");
    }
    if let Some(limit) = request.time_limit {
        let _ = writeln!(text, "timeout = \"{}\"", duration(limit));
    }
    // Long tables are written behind all plain keys, as TOML wants sections.
    let mut sections = String::new();
    let mut table = |name: &str, entries: &[(String, Value)], text: &mut String| {
        if entries.is_empty() {
            return;
        }
        let line = format!("{name} = {}\n", inline_table(entries));
        if line.len() <= WIDEST {
            text.push_str(&line);
            return;
        }
        let _ = writeln!(sections, "[{section}.{name}]");
        for (name, value) in entries {
            let _ = writeln!(sections, "{} = {}", key(name), wide(value));
        }
    };
    table("query", &query.unwrap_or_default(), text);
    let as_values = |pairs: &[(String, Text)]| -> Vec<(String, Value)> {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), Value::Text(value.clone())))
            .collect()
    };
    table("headers", &as_values(&request.headers), text);
    match &request.body {
        Body::Empty => {}
        Body::Text(body) => {
            let _ = writeln!(
                text,
                "body = {}",
                TomlStringBuilder::new(&body.written())
                    .as_default()
                    .to_toml_value()
            );
        }
        Body::Json(Value::Table(entries)) if !entries.is_empty() => table("json", entries, text),
        Body::Json(value) => {
            let _ = writeln!(text, "json = {}", wide(value));
        }
        Body::Form(pairs) if is_grouped(pairs.iter().map(|(name, _)| name.as_str())) => {
            table("form", &grouped(pairs), text);
        }
        Body::Form(pairs) => {
            let _ = writeln!(text, "body = {}", string(&encoded(pairs)));
        }
        Body::Multipart(parts) => table("multipart", &multipart(parts), text),
        Body::File(path) => {
            let _ = writeln!(text, "body_file = {}", string(&Text::literal(path)));
        }
        Body::LeftOut(reason) => {
            let _ = writeln!(text, "# body_file = \"…\"  # {}", printable(reason));
        }
    }
    match request.statuses.as_slice() {
        [] => {}
        [status] => {
            let _ = writeln!(text, "check = {{ status = {status} }}");
        }
        statuses => {
            let _ = writeln!(text, "check = {{ status = {statuses:?} }}");
        }
    }
    text.push_str(&sections);
}

/// The query as a table, if it can be one.
fn query_table(query: &Query) -> Option<Vec<(String, Value)>> {
    match query {
        Query::Pairs(pairs) if is_grouped(pairs.iter().map(|(name, _)| name.as_str())) => {
            Some(grouped(pairs))
        }
        _ => None,
    }
}

fn push_raw_query(query: &Query, address: &mut Text) {
    match query {
        Query::Pairs(pairs) => {
            address.push_str("?");
            address.append(&encoded(pairs));
        }
        Query::Raw(raw) => {
            for (index, (name, value)) in raw.iter().enumerate() {
                address.push_str(if index > 0 { "&" } else { "?" });
                address.append(name);
                if let Some(value) = value {
                    address.push_str("=");
                    address.append(value);
                }
            }
        }
    }
}

/// Names and values as they go over the wire.
fn encoded(pairs: &[(String, Text)]) -> Text {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let mut text = Text::default();
    for (index, (name, value)) in pairs.iter().enumerate() {
        text.push_str(if index > 0 { "&" } else { "" });
        text.push_str(&encode(name));
        text.push_str("=");
        text.append(&value.map_literals(&mut |value| Text::literal(encode(value))));
    }
    text
}

/// Pairs as entries, those of one name as a list; whole numbers without quotes.
fn grouped(pairs: &[(String, Text)]) -> Vec<(String, Value)> {
    let mut entries: Vec<(String, Value)> = Vec::new();
    for (name, text) in pairs {
        let value = match text
            .as_literal()
            .and_then(|text| Some((text, text.parse::<i64>().ok()?)))
        {
            Some((text, number)) if number.to_string() == text => Value::Integer(number.into()),
            _ => Value::Text(text.clone()),
        };
        push_grouped(name, value, &mut entries);
    }
    entries
}

fn multipart(parts: &[(String, Part)]) -> Vec<(String, Value)> {
    let mut entries: Vec<(String, Value)> = Vec::new();
    for (name, part) in parts {
        let value = match part {
            Part::Text(text) => Value::Text(text.clone()),
            Part::File(file) => {
                let words = [
                    ("file", Some(&file.path)),
                    ("type", file.media_type.as_ref()),
                    ("name", file.name.as_ref()),
                ];
                let entry = |(key, word): (&str, Option<&String>)| {
                    word.map(|word| (key.to_owned(), Value::text(word)))
                };
                Value::Table(words.into_iter().filter_map(entry).collect())
            }
        };
        push_grouped(name, value, &mut entries);
    }
    entries
}

/// Adds an entry; one of the same name as the last makes a list of the two.
fn push_grouped(name: &str, value: Value, entries: &mut Vec<(String, Value)>) {
    match entries.last_mut() {
        Some((last, Value::List(items))) if last == name => items.push(value),
        Some((last, first)) if last == name => {
            *first = Value::List(vec![std::mem::take(first), value]);
        }
        _ => entries.push((name.to_owned(), value)),
    }
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        // Settled drafts hold no null: TOML has none.
        Value::Null => "\"\"".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_toml_value(),
        Value::Text(text) => string(text),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(entries) => inline_table(entries),
    }
}

fn inline_table(entries: &[(String, Value)]) -> String {
    if entries.is_empty() {
        return "{}".into();
    }
    let entries: Vec<String> = entries
        .iter()
        .map(|(name, value)| format!("{} = {}", key(name), inline(value)))
        .collect();
    format!("{{ {} }}", entries.join(", "))
}

/// A value on one line, or a list with an item on each line.
fn wide(value: &Value) -> String {
    let line = inline(value);
    match value {
        Value::List(items) if line.len() > WIDEST => {
            let items: String = items
                .iter()
                .map(|item| format!("    {},\n", inline(item)))
                .collect();
            format!("[\n{items}]")
        }
        _ => line,
    }
}

/// A text on one line, in the prettiest quotes it fits in.
fn string(text: &Text) -> String {
    line_string(&text.written())
}

fn line_string(text: &str) -> String {
    let builder = TomlStringBuilder::new(text);
    builder
        .as_basic_pretty()
        .or_else(|| builder.as_literal())
        .unwrap_or_else(|| builder.as_basic())
        .to_toml_value()
}

fn key(name: &str) -> String {
    TomlKeyBuilder::new(name).as_default().to_toml_key()
}
