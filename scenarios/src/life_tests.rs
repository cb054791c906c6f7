//! Tests of a user's life, lived in memory: every stage, and the drain falling into each of them.

use super::*;
use crate::{
    DocumentScenario, Failure, Origin, Scenario, Scheme, UserFuture,
    document::parse,
    testing::{Answer, Deed, Event, MemoryRun, SentRequest},
};
use std::{cell::Cell, path::Path, sync::Arc};

fn document(text: &str) -> Arc<dyn Scenario> {
    let text = format!("target = \"echo\"\n{text}");
    let document = parse("life.toml", &text, &|_| None, Path::new("")).unwrap();
    let scenario: DocumentScenario = document.scenario;
    Arc::new(scenario)
}

const WHOLE_LIFE: &str = "think_time = \"100ms\"\n[[setup]]\npost = \"/in\"\n[[setup]]\npost = \"/in2\"\n\
     [[teardown]]\npost = \"/out\"\n[[task]]\n[[task.step]]\nget = \"/a\"\n[[task.step]]\nget = \"/b\"\n";

/// What each user sent, with the time in ms.
fn sent(events: &[Event]) -> Vec<(u64, &str)> {
    let sent = |event| match event {
        &Event {
            at_ns,
            deed: Deed::Sent(ref request),
            ..
        } => Some((at_ns / 1_000_000, request.path.as_str())),
        _ => None,
    };
    events.iter().filter_map(sent).collect()
}

fn count(events: &[Event], wanted: &Deed) -> usize {
    events.iter().filter(|event| event.deed == *wanted).count()
}

fn run_until(drain_ms: u64, answer: impl Fn(&SentRequest) -> Answer + 'static) -> MemoryRun {
    MemoryRun {
        drain_at: Duration::from_millis(drain_ms),
        ..MemoryRun::new(answer)
    }
}

#[test]
fn a_life_goes_through_setup_tasks_pauses_and_teardown_in_order() {
    let events = run_until(110, |_| Answer::status(200)).play(&document(WHOLE_LIFE));
    let expected = [
        (0, "/in"),
        (1, "/in2"),
        (2, "/a"),
        (3, "/b"),
        (104, "/a"),
        (105, "/b"),
        (110, "/out"),
    ];
    assert_eq!(sent(&events), expected);
    assert_eq!(count(&events, &Deed::Ended(false)), 2);
    assert_eq!(count(&events, &Deed::TeardownBegan), 1);
    assert_eq!(events.last().unwrap().deed, Deed::Left);
}

#[test]
fn a_failed_setup_is_tried_again_from_its_start_after_a_pause() {
    let tries = Cell::new(0);
    let answer = move |request: &SentRequest| {
        tries.set(tries.get() + u32::from(request.path == "/in2"));
        Answer::status(if request.path == "/in2" && tries.get() < 3 {
            503
        } else {
            200
        })
    };
    let events = run_until(2_010, answer).play(&document(WHOLE_LIFE));
    let expected = [
        (0, "/in"),
        (1, "/in2"),
        (1_002, "/in"),
        (1_003, "/in2"),
        (2_004, "/in"),
        (2_005, "/in2"),
        (2_006, "/a"),
        (2_007, "/b"),
        (2_010, "/out"),
    ];
    assert_eq!(sent(&events), expected);
}

#[test]
fn a_user_whose_setup_never_succeeded_leaves_without_tasks_and_teardown() {
    for drain_ms in [0, 1, 500, 1_002] {
        let events = run_until(drain_ms, |_| Answer::status(500)).play(&document(WHOLE_LIFE));
        assert_eq!(count(&events, &Deed::TeardownBegan), 0, "{drain_ms}");
        assert_eq!(count(&events, &Deed::Began), 0, "{drain_ms}");
        assert!(
            events
                .iter()
                .all(|event| event.at_ns <= drain_ms * 1_000_000 + 1_000_000)
        );
    }
}

#[test]
fn teardown_is_done_exactly_once_wherever_the_drain_falls() {
    // Setup ends at 2 ms; the drain falls into every stage of the life, ms by ms.
    for drain_ms in 0..=220 {
        let run = MemoryRun {
            users: 3,
            ..run_until(drain_ms, |_| Answer::status(200))
        };
        let events = run.play(&document(WHOLE_LIFE));
        for user in 0..3 {
            let own: Vec<Event> = events
                .iter()
                .filter(|event| event.user == user)
                .cloned()
                .collect();
            let outs = sent(&own)
                .iter()
                .filter(|(_, path)| *path == "/out")
                .count();
            // At 1 ms the second setup request is refused.
            assert_eq!(outs, usize::from(drain_ms > 1), "drain at {drain_ms} ms");
            assert_eq!(
                count(&own, &Deed::TeardownBegan),
                outs,
                "drain at {drain_ms} ms"
            );
            let (began, ended) = (
                count(&own, &Deed::Began),
                own.iter()
                    .filter(|e| matches!(e.deed, Deed::Ended(_)))
                    .count(),
            );
            // One that the drain cut short has begun and is not counted as ended.
            let cut_short = match began {
                0 => 0,
                _ => count(&own, &Deed::Refused),
            };
            assert_eq!(began, ended + cut_short, "drain at {drain_ms} ms");
            assert_eq!(own.last().unwrap().deed, Deed::Left);
        }
    }
}

