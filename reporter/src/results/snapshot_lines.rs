//! Reads `snapshots.jsonl` line by line; a long one is parsed on several threads, and told of in its order all the same.
//! Neighbours: `stored.rs`, `series_csv.rs` and `latency_log.rs` fold what they are told. Invariant: memory does not grow with the
//! length of the run, for a bounded number of batches is under way.

use super::{
    ResultsError, SNAPSHOTS_FILE,
    stored::{SchemaOnly, foreign},
};
use loadforge_analysis::SNAPSHOT_SCHEMA;
use serde::de::DeserializeOwned;
use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, Scope},
};

/// Longest line that is read: 50 endpoints with full histograms take less than a tenth of it.
const MAX_LINE: usize = 64 * 1024 * 1024;
/// Lines that are parsed in one go have so many bytes together, or a little more.
const BATCH_BYTES: usize = 256 * 1024;
/// Batches that may wait for one thread.
const BATCHES_WAITING: usize = 2;
/// More threads would wait for whoever folds what they have parsed.
const MOST_THREADS: usize = 4;

/// Calls `each` with every second of a run in order; `T` is `Snapshot` or a part of it. Returns whether the last line was
/// only half written.
///
/// # Errors
/// When there is no such file, it cannot be read, is empty, was written by a newer version, or is damaged; and those of `each`.
pub(super) fn for_each_second<T: DeserializeOwned + Send>(
    dir: &Path,
    mut each: impl FnMut(T) -> Result<(), ResultsError>,
) -> Result<bool, ResultsError> {
    let mut lines = Lines::open(dir)?;
    let mut seconds = 0u64;
    let mut half_line = false;
    let mut take = |parsed: Parsed<T>, path: &Path| {
        seconds += parsed.seconds.len() as u64;
        parsed.seconds.into_iter().try_for_each(&mut each)?;
        half_line |= parsed.half_line;
        parsed
            .fault
            .map_or(Ok(()), |fault| Err(fault.told_of(path)))
    };
    thread::scope(|scope| {
        let mut lanes = Lanes::new();
        // Most files are a batch or two: threads would cost more than they save.
        while let Some(batch) = lines.next_batch()? {
            if lines.batches > BATCHES_WAITING as u64 {
                lanes.start(scope);
            }
            if let Some(parsed) = lanes.pass_on(batch) {
                take(parsed, &lines.path)?;
            }
        }
        while let Some(parsed) = lanes.oldest() {
            take(parsed, &lines.path)?;
        }
        Ok(())
    })?;
    match seconds {
        0 => Err(ResultsError::Empty { path: lines.path }),
        _ => Ok(half_line),
    }
}

/// The file, cut into batches of whole lines.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    /// Lines read so far.
    count: u64,
    /// Batches read so far.
    batches: u64,
}

/// Some lines, one behind the other.
struct Batch {
    text: Vec<u8>,
    /// Lines that stand before them in the file.
    before: u64,
}

