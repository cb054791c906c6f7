//! What a scenario written in Rust needs, in one `use`. Neighbours: everything here is defined in
//! `loadforge-scenarios`. Invariant: only what works today is re-exported.
//!
//! A scenario implements [`Scenario`] and writes a user's life with [`live`] and a [`Script`]; it can be tested in
//! memory with a [`Client`] of its own.

pub use loadforge_scenarios::{
    Client, ErrorKind, Failure, Method, Origin, OriginId, Outcome, Request, Response, Scenario,
    Scheme, Script, TaskWeights, ThinkTime, User, UserFuture, live,
};
