//! What the target should do, and why it could not start. Neighbours: `server.rs` checks and uses it.
//! Invariant: a configuration that passed `check` cannot fail later.

use crate::{
    conduct::Conduct,
    delay::DelayLaw,
    freezes::{self, Stall, StallFrom},
};
use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

/// The largest body an answer can have: 100 MB, for `body_bytes` and `/bytes/N`.
pub const MAX_BODY_BYTES: usize = 100_000_000;
/// The longest delay of an answer.
pub const MAX_DELAY: Duration = Duration::from_secs(60);
/// The largest request body that `/echo` sends back; larger ones are answered with 413.
pub const MAX_ECHO_BYTES: usize = 8 << 20;
/// The largest request head; larger ones are answered with 431.
pub const MAX_HEAD_BYTES: usize = 64 << 10;

/// How the built-in target behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct EchoConfig {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Threads that answer; one more accepts connections and sleeps otherwise.
    pub threads: usize,
    /// How long answers are held back; each length or mean at most [`MAX_DELAY`].
    pub delay: DelayLaw,
    /// One server for all connections, first come, first served: `delay` is how long it works on each request
    /// (fixed: M/D/1 under Poisson arrivals, exponential: M/M/1).
    pub queue: bool,
    /// When it stands still.
    pub stalls: Vec<Stall>,
    /// What the times of `stalls` are counted from.
    pub stall_from: StallFrom,
    /// The share of requests answered with status 500, 0 to 1.
    pub error_rate: f64,
    /// What all chance here is drawn from: the same seed, the same draws in the order of arrival.
    pub seed: u64,
    /// A file for the time of each request's arrival: u64, little-endian, ns of CLOCK_MONOTONIC.
    pub arrivals: Option<PathBuf>,
    /// Threads never sleep but look for arrivals all the time: stamps to the µs, a CPU used up for each thread.
    pub busy_poll: bool,
    /// Threads do not sleep through the last 100 µs before an answer is due. It wants a CPU for each thread.
    pub spin: bool,
    /// The status of every answer that its path does not decide, 200 to 599.
    pub status: u16,
    /// Bytes in the body of every answer that its path does not decide, up to [`MAX_BODY_BYTES`].
    pub body_bytes: usize,
    /// Most connections open at once; further ones wait in the kernel's queue. The limit on open files bounds it as well.
    pub max_connections: usize,
}

impl Default for EchoConfig {
    fn default() -> EchoConfig {
        EchoConfig {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            threads: 1,
            delay: DelayLaw::Fixed(Duration::ZERO),
            queue: false,
            stalls: Vec::new(),
            stall_from: StallFrom::default(),
            error_rate: 0.0,
            seed: 0,
            arrivals: None,
            busy_poll: false,
            spin: false,
            status: 200,
            body_bytes: 13,
            max_connections: usize::MAX,
        }
    }
}

impl EchoConfig {
    /// When requests that arrive at these times (ns, in order) are answered by one that behaves so (ns, in the same order): what the
    /// server would do, without one. Freezes are counted from the first of them, whatever `stall_from` says.
    pub fn replay(&self, arrivals_ns: &[u64]) -> Vec<u64> {
        let config = EchoConfig {
            stall_from: StallFrom::FirstRequest,
            ..self.clone()
        };
        let mut conduct = Conduct::new(&config);
        arrivals_ns
            .iter()
            .map(|arrival| conduct.decide(*arrival, Duration::ZERO).due_ns)
            .collect()
    }

    /// Refuses what cannot be done, before anything is opened.
    pub(crate) fn check(&self) -> Result<(), EchoError> {
        if !(1..=1024).contains(&self.threads) {
            return Err(EchoError::Threads { got: self.threads });
        }
        self.delay.check()?;
        freezes::check(&self.stalls)?;
        if !(0.0..=1.0).contains(&self.error_rate) {
            return Err(EchoError::ErrorRate {
                got: self.error_rate,
            });
        }
        if !(200..=599).contains(&self.status) {
            return Err(EchoError::Status { got: self.status });
        }
        if self.body_bytes > MAX_BODY_BYTES {
            return Err(EchoError::Body {
                got: self.body_bytes,
            });
        }
        if self.max_connections == 0 {
            return Err(EchoError::NoConnections);
        }
        Ok(())
    }
}

