//! One user for a look: the same requests as a run sends, one after another, each told with its answer. No workers, no records, no
//! figures. Neighbours: `http1/` renders and reads as for a run; `loadforge validate` shows what is told.
//! Invariant: what is sent is byte for byte what a worker would send; without sockets (`Trial::dry`) nothing is.

use crate::http1::{AnswerReader, Keep, Progress, render_head};
use loadforge_scenarios::{
    Client, ErrorKind, Failure, FeedId, GroupId, MetricId, MetricKind, NameId, Origin, Request,
    Response, Seat, User, UserFuture,
};
use std::{
    cell::RefCell,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    rc::Rc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

/// Something that happened in a trial.
#[derive(Debug)]
pub enum TrialEvent<'e> {
    /// The user begins its life's next part.
    Iteration,
    /// The user begins to tidy up.
    Teardown,
    /// A request leaves, or would leave.
    Request {
        /// The name it is counted under.
        name: &'e str,
        /// Where it goes.
        origin: &'e Origin,
        /// The head as it stands on the wire.
        head: &'e [u8],
        /// What follows it.
        body: &'e [u8],
    },
    /// Its answer has come.
    Response {
        /// The head as it came.
        head: &'e [u8],
        /// The body, unpacked.
        body: &'e [u8],
        /// From the sending to the last byte.
        took: Duration,
    },
    /// A request failed on its way, or its answer is not what it should be, or a step failed without a request.
    Failed(&'e Failure),
    /// A group of requests has ended.
    Group {
        /// Its name.
        name: &'e str,
        /// How long it took; `None` when nothing was sent, so that there is nothing to time.
        took: Option<Duration>,
    },
    /// The user waits.
    Sleep(Duration),
    /// The scenario wants the run to end.
    RunEnds(&'e str),
}

/// A client for one user.
pub struct Trial<F> {
    state: RefCell<State<F>>,
    begun: Instant,
}

struct State<F> {
    origins: Vec<Place>,
    is_dry: bool,
    time_limit: Duration,
    names: Vec<String>,
    groups: Vec<String>,
    rows: Vec<u64>,
    /// How long a dry user has only seemed to wait.
    slept: Duration,
    /// What the last request came to, until it is asked for.
    outcome: Option<Result<(), Failure>>,
    answer: Response,
    tell: F,
}

/// An origin, and the connection to it.
struct Place {
    origin: Origin,
    addresses: Vec<SocketAddr>,
    connection: Option<TcpStream>,
}

impl<F: FnMut(TrialEvent<'_>)> Trial<F> {
    /// A trial over the network: origins with the addresses of each, and the names known before.
    pub fn new(
        origins: Vec<(Origin, Vec<SocketAddr>)>,
        names: Vec<String>,
        time_limit: Duration,
        tell: F,
    ) -> Rc<Trial<F>> {
        Trial::make(origins, names, time_limit, false, tell)
    }

    /// A trial that sends nothing: every request is answered by an empty 200.
    pub fn dry(origins: Vec<Origin>, names: Vec<String>, tell: F) -> Rc<Trial<F>> {
        let nowhere = origins.into_iter().map(|origin| (origin, Vec::new()));
        Trial::make(nowhere.collect(), names, Duration::ZERO, true, tell)
    }

    fn make(
        origins: Vec<(Origin, Vec<SocketAddr>)>,
        names: Vec<String>,
        time_limit: Duration,
        is_dry: bool,
        tell: F,
    ) -> Rc<Trial<F>> {
        let place = |(origin, addresses)| Place {
            origin,
            addresses,
            connection: None,
        };
        Rc::new(Trial {
            state: RefCell::new(State {
                origins: origins.into_iter().map(place).collect(),
                is_dry,
                time_limit,
                names,
                groups: Vec::new(),
                rows: Vec::new(),
                slept: Duration::ZERO,
                outcome: None,
                answer: Response::default(),
                tell,
            }),
            begun: Instant::now(),
        })
    }
}

impl<F: FnMut(TrialEvent<'_>)> State<F> {
    /// Sends a request, waits for its answer and tells of both.
    fn exchange(&mut self, request: &Request) -> Result<(), Failure> {
        let place = &mut self.origins[usize::from(request.origin.0)];
        let mut head = Vec::new();
        render_head(request, &place.origin.authority(), &mut head)?;
        let name = self.names.get(request.name.0 as usize);
        (self.tell)(TrialEvent::Request {
            name: name.map_or("", String::as_str),
            origin: &place.origin,
            head: &head,
            body: request.body.as_bytes(),
        });
        if self.is_dry {
            self.answer.begin(200);
            return Ok(());
        }
        let limit = request
            .time_limit_ns
            .map_or(self.time_limit, Duration::from_nanos);
        let sent = Instant::now();
        let mut reader = AnswerReader::default();
        let reusable = loop {
            let is_reused = place.connection.is_some();
            match place.ask(request, &head, &mut reader, limit) {
                Ok(reusable) => break reusable,
                // The server may have closed an idle connection meanwhile.
                Err(_) if is_reused && !reader.has_begun() && request.method.is_idempotent() => {}
                Err(failure) => return Err(failure),
            }
        };
        if !reusable {
            place.connection = None;
        }
        reader.swap_response(&mut self.answer);
        let took = sent.elapsed();
        self.answer.set_took_ns(took.as_nanos() as u64);
        let head = self.answer.raw_head().to_vec();
        (self.tell)(TrialEvent::Response {
            head: &head,
            body: self.answer.body(),
            took,
        });
        Ok(())
    }
}

impl Place {
    /// Asks over the connection that there is, or a new one; whether it can be used again.
    fn ask(
        &mut self,
        request: &Request,
        head: &[u8],
        reader: &mut AnswerReader,
        limit: Duration,
    ) -> Result<bool, Failure> {
        let until = Instant::now() + limit;
        reader.begin(
            request.method,
            Keep {
                head: true,
                body: true,
            },
        );
        let mut stream = match self.connection.take() {
            Some(stream) => stream,
            None => self.connect(limit)?,
        };
        let broke = |error: io::Error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                Failure::new(ErrorKind::Timeout, format!("no answer within {limit:?}"))
            }
            _ => Failure::new(ErrorKind::Reset, format!("the connection broke: {error}")),
        };
        stream.set_write_timeout(Some(limit)).map_err(broke)?;
        // In one piece: the peer would wait 40 ms before it says that it has the first of two.
        let whole = [head, request.body.as_bytes()].concat();
        stream.write_all(&whole).map_err(broke)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let left = left.max(Duration::from_millis(1));
            stream.set_read_timeout(Some(left)).map_err(broke)?;
            let progress = match stream.read(&mut buffer).map_err(broke)? {
                0 => reader.end_of_stream(),
                count => reader.feed(&buffer[..count]),
            };
            match progress {
                Progress::More if Instant::now() >= until => {
                    return Err(broke(io::ErrorKind::TimedOut.into()));
                }
                Progress::More => {}
                Progress::Complete { reusable } => {
                    self.connection = Some(stream);
                    return Ok(reusable);
                }
                Progress::Failed(failure) => return Err(failure),
            }
        }
    }

    fn connect(&self, limit: Duration) -> Result<TcpStream, Failure> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in &self.addresses {
            match TcpStream::connect_timeout(address, limit) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        let what = format!("connecting to {}: {last}", self.origin);
        Err(Failure::new(ErrorKind::Connect, what))
    }
}

