//! A schedule as LoadForge is told it: a scenario file and flags. Neighbours: `schedule.rs` is what is told, `play.rs` starts the run.
//! Invariant: what it names is counted by the server's own rules: every request of it has a path and a length, and no request more.

use super::schedule::{Load, Schedule, Story};
use std::net::SocketAddr;

/// Requests in flight may finish for so long, in ms: longer than any fault of the server lasts.
pub(crate) const GRACEFUL_STOP_MS: u64 = 4_000;

/// The file.
pub(crate) fn text(schedule: &Schedule, server: SocketAddr) -> String {
    let (least, most) = schedule.think_ms;
    let think = match most {
        0 => String::new(),
        _ => format!("think_time = \"{least}ms..{most}ms\"\n"),
    };
    let tasks = match schedule.story {
        Story::Plain => "[[task]]\nname = \"home\"\nget = \"/\"\n",
        Story::Shop => {
            r#"[[task]]
name = "home"
weight = 3
get = "/"

[[task]]
get = "/items/{{ random(1, 9) }}"

[[task]]
name = "order"
post = "/order"
json = { product = 7, note = "{{ random(1, 1000000) }}" }
"#
        }
        Story::Visit => {
            r#"[[task]]
name = "visit"

[[task.step]]
group = "visit"
step = [
    { name = "first", get = "/first" },
    { metric = { name = "basket", record = "{{ random(1, 9) }}" } },
    { name = "second", post = "/second", json = { product = 7 } },
]

[[task.step]]
name = "third"
get = "/third"
"#
        }
    };
    format!("name = \"chaos\"\nbase_url = \"http://{server}\"\n{think}\n{tasks}")
}

/// The flags.
pub(crate) fn flags(schedule: &Schedule) -> Vec<String> {
    let mut flags = vec![
        "--duration".to_owned(),
        format!("{}ms", schedule.run_ms),
        "--graceful-stop".to_owned(),
        format!("{GRACEFUL_STOP_MS}ms"),
        "--timeout".to_owned(),
        format!("{}ms", schedule.timeout_ms),
        "--workers".to_owned(),
        schedule.workers.to_string(),
        "--seed".to_owned(),
        schedule.seed.to_string(),
        "--transport".to_owned(),
        schedule.transport.to_owned(),
        "--wire".to_owned(),
        schedule.wire.to_owned(),
    ];
    match schedule.load {
        Load::Users(users) => flags.extend(["--users".to_owned(), users.to_string()]),
        Load::Rate { per_s, max_users } => flags.extend([
            "--rate".to_owned(),
            per_s.to_string(),
            "--max-users".to_owned(),
            max_users.to_string(),
        ]),
    }
    if schedule.allow_invalid {
        flags.push("--allow-invalid".to_owned());
    }
    flags
}
