//! One row of a data file, in memory that is used again for the next. Neighbours: `csv_rows.rs` and `json_rows.rs` fill it.
//! Invariant: starts and ends lie on characters of the text, one pair for each column.

use super::DataFile;
use std::fmt;

/// One row of a data file.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The fields' texts.
    pub(super) text: String,
    /// By column: where its text begins.
    pub(super) starts: Vec<usize>,
    /// By column: where its text ends.
    pub(super) ends: Vec<usize>,
    /// The row as it stands in a file of JSON lines.
    pub(super) raw: Vec<u8>,
}

impl Row {
    /// A row to be filled.
    pub fn new() -> Row {
        Row::default()
    }

    /// The text of a column, by its number in `DataFile::columns`.
    ///
    /// # Panics
    /// When there is no such column, or nothing was read yet.
    pub fn field(&self, column: u16) -> &str {
        let column = usize::from(column);
        &self.text[self.starts[column]..self.ends[column]]
    }

    /// The texts of all columns, in their order.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let spans = self.starts.iter().zip(&self.ends);
        spans.map(|(start, end)| &self.text[*start..*end])
    }

    /// Forgets what was read and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.starts.clear();
        self.ends.clear();
    }
}

/// A row that a user holds, with the names of its columns.
#[derive(Clone, Copy)]
pub struct DataRow<'u> {
    pub(crate) file: &'u DataFile,
    pub(crate) row: &'u Row,
}

impl<'u> DataRow<'u> {
    /// The text of a column; `None` when the file has none of this name.
    pub fn get(&self, column: &str) -> Option<&'u str> {
        let row = self.row;
        self.file.column(column).map(|column| row.field(column))
    }
}

impl fmt::Debug for DataRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.file.columns().iter();
        f.debug_map()
            .entries(columns.zip(self.row.fields()))
            .finish()
    }
}
