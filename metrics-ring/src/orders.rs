//! Orders that change the load of a run while it goes on, as the supervisor writes them for all workers at once.
//! Neighbours: `control.rs` holds them, the engine says what they mean. Invariant: an order is published whole, and
//! stays as it is until `ORDERS_KEPT` others have come behind it.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

/// Orders that the page keeps: whoever gives more at a time than workers can have read must wait.
pub const ORDERS_KEPT: usize = 256;

/// A level at which users or arrivals a second are held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeldLevel {
    /// How many, over all parts of the load that it applies to.
    pub value: f64,
    /// The time since which it has been so, in ns since t0: it is shared out as the plan's parts were at that time.
    pub since_ns: u64,
}

/// What the load is from a time on, until the next order's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoadOrder {
    /// From when on, in ns since t0; not before that of the order before it.
    pub from_ns: u64,
    /// Users, where they are not as planned.
    pub users: Option<HeldLevel>,
    /// Arrivals a second, where they are not as planned.
    pub rate: Option<HeldLevel>,
    /// Nothing new is begun.
    pub paused: bool,
}

/// One order on the page.
#[derive(Debug)]
#[repr(C)]
struct OrderSlot {
    from_ns: AtomicU64,
    flags: AtomicU64,
    /// The bits of the numbers.
    users: AtomicU64,
    users_since_ns: AtomicU64,
    rate: AtomicU64,
    rate_since_ns: AtomicU64,
    _spare: [u64; 2],
}

const HAS_USERS: u64 = 1;
const HAS_RATE: u64 = 2;
const IS_PAUSED: u64 = 4;

/// The orders of a run. The supervisor writes, every worker reads.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct LoadOrders {
    given: AtomicU64,
    _spare: [u64; 15],
    /// Number n in slot n modulo their count.
    slots: [OrderSlot; ORDERS_KEPT],
}

const _: () = assert!(size_of::<OrderSlot>() == 64 && size_of::<LoadOrders>() == 128 + 64 * 256);

impl Default for LoadOrders {
    fn default() -> LoadOrders {
        LoadOrders {
            given: AtomicU64::new(0),
            _spare: [0; 15],
            slots: [const { OrderSlot::new() }; ORDERS_KEPT],
        }
    }
}

impl LoadOrders {
    /// How many orders were given so far; they can be read.
    pub fn given(&self) -> u64 {
        // Acquire: pairs with the Release store in `give`, so that the slots of all orders counted can be read.
        self.given.load(Ordering::Acquire)
    }

    /// The orders of these numbers, below `given`, in their order; of more than are kept, the last.
    pub fn numbered(&self, numbers: Range<u64>) -> impl Iterator<Item = LoadOrder> {
        let kept = numbers.end.saturating_sub(ORDERS_KEPT as u64);
        (numbers.start.max(kept)..numbers.end)
            .map(|number| self.slots[number as usize % ORDERS_KEPT].read())
    }

    /// Adds an order. Only the supervisor does; it then tells every worker by `WorkerControl::note_change`.
    pub fn give(&self, order: LoadOrder) {
        // Relaxed: this is the only writer.
        let number = self.given.load(Ordering::Relaxed);
        self.slots[number as usize % ORDERS_KEPT].write(order);
        // Release: pairs with the Acquire load in `given`.
        self.given.store(number + 1, Ordering::Release);
    }
}

impl OrderSlot {
    const fn new() -> OrderSlot {
        OrderSlot {
            from_ns: AtomicU64::new(0),
            flags: AtomicU64::new(0),
            users: AtomicU64::new(0),
            users_since_ns: AtomicU64::new(0),
            rate: AtomicU64::new(0),
            rate_since_ns: AtomicU64::new(0),
            _spare: [0; 2],
        }
    }

    fn read(&self) -> LoadOrder {
        // Relaxed: the count has brought them along.
        let load = |field: &AtomicU64| field.load(Ordering::Relaxed);
        let flags = load(&self.flags);
        let level = |flag, value: &AtomicU64, since_ns: &AtomicU64| {
            (flags & flag != 0).then(|| HeldLevel {
                value: f64::from_bits(load(value)),
                since_ns: load(since_ns),
            })
        };
        LoadOrder {
            from_ns: load(&self.from_ns),
            users: level(HAS_USERS, &self.users, &self.users_since_ns),
            rate: level(HAS_RATE, &self.rate, &self.rate_since_ns),
            paused: flags & IS_PAUSED != 0,
        }
    }

    fn write(&self, order: LoadOrder) {
        // Relaxed: published with the count.
        let store = |field: &AtomicU64, value| field.store(value, Ordering::Relaxed);
        let mut flags = 0;
        let levels = [
            (HAS_USERS, order.users, &self.users, &self.users_since_ns),
            (HAS_RATE, order.rate, &self.rate, &self.rate_since_ns),
        ];
        for (flag, level, value, since_ns) in levels {
            if let Some(level) = level {
                flags |= flag;
                store(value, level.value.to_bits());
                store(since_ns, level.since_ns);
            }
        }
        store(&self.from_ns, order.from_ns);
        store(
            &self.flags,
            flags | if order.paused { IS_PAUSED } else { 0 },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(from_ns: u64) -> LoadOrder {
        LoadOrder {
            from_ns,
            ..LoadOrder::default()
        }
    }

    #[test]
    fn orders_are_read_back_as_given_whatever_stood_in_their_places() {
        let page = LoadOrders::default();
        let level = |value| {
            Some(HeldLevel {
                value,
                since_ns: 17,
            })
        };
        let orders = [
            LoadOrder {
                users: level(50.0),
                ..order(3)
            },
            LoadOrder {
                users: level(0.0),
                rate: level(0.25),
                paused: true,
                ..order(4)
            },
            LoadOrder {
                rate: level(1e9),
                ..order(5)
            },
            order(6),
        ];
        for round in 0..ORDERS_KEPT as u64 {
            let before = page.given();
            assert_eq!(before, round * 5);
            // One more than there are, so that each comes to stand in every place.
            orders
                .iter()
                .chain(&orders[..1])
                .for_each(|order| page.give(*order));
            let read: Vec<LoadOrder> = page.numbered(before..page.given()).collect();
            assert_eq!(read[..4], orders);
            assert_eq!(read[4], orders[0]);
        }
    }

    #[test]
    fn of_too_many_orders_the_last_are_there() {
        let page = LoadOrders::default();
        let all = 3 * ORDERS_KEPT as u64 + 5;
        (0..all).for_each(|from_ns| page.give(order(from_ns)));
        let read: Vec<u64> = page.numbered(0..all).map(|order| order.from_ns).collect();
        assert_eq!(read, (all - ORDERS_KEPT as u64..all).collect::<Vec<_>>());
    }
}
