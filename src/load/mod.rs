//! How much load for how long: what files say and the flags put together, flags first. `decide` is for one scenario,
//! `decide_together` for several side by side.
//! Neighbours: `kind.rs` and `curve.rs` shape the pattern, `span.rs` the phases; `intent.rs` and `commands/preview.rs` call.
//! Invariant: what comes out asks for some load at some time, for more than no time.

mod curve;
mod demand;
mod file;
pub mod kind;
mod span;
mod split;
mod together;
mod unit;
mod unseen;
pub mod words;

use crate::{
    amounts::{MOST_LOAD, count, positive_time, quantity},
    args::LoadArgs,
    complaint::Complaint,
    mask::Mask,
};
use demand::{Asked, unit_of};
use loadforge_analysis::{LoadModel, PartInfo, PhaseInfo};
use loadforge_engine::MaxRate;
pub use loadforge_scenarios::document::LoadSpec;
use loadforge_scenarios::{Demand, PhaseSpan};
pub use split::by_weight;
use std::time::Duration;
pub use together::{FilePart, decide_together};
use unit::Unit;
use unseen::Unseen;

/// A load, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// What each scenario is asked, in their order; at least one.
    pub demands: Vec<NamedDemand>,
    /// Named spans of the run, in their order; none when all of it is measured.
    pub phases: Vec<PhaseSpan>,
    /// How long the whole run lasts.
    pub duration: Duration,
    /// Ends the run once so many requests have been sent.
    pub max_requests: Option<u64>,
    /// Bounds the requests sent a second.
    pub max_rate: Option<MaxRate>,
}

/// What one scenario is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedDemand {
    /// The scenario's name; empty when it is alone.
    pub name: String,
    /// What is asked.
    pub demand: Demand,
}

impl Load {
    /// Puts flags over what the file says, and that over the defaults; everything wrong goes to `complaints`.
    pub fn decide(
        args: &LoadArgs,
        file: &LoadSpec,
        default_duration: Duration,
        complaints: &mut Vec<Complaint>,
    ) -> Load {
        let typed_duration = read(&args.duration, complaints, |text| {
            positive_time("--duration", text)
        });
        let known = typed_duration.or(file.duration);
        let asked = Asked::read(args, file, known.unwrap_or(default_duration), complaints);
        let duration = known.or(asked.length).unwrap_or(default_duration);
        if asked.sound && !bad_duration(args, typed_duration) {
            let file = args
                .pattern
                .as_deref()
                .filter(|pattern| pattern.contains('.'));
            complaints.extend(asked.without_load(duration, file));
        }
        let max_requests = max_requests(args, complaints);
        let max_rate = max_rate(args, file, complaints);
        let phases = span::phases(args, file, duration, complaints);
        let phases = span::by_steps(phases, &asked.demand, duration);
        Load {
            demands: vec![NamedDemand {
                name: String::new(),
                demand: asked.demand,
            }],
            phases,
            duration,
            max_requests: max_requests.or(file.max_requests),
            max_rate,
        }
    }

    /// The load in words, such as `ramp from 1 to 200 users over 30s`.
    pub fn words(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        for NamedDemand { name, demand } in &self.demands {
            words.push(match name.as_str() {
                "" => words::words(demand),
                _ => format!("{name}: {}", words::words(demand)),
            });
        }
        let mut words = words.join("; ");
        if let Some(bound) = self.max_rate {
            let requests = if bound.per_s == 1.0 {
                "request"
            } else {
                "requests"
            };
            words.push_str(&format!(", at most {} {requests} a second", bound.per_s));
        }
        words
    }
}

impl Load {
    /// What the curves would do after the run's end, in words.
    pub fn unseen(&self) -> Vec<String> {
        let notes = self
            .demands
            .iter()
            .flat_map(|NamedDemand { name, demand }| {
                let notes = Unseen::of(demand.pattern(), unit_of(demand), self.duration);
                notes.into_iter().map(move |note| match name.as_str() {
                    "" => note,
                    _ => format!("{name}: {note}"),
                })
            });
        notes.collect()
    }

