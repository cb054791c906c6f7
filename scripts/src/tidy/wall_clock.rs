//! One clock decides: CLOCK_MONOTONIC. A clock that people and NTP set may step in the middle of a run, so only listed files may read it.
//! To let a file do so, add it to `WALL_CLOCK_FILES` with the reason. Neighbours: `source.rs` prepares the files. Invariant: tests are held
//! to it, too: what waits by the wall clock fails on the day it is set.

use super::{
    Finding, TextFile,
    source::{Source, find_word},
};

/// Files that may read the time of day, and what for. An entry that is no longer needed is a finding, too.
const WALL_CLOCK_FILES: &[(&str, &str)] = &[
    (
        "scenarios/src/template/mod.rs",
        "`{{ now() }}` is a text in a request: nothing waits for it or is measured by it",
    ),
    (
        "src/commands/run.rs",
        "the start of a run as a label and as a seed, read once: no length is reckoned from it",
    ),
];

/// What reads the time of day: std, jiff, nix and libc.
const READS: [&str; 6] = [
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "CLOCK_REALTIME",
    "CLOCK_REALTIME_COARSE",
    "gettimeofday",
];

/// Checks every Rust file.
pub(super) fn check(files: &[TextFile], findings: &mut Vec<Finding>) {
    check_with(files, WALL_CLOCK_FILES, findings);
}

fn check_with(files: &[TextFile], listed: &[(&str, &str)], findings: &mut Vec<Finding>) {
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let is_listed = listed.iter().any(|(path, _)| *path == file.path);
        if !is_listed && let Some((index, word)) = first_read(&file.text) {
            findings.push(Finding {
                file: file.path.clone(),
                line: index + 1,
                what: format!("`{word}` reads a clock that may be set"),
                remedy: "use Instant or the engine's clock, or list the file with its reason in WALL_CLOCK_FILES of \
                         scripts/src/tidy/wall_clock.rs",
            });
        }
    }
    for (path, _) in listed {
        let file = files.iter().find(|file| file.path == *path);
        if file.is_none_or(|file| first_read(&file.text).is_none()) {
            findings.push(Finding {
                file: (*path).to_owned(),
                line: 0,
                what: "listed as a file that reads the time of day, and does not".to_owned(),
                remedy: "take it out of WALL_CLOCK_FILES in scripts/src/tidy/wall_clock.rs",
            });
        }
    }
}

/// The first line that reads the time of day, from 0, and by what.
fn first_read(text: &str) -> Option<(usize, &'static str)> {
    let source = Source::new(text);
    let mut lines = source.code.iter().enumerate();
    lines.find_map(|(index, line)| {
        let mut words = READS.into_iter();
        let word = words.find(|word| find_word(line, word).is_some())?;
        Some((index, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let file = TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let mut findings = Vec::new();
        check_with(&[file], &[("a/listed.rs", "a label")], &mut findings);
        findings.retain(|finding| finding.file == path);
        let told = findings.iter();
        told.map(|finding| format!("{}: {}", finding.line, finding.what))
            .collect()
    }

    #[test]
    fn whatever_reads_the_time_of_day_is_found_where_it_is_not_listed() {
        for (text, word) in [
            ("//! A\nlet a = std::time::SystemTime::now();", "SystemTime"),
            ("//! A\nlet a = jiff::Timestamp::now();", "Timestamp::now"),
            ("//! A\nlet a = Zoned::now();", "Zoned::now"),
            ("//! A\nread(libc::CLOCK_REALTIME)", "CLOCK_REALTIME"),
            (
                "//! A\nClockId::CLOCK_REALTIME_COARSE.now()",
                "CLOCK_REALTIME_COARSE",
            ),
            (
                "//! A\n#[cfg(test)]\nmod tests { use std::time::SystemTime; }",
                "SystemTime",
            ),
        ] {
            let line = text.lines().count();
            let what = format!("{line}: `{word}` reads a clock that may be set");
            assert_eq!(found("a/src/b.rs", text), [what], "{text}");
            assert_eq!(found("a/listed.rs", text), Vec::<String>::new(), "{text}");
            assert_eq!(found("a/page.md", text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn other_clocks_words_and_moments_are_let_be() {
        for text in [
            "let a = Instant::now();",
            "read(libc::CLOCK_MONOTONIC)",
            "// SystemTime may step",
            "let a = \"SystemTime\";",
            "Timestamp::UNIX_EPOCH",
            "let my_SystemTime = 1;",
        ] {
            assert_eq!(found("a/src/b.rs", text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_listed_file_that_reads_no_clock_is_a_finding() {
        let what = "0: listed as a file that reads the time of day, and does not";
        assert_eq!(found("a/listed.rs", "//! A\n// SystemTime\n"), [what]);
    }
}
