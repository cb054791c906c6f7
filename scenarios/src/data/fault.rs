//! What is wrong with a data file, or with one row of it. Neighbours: `file.rs` makes these; scenario files tell them as problems,
//! users as failures. Invariant: each says the file, the line where there is one, and what to do.

use std::io;

/// Why a data file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataFileError {
    /// The system does not give it.
    #[error("the data file {file} cannot be used: {error}")]
    Unreadable {
        /// The file as it was named.
        file: String,
        /// What the system says.
        error: io::Error,
    },
    /// Nothing is in it, or blank lines alone.
    #[error("the data file {file} is empty")]
    Empty {
        /// The file as it was named.
        file: String,
    },
    /// It has names of columns and nothing else.
    #[error("the data file {file} has a header and no row")]
    NoRows {
        /// The file as it was named.
        file: String,
    },
    /// A name is missing.
    #[error("{file}, line {line}: column {number} has no name")]
    Nameless {
        /// The file as it was named.
        file: String,
        /// The header's line, counted from 1.
        line: u64,
        /// Which column, counted from 1.
        number: usize,
    },
    /// JSON lines: the first object is empty.
    #[error("{file}, line {line}: the object has no key, so there are no columns")]
    NoColumns {
        /// The file as it was named.
        file: String,
        /// The line, counted from 1.
        line: u64,
    },
    /// CSV: a single name with what separates fields in other files.
    #[error("{file}, line {line}: the header names a single column, {name:?}")]
    OneColumn {
        /// The file as it was named.
        file: String,
        /// The header's line, counted from 1.
        line: u64,
        /// The name.
        name: String,
        /// What stands in it.
        separator: char,
    },
    /// Two columns of one name.
    #[error("{file}, line {line}: two columns are named {name:?}")]
    Doubled {
        /// The file as it was named.
        file: String,
        /// The header's line, counted from 1.
        line: u64,
        /// The name.
        name: String,
    },
    /// More columns than can be numbered.
    #[error("{file}, line {line}: there are more than {most} columns")]
    TooManyColumns {
        /// The file as it was named.
        file: String,
        /// The header's line, counted from 1.
        line: u64,
        /// The most there may be.
        most: usize,
    },
    /// A quoted field goes on to the end of the file.
    #[error("{file}, line {line}: the quote that opens a field here is never closed")]
    OpenQuote {
        /// The file as it was named.
        file: String,
        /// The line of the quote, counted from 1.
        line: u64,
    },
    /// The header or one of the first rows is broken.
    #[error(transparent)]
    Row(RowError),
}

impl DataFileError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            DataFileError::Unreadable { .. } => {
                "name a plain file that you may read, relative to the scenario file".into()
            }
            DataFileError::Empty { .. } => {
                "write a line with the names of the columns, then the rows; or an object a line, in a file that ends with \
                 .jsonl"
                    .into()
            }
            DataFileError::NoRows { .. } => {
                "write the rows below the names of the columns; the first line is never a row".into()
            }
            DataFileError::Nameless { .. } => {
                "the first line names the columns: give each a name, and remove separators at its end".into()
            }
            DataFileError::NoColumns { .. } => "the keys of the first object name the columns: write them".into(),
            DataFileError::OneColumn { separator, .. } => {
                format!("set separator = {:?}; if this is its name, put it in quotes", separator.to_string())
            }
            DataFileError::Doubled { .. } => "give each column a name of its own".into(),
            DataFileError::TooManyColumns { .. } => {
                "leave out the columns that the scenario does not use".into()
            }
            DataFileError::OpenQuote { .. } => {
                "close it; a quote within a quoted field is written twice: \"5\"\" pipe\"".into()
            }
            DataFileError::Row(error) => error.fault.remedy().into(),
        }
    }
}

/// A row that is not as it should be, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {fault}")]
pub struct RowError {
    /// The file as it was named.
    pub file: String,
    /// The row's first line, counted from 1; 0 when it cannot be found any more.
    pub line: u64,
    /// What is wrong.
    pub fault: RowFault,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// CSV: a field is missing.
    #[error("the row has {got} of the {names} fields that the header names")]
    TooFewFields {
        /// Fields there are.
        got: usize,
        /// Columns there are.
        names: usize,
    },
    /// CSV: a field too many.
    #[error("the row has more than the {names} fields that the header names")]
    TooManyFields {
        /// Columns there are.
        names: usize,
    },
    /// Bytes that are no text.
    #[error("the row is not UTF-8 text")]
    NotUtf8,
    /// JSON lines: no JSON.
    #[error("the row is not JSON: {what} (column {column})")]
    NotJson {
        /// What the parser says.
        what: String,
        /// The column in bytes, counted from 1.
        column: usize,
    },
    /// JSON lines: something else than an object.
    #[error("the row is not a JSON object")]
    NotAnObject,
    /// JSON lines: a key of the first row is not there.
    #[error("the row has no {0:?}, the first row has")]
    Lacks(String),
    /// JSON lines: a key is there more than once.
    #[error("the row has {0:?} more than once")]
    Twice(String),
    /// It was there when the file was opened.
    #[error("the row is gone: the file was changed during the run")]
    Gone,
}

impl RowFault {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            RowFault::TooFewFields { .. } | RowFault::TooManyFields { .. } => {
                "give each row a field for each column; put a field that holds the separator in quotes, or set `separator`"
            }
            RowFault::NotUtf8 => "save the file as UTF-8",
            RowFault::NotJson { .. } => {
                "write an object a line, each on a single line; for CSV set format = \"csv\""
            }
            RowFault::NotAnObject => {
                "write an object a line, such as {\"user\": \"ann\"}; `jq -c '.[]'` makes such lines of an array"
            }
            RowFault::Lacks(_) => {
                "give each row the keys of the first; write \"\" where there is nothing to say"
            }
            RowFault::Twice(_) => "keep one of the two",
            RowFault::Gone => "leave data files alone while a run uses them",
        }
    }
}
