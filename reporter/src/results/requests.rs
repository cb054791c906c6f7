//! `requests.bin`: every request of a run, 64 bytes each, written while the run goes on; and its reader, for `loadforge dump`.
//! Neighbours: `mod.rs` opens the directory, the program feeds it from the engine's records. Invariants: the file only ever grows, by whole
//! pieces, so that the file of a run that was killed can be read up to where it was cut; a name stands before the first record that
//! uses it; what was left out is a number in the file.
//!
//! ```text
//!   "LFREQS\0\x01"   u32 length, header as JSON       schema, run, names and places of a record's fields
//!   then pieces: one letter, u32 length, content
//!     'N'  JSON: worker, kind, scenario, number, text  what records of this worker with this number are called
//!     'R'  u16 worker, then records of 64 bytes
//!     'L'  u64                                         records left out here: the disk was too slow
//!     'E'  nothing                                     the end: the file is whole
//! ```
//!
//! All numbers are little-endian. Rejected: a table of names at the end, which a killed run would not have; a packed format such
//! as Parquet, which cannot be read before it is closed.

use super::{RUN_FILE, ResultsError};
use loadforge_ring::{FLAG_CONNECTED, FLAG_RETRIED, RECORD_BYTES, RecordKind, RequestRecord};
use loadforge_scenarios::{ErrorKind, Method};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file with every request.
pub const REQUESTS_FILE: &str = "requests.bin";
/// The schema name in its header.
pub const REQUESTS_SCHEMA: &str = "loadforge.requests/1";

const MAGIC: &[u8; 8] = b"LFREQS\0\x01";
/// Longest piece that is read: a batch of the engine takes 64 KB. More is damage, and must not take the memory.
const MAX_PIECE: u32 = 16 * 1024 * 1024;
/// The version of the layout, which ends the first eight bytes.
const VERSION: u8 = MAGIC[7];
/// Longest time of a run, in ns: what lies beyond it is damage.
const LONGEST_NS: u64 = 10 * 366 * 24 * 3_600 * 1_000_000_000;
/// Room of the buffer before the file.
const BUFFER: usize = 256 * 1024;

/// Fields of a record with their offsets and types, for readers of their own.
const FIELDS: [(&str, u32, &str); 19] = [
    ("intended_ns", 0, "u64"),
    ("sent_ns", 8, "u64"),
    ("done_ns", 16, "u64"),
    ("first_byte_us", 24, "u32"),
    ("dns_us", 28, "u32"),
    ("connect_us", 32, "u32"),
    ("tls_us", 36, "u32"),
    ("bytes_in", 40, "u32"),
    ("bytes_out", 44, "u32"),
    ("name", 48, "u32"),
    ("user", 52, "u32"),
    ("status", 56, "u16"),
    ("flags", 58, "u16"),
    ("method", 60, "u8"),
    ("error", 61, "u8"),
    ("kind", 62, "u8"),
    ("scenario", 63, "u8"),
    ("value", 8, "f64, of kind 4 alone"),
    ("count", 40, "u32, of kind 5 alone"),
];

/// The beginning of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Header {
    schema: String,
    run: String,
    started_at: String,
    record_bytes: u32,
    #[serde(default)]
    fields: Vec<(String, u32, String)>,
}

/// What records of one worker, kind, scenario and number are called.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestName {
    /// The worker that gave the number out.
    pub worker: u16,
    /// The code of the records' kind.
    pub kind: u8,
    /// Their scenario.
    pub scenario: u8,
    /// The number in their `name`.
    pub number: u32,
    /// The name.
    pub text: String,
}

/// The file being written.
#[derive(Debug)]
pub struct RequestsFile {
    file: BufWriter<File>,
    path: PathBuf,
    left_out: u64,
    error: Option<io::Error>,
}

