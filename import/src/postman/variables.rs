//! `{{name}}` in texts of a collection. Neighbours: `mod.rs` and `auth.rs` put every text through here. Invariant: a
//! variable with a value becomes `{{ name }}` of `[variables]`, a secret one and one without a value `${NAME}`; no chain of
//! variables that name each other goes round for ever.

use crate::{
    ImportError,
    model::Draft,
    naming::{template_name, variable_name},
    node::Node,
    secrets::{Place, is_secret_name},
    words::{Piece, Text},
};
use std::collections::{HashMap, HashSet};

/// How deep a value may name others.
const DEEPEST: usize = 8;

/// The longest text that values make.
const LONGEST: usize = 64 << 10;

/// The most values of variables that name others in one text.
const MOST: usize = 1_000;

struct Variable {
    name: String,
    value: String,
    is_secret: bool,
    /// Whether a text names it, so that `[variables]` needs it.
    is_used: bool,
}

/// The variables of a collection.
pub(super) struct Variables {
    all: Vec<Variable>,
    /// Where the variable of a name stands.
    places: HashMap<String, usize>,
    /// How many more values may be put into the text at hand.
    left: usize,
}

impl Variables {
    /// Those that the collection gives values.
    pub(super) fn of(root: &Node<'_>) -> Result<Variables, ImportError> {
        let mut all = Vec::new();
        let mut places = HashMap::new();
        for node in root.list("variable")? {
            if node.is_true("disabled")? {
                continue;
            }
            let name = node
                .string("key")?
                .or(node.string("id")?)
                .unwrap_or_default();
            let value = node.string("value")?.unwrap_or_default();
            if name.is_empty() || value.is_empty() {
                continue;
            }
            let is_secret = node.string("type")?.as_deref() == Some("secret")
                || is_secret_name(&name, Place::Body);
            places.entry(name.clone()).or_insert(all.len());
            all.push(Variable {
                name,
                value,
                is_secret,
                is_used: false,
            });
        }
        Ok(Variables {
            all,
            places,
            left: 0,
        })
    }

    /// The text with its variables.
    pub(super) fn put_in(&mut self, text: &str, draft: &mut Draft) -> Text {
        self.left = MOST;
        self.expand(text, false, 0, draft)
    }

    /// The same for an address, where variables with values are written out: where requests go is known before the run.
    pub(super) fn put_into_address(&mut self, text: &str, draft: &mut Draft) -> Text {
        self.left = MOST;
        let host_ends = host_end(text);
        let (host, path) = text.split_at(host_ends);
        let mut whole = self.expand(host, true, 0, draft);
        whole.append(&self.expand(path, false, 0, draft));
        whole
    }

    fn expand(&mut self, text: &str, write_out: bool, depth: usize, draft: &mut Draft) -> Text {
        let mut made = Text::default();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                break;
            };
            let (before, name) = inner_name(before, name);
            made.push_str(&before);
            made.append(&self.one(name.trim(), write_out, depth, draft));
            rest = after;
        }
        made.push_str(rest);
        made
    }

    fn one(&mut self, name: &str, write_out: bool, depth: usize, draft: &mut Draft) -> Text {
        if let Some(dynamic) = name.strip_prefix('$') {
            return generated(dynamic, draft);
        }
        let Some(at) = self.places.get(name).copied() else {
            return self.unset(name, draft);
        };
        let value = self.all[at].value.clone();
        if self.all[at].is_secret {
            return draft.secrets.hide(
                name,
                &value,
                &format!("the variable {name} of the collection"),
            );
        }
        if value.contains("{{") && (depth >= DEEPEST || value.len() > LONGEST || self.left == 0) {
            draft.notes.about(
                "variables that name each other without an end were taken from the environment",
                name,
                "",
            );
            return self.unset(name, draft);
        }
        if write_out || value.contains("{{") {
            self.left = self.left.saturating_sub(1);
            let text = self.expand(&value, write_out, depth + 1, draft);
            return match text.written().len() > LONGEST {
                true => self.unset(name, draft),
                false => text,
            };
        }
        self.all[at].is_used = true;
        Text::template(template_name(name))
    }

    /// A variable that has no value here.
    pub(super) fn unset(&mut self, name: &str, draft: &mut Draft) -> Text {
        let variable = variable_name(name);
        draft.secrets.need(
            &variable,
            &format!("the variable {name}, which has no value in the collection"),
            "x",
        );
        Text::variable(variable)
    }

    /// Gives the draft those that texts name.
    pub(super) fn finish(&mut self, draft: &mut Draft) {
        let mut taken = HashSet::new();
        for variable in self.all.iter().filter(|variable| variable.is_used) {
            let name = template_name(&variable.name);
            if !taken.insert(name.clone()) {
                draft.notes.about(
                    "variables whose names become the same were left out but for the first",
                    &variable.name,
                    "",
                );
                continue;
            }
            draft.variables.push((name, Text::literal(&variable.value)));
        }
    }
}

