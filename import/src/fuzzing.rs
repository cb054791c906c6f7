//! What the fuzz targets of this crate hold every input to. Neighbours: `fuzz/targets`, `tests/mutations.rs`.
//! Invariant: only tests call it.

use crate::{ImportError, Imported, Options};
use loadforge_scenarios::document;
use std::path::Path;

/// What is allowed to be wrong with a file that was imported: what this version cannot do at all, and files that are not there.
const ALLOWED: &[&str] = &["https is not supported yet", "cannot be used: "];

/// Imports bytes: the result is a scenario that is taken, or an error with its place and a remedy.
///
/// # Panics
/// When it is neither.
pub fn check(import: fn(&[u8], &Options) -> Result<Imported, ImportError>, bytes: &[u8]) {
    match import(bytes, &Options::default()) {
        Ok(imported) => {
            let odd = imported
                .notes
                .iter()
                .find(|note| note.contains(char::is_control));
            assert!(odd.is_none(), "a control character in a note: {odd:?}");
            let problem = first_problem(&imported, Path::new(""));
            assert!(problem.is_none(), "{problem:?} in\n{}", imported.toml);
        }
        Err(error) => {
            let has_place = error.line >= 1 && error.column >= 1 || !error.key.is_empty();
            assert!(has_place, "no place: {error}");
            assert!(
                !error.message.is_empty() && !error.remedy.is_empty(),
                "{error}"
            );
            let said = error.to_string();
            let is_odd = |c: char| c != '\n' && c.is_control();
            assert!(!said.contains(is_odd), "a control character: {said:?}");
        }
    }
}

/// What the reader of scenario files says against a file that was imported, but for what is allowed.
pub fn first_problem(imported: &Imported, folder: &Path) -> Option<String> {
    let env = |name: &str| imported.stand_in(name);
    let problems = document::parse("imported.toml", &imported.toml, &env, folder).err()?;
    let is_allowed = |message: &str| ALLOWED.iter().any(|words| message.contains(words));
    problems
        .0
        .iter()
        .find(|problem| !is_allowed(&problem.message))
        .map(ToString::to_string)
}
