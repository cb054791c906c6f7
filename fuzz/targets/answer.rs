//! Answers of servers: the same bytes in one piece and byte by byte come to the same end.

#![no_main]

use loadforge_engine::parts::{AnswerReader, Keep, Progress};
use loadforge_scenarios::Method;

fn read(pieces: impl Iterator<Item = Vec<u8>>) -> (Progress, u16, Vec<u8>) {
    let mut reader = AnswerReader::default();
    let keep = Keep {
        head: true,
        body: true,
    };
    reader.begin(Method::Get, keep);
    let mut end = Progress::More;
    for piece in pieces {
        end = reader.feed(&piece);
        if end != Progress::More {
            break;
        }
    }
    let mut response = loadforge_scenarios::Response::default();
    let status = reader.response().status();
    reader.swap_response(&mut response);
    (end, status, response.body().to_vec())
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let whole = read(std::iter::once(bytes.to_vec()));
    let single = read(bytes.iter().map(|byte| vec![*byte]));
    // Bytes behind an answer are seen in one piece alone.
    if let Progress::Complete { .. } = whole.0 {
        assert_eq!(whole, single);
    }
});
