//! What people are told about data files that cannot be used.

use super::{CSV, file};
use crate::data::{DataFile, DataFormat};
use std::fmt::Write as _;

const JSON: DataFormat = DataFormat::JsonLines;
const SEMICOLON: DataFormat = DataFormat::Csv { separator: b';' };

/// What is wrong, its format, and the file.
const BAD_FILES: &[(&str, DataFormat, &[u8])] = &[
    ("nothing", CSV, b""),
    ("blank lines alone", CSV, b"\r\n\n\n"),
    ("a byte order mark alone", CSV, b"\xef\xbb\xbf"),
    ("a header alone", CSV, b"user,pass\n"),
    ("a header and blank lines", CSV, b"user,pass\r\n\r\n"),
    ("a column without a name", CSV, b"user,,pass\na,b,c\n"),
    ("a name of blanks", CSV, b"user, \na,b\n"),
    (
        "a separator at the end of the header",
        CSV,
        b"user,pass,\na,b,\n",
    ),
    (
        "two columns of one name",
        CSV,
        b"\nuser,pass, user\na,b,c\n",
    ),
    ("a header in Latin-1", CSV, b"caf\xe9,b\na,b\n"),
    ("UTF-16", CSV, b"\xff\xfeu\0s\0e\0r\0\n\0a\0\n\0"),
    ("a row in Latin-1", CSV, b"user,pass\nann,x\ncaf\xe9,y\n"),
    (
        "half a character in each of two fields",
        CSV,
        b"a,b\n\xc3,\xa9\n",
    ),
    ("a field too few", CSV, b"user,pass\nann,x\n\nbob\n"),
    ("a field too many", CSV, b"user,pass\nann,x\nbob,y,z\n"),
    ("another separator", CSV, b"user,pass\nann;x\n"),
    (
        "a header with another separator",
        CSV,
        b"user;pass\nann;x\n",
    ),
    (
        "another separator than was said",
        SEMICOLON,
        b"user;pass\nann,x\n",
    ),
    (
        "an open quote",
        CSV,
        b"user,pass\n\"a\nb\",x\nbob,\"y\ncyd,z\n",
    ),
    ("an open quote in the header", CSV, b"\"user,pass\nann,x\n"),
    ("a quote too many", CSV, b"user,pass\nann,\"x\"\"\nbob,y\n"),
    ("no JSON", JSON, b"user,pass\nann,x\n"),
    ("a JSON array", JSON, b"[{\"user\": \"ann\"}]\n"),
    (
        "an object over several lines",
        JSON,
        b"{\n  \"user\": \"ann\"\n}\n",
    ),
    ("an object of nothing", JSON, b"{}\n{}\n"),
    ("a key without a name", JSON, b"{\"\": 1}\n"),
    ("a key twice", JSON, b"{\"a\": 1, \"b\": 2, \"a\": 3}\n"),
    (
        "a row with a key twice",
        JSON,
        b"{\"a\": 1}\n{\"a\": 1, \"a\": 3}\n",
    ),
    (
        "a row without a key",
        JSON,
        b"{\"a\": 1, \"b\": 2}\n\n{\"b\": 1}\n",
    ),
    ("a row that is a number", JSON, b"{\"a\": 1}\n7\n"),
    ("a row that breaks off", JSON, b"{\"a\": 1}\n{\"a\": \"x\n"),
    ("more behind an object", JSON, b"{\"a\": 1} {\"a\": 2}\n"),
    ("half a surrogate", JSON, b"{\"a\": \"\\ud800\"}\n"),
    ("JSON in Latin-1", JSON, b"{\"a\": \"caf\xe9\"}\n"),
];

#[test]
fn every_bad_file_is_told_where_it_is_wrong_and_what_to_do() {
    let mut golden = String::new();
    for (what, format, bytes) in BAD_FILES {
        let error = file(bytes, *format).expect_err(what);
        assert!(error.to_string().contains("people.csv"), "{what}: {error}");
        writeln!(golden, "=== {what}\n{error}\n    {}", error.remedy()).unwrap();
    }
    insta::assert_snapshot!(golden);
}

#[test]
fn a_header_of_thousands_of_columns_is_refused() {
    let names: Vec<String> = (0..5_000).map(|number| format!("c{number}")).collect();
    let error = file(names.join(","), CSV).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("line 1: there are more than 4096 columns"),
        "{error}"
    );
    let pairs: Vec<String> = names.iter().map(|name| format!("{name:?}:1")).collect();
    let error = file(format!("{{{}}}", pairs.join(",")), JSON).unwrap_err();
    assert!(
        error.to_string().contains("more than 4096 columns"),
        "{error}"
    );
}

#[test]
fn what_is_no_plain_file_is_refused_without_waiting_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.csv");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(
        made.is_ok_and(|status| status.success()),
        "a pipe can be made"
    );
    for (path, words) in [
        (folder.path().join("missing.csv"), "No such file"),
        (folder.path().to_owned(), "not a plain file"),
        (pipe, "not a plain file"),
    ] {
        let error = DataFile::open(&path).unwrap_err();
        let told = error.to_string();
        assert!(
            told.contains(words) && told.contains(path.to_str().unwrap()),
            "{told}"
        );
        assert!(error.remedy().contains("relative to the scenario file"));
    }
}

#[test]
fn objects_nested_without_end_do_not_overflow_the_stack() {
    let text = format!("{{\"a\": {}}}", "[".repeat(1_000_000));
    assert!(file(text, JSON).is_err());
}
