//! `capture.NAME = { … }`: what is kept of an answer. Neighbours: `step.rs` reads them, `run.rs` applies them.
//! Invariant: a capture that finds nothing is a failure in words made at load time, never an empty value.

use super::{
    reader::{Node, quoted},
    values,
};
use crate::{
    JsonPath, Response,
    cookies::CookieJar,
    template::{Encoding, Names, regex_remedy},
};
use regex::bytes::Regex;
use toml::de::DeValue;

/// What is kept of an answer under a name.
pub(super) struct Capture {
    pub(super) variable: u16,
    from: From,
    /// What is kept when nothing is found.
    default: Option<String>,
    /// What is said when nothing is found.
    pub(super) nothing: String,
}

enum From {
    Json(JsonPath),
    Regex { regex: Regex, group: usize },
    Header(String),
    Cookie(String),
    Body,
    Status,
}

/// The keys of a capture that say where it comes from.
const SOURCES: &[&str] = &["json", "regex", "header", "cookie", "body", "status"];
const KEYS: &[&str] = &[
    "json", "regex", "header", "cookie", "body", "status", "group", "default",
];

impl Capture {
    fn new(
        name: &str,
        from: From,
        place: &str,
        default: Option<String>,
        names: &mut Names,
    ) -> Capture {
        let variable = names.declare(name);
        names.give_value(variable);
        Capture {
            variable,
            from,
            default,
            nothing: format!("capture `{name}` found nothing {place}"),
        }
    }

    /// Whether the body has to be kept.
    pub(super) fn needs_body(&self) -> bool {
        matches!(self.from, From::Json(_) | From::Regex { .. } | From::Body)
    }

    /// Whether the head has to be kept.
    pub(super) fn needs_head(&self) -> bool {
        matches!(self.from, From::Header(_))
    }

    /// Appends what is found, or the default; `false` when there is neither.
    pub(super) fn find(
        &self,
        response: &Response,
        jar: &CookieJar,
        text: &mut String,
    ) -> Result<bool, String> {
        let found = match &self.from {
            From::Json(path) => {
                let body = response
                    .unpacked_body()
                    .map_err(|error| error.to_string())?;
                match path.find_text(body, text) {
                    Ok(found) => found,
                    Err(_) if self.default.is_some() => false,
                    Err(error) => return Err(format!("{}: {error}", self.nothing)),
                }
            }
            From::Regex { regex, group } => {
                let body = response
                    .unpacked_body()
                    .map_err(|error| error.to_string())?;
                match regex.captures(body).and_then(|found| found.get(*group)) {
                    Some(found) => {
                        text.push_str(&String::from_utf8_lossy(found.as_bytes()));
                        true
                    }
                    None => false,
                }
            }
            From::Header(name) => push(response.header(name), text),
            // The jar has it when cookies are kept; the header is there either way.
            From::Cookie(name) => {
                push(jar.value(name), text) || push(set_cookie(response, name), text)
            }
            From::Body => {
                let body = response
                    .unpacked_body()
                    .map_err(|error| error.to_string())?;
                text.push_str(&String::from_utf8_lossy(body));
                true
            }
            From::Status => {
                text.push_str(&response.status().to_string());
                true
            }
        };
        Ok(found || push(self.default.as_deref(), text))
    }
}

fn push(found: Option<&str>, text: &mut String) -> bool {
    if let Some(found) = found {
        text.push_str(found);
    }
    found.is_some()
}

/// The value of a cookie that this answer sets.
fn set_cookie<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers_named("set-cookie").find_map(|line| {
        let (have, rest) = line.split_once('=')?;
        (have.trim() == name).then(|| rest.split(';').next().unwrap_or(rest).trim())
    })
}

/// Reads `capture = { name = { json = "$.path" } }`.
pub(super) fn read(node: &Node<'_>, names: &mut Names) -> Option<Vec<Capture>> {
    const EXAMPLE: &str = "capture.token = { json = \"$.token\" }";
    let mut captures = Vec::new();
    let mut good = true;
    for (name, node) in node.entries(EXAMPLE)? {
        match read_one(name, &node, names) {
            Some(capture) => captures.push(capture),
            None => good = false,
        }
    }
    good.then_some(captures)
}

