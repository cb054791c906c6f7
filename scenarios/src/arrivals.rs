//! When arrivals of the open model are due. Arrival k of an even stream comes when the integral of the rate passes k; a
//! Poisson stream takes exponential steps on the same scale, so that its rate follows the curve too (time change of a
//! Poisson process: Çinlar, "Introduction to Stochastic Processes", 1975, ch. 4).
//! Neighbours: `pattern/steered.rs` inverts the integral, the engine takes arrivals. Invariant: a due time is computed from
//! its arrival's number, even, or its block, Poisson, and never by adding up gaps from the start, so that errors do not grow
//! and workers agree: the arrivals of a run are the same however many workers share them.

use crate::{Gaps, Pattern, SteeredCourse, pattern::Hint};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use std::{sync::Arc, time::Duration};

/// A curve of arrivals a second, asked for times in the order of its integral.
#[derive(Clone, Debug)]
pub struct ArrivalClock {
    course: Arc<SteeredCourse>,
    /// Where on the curve the last answer came from.
    hint: Hint,
}

impl ArrivalClock {
    /// The clock of a run of this length that nobody steers.
    pub fn new(rate: &Pattern, duration: Duration) -> ArrivalClock {
        ArrivalClock::of(Arc::new(SteeredCourse::new(rate, duration)))
    }

    /// The clock of this curve.
    pub fn of(course: Arc<SteeredCourse>) -> ArrivalClock {
        ArrivalClock {
            course,
            hint: Hint::default(),
        }
    }

    /// When the integral of the curve passes `level`, in ns since the start; `None` when it does not within the run.
    /// Levels asked for do not go down.
    pub fn due_ns(&mut self, level: f64) -> Option<u64> {
        self.course.due_ns(level, &mut self.hint)
    }

    /// The integral of the curve from the start to `t_ns`.
    pub fn level_at(&self, t_ns: u64) -> f64 {
        self.course.level_at(t_ns)
    }
}

/// One worker's arrivals.
#[derive(Clone, Debug)]
pub struct ArrivalStream {
    clock: ArrivalClock,
    steps: Steps,
    /// The due time of the arrival that comes next, if it has been asked for.
    peeked: Option<Option<u64>>,
}

/// How the stream gets from one arrival to the next, in units of the curve's integral.
#[derive(Clone, Debug)]
enum Steps {
    /// Every `of`-th arrival.
    Even {
        /// The number of the next.
        next: u64,
        of: u64,
    },
    /// Exponential steps with a mean of 1.
    Poisson(Box<PoissonSteps>),
}

/// Length of a block of a Poisson stream on the scale of the integral. What is to come of a Poisson process does not depend
/// on what came, so that it may begin anew at every block, from random numbers that block and seed alone decide: all
/// workers draw the same arrivals, and none has to draw those of hours to know what is due now.
const BLOCK: f64 = 1_024.0;

/// A Poisson stream: every worker draws every arrival, and keeps every `of`-th. That is a draw more for each worker and arrival,
/// about 10 ns, and makes the arrivals those of the seed, whoever is there to take them.
#[derive(Clone, Debug)]
struct PoissonSteps {
    /// At the first arrival of every block.
    fresh: ChaCha8Rng,
    rng: ChaCha8Rng,
    block: u64,
    /// Where the next arrival is.
    level: f64,
    index: u32,
    of: u32,
    /// Whose the arrival drawn next is, counted from this worker on: 0 is its own.
    turn: u32,
}

impl PoissonSteps {
    /// From the first arrival of the block that holds `level` on.
    fn new(seed: u64, index: u32, of: u32, level: f64) -> PoissonSteps {
        let fresh = ChaCha8Rng::seed_from_u64(seed);
        let mut steps = PoissonSteps {
            rng: fresh.clone(),
            fresh,
            block: 0,
            level: 0.0,
            index,
            of,
            turn: 0,
        };
        steps.begin((level.max(0.0) / BLOCK) as u64);
        steps.advance();
        steps
    }

    fn begin(&mut self, block: u64) {
        self.block = block;
        self.level = block as f64 * BLOCK;
        self.rng = self.fresh.clone();
        self.rng.set_stream(block);
        // Blocks begin with another worker each, so that what does not divide evenly falls to all of them.
        let first = (block % u64::from(self.of)) as u32;
        self.turn = (first + self.of - self.index) % self.of;
    }

