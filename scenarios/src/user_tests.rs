//! Tests of what a user sends when scenarios are written in Rust.

use super::*;
use crate::{
    Origin, OriginId, Scenario, Scheme, UserFuture,
    testing::{Answer, Deed, Event, MemoryRun, SentRequest},
};
use std::sync::Arc;

/// A scenario whose users live as a function says.
struct Told<F>(Vec<Origin>, F);

impl<F, L> Scenario for Told<F>
where
    F: Fn(User) -> L + Send + Sync,
    L: Future<Output = ()> + 'static,
{
    fn name(&self) -> &str {
        "told"
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
        Box::pin((self.1)(user))
    }
}

fn play<F, L>(answer: impl Fn(&SentRequest) -> Answer + 'static, life: F) -> Vec<Event>
where
    F: Fn(User) -> L + Send + Sync + 'static,
    L: Future<Output = ()> + 'static,
{
    let origin = |port| Origin {
        scheme: Scheme::Http,
        host: "a.test".into(),
        port,
    };
    let scenario: Arc<dyn Scenario> = Arc::new(Told(vec![origin(80), origin(81)], life));
    MemoryRun::new(answer).play(&scenario)
}

fn sent(events: &[Event]) -> Vec<SentRequest> {
    let sent = |event: &Event| match &event.deed {
        Deed::Sent(request) => Some(request.clone()),
        _ => None,
    };
    events.iter().filter_map(sent).collect()
}

#[test]
fn nothing_of_a_request_is_left_in_the_next_one() {
    let events = play(
        |_| Answer::status(200),
        |mut user| async move {
            let full = user
                .post("/a?b=c")
                .name("full")
                .origin(OriginId(1))
                .header("x-a", "1");
            full.body(b"body")
                .time_limit(Duration::from_secs(3))
                .send()
                .await
                .unwrap();
            user.get("/plain?q=1").send().await.unwrap();
            user.put("/c").body(b"x").send().await.unwrap();
        },
    );
    let requests = sent(&events);
    let (full, plain) = (&requests[0], &requests[1]);
    assert_eq!(
        (full.method, full.path.as_str(), full.name.as_str()),
        (Method::Post, "/a?b=c", "full")
    );
    assert_eq!(
        (full.origin.port, full.time_limit_ns),
        (81, Some(3_000_000_000))
    );
    assert_eq!(
        (full.headers.clone(), full.body.as_slice()),
        (vec![("x-a".into(), "1".into())], &b"body"[..])
    );
    assert_eq!(
        (plain.method, plain.name.as_str(), plain.origin.port),
        (Method::Get, "/plain", 80)
    );
    assert_eq!(
        (plain.time_limit_ns, plain.headers.len(), plain.body.len()),
        (None, 0, 0)
    );
    assert_eq!(requests[2].body, b"x");
}

#[test]
fn an_answer_is_kept_and_judged_by_its_status() {
    let events = play(
        |request| match request.path.as_str() {
            "/good" => Answer::body("hello"),
            "/lost" => Answer::failure(Failure::new(ErrorKind::Reset, "gone")),
            _ => Answer::status(404),
        },
        |mut user| async move {
            assert_eq!(user.get("/good").send().await.unwrap().text(), "hello");
            assert_eq!(user.response().body_len(), 5);
            let failure = user.get("/bad").send().await.unwrap_err();
            assert_eq!(failure, Failure::new(ErrorKind::Status, "HTTP 404"));
            assert_eq!(
                user.get("/bad").accept(404).send().await.unwrap().status(),
                404
            );
            assert_eq!(
                user.get("/lost").send().await.unwrap_err().kind,
                ErrorKind::Reset
            );
            assert_eq!(user.fail_check("no price".into()).kind, ErrorKind::Check);
        },
    );
    let judged: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.deed {
            Deed::Judged(Some(failure)) => Some(failure.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(judged, ["status: HTTP 404", "check: no price"]);
}

#[test]
fn a_bad_header_fails_before_anything_is_sent() {
    let events = play(
        |_| Answer::status(200),
        |mut user| async move {
            let failure = user
                .get("/")
                .header("x", "a\r\nb: c")
                .send()
                .await
                .unwrap_err();
            assert_eq!(failure.kind, ErrorKind::Check);
        },
    );
    assert!(sent(&events).is_empty());
}

#[test]
fn a_sleep_says_whether_it_was_whole() {
    let events = play(
        |_| Answer::status(200),
        |mut user| async move {
            assert!(user.sleep(Duration::from_secs(9)).await);
            assert!(!user.sleep(Duration::from_secs(9)).await);
            assert!(!user.sleep(Duration::MAX).await);
        },
    );
    assert_eq!(events[0].deed, Deed::Slept(Duration::from_secs(9)));
    assert_eq!(events[1].deed, Deed::Slept(Duration::from_secs(1)));
}

#[test]
#[should_panic(expected = "waits for nothing")]
fn the_memory_client_catches_a_user_that_waits_for_nothing() {
    play(|_| Answer::status(200), |_| std::future::pending());
}
