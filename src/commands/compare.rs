//! `loadforge compare`: runs beside each other, from what they left on the disk. Neighbours: `analysis` decides, the reporter reads
//! and shows. Invariant: all that is wrong with what was typed is told at once, and nothing is written before all of it was read.

use crate::{
    amounts,
    args::{CompareArgs, CompareFormatWord},
    complaint::{CommandError, Complaint},
    exit::Exit,
};
use loadforge_analysis::{
    CompareSettings, MeasuredSeconds, USERS_DO, UsersDo, VerdictLevel, compare as compare_runs,
    plan_differences, setting_differences, steering_difference,
};
use loadforge_reporter::{
    CompareReport, ComparedPair, ComparedRun, REPORT_FILE, RUN_FILE, ResultsError, SUMMARY_FILE,
    StoredRun, compare_html, compare_table, printable,
};
use std::{
    fs,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
};

/// The seed of all draws. It is no flag: whoever may choose another one may go on until the answer pleases.
const SEED: u64 = 1;

/// A run with what a comparison needs of it.
struct Read<'a> {
    dir: &'a Path,
    run: StoredRun,
    seconds: MeasuredSeconds,
}

/// What is to be written, and where; no place is standard output.
#[derive(Clone, Copy)]
struct Output<'a> {
    format: CompareFormatWord,
    place: Option<&'a Path>,
}

/// Compares the runs.
///
/// # Errors
/// When a directory is none of ours, the runs cannot be compared (bad input), or the comparison cannot be written.
pub fn compare(args: &CompareArgs) -> Result<Exit, CommandError> {
    let (tolerance, output) = typed(args)?;
    let runs = read_all(&args.dirs, args.force)?;
    let pairs = pairs(&runs, tolerance, args.force)?;
    let report = CompareReport {
        runs: runs
            .iter()
            .map(|read| ComparedRun {
                dir: read.dir,
                info: read.run.info(),
                summary: read.run.summary(),
            })
            .collect(),
        pairs,
        tolerance,
        seed: SEED,
    };
    let made = output.map(|output| made(&report, output)).transpose()?;
    for read in &runs {
        tell_notices(read);
    }
    let colour = std::io::stderr().is_terminal();
    crate::say::text(&compare_table(&report, colour));
    if let Some((text, place)) = made {
        write(&text, place)?;
    }
    Ok(match args.fail_on_worse && report.any_worse() {
        true => Exit::ThresholdsNotMet,
        false => Exit::Done,
    })
}

/// What was meant, or all that is wrong with it.
fn typed(args: &CompareArgs) -> Result<(f64, Option<Output<'_>>), CommandError> {
    let mut complaints = Vec::new();
    if let [only] = &args.dirs[..] {
        complaints.push(Complaint::new(
            format!("{} is the only directory", only.display()),
            "name two or more: the one to hold against first, as in loadforge compare BEFORE AFTER",
        ));
    }
    complaints.extend(named_twice(&args.dirs));
    let tolerance = amounts::share("--tolerance", &args.tolerance);
    let output = output(args);
    let (tolerance, output) = match (tolerance, output) {
        (Ok(tolerance), Ok(output)) if complaints.is_empty() => return Ok((tolerance, output)),
        (tolerance, output) => (tolerance, output),
    };
    complaints.extend(tolerance.err());
    complaints.extend(output.err());
    Err(CommandError::bad_input(Complaint::list(&complaints)))
}

/// A directory that stands twice is a slip: a run is always the same as itself.
fn named_twice(dirs: &[PathBuf]) -> Option<Complaint> {
    // One that is not there has no other name; reading it says so.
    let place = |dir: &PathBuf| dir.canonicalize().unwrap_or_else(|_| dir.clone());
    let places: Vec<PathBuf> = dirs.iter().map(place).collect();
    let twice = (1..dirs.len()).find(|&at| places[..at].contains(&places[at]))?;
    Some(Complaint::new(
        format!("{} stands twice", dirs[twice].display()),
        "name each run once: a run is always the same as itself",
    ))
}

