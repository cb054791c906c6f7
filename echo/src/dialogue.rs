//! One connection's HTTP: bytes of requests in, bytes of answers out, no socket and no clock.
//! Neighbours: `connection.rs` moves the bytes and obeys the `Step`s, `head.rs` and `chunked.rs` read, `answer.rs` writes.
//! Invariant: answers leave in the order of their requests, and how the input was cut into pieces never shows in them
//! (but for `100 Continue`, which a body that is here already makes needless).

use crate::{
    answer::{self, Answers, Fill},
    arrivals::ArrivalFile,
    chunked::{Chunked, Progress},
    clock::now_ns,
    conduct::Manner,
    config::MAX_ECHO_BYTES,
    delay::nanos,
    head::{Framing, Persistence, Refusal, Request, Route, read_head},
    tally::{Counters, Tally},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Leave to send a body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Answers are sent once this many bytes of them have come together.
const BATCH_BYTES: usize = 64 << 10;

/// What every connection of a thread has in common.
pub(crate) struct Service {
    pub(crate) answers: Arc<Answers>,
    pub(crate) tally: Arc<Tally>,
    /// Which of the tally's counters are ours.
    pub(crate) thread: usize,
    /// When requests are answered, and whether with an error.
    pub(crate) manner: Manner,
    pub(crate) arrivals: Option<Arc<Mutex<ArrivalFile>>>,
    /// When what is read now arrived, if that matters; `stamp` sets it.
    pub(crate) now_ns: u64,
}

impl Service {
    pub(crate) fn counters(&self) -> &Counters {
        self.tally.of_thread(self.thread)
    }

    /// Reads the clock, when anybody wants to know.
    pub(crate) fn stamp(&mut self) {
        if !self.manner.is_immediate() || self.arrivals.is_some() {
            self.now_ns = now_ns();
        }
    }

    /// Notes a request and decides about it; no time when it is answered at once.
    fn take_in(&self, route: &Route) -> (Option<u64>, bool) {
        if let Some(arrivals) = &self.arrivals {
            let mut arrivals = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
            arrivals.note(self.now_ns);
        }
        let least = match route {
            Route::Delay(delay) => *delay,
            _ => Duration::ZERO,
        };
        if self.manner.is_immediate() {
            let due_ns = (!least.is_zero()).then(|| now_ns() + nanos(least));
            return (due_ns, false);
        }
        let fate = self.manner.decide(self.now_ns, least);
        (
            (fate.due_ns > self.now_ns).then_some(fate.due_ns),
            fate.fails,
        )
    }

    fn write_out_arrivals(&self) {
        if let Some(arrivals) = &self.arrivals {
            let mut arrivals = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
            arrivals.flush();
        }
    }
}

/// What has to happen before the dialogue can go on; what was written so far is to be sent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// All input was used; more is needed.
    Read,
    /// Send, then feed the rest of the input.
    Send,
    /// Send, then this much of the pattern, then feed the rest.
    Fill(Fill),
    /// Wait until this time (ns), then `release`, then feed the rest.
    Wait(u64),
    /// Send, then close: no further answer follows.
    Close(Fill),
    /// As `Close`, but the client may still be sending: it must be able to read the answer all the same.
    Refuse,
}

/// One connection's place in its dialogue.
pub(crate) struct Dialogue {
    phase: Phase,
    /// Whether this connection has been counted.
    counted: bool,
    /// Bytes read of the request that is coming in.
    read_bytes: u64,
}

enum Phase {
    Head,
    Body(Box<Incoming>),
    /// The request is whole, its answer is held back.
    Held(Box<Incoming>),
    /// The answer's time has come.
    Due(Box<Incoming>),
    Over,
}

/// A request whose body is being read, or was.
struct Incoming {
    request: Request,
    rest: Rest,
    /// The body, where `/echo` needs it.
    kept: Vec<u8>,
    /// It is answered with status 500.
    fails: bool,
}

/// What is left of a request's body.
enum Rest {
    Length(u64),
    Chunked(Chunked),
}

impl Dialogue {
    pub(crate) fn new() -> Dialogue {
        Dialogue {
            phase: Phase::Head,
            counted: false,
            read_bytes: 0,
        }
    }

