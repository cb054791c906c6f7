//! The life of a virtual user: setup, weighted tasks with think time between them, teardown.
//! Neighbours: scenario documents (and later the `#[scenario]` macro) supply a `Script`.
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
    /// How long the user thinks after a task.
    fn think_time(&self) -> &ThinkTime;
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
        if !user.sleep(SETUP_RETRY).await {
            return;
        }
    }
    while user.begin_iteration().await {
        let task = script.weights().pick(user.rng());
        let outcome = script.task(task, &mut user).await;
        user.end_iteration(&outcome);
        if let Some(pause) = script.think_time().draw(user.rng()) {
            user.sleep(pause).await;
        }
    }
    user.begin_teardown();
    // A failed teardown request is in its record; there is nothing left to do about it.
    let _ = script.teardown(&mut user).await;
}

#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;
