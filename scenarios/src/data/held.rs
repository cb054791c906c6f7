//! The rows that one user holds. Neighbours: `user.rs` and templates ask, `life.rs` lets go. Invariant: a user draws a row when it
//! first needs one, and not again until it lets go of it.

use super::{Feed, Hold, RowError, feed::used_up, row::Row};
use crate::{Client, ErrorKind, Failure, Seat};
use rand_core::Rng;

/// Why there is no row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedFault {
    /// All rows were drawn; the client has been told to end the run.
    #[error("the rows are used up and the run ends")]
    UsedUp,
    /// All rows of the feed of this name were drawn, and that is an error.
    #[error("{}", used_up(.0))]
    UsedUpError(String),
    /// The row that was drawn is broken.
    #[error("{}; {}", .0, .0.fault.remedy())]
    Row(Box<RowError>),
}

impl From<FeedFault> for Failure {
    /// In words that are the same each time for the same feed or row.
    fn from(fault: FeedFault) -> Failure {
        match fault {
            FeedFault::UsedUp => Failure::stopped(),
            other => Failure::new(ErrorKind::Check, other.to_string()),
        }
    }
}

/// The rows that one user holds, by the order of its scenario's feeds.
#[derive(Debug, Default)]
pub struct HeldRows {
    rows: Vec<HeldRow>,
}

#[derive(Debug, Default)]
struct HeldRow {
    row: Row,
    is_held: bool,
}

impl HeldRows {
    /// The row of the feed at `index` of `feeds`: the one held, or else the one that is drawn now. After a fault nothing is held:
    /// the next call draws again.
    ///
    /// # Errors
    /// When all rows were drawn, or the one drawn is broken.
    ///
    /// # Panics
    /// When there is no such feed.
    pub fn row(
        &mut self,
        feeds: &[Feed],
        index: usize,
        rng: &mut impl Rng,
        client: &dyn Client,
        seat: Seat,
    ) -> Result<&Row, FeedFault> {
        if self.rows.len() < feeds.len() {
            self.rows.resize_with(feeds.len(), HeldRow::default);
        }
        let (held, feed) = (&mut self.rows[index], &feeds[index]);
        if !held.is_held {
            let number = feed.draw(rng, client, seat)?;
            let read = feed.file.read(number, &mut held.row);
            read.map_err(|error| FeedFault::Row(Box::new(error)))?;
            held.is_held = true;
        }
        Ok(&held.row)
    }

    /// Lets go of the rows that are held for an iteration.
    pub fn end_iteration(&mut self, feeds: &[Feed]) {
        for (held, feed) in self.rows.iter_mut().zip(feeds) {
            held.is_held &= feed.hold == Hold::User;
        }
    }
}
