//! `cargo xtask bench-page`: what the live page takes from a run. Neighbours: `live_run.rs` starts runs with a page, `servers.rs` the
//! target. Invariant: runs with and without the page take turns, so that what the machine does to one it does to both; ratios are
//! taken within a round.

use crate::{
    arguments,
    bench_doors::spread,
    live_run::LiveRun,
    programs::{self, Cpus},
    servers::Server,
};
use serde_json::Value;
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

/// Users of each run, each with a connection.
const USERS: &str = "64";

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    seconds: u32,
    rounds: u32,
    viewers: u32,
}

impl Options {
    /// Reads `--seconds N --rounds N --viewers N`.
    pub(crate) fn parse(words: &[String]) -> Result<Options, String> {
        let mut options = Options {
            seconds: 5,
            rounds: 5,
            viewers: 10,
        };
        let mut words = words.iter();
        while let Some(flag) = words.next() {
            let mut value = || arguments::value("bench-page", flag, &mut words);
            let number = |text: &str| arguments::number("bench-page", flag, text);
            match flag.as_str() {
                "--seconds" => options.seconds = number(value()?)?,
                "--rounds" => options.rounds = number(value()?)?,
                "--viewers" => options.viewers = number(value()?)?,
                _ => {
                    return Err(format!(
                        "bench-page: no such option: {flag}; there are --seconds, --rounds, --viewers"
                    ));
                }
            }
        }
        Ok(options)
    }
}

/// What a run cost.
struct Cost {
    /// The worker's CPU time, without spinning, in µs a request.
    worker_us: f64,
    /// The CPU time of the page's thread in percent of one CPU; 0 without a page.
    page_percent: f64,
}

/// Measures and prints the table.
///
/// # Errors
/// When the program does not build or a run fails.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), String> {
    let place = |error| format!("bench-page: {error}");
    let cpus = Cpus::allowed().map_err(place)?;
    let arguments = ["build", "--profile", "dist", "--bin", "loadforge"];
    programs::build(&mut programs::cargo(root, &arguments)).map_err(place)?;
    let loadforge = programs::target(root).join("dist/loadforge");
    let folder = tempfile::tempdir().map_err(|error| format!("bench-page: no folder: {error}"))?;
    let server = Server::echo(&loadforge, folder.path(), cpus.server).map_err(place)?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        let measure = |page| {
            let output = folder.path().join(format!("{round}-{page}"));
            let mut command = Command::new(&loadforge);
            command.args(["run", &format!("{}headers", server.url()), "--quiet"]);
            command.args(["--users", USERS, "--workers", "1", "--no-preflight"]);
            command.args(["--duration", &format!("{}s", options.seconds)]);
            command.args(["--format", "json", "--allow-invalid", "--output"]);
            command.arg(&output);
            if let Some(cpu) = cpus.generator {
                command.args(["--cpus", &cpu.to_string()]);
            }
            let page_percent = match page {
                true => run_with_page(&mut command, options)?,
                false => run_alone(&mut command)?,
            };
            let worker_us = worker_us(&output)?;
            let name = if page { "with the page" } else { "without" };
            println!(
                "round {round}: {name:<14} {worker_us:.3} µs/request, page {page_percent:.2} % of a CPU"
            );
            Ok(Cost {
                worker_us,
                page_percent,
            })
        };
        without.push(measure(false).map_err(place)?);
        with.push(measure(true).map_err(place)?);
    }
    let costs = |of: &[Cost]| -> Vec<f64> { of.iter().map(|cost| cost.worker_us).collect() };
    let ratios: Vec<f64> = with
        .iter()
        .zip(&without)
        .map(|(with, without)| with.worker_us / without.worker_us)
        .collect();
    let page: Vec<f64> = with.iter().map(|cost| cost.page_percent).collect();
    println!(
        "\n| | worker, CPU µs/request | × without | page's thread, % of a CPU |\n|---|---|---|---|"
    );
    println!(
        "| without the page | {} | 1 | 0 |",
        spread(&costs(&without))
    );
    println!(
        "| with it and {} viewers | {} | {} | {} |",
        options.viewers,
        spread(&costs(&with)),
        spread(&ratios),
        spread(&page)
    );
    Ok(())
}

