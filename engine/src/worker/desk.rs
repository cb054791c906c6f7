//! Everything of a worker that is not the wire: seats, timers, records, the control page. Events of the wire are
//! handled here, without the wire at hand. Neighbours: `exchange.rs` combines it with the wire.
//! Invariant: every request counted as submitted is recorded exactly once, when its record is closed.

use super::{
    seat::{Flight, Seat},
    timers::{Due, Timers},
};
use crate::{
    clock::Epoch,
    http1::Progress,
    wire::{Action, ConnId, Event},
};
use loadforge_ring::{
    FLAG_BYTES_SATURATED, FLAG_CONNECTED, RecordKind, RecordSink, RequestRecord, TextKind,
    TextWriter, Transport, WorkerControl, raise,
};
use loadforge_scenarios::{ErrorKind, Failure, FeedId, GroupId, MetricId, Request};
use std::{collections::VecDeque, sync::atomic::Ordering};

/// How often a user is told to stop without delay. One that goes on all the same is slowed down from then on, so that it
/// storms neither the target nor its worker.
const STOPS_WITHOUT_DELAY: u32 = 8;

/// Where the run stands, as this worker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Users work.
    Running,
    /// Users leave; requests in flight may finish.
    Draining,
    /// Whatever is still in flight is cut.
    Ending,
}

/// One scenario's part of a worker's books.
#[derive(Debug, Default)]
pub struct PartBooks {
    /// Names known before the run that other scenarios have in front of this one's.
    pub names_before: u32,
    /// How many names this scenario has.
    pub names: u32,
    /// Origins of the scenarios before this one.
    pub origins_before: u16,
    /// Fixed requests of the scenarios before this one.
    pub fixed_before: u32,
    /// Data feeds and counters of the scenarios before this one.
    pub feeds_before: u16,
    /// Whether arrivals set the pace.
    pub is_open: bool,
    /// Open model: seats whose users wait for an arrival, the last to come on top; some may have left since.
    pub idle: Vec<u32>,
    /// Open model: how many wait.
    pub idle_users: u64,
    /// Open model: users started that have not been ready for an arrival yet.
    pub on_their_way: u64,
    /// Open model: arrivals that came when nobody was idle, by their due times; whoever is ready first takes the oldest.
    pub waiting: VecDeque<u64>,
}

/// A worker's books.
pub struct Desk {
    /// This worker's index.
    pub worker: usize,
    /// Rings, control page and text tables.
    pub transport: Transport,
    /// Where records go.
    pub sink: RecordSink,
    /// Names and error details found at run time.
    pub texts: TextWriter,
    /// By scenario: where its names, origins and requests stand among those of all.
    pub parts: Vec<PartBooks>,
    /// Arrivals waiting for a user, or given to one that has not begun yet.
    pub arrivals_open: u64,
    /// Users' places.
    pub seats: Vec<Seat>,
    /// By connection slot: the seat that owns it, and the origin it leads to.
    pub owners: Vec<(u32, u16)>,
    /// Deadlines.
    pub timers: Timers,
    /// The run's clock.
    pub epoch: Epoch,
    /// The last time read, ns since the epoch.
    pub now_ns: u64,
    /// Where the run stands.
    pub stage: Stage,
    /// Users of the closed model begin no iteration.
    pub paused: bool,
    /// The control page has changed.
    pub rung: bool,
    /// Requests submitted and not ended.
    pub in_flight: u64,
    /// Names known before the run; later ones are counted behind them.
    pub static_names: u32,
}

impl Desk {
    /// This worker's lines of the control page.
    pub fn control(&self) -> &WorkerControl {
        self.transport.worker(self.worker)
    }

    /// Whether the user of this seat is to begin nothing new. One that tidies up has left that behind: only the end of the
    /// run hurries it.
    pub fn is_leaving(&self, seat: u32) -> bool {
        let seat = &self.seats[seat as usize];
        let is_asked = self.stage >= Stage::Draining || seat.retiring;
        self.stage == Stage::Ending || (is_asked && !seat.in_teardown)
    }

