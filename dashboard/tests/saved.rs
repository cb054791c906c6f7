//! A page of saved runs as a browser asks for it. Neighbours: `stage/` asks; the program's own tests read real directories.
//! Invariant: what a source cannot read is an answer, never the end of the server.

mod stage;

use loadforge_analysis::RunFold;
use loadforge_dashboard::{
    Door, History, RunCard, RunList, RunProblem, SavedPage, SavedRun, SavedSource,
};
use serde_json::{Value, json};
use stage::{authority, ends, get, get_with, sample, token};

fn fold() -> RunFold {
    let mut fold = RunFold::default();
    (1..=3).for_each(|number| fold.add(&sample::second(number)));
    fold
}

fn opened(id: &str) -> Option<Result<SavedRun, String>> {
    match id {
        "shop" => {
            let mut history = History::default();
            (1..=3).for_each(|number| history.add(&sample::second(number)));
            Some(Ok(SavedRun {
                info: sample::run_info(),
                summary: fold().so_far(&sample::run_info()),
                history,
                results_dir: "results/shop".to_owned(),
            }))
        }
        "broken" => Some(Err("its lines are spoilt".to_owned())),
        "wicked" => panic!("a directory that nobody thought of"),
        _ => None,
    }
}

fn listed() -> RunList {
    let info = sample::run_info();
    let summary = fold().so_far(&info);
    RunList {
        runs: vec![RunCard::new(
            "shop".to_owned(),
            &info,
            &summary,
            &[11.0, 12.0, 13.0],
            true,
        )],
        problems: vec![RunProblem {
            id: "broken".to_owned(),
            message: "its lines are spoilt".to_owned(),
        }],
    }
}

fn page(address: &str) -> SavedPage {
    let door = Door::open(&address.parse().expect("an address")).expect("a free port");
    let source = SavedSource {
        list: Box::new(listed),
        open: Box::new(opened),
    };
    SavedPage::start(door, source).expect("a thread")
}

#[test]
fn a_saved_run_has_the_form_of_a_live_one_that_is_over() {
    let page = page("127.0.0.1:0");
    let url = page.url();
    assert!(!url.contains("token"), "none is needed on this machine");
    let authority = authority(url);
    let mode = get(authority, "/api/mode").json();
    assert_eq!(
        (&mode["mode"], &mode["can_steer"]),
        (&json!("saved"), &json!(false))
    );
    let hello = get(authority, "/api/runs/shop").json();
    assert_eq!(hello["type"], "hello");
    assert_eq!(hello["state"], "finished");
    assert_eq!(hello["now_s"], 3.0);
    assert_eq!(ends(&hello["seconds"]), [1.0, 2.0, 3.0]);
    assert_eq!(hello["summary"]["verdict"]["level"], "VALID");
    let list = get(authority, "/api/runs").json();
    let card = json!({
        "id": "shop", "name": "shop", "started_at": "2026-11-21T09:30:00Z", "duration_s": 3.0, "outcome": "completed",
        "verdict": "VALID", "requests": 36, "rps_mean": 12.0, "p95_ms": list["runs"][0]["p95_ms"], "p99_ms": list["runs"][0]["p99_ms"],
        "error_rate": 3.0 / 36.0, "load": "8 users", "spark": [11.0, 12.0, 13.0], "thresholds_passed": 1, "thresholds": 1,
        "cut_off": true
    });
    assert_eq!(list["runs"], Value::Array(vec![card]));
    assert_eq!(list["problems"][0]["id"], "broken");
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_goes_on() {
    let page = page("127.0.0.1:0");
    let authority = authority(page.url());
    for (id, status) in [
        ("broken", 500),
        ("wicked", 500),
        ("none", 404),
        ("..%2fshop", 404),
    ] {
        let answer = get(authority, &format!("/api/runs/{id}"));
        assert_eq!(answer.status, status, "{id}: {}", answer.text());
        assert!(answer.json()["error"]["help"].is_string());
    }
    assert_eq!(get(authority, "/api/runs/shop").status, 200);
    assert_eq!(
        get_with(authority, "/api/runs", "host: attacker.example\r\n").status,
        403
    );
}

#[test]
fn runs_are_shown_elsewhere_only_to_who_has_the_token() {
    let page = page("0.0.0.0:0");
    let (authority, token) = (authority(page.url()), token(page.url()));
    for path in ["/api/runs", "/api/runs/shop"] {
        assert_eq!(get(authority, path).status, 401, "{path}");
        let bearer = format!("authorization: Bearer {token}\r\n");
        assert_eq!(get_with(authority, path, &bearer).status, 200, "{path}");
    }
    assert_eq!(get(authority, "/api/mode").json()["needs_token"], true);
}
