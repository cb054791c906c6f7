//! What an answer has to be: its status, its head, its body, its time and size. Neighbours: `step.rs` reads them, `run.rs` applies
//! them. Invariant: words are made at load time and hold no value from the environment; a check that passes and needs no JSON
//! and no template allocates nothing.

use super::{
    captures::read_regex,
    duration,
    reader::Node,
    run::{Shared, templated},
    values,
};
use crate::{
    Accepted, Failure, JsonPath, Response, User,
    json_path::is_same_json,
    template::{Encoding, Names, Template, Values},
};
use memchr::memmem::{self, Finder};
use regex::bytes::Regex;
use serde_json::Value;
use std::{ops::RangeInclusive, time::Duration};
use toml::de::DeValue;

/// What an answer has to be.
#[derive(Default)]
pub(super) struct Checks {
    /// Accepted statuses.
    pub(super) accepted: Accepted,
    further: Vec<Check>,
    /// Checks against values that are known only then.
    templated: Vec<TemplatedCheck>,
}

/// Something that has to hold, and what is said when it does not.
struct Check {
    rule: Rule,
    detail: String,
}

enum Rule {
    /// The body holds this text, or must not.
    Body {
        finder: Box<Finder<'static>>,
        wanted: bool,
    },
    Matches(Regex),
    /// What the path finds is this; without a value, it finds anything.
    Json {
        path: JsonPath,
        value: Option<Value>,
    },
    /// The header is this; without a value, it is there.
    Header {
        name: String,
        value: Option<String>,
    },
    MaxTime(Duration),
    MaxSize(u64),
    MinSize(u64),
}

/// A check against a value of a template.
struct TemplatedCheck {
    rule: TemplatedRule,
    template: Template,
    detail: String,
}

enum TemplatedRule {
    Body { wanted: bool },
    Json(JsonPath),
    Header(String),
}

impl Checks {
    /// Whether the body has to be kept for a look.
    pub(super) fn need_body(&self) -> bool {
        let further = self.further.iter().any(|check| {
            matches!(
                check.rule,
                Rule::Body { .. } | Rule::Matches(_) | Rule::Json { .. }
            )
        });
        let templated = self
            .templated
            .iter()
            .any(|check| !matches!(check.rule, TemplatedRule::Header(_)));
        further || templated
    }

    /// Whether the head has to be kept for a look.
    pub(super) fn need_head(&self) -> bool {
        let further = self.further.iter();
        let templated = self.templated.iter();
        further
            .map(|check| &check.rule)
            .any(|rule| matches!(rule, Rule::Header { .. }))
            || templated
                .map(|check| &check.rule)
                .any(|rule| matches!(rule, TemplatedRule::Header(_)))
    }

    /// Whether anything but the status has to hold: what fails a status is an error of its own.
    pub(super) fn look_at_more_than_status(&self) -> bool {
        !self.further.is_empty() || !self.templated.is_empty()
    }

    /// What an answer with a good status fails, in words.
    pub(super) fn fault(&self, response: &Response) -> Option<String> {
        if self.further.is_empty() {
            return None;
        }
        let body = match self.need_body() {
            false => &[][..],
            true => match response.unpacked_body() {
                Ok(body) => body,
                Err(error) => return Some(error.to_string()),
            },
        };
        let failed = |check: &&Check| !check.rule.holds(response, body);
        self.further
            .iter()
            .find(failed)
            .map(|check| check.detail.clone())
    }

    /// What it fails of the checks against values of this user.
    pub(super) fn templated_fault(
        &self,
        user: &mut User,
        values: &mut Values,
        place: &str,
        shared: &Shared<'_>,
    ) -> Result<Option<String>, Failure> {
        for TemplatedCheck {
            rule,
            template,
            detail,
        } in &self.templated
        {
            let wanted = templated(template, user, values, place, shared)?;
            let response = user.response();
            let body = match rule {
                TemplatedRule::Header(_) => &[][..],
                _ => match response.unpacked_body() {
                    Ok(body) => body,
                    Err(error) => return Ok(Some(error.to_string())),
                },
            };
            let holds = match rule {
                TemplatedRule::Body { wanted: there } => {
                    memmem::find(body, wanted.as_bytes()).is_some() == *there
                }
                TemplatedRule::Json(path) => {
                    path.find(body)
                        .ok()
                        .flatten()
                        .is_some_and(|found| match &found {
                            Value::String(text) => *text == wanted,
                            // Any other value is meant as it would stand in JSON.
                            found => serde_json::from_str(&wanted)
                                .is_ok_and(|wanted| is_same_json(found, &wanted)),
                        })
                }
                TemplatedRule::Header(name) => {
                    response.headers_named(name).any(|have| have == wanted)
                }
            };
            if !holds {
                return Ok(Some(detail.clone()));
            }
        }
        Ok(None)
    }

