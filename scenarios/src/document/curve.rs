//! Curves of load in scenario files: a number, or a table whose keys say which shape it has. Neighbours: `load.rs` and
//! `phases.rs` ask for them, `pattern/` is what comes out. Invariant: a curve that is read asks for something at some time.

use super::{
    duration,
    reader::{Node, Table},
};
use crate::{Pattern, RampCurve, TraceScale, read_trace};
use std::{path::Path, time::Duration};
use toml::de::DeValue;

/// More users than ports, memory or anybody's service can stand, and more arrivals a second than any machine sends: a slip
/// of the finger.
const MOST: f64 = 10_000_000.0;
/// The shortest wave: a run of days must not be cut into millions of them.
const SHORTEST_WAVE: Duration = Duration::from_secs(1);
/// How deep curves may stand in one another.
const DEEPEST: usize = 8;

/// What a curve counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Whole virtual users.
    Users,
    /// Arrivals a second, fractions included.
    Rate,
}

/// A shape: its name, the key that no other shape has, all of its keys, an example.
struct Shape {
    name: &'static str,
    mark: &'static str,
    keys: &'static [&'static str],
    example: &'static str,
}

const SHAPES: [Shape; 8] = [
    Shape {
        name: "spike",
        mark: "peak",
        keys: &[
            "base", "peak", "at", "for", "sustain", "scale", "least", "most",
        ],
        example: "{ base = 10, peak = 500, at = \"1m\", for = \"10s\", sustain = 50 }",
    },
    Shape {
        name: "diurnal",
        mark: "amplitude",
        keys: &[
            "base",
            "amplitude",
            "period",
            "phase",
            "scale",
            "least",
            "most",
        ],
        example: "{ base = 100, amplitude = 80, period = \"24h\", phase = 0.75 }",
    },
    Shape {
        name: "step",
        mark: "step",
        keys: &["from", "to", "step", "every", "scale", "least", "most"],
        example: "{ from = 10, to = 100, step = 10, every = \"30s\" }",
    },
    Shape {
        name: "points",
        mark: "points",
        keys: &["points", "scale", "least", "most"],
        example: "{ points = [[\"0s\", 1], [\"30s\", 100]] }",
    },
    Shape {
        name: "trace",
        mark: "trace",
        keys: &["trace", "time_scale", "scale", "least", "most"],
        example: "{ trace = \"day.csv\", time_scale = 0.01, scale = 2.0 }",
    },
    Shape {
        name: "sum",
        mark: "sum",
        keys: &["sum", "scale", "least", "most"],
        example: "{ sum = [ 10, { from = 1, to = 100, over = \"30s\" } ] }",
    },
    Shape {
        name: "product",
        mark: "product",
        keys: &["product", "scale", "least", "most"],
        example: "{ product = [ { trace = \"day.csv\" }, 1.5 ] }",
    },
    Shape {
        name: "ramp",
        mark: "over",
        keys: &["from", "to", "over", "curve", "scale", "least", "most"],
        example: "{ from = 1, to = 100, over = \"30s\" }",
    },
];

/// The names of shapes that `pattern` may give, the constant one included.
pub(super) fn shape_names() -> Vec<&'static str> {
    let shapes = SHAPES.iter().map(|shape| shape.name);
    std::iter::once("constant").chain(shapes).collect()
}

/// How a shape is written.
pub(super) fn example_of(name: &str) -> &'static str {
    let shape = SHAPES.iter().find(|shape| shape.name == name);
    shape.map_or("20", |shape| shape.example)
}

