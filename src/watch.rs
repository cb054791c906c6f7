//! Who watches a run: the disk, which gets every second, the screen, which gets what it can take, and the live page if there is one,
//! which gets each second before either. Neighbours: `commands/run.rs` starts it, the engine's aggregator feeds it, the reporter writes
//! and draws.
//! Invariant: what waits is bounded, so that a disk or a terminal that stands still costs seconds, which are counted and told, and
//! never the memory of the machine.

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use loadforge_analysis::{Event, EventKind, Snapshot};
use loadforge_engine::{LiveFeed, RecordBatch, Watchers, hold_signals};
use loadforge_reporter::{Live, RequestName, RequestsFile, ResultsDir, ResultsError, Series};
use std::{
    collections::VecDeque,
    io,
    sync::Arc,
    thread::{self, JoinHandle},
};

/// Seconds that may wait for the disk: a minute, some 20 MB with ten names. The aggregator leaves further ones out and says so.
const SECONDS_WAITING: usize = 60;
/// What may wait for the screen; further seconds are not drawn.
const SHOWN_WAITING: usize = 4;
/// Batches of records that may wait for the disk: 16 MB of requests. Further ones are left out and counted.
const BATCHES_WAITING: usize = 256;

/// What the screen is to show.
enum Shown {
    Second(Arc<Snapshot>),
    Told(Event),
}

/// A run's watchers at work.
pub struct Watch {
    disk: JoinHandle<Watched>,
    requests: Option<JoinHandle<Result<u64, ResultsError>>>,
}

/// What they hand back.
pub struct Watched {
    /// The results directory, if there is one.
    pub results: Option<ResultsDir>,
    /// The run for charts.
    pub series: Series,
    /// How many records are missing from the file of requests, if one was written.
    pub requests: Option<Result<u64, ResultsError>>,
    /// What the screen has not seen yet.
    screen_end: ScreenEnd,
    screen: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts them, and gives the ends that snapshots and records are to be sent to; they are dropped when the run is over.
    ///
    /// # Errors
    /// When there is no thread left.
    pub fn start(
        live: Live,
        results: Option<ResultsDir>,
        requests: Option<RequestsFile>,
        page: Option<LiveFeed>,
    ) -> io::Result<(Watch, Watchers)> {
        let (seconds, snapshots) = bounded(SECONDS_WAITING);
        let disk = spawn(move || keep(&snapshots, live, results))?;
        let (mut records, mut kept) = (None, None);
        if let Some(file) = requests {
            let (sender, batches) = bounded(BATCHES_WAITING);
            kept = Some(spawn(move || keep_requests(&batches, file))?);
            records = Some(sender);
        }
        let watch = Watch {
            disk,
            requests: kept,
        };
        let watchers = Watchers {
            seconds,
            live: page,
            records,
        };
        Ok((watch, watchers))
    }

    /// Waits until the disk has everything.
    ///
    /// # Panics
    /// When a watching thread did.
    pub fn join(self) -> Watched {
        const NO_PANIC: &str = "the watching threads have no reason to panic";
        let mut watched = self.disk.join().expect(NO_PANIC);
        watched.requests = self.requests.map(|kept| kept.join().expect(NO_PANIC));
        watched
    }
}

impl Watched {
    /// Waits until the screen has shown what it was given, and is free. Only to be called before something is written to it: a
    /// terminal that was stopped (Ctrl-S) takes as long as its user does.
    pub fn clear_screen(self) {
        self.screen_end.tell_the_rest();
        // A panic of whoever draws takes nothing away from the results.
        let _ = self.screen.map(JoinHandle::join);
    }
}

/// Starts a thread that signals do not come to: one that the main thread holds while it writes a file would otherwise come to this
/// one, which may live longer, and end the program with the file half made.
fn spawn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    // Threads inherit what is held. Where it cannot be held, signals come to whoever they find.
    let _held = hold_signals();
    thread::Builder::new().spawn(work)
}

/// Stores each second, then offers it to the screen.
fn keep(
    snapshots: &Receiver<Arc<Snapshot>>,
    live: Live,
    mut results: Option<ResultsDir>,
) -> Watched {
    let (to_screen, shown) = bounded(SHOWN_WAITING);
    // Without a thread for it there is no screen; the results matter more.
    let screen = spawn(move || show(&shown, live)).ok();
    let mut series = Series::default();
    let mut screen_end = ScreenEnd {
        to_screen,
        untold: VecDeque::new(),
        unseen: 0,
        last_s: 0.0,
    };
    for snapshot in snapshots {
        // The disk first: it is what is left when this process is killed in the next moment.
        let failure = results.as_mut().and_then(|dir| dir.append(&snapshot));
        screen_end.untold.extend(failure);
        series.add(&snapshot);
        screen_end.offer(snapshot);
    }
    Watched {
        results,
        series,
        requests: None,
        screen_end,
        screen,
    }
}

