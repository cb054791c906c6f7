//! Carries a schedule out: server, disk, run, faults at their times, and what could be seen of it all. Neighbours: `schedule.rs` is what
//! is carried out, `scenario.rs` writes it down for the run, `oracle.rs` judges what was seen. Invariant: whatever happens, every
//! process started here has ended when it returns, and every stopped one was set going before.

use super::{
    leftovers::{self, MARK},
    scenario,
    schedule::{Fault, Schedule},
    server::{Counts, Server},
    small_disk::SmallDisk,
};
use crate::programs::children;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long a run may take to send its first request, to end, or the server to see that its clients have gone. Never how long
/// something should take.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// Between two looks whether time has passed.
const STILLNESS_EVERY: Duration = Duration::from_millis(10);

/// A fault that was brought about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Happened {
    pub(crate) fault: Fault,
    /// When it was over and done, in ms from the first request, or from the start for early ones.
    pub(crate) at_ms: u64,
    /// There was somebody to suffer it: the process of this number, where it was one.
    pub(crate) pid: Option<u32>,
}

/// How a program ended, and what it said.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) said: String,
}

/// All that could be seen of a run.
#[derive(Debug)]
pub(crate) struct Observed {
    /// `None` when it did not end by itself.
    pub(crate) ended: Option<Ended>,
    /// How long it took, in ms.
    pub(crate) took_ms: u64,
    /// The longest that this process did not get the CPU meanwhile, in ms: then the run did not, either.
    pub(crate) stood_still_ms: u64,
    pub(crate) happened: Vec<Happened>,
    pub(crate) server: Counts,
    /// Clients that the server still had long after the end.
    pub(crate) is_settled: bool,
    /// Where its results lie now.
    pub(crate) results: Option<PathBuf>,
    /// Its own `summary.json`.
    pub(crate) summary: Option<Value>,
    /// What `loadforge report` made of a run without one: how it ended, and the summary.
    pub(crate) reported: Option<(Ended, Option<Value>)>,
    /// The lines of `snapshots.jsonl`; the error of one that cannot be read.
    pub(crate) seconds: Vec<Result<Value, String>>,
    /// Whether the last of them ends as a line does.
    pub(crate) is_last_line_whole: bool,
    pub(crate) left: Vec<String>,
}

/// Where a run takes place.
pub(crate) struct Place<'a> {
    pub(crate) loadforge: &'a Path,
    /// An empty folder of its own, by an absolute path.
    pub(crate) folder: &'a Path,
    /// A number that no other run of this moment has.
    pub(crate) own: u16,
}

/// Plays the schedule.
///
/// # Errors
/// When it cannot be played here.
pub(crate) fn play(schedule: &Schedule, place: &Place<'_>) -> Result<Observed, String> {
    let failed = |what: &str, error: std::io::Error| format!("{what}: {error}");
    let server = Server::start(schedule.conduct, place.own)
        .map_err(|error| failed("the server could not be started", error))?;
    let disk_place = place.folder.join("disk");
    fs::create_dir(&disk_place).map_err(|error| failed("no folder for the results", error))?;
    let disk = match schedule.fills_disk() {
        // Without one the fault is left out, which `happened` tells.
        true => SmallDisk::mount(&disk_place).ok(),
        false => None,
    };
    let mark = format!("{}-{}", std::process::id(), place.own);
    let file = place.folder.join("chaos.toml");
    fs::write(&file, scenario::text(schedule, server.address))
        .map_err(|error| failed("no file for the scenario", error))?;
    let said = place.folder.join("said");
    let mut command = hearing_signals(match &disk {
        Some(disk) => disk.command(place.loadforge),
        None => Command::new(place.loadforge),
    });
    let words = File::create(&said).map_err(|error| failed("no file for its words", error))?;
    command
        .arg("run")
        .arg(&file)
        .args(scenario::flags(schedule))
        .arg("--output")
        .arg(&disk_place)
        .env(MARK, &mark)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(words);
    let child = command
        .spawn()
        .map_err(|error| failed("the run could not be started", error))?;
    let stillness = Stillness::watch();
    let mut stage = Stage {
        run: child,
        status: None,
        server,
        disk,
        begun: Instant::now(),
        stopped: Vec::new(),
        happened: Vec::new(),
    };
    stage.carry_out(schedule)?;
    let ended = stage.end().map(|status| Ended {
        status,
        said: fs::read_to_string(&said).unwrap_or_default(),
    });
    let took_ms = stage.begun.elapsed().as_millis() as u64;
    let is_settled = stage.server.settle(PATIENCE);
    let pid = stage.run.id();
    let seen = stage.disk.as_ref().map_or(disk_place, SmallDisk::seen);
    let results = keep(&seen, place.folder)?;
    let left = leftovers::left(&mark, pid, None);
    let observed = Observed {
        ended,
        took_ms,
        stood_still_ms: stillness.end(),
        happened: std::mem::take(&mut stage.happened),
        server: stage.server.counts(),
        is_settled,
        results,
        summary: None,
        reported: None,
        seconds: Vec::new(),
        is_last_line_whole: true,
        left,
    };
    Ok(read_results(observed, place))
}

