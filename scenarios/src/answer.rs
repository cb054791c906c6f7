//! An answer with expectations: what a scenario written in Rust looks at. Neighbours: `request_builder.rs` gives it, `response.rs`
//! holds the bytes. Invariant: an expectation that is not met marks the request as failed and never panics.

use crate::{Accepted, Failure, JsonPath, Outcome, Response, User, json_path::is_same_json};
use serde::de::DeserializeOwned;
use std::{fmt, ops::Deref};

/// The answer to a request, good by its status; everything of `Response` can be asked of it.
pub struct Answer<'u> {
    user: &'u User,
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Answer").field(&self.user.response).finish()
    }
}

impl Deref for Answer<'_> {
    type Target = Response;

    fn deref(&self) -> &Response {
        &self.user.response
    }
}

impl<'u> Answer<'u> {
    pub(crate) fn new(user: &'u User) -> Answer<'u> {
        Answer { user }
    }

    /// Fails the request unless `holds`; `detail` says what was expected, in words that are the same each time.
    ///
    /// # Errors
    /// When it does not hold.
    pub fn expect(&self, holds: bool, detail: impl Into<String>) -> Outcome {
        match holds {
            true => Ok(()),
            false => Err(self.user.fail_check(detail.into())),
        }
    }

    /// Expects one of these statuses: `201`, `200..=299` or `[200, 304]`.
    ///
    /// # Errors
    /// When the status is another.
    pub fn expect_status(&self, statuses: impl Into<Accepted>) -> Outcome {
        let status = self.status();
        self.expect(
            statuses.into().contains(status),
            format!("HTTP {status} was not expected"),
        )
    }

    /// Expects this text in the body.
    ///
    /// # Errors
    /// When it is not there.
    pub fn expect_body_contains(&self, text: &str) -> Outcome {
        let found = memchr::memmem::find(self.body(), text.as_bytes()).is_some();
        self.expect(found, format!("body does not contain {text:?}"))
    }

    /// Expects a header of this name with this value.
    ///
    /// # Errors
    /// When there is none.
    pub fn expect_header(&self, name: &str, value: &str) -> Outcome {
        let found = self.headers_named(name).any(|have| have == value);
        self.expect(found, format!("header {name} is not {value:?}"))
    }

    /// Expects what a JSONPath (RFC 9535) finds first to be this value.
    ///
    /// # Errors
    /// When it finds nothing or something else, the body is no JSON, or the path is none.
    pub fn expect_json(&self, path: &str, value: impl Into<serde_json::Value>) -> Outcome {
        let value = value.into();
        let found = JsonPath::parse(path)
            .ok()
            .and_then(|path| path.find(self.body()).ok().flatten());
        let holds = found.is_some_and(|found| is_same_json(&found, &value));
        self.expect(holds, format!("{path} is not {value}"))
    }

    /// The body as JSON of the type that is asked for; fails the request when it is not.
    ///
    /// # Errors
    /// When the body is no JSON, or JSON of another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        Response::json(self).map_err(|error| {
            // Without the place: failures with equal words are counted together.
            let kind = match error.classify() {
                serde_json::error::Category::Data => "the body is JSON of another shape",
                _ => "the body is not JSON",
            };
            self.user.fail_check(kind.to_owned())
        })
    }

    /// What a JSONPath finds first, as text: a string without its quotes, all else as JSON. Fails the request when there is
    /// nothing.
    ///
    /// # Errors
    /// When the path finds nothing, is none, or the body is no JSON.
    pub fn capture_json(&self, path: &str) -> Result<String, Failure> {
        let mut text = String::new();
        let found = JsonPath::parse(path).ok().is_some_and(|path| {
            path.find_text(self.body(), &mut text)
                .is_ok_and(|found| found)
        });
        match found {
            true => Ok(text),
            false => Err(self
                .user
                .fail_check(format!("{path} finds nothing in the body"))),
        }
    }
}
