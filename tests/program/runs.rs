//! Whole runs: files, counts, flags. Each compares what the program says with what the server counted.

use crate::{
    running::{
        Running, assert_balanced, count, eventually, json, loadforge, results_dir, run_in,
        run_well_in, summary, two_workers, workers_of,
    },
    servers::{Echo, Nginx, free_address},
};
use loadforge_scenarios::{
    Scenario,
    document::{self, Loaded, SidePart},
};
use nix::sys::signal::Signal;
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};
use tempfile::tempdir;

#[test]
fn a_run_of_a_file_leaves_every_file_and_counts_as_the_server_does() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let text = format!(
        "name = \"quick\"\nbase_url = \"http://{}\"\nthink_time = \"1ms..5ms\"\n\
         [load]\nusers = 6\nduration = \"2s\"\n\
         [[setup]]\npost = \"/login\"\nform = {{ user = \"a\" }}\n\
         [[teardown]]\ndelete = \"/login\"\n\
         [[task]]\nname = \"browse\"\nweight = 3\nget = \"/products\"\ncheck = {{ body_contains = \"hello\" }}\n\
         [[task]]\nname = \"buy\"\n[[task.step]]\npost = \"/echo\"\njson = {{ n = 1 }}\n\
         [[task.step]]\nhead = \"/cart\"\n\
         [[threshold]]\nexpr = \"error_rate < 1%\"\n",
        echo.address
    );
    fs::write(dir.path().join("quick.toml"), text).unwrap();
    let ended = run_well_in(
        dir.path(),
        &["run", "quick.toml", "--workers", two_workers()],
    );
    assert_eq!(
        ended.stdout, "",
        "data goes to standard output, and none was asked for"
    );

    let results = results_dir(dir.path()).unwrap();
    for file in [
        "run.json",
        "snapshots.jsonl",
        "summary.json",
        "series.csv",
        "report.html",
    ] {
        let length = fs::metadata(results.join(file))
            .map(|file| file.len())
            .unwrap_or(0);
        assert!(length > 0, "{file} is missing or empty");
        let mode = fs::metadata(results.join(file)).unwrap().mode();
        assert_eq!(mode & 0o077, 0, "{file} can be read by others");
    }
    let mode = fs::metadata(&results).unwrap().mode();
    assert_eq!(
        mode & 0o077,
        0,
        "the directory can be looked into by others"
    );
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(count(&summary, "sent"), echo.requests());
    assert_eq!(
        (count(&summary, "failed"), count(&summary, "lost")),
        (0, 0),
        "{summary}"
    );
    assert_eq!(summary["outcome"], "completed");
    assert_eq!(summary["users"]["peak"], 6);
    assert_eq!(summary["thresholds"][0]["passed"], true);
    let mut names: Vec<_> = summary["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["/cart", "/echo", "/login", "/login", "browse"]);
    let logins: u64 = summary["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["name"] == "/login")
        .map(|e| e["sent"].as_u64().unwrap())
        .sum();
    assert_eq!(
        logins, 12,
        "each of six users sets up once and tears down once"
    );
}

#[test]
fn a_report_made_again_is_the_report_made_first() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    run_well_in(
        dir.path(),
        &[
            "run",
            &echo.url(),
            "--duration",
            "1s",
            "--users",
            "2",
            "--cpus",
            "0",
        ],
    );
    let results = results_dir(dir.path()).unwrap();
    let files = ["summary.json", "series.csv", "report.html"];
    let first: Vec<String> = files
        .iter()
        .map(|f| fs::read_to_string(results.join(f)).unwrap())
        .collect();
    for file in &files[1..] {
        fs::remove_file(results.join(file)).unwrap();
    }
    run_well_in(dir.path(), &["report", results.to_str().unwrap()]);
    for (file, first) in files.iter().zip(first) {
        assert!(
            fs::read_to_string(results.join(file)).unwrap() == first,
            "{file} differs"
        );
    }
}

