//! A machine that runs out of something: disk, shared memory, locked memory, descriptors, CPUs. Each test has its own view of the disk
//! (a mount namespace), its own limits or its own control group; what the server counted is held against what the run says.
//! Neighbours: the table in `docs/faults.md`. Invariant: nothing of this machine outside of the test is changed.

use crate::{
    running::{
        Ended, Running, assert_balanced, count, cpus, eventually, is_alive, json, left_in_shm,
        loadforge, run_command_in, summary, two_workers, workers_of,
    },
    servers::Echo,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{
    fs::{self, File},
    io::Write,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::{TempDir, tempdir};

/// Whether this user may have an own view of the disk; says so when not.
fn may_mount() -> bool {
    let trial = "mount -t tmpfs tmpfs /mnt";
    let status = Command::new("unshare")
        .args(["--mount", "sh", "-c", trial])
        .output();
    let may = status.is_ok_and(|ended| ended.status.success());
    if !may {
        eprintln!("skipped: this user may not make a mount namespace");
    }
    may
}

/// The program behind a shell that has first made these changes; the process keeps its id.
fn behind(starter: &[&str], change: &str) -> Command {
    let program = loadforge().get_program().to_owned();
    let mut command = Command::new(starter[0]);
    command
        .args(&starter[1..])
        .args(["sh", "-c", &format!("{change} && exec \"$0\" \"$@\"")])
        .arg(program)
        .env("NO_COLOR", "1")
        .stdin(std::process::Stdio::null());
    command
}

const OWN_MOUNTS: [&str; 2] = ["unshare", "--mount"];

/// A run whose results lie on a disk of their own, which only it sees.
struct OnOwnDisk {
    dir: TempDir,
    echo: Echo,
    run: Running,
    /// Keeps the disk when the run has ended.
    _results: File,
    results: PathBuf,
}

impl OnOwnDisk {
    /// Starts it after `mount` has put a disk on `results`, and waits for the first second on it.
    fn start(prepare: impl FnOnce(&Path), mount: &str) -> OnOwnDisk {
        let (dir, echo) = (tempdir().unwrap(), Echo::start(&["--delay", "5ms"]));
        fs::create_dir(dir.path().join("results")).unwrap();
        prepare(dir.path());
        let url = echo.url();
        let words = [
            "run",
            &url,
            "--users",
            "4",
            "--duration",
            "55s",
            "--workers",
            two_workers(),
        ];
        let mut command = behind(&OWN_MOUNTS, mount);
        command.current_dir(dir.path()).args(words);
        let run = Running::start_saying_to(&mut command, &dir.path().join("said"));
        // From outside the disk is seen through the process that is in there.
        let place = dir.path().strip_prefix("/").unwrap().join("results");
        let seen = Path::new("/proc")
            .join(run.pid().to_string())
            .join("root")
            .join(place);
        let held = eventually("a second on the disk", || {
            let mut entries = fs::read_dir(&seen).ok()?.filter_map(Result::ok);
            let own = entries.find(|entry| entry.file_name() != "lost+found")?;
            let text = fs::read_to_string(own.path().join("snapshots.jsonl")).ok()?;
            (text.lines().count() >= 1).then(|| File::open(own.path()).unwrap())
        });
        let results = Path::new("/proc/self/fd").join(held.as_raw_fd().to_string());
        OnOwnDisk {
            dir,
            echo,
            run,
            results,
            _results: held,
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.dir.path().join("said")).unwrap()
    }

    fn lines(&self) -> usize {
        fs::read_to_string(self.results.join("snapshots.jsonl"))
            .unwrap()
            .lines()
            .count()
    }

    /// Writes until there is no room left.
    fn fill(&self) -> PathBuf {
        let path = self.results.join("filler");
        let mut file = File::create(&path).unwrap();
        let page = [0; 4096];
        while file.write_all(&page).is_ok() {}
        // The rest of the last page that another file has.
        while file.write_all(&page[..1]).is_ok() {}
        path
    }

    fn eventually_says(&self, words: &str) {
        eventually(words, || self.said().contains(words).then_some(()));
    }

    /// Ends it with a Ctrl-C and gives its exit code.
    fn interrupt(&mut self) -> Option<i32> {
        let workers = workers_of(self.run.pid());
        self.run.signal(Signal::SIGINT);
        let code = self.run.wait().code();
        assert!(
            !workers.iter().any(|pid| is_alive(*pid)),
            "no worker is left"
        );
        assert_eq!(left_in_shm(self.run.pid()), Vec::<String>::new());
        let files = fs::read_dir(&self.results).unwrap();
        for name in files.map(|file| file.unwrap().file_name()) {
            let name = name.to_string_lossy().into_owned();
            assert!(!name.starts_with('.'), "a half-written {name} is left");
        }
        for line in fs::read_to_string(self.results.join("snapshots.jsonl"))
            .unwrap()
            .lines()
        {
            serde_json::from_str::<Value>(line).expect("each line is whole");
        }
        code
    }

    /// What the table on the screen says was sent, with the equations it stands in.
    fn sent_on_screen(&self) -> u64 {
        let said = self.said();
        let figures = |line: &str| -> Vec<u64> {
            let words = line.split(' ').map(|word| word.replace(',', ""));
            words.filter_map(|word| word.parse().ok()).collect()
        };
        let line =
            |part: &str| figures(said.lines().find(|line| line.contains(part)).expect(&said));
        let (intended, sent) = (line(" intended = "), line(" sent = "));
        assert_eq!(intended[0], intended[1..].iter().sum::<u64>(), "{said}");
        assert_eq!(sent[0], sent[1..].iter().sum::<u64>(), "{said}");
        sent[0]
    }

    /// Its files where they stay, as `loadforge report` sees them.
    fn report_again(&self) -> Ended {
        let copy = self.dir.path().join("copy");
        fs::create_dir(&copy).unwrap();
        for file in fs::read_dir(&self.results).unwrap().map(Result::unwrap) {
            if file.file_name() != "filler" {
                fs::copy(file.path(), copy.join(file.file_name())).unwrap();
            }
        }
        run_command_in(self.dir.path(), loadforge(), &["report", "copy"])
    }
}

const SMALL_DISK: &str = "mount -t tmpfs -o size=8m tmpfs results";

#[test]
fn a_disk_that_fills_up_costs_seconds_and_reports_and_no_request() {
    if !may_mount() {
        return;
    }
    let mut beset = OnOwnDisk::start(|_| {}, SMALL_DISK);
    beset.fill();
    beset.eventually_says("results cannot be written: No space left on device");
    let served = beset.echo.requests();
    eventually("the run going on", || {
        (beset.echo.requests() > served + 20).then_some(())
    });
    assert_eq!(beset.interrupt(), Some(1), "{}", beset.said());
    let said = beset.said();
    for words in [
        "missing from the results: cannot write",
        "a report is missing: cannot write",
        "free some space, then run `loadforge report DIR`",
    ] {
        assert!(said.contains(words), "{words} in {said}");
    }
    assert_eq!(beset.sent_on_screen(), beset.echo.requests());
    // What is there can be reported elsewhere, and says that it is not all.
    let again = beset.report_again();
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let summary = json(&beset.dir.path().join("copy/summary.json"));
    assert_balanced(&summary);
    assert_eq!(summary["outcome"], "aborted", "its end is not on the disk");
    assert!(count(&summary, "sent") <= beset.echo.requests());
}

#[test]
fn a_disk_that_is_freed_again_holds_the_later_seconds_and_the_lost_ones_are_named() {
    if !may_mount() {
        return;
    }
    let mut beset = OnOwnDisk::start(|_| {}, SMALL_DISK);
    let filler = beset.fill();
    beset.eventually_says("results cannot be written: No space left on device");
    let before = beset.lines();
    fs::remove_file(filler).unwrap();
    eventually("seconds again", || (beset.lines() > before).then_some(()));
    assert_eq!(beset.interrupt(), Some(1), "{}", beset.said());
    let said = beset.said();
    assert!(
        said.contains("missing from the results: cannot write"),
        "{said}"
    );
    assert!(!said.contains("a report is missing"), "{said}");
    let first = json(&beset.results.join("summary.json"));
    assert_balanced(&first);
    assert_eq!(first["outcome"], "interrupted");
    assert_eq!(count(&first, "sent"), beset.echo.requests());
    assert_eq!(beset.sent_on_screen(), beset.echo.requests());
    let again = beset.report_again();
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let said = format!("{}{}", again.stdout, again.stderr);
    assert!(
        said.contains("missing from snapshots.jsonl between"),
        "{said}"
    );
    let second = json(&beset.dir.path().join("copy/summary.json"));
    assert_eq!(first["requests"], second["requests"]);
}

/// A file with a file system in it; none where that cannot be had.
fn make_disk(path: &Path) -> Option<()> {
    File::create(path).ok()?.set_len(8 << 20).ok()?;
    let made = Command::new("mkfs.ext4")
        .args(["-q", "-F"])
        .arg(path)
        .output();
    made.ok()?.status.success().then_some(())
}

/// The loop device that this file is behind.
fn device_of(file: &Path) -> Option<String> {
    let devices = fs::read_dir("/sys/block").ok()?.filter_map(Result::ok);
    let mut behind = devices.filter(|device| {
        let backing = fs::read_to_string(device.path().join("loop/backing_file"));
        backing.is_ok_and(|backing| Path::new(backing.trim()) == file)
    });
    Some(behind.next()?.file_name().to_string_lossy().into_owned())
}

#[test]
fn a_disk_that_turns_read_only_costs_seconds_and_reports_and_no_request() {
    if !may_mount() {
        return;
    }
    let trial = tempdir().unwrap();
    let loops = "mount -o loop disk /mnt";
    let can = make_disk(&trial.path().join("disk")).is_some()
        && Command::new("unshare")
            .args(["--mount", "sh", "-c", loops])
            .current_dir(trial.path())
            .output()
            .is_ok_and(|ended| ended.status.success());
    if !can {
        eprintln!("skipped: there is no ext4 in a file here");
        return;
    }
    let prepare = |dir: &Path| make_disk(&dir.join("disk")).expect("it could be made before");
    let mut beset = OnOwnDisk::start(prepare, "mount -o loop,errors=remount-ro disk results");
    let device = device_of(&beset.dir.path().join("disk")).expect("it is mounted");
    // What a disk with a bad block does to the system that mounted it so.
    let trigger = format!("/sys/fs/ext4/{device}/trigger_fs_error");
    if fs::write(&trigger, "a test").is_err() {
        eprintln!("skipped: {trigger} cannot be written");
        return;
    }
    beset.eventually_says("results cannot be written");
    let served = beset.echo.requests();
    eventually("the run going on", || {
        (beset.echo.requests() > served + 20).then_some(())
    });
    assert_eq!(beset.interrupt(), Some(1), "{}", beset.said());
    let said = beset.said();
    for words in [
        "missing from the results: cannot write",
        "a report is missing: cannot write",
    ] {
        assert!(said.contains(words), "{words} in {said}");
    }
    assert_eq!(beset.sent_on_screen(), beset.echo.requests());
}

/// A run of 300 requests started by this command: it went well, and the server counted what it says. What it said, and its summary.
fn run_well(mut command: impl FnMut() -> Command, flags: &[&str]) -> (String, Value, Value) {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let url = echo.url();
    let words = ["run", &url, "--max-requests", "300", "--users", "4"];
    let ended = run_command_in(dir.path(), command(), &[&words[..], flags].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!((count(&summary, "ok"), echo.requests()), (300, 300));
    let results = crate::running::results_dir(dir.path()).unwrap();
    (ended.stderr, summary, json(&results.join("run.json")))
}

#[test]
fn where_there_is_no_place_for_shared_memory_workers_are_threads() {
    if !may_mount() {
        return;
    }
    // A /dev with what programs need and no shm in it.
    let bare = "mkdir /tmp/bare-dev.$$ && mount -t tmpfs tmpfs /tmp/bare-dev.$$ && cd /tmp/bare-dev.$$ && \
                for name in null zero random urandom; do touch $name && mount --bind /dev/$name $name || exit 9; done && \
                cd \"$OLDPWD\" && mount --move /tmp/bare-dev.$$ /dev && rmdir /tmp/bare-dev.$$";
    for hide in [
        bare,
        "mount -t tmpfs -o ro tmpfs /dev/shm",
        "mount -t tmpfs -o size=1m tmpfs /dev/shm",
    ] {
        let (said, summary, _) =
            run_well(|| behind(&OWN_MOUNTS, hide), &["--workers", two_workers()]);
        assert_eq!(
            summary["generator"]["transport"], "channel",
            "{hide}: {said}"
        );
        let note = "note: workers run as threads with channels, because";
        assert!(said.contains(note), "{hide}: {said}");
    }
}

#[test]
fn a_small_shared_memory_gets_smaller_rings() {
    if !may_mount() {
        return;
    }
    // A worker's usual rings are 5.6 MB: there is room for half of them, on a small disk and on one that others have half filled.
    let size = if two_workers() == "2" { 9 } else { 4 };
    let alone = format!("mount -t tmpfs -o size={size}m tmpfs /dev/shm");
    let filled = format!(
        "mount -t tmpfs -o size={}m tmpfs /dev/shm && head -c {size}m /dev/zero > /dev/shm/others",
        2 * size
    );
    let full =
        "mount -t tmpfs -o size=4m tmpfs /dev/shm && ! cat /dev/zero > /dev/shm/others 2>/dev/null";
    for (change, transport) in [(alone.as_str(), "shm"), (&filled, "shm"), (full, "channel")] {
        let (said, summary, _) = run_well(
            || behind(&OWN_MOUNTS, change),
            &["--workers", two_workers()],
        );
        assert_eq!(
            summary["generator"]["transport"], transport,
            "{change}: {said}"
        );
        let note = match transport {
            "shm" => "note: /dev/shm is short of room: rings hold",
            _ => "note: workers run as threads with channels, because",
        };
        assert!(said.contains(note), "{change}: {said}");
    }
}

#[test]
fn shared_memory_that_others_fill_during_the_run_takes_nothing_from_it() {
    if !may_mount() {
        return;
    }
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&["--delay", "1ms"]));
    let url = echo.url();
    let words = [
        "run",
        &url,
        "--users",
        "8",
        "--duration",
        "55s",
        "--transport",
        "shm",
    ];
    let mut command = behind(&OWN_MOUNTS, "mount -t tmpfs -o size=64m tmpfs /dev/shm");
    command
        .current_dir(dir.path())
        .args(words)
        .args(["--workers", two_workers()]);
    let mut run = Running::start(&mut command);
    eventually("the first requests", || {
        (echo.requests() > 20).then_some(())
    });
    let others = format!("/proc/{}/root/dev/shm/others", run.pid());
    let mut others = File::create(others).unwrap();
    let page = [0; 4096];
    while others.write_all(&page).is_ok() {}
    // Rings are written round several times: every page of them that has not been touched is touched.
    let served = echo.requests();
    eventually("many more requests", || {
        (echo.requests() > served + 2_000).then_some(())
    });
    run.signal(Signal::SIGINT);
    assert_eq!(run.wait().code(), Some(0), "{}", run.said());
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(count(&summary, "sent"), echo.requests());
    assert_eq!(summary["generator"]["workers_lost"], 0);
}

#[test]
fn without_memory_to_lock_sockets_are_driven_by_epoll() {
    let bounded = [
        "setpriv",
        "--bounding-set=-sys_resource,-ipc_lock",
        "--inh-caps=-sys_resource,-ipc_lock",
    ];
    let trial = Command::new(bounded[0])
        .args(&bounded[1..])
        .arg("true")
        .status();
    if !trial.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user may not give up the right to raise limits");
        return;
    }
    let (said, summary, _) = run_well(|| behind(&bounded, "ulimit -l 0"), &[]);
    assert_eq!(summary["generator"]["wire"], "epoll", "{said}");
    assert!(
        said.contains("note: sockets are driven by epoll, because"),
        "{said}"
    );
    // Whoever may raise the limit does.
    let (said, summary, _) = run_well(|| behind(&["env"], "ulimit -l 0 || true"), &[]);
    let wire = summary["generator"]["wire"].as_str().unwrap();
    let told = said.contains("note: sockets are driven by epoll, because");
    assert!(wire == "uring" || told, "{wire}: {said}");
}

