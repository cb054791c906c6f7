//! Runs of the open model through the binary: rates, bounds, several scenarios, and what happens when too much is asked.

use crate::{
    running::{assert_balanced, count, json, results_dir, run_in, run_well_in, summary},
    servers::{Echo, Nginx},
};
use std::fs;
use tempfile::tempdir;

fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

#[test]
fn a_rate_is_met_exactly_and_the_server_counts_the_same() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let url = echo.url();
    let line = format!(
        "run {url} --rate 250 --poisson --seed 3 --duration 2s --max-users 200 --allow-invalid"
    );
    run_well_in(dir.path(), &words(&line));
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(summary["model"], "open");
    let intended = count(&summary, "intended");
    // Five standard deviations of a Poisson count of 500.
    assert!(intended.abs_diff(500) < 112, "{intended}");
    assert_eq!(count(&summary, "sent"), echo.requests());
    let info = json(&results_dir(dir.path()).unwrap().join("run.json"));
    assert_eq!(
        (&info["rate_peak"], &info["target_peak"]),
        (&250.0.into(), &200.into())
    );
}

#[test]
fn nginx_gets_each_arrival_of_a_rate_once() {
    let Some(nginx) = Nginx::start() else { return };
    let before = nginx.requests();
    let dir = tempdir().unwrap();
    let line = format!(
        "run {} --rate 300 --duration 2s --max-users 300 --allow-invalid",
        nginx.url()
    );
    run_well_in(dir.path(), &words(&line));
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(count(&summary, "intended"), 600);
    // The second look at the count is a request too.
    assert_eq!(nginx.requests() - before - 1, count(&summary, "sent"));
}

#[test]
fn ten_million_a_second_run_and_are_invalid_and_say_what_they_managed() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let url = echo.url();
    let line = format!("run {url} --rate 10000000 --duration 1s --max-users 20");
    let ended = run_in(dir.path(), &words(&line));
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(ended.stderr.contains("never sent"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--max-users"), "{}", ended.stderr);
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(count(&summary, "intended"), 10_000_000);
    assert_eq!(count(&summary, "sent"), echo.requests());
    let forgiven = run_in(
        tempdir().unwrap().path(),
        &words(&format!("{line} --allow-invalid")),
    );
    assert_eq!(forgiven.code, Some(0), "{}", forgiven.stderr);
}

#[test]
fn a_bound_on_requests_a_second_is_not_passed() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let url = echo.url();
    let line = format!("run {url} --users 20 --max-rps 100 --burst 5 --duration 2s");
    run_well_in(dir.path(), &words(&line));
    let summary = summary(dir.path());
    assert!(count(&summary, "sent") <= 206, "{summary}");
    assert_eq!(count(&summary, "sent"), echo.requests());
}

#[test]
fn what_is_asked_of_a_warm_up_is_counted_and_not_in_the_figures() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let url = echo.url();
    let line =
        format!("run {url} --rate 100 --duration 4s --warmup 2s --cooldown 1s --allow-invalid");
    run_well_in(dir.path(), &words(&line));
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(count(&summary, "intended"), 400);
    let measured = &summary["measured"];
    let done = measured["done"].as_u64().unwrap();
    assert!(done > 0 && done < 300, "{measured}");
    let endpoint = summary["endpoints"][0]["sent"].as_u64().unwrap();
    assert_eq!(endpoint, done, "{summary}");
}

#[test]
fn scenarios_side_by_side_have_rows_of_their_own() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let one = |path: &str| {
        let url = echo.url();
        let base = url.trim_end_matches('/');
        format!("base_url = \"{base}\"\nthink_time = \"20ms\"\n[[task]]\nget = \"/{path}\"\n")
    };
    fs::write(dir.path().join("look.toml"), one("look")).unwrap();
    fs::write(dir.path().join("pay.toml"), one("pay")).unwrap();
    let all = "[load]\nduration = \"2s\"\n\
         [[scenario]]\nfile = \"look.toml\"\nload = { users = 1 }\n\
         [[scenario]]\nfile = \"pay.toml\"\nname = \"checkout\"\nload = { rate = 20 }\n\
         [[threshold]]\nexpr = \"error_rate < 1%\"\nendpoint = \"checkout/pay\"\n";
    fs::write(dir.path().join("all.toml"), all).unwrap();
    run_well_in(dir.path(), &words("run all.toml --allow-invalid"));
    let summary = summary(dir.path());
    assert_balanced(&summary);
    let sent = |name: &str| {
        let rows = summary["endpoints"].as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == name);
        row.unwrap_or_else(|| panic!("{name} in {summary}"))["sent"]
            .as_u64()
            .unwrap()
    };
    let (looked, paid) = (sent("look/look"), sent("checkout/pay"));
    assert_eq!(paid + count(&summary, "not_sent"), 40);
    assert_eq!(looked + paid, echo.requests());
    let info = json(&results_dir(dir.path()).unwrap().join("run.json"));
    assert_eq!(info["parts"][1]["name"], "checkout");
    let refused = run_in(dir.path(), &words("run all.toml --users 3"));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}