    fn add(&mut self, rule: Rule, detail: String) {
        self.further.push(Check { rule, detail });
    }
}

impl Rule {
    fn holds(&self, response: &Response, body: &[u8]) -> bool {
        match self {
            Rule::Body { finder, wanted } => finder.find(body).is_some() == *wanted,
            Rule::Matches(regex) => regex.is_match(body),
            Rule::Json { path, value: None } => {
                matches!(path.find_text(body, &mut String::new()), Ok(true))
            }
            Rule::Json {
                path,
                value: Some(value),
            } => matches!(path.find(body), Ok(Some(found)) if is_same_json(&found, value)),
            Rule::Header { name, value } => response
                .headers_named(name)
                .any(|have| value.as_ref().is_none_or(|value| have == value)),
            Rule::MaxTime(most) => response.took() <= *most,
            Rule::MaxSize(most) => response.body_len() <= *most,
            Rule::MinSize(least) => response.body_len() >= *least,
        }
    }
}

const KEYS: &[&str] = &[
    "status",
    "body_contains",
    "body_lacks",
    "body_matches",
    "json",
    "header",
    "max_time",
    "max_size",
    "min_size",
];

/// Reads `check = { … }`.
pub(super) fn read(node: &Node<'_>, names: &mut Names) -> Option<Checks> {
    let table = node.table(KEYS, "check = { status = 200 }")?;
    if !table.has_any(KEYS) {
        node.absence(
            "this check checks nothing",
            "give it a status, body_contains, json or header",
        );
    }
    let mut checks = Checks::default();
    if let Some(status) = table.get("status") {
        let ranges = status.one_or_more();
        checks.accepted = Accepted::Listed(ranges.iter().filter_map(read_statuses).collect());
        if matches!(status.value, DeValue::Array(array) if array.is_empty()) {
            status.problem("no status is accepted", "write status = [200, 204]");
        }
    }
    for (key, wanted) in [("body_contains", true), ("body_lacks", false)] {
        for item in table.get(key).iter().flat_map(Node::one_or_more) {
            read_body_text(&item, wanted, names, &mut checks);
        }
    }
    for item in table.get("body_matches").iter().flat_map(Node::one_or_more) {
        if let Some((regex, written)) = read_regex(&item) {
            let detail = format!("body does not match {written}");
            checks.add(Rule::Matches(regex), detail);
        }
    }
    if let Some(node) = table.get("json") {
        read_json(&node, names, &mut checks);
    }
    if let Some(node) = table.get("header") {
        read_header(&node, names, &mut checks);
    }
    if let Some(node) = table.get("max_time")
        && let Some(most) = duration::read(&node)
    {
        checks.add(Rule::MaxTime(most), format!("took longer than {most:?}"));
    }
    for (key, words) in [("max_size", "more"), ("min_size", "less")] {
        if let Some(node) = table.get(key)
            && let Some(bytes) = node.whole_number(0..1 << 40, &format!("{key} = 1000"))
        {
            let rule = match key {
                "max_size" => Rule::MaxSize(bytes),
                _ => Rule::MinSize(bytes),
            };
            checks.add(rule, format!("body has {words} than {bytes} bytes"));
        }
    }
    Some(checks)
}

fn read_body_text(item: &Node<'_>, wanted: bool, names: &mut Names, checks: &mut Checks) {
    let Some(template) = item.template("body_contains = \"price\"", names, Encoding::Plain) else {
        return;
    };
    let words = match wanted {
        true => "body does not contain",
        false => "body contains",
    };
    let detail = format!("{words} {}", item.shown());
    match template.as_text() {
        Some("") => item.problem(
            "every body contains the empty text",
            "write the text to look for",
        ),
        Some(text) => {
            let finder = Box::new(Finder::new(text.as_bytes()).into_owned());
            checks.add(Rule::Body { finder, wanted }, detail);
        }
        None => checks.templated.push(TemplatedCheck {
            rule: TemplatedRule::Body { wanted },
            template,
            detail,
        }),
    }
}