impl RequestsFile {
    /// Begins the file of a run in its results directory.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(dir: &Path, run: &str, started_at: &str) -> Result<RequestsFile, ResultsError> {
        let path = dir.join(REQUESTS_FILE);
        let fields = FIELDS.map(|(name, at, kind)| (name.to_owned(), at, kind.to_owned()));
        let header = Header {
            schema: REQUESTS_SCHEMA.to_owned(),
            run: run.to_owned(),
            started_at: started_at.to_owned(),
            record_bytes: RECORD_BYTES as u32,
            fields: fields.into(),
        };
        let begun = (|| {
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            let mut file = BufWriter::with_capacity(BUFFER, file);
            let header = serde_json::to_vec(&header)?;
            file.write_all(MAGIC)?;
            file.write_all(&(header.len() as u32).to_le_bytes())?;
            file.write_all(&header)?;
            file.flush()?;
            Ok(file)
        })();
        match begun {
            Ok(file) => Ok(RequestsFile {
                file,
                path,
                left_out: 0,
                error: None,
            }),
            Err(source) => Err(ResultsError::Begin { path, source }),
        }
    }

    /// Adds a name; it must come before the records that use it.
    pub fn name(&mut self, name: &RequestName) {
        let json = serde_json::to_vec(name).expect("a name is plain data");
        self.piece(b'N', &[&json]);
    }

    /// Adds records of a worker. Once a write has failed nothing more is written: what followed half a piece could not be read.
    pub fn records(&mut self, worker: u16, records: &[RequestRecord]) {
        if records.is_empty() {
            return;
        }
        let mut bytes = Vec::with_capacity(records.len() * RECORD_BYTES);
        for record in records {
            bytes.extend_from_slice(&record.to_bytes());
        }
        self.piece(b'R', &[&worker.to_le_bytes(), &bytes]);
        if self.error.is_some() {
            self.left_out += records.len() as u64;
        }
    }

    /// Notes records that never came.
    pub fn left_out(&mut self, count: u64) {
        if count > 0 {
            self.left_out += count;
            self.piece(b'L', &[&count.to_le_bytes()]);
        }
    }

    /// Hands what has come to the system: from here on it survives a death of this process.
    pub fn flush(&mut self) {
        if self.error.is_none() {
            self.error = self.file.flush().err();
        }
    }

    /// Ends the file. Returns how many records are missing from it.
    ///
    /// # Errors
    /// The first failure to write.
    pub fn finish(mut self) -> Result<u64, ResultsError> {
        self.piece(b'E', &[]);
        self.flush();
        let path = self.path;
        match self.error {
            None => Ok(self.left_out),
            Some(source) => {
                // What is left in the buffer has no room, and would be tried again.
                let _ = self.file.into_parts();
                Err(ResultsError::Write { path, source })
            }
        }
    }

    fn piece(&mut self, letter: u8, parts: &[&[u8]]) {
        if self.error.is_some() {
            return;
        }
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let written = (|| {
            self.file.write_all(&[letter])?;
            self.file.write_all(&(length as u32).to_le_bytes())?;
            parts.iter().try_for_each(|part| self.file.write_all(part))
        })();
        self.error = written.err();
    }
}

/// A record read back, with the words for its numbers.
#[derive(Clone, Copy, Debug)]
pub struct StoredRecord<'a> {
    /// The worker that made it.
    pub worker: u16,
    /// What it is a record of: `request`, `iteration`, `group`, `metric` or `not_sent`.
    pub kind: &'static str,
    /// What it is called in reports; empty for one of no name.
    pub name: &'a str,
    /// Its method; empty for "none".
    pub method: &'static str,
    /// The kind of its error; empty when it succeeded.
    pub error: &'static str,
    /// All else.
    pub record: &'a RequestRecord,
}