impl Lines {
    fn open(dir: &Path) -> Result<Lines, ResultsError> {
        let path = dir.join(SNAPSHOTS_FILE);
        match File::open(&path) {
            Ok(file) => Ok(Lines {
                path,
                reader: BufReader::with_capacity(BATCH_BYTES, file),
                count: 0,
                batches: 0,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(foreign(dir, SNAPSHOTS_FILE))
            }
            Err(source) => Err(ResultsError::Read { path, source }),
        }
    }

    /// The next lines; `None` at the end of the file.
    fn next_batch(&mut self) -> Result<Option<Batch>, ResultsError> {
        let before = self.count;
        let mut text = Vec::with_capacity(BATCH_BYTES + BATCH_BYTES / 8);
        while text.len() < BATCH_BYTES {
            let mut line = self.reader.by_ref().take(MAX_LINE as u64);
            let length =
                line.read_until(b'\n', &mut text)
                    .map_err(|source| ResultsError::Read {
                        path: self.path.clone(),
                        source,
                    })?;
            if length == 0 {
                break;
            }
            self.count += 1;
            // Too long, or the last one: what follows is no line of its own.
            if !text.ends_with(b"\n") {
                break;
            }
        }
        self.batches += 1;
        Ok((!text.is_empty()).then_some(Batch { text, before }))
    }
}

/// What became of a batch.
struct Parsed<T> {
    seconds: Vec<T>,
    /// Whether its last line was cut off.
    half_line: bool,
    /// What is wrong with the line behind the seconds.
    fault: Option<Fault>,
}

/// A line that cannot be read.
struct Fault {
    line: u64,
    why: LineError,
}

enum LineError {
    Schema(String),
    Malformed(String),
}

impl Fault {
    fn told_of(self, path: &Path) -> ResultsError {
        let (path, line) = (path.to_owned(), self.line);
        match self.why {
            LineError::Schema(found) => ResultsError::Schema {
                path,
                line,
                found,
                expected: SNAPSHOT_SCHEMA,
            },
            LineError::Malformed(reason) => ResultsError::Malformed { path, line, reason },
        }
    }
}

impl Batch {
    fn parse<T: DeserializeOwned>(self) -> Parsed<T> {
        let mut parsed = Parsed {
            seconds: Vec::new(),
            half_line: false,
            fault: None,
        };
        for (line, number) in self.text.split_inclusive(|byte| *byte == b'\n').zip(1..) {
            match parse_second(line) {
                Ok(second) => parsed.seconds.push(second),
                // Only the very end of the file can have been cut off: a line break says that the line was whole.
                Err(_) if !line.ends_with(b"\n") && line.len() < MAX_LINE => {
                    parsed.half_line = true;
                }
                Err(why) => {
                    let line = self.before + number;
                    parsed.fault = Some(Fault { line, why });
                    break;
                }
            }
        }
        parsed
    }
}

/// Threads that parse batches in turn, once they have been started; until then batches are parsed where they are.
struct Lanes<T> {
    lanes: Vec<Lane<T>>,
    /// The lane that gets the next batch.
    next: usize,
    /// The lanes that batches under way are on, in the order of the file.
    under_way: VecDeque<usize>,
    started: bool,
}

struct Lane<T> {
    batches: SyncSender<Batch>,
    parsed: Receiver<Parsed<T>>,
}

impl<T: DeserializeOwned + Send> Lanes<T> {
    fn new() -> Lanes<T> {
        Lanes {
            lanes: Vec::new(),
            next: 0,
            under_way: VecDeque::new(),
            started: false,
        }
    }

    /// Starts them, unless they have been, or there is nothing to be gained.
    fn start<'scope>(&mut self, scope: &'scope Scope<'scope, '_>)
    where
        T: 'scope,
    {
        if self.started {
            return;
        }
        self.started = true;
        let cpus = thread::available_parallelism().map_or(1, usize::from);
        let wanted = if cpus > 1 { cpus.min(MOST_THREADS) } else { 0 };
        for _ in 0..wanted {
            let (batches, inbox) = sync_channel::<Batch>(BATCHES_WAITING);
            let (outbox, parsed) = sync_channel(BATCHES_WAITING);
            let work = move || {
                for batch in inbox {
                    // Nobody waits for it any longer once a line before it was bad.
                    if outbox.send(batch.parse()).is_err() {
                        break;
                    }
                }
            };
            // With fewer threads, or none, it takes longer.
            if thread::Builder::new().spawn_scoped(scope, work).is_ok() {
                self.lanes.push(Lane { batches, parsed });
            }
        }
    }

    /// Takes the next batch, and gives the oldest one under way once there are enough of them.
    fn pass_on(&mut self, batch: Batch) -> Option<Parsed<T>> {
        if self.lanes.is_empty() {
            return Some(batch.parse());
        }
        let is_full = self.under_way.len() == self.lanes.len() * BATCHES_WAITING;
        let oldest = if is_full { self.oldest() } else { None };
        self.lanes[self.next]
            .batches
            .send(batch)
            .expect("a lane ends with its sender");
        self.under_way.push_back(self.next);
        self.next = (self.next + 1) % self.lanes.len();
        oldest
    }