    /// Pauses users of the closed model, or lets them go on: those that wait have been ready since `from_ns`, when the pause ended.
    pub fn set_paused(&mut self, paused: bool, from_ns: u64) {
        self.paused = paused;
        if paused {
            return;
        }
        for seat in &mut self.seats {
            if std::mem::take(&mut seat.parked) {
                seat.ready_ns = from_ns.max(1);
                seat.wake();
            }
        }
    }

    /// The user of this seat is told to stop, by a refused request or a sleep cut short; true when it has gone on so often
    /// that it is to be slowed down.
    pub fn tell_to_stop(&mut self, seat: u32) -> bool {
        let stops = &mut self.seats[seat as usize].stops;
        *stops = stops.saturating_add(1);
        *stops > STOPS_WITHOUT_DELAY
    }

    /// Gives an arrival to a user that waits for one; false when nobody does.
    pub fn give_to_idle_user(&mut self, part: usize, due_ns: u64) -> bool {
        let books = &mut self.parts[part];
        while let Some(index) = books.idle.pop() {
            let seat = &mut self.seats[index as usize];
            // A user that has left, or another in its seat, may still stand in the list.
            if std::mem::take(&mut seat.idle) {
                books.idle_users -= 1;
                self.arrivals_open += 1;
                seat.arrival_ns = Some(due_ns);
                seat.wake();
                return true;
            }
        }
        false
    }

    /// Keeps an arrival for whoever is ready first; false when nobody is on its way for it and there is no `room` for
    /// another user.
    pub fn keep_waiting(&mut self, part: usize, due_ns: u64, room: u64) -> bool {
        let books = &mut self.parts[part];
        let is_hopeless = books.waiting.len() as u64 >= books.on_their_way + room;
        if !is_hopeless {
            books.waiting.push_back(due_ns);
            self.arrivals_open += 1;
        }
        !is_hopeless
    }

    /// How many arrivals wait for which no user is on its way.
    pub fn unattended(&self, part: usize) -> u64 {
        let books = &self.parts[part];
        (books.waiting.len() as u64).saturating_sub(books.on_their_way)
    }

    /// The user of this seat is ready for its first arrival, or has left.
    pub fn has_arrived(&mut self, index: u32) {
        let seat = &mut self.seats[index as usize];
        if std::mem::take(&mut seat.on_its_way) {
            self.parts[usize::from(seat.part)].on_their_way -= 1;
        }
    }

    /// Open model: the arrival that the user of this seat is to begin with; without one the user is idle from now on.
    pub fn take_arrival(&mut self, index: u32) -> Option<u64> {
        self.has_arrived(index);
        let seat = &mut self.seats[index as usize];
        let books = &mut self.parts[usize::from(seat.part)];
        let arrival = seat.arrival_ns.take().or_else(|| books.waiting.pop_front());
        match arrival {
            Some(_) => {
                if std::mem::take(&mut seat.idle) {
                    books.idle_users -= 1;
                }
                seat.arrival_open = true;
                self.arrivals_open -= 1;
            }
            None if !seat.idle => {
                seat.idle = true;
                books.idle_users += 1;
                books.idle.push(index);
            }
            None => {}
        }
        arrival
    }

    /// The user of this seat waits for no arrival any more.
    pub fn stop_idling(&mut self, index: u32) {
        let seat = &mut self.seats[index as usize];
        if std::mem::take(&mut seat.idle) {
            self.parts[usize::from(seat.part)].idle_users -= 1;
        }
    }

    /// Books arrivals that still wait for a user, or for their user to begin, as not sent.
    pub fn give_up_waiting(&mut self) {
        for part in 0..self.parts.len() {
            while let Some(due_ns) = self.parts[part].waiting.pop_front() {
                self.give_up_arrival(part as u8, due_ns);
            }
        }
        for index in 0..self.seats.len() {
            let part = self.seats[index].part;
            if let Some(due_ns) = self.seats[index].arrival_ns.take() {
                self.give_up_arrival(part, due_ns);
            }
        }
    }

    /// Drops arrivals that still wait for a user, or for their user to begin: the run is over for them without having
    /// asked for them.
    pub fn forget_waiting(&mut self) {
        self.parts.iter_mut().for_each(|part| part.waiting.clear());
        self.seats
            .iter_mut()
            .for_each(|seat| seat.arrival_ns = None);
        self.arrivals_open = 0;
    }

