//! Runs of the engine inside a test process, and scenarios written as closures. Neighbours: `answers.rs`, `life.rs`.
//! Invariants: one run at a time per process; no run comes back from here whose figures do not add up.

use loadforge_analysis::{
    LoadModel, Machine, RUN_SCHEMA, RunFacts, RunInfo, RunOutcome, RunSummary, Snapshot, Totals,
};
use loadforge_engine::{
    Plan, PlanPart, PrepareError, RunEnd, TransportChoice, WireChoice, allowed_cpus, prepare,
};
use loadforge_scenarios::{
    Demand, ErrorKind, Origin, Outcome, Pattern, Scenario, Scheme, Script, TaskWeights, ThinkTime,
    User, UserDefaults, UserFuture, data::Feed, live,
};
use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A step of a user's life.
pub type Act =
    Arc<dyn for<'u> Fn(&'u mut User) -> Pin<Box<dyn Future<Output = Outcome> + 'u>> + Send + Sync>;

/// Makes an act of a closure.
pub fn act<F: AsyncFn(&mut User) -> Outcome + Send + Sync + 'static>(closure: F) -> Act {
    let closure = Arc::new(closure);
    Arc::new(move |user| {
        let closure = Arc::clone(&closure);
        Box::pin(async move { closure(user).await })
    })
}

/// A scenario of closures: one setup, one task, one teardown.
#[derive(Clone)]
pub struct Play {
    origins: Vec<Origin>,
    endpoints: Vec<String>,
    setup: Act,
    task: Act,
    teardown: Act,
    think_time: ThinkTime,
    feeds: Vec<Feed>,
}

impl Play {
    /// Every user does this task over and over, against these origins.
    pub fn new(origins: &[SocketAddr], task: Act) -> Play {
        let nothing = act(async |_: &mut User| Ok(()));
        Play {
            origins: origins.iter().copied().map(origin).collect(),
            endpoints: Vec::new(),
            setup: Arc::clone(&nothing),
            task,
            teardown: nothing,
            think_time: ThinkTime::None,
            feeds: Vec::new(),
        }
    }

    /// With a setup before and a teardown after.
    pub fn between(mut self, setup: Act, teardown: Act) -> Play {
        (self.setup, self.teardown) = (setup, teardown);
        self
    }

    /// With a pause after every task.
    pub fn thinking(mut self, think_time: ThinkTime) -> Play {
        self.think_time = think_time;
        self
    }

    /// With rows of data.
    pub fn feeding(mut self, feeds: Vec<Feed>) -> Play {
        self.feeds = feeds;
        self
    }

    /// With names known before the run.
    pub fn naming(mut self, endpoints: &[&str]) -> Play {
        self.endpoints = endpoints.iter().map(|name| (*name).to_owned()).collect();
        self
    }
}

impl Scenario for Play {
    fn name(&self) -> &str {
        "play"
    }

    fn origins(&self) -> &[Origin] {
        &self.origins
    }

    fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    fn fixed_requests(&self) -> u32 {
        0
    }

    fn feeds(&self) -> u16 {
        self.feeds.len() as u16
    }

    fn start_user(self: Arc<Self>, mut user: User) -> UserFuture {
        let weights = TaskWeights::new([1]).expect("one task");
        if !self.feeds.is_empty() {
            user = user.with_defaults(Arc::new(UserDefaults {
                origins: self.origins.clone(),
                feeds: self.feeds.clone(),
                ..UserDefaults::default()
            }));
        }
        Box::pin(live(
            Player {
                play: self,
                weights,
            },
            user,
        ))
    }
}

struct Player {
    play: Arc<Play>,
    weights: TaskWeights,
}

impl Script for Player {
    async fn setup(&mut self, user: &mut User) -> Outcome {
        (self.play.setup)(user).await
    }

    fn weights(&self) -> &TaskWeights {
        &self.weights
    }

    async fn task(&mut self, _: usize, user: &mut User) -> Outcome {
        (self.play.task)(user).await
    }

    fn think_time(&self) -> &ThinkTime {
        &self.play.think_time
    }

    async fn teardown(&mut self, user: &mut User) -> Outcome {
        (self.play.teardown)(user).await
    }
}

/// An address as an origin.
pub fn origin(address: SocketAddr) -> Origin {
    Origin {
        scheme: Scheme::Http,
        host: address.ip().to_string(),
        port: address.port(),
    }
}

/// A plan of one user on one worker, ten seconds long, each origin at its own address.
pub fn plan(scenario: impl Scenario + 'static, wire: WireChoice) -> Plan {
    planned(Pattern::Constant(1.0), scenario, wire)
}

/// The same with so many users over time.
pub fn planned(users: Pattern, scenario: impl Scenario + 'static, wire: WireChoice) -> Plan {
    Plan {
        parts: vec![part(Demand::Users(users), Arc::new(scenario))],
        phases: Vec::new(),
        thresholds: Vec::new(),
        max_rate: None,
        duration: Duration::from_secs(10),
        max_requests: None,
        cpus: cpus(1),
        aggregator_cpu: None,
        source_ips: Vec::new(),
        transport: TransportChoice::Channel,
        wire,
        time_limit: Duration::from_secs(10),
        graceful_stop: Duration::from_secs(10),
        seed: 7,
        may_spin: false,
    }
}

/// A scenario with its load, each origin at its own address.
pub fn part(demand: Demand, scenario: Arc<dyn Scenario>) -> PlanPart {
    let addresses = scenario
        .origins()
        .iter()
        .map(|origin| {
            vec![SocketAddr::new(
                origin.host.parse().expect("an address"),
                origin.port,
            )]
        })
        .collect();
    PlanPart {
        endpoints: scenario.endpoints().to_vec(),
        beside: None,
        origin_labels: scenario.origins().iter().map(ToString::to_string).collect(),
        scenario,
        addresses,
        demand,
    }
}

