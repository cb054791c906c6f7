//! Writes answers. The configured one is rendered once and copied; the rest are rendered as asked.
//! Neighbours: `dialogue.rs` calls it, `connection.rs` sends what is written here and streams the rest of long bodies from
//! `Answers::filler`. Invariant: byte k of every body made here is byte k mod 13 of `hello, world!`.

use crate::{
    config::EchoConfig,
    head::{Persistence, Refusal},
};
use std::{
    io::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

/// Up to this length a body is written beside its head; the rest is streamed.
const INLINE_BYTES: usize = 16 << 10;

/// What the pattern of all bodies repeats.
const WORDS: &[u8; 13] = b"hello, world!";

const TEXT: &[u8] = b"text/plain";

/// Everything that answers are made of.
pub(crate) struct Answers {
    status: u16,
    body_bytes: usize,
    /// By persistence.
    ready: [Ready; 3],
    /// The pattern, long enough that few sends carry a long body; a multiple of its period.
    pub(crate) filler: Box<[u8]>,
    /// Logins so far, over all threads.
    logins: AtomicU64,
}

/// The configured answer, rendered.
struct Ready {
    /// Head and the inline part of the body.
    bytes: Vec<u8>,
    head_length: usize,
}

/// The part of a body that was not written out: bytes `from..to` of the pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fill {
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Fill {
    pub(crate) fn is_empty(&self) -> bool {
        self.from == self.to
    }

    pub(crate) fn len(&self) -> usize {
        self.to - self.from
    }
}

impl Answers {
    pub(crate) fn new(config: &EchoConfig) -> Answers {
        let filler: Box<[u8]> = WORDS.repeat(5120).into();
        let (status, body_bytes) = (config.status, config.body_bytes);
        let ready = [
            Persistence::Implied,
            Persistence::KeepAlive,
            Persistence::Close,
        ]
        .map(|persistence| {
            let mut bytes = Vec::new();
            write_head(&mut bytes, status, TEXT, body_bytes, b"", persistence);
            let head_length = bytes.len();
            if has_body(status) {
                bytes.extend_from_slice(&filler[..body_bytes.min(INLINE_BYTES)]);
            }
            Ready { bytes, head_length }
        });
        Answers {
            status,
            body_bytes,
            ready,
            filler,
            logins: AtomicU64::new(0),
        }
    }

    /// A number that no other login has.
    pub(crate) fn next_login(&self) -> u64 {
        // A number of its own is all that is asked: no other memory hangs on it.
        self.logins.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The status of the configured answer.
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// Writes the configured answer.
    pub(crate) fn write_ready(
        &self,
        out: &mut Vec<u8>,
        head_only: bool,
        persistence: Persistence,
    ) -> Fill {
        let ready = &self.ready[persistence as usize];
        if head_only {
            out.extend_from_slice(&ready.bytes[..ready.head_length]);
            return Fill::default();
        }
        out.extend_from_slice(&ready.bytes);
        rest_of_body(self.status, self.body_bytes)
    }

    /// Writes an answer with this status and the configured body.
    pub(crate) fn write_status(
        &self,
        out: &mut Vec<u8>,
        status: u16,
        head_only: bool,
        persistence: Persistence,
    ) -> Fill {
        self.write_pattern(out, status, self.body_bytes, head_only, persistence)
    }

    /// Writes an answer with a body of `length` bytes of the pattern.
    pub(crate) fn write_pattern(
        &self,
        out: &mut Vec<u8>,
        status: u16,
        length: usize,
        head_only: bool,
        persistence: Persistence,
    ) -> Fill {
        write_head(out, status, TEXT, length, b"", persistence);
        if head_only || !has_body(status) {
            return Fill::default();
        }
        out.extend_from_slice(&self.filler[..length.min(INLINE_BYTES)]);
        rest_of_body(status, length)
    }
}

/// Writes an answer with this body.
pub(crate) fn write_whole(
    out: &mut Vec<u8>,
    status: u16,
    content_type: &[u8],
    body: &[u8],
    head_only: bool,
    persistence: Persistence,
) {
    write_head(out, status, content_type, body.len(), b"", persistence);
    if !head_only {
        out.extend_from_slice(body);
    }
}

/// Writes the answer to a login: a token and a cookie that no other login gets.
pub(crate) fn write_login(
    out: &mut Vec<u8>,
    number: u64,
    head_only: bool,
    persistence: Persistence,
) {
    let body = format!("{{\"token\":\"echo-{number}\",\"user\":{{\"id\":{number}}}}}\n");
    let cookie = format!("Set-Cookie: sid=echo-{number}; Path=/; HttpOnly\r\n");
    write_head(
        out,
        200,
        b"application/json",
        body.len(),
        cookie.as_bytes(),
        persistence,
    );
    if !head_only {
        out.extend_from_slice(body.as_bytes());
    }
}

/// Writes a redirect to this path, which holds no control characters.
pub(crate) fn write_redirect(out: &mut Vec<u8>, to: &str, persistence: Persistence) {
    let location = format!("Location: {to}\r\n");
    write_head(out, 302, TEXT, 0, location.as_bytes(), persistence);
}

/// Writes the answer to a request that is refused.
pub(crate) fn write_refusal(out: &mut Vec<u8>, refusal: Refusal) {
    let body = refusal.words.as_bytes();
    write_whole(out, refusal.status, TEXT, body, false, Persistence::Close);
}

fn rest_of_body(status: u16, length: usize) -> Fill {
    if has_body(status) && length > INLINE_BYTES {
        Fill {
            from: INLINE_BYTES,
            to: length,
        }
    } else {
        Fill::default()
    }
}

/// 204 and 304 end with their head, whatever it says (RFC 9112 §6.3); 205 has a length of 0 (RFC 9110 §15.3.6).
fn has_body(status: u16) -> bool {
    !matches!(status, 204 | 205 | 304)
}

fn write_head(
    out: &mut Vec<u8>,
    status: u16,
    content_type: &[u8],
    length: usize,
    // Whole header lines, or none.
    further: &[u8],
    persistence: Persistence,
) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "HTTP/1.1 {status} {}\r\n", reason(status));
    if has_body(status) {
        out.extend_from_slice(b"Content-Type: ");
        out.extend_from_slice(content_type);
        let _ = write!(out, "\r\nContent-Length: {length}\r\n");
    } else if status == 205 {
        out.extend_from_slice(b"Content-Length: 0\r\n");
    }
    out.extend_from_slice(further);
    out.extend_from_slice(match persistence {
        Persistence::Implied => b"\r\n".as_slice(),
        Persistence::KeepAlive => b"Connection: keep-alive\r\n\r\n",
        Persistence::Close => b"Connection: close\r\n\r\n",
    });
}

/// The reason phrase; a word for the class where the status is rare.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => match status / 100 {
            2 => "Success",
            3 => "Redirection",
            4 => "Client Error",
            _ => "Server Error",
        },
    }
}
