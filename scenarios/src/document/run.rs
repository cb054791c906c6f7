//! Carries out what a document says: requests in their order, loops, conditions, groups. Neighbours: `actions.rs` reads it,
//! `scenario.rs` lives it. Invariant: a step without templates, captures and the like sends the request that was built at load time and
//! allocates nothing.

use super::{captures::Capture, checks::Checks};
use crate::{
    Accepted, Body, ErrorKind, Failure, MetricKind, OriginId, Outcome, Request, ThinkTime, User,
    exchange::{What, place_among},
    template::{Condition, Drawn, Template, Unfilled, Values},
};
use bytes::Bytes;
use std::{convert::Infallible, pin::Pin, time::Duration};

/// One thing that a user does.
pub(super) enum Action {
    /// Sends a request.
    Request(Box<Step>),
    /// Does several things as one transaction.
    Group { name: String, actions: Vec<Action> },
    /// Does things so many times.
    Repeat {
        times: Template,
        actions: Vec<Action>,
        place: String,
    },
    /// Does things as long as a condition holds.
    While {
        condition: Condition,
        /// More rounds than this are a failure.
        most: u64,
        actions: Vec<Action>,
        place: String,
    },
    /// Does one thing or another.
    If {
        condition: Condition,
        then: Vec<Action>,
        otherwise: Vec<Action>,
        place: String,
    },
    /// Gives variables values.
    Set {
        values: Vec<(u16, Template)>,
        place: String,
    },
    /// Adds a value to a metric of the scenario's own.
    Metric {
        name: String,
        kind: MetricKind,
        value: Template,
        place: String,
    },
    /// Waits.
    Pause(ThinkTime),
}

/// One request, what its answer has to be, and what is kept of it.
pub(super) struct Step {
    /// How the step is called when something about it fails.
    pub(super) place: String,
    pub(super) request: StepRequest,
    pub(super) checks: Checks,
    pub(super) captures: Vec<Capture>,
    pub(super) retry: Retry,
    /// How many redirects are followed in a row; `None` leaves it to the scenario.
    pub(super) redirects: Option<u8>,
}

/// How often a step that failed is tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Retry {
    pub(super) times: u32,
    pub(super) wait: Duration,
}

/// A request as the file says it.
pub(super) struct StepRequest {
    /// Everything that is the same each time; all of it, when nothing below is there.
    pub(super) base: Request,
    pub(super) path: Option<PathTemplate>,
    pub(super) headers: Vec<(String, Template)>,
    pub(super) body: Vec<Chunk>,
}

/// A path with values in it.
pub(super) struct PathTemplate {
    pub(super) template: Template,
    /// What comes behind it as a query, when it is open.
    pub(super) query: Template,
    /// Whether it may turn out to be a whole address, or a path without what stands before every path: it begins with a value.
    pub(super) is_open: bool,
}

/// A piece of a body.
pub(super) enum Chunk {
    Filled(Template),
    Bytes(Bytes),
}

/// What all users of a document share while they carry it out.
pub(super) struct Shared<'s> {
    /// By variable: its name.
    pub(super) variables: &'s [String],
}

/// Carries out actions in order; the first that fails ends it.
pub(super) async fn run(
    actions: &[Action],
    user: &mut User,
    values: &mut Values,
    shared: &Shared<'_>,
) -> Outcome {
    for action in actions {
        match action {
            Action::Request(step) => step.run(user, values, shared).await?,
            // A future that holds another of its own kind has no size.
            nested => run_nested(nested, user, values, shared).await?,
        }
    }
    Ok(())
}

type Nested<'n> = Pin<Box<dyn Future<Output = Outcome> + 'n>>;

fn run_nested<'n>(
    action: &'n Action,
    user: &'n mut User,
    values: &'n mut Values,
    shared: &'n Shared<'n>,
) -> Nested<'n> {
    Box::pin(async move {
        match action {
            Action::Request(step) => step.run(user, values, shared).await,
            Action::Group { name, actions } => {
                let group = user.client.group_id(name);
                let begun_ns = user.client.now_ns();
                let outcome = run(actions, user, values, shared).await;
                user.end_group(group, begun_ns, outcome.as_ref().err());
                outcome
            }
            Action::Repeat {
                times,
                actions,
                place,
            } => {
                if values.pretends {
                    return run(actions, user, values, shared).await;
                }
                let text = templated(times, user, values, place, shared)?;
                let Ok(times) = text.trim().parse::<u64>() else {
                    return Err(
                        user.fail(format!("{place}: the number of times is no whole number"))
                    );
                };
                for _ in 0..times {
                    run(actions, user, values, shared).await?;
                    user.breathe().await?;
                }
                Ok(())
            }
            Action::While {
                condition,
                most,
                actions,
                place,
            } => {
                if values.pretends {
                    return run(actions, user, values, shared).await;
                }
                for _ in 0..*most {
                    if !holds(condition, user, values, place, shared)? {
                        return Ok(());
                    }
                    run(actions, user, values, shared).await?;
                    user.breathe().await?;
                }
                match holds(condition, user, values, place, shared)? {
                    false => Ok(()),
                    true => Err(user.fail(format!("{place}: it still holds after {most} rounds"))),
                }
            }
            Action::If {
                condition,
                then,
                otherwise,
                place,
            } => {
                if values.pretends {
                    run(then, user, values, shared).await?;
                    return run(otherwise, user, values, shared).await;
                }
                let actions = match holds(condition, user, values, place, shared)? {
                    true => then,
                    false => otherwise,
                };
                run(actions, user, values, shared).await
            }
            Action::Set {
                values: templates,
                place,
            } => set(templates, user, values, place, shared),
            Action::Metric {
                name,
                kind,
                value,
                place,
            } => {
                let text = templated(value, user, values, place, shared)?;
                match values.pretends {
                    true => Ok(()),
                    false => measure(name, *kind, &text, user, place),
                }
            }
            Action::Pause(pause) => {
                if let Some(pause) = pause.draw(&mut user.rng)
                    && !user.sleep(pause).await
                {
                    return Err(Failure::stopped());
                }
                Ok(())
            }
        }
    })
}

