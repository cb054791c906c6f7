//! Requests on their way: connects, sends, retries, time limits. The wire and the desk together.
//! Neighbours: `client.rs` calls from users' tasks, `driver.rs` from between them. Invariant: runs only in a user's
//! own task or between turns, never inside a turn of the wire.

use super::{
    desk::{Desk, Stage, error_words},
    limiter::Limiter,
    seat::Flight,
    sources::Sources,
    timers::Due,
};
use crate::{
    http1::{Keep, render_head},
    wire::{ConnId, Outgoing, Wire},
};
use bytes::Bytes;
use loadforge_ring::FLAG_RETRIED;
use loadforge_scenarios::{Body, ErrorKind, Failure, Request, Response};
use std::{net::SocketAddr, rc::Rc, sync::atomic::Ordering, task::Poll};

/// Bodies up to this size travel behind their head in one piece; larger ones are not copied.
const JOINED_BODY_BYTES: usize = 16 * 1024;

/// How long a user waits for a refusal that has gone on after many of them.
const REFUSAL_DELAY_NS: u64 = 10_000_000;

/// An origin, ready for use.
pub struct Destination {
    /// What stands in the Host header.
    pub authority: String,
    /// How it is named in error details.
    pub label: String,
    /// Where it is; the first that worked stands first.
    pub addresses: Vec<SocketAddr>,
}

/// A worker's core: its wire and its books.
pub struct Core<W> {
    /// Sockets.
    pub wire: W,
    /// Books.
    pub desk: Desk,
    /// By origin.
    pub destinations: Vec<Destination>,
    /// Where connections are made from.
    pub sources: Sources,
    /// By fixed id: the request as bytes, with a body that is not copied.
    pub rendered: Vec<Option<(Rc<[u8]>, Bytes)>>,
    /// Time limit of a request that has none of its own, ns.
    pub time_limit_ns: u64,
    /// Requests that may be sent over all workers, if bounded.
    pub max_requests: Option<u64>,
    /// Bounds the requests a second, over all workers.
    pub limiter: Option<Limiter>,
}

impl<W: Wire> Core<W> {
    /// Begins a request for the user of this seat.
    pub fn submit(&mut self, index: u32, request: &Request) {
        self.desk.close_record(index);
        assert!(
            !self.desk.seats[index as usize].flight.is_under_way(),
            "a seat has one request under way at most"
        );
        let now_ns = self.desk.epoch.now_ns();
        if let Some(limiter) = self.limiter {
            let state = &self.desk.transport.control().rate_limiter;
            let turn_ns = limiter.take_turn(state, now_ns);
            if turn_ns > now_ns {
                self.desk.seats[index as usize].flight = Flight::Held(turn_ns);
                self.desk.timers.arm(turn_ns, index, Due::Turn);
                return;
            }
        }
        self.begin(index, request, now_ns);
    }

    /// A request that waits for its turn: begins it when that has come.
    fn poll_held(&mut self, index: u32, request: &Request, turn_ns: u64) {
        let now_ns = self.desk.epoch.now_ns();
        if now_ns < turn_ns && !self.is_refused(index) {
            return;
        }
        let seat = &mut self.desk.seats[index as usize];
        seat.flight = Flight::None;
        // In the closed model it is due when its turn comes: the wait is what was asked for. An arrival was due before.
        if !seat.arrival_open {
            seat.ready_ns = turn_ns.min(now_ns);
        }
        self.begin(index, request, now_ns);
    }

    /// Whether the run has gone too far for a request of this seat.
    fn is_refused(&self, index: u32) -> bool {
        let in_teardown = self.desk.seats[index as usize].in_teardown;
        self.desk.stage == Stage::Ending || (self.desk.stage == Stage::Draining && !in_teardown)
    }

