//! What a user asks for, as the scenario means it; how it looks on the wire is the engine's affair.
//! Neighbours: `user.rs` fills one, `client.rs` hands it over. Invariant: a `HeaderList` holds no byte that
//! could end a header line early.

use crate::Method;
use bytes::Bytes;

/// Which of the scenario's origins (scheme, host and port) a request goes to: an index into `Scenario::origins`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OriginId(pub u16);

/// Under which name a request is counted: an index into `Scenario::endpoints`, or past its end a name chosen at run time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NameId(pub u32);

/// Marks requests whose bytes are the same every time, so that the engine renders them once.
/// Unique within a scenario, counted from 0 without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FixedId(pub u32);

/// What a request carries after its head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    #[default]
    Empty,
    /// Bytes of this request alone, in the user's own buffer.
    Owned(Vec<u8>),
    /// Bytes shared by all users: on the heap or in a mapped file.
    Shared(Bytes),
}

impl Body {
    /// The bytes, without copying.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Body::Empty => &[],
            Body::Owned(bytes) => bytes,
            Body::Shared(bytes) => bytes,
        }
    }
}

/// A header name or value that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A name is empty or holds a character that RFC 9110 §5.1 does not allow.
    #[error("{0:?} is not a header name: use letters, digits and -")]
    Name(String),
    /// A value holds a line break or another control character.
    #[error("the value of header {0:?} holds a line break or another control character: remove it")]
    Value(String),
}

/// The headers of a request in one buffer that is reused from request to request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderList {
    text: String,
    /// End of the name and end of the value of each header in `text`.
    ends: Vec<(u32, u32)>,
}

impl HeaderList {
    /// Adds a header behind those already there.
    ///
    /// # Errors
    /// When the name is not a token, or the value holds a control character other than a tab.
    pub fn push(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            return Err(HeaderError::Name(name.to_owned()));
        }
        if value
            .bytes()
            .any(|byte| (byte < 0x20 && byte != b'\t') || byte == 0x7f)
        {
            return Err(HeaderError::Value(name.to_owned()));
        }
        self.text.push_str(name);
        let name_end = self.text.len() as u32;
        self.text.push_str(value);
        self.ends.push((name_end, self.text.len() as u32));
        Ok(())
    }

    /// The headers in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.ends.iter().map(move |&(name_end, value_end)| {
            let name = &self.text[start..name_end as usize];
            let value = &self.text[name_end as usize..value_end as usize];
            start = value_end as usize;
            (name, value)
        })
    }

    /// Whether a header of this name (in any case) is there.
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|(have, _)| have.eq_ignore_ascii_case(name))
    }

    /// Takes every header of this name, in any case, away.
    pub fn remove(&mut self, name: &str) {
        if !self.contains(name) {
            return;
        }
        let mut kept = HeaderList::default();
        for (have, value) in self
            .iter()
            .filter(|(have, _)| !have.eq_ignore_ascii_case(name))
        {
            kept.push(have, value)
                .expect("a header that is here was checked when it came");
        }
        *self = kept;
    }

    /// Forgets the headers and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
}

/// One request as the scenario means it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub origin: OriginId,
    /// Under which name it is counted.
    pub name: NameId,
    /// Path and query as they stand on the request line, `/` first, percent-encoded, no control characters or blanks.
    pub path: String,
    /// Headers beyond `Host`, `Content-Length` and `Connection`, which the engine writes itself unless they are here.
    pub headers: HeaderList,
    /// What follows the head.
    pub body: Body,
    /// Time limit of the whole request in ns; `None` takes the run's.
    pub time_limit_ns: Option<u64>,
    /// Whether somebody will look at the answer's headers; else they are kept only when they set cookies, say where a
    /// redirect leads or how the body is packed.
    pub keep_head: bool,
    /// Whether somebody will look at the answer's body; else it is counted and dropped.
    pub keep_body: bool,
    /// Set when the bytes never change.
    pub fixed: Option<FixedId>,
}

impl Request {
    /// A GET of `/` with no headers, to be filled.
    pub fn new() -> Request {
        Request {
            path: String::from("/"),
            ..Request::empty()
        }
    }

    /// One that has allocated nothing and cannot be sent: what stands in for another that is being filled.
    pub(crate) fn empty() -> Request {
        Request {
            method: Method::Get,
            origin: OriginId(0),
            name: NameId(0),
            path: String::new(),
            headers: HeaderList::default(),
            body: Body::Empty,
            time_limit_ns: None,
            keep_head: false,
            keep_body: false,
            fixed: None,
        }
    }

    /// Becomes the same as another, in its own memory.
    pub fn copy_from(&mut self, other: &Request) {
        self.copy_from_but_body(other);
        match (&mut self.body, &other.body) {
            (Body::Owned(own), Body::Owned(bytes)) => own.clone_from(bytes),
            (own, body) => *own = body.clone(),
        }
    }

    /// Becomes the same as another, but for its body.
    pub(crate) fn copy_from_but_body(&mut self, other: &Request) {
        self.method = other.method;
        self.origin = other.origin;
        self.name = other.name;
        self.path.clone_from(&other.path);
        self.headers.text.clone_from(&other.headers.text);
        self.headers.ends.clone_from(&other.headers.ends);
        self.time_limit_ns = other.time_limit_ns;
        self.keep_head = other.keep_head;
        self.keep_body = other.keep_body;
        self.fixed = other.fixed;
    }
}

impl Default for Request {
    fn default() -> Self {
        Request::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_in_order() {
        let mut headers = HeaderList::default();
        headers.push("accept", "*/*").unwrap();
        headers.push("x-empty", "").unwrap();
        headers.push("x-last", "a b").unwrap();
        let all: Vec<_> = headers.iter().collect();
        assert_eq!(all, [("accept", "*/*"), ("x-empty", ""), ("x-last", "a b")]);
        assert!(headers.contains("Accept"));
        headers.clear();
        assert_eq!(headers.iter().count(), 0);
        headers.push("a", "1").unwrap();
        headers.push("B", "2").unwrap();
        headers.push("c", "3").unwrap();
        headers.remove("b");
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("a", "1"), ("c", "3")]);
    }

    #[test]
    fn a_header_cannot_smuggle_a_second_one() {
        let mut headers = HeaderList::default();
        assert!(matches!(
            headers.push("a", "b\r\nc: d"),
            Err(HeaderError::Value(_))
        ));
        assert!(matches!(
            headers.push("a b", "c"),
            Err(HeaderError::Name(_))
        ));
        assert!(matches!(headers.push("", "c"), Err(HeaderError::Name(_))));
        assert_eq!(headers, HeaderList::default());
    }
}
