//! Runs with real worker processes, killed, stopped and interrupted for real. Every run is a process of its own (this
//! program started again), because a run forks and takes over signals; the target and the test stay outside.
//! Neighbours: `support/scripted.rs` for a target that never answers. Invariant: whatever happened to a run, nothing of
//! it is left behind.

mod support;

use loadforge_analysis::{MetricTally, Snapshot};
use loadforge_engine::{Plan, PrepareError, RunEnd, TransportChoice, WireChoice, prepare};
use loadforge_scenarios::{
    Demand, FeedId, Gaps, Outcome, Pattern, User,
    data::{DataFile, DataFormat, Feed, Hold, Strategy},
};
use nix::sys::signal::Signal;
use std::{
    collections::BTreeMap, net::SocketAddr, process::ExitCode, sync::Arc, thread, time::Duration,
};
use support::{
    processes::{Running, Test, run_tests, signal, tell_event},
    props::{HUNG, echo_after, eventually},
    scripted::{ScriptedServer, Welcome},
    stage::{Play, act, cpus, part, plan},
};

const TESTS: &[Test] = &[
    (
        "what_a_killed_worker_was_to_send_is_taken_over_or_stated",
        what_a_killed_worker_was_to_send_is_taken_over_or_stated,
    ),
    (
        "both_transports_count_the_same",
        both_transports_count_the_same,
    ),
    (
        "each_row_of_a_file_is_used_once_over_two_processes",
        each_row_of_a_file_is_used_once_over_two_processes,
    ),
    (
        "what_two_workers_measure_is_one_by_name_over_both_transports",
        what_two_workers_measure_is_one_by_name_over_both_transports,
    ),
    (
        "a_killed_worker_does_not_end_the_run_and_what_it_took_is_stated",
        a_killed_worker_does_not_end_the_run_and_what_it_took_is_stated,
    ),
    (
        "a_run_whose_workers_are_all_killed_is_aborted",
        a_run_whose_workers_are_all_killed_is_aborted,
    ),
    (
        "a_stopped_worker_is_named_and_may_go_on_when_it_wakes",
        a_stopped_worker_is_named_and_may_go_on_when_it_wakes,
    ),
    (
        "first_interrupt_drains_the_run",
        first_interrupt_drains_the_run,
    ),
    (
        "second_interrupt_ends_the_run_at_once",
        second_interrupt_ends_the_run_at_once,
    ),
    (
        "a_killed_supervisor_takes_its_workers_with_it",
        a_killed_supervisor_takes_its_workers_with_it,
    ),
];

fn main() -> ExitCode {
    run_tests(TESTS, carry_out)
}

fn both_transports_count_the_same() {
    let mut counted = Vec::new();
    for transport in ["channel", "shm"] {
        let echo = echo_after(Duration::ZERO);
        let mut order = Order::new(transport, echo.address());
        order.max_requests = 501;
        let Some(mut run) = Running::start(&order.words()) else {
            return;
        };
        run.end_well();
        assert_eq!(run.word("transport"), transport);
        assert_eq!(run.word("outcome"), "Completed");
        assert_eq!(
            echo.requests(),
            501,
            "the server's own count over {transport}"
        );
        run.assert_balanced();
        counted.push(
            [
                "intended", "sent", "ok", "failed", "not_sent", "unknown", "lost",
            ]
            .map(|name| run.count(name)),
        );
    }
    assert_eq!(counted[0], [501, 501, 501, 0, 0, 0, 0]);
    assert_eq!(counted[0], counted[1]);
}

fn each_row_of_a_file_is_used_once_over_two_processes() {
    for transport in ["channel", "shm"] {
        let echo = echo_after(Duration::from_millis(1));
        let mut order = Order::new(transport, echo.address());
        order.rows = 400;
        let Some(mut run) = Running::start(&order.words()) else {
            return;
        };
        run.end_well();
        assert_eq!(run.word("transport"), transport);
        assert_eq!(run.word("outcome"), "Completed");
        assert_eq!(
            echo.requests(),
            400,
            "a request for each row over {transport}"
        );
        run.assert_balanced();
        assert_eq!((run.count("intended"), run.count("ok")), (400, 400));
        assert_eq!(
            run.event("Drain"),
            "draining: the rows of people are used up"
        );
        assert_eq!(run.events("Drain"), 1);
    }
}

