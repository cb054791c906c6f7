//! Attributes of methods in a block that is no scenario.

use loadforge::{Outcome, User};
use loadforge_macros::{setup, task, teardown};

struct Shopper;

impl Shopper {
    #[setup]
    async fn log_in(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }

    #[task(weight = 3)]
    async fn browse(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }

    #[teardown]
    async fn log_out(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }
}

fn main() {}
