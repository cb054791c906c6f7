//! What came back. Neighbours: the engine fills one in place, `user.rs` lends it to the scenario.
//! Invariant: `head` and `body` are empty unless the request asked to keep them.

/// An answer, in buffers that its user keeps from request to request.
#[derive(Clone, Debug, Default)]
pub struct Response {
    status: u16,
    head: Vec<u8>,
    body: Vec<u8>,
    body_len: u64,
}

impl Response {
    /// The status code, 100 to 999; 0 before the first answer.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body's length in bytes, kept or not.
    pub fn body_len(&self) -> u64 {
        self.body_len
    }

    /// The body; empty unless the request asked to keep it.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The first header of this name in any case, as text; `None` when it is missing, not UTF-8 or was not kept.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
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

    /// Makes it ready for the next answer and keeps the memory. For clients.
    pub fn begin(&mut self, status: u16) {
        self.status = status;
        self.head.clear();
        self.body.clear();
        self.body_len = 0;
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_in_any_case() {
        let mut response = Response::default();
        response.begin(200);
        response
            .head_mut()
            .extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A:b\r\n\r\n");
        assert_eq!(response.header("content-type"), Some("text/plain"));
        assert_eq!(response.header("x-a"), Some("b"));
        assert_eq!(response.header("HTTP/1.1 200 OK"), None);
        response.begin(204);
        assert_eq!(response.header("content-type"), None);
    }
}
