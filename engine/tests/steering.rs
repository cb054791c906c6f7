//! Runs that are steered while they go on, with real workers over both transports and both wires. Every run is a process of its
//! own (this program started again) that is told orders on its input. Neighbours: `support/processes.rs` starts them,
//! `worker/schedule_tests.rs` in the engine has the arithmetic. Invariants: whatever was ordered, counts add up, and what was asked
//! for is what the targets of the seconds come to.

mod support;

use loadforge_analysis::{Order, Snapshot, SteerAction};
use loadforge_engine::{Helm, Plan, PrepareError, TransportChoice, WireChoice, prepare};
use loadforge_scenarios::{Demand, Gaps, Pattern};
use std::{io, net::SocketAddr, process::ExitCode, sync::Arc, thread, time::Duration};
use support::{
    processes::{Running, Test, run_tests, signal, tell_event},
    props::{HUNG, echo, echo_after, get},
    stage::{Play, cpus, part, plan, wires},
};

const TESTS: &[Test] = &[
    ("users_come_and_go_as_ordered", users_come_and_go_as_ordered),
    (
        "a_rate_goes_up_and_down_as_ordered_and_no_arrival_is_lost",
        a_rate_goes_up_and_down_as_ordered_and_no_arrival_is_lost,
    ),
    (
        "in_a_pause_nothing_is_sent_and_the_same_users_go_on",
        in_a_pause_nothing_is_sent_and_the_same_users_go_on,
    ),
    (
        "in_a_pause_nothing_arrives_and_the_rate_goes_on",
        in_a_pause_nothing_arrives_and_the_rate_goes_on,
    ),
    (
        "survivors_bear_the_load_that_was_ordered",
        survivors_bear_the_load_that_was_ordered,
    ),
    (
        "an_end_ordered_is_at_once_also_in_the_drain",
        an_end_ordered_is_at_once_also_in_the_drain,
    ),
    (
        "what_cannot_be_done_is_refused_with_a_reason",
        what_cannot_be_done_is_refused_with_a_reason,
    ),
    (
        "a_storm_of_orders_is_bounded_and_loses_nothing",
        a_storm_of_orders_is_bounded_and_loses_nothing,
    ),
];

fn main() -> ExitCode {
    run_tests(TESTS, carry_out)
}

fn users_come_and_go_as_ordered() {
    for (transport, wire) in ways() {
        let echo = echo_after(Duration::from_millis(5));
        let Some(mut run) = start(transport, wire, echo.address(), 8, 0) else {
            continue;
        };
        run.wait_for_second(|second| second.active == 8);
        assert_eq!(run.order("users 20"), "ok Anna set 20 users");
        let second = run.wait_for_second(|second| second.active == 20 && second.target == 20);
        assert_eq!(second.steering, "users 20");
        run.order("users 3");
        run.wait_for_second(|second| second.active == 3 && second.target == 3);
        run.order("plan");
        let second = run.wait_for_second(|second| second.active == 8 && second.target == 8);
        assert_eq!(second.steering, "planned");
        assert_eq!(run.order("stop"), "ok Anna stopped the run");
        run.0.end_well();
        assert_eq!(run.0.word("outcome"), "Interrupted");
        assert_eq!(run.0.event("Drain"), "draining: Anna stopped the run");
        assert_eq!(run.0.events("Steered"), 4);
        run.assert_nothing_lost();
        assert_eq!(run.0.count("ok"), echo.requests());
    }
}

fn a_rate_goes_up_and_down_as_ordered_and_no_arrival_is_lost() {
    for (transport, wire) in ways() {
        let echo = echo();
        let Some(mut run) = start(transport, wire, echo.address(), 200, 200) else {
            continue;
        };
        run.wait_for_second(|second| second.done > 100);
        run.order("rate 1500");
        run.wait_for_second(|second| second.rate == 1500 && second.done > 400);
        run.order("rate 0.5");
        run.wait_for_second(|second| second.steering == "rate 0.5" && second.done < 100);
        run.order("plan");
        run.wait_for_second(|second| second.rate == 200 && second.steering == "planned");
        run.end_arrivals();
        run.assert_nothing_lost();
        run.assert_asked_for(1.5);
    }
}

