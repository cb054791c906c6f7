//! Tests of data files and feeds: rows against another reader, what broken files are told, what users draw.

mod bad_files;
mod draws;
mod rows;

use super::{DataFile, DataFileError, DataFormat, Row, RowError};

const CSV: DataFormat = DataFormat::Csv { separator: b',' };

/// A file in memory.
fn file(text: impl AsRef<[u8]>, format: DataFormat) -> Result<DataFile, DataFileError> {
    let bytes = bytes::Bytes::copy_from_slice(text.as_ref());
    DataFile::from_bytes("people.csv", bytes, format)
}

/// The fields of a row.
fn fields(file: &DataFile, number: u64) -> Result<Vec<String>, RowError> {
    let mut row = Row::new();
    file.read(number, &mut row)?;
    Ok(row.fields().map(str::to_owned).collect())
}
