//! Keys that are there twice, or say the same thing in two ways.

use loadforge::{Outcome, User};
use loadforge_macros::scenario;

#[derive(Default)]
struct Shopper;

#[scenario(name = "a", name = "b", target = "echo", base_url = "http://a.test")]
impl Shopper {
    #[task(weight = 3, weight = 4)]
    async fn browse(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }

    #[task]
    #[setup]
    async fn both(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }
}

fn main() {}
