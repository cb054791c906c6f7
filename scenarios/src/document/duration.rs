//! Lengths of time as people write them in TOML: `500ms`, `1m 30s`, `1s..3s`.
//! Neighbours: `lengths.rs` has the grammar, `reader.rs` the text. Invariant: what is wrong is told at its place.

use super::reader::Node;
use crate::{
    ThinkTime,
    lengths::{Fault, parse, parse_range},
};
use std::time::Duration;
use toml::de::DeValue;

/// A length of time of more than nothing.
pub(super) fn read(node: &Node<'_>) -> Option<Duration> {
    let duration = read_or_zero(node)?;
    if duration.is_zero() {
        let message = format!(
            "`{}` must be longer than nothing, got {}",
            node.last_key(),
            node.shown()
        );
        node.problem(message, "write it like \"30s\"");
        return None;
    }
    Some(duration)
}

/// A length of time, zero included.
pub(super) fn read_or_zero(node: &Node<'_>) -> Option<Duration> {
    let text = node.text(&format!("{} = \"30s\"", node.last_key()))?;
    parse(&text.value).map_err(|fault| report(node, fault)).ok()
}

/// A think time: one length of time, two with `..` between them, or a table that names its law.
pub(super) fn read_think_time(node: &Node<'_>) -> Option<ThinkTime> {
    if let DeValue::Table(_) = node.value {
        return read_law(node);
    }
    let text = node.text("think_time = \"1s..3s\"")?;
    let read = parse_range(&text.value).map(|(from, to)| ThinkTime::between(from, to));
    read.map_err(|fault| report(node, fault)).ok()
}

/// `{ constant = "1s" }`, `{ uniform = "1s..3s" }`, `{ normal = { mean = "2s", sd = "500ms" } }` or `{ exponential = "2s" }`.
fn read_law(node: &Node<'_>) -> Option<ThinkTime> {
    const EXAMPLE: &str = "think_time = { normal = { mean = \"2s\", sd = \"500ms\" } }";
    const LAWS: &[&str] = &["constant", "uniform", "normal", "exponential"];
    let table = node.table(LAWS, EXAMPLE)?;
    table.missing(LAWS, "the law of the think time is missing", EXAMPLE);
    let mut laws = LAWS
        .iter()
        .filter_map(|law| table.get(law).map(|node| (*law, node)));
    let (law, value) = laws.next()?;
    if let Some((_, second)) = laws.next() {
        second.problem("a think time has one law", "keep one of them");
        return None;
    }
    match law {
        "constant" | "uniform" => read_think_time(&value),
        "exponential" => Some(ThinkTime::Exponential {
            mean: read(&value)?,
        }),
        _ => {
            let table = value.table(&["mean", "sd"], EXAMPLE)?;
            table.missing(&["mean"], "the mean is missing", EXAMPLE);
            table.missing(&["sd"], "the standard deviation is missing", EXAMPLE);
            let (mean, sd) = (table.get("mean"), table.get("sd"));
            Some(ThinkTime::Normal {
                mean: read_or_zero(&mean?)?,
                sd: read_or_zero(&sd?)?,
            })
        }
    }
}

fn report(node: &Node<'_>, Fault(what, remedy): Fault) {
    node.problem(
        format!("`{}` is {}: {what}", node.last_key(), node.shown()),
        remedy,
    );
}
