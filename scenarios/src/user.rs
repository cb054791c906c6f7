//! A virtual user, as scenarios see it: it sends requests, sleeps, measures and draws random numbers.
//! Neighbours: `client.rs` below, `life.rs` above; `request_builder.rs` puts requests together, `exchange.rs` sends them, `answer.rs`
//! is what comes back. Invariant: every answer is judged once by its status before the scenario sees it.

use crate::{
    Accepted, Client, ErrorKind, Failure, Metric, Outcome, Random, Request, RequestBuilder,
    Response, Seat, UserDefaults,
    cookies::CookieJar,
    data::{DataRow, HeldRows},
    exchange::What,
};
use crate::{GroupId, Method, NameId};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use std::{
    future::poll_fn,
    rc::Rc,
    sync::{Arc, LazyLock},
    time::Duration,
};

/// A user of whose scenario nothing is known: no cookies, no redirects, no headers of its own.
static BARE: LazyLock<Arc<UserDefaults>> = LazyLock::new(|| {
    Arc::new(UserDefaults {
        origins: Vec::new(),
        headers: Vec::new(),
        redirects: 0,
        cookies: false,
        ..UserDefaults::default()
    })
});

/// A virtual user: the handle through which a scenario does everything.
pub struct User {
    pub(crate) id: u32,
    pub(crate) seat: Seat,
    pub(crate) client: Rc<dyn Client>,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) request: Request,
    pub(crate) response: Response,
    pub(crate) defaults: Arc<UserDefaults>,
    pub(crate) jar: CookieJar,
    /// Requests that it has tried to send.
    pub(crate) sent: u64,
    /// What requests without a name of their own are counted under; `None` takes their paths. Set task by task.
    pub(crate) unnamed: Option<NameId>,
    pub(crate) held: HeldRows,
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
            defaults: Arc::clone(&BARE),
            jar: CookieJar::default(),
            sent: 0,
            unnamed: None,
            held: HeldRows::default(),
        }
    }

    /// The same user with what its scenario says of all users; for scenarios, before anything else is done.
    #[must_use]
    pub fn with_defaults(mut self, defaults: Arc<UserDefaults>) -> User {
        self.defaults = defaults;
        self
    }

    /// The user's number, unique in the run, counted from 0.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The user's own random numbers: equal from run to run with the same seed.
    pub fn random(&mut self) -> Random<'_> {
        Random(&mut self.rng)
    }

    /// The generator below `random`, for libraries that want one.
    pub fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    /// Begins a GET of `path`: a path on the scenario's first origin, or a whole address on any of its origins.
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
        RequestBuilder::new(self, method, path)
    }

    /// Sends a request built beforehand and waits for the answer.
    ///
    /// # Errors
    /// When the request failed on its way, its status is not accepted, or the run is draining.
    pub async fn send(
        &mut self,
        request: &Request,
        accepted: &Accepted,
    ) -> Result<&Response, Failure> {
        let redirects = self.defaults.redirects;
        self.exchange(What::Built(request), accepted, redirects)
            .await?;
        Ok(&self.response)
    }

    /// Marks the last answer as failed by a check, and gives the failure back to be passed on.
    pub fn fail_check(&self, detail: String) -> Failure {
        let failure = Failure::new(ErrorKind::Check, detail);
        self.client.judge(self.seat, Some(&failure));
        failure
    }

    /// Tells of a failure that no request can carry, and gives it back to be passed on.
    pub fn fail(&self, detail: String) -> Failure {
        let failure = Failure::new(ErrorKind::Check, detail);
        self.client.note_failure(self.seat, &failure);
        failure
    }

    /// The last answer.
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// The value of a cookie that this user keeps.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.jar.value(name)
    }

    /// Forgets all cookies: from here the user is a new visitor.
    pub fn clear_cookies(&mut self) {
        self.jar.clear();
    }

    /// The row of a data feed that the user holds; drawn when it is first asked for.
    ///
    /// # Errors
    /// When the scenario has no feed of this name, the row is broken, or all rows were drawn: at the end of a feed that stops,
    /// the failure is that of a run that drains.
    pub fn data(&mut self, feed: &str) -> Result<DataRow<'_>, Failure> {
        let known = &self.defaults.feeds;
        let Some(index) = known.iter().position(|known| known.name == feed) else {
            return Err(self.fail(format!("the scenario has no data feed named {feed:?}")));
        };
        let User {
            defaults,
            held,
            rng,
            client,
            seat,
            ..
        } = self;
        let feeds = &defaults.feeds;
        match held.row(feeds, index, rng, &**client, *seat) {
            Ok(row) => Ok(DataRow {
                file: &feeds[index].file,
                row,
            }),
            Err(fault) => {
                let failure = Failure::from(fault);
                if failure.kind != ErrorKind::Stopped {
                    client.note_failure(*seat, &failure);
                }
                Err(failure)
            }
        }
    }

    /// Does several requests as one transaction, whose time is counted under `name` beside that of its requests. Pauses
    /// inside are part of it.
    ///
    /// # Errors
    /// As `work`.
    pub async fn group<T>(
        &mut self,
        name: &str,
        work: impl AsyncFnOnce(&mut User) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let group = self.client.group_id(name);
        let begun_ns = self.client.now_ns();
        let panics = PanickingGroup {
            client: Rc::clone(&self.client),
            seat: self.seat,
            group,
            begun_ns,
        };
        let result = work(self).await;
        drop(panics);
        self.end_group(group, begun_ns, result.as_ref().err());
        result
    }

    /// States that a group is over; one that the drain cut short has neither succeeded nor failed.
    pub(crate) fn end_group(&self, group: GroupId, begun_ns: u64, failure: Option<&Failure>) {
        if failure.is_none_or(|failure| failure.kind != ErrorKind::Stopped) {
            self.client
                .record_group(self.seat, group, begun_ns, failure.is_some());
        }
    }

    /// A metric of the scenario's own, such as the worth of a basket.
    pub fn metric<'u>(&'u self, name: &'u str) -> Metric<'u> {
        Metric { user: self, name }
    }

    /// Thinks as long as the scenario's think time says; returns early, and then `false`, when the user is to leave.
    pub async fn think(&mut self) -> bool {
        let defaults = Arc::clone(&self.defaults);
        match defaults.think_time.draw(&mut self.rng) {
            Some(pause) => self.sleep(pause).await,
            None => true,
        }
    }

    /// Waits; returns early, and then `false`, when the user is to leave.
    pub async fn sleep(&mut self, duration: Duration) -> bool {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let until_ns = self.client.now_ns().saturating_add(nanos);
        self.sleep_until(until_ns).await
    }

    /// Waits for a moment in ns since the run's epoch; as `sleep`.
    pub(crate) async fn sleep_until(&mut self, until_ns: u64) -> bool {
        let (client, seat) = (&self.client, self.seat);
        poll_fn(|cx| client.poll_sleep(seat, until_ns, cx)).await;
        client.now_ns() >= until_ns
    }

    /// Waits for leave to begin the next iteration; `false` means that the user is to leave. For `life.rs`.
    pub(crate) async fn begin_iteration(&mut self) -> bool {
        let (client, seat) = (&self.client, self.seat);
        let begins = poll_fn(|cx| client.poll_iteration(seat, cx)).await;
        if begins {
            // Not before: a teardown is to know the rows of the last iteration.
            self.held.end_iteration(&self.defaults.feeds);
        }
        begins
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

/// A group under way: should its code panic, it has failed. One whose user is dropped with the run has not ended.
struct PanickingGroup {
    client: Rc<dyn Client>,
    seat: Seat,
    group: GroupId,
    begun_ns: u64,
}

impl Drop for PanickingGroup {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.client
                .record_group(self.seat, self.group, self.begun_ns, true);
        }
    }
}

#[cfg(test)]
#[path = "user_tests.rs"]
mod tests;
