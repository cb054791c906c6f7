//! `loadforge validate`: reads a scenario file and says what it would do, or everything that is wrong with it.
//! Neighbours: `aim.rs` reads the file, `intent.rs` its thresholds. Invariant: nothing is sent and no name looked up.

use crate::{
    aim::Aim, amounts::time_words, args::ValidateArgs, complaint::CommandError, exit::Exit,
};

/// The most endpoints that are named.
const MOST_NAMES: usize = 20;

/// Checks one file and says what it would do.
///
/// # Errors
/// When anything is wrong with it; all of it is told.
pub fn validate(args: &ValidateArgs) -> Result<Exit, CommandError> {
    let aim = Aim::read_file(&args.file).map_err(CommandError::bad_input)?;
    let load = aim.load.clone().or_defaults(aim.default_duration);
    let scenario = aim.scenario();
    let origins: Vec<String> = match aim.is_echo {
        true => vec!["the built-in echo server".to_owned()],
        false => scenario
            .origins()
            .iter()
            .map(|o| aim.mask.apply(&o.to_string()))
            .collect(),
    };
    anstream::eprintln!("{}: good", args.file.display());
    anstream::eprintln!(
        "  load        {} for {}",
        load.words(),
        time_words(load.duration)
    );
    anstream::eprintln!("  target      {}", origins.join(", "));
    anstream::eprintln!(
        "  endpoints   {}",
        aim.mask.apply(&names(scenario.endpoints()))
    );
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
