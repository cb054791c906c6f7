//! `[[phase]]`: a load in named parts, one after another. Neighbours: `load.rs` holds what all phases share, `curve.rs` reads
//! each curve. Invariant: all phases of a file are of one model, and at least one of them is measured.

use super::{
    curve::{self, Unit},
    duration,
    load::LoadSpec,
    reader::{Node, Table},
};
use crate::{DEFAULT_MAX_USERS, Demand, Pattern, PhaseRole, PhaseSpan};
use std::{path::Path, time::Duration};

const EXAMPLE: &str = "[[phase]]";
const KEYS: &[&str] = &["name", "duration", "users", "rate", "role"];

/// One phase.
struct Phase {
    name: String,
    length: Duration,
    unit: Unit,
    pattern: Pattern,
    role: PhaseRole,
}

/// Reads `[[phase]]` into a load; what `[load]` says of the rest stays.
pub(super) fn read(node: &Node<'_>, load: &LoadSpec, base_dir: &Path) -> Option<LoadSpec> {
    let clashes = [
        (load.demand.is_some(), "a load of its own"),
        (load.duration.is_some(), "a duration"),
        (
            load.warmup.is_some() || load.cooldown.is_some(),
            "a warm-up or cool-down",
        ),
    ];
    for (_, what) in clashes.iter().filter(|(clashes, _)| *clashes) {
        node.problem(
            format!("the file has phases, and [load] has {what}"),
            "leave it to the phases: each has its users or rate, its duration and its role",
        );
    }
    let items = node.items(EXAMPLE)?;
    let read: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(index, item)| read_phase(item, index, base_dir))
        .collect();
    let phases: Vec<Phase> = read.into_iter().collect::<Option<_>>()?;
    let unit = phases.first()?.unit;
    if let Some(index) = phases.iter().position(|phase| phase.unit != unit) {
        items[index].problem(
            "some phases ask for users, some for a rate",
            "use one of the two in all phases",
        );
        return None;
    }
    if phases.iter().all(|phase| phase.role != PhaseRole::Measured) {
        node.problem(
            "no phase is measured",
            "leave `role` out of the phases whose figures count",
        );
        return None;
    }
    if phases.iter().all(|phase| phase.pattern.peak() <= 0.0) {
        node.problem(
            "the phases ask for nothing at any time",
            "let one of them ask for more than 0",
        );
        return None;
    }
    if clashes.iter().any(|(clashes, _)| *clashes) {
        return None;
    }
    let mut until = Duration::ZERO;
    let spans = phases.iter().map(|phase| {
        until += phase.length;
        PhaseSpan {
            name: phase.name.clone(),
            until,
            role: phase.role,
        }
    });
    let spans = spans.collect();
    let curve = phases
        .into_iter()
        .map(|phase| (phase.length, phase.pattern));
    let pattern = Pattern::Sequence(curve.collect());
    let demand = match unit {
        Unit::Users => Demand::Users(pattern),
        Unit::Rate => Demand::Arrivals {
            rate: pattern,
            gaps: load.gaps.unwrap_or_default(),
            max_users: load.max_users.unwrap_or(DEFAULT_MAX_USERS),
        },
    };
    Some(LoadSpec {
        demand: Some(demand),
        phases: spans,
        duration: Some(until),
        ..load.clone()
    })
}

fn read_phase(node: &Node<'_>, index: usize, base_dir: &Path) -> Option<Phase> {
    let table = node.table(KEYS, EXAMPLE)?;
    let name = match table.get("name") {
        None => Some(format!("phase {}", index + 1)),
        Some(node) => node
            .public_text("a phase's name", "name = \"peak\"")
            .map(|text| text.value),
    };
    table.missing(
        &["duration"],
        "a phase needs its duration",
        "write duration = \"30s\"",
    );
    let length = table.get("duration").and_then(|node| duration::read(&node));
    let curve = read_curve(node, &table, base_dir);
    let role = read_role(&table);
    let (unit, pattern) = curve?;
    Some(Phase {
        name: name?,
        length: length?,
        unit,
        pattern,
        role: role?,
    })
}

fn read_curve(node: &Node<'_>, table: &Table<'_>, base_dir: &Path) -> Option<(Unit, Pattern)> {
    table.missing(
        &["users", "rate"],
        "a phase needs its users, or its rate",
        "write users = 20, or rate = 100",
    );
    let curve = |node: &Node<'_>, unit| {
        curve::read_or_nothing(node, unit, base_dir).map(|pattern| (unit, pattern))
    };
    match (table.get("users"), table.get("rate")) {
        (Some(_), Some(_)) => {
            node.problem(
                "the phase has `users` and `rate`, which are two models",
                "keep one of the two",
            );
            None
        }
        (Some(users), None) => curve(&users, Unit::Users),
        (None, Some(rate)) => curve(&rate, Unit::Rate),
        (None, None) => None,
    }
}

fn read_role(table: &Table<'_>) -> Option<PhaseRole> {
    let Some(node) = table.get("role") else {
        return Some(PhaseRole::Measured);
    };
    match node.text("role = \"warm_up\"")?.value.as_str() {
        "measured" => Some(PhaseRole::Measured),
        "warm_up" => Some(PhaseRole::WarmUp),
        "cool_down" => Some(PhaseRole::CoolDown),
        _ => {
            node.problem(
                format!("{} is not a role of a phase", node.shown()),
                "use \"measured\", \"warm_up\" or \"cool_down\"",
            );
            None
        }
    }
}
