//! Runs in which something goes wrong on our side or on the way: tasks that panic, hog or fail their checks, servers that
//! refuse, an end that comes too early. Neighbours: `life.rs` for runs that go well, `answers.rs` for bad answers.
//! Invariant: what went wrong is counted with its words, and everything else goes on.

mod support;

use loadforge_analysis::RunOutcome;
use loadforge_engine::{Plan, WireChoice};
use loadforge_scenarios::{Demand, ErrorKind, Pattern, RampCurve, User};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{
    props::{add_one, counter, document, echo, get, read},
    scripted::{Refusing, ScriptedServer, Welcome},
    stage::{Play, act, cpus, part, plan, planned, run, run_losing, wires},
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
fn a_setup_that_panics_behind_a_task_that_did_is_no_iteration_and_waits_too() {
    for wire in wires() {
        let echo = echo();
        let (tried, tries) = counter();
        let setup = act(async move |_: &mut User| {
            assert_eq!(add_one(&tries), 0, "only the first life begins");
            Ok(())
        });
        let task = act(async |user: &mut User| {
            user.get("/").send().await?;
            panic!("the first life ends");
        });
        let nothing = act(async |_: &mut User| Ok(()));
        let ran = run(Plan {
            duration: 500 * MS,
            graceful_stop: Duration::from_secs(30),
            ..plan(
                Play::new(&[echo.address()], task).between(setup, nothing),
                wire,
            )
        });
        let tried = read(&tried);
        assert_eq!(tried, 2, "setups in 0.5 s over {wire:?}");
        let requests = &ran.summary.requests;
        assert_eq!((requests.iterations, requests.iterations_failed), (1, 1));
    }
}

/// What a user draws in its first tasks, each of which panics or not.
fn draws(wire: WireChoice, panics: bool) -> Vec<String> {
    let echo = echo();
    let draws = Arc::new(Mutex::new(Vec::new()));
    let drawn = Arc::clone(&draws);
    let task = act(async move |user: &mut User| {
        let draw = user.random().uuid();
        drawn.lock().expect("nobody panics within").push(draw);
        user.get("/").send().await?;
        assert!(!panics, "whatever it draws");
        Ok(())
    });
    let ran = run(Plan {
        max_requests: Some(20),
        ..plan(Play::new(&[echo.address()], task), wire)
    });
    assert_eq!(ran.counts().0, 20);
    let mut draws = draws.lock().expect("nobody panicked within").clone();
    draws.truncate(20);
    draws
}

#[test]
fn a_user_draws_other_numbers_after_a_panic_and_the_same_in_every_run() {
    for wire in wires() {
        let unbroken = draws(wire, false);
        let first = draws(wire, true);
        assert_eq!(first[0], unbroken[0], "the first life is as it ever was");
        assert_eq!(first, draws(wire, true));
        let distinct: std::collections::BTreeSet<&String> = first.iter().collect();
        assert_eq!(distinct.len(), 20, "{first:?}");
    }
}

#[test]
fn a_task_that_never_gives_its_thread_back_does_not_hold_the_run() {
    for wire in wires() {
        let echo = echo();
        let task = act(async |user: &mut User| {
            user.get("/").send().await?;
            // Nobody can end a thread from outside: it stays until this process goes.
            loop {
                std::thread::sleep(Duration::from_secs(3600));
            }
        });
        let plan = Plan {
            duration: 200 * MS,
            graceful_stop: 100 * MS,
            ..plan(Play::new(&[echo.address()], task), wire)
        };
        let ran = run_losing(1, plan);
        assert_eq!(ran.counts().0, 1, "what it had sent is in the books");
        let told = ran.snapshots.iter().flat_map(|second| &second.events);
        let told: Vec<&str> = told.map(|event| event.text.as_str()).collect();
        assert!(
            told.iter()
                .any(|text| text.contains("did not leave in time")),
            "{told:?}"
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
fn tasks_that_try_for_ever_do_not_keep_their_worker_from_its_end() {
    for wire in wires() {
        for pause in [None, Some(10 * MS), Some(Duration::from_secs(1))] {
            let echo = echo();
            // Nothing ever comes of the job, and a refusal is taken for a bad answer.
            let task = act(async move |user: &mut User| {
                loop {
                    if let Ok(answer) = user.get("/job").send().await
                        && answer.status() == 201
                    {
                        return Ok(());
                    }
                    if let Some(pause) = pause {
                        user.sleep(pause).await;
                    }
                }
            });
            let ran = run(Plan {
                duration: 200 * MS,
                graceful_stop: 300 * MS,
                ..planned(
                    Pattern::Constant(2.0),
                    Play::new(&[echo.address()], task),
                    wire,
                )
            });
            assert_eq!(ran.outcome, RunOutcome::Completed, "{pause:?}");
            assert!(ran.counts().1 >= 2, "{pause:?} over {wire:?}");
        }
    }
}

#[test]
fn a_user_that_tries_on_although_it_is_to_leave_storms_nobody() {
    for wire in wires() {
        let echo = echo();
        let task = act(async |user: &mut User| {
            loop {
                user.get("/job").send().await?;
                user.sleep(Duration::from_secs(10)).await;
            }
        });
        let ramp = Pattern::Ramp {
            from: 5.0,
            to: 1.0,
            over: 200 * MS,
            curve: RampCurve::Linear,
        };
        let ran = run(Plan {
            duration: 500 * MS,
            graceful_stop: 300 * MS,
            ..planned(ramp, Play::new(&[echo.address()], task), wire)
        });
        // Each of the five began with one, and four go on for a while before they are slowed down.
        let sent = ran.counts().0;
        assert!((6..=5 + 4 * 9).contains(&sent), "{sent} over {wire:?}");
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