/// Lives the life of the user `id` to its end, on this thread.
pub fn live_through<F: FnMut(TrialEvent<'_>) + 'static>(
    trial: Rc<Trial<F>>,
    id: u32,
    seed: u64,
    begin: impl FnOnce(User) -> UserFuture,
) {
    let mut life = begin(User::new(trial, Seat(0), id, seed));
    let mut cx = Context::from_waker(Waker::noop());
    // Nothing here is waited for but by others going first, and there are none.
    while life.as_mut().poll(&mut cx).is_pending() {}
}

/// Where a text stands in the list; behind all others when it is new.
fn index_of(texts: &mut Vec<String>, text: &str) -> u32 {
    let at = texts.iter().position(|have| have == text);
    let at = at.unwrap_or_else(|| {
        texts.push(text.to_owned());
        texts.len() - 1
    });
    at as u32
}

impl<F: FnMut(TrialEvent<'_>)> Client for Trial<F> {
    fn now_ns(&self) -> u64 {
        (self.begun.elapsed() + self.state.borrow().slept).as_nanos() as u64
    }

    fn name_id(&self, name: &str) -> NameId {
        NameId(index_of(&mut self.state.borrow_mut().names, name))
    }

    fn poll_iteration(&self, _: Seat, _: &mut Context<'_>) -> Poll<bool> {
        (self.state.borrow_mut().tell)(TrialEvent::Iteration);
        Poll::Ready(true)
    }

    fn end_iteration(&self, _: Seat, _: bool) {}

    fn is_leaving(&self, _: Seat) -> bool {
        false
    }

    fn begin_teardown(&self, _: Seat) {
        (self.state.borrow_mut().tell)(TrialEvent::Teardown);
    }

    fn submit(&self, _: Seat, request: &Request) {
        let state = &mut *self.state.borrow_mut();
        let outcome = state.exchange(request);
        if let Err(failure) = &outcome {
            (state.tell)(TrialEvent::Failed(failure));
        }
        state.outcome = Some(outcome);
    }

    fn poll_response(
        &self,
        _: Seat,
        _: &Request,
        response: &mut Response,
        _: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        let state = &mut *self.state.borrow_mut();
        let outcome = state
            .outcome
            .take()
            .expect("only a request under way is waited for");
        if outcome.is_ok() {
            std::mem::swap(&mut state.answer, response);
        }
        Poll::Ready(outcome)
    }

    fn judge(&self, _: Seat, failure: Option<&Failure>) {
        if let Some(failure) = failure {
            (self.state.borrow_mut().tell)(TrialEvent::Failed(failure));
        }
    }

    fn note_failure(&self, _: Seat, failure: &Failure) {
        (self.state.borrow_mut().tell)(TrialEvent::Failed(failure));
    }

    fn group_id(&self, name: &str) -> GroupId {
        GroupId(index_of(&mut self.state.borrow_mut().groups, name))
    }

    fn record_group(&self, _: Seat, group: GroupId, begun_ns: u64, _: bool) {
        let took = Duration::from_nanos(self.now_ns().saturating_sub(begun_ns));
        let state = &mut *self.state.borrow_mut();
        let took = (!state.is_dry).then_some(took);
        let name = &state.groups[group.0 as usize];
        (state.tell)(TrialEvent::Group { name, took });
    }

    fn metric_id(&self, _: MetricKind, _: &str) -> MetricId {
        MetricId(0)
    }

    fn record_metric(&self, _: Seat, _: MetricId, _: f64) {}

    fn take_row(&self, _: Seat, feed: FeedId) -> u64 {
        let rows = &mut self.state.borrow_mut().rows;
        let at = usize::from(feed.0);
        if rows.len() <= at {
            rows.resize(at + 1, 0);
        }
        rows[at] += 1;
        rows[at] - 1
    }

    fn end_run(&self, _: Seat, why: &str) {
        (self.state.borrow_mut().tell)(TrialEvent::RunEnds(why));
    }

    fn poll_sleep(&self, _: Seat, until_ns: u64, _: &mut Context<'_>) -> Poll<()> {
        let left = Duration::from_nanos(until_ns.saturating_sub(self.now_ns()));
        let state = &mut *self.state.borrow_mut();
        (state.tell)(TrialEvent::Sleep(left));
        if state.is_dry {
            state.slept += left;
        } else {
            std::thread::sleep(left);
        }
        Poll::Ready(())
    }
}
