//! What is asked of one scenario: users or arrivals a second, and their curve. Neighbours: `kind.rs` says which pattern,
//! `curve.rs` builds it. Invariant: flags of one model are never taken for the other.

use super::{
    LoadSpec,
    curve::Sketch,
    file,
    kind::{self, Choice},
    read,
    unit::Unit,
};
use crate::{
    amounts::{MOST_LOAD, count, time_words},
    args::LoadArgs,
    complaint::Complaint,
};
use loadforge_scenarios::{Course, DEFAULT_MAX_USERS, Demand, Gaps, Pattern};
use std::time::Duration;

/// What was asked.
pub struct Asked {
    /// What is asked.
    pub demand: Demand,
    /// The length of a trace or of the file that `--pattern` names.
    pub length: Option<Duration>,
    /// Whether nothing is wrong with it so far.
    pub sound: bool,
}

impl Asked {
    /// Puts flags over the file's demand. `duration` is what the run lasts as far as is known.
    pub fn read(
        args: &LoadArgs,
        file: &LoadSpec,
        duration: Duration,
        complaints: &mut Vec<Complaint>,
    ) -> Asked {
        let before = complaints.len();
        let unit = model(args, file.demand.as_ref(), complaints);
        let base = match unit {
            Unit::Users => &args.users,
            Unit::Rate => &args.rate,
        };
        let flag = unit.flag();
        let choice = kind::choose(args);
        // As in files: a shape may begin at 0 or stand on it, a load that stays the same may not.
        let may_be_zero = matches!(choice, Ok(Choice::Named(kind)) if kind != kind::Kind::Constant);
        let base = read(base, complaints, |text| unit.level(flag, text, may_be_zero));
        let own = file.demand.as_ref().filter(|own| unit_of(own) == unit);
        let mut sketch = Sketch {
            args,
            unit,
            base,
            file: own.map(Demand::pattern),
            duration,
            complaints,
        };
        let mut length = None;
        let pattern = match choice {
            // `--users` alone means that many, whatever the file's curve.
            Ok(Choice::None) => base
                .map(Pattern::Constant)
                .or(own.map(|own| own.pattern().clone())),
            Ok(Choice::Named(kind)) => sketch.draw(kind),
            Ok(Choice::File(path)) => match file::read(&path, args, unit, base) {
                Ok(found) => {
                    length = found.length;
                    Some(found.pattern)
                }
                Err(told) => {
                    complaints.extend(told);
                    None
                }
            },
            Err(told) => {
                complaints.extend(told);
                None
            }
        };
        let pattern = pattern.unwrap_or(Pattern::Constant(unit.default_base()));
        let demand = match unit {
            Unit::Users => Demand::Users(pattern),
            Unit::Rate => arrivals(args, file, pattern, complaints),
        };
        Asked {
            demand,
            length,
            sound: complaints.len() == before,
        }
    }

    /// What is wrong when nothing is asked for in all this time.
    pub fn without_load(&self, duration: Duration, file: Option<&str>) -> Option<Complaint> {
        let pattern = self.demand.pattern();
        match unit_of(&self.demand) {
            _ if pattern.peak() <= 0.0 && file.is_some() => Some(Complaint::new(
                format!(
                    "--pattern {}: it asks for nothing at any time",
                    file.unwrap_or_default()
                ),
                "let some of its values be more than 0",
            )),
            unit if pattern.peak() > MOST_LOAD as f64 => Some(Complaint::new(
                format!("the load asks for up to {} {}", pattern.peak(), unit.noun()),
                format!("ask for {MOST_LOAD} at most"),
            )),
            Unit::Users if is_nobody(pattern, duration) => Some(Complaint::new(
                "the load asks for no user at any time",
                "give --users or --ramp-to at least 1",
            )),
            Unit::Rate if pattern.peak() <= 0.0 => Some(Complaint::new(
                "the load asks for no iteration at any time",
                "give --rate or --ramp-to more than 0",
            )),
            unit if pattern.integral(duration) <= 0.0 => Some(Complaint::new(
                format!(
                    "in its {} the run asks for no {} at all",
                    time_words(duration),
                    unit.noun()
                ),
                "give a longer --duration, or let the load begin earlier",
            )),
            _ => None,
        }
    }
}

/// Whether a number of users rounds to none all the time.
fn is_nobody(pattern: &Pattern, duration: Duration) -> bool {
    pattern.target_at(Duration::ZERO).round() < 1.0
        && Course::new(pattern, duration).next_change(0.0).is_none()
}

/// What a demand counts.
pub fn unit_of(demand: &Demand) -> Unit {
    match demand {
        Demand::Users(_) => Unit::Users,
        Demand::Arrivals { .. } => Unit::Rate,
    }
}

/// Which model the flags ask for, or else the file; flags that belong to the other are told.
fn model(args: &LoadArgs, file: Option<&Demand>, complaints: &mut Vec<Complaint>) -> Unit {
    if let (Some(users), Some(rate)) = (&args.users, &args.rate) {
        complaints.push(Complaint::new(
            format!(
                "--users {users} and --rate {rate}: either so many users, or so many iterations a second with as many users as that takes"
            ),
            format!("leave one out; to bound the users of a rate, write --max-users {users}"),
        ));
        return Unit::Rate;
    }
    let unit = match (&args.users, &args.rate) {
        (Some(_), _) => Unit::Users,
        (_, Some(_)) => Unit::Rate,
        _ => file.map_or(Unit::Users, unit_of),
    };
    if unit == Unit::Users {
        let typed = [
            ("--poisson", args.poisson),
            ("--max-users", args.max_users.is_some()),
        ];
        for (flag, _) in typed.iter().filter(|(_, typed)| *typed) {
            complaints.push(Complaint::new(
                format!("{flag} belongs to a rate of arrivals, and this load counts users"),
                format!("give --rate R, or leave out {flag}"),
            ));
        }
    }
    unit
}

fn arrivals(
    args: &LoadArgs,
    file: &LoadSpec,
    rate: Pattern,
    complaints: &mut Vec<Complaint>,
) -> Demand {
    let (file_gaps, file_most) = match &file.demand {
        Some(Demand::Arrivals {
            gaps, max_users, ..
        }) => (*gaps, Some(*max_users)),
        _ => (file.gaps.unwrap_or_default(), file.max_users),
    };
    let max_users = read(&args.max_users, complaints, |text| {
        count("--max-users", text, 1..=MOST_LOAD)
    });
    Demand::Arrivals {
        rate,
        gaps: if args.poisson {
            Gaps::Poisson
        } else {
            file_gaps
        },
        max_users: max_users.or(file_most).unwrap_or(DEFAULT_MAX_USERS),
    }
}
