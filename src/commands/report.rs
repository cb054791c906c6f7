//! `loadforge report`: the reports of a run once more, from what it left on the disk. Neighbours: the reporter does all of
//! it. Invariant: what the run wrote about itself, `run.json` and `snapshots.jsonl`, is never changed.

use crate::{
    args::{FormatWord, ReportArgs},
    complaint::{CommandError, Complaint},
    exit::Exit,
    intent::formats,
};
use loadforge_reporter::{Report, ResultsDir, ResultsError, StoredRun, final_table, write_all};
use std::{
    io::{IsTerminal, Write},
    path::Path,
};

/// What is written when nothing is said.
const USUAL: [FormatWord; 3] = [FormatWord::Html, FormatWord::Json, FormatWord::Csv];

/// Writes the reports again and shows the final table.
///
/// # Errors
/// When the directory is not one of ours, is empty, damaged or of a newer version (bad input), cannot be read, or a report cannot be
/// written.
pub fn report(args: &ReportArgs) -> Result<Exit, CommandError> {
    let run = StoredRun::open(&args.dir).map_err(|error| unreadable(&error))?;
    let report = Report {
        info: run.info(),
        summary: run.summary(),
        histograms: run.histograms(),
        series: run.series(),
    };
    let place = args.output.as_deref().unwrap_or(&args.dir);
    if place == Path::new("-") {
        return to_standard_output(args, &report);
    }
    let could_not = |error: ResultsError| CommandError::could_not_run(format!("error: {error}"));
    let dir = match &args.output {
        None => ResultsDir::existing(&args.dir),
        Some(output) => ResultsDir::beside(&args.dir, output).map_err(could_not)?,
    };
    write_all(&dir, &formats(&args.format), &report).map_err(could_not)?;
    for notice in run.notices() {
        say!("note: {notice}");
    }
    if run.half_line() {
        say!("note: the last line of snapshots.jsonl is cut off and was left out");
    }
    let colour = std::io::stderr().is_terminal();
    let table = final_table(run.summary(), run.histograms(), Some(place), colour);
    crate::say::text(&table);
    Ok(Exit::Done)
}

/// The summary, which is JSON and nothing else.
fn to_standard_output(args: &ReportArgs, report: &Report<'_>) -> Result<Exit, CommandError> {
    if args.format != USUAL && args.format != [FormatWord::Json] {
        return Err(CommandError::bad_input(Complaint::new(
            "--output - writes the summary to standard output, which is JSON and nothing else",
            "write --format json --output -, or name a directory",
        )));
    }
    let json = serde_json::to_string_pretty(report.summary).expect("a summary is plain data");
    match writeln!(std::io::stdout(), "{json}") {
        Ok(()) => Ok(Exit::Done),
        Err(error) => Err(CommandError::could_not_run(Complaint::new(
            format!("the summary could not be written to standard output: {error}"),
            "name a directory: --output DIR",
        ))),
    }
}

/// A directory that holds no run, half of one, or one of a newer version is bad input; one that the system does not let us read
/// is not. Nothing in it has been touched yet.
pub fn unreadable(error: &ResultsError) -> CommandError {
    let text = format!("error: {error}");
    match error {
        ResultsError::Read { .. } => CommandError::could_not_run(text),
        _ => CommandError::bad_input(text),
    }
}