/// CPUs for so many workers; one may have to serve several.
pub fn cpus(workers: usize) -> Vec<u32> {
    allowed_cpus().into_iter().cycle().take(workers).collect()
}

/// A run that is over.
pub struct Ran {
    /// How it ended.
    pub outcome: RunOutcome,
    /// Its figures.
    pub summary: RunSummary,
    /// Its seconds.
    pub snapshots: Vec<Snapshot>,
}

impl Ran {
    /// How often an error of this kind with these words was counted.
    pub fn errors(&self, kind: ErrorKind, words: &str) -> u64 {
        let matching = |error: &&loadforge_analysis::ErrorCount| {
            error.kind == kind && error.detail.contains(words)
        };
        self.summary
            .errors
            .iter()
            .filter(matching)
            .map(|error| error.count)
            .sum()
    }

    /// Requests done under this name, and how many of them failed.
    pub fn endpoint(&self, name: &str) -> (u64, u64) {
        let named = self
            .summary
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.name == name);
        named.fold((0, 0), |(done, failed), one| {
            (done + one.sent, failed + one.failed)
        })
    }

    /// Intended, ok and failed requests.
    pub fn counts(&self) -> (u64, u64, u64) {
        let requests = &self.summary.requests;
        (requests.sent, requests.ok, requests.failed)
    }
}

/// Carries a plan out and checks that its figures add up.
pub fn run(plan: Plan) -> Ran {
    let ran = run_losing(0, plan);
    assert_balanced(&ran.summary, &ran.snapshots);
    ran
}

/// The same where so many workers are lost: what they had not told is unknown.
pub fn run_losing(lost: u32, plan: Plan) -> Ran {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let info = run_info(&plan);
    let prepared = prepare(plan).expect("this machine can run it");
    let (sender, receiver) = crossbeam::channel::unbounded();
    let RunEnd {
        outcome,
        fold,
        killed,
        workers_lost,
    } = prepared.run(|_| Ok(sender)).expect("the run begins");
    let snapshots: Vec<Snapshot> = receiver.iter().map(Arc::unwrap_or_clone).collect();
    let summary = fold.finish(RunFacts {
        info: &info,
        outcome,
    });
    assert!(!killed);
    assert_eq!(workers_lost, lost, "{:?}", summary.events);
    summary.requests.totals().check().expect("conservation");
    Ran {
        outcome,
        summary,
        snapshots,
    }
}

/// Conservation, and the seconds against the whole: every record is in exactly one second.
fn assert_balanced(summary: &RunSummary, snapshots: &[Snapshot]) {
    let totals = summary.requests.totals();
    totals.check().expect("conservation");
    assert_eq!((totals.unknown, totals.lost), (0, 0));
    let sum = |count: fn(&Snapshot) -> u64| snapshots.iter().map(count).sum::<u64>();
    assert_eq!(sum(|second| second.requests.done), totals.sent);
    assert_eq!(sum(|second| second.requests.ok), totals.ok);
    assert_eq!(sum(|second| second.requests.failed), totals.failed);
    assert_eq!(sum(|second| second.latency.service.len()), totals.sent);
    assert_eq!(sum(|second| second.status.values().sum()), totals.sent);
    let by_endpoint = |second: &Snapshot| second.endpoints.iter().map(|one| one.done).sum();
    assert_eq!(sum(by_endpoint), totals.sent);
    assert_eq!(
        summary.endpoints.iter().map(|one| one.sent).sum::<u64>(),
        totals.sent
    );
    let last: &Totals = &snapshots.last().expect("a run has a last second").totals;
    assert_eq!(*last, totals);
    assert_eq!(sum(|second| second.requests.not_sent), totals.not_sent);
}

/// The wires that this machine has, io_uring first; says why when that one is missing.
pub fn wires() -> Vec<WireChoice> {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let play = Play::new(&[nowhere], act(async |_: &mut User| Ok(())));
    match prepare(plan(play, WireChoice::Uring)) {
        Ok(_) => vec![WireChoice::Uring, WireChoice::Epoll],
        Err(PrepareError::Uring(denied)) => {
            eprintln!("skipped on io_uring: {denied}");
            vec![WireChoice::Epoll]
        }
        Err(error) => panic!("{error}"),
    }
}

fn run_info(plan: &Plan) -> RunInfo {
    RunInfo {
        schema: RUN_SCHEMA.to_owned(),
        name: plan.parts[0].scenario.name().to_owned(),
        started_at: String::new(),
        loadforge_version: String::new(),
        source: String::new(),
        fingerprint: None,
        origins: plan.parts[0].origin_labels.clone(),
        model: match plan.parts[0].demand {
            Demand::Users(_) => LoadModel::Closed,
            Demand::Arrivals { .. } => LoadModel::Open,
        },
        load: String::new(),
        duration_s: plan.duration.as_secs_f64(),
        target_peak: plan.parts[0].demand.most_users(),
        rate_peak: 0.0,
        max_rps: None,
        parts: Vec::new(),
        phases: Vec::new(),
        allow_invalid: false,
        max_requests: plan.max_requests,
        timeout_s: plan.time_limit.as_secs_f64(),
        graceful_stop_s: plan.graceful_stop.as_secs_f64(),
        seed: plan.seed,
        workers: plan.cpus.len() as u32,
        cpus: plan.cpus.clone(),
        transport: String::new(),
        wire: String::new(),
        target_is_local: true,
        notes: Vec::new(),
        thresholds: Vec::new(),
        machine: Machine::default(),
    }
}
