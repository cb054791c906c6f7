//! What the engine runs: a scenario hands it one future per virtual user for that user's whole life.
//! Neighbours: `life.rs` writes that future, `document/` and `single.rs` are scenarios.

use crate::User;
use std::{fmt, future::Future, pin::Pin, sync::Arc};

/// How a connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain HTTP, port 80 unless said otherwise.
    Http,
    /// HTTP over TLS, port 443 unless said otherwise.
    Https,
}

/// Where requests go: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// How the connection is secured.
    pub scheme: Scheme,
    /// A name or an address; an IPv6 address stands here without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl Scheme {
    /// The word before `://`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

impl Origin {
    /// What stands in the `Host` header: the port is left out when it is the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.scheme, self.port) {
            (Scheme::Http, 80) | (Scheme::Https, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

/// The most data feeds and counters that the scenarios of a run have together.
pub const MOST_FEEDS: u16 = 64;

/// A virtual user's whole life: setup, weighted tasks, teardown.
pub type UserFuture = Pin<Box<dyn Future<Output = ()>>>;

/// What virtual users do.
pub trait Scenario: Send + Sync {
    /// The scenario's name: letters, digits, `-`, `_` and `.`; it names the results directory.
    fn name(&self) -> &str;

    /// Every origin that requests go to; the first is the one that plain paths are relative to.
    fn origins(&self) -> &[Origin];

    /// Names known before the run; `NameId(i)` is the i-th.
    fn endpoints(&self) -> &[String];

    /// How many requests carry a `FixedId`: ids are below this.
    fn fixed_requests(&self) -> u32;

    /// How many data feeds and counters it takes rows from: `FeedId`s are below this. At most `MOST_FEEDS`.
    fn feeds(&self) -> u16 {
        0
    }

    /// Begins a user's life.
    fn start_user(self: Arc<Self>, user: User) -> UserFuture;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authority_brackets_ipv6_and_leaves_out_the_usual_port() {
        let origin = |scheme, host: &str, port| Origin {
            scheme,
            host: host.into(),
            port,
        };
        assert_eq!(origin(Scheme::Http, "::1", 8080).authority(), "[::1]:8080");
        assert_eq!(origin(Scheme::Http, "a.test", 80).authority(), "a.test");
        assert_eq!(
            origin(Scheme::Https, "a.test", 80).to_string(),
            "https://a.test:80"
        );
    }
}