fn what_two_workers_measure_is_one_by_name_over_both_transports() {
    let mut counted = Vec::new();
    for transport in ["channel", "shm"] {
        let echo = echo_after(Duration::ZERO);
        let mut order = Order::new(transport, echo.address());
        order.path = MEASURES.to_owned();
        order.max_requests = 400;
        let Some(mut run) = Running::start(&order.words()) else {
            return;
        };
        run.end_well();
        run.assert_balanced();
        assert_eq!(run.word("transport"), transport);
        counted.push(
            [
                "sent",
                "failed",
                "group",
                "group_failed",
                "counter",
                "trend",
                "gauge",
                "noted",
            ]
            .map(|name| run.count(name)),
        );
    }
    // The gauge is the same whoever tells it; two workers told it, and there is one of it.
    assert_eq!(counted[0], [400, 0, 400, 0, 400, 400, 7, 400]);
    assert_eq!(counted[0], counted[1]);
}

fn a_killed_worker_does_not_end_the_run_and_what_it_took_is_stated() {
    let echo = echo_after(Duration::from_millis(20));
    let mut order = Order::new("shm", echo.address());
    order.duration_ms = 3000;
    let Some(mut run) = Running::start(&order.words()) else {
        return;
    };
    eventually("requests of both workers", || echo.requests() > 50);
    let workers = run.workers();
    assert_eq!(workers.len(), 2, "one process a worker");
    signal(workers[1], Signal::SIGKILL);
    let at_death = echo.requests();
    run.end_well();
    assert_eq!(run.word("outcome"), "Completed");
    assert_eq!(run.word("workers_lost"), "1");
    run.assert_balanced();
    let event = run.event("WorkerLost");
    assert!(
        event.contains("worker 1 ") && event.contains("SIGKILL"),
        "{event}"
    );
    // Every user of it had a request under way at most.
    assert!(
        run.count("unknown") <= u64::from(order.users / 2),
        "{:?}",
        run.said
    );
    assert_eq!(run.count("failed"), 0);
    let (known, served) = (run.count("ok"), echo.requests());
    assert!(
        known <= served && served <= run.count("sent"),
        "{known} {served} {:?}",
        run.said
    );
    assert!(served > at_death, "the other worker goes on");
    assert_eq!(
        run.count("last_active"),
        u64::from(order.users),
        "its users live on elsewhere"
    );
}

fn what_a_killed_worker_was_to_send_is_taken_over_or_stated() {
    let echo = echo_after(Duration::ZERO);
    let mut order = Order::new("shm", echo.address());
    (order.rate, order.users, order.duration_ms) = (400, 200, 2000);
    let Some(mut run) = Running::start(&order.words()) else {
        return;
    };
    eventually("arrivals of both workers", || echo.requests() > 100);
    signal(run.workers()[1], Signal::SIGKILL);
    run.end_well();
    assert_eq!(run.word("workers_lost"), "1");
    run.assert_balanced();
    // An arrival that was begun the moment before, and whose request was not yet, is in no count.
    let intended = run.count("intended");
    assert!((799..=800).contains(&intended), "{:?}", run.said);
    // What was due on it while it was dying: 200 a second for the time until the other has taken over.
    let begun_by_both = run.count("sent") + run.count("not_sent");
    assert_eq!(begun_by_both, intended);
    assert!(
        run.count("sent") > 400,
        "the other takes over: {:?}",
        run.said
    );
}

fn a_run_whose_workers_are_all_killed_is_aborted() {
    let echo = echo_after(Duration::from_millis(20));
    let Some(mut run) = Running::start(&Order::new("shm", echo.address()).words()) else {
        return;
    };
    eventually("the first requests", || echo.requests() > 20);
    for worker in run.workers() {
        signal(worker, Signal::SIGKILL);
    }
    run.end_well();
    assert_eq!(run.word("outcome"), "Aborted");
    assert_eq!(run.word("workers_lost"), "2");
    run.assert_balanced();
    let (known, served) = (run.count("ok"), echo.requests());
    assert!(
        known <= served && served <= run.count("sent"),
        "{known} {served} {:?}",
        run.said
    );
}

fn a_stopped_worker_is_named_and_may_go_on_when_it_wakes() {
    let echo = echo_after(Duration::from_millis(20));
    let mut order = Order::new("shm", echo.address());
    order.duration_ms = 6000;
    let Some(mut run) = Running::start(&order.words()) else {
        return;
    };
    eventually("the first requests", || echo.requests() > 20);
    let workers = run.workers();
    signal(workers[0], Signal::SIGSTOP);
    let event = run.wait_for_event("WorkerStuck");
    assert!(
        event.contains("worker 0 ") && event.contains("no sign of life"),
        "{event}"
    );
    signal(workers[0], Signal::SIGCONT);
    run.end_well();
    assert_eq!(run.word("outcome"), "Completed");
    assert_eq!(run.word("workers_lost"), "0");
    run.assert_balanced();
    assert_eq!(
        (run.count("unknown"), run.count("lost"), run.count("failed")),
        (0, 0, 0)
    );
    assert_eq!(run.count("ok"), echo.requests());
    assert_eq!(
        run.events("WorkerStuck"),
        1,
        "it is told once, not every look"
    );
}

