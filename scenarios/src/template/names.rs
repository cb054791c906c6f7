//! What names in templates stand for: variables and data files. Neighbours: documents declare them while a file is read, `parse.rs`
//! looks them up. Invariant: a variable has the same place for every user, so that no name is looked up while requests are sent.

use crate::{MOST_FEEDS, data::Feed};
use std::collections::HashMap;

/// The names of a scenario.
#[derive(Debug, Default)]
pub(crate) struct Names {
    variables: Vec<String>,
    /// By name: its place among the variables.
    places: HashMap<String, u16>,
    /// By variable: whether it can have a value where the reading stands.
    valued: Vec<bool>,
    /// More variables than can be numbered.
    has_too_many: bool,
    feeds: Vec<Feed>,
    /// Data files that could not be used: told where they are named, not where they are used.
    broken: Vec<String>,
    /// Counters stand behind the data files.
    counters: Vec<String>,
}

/// Why a name cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NamesFault {
    /// More feeds and counters than there is room for.
    TooMany,
}

impl Names {
    /// Names with these data files.
    pub(crate) fn with_feeds(feeds: Vec<Feed>) -> Names {
        Names {
            feeds,
            ..Names::default()
        }
    }

    /// Whether there is a data file of this name that could not be used.
    pub(crate) fn is_broken(&self, feed: &str) -> bool {
        self.broken.iter().any(|have| have == feed)
    }

    /// The same names, with data files that could not be used.
    pub(crate) fn with_broken(self, broken: Vec<String>) -> Names {
        Names { broken, ..self }
    }

    /// The place of a variable that something sets; the same for the same name.
    pub(crate) fn declare(&mut self, name: &str) -> u16 {
        if let Some(known) = self.variable(name) {
            return known;
        }
        let Ok(place) = u16::try_from(self.variables.len()) else {
            // Told by whoever reads the file; no request is sent.
            self.has_too_many = true;
            return 0;
        };
        self.places.insert(name.to_owned(), place);
        self.variables.push(name.to_owned());
        self.valued.push(false);
        place
    }

    /// The place of a variable.
    pub(crate) fn variable(&self, name: &str) -> Option<u16> {
        self.places.get(name).copied()
    }

    /// States that from here on a variable can have a value.
    pub(crate) fn give_value(&mut self, variable: u16) {
        self.valued[usize::from(variable)] = true;
    }

    /// Goes back for one variable to what it was in `before`.
    pub(crate) fn take_value(&mut self, variable: u16, before: &[bool]) {
        let at = usize::from(variable);
        self.valued[at] = before.get(at).copied().unwrap_or(false);
    }

    /// Whether a variable can have a value here.
    pub(crate) fn has_value(&self, variable: u16) -> bool {
        self.valued[usize::from(variable)]
    }

    /// Which variables can have a value here, for `return_to`.
    pub(crate) fn valued(&self) -> Vec<bool> {
        self.valued.clone()
    }

    /// Goes back to where only these could have a value.
    pub(crate) fn return_to(&mut self, mut valued: Vec<bool>) {
        valued.resize(self.variables.len(), false);
        self.valued = valued;
    }

    /// Whether there are more variables than can be numbered.
    pub(crate) fn has_too_many(&self) -> bool {
        self.has_too_many
    }

    /// The variables by place.
    pub(crate) fn variables(&self) -> &[String] {
        &self.variables
    }

    /// A data file by its name, with its place.
    pub(crate) fn feed(&self, name: &str) -> Option<(u16, &Feed)> {
        let at = self.feeds.iter().position(|feed| feed.name == name)?;
        Some((at as u16, &self.feeds[at]))
    }

    /// A column in words: `people.user`.
    pub(super) fn column_words(&self, feed: u16, column: u16) -> String {
        let feed = &self.feeds[usize::from(feed)];
        format!("{}.{}", feed.name, feed.file.columns()[usize::from(column)])
    }

    /// The names of the data files.
    pub(crate) fn feeds(&self) -> impl Iterator<Item = &str> {
        self.feeds.iter().map(|feed| feed.name.as_str())
    }

    /// The feed that counts under this name; the same for the same name.
    pub(crate) fn counter(&mut self, name: &str) -> Result<u16, NamesFault> {
        let known = self.counters.iter().position(|have| have == name);
        let at = known.unwrap_or_else(|| {
            self.counters.push(name.to_owned());
            self.counters.len() - 1
        });
        let feed = self.feeds.len() + at;
        match feed < usize::from(MOST_FEEDS) {
            true => Ok(feed as u16),
            false => Err(NamesFault::TooMany),
        }
    }

    /// Data files, and how many feeds and counters there are together.
    pub(crate) fn into_feeds(self) -> (Vec<Feed>, u16) {
        let count = self.feeds.len() + self.counters.len();
        (self.feeds, count as u16)
    }
}
