//! A scenario on the impl block of a trait, and on a struct.

use loadforge::{Outcome, User};
use loadforge_macros::scenario;

#[scenario]
#[derive(Default)]
struct Shopper;

trait Browses {
    async fn browse(&mut self, user: &mut User) -> Outcome;
}

#[scenario]
impl Browses for Shopper {
    async fn browse(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }
}

fn main() {}
