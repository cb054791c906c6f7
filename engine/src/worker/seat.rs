//! Where one virtual user sits: its request under way, its connections, its sleep. Data only; `desk.rs` and
//! `exchange.rs` act on it. Invariant: `flight` is `None` exactly when no request of the user is under way or waiting
//! to be collected.

use crate::http1::AnswerReader;
use crate::wire::ConnId;
use loadforge_ring::{RequestRecord, TextId};
use loadforge_scenarios::Failure;
use std::task::{Context, Waker};

/// How far a seat's request has come.
#[derive(Debug, Default)]
pub enum Flight {
    /// There is none.
    #[default]
    None,
    /// It waits for its turn under the bound on requests a second: until then nobody counts it.
    Held(u64),
    /// It will not be sent, of which the user hears at this moment, ns since the epoch: nobody counts it.
    Refused(u64),
    /// Its connection is being made.
    Connecting(ConnId),
    /// Its connection stands; the user's task sends it when it is polled next.
    Connected(ConnId),
    /// Its connection could not be made (an errno); the user's task tries the next address or gives up.
    ConnectFailed(i32),
    /// The server had closed the idle connection under it; the user's task sends it again on a new one.
    Retry,
    /// It was sent; the answer is awaited.
    Sent(ConnId),
    /// It ended; the user's task collects the outcome.
    Done(Result<(), Failure>),
}

impl Flight {
    /// Whether it is on its way: submitted and not ended.
    pub fn is_under_way(&self) -> bool {
        !matches!(
            self,
            Flight::None | Flight::Held(_) | Flight::Refused(_) | Flight::Done(_)
        )
    }
}

/// One virtual user's place.
#[derive(Default)]
pub struct Seat {
    /// The user's number, unique in the run.
    pub user_id: u32,
    /// A user sits here.
    pub occupied: bool,
    /// The user's scenario, by its place in the plan.
    pub part: u8,
    /// Open model: the user has been started and has not been ready for an arrival yet.
    pub on_its_way: bool,
    /// Open model: the user waits for an arrival.
    pub idle: bool,
    /// Open model: when the arrival was due that the user has been given and has not begun yet, ns since the epoch.
    pub arrival_ns: Option<u64>,
    /// Open model: the iteration has begun and has not sent its first request.
    pub arrival_open: bool,
    /// The user is to leave after its iteration.
    pub retiring: bool,
    /// Closed model: the user is ready for its next iteration, and the run is paused.
    pub parked: bool,
    /// The user has begun an iteration: its setup is behind it.
    pub has_begun: bool,
    /// The user only tidies up.
    pub in_teardown: bool,
    /// How often the user was told to stop: its request was refused, or its sleep cut short.
    pub stops: u32,
    /// The user's task waited for something since its last iteration began; one that never waits is made to.
    pub waited: bool,
    /// Woken when what the user's task waits for has come.
    pub waker: Option<Waker>,
    /// When the user was ready to act: its last answer came, its sleep ended. ns since the epoch.
    pub ready_ns: u64,
    /// The request under way.
    pub flight: Flight,
    /// Whether the request went out on a connection that had served before.
    pub on_reused_connection: bool,
    /// How many of the origin's addresses were tried for this request.
    pub addresses_tried: u32,
    /// When connecting began, ns since the epoch.
    pub connecting_since_ns: u64,
    /// When the request must have ended, ns since the epoch.
    pub limit_ns: u64,
    /// When the seat's limit timer fires; `u64::MAX` when none is armed.
    pub limit_timer_ns: u64,
    /// The request may be sent again without changing its meaning.
    pub idempotent: bool,
    /// Reads the answer.
    pub reader: AnswerReader,
    /// The record of the request under way or just ended.
    pub record: RequestRecord,
    /// The record is complete but may still be judged.
    pub record_open: bool,
    /// The failure's words, counted when the record is closed.
    pub detail: Option<TextId>,
    /// The user's connections, by origin.
    pub connections: Vec<Option<ConnId>>,
    /// Tells this sleep from earlier ones.
    pub sleep_token: u32,
    /// The end of the sleep under way, ns since the epoch.
    pub sleep_until_ns: Option<u64>,
    /// The sleep's timer has fired.
    pub sleep_over: bool,
    /// The sleep is not cut short, although the user is to leave: too many of its sleeps were.
    pub sleeps_in_full: bool,
}

impl Seat {
    /// Remembers whom to wake; clones a waker only when it is another task's.
    pub fn keep_waker(&mut self, cx: &Context<'_>) {
        match &self.waker {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            _ => self.waker = Some(cx.waker().clone()),
        }
    }

    /// Wakes the user's task.
    pub fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}
