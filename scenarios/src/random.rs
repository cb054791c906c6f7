//! A user's chance, as scenarios written in Rust and templates use it. Neighbours: `user.rs` lends it, `pace.rs` draws without
//! bias. Invariant: everything comes from the user's own seeded generator, so that a run can be repeated.

use crate::pace::below;
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use std::{
    fmt::Write as _,
    ops::{Bound, RangeBounds},
};

/// A user's random numbers: equal from run to run with the same seed.
pub struct Random<'u>(pub(crate) &'u mut ChaCha8Rng);

impl Random<'_> {
    /// A whole number within the range, each as likely: `1..=6` or `0..6`.
    ///
    /// # Panics
    /// When the range is empty; the panic fails the iteration.
    pub fn number(&mut self, range: impl RangeBounds<i64>) -> i64 {
        let low = match range.start_bound() {
            Bound::Included(low) => i128::from(*low),
            Bound::Excluded(low) => i128::from(*low) + 1,
            Bound::Unbounded => i128::from(i64::MIN),
        };
        let high = match range.end_bound() {
            Bound::Included(high) => i128::from(*high),
            Bound::Excluded(high) => i128::from(*high) - 1,
            Bound::Unbounded => i128::from(i64::MAX),
        };
        assert!(low <= high, "a random number needs a range that holds one");
        let count = (high - low + 1) as u128;
        let drawn = match u64::try_from(count) {
            Ok(count) => below(self.0, count),
            // All 2⁶⁴ of them.
            Err(_) => self.0.next_u64(),
        };
        (low + i128::from(drawn)) as i64
    }

    /// A number from 0 up to, but not including, 1.
    pub fn fraction(&mut self) -> f64 {
        // 53 bits are what a double holds below 1.
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Whether something happens that happens with this probability, 0 to 1.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// One of the items, each as likely; `None` when there is none.
    pub fn pick<'i, T>(&mut self, items: &'i [T]) -> Option<&'i T> {
        match items.len() {
            0 => None,
            count => items.get(below(self.0, count as u64) as usize),
        }
    }

    /// A UUID of version 4 (RFC 9562 §5.4).
    pub fn uuid(&mut self) -> String {
        let mut text = String::with_capacity(36);
        self.push_uuid(&mut text);
        text
    }

    /// Letters and digits, so many of them.
    pub fn text(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length);
        self.push_text(length, &mut text);
        text
    }

    pub(crate) fn push_uuid(&mut self, text: &mut String) {
        let (high, low) = (self.0.next_u64(), self.0.next_u64());
        // The version stands in the seventh byte, the variant in the ninth.
        let high = (high & !0xf000) | 0x4000;
        let low = (low & !(0b11 << 62)) | (0b10 << 62);
        let _ = write!(
            text,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        );
    }

    pub(crate) fn push_text(&mut self, length: usize, text: &mut String) {
        const LETTERS: &[u8; 62] =
            b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        for _ in 0..length {
            text.push(LETTERS[below(self.0, 62) as usize] as char);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn numbers_stay_in_their_range_and_reach_both_ends() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut random = Random(&mut rng);
        let drawn: Vec<i64> = (0..200).map(|_| random.number(-1..=2)).collect();
        assert!(drawn.iter().all(|number| (-1..=2).contains(number)));
        assert!(drawn.contains(&-1) && drawn.contains(&2));
        assert_eq!(random.number(5..6), 5);
        random.number(..);
        assert!(random.pick::<u8>(&[]).is_none());
        assert!(!random.chance(0.0) && random.chance(1.0));
    }

    #[test]
    fn a_uuid_says_its_version_and_variant_and_is_new_each_time() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut random = Random(&mut rng);
        let (first, second) = (random.uuid(), random.uuid());
        assert_ne!(first, second);
        for uuid in [first, second] {
            assert_eq!(uuid.len(), 36);
            assert_eq!(uuid.as_bytes()[14], b'4');
            assert!("89ab".contains(uuid.as_bytes()[19] as char));
        }
    }
}
