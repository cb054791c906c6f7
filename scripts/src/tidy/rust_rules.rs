//! Rules for Rust files. To let a file use `unsafe`, add it to `UNSAFE_FILES` with the reason.
//! Neighbours: `source.rs` prepares the files. Invariant: what is only a test is held to the rules for tests.

use super::{
    Finding, TextFile,
    source::{Source, TestModule, find_word},
};

/// Files that may use `unsafe`, and why. An entry that is no longer needed is a finding, too.
const UNSAFE_FILES: &[(&str, &str)] = &[
    (
        "engine/src/clock.rs",
        "one clock_gettime a stamp: the safe face costs a Result on the hot path",
    ),
    (
        "engine/src/supervisor/sampler.rs",
        "the system call that lowers the claim of one thread to a CPU",
    ),
    (
        "engine/src/supervisor/crew.rs",
        "fork, and the pipe that carries a worker's words",
    ),
    (
        "engine/src/wire/epoll/wait.rs",
        "epoll_pwait2 waits to the nanosecond; nix has no face for it",
    ),
    (
        "engine/src/wire/source.rs",
        "tests set IP_LOCAL_PORT_RANGE, which nix does not know",
    ),
    (
        "engine/src/wire/uring.rs",
        "the kernel is given addresses of buffers",
    ),
    (
        "engine/src/wire/uring/buffers.rs",
        "memory that the kernel writes to",
    ),
    (
        "engine/tests/allocations.rs",
        "counts the allocations of a run",
    ),
    ("metrics-ring/src/block.rs", "a run's layout in raw memory"),
    (
        "metrics-ring/src/region.rs",
        "the header at the start of a segment",
    ),
    ("metrics-ring/src/region_tests.rs", "looks at that header"),
    ("metrics-ring/src/ring.rs", "slots that two processes share"),
    (
        "metrics-ring/src/ring_tests.rs",
        "gives rings memory on the heap",
    ),
    (
        "metrics-ring/src/text.rs",
        "texts in memory that two processes share",
    ),
    (
        "metrics-ring/src/transport.rs",
        "sees to it that a ring has one producer and one consumer",
    ),
    (
        "metrics-ring/src/slots.rs",
        "records in slots that two processes share",
    ),
    ("metrics-ring/tests/processes.rs", "forks for real"),
    (
        "scenarios/src/mapped.rs",
        "files of bodies and data are mapped",
    ),
    ("scenarios/tests/allocations.rs", "an allocator that counts"),
    (
        "tests/program/running.rs",
        "a seccomp filter between fork and exec",
    ),
];

/// Longest file, without its tests, in lines.
const MAX_FILE_LINES: usize = 600;

/// Longest function in lines.
const MAX_FUNCTION_LINES: usize = 100;

/// Names that say nothing about what is inside.
const FORBIDDEN_NAMES: [&str; 6] = ["utils", "helpers", "common", "imp", "misc", "manager"];

/// Marks of what was left undone; written in halves, so that this file does not find itself.
const MARKS: [&str; 5] = [
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X"),
];

/// Checks every Rust file.
pub(super) fn check(files: &[TextFile], findings: &mut Vec<Finding>) {
    check_with(files, UNSAFE_FILES, findings);
}

fn check_with(files: &[TextFile], unsafe_files: &[(&str, &str)], findings: &mut Vec<Finding>) {
    let rust_files = || files.iter().filter(|file| file.path.ends_with(".rs"));
    let tests = declared_tests(rust_files());
    for file in rust_files() {
        let source = Source::new(&file.text);
        let below = |module: &String| {
            file.path
                .strip_prefix(module)
                .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        let all_test = is_test_file(&file.path) || tests.iter().any(below);
        let mut report = Report {
            file: &file.path,
            findings,
        };
        let allowed = unsafe_files.iter().any(|(path, _)| *path == file.path);
        check_file(&source, all_test, &mut report);
        check_functions(&source, all_test, &mut report);
        check_lines(&source, all_test, &mut report);
        if !allowed {
            check_unsafe(&source, &mut report);
        }
    }
    for (path, _) in unsafe_files {
        let used = rust_files()
            .find(|file| file.path == *path)
            .is_some_and(|file| {
                Source::new(&file.text)
                    .code
                    .iter()
                    .any(|line| find_word(line, "unsafe").is_some())
            });
        if !used {
            findings.push(Finding {
                file: (*path).to_owned(),
                line: 0,
                what: "listed as a file with unsafe code, and has none".to_owned(),
                remedy: "take it out of UNSAFE_FILES in scripts/src/tidy/rust_rules.rs",
            });
        }
    }
}

/// Where findings about one file go.
struct Report<'a> {
    file: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Report<'_> {
    /// Notes a finding at a line, counted from 0.
    fn add(&mut self, index: usize, what: String, remedy: &'static str) {
        self.findings.push(Finding {
            file: self.file.to_owned(),
            line: index + 1,
            what,
            remedy,
        });
    }
}

