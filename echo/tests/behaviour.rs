//! What the target answers to what, over real sockets: one table of exchanges, then the cases that need more than bytes.

use loadforge_echo::{DelayLaw, EchoConfig, EchoHandle, EchoServer, MAX_HEAD_BYTES};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

/// A bound on every read, so that a fault ends the test instead of hanging it.
const PATIENCE: Duration = Duration::from_secs(20);

fn start(config: &EchoConfig) -> EchoHandle {
    EchoServer::bind(config).unwrap().spawn().unwrap()
}

fn connect(echo: &EchoHandle) -> TcpStream {
    let stream = TcpStream::connect(echo.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends everything, closes its half, and gives all that comes back up to the target's own end.
fn exchange(echo: &EchoHandle, bytes: &[u8]) -> String {
    let mut stream = connect(echo);
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

fn read_exactly(stream: &mut TcpStream, expected: &str) {
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), expected);
}

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const HELLO: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nhello, world!";
const LAST_HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\
                          Connection: close\r\n\r\nhello, world!";

#[test]
fn every_request_gets_the_answer_of_the_table() {
    let echo = start(&EchoConfig::default());
    let stayed = LAST_HELLO.replace("close", "keep-alive");
    let headed = HELLO.trim_end_matches("hello, world!");
    let not_found = HELLO.replace("200 OK", "404 Not Found");
    let long_head = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n",
        "a".repeat(60_000)
    );
    let table: &[(&str, &str)] = &[
        (GET, HELLO),
        ("\r\nGET /any?query HTTP/1.1\r\nhost: x\r\n\r\n", HELLO),
        ("DELETE /a HTTP/1.1\r\nHost: x\r\n\r\n", HELLO),
        ("MADEUP /a HTTP/1.1\r\nHost: x\r\n\r\n", HELLO),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", HELLO),
        (
            "GET http://x/status/404 HTTP/1.1\r\nHost: x\r\n\r\n",
            &not_found,
        ),
        ("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", headed),
        ("GET / HTTP/1.0\r\n\r\n", LAST_HELLO),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &stayed),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            LAST_HELLO,
        ),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
            HELLO,
        ),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            HELLO,
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\nabc",
        ),
        (
            "PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
             3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 5\r\n\r\nabcde",
        ),
        (
            "GET /status/204 HTTP/1.1\r\nHost: x\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
        ),
        (
            "GET /status/304 HTTP/1.1\r\nHost: x\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\n\r\n",
        ),
        (
            "GET /bytes/15 HTTP/1.1\r\nHost: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 15\r\n\r\nhello, world!he",
        ),
        (
            "POST /login HTTP/1.1\r\nHost: x\r\n\r\nGET /headers HTTP/1.1\r\nHost: x\r\nCookie: sid=1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 35\r\n\
             Set-Cookie: sid=echo-1; Path=/; HttpOnly\r\n\r\n{\"token\":\"echo-1\",\"user\":{\"id\":1}}\n\
             HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n\
             {\"host\":\"x\",\"cookie\":\"sid=1\"}\n",
        ),
        (
            "HEAD /login HTTP/1.1\r\nHost: x\r\n\r\nGET /redirect?to=/a%3Fb HTTP/1.1\r\nHost: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 35\r\n\
             Set-Cookie: sid=echo-2; Path=/; HttpOnly\r\n\r\n\
             HTTP/1.1 302 Found\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nLocation: /a?b\r\n\r\n",
        ),
        (&long_head, HELLO),
        // A partial request at the end of the stream gets nothing.
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT", HELLO),
    ];
    for (request, expected) in table {
        assert_eq!(
            exchange(&echo, request.as_bytes()),
            *expected,
            "{request:.200}"
        );
    }
    // Two of the exchanges are of two requests.
    assert_eq!(echo.requests(), table.len() as u64 + 2);
    assert_eq!(echo.stop().unwrap().connections, table.len() as u64);
}

#[test]
fn what_is_malformed_is_refused_and_the_connection_closed() {
    let echo = start(&EchoConfig::default());
    let large_head = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nA: {}",
        "a".repeat(3 * MAX_HEAD_BYTES)
    );
    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "A: a\r\n".repeat(1000));
    let table: &[(&str, &str)] = &[
        ("nonsense\r\n\r\n", "400"),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nBad Name: x\r\n\r\n", "400"),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            "400",
        ),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "400",
        ),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
            "400",
        ),
        (
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "400",
        ),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "400",
        ),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8388609\r\n\r\n",
            "413",
        ),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n",
            "417",
        ),
        ("CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        (&large_head, "431"),
        (&many_headers, "431"),
    ];
    for (request, status) in table {
        let answer = exchange(&echo, format!("{request}{GET}").as_bytes());
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request:.200}\n{answer}"
        );
        assert_eq!(
            answer.matches("Connection: close").count(),
            1,
            "{request:.200}\n{answer}"
        );
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    }
    let counts = echo.stop().unwrap();
    assert_eq!((counts.requests, counts.refused), (0, table.len() as u64));
}

