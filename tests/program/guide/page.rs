//! The guide as a program sees it: its fences. Neighbours: `mod.rs` asks for them, `talk.rs` reads those of requests and answers.
//! What stands behind the language of a fence: a file name, `run` (it runs as it is), `error="words"` (it is refused with these).

use std::fmt::Write as _;

/// A page in Markdown.
pub struct Page {
    pub fences: Vec<Fence>,
    pub cells: Vec<Cell>,
    /// What a link to each heading has behind its `#`, as GitHub makes it.
    pub anchors: Vec<String>,
    /// What stands behind the `#` of links within the page.
    pub links: Vec<String>,
}

/// A piece of code in the first column of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct Cell {
    pub line: usize,
    /// What the table's first column is called.
    pub column: String,
    pub code: String,
}

/// What stands between two lines of backticks.
#[derive(Debug)]
pub struct Fence {
    /// The line of its first backticks, from 1.
    pub line: usize,
    language: String,
    marks: String,
    pub text: String,
}

impl Page {
    pub fn of(text: &str) -> Page {
        let mut fences = Vec::new();
        let mut cells = Vec::new();
        let (mut anchors, mut links) = (Vec::new(), Vec::new());
        let mut column = None;
        let mut open: Option<Fence> = None;
        for (index, line) in text.lines().enumerate() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(_), Some(_)) => fences.extend(open.take()),
                (Some(info), None) => {
                    let (language, marks) = info.split_once(' ').unwrap_or((info, ""));
                    open = Some(Fence {
                        line: index + 1,
                        language: language.to_owned(),
                        marks: marks.to_owned(),
                        text: String::new(),
                    });
                }
                (None, Some(fence)) => writeln!(fence.text, "{line}").unwrap(),
                (None, None) => {
                    anchors.extend(line.strip_prefix('#').map(anchor));
                    let targets = line.split("](#").skip(1);
                    links.extend(
                        targets.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())),
                    );
                    let Some(row) = line.strip_prefix('|') else {
                        column = None;
                        continue;
                    };
                    let first = row.split(" | ").next().unwrap_or_default().trim();
                    let Some(column) = &column else {
                        column = Some(first.to_owned());
                        continue;
                    };
                    // Every second piece between backticks is code.
                    cells.extend(first.split('`').skip(1).step_by(2).map(|code| Cell {
                        line: index + 1,
                        column: String::clone(column),
                        code: code.to_owned(),
                    }));
                }
            }
        }
        assert!(open.is_none(), "a fence is not closed: {open:?}");
        Page {
            fences,
            cells,
            anchors,
            links,
        }
    }

    /// The scenario files.
    pub fn scenarios(&self) -> impl Iterator<Item = &Fence> {
        self.fences.iter().filter(|fence| fence.language == "toml")
    }

    /// The good ones that a single user can live, each with the requests and answers shown right behind it, if there are any.
    pub fn plays(&self) -> impl Iterator<Item = (&Fence, Option<&Fence>)> {
        let talk_behind = |at: usize| {
            let behind = self.fences.get(at + 1);
            behind.filter(|fence| fence.language == "http")
        };
        let pairs = self.fences.iter().enumerate();
        pairs
            .filter(|(_, fence)| fence.language == "toml" && fence.error().is_none())
            .filter(|(_, fence)| !fence.has_key("scenario"))
            .map(move |(at, fence)| (fence, talk_behind(at)))
    }
}

fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let stays = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    heading
        .chars()
        .filter(stays)
        .collect::<String>()
        .replace(' ', "-")
}

impl Fence {
    /// Its own name, or one that says where it stands.
    pub fn file_name(&self) -> String {
        let named = self.words().find(|word| word.contains('.'));
        let line = self.line;
        let extension = &self.language;
        named.map_or_else(|| format!("line-{line}.{extension}"), str::to_owned)
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        let before_error = self.marks.split("error=").next().unwrap_or_default();
        before_error.split_whitespace()
    }

    /// Whether it is run as it is.
    pub fn is_run(&self) -> bool {
        self.words().any(|word| word == "run")
    }

