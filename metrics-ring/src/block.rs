//! A run's memory, and where everything lies in it: control page, then per worker its page, ring, spill and texts.
//! Neighbours: `region.rs` gives shared memory, for the channel transport it is the heap; `transport.rs` uses it.
//! Invariant: it starts zeroed, and every part is valid when zeroed, so nothing but the offsets needs to be agreed on.

#[cfg(test)]
use crate::control::Share;
use crate::control::{RunControl, WorkerControl};
use crate::region::{Region, RegionError, RegionHeader};
use crate::ring::{RingHeader, RingParts};
use crate::sync::Slot;
use crate::text::{TextHeader, TextParts, TextRoom, TextSlot};
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::AtomicBool;

/// Rings begin on a page, so that a worker's memory is its own when it touches it.
const PAGE: usize = 4096;

/// Which faces of a worker's memory have been handed out, in whichever process.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct Claims {
    /// The record sink.
    pub sink: AtomicBool,
    /// The record source.
    pub source: AtomicBool,
    /// The text writer.
    pub text_writer: AtomicBool,
}

/// Where the parts lie, in bytes from the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    workers: usize,
    ring_records: usize,
    spill_records: usize,
    text_room: TextRoom,
    run: usize,
    first_worker: usize,
    worker: WorkerPlan,
    total: usize,
}

/// Where one worker's parts lie, in bytes from the start of its share.
#[derive(Clone, Copy, Debug)]
struct WorkerPlan {
    control: usize,
    claims: usize,
    ring: usize,
    texts: usize,
    text_slots: usize,
    text_bytes: usize,
    slots: usize,
    spill: usize,
    size: usize,
}

/// Lays parts out one after another.
struct Cursor(usize);

impl Cursor {
    /// Room for `count` values of `T`, aligned to lines that two CPUs never share; `None` past the address space.
    fn place<T>(&mut self, count: usize) -> Option<usize> {
        let start = self.align(align_of::<T>().max(128))?;
        self.0 = size_of::<T>().checked_mul(count)?.checked_add(start)?;
        Some(start)
    }

    fn align(&mut self, to: usize) -> Option<usize> {
        self.0 = self.0.checked_next_multiple_of(to)?;
        Some(self.0)
    }
}

impl Plan {
    /// The plan for these numbers; `None` when they are beyond what an address can express.
    pub(crate) fn new(
        workers: usize,
        ring_records: usize,
        spill_records: usize,
        text_room: TextRoom,
    ) -> Option<Plan> {
        let mut at = Cursor(0);
        let worker = WorkerPlan {
            control: at.place::<WorkerControl>(1)?,
            claims: at.place::<Claims>(1)?,
            ring: at.place::<RingHeader>(1)?,
            texts: at.place::<TextHeader>(1)?,
            text_slots: at.place::<TextSlot>(text_room.slots)?,
            text_bytes: at.place::<u8>(text_room.bytes)?,
            slots: {
                at.align(PAGE)?;
                at.place::<Slot>(ring_records)?
            },
            spill: at.place::<Slot>(spill_records)?,
            size: at.align(PAGE)?,
        };
        let mut at = Cursor(0);
        at.place::<RegionHeader>(1)?;
        let run = at.place::<RunControl>(1)?;
        let first_worker = at.align(PAGE)?;
        let total = worker
            .size
            .checked_mul(workers)?
            .checked_add(first_worker)?;
        let plan = Plan {
            workers,
            ring_records,
            spill_records,
            text_room,
            run,
            first_worker,
            worker,
            total,
        };
        (total <= isize::MAX as usize).then_some(plan)
    }
}

/// Where the memory comes from.
enum Backing {
    Shared(#[expect(dead_code, reason = "kept for its drop, which unmaps it")] Region),
    Heap(Layout),
}

/// The memory of one run, laid out by its plan.
pub(crate) struct Block {
    base: NonNull<u8>,
    plan: Plan,
    backing: Backing,
}

// SAFETY: the memory belongs to the block; what is reached through `&Block` is atomics, and faces whose constructors
// demand that there is one of each.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    /// Memory that a fork shares.
    ///
    /// # Errors
    /// When the machine does not give it.
    pub(crate) fn shared(plan: Plan) -> Result<Block, RegionError> {
        let region = Region::create(plan.total)?;
        Ok(Block {
            base: region.base(),
            plan,
            backing: Backing::Shared(region),
        })
    }

    /// Memory for the threads of one process.
    pub(crate) fn heap(plan: Plan) -> Block {
        let layout = Layout::from_size_align(plan.total, PAGE)
            .expect("a plan's size fits the address space");
        // SAFETY: the layout is not empty: it holds at least the control page.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })
            .unwrap_or_else(|| handle_alloc_error(layout));
        Block {
            base,
            plan,
            backing: Backing::Heap(layout),
        }
    }

    /// Workers it was planned for.
    pub(crate) fn workers(&self) -> usize {
        self.plan.workers
    }

