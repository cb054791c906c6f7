//! `cargo xtask instructions`: how many instructions each pure part takes, counted by callgrind, held to the blessed
//! figures. Unlike times they come out the same on a busy machine, so that a gate can stand on them.
//! Neighbours: `benches/instructions` has the parts and `blessed.json`, `ci.rs` runs this. Invariant: figures are compared
//! only with those of the same compiler, processor and C library.

use crate::programs;
use serde_json::{Map, Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// Operations of the two runs whose difference counts: what a part sets up or warms up is in both.
const FEW: u64 = 4_096;
const MANY: u64 = FEW + 32_768;
/// The loop alone: taken off all others.
const EMPTY: &str = "empty";
/// How much more than blessed is too much.
const MOST_MORE: f64 = 0.03;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Take what is counted as the new standard.
    bless: bool,
}

impl Options {
    /// Reads `--bless`.
    pub(crate) fn parse(words: &[String]) -> Result<Options, String> {
        match words {
            [] => Ok(Options { bless: false }),
            [flag] if flag == "--bless" => Ok(Options { bless: true }),
            _ => Err(format!(
                "instructions: no such option: {}; there is --bless",
                words.join(" ")
            )),
        }
    }
}

/// How it ended, unless something failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All parts are within the limit.
    Held,
    /// The figures are the new standard.
    Blessed,
    /// There is nothing to compare with, or nothing to count with.
    Skipped(String),
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Held => f.write_str("every part within 3 % of its blessed figure, or below"),
            End::Blessed => f.write_str("blessed"),
            End::Skipped(why) => write!(f, "skipped: {why}"),
        }
    }
}

/// What figures depend on beside the source.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    rustc: String,
    target: String,
    /// What callgrind shows a program of the processor; memchr, httparse and the C library choose by it.
    cpu: &'static str,
    libc: String,
}

/// A part and its instructions per operation.
type Count = (String, f64);

/// As `cargo xtask ci` asks: compares, and skips what cannot be counted here.
pub(crate) fn check(root: &Path) -> Result<End, String> {
    run(root, Options { bless: false })
}

/// Counts, prints the table and compares or blesses.
pub(crate) fn run(root: &Path, options: Options) -> Result<End, String> {
    let place = |error| format!("instructions: {error}");
    let Some(valgrind) = programs::find("valgrind") else {
        let why = "valgrind is not installed (`apt-get install valgrind`)".to_owned();
        // Who wants figures must not be told that all is well.
        return match options.bless {
            true => Err(place(why)),
            false => Ok(End::Skipped(why)),
        };
    };
    let key = Key::here(root).map_err(place)?;
    let counts = count(root, &valgrind).map_err(place)?;
    let path = root.join("benches/instructions/blessed.json");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mut stored = Stored::read(&text).map_err(|error| {
        place(format!(
            "{}: {error}: take it from git again",
            path.display()
        ))
    })?;
    if options.bless {
        print!("{}", table(&counts, stored.of(&key)));
        stored.bless(&key, &counts);
        return fs::write(&path, stored.text())
            .map(|()| End::Blessed)
            .map_err(|error| place(format!("{}: {error}", path.display())));
    }
    print!("{}", table(&counts, stored.of(&key)));
    let Some(blessed) = stored.of(&key) else {
        return Ok(End::Skipped(format!(
            "blessed for {}; this is {}",
            stored.keys(),
            key.words()
        )));
    };
    let faults = faults(&counts, blessed);
    if faults.is_empty() {
        return Ok(End::Held);
    }
    Err(place(format!(
        "{}\nmend it, or say in the commit why it is worth it and run `cargo xtask instructions --bless`",
        faults.join("\n")
    )))
}

/// Instructions per operation of every part.
fn count(root: &Path, valgrind: &Path) -> Result<Vec<Count>, String> {
    let package = "loadforge-instructions";
    // One unit of code a crate: else a change anywhere can move functions between units, and inlining with them.
    let arguments = [
        "build",
        "--quiet",
        "--profile",
        "dist",
        "--package",
        package,
    ];
    let mut build = programs::cargo(root, &arguments);
    // The processor's base level, whatever this machine's configuration asks for.
    build
        .env("RUSTFLAGS", "")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    programs::build(&mut build)?;
    let program = programs::target(root).join("dist").join(package);
    let listed = Command::new(&program).output();
    let listed = listed.map_err(|error| format!("{}: {error}", program.display()))?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let folder = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
    let per_operation = |part: &str| {
        let run = |operations| callgrind(valgrind, &program, part, operations, folder.path());
        let difference = run(MANY)?.saturating_sub(run(FEW)?);
        Ok::<f64, String>(difference as f64 / (MANY - FEW) as f64)
    };
    let hundredths = |count: f64| (count * 100.0).round() / 100.0;
    let empty = per_operation(EMPTY)?;
    listed
        .lines()
        .filter(|part| *part != EMPTY)
        .map(|part| Ok((part.to_owned(), hundredths(per_operation(part)? - empty))))
        .collect()
}

