//! `loadforge validate`: reads a scenario file and says what it would do, or everything that is wrong with it.
//! Neighbours: `aim.rs` reads the file, `intent.rs` its thresholds. Invariant: nothing is sent and no name looked up.

use crate::{
    aim::Aim,
    amounts::time_words,
    args::{LoadArgs, ValidateArgs},
    complaint::{CommandError, Complaint},
    exit::Exit,
};
use std::collections::HashSet;

/// The most endpoints that are named.
const MOST_NAMES: usize = 20;

/// Checks one file and says what it would do.
///
/// # Errors
/// When anything is wrong with it; all of it is told.
pub fn validate(args: &ValidateArgs) -> Result<Exit, CommandError> {
    let aim = Aim::read_file(&args.file).map_err(CommandError::bad_input)?;
    let mut complaints = Vec::new();
    let load = aim.decide_load(&LoadArgs::default(), &mut complaints);
    if !complaints.is_empty() {
        return Err(CommandError::bad_input(Complaint::list(&complaints)));
    }
    let mut targets: Vec<String> = Vec::new();
    for part in &aim.parts {
        let own: Vec<String> = match part.is_echo {
            true => vec!["the built-in echo server".to_owned()],
            false => part
                .scenario()
                .origins()
                .iter()
                .map(|o| aim.mask.apply(&o.to_string()))
                .collect(),
        };
        targets.extend(own);
    }
    // Scenarios side by side often share a target; each is named once, where it comes first.
    let mut seen = HashSet::new();
    targets.retain(|target| seen.insert(target.clone()));
    anstream::eprintln!("{}: good", args.file.display());
    anstream::eprintln!(
        "  load        {} for {}",
        aim.mask.apply(&load.words()),
        time_words(load.duration)
    );
    anstream::eprintln!("  target      {}", targets.join(", "));
    anstream::eprintln!("  endpoints   {}", aim.mask.apply(&names(&aim.endpoints())));
    for threshold in &aim.thresholds {
        anstream::eprintln!("  threshold   {}", aim.mask.apply(&threshold.to_string()));
    }
    Ok(Exit::Done)
}

/// The first names, and how many more there are.
fn names(endpoints: &[String]) -> String {
    let shown = &endpoints[..endpoints.len().min(MOST_NAMES)];
    match endpoints.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
