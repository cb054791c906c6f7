//! Hostile texts, from a scenario and from a server: markup, formulas, escape sequences, characters that turn lines around, names of 100 kB.
//! Neighbours: the reporter's own tests of each table. Invariant: they are text wherever they are shown, and nothing of them is run.

use crate::running::{Ended, json, results_dir, run_in};
use serde_json::Value;
use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    thread,
};
use tempfile::{TempDir, tempdir};

/// What checks look for: any text. What is run of it puts `owned` into the page's title.
const LOOKED_FOR: [&str; 2] = [
    "a line\nand another\r\nand a \u{1b}[2Jcleared\u{1b}]0;owned\u{7} screen",
    "@SUM(1)\t1",
];

/// What tasks, requests, groups and metrics are called; a scenario file whose names are not lines of text is refused.
const NAMES: [&str; 8] = [
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "\"quoted\" 'twice' & <b>bold</b> &lt;b&gt;",
    "safe\u{202e}txt.exe\u{2066}turned",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(1)",
];

/// A server that answers some paths with hostile heads; it ends with the test.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(|| answer(stream));
        }
    });
    address
}

/// Answers requests one after another until the client has gone.
fn answer(mut stream: TcpStream) {
    let (mut seen, mut bytes) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(length) => seen.extend_from_slice(&bytes[..length]),
        }
        while let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&seen[..end]).into_owned();
            seen.drain(..end + 4);
            let path = head.split(' ').nth(1).unwrap_or_default();
            let evil = "<img src=x onerror=\"document.title='owned'\">";
            let head = match path {
                "/reason" => format!("HTTP/1.1 503 </script>{evil} =1+1\r\n"),
                "/moved" => format!("HTTP/1.1 302 Found\r\nlocation: evil://{evil}/{evil}\r\n"),
                "/header" => format!("HTTP/1.1 200 OK\r\nx-kind: {evil}\r\n"),
                "/garbage" => format!("{evil}\u{1b}[2J HTTP/1.1 200\r\n"),
                _ => "HTTP/1.1 200 OK\r\n".to_owned(),
            };
            let body = format!("{{\"a\": \"{evil}\"");
            let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// A text as TOML has it: JSON's escapes are TOML's, too.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A scenario in which everything that may have a name has a hostile one.
fn scenario(address: SocketAddr) -> String {
    let mut text = format!("name = \"hostile\"\nbase_url = \"http://{address}\"\n");
    for (role, length) in [("measured", "3s"), ("cool_down", "1s")] {
        let phase = quoted(&format!("{} {role}", NAMES[4]));
        text.push_str(&format!(
            "[[phase]]\nname = {phase}\nrole = \"{role}\"\nduration = \"{length}\"\nusers = 2\n"
        ));
    }
    let long = "long ".repeat(20_000);
    for name in NAMES.iter().copied().chain([long.as_str()]) {
        let name = quoted(name);
        text.push_str(&format!(
            "[[task]]\nname = {name}\nthink_time = \"5ms\"\n\
             [[task.step]]\ngroup = {name}\nstep = [{{ name = {name}, get = \"/\", check = {{ body_contains = {name} }} }}]\n\
             [[task.step]]\nmetric = {{ name = {name}, record = 1 }}\n"
        ));
    }
    for (index, wanted) in LOOKED_FOR.iter().enumerate() {
        let wanted = quoted(wanted);
        text.push_str(&format!(
            "[[task]]\nname = \"looks {index}\"\nget = \"/\"\ncheck = {{ body_contains = {wanted} }}\n"
        ));
    }
    for path in ["reason", "moved", "header", "garbage"] {
        let capture = match path {
            "header" => "capture.kind.json = \"$.a\"\ncheck = { header = { x-kind = \"good\" } }\n",
            _ => "",
        };
        text.push_str(&format!(
            "[[task]]\nname = \"{path}\"\nget = \"/{path}\"\n{capture}"
        ));
    }
    text
}

