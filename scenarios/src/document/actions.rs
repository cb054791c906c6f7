//! Lists of steps: requests, and what stands around them (groups, loops, conditions, pauses, variables). Neighbours: `task.rs` and
//! `mod.rs` call it, `step.rs` reads a single request. Invariant: what a step is follows from exactly one of its keys.

use super::{
    captures::check_name,
    duration,
    reader::{Node, Table},
    run::Action,
    step::{self, Gathered, METHODS},
    values,
};
use crate::{
    MetricKind,
    template::{Encoding, Names, Template},
};
use std::time::Duration;
use toml::de::{DeTable, DeValue};

/// The keys that make a step something else than a request.
pub(super) const KINDS: [&str; 7] = ["group", "repeat", "while", "if", "set", "metric", "pause"];
/// The keys that stand beside these.
const BESIDE: [&str; 3] = ["step", "else", "most"];

/// The keys of a step: those of a request, and those of all else.
pub(super) const KEYS: [&str; step::KEYS.len() + KINDS.len() + BESIDE.len()] = {
    let mut keys = [""; step::KEYS.len() + KINDS.len() + BESIDE.len()];
    let (requests, others) = keys.split_at_mut(step::KEYS.len());
    requests.copy_from_slice(&step::KEYS);
    let (kinds, beside) = others.split_at_mut(KINDS.len());
    kinds.copy_from_slice(&KINDS);
    beside.copy_from_slice(&BESIDE);
    keys
};

/// How often a `while` goes round when nobody says.
const USUAL_ROUNDS: u64 = 1_000;
const MOST_ROUNDS: u64 = 1_000_000_000;

/// Steps in steps in steps: whoever nests deeper has slipped.
const DEEPEST: usize = 16;

/// Reads a list of steps; `time_limit` is for those that have none of their own.
pub(super) fn read_list(
    list: Option<Node<'_>>,
    example: &str,
    time_limit: Option<Duration>,
    gathered: &mut Gathered,
) -> Vec<Action> {
    read_nested(list, example, time_limit, gathered, 0)
}

fn read_nested(
    list: Option<Node<'_>>,
    example: &str,
    time_limit: Option<Duration>,
    gathered: &mut Gathered,
    depth: usize,
) -> Vec<Action> {
    let Some(list) = list else {
        return Vec::new();
    };
    if depth > DEEPEST {
        list.problem(
            format!("steps are nested more than {DEEPEST} deep"),
            "split them into several tasks",
        );
        return Vec::new();
    }
    let items = list.items(example).unwrap_or_default();
    let mut read = |item: &Node<'_>| {
        let table = item.table(&KEYS, example)?;
        read_one(&table, time_limit, gathered, depth)
    };
    items.iter().filter_map(&mut read).collect()
}

/// Reads a step, whatever it is.
pub(super) fn read_one(
    table: &Table<'_>,
    time_limit: Option<Duration>,
    gathered: &mut Gathered,
    depth: usize,
) -> Option<Action> {
    let mut kinds = KINDS.iter().filter_map(|key| table.get(key));
    let Some(node) = kinds.next() else {
        refuse(table, &BESIDE, "belongs to a group, a loop or a condition");
        return step::read(table, time_limit, gathered).map(|step| Action::Request(Box::new(step)));
    };
    if let Some(second) = kinds.next() {
        second.problem(
            format!(
                "a step is one thing, and `{}` is its second beside `{}`",
                second.last_key(),
                node.last_key()
            ),
            "put one into the steps of the other",
        );
        return None;
    }
    if let Some(request) = METHODS.iter().find_map(|key| table.get(key)) {
        request.problem(
            format!("a step of `{}` is no request itself", node.last_key()),
            "move the request into a step below it: [[task.step.step]]",
        );
        return None;
    }
    let kind = node.last_key();
    refuse_beside(table, kind);
    let place = format!("step at line {}", node.place().line);
    let steps = |key: &str, gathered: &mut Gathered| {
        read_nested(
            table.get(key),
            "[[task.step.step]]",
            time_limit,
            gathered,
            depth + 1,
        )
    };
    match kind {
        "group" => {
            let name = step::read_name(&node);
            let actions = filled(table, &node, steps("step", gathered));
            Some(Action::Group {
                name: name?,
                actions: actions?,
            })
        }
        "repeat" => {
            let times = read_times(&node, gathered);
            let actions = filled(table, &node, steps("step", gathered));
            Some(Action::Repeat {
                times: times?,
                actions: actions?,
                place,
            })
        }
        "while" => {
            let condition = node.condition("while = \"state != 'done'\"", &mut gathered.names);
            let most = match table.get("most") {
                None => Some(USUAL_ROUNDS),
                Some(node) => node.whole_number(1..MOST_ROUNDS, "most = 100"),
            };
            let actions = filled(table, &node, steps("step", gathered));
            Some(Action::While {
                condition: condition?,
                most: most?,
                actions: actions?,
                place,
            })
        }
        "if" => {
            let condition = node.condition("if = \"state == 'done'\"", &mut gathered.names);
            let then = filled(table, &node, steps("step", gathered));
            let otherwise = steps("else", gathered);
            Some(Action::If {
                condition: condition?,
                then: then?,
                otherwise,
                place,
            })
        }
        "set" => Some(Action::Set {
            values: read_set(&node, &mut gathered.names)?,
            place,
        }),
        "metric" => read_metric(&node, &mut gathered.names, place),
        _ => duration::read_think_time(&node).map(Action::Pause),
    }
}

