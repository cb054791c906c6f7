//! The live page and the page of saved runs, through the program: addresses, sockets, ends of every kind. Neighbours: the crate
//! `dashboard` has the protocol's own tests. Invariant: what a page was told is held against what the run left on the disk.

use crate::{
    running::{
        Running, eventually, json, loadforge, results_dir, run_in, run_well_in, summary, workers_of,
    },
    servers::Echo,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
};
use tempfile::tempdir;
use tokio_tungstenite::tungstenite::{
    Message, WebSocket,
    client::{IntoClientRequest, client},
};

use crate::running::PATIENCE;

/// Starts the program in this directory, and waits until it has said an address.
fn serving(dir: &Path, words: &[&str]) -> (Running, String) {
    let said = dir.join("said.txt");
    let run = Running::start_saying_to(loadforge().current_dir(dir).args(words), &said);
    let url = eventually("the page's address", || {
        let text = fs::read_to_string(&said).ok()?;
        let (_, rest) = text.split_once("http://127.0.0.1:")?;
        let (address, _) = rest.split_once('\n')?;
        Some(format!("http://127.0.0.1:{address}"))
    });
    (run, url)
}

/// A run of the live page against this server.
fn live(dir: &Path, echo: &Echo, duration: &str, flags: &[&str]) -> (Running, String) {
    let url = echo.url();
    let words = [
        "run",
        &url,
        "--users",
        "2",
        "--workers",
        "1",
        "--duration",
        duration,
        "--dashboard",
        "--quiet",
    ];
    serving(dir, &[&words, flags].concat())
}

fn authority(url: &str) -> &str {
    let rest = url.strip_prefix("http://").unwrap();
    rest.split('/').next().unwrap()
}

fn token(url: &str) -> &str {
    url.split_once("#token=").unwrap().1
}

/// A request's status and body.
fn ask(url: &str, method: &str, path: &str, head: &str, body: &str) -> (u16, String) {
    let authority = authority(url);
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-length: {length}\r\n{head}\r\n{body}"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

fn get(url: &str, path: &str) -> Value {
    let (status, body) = ask(url, "GET", path, "", "");
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// A viewer at the run's WebSocket.
struct Viewer(WebSocket<TcpStream>);

impl Viewer {
    fn come(url: &str) -> Viewer {
        let stream = TcpStream::connect(authority(url)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let address = format!("ws://{}/ws?token={}", authority(url), token(url));
        let request = address.into_client_request().unwrap();
        let (socket, _) = client(request, stream).unwrap();
        Viewer(socket)
    }

    /// The next message; `None` when the socket has closed, however it did.
    fn next(&mut self) -> Option<Value> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

fn sum(seconds: &[Value], name: &str) -> u64 {
    seconds
        .iter()
        .map(|second| second[name].as_u64().unwrap())
        .sum()
}

#[test]
fn a_run_is_shown_from_its_greeting_to_its_end() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let (mut run, url) = live(dir.path(), &echo, "4s", &[]);
    let mut viewer = Viewer::come(&url);
    let hello = viewer.next().unwrap();
    assert_eq!(hello["type"], "hello");
    assert_eq!(hello["can_steer"], true);
    assert_eq!(hello["info"]["workers"], 1);
    let mode = get(&url, "/api/mode");
    assert_eq!(
        (&mode["mode"], &mode["can_steer"]),
        (&Value::from("live"), &Value::from(false))
    );
    assert_eq!(get(&url, "/api/run")["run_id"], hello["run_id"]);
    let (status, metrics) = ask(&url, "GET", "/metrics", "", "");
    assert_eq!(status, 200);
    assert!(
        metrics.contains("loadforge_run_finished{run=\""),
        "{metrics}"
    );
    let mut seconds = hello["seconds"].as_array().unwrap().clone();
    let end = loop {
        let mut message = viewer
            .next()
            .expect("the end comes before the socket closes");
        match message["type"].as_str().unwrap() {
            "second" => {
                assert_eq!(message["second"]["skipped"], 0);
                // So far, too, the books are balanced.
                let reasons = message["summary"]["verdict"]["reasons"].to_string();
                assert!(!reasons.contains("(= "), "{reasons}");
                seconds.push(message["second"].take());
            }
            "end" => break message,
            other => assert_eq!(other, "event"),
        }
    };
    assert!(viewer.next().is_none());
    seconds.extend(end["seconds"].as_array().unwrap().clone());
    assert_eq!(run.wait().code(), Some(0));
    let mut written = summary(dir.path());
    written["events"] = Value::Array(Vec::new());
    assert_eq!(end["summary"], written);
    let requests = &written["requests"];
    assert_eq!(sum(&seconds, "ok"), requests["ok"].as_u64().unwrap());
    assert_eq!(
        sum(&seconds, "bytes_in"),
        requests["bytes_in"].as_u64().unwrap()
    );
    let at_s: Vec<f64> = seconds
        .iter()
        .map(|second| second["at_s"].as_f64().unwrap())
        .collect();
    assert!(at_s.is_sorted_by(|a, b| a < b), "{at_s:?}");
    let report = dir.path().join(end["report"].as_str().unwrap());
    assert!(report.exists());
    TcpStream::connect(authority(&url)).expect_err("nobody listens when the run is over");
    for file in fs::read_dir(results_dir(dir.path()).unwrap()).unwrap() {
        let text = fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&text);
        assert!(!text.contains(token(&url)), "the token is in no result");
    }
    let said = fs::read_to_string(dir.path().join("said.txt")).unwrap();
    assert_eq!(said, format!("live page  {url}\n"));
}

#[test]
fn orders_given_on_the_page_are_carried_out_and_stand_in_the_results() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&["--delay", "5ms"]));
    let (mut run, url) = live(dir.path(), &echo, "50s", &[]);
    let mut viewer = Viewer::come(&url);
    while viewer.next().unwrap()["type"] != "second" {}
    let bearer = format!("authorization: Bearer {}\r\n", token(&url));
    let order = |body: &str| ask(&url, "POST", "/api/steer", &bearer, body);
    let (status, body) = order("{\"action\":\"users\",\"value\":5,\"who\":\"Anna\"}");
    assert_eq!(status, 200, "{body}");
    loop {
        let message = viewer.next().expect("the run goes on");
        if message["second"]["users"]["active"] == 5 {
            assert_eq!(message["second"]["steering"]["users"], 5.0);
            break;
        }
    }
    let (status, body) = order("{\"action\":\"rate\",\"value\":5}");
    assert_eq!(status, 409, "a run of users has no rate: {body}");
    assert_eq!(order("{\"action\":\"stop\"}").0, 200);
    let mut told = Vec::new();
    while let Some(message) = viewer.next() {
        told.push(message["type"].as_str().unwrap().to_owned());
    }
    assert!(told.contains(&"event".to_owned()), "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("end"));
    assert_eq!(run.wait().code(), Some(0));
    let written = summary(dir.path());
    assert_eq!(written["outcome"], "interrupted");
    let events = written["events"].to_string();
    for words in [
        "Anna set 5 users",
        "somebody on the live page stopped the run",
    ] {
        assert!(events.contains(words), "{events}");
    }
}

