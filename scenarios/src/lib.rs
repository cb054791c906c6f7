//! What virtual users do, and how many of them there are. No I/O on the network, no engine: a scenario speaks
//! through a `Client`, so it can be tested in memory.
//!
//! Read `scenario.rs` first, then `life.rs`, `user.rs` and `client.rs`; `document/` reads TOML files.

// One file, `document/body_file.rs`, may map a file.
#![deny(unsafe_code)]

mod address;
mod arrivals;
mod client;
mod demand;
pub mod document;
mod failure;
mod life;
mod method;
mod pace;
mod pattern;
mod request;
mod response;
mod scenario;
mod single;
pub mod testing;
mod user;

pub use address::AddressFault;
pub use arrivals::{ArrivalClock, ArrivalStream};
pub use client::{Client, Seat};
pub use demand::{DEFAULT_MAX_USERS, Demand, Gaps, PhaseRole, PhaseSpan};
pub use document::DocumentScenario;
pub use failure::{ErrorKind, Failure, Outcome};
pub use life::{SETUP_RETRY, Script, live};
pub use method::Method;
pub use pace::{TaskWeights, ThinkTime, below};
pub use pattern::{Course, Pattern, RampCurve, TraceError, TraceScale, parse_trace, read_trace};
pub use request::{Body, FixedId, HeaderError, HeaderList, NameId, OriginId, Request};
pub use response::Response;
pub use scenario::{Origin, Scenario, Scheme, UserFuture};
pub use single::{SingleRequest, UrlError};
pub use user::{RequestBuilder, User};
