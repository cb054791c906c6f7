//! A run with one worker, sampled by `perf` while it is at full speed.
//! Neighbours: `profile.rs` folds what is recorded. Invariant: the run ends with its `Run`, whatever happened.

use super::Options;
use crate::{
    programs::{Cpus, children, cpu_time, find, pinned},
    servers::Server,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, geteuid},
};
use std::{
    fs::{self, File},
    io::{Read, Seek},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a worker may take to come up.
const PATIENCE: Duration = Duration::from_secs(10);
/// From the start of the worker until connections stand and buffers are warm.
const WARM_UP: Duration = Duration::from_secs(1);
/// Samples a second; not a round number, so that it does not beat with anything that happens 1,000 times a second.
const SAMPLES_PER_S: &str = "1997";

/// What was recorded, samples aside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recording {
    /// As the server counted them.
    pub(super) requests: u64,
    /// User + system time of the worker.
    pub(super) cpu: Duration,
}

impl Recording {
    /// Starts a run, records its worker into `samples` and ends it.
    pub(super) fn take(
        perf: &Path,
        loadforge: &Path,
        server: &Server,
        options: &Options,
        cpus: Cpus,
        samples: &Path,
    ) -> Result<Recording, String> {
        let mut run = Run::start(loadforge, server, options, cpus)?;
        let worker = run.worker()?;
        thread::sleep(WARM_UP);
        let (requests_before, cpu_before) = (server.count()?, cpu_time(worker));
        // perf stands on the server's CPU: on the worker's it would be in the way of what it looks at.
        let output = pinned(cpus.server, perf)
            .args(["record", "--quiet", "--no-buildid", "--no-buildid-cache"])
            .args(["--event", "cpu-clock"])
            .args(["--call-graph", "fp", "--freq", SAMPLES_PER_S])
            .args(["--pid", &worker.to_string(), "--output"])
            .arg(samples)
            .args(["--", "sleep", &options.seconds.to_string()])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("perf could not be started: {error}"))?;
        let cpu = cpu_time(worker).saturating_sub(cpu_before);
        let requests = server.requests_since(requests_before)?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            return Err(format!("perf record: {}: {words}", output.status));
        }
        run.end()?;
        if requests == 0 || cpu.is_zero() {
            return Err("the worker sent nothing while it was looked at".to_owned());
        }
        Ok(Recording { requests, cpu })
    }

    /// CPU time of the worker for each request.
    pub(super) fn us_per_request(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.requests as f64
    }
}

/// `perf`, if it is there and may look into the kernel.
pub(super) fn perf() -> Result<PathBuf, String> {
    let remedy = "`apt-get install linux-perf` on Debian, `linux-tools-generic` on Ubuntu";
    let perf = find("perf").ok_or_else(|| format!("perf is not installed: {remedy}"))?;
    // Ubuntu's is a script that looks for the one of this very kernel.
    let probe = Command::new(&perf)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !probe.is_ok_and(|status| status.success()) {
        return Err(format!(
            "{} does not run with this kernel: {remedy}",
            perf.display()
        ));
    }
    if !geteuid().is_root() {
        for (file, most) in [("perf_event_paranoid", 1), ("kptr_restrict", 0)] {
            let text = fs::read_to_string(format!("/proc/sys/kernel/{file}")).unwrap_or_default();
            let is = text.trim().parse().unwrap_or(0);
            if is > most {
                return Err(format!(
                    "what the kernel does may not be seen: kernel.{file} is {is}; \
                     `sysctl kernel.{file}={most}`, or run this as root"
                ));
            }
        }
    }
    Ok(perf)
}

/// A run of LoadForge under way.
struct Run {
    process: Child,
    said: File,
    /// Its results go with it.
    _folder: tempfile::TempDir,
}

impl Run {
    fn start(
        loadforge: &Path,
        server: &Server,
        options: &Options,
        cpus: Cpus,
    ) -> Result<Run, String> {
        let failed = |error| format!("no folder for the run: {error}");
        let folder = tempfile::tempdir().map_err(failed)?;
        let said = folder.path().join("said");
        let mut command = Command::new(loadforge);
        // Much longer than it is looked at; it is ended by hand.
        let seconds = 3 * options.seconds + 60;
        command.args(["run", &server.url(), "--quiet", "--workers", "1"]);
        command.args(["--users", &options.connections.to_string()]);
        command.args(["--duration", &format!("{seconds}s")]);
        command
            .arg("--output")
            .arg(folder.path().join("results"))
            .current_dir(folder.path());
        if let Some(cpu) = cpus.generator {
            command.args(["--cpus", &cpu.to_string()]);
        }
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&said).map_err(failed)?)
            .spawn()
            .map_err(|error| format!("{} could not be started: {error}", loadforge.display()))?;
        Ok(Run {
            process,
            said: File::open(&said).map_err(failed)?,
            _folder: folder,
        })
    }

    /// The process id of its only worker.
    fn worker(&mut self) -> Result<u32, String> {
        let started = Instant::now();
        loop {
            if let [worker] = children(self.process.id())[..] {
                return Ok(worker);
            }
            let ended = self.process.try_wait().ok().flatten();
            if let Some(status) = ended {
                return Err(format!("the run ended ({status}): {}", self.said()));
            }
            if started.elapsed() > PATIENCE {
                return Err(format!(
                    "the run has no worker process of its own (without shared memory it is a thread): {}",
                    self.said()
                ));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to end, as Ctrl-C does, and waits until it has.
    fn end(mut self) -> Result<(), String> {
        if let Some(status) = self.process.try_wait().ok().flatten() {
            return Err(format!("the run ended early ({status}): {}", self.said()));
        }
        self.signal(Signal::SIGINT);
        match self.process.wait() {
            // Its verdict on the figures (exit code 4) is no concern here: its CPU was shared with perf.
            Ok(status) if matches!(status.code(), Some(0 | 4)) => Ok(()),
            Ok(status) => Err(format!("the run ended with {status}: {}", self.said())),
            Err(error) => Err(format!("the run: {error}")),
        }
    }

    fn signal(&self, signal: Signal) {
        // An error means that it has ended already.
        if let Ok(pid) = i32::try_from(self.process.id()) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Its words so far.
    fn said(&mut self) -> String {
        let mut words = String::new();
        let read = self
            .said
            .rewind()
            .and_then(|()| self.said.read_to_string(&mut words));
        match read {
            Ok(_) => words.trim().to_owned(),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Only where something failed is it still there; its worker dies with it.
        if self.process.try_wait().ok().flatten().is_none() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}
