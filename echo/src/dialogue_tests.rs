//! Property: how a stream of pipelined requests is cut into pieces never shows in the answers.

use super::*;
use crate::config::EchoConfig;
use proptest::prelude::*;

fn service(delay: Duration) -> Service {
    Service {
        answers: Arc::new(Answers::new(&EchoConfig::default())),
        tally: Arc::new(Tally::new(1)),
        thread: 0,
        manner: Manner::Plain(delay),
        arrivals: None,
        now_ns: 0,
    }
}

/// Plays a connection: feeds the pieces, expands fills, ends waits at once. Gives the answers and whether it was closed.
fn play<'a>(pieces: impl Iterator<Item = &'a [u8]>, service: &Service) -> (Vec<u8>, bool) {
    let (mut dialogue, mut pending, mut answers) = (Dialogue::new(), Vec::new(), Vec::new());
    for piece in pieces {
        pending.extend_from_slice(piece);
        loop {
            let mut out = Vec::new();
            let (used, step) = dialogue.feed(&pending, &mut out, usize::MAX, service);
            pending.drain(..used);
            answers.extend_from_slice(&out);
            if let Step::Fill(fill) | Step::Close(fill) = step {
                let filler = &service.answers.filler;
                answers.extend((fill.from..fill.to).map(|at| filler[at % filler.len()]));
            }
            match step {
                Step::Read => break,
                Step::Wait(_) => dialogue.release(),
                Step::Send | Step::Fill(_) => {}
                Step::Close(_) | Step::Refuse => return (answers, true),
            }
        }
    }
    (answers, false)
}

/// One valid request and how its answer begins.
fn request() -> impl Strategy<Value = (Vec<u8>, &'static str)> {
    let body = proptest::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        Just((
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            "HTTP/1.1 200 OK"
        )),
        Just((
            b"HEAD /bytes/70 HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            "HTTP/1.1 200 OK"
        )),
        Just((
            b"GET /status/404 HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
            "HTTP/1.1 404 "
        )),
        Just((
            b"GET /bytes/20000 HTTP/1.1\r\nhost:\r\n\r\n".to_vec(),
            "HTTP/1.1 200 OK"
        )),
        Just((
            b"GET /delay/1ms HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            "HTTP/1.1 200 OK"
        )),
        (body.clone(), prop_oneof![Just("/echo"), Just("/other")]).prop_map(|(body, path)| {
            let length = body.len();
            let head =
                format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
            ([head.as_bytes(), &body].concat(), "HTTP/1.1 200 OK")
        }),
        (body, 1usize..50, prop_oneof![Just("/echo"), Just("/other")]).prop_map(
            |(body, chunk, path)| {
                let head =
                    format!("PUT {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
                let mut bytes = head.into_bytes();
                for data in body.chunks(chunk) {
                    bytes.extend_from_slice(format!("{:x};e=1\r\n", data.len()).as_bytes());
                    bytes.extend_from_slice(data);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\nTrailer: 1\r\n\r\n");
                (bytes, "HTTP/1.1 200 OK")
            }
        ),
    ]
}

proptest! {
    #[test]
    fn pieces_of_any_length_get_the_answers_of_the_whole(
        requests in proptest::collection::vec(request(), 1..12),
        cuts in proptest::collection::vec(1usize..300, 1..40),
        delay_ms in 0u64..2,
    ) {
        // What each gets on a connection of its own, one after another.
        let delay = Duration::from_millis(delay_ms);
        let mut expected = Vec::new();
        for (bytes, status_line) in &requests {
            let (answer, closed) = play(std::iter::once(bytes.as_slice()), &service(delay));
            prop_assert!(answer.starts_with(status_line.as_bytes()) && !closed);
            expected.extend_from_slice(&answer);
        }
        let stream: Vec<u8> = requests.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
        let mut pieces = Vec::new();
        let mut rest = stream.as_slice();
        for cut in cuts.iter().cycle() {
            let (piece, behind) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        let service = service(delay);
        let (answers, closed) = play(pieces.into_iter(), &service);
        prop_assert!(!closed);
        prop_assert_eq!(answers, expected);
        prop_assert_eq!(service.tally.total().requests, requests.len() as u64);
    }

    #[test]
    fn garbage_never_panics_and_is_refused_at_most_once(
        garbage in proptest::collection::vec(any::<u8>(), 0..2000),
        start in prop_oneof![Just(""), Just("GET "), Just("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")],
    ) {
        let service = service(Duration::ZERO);
        let input = [start.as_bytes(), &garbage].concat();
        let (_, closed) = play(std::iter::once(input.as_slice()), &service);
        prop_assert!(service.tally.total().refused <= u64::from(closed));
    }
}