#[test]
fn a_request_split_at_any_byte_is_answered_all_the_same() {
    let echo = start(&EchoConfig::default());
    let mut stream = connect(&echo);
    let request = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
                   4\r\nabcd\r\n0\r\n\r\n";
    let expected = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\
                    Content-Length: 4\r\n\r\nabcd";
    for split in 1..request.len() {
        let (first, second) = request.split_at(split);
        stream.write_all(first.as_bytes()).unwrap();
        // Without a pause both pieces could arrive as one; the answer must be the same either way.
        std::thread::sleep(Duration::from_micros(300));
        stream.write_all(second.as_bytes()).unwrap();
        read_exactly(&mut stream, expected);
    }
    assert_eq!(echo.requests(), request.len() as u64 - 1);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let echo = start(&EchoConfig::default());
    let mut stream = connect(&echo);
    let count = 5_000;
    let writer = {
        let mut stream = stream.try_clone().unwrap();
        std::thread::spawn(move || {
            let requests: String = (0..count)
                .map(|n| format!("GET /bytes/{} HTTP/1.1\r\nHost: x\r\n\r\n", n % 100))
                .collect();
            stream.write_all(requests.as_bytes()).unwrap();
        })
    };
    let pattern = "hello, world!".repeat(8);
    for n in 0..count {
        let length = n % 100;
        let body = &pattern[..length];
        read_exactly(
            &mut stream,
            &format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
            ),
        );
    }
    writer.join().unwrap();
    assert_eq!(echo.requests(), count as u64);
}

#[test]
fn a_body_waits_for_leave_when_the_client_asks_for_it() {
    let echo = start(&EchoConfig::default());
    let mut stream = connect(&echo);
    let head =
        "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    read_exactly(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(echo.requests(), 0);
    stream.write_all(b"ok").unwrap();
    read_exactly(
        &mut stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 2\r\n\r\nok",
    );
    assert_eq!(echo.requests(), 1);
}

#[test]
fn the_configured_answer_has_its_status_and_length() {
    let echo = start(&EchoConfig {
        status: 503,
        body_bytes: 100_000,
        ..EchoConfig::default()
    });
    let answer = exchange(&echo, GET.as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{head}"
    );
    assert_eq!(body, &"hello, world!".repeat(7_693)[..100_000]);
}

#[test]
fn a_long_body_arrives_whole_at_a_slow_reader_and_holds_up_nobody() {
    let echo = start(&EchoConfig::default());
    let mut slow = connect(&echo);
    let asked = 10_000_000;
    let requests = format!("GET /bytes/{asked} HTTP/1.1\r\nHost: x\r\n\r\n{GET}");
    slow.write_all(requests.as_bytes()).unwrap();
    // The one thread has filled the slow reader's socket by the time it has answered somebody else.
    assert_eq!(exchange(&echo, GET.as_bytes()), HELLO);
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {asked}\r\n\r\n");
    read_exactly(&mut slow, &head);
    let (mut body, mut piece) = (Vec::new(), vec![0; 300_000]);
    while body.len() < asked {
        let wanted = piece.len().min(asked - body.len());
        let length = slow.read(&mut piece[..wanted]).unwrap();
        assert!(length > 0, "the body ended after {} bytes", body.len());
        body.extend_from_slice(&piece[..length]);
        std::thread::sleep(Duration::from_millis(1));
    }
    let wrong = body
        .iter()
        .enumerate()
        .find(|(at, byte)| **byte != b"hello, world!"[at % 13]);
    assert_eq!(wrong, None);
    read_exactly(&mut slow, HELLO);
}

#[test]
fn answers_are_held_back_for_the_delay_of_the_path_or_of_all() {
    let delay = Duration::from_millis(30);
    let echo = start(&EchoConfig {
        delay: DelayLaw::Fixed(delay),
        ..EchoConfig::default()
    });
    let mut stream = connect(&echo);
    for (path, least) in [("/", 30), ("/delay/60ms", 60), ("/delay/1ms", 30)] {
        let started = Instant::now();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
            .unwrap();
        read_exactly(&mut stream, HELLO);
        assert!(started.elapsed() >= Duration::from_millis(least), "{path}");
    }
}

#[test]
fn a_delay_holds_up_no_other_connection_nor_the_end() {
    let echo = start(&EchoConfig::default());
    let mut long = connect(&echo);
    // Longer than the patience of the read below: one that waited for the other would fail it.
    long.write_all(b"GET /delay/60s HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    while echo.requests() == 0 {
        std::thread::yield_now();
    }
    // Input that comes during a delay is read behind it.
    long.write_all(GET.as_bytes()).unwrap();
    let mut short = connect(&echo);
    let request = format!("GET /delay/1ms HTTP/1.1\r\nHost: x\r\n\r\n{GET}");
    short.write_all(request.as_bytes()).unwrap();
    read_exactly(&mut short, HELLO);
    read_exactly(&mut short, HELLO);
    assert_eq!(echo.stop().unwrap().requests, 3);
    assert_eq!(long.read(&mut [0; 99]).unwrap_or(0), 0);
}

#[test]
fn a_client_that_leaves_during_its_delay_disturbs_nobody() {
    let echo = start(&EchoConfig::default());
    for _ in 0..50 {
        let mut stream = connect(&echo);
        stream
            .write_all(b"GET /delay/20ms HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
    }
    // These take the slots that the others leave, before and after their deadlines.
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(60) {
        assert_eq!(exchange(&echo, GET.as_bytes()), HELLO);
    }
}

#[test]
fn a_refused_client_reads_its_answer_though_it_goes_on_sending() {
    let echo = start(&EchoConfig::default());
    let mut stream = connect(&echo);
    stream
        .write_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
        .unwrap();
    for _ in 0..20 {
        stream.write_all(&[b'x'; 10_000]).unwrap();
    }
    let mut answer = String::new();
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 413 Content Too Large\r\n"),
        "{answer}"
    );
}
