//! One answer, from its first byte to its last (RFC 9112 §6). Fed with whatever pieces the wire brings; a head that
//! comes whole is parsed where it lies. Neighbours: `head.rs` parses heads, `body.rs` finds the body's end; `worker/seat.rs` feeds.
//! Invariant: what is kept is bounded; an answer that is not clear about its own length is refused, not guessed.

use super::{
    body::{BodyProgress, BodyState},
    head::{Head, parse_head},
};
use loadforge_scenarios::{ErrorKind, Failure, Method, Response};

/// The most bytes a head may have.
pub const HEAD_BYTES: usize = 256 * 1024;
/// The most body bytes that are kept for checks and captures.
pub const KEPT_BODY_BYTES: usize = 64 * 1024 * 1024;
/// The most interim (1xx) answers before the real one.
const INTERIM_ANSWERS: u32 = 32;

/// What somebody will look at later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// The headers; some answers keep theirs unasked, see `Request::keep_head`.
    pub head: bool,
    /// The body.
    pub body: bool,
}

/// How far an answer has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes must come.
    More,
    /// The answer is whole; whether the connection can be used again.
    Complete {
        /// Neither side asked to close.
        reusable: bool,
    },
    /// It is not an answer that RFC 9112 allows.
    Failed(Failure),
}

/// Reads one answer at a time; reused from request to request.
#[derive(Debug, Default)]
pub struct AnswerReader {
    stage: Stage,
    /// A head that came in pieces.
    partial: Vec<u8>,
    keep: Keep,
    head_request: bool,
    reusable: bool,
    interim: u32,
    bytes_in: u64,
    response: Response,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    Head,
    Body(BodyState),
}

impl AnswerReader {
    /// Makes it ready for the answer to a request of this method.
    pub fn begin(&mut self, method: Method, keep: Keep) {
        self.stage = Stage::Head;
        self.partial.clear();
        self.keep = keep;
        self.head_request = method == Method::Head;
        self.reusable = true;
        self.interim = 0;
        self.bytes_in = 0;
        self.response.begin(0);
    }

    /// Bytes that came in for this answer, framing included.
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in
    }

    /// Whether any byte of the answer has come.
    pub fn has_begun(&self) -> bool {
        self.bytes_in > 0
    }

    /// The answer so far.
    pub fn response(&self) -> &Response {
        &self.response
    }

    /// Exchanges the answer with the user's last one, so that both keep their memory.
    pub fn swap_response(&mut self, with: &mut Response) {
        std::mem::swap(&mut self.response, with);
    }

    /// Takes bytes in.
    pub fn feed(&mut self, data: &[u8]) -> Progress {
        self.bytes_in += data.len() as u64;
        let mut data = data;
        loop {
            match self.stage {
                Stage::Idle => return protocol("bytes after the end of the answer"),
                Stage::Body(_) => return self.feed_body(data),
                Stage::Head => {}
            }
            let head = match self.read_head(data) {
                Ok(Some(head)) => head,
                Ok(None) => return Progress::More,
                Err(failure) => return Progress::Failed(failure),
            };
            // Bytes of this piece that belong to the head: what was kept from earlier pieces is not in it.
            data = &data[head.bytes..];
            if (100..200).contains(&head.status) {
                self.interim += 1;
                if head.status == 101 {
                    return protocol("the server switched protocols without being asked");
                }
                if self.interim > INTERIM_ANSWERS {
                    return protocol("an endless row of interim (1xx) answers");
                }
                if data.is_empty() {
                    return Progress::More;
                }
                continue;
            }
            self.reusable = head.reusable;
            match head.body {
                None => return self.complete(data.len()),
                Some(body) => self.stage = Stage::Body(body),
            }
            if data.is_empty() {
                return Progress::More;
            }
        }
    }

    /// The peer closed its side: the end of a body without a length, else an answer cut short.
    pub fn end_of_stream(&mut self) -> Progress {
        if self.stage == Stage::Body(BodyState::UntilClose) {
            self.reusable = false;
            return self.complete(0);
        }
        let detail = match self.stage {
            Stage::Head if !self.has_begun() => {
                "the server closed the connection without an answer"
            }
            Stage::Head => "the server closed the connection in the middle of the head",
            _ => "the server closed the connection in the middle of the body",
        };
        Progress::Failed(Failure::new(ErrorKind::Reset, detail))
    }

    fn complete(&mut self, left_over: usize) -> Progress {
        self.stage = Stage::Idle;
        if left_over > 0 {
            return protocol("bytes after the end of the answer");
        }
        Progress::Complete {
            reusable: self.reusable,
        }
    }

    /// Parses a head that lies in `data` alone or begins in `partial`. `None`: it is not whole yet.
    fn read_head(&mut self, data: &[u8]) -> Result<Option<Head>, Failure> {
        let earlier = self.partial.len();
        let parsed = if earlier == 0 {
            parse_head(data, self.head_request)?
        } else {
            self.partial.extend_from_slice(data);
            // A head that drips in is parsed again only when a line has ended.
            match data.contains(&b'\n') {
                true => parse_head(&self.partial, self.head_request)?,
                false => None,
            }
        };
        let Some(mut head) = parsed else {
            if earlier == 0 {
                self.partial.extend_from_slice(data);
            }
            if self.partial.len() > HEAD_BYTES {
                return Err(Failure::new(
                    ErrorKind::Protocol,
                    "an endless head: more than 256 KiB",
                ));
            }
            return Ok(None);
        };
        if head.status >= 200 {
            self.response.begin(head.status);
            if self.keep.head || head.acted_on {
                let bytes = if earlier == 0 {
                    &data[..head.bytes]
                } else {
                    &self.partial[..head.bytes]
                };
                self.response.head_mut().extend_from_slice(bytes);
            }
        }
        self.partial.clear();
        head.bytes -= earlier;
        Ok(Some(head))
    }

    fn feed_body(&mut self, data: &[u8]) -> Progress {
        let Stage::Body(mut body) = self.stage else {
            unreachable!("only called in a body")
        };
        let (response, keep) = (&mut self.response, self.keep.body);
        let mut length = response.body_len();
        let progress = body.feed(data, &mut |bytes| {
            length += bytes.len() as u64;
            if keep && length <= KEPT_BODY_BYTES as u64 {
                response.body_mut().extend_from_slice(bytes);
            }
        });
        self.response.set_body_len(length);
        if keep && length > KEPT_BODY_BYTES as u64 {
            return protocol("a body over 64 MiB, the most that is kept for checks");
        }
        match progress {
            BodyProgress::More => {
                self.stage = Stage::Body(body);
                Progress::More
            }
            BodyProgress::Complete(taken) => self.complete(data.len() - taken),
            BodyProgress::Invalid(what) => protocol(what),
        }
    }
}

fn protocol(detail: &'static str) -> Progress {
    Progress::Failed(Failure::new(ErrorKind::Protocol, detail))
}

#[cfg(test)]
#[path = "reader_test.rs"]
mod tests;