#[test]
fn a_page_that_is_kept_stays_until_a_signal_and_the_exit_code_is_the_runs() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&["--status", "500"]));
    let flags = ["--dashboard-keep", "--fail-on-error-rate", "1%"];
    let (mut run, url) = live(dir.path(), &echo, "1s", &flags);
    eventually("the run's end", || {
        (get(&url, "/api/run")["state"] == "finished").then_some(())
    });
    let mut late = Viewer::come(&url);
    assert_eq!(late.next().unwrap()["state"], "finished");
    assert_eq!(late.next().unwrap()["type"], "end");
    // Only now does it wait for the signal; before, one would end the program at once.
    eventually("its last words", || {
        let said = fs::read_to_string(dir.path().join("said.txt")).ok()?;
        said.contains("stays until Ctrl-C").then_some(())
    });
    run.signal(Signal::SIGINT);
    assert_eq!(run.wait().code(), Some(3));
}

#[test]
fn a_supervisor_that_is_killed_closes_every_socket_with_no_end_said() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let (mut run, url) = live(dir.path(), &echo, "50s", &[]);
    let mut viewer = Viewer::come(&url);
    while viewer.next().unwrap()["type"] != "second" {}
    assert_eq!(workers_of(run.pid()).len(), 1);
    run.signal(Signal::SIGKILL);
    run.wait();
    while let Some(message) = viewer.next() {
        assert_ne!(message["type"], "end");
    }
    eventually("that nobody listens", || {
        TcpStream::connect(authority(&url)).is_err().then_some(())
    });
}