/// All instructions of one run.
fn callgrind(
    valgrind: &Path,
    program: &Path,
    part: &str,
    operations: u64,
    folder: &Path,
) -> Result<u64, String> {
    let out = folder.join("callgrind.out");
    let output = Command::new(valgrind)
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args([part, &operations.to_string()])
        // The environment lies on the program's stack: without it the count is everyone's.
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind could not be started: {error}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{part}: {}: {words}", output.status));
    }
    let text = fs::read_to_string(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    total(&text).ok_or_else(|| format!("{part}: callgrind names no total"))
}

/// The total in what callgrind writes.
fn total(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .rfind(|line| line.starts_with("totals: ") || line.starts_with("summary: "))?;
    line.split(' ').nth(1)?.parse().ok()
}

impl Key {
    /// This machine's.
    fn here(root: &Path) -> Result<Key, String> {
        let mut rustc = Command::new("rustc");
        rustc.arg("-vV").env_remove("RUSTUP_TOOLCHAIN");
        let said = words(rustc.current_dir(root))?;
        let field = |name: &str| {
            said.lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::to_owned)
                .ok_or_else(|| format!("rustc -vV has no line {name}"))
        };
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let avx2 = cpuinfo.split_whitespace().any(|flag| flag == "avx2");
        Ok(Key {
            rustc: field("release: ")?,
            target: field("host: ")?,
            cpu: if avx2 { "avx2" } else { "base" },
            libc: words(Command::new("getconf").arg("GNU_LIBC_VERSION"))?,
        })
    }

    fn words(&self) -> String {
        let Key {
            rustc,
            target,
            cpu,
            libc,
        } = self;
        format!("rustc {rustc}, {target}, {cpu}, {libc}")
    }

    fn json(&self) -> Value {
        json!({ "rustc": self.rustc, "target": self.target, "cpu": self.cpu, "libc": self.libc })
    }
}

