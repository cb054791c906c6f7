//! Runs in processes of their own, which a test program starts by starting itself again: a run forks and takes over signals, while the
//! target and the test stay outside. Neighbours: `transports.rs` and `steering.rs`. Invariant: whatever happened to a run, nothing of
//! it is left behind.

use super::props::eventually;
use loadforge_analysis::{Event, EventKind};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Child, Command, ExitCode, Stdio},
};

/// A test: its name and what it does.
pub type Test = (&'static str, fn());

/// What a test program does that starts itself again for each of its runs: carries a run out if it was told to, or the tests.
pub fn run_tests(tests: &[Test], carry_out: fn(&[String]) -> ExitCode) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == "carry-out") {
        return carry_out(&arguments[1..]);
    }
    let wanted = arguments.iter().find(|word| !word.starts_with('-'));
    let chosen: Vec<&Test> = tests
        .iter()
        .filter(|(name, _)| wanted.is_none_or(|part| name.contains(part)))
        .collect();
    if arguments.iter().any(|word| word == "--list") {
        chosen.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let mut failed = Vec::new();
    for (name, test) in &chosen {
        let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        if !passed {
            failed.push(name);
        }
    }
    println!(
        "\ntest result: {}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out\n",
        if failed.is_empty() { "ok" } else { "FAILED" },
        chosen.len() - failed.len(),
        failed.len(),
        tests.len() - chosen.len(),
    );
    ExitCode::from(u8::from(!failed.is_empty()))
}

/// Prints an event, for the test that reads.
pub fn tell_event(event: &Event) {
    let kind = match event.kind {
        EventKind::Drain => "Drain",
        EventKind::WorkerLost => "WorkerLost",
        EventKind::WorkerStuck => "WorkerStuck",
        EventKind::WorkerOutput => "WorkerOutput",
        EventKind::Warning => "Warning",
        EventKind::Steered => "Steered",
    };
    println!("event {kind} {}", event.text);
    std::io::stdout().flush().expect("the test reads");
}

/// A run in a process of its own.
pub struct Running {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    /// Lines of its output so far.
    pub said: Vec<String>,
    /// Every worker seen.
    family: Vec<i32>,
}

impl Running {
    /// Starts it and waits until its workers exist; `None`, with the reason on the screen, where shared memory cannot
    /// be had.
    pub fn start(words: &[String]) -> Option<Running> {
        let mut child = Command::new("/proc/self/exe")
            .arg("carry-out")
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut run = Running {
            child,
            output,
            said: Vec::new(),
            family: Vec::new(),
        };
        let first = run.read_line().expect("it says how it begins");
        if let Some(why) = first.strip_prefix("skip ") {
            eprintln!("skipped: {why}");
            run.end();
            return None;
        }
        run.family = run.workers();
        Some(run)
    }

    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Its children: the workers, in the order of their numbers.
    pub fn workers(&self) -> Vec<i32> {
        let pid = self.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        children
            .split_whitespace()
            .map(|pid| pid.parse().expect("a number"))
            .collect()
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    fn read_line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        let line = line.strip_suffix('\n')?.to_owned();
        self.said.push(line.clone());
        Some(line)
    }

    /// Tells the run something, on its input.
    pub fn tell(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        writeln!(input, "{line}").expect("it reads");
    }

    /// Reads on until a line begins like this and is as wanted; gives its rest.
    pub fn wait_for(&mut self, begin: &str, is_wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let line = self.read_line();
            let line = line.unwrap_or_else(|| panic!("no {begin} in {:?}", self.said));
            if let Some(rest) = line.strip_prefix(begin)
                && is_wanted(rest)
            {
                return rest.to_owned();
            }
        }
    }

    /// Reads on until an event of this kind is told.
    pub fn wait_for_event(&mut self, kind: &str) -> String {
        self.wait_for(&format!("event {kind} "), |_| true)
    }

    /// Reads to its end and sees that nothing of it is left.
    pub fn end(&mut self) -> std::process::ExitStatus {
        while self.read_line().is_some() {}
        let status = self.child.wait().expect("it is our child");
        eventually("the end of every worker", || {
            self.family.iter().all(|pid| is_gone(*pid))
        });
        let mark = format!("loadforge-{}-", self.pid());
        let left: Vec<_> = fs::read_dir("/dev/shm")
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .filter(|name| name.contains(&mark))
            .collect();
        assert_eq!(left, Vec::<String>::new(), "left in /dev/shm");
        status
    }

    pub fn end_well(&mut self) {
        let status = self.end();
        assert!(status.success(), "{status}: {:?}", self.said);
    }

    /// The figures it gave at its end.
    pub fn word(&self, name: &str) -> String {
        let words: BTreeMap<&str, &str> = self
            .said
            .iter()
            .filter_map(|line| line.split_once(' '))
            .collect();
        words
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.said))
            .to_string()
    }

    pub fn count(&self, name: &str) -> u64 {
        self.word(name).parse().expect("a count")
    }

    pub fn events(&self, kind: &str) -> usize {
        let begin = format!("event {kind} ");
        self.said
            .iter()
            .filter(|line| line.starts_with(&begin))
            .count()
    }

    pub fn event(&self, kind: &str) -> String {
        let begin = format!("event {kind} ");
        let found = self.said.iter().find_map(|line| line.strip_prefix(&begin));
        found
            .unwrap_or_else(|| panic!("no {kind} in {:?}", self.said))
            .to_owned()
    }

    pub fn assert_balanced(&self) {
        assert_eq!(self.word("balance"), "Ok(())", "{:?}", self.said);
        assert_eq!(self.count("lost"), 0);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only a test that failed leaves it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process that lives.
pub fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).expect("it lives");
}

/// Whether the process is no more, or only waits to be reaped.
fn is_gone(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_none_or(|(_, rest)| rest.starts_with('Z'))
}
