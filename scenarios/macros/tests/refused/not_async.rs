//! A task that cannot wait for answers.

use loadforge::{Outcome, User};
use loadforge_macros::scenario;

#[derive(Default)]
struct Shopper;

#[scenario]
impl Shopper {
    #[task]
    fn browse(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }
}

fn main() {}
