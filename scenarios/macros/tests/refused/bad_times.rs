//! Times that are none, by the same grammar as in scenario files.

use loadforge::{Outcome, User};
use loadforge_macros::scenario;

#[derive(Default)]
struct Shopper;

#[scenario(think_time = "3s..1s", pacing = "0s", timeout = "2 fortnights")]
impl Shopper {
    #[task(think_time = "1", pacing = "-5s")]
    async fn browse(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }

    #[task(think_time = normal(mean = "2s"))]
    async fn search(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }

    #[task(think_time = gaussian(mean = "2s"))]
    async fn buy(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }
}

fn main() {}