    /// The arrival that the user of this seat has begun with has got as far as it will: its request is sent, refused, or
    /// never came. Only now it counts as begun, so that what a killed worker had only waiting is found missing. False when
    /// that was settled before.
    pub fn settle_arrival(&mut self, index: u32) -> bool {
        let was_open = std::mem::take(&mut self.seats[index as usize].arrival_open);
        raise(&self.control().arrivals, u64::from(was_open));
        was_open
    }

    fn give_up_arrival(&mut self, part: u8, due_ns: u64) {
        self.arrivals_open -= 1;
        raise(&self.control().arrivals, 1);
        self.book_not_sent(part, due_ns, 1);
    }

    /// Books requests that were due in the second of `due_ns` and never begun.
    pub fn book_not_sent(&mut self, part: u8, due_ns: u64, count: u32) {
        let control = self.control();
        raise(&control.intended, u64::from(count));
        raise(&control.not_sent, u64::from(count));
        self.sink.push(&RequestRecord {
            intended_ns: due_ns,
            done_ns: self.now_ns.max(due_ns),
            bytes_in: count,
            kind: RecordKind::NotSent as u8,
            scenario: part,
            ..RequestRecord::default()
        });
    }

    /// Takes the number of the next row of a data feed, counted over all workers.
    pub fn take_row(&self, index: u32, feed: FeedId) -> u64 {
        let part = usize::from(self.seats[index as usize].part);
        let counter = usize::from(self.parts[part].feeds_before + feed.0);
        // Relaxed: the number alone is what workers agree on; rows do not change.
        self.transport.control().rows_taken[counter].fetch_add(1, Ordering::Relaxed)
    }

    /// The user of this seat has nothing left to do, and so nobody has: asks for the end of the run.
    pub fn end_run(&mut self, index: u32, why: &str) {
        if !self.transport.control().is_end_asked() {
            let reason = self.texts.intern(TextKind::EndReason, 0, why);
            self.control().set_end_reason(reason);
            self.transport.control().ask_for_end();
        }
        // What comes after the last row was never asked for.
        self.settle_arrival(index);
    }

    /// Opens the record of a request that is being submitted.
    pub fn open_record(&mut self, index: u32, request: &Request, now_ns: u64) {
        self.settle_arrival(index);
        let seat = &mut self.seats[index as usize];
        let books = &self.parts[usize::from(seat.part)];
        // Names given out at run time are the same for all scenarios.
        let name = match request.name.0 {
            own if own < books.names => books.names_before + own,
            shared => shared,
        };
        let intended_ns = if seat.ready_ns == 0 {
            now_ns
        } else {
            seat.ready_ns.min(now_ns)
        };
        seat.record = RequestRecord {
            intended_ns,
            sent_ns: now_ns,
            name,
            user: seat.user_id,
            scenario: seat.part,
            method: request.method as u8,
            kind: RecordKind::Request as u8,
            ..RequestRecord::default()
        };
        seat.detail = None;
        self.in_flight += 1;
        let control = self.control();
        raise(&control.intended, 1);
        raise(&control.submitted, 1);
    }

    /// The request of this seat has ended: completes its record and wakes the user.
    pub fn finish(&mut self, index: u32, now_ns: u64, result: Result<(), Failure>) {
        let seat = &mut self.seats[index as usize];
        debug_assert!(
            seat.flight.is_under_way(),
            "only a request under way can end"
        );
        seat.record.done_ns = now_ns.max(seat.record.sent_ns);
        seat.record.status = seat.reader.response().status();
        let bytes_in = seat.reader.bytes_in();
        seat.record.bytes_in = u32::try_from(bytes_in).unwrap_or(u32::MAX);
        if bytes_in > u64::from(u32::MAX) {
            seat.record.flags |= FLAG_BYTES_SATURATED;
        }
        seat.ready_ns = seat.record.done_ns;
        seat.record_open = true;
        if let Err(failure) = &result {
            seat.record.error = failure.kind as u8;
            seat.detail = Some(self.texts.intern(
                TextKind::ErrorDetail,
                failure.kind as u8,
                &failure.detail,
            ));
        }
        seat.flight = Flight::Done(result);
        seat.wake();
        self.in_flight -= 1;
    }

