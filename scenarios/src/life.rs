//! The life of a virtual user: setup, weighted tasks with think time between them, teardown.
//! Neighbours: scenario documents and `rust_scenario.rs` supply a `Script`.
//! Invariant: teardown runs once if, and only if, setup succeeded.

use crate::{ErrorKind, Outcome, TaskWeights, ThinkTime, User};
use std::{future::Future, time::Duration};

/// How long a user waits before it tries a failed setup again. A server that restarts is not stormed, and the
/// number of users stays what was asked for.
pub const SETUP_RETRY: Duration = Duration::from_secs(1);

/// What one virtual user does at each stage of its life; one value per user, so it may hold the user's state.
pub trait Script {
    /// Once, before the first task.
    fn setup(&mut self, user: &mut User) -> impl Future<Output = Outcome>;
    /// The tasks' weights, by index.
    fn weights(&self) -> &TaskWeights;
    /// One iteration of the task with this index.
    fn task(&mut self, index: usize, user: &mut User) -> impl Future<Output = Outcome>;
    /// How long the user thinks after the task that was its last.
    fn think_time(&self) -> &ThinkTime;
    /// How long the task that was its last takes together with the pause behind it: the next one begins so long after its
    /// beginning, or at once when that has passed. `None` leaves it to the think time.
    fn pacing(&self) -> Option<Duration> {
        None
    }
    /// Once, after the last task.
    fn teardown(&mut self, user: &mut User) -> impl Future<Output = Outcome>;
}

/// Lives one user's life to its end.
pub async fn live<S: Script>(mut script: S, mut user: User) {
    while let Err(failure) = script.setup(&mut user).await {
        if failure.kind == ErrorKind::Stopped {
            return;
        }
        // A setup that fails without sending anything would never see that the run drains.
        // Asked as well, because the sleeps of a user that has gone on too often last in full.
        if !user.sleep(SETUP_RETRY).await || user.client.is_leaving(user.seat) {
            return;
        }
    }
    let mut in_vain = 0;
    while user.begin_iteration().await {
        let begun_ns = user.client.now_ns();
        let task = script.weights().pick(user.rng());
        let sent = user.sent;
        let outcome = script.task(task, &mut user).await;
        user.end_iteration(&outcome);
        // Nothing below is begun by a user that is to leave: whatever it did in its task, its teardown comes at once.
        if user.client.is_leaving(user.seat) {
            continue;
        }
        in_vain = match outcome {
            Err(_) if user.sent == sent => in_vain + 1,
            _ => 0,
        };
        if in_vain > 1 {
            // One that fails again before it sends anything would go on to, a million times a second.
            user.sleep(SETUP_RETRY).await;
        }
        if let Some(pause) = script.think_time().draw(user.rng()) {
            user.sleep(pause).await;
        }
        if let Some(pacing) = script.pacing() {
            let next_ns = begun_ns.saturating_add(pacing.as_nanos() as u64);
            if next_ns > user.client.now_ns() && !user.client.is_leaving(user.seat) {
                user.sleep_until(next_ns).await;
            }
        }
    }
    user.begin_teardown();
    // A failed teardown request is in its record; there is nothing left to do about it.
    let _ = script.teardown(&mut user).await;
}

#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;
