//! Starts `loadforge` and looks at what it left. Invariant: no child outlives its test, and no wait is without end.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use std::{
    fs,
    io::{self, Read},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long anything may take before a test gives up. Never how long something should take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The program.
pub fn loadforge() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadforge"));
    command.stdin(Stdio::null()).env("NO_COLOR", "1");
    // Where these tests run within GitHub Actions, their runs are not the job's.
    command.env_remove("GITHUB_STEP_SUMMARY");
    hearing_signals(&mut command);
    command
}

/// Has a program begin as from a person's shell. In the background of a script, or under nohup, whoever runs the tests ignores
/// some of these signals, and what is ignored is inherited.
pub fn hearing_signals(command: &mut Command) {
    let usual = || {
        for signal in [libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGTERM] {
            // SAFETY: plain numbers, and `signal` may be called between fork and exec.
            if unsafe { libc::signal(signal, libc::SIG_DFL) } == libc::SIG_ERR {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: between fork and exec only `signal` is called, which is safe after a fork.
    unsafe { command.pre_exec(usual) };
}

/// What a program that has ended said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// The program in a process where io_uring is forbidden, as in a container with a usual seccomp profile.
pub fn without_io_uring() -> Command {
    let mut command = loadforge();
    // SAFETY: between fork and exec only `prctl` is called, which is safe after a fork.
    unsafe { command.pre_exec(forbid_io_uring) };
    command
}

/// Installs a seccomp filter that answers EPERM to `io_uring_setup` and allows everything else.
fn forbid_io_uring() -> io::Result<()> {
    const LOAD_NUMBER: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS, at offset 0: the system call's number
    const JUMP_IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut steps = [
        step(LOAD_NUMBER, 0, 0, 0),
        step(JUMP_IF_EQUAL, 0, 1, libc::SYS_io_uring_setup as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: steps.len() as u16,
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: `program` and the steps it points to live until both calls have returned; the kernel copies them.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const program,
            ) == 0
    };
    if done {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Runs `loadforge` with these words, in this directory, to its end.
pub fn run_in(dir: &Path, words: &[&str]) -> Ended {
    run_command_in(dir, loadforge(), words)
}

/// The same for a program started in some special way.
pub fn run_command_in(dir: &Path, command: Command, words: &[&str]) -> Ended {
    let output = assert_cmd::Command::from_std(command)
        .current_dir(dir)
        .args(words)
        .timeout(PATIENCE)
        .output()
        .expect("the program can be started");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// As `run_in`, and all went as asked.
pub fn run_well_in(dir: &Path, words: &[&str]) -> Ended {
    let ended = run_in(dir, words);
    assert_eq!(ended.code, Some(0), "{words:?}\n{}", ended.stderr);
    ended
}

/// A program under way; dropping it kills it.
pub struct Running {
    child: Child,
}

impl Running {
    /// Starts it with its output piped.
    pub fn start(command: &mut Command) -> Running {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Running {
            child: child.expect("the program can be started"),
        }
    }

    /// The same with its standard error stream in a file, where it can be read while it runs.
    pub fn start_saying_to(command: &mut Command, file: &Path) -> Running {
        let said = fs::File::create(file).expect("the directory is ours");
        let child = command.stdout(Stdio::null()).stderr(said).spawn();
        Running {
            child: child.expect("the program can be started"),
        }
    }

    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal)
            .expect("it is our child and has not been waited for");
    }

    /// Waits for the end; gives up, and kills it, when patience ends.
    pub fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            if begun.elapsed() > PATIENCE {
                self.child.kill().expect("it is our child");
                panic!("it did not end within {PATIENCE:?}: {}", self.said());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// All it wrote to its standard error stream; only once it has ended.
    pub fn said(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut text).expect("it writes UTF-8");
        }
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again until there is something to see.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{what} did not happen within {PATIENCE:?}"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// The only results directory in `dir/results`; there may be none yet.
pub fn results_dir(dir: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(dir.join("results"))
        .ok()?
        .filter_map(Result::ok);
    let first = entries.next()?.path();
    assert!(entries.next().is_none(), "one run makes one directory");
    Some(first)
}

/// A JSON file.
pub fn json(path: &Path) -> Value {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The summary of the only run in `dir/results`.
pub fn summary(dir: &Path) -> Value {
    json(
        &results_dir(dir)
            .expect("a run was made")
            .join("summary.json"),
    )
}

/// One of the counts in a summary's `requests`.
pub fn count(summary: &Value, name: &str) -> u64 {
    summary["requests"][name]
        .as_u64()
        .unwrap_or_else(|| panic!("no count {name} in {summary}"))
}

/// Both equations of conservation.
pub fn assert_balanced(summary: &Value) {
    let count = |name| count(summary, name);
    assert_eq!(
        count("intended"),
        count("sent") + count("not_sent"),
        "{summary}"
    );
    assert_eq!(
        count("sent"),
        count("ok") + count("failed") + count("unknown") + count("lost"),
        "{summary}"
    );
}

/// How many CPUs this process may use, as the program sees it too.
pub fn cpus() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// As many workers as the tests use: two where there are CPUs for them.
pub fn two_workers() -> &'static str {
    if cpus() > 1 { "2" } else { "1" }
}

/// The processes whose parent is `pid`, each with its command line.
pub fn children_of(pid: i32) -> Vec<(i32, String)> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")
        .expect("/proc is there")
        .filter_map(Result::ok)
    {
        let Some(child) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<i32>().ok())
        else {
            continue;
        };
        // A process may end between the two looks.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // The name in brackets may hold anything; the parent is the second word after it.
        let parent = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.split(' ').nth(1));
        if parent == Some(pid.to_string().as_str()) {
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            children.push((child, String::from_utf8_lossy(&words).replace('\0', " ")));
        }
    }
    children
}

/// The worker processes of a run: children with its own command line, not the built-in target's.
pub fn workers_of(pid: i32) -> Vec<i32> {
    let workers = children_of(pid)
        .into_iter()
        .filter(|(_, words)| words.contains(" run "));
    workers.map(|(pid, _)| pid).collect()
}

/// Whether a process is there and not a mere entry waiting to be collected.
pub fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('Z'))
    })
}

/// Names in /dev/shm that a run of this process id has left.
pub fn left_in_shm(pid: i32) -> Vec<String> {
    let begin = format!("loadforge-{pid}-");
    let names = fs::read_dir("/dev/shm")
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(&begin))
        .collect()
}
