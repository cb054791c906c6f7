//! Scenario files out of what people already have: cURL commands, HAR recordings, OpenAPI descriptions, Postman
//! collections. Each reader makes a `Draft`, `settle.rs` takes secrets and noise out of it, `write.rs` writes TOML.
//! Neighbours: the command line reads files and prints notes. Invariant: any bytes give a scenario or an error with its
//! place and remedy, in time and memory that their number bounds; what is left out is noted, and no secret is written.

#![forbid(unsafe_code)]

mod address;
mod body;
mod curl;
mod document;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod har;
mod hide;
mod model;
mod naming;
mod node;
mod notes;
mod openapi;
mod postman;
mod secrets;
mod settle;
mod value;
mod words;
mod write;

pub use error::ImportError;
pub use secrets::EnvironmentVariable;

use model::Draft;
use std::collections::HashMap;

/// The most bytes of an input: ten minutes of a busy page with all its pictures are some 50 MB.
pub const MOST_BYTES: u64 = 256 << 20;

/// What the caller wants otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether pictures, styles, scripts, fonts and media of a recording are wanted, too.
    pub static_assets: bool,
    /// The scenario's name instead of one made of the input.
    pub name: Option<String>,
    /// Where plain paths go instead of where most requests went: `http://host:port`, with a path or without.
    pub base_url: Option<String>,
}

/// A scenario file that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The text of the file.
    pub toml: String,
    /// What was left out or changed, a line each.
    pub notes: Vec<String>,
    /// The environment variables that the scenario needs.
    pub environment: Vec<EnvironmentVariable>,
    /// How many requests it holds.
    pub requests: usize,
    /// The stand-in of each variable.
    stand_ins: HashMap<String, String>,
}

impl Imported {
    /// A value of the right shape for an environment variable of the scenario, so that the file can be checked.
    pub fn stand_in(&self, name: &str) -> Option<String> {
        self.stand_ins.get(name).cloned()
    }
}

/// Makes a scenario of cURL commands, as browsers copy them and people write them.
///
/// # Errors
/// When there is no command that can be read, or an option makes no sense.
pub fn curl(input: &[u8], options: &Options) -> Result<Imported, ImportError> {
    import(input, options, |input, _| {
        curl::read(&document::text(input)?)
    })
}

/// Makes a scenario of a HAR recording, as the network panels of browsers export it.
///
/// # Errors
/// When it is no HAR, holds no request, or an option makes no sense.
pub fn har(input: &[u8], options: &Options) -> Result<Imported, ImportError> {
    import(input, options, har::read)
}

/// Makes a scenario of an OpenAPI description, 3.0 or 3.1, in JSON or YAML.
///
/// # Errors
/// When it is none, describes no request, or an option makes no sense.
pub fn openapi(input: &[u8], options: &Options) -> Result<Imported, ImportError> {
    import(input, options, |input, options| {
        openapi::read(&document::text(input)?, options)
    })
}

/// Makes a scenario of a Postman collection of version 2.1.
///
/// # Errors
/// When it is none, holds no request, or an option makes no sense.
pub fn postman(input: &[u8], options: &Options) -> Result<Imported, ImportError> {
    import(input, options, |input, _| {
        postman::read(&document::text(input)?)
    })
}

fn import(
    input: &[u8],
    options: &Options,
    read: impl FnOnce(&[u8], &Options) -> Result<Draft, ImportError>,
) -> Result<Imported, ImportError> {
    settle::check(options)?;
    if input.len() as u64 > MOST_BYTES {
        return Err(ImportError::new(
            "the input is larger than 256 MiB",
            "import a part of it, such as a recording of fewer pages",
        ));
    }
    if input.trim_ascii().is_empty() {
        return Err(
            ImportError::new("the input is empty", "name the file that was exported").at(1, 1),
        );
    }
    settle::settle(read(input, options)?, options)
}
