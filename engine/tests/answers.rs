//! Every way in which a server can answer, badly or oddly, and what the engine makes of it: one table, on both wires.
//! Neighbours: `support/scripted.rs` plays what the table names. Invariant: an answer that is not clear is a failure
//! with its reason, never a guess and never a hang; the server's own counts agree.

mod support;

use loadforge_engine::{Plan, WireChoice};
use loadforge_scenarios::{ErrorKind, Failure, Method, OriginId, Pattern, User};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{
    props::eventually,
    scripted::{Deaf, Refusing, ScriptedServer, Welcome},
    stage::{Play, Ran, act, plan, planned, run, wires},
};

/// How often each case is asked for, one time after the other on behalf of one user.
const TIMES: usize = 3;
/// The time limit of the cases that run into it.
const SHORT: Duration = Duration::from_millis(1_500);
/// The time limit of all others: nobody waits for it.
const LONG: Duration = Duration::from_secs(30);
/// Between two requests: what a server does behind an answer is there before the next request.
const PAUSE: Duration = Duration::from_millis(50);
/// More than the kernel takes off our hands while nobody reads: it keeps 4 MB to send and 6 MB received at most.
const LARGE_BODY: usize = 16 << 20;

/// Where a case is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Scripted = 0,
    Closing = 1,
    Speaking = 2,
    Deaf = 3,
    Full = 4,
    Refusing = 5,
}

/// What should become of a request.
#[derive(Clone, Copy, Debug)]
enum Expect {
    /// Answered with this status.
    Ok(u16),
    /// Failed in this way, with words among these.
    Fail(ErrorKind, &'static [&'static str]),
    /// The first and every second after it as the one, those between as the other.
    InTurn(&'static Expect, &'static Expect),
}

/// How the server's own count of whole requests relates to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    /// It read each once.
    Each,
    /// It read so many: some were sent again, some never came whole.
    Exactly(u64),
    /// It does not count.
    Not,
}

struct Case {
    method: Method,
    path: &'static str,
    at: At,
    limit: Duration,
    body: usize,
    expect: Expect,
    counted: Counted,
    /// Connections it takes.
    connections: Option<u64>,
}

impl Case {
    fn new(path: &'static str, expect: Expect) -> Case {
        // What failed does not keep its connection; what was answered does.
        let connections = match expect {
            Expect::Ok(_) => 1,
            _ => TIMES as u64,
        };
        Case {
            method: Method::Get,
            path,
            at: At::Scripted,
            limit: LONG,
            body: 0,
            expect,
            counted: Counted::Each,
            connections: Some(connections),
        }
    }

    fn method(self, method: Method) -> Case {
        Case { method, ..self }
    }

    fn body(self, body: usize) -> Case {
        Case {
            method: Method::Post,
            body,
            ..self
        }
    }

    fn counted(self, counted: Counted) -> Case {
        Case { counted, ..self }
    }

    fn connections(self, connections: u64) -> Case {
        Case {
            connections: Some(connections),
            ..self
        }
    }

    fn short(self) -> Case {
        Case {
            limit: SHORT,
            ..self
        }
    }

    fn at(self, at: At) -> Case {
        Case {
            at,
            counted: Counted::Not,
            connections: None,
            ..self
        }
    }

    /// The name it is counted under.
    fn name(&self) -> String {
        format!("{} {}", self.method.as_str(), self.path)
    }
}

const OK: Expect = Expect::Ok(200);

const fn protocol(words: &'static [&'static str]) -> Expect {
    Expect::Fail(ErrorKind::Protocol, words)
}

const fn reset(words: &'static [&'static str]) -> Expect {
    Expect::Fail(ErrorKind::Reset, words)
}

const fn timeout(words: &'static [&'static str]) -> Expect {
    Expect::Fail(ErrorKind::Timeout, words)
}

const BROKE: &[&str] = &["the connection broke: connection reset by peer"];
const NO_ANSWER: &[&str] = &["the server closed the connection without an answer"];
/// A request that the server took and did not answer.
const UNANSWERED: Expect = reset(NO_ANSWER);

