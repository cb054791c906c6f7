//! A lock-free ring with one producer, one consumer and a spill, over memory that it does not own.
//! Neighbours: `slots.rs` moves the records, `block.rs` says where the memory lies, `transport.rs` hands the ends out.
//!
//! Every record handed over has a position. Positions only grow (modulo 2^64), and these hold at every moment:
//!
//! * `head <= tail <= head + capacity`: records `[head, tail)` lie in the ring, at `position % capacity`;
//! * `tail <= written <= tail + spill capacity`: records `[tail, written)` lie in the spill, at `position % spill
//!   capacity`, waiting for room. On the fast path only `tail` is stored; a stored `written` behind it means "none".
//!
//! Each hand-over is one store: `tail` moves a record into the ring, or from the spill into the ring; `written` puts it
//! into the spill. So whenever the producer is killed, `tail` and `written` say exactly which records exist and where,
//! and `Consumer::recover` takes each of them once.

use crate::slots::Slots;
use crate::sync::{AtomicU64, Ordering, Slot};
use crate::{RecordKind, RequestRecord};
use std::ptr::NonNull;
use std::sync::atomic::{Ordering as FenceOrdering, compiler_fence};

/// How many records are taken before their room is given back: often enough for a producer that waits for it,
/// seldom enough that the line of `head` moves between the CPUs once in a thousand records.
const DRAIN_BATCH: u64 = 1024;

/// The positions in shared memory. Zeroed memory is an empty ring.
#[repr(C)]
pub(crate) struct RingHeader {
    producer: ProducerLine,
    consumer: ConsumerLine,
}

// 128 bytes: today's prefetchers fetch cache lines in pairs.
#[repr(C, align(128))]
struct ProducerLine {
    /// Where the next record goes: all before it are published in the ring. Written by the producer.
    tail: AtomicU64,
    /// The end of the spill, when it is ahead of `tail`. Written by the producer.
    written: AtomicU64,
}

#[repr(C, align(128))]
struct ConsumerLine {
    /// The next record to take: the slots of all before it are free. Written by the consumer.
    head: AtomicU64,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<RingHeader>() == 256 && align_of::<RingHeader>() == 128);

/// Where a ring's parts lie.
#[derive(Clone, Copy)]
pub(crate) struct RingParts {
    header: NonNull<RingHeader>,
    slots: Slots,
    spill: Slots,
}

impl RingParts {
    /// Names the parts: `capacity` slots and `spill_capacity` spill slots.
    ///
    /// # Safety
    /// All three point to initialised memory of these sizes (zeroed is initialised) that stays valid, and is used for
    /// nothing else, as long as this value or an end made from it is used.
    ///
    /// # Panics
    /// When a capacity is not a power of two.
    pub(crate) unsafe fn new(
        header: NonNull<RingHeader>,
        (slots, capacity): (NonNull<Slot>, usize),
        (spill, spill_capacity): (NonNull<Slot>, usize),
    ) -> RingParts {
        // SAFETY: the caller vouches for both.
        let (slots, spill) = unsafe {
            (
                Slots::new(slots, capacity),
                Slots::new(spill, spill_capacity),
            )
        };
        RingParts {
            header,
            slots,
            spill,
        }
    }

    fn producer_line(&self) -> &ProducerLine {
        // SAFETY: `new` requires a valid header; it is only ever shared, all its fields are atomics.
        unsafe { &self.header.as_ref().producer }
    }

    fn consumer_line(&self) -> &ConsumerLine {
        // SAFETY: as in `producer_line`.
        unsafe { &self.header.as_ref().consumer }
    }

    /// How many records wait in the spill: `written` ahead of `tail`; a stale `written` is behind and counts as 0.
    fn spilled(&self, tail: u64, written: u64) -> u64 {
        // The distance is far below 2^63 either way, so its sign says which is ahead even across the wrap.
        let ahead = written
            .wrapping_sub(tail)
            .cast_signed()
            .max(0)
            .cast_unsigned();
        assert!(
            ahead <= self.spill.count(),
            "{ahead} records wait in a smaller spill"
        );
        ahead
    }
}

/// What became of records that did not fit into the ring. Two words, so that it is returned in registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overflow {
    /// Records that went to the spill.
    pub spilled: u32,
    /// Of those lost, records of anything but requests.
    pub lost_others: u32,
    /// Records that found the spill full too, and are gone.
    pub lost: usize,
}

