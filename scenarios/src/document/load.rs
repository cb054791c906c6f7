//! `[load]`: how many users or arrivals a second, for how long, within which bounds. Neighbours: `curve.rs` reads the curve,
//! `phases.rs` what replaces it. Invariant: the file asks for users or for a rate, never for both.

use super::{
    curve::{self, Unit},
    duration,
    reader::{Node, Table},
};
use crate::{DEFAULT_MAX_USERS, Demand, Gaps, Pattern, PhaseSpan};
use std::{path::Path, time::Duration};
use toml::de::DeValue;

/// How much load a file asks for; what it leaves open, the command line or a default fills in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadSpec {
    /// Virtual users, or arrivals a second, over time.
    pub demand: Option<Demand>,
    /// Named spans of the run, from `[[phase]]`; none when the file has no phases.
    pub phases: Vec<PhaseSpan>,
    /// The length of the run; more than zero.
    pub duration: Option<Duration>,
    /// The most requests to send; at least 1.
    pub max_requests: Option<u64>,
    /// The most requests a second, more than 0.
    pub max_rps: Option<f64>,
    /// How many requests may leave at once after a pause under `max_rps`; at least 1.
    pub burst: Option<u32>,
    /// How much of the start is left out of the figures.
    pub warmup: Option<Duration>,
    /// How much of the end is left out of the figures.
    pub cooldown: Option<Duration>,
    /// The seed of all random numbers.
    pub seed: Option<u64>,
    /// How gaps between arrivals are spread; for a rate, wherever it is given.
    pub gaps: Option<Gaps>,
    /// Most users at a time; for a rate, wherever it is given.
    pub max_users: Option<u64>,
}

impl LoadSpec {
    /// The keys given that say something of a whole run, whatever runs in it.
    pub fn run_wide_keys(&self) -> Vec<&'static str> {
        let given = [
            ("max_requests", self.max_requests.is_some()),
            ("max_rps", self.max_rps.is_some()),
            ("burst", self.burst.is_some()),
            ("warmup", self.warmup.is_some()),
            ("cooldown", self.cooldown.is_some()),
            ("seed", self.seed.is_some()),
        ];
        let given = given.into_iter().filter(|(_, given)| *given);
        given.map(|(key, _)| key).collect()
    }

    /// This one where it says something, the other where it does not. A curve of one's own has no phases of the other's.
    pub(super) fn over(self, other: LoadSpec) -> LoadSpec {
        let phases = match self.demand {
            Some(_) => self.phases,
            None => other.phases,
        };
        LoadSpec {
            demand: self.demand.or(other.demand),
            phases,
            duration: self.duration.or(other.duration),
            max_requests: self.max_requests.or(other.max_requests),
            max_rps: self.max_rps.or(other.max_rps),
            burst: self.burst.or(other.burst),
            warmup: self.warmup.or(other.warmup),
            cooldown: self.cooldown.or(other.cooldown),
            seed: self.seed.or(other.seed),
            gaps: self.gaps.or(other.gaps),
            max_users: self.max_users.or(other.max_users),
        }
    }
}

/// The keys of `[load]`.
pub(super) const KEYS: &[&str] = &[
    "pattern",
    "users",
    "rate",
    "poisson",
    "max_users",
    "duration",
    "max_requests",
    "max_rps",
    "burst",
    "warmup",
    "cooldown",
    "seed",
];

/// The most users that can be asked for.
const MOST_USERS: u64 = 10_000_000;

/// Reads `[load]`; `base_dir` is where files of traces begin.
pub(super) fn read(node: &Node<'_>, base_dir: &Path) -> Option<LoadSpec> {
    let table = node.table(KEYS, "[load]")?;
    let time = |key: &str| table.get(key).and_then(|node| duration::read(&node));
    let (gaps, max_users) = (read_gaps(&table), read_max_users(&table));
    Some(LoadSpec {
        demand: read_demand(&table, gaps, max_users, base_dir),
        gaps,
        max_users,
        phases: Vec::new(),
        duration: time("duration"),
        max_requests: table
            .get("max_requests")
            .and_then(|node| node.whole_number(1..1 << 53, "max_requests = 10000")),
        max_rps: table.get("max_rps").and_then(|node| positive(&node)),
        burst: table
            .get("burst")
            .and_then(|node| node.whole_number(1..u64::from(u32::MAX), "burst = 10"))
            .map(|burst| burst as u32),
        warmup: time("warmup"),
        cooldown: time("cooldown"),
        seed: table
            .get("seed")
            .and_then(|node| node.whole_number(0..1 << 53, "seed = 7")),
    })
}

