//! Tasks. Neighbours: `actions.rs` reads their steps, `scenario.rs` lives them. Invariant: every task that was read has at least one
//! step.

use super::{
    actions, duration,
    reader::{Node, Table, quoted},
    scenario::{Rhythm, Task},
    step::{self, Gathered},
};
use std::collections::{HashMap, HashSet};
use toml::de::DeValue;

/// The keys of a task beside those of a step.
const OWN_KEYS: [&str; 4] = ["weight", "think_time", "pacing", "step"];

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
    rhythm: &Rhythm,
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
    // Any other task may have come before, and with it what it sets; of its own steps, only the earlier ones.
    let after_setup = gathered.names.valued();
    let set: Vec<Vec<String>> = items
        .iter()
        .map(|item| match item.value {
            DeValue::Table(table) => actions::variables_set(table),
            _ => Vec::new(),
        })
        .collect();
    // How many tasks set each: one alone does not set it for itself before its own step does.
    let mut setters: HashMap<u16, usize> = HashMap::new();
    let set: Vec<HashSet<u16>> = set
        .iter()
        .map(|names| {
            let own: HashSet<u16> = names
                .iter()
                .map(|name| gathered.names.declare(name))
                .collect();
            for variable in &own {
                *setters.entry(*variable).or_default() += 1;
            }
            own
        })
        .collect();
    for variable in setters.keys() {
        gathered.names.give_value(*variable);
    }
    let after_all = gathered.names.valued();
    for (item, own) in items.iter().zip(&set) {
        gathered.names.return_to(after_all.clone());
        for variable in own.iter().filter(|variable| setters[*variable] == 1) {
            gathered.names.take_value(*variable, &after_setup);
        }
        let Some(table) = item.table(&KEYS, EXAMPLE) else {
            continue;
        };
        refuse_second_of_a_name(&table, &mut names);
        let weight = read_weight(&table);
        weights.push(weight);
        if let Some(task) = read_task(&table, item, rhythm, gathered) {
            tasks.push((task, weight.unwrap_or(1)));
        }
    }
    gathered.names.return_to(after_all);
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
    rhythm: &Rhythm,
    gathered: &mut Gathered,
) -> Option<Task> {
    let own_think_time = table
        .get("think_time")
        .map(|node| duration::read_think_time(&node));
    let own_pacing = table.get("pacing").map(|node| duration::read(&node));
    let actions = match table.get("step") {
        None => {
            let step = step::read(table, None, gathered)?;
            vec![super::run::Action::Request(Box::new(step))]
        }
        Some(steps) => {
            refuse_request_keys(table);
            if let Some(name) = table.get("name") {
                step::read_name(&name)?;
            }
            let time_limit = table.get("timeout").and_then(|node| duration::read(&node));
            let is_empty = actions::is_empty_list(&steps);
            let actions = actions::read_list(Some(steps), "[[task.step]]", time_limit, gathered);
            if is_empty {
                node.absence(
                    "the task has no step",
                    "add [[task.step]] with get = \"/\" below it",
                );
                return None;
            }
            actions
        }
    };
    Some(Task {
        actions,
        rhythm: Rhythm {
            think_time: own_think_time.unwrap_or_else(|| Some(rhythm.think_time.clone()))?,
            pacing: own_pacing.map_or(Some(rhythm.pacing), |pacing| pacing.map(Some))?,
        },
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
