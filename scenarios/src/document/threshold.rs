//! `[[threshold]]`: what a run has to reach, as it is written. Neighbours: `mod.rs` and `side_by_side.rs` call it; whoever opens the
//! file reads the expression itself. Invariant: an endpoint that is named is one that requests are counted under.

use super::{
    problem::Place,
    reader::{Node, Reader, Table, closest, quoted},
};
use crate::Method;

/// Reads a threshold's expression, given the endpoint beside it: gives the endpoint that it is for, or what is wrong with it.
/// What figures there are is not known on this floor, so whoever opens a file brings it.
pub type ReadExpression = fn(&str, Option<&str>) -> Result<Option<String>, String>;

/// For whoever reads no expressions.
pub(super) fn any_expression(_: &str, endpoint: Option<&str>) -> Result<Option<String>, String> {
    Ok(endpoint.map(str::to_owned))
}

/// A threshold as it is written; its expression has been read once and found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThresholdText {
    /// Such as `p99 < 500ms`.
    pub expr: String,
    /// The endpoint it is for; `None` means all requests together.
    pub endpoint: Option<String>,
    /// Where the expression stands, for `Problem::at`.
    pub place: Place,
}

/// What to do about a threshold's endpoint that no request is counted under; `None` when there is one. As thresholds
/// have it, a method may stand in front: `GET product`.
pub fn unknown_endpoint(wanted: &str, endpoints: &[String]) -> Option<String> {
    let wanted = wanted.trim();
    let name = Method::ALL
        .into_iter()
        .find_map(|method| wanted.strip_prefix(method.as_str())?.strip_prefix(' '))
        .map_or(wanted, str::trim);
    let is = |endpoint: &String| [wanted, name].contains(&endpoint.trim());
    if endpoints.iter().any(is) {
        return None;
    }
    let known: Vec<&str> = endpoints.iter().map(String::as_str).collect();
    Some(match closest(name, &known) {
        Some(meant) => format!("did you mean {}?", quoted(meant)),
        None => format!(
            "name a request by its `name`, or by its path without the query; there {}",
            listed(&known)
        ),
    })
}

/// The first names there are, and how many more.
fn listed(known: &[&str]) -> String {
    const MOST: usize = 8;
    let shown: Vec<String> = known.iter().take(MOST).map(|name| quoted(name)).collect();
    let more = match known.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match known.len() {
        0 => "is none".to_owned(),
        1 => format!("is {}", shown[0]),
        _ => format!("are {}{more}", shown.join(", ")),
    }
}

/// Reads `[[threshold]]`; `endpoints` is not whole when something failed before.
pub(super) fn read_thresholds(
    reader: &Reader<'_>,
    root: &Table<'_>,
    endpoints: &[String],
) -> Vec<ThresholdText> {
    const EXAMPLE: &str = "[[threshold]]";
    const EXPRESSIONS: &str = "write it like expr = \"p99 < 500ms\"; docs/scenarios.md lists all that a threshold can say";
    let failed = reader.failed();
    let items = root
        .get("threshold")
        .and_then(|node| node.items(EXAMPLE))
        .unwrap_or_default();
    let read = |node: &Node<'_>| {
        let table = node.table(&["expr", "endpoint"], EXAMPLE)?;
        table.missing(
            &["expr"],
            "a threshold needs its expression",
            "write expr = \"p99 < 500ms\"",
        );
        let beside = table.get("endpoint").and_then(|node| {
            let text = node.public_text("a threshold's endpoint", "endpoint = \"product\"");
            Some((text?.value, node))
        });
        let node = table.get("expr")?;
        let expr = node.public_text("a threshold", "expr = \"p99 < 500ms\"")?;
        let endpoint = beside.as_ref().map(|(name, _)| name.as_str());
        let of = if expr.value.trim().is_empty() {
            Err("the expression is empty".to_owned())
        } else {
            (reader.expression)(&expr.value, endpoint)
        };
        if let Err(message) = &of {
            node.problem(message.as_str(), EXPRESSIONS);
        }
        let named_by = beside.as_ref().map_or(&node, |(_, node)| node);
        let of = of.unwrap_or_else(|_| endpoint.map(str::to_owned));
        if !failed && let Some(remedy) = of.and_then(|name| unknown_endpoint(&name, endpoints)) {
            named_by.problem(format!("no request is named {}", named_by.shown()), remedy);
        }
        Some(ThresholdText {
            expr: expr.value,
            endpoint: endpoint.map(str::to_owned),
            place: node.place(),
        })
    };
    items.iter().filter_map(read).collect()
}
