//! `cargo xtask bench-peers`: what a request costs LoadForge and every other load generator installed, side by side.
//! Neighbours: `servers.rs` are the targets, `bench_peers/generators.rs` the command lines, `table.rs` the answer;
//! `benches/peers/README.md` says how it is measured. Invariant: requests are counted by the server, never by who is measured.

mod generators;
mod table;

use crate::{
    arguments,
    programs::{self, Cpus},
    servers::Server,
};
use generators::{Generator, Job};
use nix::sys::resource::{UsageWho, getrusage};
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use table::Sample;

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    seconds: u32,
    rounds: u32,
    connections: Vec<u32>,
    /// A built `loadforge`, such as an earlier version; else this checkout's is built.
    loadforge: Option<PathBuf>,
}

impl Options {
    /// Reads `--seconds N --rounds N --connections N,N --loadforge PATH`.
    pub(crate) fn parse(words: &[String]) -> Result<Options, String> {
        let mut options = Options {
            seconds: 5,
            rounds: 5,
            connections: vec![1, 64, 512, 4096],
            loadforge: None,
        };
        let mut words = words.iter();
        while let Some(flag) = words.next() {
            let mut value = || arguments::value("bench-peers", flag, &mut words);
            let number = |text: &str| arguments::number("bench-peers", flag, text);
            match flag.as_str() {
                "--seconds" => options.seconds = number(value()?)?,
                "--rounds" => options.rounds = number(value()?)?,
                "--connections" => {
                    let numbers = value()?.split(',').map(number);
                    options.connections = numbers.collect::<Result<_, _>>()?;
                }
                "--loadforge" => options.loadforge = Some(PathBuf::from(value()?)),
                _ => {
                    return Err(format!(
                        "bench-peers: no such option: {flag}; there are --seconds, --rounds, --connections, --loadforge"
                    ));
                }
            }
        }
        Ok(options)
    }
}

/// Measures, prints the table and writes `target/bench-peers.json`.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), String> {
    let place = |error| format!("bench-peers: {error}");
    let cpus = Cpus::allowed().map_err(place)?;
    programs::allow_descriptors().map_err(place)?;
    if cpus.server.is_none() {
        println!(
            "One CPU: nothing is pinned, generator and server share it; requests/s mean little."
        );
    }
    let loadforge = match &options.loadforge {
        Some(path) => path
            .canonicalize()
            .map_err(|error| format!("bench-peers: --loadforge {}: {error}", path.display()))?,
        // Fully optimised.
        None => {
            let arguments = ["build", "--profile", "dist", "--package", "loadforge"];
            programs::build(&mut programs::cargo(root, &arguments)).map_err(place)?;
            programs::target(root).join("dist/loadforge")
        }
    };
    let folder = tempfile::tempdir().map_err(|error| format!("bench-peers: no folder: {error}"))?;
    let (generators, missing) = generators::installed(&loadforge, folder.path())?;
    if !missing.is_empty() {
        println!("Not installed, so not measured: {}.", missing.join(", "));
    }
    let mut servers = Vec::new();
    for start in [
        Server::nginx(root, folder.path(), cpus.server),
        Server::echo(&loadforge, folder.path(), cpus.server),
    ] {
        match start {
            Ok(server) => servers.push(server),
            Err(message) => println!("Not measured against it: {message}."),
        }
    }
    if servers.is_empty() {
        return Err("bench-peers: there is no server to measure against".to_owned());
    }
    let mut samples = Vec::new();
    for round in 0..options.rounds {
        for connections in &options.connections {
            for server in &servers {
                for generator in &generators {
                    let job = Job {
                        url: server.url(),
                        connections: *connections,
                        seconds: options.seconds,
                        cpu: cpus.generator,
                        folder: folder.path(),
                    };
                    let sample = measure(generator, &job, server, round);
                    println!("{sample}");
                    samples.push(sample);
                }
            }
        }
    }
    println!(
        "\n{}\n{}",
        table::markdown(&samples),
        table::servers(&samples)
    );
    let path = root.join("target/bench-peers.json");
    std::fs::create_dir_all(root.join("target"))
        .and_then(|()| std::fs::write(&path, table::json(&samples, options)))
        .map_err(|error| {
            format!(
                "bench-peers: {} could not be written: {error}",
                path.display()
            )
        })?;
    println!("raw figures: {}", path.display());
    let failed = samples
        .iter()
        .filter(|sample| sample.figures.is_err())
        .count();
    if failed > 0 {
        return Err(format!(
            "bench-peers: {failed} of {} measurements failed",
            samples.len()
        ));
    }
    Ok(())
}

