//! Reads a request's head: what is asked, how its body is framed, whether the connection stays.
//! Neighbours: `dialogue.rs` calls it, `answer.rs` answers what it found. Invariant: what is ambiguous is refused
//! (two lengths, length beside chunks, no or two hosts), since a generator that sends it has a fault worth seeing.

use crate::config::{MAX_BODY_BYTES, MAX_DELAY, MAX_HEAD_BYTES};
use httparse::{Header, Status};
use std::{mem::MaybeUninit, time::Duration};

/// Most headers of a request.
const MAX_HEADERS: usize = 128;

/// A request as far as its head tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) route: Route,
    /// HEAD: the answer has no body.
    pub(crate) head_only: bool,
    pub(crate) persistence: Persistence,
    pub(crate) framing: Framing,
    /// The client waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
    /// What the answer takes from the head: for `/echo` the content type, for `/headers` all of them as JSON.
    pub(crate) taken: Option<Box<[u8]>>,
}

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Anything else: the configured answer.
    Default,
    Status(u16),
    Bytes(usize),
    Delay(Duration),
    Echo,
    /// The request's own headers, as JSON.
    Headers,
    /// A token and a cookie.
    Login,
    /// On to this path.
    Redirect(Box<str>),
    Stats,
    /// `/.loadforge/counts`: everything counted; asking flushes the file of arrivals.
    Counts,
    /// One of the above, written wrongly: 404 with these words.
    Wrong(&'static str),
}

impl Route {
    /// Whether it asks about the target itself: answered at once, whatever the target's conduct, and counted nowhere.
    pub(crate) fn is_reserved(&self) -> bool {
        matches!(self, Route::Stats | Route::Counts)
    }
}

/// Whether the connection outlives the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// HTTP/1.1 without a word: it stays, and the answer says nothing.
    Implied,
    /// HTTP/1.0 that asked for it: the answer says so.
    KeepAlive,
    Close,
}

/// How the end of the request's body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// This many bytes.
    Length(u64),
    Chunked,
}

/// Why a request is answered with an error and its connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// The answer's body.
    pub(crate) words: &'static str,
}

impl Refusal {
    pub(crate) const HEAD_TOO_LARGE: Refusal = Refusal {
        status: 431,
        words: "a request head has at most 64 KiB and 128 headers",
    };
    pub(crate) const BODY_TOO_LARGE: Refusal = Refusal {
        status: 413,
        words: "/echo sends back at most 8 MiB",
    };
    pub(crate) const NO_MEMORY: Refusal = Refusal {
        status: 503,
        words: "too many request bodies are held for /echo",
    };

    pub(crate) const fn bad(words: &'static str) -> Refusal {
        Refusal { status: 400, words }
    }
}

/// Reads the head at the start of `input` and gives its length with it; `None` when it is not whole yet.
pub(crate) fn read_head(input: &[u8]) -> Result<Option<(usize, Request)>, Refusal> {
    let mut headers = [const { MaybeUninit::<Header>::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    let window = &input[..input.len().min(MAX_HEAD_BYTES)];
    let length = match parsed.parse_with_uninit_headers(window, &mut headers) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if input.len() >= MAX_HEAD_BYTES => {
            return Err(Refusal::HEAD_TOO_LARGE);
        }
        Ok(Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HEAD_TOO_LARGE),
        Err(error) => return Err(Refusal::bad(words_for(error))),
    };
    let method = parsed.method.expect("a whole head has a method");
    let target = parsed.path.expect("a whole head has a target");
    let minor = parsed.version.expect("a whole head has a version");
    if method == "CONNECT" {
        return Err(Refusal {
            status: 405,
            words: "this target is no proxy",
        });
    }
    let fields = Fields::read(parsed.headers)?;
    let route = route(target);
    let taken = match route {
        Route::Echo => fields.content_type.map(Box::from),
        Route::Headers => Some(headers_as_json(parsed.headers).into()),
        _ => None,
    };
    let request = Request {
        head_only: method == "HEAD",
        persistence: fields.persistence(minor),
        framing: fields.framing(minor)?,
        expects_continue: fields.expects_continue && minor == 1,
        taken,
        route,
    };
    if minor == 1 && fields.hosts != 1 {
        return Err(Refusal::bad(
            "an HTTP/1.1 request has exactly one Host header",
        ));
    }
    Ok(Some((length, request)))
}

/// What the headers say, as far as it matters here.
#[derive(Default)]
struct Fields<'b> {
    hosts: u32,
    length: Option<u64>,
    /// A Transfer-Encoding was given, and it is `chunked` alone.
    chunked: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    content_type: Option<&'b [u8]>,
}

