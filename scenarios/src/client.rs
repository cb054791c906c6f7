//! The face through which a user acts on the world. The engine implements it on the wire, a dry run by
//! printing, tests in memory. Neighbours: `user.rs` is the only caller.
//! Invariant: a seat has at most one request and one sleep under way.

use crate::{Failure, NameId, Request, Response};
use std::task::{Context, Poll};

/// Where a virtual user sits in its client: the client's own index, reused after the user has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seat(pub u32);

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

    /// Ready at `until_ns`, or earlier when the user is to leave; never earlier for another reason, because an early end
    /// is how `User::sleep` learns of the leave.
    fn poll_sleep(&self, seat: Seat, until_ns: u64, cx: &mut Context<'_>) -> Poll<()>;
}
