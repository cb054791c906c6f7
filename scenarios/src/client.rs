//! The face through which a user acts on the world. The engine implements it on the wire, a dry run by
//! printing, tests in memory. Neighbours: `user.rs` is the only caller.
//! Invariant: a seat has at most one request and one sleep under way.

use crate::{Failure, MetricId, MetricKind, NameId, Request, Response};
use std::task::{Context, Poll};

/// Where a virtual user sits in its client: the client's own index, reused after the user has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seat(pub u32);

/// Under which id a group of requests is counted, as `Client::group_id` gave it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupId(pub u32);

/// Which data feed of its scenario a row is taken from: an index into `Scenario::feeds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeedId(pub u16);

/// What carries out a user's wishes. All times are ns since the run's epoch, on a monotonic clock.
///
/// Poll-based and dyn-safe, so that a call costs no allocation and scenarios need not know the engine.
pub trait Client {
    /// The time now.
    fn now_ns(&self) -> u64;

    /// The id under which requests of this name are counted.
    fn name_id(&self, name: &str) -> NameId;

    /// Ready when the user may begin its next iteration (`true`), or is to leave (`false`).
    fn poll_iteration(&self, seat: Seat, cx: &mut Context<'_>) -> Poll<bool>;

    /// The iteration that the last `poll_iteration` began has ended.
    fn end_iteration(&self, seat: Seat, failed: bool);

    /// Whether the user is to begin nothing new. Once it tidies up, only the end of the run hurries it.
    fn is_leaving(&self, seat: Seat) -> bool;

    /// From now on the user only tidies up: requests are sent even while the run drains.
    fn begin_teardown(&self, seat: Seat);

    /// Begins a request. Its record stays open until the seat's next call, so that `judge` can still amend it.
    fn submit(&self, seat: Seat, request: &Request);

    /// Ready when the answer is whole, or the request failed on its way. `request` is the one submitted: it may have to
    /// be written again, to a new connection. The response's buffers are filled in place.
    fn poll_response(
        &self,
        seat: Seat,
        request: &Request,
        response: &mut Response,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>>;

    /// The scenario's judgement of the last answer: replaces whatever was said before.
    fn judge(&self, seat: Seat, failure: Option<&Failure>);

    /// Something failed that no request can carry, such as a variable without a value.
    fn note_failure(&self, seat: Seat, failure: &Failure);

    /// The id under which a group of requests is counted.
    fn group_id(&self, name: &str) -> GroupId;

    /// A group of requests has ended: it began at `begun_ns` and ends now.
    fn record_group(&self, seat: Seat, group: GroupId, begun_ns: u64, failed: bool);

    /// The id under which a metric of the scenario's own is counted.
    fn metric_id(&self, kind: MetricKind, name: &str) -> MetricId;

    /// Adds a value to a metric of the scenario's own.
    fn record_metric(&self, seat: Seat, metric: MetricId, value: f64);

    /// Takes the number of the next row of a data feed: counted from 0, and given out once in the whole run, whatever
    /// worker asks.
    fn take_row(&self, seat: Seat, feed: FeedId) -> u64;

    /// Ends the run as its planned end would: the scenario has nothing left to do. `why` is told to people.
    fn end_run(&self, seat: Seat, why: &str);

    /// Ready at `until_ns`, or earlier when the user is to leave; never earlier for another reason, because an early end
    /// is how `User::sleep` learns of the leave. A user that goes on all the same may have to sleep in full: `is_leaving`
    /// tells then.
    fn poll_sleep(&self, seat: Seat, until_ns: u64, cx: &mut Context<'_>) -> Poll<()>;
}
