//! When each request is answered, and whether with an error: a pure function of its arrival and a seed.
//! Neighbours: `dialogue.rs` asks for each request, `delay.rs` and `freezes.rs` are its parts.
//! Invariant: arithmetic is on whole ns and never looks at a clock: what the target is late with is not carried on.

use crate::{
    clock::now_ns,
    config::EchoConfig,
    delay::{DelayLaw, nanos, share},
    freezes::{Freezes, StallFrom},
};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    /// When its answer is due, in ns; never before its arrival.
    pub(crate) due_ns: u64,
    /// It is answered with status 500.
    pub(crate) fails: bool,
}

/// How the threads decide.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// The same delay for all: each thread by itself.
    Plain(Duration),
    /// As one conduct says.
    Drawn(Arc<Mutex<Conduct>>),
}

impl Manner {
    /// The manner asked for, which has passed its check.
    pub(crate) fn of(config: &EchoConfig) -> Manner {
        match &config.delay {
            DelayLaw::Fixed(delay)
                if !config.queue && config.stalls.is_empty() && config.error_rate == 0.0 =>
            {
                Manner::Plain(*delay)
            }
            _ => Manner::Drawn(Arc::new(Mutex::new(Conduct::new(config)))),
        }
    }

    /// Whether requests are answered at once, so that nobody has to know when they came.
    pub(crate) fn is_immediate(&self) -> bool {
        matches!(self, Manner::Plain(Duration::ZERO))
    }

    /// As `Conduct::decide`.
    pub(crate) fn decide(&self, arrival_ns: u64, least: Duration) -> Fate {
        match self {
            Manner::Plain(delay) => Fate {
                due_ns: arrival_ns.saturating_add(nanos(least.max(*delay))),
                fails: false,
            },
            Manner::Drawn(conduct) => {
                let mut conduct = conduct.lock().unwrap_or_else(PoisonError::into_inner);
                conduct.decide(arrival_ns, least)
            }
        }
    }
}

/// How requests are served. All threads share one, so that a queue is one queue.
#[derive(Debug)]
pub(crate) struct Conduct {
    law: DelayLaw,
    /// With a queue: when its one server is done with all that has arrived.
    free_at: Option<u64>,
    freezes: Freezes,
    error_rate: f64,
    chance: ChaCha8Rng,
}

impl Conduct {
    /// The conduct asked for.
    pub(crate) fn new(config: &EchoConfig) -> Conduct {
        let origin = (config.stall_from == StallFrom::Start).then(now_ns);
        Conduct {
            law: config.delay.clone(),
            free_at: config.queue.then_some(0),
            freezes: Freezes::new(config.stalls.clone(), origin),
            error_rate: config.error_rate,
            chance: ChaCha8Rng::seed_from_u64(config.seed),
        }
    }

    /// Decides on the request that arrived at `arrival_ns` and whose path asks for a delay of `least` or more.
    pub(crate) fn decide(&mut self, arrival_ns: u64, least: Duration) -> Fate {
        let takes = self.law.draw(&mut self.chance).max(nanos(least));
        // One server: whoever arrives waits until it is done with all who came before.
        let begun = self.free_at.unwrap_or(0).max(arrival_ns);
        let due_ns = self.freezes.thaw(begun).saturating_add(takes);
        if let Some(free_at) = &mut self.free_at {
            *free_at = due_ns;
        }
        let fails = self.error_rate > 0.0 && share(&mut self.chance) <= self.error_rate;
        Fate { due_ns, fails }
    }
}

#[cfg(test)]
#[path = "conduct_tests.rs"]
mod tests;
