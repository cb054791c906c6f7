//! `loadforge import`: a scenario file out of what people already have. Neighbours: the crate `import` does the work;
//! here files are read and written, and notes told. Invariant: no file is overwritten, and what is told holds no secret.

use crate::{
    args::{ImportArgs, ImportWord},
    complaint::{CommandError, Complaint},
    exit::Exit,
};
use loadforge_import::{ImportError, Imported, MOST_BYTES, Options};
use loadforge_scenarios::document::{self, Problem};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The most problems that are told of a file that this version does not take as it is.
const MOST_PROBLEMS: usize = 5;

/// Makes a scenario file, or prints it.
///
/// # Errors
/// When the input is not what it is said to be, or the file is there already (bad input), or it cannot be written.
pub fn import(args: &ImportArgs) -> Result<Exit, CommandError> {
    if let Some(out) = &args.out {
        refuse_existing(out)?;
    }
    let (name, input) = read(args)?;
    let options = Options {
        static_assets: args.static_assets,
        name: args.name.clone(),
        base_url: args.base_url.clone(),
    };
    let make = match args.kind {
        ImportWord::Curl => loadforge_import::curl,
        ImportWord::Har => loadforge_import::har,
        ImportWord::OpenApi => loadforge_import::openapi,
        ImportWord::Postman => loadforge_import::postman,
    };
    let imported = make(&input, &options).map_err(|error| told(error, &name))?;
    match &args.out {
        Some(out) => write_new(out, &imported.toml)?,
        None => print(&imported.toml)?,
    }
    tell(&imported, args.out.as_deref());
    Ok(Exit::Done)
}

/// The name of the input and its bytes.
fn read(args: &ImportArgs) -> Result<(String, Vec<u8>), CommandError> {
    let typed = args.input.to_string_lossy();
    let is_command = args.kind == ImportWord::Curl
        && typed.trim_start().starts_with("curl")
        && typed.contains(char::is_whitespace);
    if is_command {
        return Ok(("the command".into(), typed.into_owned().into_bytes()));
    }
    let path = Path::new(&args.input);
    let mut bytes = Vec::new();
    let (name, outcome) = if typed == "-" {
        let outcome = io::stdin().take(MOST_BYTES + 1).read_to_end(&mut bytes);
        ("standard input".to_owned(), outcome)
    } else {
        let read = |file: File| file.take(MOST_BYTES + 1).read_to_end(&mut bytes);
        (path.display().to_string(), File::open(path).and_then(read))
    };
    outcome.map_err(|error| {
        let remedy = match args.kind {
            ImportWord::Curl => "name a file that holds the command, or give the command itself in one pair of quotes",
            _ => "name a file that exists and that you may read, or - for standard input",
        };
        CommandError::bad_input(Complaint::new(format!("{name} cannot be read: {error}"), remedy))
    })?;
    Ok((name, bytes))
}

fn told(error: ImportError, name: &str) -> CommandError {
    CommandError::bad_input(match error.key.starts_with("--") {
        true => error.in_file("the command line"),
        false => error.in_file(name),
    })
}

fn refuse_existing(out: &Path) -> Result<(), CommandError> {
    if fs::symlink_metadata(out).is_ok() {
        return Err(existing(out));
    }
    Ok(())
}

fn existing(out: &Path) -> CommandError {
    CommandError::bad_input(Complaint::new(
        format!("{} is there already and is not overwritten", out.display()),
        "name another file with --out, or move that one away",
    ))
}

fn write_new(out: &Path, text: &str) -> Result<(), CommandError> {
    // Secrets are left out as far as they can be known for such; what else was recorded is still its owner's own affair.
    let open = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(out);
    let written = open.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => existing(out),
        _ => CommandError::could_not_run(Complaint::new(
            format!("{} cannot be written: {error}", out.display()),
            "name another file with --out",
        )),
    })
}

fn print(text: &str) -> Result<(), CommandError> {
    let written = io::stdout().write_all(text.as_bytes());
    written.map_err(|error| {
        CommandError::could_not_run(Complaint::new(
            format!("the scenario could not be written to standard output: {error}"),
            "give it a file with --out FILE",
        ))
    })
}

/// Says what was made, what was left out, and what is not yet right about it.
fn tell(imported: &Imported, out: Option<&Path>) {
    for note in &imported.notes {
        say!("note: {note}");
    }
    let folder = out.and_then(Path::parent).unwrap_or(Path::new(""));
    let shown = out.map_or("the scenario".to_owned(), |out| out.display().to_string());
    let env = |name: &str| imported.stand_in(name);
    if let Err(problems) = document::parse(&shown, &imported.toml, &env, folder) {
        for Problem {
            line,
            message,
            remedy,
            ..
        } in problems.0.iter().take(MOST_PROBLEMS)
        {
            say!("note: not ready to run: {message} (line {line}); {remedy}");
        }
        match problems.0.len().saturating_sub(MOST_PROBLEMS) {
            0 => {}
            more => say!("note: and {more} more: loadforge validate tells all"),
        }
    }
    let requests = match imported.requests {
        1 => "1 request".to_owned(),
        count => format!("{count} requests"),
    };
    if let Some(out) = out {
        say!("{}: {requests}", out.display());
    }
}
