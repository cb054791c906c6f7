//! Puts a draft in order: noise out, secrets out, one base address, common headers on top, names of their own.
//! Neighbours: `hide.rs` hides secrets, `write.rs` writes what comes out. Invariant: what comes out is taken by the reader of
//! scenario files, and whatever was dropped for that is noted.

use crate::{
    ImportError, Imported, Options,
    address::shape_behind,
    body::{self, media_type},
    hide::hide_secrets,
    model::{Body, Draft, Part, Request},
    naming::{folder_name, line_name, request_name},
    notes::Notes,
    secrets::Secrets,
    value::is_plain_key,
    words::{Piece, Text},
    write,
};
use loadforge_scenarios::HeaderList;
use std::collections::{HashMap, HashSet};

/// The largest scenario file that is read again.
const MOST_FILE_BYTES: usize = 4 << 20;

/// Headers that say nothing about the scenario: the connection's own, or a browser's view of the page.
const NOISE: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "dnt",
    "expect",
    "if-modified-since",
    "if-none-match",
    "keep-alive",
    "priority",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
];

/// What a file is made of.
pub(crate) struct Settled {
    pub(crate) draft: Draft,
    pub(crate) base_url: Text,
    /// Headers of every request.
    pub(crate) headers: Vec<(String, Text)>,
}

/// Checks what the caller wants.
///
/// # Errors
/// When a name cannot be a folder, or an address is none.
pub(crate) fn check(options: &Options) -> Result<(), ImportError> {
    if let Some(name) = &options.name {
        let good = name.len() <= 100
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !good {
            let remedy = format!(
                "use letters, digits, -, _ and ., such as {}",
                folder_name(name)
            );
            return Err(ImportError::new(
                format!("the name names a folder: {name:?} cannot"),
                remedy,
            )
            .key("--name"));
        }
    }
    if let Some(base) = &options.base_url {
        let good = (base.starts_with("http://") || base.starts_with("https://"))
            && !base.contains(['?', '#', '@'])
            && url::Url::parse(base).is_ok_and(|url| url.has_host())
            && !base.chars().any(|c| c.is_control() || c.is_whitespace());
        if !good {
            return Err(ImportError::new(
                format!("{base:?} is no address that requests could go to"),
                "write it like http://127.0.0.1:8080, with a path or without",
            )
            .key("--base-url"));
        }
    }
    Ok(())
}

/// Makes the file.
///
/// # Errors
/// When no request is left.
pub(crate) fn settle(mut draft: Draft, options: &Options) -> Result<Imported, ImportError> {
    draft.groups.retain(|group| !group.requests.is_empty());
    let requests = draft.groups.iter().map(|group| group.requests.len()).sum();
    if requests == 0 {
        let mut message = "there is no request in it that can be imported".to_owned();
        for note in draft.notes.into_lines().iter().take(3) {
            message.push_str(&format!(" ({note})"));
        }
        return Err(
            ImportError::new(message, "name another file, or see what was left out").at(1, 1),
        );
    }
    for request in draft
        .groups
        .iter_mut()
        .flat_map(|group| &mut group.requests)
    {
        drop_noise(request, &mut draft.notes);
    }
    hide_secrets(&mut draft);
    for request in draft
        .groups
        .iter_mut()
        .flat_map(|group| &mut group.requests)
    {
        check_headers(request, &mut draft.notes);
        settle_body(request, &mut draft.notes);
        name_request(request);
    }
    name_groups(&mut draft);
    let base_url = settle_bases(&mut draft, options);
    let headers = hoist_headers(&mut draft);
    draft.name = match &options.name {
        Some(name) => name.clone(),
        None => folder_name(&draft.name),
    };
    finish(
        Settled {
            draft,
            base_url,
            headers,
        },
        requests,
    )
}

fn finish(mut settled: Settled, requests: usize) -> Result<Imported, ImportError> {
    let tasks = write::tasks(&settled);
    let head = write::head(&settled);
    let used: HashSet<&str> = [&head, &tasks]
        .into_iter()
        .flat_map(|text| text.split("${").skip(1))
        .filter_map(|rest| rest.split('}').next())
        .collect();
    let secrets = std::mem::take(&mut settled.draft.secrets);
    let sweeper = secrets.sweeper();
    let environment = secrets.into_variables(|name| used.contains(name));
    let toml = format!("{}{head}{tasks}", write::preamble(&environment));
    let mut notes = settled.draft.notes;
    for variable in &environment {
        notes.about(
            "set these environment variables before a run",
            &variable.name,
            "the file says what each holds",
        );
    }
    if toml.len() > MOST_FILE_BYTES {
        notes.add("the file is larger than 4 MiB, and such files are not read: import fewer requests, or take bodies out into files");
    }
    Ok(Imported {
        toml,
        notes: notes
            .into_lines()
            .iter()
            .map(|note| sweeper.blank(note))
            .collect(),
        stand_ins: environment
            .iter()
            .map(|variable| (variable.name.clone(), variable.stand_in.clone()))
            .collect(),
        environment,
        requests,
    })
}

