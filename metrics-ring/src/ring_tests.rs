//! The ring against a model (two `VecDeque`s), and under loom.

use super::*;

/// A ring's memory on the heap, its positions starting where the test wants them.
struct HeapRing {
    header: RingHeader,
    slots: Vec<Slot>,
    spill: Vec<Slot>,
}

impl HeapRing {
    fn new(capacity: usize, spill_capacity: usize, start: u64) -> HeapRing {
        // Never a record of the tests, so a slot that is read before it is written shows.
        let blank = RequestRecord::numbered(u64::MAX / 3);
        HeapRing {
            header: RingHeader {
                producer: ProducerLine {
                    tail: AtomicU64::new(start),
                    written: AtomicU64::new(start),
                },
                consumer: ConsumerLine {
                    head: AtomicU64::new(start),
                },
            },
            slots: (0..capacity).map(|_| Slot::new(blank)).collect(),
            spill: (0..spill_capacity).map(|_| Slot::new(blank)).collect(),
        }
    }

    /// The two ends. The caller keeps `self` alive and calls this once.
    fn ends(&self) -> (Producer, Consumer) {
        // SAFETY: the parts are as long as they say and live as long as `self`; these are the only two ends. The
        // pointers are used for shared access alone (atomics and cells).
        unsafe {
            let parts = RingParts::new(
                NonNull::from(&self.header),
                (NonNull::from(&self.slots[..]).cast(), self.slots.len()),
                (NonNull::from(&self.spill[..]).cast(), self.spill.len()),
            );
            (Producer::new(parts), Consumer::new(parts))
        }
    }
}

fn numbered(numbers: std::ops::Range<u64>) -> Vec<RequestRecord> {
    numbers.map(RequestRecord::numbered).collect()
}

#[cfg(not(loom))]
mod model {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[derive(Clone, Debug)]
    enum Step {
        Push(usize),
        Flush,
        Drain,
        /// The worker's end is made anew from what stands in memory.
        Reattach,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0usize..12).prop_map(Step::Push),
            1 => Just(Step::Flush),
            2 => Just(Step::Drain),
            1 => Just(Step::Reattach),
        ]
    }

    /// What the ring is meant to be.
    struct Model {
        ring: VecDeque<RequestRecord>,
        spill: VecDeque<RequestRecord>,
        capacity: usize,
        spill_capacity: usize,
    }

    impl Model {
        fn flush(&mut self) {
            while self.ring.len() < self.capacity {
                let Some(record) = self.spill.pop_front() else {
                    return;
                };
                self.ring.push_back(record);
            }
        }

        fn push(&mut self, record: RequestRecord, overflow: &mut Overflow) {
            if self.spill.is_empty() && self.ring.len() < self.capacity {
                self.ring.push_back(record);
            } else if self.spill.len() < self.spill_capacity {
                self.spill.push_back(record);
                overflow.spilled += 1;
            } else {
                overflow.lost += 1;
                overflow.lost_others += u32::from(record.kind != RecordKind::Request as u8);
            }
        }
    }

    fn starts() -> impl Strategy<Value = u64> {
        prop_oneof![
            Just(0),
            any::<u64>(),
            (0u64..40).prop_map(|below| u64::MAX - below)
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 16 } else { 2_000 },
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn the_ring_and_its_spill_do_what_two_queues_would_do(
            (capacity, spill_capacity) in (0u32..5, 0u32..5).prop_map(|(a, b)| (1 << a, 1 << b)),
            start in starts(),
            steps in proptest::collection::vec(step(), 0..60),
        ) {
            let memory = HeapRing::new(capacity, spill_capacity, start);
            let (mut producer, mut consumer) = memory.ends();
            let mut model =
                Model { ring: VecDeque::new(), spill: VecDeque::new(), capacity, spill_capacity };
            let mut next = 0;
            for step in steps {
                match step {
                    Step::Push(count) => {
                        let records = numbered(next..next + count as u64);
                        next += count as u64;
                        let mut expected = Overflow::default();
                        model.flush();
                        records.iter().for_each(|record| model.push(*record, &mut expected));
                        prop_assert_eq!(producer.push_batch(&records), expected);
                    }
                    Step::Flush => {
                        model.flush();
                        prop_assert_eq!(producer.flush(), model.spill.len());
                    }
                    Step::Drain => {
                        let mut taken = Vec::new();
                        let count = consumer.drain(|record| taken.push(*record));
                        prop_assert_eq!(count, taken.len());
                        prop_assert_eq!(taken, model.ring.drain(..).collect::<Vec<_>>());
                    }
                    Step::Reattach => (producer, consumer) = memory.ends(),
                }
                prop_assert_eq!(producer.backlog(), model.spill.len());
            }
            // The worker dies here, with whatever stands in the ring and the spill.
            let mut taken = Vec::new();
            // SAFETY: the producer is not used any more.
            let count = unsafe { consumer.recover(|record| taken.push(*record)) };
            prop_assert_eq!(count, taken.len());
            prop_assert_eq!(taken, model.ring.into_iter().chain(model.spill).collect::<Vec<_>>());
            // SAFETY: as above.
            let again = unsafe { consumer.recover(|_| ()) };
            prop_assert_eq!(again + consumer.drain(|_| ()), 0);
        }
    }

    #[test]
    fn two_threads_pass_records_in_order_through_a_small_ring_and_spill() {
        let total: u64 = if cfg!(miri) { 300 } else { 300_000 };
        let memory = HeapRing::new(8, 16, u64::MAX - 100);
        let (mut producer, mut consumer) = memory.ends();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut sent = 0;
                while sent < total {
                    // The spill has room for the whole batch whenever it is empty, so nothing may be lost.
                    let batch = 1 + (sent % 16).min(total - sent - 1);
                    let overflow = producer.push_batch(&numbered(sent..sent + batch));
                    assert_eq!(overflow.lost, 0);
                    sent += batch;
                    while producer.flush() > 0 {
                        std::thread::yield_now();
                    }
                }
            });
            let mut taken = 0;
            while taken < total {
                let count = consumer.drain(|record| {
                    assert_eq!(*record, RequestRecord::numbered(taken));
                    taken += 1;
                });
                if count == 0 {
                    std::thread::yield_now();
                }
            }
        });
    }

    /// A day at a million records a second is 10^11 positions, which nobody waits for: it begins shortly before.
    #[test]
    fn a_day_of_records_passes_wherever_its_positions_carry_or_wrap() {
        let below = 300;
        for around in [1 << 32, 100_000_000_000, 1 << 63, u64::MAX] {
            for (capacity, spill_capacity) in [(1, 1), (8, 16), (64, 2)] {
                let memory = HeapRing::new(capacity, spill_capacity, around - below);
                let (mut producer, mut consumer) = memory.ends();
                let (mut sent, mut taken) = (0, 0);
                let take = |record: &RequestRecord, taken: &mut u64| {
                    assert_eq!(*record, RequestRecord::numbered(*taken), "around {around}");
                    *taken += 1;
                };
                while sent < 3 * below {
                    // Ring and spill full to the last slot, so that both wrap at every position.
                    let batch = (capacity + spill_capacity) as u64;
                    let overflow = producer.push_batch(&numbered(sent..sent + batch));
                    assert_eq!(
                        (overflow.spilled, overflow.lost),
                        (spill_capacity as u32, 0)
                    );
                    sent += batch;
                    while taken < sent {
                        consumer.drain(|record| take(record, &mut taken));
                        producer.flush();
                    }
                }
                // The worker dies behind the wrap, with a record in the ring and one in the spill.
                producer.push_batch(&numbered(sent..sent + capacity as u64 + 1));
                // SAFETY: the producer is not used any more.
                unsafe { consumer.recover(|record| take(record, &mut taken)) };
                assert_eq!(taken, sent + capacity as u64 + 1);
            }
        }
    }

    #[test]
    #[should_panic(expected = "powers of two")]
    fn a_capacity_that_is_no_power_of_two_is_refused() {
        HeapRing::new(3, 4, 0).ends();
    }
}

