//! A client in memory: scripted answers, time that passes only when everybody waits, and a record of all that users did.
//! Neighbours: it implements `client.rs` for tests of this crate, of the engine and of people's own scenarios.
//! Invariant: what a client may rely on is checked here (one request and one sleep at a time), with a panic that names the breach.

use crate::{
    Client, Failure, FeedId, FixedId, GroupId, Method, MetricId, MetricKind, NameId, Origin,
    Request, Response, Scenario, Seat, User, UserFuture,
};
use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

/// What is answered to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status, or why there was none.
    pub result: Result<u16, Failure>,
    /// Header lines.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long it takes.
    pub delay: Duration,
}

impl Answer {
    /// An answer of this status after 1 ms.
    pub fn status(status: u16) -> Answer {
        Answer {
            result: Ok(status),
            headers: Vec::new(),
            body: Vec::new(),
            delay: Duration::from_millis(1),
        }
    }

    /// A 200 with this body after 1 ms.
    pub fn body(body: &str) -> Answer {
        Answer {
            body: body.into(),
            ..Answer::status(200)
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// No answer: a failure after 1 ms.
    pub fn failure(failure: Failure) -> Answer {
        Answer {
            result: Err(failure),
            ..Answer::status(0)
        }
    }
}

/// A request as a user sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRequest {
    /// The method.
    pub method: Method,
    /// Where it went.
    pub origin: Origin,
    /// The name it is counted under.
    pub name: String,
    /// Path and query.
    pub path: String,
    /// The headers in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The request's own time limit.
    pub time_limit_ns: Option<u64>,
    /// Whether its bytes never change.
    pub fixed: Option<FixedId>,
}

/// Something that a user did.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Sent a request.
    Sent(SentRequest),
    /// Tried to send a request while the run was draining; it was refused.
    Refused,
    /// Got its answer, or learned that there is none.
    Answered,
    /// Judged the last answer anew.
    Judged(Option<Failure>),
    /// Told of a failure that no request carries.
    Failed(Failure),
    /// Ended a group of requests that had begun so long ago; `true` when it failed.
    Grouped(String, Duration, bool),
    /// Added a value to a metric.
    Measured(MetricKind, String, f64),
    /// Took a row of a feed: its number.
    TookRow(FeedId, u64),
    /// Ended the run, and why.
    EndedRun(String),
    /// Began an iteration.
    Began,
    /// Ended an iteration; `true` when it failed.
    Ended(bool),
    /// Waited for so long.
    Slept(Duration),
    /// Began to tidy up.
    TeardownBegan,
    /// Left: its life is over.
    Left,
}

/// Something that a user did, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Time since the start, in ns of the memory's own clock.
    pub at_ns: u64,
    /// The user's number.
    pub user: u32,
    /// What it did.
    pub deed: Deed,
}

/// A run in memory.
pub struct MemoryRun {
    /// Answers requests.
    pub answer: Box<dyn Fn(&SentRequest) -> Answer>,
    /// When the run begins to drain.
    pub drain_at: Duration,
    /// Users, who all begin at once.
    pub users: u32,
    /// The seed of all random numbers.
    pub seed: u64,
}

impl MemoryRun {
    /// One user for 10 s of the memory's own clock.
    pub fn new(answer: impl Fn(&SentRequest) -> Answer + 'static) -> MemoryRun {
        MemoryRun {
            answer: Box::new(answer),
            drain_at: Duration::from_secs(10),
            users: 1,
            seed: 1,
        }
    }

    /// Lives all users' lives to their ends and tells what they did, in order.
    ///
    /// # Panics
    /// When a user breaks a rule of `Client`, waits for nothing, or does not end.
    pub fn play(self, scenario: &Arc<dyn Scenario>) -> Vec<Event> {
        let client = Rc::new(MemoryClient {
            origins: scenario.origins().to_vec(),
            answer: self.answer,
            drain_at_ns: self.drain_at.as_nanos() as u64,
            state: RefCell::new(State {
                names: scenario.endpoints().to_vec(),
                seats: (0..self.users).map(|_| SeatState::default()).collect(),
                ..State::default()
            }),
        });
        let mut users: Vec<Option<UserFuture>> = (0..self.users)
            .map(|id| {
                let user = User::new(client.clone(), Seat(id), id, self.seed);
                Some(scenario.clone().start_user(user))
            })
            .collect();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        loop {
            for (id, slot) in users.iter_mut().enumerate() {
                let Some(user) = slot else { continue };
                if user.as_mut().poll(&mut cx).is_ready() {
                    *slot = None;
                    client.note(Seat(id as u32), Deed::Left);
                }
            }
            if users.iter().all(Option::is_none) {
                let events = std::mem::take(&mut client.state.borrow_mut().events);
                return events;
            }
            // Who has woken itself only lets others go first.
            if !woken.0.swap(false, Ordering::Relaxed) {
                client.pass_time();
            }
        }
    }
}

