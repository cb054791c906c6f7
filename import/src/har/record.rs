//! The parts of a HAR file that a scenario needs (HAR 1.2), read tolerantly: what is missing or null is nothing, what is of
//! another kind is an error with its key. The `har` crate demands fields that Firefox, Safari and proxies leave out.
//! Neighbours: `mod.rs` makes requests of it. Invariant: answers' bodies are skipped, never held.

use crate::{ImportError, document};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct File {
    pub(super) log: Option<Log>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Log {
    pub(super) pages: Option<Vec<Page>>,
    pub(super) entries: Option<Vec<Entry>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) id: Option<String>,
    pub(super) title: Option<String>,
    pub(super) comment: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) pageref: Option<String>,
    pub(super) started_date_time: Option<String>,
    /// Milliseconds.
    pub(super) time: Option<f64>,
    pub(super) request: Option<Request>,
    pub(super) response: Option<Response>,
    /// Chrome's word for what asked.
    #[serde(rename = "_resourceType")]
    pub(super) resource_type: Option<String>,
    pub(super) comment: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    pub(super) method: Option<String>,
    pub(super) url: Option<String>,
    pub(super) headers: Option<Vec<Pair>>,
    pub(super) post_data: Option<PostData>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostData {
    pub(super) mime_type: Option<String>,
    pub(super) text: Option<String>,
    pub(super) encoding: Option<String>,
    pub(super) params: Option<Vec<Param>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pair {
    pub(super) name: Option<String>,
    pub(super) value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Param {
    pub(super) name: Option<String>,
    pub(super) value: Option<String>,
    pub(super) file_name: Option<String>,
    pub(super) content_type: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Response {
    /// 0 or -1 where no answer came.
    pub(super) status: Option<f64>,
    pub(super) content: Option<Content>,
    #[serde(rename = "redirectURL")]
    pub(super) redirect_url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Content {
    pub(super) mime_type: Option<String>,
}

/// Reads a file.
///
/// # Errors
/// When it is no JSON, or no HAR: with the place and the key.
pub(super) fn parse(text: &str) -> Result<Log, ImportError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let file: File = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let key = match error.path().to_string() {
            path if path == "." => String::new(),
            // Where the text ends in the middle, the library does not know the field.
            path => path.trim_end_matches(".?").to_owned(),
        };
        document::json_error(error.inner()).key(key)
    })?;
    reader.end().map_err(|error| document::json_error(&error))?;
    file.log.ok_or_else(|| {
        ImportError::new(
            "this is no HAR recording: it has no `log`",
            "export it in the browser's network panel: \"Save all as HAR\"",
        )
        .at(1, 1)
        .key("log")
    })
}