fn run_alone(command: &mut Command) -> Result<f64, String> {
    let output = command
        .output()
        .map_err(|error| format!("loadforge could not be started: {error}"))?;
    match output.status.success() {
        true => Ok(0.0),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Runs it with viewers that read all they are sent; gives the CPU time of the page's thread in percent of one CPU.
fn run_with_page(command: &mut Command, options: &Options) -> Result<f64, String> {
    let mut run = LiveRun::start(command.arg("--dashboard"))?;
    let viewers: Result<Vec<_>, String> = (0..options.viewers)
        .map(|_| viewer(&run.url).map(|stream| thread::spawn(move || read_all(stream))))
        .collect();
    let viewers = viewers?;
    // A thread takes its name when it first runs.
    thread::sleep(Duration::from_millis(200));
    // Until just before its end, when the thread is still there to be asked.
    let watched = Duration::from_secs(u64::from(options.seconds)).mul_f64(0.8);
    let before = page_cpu(run.pid())?;
    thread::sleep(watched);
    let used = page_cpu(run.pid())? - before;
    run.ended()?;
    for viewer in viewers {
        let read = viewer.join().map_err(|_| "a viewer failed".to_owned())?;
        if read == 0 {
            return Err("a viewer was sent nothing".to_owned());
        }
    }
    Ok(used * 100.0 / watched.as_secs_f64())
}

/// Asks for the WebSocket as a browser does; whoever views from this machine needs no token.
fn viewer(url: &str) -> Result<TcpStream, String> {
    let address = url.trim_start_matches("http://");
    let host = address.split('/').next().unwrap_or_default();
    let failed = |error| format!("no viewer of {host}: {error}");
    let mut stream = TcpStream::connect(host).map_err(failed)?;
    let ask = format!(
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).map_err(failed)?;
    Ok(stream)
}

/// Reads until the server closes; gives how many bytes came.
fn read_all(mut stream: TcpStream) -> u64 {
    let mut buffer = vec![0; 64 * 1024];
    let mut count = 0;
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        count += read as u64;
    }
    count
}

/// The CPU time of the page's thread so far, in seconds.
fn page_cpu(pid: u32) -> Result<f64, String> {
    let tasks = format!("/proc/{pid}/task");
    let entries = fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))?;
    let mut ns = 0u64;
    let mut found = false;
    for task in entries.flatten() {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if name.trim() != "live-page" {
            continue;
        }
        let stat = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let used = stat.split(' ').next().and_then(|ns| ns.parse::<u64>().ok());
        ns += used.ok_or("the kernel keeps no schedstat")?;
        found = true;
    }
    match found {
        true => Ok(ns as f64 / 1e9),
        false => Err("the run has no thread for its page".to_owned()),
    }
}

/// The worker's CPU time without spinning, in µs a request, from the only results in `output`.
fn worker_us(output: &Path) -> Result<f64, String> {
    let failed = |error| format!("{}: {error}", output.display());
    let dir = fs::read_dir(output)
        .map_err(failed)?
        .flatten()
        .next()
        .ok_or("the run has left no results")?;
    let text = fs::read(dir.path().join("summary.json")).map_err(failed)?;
    let summary: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let number = |pointer: &str| {
        let value = summary.pointer(pointer).and_then(Value::as_f64);
        value.ok_or_else(|| format!("summary.json has no {pointer}"))
    };
    let busy_s = number("/generator/cpu_percent/0")? / 100.0 * number("/duration_s")?;
    Ok(busy_s * 1e6 / number("/requests/sent")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_wrong_ones_refused() {
        let parse = |words: &str| {
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            Options::parse(&words)
        };
        let options = parse("--viewers 3 --rounds 7").unwrap();
        assert_eq!(
            (options.seconds, options.rounds, options.viewers),
            (5, 7, 3)
        );
        assert!(parse("--seconds").is_err() && parse("--users 1").is_err());
    }
}
