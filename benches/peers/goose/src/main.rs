//! Goose as its users run it, for `cargo xtask bench-peers`: each user GETs the host's root over and over, without a pause.
//! Neighbours: `scripts/src/bench_peers/generators.rs` starts it where it is installed. Invariant: measures all that Goose
//! measures by default.

#![forbid(unsafe_code)]

use goose::prelude::*;

async fn get(user: &mut GooseUser) -> TransactionResult {
    user.get("").await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), GooseError> {
    let visitor = scenario!("visitor").register_transaction(transaction!(get));
    let attack = GooseAttack::initialize()?.register_scenario(visitor);
    attack.execute().await?;
    Ok(())
}