impl<'a> StoredRecord<'a> {
    fn new(worker: u16, name: &'a str, record: &'a RequestRecord) -> StoredRecord<'a> {
        StoredRecord {
            worker,
            kind: match RecordKind::from_code(record.kind) {
                Some(RecordKind::Request) => "request",
                Some(RecordKind::Iteration) => "iteration",
                Some(RecordKind::Group) => "group",
                Some(RecordKind::Metric) => "metric",
                Some(RecordKind::NotSent) => "not_sent",
                None => "",
            },
            name,
            method: Method::from_code(record.method).map_or("", Method::as_str),
            error: ErrorKind::from_code(record.error).map_or("", ErrorKind::as_str),
            record,
        }
    }

    fn is(&self, kind: RecordKind) -> bool {
        self.record.kind == kind as u8
    }

    /// When it was sent, in ns since the start of the run; nothing for what was never sent.
    pub fn sent_ns(&self) -> Option<u64> {
        let sent = !self.is(RecordKind::Metric) && self.record.sent_ns > 0;
        sent.then_some(self.record.sent_ns)
    }

    /// What cannot be in a record that a worker made; none when all of it can.
    fn damage(&self) -> Option<String> {
        let record = self.record;
        let (begun, done) = (record.intended_ns, record.done_ns);
        let code =
            |what: &str, code: u8| Some(format!("a record of no {what} that there is ({code})"));
        if self.kind.is_empty() {
            return code("kind", record.kind);
        }
        if self.method.is_empty() && record.method != 0 {
            return code("method", record.method);
        }
        if self.error.is_empty() && record.error != 0 {
            return code("error", record.error);
        }
        let latest = begun.max(done).max(self.sent_ns().unwrap_or(0));
        if latest > LONGEST_NS {
            return Some(format!("a record at {latest} ns, longer than any run"));
        }
        let is_timed = self.is(RecordKind::Request) || self.is(RecordKind::Group);
        let is_upside_down = begun > done || self.sent_ns().is_some_and(|sent| sent > done);
        (is_timed && is_upside_down)
            .then(|| format!("a record that was over at {done} ns, before it was due or sent"))
    }

    /// Bytes received; nothing where the field means something else.
    pub fn bytes_in(&self) -> Option<u32> {
        (!self.is(RecordKind::NotSent)).then_some(self.record.bytes_in)
    }

    /// How many requests it stands for.
    pub fn count(&self) -> u32 {
        if self.is(RecordKind::NotSent) {
            self.record.bytes_in
        } else {
            1
        }
    }

    /// Of a metric: its value.
    pub fn value(&self) -> Option<f64> {
        self.is(RecordKind::Metric).then(|| self.record.value())
    }

    /// Whether it was sent a second time because the server had closed the idle connection.
    pub fn is_retried(&self) -> bool {
        self.record.flags & FLAG_RETRIED != 0
    }

    /// Whether it made the connection it was sent on.
    pub fn is_connected(&self) -> bool {
        self.record.flags & FLAG_CONNECTED != 0
    }
}

/// The file being read.
#[derive(Debug)]
pub struct Requests {
    file: BufReader<File>,
    path: PathBuf,
    names: HashMap<(u16, u8, u8, u32), String>,
    left_out: u64,
    is_whole: bool,
    /// Bytes read so far.
    at: u64,
}

