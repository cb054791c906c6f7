//! After warm-up a request allocates nothing, whichever door it came in by: a URL, a TOML file of one request, Rust.
//! In a binary of its own, because it counts every allocation of the process; each thread counts for itself.
//! Neighbours: `life.rs` for what runs do. Invariant: only polls of users in a worker's thread are looked at.

mod support;

use loadforge_engine::{Plan, WireChoice};
use loadforge_scenarios::{
    Origin, Outcome, Pattern, Scenario, Script, SingleRequest, TaskWeights, ThinkTime, User,
    UserFuture, live,
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use support::{
    props::{document, echo},
    stage::{origin, planned, run, wires},
};

/// Polls of users before the count begins: connections are made, buffers have found their size.
const WARM_UP: u64 = 2_000;
/// Polls of users while allocations are counted.
const COUNTED: u64 = 6_000;
/// Users who share the worker.
const USERS: f64 = 8.0;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static POLLS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed to the system's allocator as it came; the counter is a plain thread-local cell
// without a destructor, which allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps `GlobalAlloc::alloc`'s contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` with this layout, see `alloc`.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: `pointer` came from `System` with this layout, see `alloc`.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Any scenario, with the allocations of its worker's thread noted after so many polls of its users.
struct Watched<S> {
    inner: Arc<S>,
    after_warm_up: Arc<AtomicU64>,
    after_all: Arc<AtomicU64>,
}

impl<S: Scenario + 'static> Scenario for Watched<S> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn origins(&self) -> &[Origin] {
        self.inner.origins()
    }

    fn endpoints(&self) -> &[String] {
        self.inner.endpoints()
    }

    fn fixed_requests(&self) -> u32 {
        self.inner.fixed_requests()
    }

    fn start_user(self: Arc<Self>, user: User) -> UserFuture {
        let mut life = Arc::clone(&self.inner).start_user(user);
        Box::pin(std::future::poll_fn(move |cx| {
            POLLS.set(POLLS.get() + 1);
            match POLLS.get() {
                WARM_UP => self
                    .after_warm_up
                    .store(ALLOCATIONS.get(), Ordering::Relaxed),
                polls if polls == WARM_UP + COUNTED => {
                    self.after_all.store(ALLOCATIONS.get(), Ordering::Relaxed);
                }
                _ => {}
            }
            life.as_mut().poll(cx)
        }))
    }
}

/// Allocations of the worker's thread over `COUNTED` polls of users, everything between the polls included.
fn allocations_of(scenario: Arc<impl Scenario + 'static>, wire: WireChoice) -> u64 {
    let (after_warm_up, after_all) = (Arc::default(), Arc::default());
    let watched = Watched {
        inner: scenario,
        after_warm_up: Arc::clone(&after_warm_up),
        after_all: Arc::clone(&after_all),
    };
    let ran = run(Plan {
        // A request is one poll at least.
        max_requests: Some(2 * (WARM_UP + COUNTED)),
        ..planned(Pattern::Constant(USERS), watched, wire)
    });
    assert_eq!(ran.summary.requests.failed, 0, "{:?}", ran.summary.errors);
    let (before, after) = (
        after_warm_up.load(Ordering::Relaxed),
        after_all.load(Ordering::Relaxed),
    );
    assert!(
        before > 0 && after >= before,
        "the run was long enough: {before}, {after}"
    );
    after - before
}

/// glommio's own loop allocates a little some ten times a second, whatever is asked; one allocation a request, or one in
/// ten, would be far above this.
fn assert_nothing_per_request(scenario: Arc<impl Scenario + 'static>, wire: WireChoice) {
    let found = allocations_of(scenario, wire);
    let allowed = if wire == WireChoice::Epoll {
        0
    } else {
        COUNTED / 100
    };
    assert!(
        found <= allowed,
        "{found} allocations in {COUNTED} polls over {wire:?}"
    );
}

#[test]
fn a_request_of_a_url_allocates_nothing() {
    for wire in wires() {
        let echo = echo();
        let scenario =
            SingleRequest::get(&format!("http://{}/", echo.address())).expect("a good URL");
        assert_nothing_per_request(Arc::new(scenario), wire);
    }
}

#[test]
fn a_request_of_a_document_allocates_nothing() {
    for wire in wires() {
        let echo = echo();
        let text = "[[task]]\nname = \"home\"\nget = \"/\"\ncheck = { status = 200 }\n";
        assert_nothing_per_request(document(echo.address(), text), wire);
    }
}

#[test]
fn a_request_of_a_scenario_in_rust_allocates_nothing() {
    for wire in wires() {
        let echo = echo();
        let scenario = Arc::new(InRust {
            origins: vec![origin(echo.address())],
            measures: false,
        });
        assert_nothing_per_request(scenario, wire);
    }
}

#[test]
fn groups_and_metrics_of_a_scenario_in_rust_allocate_nothing() {
    for wire in wires() {
        let echo = echo();
        let scenario = Arc::new(InRust {
            origins: vec![origin(echo.address())],
            measures: true,
        });
        assert_nothing_per_request(scenario, wire);
    }
}

/// A scenario of one request, as a person writes it.
struct InRust {
    origins: Vec<Origin>,
    /// Whether the request is a group, and metrics are told of it.
    measures: bool,
}

impl Scenario for InRust {
    fn name(&self) -> &str {
        "in-rust"
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

    fn start_user(self: Arc<Self>, user: User) -> UserFuture {
        let weights = TaskWeights::new([1]).expect("one task");
        let visitor = Visitor {
            weights,
            measures: self.measures,
        };
        Box::pin(live(visitor, user))
    }
}

struct Visitor {
    weights: TaskWeights,
    measures: bool,
}

impl Script for Visitor {
    async fn setup(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }

    fn weights(&self) -> &TaskWeights {
        &self.weights
    }

    async fn task(&mut self, _: usize, user: &mut User) -> Outcome {
        if !self.measures {
            return visit(user).await;
        }
        let done = user.group("visit", visit).await;
        user.metric("visits").add(1.0);
        user.metric("size")
            .record(user.response().body_len() as f64);
        done
    }

    fn think_time(&self) -> &ThinkTime {
        &ThinkTime::None
    }

    async fn teardown(&mut self, _: &mut User) -> Outcome {
        Ok(())
    }
}

async fn visit(user: &mut User) -> Outcome {
    user.get("/")
        .name("home")
        .header("accept", "*/*")
        .send()
        .await
        .map(|_| ())
}
