//! What `docs/scenarios.md` shows is true: every file in it is read by the program, played in memory by one user, and run where it
//! says so. Neighbours: `page.rs` takes the page apart, `talk.rs` holds what was played against what the page shows.
//! Invariant: a fence that no test looks at does not exist; a fragment gets the one line that it lacks to be a whole file.

mod page;
mod talk;

use crate::running::{PATIENCE, count, loadforge, run_well_in, summary};
use loadforge_scenarios::{
    Scenario, document,
    testing::{Answer, MemoryRun},
};
use page::{Cell, Page};
use std::{fs, path::Path, sync::Arc};
use talk::Talk;
use tempfile::{TempDir, tempdir};

/// The environment that the page speaks of.
const ENVIRONMENT: [(&str, &str); 3] = [
    ("SHOP_HOST", "127.0.0.1:8080"),
    ("SHOP_SECRET", "hush"),
    ("SHOP_TOKEN", "t0ken"),
];

fn text() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenarios.md");
    fs::read_to_string(path).unwrap()
}

fn page() -> Page {
    Page::of(&text())
}

#[test]
fn every_link_within_the_guide_leads_to_a_heading() {
    let page = page();
    for link in &page.links {
        assert!(page.anchors.contains(link), "#{link}: {:?}", page.anchors);
    }
    assert!(page.links.len() > 20, "the links were found");
}

/// Tables with a key that there is not: what is said names all that there are.
const TABLES: [&str; 12] = [
    "zzzzzzzz = 1\n[[task]]\nget = \"/\"\n",
    "[[task]]\nget = \"/\"\nzzzzzzzz = 1\n",
    "[[task]]\n[[task.step]]\nget = \"/\"\nzzzzzzzz = 1\n",
    "[[task]]\nget = \"/\"\ncheck.zzzzzzzz = 1\n",
    "[[task]]\nget = \"/\"\ncapture.a.zzzzzzzz = 1\n",
    "[[task]]\nget = \"/\"\nretry.zzzzzzzz = 1\n",
    "[[task]]\nget = \"/\"\nthink_time.zzzzzzzz = 1\n",
    "[[task]]\npost = \"/\"\nmultipart.a.zzzzzzzz = 1\n",
    "[data.a]\nzzzzzzzz = 1\n[[task]]\nget = \"/\"\n",
    "[load]\nzzzzzzzz = 1\n[[task]]\nget = \"/\"\n",
    "[[phase]]\nzzzzzzzz = 1\n[[task]]\nget = \"/\"\n",
    "[[threshold]]\nzzzzzzzz = 1\n[[task]]\nget = \"/\"\n",
];

#[test]
fn every_key_is_in_the_guide() {
    let text = text();
    for table in TABLES {
        let file = format!("target = \"echo\"\n{table}");
        let problems = document::parse("a.toml", &file, &|_| None, Path::new("")).unwrap_err();
        let mut remedies = problems.0.iter().map(|problem| &problem.remedy);
        let keys = remedies.find_map(|remedy| remedy.strip_prefix("the keys here are "));
        let keys = keys.unwrap_or_else(|| panic!("{table}: {problems}"));
        for key in keys.split(", ") {
            let ways = [
                format!("`{key}`"),
                format!("`{key} = "),
                format!("\n{key} = "),
                format!("[{key}"),
                format!("{{ {key} = "),
            ];
            let is_told = ways.iter().any(|way| text.contains(way));
            assert!(is_told, "the guide does not tell `{key}` of {table}");
        }
    }
}

/// A scenario around what stands in the first column of some tables.
fn around(cell: &Cell) -> Option<String> {
    let code = &cell.code;
    let head = "target = \"echo\"\n";
    let task = "[[task]]\npost = \"/\"\n";
    let steps = match code.split(" = ").next() {
        Some("set" | "metric" | "pause") => "",
        _ => "step = [{ get = \"/\" }]\n",
    };
    let variables = "[variables]\ntoken = \"t\"\nstate = \"new\"\nstock = 1\n";
    match cell.column.as_str() {
        "value" => Some(format!(
            "{head}{variables}[data.people]\nfile = \"people.csv\"\n{task}body = \"{code}\"\n"
        )),
        "capture" => Some(format!("{head}{task}[task.capture]\n{code}\n")),
        "check" if code.contains(" = ") => Some(format!("{head}{task}[task.check]\n{code}\n")),
        "step" => Some(format!(
            "{head}{variables}[[task]]\n[[task.step]]\n{code}\n{steps}"
        )),
        "`think_time`, `pause`" => Some(format!("{head}think_time = {code}\n{task}")),
        _ => None,
    }
}

