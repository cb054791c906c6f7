//! The receive buffers lent to the kernel: a ring of descriptors and the memory they point to, both mapped once.
//! Neighbours: `uring.rs`. Invariant: a buffer is either the kernel's or being read by us, never both; ids go back
//! through `give_back` once each.

use io_uring::{IoUring, types::BufRingEntry};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::{
    ffi::c_void,
    io,
    num::NonZeroUsize,
    ptr::NonNull,
    sync::atomic::{AtomicU16, Ordering},
};

/// Bytes in one buffer. A larger answer takes several.
pub const BUFFER_BYTES: usize = 4096;

/// Provided buffers and the ring through which they are lent.
pub struct BufferRing {
    memory: NonNull<c_void>,
    entries: NonNull<c_void>,
    count: u16,
    tail: u16,
}

impl BufferRing {
    /// Maps `count` buffers (a power of two) and lends all of them to `ring` as `group`.
    ///
    /// # Errors
    /// When there is no memory, or the kernel does not know provided-buffer rings (before 5.19).
    pub fn new(ring: &IoUring, count: u16, group: u16) -> io::Result<BufferRing> {
        assert!(count.is_power_of_two(), "the kernel masks buffer positions");
        let map = |bytes: usize| -> io::Result<NonNull<c_void>> {
            let length = NonZeroUsize::new(bytes).expect("a buffer ring is not empty");
            let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
            // SAFETY: an anonymous private mapping at an address the kernel chooses overlaps nothing of ours.
            Ok(unsafe { mmap_anonymous(None, length, protection, MapFlags::MAP_PRIVATE) }?)
        };
        let memory = map(usize::from(count) * BUFFER_BYTES)?;
        let entries = map(usize::from(count) * size_of::<BufRingEntry>())?;
        let mut buffers = BufferRing {
            memory,
            entries,
            count,
            tail: 0,
        };
        // SAFETY: `entries` is page-aligned, holds `count` entries, and is unmapped only after the ring is gone: the
        // wire drops its ring first (field order), and `Drop` below runs with the wire.
        unsafe {
            ring.submitter().register_buf_ring_with_flags(
                entries.as_ptr() as u64,
                count,
                group,
                0,
            )?;
        }
        for id in 0..count {
            buffers.give_back(id);
        }
        buffers.publish();
        Ok(buffers)
    }

    /// The first `length` bytes of a buffer that the kernel has just filled.
    pub fn bytes(&self, id: u16, length: usize) -> &[u8] {
        assert!(
            id < self.count && length <= BUFFER_BYTES,
            "the kernel fills only what it was lent"
        );
        // SAFETY: id and length were checked, the memory lives as long as `self`, and the kernel writes to a buffer
        // only between `publish` and its completion; `give_back` takes `&mut self`, so it cannot happen meanwhile.
        unsafe {
            let start = self
                .memory
                .as_ptr()
                .cast::<u8>()
                .add(usize::from(id) * BUFFER_BYTES);
            std::slice::from_raw_parts(start, length)
        }
    }

    /// Puts a buffer back in line; the kernel sees it after `publish`.
    pub fn give_back(&mut self, id: u16) {
        let place = usize::from(self.tail & (self.count - 1));
        // SAFETY: `place` is below `count`, so both pointers stay inside their mappings; the kernel reads entries
        // only up to the published tail, and this one lies behind it.
        unsafe {
            let entry = &mut *self.entries.as_ptr().cast::<BufRingEntry>().add(place);
            let start = self
                .memory
                .as_ptr()
                .cast::<u8>()
                .add(usize::from(id) * BUFFER_BYTES);
            entry.set_addr(start as u64);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    /// Shows the kernel every buffer given back so far.
    pub fn publish(&self) {
        // SAFETY: the tail lies in the first entry's reserved field, 2-byte aligned, shared with the kernel only;
        // Release pairs with the kernel's acquire load of the tail, so that it sees the entries written before.
        unsafe {
            let tail = BufRingEntry::tail(self.entries.as_ptr().cast::<BufRingEntry>());
            (*tail.cast::<AtomicU16>()).store(self.tail, Ordering::Release);
        }
    }
}

impl Drop for BufferRing {
    fn drop(&mut self) {
        // SAFETY: both were mapped in `new` with these lengths and nothing borrowed from them outlives `self`.
        unsafe {
            let _ = munmap(self.memory, usize::from(self.count) * BUFFER_BYTES);
            let _ = munmap(
                self.entries,
                usize::from(self.count) * size_of::<BufRingEntry>(),
            );
        }
    }
}