#[test]
fn nginx_counts_as_many_requests_as_a_full_run_says_it_sent() {
    let (dir, Some(nginx)) = (tempdir().unwrap(), Nginx::start()) else {
        return;
    };
    let before = nginx.requests();
    run_well_in(
        dir.path(),
        &[
            "run",
            &nginx.url(),
            "--duration",
            "2s",
            "--users",
            "20",
            "--workers",
            two_workers(),
        ],
    );
    let summary = summary(dir.path());
    assert_balanced(&summary);
    // The second look at the count is a request too.
    assert_eq!(count(&summary, "sent"), nginx.requests() - before - 1);
    assert_eq!(count(&summary, "ok"), count(&summary, "sent"));
    assert!(
        count(&summary, "sent") > 100,
        "two seconds of twenty users: {summary}"
    );
}

#[test]
fn a_url_alone_is_a_whole_run() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let url = format!("{}a/b?c=d", echo.url());
    run_well_in(dir.path(), &["run", &url, "--duration", "1s"]);
    let summary = summary(dir.path());
    assert_eq!(count(&summary, "ok"), echo.requests());
    assert_eq!(summary["endpoints"][0]["name"], "/a/b");
    assert_eq!(summary["users"]["target_peak"], 10);
    let run = json(&results_dir(dir.path()).unwrap().join("run.json"));
    assert_eq!(run["source"], url);
    assert_eq!(run["target_is_local"], true);
}

#[test]
fn the_number_of_requests_asked_for_is_met_exactly() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    run_well_in(
        dir.path(),
        &[
            "run",
            &echo.url(),
            "--max-requests",
            "1234",
            "--users",
            "7",
            "--workers",
            two_workers(),
        ],
    );
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(
        (
            count(&summary, "sent"),
            count(&summary, "ok"),
            echo.requests()
        ),
        (1234, 1234, 1234)
    );
}

#[test]
fn every_transport_and_wire_gives_the_same_kind_of_results() {
    let mut kinds = Vec::new();
    for (transport, wire) in [
        ("auto", "auto"),
        ("shm", "epoll"),
        ("channel", "epoll"),
        ("channel", "auto"),
    ] {
        let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
        let flags = [
            "--transport",
            transport,
            "--wire",
            wire,
            "--workers",
            two_workers(),
        ];
        let run = ["run", &echo.url(), "--max-requests", "500", "--users", "5"];
        run_well_in(dir.path(), &[&run[..], &flags[..]].concat());
        let summary = summary(dir.path());
        assert_balanced(&summary);
        assert_eq!(
            (count(&summary, "ok"), echo.requests()),
            (500, 500),
            "{transport} {wire}"
        );
        assert_eq!(summary["status"]["200"], 500);
        if transport != "auto" {
            assert_eq!(summary["generator"]["transport"], transport);
        }
        if wire != "auto" {
            assert_eq!(summary["generator"]["wire"], wire);
        }
        let keys: Vec<String> = summary.as_object().unwrap().keys().cloned().collect();
        kinds.push(keys);
    }
    assert!(kinds.iter().all(|keys| *keys == kinds[0]));
}

#[test]
fn a_summary_on_standard_output_leaves_nothing_on_the_disk() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let ended = run_well_in(
        dir.path(),
        &[
            "run",
            &echo.url(),
            "--max-requests",
            "10",
            "--format",
            "json",
            "--output",
            "-",
        ],
    );
    let summary: serde_json::Value = serde_json::from_str(&ended.stdout).expect(&ended.stdout);
    assert_eq!(summary["schema"], "loadforge.summary/1");
    assert_eq!(count(&summary, "ok"), 10);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn flags_win_over_the_file_and_what_was_meant_is_written_down() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    echo.write_scenario(
        dir.path(),
        "timeout = \"7s\"\n[load]\nusers = 3\nduration = \"9m\"\n",
    );
    let flags = [
        "--users",
        "1",
        "--ramp-to",
        "4",
        "--duration",
        "1s",
        "--seed",
        "42",
        "--threshold",
        "p99 < 10s",
    ];
    run_well_in(
        dir.path(),
        &[&["run", "one.toml", "--quiet"][..], &flags[..]].concat(),
    );
    let run = json(&results_dir(dir.path()).unwrap().join("run.json"));
    assert_eq!(run["load"], "ramp from 1 to 4 users over 1s");
    assert_eq!(
        (&run["seed"], &run["timeout_s"], &run["duration_s"]),
        (&42.into(), &7.0.into(), &1.0.into())
    );
    assert_eq!(run["thresholds"].as_array().unwrap().len(), 1);
}