/// One generator, once, from the start of its process to its end.
fn measure(generator: &Generator, job: &Job<'_>, server: &Server, round: u32) -> Sample {
    let mut sample = Sample {
        generator: generator.name,
        server: server.name,
        connections: job.connections,
        round,
        figures: Err(String::new()),
    };
    sample.figures = measure_figures(generator, job, server);
    sample
}

fn measure_figures(
    generator: &Generator,
    job: &Job<'_>,
    server: &Server,
) -> Result<table::Figures, String> {
    let measured = measure_command(&mut generator.command(job), job.folder, server)?;
    let per_request = |time: Duration| time.as_secs_f64() * 1e6 / measured.requests as f64;
    Ok(table::Figures {
        requests: measured.requests,
        cpu_us_per_request: per_request(measured.cpu),
        server_cpu_us_per_request: per_request(measured.server_cpu),
        requests_per_s: measured.requests as f64 / measured.wall.as_secs_f64(),
    })
}

/// What a generator cost, from the start of its process to its end.
pub(crate) struct Measured {
    /// As the server counted them; at least one.
    pub(crate) requests: u64,
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) server_cpu: Duration,
}

/// Runs a generator to its end; its words go to a file in `folder`, the last of them into the error.
pub(crate) fn measure_command(
    command: &mut Command,
    folder: &Path,
    server: &Server,
) -> Result<Measured, String> {
    let before = server.count()?;
    let (cpu_before, server_before) = (children_cpu(), server.cpu());
    let said = folder.join("said");
    let file = || File::create(&said).map_err(|error| format!("no file for its words: {error}"));
    let started = Instant::now();
    // Pinning is done by `taskset`, which becomes the generator: no process more, and children inherit it.
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file()?)
        .status()
        .map_err(|error| format!("could not be started: {error}"))?;
    let wall = started.elapsed();
    let cpu = children_cpu() - cpu_before;
    let server_cpu = server.cpu().saturating_sub(server_before);
    let requests = server.requests_since(before)?;
    if !status.success() {
        let words = std::fs::read_to_string(&said).unwrap_or_default();
        let last = words
            .lines()
            .rfind(|line| !line.trim().is_empty())
            .unwrap_or("without a word");
        return Err(format!("{status}: {last}"));
    }
    if requests == 0 {
        return Err("sent no request".to_owned());
    }
    Ok(Measured {
        requests,
        wall,
        cpu,
        server_cpu,
    })
}

/// User + system time of all children that have ended, with theirs. The servers live on meanwhile, so they are not in it.
fn children_cpu() -> Duration {
    let usage =
        getrusage(UsageWho::RUSAGE_CHILDREN).expect("one's own children can be asked about");
    let time = |time: nix::sys::time::TimeVal| {
        Duration::from_secs(time.tv_sec() as u64) + Duration::from_micros(time.tv_usec() as u64)
    };
    time(usage.user_time()) + time(usage.system_time())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Options, String> {
        Options::parse(
            &words
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn options_are_read_and_wrong_ones_refused() {
        let options = parse("--seconds 2 --connections 1,20").unwrap();
        assert_eq!(
            options,
            Options {
                seconds: 2,
                rounds: 5,
                connections: vec![1, 20],
                loadforge: None,
            }
        );
        for wrong in [
            "--seconds",
            "--seconds 0",
            "--rounds x",
            "--connections 1,,2",
            "--fast 1",
        ] {
            assert!(
                parse(wrong).unwrap_err().starts_with("bench-peers: "),
                "{wrong}"
            );
        }
    }

    #[test]
    fn the_cpu_time_of_a_child_that_has_ended_is_counted() {
        let before = children_cpu();
        let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let status = Command::new("sh").args(["-c", script]).status().unwrap();
        assert!(status.success());
        assert!(children_cpu() - before > Duration::from_millis(1));
    }
}
