//! Answers that are the same everywhere: JSON as it was made, and refusals. Neighbours: `live.rs`, `saved.rs` and `access.rs` answer
//! with them. Invariant: a refusal says what is wrong and what to do about it, and no answer is kept by a browser.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// A request that is not carried out.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: String,
    help: String,
}

impl Refusal {
    pub(crate) fn new(
        status: StatusCode,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Refusal {
        Refusal {
            status,
            message: message.into(),
            help: help.into(),
        }
    }

    /// That there is nothing at this address.
    pub(crate) fn nothing_here() -> Refusal {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "there is nothing at this address",
            "the page is at /",
        )
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let words = serde_json::json!({"error": {"message": self.message, "help": self.help}});
        (self.status, json(words.to_string())).into_response()
    }
}

/// A text of JSON as an answer.
pub(crate) fn json(text: String) -> Response {
    let head = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (head, text).into_response()
}

/// Plain data as an answer.
pub(crate) fn json_of(data: &impl Serialize) -> Response {
    json(to_json(data))
}

/// Plain data as JSON.
pub(crate) fn to_json(data: &impl Serialize) -> String {
    serde_json::to_string(data).expect("what is said is plain data with texts as keys")
}
