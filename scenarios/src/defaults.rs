//! What all users of a scenario have in common. Neighbours: scenarios make one, `User::with_defaults` takes it.
//! Invariant: there is at least one origin.

use crate::{Origin, Scheme, ThinkTime, data::Feed};

/// How many redirects are followed when nobody says: as many as curl and oha follow at least.
pub const DEFAULT_REDIRECTS: u8 = 10;

/// What every request says of its sender, unless the scenario gives another value.
pub const USER_AGENT: (&str, &str) = (
    "user-agent",
    concat!("loadforge/", env!("CARGO_PKG_VERSION")),
);

/// What all users of a scenario have in common.
#[derive(Clone, Debug)]
pub struct UserDefaults {
    /// Every origin that requests may go to; plain paths go to the first.
    pub origins: Vec<Origin>,
    /// What stands before every plain path; empty or `/…` without a `/` at its end.
    pub base_path: String,
    /// Headers of every request that does not give its own.
    pub headers: Vec<(String, String)>,
    /// How many redirects are followed in a row; 0 follows none.
    pub redirects: u8,
    /// Whether users keep cookies and send them back.
    pub cookies: bool,
    /// How long a user thinks between two tasks, and in `User::think`.
    pub think_time: ThinkTime,
    /// Where `User::data` takes rows from.
    pub feeds: Vec<Feed>,
}

impl Default for UserDefaults {
    /// One origin that nobody has named yet: 127.0.0.1, port 0.
    fn default() -> UserDefaults {
        UserDefaults {
            origins: vec![Origin {
                scheme: Scheme::Http,
                host: "127.0.0.1".into(),
                port: 0,
            }],
            base_path: String::new(),
            headers: vec![(USER_AGENT.0.into(), USER_AGENT.1.into())],
            redirects: DEFAULT_REDIRECTS,
            cookies: true,
            think_time: ThinkTime::None,
            feeds: Vec::new(),
        }
    }
}
