//! A request being put together by a scenario written in Rust. Neighbours: `user.rs` begins one, `exchange.rs` sends it.
//! Invariant: what is wrong with a request is told by `send`, as a failed check, and nothing leaves.

use crate::{
    Accepted, Answer, Body, ErrorKind, Failure, Method, Multipart, OriginId, User,
    address::{is_absolute, push_query_text, request_path},
    encoding::ACCEPT_ENCODING,
    exchange::{What, place_among},
};
use serde::Serialize;
use std::{
    fmt::{Display, Write as _},
    time::Duration,
};
use url::form_urlencoded;

/// A request being put together in its user's buffer; nothing happens before `send`.
#[must_use = "a request is sent by .send().await"]
pub struct RequestBuilder<'u> {
    user: &'u mut User,
    named: bool,
    accepted: Accepted,
    redirects: u8,
    cookies: String,
    problem: Option<Failure>,
}

impl<'u> RequestBuilder<'u> {
    pub(crate) fn new(user: &'u mut User, method: Method, path: &str) -> RequestBuilder<'u> {
        let redirects = user.defaults.redirects;
        let request = &mut user.request;
        request.method = method;
        request.origin = OriginId(0);
        request.path.clear();
        request.headers.clear();
        request.body = match std::mem::take(&mut request.body) {
            Body::Owned(mut bytes) => {
                bytes.clear();
                Body::Owned(bytes)
            }
            _ => Body::Empty,
        };
        request.time_limit_ns = None;
        request.keep_head = true;
        request.keep_body = true;
        request.fixed = None;
        let mut builder = RequestBuilder {
            user,
            named: false,
            accepted: Accepted::default(),
            redirects,
            cookies: String::new(),
            problem: None,
        };
        builder.set_place(path);
        builder
    }

    fn set_place(&mut self, path: &str) {
        let User {
            request, defaults, ..
        } = &mut *self.user;
        if is_absolute(path) {
            match place_among(&defaults.origins, path) {
                Some((origin, path)) => (request.origin, request.path) = (origin, path),
                None => {
                    self.refuse("the address of a request is on none of the scenario's origins");
                }
            }
            return;
        }
        if !path.starts_with('/') {
            self.refuse("the path of a request begins with /");
            return;
        }
        request.path.push_str(&defaults.base_path);
        if path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
        {
            request.path.push_str(path);
        } else {
            match request_path(path) {
                Ok(path) => request.path.push_str(&path),
                Err(fault) => self.refuse(fault.to_string()),
            }
        }
    }

    fn refuse(&mut self, detail: impl Into<String>) {
        self.problem
            .get_or_insert(Failure::new(ErrorKind::Check, detail.into()));
    }

    /// Counts the request under this name instead of its path.
    pub fn name(mut self, name: &str) -> Self {
        self.user.request.name = self.user.client.name_id(name);
        self.named = true;
        self
    }

    /// Sends it to another of the scenario's origins, where no path stands before its own.
    pub fn origin(self, origin: OriginId) -> Self {
        let User {
            request, defaults, ..
        } = &mut *self.user;
        if request.origin == OriginId(0)
            && origin != OriginId(0)
            && let Some(path) = request.path.strip_prefix(&defaults.base_path)
        {
            request.path = path.to_owned();
        }
        request.origin = origin;
        self
    }

    /// Adds a name and a value to the query.
    pub fn query(self, name: &str, value: impl Display) -> Self {
        let path = &mut self.user.request.path;
        path.push(if path.contains('?') { '&' } else { '?' });
        push_query_text(name, path);
        path.push('=');
        push_query_text(&value.to_string(), path);
        self
    }

    /// Adds a header; a bad one makes `send` fail.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let is_ours = ["content-length", "transfer-encoding"]
            .iter()
            .any(|ours| name.eq_ignore_ascii_case(ours));
        if is_ours {
            self.refuse(format!("loadforge writes the header {name} itself"));
        } else if let Err(error) = self.user.request.headers.push(name, value) {
            self.refuse(error.to_string());
        }
        self
    }