/// Reads what the run left, with the help of `loadforge report` where it could not write its own summary.
fn read_results(mut observed: Observed, place: &Place<'_>) -> Observed {
    let Some(results) = observed.results.clone() else {
        return observed;
    };
    let lines = fs::read_to_string(results.join("snapshots.jsonl")).unwrap_or_default();
    observed.is_last_line_whole = lines.is_empty() || lines.ends_with('\n');
    let read = |line: &str| serde_json::from_str(line).map_err(|error| error.to_string());
    observed.seconds = lines.lines().map(read).collect();
    observed.summary = json(&results.join("summary.json"));
    if observed.summary.is_none() {
        let output = Command::new(place.loadforge)
            .arg("report")
            .arg(&results)
            .env("NO_COLOR", "1")
            .output();
        if let Ok(output) = output {
            let ended = Ended {
                status: output.status,
                said: String::from_utf8_lossy(&output.stderr).into_owned(),
            };
            observed.reported = Some((ended, json(&results.join("summary.json"))));
        }
    }
    // Only now: what a killed run was writing, its report writes anew.
    observed.left.extend(leftovers::unfinished(&results));
    observed
}

/// The same command, begun as from a person's shell. In the background of a script, or under nohup, this process ignores some of the
/// signals that a run is to hear, and what is ignored is inherited.
fn hearing_signals(command: Command) -> Command {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let wanted = [
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGTERM,
    ];
    let is_ignored = |signal: &Signal| ignored.unwrap_or(0) & (1 << (*signal as i32 - 1)) != 0;
    if !wanted.iter().any(is_ignored) {
        return command;
    }
    let mut usual = Command::new("env");
    usual.arg("--default-signal=INT,HUP,QUIT,TERM");
    usual.arg(command.get_program()).args(command.get_args());
    usual
}

/// Finds out how long this process stands still. A virtual machine that is held up for seconds looks to a run like a server that
/// does not answer, and to this test like a run that does not end.
struct Stillness {
    is_over: Arc<AtomicBool>,
    watcher: JoinHandle<u64>,
}