/// Whether anybody was woken since the last look.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// More calls than any test needs: whoever makes them runs in circles.
const MOST_CALLS: u32 = 1_000_000;

#[derive(Default)]
struct State {
    now_ns: u64,
    calls: u32,
    names: Vec<String>,
    groups: Vec<String>,
    metrics: Vec<(MetricKind, String)>,
    rows_taken: Vec<u64>,
    is_ended: bool,
    seats: Vec<SeatState>,
    events: Vec<Event>,
}

#[derive(Default)]
struct SeatState {
    under_way: Option<UnderWay>,
    asleep: Option<Sleep>,
    tidying: bool,
}

struct UnderWay {
    due_ns: u64,
    keep_body: bool,
    answer: Answer,
}

struct Sleep {
    from_ns: u64,
    until_ns: u64,
}

struct MemoryClient {
    origins: Vec<Origin>,
    answer: Box<dyn Fn(&SentRequest) -> Answer>,
    drain_at_ns: u64,
    state: RefCell<State>,
}

impl MemoryClient {
    fn note(&self, seat: Seat, deed: Deed) {
        let mut state = self.state.borrow_mut();
        state.calls += 1;
        assert!(
            state.calls < MOST_CALLS,
            "user {} runs in circles: {deed:?}",
            seat.0
        );
        let at_ns = state.now_ns;
        state.events.push(Event {
            at_ns,
            user: seat.0,
            deed,
        });
    }

    fn draining(&self) -> bool {
        let state = self.state.borrow();
        state.is_ended || state.now_ns >= self.drain_at_ns
    }

    /// Jumps to the next moment at which anything happens.
    fn pass_time(&self) {
        let mut state = self.state.borrow_mut();
        let now_ns = state.now_ns;
        let answers = state
            .seats
            .iter()
            .filter_map(|seat| Some(seat.under_way.as_ref()?.due_ns));
        let sleeps = state
            .seats
            .iter()
            .filter_map(|seat| Some(seat.asleep.as_ref()?.until_ns));
        let next = answers
            .chain(sleeps)
            .min()
            .expect("a user waits for nothing");
        state.now_ns = match self.drain_at_ns {
            drain if now_ns < drain => next.min(drain).max(now_ns),
            _ => next.max(now_ns),
        };
    }
}

impl Client for MemoryClient {
    fn now_ns(&self) -> u64 {
        self.state.borrow().now_ns
    }

    fn name_id(&self, name: &str) -> NameId {
        NameId(index_of(
            &mut self.state.borrow_mut().names,
            name.to_owned(),
        ))
    }

    fn poll_iteration(&self, seat: Seat, _: &mut Context<'_>) -> Poll<bool> {
        if self.draining() {
            return Poll::Ready(false);
        }
        self.note(seat, Deed::Began);
        Poll::Ready(true)
    }

    fn end_iteration(&self, seat: Seat, failed: bool) {
        self.note(seat, Deed::Ended(failed));
    }

    fn is_leaving(&self, seat: Seat) -> bool {
        self.draining() && !self.state.borrow().seats[seat.0 as usize].tidying
    }

    fn begin_teardown(&self, seat: Seat) {
        self.note(seat, Deed::TeardownBegan);
        self.state.borrow_mut().seats[seat.0 as usize].tidying = true;
    }

    fn submit(&self, seat: Seat, request: &Request) {
        let sent = SentRequest {
            method: request.method,
            origin: self.origins[request.origin.0 as usize].clone(),
            name: self.state.borrow().names[request.name.0 as usize].clone(),
            path: request.path.clone(),
            headers: request
                .headers
                .iter()
                .map(|(n, v)| (n.into(), v.into()))
                .collect(),
            body: request.body.as_bytes().to_vec(),
            time_limit_ns: request.time_limit_ns,
            fixed: request.fixed,
        };
        let answer = if self.is_leaving(seat) {
            self.note(seat, Deed::Refused);
            Answer {
                delay: Duration::ZERO,
                ..Answer::failure(Failure::stopped())
            }
        } else {
            let answer = (self.answer)(&sent);
            self.note(seat, Deed::Sent(sent));
            answer
        };
        let mut state = self.state.borrow_mut();
        let due_ns = state.now_ns + answer.delay.as_nanos() as u64;
        let under_way = &mut state.seats[seat.0 as usize].under_way;
        assert!(
            under_way.is_none(),
            "user {} has two requests under way",
            seat.0
        );
        *under_way = Some(UnderWay {
            due_ns,
            keep_body: request.keep_body,
            answer,
        });
    }

