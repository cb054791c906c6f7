//! The processes of a self-test: a server, a run against it, what both said. Neighbours: `cases.rs` says which,
//! `../target.rs` starts the server. Invariant: every child has ended, and every file is gone, when a self-test ends, by a
//! signal too.

use super::{
    cases::{Case, Machine, Question},
    crowd::Crowd,
    measured::{Measured, Summary},
};
use crate::target::{EchoTarget, TargetError};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long a run may take beyond its duration before it is killed.
const PATIENCE: Duration = Duration::from_secs(45);
/// How often a run is looked at: seldom, since each look takes a CPU from somebody.
const LOOK: Duration = Duration::from_millis(50);
/// Busy loops beside a starved worker.
const BUSY_LOOPS: usize = 4;

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// No place for the files of a self-test.
    #[error(
        "error: the files of the self-test cannot be kept in {}: {source}\n = help: set TMPDIR to a directory that is yours", folder.display()
    )]
    Folder {
        /// The place.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The server did not start.
    #[error(transparent)]
    Server(#[from] TargetError),
    /// The server did not tell its counts.
    #[error(
        "error: the built-in server did not tell its counts: {0}\n = help: see that nothing else stops it"
    )]
    Counts(io::Error),
    /// The run did not start or did not end.
    #[error("error: a run could not be made: {0}\n = help: try it by itself: loadforge {1}")]
    Run(String, String),
    /// SIGINT, SIGTERM or SIGHUP came.
    #[error(
        "error: a signal ended the self-test before its last run: there is no table\n = help: start it again; --quick takes a minute at most"
    )]
    Signalled,
    /// The run ended well and its summary is not what it should be.
    #[error(
        "error: the summary of a run lacks {0}\n = help: this is a fault of loadforge: report it"
    )]
    Summary(String),
}

/// A directory for the files of one self-test, gone when it is dropped. While it is there, a signal is noted instead of
/// ending the process, so that nothing is left behind; a second one ends it.
pub(super) struct Folder {
    path: PathBuf,
    signalled: Arc<AtomicBool>,
}