fn in_a_pause_nothing_is_sent_and_the_same_users_go_on() {
    for (transport, wire) in ways() {
        let echo = echo();
        let Some(mut run) = start(transport, wire, echo.address(), 8, 0) else {
            continue;
        };
        run.wait_for_second(|second| second.done > 10);
        assert_eq!(run.order("pause"), "ok Anna paused the run");
        run.wait_for_second(|second| second.steering == "paused" && second.done == 0);
        let sent = echo.requests();
        // Also what is set in a pause waits for its end.
        run.order("users 12");
        for _ in 0..2 {
            let second = run.wait_for_second(|_| true);
            assert_eq!((second.done, second.active, second.target), (0, 8, 8));
        }
        assert_eq!(echo.requests(), sent);
        assert_eq!(run.order("resume"), "ok Anna let the run go on");
        run.wait_for_second(|second| second.active == 12 && second.done > 10);
        run.order_the_end();
        run.assert_nothing_lost();
        let counts = echo.counts();
        assert_eq!(run.0.count("ok"), counts.requests);
        assert_eq!(counts.connections, 12, "who waited kept its connection");
    }
}

fn in_a_pause_nothing_arrives_and_the_rate_goes_on() {
    for (transport, wire) in ways() {
        let echo = echo();
        let Some(mut run) = start(transport, wire, echo.address(), 200, 300) else {
            continue;
        };
        run.wait_for_second(|second| second.done > 10);
        run.order("pause");
        let paused = |second: &Second| second.steering == "paused" && second.rate == 0;
        run.wait_for_second(|second| paused(second) && second.done == 0);
        let sent = echo.requests();
        run.wait_for_second(paused);
        assert_eq!(echo.requests(), sent);
        run.order("resume");
        run.wait_for_second(|second| second.rate == 300 && second.done > 10);
        run.end_arrivals();
        run.assert_nothing_lost();
        run.assert_asked_for(1.5);
    }
}

fn survivors_bear_the_load_that_was_ordered() {
    for wire in wires() {
        for (order, rate) in [("users 20", 0), ("rate 600", 100)] {
            let echo = echo_after(Duration::from_millis(5));
            let Some(mut run) = start("shm", wire, echo.address(), 100, rate) else {
                return;
            };
            run.wait_for_second(|second| second.done > 10);
            run.order(order);
            let as_ordered = |second: &Second| match rate {
                0 => second.active == 20 && second.target == 20,
                _ => second.rate == 600 && second.done > 200,
            };
            run.wait_for_second(as_ordered);
            signal(run.0.workers()[1], nix::sys::signal::Signal::SIGKILL);
            let event = run.0.wait_for_event("WorkerLost");
            assert!(event.contains("takes over its share"), "{event}");
            // Not the second in which it died.
            run.wait_for_second(|_| true);
            run.wait_for_second(as_ordered);
            run.order("plan");
            run.wait_for_second(|second| second.steering == "planned");
            match rate {
                0 => run.order_the_end(),
                _ => run.end_arrivals(),
            }
            run.0.assert_balanced();
            assert_eq!(run.0.word("workers_lost"), "1");
            if rate > 0 {
                // An arrival that was begun the moment before, and whose request was not yet, is in no count.
                run.assert_asked_for(2.5);
            }
        }
    }
}

fn an_end_ordered_is_at_once_also_in_the_drain() {
    for first in ["", "stop"] {
        for (transport, wire) in ways() {
            let echo = echo_after(HUNG);
            let Some(mut run) = start(transport, wire, echo.address(), 8, 0) else {
                continue;
            };
            run.wait_for_second(|second| second.in_flight == 8);
            if !first.is_empty() {
                run.order(first);
                let answer = run.order("users 5");
                assert!(answer.contains("refused the run is draining"), "{answer}");
            }
            assert_eq!(run.order("end"), "ok Anna ended the run at once");
            run.0.end_well();
            assert_eq!(run.0.word("outcome"), "Interrupted");
            assert_eq!(run.0.word("killed"), "true");
            run.0.assert_balanced();
            assert_eq!((run.0.count("sent"), run.0.count("ok")), (8, 0));
            if transport == "shm" {
                let event = run.0.event("WorkerLost");
                assert!(
                    event.contains("was ended with the run: Anna ended"),
                    "{event}"
                );
            }
        }
    }
}