/// What to write, and where to.
fn output(args: &CompareArgs) -> Result<Option<Output<'_>>, Complaint> {
    let place = args
        .output
        .as_deref()
        .filter(|path| *path != Path::new("-"));
    let extension = place.and_then(Path::extension);
    let by_name = match extension.and_then(|extension| extension.to_str()) {
        Some("json") => Some(CompareFormatWord::Json),
        Some("html" | "htm") => Some(CompareFormatWord::Html),
        _ => None,
    };
    let refuse = |why: String, remedy: &str| {
        let shown = args.output.as_deref().unwrap_or(Path::new("-")).display();
        Err(Complaint::new(format!("--output {shown}: {why}"), remedy))
    };
    if let Some(place) = place.filter(|place| is_of_a_run(place)) {
        let dir = place.parent().unwrap_or(Path::new("")).display();
        let why = format!("that file belongs to the run in {dir}");
        return refuse(why, "name another file: --output compare.html");
    }
    match (args.format, by_name, place) {
        (None, None, None) if args.output.is_none() => Ok(None),
        (None, None, _) => refuse(
            "nothing says what to write".to_owned(),
            "say it, --format json or --format html, or end the name in .json or .html",
        ),
        (Some(format), by_name, Some(_)) if by_name != Some(format) => {
            let word = match format {
                CompareFormatWord::Json => "json",
                CompareFormatWord::Html => "html",
            };
            refuse(
                format!("with --format {word} the name ends in .{word}"),
                "name it so: what is no report is not written over by a slip",
            )
        }
        (format, by_name, place) => Ok(format.or(by_name).map(|format| Output { format, place })),
    }
}

/// Whether a run left this file: nothing here may change what a run says of itself.
fn is_of_a_run(place: &Path) -> bool {
    let name = place.file_name().unwrap_or_default();
    let beside_a_run = place.with_file_name(RUN_FILE).exists();
    beside_a_run
        && [RUN_FILE, SUMMARY_FILE, REPORT_FILE]
            .iter()
            .any(|own| name == *own)
}

/// Reads every run, or says what is wrong with each.
fn read_all(dirs: &[PathBuf], force: bool) -> Result<Vec<Read<'_>>, CommandError> {
    let mut runs = Vec::new();
    let mut wrong: Vec<CommandError> = Vec::new();
    for dir in dirs {
        match read(dir, force) {
            Ok(read) => runs.push(read),
            Err(error) => wrong.push(error),
        }
    }
    if wrong.is_empty() {
        return Ok(runs);
    }
    let texts: Vec<String> = wrong.into_iter().map(|error| error.text).collect();
    Err(CommandError::bad_input(texts.join("\n\n")))
}

fn read(dir: &Path, force: bool) -> Result<Read<'_>, CommandError> {
    let mut seconds = MeasuredSeconds::new();
    let run =
        StoredRun::open_with(dir, |second| seconds.add(second)).map_err(|error| told(&error))?;
    if !run.ended() && !force {
        return Err(CommandError::bad_input(Complaint::new(
            format!(
                "{} has no {SUMMARY_FILE}: its run was cut off, or still goes on",
                dir.display()
            ),
            "wait for its end or run it again; --force compares what is there",
        )));
    }
    Ok(Read { dir, run, seconds })
}

/// Holds every run against the first.
fn pairs(
    runs: &[Read<'_>],
    tolerance: f64,
    force: bool,
) -> Result<Vec<ComparedPair>, CommandError> {
    let Some((first, others)) = runs.split_first() else {
        return Ok(Vec::new());
    };
    let mut pairs = Vec::new();
    let mut refused = Vec::new();
    for (index, other) in others.iter().enumerate() {
        let mut plan = plan_differences(first.run.info(), other.run.info());
        plan.extend(steering_difference(
            first.run.summary(),
            other.run.summary(),
        ));
        if !plan.is_empty() && !force {
            let lines: Vec<String> = plan
                .iter()
                .map(|found| {
                    format!(
                        "\n   {}: {} and {}",
                        found.what, found.baseline, found.candidate
                    )
                })
                .collect();
            refused.push(Complaint::new(
                format!(
                    "{} and {} had different plans{}{}",
                    first.dir.display(),
                    other.dir.display(),
                    match plan.iter().any(|found| found.what == USERS_DO) {
                        true => ": what users do was changed between them",
                        false => "",
                    },
                    lines.concat()
                ),
                "compare runs of one plan; --force compares these all the same",
            ));
            continue;
        }
        let invalid = |read: &Read<'_>| read.run.summary().verdict.level == VerdictLevel::Invalid;
        let disturbed = |read: &Read<'_>| read.run.summary().verdict.disturbed;
        let settings = CompareSettings {
            tolerance,
            same_plan: plan.is_empty(),
            usable: force || !(invalid(first) || invalid(other)),
            disturbed: !force && (disturbed(first) || disturbed(other)),
            overlook_lag: force,
            seed: SEED,
        };
        pairs.push(ComparedPair {
            candidate: index + 1,
            comparison: compare_runs(&first.seconds, &other.seconds, &settings),
            plan,
            setting: setting_differences(first.run.info(), other.run.info()),
            notes: notes(first, other),
        });
    }
    match refused.is_empty() {
        true => Ok(pairs),
        false => Err(CommandError::bad_input(Complaint::list(&refused))),
    }
}

/// What a reader should know of a pair beside what differs.
fn notes(first: &Read<'_>, other: &Read<'_>) -> Vec<String> {
    match UsersDo::in_runs(first.run.info(), other.run.info()) {
        UsersDo::Same | UsersDo::Changed => Vec::new(),
        UsersDo::Unknown => vec![
            "whether what users do was changed between the runs is not known: only runs of newer versions have a fingerprint of it"
                .to_owned(),
        ],
    }
}

/// The text that was asked for, and where it goes.
fn made<'a>(
    report: &CompareReport<'_>,
    output: Output<'a>,
) -> Result<(String, Option<&'a Path>), CommandError> {
    let failed = |reason: &dyn std::fmt::Display| {
        CommandError::could_not_run(format!("error: the comparison could not be made: {reason}"))
    };
    let text = match output.format {
        CompareFormatWord::Json => report.json().map_err(|error| failed(&error))?,
        CompareFormatWord::Html => compare_html(report).map_err(|error| failed(&error))?,
    };
    Ok((text, output.place))
}

