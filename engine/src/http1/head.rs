//! The head of an answer: where it ends and what it says about what follows (RFC 9112 §4 to §6). Neighbours: `reader.rs`
//! feeds and keeps. Invariant: httparse decides what a head is. The quick scan answers only for heads that are plain
//! in every byte, all of which httparse takes for the same, and leaves the others to it.

use super::body::BodyState;
use loadforge_scenarios::{ErrorKind, Failure};
use std::mem::MaybeUninit;

/// The most headers in a head that is parsed at once; more take a second, larger attempt.
const FEW_HEADERS: usize = 48;
/// The most headers a head may have.
const MANY_HEADERS: usize = 4096;
/// `HTTP/1.1 200 `, with whatever digits.
const STATUS_BYTES: usize = 13;

/// What a head says about what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// How long it is, its empty line included.
    pub(super) bytes: usize,
    /// 100 to 999 in practice; RFC 9110 names no others.
    pub(super) status: u16,
    /// Where the body ends, if there is one.
    pub(super) body: Option<BodyState>,
    /// The server did not ask to close.
    pub(super) reusable: bool,
    /// It says something that users act on unasked: it sets a cookie, leads on, or tells how the body is packed.
    pub(super) acted_on: bool,
}

/// Parses a head at the start of `data`; `None` when it is not whole.
///
/// # Errors
/// When it is no head, or not clear about what follows.
pub(super) fn parse_head(data: &[u8], head_request: bool) -> Result<Option<Head>, Failure> {
    match scan_plain(data, head_request) {
        Some(head) => Ok(Some(head)),
        None => parse_any(data, head_request),
    }
}

/// Parses by httparse, whatever is in it.
fn parse_any(data: &[u8], head_request: bool) -> Result<Option<Head>, Failure> {
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
    .map_err(|detail| Failure::new(ErrorKind::Protocol, detail))
}

type Parsed = Result<Option<Result<Head, &'static str>>, httparse::Error>;

fn parse_with<'d>(
    data: &'d [u8],
    headers: &mut [MaybeUninit<httparse::Header<'d>>],
    head_request: bool,
) -> Parsed {
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let bytes = match config.parse_response_with_uninit_headers(&mut response, data, headers)? {
        httparse::Status::Partial => return Ok(None),
        httparse::Status::Complete(bytes) => bytes,
    };
    let mut framing = Framing::new(response.version == Some(1));
    for header in response.headers.iter() {
        if let Err(detail) = framing.header(header.name.as_bytes(), header.value) {
            return Ok(Some(Err(detail)));
        }
    }
    let status = response.code.unwrap_or(0);
    Ok(Some(framing.head(bytes, status, head_request)))
}

/// Parses a head as nearly all servers write it: blanks and printable ASCII only, lines ended by CR LF, names of
/// letters, digits, `-` and `_`. `None` for all others, those that are not whole and those that are refused among them.
fn scan_plain(data: &[u8], head_request: bool) -> Option<Head> {
    let (first, rest) = data.split_first_chunk::<STATUS_BYTES>()?;
    let [
        b'H',
        b'T',
        b'T',
        b'P',
        b'/',
        b'1',
        b'.',
        minor,
        b' ',
        code @ ..,
        b' ',
    ] = first
    else {
        return None;
    };
    if !matches!(minor, b'0' | b'1') || !code.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let status = code
        .iter()
        .fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    let mut framing = Framing::new(*minor == b'1');
    let mut rest = behind_line(rest)?.1;
    for _ in 0..=FEW_HEADERS {
        if let [b'\r', b'\n', behind @ ..] = rest {
            let bytes = data.len() - behind.len();
            return framing.head(bytes, status, head_request).ok();
        }
        let colon = name_length(rest)?;
        let (name, behind) = rest.split_at(colon);
        if name.is_empty() || behind[0] != b':' {
            return None;
        }
        let (value, behind) = behind_line(&behind[1..])?;
        framing.header(name, value).ok()?;
        rest = behind;
    }
    None
}

