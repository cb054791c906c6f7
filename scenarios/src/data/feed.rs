//! Which row comes next, and what happens when there is none. Neighbours: `held.rs` draws, the client counts over all workers.
//! Invariant: `Client::take_row` gives each number once in a run, so a row comes twice only when the feed wraps or is random.

use super::{DataFile, FeedFault};
use crate::{Client, FeedId, Seat, below};
use rand_core::Rng;
use std::sync::Arc;

/// Which row is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// The next of the file, counted over all workers.
    Sequential,
    /// Any, each as likely.
    Random,
    /// As sequential, and a row serves one user alone.
    Unique,
}

impl Strategy {
    /// What happens at the end unless the scenario says.
    pub const fn usual_end(self) -> AtEnd {
        match self {
            Strategy::Sequential | Strategy::Random => AtEnd::Wrap,
            Strategy::Unique => AtEnd::Stop,
        }
    }

    /// How long a user keeps a row unless the scenario says.
    pub const fn usual_hold(self) -> Hold {
        match self {
            Strategy::Sequential | Strategy::Random => Hold::Iteration,
            Strategy::Unique => Hold::User,
        }
    }
}

/// What happens when all rows were drawn; a random feed has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// The run ends in good order.
    Stop,
    /// The first row comes again.
    Wrap,
    /// Whoever asks for a row fails.
    Error,
}

/// How long a user keeps a row that it has drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// For its whole life.
    User,
    /// Until it begins its next iteration.
    Iteration,
}

/// A data file, and how its rows are given out.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The name that scenarios use.
    pub name: String,
    /// Where the rows are.
    pub file: Arc<DataFile>,
    /// Which row is drawn.
    pub strategy: Strategy,
    /// What happens when all were drawn.
    pub at_end: AtEnd,
    /// How long a user keeps a row.
    pub hold: Hold,
    /// Its place among the feeds and counters of its scenario.
    pub id: FeedId,
}

impl Feed {
    /// A feed as it is usual for this strategy.
    pub fn new(
        name: impl Into<String>,
        file: Arc<DataFile>,
        strategy: Strategy,
        id: FeedId,
    ) -> Feed {
        Feed {
            name: name.into(),
            file,
            strategy,
            at_end: strategy.usual_end(),
            hold: strategy.usual_hold(),
            id,
        }
    }

    /// Draws the number of a row.
    ///
    /// # Errors
    /// When all rows were drawn and the feed does not wrap.
    pub fn draw(
        &self,
        rng: &mut impl Rng,
        client: &dyn Client,
        seat: Seat,
    ) -> Result<u64, FeedFault> {
        let rows = self.file.rows();
        if self.strategy == Strategy::Random {
            return Ok(below(rng, rows));
        }
        let taken = client.take_row(seat, self.id);
        match self.at_end {
            _ if taken < rows => Ok(taken),
            AtEnd::Wrap => Ok(taken % rows),
            AtEnd::Error => Err(FeedFault::UsedUpError(self.name.clone())),
            AtEnd::Stop => {
                client.end_run(seat, &used_up(&self.name));
                Err(FeedFault::UsedUp)
            }
        }
    }
}

/// That a feed has no row left, in words.
pub(super) fn used_up(name: &str) -> String {
    format!("the rows of {name} are used up")
}