    /// The words with which it is refused.
    pub fn error(&self) -> Option<&str> {
        let (_, quoted) = self.marks.split_once("error=\"")?;
        Some(quoted.strip_suffix('"').expect("the words end in a quote"))
    }

    /// The same with each line that says `#key = …` in the place of the one above it that says `key = …`.
    pub fn variants(&self) -> Vec<String> {
        let lines: Vec<&str> = self.text.lines().collect();
        let mut variants = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            let key = line
                .strip_prefix('#')
                .and_then(|rest| rest.split_once(" = "));
            let Some((key, _)) = key.filter(|(key, _)| !key.contains(' ')) else {
                continue;
            };
            let first = format!("{key} = ");
            let stands = |line: &&str| line.starts_with(&first);
            let instead = lines.iter().position(stands);
            let instead = instead.expect("another of its kind stands above it");
            let mut others = lines.clone();
            others.remove(at);
            others[instead] = &line[1..];
            variants.push(others.join("\n") + "\n");
        }
        variants
    }

    fn has_key(&self, key: &str) -> bool {
        let table: Result<toml::Table, _> = self.text.parse();
        match table {
            Ok(table) => table.contains_key(key),
            Err(_) => self.text.contains(key),
        }
    }

    /// The text; a fragment of a scenario gets a target and a task, if it lacks them.
    pub fn whole(&self) -> String {
        self.completed(self.text.clone())
    }

    /// A text like this one, with what it lacks.
    pub fn completed(&self, mut text: String) -> String {
        if self.language != "toml" || self.has_key("scenario") {
            return text;
        }
        if !self.has_key("base_url") && !self.has_key("target") {
            text.insert_str(0, "target = \"echo\"\n");
        }
        if !self.has_key("task") {
            text.push_str("[[task]]\nget = \"/\"\n");
        }
        text
    }
}

#[test]
fn headings_and_links_to_them_are_found() {
    let page = Page::of("# A `[b]`: c, d-e\n[f](#a-b) [g](#h)\n```sh\n# no heading\n```\n");
    assert_eq!(page.anchors, ["a-b-c-d-e"]);
    assert_eq!(page.links, ["a-b", "h"]);
}

#[test]
fn codes_of_a_first_column_are_found_under_its_name() {
    let text =
        "| key | is |\n|---|---|\n| `a`, or `b = 1` | `c` |\n\n| d | f |\n|---|---|\n| `e` | g |\n";
    let cell = |line, column: &str, code: &str| Cell {
        line,
        column: column.to_owned(),
        code: code.to_owned(),
    };
    let wanted = [
        cell(3, "key", "a"),
        cell(3, "key", "b = 1"),
        cell(7, "d", "e"),
    ];
    assert_eq!(Page::of(text).cells, wanted);
}

#[test]
fn what_is_commented_out_takes_the_place_of_what_is_not() {
    let text = "```toml\n# One of:\na = 1\n#a = 2\n#a = 3\nb = 4\n```\n";
    let variants = Page::of(text).fences[0].variants();
    let wanted = [
        "# One of:\na = 2\n#a = 3\nb = 4\n",
        "# One of:\na = 3\n#a = 2\nb = 4\n",
    ];
    assert_eq!(variants, wanted);
}

#[test]
fn fences_are_found_with_what_stands_behind_their_language() {
    let text = "a\n```toml a.toml run error=\"x y\"\nname = \"n\"\n```\n```csv\nb\n```\n";
    let page = Page::of(text);
    let [toml, csv] = page.fences.as_slice() else {
        panic!("{:?}", page.fences.len())
    };
    assert_eq!((toml.line, toml.file_name().as_str()), (2, "a.toml"));
    assert_eq!((toml.error(), toml.is_run()), (Some("x y"), true));
    let whole = "target = \"echo\"\nname = \"n\"\n[[task]]\nget = \"/\"\n";
    assert_eq!(toml.whole(), whole);
    assert_eq!(
        (csv.file_name().as_str(), csv.whole().as_str()),
        ("line-5.csv", "b\n")
    );
}