fn first_interrupt_drains_the_run() {
    for (transport, signal_sent) in [("shm", Signal::SIGINT), ("channel", Signal::SIGTERM)] {
        let echo = echo_after(Duration::from_millis(20));
        let Some(mut run) = Running::start(&Order::new(transport, echo.address()).words()) else {
            return;
        };
        eventually("the first requests", || echo.requests() > 20);
        signal(run.pid(), signal_sent);
        run.end_well();
        assert_eq!(run.word("outcome"), "Interrupted");
        assert_eq!(run.word("killed"), "false");
        assert_eq!(run.word("workers_lost"), "0");
        assert!(run.event("Drain").contains("a signal"), "{:?}", run.said);
        run.assert_balanced();
        // What was under way was waited for.
        assert_eq!((run.count("unknown"), run.count("failed")), (0, 0));
        assert_eq!(run.count("ok"), echo.requests());
    }
}

fn second_interrupt_ends_the_run_at_once() {
    let server = ScriptedServer::start(Welcome::Listen);
    let mut order = Order::new("shm", server.address);
    order.path = "/no-answer".to_owned();
    let Some(mut run) = Running::start(&order.words()) else {
        return;
    };
    let users = u64::from(order.users);
    eventually("every user waiting", || {
        server.seen("/no-answer").requests == users
    });
    signal(run.pid(), Signal::SIGINT);
    run.wait_for_event("Drain");
    assert!(
        run.is_alive(),
        "requests in flight are waited for, for a minute"
    );
    signal(run.pid(), Signal::SIGINT);
    run.end_well();
    assert_eq!(run.word("outcome"), "Interrupted");
    assert_eq!(run.word("killed"), "true");
    run.assert_balanced();
    assert_eq!((run.count("sent"), run.count("ok")), (users, 0));
    eventually("every connection closed", || {
        server.seen("/no-answer").hang_ups == users
    });
}

fn a_killed_supervisor_takes_its_workers_with_it() {
    let echo = echo_after(Duration::from_millis(20));
    let Some(mut run) = Running::start(&Order::new("shm", echo.address()).words()) else {
        return;
    };
    eventually("the first requests", || echo.requests() > 20);
    assert_eq!(run.workers().len(), 2);
    signal(run.pid(), Signal::SIGKILL);
    run.end();
}

/// In the place of a path: users who measure by themselves.
const MEASURES: &str = "measures";

/// A group of one request, a value of each kind of metric, and a failure that no request carries.
async fn measure(user: &mut User) -> Outcome {
    let visit = async |user: &mut User| user.get("/").send().await.map(|_| ());
    user.group("visit", visit).await?;
    user.metric("visits").add(1.0);
    user.metric("size").record(3.0);
    user.metric("level").set(7.0);
    user.fail("told by the scenario".to_owned());
    Ok(())
}

/// Prints what the whole run came to beside its requests.
fn tell_own_figures(seconds: &[Arc<Snapshot>]) {
    let mut sums = BTreeMap::from([("group", 0), ("group_failed", 0), ("noted", 0)]);
    let mut gauge = (0, 0.0);
    for second in seconds {
        for group in &second.groups {
            assert_eq!(group.name, "visit");
            *sums.entry("group").or_default() += group.count;
            *sums.entry("group_failed").or_default() += group.failed;
        }
        for metric in &second.metrics {
            match &metric.tally {
                MetricTally::Counter { sum } => *sums.entry("counter").or_default() += *sum as u64,
                MetricTally::Trend { values, .. } => {
                    *sums.entry("trend").or_default() += values.len();
                }
                MetricTally::Gauge { last, last_ns, .. } => {
                    if *last_ns >= gauge.0 {
                        gauge = (*last_ns, *last);
                    }
                }
            }
        }
        let noted = second.errors.iter().map(|error| error.without_request);
        *sums.entry("noted").or_default() += noted.sum::<u64>();
    }
    sums.iter()
        .for_each(|(name, count)| println!("{name} {count}"));
    println!("gauge {}", gauge.1);
}

/// What a run is to do, as words on a command line.
struct Order {
    transport: &'static str,
    address: SocketAddr,
    path: String,
    users: u32,
    /// Arrivals a second; 0 for the closed model.
    rate: u32,
    max_requests: u64,
    duration_ms: u64,
    /// Rows of data, one for each request; 0 for none.
    rows: u32,
}

