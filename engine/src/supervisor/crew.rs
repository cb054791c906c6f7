//! The workers as the supervisor holds them: forked processes, or threads where there is no shared memory.
//! Neighbours: `mod.rs` reacts to what is seen here. The only file that forks.
//! Invariant: a forked worker never returns into, unwinds through or exits over the supervisor's code.

use super::signals::{END_SIGNALS, end_signals};
use crate::worker::{Assignment, work};
use nix::{
    sys::{
        eventfd::EventFd,
        prctl,
        signal::{SigHandler, SigmaskHow, Signal, kill, signal, sigprocmask},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, dup2_stderr, fork, getpid, getppid, pipe2},
};
use std::{
    fs,
    io::{self, Read, Write},
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
};

/// Pieces of 4 KB that are read of a worker's error stream at a time.
const READS_A_LOOK: u32 = 16;
/// Lines of a worker's error stream that are passed on; the rest is read and dropped, which is told once.
const MOST_LINES: u32 = 50;
/// Longest line that is passed on, in bytes; of a longer one the beginning.
const MOST_LINE_BYTES: usize = 1024;

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// In good order.
    Well,
    /// In some other way, in words.
    Badly(String),
}

/// One worker.
pub struct Member {
    /// What it runs on.
    pub cpu: u32,
    /// Set once it has ended.
    pub ended: Option<Ended>,
    /// Processes that the kernel had killed for want of memory when this one began.
    oom_kills: u64,
    body: Body,
    bell: Arc<EventFd>,
}

enum Body {
    Process {
        pid: Pid,
        pidfd: OwnedFd,
        errors: OwnedFd,
        lines: Lines,
    },
    Thread(Option<JoinHandle<Result<(), String>>>),
}

impl Member {
    /// Forks a worker process.
    ///
    /// # Errors
    /// When there is no process or descriptor left.
    ///
    /// # Panics
    /// When another thread runs in this process: it would be missing in the child, perhaps with a lock held.
    pub fn fork(assignment: Assignment, bell: Arc<EventFd>) -> io::Result<Member> {
        let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        assert_eq!(threads, 1, "workers are forked before any thread exists");
        let cpu = assignment.cpu;
        let (errors, errors_end) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
        io::stdout().flush()?;
        io::stderr().flush()?;
        let supervisor = getpid();
        // SAFETY: this process has one thread (asserted above), so the child may use everything, allocator included.
        match unsafe { fork() }? {
            ForkResult::Child => become_worker(assignment, &bell, &errors_end, supervisor),
            ForkResult::Parent { child } => {
                let pidfd = open_pidfd(child)?;
                set_nonblocking(&errors)?;
                let body = Body::Process {
                    pid: child,
                    pidfd,
                    errors,
                    lines: Lines::default(),
                };
                Ok(Member {
                    cpu,
                    ended: None,
                    oom_kills: oom_kills(),
                    body,
                    bell,
                })
            }
        }
    }

    /// Starts a worker thread.
    ///
    /// # Errors
    /// When there is no thread left.
    pub fn spawn(assignment: Assignment, bell: Arc<EventFd>) -> io::Result<Member> {
        let cpu = assignment.cpu;
        let its_bell = Arc::clone(&bell);
        let thread = thread::Builder::new()
            .name(format!("worker-{}", assignment.worker))
            .spawn(move || work(assignment, its_bell.as_fd()))?;
        Ok(Member {
            cpu,
            ended: None,
            oom_kills: 0,
            body: Body::Thread(Some(thread)),
            bell,
        })
    }

    /// The process the worker runs in.
    pub fn pid(&self) -> i32 {
        match &self.body {
            Body::Process { pid, .. } => pid.as_raw(),
            Body::Thread(_) => getpid().as_raw(),
        }
    }