/// `json = { "$.state" = "done", "$.id" = true }`, or a path alone, which has to find anything.
fn read_json(node: &Node<'_>, names: &mut Names, checks: &mut Checks) {
    const EXAMPLE: &str = "json = { \"$.state\" = \"done\" }";
    let path_of = |text: &str, node: &Node<'_>| match JsonPath::parse(text) {
        Ok(path) => Some(path),
        Err(error) => {
            node.problem(error.to_string(), "write it like \"$.items[0].id\"");
            None
        }
    };
    if let DeValue::String(_) = node.value {
        if let Some(text) = node.text(EXAMPLE)
            && let Some(path) = path_of(&text.value, node)
        {
            let detail = format!("{} finds nothing in the body", text.written);
            checks.add(Rule::Json { path, value: None }, detail);
        }
        return;
    }
    for (written, node) in node.entries(EXAMPLE).unwrap_or_default() {
        let Some(path) = path_of(written, &node) else {
            continue;
        };
        let detail = format!("{written} is not {}", node.shown());
        if let DeValue::String(_) = node.value {
            let Some(template) = node.template(EXAMPLE, names, Encoding::Plain) else {
                continue;
            };
            match template.as_text() {
                Some(text) => {
                    let value = Some(Value::from(text));
                    checks.add(Rule::Json { path, value }, detail);
                }
                None => checks.templated.push(TemplatedCheck {
                    rule: TemplatedRule::Json(path),
                    template,
                    detail,
                }),
            }
            continue;
        }
        let Some(json) = values::json(&node, names) else {
            continue;
        };
        match json.as_text() {
            Some(text) => match serde_json::from_str(text) {
                Ok(value) => {
                    let value = Some(value);
                    checks.add(Rule::Json { path, value }, detail);
                }
                Err(_) => node.problem(
                    "the value is nested too deeply to be compared",
                    "compare its parts, each by a path of its own",
                ),
            },
            None => node.problem(
                "a value of `{{ … }}` stands inside a list or a table",
                "give it a path of its own, such as \"$.items[0].id\" = \"{{ id }}\"",
            ),
        }
    }
}

/// `header = { content-type = "text/html" }`; `true` asks only that it is there.
fn read_header(node: &Node<'_>, names: &mut Names, checks: &mut Checks) {
    const EXAMPLE: &str = "header = { content-type = \"text/html\" }";
    for (name, node) in node.entries(EXAMPLE).unwrap_or_default() {
        let name = name.to_owned();
        if let DeValue::Boolean(true) = node.value {
            let detail = format!("there is no header {name}");
            checks.add(Rule::Header { name, value: None }, detail);
            continue;
        }
        let Some(template) = node.template(EXAMPLE, names, Encoding::Plain) else {
            continue;
        };
        let detail = format!("header {name} is not {}", node.shown());
        match template.as_text() {
            Some(text) => {
                let value = Some(text.to_owned());
                checks.add(Rule::Header { name, value }, detail);
            }
            None => checks.templated.push(TemplatedCheck {
                rule: TemplatedRule::Header(name),
                template,
                detail,
            }),
        }
    }
}

/// One status, `"2xx"` or `"200..299"`.
fn read_statuses(node: &Node<'_>) -> Option<RangeInclusive<u16>> {
    const EXAMPLE: &str = "status = 200, \"2xx\" or \"200..299\"";
    if let DeValue::String(_) = node.value {
        let text = node.text(EXAMPLE)?;
        let range = parse_range(text.value.trim());
        if range.is_none() {
            let message = format!(
                "{} is not a range of statuses from 100 to 999",
                node.shown()
            );
            node.problem(
                message,
                "write it like \"2xx\" or \"200..299\", both ends included",
            );
        }
        return range;
    }
    let status = node.whole_number(100..1000, EXAMPLE)? as u16;
    Some(status..=status)
}

fn parse_range(text: &str) -> Option<RangeInclusive<u16>> {
    let status = |text: &str| {
        text.trim()
            .parse()
            .ok()
            .filter(|status| (100..1000).contains(status))
    };
    if let Some((from, to)) = text.split_once("..") {
        let (from, to): (u16, u16) = (status(from)?, status(to)?);
        return (from <= to).then_some(from..=to);
    }
    if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
        let class: u16 = class.parse().ok().filter(|class| (1..10).contains(class))?;
        return Some(class * 100..=class * 100 + 99);
    }
    status(text).map(|status| status..=status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_statuses_include_both_ends() {
        assert_eq!(parse_range("2xx"), Some(200..=299));
        assert_eq!(parse_range("200..204"), Some(200..=204));
        assert_eq!(parse_range("404"), Some(404..=404));
        for text in [
            "", "xx", "0xx", "+2xx0", "204..200", "99", "1000", "2x", "200..", "..", "a..b",
        ] {
            assert_eq!(parse_range(text), None, "{text}");
        }
    }
}