fn cases() -> Vec<Case> {
    let mut cases = good_answers();
    cases.extend(unclear_answers());
    cases.extend(cut_answers());
    cases.extend(missing_answers());
    cases
}

fn good_answers() -> Vec<Case> {
    vec![
        Case::new("/plain", OK),
        Case::new("/bytewise", OK),
        Case::new("/trailers", OK),
        Case::new("/interim", OK),
        Case::new("/same-length-twice", OK),
        Case::new("/no-content", Expect::Ok(204)),
        Case::new("/not-modified", Expect::Ok(304)),
        Case::new("/head", OK).method(Method::Head),
        Case::new("/with-body", OK).body(40_000),
        // These end their connection.
        Case::new("/until-close", OK).connections(3),
        Case::new("/connection-close", OK).connections(3),
        Case::new("/http-1.0", OK).connections(3),
        Case::new("/idle-close", OK).connections(3),
        // The second and the third were sent twice: the connection was closed under them.
        Case::new("/idle-race", OK)
            .counted(Counted::Exactly(5))
            .connections(3),
        Case::new("/idle-race-reset", OK)
            .counted(Counted::Exactly(5))
            .connections(3),
        // A POST may have been carried out: it is not sent twice.
        Case::new("/idle-race", Expect::InTurn(&OK, &UNANSWERED))
            .body(5)
            .connections(2),
        // An answer before the request was out is an answer, but its connection is done for.
        Case::new("/early-answer", OK)
            .body(LARGE_BODY)
            .counted(Counted::Exactly(0))
            .connections(3),
    ]
}

fn unclear_answers() -> Vec<Case> {
    vec![
        Case::new("/garbage", protocol(&["not an HTTP answer"])),
        Case::new(
            "/interim-storm",
            protocol(&["an endless row of interim (1xx) answers"]),
        ),
        Case::new(
            "/switch",
            protocol(&["switched protocols without being asked"]),
        ),
        Case::new(
            "/endless-headers",
            protocol(&["not an HTTP answer: too many headers", "an endless head"]),
        ),
        Case::new(
            "/endless-header-line",
            protocol(&["an endless head: more than 256 KiB"]),
        ),
        Case::new(
            "/endless-chunk-line",
            protocol(&["an endless chunk-size line"]),
        ),
        Case::new("/endless-trailers", protocol(&["endless trailers"])),
        Case::new("/chunk-without-size", protocol(&["a chunk without a size"])),
        Case::new(
            "/too-long",
            protocol(&["bytes after the end of the answer"]),
        ),
        Case::new(
            "/leftovers",
            protocol(&["bytes after the end of the answer"]),
        ),
        Case::new(
            "/negative-length",
            protocol(&["a content-length that is not a number"]),
        ),
        Case::new(
            "/huge-length",
            protocol(&["a content-length that is not a number"]),
        ),
        Case::new(
            "/two-lengths",
            protocol(&["two content-lengths that differ"]),
        ),
        Case::new(
            "/length-and-chunks",
            protocol(&["both a content-length and a chunked body"]),
        ),
        Case::new(
            "/gzip-coding",
            protocol(&["a transfer-encoding other than chunked"]),
        ),
        Case::new("/hello-speaking", protocol(&[""])).at(At::Speaking),
    ]
}

fn cut_answers() -> Vec<Case> {
    vec![
        Case::new("/reset-before-head", reset(BROKE)),
        Case::new("/reset-in-head", reset(BROKE)),
        Case::new("/reset-in-body", reset(BROKE)),
        Case::new("/half-close", reset(NO_ANSWER)),
        Case::new("/close-in-head", reset(&["in the middle of the head"])),
        Case::new("/close-in-body", reset(&["in the middle of the body"])),
        Case::new("/close-in-chunk", reset(&["in the middle of the body"])),
        Case::new(
            "/close-before-last-chunk",
            reset(&["in the middle of the body"]),
        ),
        // Whether our request still met an open socket is chance.
        Case::new(
            "/hello-closing",
            reset(&["without an answer", "the connection broke"]),
        )
        .at(At::Closing),
    ]
}

