//! Tests of documents as a whole: what good files become, what bad files are told, and that no file brings it down.

mod bad_files;
mod feeds;
mod good_files;
mod loads;
mod mutations;
mod steps;

use super::{Document, Problems, load, parse, threshold::any_expression};
use std::path::Path;

/// Reads a file, whatever its thresholds say.
fn load_any(path: &Path) -> Result<Document, Problems> {
    load(path, any_expression)
}

/// Parses a text as `shop.toml`, with `TOKEN` alone in the environment.
fn parse_here(text: &str) -> Result<Document, Problems> {
    let env = |name: &str| (name == "TOKEN").then(|| "t0p-s3cret".to_owned());
    parse("shop.toml", text, &env, Path::new("/nonexistent"))
}
