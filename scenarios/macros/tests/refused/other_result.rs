//! A task whose result is something else than an outcome.

use loadforge::User;
use loadforge_macros::scenario;

#[derive(Default)]
struct Shopper;

#[scenario]
impl Shopper {
    #[task]
    async fn status(&mut self, _: &mut User) -> Result<u16, String> {
        Ok(200)
    }
}

fn main() {}