/// The shape that a value has, by its keys; a table that shows none is taken for a ramp.
pub(super) fn shape_of(node: &Node<'_>) -> &'static str {
    let DeValue::Table(table) = node.value else {
        return "constant";
    };
    let marked = SHAPES.iter().find(|shape| table.contains_key(shape.mark));
    marked.map_or("ramp", |shape| shape.name)
}

/// Reads a curve; `base_dir` is where files of traces begin.
pub(super) fn read(node: &Node<'_>, unit: Unit, base_dir: &Path) -> Option<Pattern> {
    let pattern = Curves { unit, base_dir }.read(node, 0)?;
    if pattern.peak() <= 0.0 {
        let what = match unit {
            Unit::Users => "it asks for no user at any time",
            Unit::Rate => "it asks for no arrival at any time",
        };
        node.problem(
            format!("`{}`: {what}", node.last_key()),
            "let it be more than 0 at some time",
        );
        return None;
    }
    is_bearable(node, &pattern).then_some(pattern)
}

/// Reads a curve that may ask for nothing: a pause between others.
pub(super) fn read_or_nothing(node: &Node<'_>, unit: Unit, base_dir: &Path) -> Option<Pattern> {
    let pattern = Curves { unit, base_dir }.read(node, 1)?;
    is_bearable(node, &pattern).then_some(pattern)
}

fn is_bearable(node: &Node<'_>, pattern: &Pattern) -> bool {
    let bearable = pattern.peak() <= MOST;
    if !bearable {
        node.problem(
            format!("`{}` asks for up to {}", node.last_key(), pattern.peak()),
            format!("ask for {MOST} at most, or hold it with most = …"),
        );
    }
    bearable
}

struct Curves<'p> {
    unit: Unit,
    base_dir: &'p Path,
}