    /// Descriptors that become readable when the worker ends or writes to its error stream.
    pub fn watched(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let (first, second) = match &self.body {
            Body::Process { pidfd, errors, .. } if self.ended.is_none() => {
                (Some(pidfd.as_fd()), Some(errors.as_fd()))
            }
            _ => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// Tells the worker that the control page has changed.
    pub fn ring(&self) {
        // Full means that it has been rung 2^64 times and not looked: it will see this one too.
        let _ = self.bell.write(1);
    }

    /// Looks whether the worker has ended, without waiting; `true` when it has just been found so.
    pub fn look(&mut self) -> bool {
        if self.ended.is_some() {
            return false;
        }
        self.ended = match &mut self.body {
            Body::Process { pid, .. } => match waitpid(*pid, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => None,
                Ok(WaitStatus::Exited(_, 0)) => Some(Ended::Well),
                Ok(WaitStatus::Exited(_, code)) => {
                    Some(Ended::Badly(format!("ended with exit code {code}")))
                }
                Ok(WaitStatus::Signaled(_, signal, _)) => {
                    let by_kernel = signal == Signal::SIGKILL && oom_kills() > self.oom_kills;
                    let why = match by_kernel {
                        true => {
                            ", as the kernel does when memory runs out (it has done so since the run began)"
                        }
                        false => "",
                    };
                    Some(Ended::Badly(format!(
                        "was killed by {}{why}",
                        signal.as_str()
                    )))
                }
                Ok(_) => None,
                Err(error) => Some(Ended::Badly(format!("could not be waited for: {error}"))),
            },
            Body::Thread(handle) if handle.as_ref().is_some_and(JoinHandle::is_finished) => {
                Some(match handle.take().map(JoinHandle::join) {
                    Some(Ok(Ok(()))) | None => Ended::Well,
                    Some(Ok(Err(words))) => Ended::Badly(words),
                    Some(Err(_)) => Ended::Badly("panicked".to_owned()),
                })
            }
            Body::Thread(_) => None,
        };
        self.ended.is_some()
    }

    /// Whole lines that the worker wrote to its error stream since the last call.
    pub fn error_lines(&mut self) -> Vec<String> {
        let Body::Process { errors, lines, .. } = &mut self.body else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut buffer = [0; 4096];
        // SAFETY: the descriptor is open as long as `errors`; ManuallyDrop keeps this view from closing it.
        let mut stream =
            std::mem::ManuallyDrop::new(unsafe { fs::File::from_raw_fd(errors.as_raw_fd()) });
        // A worker that writes without end shall not hold the dispatcher: the rest has its turn at the next look.
        for _ in 0..READS_A_LOOK {
            let Ok(count @ 1..) = stream.read(&mut buffer) else {
                break;
            };
            lines.take(&buffer[..count], &mut found);
        }
        found
    }

    /// A process that ended well before it was done did not: a scenario may call `exit`.
    pub fn doubt(&mut self, is_done: bool) {
        if self.is_process() && self.ended == Some(Ended::Well) && !is_done {
            self.ended = Some(Ended::Badly(
                "ended before its time (exit code 0)".to_owned(),
            ));
        }
    }

    /// Counts a thread that does not leave as gone; it goes with the process. Gives whether there was one.
    pub fn abandon(&mut self) -> bool {
        let stays = !self.is_process() && self.ended.is_none();
        if stays {
            self.ended = Some(Ended::Badly("did not leave in time".to_owned()));
        }
        stays
    }

    /// Ends the worker at once. A thread cannot be ended from outside; it goes with the process.
    pub fn kill(&self) {
        if let (Body::Process { pid, .. }, None) = (&self.body, &self.ended) {
            let _ = kill(*pid, Signal::SIGKILL);
        }
    }

    /// Whether it can be ended from outside.
    pub fn is_process(&self) -> bool {
        matches!(self.body, Body::Process { .. })
    }
}

/// Processes of this machine that the kernel has killed for want of memory, its own or a control group's; 0 where it does not tell.
fn oom_kills() -> u64 {
    let counts = procfs::vmstat().unwrap_or_default();
    counts
        .get("oom_kill")
        .map_or(0, |count| (*count).max(0) as u64)
}

/// What a worker wrote to its error stream, cut into lines.
#[derive(Default)]
struct Lines {
    partial: Vec<u8>,
    count: u32,
}

impl Lines {
    /// Adds the lines that end in these bytes.
    fn take(&mut self, bytes: &[u8], found: &mut Vec<String>) {
        for byte in bytes {
            match byte {
                b'\n' => {
                    self.count = self.count.saturating_add(1);
                    if self.count <= MOST_LINES {
                        found.push(String::from_utf8_lossy(&self.partial).into_owned());
                    } else if self.count == MOST_LINES + 1 {
                        found.push(format!(
                            "(it says more than {MOST_LINES} lines; the rest is left out)"
                        ));
                    }
                    self.partial.clear();
                }
                byte if self.partial.len() < MOST_LINE_BYTES => self.partial.push(*byte),
                _ => {}
            }
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let (Body::Process { pid, .. }, None) = (&self.body, &self.ended) {
            let _ = kill(*pid, Signal::SIGKILL);
            let _ = waitpid(*pid, None);
        }
    }
}

/// The child's side of a fork: works and leaves, whatever happens.
fn become_worker(assignment: Assignment, bell: &EventFd, errors: &OwnedFd, supervisor: Pid) -> ! {
    for signal_number in END_SIGNALS {
        // SAFETY: ignoring a signal installs no handler code.
        let _ = unsafe { signal(signal_number, SigHandler::SigIgn) };
    }
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    // The supervisor may have died before the line above.
    if getppid() != supervisor {
        leave(1);
    }
    let _ = dup2_stderr(errors);
    let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&end_signals()), None);
    let worker = assignment.worker;
    let code = match catch_unwind(AssertUnwindSafe(|| work(assignment, bell.as_fd()))) {
        Ok(Ok(())) => 0,
        Ok(Err(words)) => {
            eprintln!("{words}");
            1
        }
        Err(_) => {
            eprintln!("worker {worker} panicked: {}", crate::worker::last_panic());
            101
        }
    };
    leave(code)
}

/// Leaves without running anything of the supervisor's: destructors, exit handlers, buffered text.
fn leave(code: i32) -> ! {
    // SAFETY: `_exit` ends the process at once and touches no memory of ours.
    unsafe { libc::_exit(code) }
}

fn open_pidfd(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: the call takes plain numbers and returns a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us this descriptor; nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn set_nonblocking(fd: &OwnedFd) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_lines_is_cut_off_aloud() {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        let long = "x".repeat(2 * MOST_LINE_BYTES);
        lines.take(b"half", &mut found);
        assert!(found.is_empty());
        lines.take(format!(" a line\n{long}\n").as_bytes(), &mut found);
        assert_eq!(found[0], "half a line");
        assert_eq!(found[1].len(), MOST_LINE_BYTES);
        lines.take("more\n".repeat(1_000).as_bytes(), &mut found);
        assert_eq!(found.len() as u32, MOST_LINES + 1);
        let last = found.last().unwrap();
        assert!(last.contains("the rest is left out"), "{last}");
    }
}
