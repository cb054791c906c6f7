//! A virtual user, as scenarios see it: it sends requests, sleeps and draws random numbers.
//! Neighbours: `client.rs` below, `life.rs` above. Invariant: every answer is judged once by its status
//! before the scenario sees it.

use crate::{Body, Client, ErrorKind, Failure, Method, Outcome, Request, Response, Seat};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use std::{future::poll_fn, rc::Rc, time::Duration};

/// A virtual user: the handle through which a scenario does everything.
pub struct User {
    id: u32,
    seat: Seat,
    client: Rc<dyn Client>,
    rng: ChaCha8Rng,
    request: Request,
    response: Response,
}

impl User {
    /// A user sitting at `seat` of `client`; `id` is unique in the run, `seed` is the run's.
    pub fn new(client: Rc<dyn Client>, seat: Seat, id: u32, seed: u64) -> User {
        // SplitMix64's increment keeps the streams of neighbouring users apart; ChaCha does the mixing.
        let seed = seed ^ u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        User {
            id,
            seat,
            client,
            rng: ChaCha8Rng::seed_from_u64(seed),
            request: Request::new(),
            response: Response::default(),
        }
    }

    /// The user's number, unique in the run, counted from 0.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The user's own random numbers: equal from run to run with the same seed.
    pub fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    /// Begins a GET of `path`, which is a path on the scenario's first origin.
    pub fn get(&mut self, path: &str) -> RequestBuilder<'_> {
        self.request(Method::Get, path)
    }

    /// Begins a POST.
    pub fn post(&mut self, path: &str) -> RequestBuilder<'_> {
        self.request(Method::Post, path)
    }

    /// Begins a PUT.
    pub fn put(&mut self, path: &str) -> RequestBuilder<'_> {
        self.request(Method::Put, path)
    }

    /// Begins a PATCH.
    pub fn patch(&mut self, path: &str) -> RequestBuilder<'_> {
        self.request(Method::Patch, path)
    }

    /// Begins a DELETE.
    pub fn delete(&mut self, path: &str) -> RequestBuilder<'_> {
        self.request(Method::Delete, path)
    }

    /// Begins a HEAD.
    pub fn head(&mut self, path: &str) -> RequestBuilder<'_> {
        self.request(Method::Head, path)
    }

    /// Begins an OPTIONS.
    pub fn options(&mut self, path: &str) -> RequestBuilder<'_> {
        self.request(Method::Options, path)
    }

    /// Begins a request of any method in the user's own buffer.
    pub fn request(&mut self, method: Method, path: &str) -> RequestBuilder<'_> {
        let request = &mut self.request;
        request.method = method;
        request.origin = crate::OriginId(0);
        request.path.clear();
        request.path.push_str(path);
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
        RequestBuilder {
            user: self,
            named: false,
            problem: None,
        }
    }

    /// Sends a request built beforehand and waits for the answer, judged by `accepts_status`.
    ///
    /// # Errors
    /// When the request failed on its way, its status is not accepted, or the run is draining.
    pub async fn send(
        &mut self,
        request: &Request,
        accepts_status: impl Fn(u16) -> bool,
    ) -> Result<&Response, Failure> {
        exchange(
            &*self.client,
            self.seat,
            request,
            &mut self.response,
            accepts_status,
        )
        .await?;
        Ok(&self.response)
    }

    /// Marks the last answer as failed by a check, and gives the failure back to be passed on.
    pub fn fail_check(&self, detail: String) -> Failure {
        let failure = Failure::new(ErrorKind::Check, detail);
        self.client.judge(self.seat, Some(&failure));
        failure
    }

    /// The last answer.
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// Waits; returns early, and then `false`, when the user is to leave.
    pub async fn sleep(&mut self, duration: Duration) -> bool {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let until_ns = self.client.now_ns().saturating_add(nanos);
        let (client, seat) = (&self.client, self.seat);
        poll_fn(|cx| client.poll_sleep(seat, until_ns, cx)).await;
        client.now_ns() >= until_ns
    }

    /// Waits for leave to begin the next iteration; `false` means that the user is to leave. For `life.rs`.
    pub(crate) async fn begin_iteration(&mut self) -> bool {
        let (client, seat) = (&self.client, self.seat);
        poll_fn(|cx| client.poll_iteration(seat, cx)).await
    }

    /// States how the iteration ended. For `life.rs`.
    pub(crate) fn end_iteration(&mut self, outcome: &Outcome) {
        // One that the drain cut short has neither succeeded nor failed.
        if !matches!(outcome, Err(failure) if failure.kind == ErrorKind::Stopped) {
            self.client.end_iteration(self.seat, outcome.is_err());
        }
    }

    /// Only tidying up from here. For `life.rs`.
    pub(crate) fn begin_teardown(&mut self) {
        self.client.begin_teardown(self.seat);
    }
}

