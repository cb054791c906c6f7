//! What is wrong with a scenario file: each problem with its place, the value got and a remedy.
//! Neighbours: every reader in this folder makes them, the command line prints them. Invariant: no text here
//! holds a value that came from an environment variable; only what stands in the file is shown.

use std::fmt;

/// A place in a scenario file, with the line it is on, so that it can be shown without the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file as it was named.
    pub file: String,
    /// The line, counted from 1; 0 means the file as a whole.
    pub line: usize,
    /// The column in characters, counted from 1; 0 means the file as a whole.
    pub column: usize,
    /// How many characters of the line are meant; at least 1.
    pub width: usize,
    /// The text of that line.
    pub source_line: String,
}

/// One thing that is wrong with a scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named.
    pub file: String,
    /// The line, counted from 1; 0 means the file as a whole.
    pub line: usize,
    /// The column in characters, counted from 1; 0 means the file as a whole.
    pub column: usize,
    /// How many characters of the line are meant; at least 1.
    pub width: usize,
    /// The text of that line.
    pub source_line: String,
    /// The key it is about, such as `task[0].step[1].get`; empty for the file as a whole.
    pub key: String,
    /// What is wrong, with the value got.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    /// A problem at this place.
    pub fn at(
        place: Place,
        key: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Problem {
        let Place {
            file,
            line,
            column,
            width,
            source_line,
        } = place;
        let (key, message, remedy) = (key.into(), message.into(), remedy.into());
        Problem {
            file,
            line,
            column,
            width,
            source_line,
            key,
            message,
            remedy,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        // The gutter is as wide as the line number; no line, no gutter.
        let gutter = " ".repeat(if self.line == 0 {
            0
        } else {
            self.line.to_string().len()
        });
        if self.line == 0 {
            writeln!(f, "{gutter} --> {}", self.file)?;
        } else {
            writeln!(f, "{gutter}--> {}:{}:{}", self.file, self.line, self.column)?;
            let (text, start, width) = visible_part(&self.source_line, self.column, self.width);
            writeln!(f, "{gutter} |")?;
            writeln!(f, "{} | {text}", self.line)?;
            writeln!(f, "{gutter} | {}{}", " ".repeat(start), "^".repeat(width))?;
        }
        if !self.key.is_empty() {
            writeln!(f, "{gutter} = key: {}", self.key)?;
        }
        write!(f, "{gutter} = help: {}", self.remedy)
    }
}

/// The most characters of a line that are shown.
const VISIBLE: usize = 100;

/// The part of a line around a column (counted from 1), safe to print; with it the number of characters
/// before the column and the width that is left.
fn visible_part(line: &str, column: usize, width: usize) -> (String, usize, usize) {
    let at = column.saturating_sub(1);
    let skip = if at + width.min(VISIBLE / 2) > VISIBLE {
        at - VISIBLE / 4
    } else {
        0
    };
    // A file may hold anything; a terminal is to see no escape sequence.
    let printable = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    let mut text: String = if skip > 0 {
        "…".into()
    } else {
        String::new()
    };
    text.extend(line.chars().skip(skip).take(VISIBLE).map(printable));
    let before = at - skip + usize::from(skip > 0);
    if line.chars().count() > skip + VISIBLE {
        text.push('…');
    }
    let left = text.chars().count().saturating_sub(before).max(1);
    (text, before, width.clamp(1, left))
}

/// The most problems that are shown: whoever has more mends these first.
const MOST_SHOWN: usize = 50;

/// The most files that are named at the end.
const MOST_FILES: usize = 5;

/// Everything that is wrong with a scenario file, in the order of the places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// A single problem with the file as a whole.
    pub(super) fn of_file(file: &str, message: String, remedy: &str) -> Problems {
        let place = Place {
            file: file.into(),
            width: 1,
            ..Place::default()
        };
        Problems(vec![Problem::at(place, "", message, remedy)])
    }

    /// The files that something is wrong with, in words: a file that names others is told with theirs.
    fn files(&self) -> String {
        let mut files: Vec<&str> = Vec::new();
        for Problem { file, .. } in &self.0 {
            if !files.contains(&file.as_str()) {
                files.push(file);
            }
        }
        match files.as_slice() {
            [] => "the scenario".to_owned(),
            [file] => (*file).to_owned(),
            [before @ .., last] if files.len() <= MOST_FILES => {
                format!("{} and {last}", before.join(", "))
            }
            _ => {
                let more = files.len() - MOST_FILES;
                format!("{} and {more} more", files[..MOST_FILES].join(", "))
            }
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.0.iter().take(MOST_SHOWN) {
            writeln!(f, "{problem}\n")?;
        }
        if self.0.len() > MOST_SHOWN {
            writeln!(f, "and {} more\n", self.0.len() - MOST_SHOWN)?;
        }
        let files = self.files();
        match self.0.len() {
            1 => write!(f, "1 problem in {files}"),
            count => write!(f, "{count} problems in {files}"),
        }
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_around_its_column() {
        let line = format!("{}HERE{}", "a".repeat(500), "b".repeat(500));
        let (text, before, width) = visible_part(&line, 501, 4);
        let shown: String = text.chars().skip(before).take(width).collect();
        assert_eq!(shown, "HERE");
        assert!(text.chars().count() <= VISIBLE + 2);
    }

    #[test]
    fn a_file_full_of_problems_does_not_fill_the_screen() {
        let problem = Problem::at(Place::default(), "", "it is wrong", "mend it");
        let said = Problems(vec![problem; 53]).to_string();
        assert_eq!(said.matches("it is wrong").count(), 50);
        assert!(said.ends_with("and 3 more\n\n53 problems in "), "{said}");
    }

    #[test]
    fn the_count_at_the_end_names_each_file_once() {
        let of = |files: &[&str]| {
            let problem = |file: &&str| Problem {
                file: (*file).to_owned(),
                ..Problem::at(Place::default(), "", "it is wrong", "mend it")
            };
            Problems(files.iter().map(problem).collect()).files()
        };
        assert_eq!(of(&["a"]), "a");
        assert_eq!(of(&["a", "a", "b"]), "a and b");
        assert_eq!(of(&["a", "b", "c"]), "a, b and c");
        assert_eq!(
            of(&["a", "b", "c", "d", "e", "f", "g"]),
            "a, b, c, d, e and 2 more"
        );
    }

    #[test]
    fn no_control_character_reaches_the_terminal() {
        let (text, before, width) = visible_part("\ta\u{1b}[31m = 1", 2, 99);
        assert_eq!(text, " a\u{fffd}[31m = 1");
        assert_eq!((before, width), (1, 10));
    }
}
