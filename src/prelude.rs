//! What a scenario written in Rust needs, in one `use`. Neighbours: everything here is defined in `loadforge-scenarios` and
//! `loadforge-macros`. Invariant: only what works today is re-exported.
//!
//! Each virtual user is a value of a type with `Default`. Its methods are what the user does: `#[setup]` once, then one
//! `#[task]` after another, picked by weight, with a pause behind each, and `#[teardown]` once. `loadforge::main!` makes a program
//! of it, with the whole command line: `shopper run http://127.0.0.1:8080/ --users 20`.
//!
//! ```
//! use loadforge::prelude::*;
//!
//! #[derive(Default)]
//! struct Shopper {
//!     token: String,
//! }
//!
//! #[scenario(think_time = "1s..3s", base_url = "http://127.0.0.1:8080")]
//! impl Shopper {
//!     #[setup]
//!     async fn log_in(&mut self, user: &mut User) -> Outcome {
//!         let answer = user.post("/login").json(&json!({ "user": "ann" })).send().await?;
//!         self.token = answer.capture_json("$.auth.token")?;
//!         Ok(())
//!     }
//!
//!     #[task(weight = 3)]
//!     async fn browse(&mut self, user: &mut User) -> Outcome {
//!         let page = user.random().number(1..=500);
//!         user.get(&format!("/products/{page}"))
//!             .name("product")
//!             .header("authorization", &self.token)
//!             .send()
//!             .await?
//!             .expect_body_contains("price")
//!     }
//!
//!     #[task]
//!     async fn buy(&mut self, user: &mut User) -> Outcome {
//!         user.post("/cart").form([("product", "7")]).send().await?;
//!         user.post("/checkout").send().await?.expect_status(201)
//!     }
//! }
//!
//! loadforge::main!(Shopper);
//! ```
//!
//! A scenario can be tested in memory, with no server and no waiting: [`MemoryRun`](crate::testing::MemoryRun) lives it by a clock
//! of its own.
//!
//! ```
//! use loadforge::{prelude::*, testing::{Answer, Deed, MemoryRun}};
//! use std::sync::Arc;
//!
//! #[derive(Default)]
//! struct Visitor;
//!
//! #[scenario(think_time = "4s")]
//! impl Visitor {
//!     #[task]
//!     async fn look(&mut self, user: &mut User) -> Outcome {
//!         user.get("/").send().await?.expect_status(200)
//!     }
//! }
//!
//! let visitor: Arc<dyn Scenario> = Arc::new(RustScenario::of::<Visitor>());
//! let deeds = MemoryRun::new(|_| Answer::status(200)).play(&visitor);
//! let looks = deeds.iter().filter(|event| matches!(event.deed, Deed::Sent(_))).count();
//! assert_eq!(looks, 3); // at 0 s, 4 s and 8 s of the 10 s that a run in memory lasts
//! ```

pub use loadforge_macros::{scenario, setup, task, teardown};
pub use loadforge_scenarios::{
    Accepted, Answer, Client, ErrorKind, Failure, Method, Metric, Multipart, NameId, Origin,
    OriginId, Outcome, Random, Request, RequestBuilder, Response, RustScenario, Scenario, Scheme,
    Script, Seat, TaskWeights, ThinkTime, User, UserFuture, live,
};
pub use serde_json::json;
