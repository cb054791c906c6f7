//! Answers, good and bad, cut at every place.

use super::*;

/// Reads `wire` in pieces of `step` bytes; returns the reader and how it ended.
fn read(method: Method, wire: &[u8], step: usize) -> (AnswerReader, Progress) {
    let mut reader = AnswerReader::default();
    reader.begin(
        method,
        Keep {
            head: true,
            body: true,
        },
    );
    for piece in wire.chunks(step) {
        match reader.feed(piece) {
            Progress::More => {}
            ended => return (reader, ended),
        }
    }
    (reader, Progress::More)
}

const WHOLE: Progress = Progress::Complete { reusable: true };

#[test]
fn good_answers_come_out_the_same_however_they_are_cut() {
    let cases: [(&str, u16, &str); 6] = [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            200,
            "hello",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, ""),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
            200,
            "ab",
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        (
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
            304,
            "",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 1\r\n\r\nx",
            201,
            "x",
        ),
    ];
    for (wire, status, body) in cases {
        for step in 1..=wire.len() {
            let (reader, ended) = read(Method::Get, wire.as_bytes(), step);
            assert_eq!(ended, WHOLE, "{wire:?} in pieces of {step}");
            assert_eq!(
                reader.response().status(),
                status,
                "{wire:?} in pieces of {step}"
            );
            assert_eq!(
                reader.response().body(),
                body.as_bytes(),
                "{wire:?} in pieces of {step}"
            );
            assert_eq!(reader.bytes_in(), wire.len() as u64);
        }
    }
}

#[test]
fn a_head_request_has_no_body_whatever_its_length_says() {
    let (reader, ended) = read(
        Method::Head,
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
        7,
    );
    assert_eq!(ended, WHOLE);
    assert_eq!(reader.response().body_len(), 0);
    assert_eq!(reader.response().header("content-length"), Some("99"));
}

#[test]
fn the_connection_is_reused_only_when_both_sides_agree() {
    let cases = [
        (
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n",
            false,
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        (
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
            true,
        ),
    ];
    for (wire, reusable) in cases {
        let (_, ended) = read(Method::Get, wire.as_bytes(), wire.len());
        assert_eq!(ended, Progress::Complete { reusable }, "{wire:?}");
    }
}

#[test]
fn a_body_without_a_length_ends_with_the_stream() {
    let (mut reader, ended) = read(Method::Get, b"HTTP/1.1 200 OK\r\n\r\nall of it", 5);
    assert_eq!(ended, Progress::More);
    assert_eq!(
        reader.end_of_stream(),
        Progress::Complete { reusable: false }
    );
    assert_eq!(reader.response().text(), "all of it");
}

#[test]
fn an_answer_cut_short_is_a_reset_that_says_where() {
    let cases: [(&[u8], &str); 4] = [
        (b"", "without an answer"),
        (b"HTTP/1.1 20", "middle of the head"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
            "middle of the body",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
            "middle of the body",
        ),
    ];
    for (wire, words) in cases {
        let (mut reader, ended) = read(Method::Get, wire, 3);
        assert_eq!(ended, Progress::More);
        match reader.end_of_stream() {
            Progress::Failed(failure) => {
                assert_eq!(failure.kind, ErrorKind::Reset);
                assert!(failure.detail.contains(words), "{failure}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn unclear_answers_are_refused_by_name() {
    let endless_head = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(HEAD_BYTES + 10));
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(40);
    let cases: [(&str, &str); 11] = [
        ("garbage\r\n\r\n", "not an HTTP answer"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "differ",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "not a number",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
            "not a number",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "not a number",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "both",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "other than chunked",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1",
            "after the end",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "switched protocols",
        ),
        (&interim, "interim"),
        (&endless_head, "endless head"),
    ];
    for (wire, words) in cases {
        match read(Method::Get, wire.as_bytes(), 4096).1 {
            Progress::Failed(failure) => {
                assert_eq!(failure.kind, ErrorKind::Protocol);
                assert!(failure.detail.contains(words), "{failure} for {words}");
            }
            other => panic!("{other:?} for {words}"),
        }
    }
}

#[test]
fn hundreds_of_headers_are_read() {
    let mut wire = String::from("HTTP/1.1 200 OK\r\n");
    for index in 0..500 {
        wire += &format!("X-{index}: {index}\r\n");
    }
    wire += "Content-Length: 2\r\n\r\nok";
    let (reader, ended) = read(Method::Get, wire.as_bytes(), 1000);
    assert_eq!(ended, WHOLE);
    assert_eq!(reader.response().header("x-499"), Some("499"));
}

#[test]
fn what_nobody_asked_for_is_counted_and_dropped() {
    let mut reader = AnswerReader::default();
    reader.begin(Method::Get, Keep::default());
    assert_eq!(
        reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        WHOLE
    );
    assert_eq!(reader.response().body_len(), 5);
    assert!(reader.response().body().is_empty());
    assert_eq!(reader.response().headers().count(), 0);
}

#[test]
fn bytes_that_nobody_asked_for_are_a_protocol_error() {
    let mut reader = AnswerReader::default();
    assert!(matches!(
        reader.feed(b"HTTP/1.1 200 OK\r\n\r\n"),
        Progress::Failed(_)
    ));
}

#[test]
fn a_head_that_users_act_on_is_kept_unasked_and_any_other_is_not() {
    // A tab is beyond the quick scan, so that both ways of parsing are taken.
    for beyond in ["", "X: a\tb\r\n"] {
        for (head, kept) in [
            ("200 OK\r\nServer: x", None),
            ("200 OK\r\nset-cookie: a=b", Some(("set-cookie", "a=b"))),
            ("302 Found\r\nLocation: /next", Some(("location", "/next"))),
            (
                "200 OK\r\nContent-Encoding: gzip",
                Some(("content-encoding", "gzip")),
            ),
        ] {
            let wire = format!("HTTP/1.1 {head}\r\n{beyond}Content-Length: 2\r\n\r\nhi");
            for step in 1..=wire.len() {
                let mut reader = AnswerReader::default();
                reader.begin(Method::Get, Keep::default());
                let ended = wire
                    .as_bytes()
                    .chunks(step)
                    .map(|piece| reader.feed(piece))
                    .last();
                assert_eq!(ended, Some(WHOLE), "{wire:?} in pieces of {step}");
                let response = reader.response();
                assert_eq!(
                    response.headers().next().is_some(),
                    kept.is_some(),
                    "{wire:?}"
                );
                if let Some((name, value)) = kept {
                    assert_eq!(response.header(name), Some(value), "{wire:?}");
                }
            }
        }
    }
}