/// Splits at the first CR LF; `None` unless everything before it is a blank or printable ASCII.
#[inline]
fn behind_line(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    // Eight at a time, by the bits that a byte below 0x20 or above 0x7e sets: borrows and carries reach only bytes
    // behind the first such one, and the first is all that is looked for.
    let end = loop {
        let Some(eight) = data.get(at..).and_then(<[u8]>::first_chunk::<8>) else {
            let more = data[at..]
                .iter()
                .position(|byte| !matches!(byte, b' '..=b'~'))?;
            break at + more;
        };
        let eight = u64::from_le_bytes(*eight);
        let low = eight.wrapping_sub(u64::from_ne_bytes([0x20; 8]));
        let high = eight.wrapping_add(u64::from_ne_bytes([0x01; 8]));
        let found = (eight | low | high) & u64::from_ne_bytes([0x80; 8]);
        if found != 0 {
            break at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    };
    let (line, behind) = data.split_at(end);
    match behind {
        [b'\r', b'\n', behind @ ..] => Some((line, behind)),
        _ => None,
    }
}

/// Where the first byte lies that no plain name has; `None` when there is none.
#[inline]
fn name_length(data: &[u8]) -> Option<usize> {
    let mut at = 0;
    // Eight at a time as long as they are letters and `-`; sums stay within their bytes, whose top bits are clear.
    while let Some(eight) = data.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        const TOP: u64 = u64::from_ne_bytes([0x80; 8]);
        let eight = u64::from_le_bytes(*eight);
        let lower = (eight | u64::from_ne_bytes([0x20; 8])) & !TOP;
        let from_a = lower + u64::from_ne_bytes([0x80 - b'a'; 8]);
        let past_z = lower + u64::from_ne_bytes([0x7f - b'z'; 8]);
        let no_dash = ((eight ^ u64::from_ne_bytes([b'-'; 8])) & !TOP) + !TOP;
        let others = (eight | (no_dash & (past_z | !from_a))) & TOP;
        if others != 0 {
            at += others.trailing_zeros() as usize / 8;
            if data[at] == b':' {
                return Some(at);
            }
            break;
        }
        at += 8;
    }
    let plain = |byte: &u8| NAME_BYTES[usize::from(*byte)];
    let more = data[at..].iter().position(|byte| !plain(byte))?;
    Some(at + more)
}

/// Bytes of a plain header name: a part of the tokens that RFC 9110 §5.6.2 allows.
const NAME_BYTES: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        plain[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'_');
        byte += 1;
    }
    plain
};

/// What the headers so far say about the body and the connection (RFC 9112 §6.3).
struct Framing {
    length: Option<u64>,
    chunked: bool,
    reusable: bool,
    acted_on: bool,
}

impl Framing {
    /// HTTP/1.1 keeps the connection unless told otherwise, HTTP/1.0 the other way round.
    fn new(is_http_1_1: bool) -> Framing {
        Framing {
            length: None,
            chunked: false,
            reusable: is_http_1_1,
            acted_on: false,
        }
    }

    /// Takes a header in. Blanks around the value do not count.
    #[inline]
    fn header(&mut self, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
        // By length first: most headers are none of these.
        match name.len() {
            14 if is_name(name, b"content-length") => match (digits(value), self.length) {
                (None, _) => return Err("a content-length that is not a number"),
                (Some(new), Some(old)) if new != old => {
                    return Err("two content-lengths that differ");
                }
                (stated, _) => self.length = stated,
            },
            17 if is_name(name, b"transfer-encoding") => {
                if self.chunked || !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return Err("a transfer-encoding other than chunked");
                }
                self.chunked = true;
            }
            // As servers write it who need not say it.
            10 if value == b" keep-alive" && is_name(name, b"connection") => self.reusable = true,
            10 if is_name(name, b"connection") => {
                for token in value.split(|byte| *byte == b',') {
                    let token = token.trim_ascii();
                    if token.eq_ignore_ascii_case(b"close") {
                        self.reusable = false;
                    } else if token.eq_ignore_ascii_case(b"keep-alive") {
                        self.reusable = true;
                    }
                }
            }
            10 if is_name(name, b"set-cookie") => self.acted_on = true,
            16 if is_name(name, b"content-encoding") => self.acted_on = true,
            _ => {}
        }
        Ok(())
    }

    /// What all of it comes to.
    fn head(self, bytes: usize, status: u16, head_request: bool) -> Result<Head, &'static str> {
        if self.chunked && self.length.is_some() {
            return Err("both a content-length and a chunked body");
        }
        let bodiless = head_request || status < 200 || status == 204 || status == 304;
        let body = match (bodiless, self.chunked, self.length) {
            (true, _, _) | (false, false, Some(0)) => None,
            (false, true, _) => Some(BodyState::FIRST_CHUNK),
            (false, false, Some(length)) => Some(BodyState::Length(length)),
            (false, false, None) => Some(BodyState::UntilClose),
        };
        Ok(Head {
            bytes,
            status,
            body,
            reusable: self.reusable,
            acted_on: self.acted_on || matches!(status, 300..=399),
        })
    }
}

/// Whether a header is the one of this name, which is in lower case and holds letters and `-` only. `name` is a token: no
/// byte of one turns into such a letter or `-` by the bit that tells the cases apart, save the letter itself.
fn is_name<const N: usize>(name: &[u8], lower: &[u8; N]) -> bool {
    let differ = |differ, (one, other): (&u8, &u8)| differ | ((one | 0x20) ^ other);
    <&[u8; N]>::try_from(name).is_ok_and(|name| name.iter().zip(lower).fold(0, differ) == 0)
}

/// A length: digits only (no sign, no blanks inside), below 2^63.
fn digits(value: &[u8]) -> Option<u64> {
    let mut value = value;
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    if value.is_empty() {
        return None;
    }
    let length = value.iter().try_fold(0_u64, |length, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    })?;
    Some(length).filter(|length| *length < 1 << 63)
}

#[cfg(test)]
#[path = "head_test.rs"]
mod tests;
