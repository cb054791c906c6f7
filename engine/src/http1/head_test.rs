//! The quick scan against httparse: what it answers is what httparse answers, for heads good, bad and mangled.

use super::super::reader::{AnswerReader, Keep, Progress};
use super::*;
use loadforge_scenarios::Method;
use proptest::prelude::*;

/// What heads are made of: all that framing looks at, and all that parsers differ about.
const PIECES: [&[u8]; 46] = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 204 No Content\r\n",
    b"HTTP/1.0 404 Not Found\r\n",
    b"HTTP/1.1 200\r\n",
    b"HTTP/1.1 200 \r\n",
    b"HTTP/1.1 2x0 OK\r\n",
    b"HTTP/2.0 200 OK\r\n",
    b"HTTP/1.1  200 OK\r\n",
    b"Content-Length: 5\r\n",
    b"content-length:\t 5 \r\n",
    b"Content-Length: +5\r\n",
    b"Content-Length: 5 5\r\n",
    b"Content-Length: \r\n",
    b"Content-Length : 5\r\n",
    b"Content-Length: 9223372036854775807\r\n",
    b"Content-Length: 9223372036854775808\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"transfer-encoding: gzip, chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive, x\r\n",
    b"Set-Cookie: a=b; Path=/\r\n",
    b"SET-COOKIE: a=b\r\n",
    b"Set_Cookie: a=b\r\n",
    b"content-encoding: gzip\r\n",
    b"Content-Encoding : gzip\r\n",
    b"content-language: en\r\n",
    b"X: \xff\xc3\xa4\r\n",
    b"X: a\tb \r\n",
    b"X: a\x00b\r\n",
    b"X: a\x7fb\r\n",
    b"X: a\rb\r\n",
    b"X: a\n",
    b"X:\r\n",
    b"X: a\r\n folded\r\n",
    b": no name\r\n",
    b"no colon\r\n",
    b"!#$%&'*+.^`|~: token\r\n",
    b"Server: nginx/1.24.0 (Ubuntu)\r\n",
    b"\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"5",
    b"hello",
];

/// Where both answer they must agree, and what is plain must not be left to httparse.
fn assert_same(wire: &[u8], head_request: bool) {
    if let Some(head) = scan_plain(wire, head_request) {
        let by_httparse = parse_any(wire, head_request);
        assert_eq!(by_httparse, Ok(Some(head)), "{:?}", wire.escape_ascii());
    }
}

/// Whatever comes, in whatever pieces: no panic, and never more progress after an end.
fn read_on(wire: &[u8], step: usize) {
    let keep = Keep {
        head: true,
        body: true,
    };
    let mut reader = AnswerReader::default();
    reader.begin(Method::Get, keep);
    for piece in wire.chunks(step) {
        if reader.feed(piece) != Progress::More {
            return;
        }
    }
    assert_ne!(reader.end_of_stream(), Progress::More);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn heads_put_together_at_random_mean_the_same_to_the_scan_and_to_httparse(
        first in 0..8_usize,
        others in prop::collection::vec(8..PIECES.len(), 0..12),
        mangled in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        head_request: bool,
        step in 1..64_usize,
    ) {
        let mut wire = PIECES[first].to_vec();
        for piece in others {
            wire.extend_from_slice(PIECES[piece]);
        }
        wire.extend_from_slice(b"\r\n\r\nbody");
        if let Some((place, byte)) = mangled {
            let place = place.index(wire.len());
            wire[place] = byte;
        }
        assert_same(&wire, head_request);
        read_on(&wire, step);
    }

    #[test]
    fn bytes_at_random_never_panic(
        wire in prop::collection::vec(any::<u8>(), 0..400),
        behind_a_head: bool,
        step in 1..64_usize,
    ) {
        let mut whole = Vec::new();
        if behind_a_head {
            whole.extend_from_slice(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        }
        whole.extend_from_slice(&wire);
        assert_same(&whole, false);
        read_on(&whole, step);
    }
}

#[test]
fn every_byte_at_every_place_of_a_plain_head_means_the_same_to_both() {
    let plain = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 12\r\nConnection: close\r\n\r\nhello world!";
    assert!(scan_plain(plain, false).is_some(), "it is plain");
    for place in 0..plain.len() {
        for byte in 0..=u8::MAX {
            let mut wire = plain.to_vec();
            wire[place] = byte;
            assert_same(&wire, false);
        }
    }
}

#[test]
fn what_servers_send_is_plain() {
    let answers: [&[u8]; 2] = [
        include_bytes!("../../../benches/answers/nginx.http"),
        include_bytes!("../../../benches/answers/chunked.http"),
    ];
    for answer in answers {
        let head = scan_plain(answer, false).expect("a plain head");
        assert_eq!(parse_any(answer, false), Ok(Some(head)));
        for end in 0..head.bytes {
            assert_eq!(scan_plain(&answer[..end], false), None, "cut at {end}");
        }
    }
}

#[test]
fn as_many_headers_as_httparse_takes_at_once_are_scanned_and_more_are_left_to_it() {
    for (headers, plain) in [(48, true), (49, false)] {
        let wire = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(headers));
        assert_eq!(scan_plain(wire.as_bytes(), false).is_some(), plain);
        let parsed = parse_head(wire.as_bytes(), false).expect("a head");
        assert_eq!(parsed.map(|head| head.bytes), Some(wire.len()));
    }
}

#[test]
fn heads_that_users_act_on_are_told_apart_by_both() {
    let table = [
        ("200", "Server: x", false),
        ("200", "Set-Cookie: a=b", true),
        ("200", "sEt-cOOkie:", true),
        ("200", "Set-Cookie2: a=b", false),
        ("200", "Get-Cookie: a=b", false),
        ("404", "Content-Encoding: gzip", true),
        ("200", "Content-Language: en", false),
        ("299", "Connection: keep-alive", false),
        ("300", "Location: /", true),
        ("399", "Server: x", true),
        ("400", "Location: /", false),
    ];
    for (status, header, acted_on) in table {
        let wire = format!("HTTP/1.1 {status} .\r\nContent-Length: 0\r\n{header}\r\n\r\n");
        let plain = scan_plain(wire.as_bytes(), false).expect("a plain head");
        let by_httparse = parse_any(wire.as_bytes(), false).expect("a head");
        assert_eq!(plain.acted_on, acted_on, "{wire}");
        assert_eq!(by_httparse, Some(plain), "{wire}");
    }
}
