//! Damaged and hostile inputs: each is imported or refused with a place and a remedy, never with a panic, and what is
//! imported is a scenario that is taken. Neighbours: `fixtures/` is what is damaged. Invariant: at least 1,000 inputs for
//! each reader.

mod check;

use check::{fixture, importer};
use loadforge_import::{Options, fuzzing::check};
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

/// Pieces that mean something to one of the readers, to what they write, or to the terminal.
const PIECES: &[&str] = &[
    "\"",
    "'",
    "'''",
    "\\",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{feff}",
    "é",
    "\u{1f600}",
    "{",
    "}",
    "{{",
    "}}",
    "{{ x }}",
    "{{{",
    "[",
    "]",
    "${",
    "${X}",
    "$${",
    "$",
    "$(",
    "`",
    "#",
    "?",
    "&",
    "=",
    ";",
    "|",
    "%",
    "%zz",
    "%00",
    ":",
    "://",
    "http://",
    "https://h",
    "data:",
    "@",
    "//",
    "..",
    ",",
    "-",
    "--",
    "-X",
    "-d",
    "-H",
    "-F x=@y",
    "curl ",
    "^",
    "^\"",
    "$'\\x",
    "\\u",
    "0",
    "-1",
    "1e999",
    "99999999999999999999999999",
    "null",
    "true",
    "nan",
    "~",
    "*a",
    "&a",
    "<<: *a",
    "!!binary",
    "- ",
    ": ",
    "|\n",
    "$ref",
    "#/components/schemas/Pet",
    "../x",
    ":id",
    "item",
    "log",
    "key",
    "password",
];

/// What can stand in the place of any value.
fn strange_values() -> Vec<Value> {
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([{ "a": deep }]);
    }
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1e300),
        json!(u64::MAX),
        json!(""),
        json!("{{x}}${Y}"),
        json!("\u{0}\u{1b}[2J\r\n"),
        json!("http://"),
        json!("a".repeat(5_000)),
        json!([]),
        json!({}),
        json!([null]),
        json!({ "": "" }),
        json!({ "$ref": "#" }),
        json!({ "$ref": 7 }),
        json!({ "item": [{ "request": {} }] }),
        deep,
    ]
}

/// The text with some of it replaced by pieces.
fn damaged(text: &str, damages: &[(Index, usize, &str)]) -> String {
    let mut text = text.to_owned();
    for (place, cut, piece) in damages {
        let boundary = |from: usize| {
            (0..=from.min(text.len()))
                .rev()
                .find(|at| text.is_char_boundary(*at))
                .unwrap_or(0)
        };
        let from = boundary(place.index(text.len() + 1));
        let to = boundary(from + cut).max(from);
        text.replace_range(from..to, piece);
    }
    text
}

fn damages() -> impl Strategy<Value = Vec<(Index, usize, &'static str)>> {
    let damage = (any::<Index>(), 0usize..30, prop::sample::select(PIECES));
    prop::collection::vec(damage, 1..6)
}

/// All values of a tree, the outermost first.
fn values(value: &mut Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter_mut().map(values).sum::<usize>(),
        Value::Object(entries) => 1 + entries.values_mut().map(values).sum::<usize>(),
        _ => 1,
    }
}

/// Replaces the value of this number, counted as `values` does.
fn replace(value: &mut Value, number: &mut usize, with: &Value) {
    if *number == 0 {
        *value = with.clone();
    }
    *number = number.wrapping_sub(1);
    match value {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| replace(item, number, with)),
        Value::Object(entries) => entries
            .values_mut()
            .for_each(|item| replace(item, number, with)),
        _ => {}
    }
}

fn with_strange_values(text: &str, changes: &[(Index, Index)]) -> String {
    let strange = strange_values();
    let mut tree: Value = serde_json::from_str(text).expect("the fixture is JSON");
    for (place, choice) in changes {
        let mut number = place.index(values(&mut tree));
        replace(
            &mut tree,
            &mut number,
            &strange[choice.index(strange.len())],
        );
    }
    tree.to_string()
}

fn text_of(name: &str) -> String {
    String::from_utf8(fixture(name)).expect("the fixture is text")
}