    fn begin(&mut self, index: u32, request: &Request, now_ns: u64) {
        let refused = self.is_refused(index);
        if refused || !self.take_one_of_max() {
            let mut told_ns = now_ns;
            if self.desk.tell_to_stop(index) {
                told_ns += REFUSAL_DELAY_NS;
                self.desk.timers.arm(told_ns, index, Due::Turn);
            }
            let seat = &mut self.desk.seats[index as usize];
            seat.flight = Flight::Refused(told_ns);
            // What comes after the last request that may be sent was never asked for.
            let (part, due_ns) = (seat.part, seat.ready_ns);
            if self.desk.settle_arrival(index) && refused {
                self.desk.book_not_sent(part, due_ns, 1);
            }
            return;
        }
        let origin = self.origin(index, request);
        self.desk.open_record(index, request, now_ns);
        let seat = &mut self.desk.seats[index as usize];
        seat.addresses_tried = 0;
        seat.idempotent = request.method.is_idempotent();
        let limit_ns = request.time_limit_ns.unwrap_or(self.time_limit_ns);
        seat.limit_ns = now_ns.saturating_add(limit_ns);
        let keep = Keep {
            head: request.keep_head,
            body: request.keep_body,
        };
        seat.reader.begin(request.method, keep);
        match seat.connections.get(origin).copied().flatten() {
            Some(conn) if self.wire.is_open(conn) => {
                seat.on_reused_connection = true;
                self.send(index, conn, request);
            }
            _ => self.connect(index, request, now_ns),
        }
        self.desk.arm_limit(index);
    }

    /// The origin of the seat's request, among those of all scenarios.
    fn origin(&self, index: u32, request: &Request) -> usize {
        let part = usize::from(self.desk.seats[index as usize].part);
        usize::from(self.desk.parts[part].origins_before + request.origin.0)
    }

    /// Takes one request out of the run's whole, if that is bounded.
    fn take_one_of_max(&self) -> bool {
        let taken = &self.desk.transport.control().requests_taken;
        // Relaxed: the count alone decides.
        self.max_requests
            .is_none_or(|max| taken.fetch_add(1, Ordering::Relaxed) < max)
    }

    /// What the user's task does when it is polled while its request is under way.
    pub fn poll_response(
        &mut self,
        index: u32,
        request: &Request,
        response: &mut Response,
    ) -> Poll<Result<(), Failure>> {
        match self.desk.seats[index as usize].flight {
            Flight::Held(turn_ns) => self.poll_held(index, request, turn_ns),
            // Collected by the next poll: a task that asks again and again, and never waits, would keep the worker from its
            // own end.
            Flight::Refused(told_ns) => {
                if told_ns <= self.desk.epoch.now_ns() {
                    let seat = &mut self.desk.seats[index as usize];
                    seat.flight = Flight::Done(Err(Failure::stopped()));
                    seat.wake();
                }
                return Poll::Pending;
            }
            _ => {}
        }
        let origin = self.origin(index, request);
        let seat = &mut self.desk.seats[index as usize];
        match std::mem::take(&mut seat.flight) {
            Flight::Done(result) => {
                if result.is_ok() {
                    seat.reader.swap_response(response);
                    response.set_took_ns(seat.record.done_ns - seat.record.sent_ns);
                    self.drop_unfinished_send(index, request);
                }
                return Poll::Ready(result);
            }
            Flight::Connected(conn) => {
                seat.flight = Flight::Connecting(conn);
                seat.on_reused_connection = false;
                let addresses = &mut self.destinations[origin].addresses;
                let tried = seat.addresses_tried as usize % addresses.len();
                addresses.swap(0, tried);
                self.send(index, conn, request);
            }
            Flight::ConnectFailed(errno) => {
                seat.flight = Flight::ConnectFailed(errno);
                self.try_next_address(index, request, errno);
            }
            Flight::Retry => {
                seat.flight = Flight::Retry;
                seat.record.flags |= FLAG_RETRIED;
                self.connect(index, request, self.desk.now_ns);
            }
            underway => seat.flight = underway,
        }
        // A failure on the spot is collected by the next poll, for which `finish` has woken the task.
        Poll::Pending
    }

    /// An answer that came before its request was out: the connection cannot be used again.
    fn drop_unfinished_send(&mut self, index: u32, request: &Request) {
        let place = self.origin(index, request);
        let seat = &mut self.desk.seats[index as usize];
        if let Some(conn) = seat.connections.get(place).copied().flatten()
            && !self.wire.is_sent(conn)
        {
            seat.connections[place] = None;
            self.wire.close(conn);
        }
    }

