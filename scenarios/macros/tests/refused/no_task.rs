//! A scenario in which there is nothing to do.

use loadforge::{Outcome, User};
use loadforge_macros::scenario;

#[derive(Default)]
struct Shopper;

#[scenario]
impl Shopper {
    async fn browse(&mut self, user: &mut User) -> Outcome {
        user.get("/").send().await?;
        Ok(())
    }
}

fn main() {}
