//! Users that have nothing to begin with.

use loadforge::{Outcome, User};
use loadforge_macros::scenario;

struct Shopper {
    #[allow(dead_code)]
    token: String,
}

#[scenario]
impl Shopper {
    #[task]
    async fn browse(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }
}

fn main() {}
