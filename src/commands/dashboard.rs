//! `loadforge dashboard`: runs that are over, in a browser, until a signal comes. Neighbours: `saved_runs.rs` reads the disk,
//! `loadforge-dashboard` serves. Invariant: nothing on the disk is changed.

use crate::{
    args::DashboardArgs,
    complaint::{CommandError, Complaint},
    exit::Exit,
    live_page::{browse, listen_address, open_door, until_told},
    saved_runs::SavedRuns,
};
use loadforge_dashboard::{ListenAddress, SavedPage, SavedSource};
use std::{path::Path, sync::Arc};

/// Serves until SIGINT, SIGTERM or SIGHUP.
///
/// # Errors
/// When there is no run to show, or nothing can be listened on.
pub fn dashboard(args: &DashboardArgs) -> Result<Exit, CommandError> {
    let address = match &args.listen {
        Some(text) => listen_address("--listen", text).map_err(CommandError::bad_input)?,
        None => ListenAddress::default(),
    };
    let runs = Arc::new(runs_at(&args.dir)?);
    let door = open_door(&address).map_err(CommandError::bad_input)?;
    // Before any thread exists, so that every thread inherits it and the signal waits for us below.
    let signals = until_told();
    let listed = Arc::clone(&runs);
    let source = SavedSource {
        list: Box::new(move || listed.list()),
        open: Box::new(move |id| runs.open(id)),
    };
    let page = SavedPage::start(door, source)
        .map_err(|error| CommandError::could_not_run(format!("error: {error}")))?;
    say!("{}", page.url());
    if args.open {
        browse(page.url());
    }
    // EINTR aside, this returns for one of the signals.
    while signals.wait().is_err() {}
    Ok(Exit::Done)
}

/// The runs at this place; at least one.
fn runs_at(dir: &Path) -> Result<SavedRuns, CommandError> {
    let shown = dir.display();
    let remedy = "name the results directory of a run, such as results/shop-20261121T093000Z, or a folder of such directories";
    let runs = SavedRuns::at(dir).map_err(|error| {
        CommandError::bad_input(Complaint::new(
            format!("{shown} cannot be read: {error}"),
            remedy,
        ))
    })?;
    let found = runs.list();
    for problem in &found.problems {
        say!("note: {} is left out: {}", problem.id, problem.message);
    }
    match found.runs.is_empty() {
        true => Err(CommandError::bad_input(Complaint::new(
            format!("there is no run in {shown}"),
            remedy,
        ))),
        false => Ok(runs),
    }
}
