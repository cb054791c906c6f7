//! Which pattern the flags ask for, and which flags go with which. Neighbours: `curve.rs` builds it, `config.rs` asks
//! which flags of a file a typed one replaces. Invariant: a flag of another pattern is never ignored in silence.

use crate::{args::LoadArgs, complaint::Complaint};
use std::path::{Path, PathBuf};

/// The kinds of patterns that flags can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The same all the time.
    Constant,
    /// From one load to another.
    Ramp,
    /// The same in steps.
    Step,
    /// A burst.
    Spike,
    /// Day and night.
    Diurnal,
    /// A trace, or the load of another file.
    File,
}

/// A pattern's words: the kind, what stands after `--pattern`, what it is called in a sentence.
const WORDS: [(Kind, &str, &str); 5] = [
    (Kind::Constant, "constant", "a constant load"),
    (Kind::Ramp, "ramp", "a ramp"),
    (Kind::Step, "step", "steps"),
    (Kind::Spike, "spike", "a spike"),
    (Kind::Diurnal, "diurnal", "a diurnal wave"),
];

/// The long flags that shape a pattern, with those they belong to, the most usual first.
pub const SHAPE_FLAGS: [(&str, &[Kind]); 14] = [
    ("ramp-to", &[Kind::Ramp, Kind::Step]),
    ("ramp-over", &[Kind::Ramp]),
    ("ramp-curve", &[Kind::Ramp]),
    ("step-size", &[Kind::Step]),
    ("step-duration", &[Kind::Step]),
    ("peak", &[Kind::Spike]),
    ("spike-at", &[Kind::Spike]),
    ("spike-for", &[Kind::Spike]),
    ("sustain", &[Kind::Spike]),
    ("amplitude", &[Kind::Diurnal]),
    ("period", &[Kind::Diurnal]),
    ("phase", &[Kind::Diurnal]),
    ("time-scale", &[Kind::File]),
    ("scale", &[Kind::File]),
];

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// No flag shapes the load.
    None,
    /// One of the patterns with a name.
    Named(Kind),
    /// A file.
    File(PathBuf),
}

impl Kind {
    /// What it is called in a sentence.
    fn words(self) -> &'static str {
        let known = WORDS.iter().find(|(kind, ..)| *kind == self);
        known.map_or("a trace (--pattern FILE.csv)", |(_, _, words)| words)
    }

    /// The kind that `--pattern` names; anything that is not one of the words is a file.
    pub fn named(pattern: &str) -> Kind {
        let known = WORDS.iter().find(|(_, word, _)| *word == pattern);
        known.map_or(Kind::File, |(kind, ..)| *kind)
    }

    /// Whether this flag shapes it.
    pub fn takes(self, flag: &str) -> bool {
        SHAPE_FLAGS
            .iter()
            .any(|(name, kinds)| *name == flag && kinds.contains(&self))
    }

    /// The kind that flags ask for by themselves, without `--pattern`: that of the first which belongs to one alone, or a
    /// ramp for `--ramp-to`.
    pub fn implied<'f>(flags: impl Iterator<Item = &'f str> + Clone) -> Option<Kind> {
        let kinds = |flag: &str| {
            SHAPE_FLAGS
                .iter()
                .find(|(name, _)| *name == flag)
                .map(|(_, kinds)| *kinds)
        };
        let alone = flags
            .clone()
            .filter_map(kinds)
            .find(|kinds| kinds.len() == 1);
        alone
            .or_else(|| flags.filter_map(kinds).next())
            .map(|kinds| kinds[0])
    }
}

/// Finds out what the flags ask for.
///
/// # Errors
/// When flags belong to another pattern than the one asked for, or to several; each is told.
pub fn choose(args: &LoadArgs) -> Result<Choice, Vec<Complaint>> {
    let typed = typed_shape_flags(args);
    let (kind, why) = match &args.pattern {
        Some(pattern) => (Kind::named(pattern), format!("--pattern {pattern}")),
        None => match Kind::implied(typed.iter().copied()) {
            None => return Ok(Choice::None),
            Some(kind) => {
                let flag = typed.iter().find(|flag| kind.takes(flag));
                (kind, format!("--{}", flag.copied().unwrap_or_default()))
            }
        },
    };
    let mut complaints: Vec<Complaint> = typed
        .iter()
        .filter(|flag| !kind.takes(flag))
        .map(|flag| foreign(flag, args.pattern.is_some(), kind, &why))
        .collect();
    if !complaints.is_empty() {
        return Err(complaints);
    }
    match (&args.pattern, kind) {
        (Some(pattern), Kind::File) => match no_pattern_file(pattern) {
            None => Ok(Choice::File(PathBuf::from(pattern))),
            Some(complaint) => {
                complaints.push(complaint);
                Err(complaints)
            }
        },
        (None, Kind::File) => Err(vec![Complaint::new(
            format!("{why} belongs to a trace, and nothing names one"),
            format!("add --pattern FILE.csv, or leave out {why}"),
        )]),
        _ => Ok(Choice::Named(kind)),
    }
}

fn foreign(flag: &str, named: bool, kind: Kind, why: &str) -> Complaint {
    let own = SHAPE_FLAGS
        .iter()
        .find(|(name, _)| *name == flag)
        .map_or("another pattern", |(_, kinds)| kinds[0].words());
    let message = match named {
        true => format!("--{flag} belongs to {own}, and {why} asks for none"),
        false => format!("--{flag} belongs to {own}, and {why} to {}", kind.words()),
    };
    Complaint::new(message, format!("leave out --{flag}, or {why}"))
}

/// What is wrong when what stands after `--pattern` is neither a word nor a file that a pattern can be read from.
fn no_pattern_file(pattern: &str) -> Option<Complaint> {
    let path = Path::new(pattern);
    let extension = path.extension().and_then(|extension| extension.to_str());
    let words: Vec<&str> = WORDS.iter().map(|(_, word, _)| *word).collect();
    if !matches!(extension, Some("csv" | "toml")) {
        return Some(Complaint::new(
            format!("--pattern {pattern} is no pattern"),
            format!(
                "use one of {}, or name a file: FILE.csv for a trace, FILE.toml for its [load]",
                words.join(", ")
            ),
        ));
    }
    (!path.is_file()).then(|| {
        Complaint::new(
            format!("--pattern {pattern}: there is no file of that name"),
            "check the name; a trace has lines such as 0,100 and 60,250: seconds and load",
        )
    })
}

/// The shape flags that were typed, in the order of the table, without their dashes.
pub fn typed_shape_flags(args: &LoadArgs) -> Vec<&'static str> {
    let typed = [
        args.ramp_to.is_some(),
        args.ramp_over.is_some(),
        args.ramp_curve.is_some(),
        args.step_size.is_some(),
        args.step_duration.is_some(),
        args.peak.is_some(),
        args.spike_at.is_some(),
        args.spike_for.is_some(),
        args.sustain.is_some(),
        args.amplitude.is_some(),
        args.period.is_some(),
        args.phase.is_some(),
        args.time_scale.is_some(),
        args.scale.is_some(),
    ];
    let names = SHAPE_FLAGS.iter().map(|(name, _)| *name);
    names
        .zip(typed)
        .filter(|(_, typed)| *typed)
        .map(|(name, _)| name)
        .collect()
}
