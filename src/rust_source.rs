//! `loadforge run shop.rs`: the file becomes a program, built in a crate of its own in the user's cache, and this process becomes that
//! program with the same words. Neighbours: `program.rs` is what comes to life then, `commands/run.rs` calls. Invariant: nothing is
//! written beside the user's file, and what the compiler says names that file where it is.

use crate::{
    aim::FILE_DURATION,
    args::RunArgs,
    complaint::{CommandError, Complaint},
    load::{Load, LoadSpec},
    program::Program,
};
use loadforge_scenarios::document::folder_name;
use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File, TryLockError},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Tells a program that it was built from this file, as the user named it.
const BUILT_FROM: &str = "LOADFORGE_BUILT_FROM";
/// Where the sources of loadforge are, when not where this program was built.
const SOURCES: &str = "LOADFORGE_SRC";
/// The profile that scenarios are built with.
const PROFILE: &str = "LOADFORGE_PROFILE";
/// The largest file that is read: whoever names a larger one has named the wrong one.
const MOST_BYTES: u64 = 4 << 20;

/// The file that this program was built from by `loadforge run`, as the user named it.
pub fn built_from() -> Option<String> {
    env::var(BUILT_FROM).ok()
}

/// Where names of data files begin: beside the file that this program was built from, or where it was started.
pub fn data_folder() -> PathBuf {
    let file = built_from().map(PathBuf::from);
    let folder = file.as_deref().and_then(Path::parent);
    folder.map_or_else(PathBuf::new, Path::to_owned)
}

/// The file that has to be built, if one was named. A program that was built from one never builds again.
pub fn to_be_built<'a>(args: &'a RunArgs, program: &Program) -> Option<&'a str> {
    let file = args.scenario.as_deref()?;
    let is_source = Path::new(file)
        .extension()
        .is_some_and(|extension| extension == "rs");
    let may = program.is_plain() && built_from().is_none() && !file.contains("://");
    (is_source && may).then_some(file)
}

/// Builds the file and becomes the program; comes back only when that cannot be.
pub fn build_and_become(file: &str, args: &RunArgs) -> CommandError {
    match build(file, args) {
        Err(error) => error,
        Ok(program) => {
            let mut typed = env::args_os();
            let mut command = Command::new(&program);
            // To whoever looks, and in its own messages, it is still the same command.
            command.arg0(typed.next().unwrap_or_else(|| OsString::from("loadforge")));
            let error = command.args(typed).env(BUILT_FROM, file).exec();
            CommandError::could_not_run(Complaint::new(
                format!("{} cannot be started: {error}", program.display()),
                "if that folder may hold no programs, set CARGO_TARGET_DIR to one that may",
            ))
        }
    }
}

/// Builds the file; gives the program.
fn build(file: &str, args: &RunArgs) -> Result<PathBuf, CommandError> {
    let mut wrong: Vec<Complaint> = check_file(file).err().into_iter().collect();
    // A slip in a flag is told before minutes are spent on building.
    Load::decide(&args.load, &LoadSpec::default(), FILE_DURATION, &mut wrong);
    if !wrong.is_empty() {
        return Err(CommandError::bad_input(Complaint::list(&wrong)));
    }
    let home = Home::find(file).map_err(CommandError::could_not_run)?;
    home.make().map_err(|(what, error)| {
        CommandError::could_not_run(Complaint::new(
            format!("{} cannot be written: {error}", what.display()),
            "set XDG_CACHE_HOME to a folder that you may write to",
        ))
    })?;
    let _lock = home.lock(file);
    let offline = home.is_whole_offline()?;
    let is_new = !home.program().exists();
    if is_new && !args.quiet {
        say!("building {file}; the first time takes minutes, later ones seconds");
    }
    let mut cargo = home.cargo("build", offline);
    if !is_new || args.quiet {
        cargo.arg("--quiet");
    }
    // Standard output is for data.
    let built = cargo
        .stdout(Stdio::null())
        .status()
        .map_err(|error| no_cargo(&error))?;
    if built.success() {
        return Ok(home.program());
    }
    // Whose fault was it? Without the user's file there is only ours, the network's or the disk's.
    let mut others = home.cargo("build", offline);
    others.args(["--quiet", "--package", "loadforge"]);
    let others = others.stdout(Stdio::null()).stderr(Stdio::null()).status();
    Err(match others.is_ok_and(|status| status.success()) {
        true => CommandError::bad_input(Complaint::new(
            format!("{file} does not compile"),
            "mend what the compiler says above",
        )),
        false => CommandError::could_not_run(Complaint::new(
            format!("loadforge itself could not be built for {file}"),
            "see what cargo says above; the first time it may need the network",
        )),
    })
}