/// Lets a process open nothing more.
fn take_descriptors_from(pid: i32) {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let limit = format!("--nofile={open}:{open}");
    let status = Command::new("prlimit")
        .args(["--pid", &pid.to_string(), &limit])
        .status();
    assert!(status.expect("prlimit is installed").success());
}

#[test]
fn descriptors_that_run_out_in_the_middle_are_failures_of_the_generator_all_counted() {
    if Command::new("prlimit").arg("--version").output().is_err() {
        eprintln!("skipped: prlimit is not installed");
        return;
    }
    for wire in ["auto", "epoll"] {
        let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
        echo.write_scenario(dir.path(), "think_time = \"20ms\"\n");
        let mut command = loadforge();
        command.current_dir(dir.path()).args([
            "run",
            "one.toml",
            "--users",
            "2",
            "--ramp-to",
            "60",
            "--ramp-over",
            "50s",
            "--duration",
            "55s",
        ]);
        command.args([
            "--wire",
            wire,
            "--workers",
            two_workers(),
            "--transport",
            "shm",
        ]);
        let mut run = Running::start(&mut command);
        eventually("the first requests", || {
            (echo.requests() > 20).then_some(())
        });
        workers_of(run.pid())
            .into_iter()
            .for_each(take_descriptors_from);
        eventually("sockets that cannot be made", || {
            let results = crate::running::results_dir(dir.path())?;
            let seconds = fs::read_to_string(results.join("snapshots.jsonl")).ok()?;
            seconds.contains("no socket could be made").then_some(())
        });
        run.signal(Signal::SIGINT);
        assert_eq!(run.wait().code(), Some(0), "{}", run.said());
        let summary = summary(dir.path());
        assert_balanced(&summary);
        assert_eq!(count(&summary, "ok"), echo.requests(), "{wire}: {summary}");
        let errors = summary["errors"].as_array().unwrap();
        for error in errors {
            assert_eq!(error["kind"], "generator", "{wire}: {error}");
            let detail = error["detail"].as_str().unwrap();
            assert!(
                detail.contains("no socket could be made"),
                "{wire}: {detail}"
            );
        }
        let told: u64 = errors
            .iter()
            .map(|error| error["count"].as_u64().unwrap())
            .sum();
        assert_eq!(told, count(&summary, "failed"), "{wire}: {summary}");
        assert!(told > 0, "{wire}: {summary}");
    }
}

