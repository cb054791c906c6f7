//! What is said to a page, as JSON. Neighbours: `hub.rs` and `saved.rs` say it, `docs/live-page.md` is the contract.
//! Invariant: seconds are spliced in as the JSON that was made of them once; nothing is made again for each viewer.

use crate::reply::to_json;
use loadforge_analysis::{Event, RunInfo, RunSummary, Steering};
use serde::Serialize;

/// The schema name of the live page's messages.
pub const LIVE_SCHEMA: &str = "loadforge.live/1";

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its first second is not over.
    Starting,
    /// The plan is carried out.
    Running,
    /// Somebody paused it.
    Paused,
    /// Nothing new is begun; requests in flight may finish.
    Draining,
    /// It is over.
    Finished,
}

/// The answer to `/api/mode`.
#[derive(Debug, Serialize)]
pub(crate) struct Mode {
    pub(crate) schema: &'static str,
    /// `live` or `saved`.
    pub(crate) mode: &'static str,
    pub(crate) can_steer: bool,
    pub(crate) needs_token: bool,
    pub(crate) version: &'static str,
}

impl Mode {
    pub(crate) fn new(mode: &'static str, can_steer: bool, needs_token: bool) -> Mode {
        Mode {
            schema: LIVE_SCHEMA,
            mode,
            can_steer,
            needs_token,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// Everything about a run but its seconds.
#[derive(Debug, Serialize)]
pub(crate) struct Hello<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) schema: &'static str,
    pub(crate) run_id: &'a str,
    pub(crate) state: State,
    pub(crate) now_s: f64,
    pub(crate) can_steer: bool,
    pub(crate) info: &'a RunInfo,
    pub(crate) summary: Option<&'a RunSummary>,
    pub(crate) steering: Steering,
    pub(crate) results_dir: Option<&'a str>,
}

impl Hello<'_> {
    /// As a message, with these seconds, a JSON array.
    pub(crate) fn with_seconds(&self, seconds: &str) -> String {
        with_field(to_json(self), "seconds", seconds)
    }
}

/// A second as it is sent to every viewer.
#[derive(Debug, Serialize)]
pub(crate) struct AfterSecond<'a> {
    pub(crate) summary: &'a RunSummary,
    pub(crate) state: State,
    pub(crate) now_s: f64,
}

impl AfterSecond<'_> {
    /// All fields behind the second, ready to be spliced.
    pub(crate) fn fields(&self) -> String {
        let json = to_json(self);
        json[1..json.len() - 1].to_owned()
    }
}

/// The message of a second, given as JSON, and of the fields behind it.
pub(crate) fn second(second: &str, fields: &str) -> String {
    format!("{{\"type\":\"second\",\"second\":{second},{fields}}}")
}

/// Something that happened, told at once.
#[derive(Debug, Serialize)]
pub(crate) struct Told<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) event: &'a Event,
    pub(crate) steering: Steering,
    pub(crate) state: State,
    pub(crate) now_s: f64,
}

/// The end of a run.
#[derive(Debug, Serialize)]
pub(crate) struct End<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) summary: &'a RunSummary,
    pub(crate) report: Option<&'a str>,
}

impl End<'_> {
    /// As a message, with these seconds, a JSON array.
    pub(crate) fn with_seconds(&self, seconds: &str) -> String {
        with_field(to_json(self), "seconds", seconds)
    }
}

/// A JSON object that has fields already, with one more, given as JSON.
fn with_field(mut object: String, name: &str, json: &str) -> String {
    object.truncate(object.len() - 1);
    object.push_str(&format!(",\"{name}\":{json}}}"));
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spliced_is_json() {
        let object = with_field("{\"a\":1}".to_owned(), "seconds", "[{\"b\":2}]");
        assert_eq!(object, "{\"a\":1,\"seconds\":[{\"b\":2}]}");
        let message = second("{\"at_s\":1.0}", "\"state\":\"running\"");
        let read: serde_json::Value = serde_json::from_str(&message).expect("JSON");
        assert_eq!(read["second"]["at_s"], 1.0);
        assert_eq!(read["state"], "running");
    }
}