/// Looks at the file as far as it can be without a compiler.
fn check_file(file: &str) -> Result<(), Complaint> {
    let path = Path::new(file);
    let about = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Complaint::new(
            format!("there is no file {file}"),
            "check the name; `loadforge init shop --rust` writes a scenario to begin with",
        ),
        _ => Complaint::new(
            format!("{file} cannot be read: {error}"),
            "name a file that you may read",
        ),
    })?;
    if !about.is_file() || about.len() > MOST_BYTES {
        return Err(Complaint::new(
            format!("{file} is no file with a scenario in Rust, or is larger than 4 MiB"),
            "name the file with loadforge::main!(…) in it",
        ));
    }
    let text = fs::read_to_string(path).map_err(|error| {
        Complaint::new(
            format!("{file} cannot be read: {error}"),
            "name a file that you may read; Rust is written in UTF-8",
        )
    })?;
    if !has_main(&text) {
        return Err(Complaint::new(
            format!("{file} has no loadforge::main!(…), so nothing in it says what is to be run"),
            "add it at the end, with the type that has #[scenario]: loadforge::main!(Shopper);",
        ));
    }
    Ok(())
}

/// Whether the macro is called somewhere outside a line's comment. The compiler has the last word.
fn has_main(text: &str) -> bool {
    let code = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    let called = |line: &str| {
        line.split("main!").skip(1).any(|rest| {
            rest.trim_start().is_empty() || rest.trim_start().starts_with(['(', '{', '['])
        })
    };
    code.into_iter().any(called)
}

/// Where a file is built.
struct Home {
    /// The user's file, without links and dots.
    file: PathBuf,
    sources: PathBuf,
    folder: PathBuf,
    target: PathBuf,
    /// Of the crate and of the program.
    name: String,
    profile: String,
}

impl Home {
    fn find(file: &str) -> Result<Home, Complaint> {
        let sources = sources()?;
        let path = Path::new(file).canonicalize().map_err(|error| {
            Complaint::new(
                format!("{file} cannot be found: {error}"),
                "name a file that exists",
            )
        })?;
        let cache = cache_folder()?;
        let mut hasher = DefaultHasher::new();
        (&path, &sources, env!("CARGO_PKG_VERSION")).hash(&mut hasher);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        // Programs of all files stand in one folder, so the name has to tell two of one name apart.
        let name = format!(
            "scenario-{}-{:016x}",
            folder_name(&stem).replace('.', "-"),
            hasher.finish()
        );
        let target = env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
        Ok(Home {
            file: path,
            sources,
            target: target.map_or_else(|| cache.join("target"), PathBuf::from),
            folder: cache.join(&name),
            name,
            profile: env::var(PROFILE).unwrap_or_else(|_| "release".to_owned()),
        })
    }

    /// The built program.
    fn program(&self) -> PathBuf {
        let folder = match self.profile.as_str() {
            "dev" => "debug",
            other => other,
        };
        self.target.join(folder).join(&self.name)
    }

    /// Writes the crate; what stands there already is left alone, so that nothing is built twice.
    fn make(&self) -> Result<(), (PathBuf, io::Error)> {
        let write = |path: PathBuf, text: &[u8]| {
            let same = fs::read(&path).is_ok_and(|have| have == text);
            match same {
                true => Ok(()),
                false => fs::write(&path, text).map_err(|error| (path, error)),
            }
        };
        fs::create_dir_all(&self.folder).map_err(|error| (self.folder.clone(), error))?;
        write(self.folder.join("Cargo.toml"), self.manifest().as_bytes())?;
        // The versions that loadforge was tested with, which are here already when it was built here.
        let (ours, theirs) = (
            self.folder.join("Cargo.lock"),
            self.sources.join("Cargo.lock"),
        );
        let written = |path: &Path| fs::metadata(path).and_then(|about| about.modified()).ok();
        match fs::read(&theirs) {
            // Ours is theirs with what the scenario adds; it is good until theirs has changed.
            Ok(text) if written(&ours) < written(&theirs) => write(ours, &text),
            _ => Ok(()),
        }
    }

    fn manifest(&self) -> String {
        let Home {
            file,
            sources,
            name,
            ..
        } = self;
        let quoted = |path: &Path| toml::Value::from(path.to_string_lossy().as_ref()).to_string();
        format!(
            "# Written by `loadforge run` for the file below.\n\
             [package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
             [[bin]]\nname = \"{name}\"\npath = {}\n\n\
             [dependencies]\nloadforge = {{ path = {} }}\n\
             serde = {{ version = \"1\", features = [\"derive\"] }}\nserde_json = \"1\"\n\n[workspace]\n",
            quoted(file),
            quoted(sources)
        )
    }

