//! Requests and answers as the guide shows them, in the manner of `curl -v`, held against what a user did in memory. Neighbours:
//! `mod.rs`. A line begins with `>` (sent: method and path, then headers that are among those sent, then the body), `<` (answered:
//! status, headers, body; 200 and nothing when there is none), `!` (what is said of its failure) or `~` (how long after the one
//! before it was sent). `…` stands for any text.

use loadforge_scenarios::testing::{Answer, Deed, Event, SentRequest};
use std::{cell::Cell, time::Duration};

/// What a user says and hears, as far as the page shows it.
pub struct Talk {
    turns: Vec<Turn>,
}

/// A request and its answer.
#[derive(Debug)]
struct Turn {
    /// Where it stands on the page.
    line: usize,
    /// Method and path.
    asks: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    answer: Answer,
    failure: Option<String>,
    /// How long after the request before.
    after: Option<Duration>,
}

impl Talk {
    /// Reads a fence that begins at this line.
    pub fn of(text: &str, first_line: usize) -> Talk {
        let mut turns: Vec<Turn> = Vec::new();
        let mut after = None;
        for (index, written) in text.lines().enumerate() {
            let line = first_line + 1 + index;
            let (sign, words) = written.split_at(written.len().min(1));
            let words = words.trim();
            let method = words
                .split_once(' ')
                .filter(|(method, _)| method.bytes().all(|byte| byte.is_ascii_uppercase()));
            if sign == ">" && method.is_some() {
                turns.push(Turn {
                    line,
                    asks: words.to_owned(),
                    headers: Vec::new(),
                    body: None,
                    answer: Answer::status(200),
                    failure: None,
                    after: after.take(),
                });
                continue;
            }
            if sign == "~" {
                let span: jiff::SignedDuration = words.parse().expect("a length of time");
                after = Some(span.unsigned_abs());
                continue;
            }
            let turn = turns.last_mut().expect("a talk begins with a request");
            turn.take(sign, words, line);
        }
        Talk { turns }
    }

    /// Answers the first requests as the page says, all others with 200 and nothing.
    pub fn answers(&self) -> impl Fn(&SentRequest) -> Answer + 'static {
        let answers: Vec<Answer> = self.turns.iter().map(|turn| turn.answer.clone()).collect();
        let next = Cell::new(0);
        move |_| {
            let at = next.replace(next.get() + 1);
            answers
                .get(at)
                .cloned()
                .unwrap_or_else(|| Answer::status(200))
        }
    }

    /// Compares what was sent, and what failed.
    pub fn hold_against(&self, events: &[Event]) {
        let happened = sent(events);
        let mut sent_before_ns = 0;
        for (at, turn) in self.turns.iter().enumerate() {
            let line = turn.line;
            let (at_ns, request, failures) = happened
                .get(at)
                .unwrap_or_else(|| panic!("line {line}: this is not sent"));
            let asks = format!("{} {}", request.method.as_str(), request.path);
            assert!(is_like(&turn.asks, &asks), "line {line}: {asks}");
            for (name, value) in &turn.headers {
                let has = request
                    .headers
                    .iter()
                    .any(|(have, own)| have.eq_ignore_ascii_case(name) && is_like(value, own));
                assert!(has, "line {line}: {name}: {:?}", request.headers);
            }
            if let Some(body) = &turn.body {
                let own = String::from_utf8_lossy(&request.body).replace("\r\n", "\n");
                assert!(is_like(body, own.trim_end()), "line {line}: {own}");
            }
            match &turn.failure {
                None => assert!(failures.is_empty(), "line {line}: {failures:?}"),
                Some(words) => assert!(
                    failures.iter().any(|failure| failure.contains(words)),
                    "line {line}: {failures:?}"
                ),
            }
            if let Some(after) = turn.after {
                // An answer takes 1 ms.
                let passed_ms = (at_ns - sent_before_ns) as f64 / 1e6;
                let passed = Duration::from_millis((passed_ms / 10.0).round() as u64 * 10);
                assert_eq!(passed, after, "line {line}");
            }
            sent_before_ns = *at_ns;
        }
    }
}

