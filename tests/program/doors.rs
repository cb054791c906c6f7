//! The same visit through three doors (TOML, Rust, an imported recording) against one kind of server: each name is counted as often,
//! and the server counts the same.

use crate::{
    running::{count, loadforge, run_command_in, run_well_in, summary},
    rust_scenarios::example,
    servers::Echo,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path};
use tempfile::tempdir;

/// Visits, and the requests of one.
const VISITS: u64 = 6;
const REQUESTS: u64 = 5;

const TOML: &str = r#"
name = "visit"
base_url = "TARGET"
[[task]]
[[task.step]]
name = "POST /login"
post = "/login"
json = { user = "ann" }
[[task.step]]
name = "GET /products/{id}"
get = "/products/7"
check.status = 200
[[task.step]]
name = "GET /products/{id}"
get = "/products/8"
check.status = 200
[[task.step]]
name = "GET /search"
get = "/search"
query = { q = "red shoes" }
[[task.step]]
name = "POST /echo"
post = "/echo"
json = { product = 7 }
check.body_contains = "7"
"#;

/// The visit as a browser would record it.
fn recording(target: &str) -> Value {
    let entry = |method: &str, path: &str, body: Option<Value>| {
        let post =
            body.map(|body| json!({ "mimeType": "application/json", "text": body.to_string() }));
        json!({
            "pageref": "page_1",
            "startedDateTime": "2026-11-21T12:00:00.000Z",
            "time": 5,
            "request": {
                "method": method, "url": format!("{target}{path}"), "httpVersion": "HTTP/1.1",
                "headers": [], "queryString": [], "cookies": [], "headersSize": -1, "bodySize": -1, "postData": post,
            },
            "response": { "status": 200, "statusText": "OK", "headers": [], "content": { "size": 2, "mimeType": "application/json" } },
        })
    };
    json!({ "log": {
        "version": "1.2",
        "creator": { "name": "WebInspector", "version": "1" },
        "pages": [{ "id": "page_1", "title": "visit", "startedDateTime": "2026-11-21T12:00:00.000Z", "pageTimings": {} }],
        "entries": [
            entry("POST", "/login", Some(json!({ "user": "ann" }))),
            entry("GET", "/products/7", None),
            entry("GET", "/products/8", None),
            entry("GET", "/search?q=red%20shoes", None),
            entry("POST", "/echo", Some(json!({ "product": 7 }))),
        ],
    }})
}

/// How often each name was sent, and what the server counted.
fn counted(dir: &Path, echo: &Echo) -> (BTreeMap<String, u64>, u64) {
    let summary = summary(dir);
    assert_eq!(count(&summary, "failed"), 0, "{summary}");
    let endpoints = summary["endpoints"].as_array().expect("a list");
    let sent = endpoints.iter().map(|endpoint| {
        let name = endpoint["name"].as_str().expect("a name").to_owned();
        (name, endpoint["sent"].as_u64().expect("a count"))
    });
    (sent.collect(), echo.requests())
}

#[test]
fn the_same_visit_is_counted_the_same_through_every_door() {
    let most = (VISITS * REQUESTS).to_string();
    let load = [
        "--users",
        "1",
        "--duration",
        "30s",
        "--max-requests",
        &most,
        "--no-preflight",
        "--quiet",
        "--output",
        "results",
    ];
    let mut all = Vec::new();
    for door in ["toml", "har", "rust"] {
        let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
        let target = format!("http://{}", echo.address);
        match door {
            "toml" => fs::write(
                dir.path().join("visit.toml"),
                TOML.replace("TARGET", &target),
            )
            .unwrap(),
            "har" => {
                let har = recording(&target).to_string();
                fs::write(dir.path().join("visit.har"), har).unwrap();
                run_well_in(
                    dir.path(),
                    &["import", "har", "visit.har", "--out", "visit.toml"],
                );
                run_well_in(dir.path(), &["validate", "visit.toml"]);
            }
            _ => {}
        }
        let (program, scenario) = match door {
            "rust" => (example("same-visit"), target.as_str()),
            _ => (loadforge(), "visit.toml"),
        };
        let words = [&["run", scenario][..], &load].concat();
        let ended = run_command_in(dir.path(), program, &words);
        assert_eq!(ended.code, Some(0), "{door}: {ended:?}");
        all.push(counted(dir.path(), &echo));
    }
    let (names, served) = &all[0];
    assert_eq!(*served, VISITS * REQUESTS);
    assert_eq!(names["GET /products/{id}"], 2 * VISITS);
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(all.iter().all(|door| *door == all[0]), "{all:?}");
}
