//! The one place where records become figures: drains every ring, closes a window a second, folds the run.
//! Neighbours: `supervisor/mod.rs` starts it as a thread after the fork and tells it what happened; whoever watches
//! the run gets its snapshots. Invariant: every record that a worker delivered is counted exactly once.

pub use super::asked::Asked;
use super::{
    health::Health,
    places::{Place, Places, name_of},
    recording::{LiveFeed, Recording, Watchers},
    words::Words,
};
use crate::clock::Epoch;
use crossbeam::channel::{Receiver, Sender, TryRecvError, TrySendError};
use loadforge_analysis::{
    Event, EventKind, Phase, RunFold, Snapshot, Totals, UserCounts, Window, WindowFacts,
};
use loadforge_ring::{LoadOrder, RecordKind, RecordSource, RequestRecord, RunPhase, Transport};
use std::{
    sync::{Arc, OnceLock, atomic::Ordering},
    thread,
    time::Duration,
};

/// How often rings are emptied: often enough that none fills at millions of records a second, seldom enough to cost
/// next to nothing.
const DRAIN_EVERY: Duration = Duration::from_millis(5);
/// A window's length, unless the aggregator itself was held up.
const SECOND_NS: u64 = 1_000_000_000;
/// How long after the end of a second its window is closed: workers hand over at least every 10 ms.
const GRACE_NS: u64 = 15_000_000;

/// What the supervisor tells the aggregator.
pub enum Notice {
    /// Something happened that the reader should see.
    Event(Event),
    /// This worker died: recover what it left, and count what it took with it.
    Lost {
        /// Which one.
        worker: usize,
        /// Open model: the arrivals it was to begin while the load was its.
        arrivals_owed: u64,
    },
    /// Somebody has ordered another load, from a time on that has not come yet.
    Ordered(LoadOrder),
    /// Every worker is gone: close the books.
    Finish,
}

/// One worker as the aggregator sees it.
struct Feed {
    source: RecordSource,
    words: Words,
    /// Where its records are counted.
    places: Places,
    /// Records of requests drained so far.
    drained: u64,
    /// The worker is gone: what it left behind can be recovered.
    gone: bool,
    /// It did not end in good order: what it took with it is unknown.
    lost: bool,
    /// Open model: arrivals that it was to begin before others took over, if it is lost.
    arrivals_owed: u64,
    recovered: bool,
}

/// Iterations since the start of the run.
#[derive(Clone, Copy, Default)]
struct Iterations {
    ended: u64,
    failed: u64,
}

/// Gathers a run's figures.
pub struct Aggregator {
    transport: Transport,
    epoch: Epoch,
    asked: Asked,
    feeds: Vec<Feed>,
    window: Window,
    fold: RunFold,
    /// The threshold that ends the run, once it is broken.
    broken: Arc<OnceLock<String>>,
    health: Health,
    events: Vec<Event>,
    /// Records drained that were done after the end of the window that is open.
    early: Vec<(RequestRecord, Place)>,
    /// Lost records of other things than requests, as far as they have been told.
    lost_others_told: u64,
    /// Users as seen within the window that is open.
    users: UserCounts,
    closed_ns: u64,
    iterations: Iterations,
    notices: Receiver<Notice>,
    watchers: Sender<Arc<Snapshot>>,
    live: Option<LiveFeed>,
    /// Seconds in a row that the watchers had no room for.
    unwatched: u64,
    /// Where every record goes, too, if somebody keeps them.
    recording: Option<Recording>,
    /// It was told that records are left out.
    left_out_told: bool,
}