    /// The run's control page.
    pub(crate) fn run(&self) -> &RunControl {
        // SAFETY: the plan places a `RunControl` there, zeroed is valid for it, and it is never referred to mutably.
        unsafe { self.at::<RunControl>(self.plan.run).as_ref() }
    }

    /// A worker's control page.
    pub(crate) fn worker(&self, worker: usize) -> &WorkerControl {
        // SAFETY: as in `run`.
        unsafe {
            self.of_worker::<WorkerControl>(worker, self.plan.worker.control)
                .as_ref()
        }
    }

    /// What has been handed out of a worker's memory.
    pub(crate) fn claims(&self, worker: usize) -> &Claims {
        // SAFETY: as in `run`.
        unsafe {
            self.of_worker::<Claims>(worker, self.plan.worker.claims)
                .as_ref()
        }
    }

    /// A worker's ring; valid as long as the block is.
    pub(crate) fn ring(&self, worker: usize) -> RingParts {
        let (plan, own) = (&self.plan, &self.plan.worker);
        let slots = (self.of_worker(worker, own.slots), plan.ring_records);
        let spill = (self.of_worker(worker, own.spill), plan.spill_records);
        // SAFETY: the plan places these parts in these sizes, apart from all others, and zeroed is valid for them.
        unsafe { RingParts::new(self.of_worker(worker, own.ring), slots, spill) }
    }

    /// A worker's text table; valid as long as the block is.
    pub(crate) fn texts(&self, worker: usize) -> TextParts {
        let own = &self.plan.worker;
        let header = self.of_worker(worker, own.texts);
        let slots = self.of_worker(worker, own.text_slots);
        let bytes = self.of_worker(worker, own.text_bytes);
        // SAFETY: as in `ring`.
        unsafe { TextParts::new(header, slots, bytes, self.plan.text_room) }
    }

    /// Reads one byte of every page of a worker's memory, so that the page faults come now and not under load.
    pub(crate) fn touch(&self, worker: usize) {
        let start = self.of_worker::<u8>(worker, 0);
        for offset in (0..self.plan.worker.size).step_by(PAGE) {
            // SAFETY: the byte lies in the worker's share. Only the worker itself writes records and texts, and it is
            // the one that calls this; each page's first byte belongs to an atomic, a slot or a text of its own.
            unsafe { start.add(offset).read_volatile() };
        }
    }

    fn of_worker<T>(&self, worker: usize, offset: usize) -> NonNull<T> {
        let workers = self.plan.workers;
        assert!(
            worker < workers,
            "worker {worker} of a run with {workers} (counted from 0)"
        );
        self.at(self.plan.first_worker + worker * self.plan.worker.size + offset)
    }

    fn at<T>(&self, offset: usize) -> NonNull<T> {
        debug_assert!(offset <= self.plan.total && offset.is_multiple_of(align_of::<T>()));
        // SAFETY: all offsets come from the plan, which ends within the memory.
        unsafe { self.base.add(offset).cast() }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        match &self.backing {
            // The region unmaps itself, and unlinks nothing.
            Backing::Shared(_) => {}
            // SAFETY: this very layout was allocated at `base`, and all faces keep the block alive.
            Backing::Heap(layout) => unsafe { dealloc(self.base.as_ptr(), *layout) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_parts_of_a_plan_overlap_and_rings_begin_on_a_page() {
        let plan = Plan::new(3, 64, 16, TextRoom::new(10, 100)).unwrap();
        let own = plan.worker;
        let room = plan.text_room;
        let parts = [
            (own.control, size_of::<WorkerControl>()),
            (own.claims, size_of::<Claims>()),
            (own.ring, size_of::<RingHeader>()),
            (own.texts, size_of::<TextHeader>()),
            (own.text_slots, size_of::<TextSlot>() * room.slots),
            (own.text_bytes, room.bytes),
            (own.slots, 64 * 64),
            (own.spill, 16 * 64),
            (own.size, 0),
        ];
        for pair in parts.windows(2) {
            assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:?}");
        }
        assert!(plan.run >= size_of::<RegionHeader>());
        assert!(plan.run + size_of::<RunControl>() <= plan.first_worker);
        assert!((plan.first_worker + own.slots).is_multiple_of(PAGE));
        assert_eq!(plan.total, plan.first_worker + 3 * own.size);
    }

    #[test]
    fn a_plan_beyond_the_address_space_is_refused() {
        let room = TextRoom::new(1, 1);
        assert!(Plan::new(1, 1 << 58, 1, room).is_none());
        assert!(Plan::new(usize::MAX, 1, 1, room).is_none());
    }

    #[test]
    fn a_block_begins_zeroed_and_its_workers_do_not_share_memory() {
        let block = Block::heap(Plan::new(2, 0, 0, TextRoom::new(1, 1)).unwrap());
        let share = Share {
            index: 1,
            of: 2,
            from_ns: 7,
        };
        block.worker(0).give_share(share);
        assert_eq!(block.worker(0).shares(0..1).last(), Some(share));
        assert_eq!(block.worker(1).shares_given(), 0);
    }
}
