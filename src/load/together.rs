//! Several scenarios side by side, each with a load of its own. Neighbours: `aim.rs` names them, `mod.rs` decides for one.
//! Invariant: the run lasts as long as the longest of them; one that ends earlier asks for nothing from then on.

use super::{Load, LoadSpec, NamedDemand, demand::Asked, kind::typed_shape_flags, read, span};
use crate::{amounts::positive_time, args::LoadArgs, complaint::Complaint};
use loadforge_scenarios::{Demand, Pattern};
use std::time::Duration;

/// One of several scenarios and what its file says.
#[derive(Clone, Debug)]
pub struct FilePart {
    /// The scenario's name.
    pub name: String,
    /// Its load.
    pub load: LoadSpec,
}

/// Puts flags over what the files of several scenarios say; `whole` is what the file says that names them.
pub fn decide_together(
    args: &LoadArgs,
    parts: &[FilePart],
    whole: &LoadSpec,
    default_duration: Duration,
    complaints: &mut Vec<Complaint>,
) -> Load {
    complaints.extend(refused(args));
    let typed = read(&args.duration, complaints, |text| {
        positive_time("--duration", text)
    });
    let lengths = parts
        .iter()
        .map(|part| part.load.duration.unwrap_or(default_duration));
    let longest = lengths.max().unwrap_or(default_duration);
    let duration = typed.or(whole.duration).unwrap_or(longest);
    let none = LoadArgs::default();
    let mut demands = Vec::new();
    for FilePart { name, load } in parts {
        let length = load.duration.unwrap_or(duration);
        let asked = Asked::read(&none, load, length, complaints);
        demands.push(NamedDemand {
            name: name.clone(),
            demand: match load.duration {
                Some(length) if length < duration => until(asked.demand, length, duration),
                _ => asked.demand,
            },
        });
    }
    let mut spans = whole.clone();
    if spans.phases.is_empty() {
        // Those of the part that lasts longest; the first of equals.
        let longest = parts
            .iter()
            .rev()
            .max_by_key(|part| part.load.duration.unwrap_or(default_duration));
        if let Some(longest) = longest {
            spans.phases.clone_from(&longest.load.phases);
            spans.warmup = spans.warmup.or(longest.load.warmup);
            spans.cooldown = spans.cooldown.or(longest.load.cooldown);
        }
    }
    let phases = span::phases(args, &spans, duration, complaints);
    Load {
        demands,
        phases,
        duration,
        max_requests: super::max_requests(args, complaints).or(whole.max_requests),
        max_rate: super::max_rate(args, whole, complaints),
    }
}

/// The demand up to `length`, then nothing.
fn until(demand: Demand, length: Duration, duration: Duration) -> Demand {
    let cut = |pattern| {
        Pattern::Sequence(vec![
            (length, pattern),
            (duration - length, Pattern::Constant(0.0)),
        ])
    };
    match demand {
        Demand::Users(pattern) => Demand::Users(cut(pattern)),
        Demand::Arrivals {
            rate,
            gaps,
            max_users,
        } => Demand::Arrivals {
            rate: cut(rate),
            gaps,
            max_users,
        },
    }
}

/// Flags that change a load, of which there are several here.
fn refused(args: &LoadArgs) -> Vec<Complaint> {
    let mut typed: Vec<String> = [
        ("--users", args.users.is_some()),
        ("--rate", args.rate.is_some()),
        ("--poisson", args.poisson),
        ("--max-users", args.max_users.is_some()),
        ("--pattern", args.pattern.is_some()),
    ]
    .iter()
    .filter(|(_, typed)| *typed)
    .map(|(flag, _)| (*flag).to_owned())
    .collect();
    let shapes = typed_shape_flags(args);
    typed.extend(shapes.iter().map(|flag| format!("--{flag}")));
    typed
        .into_iter()
        .map(|flag| {
            Complaint::new(
                format!("{flag}: the file runs several scenarios side by side, each with a load of its own"),
                format!("leave out {flag}, and change `load` of the [[scenario]] that is meant; --duration, --max-requests and --max-rps are for all of them"),
            )
        })
        .collect()
}
