//! What steps do beside sending a request: capture, repeat, decide, group, retry; and what users keep: cookies, variables.

use super::{super::Document, parse_here};
use crate::{
    ErrorKind, Failure, MetricKind, Scenario,
    testing::{Answer, Deed, Event, MemoryRun, SentRequest},
};
use std::{cell::Cell, path::Path, rc::Rc, sync::Arc, time::Duration};

fn good(text: &str) -> Document {
    parse_here(text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Plays one user for 10 s, with a task that takes a second.
fn play(text: &str, answer: impl Fn(&SentRequest) -> Answer + 'static) -> Vec<Event> {
    let head = "base_url = \"http://a.test\"\nthink_time = \"6s\"\n";
    let document = good(&format!("{head}{text}"));
    MemoryRun::new(answer).play(&(Arc::new(document.scenario) as Arc<dyn Scenario>))
}

fn sent(events: &[Event]) -> Vec<&SentRequest> {
    let sent = |event| match event {
        &Event {
            deed: Deed::Sent(ref request),
            ..
        } => Some(request),
        _ => None,
    };
    events.iter().filter_map(sent).collect()
}

fn paths(events: &[Event]) -> Vec<&str> {
    sent(events)
        .iter()
        .map(|request| request.path.as_str())
        .collect()
}

/// What failed, in words: requests and what no request carries.
fn failures(events: &[Event]) -> Vec<String> {
    let failure = |event: &Event| match &event.deed {
        Deed::Judged(Some(failure)) | Deed::Failed(failure) => Some(failure.to_string()),
        _ => None,
    };
    events.iter().filter_map(failure).collect()
}

fn header<'r>(request: &'r SentRequest, name: &str) -> Option<&'r str> {
    let found = request.headers.iter().find(|(have, _)| have == name);
    found.map(|(_, value)| value.as_str())
}