impl Overflow {
    /// So many records that wait, and those that are gone; far fewer than a `u32` holds.
    #[cold]
    pub(crate) fn new(spilled: usize, lost: &[RequestRecord]) -> Overflow {
        let is_other = |record: &&RequestRecord| record.kind != RecordKind::Request as u8;
        Overflow {
            spilled: spilled as u32,
            lost_others: lost.iter().filter(is_other).count() as u32,
            lost: lost.len(),
        }
    }

    /// Whether anything did not fit. Two fields say it all; comparing three costs four instructions a record.
    #[inline]
    pub(crate) fn is_any(self) -> bool {
        self.spilled as usize | self.lost != 0
    }
}

/// The worker's end.
pub(crate) struct Producer {
    parts: RingParts,
    /// What is stored in `tail`.
    tail: u64,
    /// `max(written, tail)`.
    written: u64,
    /// `head` when last looked at: never ahead of the real one.
    head_seen: u64,
}

// SAFETY: the parts are plain memory that outlives the end (`RingParts::new`); nothing in it belongs to a thread.
unsafe impl Send for Producer {}

impl Producer {
    /// The producing end, continuing where the header stands.
    ///
    /// # Safety
    /// It is the only producer of this ring, in any process, at any time.
    pub(crate) unsafe fn new(parts: RingParts) -> Producer {
        let line = parts.producer_line();
        // Relaxed: nobody else writes these two.
        let tail = line.tail.load(Ordering::Relaxed);
        let spilled = parts.spilled(tail, line.written.load(Ordering::Relaxed));
        // Acquire: as in `room`.
        let head_seen = parts.consumer_line().head.load(Ordering::Acquire);
        Producer {
            parts,
            tail,
            written: tail.wrapping_add(spilled),
            head_seen,
        }
    }

    /// Hands records over, in order, without ever waiting: into the ring, else the spill, else they are lost.
    #[inline]
    pub(crate) fn push_batch(&mut self, records: &[RequestRecord]) -> Overflow {
        // Records in the spill come first; while there are any, new ones queue behind them.
        let fit = if self.flush() == 0 {
            self.room(records.len())
        } else {
            0
        };
        let (into_ring, rest) = records.split_at(fit);
        if fit > 0 {
            // SAFETY: `room` said that the consumer is done with these slots, and it does not look at them before
            // `publish`; there is no other producer.
            unsafe { self.parts.slots.write(self.tail, into_ring) };
            self.publish(fit);
            self.written = self.tail;
        }
        if rest.is_empty() {
            Overflow::default()
        } else {
            self.spill(rest)
        }
    }

    /// Moves records from the spill into the ring, as many as there is room for; returns how many still wait.
    #[inline]
    pub(crate) fn flush(&mut self) -> usize {
        if self.backlog() > 0 {
            self.unspill();
        }
        self.backlog()
    }

    /// How many records wait in the spill.
    #[inline]
    pub(crate) fn backlog(&self) -> usize {
        self.written.wrapping_sub(self.tail) as usize
    }

    /// How many records would go straight into the ring now.
    pub(crate) fn free(&mut self) -> usize {
        if self.flush() == 0 {
            self.room(self.parts.slots.count() as usize)
        } else {
            0
        }
    }

    /// How many of `wanted` records the ring has room for.
    #[inline]
    fn room(&mut self, wanted: usize) -> usize {
        let capacity = self.parts.slots.count();
        let mut free = capacity.saturating_sub(self.tail.wrapping_sub(self.head_seen));
        // Possibly full by what was seen last; only then is the consumer's line fetched.
        if free < wanted as u64 {
            // Acquire: pairs with the Release store in `Consumer::give_back`; its reads of the slots come before our
            // writes.
            self.head_seen = self.parts.consumer_line().head.load(Ordering::Acquire);
            free = capacity.saturating_sub(self.tail.wrapping_sub(self.head_seen));
        }
        wanted.min(free as usize)
    }

    /// Gives the next `count` slots to the consumer.
    #[inline]
    fn publish(&mut self, count: usize) {
        self.tail = self.tail.wrapping_add(count as u64);
        // Release: pairs with the Acquire load in `Consumer::drain`; the slots are written before they are seen.
        self.parts
            .producer_line()
            .tail
            .store(self.tail, Ordering::Release);
    }

