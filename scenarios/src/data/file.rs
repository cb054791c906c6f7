//! A data file, mapped and indexed: which columns it has, how many rows, and each row by its number. Neighbours: `index.rs` finds
//! rows, `csv_rows.rs` and `json_rows.rs` read them. Invariant: a file that was opened has at least one column and one row.

use super::{
    csv_rows,
    fault::{DataFileError, RowError, RowFault},
    index::{OpenQuote, RowIndex, line_breaks},
    json_rows,
    row::Row,
};
use crate::mapped;
use bytes::Bytes;
use std::{collections::HashSet, fmt, path::Path};

/// The most columns of a file.
const MOST_COLUMNS: usize = 1 << 12;

/// Rows that are read when a file is opened, so that a slip shows before the run.
const LOOKED_AT: u64 = 100;

/// What UTF-8 files of some programs begin with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How the rows of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataFormat {
    /// Values with a separator between them; the first line names the columns.
    Csv {
        /// One ASCII character, neither a quote nor a line break.
        separator: u8,
    },
    /// A JSON object a line; the keys of the first are the columns.
    JsonLines,
}

impl DataFormat {
    /// The format that a file's name tells: JSON lines by `.jsonl`, `.ndjson` or `.json`, else CSV with commas.
    pub fn of_name(path: &Path) -> DataFormat {
        let extension = path.extension().unwrap_or_default();
        let json = ["jsonl", "ndjson", "json"];
        match json.iter().any(|name| extension.eq_ignore_ascii_case(name)) {
            true => DataFormat::JsonLines,
            false => DataFormat::Csv { separator: b',' },
        }
    }
}

/// A data file, open for the length of a run. Shared by all users; in worker processes through the page cache.
pub struct DataFile {
    name: String,
    bytes: Bytes,
    format: DataFormat,
    columns: Vec<String>,
    index: RowIndex,
}

impl fmt::Debug for DataFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataFile")
            .field("name", &self.name)
            .field("columns", &self.columns)
            .field("rows", &self.rows())
            .finish_non_exhaustive()
    }
}

impl DataFile {
    /// Opens a file whose name tells its format. It must not be changed while it is open.
    ///
    /// # Errors
    /// When it cannot be read, has no rows, or its header or one of its first 100 rows is broken.
    pub fn open(path: impl AsRef<Path>) -> Result<DataFile, DataFileError> {
        let path = path.as_ref();
        DataFile::open_as(path, DataFormat::of_name(path))
    }

