//! `loadforge report`: the reports of a run once more, from what it left on the disk. Neighbours: the reporter does all of
//! it. Invariant: what the run wrote about itself, `run.json` and `snapshots.jsonl`, is never changed.

use crate::{args::ReportArgs, complaint::CommandError, exit::Exit, intent::formats};
use loadforge_reporter::{Report, ResultsDir, ResultsError, StoredRun, final_table, write_all};
use std::io::IsTerminal;

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
    let dir = ResultsDir::existing(&args.dir);
    write_all(&dir, &formats(&args.format), &report)
        .map_err(|error| CommandError::could_not_run(format!("error: {error}")))?;
    for notice in run.notices() {
        say!("note: {notice}");
    }
    if run.half_line() {
        say!("note: the last line of snapshots.jsonl is cut off and was left out");
    }
    let colour = std::io::stderr().is_terminal();
    let table = final_table(run.summary(), run.histograms(), Some(&args.dir), colour);
    crate::say::text(&table);
    Ok(Exit::Done)
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