impl Stillness {
    fn watch() -> Stillness {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let watcher = thread::spawn(move || {
            let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
            while !over.load(Ordering::Relaxed) {
                thread::sleep(STILLNESS_EVERY);
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            longest.as_millis() as u64
        });
        Stillness { is_over, watcher }
    }

    fn end(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        // It has no reason to panic; what it did not see has not been seen.
        self.watcher.join().unwrap_or(0)
    }
}

/// The run, its surroundings, and what became of them so far.
struct Stage {
    run: Child,
    status: Option<ExitStatus>,
    server: Server,
    disk: Option<SmallDisk>,
    begun: Instant,
    /// Processes to be set going again.
    stopped: Vec<u32>,
    happened: Vec<Happened>,
}

/// One thing to do at a time of its own.
#[derive(Clone, Copy)]
enum Step {
    Do(Fault),
    /// The end of a fault that lasts.
    Undo(Fault),
}

fn steps(schedule: &Schedule) -> Vec<(u64, Step)> {
    let mut steps = Vec::new();
    for (at_ms, fault) in &schedule.faults {
        steps.push((*at_ms, Step::Do(*fault)));
        let lasts = match fault {
            Fault::StopWorker { for_ms, .. }
            | Fault::StopSupervisor { for_ms }
            | Fault::Freeze { for_ms }
            | Fault::ServerGone { for_ms } => Some(*for_ms),
            Fault::DiskFull { for_ms } => *for_ms,
            _ => None,
        };
        if let Some(for_ms) = lasts {
            steps.push((at_ms + for_ms, Step::Undo(*fault)));
        }
    }
    // Stable: what begins at the same time keeps its order.
    steps.sort_by_key(|(at_ms, _)| *at_ms);
    steps
}

impl Stage {
    /// Does what the schedule says, as long as the run lives.
    fn carry_out(&mut self, schedule: &Schedule) -> Result<(), String> {
        if !schedule.is_early {
            let started = Instant::now();
            while self.server.counts().whole == 0 && !self.has_ended() {
                if started.elapsed() > PATIENCE {
                    return Ok(());
                }
                thread::sleep(LOOK_EVERY);
            }
            self.begun = Instant::now();
        }
        for (at_ms, step) in steps(schedule) {
            while self.begun.elapsed() < Duration::from_millis(at_ms) {
                if self.has_ended() {
                    return Ok(());
                }
                thread::sleep(LOOK_EVERY);
            }
            match step {
                Step::Do(fault) => self.bring_about(fault)?,
                Step::Undo(fault) => self.undo(fault)?,
            }
        }
        Ok(())
    }

    fn bring_about(&mut self, fault: Fault) -> Result<(), String> {
        let supervisor = (!self.has_ended()).then_some(self.run.id());
        let mut pid = None;
        match fault {
            Fault::KillWorker(worker, signal) => {
                pid = self.worker(worker).filter(|pid| deal_death(*pid, signal));
            }
            Fault::StopWorker { worker, .. } => {
                pid = self
                    .worker(worker)
                    .filter(|pid| send(*pid, Signal::SIGSTOP));
                self.stopped.extend(pid);
            }
            Fault::StopSupervisor { .. } => {
                pid = supervisor.filter(|pid| send(*pid, Signal::SIGSTOP));
                self.stopped.extend(pid);
            }
            Fault::KillSupervisor => pid = supervisor.filter(|pid| send(*pid, Signal::SIGKILL)),
            Fault::Signal(signal) => pid = supervisor.filter(|pid| send(*pid, signal)),
            Fault::NoDescriptors { worker } => {
                let whom = worker.map_or(supervisor, |worker| self.worker(worker));
                pid = whom.filter(|pid| take_descriptors(*pid));
            }
            Fault::Reset => self.server.reset_all(),
            Fault::HalfClose => self.server.close_halves(),
            Fault::Freeze { .. } => self.server.freeze(true),
            Fault::ServerGone { .. } => self.server.leave(),
            Fault::DiskFull { .. } => match &self.disk {
                Some(disk) => {
                    disk.fill()?;
                    pid = supervisor;
                }
                None => println!("disk full: skipped: a mount namespace cannot be had here"),
            },
        }
        self.happened.push(Happened {
            fault,
            at_ms: self.begun.elapsed().as_millis() as u64,
            pid,
        });
        Ok(())
    }

    fn undo(&mut self, fault: Fault) -> Result<(), String> {
        match fault {
            Fault::StopWorker { .. } | Fault::StopSupervisor { .. } => {
                let of_this = self
                    .happened
                    .iter()
                    .find(|happened| happened.fault == fault);
                if let Some(pid) = of_this.and_then(|happened| happened.pid) {
                    send(pid, Signal::SIGCONT);
                }
            }
            Fault::Freeze { .. } => self.server.freeze(false),
            Fault::ServerGone { .. } => self.server.come_back()?,
            _ => {
                if let Some(disk) = &self.disk {
                    disk.free();
                }
            }
        }
        Ok(())
    }