fn missing_answers() -> Vec<Case> {
    let failing = Expect::Fail(ErrorKind::Status, &["HTTP 500"]);
    let refused = Expect::Fail(ErrorKind::Status, &["HTTP 413"]);
    let no_connection = Expect::Fail(ErrorKind::Connect, &["connection refused"]);
    vec![
        Case::new("/failing", failing).connections(1),
        Case::new("/early-refusal", refused)
            .body(LARGE_BODY)
            .counted(Counted::Exactly(0)),
        Case::new("/no-answer", timeout(&["no answer within 1.5s"])).short(),
        Case::new(
            "/half-answer",
            timeout(&[
                "the answer was not whole within 1.5s",
                "no answer within 1.5s",
            ]),
        )
        .short(),
        Case::new(
            "/endless-chunks",
            timeout(&[
                "the answer was not whole within 1.5s",
                "no answer within 1.5s",
            ]),
        )
        .short(),
        Case::new(
            "/drip",
            timeout(&[
                "the answer was not whole within 1.5s",
                "no answer within 1.5s",
            ]),
        )
        .short(),
        Case::new("/deaf", timeout(&["no answer within 1.5s"]))
            .short()
            .at(At::Deaf),
        Case::new("/full", timeout(&["no connection within 1.5s"]))
            .short()
            .at(At::Full),
        Case::new("/refused", no_connection).at(At::Refusing),
    ]
}

/// The servers of one run.
struct Servers {
    scripted: ScriptedServer,
    closing: ScriptedServer,
    speaking: ScriptedServer,
    deaf: Deaf,
    full: Deaf,
    refusing: Refusing,
}

impl Servers {
    fn start() -> Servers {
        Servers {
            scripted: ScriptedServer::start(Welcome::Listen),
            closing: ScriptedServer::start(Welcome::Close),
            speaking: ScriptedServer::start(Welcome::Speak),
            deaf: Deaf::with_room(),
            full: Deaf::full(),
            refusing: Refusing::new(),
        }
    }

    /// In the order of `At`.
    fn origins(&self) -> [std::net::SocketAddr; 6] {
        [
            self.scripted.address,
            self.closing.address,
            self.speaking.address,
            self.deaf.address,
            self.full.address,
            self.refusing.address,
        ]
    }
}

/// By case: what each of its requests came to.
type Results = Vec<Vec<Result<u16, Failure>>>;

/// Lets every case have a user of its own, all at once.
fn ask_for_all(cases: &Arc<Vec<Case>>, servers: &Servers, wire: WireChoice) -> (Ran, Results) {
    let results = Arc::new(Mutex::new(vec![Vec::new(); cases.len()]));
    let (book, table) = (Arc::clone(&results), Arc::clone(cases));
    let task = act(async move |user: &mut User| {
        let index = user.id() as usize;
        let case = &table[index];
        let body = vec![b'x'; case.body];
        for _ in 0..TIMES {
            let asked = user
                .request(case.method, case.path)
                .origin(OriginId(case.at as u16))
                .name(&case.name())
                .time_limit(case.limit)
                .body(&body);
            let result = asked.send().await.map(|response| response.status());
            book.lock()
                .expect("nobody panics")
                .get_mut(index)
                .expect("a case")
                .push(result);
            user.sleep(PAUSE).await;
        }
        // Until the run ends, which it does once every case has had its turns.
        user.sleep(LONG).await;
        Ok(())
    });
    let ran = run(Plan {
        max_requests: Some((cases.len() * TIMES) as u64),
        duration: LONG,
        ..planned(
            Pattern::Constant(cases.len() as f64),
            Play::new(&servers.origins(), task),
            wire,
        )
    });
    let results = results.lock().expect("nobody panics").clone();
    (ran, results)
}

