//! A power-of-two number of record slots, reached by positions that only grow.
//! Neighbours: `ring.rs` has one for the ring and one for the spill. Invariant: a position's slot is
//! `position % count`, and whoever calls says that nobody else is at it.
//!
//! Records move in runs of neighbours, at most two per call: a run is one memory copy, where slot by slot cost 15 %.

use crate::RequestRecord;
use crate::sync::Slot;
use std::ptr::NonNull;

/// The slots, in memory that somebody else owns.
#[derive(Clone, Copy)]
pub(crate) struct Slots {
    first: NonNull<Slot>,
    mask: u64,
}

impl Slots {
    /// The `count` slots from `first` on.
    ///
    /// # Safety
    /// They are initialised (zeroed is initialised), stay valid as long as this value is used, and are used through
    /// it and its copies only.
    ///
    /// # Panics
    /// When the count is not a power of two: positions would not wrap evenly.
    pub(crate) unsafe fn new(first: NonNull<Slot>, count: usize) -> Slots {
        assert!(
            count.is_power_of_two(),
            "a ring's capacities are powers of two, not {count}"
        );
        Slots {
            first,
            mask: count as u64 - 1,
        }
    }

    /// How many there are.
    #[inline]
    pub(crate) fn count(&self) -> u64 {
        self.mask + 1
    }

    /// Writes records to the slots of `position` and those after it.
    ///
    /// # Safety
    /// Nobody else reads or writes these slots meanwhile.
    #[inline]
    pub(crate) unsafe fn write(&self, position: u64, records: &[RequestRecord]) {
        let (near, far) = records.split_at(self.run(position, records.len()));
        // SAFETY: both runs lie within the slots by `run`, and the caller vouches for them.
        unsafe {
            self.write_run(position, near);
            self.write_run(position.wrapping_add(near.len() as u64), far);
        }
    }

    /// Lends the records of `position` and those after it, `count` of them in order.
    ///
    /// # Safety
    /// These slots have been written, and nobody writes them meanwhile.
    #[inline]
    pub(crate) unsafe fn read(
        &self,
        position: u64,
        count: usize,
        mut take: impl FnMut(&RequestRecord),
    ) {
        let near = self.run(position, count);
        // SAFETY: as in `write`.
        unsafe {
            self.read_run(position, near, &mut take);
            self.read_run(position.wrapping_add(near as u64), count - near, &mut take);
        }
    }

    /// How many of `count` slots from `position` on lie before the end.
    #[inline]
    fn run(&self, position: u64, count: usize) -> usize {
        debug_assert!(
            count as u64 <= self.count(),
            "{count} records at once in a smaller ring"
        );
        count.min((self.count() - (position & self.mask)) as usize)
    }

    /// The slot of a position.
    #[inline]
    fn slot(&self, position: u64) -> NonNull<Slot> {
        // SAFETY: the mask keeps the index below the count that `new` was promised.
        unsafe { self.first.add((position & self.mask) as usize) }
    }
}

#[cfg(not(loom))]
impl Slots {
    /// # Safety
    /// As `write`; the slots do not pass the end.
    #[inline]
    unsafe fn write_run(&self, position: u64, records: &[RequestRecord]) {
        let to = self.slot(position).cast::<RequestRecord>();
        // SAFETY: slots are records in memory; the caller vouches for the rest. The records are not the slots
        // themselves: those are written through this type only, which lends them to nobody while it writes.
        unsafe { to.copy_from_nonoverlapping(NonNull::from(records).cast(), records.len()) };
    }

    /// # Safety
    /// As `read`; the slots do not pass the end.
    #[inline]
    unsafe fn read_run(&self, position: u64, count: usize, take: impl FnMut(&RequestRecord)) {
        let from = self.slot(position).cast::<RequestRecord>();
        // SAFETY: slots are records in memory; the caller vouches for the rest.
        let records = unsafe { NonNull::slice_from_raw_parts(from, count).as_ref() };
        records.iter().for_each(take);
    }
}

/// Slot by slot: loom watches each by itself.
#[cfg(loom)]
impl Slots {
    /// # Safety
    /// As `write`.
    unsafe fn write_run(&self, position: u64, records: &[RequestRecord]) {
        for (offset, record) in (0..).zip(records) {
            // SAFETY: the slot is valid by `new`, and shared: loom's cell does the watching.
            let slot = unsafe { self.slot(position.wrapping_add(offset)).as_ref() };
            // SAFETY: the caller vouches that nobody else is at the slot, and loom checks it.
            slot.with_mut(|slot| unsafe { slot.write(*record) });
        }
    }

    /// # Safety
    /// As `read`.
    unsafe fn read_run(&self, position: u64, count: usize, mut take: impl FnMut(&RequestRecord)) {
        for offset in 0..count as u64 {
            // SAFETY: as in `write_run`.
            let slot = unsafe { self.slot(position.wrapping_add(offset)).as_ref() };
            // SAFETY: the caller vouches that nobody writes the slot, and loom checks it.
            slot.with(|slot| take(unsafe { &*slot }));
        }
    }
}
