//! What runs a worker's tasks: a glommio executor, or a plain local one where glommio cannot start because io_uring
//! is forbidden. Neighbours: `mod.rs` chooses, `driver.rs` is the main future on either. The only file that names
//! glommio.

use crate::clock::monotonic_ns;
use async_task::Runnable;
use glommio::{LocalExecutorBuilder, Placement};
use std::{
    cell::RefCell,
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// What glommio pins for its own files, in bytes: we use none, and its default takes 30 MB a worker.
const GLOMMIO_IO_MEMORY: usize = 64 * 1024;

/// How often glommio looks after rings of its own, which are empty: 45 µs, by which an arrival is late if it becomes due then.
/// Its default of 100 ms made that one in a hundred at 1,000/s. Users that wake each other without end hold the worker this long.
const GLOMMIO_LOOKS: Duration = Duration::from_millis(500);

/// How many tasks the plain executor polls before the main future has its turn again.
const TASKS_PER_ROUND: u32 = 256;

/// How long it may poll tasks before that: some users' own code takes long.
const ROUND_NS: u64 = 100_000;

/// Starts tasks on the executor that is running.
#[derive(Clone, Copy)]
pub enum Spawner {
    /// On this thread's glommio executor.
    Glommio,
    /// On this thread's plain executor.
    Plain,
}

impl Spawner {
    /// Starts a task that nobody waits for.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        match self {
            Spawner::Glommio => {
                glommio::spawn_local(task).detach();
            }
            Spawner::Plain => {
                let (runnable, handle) = async_task::spawn_local(task, schedule);
                handle.detach();
                runnable.schedule();
            }
        }
    }
}

/// Runs `main` on a glommio executor in this thread, pinned to `cpu`.
///
/// # Errors
/// When glommio cannot make its rings; in words.
pub fn run_on_glommio<F: Future>(
    cpu: u32,
    main: impl FnOnce(Spawner) -> F,
) -> Result<F::Output, String> {
    let executor = LocalExecutorBuilder::new(Placement::Fixed(cpu as usize))
        .io_memory(GLOMMIO_IO_MEMORY)
        .ring_depth(64)
        .preempt_timer(GLOMMIO_LOOKS)
        .name("loadforge-worker")
        .make()
        .map_err(|error| format!("glommio cannot start on CPU {cpu}: {error}"))?;
    Ok(executor.run(main(Spawner::Glommio)))
}

thread_local! {
    /// The plain executor's tasks that can go on, in the order they were woken. Its memory is kept, so that waking
    /// allocates nothing: that is why it is not `async-executor`, whose queue allocates for every 31 tasks woken.
    static RUNNABLE: RefCell<VecDeque<Runnable>> = const { RefCell::new(VecDeque::new()) };
}

fn schedule(task: Runnable) {
    RUNNABLE.with_borrow_mut(|tasks| tasks.push_back(task));
}

/// Runs `main` on a plain local executor in this thread. `main` never waits for anything but its own turns, so it is
/// polled again and again without parking.
pub fn run_plain<F: Future>(main: impl FnOnce(Spawner) -> F) -> F::Output {
    let mut main = pin!(main(Spawner::Plain));
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = main.as_mut().poll(&mut context) {
            // Dropped outside the borrow: a task's end may wake another.
            drop(RUNNABLE.take());
            return output;
        }
        // Bounded, because users may wake each other for ever.
        let began_ns = monotonic_ns();
        for _ in 0..TASKS_PER_ROUND {
            let Some(task) = RUNNABLE.with_borrow_mut(VecDeque::pop_front) else {
                break;
            };
            task.run();
            if monotonic_ns() - began_ns > ROUND_NS {
                break;
            }
        }
    }
}

/// Lets every other runnable task run before the caller goes on.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
