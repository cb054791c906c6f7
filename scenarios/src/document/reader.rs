//! Walks the parsed tree of a scenario file and gathers problems instead of stopping at the first.
//! Neighbours: `mod.rs` makes one `Reader` per file; every other file here reads its part through `Node` and `Table`.
//! Invariant: a reading function that gives `None` has gathered a problem.

use super::{
    environment,
    problem::{Place, Problem},
    source::Source,
    threshold::ReadExpression,
};
use crate::template::{Condition, Encoding, Names, Template, TemplateFault};
use std::{
    cell::RefCell,
    ops::{Range, RangeInclusive},
};
use toml::de::{DeTable, DeValue};

/// What is shared by everything that reads one file.
pub(super) struct Reader<'t> {
    source: Source<'t>,
    env: &'t dyn Fn(&str) -> Option<String>,
    /// Reads what thresholds say.
    pub(super) expression: ReadExpression,
    /// Whether the file has syntax errors: then nothing is said about what is missing.
    damaged: bool,
    problems: RefCell<Vec<Problem>>,
    secrets: RefCell<Vec<String>>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(
        source: Source<'t>,
        env: &'t dyn Fn(&str) -> Option<String>,
        expression: ReadExpression,
        damaged: bool,
    ) -> Reader<'t> {
        let (problems, secrets) = (RefCell::default(), RefCell::default());
        Reader {
            source,
            env,
            expression,
            damaged,
            problems,
            secrets,
        }
    }

    /// The file's outermost table.
    pub(super) fn root(
        &'t self,
        table: &'t DeTable<'t>,
        known: &'static [&'static str],
    ) -> Table<'t> {
        Table::new(self, table, String::new(), 0..0, known)
    }

    /// Whether anything was found wrong so far.
    pub(super) fn failed(&self) -> bool {
        !self.problems.borrow().is_empty()
    }

    /// Gathers a problem that another file has.
    pub(super) fn adopt(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// What was found wrong, and the values that came from the environment.
    pub(super) fn finish(self) -> (Vec<Problem>, Vec<String>) {
        (self.problems.into_inner(), self.secrets.into_inner())
    }

    fn problem(&self, span: &Range<usize>, key: &str, message: String, remedy: String) {
        let problem = Problem::at(self.source.place(span), key, message, remedy);
        self.problems.borrow_mut().push(problem);
    }
}

/// A string of the file: as it stands there, and as it is meant.
#[derive(Clone, Debug)]
pub(super) struct Text<'t> {
    /// As it stands in the file, `${NAME}` and all. Only this may be shown.
    pub(super) written: &'t str,
    /// With the environment put in.
    pub(super) value: String,
    /// Whether anything was put in.
    pub(super) has_environment: bool,
}

/// A value of the file, its place and its key.
#[derive(Clone)]
pub(super) struct Node<'t> {
    reader: &'t Reader<'t>,
    pub(super) value: &'t DeValue<'t>,
    span: Range<usize>,
    pub(super) key: String,
}

impl<'t> Node<'t> {
    /// Gathers a problem with this value.
    pub(super) fn problem(&self, message: impl Into<String>, remedy: impl Into<String>) {
        self.reader
            .problem(&self.span, &self.key, message.into(), remedy.into());
    }

    /// Gathers a problem with this value that may only be due to a syntax error elsewhere.
    pub(super) fn absence(&self, message: impl Into<String>, remedy: impl Into<String>) {
        if !self.reader.damaged {
            self.problem(message, remedy);
        }
    }

    /// Where it stands.
    pub(super) fn place(&self) -> Place {
        self.reader.source.place(&self.span)
    }

    /// The value in a few words, as it stands in the file.
    pub(super) fn shown(&self) -> String {
        match self.value {
            DeValue::String(text) => quoted(text),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(time) => time.to_string(),
            DeValue::Array(_) => "an array".into(),
            DeValue::Table(_) => "a table".into(),
        }
    }

    /// Gathers a wrong type; `wanted` is what it should have been, `example` how to write it.
    pub(super) fn wrong_type(&self, wanted: &str, example: &str) {
        let message = format!(
            "`{}` must be {wanted}, got {}",
            self.last_key(),
            self.shown()
        );
        self.problem(message, format!("write it like {example}"));
    }

    /// The key without the path to it.
    pub(super) fn last_key(&self) -> &str {
        let start = self.key.rfind(['.']).map_or(0, |dot| dot + 1);
        &self.key[start..]
    }

