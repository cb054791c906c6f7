//! A scenario of many types.

use loadforge::{Outcome, User};
use loadforge_macros::scenario;

#[derive(Default)]
struct Shopper<T>(T);

#[scenario]
impl<T: Default> Shopper<T> {
    #[task]
    async fn browse(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }
}

fn main() {}