    /// Which side sets the pace; open when any scenario is.
    pub fn model(&self) -> LoadModel {
        match self
            .demands
            .iter()
            .all(|asked| unit_of(&asked.demand) == Unit::Users)
        {
            true => LoadModel::Closed,
            false => LoadModel::Open,
        }
    }

    /// Most users that there may be at a time.
    pub fn most_users(&self) -> u64 {
        let most = |asked: &NamedDemand| match &asked.demand {
            Demand::Users(pattern) => pattern.peak().round() as u64,
            Demand::Arrivals { max_users, .. } => *max_users,
        };
        self.demands.iter().map(most).sum()
    }

    /// Most arrivals a second that are asked for; 0 when only users are.
    pub fn rate_peak(&self) -> f64 {
        let peak = |asked: &NamedDemand| match &asked.demand {
            Demand::Users(_) => 0.0,
            Demand::Arrivals { rate, .. } => rate.peak(),
        };
        self.demands.iter().map(peak).sum()
    }

    /// The scenarios as reports name them; none when there is one alone.
    pub fn part_infos(&self, mask: &Mask) -> Vec<PartInfo> {
        if self.demands.len() < 2 {
            return Vec::new();
        }
        let info = |asked: &NamedDemand| PartInfo {
            name: mask.apply(&asked.name),
            model: match unit_of(&asked.demand) {
                Unit::Users => LoadModel::Closed,
                Unit::Rate => LoadModel::Open,
            },
            load: words::words(&asked.demand),
            max_users: match &asked.demand {
                Demand::Users(_) => None,
                Demand::Arrivals { max_users, .. } => Some(*max_users),
            },
        };
        self.demands.iter().map(info).collect()
    }

    /// The phases as reports name them.
    pub fn phase_infos(&self) -> Vec<PhaseInfo> {
        let mut began = Duration::ZERO;
        let info = |phase: &PhaseSpan| {
            let from = std::mem::replace(&mut began, phase.until);
            PhaseInfo {
                name: phase.name.clone(),
                from_s: from.as_secs_f64(),
                until_s: phase.until.as_secs_f64(),
                role: phase.role,
            }
        };
        self.phases.iter().map(info).collect()
    }
}

/// Whether a duration was typed that cannot be used: what depends on it has been told by that.
fn bad_duration(args: &LoadArgs, read: Option<Duration>) -> bool {
    args.duration.is_some() && read.is_none()
}

/// Reads a flag if it was typed; what is wrong with it is kept.
fn read<T>(
    typed: &Option<String>,
    complaints: &mut Vec<Complaint>,
    read: impl FnOnce(&str) -> Result<T, Complaint>,
) -> Option<T> {
    read(typed.as_deref()?)
        .map_err(|complaint| complaints.push(complaint))
        .ok()
}

fn max_requests(args: &LoadArgs, complaints: &mut Vec<Complaint>) -> Option<u64> {
    read(&args.max_requests, complaints, |text| {
        count("--max-requests", text, 1..=u64::MAX)
    })
}

fn max_rate(args: &LoadArgs, file: &LoadSpec, complaints: &mut Vec<Complaint>) -> Option<MaxRate> {
    let typed = read(&args.max_rps, complaints, |text| {
        quantity("--max-rps", text, false)
    });
    let burst = read(&args.burst, complaints, |text| {
        count("--burst", text, 1..=MOST_LOAD).map(|burst| burst as u32)
    });
    let per_s = typed.or(file.max_rps);
    if let (None, None, Some(burst)) = (per_s, &args.max_rps, &args.burst) {
        complaints.push(Complaint::new(
            format!("--burst {burst} is the burst of a bound that nobody has asked for"),
            "add --max-rps R, or leave out --burst",
        ));
    }
    let kept = file.burst.filter(|_| typed.is_none());
    per_s.map(|per_s| MaxRate {
        per_s,
        // What 10 ms allow: enough to make up for a worker that looks every few milliseconds.
        burst: burst
            .or(kept)
            .unwrap_or(((per_s / 100.0).ceil() as u32).max(1)),
    })
}

#[cfg(test)]
mod tests;