fn words(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("{name} could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// `blessed.json`: for each key the figures, by part.
struct Stored(Vec<(Value, Map<String, Value>)>);

impl Stored {
    fn read(text: &str) -> Result<Stored, String> {
        if text.is_empty() {
            return Ok(Stored(Vec::new()));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let entries = value.get("blessed").and_then(Value::as_array);
        let entries = entries.ok_or("it has no list `blessed`")?.iter();
        let pair = |entry: &Value| {
            let figures = entry.get("instructions")?.as_object()?.clone();
            Some((entry.get("for")?.clone(), figures))
        };
        let pairs: Option<Vec<_>> = entries.map(pair).collect();
        pairs
            .map(Stored)
            .ok_or_else(|| "an entry lacks `for` or `instructions`".to_owned())
    }

    fn of(&self, key: &Key) -> Option<&Map<String, Value>> {
        let key = key.json();
        let found = self.0.iter().find(|(other, _)| *other == key);
        found.map(|(_, figures)| figures)
    }

    fn bless(&mut self, key: &Key, counts: &[Count]) {
        let key = key.json();
        let figures = counts
            .iter()
            .map(|(part, count)| (part.clone(), json!(count)))
            .collect();
        self.0.retain(|(other, _)| *other != key);
        self.0.push((key, figures));
    }

    /// Whom figures are there for.
    fn keys(&self) -> String {
        let word = |key: &Value, name: &str| key[name].as_str().unwrap_or("?").to_owned();
        let keys: Vec<String> = self
            .0
            .iter()
            .map(|(key, _)| {
                let [rustc, target, cpu, libc] =
                    ["rustc", "target", "cpu", "libc"].map(|name| word(key, name));
                format!("rustc {rustc}, {target}, {cpu}, {libc}")
            })
            .collect();
        match keys.is_empty() {
            true => "nobody yet (`cargo xtask instructions --bless`)".to_owned(),
            false => keys.join("; "),
        }
    }

    fn text(&self) -> String {
        let entries: Vec<Value> = self
            .0
            .iter()
            .map(|(key, figures)| json!({ "for": key, "instructions": figures }))
            .collect();
        let all = json!({ "schema": "loadforge.instructions/1", "blessed": entries });
        format!("{all:#}\n")
    }
}

fn table(counts: &[Count], blessed: Option<&Map<String, Value>>) -> String {
    let mut out =
        String::from("| part | instructions/operation | blessed | change |\n|---|---|---|---|\n");
    for (part, count) in counts {
        let was = blessed.and_then(|figures| figures.get(part)?.as_f64());
        let (was, change) = match was {
            Some(was) => (
                format!("{was:.2}"),
                format!("{:+.1} %", 100.0 * (count / was - 1.0)),
            ),
            None => ("–".to_owned(), "–".to_owned()),
        };
        out.push_str(&format!("| {part} | {count:.2} | {was} | {change} |\n"));
    }
    out
}

/// What may not be: a part that costs more, is new, or is gone.
fn faults(counts: &[Count], blessed: &Map<String, Value>) -> Vec<String> {
    let mut faults = Vec::new();
    for (part, count) in counts {
        match blessed.get(part).and_then(Value::as_f64) {
            Some(was) if *count > was * (1.0 + MOST_MORE) => faults.push(format!(
                "{part}: {count:.1} instructions an operation, {:+.1} % of the blessed {was:.1}; at most +3 % is allowed",
                100.0 * (count / was - 1.0)
            )),
            Some(_) => {}
            None => faults.push(format!("{part}: is not blessed yet")),
        }
    }
    let gone = |part: &String| counts.iter().all(|(other, _)| other != part);
    for part in blessed.keys().filter(|part| gone(part)) {
        faults.push(format!("{part}: is blessed and no longer there"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(rustc: &str) -> Key {
        Key {
            rustc: rustc.to_owned(),
            target: "x86_64-unknown-linux-gnu".to_owned(),
            cpu: "avx2",
            libc: "glibc 2.36".to_owned(),
        }
    }

    fn counts(parse: f64) -> Vec<Count> {
        vec![("parse".to_owned(), parse), ("render".to_owned(), 100.0)]
    }

    #[test]
    fn more_than_three_percent_is_a_fault_and_less_is_none() {
        let mut stored = Stored::read("").unwrap();
        stored.bless(&key("1.95.0"), &counts(1000.0));
        let stored = Stored::read(&stored.text()).unwrap();
        let blessed = stored.of(&key("1.95.0")).unwrap();
        assert!(faults(&counts(1029.0), blessed).is_empty());
        assert!(faults(&counts(500.0), blessed).is_empty());
        let [fault] = &faults(&counts(1031.0), blessed)[..] else {
            panic!("one fault");
        };
        assert!(fault.starts_with("parse: 1031.0 instructions"), "{fault}");
    }

    #[test]
    fn a_part_that_is_new_or_gone_is_a_fault() {
        let mut stored = Stored::read("").unwrap();
        stored.bless(&key("1.95.0"), &counts(1000.0)[..1]);
        let blessed = stored.of(&key("1.95.0")).unwrap();
        let new = faults(&counts(1000.0), blessed);
        assert_eq!(new, ["render: is not blessed yet"]);
        let gone = faults(&[], blessed);
        assert_eq!(gone, ["parse: is blessed and no longer there"]);
    }

    #[test]
    fn figures_of_another_compiler_are_not_compared_and_not_lost() {
        let mut stored = Stored::read("").unwrap();
        stored.bless(&key("1.95.0"), &counts(1000.0));
        assert!(stored.of(&key("1.96.0")).is_none());
        stored.bless(&key("1.96.0"), &counts(900.0));
        stored.bless(&key("1.96.0"), &counts(800.0));
        let stored = Stored::read(&stored.text()).unwrap();
        assert_eq!(stored.0.len(), 2);
        assert_eq!(stored.of(&key("1.95.0")).unwrap()["parse"], 1000.0);
        assert_eq!(stored.of(&key("1.96.0")).unwrap()["parse"], 800.0);
        assert!(stored.keys().starts_with("rustc 1.95.0, x86_64"));
    }

    #[test]
    fn the_total_is_read_from_what_callgrind_writes() {
        let text = "version: 1\nevents: Ir\nsummary: 4711\n\nfn=(1)\n1 4711\ntotals: 4711\n";
        assert_eq!(total(text), Some(4711));
        assert_eq!(total("events: Ir\n"), None);
    }
}
