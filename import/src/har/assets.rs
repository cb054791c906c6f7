//! What a page loads to look good, and what is no request at all. Neighbours: `mod.rs` leaves it out unless asked.
//! Invariant: what a script or a person asked for is never an asset.

use super::record::Entry;

/// Endings of paths of assets.
const ENDINGS: &[&str] = &[
    "css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico", "bmp",
    "woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4", "webm", "ogg", "wav", "m4a", "mov", "m3u8",
    "ts", "wasm",
];

/// Whether an entry is a picture, a style, a script, a font or media.
pub(super) fn is_asset(entry: &Entry, method: &str, path: &str) -> bool {
    if !["GET", "HEAD"].contains(&method) {
        return false;
    }
    match entry.resource_type.as_deref() {
        Some("image" | "stylesheet" | "script" | "font" | "media" | "texttrack" | "manifest") => {
            return true;
        }
        Some("document" | "xhr" | "fetch" | "eventsource" | "preflight") => return false,
        _ => {}
    }
    let mime = entry
        .response
        .as_ref()
        .and_then(|response| response.content.as_ref()?.mime_type.as_deref())
        .map(crate::body::media_type)
        .unwrap_or_default();
    let by_type = ["image/", "font/", "audio/", "video/"]
        .iter()
        .any(|kind| mime.starts_with(kind))
        || mime.contains("javascript")
        || mime.contains("font")
        || mime == "text/css"
        || mime == "application/wasm";
    if by_type {
        return true;
    }
    // Pages and data can have odd names; an ending counts only where the type says nothing.
    let unknown = mime.is_empty() || mime == "x-unknown" || mime == "application/octet-stream";
    let ending = path
        .rsplit('/')
        .next()
        .and_then(|file| file.rsplit_once('.'));
    unknown
        && ending.is_some_and(|(_, ending)| ENDINGS.contains(&ending.to_ascii_lowercase().as_str()))
}

/// Whether an entry is a WebSocket, which scenarios do not have.
pub(super) fn is_socket(entry: &Entry, url: &str) -> bool {
    entry.resource_type.as_deref() == Some("websocket")
        || url.starts_with("ws://")
        || url.starts_with("wss://")
}