#[test]
fn what_is_captured_stands_in_later_requests() {
    let events = play(
        r#"
        [headers]
        authorization = "Bearer {{ token }}"
        [variables]
        shop = "main"
        [[setup]]
        post = "/login"
        headers = { authorization = false }
        json = { user = "ann" }
        [setup.capture]
        token = "$.auth.token"
        id = { regex = 'id=(\d+)' }
        place = { header = "location" }
        sid = { cookie = "sid" }
        none = { json = "$.none", default = "-" }
        zero = { json = "$.none", default = 0 }
        code = { status = true }
        [[task]]
        post = "/{{ shop }}/users/{{ id }}?back={{ place }}"
        query = { q = "{{ token }}", n = [1, "{{ none }}"] }
        headers = { x-sid = "{{ sid }}{{ code }}{{ zero }}" }
        json = { token = "{{ token }}", id = "{{ id | json }}", "k" = ["{{ none }}", 2] }
        check = { body_contains = "{{ token }}", json = { "$.token" = "{{ token }}" }, header = { x-id = "{{ id }}" } }
        "#,
        |request| match request.path.as_str() {
            "/login" => Answer::body(r#"{"auth": {"token": "t \"1\""}, "note": "id=42"}"#)
                .header("location", "/a b")
                .header("set-cookie", "sid=abc; Path=/"),
            _ => Answer::body(r#"{"token": "t \"1\"", "plain": "t "1""}"#).header("x-id", "42"),
        },
    );
    let requests = sent(&events);
    assert_eq!(header(requests[0], "authorization"), None);
    let second = requests[1];
    assert_eq!(
        second.path,
        "/main/users/42?back=/a%20b&q=t%20%221%22&n=1&n=-"
    );
    assert_eq!(second.name, "/{shop}/users/{id}");
    assert_eq!(header(second, "authorization"), Some("Bearer t \"1\""));
    assert_eq!(header(second, "x-sid"), Some("abc2000"));
    assert_eq!(header(second, "cookie"), Some("sid=abc"));
    let body = std::str::from_utf8(&second.body).unwrap();
    assert_eq!(body, r#"{"token":"t \"1\"","id":42,"k":["-",2]}"#);
    assert_eq!(requests[0].fixed.map(|id| id.0), Some(0));
    assert_eq!(second.fixed, None);
}

#[test]
fn a_capture_that_finds_nothing_fails_its_step_by_name() {
    let task = |capture: &str| {
        format!("[[task]]\nname = \"log in\"\nget = \"/\"\ncapture.token = {capture}\n")
    };
    for (capture, said) in [
        (
            "{ json = \"$.token\" }",
            "capture `token` found nothing at $.token",
        ),
        (
            "{ regex = 'x(y)' }",
            "capture `token` found nothing for x(y)",
        ),
        (
            "{ header = \"x-a\" }",
            "capture `token` found nothing in the header \"x-a\"",
        ),
        (
            "{ cookie = \"sid\" }",
            "capture `token` found nothing in the cookie \"sid\"",
        ),
    ] {
        let events = play(&task(capture), |_| Answer::body("{}"));
        assert_eq!(
            failures(&events)[0],
            format!("check: step \"log in\": {said}")
        );
        assert!(events.iter().any(|event| event.deed == Deed::Ended(true)));
    }
    let events = play(&task("{ json = \"$.token\" }"), |_| Answer::body("<html>"));
    assert!(
        failures(&events)[0].ends_with("the body is not JSON"),
        "{events:?}"
    );
}

#[test]
fn a_variable_that_only_another_task_sets_fails_until_it_has() {
    let events = play(
        "[[task]]\nget = \"/a/{{ id }}\"\n[[task]]\nweight = 0\nget = \"/b\"\ncapture.id = { body = true }\n",
        |_| Answer::body("1"),
    );
    assert!(sent(&events).is_empty());
    assert_eq!(
        failures(&events)[0],
        "check: step \"/a/{id}\": the variable `id` has no value"
    );
}

#[test]
fn loops_and_conditions_follow_what_was_captured() {
    let state = Rc::new(Cell::new(0));
    let events = play(
        r#"
        [variables]
        state = "new"
        rounds = 2
        [[task]]
        [[task.step]]
        while = "state != 'done'"
        most = 10
          [[task.step.step]]
          get = "/state"
          capture.state = { body = true }
          [[task.step.step]]
          if = "state == 'half'"
          step = [{ get = "/half" }]
          else = [{ get = "/other" }]
        [[task.step]]
        repeat = "{{ rounds }}"
          [[task.step.step]]
          set = { n = "{{ counter('n') }}" }
          [[task.step.step]]
          get = "/n/{{ n }}"
        [[task.step]]
        repeat = 0
        step = [{ get = "/never" }]
        "#,
        move |request| match request.path.as_str() {
            "/state" => {
                state.set(state.get() + 1);
                Answer::body(["new", "half", "done"][state.get().min(3) - 1])
            }
            _ => Answer::status(200),
        },
    );
    let first: Vec<&str> = paths(&events).into_iter().take(8).collect();
    let wanted = [
        "/state", "/other", "/state", "/half", "/state", "/other", "/n/1", "/n/2",
    ];
    assert_eq!(first, wanted);
}

#[test]
fn a_loop_that_does_not_end_fails_after_as_many_rounds_as_were_allowed() {
    let events = play(
        "[variables]\nstate = \"new\"\n[[task]]\n[[task.step]]\nwhile = \"state == 'new'\"\nmost = 3\nstep = [{ get = \"/\" }]\n",
        |_| Answer::status(200),
    );
    assert_eq!(&paths(&events)[..3], ["/", "/", "/"]);
    assert!(
        failures(&events)[0].contains("still holds after 3 rounds"),
        "{events:?}"
    );
}

#[test]
fn a_group_is_timed_as_a_whole_and_fails_with_its_steps() {
    let events = play(
        "[[task]]\n[[task.step]]\ngroup = \"checkout\"\nstep = [{ get = \"/cart\" }, { pause = \"2s\" }, { get = \"/pay\" }]\n",
        |request| match request.path.as_str() {
            "/cart" => Answer::status(200),
            _ => Answer::status(500),
        },
    );
    let grouped: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.deed {
            Deed::Grouped(name, took, failed) => Some((name.as_str(), *took, *failed)),
            _ => None,
        })
        .collect();
    assert_eq!(grouped[0], ("checkout", Duration::from_millis(2_002), true));
}

#[test]
fn a_step_is_tried_again_as_often_as_was_said() {
    let tries = Rc::new(Cell::new(0));
    let events = play(
        "[[task]]\n[[task.step]]\nget = \"/\"\nretry = { times = 2, wait = \"200ms\" }\n[[task.step]]\nget = \"/next\"\n",
        move |_| {
            tries.set(tries.get() + 1);
            Answer::status(if tries.get() < 3 { 503 } else { 200 })
        },
    );
    assert_eq!(&paths(&events)[..4], ["/", "/", "/", "/next"]);
    assert_eq!(failures(&events), ["status: HTTP 503", "status: HTTP 503"]);
    let slept = events
        .iter()
        .filter(|event| event.deed == Deed::Slept(Duration::from_millis(200)));
    assert_eq!(slept.count(), 2);
}

#[test]
fn redirects_are_followed_unless_they_were_asked_for() {
    let answer = |request: &SentRequest| match request.path.as_str() {
        "/old" => Answer::status(302).header("location", "/new?x=1"),
        "/round" => Answer::status(301).header("Location", "round"),
        "/away" => Answer::status(307).header("location", "http://other.test/"),
        _ => Answer::status(200),
    };
    let events = play(
        "[[task]]\nname = \"page\"\npost = \"/old\"\nbody = \"x\"\n",
        answer,
    );
    let requests = sent(&events);
    assert_eq!(
        (requests[0].path.as_str(), requests[1].path.as_str()),
        ("/old", "/new?x=1")
    );
    assert_eq!(requests[1].method.as_str(), "GET");
    assert!(requests[1].body.is_empty() && requests[1].name == "page");
    for asked in ["check.status = 302", "redirects = false"] {
        let events = play(&format!("[[task]]\nget = \"/old\"\n{asked}\n"), answer);
        assert!(paths(&events).iter().all(|path| *path == "/old"), "{asked}");
        assert!(failures(&events).is_empty(), "{asked}");
    }
    let events = play("[[task]]\nget = \"/round\"\nredirects = 2\n", answer);
    assert_eq!(
        failures(&events)[0],
        "check: more than 2 redirects in a row"
    );
    let events = play("[[task]]\nget = \"/away\"\n", answer);
    let said = "check: HTTP 307 leads to http://other.test, which the scenario does not name";
    assert_eq!(failures(&events)[0], said);
}

#[test]
fn cookies_are_kept_by_each_user_unless_that_is_off() {
    let answer = |_: &SentRequest| Answer::status(200).header("set-cookie", "sid=1; Path=/");
    let task = "[[task]]\nget = \"/\"\n";
    let cookies = |text: &str| {
        let events = play(text, answer);
        let requests = sent(&events);
        header(requests[1], "cookie").map(str::to_owned)
    };
    assert_eq!(cookies(task).as_deref(), Some("sid=1"));
    assert_eq!(cookies(&format!("cookies = false\n{task}")), None);
    let own = format!("{task}headers.cookie = \"mine=2\"\n");
    assert_eq!(cookies(&own).as_deref(), Some("mine=2"));
}

#[test]
fn checks_look_at_head_body_time_and_size() {
    let answer = |_: &SentRequest| Answer {
        delay: Duration::from_millis(20),
        ..Answer::body(r#"{"state": "done", "n": 5, "list": []}"#)
            .header("Content-Type", "application/json")
    };
    for (check, said) in [
        ("json = { \"$.state\" = \"done\", \"$.n\" = 5.0 }", None),
        ("json = \"$.list\"", None),
        ("json = { \"$.list\" = [] }", None),
        ("json = { \"$.n\" = 6 }", Some("$.n is not 6")),
        (
            "json = \"$.none\"",
            Some("$.none finds nothing in the body"),
        ),
        ("body_matches = '\"n\": \\d'", None),
        ("body_matches = ['x{3}']", Some("body does not match x{3}")),
        (
            "header = { content-type = \"application/json\", Content-Type = true }",
            None,
        ),
        (
            "header = { content-type = \"text/html\" }",
            Some("header content-type is not \"text/html\""),
        ),
        (
            "header = { x-none = true }",
            Some("there is no header x-none"),
        ),
        ("max_time = \"20ms\"", None),
        ("max_time = \"19ms\"", Some("took longer than 19ms")),
        ("min_size = 37\nmax_size = 37", None),
        ("max_size = 36", Some("body has more than 36 bytes")),
        ("min_size = 38", Some("body has less than 38 bytes")),
    ] {
        let events = play(
            &format!("[[task]]\nget = \"/\"\n[task.check]\n{check}\n"),
            answer,
        );
        let failed = failures(&events).first().cloned();
        let said = said.map(|said| format!("check: {said}"));
        assert_eq!(failed, said, "{check}");
    }
}

#[test]
fn a_body_of_several_parts_carries_files_and_values() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cat.png"), b"\x89PNG").unwrap();
    let text = "target = \"echo\"\n[variables]\ntitle = \"a \\\"cat\\\"\"\n[[task]]\npost = \"/\"\n\
        multipart = { title = \"{{ title }}\", picture = { file = \"cat.png\", type = \"image/png\" } }\n";
    let document = super::super::parse("a.toml", text, &|_| None, folder.path()).unwrap();
    let scenario: Arc<dyn Scenario> = Arc::new(document.scenario);
    let events = MemoryRun::new(|_| Answer::status(200)).play(&scenario);
    let request = sent(&events)[0];
    let boundary = header(request, "content-type")
        .unwrap()
        .split_once("boundary=")
        .unwrap()
        .1;
    let body = request.body.as_slice();
    let holds = |text: &[u8]| memchr::memmem::find(body, text).is_some();
    assert!(holds(b"name=\"title\"\r\n\r\na \"cat\"\r\n"));
    assert!(holds(
        b"filename=\"cat.png\"\r\ncontent-type: image/png\r\n\r\n\x89PNG\r\n"
    ));
    assert!(body.ends_with(format!("--{boundary}--\r\n").as_bytes()));
}

#[test]
fn an_open_path_leads_to_a_known_host_or_fails() {
    let events = play(
        "[[task]]\n[[task.step]]\nget = \"/next\"\ncapture.next = { body = true }\n[[task.step]]\nget = \"{{ next }}\"\n\
         [[task.step]]\nget = \"http://other.test/x/{{ next }}\"\n",
        |request| match request.path.as_str() {
            "/next" => Answer::body("http://other.test/page?a=1"),
            _ => Answer::status(200),
        },
    );
    let requests = sent(&events);
    assert_eq!(
        (requests[1].origin.host.as_str(), requests[1].path.as_str()),
        ("other.test", "/page?a=1")
    );
    assert_eq!(requests[2].path, "/x/http://other.test/page?a=1");
    let events = play(
        "[[task]]\n[[task.step]]\nget = \"/next\"\ncapture.next = { body = true }\n[[task.step]]\nget = \"{{ next }}\"\n",
        |_| Answer::body("http://unknown.test/"),
    );
    assert!(
        failures(&events)[0].contains("neither to a path nor to a host"),
        "{events:?}"
    );
}

#[test]
fn pacing_starts_tasks_evenly_and_think_time_has_laws() {
    let document = good("target = \"echo\"\npacing = \"3s\"\n[[task]]\nget = \"/\"\n");
    let events = MemoryRun::new(|_| Answer::status(200))
        .play(&(Arc::new(document.scenario) as Arc<dyn Scenario>));
    let begun: Vec<u64> = events
        .iter()
        .filter(|event| event.deed == Deed::Began)
        .map(|event| event.at_ns / 1_000_000)
        .collect();
    assert_eq!(begun, [0, 3_000, 6_000, 9_000]);
    for law in [
        "\"1s..3s\"",
        "{ constant = \"2s\" }",
        "{ uniform = \"1s..3s\" }",
        "{ normal = { mean = \"2s\", sd = \"100ms\" } }",
        "{ exponential = \"2s\" }",
    ] {
        good(&format!(
            "target = \"echo\"\nthink_time = {law}\n[[task]]\nget = \"/\"\n"
        ));
    }
}

#[test]
fn values_from_data_files_are_drawn_when_they_are_needed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("people.csv"),
        "user,city\nann,Rome\nbob,Oslo\n",
    )
    .unwrap();
    let text = "target = \"echo\"\n[data.people]\nfile = \"people.csv\"\nstrategy = \"sequential\"\n[[task]]\n\
        [[task.step]]\nget = \"/{{ people.user }}\"\n[[task.step]]\nget = \"/{{ people.user }}/{{ people.city }}\"\n";
    let document =
        super::super::parse("a.toml", text, &|_| None, Path::new(folder.path())).unwrap();
    let scenario: Arc<dyn Scenario> = Arc::new(document.scenario);
    let run = MemoryRun {
        drain_at: Duration::from_millis(5),
        ..MemoryRun::new(|_| Answer::status(200))
    };
    let events = run.play(&scenario);
    assert_eq!(
        &paths(&events)[..4],
        ["/ann", "/ann/Rome", "/bob", "/bob/Oslo"]
    );
}

