//! The turn rule: whoever is made runnable within a turn runs before the worker sleeps again. On both executors, with
//! a wire that has no sockets and counts its turns.

use super::*;
use crate::wire::{Action, ConnId, Event, Outgoing, Wait, WireCounts};
use bytes::Bytes;
use loadforge_ring::{Capacity, Share, Transport};
use loadforge_scenarios::{Demand, Origin, Pattern, User, UserFuture};
use nix::sys::eventfd::EventFd;
use std::{
    cell::Cell,
    future::poll_fn,
    io,
    net::SocketAddr,
    task::{Poll, Waker},
    time::Duration,
};

thread_local! {
    static TURNS: Cell<u64> = const { Cell::new(0) };
    static GIVEN_AT_TURN: Cell<Option<u64>> = const { Cell::new(None) };
    static TAKEN_AT_TURN: Cell<Option<u64>> = const { Cell::new(None) };
    static WAITING: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

/// Sleeps as a wire would, and counts.
pub(super) struct CountingWire;

impl Wire for CountingWire {
    fn connect(&mut self, _: SocketAddr, _: Option<SocketAddr>) -> io::Result<ConnId> {
        unreachable!("nobody connects in this test")
    }
    fn send(&mut self, _: ConnId, _: Outgoing, _: Bytes) {}
    fn is_sent(&self, _: ConnId) -> bool {
        true
    }
    fn spare(&mut self, _: ConnId) -> Vec<u8> {
        Vec::new()
    }
    fn is_open(&self, _: ConnId) -> bool {
        false
    }
    fn close(&mut self, _: ConnId) {}
    fn connections(&self) -> usize {
        0
    }
    fn turn(
        &mut self,
        wait: Wait,
        _: &mut dyn FnMut(Event<'_>, u64) -> Action,
    ) -> io::Result<usize> {
        TURNS.set(TURNS.get() + 1);
        if let Wait::Until { deadline_ns, .. } = wait {
            std::thread::sleep(Duration::from_nanos(
                deadline_ns.saturating_sub(monotonic_ns()),
            ));
        }
        Ok(0)
    }
    fn counts(&self) -> WireCounts {
        WireCounts::default()
    }
}

/// The first user sleeps, then wakes the second, who waits for nothing else.
struct Relay {
    origins: Vec<Origin>,
}

impl Scenario for Relay {
    fn name(&self) -> &str {
        "relay"
    }
    fn origins(&self) -> &[Origin] {
        &self.origins
    }
    fn endpoints(&self) -> &[String] {
        &[]
    }
    fn fixed_requests(&self) -> u32 {
        0
    }
    fn start_user(self: Arc<Self>, mut user: User) -> UserFuture {
        Box::pin(async move {
            if user.id() == 0 {
                user.sleep(Duration::from_millis(25)).await;
                GIVEN_AT_TURN.set(Some(TURNS.get()));
                let waiting = WAITING.with_borrow_mut(Option::take);
                waiting.expect("the second user waits by now").wake();
            } else {
                poll_fn(|cx| {
                    if GIVEN_AT_TURN.get().is_some() {
                        return Poll::Ready(());
                    }
                    WAITING.set(Some(cx.waker().clone()));
                    Poll::Pending
                })
                .await;
                TAKEN_AT_TURN.set(Some(TURNS.get()));
            }
            // Stays until the end, so that nobody is started in its place.
            user.sleep(Duration::from_secs(3600)).await;
        })
    }
}

fn assignment() -> Assignment {
    Assignment {
        worker: 0,
        cpu: crate::allowed_cpus()[0],
        transport: Transport::channel(1, Capacity::default()),
        wire: WireKind::Epoll,
        parts: vec![PlanPart {
            scenario: Arc::new(Relay {
                origins: Vec::new(),
            }),
            endpoints: Vec::new(),
            beside: None,
            addresses: Vec::new(),
            origin_labels: Vec::new(),
            demand: Demand::Users(Pattern::Constant(2.0)),
        }],
        max_rate: None,
        source_ips: Vec::new(),
        ends: WorkerEnds {
            duration_ns: 60_000_000,
            graceful_ns: 0,
            max_requests: None,
            may_spin: false,
        },
        time_limit_ns: 1_000_000_000,
        seed: 1,
    }
}

fn started() -> (Assignment, EventFd) {
    let assignment = assignment();
    let control = assignment.transport.control();
    control
        .t0_ns
        .store(monotonic_ns(), std::sync::atomic::Ordering::Relaxed);
    control.set_phase(RunPhase::Running);
    assignment.transport.worker(0).give_share(Share {
        index: 0,
        of: 1,
        from_ns: 0,
    });
    let bell = EventFd::from_flags(nix::sys::eventfd::EfdFlags::EFD_NONBLOCK);
    (assignment, bell.expect("an eventfd"))
}

fn assert_taken_in_the_turn_it_was_given() {
    let given = GIVEN_AT_TURN.get().expect("the first user's sleep ended");
    let taken = TAKEN_AT_TURN.get().expect("the second user was woken");
    assert_eq!(
        taken,
        given,
        "the second user ran only {} turns later",
        taken - given
    );
}

#[test]
fn a_user_woken_by_a_user_runs_in_the_same_turn_on_the_plain_executor() {
    let (assignment, bell) = started();
    run_plain(|spawner| live(assignment, CountingWire, bell.as_fd(), spawner)).expect("it runs");
    assert_taken_in_the_turn_it_was_given();
}

#[test]
fn a_user_woken_by_a_user_runs_in_the_same_turn_on_glommio() {
    if let Err(denied) = crate::wire::uring::probe::probe(1, 1) {
        println!("skipped: {denied}");
        return;
    }
    let (assignment, bell) = started();
    let cpu = assignment.cpu;
    run_on_glommio(cpu, |spawner| {
        live(assignment, CountingWire, bell.as_fd(), spawner)
    })
    .expect("glommio starts")
    .expect("it runs");
    assert_taken_in_the_turn_it_was_given();
}