fn drop_noise(request: &mut Request, notes: &mut Notes) {
    let base = request.base.clone();
    request.headers.retain(|(name, value)| {
        let lower = name.to_ascii_lowercase();
        let own_host =
            lower == "host" && base.shown().split("://").nth(1) == Some(value.shown().as_str());
        let noise = lower.starts_with(':')
            || lower.starts_with("sec-")
            || NOISE.contains(&lower.as_str())
            || own_host;
        if noise && !own_host && !lower.starts_with(':') {
            let remedy = "write them back into [headers] if the server looks at them";
            notes.about(
                "headers of the browser or of its connection were left out",
                &lower,
                remedy,
            );
        }
        !noise
    });
}

/// Drops headers that cannot be sent, and all but the first of a name.
fn check_headers(request: &mut Request, notes: &mut Notes) {
    let mut seen = HashSet::new();
    request.headers.retain(|(name, value)| {
        let sendable = HeaderList::default().push(name, &value.shown()).is_ok();
        if !sendable {
            notes.about(
                "headers that cannot be sent were left out",
                name,
                "a name is letters, digits and -, a value one line",
            );
            return false;
        }
        let first = seen.insert(name.to_ascii_lowercase());
        if !first {
            notes.about(
                "headers that were given twice were left out but for the first",
                name,
                "",
            );
        }
        first
    });
    for (name, value) in &mut request.headers {
        *name = name.to_ascii_lowercase();
        *value = value.trim();
    }
}

/// Puts a body into the shape that a file can hold, and drops a content type that follows from it.
fn settle_body(request: &mut Request, notes: &mut Notes) {
    if let Body::Json(value) = &request.body
        && !value.is_plain()
    {
        request.body = Body::Text(value.json());
        request.default_header("content-type", "application/json".into());
    }
    let length = match &request.body {
        Body::Text(text) => text.written().len(),
        Body::Json(value) => value.json().written().len(),
        Body::Form(pairs) => pairs
            .iter()
            .map(|(name, value)| name.len() + value.written().len())
            .sum(),
        _ => 0,
    };
    if length > body::MOST_BYTES {
        request.body = Body::LeftOut(body::TOO_LONG.into());
    }
    if let Body::LeftOut(reason) = &request.body {
        let remedy = "save each to a file and name it with body_file";
        notes.about(
            &format!(
                "bodies were left out ({})",
                reason.split(':').next().unwrap_or_default()
            ),
            &request.path.shown(),
            remedy,
        );
    }
    check_files(request, notes);
    let own = match &request.body {
        Body::Json(_) => "application/json",
        Body::Form(_) => "application/x-www-form-urlencoded",
        Body::Multipart(_) => "multipart/form-data",
        _ => return,
    };
    let is_multipart = matches!(request.body, Body::Multipart(_));
    request.headers.retain(|(name, value)| {
        let follows = name == "content-type"
            && value.as_literal().is_some_and(|value| {
                // The boundary of a multipart body is made anew.
                if is_multipart {
                    media_type(value) == own
                } else {
                    value.eq_ignore_ascii_case(own)
                }
            });
        !follows
    });
}

/// Drops files and parts whose names a file cannot hold; parts of one name go side by side.
fn check_files(request: &mut Request, notes: &mut Notes) {
    const ODD: &str = "parts and files whose names hold braces or control characters were left out";
    let is_good = |name: &str| is_plain_key(name) && !name.contains(char::is_control);
    match &mut request.body {
        Body::File(path) if !is_good(path) => {
            notes.about(ODD, path, "");
            request.body = Body::LeftOut("the file's name cannot stand in a scenario".into());
        }
        Body::Multipart(parts) => {
            let mut order: HashMap<String, usize> = HashMap::new();
            parts.retain_mut(|(name, part)| {
                let mut good = is_good(name);
                if let Part::File(file) = part {
                    good &= is_good(&file.path);
                    file.media_type.take_if(|word| !is_good(word));
                    file.name.take_if(|word| !is_good(word));
                }
                if good {
                    let next = order.len();
                    order.entry(name.clone()).or_insert(next);
                } else {
                    notes.about(ODD, name, "");
                }
                good
            });
            parts.sort_by_key(|(name, _)| order[name]);
            if parts.is_empty() {
                request.body = Body::Empty;
            }
        }
        _ => {}
    }
}

