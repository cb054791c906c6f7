//! Methods that do not say how it went.

use loadforge::User;
use loadforge_macros::scenario;

#[derive(Default)]
struct Shopper;

#[scenario]
impl Shopper {
    #[task]
    async fn nothing(&mut self, user: &mut User) {
        let _ = user.get("/").send().await;
    }

    #[task]
    async fn unit(&mut self, _: &mut User) -> () {}
}

fn main() {}
