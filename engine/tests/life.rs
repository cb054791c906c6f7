//! Whole runs against servers that behave: users come, work and leave; limits, names, large bodies, ends.
//! Neighbours: `faults.rs` for what can go wrong in a run, `answers.rs` for what servers can do wrong, `transports.rs` for
//! worker processes. Invariant: counts are exact; nothing here is decided by a clock.

mod support;

use bytes::Bytes;
use loadforge_analysis::{EventKind, Phase, RunOutcome};
use loadforge_engine::Plan;
use loadforge_scenarios::{
    Body, Demand, ErrorKind, Failure, Method, OriginId, Pattern, RampCurve, Request, ThinkTime,
    User,
};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use support::{
    props::{add_one, counter, document, echo, get, read},
    stage::{Act, Play, act, cpus, part, plan, planned, run, wires},
};

const MS: Duration = Duration::from_millis(1);

type Moments = Arc<Mutex<Vec<Instant>>>;

/// A list of moments for closures.
fn moments() -> Moments {
    Moments::default()
}

/// An act that notes when it is done.
fn note_moment(moments: &Moments) -> Act {
    let moments = Arc::clone(moments);
    act(async move |_: &mut User| {
        moments.lock().expect("nobody panics").push(Instant::now());
        Ok(())
    })
}

/// The moments in their order.
fn taken(moments: &Moments) -> Vec<Instant> {
    let mut moments = moments.lock().expect("nobody panics").clone();
    moments.sort();
    moments
}

#[test]
fn setup_and_teardown_happen_once_per_user() {
    for wire in wires() {
        let echo = echo();
        let scenario = document(
            echo.address(),
            "[[setup]]\nname = \"enter\"\npost = \"/in\"\nbody = \"x\"\n\
             [[teardown]]\nname = \"leave\"\ndelete = \"/out\"\n\
             [[task]]\nname = \"work\"\nget = \"/\"\nthink_time = \"2ms\"\n",
        );
        let nobody = Play::new(&[echo.address()], get("/"));
        let ran = run(Plan {
            parts: vec![part(Demand::Users(Pattern::Constant(7.0)), scenario)],
            cpus: cpus(2),
            duration: 500 * MS,
            ..plan(nobody, wire)
        });
        assert_eq!(ran.outcome, RunOutcome::Completed);
        assert_eq!(ran.endpoint("enter"), (7, 0));
        assert_eq!(ran.endpoint("leave"), (7, 0));
        let work = ran.endpoint("work");
        assert!(work.0 >= 7 && work.1 == 0, "{work:?}");
        assert_eq!(ran.summary.requests.iterations, work.0);
        assert_eq!(ran.counts().0, echo.requests());
        // Each user kept its connection.
        assert_eq!(ran.summary.requests.connects, 7);
        assert_eq!(echo.counts().connections, 7);
    }
}

#[test]
fn what_follows_a_pause_in_a_teardown_is_sent() {
    for wire in wires() {
        let echo = echo();
        let scenario = document(
            echo.address(),
            "[[task]]\nname = \"work\"\nget = \"/\"\nthink_time = \"2ms\"\n\
             [[teardown]]\nname = \"leave\"\npost = \"/logout\"\nbody = \"x\"\n\
             [[teardown]]\npause = \"50ms\"\n\
             [[teardown]]\nname = \"tidy\"\ndelete = \"/x\"\n",
        );
        let nobody = Play::new(&[echo.address()], get("/"));
        let ran = run(Plan {
            parts: vec![part(Demand::Users(Pattern::Constant(3.0)), scenario)],
            duration: 200 * MS,
            ..plan(nobody, wire)
        });
        assert_eq!(ran.endpoint("leave"), (3, 0));
        assert_eq!(ran.endpoint("tidy"), (3, 0), "over {wire:?}");
    }
}

