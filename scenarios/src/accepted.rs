//! Which statuses are good. Neighbours: `exchange.rs` judges by it, `document/checks.rs` reads it. Invariant: a redirect that
//! was asked for by its status is an answer, not a way to somewhere else.

use std::ops::RangeInclusive;

/// The statuses that a request may be answered with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Accepted {
    /// Any below 400; redirects are followed.
    #[default]
    Below400,
    /// These and no others; a redirect among them is not followed.
    Listed(Vec<RangeInclusive<u16>>),
}

impl Accepted {
    /// Whether this status is good.
    pub fn contains(&self, status: u16) -> bool {
        match self {
            Accepted::Below400 => status < 400,
            Accepted::Listed(ranges) => ranges.iter().any(|range| range.contains(&status)),
        }
    }

    /// Whether this status was named as a good one.
    pub(crate) fn names(&self, status: u16) -> bool {
        *self != Accepted::Below400 && self.contains(status)
    }
}

impl From<u16> for Accepted {
    fn from(status: u16) -> Accepted {
        Accepted::Listed(vec![status..=status])
    }
}

impl From<RangeInclusive<u16>> for Accepted {
    fn from(range: RangeInclusive<u16>) -> Accepted {
        Accepted::Listed(vec![range])
    }
}

impl<const N: usize> From<[u16; N]> for Accepted {
    fn from(statuses: [u16; N]) -> Accepted {
        Accepted::Listed(statuses.iter().map(|status| *status..=*status).collect())
    }
}