/// Run with `RUSTFLAGS="--cfg loom" cargo test -p loadforge-ring --release --lib loom`.
#[cfg(loom)]
mod loom {
    use super::*;
    use ::loom::sync::Arc;

    /// Runs `produce` and some drains side by side in every order that the memory model allows, then recovers what is
    /// left; `expected` records must have come through, numbered without a gap, and `lost` not.
    fn check(drains: usize, produce: fn(&mut Producer) -> usize, expected: u64, may_lose: usize) {
        ::loom::model(move || {
            // The start lies just before the wrap.
            let memory = Arc::new(HeapRing::new(2, 2, u64::MAX - 1));
            let (mut producer, mut consumer) = memory.ends();
            let worker = ::loom::thread::spawn({
                let memory = Arc::clone(&memory);
                move || {
                    let lost = produce(&mut producer);
                    drop(memory);
                    lost
                }
            });
            let mut taken = Vec::new();
            for _ in 0..drains {
                consumer.drain(|record| taken.push(*record));
            }
            let lost = worker.join().unwrap();
            assert!(lost <= may_lose);
            // SAFETY: the producer's thread has been joined.
            unsafe { consumer.recover(|record| taken.push(*record)) };
            assert_eq!(taken.len() as u64 + lost as u64, expected);
            // Only the newest can be lost.
            assert_eq!(taken, numbered(0..expected - lost as u64));
        });
    }

    #[test]
    fn single_records_come_through_once_and_in_order() {
        check(
            2,
            |producer| {
                (0..4)
                    .map(|i| producer.push_batch(&numbered(i..i + 1)).lost)
                    .sum()
            },
            4,
            0,
        );
    }

    #[test]
    fn a_batch_greater_than_the_ring_waits_in_the_spill_until_flushed() {
        check(
            2,
            |producer| {
                let lost = producer.push_batch(&numbered(0..4)).lost;
                producer.flush();
                producer.flush();
                lost
            },
            4,
            0,
        );
    }

    #[test]
    fn spill_slots_are_reused_only_after_their_records_have_moved_on() {
        check(
            2,
            |producer| {
                let first = producer.push_batch(&numbered(0..3)).lost;
                producer.flush();
                first + producer.push_batch(&numbered(3..5)).lost
            },
            5,
            1,
        );
    }

    #[test]
    fn a_full_spill_loses_the_newest_and_says_so() {
        check(
            1,
            |producer| producer.push_batch(&numbered(0..5)).lost,
            5,
            1,
        );
    }
}
