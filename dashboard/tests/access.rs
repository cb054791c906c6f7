//! Who is let in at a live page, by real requests. Neighbours: `stage/` serves and asks, `src/access.rs` has the rules.
//! Invariant: each refusal is held beside the same request with the one thing mended, which is let in.

mod stage;

use loadforge_analysis::{Event, EventKind};
use stage::{Viewer, authority, get, get_with, page, page_at, steer, token, viewers};

const STOP: &str = "{\"action\":\"stop\"}";

fn obedient() -> loadforge_dashboard::Steer {
    Box::new(|order| {
        Ok(Event {
            at_s: 0.0,
            kind: EventKind::Steered,
            text: order.words(),
        })
    })
}

#[test]
fn to_steer_takes_the_token_also_on_this_machine() {
    let page = page_at("127.0.0.1:0", obedient(), false);
    let authority = authority(page.url());
    let token = token(page.url());
    for (head, status) in [
        (String::new(), 401),
        (
            "authorization: Bearer 0123456789abcdef0123456789abcdef\r\n".to_owned(),
            401,
        ),
        (format!("authorization: Basic {token}\r\n"), 401),
        (format!("authorization: Bearer {token}\r\n"), 200),
    ] {
        let answer = steer(authority, &head, STOP);
        assert_eq!(answer.status, status, "{head}{}", answer.text());
    }
    let in_query = format!(
        "POST /api/steer?token={token} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{STOP}",
        STOP.len()
    );
    assert_eq!(stage::ask(authority, &in_query).status, 401);
}

#[test]
fn to_view_from_elsewhere_takes_the_token() {
    let page = page_at("0.0.0.0:0", obedient(), false);
    let url = page.url().to_owned();
    let (authority, token) = (authority(&url), token(&url));
    let bearer = format!("authorization: Bearer {token}\r\n");
    for path in ["/api/run", "/api/snapshots", "/metrics"] {
        assert_eq!(get(authority, path).status, 401, "{path}");
        let in_query = format!("{path}?token={token}");
        assert_eq!(get(authority, &in_query).status, 401, "{path}");
        assert_eq!(get_with(authority, path, &bearer).status, 200, "{path}");
    }
    for path in ["/", "/healthz", "/api/mode"] {
        assert_eq!(get(authority, path).status, 200, "{path}");
    }
    assert_eq!(get(authority, "/api/mode").json()["needs_token"], true);
    viewers(async {
        for query in ["", "?token=", "?token=0123456789abcdef0123456789abcdef"] {
            let came = Viewer::come(authority, query, None).await;
            assert_eq!(came.err(), Some(401), "{query}");
        }
        let query = format!("?token={token}");
        let mut viewer = Viewer::come(authority, &query, None).await.expect("let in");
        assert_eq!(viewer.expect("hello").await["can_steer"], true);
    });
}

#[test]
fn pages_of_other_sites_neither_watch_nor_steer() {
    let page = page_at("127.0.0.1:0", obedient(), false);
    let authority = authority(page.url());
    let bearer = format!("authorization: Bearer {}\r\n", token(page.url()));
    let own = format!("http://{authority}");
    viewers(async {
        for origin in ["http://attacker.example", "null", "http://127.0.0.1:1"] {
            let came = Viewer::come(authority, "", Some(origin)).await;
            assert_eq!(came.err(), Some(403), "{origin}");
            let head = format!("{bearer}origin: {origin}\r\n");
            assert_eq!(steer(authority, &head, STOP).status, 403, "{origin}");
        }
        assert!(Viewer::come(authority, "", Some(&own)).await.is_ok());
        assert!(Viewer::come(authority, "", None).await.is_ok());
    });
    let head = format!("{bearer}origin: {own}\r\n");
    assert_eq!(steer(authority, &head, STOP).status, 200);
}

#[test]
fn names_that_are_made_to_lead_here_are_not_answered() {
    let page = page();
    let authority = authority(page.url());
    for path in ["/", "/api/mode", "/api/run", "/metrics", "/healthz"] {
        let refused = get_with(authority, path, "host: attacker.example\r\n");
        assert_eq!(refused.status, 403, "{path}");
        let answered = get_with(authority, path, "host: localhost:1234\r\n");
        assert_eq!(answered.status, 200, "{path}");
    }
}

#[test]
fn requests_that_are_none_end_nothing() {
    let page = page();
    let authority = authority(page.url());
    for path in ["/ws", "/api/steer"] {
        let status = get(authority, path).status;
        assert!((400..500).contains(&status), "{path}: {status}");
    }
    let long = format!("/{}", "x".repeat(100_000));
    assert!((400..500).contains(&get(authority, &long).status));
    let nonsense = stage::ask(authority, "nonsense\r\n\r\n");
    assert_eq!(nonsense.status, 400);
    assert_eq!(get(authority, "/healthz").status, 200);
}
