//! What tests need again and again: a target that behaves, a task of one GET, a scenario file, a counter, patience.
//! Neighbours: `stage.rs` runs what is made of them.

use super::stage::{Act, act};
use loadforge_echo::{DelayLaw, EchoConfig, EchoHandle, EchoServer};
use loadforge_scenarios::{
    DocumentScenario, User,
    document::{Document, parse},
};
use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Past this a test is hung, not slow.
pub const HUNG: Duration = Duration::from_secs(60);

/// The echo target, answering at once.
pub fn echo() -> EchoHandle {
    echo_after(Duration::ZERO)
}

/// The echo target, holding every answer back for so long.
pub fn echo_after(delay: Duration) -> EchoHandle {
    EchoServer::bind(&EchoConfig {
        delay: DelayLaw::Fixed(delay),
        ..EchoConfig::default()
    })
    .and_then(EchoServer::spawn)
    .expect("the target starts")
}

/// A task of one GET.
pub fn get(path: &'static str) -> Act {
    act(async move |user: &mut User| user.get(path).send().await.map(|_| ()))
}

/// A scenario file whose plain paths lead to this address.
pub fn document(address: SocketAddr, text: &str) -> Arc<DocumentScenario> {
    let text = format!("name = \"test\"\nbase_url = \"http://{address}\"\n{text}");
    let Document { scenario, .. } =
        parse("test.toml", &text, &|_| None, Path::new("")).unwrap_or_else(|bad| panic!("{bad}"));
    Arc::new(scenario)
}

/// A counter for closures.
pub fn counter() -> (Arc<AtomicU64>, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    (Arc::clone(&count), count)
}

/// Counts on; what the count was before.
pub fn add_one(count: &AtomicU64) -> u64 {
    count.fetch_add(1, Ordering::Relaxed)
}

/// What it has come to.
pub fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// Waits until something has come about.
pub fn eventually(what: &str, mut come: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !come() {
        assert!(begun.elapsed() < HUNG, "{what} never came");
        thread::sleep(Duration::from_millis(2));
    }
}