/// A request being put together in its user's buffer; nothing happens before `send`.
#[must_use = "a request is sent by .send().await"]
pub struct RequestBuilder<'u> {
    user: &'u mut User,
    named: bool,
    problem: Option<Failure>,
}

impl<'u> RequestBuilder<'u> {
    /// Counts the request under this name instead of its path.
    pub fn name(mut self, name: &str) -> Self {
        self.user.request.name = self.user.client.name_id(name);
        self.named = true;
        self
    }

    /// Sends it to another of the scenario's origins.
    pub fn origin(self, origin: crate::OriginId) -> Self {
        self.user.request.origin = origin;
        self
    }

    /// Adds a header; a bad one makes `send` fail.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Err(error) = self.user.request.headers.push(name, value) {
            self.problem = Some(Failure::new(ErrorKind::Check, error.to_string()));
        }
        self
    }

    /// Sets the body.
    pub fn body(self, bytes: &[u8]) -> Self {
        match &mut self.user.request.body {
            Body::Owned(buffer) => {
                buffer.clear();
                buffer.extend_from_slice(bytes);
            }
            other => *other = Body::Owned(bytes.to_vec()),
        }
        self
    }

    /// Sets the time limit of the whole request.
    pub fn time_limit(self, limit: Duration) -> Self {
        self.user.request.time_limit_ns = u64::try_from(limit.as_nanos()).ok();
        self
    }

    /// Sends the request and waits for the answer; a status of 400 and above is a failure.
    ///
    /// # Errors
    /// When a header is bad, the request failed on its way, the status is 400 or above, or the run is draining.
    pub async fn send(self) -> Result<&'u Response, Failure> {
        self.send_accepting(|status| status < 400).await
    }

    /// Sends the request and waits for the answer, judged by `accepts_status`.
    ///
    /// # Errors
    /// As `send`.
    pub async fn send_accepting(
        self,
        accepts_status: impl Fn(u16) -> bool,
    ) -> Result<&'u Response, Failure> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let user = self.user;
        if !self.named {
            let path = user.request.path.split('?').next().unwrap_or("/");
            user.request.name = user.client.name_id(path);
        }
        let User {
            client,
            seat,
            request,
            response,
            ..
        } = &mut *user;
        exchange(&**client, *seat, request, response, accepts_status).await?;
        Ok(&user.response)
    }
}

/// Sends a request and fills `response` with the answer, judged by its status.
async fn exchange(
    client: &dyn Client,
    seat: Seat,
    request: &Request,
    response: &mut Response,
    accepts_status: impl Fn(u16) -> bool,
) -> Outcome {
    client.submit(seat, request);
    poll_fn(|cx| client.poll_response(seat, request, response, cx)).await?;
    let status = response.status();
    if accepts_status(status) {
        return Ok(());
    }
    let failure = Failure::new(ErrorKind::Status, format!("HTTP {status}"));
    client.judge(seat, Some(&failure));
    Err(failure)
}

#[cfg(test)]
#[path = "user_tests.rs"]
mod tests;