#[test]
fn a_user_in_a_loop_without_requests_still_leaves_room_for_others() {
    let events = play(
        "[variables]\nn = 0\n[[task]]\n[[task.step]]\nrepeat = 3\nstep = [{ set = { n = \"{{ counter('n') }}\" } }]\n\
         [[task.step]]\nget = \"/{{ n }}\"\n",
        |_| Answer::failure(Failure::new(ErrorKind::Reset, "gone")),
    );
    assert_eq!(paths(&events)[0], "/3");
}

#[test]
fn a_task_that_fails_again_before_it_sends_anything_waits_before_it_tries_once_more() {
    let document = good(
        "target = \"echo\"\n[[task]]\nget = \"/{{ id }}\"\n[[task]]\nweight = 0\nget = \"/b\"\ncapture.id = \"$.id\"\n",
    );
    let scenario: Arc<dyn Scenario> = Arc::new(document.scenario);
    let events = MemoryRun::new(|_| Answer::status(200)).play(&scenario);
    let begun = events
        .iter()
        .filter(|event| event.deed == Deed::Began)
        .count();
    // Two at once, then one a second for ten.
    assert!((10..=12).contains(&begun), "{begun}");
}

#[test]
fn a_loop_without_requests_ends_when_the_run_drains() {
    let document = good(
        "target = \"echo\"\n[variables]\nn = 0\n[[task]]\n[[task.step]]\npause = \"5ms\"\n[[task.step]]\nrepeat = 999999999\n\
         step = [{ set = { n = \"{{ random(1, 2) }}\" } }, { pause = \"1ms\" }]\n",
    );
    let run = MemoryRun {
        drain_at: Duration::from_millis(20),
        ..MemoryRun::new(|_| Answer::status(200))
    };
    let events = run.play(&(Arc::new(document.scenario) as Arc<dyn Scenario>));
    assert_eq!(
        events.last().map(|event| event.deed.clone()),
        Some(Deed::Left)
    );
}