#[test]
fn what_the_tables_of_the_guide_show_can_be_written() {
    let page = page();
    let folder = folder_of(&page);
    let mut seen = 0;
    for cell in &page.cells {
        let Some(text) = around(cell) else { continue };
        let read = document::parse("table.toml", &text, &|_| None, folder.path());
        if let Err(problems) = read {
            panic!("line {}: {problems}", cell.line);
        }
        seen += 1;
    }
    assert!(seen > 35, "the tables were found: {seen}");
}

#[test]
fn every_function_and_filter_is_in_the_guide() {
    let text = text();
    for (expression, list) in [
        ("zzzzzzzz()", "the functions are "),
        ("user() | zzzzzzzz", "the filters are "),
    ] {
        let file = format!("target = \"echo\"\n[[task]]\nget = \"/{{{{ {expression} }}}}\"\n");
        let problems = document::parse("a.toml", &file, &|_| None, Path::new("")).unwrap_err();
        let names = problems.0[0].remedy.strip_prefix(list);
        let names = names.unwrap_or_else(|| panic!("{problems}"));
        // There is no function `env`: the word is known so that the right way can be told.
        for name in names.split(", ").filter(|name| *name != "env") {
            let ways = [format!("`{{{{ {name}("), format!("`{name}`")];
            assert!(ways.iter().any(|way| text.contains(way)), "{name}");
        }
    }
}

/// A folder with every file that the page shows: those with a name under it, the others under their line.
fn folder_of(page: &Page) -> TempDir {
    let folder = tempdir().unwrap();
    for fence in &page.fences {
        fs::write(folder.path().join(fence.file_name()), fence.whole()).unwrap();
    }
    folder
}

#[test]
fn every_file_of_the_guide_is_good_or_fails_as_it_says() {
    let page = page();
    let folder = folder_of(&page);
    let (mut good, mut bad) = (0, 0);
    for fence in page.scenarios() {
        let file = fence.file_name();
        let (code, said) = validate(folder.path(), &file);
        let told = format!("line {}: {said}", fence.line);
        match fence.error() {
            None => {
                assert_eq!(code, Some(0), "{told}");
                good += 1;
            }
            Some(words) => {
                assert_eq!(code, Some(2), "{told}");
                assert!(said.contains(words), "{told}");
                bad += 1;
            }
        }
        for variant in fence.variants() {
            fs::write(
                folder.path().join("variant.toml"),
                fence.completed(variant.clone()),
            )
            .unwrap();
            let (code, said) = validate(folder.path(), "variant.toml");
            assert_eq!(code, Some(0), "line {}: {variant}{said}", fence.line);
            good += 1;
        }
    }
    assert!(good > 30 && bad > 5, "the fences were found: {good}, {bad}");
}

/// The exit code of `validate`, and what it said.
fn validate(folder: &Path, file: &str) -> (Option<i32>, String) {
    let output = assert_cmd::Command::from_std(loadforge())
        .current_dir(folder)
        .args(["validate", file])
        .envs(ENVIRONMENT)
        .timeout(PATIENCE)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn every_file_of_the_guide_sends_what_it_says() {
    let page = page();
    let folder = folder_of(&page);
    let mut held = 0;
    for (fence, talk) in page.plays() {
        let environment = |name: &str| {
            let found = ENVIRONMENT.iter().find(|(have, _)| *have == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let text = fence.whole();
        let document = document::parse(&fence.file_name(), &text, &environment, folder.path())
            .unwrap_or_else(|problems| panic!("line {}: {problems}", fence.line));
        let scenario: Arc<dyn Scenario> = Arc::new(document.scenario);
        let Some(talk) = talk else {
            let events = MemoryRun::new(|_| Answer::body("{}")).play(&scenario);
            assert!(!talk::sent(&events).is_empty(), "line {}", fence.line);
            continue;
        };
        let talk = Talk::of(&talk.text, talk.line);
        let events = MemoryRun::new(talk.answers()).play(&scenario);
        talk.hold_against(&events);
        held += 1;
    }
    assert!(held > 10, "the talks were found: {held}");
}

#[test]
fn every_file_of_the_guide_that_says_so_runs_as_it_is() {
    let page = page();
    let folder = folder_of(&page);
    let mut run = 0;
    for fence in page.scenarios().filter(|fence| fence.is_run()) {
        let file = folder.path().join(fence.file_name());
        let dir = tempdir().unwrap();
        let words = [
            "run",
            file.to_str().unwrap(),
            "--duration",
            "500ms",
            "--allow-invalid",
        ];
        run_well_in(dir.path(), &words);
        let summary = summary(dir.path());
        assert!(count(&summary, "ok") > 0, "line {}", fence.line);
        assert_eq!(
            count(&summary, "failed"),
            0,
            "line {}: {summary}",
            fence.line
        );
        run += 1;
    }
    assert!(run >= 2, "the fences were found: {run}");
}