#[test]
fn the_limit_of_requests_is_met_exactly_by_two_workers() {
    for wire in wires() {
        let echo = echo();
        let ran = run(Plan {
            cpus: cpus(2),
            max_requests: Some(1237),
            ..planned(
                Pattern::Constant(9.0),
                Play::new(&[echo.address()], get("/")),
                wire,
            )
        });
        assert_eq!(ran.counts(), (1237, 1237, 0));
        assert_eq!(echo.requests(), 1237);
        assert_eq!(ran.outcome, RunOutcome::Completed);
        let drains = ran
            .summary
            .events
            .iter()
            .filter(|event| event.kind == EventKind::Drain);
        let words: Vec<&str> = drains.map(|event| event.text.as_str()).collect();
        assert!(
            words.len() == 1 && words[0].contains("limit of requests"),
            "{words:?}"
        );
    }
}

#[test]
fn users_think_between_their_tasks() {
    for wire in wires() {
        for think_time in [
            ThinkTime::Constant(50 * MS),
            ThinkTime::Uniform(50 * MS, 80 * MS),
        ] {
            let echo = echo();
            let play = Play::new(&[echo.address()], get("/")).thinking(think_time.clone());
            let ran = run(Plan {
                duration: 600 * MS,
                ..plan(play, wire)
            });
            // Never more than fit, however fast the machine: a pause is never cut short. How many fewer is chance.
            let (sent, ok, _) = ran.counts();
            assert!(
                (1..=13).contains(&sent),
                "{sent} of {think_time:?} over {wire:?}"
            );
            assert_eq!(sent, ok);
        }
    }
}

#[test]
fn users_come_as_the_ramp_asks_and_leave_as_it_falls() {
    const OVER: Duration = Duration::from_millis(500);
    for wire in wires() {
        for (from, to) in [(1.0, 8.0), (8.0, 1.0)] {
            let echo = echo();
            let (comes, goes) = (moments(), moments());
            let play = Play::new(&[echo.address()], get("/"))
                .between(note_moment(&comes), note_moment(&goes))
                .thinking(ThinkTime::Constant(5 * MS));
            let begun = Instant::now();
            let ran = run(Plan {
                duration: 2100 * MS,
                cpus: cpus(2),
                ..planned(
                    Pattern::Ramp {
                        from,
                        to,
                        over: OVER,
                        curve: RampCurve::Linear,
                    },
                    play,
                    wire,
                )
            });
            let (comes, goes) = (taken(&comes), taken(&goes));
            assert_eq!(
                (comes.len(), goes.len()),
                (8, 8),
                "each user came and went once"
            );
            // Seven changes of one user each, the first of them when the target has moved by a half; never earlier.
            let changes = if to > from { &comes[1..] } else { &goes[..7] };
            for (index, moment) in changes.iter().enumerate() {
                let due = OVER.mul_f64((index as f64 + 0.5) / 7.0);
                assert!(
                    *moment >= begun + due,
                    "change {index} of the ramp to {to} over {wire:?}"
                );
            }
            // The ramp is over before the second of these windows begins.
            let second = &ran.snapshots[1];
            let counted = (second.phase, second.users.target, second.users.active);
            assert_eq!(
                counted,
                (Phase::Running, to as u64, to as u64),
                "over {wire:?}"
            );
            assert!(ran.snapshots.iter().all(|second| {
                second.users.active <= 8 && second.users.in_flight <= second.users.active
            }));
        }
    }
}

#[test]
fn names_chosen_at_run_time_are_endpoints_of_their_own() {
    for wire in wires() {
        let echo = echo();
        let task = act(async |user: &mut User| {
            let user_id = user.id();
            user.get("/known?x=1").send().await?;
            user.get(&format!("/item/{user_id}"))
                .name("item")
                .send()
                .await?;
            user.post("/item/new")
                .name("item")
                .body(b"one")
                .send()
                .await?;
            user.get("/")
                .name(&format!("of user {user_id}"))
                .send()
                .await
                .map(|_| ())
        });
        let play = Play::new(&[echo.address()], task).naming(&["never asked for"]);
        let ran = run(Plan {
            max_requests: Some(400),
            ..planned(Pattern::Constant(4.0), play, wire)
        });
        assert_eq!(ran.counts(), (400, 400, 0));
        let mut names: Vec<(&str, &str)> = ran
            .summary
            .endpoints
            .iter()
            .map(|one| (one.name.as_str(), one.method.as_str()))
            .collect();
        names.sort_unstable();
        let expected = [
            ("/known", "GET"),
            ("item", "GET"),
            ("item", "POST"),
            ("of user 0", "GET"),
            ("of user 1", "GET"),
            ("of user 2", "GET"),
            ("of user 3", "GET"),
        ];
        assert_eq!(names, expected);
        // On one worker each user asks in turn, so that no two names differ by more than one a user.
        let known = ran.endpoint("/known").0;
        assert!((100..=104).contains(&known), "{known}");
    }
}

