//! The page of a run that goes on. Neighbours: the program feeds it from the engine and gives it a way to steer, `hub.rs` knows the
//! run, `server.rs` is the thread. Invariants: whoever feeds it never waits, whatever viewers do; what would wait too long is counted
//! and told; without `end` the viewers' sockets just close, which means to them that the run was lost.

use crate::{
    access::Access,
    assets,
    door::{Door, random_hex},
    hub::Hub,
    message::Mode,
    reply::{Refusal, json, json_of},
    server,
    viewer::{MAX_VIEWERS, attend},
};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Query, Request, State, WebSocketUpgrade},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use loadforge_analysis::{Event, Order, RunInfo, RunSummary, Snapshot};
use serde::Deserialize;
use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::{
    sync::{
        Semaphore,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    time::timeout,
};

/// Seconds that may wait for the page's thread: as many as may wait for the disk.
const SECONDS_WAITING: usize = 60;

/// How long viewers may take to hear the end.
const FLUSH: Duration = Duration::from_millis(500);

/// How long the end of the page's thread is waited for, beyond that.
const LEAVE: Duration = Duration::from_secs(2);

/// The longest order, in bytes.
const MAX_ORDER: usize = 4 * 1024;

/// Carries an order out, or says why not. It may take some milliseconds.
pub type Steer = Box<dyn Fn(Order) -> Result<Event, String> + Send + Sync>;

/// How a run's page is served.
#[derive(Debug)]
pub struct LiveSettings {
    /// Where.
    pub door: Door,
    /// The CPU that the page's thread is kept to, if to any.
    pub cpu: Option<u32>,
    /// Whether the page stays when the run is over, until it is dropped.
    pub keep: bool,
}

/// The page of a run, being served. Dropped, it closes every socket at once.
#[derive(Debug)]
pub struct LivePage {
    url: String,
    feed: Option<UnboundedSender<Fed>>,
    /// Seconds that wait for the page's thread.
    waiting: Arc<AtomicUsize>,
    /// Seconds that found no room since the last one that did.
    missed: AtomicU64,
    thread: Option<JoinHandle<()>>,
}

/// What the page's thread is given.
#[derive(Debug)]
enum Fed {
    Second {
        snapshot: Arc<Snapshot>,
        missed: u64,
    },
    End(Box<Ending>),
}

#[derive(Debug)]
struct Ending {
    summary: RunSummary,
    report: Option<String>,
    told: SyncSender<()>,
}

impl LivePage {
    /// Serves the page of this run on a thread of its own; only to be called after the last fork.
    ///
    /// # Errors
    /// When there is no thread or no descriptor left, or the system has no random numbers.
    pub fn start(
        settings: LiveSettings,
        info: RunInfo,
        results_dir: Option<PathBuf>,
        steer: Steer,
    ) -> io::Result<LivePage> {
        let LiveSettings { door, cpu, keep } = settings;
        let results_dir = results_dir.map(|dir| dir.display().to_string());
        let hub = Arc::new(Hub::new(random_hex::<8>()?, info, results_dir));
        let places = Arc::new(Semaphore::new(MAX_VIEWERS));
        let live = Live {
            hub: Arc::clone(&hub),
            access: Arc::new(Access::of(&door)),
            steer: steer.into(),
            places: Arc::clone(&places),
        };
        let (feed, fed) = unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let work = take(fed, Arc::clone(&waiting), hub, places, keep);
        let url = door.url();
        let thread = server::serve(door.listener, router(live), cpu, work)?;
        Ok(LivePage {
            url,
            feed: Some(feed),
            waiting,
            missed: AtomicU64::new(0),
            thread: Some(thread),
        })
    }

    /// The page's address with the token, for the person who started the run and nobody else.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Shows the next second. Never waits: where the page's thread is too far behind, the second is left out and counted.
    pub fn add(&self, snapshot: Arc<Snapshot>) {
        // Relaxed, here and where it is taken: a bound, and nothing else is read by it.
        if self.waiting.load(Ordering::Relaxed) >= SECONDS_WAITING {
            self.missed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let missed = self.missed.swap(0, Ordering::Relaxed);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.feed(Fed::Second { snapshot, missed });
    }

    /// Shows the run's end and its final figures, and tells every viewer; waits for slow ones half a second at most. Then the page
    /// is no longer served, unless it is to be kept.
    pub fn end(&self, summary: &RunSummary, report: Option<PathBuf>) {
        let (told, heard): (_, Receiver<()>) = sync_channel(1);
        self.feed(Fed::End(Box::new(Ending {
            summary: summary.clone(),
            report: report.map(|path| path.display().to_string()),
            told,
        })));
        // A thread that does not answer is no reason to keep a run from ending.
        let _ = heard.recv_timeout(FLUSH + LEAVE);
    }

    fn feed(&self, fed: Fed) {
        if let Some(feed) = &self.feed {
            // A server that has gone away is nobody's loss.
            let _ = feed.send(fed);
        }
    }
}

impl Drop for LivePage {
    fn drop(&mut self) {
        self.feed = None;
        if let Some(thread) = self.thread.take() {
            // It ends with the feed; whatever panicked in it has been printed.
            let _ = thread.join();
        }
    }
}

/// Takes what is fed until the run is over, or until nobody feeds any more.
async fn take(
    mut fed: UnboundedReceiver<Fed>,
    waiting: Arc<AtomicUsize>,
    hub: Arc<Hub>,
    places: Arc<Semaphore>,
    keep: bool,
) {
    while let Some(next) = fed.recv().await {
        match next {
            Fed::Second { snapshot, missed } => {
                waiting.fetch_sub(1, Ordering::Relaxed);
                hub.add(&snapshot, missed);
                // Viewers before the next second, should several wait.
                tokio::task::yield_now().await;
            }
            Fed::End(ending) => {
                hub.finish(ending.summary, ending.report);
                // All places are free when the last viewer has gone.
                let _ = timeout(FLUSH, places.acquire_many(MAX_VIEWERS as u32)).await;
                let _ = ending.told.send(());
                if !keep {
                    return;
                }
            }
        }
    }
}

/// What requests are answered from.
#[derive(Clone)]
struct Live {
    hub: Arc<Hub>,
    access: Arc<Access>,
    steer: Arc<dyn Fn(Order) -> Result<Event, String> + Send + Sync>,
    /// One for each viewer that may come.
    places: Arc<Semaphore>,
}

fn router(live: Live) -> Router {
    let guarded = Router::new()
        .route("/api/run", get(about))
        .route("/api/snapshots", get(seconds))
        .route("/metrics", get(metrics))
        .route("/ws", get(watch))
        .route_layer(middleware::from_fn_with_state(live.clone(), viewers_alone));
    let steering = post(give_order).layer(DefaultBodyLimit::max(MAX_ORDER));
    Router::new()
        .merge(assets::router())
        .route("/api/mode", get(mode))
        .route("/api/steer", steering)
        .merge(guarded)
        .fallback(|| async { Refusal::nothing_here() })
        .layer(middleware::from_fn_with_state(live.clone(), own_site_alone))
        .with_state(live)
}

/// Lets in what was sent to a name of ours, and not by a page of another site.
async fn own_site_alone(State(live): State<Live>, request: Request, next: Next) -> Response {
    let allowed = live.access.check_host(request.headers()).and_then(|()| {
        // A page of another site may send a plain GET and not read the answer; a WebSocket it could read.
        match request.uri().path() != "/ws" && request.method().is_safe() {
            true => Ok(()),
            false => live.access.check_origin(request.headers()),
        }
    });
    match allowed {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Lets in who may view.
async fn viewers_alone(
    State(live): State<Live>,
    Query(asked): Query<Asked>,
    request: Request,
    next: Next,
) -> Response {
    // A WebSocket of a browser has no head of its own to put the token in.
    let in_query = asked.token.filter(|_| request.uri().path() == "/ws");
    if live.access.needs_token
        && let Err(refusal) = live
            .access
            .check_token(request.headers(), in_query.as_deref())
    {
        return refusal.into_response();
    }
    next.run(request).await
}

/// The query of `/api/snapshots` and `/ws`.
#[derive(Deserialize)]
struct Asked {
    /// The end of the last second that the page has.
    #[serde(default)]
    since: Option<f64>,
    #[serde(default)]
    token: Option<String>,
}

impl Asked {
    fn since_s(&self) -> f64 {
        self.since.unwrap_or(f64::NEG_INFINITY)
    }
}

async fn mode(State(live): State<Live>, headers: HeaderMap) -> Response {
    let can_steer = live.access.has_token(&headers, None) && !live.hub.is_over();
    json_of(&Mode::new("live", can_steer, live.access.needs_token))
}

async fn about(State(live): State<Live>, headers: HeaderMap) -> Response {
    json(live.hub.about(live.access.has_token(&headers, None)))
}

async fn seconds(State(live): State<Live>, Query(asked): Query<Asked>) -> Response {
    json(live.hub.seconds(asked.since_s()))
}

async fn metrics(State(live): State<Live>) -> Response {
    let head = [
        (
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (head, live.hub.metrics()).into_response()
}

async fn watch(
    State(live): State<Live>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Ok(place) = live.places.try_acquire_owned() else {
        return Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{MAX_VIEWERS} viewers are here already, which is as many as there may be"),
            "wait until one has gone, or look over somebody's shoulder",
        )
        .into_response();
    };
    let can_steer = live.access.has_token(&headers, asked.token.as_deref());
    let since_s = asked.since_s();
    upgrade
        .max_message_size(MAX_ORDER)
        .on_upgrade(move |socket| attend(socket, live.hub, since_s, can_steer, place))
}

async fn give_order(State(live): State<Live>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refusal) = live.access.check_token(&headers, None) {
        return refusal.into_response();
    }
    let order = match read_order(&body) {
        Ok(order) => order,
        Err(refusal) => return refusal.into_response(),
    };
    if live.hub.is_over() {
        return refused("the run is over").into_response();
    }
    let steer = Arc::clone(&live.steer);
    let given = order.clone();
    let answered = tokio::task::spawn_blocking(move || steer(given)).await;
    match answered {
        Ok(Ok(event)) => {
            live.hub.steered(&order, &event);
            json_of(&serde_json::json!({ "event": event }))
        }
        Ok(Err(why)) => refused(&why).into_response(),
        Err(_) => refused("the run did not answer").into_response(),
    }
}

fn refused(why: &str) -> Refusal {
    Refusal::new(
        StatusCode::CONFLICT,
        why,
        "nothing was changed; the page shows what the run is held to",
    )
}

fn read_order(body: &[u8]) -> Result<Order, Refusal> {
    let no_order = |why: String| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            why,
            "send {\"action\":\"users\",\"value\":50}; docs/live-page.md lists all actions",
        )
    };
    let order: Order = serde_json::from_slice(body)
        .map_err(|error| no_order(format!("this is not an order: {error}")))?;
    match order.check() {
        Ok(()) => Ok(order),
        Err(fault) => Err(no_order(fault.to_string())),
    }
}
