//! What only real processes can show: records through a fork, workers killed for real, leftovers, a full `/dev/shm`.
//!
//! No test harness: a process with threads must not fork. The tests run one after another in the main thread; words on
//! the command line select those whose names contain one of them.

use loadforge_ring::{
    Capacity, ROW_COUNTERS, RegionError, RequestRecord, RunPhase, Share, TextKind, Transport,
    WorkerState, sweep_leftovers,
};
use nix::libc;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use std::ffi::CStr;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

const TESTS: [(&str, fn()); 7] = [
    (
        "fifty_million_records_pass_between_processes",
        fifty_million_records_pass_between_processes,
    ),
    (
        "a_killed_worker_s_records_all_come_once",
        a_killed_worker_s_records_all_come_once,
    ),
    (
        "texts_of_a_child_are_read_by_its_parent",
        texts_of_a_child_are_read_by_its_parent,
    ),
    (
        "both_sides_see_each_other_s_control_words",
        both_sides_see_each_other_s_control_words,
    ),
    (
        "dropping_a_region_unlinks_nothing",
        dropping_a_region_unlinks_nothing,
    ),
    (
        "leftovers_go_and_live_names_stay",
        leftovers_go_and_live_names_stay,
    ),
    (
        "a_small_shm_is_met_with_smaller_rings",
        a_small_shm_is_met_with_smaller_rings,
    ),
];

/// Nothing here takes a tenth of it; a hang ends with a failure, not with a patience contest.
/// A share as a supervisor would write it.
const SHARE: Share = Share {
    index: 1,
    of: 2,
    from_ns: 3,
};
const PATIENCE: Duration = Duration::from_secs(240);

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    let mut failed = 0;
    for (name, test) in TESTS.into_iter().filter(|(name, _)| chosen(name)) {
        let threads = fs::read_dir("/proc/self/task").unwrap().count();
        assert_eq!(threads, 1, "a process with threads must not fork");
        let passed = catch_unwind(test).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += u32::from(!passed);
    }
    std::process::exit(i32::from(failed > 0));
}

/// A process of ours, killed and reaped when it goes out of scope.
struct Child {
    pid: Pid,
    reaped: bool,
}

impl Child {
    /// Forks; the child does `work` and leaves with 0, or with 1 when it panicked.
    fn run(work: impl FnOnce()) -> Child {
        // SAFETY: `main` has seen to it that there is one thread, so the child may do anything.
        match unsafe { fork() }.expect("a process can be forked") {
            ForkResult::Parent { child } => Child {
                pid: child,
                reaped: false,
            },
            ForkResult::Child => {
                let done = catch_unwind(AssertUnwindSafe(work)).is_ok();
                // SAFETY: ends this process; nothing of the parent's is run or flushed on the way.
                unsafe { libc::_exit(i32::from(!done)) }
            }
        }
    }

    fn kill(&mut self) {
        kill(self.pid, Signal::SIGKILL).expect("our own child can be killed");
        let status = self.reap();
        assert!(
            matches!(status, WaitStatus::Signaled(_, Signal::SIGKILL, _)),
            "{status:?}"
        );
    }

    fn reap(&mut self) -> WaitStatus {
        let status = waitpid(self.pid, None).expect("our own child can be waited for");
        self.reaped = true;
        status
    }

    /// Waits for its end, which must be a good one.
    fn succeeded(mut self) {
        let status = self.reap();
        assert_eq!(status, WaitStatus::Exited(self.pid, 0));
    }

    fn has_ended(&mut self) -> bool {
        let ended = waitpid(self.pid, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL))
            .is_ok_and(|status| status != WaitStatus::StillAlive);
        self.reaped |= ended;
        ended
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = kill(self.pid, Signal::SIGKILL);
            let _ = waitpid(self.pid, None);
        }
    }
}

/// A record that carries `number` in every field, so that a torn one equals no other.
fn record(number: u64) -> RequestRecord {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    RequestRecord {
        intended_ns: number,
        sent_ns: mixed,
        done_ns: !number,
        first_byte_us: number as u32,
        dns_us: mixed as u32,
        connect_us: (mixed >> 32) as u32,
        tls_us: !(number as u32),
        bytes_in: number as u32,
        bytes_out: mixed as u32,
        name: number as u32,
        user: !(mixed as u32),
        status: number as u16,
        flags: mixed as u16,
        method: number as u8,
        error: mixed as u8,
        kind: !(number as u8),
        scenario: (mixed >> 56) as u8,
    }
}