impl Folder {
    pub(super) fn create() -> Result<Folder, ChildError> {
        let path = std::env::temp_dir().join(format!("loadforge-selftest-{}", std::process::id()));
        let failed = |source| ChildError::Folder {
            folder: path.clone(),
            source,
        };
        let signalled = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the first one finds the flag down, and raises it.
            let flag = || Arc::clone(&signalled);
            flag::register_conditional_default(signal, flag()).map_err(failed)?;
            flag::register(signal, flag()).map_err(failed)?;
        }
        fs::create_dir(&path).map_err(failed)?;
        Ok(Folder { path, signalled })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// When a signal has come.
    pub(super) fn check(&self) -> Result<(), ChildError> {
        // Relaxed: nothing else is read for it.
        match self.signalled.load(Ordering::Relaxed) {
            true => Err(ChildError::Signalled),
            false => Ok(()),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is small and in the place for such files.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Arrivals a second that one worker can serve against a server on the last CPU. First a closed run at full speed, then that rate
/// is asked for: arrivals by themselves cost more than users that wait, so fewer of them can be served.
pub(super) fn capacity(machine: &Machine, folder: &Folder) -> Result<f64, ChildError> {
    let server = EchoTarget::start_with(&[machine.server_cpu()], &[])?;
    let flags = ["--users", "64", "--duration", "1s", "--workers", "1"].map(str::to_owned);
    let summary = run_to_end(server.address(), &flags, Duration::from_secs(1), folder)?;
    let per_s = |summary: &Summary| summary.sent as f64 / summary.duration_s.max(0.1);
    let asked = format!("{:.0}", per_s(&summary).max(100.0));
    let flags = [
        "--rate",
        &asked,
        "--max-users",
        "256",
        "--duration",
        "1s",
        "--workers",
        "1",
        "--allow-invalid",
    ]
    .map(str::to_owned);
    let open = run_to_end(server.address(), &flags, Duration::from_secs(1), folder)?;
    Ok(per_s(&open).min(per_s(&summary)).max(100.0))
}

/// Makes the run of a case.
pub(super) fn run(case: &Case, machine: &Machine, folder: &Folder) -> Result<Measured, ChildError> {
    let arrivals = folder.file("arrivals.bin");
    let before = Crowd::now();
    let mut server_flags = case.server_flags();
    server_flags.extend(["--arrivals".to_owned(), arrivals.display().to_string()]);
    let server = EchoTarget::start_with(&[machine.server_cpu()], &server_flags)?;
    let busy = (case.question == Question::Starved)
        .then(|| BusyLoops::start(machine.worker_cpu(), BUSY_LOOPS));
    let summary = run_to_end(
        server.address(),
        &case.run_flags(machine),
        case.duration,
        folder,
    );
    drop(busy);
    let summary = summary?;
    let counts = counts(server.address()).map_err(ChildError::Counts)?;
    let (served, latest_ns) = serde_json::from_str::<serde_json::Value>(&counts)
        .ok()
        .and_then(|counts| Some((counts["requests"].as_u64()?, counts["latest_ns"].as_u64()?)))
        .ok_or_else(|| ChildError::Counts(io::Error::other(counts)))?;
    // Ended, it is among those whose CPU time is known.
    drop(server);
    Ok(Measured {
        summary,
        served,
        server_late_ms: latest_ns as f64 / 1e6,
        // Beside the workers: server and supervisor, of which the one sleeps most of the time.
        crowd_cpus: before.map_or(0.0, |before| before.since(case.workers + 1)),
        arrivals_ns: read_arrivals(&arrivals).map_err(ChildError::Counts)?,
    })
}

/// Starts a run and waits for its summary.
fn run_to_end(
    target: SocketAddr,
    flags: &[String],
    duration: Duration,
    folder: &Folder,
) -> Result<Summary, ChildError> {
    let mut words = vec!["run".to_owned(), format!("http://{target}/")];
    words.extend_from_slice(flags);
    words.extend(
        [
            "--format",
            "json",
            "--output",
            "-",
            "--quiet",
            "--no-preflight",
            "--url-alone",
        ]
        .map(str::to_owned),
    );
    let line = words.join(" ");
    let failed = |what: String| ChildError::Run(what, line.clone());
    let (out, said) = (folder.file("summary.json"), folder.file("said.txt"));
    let start = || -> io::Result<Child> {
        Command::new("/proc/self/exe")
            .args(&words)
            .stdin(Stdio::null())
            .stdout(File::create(&out)?)
            .stderr(File::create(&said)?)
            .spawn()
    };
    let mut child = start().map_err(|error| failed(error.to_string()))?;
    let status = wait(&mut child, duration + PATIENCE, folder);
    // Ctrl-C reaches the run too, which then ends well and early.
    folder.check()?;
    let status = status.map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        let said = fs::read_to_string(&said).unwrap_or_default();
        let first = said.lines().next().unwrap_or("it said nothing").to_owned();
        return Err(failed(format!("{status}: {first}")));
    }
    let text = fs::read_to_string(&out).map_err(|error| failed(error.to_string()))?;
    Summary::read(&text).map_err(ChildError::Summary)
}

/// Waits for the child's end; kills it when patience ends, or when a signal comes: its workers die with it.
fn wait(child: &mut Child, limit: Duration, folder: &Folder) -> io::Result<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if begun.elapsed() > limit || folder.check().is_err() {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other(format!("it did not end within {limit:?}")));
        }
        thread::sleep(LOOK);
    }
}

/// What the server has counted; asking makes it write its arrivals out.
fn counts(server: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&server, Duration::from_secs(10))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"GET /.loadforge/counts HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| io::Error::other("its answer has no body"))?;
    Ok(body.to_owned())
}

/// The arrivals that the server saw, in ns, in order.
fn read_arrivals(path: &Path) -> io::Result<Vec<u64>> {
    let bytes = fs::read(path)?;
    let (stamps, _) = bytes.as_chunks::<8>();
    let mut arrivals: Vec<u64> = stamps
        .iter()
        .map(|stamp| u64::from_le_bytes(*stamp))
        .collect();
    arrivals.sort_unstable();
    Ok(arrivals)
}

/// Threads that take a CPU away from whoever else is on it, until they are dropped.
pub(super) struct BusyLoops {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl BusyLoops {
    pub(super) fn start(cpu: u32, count: usize) -> BusyLoops {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..count)
            .map(|_| {
                let stop = Arc::clone(&stop);
                thread::spawn(move || {
                    pin(cpu);
                    // Relaxed: nothing else is read for it.
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                })
            })
            .collect();
        BusyLoops { stop, threads }
    }
}

impl Drop for BusyLoops {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It does nothing that could panic.
            let _ = thread.join();
        }
    }
}

/// Keeps the calling thread on one CPU; where that is refused it stays where it is.
pub(super) fn pin(cpu: u32) {
    let mut set = CpuSet::new();
    if set.set(cpu as usize).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &set);
    }
}
