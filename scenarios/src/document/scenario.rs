//! A scenario that was read from a file, and how one user lives it. Neighbours: `mod.rs` and `single.rs` build it, `run.rs` carries out
//! its steps, `life.rs` says when. Invariant: every request that is the same each time was built at load time and carries its own
//! `FixedId`.

use super::{
    checks::Checks,
    run::{self, Action, Retry, Shared, Step, StepRequest},
};
use crate::{
    FixedId, Origin, Outcome, Request, Scenario, Script, TaskWeights, ThinkTime, User,
    UserDefaults, UserFuture,
    defaults::USER_AGENT,
    live,
    template::{Template, Values},
};
use std::{fmt, sync::Arc, time::Duration};

/// A scenario that was read from a file.
pub struct DocumentScenario {
    pub(super) name: String,
    pub(super) defaults: Arc<UserDefaults>,
    pub(super) endpoints: Vec<String>,
    /// Whether any answer has to pass a check of more than its status, or give a capture.
    pub(super) has_checks: bool,
    /// By variable: its name.
    pub(super) variables: Vec<String>,
    /// Variables' first values, given to each user at its start.
    pub(super) first_values: Vec<(u16, Template)>,
    /// Data files and counters.
    pub(super) feeds: u16,
    /// Requests that are the same each time.
    pub(super) fixed: u32,
    pub(super) setup: Vec<Action>,
    pub(super) tasks: Vec<Task>,
    pub(super) weights: TaskWeights,
    pub(super) teardown: Vec<Action>,
}

/// One thing that a user does over and over: its steps in order, then a pause.
pub(super) struct Task {
    pub(super) actions: Vec<Action>,
    pub(super) rhythm: Rhythm,
}

/// What lies between two tasks.
#[derive(Clone, Default)]
pub(super) struct Rhythm {
    pub(super) think_time: ThinkTime,
    pub(super) pacing: Option<Duration>,
}

impl DocumentScenario {
    /// A scenario of a single GET, as a URL on the command line means it.
    pub(crate) fn of_one_get(name: String, origin: Origin, path: String) -> DocumentScenario {
        let mut request = Request::new();
        request
            .headers
            .push(USER_AGENT.0, USER_AGENT.1)
            .expect("our own header is a good one");
        let endpoint = path.split('?').next().unwrap_or("/").to_owned();
        request.path = path;
        request.fixed = Some(FixedId(0));
        let step = Step {
            place: format!("step {endpoint:?}"),
            request: StepRequest {
                base: request,
                path: None,
                headers: Vec::new(),
                body: Vec::new(),
            },
            checks: Checks::default(),
            captures: Vec::new(),
            retry: Retry::default(),
            redirects: None,
        };
        DocumentScenario {
            name,
            defaults: Arc::new(UserDefaults {
                origins: vec![origin],
                ..UserDefaults::default()
            }),
            endpoints: vec![endpoint],
            has_checks: false,
            variables: Vec::new(),
            first_values: Vec::new(),
            feeds: 0,
            fixed: 1,
            setup: Vec::new(),
            tasks: vec![Task {
                actions: vec![Action::Request(Box::new(step))],
                rhythm: Rhythm::default(),
            }],
            weights: TaskWeights::new([1]).expect("1 is more than 0"),
            teardown: Vec::new(),
        }
    }

    /// States where plain paths go. Needed when the target is the built-in echo server, whose port is known late.
    pub fn set_first_origin(&mut self, origin: Origin) {
        Arc::make_mut(&mut self.defaults).origins[0] = origin;
    }

    /// Lives a user's life with every task once, in their order: for a look at what a run would do. One that `pretends` gets no
    /// answers: what it would capture is `<name>`, every loop goes round once, and of a condition both ways are gone.
    pub fn rehearse(self: Arc<Self>, user: User, pretends: bool) -> UserFuture {
        let mut user = user.with_defaults(Arc::clone(&self.defaults));
        let mut reading = Reading::new(self);
        reading.values.pretends = pretends;
        Box::pin(async move {
            // What failed is in the client's hands; a rehearsal shows the rest all the same.
            if reading.setup(&mut user).await.is_err() {
                return;
            }
            for task in 0..reading.scenario.tasks.len() {
                if !user.begin_iteration().await {
                    return;
                }
                let outcome = reading.task(task, &mut user).await;
                user.end_iteration(&outcome);
            }
            user.begin_teardown();
            let _ = reading.teardown(&mut user).await;
        })
    }
}

impl DocumentScenario {
    /// Whether any request has a check of more than its status, or a capture, which is one.
    pub fn has_checks(&self) -> bool {
        self.has_checks
    }

    /// Every request in the order of the file's parts (setup, tasks, teardown), as far as it is known before the run; those in
    /// groups, loops and conditions are left out.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        let tasks = self.tasks.iter().flat_map(|task| &task.actions);
        let all = self.setup.iter().chain(tasks).chain(&self.teardown);
        all.filter_map(|action| match action {
            Action::Request(step) => Some(&step.request.base),
            _ => None,
        })
    }
}

impl Scenario for DocumentScenario {
    fn name(&self) -> &str {
        &self.name
    }

    fn origins(&self) -> &[Origin] {
        &self.defaults.origins
    }

    fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    fn fixed_requests(&self) -> u32 {
        self.fixed
    }

    fn feeds(&self) -> u16 {
        self.feeds
    }

    fn start_user(self: Arc<Self>, user: User) -> UserFuture {
        let user = user.with_defaults(Arc::clone(&self.defaults));
        Box::pin(live(Reading::new(self), user))
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
    values: Values,
    has_first_values: bool,
    last_task: usize,
}

impl Reading {
    fn new(scenario: Arc<DocumentScenario>) -> Reading {
        Reading {
            values: Values::new(scenario.variables.len()),
            has_first_values: false,
            last_task: 0,
            scenario,
        }
    }

    fn rhythm(&self) -> &Rhythm {
        &self.scenario.tasks[self.last_task].rhythm
    }
}

impl Script for Reading {
    async fn setup(&mut self, user: &mut User) -> Outcome {
        let scenario = &*self.scenario;
        let shared = Shared {
            variables: &scenario.variables,
        };
        if !self.has_first_values {
            let place = "[variables]";
            run::set(
                &scenario.first_values,
                user,
                &mut self.values,
                place,
                &shared,
            )?;
            self.has_first_values = true;
        }
        run::run(&scenario.setup, user, &mut self.values, &shared).await
    }

    fn weights(&self) -> &TaskWeights {
        &self.scenario.weights
    }

    async fn task(&mut self, index: usize, user: &mut User) -> Outcome {
        self.last_task = index;
        self.values.iteration += 1;
        let scenario = &*self.scenario;
        let shared = Shared {
            variables: &scenario.variables,
        };
        run::run(
            &scenario.tasks[index].actions,
            user,
            &mut self.values,
            &shared,
        )
        .await
    }

    fn think_time(&self) -> &ThinkTime {
        &self.rhythm().think_time
    }

    fn pacing(&self) -> Option<Duration> {
        self.rhythm().pacing
    }

    async fn teardown(&mut self, user: &mut User) -> Outcome {
        let scenario = &*self.scenario;
        let shared = Shared {
            variables: &scenario.variables,
        };
        run::run(&scenario.teardown, user, &mut self.values, &shared).await
    }
}
