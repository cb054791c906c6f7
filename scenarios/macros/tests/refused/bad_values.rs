//! Values of another kind than their key's.

use loadforge::{Outcome, User};
use loadforge_macros::scenario;

#[derive(Default)]
struct Shopper;

const WEIGHT: u32 = 3;

#[scenario(
    name = "my shop!",
    base_url = "shop.test",
    redirects = 300,
    cookies = "no",
    headers("a b" = "1", x_y = "line\nbreak"),
    origins = "http://a.test"
)]
impl Shopper {
    #[task(weight = "3", name = "")]
    async fn browse(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }
}

#[derive(Default)]
struct Other;

#[scenario(target = "mirror")]
impl Other {
    #[task(weight = WEIGHT)]
    async fn browse(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }

    #[task(weight = -1)]
    async fn search(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }
}

fn main() {}