impl Curves<'_> {
    fn read(&self, node: &Node<'_>, depth: usize) -> Option<Pattern> {
        if depth > DEEPEST {
            node.problem(
                format!("curves stand more than {DEEPEST} deep in one another"),
                "write it with fewer",
            );
            return None;
        }
        let name = shape_of(node);
        let Some(shape) = SHAPES.iter().find(|shape| shape.name == name) else {
            return self.constant(node, depth);
        };
        let example = format!("{} = {}", node.last_key(), shape.example);
        let table = node.table(shape.keys, &example)?;
        let pattern = match name {
            "spike" => self.spike(&table, &example),
            "diurnal" => self.diurnal(&table, &example),
            "step" => self.step(node, &table, &example),
            "points" => self.points(&table, &example),
            "trace" => self.trace(&table),
            "sum" => Some(Pattern::Sum(self.all(&table.get("sum")?, depth)?)),
            "product" => {
                // A factor counts nothing: half of a number of users is fine.
                let factors = Curves {
                    unit: Unit::Rate,
                    base_dir: self.base_dir,
                };
                Some(Pattern::Product(
                    factors.all(&table.get("product")?, depth)?,
                ))
            }
            _ => self.ramp(node, &table, &example),
        };
        held(&table, pattern)
    }

    /// A number; at the top of a load 0 of it makes no sense, inside a sum it may.
    fn constant(&self, node: &Node<'_>, depth: usize) -> Option<Pattern> {
        let example = format!("{} = 20", node.last_key());
        let value = match (self.unit, depth) {
            (Unit::Users, 0) => node.whole_number(1..MOST as u64 + 1, &example)? as f64,
            (Unit::Rate, 0) => {
                let rate = self.value(node, &example)?;
                if rate <= 0.0 {
                    node.problem(
                        format!(
                            "`{}` must be more than 0, got {}",
                            node.last_key(),
                            node.shown()
                        ),
                        format!("write it like {example}; fractions such as 0.5 are fine"),
                    );
                    return None;
                }
                rate
            }
            _ => self.value(node, &example)?,
        };
        Some(Pattern::Constant(value))
    }

    fn value(&self, node: &Node<'_>, example: &str) -> Option<f64> {
        match self.unit {
            Unit::Users => Some(node.whole_number(0..MOST as u64 + 1, example)? as f64),
            Unit::Rate => node.number(0.0..=MOST, example),
        }
    }

    /// A value that must be there.
    fn needed(&self, table: &Table<'_>, key: &'static str, example: &str) -> Option<f64> {
        need(table, key, example);
        self.value(&table.get(key)?, &format!("{key} = 20"))
    }

    fn all(&self, node: &Node<'_>, depth: usize) -> Option<Vec<Pattern>> {
        let items = node.items(&format!("{} = [ … ]", node.last_key()))?;
        if items.is_empty() {
            node.problem(
                format!("`{}` holds no curve", node.last_key()),
                "give it one at least",
            );
            return None;
        }
        let read: Vec<_> = items
            .iter()
            .map(|item| self.read(item, depth + 1))
            .collect();
        read.into_iter().collect()
    }

    fn ramp(&self, node: &Node<'_>, table: &Table<'_>, example: &str) -> Option<Pattern> {
        let from = self.needed_of("a ramp", table, "from", example);
        let to = self.needed_of("a ramp", table, "to", example);
        table.missing(
            &["over"],
            "a ramp needs `over`, its length",
            &format!("write {example}"),
        );
        let over = table.get("over").and_then(|node| duration::read(&node));
        let curve = read_curve(table);
        if (from, to) == (Some(0.0), Some(0.0)) {
            let unit = match self.unit {
                Unit::Users => "0 users to 0 users",
                Unit::Rate => "0 to 0",
            };
            node.problem(
                format!("the ramp goes from {unit}"),
                "let it begin or end with at least 1",
            );
        }
        let (from, to, curve) = (from?, to?, curve?);
        if curve == RampCurve::Exponential && (from <= 0.0 || to <= 0.0) {
            node.problem(
                "an exponential ramp cannot begin or end at 0: nothing times anything is nothing",
                "let it begin and end above 0, or write curve = \"linear\"",
            );
            return None;
        }
        Some(Pattern::Ramp {
            from,
            to,
            over: over?,
            curve,
        })
    }

    fn needed_of(
        &self,
        what: &str,
        table: &Table<'_>,
        key: &'static str,
        example: &str,
    ) -> Option<f64> {
        table.missing(
            &[key],
            &format!("{what} needs `{key}`"),
            &format!("write {example}"),
        );
        self.value(&table.get(key)?, &format!("{key} = 20"))
    }

    fn step(&self, node: &Node<'_>, table: &Table<'_>, example: &str) -> Option<Pattern> {
        let from = self.needed(table, "from", example);
        let to = self.needed(table, "to", example);
        let size = table.get("step")?;
        let size = self.value(&size, "step = 10").and_then(|height| {
            if height <= 0.0 {
                size.problem(
                    "a step of 0 never gets anywhere",
                    "write the height of a step, such as step = 10; a staircase down has `to` below `from`",
                );
            }
            (height > 0.0).then_some(height)
        });
        need(table, "every", example);
        let every = table.get("every").and_then(|node| duration::read(&node));
        let (from, to, size) = (from?, to?, size?);
        if (to - from).abs() / size > 1_000_000.0 {
            node.problem("it has more than a million steps", "make steps higher");
            return None;
        }
        Some(Pattern::Step {
            from,
            to,
            size,
            every: every?,
        })
    }

    fn spike(&self, table: &Table<'_>, example: &str) -> Option<Pattern> {
        let base = self.needed(table, "base", example);
        let peak = self.needed(table, "peak", example);
        need(table, "at", example);
        need(table, "for", example);
        let at = table
            .get("at")
            .and_then(|node| duration::read_or_zero(&node));
        let length = table.get("for").and_then(|node| duration::read(&node));
        let sustain = match table.get("sustain") {
            None => base,
            Some(node) => self.value(&node, "sustain = 50"),
        };
        Some(Pattern::Spike {
            base: base?,
            peak: peak?,
            at: at?,
            length: length?,
            sustain: sustain?,
        })
    }

    fn diurnal(&self, table: &Table<'_>, example: &str) -> Option<Pattern> {
        let base = self.needed(table, "base", example);
        let amplitude = self.needed(table, "amplitude", example);
        need(table, "period", example);
        let period = table.get("period").and_then(|node| {
            let period = duration::read(&node)?;
            if period < SHORTEST_WAVE {
                node.problem(
                    format!("a wave of {} is too short to follow", node.shown()),
                    "let it last a second or more",
                );
                return None;
            }
            Some(period)
        });
        let phase = match table.get("phase") {
            None => Some(0.0),
            Some(node) if matches!(node.value, DeValue::String(_)) => duration::read_or_zero(&node)
                .zip(period)
                .map(|(begins, period)| begins.as_secs_f64() / period.as_secs_f64()),
            Some(node) => node.number(0.0..=1.0, "phase = 0.75"),
        };
        Some(Pattern::Diurnal {
            base: base?,
            amplitude: amplitude?,
            period: period?,
            phase: phase?,
        })
    }

    fn points(&self, table: &Table<'_>, example: &str) -> Option<Pattern> {
        let node = table.get("points")?;
        let items = node.items(example)?;
        let mut points: Vec<(Duration, f64)> = Vec::new();
        for item in &items {
            let pair = item.items("[\"30s\", 100]")?;
            let [time, value] = pair.as_slice() else {
                item.problem("a point is a time and a load", "write [\"30s\", 100]");
                return None;
            };
            let at = duration::read_or_zero(time)?;
            if points.last().is_some_and(|(before, _)| *before > at) {
                time.problem(
                    format!(
                        "the time {} lies before that of the point above",
                        time.shown()
                    ),
                    "sort the points by time",
                );
                return None;
            }
            points.push((at, self.value(value, "100")?));
        }
        if points.is_empty() {
            node.problem("`points` holds no point", format!("write {example}"));
            return None;
        }
        Some(Pattern::Points(points))
    }

    fn trace(&self, table: &Table<'_>) -> Option<Pattern> {
        let node = table.get("trace")?;
        let time = match table.get("time_scale") {
            None => 1.0,
            Some(node) => factor(&node, "time_scale = 0.01")?,
        };
        let file = node.public_text("the name of a file", "trace = \"day.csv\"")?;
        let scale = TraceScale { time, height: 1.0 };
        read_trace(&self.base_dir.join(file.value), scale)
            .map_err(|error| {
                let message = format!("the trace {}: {error}", node.shown());
                node.problem(message, error.remedy);
            })
            .ok()
    }
}

