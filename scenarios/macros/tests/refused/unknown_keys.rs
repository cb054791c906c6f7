//! Keys that there are not.

use loadforge::{Outcome, User};
use loadforge_macros::scenario;

#[derive(Default)]
struct Shopper;

#[scenario(thinktime = "1s", colour = "red")]
impl Shopper {
    #[task(wieght = 3)]
    async fn browse(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }

    #[setup(weight = 3)]
    async fn log_in(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }
}

fn main() {}
