//! What a load is counted in: virtual users or iterations a second. Neighbours: the other files here.
//! Invariant: users are whole when typed, rates need not be.

use crate::{
    amounts::{MOST_LOAD, count, quantity},
    complaint::Complaint,
};

/// Users when neither flag nor file says.
const DEFAULT_USERS: f64 = 10.0;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Virtual users: the closed model.
    Users,
    /// Iterations begun a second: the open model.
    Rate,
}

impl Unit {
    /// The flag that gives its base.
    pub fn flag(self) -> &'static str {
        match self {
            Unit::Users => "--users",
            Unit::Rate => "--rate",
        }
    }

    /// That flag with a value.
    pub fn example(self) -> &'static str {
        match self {
            Unit::Users => "--users N",
            Unit::Rate => "--rate R",
        }
    }

    /// What is counted, in words.
    pub fn noun(self) -> &'static str {
        match self {
            Unit::Users => "users",
            Unit::Rate => "iterations a second",
        }
    }

    /// So many of it, in words.
    pub fn counted(self, value: f64) -> String {
        match (self, value == 1.0) {
            (Unit::Users, true) => "1 user".to_owned(),
            (Unit::Rate, true) => "1 iteration a second".to_owned(),
            _ => format!("{value} {}", self.noun()),
        }
    }

    /// The base when neither flag nor file says.
    pub fn default_base(self) -> f64 {
        // A rate is never a default; this one is only ever beside a complaint or a file's own curve.
        DEFAULT_USERS
    }

    /// The same or a little more, as this unit has it: users are whole.
    pub fn whole(self, value: f64) -> f64 {
        match self {
            Unit::Users => value.ceil(),
            Unit::Rate => value,
        }
    }

    /// Reads one of its values, from a flag.
    ///
    /// # Errors
    /// When it is none.
    pub fn level(self, flag: &str, text: &str, may_be_zero: bool) -> Result<f64, Complaint> {
        match self {
            Unit::Users => {
                count(flag, text, u64::from(!may_be_zero)..=MOST_LOAD).map(|users| users as f64)
            }
            Unit::Rate => quantity(flag, text, may_be_zero),
        }
    }
}