#[test]
fn an_iteration_cut_off_by_the_drain_has_neither_succeeded_nor_failed() {
    // At 3 ms the first step has its answer and the second is refused.
    let events = run_until(3, |_| Answer::status(200)).play(&document(WHOLE_LIFE));
    assert_eq!(count(&events, &Deed::Refused), 1);
    assert_eq!(count(&events, &Deed::Ended(false)), 0);
    assert_eq!(count(&events, &Deed::Ended(true)), 0);
    assert_eq!(sent(&events).last(), Some(&(3, "/out")));
}

#[test]
fn the_drain_ends_a_pause_and_a_request_in_flight_gets_its_answer() {
    let events = run_until(50, |_| Answer::status(200)).play(&document(WHOLE_LIFE));
    assert_eq!(
        sent(&events).last(),
        Some(&(50, "/out")),
        "the pause from 4 to 104 ms is cut"
    );
    let slow = |_: &SentRequest| Answer {
        delay: Duration::from_millis(40),
        ..Answer::status(200)
    };
    let events = run_until(100, slow).play(&document(WHOLE_LIFE));
    assert_eq!(
        sent(&events),
        [(0, "/in"), (40, "/in2"), (80, "/a"), (120, "/out")]
    );
}

#[test]
fn a_failed_step_ends_its_iteration_and_the_user_goes_on() {
    let answer = |request: &SentRequest| match request.path.as_str() {
        "/a" => Answer::failure(Failure::new(ErrorKind::Reset, "gone")),
        _ => Answer::status(200),
    };
    let events = run_until(150, answer).play(&document(WHOLE_LIFE));
    assert_eq!(
        sent(&events),
        [
            (0, "/in"),
            (1, "/in2"),
            (2, "/a"),
            (103, "/a"),
            (150, "/out")
        ]
    );
    assert_eq!(count(&events, &Deed::Ended(true)), 2);
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let text = "think_time = \"1ms..50ms\"\n[[task]]\nget = \"/a\"\n[[task]]\nget = \"/b\"\n";
    let play = |seed| {
        MemoryRun {
            seed,
            users: 2,
            ..MemoryRun::new(|_| Answer::status(200))
        }
        .play(&document(text))
    };
    assert_eq!(play(7), play(7));
    assert_ne!(play(7), play(8));
    let both = play(7);
    let of = |user| {
        sent(
            &both
                .iter()
                .filter(|e| e.user == user)
                .cloned()
                .collect::<Vec<_>>(),
        )
        .iter()
        .map(|(at, _)| *at)
        .collect::<Vec<_>>()
    };
    assert_ne!(of(0), of(1), "users draw their own numbers");
}

/// A scenario whose setup fails without sending anything.
struct NeverReady([Origin; 1]);

struct NeverReadyScript(TaskWeights);

impl Script for NeverReadyScript {
    async fn setup(&mut self, _: &mut User) -> Outcome {
        Err(Failure::new(ErrorKind::Check, "not ready"))
    }
    fn weights(&self) -> &TaskWeights {
        &self.0
    }
    async fn task(&mut self, _: usize, _: &mut User) -> Outcome {
        Ok(())
    }
    fn think_time(&self) -> &ThinkTime {
        &ThinkTime::None
    }
    async fn teardown(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }
}

impl Scenario for NeverReady {
    fn name(&self) -> &str {
        "never-ready"
    }
    fn origins(&self) -> &[Origin] {
        &self.0
    }
    fn endpoints(&self) -> &[String] {
        &[]
    }
    fn fixed_requests(&self) -> u32 {
        0
    }
    fn start_user(self: Arc<Self>, user: User) -> UserFuture {
        Box::pin(live(NeverReadyScript(TaskWeights::new([1]).unwrap()), user))
    }
}

#[test]
fn a_setup_that_fails_without_sending_anything_still_sees_the_drain() {
    let origin = Origin {
        scheme: Scheme::Http,
        host: "a.test".into(),
        port: 80,
    };
    let scenario: Arc<dyn Scenario> = Arc::new(NeverReady([origin]));
    let events = run_until(2_500, |_| Answer::status(200)).play(&scenario);
    let pauses: Vec<_> = events
        .iter()
        .map(|event| (event.at_ns / 1_000_000, &event.deed))
        .collect();
    let second = Duration::from_secs(1);
    let half = Duration::from_millis(500);
    assert_eq!(
        pauses,
        [
            (1_000, &Deed::Slept(second)),
            (2_000, &Deed::Slept(second)),
            (2_500, &Deed::Slept(half)),
            (2_500, &Deed::Left)
        ]
    );
}
