//! Where a body ends: by length, by chunks, or by the end of the stream. Neighbours: `reader.rs` decides which.
//! Invariant: every byte is consumed once; bounds keep an endless chunk head or trailer from being followed.

/// The most bytes one chunk-size line may have, extensions included.
const CHUNK_LINE_BYTES: u32 = 4096;
/// The most bytes all trailers together may have.
const TRAILER_BYTES: u32 = 65_536;

/// How the rest of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyState {
    /// So many bytes are still to come.
    Length(u64),
    /// Chunked (RFC 9112 §7.1), at this place.
    Chunked(ChunkState),
    /// Everything until the peer closes.
    UntilClose,
}

/// Where a chunked body stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkState {
    /// In the size line: size so far, digits seen, bytes of the line seen.
    Size { size: u64, digits: u8, line: u32 },
    /// In an extension or behind the size, up to the line's end.
    Extension { size: u64, line: u32 },
    /// In the data.
    Data { left: u64 },
    /// Behind the data: a CR, then a LF.
    DataEnd { cr_seen: bool },
    /// In the trailers: whether the current line is empty so far, and bytes seen.
    Trailer { line_empty: bool, seen: u32 },
}

/// What a body reader says after some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyProgress {
    /// All bytes were taken, more must come.
    More,
    /// The body ended; so many bytes of the input belonged to it.
    Complete(usize),
    /// It is not a valid body.
    Invalid(&'static str),
}

impl BodyState {
    /// Before the first chunk.
    pub const FIRST_CHUNK: BodyState = BodyState::Chunked(ChunkState::Size {
        size: 0,
        digits: 0,
        line: 0,
    });

    /// Takes bytes in; `take` sees the body's own bytes, framing left out.
    pub fn feed(&mut self, data: &[u8], take: &mut impl FnMut(&[u8])) -> BodyProgress {
        match self {
            BodyState::UntilClose => {
                take(data);
                BodyProgress::More
            }
            BodyState::Length(left) => {
                let ours = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
                take(&data[..ours]);
                *left -= ours as u64;
                if *left == 0 {
                    BodyProgress::Complete(ours)
                } else {
                    BodyProgress::More
                }
            }
            BodyState::Chunked(state) => feed_chunked(state, data, take),
        }
    }
}

fn feed_chunked(state: &mut ChunkState, data: &[u8], take: &mut impl FnMut(&[u8])) -> BodyProgress {
    let mut at = 0;
    while at < data.len() {
        if let ChunkState::Data { left } = state {
            let ours = usize::try_from(*left)
                .unwrap_or(usize::MAX)
                .min(data.len() - at);
            take(&data[at..at + ours]);
            at += ours;
            *left -= ours as u64;
            if *left == 0 {
                *state = ChunkState::DataEnd { cr_seen: false };
            }
            continue;
        }
        let byte = data[at];
        at += 1;
        match step(*state, byte) {
            Ok(Some(next)) => *state = next,
            Ok(None) => return BodyProgress::Complete(at),
            Err(what) => return BodyProgress::Invalid(what),
        }
    }
    BodyProgress::More
}