#[test]
fn answers_that_are_errors_are_counted_by_status_and_do_not_fail_a_run_without_thresholds() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let url = format!("{}status/503", echo.url());
    run_well_in(dir.path(), &["run", &url, "--max-requests", "50"]);
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!((count(&summary, "failed"), count(&summary, "ok")), (50, 0));
    assert_eq!(summary["error_rate"], 1.0);
    assert_eq!(summary["status"]["503"], 50);
    assert_eq!(summary["errors"][0]["kind"], "status");
    assert_eq!(summary["errors"][0]["count"], 50);
}

#[test]
fn values_from_the_environment_are_sent_and_appear_in_no_file_and_on_no_screen() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let secret = "hush-5c1f";
    let text = "name = \"s\"\nbase_url = \"http://${TEST_HOST}\"\nheaders.authorization = \"Bearer ${TEST_TOKEN}\"\n\
                [[task]]\nname = \"t\"\npost = \"/echo?key=${TEST_TOKEN}\"\nbody = \"${TEST_TOKEN}\"\n\
                check = { body_contains = \"hush-5c1f\" }\n";
    fs::write(dir.path().join("s.toml"), text).unwrap();
    let output = assert_cmd::Command::from_std(crate::running::loadforge())
        .current_dir(dir.path())
        .args(["run", "s.toml", "--max-requests", "20", "--verbose"])
        .env("TEST_HOST", echo.address.to_string())
        .env("TEST_TOKEN", secret)
        .timeout(crate::running::PATIENCE)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(
        count(&summary(dir.path()), "ok"),
        20,
        "the body came back, so the value was sent"
    );
    for (place, text) in texts_of(dir.path(), said) {
        assert!(!text.contains(secret), "the secret is in {place}");
        assert!(
            !text.contains(&echo.address.to_string()),
            "the host is in {place}"
        );
    }
}

/// What was said, and every file of the only run.
fn texts_of(dir: &Path, said: String) -> Vec<(String, String)> {
    let mut texts = vec![("the screen".to_owned(), said)];
    for entry in fs::read_dir(results_dir(dir).unwrap()).unwrap() {
        let path = entry.unwrap().path();
        let place = path.display().to_string();
        texts.push((place, fs::read_to_string(path).unwrap()));
    }
    texts
}

#[test]
fn a_host_and_a_port_from_the_environment_are_told_by_no_error() {
    let dir = tempdir().unwrap();
    let port = free_address().port().to_string();
    // Hosts are written small before they are looked up.
    let (host, small) = ("SECRETbb2", "secretbb2");
    let text = "name = \"s\"\nbase_url = \"http://${TEST_HOST}.invalid:${TEST_PORT}/\"\n\
                [[task]]\nname = \"t\"\nget = \"/\"\n";
    fs::write(dir.path().join("s.toml"), text).unwrap();
    let run = |flags: &[&str]| {
        let output = assert_cmd::Command::from_std(crate::running::loadforge())
            .current_dir(dir.path())
            .args([
                "run",
                "s.toml",
                "--max-requests",
                "20",
                "--seed",
                "1",
                "--verbose",
            ])
            .args(flags)
            .env("TEST_HOST", host)
            .env("TEST_PORT", &port)
            .timeout(crate::running::PATIENCE)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    };
    let known = format!("{small}.invalid:{port}:127.0.0.1");
    let (code, unknown) = run(&[]);
    assert!(
        code == Some(1) && unknown.contains("cannot be resolved"),
        "{unknown}"
    );
    let (code, refused) = run(&["--resolve", &known]);
    assert!(
        code == Some(1) && refused.contains("no connection to"),
        "{refused}"
    );
    let (code, said) = run(&["--resolve", &known, "--no-preflight"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(count(&summary(dir.path()), "failed"), 20);
    let marked_port = format!(":{port}");
    let mut texts = texts_of(dir.path(), said);
    texts.push(("the complaint on the name".to_owned(), unknown));
    texts.push(("the complaint on the port".to_owned(), refused));
    for (place, text) in texts {
        assert!(
            !text.to_lowercase().contains(small),
            "the host is in {place}"
        );
        let mut behind = text.split(marked_port.as_str()).skip(1);
        assert!(
            behind.all(|rest| rest.starts_with(|c: char| c.is_ascii_digit())),
            "the port is in {place}"
        );
    }
}

#[test]
fn a_token_in_a_url_is_sent_and_is_in_no_file() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    let url = format!("{}x?token=hush-77a1&page=2", echo.url());
    let ended = run_well_in(dir.path(), &["run", &url, "--max-requests", "5", "-v"]);
    for (place, text) in texts_of(dir.path(), ended.stderr) {
        assert!(!text.contains("hush-77a1"), "the token is in {place}");
    }
    let run = json(&results_dir(dir.path()).unwrap().join("run.json"));
    let source = run["source"].as_str().unwrap();
    assert!(source.ends_with("/x?token=***&page=2"), "{source}");
}

#[test]
fn every_example_runs_and_none_of_its_requests_fails() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/examples");
    let entries = fs::read_dir(examples).unwrap();
    let paths: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|is| is == "toml"))
        .collect();
    assert!(paths.len() >= 12, "the examples were found");
    // They wait more than they work: several at a time.
    std::thread::scope(|scope| {
        for paths in paths.chunks(paths.len().div_ceil(4)) {
            scope.spawn(|| paths.iter().for_each(|path| run_example(path)));
        }
    });
}

