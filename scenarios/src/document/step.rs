//! A request of a file, with everything that belongs to it. Neighbours: `actions.rs` calls it for setup, tasks and teardown; `body.rs`,
//! `checks.rs` and `captures.rs` read their parts; `run.rs` carries it out. Invariant: a step that was read can be sent as it is.

use super::{
    body,
    body_file::BodyFiles,
    captures, checks, duration,
    reader::{Node, Table, Text, quoted},
    run::{PathTemplate, Retry, Step, StepRequest},
    values,
};
use crate::{
    FixedId, HeaderError, HeaderList, Method, NameId, Origin, OriginId, Request,
    address::{self, AddressFault},
    template::{Encoding, Names, Template},
};
use std::{convert::Infallible, time::Duration};
use toml::de::DeValue;

/// The keys of a request, its methods first.
pub(super) const KEYS: [&str; 20] = [
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
    "multipart",
    "check",
    "capture",
    "retry",
    "redirects",
    "timeout",
];

/// The keys that make a table a request.
pub(super) const METHODS: &[&str] = KEYS.split_at(7).0;

/// The most times that a step is tried again.
const MOST_RETRIES: u64 = 1_000;

/// What all steps of a file share and add to.
pub(super) struct Gathered {
    pub(super) origins: Vec<Origin>,
    pub(super) endpoints: Vec<String>,
    /// Whether any step so far has a check of more than the status, or a capture.
    pub(super) has_checks: bool,
    /// What stands before every plain path: the path of `base_url`.
    pub(super) base_path: String,
    /// Headers of every request that does not give its own.
    pub(super) headers: Headers,
    pub(super) body_files: BodyFiles,
    /// Variables and data files.
    pub(super) names: Names,
    /// Requests so far that are the same each time.
    pub(super) fixed: u32,
}

/// Headers as name and value, checked. One without a value is left out although the file gives it for all requests.
pub(super) type Headers = Vec<(String, Option<Template>)>;

