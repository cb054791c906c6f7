//! The page's own files, packed into the program. Neighbours: `dashboard/page` builds them into `page/dist`, which is committed; the
//! routers of `live.rs` and `saved.rs` serve them. Invariants: files are stored as they are sent, gzipped; a file under `assets/` has a
//! hash of its content in its name, so that a browser may keep it for good, and the page itself is never kept.

use crate::reply::Refusal;
use axum::{
    Router,
    body::Bytes,
    extract::Path,
    http::{HeaderName, header},
    response::{IntoResponse, Response},
    routing::get,
};
use rust_embed::{Embed, EmbeddedFile};
use std::borrow::Cow;

#[derive(Embed)]
#[folder = "page/dist"]
struct Dist;

/// What the page may load: from here alone, but for its icon, which stands in it.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The routes of the page and its files, for anybody: they say nothing of a run.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(page))
        .route("/assets/{*path}", get(asset))
        .route("/healthz", get(|| async { "ok" }))
}

async fn page() -> Response {
    match Dist::get("index.html.gz") {
        Some(file) => {
            let head = [
                (header::CACHE_CONTROL, "no-store"),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::REFERRER_POLICY, "no-referrer"),
            ];
            (head, packed(file, "text/html; charset=utf-8")).into_response()
        }
        None => Refusal::nothing_here().into_response(),
    }
}

async fn asset(Path(path): Path<String>) -> Response {
    match Dist::get(&format!("assets/{path}.gz")) {
        Some(file) => {
            let head = [(header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (head, packed(file, content_type(&path))).into_response()
        }
        None => Refusal::nothing_here().into_response(),
    }
}

fn packed(file: EmbeddedFile, content_type: &'static str) -> Response {
    let head: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_ENCODING, "gzip"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    // What is packed into the program is sent from where it lies.
    let bytes = match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    (head, bytes).into_response()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of the whole page as it crosses the network.
    const BUDGET: usize = 200 * 1024;

    #[test]
    fn every_file_is_gzipped_known_by_its_type_and_all_fit_the_budget() {
        let mut bytes = 0;
        for path in Dist::iter() {
            let file = Dist::get(&path).expect("it was listed");
            assert!(
                file.data.starts_with(&[0x1f, 0x8b]),
                "{path} is not gzipped"
            );
            bytes += file.data.len();
            let Some(asset) = path.strip_prefix("assets/") else {
                assert_eq!(path, "index.html.gz", "it is served nowhere");
                continue;
            };
            let name = asset.strip_suffix(".gz").expect("files end in .gz");
            assert_ne!(content_type(name), "application/octet-stream", "{name}");
        }
        assert!(Dist::get("index.html.gz").is_some());
        assert!(bytes <= BUDGET, "{bytes} bytes");
    }
}
