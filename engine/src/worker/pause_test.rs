//! A pause as users of the closed model see it: who is ready waits, in the same seat, and is ready anew when it ends.

use super::rows_test::client;
use loadforge_ring::{Capacity, Transport};
use loadforge_scenarios::{Client, Seat as SeatId};
use std::task::{Context, Poll, Waker};

#[test]
fn a_user_that_is_ready_in_a_pause_begins_when_it_ends_and_was_due_then() {
    let transport = Transport::channel(1, Capacity::default());
    let client = client(0, &transport);
    let cx = &mut Context::from_waker(Waker::noop());
    let ready = |ns| {
        let desk = &mut client.0.borrow_mut().desk;
        desk.now_ns = ns;
        let seat = &mut desk.seats[0];
        (seat.ready_ns, seat.waited) = (ns, true);
    };
    ready(100);
    assert_eq!(client.poll_iteration(SeatId(0), cx), Poll::Ready(true));
    client.0.borrow_mut().desk.set_paused(true, 150);
    ready(200);
    assert_eq!(client.poll_iteration(SeatId(0), cx), Poll::Pending);
    assert_eq!(client.poll_iteration(SeatId(0), cx), Poll::Pending);
    client.0.borrow_mut().desk.set_paused(false, 900);
    assert_eq!(client.poll_iteration(SeatId(0), cx), Poll::Ready(true));
    let due_ns = client.0.borrow().desk.seats[0].ready_ns;
    assert_eq!(due_ns, 900, "the pause is no latency");
}

#[test]
fn a_user_that_is_to_leave_leaves_a_pause_and_one_of_the_open_model_has_none() {
    let transport = Transport::channel(1, Capacity::default());
    let client = client(0, &transport);
    let cx = &mut Context::from_waker(Waker::noop());
    client.0.borrow_mut().desk.set_paused(true, 1);
    client.0.borrow_mut().desk.seats[0].waited = true;
    assert_eq!(client.poll_iteration(SeatId(0), cx), Poll::Pending);
    client.0.borrow_mut().desk.seats[0].retiring = true;
    assert_eq!(client.poll_iteration(SeatId(0), cx), Poll::Ready(false));
    {
        let desk = &mut client.0.borrow_mut().desk;
        desk.parts[1].is_open = true;
        (desk.seats[0].retiring, desk.seats[0].waited) = (false, true);
        desk.seats[0].arrival_ns = Some(7);
        desk.arrivals_open = 1;
    }
    assert_eq!(client.poll_iteration(SeatId(0), cx), Poll::Ready(true));
}