fn what_cannot_be_done_is_refused_with_a_reason() {
    let echo = echo_after(Duration::from_millis(5));
    for (users, rate, orders) in [
        (
            8,
            0,
            [
                ("rate 5", "this run has no rate to set"),
                ("resume", "the run is not paused"),
                ("plan", "the run goes by its plan already"),
                ("users 0.5", "0.5 users cannot be set"),
                ("users 10000000", "descriptors in one process"),
            ],
        ),
        (
            8,
            50,
            [
                ("users 5", "this run has no number of users to set"),
                ("rate -1", "a rate of -1 cannot be set"),
                ("rate NaN", "a rate of NaN cannot be set"),
                ("rate 1e10", "a rate of 10000000000 cannot be set"),
                ("resume", "the run is not paused"),
            ],
        ),
    ] {
        let Some(mut run) = start("channel", WireChoice::Auto, echo.address(), users, rate) else {
            return;
        };
        run.wait_for_second(|second| second.done > 0);
        for (order, words) in orders {
            let answer = run.order(order);
            assert!(
                answer.starts_with("refused ") && answer.contains(words),
                "{answer}"
            );
        }
        run.order("pause");
        assert_eq!(run.order("pause"), "refused the run is paused already");
        run.order_the_end();
        assert_eq!(run.0.events("Steered"), 2, "what was refused is no event");
        run.assert_nothing_lost();
    }
}

fn a_storm_of_orders_is_bounded_and_loses_nothing() {
    for transport in ["channel", "shm"] {
        let echo = echo();
        let words = words(transport, WireChoice::Auto, echo.address(), 200, 100);
        // To its planned end: up to there what was asked for is known.
        let Some(mut run) = start_for(Duration::from_secs(6), words) else {
            continue;
        };
        run.wait_for_second(|second| second.done > 10);
        let answers: Vec<String> = (0..300)
            .map(|number| run.order(&format!("rate {}", 100 + number % 7 * 50)))
            .collect();
        let is_taken = |answer: &&String| answer.starts_with("ok ");
        let taken = answers.iter().filter(is_taken).count();
        let why = answers.iter().find(|answer| !is_taken(answer));
        let why = why.expect("they were too many, or came to the end of the run");
        match why.contains("wait a moment") {
            true => assert_eq!(taken, 256),
            // A machine so slow that the storm outlasts the run.
            false => assert!(why.contains("draining") || why.contains("over"), "{why}"),
        }
        run.0.end_well();
        run.assert_nothing_lost();
        run.assert_asked_for(1.5);
    }
}

/// Every transport with every wire.
fn ways() -> Vec<(&'static str, WireChoice)> {
    let wires = wires();
    let with = |transport| wires.iter().map(move |wire| (transport, *wire));
    with("channel").chain(with("shm")).collect()
}

/// A run that can be told orders.
struct Steered(Running);

/// What a run tells of a second.
#[derive(Debug)]
struct Second {
    active: u64,
    target: u64,
    in_flight: u64,
    rate: u64,
    done: u64,
    steering: String,
}

/// Two workers and so many users, or most users at so many arrivals a second; for longer than any test.
fn start(
    transport: &str,
    wire: WireChoice,
    address: SocketAddr,
    users: u64,
    rate: u64,
) -> Option<Steered> {
    start_for(HUNG, words(transport, wire, address, users, rate))
}

/// The same for so long.
fn start_for(duration: Duration, mut words: Vec<String>) -> Option<Steered> {
    words.push(duration.as_millis().to_string());
    Running::start(&words).map(Steered)
}

fn words(
    transport: &str,
    wire: WireChoice,
    address: SocketAddr,
    users: u64,
    rate: u64,
) -> Vec<String> {
    vec![
        transport.to_owned(),
        format!("{wire:?}"),
        address.to_string(),
        users.to_string(),
        rate.to_string(),
    ]
}

impl Steered {
    /// Orders something in Anna's name; gives the answer.
    fn order(&mut self, order: &str) -> String {
        self.0.tell(order);
        self.0.wait_for("answer ", |_| true)
    }

    /// Reads on until there is a second like this.
    fn wait_for_second(&mut self, is_wanted: impl Fn(&Second) -> bool) -> Second {
        let line = self
            .0
            .wait_for("second ", |line| is_wanted(&read_second(line)));
        read_second(&line)
    }

    fn order_the_end(&mut self) {
        self.order("stop");
        self.0.end_well();
    }

    /// The same once nothing arrives: a second that the drain begins in does not tell how much of it was asked for.
    fn end_arrivals(&mut self) {
        self.order("rate 0");
        self.wait_for_second(|second| second.rate == 0 && second.done == 0);
        self.order_the_end();
    }

    fn assert_nothing_lost(&self) {
        self.0.assert_balanced();
        assert_eq!((self.0.count("unknown"), self.0.count("failed")), (0, 0));
    }

    /// As many requests were intended as the targets of all seconds come to.
    fn assert_asked_for(&self, but: f64) {
        let asked: f64 = self.0.word("asked").parse().expect("a number");
        let intended = self.0.count("intended") as f64;
        assert!(
            (intended - asked).abs() <= but,
            "{asked} were asked for: {:?}",
            self.0.said
        );
    }
}

