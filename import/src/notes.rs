//! What was left out or changed on the way: said once for each kind, never silently. Neighbours: every reader adds
//! some, the command line prints them. Invariant: a note is a short line without control characters, and never holds
//! the value of a secret.

use std::collections::BTreeMap;

/// The most characters of a note.
const LONGEST: usize = 400;

/// The most names that one note lists.
const MOST_NAMES: usize = 12;

/// Notes in the order in which they came up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes {
    entries: Vec<Entry>,
    /// Where the entry of a text stands.
    places: BTreeMap<String, usize>,
}

#[derive(Clone, Debug)]
struct Entry {
    text: String,
    names: Vec<String>,
    remedy: String,
}

impl Notes {
    /// Notes something, unless it was noted before.
    pub(crate) fn add(&mut self, text: impl Into<String>) {
        self.entry(text.into(), "");
    }

    /// Notes something about a name: all names of the same text come in one note, `text: name, name; remedy`.
    pub(crate) fn about(&mut self, text: &str, name: &str, remedy: &str) {
        let at = self.entry(text.to_owned(), remedy);
        let names = &mut self.entries[at].names;
        // Beyond the names that are shown only their number counts.
        if names.len() >= MOST_NAMES || !names.iter().any(|have| have == name) {
            names.push(match names.len() < MOST_NAMES {
                true => name.to_owned(),
                false => String::new(),
            });
        }
    }

    fn entry(&mut self, text: String, remedy: &str) -> usize {
        if let Some(at) = self.places.get(&text) {
            return *at;
        }
        self.entries.push(Entry {
            text: text.clone(),
            names: Vec::new(),
            remedy: remedy.to_owned(),
        });
        self.places.insert(text, self.entries.len() - 1);
        self.entries.len() - 1
    }

    /// The notes as lines.
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.entries.iter().map(Entry::line).collect()
    }
}

impl Entry {
    fn line(&self) -> String {
        let mut line = self.text.clone();
        if !self.names.is_empty() {
            let shown = &self.names[..self.names.len().min(MOST_NAMES)];
            line.push_str(&format!(": {}", shown.join(", ")));
            match self.names.len() - shown.len() {
                0 => {}
                more => line.push_str(&format!(" and {more} more")),
            }
        }
        let mut line = printable(&line);
        if let Some((end, _)) = line.char_indices().nth(LONGEST) {
            line.truncate(end);
            line.push('…');
        }
        if !self.remedy.is_empty() {
            line.push_str("; ");
            line.push_str(&self.remedy);
        }
        line
    }
}

/// The text on one line, safe to print.
pub(crate) fn printable(text: &str) -> String {
    let safe = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kind_is_said_once_with_all_its_names() {
        let mut notes = Notes::default();
        for name in ["sec-a", "sec-b", "sec-a"] {
            notes.about("headers left out", name, "add them by hand");
        }
        notes.add("another");
        notes.add("another");
        assert_eq!(
            notes.into_lines(),
            [
                "headers left out: sec-a, sec-b; add them by hand",
                "another"
            ]
        );
    }

    #[test]
    fn a_thousand_names_do_not_fill_the_screen() {
        let mut notes = Notes::default();
        for name in 0..1000 {
            notes.about("requests left out", &name.to_string(), "");
        }
        let line = notes.into_lines().remove(0);
        assert!(line.ends_with("10, 11 and 988 more"), "{line}");
    }

    #[test]
    fn a_note_is_one_short_line_whatever_it_is_about() {
        let mut notes = Notes::default();
        notes.about("odd", &"\u{1b}[31m\n".repeat(500), "mend it");
        let line = notes.into_lines().remove(0);
        assert!(!line.chars().any(char::is_control));
        assert!(line.chars().count() < LONGEST + 20 && line.ends_with("; mend it"));
    }
}
