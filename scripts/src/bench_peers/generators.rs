//! The load generators and how each is told to do the same: this many connections, this long, one thread.
//! Neighbours: `bench_peers.rs` runs them. To add one: a line in `KNOWN`. Invariant: each runs as its users run it, with no
//! option that makes it measure less than by default.

use std::{
    ffi::OsString,
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

/// Name in `PATH`, and its arguments (`{k6}` is the path of the script).
type Known = (&'static str, fn(&Job<'_>) -> String);

const KNOWN: [Known; 9] = [
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
    std::fs::write(folder.join("k6.js"), K6_SCRIPT)
        .map_err(|error| format!("bench-peers: no script for k6: {error}"))?;
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

/// Where in `PATH` a program is; system folders too, since servers lie there and `PATH` often leaves them out.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
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

/// A command that stays on one CPU from its first instruction.
pub(super) fn pinned(cpu: Option<usize>, program: &Path) -> Command {
    let Some(cpu) = cpu else {
        return Command::new(program);
    };
    let mut command = Command::new("taskset");
    command.args([OsString::from("-c"), cpu.to_string().into(), program.into()]);
    command
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
        let command = pinned(Some(5), Path::new("/bin/wrk"));
        let words: Vec<_> = command.get_args().collect();
        assert_eq!(words, ["-c", "5", "/bin/wrk"]);
    }
}