    fn poll_response(
        &self,
        seat: Seat,
        _: &Request,
        response: &mut Response,
        _: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        let mut state = self.state.borrow_mut();
        let now_ns = state.now_ns;
        let slot = &mut state.seats[seat.0 as usize].under_way;
        let due_ns = slot
            .as_ref()
            .expect("only a request under way is waited for")
            .due_ns;
        if due_ns > now_ns {
            return Poll::Pending;
        }
        let UnderWay {
            keep_body, answer, ..
        } = slot.take().expect("it was there a line above");
        drop(state);
        self.note(seat, Deed::Answered);
        Poll::Ready(answer.result.map(|status| {
            response.begin(status);
            response.set_took_ns(answer.delay.as_nanos() as u64);
            response.set_body_len(answer.body.len() as u64);
            let head = response.head_mut();
            head.extend_from_slice(format!("HTTP/1.1 {status} .\r\n").as_bytes());
            for (name, value) in &answer.headers {
                head.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
            if keep_body {
                response.body_mut().extend_from_slice(&answer.body);
            }
        }))
    }

    fn judge(&self, seat: Seat, failure: Option<&Failure>) {
        self.note(seat, Deed::Judged(failure.cloned()));
    }

    fn note_failure(&self, seat: Seat, failure: &Failure) {
        self.note(seat, Deed::Failed(failure.clone()));
    }

    fn group_id(&self, name: &str) -> GroupId {
        GroupId(index_of(
            &mut self.state.borrow_mut().groups,
            name.to_owned(),
        ))
    }

    fn record_group(&self, seat: Seat, group: GroupId, begun_ns: u64, failed: bool) {
        let state = self.state.borrow();
        let name = state.groups[group.0 as usize].clone();
        let took = Duration::from_nanos(state.now_ns - begun_ns);
        drop(state);
        self.note(seat, Deed::Grouped(name, took, failed));
    }

    fn metric_id(&self, kind: MetricKind, name: &str) -> MetricId {
        let metric = (kind, name.to_owned());
        MetricId(index_of(&mut self.state.borrow_mut().metrics, metric))
    }

    fn record_metric(&self, seat: Seat, metric: MetricId, value: f64) {
        let (kind, name) = self.state.borrow().metrics[metric.0 as usize].clone();
        self.note(seat, Deed::Measured(kind, name, value));
    }

    fn take_row(&self, seat: Seat, feed: FeedId) -> u64 {
        let at = usize::from(feed.0);
        let mut state = self.state.borrow_mut();
        if state.rows_taken.len() <= at {
            state.rows_taken.resize(at + 1, 0);
        }
        let row = state.rows_taken[at];
        state.rows_taken[at] += 1;
        drop(state);
        self.note(seat, Deed::TookRow(feed, row));
        row
    }

    fn end_run(&self, seat: Seat, why: &str) {
        self.state.borrow_mut().is_ended = true;
        self.note(seat, Deed::EndedRun(why.to_owned()));
    }

    fn poll_sleep(&self, seat: Seat, until_ns: u64, _: &mut Context<'_>) -> Poll<()> {
        let leaving = self.is_leaving(seat);
        let mut state = self.state.borrow_mut();
        let now_ns = state.now_ns;
        let slot = &mut state.seats[seat.0 as usize];
        assert!(
            slot.under_way.is_none(),
            "user {} sleeps with a request under way",
            seat.0
        );
        let sleep = slot.asleep.get_or_insert(Sleep {
            from_ns: now_ns,
            until_ns,
        });
        assert_eq!(
            sleep.until_ns, until_ns,
            "user {} has two sleeps under way",
            seat.0
        );
        if now_ns < until_ns && !leaving {
            return Poll::Pending;
        }
        let slept = Duration::from_nanos(now_ns - sleep.from_ns);
        slot.asleep = None;
        drop(state);
        self.note(seat, Deed::Slept(slept));
        Poll::Ready(())
    }
}

/// Where an item stands in the list; behind all others when it is new.
fn index_of<T: PartialEq>(items: &mut Vec<T>, item: T) -> u32 {
    let at = items.iter().position(|have| *have == item);
    let at = at.unwrap_or_else(|| {
        items.push(item);
        items.len() - 1
    });
    at as u32
}