/// Writes every record as it comes; whenever nothing waits, what was written is handed to the system, so that it outlives us.
fn keep_requests(
    batches: &Receiver<RecordBatch>,
    mut file: RequestsFile,
) -> Result<u64, ResultsError> {
    for batch in batches {
        file.left_out(batch.left_out);
        for name in batch.names {
            file.name(&RequestName {
                worker: batch.worker,
                kind: name.kind,
                scenario: name.scenario,
                number: name.number,
                text: name.text,
            });
        }
        file.records(batch.worker, &batch.records);
        if batches.is_empty() {
            file.flush();
        }
    }
    file.finish()
}

/// The end at which the screen is fed. It never waits.
struct ScreenEnd {
    to_screen: Sender<Shown>,
    /// Words that found no room yet; they are not left out.
    untold: VecDeque<Event>,
    /// Seconds left out since the last one that found room.
    unseen: u64,
    /// The end of the last second offered.
    last_s: f64,
}

impl ScreenEnd {
    fn offer(&mut self, snapshot: Arc<Snapshot>) {
        self.last_s = snapshot.at_s;
        while let Some(event) = self.untold.pop_front() {
            if let Err(TrySendError::Full(Shown::Told(event))) =
                self.to_screen.try_send(Shown::Told(event))
            {
                self.untold.push_front(event);
                break;
            }
        }
        match self.to_screen.try_send(Shown::Second(snapshot)) {
            Err(TrySendError::Full(_)) => self.unseen += 1,
            Ok(()) if self.unseen > 0 => {
                let unseen = std::mem::take(&mut self.unseen);
                self.untold.push_back(not_shown(self.last_s, unseen));
            }
            // A screen that has gone away is nobody's loss.
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
        }
    }

    /// Now it may wait: the run is over and its results are written.
    fn tell_the_rest(mut self) {
        if self.unseen > 0 {
            self.untold.push_back(not_shown(self.last_s, self.unseen));
        }
        for event in self.untold {
            let _ = self.to_screen.send(Shown::Told(event));
        }
    }
}

fn not_shown(at_s: f64, seconds: u64) -> Event {
    let (seconds, were) = match seconds {
        1 => ("1 second".to_owned(), "was"),
        many => (format!("{many} seconds"), "were"),
    };
    Event {
        at_s,
        kind: EventKind::Warning,
        text: format!(
            "{seconds} {were} not shown: the terminal took nothing for a while; the results have them"
        ),
    }
}

fn show(shown: &Receiver<Shown>, mut live: Live) {
    for shown in shown {
        match shown {
            Shown::Second(snapshot) => live.show(&snapshot),
            Shown::Told(event) => live.tell(&event),
        }
    }
    live.finish();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(at_s: f64) -> Arc<Snapshot> {
        let mut window = loadforge_analysis::Window::new();
        Arc::new(window.close(loadforge_analysis::WindowFacts {
            at_s,
            length_s: 1.0,
            phase: loadforge_analysis::Phase::Running,
            load_phase: loadforge_analysis::LoadPhase::default(),
            users: loadforge_analysis::UserCounts::default(),
            generator: loadforge_analysis::GeneratorWindow::default(),
            totals: loadforge_analysis::Totals::default(),
            events: Vec::new(),
            iterations: 0,
            iterations_failed: 0,
        }))
    }

    #[test]
    fn no_signal_that_ends_a_run_comes_to_a_watching_thread() {
        let blocked = spawn(|| {
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
            u64::from_str_radix(line.unwrap().trim(), 16).unwrap()
        });
        let blocked = blocked.unwrap().join().unwrap();
        use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
        for signal in [SIGINT, SIGHUP, SIGQUIT, SIGTERM] {
            assert_ne!(blocked & (1 << (signal as u32 - 1)), 0, "{signal}");
        }
    }

    #[test]
    fn a_screen_that_stands_still_costs_seconds_that_are_told_and_no_word() {
        let (to_screen, shown) = bounded(SHOWN_WAITING);
        let mut end = ScreenEnd {
            to_screen,
            untold: VecDeque::from([not_shown(0.0, 1)]),
            unseen: 0,
            last_s: 0.0,
        };
        for at_s in 1..=20 {
            end.offer(second(f64::from(at_s)));
        }
        assert_eq!(shown.len(), SHOWN_WAITING);
        assert_eq!(end.unseen, 20 - (SHOWN_WAITING as u64 - 1));
        // It goes on: the seconds that follow come, and so does the number of those that did not.
        let first: Vec<Shown> = shown.try_iter().collect();
        assert!(matches!(&first[0], Shown::Told(event) if event.text.starts_with("1 second was")));
        end.offer(second(21.0));
        end.offer(second(22.0));
        let told: Vec<String> = shown
            .try_iter()
            .filter_map(|shown| match shown {
                Shown::Told(event) => Some(event.text),
                Shown::Second(_) => None,
            })
            .collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("17 seconds were not shown"), "{told:?}");
    }
}
