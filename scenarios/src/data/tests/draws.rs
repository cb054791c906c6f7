//! What users draw from feeds: through `User::data`, with a run in memory.

use super::{CSV, file};
use crate::{
    ErrorKind, Failure, FeedId, Origin, Outcome, Scenario, Script, TaskWeights, ThinkTime, User,
    UserDefaults, UserFuture,
    data::{AtEnd, Feed, Hold, Strategy},
    live,
    testing::{Answer, Deed, Event, MemoryRun},
};
use std::{collections::HashSet, sync::Arc, time::Duration};

/// A user that says its row by the path of each request: once in setup, twice an iteration, once in teardown.
struct Teller {
    defaults: Arc<UserDefaults>,
    names: Vec<String>,
}

struct Telling(TaskWeights);

impl Telling {
    async fn tell(&self, user: &mut User, what: &str) -> Outcome {
        let id = user
            .data("people")?
            .get("id")
            .expect("the file has it")
            .to_owned();
        user.get(&format!("/{what}/{id}"))
            .name("tell")
            .send()
            .await?;
        Ok(())
    }
}

impl Script for Telling {
    async fn setup(&mut self, user: &mut User) -> Outcome {
        self.tell(user, "in").await
    }
    fn weights(&self) -> &TaskWeights {
        &self.0
    }
    async fn task(&mut self, _: usize, user: &mut User) -> Outcome {
        self.tell(user, "a").await?;
        self.tell(user, "b").await
    }
    fn think_time(&self) -> &ThinkTime {
        &ThinkTime::None
    }
    async fn teardown(&mut self, user: &mut User) -> Outcome {
        self.tell(user, "out").await
    }
}

impl Scenario for Teller {
    fn name(&self) -> &str {
        "teller"
    }
    fn origins(&self) -> &[Origin] {
        &self.defaults.origins
    }
    fn endpoints(&self) -> &[String] {
        &self.names
    }
    fn fixed_requests(&self) -> u32 {
        0
    }
    fn feeds(&self) -> u16 {
        self.defaults.feeds.len() as u16
    }
    fn start_user(self: Arc<Self>, user: User) -> UserFuture {
        let weights = TaskWeights::new([1]).expect("1 is more than 0");
        Box::pin(live(
            Telling(weights),
            user.with_defaults(Arc::clone(&self.defaults)),
        ))
    }
}

/// `change`d from what is usual for the strategy; a file of three rows, the ids 0 to 2.
fn feed(strategy: Strategy, change: impl FnOnce(&mut Feed)) -> Feed {
    let file = Arc::new(file("id\n0\n1\n2\n", CSV).unwrap());
    let mut feed = Feed::new("people", file, strategy, FeedId(0));
    change(&mut feed);
    feed
}

fn play(feed: Feed, users: u32, millis: u64) -> Vec<Event> {
    let teller = Teller {
        defaults: Arc::new(UserDefaults {
            feeds: vec![feed],
            ..UserDefaults::default()
        }),
        names: vec!["tell".into()],
    };
    let run = MemoryRun {
        users,
        drain_at: Duration::from_millis(millis),
        ..MemoryRun::new(|_| Answer::status(200))
    };
    run.play(&(Arc::new(teller) as Arc<dyn Scenario>))
}

/// The paths that a user asked for.
fn paths(events: &[Event], user: u32) -> Vec<&str> {
    let path = |event: &'_ Event| match &event.deed {
        Deed::Sent(request) if event.user == user => Some(request.path.clone()),
        _ => None,
    };
    let found: Vec<String> = events.iter().filter_map(path).collect();
    found.into_iter().map(|path| &*path.leak()).collect()
}

fn ended(events: &[Event]) -> Vec<&Deed> {
    let deeds = events.iter().map(|event| &event.deed);
    deeds
        .filter(|deed| matches!(deed, Deed::EndedRun(_)))
        .collect()
}

#[test]
fn a_row_of_an_iteration_is_kept_within_it_and_through_the_teardown() {
    let events = play(feed(Strategy::Sequential, |_| {}), 1, 6);
    assert_eq!(
        paths(&events, 0),
        ["/in/0", "/a/1", "/b/1", "/a/2", "/b/2", "/a/0", "/out/0"]
    );
    assert!(ended(&events).is_empty());
}