    /// Goes on to the next arrival of this worker.
    fn advance(&mut self) {
        loop {
            self.level += exponential(&mut self.rng);
            if self.level >= (self.block + 1) as f64 * BLOCK {
                self.begin(self.block + 1);
                continue;
            }
            let is_ours = self.turn == 0;
            self.turn = if self.turn + 1 == self.of {
                0
            } else {
                self.turn + 1
            };
            if is_ours {
                return;
            }
        }
    }
}

impl ArrivalStream {
    /// The arrivals of worker `index` of `of` that are due at `from_ns` or later. Even: those whose number leaves `index`
    /// when divided by `of`. Poisson: every `of`-th of the stream that `seed` stands for. Either way all workers together have
    /// each arrival once, also when they are shared out anew from some time on.
    ///
    /// # Panics
    /// When `index` is not below `of`.
    pub fn new(
        rate: &Pattern,
        duration: Duration,
        gaps: Gaps,
        seed: u64,
        index: u32,
        of: u32,
        from_ns: u64,
    ) -> ArrivalStream {
        let clock = ArrivalClock::new(rate, duration);
        ArrivalStream::on(clock, gaps, seed, index, of, from_ns)
    }

    /// The same on a clock that may be steered.
    ///
    /// # Panics
    /// When `index` is not below `of`.
    pub fn on(
        clock: ArrivalClock,
        gaps: Gaps,
        seed: u64,
        index: u32,
        of: u32,
        from_ns: u64,
    ) -> ArrivalStream {
        assert!(index < of, "a stream is one of {of}, not number {index}");
        let began = if from_ns == 0 {
            0.0
        } else {
            clock.level_at(from_ns)
        };
        let steps = match gaps {
            Gaps::Even => {
                let (index, of) = (u64::from(index), u64::from(of));
                // A little early: what is due before `from_ns` is passed over below.
                let first = (began as u64).saturating_sub(1);
                let next = first + (index + of - first % of) % of;
                Steps::Even { next, of }
            }
            // A little early, as above: of two blocks, the one before.
            Gaps::Poisson => {
                let steps = PoissonSteps::new(seed, index, of, began - 1.0);
                Steps::Poisson(Box::new(steps))
            }
        };
        let mut stream = ArrivalStream {
            clock,
            steps,
            peeked: None,
        };
        while stream.peek_ns().is_some_and(|due_ns| due_ns < from_ns) {
            stream.take();
        }
        stream
    }

    /// From here on arrivals that have not been taken come when this clock says: it agrees with the one before on what is
    /// due before a time that has not come yet.
    pub fn go_by(&mut self, clock: ArrivalClock) {
        self.clock = clock;
        self.peeked = None;
    }

    /// The next arrival's due time in ns since the start; `None` when there is none any more.
    pub fn peek_ns(&mut self) -> Option<u64> {
        let (clock, steps) = (&mut self.clock, &self.steps);
        *self.peeked.get_or_insert_with(|| {
            clock.due_ns(match steps {
                Steps::Even { next, .. } => *next as f64,
                Steps::Poisson(steps) => steps.level,
            })
        })
    }

    /// Goes past all arrivals due before `until_ns`; gives their number. Of an even stream this takes no longer for many.
    pub fn take_until(&mut self, until_ns: u64) -> u64 {
        let mut taken = 0;
        if let Steps::Even { next, of } = &mut self.steps {
            // Short of the last by a few, which are looked at one by one.
            let sure = (self.clock.level_at(until_ns) - 2.0).max(0.0) as u64;
            taken = sure.saturating_sub(*next) / *of;
            *next += taken * *of;
            self.peeked = None;
        }
        while self.peek_ns().is_some_and(|due_ns| due_ns < until_ns) {
            self.take();
            taken += 1;
        }
        taken
    }

    /// Goes on to the arrival after the next one.
    pub fn take(&mut self) {
        self.peeked = None;
        match &mut self.steps {
            Steps::Even { next, of } => *next += *of,
            Steps::Poisson(steps) => steps.advance(),
        }
    }
}

/// An exponentially distributed number with mean 1, by inversion (Devroye, "Non-Uniform Random Variate Generation", 1986,
/// II.2): finite and more than 0.
fn exponential(rng: &mut impl Rng) -> f64 {
    // From 2^-53 to 1, never 0.
    let uniform = ((rng.next_u64() >> 11) + 1) as f64 * (1.0 / (1_u64 << 53) as f64);
    -uniform.ln()
}

#[cfg(test)]
#[path = "arrivals_tests.rs"]
mod tests;
