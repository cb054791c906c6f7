//! `[data.NAME]`: files that steps take values from. Neighbours: `mod.rs` calls it, `data/` opens the files. Invariant: a feed that
//! was read has its file open and its first rows looked at.

use super::reader::{Node, Table, closest, quoted};
use crate::{
    FeedId, MOST_FEEDS,
    data::{AtEnd, DataFile, DataFormat, Feed, Hold, Strategy},
};
use std::{path::Path, sync::Arc};
use toml::de::DeValue;

const KEYS: &[&str] = &["file", "strategy", "at_end", "per", "format", "separator"];

const EXAMPLE: &str = "[data.people] with file = \"people.csv\" below it";

/// Reads every table of `[data]`; files are named relative to `base_dir`.
pub(super) fn read(node: &Node<'_>, base_dir: &Path) -> Vec<Feed> {
    let entries = node.entries(EXAMPLE).unwrap_or_default();
    if entries.len() > usize::from(MOST_FEEDS) {
        node.problem(
            format!(
                "there are {} data feeds, more than {MOST_FEEDS}",
                entries.len()
            ),
            "put values that belong together into the columns of one file",
        );
        return Vec::new();
    }
    let mut feeds = Vec::new();
    for (name, node) in &entries {
        let id = FeedId(feeds.len() as u16);
        feeds.extend(read_feed(name, node, base_dir, id));
    }
    feeds
}

/// The names of tables that did not become a feed.
pub(super) fn names_without(node: Option<Node<'_>>, feeds: &[Feed]) -> Vec<String> {
    let Some(DeValue::Table(tables)) = node.map(|node| node.value) else {
        return Vec::new();
    };
    let names = tables.keys().map(|name| name.get_ref().to_string());
    names
        .filter(|name| feeds.iter().all(|feed| feed.name != *name))
        .collect()
}

fn read_feed(name: &str, node: &Node<'_>, base_dir: &Path, id: FeedId) -> Option<Feed> {
    // Every part is read before the first `?`, so that all its problems are gathered.
    let is_name = check_name(name, node);
    let table = node.table(KEYS, EXAMPLE)?;
    let strategies = [
        ("sequential", Strategy::Sequential),
        ("random", Strategy::Random),
        ("unique", Strategy::Unique),
    ];
    let strategy = word(&table, "strategy", &strategies);
    let ends = [
        ("stop", AtEnd::Stop),
        ("wrap", AtEnd::Wrap),
        ("error", AtEnd::Error),
    ];
    let at_end = word(&table, "at_end", &ends);
    let holds = [("user", Hold::User), ("iteration", Hold::Iteration)];
    let hold = word(&table, "per", &holds);
    if let (Ok(Some(Strategy::Random)), Some(node)) = (strategy, table.get("at_end")) {
        node.problem(
            "random rows have no end",
            "remove `at_end`, or choose strategy = \"sequential\" or \"unique\"",
        );
    }
    let file = read_file(&table, base_dir);
    let strategy = strategy.ok()?.unwrap_or(Strategy::Sequential);
    let mut feed = Feed::new(name, Arc::new(file?), strategy, id);
    feed.at_end = at_end.ok()?.unwrap_or(feed.at_end);
    feed.hold = hold.ok()?.unwrap_or(feed.hold);
    is_name.then_some(feed)
}

fn check_name(name: &str, node: &Node<'_>) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins_well = !name.starts_with(|first: char| first.is_ascii_digit());
    let is_name = !name.is_empty() && name.bytes().all(is_word) && begins_well;
    if !is_name {
        node.problem(
            format!("a data feed cannot be named {}", quoted(name)),
            "use letters, digits and _, no digit first: a step writes {{ people.user }}",
        );
    }
    is_name
}

/// One of a few words; `Ok(None)` when the key is not there, `Err` when a problem was gathered.
fn word<T: Copy>(table: &Table<'_>, key: &str, words: &[(&str, T)]) -> Result<Option<T>, ()> {
    let Some(node) = table.get(key) else {
        return Ok(None);
    };
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let text = node.text(&format!("{key} = {:?}", known[0])).ok_or(())?;
    let found = words.iter().find(|(word, _)| *word == text.value);
    if found.is_none() {
        let remedy = match closest(text.written, &known) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => format!("write one of {}", known.join(", ")),
        };
        node.problem(format!("`{key}` cannot be {}", node.shown()), remedy);
    }
    found.map(|(_, value)| Some(*value)).ok_or(())
}

fn read_file(table: &Table<'_>, base_dir: &Path) -> Option<DataFile> {
    table.missing(
        &["file"],
        "a data feed needs its file",
        "write file = \"people.csv\", relative to this file",
    );
    let formats = [
        ("csv", DataFormat::Csv { separator: b',' }),
        ("jsonl", DataFormat::JsonLines),
    ];
    let said = word(table, "format", &formats);
    let separator = table
        .get("separator")
        .map(|node| (read_separator(&node), node));
    let node = table.get("file")?;
    let text = node.text("file = \"people.csv\"")?;
    let mut format = match said.ok()? {
        Some(format) => format,
        None => DataFormat::of_name(Path::new(&text.value)),
    };
    if let Some((own, node)) = separator {
        let own = own?;
        let DataFormat::Csv { separator } = &mut format else {
            node.problem(
                "JSON lines have no separator",
                "remove `separator`, or set format = \"csv\"",
            );
            return None;
        };
        *separator = own;
    }
    // Named as it is written: what came from the environment is not shown.
    match DataFile::open_named(text.written, &base_dir.join(&text.value), format) {
        Ok(file) => Some(file),
        Err(error) => {
            node.problem(error.to_string(), error.remedy());
            None
        }
    }
}

fn read_separator(node: &Node<'_>) -> Option<u8> {
    const WANTED: &str = "write a single character such as \";\", \"|\" or \"\\t\"";
    let text = node.text("separator = \";\"")?;
    match text.value.as_bytes() {
        [separator] if separator.is_ascii() && !b"\"\r\n\0".contains(separator) => Some(*separator),
        _ => {
            let message = format!("{} cannot separate fields", node.shown());
            node.problem(message, WANTED);
            None
        }
    }
}