#[test]
fn what_fails_before_it_is_sent_is_not_tried_again() {
    let events = play(
        "[[task]]\nget = \"/{{ id }}\"\nretry = 5\n[[task]]\nweight = 0\nget = \"/b\"\ncapture.id = \"$.id\"\n",
        |_| Answer::status(200),
    );
    let begun = events
        .iter()
        .filter(|event| event.deed == Deed::Began)
        .count();
    assert_eq!(failures(&events).len(), begun);
}

#[test]
fn a_query_joins_what_a_value_brought() {
    let events = play(
        "[[task]]\n[[task.step]]\nget = \"/next\"\ncapture.next = { body = true }\n[[task.step]]\nget = \"{{ next }}\"\nquery = { limit = 5 }\n",
        |request| match request.path.as_str() {
            "/next" => Answer::body("/items?page=2"),
            _ => Answer::status(200),
        },
    );
    assert_eq!(paths(&events)[1], "/items?page=2&limit=5");
}

#[test]
fn the_environment_stands_in_texts_of_expressions_and_conditions_too() {
    let events = play(
        "[[task]]\n[[task.step]]\nget = \"/{{ 'a:${TOKEN}' | base64 }}\"\n[[task.step]]\nif = \"'${TOKEN}' == 't0p-s3cret'\"\nstep = [{ get = \"/yes\" }]\n",
        |_| Answer::status(200),
    );
    assert_eq!(&paths(&events)[..2], ["/YTp0MHAtczNjcmV0", "/yes"]);
}

