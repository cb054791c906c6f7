//! Rules for `Cargo.toml`: who may use whom, and that every dependency says why it is there.
//! Neighbours: `docs` draw the picture that `FLOORS` states. Invariant: a crate of ours without a floor is a finding, so that a
//! new one is placed on purpose.

use super::{Finding, TextFile};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// Each crate's floor: it may use only crates on lower ones (its tests may use any).
const FLOORS: &[(&str, u8)] = &[
    ("loadforge", 3),
    ("loadforge-engine", 2),
    ("loadforge-reporter", 2),
    ("loadforge-dashboard", 2),
    ("loadforge-analysis", 1),
    ("loadforge-import", 1),
    ("loadforge-ring", 0),
    ("loadforge-scenarios", 0),
    ("loadforge-macros", 0),
    ("loadforge-echo", 0),
];

/// Stand aside: nothing uses them.
const ASIDE: [&str; 4] = [
    "xtask",
    "loadforge-instructions",
    "loadforge-fuzz",
    "goose-get",
];

/// A `Cargo.toml` of the checkout.
struct Manifest<'a> {
    file: &'a TextFile,
    package: Option<String>,
    /// Crates of ours that it uses: name, and whether only its tests do.
    uses: Vec<(String, bool)>,
}

/// Checks every `Cargo.toml`.
pub(super) fn check(files: &[TextFile], findings: &mut Vec<Finding>) {
    let mut manifests = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.path.rsplit('/').next() == Some("Cargo.toml"))
    {
        match file.text.parse::<Table>() {
            Ok(table) => {
                manifests.push(Manifest {
                    file,
                    package: package(&table),
                    uses: uses(&table),
                });
                check_comments(file, findings);
            }
            Err(error) => findings.push(Finding {
                file: file.path.clone(),
                line: 0,
                what: format!("no TOML: {}", error.message()),
                remedy: "mend its syntax",
            }),
        }
    }
    for manifest in &manifests {
        check_floors(manifest, findings);
    }
    check_cycles(&manifests, findings);
}

fn package(table: &Table) -> Option<String> {
    table
        .get("package")?
        .get("name")?
        .as_str()
        .map(str::to_owned)
}

fn uses(table: &Table) -> Vec<(String, bool)> {
    let mut uses = Vec::new();
    let targets = table.get("target").and_then(Value::as_table);
    let tables = std::iter::once(table).chain(
        targets
            .into_iter()
            .flat_map(|targets| targets.values())
            .filter_map(Value::as_table),
    );
    for table in tables {
        for (key, only_tests) in [
            ("dependencies", false),
            ("build-dependencies", false),
            ("dev-dependencies", true),
        ] {
            let names = table
                .get(key)
                .and_then(Value::as_table)
                .into_iter()
                .flat_map(Table::iter);
            for (name, value) in names {
                // A renamed dependency carries its real name.
                let name = value.get("package").and_then(Value::as_str).unwrap_or(name);
                if name == "loadforge" || ASIDE.contains(&name) || name.starts_with("loadforge-") {
                    uses.push((name.to_owned(), only_tests));
                }
            }
        }
    }
    uses
}

fn floor(name: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, floor)| *floor)
}

fn check_floors(manifest: &Manifest<'_>, findings: &mut Vec<Finding>) {
    let Some(package) = &manifest.package else {
        return;
    };
    let mut add = |what, word: &str, remedy| {
        let line = line_of(&manifest.file.text, word);
        findings.push(Finding {
            file: manifest.file.path.clone(),
            line,
            what,
            remedy,
        });
    };
    let known = ASIDE.contains(&package.as_str()) || floor(package).is_some();
    if !known {
        let remedy = "place it in FLOORS of scripts/src/tidy/crates.rs, and in docs";
        add(format!("`{package}` has no floor"), "name", remedy);
    }
    for (used, only_tests) in &manifest.uses {
        let allowed = *only_tests
            || match (floor(package), floor(used)) {
                (Some(own), Some(other)) => other < own,
                // Aside, or without a floor, which was said already.
                (None, other) => other.is_some(),
                (Some(_), None) => false,
            };
        if !allowed {
            let remedy = "a crate uses only lower floors: move what is shared down, or pass it in from above";
            add(format!("`{package}` may not use `{used}`"), used, remedy);
        }
    }
}

