//! What runs a worker's tasks: a glommio executor, or a plain local one where glommio cannot start because io_uring
//! is forbidden. Neighbours: `mod.rs` chooses, `driver.rs` is the main future on either. The only file that names
//! glommio.

use crate::clock::monotonic_ns;
use async_executor::LocalExecutor;
use glommio::{LocalExecutorBuilder, Placement};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// What glommio pins for its own files, in bytes: we use none, and its default takes 30 MB a worker.
const GLOMMIO_IO_MEMORY: usize = 64 * 1024;

/// How many tasks the plain executor polls before the main future has its turn again.
const TICKS_PER_ROUND: u32 = 256;

/// How long it may poll tasks before that: some users' own code takes long.
const ROUND_NS: u64 = 100_000;

/// Starts tasks on the executor that is running.
#[derive(Clone)]
pub enum Spawner {
    /// On this thread's glommio executor.
    Glommio,
    /// On a plain local executor.
    Plain(Rc<LocalExecutor<'static>>),
}

impl Spawner {
    /// Starts a task that nobody waits for.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        match self {
            Spawner::Glommio => {
                glommio::spawn_local(task).detach();
            }
            Spawner::Plain(executor) => executor.spawn(task).detach(),
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
        .name("loadforge-worker")
        .make()
        .map_err(|error| format!("glommio cannot start on CPU {cpu}: {error}"))?;
    Ok(executor.run(main(Spawner::Glommio)))
}

/// Runs `main` on a plain local executor in this thread. `main` never waits for anything but its own turns, so it is
/// polled again and again without parking.
pub fn run_plain<F: Future>(main: impl FnOnce(Spawner) -> F) -> F::Output {
    let executor = Rc::new(LocalExecutor::new());
    let mut main = pin!(main(Spawner::Plain(Rc::clone(&executor))));
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = main.as_mut().poll(&mut context) {
            return output;
        }
        // Bounded, because users may wake each other for ever.
        let began_ns = monotonic_ns();
        for _ in 0..TICKS_PER_ROUND {
            if !executor.try_tick() || monotonic_ns() - began_ns > ROUND_NS {
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
