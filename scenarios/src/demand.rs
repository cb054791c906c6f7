//! What a pattern drives: virtual users (the closed model) or arrivals a second (the open model).
//! Neighbours: `pattern/` is the curve, `document/load.rs` reads it from files, the engine carries it out.

use crate::Pattern;
use std::time::Duration;

/// Most users at a time under a rate when nobody says.
pub const DEFAULT_MAX_USERS: u64 = 1_000;

/// How the gaps between arrivals are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gaps {
    /// As even as the curve is smooth: arrival k comes when the curve's integral reaches k.
    #[default]
    Even,
    /// A Poisson process whose rate is the curve: gaps are exponential, as those of many independent people are.
    Poisson,
}

/// What is asked for over time, and which side sets the pace.
#[derive(Clone, Debug, PartialEq)]
pub enum Demand {
    /// Closed model: so many virtual users, each beginning its next iteration when the last has ended.
    Users(Pattern),
    /// Open model: so many iterations begun a second, whatever the answers do.
    Arrivals {
        /// Arrivals a second, over all workers.
        rate: Pattern,
        /// How the gaps between them are spread.
        gaps: Gaps,
        /// Most virtual users at a time, over all workers; an arrival that finds all of them busy is not sent.
        max_users: u64,
    },
}

impl Demand {
    /// The curve.
    pub fn pattern(&self) -> &Pattern {
        match self {
            Demand::Users(pattern) | Demand::Arrivals { rate: pattern, .. } => pattern,
        }
    }

    /// Most virtual users that there may be at a time, over all workers.
    pub fn most_users(&self) -> u64 {
        match self {
            Demand::Users(pattern) => pattern.peak().ceil() as u64,
            Demand::Arrivals { max_users, .. } => *max_users,
        }
    }
}

/// What a span of the run is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseRole {
    /// Its figures count.
    #[default]
    Measured,
    /// Before the measurement: connections are made, caches fill. Left out of the figures.
    WarmUp,
    /// After the measurement. Left out of the figures.
    CoolDown,
}

/// A named span of the run. Phases follow one another without gaps from the start of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseSpan {
    /// What it is called in reports.
    pub name: String,
    /// When it ends, since the start of the run.
    pub until: Duration,
    /// What it is for.
    pub role: PhaseRole,
}