    fn connect(&mut self, index: u32, request: &Request, now_ns: u64) {
        let origin = self.origin(index, request);
        let destination = &self.destinations[origin];
        let tried = self.desk.seats[index as usize].addresses_tried as usize;
        let address = destination.addresses[tried % destination.addresses.len()];
        let source = self.sources.next_for(address);
        match self.wire.connect(address, source) {
            Ok(conn) => {
                let desk = &mut self.desk;
                let slot = conn.slot as usize;
                if desk.owners.len() <= slot {
                    desk.owners.resize(slot + 1, (0, 0));
                }
                desk.owners[slot] = (index, origin as u16);
                let seat = &mut desk.seats[index as usize];
                if seat.connections.len() <= origin {
                    seat.connections.resize(origin + 1, None);
                }
                seat.connections[origin] = Some(conn);
                seat.connecting_since_ns = now_ns;
                seat.flight = Flight::Connecting(conn);
            }
            Err(error) => {
                let detail = match error.raw_os_error() {
                    Some(errno) => error_words("no socket could be made", errno),
                    None => format!("no socket could be made: {error}"),
                };
                self.fail(index, Failure::new(ErrorKind::Generator, detail));
            }
        }
    }

    fn try_next_address(&mut self, index: u32, request: &Request, errno: i32) {
        let Destination {
            label, addresses, ..
        } = &self.destinations[self.origin(index, request)];
        let seat = &mut self.desk.seats[index as usize];
        seat.addresses_tried += 1;
        if (seat.addresses_tried as usize) < addresses.len() {
            let now_ns = self.desk.now_ns;
            return self.connect(index, request, now_ns);
        }
        let failure = if errno == libc::EADDRNOTAVAIL {
            let detail =
                format!("no local port left to {label}: give more addresses by --source-ip");
            Failure::new(ErrorKind::Generator, detail)
        } else {
            let what = format!("connecting to {label}");
            Failure::new(ErrorKind::Connect, error_words(&what, errno))
        };
        self.fail(index, failure);
    }

    /// Ends a request whose flight stands at some stage before `Done`.
    fn fail(&mut self, index: u32, failure: Failure) {
        let now_ns = self.desk.epoch.now_ns();
        let seat = &mut self.desk.seats[index as usize];
        if !seat.flight.is_under_way() {
            seat.flight = Flight::Retry;
        }
        self.desk.finish(index, now_ns, Err(failure));
    }

    fn send(&mut self, index: u32, conn: ConnId, request: &Request) {
        let (head, body) = match self.outgoing(index, conn, request) {
            Ok(outgoing) => outgoing,
            Err(failure) => return self.fail(index, failure),
        };
        let bytes_out = head.as_bytes().len() + body.len();
        self.wire.send(conn, head, body);
        let seat = &mut self.desk.seats[index as usize];
        // Added, because a request that is sent again leaves twice.
        let bytes_out = u32::try_from(bytes_out).unwrap_or(u32::MAX);
        seat.record.bytes_out = seat.record.bytes_out.saturating_add(bytes_out);
        seat.flight = Flight::Sent(conn);
    }

    /// The request as bytes: rendered once if it never changes, else into the connection's own buffer.
    fn outgoing(
        &mut self,
        index: u32,
        conn: ConnId,
        request: &Request,
    ) -> Result<(Outgoing, Bytes), Failure> {
        let authority = &self.destinations[self.origin(index, request)].authority;
        let Some(id) = request.fixed else {
            let mut buffer = self.wire.spare(conn);
            let body = render(request, authority, &mut buffer)?;
            return Ok((Outgoing::Once(buffer), body));
        };
        let part = usize::from(self.desk.seats[index as usize].part);
        let place = &mut self.rendered[(self.desk.parts[part].fixed_before + id.0) as usize];
        if place.is_none() {
            let mut buffer = Vec::new();
            let body = render(request, authority, &mut buffer)?;
            *place = Some((Rc::from(buffer), body));
        }
        match place {
            Some((head, body)) => Ok((Outgoing::Fixed(Rc::clone(head)), body.clone())),
            None => unreachable!("it was rendered just above"),
        }
    }

    /// Looks at a seat whose limit timer has fired: ends the request, or moves the timer on to a later one.
    pub fn fire_limit(&mut self, index: u32, deadline_ns: u64, now_ns: u64) {
        let seat = &mut self.desk.seats[index as usize];
        if deadline_ns != seat.limit_timer_ns {
            // An earlier one has been armed since, or another user sits here: this entry is dead.
            return;
        }
        seat.limit_timer_ns = u64::MAX;
        if !seat.flight.is_under_way() {
            return;
        }
        if seat.limit_ns > now_ns {
            return self.desk.arm_limit(index);
        }
        let limit = std::time::Duration::from_nanos(seat.limit_ns - seat.record.sent_ns);
        let detail = match &seat.flight {
            Flight::Sent(_) if seat.reader.has_begun() => {
                format!("the answer was not whole within {limit:?}")
            }
            Flight::Sent(_) => format!("no answer within {limit:?}"),
            _ => format!("no connection within {limit:?}"),
        };
        self.cut(index, Failure::new(ErrorKind::Timeout, detail), now_ns);
    }

