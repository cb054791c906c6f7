//! The atomics and cells under the ring: the real ones, or loom's when its model checker runs the tests.
//! Neighbour: `ring.rs` is the only user. Invariant: the real `Slot` is exactly a record in memory, so that slots
//! may lie in a shared region.

#[cfg(not(loom))]
pub(crate) use plain::{AtomicU64, Ordering, Slot};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
/// A record's place in the ring, watched by loom for concurrent access.
#[cfg(loom)]
pub(crate) type Slot = loom::cell::UnsafeCell<crate::RequestRecord>;

#[cfg(not(loom))]
mod plain {
    use crate::RequestRecord;
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

    /// A record's place in the ring, with loom's face and no cost.
    #[repr(transparent)]
    pub(crate) struct Slot(std::cell::UnsafeCell<RequestRecord>);

    impl Slot {
        /// Lends the record for reading.
        pub(crate) fn with<R>(&self, read: impl FnOnce(*const RequestRecord) -> R) -> R {
            read(self.0.get())
        }

        /// Lends the record for writing.
        pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut RequestRecord) -> R) -> R {
            write(self.0.get())
        }

        /// A slot that holds `record`, for rings on the heap.
        #[cfg(test)]
        pub(crate) fn new(record: RequestRecord) -> Slot {
            Slot(std::cell::UnsafeCell::new(record))
        }
    }
}