    /// The scenario's judgement of the last answer.
    pub fn judge(&mut self, index: u32, failure: Option<&Failure>) {
        let seat = &mut self.seats[index as usize];
        if !seat.record_open {
            return;
        }
        seat.record.error = failure.map_or(0, |failure| failure.kind as u8);
        // A status needs no words of its own: it stands in the record.
        seat.detail = failure
            .filter(|failure| failure.kind != ErrorKind::Status)
            .map(|failure| {
                self.texts
                    .intern(TextKind::ErrorDetail, failure.kind as u8, &failure.detail)
            });
    }

    /// Hands the seat's record over, if there is one: nothing more will be said about it.
    pub fn close_record(&mut self, index: u32) {
        let seat = &mut self.seats[index as usize];
        if !seat.record_open {
            return;
        }
        seat.record_open = false;
        // The words first: whoever sees the record finds them counted.
        if let Some(detail) = seat.detail.take() {
            self.texts.add(detail, 1);
        }
        self.sink.push(&seat.record);
    }

    /// A failure that no request carries: its words are counted, and nothing else. The last request may still be judged.
    pub fn note_failure(&mut self, failure: &Failure) {
        let text = self
            .texts
            .intern(TextKind::NotedFailure, failure.kind as u8, &failure.detail);
        self.texts.add(text, 1);
    }

    /// A group of requests that ends now. The last of its requests may still be judged: its record stays open.
    pub fn record_group(&mut self, index: u32, group: GroupId, begun_ns: u64, failed: bool) {
        let done_ns = self.epoch.now_ns();
        let seat = &self.seats[index as usize];
        self.sink.push(&RequestRecord {
            intended_ns: begun_ns,
            sent_ns: begun_ns,
            done_ns,
            name: group.0,
            user: seat.user_id,
            scenario: seat.part,
            error: if failed { ErrorKind::Check as u8 } else { 0 },
            kind: RecordKind::Group as u8,
            ..RequestRecord::default()
        });
    }

    /// A value of a metric, told now.
    pub fn record_metric(&mut self, index: u32, metric: MetricId, value: f64) {
        let now_ns = self.epoch.now_ns();
        let seat = &self.seats[index as usize];
        self.sink.push(&RequestRecord {
            intended_ns: now_ns,
            sent_ns: value.to_bits(),
            done_ns: now_ns,
            name: metric.0,
            user: seat.user_id,
            scenario: seat.part,
            kind: RecordKind::Metric as u8,
            ..RequestRecord::default()
        });
    }

    /// A panic in a user's own code, with its place; it fails the iteration, if there was one.
    pub fn note_panic(&mut self, index: u32, place: &str) {
        let text = self
            .texts
            .intern(TextKind::PanicPlace, ErrorKind::Panic as u8, place);
        self.texts.add(text, 1);
        let seat = &self.seats[index as usize];
        if seat.has_begun && !seat.in_teardown {
            raise(&self.control().iterations, 1);
            raise(&self.control().iterations_failed, 1);
        }
    }

    /// Wakes a user whose turn to send, or to hear that it may not, has come.
    pub fn fire_turn(&mut self, index: u32) {
        let seat = &self.seats[index as usize];
        if matches!(seat.flight, Flight::Held(_) | Flight::Refused(_)) {
            seat.wake();
        }
    }

    /// Ends a sleep whose time has come.
    pub fn fire_sleep(&mut self, index: u32, token: u32) {
        let seat = &mut self.seats[index as usize];
        if seat.sleep_token == token && seat.sleep_until_ns.is_some() && !seat.sleep_over {
            seat.sleep_over = true;
            seat.wake();
        }
    }

    /// Moves the seat's limit timer to its request's limit, if that has not been done by an earlier request.
    pub fn arm_limit(&mut self, index: u32) {
        let seat = &mut self.seats[index as usize];
        if seat.limit_timer_ns > seat.limit_ns {
            seat.limit_timer_ns = seat.limit_ns;
            self.timers.arm(seat.limit_ns, index, Due::Limit);
        }
    }