impl Requests {
    /// Opens the file of a results directory.
    ///
    /// # Errors
    /// When there is none, or one of a newer version or of something else.
    pub fn open(dir: &Path) -> Result<Requests, ResultsError> {
        let path = dir.join(REQUESTS_FILE);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                let path = dir.to_owned();
                return Err(ResultsError::NotADirectory { path });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let path = dir.to_owned();
                return Err(match path.join(RUN_FILE).exists() {
                    true => ResultsError::NoRequests { path },
                    false => ResultsError::Foreign {
                        path,
                        missing: RUN_FILE,
                    },
                });
            }
            Err(source) => return Err(ResultsError::Read { path, source }),
        };
        let mut requests = Requests {
            file: BufReader::with_capacity(BUFFER, file),
            path,
            names: HashMap::new(),
            left_out: 0,
            is_whole: false,
            at: 0,
        };
        requests.read_header()?;
        Ok(requests)
    }

    fn read_header(&mut self) -> Result<(), ResultsError> {
        let mut begin = [0; 12];
        self.exactly(&mut begin, "it is shorter than its header")?;
        if begin[..7] == MAGIC[..7] && begin[7] > VERSION {
            return Err(ResultsError::Newer {
                path: self.path.clone(),
                found: begin[7],
                expected: VERSION,
            });
        }
        if &begin[..8] != MAGIC {
            return Err(self.malformed("it does not begin as a file of requests does"));
        }
        let length = u32::from_le_bytes([begin[8], begin[9], begin[10], begin[11]]);
        if length > MAX_PIECE {
            return Err(self.malformed("its header is longer than any"));
        }
        let mut json = vec![0; length as usize];
        self.exactly(&mut json, "it is shorter than its header")?;
        let header: Header = serde_json::from_slice(&json)
            .map_err(|error| self.malformed(&format!("its header: {error}")))?;
        if header.schema != REQUESTS_SCHEMA || header.record_bytes as usize != RECORD_BYTES {
            return Err(ResultsError::Header {
                path: self.path.clone(),
                found: header.schema,
                expected: REQUESTS_SCHEMA,
            });
        }
        Ok(())
    }

    /// Calls `each` with every record in the order of the file. What follows a cut is left out, see
    /// [`Requests::is_whole`].
    ///
    /// # Errors
    /// When the file cannot be read or is damaged, or what `each` says.
    pub fn for_each<E: From<ResultsError>>(
        &mut self,
        mut each: impl FnMut(StoredRecord<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut content = Vec::new();
        while let Some(letter) = self.next_piece(&mut content)? {
            match letter {
                b'N' => {
                    let name: RequestName = serde_json::from_slice(&content)
                        .map_err(|error| self.malformed(&format!("a name: {error}")))?;
                    let key = (name.worker, name.kind, name.scenario, name.number);
                    self.names.insert(key, name.text);
                }
                b'R' => {
                    let Some((worker, records)) = content.split_first_chunk::<2>() else {
                        continue;
                    };
                    let worker = u16::from_le_bytes(*worker);
                    let begin = self.at - (content.len() - 2) as u64;
                    let (records, _) = records.as_chunks::<RECORD_BYTES>();
                    for (at, bytes) in (begin..).step_by(RECORD_BYTES).zip(records) {
                        let record = RequestRecord::from_bytes(bytes);
                        let key = (worker, record.kind, record.scenario, record.name);
                        let name = self.names.get(&key).map_or("", String::as_str);
                        let stored = StoredRecord::new(worker, name, &record);
                        if let Some(reason) = stored.damage() {
                            return Err(self.malformed_at(at, reason).into());
                        }
                        each(stored)?;
                    }
                }
                b'L' => {
                    let count = content
                        .first_chunk::<8>()
                        .map_or(0, |count| u64::from_le_bytes(*count));
                    self.left_out = self.left_out.saturating_add(count);
                }
                b'E' => self.is_whole = true,
                // A piece of a later version says something that this one has no use for.
                _ => {}
            }
        }
        Ok(())
    }

    /// Records that the file says are missing from it, as far as it has been read.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Whether the file's end was read: one of a run that was killed has none.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Reads a piece; of one that was cut off, what is there of whole records. `None` at the end.
    fn next_piece(&mut self, content: &mut Vec<u8>) -> Result<Option<u8>, ResultsError> {
        content.clear();
        let mut head = Vec::with_capacity(5);
        self.up_to(5, &mut head)?;
        let [letter, length @ ..] = head.as_slice() else {
            return Ok(None);
        };
        let Ok(length) = <[u8; 4]>::try_from(length) else {
            return Ok(None);
        };
        let (letter, length) = (*letter, u32::from_le_bytes(length));
        if length > MAX_PIECE || !letter.is_ascii_uppercase() {
            return Err(self.malformed("a piece of it is none of ours"));
        }
        self.up_to(length, content)?;
        let is_cut = content.len() < length as usize;
        Ok((!is_cut || letter == b'R').then_some(letter))
    }

    fn up_to(&mut self, length: u32, into: &mut Vec<u8>) -> Result<(), ResultsError> {
        let read = self.file.by_ref().take(u64::from(length)).read_to_end(into);
        match read {
            Ok(count) => {
                self.at += count as u64;
                Ok(())
            }
            Err(source) => Err(ResultsError::Read {
                path: self.path.clone(),
                source,
            }),
        }
    }

    fn exactly(&mut self, into: &mut [u8], why: &str) -> Result<(), ResultsError> {
        match self.file.read_exact(into) {
            Ok(()) => {
                self.at += into.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(self.malformed(why)),
            Err(source) => Err(ResultsError::Read {
                path: self.path.clone(),
                source,
            }),
        }
    }

    /// Damage in what has been read last.
    fn malformed(&self, reason: &str) -> ResultsError {
        self.malformed_at(self.at, reason.to_owned())
    }

    fn malformed_at(&self, offset: u64, reason: String) -> ResultsError {
        ResultsError::MalformedAt {
            path: self.path.clone(),
            offset,
            reason,
        }
    }
}

#[cfg(test)]
mod tests;
