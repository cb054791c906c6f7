//! `cargo xtask profile`: where the CPU of one worker goes, as a table in µs a request and as a flame graph.
//! Neighbours: `profile/recording.rs` samples a run, `profile/shares.rs` says whose a sample is; `servers.rs` is the target.
//! Invariant: requests are counted by the server and CPU time by the kernel, over the very time that was sampled.

mod recording;
mod shares;

use crate::{
    arguments,
    programs::{self, Cpus},
    servers::Server,
};
use inferno::{
    collapse::{
        Collapse,
        perf::{Folder, Options as FoldOptions},
    },
    flamegraph,
};
use recording::Recording;
use shares::Table;
use std::{
    fs::{self, File},
    io::{BufReader, BufWriter},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Which server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Nginx,
    Echo,
}

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    connections: u32,
    seconds: u32,
    target: Target,
    /// Leave the samples and the folded stacks beside the flame graph.
    keep: bool,
}

impl Options {
    /// Reads `--connections N --seconds N --server nginx|echo --keep`.
    pub(crate) fn parse(words: &[String]) -> Result<Options, String> {
        let mut options = Options {
            connections: 64,
            seconds: 10,
            target: Target::Nginx,
            keep: false,
        };
        let mut words = words.iter();
        while let Some(flag) = words.next() {
            let mut value = || arguments::value("profile", flag, &mut words);
            match flag.as_str() {
                "--connections" => {
                    options.connections = arguments::number("profile", flag, value()?)?;
                }
                "--seconds" => options.seconds = arguments::number("profile", flag, value()?)?,
                "--server" => {
                    options.target = match value()? {
                        "nginx" => Target::Nginx,
                        "echo" => Target::Echo,
                        other => {
                            return Err(format!("profile: --server {other}: nginx or echo"));
                        }
                    }
                }
                "--keep" => options.keep = true,
                _ => {
                    return Err(format!(
                        "profile: no such option: {flag}; there are --connections, --seconds, --server, --keep"
                    ));
                }
            }
        }
        Ok(options)
    }
}

/// Builds, samples, prints the table and writes `target/profile/flamegraph.svg`.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), String> {
    profile(root, options).map_err(|error| format!("profile: {error}"))
}

fn profile(root: &Path, options: &Options) -> Result<(), String> {
    let perf = recording::perf()?;
    let cpus = Cpus::allowed()?;
    if cpus.server.is_none() {
        println!("One CPU: server and worker share it, so the worker waits more than it would.");
    }
    programs::allow_descriptors()?;
    let loadforge = build(root)?;
    let folder = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
    let server = match options.target {
        Target::Nginx => Server::nginx(root, folder.path(), cpus.server)
            .map_err(|error| format!("{error}; or pass --server echo"))?,
        Target::Echo => Server::echo(&loadforge, folder.path(), cpus.server)?,
    };
    let place = root.join("target/profile");
    fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let samples = place.join("perf.data");
    let folded = place.join("stacks.folded");
    // Those of an earlier run with --keep would be taken for this one's; they may well be missing.
    let _ = (fs::remove_file(&samples), fs::remove_file(&folded));
    let recording = Recording::take(&perf, &loadforge, &server, options, cpus, &samples)?;
    let stacks = fold(&perf, &samples)?;
    let title = format!(
        "One worker, {} connections to {}: {:.2} µs CPU a request",
        options.connections,
        server.name,
        recording.us_per_request()
    );
    let graph = place.join("flamegraph.svg");
    draw(&stacks, &title, &graph).map_err(|error| format!("{}: {error}", graph.display()))?;
    let table = Table::of(&stacks);
    println!(
        "\n{title}\n({} requests in {:.2} s CPU, of which {:.2} s were sampled, sampling included)\n",
        recording.requests,
        recording.cpu.as_secs_f64(),
        table.sampled().as_secs_f64()
    );
    println!("{}", table.markdown(recording.us_per_request()));
    println!("{}\nflame graph: {}", shares::HOW, graph.display());
    if options.keep {
        fs::write(&folded, &stacks).map_err(|error| format!("{}: {error}", folded.display()))?;
        println!("kept: {}, {}", samples.display(), folded.display());
    } else {
        fs::remove_file(&samples).map_err(|error| format!("{}: {error}", samples.display()))?;
    }
    Ok(())
}

/// Builds LoadForge so that its stacks can be walked, apart from the ordinary build, which would be thrown away by it.
fn build(root: &Path) -> Result<PathBuf, String> {
    let target = programs::target(root).join("profile/build");
    let mut command = programs::cargo(root, &["build", "--release", "--package", "loadforge"]);
    command
        .env("RUSTFLAGS", "-C force-frame-pointers=yes")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("CARGO_TARGET_DIR", &target);
    programs::build(&mut command)?;
    Ok(target.join("release/loadforge"))
}

/// The samples as lines `outermost;…;innermost ns`, kernel functions marked with `_[k]`.
fn fold(perf: &Path, samples: &Path) -> Result<String, String> {
    let mut script = Command::new(perf)
        .args(["script", "--force", "--input"])
        .arg(samples)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("perf script could not be started: {error}"))?;
    let text = script.stdout.take().expect("it is piped");
    let mut options = FoldOptions::default();
    options.annotate_kernel = true;
    options.nthreads = 1;
    let mut folded = Vec::new();
    let done = Folder::from(options).collapse(BufReader::new(text), &mut folded);
    let status = script.wait();
    done.map_err(|error| format!("what perf script says cannot be read: {error}"))?;
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("perf script: {status}")),
        Err(error) => return Err(format!("perf script: {error}")),
    }
    String::from_utf8(folded).map_err(|error| format!("a function has an odd name: {error}"))
}

fn draw(stacks: &str, title: &str, path: &Path) -> std::io::Result<()> {
    let mut options = flamegraph::Options::default();
    title.clone_into(&mut options.title);
    let file = BufWriter::new(File::create(path)?);
    flamegraph::from_lines(&mut options, stacks.lines(), file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Options, String> {
        let words: Vec<_> = words.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn options_are_read_and_wrong_ones_refused() {
        let options = parse("--server echo --keep --seconds 3").unwrap();
        let expected = Options {
            connections: 64,
            seconds: 3,
            target: Target::Echo,
            keep: true,
        };
        assert_eq!(options, expected);
        for wrong in ["--seconds", "--seconds 0", "--server apache", "--fast"] {
            assert!(
                parse(wrong).unwrap_err().starts_with("profile: "),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_flame_graph_shows_every_function_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("graph.svg");
        draw("worker;turn;io_send_[k] 3\nworker;feed 1\n", "Title", &path).unwrap();
        let svg = fs::read_to_string(&path).unwrap();
        for word in ["<svg", "Title", "io_send", "feed"] {
            assert!(svg.contains(word), "{word}");
        }
    }
}