impl Aggregator {
    /// An aggregator for a run that begins at `epoch`.
    pub fn new(
        transport: &Transport,
        epoch: Epoch,
        asked: Asked,
        health: Health,
        notices: Receiver<Notice>,
        watchers: impl Into<Watchers>,
    ) -> Aggregator {
        let watchers = watchers.into();
        let workers = transport.workers();
        let feeds = (0..workers)
            .map(|worker| Feed {
                source: transport.source(worker),
                words: Words::new(transport.text_reader(worker)),
                places: Places::default(),
                drained: 0,
                gone: false,
                lost: false,
                arrivals_owed: 0,
                recovered: false,
            })
            .collect();
        Aggregator {
            transport: transport.clone(),
            epoch,
            fold: RunFold::following(asked.thresholds.clone(), asked.model()),
            broken: Arc::default(),
            asked,
            feeds,
            window: Window::new(),
            health,
            events: Vec::new(),
            early: Vec::new(),
            lost_others_told: 0,
            users: UserCounts::default(),
            closed_ns: 0,
            iterations: Iterations::default(),
            notices,
            watchers: watchers.seconds,
            live: watchers.live,
            unwatched: 0,
            recording: watchers
                .records
                .map(|records| Recording::new(records, workers)),
            left_out_told: false,
        }
    }

    /// Where a threshold will stand that does not hold and is to end the run.
    pub fn broken(&self) -> Arc<OnceLock<String>> {
        Arc::clone(&self.broken)
    }

    /// Works until told to finish; returns the whole run.
    pub fn run(mut self) -> RunFold {
        loop {
            let finishing = self.take_notices();
            let now_ns = self.epoch.now_ns();
            if finishing {
                self.drain(u64::MAX);
                self.health.look_again();
                let last = self.close_window(now_ns.max(self.closed_ns + 1));
                self.show(&last);
                // Nothing is measured any more, so it may wait. A watcher that has gone away is no reason to fail.
                if let Some(recording) = self.recording.take() {
                    recording.finish();
                }
                let _ = self.watchers.send(last);
                return self.fold;
            }
            // A second; more after a stall of our own, since what is in the rings then belongs to all of it.
            let behind_ns = now_ns.saturating_sub(self.closed_ns + GRACE_NS);
            // To the next whole second: a phase that ended within one has cut it.
            let second_ns = self.closed_ns / SECOND_NS * SECOND_NS;
            let end_ns = second_ns + SECOND_NS * (behind_ns / SECOND_NS).max(1);
            let end_ns = self.asked.window_end(self.closed_ns, end_ns);
            self.drain(end_ns);
            self.look_at_users(now_ns);
            if now_ns >= end_ns + GRACE_NS {
                let snapshot = self.close_window(end_ns);
                self.hand_out(snapshot);
            }
            thread::sleep(DRAIN_EVERY);
        }
    }

    fn take_notices(&mut self) -> bool {
        loop {
            match self.notices.try_recv() {
                Ok(Notice::Event(event)) => self.events.push(event),
                Ok(Notice::Ordered(order)) => self.asked.follow(order),
                Ok(Notice::Lost {
                    worker,
                    arrivals_owed,
                }) => {
                    let feed = &mut self.feeds[worker];
                    (feed.gone, feed.lost, feed.arrivals_owed) = (true, true, arrivals_owed);
                }
                Ok(Notice::Finish) | Err(TryRecvError::Disconnected) => {
                    self.feeds.iter_mut().for_each(|feed| feed.gone = true);
                    return true;
                }
                Err(TryRecvError::Empty) => return false,
            }
        }
    }

    /// Takes every record there is; those done at `end_ns` or later are kept for the next window.
    fn drain(&mut self, end_ns: u64) {
        self.early.retain(|(record, place)| {
            let is_early = record.done_ns >= end_ns;
            if !is_early {
                place.add(record, &mut self.window);
            }
            is_early
        });
        for (worker, feed) in self.feeds.iter_mut().enumerate() {
            let Feed {
                source,
                words,
                places,
                drained,
                gone,
                recovered,
                ..
            } = feed;
            let mut take = |record: &RequestRecord| {
                let place = places.of(record, words, &self.asked, &mut self.window);
                if let Some(recording) = &mut self.recording {
                    recording.take(worker, record, || name_of(record, words, &self.asked));
                }
                let kind = RecordKind::from_code(record.kind);
                *drained += u64::from(kind == Some(RecordKind::Request));
                // What was not sent counts when it is told.
                if record.done_ns < end_ns || kind == Some(RecordKind::NotSent) {
                    place.add(record, &mut self.window);
                } else {
                    self.early.push((*record, place));
                }
            };
            if *gone && !*recovered {
                source.recover(&mut take);
                *recovered = true;
            } else if !*recovered {
                source.drain(&mut take);
            }
        }
    }

