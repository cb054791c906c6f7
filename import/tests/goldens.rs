//! The fixtures, imported: golden files of what people read, and that each is a scenario that is taken.
//! Neighbours: `fixtures/` holds the inputs, `check` says what this version does not take yet. Invariant: a change is seen.

mod check;

use check::{fixture, importer, validate};
use loadforge_import::Options;
use loadforge_scenarios::Scenario as _;

/// What a person sees: the file and the notes.
fn seen(name: &str, options: &Options) -> String {
    let imported =
        importer(name)(&fixture(name), options).unwrap_or_else(|error| panic!("{error}"));
    validate(&imported);
    let notes: String = imported
        .notes
        .iter()
        .map(|note| format!("note: {note}\n"))
        .collect();
    format!("{}\n---\n{notes}", imported.toml)
}

#[test]
fn a_command_copied_out_of_chrome_becomes_a_task() {
    insta::assert_snapshot!(seen("chrome-bash.txt", &Options::default()));
}

#[test]
fn a_command_copied_for_windows_becomes_a_task() {
    insta::assert_snapshot!(seen("chrome-cmd.txt", &Options::default()));
}

#[test]
fn commands_of_a_shell_script_become_tasks() {
    insta::assert_snapshot!(seen("shell.txt", &Options::default()));
}

#[test]
fn a_recorded_shop_becomes_the_scenario_it_was_recorded_from() {
    insta::assert_snapshot!(seen("shop.har", &Options::default()));
}

#[test]
fn options_name_the_scenario_move_it_and_keep_its_pictures() {
    let options = Options {
        static_assets: true,
        name: Some("copy".into()),
        base_url: Some("http://127.0.0.1:9000/v2/".into()),
    };
    let seen = seen("shop.har", &options);
    for line in [
        "name = \"copy\"",
        "base_url = \"http://127.0.0.1:9000/v2\"",
        "get = \"/static/shoe.png\"",
        "get = \"/static/app.js\"",
    ] {
        assert!(seen.lines().any(|have| have == line), "{line} in {seen}");
    }
}

#[test]
fn a_recording_of_firefox_with_little_in_it_is_read() {
    insta::assert_snapshot!(seen("firefox.har", &Options::default()));
}

#[test]
fn a_description_in_yaml_becomes_a_task_for_each_tag() {
    insta::assert_snapshot!(seen("petstore.yaml", &Options::default()));
}

#[test]
fn a_description_of_version_3_1_with_circles_is_read() {
    insta::assert_snapshot!(seen("shop-openapi.json", &Options::default()));
}

#[test]
fn a_collection_becomes_a_task_for_each_folder() {
    insta::assert_snapshot!(seen("shop.postman_collection.json", &Options::default()));
}

#[test]
fn the_recorded_shop_has_the_requests_of_the_example_it_was_made_of() {
    let imported = importer("shop.har")(&fixture("shop.har"), &Options::default()).unwrap();
    let requests = |text: &str| {
        let env = |name: &str| imported.stand_in(name);
        let folder = std::path::Path::new("");
        let document = loadforge_scenarios::document::parse("shop.toml", text, &env, folder)
            .unwrap_or_else(|problems| panic!("{problems}"));
        let names = document.scenario.endpoints();
        let mut requests: Vec<String> = document
            .scenario
            .requests()
            .map(|request| {
                let headers = request.headers.iter();
                let accept = headers.into_iter().find(|(name, _)| *name == "accept");
                let name = &names[request.name.0 as usize];
                format!("{name} {} {accept:?}", request.method.as_str())
            })
            .collect();
        requests.sort();
        requests
    };
    let example = include_str!("../../scenarios/examples/shop.toml");
    assert_eq!(requests(&imported.toml), requests(example));
}