/// Why the target could not start.
#[derive(Debug, thiserror::Error)]
pub enum EchoError {
    /// No thread, or more than any machine has.
    #[error("the echo target cannot run {got} threads: give 1 to 1024")]
    Threads {
        /// The number asked for.
        got: usize,
    },
    /// The delay is out of range.
    #[error("the echo target cannot delay answers by {got:?}: give at most {MAX_DELAY:?}")]
    Delay {
        /// The delay asked for.
        got: Duration,
    },
    /// The delay cannot be drawn.
    #[error("the echo target cannot delay answers that way: {what}")]
    Law {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The freezes cannot be.
    #[error("the echo target cannot stand still that way: {what}")]
    Stall {
        /// What is wrong with them.
        what: &'static str,
    },
    /// The share of errors is none.
    #[error("the echo target cannot fail a share of {got} of all requests: give 0 to 1")]
    ErrorRate {
        /// The share asked for.
        got: f64,
    },
    /// The file of arrivals could not be made.
    #[error(
        "the file of arrivals {} cannot be written: {source}; name a file in a directory that is there and yours", path.display()
    )]
    Arrivals {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file of arrivals ends too early.
    #[error("the file of arrivals could not be written whole: {0}; make room on its disk")]
    ArrivalsLost(io::Error),
    /// The status is not one a final answer can have.
    #[error("the echo target cannot answer with status {got}: give 200 to 599")]
    Status {
        /// The status asked for.
        got: u16,
    },
    /// The body is too large.
    #[error("the echo target cannot answer with {got} bytes: give at most {MAX_BODY_BYTES}")]
    Body {
        /// The length asked for.
        got: usize,
    },
    /// No connection would ever be accepted.
    #[error("the echo target cannot serve with max_connections = 0: give at least 1")]
    NoConnections,
    /// Too few descriptors even for itself.
    #[error(
        "the echo target needs at least {needed} open files, the limit is {limit}: raise it with `ulimit -n`"
    )]
    Descriptors {
        /// What it needs before the first connection.
        needed: usize,
        /// What the limit allows.
        limit: usize,
    },
    /// The address could not be listened on.
    #[error(
        "the echo target cannot listen on {address}: {source}; choose another address, or port 0 for a free one"
    )]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused an epoll, an eventfd, a timerfd or a thread.
    #[error("the echo target could not start: {what}: {source}")]
    System {
        /// What was being made.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl EchoError {
    /// Whether what was asked for makes no sense anywhere, not only here and now.
    pub fn is_bad_input(&self) -> bool {
        use EchoError::*;
        matches!(
            self,
            Threads { .. }
                | Delay { .. }
                | Law { .. }
                | Stall { .. }
                | ErrorRate { .. }
                | Status { .. }
                | Body { .. }
                | NoConnections
        )
    }

    /// For `map_err`: what was being made when the system refused.
    pub(crate) fn system<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> EchoError {
        move |source| EchoError::System {
            what,
            source: source.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_done_is_refused_with_value_and_remedy() {
        let fine = EchoConfig::default();
        assert!(fine.check().is_ok());
        let cases = [
            (
                EchoConfig {
                    threads: 0,
                    ..fine.clone()
                },
                "0 threads: give 1 to 1024",
            ),
            (
                EchoConfig {
                    delay: DelayLaw::Fixed(Duration::from_secs(61)),
                    ..fine.clone()
                },
                "61s: give at most 60s",
            ),
            (
                EchoConfig {
                    status: 100,
                    ..fine.clone()
                },
                "status 100: give 200 to 599",
            ),
            (
                EchoConfig {
                    status: 600,
                    ..fine.clone()
                },
                "status 600: give 200 to 599",
            ),
            (
                EchoConfig {
                    body_bytes: 100_000_001,
                    ..fine.clone()
                },
                "give at most 100000000",
            ),
            (
                EchoConfig {
                    max_connections: 0,
                    ..fine.clone()
                },
                "give at least 1",
            ),
        ];
        for (config, words) in cases {
            let message = config.check().expect_err(words).to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}
