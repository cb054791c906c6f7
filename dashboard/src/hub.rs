//! One run and all who look at it: what is known so far, and the notes that go to every viewer. Neighbours: `live.rs` feeds it,
//! `viewer.rs` listens, `prometheus.rs` writes its figures for scrapers. Invariants: each second is folded and made JSON once,
//! whatever the number of viewers; a viewer that joins gets the seconds so far and then every later one, with none missing and none
//! twice, for both happen under one lock.

use crate::{
    history::History,
    message::{AfterSecond, End, Hello, LIVE_SCHEMA, State, Told, second},
    reply::to_json,
    second::Second,
    viewer::MAX_GREETINGS,
};
use axum::extract::ws::Utf8Bytes;
use loadforge_analysis::{
    Event, EventKind, Order, Phase, RunFold, RunInfo, RunSummary, Snapshot, SteerAction, Steering,
    Threshold,
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::sync::{Semaphore, broadcast};

/// Notes that wait for a viewer; one that falls further behind is skipped to the latest.
const NOTES_WAITING: usize = 8;

/// How long an order may take until a snapshot has it, in seconds.
const TAKES_HOLD_S: f64 = 0.2;

/// A run as its viewers know it.
pub(crate) struct Hub {
    run_id: String,
    info: RunInfo,
    results_dir: Option<String>,
    run: Mutex<Run>,
    notes: broadcast::Sender<Note>,
    /// One for each viewer that may be greeted at a time.
    pub(crate) greetings: Semaphore,
}

/// What every viewer is told.
#[derive(Clone)]
pub(crate) enum Note {
    Second(Arc<SecondNote>),
    Told(Utf8Bytes),
    End,
}

/// A second, as a message and in the parts of which it can be made again for who was not sent the ones before it.
pub(crate) struct SecondNote {
    /// Counted from 1.
    pub(crate) number: u64,
    pub(crate) at_s: f64,
    pub(crate) message: Utf8Bytes,
    second: Second,
    fields: String,
}

impl SecondNote {
    /// The message for a viewer that was not sent so many seconds before this one.
    pub(crate) fn after_skipping(&self, skipped: u64) -> Utf8Bytes {
        let marked = Second {
            skipped,
            ..self.second.clone()
        };
        second(&to_json(&marked), &self.fields).into()
    }
}

/// What a viewer gets when it comes.
pub(crate) struct Joined {
    pub(crate) hello: String,
    pub(crate) notes: broadcast::Receiver<Note>,
    /// The number of the last second in the greeting.
    pub(crate) number: u64,
    /// The end of the last second in the greeting.
    pub(crate) at_s: f64,
    pub(crate) is_over: bool,
}

struct Run {
    fold: RunFold,
    history: History,
    /// The figures so far, or the final ones.
    summary: Option<RunSummary>,
    steering: Steering,
    /// When somebody steered last, in seconds of the run.
    steered_s: f64,
    is_draining: bool,
    is_over: bool,
    report: Option<String>,
    /// How many seconds came.
    number: u64,
    /// When the last one came.
    came: Instant,
}

impl Hub {
    pub(crate) fn new(run_id: String, info: RunInfo, results_dir: Option<String>) -> Hub {
        let thresholds = info.thresholds.iter();
        let thresholds = thresholds.filter_map(|text| Threshold::parse(text, None).ok());
        let run = Run {
            fold: RunFold::following(thresholds.collect(), info.model),
            history: History::default(),
            summary: None,
            steering: Steering::default(),
            steered_s: f64::NEG_INFINITY,
            is_draining: false,
            is_over: false,
            report: None,
            number: 0,
            came: Instant::now(),
        };
        Hub {
            run_id,
            info,
            results_dir,
            run: Mutex::new(run),
            notes: broadcast::channel(NOTES_WAITING).0,
            greetings: Semaphore::new(MAX_GREETINGS),
        }
    }

    fn run(&self) -> MutexGuard<'_, Run> {
        // A panic elsewhere leaves whole seconds behind: they are still worth showing.
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next second; `missed` came before it and were never seen here.
    pub(crate) fn add(&self, snapshot: &Snapshot, missed: u64) {
        let mut run = self.run();
        let run = &mut *run;
        run.fold.add(snapshot);
        let mut summary = run.fold.so_far(&self.info);
        summary.events.clear();
        // A window that was closed before the order took hold does not know of it.
        if snapshot.at_s > run.steered_s + TAKES_HOLD_S {
            run.steering = snapshot.steering;
        }
        run.is_draining |= snapshot.phase == Phase::Draining;
        run.number += 1;
        run.came = Instant::now();
        let mut next = Second::of(snapshot);
        if missed > 0 {
            next.events.push(not_shown(snapshot.at_s, missed));
        }
        let after = AfterSecond {
            summary: &summary,
            state: run.state(),
            now_s: snapshot.at_s,
        };
        let fields = after.fields();
        let message = second(run.history.push(next.clone()), &fields);
        run.summary = Some(summary);
        let note = SecondNote {
            number: run.number,
            at_s: next.at_s,
            message: message.into(),
            second: next,
            fields,
        };
        self.tell(Note::Second(Arc::new(note)));
    }

    /// Tells everybody at once that somebody steered the run.
    pub(crate) fn steered(&self, order: &Order, event: &Event) {
        let mut run = self.run();
        run.steering = run.steering.after(order.action);
        run.steered_s = event.at_s;
        run.is_draining |= matches!(order.action, SteerAction::Stop | SteerAction::End);
        let told = Told {
            kind: "event",
            event,
            steering: run.steering,
            state: run.state(),
            now_s: run.now_s(),
        };
        self.tell(Note::Told(to_json(&told).into()));
    }

    /// Takes the final figures and says goodbye to everybody.
    pub(crate) fn finish(&self, summary: RunSummary, report: Option<String>) {
        let mut run = self.run();
        run.summary = Some(RunSummary {
            events: Vec::new(),
            ..summary
        });
        run.report = report;
        run.is_over = true;
        self.tell(Note::End);
    }

    /// Whoever has gone hears nothing, and when nobody is there nobody does.
    fn tell(&self, note: Note) {
        let _ = self.notes.send(note);
    }

    /// Greets a viewer that has all seconds up to this moment.
    pub(crate) fn join(&self, since_s: f64, can_steer: bool) -> Joined {
        let run = self.run();
        let seconds = run.history.json_since(since_s);
        Joined {
            hello: self.hello(&run, can_steer).with_seconds(&seconds),
            notes: self.notes.subscribe(),
            number: run.number,
            at_s: run.history.last().map_or(since_s, |last| last.at_s),
            is_over: run.is_over,
        }
    }

    /// The goodbye to a viewer that has all seconds up to this moment.
    pub(crate) fn goodbye(&self, since_s: f64) -> Option<String> {
        let run = self.run();
        let end = End {
            kind: "end",
            summary: run.summary.as_ref()?,
            report: run.report.as_deref(),
        };
        Some(end.with_seconds(&run.history.json_since(since_s)))
    }

    /// Everything but the seconds, as JSON.
    pub(crate) fn about(&self, can_steer: bool) -> String {
        to_json(&self.hello(&self.run(), can_steer))
    }

    /// The seconds after this moment, as JSON.
    pub(crate) fn seconds(&self, since_s: f64) -> String {
        self.run().history.json_since(since_s)
    }

    /// Whether the run is over.
    pub(crate) fn is_over(&self) -> bool {
        self.run().is_over
    }

    /// The figures for a scraper.
    pub(crate) fn metrics(&self) -> String {
        let run = self.run();
        crate::prometheus::text(
            &self.info.name,
            run.state(),
            run.summary.as_ref(),
            run.history.last(),
        )
    }

    fn hello<'a>(&'a self, run: &'a Run, can_steer: bool) -> Hello<'a> {
        Hello {
            kind: "hello",
            schema: LIVE_SCHEMA,
            run_id: &self.run_id,
            state: run.state(),
            now_s: run.now_s(),
            can_steer: can_steer && !run.is_over,
            info: &self.info,
            summary: run.summary.as_ref(),
            steering: run.steering,
            results_dir: self.results_dir.as_deref(),
        }
    }
}

impl Run {
    fn state(&self) -> State {
        match self {
            Run { is_over: true, .. } => State::Finished,
            Run { number: 0, .. } if !self.is_draining => State::Starting,
            Run {
                is_draining: true, ..
            } => State::Draining,
            Run { steering, .. } if steering.paused => State::Paused,
            Run { .. } => State::Running,
        }
    }

    /// How far the run is by our clock, in seconds; a browser's own may be set to anything.
    fn now_s(&self) -> f64 {
        let last_s = self.history.last().map_or(0.0, |last| last.at_s);
        match self.is_over {
            true => last_s,
            false => last_s + self.came.elapsed().as_secs_f64(),
        }
    }
}

fn not_shown(at_s: f64, missed: u64) -> Event {
    let text = format!(
        "seconds that the live page did not get, because this machine was too busy: {missed}; the results have them"
    );
    Event {
        at_s,
        kind: EventKind::Warning,
        text,
    }
}
