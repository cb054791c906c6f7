//! Templates: what becomes of good ones, what bad ones are told, and that no text brings them down.

use super::*;
use crate::{
    Failure, GroupId, MetricId, MetricKind, NameId, Request, Response,
    data::{DataFile, DataFormat, Strategy as Rows},
};
use proptest::prelude::*;
use rand_chacha::rand_core::SeedableRng;
use std::{
    cell::Cell,
    sync::Arc,
    task::{Context, Poll},
};

/// A client that only counts rows.
#[derive(Default)]
struct Counting(Cell<u64>);

impl Client for Counting {
    fn now_ns(&self) -> u64 {
        0
    }
    fn name_id(&self, _: &str) -> NameId {
        NameId(0)
    }
    fn poll_iteration(&self, _: Seat, _: &mut Context<'_>) -> Poll<bool> {
        Poll::Ready(false)
    }
    fn end_iteration(&self, _: Seat, _: bool) {}
    fn is_leaving(&self, _: Seat) -> bool {
        false
    }
    fn begin_teardown(&self, _: Seat) {}
    fn submit(&self, _: Seat, _: &Request) {}
    fn poll_response(
        &self,
        _: Seat,
        _: &Request,
        _: &mut Response,
        _: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        Poll::Pending
    }
    fn judge(&self, _: Seat, _: Option<&Failure>) {}
    fn note_failure(&self, _: Seat, _: &Failure) {}
    fn group_id(&self, _: &str) -> GroupId {
        GroupId(0)
    }
    fn record_group(&self, _: Seat, _: GroupId, _: u64, _: bool) {}
    fn metric_id(&self, _: MetricKind, _: &str) -> MetricId {
        MetricId(0)
    }
    fn record_metric(&self, _: Seat, _: MetricId, _: f64) {}
    fn take_row(&self, _: Seat, _: FeedId) -> u64 {
        self.0.replace(self.0.get() + 1)
    }
    fn end_run(&self, _: Seat, _: &str) {}
    fn poll_sleep(&self, _: Seat, _: u64, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// A variable `token` with this value, a variable `unset` without one, and a file `people` with a user and a city.
struct Stage {
    names: Names,
    feeds: Vec<Feed>,
    token: String,
}

fn stage(token: &str) -> Stage {
    let text = "user,city\nann,São Paulo\nbob,\"a \"\"b\"\"\"\n";
    let csv = DataFormat::Csv { separator: b',' };
    let file = DataFile::from_bytes("people.csv", text.as_bytes().into(), csv).unwrap();
    let file = Arc::new(file);
    let feed = || Feed::new("people", Arc::clone(&file), Rows::Sequential, FeedId(0));
    let mut names = Names::with_feeds(vec![feed()]);
    for name in ["token", "unset"] {
        let variable = names.declare(name);
        names.give_value(variable);
    }
    names.declare("later");
    Stage {
        feeds: vec![feed()],
        names,
        token: token.to_owned(),
    }
}

impl Stage {
    /// Fills what `fill` fills, for the user 7 in its third iteration.
    fn with<T>(&self, fill: impl FnOnce(&mut Drawn<'_>) -> T) -> T {
        let mut values = Values::new(self.names.variables().len());
        let _ = values.set::<()>(0, |_, text| {
            text.push_str(&self.token);
            Ok(true)
        });
        values.iteration = 3;
        let (client, mut rows) = (Counting::default(), HeldRows::default());
        fill(&mut Drawn {
            client: &client,
            seat: Seat(0),
            user_id: 7,
            rng: &mut ChaCha8Rng::seed_from_u64(1),
            feeds: &self.feeds,
            rows: &mut rows,
            values: &mut values,
        })
    }
}

fn filled_as(text: &str, token: &str, encoding: Encoding) -> String {
    let mut stage = stage(token);
    let template = Template::parse(text, &mut stage.names, encoding)
        .unwrap_or_else(|fault| panic!("{text}: {fault}"));
    let mut filled = String::new();
    stage
        .with(|drawn| template.fill(drawn, &mut filled))
        .unwrap_or_else(|unfilled| panic!("{text}: {unfilled:?}"));
    filled
}

fn filled(text: &str) -> String {
    filled_as(text, "a b&\"ü", Encoding::Plain)
}

#[test]
fn values_stand_where_their_names_stood() {
    for (text, wanted) in [
        ("", ""),
        ("plain { } }}", "plain { } }}"),
        ("<{{ token }}>", "<a b&\"ü>"),
        ("{{token}}{{ token }}", "a b&\"üa b&\"ü"),
        ("{{ people.user }} of {{ people.city }}", "ann of São Paulo"),
        (
            "{{ '{{' }} and {{ \"it's\" }} {{ 'a\\'b' }}",
            "{{ and it's a'b",
        ),
        ("{{ user() }}.{{ iteration() }}", "7.3"),
        ("{{ random(5, 5) }} {{ random(-2, -2) }}", "5 -2"),
        ("{{ counter('a') }}{{ counter('a') }}", "12"),
        ("{{ token | url }}", "a%20b%26%22%C3%BC"),
        ("{{ token | json }}", "\"a b&\\\"ü\""),
        ("{{ user() | json }}", "7"),
        ("{{ 'Ab' | upper }}{{ 'Ab' | lower | base64 }}", "ABYWI="),
    ] {
        assert_eq!(filled(text), wanted, "{text}");
    }
    assert_eq!(filled("{{ uuid() }}").len(), 36);
    assert_eq!(filled("{{ random_text(12) }}").len(), 12);
    assert!(["x", "y"].contains(&filled("{{ pick('x', 'y') }}").as_str()));
    let now: i64 = filled("{{ now('unix_ms') }}").parse().unwrap();
    assert!(now > 1_700_000_000_000);
    assert!(filled("{{ now() }}").ends_with('Z'));
    assert_eq!(filled("{{ now('%Y-%m-%d') }}").len(), 10);
}

#[test]
fn values_are_made_safe_for_their_place() {
    let token = "a b/c?d=e&\"#\u{1}ü";
    for (encoding, wanted) in [
        (Encoding::Plain, token.to_owned()),
        (Encoding::Path, "a%20b/c?d=e&\"%23%01%C3%BC".to_owned()),
        (
            Encoding::Query,
            "a%20b%2Fc%3Fd%3De%26%22%23%01%C3%BC".to_owned(),
        ),
        (
            Encoding::Form,
            "a+b%2Fc%3Fd%3De%26%22%23%01%C3%BC".to_owned(),
        ),
        (Encoding::JsonText, "a b/c?d=e&\\\"#\\u0001ü".to_owned()),
    ] {
        assert_eq!(
            filled_as("{{ token }}", token, encoding),
            wanted,
            "{encoding:?}"
        );
    }
}

#[test]
fn a_variable_without_a_value_is_told() {
    let mut stage = stage("x");
    let template = Template::parse("{{ unset }}", &mut stage.names, Encoding::Plain).unwrap();
    let unfilled = stage.with(|drawn| template.fill(drawn, &mut String::new()));
    assert!(matches!(unfilled, Err(Unfilled::Unset(1))));
}

#[test]
fn what_is_wrong_is_told_with_a_remedy() {
    for (text, what, remedy) in [
        ("{{", "an expression is missing", "between {{ and }}"),
        ("{{ }}", "`}}` stands where", "{{ token }}"),
        ("{{ token", "not closed", "{{ name }}"),
        (
            "{{ token token }}",
            "`token` stands where `}}`",
            "{{ token }}",
        ),
        (
            "{{ tokn }}",
            "nothing sets the variable `tokn`",
            "did you mean `token`?",
        ),
        (
            "{{ zzz }}",
            "nothing sets the variable `zzz`",
            "capture.zzz",
        ),
        ("{{ later }}", "`later` has no value yet", "[variables]"),
        ("{{ people }}", "`people` is a data file", "people.user"),
        ("{{ people. }}", "column is missing", "people.user"),
        (
            "{{ people.citty }}",
            "no column `citty`",
            "did you mean `city`?",
        ),
        (
            "{{ peple.user }}",
            "no data file `peple`",
            "did you mean `people.user`?",
        ),
        ("{{ zz.user }}", "no data file `zz`", "[data.zz]"),
        ("{{ random }}", "is a function", "random(1, 100)"),
        (
            "{{ rnadom(1, 2) }}",
            "no function `rnadom`",
            "did you mean `random`?",
        ),
        (
            "{{ random(2, 1) }}",
            "does not take these",
            "random(1, 100)",
        ),
        ("{{ random(1) }}", "does not take these", "random(1, 100)"),
        ("{{ random(1, x) }}", "takes no variables", "quotes"),
        ("{{ random(1 2) }}", "commas", "random(1, 6)"),
        ("{{ random(1, ", "not closed by `)`", "close"),
        (
            "{{ random_text(99999999) }}",
            "does not take these",
            "random_text(8)",
        ),
        ("{{ now('x') }}", "does not take these", "now()"),
        ("{{ now('%!') }}", "does not take these", "now()"),
        ("{{ env('A') }}", "no function", "${NAME}"),
        (
            "{{ token | uper }}",
            "no filter `uper`",
            "did you mean `upper`?",
        ),
        ("{{ token | }}", "filter is missing", "url, json"),
        ("{{ 'a }}", "not closed by '", "'"),
        ("{{ ; }}", "';' has no meaning", "names"),
        ("{{ token }", "closed by a single `}`", "`}}`"),
        ("{{ {token} }}", "`{` has no meaning", "without braces"),
    ] {
        let mut stage = stage("x");
        let fault = Template::parse(text, &mut stage.names, Encoding::Plain)
            .map(|_| ())
            .expect_err(text);
        assert!(fault.what.contains(what), "{text}: {fault}");
        assert!(fault.remedy.contains(remedy), "{text}: {}", fault.remedy);
    }
}

#[test]
fn conditions_compare_numbers_as_numbers_and_all_else_as_text() {
    for (text, holds) in [
        ("token", true),
        ("unset", false),
        ("not unset", true),
        ("''", false),
        ("'false'", false),
        ("'0'", false),
        ("token == '10'", true),
        ("token == 10.0", true),
        ("token < 9", false),
        ("token > 9", true),
        ("token >= 10 and token <= 10", true),
        ("'b' > 'a'", true),
        ("'10' < '9a'", true),
        ("token != 'x' and not token == 'y'", true),
        ("unset == ''", false),
        ("unset != 'a'", true),
        ("token == 1 or token == 10", true),
        ("token == 1 or token == 2 and token == 10", false),
        ("'shipped' contains 'hip'", true),
        ("'shipped' matches '^sh.*d$'", true),
        ("people.user == 'ann'", true),
        ("iteration() == 3", true),
        ("'175928847299117063' == '175928847299117064'", false),
        ("'nan' == 'nan'", true),
        ("'inf' > '9'", true),
    ] {
        let mut stage = stage("10");
        let condition = Condition::parse(text, &mut stage.names)
            .unwrap_or_else(|fault| panic!("{text}: {fault}"));
        let got = stage.with(|drawn| condition.holds(drawn).unwrap());
        assert_eq!(got, holds, "{text}");
    }
}

#[test]
fn a_condition_that_is_none_is_told() {
    let long = "token and ".repeat(200);
    for text in [
        "",
        "token ==",
        "== 1",
        "token = 1",
        "token 1",
        "token and",
        "token matches '('",
        "token matches 5",
        "zzz == 1",
        "(token)",
        &long,
    ] {
        let mut stage = stage("x");
        let fault = Condition::parse(text, &mut stage.names)
            .map(|_| ())
            .expect_err(text);
        assert!(!fault.what.is_empty() && !fault.remedy.is_empty());
        assert!(!fault.remedy.contains("{{ token }}"), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[{}a-z.|()',\"\\\\0-9 ~=<>é-]{0,40}") {
        let mut stage = stage("x");
        if let Ok(template) = Template::parse(&text, &mut stage.names, Encoding::Path) {
            let _ = template.outline(&stage.names);
            let _ = stage.with(|drawn| template.fill(drawn, &mut String::new()).is_ok());
        }
        if let Ok(condition) = Condition::parse(&text, &mut stage.names) {
            let _ = stage.with(|drawn| condition.holds(drawn).is_ok());
        }
    }

    #[test]
    fn a_text_without_braces_is_itself(text in "[^{]{0,40}") {
        let mut stage = stage("x");
        let template = Template::parse(&text, &mut stage.names, Encoding::Plain).unwrap();
        prop_assert_eq!(template.as_text(), Some(text.as_str()));
    }

    #[test]
    fn what_is_put_into_json_is_the_same_when_it_is_read_again(token in any::<String>()) {
        let json = format!("\"{}\"", filled_as("{{ token }}", &token, Encoding::JsonText));
        prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), token);
    }

    #[test]
    fn what_is_put_into_a_query_is_the_same_when_it_is_read_again(token in any::<String>()) {
        for encoding in [Encoding::Query, Encoding::Form] {
            let query = format!("a={}", filled_as("{{ token }}", &token, encoding));
            let read: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
            prop_assert_eq!(read, vec![("a".into(), token.as_str().into())]);
        }
    }
}