fn holds(
    condition: &Condition,
    user: &mut User,
    values: &mut Values,
    place: &str,
    shared: &Shared<'_>,
) -> Result<bool, Failure> {
    let holds = condition.holds(&mut user.drawn(values));
    holds.map_err(|unfilled| user.unfilled(unfilled, place, shared))
}

/// Adds a value, as a text, to a metric.
fn measure(name: &str, kind: MetricKind, text: &str, user: &User, place: &str) -> Outcome {
    let number = text.trim().parse::<f64>().ok();
    let Some(number) = number.filter(|number| number.is_finite()) else {
        let fault = format!("{place}: the value of the metric {name:?} is no number");
        return Err(user.fail(fault));
    };
    let metric = user.client.metric_id(kind, name);
    user.client.record_metric(user.seat, metric, number);
    Ok(())
}

/// A template's text.
pub(super) fn templated(
    template: &Template,
    user: &mut User,
    values: &mut Values,
    place: &str,
    shared: &Shared<'_>,
) -> Result<String, Failure> {
    let mut text = String::new();
    let filled = template.fill(&mut user.drawn(values), &mut text);
    filled.map_err(|unfilled| user.unfilled(unfilled, place, shared))?;
    Ok(text)
}

/// Gives variables values, one after another.
pub(super) fn set(
    templates: &[(u16, Template)],
    user: &mut User,
    values: &mut Values,
    place: &str,
    shared: &Shared<'_>,
) -> Outcome {
    for (variable, template) in templates {
        let filled = values.set(*variable, |values, text| {
            template.fill(&mut user.drawn(values), text).map(|()| true)
        });
        filled.map_err(|unfilled| user.unfilled(unfilled, place, shared))?;
    }
    Ok(())
}