    /// What has become of the oldest batch under way; `None` when none is.
    fn oldest(&mut self) -> Option<Parsed<T>> {
        let lane = self.under_way.pop_front()?;
        let parsed = self.lanes[lane].parsed.recv();
        Some(parsed.expect("a lane gives back every batch"))
    }
}

fn parse_second<T: DeserializeOwned>(line: &[u8]) -> Result<T, LineError> {
    // A later version may have the same fields with other meanings.
    if !says_our_schema(line)
        && let Ok(SchemaOnly { schema }) = serde_json::from_slice(line)
        && schema != SNAPSHOT_SCHEMA
    {
        return Err(LineError::Schema(schema));
    }
    serde_json::from_slice(line).map_err(|error| {
        // Its line is always 1, or 2 where it looked for more: that of the file is told beside it.
        let words = error.to_string();
        let reason = words
            .rsplit_once(" at line ")
            .map_or(&*words, |(what, _)| what);
        LineError::Malformed(match error.column() {
            0 => reason.to_owned(),
            column => format!("{reason} at column {column}"),
        })
    })
}

/// Whether the line begins as ours do, with the schema: most need no second look.
fn says_our_schema(line: &[u8]) -> bool {
    let schema = line.strip_prefix(b"{\"schema\":\"");
    let rest = schema.and_then(|text| text.strip_prefix(SNAPSHOT_SCHEMA.as_bytes()));
    rest.is_some_and(|rest| rest.starts_with(b"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::fs;

    /// Of a second only its end.
    #[derive(Deserialize)]
    struct End {
        at_s: u64,
    }

    /// A file of so many lines, which make several batches for each thread.
    fn lines(count: u64) -> String {
        let padding = "x".repeat(400);
        let line = |at_s| {
            format!("{{\"schema\":\"{SNAPSHOT_SCHEMA}\",\"at_s\":{at_s},\"more\":\"{padding}\"}}\n")
        };
        let text: String = (1..=count).map(line).collect();
        assert!(text.len() > 2 * MOST_THREADS * BATCHES_WAITING * BATCH_BYTES);
        text
    }

    /// The ends of all seconds that were told of, and how it ended.
    fn read(text: &str) -> (Vec<u64>, Result<bool, ResultsError>) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(SNAPSHOTS_FILE), text).unwrap();
        let mut ends = Vec::new();
        let read = for_each_second(dir.path(), |end: End| {
            ends.push(end.at_s);
            Ok(())
        });
        (ends, read)
    }

    #[test]
    fn seconds_of_a_long_file_come_in_their_order() {
        let (ends, read) = read(&lines(20_000));
        assert!(matches!(read, Ok(false)));
        assert!(ends.into_iter().eq(1..=20_000));
    }

    #[test]
    fn a_bad_line_is_named_and_everything_before_it_was_told_of() {
        for bad in [1, 2, 9_999, 20_000] {
            let text = lines(20_000).replace(&format!("\"at_s\":{bad},"), "\"at_s\":{},");
            let (ends, read) = read(&text);
            assert!(
                matches!(read, Err(ResultsError::Malformed { line, .. }) if line == bad),
                "{bad}: {read:?}"
            );
            assert!(ends.into_iter().eq(1..bad));
        }
    }

    #[test]
    fn the_last_line_of_a_long_file_may_be_cut_off() {
        let text = lines(20_000);
        let (ends, read) = read(&text[..text.len() - 7]);
        assert!(matches!(read, Ok(true)));
        assert_eq!(ends.len(), 19_999);
    }

    #[test]
    fn who_is_told_may_end_it_in_the_middle() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(SNAPSHOTS_FILE), lines(20_000)).unwrap();
        let mut told = 0;
        let read = for_each_second(dir.path(), |_: End| {
            told += 1;
            match told {
                5_000 => Err(foreign(dir.path(), SNAPSHOTS_FILE)),
                _ => Ok(()),
            }
        });
        assert!(matches!(read, Err(ResultsError::Foreign { .. })));
        assert_eq!(told, 5_000);
    }
}