fn check_file(source: &Source<'_>, all_test: bool, report: &mut Report<'_>) {
    if !source
        .raw
        .first()
        .is_some_and(|line| line.starts_with("//! "))
    {
        let remedy = "begin with `//!`: its role, its neighbours, its invariant";
        report.add(0, "a file without a header".to_owned(), remedy);
    }
    let lines = source.in_test.iter().filter(|test| !**test).count();
    if !all_test && lines > MAX_FILE_LINES {
        let what = format!("{lines} lines without tests, more than {MAX_FILE_LINES}");
        report.add(0, what, "find its second concept and give it a file");
    }
    let mut parts = report.file.trim_end_matches(".rs").split('/');
    if let Some(name) = parts.find(|part| FORBIDDEN_NAMES.contains(part)) {
        let what = format!("`{name}` says nothing about what is inside");
        report.add(0, what, "name it after its one concept");
    }
}

fn check_functions(source: &Source<'_>, all_test: bool, report: &mut Report<'_>) {
    for function in source.functions() {
        let lines = function.last - function.first + 1;
        let test = all_test || source.in_test[function.first];
        if !test && lines > MAX_FUNCTION_LINES {
            let what = format!(
                "`{}` has {lines} lines, more than {MAX_FUNCTION_LINES}",
                function.name
            );
            report.add(function.first, what, "give its parts names");
        }
        if function.is_test
            && function
                .name
                .split('_')
                .filter(|word| !word.is_empty())
                .count()
                < 3
        {
            let what = format!("the test name `{}` is no sentence", function.name);
            report.add(
                function.first,
                what,
                "say in three words or more what holds",
            );
        }
    }
}

/// One finding a file, at its first use.
fn check_unsafe(source: &Source<'_>, report: &mut Report<'_>) {
    if let Some(index) = source
        .code
        .iter()
        .position(|code| find_word(code, "unsafe").is_some())
    {
        let remedy = "do without, or list the file with its reason in UNSAFE_FILES of scripts/src/tidy/rust_rules.rs";
        report.add(
            index,
            "unsafe code in a file not listed for it".to_owned(),
            remedy,
        );
    }
}

fn check_lines(source: &Source<'_>, all_test: bool, report: &mut Report<'_>) {
    for (index, code) in source.code.iter().enumerate() {
        let test = all_test || source.in_test[index];
        if !test && code.contains(".unwrap()") {
            let remedy = "return an error, or `expect` with the invariant in words";
            report.add(index, "unwrap() outside tests".to_owned(), remedy);
        }
        if !test && has_wordless_expect(code, source.raw[index]) {
            let remedy = "say in a sentence which invariant holds";
            report.add(index, "expect() without words".to_owned(), remedy);
        }
        let forks = find_word(code, "fork").is_some_and(|at| code[at + 4..].starts_with('('));
        if !test && forks && !report.file.starts_with("engine/") {
            let remedy = "only the engine forks: a child of anybody else has no order of life";
            report.add(index, "fork() outside engine/".to_owned(), remedy);
        }
        for mark in MARKS {
            let word = mark.trim_end_matches("!(");
            if source.raw[index].contains(mark) && find_word(source.raw[index], word).is_some() {
                report.add(
                    index,
                    format!("`{word}` left in"),
                    "do it, or open an issue",
                );
            }
        }
    }
}

/// Whether the line has an `expect` whose literal, if it stands on this line, is not a sentence.
fn has_wordless_expect(code: &str, raw: &str) -> bool {
    code.match_indices(".expect(\"").any(|(at, call)| {
        let literal = raw[at + call.len()..].split('"').next().unwrap_or_default();
        !literal.trim().contains(' ')
    })
}

/// Modules declared for tests only, as paths without `.rs`; what lies in their folders is only for tests, too.
fn declared_tests<'a>(files: impl Iterator<Item = &'a TextFile>) -> Vec<String> {
    let mut modules = Vec::new();
    for file in files {
        let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        // Children of `a/b.rs` lie in `a/b/`, those of `a/mod.rs` beside it.
        let own_folder = match name {
            "mod.rs" | "lib.rs" | "main.rs" => folder,
            _ => file.path.trim_end_matches(".rs"),
        };
        for module in Source::new(&file.text).test_modules() {
            modules.push(match module {
                TestModule::Name(name) => format!("{own_folder}/{name}"),
                TestModule::Path(path) => format!("{folder}/{}", path.trim_end_matches(".rs")),
            });
        }
    }
    modules
}