impl Order {
    /// Two workers and eight users, for longer than any test.
    fn new(transport: &'static str, address: SocketAddr) -> Order {
        Order {
            transport,
            address,
            path: "/".to_owned(),
            users: 8,
            rate: 0,
            max_requests: u64::MAX,
            duration_ms: HUNG.as_millis() as u64,
            rows: 0,
        }
    }

    fn words(&self) -> [String; 8] {
        [
            self.transport.to_owned(),
            self.address.to_string(),
            self.path.clone(),
            self.users.to_string(),
            self.max_requests.to_string(),
            self.duration_ms.to_string(),
            self.rate.to_string(),
            self.rows.to_string(),
        ]
    }

    fn plan(words: &[String]) -> Plan {
        let number = |index: usize| words[index].parse::<u64>().expect("a number");
        let path = words[2].clone();
        let feeds = people(number(7));
        let has_rows = !feeds.is_empty();
        let task = match path.as_str() {
            MEASURES => act(measure),
            _ => act(async move |user: &mut User| {
                if has_rows {
                    user.data("people")?;
                }
                user.get(&path).send().await.map(|_| ())
            }),
        };
        let origin = words[1].parse().expect("an address");
        let play = Play::new(&[origin], task).feeding(feeds);
        let demand = match number(6) {
            0 => Demand::Users(Pattern::Constant(number(3) as f64)),
            rate => Demand::Arrivals {
                rate: Pattern::Constant(rate as f64),
                gaps: Gaps::Even,
                max_users: number(3),
            },
        };
        let (one, wire) = (Arc::new(play.clone()), WireChoice::Auto);
        Plan {
            parts: vec![part(demand, one)],
            duration: Duration::from_millis(number(5)),
            max_requests: Some(number(4)).filter(|max| *max < u64::MAX),
            cpus: cpus(2),
            transport: match words[0].as_str() {
                "shm" => TransportChoice::Shm,
                _ => TransportChoice::Channel,
            },
            time_limit: HUNG,
            graceful_stop: HUNG,
            ..plan(play, wire)
        }
    }
}

/// A feed of so many rows, one for each iteration; none for 0.
fn people(rows: u64) -> Vec<Feed> {
    if rows == 0 {
        return Vec::new();
    }
    let text = "id\n".to_owned() + &"x\n".repeat(rows as usize);
    let csv = DataFormat::Csv { separator: b',' };
    let file = DataFile::from_bytes("people.csv", text.into(), csv).expect("it is good");
    let mut feed = Feed::new("people", Arc::new(file), Strategy::Unique, FeedId(0));
    feed.hold = Hold::Iteration;
    vec![feed]
}

/// What the started process does: the run, its events and figures on its output.
fn carry_out(words: &[String]) -> ExitCode {
    let prepared = match prepare(Order::plan(words)) {
        Ok(prepared) => prepared,
        Err(error @ PrepareError::SharedMemory(_)) => {
            println!("skip {error}");
            return ExitCode::SUCCESS;
        }
        Err(error) => panic!("{error}"),
    };
    let transport = prepared.transport_word();
    let (sender, receiver) = crossbeam::channel::unbounded::<Arc<Snapshot>>();
    let mut telling = None;
    let ended = prepared.run(|_| {
        telling = Some(thread::spawn(move || {
            println!("pid {}", std::process::id());
            let (mut totals, mut last_active) = (Default::default(), 0);
            let mut seconds = Vec::new();
            for second in receiver {
                second.events.iter().for_each(tell_event);
                if second.phase == loadforge_analysis::Phase::Running {
                    last_active = second.users.active;
                }
                totals = second.totals;
                seconds.push(second);
            }
            (totals, last_active, seconds)
        }));
        Ok(sender)
    });
    let RunEnd {
        outcome,
        killed,
        workers_lost,
        ..
    } = ended.expect("the run begins");
    let telling = telling.expect("it was asked to observe");
    let (totals, last_active, seconds) = telling.join().expect("it only tells");
    tell_own_figures(&seconds);
    println!(
        "transport {transport}\noutcome {outcome:?}\nkilled {killed}\nworkers_lost {workers_lost}"
    );
    println!("last_active {last_active}\nbalance {:?}", totals.check());
    for (name, count) in [
        ("intended", totals.intended),
        ("sent", totals.sent),
        ("not_sent", totals.not_sent),
        ("ok", totals.ok),
        ("failed", totals.failed),
        ("unknown", totals.unknown),
        ("lost", totals.lost),
    ] {
        println!("{name} {count}");
    }
    ExitCode::SUCCESS
}
