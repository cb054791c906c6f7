//! A type without the attribute, where a scenario is wanted.

use loadforge::rust_scenario::RustScenario;

#[derive(Default)]
struct Shopper;

fn main() {
    let _ = RustScenario::of::<Shopper>();
}