/// Whether a text can be the name of a variable; says so when not.
pub(super) fn check_name(name: &str, node: &Node<'_>) -> bool {
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !good {
        node.problem(
            format!("{} is not the name of a variable", quoted(name)),
            "use letters, digits and _, no digit first",
        );
    }
    good
}

fn read_one(name: &str, node: &Node<'_>, names: &mut Names) -> Option<Capture> {
    const EXAMPLE: &str = "{ json = \"$.token\" }, { regex = 'id=(\\d+)' }, { header = \"location\" } or { cookie = \"sid\" }";
    let is_name = check_name(name, node);
    if let DeValue::String(_) = node.value {
        // A JSONPath alone is what is meant nearly always.
        let (from, place) = read_json(node)?;
        return is_name.then(|| Capture::new(name, from, &place, None, names));
    }
    let table = node.table(KEYS, EXAMPLE)?;
    table.missing(
        SOURCES,
        "a capture needs to know where to look",
        &format!("write {name} = {EXAMPLE}"),
    );
    let mut found = SOURCES
        .iter()
        .filter_map(|key| table.get(key).map(|node| (*key, node)));
    let (key, source) = found.next()?;
    if let Some((_, second)) = found.next() {
        second.problem(
            format!(
                "a capture looks in one place, and `{}` is its second",
                second.last_key()
            ),
            "keep one of them, or make two captures",
        );
        return None;
    }
    let default = match table.get("default") {
        None => None,
        Some(node) => Some(read_default(&node, names)?),
    };
    let group = table.get("group");
    if let Some(group) = &group
        && key != "regex"
    {
        group.problem("`group` belongs to a regex", "remove it");
    }
    let (from, place) = match key {
        "json" => read_json(&source)?,
        "regex" => {
            let (regex, written) = read_regex(&source)?;
            // Without a number it is the first pair of parentheses, or all of it when there is none.
            let group = match group {
                None => usize::from(regex.captures_len() > 1),
                Some(group) => {
                    let most = regex.captures_len() as u64;
                    group.whole_number(0..most, "group = 1")? as usize
                }
            };
            (From::Regex { regex, group }, format!("for {written}"))
        }
        "header" | "cookie" => {
            let text = source.text(&format!("{key} = \"name\""))?;
            let place = format!("in the {key} {:?}", text.written);
            let from = match key {
                "header" => From::Header(text.value),
                _ => From::Cookie(text.value),
            };
            (from, place)
        }
        _ => {
            if !source.flag(&format!("{key} = true"))? {
                source.problem("a capture of nothing", "remove the capture");
                return None;
            }
            let from = match key {
                "body" => From::Body,
                _ => From::Status,
            };
            (from, format!("in the {key}"))
        }
    };
    is_name.then(|| Capture::new(name, from, &place, default, names))
}

/// What is kept when nothing is found: a text, or a number or boolean as it is written.
fn read_default(node: &Node<'_>, names: &mut Names) -> Option<String> {
    const EXAMPLE: &str = "default = \"none\"";
    if let DeValue::String(_) = node.value {
        return Some(node.text(EXAMPLE)?.value);
    }
    let text = values::scalar(node, EXAMPLE, names, Encoding::Plain)?;
    text.as_text().map(str::to_owned)
}

/// A JSONPath, and where that is in words.
fn read_json(node: &Node<'_>) -> Option<(From, String)> {
    let text = node.text("json = \"$.token\"")?;
    match JsonPath::parse(&text.value) {
        Ok(path) => Some((From::Json(path), format!("at {}", text.written))),
        Err(error) => {
            node.problem(error.to_string(), "write it like $.items[0].id");
            None
        }
    }
}

/// A regular expression, and how it stands in the file.
pub(super) fn read_regex<'t>(node: &Node<'t>) -> Option<(Regex, &'t str)> {
    let text = node.text("regex = 'id=(\\d+)'")?;
    match Regex::new(&text.value) {
        Ok(regex) => Some((regex, text.written)),
        Err(_) if !text.has_environment => {
            let remedy = regex::Regex::new(&text.value)
                .err()
                .map_or_else(|| "mend it".to_owned(), |error| regex_remedy(&error));
            node.problem(
                format!("{} is not a regular expression", quoted(text.written)),
                remedy,
            );
            None
        }
        Err(_) => {
            node.problem(
                format!("{} is not a regular expression", quoted(text.written)),
                "mend it, or the value from the environment",
            );
            None
        }
    }
}
