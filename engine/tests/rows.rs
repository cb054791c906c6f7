//! Whole runs whose users take rows of a data file: given out over all workers, and what happens when there are none left.
//! Neighbours: `life.rs` and `arrivals.rs` for the models. Invariant: counts are exact, whatever the machine is busy with.

mod support;

use loadforge_analysis::{EventKind, RunOutcome};
use loadforge_engine::{Plan, PrepareError, prepare};
use loadforge_scenarios::{
    Demand, FeedId, Gaps, Pattern, User,
    data::{AtEnd, DataFile, DataFormat, Feed, Hold, Strategy},
};
use std::{
    collections::HashMap,
    fmt::Write as _,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{
    props::echo,
    stage::{Play, Ran, act, cpus, part, plan, planned, run, wires},
};

const MS: Duration = Duration::from_millis(1);

/// So many rows, one for each iteration.
fn feed(rows: u32, strategy: Strategy, at_end: AtEnd) -> Feed {
    let mut text = "id\n".to_owned();
    (0..rows).for_each(|row| writeln!(text, "{row}").expect("a string takes all"));
    let csv = DataFormat::Csv { separator: b',' };
    let file = DataFile::from_bytes("people.csv", text.into(), csv).expect("it is good");
    let mut feed = Feed::new("people", Arc::new(file), strategy, FeedId(0));
    (feed.at_end, feed.hold) = (at_end, Hold::Iteration);
    feed
}

/// How often each row went out.
type Seen = Arc<Mutex<HashMap<String, u32>>>;

/// Users that send their row's id.
fn senders(address: SocketAddr, feed: Feed) -> (Play, Seen) {
    let seen = Seen::default();
    let (play_seen, task_seen) = (Arc::clone(&seen), seen);
    let task = act(async move |user: &mut User| {
        let row = user.data("people")?;
        let id = row.get("id").expect("the file has it").to_owned();
        *task_seen.lock().unwrap().entry(id.clone()).or_default() += 1;
        let request = user.get(&format!("/rows/{id}")).name("row");
        request.send().await.map(|_| ())
    });
    (Play::new(&[address], task).feeding(vec![feed]), play_seen)
}

fn drains(ran: &Ran) -> Vec<&str> {
    let events = ran.summary.events.iter();
    let drains = events.filter(|event| event.kind == EventKind::Drain);
    drains.map(|event| event.text.as_str()).collect()
}

#[test]
fn a_feed_that_stops_ends_the_run_when_each_row_was_used_once() {
    for wire in wires() {
        for strategy in [Strategy::Unique, Strategy::Sequential] {
            let echo = echo();
            let (play, seen) = senders(echo.address(), feed(300, strategy, AtEnd::Stop));
            let ran = run(Plan {
                cpus: cpus(2),
                ..planned(Pattern::Constant(8.0), play, wire)
            });
            assert_eq!(ran.counts(), (300, 300, 0), "over {wire:?}");
            assert_eq!(ran.summary.requests.iterations, 300);
            assert_eq!(ran.summary.requests.iterations_failed, 0);
            assert_eq!(echo.requests(), 300);
            let seen = seen.lock().unwrap();
            assert!(seen.len() == 300 && seen.values().all(|times| *times == 1));
            assert_eq!(ran.outcome, RunOutcome::Completed);
            assert_eq!(drains(&ran), ["draining: the rows of people are used up"]);
        }
    }
}

#[test]
fn arrivals_behind_the_last_row_were_never_asked_for() {
    for wire in wires() {
        let echo = echo();
        let (play, _) = senders(echo.address(), feed(77, Strategy::Unique, AtEnd::Stop));
        let demand = Demand::Arrivals {
            rate: Pattern::Constant(1_000.0),
            gaps: Gaps::Even,
            // Room for a pause of the machine of two seconds: past it arrivals are not sent for want of users.
            max_users: 2_000,
        };
        let (nobody, _) = senders(echo.address(), feed(1, Strategy::Random, AtEnd::Wrap));
        let ran = run(Plan {
            parts: vec![part(demand, Arc::new(play))],
            cpus: cpus(2),
            ..plan(nobody, wire)
        });
        let requests = &ran.summary.requests;
        assert_eq!(
            (requests.intended, requests.sent, requests.not_sent),
            (77, 77, 0),
            "over {wire:?}"
        );
        assert_eq!(drains(&ran), ["draining: the rows of people are used up"]);
    }
}

#[test]
fn a_feed_that_wraps_gives_each_row_as_often_as_any_other() {
    for wire in wires() {
        let echo = echo();
        let (play, seen) = senders(echo.address(), feed(50, Strategy::Unique, AtEnd::Wrap));
        let ran = run(Plan {
            cpus: cpus(2),
            max_requests: Some(1_000),
            ..planned(Pattern::Constant(5.0), play, wire)
        });
        assert_eq!(ran.counts(), (1_000, 1_000, 0), "over {wire:?}");
        // Users may have drawn some rows more than could be sent.
        let seen = seen.lock().unwrap();
        let (least, most) = (seen.values().min(), seen.values().max());
        let (least, most) = (*least.expect("some"), *most.expect("some"));
        assert!(least >= 20 && most <= least + 1, "{seen:?}");
        assert_eq!(seen.len(), 50);
    }
}

#[test]
fn a_feed_that_errs_fails_iterations_until_the_planned_end() {
    for wire in wires() {
        let echo = echo();
        let (play, _) = senders(echo.address(), feed(40, Strategy::Sequential, AtEnd::Error));
        let ran = run(Plan {
            cpus: cpus(2),
            duration: 1_000 * MS,
            ..planned(Pattern::Constant(4.0), play, wire)
        });
        assert_eq!(ran.counts(), (40, 40, 0), "over {wire:?}");
        let requests = &ran.summary.requests;
        assert!(requests.iterations_failed > 0);
        assert_eq!(requests.iterations - requests.iterations_failed, 40);
        assert_eq!(drains(&ran), ["draining: the planned end"]);
    }
}

#[test]
fn scenarios_side_by_side_count_their_rows_apart() {
    for wire in wires() {
        let echo = echo();
        let (first, first_seen) = senders(echo.address(), feed(60, Strategy::Unique, AtEnd::Error));
        let (second, second_seen) =
            senders(echo.address(), feed(30, Strategy::Unique, AtEnd::Error));
        let users = || Demand::Users(Pattern::Constant(2.0));
        let (nobody, _) = senders(echo.address(), feed(1, Strategy::Random, AtEnd::Wrap));
        run(Plan {
            parts: vec![
                part(users(), Arc::new(first)),
                part(users(), Arc::new(second)),
            ],
            cpus: cpus(2),
            max_requests: Some(90),
            ..plan(nobody, wire)
        });
        for (seen, rows) in [(first_seen, 60), (second_seen, 30)] {
            let seen = seen.lock().unwrap();
            assert!(seen.values().all(|times| *times == 1), "over {wire:?}");
            assert_eq!(seen.len(), rows);
        }
    }
}

#[test]
fn more_feeds_than_the_control_page_counts_are_refused_before_the_run() {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let play = || {
        let feeds = (0..40)
            .map(|_| feed(1, Strategy::Unique, AtEnd::Wrap))
            .collect();
        Play::new(&[nowhere], act(async |_: &mut User| Ok(()))).feeding(feeds)
    };
    let with = |parts: usize| {
        let users = || Demand::Users(Pattern::Constant(1.0));
        prepare(Plan {
            parts: (0..parts)
                .map(|_| part(users(), Arc::new(play())))
                .collect(),
            ..plan(play(), loadforge_engine::WireChoice::Epoll)
        })
    };
    assert!(with(1).is_ok());
    let error = with(2).err().expect("80 feeds are too many");
    assert!(matches!(
        error,
        PrepareError::Feeds {
            count: 80,
            most: 64
        }
    ));
    assert!(error.is_bad_input());
    assert!(
        error
            .to_string()
            .contains("run fewer scenarios side by side"),
        "{error}"
    );
}