impl Turn {
    fn take(&mut self, sign: &str, words: &str, line: usize) {
        let header = words.split_once(": ").filter(|(name, _)| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        });
        match (sign, header) {
            (">", Some((name, value))) if self.body.is_none() => {
                self.headers.push((name.to_owned(), value.to_owned()));
            }
            (">", _) => {
                let body = self.body.get_or_insert_default();
                if !body.is_empty() {
                    body.push('\n');
                }
                body.push_str(words);
            }
            ("<", Some((name, value))) if self.answer.body.is_empty() => {
                self.answer = self.answer.clone().header(name, value);
            }
            ("<", _) => match words.parse() {
                Ok(status) if self.answer.body.is_empty() => self.answer.result = Ok(status),
                _ => self.answer.body.extend_from_slice(words.as_bytes()),
            },
            ("!", _) => self.failure = Some(words.to_owned()),
            _ => panic!("line {line}: a line begins with >, <, ! or ~"),
        }
    }
}

/// When each request was sent, the request, and what was said of its failure.
pub fn sent(events: &[Event]) -> Vec<(u64, &SentRequest, Vec<String>)> {
    let mut sent: Vec<(u64, &SentRequest, Vec<String>)> = Vec::new();
    for event in events {
        match (&event.deed, sent.last_mut()) {
            (Deed::Sent(request), _) => sent.push((event.at_ns, request, Vec::new())),
            (Deed::Judged(Some(failure)) | Deed::Failed(failure), Some((_, _, failures))) => {
                failures.push(failure.to_string());
            }
            _ => {}
        }
    }
    sent
}

/// Whether a text is what was written, `…` standing for anything.
fn is_like(written: &str, text: &str) -> bool {
    let Some((first, others)) = written.split_once('…') else {
        return written == text;
    };
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut between: Vec<&str> = others.split('…').collect();
    let last = between.pop().unwrap_or_default();
    for piece in between {
        let Some((_, behind)) = rest.split_once(piece) else {
            return false;
        };
        rest = behind;
    }
    rest.ends_with(last)
}

#[test]
fn dots_stand_for_any_text() {
    for (written, text, is) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a…", "ab", true),
        ("…b", "ab", true),
        ("a…c…e", "abcde", true),
        ("a…c…e", "abde", false),
        ("a…", "b", false),
        ("…", "", true),
    ] {
        assert_eq!(is_like(written, text), is, "{written} {text}");
    }
}

#[test]
fn a_talk_that_did_not_happen_is_told() {
    use loadforge_scenarios::{Scenario, document, testing::MemoryRun};
    use std::{path::Path, sync::Arc};
    let text = "target = \"echo\"\nthink_time = \"2s\"\n[[task]]\npost = \"/a\"\nbody = \"x\"\n";
    let document = document::parse("a.toml", text, &|_| None, Path::new("")).unwrap();
    let scenario: Arc<dyn Scenario> = Arc::new(document.scenario);
    let holds = |talk: &str| {
        let talk = Talk::of(talk, 0);
        let events = MemoryRun::new(talk.answers()).play(&scenario);
        std::panic::catch_unwind(|| talk.hold_against(&events)).is_ok()
    };
    assert!(holds(
        "> POST /a\n> user-agent: …\n> x\n< 500\n! HTTP 500\n~ 2s\n> POST /a"
    ));
    for wrong in [
        "> POST /b",
        "> POST /a\n> y",
        "> POST /a\n> accept: a/b\n> x",
        "> POST /a\n< 500",
        "> POST /a\n! HTTP 500",
        "> POST /a\n~ 3s\n> POST /a",
    ] {
        assert!(!holds(wrong), "{wrong}");
    }
}