    /// Opens a file of this format.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_as(path: impl AsRef<Path>, format: DataFormat) -> Result<DataFile, DataFileError> {
        let path = path.as_ref();
        DataFile::open_named(&path.display().to_string(), path, format)
    }

    /// Opens a file that people know by another name than its path.
    pub(crate) fn open_named(
        name: &str,
        path: &Path,
        format: DataFormat,
    ) -> Result<DataFile, DataFileError> {
        let bytes = mapped::open(path).map_err(|error| DataFileError::Unreadable {
            file: name.to_owned(),
            error,
        })?;
        DataFile::from_bytes(name, bytes, format)
    }

    /// What is in it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A data file in memory; for tests and fuzzing.
    ///
    /// # Errors
    /// As `open`.
    #[doc(hidden)]
    pub fn from_bytes(
        name: &str,
        bytes: Bytes,
        format: DataFormat,
    ) -> Result<DataFile, DataFileError> {
        let file = || name.to_owned();
        let first = first_row(&bytes, format);
        if first == bytes.len() {
            return Err(DataFileError::Empty { file: file() });
        }
        let line = 1 + line_breaks(&bytes[..first]);
        let open_quote = |OpenQuote(at): OpenQuote| DataFileError::OpenQuote {
            file: file(),
            line: 1 + line_breaks(&bytes[..at]),
        };
        let (columns, rows_from) = match format {
            DataFormat::Csv { separator } => {
                let end = csv_rows::end(&bytes, first, separator).map_err(open_quote)?;
                let names = csv_names(&bytes[first..end], separator);
                (names, end)
            }
            DataFormat::JsonLines => {
                let end = json_rows::end(&bytes, first);
                (json_rows::columns(&bytes[first..end]), first)
            }
        };
        let columns = columns.map_err(|fault| match fault {
            RowFault::TooManyFields { names: most } => DataFileError::TooManyColumns {
                file: file(),
                line,
                most,
            },
            fault => DataFileError::Row(RowError {
                file: file(),
                line,
                fault,
            }),
        })?;
        if let (DataFormat::Csv { .. }, [only]) = (format, &columns[..])
            && let Some(separator) = another_separator(&bytes[first..rows_from])
        {
            let (file, name) = (file(), only.clone());
            return Err(DataFileError::OneColumn {
                file,
                line,
                name,
                separator,
            });
        }
        check_names(&columns, name, line)?;
        let index = RowIndex::build(&bytes, rows_from, format).map_err(open_quote)?;
        if index.rows() == 0 {
            return Err(DataFileError::NoRows { file: file() });
        }
        let opened = DataFile {
            name: file(),
            bytes,
            format,
            columns,
            index,
        };
        let mut row = Row::new();
        for number in 0..opened.rows().min(LOOKED_AT) {
            opened.read(number, &mut row).map_err(DataFileError::Row)?;
        }
        Ok(opened)
    }

    /// The file as it was named.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many rows there are; at least 1.
    pub fn rows(&self) -> u64 {
        self.index.rows()
    }

    /// The names of the columns, in their order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The number of the column of this name.
    pub fn column(&self, name: &str) -> Option<u16> {
        let at = self.columns.iter().position(|column| column == name);
        // There are at most MOST_COLUMNS.
        at.map(|at| at as u16)
    }

    /// Reads a row by its number, counted from 0. A CSV row allocates nothing once `row` has held one as long; nor does a row of
    /// JSON lines, unless its strings have escapes or its values are nested.
    ///
    /// # Errors
    /// When the row is broken, or there is none of this number.
    pub fn read(&self, number: u64, row: &mut Row) -> Result<(), RowError> {
        let error = |line, fault| RowError {
            file: self.name.clone(),
            line,
            fault,
        };
        let Some(at) = self.index.find(&self.bytes, number, self.format) else {
            return Err(error(0, RowFault::Gone));
        };
        self.read_at(at, row)
            .map_err(|fault| error(self.index.line(&self.bytes, number, at), fault))
    }

    fn read_at(&self, at: usize, row: &mut Row) -> Result<(), RowFault> {
        let names = self.columns.len();
        match self.format {
            DataFormat::JsonLines => {
                let end = json_rows::end(&self.bytes, at);
                json_rows::read(&self.bytes[at..end], &self.columns, row)
            }
            DataFormat::Csv { separator } => {
                csv_rows::read(&self.bytes[at..], separator, names, row)?;
                match row.ends.len() {
                    got if got < names => Err(RowFault::TooFewFields { got, names }),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// Where the first row or header begins.
fn first_row(bytes: &[u8], format: DataFormat) -> usize {
    let from = match bytes.starts_with(BYTE_ORDER_MARK) {
        true => BYTE_ORDER_MARK.len(),
        false => 0,
    };
    match format {
        DataFormat::Csv { .. } => csv_rows::next(bytes, from),
        DataFormat::JsonLines => json_rows::next(bytes, from),
    }
}

/// The names of columns, without the blanks around them.
fn csv_names(header: &[u8], separator: u8) -> Result<Vec<String>, RowFault> {
    let mut row = Row::new();
    csv_rows::read(header, separator, MOST_COLUMNS, &mut row)?;
    Ok(row.fields().map(|name| name.trim().to_owned()).collect())
}

/// What a header of a single name was probably meant to be separated by.
fn another_separator(header: &[u8]) -> Option<char> {
    let is_one = |byte: &u8| b",;\t|".contains(byte);
    let found = header.iter().find(|byte| is_one(byte))?;
    (!header.contains(&b'"')).then_some(char::from(*found))
}

fn check_names(columns: &[String], file: &str, line: u64) -> Result<(), DataFileError> {
    let file = || file.to_owned();
    if columns.len() > MOST_COLUMNS {
        let most = MOST_COLUMNS;
        return Err(DataFileError::TooManyColumns {
            file: file(),
            line,
            most,
        });
    }
    if columns.is_empty() {
        return Err(DataFileError::NoColumns { file: file(), line });
    }
    let mut seen = HashSet::new();
    for (index, name) in columns.iter().enumerate() {
        if name.trim().is_empty() {
            let number = index + 1;
            return Err(DataFileError::Nameless {
                file: file(),
                line,
                number,
            });
        }
        if !seen.insert(name) {
            let name = name.clone();
            return Err(DataFileError::Doubled {
                file: file(),
                line,
                name,
            });
        }
    }
    Ok(())
}