    /// Ends the seat's request from outside and closes its connection.
    pub fn cut(&mut self, index: u32, failure: Failure, now_ns: u64) {
        let seat = &mut self.desk.seats[index as usize];
        if !seat.flight.is_under_way() {
            return;
        }
        if let Flight::Connecting(conn) | Flight::Connected(conn) | Flight::Sent(conn) = seat.flight
        {
            let (_, origin) = self.desk.owners[conn.slot as usize];
            seat.connections[usize::from(origin)] = None;
            self.wire.close(conn);
        }
        self.desk.finish(index, now_ns, Err(failure));
    }

    /// A user's own code panicked: whatever it had under way is given up, and its connection with it.
    pub fn after_panic(&mut self, index: u32, place: &str) {
        let now_ns = self.desk.epoch.now_ns();
        self.cut(
            index,
            Failure::new(ErrorKind::Panic, "the scenario panicked meanwhile"),
            now_ns,
        );
        self.desk.close_record(index);
        self.desk.note_panic(index, place);
        self.desk.settle_arrival(index);
        let seat = &mut self.desk.seats[index as usize];
        seat.flight = Flight::None;
        seat.sleep_until_ns = None;
    }

    /// The user of this seat has left: its connections go with it.
    pub fn vacate(&mut self, index: u32) {
        self.desk.close_record(index);
        self.desk.stop_idling(index);
        self.desk.has_arrived(index);
        let seat = &mut self.desk.seats[index as usize];
        seat.occupied = false;
        seat.waker = None;
        for conn in seat.connections.iter_mut().filter_map(Option::take) {
            self.wire.close(conn);
        }
    }

    /// Begins a sleep of the seat's user, or tells that it is over. Sleeps end early when the user is to leave, but never
    /// within the poll that begins them: a task that sleeps in a loop would keep the worker from its own end.
    pub fn sleep_is_over(&mut self, index: u32, until_ns: u64) -> bool {
        self.desk.close_record(index);
        let leaving = self.desk.is_leaving(index);
        let now_ns = self.desk.now_ns;
        let seat = &mut self.desk.seats[index as usize];
        let begun = seat.sleep_until_ns == Some(until_ns);
        let cut_short = begun && leaving && !seat.sleeps_in_full;
        if (begun && seat.sleep_over) || cut_short || until_ns <= now_ns {
            seat.sleep_until_ns = None;
            seat.sleep_over = false;
            // The user meant to act at that moment, or when it was told to leave; what comes later is the generator's lag.
            seat.ready_ns = until_ns.min(now_ns);
            return true;
        }
        if !begun {
            seat.sleep_token = seat.sleep_token.wrapping_add(1);
            seat.sleep_until_ns = Some(until_ns);
            seat.sleep_over = false;
            let token = seat.sleep_token;
            let in_full = leaving && self.desk.tell_to_stop(index);
            let seat = &mut self.desk.seats[index as usize];
            seat.sleeps_in_full = in_full;
            if leaving && !in_full {
                seat.wake();
            } else {
                self.desk.timers.arm(until_ns, index, Due::Sleep(token));
            }
        }
        false
    }

    /// Fires every timer whose time has come; gives the time, in ns since the epoch.
    pub fn fire_timers(&mut self) -> u64 {
        let now_ns = self.desk.epoch.now_ns();
        self.desk.now_ns = now_ns;
        while let Some((deadline_ns, index, due)) = self.desk.timers.pop_due(now_ns) {
            match due {
                Due::Sleep(token) => self.desk.fire_sleep(index, token),
                Due::Turn => self.desk.fire_turn(index),
                Due::Limit => self.fire_limit(index, deadline_ns, now_ns),
            }
        }
        now_ns
    }
}

/// Renders head and, if it is small, body into `buffer`; a large shared body is returned to be sent behind it.
fn render(request: &Request, authority: &str, buffer: &mut Vec<u8>) -> Result<Bytes, Failure> {
    render_head(request, authority, buffer)?;
    match &request.body {
        Body::Shared(body) if body.len() > JOINED_BODY_BYTES => Ok(body.clone()),
        body => {
            buffer.extend_from_slice(body.as_bytes());
            Ok(Bytes::new())
        }
    }
}
