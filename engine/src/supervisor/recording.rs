//! Every record of a run for whoever keeps them, in batches. Neighbours: `aggregator.rs` hands over each record it drains, the program
//! writes them to a file. Invariants: the aggregator never waits for it while the run goes on; what finds no room is counted, and the
//! count is handed on; a name comes before the first record that uses it, or with it.

use crossbeam::channel::{Sender, TrySendError};
use loadforge_analysis::Snapshot;
use loadforge_ring::{RecordKind, RequestRecord};
use std::sync::Arc;

/// Records in a batch: 64 KB, a few ms at a million a second.
const BATCH: usize = 1_024;

/// What hands a second on at once.
pub type LiveFeed = Box<dyn Fn(Arc<Snapshot>) + Send>;

/// Who gets what a run tells while it goes on.
pub struct Watchers {
    /// A snapshot a second.
    pub seconds: Sender<Arc<Snapshot>>,
    /// Takes each second as soon as it is closed, before it waits for anything. It must not wait either: the aggregator calls it.
    pub live: Option<LiveFeed>,
    /// Every record, if somebody keeps them. How many batches may wait is the channel's own bound.
    pub records: Option<Sender<RecordBatch>>,
}

impl From<Sender<Arc<Snapshot>>> for Watchers {
    fn from(seconds: Sender<Arc<Snapshot>>) -> Watchers {
        Watchers {
            seconds,
            live: None,
            records: None,
        }
    }
}

/// Records of one worker in the order in which it handed them over.
#[derive(Clone, Debug, Default)]
pub struct RecordBatch {
    /// Which worker.
    pub worker: u16,
    /// Names that records of this worker use from here on.
    pub names: Vec<RecordName>,
    /// The records.
    pub records: Vec<RequestRecord>,
    /// Records of this worker that found no room since the batch before this one.
    pub left_out: u64,
}

/// What records of one kind, scenario and name number are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordName {
    /// The code of the records' kind.
    pub kind: u8,
    /// Their scenario.
    pub scenario: u8,
    /// The number in their `name`.
    pub number: u32,
    /// The name, as reports have it.
    pub text: String,
}

/// Batches in the making.
pub(super) struct Recording {
    sender: Sender<RecordBatch>,
    feeds: Vec<Feed>,
    left_out: u64,
}

#[derive(Default)]
struct Feed {
    batch: RecordBatch,
    /// By scenario and kind, then by number: whether the name was told.
    told: Vec<Vec<bool>>,
}

/// Kinds of records that have names.
const NAMED: [RecordKind; 3] = [RecordKind::Request, RecordKind::Group, RecordKind::Metric];

impl Recording {
    pub(super) fn new(sender: Sender<RecordBatch>, workers: usize) -> Recording {
        let feed = |worker| Feed {
            batch: RecordBatch {
                worker,
                ..RecordBatch::default()
            },
            told: Vec::new(),
        };
        let workers = u16::try_from(workers).unwrap_or(u16::MAX);
        Recording {
            sender,
            feeds: (0..workers).map(feed).collect(),
            left_out: 0,
        }
    }

    /// Takes a record up; `name` says what it is called, and is asked once for each name.
    pub(super) fn take(
        &mut self,
        worker: usize,
        record: &RequestRecord,
        name: impl FnOnce() -> String,
    ) {
        let Some(feed) = self.feeds.get_mut(worker) else {
            self.left_out += 1;
            return;
        };
        if let Some(text) = feed.untold(record).then(name) {
            feed.batch.names.push(RecordName {
                kind: record.kind,
                scenario: record.scenario,
                number: record.name,
                text,
            });
        }
        feed.batch.records.push(*record);
        if feed.batch.records.len() >= BATCH {
            self.left_out += feed.offer(&self.sender);
        }
    }

