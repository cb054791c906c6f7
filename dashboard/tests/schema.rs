//! What is said to a page, held against docs/schema/live-1.schema.json. Neighbours: `stage/` views. Invariant: the schema is also held
//! in a strict form that knows no other fields than those it describes, so that a new one is a finding.

mod stage;

use loadforge_analysis::{Event, EventKind, RunFold};
use serde_json::{Map, Value, json};
use stage::{Viewer, authority, feed, get, page_with, sample, steer, token, viewers};
use std::{fs, path::Path, sync::Arc};

fn schema() -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read(root.join("docs/schema/live-1.schema.json")).expect("it is there");
    serde_json::from_slice(&text).expect("JSON")
}

/// The same schema, to which a field that it does not describe is wrong.
fn strict(part: &mut Value) {
    match part {
        Value::Object(fields) => {
            fields.values_mut().for_each(strict);
            if fields.contains_key("properties") {
                fields.insert("additionalProperties".to_owned(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strict),
        _ => {}
    }
}

/// Everything that a run's page says, and what it answers.
fn said() -> Vec<Value> {
    let obey = |order: loadforge_analysis::Order| {
        Ok(Event {
            at_s: 2.0,
            kind: EventKind::Steered,
            text: order.words(),
        })
    };
    let page = Arc::new(page_with(Box::new(obey), false));
    let url = page.url().to_owned();
    let authority = authority(&url);
    let mut said = Vec::new();
    viewers(async {
        let mut viewer = Viewer::come(authority, "", None).await.expect("in");
        said.push(viewer.expect("hello").await);
        feed(&page, 1..=2);
        said.push(viewer.expect("second").await);
        said.push(viewer.expect("second").await);
        let bearer = format!("authorization: Bearer {}\r\n", token(&url));
        let order = "{\"action\":\"rate\",\"value\":7.5}";
        assert_eq!(steer(authority, &bearer, order).status, 200);
        said.push(viewer.expect("event").await);
        let mut later = Viewer::come(authority, "?since=1", None).await.expect("in");
        said.push(later.expect("hello").await);
        said.push(get(authority, "/api/run").json());
        let mut idle = sample::second(3);
        idle.latency = Default::default();
        page.add(Arc::new(idle));
        said.push(viewer.expect("second").await);
        let ending = Arc::clone(&page);
        let ended = tokio::task::spawn_blocking(move || {
            let mut fold = RunFold::default();
            fold.add(&sample::second(1));
            ending.end(&fold.so_far(&sample::run_info()), None);
        });
        said.push(viewer.expect("end").await);
        drop((viewer, later));
        ended.await.expect("it ends");
    });
    said
}

#[test]
fn what_is_said_is_valid_and_all_of_it_is_described() {
    let whole = schema();
    jsonschema::meta::validate(&whole).unwrap_or_else(|error| panic!("{error}"));
    let mut narrow = whole.clone();
    strict(&mut narrow);
    for schema in [&whole, &narrow] {
        let validator = jsonschema::validator_for(schema).expect("a sound schema");
        for message in said() {
            let kind = message["type"].as_str().expect("a type").to_owned();
            // Of the form that this message has, so that a fault is told with its place.
            let form = match kind.as_str() {
                "second" | "event" => format!("{kind}_message"),
                _ => kind.clone(),
            };
            assert!(validator.is_valid(&message) || fault(schema, &form, &message));
        }
    }
}

/// Tells what is wrong with a message, and where.
fn fault(schema: &Value, form: &str, message: &Value) -> bool {
    let mut own = Map::new();
    own.insert("$ref".to_owned(), format!("#/$defs/{form}").into());
    own.insert("$defs".to_owned(), schema["$defs"].clone());
    let validator = jsonschema::validator_for(&Value::Object(own)).expect("a sound schema");
    let error = validator.validate(message).expect_err("it is not valid");
    panic!("{form} at {}: {error}", error.instance_path());
}

#[test]
fn a_spoilt_message_is_not_valid() {
    let validator = jsonschema::validator_for(&schema()).expect("a sound schema");
    let second = said()
        .into_iter()
        .find(|message| message["type"] == "second")
        .expect("there is one");
    assert!(validator.is_valid(&second));
    for (path, value) in [
        ("/type", json!("minute")),
        ("/state", json!("tired")),
        ("/now_s", json!("1")),
        ("/second/merged", json!(0)),
        ("/second/done", json!(-1)),
        ("/second/error_rate", json!(1.5)),
        ("/second/response_ms/p99", Value::Null),
        ("/second/endpoints/0/key", json!(7)),
        ("/second/steering/paused", json!("no")),
        ("/second/generator/alive", json!([1])),
    ] {
        let mut spoilt = second.clone();
        *spoilt.pointer_mut(path).expect(path) = value;
        assert!(!validator.is_valid(&spoilt), "{path}");
    }
}
