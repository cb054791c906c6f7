//! Tasks, and the lists of steps in setup, teardown and tasks. Neighbours: `step.rs` reads a single step.
//! Invariant: every task that was read has at least one step.

use super::{
    duration,
    reader::{Node, Table, quoted},
    scenario::{Step, Task},
    step::{self, Gathered},
};
use crate::ThinkTime;
use std::time::Duration;

/// The keys of a task beside those of a step.
const OWN_KEYS: [&str; 3] = ["weight", "think_time", "step"];

/// The keys of a task: its own, and those of the single request that it may be.
const KEYS: [&str; OWN_KEYS.len() + step::KEYS.len()] = {
    let mut keys = [""; OWN_KEYS.len() + step::KEYS.len()];
    keys.split_at_mut(OWN_KEYS.len())
        .0
        .copy_from_slice(&OWN_KEYS);
    keys.split_at_mut(OWN_KEYS.len())
        .1
        .copy_from_slice(&step::KEYS);
    keys
};

/// Reads all tasks with their weights.
pub(super) fn read_all(
    root: &Table<'_>,
    think_time: &ThinkTime,
    gathered: &mut Gathered,
) -> Vec<(Task, u32)> {
    const EXAMPLE: &str = "[[task]] with get = \"/\" below it";
    root.missing(
        &["task"],
        "the scenario has no task",
        &format!("add {EXAMPLE}"),
    );
    let Some(node) = root.get("task") else {
        return Vec::new();
    };
    let Some(items) = node.items(EXAMPLE) else {
        return Vec::new();
    };
    let (mut tasks, mut weights, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for item in &items {
        let Some(table) = item.table(&KEYS, EXAMPLE) else {
            continue;
        };
        refuse_second_of_a_name(&table, &mut names);
        let weight = read_weight(&table);
        weights.push(weight);
        if let Some(task) = read_task(&table, item, think_time, gathered) {
            tasks.push((task, weight.unwrap_or(1)));
        }
    }
    if items.is_empty() {
        node.absence("the scenario has no task", format!("write {EXAMPLE}"));
    } else if weights.iter().all(|weight| *weight == Some(0)) {
        node.absence(
            "every task has weight 0: there is nothing to do",
            "give one of them a weight of 1 or more",
        );
    }
    tasks
}

/// The weight; `None` when it could not be read.
fn read_weight(table: &Table<'_>) -> Option<u32> {
    let Some(node) = table.get("weight") else {
        return Some(1);
    };
    node.whole_number(0..1_000_001, "weight = 3")
        .map(|weight| weight as u32)
}

fn refuse_second_of_a_name(table: &Table<'_>, names: &mut Vec<String>) {
    let Some(node) = table.get("name") else {
        return;
    };
    // Read again, with its problems, as the name of a step or below.
    let toml::de::DeValue::String(written) = node.value else {
        return;
    };
    if names.iter().any(|name| name == written) {
        let message = format!("a second task is named {}", quoted(written));
        node.problem(message, "give each task a name of its own");
    }
    names.push(written.to_string());
}

fn read_task(
    table: &Table<'_>,
    node: &Node<'_>,
    think_time: &ThinkTime,
    gathered: &mut Gathered,
) -> Option<Task> {
    let own_think_time = table
        .get("think_time")
        .map(|node| duration::read_think_time(&node));
    let steps = match table.get("step") {
        None => vec![step::read(table, None, gathered)?],
        Some(steps) => {
            refuse_request_keys(table);
            if let Some(name) = table.get("name") {
                step::read_name(&name)?;
            }
            let time_limit = table.get("timeout").and_then(|node| duration::read(&node));
            let steps = read_steps(Some(steps), "[[task.step]]", time_limit, gathered);
            if steps.is_empty() {
                node.absence(
                    "the task has no step",
                    "add [[task.step]] with get = \"/\" below it",
                );
                return None;
            }
            steps
        }
    };
    Some(Task {
        steps,
        think_time: own_think_time.unwrap_or_else(|| Some(think_time.clone()))?,
    })
}

/// A task with steps is not a request itself.
fn refuse_request_keys(table: &Table<'_>) {
    for key in step::KEYS
        .iter()
        .filter(|key| !["name", "timeout"].contains(*key))
    {
        if let Some(node) = table.get(key) {
            node.problem(
                format!("`{key}` belongs to a request, and this task has steps"),
                format!("move `{key}` under a [[task.step]]"),
            );
        }
    }
}

/// Reads a list of steps; `time_limit` is for those that have none of their own.
pub(super) fn read_steps(
    list: Option<Node<'_>>,
    example: &str,
    time_limit: Option<Duration>,
    gathered: &mut Gathered,
) -> Vec<Step> {
    let items = list
        .and_then(|node| node.items(example))
        .unwrap_or_default();
    let mut read =
        |item: &Node<'_>| step::read(&item.table(&step::KEYS, example)?, time_limit, gathered);
    items.iter().filter_map(&mut read).collect()
}
