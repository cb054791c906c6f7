//! Tests of documents as a whole: what good files become, what bad files are told, and that no file brings it down.

mod bad_files;
mod good_files;
mod loads;
mod mutations;

use super::{Document, Problems, parse};
use std::path::Path;

/// Parses a text as `shop.toml`, with `TOKEN` alone in the environment.
fn parse_here(text: &str) -> Result<Document, Problems> {
    let env = |name: &str| (name == "TOKEN").then(|| "t0p-s3cret".to_owned());
    parse("shop.toml", text, &env, Path::new("/nonexistent"))
}
