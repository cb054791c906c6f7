//! The fingerprint of a scenario file: the document as its author means it. Neighbours: `mod.rs` asks for it once the file has been
//! read. Invariants: comments, blanks, the order of keys and how a number is written make no difference; `${NAME}` counts as it is
//! written, never by its value; what a run keeps and compares by itself (its load, time limit, thresholds, where it goes) is left out.

use crate::{Fingerprint, Method, data::Feed};
use bytes::Bytes;
use std::borrow::Cow;
use toml::de::{DeTable, DeValue};

/// The kind of these fingerprints. Another number for other rules.
const KIND: &str = "toml-1";

/// The kind of those of several files side by side.
const SEVERAL: &str = "side-by-side-1";

/// What is no part of what users do: names and words, where requests go, and what `run.json` has of its own.
const NOT_DONE: [&str; 8] = [
    "name",
    "description",
    "base_url",
    "target",
    "timeout",
    "load",
    "phase",
    "threshold",
];

/// The fingerprint of a file that was read without a problem, and of what is in the files that it names.
pub(super) fn of_document<'b>(
    tree: &DeTable<'_>,
    feeds: &[Feed],
    bodies: impl Iterator<Item = &'b Bytes>,
) -> String {
    let mut fingerprint = Fingerprint::of(KIND);
    let done = tree
        .iter()
        .filter(|(key, _)| !NOT_DONE.contains(&key.get_ref().as_ref()));
    for (key, value) in done {
        fingerprint.add(key.get_ref().as_ref());
        add(&mut fingerprint, key.get_ref(), value.get_ref());
    }
    for feed in feeds {
        fingerprint.add_file(feed.file.bytes());
    }
    for body in bodies {
        fingerprint.add_file(body);
    }
    fingerprint.finish()
}

/// The fingerprint of scenarios side by side, by name and fingerprint of each.
pub(super) fn of_several<'p>(parts: impl Iterator<Item = (&'p str, &'p str)>) -> String {
    let mut fingerprint = Fingerprint::of(SEVERAL);
    for (name, own) in parts {
        fingerprint.add(name);
        fingerprint.add(own);
    }
    fingerprint.finish()
}

/// Adds a value with its type in front.
fn add(fingerprint: &mut Fingerprint, key: &str, value: &DeValue<'_>) {
    match value {
        DeValue::String(text) => {
            fingerprint.add("string");
            fingerprint.add(&*without_host(key, text));
        }
        DeValue::Integer(number) => {
            fingerprint.add("integer");
            let read = i64::from_str_radix(number.as_str(), number.radix());
            fingerprint.add(read.map_or_else(|_| number.to_string(), |read| read.to_string()));
        }
        DeValue::Float(number) => {
            fingerprint.add("float");
            let read = number.as_str().parse::<f64>();
            fingerprint.add(read.map_or_else(|_| number.to_string(), |read| read.to_string()));
        }
        DeValue::Boolean(flag) => fingerprint.add(if *flag { "true" } else { "false" }),
        DeValue::Datetime(time) => {
            fingerprint.add("time");
            fingerprint.add(time.to_string());
        }
        DeValue::Array(items) => {
            fingerprint.add(format!("array of {}", items.len()));
            for item in items.iter() {
                add(fingerprint, key, item.get_ref());
            }
        }
        DeValue::Table(table) => {
            fingerprint.add(format!("table of {}", table.len()));
            for (key, value) in table.iter() {
                fingerprint.add(key.get_ref().as_ref());
                add(fingerprint, key.get_ref(), value.get_ref());
            }
        }
    }
}

