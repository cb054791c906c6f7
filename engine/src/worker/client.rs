//! The `Client` that virtual users speak through, on the wire. Neighbours: `exchange.rs` does the work.
//! Invariant: the core is borrowed only within a call, never while a user's code runs.

use super::exchange::Core;
use crate::wire::Wire;
use loadforge_ring::{TextKind, raise};
use loadforge_scenarios::{
    Client, Failure, FeedId, GroupId, MetricId, MetricKind, NameId, Request, Response, Seat,
};
use std::{
    cell::RefCell,
    rc::Rc,
    task::{Context, Poll},
};

/// A worker's core as its users see it.
pub struct WireClient<W>(pub Rc<RefCell<Core<W>>>);

impl<W: Wire> Client for WireClient<W> {
    fn now_ns(&self) -> u64 {
        self.0.borrow().desk.epoch.now_ns()
    }

    fn name_id(&self, name: &str) -> NameId {
        let desk = &mut self.0.borrow_mut().desk;
        NameId(desk.static_names + desk.texts.intern(TextKind::Name, 0, name).0)
    }

    fn poll_iteration(&self, seat: Seat, cx: &mut Context<'_>) -> Poll<bool> {
        let desk = &mut self.0.borrow_mut().desk;
        desk.close_record(seat.0);
        let place = &mut desk.seats[seat.0 as usize];
        if !place.waited {
            // An iteration that waited for nothing would keep the worker from everything else.
            place.waited = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let given = place.arrival_ns.is_some();
        let ready_ns = place.ready_ns;
        if desk.is_leaving(seat.0) && !given {
            desk.stop_idling(seat.0);
            return Poll::Ready(false);
        }
        let is_open = desk.parts[usize::from(desk.seats[seat.0 as usize].part)].is_open;
        if desk.paused && !is_open {
            let place = &mut desk.seats[seat.0 as usize];
            place.parked = true;
            place.keep_waker(cx);
            return Poll::Pending;
        }
        let due_ns = if is_open {
            desk.take_arrival(seat.0)
        } else if ready_ns == 0 {
            Some(desk.now_ns)
        } else {
            Some(ready_ns)
        };
        let place = &mut desk.seats[seat.0 as usize];
        let Some(due_ns) = due_ns else {
            place.keep_waker(cx);
            return Poll::Pending;
        };
        place.waited = false;
        place.has_begun = true;
        // 0 means "not known"; an arrival at the very start is a ns late.
        place.ready_ns = due_ns.max(1);
        Poll::Ready(true)
    }

    fn end_iteration(&self, seat: Seat, failed: bool) {
        let core = &mut *self.0.borrow_mut();
        core.desk.settle_arrival(seat.0);
        let control = core.desk.control();
        raise(&control.iterations, 1);
        if failed {
            raise(&control.iterations_failed, 1);
        }
    }

    fn is_leaving(&self, seat: Seat) -> bool {
        self.0.borrow().desk.is_leaving(seat.0)
    }

    fn begin_teardown(&self, seat: Seat) {
        let desk = &mut self.0.borrow_mut().desk;
        // Due now, whatever the user did last.
        let now_ns = desk.epoch.now_ns();
        let place = &mut desk.seats[seat.0 as usize];
        (place.in_teardown, place.ready_ns) = (true, now_ns.max(1));
    }

    fn submit(&self, seat: Seat, request: &Request) {
        self.0.borrow_mut().submit(seat.0, request);
    }

    fn poll_response(
        &self,
        seat: Seat,
        request: &Request,
        response: &mut Response,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        let core = &mut *self.0.borrow_mut();
        // First, because a failure on the spot wakes whoever waits.
        core.desk.seats[seat.0 as usize].keep_waker(cx);
        let polled = core.poll_response(seat.0, request, response);
        core.desk.seats[seat.0 as usize].waited |= polled.is_pending();
        polled
    }

    fn judge(&self, seat: Seat, failure: Option<&Failure>) {
        self.0.borrow_mut().desk.judge(seat.0, failure);
    }

    fn note_failure(&self, _: Seat, failure: &Failure) {
        self.0.borrow_mut().desk.note_failure(failure);
    }

    fn group_id(&self, name: &str) -> GroupId {
        let desk = &mut self.0.borrow_mut().desk;
        GroupId(desk.texts.intern(TextKind::Group, 0, name).0)
    }

    fn record_group(&self, seat: Seat, group: GroupId, begun_ns: u64, failed: bool) {
        let desk = &mut self.0.borrow_mut().desk;
        desk.record_group(seat.0, group, begun_ns, failed);
    }

    fn metric_id(&self, kind: MetricKind, name: &str) -> MetricId {
        let desk = &mut self.0.borrow_mut().desk;
        MetricId(desk.texts.intern(TextKind::Metric, kind as u8, name).0)
    }

    fn record_metric(&self, seat: Seat, metric: MetricId, value: f64) {
        self.0
            .borrow_mut()
            .desk
            .record_metric(seat.0, metric, value);
    }

    fn take_row(&self, seat: Seat, feed: FeedId) -> u64 {
        self.0.borrow().desk.take_row(seat.0, feed)
    }

    fn end_run(&self, seat: Seat, why: &str) {
        self.0.borrow_mut().desk.end_run(seat.0, why);
    }

    fn poll_sleep(&self, seat: Seat, until_ns: u64, cx: &mut Context<'_>) -> Poll<()> {
        let core = &mut *self.0.borrow_mut();
        // First, because a sleep that is cut short as it begins wakes whoever waits.
        core.desk.seats[seat.0 as usize].keep_waker(cx);
        if core.sleep_is_over(seat.0, until_ns) {
            return Poll::Ready(());
        }
        core.desk.seats[seat.0 as usize].waited = true;
        Poll::Pending
    }
}
