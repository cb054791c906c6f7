//! `cargo xtask tidy`: the rules of the house that no compiler knows.
//! Neighbours: `tidy/source.rs` reads Rust as far as the rules need, `tidy/rust_rules.rs`, `tidy/wall_clock.rs`, `tidy/crates.rs`
//! and `tidy/pages.rs` hold the rules. Invariant: every finding says file, line, what is wrong and what to do.

mod crates;
mod pages;
mod rust_rules;
mod source;
mod wall_clock;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A rule that was broken somewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    /// From the root of the checkout.
    file: String,
    /// From 1; 0 means the file as a whole.
    line: usize,
    what: String,
    remedy: &'static str,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Finding {
            file,
            line,
            what,
            remedy,
        } = self;
        write!(f, "{file}:{line}: {what}: {remedy}")
    }
}

/// A text file of the checkout.
struct TextFile {
    /// From the root, with `/`.
    path: String,
    text: String,
}

/// Checks every file; the error lists all findings.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let files = read_files(root)?;
    let mut findings = Vec::new();
    rust_rules::check(&files, &mut findings);
    wall_clock::check(&files, &mut findings);
    crates::check(&files, &mut findings);
    pages::check(root, &files, &mut findings);
    findings.sort();
    if findings.is_empty() {
        println!("tidy: {} files, nothing to mend", files.len());
        return Ok(());
    }
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    Err(format!(
        "{}\ntidy: {} to mend",
        lines.join("\n"),
        findings.len()
    ))
}

/// Reads every file that a rule looks at; what is built, hidden or fetched is left out.
fn read_files(root: &Path) -> Result<Vec<TextFile>, String> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |error| format!("tidy: {} cannot be read: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                let aside = ["target", "node_modules", "results"].contains(&name.as_str());
                if !aside && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if [".rs", ".md", ".toml"]
                .iter()
                .any(|end| name.ends_with(end))
            {
                files.push(TextFile {
                    path: below(root, &path),
                    text: read(&path)?,
                });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn read(path: &PathBuf) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("tidy: {}: {error}", path.display()))
}

fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}