/// Reads a request; `time_limit` holds unless it has its own.
pub(super) fn read(
    table: &Table<'_>,
    time_limit: Option<Duration>,
    gathered: &mut Gathered,
) -> Option<Step> {
    // Every part is read before the first `?`, so that all its problems are gathered.
    let line = read_request_line(table, gathered);
    let query = table.get("query").map(|node| {
        let example = "query = { page = 2 }";
        values::pairs(&node, example, &mut gathered.names, Encoding::Query)
    });
    let name = table.get("name").map(|node| read_name(&node));
    let headers = table
        .get("headers")
        .map(|node| read_headers(&node, &mut gathered.names));
    let body = body::read(table, gathered);
    let checks = table
        .get("check")
        .map(|node| (checks::read(&node, &mut gathered.names), node));
    let own_limit = table.get("timeout").map(|node| duration::read(&node));
    let retry = table.get("retry").map(|node| read_retry(&node));
    let redirects = table.get("redirects").map(|node| read_redirects(&node));
    // Before its own captures give values.
    refuse_valueless(table, headers.as_ref().and_then(Option::as_ref), gathered);
    let captures = table
        .get("capture")
        .map(|node| captures::read(&node, &mut gathered.names));

    let line = line?;
    let checks = match checks {
        None => checks::Checks::default(),
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
    let captures = captures.unwrap_or(Some(Vec::new()))?;
    gathered.has_checks |= checks.look_at_more_than_status() || !captures.is_empty();
    let body = body?;
    let name = name.unwrap_or(Some(line.endpoint))?;
    let query = query_template(query.unwrap_or(Some(Vec::new()))?);
    let (path, query) = with_query(line.path, line.is_open, query, &gathered.names);
    let mut request = Request {
        method: line.method,
        origin: line.origin,
        name: endpoint_id(name.clone(), &mut gathered.endpoints),
        body: body.body,
        time_limit_ns: own_limit
            .unwrap_or(time_limit)
            .map(|limit| limit.as_nanos() as u64),
        keep_head: checks.need_head() || captures.iter().any(captures::Capture::needs_head),
        keep_body: checks.need_body() || captures.iter().any(captures::Capture::needs_body),
        ..Request::new()
    };
    let headers = merge(
        headers.unwrap_or(Some(Vec::new()))?,
        &gathered.headers,
        body.content_type.as_deref(),
        &mut request.headers,
    );
    let path = match path.as_text() {
        Some(text) if !line.is_open => {
            text.clone_into(&mut request.path);
            None
        }
        _ => Some(PathTemplate {
            template: path,
            query,
            is_open: line.is_open,
        }),
    };
    let mut request = StepRequest {
        base: request,
        path,
        headers,
        body: body.chunks,
    };
    if request.is_fixed() {
        request.base.fixed = Some(FixedId(gathered.fixed));
        gathered.fixed += 1;
    }
    Some(Step {
        place: format!("step {name:?}"),
        request,
        checks,
        captures,
        retry: retry.unwrap_or(Some(Retry::default()))?,
        redirects: redirects.map_or(Some(None), |most| most.map(Some))?,
    })
}

/// A path and its query in one, and what of the query is left: all of it where only the first value says what the path is, since
/// only it says whether there is a query already.
fn with_query(
    mut path: Template,
    is_open: bool,
    query: Template,
    names: &Names,
) -> (Template, Template) {
    if is_open || query.as_text() == Some("") {
        return (path, query);
    }
    let has_one = path.outline(names).contains('?');
    let before = if has_one { "&" } else { "?" };
    path.append(Template::of_text(before.to_owned()));
    path.append(query);
    (path, Template::default())
}

/// Names and values as a query, without what stands before it.
fn query_template(query: Vec<(&str, Template)>) -> Template {
    let mut template = Template::default();
    for (index, (name, mut value)) in query.into_iter().enumerate() {
        let mut text = String::from(if index > 0 { "&" } else { "" });
        address::push_query_text(name, &mut text);
        text.push('=');
        template.append(Template::of_text(text));
        let encode = |text: &str| {
            let mut encoded = String::new();
            address::push_query_text(text, &mut encoded);
            Ok::<_, Infallible>(encoded)
        };
        let Ok(()) = value.map_texts(encode);
        template.append(value);
    }
    template
}

/// A header of all requests may need what no step before this one sets.
fn refuse_valueless(table: &Table<'_>, own: Option<&Headers>, gathered: &Gathered) {
    let Some(node) = METHODS.iter().find_map(|key| table.get(key)) else {
        return;
    };
    let names = &gathered.names;
    for (header, template) in &gathered.headers {
        let is_given = own.is_some_and(|own| {
            own.iter()
                .any(|(have, _)| have.eq_ignore_ascii_case(header))
        });
        let mut needed = template.iter().flat_map(Template::variables);
        if !is_given && let Some(variable) = needed.find(|variable| !names.has_value(*variable)) {
            let variable = &names.variables()[usize::from(variable)];
            node.problem(
                format!("the header {header} of all requests needs `{variable}`, which no step before this one sets"),
                format!("leave it out of this request: headers = {{ {header} = false }}"),
            );
        }
    }
}

/// `retry = 3`, or `retry = { times = 3, wait = "200ms" }`.
fn read_retry(node: &Node<'_>) -> Option<Retry> {
    const EXAMPLE: &str = "retry = { times = 3, wait = \"200ms\" }";
    let times = |node: &Node<'_>| node.whole_number(1..MOST_RETRIES + 1, EXAMPLE);
    if let DeValue::Integer(_) = node.value {
        return Some(Retry {
            times: times(node)? as u32,
            wait: Duration::ZERO,
        });
    }
    if let DeValue::String(_) = node.value {
        node.problem(
            format!("`retry` is a number, got {}", node.shown()),
            format!("write retry = 3, or {EXAMPLE}"),
        );
        return None;
    }
    let table = node.table(&["times", "wait"], EXAMPLE)?;
    table.missing(&["times"], "how often to try again is missing", EXAMPLE);
    let wait = match table.get("wait") {
        None => Duration::ZERO,
        Some(node) => duration::read(&node)?,
    };
    Some(Retry {
        times: times(&table.get("times")?)? as u32,
        wait,
    })
}

/// `redirects = false`, `true` or how many are followed in a row.
pub(super) fn read_redirects(node: &Node<'_>) -> Option<u8> {
    if let DeValue::Boolean(follows) = node.value {
        return Some(if *follows {
            crate::DEFAULT_REDIRECTS
        } else {
            0
        });
    }
    node.whole_number(0..101, "redirects = false, or redirects = 5")
        .map(|most| most as u8)
}

/// What the method's key says.
struct RequestLine {
    method: Method,
    origin: OriginId,
    /// What stands on the request line, the path of `base_url` included.
    path: Template,
    /// Whether only its first value says what it is: a path or a whole address.
    is_open: bool,
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
    let DeValue::String(written) = node.value else {
        node.wrong_type("a string", &format!("{} = \"/products\"", node.last_key()));
        return None;
    };
    let written: &str = written;
    let fault = |fault: AddressFault| node.problem(fault.to_string(), fault.remedy(written));
    // The environment is in neither name nor label.
    let outline = Template::parse(written, &mut gathered.names, Encoding::Path)
        .map_err(|fault| node.fault(fault))
        .ok()?
        .outline(&gathered.names);
    let endpoint = match outline.split('?').next() {
        Some(path) if !path.is_empty() => path.to_owned(),
        _ => "/".to_owned(),
    };
    let mut path = node.template("get = \"/products\"", &mut gathered.names, Encoding::Path)?;
    let line = |origin, path, is_open| RequestLine {
        method,
        origin,
        path,
        is_open,
        endpoint,
    };
    let Some(start) = path.leading_text().map(str::to_owned) else {
        // It begins with a value: what it is shows only when that is known.
        return Some(line(OriginId(0), path, true));
    };
    if address::is_absolute(&start) {
        let end = start.find("://").map_or(0, |at| at + 3);
        let path_at = start[end..].find(['/', '?', '#']).map(|at| end + at);
        let host = match path_at {
            Some(at) => &start[..at],
            None if path.as_text().is_some() => start.as_str(),
            None => {
                node.problem(
                    "a value stands in the host of an address",
                    "write the host out: all hosts are looked up before the run",
                );
                return None;
            }
        };
        let (origin, _) = address::split(host).map_err(fault).ok()?;
        let origin = origin_id(origin, &mut gathered.origins, &node)?;
        path.drop_start(host.len());
        if !path
            .leading_text()
            .is_some_and(|start| start.starts_with('/'))
        {
            let mut whole = Template::of_text("/".to_owned());
            whole.append(path);
            path = whole;
        }
        path.map_texts(address::request_path).map_err(fault).ok()?;
        return Some(line(origin, path, false));
    }
    if !start.starts_with('/') {
        node.problem(
            format!("a path begins with /, got {}", node.shown()),
            format!(
                "write {} = {}",
                node.last_key(),
                quoted(&format!("/{written}"))
            ),
        );
        return None;
    }
    let mut whole = Template::of_text(gathered.base_path.clone());
    whole.append(path);
    whole.map_texts(address::request_path).map_err(fault).ok()?;
    Some(line(OriginId(0), whole, false))
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

/// Headers of a scenario or a request. `name = false` leaves one out that all requests have.
pub(super) fn read_headers(node: &Node<'_>, names: &mut Names) -> Option<Headers> {
    const EXAMPLE: &str = "headers = { accept = \"text/html\" }";
    let mut headers: Headers = Vec::new();
    let mut good = true;
    for (name, value) in node.entries(EXAMPLE)? {
        let template = match value.value {
            DeValue::Boolean(false) => Some(None),
            _ => value
                .template(&format!("{name} = \"text\""), names, Encoding::Plain)
                .map(Some),
        };
        let Some(template) = template else {
            good = false;
            continue;
        };
        let fault =
            if ["content-length", "transfer-encoding"].contains(&name.to_lowercase().as_str()) {
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
                header_fault(name, template.as_ref())
            };
        match fault {
            Some((message, remedy)) => {
                value.problem(message, remedy);
                good = false;
            }
            None => headers.push((name.to_owned(), template)),
        }
    }
    good.then_some(headers)
}

fn header_fault(name: &str, value: Option<&Template>) -> Option<(String, &'static str)> {
    let text = value.and_then(Template::as_text).unwrap_or_default();
    match HeaderList::default().push(name, text) {
        Ok(()) => None,
        Err(HeaderError::Name(_)) => Some((
            format!("{} is not a header name", quoted(name)),
            "use letters, digits and -",
        )),
        Err(HeaderError::Value(_)) => Some((
            format!("the value of header {name} holds a line break or another control character"),
            "remove it",
        )),
    }
}

/// A request's headers: its own, then those of the file that it does not give itself, then what its body calls for. Those that are
/// the same each time go into `list`; the others are given back.
fn merge(
    own: Headers,
    defaults: &Headers,
    content_type: Option<&str>,
    list: &mut HeaderList,
) -> Vec<(String, Template)> {
    let content_type = content_type.map(|value| {
        let value = Some(Template::of_text(value.to_owned()));
        ("content-type".to_owned(), value)
    });
    let mut seen: Vec<String> = Vec::new();
    let mut templated = Vec::new();
    for (name, value) in own
        .into_iter()
        .chain(defaults.iter().cloned())
        .chain(content_type)
    {
        if seen.iter().any(|have| have.eq_ignore_ascii_case(&name)) {
            continue;
        }
        seen.push(name.clone());
        let Some(template) = value else { continue };
        match template.as_text() {
            Some(text) => list
                .push(&name, text)
                .expect("headers were checked when they were read"),
            None => templated.push((name, template)),
        }
    }
    templated
}