    /// A string, with the environment put in.
    pub(super) fn text(&self, example: &str) -> Option<Text<'t>> {
        let DeValue::String(written) = self.value else {
            self.wrong_type("a string", example);
            return None;
        };
        let written: &'t str = written;
        if written.contains("{{") {
            self.problem(
                format!("`{}` takes no template", self.last_key()),
                "write the value out; `{{ … }}` works in paths, queries, headers, bodies, checks, `set` and [variables]",
            );
            return None;
        }
        let (value, has_environment) = self.expand(written)?;
        Some(Text {
            written,
            value,
            has_environment,
        })
    }

    /// A text with the environment put in, and whether anything was.
    fn expand(&self, written: &str) -> Option<(String, bool)> {
        let expanded = environment::expand(written, self.reader.env);
        for fault in &expanded.faults {
            self.problem(fault.to_string(), fault.remedy());
        }
        if !expanded.faults.is_empty() {
            return None;
        }
        let has_environment = !expanded.from_environment.is_empty();
        let mut secrets = self.reader.secrets.borrow_mut();
        for secret in expanded.from_environment {
            if !secret.is_empty() && !secrets.contains(&secret) {
                secrets.push(secret);
            }
        }
        Some((expanded.text, has_environment))
    }

    /// A string with values to be put in while the run goes on, each encoded like this; the environment is in it already, and
    /// the texts between the values are as they are written.
    pub(super) fn template(
        &self,
        example: &str,
        names: &mut Names,
        encoding: Encoding,
    ) -> Option<Template> {
        let DeValue::String(written) = self.value else {
            self.wrong_type("a string", example);
            return None;
        };
        let mut template = match Template::parse(written, names, encoding) {
            Ok(template) => template,
            Err(fault) => {
                self.fault(fault);
                return None;
            }
        };
        let mut expand = |text: &str| self.expand(text).map(|(text, _)| text).ok_or(());
        template.map_all_texts(&mut expand).ok()?;
        Some(template)
    }

    /// A condition, as `if` and `while` have it.
    pub(super) fn condition(&self, example: &str, names: &mut Names) -> Option<Condition> {
        if matches!(self.value, DeValue::String(text) if text.contains("{{")) {
            self.problem(
                format!("`{}` names values without braces", self.last_key()),
                format!("write it like {example}"),
            );
            return None;
        }
        let DeValue::String(written) = self.value else {
            self.wrong_type("a condition as text", example);
            return None;
        };
        if written.contains("{{") {
            self.problem(
                "a condition takes no braces",
                format!("write names as they are, like {example}"),
            );
            return None;
        }
        let mut condition = match Condition::parse(written, names) {
            Ok(condition) => condition,
            Err(fault) => {
                self.fault(fault);
                return None;
            }
        };
        let mut expand = |text: &str| self.expand(text).map(|(text, _)| text).ok_or(());
        condition.map_texts(&mut expand).ok()?;
        Some(condition)
    }

    /// Gathers what is wrong with a template; one without words has been told before.
    pub(super) fn fault(&self, fault: TemplateFault) {
        if !fault.what.is_empty() {
            self.problem(fault.what, fault.remedy);
        }
    }

    /// Yes or no.
    pub(super) fn flag(&self, example: &str) -> Option<bool> {
        let DeValue::Boolean(flag) = self.value else {
            self.wrong_type("true or false", example);
            return None;
        };
        Some(*flag)
    }

    /// A string that is shown to everyone, so that it may hold nothing from the environment; `what` it is, in words.
    pub(super) fn public_text(&self, what: &str, example: &str) -> Option<Text<'t>> {
        let text = self.text(example)?;
        if text.has_environment {
            self.problem(
                format!("{what} stands in every report, so it cannot hold an environment variable"),
                "write it out",
            );
            return None;
        }
        Some(text)
    }

    /// A whole number within `range`.
    pub(super) fn whole_number(&self, range: Range<u64>, example: &str) -> Option<u64> {
        let wanted = format!("a whole number from {} to {}", range.start, range.end - 1);
        if let DeValue::Integer(number) = self.value
            && let Ok(value) = u64::from_str_radix(number.as_str(), number.radix())
            && range.contains(&value)
        {
            return Some(value);
        }
        self.wrong_type(&wanted, example);
        None
    }

    /// A number within `range`, whole or not.
    pub(super) fn number(&self, range: RangeInclusive<f64>, example: &str) -> Option<f64> {
        let value = match self.value {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .ok()
                .map(|number| number as f64),
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            _ => None,
        };
        let value = value.filter(|value| range.contains(value));
        if value.is_none() {
            let wanted = format!("a number from {} to {}", range.start(), range.end());
            self.wrong_type(&wanted, example);
        }
        value
    }

    /// A table of known keys.
    pub(super) fn table(&self, known: &'static [&'static str], example: &str) -> Option<Table<'t>> {
        let DeValue::Table(table) = self.value else {
            self.wrong_type("a table", example);
            return None;
        };
        Some(Table::new(
            self.reader,
            table,
            self.key.clone(),
            self.span.clone(),
            known,
        ))
    }

    /// A table of free keys, in the order they were written. Keys take no part in `${…}` and templates.
    pub(super) fn entries(&self, example: &str) -> Option<Vec<(&'t str, Node<'t>)>> {
        let DeValue::Table(table) = self.value else {
            self.wrong_type("a table", example);
            return None;
        };
        let entries = nodes(self.reader, table, &self.key);
        for (key, _, node) in &entries {
            if key.contains("${") || key.contains("{{") {
                node.problem(
                    format!("the key {} holds what only values can hold", quoted(key)),
                    "write the key out; ${NAME} works in values",
                );
            }
        }
        Some(
            entries
                .into_iter()
                .map(|(key, _, node)| (key, node))
                .collect(),
        )
    }

    /// An array's values.
    pub(super) fn items(&self, example: &str) -> Option<Vec<Node<'t>>> {
        let DeValue::Array(array) = self.value else {
            self.wrong_type("an array", example);
            return None;
        };
        let node = |(index, item): (usize, &'t toml::Spanned<DeValue<'t>>)| Node {
            reader: self.reader,
            value: item.get_ref(),
            span: item.span(),
            key: format!("{}[{index}]", self.key),
        };
        Some(array.iter().enumerate().map(node).collect())
    }

    /// The values of an array, or this value alone.
    pub(super) fn one_or_more(&self) -> Vec<Node<'t>> {
        match self.value {
            DeValue::Array(_) => self.items("").unwrap_or_default(),
            _ => vec![self.clone()],
        }
    }
}

