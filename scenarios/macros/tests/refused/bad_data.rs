//! Data feeds that cannot be.

use loadforge::{Outcome, User};
use loadforge_macros::scenario;

#[derive(Default)]
struct Shopper;

#[scenario(
    data(people = "users.csv", strategy = "uniqe"),
    data(people = "others.csv", strategy = "random", at_end = "stop"),
    data(strategy = "unique"),
    data(a = "a.csv", b = "b.csv"),
    data("2nd" = "c.csv", at_end = "never"),
    data(words = 3),
    data(lines = "d.jsonl", format = "jsonl", separator = ";"),
    data(wide = "e.csv", separator = "--", separator = ","),
    data = "f.csv"
)]
impl Shopper {
    #[task]
    async fn browse(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }
}

fn main() {}
