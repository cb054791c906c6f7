//! A step: one request with everything that belongs to it. Neighbours: `mod.rs` calls it for setup, tasks and
//! teardown; `scenario.rs` carries the outcome out. Invariant: a step that was read can be sent as it is.

use super::{
    body_file::BodyFiles,
    checks::{self, Checks},
    duration,
    reader::{Node, Table, Text, quoted},
    scenario::Step,
    values,
};
use crate::{
    Body, FixedId, HeaderError, HeaderList, Method, NameId, Origin, OriginId, Request,
    address::{self, AddressFault},
};
use std::time::Duration;
use url::form_urlencoded;

/// The keys of a step, its methods first.
pub(super) const KEYS: [&str; 16] = [
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "head",
    "options",
    "name",
    "query",
    "headers",
    "body",
    "body_file",
    "json",
    "form",
    "check",
    "timeout",
];

/// The keys that make a table a request.
const METHODS: &[&str] = KEYS.split_at(7).0;

/// The keys that give a request a body.
const BODIES: &[&str] = &["body", "body_file", "json", "form"];

/// What all steps of a file share and add to.
pub(super) struct Gathered {
    pub(super) origins: Vec<Origin>,
    pub(super) endpoints: Vec<String>,
    /// What stands before every plain path: the path of `base_url`.
    pub(super) base_path: String,
    /// Headers of every request that does not give its own.
    pub(super) headers: Headers,
    pub(super) body_files: BodyFiles,
    pub(super) steps: u32,
}

/// Headers as name and value, checked.
pub(super) type Headers = Vec<(String, String)>;

/// Reads a step; `time_limit` holds unless it has its own.
pub(super) fn read(
    table: &Table<'_>,
    time_limit: Option<Duration>,
    gathered: &mut Gathered,
) -> Option<Step> {
    // Every part is read before the first `?`, so that all its problems are gathered.
    let line = read_request_line(table, gathered);
    let query = table
        .get("query")
        .map(|node| values::pairs(&node, "query = { page = 2 }"));
    let name = table.get("name").map(|node| read_name(&node));
    let headers = table.get("headers").map(|node| read_headers(&node));
    let body = read_body(table, &mut gathered.body_files);
    let checks = table.get("check").map(|node| (checks::read(&node), node));
    let own_limit = table.get("timeout").map(|node| duration::read(&node));

    let line = line?;
    let checks = match checks {
        None => Checks::default(),
        Some((checks, node)) => {
            let checks = checks?;
            if line.method == Method::Head && checks.need_body() {
                node.problem(
                    "the answer to HEAD has no body to check",
                    "check its status, or use get",
                );
            }
            checks
        }
    };
    let (body, content_type) = body?;
    let name = name.unwrap_or(Some(line.endpoint))?;
    let mut path = line.path;
    for (name, value) in query.unwrap_or(Some(Vec::new()))? {
        path.push(if path.contains('?') { '&' } else { '?' });
        address::push_query_text(name, &mut path);
        path.push('=');
        address::push_query_text(&value, &mut path);
    }
    let fixed = FixedId(gathered.steps);
    gathered.steps += 1;
    let request = Request {
        method: line.method,
        origin: line.origin,
        name: endpoint_id(name, &mut gathered.endpoints),
        path,
        headers: merge(
            &headers.unwrap_or(Some(Vec::new()))?,
            &gathered.headers,
            content_type,
        ),
        body,
        time_limit_ns: own_limit
            .unwrap_or(time_limit)
            .map(|limit| limit.as_nanos() as u64),
        keep_head: false,
        keep_body: checks.need_body(),
        fixed: Some(fixed),
    };
    Some(Step { request, checks })
}

/// What the method's key says.
struct RequestLine {
    method: Method,
    origin: OriginId,
    path: String,
    /// The path as it is written, without the query: the name of a request that has none.
    endpoint: String,
}

fn read_request_line(table: &Table<'_>, gathered: &mut Gathered) -> Option<RequestLine> {
    table.missing(
        METHODS,
        "a request needs a method and a path",
        "write it like get = \"/products\"",
    );
    let mut found = Method::ALL.into_iter().filter_map(|method| {
        let key = method.as_str().to_ascii_lowercase();
        table.get(&key).map(|node| (method, node))
    });
    let (method, node) = found.next()?;
    if let Some((_, second)) = found.next() {
        second.problem(
            format!(
                "a step is one request, and `{}` is its second",
                second.last_key()
            ),
            "give it a step of its own",
        );
        return None;
    }
    let text = node.text(&format!("{} = \"/products\"", node.last_key()))?;
    let endpoint = text.written.split('?').next().unwrap_or("/").to_owned();
    let fault = |fault: AddressFault| node.problem(fault.to_string(), fault.remedy(text.written));
    if address::is_absolute(&text.value) {
        let (origin, path) = address::split(&text.value).map_err(fault).ok()?;
        let origin = origin_id(origin, &mut gathered.origins, &node)?;
        return Some(RequestLine {
            method,
            origin,
            path,
            endpoint,
        });
    }
    if !text.value.starts_with('/') {
        node.problem(
            format!("a path begins with /, got {}", node.shown()),
            format!(
                "write {} = {}",
                node.last_key(),
                quoted(&format!("/{}", text.written))
            ),
        );
        return None;
    }
    let path = format!("{}{}", gathered.base_path, text.value);
    let path = address::request_path(&path).map_err(fault).ok()?;
    Some(RequestLine {
        method,
        origin: OriginId(0),
        path,
        endpoint,
    })
}

