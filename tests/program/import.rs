//! `import`: inputs from files, the command line and standard input; what is written, told and refused.

use crate::running::{Ended, loadforge, run_command_in, run_in, run_well_in};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use tempfile::tempdir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("import/tests/fixtures")
        .join(name)
}

/// The words of an import of a fixture.
fn import(dir: &Path, kind: &str, name: &str, more: &[&str]) -> Ended {
    let path = fixture(name);
    let path = path.to_str().expect("the checkout's path is text");
    run_in(dir, &[&["import", kind, path][..], more].concat())
}

#[test]
fn a_recording_becomes_a_scenario_that_validates_and_runs() {
    let dir = tempdir().unwrap();
    let echo = crate::servers::Echo::start(&[]);
    let base = echo.url().to_owned();
    let flags = [
        "--out",
        "shop.toml",
        "--name",
        "shop",
        "--base-url",
        base.as_str(),
    ];
    let ended = import(dir.path(), "har", "shop.har", &flags);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mode = fs::metadata(dir.path().join("shop.toml")).map(|about| about.mode());
    assert_eq!(
        mode.unwrap() & 0o077,
        0,
        "what was recorded is its owner's own affair"
    );
    assert_eq!(ended.stdout, "");
    assert!(
        ended.stderr.contains("shop.toml: 8 requests\n"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("app.js, shoe.png; --static-assets"),
        "{}",
        ended.stderr
    );
    let refused = run_in(dir.path(), &["validate", "shop.toml"]);
    assert!(
        refused.stderr.contains("export TOKEN="),
        "{}",
        refused.stderr
    );
    let mut command = loadforge();
    command.env("TOKEN", "t-1");
    let validated = run_command_in(dir.path(), command, &["validate", "shop.toml"]);
    assert_eq!(validated.code, Some(0), "{}", validated.stderr);
    assert!(
        validated.stderr.contains("put into the cart"),
        "{}",
        validated.stderr
    );
    let mut command = loadforge();
    command.env("TOKEN", "t-1");
    let run = ["run", "shop.toml", "--max-requests", "10", "--quiet"];
    let ended = run_command_in(dir.path(), command, &run);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(echo.requests(), 10);
}

#[test]
fn a_command_is_taken_from_the_command_line_and_from_standard_input() {
    let dir = tempdir().unwrap();
    let command = "curl 'http://127.0.0.1:8080/users/17' -H 'authorization: Bearer s3cret-token-1'";
    let typed = run_well_in(dir.path(), &["import", "curl", command]);
    assert!(
        typed.stdout.contains("name = \"GET /users/{id}\"\n"),
        "{}",
        typed.stdout
    );
    assert!(
        typed.stdout.contains("authorization = \"Bearer ${TOKEN}\""),
        "{}",
        typed.stdout
    );
    assert!(
        typed
            .stderr
            .contains("environment variables before a run: TOKEN"),
        "{}",
        typed.stderr
    );
    assert!(!format!("{typed:?}").contains("s3cret"), "{typed:?}");
    let mut piped = assert_cmd::Command::from_std(loadforge());
    let output = piped
        .args(["import", "curl", "-"])
        .write_stdin(command)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), typed.stdout);
}

#[test]
fn descriptions_and_collections_are_read_from_files() {
    let dir = tempdir().unwrap();
    for (kind, name, line) in [
        ("openapi", "petstore.yaml", "name = \"listPets\""),
        ("openapi", "shop-openapi.json", "name = \"order\""),
        (
            "postman",
            "shop.postman_collection.json",
            "name = \"Broken JSON\"",
        ),
        ("curl", "chrome-cmd.txt", "name = \"POST /api/search\""),
    ] {
        let ended = import(dir.path(), kind, name, &[]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(
            ended.stdout.lines().any(|have| have == line),
            "{line} in {}",
            ended.stdout
        );
    }
}

#[test]
fn a_file_that_is_there_is_not_overwritten() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("shop.toml"), "mine").unwrap();
    let ended = import(dir.path(), "har", "shop.har", &["--out", "shop.toml"]);
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        fs::read_to_string(dir.path().join("shop.toml")).unwrap(),
        "mine"
    );
    insta::assert_snapshot!(ended.stderr);
}

#[test]
fn each_bad_input_is_told_with_its_place_and_a_remedy() {
    let dir = tempdir().unwrap();
    let mut told = String::new();
    for (kind, name, text) in [
        ("har", "cut.har", "{\"log\": {\n  \"entries\": [ {"),
        (
            "har",
            "odd.har",
            "{\"log\": {\"entries\": [\n {\"request\": {\"url\": 7}}]}}",
        ),
        ("har", "page.har", "<html></html>"),
        ("openapi", "old.yaml", "swagger: '2.0'\npaths: {}\n"),
        (
            "openapi",
            "odd.yaml",
            "openapi: 3.1.0\npaths:\n  /a:\n    get: 7\n",
        ),
        ("openapi", "broken.yaml", "openapi: 3.1.0\npaths: {\n"),
        ("openapi", "none.yaml", "openapi: 3.1.0\npaths: {}\n"),
        (
            "postman",
            "v2.json",
            "{\"info\": {\"schema\": \"https://schema.getpostman.com/json/collection/v2.0.0/collection.json\"}, \"item\": []}",
        ),
        (
            "postman",
            "v1.json",
            "{\"id\": \"x\", \"order\": [], \"requests\": []}",
        ),
        (
            "postman",
            "env.json",
            "{\"values\": [], \"_postman_variable_scope\": \"environment\"}",
        ),
        ("curl", "open.txt", "curl http://a.test/ \\\n -H 'a: b"),
        ("curl", "fetch.txt", "fetch(\"http://a.test/\")"),
        ("curl", "empty.txt", " \n"),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
        let ended = run_in(dir.path(), &["import", kind, name]);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(2), ""),
            "{name}: {}",
            ended.stderr
        );
        told.push_str(&ended.stderr);
        told.push('\n');
    }
    for more in [&["--name", "a b"][..], &["--base-url", "shop.test"]] {
        let ended = import(dir.path(), "har", "shop.har", more);
        assert_eq!(ended.code, Some(2));
        told.push_str(&ended.stderr);
        told.push('\n');
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_file_that_is_missing_or_no_text_is_bad_input() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("bytes.json"), b"{\"info\": \xff\xfe}").unwrap();
    for (words, remedy) in [
        (["import", "curl", "missing.txt"], "one pair of quotes"),
        (["import", "har", "missing.har"], "a file that exists"),
        (["import", "postman", "bytes.json"], "as UTF-8"),
        (["import", "har", "."], "a file that exists"),
    ] {
        let ended = run_in(dir.path(), &words);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(
            ended.stderr.contains(remedy),
            "{remedy} in {}",
            ended.stderr
        );
    }
}