    /// Adds headers, as `header` does.
    pub fn headers<'h>(self, headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Self {
        headers
            .into_iter()
            .fold(self, |builder, (name, value)| builder.header(name, value))
    }

    /// Sends a cookie with this request, beside those that the user keeps.
    pub fn cookie(mut self, name: &str, value: &str) -> Self {
        if !self.cookies.is_empty() {
            self.cookies.push_str("; ");
        }
        let _ = write!(self.cookies, "{name}={value}");
        self
    }

    /// Sets the body.
    pub fn body(self, bytes: impl AsRef<[u8]>) -> Self {
        self.fill(|buffer| buffer.extend_from_slice(bytes.as_ref()))
    }

    /// Sets the body to this value as JSON, and says so in `content-type`.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        let mut result = Ok(());
        let mut builder = self.fill(|buffer| result = serde_json::to_writer(buffer, value));
        if let Err(error) = result {
            builder.refuse(format!("the body cannot be written as JSON: {error}"));
        }
        builder.content_type("application/json")
    }

    /// Sets the body to these fields as a form, and says so in `content-type`.
    pub fn form<N: AsRef<str>, V: AsRef<str>>(
        self,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.body(form)
            .content_type("application/x-www-form-urlencoded")
    }

    /// Sets the body to these parts (RFC 7578), as a page with a file upload sends it, and says so in `content-type`.
    pub fn multipart(self, parts: &Multipart) -> Self {
        let boundary = format!("loadforge-{}", self.user.random().text(24));
        let content_type = format!("multipart/form-data; boundary={boundary}");
        self.fill(|buffer| parts.write(&boundary, buffer))
            .content_type(&content_type)
    }

    fn fill(self, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let body = &mut self.user.request.body;
        let mut buffer = match std::mem::take(body) {
            Body::Owned(mut buffer) => {
                buffer.clear();
                buffer
            }
            _ => Vec::new(),
        };
        write(&mut buffer);
        self.user.request.body = Body::Owned(buffer);
        self
    }

    fn content_type(self, value: &str) -> Self {
        match self.user.request.headers.contains("content-type") {
            true => self,
            false => self.header("content-type", value),
        }
    }

    /// Sets the time limit of the whole request.
    pub fn time_limit(self, limit: Duration) -> Self {
        self.user.request.time_limit_ns = u64::try_from(limit.as_nanos()).ok();
        self
    }

    /// Sets how many redirects are followed in a row; 0 follows none.
    pub fn redirects(mut self, most: u8) -> Self {
        self.redirects = most;
        self
    }

    /// Accepts these statuses and no others: `404`, `200..=299` or `[200, 304]`. A redirect among them is not followed.
    /// Without it, a status of 400 and above is a failure.
    pub fn accept(mut self, statuses: impl Into<Accepted>) -> Self {
        self.accepted = statuses.into();
        self
    }

    /// Sends the request and waits for the answer, following redirects.
    ///
    /// # Errors
    /// When the request cannot be sent as it is, failed on its way, its status is not accepted, or the run is draining.
    pub async fn send(mut self) -> Result<Answer<'u>, Failure> {
        if !self.cookies.is_empty() {
            let User {
                jar,
                defaults,
                request,
                ..
            } = &mut *self.user;
            if let Some(origin) = defaults.origins.get(usize::from(request.origin.0)) {
                jar.push_header(origin, &request.path, &mut self.cookies);
            }
            let cookies = std::mem::take(&mut self.cookies);
            self = self.header("cookie", &cookies);
        }
        if let Some(problem) = self.problem {
            let user = self.user;
            user.client.note_failure(user.seat, &problem);
            return Err(problem);
        }
        let user = self.user;
        if !self.named {
            let path = user.request.path.split('?').next().unwrap_or("/");
            user.request.name = user.unnamed.unwrap_or_else(|| user.client.name_id(path));
        }
        let User {
            request, defaults, ..
        } = &mut *user;
        for (name, value) in &defaults.headers {
            if !request.headers.contains(name) {
                let _ = request.headers.push(name, value);
            }
        }
        if !request.headers.contains(ACCEPT_ENCODING.0) && !defaults.origins.is_empty() {
            let _ = request.headers.push(ACCEPT_ENCODING.0, ACCEPT_ENCODING.1);
        }
        user.exchange(What::Own, &self.accepted, self.redirects)
            .await?;
        Ok(Answer::new(user))
    }
}
