//! `loadforge init`: a scenario to begin with, written as a lesson. Neighbours: the lessons are examples of this repository, which its
//! tests build and run. Invariant: nothing that is there already is written over.

use crate::{
    args::InitArgs,
    complaint::{CommandError, Complaint},
    exit::Exit,
    rust_source,
};
use loadforge_scenarios::document::folder_name;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The lessons; both name themselves so.
const TOML: &str = include_str!("../../scenarios/examples/lesson.toml");
const RUST: &str = include_str!("../../scenarios/examples/rust/lesson.rs");

/// Writes the scenario and says what to type next.
///
/// # Errors
/// When the name names no file, something of that name is there, or it cannot be written.
pub fn init(args: &InitArgs) -> Result<Exit, CommandError> {
    let name = match args.rust {
        true => args.name.as_str(),
        false => args.name.strip_suffix(".toml").unwrap_or(&args.name),
    };
    check_name(name, args.rust).map_err(CommandError::bad_input)?;
    match args.rust {
        false => init_toml(name),
        true => init_rust(name),
    }
}

fn check_name(name: &str, is_crate: bool) -> Result<(), Complaint> {
    let meant = folder_name(name);
    let meant = match is_crate {
        true => meant
            .trim_start_matches(|c: char| !c.is_ascii_alphabetic())
            .replace('.', "-"),
        false => meant,
    };
    if !name.is_empty() && meant == name {
        return Ok(());
    }
    let meant = match meant.as_str() {
        "" => "shop".to_owned(),
        _ => meant,
    };
    let (what, rule, flag) = match is_crate {
        true => (
            "a crate",
            "letters, digits, - and _, a letter first",
            " --rust",
        ),
        false => ("a scenario and its file", "letters, digits, -, _ and .", ""),
    };
    Err(Complaint::new(
        format!("{name:?} cannot name {what}: use {rule}"),
        format!("such as loadforge init {meant}{flag}; it is made in the folder that you are in"),
    ))
}

fn init_toml(name: &str) -> Result<Exit, CommandError> {
    let path = PathBuf::from(format!("{name}.toml"));
    write_new(&path, &named(TOML, name)).map_err(|error| not_made(&path, &error))?;
    say!(
        "{file} is a scenario to begin with. Try it, then change it:\n\n  \
         loadforge run {file}            ten seconds against the built-in server; the report is in results/\n  \
         loadforge validate {file}       everything that is wrong with it, after a change\n  \
         loadforge run {file} --users 50 --duration 1m",
        file = path.display()
    );
    Ok(Exit::Done)
}

fn init_rust(name: &str) -> Result<Exit, CommandError> {
    let sources = rust_source::sources().map_err(CommandError::could_not_run)?;
    let folder = Path::new(name);
    fs::create_dir(folder).map_err(|error| not_made(folder, &error))?;
    if let Err((path, error)) = fill(folder, name, &sources) {
        // It was made a moment ago and holds files of ours alone.
        let _ = fs::remove_dir_all(folder);
        return Err(not_made(&path, &error));
    }
    say!(
        "{name}/ is a crate with a scenario to begin with. Try it, then change {name}/src/main.rs:\n\n  \
         cd {name}\n  \
         cargo run --release -- run --users 10 --duration 10s     against the built-in server; the report is in results/\n  \
         cargo run --release -- run http://127.0.0.1:8080         against yours\n  \
         cargo test                                               tries the scenario in memory\n\n\
         The first build takes minutes, later ones seconds."
    );
    Ok(Exit::Done)
}

fn fill(folder: &Path, name: &str, sources: &Path) -> Result<(), (PathBuf, io::Error)> {
    let write = |file: &str, text: &str| {
        let path = folder.join(file);
        write_new(&path, text).map_err(|error| (path, error))
    };
    let quoted = toml::Value::from(sources.to_string_lossy().as_ref());
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n\
         [dependencies]\n# The checkout of LoadForge that this was made with; nothing is fetched that it has not fetched already.\n\
         loadforge = {{ path = {quoted} }}\n\n\
         # A crate of its own, wherever it stands.\n[workspace]\n"
    );
    write("Cargo.toml", &manifest)?;
    write(".gitignore", "/target\n/results\n")?;
    let src = folder.join("src");
    fs::create_dir(&src).map_err(|error| (src, error))?;
    write("src/main.rs", &named(RUST, name))?;
    // The versions that this LoadForge was tested with; without them cargo would look for newer ones.
    match fs::read_to_string(sources.join("Cargo.lock")) {
        Ok(lock) => write("Cargo.lock", &lock),
        Err(_) => Ok(()),
    }
}

/// The lesson under another name.
fn named(lesson: &str, name: &str) -> String {
    lesson
        .replace("name = \"lesson\"", &format!("name = \"{name}\""))
        .replace("lesson.toml", &format!("{name}.toml"))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    File::create_new(path)?.write_all(text.as_bytes())
}

fn not_made(path: &Path, error: &io::Error) -> CommandError {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::AlreadyExists => CommandError::bad_input(Complaint::new(
            format!("{shown} is there already, and is not written over"),
            "give another name, or take it away first",
        )),
        _ => CommandError::could_not_run(Complaint::new(
            format!("{shown} cannot be written: {error}"),
            "go to a folder that you may write to",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lesson_carries_the_name_it_is_given_and_no_other() {
        for lesson in [TOML, RUST] {
            let text = named(lesson, "shop");
            assert!(text.contains("name = \"shop\""), "{text}");
            assert!(!text.contains("\"lesson\"") && !text.contains("lesson.toml"));
        }
    }

    #[test]
    fn a_name_that_names_no_file_is_refused_with_one_that_does() {
        for (name, is_crate, meant) in [
            ("my shop", false, "init my-shop;"),
            ("../shop", false, "init shop;"),
            ("", false, "init "),
            ("a/b", true, "init a-b --rust"),
            ("2shop", true, "init shop --rust"),
            ("shop.v2", true, "init shop-v2 --rust"),
            ("läden", true, "--rust"),
        ] {
            let said = check_name(name, is_crate).expect_err(name);
            assert!(said.remedy.contains(meant), "{name}: {said}");
        }
        for (name, is_crate) in [
            ("shop", true),
            ("shop.v2", false),
            ("2shop", false),
            ("a_b-c", true),
        ] {
            assert_eq!(check_name(name, is_crate), Ok(()), "{name}");
        }
    }
}