#[test]
fn on_one_cpu_there_is_one_worker_on_it() {
    let mask = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).unwrap();
    let last = (0..nix::sched::CpuSet::count())
        .rfind(|cpu| mask.is_set(*cpu).unwrap())
        .unwrap();
    let cpu = last.to_string();
    let starter = ["taskset", "-c", &cpu];
    if Command::new("taskset").arg("--version").output().is_err() {
        eprintln!("skipped: taskset is not installed");
        return;
    }
    let (said, summary, run) = run_well(|| behind(&starter, "true"), &["--verbose"]);
    assert_eq!(summary["generator"]["workers"], 1, "{said}");
    assert_eq!(run["cpus"], serde_json::json!([last]));
    assert_eq!(run["machine"]["cpus_allowed"], 1);
}

/// A control group with a CPU quota; removed when dropped.
struct Group(PathBuf);

impl Group {
    /// Makes one that may use this many µs of each 100 ms; none, with the reason on the screen, where that cannot be.
    fn new(quota_us: u32) -> Option<Group> {
        let name = format!("loadforge-test-{}-{quota_us}", std::process::id());
        let make = |parent: &str, file: &str, text: String| {
            // In another folder of this path it would be a plain directory.
            if !Path::new(parent).join(file).exists()
                && !Path::new(parent).join("cgroup.controllers").exists()
            {
                return None;
            }
            let group = Path::new(parent).join(&name);
            fs::create_dir(&group).ok()?;
            let group = Group(group);
            fs::write(group.0.join(file), text).ok()?;
            Some(group)
        };
        let v1 = |parent| make(parent, "cpu.cfs_quota_us", quota_us.to_string());
        let v2 = |parent| make(parent, "cpu.max", format!("{quota_us} 100000"));
        let group = v1("/sys/fs/cgroup/cpu")
            .or_else(|| v1("/sys/fs/cgroup/cpu,cpuacct"))
            .or_else(|| v2("/sys/fs/cgroup"));
        if group.is_none() {
            eprintln!("skipped: this user may not make a control group with a CPU quota");
        }
        group
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its last process may still be on its way out.
        for _ in 0..500 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        eprintln!("{} could not be removed", self.0.display());
    }
}

