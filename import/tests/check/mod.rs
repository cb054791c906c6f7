//! What the tests here share: fixtures, their readers, and whether a result is a scenario that is taken.
//! Neighbours: every test file here; `loadforge_import::fuzzing` says what is allowed to be refused. Invariant: a file that
//! a fixture names is there.

#![allow(dead_code)] // Each test file uses its own part of it.

use loadforge_import::{ImportError, Imported, Options, fuzzing};
use std::{fs, path::Path};

pub type Importer = fn(&[u8], &Options) -> Result<Imported, ImportError>;

/// A fixture's bytes.
pub fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    fs::read(path).expect("the fixture is there")
}

/// What reads a fixture.
pub fn importer(name: &str) -> Importer {
    match name.rsplit('.').next().expect("a name has a last part") {
        "txt" => loadforge_import::curl,
        "har" => loadforge_import::har,
        _ if name.contains("postman") => loadforge_import::postman,
        _ => loadforge_import::openapi,
    }
}

/// Panics unless the result is a scenario that is taken.
pub fn validate(imported: &Imported) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for name in ["ann.png", "big.bin", "me.jpg", "photo.bin", "bill.pdf"] {
        fs::write(folder.path().join(name), b"bytes").expect("the folder can be written to");
    }
    if let Some(problem) = fuzzing::first_problem(imported, folder.path()) {
        panic!("{problem}\nin\n{}", imported.toml);
    }
}
