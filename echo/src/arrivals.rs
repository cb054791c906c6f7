//! The file of arrivals: when each request arrived, as the target saw it.
//! Neighbours: `dialogue.rs` notes, `worker.rs` and `/.loadforge/counts` flush, `server.rs` gives the outcome.
//! Format: for each counted request one u64, little-endian, ns of CLOCK_MONOTONIC; nothing else (`od -A n -t u8 -w8 -v FILE` reads
//! it). Text was rejected: making it takes the answering thread 50 ns a request and more when it is written.
//! With several threads the order is nearly that of arrival; sort before looking at gaps.
//! Invariant: memory stays at one buffer; the first fault of writing is kept and told at the end.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

/// Bytes kept before they are written: small, since writing them holds up one answer.
const BUFFER_BYTES: usize = 64 << 10;

/// An open file of arrivals.
#[derive(Debug)]
pub(crate) struct ArrivalFile {
    file: File,
    buffer: Vec<u8>,
    fault: Option<io::Error>,
}

impl ArrivalFile {
    /// Makes the file, or empties the one that is there.
    pub(crate) fn create(path: &Path) -> io::Result<ArrivalFile> {
        Ok(ArrivalFile {
            file: File::create(path)?,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            fault: None,
        })
    }

    /// Notes one arrival.
    pub(crate) fn note(&mut self, arrival_ns: u64) {
        self.buffer.extend_from_slice(&arrival_ns.to_le_bytes());
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush();
        }
    }

    /// Writes what was noted so far.
    pub(crate) fn flush(&mut self) {
        if self.fault.is_none() {
            self.fault = self.file.write_all(&self.buffer).err();
        }
        self.buffer.clear();
    }

    /// Writes the rest; the first fault, if there was any.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.flush();
        self.fault.take().map_or(Ok(()), Err)
    }
}