fn positive(node: &Node<'_>) -> Option<f64> {
    let example = format!("{} = 100", node.last_key());
    let value = node.number(0.0..=10_000_000.0, &example)?;
    if value <= 0.0 {
        node.problem(
            format!(
                "`{}` must be more than 0, got {}",
                node.last_key(),
                node.shown()
            ),
            format!("write it like {example}"),
        );
        return None;
    }
    Some(value)
}

/// The curve of `users` or `rate`, and what belongs to it.
fn read_demand(
    table: &Table<'_>,
    gaps: Option<Gaps>,
    max_users: Option<u64>,
    base_dir: &Path,
) -> Option<Demand> {
    let (users, rate) = (table.get("users"), table.get("rate"));
    if let (Some(_), Some(rate)) = (&users, &rate) {
        rate.problem(
            "`users` and `rate` are two models: a number of users, each waiting for its answer, or a rate of \
             arrivals, whatever the answers do",
            "keep one of the two; with a rate, max_users = 1000 bounds the users",
        );
        return None;
    }
    let (node, unit) = match (users, rate) {
        (Some(node), _) => (node, Unit::Users),
        (None, Some(node)) => (node, Unit::Rate),
        (None, None) => {
            needs_a_curve(table);
            return None;
        }
    };
    let fits = shape_fits(table, &node);
    let pattern = curve::read(&node, unit, base_dir).filter(|_| fits)?;
    match unit {
        Unit::Users => closed(table, pattern),
        Unit::Rate => Some(Demand::Arrivals {
            rate: pattern,
            gaps: gaps.unwrap_or_default(),
            max_users: max_users.unwrap_or(DEFAULT_MAX_USERS),
        }),
    }
}

/// `pattern` alone says nothing; a shape and no curve is a slip.
fn needs_a_curve(table: &Table<'_>) {
    let Some(shape) = read_shape(table) else {
        return;
    };
    if shape != "constant" {
        table.missing(
            &["users", "rate"],
            &format!("a {shape} needs its users, or its rate"),
            &format!("write users = {}", curve::example_of(&shape)),
        );
    }
}

/// The shape that `pattern` names, if it is one.
fn read_shape(table: &Table<'_>) -> Option<String> {
    let node = table.get("pattern")?;
    let text = node.text("pattern = \"ramp\"")?;
    let names = curve::shape_names();
    if !names.contains(&text.value.as_str()) {
        node.problem(
            format!("{} is not a pattern", node.shown()),
            format!("use one of {}", names.join(", ")),
        );
        return None;
    }
    Some(text.value)
}

/// Whether the curve has the shape that `pattern` names; it may be left out.
fn shape_fits(table: &Table<'_>, node: &Node<'_>) -> bool {
    if table.get("pattern").is_none() {
        return true;
    }
    let Some(shape) = read_shape(table) else {
        return false;
    };
    let found = curve::shape_of(node);
    // A table that lacks its mark is said to be incomplete below.
    if shape == found || (found == "ramp" && shape != "constant") {
        return true;
    }
    node.problem(
        format!(
            "`{}` is written as {}, and the pattern is {shape}",
            node.last_key(),
            match found {
                "constant" => "a plain value".to_owned(),
                found => format!("a {found}"),
            }
        ),
        format!(
            "write {} = {}, or pattern = \"{found}\"",
            node.last_key(),
            curve::example_of(&shape)
        ),
    );
    false
}

fn closed(table: &Table<'_>, pattern: Pattern) -> Option<Demand> {
    for key in ["poisson", "max_users"] {
        if let Some(node) = table.get(key) {
            node.problem(
                format!("`{key}` belongs to a rate of arrivals, and `users` is a number of users"),
                "remove it, or write rate = 100 instead of users",
            );
        }
    }
    Some(Demand::Users(pattern))
}

fn read_gaps(table: &Table<'_>) -> Option<Gaps> {
    let node = table.get("poisson")?;
    match node.value {
        DeValue::Boolean(true) => Some(Gaps::Poisson),
        DeValue::Boolean(false) => Some(Gaps::Even),
        _ => {
            node.wrong_type("true or false", "poisson = true");
            None
        }
    }
}

fn read_max_users(table: &Table<'_>) -> Option<u64> {
    let node = table.get("max_users")?;
    node.whole_number(1..MOST_USERS + 1, "max_users = 1000")
}