impl Step {
    async fn run(&self, user: &mut User, values: &mut Values, shared: &Shared<'_>) -> Outcome {
        let mut tries_left = self.retry.times;
        loop {
            let sent = user.sent;
            let outcome = self.try_once(user, values, shared).await;
            match outcome {
                // What failed before it was sent would fail again.
                Err(failure)
                    if failure.kind != ErrorKind::Stopped && tries_left > 0 && user.sent > sent =>
                {
                    tries_left -= 1;
                    if !self.retry.wait.is_zero() && !user.sleep(self.retry.wait).await {
                        return Err(Failure::stopped());
                    }
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_once(&self, user: &mut User, values: &mut Values, shared: &Shared<'_>) -> Outcome {
        let redirects = self.redirects.unwrap_or(user.defaults.redirects);
        let what = if self.request.is_fixed() {
            What::Built(&self.request.base)
        } else {
            self.request.build(user, values, &self.place, shared)?;
            What::Own
        };
        if values.pretends {
            user.exchange(what, &Accepted::Below400, 0).await?;
            self.pretend_captures(values, shared);
            return Ok(());
        }
        user.exchange(what, &self.checks.accepted, redirects)
            .await?;
        let mut fault = self.checks.fault(&user.response);
        if fault.is_none() {
            fault = self
                .checks
                .templated_fault(user, values, &self.place, shared)?;
        }
        if let Some(fault) = fault {
            return Err(user.fail_check(fault));
        }
        for capture in &self.captures {
            let response = &user.response;
            let jar = &user.jar;
            let found = values.set(capture.variable, |_, text| {
                capture.find(response, jar, text)
            });
            if let Err(fault) = found {
                return Err(user.fail_check(format!("{}: {fault}", self.place)));
            }
            if matches!(found, Ok(false)) {
                return Err(user.fail_check(format!("{}: {}", self.place, capture.nothing)));
            }
        }
        Ok(())
    }
}

impl Step {
    /// Gives every variable that would be captured its own name as a value.
    fn pretend_captures(&self, values: &mut Values, shared: &Shared<'_>) {
        for capture in &self.captures {
            let name = &shared.variables[usize::from(capture.variable)];
            let Ok(_) = values.set(capture.variable, |_, text| {
                text.extend(["<", name, ">"]);
                Ok::<_, Infallible>(true)
            });
        }
    }
}

impl StepRequest {
    /// Whether it is the same each time.
    pub(super) fn is_fixed(&self) -> bool {
        self.path.is_none() && self.headers.is_empty() && self.body.is_empty()
    }

    /// Builds it in the user's own buffer.
    fn build(
        &self,
        user: &mut User,
        values: &mut Values,
        place: &str,
        shared: &Shared<'_>,
    ) -> Outcome {
        let mut request = std::mem::replace(&mut user.request, Request::empty());
        let built = self.fill(&mut request, &mut user.drawn(values));
        user.request = request;
        let built = built.map_err(|unfilled| user.unfilled(unfilled, place, shared))?;
        built.map_err(|fault| user.fail(format!("{place}: {fault}")))?;
        if self.path.as_ref().is_some_and(|path| path.is_open) {
            if values.pretends && !user.request.path.starts_with('/') {
                // Where it leads shows only in an answer.
                user.request.path.insert(0, '/');
            }
            let User {
                request, defaults, ..
            } = &mut *user;
            if let Some((origin, path)) = place_among(&defaults.origins, &request.path) {
                (request.origin, request.path) = (origin, path);
            } else if request.path.starts_with('/') {
                request.origin = OriginId(0);
                request.path.insert_str(0, &defaults.base_path);
            } else {
                let fault =
                    "the value leads neither to a path nor to a host that the scenario names";
                return Err(user.fail(format!("{place}: {fault}")));
            }
        }
        Ok(())
    }

    fn fill(
        &self,
        request: &mut Request,
        drawn: &mut Drawn<'_>,
    ) -> Result<Result<(), String>, Unfilled> {
        request.copy_from_but_body(&self.base);
        if let Some(path) = &self.path {
            request.path.clear();
            path.template.fill(drawn, &mut request.path)?;
            if path.query.as_text() != Some("") {
                request.path.push(match request.path.contains('?') {
                    true => '&',
                    false => '?',
                });
                path.query.fill(drawn, &mut request.path)?;
            }
        }
        for (name, template) in &self.headers {
            let mut value = drawn.values.take_room();
            let filled = template.fill(drawn, &mut value);
            let pushed = request.headers.push(name, &value);
            drawn.values.give_room(value);
            filled?;
            if let Err(error) = pushed {
                return Ok(Err(error.to_string()));
            }
        }
        if self.body.is_empty() {
            request.body.clone_from(&self.base.body);
            return Ok(Ok(()));
        }
        let mut body = match std::mem::take(&mut request.body) {
            Body::Owned(bytes) => bytes,
            _ => Vec::new(),
        };
        body.clear();
        // Taken apart and put together again, so that texts can be appended: what is in it is text until a file's bytes come.
        for chunk in &self.body {
            match chunk {
                Chunk::Bytes(bytes) => body.extend_from_slice(bytes),
                Chunk::Filled(template) => {
                    let mut text = drawn.values.take_room();
                    let filled = template.fill(drawn, &mut text);
                    body.extend_from_slice(text.as_bytes());
                    drawn.values.give_room(text);
                    filled?;
                }
            }
        }
        request.body = Body::Owned(body);
        Ok(Ok(()))
    }
}

impl User {
    /// What templates draw on.
    pub(super) fn drawn<'u>(&'u mut self, values: &'u mut Values) -> Drawn<'u> {
        Drawn {
            client: &*self.client,
            seat: self.seat,
            user_id: self.id,
            rng: &mut self.rng,
            feeds: &self.defaults.feeds,
            rows: &mut self.held,
            values,
        }
    }

    /// Tells why a template could not be filled.
    pub(super) fn unfilled(&self, unfilled: Unfilled, place: &str, shared: &Shared<'_>) -> Failure {
        match unfilled {
            Unfilled::Unset(variable) => {
                let name = &shared.variables[usize::from(variable)];
                self.fail(format!("{place}: the variable `{name}` has no value"))
            }
            Unfilled::Row(fault) => {
                let failure = Failure::from(fault);
                if failure.kind != ErrorKind::Stopped {
                    self.client.note_failure(self.seat, &failure);
                }
                failure
            }
        }
    }

    /// Lets others run: a loop that waits for nothing would keep the worker from everything else. Fails when the user is to leave.
    async fn breathe(&mut self) -> Outcome {
        let mut waited = false;
        std::future::poll_fn(|cx| {
            if std::mem::replace(&mut waited, true) {
                return std::task::Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
        match self.client.is_leaving(self.seat) {
            true => Err(Failure::stopped()),
            false => Ok(()),
        }
    }
}
