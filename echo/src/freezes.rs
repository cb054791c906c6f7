//! When the target stands still. Neighbours: `conduct.rs` asks when a request can be begun.
//!
//! A freeze stops requests from being begun. What arrives during one is begun the moment it ends, as if it had arrived then; what
//! was begun before is answered in its time. So with k freezes of S in T seconds and answers that take `base`,
//! even arrivals see response times whose upper part is L(q) = base + S − (1 − q)·T/k, while 1 − q < k·S/T. (A target
//! that also held back what it had begun would answer `base`·rate more requests late at every freeze.)
//! Invariant: times outside every freeze never run out (`check`), so that looking for the next one ends.

use crate::{config::EchoError, delay::nanos};
use std::time::Duration;

/// The longest that freezes and their periods can be.
const MAX_STALL: Duration = Duration::from_secs(24 * 3600);

/// One freeze, or one that comes again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// How long it lasts; more than zero.
    pub length: Duration,
    /// When the (first) one begins, counted from where `StallFrom` says.
    pub first: Duration,
    /// How long after its beginning the next one begins, if there is a next; longer than `length`.
    pub every: Option<Duration>,
}

/// What the times of freezes are counted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StallFrom {
    /// The arrival of the first request: a client and the target need not be started together.
    #[default]
    FirstRequest,
    /// The start of the target.
    Start,
}

/// Refuses freezes that cannot be, or that never end.
pub(crate) fn check(stalls: &[Stall]) -> Result<(), EchoError> {
    let mut frozen_share = 0.0;
    for stall in stalls {
        let longest = stall
            .length
            .max(stall.first)
            .max(stall.every.unwrap_or_default());
        if stall.length.is_zero() || longest > MAX_STALL {
            let what = "a freeze lasts more than nothing, and its times are at most 24 hours";
            return Err(EchoError::Stall { what });
        }
        if let Some(every) = stall.every {
            if every <= stall.length {
                let what = "a freeze that comes again must be shorter than the time between two";
                return Err(EchoError::Stall { what });
            }
            frozen_share += stall.length.as_secs_f64() / every.as_secs_f64();
        }
    }
    // Together they cover less than all of the time, wherever each of them begins.
    if frozen_share >= 1.0 {
        let what = "the freezes together leave no time to answer in";
        return Err(EchoError::Stall { what });
    }
    Ok(())
}

/// The freezes of a target under way.
#[derive(Debug)]
pub(crate) struct Freezes {
    stalls: Vec<Stall>,
    /// What their times are counted from, once it is known.
    origin: Option<u64>,
}

impl Freezes {
    /// Freezes counted from `origin`, or from the first time asked about.
    pub(crate) fn new(stalls: Vec<Stall>, origin: Option<u64>) -> Freezes {
        Freezes { stalls, origin }
    }

    /// The first moment at or after `at` outside every freeze; all in ns.
    pub(crate) fn thaw(&mut self, at: u64) -> u64 {
        if self.stalls.is_empty() {
            return at;
        }
        let origin = *self.origin.get_or_insert(at);
        let mut since = at.saturating_sub(origin);
        while let Some(end) = self.stalls.iter().find_map(|stall| end_of(*stall, since)) {
            since = end;
        }
        at.max(origin + since)
    }
}

/// When the freeze ends that holds the time `since`, if this one does.
fn end_of(stall: Stall, since: u64) -> Option<u64> {
    let past = since.checked_sub(nanos(stall.first))?;
    let into = stall.every.map_or(past, |every| past % nanos(every));
    let length = nanos(stall.length);
    (into < length).then(|| since - into + length)
}
