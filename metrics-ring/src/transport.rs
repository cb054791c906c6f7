//! How records, counters and texts get from workers to the supervisor: one face over shared memory (workers are
//! processes) and over channels (workers are threads). Neighbours: `ring.rs`, `text.rs`, `control.rs` below; the engine above.
//! Invariants: a worker is never kept waiting; records of one worker arrive in order, each once, or are counted as lost.

use crate::RequestRecord;
use crate::block::{Block, Plan};
use crate::control::{RunControl, WorkerControl, raise};
use crate::region::RegionError;
use crate::ring::{Consumer, Overflow, Producer};
use crate::text::{TextReader, TextRoom, TextWriter};
use crossbeam::channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How much each worker's part holds. Numbers of records are rounded up to powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Records in the ring.
    pub ring_records: usize,
    /// Records that wait when the ring is full.
    pub spill_records: usize,
    /// Texts in the table; those past it are counted as "other".
    pub texts: usize,
    /// Bytes of all texts together.
    pub text_bytes: usize,
}

impl Default for Capacity {
    /// Two thirds of a second at 100,000 records a second in the ring, and a quarter of that in the spill: 5.6 MB.
    fn default() -> Capacity {
        Capacity {
            ring_records: 65_536,
            spill_records: 16_384,
            texts: 4_096,
            text_bytes: 256 * 1024,
        }
    }
}

impl Capacity {
    /// As it is carried out: powers of two where positions wrap; texts within 32-bit ids and offsets.
    fn rounded(self) -> Capacity {
        let records = |count: usize| {
            count
                .max(2)
                .checked_next_power_of_two()
                .unwrap_or(1 << (usize::BITS - 1))
        };
        Capacity {
            ring_records: records(self.ring_records),
            spill_records: records(self.spill_records),
            texts: self.texts.min(1 << 31),
            text_bytes: self.text_bytes.min(1 << 31),
        }
    }

    fn plan(self, workers: usize, in_block: bool) -> Option<Plan> {
        let (ring, spill) = if in_block {
            (self.ring_records, self.spill_records)
        } else {
            (0, 0)
        };
        Plan::new(
            workers,
            ring,
            spill,
            TextRoom::new(self.texts, self.text_bytes),
        )
    }
}

/// Which way records travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportKind {
    /// Rings in shared memory; workers are processes.
    SharedMemory,
    /// Channels within one process; workers are threads.
    Channel,
}

impl TransportKind {
    /// The word used in files, flags and on screens: `shm` or `channel`.
    pub const fn as_str(self) -> &'static str {
        match self {
            TransportKind::SharedMemory => "shm",
            TransportKind::Channel => "channel",
        }
    }
}

/// A run's transport: made before the workers are, used on both sides, cheap to clone.
///
/// With shared memory it is carried into the workers by fork. A channel transport is of use only within its process.
#[derive(Clone)]
pub struct Transport {
    shared: Arc<Shared>,
}

struct Shared {
    block: Arc<Block>,
    capacity: Capacity,
    /// By worker; empty with shared memory.
    channels: Vec<(Sender<RequestRecord>, Receiver<RequestRecord>)>,
    /// By worker: whether this process holds its sink. A fork copies it; it says nothing about other processes.
    sink_is_here: Vec<AtomicBool>,
}

impl Transport {
    /// A transport over shared memory. Every page is reserved, and no name is left in `/dev/shm`.
    ///
    /// # Errors
    /// When the machine does not give the memory.
    ///
    /// # Panics
    /// When there is no worker.
    pub fn shared_memory(workers: usize, capacity: Capacity) -> Result<Transport, RegionError> {
        assert!(workers > 0, "a run has at least one worker");
        let capacity = capacity.rounded();
        let too_large = || RegionError::TooLarge {
            workers,
            ring_records: capacity.ring_records,
        };
        let plan = capacity.plan(workers, true).ok_or_else(too_large)?;
        Ok(Transport::over(Block::shared(plan)?, capacity, Vec::new()))
    }

    /// As `shared_memory`; while `/dev/shm` has too little room, ring and spill are halved, down to
    /// `min_ring_records`. `ring_capacity` says what was obtained.
    ///
    /// # Errors
    /// When even the smallest does not fit, or for another reason than room.
    pub fn shared_memory_shrinking(
        workers: usize,
        capacity: Capacity,
        min_ring_records: usize,
    ) -> Result<Transport, RegionError> {
        shrinking(capacity, min_ring_records, |capacity| {
            Transport::shared_memory(workers, capacity)
        })
    }

    /// A transport over channels, for workers that are threads of this process.
    ///
    /// # Panics
    /// When there is no worker, or the numbers are beyond any memory.
    pub fn channel(workers: usize, capacity: Capacity) -> Transport {
        assert!(workers > 0, "a run has at least one worker");
        let capacity = capacity.rounded();
        let plan = capacity
            .plan(workers, false)
            .expect("a channel's capacity fits the memory");
        // One queue is both ring and spill: a thread cannot be killed with records in its hands.
        let length = capacity.ring_records + capacity.spill_records;
        let channels = (0..workers).map(|_| bounded(length)).collect();
        Transport::over(Block::heap(plan), capacity, channels)
    }

