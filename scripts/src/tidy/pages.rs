//! Rules for pages: links lead somewhere, README tells the life of a request, CHANGELOG is there.
//! Neighbours: none. Invariant: only relative links are judged; nothing is fetched.

use super::{Finding, TextFile};
use std::path::Path;

/// Steps of the life of a request in README, each with a link to its file.
const LIFE_STEPS: usize = 8;

/// Checks every page.
pub(super) fn check(root: &Path, files: &[TextFile], findings: &mut Vec<Finding>) {
    for name in ["README.md", "CHANGELOG.md"] {
        if !files.iter().any(|file| file.path == name) {
            let what = "is missing".to_owned();
            let remedy = "write it: every reader looks for it first";
            findings.push(Finding {
                file: name.to_owned(),
                line: 0,
                what,
                remedy,
            });
        }
    }
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, target) in links(&file.text) {
            let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
            if !root.join(folder).join(&target).exists() {
                let what = format!("the link to `{target}` leads nowhere");
                let remedy = "point it at where that is now";
                findings.push(Finding {
                    file: file.path.clone(),
                    line,
                    what,
                    remedy,
                });
            }
        }
        if file.path == "README.md" {
            check_life(file, findings);
        }
    }
}

/// README has a section on the life of a request with a link for each step.
fn check_life(readme: &TextFile, findings: &mut Vec<Finding>) {
    let lines: Vec<&str> = readme.text.lines().collect();
    let heading =
        |line: &&str| line.starts_with('#') && line.to_lowercase().contains("life of a request");
    let (line, count) = match lines.iter().position(heading) {
        None => (0, 0),
        Some(first) => {
            let rest = &lines[first + 1..];
            let length = rest
                .iter()
                .position(|line| line.starts_with('#'))
                .unwrap_or(rest.len());
            (first + 1, links(&rest[..length].join("\n")).len())
        }
    };
    if count < LIFE_STEPS {
        findings.push(Finding {
            file: readme.path.clone(),
            line,
            what: format!("the life of a request has {count} links to files, not {LIFE_STEPS}"),
            remedy: "tell it in eight steps, each linking to its file",
        });
    }
}

/// The relative links of a page, with their lines (from 1); code blocks and code spans hold none.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // Every second piece between backticks is code, unless it is a link's own text.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("x");
        for rest in prose.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            let target = target.split('#').next().unwrap_or_default();
            let elsewhere = target.contains("://") || target.starts_with("mailto:");
            if !target.is_empty() && !elsewhere {
                links.push((index + 1, target.to_owned()));
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_links_outside_code_are_taken() {
        let text = "[a](b.md) and [`c`](d/e.rs#L1)\n```\n[f](g.md)\n```\n`[h](i.md)`\n\
                    [j](https://k) [l](#m) ![n](o.png \"p\")";
        let expected = [(1, "b.md"), (1, "d/e.rs"), (6, "o.png")];
        assert_eq!(
            links(text),
            expected.map(|(line, target)| (line, target.to_owned()))
        );
    }

    #[test]
    fn broken_links_and_missing_pages_are_found() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("here.md"), "").unwrap();
        let steps = "1. [step](here.md)\n".repeat(7);
        let text =
            format!("# X\n[a](gone.md)\n## Life of a request\n{steps}\n## Y\n[b](here.md)\n");
        let files = [TextFile {
            path: "README.md".to_owned(),
            text,
        }];
        let mut findings = Vec::new();
        check(root.path(), &files, &mut findings);
        let found: Vec<_> = findings.iter().map(|f| (f.file.as_str(), f.line)).collect();
        assert_eq!(
            found,
            [("CHANGELOG.md", 0), ("README.md", 2), ("README.md", 3)]
        );
        assert!(findings[2].what.contains("has 7 links"), "{}", findings[2]);
    }
}
