//! The page of runs that are over. Neighbours: the program reads directories and hands over what it read, `server.rs` is the thread.
//! Invariants: what cannot be read is listed with the reason and ends nothing; a name is looked up among those that the program
//! listed, never put into a path here; there is nothing to steer.

use crate::{
    access::Access,
    assets,
    door::Door,
    history::History,
    message::{Hello, LIVE_SCHEMA, Mode, State as RunState},
    reply::{Refusal, json, json_of},
    run_card::RunList,
    server,
};
use axum::{
    Router,
    extract::{Path, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use loadforge_analysis::{RunInfo, RunSummary, Steering};
use std::{io, sync::Arc, thread::JoinHandle};
use tokio::sync::oneshot;

/// A run that was read back.
#[derive(Debug)]
pub struct SavedRun {
    /// What was asked.
    pub info: RunInfo,
    /// Its figures.
    pub summary: RunSummary,
    /// Its seconds.
    pub history: History,
    /// Where it lies.
    pub results_dir: String,
}

/// Where runs come from. Each call looks at the disk anew, so that a run that came meanwhile is found.
pub struct SavedSource {
    /// All runs.
    pub list: Box<dyn Fn() -> RunList + Send + Sync>,
    /// One of them by its `id`; `None` when there is none of this name, or else why it cannot be read.
    #[allow(clippy::type_complexity)]
    pub open: Box<dyn Fn(&str) -> Option<Result<SavedRun, String>> + Send + Sync>,
}

/// The page of saved runs, being served until it is dropped.
#[derive(Debug)]
pub struct SavedPage {
    url: String,
    leave: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl SavedPage {
    /// Serves these runs on a thread of its own.
    ///
    /// # Errors
    /// When there is no thread or no descriptor left.
    pub fn start(door: Door, source: SavedSource) -> io::Result<SavedPage> {
        let access = Access::of(&door);
        let url = match access.needs_token {
            true => door.url(),
            false => door.open_url(),
        };
        let saved = Saved {
            access: Arc::new(access),
            source: Arc::new(source),
        };
        let (leave, left) = oneshot::channel();
        let work = async {
            let _ = left.await;
        };
        let thread = server::serve(door.listener, router(saved), None, work)?;
        Ok(SavedPage {
            url,
            leave: Some(leave),
            thread: Some(thread),
        })
    }

    /// The page's address; with the token where one is needed.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for SavedPage {
    fn drop(&mut self) {
        self.leave = None;
        if let Some(thread) = self.thread.take() {
            // It ends as it was told to; whatever panicked in it has been printed.
            let _ = thread.join();
        }
    }
}

#[derive(Clone)]
struct Saved {
    access: Arc<Access>,
    source: Arc<SavedSource>,
}

fn router(saved: Saved) -> Router {
    let guarded = Router::new()
        .route("/api/runs", get(list))
        .route("/api/runs/{id}", get(open))
        .route_layer(middleware::from_fn_with_state(saved.clone(), viewers_alone));
    Router::new()
        .merge(assets::router())
        .route("/api/mode", get(mode))
        .merge(guarded)
        .fallback(|| async { Refusal::nothing_here() })
        .layer(middleware::from_fn_with_state(
            saved.clone(),
            own_names_alone,
        ))
        .with_state(saved)
}

async fn own_names_alone(State(saved): State<Saved>, request: Request, next: Next) -> Response {
    match saved.access.check_host(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn viewers_alone(State(saved): State<Saved>, request: Request, next: Next) -> Response {
    if saved.access.needs_token
        && let Err(refusal) = saved.access.check_token(request.headers(), None)
    {
        return refusal.into_response();
    }
    next.run(request).await
}

async fn mode(State(saved): State<Saved>) -> Response {
    json_of(&Mode::new("saved", false, saved.access.needs_token))
}

async fn list(State(saved): State<Saved>) -> Response {
    let source = saved.source;
    // The disk may take its time; viewers' other requests do not wait for it.
    match tokio::task::spawn_blocking(move || (source.list)()).await {
        Ok(list) => json_of(&list),
        Err(_) => unreadable("the runs could not be read").into_response(),
    }
}

async fn open(State(saved): State<Saved>, Path(id): Path<String>) -> Response {
    let source = saved.source;
    let read = tokio::task::spawn_blocking(move || {
        let run = (source.open)(&id)?;
        Some(run.map(|run| hello(&id, &run)))
    });
    match read.await {
        Ok(Some(Ok(hello))) => json(hello),
        Ok(Some(Err(why))) => unreadable(&why).into_response(),
        Ok(None) => Refusal::new(
            StatusCode::NOT_FOUND,
            "there is no run of this name",
            "the list has all runs that there are",
        )
        .into_response(),
        Err(_) => unreadable("the run could not be read").into_response(),
    }
}

fn hello(id: &str, run: &SavedRun) -> String {
    let summary = RunSummary {
        events: Vec::new(),
        ..run.summary.clone()
    };
    let hello = Hello {
        kind: "hello",
        schema: LIVE_SCHEMA,
        run_id: id,
        state: RunState::Finished,
        now_s: summary.duration_s,
        can_steer: false,
        info: &run.info,
        summary: Some(&summary),
        steering: Steering::default(),
        results_dir: Some(&run.results_dir),
    };
    hello.with_seconds(&run.history.json_since(f64::NEG_INFINITY))
}

fn unreadable(why: &str) -> Refusal {
    Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        why,
        "look at the directory with `loadforge report`, which says what is wrong with it",
    )
}