/// The innermost name of `{{a{{b}}` or `{{{b}}`, and the text that stands before it.
fn inner_name<'n>(before: &str, name: &'n str) -> (String, &'n str) {
    let inner = name.trim_start_matches('{');
    let mut text = format!("{before}{}", &name[..name.len() - inner.len()]);
    match inner.rsplit_once("{{") {
        Some((outer, inner)) => {
            text.push_str("{{");
            text.push_str(outer);
            (text, inner)
        }
        None => (text, inner),
    }
}

/// Where the host of an address ends and its path begins.
fn host_end(text: &str) -> usize {
    let from = text.find("://").map_or(0, |at| at + 3);
    text[from..]
        .find(['/', '?', '#'])
        .map_or(text.len(), |at| from + at)
}

/// What Postman makes up: the few that load tests need as templates, others as a text.
fn generated(name: &str, draft: &mut Draft) -> Text {
    let template = match name {
        "guid" | "randomUUID" => "uuid()",
        "timestamp" => "now('unix')",
        "isoTimestamp" => "now()",
        "randomAlphaNumeric" => "random_text(1)",
        "randomPassword" => "random_text(15)",
        "randomBoolean" => "pick('true', 'false')",
        "randomInt" => "random(0, 1000)",
        "randomEmail" => {
            let mut text = Text::literal("user");
            text.push(Piece::Template("random(1, 1000000)".into()));
            text.push_str("@example.com");
            return text;
        }
        _ => {
            draft.notes.about(
                "made-up values were written as fixed texts",
                &format!("${name}"),
                "a template such as {{ random(1, 100) }} varies them",
            );
            let word = name.trim_start_matches("random");
            return Text::literal(if word.is_empty() { "value" } else { word });
        }
    };
    Text::template(template)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(json: &str) -> Variables {
        let tree = serde_json::from_str(json).unwrap();
        Variables::of(&Node::root(&tree)).unwrap()
    }

    #[test]
    fn each_kind_of_variable_has_its_own_place() {
        let mut variables = variables(
            r#"{"variable":[{"key":"page-size","value":"20"},{"key":"apiToken","value":"s3cret"},{"key":"empty","value":""}]}"#,
        );
        let mut draft = Draft::default();
        let mut put = |text: &str| variables.put_in(text, &mut draft).written();
        assert_eq!(put("a{{page-size}}b"), "a{{ page_size }}b");
        assert_eq!(put("{{apiToken}}"), "${API_TOKEN}");
        assert_eq!(put("{{empty}}/{{user}}"), "${EMPTY}/${USER_VALUE}");
        assert_eq!(put("{{$randomInt}}"), "{{ random(0, 1000) }}");
        assert_eq!(put("{{open"), "{{ '{{' }}open");
        assert_eq!(put("{{{page-size}}}"), "{{ '{' }}{{ page_size }}}");
        assert_eq!(put("{{a {{page-size}}"), "{{ '{{' }}a {{ page_size }}");
        variables.finish(&mut draft);
        assert_eq!(
            draft.variables,
            [("page_size".to_owned(), Text::literal("20"))]
        );
    }

    #[test]
    fn variables_that_name_each_other_come_to_an_end() {
        let mut variables = variables(
            r#"{"variable":[{"key":"a","value":"{{b}}{{b}}"},{"key":"b","value":"{{a}}{{a}}"},{"key":"host","value":"shop.test"},{"key":"base","value":"http://{{host}}/v1"}]}"#,
        );
        let mut draft = Draft::default();
        assert!(
            variables
                .put_in("{{a}}", &mut draft)
                .written()
                .contains("${")
        );
        let address = variables.put_into_address("{{base}}/x", &mut draft);
        assert_eq!(address.as_literal(), Some("http://shop.test/v1/x"));
    }
}