/// What is wrong with the results of a case; nothing when it is as expected.
fn faults(
    case: &Case,
    results: &[Result<u16, Failure>],
    ran: &Ran,
    servers: &Servers,
) -> Vec<String> {
    let mut faults = Vec::new();
    if results.len() != TIMES {
        faults.push(format!("{} results instead of {TIMES}", results.len()));
    }
    for (index, result) in results.iter().enumerate() {
        let expect = match case.expect {
            Expect::InTurn(one, other) => {
                if index % 2 == 0 {
                    one
                } else {
                    other
                }
            }
            ref same => same,
        };
        let fits = match (expect, result) {
            (Expect::Ok(status), Ok(got)) => status == got,
            (Expect::Fail(kind, words), Err(failure)) => {
                failure.kind == *kind && words.iter().any(|words| failure.detail.contains(words))
            }
            _ => false,
        };
        if !fits {
            faults.push(format!("request {index}: {result:?} instead of {expect:?}"));
        }
    }
    let failures = results.iter().filter(|result| result.is_err()).count() as u64;
    let counted = ran.endpoint(&case.name());
    if counted != (TIMES as u64, failures) {
        faults.push(format!(
            "(done, failed) = {counted:?} in the figures, {failures} told to the user"
        ));
    }
    let seen = servers.scripted.seen(case.path);
    let expected = match case.counted {
        Counted::Each => Some(TIMES as u64),
        Counted::Exactly(count) => Some(count),
        Counted::Not => None,
    };
    // Two cases that share a path are told apart by nobody at the server.
    if case.path != "/idle-race" {
        if expected.is_some_and(|count| count != seen.requests) {
            faults.push(format!(
                "the server read {} requests, not {expected:?}",
                seen.requests
            ));
        }
        if case
            .connections
            .is_some_and(|count| count != seen.connections)
        {
            faults.push(format!(
                "{} connections, not {:?}",
                seen.connections, case.connections
            ));
        }
    }
    faults
}

/// What docs/faults.md says becomes of a script: the kind of failure, or none, and words of it.
fn documented(page: &str) -> Vec<(&str, Option<&str>, Option<&str>)> {
    let quoted = |text, mark| str::split(text, mark).skip(1).step_by(2);
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("`/"));
    let rows = rows.chain(page.lines().filter(|line| line.contains("`POST /")));
    rows.flat_map(|row| {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [_, scripts, becomes] = cells[..] else {
            panic!("three cells in {row}");
        };
        let kind = becomes
            .starts_with('`')
            .then(|| quoted(becomes, '`').next())
            .flatten();
        let words = quoted(becomes, '"').next();
        quoted(scripts, '`').map(move |script| (script, kind, words))
    })
    .collect()
}

#[test]
fn the_table_of_bad_answers_says_what_becomes_of_each() {
    let page = include_str!("../../docs/faults.md");
    let (_, from) = page
        .split_once("## Bad answers")
        .expect("its part of the page");
    let documented = documented(from.split("\n## ").next().unwrap_or_default());
    for case in cases() {
        let post = format!("POST {}", case.path);
        let told = |script: &str| documented.iter().find(|(known, ..)| *known == script);
        let Some((_, kind, words)) = told(&post).filter(|_| case.body > 0).or(told(case.path))
        else {
            // Requests of other methods and sizes are no faults.
            assert!(
                ["/plain", "/head", "/with-body"].contains(&case.path),
                "{} is not in the table",
                case.path
            );
            continue;
        };
        let expect = match case.expect {
            Expect::InTurn(_, other) => *other,
            same => same,
        };
        match expect {
            Expect::Ok(_) => assert_eq!(*kind, None, "{}", case.name()),
            Expect::Fail(expected, possible) => {
                assert_eq!(*kind, Some(expected.as_str()), "{}", case.name());
                let fits = |words: &str| {
                    possible
                        .iter()
                        .any(|one| words.contains(one) || one.contains(words))
                };
                assert!(words.is_none_or(fits), "{words:?} for {}", case.name());
            }
            Expect::InTurn(..) => unreachable!("no turns within turns"),
        }
    }
    for (script, ..) in &documented {
        let path = script.trim_start_matches("POST ");
        assert!(
            cases().iter().any(|case| case.path == path),
            "nothing plays {script}"
        );
    }
}

