//! What good files become: the requests made, their names, checks, load and secrets.

use super::{
    super::{Target, threshold::any_expression},
    load_any, parse_here,
};
use crate::{
    Demand, DocumentScenario, ErrorKind, Failure, Method, Origin, Pattern, Scenario, Scheme,
    document::{Document, Loaded, open},
    testing::{Answer, Deed, Event, MemoryRun, SentRequest},
};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

fn good(text: &str) -> Document {
    parse_here(text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Plays one user for 10 s and keeps what it sent.
fn play(
    scenario: DocumentScenario,
    answer: impl Fn(&SentRequest) -> Answer + 'static,
) -> Vec<Event> {
    MemoryRun::new(answer).play(&(Arc::new(scenario) as Arc<dyn Scenario>))
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

#[test]
fn a_step_becomes_the_request_it_says() {
    let text = r#"
        base_url = "http://shop.test:8080/api/"
        timeout = "7s"
        headers = { accept = "text/html", x-all = "1" }
        [[task]]
        timeout = "5s"
        [[task.step]]
        post = "/orders?a=1"
        name = "order"
        query = { q = "red & blue", n = [1, 2.5], on = true }
        headers = { Accept = "*/*", authorization = "Bearer ${TOKEN}" }
        json = { z = "a\"b", list = [1, 0xFF, { x = 1.0 }], a = false }
        [[task.step]]
        put = "http://other.test/x y?q"
        form = { user = "ann b", p = "a&b" }
        timeout = "2s"
        [[task.step]]
        get = "/p/${TOKEN}"
        body = "GET may have one"
    "#;
    let document = good(text);
    assert_eq!(document.secrets, ["t0p-s3cret"]);
    assert_eq!(document.time_limit, Some(Duration::from_secs(7)));
    let first = Origin {
        scheme: Scheme::Http,
        host: "shop.test".into(),
        port: 8080,
    };
    assert_eq!(document.target, Target::Origin(first.clone()));
    assert_eq!(
        document.scenario.endpoints(),
        ["order", "http://other.test/x y", "/p/${TOKEN}"]
    );
    assert_eq!(document.scenario.name(), "shop");

    let events = play(document.scenario, |_| Answer::status(200));
    let requests = sent(&events);
    let user_agent = super::super::USER_AGENT.1;
    let header = |request: &SentRequest, name: &str| {
        let found: Vec<_> = request
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .collect();
        assert!(found.len() < 2, "{found:?}");
        found.first().map(|(_, value)| value.clone())
    };

    let order = requests[0];
    assert_eq!(
        (order.method, &order.origin, order.name.as_str()),
        (Method::Post, &first, "order")
    );
    assert_eq!(
        order.path,
        "/api/orders?a=1&q=red%20%26%20blue&n=1&n=2.5&on=true"
    );
    assert_eq!(
        order.body,
        br#"{"z":"a\"b","list":[1,255,{"x":1.0}],"a":false}"#
    );
    assert_eq!(header(order, "accept").as_deref(), Some("*/*"));
    assert_eq!(
        header(order, "authorization").as_deref(),
        Some("Bearer t0p-s3cret")
    );
    assert_eq!(
        header(order, "content-type").as_deref(),
        Some("application/json")
    );
    assert_eq!(header(order, "x-all").as_deref(), Some("1"));
    assert_eq!(header(order, "user-agent").as_deref(), Some(user_agent));
    assert_eq!(order.time_limit_ns, Some(5_000_000_000));

    let put = requests[1];
    assert_eq!(put.origin.to_string(), "http://other.test");
    assert_eq!(
        (put.path.as_str(), put.body.as_slice()),
        ("/x%20y?q", &b"user=ann+b&p=a%26b"[..])
    );
    assert_eq!(
        header(put, "content-type").as_deref(),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(put.time_limit_ns, Some(2_000_000_000));

    assert_eq!(requests[2].path, "/api/p/t0p-s3cret");
    assert_eq!(requests[2].body, b"GET may have one");
    let ids: Vec<_> = requests[..3]
        .iter()
        .map(|request| request.fixed.unwrap().0)
        .collect();
    assert_eq!(ids, [0, 1, 2]);
}

#[test]
fn what_needs_no_answer_body_does_not_keep_it_and_sends_few_headers() {
    let document = good(
        "target = \"echo\"\n[[task]]\nget = \"/\"\n[[task]]\nget = \"/b\"\ncheck.body_contains = \"x\"\n",
    );
    let requests: Vec<_> = document.scenario.requests().collect();
    assert_eq!(
        requests
            .iter()
            .map(|r| (r.keep_head, r.keep_body))
            .collect::<Vec<_>>(),
        [(false, false), (false, true)]
    );
    assert_eq!(requests[0].headers.iter().count(), 2);
    assert_eq!(requests[0].time_limit_ns, None);
    let own = good("target = \"echo\"\nheaders.User-Agent = \"mine\"\n[[task]]\nget = \"/\"\n");
    let headers: Vec<_> = own
        .scenario
        .requests()
        .next()
        .unwrap()
        .headers
        .iter()
        .collect();
    assert_eq!(
        headers,
        [("User-Agent", "mine"), ("accept-encoding", "gzip")]
    );
}

#[test]
fn load_is_read_as_it_is_written() {
    let load = |load: &str| {
        good(&format!(
            "target = \"echo\"\n[[task]]\nget = \"/\"\n[load]\n{load}"
        ))
        .load
    };
    let constant = load("users = 20\nduration = \"1m 30s\"\nmax_requests = 1_000");
    assert_eq!(
        constant.demand,
        Some(Demand::Users(Pattern::Constant(20.0)))
    );
    assert_eq!(constant.duration, Some(Duration::from_secs(90)));
    assert_eq!(constant.max_requests, Some(1000));
    let ramp = load("pattern = \"ramp\"\nusers = { from = 0, to = 200, over = \"30s\" }");
    let over = Duration::from_secs(30);
    assert_eq!(
        ramp.demand,
        Some(Demand::Users(Pattern::Ramp {
            from: 0.0,
            to: 200.0,
            over,
            curve: crate::RampCurve::Linear,
        }))
    );
    assert_eq!((ramp.duration, ramp.max_requests), (None, None));
    assert_eq!(load(""), super::super::LoadSpec::default());
}

#[test]
fn thresholds_keep_their_words_and_places() {
    let document = good(
        "target = \"echo\"\n[[task]]\nget = \"/a?b\"\n[[threshold]]\nendpoint = \"/a\"\nexpr = \"p99 < 1s\"\n",
    );
    let threshold = &document.thresholds[0];
    assert_eq!(
        (threshold.expr.as_str(), threshold.endpoint.as_deref()),
        ("p99 < 1s", Some("/a"))
    );
    assert_eq!((threshold.place.line, threshold.place.column), (6, 8));
}

#[test]
fn the_echo_target_gets_its_origin_later() {
    let mut document = good("target = \"echo\"\n[[task]]\nget = \"/\"\n");
    assert_eq!(document.target, Target::Echo);
    let origin = Origin {
        scheme: Scheme::Http,
        host: "127.0.0.1".into(),
        port: 4711,
    };
    document.scenario.set_first_origin(origin.clone());
    assert_eq!(document.scenario.origins(), std::slice::from_ref(&origin));
    let events = play(document.scenario, |_| Answer::status(200));
    assert_eq!(sent(&events)[0].origin, origin);
}

#[test]
fn setup_comes_first_tasks_by_weight_and_teardown_once_at_the_end() {
    let document = good(
        "target = \"echo\"\n[[setup]]\npost = \"/in\"\n[[teardown]]\npost = \"/out\"\n\
         [[task]]\nget = \"/often\"\nweight = 3\n[[task]]\nget = \"/never\"\nweight = 0\n[[task]]\nget = \"/rare\"\n",
    );
    let events = play(document.scenario, |_| Answer::status(200));
    let mut counts = BTreeMap::new();
    for request in sent(&events) {
        *counts.entry(request.path.as_str()).or_insert(0) += 1;
    }
    let requests = sent(&events);
    assert_eq!(
        (
            requests[0].path.as_str(),
            requests.last().unwrap().path.as_str()
        ),
        ("/in", "/out")
    );
    assert_eq!(
        (counts["/in"], counts["/out"], counts.get("/never")),
        (1, 1, None)
    );
    // 10 s at 1 ms a request: about 10,000; five standard deviations of p = 3/4 are 217.
    let (often, rare): (i32, i32) = (counts["/often"], counts["/rare"]);
    assert!((often - 3 * (often + rare) / 4).abs() < 217, "{counts:?}");
}

#[test]
fn a_task_thinks_as_long_as_it_says_and_else_as_the_scenario_says() {
    let document = good(
        "target = \"echo\"\nthink_time = \"2s\"\n[[task]]\nget = \"/file\"\n\
         [[task]]\nget = \"/own\"\nthink_time = \"100ms..200ms\"\n[[task]]\nget = \"/none\"\nthink_time = \"0s\"\n",
    );
    let events = MemoryRun {
        drain_at: Duration::from_secs(600),
        ..MemoryRun::new(|_| Answer::status(200))
    }
    .play(&(Arc::new(document.scenario) as Arc<dyn Scenario>));
    let (mut path, mut slept) = (String::new(), None);
    let mut seen = BTreeMap::new();
    for event in &events {
        match &event.deed {
            Deed::Sent(request) => path.clone_from(&request.path),
            Deed::Slept(pause) => slept = Some(*pause),
            Deed::Began if !path.is_empty() => {
                let pause = slept.take();
                *seen.entry(path.clone()).or_insert(0) += 1;
                match path.as_str() {
                    "/file" => assert_eq!(pause, Some(Duration::from_secs(2))),
                    "/own" => assert!(
                        (100..=200).contains(&pause.unwrap().as_millis()),
                        "{pause:?}"
                    ),
                    _ => assert_eq!(pause, None),
                }
            }
            _ => {}
        }
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn a_failed_check_is_judged_in_words_and_ends_the_iteration() {
    let text = "target = \"echo\"\n[[task]]\n[[task.step]]\nget = \"/a\"\n\
                check = { body_contains = [\"hello\", \"${TOKEN}\"], body_lacks = \"sold out\" }\n[[task.step]]\nget = \"/b\"\n";
    for (body, fault) in [
        ("hello t0p-s3cret", None),
        ("t0p-s3cret", Some("body does not contain \"hello\"")),
        ("hello", Some("body does not contain \"${TOKEN}\"")),
        (
            "hello t0p-s3cret, sold out",
            Some("body contains \"sold out\""),
        ),
    ] {
        let events = play(good(text).scenario, move |_| Answer::body(body));
        let second = sent(&events).iter().any(|request| request.path == "/b");
        assert_eq!(second, fault.is_none(), "{body}");
        let judged = events.iter().find_map(|event| match &event.deed {
            Deed::Judged(failure) => failure.clone(),
            _ => None,
        });
        assert_eq!(
            judged,
            fault.map(|fault| Failure::new(ErrorKind::Check, fault))
        );
        assert!(
            events
                .iter()
                .any(|event| event.deed == Deed::Ended(fault.is_some())),
            "{body}"
        );
    }
}

#[test]
fn a_status_is_judged_by_the_check_and_else_by_being_below_400() {
    for (check, status, accepted) in [
        ("", 302, true),
        ("", 404, false),
        ("check.status = 404", 404, true),
        ("check.status = 404", 200, false),
        ("check.status = [200, \"3xx\"]", 304, true),
        ("check.status = \"200..299\"", 300, false),
        ("check.body_contains = \"\\u0041\"", 500, false),
    ] {
        let document = good(&format!(
            "target = \"echo\"\n[[task]]\nget = \"/\"\n{check}\n"
        ));
        let events = play(document.scenario, move |_| Answer {
            result: Ok(status),
            ..Answer::body("A")
        });
        let failure = Failure::new(ErrorKind::Status, format!("HTTP {status}"));
        let judged = events
            .iter()
            .any(|event| event.deed == Deed::Judged(Some(failure.clone())));
        assert_eq!(judged, !accepted, "{check} {status}");
    }
}

#[test]
fn a_body_file_is_found_beside_the_scenario() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("order.json"), "{\"a\": 1}").unwrap();
    let path = folder.path().join("my shop.toml");
    fs::write(
        &path,
        "target = \"echo\"\n[[task]]\npost = \"/\"\nbody_file = \"order.json\"\n",
    )
    .unwrap();
    let document = load_any(&path).unwrap();
    assert_eq!(document.scenario.name(), "my-shop");
    assert_eq!(
        document.scenario.requests().next().unwrap().body.as_bytes(),
        b"{\"a\": 1}"
    );
}

#[test]
fn every_example_is_good_and_runs_against_an_echo_server() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        seen += 1;
        let document =
            match open(&path, any_expression).unwrap_or_else(|problems| panic!("{problems}")) {
                Loaded::One(document) => *document,
                Loaded::SideBySide(several) => {
                    assert!(several.parts.len() > 1);
                    continue;
                }
            };
        assert_eq!(
            document.scenario.name(),
            path.file_stem().unwrap().to_str().unwrap()
        );
        assert!(document.load.demand.is_some() && document.load.duration.is_some());
        let events = play(document.scenario, echo);
        let judged = events
            .iter()
            .find(|event| matches!(event.deed, Deed::Judged(_)));
        assert_eq!(judged, None, "{}", path.display());
        assert!(sent(&events).len() > 10, "{}", path.display());
    }
    assert!(seen >= 12, "{seen}");
}

/// What the built-in echo server answers.
fn echo(request: &SentRequest) -> Answer {
    let path = request.path.split('?').next().unwrap();
    let json = "application/json";
    let has = |name: &str| {
        let found = request.headers.iter().find(|(have, _)| have == name);
        found.map_or("text/plain", |(_, value)| value)
    };
    match path.strip_prefix("/status/") {
        Some(status) => Answer::status(status.parse().unwrap()),
        None if path == "/echo" => Answer {
            body: request.body.clone(),
            ..Answer::status(200).header("content-type", has("content-type"))
        },
        None if path == "/headers" => {
            let headers: serde_json::Map<_, _> = request
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().into()))
                .collect();
            let body = serde_json::Value::from(headers).to_string();
            Answer::body(&body).header("content-type", json)
        }
        None if path == "/login" => Answer::body("{\"token\":\"echo-1\",\"user\":{\"id\":1}}\n")
            .header("content-type", json)
            .header("set-cookie", "sid=echo-1; Path=/; HttpOnly"),
        None if path == "/redirect" => {
            let to = request.path.split_once("to=").unwrap().1;
            Answer::status(302).header("location", to)
        }
        None => Answer::body("hello, world!").header("content-type", "text/plain"),
    }
}
