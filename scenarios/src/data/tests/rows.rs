//! Rows as they are read, with the `csv` crate and `serde_json` as oracles.

use super::{CSV, fields, file};
use crate::data::{DataFile, DataFormat, Row};
use proptest::prelude::*;
use std::{fmt::Write as _, fs, io::Write as _, time::Instant};

/// A field as programs write it: with quotes where it needs them, and sometimes where not.
fn field() -> impl Strategy<Value = (String, bool)> {
    ("[ab ,;\"\r\n|é\u{feff}]{0,6}", any::<bool>())
}

/// Rows of as many fields, and how each line ends.
fn rows() -> impl Strategy<Value = Vec<(Vec<(String, bool)>, &'static str)>> {
    let line_end = prop::sample::select(vec!["\n", "\r\n", "\r", "\n\n", "\r\n\r\n"]);
    (1..4usize).prop_flat_map(move |columns| {
        let row = prop::collection::vec(field(), columns);
        prop::collection::vec((row, line_end.clone()), 1..150)
    })
}

/// The text of a file with a header of its own, and the rows that are not empty lines.
fn written(rows: &[(Vec<(String, bool)>, &str)], separator: char, last_line_ends: bool) -> String {
    let columns = rows[0].0.len();
    let names: Vec<String> = (0..columns).map(|column| format!("c{column}")).collect();
    let mut text = names.join(&separator.to_string());
    text.push('\n');
    for (index, (row, line_end)) in rows.iter().enumerate() {
        for (column, (value, quote)) in row.iter().enumerate() {
            if column > 0 {
                text.push(separator);
            }
            let needs =
                value.contains([separator, '"', '\r', '\n']) || columns == 1 && value.is_empty();
            match *quote || needs {
                true => write!(text, "\"{}\"", value.replace('"', "\"\"")).unwrap(),
                false => text.push_str(value),
            }
        }
        if last_line_ends || index + 1 < rows.len() {
            text.push_str(line_end);
        }
    }
    text
}

/// What the `csv` crate makes of a text: rows of any number of fields.
fn by_csv(text: &str, separator: u8) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(true)
        .flexible(true)
        .from_reader(text.as_bytes());
    let rows = reader.records().map(|record| {
        let record = record.expect("UTF-8 it is");
        record.iter().map(str::to_owned).collect()
    });
    rows.collect()
}

proptest! {
    #[test]
    fn every_row_of_a_written_file_is_read_as_csv_reads_it(
        rows in rows(),
        separator in prop::sample::select(vec![',', ';', '\t', '|']),
        last_line_ends in any::<bool>(),
    ) {
        let text = written(&rows, separator, last_line_ends);
        let format = DataFormat::Csv { separator: separator as u8 };
        let file = file(&text, format).unwrap();
        let expected: Vec<Vec<String>> = rows
            .iter()
            .map(|(row, _)| row.iter().map(|(value, _)| value.clone()).collect())
            .collect();
        prop_assert_eq!(&by_csv(&text, separator as u8), &expected);
        prop_assert_eq!(file.rows(), expected.len() as u64);
        // Backwards, so that each is found by itself; with one row's memory, as users read.
        let mut row = Row::new();
        for (number, expected) in expected.iter().enumerate().rev() {
            file.read(number as u64, &mut row).unwrap();
            prop_assert_eq!(&row.fields().map(str::to_owned).collect::<Vec<_>>(), expected);
        }
        prop_assert!(file.read(file.rows(), &mut row).is_err());
    }

    #[test]
    fn any_text_has_the_rows_that_csv_finds_or_is_refused(body in "[a,\"\r\n ]{0,80}") {
        let text = format!("x\n{body}");
        let expected = by_csv(&text, b',');
        let opened = file(&text, CSV);
        let odd = expected.iter().position(|row| row.len() != 1);
        match opened {
            Ok(file) => {
                prop_assert_eq!(file.rows(), expected.len() as u64);
                prop_assert_eq!(odd, None);
                for (number, row) in expected.iter().enumerate() {
                    prop_assert_eq!(&fields(&file, number as u64).unwrap(), row);
                }
            }
            Err(error) => {
                let said = error.to_string();
                let open_quote = said.contains("never closed");
                prop_assert!(open_quote || odd.is_some() || expected.is_empty(), "{}", said);
            }
        }
    }

    #[test]
    fn no_bytes_bring_a_reader_down(
        bytes in prop::collection::vec(prop::sample::select(b"a,\"\r\n{}:1[\\ud8\xc3\xa9\xef\xbb\xbf ".to_vec()), 0..120),
        json in any::<bool>(),
    ) {
        let format = if json { DataFormat::JsonLines } else { CSV };
        match file(&bytes, format) {
            Ok(file) => for number in 0..=file.rows() {
                let _ = fields(&file, number);
            },
            Err(error) => {
                let told = error.to_string();
                prop_assert!(told.contains("people.csv") && !error.remedy().is_empty(), "{}", told);
            }
        }
    }

    #[test]
    fn rows_of_json_lines_are_what_serde_makes_of_them(
        values in prop::collection::vec((".{0,8}", -9..9i64, any::<bool>()), 1..80),
    ) {
        let mut text = String::new();
        for (name, number, swapped) in &values {
            let name = serde_json::Value::from(name.as_str());
            let line = match swapped {
                false => format!("{{\"name\": {name}, \"n\": [{number}, null], \"more\": 1}}\n"),
                true => format!("  {{\"n\":[{number}, null],\"more\":0,\"name\":{name}}}\r\n\n"),
            };
            text.push_str(&line);
        }
        let file = file(&text, DataFormat::JsonLines).unwrap();
        let (name, number) = (file.column("name").unwrap(), file.column("n").unwrap());
        let mut row = Row::new();
        prop_assert_eq!(file.rows(), values.len() as u64);
        for (index, (expected, n, _)) in values.iter().enumerate().rev() {
            file.read(index as u64, &mut row).unwrap();
            prop_assert_eq!(row.field(name), expected);
            prop_assert_eq!(row.field(number), format!("[{n}, null]"));
        }
    }
}

