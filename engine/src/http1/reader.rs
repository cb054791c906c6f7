//! One answer, from its first byte to its last (RFC 9112 §6). Fed with whatever pieces the wire brings; a head that
//! comes whole is parsed where it lies. Neighbours: `body.rs` finds the body's end; `worker/seat.rs` feeds.
//! Invariant: what is kept is bounded; an answer that is not clear about its own length is refused, not guessed.

use super::body::{BodyProgress, BodyState};
use loadforge_scenarios::{ErrorKind, Failure, Method, Response};
use std::mem::MaybeUninit;

/// The most bytes a head may have.
pub const HEAD_BYTES: usize = 256 * 1024;
/// The most headers in a head that is parsed at once; more take a second, larger attempt.
const FEW_HEADERS: usize = 48;
/// The most headers a head may have.
const MANY_HEADERS: usize = 4096;
/// The most body bytes that are kept for checks and captures.
pub const KEPT_BODY_BYTES: usize = 64 * 1024 * 1024;
/// The most interim (1xx) answers before the real one.
const INTERIM_ANSWERS: u32 = 32;

/// What somebody will look at later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// The headers.
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

/// What a head says about what follows.
struct Head {
    bytes: usize,
    status: u16,
    body: Option<BodyState>,
    reusable: bool,
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
            if self.keep.head {
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

/// Parses a head at the start of `data`; `None` when it is not whole.
fn parse_head(data: &[u8], head_request: bool) -> Result<Option<Head>, Failure> {
    let mut few = [const { MaybeUninit::uninit() }; FEW_HEADERS];
    match parse_with(data, &mut few, head_request) {
        Err(httparse::Error::TooManyHeaders) => {
            let mut many = vec![MaybeUninit::uninit(); MANY_HEADERS];
            parse_with(data, &mut many, head_request)
        }
        parsed => parsed,
    }
    .map_err(|error| Failure::new(ErrorKind::Protocol, format!("not an HTTP answer: {error}")))?
    .transpose()
}

type Parsed = Result<Option<Result<Head, Failure>>, httparse::Error>;

fn parse_with<'d>(
    data: &'d [u8],
    headers: &mut [MaybeUninit<httparse::Header<'d>>],
    head_request: bool,
) -> Parsed {
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut response, data, headers)? {
        httparse::Status::Partial => Ok(None),
        httparse::Status::Complete(bytes) => Ok(Some(read_framing(&response, bytes, head_request))),
    }
}

/// RFC 9112 §6.3: what the head says about the body and the connection.
fn read_framing(
    response: &httparse::Response<'_, '_>,
    bytes: usize,
    head_request: bool,
) -> Result<Head, Failure> {
    let refuse = |detail: &'static str| Err(Failure::new(ErrorKind::Protocol, detail));
    let status = response.code.unwrap_or(0);
    let mut length: Option<u64> = None;
    let mut chunked = false;
    // HTTP/1.1 keeps the connection unless told otherwise, HTTP/1.0 the other way round.
    let mut reusable = response.version == Some(1);
    for header in response.headers.iter() {
        // By length first: most headers are none of these.
        match header.name.len() {
            14 if header.name.eq_ignore_ascii_case("content-length") => {
                let stated = std::str::from_utf8(header.value).ok().and_then(digits);
                match (stated, length) {
                    (None, _) => return refuse("a content-length that is not a number"),
                    (Some(new), Some(old)) if new != old => {
                        return refuse("two content-lengths that differ");
                    }
                    (stated, _) => length = stated,
                }
            }
            17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                if chunked || !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return refuse("a transfer-encoding other than chunked");
                }
                chunked = true;
            }
            10 if header.name.eq_ignore_ascii_case("connection") => {
                for token in header.value.split(|byte| *byte == b',') {
                    let token = token.trim_ascii();
                    if token.eq_ignore_ascii_case(b"close") {
                        reusable = false;
                    } else if token.eq_ignore_ascii_case(b"keep-alive") {
                        reusable = true;
                    }
                }
            }
            _ => {}
        }
    }
    if chunked && length.is_some() {
        return refuse("both a content-length and a chunked body");
    }
    let bodiless = head_request || status < 200 || status == 204 || status == 304;
    let body = match (bodiless, chunked, length) {
        (true, _, _) | (false, false, Some(0)) => None,
        (false, true, _) => Some(BodyState::FIRST_CHUNK),
        (false, false, Some(length)) => Some(BodyState::Length(length)),
        (false, false, None) => Some(BodyState::UntilClose),
    };
    Ok(Head {
        bytes,
        status,
        body,
        reusable,
    })
}

/// A length: digits only (no sign, no blanks inside), below 2^63.
fn digits(text: &str) -> Option<u64> {
    let text = text.trim_matches([' ', '\t']);
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|length| *length < 1 << 63)
}

#[cfg(test)]
#[path = "reader_test.rs"]
mod tests;
