//! Reads a chunked request body (RFC 9112 §7.1) as it arrives, in pieces of any length.
//! Neighbours: `dialogue.rs` feeds it. Invariant: holds no bytes, only where it stands; lines have a bounded length.

/// Longest run of bytes that are not data: chunk extensions of one chunk, or all trailers.
const MAX_LINE_BYTES: u32 = 16 << 10;

/// Where in a chunked body the reader stands.
#[derive(Debug)]
pub(crate) struct Chunked {
    state: State,
    /// Of the chunk being read: its size so far, then what is left of it.
    left: u64,
    /// Bytes since the last data.
    line: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Before the first digit of a chunk's size.
    Size,
    /// Within the digits.
    Digits,
    /// Behind a `;`, up to the end of the line.
    Extension,
    /// Behind the CR of the size line.
    SizeEnd,
    Data,
    /// Behind a chunk's data: CR, then LF.
    DataCr,
    DataEnd,
    /// At the start of a line behind the last chunk.
    TrailerStart,
    Trailer,
    TrailerEnd,
    /// Behind the CR of the empty line that ends it all.
    LastEnd,
}

/// What `Chunked::read` came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All input was used and the body goes on.
    More,
    /// The body ended behind this many bytes of the input.
    Done(usize),
    /// This is no chunked body.
    Malformed,
}

impl Chunked {
    pub(crate) fn new() -> Chunked {
        Chunked {
            state: State::Size,
            left: 0,
            line: 0,
        }
    }

    /// Reads on; pieces of the body's data go to `data`.
    pub(crate) fn read(&mut self, input: &[u8], mut data: impl FnMut(&[u8])) -> Progress {
        let mut at = 0;
        while at < input.len() {
            if self.state == State::Data {
                let piece = usize::try_from(self.left)
                    .unwrap_or(usize::MAX)
                    .min(input.len() - at);
                data(&input[at..at + piece]);
                at += piece;
                self.left -= piece as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            let last = self.state == State::LastEnd;
            match self.step(input[at]) {
                Some(_) if last => return Progress::Done(at + 1),
                Some(next) => self.state = next,
                None => return Progress::Malformed,
            }
            at += 1;
        }
        Progress::More
    }

    /// The state behind this byte, none of them data; `None` when the byte cannot stand here.
    fn step(&mut self, byte: u8) -> Option<State> {
        self.line += 1;
        if self.line > MAX_LINE_BYTES {
            return None;
        }
        Some(match (self.state, byte) {
            (State::Size | State::Digits, digit) if digit.is_ascii_hexdigit() => {
                let value = (digit as char).to_digit(16)?;
                self.left = self.left.checked_mul(16)?.checked_add(u64::from(value))?;
                State::Digits
            }
            // Blanks before an extension are "bad whitespace" that a recipient must parse (RFC 9110 §5.6.3).
            (State::Digits, b';' | b' ' | b'\t') => State::Extension,
            (State::Digits | State::Extension, b'\r') => State::SizeEnd,
            (State::Extension, byte) if byte != b'\n' => State::Extension,
            (State::SizeEnd, b'\n') if self.left == 0 => State::TrailerStart,
            (State::SizeEnd, b'\n') => {
                self.line = 0;
                State::Data
            }
            (State::DataCr, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => State::Size,
            (State::TrailerStart, b'\r') => State::LastEnd,
            (State::TrailerStart | State::Trailer, byte) if byte != b'\r' && byte != b'\n' => {
                State::Trailer
            }
            (State::Trailer, b'\r') => State::TrailerEnd,
            (State::TrailerEnd, b'\n') => State::TrailerStart,
            // `read` ends the body here.
            (State::LastEnd, b'\n') => State::LastEnd,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_in_pieces(body: &[u8], piece: usize) -> (Vec<u8>, Progress, usize) {
        let (mut chunked, mut data, mut used) = (Chunked::new(), Vec::new(), 0);
        for part in body.chunks(piece) {
            match chunked.read(part, |bytes| data.extend_from_slice(bytes)) {
                Progress::More => used += part.len(),
                Progress::Done(last) => return (data, Progress::Done(last), used + last),
                Progress::Malformed => return (data, Progress::Malformed, used),
            }
        }
        (data, Progress::More, used)
    }

    #[test]
    fn a_body_is_read_the_same_in_pieces_of_any_length() {
        let body = b"5\r\nhello\r\n1;name=\"v\"\r\n,\r\n0A \r\n 123456789\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\nGET";
        for piece in 1..body.len() {
            let (data, progress, used) = read_in_pieces(body, piece);
            assert!(
                matches!(progress, Progress::Done(_)),
                "pieces of {piece}: {progress:?}"
            );
            assert_eq!(data, b"hello, 123456789", "pieces of {piece}");
            assert_eq!(used, body.len() - 3, "pieces of {piece}");
        }
    }

    #[test]
    fn what_is_no_chunked_body_is_refused() {
        let endless = [b"1;".as_slice(), &[b'x'; 20_000]].concat();
        let cases: [&[u8]; 8] = [
            b"\r\n",
            b"g\r\n",
            b"-1\r\n",
            b"3\nabc",
            b"3\r\nabcd",
            b"11111111111111111\r\n",
            b"0\r\nX: 1\n\r\n",
            &endless,
        ];
        for body in cases {
            let shown = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
            assert_eq!(read_in_pieces(body, 1).1, Progress::Malformed, "{shown}");
            assert_eq!(
                read_in_pieces(body, body.len()).1,
                Progress::Malformed,
                "{shown}"
            );
        }
    }
}
