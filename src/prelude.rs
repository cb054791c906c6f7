//! What a scenario written in Rust needs, in one `use`. Neighbours: everything here is defined in
//! `loadforge-scenarios`. Invariant: only what works today is re-exported.
//!
//! A scenario implements [`Scenario`] and writes a user's life with [`live`] and a [`Script`]; it can be tested in
//! memory with a [`Client`] of its own. The command line does not take such scenarios yet.
//!
//! ```
//! use loadforge::prelude::*;
//! use std::sync::Arc;
//!
//! struct Shop {
//!     origins: Vec<Origin>,
//!     names: Vec<String>,
//!     weights: TaskWeights,
//!     pause: ThinkTime,
//! }
//!
//! impl Scenario for Shop {
//!     fn name(&self) -> &str {
//!         "shop"
//!     }
//!     fn origins(&self) -> &[Origin] {
//!         &self.origins
//!     }
//!     fn endpoints(&self) -> &[String] {
//!         &self.names
//!     }
//!     fn fixed_requests(&self) -> u32 {
//!         0
//!     }
//!     fn start_user(self: Arc<Self>, user: User) -> UserFuture {
//!         Box::pin(live(Shopper { shop: self, bought: 0 }, user))
//!     }
//! }
//!
//! struct Shopper {
//!     shop: Arc<Shop>,
//!     bought: u32,
//! }
//!
//! impl Script for Shopper {
//!     async fn setup(&mut self, user: &mut User) -> Outcome {
//!         user.post("/login").body(b"user=ann").send().await?;
//!         Ok(())
//!     }
//!     fn weights(&self) -> &TaskWeights {
//!         &self.shop.weights
//!     }
//!     async fn task(&mut self, index: usize, user: &mut User) -> Outcome {
//!         match index {
//!             0 => user.get("/products/7").name("product").send().await?,
//!             _ => user.post("/cart").send().await?,
//!         };
//!         self.bought += index as u32;
//!         Ok(())
//!     }
//!     fn think_time(&self) -> &ThinkTime {
//!         &self.shop.pause
//!     }
//!     async fn teardown(&mut self, user: &mut User) -> Outcome {
//!         user.delete("/login").send().await?;
//!         Ok(())
//!     }
//! }
//!
//! let here = Origin { scheme: Scheme::Http, host: "127.0.0.1".into(), port: 8080 };
//! let shop = Shop {
//!     origins: vec![here],
//!     names: vec!["product".into()],
//!     weights: TaskWeights::new([3, 1]).expect("a task has weight"),
//!     pause: ThinkTime::None,
//! };
//! assert_eq!(shop.origins()[0].to_string(), "http://127.0.0.1:8080");
//! ```

pub use loadforge_scenarios::{
    Client, ErrorKind, Failure, Method, NameId, Origin, OriginId, Outcome, Request, Response,
    Scenario, Scheme, Script, Seat, TaskWeights, ThinkTime, User, UserFuture, live,
};