    /// Keeps a second `loadforge run` of the same file waiting; let go when this process ends or becomes another.
    fn lock(&self, file: &str) -> Option<File> {
        let lock = File::create(self.folder.join("lock")).ok()?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            say!("waiting for another loadforge that builds {file}");
            // Where files cannot be locked, cargo's own lock still keeps two builds apart.
            let _ = lock.lock();
        }
        Some(lock)
    }

    /// Whether everything that is needed is on this machine.
    fn is_whole_offline(&self) -> Result<bool, CommandError> {
        let mut tree = cargo();
        tree.arg("tree").args(["--quiet", "--offline"]);
        tree.arg("--manifest-path")
            .arg(self.folder.join("Cargo.toml"));
        let silent = tree.stdout(Stdio::null()).stderr(Stdio::null());
        silent
            .status()
            .map(|status| status.success())
            .map_err(|error| no_cargo(&error))
    }

    fn cargo(&self, command: &str, offline: bool) -> Command {
        let mut cargo = cargo();
        cargo.arg(command).args(["--profile", &self.profile]);
        cargo
            .arg("--manifest-path")
            .arg(self.folder.join("Cargo.toml"));
        cargo.arg("--target-dir").arg(&self.target);
        if offline {
            cargo.arg("--offline");
        }
        cargo.stdin(Stdio::null());
        cargo
    }
}

fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

fn no_cargo(error: &io::Error) -> CommandError {
    CommandError::could_not_run(Complaint::new(
        format!("a scenario in Rust is built with cargo, which cannot be started: {error}"),
        "install Rust (https://rustup.rs), or write the scenario as a TOML file: docs/scenarios.md shows how",
    ))
}

/// The checkout that scenarios are built against.
pub fn sources() -> Result<PathBuf, Complaint> {
    let is_checkout = |folder: &Path| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml"));
        manifest.is_ok_and(|text| text.contains("name = \"loadforge\""))
    };
    let set = env::var_os(SOURCES).filter(|folder| !folder.is_empty());
    let folder = set
        .as_deref()
        .unwrap_or(OsStr::new(env!("CARGO_MANIFEST_DIR")));
    let folder = Path::new(folder);
    if is_checkout(folder)
        && let Ok(folder) = folder.canonicalize()
    {
        return Ok(folder);
    }
    Err(match set {
        Some(_) => Complaint::new(
            format!(
                "{SOURCES} is {}, which is no checkout of loadforge",
                folder.display()
            ),
            "set it to the folder with loadforge's own Cargo.toml and sources",
        ),
        None => Complaint::new(
            "the sources of loadforge, which scenarios in Rust are built against, are no longer where this program was built",
            format!("set {SOURCES} to a checkout of loadforge"),
        ),
    })
}

fn cache_folder() -> Result<PathBuf, Complaint> {
    let set = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let cache = cache.ok_or_else(|| {
        Complaint::new(
            "neither XDG_CACHE_HOME nor HOME says where the scenario can be built",
            "set XDG_CACHE_HOME to a folder that you may write to",
        )
    })?;
    Ok(cache.join("loadforge/scenarios"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macro_counts_only_where_the_compiler_would_see_it() {
        for text in [
            "loadforge::main!(Shopper);",
            "use loadforge::main;\nmain! { A = 1, B = 2 }",
            "loadforge::main!\n(Shopper);",
        ] {
            assert!(has_main(text), "{text}");
        }
        for text in [
            "",
            "fn main() {}",
            "// loadforge::main!(Shopper);",
            "let x = main != other;",
        ] {
            assert!(!has_main(text), "{text}");
        }
    }

    #[test]
    fn a_crate_names_the_file_where_it_is_whatever_its_path() {
        let home = Home {
            file: PathBuf::from("/home/ann/\"shop\\ of \u{1b}horrors\"/a.rs"),
            sources: PathBuf::from("/src/load'forge"),
            folder: PathBuf::new(),
            target: PathBuf::from("/t"),
            name: "scenario-a-1".to_owned(),
            profile: "dev".to_owned(),
        };
        let read: toml::Table = home.manifest().parse().expect("it is TOML");
        let path = read["bin"][0]["path"].as_str();
        assert_eq!(path, home.file.to_str());
        let loadforge = read["dependencies"]["loadforge"]["path"].as_str();
        assert_eq!(loadforge, home.sources.to_str());
        assert_eq!(home.program(), Path::new("/t/debug/scenario-a-1"));
    }
}