fn name_request(request: &mut Request) {
    let name = line_name(&request.name);
    request.name = name.unwrap_or_else(|| {
        let mut name = request_name(request.method, &request.path.shown());
        if let Some(operation) = body::operation_name(&request.body) {
            name = format!("{name} {operation}");
        }
        line_name(&name).expect("a method stands in front")
    });
}

/// Gives each task a name of its own: those of groups, and those of single requests.
fn name_groups(draft: &mut Draft) {
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut unique = |name: &str| {
        let mut made = name.to_owned();
        loop {
            let count = taken.entry(name.to_owned()).or_default();
            *count += 1;
            if *count > 1 {
                made = format!("{name} ({count})");
            }
            if made == name || !taken.contains_key(&made) {
                taken.entry(made.clone()).or_insert(1);
                return made;
            }
        }
    };
    for group in &mut draft.groups {
        match group.name.as_deref().and_then(line_name) {
            Some(name) if group.requests.len() > 1 => group.name = Some(unique(&name)),
            _ => {
                group.name = None;
                for request in &mut group.requests {
                    request.name = unique(&request.name);
                }
            }
        }
    }
}

/// The base that most requests have becomes `base_url`; with an option it is replaced. Requests of that base keep an empty one.
fn settle_bases(draft: &mut Draft, options: &Options) -> Text {
    let mut counts: Vec<(Text, usize)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for request in draft.groups.iter().flat_map(|group| &group.requests) {
        let place = *places.entry(request.base.written()).or_insert_with(|| {
            counts.push((request.base.clone(), 0));
            counts.len() - 1
        });
        counts[place].1 += 1;
    }
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let (common, _) = counts
        .iter()
        .find(|(_, count)| *count == most)
        .cloned()
        .expect("there is at least one request");
    for (base, _) in &counts {
        shape_stand_ins(base, &mut draft.secrets);
    }
    for request in draft
        .groups
        .iter_mut()
        .flat_map(|group| &mut group.requests)
    {
        if request.base == common {
            request.base = Text::default();
        } else {
            draft.notes.about(
                "requests to other hosts are written with their whole address",
                &request.base.shown(),
                "remove those that are not yours to load",
            );
        }
    }
    match &options.base_url {
        Some(base) => Text::literal(base.trim_end_matches('/')),
        None => common,
    }
}

/// Variables in an address stand for an address, a host or a port.
fn shape_stand_ins(base: &Text, secrets: &mut Secrets) {
    let mut before = "";
    for (index, piece) in base.pieces().iter().enumerate() {
        match piece {
            Piece::Literal(text) => before = text,
            Piece::Variable(name) if index == 0 => secrets.set_stand_in(name, "http://127.0.0.1"),
            Piece::Variable(name) => secrets.set_stand_in(name, shape_behind(before)),
            Piece::Template(_) => {}
        }
    }
}

/// Takes the headers that all requests have out of them: those of the most common value. The others keep theirs, which wins.
fn hoist_headers(draft: &mut Draft) -> Vec<(String, Text)> {
    let mut requests = 0;
    // Every value of a header, and how many requests have it, in the order in which they came.
    let mut order: Vec<String> = Vec::new();
    let mut values: HashMap<String, Vec<(Text, usize)>> = HashMap::new();
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    for request in draft.groups.iter().flat_map(|group| &group.requests) {
        requests += 1;
        for (name, value) in &request.headers {
            let known = values.entry(name.clone()).or_insert_with(|| {
                order.push(name.clone());
                Vec::new()
            });
            let place = *places
                .entry((name.clone(), value.written()))
                .or_insert_with(|| {
                    known.push((value.clone(), 0));
                    known.len() - 1
                });
            known[place].1 += 1;
        }
    }
    let mut common: Vec<(String, Text)> = Vec::new();
    for name in order {
        let known = &values[&name];
        let all: usize = known.iter().map(|(_, count)| count).sum();
        let most = known.iter().map(|(_, count)| *count).max().unwrap_or(0);
        let best = known.iter().find(|(_, count)| *count == most);
        if all == requests
            && most > 1
            && let Some((value, _)) = best
        {
            common.push((name, value.clone()));
        }
    }
    let lookup: HashMap<&str, &Text> = common
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    for request in draft
        .groups
        .iter_mut()
        .flat_map(|group| &mut group.requests)
    {
        request
            .headers
            .retain(|(name, value)| lookup.get(name.as_str()) != Some(&value));
    }
    common
}
