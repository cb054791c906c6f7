//! Requests as bytes. Neighbours: `worker/seat.rs` sends what is rendered here.
//! Invariant: `HeaderList` has checked names and values; the path holds no blank or control byte, or is refused.

use loadforge_scenarios::{ErrorKind, Failure, Method, Request};
use std::io::Write;

/// Whether a request of this method states its length even when it has no body (RFC 9110 §8.6).
fn serves_body(method: Method) -> bool {
    matches!(method, Method::Post | Method::Put | Method::Patch)
}

/// Appends the head of `request` to `out`: request line, Host, the request's own headers, length.
///
/// # Errors
/// When the path could end the request line early; that would be another request than the scenario meant.
pub fn render_head(request: &Request, authority: &str, out: &mut Vec<u8>) -> Result<(), Failure> {
    let path = request.path.as_str();
    if path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err(Failure::new(
            ErrorKind::Check,
            "the path holds a blank or a control character: percent-encode it",
        ));
    }
    out.extend_from_slice(request.method.as_str().as_bytes());
    out.push(b' ');
    if !path.starts_with('/') && path != "*" {
        out.push(b'/');
    }
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if !request.headers.contains("host") {
        header(out, "Host", authority);
    }
    for (name, value) in request.headers.iter() {
        header(out, name, value);
    }
    let length = request.body.as_bytes().len();
    if (length > 0 || serves_body(request.method)) && !request.headers.contains("content-length") {
        // Writing to memory cannot fail.
        let _ = write!(out, "Content-Length: {length}\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

fn header(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadforge_scenarios::Body;

    fn rendered(request: &Request) -> String {
        let mut out = Vec::new();
        render_head(request, "a.test:8080", &mut out).expect("the path is fine");
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn a_get_has_no_length() {
        let mut request = Request::new();
        request.path = "/a?b=c".into();
        request.headers.push("Accept", "*/*").expect("valid");
        assert_eq!(
            rendered(&request),
            "GET /a?b=c HTTP/1.1\r\nHost: a.test:8080\r\nAccept: */*\r\n\r\n"
        );
    }

    #[test]
    fn a_post_states_its_length_even_without_a_body() {
        let mut request = Request::new();
        request.method = Method::Post;
        request.path = "/".into();
        assert!(rendered(&request).contains("\r\nContent-Length: 0\r\n"));
        request.body = Body::Owned(b"12345".to_vec());
        assert!(rendered(&request).ends_with("Content-Length: 5\r\n\r\n"));
    }

    #[test]
    fn headers_of_the_request_win_over_ours() {
        let mut request = Request::new();
        request.path = "/".into();
        request.headers.push("host", "other.test").expect("valid");
        let text = rendered(&request);
        assert!(text.contains("host: other.test\r\n") && !text.contains("a.test:8080"));
    }

    #[test]
    fn a_path_cannot_end_the_request_line() {
        let mut request = Request::new();
        request.path = "/a HTTP/1.1\r\nX: y".into();
        let failure = render_head(&request, "a.test", &mut Vec::new()).expect_err("refused");
        assert_eq!(failure.kind, ErrorKind::Check);
    }
}
