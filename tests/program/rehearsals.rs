//! `validate --dry-run` and `--once`: what one user would send, and what it is answered.

use crate::running::{loadforge, run_command_in, run_in, run_well_in};
use std::fs;
use tempfile::tempdir;

const LOGIN: &str = r#"
target = "echo"
[headers]
authorization = "Bearer {{ token }}"
[[setup]]
name = "log in"
post = "/echo"
headers = { authorization = false }
json = { token = "t-1", secret = "${LOADFORGE_TEST_SECRET}" }
capture.token = "$.token"
[[task]]
[[task.step]]
group = "checkout"
step = [{ post = "/echo", name = "pay", body = "{{ token }} is {{ token }}", check = { body_contains = "CHECKED" } }]
[[task]]
[[task.step]]
while = "token != ''"
step = [{ get = "/round" }, { pause = "1h" }]
[[teardown]]
delete = "/session"
"#;

#[test]
fn a_dry_run_shows_every_request_and_sends_none() {
    let dir = tempdir().unwrap();
    fs::write(
        dir.path().join("v.toml"),
        LOGIN.replace("${LOADFORGE_TEST_SECRET}", "s"),
    )
    .unwrap();
    let shown = run_well_in(dir.path(), &["validate", "v.toml", "--dry-run"]).stdout;
    let lines: Vec<&str> = shown.lines().collect();
    let has = |line: &str| lines.contains(&line);
    assert!(
        has("> POST /echo HTTP/1.1") && has("> GET /round HTTP/1.1"),
        "{shown}"
    );
    assert!(
        has("> authorization: Bearer <token>") && has("> <token> is <token>"),
        "{shown}"
    );
    assert!(
        has("-- setup") && has("-- task 2") && has("> DELETE /session HTTP/1.1"),
        "{shown}"
    );
    assert!(
        has("waits 3600.0s") && !shown.contains("answered"),
        "{shown}"
    );
    assert!(has("group checkout ends"), "nothing is timed: {shown}");
}

#[test]
fn once_shows_each_answer_and_ends_with_3_when_a_step_fails() {
    let dir = tempdir().unwrap();
    let good = LOGIN
        .replace("CHECKED", "t-1 is t-1")
        .replace("token != ''", "token == ''")
        .replace("${LOADFORGE_TEST_SECRET}", "s");
    fs::write(dir.path().join("good.toml"), &good).unwrap();
    let shown = run_well_in(dir.path(), &["validate", "good.toml", "--once"]).stdout;
    assert!(shown.contains("\n> authorization: Bearer t-1\n"), "{shown}");
    assert!(
        shown.contains("\n< t-1 is t-1\n") && shown.contains("\ngroup checkout: "),
        "{shown}"
    );
    fs::write(
        dir.path().join("bad.toml"),
        good.replace("t-1 is t-1", "no such text"),
    )
    .unwrap();
    let ended = run_in(dir.path(), &["validate", "bad.toml", "--once"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(
        ended
            .stdout
            .contains("FAILED check: body does not contain \"no such text\""),
        "{ended:?}"
    );
}

#[test]
fn no_secret_is_shown_in_a_rehearsal() {
    let dir = tempdir().unwrap();
    let text = LOGIN.replace("token != ''", "token == ''");
    fs::write(dir.path().join("v.toml"), text).unwrap();
    let mut command = loadforge();
    command.env("LOADFORGE_TEST_SECRET", "hunter2hunter2");
    let ended = run_command_in(dir.path(), command, &["validate", "v.toml", "--once"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("\"secret\":\"***\""), "{ended:?}");
    assert!(!ended.stdout.contains("hunter2") && !ended.stderr.contains("hunter2"));
}

#[test]
fn no_form_of_a_secret_is_shown_nor_half_of_it_where_a_body_is_cut() {
    let dir = tempdir().unwrap();
    let filling = "x".repeat(1_995);
    let text = format!(
        "target = \"echo\"\n[[task]]\npost = \"/echo\"\nquery = {{ key = \"${{LOADFORGE_TEST_SECRET}}\" }}\n\
         form = {{ key = \"${{LOADFORGE_TEST_SECRET}}\" }}\n\
         [[task]]\npost = \"/echo\"\njson = {{ key = \"${{LOADFORGE_TEST_SECRET}}\" }}\n\
         [[task]]\npost = \"/echo\"\nbody = \"{filling}${{LOADFORGE_TEST_SECRET}}\"\n"
    );
    fs::write(dir.path().join("v.toml"), text).unwrap();
    for how in ["--dry-run", "--once"] {
        let mut command = loadforge();
        command.env("LOADFORGE_TEST_SECRET", "hunter \"2\" /&é");
        let ended = run_command_in(dir.path(), command, &["validate", "v.toml", how]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for shown in [
            "/echo?key=*** ",
            "> key=***\n",
            "\"key\":\"***\"",
            "xxx***\n",
        ] {
            assert!(ended.stdout.contains(shown), "{shown}: {ended:?}");
        }
        assert!(
            !ended.stdout.contains("hunt") && !ended.stderr.contains("hunt"),
            "{ended:?}"
        );
    }
}

#[test]
fn once_takes_the_address_that_is_given_for_a_name() {
    let dir = tempdir().unwrap();
    let text = "base_url = \"http://shop.invalid:9\"\n[[task]]\nget = \"/\"\n";
    fs::write(dir.path().join("v.toml"), text).unwrap();
    let validate = |more: &[&str]| {
        let ended = run_in(dir.path(), &[&["validate", "v.toml"], more].concat());
        (ended.code, ended.stdout + &ended.stderr)
    };
    let (code, said) = validate(&["--once"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--resolve shop.invalid:9:ADDR"), "{said}");
    // Nobody answers there, and that is told of the step: the name was not looked up.
    let (code, said) = validate(&["--once", "--resolve", "shop.invalid:9:127.0.0.1"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("FAILED connect: "), "{said}");
    let (code, said) = validate(&["--once", "--resolve", "other.invalid:9:127.0.0.1"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no request goes to"), "{said}");
    let (code, said) = validate(&["--resolve", "shop.invalid:9:127.0.0.1"]);
    assert_eq!(code, Some(2), "{said}");
}

#[test]
fn a_target_that_is_not_there_fails_the_step_and_not_the_program() {
    let dir = tempdir().unwrap();
    // Port 9 of this machine: discard, which nobody serves any more.
    let text = "base_url = \"http://127.0.0.1:9\"\n[[task]]\nget = \"/\"\n";
    fs::write(dir.path().join("v.toml"), text).unwrap();
    let ended = run_in(dir.path(), &["validate", "v.toml", "--once"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(
        ended
            .stdout
            .contains("FAILED connect: connecting to http://127.0.0.1:9"),
        "{ended:?}"
    );
}