/// What makes a JSON fixture small enough that a thousand of them take seconds.
fn compact(name: &str) -> String {
    let tree: Value = serde_json::from_str(&text_of(name)).expect("the fixture is JSON");
    tree.to_string()
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn damaged_commands_never_bring_the_reader_down(
        name in prop::sample::select(&["chrome-bash.txt", "chrome-cmd.txt", "shell.txt"][..]),
        damages in damages(),
    ) {
        check(importer(name), damaged(&text_of(name), &damages).as_bytes());
    }

    #[test]
    fn damaged_recordings_never_bring_the_reader_down(
        name in prop::sample::select(&["shop.har", "firefox.har"][..]),
        damages in damages(),
    ) {
        check(importer(name), damaged(&compact(name), &damages).as_bytes());
    }

    #[test]
    fn damaged_descriptions_never_bring_the_reader_down(
        name in prop::sample::select(&["petstore.yaml", "shop-openapi.json"][..]),
        damages in damages(),
    ) {
        check(importer(name), damaged(&text_of(name), &damages).as_bytes());
    }

    #[test]
    fn damaged_collections_never_bring_the_reader_down(damages in damages()) {
        let name = "shop.postman_collection.json";
        check(importer(name), damaged(&compact(name), &damages).as_bytes());
    }

    #[test]
    fn values_of_other_kinds_never_bring_a_reader_down(
        name in prop::sample::select(&["shop.har", "firefox.har", "shop-openapi.json", "shop.postman_collection.json"][..]),
        changes in prop::collection::vec(any::<(Index, Index)>(), 1..4),
    ) {
        check(importer(name), with_strange_values(&text_of(name), &changes).as_bytes());
    }

    #[test]
    fn inputs_that_were_cut_off_never_bring_a_reader_down(
        name in prop::sample::select(&["shell.txt", "chrome-cmd.txt", "shop.har", "petstore.yaml", "shop-openapi.json", "shop.postman_collection.json"][..]),
        end in any::<Index>(),
    ) {
        let bytes = fixture(name);
        check(importer(name), &bytes[..end.index(bytes.len())]);
    }

    #[test]
    fn random_bytes_never_bring_a_reader_down(
        name in prop::sample::select(&["a.txt", "a.har", "a.yaml", "a.postman.json"][..]),
        start in prop::sample::select(&["", "curl ", "{\"log\":{\"entries\":[", "openapi: 3.0.0\n", "{\"info\":", "\u{feff}", "curl $'"][..]),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut input = start.as_bytes().to_vec();
        input.extend(bytes);
        check(importer(name), &input);
    }

    #[test]
    fn words_of_any_kind_survive_in_the_file(
        words in prop::collection::vec(prop::sample::select(PIECES), 0..8),
    ) {
        // As one quoted argument, in a header, a query, a form, JSON and a plain body at once.
        let text = words.concat();
        let quoted = text.replace('\'', "'\\''");
        let json = serde_json::to_string(&json!({ "a": text })).expect("a text is JSON").replace('\'', "'\\''");
        let command = format!(
            "curl 'http://a.test/{quoted}' -H 'x-a: {quoted}' --data-raw '{quoted}'\ncurl 'http://a.test/?a={quoted}' --json '{json}'\ncurl http://a.test/ -F 'a={quoted}' -F 'b={quoted}'\n"
        );
        check(loadforge_import::curl, command.as_bytes());
    }
}

#[test]
fn deep_nesting_is_refused_in_all_readers() {
    for (name, start) in [
        ("a.har", "{\"log\":{\"entries\":"),
        ("a.json", "{\"openapi\":\"3.0.0\",\"paths\":"),
        ("a.yaml", "openapi: 3.0.0\npaths: "),
        ("a.postman.json", "{\"item\":"),
    ] {
        for piece in ["[", "{\"item\":[", "{\"a\":"] {
            let text = format!("{start}{}", piece.repeat(50_000));
            let error = importer(name)(text.as_bytes(), &Options::default()).unwrap_err();
            assert!(error.line >= 1, "{name} {piece}: {error}");
        }
    }
}

#[test]
fn folders_and_schemas_as_deep_as_json_goes_are_read() {
    let mut folder = json!({ "name": "x", "request": "http://a.test/" });
    for _ in 0..55 {
        folder = json!({ "name": "f", "item": [folder] });
    }
    let schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";
    let text =
        json!({ "info": { "name": "deep", "schema": schema }, "item": [folder] }).to_string();
    let imported = loadforge_import::postman(text.as_bytes(), &Options::default()).unwrap();
    assert_eq!(imported.requests, 1);

    let mut schema = json!({ "type": "string" });
    for _ in 0..50 {
        schema = json!({ "properties": { "a": schema } });
    }
    let body = json!({ "content": { "application/json": { "schema": schema } } });
    let text = json!({ "openapi": "3.0.0", "paths": { "/": { "post": { "requestBody": body } } } })
        .to_string();
    let imported = loadforge_import::openapi(text.as_bytes(), &Options::default()).unwrap();
    assert!(
        imported.notes.iter().any(|note| note.contains("cut off")),
        "{:?}",
        imported.notes
    );
}

#[test]
fn a_recording_of_fifty_megabytes_is_read() {
    // Mostly answers, as real ones are: they are skipped.
    let answer = "x".repeat(100_000);
    let mut text = String::from("{\"log\":{\"entries\":[");
    for number in 0..500 {
        text.push_str(if number > 0 { "," } else { "" });
        text.push_str(&format!(
            "{{\"request\":{{\"method\":\"GET\",\"url\":\"http://a.test/item/{number}\",\"headers\":[]}},\"response\":{{\"status\":200,\"content\":{{\"text\":\"{answer}\"}}}}}}"
        ));
    }
    text.push_str("]}}");
    assert!(text.len() > 50_000_000);
    let imported = loadforge_import::har(text.as_bytes(), &Options::default()).unwrap();
    assert_eq!(imported.requests, 500);
    assert!(imported.toml.len() < 100_000);
}

#[test]
fn a_description_whose_schemas_multiply_stays_small() {
    // Each of 30 schemas holds the next ten times: 10^30 values if nobody counted.
    let mut schemas = serde_json::Map::new();
    for level in 0..30 {
        let properties: serde_json::Map<String, Value> = (0..10)
            .map(|name| {
                (
                    format!("p{name}"),
                    json!({ "$ref": format!("#/components/schemas/S{}", level + 1) }),
                )
            })
            .collect();
        schemas.insert(
            format!("S{level}"),
            json!({ "type": "object", "properties": properties }),
        );
    }
    schemas.insert("S30".into(), json!({ "type": "string" }));
    let body = json!({ "content": { "application/json": { "schema": { "$ref": "#/components/schemas/S0" } } } });
    let paths: serde_json::Map<String, Value> = (0..300)
        .map(|path| {
            (
                format!("/p{path}"),
                json!({ "post": { "requestBody": body } }),
            )
        })
        .collect();
    let text = json!({ "openapi": "3.1.0", "paths": paths, "components": { "schemas": schemas } })
        .to_string();
    let imported = loadforge_import::openapi(text.as_bytes(), &Options::default()).unwrap();
    assert!(imported.toml.len() < 20 << 20, "{}", imported.toml.len());
    assert!(
        imported.notes.iter().any(|note| note.contains("cut off")),
        "{:?}",
        imported.notes
    );
}
