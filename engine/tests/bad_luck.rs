//! Runs that meet too much of something: data faster than tasks take it, bodies of 100 MB, refusals and new connections
//! by the thousand, time limits that differ. Neighbours: `faults.rs` for our own side's faults, `answers.rs` for bad
//! answers. Invariant: all of it is counted and named, nothing hangs, and nothing grows.

mod support;

use loadforge_engine::{Plan, WireChoice};
use loadforge_scenarios::{
    ErrorKind, Failure, OriginId, Pattern, RampCurve, Request, ThinkTime, User,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{
    fs,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use support::{
    props::{add_one, counter, echo, get, read},
    scripted::{Refusing, ScriptedServer, Welcome},
    stage::{Play, act, plan, planned, run, wires},
};

const MS: Duration = Duration::from_millis(1);

/// Descriptors that this process holds.
fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("/proc").count()
}

/// As many descriptors as may be had.
fn raise_descriptor_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("raising the soft limit to the hard one");
}

/// Connections of this machine that stand and lead to this address.
fn standing(to: SocketAddr) -> u64 {
    let port = format!(":{:04X}", to.port());
    let table = fs::read_to_string("/proc/self/net/tcp").expect("/proc");
    let stands = |line: &&str| {
        let mut fields = line.split_whitespace().skip(2);
        fields.next().is_some_and(|there| there.ends_with(&port)) && fields.next() == Some("01")
    };
    table.lines().filter(stands).count() as u64
}

/// Kilobytes of memory in use, by this name in /proc/self/status.
fn memory_kb(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let words = line.expect("a line of this name").split_whitespace();
    let mut numbers = words.filter_map(|word| word.parse().ok());
    numbers.next().expect("a number")
}

#[test]
fn slow_tasks_leave_receives_without_buffers_which_is_counted_and_the_run_goes_on() {
    for wire in wires() {
        let echo = echo();
        let task = act(async |user: &mut User| {
            let length = user.get("/bytes/400000").send().await?.body().len();
            std::thread::sleep(MS);
            match length {
                400_000 => Ok(()),
                _ => Err(user.fail_check(format!("{length} bytes"))),
            }
        });
        let ran = run(Plan {
            max_requests: Some(600),
            duration: Duration::from_secs(60),
            time_limit: Duration::from_secs(60),
            ..planned(
                Pattern::Constant(200.0),
                Play::new(&[echo.address()], task),
                wire,
            )
        });
        assert_eq!(ran.counts(), (600, 600, 0), "{:?}", ran.summary.errors);
        let starvations: u64 = ran.snapshots.iter().map(starvations).sum();
        // epoll lends the kernel no buffers.
        assert_eq!(starvations > 0, wire == WireChoice::Uring, "{starvations}");
    }
}

fn starvations(second: &loadforge_analysis::Snapshot) -> u64 {
    second.generator.receive_starvations
}

#[test]
fn bodies_of_100_mb_are_counted_and_never_held() {
    const LARGE: u64 = 100_000_000;
    for wire in wires() {
        let echo = echo();
        let (begun, ended) = (counter().0, counter().0);
        let (grown, growth) = counter();
        let task = act(async move |user: &mut User| {
            if add_one(&begun) == 0 {
                // Sets the peak back to what is in use now.
                fs::write("/proc/self/clear_refs", "5").expect("/proc");
                growth.store(memory_kb("VmHWM:"), Ordering::Relaxed);
            }
            let request = Request {
                path: format!("/bytes/{LARGE}"),
                ..Request::new()
            };
            let response = user.send(&request, &200.into()).await?;
            let found = (response.body_len(), response.body().len());
            let begun_kb = growth.load(Ordering::Relaxed);
            if add_one(&ended) == 1 {
                growth.store(memory_kb("VmHWM:") - begun_kb, Ordering::Relaxed);
            }
            match found {
                (LARGE, 0) => Ok(()),
                found => Err(Failure::new(ErrorKind::Check, format!("{found:?}"))),
            }
        });
        let ran = run(Plan {
            max_requests: Some(2),
            duration: Duration::from_secs(60),
            time_limit: Duration::from_secs(60),
            ..plan(Play::new(&[echo.address()], task), wire)
        });
        assert_eq!(ran.counts(), (2, 2, 0), "{:?}", ran.summary.errors);
        let bytes_in = ran.summary.requests.bytes_in;
        assert!(bytes_in > 2 * LARGE, "{bytes_in} over {wire:?}");
        let grown_kb = read(&grown);
        assert!(grown_kb < 50_000, "{grown_kb} kB more over {wire:?}");
    }
}

