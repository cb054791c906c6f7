//! `loadforge validate`: reads a scenario file and says what it would do, or everything that is wrong with it.
//! Neighbours: `aim.rs` reads the file, `intent.rs` its thresholds, `rehearse.rs` shows its requests. Invariant: nothing is sent and no
//! name looked up, unless that was asked for.

use crate::{
    aim::Aim,
    amounts::time_words,
    args::{LoadArgs, ValidateArgs},
    commands::rehearse::{How, rehearse},
    complaint::{CommandError, Complaint},
    exit::Exit,
    permission::{ALLOW_VARIABLE, Permission},
    resolve::Override,
    thresholds::of_nothing,
};
use loadforge_reporter::printable;
use std::collections::HashSet;

/// The most endpoints that are named.
const MOST_NAMES: usize = 20;

/// Checks one file and says what it would do.
///
/// # Errors
/// When anything is wrong with it; all of it is told.
pub fn validate(args: &ValidateArgs) -> Result<Exit, CommandError> {
    if args
        .file
        .extension()
        .is_some_and(|extension| extension == "rs")
    {
        let file = args.file.display();
        return Err(CommandError::bad_input(Complaint::new(
            format!("{file} is a scenario in Rust, which the compiler checks"),
            format!("loadforge run {file} echo --users 1 --max-requests 1 builds it and tries it"),
        )));
    }
    let aim = Aim::read_file(&args.file).map_err(CommandError::bad_input)?;
    let mut complaints = Vec::new();
    let load = aim.decide_load(&LoadArgs::default(), &mut complaints);
    let known = Override::read_all(
        &args.resolve,
        Some(&aim.origins()),
        &aim.mask,
        &mut complaints,
    );
    let environment = std::env::var(ALLOW_VARIABLE).ok();
    let permission = Permission::read(
        args.yes,
        &args.allow,
        environment.as_deref().filter(|_| args.once),
        &mut complaints,
    );
    if complaints.is_empty() {
        let of_nothing = |threshold| of_nothing(threshold, &aim, &load);
        complaints.extend(aim.thresholds.iter().filter_map(of_nothing));
    }
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
    // Names are the file's own, and may hold what turns a line around or steers the screen.
    let shown = |text: &str| printable(&aim.mask.apply(text));
    say!("{}: good", printable(&args.file.display().to_string()));
    say!(
        "  load        {} for {}",
        shown(&load.words()),
        time_words(load.duration)
    );
    say!("  target      {}", printable(&targets.join(", ")));
    say!("  endpoints   {}", shown(&names(&aim.endpoints())));
    for threshold in &aim.thresholds {
        say!("  threshold   {}", shown(&threshold.to_string()));
    }
    for note in aim.notes.iter().chain(&load.unseen()) {
        say!("  note        {}", shown(note));
    }
    match (args.dry_run, args.once) {
        (true, _) => rehearse(aim, How::Dry, &known, &permission),
        (_, true) => rehearse(aim, How::Once, &known, &permission),
        _ => Ok(Exit::Done),
    }
}

/// The first names, and how many more there are.
fn names(endpoints: &[String]) -> String {
    let shown = &endpoints[..endpoints.len().min(MOST_NAMES)];
    match endpoints.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