fn read_second(line: &str) -> Second {
    let words: Vec<&str> = line.splitn(6, ' ').collect();
    let number = |index: usize| words[index].parse().expect("a number");
    Second {
        active: number(0),
        target: number(1),
        in_flight: number(2),
        rate: number(3),
        done: number(4),
        steering: words[5].to_owned(),
    }
}

/// What the started process does: the run, with orders from its input and answers, events and seconds on its output.
fn carry_out(words: &[String]) -> ExitCode {
    let prepared = match prepare(plan_of(words)) {
        Ok(prepared) => prepared,
        Err(error @ PrepareError::SharedMemory(_)) => {
            println!("skip {error}");
            return ExitCode::SUCCESS;
        }
        Err(error) => panic!("{error}"),
    };
    let (sender, receiver) = crossbeam::channel::unbounded::<Arc<Snapshot>>();
    let mut telling = None;
    let ended = prepared.run(|helm| {
        println!("pid {}", std::process::id());
        thread::spawn(move || take_orders(&helm));
        telling = Some(thread::spawn(move || {
            let (mut totals, mut asked) = (Default::default(), 0.0);
            for second in receiver {
                second.events.iter().for_each(tell_event);
                tell_second(&second);
                asked += second.users.target_rate * second.length_s;
                totals = second.totals;
            }
            (totals, asked)
        }));
        Ok(sender)
    });
    let ended = ended.expect("the run begins");
    let telling = telling.expect("it was asked to observe");
    let (totals, asked) = telling.join().expect("it only tells");
    println!("outcome {:?}\nkilled {}", ended.outcome, ended.killed);
    println!(
        "workers_lost {}\nbalance {:?}",
        ended.workers_lost,
        totals.check()
    );
    println!(
        "asked {asked}\nintended {}\nsent {}",
        totals.intended, totals.sent
    );
    println!("ok {}\nfailed {}", totals.ok, totals.failed);
    println!("unknown {}\nlost {}", totals.unknown, totals.lost);
    ExitCode::SUCCESS
}

fn plan_of(words: &[String]) -> Plan {
    let number = |index: usize| words[index].parse::<u64>().expect("a number");
    let play = Play::new(&[words[2].parse().expect("an address")], get("/"));
    let demand = match number(4) {
        0 => Demand::Users(Pattern::Constant(number(3) as f64)),
        rate => Demand::Arrivals {
            rate: Pattern::Constant(rate as f64),
            gaps: Gaps::Even,
            max_users: number(3),
        },
    };
    let wire = match words[1].as_str() {
        "Uring" => WireChoice::Uring,
        "Epoll" => WireChoice::Epoll,
        _ => WireChoice::Auto,
    };
    Plan {
        parts: vec![part(demand, Arc::new(play.clone()))],
        duration: Duration::from_millis(number(5)),
        cpus: cpus(2),
        transport: match words[0].as_str() {
            "shm" => TransportChoice::Shm,
            _ => TransportChoice::Channel,
        },
        time_limit: 2 * HUNG,
        graceful_stop: HUNG,
        ..plan(play, wire)
    }
}

/// A line an order, in Anna's name.
fn take_orders(helm: &Helm) {
    for line in io::stdin().lines() {
        let line = line.expect("text");
        let (word, value) = line.split_once(' ').unwrap_or((&line, "0"));
        let value: f64 = value.parse().expect("a number");
        let action = match word {
            "stop" => SteerAction::Stop,
            "end" => SteerAction::End,
            "pause" => SteerAction::Pause,
            "resume" => SteerAction::Resume,
            "plan" => SteerAction::Plan,
            "users" => SteerAction::Users(value),
            "rate" => SteerAction::Rate(value),
            other => panic!("no order: {other}"),
        };
        match helm.order(Order::new("Anna", action)) {
            Ok(event) => println!("answer ok {}", event.text),
            Err(error) => println!("answer refused {error}"),
        }
    }
}

fn tell_second(second: &Snapshot) {
    let (users, held) = (&second.users, &second.steering);
    let steering = match (held.paused, held.users, held.rate) {
        (true, ..) => "paused".to_owned(),
        (_, Some(users), _) => format!("users {users}"),
        (_, _, Some(rate)) => format!("rate {rate}"),
        _ => "planned".to_owned(),
    };
    println!(
        "second {} {} {} {} {} {steering}",
        users.active,
        users.target,
        users.in_flight,
        users.target_rate.round(),
        second.requests.done,
    );
}