#[test]
fn a_body_too_large_to_be_kept_is_refused_by_name() {
    for wire in wires() {
        let echo = echo();
        let ran = run(Plan {
            max_requests: Some(2),
            duration: Duration::from_secs(60),
            time_limit: Duration::from_secs(60),
            ..plan(Play::new(&[echo.address()], get("/bytes/100000000")), wire)
        });
        assert_eq!(ran.counts(), (2, 0, 2), "{:?}", ran.summary.errors);
        assert_eq!(ran.errors(ErrorKind::Protocol, "a body over 64 MiB"), 2);
    }
}

#[test]
fn thousands_of_refusals_at_once_are_counted_and_leave_nothing_behind() {
    raise_descriptor_limit();
    for wire in wires() {
        let nobody = Refusing::new();
        let before = descriptors();
        let ran = run(Plan {
            max_requests: Some(9_000),
            duration: Duration::from_secs(60),
            ..planned(
                Pattern::Constant(3_000.0),
                Play::new(&[nobody.address], get("/")),
                wire,
            )
        });
        assert_eq!(ran.counts(), (9_000, 0, 9_000));
        assert_eq!(ran.errors(ErrorKind::Connect, "connection refused"), 9_000);
        // Other tests come and go meanwhile, with a few hundred at most.
        let after = descriptors();
        assert!(after < before + 1_000, "{before}, then {after} descriptors");
    }
}

#[test]
fn a_new_connection_for_every_request_leaves_nothing_behind() {
    raise_descriptor_limit();
    for wire in wires() {
        let server = ScriptedServer::start(Welcome::Listen);
        let before = descriptors();
        let ran = run(Plan {
            max_requests: Some(3_000),
            duration: Duration::from_secs(60),
            ..planned(
                Pattern::Constant(20.0),
                Play::new(&[server.address], get("/connection-close")),
                wire,
            )
        });
        assert_eq!(ran.counts(), (3_000, 3_000, 0), "{:?}", ran.summary.errors);
        assert_eq!(ran.summary.requests.connects, 3_000);
        assert_eq!(server.seen("/connection-close").connections, 3_000);
        let after = descriptors();
        assert!(after < before + 1_000, "{before}, then {after} descriptors");
    }
}

#[test]
fn a_short_limit_after_a_long_one_holds_and_a_long_one_outlives_a_short_one() {
    for wire in wires() {
        let (echo, server) = (echo(), ScriptedServer::start(Welcome::Listen));
        let task = act(async |user: &mut User| {
            // Leaves a timer behind that fires within the next request and is not its own.
            user.get("/").time_limit(100 * MS).send().await?;
            let long = Duration::from_secs(60);
            user.get("/delay/300ms").time_limit(long).send().await?;
            // Due long before the timer that the last one left behind.
            let silent = user.get("/no-answer").origin(OriginId(1));
            silent.time_limit(150 * MS).send().await.map(|_| ())
        });
        let play = Play::new(&[echo.address(), server.address], task);
        let ran = run(Plan {
            max_requests: Some(6),
            duration: Duration::from_secs(30),
            ..plan(play, wire)
        });
        let errors = &ran.summary.errors;
        assert_eq!(ran.counts(), (6, 4, 2), "{errors:?}");
        let words = "no answer within 150ms";
        assert_eq!(ran.errors(ErrorKind::Timeout, words), 2, "{errors:?}");
    }
}

#[test]
fn users_that_leave_take_their_connections_with_them() {
    for wire in wires() {
        let echo = echo();
        let address = echo.address();
        let (most, stood) = counter();
        let (last, seen) = (Arc::clone(&stood), counter().0);
        let ended = Arc::clone(&seen);
        let task = act(async move |user: &mut User| {
            user.get("/").send().await?;
            let now = standing(address);
            last.fetch_max(now, Ordering::Relaxed);
            seen.store(now, Ordering::Relaxed);
            Ok(())
        });
        let ramp = Pattern::Ramp {
            from: 8.0,
            to: 1.0,
            over: 500 * MS,
            curve: RampCurve::Linear,
        };
        let play = Play::new(&[address], task).thinking(ThinkTime::Constant(5 * MS));
        let ran = run(Plan {
            duration: 2000 * MS,
            ..planned(ramp, play, wire)
        });
        assert_eq!(ran.counts().2, 0, "{:?}", ran.summary.errors);
        assert!((2..=8).contains(&read(&most)), "{} at most", read(&most));
        assert_eq!(read(&ended), 1, "at the end over {wire:?}");
    }
}