impl<'b> Fields<'b> {
    fn read(headers: &[Header<'b>]) -> Result<Fields<'b>, Refusal> {
        let mut fields = Fields::default();
        for header in headers {
            // Lengths first: most headers are told apart without looking at a letter.
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            match header.name.len() {
                4 if is("host") => fields.hosts += 1,
                6 if is("expect") => {
                    if !header.value.eq_ignore_ascii_case(b"100-continue") {
                        let words = "the only expectation met here is 100-continue";
                        return Err(Refusal { status: 417, words });
                    }
                    fields.expects_continue = true;
                }
                10 if is("connection") => {
                    for token in header.value.split(|byte| *byte == b',') {
                        let token = token.trim_ascii();
                        fields.close |= token.eq_ignore_ascii_case(b"close");
                        fields.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                12 if is("content-type") => fields.content_type = Some(header.value),
                14 if is("content-length") => {
                    let length = number(header.value)
                        .ok_or(Refusal::bad("Content-Length is not one number"))?;
                    if fields
                        .length
                        .replace(length)
                        .is_some_and(|other| other != length)
                    {
                        return Err(Refusal::bad("two Content-Length headers disagree"));
                    }
                }
                17 if is("transfer-encoding") => {
                    if fields.chunked || !header.value.eq_ignore_ascii_case(b"chunked") {
                        return Err(Refusal::bad(
                            "the only transfer coding read here is chunked",
                        ));
                    }
                    fields.chunked = true;
                }
                _ => {}
            }
        }
        Ok(fields)
    }

    fn persistence(&self, minor: u8) -> Persistence {
        match (self.close, minor, self.keep_alive) {
            (true, ..) | (false, 0, false) => Persistence::Close,
            (false, 0, true) => Persistence::KeepAlive,
            (false, ..) => Persistence::Implied,
        }
    }

    fn framing(&self, minor: u8) -> Result<Framing, Refusal> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Refusal::bad(
                "Content-Length and Transfer-Encoding exclude each other",
            )),
            (true, None) if minor == 0 => Err(Refusal::bad("HTTP/1.0 has no Transfer-Encoding")),
            (true, None) => Ok(Framing::Chunked),
            (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

/// What the path of a request target asks for; its query does not matter.
fn route(target: &str) -> Route {
    let path = match target.as_bytes().first() {
        Some(b'/') => target,
        // The absolute form, as sent to a proxy.
        _ => target
            .split_once("://")
            .and_then(|(_, rest)| rest.find('/').map(|slash| &rest[slash..]))
            .unwrap_or("/"),
    };
    let path = path.split('?').next().unwrap_or(path);
    if let Some(status) = path.strip_prefix("/status/") {
        return match status.parse() {
            Ok(status @ 200..=599) => Route::Status(status),
            _ => Route::Wrong("/status/N: N is 200 to 599"),
        };
    }
    if let Some(length) = path.strip_prefix("/bytes/") {
        return match number(length.as_bytes()).and_then(|length| usize::try_from(length).ok()) {
            Some(length) if length <= MAX_BODY_BYTES => Route::Bytes(length),
            _ => Route::Wrong("/bytes/N: N is 0 to 100000000"),
        };
    }
    if let Some(delay) = path.strip_prefix("/delay/") {
        return match duration(delay) {
            Some(delay) if delay <= MAX_DELAY => Route::Delay(delay),
            _ => Route::Wrong("/delay/T: T is a whole number of us, ms or s, up to 60s"),
        };
    }
    match path {
        "/echo" => Route::Echo,
        "/headers" => Route::Headers,
        "/login" => Route::Login,
        "/redirect" => redirect(target),
        "/stats" => Route::Stats,
        "/.loadforge/counts" => Route::Counts,
        _ if path.starts_with("/.loadforge/") => {
            Route::Wrong("/.loadforge/ holds counts and nothing else")
        }
        _ => Route::Default,
    }
}

/// `/redirect?to=/path`, the path percent-encoded or not.
fn redirect(target: &str) -> Route {
    const WRONG: Route = Route::Wrong("/redirect?to=/path: to is a path of visible characters");
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let to = query.split('&').find_map(|pair| pair.strip_prefix("to="));
    let Some(to) = to.and_then(decoded) else {
        return WRONG;
    };
    // Anything else would be more header lines, or another host.
    let is_path = to.starts_with('/') && to.bytes().all(|byte| byte.is_ascii_graphic());
    if is_path {
        Route::Redirect(to.into())
    } else {
        WRONG
    }
}

/// A text with its `%2F` and the like undone.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut pieces = text.split('%');
    bytes.extend_from_slice(pieces.next()?.as_bytes());
    for piece in pieces {
        let digits = piece.get(..2)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

/// `{"host":"a","accept":"b"}`: names in small letters, in the order of the request; one that comes twice stands there twice.
fn headers_as_json(headers: &[Header<'_>]) -> Vec<u8> {
    let mut json = vec![b'{'];
    for (index, header) in headers.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        push_json(&header.name.to_ascii_lowercase(), &mut json);
        json.push(b':');
        push_json(&String::from_utf8_lossy(header.value), &mut json);
    }
    json.extend_from_slice(b"}\n");
    json
}

/// A JSON string. The only control character in a header that was parsed is the tab (RFC 9110 §5.5).
fn push_json(text: &str, json: &mut Vec<u8>) {
    json.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => json.extend_from_slice(&[b'\\', byte]),
            b'\t' => json.extend_from_slice(b"\\t"),
            _ => json.push(byte),
        }
    }
    json.push(b'"');
}

/// Digits alone: `parse` would take a sign as well.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

/// A whole number with its unit, such as `5ms`.
fn duration(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let amount = number(digits.as_bytes())?;
    match unit {
        "us" => Some(Duration::from_micros(amount)),
        "ms" => Some(Duration::from_millis(amount)),
        "s" => Some(Duration::from_secs(amount)),
        _ => None,
    }
}

fn words_for(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "a header name has a byte that cannot stand there",
        httparse::Error::HeaderValue => "a header value has a byte that cannot stand there",
        httparse::Error::NewLine => "a line does not end in CR LF",
        httparse::Error::Version => "the version is neither HTTP/1.0 nor HTTP/1.1",
        _ => "the request line has a byte that cannot stand there",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_ask_for_what_they_say() {
        let cases = [
            ("/", Route::Default),
            ("/statistics", Route::Default),
            ("/status/404", Route::Status(404)),
            ("/status/404?x=1", Route::Status(404)),
            ("/status/199", Route::Wrong("/status/N: N is 200 to 599")),
            ("/bytes/0", Route::Bytes(0)),
            ("/bytes/100000000", Route::Bytes(100_000_000)),
            (
                "/bytes/100000001",
                Route::Wrong("/bytes/N: N is 0 to 100000000"),
            ),
            ("/bytes/+5", Route::Wrong("/bytes/N: N is 0 to 100000000")),
            ("/delay/250us", Route::Delay(Duration::from_micros(250))),
            ("/delay/5ms", Route::Delay(Duration::from_millis(5))),
            (
                "http://host:80/delay/1s",
                Route::Delay(Duration::from_secs(1)),
            ),
            ("http://host", Route::Default),
            ("*", Route::Default),
            ("/echo?a", Route::Echo),
            ("/headers", Route::Headers),
            ("/login", Route::Login),
            ("/redirect?to=/a?b=1", Route::Redirect("/a?b=1".into())),
            (
                "/redirect?a=1&to=%2Fa%3Fb&c=/d",
                Route::Redirect("/a?b".into()),
            ),
            ("/stats", Route::Stats),
            ("/.loadforge/counts", Route::Counts),
        ];
        for (target, expected) in cases {
            assert_eq!(route(target), expected, "{target}");
        }
        for wrong in [
            "/delay/5",
            "/delay/ms",
            "/delay/61s",
            "/delay/5 ms",
            "/delay/",
            "/redirect",
            "/redirect?to=",
            "/redirect?to=a",
            "/redirect?to=http://x/",
            "/redirect?to=/a%0d%0aSet-Cookie:%20a=b",
            "/redirect?to=/a%",
            "/redirect?to=/a%+1",
            "/redirect?to=/a%ff",
            "/redirect?to=/ä",
        ] {
            assert!(matches!(route(wrong), Route::Wrong(_)), "{wrong}");
        }
    }

    #[test]
    fn headers_become_json_whatever_is_in_them() {
        let head = b"GET /headers HTTP/1.1\r\nHost: x\r\nA: \"\\\tb\r\nA: \xff\r\n\r\n";
        let (_, request) = read_head(head).unwrap().unwrap();
        let json = String::from_utf8(request.taken.unwrap().into()).unwrap();
        let wanted = "{\"host\":\"x\",\"a\":\"\\\"\\\\\\tb\",\"a\":\"\u{fffd}\"}\n";
        assert_eq!(json, wanted);
    }

    #[test]
    fn a_connection_stays_as_version_and_header_say() {
        let cases = [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", Persistence::Implied),
            (
                "GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
                Persistence::Implied,
            ),
            (
                "GET / HTTP/1.1\r\nHost: x\r\nConnection: TE, Close\r\n\r\n",
                Persistence::Close,
            ),
            ("GET / HTTP/1.0\r\n\r\n", Persistence::Close),
            (
                "GET / HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n",
                Persistence::KeepAlive,
            ),
        ];
        for (head, expected) in cases {
            let (length, request) = read_head(head.as_bytes()).unwrap().unwrap();
            assert_eq!(
                (length, request.persistence),
                (head.len(), expected),
                "{head}"
            );
        }
    }
}