    fn over(
        block: Block,
        capacity: Capacity,
        channels: Vec<(Sender<RequestRecord>, Receiver<RequestRecord>)>,
    ) -> Transport {
        let sink_is_here = (0..block.workers())
            .map(|_| AtomicBool::new(false))
            .collect();
        let shared = Shared {
            block: Arc::new(block),
            capacity,
            channels,
            sink_is_here,
        };
        Transport {
            shared: Arc::new(shared),
        }
    }

    /// Which way records travel.
    pub fn kind(&self) -> TransportKind {
        if self.shared.channels.is_empty() {
            TransportKind::SharedMemory
        } else {
            TransportKind::Channel
        }
    }

    /// Workers it was made for.
    pub fn workers(&self) -> usize {
        self.shared.block.workers()
    }

    /// Records that each worker's ring holds.
    pub fn ring_capacity(&self) -> usize {
        self.shared.capacity.ring_records
    }

    /// What holds for the whole run.
    pub fn control(&self) -> &RunControl {
        self.shared.block.run()
    }

    /// A worker's control page.
    ///
    /// # Panics
    /// When there is no such worker.
    pub fn worker(&self, worker: usize) -> &WorkerControl {
        self.shared.block.worker(worker)
    }

    /// The end at which a worker hands its records over; taken in the worker, once, after it has been pinned: its
    /// memory is touched here.
    ///
    /// # Panics
    /// When it has been taken before, or there is no such worker.
    pub fn sink(&self, worker: usize) -> RecordSink {
        claim(
            &self.shared.block.claims(worker).sink,
            "record sink",
            worker,
        );
        let end = match self.shared.channels.get(worker) {
            Some((sender, _)) => SinkEnd::Channel(sender.clone()),
            None => {
                self.shared.block.touch(worker);
                // SAFETY: the claim, in memory that all processes of the run share, says that it is the only producer;
                // the sink keeps the block alive.
                SinkEnd::Ring(unsafe { Producer::new(self.shared.block.ring(worker)) })
            }
        };
        // Release: pairs with the Acquire load in `RecordSource::recover`.
        self.shared.sink_is_here[worker].store(true, Ordering::Release);
        RecordSink {
            end,
            worker,
            shared: Arc::clone(&self.shared),
        }
    }

    /// The end at which the aggregator takes a worker's records; taken once.
    ///
    /// # Panics
    /// When it has been taken before, or there is no such worker.
    pub fn source(&self, worker: usize) -> RecordSource {
        claim(
            &self.shared.block.claims(worker).source,
            "record source",
            worker,
        );
        let end = match self.shared.channels.get(worker) {
            Some((_, receiver)) => SourceEnd::Channel(receiver.clone()),
            // SAFETY: as in `sink`: the only consumer; the source keeps the block alive.
            None => SourceEnd::Ring(unsafe { Consumer::new(self.shared.block.ring(worker)) }),
        };
        RecordSource {
            end,
            worker,
            shared: Arc::clone(&self.shared),
        }
    }

    /// The worker's face of its text table; taken in the worker, once.
    ///
    /// # Panics
    /// When it has been taken before, or there is no such worker.
    pub fn text_writer(&self, worker: usize) -> TextWriter {
        claim(
            &self.shared.block.claims(worker).text_writer,
            "text writer",
            worker,
        );
        let block = Arc::clone(&self.shared.block);
        // SAFETY: the parts lie in this block; the claim says that it is the only writer.
        unsafe { TextWriter::new(block.texts(worker), block) }
    }

    /// A reading face of a worker's text table.
    ///
    /// # Panics
    /// When there is no such worker.
    pub fn text_reader(&self, worker: usize) -> TextReader {
        let block = Arc::clone(&self.shared.block);
        // SAFETY: the parts lie in this block.
        unsafe { TextReader::new(block.texts(worker), block) }
    }
}

/// Takes a face that there is one of.
fn claim(taken: &AtomicBool, what: &str, worker: usize) {
    // AcqRel: of two claims, in whichever processes, one sees the other.
    let before = taken.swap(true, Ordering::AcqRel);
    assert!(
        !before,
        "the {what} of worker {worker} has been taken before: there is one of each"
    );
}

/// Tries ever smaller capacities while there is too little room.
fn shrinking<T>(
    mut capacity: Capacity,
    min_ring_records: usize,
    mut make: impl FnMut(Capacity) -> Result<T, RegionError>,
) -> Result<T, RegionError> {
    capacity = capacity.rounded();
    loop {
        match make(capacity) {
            Err(RegionError::Full { .. })
                if capacity.ring_records / 2 >= min_ring_records.max(2) =>
            {
                capacity.ring_records /= 2;
                capacity.spill_records = (capacity.spill_records / 2).max(2);
            }
            made => return made,
        }
    }
}

