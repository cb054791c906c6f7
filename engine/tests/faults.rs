//! Runs in which something goes wrong on our side or on the way: tasks that panic, hog or fail their checks, servers that
//! refuse, an end that comes too early. Neighbours: `life.rs` for runs that go well, `answers.rs` for bad answers.
//! Invariant: what went wrong is counted with its words, and everything else goes on.

mod support;

use loadforge_analysis::RunOutcome;
use loadforge_engine::Plan;
use loadforge_scenarios::{Demand, ErrorKind, Pattern, User};
use std::time::Duration;
use support::{
    props::{add_one, counter, document, echo, get, read},
    scripted::{Refusing, ScriptedServer, Welcome},
    stage::{Play, act, cpus, part, plan, planned, run, wires},
};

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_task_that_panics_is_told_with_its_place_and_its_worker_lives_on() {
    for wire in wires() {
        let echo = echo();
        let (_, tasks) = counter();
        let task = act(async move |user: &mut User| {
            user.get("/").send().await?;
            assert!(
                !add_one(&tasks).is_multiple_of(4),
                "every fourth task is broken"
            );
            Ok(())
        });
        let ran = run(Plan {
            max_requests: Some(40),
            ..planned(
                Pattern::Constant(3.0),
                Play::new(&[echo.address()], task),
                wire,
            )
        });
        assert_eq!(ran.counts().0, 40, "no request is missing");
        let errors = &ran.summary.errors;
        assert_eq!(
            ran.errors(ErrorKind::Panic, "every fourth task is broken"),
            10,
            "{errors:?}"
        );
        assert_eq!(ran.errors(ErrorKind::Panic, file!()), 10, "{errors:?}");
        assert_eq!(ran.outcome, RunOutcome::Completed);
        assert_eq!(echo.requests(), 40);
    }
}

#[test]
fn a_setup_that_panics_is_tried_again_after_a_pause_and_holds_nothing_up() {
    for wire in wires() {
        let echo = echo();
        let (tried, tries) = counter();
        let setup = act(async move |user: &mut User| {
            add_one(&tries);
            assert!(user.id() > 0, "the first user cannot begin");
            Ok(())
        });
        let nothing = act(async |_: &mut User| Ok(()));
        let ran = run(Plan {
            duration: 500 * MS,
            graceful_stop: Duration::from_secs(30),
            ..planned(
                Pattern::Constant(2.0),
                Play::new(&[echo.address()], get("/")).between(setup, nothing),
                wire,
            )
        });
        // As after a setup that fails: `SETUP_RETRY` lies between two tries.
        assert!(
            read(&tried) <= 3,
            "{} setups in 0.5 s over {wire:?}",
            read(&tried)
        );
        assert!(ran.counts().1 > 0, "the other user works");
        // It was not cut off at the end of the graceful stop.
        let length_s = ran.summary.duration_s;
        assert!(
            length_s < 30.0,
            "the drain waited {length_s} s for a user that never began"
        );
    }
}

#[test]
fn a_teardown_that_panics_happens_once() {
    for wire in wires() {
        let echo = echo();
        let (begun, begins) = counter();
        let teardown = act(async move |_: &mut User| {
            add_one(&begins);
            panic!("no way out");
        });
        let nothing = act(async |_: &mut User| Ok(()));
        let ran = run(Plan {
            max_requests: Some(30),
            graceful_stop: 2000 * MS,
            ..planned(
                Pattern::Constant(3.0),
                Play::new(&[echo.address()], get("/")).between(nothing, teardown),
                wire,
            )
        });
        assert_eq!(ran.counts(), (30, 30, 0));
        assert_eq!(read(&begun), 3, "teardowns of 3 users over {wire:?}");
        assert_eq!(ran.errors(ErrorKind::Panic, "no way out"), 3);
    }
}

#[test]
fn a_task_that_never_waits_does_not_keep_others_from_working() {
    for wire in wires() {
        let echo = echo();
        let (idled, idles) = counter();
        let task = act(async move |user: &mut User| {
            if user.id() == 0 {
                std::thread::sleep(MS);
                add_one(&idles);
                return Ok(());
            }
            user.get("/").send().await.map(|_| ())
        });
        let ran = run(Plan {
            duration: 500 * MS,
            ..planned(
                Pattern::Constant(2.0),
                Play::new(&[echo.address()], task),
                wire,
            )
        });
        assert_eq!(ran.outcome, RunOutcome::Completed);
        let (_, ok, failed) = ran.counts();
        assert_eq!(failed, 0);
        // A request takes a few turns of the worker and the server's time, and the busy user has one iteration a turn.
        let idled = read(&idled);
        assert!(
            ok * 60 > idled,
            "{ok} requests beside {idled} idle iterations over {wire:?}"
        );
        assert_eq!(ran.summary.requests.iterations, idled + ok);
    }
}