    /// Hands on what has come so far. Returns how many records found no room since the last call.
    pub(super) fn flush(&mut self) -> u64 {
        for feed in &mut self.feeds {
            self.left_out += feed.offer(&self.sender);
        }
        std::mem::take(&mut self.left_out)
    }

    /// Hands on the rest. Nothing is measured any more, so this may wait.
    pub(super) fn finish(self) {
        for feed in self.feeds {
            // Whoever has gone away wants none.
            let _ = self.sender.send(feed.batch);
        }
    }
}

impl Feed {
    /// Whether the record has a name that was not told yet; from now on it was.
    fn untold(&mut self, record: &RequestRecord) -> bool {
        let kind = RecordKind::from_code(record.kind);
        let Some(kind) = NAMED.iter().position(|named| Some(*named) == kind) else {
            return false;
        };
        let list = usize::from(record.scenario) * NAMED.len() + kind;
        if self.told.len() <= list {
            self.told.resize(list + 1, Vec::new());
        }
        let (told, number) = (&mut self.told[list], record.name as usize);
        if told.len() <= number {
            told.resize(number + 1, false);
        }
        !std::mem::replace(&mut told[number], true)
    }

    /// Hands the batch on if there is room. Returns how many records were left out; the names stay for the next one.
    fn offer(&mut self, sender: &Sender<RecordBatch>) -> u64 {
        if self.batch.records.is_empty() && self.batch.left_out == 0 {
            return 0;
        }
        let next = RecordBatch {
            worker: self.batch.worker,
            ..RecordBatch::default()
        };
        match sender.try_send(std::mem::replace(&mut self.batch, next)) {
            Ok(()) => 0,
            Err(TrySendError::Full(mut batch) | TrySendError::Disconnected(mut batch)) => {
                let left_out = batch.records.len() as u64;
                batch.records.clear();
                batch.left_out += left_out;
                self.batch = batch;
                left_out
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam::channel::bounded;

    fn record(number: u32) -> RequestRecord {
        RequestRecord {
            kind: RecordKind::Request as u8,
            name: number % 3,
            user: number,
            ..RequestRecord::default()
        }
    }

    #[test]
    fn every_record_is_handed_on_in_order_and_each_name_once() {
        let (sender, batches) = bounded(100);
        let mut recording = Recording::new(sender, 2);
        for number in 0..5_000 {
            recording.take(1, &record(number), || format!("name {}", number % 3));
        }
        assert_eq!(recording.flush(), 0);
        recording.take(1, &record(5_000), || panic!("all names are told"));
        recording.finish();
        let (mut users, mut names) = (Vec::new(), Vec::new());
        for batch in batches {
            assert!(batch.worker == 1 || batch.records.is_empty());
            users.extend(batch.records.iter().map(|record| record.user));
            names.extend(batch.names.into_iter().map(|name| (name.number, name.text)));
        }
        assert_eq!(users, (0..=5_000).collect::<Vec<u32>>());
        let named = |number: u32| (number, format!("name {number}"));
        assert_eq!(names, [named(0), named(1), named(2)]);
    }

    #[test]
    fn what_finds_no_room_is_counted_and_its_names_come_later() {
        let (sender, batches) = bounded(1);
        let mut recording = Recording::new(sender, 1);
        for number in 0..2 * BATCH as u32 {
            let mut record = record(number);
            record.name = number / BATCH as u32;
            recording.take(0, &record, || format!("name {}", record.name));
        }
        assert_eq!(
            recording.flush(),
            BATCH as u64,
            "the second batch found no room"
        );
        let first = batches.recv().unwrap();
        assert_eq!((first.records.len(), first.left_out), (BATCH, 0));
        recording.take(0, &record(2), || "name 2".to_owned());
        assert_eq!(recording.flush(), 0);
        let second = batches.recv().unwrap();
        assert_eq!((second.records.len(), second.left_out), (1, BATCH as u64));
        let names: Vec<u32> = second.names.iter().map(|name| name.number).collect();
        assert_eq!(names, [1, 2]);
    }
}