    /// Whether an answer is held back: the dialogue takes no input until `release`.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self.phase, Phase::Held(_))
    }

    /// Bytes of memory held for this connection's request body.
    pub(crate) fn held_bytes(&self) -> usize {
        match &self.phase {
            Phase::Body(incoming) | Phase::Held(incoming) | Phase::Due(incoming) => {
                incoming.kept.capacity()
            }
            Phase::Head | Phase::Over => 0,
        }
    }

    /// Ends the wait that `Step::Wait` asked for.
    pub(crate) fn release(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Head) {
            Phase::Held(incoming) => Phase::Due(incoming),
            other => other,
        };
    }

    /// Takes input, appends answers to `out`, and says how many bytes of input were used and what comes next.
    /// `room` is how many bytes of a request body may still be kept.
    pub(crate) fn feed(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        room: usize,
        service: &Service,
    ) -> (usize, Step) {
        let mut used = 0;
        loop {
            if out.len() >= BATCH_BYTES {
                return (used, Step::Send);
            }
            let step = match std::mem::replace(&mut self.phase, Phase::Head) {
                Phase::Head => match read_head(&input[used..]) {
                    Ok(None) => Some(Step::Read),
                    Ok(Some((length, request))) => {
                        used += length;
                        self.read_bytes = length as u64;
                        self.begin(request, &input[used..], out, service)
                    }
                    Err(refusal) => Some(self.refuse(refusal, out, service)),
                },
                Phase::Body(incoming) => {
                    let (length, step) = self.body(incoming, &input[used..], out, room, service);
                    used += length;
                    step
                }
                Phase::Held(incoming) => {
                    self.phase = Phase::Held(incoming);
                    return (used, Step::Wait(0));
                }
                Phase::Due(incoming) => self.answer(&incoming, out, service),
                Phase::Over => {
                    self.phase = Phase::Over;
                    Some(Step::Close(Fill::default()))
                }
            };
            if let Some(step) = step {
                return (used, step);
            }
        }
    }

    /// A head was read: on to its body, or to the answer when it has none.
    fn begin(
        &mut self,
        request: Request,
        behind: &[u8],
        out: &mut Vec<u8>,
        service: &Service,
    ) -> Option<Step> {
        let rest = match request.framing {
            Framing::Length(0) => {
                let incoming = Incoming {
                    request,
                    rest: Rest::Length(0),
                    kept: Vec::new(),
                    fails: false,
                };
                return self.complete(incoming, out, service);
            }
            Framing::Length(length) => {
                if request.route == Route::Echo && length > MAX_ECHO_BYTES as u64 {
                    return Some(self.refuse(Refusal::BODY_TOO_LARGE, out, service));
                }
                Rest::Length(length)
            }
            Framing::Chunked => Rest::Chunked(Chunked::new()),
        };
        // A client whose body is here already does not wait for leave to send it (RFC 9110 §10.1.1).
        if request.expects_continue && behind.is_empty() {
            out.extend_from_slice(CONTINUE);
            service.counters().bytes_out.add(CONTINUE.len() as u64);
        }
        self.phase = Phase::Body(Box::new(Incoming {
            request,
            rest,
            kept: Vec::new(),
            fails: false,
        }));
        None
    }

    /// Reads on in a body; gives how much of the input was used.
    fn body(
        &mut self,
        mut incoming: Box<Incoming>,
        input: &[u8],
        out: &mut Vec<u8>,
        room: usize,
        service: &Service,
    ) -> (usize, Option<Step>) {
        let Incoming {
            request,
            rest,
            kept,
            ..
        } = incoming.as_mut();
        let keep = request.route == Route::Echo;
        let (used, done) = match rest {
            Rest::Length(left) => {
                let piece = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(input.len());
                if keep {
                    kept.extend_from_slice(&input[..piece]);
                }
                *left -= piece as u64;
                (piece, *left == 0)
            }
            Rest::Chunked(chunked) => {
                let progress = chunked.read(input, |data| {
                    if keep {
                        kept.extend_from_slice(data);
                    }
                });
                match progress {
                    Progress::More => (input.len(), false),
                    Progress::Done(used) => (used, true),
                    Progress::Malformed => {
                        let refusal = Refusal::bad("the chunked body is malformed");
                        return (0, Some(self.refuse(refusal, out, service)));
                    }
                }
            }
        };
        if kept.len() > MAX_ECHO_BYTES {
            return (
                used,
                Some(self.refuse(Refusal::BODY_TOO_LARGE, out, service)),
            );
        }
        if kept.capacity() > room {
            return (used, Some(self.refuse(Refusal::NO_MEMORY, out, service)));
        }
        self.read_bytes += used as u64;
        if done {
            return (used, self.complete(*incoming, out, service));
        }
        self.phase = Phase::Body(incoming);
        (used, Some(Step::Read))
    }

    /// A request is whole: counted, and answered now or when it is due.
    fn complete(
        &mut self,
        mut incoming: Incoming,
        out: &mut Vec<u8>,
        service: &Service,
    ) -> Option<Step> {
        if incoming.request.route.is_reserved() {
            return self.answer(&incoming, out, service);
        }
        let counters = service.counters();
        counters.requests.add(1);
        counters.bytes_in.add(self.read_bytes);
        if !self.counted {
            self.counted = true;
            counters.connections.add(1);
        }
        let (due_ns, fails) = service.take_in(&incoming.request.route);
        incoming.fails = fails;
        match due_ns {
            None => self.answer(&incoming, out, service),
            Some(due_ns) => {
                self.phase = Phase::Held(Box::new(incoming));
                Some(Step::Wait(due_ns))
            }
        }
    }

    /// Writes the answer and counts it; the phase is `Head` again unless the connection ends with it.
    fn answer(
        &mut self,
        incoming: &Incoming,
        out: &mut Vec<u8>,
        service: &Service,
    ) -> Option<Step> {
        let request = &incoming.request;
        let before = out.len();
        let (status, fill) = if incoming.fails {
            let (head_only, persistence) = (request.head_only, request.persistence);
            let fill = service
                .answers
                .write_status(out, 500, head_only, persistence);
            (500, fill)
        } else {
            write_answer(request, &incoming.kept, out, service)
        };
        if !request.route.is_reserved() {
            let counters = service.counters();
            counters.answered(status);
            let written = out.len() - before + fill.len();
            counters.bytes_out.add(written as u64);
        }
        if request.persistence == Persistence::Close {
            self.phase = Phase::Over;
            return Some(Step::Close(fill));
        }
        (!fill.is_empty()).then_some(Step::Fill(fill))
    }

    fn refuse(&mut self, refusal: Refusal, out: &mut Vec<u8>, service: &Service) -> Step {
        let before = out.len();
        answer::write_refusal(out, refusal);
        let counters = service.counters();
        counters.refused.add(1);
        counters.answered(refusal.status);
        counters.bytes_out.add((out.len() - before) as u64);
        self.phase = Phase::Over;
        Step::Refuse
    }
}

