//! `[load]`: how many users, for how long. Neighbours: `pattern.rs` is what comes out.

use super::{
    duration,
    reader::{Node, Table},
};
use crate::Pattern;
use std::time::Duration;
use toml::de::DeValue;

/// How much load a file asks for; what it leaves open, the command line or a default fills in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadSpec {
    /// Virtual users over time.
    pub pattern: Option<Pattern>,
    /// The length of the run; more than zero.
    pub duration: Option<Duration>,
    /// The most requests to send; at least 1.
    pub max_requests: Option<u64>,
}

/// The keys of `[load]`.
pub(super) const KEYS: &[&str] = &["pattern", "users", "duration", "max_requests"];

/// More users than ports, memory or anybody's service can stand: a slip of the finger.
const MOST_USERS: u64 = 10_000_000;

/// Reads `[load]`.
pub(super) fn read(node: &Node<'_>) -> Option<LoadSpec> {
    let table = node.table(KEYS, "[load]")?;
    Some(LoadSpec {
        pattern: read_pattern(&table),
        duration: table.get("duration").and_then(|node| duration::read(&node)),
        max_requests: table
            .get("max_requests")
            .and_then(|node| node.whole_number(1..1 << 53, "max_requests = 10000")),
    })
}

fn read_pattern(table: &Table<'_>) -> Option<Pattern> {
    const CONSTANT: &str = "users = 20";
    const RAMP: &str = "users = { from = 1, to = 100, over = \"30s\" }";
    let users = table.get("users");
    let pattern = match table.get("pattern") {
        None => "constant".to_owned(),
        Some(node) => {
            let text = node.text("pattern = \"ramp\"")?;
            if !["constant", "ramp"].contains(&text.value.as_str()) {
                let message = format!("{} is not a pattern of this version", node.shown());
                node.problem(message, "use \"constant\" or \"ramp\"");
                return None;
            }
            if text.value == "ramp" && users.is_none() {
                table.missing(
                    &["users"],
                    "a ramp needs its users",
                    &format!("write {RAMP}"),
                );
            }
            text.value
        }
    };
    let users = users?;
    match (pattern.as_str(), users.value) {
        ("ramp", DeValue::Table(_)) => read_ramp(&users, RAMP),
        ("ramp", _) => {
            users.wrong_type("a table for a ramp", RAMP);
            None
        }
        (_, DeValue::Table(_)) => {
            users.problem(
                "`users` changes over time, and the pattern is constant",
                "add pattern = \"ramp\" under [load]",
            );
            None
        }
        _ => Some(Pattern::Constant(
            users.whole_number(1..MOST_USERS + 1, CONSTANT)? as f64,
        )),
    }
}

fn read_ramp(users: &Node<'_>, example: &str) -> Option<Pattern> {
    let table = users.table(&["from", "to", "over"], example)?;
    let number = |key: &'static str| {
        table.missing(
            &[key],
            &format!("a ramp needs `{key}`"),
            &format!("write {example}"),
        );
        table
            .get(key)?
            .whole_number(0..MOST_USERS + 1, &format!("{key} = 20"))
    };
    let (from, to) = (number("from"), number("to"));
    table.missing(
        &["over"],
        "a ramp needs `over`, its length",
        &format!("write {example}"),
    );
    let over = table.get("over").and_then(|node| duration::read(&node));
    if (from, to) == (Some(0), Some(0)) {
        users.problem(
            "the ramp goes from 0 users to 0 users",
            "let it begin or end with at least 1",
        );
    }
    Some(Pattern::Ramp {
        from: from? as f64,
        to: to? as f64,
        over: over?,
    })
}