/// Files that hold nothing but tests, benches or examples by their place or name.
fn is_test_file(path: &str) -> bool {
    let folder = |name: &str| path.split('/').rev().skip(1).any(|part| part == name);
    ["tests", "benches", "examples", "fuzz"]
        .iter()
        .any(|name| folder(name))
        || path.ends_with("_tests.rs")
        || path.ends_with("/tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let file = TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let mut findings = Vec::new();
        check_with(
            &[file],
            &[("ring/src/ring.rs", "the ring's slots")],
            &mut findings,
        );
        findings
            .into_iter()
            .filter(|finding| finding.line > 0)
            .map(|finding| format!("{}: {}", finding.line, finding.what))
            .collect()
    }

    #[test]
    fn each_rule_finds_its_breach_and_nothing_else() {
        let header = "//! A file.\n";
        let long = format!("{header}fn a() {{\n{}}}\n", "    b();\n".repeat(100));
        let very_long = format!("{header}{}", "const A: u8 = 1;\n".repeat(600));
        let cases: &[(&str, &str, &[&str])] = &[
            ("a/src/a.rs", "//! A file.\nfn a() {}\n", &[]),
            ("a/src/a.rs", "fn a() {}\n", &["1: a file without a header"]),
            (
                "a/src/utils.rs",
                header,
                &["1: `utils` says nothing about what is inside"],
            ),
            (
                "a/src/misc/b.rs",
                header,
                &["1: `misc` says nothing about what is inside"],
            ),
            (
                "a/src/a.rs",
                &long,
                &["2: `a` has 102 lines, more than 100"],
            ),
            ("a/tests/a.rs", &long, &[]),
            (
                "a/src/a.rs",
                &very_long,
                &["1: 601 lines without tests, more than 600"],
            ),
            (
                "a/src/a.rs",
                "//! A\nlet a = b.unwrap();",
                &["2: unwrap() outside tests"],
            ),
            ("a/src/a_tests.rs", "//! A\nlet a = b.unwrap();", &[]),
            ("a/src/a.rs", "//! A\n// .unwrap() in words\n", &[]),
            (
                "a/src/a.rs",
                "//! A\nb.expect(\"b\");",
                &["2: expect() without words"],
            ),
            ("a/src/a.rs", "//! A\nb.expect(\"b is there\");", &[]),
            (
                "a/src/a.rs",
                "//! A\nunsafe { b() }",
                &["2: unsafe code in a file not listed for it"],
            ),
            ("ring/src/ring.rs", "//! A\nunsafe { b() }", &[]),
            (
                "a/src/a.rs",
                "//! A\nlet c = fork();",
                &["2: fork() outside engine/"],
            ),
            ("engine/src/a.rs", "//! A\nlet c = fork();", &[]),
            (
                "a/src/a.rs",
                concat!("//! A\n// FIX", "ME later"),
                &[concat!("2: `FIX", "ME` left in")],
            ),
            (
                "a/src/a.rs",
                concat!("//! A\nfn a() { to", "do!() }"),
                &[concat!("2: `to", "do` left in")],
            ),
            (
                "a/src/a.rs",
                "//! A\n#[test]\nfn it_works() {}",
                &["3: the test name `it_works` is no sentence"],
            ),
            ("a/src/a.rs", "//! A\n#[test]\nfn it_works_well() {}", &[]),
        ];
        for (path, text, expected) in cases {
            assert_eq!(findings(path, text), *expected, "{path}: {text:.60}");
        }
    }

    #[test]
    fn modules_declared_for_tests_are_held_to_the_rules_for_tests() {
        let file = |path: &str, text: &str| TextFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let breach = "//! A\nlet a = b.unwrap();";
        let files = [
            file(
                "a/src/lib.rs",
                "//! A\n#[cfg(test)]\nmod suite;\nmod plain;\n",
            ),
            file(
                "a/src/b.rs",
                "//! A\n#[cfg(test)]\n#[path = \"b_check.rs\"]\nmod tests;\n",
            ),
            file("a/src/suite.rs", breach),
            file("a/src/suite/inner.rs", breach),
            file("a/src/b_check.rs", breach),
            file("a/src/plain.rs", breach),
        ];
        let mut findings = Vec::new();
        check_with(&files, &[], &mut findings);
        let found: Vec<_> = findings
            .iter()
            .map(|finding| finding.file.as_str())
            .collect();
        assert_eq!(found, ["a/src/plain.rs"]);
    }

    #[test]
    fn a_listed_file_without_unsafe_code_is_a_finding() {
        let file = TextFile {
            path: "a.rs".to_owned(),
            text: "//! A\n// unsafe\n".to_owned(),
        };
        let mut findings = Vec::new();
        check_with(
            &[file],
            &[("a.rs", "it was fast"), ("gone.rs", "it was here")],
            &mut findings,
        );
        let files: Vec<_> = findings
            .iter()
            .map(|finding| finding.file.as_str())
            .collect();
        assert_eq!(files, ["a.rs", "gone.rs"]);
    }
}
