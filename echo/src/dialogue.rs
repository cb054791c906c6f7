//! One connection's HTTP: bytes of requests in, bytes of answers out, no socket and no clock.
//! Neighbours: `connection.rs` moves the bytes and obeys the `Step`s, `head.rs` and `chunked.rs` read, `answer.rs` writes.
//! Invariant: answers leave in the order of their requests, and how the input was cut into pieces never shows in them
//! (but for `100 Continue`, which a body that is here already makes needless).

use crate::{
    answer::{self, Answers, Fill},
    chunked::{Chunked, Progress},
    config::MAX_ECHO_BYTES,
    head::{Framing, Persistence, Refusal, Request, Route, read_head},
    tally::{Counters, Tally},
};
use std::{sync::Arc, time::Duration};

/// Answers are sent once this many bytes of them have come together.
const BATCH_BYTES: usize = 64 << 10;

/// What every connection of a thread has in common.
pub(crate) struct Service {
    pub(crate) answers: Arc<Answers>,
    pub(crate) tally: Arc<Tally>,
    /// Which of the tally's counters are ours.
    pub(crate) thread: usize,
    /// How long every answer is held back.
    pub(crate) delay: Duration,
}

impl Service {
    pub(crate) fn counters(&self) -> &Counters {
        self.tally.of_thread(self.thread)
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
    /// Wait this long, then `release`, then feed the rest.
    Wait(Duration),
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
                    return (used, Step::Wait(Duration::ZERO));
                }
                Phase::Due(incoming) => {
                    self.answer(&incoming.request, &incoming.kept, out, service)
                }
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
            Framing::Length(0) => return self.complete(request, Vec::new(), out, service),
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
            out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.phase = Phase::Body(Box::new(Incoming {
            request,
            rest,
            kept: Vec::new(),
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
        if done {
            let incoming = *incoming;
            return (
                used,
                self.complete(incoming.request, incoming.kept, out, service),
            );
        }
        self.phase = Phase::Body(incoming);
        (used, Some(Step::Read))
    }

    /// A request is whole: counted, and answered now or after its delay.
    fn complete(
        &mut self,
        request: Request,
        kept: Vec<u8>,
        out: &mut Vec<u8>,
        service: &Service,
    ) -> Option<Step> {
        let delay = match request.route {
            Route::Stats => Duration::ZERO,
            Route::Delay(delay) => delay.max(service.delay),
            _ => service.delay,
        };
        if request.route != Route::Stats {
            service.counters().requests.add_one();
            if !self.counted {
                self.counted = true;
                service.counters().connections.add_one();
            }
        }
        if delay.is_zero() {
            return self.answer(&request, &kept, out, service);
        }
        let rest = Rest::Length(0);
        self.phase = Phase::Held(Box::new(Incoming {
            request,
            rest,
            kept,
        }));
        Some(Step::Wait(delay))
    }

    /// Writes the answer; the phase is `Head` again unless the connection ends with it.
    fn answer(
        &mut self,
        request: &Request,
        kept: &[u8],
        out: &mut Vec<u8>,
        service: &Service,
    ) -> Option<Step> {
        let answers = &service.answers;
        let (head_only, persistence) = (request.head_only, request.persistence);
        let mut whole = |status, content_type: &[u8], body: &[u8]| {
            answer::write_whole(out, status, content_type, body, head_only, persistence);
            Fill::default()
        };
        let fill = match &request.route {
            Route::Echo => {
                let content_type = request.content_type.as_deref();
                whole(
                    200,
                    content_type.unwrap_or(b"application/octet-stream"),
                    kept,
                )
            }
            Route::Stats => {
                let counts = service.tally.total();
                let json = format!(
                    "{{\"requests\":{},\"connections\":{},\"refused\":{}}}\n",
                    counts.requests, counts.connections, counts.refused
                );
                whole(200, b"application/json", json.as_bytes())
            }
            Route::Wrong(words) => whole(404, b"text/plain", words.as_bytes()),
            Route::Default | Route::Delay(_) => answers.write_ready(out, head_only, persistence),
            Route::Status(status) => answers.write_status(out, *status, head_only, persistence),
            Route::Bytes(length) => {
                answers.write_pattern(out, 200, *length, head_only, persistence)
            }
        };
        if persistence == Persistence::Close {
            self.phase = Phase::Over;
            return Some(Step::Close(fill));
        }
        (!fill.is_empty()).then_some(Step::Fill(fill))
    }

    fn refuse(&mut self, refusal: Refusal, out: &mut Vec<u8>, service: &Service) -> Step {
        service.counters().refused.add_one();
        answer::write_refusal(out, refusal);
        self.phase = Phase::Over;
        Step::Refuse
    }
}

#[cfg(test)]
#[path = "dialogue_tests.rs"]
mod tests;