/// Finds circles, those through tests included: they make two crates one.
fn check_cycles(manifests: &[Manifest<'_>], findings: &mut Vec<Finding>) {
    let uses: BTreeMap<&str, Vec<&str>> = manifests
        .iter()
        .filter_map(|manifest| {
            let used = manifest
                .uses
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            Some((manifest.package.as_deref()?, used))
        })
        .collect();
    for manifest in manifests {
        let Some(package) = manifest.package.as_deref() else {
            continue;
        };
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = uses[package].clone();
        while let Some(name) = open.pop() {
            if reached.insert(name) {
                open.extend(uses.get(name).into_iter().flatten());
            }
        }
        if reached.contains(package) {
            findings.push(Finding {
                file: manifest.file.path.clone(),
                line: line_of(&manifest.file.text, "name"),
                what: format!("`{package}` uses itself through others"),
                remedy: "move the test that closes the circle up to the higher crate",
            });
        }
    }
}

/// Every entry of `[workspace.dependencies]` but our own crates carries a comment, behind it or on the line above.
fn check_comments(file: &TextFile, findings: &mut Vec<Finding>) {
    let mut inside = false;
    let mut above = "";
    for (index, line) in file.text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line == "[workspace.dependencies]";
        } else if inside && line.contains('=') && !line.starts_with('#') {
            let name = line.split('=').next().unwrap_or_default().trim();
            let own = name.starts_with("loadforge-");
            let commented = above.starts_with('#') || line.contains('#');
            if !own && !commented {
                findings.push(Finding {
                    file: file.path.clone(),
                    line: index + 1,
                    what: format!("the dependency `{name}` does not say why it is here"),
                    remedy: "add a comment: what it saves, what we would do without",
                });
            }
        }
        above = line;
    }
}

fn line_of(text: &str, word: &str) -> usize {
    text.lines()
        .position(|line| line.trim_start().starts_with(word))
        .map_or(0, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(manifests: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<TextFile> = manifests
            .iter()
            .map(|(name, dependencies)| TextFile {
                path: format!("{name}/Cargo.toml"),
                text: format!("[package]\nname = \"{name}\"\n{dependencies}"),
            })
            .collect();
        let mut findings = Vec::new();
        check(&files, &mut findings);
        findings
            .into_iter()
            .map(|finding| format!("{}: {}", finding.line, finding.what))
            .collect()
    }

    const USES_ENGINE: &str = "[dependencies]\nloadforge-engine.workspace = true\n";

    #[test]
    fn a_crate_uses_only_lower_floors() {
        assert!(findings(&[("loadforge", USES_ENGINE)]).is_empty());
        assert!(findings(&[("xtask", USES_ENGINE)]).is_empty());
        let upward = findings(&[("loadforge-analysis", USES_ENGINE)]);
        assert_eq!(
            upward,
            ["4: `loadforge-analysis` may not use `loadforge-engine`"]
        );
        let sideways = findings(&[("loadforge-reporter", USES_ENGINE)]);
        assert_eq!(
            sideways,
            ["4: `loadforge-reporter` may not use `loadforge-engine`"]
        );
        assert_eq!(
            findings(&[("loadforge-new", "")]),
            ["2: `loadforge-new` has no floor"]
        );
    }

    #[test]
    fn tests_may_look_up_but_not_in_a_circle() {
        let tests = "[dev-dependencies]\nloadforge-engine.workspace = true\n";
        assert!(findings(&[("loadforge-ring", tests), ("loadforge-engine", "")]).is_empty());
        let ring = "[dependencies]\nloadforge-ring.workspace = true\n";
        let circle = findings(&[("loadforge-ring", tests), ("loadforge-engine", ring)]);
        assert_eq!(circle.len(), 2, "{circle:?}");
        assert!(circle[0].contains("uses itself"), "{circle:?}");
    }

    #[test]
    fn a_dependency_without_a_comment_is_found() {
        let text = "[workspace.dependencies]\nloadforge-ring = { path = \"ring\" }\n\
                    a = \"1\" # saves much\n# saves more\nb = \"1\"\nc = \"1\"\n[other]\nd = 1\n";
        let file = TextFile {
            path: "Cargo.toml".to_owned(),
            text: text.to_owned(),
        };
        let mut findings = Vec::new();
        check(&[file], &mut findings);
        let found: Vec<_> = findings.iter().map(|finding| finding.line).collect();
        assert_eq!(found, [6]);
    }
}