#[test]
fn names_lose_their_blanks_and_the_byte_order_mark_and_values_keep_theirs() {
    let file = file("\u{feff}\r\n user ,\" pass word\"\r\n\r\n ann , x\r\n", CSV).unwrap();
    assert_eq!(file.columns(), ["user", "pass word"]);
    assert_eq!((file.column("user"), file.column("ann")), (Some(0), None));
    assert_eq!(fields(&file, 0).unwrap(), [" ann ", " x"]);
}

#[test]
fn the_name_of_a_file_tells_its_format() {
    for (name, format) in [
        ("a.jsonl", DataFormat::JsonLines),
        ("a.NDJSON", DataFormat::JsonLines),
        ("a.json", DataFormat::JsonLines),
        ("a.csv", CSV),
        ("json", CSV),
    ] {
        assert_eq!(DataFormat::of_name(name.as_ref()), format, "{name}");
    }
}

#[test]
fn a_broken_row_far_behind_is_told_with_its_line_when_it_is_read() {
    let mut text = "a,b\n".to_owned();
    for _ in 0..500 {
        // Two lines a row.
        text.push_str("\"x\ny\",z\n");
    }
    text.push_str("\nlast\n");
    let file = file(&text, CSV).unwrap();
    assert_eq!(file.rows(), 501);
    let error = fields(&file, 500).unwrap_err();
    assert_eq!(
        error.to_string(),
        "people.csv, line 1003: the row has 1 of the 2 fields that the header names"
    );
    // The next read is not spoilt by it.
    assert_eq!(fields(&file, 499).unwrap(), ["x\ny", "z"]);
}

#[test]
fn a_large_field_is_read_whole() {
    let long = "é".repeat(100_000);
    let file = file(format!("a,b\n{long},\"{long}\n\"\n"), CSV).unwrap();
    assert_eq!(
        fields(&file, 0).unwrap(),
        [long.clone(), format!("{long}\n")]
    );
}

/// Shows how long a million rows take to open; run it with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "shows a figure, judges nothing"]
fn a_million_rows_show_how_long_they_take_to_open() {
    let folder = tempfile::tempdir().unwrap();
    type Line = fn(u32) -> String;
    let shapes: [(&str, Line); 3] = [
        ("plain.csv", |n| {
            format!("user{n:07},secret-{n:07},user{n:07}@example.test,{n}\n")
        }),
        ("quoted.csv", |n| {
            format!("\"user{n:07}\",\"secret-{n:07}\",\"user{n:07}@a.test\",\"{n}\"\n")
        }),
        ("lines.jsonl", |n| {
            format!("{{\"user\":\"user{n:07}\",\"secret\":\"s{n:07}\",\"n\":{n}}}\n")
        }),
    ];
    for (name, line) in shapes {
        let path = folder.path().join(name);
        let mut out = std::io::BufWriter::new(fs::File::create(&path).unwrap());
        if !name.ends_with("jsonl") {
            out.write_all(b"user,secret,mail,n\n").unwrap();
        }
        for number in 0..1_000_000 {
            out.write_all(line(number).as_bytes()).unwrap();
        }
        out.flush().unwrap();
        let bytes = fs::metadata(&path).unwrap().len();
        let best = (0..5).map(|_| {
            let begun = Instant::now();
            let file = DataFile::open(&path).unwrap();
            assert_eq!(file.rows(), 1_000_000);
            begun.elapsed()
        });
        let best = best.min().unwrap();
        let file = DataFile::open(&path).unwrap();
        let mut row = Row::new();
        let begun = Instant::now();
        for number in 0..1_000_000u64 {
            file.read(number * 7_919 % 1_000_000, &mut row).unwrap();
        }
        let each = begun.elapsed() / 1_000_000;
        println!(
            "{name}: {} MB open in {best:?}, a row anywhere in {each:?}",
            bytes >> 20
        );
    }
}
