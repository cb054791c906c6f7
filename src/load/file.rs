//! `--pattern FILE`: a trace of times and loads, or the load of another scenario file. Neighbours: `demand.rs` asks for it.

use super::{read as read_flag, unit::Unit};
use crate::{aim::threshold_endpoint, amounts::quantity, args::LoadArgs, complaint::Complaint};
use loadforge_scenarios::{
    Pattern, TraceScale,
    document::{self, Loaded},
    read_trace,
};
use std::{path::Path, time::Duration};

/// What a file gave.
pub struct Found {
    /// The curve.
    pub pattern: Pattern,
    /// How long it is, if it says.
    pub length: Option<Duration>,
}

/// Reads the file that `--pattern` names. With a `base`, typed as `--users` or `--rate`, a curve is stretched to that peak.
///
/// # Errors
/// When it cannot be read, or anything in it is wrong.
pub fn read(
    path: &Path,
    args: &LoadArgs,
    unit: Unit,
    base: Option<f64>,
) -> Result<Found, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let time = read_flag(&args.time_scale, &mut complaints, |text| {
        quantity("--time-scale", text, false)
    });
    let height = read_flag(&args.scale, &mut complaints, |text| {
        quantity("--scale", text, false)
    });
    if let (Some(height), Some(base)) = (height, base) {
        complaints.push(Complaint::new(
            format!(
                "--scale {height} and {} {base} both say how high the curve is",
                unit.flag()
            ),
            "keep one: --scale multiplies, the other gives the peak",
        ));
    }
    if !complaints.is_empty() {
        return Err(complaints);
    }
    let is_trace = path.extension().is_some_and(|extension| extension == "csv");
    let found = match is_trace {
        true => trace(path, time.unwrap_or(1.0)),
        false => load_of(path, unit),
    };
    let Found { pattern, length } = found.map_err(|complaint| vec![complaint])?;
    let peak = pattern.peak();
    let factor = match base {
        Some(base) if peak > 0.0 => base / peak,
        _ => height.unwrap_or(1.0),
    };
    let pattern = match factor {
        1.0 => pattern,
        factor => Pattern::Product(vec![pattern, Pattern::Constant(factor)]),
    };
    Ok(Found { pattern, length })
}

fn trace(path: &Path, time: f64) -> Result<Found, Complaint> {
    let pattern = read_trace(path, TraceScale { time, height: 1.0 }).map_err(|error| {
        Complaint::new(
            format!("--pattern {}: {error}", path.display()),
            error.remedy,
        )
    })?;
    let length = match &pattern {
        Pattern::Points(points) => points.last().map(|(at, _)| *at),
        _ => None,
    };
    Ok(Found {
        pattern,
        length: length.filter(|length| !length.is_zero()),
    })
}

/// The curve of another scenario's `[load]`, whatever that scenario does.
fn load_of(path: &Path, unit: Unit) -> Result<Found, Complaint> {
    let shown = path.display();
    let refuse = |what: String, remedy: &str| {
        Err(Complaint::new(format!("--pattern {shown}: {what}"), remedy))
    };
    let document = match document::open(path, threshold_endpoint) {
        Ok(Loaded::One(document)) => document,
        Ok(Loaded::SideBySide(_)) => {
            return refuse(
                "it names several scenarios, each with a load of its own".to_owned(),
                "name the file of one of them",
            );
        }
        Err(problems) => {
            return refuse(
                format!("the file cannot be used\n{problems}"),
                "mend it: loadforge validate tells the same",
            );
        }
    };
    let Some(demand) = document.load.demand else {
        return refuse(
            "it has no load".to_owned(),
            "add users or rate under [load]",
        );
    };
    if super::unit_of(&demand) != unit {
        return refuse(
            format!("its load counts the other thing than {}", unit.noun()),
            "give --rate with a load of arrivals, --users with one of users",
        );
    }
    Ok(Found {
        pattern: demand.pattern().clone(),
        length: document.load.duration,
    })
}
