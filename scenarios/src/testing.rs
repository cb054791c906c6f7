//! A client in memory: scripted answers, time that passes only when everybody waits, and a record of all that users did.
//! Neighbours: it implements `client.rs` for tests of this crate, of the engine and of people's own scenarios.
//! Invariant: what a client may rely on is checked here (one request and one sleep at a time), with a panic that names the breach.

use crate::{
    Client, Failure, FixedId, Method, NameId, Origin, Request, Response, Scenario, Seat, User,
    UserFuture,
};
use std::{
    cell::RefCell,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// What is answered to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status, or why there was none.
    pub result: Result<u16, Failure>,
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
        let mut cx = Context::from_waker(Waker::noop());
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
            client.pass_time();
        }
    }
}

/// More calls than any test needs: whoever makes them runs in circles.
const MOST_CALLS: u32 = 1_000_000;

#[derive(Default)]
struct State {
    now_ns: u64,
    calls: u32,
    names: Vec<String>,
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
    result: Result<u16, Failure>,
    body: Vec<u8>,
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
        self.state.borrow().now_ns >= self.drain_at_ns
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
        let names = &mut self.state.borrow_mut().names;
        let at = names
            .iter()
            .position(|have| have == name)
            .unwrap_or_else(|| {
                names.push(name.to_owned());
                names.len() - 1
            });
        NameId(at as u32)
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
        let refused = self.draining() && !self.state.borrow().seats[seat.0 as usize].tidying;
        let answer = if refused {
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
            result: answer.result,
            body: answer.body,
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
        let answer = slot.take().expect("it was there a line above");
        drop(state);
        self.note(seat, Deed::Answered);
        Poll::Ready(answer.result.map(|status| {
            response.begin(status);
            response.set_body_len(answer.body.len() as u64);
            if answer.keep_body {
                response.body_mut().extend_from_slice(&answer.body);
            }
        }))
    }

    fn judge(&self, seat: Seat, failure: Option<&Failure>) {
        self.note(seat, Deed::Judged(failure.cloned()));
    }

    fn poll_sleep(&self, seat: Seat, until_ns: u64, _: &mut Context<'_>) -> Poll<()> {
        let draining = self.draining();
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
        if now_ns < until_ns && !draining {
            return Poll::Pending;
        }
        let slept = Duration::from_nanos(now_ns - sleep.from_ns);
        slot.asleep = None;
        drop(state);
        self.note(seat, Deed::Slept(slept));
        Poll::Ready(())
    }
}
