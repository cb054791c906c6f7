//! Programs of this machine: where they are, on which CPU they run, what they have used; and `cargo` itself.
//! Neighbours: every task that starts something. Invariant: nothing here ends a program; who starts one does.

use nix::{
    sched::{CpuSet, sched_getaffinity},
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::Pid,
};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// The CPUs of the two sides; none on a machine with one CPU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpus {
    pub(crate) generator: Option<usize>,
    pub(crate) server: Option<usize>,
}

impl Cpus {
    /// The first and the last that this process may use: as far from each other as the machine has them.
    pub(crate) fn allowed() -> Result<Cpus, String> {
        let set = sched_getaffinity(Pid::from_raw(0))
            .map_err(|errno| format!("which CPUs are allowed is not known: {errno}"))?;
        let mut allowed = (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false));
        let (first, last) = (allowed.next(), allowed.next_back());
        Ok(Cpus {
            generator: last.and(first),
            server: last,
        })
    }
}

/// Where in `PATH` a program is; system folders too, since servers lie there and `PATH` often leaves them out.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// A command that stays on one CPU from its first instruction.
pub(crate) fn pinned(cpu: Option<usize>, program: &Path) -> Command {
    let Some(cpu) = cpu else {
        return Command::new(program);
    };
    let mut command = Command::new("taskset");
    command.args([OsString::from("-c"), cpu.to_string().into(), program.into()]);
    command
}

/// `cargo` with these arguments, in the checkout.
pub(crate) fn cargo(root: &Path, arguments: &[&str]) -> Command {
    // By name, not by $CARGO: only the former understands `+nightly`.
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root);
    // Cargo sets these for us; handed on, they would pin the toolchain and confuse build scripts.
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
    command
}

/// Runs a `cargo build` to its end.
pub(crate) fn build(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("it does not build: see above".to_owned()),
        Err(error) => Err(format!("cargo could not be started: {error}")),
    }
}

/// Where cargo puts what it builds.
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

/// A connection is a descriptor: lets the programs started from here have as many as the system allows.
pub(crate) fn allow_descriptors() -> Result<(), String> {
    getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard))
        .map_err(|errno| format!("the limit of open files cannot be raised: {errno}"))
}

/// The children of a process that has one thread.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// User + system time that a process has used so far; zero once it is gone.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // USER_HZ is 100 on every Linux that Rust runs on.
    Duration::from_millis(10 * cpu_ticks(&stat).unwrap_or(0))
}

/// User and system ticks in `/proc/<pid>/stat`: the 14th and 15th field, counted behind the name, which may hold blanks.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_a_name_with_blanks() {
        let stat = "7 (a) b c) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20 0";
        assert_eq!(cpu_ticks(stat), Some(42));
    }

    #[test]
    fn a_pinned_command_starts_on_its_cpu() {
        let command = pinned(Some(5), Path::new("/bin/wrk"));
        let words: Vec<_> = command.get_args().collect();
        assert_eq!(words, ["-c", "5", "/bin/wrk"]);
    }
}