/// A table whose keys are known; unknown ones have been gathered as problems.
pub(super) struct Table<'t> {
    reader: &'t Reader<'t>,
    entries: Vec<(&'t str, Node<'t>)>,
    key: String,
    span: Range<usize>,
    /// Keys that an unknown key was probably meant to be: nobody misses them a second time.
    mistaken: Vec<&'static str>,
}

impl<'t> Table<'t> {
    fn new(
        reader: &'t Reader<'t>,
        table: &'t DeTable<'t>,
        key: String,
        span: Range<usize>,
        known: &'static [&'static str],
    ) -> Table<'t> {
        let (mut entries, mut mistaken) = (Vec::new(), Vec::new());
        for (name, name_span, node) in nodes(reader, table, &key) {
            if known.contains(&name) {
                entries.push((name, node));
                continue;
            }
            let meant = closest(name, known);
            if meant.is_none() && reader.damaged {
                // A broken header lets good keys fall into the wrong table.
                continue;
            }
            let remedy = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                // Only a file that names others does not know the keys of a scenario at its top.
                None if key.is_empty() && super::KEYS.contains(&name) => {
                    "each scenario's own file has it: write it there, not beside [[scenario]]"
                        .into()
                }
                None if super::actions::KINDS.contains(&name) => {
                    format!("a task cannot be a `{name}` itself: put it under [[task.step]]")
                }
                None if super::load::KEYS.contains(&name) => "it belongs under [load]".into(),
                None if super::KEYS.contains(&name) => {
                    "it belongs at the top of the file, above the first [section]".into()
                }
                None => format!("the keys here are {}", known.join(", ")),
            };
            mistaken.extend(meant);
            reader.problem(
                &name_span,
                &node.key,
                format!("unknown key {}", quoted(name)),
                remedy,
            );
        }
        Table {
            reader,
            entries,
            key,
            span,
            mistaken,
        }
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<Node<'t>> {
        self.entries
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, node)| node.clone())
    }

    /// Whether any of the keys is there, or was meant to be there.
    pub(super) fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter()
            .any(|key| self.get(key).is_some() || self.mistaken.contains(key))
    }

    /// Gathers the problem that none of `keys` is there; silent when one of them was misspelled.
    pub(super) fn missing(&self, keys: &[&str], message: &str, remedy: &str) {
        if !self.reader.damaged && !self.has_any(keys) {
            self.reader
                .problem(&self.span, &self.key, message.into(), remedy.into());
        }
    }
}

/// A table's entries in the order they were written: name, its place, value.
fn nodes<'t>(
    reader: &'t Reader<'t>,
    table: &'t DeTable<'t>,
    path: &str,
) -> Vec<(&'t str, Range<usize>, Node<'t>)> {
    let mut nodes: Vec<_> = table
        .iter()
        .map(|(name, value)| {
            let text: &'t str = name.get_ref();
            let key = if path.is_empty() {
                text.to_owned()
            } else {
                format!("{path}.{text}")
            };
            (
                text,
                name.span(),
                Node {
                    reader,
                    value: value.get_ref(),
                    span: value.span(),
                    key,
                },
            )
        })
        .collect();
    nodes.sort_by_key(|(_, span, _)| span.start);
    nodes
}

/// The word that was probably meant. Jaro-Winkler forgives what fingers do (swaps, doubles, a missing ending);
/// at 0.8 `gett` finds `get`, and `rate` finds nothing.
pub(crate) fn closest<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    let likeness = |known: &&str| strsim::jaro_winkler(&word.to_lowercase(), known);
    let best = words
        .iter()
        .copied()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&best) >= 0.8).then_some(best)
}

/// A text from the file in quotes, cut to a length that can be read.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