#[test]
fn a_row_of_a_user_is_its_own_for_life() {
    let events = play(feed(Strategy::Unique, |_| {}), 3, 4);
    for (user, id) in ["0", "1", "2"].into_iter().enumerate() {
        let paths = paths(&events, user as u32);
        assert!(
            paths.len() >= 4 && paths.iter().all(|path| path.ends_with(id)),
            "{paths:?}"
        );
    }
    let taken = events
        .iter()
        .filter(|event| matches!(event.deed, Deed::TookRow(..)));
    assert_eq!(taken.count(), 3);
}

#[test]
fn a_feed_that_stops_ends_the_run_and_nothing_counts_as_failed() {
    let events = play(
        feed(Strategy::Unique, |feed| feed.hold = Hold::Iteration),
        1,
        1_000,
    );
    assert_eq!(paths(&events, 0), ["/in/0", "/a/1", "/b/1", "/a/2", "/b/2"]);
    let words = Deed::EndedRun("the rows of people are used up".into());
    assert_eq!(ended(&events)[0], &words);
    let failed = |event: &&Event| matches!(event.deed, Deed::Ended(true) | Deed::Failed(_));
    assert_eq!(events.iter().find(failed), None);
}

#[test]
fn a_feed_that_errs_fails_whoever_asks_in_the_same_words() {
    // Two of five users find no row and try their setup again each second; nobody else minds.
    let events = play(
        feed(Strategy::Unique, |feed| feed.at_end = AtEnd::Error),
        5,
        2_500,
    );
    let used_up = Failure::new(ErrorKind::Check, "the rows of people are used up");
    let failed: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.deed {
            Deed::Failed(failure) => Some(failure),
            _ => None,
        })
        .collect();
    assert!(
        failed.len() == 6 && failed.iter().all(|failure| **failure == used_up),
        "{failed:?}"
    );
    assert!(ended(&events).is_empty());
}

#[test]
fn random_rows_come_each_about_as_often_and_take_no_number() {
    let events = play(feed(Strategy::Random, |_| {}), 1, 6_000);
    let mut counts = [0u32; 3];
    for path in paths(&events, 0) {
        if let Some(id) = path.strip_prefix("/a/") {
            counts[id.parse::<usize>().unwrap()] += 1;
        }
    }
    // Five standard deviations of a binomial with n = 3,000 and p = 1/3 are 129.
    assert!(
        counts.iter().all(|count| count.abs_diff(1_000) < 130),
        "{counts:?}"
    );
    let taken = events
        .iter()
        .filter(|event| matches!(event.deed, Deed::TookRow(..)));
    assert_eq!(taken.count(), 0);
}

#[test]
fn a_feed_that_wraps_gives_every_row_once_before_any_comes_again() {
    let events = play(
        feed(Strategy::Unique, |feed| feed.at_end = AtEnd::Wrap),
        6,
        3,
    );
    let firsts: Vec<String> = (0..6)
        .map(|user| paths(&events, user)[0].to_owned())
        .collect();
    let set = |firsts: &[String]| firsts.iter().cloned().collect::<HashSet<_>>();
    assert_eq!((set(&firsts[..3]).len(), set(&firsts[3..]).len()), (3, 3));
}

#[test]
fn a_broken_row_fails_with_its_place_and_the_next_use_draws_another() {
    let mut text = "id,name\n".to_owned();
    text.push_str(&"1,a\n".repeat(100));
    text.push_str("broken\n2,b\n");
    let change = |feed: &mut Feed| feed.file = Arc::new(file(&text, CSV).unwrap());
    let events = play(feed(Strategy::Sequential, change), 1, 220);
    let failure = Failure::new(
        ErrorKind::Check,
        "people.csv, line 102: the row has 1 of the 2 fields that the header names; give each row a field for each column; put a field \
         that holds the separator in quotes, or set `separator`",
    );
    let failed = events
        .iter()
        .filter(|event| event.deed == Deed::Failed(failure.clone()));
    assert_eq!(failed.count(), 1);
    assert!(paths(&events, 0).contains(&"/a/2"));
}

#[test]
fn a_feed_that_nobody_has_is_named() {
    let other = feed(Strategy::Random, |feed| feed.name = "others".into());
    let events = play(other, 1, 1);
    let words = Failure::new(
        ErrorKind::Check,
        "the scenario has no data feed named \"people\"",
    );
    assert!(
        events
            .iter()
            .any(|event| event.deed == Deed::Failed(words.clone()))
    );
}