fn run() -> (TempDir, Ended) {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("hostile.toml"), scenario(serve())).unwrap();
    let ended = run_in(dir.path(), &["run", "hostile.toml", "--verbose"]);
    assert!(matches!(ended.code, Some(0 | 4)), "{}", ended.stderr);
    (dir, ended)
}

/// Nothing that moves the cursor, colours, or turns a line around.
fn assert_tame(place: &str, text: &str) {
    let wild = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if let Some(found) = text.chars().find(wild) {
        let line = text
            .lines()
            .find(|line| line.contains(found))
            .unwrap_or_default();
        panic!("{found:?} in {place}: {line:?}");
    }
}

#[test]
fn hostile_texts_are_shown_and_never_run() {
    let (dir, ended) = run();
    let results = results_dir(dir.path()).unwrap();
    assert_tame("the screen", &ended.stderr);
    let page = fs::read_to_string(results.join("report.html")).unwrap();
    assert_tame("the page", &page.replace('\t', " "));
    for part in ["<img", "<script>document", "<b>bold"] {
        assert!(!page.contains(part), "{part} is an element of the page");
    }
    check_table(&fs::read_to_string(results.join("series.csv")).unwrap());
    check_summary(&json(&results.join("summary.json")));
    assert_eq!(json(&results.join("run.json"))["name"], "hostile");
    check_in_browser(&results.join("report.html"));
}

/// A cell is a number, a column's name, or letters and digits of a phase's name: no spreadsheet takes it for a formula.
fn check_table(table: &str) {
    assert!(table.lines().count() > 1, "{table}");
    for cell in table.lines().flat_map(|line| line.split(',')) {
        let is_number = cell.is_empty() || cell.parse::<f64>().is_ok_and(|number| number >= 0.0);
        let is_word = cell.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && cell
                .chars()
                .all(|c| c.is_alphanumeric() || " _./-".contains(c));
        assert!(is_number || is_word, "{cell:?} in {table}");
    }
}

/// For programs every name is as it was given, up to the length that names have.
fn check_summary(summary: &Value) {
    let names = |of: &str| -> Vec<String> {
        let rows = summary[of].as_array().unwrap();
        let name = |row: &Value| row["name"].as_str().unwrap().to_owned();
        rows.iter().map(name).collect()
    };
    for of in ["endpoints", "groups", "metrics"] {
        let names = names(of);
        let found = NAMES
            .iter()
            .filter(|text| names.iter().any(|name| name == *text));
        assert!(found.count() >= 1, "{of}: {names:?}");
    }
    let kinds = summary["errors"].to_string();
    for kind in ["check", "status", "protocol"] {
        assert!(kinds.contains(kind), "{kind} in {kinds}");
    }
}

/// The page as a browser has it once its own scripts have run.
fn check_in_browser(page: &Path) {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let is_there = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let Some(browser) = names.into_iter().find(is_there) else {
        eprintln!("skipped: no browser here to open the page in");
        return;
    };
    let profile = tempdir().unwrap();
    let output = assert_cmd::Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args(["--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .timeout(crate::running::PATIENCE)
        .output()
        .unwrap();
    let tree = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !tree.contains("</html>") {
        eprintln!(
            "skipped: {browser} cannot be run here: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        return;
    }
    let title = tree
        .split("<title>")
        .nth(1)
        .and_then(|rest| rest.split("</title>").next());
    assert!(
        title.is_some_and(|title| !title.contains("owned")),
        "{title:?}"
    );
    assert!(
        tree.contains("<svg"),
        "the page's own script has drawn its charts"
    );
    for part in ["<img", "<script>document", "<b>bold"] {
        assert!(!tree.contains(part), "{part} has become an element");
    }
    // The charts, the library packed and unpacked, and the page's own script.
    assert_eq!(
        tree.matches("<script").count(),
        4,
        "no script of anybody else"
    );
}