    /// Counts the failures whose words stand in the workers' text tables.
    fn count_details(&mut self) {
        for feed in &mut self.feeds {
            feed.words.count_new(|kind, words, count, is_carried| {
                if is_carried {
                    self.window.add_error_details(kind, words, count);
                } else {
                    self.window.add_noted_failures(kind, words, count);
                }
            });
            if feed.words.are_newly_refused() {
                self.events.push(Event {
                    at_s: self.epoch.now_ns() as f64 / 1e9,
                    kind: EventKind::Warning,
                    text: "more names and error details than a worker can keep: further ones are \
                           counted as \"other\""
                        .to_owned(),
                });
            }
        }
    }

    fn close_window(&mut self, end_ns: u64) -> Arc<Snapshot> {
        self.count_details();
        self.tell_lost_others(end_ns);
        self.hand_on_records(end_ns);
        let length_s = (end_ns - self.closed_ns) as f64 / 1e9;
        self.users.target_rate = self.asked.rate_between(self.closed_ns, end_ns);
        let iterations = self.iterations_so_far();
        let feeds = &self.feeds;
        let facts = WindowFacts {
            at_s: end_ns as f64 / 1e9,
            length_s,
            phase: match self.transport.control().phase() {
                RunPhase::Starting | RunPhase::Running => Phase::Running,
                RunPhase::Draining | RunPhase::Ending => Phase::Draining,
            },
            load_phase: self.asked.phase(self.closed_ns, end_ns),
            users: std::mem::take(&mut self.users),
            generator: self
                .health
                .measure(&self.transport, length_s, |worker| feeds[worker].lost),
            totals: self.totals(),
            events: std::mem::take(&mut self.events),
            iterations: iterations.ended - self.iterations.ended,
            iterations_failed: iterations.failed - self.iterations.failed,
        };
        self.iterations = iterations;
        self.closed_ns = end_ns;
        let mut snapshot = self.window.close(facts);
        snapshot.steering = self.asked.steering_at(end_ns);
        self.fold.add(&snapshot);
        if let Some(threshold) = self.fold.ended_by() {
            // The first one stays.
            let _ = self.broken.set(threshold);
        }
        Arc::new(snapshot)
    }

    /// Hands a second to whoever shows it at once, if anybody does.
    fn show(&self, snapshot: &Arc<Snapshot>) {
        if let Some(live) = &self.live {
            live(Arc::clone(snapshot));
        }
    }

    /// Hands a second to the watchers, if they have room for it. Waiting for them would stop the measuring, and keeping what they
    /// do not take would fill the memory: the run's figures have the second in any case.
    fn hand_out(&mut self, snapshot: Arc<Snapshot>) {
        let at_s = snapshot.at_s;
        self.show(&snapshot);
        match self.watchers.try_send(snapshot) {
            Err(TrySendError::Full(_)) => {
                if self.unwatched == 0 {
                    let text = "the disk is too slow for the results: from here on seconds are left out of them; the figures of \
                                the whole run have them";
                    self.warn(at_s, text.to_owned());
                }
                self.unwatched += 1;
            }
            // A watcher that has gone away is no reason to stop measuring.
            Ok(()) | Err(TrySendError::Disconnected(_)) => {
                let left_out = std::mem::take(&mut self.unwatched);
                if left_out > 0 {
                    let text = format!(
                        "the disk has caught up; seconds left out of the results: {left_out}"
                    );
                    self.warn(at_s, text);
                }
            }
        }
    }

