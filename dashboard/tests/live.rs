//! A live page and its viewers: what each is told, when, and what becomes of those that do not read. Neighbours: `stage/` serves and
//! views, `access.rs` beside this has who is let in. Invariant: nothing here waits for time to pass; each step waits for what it needs.

mod stage;

use loadforge_analysis::{Event, EventKind};
use serde_json::{Value, json};
use stage::{
    PATIENCE, Viewer, authority, ends, feed, get, get_with, page, page_with, sample, steer, token,
    viewers,
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Instant,
};

/// Waits until the page has shown this second.
fn until_shown(authority: &str, at_s: f64) {
    let begun = Instant::now();
    loop {
        let since = format!("/api/snapshots?since={}", at_s - 0.5);
        if ends(&get(authority, &since).json()).last() == Some(&at_s) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "second {at_s} was never shown");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn summary(seconds: u64) -> loadforge_analysis::RunSummary {
    let mut fold = loadforge_analysis::RunFold::default();
    for number in 1..=seconds {
        fold.add(&sample::second(number));
    }
    fold.so_far(&sample::run_info())
}

#[test]
fn a_viewer_is_greeted_and_told_each_second() {
    let page = page();
    let authority = authority(page.url());
    viewers(async {
        let mut viewer = Viewer::come(authority, "", None).await.expect("let in");
        let hello = viewer.expect("hello").await;
        assert_eq!(hello["schema"], "loadforge.live/1");
        assert_eq!(hello["state"], "starting");
        assert_eq!(hello["seconds"], json!([]));
        assert_eq!(hello["summary"], Value::Null);
        assert_eq!(hello["can_steer"], false);
        assert_eq!(hello["info"]["name"], "shop");
        assert_eq!(hello["results_dir"], "results/shop");
        let as_planned = json!({"users": null, "rate": null, "paused": false});
        assert_eq!(hello["steering"], as_planned);
        feed(&page, 1..=3);
        for number in 1..=3 {
            let told = viewer.expect("second").await;
            assert_eq!(told["second"]["at_s"], f64::from(number));
            assert_eq!(told["second"]["skipped"], 0);
            assert_eq!(told["state"], "running");
            assert_eq!(told["summary"]["schema"], "loadforge.summary/1");
            assert_eq!(told["summary"]["verdict"]["level"], "VALID");
            assert_eq!(told["summary"]["duration_s"], f64::from(number));
        }
    });
}

#[test]
fn the_end_brings_final_figures_and_closes_the_socket() {
    let page = Arc::new(page());
    let url = page.url().to_owned();
    feed(&page, 1..=2);
    until_shown(authority(&url), 2.0);
    let ending = Arc::clone(&page);
    viewers(async {
        let mut viewer = Viewer::come(authority(&url), "?since=1", None)
            .await
            .expect("let in");
        let hello = viewer.expect("hello").await;
        assert_eq!(ends(&hello["seconds"]), [2.0]);
        let ended = tokio::task::spawn_blocking(move || {
            ending.end(&summary(2), Some(PathBuf::from("results/shop/report.html")));
        });
        let end = viewer.expect("end").await;
        assert_eq!(end["report"], "results/shop/report.html");
        assert_eq!(end["summary"]["duration_s"], 2.0);
        assert_eq!(end["seconds"], json!([]));
        assert!(viewer.next().await.is_none(), "it closes after the end");
        ended.await.expect("it ends");
    });
    drop(page);
    TcpStream::connect(authority(&url)).expect_err("nobody listens any more");
}

#[test]
fn a_page_that_is_kept_greets_who_comes_after_the_end() {
    let page = page_with(Box::new(|_| Err(String::new())), true);
    let authority = authority(page.url());
    feed(&page, 1..=2);
    page.end(&summary(2), None);
    viewers(async {
        let mut viewer = Viewer::come(authority, "", None).await.expect("let in");
        let hello = viewer.expect("hello").await;
        assert_eq!(hello["state"], "finished");
        assert_eq!(hello["now_s"], 2.0);
        assert_eq!(ends(&hello["seconds"]), [1.0, 2.0]);
        let end = viewer.expect("end").await;
        assert_eq!(end["seconds"], json!([]));
        assert!(viewer.next().await.is_none());
    });
    let late = steer(
        authority,
        &format!("authorization: Bearer {}\r\n", token(page.url())),
        "{\"action\":\"stop\"}",
    );
    assert_eq!(late.status, 409, "{}", late.text());
}

#[test]
fn who_comes_back_gets_what_it_missed_with_no_gap_and_nothing_twice() {
    let page = page();
    let authority = authority(page.url());
    feed(&page, 1..=5);
    until_shown(authority, 5.0);
    viewers(async {
        let mut first = Viewer::come(authority, "?since=-1", None)
            .await
            .expect("in");
        let hello = first.expect("hello").await;
        let run_id = hello["run_id"].clone();
        assert_eq!(ends(&hello["seconds"]), [1.0, 2.0, 3.0, 4.0, 5.0]);
        drop(first);
        feed(&page, 6..=20);
        let mut seen = 5.0;
        // Comes and goes while seconds come.
        for round in 0..5 {
            feed(&page, 21 + round * 3..=23 + round * 3);
            let query = format!("?since={seen}");
            let mut again = Viewer::come(authority, &query, None).await.expect("in");
            let hello = again.expect("hello").await;
            assert_eq!(hello["run_id"], run_id);
            for at_s in ends(&hello["seconds"]) {
                assert_eq!(at_s, seen + 1.0);
                seen = at_s;
            }
            while seen < (23 + round * 3) as f64 {
                let told = again.expect("second").await;
                // Seconds that came in a heap may be skipped, and say so.
                let skipped = told["second"]["skipped"].as_f64().expect("a count");
                let at_s = told["second"]["at_s"].as_f64().expect("a number");
                assert_eq!(at_s, seen + 1.0 + skipped);
                seen = at_s;
            }
        }
    });
}

#[test]
fn an_order_is_carried_out_and_told_to_everybody_at_once() {
    let orders = Arc::new(Mutex::new(Vec::new()));
    let given = Arc::clone(&orders);
    let page = page_with(
        Box::new(move |order| {
            let text = order.words();
            given.lock().unwrap().push(order);
            match text.contains("999") {
                true => Err("999 is too many".to_owned()),
                false => Ok(Event {
                    at_s: 1.25,
                    kind: EventKind::Steered,
                    text,
                }),
            }
        }),
        false,
    );
    let authority = authority(page.url());
    let bearer = format!("authorization: Bearer {}\r\n", token(page.url()));
    feed(&page, 1..=1);
    until_shown(authority, 1.0);
    viewers(async {
        let query = format!("?token={}", token(page.url()));
        let mut viewer = Viewer::come(authority, &query, None).await.expect("in");
        assert_eq!(viewer.expect("hello").await["can_steer"], true);
        let body = "{\"action\":\"users\",\"value\":50,\"who\":\"Anna\"}";
        let answer = steer(authority, &bearer, body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["event"]["kind"], "steered");
        let told = viewer.expect("event").await;
        assert_eq!(told["event"], answer.json()["event"]);
        assert_eq!(told["steering"]["users"], 50.0);
        assert_eq!(told["state"], "running");
        assert_eq!(
            steer(authority, &bearer, "{\"action\":\"pause\"}").status,
            200
        );
        let told = viewer.expect("event").await;
        assert_eq!(told["state"], "paused");
        assert_eq!(told["steering"]["users"], 50.0);
        assert_eq!(
            steer(authority, &bearer, "{\"action\":\"stop\"}").status,
            200
        );
        assert_eq!(viewer.expect("event").await["state"], "draining");
    });
    for (body, status) in [
        ("{\"action\":\"users\",\"value\":999}", 409),
        ("{\"action\":\"dance\"}", 400),
        ("{\"action\":\"users\"}", 400),
        ("{\"action\":\"users\",\"value\":\"many\"}", 400),
        ("nonsense", 400),
        ("{\"action\":\"users\",\"value\":-1}", 400),
        ("{\"action\":\"users\",\"value\":1.5}", 400),
        ("{\"action\":\"rate\",\"value\":1e300}", 400),
        (
            &format!("{{\"action\":\"stop\",\"who\":\"{}\"}}", "x".repeat(41)),
            400,
        ),
    ] {
        let answer = steer(authority, &bearer, body);
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        let error = &answer.json()["error"];
        assert!(error["message"].is_string() && error["help"].is_string());
    }
    let long = format!("{{\"action\":\"stop\",\"who\":\"{}\"}}", "x".repeat(8_000));
    assert_eq!(steer(authority, &bearer, &long).status, 413);
    let who: Vec<String> = orders
        .lock()
        .unwrap()
        .iter()
        .map(|one| one.who.clone())
        .collect();
    let somebody = "somebody on the live page";
    assert_eq!(who, ["Anna", somebody, somebody, somebody]);
}

#[test]
fn a_viewer_that_reads_nothing_costs_the_others_and_the_run_nothing() {
    let page = page();
    let authority = authority(page.url());
    let mut idle = TcpStream::connect(authority).expect("it listens");
    write!(
        idle,
        "GET /ws HTTP/1.1\r\nhost: {authority}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .expect("it reads");
    let last = 10_000;
    viewers(async {
        let mut reader = Viewer::come(authority, "", None).await.expect("in");
        reader.expect("hello").await;
        let mut seen = 0.0;
        for number in (20..=last).step_by(20) {
            // It takes no longer than handing over: were it to wait for viewers, the idle one would stop this for good.
            feed(&page, number - 19..=number);
            while seen < number as f64 {
                let told = reader.expect("second").await;
                let skipped = told["second"]["skipped"].as_f64().expect("a count");
                let at_s = told["second"]["at_s"].as_f64().expect("a number");
                assert_eq!(at_s, seen + 1.0 + skipped, "a gap that nobody told of");
                seen = at_s;
            }
        }
    });
    let skipped = read_skipped(&mut idle, last);
    assert!(skipped > 1_000, "{skipped} skipped");
}

/// Reads what a viewer that had stopped reading is sent, up to the last second: how many it was not sent. Frames of a server are not
/// masked: what is looked for stands in them as it is.
fn read_skipped(idle: &mut TcpStream, last: u64) -> u64 {
    idle.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let mut heard = Vec::new();
    let mut chunk = vec![0; 256 * 1024];
    let end = format!("{{\"type\":\"second\",\"second\":{{\"at_s\":{last}.0,");
    loop {
        let length = idle.read(&mut chunk).expect("the latest second comes");
        assert!(length > 0, "the server has closed");
        heard.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8_lossy(&heard);
        if let Some(at) = text.find(&end)
            && text[at..].contains("\"now_s\":")
        {
            let marks = text.match_indices("\"skipped\":").map(|(at, mark)| {
                let digits = &text[at + mark.len()..];
                let digits = digits.split(',').next().unwrap_or_default();
                digits.parse::<u64>().expect("a count")
            });
            return marks.sum();
        }
    }
}

#[test]
fn a_hundred_viewers_are_told_the_same_and_more_than_two_hundred_are_refused() {
    let page = page();
    let authority = authority(page.url());
    viewers(async {
        let mut all = Vec::new();
        for _ in 0..200 {
            let mut viewer = Viewer::come(authority, "", None).await.expect("in");
            viewer.expect("hello").await;
            all.push(viewer);
        }
        let refused = Viewer::come(authority, "", None).await;
        assert_eq!(refused.err(), Some(503));
        feed(&page, 1..=1);
        let mut told = Vec::new();
        for viewer in &mut all[..100] {
            told.push(viewer.expect("second").await);
        }
        assert!(told.iter().all(|one| *one == told[0]));
        all.truncate(100);
        // Somebody else may come as soon as the server has seen them leave.
        let begun = Instant::now();
        while Viewer::come(authority, "", None).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "no place was given back");
        }
    });
}