/// Refuses what has no meaning beside a step of this kind.
fn refuse_beside(table: &Table<'_>, kind: &str) {
    let others: Vec<&str> = step::KEYS
        .iter()
        .filter(|key| !METHODS.contains(key))
        .chain(&BESIDE)
        .copied()
        .filter(|key| match *key {
            "step" => matches!(kind, "set" | "metric" | "pause"),
            "else" => kind != "if",
            "most" => kind != "while",
            _ => true,
        })
        .collect();
    refuse(table, &others, &format!("has no meaning beside `{kind}`"));
}

/// The steps of a group, a loop or a condition: there has to be one.
fn filled(table: &Table<'_>, node: &Node<'_>, actions: Vec<Action>) -> Option<Vec<Action>> {
    if table.get("step").is_none_or(|steps| is_empty_list(&steps)) {
        node.absence(
            format!("`{}` has no steps", node.last_key()),
            "add [[task.step.step]] with get = \"/\" below it",
        );
        return None;
    }
    Some(actions)
}

/// Whether it is a list with nothing in it; of one whose steps are all wrong, each is told by itself.
pub(super) fn is_empty_list(node: &Node<'_>) -> bool {
    matches!(node.value, DeValue::Array(steps) if steps.is_empty())
}

fn refuse(table: &Table<'_>, keys: &[&str], why: &str) {
    for key in keys {
        if let Some(node) = table.get(key) {
            node.problem(format!("`{key}` {why}"), format!("remove `{key}`"));
        }
    }
}

/// A whole number, or a template that becomes one.
fn read_times(node: &Node<'_>, gathered: &mut Gathered) -> Option<Template> {
    const EXAMPLE: &str = "repeat = 3";
    if let DeValue::String(_) = node.value {
        let template = node.template(EXAMPLE, &mut gathered.names, Encoding::Plain)?;
        if template.as_text().is_none() {
            return Some(template);
        }
    }
    let times = node.whole_number(0..MOST_ROUNDS, EXAMPLE)?;
    Some(Template::of_text(times.to_string()))
}

/// `metric = { name = "basket", record = "{{ total }}" }`; `add` counts, `set` is a gauge, `record` a trend.
fn read_metric(node: &Node<'_>, names: &mut Names, place: String) -> Option<Action> {
    const EXAMPLE: &str = "metric = { name = \"basket\", record = \"{{ total }}\" }";
    const KINDS: [(&str, MetricKind); 3] = [
        ("add", MetricKind::Counter),
        ("set", MetricKind::Gauge),
        ("record", MetricKind::Trend),
    ];
    let table = node.table(&["name", "add", "set", "record"], EXAMPLE)?;
    table.missing(&["name"], "the metric has no name", EXAMPLE);
    table.missing(
        &["add", "set", "record"],
        "the metric has no value",
        EXAMPLE,
    );
    let mut values = KINDS
        .iter()
        .filter_map(|(key, kind)| table.get(key).map(|node| (*kind, node)));
    let name = table.get("name").and_then(|node| step::read_name(&node));
    let (kind, value) = values.next()?;
    if let Some((_, second)) = values.next() {
        second.problem(
            "a metric takes one value",
            "keep one of add, set and record",
        );
        return None;
    }
    let template = values::scalar(&value, EXAMPLE, names, Encoding::Plain)?;
    let is_number = |text: &str| text.trim().parse::<f64>().is_ok_and(f64::is_finite);
    if template.as_text().is_some_and(|text| !is_number(text)) {
        value.problem(format!("{} is not a number", value.shown()), EXAMPLE);
        return None;
    }
    Some(Action::Metric {
        name: name?,
        kind,
        value: template,
        place,
    })
}

/// `NAME = "value"` for each of several variables.
pub(super) fn read_set(node: &Node<'_>, names: &mut Names) -> Option<Vec<(u16, Template)>> {
    const EXAMPLE: &str = "set = { id = \"{{ random(1, 9) }}\" }";
    let mut values = Vec::new();
    let mut good = true;
    for (name, value) in node.entries(EXAMPLE)? {
        let is_name = check_name(name, &value);
        match values::scalar(&value, EXAMPLE, names, Encoding::Plain) {
            Some(template) if is_name => {
                let variable = names.declare(name);
                names.give_value(variable);
                values.push((variable, template));
            }
            _ => good = false,
        }
    }
    good.then_some(values)
}

/// The variables that a table sets somewhere in it, by `capture` or `set`.
pub(super) fn variables_set(table: &DeTable<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in table {
        let key: &str = key.get_ref();
        match (key, value.get_ref()) {
            ("capture" | "set", DeValue::Table(set)) => {
                found.extend(set.keys().map(|name| name.get_ref().to_string()));
            }
            ("setup" | "task" | "teardown" | "step" | "else", DeValue::Array(steps)) => {
                for step in steps.iter() {
                    if let DeValue::Table(step) = step.get_ref() {
                        found.extend(variables_set(step));
                    }
                }
            }
            _ => {}
        }
    }
    found
}