#[test]
fn what_cannot_be_served_is_told_before_anything_is_sent() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let (port, url) = (taken.port().to_string(), echo.url());
    for (flags, words) in [
        (vec!["--dashboard", &port], "another program listens there"),
        (
            vec!["--dashboard=shop.toml"],
            "is not an address to listen on",
        ),
        (
            vec!["--dashboard", "192.0.2.1:8080"],
            "no address of this machine",
        ),
        (vec!["--dashboard-keep"], "none was asked for"),
        (vec!["--open"], "none was asked for"),
    ] {
        let ended = run_in(dir.path(), &[&["run", &url], flags.as_slice()].concat());
        assert_eq!(ended.code, Some(2), "{flags:?}\n{}", ended.stderr);
        assert!(ended.stderr.contains(words), "{flags:?}\n{}", ended.stderr);
        assert!(ended.stderr.contains(" = help: "), "{}", ended.stderr);
    }
    assert_eq!(echo.requests(), 0);
    assert_eq!(results_dir(dir.path()), None);
}

#[test]
fn saved_runs_are_listed_opened_and_found_when_they_come() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let url = echo.url();
    let run = [
        "run",
        &url,
        "--users",
        "2",
        "--workers",
        "1",
        "--duration",
        "2s",
    ];
    run_well_in(dir.path(), &run);
    let first = results_dir(dir.path()).unwrap();
    let written = summary(dir.path());
    let name = first.file_name().unwrap().to_str().unwrap().to_owned();
    let broken = dir.path().join("results/broken");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("run.json"), "{").unwrap();
    fs::create_dir(dir.path().join("results/notes")).unwrap();
    let (mut page, url) = serving(dir.path(), &["dashboard", "results"]);
    assert_eq!(get(&url, "/api/mode")["mode"], "saved");
    let list = get(&url, "/api/runs");
    assert_eq!(list["runs"].as_array().unwrap().len(), 1, "{list}");
    let card = &list["runs"][0];
    assert_eq!(card["id"], name.as_str());
    assert_eq!(card["p99_ms"], written["response_ms"]["p99"]);
    assert_eq!(
        (&card["cut_off"], &card["outcome"]),
        (&Value::from(false), &Value::from("completed"))
    );
    assert_eq!(list["problems"][0]["id"], "broken");
    let opened = get(&url, &format!("/api/runs/{name}"));
    assert_eq!(
        (&opened["state"], &opened["run_id"]),
        (&Value::from("finished"), &card["id"])
    );
    let seconds = opened["seconds"].as_array().unwrap();
    assert_eq!(
        sum(seconds, "ok"),
        written["requests"]["ok"].as_u64().unwrap()
    );
    assert_eq!(opened["info"], json(&first.join("run.json")));
    for hostile in ["..", "%2e%2e", "..%2fresults", "%2fetc", "nothing", "notes"] {
        let (status, body) = ask(&url, "GET", &format!("/api/runs/{hostile}"), "", "");
        assert_eq!(status, 404, "{hostile}: {body}");
    }
    let (status, body) = ask(&url, "GET", "/api/runs/broken", "", "");
    assert_eq!(status, 500, "{body}");
    assert_eq!(ask(&url, "POST", "/api/steer", "", "{}").0, 404);
    // What comes while it is served, cut off in the middle of a line.
    let second = dir.path().join("results/cut");
    fs::create_dir(&second).unwrap();
    fs::copy(first.join("run.json"), second.join("run.json")).unwrap();
    let lines = fs::read_to_string(first.join("snapshots.jsonl")).unwrap();
    fs::write(second.join("snapshots.jsonl"), &lines[..lines.len() - 9]).unwrap();
    let list = get(&url, "/api/runs");
    let cut: Vec<_> = list["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| (&run["id"], &run["cut_off"]))
        .collect();
    assert!(
        cut.contains(&(&Value::from("cut"), &Value::from(true))),
        "{list}"
    );
    page.signal(Signal::SIGINT);
    assert_eq!(page.wait().code(), Some(0));
    // A run by itself has the same name.
    let (mut page, url) = serving(dir.path(), &["dashboard", first.to_str().unwrap()]);
    assert_eq!(get(&url, "/api/runs")["runs"][0]["id"], name.as_str());
    page.signal(Signal::SIGTERM);
    assert_eq!(page.wait().code(), Some(0));
}

#[test]
fn where_there_is_no_run_nothing_is_served() {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("empty")).unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    for (words, said) in [
        (
            ["dashboard", "nowhere"].as_slice(),
            "nowhere cannot be read",
        ),
        (&["dashboard", "file"], "file cannot be read"),
        (&["dashboard", "empty"], "there is no run in empty"),
        (
            &["dashboard", "empty", "--listen", "x"],
            "is not an address to listen on",
        ),
    ] {
        let ended = run_in(dir.path(), words);
        assert_eq!(ended.code, Some(2), "{words:?}\n{}", ended.stderr);
        assert!(ended.stderr.contains(said), "{words:?}\n{}", ended.stderr);
        assert!(ended.stderr.contains(" = help: "), "{}", ended.stderr);
    }
}