/// One framing byte; `None` at the end of the body.
fn step(state: ChunkState, byte: u8) -> Result<Option<ChunkState>, &'static str> {
    let next = match state {
        ChunkState::Size { size, digits, line } => match (byte as char).to_digit(16) {
            Some(_) if digits == 16 => return Err("a chunk size of more than 16 digits"),
            Some(digit) => ChunkState::Size {
                size: size << 4 | u64::from(digit),
                digits: digits + 1,
                line: line + 1,
            },
            None if digits == 0 => return Err("a chunk without a size"),
            None => match byte {
                b'\r' | b';' | b' ' | b'\t' => ChunkState::Extension {
                    size,
                    line: line + 1,
                },
                b'\n' => behind_size(size),
                _ => return Err("a chunk size that is not a hexadecimal number"),
            },
        },
        ChunkState::Extension { size, .. } if byte == b'\n' => behind_size(size),
        ChunkState::Extension { line, .. } if line >= CHUNK_LINE_BYTES => {
            return Err("an endless chunk-size line");
        }
        ChunkState::Extension { size, line } => ChunkState::Extension {
            size,
            line: line + 1,
        },
        ChunkState::Data { .. } => unreachable!("data is taken in pieces, not byte by byte"),
        ChunkState::DataEnd { cr_seen: false } if byte == b'\r' => {
            ChunkState::DataEnd { cr_seen: true }
        }
        ChunkState::DataEnd { .. } if byte == b'\n' => ChunkState::Size {
            size: 0,
            digits: 0,
            line: 0,
        },
        ChunkState::DataEnd { .. } => return Err("a chunk longer than its size"),
        ChunkState::Trailer {
            line_empty: true, ..
        } if byte == b'\n' => return Ok(None),
        ChunkState::Trailer { seen, .. } if seen >= TRAILER_BYTES => {
            return Err("endless trailers");
        }
        ChunkState::Trailer { line_empty, seen } => ChunkState::Trailer {
            line_empty: byte == b'\n' || (line_empty && byte == b'\r'),
            seen: seen + 1,
        },
    };
    Ok(Some(next))
}

fn behind_size(size: u64) -> ChunkState {
    match size {
        0 => ChunkState::Trailer {
            line_empty: true,
            seen: 0,
        },
        left => ChunkState::Data { left },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `wire` in pieces of `step` bytes and returns what came out and how it ended.
    fn read(mut state: BodyState, wire: &[u8], step: usize) -> (Vec<u8>, BodyProgress) {
        let mut body = Vec::new();
        for piece in wire.chunks(step) {
            match state.feed(piece, &mut |bytes| body.extend_from_slice(bytes)) {
                BodyProgress::More => {}
                ended => return (body, ended),
            }
        }
        (body, BodyProgress::More)
    }

    #[test]
    fn chunks_come_out_the_same_however_they_are_cut() {
        let wire = b"5;x=y\r\nhello\r\n7\r\n, world\r\n0\r\nA: b\r\n\r\n";
        for step in 1..wire.len() + 1 {
            let (body, ended) = read(BodyState::FIRST_CHUNK, wire, step);
            assert_eq!(body, b"hello, world", "in pieces of {step}");
            assert!(
                matches!(ended, BodyProgress::Complete(_)),
                "in pieces of {step}"
            );
        }
    }

    #[test]
    fn bytes_behind_the_last_chunk_are_not_taken() {
        let wire = b"1\r\na\r\n0\r\n\r\nHTTP";
        let (_, ended) = read(BodyState::FIRST_CHUNK, wire, wire.len());
        assert_eq!(ended, BodyProgress::Complete(wire.len() - 4));
    }

    #[test]
    fn bad_chunks_are_named() {
        let cases: [(&[u8], &str); 4] = [
            (b"\r\n", "without a size"),
            (b"xyz\r\n", "without a size"),
            (b"5\r\nhelloX", "longer than its size"),
            (b"11112222333344445\r\n", "more than 16 digits"),
        ];
        for (wire, words) in cases {
            let (_, ended) = read(BodyState::FIRST_CHUNK, wire, 1);
            assert!(
                matches!(ended, BodyProgress::Invalid(what) if what.contains(words)),
                "{ended:?}"
            );
        }
        let endless = [b"1;".as_slice(), &vec![b'x'; 5000]].concat();
        assert!(matches!(
            read(BodyState::FIRST_CHUNK, &endless, 7).1,
            BodyProgress::Invalid(_)
        ));
    }

    #[test]
    fn a_length_counts_down_to_the_byte() {
        let (body, ended) = read(BodyState::Length(5), b"helloHTTP", 9);
        assert_eq!(
            (body.as_slice(), ended),
            (b"hello".as_slice(), BodyProgress::Complete(5))
        );
    }
}