    /// The process of a living worker; where there are fewer, one of those.
    fn worker(&mut self, worker: usize) -> Option<u32> {
        if self.has_ended() {
            return None;
        }
        let living: Vec<u32> = children(self.run.id())
            .into_iter()
            .filter(|pid| is_living(*pid))
            .collect();
        (!living.is_empty()).then(|| living[worker % living.len()])
    }

    fn has_ended(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.run.try_wait().ok().flatten();
        }
        self.status.is_some()
    }

    /// Sets going what was stopped and waits for the end; ends the run when it does not end by itself.
    fn end(&mut self) -> Option<ExitStatus> {
        for pid in std::mem::take(&mut self.stopped) {
            send(pid, Signal::SIGCONT);
        }
        self.server.freeze(false);
        let waiting = Instant::now();
        while !self.has_ended() && waiting.elapsed() < PATIENCE {
            thread::sleep(LOOK_EVERY);
        }
        self.status
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // It has ended, save after a failure.
        let _ = self.run.kill();
        let _ = self.run.wait();
    }
}

/// Sends a signal to a process of the run; false when it has gone.
fn send(pid: u32, signal: Signal) -> bool {
    i32::try_from(pid).is_ok_and(|pid| kill(Pid::from_raw(pid), signal).is_ok())
}

/// Sends a signal that ends the process; false when it has gone.
fn deal_death(pid: u32, signal: Signal) -> bool {
    if signal != Signal::SIGSEGV || state_of(pid) == Some('T') {
        // One that is stopped dies when it goes on; of several equal signals it would hear one.
        let signal = if signal == Signal::SIGSEGV {
            Signal::SIGABRT
        } else {
            signal
        };
        return send(pid, signal);
    }
    // The first one finds Rust's own handler, which looks for an overflown stack and steps aside.
    let begun = Instant::now();
    let was_there = send(pid, signal);
    while is_living(pid) && begun.elapsed() < PATIENCE {
        thread::sleep(LOOK_EVERY);
        send(pid, signal);
    }
    was_there
}

/// Takes away every descriptor that the process does not have yet.
fn take_descriptors(pid: u32) -> bool {
    let mut command = Command::new("prlimit");
    command.args(["--nofile=3:", "--pid", &pid.to_string()]);
    command
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether a process is there, and no mere entry that waits to be collected.
fn is_living(pid: u32) -> bool {
    state_of(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// The letter for what a process does, behind its name, which may hold anything; `None` when there is none.
fn state_of(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Moves the one directory of results from where the run saw it to where it stays.
fn keep(seen: &Path, folder: &Path) -> Result<Option<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("the results could not be kept: {error}");
    let mut kept = None;
    for entry in fs::read_dir(seen).map_err(failed)? {
        let from = entry.map_err(failed)?.path();
        if !from.is_dir() {
            continue;
        }
        if kept.is_some() {
            return Err("one run made two directories".to_owned());
        }
        let to = folder.join("results");
        fs::create_dir(&to).map_err(failed)?;
        for file in fs::read_dir(&from).map_err(failed)? {
            let file = file.map_err(failed)?;
            fs::copy(file.path(), to.join(file.file_name())).map_err(failed)?;
        }
        kept = Some(to);
    }
    Ok(kept)
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_that_lasts_ends_at_its_time() {
        let schedule = Schedule {
            faults: vec![
                (50, Fault::Freeze { for_ms: 30 }),
                (60, Fault::Reset),
                (70, Fault::StopSupervisor { for_ms: 5 }),
            ],
            ..Schedule::of(0, 1_000, 2)
        };
        let told: Vec<String> = steps(&schedule)
            .iter()
            .map(|(at_ms, step)| match step {
                Step::Do(fault) => format!("{at_ms} {fault}"),
                Step::Undo(fault) => format!("{at_ms} end of {fault}"),
            })
            .collect();
        let expected = [
            "50 server frozen for 30 ms",
            "60 server resets all",
            "70 supervisor stopped for 5 ms",
            "75 end of supervisor stopped for 5 ms",
            "80 end of server frozen for 30 ms",
        ];
        assert_eq!(told, expected);
    }
}
