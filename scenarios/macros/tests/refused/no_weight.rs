//! Tasks of which none is ever picked.

use loadforge::{Outcome, User};
use loadforge_macros::scenario;

#[derive(Default)]
struct Shopper;

#[scenario]
impl Shopper {
    #[task(weight = 0)]
    async fn browse(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }
}

fn main() {}