fn need(table: &Table<'_>, key: &'static str, example: &str) {
    table.missing(
        &[key],
        &format!("the curve needs `{key}`"),
        &format!("write {example}"),
    );
}

fn read_curve(table: &Table<'_>) -> Option<RampCurve> {
    let Some(node) = table.get("curve") else {
        return Some(RampCurve::Linear);
    };
    match node.text("curve = \"exponential\"")?.value.as_str() {
        "linear" => Some(RampCurve::Linear),
        "exponential" => Some(RampCurve::Exponential),
        _ => {
            node.problem(
                format!("{} is not a curve of a ramp", node.shown()),
                "use \"linear\" or \"exponential\"",
            );
            None
        }
    }
}

fn factor(node: &Node<'_>, example: &str) -> Option<f64> {
    let factor = node.number(0.0..=1e9, example)?;
    if factor <= 0.0 {
        node.problem(
            format!("`{}` must be more than 0", node.last_key()),
            format!("write it like {example}"),
        );
        return None;
    }
    Some(factor)
}

/// Multiplied by `scale`, then held between `least` and `most`, where the table says so.
fn held(table: &Table<'_>, pattern: Option<Pattern>) -> Option<Pattern> {
    let scale = match table.get("scale") {
        None => Some(1.0),
        Some(node) => factor(&node, "scale = 2.0"),
    };
    let bound = |key: &str, default: f64| match table.get(key) {
        None => Some(default),
        Some(node) => node.number(0.0..=MOST, &format!("{key} = 100")),
    };
    let (least, most) = (bound("least", 0.0), bound("most", f64::INFINITY));
    let (pattern, scale, least, most) = (pattern?, scale?, least?, most?);
    if least > most {
        let node = table.get("least")?;
        node.problem(
            "`least` is more than `most`",
            "let `least` be the lower one of the two",
        );
        return None;
    }
    let pattern = match scale {
        1.0 => pattern,
        factor => Pattern::Product(vec![pattern, Pattern::Constant(factor)]),
    };
    Some(if least > 0.0 || most.is_finite() {
        Pattern::Clamp {
            pattern: Box::new(pattern),
            least,
            most,
        }
    } else {
        pattern
    })
}
