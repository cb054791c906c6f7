//! A made-up server whose truth is known, for what a comparison claims about itself. Neighbours: `compare_tests.rs` compares its runs.
//! Invariants: equal seeds give equal runs; all that differs between two servers is what was slowed down.
//!
//! Four endpoints answer by lognormal laws, and seconds are alike to their neighbours: how fast the server is follows an
//! autoregressive process of order 1, as a queue, a cache or a neighbour on the machine would make it.

use super::MeasuredSeconds;
use crate::{Snapshot, Totals, Window, sample};
use loadforge_scenarios::{ErrorKind, Method};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use std::f64::consts::TAU;

/// Name, share of the requests, median in µs.
const ENDPOINTS: [(&str, f64, f64); 4] = [
    ("home", 0.5, 5_000.0),
    ("product", 0.3, 8_000.0),
    ("search", 0.15, 20_000.0),
    ("order", 0.05, 40_000.0),
];

/// What was slowed down.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slowed {
    /// Nothing.
    Nothing,
    /// Every answer, by this share.
    All(f64),
    /// Answers beyond the 90th percentile of all by this share, those below the 80th not at all: the p95 of the run is slower by
    /// exactly this share.
    Tail(f64),
}

/// A server and the load on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    pub(super) requests_per_s: f64,
    /// How wide the law of the answers is: the standard deviation of their logarithm.
    pub(super) spread: f64,
    /// How much of its speed a second inherits from the one before it, 0 to 1.
    pub(super) memory: f64,
    /// How much a second's speed differs from another's: the standard deviation of its logarithm.
    pub(super) swing: f64,
    /// Probability of a second in which all answers take four times as long.
    pub(super) hiccups: f64,
    /// Probability that an answer is a failure.
    pub(super) failing: f64,
}

impl Server {
    /// A server of 1,000 requests a second, whose seconds differ by 2 % and inherit half of that.
    pub(super) const USUAL: Server = Server {
        requests_per_s: 1_000.0,
        spread: 0.5,
        memory: 0.5,
        swing: 0.02,
        hiccups: 0.0,
        failing: 0.002,
    };

    /// A run of this server.
    pub(super) fn run(&self, seconds: u64, slowed: Slowed, seed: u64) -> MeasuredSeconds {
        let mut measured = MeasuredSeconds::new();
        for snapshot in self.snapshots(seconds, slowed, seed) {
            measured.add(&snapshot);
        }
        measured
    }

    /// Its seconds.
    pub(super) fn snapshots(&self, seconds: u64, slowed: Slowed, seed: u64) -> Vec<Snapshot> {
        let mut chance = Chance(ChaCha8Rng::seed_from_u64(seed));
        let knees = match slowed {
            Slowed::Tail(_) => self.knees(),
            _ => (0.0, 0.0),
        };
        let mut snapshots = Vec::new();
        let mut window = Window::new();
        let endpoints = ENDPOINTS.map(|(name, ..)| window.endpoint(name, Some(Method::Get)));
        let mut level = self.swing * chance.normal();
        for second in 1..=seconds {
            let fresh = (1.0 - self.memory * self.memory).sqrt();
            level = self.memory * level + fresh * self.swing * chance.normal();
            let hiccup = if chance.fraction() < self.hiccups {
                4.0
            } else {
                1.0
            };
            let requests = self.requests_per_s * (1.0 + 0.02 * chance.normal());
            for _ in 0..requests.max(0.0) as u64 {
                let (endpoint, us) = self.answer(&mut chance);
                let us = slower(us, slowed, knees) * level.exp() * hiccup;
                let record = sample::answered(second * 1_000_000, 0, us as u64);
                let record = match chance.fraction() < self.failing {
                    true => sample::failed(record, ErrorKind::Status, 503),
                    false => record,
                };
                window.add(&record, endpoints[endpoint]);
            }
            let mut facts = sample::facts(second, Totals::default());
            facts.users.target = 20;
            snapshots.push(window.close(facts));
        }
        snapshots
    }

    /// An endpoint and how long it takes in a second of usual speed, in µs.
    fn answer(&self, chance: &mut Chance) -> (usize, f64) {
        let mut drawn = chance.fraction();
        let endpoint = ENDPOINTS.iter().position(|(_, share, _)| {
            drawn -= share;
            drawn < 0.0
        });
        let endpoint = endpoint.unwrap_or(0);
        let us = ENDPOINTS[endpoint].2 * (self.spread * chance.normal()).exp();
        (endpoint, us)
    }

    /// The 80th and the 90th percentile of all answers, in µs.
    fn knees(&self) -> (f64, f64) {
        let mut chance = Chance(ChaCha8Rng::seed_from_u64(0));
        let mut answers: Vec<f64> = (0..20_000).map(|_| self.answer(&mut chance).1).collect();
        answers.sort_by(f64::total_cmp);
        (answers[16_000], answers[18_000])
    }
}

fn slower(us: f64, slowed: Slowed, (from, full): (f64, f64)) -> f64 {
    match slowed {
        Slowed::Nothing => us,
        Slowed::All(share) => us * (1.0 + share),
        Slowed::Tail(share) => us * (1.0 + share * ((us - from) / (full - from)).clamp(0.0, 1.0)),
    }
}

struct Chance(ChaCha8Rng);

impl Chance {
    /// From 0 up to, but not including, 1.
    fn fraction(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Of mean 0 and standard deviation 1 (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.fraction()).ln()).sqrt();
        radius * (TAU * self.fraction()).cos()
    }
}