    /// Deals with an event of the wire.
    pub fn on_event(&mut self, event: Event<'_>, clock_ns: u64) -> Action {
        let now_ns = self.epoch.since_start_ns(clock_ns);
        self.now_ns = now_ns;
        match event {
            Event::Rung => {
                self.rung = true;
                Action::Keep
            }
            Event::Connected(conn) => self.on_connected(conn, now_ns),
            Event::ConnectFailed(conn, errno) => {
                let (index, origin) = self.owners[conn.slot as usize];
                let seat = &mut self.seats[index as usize];
                seat.connections[usize::from(origin)] = None;
                if matches!(seat.flight, Flight::Connecting(current) if current == conn) {
                    seat.flight = Flight::ConnectFailed(errno);
                    seat.wake();
                }
                Action::Close
            }
            Event::Data(conn, bytes) => self.on_data(conn, bytes, now_ns),
            Event::Closed(conn, errno) => {
                self.on_closed(conn, errno, now_ns);
                Action::Close
            }
        }
    }

    fn on_connected(&mut self, conn: ConnId, now_ns: u64) -> Action {
        let (index, _) = self.owners[conn.slot as usize];
        let seat = &mut self.seats[index as usize];
        match seat.flight {
            Flight::Connecting(current) if current == conn => {
                seat.record.flags |= FLAG_CONNECTED;
                let took_ns = now_ns.saturating_sub(seat.connecting_since_ns);
                seat.record.connect_us = micros(took_ns);
                seat.flight = Flight::Connected(conn);
                seat.wake();
                Action::Keep
            }
            // The request gave up on it in the meantime.
            _ => Action::Close,
        }
    }

    fn on_data(&mut self, conn: ConnId, bytes: &[u8], now_ns: u64) -> Action {
        let (index, origin) = self.owners[conn.slot as usize];
        let seat = &mut self.seats[index as usize];
        if !matches!(seat.flight, Flight::Sent(current) if current == conn) {
            // Nobody asked: the connection cannot be trusted with a request.
            seat.connections[usize::from(origin)] = None;
            if matches!(seat.flight, Flight::Connected(current) if current == conn) {
                let detail = "the server spoke before the request was sent";
                self.finish(
                    index,
                    now_ns,
                    Err(Failure::new(ErrorKind::Protocol, detail)),
                );
            }
            return Action::Close;
        }
        if !seat.reader.has_begun() {
            seat.record.first_byte_us = micros(now_ns.saturating_sub(seat.record.sent_ns));
        }
        let (result, action) = match seat.reader.feed(bytes) {
            Progress::More => return Action::Keep,
            Progress::Complete { reusable: true } => (Ok(()), Action::Keep),
            Progress::Complete { reusable: false } => (Ok(()), Action::Close),
            Progress::Failed(failure) => (Err(failure), Action::Close),
        };
        if action == Action::Close {
            seat.connections[usize::from(origin)] = None;
        }
        self.finish(index, now_ns, result);
        action
    }

    fn on_closed(&mut self, conn: ConnId, errno: Option<i32>, now_ns: u64) {
        let (index, origin) = self.owners[conn.slot as usize];
        let seat = &mut self.seats[index as usize];
        seat.connections[usize::from(origin)] = None;
        // A connection that stands may be closed before the user's task comes to send on it.
        let (Flight::Sent(current) | Flight::Connected(current)) = seat.flight else {
            return;
        };
        if current != conn {
            return;
        }
        let sent = matches!(seat.flight, Flight::Sent(_));
        if sent && seat.on_reused_connection && seat.idempotent && !seat.reader.has_begun() {
            seat.flight = Flight::Retry;
            seat.wake();
            return;
        }
        let result = match errno {
            Some(errno) => Err(Failure::new(
                ErrorKind::Reset,
                error_words("the connection broke", errno),
            )),
            None => match seat.reader.end_of_stream() {
                Progress::Complete { .. } => Ok(()),
                Progress::Failed(failure) => Err(failure),
                Progress::More => unreachable!("the end of a stream ends the answer"),
            },
        };
        self.finish(index, now_ns, result);
    }
}

/// µs for a record's phase, saturating.
pub fn micros(ns: u64) -> u32 {
    u32::try_from(ns / 1000).unwrap_or(u32::MAX)
}

/// An errno in the system's own words.
pub fn error_words(what: &str, errno: i32) -> String {
    let text = nix::errno::Errno::from_raw(errno).desc();
    format!("{what}: {}", text.to_lowercase())
}
