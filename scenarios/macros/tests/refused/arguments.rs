//! Methods that do not take their user.

use loadforge::{Outcome, User};
use loadforge_macros::scenario;

#[derive(Default)]
struct Shopper;

#[scenario]
impl Shopper {
    #[task]
    async fn without(&mut self) -> Outcome {
        Ok(())
    }

    #[task]
    async fn by_value(&mut self, _user: User) -> Outcome {
        Ok(())
    }

    #[teardown]
    async fn with_more(&mut self, _user: &mut User, _page: u32) -> Outcome {
        Ok(())
    }

    #[task]
    async fn generic<T: Default>(&mut self, _user: &mut User) -> Outcome {
        Ok(())
    }
}

fn main() {}
