//! No secret of an input stands in what is made of it, neither in the file nor in a note. Neighbours: `src/secrets.rs` and
//! `src/hide.rs`. Invariant: whatever a secret looks like, if its name tells of it.

mod check;

use check::{fixture, importer};
use loadforge_import::{Imported, Options, fuzzing::first_problem};
use proptest::prelude::*;
use serde_json::json;

fn assert_without(imported: &Imported, secret: &str) {
    assert!(
        !imported.toml.contains(secret),
        "{secret} in\n{}",
        imported.toml
    );
    let told = imported.notes.iter().find(|note| note.contains(secret));
    assert!(told.is_none(), "{secret} in {told:?}");
}

#[test]
fn no_secret_of_a_fixture_is_written_or_told() {
    for (name, secrets) in [
        (
            "chrome-bash.txt",
            &[
                "eyJhbGciOiJIUzI1NiJ9",
                "c2lnbmF0dXJlLXMzY3JldA",
                "8f3a9c21d0e74b5a",
            ][..],
        ),
        (
            "shell.txt",
            &["correct-horse-battery", "YW5uOmNvcnJlY3Q", "k-0123456789"],
        ),
        ("shop.har", &["5e8f1c0d2b7a4e69"]),
        (
            "firefox.har",
            &[
                "AIzaSyD-9tSrke72PouQMnMX",
                "csrf-9b1deb4d",
                "correct horse battery",
            ],
        ),
        (
            "shop.postman_collection.json",
            &[
                "correct-horse-battery",
                "hunter2hunter2",
                "k-0123456789",
                "YWRtaW46",
            ],
        ),
    ] {
        let input = fixture(name);
        let imported = importer(name)(&input, &Options::default()).unwrap();
        for secret in secrets {
            assert_without(&imported, secret);
        }
    }
}

#[test]
fn each_variable_is_told_with_what_it_holds_and_none_that_is_not_used() {
    let imported = loadforge_import::curl(
        b"curl -u ann:pa55-word-x http://a.test/ -H 'x-api-key: k-0123456789'",
        &Options::default(),
    )
    .unwrap();
    let names: Vec<&str> = imported
        .environment
        .iter()
        .map(|variable| variable.name.as_str())
        .collect();
    assert_eq!(names, ["BASIC_AUTH", "API_KEY"]);
    let note = imported
        .notes
        .iter()
        .find(|note| note.contains("environment variables"))
        .unwrap();
    assert!(note.contains("BASIC_AUTH, API_KEY"), "{note}");
    assert!(
        imported
            .toml
            .contains("#   export BASIC_AUTH=…  # user:password in base64\n"),
        "{}",
        imported.toml
    );
}

/// Texts that are no usual word: those are hidden where they are known to be secrets, and looked for nowhere else.
fn secret() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9+/_.!*'\"\\\\ é-]{8,40}[a-z][0-9]"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_secret_of_any_letters_stands_nowhere(secret in secret()) {
        let secret = secret.trim().to_owned();
        let body = json!({ "user": "ann", "login": { "password": secret, "n": null }, "echo": format!("my {secret}") }).to_string();
        let har = json!({ "log": { "pages": [{ "id": "p", "title": format!("page of {secret}") }], "entries": [
            { "pageref": "p", "comment": format!("with {secret}"), "request": { "method": "POST", "url": "http://a.test/login",
              "headers": [
                { "name": "Authorization", "value": format!("Bearer {secret}") },
                { "name": "X-Copy", "value": format!("<{secret}>") },
              ],
              "postData": { "mimeType": "application/json", "text": body } } },
            { "pageref": "p", "request": { "method": "POST", "url": "http://a.test/plain", "headers": [],
              "postData": { "mimeType": "text/xml", "text": format!("<t>{secret}</t>") } } },
        ] } })
        .to_string();
        let imported = loadforge_import::har(har.as_bytes(), &Options::default()).unwrap();
        let problem = first_problem(&imported, std::path::Path::new(""));
        prop_assert!(problem.is_none(), "{problem:?}");
        let mut written = imported.toml.clone();
        written.push_str(&imported.notes.join("\n"));
        // As it is, and as it is between the quotes of JSON and of TOML.
        let quoted = json!(secret).to_string();
        let quoted_twice = json!(quoted).to_string();
        for form in [secret.as_str(), &quoted[1..quoted.len() - 1], &quoted_twice[3..quoted_twice.len() - 3]] {
            prop_assert!(!written.contains(form), "{form} in\n{written}");
        }
    }
}

#[test]
fn a_secret_in_json_that_is_sent_as_a_form_is_hidden_too() {
    let command = br#"curl http://a.test/login -d '{"user":"ann","password":"SEC97-x1"}'"#;
    let imported = loadforge_import::curl(command, &Options::default()).unwrap();
    assert!(!imported.toml.contains("SEC97-x1"), "{}", imported.toml);
    assert!(imported.toml.contains("${PASSWORD}"), "{}", imported.toml);
}
