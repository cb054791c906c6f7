//! The built-in echo server as a run's target: this same program, started as a child before the fork.
//! Neighbours: `commands/echo.rs` is what runs in the child, `commands/run.rs` starts it for `target = "echo"`.
//! Invariant: the child never outlives this process: it is stopped on drop, and ends by itself when its parent is killed.

use crate::cpus;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// How long the child may take to end after SIGTERM before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(1);

/// A built-in target that is listening.
#[derive(Debug)]
pub struct EchoTarget {
    child: Child,
    address: SocketAddr,
}

/// Why there is no built-in target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// This program could not be started a second time.
    #[error(
        "error: the built-in target could not be started: {0}\n = help: /proc must be mounted and this program's file still be in its place; or start `loadforge echo` yourself and name it as base_url"
    )]
    Start(io::Error),
    /// It ended before it was listening; its own words stand on the screen already, if it had any.
    #[error(
        "error: the built-in target {0} before it was listening\n = help: mend what it says above, if anything; or start `loadforge echo` yourself and name it as base_url"
    )]
    Ended(String),
    /// It said something else than its address.
    #[error(
        "error: the built-in target did not come up: {0}\n = help: start `loadforge echo` yourself and name it as base_url"
    )]
    NotReady(String),
}

impl EchoTarget {
    /// Starts one on a free port, on these CPUs, and waits until it listens.
    ///
    /// # Errors
    /// When it cannot be started or ends at once.
    pub fn start(on: &[u32]) -> Result<EchoTarget, TargetError> {
        EchoTarget::start_with(on, &[])
    }

    /// The same with further flags of `loadforge echo`.
    ///
    /// # Errors
    /// As `start`.
    pub fn start_with(on: &[u32], flags: &[String]) -> Result<EchoTarget, TargetError> {
        let mut command = Command::new("/proc/self/exe");
        command
            .args([
                "echo",
                "--port",
                "0",
                "--end-with",
                &std::process::id().to_string(),
            ])
            .args(["--threads", &on.len().max(1).to_string()])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // A group of its own: Ctrl-C in the terminal is for the run, which still drains its requests to this target.
            .process_group(0);
        if !on.is_empty() {
            command.args(["--cpus", &cpus::list(on)]);
        }
        let mut child = command.spawn().map_err(TargetError::Start)?;
        match ready_line(&mut child) {
            Ok(Some(address)) => Ok(EchoTarget { child, address }),
            // It has closed its output, so it is on its way out; a child that stays is ended.
            Ok(None) => Err(TargetError::Ended(
                stop(&mut child).map_or("ended".to_owned(), end_words),
            )),
            Err(why) => {
                stop(&mut child);
                Err(TargetError::NotReady(why))
            }
        }
    }

    /// How it ended, in words, if it has ended by itself: then the run had no server.
    pub fn ended(&mut self) -> Option<String> {
        // What cannot be asked has not been seen to end.
        self.child.try_wait().ok().flatten().map(end_words)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for EchoTarget {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// An end in words that follow the name of what ended.
fn end_words(status: ExitStatus) -> String {
    let signal = status.signal().and_then(|number| {
        // Real-time signals have numbers and no names.
        Some(Signal::try_from(number).ok()?.as_str())
    });
    match (signal, status.code()) {
        (Some(name), _) => format!("was killed by {name}"),
        (None, Some(code)) => format!("ended with exit code {code}"),
        (None, None) => format!("ended ({status})"),
    }
}

/// Waits for the line that names the address; a child that ends instead closes the pipe, so this ends too, with `None`.
fn ready_line(child: &mut Child) -> Result<Option<SocketAddr>, String> {
    let stdout = child.stdout.take().ok_or("its output could not be read")?;
    let mut line = String::new();
    BufReader::new(stdout)
        .read_line(&mut line)
        .map_err(|error| error.to_string())?;
    let address = line
        .trim()
        .strip_prefix("http://")
        .and_then(|rest| rest.trim_end_matches('/').parse().ok());
    match (address, line.trim()) {
        (Some(address), _) => Ok(Some(address)),
        (None, "") => Ok(None),
        (None, other) => Err(format!("it said {other:?} instead of its address")),
    }
}

/// Asks by SIGTERM, then kills; by the child's own id, which stays ours until it is waited for. Gives how it ended.
fn stop(child: &mut Child) -> Option<ExitStatus> {
    let pid = Pid::from_raw(child.id() as i32);
    // The child may have ended already; waiting then succeeds at once.
    let _ = kill(pid, Signal::SIGTERM);
    let begun = Instant::now();
    while begun.elapsed() < STOP_LIMIT {
        match child.try_wait() {
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            Ok(Some(status)) => return Some(status),
            Err(_) => return None,
        }
    }
    let _ = child.kill();
    child.wait().ok()
}