#[test]
fn figures_can_be_had_without_a_socket_that_stays_open() {
    let page = page();
    let authority = authority(page.url());
    assert_eq!(get(authority, "/healthz").text(), "ok");
    let mode = get(authority, "/api/mode").json();
    let expected = json!({"schema": "loadforge.live/1", "mode": "live", "can_steer": false, "needs_token": false,
                          "version": env!("CARGO_PKG_VERSION")});
    assert_eq!(mode, expected);
    let bearer = format!("authorization: Bearer {}\r\n", token(page.url()));
    let mode = get_with(authority, "/api/mode", &bearer).json();
    assert_eq!(mode["can_steer"], true);
    feed(&page, 1..=4);
    until_shown(authority, 4.0);
    let about = get(authority, "/api/run").json();
    assert_eq!(about["type"], "hello");
    assert_eq!(about.get("seconds"), None);
    assert_eq!(about["summary"]["requests"]["ok"], 46);
    assert!(about["now_s"].as_f64().expect("a number") >= 4.0);
    assert_eq!(ends(&get(authority, "/api/snapshots").json()).len(), 4);
    assert_eq!(
        ends(&get(authority, "/api/snapshots?since=2.5").json()),
        [3.0, 4.0]
    );
    assert_eq!(get(authority, "/api/snapshots?since=x").status, 400);
    let metrics = get(authority, "/metrics");
    assert!(metrics.head.contains("text/plain; version=0.0.4"));
    assert!(
        metrics
            .text()
            .contains("loadforge_requests_total{run=\"shop\",outcome=\"ok\"} 46\n")
    );
    let page = get(authority, "/");
    assert!(
        page.head.contains("content-encoding: gzip"),
        "{}",
        page.head
    );
    assert!(page.head.contains("cache-control: no-store"));
    assert!(
        page.head
            .contains("content-security-policy: default-src 'self'")
    );
    assert_eq!(page.body[..2], [0x1f, 0x8b]);
    for path in [
        "/assets/none.js",
        "/assets/../index.html",
        "/nothing",
        "/api/runs",
    ] {
        assert_eq!(get(authority, path).status, 404, "{path}");
    }
}