#[test]
fn cookies_of_a_request_stay_on_its_host_and_leave_with_it() {
    let task = "[[task]]\nget = \"/old\"\nheaders = { cookie = \"mine=1\", host = \"shop\", authorization = \"x\" }\n[[task]]\nweight = 0\nget = \"http://b.test/\"\n";
    for (to, kept) in [("/new", true), ("http://b.test/new", false)] {
        let events = play(task, move |request| match request.path.as_str() {
            "/old" => Answer::status(302).header("location", to),
            _ => Answer::status(200),
        });
        let second = sent(&events)[1];
        for (name, value) in [
            ("cookie", "mine=1"),
            ("host", "shop"),
            ("authorization", "x"),
        ] {
            assert_eq!(header(second, name), kept.then_some(value), "{to} {name}");
        }
    }
}

#[test]
fn a_scenario_counts_what_only_it_knows() {
    let events = play(
        "[[task]]\n[[task.step]]\nget = \"/\"\ncapture.total = \"$.total\"\n[[task.step]]\nmetric = { name = \"basket\", record = \"{{ total }}\" }\n\
         [[task.step]]\nmetric = { name = \"orders\", add = 1 }\n[[task.step]]\nmetric = { name = \"queue\", set = \"{{ 'many' }}{{ total }}\" }\n",
        |_| Answer::body(r#"{"total": 59.9}"#),
    );
    let measured: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.deed {
            Deed::Measured(kind, name, value) => Some((*kind, name.as_str(), *value)),
            _ => None,
        })
        .take(2)
        .collect();
    let wanted = [
        (MetricKind::Trend, "basket", 59.9),
        (MetricKind::Counter, "orders", 1.0),
    ];
    assert_eq!(measured, wanted);
    assert!(failures(&events)[0].contains("the metric \"queue\" is no number"));
}
