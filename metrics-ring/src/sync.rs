//! The atomics and cells under the ring: the real ones, or loom's when its model checker runs the tests.
//! Neighbours: `ring.rs` and `slots.rs` are the only users. Invariant: the real `Slot` is exactly a record in memory,
//! so that slots may lie in a shared region.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

/// A record's place in the ring, watched by loom for concurrent access.
#[cfg(loom)]
pub(crate) type Slot = loom::cell::UnsafeCell<crate::RequestRecord>;
/// A record's place in the ring.
#[cfg(not(loom))]
pub(crate) type Slot = std::cell::UnsafeCell<crate::RequestRecord>;

#[cfg(not(loom))]
const _: () = assert!(size_of::<Slot>() == 64 && align_of::<Slot>() == 8);
