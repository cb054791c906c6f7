//! `[data.NAME]`: what good tables become, and what bad ones are told.

use crate::{
    FeedId, MOST_FEEDS, Scenario,
    data::{AtEnd, Feed, Hold, Strategy},
    document::{Document, Problems, parse},
};
use std::{fmt::Write as _, fs, path::Path};
use tempfile::TempDir;

/// A folder with `people.csv`, `people.txt` (semicolons), `lines.jsonl` and `broken.csv`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("people.csv", "user,pass\nann,x\nbob,y\n"),
        ("people.txt", "user;pass\nann;x\n"),
        ("lines.jsonl", "{\"user\": \"ann\"}\n"),
        ("broken.csv", "user,pass\nann\n"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn parse_in(folder: &Path, data: &str) -> Result<Document, Problems> {
    let text = format!("target = \"echo\"\n{data}\n[[task]]\nget = \"/\"\n");
    let env = |name: &str| (name == "TOKEN").then(|| "t0p-s3cret".to_owned());
    parse("shop.toml", &text, &env, folder)
}

#[test]
fn a_table_becomes_a_feed_with_what_is_usual_for_its_strategy() {
    let folder = folder();
    let text = "[data.first]\nfile = \"people.csv\"\n\
                [data.second]\nfile = \"people.txt\"\nseparator = \";\"\nstrategy = \"unique\"\n\
                [data.third]\nfile = \"people.csv\"\nstrategy = \"random\"\nper = \"user\"\n\
                [data._4]\nfile = \"lines.jsonl\"\nstrategy = \"unique\"\nat_end = \"error\"\nper = \"iteration\"\n\
                [data.fifth]\nfile = \"people.txt\"\nformat = \"csv\"\nseparator = \";\"\nat_end = \"stop\"\n";
    let document = parse_in(folder.path(), text).unwrap_or_else(|problems| panic!("{problems}"));
    let shown = |feed: &Feed| {
        let Feed {
            name,
            strategy,
            at_end,
            hold,
            id,
            ..
        } = feed.clone();
        (name, strategy, at_end, hold, id)
    };
    let feeds: Vec<_> = document.feeds().iter().map(shown).collect();
    let feed =
        |name: &str, strategy, at_end, hold, id| (name.into(), strategy, at_end, hold, FeedId(id));
    assert_eq!(
        feeds,
        [
            feed(
                "first",
                Strategy::Sequential,
                AtEnd::Wrap,
                Hold::Iteration,
                0
            ),
            feed("second", Strategy::Unique, AtEnd::Stop, Hold::User, 1),
            feed("third", Strategy::Random, AtEnd::Wrap, Hold::User, 2),
            feed("_4", Strategy::Unique, AtEnd::Error, Hold::Iteration, 3),
            feed(
                "fifth",
                Strategy::Sequential,
                AtEnd::Stop,
                Hold::Iteration,
                4
            ),
        ]
    );
    let columns = |at: usize| document.feeds()[at].file.columns().join("+");
    assert_eq!(
        [columns(0), columns(1), columns(3)],
        ["user+pass", "user+pass", "user"]
    );
    assert_eq!(document.scenario.feeds(), 5);
}

/// What is wrong, and the tables.
const BAD_TABLES: &[(&str, &str)] = &[
    ("no table at all", "data = 3"),
    (
        "a file instead of a table",
        "[data]\npeople = \"people.csv\"",
    ),
    ("no file", "[data.people]\nstrategy = \"unique\""),
    ("a missing file", "[data.people]\nfile = \"peple.csv\""),
    ("a folder", "[data.people]\nfile = \".\""),
    ("a broken row", "[data.people]\nfile = \"broken.csv\""),
    (
        "a separator that is not the file's",
        "[data.people]\nfile = \"people.csv\"\nseparator = \";\"",
    ),
    (
        "a format that is not the file's",
        "[data.people]\nfile = \"people.csv\"\nformat = \"jsonl\"",
    ),
    (
        "words that are none",
        "[data.people]\nfile = \"people.csv\"\nstrategy = \"uniqe\"\nat_end = \"halt\"\nper = 3\nformat = \"xml\"",
    ),
    (
        "unknown keys",
        "[data.people]\nfil = \"people.csv\"\nstrat = \"unique\"\nwrap = true",
    ),
    (
        "an end of random rows",
        "[data.people]\nfile = \"people.csv\"\nstrategy = \"random\"\nat_end = \"stop\"",
    ),
    (
        "separators that are none",
        "[data.a]\nfile = \"people.csv\"\nseparator = \"\"\n[data.b]\nfile = \"people.csv\"\nseparator = \"::\"\n\
      [data.c]\nfile = \"people.csv\"\nseparator = \"\\\"\"\n[data.d]\nfile = \"people.csv\"\nseparator = \"é\"",
    ),
    (
        "a separator of JSON lines",
        "[data.people]\nfile = \"lines.jsonl\"\nseparator = \";\"",
    ),
    (
        "names that are none",
        "[data.\"my people\"]\nfile = \"people.csv\"\n[data.1st]\nfile = \"people.csv\"\n[data.\"\"]\nfile = \"people.csv\"",
    ),
    (
        "a file from the environment",
        "[data.people]\nfile = \"${TOKEN}.csv\"",
    ),
];

#[test]
fn every_bad_table_is_told_where_it_is_wrong_and_what_to_do() {
    let folder = folder();
    let mut golden = String::new();
    for (what, text) in BAD_TABLES {
        let problems = parse_in(folder.path(), text).expect_err(what);
        for problem in &problems.0 {
            assert!(
                problem.line > 0 && !problem.remedy.is_empty(),
                "{what}: {problem}"
            );
        }
        let told = problems.to_string();
        assert!(!told.contains("t0p-s3cret"), "{what}: {told}");
        writeln!(golden, "=== {what}\n{told}\n").unwrap();
    }
    insta::assert_snapshot!(golden);
}

#[test]
fn more_feeds_than_can_be_counted_are_refused() {
    let folder = folder();
    let tables = |count: u16| {
        let table = |number| format!("[data.d{number}]\nfile = \"people.csv\"\n");
        (0..count).map(table).collect::<String>()
    };
    assert!(parse_in(folder.path(), &tables(MOST_FEEDS)).is_ok());
    let problems = parse_in(folder.path(), &tables(MOST_FEEDS + 1)).unwrap_err();
    assert!(
        problems.to_string().contains("65 data feeds, more than 64"),
        "{problems}"
    );
}
