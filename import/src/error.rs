//! Why something cannot be imported: what is wrong, where, and what to do about it.
//! Neighbours: every reader makes one, the command line prints it. Invariant: it has a remedy, it holds no line of the
//! input (that may carry a password), and no control character of the input reaches the terminal through it.

use crate::notes::printable;
use std::fmt;

/// The first thing that makes an input unreadable.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct ImportError {
    /// The file as it was named, or what else was read.
    pub file: String,
    /// The line, counted from 1; 0 where only the key is known.
    pub line: usize,
    /// The column, counted from 1; 0 where only the key is known.
    pub column: usize,
    /// The key it is about, such as `log.entries[3].request.url`; empty for the input as a whole.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl ImportError {
    /// An error with the input as a whole, until a place is given.
    pub(crate) fn new(message: impl Into<String>, remedy: impl Into<String>) -> ImportError {
        ImportError {
            message: printable(&message.into()),
            remedy: remedy.into(),
            ..ImportError::default()
        }
    }

    /// The same error at a line and a column.
    pub(crate) fn at(mut self, line: usize, column: usize) -> ImportError {
        (self.line, self.column) = (line, column);
        self
    }

    /// The same error at a byte of the input.
    pub(crate) fn at_byte(self, text: &str, at: usize) -> ImportError {
        let before = &text.as_bytes()[..at.min(text.len())];
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        // Bytes that begin a character.
        let is_start = |byte: &&u8| **byte & 0xc0 != 0x80;
        let column = before[line_start..].iter().filter(is_start).count() + 1;
        self.at(line, column)
    }

    /// The same error at a key.
    pub(crate) fn key(mut self, key: impl Into<String>) -> ImportError {
        self.key = printable(&key.into());
        self
    }

    /// The same error in a file of this name.
    pub fn in_file(mut self, file: impl Into<String>) -> ImportError {
        self.file = printable(&file.into());
        self
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        let file = match self.file.as_str() {
            "" => "the input",
            file => file,
        };
        match self.line {
            0 => writeln!(f, " --> {file}")?,
            line => writeln!(f, " --> {file}:{line}:{}", self.column)?,
        }
        if !self.key.is_empty() {
            writeln!(f, " = key: {}", self.key)?;
        }
        write!(f, " = help: {}", self.remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_becomes_a_line_and_a_column_of_characters() {
        let error = ImportError::new("it is wrong", "mend it").at_byte("a\nbé\u{1f600}c", 9);
        assert_eq!((error.line, error.column), (2, 4));
    }

    #[test]
    fn no_escape_sequence_of_the_input_reaches_the_terminal() {
        let error = ImportError::new("odd \u{1b}[31m", "mend it")
            .key("a\u{7}")
            .in_file("\u{1b}");
        let said = error.to_string();
        assert!(
            said.chars().all(|c| c == '\n' || !c.is_control()),
            "{said:?}"
        );
    }
}