#[test]
fn failed_checks_are_counted_with_their_words() {
    for wire in wires() {
        let echo = echo();
        let scenario = document(
            echo.address(),
            "[[task]]\nname = \"price\"\nget = \"/\"\ncheck = { body_contains = \"price\" }\n",
        );
        let max_requests = Some(20);
        let any = Play::new(&[echo.address()], get("/"));
        let ran = run(Plan {
            parts: vec![part(Demand::Users(Pattern::Constant(1.0)), scenario)],
            max_requests,
            ..plan(any, wire)
        });
        assert_eq!(ran.counts(), (20, 0, 20));
        assert_eq!(
            ran.errors(ErrorKind::Check, "price"),
            20,
            "{:?}",
            ran.summary.errors
        );
        assert_eq!(
            ran.summary.status.get(&200),
            Some(&20),
            "the answers themselves came"
        );

        let (_, asked) = counter();
        let task = act(async move |user: &mut User| {
            user.get("/").send().await?;
            match add_one(&asked) % 2 {
                0 => Err(user.fail_check("too few apples".to_owned())),
                _ => Ok(()),
            }
        });
        let play = Play::new(&[echo.address()], task);
        let ran = run(Plan {
            max_requests,
            ..plan(play, wire)
        });
        assert_eq!(ran.counts(), (20, 10, 10));
        assert_eq!(ran.errors(ErrorKind::Check, "too few apples"), 10);
        assert_eq!(ran.summary.requests.iterations, 20);
    }
}

#[test]
fn a_refused_port_fails_every_request_and_the_run_ends() {
    for wire in wires() {
        let nobody = Refusing::new();
        let ran = run(Plan {
            max_requests: Some(50),
            ..planned(
                Pattern::Constant(4.0),
                Play::new(&[nobody.address], get("/")),
                wire,
            )
        });
        assert_eq!(ran.counts(), (50, 0, 50));
        let words = format!(
            "connecting to http://{}: connection refused",
            nobody.address
        );
        assert_eq!(
            ran.errors(ErrorKind::Connect, &words),
            50,
            "{:?}",
            ran.summary.errors
        );
        assert_eq!(ran.summary.requests.connects, 0);
    }
}

#[test]
fn the_next_address_of_an_origin_is_tried_when_the_first_refuses() {
    for wire in wires() {
        let (nobody, echo) = (Refusing::new(), echo());
        let mut plan = planned(
            Pattern::Constant(3.0),
            Play::new(&[echo.address()], get("/")),
            wire,
        );
        plan.parts[0].addresses = vec![vec![nobody.address, echo.address()]];
        plan.max_requests = Some(60);
        let ran = run(plan);
        assert_eq!(ran.counts(), (60, 60, 0), "{:?}", ran.summary.errors);
        assert_eq!(echo.requests(), 60);
        assert_eq!(ran.summary.requests.connects, 3);
    }
}

#[test]
fn what_is_in_flight_at_the_end_is_cut_and_counted_as_interrupted() {
    for wire in wires() {
        let server = ScriptedServer::start(Welcome::Listen);
        let nothing = act(async |_: &mut User| Ok(()));
        let teardown = act(async |user: &mut User| user.get("/out").send().await.map(|_| ()));
        let ran = run(Plan {
            cpus: cpus(2),
            duration: 1000 * MS,
            graceful_stop: 200 * MS,
            time_limit: Duration::from_secs(60),
            ..planned(
                Pattern::Constant(5.0),
                Play::new(&[server.address], get("/no-answer")).between(nothing, teardown),
                wire,
            )
        });
        assert_eq!(ran.outcome, RunOutcome::Completed);
        assert_eq!(ran.counts(), (5, 0, 5));
        let words = "in flight when the run ended (waited 200ms)";
        assert_eq!(
            ran.errors(ErrorKind::Interrupted, words),
            5,
            "{:?}",
            ran.summary.errors
        );
        assert_eq!(server.seen("/no-answer").requests, 5);
        assert_eq!(
            server.seen("/out").requests,
            0,
            "nothing more is sent once the run is over"
        );
    }
}