/// Runs an example for a short time: every request that it names is sent, and none fails.
fn run_example(path: &Path) {
    let dir = tempdir().unwrap();
    let ended = run_in(
        dir.path(),
        // Longer than the longest warm-up among them.
        &["run", path.to_str().unwrap(), "--duration", "2s"],
    );
    // On a machine that is busy with other tests a threshold may fail, or arrivals: 3 and 4 are no fault of the example.
    assert!(
        matches!(ended.code, Some(0 | 3 | 4)),
        "{}: {}",
        path.display(),
        ended.stderr
    );
    let summary = summary(dir.path());
    assert_balanced(&summary);
    assert_eq!(
        count(&summary, "failed"),
        0,
        "{}: {summary}",
        path.display()
    );
    let endpoints: Vec<String> = match document::open(path, |_, _| Ok(None)).unwrap() {
        Loaded::One(document) => document.scenario.endpoints().to_vec(),
        Loaded::SideBySide(several) => {
            let parts = several.parts.iter();
            parts.flat_map(SidePart::endpoints).collect()
        }
    };
    let rows = summary["endpoints"].as_array().unwrap();
    for endpoint in endpoints {
        let sent = rows.iter().any(|row| row["name"] == endpoint.as_str());
        assert!(sent, "{}: {endpoint} in {summary}", path.display());
    }
}

/// The inodes of sockets that listen, of all processes.
fn listening() -> Vec<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|path| fs::read_to_string(path).unwrap_or_default());
    let rows = tables.iter().flat_map(|table| table.lines().skip(1));
    let words = rows.map(|row| row.split_whitespace().collect::<Vec<_>>());
    // The fourth word is the state, 0A that of a listener; the tenth is the inode.
    let listeners = words.filter(|words| words[3] == "0A");
    listeners
        .map(|words| format!("socket:[{}]", words[9]))
        .collect()
}

#[test]
fn a_run_listens_nowhere_and_the_built_in_server_on_the_loopback_alone() {
    let (dir, echo) = (tempdir().unwrap(), Echo::start(&[]));
    assert!(echo.address.ip().is_loopback(), "{}", echo.address);
    let url = echo.url();
    let words = [
        "run",
        &url,
        "--users",
        "4",
        "--duration",
        "55s",
        "--workers",
        two_workers(),
    ];
    let mut run = Running::start(loadforge().current_dir(dir.path()).args(words));
    eventually("the first requests", || {
        (echo.requests() > 20).then_some(())
    });
    let listening = listening();
    assert!(!listening.is_empty(), "the server listens, and is found");
    for pid in workers_of(run.pid()).into_iter().chain([run.pid()]) {
        let open = fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .map(Result::unwrap);
        for file in open.filter_map(|entry| fs::read_link(entry.path()).ok()) {
            let file = file.to_string_lossy().into_owned();
            assert!(!listening.contains(&file), "process {pid} listens");
        }
    }
    run.signal(Signal::SIGINT);
    assert_eq!(run.wait().code(), Some(0), "{}", run.said());
}