#[test]
fn a_cpu_quota_bounds_the_workers_and_what_it_held_back_is_told() {
    if cpus() < 2 {
        eprintln!("skipped: a quota of one CPU bounds nothing where there is one alone");
        return;
    }
    let Some(group) = Group::new(20_000) else {
        return;
    };
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let enter = format!("echo $$ > {}/cgroup.procs", group.0.display());
    let url = echo.url();
    let ended = run_command_in(
        dir.path(),
        behind(&["env"], &enter),
        &[
            "run",
            &url,
            "--users",
            "8",
            "--duration",
            "3s",
            "--format",
            "json",
            "--graceful-stop",
            "20s",
        ],
    );
    assert!(matches!(ended.code, Some(0 | 4)), "{}", ended.stderr);
    let note = "note: the container's CPU quota pays for 0.2 of the";
    assert!(ended.stderr.contains(note), "{}", ended.stderr);
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(count(&summary, "sent"), echo.requests());
    assert_eq!(summary["generator"]["workers"], 1);
    let results = crate::running::results_dir(dir.path()).unwrap();
    assert_eq!(json(&results.join("run.json"))["machine"]["cpu_quota"], 0.2);
    let reasons = summary["verdict"]["reasons"].to_string();
    let told = "the container's CPU quota held the generator back for";
    assert!(reasons.contains(told), "{summary}");
}