    /// Hands the records of this second to whoever keeps them, and says it the first time that some found no room.
    fn hand_on_records(&mut self, end_ns: u64) {
        let left_out = self.recording.as_mut().map_or(0, Recording::flush);
        if left_out > 0 && !self.left_out_told {
            self.left_out_told = true;
            let text = "the disk is too slow for the record of every request: from here on some are left out of it and counted; \
                        the figures of the run have them";
            self.warn(end_ns as f64 / 1e9, text.to_owned());
        }
    }

    fn warn(&mut self, at_s: f64, text: String) {
        self.events.push(Event {
            at_s,
            kind: EventKind::Warning,
            text,
        });
    }

    /// Says so when records of other things than requests found no room: what they stand for is counted by the workers, and is
    /// missing from the seconds.
    fn tell_lost_others(&mut self, end_ns: u64) {
        let workers = 0..self.feeds.len();
        let lost: u64 = workers
            .map(|worker| {
                self.transport
                    .worker(worker)
                    .lost_others
                    .load(Ordering::Relaxed)
            })
            .sum();
        if lost > self.lost_others_told {
            let more = lost - self.lost_others_told;
            let records = if more == 1 { "record" } else { "records" };
            self.events.push(Event {
                at_s: end_ns as f64 / 1e9,
                kind: EventKind::Warning,
                text: format!(
                    "{more} {records} of arrivals not sent, groups or metrics found no room on the way to the supervisor: \
                     the totals are whole, the seconds and figures they belong to are not"
                ),
            });
            self.lost_others_told = lost;
        }
    }

    /// Most users alive and asked for at any look within the window: at its very end they may all have left.
    fn look_at_users(&mut self, now_ns: u64) {
        let (mut active, mut in_flight) = (0, 0);
        for (worker, feed) in self.feeds.iter().enumerate() {
            if !feed.gone {
                let control = self.transport.worker(worker);
                active += control.active_users.load(Ordering::Relaxed);
                in_flight += control.in_flight.load(Ordering::Relaxed);
            }
        }
        self.users.active = self.users.active.max(active);
        self.users.in_flight = in_flight;
        if self.transport.control().phase() == RunPhase::Running {
            self.users.target = self.users.target.max(self.asked.users_at(now_ns));
        }
    }

    fn iterations_so_far(&self) -> Iterations {
        let mut iterations = Iterations::default();
        for worker in 0..self.feeds.len() {
            let control = self.transport.worker(worker);
            iterations.ended += control.iterations.load(Ordering::Relaxed);
            iterations.failed += control.iterations_failed.load(Ordering::Relaxed);
        }
        iterations
    }

    /// Counts since the start; `ok` and `failed` are filled in by the window, which alone knows them.
    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for (worker, feed) in self.feeds.iter().enumerate() {
            let control = self.transport.worker(worker);
            let submitted = control.submitted.load(Ordering::Relaxed);
            let lost = control.lost.load(Ordering::Relaxed);
            let mut not_sent = control.not_sent.load(Ordering::Relaxed);
            if feed.lost {
                let begun = control.arrivals.load(Ordering::Relaxed);
                not_sent += feed.arrivals_owed.saturating_sub(begun);
            }
            // A worker killed between two of its counters leaves them one apart: what it did is what counts.
            totals.intended += match feed.lost {
                true => submitted + not_sent,
                false => control.intended.load(Ordering::Relaxed),
            };
            totals.not_sent += not_sent;
            totals.sent += submitted;
            totals.lost += lost;
            if feed.lost {
                totals.unknown += submitted.saturating_sub(feed.drained + lost);
            }
        }
        totals
    }
}

#[cfg(test)]
#[path = "aggregator_test.rs"]
mod tests;