    #[cold]
    fn spill(&mut self, records: &[RequestRecord]) -> Overflow {
        // A kill may come between any two instructions and what is in memory then is all there is. The slots written
        // here may be those that the last `publish` freed: the compiler must not move these writes above it. (The
        // CPU's own order does not matter: all stores of a killed process are done when it has been reaped.)
        compiler_fence(FenceOrdering::SeqCst);
        let room = self.parts.spill.count() as usize - self.backlog();
        let (kept, lost) = records.split_at(records.len().min(room));
        // SAFETY: these slots are not in `[tail, written)`, so they hold nothing that waits; the consumer reads the
        // spill only when there is no producer any more.
        unsafe { self.parts.spill.write(self.written, kept) };
        self.written = self.written.wrapping_add(kept.len() as u64);
        // Release: pairs with the Acquire load in `Consumer::recover`.
        self.parts
            .producer_line()
            .written
            .store(self.written, Ordering::Release);
        Overflow::new(kept.len(), lost)
    }

    #[cold]
    fn unspill(&mut self) {
        let count = self.room(self.backlog());
        let RingParts { slots, spill, .. } = self.parts;
        let mut position = self.tail;
        let move_on = |record: &RequestRecord| {
            // SAFETY: the slot is free by `room`, as in `push_batch`.
            unsafe { slots.write(position, std::slice::from_ref(record)) };
            position = position.wrapping_add(1);
        };
        // SAFETY: the positions are in `[tail, written)`, so these spill slots were written, by us, who are not writing.
        unsafe { spill.read(self.tail, count, move_on) };
        if count > 0 {
            self.publish(count);
        }
    }
}

/// The aggregator's end.
pub(crate) struct Consumer {
    parts: RingParts,
    /// What is stored in `head`.
    head: u64,
}

// SAFETY: as for `Producer`.
unsafe impl Send for Consumer {}

impl Consumer {
    /// The consuming end, continuing where the header stands.
    ///
    /// # Safety
    /// It is the only consumer of this ring, in any process, at any time.
    pub(crate) unsafe fn new(parts: RingParts) -> Consumer {
        // Relaxed: nobody else writes it.
        Consumer {
            parts,
            head: parts.consumer_line().head.load(Ordering::Relaxed),
        }
    }

    /// Takes all records that were in the ring when it was called; what comes meanwhile is for the next call.
    pub(crate) fn drain(&mut self, mut take: impl FnMut(&RequestRecord)) -> usize {
        // Acquire: pairs with the Release store in `Producer::publish`.
        let tail = self.parts.producer_line().tail.load(Ordering::Acquire);
        let count = tail.wrapping_sub(self.head);
        assert!(
            count <= self.parts.slots.count(),
            "{count} records in a smaller ring"
        );
        while self.head != tail {
            let batch = DRAIN_BATCH.min(tail.wrapping_sub(self.head));
            // SAFETY: the positions are in `[head, tail)`: written before `tail` was published, and the producer leaves
            // them alone until `head` has passed them, below.
            unsafe { self.parts.slots.read(self.head, batch as usize, &mut take) };
            self.give_back(self.head.wrapping_add(batch));
        }
        count as usize
    }

    /// Takes all that a dead producer left behind, in order: the ring, then the spill. Afterwards both are empty.
    ///
    /// # Safety
    /// The producer is gone: its process has been reaped or its thread joined, and there will be no other.
    pub(crate) unsafe fn recover(&mut self, mut take: impl FnMut(&RequestRecord)) -> usize {
        let in_ring = self.drain(&mut take);
        // Acquire: pairs with the Release store in `Producer::spill`.
        let written = self.parts.producer_line().written.load(Ordering::Acquire);
        let tail = self.head;
        let in_spill = self.parts.spilled(tail, written);
        // SAFETY: the positions are in `[tail, written)`, so the slots were written, and nobody writes any more.
        unsafe { self.parts.spill.read(tail, in_spill as usize, &mut take) };
        let end = tail.wrapping_add(in_spill);
        // In the dead producer's stead, so that nothing is ever taken twice. Relaxed: nobody else is left to look.
        self.parts
            .producer_line()
            .tail
            .store(end, Ordering::Relaxed);
        self.give_back(end);
        in_ring + in_spill as usize
    }

    /// Moves `head`: the slots before it are the producer's again.
    fn give_back(&mut self, head: u64) {
        self.head = head;
        // Release: pairs with the Acquire load in `Producer::room`; our reads come before the slots are written again.
        self.parts
            .consumer_line()
            .head
            .store(head, Ordering::Release);
    }
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