fn origin_id(origin: Origin, origins: &mut Vec<Origin>, node: &Node<'_>) -> Option<OriginId> {
    let at = origins
        .iter()
        .position(|have| *have == origin)
        .unwrap_or_else(|| {
            origins.push(origin);
            origins.len() - 1
        });
    let id = u16::try_from(at).ok();
    if id.is_none() {
        node.problem(
            "this is the 65,537th host of the file",
            "spread the hosts over several files",
        );
    }
    id.map(OriginId)
}

fn endpoint_id(name: String, endpoints: &mut Vec<String>) -> NameId {
    let at = endpoints
        .iter()
        .position(|have| *have == name)
        .unwrap_or_else(|| {
            endpoints.push(name);
            endpoints.len() - 1
        });
    NameId(at as u32)
}

/// A name as it will stand in tables and charts.
pub(super) fn read_name(node: &Node<'_>) -> Option<String> {
    let Text { written, value, .. } = node.public_text("a name", "name = \"product page\"")?;
    if value.trim().is_empty() || value.chars().any(char::is_control) {
        node.problem(
            format!("a name is a line of text, got {}", quoted(written)),
            "write it like name = \"product page\", or leave it out",
        );
        return None;
    }
    Some(value)
}

/// Headers of a scenario or a step.
pub(super) fn read_headers(node: &Node<'_>) -> Option<Headers> {
    const EXAMPLE: &str = "headers = { accept = \"text/html\" }";
    let mut headers: Headers = Vec::new();
    let mut good = true;
    for (name, value) in node.entries(EXAMPLE)? {
        let Some(text) = value.text(&format!("{name} = \"text\"")) else {
            good = false;
            continue;
        };
        let fault = if ["content-length", "transfer-encoding"]
            .contains(&name.to_lowercase().as_str())
        {
            Some((
                format!("loadforge writes the header {name} itself"),
                "remove it; it follows from the body",
            ))
        } else if headers
            .iter()
            .any(|(have, _)| have.eq_ignore_ascii_case(name))
        {
            Some((
                format!("the header {name} is given twice"),
                "keep one of them",
            ))
        } else {
            match HeaderList::default().push(name, &text.value) {
                Ok(()) => None,
                Err(HeaderError::Name(_)) => Some((
                    format!("{} is not a header name", quoted(name)),
                    "use letters, digits and -",
                )),
                Err(HeaderError::Value(_)) => Some((
                    format!(
                        "the value of header {name} holds a line break or another control character"
                    ),
                    "remove it",
                )),
            }
        };
        match fault {
            Some((message, remedy)) => {
                value.problem(message, remedy);
                good = false;
            }
            None => headers.push((name.to_owned(), text.value)),
        }
    }
    good.then_some(headers)
}

/// A request's headers: its own, then those of the file that it does not give itself, then what its body calls for.
fn merge(own: &Headers, defaults: &Headers, content_type: Option<&str>) -> HeaderList {
    let mut list = HeaderList::default();
    let content_type = content_type.map(|value| ("content-type", value));
    let own = own
        .iter()
        .chain(defaults)
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in own.chain(content_type) {
        if !list.contains(name) {
            list.push(name, value)
                .expect("headers were checked when they were read");
        }
    }
    list
}

/// A request's body, and the content type it has unless a header says otherwise.
fn read_body(table: &Table<'_>, files: &mut BodyFiles) -> Option<(Body, Option<&'static str>)> {
    let mut found = BODIES
        .iter()
        .filter_map(|key| table.get(key).map(|node| (*key, node)));
    let Some((key, node)) = found.next() else {
        return Some((Body::Empty, None));
    };
    if let Some((second_key, second)) = found.next() {
        second.problem(
            format!("a request has one body, and `{second_key}` is its second beside `{key}`"),
            "keep one of body, body_file, json and form",
        );
        return None;
    }
    let shared = |text: String| Body::Shared(text.into());
    match key {
        "body" => Some((shared(node.text("body = \"text\"")?.value), None)),
        "json" => Some((shared(values::json(&node)?), Some("application/json"))),
        "form" => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(values::pairs(&node, "form = { user = \"ann\" }")?);
            Some((
                shared(form.finish()),
                Some("application/x-www-form-urlencoded"),
            ))
        }
        _ => {
            let text = node.text("body_file = \"order.json\"")?;
            match files.bytes(&text.value) {
                Ok(bytes) => Some((Body::Shared(bytes), None)),
                Err(error) => {
                    node.problem(
                        format!("the file {} cannot be used: {error}", quoted(text.written)),
                        "name a file that can be read, relative to the scenario file",
                    );
                    None
                }
            }
        }
    }
}
