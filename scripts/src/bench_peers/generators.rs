//! The load generators and how each is told to do the same: this many connections, this long, one thread.
//! Neighbours: `bench_peers.rs` runs them. To add one: a line in `KNOWN`. Invariant: each runs as its users run it, with no
//! option that makes it measure less than by default.

use crate::programs::{find, pinned};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// What a generator is to do.
pub(super) struct Job<'a> {
    pub(super) url: String,
    pub(super) connections: u32,
    pub(super) seconds: u32,
    /// The CPU to stay on, if any.
    pub(super) cpu: Option<usize>,
    /// For its files.
    pub(super) folder: &'a Path,
}

/// A generator that is installed.
pub(super) struct Generator {
    pub(super) name: &'static str,
    program: PathBuf,
    arguments: fn(&Job<'_>) -> String,
}

/// Name in `PATH`, and its arguments.
type Known = (&'static str, fn(&Job<'_>) -> String);

const KNOWN: [Known; 11] = [
    ("wrk", |job| {
        format!("-t1 -c{} -d{}s {}", job.connections, job.seconds, job.url)
    }),
    ("oha", |job| {
        format!(
            "--no-tui -c {} -z {}s {}",
            job.connections, job.seconds, job.url
        )
    }),
    ("h2load", |job| {
        format!(
            "--h1 -t1 -c{} -D{} {}",
            job.connections, job.seconds, job.url
        )
    }),
    // -n behind -t, which would set it to 50,000.
    ("ab", |job| {
        let most = u64::from(job.seconds) * 1_000_000;
        format!(
            "-q -k -c {} -t {} -n {most} {}",
            job.connections, job.seconds, job.url
        )
    }),
    ("rewrk", |job| {
        format!(
            "-t 1 -c {} -d {}s -h {}",
            job.connections, job.seconds, job.url
        )
    }),
    ("hey", |job| {
        format!(
            "-cpus 1 -c {} -z {}s {}",
            job.connections, job.seconds, job.url
        )
    }),
    ("bombardier", |job| {
        format!("-c {} -d {}s {}", job.connections, job.seconds, job.url)
    }),
    ("autocannon", |job| {
        format!("-c {} -d {} {}", job.connections, job.seconds, job.url)
    }),
    // Goose is a library; benches/peers/goose is a program that does nothing but GET the host's root.
    ("goose-get", |job| {
        format!(
            "--host {} --users {} --increase-rate {} --run-time {}s",
            job.url, job.connections, job.connections, job.seconds
        )
    }),
    ("locust", |job| {
        let script = job.folder.join("locustfile.py");
        format!(
            "--headless --only-summary --locustfile {} --host {} --users {} --spawn-rate {} --run-time {}s",
            script.display(),
            job.url,
            job.connections,
            job.connections,
            job.seconds
        )
    }),
    ("k6", |job| {
        let script = job.folder.join("k6.js");
        let script = script.display();
        format!(
            "run --quiet --vus {} --duration {}s --env URL={} {script}",
            job.connections, job.seconds, job.url
        )
    }),
];

const K6_SCRIPT: &str = "import http from 'k6/http';\nexport default () => http.get(__ENV.URL);\n";

// The faster of its two clients, as its own documentation advises for high rates.
const LOCUST_SCRIPT: &str = "from locust import FastHttpUser, task


class Visitor(FastHttpUser):
    @task
    def get(self):
        self.client.get('/')
";

fn loadforge_arguments(job: &Job<'_>) -> String {
    let cpu = job
        .cpu
        .map(|cpu| format!("--cpus {cpu} "))
        .unwrap_or_default();
    format!(
        "run {} --users {} --duration {}s {cpu}--output {} --quiet",
        job.url,
        job.connections,
        job.seconds,
        job.folder.join("results").display()
    )
}

/// LoadForge and what `PATH` has of the others; behind it, the names of those it has not.
pub(super) fn installed(
    loadforge: &Path,
    folder: &Path,
) -> Result<(Vec<Generator>, Vec<&'static str>), String> {
    for (file, script) in [("k6.js", K6_SCRIPT), ("locustfile.py", LOCUST_SCRIPT)] {
        std::fs::write(folder.join(file), script)
            .map_err(|error| format!("bench-peers: {file} could not be written: {error}"))?;
    }
    let mut generators = vec![Generator {
        name: "loadforge",
        program: loadforge.to_owned(),
        arguments: loadforge_arguments,
    }];
    let mut missing = Vec::new();
    for (name, arguments) in KNOWN {
        match find(name) {
            Some(program) => generators.push(Generator {
                name,
                program,
                arguments,
            }),
            None => missing.push(name),
        }
    }
    Ok((generators, missing))
}

impl Generator {
    /// The whole command.
    pub(super) fn command(&self, job: &Job<'_>) -> Command {
        let mut command = pinned(job.cpu, &self.program);
        command
            .args((self.arguments)(job).split(' '))
            .current_dir(job.folder);
        // Runtimes that ask how many CPUs there are see the pinning; this is for those that do not.
        command
            .env("TOKIO_WORKER_THREADS", "1")
            .env("GOMAXPROCS", "1");
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_url_connections_and_length() {
        let folder = Path::new("/f");
        let url = "http://127.0.0.1:9/".to_owned();
        let job = Job {
            url,
            connections: 77,
            seconds: 3,
            cpu: Some(5),
            folder,
        };
        let all = KNOWN
            .into_iter()
            .chain([("loadforge", loadforge_arguments as fn(&Job<'_>) -> String)]);
        for (name, arguments) in all {
            let line = arguments(&job);
            assert!(line.contains("http://127.0.0.1:9/"), "{name} {line}");
            assert!(line.contains("77"), "{name} {line}");
            assert!(line.contains('3'), "{name} {line}");
            assert!(!line.contains("  "), "{name} {line}");
        }
    }
}