#[test]
fn every_answer_is_told_for_what_it_is() {
    for wire in wires() {
        let servers = Servers::start();
        let (mut all, mut retried) = (Vec::new(), 0);
        let mut rest = cases();
        // In two runs: a run keeps figures for so many names and no more.
        for _ in 0..2 {
            let later = rest.split_off(rest.len().min(40));
            let cases = Arc::new(std::mem::replace(&mut rest, later));
            let (ran, results) = ask_for_all(&cases, &servers, wire);
            for (case, results) in cases.iter().zip(&results) {
                let found = faults(case, results, &ran, &servers);
                all.extend(
                    found
                        .into_iter()
                        .map(|fault| format!("{}: {fault}", case.name())),
                );
            }
            // Exactly what was allowed, and every failure with its words.
            let requests = &ran.summary.requests;
            assert_eq!(requests.sent, (cases.len() * TIMES) as u64);
            let errors = &ran.summary.errors;
            let told: u64 = errors.iter().map(|error| error.count).sum();
            assert_eq!(told, requests.failed, "{errors:?}");
            assert!(
                errors
                    .iter()
                    .all(|error| { error.kind == ErrorKind::Status || error.detail.len() > 5 })
            );
            retried += requests.retried;
        }
        assert!(rest.is_empty(), "each has had its turn");
        assert!(all.is_empty(), "over {wire:?}:\n{}", all.join("\n"));
        let (idle_gets, idle_posts) = (5, TIMES as u64);
        assert_eq!(
            servers.scripted.seen("/idle-race").requests,
            idle_gets + idle_posts
        );
        // On a loaded machine a server may close behind its answer so late that the next request meets that, too.
        assert!(
            retried >= 2 + 2,
            "{retried}: each of two idle races met two requests"
        );
        // A request given up on does not keep its connection: the server sees the end.
        for path in ["/no-answer", "/half-answer", "/drip"] {
            eventually("the end of each connection", || {
                servers.scripted.seen(path).hang_ups == TIMES as u64
            });
        }
    }
}

#[test]
fn a_connection_that_ends_while_the_worker_is_busy_fails_its_request_and_does_not_hang_it() {
    for wire in wires() {
        for (welcome, kind) in [
            (Welcome::Close, ErrorKind::Reset),
            (Welcome::Speak, ErrorKind::Protocol),
        ] {
            let server = ScriptedServer::start(welcome);
            let task = act(async |user: &mut User| {
                if user.id() == 0 {
                    // The connection of the other stands and ends meanwhile, and both come in one turn.
                    std::thread::sleep(PAUSE / 2);
                    user.sleep(PAUSE / 50).await;
                    return Ok(());
                }
                user.get("/").send().await.map(|_| ())
            });
            let ran = run(Plan {
                max_requests: Some(5),
                time_limit: Duration::from_secs(2),
                ..planned(
                    Pattern::Constant(2.0),
                    Play::new(&[server.address], task),
                    wire,
                )
            });
            assert_eq!(
                ran.counts(),
                (5, 0, 5),
                "{welcome:?} over {wire:?}: {:?}",
                ran.summary.errors
            );
            let errors = &ran.summary.errors;
            assert_eq!(
                ran.errors(kind, ""),
                5,
                "{welcome:?} over {wire:?}: {errors:?}"
            );
        }
    }
}

#[test]
fn a_connection_that_says_something_while_idle_is_not_used_again() {
    for wire in wires() {
        let server = ScriptedServer::start(Welcome::Listen);
        let task = act(async |user: &mut User| {
            user.get("/late-leftovers").send().await?;
            // Once this is answered, on a connection of its own, the other one has brought more than its answer.
            user.get("/cue").origin(OriginId(1)).send().await?;
            Ok(())
        });
        let play = Play::new(&[server.address, server.address], task);
        let ran = run(Plan {
            max_requests: Some(8),
            ..plan(play, wire)
        });
        assert_eq!(
            ran.counts(),
            (8, 8, 0),
            "over {wire:?}: {:?}",
            ran.summary.errors
        );
        let seen = server.seen("/late-leftovers");
        assert_eq!((seen.requests, seen.connections), (4, 4), "over {wire:?}");
        assert_eq!(server.seen("/cue").connections, 1);
    }
}
