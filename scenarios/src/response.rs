//! What came back. Neighbours: the engine fills one in place, `user.rs` lends it to the scenario, `encoding.rs` unpacks bodies.
//! Invariant: the body is empty unless the request asked to keep it; a head is kept when the request asked for it, and when
//! it says something that users act on (cookies, redirects, a packed body).

use crate::encoding::{self, EncodingError};
use serde::de::DeserializeOwned;
use std::{borrow::Cow, cell::OnceCell, time::Duration};

/// Room that an answer leaves for the body of the next one. One great body among many small ones must not stay with each user that ever
/// got it.
const SPARE_BODY_BYTES: usize = 256 * 1024;

/// An answer, in buffers that its user keeps from request to request.
#[derive(Clone, Debug, Default)]
pub struct Response {
    status: u16,
    head: Vec<u8>,
    body: Vec<u8>,
    body_len: u64,
    took_ns: u64,
    /// The body as it was before the server packed it, once somebody has looked.
    unpacked: OnceCell<Result<Vec<u8>, EncodingError>>,
}

impl Response {
    /// The status code, 100 to 999; 0 before the first answer.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body's length in bytes as it came over the wire, kept or not.
    pub fn body_len(&self) -> u64 {
        self.body_len
    }

    /// How long it took from sending the request to the last byte of the answer: the service time.
    pub fn took(&self) -> Duration {
        Duration::from_nanos(self.took_ns)
    }

    /// The body, unpacked when the server had packed it; empty unless the request asked to keep it.
    ///
    /// # Errors
    /// When it is packed in a way that cannot be undone.
    pub fn unpacked_body(&self) -> Result<&[u8], EncodingError> {
        let Some(encoding) = self.header("content-encoding") else {
            return Ok(&self.body);
        };
        let unpacked = self
            .unpacked
            .get_or_init(|| encoding::unpack(encoding, &self.body));
        unpacked.as_ref().map(Vec::as_slice).map_err(|error| *error)
    }

    /// The body, unpacked when the server had packed it and as it came when that cannot be undone; empty unless the request
    /// asked to keep it.
    pub fn body(&self) -> &[u8] {
        self.unpacked_body().unwrap_or(&self.body)
    }

    /// The body as text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.body())
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is no JSON, or JSON of another shape.
    pub fn json<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(self.body())
    }

    /// What a JSON pointer (RFC 6901), such as `/items/0/id`, finds in the body; `None` when the body is no JSON or the
    /// pointer leads nowhere.
    pub fn json_pointer(&self, pointer: &str) -> Option<serde_json::Value> {
        let mut body: serde_json::Value = self.json().ok()?;
        body.pointer_mut(pointer).map(serde_json::Value::take)
    }

    /// The first header of this name in any case, as text; `None` when it is missing, not UTF-8 or was not kept.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers_named(name).next()
    }

    /// Every header of this name in any case, in the order they came; those that are not UTF-8 are left out.
    pub fn headers_named(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers()
            .filter(move |(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The headers kept, in the order they came; those that are not UTF-8 are left out.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.head
            .split(|byte| *byte == b'\n')
            .skip(1)
            .filter_map(|line| {
                let line = std::str::from_utf8(line).ok()?;
                let (name, value) = line.split_once(':')?;
                Some((name, value.trim()))
            })
    }

    /// The head as it came, status line first; empty when it was not kept.
    pub fn raw_head(&self) -> &[u8] {
        &self.head
    }

    /// Whether anything of the head was kept.
    pub(crate) fn has_head(&self) -> bool {
        !self.head.is_empty()
    }

    /// Makes it ready for the next answer and keeps the memory. For clients.
    pub fn begin(&mut self, status: u16) {
        self.status = status;
        self.head.clear();
        self.body.clear();
        // Freed only if it is larger: most answers cost no allocation.
        self.body.shrink_to(SPARE_BODY_BYTES);
        self.body_len = 0;
        self.took_ns = 0;
        self.unpacked.take();
    }

    /// The raw head (status line and header lines) to be filled. For clients.
    pub fn head_mut(&mut self) -> &mut Vec<u8> {
        &mut self.head
    }

    /// The body to be filled. For clients.
    pub fn body_mut(&mut self) -> &mut Vec<u8> {
        &mut self.body
    }

    /// States the body's length in bytes. For clients.
    pub fn set_body_len(&mut self, body_len: u64) {
        self.body_len = body_len;
    }

    /// States how long it took, in ns. For clients.
    pub fn set_took_ns(&mut self, took_ns: u64) {
        self.took_ns = took_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn response(head: &str, body: &[u8]) -> Response {
        let mut response = Response::default();
        response.begin(200);
        response.head_mut().extend_from_slice(head.as_bytes());
        response.body_mut().extend_from_slice(body);
        response
    }

    #[test]
    fn one_great_body_does_not_stay_with_its_user() {
        let mut response = response("HTTP/1.1 200 OK\r\n\r\n", &vec![1; 20 * SPARE_BODY_BYTES]);
        response.begin(200);
        assert!(response.body.capacity() < 2 * SPARE_BODY_BYTES);
        // The usual sizes keep their room.
        response.body_mut().extend_from_slice(&[1; 5_000]);
        let kept = response.body.capacity();
        response.begin(200);
        assert_eq!(response.body.capacity(), kept);
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let mut response = response(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A:b\r\nx-a: c\r\n\r\n",
            b"",
        );
        assert_eq!(response.header("content-type"), Some("text/plain"));
        assert_eq!(
            response.headers_named("x-a").collect::<Vec<_>>(),
            ["b", "c"]
        );
        assert_eq!(response.header("HTTP/1.1 200 OK"), None);
        response.begin(204);
        assert_eq!(response.header("content-type"), None);
    }

    #[test]
    fn a_packed_body_is_read_as_what_was_packed() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(br#"{"a":[1,{"b":"x"}]}"#).unwrap();
        let packed = packer.finish().unwrap();
        let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n";
        let response = response(head, &packed);
        assert_eq!(response.text(), r#"{"a":[1,{"b":"x"}]}"#);
        assert_eq!(response.json_pointer("/a/1/b"), Some("x".into()));
        assert_eq!(response.json_pointer("/a/2"), None);
    }

    #[test]
    fn a_body_that_cannot_be_unpacked_says_so_and_is_shown_as_it_came() {
        let broken = response("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n", b"no");
        assert_eq!(broken.unpacked_body(), Err(EncodingError::Broken));
        assert_eq!(broken.body(), b"no");
        let unknown = response("HTTP/1.1 200 OK\r\ncontent-encoding: br\r\n\r\n", b"no");
        assert_eq!(unknown.unpacked_body(), Err(EncodingError::Unknown));
        let plain = response(
            "HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\n\r\n",
            b"yes",
        );
        assert_eq!(plain.unpacked_body(), Ok(&b"yes"[..]));
    }
}