/// Where a worker hands its records over. It never waits: what the ring cannot take is spilled, what the spill cannot
/// take is lost, and all of it is counted in the worker's control page.
pub struct RecordSink {
    end: SinkEnd,
    worker: usize,
    shared: Arc<Shared>,
}

enum SinkEnd {
    Ring(Producer),
    Channel(Sender<RequestRecord>),
}

impl RecordSink {
    /// Hands one record over.
    #[inline]
    pub fn push(&mut self, record: &RequestRecord) {
        self.push_batch(std::slice::from_ref(record));
    }

    /// Hands records over, in order.
    #[inline]
    pub fn push_batch(&mut self, records: &[RequestRecord]) {
        let overflow = match &mut self.end {
            SinkEnd::Ring(producer) => producer.push_batch(records),
            SinkEnd::Channel(sender) => {
                send_batch(sender, records, self.shared.capacity.ring_records)
            }
        };
        let control = self.shared.block.worker(self.worker);
        raise(&control.recorded, (records.len() - overflow.lost) as u64);
        if overflow.is_any() {
            raise(&control.stalls, 1);
            let others = u64::from(overflow.lost_others);
            raise(&control.lost, overflow.lost as u64 - others);
            raise(&control.lost_others, others);
        }
    }

    /// Moves records that wait in the spill on into the ring, as far as there is room; called every turn.
    #[inline]
    pub fn flush(&mut self) {
        if let SinkEnd::Ring(producer) = &mut self.end {
            producer.flush();
        }
    }

    /// Records that would go straight into the ring now. For those who can wait, such as benches; a worker cannot.
    pub fn room(&mut self) -> usize {
        let ring_records = self.shared.capacity.ring_records;
        match &mut self.end {
            SinkEnd::Ring(producer) => producer.free(),
            SinkEnd::Channel(sender) => ring_records.saturating_sub(sender.len()),
        }
    }

    /// Records that wait for room in the ring; 0 once everything is with the aggregator or on its way.
    pub fn backlog(&self) -> usize {
        match &self.end {
            SinkEnd::Ring(producer) => producer.backlog(),
            SinkEnd::Channel(sender) => sender
                .len()
                .saturating_sub(self.shared.capacity.ring_records),
        }
    }
}

impl Drop for RecordSink {
    fn drop(&mut self) {
        // Release: pairs with the Acquire load in `RecordSource::recover`; our last writes come before.
        self.shared.sink_is_here[self.worker].store(false, Ordering::Release);
    }
}

/// Sends in order what the queue takes; what is beyond the ring's share of it counts as spilled.
fn send_batch(
    sender: &Sender<RequestRecord>,
    records: &[RequestRecord],
    ring_records: usize,
) -> Overflow {
    let before = sender.len();
    let sent = records
        .iter()
        .take_while(|record| sender.try_send(**record).is_ok())
        .count();
    let spilled = (before + sent).saturating_sub(ring_records).min(sent);
    match &records[sent..] {
        [] if spilled == 0 => Overflow::default(),
        lost => Overflow::new(spilled, lost),
    }
}

/// Where the aggregator takes a worker's records.
pub struct RecordSource {
    end: SourceEnd,
    worker: usize,
    shared: Arc<Shared>,
}

enum SourceEnd {
    Ring(Consumer),
    Channel(Receiver<RequestRecord>),
}

impl RecordSource {
    /// Takes all records that are there now, in order, and returns how many; what comes meanwhile is for the next
    /// call. Should `take` panic, the batch it was in comes again.
    pub fn drain(&mut self, take: impl FnMut(&RequestRecord)) -> usize {
        match &mut self.end {
            SourceEnd::Ring(consumer) => consumer.drain(take),
            SourceEnd::Channel(receiver) => receive_all(receiver, take),
        }
    }

    /// Takes all that a worker left behind, in order: the ring, then the spill. Each record the worker had handed over
    /// comes once, also when it was killed in the middle of something.
    ///
    /// Only once the worker is gone: its process reaped, or its thread's sink dropped. Until then records could come
    /// twice or torn.
    ///
    /// # Panics
    /// When this very process still holds the worker's sink of a ring; a channel is safe to empty at any time.
    pub fn recover(&mut self, take: impl FnMut(&RequestRecord)) -> usize {
        match &mut self.end {
            SourceEnd::Ring(consumer) => {
                // Acquire: pairs with the Release store in the sink's drop.
                let here = self.shared.sink_is_here[self.worker].load(Ordering::Acquire);
                assert!(
                    !here,
                    "worker {} is not gone: its sink is in use",
                    self.worker
                );
                // SAFETY: a sink is handed out once; here it has been dropped, in another process it died with it,
                // which the caller has seen.
                unsafe { consumer.recover(take) }
            }
            SourceEnd::Channel(receiver) => receive_all(receiver, take),
        }
    }
}

fn receive_all(receiver: &Receiver<RequestRecord>, mut take: impl FnMut(&RequestRecord)) -> usize {
    receiver
        .try_iter()
        .take(receiver.len())
        .inspect(|record| take(record))
        .count()
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