/// The address of a request without its host: the same requests may go to another server.
fn without_host<'t>(key: &str, text: &'t str) -> Cow<'t, str> {
    let is_request = Method::ALL
        .into_iter()
        .any(|method| method.as_str().eq_ignore_ascii_case(key));
    match text.split_once("://") {
        Some(("http" | "https", rest)) if is_request => {
            let at = rest.find('/').unwrap_or(rest.len());
            Cow::Owned(format!("//{}", &rest[at..]))
        }
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use crate::document::parse;
    use std::{fs, path::Path};

    const FILE: &str = r#"
name = "shop"
base_url = "http://127.0.0.1:8080"
think_time = "1s"
redirects = 10

[variables]
a = "1"
b = "2"

[load]
users = 3

[[task]]
name = "browse"
weight = 3
get = "/products/1"
headers = { authorization = "Bearer ${TOKEN}" }
check = { status = 200 }

[[threshold]]
expr = "p99 < 500ms"
"#;

    fn with_token(text: &str, folder: &Path, token: &str) -> String {
        let env = |name: &str| (name == "TOKEN").then(|| token.to_owned());
        parse("a.toml", text, &env, folder)
            .unwrap_or_else(|problems| panic!("{problems}"))
            .fingerprint
    }

    fn of(text: &str) -> String {
        with_token(text, Path::new(""), "secret")
    }

    #[track_caller]
    fn edited(from: &str, to: &str) -> String {
        assert!(FILE.contains(from), "{from}");
        of(&FILE.replace(from, to))
    }

    #[test]
    fn what_users_do_not_feel_is_no_difference() {
        let same = of(FILE);
        assert!(same.starts_with("toml-1:"), "{same}");
        for (from, to) in [
            (
                "\nname = \"shop\"\n",
                "\n# Ours.\nname = \"other\"\ndescription = \"x\"\n",
            ),
            ("http://127.0.0.1:8080", "http://10.0.0.7/v2"),
            ("base_url = \"http://127.0.0.1:8080\"", "target = \"echo\""),
            ("users = 3", "rate = 5"),
            ("p99 < 500ms", "p50 < 1s"),
            ("a = \"1\"\nb = \"2\"", "b = \"2\"\n\n\n  a = '1' # first"),
            ("redirects = 10", "redirects = 1_0\ntimeout = \"3s\""),
            ("weight = 3", "weight = 0x3"),
        ] {
            assert_eq!(edited(from, to), same, "{from} → {to}");
        }
        let elsewhere = ["http://a.test/x?y=1", "http://b.test:81/x?y=1"];
        let [a, b] = elsewhere.map(|url| edited("/products/1", url));
        assert_eq!(a, b, "one request to two servers");
        assert_ne!(a, same);
    }

    #[test]
    fn whatever_users_do_otherwise_is_a_difference() {
        let before = of(FILE);
        let mut seen = vec![before];
        for (from, to) in [
            ("/products/1", "/products/2"),
            ("get = ", "post = "),
            ("weight = 3", "weight = 4"),
            ("think_time = \"1s\"", "think_time = \"2s\""),
            ("a = \"1\"", "a = \"3\""),
            ("status = 200", "status = 201"),
            ("Bearer ${TOKEN}", "Basic ${TOKEN}"),
            ("name = \"browse\"", "name = \"look\""),
            (
                "[[threshold]]",
                "[[task]]\nname = \"two\"\nget = \"/\"\n[[threshold]]",
            ),
        ] {
            let after = edited(from, to);
            assert!(!seen.contains(&after), "{from} → {to}");
            seen.push(after);
        }
    }

    #[test]
    fn no_secret_of_the_environment_can_be_guessed_from_it() {
        let [one, other] = ["1234", "9999"].map(|token| with_token(FILE, Path::new(""), token));
        assert_eq!(one, other);
    }

    #[test]
    fn what_is_in_data_and_body_files_counts() {
        let folder = tempfile::tempdir().unwrap();
        let text = "base_url = \"http://127.0.0.1:8080\"\n[data.people]\nfile = \"people.csv\"\n\
                    [[task]]\nname = \"a\"\npost = \"/\"\nbody_file = \"body.bin\"\n\
                    [[task]]\nname = \"b\"\nget = \"/{{ people.name }}\"\n";
        let mut seen = Vec::new();
        for (people, body) in [
            ("name\nann\n", "1"),
            ("name\nbob\n", "1"),
            ("name\nann\n", "2"),
        ] {
            fs::write(folder.path().join("people.csv"), people).unwrap();
            fs::write(folder.path().join("body.bin"), body).unwrap();
            let made = || with_token(text, folder.path(), "");
            assert_eq!(made(), made());
            assert!(!seen.contains(&made()), "{people} {body}");
            seen.push(made());
        }
    }
}
