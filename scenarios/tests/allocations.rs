//! A fixed step of a document costs no allocation once its user is warm. In a binary of its own, because it
//! counts every allocation of the process; only those of the testing thread are looked at.

use loadforge_scenarios::{
    Client, Failure, FeedId, GroupId, MetricId, MetricKind, NameId, Request, Response, Scenario,
    Seat, User,
    data::{DataFile, DataFormat, Row},
    document,
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    path::Path,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
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

/// Answers at once, and notes the allocations at the beginning of each iteration.
struct Ready {
    iterations: Cell<u32>,
    at_start: Cell<u64>,
    at_end: Cell<u64>,
    bytes_sent: Cell<usize>,
}

const WARM_UP: u32 = 10;
const ITERATIONS: u32 = 1_000;

impl Client for Ready {
    fn now_ns(&self) -> u64 {
        0
    }
    fn name_id(&self, _: &str) -> NameId {
        NameId(0)
    }
    fn poll_iteration(&self, _: Seat, _: &mut Context<'_>) -> Poll<bool> {
        let now = ALLOCATIONS.with(Cell::get);
        let done = self.iterations.get();
        if done == WARM_UP {
            self.at_start.set(now);
        }
        self.at_end.set(now);
        self.iterations.set(done + 1);
        Poll::Ready(done < WARM_UP + ITERATIONS)
    }
    fn end_iteration(&self, _: Seat, failed: bool) {
        assert!(!failed);
    }
    fn is_leaving(&self, _: Seat) -> bool {
        false
    }
    fn begin_teardown(&self, _: Seat) {}
    fn submit(&self, _: Seat, request: &Request) {
        self.bytes_sent
            .set(self.bytes_sent.get() + request.path.len());
    }
    fn poll_response(
        &self,
        _: Seat,
        request: &Request,
        response: &mut Response,
        _: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        response.begin(200);
        if request.keep_body {
            response.body_mut().extend_from_slice(b"the price is 5");
        }
        Poll::Ready(Ok(()))
    }
    fn judge(&self, _: Seat, _: Option<&Failure>) {}
    fn note_failure(&self, _: Seat, failure: &Failure) {
        panic!("{failure}");
    }
    fn group_id(&self, _: &str) -> GroupId {
        GroupId(0)
    }
    fn record_group(&self, _: Seat, _: GroupId, _: u64, _: bool) {}
    fn metric_id(&self, _: MetricKind, _: &str) -> MetricId {
        MetricId(0)
    }
    fn record_metric(&self, _: Seat, _: MetricId, _: f64) {}
    fn take_row(&self, _: Seat, _: FeedId) -> u64 {
        0
    }
    fn end_run(&self, _: Seat, _: &str) {}
    fn poll_sleep(&self, _: Seat, _: u64, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

#[test]
fn an_iteration_of_fixed_steps_allocates_nothing() {
    let text = "target = \"echo\"\nthink_time = \"1ms..2ms\"\n[[task]]\nweight = 2\n[[task.step]]\nget = \"/a\"\n\
                check = { status = 200, body_contains = \"price\" }\n[[task.step]]\npost = \"/b\"\njson = { a = 1 }\n\
                [[task]]\nget = \"/c\"\n";
    let document = document::parse("a.toml", text, &|_| None, Path::new("")).unwrap();
    let client = Rc::new(Ready {
        iterations: Cell::new(0),
        at_start: Cell::new(0),
        at_end: Cell::new(0),
        bytes_sent: Cell::new(0),
    });
    let user = User::new(client.clone(), Seat(0), 0, 1);
    let mut life = Arc::new(document.scenario).start_user(user);
    assert!(
        life.as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );
    assert!(client.iterations.get() > ITERATIONS && client.bytes_sent.get() > 0);
    assert_eq!(client.at_end.get() - client.at_start.get(), 0);
}

#[test]
fn reading_rows_allocates_nothing_once_one_as_long_was_read() {
    let csv = DataFormat::Csv { separator: b',' };
    let rows = "ann,\"a \"\"b\"\"\"\nbob,\n".repeat(500);
    let lines = "{\"user\": \"ann\", \"n\": 12}\n{\"n\": 7, \"user\": \"é\"}\n".repeat(500);
    for (text, format) in [
        (format!("user,pass\n{rows}"), csv),
        (lines, DataFormat::JsonLines),
    ] {
        let file = DataFile::from_bytes("people", text.into(), format).unwrap();
        let mut row = Row::new();
        file.read(0, &mut row).unwrap();
        let before = ALLOCATIONS.with(Cell::get);
        for number in 0..file.rows() {
            file.read(number, &mut row).unwrap();
        }
        assert_eq!(ALLOCATIONS.with(Cell::get), before, "{format:?}");
    }
}
