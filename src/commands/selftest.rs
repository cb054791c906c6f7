//! `loadforge selftest`: the truth table on this machine. Neighbours: `../selftest/` does it all.
//! Invariant: exit code 1 for rows that failed, and not for rows that this machine is too noisy to judge, which are told.

use crate::{
    amounts,
    args::SelftestArgs,
    complaint::{CommandError, Complaint},
    cpus,
    exit::Exit,
    selftest::{self, Depth},
};

/// Makes the runs and prints the table.
///
/// # Errors
/// When the flags make no sense or no run can be made at all.
pub fn selftest(args: &SelftestArgs) -> Result<Exit, CommandError> {
    let allowed = loadforge_engine::allowed_cpus();
    let cpus = allowed.len().max(1);
    let many = match &args.workers {
        None => cpus.min(2),
        Some(text) => read_workers(text, cpus).map_err(CommandError::bad_input)?,
    };
    let depth = if args.full { Depth::Full } else { Depth::Quick };
    let findings = selftest::selftest(depth, many, &allowed, !args.json)
        .map_err(CommandError::could_not_run)?;
    // Nobody may be reading; the exit code still tells.
    if args.json {
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), "{:#}", selftest::json(&findings));
    } else {
        use std::io::Write;
        let _ = write!(anstream::stdout(), "{}", selftest::text(&findings));
    }
    Ok(if findings.passed() {
        Exit::Done
    } else {
        Exit::CouldNotRun
    })
}

fn read_workers(text: &str, cpus: usize) -> Result<usize, Complaint> {
    let workers = amounts::count("--workers", text, 1..=4096)?;
    usize::try_from(workers)
        .ok()
        .filter(|workers| *workers <= cpus)
        .ok_or_else(|| {
            Complaint::new(
                format!(
                    "--workers {text} is more than this process can have: it may use {}",
                    cpus::count_words(cpus)
                ),
                format!("give at most {cpus}: each worker has a CPU of its own"),
            )
        })
}
