//! What every reader makes and the writer writes: requests in groups. Neighbours: the readers fill a `Draft`,
//! `settle.rs` puts it in order, `write.rs` writes it. Invariant: nothing here is quoted, escaped or percent-encoded,
//! but for the path and a raw query, which stand as they go onto the request line.

use crate::{notes::Notes, secrets::Secrets, value::Value, words::Text};
use loadforge_scenarios::Method;
use std::time::Duration;

/// A scenario on its way from a reader to the writer.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// Names the scenario unless the caller does.
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) groups: Vec<Group>,
    /// Names and texts of `[variables]`.
    pub(crate) variables: Vec<(String, Text)>,
    pub(crate) secrets: Secrets,
    pub(crate) notes: Notes,
}

/// Requests that belong together: a page, a folder, a tag. It becomes a task.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// `None` where each request is a task of its own.
    pub(crate) name: Option<String>,
    pub(crate) think_time: Option<Duration>,
    pub(crate) requests: Vec<Request>,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Scheme, host and port, and a path that stands before others: no slash at its end.
    pub(crate) base: Text,
    /// Begins with a slash and holds no query.
    pub(crate) path: Text,
    pub(crate) query: Query,
    pub(crate) headers: Vec<(String, Text)>,
    pub(crate) body: Body,
    /// What it is counted under.
    pub(crate) name: String,
    /// Statuses that are good; empty for the usual ones.
    pub(crate) statuses: Vec<u16>,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) follows_redirects: bool,
    /// A line for the reader of the file.
    pub(crate) comment: Option<String>,
}

impl Request {
    /// A request of nothing but a method and an address.
    pub(crate) fn new(method: Method, base: Text, path: Text) -> Request {
        Request {
            method,
            base,
            path,
            query: Query::default(),
            headers: Vec::new(),
            body: Body::Empty,
            name: String::new(),
            statuses: Vec::new(),
            time_limit: None,
            follows_redirects: true,
            comment: None,
        }
    }

    /// The value of a header, whatever the case of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&Text> {
        self.headers
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Adds a header unless it is there.
    pub(crate) fn default_header(&mut self, name: &str, value: Text) {
        if self.header(name).is_none() {
            self.headers.push((name.to_owned(), value));
        }
    }
}

/// The method of this name, if requests of scenarios can have it.
pub(crate) fn method(name: &str) -> Option<Method> {
    Method::ALL
        .into_iter()
        .find(|method| method.as_str().eq_ignore_ascii_case(name))
}

/// What stands behind the `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Query {
    /// Names and values, not encoded; equal names stand side by side.
    Pairs(Vec<(String, Text)>),
    /// Pieces between `&`, as they go onto the request line: a value only where there was a `=`.
    Raw(Vec<(Text, Option<Text>)>),
}

impl Default for Query {
    fn default() -> Query {
        Query::Pairs(Vec::new())
    }
}

/// What a request carries.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    Empty,
    Text(Text),
    Json(Value),
    /// Names and values, not encoded; equal names stand side by side.
    Form(Vec<(String, Text)>),
    Multipart(Vec<(String, Part)>),
    /// The whole body is this file.
    File(String),
    /// There is one that the file cannot hold: why, in a line.
    LeftOut(String),
}

/// One part of a multipart body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(Text),
    File(PartFile),
}

/// A file in a multipart body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartFile {
    pub(crate) path: String,
    pub(crate) media_type: Option<String>,
    /// What it is sent under instead of its own name.
    pub(crate) name: Option<String>,
}