/// Waits for something that another process does.
fn wait_until(what: &str, mut there: impl FnMut() -> bool) {
    let since = Instant::now();
    while !there() {
        assert!(since.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

fn fifty_million_records_pass_between_processes() {
    const TOTAL: u64 = 50_000_000;
    const BATCH: usize = 64;
    let transport = Transport::shared_memory(1, Capacity::default()).unwrap();
    let mut child = Child::run(|| {
        let mut sink = transport.sink(0);
        let mut batch = [RequestRecord::default(); BATCH];
        let mut next = 0;
        while next < TOTAL {
            let count = BATCH.min((TOTAL - next) as usize);
            for (number, slot) in (next..).zip(&mut batch[..count]) {
                *slot = record(number);
            }
            sink.push_batch(&batch[..count]);
            next += count as u64;
            // Nothing may be lost here, so this worker waits, which a real one never does.
            while sink.backlog() > 0 {
                sink.flush();
                std::thread::yield_now();
            }
        }
        transport.worker(0).set_state(WorkerState::Done);
    });
    let mut source = transport.source(0);
    let since = Instant::now();
    let mut next = 0;
    let mut check = |got: &RequestRecord| {
        assert_eq!(*got, record(next), "in place of record {next}");
        next += 1;
    };
    while !child.has_ended() {
        assert!(since.elapsed() < PATIENCE, "the records do not come");
        for _ in 0..100 {
            if source.drain(&mut check) == 0 {
                std::thread::yield_now();
            }
        }
    }
    source.recover(&mut check);
    assert_eq!(next, TOTAL);
    let control = transport.worker(0);
    assert_eq!(control.state(), WorkerState::Done);
    assert_eq!(
        (control.recorded.load(Relaxed), control.lost.load(Relaxed)),
        (TOTAL, 0)
    );
}

fn a_killed_worker_s_records_all_come_once() {
    const RING: usize = 64;
    const SPILL: usize = 256;
    const BATCH: u64 = 7;
    const ROUNDS: u64 = 300;
    let capacity = Capacity {
        ring_records: RING,
        spill_records: SPILL,
        texts: 1,
        text_bytes: 1,
    };
    let mut spills_recovered = 0;
    for round in 0..ROUNDS {
        let transport = Transport::shared_memory(1, capacity).unwrap();
        let mut child = Child::run(|| {
            let mut sink = transport.sink(0);
            let mut next = 0;
            loop {
                let count = 1 + next % BATCH;
                if sink.backlog() + count as usize <= SPILL {
                    let batch: Vec<_> = (next..next + count).map(record).collect();
                    sink.push_batch(&batch);
                    next += count;
                } else {
                    sink.flush();
                }
            }
        });
        let mut source = transport.source(0);
        let control = transport.worker(0);
        let mut next = 0;
        let mut check = |got: &RequestRecord| {
            assert_eq!(
                *got,
                record(next),
                "in place of record {next} in round {round}"
            );
            next += 1;
        };
        // The moment of the kill wanders: with the round, and with what the scheduler does.
        let until = round * 7919 % 20_000;
        let mut drained = 0;
        wait_until("the worker has come so far", || {
            drained += source.drain(&mut check) as u64;
            drained >= until
        });
        if round % 2 == 1 {
            // Let the ring run full, so that it dies in the spill; every other time while it is moving on.
            let stalls = control.stalls.load(Relaxed);
            wait_until("the ring is full", || control.stalls.load(Relaxed) > stalls);
            if round % 4 == 1 {
                source.drain(&mut check);
            }
        }
        (0..round * 31 % 1000).for_each(|_| std::hint::spin_loop());
        child.kill();
        spills_recovered += u64::from(source.recover(&mut check) > RING);
        assert_eq!(source.recover(&mut check) + source.drain(&mut check), 0);
        // The counter is stored after the hand-over: one batch at most lies between.
        let recorded = control.recorded.load(Relaxed);
        assert!(
            (recorded..=recorded + BATCH).contains(&next),
            "{next} came, {recorded} counted"
        );
        assert_eq!(control.lost.load(Relaxed), 0);
    }
    assert!(
        spills_recovered > ROUNDS / 10,
        "the spill was in use in {spills_recovered} rounds"
    );
}

fn texts_of_a_child_are_read_by_its_parent() {
    const TEXTS: u32 = 2_000;
    let capacity = Capacity {
        ring_records: 4_096,
        texts: TEXTS as usize,
        ..Capacity::default()
    };
    let transport = Transport::shared_memory(2, capacity).unwrap();
    let mut child = Child::run(|| {
        let (mut sink, mut writer) = (transport.sink(1), transport.text_writer(1));
        for number in 0..TEXTS {
            let id = writer.intern(TextKind::Name, 0, &format!("/item/{number}"));
            writer.add(id, u64::from(number));
            sink.push(&RequestRecord {
                name: id.0,
                ..RequestRecord::default()
            });
        }
        let other = writer.intern(TextKind::ErrorDetail, 6, "one too many");
        writer.add(other, 9);
    });
    let (mut source, mut reader) = (transport.source(1), transport.text_reader(1));
    let mut entries = Vec::new();
    let mut records = 0;
    loop {
        let ended = child.has_ended();
        let mut greatest = None;
        records += source.drain(|record| greatest = Some(record.name));
        entries.extend(reader.new_entries());
        // The text of every record that has come is there.
        assert!(greatest.is_none_or(|id| (id as usize) < entries.len()));
        if ended {
            break;
        }
    }
    assert_eq!(
        (records, entries.len()),
        (TEXTS as usize, TEXTS as usize + 1)
    );
    for (number, entry) in (0..TEXTS).zip(&entries) {
        assert_eq!(
            (entry.id.0, entry.text.as_str()),
            (number, format!("/item/{number}").as_str())
        );
        assert_eq!(reader.count(entry.id), u64::from(number));
    }
    let other = entries.last().unwrap();
    assert_eq!(
        (other.kind, other.code, other.text.as_str()),
        (TextKind::ErrorDetail, 6, "other")
    );
    assert_eq!((reader.count(other.id), reader.refused()), (9, 1));
}

fn both_sides_see_each_other_s_control_words() {
    let transport = Transport::shared_memory(2, Capacity::default()).unwrap();
    let child = Child::run(|| {
        let control = transport.worker(1);
        control.heartbeat_ns.store(5, Relaxed);
        control.set_state(WorkerState::Ready);
        wait_until("the run begins", || {
            transport.control().phase() == RunPhase::Running
        });
        assert_eq!(transport.control().t0_ns.load(Relaxed), 77);
        let shares = control.shares_given();
        assert_eq!(control.shares(0..shares).last(), Some(SHARE));
        transport.control().requests_taken.fetch_add(3, Relaxed);
        transport.control().rows_taken[ROW_COUNTERS - 1].fetch_add(5, Relaxed);
        let mut texts = transport.text_writer(1);
        control.set_end_reason(texts.intern(TextKind::EndReason, 0, "no row is left"));
        transport.control().ask_for_end();
    });
    wait_until("the worker is ready", || {
        transport.worker(1).state() == WorkerState::Ready
    });
    assert_eq!(transport.worker(1).heartbeat_ns.load(Relaxed), 5);
    transport.worker(1).give_share(SHARE);
    transport.control().t0_ns.store(77, Relaxed);
    transport.control().set_phase(RunPhase::Running);
    child.succeeded();
    assert_eq!(transport.control().requests_taken.load(Relaxed), 3);
    let last_row = &transport.control().rows_taken[ROW_COUNTERS - 1];
    assert_eq!(last_row.load(Relaxed), 5);
    assert!(transport.control().is_end_asked());
    assert_eq!(transport.worker(0).end_reason(), None);
    let reason = transport.worker(1).end_reason().unwrap();
    let mut texts = transport.text_reader(1).new_entries();
    texts.retain(|text| text.id == reason);
    assert_eq!(texts[0].text, "no row is left");
}

/// A file in `/dev/shm` that looks like a region's, removed when it goes out of scope.
struct Planted(PathBuf);

impl Planted {
    fn new(pid: Pid, start: u64, number: u32) -> Planted {
        let path = PathBuf::from(format!("/dev/shm/loadforge-{pid}-{start}-{number}"));
        fs::write(&path, "planted by a test").unwrap();
        Planted(path)
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// When a process started, read without our own code: field 22, counted from the name's closing parenthesis.
fn start_time(pid: Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(19)
        .unwrap()
        .parse()
        .unwrap()
}

fn names_of(pid: Pid) -> Vec<String> {
    fs::read_dir("/dev/shm")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.starts_with(&format!("loadforge-{pid}-")))
        .collect()
}

fn dropping_a_region_unlinks_nothing() {
    let me = nix::unistd::getpid();
    let transport = Transport::shared_memory(1, Capacity::default()).unwrap();
    assert_eq!(names_of(me), [""; 0]);
    // Every name that the region can have had.
    let planted: Vec<_> = (0..1000)
        .map(|number| Planted::new(me, start_time(me), number))
        .collect();
    let source = transport.source(0);
    let mut ends = Some((transport, source));
    let child = Child::run(|| {
        let (transport, source) = ends.take().unwrap();
        transport.sink(0).push(&record(1));
        drop(source);
        drop(transport);
        assert_eq!(names_of(me).len(), 1000);
    });
    child.succeeded();
    // The parent's side lives on.
    let (transport, mut source) = ends.take().unwrap();
    assert_eq!(source.recover(|got| assert_eq!(*got, record(1))), 1);
    drop(source);
    drop(transport);
    assert_eq!(names_of(me).len(), 1000);
    drop(planted);
    assert_eq!(names_of(me), [""; 0]);
}

fn leftovers_go_and_live_names_stay() {
    let mut dead = Child::run(|| ());
    let dead_start = start_time(dead.pid);
    dead.reap();
    let alive = Child::run(|| {
        loop {
            nix::unistd::pause();
        }
    });
    let left = Planted::new(dead.pid, dead_start, 0);
    let number_reused = Planted::new(alive.pid, start_time(alive.pid) + 1, 0);
    let in_use = Planted::new(alive.pid, start_time(alive.pid), 0);
    sweep_leftovers();
    assert!(!left.0.exists() && !number_reused.0.exists());
    assert!(in_use.0.exists());

    // Killed while it makes regions, as a supervisor might be: whatever that left behind goes.
    let mut found = 0;
    for round in 0..100 {
        let mut maker = Child::run(|| {
            loop {
                Transport::shared_memory(1, Capacity::default()).unwrap();
            }
        });
        wait_until("the first name is there", || {
            !names_of(maker.pid).is_empty()
        });
        (0..round * 977 % 10_000).for_each(|_| std::hint::spin_loop());
        maker.kill();
        found += names_of(maker.pid).len();
        sweep_leftovers();
        assert_eq!(names_of(maker.pid), [""; 0]);
    }
    assert!(found > 0, "no kill met a region in the making");
}

/// Mounts a tmpfs in this process's own view of the files.
fn mount_tmpfs(at: &CStr, flags: libc::c_ulong, options: &CStr) {
    // SAFETY: all four strings end with a zero and outlive the call.
    let result = unsafe {
        let kind = c"tmpfs".as_ptr();
        libc::mount(kind, at.as_ptr(), kind, flags, options.as_ptr().cast())
    };
    assert_eq!(
        result,
        0,
        "mounting at {at:?}: {}",
        std::io::Error::last_os_error()
    );
}

fn a_small_shm_is_met_with_smaller_rings() {
    let child = Child::run(|| {
        let root = fs::metadata("/proc/self").is_ok_and(|me| {
            use std::os::unix::fs::MetadataExt;
            me.uid() == 0
        });
        let user = if root {
            CloneFlags::empty()
        } else {
            CloneFlags::CLONE_NEWUSER
        };
        if let Err(reason) = unshare(user | CloneFlags::CLONE_NEWNS) {
            println!("not tested: this system gives no file view of one's own ({reason})");
            return;
        }
        // SAFETY: as in `mount_tmpfs`; from here on no mount of ours is seen by others.
        let private = unsafe {
            let none = std::ptr::null();
            libc::mount(
                none,
                c"/".as_ptr(),
                none,
                libc::MS_REC | libc::MS_PRIVATE,
                none.cast(),
            )
        };
        assert_eq!(private, 0, "{}", std::io::Error::last_os_error());
        meet_a_small_shm();
    });
    child.succeeded();
}

fn meet_a_small_shm() {
    mount_tmpfs(c"/dev/shm", 0, c"size=4m");
    let empty = || fs::read_dir("/dev/shm").unwrap().next().is_none();
    let full = Transport::shared_memory(1, Capacity::default())
        .map(|_| ())
        .unwrap_err();
    let RegionError::Full { needed, available } = full else {
        panic!("{full:?}")
    };
    assert!(
        needed > 5_000_000 && available == 4 << 20,
        "{needed} of {available}"
    );
    assert!(empty());

    let smaller = Transport::shared_memory_shrinking(1, Capacity::default(), 16_384).unwrap();
    assert_eq!(smaller.ring_capacity(), 32_768);
    assert!(empty());
    // Every page is there: a page that is not would be a SIGBUS here.
    let mut sink = smaller.sink(0);
    let (ring, spill) = (32_768, 8_192);
    for number in 0..ring + spill + 1 {
        sink.push(&record(number));
    }
    // The numbered record is of no kind, so of no request either.
    assert_eq!(smaller.worker(0).lost_others.load(Relaxed), 1);
    drop(sink);
    let mut next = 0;
    smaller.source(0).recover(|got| {
        assert_eq!(*got, record(next));
        next += 1;
    });
    assert_eq!(next, ring + spill);
    let too_many = Transport::shared_memory_shrinking(8, Capacity::default(), 16_384);
    assert!(matches!(
        too_many.map(|_| ()),
        Err(RegionError::Full { .. })
    ));
    assert!(empty());

    mount_tmpfs(c"/dev/shm", libc::MS_RDONLY, c"size=4m");
    let refused = Transport::shared_memory(1, Capacity::default())
        .map(|_| ())
        .unwrap_err();
    assert!(
        matches!(refused, RegionError::NotWritable { .. }),
        "{refused:?}"
    );
    mount_tmpfs(c"/dev", 0, c"size=4m");
    assert!(!Path::new("/dev/shm").exists());
    let missing = Transport::shared_memory(1, Capacity::default())
        .map(|_| ())
        .unwrap_err();
    assert!(matches!(missing, RegionError::Missing), "{missing:?}");
}
