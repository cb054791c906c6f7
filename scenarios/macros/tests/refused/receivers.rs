//! Methods that do not borrow their user's value.

use loadforge::{Outcome, User};
use loadforge_macros::scenario;

#[derive(Default)]
struct Shopper;

#[scenario]
impl Shopper {
    #[task]
    async fn takes_itself(self, _: &mut User) -> Outcome {
        Ok(())
    }

    #[setup]
    async fn takes_nothing(_: &mut User) -> Outcome {
        Ok(())
    }
}

fn main() {}
