//! The files that programs read, held against the schemas in `docs/schema/`: what is written is valid, and all of it is described.

#[path = "fixture/mod.rs"]
mod fixture;

use loadforge_analysis::{
    CompareSettings, Difference, MeasuredSeconds, RunFacts, RunFold, RunInfo, RunOutcome,
    RunSummary, Snapshot, TOLERANCE, Threshold, compare,
};
use loadforge_reporter::{CompareReport, ComparedPair, ComparedRun};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn schema(name: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = root.join("docs/schema").join(format!("{name}.schema.json"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn summary_of(info: &RunInfo, snapshots: &[Snapshot], outcome: RunOutcome) -> RunSummary {
    let mut info = info.clone();
    info.thresholds
        .push("p99 < 1us over 10s abort after 20s".to_owned());
    let info = &info;
    let thresholds = info.thresholds.iter();
    let thresholds = thresholds.map(|text| Threshold::parse(text, None).unwrap());
    let mut fold = RunFold::following(thresholds.collect(), info.model);
    snapshots.iter().for_each(|snapshot| fold.add(snapshot));
    fold.finish(RunFacts { info, outcome })
}

/// Runs that together have every field.
fn runs() -> [(RunInfo, Vec<Snapshot>); 4] {
    let mut bounded = fixture::phased_run_info(120);
    (bounded.max_rps, bounded.max_requests) = (Some(500.0), Some(10));
    bounded.machine.cpu_quota = Some(1.5);
    let part = json!({ "name": "buyers", "model": "open", "load": "5 a second", "max_users": 7 });
    bounded.parts = vec![serde_json::from_value(part).unwrap()];
    let mut odd = fixture::phased_snapshots(120);
    let first = &mut odd[0];
    first.not_sent_of = [(0, 3)].into();
    first.generator.paused_ns = 5;
    first.generator.throttled_ns = 5;
    first.generator.lost_others = 5;
    first.endpoints[0].method = None;
    first.steering.users = Some(7.0);
    for second in &mut odd {
        second.generator.steal_percent = vec![20.0];
    }
    [
        (fixture::run_info(), fixture::snapshots(120)),
        (bounded, odd),
        (fixture::run_info(), fixture::idle_snapshots(2)),
        (fixture::run_info(), fixture::hostile_snapshots(3)),
    ]
}

fn summaries() -> Vec<Value> {
    let outcomes = [
        RunOutcome::Completed,
        RunOutcome::Interrupted,
        RunOutcome::Aborted,
    ];
    let made = runs().into_iter().zip(outcomes.into_iter().cycle());
    made.map(|((info, snapshots), outcome)| {
        serde_json::to_value(summary_of(&info, &snapshots, outcome)).unwrap()
    })
    .collect()
}

fn lines() -> Vec<Value> {
    let snapshots = runs().into_iter().flat_map(|(_, snapshots)| snapshots);
    snapshots
        .map(|snapshot| serde_json::to_value(snapshot).unwrap())
        .collect()
}

fn infos() -> Vec<Value> {
    let infos = runs().into_iter().map(|(info, _)| info);
    infos
        .map(|info| serde_json::to_value(info).unwrap())
        .collect()
}

/// A run against itself, against a slower one with other endpoints, and against one that is too short.
fn comparisons() -> Vec<Value> {
    let info = fixture::run_info();
    let usual = fixture::snapshots(60);
    let mut slower = usual.clone();
    for second in &mut slower {
        second.endpoints[0].name = "new".to_owned();
        second.latency.response = Default::default();
        let done = second.requests.done;
        (0..done).for_each(|_| second.latency.response.record_ns(900_000_000));
    }
    let difference = Difference {
        what: "load",
        baseline: "5 users".to_owned(),
        candidate: "6 users".to_owned(),
    };
    let pairs = [
        (usual.clone(), usual.clone()),
        (usual.clone(), slower.clone()),
        (slower, usual[..3].to_vec()),
    ];
    let made = pairs.map(|(before, after)| {
        let seconds = [&before, &after].map(|list| {
            let mut seconds = MeasuredSeconds::new();
            list.iter().for_each(|second| seconds.add(second));
            seconds
        });
        let settings = CompareSettings {
            tolerance: TOLERANCE,
            same_plan: true,
            usable: true,
            disturbed: false,
            overlook_lag: true,
            seed: 1,
        };
        let pair = ComparedPair {
            candidate: 1,
            comparison: compare(&seconds[0], &seconds[1], &settings),
            plan: vec![difference.clone()],
            setting: vec![difference.clone()],
            notes: vec!["a note".to_owned()],
        };
        let summaries =
            [&before, &after].map(|list| summary_of(&info, list, RunOutcome::Completed));
        let runs = summaries.iter().map(|summary| ComparedRun {
            dir: Path::new("results/shop"),
            info: &info,
            summary,
        });
        let report = CompareReport {
            runs: runs.collect(),
            pairs: vec![pair],
            tolerance: TOLERANCE,
            seed: 1,
        };
        serde_json::from_str(&report.json().unwrap()).unwrap()
    });
    made.into()
}

/// Every file with a schema and samples of it.
fn all() -> [(&'static str, Vec<Value>); 4] {
    [
        ("compare-1", comparisons()),
        ("summary-1", summaries()),
        ("snapshot-1", lines()),
        ("run-1", infos()),
    ]
}

#[test]
fn what_is_written_is_valid() {
    for (name, samples) in all() {
        let schema = schema(name);
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        let validator = jsonschema::validator_for(&schema).unwrap();
        for sample in samples {
            if let Err(error) = validator.validate(&sample) {
                panic!("{name} at {}: {error}", error.instance_path());
            }
        }
    }
}

#[test]
fn a_spoilt_summary_is_not_valid() {
    let validator = jsonschema::validator_for(&schema("summary-1")).unwrap();
    let whole = summaries().remove(0);
    assert!(validator.is_valid(&whole));
    for (path, value) in [
        ("/schema", json!("loadforge.summary/2")),
        ("/duration_s", json!("ten")),
        ("/outcome", json!("finished")),
        ("/verdict/level", json!("valid")),
        ("/verdict/reasons", json!("none")),
        ("/requests/sent", json!(-1)),
        ("/requests/ok", json!(1.5)),
        ("/error_rate", json!(1.01)),
        ("/response_ms/p99", Value::Null),
        ("/endpoints/0/name", json!(7)),
        ("/endpoints/0/status", json!({ "OK": 1 })),
        ("/endpoints/0/errors", json!({ "slowness": 1 })),
        ("/metrics/0/kind", json!("trends")),
        ("/errors/0/kind", json!("slowness")),
        ("/thresholds/0/passed", json!("yes")),
        ("/generator/cpus", json!([0.5])),
    ] {
        let mut spoilt = whole.clone();
        *spoilt
            .pointer_mut(path)
            .unwrap_or_else(|| panic!("no {path}")) = value;
        assert!(!validator.is_valid(&spoilt), "{path}");
    }
    for name in [
        "schema",
        "verdict",
        "requests",
        "error_rate",
        "response_ms",
        "endpoints",
    ] {
        let mut spoilt = whole.clone();
        spoilt.as_object_mut().unwrap().remove(name);
        assert!(!validator.is_valid(&spoilt), "{name}");
    }
}

#[test]
fn a_spoilt_comparison_is_not_valid() {
    let validator = jsonschema::validator_for(&schema("compare-1")).unwrap();
    let whole = comparisons().remove(1);
    assert!(validator.is_valid(&whole));
    for (path, value) in [
        ("/schema", json!("loadforge.compare/2")),
        ("/runs/0/verdict", json!("fine")),
        ("/pairs/0/answer", json!("slower")),
        ("/pairs/0/figures/0/low", json!("little")),
        ("/pairs/0/worse/0/measure", json!("p98")),
        ("/pairs/0/endpoints/0/figures/0/doubt", json!("some")),
        ("/pairs/0/blocks/paired", Value::Null),
    ] {
        let mut spoilt = whole.clone();
        *spoilt
            .pointer_mut(path)
            .unwrap_or_else(|| panic!("no {path}")) = value;
        assert!(!validator.is_valid(&spoilt), "{path}");
    }
}

/// Follows a reference within the schema; of what may be missing, the first form is the one with fields.
fn resolved<'s>(root: &'s Value, part: &'s Value) -> &'s Value {
    let part = part.pointer("/anyOf/0").unwrap_or(part);
    match part.get("$ref").and_then(Value::as_str) {
        Some(place) => root.pointer(place.trim_start_matches('#')).unwrap(),
        None => part,
    }
}

/// Notes every field of the sample that the schema does not describe, and the fields of the schema that it saw.
fn walk<'s>(
    root: &'s Value,
    part: &'s Value,
    sample: &Value,
    place: &str,
    missing: &mut BTreeSet<String>,
    seen: &mut BTreeSet<*const Value>,
) {
    let part = resolved(root, part);
    match sample {
        Value::Object(fields) => {
            for (name, value) in fields {
                let own = part.get("properties").and_then(|own| own.get(name));
                let place = format!("{place}.{name}");
                if let Some(own) = own {
                    seen.insert(own);
                    let words = own.get("description").and_then(Value::as_str);
                    if words.is_none_or(|words| words.len() < 5) {
                        missing.insert(format!("{place} has no words"));
                    }
                    walk(root, own, value, &place, missing, seen);
                } else if let Some(any) = part.get("additionalProperties") {
                    walk(root, any, value, &place, missing, seen);
                } else {
                    missing.insert(place);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                walk(
                    root,
                    &part["items"],
                    item,
                    &format!("{place}[]"),
                    missing,
                    seen,
                );
            }
        }
        _ => {}
    }
}

/// Every described field of the schema.
fn described<'s>(part: &'s Value, place: &str, all: &mut Vec<(String, &'s Value)>) {
    let Value::Object(fields) = part else { return };
    for (name, value) in fields {
        if name == "properties" && !place.ends_with(".if") {
            for (name, own) in value.as_object().unwrap() {
                all.push((format!("{place}.{name}"), own));
            }
        } else if name == "$defs" {
            for (name, own) in value.as_object().unwrap() {
                described(own, name, all);
            }
        }
    }
}

#[test]
fn every_field_is_described_and_every_description_has_its_field() {
    for (name, samples) in all() {
        let schema = schema(name);
        let (mut missing, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for sample in &samples {
            walk(&schema, &schema, sample, "", &mut missing, &mut seen);
        }
        assert!(
            missing.is_empty(),
            "docs/schema/{name}.schema.json lacks {missing:#?}"
        );
        let mut all = Vec::new();
        described(&schema, "", &mut all);
        assert!(all.len() > 20, "{name}");
        let unused = all
            .iter()
            .filter(|(_, own)| !seen.contains(&std::ptr::from_ref::<Value>(own)));
        let unused: Vec<&str> = unused.map(|(place, _)| place.as_str()).collect();
        assert!(
            unused.is_empty(),
            "docs/schema/{name}.schema.json describes {unused:?}, which is nowhere"
        );
    }
}