/// Writes what the route asks for; gives its status and what follows of the pattern.
fn write_answer(
    request: &Request,
    kept: &[u8],
    out: &mut Vec<u8>,
    service: &Service,
) -> (u16, Fill) {
    let answers = &service.answers;
    let (head_only, persistence) = (request.head_only, request.persistence);
    let mut whole = |status, content_type: &[u8], body: &[u8]| {
        answer::write_whole(out, status, content_type, body, head_only, persistence);
        (status, Fill::default())
    };
    match &request.route {
        Route::Echo => {
            let content_type = request.taken.as_deref();
            let content_type = content_type.unwrap_or(b"application/octet-stream");
            whole(200, content_type, kept)
        }
        Route::Headers => {
            let json = request.taken.as_deref().unwrap_or_default();
            whole(200, b"application/json", json)
        }
        Route::Login => {
            answer::write_login(out, answers.next_login(), head_only, persistence);
            (200, Fill::default())
        }
        Route::Redirect(to) => {
            answer::write_redirect(out, to, persistence);
            (302, Fill::default())
        }
        Route::Stats => {
            let counts = service.tally.total();
            let json = format!(
                "{{\"requests\":{},\"connections\":{},\"refused\":{}}}\n",
                counts.requests, counts.connections, counts.refused
            );
            whole(200, b"application/json", json.as_bytes())
        }
        Route::Counts => {
            service.write_out_arrivals();
            let json = service.tally.total().to_json();
            whole(200, b"application/json", json.as_bytes())
        }
        Route::Wrong(words) => whole(404, b"text/plain", words.as_bytes()),
        Route::Default | Route::Delay(_) => {
            let fill = answers.write_ready(out, head_only, persistence);
            (answers.status(), fill)
        }
        Route::Status(status) => {
            let fill = answers.write_status(out, *status, head_only, persistence);
            (*status, fill)
        }
        Route::Bytes(length) => {
            let fill = answers.write_pattern(out, 200, *length, head_only, persistence);
            (200, fill)
        }
    }
}

#[cfg(test)]
#[path = "dialogue_tests.rs"]
mod tests;
