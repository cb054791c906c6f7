//! A scenario that was read from a file: fixed requests, one after another. Neighbours: `mod.rs` and `single.rs`
//! build it, `life.rs` lives it. Invariant: every request was built at load time and carries its own `FixedId`, so
//! that sending one allocates nothing here.

use super::checks::Checks;
use crate::{
    FixedId, Origin, Outcome, Request, Scenario, Script, TaskWeights, ThinkTime, User, UserFuture,
    live,
};
use std::{fmt, sync::Arc};

/// A scenario that was read from a file.
pub struct DocumentScenario {
    pub(super) name: String,
    pub(super) origins: Vec<Origin>,
    pub(super) endpoints: Vec<String>,
    pub(super) setup: Vec<Step>,
    pub(super) tasks: Vec<Task>,
    pub(super) weights: TaskWeights,
    pub(super) teardown: Vec<Step>,
}

/// One thing that a user does over and over: its steps in order, then a pause.
pub(super) struct Task {
    pub(super) steps: Vec<Step>,
    pub(super) think_time: ThinkTime,
}

/// One request and what its answer has to be.
pub(super) struct Step {
    pub(super) request: Request,
    pub(super) checks: Checks,
}

impl DocumentScenario {
    /// A scenario of a single GET, as a URL on the command line means it.
    pub(crate) fn of_one_get(name: String, origin: Origin, path: String) -> DocumentScenario {
        let mut request = Request::new();
        request
            .headers
            .push(super::USER_AGENT.0, super::USER_AGENT.1)
            .expect("our own header is a good one");
        let endpoint = path.split('?').next().unwrap_or("/").to_owned();
        request.path = path;
        request.fixed = Some(FixedId(0));
        let step = Step {
            request,
            checks: Checks::default(),
        };
        DocumentScenario {
            name,
            origins: vec![origin],
            endpoints: vec![endpoint],
            setup: Vec::new(),
            tasks: vec![Task {
                steps: vec![step],
                think_time: ThinkTime::None,
            }],
            weights: TaskWeights::new([1]).expect("1 is more than 0"),
            teardown: Vec::new(),
        }
    }

    /// States where plain paths go. Needed when the target is the built-in echo server, whose port is known late.
    pub fn set_first_origin(&mut self, origin: Origin) {
        self.origins[0] = origin;
    }

    fn steps(&self) -> impl Iterator<Item = &Step> {
        let tasks = self.tasks.iter().flat_map(|task| &task.steps);
        self.setup.iter().chain(tasks).chain(&self.teardown)
    }

    /// Every request of the scenario in the order of the file's parts (setup, tasks, teardown), for showing what a run would do.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.steps().map(|step| &step.request)
    }
}

impl Scenario for DocumentScenario {
    fn name(&self) -> &str {
        &self.name
    }

    fn origins(&self) -> &[Origin] {
        &self.origins
    }

    fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    fn fixed_requests(&self) -> u32 {
        self.steps().count() as u32
    }

    fn start_user(self: Arc<Self>, user: User) -> UserFuture {
        Box::pin(live(
            Reading {
                scenario: self,
                last_task: 0,
            },
            user,
        ))
    }
}

impl fmt::Debug for DocumentScenario {
    /// Says nothing of the requests: they may hold values from the environment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DocumentScenario")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// One user's way through the scenario.
struct Reading {
    scenario: Arc<DocumentScenario>,
    last_task: usize,
}

impl Script for Reading {
    async fn setup(&mut self, user: &mut User) -> Outcome {
        run(&self.scenario.setup, user).await
    }

    fn weights(&self) -> &TaskWeights {
        &self.scenario.weights
    }

    async fn task(&mut self, index: usize, user: &mut User) -> Outcome {
        self.last_task = index;
        run(&self.scenario.tasks[index].steps, user).await
    }

    fn think_time(&self) -> &ThinkTime {
        &self.scenario.tasks[self.last_task].think_time
    }

    async fn teardown(&mut self, user: &mut User) -> Outcome {
        run(&self.scenario.teardown, user).await
    }
}

/// Carries out steps in order; the first that fails ends it.
async fn run(steps: &[Step], user: &mut User) -> Outcome {
    for step in steps {
        let answer = user
            .send(&step.request, |status| step.checks.accepts(status))
            .await?;
        if let Some(detail) = step.checks.body_fault(answer.body()) {
            return Err(user.fail_check(detail.to_owned()));
        }
    }
    Ok(())
}