#[test]
fn large_answers_and_large_requests_come_whole() {
    const LARGE: usize = 20_000_000;
    let sent = Bytes::from(
        (0..5_000_000u32)
            .map(|at| (at % 251) as u8)
            .collect::<Vec<u8>>(),
    );
    for wire in wires() {
        let (echo, sent) = (echo(), sent.clone());
        let task = act(async move |user: &mut User| {
            let response = user
                .get(&format!("/bytes/{LARGE}"))
                .name("down")
                .send()
                .await?;
            let whole = response.body().len() == LARGE
                && response
                    .body()
                    .chunks(13)
                    .all(|words| b"hello, world!".starts_with(words));
            let upload = Request {
                method: Method::Post,
                path: "/echo".to_owned(),
                body: Body::Shared(sent.clone()),
                keep_body: true,
                ..Request::new()
            };
            let same = user.send(&upload, &200.into()).await?.body() == sent;
            match (whole, same) {
                (true, true) => Ok(()),
                found => Err(Failure::new(ErrorKind::Check, format!("intact: {found:?}"))),
            }
        });
        let (passed, passes) = counter();
        let checked = act(async move |user: &mut User| {
            task(user).await?;
            add_one(&passes);
            Ok(())
        });
        let ran = run(Plan {
            max_requests: Some(4),
            time_limit: Duration::from_secs(60),
            duration: Duration::from_secs(60),
            ..plan(Play::new(&[echo.address()], checked).naming(&["up"]), wire)
        });
        assert_eq!(ran.counts(), (4, 4, 0), "{:?}", ran.summary.errors);
        assert_eq!(
            read(&passed),
            2,
            "both rounds brought the very bytes over {wire:?}"
        );
        let requests = &ran.summary.requests;
        assert!(
            requests.bytes_in > 2 * (LARGE as u64 + 5_000_000),
            "{}",
            requests.bytes_in
        );
        assert!(requests.bytes_out > 2 * 5_000_000, "{}", requests.bytes_out);
        assert_eq!(requests.connects, 1, "it was one connection throughout");
    }
}

#[test]
fn an_answer_within_the_graceful_stop_counts() {
    for wire in wires() {
        let echo = echo();
        let ran = run(Plan {
            max_requests: Some(5),
            ..planned(
                Pattern::Constant(5.0),
                Play::new(&[echo.address()], get("/delay/300ms")),
                wire,
            )
        });
        assert_eq!(
            ran.counts(),
            (5, 5, 0),
            "sent before the drain, answered in it"
        );
        assert_eq!(echo.requests(), 5);
        let last = ran.snapshots.last().expect("a last second");
        assert_eq!(last.phase, Phase::Draining);
    }
}

#[test]
fn users_of_several_origins_keep_a_connection_to_each() {
    for wire in wires() {
        let (one, other) = (echo(), echo());
        let task = act(async |user: &mut User| {
            user.get("/a").send().await?;
            user.get("/b").origin(OriginId(1)).send().await.map(|_| ())
        });
        let ran = run(Plan {
            max_requests: Some(80),
            ..planned(
                Pattern::Constant(2.0),
                Play::new(&[one.address(), other.address()], task),
                wire,
            )
        });
        assert_eq!(ran.counts(), (80, 80, 0));
        assert_eq!(
            (one.requests(), one.counts().connections),
            (ran.endpoint("/a").0, 2)
        );
        assert_eq!(
            (other.requests(), other.counts().connections),
            (ran.endpoint("/b").0, 2)
        );
    }
}