fn write(text: &str, place: Option<&Path>) -> Result<(), CommandError> {
    let Some(path) = place else {
        let written = std::io::stdout().write_all(text.as_bytes());
        return written.map_err(|error| {
            CommandError::could_not_run(Complaint::new(
                format!("the comparison could not be written to standard output: {error}"),
                "run it again with --output FILE",
            ))
        });
    };
    fs::write(path, text).map_err(|error| {
        CommandError::could_not_run(Complaint::new(
            format!("{} cannot be written: {error}", path.display()),
            "name another file: --output FILE",
        ))
    })?;
    say!("\n  written {}", printable(&path.display().to_string()));
    Ok(())
}

/// What is wrong with the seconds of a run, if anything.
fn tell_notices(read: &Read<'_>) {
    let dir = printable(&read.dir.display().to_string());
    for notice in read.run.notices() {
        say!("note: {dir}: {notice}");
    }
    if read.run.half_line() {
        say!("note: {dir}: the last line of snapshots.jsonl is cut off and was left out");
    }
}

/// A directory that was named and cannot be compared is bad input, whatever keeps it from being read.
fn told(error: &ResultsError) -> CommandError {
    CommandError::bad_input(match error {
        ResultsError::Read { .. } => Complaint::new(
            error.to_string(),
            "name directories that `loadforge run` made and that you may read, such as results/shop-20261121T093000Z",
        )
        .to_string(),
        _ => format!("error: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(format: Option<CompareFormatWord>, output: Option<&str>) -> CompareArgs {
        CompareArgs {
            dirs: vec!["a".into(), "b".into()],
            tolerance: "5%".to_owned(),
            fail_on_worse: false,
            force: false,
            format,
            output: output.map(PathBuf::from),
        }
    }

    #[test]
    fn what_is_written_where_follows_from_flags_or_the_name() {
        use CompareFormatWord::{Html, Json};
        let rows = [
            (None, None, Some(None)),
            (Some(Json), None, Some(Some((Json, None)))),
            (Some(Html), Some("-"), Some(Some((Html, None)))),
            (None, Some("c.html"), Some(Some((Html, Some("c.html"))))),
            (None, Some("c.json"), Some(Some((Json, Some("c.json"))))),
            (Some(Html), Some("c.htm"), Some(Some((Html, Some("c.htm"))))),
            (None, Some("c.txt"), None),
            (None, Some("-"), None),
            (Some(Json), Some("shop.toml"), None),
            (Some(Json), Some("c.html"), None),
        ];
        for (format, place, meant) in rows {
            let args = args(format, place);
            let got = output(&args).ok().map(|output| {
                output.map(|output| (output.format, output.place.map(|p| p.to_str().unwrap())))
            });
            assert_eq!(got, meant, "{format:?} {place:?}");
        }
    }

    #[test]
    fn everything_wrong_with_what_was_typed_is_told_at_once() {
        let args = CompareArgs {
            dirs: vec!["a".into(), "./a".into(), "a".into()],
            tolerance: "5".to_owned(),
            ..args(None, Some("c.txt"))
        };
        let error = typed(&args).map(|_| ()).unwrap_err();
        assert_eq!(error.exit, Exit::BadInput);
        for word in ["a stands twice", "--tolerance 5", "--output c.txt"] {
            assert!(error.text.contains(word), "{word}: {}", error.text);
        }
    }
}
