//! What an answer has to be: its status and its body. Neighbours: `step.rs` reads them, `scenario.rs` applies them.
//! Invariant: a check that passes allocates nothing; words are made at load time.

use super::reader::Node;
use memchr::memmem::Finder;
use std::ops::RangeInclusive;
use toml::de::DeValue;

/// What an answer has to be.
#[derive(Clone)]
pub(crate) struct Checks {
    /// Accepted statuses.
    statuses: Vec<RangeInclusive<u16>>,
    body: Vec<BodyCheck>,
}

/// A text that a body has to hold, or must not hold.
#[derive(Clone)]
struct BodyCheck {
    finder: Finder<'static>,
    wanted: bool,
    /// What is said when it fails, as the text stands in the file: no value from the environment.
    detail: String,
}

impl Default for Checks {
    /// Any status below 400, any body.
    fn default() -> Self {
        Checks {
            statuses: vec![0..=399],
            body: Vec::new(),
        }
    }
}

impl Checks {
    /// Whether this status is accepted.
    pub(crate) fn accepts(&self, status: u16) -> bool {
        self.statuses.iter().any(|range| range.contains(&status))
    }

    /// Whether the body has to be kept for a look.
    pub(crate) fn need_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// What the body fails, in words.
    pub(crate) fn body_fault(&self, body: &[u8]) -> Option<&str> {
        let failed = |check: &&BodyCheck| check.finder.find(body).is_some() != check.wanted;
        self.body
            .iter()
            .find(failed)
            .map(|check| check.detail.as_str())
    }
}

/// Reads `check = { … }`.
pub(super) fn read(node: &Node<'_>) -> Option<Checks> {
    const KEYS: &[&str] = &["status", "body_contains", "body_lacks"];
    let table = node.table(KEYS, "check = { status = 200 }")?;
    if !table.has_any(KEYS) {
        node.absence(
            "this check checks nothing",
            "give it a status, body_contains or body_lacks",
        );
    }
    let mut checks = Checks::default();
    if let Some(status) = table.get("status") {
        checks.statuses = status
            .one_or_more()
            .iter()
            .filter_map(read_statuses)
            .collect();
        if matches!(status.value, DeValue::Array(array) if array.is_empty()) {
            status.problem("no status is accepted", "write status = [200, 204]");
        }
    }
    for (key, wanted, words) in [
        ("body_contains", true, "body does not contain"),
        ("body_lacks", false, "body contains"),
    ] {
        let Some(texts) = table.get(key) else {
            continue;
        };
        for item in texts.one_or_more() {
            let Some(text) = item.text(&format!("{key} = \"price\"")) else {
                continue;
            };
            if text.value.is_empty() {
                item.problem(
                    "every body contains the empty text",
                    "write the text to look for",
                );
            }
            let finder = Finder::new(text.value.as_bytes()).into_owned();
            let detail = format!("{words} {:?}", text.written);
            checks.body.push(BodyCheck {
                finder,
                wanted,
                detail,
            });
        }
    }
    Some(checks)
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

    #[test]
    fn without_a_check_any_status_below_400_is_accepted() {
        let checks = Checks::default();
        assert!(checks.accepts(200) && checks.accepts(399) && !checks.accepts(400));
        assert!(!checks.need_body());
        assert_eq!(checks.body_fault(b""), None);
    }
}
