//! Values from files, a row for each user or iteration: CSV with a header, or JSON lines. Read `file.rs` first, then `feed.rs`
//! and `held.rs`. Neighbours: `document/data.rs` reads `[data.NAME]`, `user.rs` and templates ask for rows.
//! Invariant: a file is mapped once, before the fork; a worker adds no memory to it but the rows that its users hold.

mod csv_rows;
mod fault;
mod feed;
mod file;
mod held;
mod index;
mod json_rows;
mod row;
#[cfg(test)]
mod tests;

pub use fault::{DataFileError, RowError, RowFault};
pub use feed::{AtEnd, Feed, Hold, Strategy};
pub use file::{DataFile, DataFormat};
pub use held::{FeedFault, HeldRows};
pub use row::{DataRow, Row};
