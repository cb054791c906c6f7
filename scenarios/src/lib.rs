//! What virtual users do, and how many of them there are. No I/O on the network, no engine: a scenario speaks
//! through a `Client`, so it can be tested in memory.
//!
//! Read `scenario.rs` first, then `life.rs`, `user.rs` and `client.rs`; `document/` reads TOML files.

// One file, `mapped.rs`, may map a file.
#![deny(unsafe_code)]

mod accepted;
mod address;
mod answer;
mod arrivals;
mod client;
mod cookies;
pub mod data;
mod defaults;
mod demand;
pub mod document;
mod encoding;
mod exchange;
mod failure;
mod fingerprint;
#[doc(hidden)]
pub mod fuzzing;
mod json_path;
mod lengths;
mod life;
mod mapped;
mod method;
mod metric;
mod multipart;
mod pace;
mod pattern;
mod random;
mod request;
mod request_builder;
mod response;
pub mod rust_scenario;
mod scenario;
mod single;
mod template;
pub mod testing;
mod user;

pub use accepted::Accepted;
pub use address::AddressFault;
pub use answer::Answer;
pub use arrivals::{ArrivalClock, ArrivalStream};
pub use client::{Client, FeedId, GroupId, Seat};
pub use defaults::{DEFAULT_REDIRECTS, UserDefaults};
pub use demand::{DEFAULT_MAX_USERS, Demand, Gaps, PhaseRole, PhaseSpan};
pub use document::DocumentScenario;
pub use encoding::EncodingError;
pub use failure::{ErrorKind, Failure, Outcome};
pub use fingerprint::Fingerprint;
pub use json_path::{JsonPath, JsonPathError, NotJson};
pub use lengths::{Fault as LengthFault, parse as parse_length};
pub use life::{SETUP_RETRY, Script, live};
pub use method::Method;
pub use metric::{Metric, MetricId, MetricKind};
pub use multipart::Multipart;
pub use pace::{TaskWeights, ThinkTime, below};
pub use pattern::{
    Course, Level, Pattern, RampCurve, SteeredCourse, TraceError, TraceScale, parse_trace,
    read_trace,
};
pub use random::Random;
pub use request::{Body, FixedId, HeaderError, HeaderList, NameId, OriginId, Request};
pub use request_builder::RequestBuilder;
pub use response::Response;
pub use rust_scenario::RustScenario;
pub use scenario::{MOST_FEEDS, Origin, Scenario, Scheme, UserFuture};
pub use single::{SingleRequest, UrlError};
pub use user::User;
